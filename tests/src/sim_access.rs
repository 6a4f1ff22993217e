//! One seeded schedule of coming and going: people are added, removed, shut out, let in again and sent away, while what they
//! wrote is on its way.
//!
//! The oracle reads the logs alone: who was in a conversation at each entry, and so what a phone may hold of it.

use std::collections::{BTreeMap, BTreeSet};

use portico_core::outbox::entry::SendState;
use portico_core::testing::SeededDice;
use portico_core::timeline::item::{Delivery, TimelineItem};
use portico_server::store::{Change as Made, StoreError};
use portico_wire::conversation::{ConversationKind, Standing};
use portico_wire::entry::{Entry, EntrySubject};
use portico_wire::ids::{ConversationId, PersonId, SendKey};

use crate::faults::Weather;
use crate::phone::TestPhone;
use crate::sim::content;
use crate::world::World;

/// What one schedule came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moved {
    /// Everything that is untrue; empty where all is well.
    pub faults: Vec<String>,
    /// Messages sent, with files and without.
    pub sent: usize,
    /// Of these, how many were refused.
    pub refused: usize,
    /// How often somebody came, went, was shut out, let in, or sent away.
    pub changes: usize,
    /// Of these, how many while requests of a phone were on their way.
    pub races: usize,
    /// How often a phone holds nothing of a conversation that it held.
    pub lost: usize,
}

/// A message that somebody wrote.
struct Act {
    key: SendKey,
    conversation: usize,
    text: String,
    files: usize,
}

struct Actor {
    name: &'static str,
    phone: TestPhone,
    acts: Vec<Act>,
    /// Conversations that the phone has held.
    held: BTreeSet<usize>,
}

struct Place {
    id: ConversationId,
    kind: ConversationKind,
    /// Who is in it from the beginning.
    founders: &'static [&'static str],
    in_harbour: bool,
}

struct Schedule {
    world: World,
    dice: SeededDice,
    actors: Vec<Actor>,
    places: Vec<Place>,
    /// Who may know of the matter; none: all staff.
    listed: Option<BTreeSet<&'static str>>,
    left_the_firm: BTreeSet<&'static str>,
    archived: bool,
    moved: Moved,
}

/// Plays the schedule of `seed`.
pub async fn play(seed: u64) -> Moved {
    let world = World::of_seed(seed).await;
    let mut actors = Vec::new();
    for name in PEOPLE {
        let phone = world.phone(name).await;
        actors.push(Actor { name, phone, acts: Vec::new(), held: BTreeSet::new() });
    }
    let place =
        |name, kind, founders, in_harbour| Place { id: world.conversation(name), kind, founders, in_harbour };
    let places = vec![
        place("claim", ConversationKind::ExternalMatter, &["amina", "mara", "jonas"] as &[_], true),
        place("notes", ConversationKind::InternalMatter, &["mara", "jonas"], true),
        place("direct", ConversationKind::Direct, &["mara", "jonas"], false),
    ];
    let dice = SeededDice::of(seed.wrapping_mul(0xACCE).wrapping_add(7));
    let mut schedule = Schedule {
        world,
        dice,
        actors,
        places,
        listed: None,
        left_the_firm: BTreeSet::new(),
        archived: false,
        moved: Moved::default(),
    };
    for _ in 0..STEPS {
        schedule.step().await;
    }
    schedule.come_to_rest().await;
    schedule.look().await;
    schedule.moved
}

impl Schedule {
    async fn step(&mut self) {
        let who = self.below(self.actors.len());
        match self.below(100) {
            0..=26 => self.send(who),
            27..=34 => self.send_files(who).await,
            35..=54 => self.catch_up(who).await,
            55..=72 => self.catch_up_in_a_race(who).await,
            73..=85 => {
                let change = self.draw();
                let made = make(&self.world, change).await.expect("the store works");
                self.note(change, made);
            }
            86..=89 => self.fetch(who).await,
            90..=93 => {
                let actor = self.actor(who);
                actor.phone.kill();
                actor.phone.start();
            }
            _ => self.world.clock.advance(i64::try_from(self.below(20 * 60_000)).unwrap_or(0)),
        }
    }

    fn below(&self, limit: usize) -> usize {
        usize::try_from(self.dice.below(limit as u64)).unwrap_or(0)
    }

    fn actor(&mut self, who: usize) -> &mut Actor {
        self.actors.get_mut(who).expect("the step drew one of the actors")
    }

    /// A conversation that the phone shows; none where it shows none of these.
    fn shown(&self, who: usize) -> Option<usize> {
        let phone = &self.actors.get(who)?.phone;
        let shows = |place: &Place| phone.portal().timeline(place.id, None, 1).is_ok();
        let shown: Vec<usize> =
            (0..).zip(&self.places).filter(|(_, at)| shows(at)).map(|(at, _)| at).collect();
        shown.get(self.below(shown.len().max(1))).copied()
    }

    fn text(&self, who: usize) -> String {
        let actor = &self.actors.get(who).expect("the step drew one of the actors");
        format!("{}x{}", actor.name, actor.acts.len())
    }

    fn send(&mut self, who: usize) {
        let Some(conversation) = self.shown(who) else { return };
        let (text, id) = (self.text(who), self.places.get(conversation).expect("it is shown").id);
        let actor = self.actor(who);
        let key = actor.phone.portal().send(id, &text).expect("the text is kept");
        actor.acts.push(Act { key, conversation, text, files: 0 });
    }

    async fn send_files(&mut self, who: usize) {
        let Some(conversation) = self.shown(who) else { return };
        let (text, id) = (self.text(who), self.places.get(conversation).expect("it is shown").id);
        let files = 1 + self.below(2);
        let sizes: Vec<u64> = (0..files).map(|_| self.dice.below(90_000)).collect();
        let actor = self.actor(who);
        let number = actor.acts.len();
        let contents: Vec<Vec<u8>> =
            (0_u64..).zip(sizes).map(|(place, size)| content(who << 16 | number, place, size)).collect();
        let key = actor.phone.send_files(id, &text, &contents).await;
        actor.acts.push(Act { key, conversation, text, files });
    }

    async fn catch_up(&mut self, who: usize) {
        let weather = Weather::Wild(self.dice.below(50));
        let actor = self.actor(who);
        actor.phone.network.set(weather);
        actor.phone.catch_up_or_die().await;
        if self.actor(who).phone.network.takes_server_down() {
            self.world.kill_server();
            self.world.start_server();
        }
        self.note_held();
    }

    /// Somebody comes or goes while this phone's requests are on their way.
    async fn catch_up_in_a_race(&mut self, who: usize) {
        let (change, yields) = (self.draw(), self.below(40));
        let Self { world, actors, .. } = self;
        let actor = actors.get_mut(who).expect("the step drew one of the actors");
        actor.phone.network.set(Weather::Calm);
        let made = async {
            for _ in 0..yields {
                tokio::task::yield_now().await;
            }
            make(world, change).await
        };
        let (_, made) = tokio::join!(actor.phone.catch_up_or_die(), made);
        self.note(change, made.expect("the store works"));
        self.moved.races += 1;
        self.note_held();
    }

    /// Brings the files of a message onto the phone, where it may.
    async fn fetch(&mut self, who: usize) {
        let Some(conversation) = self.shown(who) else { return };
        let id = self.places.get(conversation).expect("it is shown").id;
        let actor = self.actor(who);
        actor.phone.network.set(Weather::Calm);
        let page = actor.phone.portal().timeline(id, None, 30).expect("it is shown");
        let entry = page.items.iter().rev().find_map(|item| match item {
            TimelineItem::Logged { entry, .. } if !entry.files.is_empty() => Some(entry),
            _ => None,
        });
        if let Some((entry, file)) = entry.and_then(|entry| Some((entry, entry.files.first()?))) {
            // It may have been shut out meanwhile.
            drop(actor.phone.portal().fetch_attachment(entry.entry_id, file.attachment_id).await);
        }
    }

    /// A change that mara can make: she is never shut out herself, and never leaves what only she could undo.
    fn draw(&self) -> Change {
        let at = self.below(self.places.len());
        let place = self.places.get(at).expect("one was drawn");
        let who = *PEOPLE.get(self.below(PEOPLE.len())).expect("one was drawn");
        match self.below(24) {
            0..=6 => Change::Comes(place.id, who),
            7..=13 if place.kind == ConversationKind::Direct => Change::Goes(place.id, "jonas"),
            7..=13 => Change::Goes(place.id, who),
            14..=16 => Change::Restricts(Some(&["mara"])),
            17 => Change::Restricts(Some(&["mara", "jonas"])),
            18..=20 => Change::Restricts(None),
            21 => Change::Archives(!self.archived),
            _ if who != "mara" => Change::Departs(who),
            _ => Change::Comes(place.id, who),
        }
    }

    fn note(&mut self, change: Change, made: Made) {
        if !matches!(made, Made::Made | Made::AlreadySo) {
            return;
        }
        self.moved.changes += usize::from(made == Made::Made);
        match change {
            Change::Restricts(listed) => self.listed = listed.map(|listed| listed.iter().copied().collect()),
            Change::Archives(archived) => self.archived = archived,
            Change::Departs("jonas") => {
                self.left_the_firm.insert("jonas");
            }
            Change::Comes(..) | Change::Goes(..) | Change::Departs(_) => {}
        }
    }

    fn note_held(&mut self) {
        let Self { actors, places, .. } = self;
        for actor in actors {
            for (at, place) in places.iter().enumerate() {
                if actor.phone.portal().timeline(place.id, None, 1).is_ok() {
                    actor.held.insert(at);
                }
            }
        }
    }

    async fn come_to_rest(&mut self) {
        for _ in 0..2 {
            for actor in &mut self.actors {
                actor.phone.come_to_rest(&self.world).await;
            }
        }
    }

    async fn look(&mut self) {
        for at in 0..self.places.len() {
            let place = self.places.get(at).expect("there are so many");
            let log = self.world.log(place.id).await;
            let heard = self.heard(place, &log);
            let mut faults = Vec::new();
            for actor in &self.actors {
                faults.extend(self.ends(actor, at, &log));
                match self.span(actor.name, place, &heard) {
                    Some(span) => faults.extend(shows(actor, place, &log, &heard, span)),
                    None => {
                        faults.extend(holds_nothing(actor, place, &log));
                        self.moved.lost += usize::from(actor.held.contains(&at));
                    }
                }
            }
            self.moved.faults.extend(faults.into_iter().map(|fault| format!("c{at}: {fault}")));
        }
        self.look_at_refused();
        let report = self.world.app().verify().await.expect("the log is verified");
        self.moved.faults.extend(report.faults.iter().map(ToString::to_string));
        self.moved.sent = self.actors.iter().map(|actor| actor.acts.len()).sum();
    }

    /// Who was in it when each entry was written.
    fn heard(&self, place: &Place, log: &[Entry]) -> Vec<BTreeSet<&'static str>> {
        let name_of = |id: PersonId| PEOPLE.into_iter().find(|name| self.world.person_id(name) == id);
        let mut inside: BTreeSet<&str> = place.founders.iter().copied().collect();
        let mut heard = Vec::new();
        for entry in log {
            let subject = serde_json::from_str::<EntrySubject>(&entry.body).ok();
            let subject = subject.and_then(|subject| name_of(subject.person_id));
            match (entry.kind.as_str(), subject) {
                ("joined", Some(name)) => drop(inside.insert(name)),
                ("left", Some(name)) => drop(inside.remove(name)),
                _ => {}
            }
            heard.push(inside.clone());
            if entry.kind.as_str() == "closed" {
                inside.retain(|name| self.world.person(name).standing != Standing::Staff);
            }
        }
        heard.push(inside);
        heard
    }

    /// The entries that the phone of `name` may hold, first and last; none where it holds nothing (R15-R19, R41, R43). The
    /// last of `heard` says who is in it now.
    fn span(&self, name: &str, place: &Place, heard: &[BTreeSet<&'static str>]) -> Option<(usize, usize)> {
        let is_staff = self.world.person(name).standing == Standing::Staff;
        let shut_out = place.in_harbour && self.listed.as_ref().is_some_and(|listed| !listed.contains(name));
        let is_in_it = heard.last().is_some_and(|inside| inside.contains(name));
        let direct = place.kind == ConversationKind::Direct;
        if self.left_the_firm.contains(name) || is_staff && (shut_out || direct && !is_in_it) {
            return None;
        }
        let entries = heard.get(..heard.len() - 1)?;
        let last = entries.iter().rposition(|inside| inside.contains(name))?;
        let gap = entries.get(..last)?.iter().rposition(|inside| !inside.contains(name));
        let first = gap.map_or(0, |gap| gap + 1);
        Some(if is_staff && !direct { (1, last + 1) } else { (first + 1, last + 1) })
    }

    /// Each message ends, the same on phone and server, once.
    fn ends(&self, actor: &Actor, at: usize, log: &[Entry]) -> Vec<String> {
        let mut faults = Vec::new();
        for act in actor.acts.iter().filter(|act| act.conversation == at) {
            let entry = actor.phone.portal().store().read(|reading| reading.outbox_entry(act.key));
            let state = entry.expect("the store is read").map(|entry| entry.progress.state);
            let author = self.world.person_id(actor.name);
            let found: Vec<&Entry> = log.iter().filter(|entry| entry.body == act.text).collect();
            let is_there = found.len() == 1
                && found.iter().all(|entry| entry.author_id == author && entry.files.len() == act.files);
            let fits = match &state {
                Some(SendState::Accepted) => is_there,
                Some(SendState::Refused(_)) => found.is_empty(),
                _ => false,
            };
            if !fits {
                faults.push(format!("{:?} ends {state:?} and is {} times in the log", act.text, found.len()));
            }
        }
        faults
    }

    /// What was refused is kept whole until the person discards it; then nothing of it is left.
    fn look_at_refused(&mut self) {
        for actor in &mut self.actors {
            let shown = actor.phone.outbox();
            for act in &actor.acts {
                let state = actor.phone.portal().entry_state(act.key);
                if !matches!(state, Ok(SendState::Refused(_))) {
                    continue;
                }
                self.moved.refused += 1;
                let echo = shown.iter().find(|echo| echo.send_key == act.key);
                let is_kept = echo.is_some_and(|echo| {
                    matches!(echo.delivery, Delivery::Refused(_))
                        && echo.body == act.text
                        && echo.files.len() == act.files
                });
                if !is_kept {
                    self.moved.faults.push(format!("{:?} is refused and not kept", act.text));
                }
            }
            let with_files = shown.iter().filter(|echo| !echo.files.is_empty()).count();
            if actor.phone.files_in("packs").len() < with_files {
                self.moved.faults.push(format!("{} has lost a pack", actor.name));
            }
            for echo in shown {
                actor.phone.portal().discard(echo.send_key).expect("it is there");
            }
            let packs = actor.phone.files_in("packs").len();
            let needed = actor.phone.portal().store().read(|reading| reading.needed_packs());
            if packs != needed.expect("the store is read").len() {
                self.moved.faults.push(format!("{} keeps {packs} packs after all is discarded", actor.name));
            }
        }
    }
}

/// The phone shows what it may hold, in order; what it does not show, it says is not here yet.
fn shows(
    actor: &Actor,
    place: &Place,
    log: &[Entry],
    heard: &[BTreeSet<&'static str>],
    (first, last): (usize, usize),
) -> Vec<String> {
    let Ok(page) = actor.phone.portal().timeline(place.id, None, 100_000) else {
        return vec![format!("{} does not show it", actor.name)];
    };
    let (mut shown, mut faults, mut gaps) = (BTreeMap::new(), Vec::new(), Vec::new());
    for item in &page.items {
        match item {
            TimelineItem::Logged { entry, .. } => drop(shown.insert(entry.seq, entry.body.as_str())),
            TimelineItem::Gap { from_seq, to_seq } => gaps.push(*from_seq..=*to_seq),
            TimelineItem::Unsent(_) => {}
        }
    }
    let oldest = shown.keys().next().copied().unwrap_or(u64::MAX);
    for (seq, entry) in (1_usize..).zip(log) {
        let number = seq as u64;
        let was_there = heard.get(seq - 1).is_some_and(|inside| inside.contains(actor.name));
        let may = (first..=last).contains(&seq) || was_there;
        match shown.get(&number) {
            Some(body) if *body != entry.body => faults.push(format!("{} shows another {seq}", actor.name)),
            Some(_) if !may => faults.push(format!("{} shows {seq} of {first} to {last}", actor.name)),
            None if (first..=last).contains(&seq) => {
                let is_told =
                    gaps.iter().any(|gap| gap.contains(&number)) || page.has_older && number < oldest;
                if !is_told {
                    faults.push(format!("{} lacks {seq} of {first} to {last}", actor.name));
                }
            }
            Some(_) | None => {}
        }
    }
    faults
}

/// Nothing of the conversation is on the phone: no timeline, no hit, no byte of a file.
fn holds_nothing(actor: &Actor, place: &Place, log: &[Entry]) -> Vec<String> {
    let (portal, mut faults) = (actor.phone.portal(), Vec::new());
    if portal.timeline(place.id, None, 1).is_ok() {
        faults.push(format!("{} still shows it", actor.name));
    }
    for entry in log.iter().filter(|entry| entry.kind.as_str() == "message") {
        let hits = portal.search(&entry.body, None, 50).expect("the store is read").hits;
        if hits.iter().any(|hit| hit.entry.conversation_id == place.id) {
            faults.push(format!("{} still finds {:?}", actor.name, entry.body));
        }
        for file in &entry.files {
            if portal.held_bytes(file.attachment_id) != Ok(0) {
                faults.push(format!("{} still holds a file of {:?}", actor.name, entry.body));
            }
        }
    }
    faults
}

/// Who comes and goes.
#[derive(Clone, Copy)]
enum Change {
    Comes(ConversationId, &'static str),
    Goes(ConversationId, &'static str),
    Restricts(Option<&'static [&'static str]>),
    Archives(bool),
    Departs(&'static str),
}

/// Makes a change in mara's name; one that is not allowed changes nothing.
async fn make(world: &World, change: Change) -> Result<Made, StoreError> {
    let (app, firm, by) = (world.app(), world.firm.firm_id, world.person_id("mara"));
    let (store, claim) = (app.store(), world.conversation("claim"));
    match change {
        Change::Comes(id, who) => store.add_participant(firm, id, world.person_id(who), by).await,
        Change::Goes(id, who) => store.remove_participant(firm, id, world.person_id(who), by).await,
        Change::Restricts(listed) => {
            let listed = listed.map(|listed| listed.iter().map(|name| world.person_id(name)).collect());
            store.set_matter_access(firm, world.matter("harbour"), listed, by).await
        }
        Change::Archives(true) => store.archive(firm, claim, by).await,
        Change::Archives(false) => store.unarchive(firm, claim, by).await,
        Change::Departs(who) => store.depart(firm, world.person_id(who), by).await,
    }
}

/// Two of the staff, a client of the matter, a client of another, a third party.
const PEOPLE: [&str; 5] = ["mara", "jonas", "amina", "kenji", "ines"];
/// Steps of one schedule.
const STEPS: usize = 70;
