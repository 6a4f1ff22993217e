//! `access.rs` as tests meet it: whole, or with one check missing where `ACCESS_WITHOUT` names it.
//!
//! Each mutant is the text of `access.rs` with one check replaced by what would stand there if nobody had thought of it.
//! A line of the list that no longer fits `access.rs` does not compile; `missing_checks.rs` shows a check without a line,
//! and that the oracle notices each of them.

use std::ops::Range;
use std::sync::LazyLock;

use portico_wire::refusal::RefusalCode;

/// `access.rs` as it is.
#[path = "../access.rs"]
pub mod whole;

pub use whole::*;

/// A check that is missing in one mutant.
pub(crate) struct Missing {
    /// The mutant.
    pub(crate) name: &'static str,
    /// Whose check it is.
    pub(crate) function: &'static str,
    /// The check, in the text of `access.rs`.
    pub(crate) check: &'static str,
    /// Where it is in [`SOURCE`].
    pub(crate) place: Range<usize>,
}

/// The text of `access.rs` without comments, one blank for any white space.
pub(crate) const SOURCE: &str = portico_mutants::source!("src/access.rs");

/// The mutant of this process; every test but one meets the whole.
fn missing() -> Option<&'static str> {
    static MISSING: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("ACCESS_WITHOUT").ok());
    MISSING.as_deref()
}

/// The words of a mutant are its own; these are the same ones.
macro_rules! translate {
    ($name:ident) => {
        impl From<Reader> for $name::Reader {
            fn from(reader: Reader) -> Self {
                let membership = match reader.membership {
                    Membership::Current => $name::Membership::Current,
                    Membership::Ended => $name::Membership::Ended,
                };
                Self { standing: reader.standing, membership }
            }
        }
        impl From<MatterDoor> for $name::MatterDoor {
            fn from(door: MatterDoor) -> Self {
                match door {
                    MatterDoor::Open => Self::Open,
                    MatterDoor::Shut => Self::Shut,
                }
            }
        }
        impl From<&Place> for $name::Place {
            fn from(place: &Place) -> Self {
                let stay = |stay: &Stay| $name::Stay { from_seq: stay.from_seq, until_seq: stay.until_seq };
                let stays = place.stays.iter().map(stay).collect();
                Self { kind: place.kind, state: place.state, door: place.door.into(), stays }
            }
        }
        impl From<$name::Stay> for Stay {
            fn from(stay: $name::Stay) -> Self {
                Self { from_seq: stay.from_seq, until_seq: stay.until_seq }
            }
        }
    };
}

macro_rules! mutants {
    ($($name:ident: $function:tt, $check:tt => $instead:tt;)*) => {
        $(portico_mutants::mutant!($name, "src/access.rs", $function, $check, $instead);)*
        $(translate!($name);)*

        /// Every mutant.
        pub(crate) const MUTANTS: &[Missing] =
            &[$(Missing { name: $name::NAME, function: $function, check: $check, place: $name::PLACE }),*];

        /// As in `access.rs`.
        #[must_use]
        pub fn can_know_of(reader: Reader, place: &Place) -> bool {
            match missing() {
                None => whole::can_know_of(reader, place),
                $(Some($name::NAME) => $name::can_know_of(reader.into(), &place.into()),)*
                Some(other) => panic!("{other} is no mutant"),
            }
        }

        /// As in `access.rs`.
        #[must_use]
        pub fn can_know_of_matter(reader: Reader, door: MatterDoor) -> bool {
            match missing() {
                None => whole::can_know_of_matter(reader, door),
                $(Some($name::NAME) => $name::can_know_of_matter(reader.into(), door.into()),)*
                Some(other) => panic!("{other} is no mutant"),
            }
        }

        /// As in `access.rs`.
        #[must_use]
        pub fn can_read(reader: Reader, place: &Place, seq: u64) -> bool {
            match missing() {
                None => whole::can_read(reader, place, seq),
                $(Some($name::NAME) => $name::can_read(reader.into(), &place.into(), seq),)*
                Some(other) => panic!("{other} is no mutant"),
            }
        }

        /// As in `access.rs`.
        ///
        /// # Errors
        /// As in `access.rs`.
        pub fn can_post(reader: Reader, place: &Place) -> Result<(), RefusalCode> {
            match missing() {
                None => whole::can_post(reader, place),
                $(Some($name::NAME) => $name::can_post(reader.into(), &place.into()),)*
                Some(other) => panic!("{other} is no mutant"),
            }
        }

        /// As in `access.rs`.
        #[must_use]
        pub fn can_manage(reader: Reader, place: &Place) -> bool {
            match missing() {
                None => whole::can_manage(reader, place),
                $(Some($name::NAME) => $name::can_manage(reader.into(), &place.into()),)*
                Some(other) => panic!("{other} is no mutant"),
            }
        }

        /// As in `access.rs`.
        #[must_use]
        pub fn held_span(reader: Reader, place: &Place) -> Option<Stay> {
            match missing() {
                None => whole::held_span(reader, place),
                $(Some($name::NAME) => $name::held_span(reader.into(), &place.into()).map(Stay::from),)*
                Some(other) => panic!("{other} is no mutant"),
            }
        }

        /// As in `access.rs`.
        #[must_use]
        pub fn readable_span(reader: Reader, place: &Place) -> Option<Stay> {
            match missing() {
                None => whole::readable_span(reader, place),
                $(Some($name::NAME) => $name::readable_span(reader.into(), &place.into()).map(Stay::from),)*
                Some(other) => panic!("{other} is no mutant"),
            }
        }

        /// As in `access.rs`.
        pub(crate) fn readable_by(conversation: &str, seq: &str) -> String {
            match missing() {
                None => whole::readable_by(conversation, seq),
                $(Some($name::NAME) => $name::readable_by(conversation, seq),)*
                Some(other) => panic!("{other} is no mutant"),
            }
        }

        /// As in `access.rs`.
        pub(crate) fn known_by(conversation: &str) -> String {
            match missing() {
                None => whole::known_by(conversation),
                $(Some($name::NAME) => $name::known_by(conversation),)*
                Some(other) => panic!("{other} is no mutant"),
            }
        }

        /// As in `access.rs`.
        pub(crate) fn matter_known_by() -> &'static str {
            match missing() {
                None => whole::matter_known_by(),
                $(Some($name::NAME) => $name::matter_known_by(),)*
                Some(other) => panic!("{other} is no mutant"),
            }
        }
    };
}

mutants! {
    // The rule.
    stay_from_any_time: "covers", "self.from_seq <= seq &&" => "";
    stay_without_an_end: "covers", "&& self.until_seq.is_none_or(|until| seq <= until)" => "";
    participates_for_ever: "participates", "stay.until_seq.is_none()" => "true";
    known_after_leaving_the_firm: "can_know_of", "if reader.membership == Membership::Ended { return false; }" => "";
    direct_known_to_all_staff: "can_know_of", "place.participates()" => "true";
    shut_matter_known: "can_know_of", "place.door == MatterDoor::Open" => "true";
    known_to_outsiders_not_in_it: "can_know_of", "!place.stays.is_empty()" => "true";
    inner_kinds_known_outside: "can_know_of", "_) => false" => "_) => true";
    matter_known_after_leaving: "can_know_of_matter", "reader.membership == Membership::Current &&" => "";
    matter_known_outside: "can_know_of_matter", "&& reader.standing == Standing::Staff" => "";
    matter_known_behind_its_door: "can_know_of_matter", "&& door == MatterDoor::Open" => "";
    read_unknown: "can_read", "can_know_of(reader, place) &&" => "";
    direct_read_after_leaving: "can_read", "stay.until_seq.is_none() &&" => "";
    direct_read_from_before: "can_read", "&& stay.covers(seq)" => "";
    outsiders_read_all_of_it: "can_read", "|stay| stay.covers(seq)" => "|_| true";
    post_after_leaving_the_firm:
        "can_post", "if reader.membership == Membership::Ended { return Err(RefusalCode::AccountClosed); }" => "";
    post_unknown:
        "can_post", "if !can_know_of(reader, place) { return Err(RefusalCode::ConversationNotFound); }" => "";
    post_closed:
        "can_post", "if place.state == ConversationState::Closed { return Err(RefusalCode::ConversationClosed); }" => "";
    post_without_joining:
        "can_post", "if !place.participates() { return Err(RefusalCode::NotParticipant); }" => "";
    outsiders_post_archived: "can_post", "if reader.standing == Standing::Staff" => "";
    outsiders_manage: "can_manage", "reader.standing == Standing::Staff &&" => "";
    manage_unknown: "can_manage", "&& can_know_of(reader, place)" => "";
    hold_unknown: "held_span", "if !can_know_of(reader, place) { return None; }" => "";
    outsiders_hold_what_was_before: "held_span", "reader.standing == Standing::Staff &&" => "";
    direct_holds_what_was_before: "held_span", "&& place.kind != ConversationKind::Direct" => "";
    span_of_the_unknown: "readable_span", "if !can_know_of(reader, place) { return None; }" => "";
    span_of_all_of_direct: "readable_span", "(Standing::Staff, ConversationKind::Direct) |" => "";
    outsiders_span_all_of_it: "readable_span", "place.stays.last().copied()" => "Some(Stay { from_seq: 1, until_seq: None })";

    // Its fragments.
    sql_direct_after_leaving: "readable_by", "stay.until_seq IS NULL AND" => "";
    sql_direct_from_before: "readable_by", "AND stay.from_seq <= {seq}" => "";
    sql_outsiders_from_before: "readable_by", "stay.from_seq <= {seq} AND (" => "(";
    sql_outsiders_not_while_in_it: "readable_by", "stay.until_seq IS NULL OR" => "";
    sql_outsiders_after_leaving: "readable_by", "AND (stay.until_seq IS NULL OR {seq} <= stay.until_seq)" => "";
    sql_direct_known_after_leaving: "known_by", "stay.until_seq IS NULL" => "1";
    sql_matter_of_another_firm: "matter_known_by", "reader.firm_id = ?1 AND" => "";
    sql_matter_of_others: "matter_known_by", "AND reader.person_id = ?2" => "";
    sql_matter_after_leaving: "matter_known_by", "AND reader.ended_at_ms IS NULL" => "";
    sql_matter_outside: "matter_known_by", "AND reader.standing = 'staff'" => "";
    sql_matter_behind_its_door: "matter_known_by", "place.restricted = 0 OR" => "1 OR";
    sql_matter_by_any_list: "matter_known_by", "AND listed.matter_id = place.matter_id" => "";
    sql_matter_listed_for_others: "matter_known_by", "AND listed.person_id = ?2" => "";
    sql_stay_elsewhere: "allowed", "AND stay.conversation_id = {conversation}" => "";
    sql_stay_of_others: "allowed", "AND stay.person_id = ?2" => "";
    sql_any_stay: "allowed", "AND {which}" => "";
    sql_any_place: "allowed", "AND place.conversation_id = {conversation}" => "";
    sql_any_matter: "allowed", "AND matter.matter_id = place.matter_id" => "";
    sql_for_others: "allowed", "AND reader.person_id = ?2" => "";
    sql_after_leaving_the_firm: "allowed", "AND reader.ended_at_ms IS NULL" => "";
    sql_outsiders_as_staff: "allowed", "reader.standing = 'staff' AND place.kind" => "place.kind";
    sql_direct_as_any_kind: "allowed", "AND place.kind <> 'direct'" => "";
    sql_behind_the_door: "allowed", "coalesce(matter.restricted, 0) = 0 OR" => "1 OR";
    sql_by_any_list: "allowed", "AND listed.matter_id = place.matter_id" => "";
    sql_listed_for_others: "allowed", "AND listed.person_id = ?2" => "";
    sql_outsiders_as_in_direct: "allowed", "reader.standing = 'staff' THEN" => "1 THEN";
    sql_outsiders_in_any_kind: "allowed", "place.kind = 'external_matter' THEN" => "1 THEN";
    sql_inner_kinds_outside: "allowed", "ELSE 0" => "ELSE 1";
}
