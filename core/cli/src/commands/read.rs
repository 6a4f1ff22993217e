//! `portico read`: one page of a conversation. What it prints counts as looked at.

use clap::Args;
use portico_core::Portal;
use portico_core::timeline::item::{TimelineItem, TimelinePage};
use portico_wire::ids::ConversationId;
use portico_wire::looked_at::SeqRange;
use serde_json::{Value, json};

use crate::phone::{self, CliError};
use crate::{Cli, pick, print};

/// Show a conversation, and mark what was shown as looked at.
#[derive(Debug, Args)]
pub(crate) struct Read {
    /// Its number in the list, its id, or a part of its title.
    conversation: String,
    /// Show what stands before this entry.
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,
    /// How many entries.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Do not mark anything as looked at.
    #[arg(long)]
    peek: bool,
}

impl Read {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let portal = phone::fresh_portal(cli).await?;
        let conversation = pick::conversation(&portal, &self.conversation)?.conversation_id;
        let page = self.page(cli, &portal, conversation).await?;
        if cli.json {
            let items: Vec<Value> = page.items.iter().map(print::item_json).collect();
            print::json(&json!({
                "head": page.head, "items": items, "has_older": page.has_older, "draft": page.draft,
                "connection": print::connection(&portal)?,
            }));
        } else {
            println!("{}", print::safe(&page.head.title));
            page.items.iter().for_each(print::item_line);
            print::honest(&portal)?;
        }
        if !self.peek {
            for range in shown(&page) {
                portal.look_at(conversation, range)?;
            }
            phone::catch_up(cli, &portal).await?;
        }
        Ok(())
    }

    /// The page; what is missing of it is fetched where there is a server.
    async fn page(
        &self,
        cli: &Cli,
        portal: &Portal,
        conversation: ConversationId,
    ) -> Result<TimelinePage, CliError> {
        let page = portal.timeline(conversation, self.before, self.limit)?;
        let Some(before) = missing_below(&page, self.limit).filter(|_| !cli.offline) else { return Ok(page) };
        // Offline, the gap stays shown.
        let fetched = portal.fetch_older(conversation, before).await;
        if fetched.is_ok() { Ok(portal.timeline(conversation, self.before, self.limit)?) } else { Ok(page) }
    }
}

/// Below which entry something of this page is not here.
fn missing_below(page: &TimelinePage, limit: usize) -> Option<u64> {
    let gap = page.items.iter().rev().find_map(|item| match item {
        TimelineItem::Gap { to_seq, .. } => Some(to_seq + 1),
        TimelineItem::Logged { .. } | TimelineItem::Unsent(_) => None,
    });
    let seqs: Vec<u64> = page.items.iter().filter_map(seq_of).collect();
    let short = seqs.len() < limit && page.has_older;
    gap.or_else(|| short.then(|| seqs.first().copied().unwrap_or(page.head.last_seq + 1)))
}

fn seq_of(item: &TimelineItem) -> Option<u64> {
    match item {
        TimelineItem::Logged { entry, .. } => Some(entry.seq),
        TimelineItem::Gap { .. } | TimelineItem::Unsent(_) => None,
    }
}

/// Only what was printed, in ranges.
fn shown(page: &TimelinePage) -> Vec<SeqRange> {
    let ranges = page.items.iter().filter_map(seq_of).map(|seq| SeqRange { from_seq: seq, to_seq: seq });
    portico_wire::looked_at::SeqSet::of(ranges).ranges().to_vec()
}
