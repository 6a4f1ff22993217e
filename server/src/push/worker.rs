//! Carries due pushes into the push folder: `push/<device>/<log seq>.json` holds exactly what a provider would carry.
//!
//! Invariants: access was asked again when the row was claimed. The file is named by device and log seq, so carrying
//! twice leaves one.

use portico_wire::encoding::Base64;
use portico_wire::push::{PushContent, PushPayload, seal};

use crate::folder;
use crate::state::App;
use crate::store::{PushJob, StoreError};

/// Carries what is due until nothing is; how many pushes were written.
pub(crate) async fn carry_due(app: &App) -> Result<u64, StoreError> {
    let mut carried = 0;
    loop {
        let due = app.store().claim_pushes().await?;
        if due.is_empty() {
            return Ok(carried);
        }
        for job in due {
            let (job_id, device) = (job.job_id, job.device_id);
            match carry(app, job).await {
                Ok(written) => {
                    carried += u64::from(written);
                    app.store().push_done(job_id).await?;
                }
                Err(fault) => {
                    tracing::warn!(%device, %fault, "a push could not be carried");
                    app.store().push_failed(job_id).await?;
                }
            }
        }
    }
}

/// Whether a push was written: one that may not be read any more is not, nor one whose key does not open.
async fn carry(app: &App, job: PushJob) -> std::io::Result<bool> {
    let path = app.config().push().join(job.device_id.to_string()).join(format!("{}.json", job.log_seq));
    let Some(payload) = payload(app, job) else { return Ok(false) };
    let json = serde_json::to_vec(&payload)?;
    let write = move || folder::write_whole(&path, &json);
    tokio::task::spawn_blocking(write).await.map_err(std::io::Error::other)??;
    Ok(true)
}

fn payload(app: &App, job: PushJob) -> Option<PushPayload> {
    let of = job.content?;
    let key = app.keys().open_column(&of.key_id, job.device_id.as_bytes(), &of.sealed_key)?;
    let key: [u8; 32] = key.try_into().ok()?;
    let content = PushContent {
        epoch: app.epoch(),
        firm_id: job.firm_id,
        person_id: job.person_id,
        conversation_id: of.entry.conversation_id,
        entry_id: of.entry.entry_id,
        seq: of.entry.seq,
        log_seq: job.log_seq,
        text: String::new(),
        complete: false,
    };
    let content = content.with_head_of(&of.entry.body);
    Some(PushPayload { portico: Base64(seal(&key, job.device_id, app.ports().random(), &content)) })
}
