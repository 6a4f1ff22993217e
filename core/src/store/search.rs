//! Candidates from FTS5; the shared rule decides.
//!
//! The index steps down by rowid, and rowids follow time: newest first without sorting.

use std::ops::Range;

use portico_wire::entry::EntryFile;
use portico_wire::search::index::Beginnings;
use portico_wire::search::{Query, Searchable};
use rusqlite::{Row, Rows};

use super::entries::{ENTRY_COLUMNS, entry_of};
use super::values::from_json;
use super::{Reading, StoreError};
use crate::timeline::item::SearchHit;

impl Reading<'_> {
    /// The newest `most` messages that match, newest first, before `before` (exclusive; none for the newest).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn search(
        &self,
        query: &Query,
        before: Option<i64>,
        most: usize,
    ) -> Result<Vec<SearchHit>, StoreError> {
        let Range { start, end } = query.span();
        let span = start..end.min(before.unwrap_or(i64::MAX));
        if query.is_short_beginning() {
            // Every word that begins so is a long list to merge; the newest messages mostly hold enough of them.
            let hits = self.scan(query, &span, most, SCANNED)?;
            if hits.len() == most {
                return Ok(hits);
            }
        }
        let Some(expression) = query.expression(Beginnings::All) else {
            // Days alone: every message in them matches.
            return self.scan(query, &span, most, i64::MAX);
        };
        let sql = format!(
            "SELECT place, {ENTRY_COLUMNS} FROM entry_tokens JOIN entries ON place = entry_tokens.rowid
             WHERE entry_tokens MATCH ?1 AND entry_tokens.rowid < ?2 AND entry_tokens.rowid >= ?3
             ORDER BY entry_tokens.rowid DESC"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query((expression, span.end, span.start))?;
        collect(rows, query, most)
    }

    /// Looks at the newest `scanned` entries themselves.
    fn scan(
        &self,
        query: &Query,
        span: &Range<i64>,
        most: usize,
        scanned: i64,
    ) -> Result<Vec<SearchHit>, StoreError> {
        let sql = format!(
            "SELECT place, {ENTRY_COLUMNS} FROM (
                SELECT * FROM entries WHERE place < ?1 AND place >= ?2 ORDER BY place DESC LIMIT ?3)
             WHERE kind = 'message'"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query((span.end, span.start, scanned))?;
        collect(rows, query, most)
    }
}

fn collect(mut rows: Rows<'_>, query: &Query, most: usize) -> Result<Vec<SearchHit>, StoreError> {
    let mut hits = Vec::new();
    while hits.len() < most {
        let Some(row) = rows.next()? else { break };
        if is_hit(row, query)? {
            let (entry, _) = entry_of(row)?;
            hits.push(SearchHit { place: row.get("place")?, entry });
        }
    }
    Ok(hits)
}

/// Asks the rule without reading the rest of the entry: most candidates of a scan are no hits.
fn is_hit(row: &Row<'_>, query: &Query) -> Result<bool, StoreError> {
    let text = |column| row.get_ref(column)?.as_str().map_err(|_| StoreError::Damaged);
    let files = text("files")?;
    // Most messages have none.
    let files: Vec<EntryFile> = if files == "[]" { Vec::new() } else { from_json(files)? };
    Ok(query.matches(&Searchable {
        body: text("body")?,
        author_name: text("author_name")?,
        file_names: files.iter().map(|file| file.name.as_str()).collect(),
        at_ms: row.get("accepted_at_ms")?,
    }))
}

/// How many of the newest messages are scanned for a short prefix.
const SCANNED: i64 = 2_000;
