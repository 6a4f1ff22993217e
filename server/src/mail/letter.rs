//! The letters: a code, or a notice of what happened to an account. They name no matter and no message (R9).

use portico_wire::ids::MailId;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::store::{InvitationMail, MailContent, Notice, NoticeMail};

/// What a letter needs.
pub(crate) struct Letter<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) mail: MailId,
    pub(crate) content: &'a MailContent,
    pub(crate) at_ms: i64,
}

impl Letter<'_> {
    /// The letter as RFC 5322 text, in UTF-8, with CRLF. A retry has the same Message-ID, so that it is recognised as one.
    pub(crate) fn text(&self) -> String {
        let (from, to) = (one_line(self.from), one_line(self.to));
        let (subject, body) = said(self.content);
        let head = [
            format!("From: {from}"),
            format!("To: {to}"),
            format!("Subject: {subject}"),
            format!("Date: {}", date(self.at_ms)),
            format!("Message-ID: <{}@portico.invalid>", self.mail),
            "MIME-Version: 1.0".to_owned(),
            "Content-Type: text/plain; charset=utf-8".to_owned(),
            "Content-Transfer-Encoding: 8bit".to_owned(),
            "Auto-Submitted: auto-generated".to_owned(),
            String::new(),
        ];
        let lines: Vec<String> = head.into_iter().chain(body).chain([String::new()]).collect();
        lines.join("\r\n")
    }
}

/// Subject and lines of a letter.
fn said(content: &MailContent) -> (&'static str, Vec<String>) {
    match content {
        MailContent::Code(code) => (
            "Your sign-in code",
            vec![
                "Your code to sign in:".to_owned(),
                String::new(),
                format!("    {}", code.shown()),
                String::new(),
                "It is good for 10 minutes. If you did not ask for it, nothing is wrong: without it nobody"
                    .to_owned(),
                "signs in. We never ask for a code on the phone.".to_owned(),
            ],
        ),
        MailContent::AddressCode(code) => (
            "Your code to change the address",
            vec![
                "Your code to change the address that signs you in:".to_owned(),
                String::new(),
                format!("    {}", code.shown()),
                String::new(),
                "It is good for 10 minutes. If you did not ask for it, somebody who is signed in as you did: open Portico,"
                    .to_owned(),
                "sign out the devices that you do not know, and tell the firm.".to_owned(),
            ],
        ),
        MailContent::Invitation(InvitationMail { firm, link }) => (
            "Your invitation",
            vec![
                format!("{} invites you to its client portal. Open this on your phone:", one_line(firm)),
                String::new(),
                format!("    {}", one_line(link)),
                String::new(),
                "It is good for 30 days. Portico then mails you a code to sign in.".to_owned(),
            ],
        ),
        MailContent::Notice(NoticeMail { firm, notice }) => {
            let (subject, happened) = happened(notice);
            let lines = vec![
                format!("{happened} It concerns your account at {}.", one_line(firm)),
                String::new(),
                "If that was you, there is nothing to do. If not: open Portico on a device of yours, look at its"
                    .to_owned(),
                "list of devices, sign out what you do not know, and tell the firm.".to_owned(),
            ];
            (subject, lines)
        }
    }
}

fn happened(notice: &Notice) -> (&'static str, String) {
    match notice {
        Notice::FurtherDevice(name) => {
            ("A further device signed in", format!("A further device signed in: {}.", one_line(name)))
        }
        Notice::RecoveryCodeUsed => {
            ("A recovery code was used", "A recovery code was used, and is spent.".to_owned())
        }
        Notice::RecoveryCodesMade => (
            "New recovery codes were made",
            "New recovery codes were made; those before work no more.".to_owned(),
        ),
        Notice::TotpAdded => {
            ("An authenticator app was set up", "An authenticator app was set up.".to_owned())
        }
        Notice::TotpRemoved => {
            ("The authenticator app was removed", "The authenticator app was removed.".to_owned())
        }
        Notice::TotpDisabled => (
            "The authenticator app was disabled",
            "Too many wrong codes came, so the authenticator app was disabled. Whoever tried had a code from your mail."
                .to_owned(),
        ),
        Notice::EmailChanged => (
            "Another address signs in from now on",
            "The address that signs in was changed; this one does no more.".to_owned(),
        ),
        Notice::LetInAgain => (
            "The firm lets you in again",
            "The firm lets you in again: your devices were signed out, and your authenticator app and recovery codes work no more."
                .to_owned(),
        ),
        Notice::DeviceWiped(name) => {
            ("A device is being wiped", format!("A device is being wiped: {}.", one_line(name)))
        }
    }
}

/// What others wrote must not begin another header or another line.
fn one_line(address: &str) -> String {
    address.chars().filter(|letter| !letter.is_control()).collect()
}

/// RFC 5322 section 3.3, in UTC. A time beyond the calendar reads as 1970.
fn date(at_ms: i64) -> String {
    let time =
        OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc2822).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use portico_wire::signin::OneTimeCode;

    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(date(951_782_399_000), "Mon, 28 Feb 2000 23:59:59 +0000");
        assert_eq!(date(951_782_400_000), "Tue, 29 Feb 2000 00:00:00 +0000");
        assert_eq!(date(1_700_000_000_000), "Tue, 14 Nov 2023 22:13:20 +0000");
    }

    #[test]
    fn letter_shows_the_code_and_no_header_can_be_smuggled_in() {
        let code = OneTimeCode::from_random([1, 2, 3, 4, 5]);
        let letter = Letter {
            from: "portico@localhost",
            to: "a@b.example\r\nBcc: everybody@b.example",
            mail: MailId::from_bytes([1; 16]),
            content: &MailContent::Code(code.clone()),
            at_ms: 0,
        };

        let text = letter.text();

        assert!(text.contains(&format!("\r\n    {}\r\n", code.shown())));
        assert!(!text.contains("\r\nBcc"));
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    }
}
