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

/// Whether a mail was written: one that does not open any more is not, and one to nobody goes nowhere.
///
/// Nobody's letter takes the same work all the same, and leaves blanks. Whoever asks for a code and for another right behind it
/// waits for the disk that this writes to: by that they would learn who has an account (R42).
async fn carry(app: &App, job: MailJob) -> std::io::Result<bool> {
    let Some(content) = job.content else { return Ok(false) };
    let letter = Letter {
        from: &app.config().mail_from,
        to: job.to.as_deref().unwrap_or("nobody@portico.invalid"),
        mail: job.mail_id,
        content: &content,
        at_ms: job.made_at_ms,
    };
    let text = letter.text();
    let (name, text) = match &job.to {
        Some(_) => (format!("{}-{}.eml", job.made_at_ms, job.mail_id), text),
        None => (NOBODYS.to_owned(), " ".repeat(text.len())),
    };
    let path = app.config().mail().join(name);
    let write = move || folder::write_whole(&path, text.as_bytes());
    tokio::task::spawn_blocking(write).await.map_err(std::io::Error::other)??;
    Ok(job.to.is_some())
}

/// What nobody's letters leave: a file that the next one replaces.
const NOBODYS: &str = ".nobody";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    // R42: who has an account shows in no time that the next request takes.
    #[tokio::test]
    async fn letter_to_nobody_takes_the_same_work_and_says_nothing() {
        let world = World::new().await;
        let mail = world.config().mail();

        let (_, code) = world.begin("nobody@clients.example").await;
        let names: Vec<_> = std::fs::read_dir(&mail).unwrap().map(|file| file.unwrap().file_name()).collect();
        let left = std::fs::read_to_string(mail.join(NOBODYS)).unwrap();

        assert_eq!((code, names), (None, vec![NOBODYS.into()]));
        assert!(left.len() > 400 && left.chars().all(|letter| letter == ' '), "{} bytes", left.len());
    }
}
