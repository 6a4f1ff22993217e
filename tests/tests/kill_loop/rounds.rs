//! The rounds: what a phone does, who is killed meanwhile, and when.

use std::collections::BTreeSet;
use std::time::Duration;

use portico_core::ports::{Clock as _, SystemClock};
use portico_core::testing::SeededDice;
use portico_wire::limits::BATCH_BYTES_MAX;
use serde_json::Value;

use crate::ending::{Tally, finish, whole_log};
use crate::ledger::{Fate, Ledger};
use crate::network::Way;
use crate::stage::{Ended, Stage};
use crate::{HANGS_AFTER, Outcome, texts};

/// The phone that is killed.
pub(crate) const JONAS: &str = "jonas";
/// A phone of somebody else in the same conversations.
pub(crate) const MARA: &str = "mara";
/// The conversations that both are in.
pub(crate) const SHARED: [&str; 4] = ["claim", "notes", "library", "direct"];

/// A run.
pub(crate) struct Play {
    dice: SeededDice,
    pub(crate) stage: Stage,
    pub(crate) ledger: Ledger,
    pub(crate) tally: Tally,
    /// Texts that were there before anybody sent one.
    pub(crate) seeded: BTreeSet<String>,
    /// What one whole command takes on this machine, in milliseconds: kills by time are drawn within it.
    command_ms: u64,
    /// The files of every batch, where the run is about large ones: drawn once, since drawing takes longer than sending.
    large: Option<([String; 2], Vec<String>)>,
}

/// What the phone does in a round.
enum Act {
    Send { number: usize, conversation: String },
    SendFiles { number: usize, conversation: String, files: [String; 2] },
    Outbox,
    Read { conversation: String },
    Withdraw { number: usize, before: Fate },
}

/// Who dies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Victim {
    Phone,
    Server,
    Both,
}

/// When.
#[derive(Clone, Copy)]
enum Moment {
    After { ms: u64 },
    Bytes { way: Way, count: usize },
}

impl Play {
    /// Two people signed in, each with one text accepted.
    pub(crate) async fn begin(seed: u64) -> Outcome<Self> {
        let stage = Stage::build().await?;
        let mut play = Self {
            dice: SeededDice::of(seed),
            stage,
            ledger: Ledger::default(),
            tally: Tally::default(),
            seeded: BTreeSet::new(),
            command_ms: 0,
            large: None,
        };
        for home in [JONAS, MARA] {
            play.stage.sign_in(home, &email(home)).await?;
        }
        for short in SHARED {
            let conversation = play.stage.conversations[short].as_str().unwrap();
            let log = whole_log(&play.stage, MARA, conversation).await?;
            play.seeded.extend(log.into_iter().map(|message| message.text));
        }
        for home in [JONAS, MARA] {
            let began_ms = SystemClock.now_ms();
            play.send_whole(home).await?;
            play.command_ms = SystemClock.now_ms().abs_diff(began_ms).max(5);
        }
        Ok(play)
    }

    /// Kills until `kills` processes have died, then lets everything come up and holds the log against the ledger.
    pub(crate) async fn until(mut self, kills: u64) -> Outcome<Tally> {
        // Nearly every round kills; some end before their moment comes.
        for _ in 0..kills * 10 {
            if self.tally.kills() >= kills {
                break;
            }
            self.round().await.map_err(|fault| format!("{fault}\n{}", self.stage.server_log()))?;
        }
        if self.tally.kills() < kills {
            return Err(format!("only {} processes could be killed", self.tally.kills()));
        }
        finish(self).await
    }

    /// The same, where everything that is sent is a batch of the largest size, and everybody dies within its bytes.
    pub(crate) async fn until_within_large(mut self, kills: u64) -> Outcome<Tally> {
        self.large = Some(self.stage.write_files(&self.dice, BATCH_BYTES_MAX)?);
        self.until(kills).await
    }

    async fn round(&mut self) -> Outcome {
        // A server that stays away for a round leaves entries that wait.
        if !self.stage.is_server_up() && self.dice.chance(75) {
            if self.dice.chance(15) {
                self.kill_starting_server().await?;
            }
            self.stage.start_server().await?;
        }
        let act = self.draw_act().await?;
        let ended = self.strike(&act).await?;
        self.tally.phones_killed += u64::from(ended.killed);
        self.note(act, ended.said)?;
        // The store opens after every kill, and shows what it holds.
        let listed = self.stage.on_phone(JONAS, &["outbox", "--offline"], None).await?;
        self.ledger.listed(JONAS, &listed)
    }

    /// The server dies while it opens its folder.
    async fn kill_starting_server(&mut self) -> Outcome {
        let ms = self.dice.below(self.command_ms);
        let mut child = self.stage.spawn_server()?;
        SystemClock.wait(ms).await;
        self.tally.servers_killed += 1;
        child.kill().await.map_err(|fault| fault.to_string())
    }

    async fn draw_act(&mut self) -> Outcome<Act> {
        let conversation = self.draw_conversation();
        if let Some((files, hashes)) = self.large.clone() {
            // One at a time: what was cut goes on until it is there.
            if self.ledger.waits(JONAS) {
                return Ok(Act::Outbox);
            }
            let text = texts::draw(&self.dice, self.ledger.0.len());
            let number = self.ledger.begin(JONAS, &conversation, text, hashes);
            return Ok(Act::SendFiles { number, conversation, files });
        }
        let known = self.ledger.withdrawable(JONAS);
        Ok(match self.dice.below(100) {
            0..25 if !known.is_empty() => {
                let number = known[usize::try_from(self.dice.below(known.len() as u64)).unwrap()];
                let before = self.ledger.0[number].fate;
                self.ledger.begin_withdrawal(number);
                Act::Withdraw { number, before }
            }
            25..38 => Act::Outbox,
            38..50 => {
                // Something of somebody else for the phone to take in.
                self.send_whole(MARA).await?;
                Act::Read { conversation }
            }
            50..62 => {
                let text = texts::draw(&self.dice, self.ledger.0.len());
                let (files, hashes) = self.stage.write_files(&self.dice, BATCH_BYTES)?;
                let number = self.ledger.begin(JONAS, &conversation, text, hashes);
                Act::SendFiles { number, conversation, files }
            }
            _ => {
                let text = texts::draw(&self.dice, self.ledger.0.len());
                Act::Send { number: self.ledger.begin(JONAS, &conversation, text, Vec::new()), conversation }
            }
        })
    }

    fn draw_conversation(&self) -> String {
        let short = SHARED[usize::try_from(self.dice.below(SHARED.len() as u64)).unwrap()];
        self.stage.conversations[short].as_str().unwrap().to_owned()
    }

    /// Sends a text that nothing interrupts.
    async fn send_whole(&mut self, home: &'static str) -> Outcome {
        let conversation = self.draw_conversation();
        let text = texts::draw(&self.dice, self.ledger.0.len());
        let number = self.ledger.begin(home, &conversation, text.clone(), Vec::new());
        let printed = self.stage.on_phone(home, &["send", &conversation, "-"], Some(&text)).await?;
        self.ledger.sent(number, &printed)
    }

    /// Runs `act` and kills whom the dice name when the drawn moment comes; one that is over before lives.
    async fn strike(&mut self, act: &Act) -> Outcome<Ended> {
        let (victim, moment) = (self.draw_victim(), self.draw_moment(act));
        let key = match act {
            Act::Withdraw { number, .. } => self.ledger.0[*number].key.clone().unwrap_or_default(),
            _ => String::new(),
        };
        let (arguments, text) = match act {
            Act::Send { number, conversation } => {
                (vec!["send", conversation, "-"], Some(self.ledger.0[*number].text.clone()))
            }
            Act::SendFiles { number, conversation, files: [one, two] } => {
                let text = self.ledger.0[*number].text.clone();
                (vec!["send", conversation, "-", "--attach", one, two], Some(text))
            }
            Act::Outbox => (vec!["outbox"], None),
            Act::Read { conversation } => (vec!["read", conversation], None),
            Act::Withdraw { .. } => (vec!["withdraw", key.as_str()], None),
        };
        let mut phone = self.stage.spawn_phone(JONAS, &arguments, text.as_deref())?;
        let network = &self.stage.network;
        let moment_comes = async {
            match moment {
                Moment::After { ms } => SystemClock.wait(ms).await,
                Moment::Bytes { way, count } => network.trap(way, count).await,
            }
        };
        tokio::select! {
            ended = phone.child.wait() => drop(ended),
            () = moment_comes => {}
            () = SystemClock.wait(u64::try_from(HANGS_AFTER.as_millis()).unwrap()) => {}
        }
        if victim != Victim::Server {
            phone.kill();
        }
        if victim != Victim::Phone && self.stage.kill_server().await? {
            self.tally.servers_killed += 1;
        }
        self.stage.network.let_go();
        phone.end().await
    }

    fn draw_victim(&self) -> Victim {
        match self.dice.below(100) {
            0..60 => Victim::Phone,
            60..85 => Victim::Server,
            _ => Victim::Both,
        }
    }

    /// By time within one command, or by bytes within one request and its answer.
    fn draw_moment(&self, act: &Act) -> Moment {
        if self.large.is_some() {
            let count = usize::try_from(1 + self.dice.below(BATCH_BYTES_MAX)).unwrap();
            return Moment::Bytes { way: Way::Up, count };
        }
        let text_bytes = match act {
            Act::Send { number, .. } => self.ledger.0[*number].text.len() as u64,
            Act::SendFiles { .. } => BATCH_BYTES,
            // One that waits may be a batch.
            Act::Outbox => self.dice.below(2) * BATCH_BYTES,
            Act::Read { .. } | Act::Withdraw { .. } => 0,
        };
        let bytes = |most: u64| usize::try_from(1 + self.dice.below(most)).unwrap();
        match self.dice.below(3) {
            0 => Moment::After { ms: self.dice.below(self.command_ms + self.command_ms / 4) },
            1 => Moment::Bytes { way: Way::Up, count: bytes(900 + text_bytes) },
            _ => Moment::Bytes { way: Way::Down, count: bytes(1_500 + text_bytes) },
        }
    }

    /// Writes into the ledger what the process printed before it ended, if anything.
    fn note(&mut self, act: Act, said: Option<Value>) -> Outcome {
        let Some(printed) = said else { return Ok(()) };
        match act {
            Act::Send { number, .. } | Act::SendFiles { number, .. } => self.ledger.sent(number, &printed),
            Act::Outbox => self.ledger.listed(JONAS, &printed),
            Act::Read { .. } => Ok(()),
            Act::Withdraw { number, before } => self.ledger.withdrew(number, before, &printed),
        }
    }

    /// Lets the phone come to rest with a server that stays.
    pub(crate) async fn drain(&mut self, home: &str) -> Outcome {
        for _ in 0..20 {
            let listed = self.stage.on_phone(home, &["outbox"], None).await?;
            self.ledger.listed(home, &listed)?;
            let rows = listed["outbox"].as_array().into_iter().flatten();
            if rows.filter(|row| row["state"] != "withdrawn").count() == 0 {
                return Ok(());
            }
            SystemClock.wait(DRAIN_PAUSE.as_millis() as u64).await;
        }
        Err(format!("{home} does not come to rest\n{}", self.stage.server_log()))
    }
}

/// The address of a seeded lawyer.
pub(crate) fn email(home: &str) -> String {
    format!("{home}@harbourlane.example")
}

/// Plain bytes of a batch: 32 chunks or so, enough that most kills by bytes fall within them.
pub(crate) const BATCH_BYTES: u64 = 2_000_000;
/// Long enough for a server that asked to wait.
const DRAIN_PAUSE: Duration = Duration::from_millis(100);
