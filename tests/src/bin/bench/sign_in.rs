//! Beginning a sign-in for an address that somebody has, and for one that nobody has: whether the answer or its time
//! tells which.
//!
//! Somebody who wants to know times the answer, or a request right behind it, while the server still works on the mail of
//! the first. Both are measured. Which kind comes next is drawn, so that what is left of one request falls on both alike.

use std::path::Path;

use bytes::Bytes;
use http::{Method, Response, header};
use portico_core::ports::{Clock as _, SystemClock};
use portico_core::testing::SeededDice;
use portico_wire::signin::BeginSignIn;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::figures::{Figure, Sample};
use crate::line::Line;
use crate::office::Office;
use crate::table::{Budget, Table};
use crate::{Failed, rank_sum, say};

/// Sign-ins of each kind.
const EACH: usize = 1_000;
/// Sign-ins before the first that counts.
const WARM: usize = 100;
/// Between two pairs of requests, in milliseconds: a mail is written and gone by then.
const PAUSE_MS: u64 = 10;
/// Whose sign-in the request behind begins: nobody's.
const BEHIND: &str = "behind@nowhere.example";

/// Times of one kind of address: of its own answer, and of the one behind it.
#[derive(Default)]
struct Times {
    own: Sample,
    behind: Sample,
}

/// Adds the rows.
pub(crate) async fn measure(beside: &Path, table: &mut Table) -> Result<(), Failed> {
    say("sign-in");
    let office = Office::open(beside).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let app = office.app.clone();
    let serving = tokio::spawn(async move { app.serve(listener, async { drop(stopped.await) }).await });
    let known: Vec<String> = office.firm.people.values().map(|person| person.email.clone()).collect();
    let unknown: Vec<String> = known.iter().map(|email| nobody_like(email)).collect();
    if unknown.iter().any(|email| known.contains(email)) {
        return Err("somebody's name reads the same backwards".into());
    }
    let mut line = Line::open(server, None).await?;
    for place in 0..WARM {
        let email = known.get(place % known.len()).ok_or("the seed has people")?;
        begin(&mut line, email).await?;
    }
    let dice = SeededDice::of(3);
    let (mut of_known, mut of_unknown) = <(Times, Times)>::default();
    let mut shape = None;
    while of_known.own.values().len() + of_unknown.own.values().len() < 2 * EACH {
        let is_known = draw(&dice, EACH - of_known.own.values().len(), EACH - of_unknown.own.values().len());
        let (emails, times) = if is_known { (&known, &mut of_known) } else { (&unknown, &mut of_unknown) };
        let place = usize::try_from(dice.below(emails.len() as u64))?;
        let email = emails.get(place).ok_or("the place is below their number")?;
        let began = portico_server::ports::Stopwatch::start();
        let answer = begin(&mut line, email).await?;
        let own = began.elapsed();
        let began = portico_server::ports::Stopwatch::start();
        begin(&mut line, BEHIND).await?;
        times.behind.add_time(began.elapsed());
        times.own.add_time(own);
        let answered = shape_of(&answer);
        let first = shape.get_or_insert_with(|| answered.clone());
        if *first != answered {
            return Err(format!("the answers tell the kinds apart: {first} and {answered}").into());
        }
        SystemClock.wait(PAUSE_MS).await;
    }
    drop(stop);
    drop(line);
    serving.await??;
    say(&format!("every answer, but for its digits: {}", shape.unwrap_or_default()));
    compare("begin a sign-in", &of_known.own, &of_unknown.own, table);
    compare("begin another right behind it", &of_known.behind, &of_unknown.behind, table);
    Ok(())
}

fn compare(what: &str, known: &Sample, unknown: &Sample, table: &mut Table) {
    table.add(
        format!("{what}: an address that somebody has, median of {EACH}"),
        Figure::Micros(known.median()),
        Some(("one that nobody has", Figure::Micros(unknown.median()))),
        Budget::RatioWithin(0.05),
    );
    table.add(
        format!("{what}: Mann-Whitney U, p"),
        Figure::Probability(rank_sum::probability(known.values(), unknown.values())),
        None,
        Budget::AtLeast(Figure::Probability(0.01)),
    );
}

/// Whether the next is of the first kind, of which `these` are left, and `those` of the other.
fn draw(dice: &SeededDice, these: usize, those: usize) -> bool {
    dice.below((these + those) as u64) < these as u64
}

/// An address of the same length that nobody has: its name backwards.
fn nobody_like(email: &str) -> String {
    let (name, host) = email.split_once('@').unwrap_or((email, ""));
    let turned: String = name.chars().rev().collect();
    format!("{turned}@{host}")
}

async fn begin(line: &mut Line, email: &str) -> Result<Response<Bytes>, Failed> {
    let body = serde_json::to_vec(&BeginSignIn { email: email.to_owned() })?;
    line.exchange(Method::POST, "/v1/sign-in", body).await
}

/// The whole answer with its ids and times made alike: each hex digit of its body, the value of `date`.
fn shape_of(answer: &Response<Bytes>) -> String {
    let mut shape = format!("{:?} {}\n", answer.version(), answer.status());
    for (name, value) in answer.headers() {
        let shown = if name == header::DATE { "..." } else { value.to_str().unwrap_or("not text") };
        shape.push_str(&format!("{name}: {shown}\n"));
    }
    shape.extend(answer.body().iter().map(|byte| match byte {
        b'0'..=b'9' | b'a'..=b'f' => '.',
        byte => char::from(*byte),
    }));
    shape
}
