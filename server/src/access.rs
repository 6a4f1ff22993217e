//! *May they?* The one place that answers: a pure rule, and the one SQL fragment that says the same.
//!
//! Holds: what a person may not know of is answered like what does not exist (R17). Access is asked per entry:
//! participation is an interval of the conversation's log, open at its end for those who are in it now.
//! Staff read what they are not in (R15), but for direct messages (R16) and matters restricted to others (R17).

use portico_wire::conversation::{ConversationKind, ConversationState, Standing};
use portico_wire::refusal::RefusalCode;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader {
    /// On which side of the firm's door.
    pub standing: Standing,
    /// Whether they belong to the firm now (R43).
    pub membership: Membership,
}

/// Whether somebody belongs to the firm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// Now.
    Current,
    /// No longer.
    Ended,
}

/// The matter's door for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatterDoor {
    /// No matter, or one that is open to all staff, or one on whose list the reader stands.
    Open,
    /// Restricted to others.
    Shut,
}

/// One stay in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// The first entry of it.
    pub from_seq: u64,
    /// The last entry of it; none while it goes on.
    pub until_seq: Option<u64>,
}

/// A conversation, as far as the rule looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Of which kind.
    pub kind: ConversationKind,
    /// Whether it takes messages.
    pub state: ConversationState,
    /// The matter's door for this reader.
    pub door: MatterDoor,
    /// The reader's stays, ascending.
    pub stays: Vec<Stay>,
}

impl Stay {
    fn covers(self, seq: u64) -> bool {
        self.from_seq <= seq && self.until_seq.is_none_or(|until| seq <= until)
    }
}

impl Place {
    /// Whether the reader is in it now.
    #[must_use]
    pub fn participates(&self) -> bool {
        self.stays.iter().any(|stay| stay.until_seq.is_none())
    }
}

/// Whether `reader` may know that the conversation exists.
#[must_use]
pub fn can_know_of(reader: Reader, place: &Place) -> bool {
    if reader.membership == Membership::Ended {
        return false;
    }
    match (reader.standing, place.kind) {
        (Standing::Staff, ConversationKind::Direct) => place.participates(),
        (Standing::Staff, _) => place.door == MatterDoor::Open,
        (Standing::Client | Standing::ThirdParty, ConversationKind::ExternalMatter) => {
            !place.stays.is_empty()
        }
        (Standing::Client | Standing::ThirdParty, _) => false,
    }
}

/// Whether `reader` may know that a matter exists, seen through `door`: the firm's people only.
#[must_use]
pub fn can_know_of_matter(reader: Reader, door: MatterDoor) -> bool {
    reader.membership == Membership::Current && reader.standing == Standing::Staff && door == MatterDoor::Open
}

/// Whether `reader` may read entry `seq`.
#[must_use]
pub fn can_read(reader: Reader, place: &Place, seq: u64) -> bool {
    can_know_of(reader, place)
        && match (reader.standing, place.kind) {
            (Standing::Staff, ConversationKind::Direct) => {
                place.stays.iter().any(|stay| stay.until_seq.is_none() && stay.covers(seq))
            }
            (Standing::Staff, _) => true,
            (Standing::Client | Standing::ThirdParty, _) => place.stays.iter().any(|stay| stay.covers(seq)),
        }
}

/// Whether `reader` may post, or the refusal that says why not.
///
/// # Errors
/// `account_closed`, `conversation_not_found`, `conversation_closed`, `not_participant`, `conversation_archived`.
pub fn can_post(reader: Reader, place: &Place) -> Result<(), RefusalCode> {
    if reader.membership == Membership::Ended {
        return Err(RefusalCode::AccountClosed);
    }
    if !can_know_of(reader, place) {
        return Err(RefusalCode::ConversationNotFound);
    }
    if place.state == ConversationState::Closed {
        return Err(RefusalCode::ConversationClosed);
    }
    if !place.participates() {
        return Err(RefusalCode::NotParticipant);
    }
    match place.state {
        ConversationState::Open => Ok(()),
        ConversationState::Archived if reader.standing == Standing::Staff => Ok(()),
        ConversationState::Archived => Err(RefusalCode::ConversationArchived),
        ConversationState::Closed | ConversationState::Unknown => Err(RefusalCode::ConversationClosed),
    }
}

/// Whether `reader` may archive it and change who is in it: staff who may know of it (R14); in a direct message
/// its participants.
#[must_use]
pub fn can_manage(reader: Reader, place: &Place) -> bool {
    reader.standing == Standing::Staff && can_know_of(reader, place)
}

/// The part of the log that a phone of `reader` holds: the last stay, widened to the beginning for staff, who may
/// read what was before them. None for staff who are not in it: what they read without taking part stays here.
#[must_use]
pub fn held_span(reader: Reader, place: &Place) -> Option<Stay> {
    if !can_know_of(reader, place) {
        return None;
    }
    let last = *place.stays.last()?;
    let reads_what_was_before = reader.standing == Standing::Staff && place.kind != ConversationKind::Direct;
    Some(if reads_what_was_before { Stay { from_seq: 1, ..last } } else { last })
}

/// The part of the log that `reader` may read now, whether a phone of theirs holds it or not.
#[must_use]
pub fn readable_span(reader: Reader, place: &Place) -> Option<Stay> {
    if !can_know_of(reader, place) {
        return None;
    }
    match (reader.standing, place.kind) {
        (Standing::Staff, ConversationKind::Direct) | (Standing::Client | Standing::ThirdParty, _) => {
            place.stays.last().copied()
        }
        (Standing::Staff, _) => Some(Stay { from_seq: 1, until_seq: None }),
    }
}

/// The rule of [`can_read`] as SQL: true where person `?2` of firm `?1` may read entry `seq` of `conversation`
/// (two SQL expressions). Every list, page and count joins it.
#[must_use]
pub(crate) fn readable_by(conversation: &str, seq: &str) -> String {
    let in_it_now = format!("stay.until_seq IS NULL AND stay.from_seq <= {seq}");
    let in_it_then =
        format!("stay.from_seq <= {seq} AND (stay.until_seq IS NULL OR {seq} <= stay.until_seq)");
    allowed(conversation, &in_it_now, &in_it_then)
}

/// The rule of [`can_know_of`] as SQL, for lists of conversations.
#[must_use]
pub(crate) fn known_by(conversation: &str) -> String {
    allowed(conversation, "stay.until_seq IS NULL", "1")
}

/// The rule of [`can_know_of_matter`] as SQL, for `matter` of `matters AS place`.
#[must_use]
pub(crate) fn matter_known_by() -> &'static str {
    "EXISTS (
        SELECT 1 FROM memberships AS reader
        WHERE reader.firm_id = ?1 AND reader.person_id = ?2 AND reader.ended_at_ms IS NULL
          AND reader.standing = 'staff'
          AND (place.restricted = 0 OR EXISTS (
            SELECT 1 FROM matter_listed AS listed
            WHERE listed.firm_id = ?1 AND listed.matter_id = place.matter_id AND listed.person_id = ?2)))"
}

/// `in_direct` and `outside` say which `stay` counts for staff in a direct message and for people from outside.
fn allowed(conversation: &str, in_direct: &str, outside: &str) -> String {
    let stays = |which: &str| {
        format!(
            "EXISTS (
                SELECT 1 FROM stays AS stay
                WHERE stay.firm_id = ?1 AND stay.conversation_id = {conversation} AND stay.person_id = ?2
                  AND {which})"
        )
    };
    let (in_direct, outside) = (stays(in_direct), stays(outside));
    format!(
        "EXISTS (
            SELECT 1 FROM memberships AS reader
            JOIN conversations AS place
              ON place.firm_id = reader.firm_id AND place.conversation_id = {conversation}
            LEFT JOIN matters AS matter
              ON matter.firm_id = place.firm_id AND matter.matter_id = place.matter_id
            WHERE reader.firm_id = ?1 AND reader.person_id = ?2 AND reader.ended_at_ms IS NULL
              AND CASE
                WHEN reader.standing = 'staff' AND place.kind <> 'direct' THEN
                  coalesce(matter.restricted, 0) = 0 OR EXISTS (
                    SELECT 1 FROM matter_listed AS listed
                    WHERE listed.firm_id = ?1 AND listed.matter_id = place.matter_id AND listed.person_id = ?2)
                WHEN reader.standing = 'staff' THEN {in_direct}
                WHEN place.kind = 'external_matter' THEN {outside}
                ELSE 0 END)"
    )
}
