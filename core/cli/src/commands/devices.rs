//! `portico devices`: where this person is signed in.

use clap::Subcommand;
use portico_wire::factor::ApprovalAsked;
use portico_wire::ids::{ChallengeId, DeviceId};
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
    /// Say yes to a sign-in on another device, by the number that it shows. Another number ends that sign-in.
    Approve {
        /// Two digits.
        number: String,
        /// Which sign-in, where several wait: its id, from the list.
        #[arg(long)]
        sign_in: Option<ChallengeId>,
    },
    /// Say no to every sign-in that waits for a yes.
    TurnDown,
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
                let (devices, approvals) = (portal.devices().await?, portal.approvals().await?);
                if cli.json {
                    print::json(&json!({ "devices": devices, "approvals": approvals }));
                } else {
                    devices.iter().for_each(|device| println!("{}", line(device)));
                    approvals.iter().for_each(|asked| println!("{}", waiting(asked)));
                }
            }
            Self::SignOut { device } => {
                in_person(portal, async || portal.end_device(*device).await).await?;
                done(cli, "It is signed out. What it holds stays on it, sealed.");
            }
            Self::Approve { number, sign_in } => {
                let asked: Vec<_> = portal
                    .approvals()
                    .await?
                    .into_iter()
                    .filter(|asked| sign_in.is_none_or(|sign_in| sign_in == asked.challenge_id))
                    .collect();
                let [asked] = asked.as_slice() else {
                    return Err(CliError::Input(match asked.len() {
                        0 => "No sign-in waits for a yes.".to_owned(),
                        _ => "Several wait: name one with --sign-in, from portico devices list.".to_owned(),
                    }));
                };
                in_person(portal, async || portal.approve(asked.challenge_id, number).await).await?;
                done(cli, "That device may go on.");
            }
            Self::TurnDown => {
                for asked in portal.approvals().await? {
                    portal.turn_down(asked.challenge_id).await?;
                }
                done(cli, "No sign-in waits any more. If you began none, somebody else reads your mail.");
            }
            Self::Wipe { device } => {
                in_person(portal, async || portal.wipe_device(*device).await).await?;
                done(cli, "It deletes everything of yours at its next contact: portico devices list");
            }
        }
        Ok(())
    }
}

fn waiting(asked: &ApprovalAsked) -> String {
    format!(
        "{}  {}  signs in since {}, and waits for a yes: portico devices approve NUMBER",
        asked.challenge_id,
        print::safe(&asked.device_name),
        print::time(asked.asked_at_ms)
    )
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
