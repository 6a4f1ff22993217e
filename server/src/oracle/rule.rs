//! Who may know what, said once more: forty lines for a reader to check against R14 to R20, R41 and R43.
//!
//! Shares nothing with `access.rs`: it looks at what happened, told as plain history, and at no row of the server.

use portico_wire::conversation::ConversationKind::{Direct, ExternalMatter};
use portico_wire::refusal::RefusalCode::{
    self, AccountClosed, ConversationArchived, ConversationClosed, ConversationNotFound, NotParticipant,
};

use super::history::{History, Matter, Person, Talk};

/// Staff know of every matter but those restricted to others (R17); nobody else knows of any.
pub(super) fn knows_matter(me: usize, person: &Person, matter: &Matter) -> bool {
    !person.has_left && !person.is_outside && matter.listed.as_ref().is_none_or(|listed| listed.contains(&me))
}

/// R15, R16, R17, R18, R19, R43.
pub(super) fn knows(history: &History, me: usize, talk: &Talk) -> bool {
    let person = &history.people[me];
    if person.has_left {
        return false;
    }
    if person.is_outside {
        return talk.kind == ExternalMatter && talk.were_inside.contains(&me);
    }
    match talk.matter {
        Some(matter) => knows_matter(me, person, &history.matters[matter]),
        None => talk.kind != Direct || talk.inside.contains(&me),
    }
}

/// Outside people read what was said while they were there (R19); those in a direct message, what was said since they
/// came (R16); staff everything (R15).
pub(super) fn reads(history: &History, me: usize, talk: &Talk, seq: usize) -> bool {
    let heard = |at: usize| talk.entries[at - 1].contains(&me);
    knows(history, me, talk)
        && match (history.people[me].is_outside, talk.kind) {
            (true, _) => heard(seq),
            (false, Direct) => (seq..=talk.entries.len()).all(heard),
            (false, _) => true,
        }
}

/// Whoever is in it posts, while it is open; archived, only staff do (R15, R20, R21). What the others hear.
pub(super) fn refusal(history: &History, me: usize, talk: &Talk) -> Option<RefusalCode> {
    let person = &history.people[me];
    match () {
        () if person.has_left => Some(AccountClosed),
        () if !knows(history, me, talk) => Some(ConversationNotFound),
        () if talk.is_closed => Some(ConversationClosed),
        () if !talk.inside.contains(&me) => Some(NotParticipant),
        () if talk.is_archived && person.is_outside => Some(ConversationArchived),
        () => None,
    }
}

/// See [`refusal`].
pub(super) fn posts(history: &History, me: usize, talk: &Talk) -> bool {
    refusal(history, me, talk).is_none()
}
