//! Carries due mails into the mail folder: one `.eml` each, named by time and challenge, so a retry is the same file.

use portico_wire::signin::OneTimeCode;

use super::letter::Letter;
use crate::folder;
use crate::state::App;
use crate::store::{MailJob, StoreError};

/// Carries what is due until nothing is; how many mails were written.
pub(crate) async fn carry_due(app: &App) -> Result<u64, StoreError> {
    let mut carried = 0;
    loop {
        let due = app.store().claim_mails().await?;
        if due.is_empty() {
            return Ok(carried);
        }
        for job in due {
            let challenge = job.challenge_id;
            match carry(app, job).await {
                Ok(written) => {
                    carried += u64::from(written);
                    app.store().mail_done(challenge).await?;
                }
                Err(fault) => {
                    tracing::warn!(%challenge, %fault, "a mail could not be carried");
                    app.store().mail_failed(challenge).await?;
                }
            }
        }
    }
}

/// Whether a mail was written: one to nobody is not, nor one whose code does not open any more.
async fn carry(app: &App, job: MailJob) -> std::io::Result<bool> {
    let opened = app.keys().open_column(&job.key_id, job.challenge_id.as_bytes(), &job.sealed_code);
    let code = opened.and_then(|plain| OneTimeCode::parse(std::str::from_utf8(&plain).ok()?).ok());
    let (Some(to), Some(code)) = (job.to, code) else { return Ok(false) };
    let letter = Letter {
        from: &app.config().mail_from,
        to: &to,
        challenge: job.challenge_id,
        code: &code,
        at_ms: job.made_at_ms,
    };
    let text = letter.text();
    let path = app.config().mail().join(format!("{}-{}.eml", job.made_at_ms, job.challenge_id));
    let write = move || folder::write_whole(&path, text.as_bytes());
    tokio::task::spawn_blocking(write).await.map_err(std::io::Error::other)??;
    Ok(true)
}
