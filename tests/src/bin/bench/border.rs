//! What the language border costs: calls, the first screen and a push, from Rust, and from each program that was named.
//!
//! A program is asked `MODE HOME [FILE]` and answers on standard output with `name number` lines:
//! - `nothing HOME`: starts and ends: `nothing 0`.
//! - `screen HOME`: opens the portal, shows 50 conversations and 50 messages of the first, in two calls: `shown COUNT`.
//! - `calls HOME`: nanoseconds of a call that gives an enum, of one that is refused, of a page of 50 messages:
//!   `connection NS`, `refused NS`, `page NS`.
//! - `push HOME FILE`: opens the sealed push in FILE and keeps it, nothing else: `resident KIB`, at its highest.
//!
//! Secrets are plain files in HOME/keys.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use portico_core::testing::SeededDice;
use portico_ffi::{Portal, SignIn};
use portico_server::ports::Stopwatch;
use portico_tests::shell::{ShellNetwork, ShellSecrets};

use crate::archive::Archive;
use crate::figures::{Figure, Sample, grouped};
use crate::table::{Budget, Table};
use crate::{Failed, say};

const STARTS: usize = 11;
const CALLS: u32 = 20_000;
const PAGES: u32 = 200;
/// Conversations of the first screen, and messages of a page.
const SHOWN: u32 = 50;

/// A program that plays the phone, with the name of its language.
#[derive(Debug, Clone)]
pub(crate) struct Player {
    pub(crate) language: String,
    pub(crate) command: Vec<String>,
}

impl std::str::FromStr for Player {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (language, command) = text.split_once('=').ok_or("LANGUAGE=COMMAND")?;
        let command = command.split_whitespace().map(str::to_owned).collect();
        Ok(Self { language: language.to_owned(), command })
    }
}

impl Player {
    fn play(&self, arguments: &[&Path], mode: &str) -> Result<(f64, BTreeMap<String, f64>), Failed> {
        let (program, first) = self.command.split_first().ok_or("a player has a command")?;
        let began = Stopwatch::start();
        let output = Command::new(program).args(first).arg(mode).args(arguments).output()?;
        let took = began.elapsed().as_secs_f64() * 1e6;
        let said = String::from_utf8(output.stdout)?;
        let numbers = said.lines().filter_map(|line| {
            let (name, number) = line.split_once(' ')?;
            Some((name.to_owned(), number.trim().parse().ok()?))
        });
        let numbers: BTreeMap<String, f64> = numbers.collect();
        if !output.status.success() || numbers.is_empty() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("{} {mode}: {said}{why}", self.language).into());
        }
        Ok((took, numbers))
    }
}

/// Adds the rows of every player.
pub(crate) fn measure(
    this: &Path,
    archive: &Archive,
    players: &[Player],
    table: &mut Table,
) -> Result<(), Failed> {
    let rust = Player {
        language: "Rust".to_owned(),
        command: vec![this.to_string_lossy().into_owned(), "--border-of".to_owned()],
    };
    let library =
        this.ancestors().nth(2).ok_or("a program lies in a folder")?.join("mobile/libportico_ffi.so");
    if let Ok(file) = std::fs::metadata(&library) {
        table.add(
            "the phone's library, stripped, with OpenSSL's libcrypto",
            Figure::Megabytes(file.len() as f64 / 1e6),
            None,
            Budget::None,
        );
    }
    let push = tempfile::NamedTempFile::new()?;
    let entry = archive.known.last().ok_or("something is known")?;
    std::fs::write(push.path(), archive.pushed(entry, u64::from(u32::MAX), &SeededDice::of(5))?)?;
    for player in std::iter::once(&rust).chain(players) {
        say(&format!("the border, from {}", player.language));
        starts(player, archive, table)?;
        calls(player, &rust, archive, table)?;
        let (_, said) = player.play(&[&archive.home, push.path()], "push")?;
        table.add(
            format!("{}: a process that only opens and keeps a push, resident", player.language),
            Figure::Megabytes(number(&said, "resident")? * 1_024.0 / 1e6),
            None,
            // A JVM alone is larger; on a phone it is the app's own process that wakes.
            if player.language == "Kotlin" { Budget::None } else { Budget::AtMost(Figure::Megabytes(24.0)) },
        );
    }
    Ok(())
}

fn starts(player: &Player, archive: &Archive, table: &mut Table) -> Result<(), Failed> {
    let (mut screen, mut nothing) = (Sample::default(), Sample::default());
    for _ in 0..STARTS {
        screen.add(player.play(&[&archive.home], "screen")?.0);
        nothing.add(player.play(&[&archive.home], "nothing")?.0);
    }
    table.add(
        format!(
            "{}: {SHOWN} conversations and {SHOWN} messages, from process start to its end, {} messages stored",
            player.language,
            grouped(archive.log.messages)
        ),
        Figure::Micros(screen.median()),
        Some(("a process that does nothing", Figure::Micros(nothing.median()))),
        Budget::None,
    );
    Ok(())
}

fn calls(player: &Player, rust: &Player, archive: &Archive, table: &mut Table) -> Result<(), Failed> {
    let (_, theirs) = player.play(&[&archive.home], "calls")?;
    let (_, ours) = rust.play(&[&archive.home], "calls")?;
    for (name, what) in [
        ("connection", "a call that gives an enum"),
        ("refused", "a call that is refused, with its numbers"),
        ("page", "a page of 50 messages"),
    ] {
        table.add(
            format!("{}: {what}", player.language),
            Figure::Micros(number(&theirs, name)? / 1e3),
            Some(("the same in Rust", Figure::Micros(number(&ours, name)? / 1e3))),
            Budget::None,
        );
    }
    Ok(())
}

fn number(said: &BTreeMap<String, f64>, name: &str) -> Result<f64, Failed> {
    Ok(*said.get(name).ok_or_else(|| format!("a program said nothing of {name}"))?)
}

/// Rust's own program.
pub(crate) fn play(arguments: &[String]) -> Result<(), Failed> {
    let [mode, home, rest @ ..] = arguments else { return Err("MODE HOME [FILE]".into()) };
    if mode == "nothing" {
        println!("nothing 0");
        return Ok(());
    }
    let secrets = Arc::new(ShellSecrets::in_folder(&Path::new(home).join("keys")));
    let sign_in = SignIn::new(home.clone(), secrets, None, Arc::new(ShellNetwork::default()), None)?;
    match (mode.as_str(), rest) {
        ("screen", []) => {
            let portal = sign_in.portal()?.ok_or("somebody is signed in")?;
            let screen = portal.first_screen(SHOWN)?;
            let first = screen.conversations.first().ok_or("there is a conversation")?;
            let page = portal.timeline(first.head.conversation_id, None, SHOWN)?;
            println!("shown {}", screen.conversations.len() + page.items.len());
        }
        ("calls", []) => time_calls(&*sign_in.portal()?.ok_or("somebody is signed in")?)?,
        ("push", [file]) => {
            sign_in.receive_push(std::fs::read_to_string(file)?)?;
            println!("resident {}", highest_resident_kib()?);
        }
        _ => return Err("nothing, screen, calls or push".into()),
    }
    Ok(())
}

fn time_calls(portal: &Portal) -> Result<(), Failed> {
    let row = portal.first_screen(1)?.conversations.pop().ok_or("there is a conversation")?;
    let conversation = row.head.conversation_id;
    say_per_call("connection", CALLS, || drop(portal.connection()));
    say_per_call("refused", CALLS, || drop(portal.send(conversation, String::new())));
    say_per_call("page", PAGES, || drop(portal.timeline(conversation, None, SHOWN)));
    Ok(())
}

fn say_per_call(name: &str, count: u32, call: impl Fn()) {
    (0..count / 10).for_each(|_| call());
    let began = Stopwatch::start();
    (0..count).for_each(|_| call());
    println!("{name} {}", began.elapsed().as_secs_f64() * 1e9 / f64::from(count));
}

fn highest_resident_kib() -> Result<u64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("the status has VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
