//! What a send key deserves. The key is looked up before access and limits are asked, so a repeat gets the stored
//! outcome whatever has changed since.
//!
//! ```text
//! key known, same meaning  -> its outcome again          key known, other meaning -> send_key_reused
//! key new, valid receipt   -> accept, or conversation_missing
//! key new                  -> membership, content, access, state -> accept or refuse
//! ```
//! Holds: every ruling but `ConversationMissing` is an outcome that is kept for ever.

use portico_wire::encoding::Sha256;
use portico_wire::refusal::{Refusal, RefusalCode};

use crate::access::{self, Membership, Place, Reader};

/// What the server keeps of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is entry `seq`.
    Accepted {
        seq: u64,
    },
    Refused(Refusal),
    Withdrawn,
}

/// Whether the server itself has said that it had this send before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receipted {
    /// By a receipt that verifies.
    Valid,
    /// Without one, or with one that is not ours or of another send.
    No,
}

/// What a known key answers to a request of meaning `digest`.
pub(crate) fn repeat(kept: Outcome, kept_digest: Option<Sha256>, digest: &Sha256) -> Outcome {
    match kept {
        Outcome::Withdrawn => Outcome::Withdrawn,
        kept if kept_digest.as_ref() == Some(digest) => kept,
        Outcome::Accepted { .. } | Outcome::Refused(_) => {
            Outcome::Refused(Refusal::of(RefusalCode::SendKeyReused))
        }
    }
}

/// What becomes of a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// Append it.
    Accept,
    /// Keep the refusal.
    Refuse(Refusal),
    /// Nothing is kept: the firm has to make the conversation again first.
    ConversationMissing,
}

/// Rules on a new key. `place`: none where the firm has no such conversation. `content`: what its limits say of it.
pub(crate) fn rule(
    reader: Reader,
    place: Option<&Place>,
    receipted: Receipted,
    content: Result<(), Refusal>,
) -> Ruling {
    if receipted == Receipted::Valid {
        return if place.is_some() { Ruling::Accept } else { Ruling::ConversationMissing };
    }
    if reader.membership == Membership::Ended {
        return Ruling::Refuse(Refusal::of(RefusalCode::AccountClosed));
    }
    if let Err(refusal) = content {
        return Ruling::Refuse(refusal);
    }
    let Some(place) = place else { return Ruling::Refuse(Refusal::of(RefusalCode::ConversationNotFound)) };
    match access::can_post(reader, place) {
        Ok(()) => Ruling::Accept,
        Err(code) => Ruling::Refuse(Refusal::of(code)),
    }
}

#[cfg(test)]
mod tests {
    use portico_wire::conversation::{ConversationKind, ConversationState, Standing};
    use portico_wire::message::Body;

    use super::*;
    use crate::access::{MatterDoor, Stay};

    fn place(state: ConversationState, stays: &[Stay]) -> Place {
        Place { kind: ConversationKind::ExternalMatter, state, door: MatterDoor::Open, stays: stays.to_vec() }
    }

    const IN: [Stay; 1] = [Stay { from_seq: 1, until_seq: None }];
    const CLIENT: Reader = Reader { standing: Standing::Client, membership: Membership::Current };
    const STAFF: Reader = Reader { standing: Standing::Staff, membership: Membership::Current };
    const GONE: Reader = Reader { standing: Standing::Client, membership: Membership::Ended };

    #[test]
    fn each_new_key_gets_its_ruling() {
        use ConversationState::{Archived, Closed, Open};
        let refuse = |code| Ruling::Refuse(Refusal::of(code));
        let table = [
            (CLIENT, Some(place(Open, &IN)), "x", Ruling::Accept),
            (CLIENT, Some(place(Open, &IN)), "", refuse(RefusalCode::BodyEmpty)),
            (CLIENT, Some(place(Archived, &IN)), "x", refuse(RefusalCode::ConversationArchived)),
            (STAFF, Some(place(Archived, &IN)), "x", Ruling::Accept),
            (STAFF, Some(place(Closed, &IN)), "x", refuse(RefusalCode::ConversationClosed)),
            (STAFF, Some(place(Open, &[])), "x", refuse(RefusalCode::NotParticipant)),
            (CLIENT, Some(place(Open, &[])), "x", refuse(RefusalCode::ConversationNotFound)),
            (CLIENT, None, "x", refuse(RefusalCode::ConversationNotFound)),
            (GONE, Some(place(Open, &IN)), "x", refuse(RefusalCode::AccountClosed)),
        ];
        for (reader, place, body, ruling) in table {
            let content = Body::parse(body).map(drop);
            assert_eq!(rule(reader, place.as_ref(), Receipted::No, content.clone()), ruling);
            let with_receipt = if place.is_some() { Ruling::Accept } else { Ruling::ConversationMissing };
            assert_eq!(rule(reader, place.as_ref(), Receipted::Valid, content), with_receipt);
        }
    }

    #[test]
    fn known_key_answers_by_its_meaning() {
        let (same, other) = (Sha256::of(&[b"a"]), Sha256::of(&[b"b"]));
        let accepted = Outcome::Accepted { seq: 3 };
        let reused = Outcome::Refused(Refusal::of(RefusalCode::SendKeyReused));

        assert_eq!(repeat(accepted.clone(), Some(same), &same), accepted);
        assert_eq!(repeat(accepted, Some(same), &other), reused);
        assert_eq!(repeat(Outcome::Withdrawn, None, &other), Outcome::Withdrawn);
    }
}
