//! Appends to a conversation's log and tells those who are in it. One transaction: entry, body, its place in the
//! search, events, pushes.

use portico_wire::encoding::{Base64, ParseBytesError, Sha256};
use portico_wire::entry::{Entry, EntryFile, EntryKind};
use portico_wire::ids::{ConversationId, EntryId, Epoch, FirmId, ParseIdError, PersonId, SendKey};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::events::{self, Moved};
use super::writer::Write;
use super::{facts, row, search};
use crate::log::append::{Draft, Tail, chain};

/// The columns that [`read_entry`] reads, of `entries AS e` and `bodies AS b`.
pub(super) const ENTRY_COLUMNS: &str = "e.entry_id, e.conversation_id, e.seq, e.epoch, e.kind, e.author_id,
    e.author_name, e.accepted_at_ms, e.composed_at_ms, b.body, b.salt, e.previous_hash, e.hash, e.send_key,
    (SELECT json_group_array(json_array(hex(a.attachment_id), a.name, c.media_type, hex(c.sha256), c.size_bytes)
       ORDER BY a.place)
     FROM attachments AS a JOIN contents AS c
       ON c.firm_id = a.firm_id AND c.content_id = a.content_id
     WHERE a.firm_id = e.firm_id AND a.conversation_id = e.conversation_id AND a.seq = e.seq)";

/// How many columns [`ENTRY_COLUMNS`] are.
pub(super) const ENTRY_COLUMN_COUNT: usize = 15;

/// How `entries AS e` and `bodies AS b` belong together.
pub(super) const ENTRY_TABLES: &str = "entries AS e JOIN bodies AS b
    ON b.firm_id = e.firm_id AND b.conversation_id = e.conversation_id AND b.seq = e.seq";

/// Reads an entry whole, send key included.
pub(super) fn read_entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        entry_id: row::id(row, 0, EntryId::from_bytes)?,
        conversation_id: row::id(row, 1, ConversationId::from_bytes)?,
        seq: row::seq(row, 2)?,
        epoch: row::id(row, 3, Epoch::from_bytes)?,
        kind: EntryKind::from(row.get_ref(4)?.as_str()?),
        author_id: row::id(row, 5, PersonId::from_bytes)?,
        author_name: row.get(6)?,
        accepted_at_ms: row.get(7)?,
        composed_at_ms: row.get(8)?,
        body: row.get(9)?,
        salt: Base64(row.get(10)?),
        files: read_files(row.get_ref(14)?.as_str()?)?,
        previous_hash: row::hash(row, 11)?,
        hash: row::hash(row, 12)?,
        send_key: row::id_opt(row, 13, SendKey::from_bytes)?,
    })
}

/// A file as its row's JSON has it: blobs are hex there, since JSON has none.
type FileJson = (String, String, String, String, u64);

fn read_files(json: &str) -> rusqlite::Result<Vec<EntryFile>> {
    let foreign = |fault| rusqlite::Error::FromSqlConversionFailure(14, Type::Text, fault);
    // Most entries have none.
    if json == "[]" {
        return Ok(Vec::new());
    }
    let rows: Vec<FileJson> = serde_json::from_str(json).map_err(|fault| foreign(fault.into()))?;
    let files = rows.into_iter().map(|(id, name, media_type, sha256, size_bytes)| {
        Ok(EntryFile {
            attachment_id: id.parse().map_err(|fault: ParseIdError| foreign(fault.into()))?,
            name,
            media_type,
            sha256: sha256.parse().map_err(|fault: ParseBytesError| foreign(fault.into()))?,
            size_bytes,
        })
    });
    files.collect()
}

/// The entry as `person` may see it: a send key is its author's alone.
pub(super) fn for_reader(mut entry: Entry, person: PersonId) -> Entry {
    if entry.author_id != person {
        entry.send_key = None;
    }
    entry
}

/// Reads one entry, asking nobody.
pub(super) fn entry_at(
    connection: &Connection,
    firm: FirmId,
    conversation: ConversationId,
    seq: u64,
) -> rusqlite::Result<Option<Entry>> {
    connection
        .prepare_cached(&format!(
            "SELECT {ENTRY_COLUMNS} FROM {ENTRY_TABLES}
             WHERE e.firm_id = ?1 AND e.conversation_id = ?2 AND e.seq = ?3"
        ))?
        .query_row(params![firm.as_bytes(), conversation.as_bytes(), row::stored(seq)], read_entry)
        .optional()
}

/// Appends `draft` at `tail` and tells everybody who is in the conversation, the author too.
pub(super) fn append(write: &mut Write<'_>, tail: Tail, draft: Draft) -> rusqlite::Result<Entry> {
    let entry = chain(tail, draft, write.epoch, write.now_ms, write.ports);
    insert(write, tail.firm, &entry)?;
    for person in facts::participants(write.connection, tail.firm, tail.conversation)? {
        let moved = Moved::Entry { seq: entry.seq };
        let log_seq = events::emit(write, tail.firm, person, tail.conversation, moved)?;
        if entry.kind == EntryKind::Message && person != entry.author_id {
            queue_pushes(write, tail.firm, person, &entry, log_seq)?;
        }
    }
    Ok(entry)
}

fn insert(write: &Write<'_>, firm: FirmId, entry: &Entry) -> rusqlite::Result<()> {
    let place = match entry.kind {
        EntryKind::Message => Some(search::index(write.connection, firm, entry)?),
        _ => None,
    };
    let (firm, conversation, seq) =
        (firm.as_bytes(), entry.conversation_id.as_bytes(), row::stored(entry.seq));
    write
        .connection
        .prepare_cached(
            "INSERT INTO entries (firm_id, conversation_id, seq, entry_id, epoch, kind, author_id, author_name,
               accepted_at_ms, composed_at_ms, previous_hash, hash, send_key, place)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            firm,
            conversation,
            seq,
            entry.entry_id.as_bytes(),
            entry.epoch.as_bytes(),
            entry.kind.as_str(),
            entry.author_id.as_bytes(),
            entry.author_name,
            entry.accepted_at_ms,
            entry.composed_at_ms,
            entry.previous_hash.as_bytes(),
            entry.hash.as_bytes(),
            entry.send_key.as_ref().map(SendKey::as_bytes),
            place,
        ])?;
    write
        .connection
        .prepare_cached(
            "INSERT INTO bodies (firm_id, conversation_id, seq, body, salt) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![firm, conversation, seq, entry.body, entry.salt.0])?;
    set_tail(write.connection, firm, conversation, seq, &entry.hash)
}

fn set_tail(
    connection: &Connection,
    firm: &[u8; 16],
    conversation: &[u8; 16],
    seq: i64,
    hash: &Sha256,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE conversations SET last_seq = ?3, last_hash = ?4 WHERE firm_id = ?1 AND conversation_id = ?2",
        )?
        .execute(params![firm, conversation, seq, hash.as_bytes()])?;
    Ok(())
}

/// One row for each device that can be reached.
fn queue_pushes(
    write: &mut Write<'_>,
    firm: FirmId,
    person: PersonId,
    entry: &Entry,
    log_seq: u64,
) -> rusqlite::Result<()> {
    let queued = write
        .connection
        .prepare_cached(
            "INSERT INTO push_jobs (firm_id, person_id, device_id, conversation_id, entry_seq, log_seq, due_at_ms)
             SELECT firm_id, person_id, device_id, ?3, ?4, ?5, ?6 FROM devices
             WHERE firm_id = ?1 AND person_id = ?2 AND push_token IS NOT NULL AND signed_out_at_ms IS NULL",
        )?
        .execute(params![
            firm.as_bytes(),
            person.as_bytes(),
            entry.conversation_id.as_bytes(),
            row::stored(entry.seq),
            row::stored(log_seq),
            write.now_ms
        ])?;
    write.jobs_due |= queued > 0;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::World;

    // R43: what somebody wrote stays under their name.
    #[tokio::test]
    async fn words_of_one_who_left_the_firm_stay() {
        let world = World::new().await;
        let claim = world.conversation("claim");
        let [mara, jonas] = ["mara", "jonas"].map(|short| world.firm.people[short].person_id);

        world.app.store().end_membership(world.firm.firm_id, mara, jonas).await.unwrap();

        let log = world.app.store().read_log(claim).await.unwrap();
        assert_eq!((log[0].author_id, log[0].author_name.as_str()), (mara, "Mara Okafor"));
        assert_eq!(log.last().unwrap().kind.as_str(), "left");
    }
}
