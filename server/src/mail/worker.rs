//! Carries due mails into the mail folder: one `.eml` each, named by time and mail, so a retry is the same file.

use super::letter::Letter;
use crate::folder;
use crate::state::App;
use crate::store::{MailJob, StoreError};

/// Carries what is due until nothing is; how many mails were written.
pub(crate) async fn carry_due(app: &App) -> Result<u64, StoreError> {
    let mut carried = 0;
    loop {
        let due = app.store().claim_mails(std::sync::Arc::clone(app.keys())).await?;
        if due.is_empty() {
            return Ok(carried);
        }
        for job in due {
            let mail = job.mail_id;
            match carry(app, job).await {
                Ok(written) => {
                    carried += u64::from(written);
                    app.store().mail_done(mail).await?;
                }
                Err(fault) => {
                    tracing::warn!(%mail, %fault, "a mail could not be carried");
                    app.store().mail_failed(mail).await?;
                }
            }
        }
    }
}

/// Whether a mail was written: one to nobody is not, nor one that does not open any more.
async fn carry(app: &App, job: MailJob) -> std::io::Result<bool> {
    let (Some(to), Some(content)) = (job.to, job.content) else { return Ok(false) };
    let letter = Letter {
        from: &app.config().mail_from,
        to: &to,
        mail: job.mail_id,
        content: &content,
        at_ms: job.made_at_ms,
    };
    let text = letter.text();
    let path = app.config().mail().join(format!("{}-{}.eml", job.made_at_ms, job.mail_id));
    let write = move || folder::write_whole(&path, text.as_bytes());
    tokio::task::spawn_blocking(write).await.map_err(std::io::Error::other)??;
    Ok(true)
}
