//! How an entry joins its conversation's log: next seq, fresh salt, hash over everything and over the entry before.

use portico_wire::encoding::{Base64, Sha256};
use portico_wire::entry::{Entry, EntryFile, EntryKind};
use portico_wire::ids::{ConversationId, EntryId, Epoch, FirmId, PersonId, SendKey};

use crate::ports::Ports;

/// The end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) firm: FirmId,
    pub(crate) conversation: ConversationId,
    /// 0 for an empty log.
    pub(crate) seq: u64,
    /// [`Sha256::ZERO`] for an empty log.
    pub(crate) hash: Sha256,
}

/// What is to be recorded.
pub(crate) struct Draft {
    pub(crate) kind: EntryKind,
    pub(crate) author: PersonId,
    pub(crate) author_name: String,
    pub(crate) composed_at_ms: i64,
    pub(crate) body: String,
    pub(crate) files: Vec<EntryFile>,
    pub(crate) send_key: Option<SendKey>,
}

/// The entry that `draft` is at the end of the log.
pub(crate) fn chain(tail: Tail, draft: Draft, epoch: Epoch, now_ms: i64, ports: &Ports) -> Entry {
    let mut entry = Entry {
        entry_id: EntryId::from_parts(now_ms, ports.random()),
        conversation_id: tail.conversation,
        seq: tail.seq + 1,
        epoch,
        kind: draft.kind,
        author_id: draft.author,
        author_name: draft.author_name,
        accepted_at_ms: now_ms,
        composed_at_ms: draft.composed_at_ms,
        body: draft.body,
        salt: Base64(ports.random::<16>().to_vec()),
        files: draft.files,
        previous_hash: tail.hash,
        hash: Sha256::ZERO,
        send_key: draft.send_key,
    };
    entry.hash = entry.computed_hash(tail.firm);
    entry
}
