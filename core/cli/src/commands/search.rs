//! `portico search`: on this phone, in any script.

use clap::Args;
use serde_json::{Value, json};

use crate::phone::{self, CliError};
use crate::{Cli, pick, print};

/// Find messages on this phone: words, "phrases", any script; the last word also matches longer ones.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// What to find.
    query: String,
    /// How many.
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

impl Search {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let portal = phone::fresh_portal(cli).await?;
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
            print::hit_line(hit, &pick::conversation(&portal, &id)?.title);
        }
        if found.hits.is_empty() && found.unsent.is_empty() {
            println!("Nothing on this phone matches.");
        }
        print::honest(&portal)
    }
}
