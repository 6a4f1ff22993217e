//! Candidates from FTS5; the shared rule decides.
//!
//! The index steps down by rowid, and rowids follow time: newest first without sorting.

use portico_wire::search::Query;

use super::entries::{ENTRY_COLUMNS, entry_of};
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
        let before = before.unwrap_or(i64::MAX);
        if is_short_prefix(query) {
            // Every word that begins so is a long list to merge; the newest messages mostly hold enough of them.
            let hits = self.scan(query, before, most)?;
            if hits.len() == most {
                return Ok(hits);
            }
        }
        let sql = format!(
            "SELECT place, {ENTRY_COLUMNS} FROM entry_tokens JOIN entries ON place = entry_tokens.rowid
             WHERE entry_tokens MATCH ?1 AND entry_tokens.rowid < ?2 ORDER BY entry_tokens.rowid DESC"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query((expression(query), before))?;
        collect(rows, query, most)
    }

    fn scan(&self, query: &Query, before: i64, most: usize) -> Result<Vec<SearchHit>, StoreError> {
        let sql = format!(
            "SELECT place, {ENTRY_COLUMNS} FROM (
                SELECT * FROM entries WHERE place < ?1 ORDER BY place DESC LIMIT {SCANNED})
             WHERE kind = 'message'"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query([before])?;
        collect(rows, query, most)
    }
}

fn collect(mut rows: rusqlite::Rows<'_>, query: &Query, most: usize) -> Result<Vec<SearchHit>, StoreError> {
    let mut hits = Vec::new();
    while hits.len() < most {
        let Some(row) = rows.next()? else { break };
        if query.matches(row.get_ref("body")?.as_str().map_err(|_| StoreError::Damaged)?) {
            let (entry, _) = entry_of(row)?;
            hits.push(SearchHit { place: row.get("place")?, entry });
        }
    }
    Ok(hits)
}

/// FTS5's words for the query. Tokens hold no quote, so quoting them is enough.
fn expression(query: &Query) -> String {
    let terms: Vec<String> = query
        .terms()
        .iter()
        .map(|term| format!("\"{}\"{}", term.tokens.join(" "), if term.prefix { "*" } else { "" }))
        .collect();
    terms.join(" ")
}

/// Whether the query is one word of one or two letters that is still being typed.
fn is_short_prefix(query: &Query) -> bool {
    match query.terms() {
        [term] => term.prefix && term.tokens.len() == 1 && term.tokens.iter().all(|t| t.chars().count() <= 2),
        _ => false,
    }
}

/// How many of the newest messages are scanned for a short prefix.
const SCANNED: usize = 2_000;
