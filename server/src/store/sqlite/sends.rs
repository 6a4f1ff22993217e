//! What became of each send key, for ever: send and withdraw.
//!
//! Invariants: the key is looked up before anything else. An outcome row is never changed. Crash: entry, outcome
//! and events are there together or not at all.

use portico_wire::encoding::Sha256;
use portico_wire::entry::{Entry, EntryKind};
use portico_wire::ids::{ConversationId, SegmentId, SendKey};
use portico_wire::message::{Body, SendMessage};
use portico_wire::refusal::{Refusal, RefusalCode};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::copies::Copied;
use super::sessions::Caller;
use super::store::{Store, StoreError};
use super::writer::Write;
use super::{attachments, batches, facts, log, people, row};
use crate::log::append::Draft;
use crate::log::ruling::{Outcome, Receipted, Ruling, repeat, rule};

/// An accepted send: the entry with its key, and the digest that its receipt covers.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) entry: Entry,
    pub(crate) key: SendKey,
    pub(crate) digest: Sha256,
}

/// What a send key answers.
#[derive(Debug)]
pub(crate) enum SendAnswer {
    /// It is in the log.
    Accepted(Box<Sent>),
    /// It is not, and never will be.
    Refused(Refusal),
    /// Its author took it back.
    Withdrawn,
    /// It was accepted before a restore; the firm has to make the conversation again first.
    ConversationMissing,
    /// It was accepted before a restore, and the restored server has no file with the bytes of a copy of its.
    DocumentMissing,
}

/// What is kept of a key.
pub(super) struct Kept {
    digest: Option<Sha256>,
    outcome: Outcome,
    conversation: Option<ConversationId>,
}

impl Kept {
    /// The same, as a request of meaning `digest` hears it.
    pub(super) fn asked_with(self, digest: &Sha256) -> Self {
        Self { outcome: repeat(self.outcome, self.digest, digest), ..self }
    }
}

impl Store {
    /// Sends a text, or says again what became of its key.
    ///
    /// `receipted`: whether the receipt in `message` verified. The epoch is the caller's to check.
    /// # Errors
    /// As [`Store::write`]; nothing is kept.
    pub(crate) async fn send(
        &self,
        caller: Caller,
        key: SendKey,
        message: SendMessage,
        receipted: Receipted,
    ) -> Result<SendAnswer, StoreError> {
        self.write(move |write| send(write, caller, key, message, receipted)).await
    }

    /// Takes a key back, also one that has not come yet, or whose bytes are on their way: then with the segment that
    /// nobody needs any more. Asks nothing but who the caller is.
    ///
    /// # Errors
    /// As [`Store::write`]; nothing is kept.
    pub(crate) async fn withdraw(
        &self,
        caller: Caller,
        key: SendKey,
    ) -> Result<(SendAnswer, Option<SegmentId>), StoreError> {
        self.write(move |write| {
            if let Some(kept) = kept(write.connection, caller, key)? {
                return Ok((answer(write.connection, caller, key, kept)?, None));
            }
            let segment = batches::end(write, caller, key)?;
            keep(write, caller, key, None, None, &Outcome::Withdrawn)?;
            Ok((SendAnswer::Withdrawn, segment))
        })
        .await
    }
}

/// What a send means, its files apart.
pub(super) struct Meaning {
    pub(super) digest: Sha256,
    pub(super) conversation: ConversationId,
    pub(super) composed_at_ms: i64,
    pub(super) body: String,
    pub(super) receipted: Receipted,
}

fn send(
    write: &mut Write<'_>,
    caller: Caller,
    key: SendKey,
    message: SendMessage,
    receipted: Receipted,
) -> rusqlite::Result<SendAnswer> {
    let meaning = Meaning {
        digest: message.digest(),
        conversation: message.conversation_id,
        composed_at_ms: message.composed_at_ms,
        body: message.body,
        receipted,
    };
    decide(write, caller, key, meaning, |_, body| {
        // What was accepted before a restore is not judged again.
        let judged = if receipted == Receipted::Valid { Ok(()) } else { Body::parse(body).map(drop) };
        Ok(judged.map(|()| Vec::new()))
    })
}

/// Decides a key whose content is here whole, or says again what became of it. `content`: what its limits say of it, and
/// its files with their bytes.
pub(super) fn decide(
    write: &mut Write<'_>,
    caller: Caller,
    key: SendKey,
    meaning: Meaning,
    content: impl FnOnce(&mut Write<'_>, &str) -> rusqlite::Result<Result<Vec<Copied>, Refusal>>,
) -> rusqlite::Result<SendAnswer> {
    let Meaning { digest, conversation, composed_at_ms, body, receipted } = meaning;
    if let Some(kept) = kept(write.connection, caller, key)? {
        return answer(write.connection, caller, key, kept.asked_with(&digest));
    }
    let Some(member) = people::member(write.connection, caller.firm_id, caller.person_id)? else {
        return Ok(SendAnswer::Refused(Refusal::of(RefusalCode::AccountClosed)));
    };
    let facts = facts::facts(write.connection, caller.firm_id, caller.person_id, conversation)?;
    let place = facts.as_ref().map(|facts| &facts.place);
    let content = content(write, &body)?;
    let checked = content.as_ref().map(drop).map_err(Refusal::clone);
    match (rule(member.reader, place, receipted, checked), facts, content) {
        (Ruling::Accept, Some(facts), Ok(files)) => {
            let (files, contents): (Vec<_>, Vec<_>) = files.into_iter().unzip();
            let draft = Draft {
                kind: EntryKind::Message,
                author: caller.person_id,
                author_name: member.name,
                composed_at_ms,
                body,
                files,
                send_key: Some(key),
            };
            let entry = log::append(write, facts.tail, draft)?;
            attachments::insert(write, caller.firm_id, &entry, &contents)?;
            let accepted = Outcome::Accepted { seq: entry.seq };
            keep(write, caller, key, Some(digest), Some(conversation), &accepted)?;
            Ok(SendAnswer::Accepted(Box::new(Sent { entry, key, digest })))
        }
        (Ruling::Refuse(refusal), ..) => {
            let refused = Outcome::Refused(refusal.clone());
            keep(write, caller, key, Some(digest), None, &refused)?;
            Ok(SendAnswer::Refused(refusal))
        }
        (Ruling::Accept, Some(_), Err(_)) => Ok(SendAnswer::DocumentMissing),
        (Ruling::ConversationMissing | Ruling::Accept, ..) => Ok(SendAnswer::ConversationMissing),
    }
}

/// What is kept of a key; none while nothing has decided it.
pub(super) fn kept(connection: &Connection, caller: Caller, key: SendKey) -> rusqlite::Result<Option<Kept>> {
    connection
        .prepare_cached(
            "SELECT outcome, digest, conversation_id, seq, refusal, refusal_limit, measured, refusal_file
             FROM outcomes
             WHERE firm_id = ?1 AND person_id = ?2 AND send_key = ?3",
        )?
        .query_row(params![caller.firm_id.as_bytes(), caller.person_id.as_bytes(), key.as_bytes()], |row| {
            let outcome = match row.get_ref(0)?.as_str()? {
                "accepted" => Outcome::Accepted { seq: row::seq(row, 3)? },
                "refused" => Outcome::Refused(Refusal {
                    code: RefusalCode::from(row.get_ref(4)?.as_str()?),
                    limit: row.get::<_, Option<i64>>(5)?.map(|limit| u64::try_from(limit).unwrap_or(0)),
                    measured: row
                        .get::<_, Option<i64>>(6)?
                        .map(|measured| u64::try_from(measured).unwrap_or(0)),
                    file: row.get(7)?,
                }),
                _ => Outcome::Withdrawn,
            };
            let digest = row.get::<_, Option<[u8; 32]>>(1)?.map(Sha256::from_bytes);
            Ok(Kept { digest, outcome, conversation: row::id_opt(row, 2, ConversationId::from_bytes)? })
        })
        .optional()
}

/// Turns a stored outcome into an answer. Access is not asked: the author has a right to the outcome.
pub(super) fn answer(
    connection: &Connection,
    caller: Caller,
    key: SendKey,
    kept: Kept,
) -> rusqlite::Result<SendAnswer> {
    match (kept.outcome, kept.conversation, kept.digest) {
        (Outcome::Accepted { seq }, Some(conversation), Some(digest)) => {
            let entry = log::entry_at(connection, caller.firm_id, conversation, seq)?
                .ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            Ok(SendAnswer::Accepted(Box::new(Sent { entry, key, digest })))
        }
        (Outcome::Refused(refusal), ..) => Ok(SendAnswer::Refused(refusal)),
        (Outcome::Withdrawn, ..) => Ok(SendAnswer::Withdrawn),
        // The schema's CHECKs and foreign keys leave no such row.
        (Outcome::Accepted { .. }, ..) => Err(rusqlite::Error::QueryReturnedNoRows),
    }
}

/// Keeps what became of a key, for ever.
pub(super) fn keep(
    write: &Write<'_>,
    caller: Caller,
    key: SendKey,
    digest: Option<Sha256>,
    conversation: Option<ConversationId>,
    outcome: &Outcome,
) -> rusqlite::Result<()> {
    let (text, seq, refusal) = match outcome {
        Outcome::Accepted { seq } => ("accepted", Some(row::stored(*seq)), None),
        Outcome::Refused(refusal) => ("refused", None, Some(refusal)),
        Outcome::Withdrawn => ("withdrawn", None, None),
    };
    write
        .connection
        .prepare_cached(
            "INSERT INTO outcomes (firm_id, person_id, send_key, digest, outcome, conversation_id, seq, refusal,
               refusal_limit, measured, refusal_file, recorded_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            caller.firm_id.as_bytes(),
            caller.person_id.as_bytes(),
            key.as_bytes(),
            digest.as_ref().map(Sha256::as_bytes),
            text,
            conversation.as_ref().map(ConversationId::as_bytes),
            seq,
            refusal.map(|refusal| refusal.code.as_str()),
            refusal.and_then(|refusal| refusal.limit).map(row::stored),
            refusal.and_then(|refusal| refusal.measured).map(row::stored),
            refusal.and_then(|refusal| refusal.file),
            write.now_ms
        ])?;
    Ok(())
}
