//! `portico devices`: where this person is signed in.

use clap::Subcommand;
use portico_wire::ids::DeviceId;
use portico_wire::signin::SignedInDevice;
use serde_json::json;

use super::factors::{done, in_person};
use crate::phone::{self, CliError};
use crate::{Cli, print};

/// Where you are signed in at this firm.
#[derive(Debug, Subcommand)]
pub(crate) enum Devices {
    /// List your devices, the newest first.
    List,
    /// Sign another device out.
    SignOut {
        /// Its id, from the list.
        device: DeviceId,
    },
    /// Have everything of yours deleted from another device at its next contact, unsent messages too.
    Wipe {
        /// Its id, from the list.
        device: DeviceId,
    },
}

impl Devices {
    pub(crate) async fn run(&self, cli: &Cli) -> Result<(), CliError> {
        let portal = &phone::portal(cli)?;
        match self {
            Self::List => {
                let devices = portal.devices().await?;
                if cli.json {
                    print::json(&json!({ "devices": devices }));
                } else {
                    devices.iter().for_each(|device| println!("{}", line(device)));
                }
            }
            Self::SignOut { device } => {
                in_person(portal, async || portal.end_device(*device).await).await?;
                done(cli, "It is signed out. What it holds stays on it, sealed.");
            }
            Self::Wipe { device } => {
                in_person(portal, async || portal.wipe_device(*device).await).await?;
                done(cli, "It deletes everything of yours at its next contact: portico devices list");
            }
        }
        Ok(())
    }
}

fn line(device: &SignedInDevice) -> String {
    let how = match (device.this_device, device.wiped_at_ms, device.wipe_told_at_ms) {
        (_, Some(_), Some(told)) => format!("wiped: it heard so at {}", print::time(told)),
        (_, Some(_), None) => "to be wiped: it has not been heard of since".to_owned(),
        (true, None, _) => format!("this one, since {}", print::time(device.signed_in_at_ms)),
        (false, None, _) => format!("since {}", print::time(device.signed_in_at_ms)),
    };
    format!("{}  {}  {how}", device.device_id, print::safe(&device.name))
}
