//! What must be true of the outbox, whatever happened in between. Shares no code with the product.

use std::collections::BTreeMap;

/// What a person did, and what their phone says became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Who.
    pub author: String,
    /// The text.
    pub text: String,
    /// In which line: texts keep their order, and so do messages with files (R40).
    pub lane: Lane,
    /// How it ended on the phone.
    pub end: End,
}

/// The line an act stood in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Texts.
    Texts,
    /// Messages with files.
    Files,
}

/// How an act ended on the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The phone says that the server has it.
    Accepted,
    /// Refused, with the reason shown.
    Refused,
    /// Taken back.
    Withdrawn,
}

/// What is untrue of a conversation's `log` of (author, text), given what its authors did, in the order they did it.
#[must_use]
pub fn faults(acts: &[Act], log: &[(String, String)]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, (_, text)) in log.iter().enumerate() {
        places.entry(text).or_default().push(place);
    }
    for act in acts {
        let times = places.get(act.text.as_str()).map_or(0, Vec::len);
        // A refused text that was sent again is two acts.
        let must = acts.iter().filter(|other| other.text == act.text && other.end == End::Accepted).count();
        if times != must {
            faults.push(format!(
                "{:?} is accepted {must} times on the phone and {times} times in the log",
                act.text
            ));
        }
    }
    for (author, text) in log {
        if !acts.iter().any(|act| act.text == *text && act.author == *author) {
            faults.push(format!("{author} never sent {text:?}"));
        }
    }
    for (author, lane) in
        acts.iter().map(|act| (&act.author, act.lane)).collect::<std::collections::BTreeSet<_>>()
    {
        let once = |act: &&Act| acts.iter().filter(|other| other.text == act.text).count() == 1;
        let own = acts.iter().filter(|act| act.author == *author && act.lane == lane).filter(once);
        let order: Vec<usize> =
            own.filter_map(|act| places.get(act.text.as_str())?.first().copied()).collect();
        if !order.is_sorted() {
            faults.push(format!("{author}'s {lane:?} are out of order: {order:?}"));
        }
    }
    faults
}
