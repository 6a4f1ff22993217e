//! How the domain's values lie in a row: ids and hashes as blobs, seqs as 64-bit integers.

use portico_wire::conversation::{ConversationKind, ConversationState, Standing};
use portico_wire::document::DocumentAct;
use portico_wire::encoding::Sha256;
use rusqlite::types::FromSqlError;
use rusqlite::{Result, Row};

use super::scans::Verdict;

/// Reads an id: `id(row, 0, EntryId::from_bytes)`.
pub(super) fn id<T>(row: &Row<'_>, column: usize, of: impl Fn([u8; 16]) -> T) -> Result<T> {
    row.get::<_, [u8; 16]>(column).map(of)
}

/// Reads an id that may be absent.
pub(super) fn id_opt<T>(row: &Row<'_>, column: usize, of: impl Fn([u8; 16]) -> T) -> Result<Option<T>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(of))
}

/// Reads a hash.
pub(super) fn hash(row: &Row<'_>, column: usize) -> Result<Sha256> {
    row.get::<_, [u8; 32]>(column).map(Sha256::from_bytes)
}

/// Reads a seq or a count.
pub(super) fn seq(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get::<_, i64>(column).map(|seq| u64::try_from(seq).unwrap_or(0))
}

/// A seq as SQLite stores it. What is over 2^63 can be no seq of ours and matches none.
pub(super) fn stored(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// Reads a standing.
pub(super) fn standing(row: &Row<'_>, column: usize) -> Result<Standing> {
    match row.get_ref(column)?.as_str()? {
        "staff" => Ok(Standing::Staff),
        "client" => Ok(Standing::Client),
        "third_party" => Ok(Standing::ThirdParty),
        _ => Err(FromSqlError::InvalidType.into()),
    }
}

/// A standing as stored.
pub(super) const fn standing_text(standing: Standing) -> &'static str {
    match standing {
        Standing::Staff => "staff",
        Standing::Client => "client",
        Standing::ThirdParty => "third_party",
    }
}

/// Reads what was done to a document.
pub(super) fn document_act(row: &Row<'_>, column: usize) -> Result<DocumentAct> {
    match row.get_ref(column)?.as_str()? {
        "added" => Ok(DocumentAct::Added),
        "versioned" => Ok(DocumentAct::Versioned),
        "renamed" => Ok(DocumentAct::Renamed),
        _ => Err(FromSqlError::InvalidType.into()),
    }
}

/// Reads a kind.
pub(super) fn kind(row: &Row<'_>, column: usize) -> Result<ConversationKind> {
    match row.get_ref(column)?.as_str()? {
        "external_matter" => Ok(ConversationKind::ExternalMatter),
        "internal_matter" => Ok(ConversationKind::InternalMatter),
        "staff_channel" => Ok(ConversationKind::StaffChannel),
        "direct" => Ok(ConversationKind::Direct),
        _ => Err(FromSqlError::InvalidType.into()),
    }
}

/// A kind as stored; the database refuses the one that is unknown.
pub(super) const fn kind_text(kind: ConversationKind) -> &'static str {
    match kind {
        ConversationKind::ExternalMatter => "external_matter",
        ConversationKind::InternalMatter => "internal_matter",
        ConversationKind::StaffChannel => "staff_channel",
        ConversationKind::Direct => "direct",
        ConversationKind::Unknown => "unknown",
    }
}

/// Reads a state.
pub(super) fn state(row: &Row<'_>, column: usize) -> Result<ConversationState> {
    match row.get_ref(column)?.as_str()? {
        "open" => Ok(ConversationState::Open),
        "archived" => Ok(ConversationState::Archived),
        "closed" => Ok(ConversationState::Closed),
        _ => Err(FromSqlError::InvalidType.into()),
    }
}

/// A state as stored; the database refuses the one that is unknown.
pub(super) const fn state_text(state: ConversationState) -> &'static str {
    match state {
        ConversationState::Open => "open",
        ConversationState::Archived => "archived",
        ConversationState::Closed => "closed",
        ConversationState::Unknown => "unknown",
    }
}

/// Reads a verdict; none where nobody has judged.
pub(super) fn verdict(row: &Row<'_>, column: usize) -> Result<Option<Verdict>> {
    match row.get_ref(column)?.as_str()? {
        "unscanned" => Ok(None),
        "clean" => Ok(Some(Verdict::Clean)),
        "refused" => Ok(Some(Verdict::Refused)),
        _ => Err(FromSqlError::InvalidType.into()),
    }
}

/// A verdict as stored.
pub(super) const fn verdict_text(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Clean => "clean",
        Verdict::Refused => "refused",
    }
}
