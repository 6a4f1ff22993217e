//! A phone in a process of its own, to be killed: queues the given texts without a network, says so, and waits.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use portico_ffi::Reach;
use portico_tests::shell::{ShellNetwork, ShellSecrets, installation};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("where is the phone?")?);
    let conversation = arguments.next().ok_or("where to?")?.parse()?;
    let network = Arc::new(ShellNetwork::default());
    network.set(Reach::Offline);
    let secrets = Arc::new(ShellSecrets::in_folder(&folder.join("keys")));
    let portal = installation(&folder, &secrets, &network)?.portal()?.ok_or("nobody is signed in")?;
    for text in arguments {
        portal.send(conversation, text)?;
    }
    println!("queued");
    // Until it is killed.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
