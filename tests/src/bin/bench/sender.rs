//! The sending side of a batch, in a process of its own: a phone, or the raw upload's client.
//!
//! - `phone CONVERSATION FILES`: `open HOME` opens the phone there and picks every file of that folder; `go` sends them.
//! - `raw PACK`: `open URL` makes a client without a connection; `go` sends the file `PACK` in one request.
//!
//! Each order is answered with `ok`. A fault ends the process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use portico_core::Portal;
use portico_core::net::transport::RealNetwork;
use portico_core::outbox::entry::SendState;
use portico_core::ports::{Carry, CarryTo, Network as _, Transport};
use portico_core::upload::source::PickSource;
use portico_core::upload::stream;
use portico_wire::ids::ConversationId;

use crate::Failed;
use crate::office::real_phone;

/// Who sends, and what.
enum Sends {
    Phone(ConversationId, PathBuf, Option<Portal>),
    Raw(PathBuf, Option<Arc<dyn Transport>>),
}

/// Does what standard input says, until it ends.
pub(crate) fn play(arguments: &[String]) -> Result<(), Failed> {
    let mut sends = match arguments {
        [kind, claim, files] if kind == "phone" => Sends::Phone(claim.parse()?, files.into(), None),
        [kind, pack] if kind == "raw" => Sends::Raw(pack.into(), None),
        _ => return Err("phone CONVERSATION FILES, or raw PACK".into()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for line in std::io::stdin().lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("open", place)) => runtime.block_on(sends.open(place))?,
            _ => runtime.block_on(sends.go())?,
        }
        println!("ok");
    }
    Ok(())
}

impl Sends {
    /// Makes everything ready up to "send".
    async fn open(&mut self, place: &str) -> Result<(), Failed> {
        match self {
            Self::Phone(claim, files, portal) => {
                // Closing a store writes to the disk, which is no part of sending. A new one has no connection yet, as a
                // phone that was just taken out.
                drop(portal.take());
                let opened = real_phone(Path::new(place))?.portal()?.ok_or("somebody is signed in")?;
                for file in std::fs::read_dir(files)? {
                    let file = file?;
                    let name = Some(file.file_name().to_string_lossy().into_owned());
                    opened.pick(*claim, PickSource::Path(file.path()), name).await?;
                }
                *portal = Some(opened);
            }
            Self::Raw(_, transport) => *transport = Some(RealNetwork::new(None)?.connect(place)?),
        }
        Ok(())
    }

    async fn go(&mut self) -> Result<(), Failed> {
        match self {
            Self::Phone(claim, _, portal) => {
                let portal = portal.as_ref().ok_or("somebody is signed in")?;
                let key = portal.send_files(*claim, "The photos").await?;
                portal.upload_once().await?;
                if portal.entry_state(key)? != SendState::Accepted {
                    return Err("the batch was not accepted at once".into());
                }
            }
            Self::Raw(pack, transport) => {
                let transport = transport.take().ok_or("it was opened")?;
                let length_bytes = std::fs::metadata(&*pack)?.len();
                let carry = Carry {
                    to: CarryTo::Upload { capability: String::new(), offset_bytes: 0 },
                    length_bytes,
                    bytes: stream::read(pack.clone(), 0, length_bytes),
                };
                let answer = transport.carry(carry).await?;
                if answer.upload_offset != Some(length_bytes) {
                    return Err(format!("the raw upload answers {answer:?}").into());
                }
            }
        }
        Ok(())
    }
}
