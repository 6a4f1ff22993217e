//! What a person means: an id, the number in the list of conversations, or a part of a title or name.

use portico_core::Portal;
use portico_wire::conversation::ConversationHead;

use crate::phone::CliError;

/// The one conversation of this phone that `text` names.
pub(crate) fn conversation(portal: &Portal, text: &str) -> Result<ConversationHead, CliError> {
    let rows = portal.first_screen(usize::MAX)?.conversations;
    let heads: Vec<ConversationHead> = rows.into_iter().map(|row| row.head).collect();
    let by_number = text.parse::<usize>().ok().and_then(|number| heads.get(number.checked_sub(1)?));
    if let Some(head) = by_number {
        return Ok(head.clone());
    }
    one(text, &heads, |head| (head.conversation_id.to_string(), &head.title)).cloned()
}

/// The one of `rows` that `text` names: by its id, its whole name, or a part of it that no other has.
pub(crate) fn one<'a, Row>(
    text: &str,
    rows: &'a [Row],
    id_and_name: impl Fn(&'a Row) -> (String, &'a String),
) -> Result<&'a Row, CliError> {
    let wanted = text.to_lowercase();
    let is_it = |row: &&'a Row| {
        let (id, name) = id_and_name(row);
        id == wanted || name.to_lowercase() == wanted
    };
    if let Some(row) = rows.iter().find(is_it) {
        return Ok(row);
    }
    let mut matching = rows.iter().filter(|row| id_and_name(row).1.to_lowercase().contains(&wanted));
    match (matching.next(), matching.count()) {
        (Some(row), 0) => Ok(row),
        (first, others) => Err(CliError::Pick { count: usize::from(first.is_some()) + others }),
    }
}
