//! The letter with a code, as RFC 5322 text. It names no matter and no message.

use portico_wire::ids::ChallengeId;
use portico_wire::signin::OneTimeCode;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// What the letter needs.
pub(crate) struct Letter<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) challenge: ChallengeId,
    pub(crate) code: &'a OneTimeCode,
    pub(crate) at_ms: i64,
}

impl Letter<'_> {
    /// The letter, in UTF-8, with CRLF. A retry has the same Message-ID, so that it is recognised as one.
    pub(crate) fn text(&self) -> String {
        let (from, to) = (one_line(self.from), one_line(self.to));
        let lines = [
            format!("From: {from}"),
            format!("To: {to}"),
            "Subject: Your sign-in code".to_owned(),
            format!("Date: {}", date(self.at_ms)),
            format!("Message-ID: <{}@portico.invalid>", self.challenge),
            "MIME-Version: 1.0".to_owned(),
            "Content-Type: text/plain; charset=utf-8".to_owned(),
            "Content-Transfer-Encoding: 8bit".to_owned(),
            "Auto-Submitted: auto-generated".to_owned(),
            String::new(),
            "Your code to sign in:".to_owned(),
            String::new(),
            format!("    {}", self.code.shown()),
            String::new(),
            "It is good for 10 minutes. If you did not ask for it, nothing is wrong: without it nobody"
                .to_owned(),
            "signs in. We never ask for a code on the phone.".to_owned(),
            String::new(),
        ];
        lines.join("\r\n")
    }
}

/// An address must not begin another header.
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
            challenge: ChallengeId::from_bytes([1; 16]),
            code: &code,
            at_ms: 0,
        };

        let text = letter.text();

        assert!(text.contains(&format!("\r\n    {}\r\n", code.shown())));
        assert!(!text.contains("\r\nBcc"));
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    }
}
