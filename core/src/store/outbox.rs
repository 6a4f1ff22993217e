//! The rows of the outbox. Rules are the machine's; order and durability are here.

use portico_wire::ids::{ConversationId, SendKey};
use portico_wire::receipt::Receipt;
use portico_wire::refusal::Refusal;
use rusqlite::{OptionalExtension as _, Row};

use super::values::{from_json, id, int, to_json, uint};
use super::{Reading, StoreError, Writing};
use crate::compose::copies::CopiesDraft;
use crate::compose::draft::Draft;
use crate::outbox::entry::{Fault, Lane, OutboxEntry, Progress, SendState, Tried};
use crate::outbox::lanes::Before;

/// The entry whose turn it is in a lane, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneHead {
    /// The entry.
    pub entry: OutboxEntry,
    /// When it is due, by the phone's clock; 0 for at once.
    pub due_ms: i64,
}

const COLUMNS: &str = "send_key, conversation_id, lane, body, copies, composed_at_ms, state, until_ms, fault, refusal, tried, \
     attempts, server_faults, stuck, receipt";

fn state_of(row: &Row<'_>) -> rusqlite::Result<SendState> {
    let until_ms: i64 = row.get("until_ms")?;
    let refusal: Option<String> = row.get("refusal")?;
    let fault = Fault::parse(row.get::<_, Option<String>>("fault")?.as_deref().unwrap_or(""));
    let refused = || refusal.as_deref().and_then(|text| from_json::<Refusal>(text).ok());
    Ok(match row.get_ref("state")?.as_str()? {
        "sending" => SendState::Sending,
        "waiting" => SendState::Waiting { until_ms, fault },
        "needs_sign_in" => SendState::NeedsSignIn,
        "paused" => SendState::Paused,
        "handed_to_os" => SendState::HandedToOs { until_ms },
        "withdrawing" => SendState::Withdrawing { until_ms },
        "accepted" => SendState::Accepted,
        "refused" => SendState::Refused(refused().ok_or(rusqlite::Error::InvalidQuery)?),
        "withdrawn" => SendState::Withdrawn,
        _ => SendState::Queued,
    })
}

fn entry_of(row: &Row<'_>) -> rusqlite::Result<OutboxEntry> {
    let receipt: Option<String> = row.get("receipt")?;
    let copies: Option<String> = row.get("copies")?;
    let state = state_of(row)?;
    Ok(OutboxEntry {
        send_key: id(row, "send_key", SendKey::from_bytes)?,
        conversation_id: id(row, "conversation_id", ConversationId::from_bytes)?,
        lane: if row.get_ref("lane")?.as_str()? == "batches" { Lane::Batches } else { Lane::Texts },
        body: row.get("body")?,
        copies: copies
            .map_or(Ok(Vec::new()), |copies| from_json(&copies))
            .map_err(|_| rusqlite::Error::InvalidQuery)?,
        composed_at_ms: row.get("composed_at_ms")?,
        progress: Progress {
            state,
            tried: if row.get("tried")? { Tried::Perhaps } else { Tried::Never },
            attempts: row.get("attempts")?,
            server_faults: row.get("server_faults")?,
            stuck: row.get("stuck")?,
        },
        receipt: receipt.as_deref().and_then(|text| from_json(text).ok()),
    })
}

/// A state as its four columns.
struct StateColumns {
    state: &'static str,
    until_ms: i64,
    fault: Option<&'static str>,
    refusal: Option<String>,
}

fn columns_of(state: &SendState) -> Result<StateColumns, StoreError> {
    let (state, until_ms, fault, refusal) = match state {
        SendState::Queued => ("queued", 0, None, None),
        SendState::Sending => ("sending", 0, None, None),
        SendState::Waiting { until_ms, fault } => ("waiting", *until_ms, Some(fault.as_str()), None),
        SendState::NeedsSignIn => ("needs_sign_in", 0, None, None),
        SendState::Paused => ("paused", 0, None, None),
        SendState::HandedToOs { until_ms } => ("handed_to_os", *until_ms, None, None),
        SendState::Withdrawing { until_ms } => ("withdrawing", *until_ms, None, None),
        SendState::Accepted => ("accepted", 0, None, None),
        SendState::Refused(refusal) => ("refused", 0, None, Some(to_json(refusal)?)),
        SendState::Withdrawn => ("withdrawn", 0, None, None),
    };
    Ok(StateColumns { state, until_ms, fault, refusal })
}

const fn due_ms(state: &SendState) -> i64 {
    match state {
        SendState::Waiting { until_ms, .. }
        | SendState::HandedToOs { until_ms }
        | SendState::Withdrawing { until_ms } => *until_ms,
        _ => 0,
    }
}

impl Reading<'_> {
    /// Whether an entry gets faulty answers and nothing is known to have passed since.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn awaits_a_pass(&self) -> Result<bool, StoreError> {
        Ok(self
            .0
            .prepare_cached(
                "SELECT 1 FROM outbox WHERE is_open = 1 AND server_faults > 0 AND others_passed = 0",
            )?
            .exists([])?)
    }

    /// Whether something was answered well since the first faulty answer to this entry.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn others_passed(&self, key: SendKey) -> Result<bool, StoreError> {
        Ok(self
            .0
            .prepare_cached("SELECT 1 FROM outbox WHERE send_key = ?1 AND others_passed = 1")?
            .exists([key.as_bytes()])?)
    }

    /// The entry of that key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn outbox_entry(&self, key: SendKey) -> Result<Option<OutboxEntry>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM outbox WHERE send_key = ?1");
        Ok(self.0.prepare_cached(&sql)?.query_row([key.as_bytes()], entry_of).optional()?)
    }

    /// Conversations with something to send in `lane`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_lanes(&self, lane: Lane) -> Result<Vec<ConversationId>, StoreError> {
        self.0
            .prepare_cached(
                "SELECT DISTINCT conversation_id FROM outbox WHERE is_open = 1 AND stuck = 0 AND lane = ?1",
            )?
            .query_map([lane.as_str()], |row| row.get(0).map(ConversationId::from_bytes))?
            .collect::<Result<_, _>>()
            .map_err(StoreError::from)
    }

    /// The head of a lane of a conversation: one step on an index, however long the lane is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn lane_head(
        &self,
        conversation: ConversationId,
        lane: Lane,
    ) -> Result<Option<LaneHead>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outbox
             WHERE conversation_id = ?1 AND lane = ?2 AND is_open = 1 AND stuck = 0 ORDER BY line LIMIT 1"
        );
        let key = (conversation.as_bytes(), lane.as_str());
        let entry = self.0.prepare_cached(&sql)?.query_row(key, entry_of).optional()?;
        Ok(entry.map(|entry| LaneHead { due_ms: due_ms(&entry.progress.state), entry }))
    }

    /// The stuck entry of a lane that is due first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn stuck_head(&self, lane: Lane) -> Result<Option<LaneHead>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outbox WHERE is_open = 1 AND stuck = 1 AND lane = ?1 ORDER BY until_ms LIMIT 1"
        );
        let entry = self.0.prepare_cached(&sql)?.query_row([lane.as_str()], entry_of).optional()?;
        Ok(entry.map(|entry| LaneHead { due_ms: due_ms(&entry.progress.state), entry }))
    }

    /// What holds an entry; none where nothing does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hold_of(&self, key: SendKey) -> Result<Option<Hold>, StoreError> {
        // What is offered again stands below zero. A text passes batches, never another text. The other lane is named,
        // not ruled out: so it is one step on the index, however long this lane is.
        let row = self
            .0
            .prepare_cached(
                "SELECT me.held_since_ms, me.passed, other.line < 0, other.state, other.until_ms, other.fault,
                    other.refusal, batches.reached
                 FROM outbox AS me JOIN outbox AS other
                    ON other.lane = CASE me.lane WHEN 'texts' THEN 'batches' ELSE 'texts' END
                    AND other.conversation_id = me.conversation_id AND other.line < me.line
                    AND other.is_open = 1 AND other.stuck = 0
                 LEFT JOIN batches ON batches.send_key = other.send_key
                 WHERE me.send_key = ?1 ORDER BY other.line LIMIT 1",
            )?
            .query_row([key.as_bytes()], |row| {
                let state = state_of(row)?;
                let reached = row.get::<_, Option<bool>>("reached")?.unwrap_or(false);
                Ok(Hold {
                    since_ms: row.get(0)?,
                    passed: row.get(1)?,
                    reoffered_before: row.get(2)?,
                    before: Before { state, reached },
                })
            })
            .optional()?;
        Ok(row)
    }

    /// Entries of one conversation, or of all, that a screen shows: open ones, and ends the person has not
    /// dismissed. In the order in which they will arrive.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn shown_outbox(
        &self,
        conversation: Option<ConversationId>,
    ) -> Result<Vec<(OutboxEntry, RolledBack)>, StoreError> {
        let filter = if conversation.is_some() { "conversation_id = ?1" } else { "?1 IS NULL" };
        let sql = format!(
            "SELECT {COLUMNS}, rolled_back FROM outbox WHERE {filter} AND dismissed = 0
             ORDER BY line < 0 DESC, passed DESC, line, position"
        );
        self.0
            .prepare_cached(&sql)?
            .query_map([conversation.map(|id| *id.as_bytes())], |row| {
                Ok((entry_of(row)?, RolledBack(row.get("rolled_back")?)))
            })?
            .collect::<Result<_, _>>()
            .map_err(StoreError::from)
    }

    /// How many entries have no answer yet.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_count(&self) -> Result<u64, StoreError> {
        let count: i64 = self
            .0
            .prepare_cached("SELECT count(*) FROM outbox WHERE is_open = 1")?
            .query_row([], |row| row.get(0))?;
        Ok(uint(count))
    }
}

/// What stands before an entry in the other lane of its conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Since when its time counts, by the phone's clock.
    pub since_ms: Option<i64>,
    /// Whether it has passed already.
    pub passed: bool,
    /// Whether what stands before it is offered again after a restore: that goes first, whatever it takes.
    pub reoffered_before: bool,
    /// What stands before it.
    pub before: Before,
}

/// Whether the entry was found undecided in an old copy of this store, so the person is asked before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolledBack(pub bool);

impl Writing<'_> {
    /// Puts `draft` at the tail of its conversation's lane; the row is its echo too.
    ///
    /// # Errors
    /// [`StoreError`]; nothing written, and the caller still owns the draft.
    pub fn enqueue(&self, draft: &Draft) -> Result<(), StoreError> {
        let body = draft.body.as_str();
        self.line_up(draft.send_key, draft.conversation_id, Lane::Texts, body, draft.composed_at_ms)
    }

    /// The same for a message with copies of documents.
    ///
    /// # Errors
    /// [`StoreError`]; nothing written.
    pub fn enqueue_copies(&self, message: &CopiesDraft) -> Result<(), StoreError> {
        let (key, body) = (message.send_key, message.body.as_str());
        self.line_up(key, message.conversation_id, Lane::Texts, body, message.composed_at_ms)?;
        let sql = "UPDATE outbox SET copies = ?2 WHERE send_key = ?1";
        self.0.0.prepare_cached(sql)?.execute((key.as_bytes(), to_json(&message.copies)?))?;
        Ok(())
    }

    /// Puts a message at the tail of a lane of its conversation.
    pub(super) fn line_up(
        &self,
        key: SendKey,
        conversation: ConversationId,
        lane: Lane,
        body: &str,
        composed_at_ms: i64,
    ) -> Result<(), StoreError> {
        self.0.0
            .prepare_cached(
                "INSERT INTO outbox (position, send_key, conversation_id, lane, line, body, composed_at_ms, is_open,
                    state)
                 SELECT next, ?1, ?2, ?5, next, ?3, ?4, 1, 'queued'
                 FROM (SELECT coalesce(max(position), 0) + 1 AS next FROM outbox)",
            )?
            .execute((key.as_bytes(), conversation.as_bytes(), body, composed_at_ms, lane.as_str()))?;
        Ok(())
    }

    /// Stores where an entry stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_progress(&self, key: SendKey, progress: &Progress) -> Result<(), StoreError> {
        let columns = columns_of(&progress.state)?;
        self.0.0
            .prepare_cached(
                "UPDATE outbox SET is_open = ?2, state = ?3, until_ms = ?4, fault = ?5, refusal = ?6, tried = ?7,
                    attempts = ?8, server_faults = ?9, stuck = ?10,
                    others_passed = CASE ?9 WHEN 0 THEN 0 ELSE others_passed END
                 WHERE send_key = ?1",
            )?
            .execute((
                key.as_bytes(),
                progress.state.is_open(),
                columns.state,
                columns.until_ms,
                columns.fault,
                columns.refusal,
                progress.tried == Tried::Perhaps,
                progress.attempts,
                progress.server_faults,
                progress.stuck,
            ))?;
        Ok(())
    }

    /// Notes an acceptance: the receipt, the time, and, at the first one, the rank.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_receipt(&self, key: SendKey, receipt: &Receipt, epoch_count: u64) -> Result<(), StoreError> {
        // The epoch outranks the seq; seqs stay below 2^40.
        let rank = (int(epoch_count) << 40) | int(receipt.seq);
        self.0
            .0
            .prepare_cached(
                "UPDATE outbox SET receipt = ?2, accepted_at_ms = ?3, first_rank = coalesce(first_rank, ?4),
                    dismissed = 1 WHERE send_key = ?1",
            )?
            .execute((key.as_bytes(), to_json(receipt)?, receipt.accepted_at_ms, rank))?;
        Ok(())
    }

    /// Something was answered well: the entries that get faulty answers are failing by themselves. `but`: the one
    /// that was answered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_pass(&self, but: Option<SendKey>) -> Result<(), StoreError> {
        self.0
            .0
            .prepare_cached(
                "UPDATE outbox SET others_passed = 1
                 WHERE is_open = 1 AND server_faults > 0 AND others_passed = 0 AND send_key IS NOT ?1",
            )?
            .execute([but.map(|key| *key.as_bytes())])?;
        Ok(())
    }

    /// The person has seen the end of an entry; screens show it no longer. The row stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn dismiss(&self, key: SendKey) -> Result<(), StoreError> {
        self.0
            .0
            .prepare_cached("UPDATE outbox SET dismissed = 1 WHERE send_key = ?1")?
            .execute([key.as_bytes()])?;
        Ok(())
    }

    /// Notes that the time of a text behind a batch begins to count.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_held(&self, key: SendKey, now_ms: i64) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET held_since_ms = ?2 WHERE send_key = ?1";
        self.0.0.prepare_cached(sql)?.execute((key.as_bytes(), now_ms))?;
        Ok(())
    }

    /// Notes that a text goes before an earlier batch; its echo moves first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_passed(&self, key: SendKey) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET passed = 1 WHERE send_key = ?1";
        self.0.0.prepare_cached(sql)?.execute([key.as_bytes()])?;
        Ok(())
    }

    /// Drops the texts of accepted entries that every backup holds: they need not be offered again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn release_bodies(&self, accepted_before_ms: i64) -> Result<(), StoreError> {
        self.0
            .0
            .prepare_cached(
                "UPDATE outbox SET body = '', copies = NULL, held = 0
                 WHERE state = 'accepted' AND held = 1 AND accepted_at_ms < ?1",
            )?
            .execute([accepted_before_ms])?;
        Ok(())
    }

    /// Drops what an accepted entry says: it is not offered again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn release(&self, key: SendKey) -> Result<(), StoreError> {
        let sql =
            "UPDATE outbox SET body = '', copies = NULL, held = 0 WHERE send_key = ?1 AND state = 'accepted'";
        self.0.0.prepare_cached(sql)?.execute([key.as_bytes()])?;
        Ok(())
    }

    /// Every open entry, for a rule that changes all of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_entries(&self) -> Result<Vec<OutboxEntry>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM outbox WHERE is_open = 1 ORDER BY line");
        self.0
            .0
            .prepare_cached(&sql)?
            .query_map([], entry_of)?
            .collect::<Result<_, _>>()
            .map_err(StoreError::from)
    }

    /// Marks an entry as found in an old copy of this store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn mark_rolled_back(&self, key: SendKey) -> Result<(), StoreError> {
        self.0
            .0
            .prepare_cached("UPDATE outbox SET rolled_back = 1 WHERE send_key = ?1")?
            .execute([key.as_bytes()])?;
        Ok(())
    }

    /// The accepted entries that a server restored to `restored_to_ms` may lack and whose text is still here, by
    /// first acceptance.
    pub(super) fn entries_to_reoffer(&self, accepted_since_ms: i64) -> Result<Vec<OutboxEntry>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM outbox WHERE state = 'accepted' AND held = 1 AND accepted_at_ms >= ?1
             ORDER BY first_rank"
        );
        self.0
            .0
            .prepare_cached(&sql)?
            .query_map([accepted_since_ms], entry_of)?
            .collect::<Result<_, _>>()
            .map_err(StoreError::from)
    }

    /// Puts an entry into the one line of those offered again, before everything newer.
    pub(super) fn line_up_again(&self, key: SendKey) -> Result<(), StoreError> {
        self.0
            .0
            .prepare_cached("UPDATE outbox SET line = first_rank - (1 << 62) WHERE send_key = ?1")?
            .execute([key.as_bytes()])?;
        Ok(())
    }
}
