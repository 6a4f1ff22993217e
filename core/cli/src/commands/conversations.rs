//! `portico conversations`: the first screen.

use serde_json::{Value, json};

use crate::phone::{self, CliError};
use crate::{Cli, print};

pub(crate) async fn run(cli: &Cli) -> Result<(), CliError> {
    let portal = phone::fresh_portal(cli).await?;
    let screen = portal.first_screen(usize::MAX)?;
    if cli.json {
        let rows: Vec<Value> = screen.conversations.iter().map(print::conversation_json).collect();
        print::json(&json!({
            "conversations": rows, "unread": screen.unread, "connection": print::connection(&portal)?,
        }));
        return Ok(());
    }
    for (number, row) in screen.conversations.iter().enumerate() {
        print::conversation_line(number + 1, row);
    }
    if screen.conversations.is_empty() {
        println!("No conversations on this phone.");
    }
    print::honest(&portal)
}
