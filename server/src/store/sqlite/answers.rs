//! What the access rule and its fragment answer, asked without a route between. For the oracle alone.

use portico_wire::ids::{ConversationId, FirmId, MatterId, PersonId};
use portico_wire::refusal::RefusalCode;
use rusqlite::{Connection, params};

use super::store::{Store, StoreError};
use super::{facts, matters, people, row, stays};
use crate::access;

/// About one conversation, for one person. Where there are two answers, the rule's is the first, the fragment's the second.
pub(crate) struct Answers {
    pub(crate) knows: [bool; 2],
    /// Entry by entry, from the first on.
    pub(crate) reads: Vec<[bool; 2]>,
    pub(crate) posts: Result<(), RefusalCode>,
    pub(crate) manages: bool,
}

impl Store {
    /// About each of `conversations`, all of them of the firm.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn answers(
        &self,
        firm: FirmId,
        person: PersonId,
        conversations: Vec<ConversationId>,
    ) -> Result<Vec<Answers>, StoreError> {
        self.read(move |tx| conversations.iter().map(|id| answers(tx, firm, person, *id)).collect()).await
    }

    /// Whether `person` may know of each of `matters`, all of them of the firm.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn answers_of_matters(
        &self,
        firm: FirmId,
        person: PersonId,
        matters: Vec<MatterId>,
    ) -> Result<Vec<[bool; 2]>, StoreError> {
        self.read(move |tx| matters.iter().map(|id| answers_of_matter(tx, firm, person, *id)).collect()).await
    }

    /// Puts somebody into a conversation from its first entry on, whoever they are, as no use-case would.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub(crate) async fn force_into(
        &self,
        firm: FirmId,
        conversation: ConversationId,
        person: PersonId,
    ) -> Result<(), StoreError> {
        self.write(move |write| stays::begin(write, firm, conversation, person, 1)).await
    }
}

fn answers(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
    conversation: ConversationId,
) -> rusqlite::Result<Answers> {
    let place = facts::facts(connection, firm, person, conversation)?.expect("it is of the firm");
    let (last, place) = (place.tail.seq, place.place);
    let reader = people::member(connection, firm, person)?.expect("they are of the firm").reader;
    let (of, whom, what) = (firm.as_bytes(), person.as_bytes(), conversation.as_bytes());
    let known_by = access::known_by("?3");
    let known = connection
        .prepare_cached(&format!("SELECT {known_by}"))?
        .query_row(params![of, whom, what], |found| found.get(0))?;
    let readable_by = access::readable_by("?3", "?4");
    let mut readable = connection.prepare_cached(&format!("SELECT {readable_by}"))?;
    let reads = (1..=last).map(|seq| {
        let by_fragment =
            readable.query_row(params![of, whom, what, row::stored(seq)], |found| found.get(0))?;
        Ok([access::can_read(reader, &place, seq), by_fragment])
    });
    Ok(Answers {
        reads: reads.collect::<rusqlite::Result<_>>()?,
        knows: [access::can_know_of(reader, &place), known],
        posts: access::can_post(reader, &place),
        manages: access::can_manage(reader, &place),
    })
}

fn answers_of_matter(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
    matter: MatterId,
) -> rusqlite::Result<[bool; 2]> {
    let reader = people::member(connection, firm, person)?.expect("they are of the firm").reader;
    let door = matters::door(connection, firm, matter, person)?.expect("it is of the firm");
    let known_by = access::matter_known_by();
    let known = connection
        .prepare_cached(&format!(
            "SELECT 1 FROM matters AS place
             WHERE place.firm_id = ?1 AND place.matter_id = ?3 AND {known_by}"
        ))?
        .exists(params![firm.as_bytes(), person.as_bytes(), matter.as_bytes()])?;
    Ok([access::can_know_of_matter(reader, door), known])
}
