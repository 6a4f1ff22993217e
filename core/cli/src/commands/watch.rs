//! `portico watch`: stays connected and prints what changes.

use std::collections::BTreeMap;

use portico_core::Portal;
use portico_core::events::PortalEvent;
use portico_core::timeline::item::TimelineItem;
use portico_wire::ids::ConversationId;
use serde_json::json;

use crate::phone::{self, CliError};
use crate::{Cli, print, words};

pub(crate) async fn run(cli: &Cli) -> Result<(), CliError> {
    let portal = phone::portal(cli)?;
    let events = portal.events();
    let mut shown = newest_of_all(&portal)?;
    let watching = async {
        loop {
            for event in events.next_batch(64).await {
                tell(cli, &portal, event, &mut shown)?;
            }
        }
    };
    portal.became_active()?;
    tokio::select! {
        ended = watching => ended,
        ended = portal.run() => Ok(ended?),
        _ = tokio::signal::ctrl_c() => Ok(portal.suspend(2_000).await?),
    }
}

/// What was there before this command began is not news.
fn newest_of_all(portal: &Portal) -> Result<BTreeMap<ConversationId, u64>, CliError> {
    let rows = portal.first_screen(usize::MAX)?.conversations;
    Ok(rows.into_iter().map(|row| (row.head.conversation_id, row.head.last_seq)).collect())
}

fn tell(
    cli: &Cli,
    portal: &Portal,
    event: PortalEvent,
    shown: &mut BTreeMap<ConversationId, u64>,
) -> Result<(), CliError> {
    match event {
        PortalEvent::TimelineChanged(conversation) => {
            // Gone again already: the next event says so.
            let Ok(page) = portal.timeline(conversation, None, 50) else { return Ok(()) };
            let after = shown.insert(conversation, page.head.last_seq).unwrap_or(0);
            for item in &page.items {
                if matches!(item, TimelineItem::Logged { entry, .. } if entry.seq > after) {
                    if cli.json {
                        print::json(&json!({ "event": "entry", "item": print::item_json(item) }));
                    } else {
                        println!("{}", print::safe(&page.head.title));
                        print::item_line(item);
                    }
                }
            }
        }
        PortalEvent::AccessLost(conversation) => {
            say(cli, "access_lost", &format!("{conversation} can no longer be read; this phone forgot it."));
        }
        PortalEvent::ConnectionChanged => {
            let words = words::connection(portal.connection(), portal.last_contact_ms()?.map(print::time));
            say(cli, "connection", &words.unwrap_or_else(|| "Connected.".to_owned()));
        }
        PortalEvent::SignInNeeded => {
            say(cli, "sign_in_needed", "This phone is signed out. Sign in to go on.")
        }
        PortalEvent::Wiped => {
            say(cli, "wiped", "This phone was wiped from another device. What it held is gone.")
        }
        PortalEvent::ServerRestored => {
            say(
                cli,
                "server_restored",
                "The server was restored; what it lost of yours is being sent again.",
            );
        }
        PortalEvent::ConversationsChanged
        | PortalEvent::UploadProgressed(_)
        | PortalEvent::DownloadProgressed(_) => {}
    }
    Ok(())
}

fn say(cli: &Cli, event: &str, words: &str) {
    if cli.json {
        print::json(&json!({ "event": event, "words": words }));
    } else {
        println!("{words}");
    }
}
