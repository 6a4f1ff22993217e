//! Coming and going: who is in a conversation, and whether it takes messages.
//!
//! Invariants: each change is an entry of the log, written by who caused it. One who leaves keeps what was said up
//! to then, if the access rule lets them (R19), and sees nothing of what follows, not even their own leaving.

use portico_wire::conversation::{ConversationKind, ConversationState, Standing};
use portico_wire::entry::{EntryKind, EntrySubject};
use portico_wire::ids::{ConversationId, FirmId, PersonId};
use rusqlite::params;

use super::events::{self, Moved};
use super::facts::{self, Facts};
use super::store::{Store, StoreError};
use super::writer::Write;
use super::{heads, log, people, row};
use crate::access::{self, MatterDoor};
use crate::log::append::Draft;

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is made and recorded.
    Made,
    /// It was so already; nothing is recorded.
    AlreadySo,
    /// The firm has no such conversation or no such member.
    NotFound,
    /// The kind or the state of the conversation does not allow it.
    NotAllowed,
}

/// The body of the entry that closes a conversation because its last client has left (R20).
const CLIENT_DEPARTED: &str = "client_departed";

impl Store {
    /// Archives: clients read on and cannot post; it can be undone (R21). `by`: who does it.
    ///
    /// # Errors
    /// As every write; nothing is kept.
    pub async fn archive(
        &self,
        firm: FirmId,
        conversation: ConversationId,
        by: PersonId,
    ) -> Result<Change, StoreError> {
        self.manage(firm, conversation, by, move |write| {
            set_state(write, firm, conversation, by, ConversationState::Archived)
        })
        .await
    }

    /// Undoes [`Store::archive`].
    ///
    /// # Errors
    /// As every write; nothing is kept.
    pub async fn unarchive(
        &self,
        firm: FirmId,
        conversation: ConversationId,
        by: PersonId,
    ) -> Result<Change, StoreError> {
        self.manage(firm, conversation, by, move |write| {
            set_state(write, firm, conversation, by, ConversationState::Open)
        })
        .await
    }

    /// Adds a member of the firm to the conversation; they and the others hear of it.
    ///
    /// # Errors
    /// As every write; nothing is kept.
    pub async fn add_participant(
        &self,
        firm: FirmId,
        conversation: ConversationId,
        person: PersonId,
        by: PersonId,
    ) -> Result<Change, StoreError> {
        self.manage(firm, conversation, by, move |write| join(write, firm, conversation, person, by)).await
    }

    /// Ends somebody's stay. When the last client of an external conversation leaves, it closes (R20).
    ///
    /// # Errors
    /// As every write; nothing is kept.
    pub async fn remove_participant(
        &self,
        firm: FirmId,
        conversation: ConversationId,
        person: PersonId,
        by: PersonId,
    ) -> Result<Change, StoreError> {
        self.manage(firm, conversation, by, move |write| leave(write, firm, conversation, person, by)).await
    }

    /// Ends somebody's membership: every stay, and every session at once (R43). What they wrote stays.
    ///
    /// # Errors
    /// As every write; nothing is kept.
    pub async fn end_membership(
        &self,
        firm: FirmId,
        person: PersonId,
        by: PersonId,
    ) -> Result<Change, StoreError> {
        self.write(move |write| match people::current_staff(write.connection, firm, by)? {
            Ok(_) => end_membership(write, firm, person, by),
            Err(change) => Ok(change),
        })
        .await
    }

    /// Somebody leaves: a client or third party every conversation, each of which they go on reading as of now (R19),
    /// one of the staff the firm (R43).
    ///
    /// # Errors
    /// As every write; nothing is kept.
    pub async fn depart(&self, firm: FirmId, person: PersonId, by: PersonId) -> Result<Change, StoreError> {
        self.write(move |write| {
            if let Err(change) = people::current_staff(write.connection, firm, by)? {
                return Ok(change);
            }
            match people::current_member(write.connection, firm, person)? {
                None => Ok(Change::NotFound),
                Some(member) if member.reader.standing == Standing::Staff => {
                    end_membership(write, firm, person, by)
                }
                Some(_) => leave_all(write, firm, person, by).map(|()| Change::Made),
            }
        })
        .await
    }

    /// Makes a change of a conversation in the name of `by`, who must be allowed to manage it (R14, R17).
    async fn manage(
        &self,
        firm: FirmId,
        conversation: ConversationId,
        by: PersonId,
        make: impl FnOnce(&mut Write<'_>) -> rusqlite::Result<Change> + Send + 'static,
    ) -> Result<Change, StoreError> {
        self.write(move |write| {
            let member = people::current_member(write.connection, firm, by)?;
            let facts = facts::facts(write.connection, firm, by, conversation)?;
            let (Some(member), Some(facts)) = (member, facts) else { return Ok(Change::NotFound) };
            if access::can_manage(member.reader, &facts.place) {
                make(write)
            } else if access::can_know_of(member.reader, &facts.place) {
                Ok(Change::NotAllowed)
            } else {
                Ok(Change::NotFound)
            }
        })
        .await
    }
}

/// Begins a stay at entry `from_seq`.
pub(super) fn begin(
    write: &Write<'_>,
    firm: FirmId,
    conversation: ConversationId,
    person: PersonId,
    from_seq: u64,
) -> rusqlite::Result<()> {
    write
        .connection
        .prepare_cached(
            "INSERT INTO stays (firm_id, conversation_id, person_id, from_seq) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            firm.as_bytes(),
            conversation.as_bytes(),
            person.as_bytes(),
            row::stored(from_seq)
        ])?;
    Ok(())
}

fn end(
    write: &Write<'_>,
    firm: FirmId,
    conversation: ConversationId,
    person: PersonId,
    until_seq: u64,
) -> rusqlite::Result<()> {
    write
        .connection
        .prepare_cached(
            "UPDATE stays SET until_seq = ?4
             WHERE firm_id = ?1 AND conversation_id = ?2 AND person_id = ?3 AND until_seq IS NULL",
        )?
        .execute(params![
            firm.as_bytes(),
            conversation.as_bytes(),
            person.as_bytes(),
            row::stored(until_seq)
        ])?;
    Ok(())
}

/// Tells `persons`, ascending, what the head is now, or that they have lost the conversation.
pub(super) fn tell_heads(
    write: &mut Write<'_>,
    firm: FirmId,
    conversation: ConversationId,
    persons: &[PersonId],
) -> rusqlite::Result<()> {
    for person in persons {
        let held = heads::head(write.connection, firm, *person, conversation)?.is_some();
        let moved = if held { Moved::Conversation } else { Moved::AccessLost };
        events::emit(write, firm, *person, conversation, moved)?;
    }
    Ok(())
}

/// The conversation and the one who changes it; none where either is not there.
fn met(
    write: &Write<'_>,
    firm: FirmId,
    conversation: ConversationId,
    by: PersonId,
) -> rusqlite::Result<Option<(Facts, String)>> {
    let Some(member) = people::member(write.connection, firm, by)? else { return Ok(None) };
    Ok(facts::facts(write.connection, firm, by, conversation)?.map(|facts| (facts, member.name)))
}

/// Appends an entry without a send key at the present end of the log.
pub(super) fn record(
    write: &mut Write<'_>,
    firm: FirmId,
    conversation: ConversationId,
    by: PersonId,
    kind: EntryKind,
    body: String,
) -> rusqlite::Result<()> {
    if let Some((facts, author_name)) = met(write, firm, conversation, by)? {
        let composed_at_ms = write.now_ms;
        let files = Vec::new();
        let draft = Draft { kind, author: by, author_name, composed_at_ms, body, files, send_key: None };
        log::append(write, facts.tail, draft)?;
    }
    Ok(())
}

fn set_state(
    write: &mut Write<'_>,
    firm: FirmId,
    conversation: ConversationId,
    by: PersonId,
    state: ConversationState,
) -> rusqlite::Result<Change> {
    let Some((facts, _)) = met(write, firm, conversation, by)? else { return Ok(Change::NotFound) };
    if facts.place.state == state {
        return Ok(Change::AlreadySo);
    }
    if facts.place.state == ConversationState::Closed {
        return Ok(Change::NotAllowed);
    }
    store_state(write, firm, conversation, state)?;
    let kind = if state == ConversationState::Open { EntryKind::Restored } else { EntryKind::Archived };
    record(write, firm, conversation, by, kind, String::new())?;
    let participants = facts::participants(write.connection, firm, conversation)?;
    tell_heads(write, firm, conversation, &participants)?;
    Ok(Change::Made)
}

fn store_state(
    write: &Write<'_>,
    firm: FirmId,
    conversation: ConversationId,
    state: ConversationState,
) -> rusqlite::Result<()> {
    write
        .connection
        .prepare_cached("UPDATE conversations SET state = ?3 WHERE firm_id = ?1 AND conversation_id = ?2")?
        .execute(params![firm.as_bytes(), conversation.as_bytes(), row::state_text(state)])?;
    Ok(())
}

fn join(
    write: &mut Write<'_>,
    firm: FirmId,
    conversation: ConversationId,
    person: PersonId,
    by: PersonId,
) -> rusqlite::Result<Change> {
    let Some(member) = people::current_member(write.connection, firm, person)? else {
        return Ok(Change::NotFound);
    };
    let Some(facts) = facts::facts(write.connection, firm, person, conversation)? else {
        return Ok(Change::NotFound);
    };
    if facts.place.participates() {
        return Ok(Change::AlreadySo);
    }
    let outside =
        member.reader.standing.is_external() && facts.place.kind != ConversationKind::ExternalMatter;
    // Whom the matter is shut to could not read it (R17).
    let shut_out = !member.reader.standing.is_external() && facts.place.door == MatterDoor::Shut;
    if outside || shut_out || facts.place.state == ConversationState::Closed {
        return Ok(Change::NotAllowed);
    }
    begin(write, firm, conversation, person, facts.tail.seq + 1)?;
    let participants = facts::participants(write.connection, firm, conversation)?;
    tell_heads(write, firm, conversation, &participants)?;
    record(write, firm, conversation, by, EntryKind::Joined, subject(person, member.name))?;
    Ok(Change::Made)
}

pub(super) fn leave(
    write: &mut Write<'_>,
    firm: FirmId,
    conversation: ConversationId,
    person: PersonId,
    by: PersonId,
) -> rusqlite::Result<Change> {
    let Some(member) = people::member(write.connection, firm, person)? else { return Ok(Change::NotFound) };
    let Some(facts) = facts::facts(write.connection, firm, person, conversation)? else {
        return Ok(Change::NotFound);
    };
    if !facts.place.participates() {
        return Ok(Change::AlreadySo);
    }
    end(write, firm, conversation, person, facts.tail.seq)?;
    record(write, firm, conversation, by, EntryKind::Left, subject(person, member.name))?;
    let is_client = member.reader.standing == Standing::Client;
    if is_client
        && facts.place.kind == ConversationKind::ExternalMatter
        && !has_client(write, firm, conversation)?
    {
        close(write, firm, conversation, by)?;
    }
    let mut told = facts::participants(write.connection, firm, conversation)?;
    told.push(person);
    told.sort_unstable();
    tell_heads(write, firm, conversation, &told)?;
    Ok(Change::Made)
}

pub(super) fn subject(person_id: PersonId, name: String) -> String {
    serde_json::to_string(&EntrySubject { person_id, name }).expect("an id and a name are JSON")
}

fn has_client(write: &Write<'_>, firm: FirmId, conversation: ConversationId) -> rusqlite::Result<bool> {
    write
        .connection
        .prepare_cached(
            "SELECT 1 FROM stays AS s JOIN memberships AS m ON m.firm_id = s.firm_id AND m.person_id = s.person_id
             WHERE s.firm_id = ?1 AND s.conversation_id = ?2 AND s.until_seq IS NULL AND m.standing = 'client'",
        )?
        .exists(params![firm.as_bytes(), conversation.as_bytes()])
}

/// Closes for good: the reason is an entry, and the firm's people are in it no longer (R20).
fn close(
    write: &mut Write<'_>,
    firm: FirmId,
    conversation: ConversationId,
    by: PersonId,
) -> rusqlite::Result<()> {
    store_state(write, firm, conversation, ConversationState::Closed)?;
    record(write, firm, conversation, by, EntryKind::Closed, CLIENT_DEPARTED.to_owned())?;
    let mut staff = Vec::new();
    for person in facts::participants(write.connection, firm, conversation)? {
        let member = people::member(write.connection, firm, person)?;
        if member.is_some_and(|member| member.reader.standing == Standing::Staff) {
            staff.push(person);
        }
    }
    let Some((facts, _)) = met(write, firm, conversation, by)? else { return Ok(()) };
    for person in &staff {
        end(write, firm, conversation, *person, facts.tail.seq)?;
    }
    tell_heads(write, firm, conversation, &staff)
}

fn end_membership(
    write: &mut Write<'_>,
    firm: FirmId,
    person: PersonId,
    by: PersonId,
) -> rusqlite::Result<Change> {
    if people::member(write.connection, firm, person)?.is_none() {
        return Ok(Change::NotFound);
    }
    let ended = write
        .connection
        .prepare_cached(
            "UPDATE memberships SET ended_at_ms = ?3 WHERE firm_id = ?1 AND person_id = ?2 AND ended_at_ms IS NULL",
        )?
        .execute(params![firm.as_bytes(), person.as_bytes(), write.now_ms])?;
    if ended == 0 {
        return Ok(Change::AlreadySo);
    }
    leave_all(write, firm, person, by)?;
    Ok(Change::Made)
}

/// Ends every stay of somebody.
fn leave_all(write: &mut Write<'_>, firm: FirmId, person: PersonId, by: PersonId) -> rusqlite::Result<()> {
    let conversations: Vec<ConversationId> = write
        .connection
        .prepare_cached(
            "SELECT conversation_id FROM stays WHERE firm_id = ?1 AND person_id = ?2 AND until_seq IS NULL
             ORDER BY conversation_id",
        )?
        .query_map(params![firm.as_bytes(), person.as_bytes()], |row| {
            row::id(row, 0, ConversationId::from_bytes)
        })?
        .collect::<rusqlite::Result<_>>()?;
    for conversation in conversations {
        leave(write, firm, conversation, person, by)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    // R20
    #[tokio::test]
    async fn conversation_closes_when_its_last_client_leaves() {
        let world = World::new().await;
        let (firm, claim) = (world.firm.firm_id, world.conversation("claim"));
        let [mara, amina] = ["mara", "amina"].map(|short| world.firm.people[short].person_id);

        world.app.store().remove_participant(firm, claim, amina, mara).await.unwrap();

        let phone = world.phone("mara").await;
        let refused = phone.offer(phone.key(), &phone.message(&world, claim, "anyone?")).await;
        assert_eq!(refused.code(), "conversation_closed!");
        let log = world.app.store().read_log(claim).await.unwrap();
        let last = log.last().unwrap();
        assert_eq!((last.kind.as_str(), last.body.as_str()), ("closed", "client_departed"));
        assert_eq!(world.app.store().unarchive(firm, claim, mara).await, Ok(Change::NotAllowed));
    }

    // R21
    #[tokio::test]
    async fn archived_conversation_is_read_on_and_can_be_undone() {
        let world = World::new().await;
        let (firm, claim) = (world.firm.firm_id, world.conversation("claim"));
        let mara = world.firm.people["mara"].person_id;
        let amina = world.phone("amina").await;

        assert_eq!(world.app.store().archive(firm, claim, mara).await, Ok(Change::Made));
        assert_eq!(world.app.store().archive(firm, claim, mara).await, Ok(Change::AlreadySo));
        let archived = amina.snapshot().await.conversations.remove(0);
        assert_eq!(world.app.store().unarchive(firm, claim, mara).await, Ok(Change::Made));
        let undone = amina.snapshot().await.conversations.remove(0);

        assert_eq!((archived.head.state, archived.head.may_post), (ConversationState::Archived, false));
        assert_eq!(archived.entries.len(), 3);
        assert_eq!((undone.head.state, undone.head.may_post), (ConversationState::Open, true));
    }

    #[tokio::test]
    async fn outside_people_join_external_conversations_only() {
        let world = World::new().await;
        let firm = world.firm.firm_id;
        let [mara, kenji] = ["mara", "kenji"].map(|short| world.firm.people[short].person_id);
        let join = async |short| {
            world.app.store().add_participant(firm, world.conversation(short), kenji, mara).await.unwrap()
        };

        let joined = [
            join("notes").await,
            join("library").await,
            join("direct").await,
            join("claim").await,
            join("claim").await,
        ];

        use Change::{AlreadySo, Made, NotAllowed};
        assert_eq!(joined, [NotAllowed, NotAllowed, NotAllowed, Made, AlreadySo]);
    }

    // R43: who has left the firm comes back by an invitation only, and changes nothing.
    #[tokio::test]
    async fn one_who_left_the_firm_is_not_added_and_adds_nobody() {
        let world = World::new().await;
        let (firm, claim) = (world.firm.firm_id, world.conversation("claim"));
        let [mara, jonas, kenji] = ["mara", "jonas", "kenji"].map(|short| world.firm.people[short].person_id);
        let store = world.app.store();
        store.end_membership(firm, jonas, mara).await.unwrap();

        let changes = [
            store.add_participant(firm, claim, jonas, mara).await.unwrap(),
            store.add_participant(firm, claim, kenji, jonas).await.unwrap(),
            store.remove_participant(firm, claim, mara, jonas).await.unwrap(),
            store.archive(firm, claim, jonas).await.unwrap(),
            store.end_membership(firm, mara, jonas).await.unwrap(),
        ];

        assert_eq!(changes, [Change::NotFound; 5]);
        let amina = world.firm.people["amina"].person_id;
        assert_eq!(store.archive(firm, claim, amina).await, Ok(Change::NotAllowed), "clients manage nothing");
        assert_eq!(store.archive(firm, claim, kenji).await, Ok(Change::NotFound), "and know of theirs only");
    }

    // R19, R41: one who joins reads from their joining on; what was said before is not theirs.
    #[tokio::test]
    async fn client_added_later_reads_from_then_on() {
        let world = World::new().await;
        let (firm, claim) = (world.firm.firm_id, world.conversation("claim"));
        let [mara, kenji] = ["mara", "kenji"].map(|short| world.firm.people[short].person_id);

        world.app.store().add_participant(firm, claim, kenji, mara).await.unwrap();

        let snapshot = world.phone("kenji").await.snapshot().await;
        let held = snapshot.conversations.iter().find(|held| held.head.conversation_id == claim).unwrap();
        assert_eq!((held.head.readable_from_seq, held.head.last_seq), (3, 3));
        assert_eq!(held.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [3]);
    }
}
