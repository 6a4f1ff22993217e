//! Log entries as they came, their place in the search index, and what is held without a gap.

use portico_wire::encoding::Base64;
use portico_wire::entry::{Entry, EntryKind};
use portico_wire::ids::{ConversationId, EntryId, Epoch, PersonId, SendKey};
use portico_wire::looked_at::SeqRange;
use portico_wire::search::{Searchable, index};
use rusqlite::{OptionalExtension as _, Row};

use super::spans::Ranges;
use super::values::{from_json, hash, id, int, to_json, uint};
use super::{Reading, StoreError, Writing};

/// How a stored entry stands to the server's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryStanding {
    /// The server has it in this place.
    Held,
    /// Not seen again since a restore; scrolling there asks.
    Unconfirmed,
    /// A restored server lacks it; kept, and marked so.
    Missing,
}

impl EntryStanding {
    pub(super) const fn of(number: i64) -> Self {
        match number {
            0 => Self::Held,
            2 => Self::Missing,
            _ => Self::Unconfirmed,
        }
    }
}

pub(super) const ENTRY_COLUMNS: &str = "entry_id, conversation_id, seq, standing, kind, epoch, author_id, \
     author_name, accepted_at_ms, composed_at_ms, body, salt, files, previous_hash, hash, send_key";

/// Reads a row of [`ENTRY_COLUMNS`].
pub(super) fn entry_of(row: &Row<'_>) -> rusqlite::Result<(Entry, EntryStanding)> {
    let files: String = row.get("files")?;
    let entry = Entry {
        entry_id: id(row, "entry_id", EntryId::from_bytes)?,
        conversation_id: id(row, "conversation_id", ConversationId::from_bytes)?,
        seq: uint(row.get("seq")?),
        epoch: id(row, "epoch", Epoch::from_bytes)?,
        kind: EntryKind::from(row.get_ref("kind")?.as_str()?),
        author_id: id(row, "author_id", PersonId::from_bytes)?,
        author_name: row.get("author_name")?,
        accepted_at_ms: row.get("accepted_at_ms")?,
        composed_at_ms: row.get("composed_at_ms")?,
        body: row.get("body")?,
        salt: Base64(row.get("salt")?),
        files: from_json(&files).map_err(|_| rusqlite::Error::InvalidQuery)?,
        previous_hash: hash(row, "previous_hash")?,
        hash: hash(row, "hash")?,
        send_key: row.get::<_, Option<[u8; 16]>>("send_key")?.map(SendKey::from_bytes),
    };
    Ok((entry, EntryStanding::of(row.get("standing")?)))
}

impl Reading<'_> {
    /// The entry of that id, if it is here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn entry(&self, entry: EntryId) -> Result<Option<(Entry, EntryStanding)>, StoreError> {
        let sql = format!("SELECT {ENTRY_COLUMNS} FROM entries WHERE entry_id = ?1");
        Ok(self.0.prepare_cached(&sql)?.query_row([entry.as_bytes()], entry_of).optional()?)
    }

    /// The entry that a send became, if it is here.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn entry_of_send(&self, key: SendKey) -> Result<Option<(Entry, EntryStanding)>, StoreError> {
        let sql = format!("SELECT {ENTRY_COLUMNS} FROM entries WHERE send_key = ?1");
        Ok(self.0.prepare_cached(&sql)?.query_row([key.as_bytes()], entry_of).optional()?)
    }
}

impl Writing<'_> {
    /// Stores `entry` as the server's log has it, in place of an older copy of the same entry or the same send.
    /// Whether the phone did not have it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_entry(&self, entry: &Entry) -> Result<bool, StoreError> {
        if let Some(key) = entry.send_key {
            self.drop_other_entry_of(key, entry.entry_id)?;
        }
        let known = self.0.0
            .prepare_cached(
                "UPDATE entries SET standing = 0, seq = ?2, send_key = coalesce(?3, send_key) WHERE entry_id = ?1",
            )?
            .execute((entry.entry_id.as_bytes(), int(entry.seq), entry.send_key.map(|key| *key.as_bytes())))?;
        if known == 0 {
            self.insert_entry(entry)?;
        }
        let here = SeqRange { from_seq: entry.seq, to_seq: entry.seq };
        self.add_range(Ranges::Spans, entry.conversation_id, here)?;
        self.forget_preview(entry.entry_id)?;
        self.raise_head(entry)?;
        Ok(known == 0)
    }

    fn insert_entry(&self, entry: &Entry) -> Result<(), StoreError> {
        let place = self.free_place(entry)?;
        self.0.0
            .prepare_cached(
                "INSERT INTO entries (place, entry_id, conversation_id, seq, standing, kind, epoch, author_id,
                    author_name, accepted_at_ms, composed_at_ms, body, salt, files, previous_hash, hash, send_key,
                    quiet)
                 VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?
            .execute(rusqlite::params![
                place,
                entry.entry_id.as_bytes(),
                entry.conversation_id.as_bytes(),
                int(entry.seq),
                entry.kind.as_str(),
                entry.epoch.as_bytes(),
                entry.author_id.as_bytes(),
                entry.author_name,
                entry.accepted_at_ms,
                entry.composed_at_ms,
                entry.body,
                entry.salt.0,
                to_json(&entry.files)?,
                entry.previous_hash.as_bytes(),
                entry.hash.as_bytes(),
                entry.send_key.map(|key| *key.as_bytes()),
                self.never_unread(entry)?,
            ])?;
        if entry.kind == EntryKind::Message {
            let content = index::content(&Searchable::of(entry), &[]);
            self.0
                .0
                .prepare_cached("INSERT INTO entry_tokens (rowid, tokens) VALUES (?1, ?2)")?
                .execute((place, content))?;
        }
        Ok(())
    }

    fn never_unread(&self, entry: &Entry) -> Result<bool, StoreError> {
        let me = self.session()?.map(|session| session.person_id);
        Ok(entry.kind != EntryKind::Message || me == Some(entry.author_id))
    }

    /// Time first, so that the search index steps through time.
    fn free_place(&self, entry: &Entry) -> Result<i64, StoreError> {
        let mut place = index::place(entry.accepted_at_ms, entry.seq);
        let mut taken = self.0.0.prepare_cached("SELECT 1 FROM entries WHERE place = ?1")?;
        while taken.exists([place])? {
            place += 1;
        }
        Ok(place)
    }

    /// A send has one entry. After a restore the server may accept it anew under another id.
    fn drop_other_entry_of(&self, key: SendKey, entry: EntryId) -> Result<(), StoreError> {
        let others: Vec<i64> = self
            .0
            .0
            .prepare_cached("SELECT place FROM entries WHERE send_key = ?1 AND entry_id <> ?2")?
            .query_map((key.as_bytes(), entry.as_bytes()), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for place in others {
            self.drop_place(place)?;
        }
        Ok(())
    }

    pub(super) fn drop_place(&self, place: i64) -> Result<(), StoreError> {
        self.0.0.prepare_cached("DELETE FROM entry_tokens WHERE rowid = ?1")?.execute([place])?;
        self.0.0.prepare_cached("DELETE FROM entries WHERE place = ?1")?.execute([place])?;
        Ok(())
    }

    /// Stores a page of the log that has no gap from `from_seq` to `to_seq`. What this phone has in that range and
    /// the page has not, the server lacks: it stays, marked so.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_page(
        &self,
        conversation: ConversationId,
        from_seq: u64,
        to_seq: u64,
        entries: &[Entry],
    ) -> Result<(), StoreError> {
        self.0
            .0
            .prepare_cached(
                "UPDATE entries SET standing = 2 WHERE conversation_id = ?1 AND seq BETWEEN ?2 AND ?3",
            )?
            .execute((conversation.as_bytes(), int(from_seq), int(to_seq)))?;
        for entry in entries {
            self.put_entry(entry)?;
        }
        self.confirm_below(conversation, entries)
    }

    /// Entries below a page are the server's too if their chain of hashes ends where the page begins.
    fn confirm_below(&self, conversation: ConversationId, entries: &[Entry]) -> Result<(), StoreError> {
        let Some(first) = entries.first().filter(|first| first.seq > 1) else { return Ok(()) };
        let mut below = first.seq - 1;
        let mut expected = first.previous_hash;
        let mut select = self.0.0.prepare_cached(
            "SELECT place, previous_hash FROM entries
             WHERE conversation_id = ?1 AND seq = ?2 AND hash = ?3 AND standing = 1",
        )?;
        let mut confirm = self.0.0.prepare_cached("UPDATE entries SET standing = 0 WHERE place = ?1")?;
        let mut confirmed = None;
        loop {
            let key = (conversation.as_bytes(), int(below), expected.as_bytes());
            let found = select
                .query_row(key, |row| Ok((row.get::<_, i64>("place")?, hash(row, "previous_hash")?)))
                .optional()?;
            let Some((place, previous)) = found else { break };
            confirm.execute([place])?;
            confirmed = Some(SeqRange { from_seq: below, to_seq: first.seq - 1 });
            if below == 1 {
                break;
            }
            below -= 1;
            expected = previous;
        }
        confirmed.map_or(Ok(()), |range| self.add_range(Ranges::Spans, conversation, range))
    }
}
