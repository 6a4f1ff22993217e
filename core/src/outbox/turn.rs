//! One entry's turn: taken durably before its first byte leaves, answered durably in one transaction.
//!
//! Holds: an answer counts only if its epoch is this phone's own. Crash: a restart finds the entry `Sending`, and sends
//! it again under the same key.

use std::sync::Arc;

use portico_wire::ids::{Epoch, SendKey};
use portico_wire::message::{Accepted, WithdrawAnswer};
use portico_wire::problem::ProblemCode;
use portico_wire::refusal::RefusalCode;

use super::entry::{Fault, OutboxEntry};
use super::machine::{Answer, Effect, Event, step};
use crate::net::classify::Miss;
use crate::net::codec;
use crate::net::session::SessionLink;
use crate::ports::{Ports, random};
use crate::store::{Store, StoreError};

/// How one request ended, for the loop.
pub(crate) enum Next {
    GoOn,
    NeedsSnapshot,
    SignedOut,
}

/// An accepted send, or the word of a withdrawal.
pub(crate) enum Said {
    Accepted(Box<Accepted>),
    Other(Answer, Option<Epoch>),
}

/// Takes and ends turns, for texts and batches alike.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    pub(crate) store: Arc<Store>,
    pub(crate) link: Arc<SessionLink>,
    pub(crate) ports: Ports,
}

impl Turns {
    /// Stores that the entry is tried before its first byte leaves. The row is read anew: the person may have
    /// discarded it meanwhile.
    pub(crate) fn take(&self, key: SendKey) -> Result<(Option<OutboxEntry>, Effect), StoreError> {
        let now_ms = self.ports.clock.now_ms();
        self.store.write(|writing| {
            let Some(mut entry) = writing.outbox_entry(key)? else { return Ok((None, Effect::None)) };
            let (progress, effect) = step(entry.progress.clone(), Event::TurnCame, now_ms);
            if progress != entry.progress {
                writing.keep_progress(key, &progress)?;
                entry.progress = progress;
            }
            Ok((Some(entry), effect))
        })
    }

    /// Stores that a batch waits until `until_ms` for another network. The row is read anew.
    pub(crate) fn hold_back(&self, key: SendKey, until_ms: i64) -> Result<(), StoreError> {
        let now_ms = self.ports.clock.now_ms();
        self.store.write(|writing| {
            let Some(entry) = writing.outbox_entry(key)? else { return Ok(()) };
            writing.keep_progress(key, &step(entry.progress, Event::HeldBack { until_ms }, now_ms).0)
        })
    }

    /// Asks the server to take the entry back.
    pub(crate) async fn withdraw(&self, key: SendKey, epoch: Epoch) -> Said {
        match self.link.ask::<WithdrawAnswer>(codec::withdraw(key, epoch)).await {
            Ok(WithdrawAnswer::Accepted(accepted)) => Said::Accepted(accepted),
            Ok(WithdrawAnswer::Refused { epoch, refusal }) => {
                Said::Other(Answer::Refused(refusal), Some(epoch))
            }
            Ok(WithdrawAnswer::Withdrawn { epoch }) => Said::Other(Answer::Withdrawn, Some(epoch)),
            Err(miss) => said_of(miss),
        }
    }

    /// Stores an answer in one transaction: the entry in, the echo out. One of another epoch decides nothing.
    pub(crate) fn settle(&self, key: SendKey, said: Said) -> Result<Next, StoreError> {
        let now_ms = self.ports.clock.now_ms();
        let draw = u32::from_be_bytes(random(&*self.ports.dice));
        self.store.write(|writing| {
            let epoch = writing.epoch()?;
            let (answer, accepted) = match said {
                Said::Accepted(accepted) if Some(accepted.epoch) != epoch => (Answer::EpochStale, None),
                Said::Accepted(accepted) => (Answer::Accepted, Some(accepted)),
                // A final answer always states its epoch; one that does not is no answer of ours.
                Said::Other(Answer::Refused(_) | Answer::Withdrawn, None) => {
                    (Answer::Transient { fault: Fault::ServerFault, retry_after_s: None }, None)
                }
                Said::Other(Answer::Refused(_) | Answer::Withdrawn, stated) if stated != epoch => {
                    (Answer::EpochStale, None)
                }
                Said::Other(answer, _) => (answer, None),
            };
            let next = match &answer {
                Answer::EpochStale => Next::NeedsSnapshot,
                Answer::SignedOut => Next::SignedOut,
                _ => Next::GoOn,
            };
            if !matches!(answer, Answer::Transient { .. }) {
                writing.note_pass(Some(key))?;
            }
            let Some(entry) = writing.outbox_entry(key)? else { return Ok(next) };
            let others_pass = writing.others_passed(key)?;
            let event = Event::Answered { answer, others_pass, draw };
            writing.keep_progress(key, &step(entry.progress, event, now_ms).0)?;
            if let Some(accepted) = accepted {
                let count = writing.epoch_count()?;
                writing.keep_receipt(key, &accepted.receipt, count)?;
                // Access was lost meanwhile: settled, and not stored, nor kept to be offered again (R41).
                let conversation = accepted.entry.conversation_id;
                if writing.is_closed()? || writing.is_access_lost(conversation)? {
                    writing.release(key)?;
                } else {
                    writing.put_entry(&accepted.entry)?;
                }
            }
            Ok(next)
        })
    }
}

/// What a miss says of an entry.
pub(crate) fn said_of(miss: Miss) -> Said {
    match miss {
        Miss::Refused(refusal, epoch) if refusal.code == RefusalCode::Withdrawn => {
            Said::Other(Answer::Withdrawn, epoch)
        }
        Miss::Refused(refusal, epoch) => Said::Other(Answer::Refused(refusal), epoch),
        // Of a wiped phone nothing is kept that this could be said of.
        Miss::SignedOut | Miss::Wiped => Said::Other(Answer::SignedOut, None),
        Miss::Problem(ProblemCode::StaleEpoch, _) => Said::Other(Answer::EpochStale, None),
        Miss::Transient { fault, retry_after_s } => {
            Said::Other(Answer::Transient { fault, retry_after_s }, None)
        }
        // A send is answered `account_closed`; this comes of a token that was asked for on the way, and passes.
        Miss::Problem(..) | Miss::Closed(_) => {
            Said::Other(Answer::Transient { fault: Fault::ServerFault, retry_after_s: None }, None)
        }
    }
}
