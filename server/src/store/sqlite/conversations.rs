//! Conversations: which there are for whom, and how one begins.

use portico_wire::conversation::{ConversationHead, ConversationKind, Standing};
use portico_wire::ids::{ConversationId, FirmId, MatterId, PersonId};
use portico_wire::office::BeginConversation;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::firm::NewConversation;
use super::people::Member;
use super::sessions::Caller;
use super::stays::Change;
use super::store::{Store, StoreError};
use super::{firm, heads, made, matters, people, row};
use crate::access::{self, MatterDoor};

impl Store {
    /// What the caller may know of, the newest begun first, below `before`; and whether more follow (R15).
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn conversations(
        &self,
        caller: Caller,
        before: Option<ConversationId>,
        limit: u32,
    ) -> Result<(Vec<ConversationHead>, bool), StoreError> {
        self.read(move |tx| known(tx, caller, before, limit)).await
    }

    /// One conversation as the caller may see it; none where they may not know of it, or there is none.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn conversation(
        &self,
        caller: Caller,
        conversation: ConversationId,
    ) -> Result<Option<ConversationHead>, StoreError> {
        self.read(move |tx| heads::seen(tx, caller.firm_id, caller.person_id, conversation)).await
    }

    /// Begins a conversation in the name of the caller, who is in it (R39, R44); the same key again begins none.
    ///
    /// # Errors
    /// As [`Store::write`]; nothing is kept.
    pub(crate) async fn begin_conversation(
        &self,
        caller: Caller,
        new: BeginConversation,
    ) -> Result<Result<ConversationId, Change>, StoreError> {
        self.write(move |write| {
            let (firm, by) = (caller.firm_id, caller.person_id);
            let Some(member) = people::current_member(write.connection, firm, by)? else {
                return Ok(Err(Change::NotFound));
            };
            let id = ConversationId::from_bytes(made::id(caller, new.key, "conversation"));
            if exists(write.connection, firm, id)? {
                return Ok(Ok(id));
            }
            let participants = match may_begin(write.connection, caller, &member, &new)? {
                Ok(participants) => participants,
                Err(change) => return Ok(Err(change)),
            };
            let new = NewConversation {
                conversation_id: Some(id),
                kind: new.kind,
                title: new.title,
                matter_id: new.matter_id,
                participants,
            };
            firm::begin(write, firm, new).map(Ok)
        })
        .await
    }
}

fn exists(connection: &Connection, firm: FirmId, conversation: ConversationId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM conversations WHERE firm_id = ?1 AND conversation_id = ?2")?
        .exists(params![firm.as_bytes(), conversation.as_bytes()])
}

fn known(
    connection: &Connection,
    caller: Caller,
    before: Option<ConversationId>,
    limit: u32,
) -> rusqlite::Result<(Vec<ConversationHead>, bool)> {
    let (firm, person) = (caller.firm_id, caller.person_id);
    let below = before.map_or([0xFF; 16], |id| *id.as_bytes());
    let known = access::known_by("c.conversation_id");
    let ids: Vec<ConversationId> = connection
        .prepare_cached(&format!(
            "SELECT c.conversation_id FROM conversations AS c
             WHERE c.firm_id = ?1 AND c.conversation_id < ?3 AND {known}
             ORDER BY c.conversation_id DESC LIMIT ?4"
        ))?
        .query_map(params![firm.as_bytes(), person.as_bytes(), below, limit + 1], |found| {
            row::id(found, 0, ConversationId::from_bytes)
        })?
        .collect::<rusqlite::Result<_>>()?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let heads = ids.iter().take(wanted).map(|id| heads::seen(connection, firm, person, *id));
    Ok((heads.filter_map(Result::transpose).collect::<rusqlite::Result<_>>()?, ids.len() > wanted))
}

/// Who will be in it, ascending, or why it can not begin.
fn may_begin(
    connection: &Connection,
    caller: Caller,
    member: &Member,
    new: &BeginConversation,
) -> rusqlite::Result<Result<Vec<PersonId>, Change>> {
    if member.reader.standing.is_external() {
        return by_external(connection, caller, new);
    }
    let (firm, by) = (caller.firm_id, caller.person_id);
    let needs_matter =
        matches!(new.kind, ConversationKind::ExternalMatter | ConversationKind::InternalMatter);
    if needs_matter != new.matter_id.is_some() || new.kind == ConversationKind::Unknown {
        return Ok(Err(Change::NotAllowed));
    }
    if let Some(matter) = new.matter_id
        && matters::door(connection, firm, matter, by)? != Some(MatterDoor::Open)
    {
        return Ok(Err(Change::NotFound));
    }
    let mut participants = new.participants.clone();
    participants.push(by);
    participants.sort_unstable();
    participants.dedup();
    for person in &participants {
        if !fits(connection, firm, *person, new)? {
            return Ok(Err(Change::NotAllowed));
        }
    }
    if new.kind == ConversationKind::Direct && participants.len() < 2 {
        return Ok(Err(Change::NotAllowed));
    }
    Ok(Ok(participants))
}

/// Whether `person` can be in what begins: outside people where clients are, staff whom the matter is open to (R17).
fn fits(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
    new: &BeginConversation,
) -> rusqlite::Result<bool> {
    let Some(member) = people::current_member(connection, firm, person)? else { return Ok(false) };
    if member.reader.standing.is_external() {
        return Ok(new.kind == ConversationKind::ExternalMatter);
    }
    match new.matter_id {
        Some(matter) => Ok(matters::door(connection, firm, matter, person)? == Some(MatterDoor::Open)),
        None => Ok(true),
    }
}

/// A client begins one in a matter that they are on: with the firm's people who are in its conversations with them
/// (R44). Third parties begin none.
fn by_external(
    connection: &Connection,
    caller: Caller,
    new: &BeginConversation,
) -> rusqlite::Result<Result<Vec<PersonId>, Change>> {
    let (firm, by) = (caller.firm_id, caller.person_id);
    let Some(matter) = new.matter_id else { return Ok(Err(Change::NotAllowed)) };
    if !is_on(connection, firm, matter, by)? {
        return Ok(Err(Change::NotFound));
    }
    let standing = people::current_member(connection, firm, by)?.map(|member| member.reader.standing);
    let allowed = standing == Some(Standing::Client)
        && new.kind == ConversationKind::ExternalMatter
        && new.participants.is_empty();
    if !allowed {
        return Ok(Err(Change::NotAllowed));
    }
    let mut participants = staff_with(connection, firm, matter, by)?;
    participants.push(by);
    participants.sort_unstable();
    Ok(Ok(participants))
}

/// Whether somebody from outside is in an external conversation of the matter now.
fn is_on(
    connection: &Connection,
    firm: FirmId,
    matter: MatterId,
    person: PersonId,
) -> rusqlite::Result<bool> {
    let found: Option<i64> = connection
        .prepare_cached(
            "SELECT 1 FROM stays AS s JOIN conversations AS c
               ON c.firm_id = s.firm_id AND c.conversation_id = s.conversation_id
             WHERE s.firm_id = ?1 AND s.person_id = ?3 AND s.until_seq IS NULL
               AND c.matter_id = ?2 AND c.kind = 'external_matter' AND c.state <> 'closed' LIMIT 1",
        )?
        .query_row(params![firm.as_bytes(), matter.as_bytes(), person.as_bytes()], |found| found.get(0))
        .optional()?;
    Ok(found.is_some())
}

/// The staff who are now in a conversation of the matter in which `person` is too.
fn staff_with(
    connection: &Connection,
    firm: FirmId,
    matter: MatterId,
    person: PersonId,
) -> rusqlite::Result<Vec<PersonId>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT theirs.person_id FROM stays AS mine
             JOIN conversations AS c ON c.firm_id = mine.firm_id AND c.conversation_id = mine.conversation_id
             JOIN stays AS theirs
               ON theirs.firm_id = mine.firm_id AND theirs.conversation_id = mine.conversation_id
             JOIN memberships AS m ON m.firm_id = theirs.firm_id AND m.person_id = theirs.person_id
             WHERE mine.firm_id = ?1 AND mine.person_id = ?3 AND mine.until_seq IS NULL
               AND c.matter_id = ?2 AND c.kind = 'external_matter'
               AND theirs.until_seq IS NULL AND m.standing = 'staff' AND m.ended_at_ms IS NULL
             ORDER BY theirs.person_id",
        )?
        .query_map(params![firm.as_bytes(), matter.as_bytes(), person.as_bytes()], |found| {
            row::id(found, 0, PersonId::from_bytes)
        })?
        .collect()
}
