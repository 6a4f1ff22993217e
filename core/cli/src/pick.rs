//! Which conversation a person means: an id, the number in the list, or a part of its title.

use portico_core::Portal;
use portico_wire::conversation::ConversationHead;

use crate::phone::CliError;

/// The one conversation that `text` names.
pub(crate) fn conversation(portal: &Portal, text: &str) -> Result<ConversationHead, CliError> {
    let rows = portal.first_screen(usize::MAX)?.conversations;
    let heads: Vec<ConversationHead> = rows.into_iter().map(|row| row.head).collect();
    let by_id = text.parse().ok().and_then(|id| heads.iter().find(|head| head.conversation_id == id));
    let by_number = text.parse::<usize>().ok().and_then(|number| heads.get(number.checked_sub(1)?));
    if let Some(head) = by_id.or(by_number) {
        return Ok(head.clone());
    }
    let wanted = text.to_lowercase();
    if let Some(head) = heads.iter().find(|head| head.title.to_lowercase() == wanted) {
        return Ok(head.clone());
    }
    let mut matching = heads.iter().filter(|head| head.title.to_lowercase().contains(&wanted));
    match (matching.next(), matching.count()) {
        (Some(head), 0) => Ok(head.clone()),
        (first, others) => Err(CliError::Pick { count: usize::from(first.is_some()) + others }),
    }
}
