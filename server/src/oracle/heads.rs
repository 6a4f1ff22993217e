//! What the head of a conversation tells of its log: never more than may be read of it.

use std::collections::BTreeSet;

use portico_wire::conversation::ConversationHead;
use portico_wire::ids::PersonId;

use super::history::{History, Talk};
use super::matrix::Compared;
use super::rule;

/// Where a head stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// In an answer to whoever asked for it.
    Asked,
    /// In what a phone holds: for staff who have left, as of then.
    Held,
}

/// Compares a head that `me` was given.
pub(super) fn compare(
    history: &History,
    me: usize,
    talk: &Talk,
    (of, head): (Of, &ConversationHead),
    compared: &mut Compared,
) {
    let is_inside = talk.inside.contains(&me);
    let heard = |seq: usize| of == Of::Asked || is_inside || talk.entries[seq - 1].contains(&me);
    let reads = |seq: &usize| rule::reads(history, me, talk, *seq);
    let last = (1..=talk.entries.len()).rev().find(|seq| reads(seq) && heard(*seq)).unwrap_or(0);
    let first = (1..=last).rev().take_while(reads).last().unwrap_or(1);
    let seen = (usize::try_from(head.readable_from_seq).unwrap(), usize::try_from(head.last_seq).unwrap());
    let what = || format!("{me} sees {seen:?} of {:?}, not {:?}", talk.kind, (first, last));
    compared.count(seen == (first, last), what, true);
    let what = || format!("{me} sees whether to post to {:?}", talk.kind);
    compared.count(head.may_post, what, rule::posts(history, me, talk));
    let as_of_leaving = history.people[me].is_outside && !is_inside;
    let inside = if as_of_leaving { talk.entries.get(last.wrapping_sub(1)) } else { Some(&talk.inside) };
    let expected: BTreeSet<PersonId> =
        inside.into_iter().flatten().map(|place| history.people[*place].id).collect();
    let seen: BTreeSet<PersonId> = head.participants.iter().map(|shown| shown.person_id).collect();
    compared.count(seen == expected, || format!("{me} sees others in {:?}", talk.kind), true);
}
