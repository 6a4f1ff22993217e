//! `portico search`: on this phone or on the server, in any script.

use clap::Args;
use portico_core::Portal;
use serde_json::{Value, json};

use crate::phone::{self, CliError};
use crate::{Cli, pick, print};

/// Find messages: words, "phrases", any script; the last word also matches longer ones.
///
/// Also `from:NAME`, `has:attachment`, `before:YYYY-MM-DD`, `after:YYYY-MM-DD`.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// What to find.
    query: String,
    /// How many.
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Everything that you may read, also what is not on this phone.
    #[arg(long)]
    server: bool,
}

impl Search {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let portal = phone::fresh_portal(cli).await?;
        if self.server {
            return self.ask_server(cli, &portal).await;
        }
        let found = portal.search(&self.query, None, self.limit)?;
        if cli.json {
            let hits: Vec<Value> = found.hits.iter().map(|hit| json!(hit.entry)).collect();
            let unsent: Vec<Value> = found.unsent.iter().map(print::echo_json).collect();
            print::json(
                &json!({ "hits": hits, "unsent": unsent, "connection": print::connection(&portal)? }),
            );
            return Ok(());
        }
        found.unsent.iter().for_each(print::echo_line);
        for hit in &found.hits {
            let id = hit.entry.conversation_id.to_string();
            print::hit_line(&hit.entry, &pick::conversation(&portal, &id)?.title);
        }
        if found.hits.is_empty() && found.unsent.is_empty() {
            println!("Nothing on this phone matches.");
        }
        print::honest(&portal)
    }

    async fn ask_server(&self, cli: &Cli, portal: &Portal) -> Result<(), CliError> {
        let (mut hits, mut before) = (Vec::new(), None);
        while hits.len() < self.limit {
            let answer = portal.search_server(&self.query, before).await?;
            hits.extend(answer.hits);
            before = answer.next;
            if before.is_none() {
                break;
            }
        }
        let more = before.is_some() || hits.len() > self.limit;
        hits.truncate(self.limit);
        if cli.json {
            print::json(&json!({ "hits": hits, "more": more }));
            return Ok(());
        }
        hits.iter().for_each(|hit| print::hit_line(&hit.entry, &hit.title));
        match (hits.is_empty(), more) {
            (true, _) => println!("Nothing that you may read matches."),
            (false, true) => println!("There is more: raise --limit."),
            (false, false) => {}
        }
        Ok(())
    }
}
