//! Upload batches: opened by a manifest, decided by the commit that its last byte is.
//!
//! ```text
//! open --commit--> accepted | refused        open --withdraw--> withdrawn        open --cancel, expiry--> unknown
//! ```
//! Invariants: the key is looked up before anything else. Every opening mints a new capability; the database has its
//! hash alone. A batch that ends gives its segment back to the caller, who removes the file after the commit.
//! Crash: before the commit an open batch, after it a message, never half of one.

use portico_wire::encoding::Sha256;
use portico_wire::entry::{EntryFile, EntryKind};
use portico_wire::ids::{AttachmentId, ConversationId, SegmentId, SendKey};
use portico_wire::limits::BATCH_KEPT_MS;
use portico_wire::refusal::{Refusal, RefusalCode};
use portico_wire::upload::batch_id;
use rusqlite::params;

use super::batch_rows::{self, BatchRow, FinishedRow, NewBatch};
use super::contents::StoredFile;
use super::people::Member;
use super::sends::{self, SendAnswer, Sent};
use super::sessions::Caller;
use super::store::{Store, StoreError};
use super::writer::Write;
use super::{attachments, contents, facts, limits, log, people};
use crate::access;
use crate::log::append::Draft;
use crate::log::ruling::{Outcome, Receipted, Ruling, rule};

/// Batches that one round of workers forgets; the next round is a second later.
const EXPIRED_MAX: u32 = 100;

/// What the opening of a batch answers.
pub(crate) enum OpenAnswer {
    /// Its bytes may come, under `capability` alone.
    Open {
        capability: [u8; 32],
        batch: Box<BatchRow>,
        /// The segment of an earlier pack that the manifest has replaced.
        replaced: Option<SegmentId>,
    },
    /// The disk has no room for it; nothing is kept.
    DiskFull,
    /// It is decided; with the segment that nobody needs any more, where the manifest itself has decided it.
    Decided(SendAnswer, Option<SegmentId>),
}

/// Whether the disk has room for what a manifest announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Enough,
    Full,
}

/// How a key stands.
pub(crate) enum Standing {
    Open(Box<BatchRow>),
    Decided(SendAnswer),
    Unknown,
}

/// What a capability opens.
pub(crate) enum Entitled {
    /// A batch that takes bytes.
    Open(Box<BatchRow>),
    /// A batch that is decided.
    Finished(FinishedRow, SendAnswer),
}

impl Store {
    /// Opens a batch, or says again what became of its key.
    ///
    /// # Errors
    /// As [`Store::write`]; nothing is kept, and the capability given before stays good.
    pub(crate) async fn open_batch(
        &self,
        caller: Caller,
        key: SendKey,
        batch: NewBatch,
        room: Room,
    ) -> Result<OpenAnswer, StoreError> {
        self.write(move |write| open(write, caller, key, &batch, room)).await
    }

    /// How the caller's key stands.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn batch_standing(&self, caller: Caller, key: SendKey) -> Result<Standing, StoreError> {
        self.read(move |tx| {
            if let Some(kept) = sends::kept(tx, caller, key)? {
                return Ok(Standing::Decided(sends::answer(tx, caller, key, kept)?));
            }
            let open = batch_rows::of_key(tx, caller, key)?;
            Ok(open.map_or(Standing::Unknown, |batch| Standing::Open(Box::new(batch))))
        })
        .await
    }

    /// What a capability opens; none where it is unknown, taken back, over, of another epoch, or where its device
    /// is signed out or its author has lost what it was for.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn entitled(
        &self,
        capability: Sha256,
        now_ms: i64,
    ) -> Result<Option<Entitled>, StoreError> {
        let epoch = self.epoch();
        self.read(move |tx| {
            if let Some(batch) = batch_rows::of_capability(tx, &capability, epoch, now_ms)? {
                let knows = batch.receipted == Receipted::Valid || {
                    let (caller, conversation) = (batch.caller, batch.conversation_id);
                    let member = people::current_member(tx, caller.firm_id, caller.person_id)?;
                    let facts = facts::facts(tx, caller.firm_id, caller.person_id, conversation)?;
                    let known = member.zip(facts);
                    known.is_some_and(|(member, facts)| access::can_know_of(member.reader, &facts.place))
                };
                return Ok(knows.then(|| Entitled::Open(Box::new(batch))));
            }
            let Some(finished) = batch_rows::finished(tx, &capability, epoch, now_ms)? else {
                return Ok(None);
            };
            let kept = sends::kept(tx, finished.caller, finished.key)?;
            let kept = kept.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            let answer = sends::answer(tx, finished.caller, finished.key, kept)?;
            Ok(Some(Entitled::Finished(finished, answer)))
        })
        .await
    }

    /// Bytes of the batch have come: what is not committed is kept for its time from now on.
    ///
    /// # Errors
    /// As [`Store::write`]; it expires as before.
    pub(crate) async fn touch_batch(&self, segment: SegmentId) -> Result<(), StoreError> {
        self.write(move |write| {
            write
                .connection
                .prepare_cached(
                    "UPDATE batches SET touched_at_ms = max(touched_at_ms, ?2) WHERE segment_id = ?1",
                )?
                .execute(params![segment.as_bytes(), write.now_ms])?;
            Ok(())
        })
        .await
    }

    /// Commits a batch whose every byte is on disk: its entry with its files, its outcome, events and pushes, or the
    /// refusal that is due by now. None where `batch` is not open under its capability any more.
    ///
    /// `stored`: for each file, in the order of the manifest.
    /// # Errors
    /// As [`Store::write`]; the batch stays open.
    pub(crate) async fn commit_batch(
        &self,
        batch: BatchRow,
        stored: Vec<StoredFile>,
    ) -> Result<Option<SendAnswer>, StoreError> {
        self.write(move |write| match still_open(write, &batch)? {
            Some(member) => commit(write, &batch, &stored, member),
            None => Ok(None),
        })
        .await
    }

    /// Refuses a batch for good because of what its bytes are. None where it is not open any more.
    ///
    /// # Errors
    /// As [`Store::write`]; the batch stays open.
    pub(crate) async fn refuse_batch(
        &self,
        batch: BatchRow,
        refusal: Refusal,
    ) -> Result<Option<SendAnswer>, StoreError> {
        self.write(move |write| match still_open(write, &batch)? {
            Some(_) => refuse(write, &batch, refusal).map(Some),
            None => Ok(None),
        })
        .await
    }

    /// The segments of batches that are over, at most [`EXPIRED_MAX`].
    ///
    /// # Errors
    /// As [`Store::read`].
    pub(crate) async fn expired_batches(&self, now_ms: i64) -> Result<Vec<SegmentId>, StoreError> {
        let (segments, finished) = self.read(move |tx| batch_rows::expired(tx, now_ms, EXPIRED_MAX)).await?;
        if finished {
            self.write(|write| batch_rows::delete_finished(write.connection, write.now_ms)).await?;
        }
        Ok(segments)
    }

    /// Says that the open batch in segment `from` lies in `to`, under another key.
    ///
    /// # Errors
    /// As [`Store::write`]; the batch stays where it was.
    pub(crate) async fn move_batch(
        &self,
        from: SegmentId,
        to: SegmentId,
        batch_key: [u8; 32],
    ) -> Result<(), StoreError> {
        self.write(move |write| batch_rows::move_to(write.connection, from, to, &batch_key)).await
    }

    /// Forgets a batch that is over; whether it was.
    ///
    /// # Errors
    /// As [`Store::write`]; the batch stays.
    pub(crate) async fn expire_batch(&self, segment: SegmentId) -> Result<bool, StoreError> {
        self.write(move |write| batch_rows::delete_expired(write.connection, segment, write.now_ms)).await
    }

    /// Cancels what a capability is for: the key stays unknown. The segment that nobody needs any more; none where
    /// the capability opens nothing.
    ///
    /// # Errors
    /// As [`Store::write`]; the batch stays open.
    pub(crate) async fn cancel_batch(&self, capability: Sha256) -> Result<Option<SegmentId>, StoreError> {
        self.write(move |write| {
            match batch_rows::of_capability(write.connection, &capability, write.epoch, write.now_ms)? {
                Some(batch) => end(write, batch.caller, batch.key),
                None => Ok(None),
            }
        })
        .await
    }
}

fn open(
    write: &mut Write<'_>,
    caller: Caller,
    key: SendKey,
    new: &NewBatch,
    room: Room,
) -> rusqlite::Result<OpenAnswer> {
    if let Some(kept) = sends::kept(write.connection, caller, key)? {
        let answer = sends::answer(write.connection, caller, key, kept.asked_with(&new.digest))?;
        return Ok(OpenAnswer::Decided(answer, None));
    }
    let refused = |refusal, ended| Ok(OpenAnswer::Decided(SendAnswer::Refused(refusal), ended));
    let present = batch_rows::of_key(write.connection, caller, key)?;
    if present.as_ref().is_some_and(|present| present.digest != new.digest) {
        return refused(Refusal::of(RefusalCode::SendKeyReused), None);
    }
    let Some(member) = people::member(write.connection, caller.firm_id, caller.person_id)? else {
        return refused(Refusal::of(RefusalCode::AccountClosed), None);
    };
    let facts = facts::facts(write.connection, caller.firm_id, caller.person_id, new.conversation_id)?;
    let limits = limits::of_firm(write.connection, caller.firm_id)?;
    let content = limits.batch().check_manifest(&new.body, &new.files);
    let place = facts.as_ref().map(|facts| &facts.place);
    let mut ruling = rule(member.reader, place, new.receipted, content);
    // Asked last: how full the firm is concerns those alone who may post.
    if ruling == Ruling::Accept && new.receipted == Receipted::No {
        let bytes = new.files.iter().map(|file| file.size_bytes).sum();
        if let Err(refusal) = limits::quota(write.connection, caller, key, limits, bytes)? {
            ruling = Ruling::Refuse(refusal);
        }
    }
    match ruling {
        Ruling::Accept if room == Room::Full => return Ok(OpenAnswer::DiskFull),
        Ruling::Accept => {}
        Ruling::Refuse(refusal) => {
            // As it is stored, so that the first answer is the one that is repeated.
            let measured = refusal.measured.map(|measured| measured.min(i64::MAX.unsigned_abs()));
            let refusal = Refusal { measured, ..refusal };
            let ended = end(write, caller, key)?;
            sends::keep(write, caller, key, Some(new.digest), None, &Outcome::Refused(refusal.clone()))?;
            return refused(refusal, ended);
        }
        Ruling::ConversationMissing => return Ok(OpenAnswer::Decided(SendAnswer::ConversationMissing, None)),
    }
    let capability: [u8; 32] = write.ports.random();
    let same_pack = present.as_ref().is_some_and(|present| present.is_packed_as(new));
    let replaced = if same_pack {
        batch_rows::renew(write, caller, key, &capability, new.receipted)?;
        None
    } else {
        let replaced = end(write, caller, key)?;
        batch_rows::insert(write, caller, key, &capability, new)?;
        replaced
    };
    let batch = batch_rows::of_key(write.connection, caller, key)?;
    let batch = Box::new(batch.ok_or(rusqlite::Error::QueryReturnedNoRows)?);
    Ok(OpenAnswer::Open { capability, batch, replaced })
}

/// Ends an open batch without an outcome; its segment, if there was one.
pub(super) fn end(write: &Write<'_>, caller: Caller, key: SendKey) -> rusqlite::Result<Option<SegmentId>> {
    batch_rows::delete(write.connection, caller, key)
}

/// The author, where `batch` is open under the same capability, and its key is not decided.
fn still_open(write: &Write<'_>, batch: &BatchRow) -> rusqlite::Result<Option<Member>> {
    let present =
        batch_rows::of_capability(write.connection, &batch.capability_hash, write.epoch, write.now_ms)?;
    let same = present.is_some_and(|present| present.segment == batch.segment);
    if !same || sends::kept(write.connection, batch.caller, batch.key)?.is_some() {
        return Ok(None);
    }
    people::member(write.connection, batch.caller.firm_id, batch.caller.person_id)
}

fn commit(
    write: &mut Write<'_>,
    batch: &BatchRow,
    stored: &[StoredFile],
    member: Member,
) -> rusqlite::Result<Option<SendAnswer>> {
    let (caller, conversation) = (batch.caller, batch.conversation_id);
    let facts = facts::facts(write.connection, caller.firm_id, caller.person_id, conversation)?;
    let place = facts.as_ref().map(|facts| &facts.place);
    let facts = match (rule(member.reader, place, batch.receipted, Ok(())), facts) {
        (Ruling::Accept, Some(facts)) => facts,
        (Ruling::Refuse(refusal), _) => return refuse(write, batch, refusal).map(Some),
        // A conversation is never deleted; one that was there when the batch was opened is.
        (Ruling::Accept | Ruling::ConversationMissing, _) => {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
    };
    let files = batch.files.iter().zip(stored).map(|(file, stored)| EntryFile {
        attachment_id: AttachmentId::from_parts(write.now_ms, write.ports.random()),
        name: file.name.clone(),
        media_type: stored.media_type.to_owned(),
        sha256: file.sha256,
        size_bytes: file.size_bytes,
    });
    let draft = Draft {
        kind: EntryKind::Message,
        author: caller.person_id,
        author_name: member.name,
        composed_at_ms: batch.composed_at_ms,
        body: batch.body.clone(),
        files: files.collect(),
        send_key: Some(batch.key),
    };
    if draft.files.len() != batch.files.len() {
        // Half a batch is never committed, whatever bug asks for it.
        return Err(rusqlite::Error::QueryReturnedNoRows);
    }
    let entry = log::append(write, facts.tail, draft)?;
    let contents = contents::insert(write, caller.firm_id, batch.segment, batch_id(batch.key), stored)?;
    attachments::insert(write, caller.firm_id, &entry, &contents)?;
    limits::count(write, caller.firm_id, entry.files.iter().map(|file| file.size_bytes).sum())?;
    let accepted = Outcome::Accepted { seq: entry.seq };
    decide(write, batch, Some(conversation), &accepted)?;
    Ok(Some(SendAnswer::Accepted(Box::new(Sent { entry, key: batch.key, digest: batch.digest }))))
}

fn refuse(write: &Write<'_>, batch: &BatchRow, refusal: Refusal) -> rusqlite::Result<SendAnswer> {
    decide(write, batch, None, &Outcome::Refused(refusal.clone()))?;
    Ok(SendAnswer::Refused(refusal))
}

/// Keeps the outcome, and for whom the answer gets lost the capability; the open batch ends.
fn decide(
    write: &Write<'_>,
    batch: &BatchRow,
    conversation: Option<ConversationId>,
    outcome: &Outcome,
) -> rusqlite::Result<()> {
    sends::keep(write, batch.caller, batch.key, Some(batch.digest), conversation, outcome)?;
    batch_rows::insert_finished(write, batch, write.now_ms + BATCH_KEPT_MS)?;
    end(write, batch.caller, batch.key)?;
    Ok(())
}
