//! What a test of faults came to: one line of the same form for each, printed, and left in `target/faults` for the table
//! that `tests/run` lays at its end.

use std::path::Path;

use portico_wire::encoding::Sha256;
use portico_wire::entry::Entry;

/// A message as somebody sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    text: String,
    files: Vec<Sha256>,
}

impl Sent {
    /// `text` with `files`.
    #[must_use]
    pub fn of(text: &str, files: &[Vec<u8>]) -> Self {
        Self { text: text.to_owned(), files: files.iter().map(|bytes| Sha256::of(&[bytes])).collect() }
    }

    /// A message with files as a log has it; none of what is no such message.
    fn logged(entry: &Entry) -> Option<Self> {
        let files: Vec<Sha256> = entry.files.iter().map(|file| file.sha256).collect();
        (!files.is_empty()).then(|| Self { text: entry.body.clone(), files })
    }
}

/// What became of messages with files while something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    lost: usize,
    doubled: usize,
    half: usize,
}

impl Tally {
    /// Holds what was sent against a log. A message that nobody sent counts as doubled.
    #[must_use]
    pub fn of(sent: &[Sent], log: &[Entry]) -> Self {
        let logged: Vec<Sent> = log.iter().filter_map(Sent::logged).collect();
        Self::between(sent, &logged)
    }

    fn between(sent: &[Sent], logged: &[Sent]) -> Self {
        let mut tally = Self::default();
        for message in sent {
            let found: Vec<&Sent> = logged.iter().filter(|other| other.text == message.text).collect();
            tally.lost += usize::from(found.is_empty());
            tally.doubled += found.len().saturating_sub(1);
            tally.half += found.iter().filter(|other| other.files != message.files).count();
        }
        let is_known = |other: &&Sent| sent.iter().any(|message| message.text == other.text);
        tally.doubled += logged.len() - logged.iter().filter(is_known).count();
        tally
    }

    /// Of a test whose own oracle has found nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The two together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            lost: self.lost + other.lost,
            doubled: self.doubled + other.doubled,
            half: self.half + other.half,
        }
    }

    /// Prints the line and leaves it for the table. `what` went wrong, so many `times`.
    ///
    /// # Panics
    /// If anything was lost, doubled or seen by half.
    pub fn close(self, what: &str, times: usize) {
        let Self { lost, doubled, half } = self;
        println!("faults: {times} x {what}: {lost} lost, {doubled} doubled, {half} half");
        let folder = target().join("faults");
        let row = format!("{what}\t{times}\t{lost}\t{doubled}\t{half}\n");
        let left = std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(folder.join(what.replace([' ', '\''], "-")), row));
        left.expect("a test writes below target");
        assert_eq!(self, Self::default(), "{what}");
    }
}

/// Cargo's folder for what it builds.
fn target() -> std::path::PathBuf {
    let this = std::env::current_exe().expect("a test knows where it is");
    let profile = this.ancestors().find(|folder| folder.ends_with("debug") || folder.ends_with("release"));
    profile.and_then(Path::parent).expect("cargo puts tests below the profile's folder").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str, seed: u8) -> Sent {
        Sent::of(text, &[vec![seed; 3]])
    }

    #[test]
    fn what_is_lost_doubled_or_half_is_counted() {
        let sent = [message("a", 1), message("b", 2), message("c", 3)];
        let logged = [message("a", 1), message("a", 1), message("c", 9), message("d", 4)];

        assert_eq!(Tally::between(&sent, &sent), Tally::nothing());
        assert_eq!(Tally::between(&sent, &logged), Tally { lost: 1, doubled: 2, half: 1 });
    }
}
