//! One seeded schedule: three phones, two conversations, and everything that can go wrong between them.
//!
//! The schedule is drawn, played, and brought to rest; then the oracle looks. The same seed plays the same schedule.

use std::collections::BTreeMap;

use portico_core::outbox::entry::SendState;
use portico_core::testing::SeededDice;
use portico_core::timeline::item::Delivery;
use portico_wire::encoding::Sha256;
use portico_wire::ids::{ConversationId, SendKey};
use portico_wire::looked_at::SeqRange;

use crate::faults::Weather;
use crate::oracle::{self, Act, End, Lane};
use crate::phone::TestPhone;
use crate::world::World;

/// What one schedule came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Played {
    /// Everything that is untrue; empty where all is well.
    pub faults: Vec<String>,
    /// Texts and batches sent.
    pub sent: usize,
    /// Of these, messages with files.
    pub batches: usize,
    /// Restores.
    pub restores: usize,
    /// Apps that died inside a request.
    pub deaths: usize,
    /// Requests of all phones.
    pub requests: u64,
}

/// A phone and what was done on it.
struct Actor {
    label: String,
    name: &'static str,
    phone: TestPhone,
    acts: Vec<(SendKey, ConversationId, String)>,
}

struct Schedule {
    world: World,
    dice: SeededDice,
    actors: Vec<Actor>,
    conversations: [ConversationId; 2],
    backups: Vec<String>,
    archived: bool,
    /// The files of each message that has some, by its text.
    files: BTreeMap<String, Vec<Sha256>>,
    /// Whether mara is out of the second conversation.
    away: bool,
    /// What a guest wrote on a phone that was lent.
    guest_texts: Vec<String>,
    played: Played,
}

/// Plays the schedule of `seed`.
pub async fn play(seed: u64) -> Played {
    let world = World::of_seed(seed).await;
    let mut actors = Vec::new();
    for (number, name) in ["amina", "amina", "mara"].into_iter().enumerate() {
        let phone = world.phone(name).await;
        actors.push(Actor { label: format!("p{number}"), name, phone, acts: Vec::new() });
    }
    let conversations = [world.conversation("claim"), world.conversation("notes")];
    let dice = SeededDice::of(seed.wrapping_mul(0x9E37).wrapping_add(1));
    let mut schedule = Schedule {
        world,
        dice,
        actors,
        conversations,
        backups: Vec::new(),
        archived: false,
        files: BTreeMap::new(),
        away: false,
        guest_texts: Vec::new(),
        played: Played::default(),
    };
    for _ in 0..STEPS {
        schedule.step().await;
    }
    schedule.come_to_rest().await;
    schedule.look().await;
    schedule.played
}

impl Schedule {
    async fn step(&mut self) {
        let who = usize::try_from(self.dice.below(self.actors.len() as u64)).unwrap_or(0);
        match self.dice.below(100) {
            0..=23 => self.send(who),
            24..=29 => self.send_files(who).await,
            30..=62 => self.catch_up(who).await,
            63..=69 => self.look_at_something(who),
            70..=74 => self.discard(who),
            75..=77 => self.send_again(who).await,
            78..=80 => {
                let actor = self.actor(who);
                actor.phone.kill();
                actor.phone.start();
            }
            81..=83 => {
                self.world.kill_server();
                self.world.start_server();
            }
            84..=86 => self.back_up(),
            87 | 88 => self.restore(),
            89 | 90 => self.archive_or_not().await,
            91..=93 => {
                let choice = self.dice.next();
                self.actor(who).phone.network.deliver_stalled(choice).await;
            }
            94 => {
                let jump_ms = i64::try_from(self.dice.below(4 * 3_600_000)).unwrap_or(0) - 2 * 3_600_000;
                self.actor(who).phone.clock.jump(jump_ms);
            }
            95 => self.lend(who).await,
            96 => self.leave_or_return().await,
            _ => {
                let later_ms = i64::try_from(self.dice.below(30 * 60_000)).unwrap_or(0);
                self.world.clock.advance(later_ms);
            }
        }
    }

    fn actor(&mut self, who: usize) -> &mut Actor {
        self.actors.get_mut(who).expect("the step drew one of the actors")
    }

    /// Clients are in the first conversation only.
    fn conversation_for(&self, who: usize) -> ConversationId {
        let [claim, notes] = self.conversations;
        if who == 2 && self.dice.chance(50) { notes } else { claim }
    }

    fn send(&mut self, who: usize) {
        let conversation = self.conversation_for(who);
        let actor = self.actor(who);
        let text =
            format!("{} {} \u{1F469}\u{200D}\u{2696}\u{FE0F}\r\n مرحبا", actor.label, actor.acts.len());
        let key = actor.phone.portal().send(conversation, &text).expect("the text is kept");
        actor.acts.push((key, conversation, text));
    }

    async fn send_files(&mut self, who: usize) {
        let conversation = self.conversation_for(who);
        let sizes: Vec<u64> = (0..=self.dice.below(3)).map(|_| self.dice.below(90_000)).collect();
        let number = self.files.len();
        let actor = self.actor(who);
        let text = format!("{} files {number}", actor.label);
        let contents: Vec<Vec<u8>> =
            (0_u64..).zip(sizes).map(|(place, size)| content(number, place, size)).collect();
        let key = actor.phone.send_files(conversation, &text, &contents).await;
        actor.acts.push((key, conversation, text.clone()));
        self.files.insert(text, contents.iter().map(|bytes| Sha256::of(&[bytes])).collect());
    }

    async fn catch_up(&mut self, who: usize) {
        let weather = Weather::Wild(self.dice.below(60));
        let signs_in = self.dice.chance(70);
        let Self { world, actors, .. } = self;
        let actor = actors.get_mut(who).expect("the step drew one of the actors");
        let signed_out = actor.phone.portal().store().read(|reading| reading.is_signed_out());
        if signed_out.expect("the store is read") && signs_in {
            actor.phone.sign_in(world).await;
        }
        actor.phone.network.set(weather);
        if self.dice.chance(30) {
            actor.phone.portal().network_changed().expect("the store works");
        }
        let lived = actor.phone.catch_up_or_die().await;
        self.played.deaths += usize::from(!lived);
        if actor.phone.network.takes_server_down() {
            world.kill_server();
            world.start_server();
        }
    }

    fn look_at_something(&mut self, who: usize) {
        let conversation = self.conversation_for(who);
        let from_seq = 1 + self.dice.below(10);
        let range = SeqRange { from_seq, to_seq: from_seq + self.dice.below(3) };
        self.actor(who).phone.portal().look_at(conversation, range).expect("the look is kept");
    }

    fn discard(&mut self, who: usize) {
        let choice = self.dice.next();
        let actor = self.actor(who);
        let open: Vec<SendKey> = actor.phone.outbox().into_iter().map(|echo| echo.send_key).collect();
        if let Some(key) = open.get(usize::try_from(choice).unwrap_or(0) % open.len().max(1)) {
            actor.phone.portal().discard(*key).expect("the entry is there");
        }
    }

    async fn send_again(&mut self, who: usize) {
        let actor = self.actor(who);
        let refused =
            actor.phone.outbox().into_iter().find(|echo| matches!(echo.delivery, Delivery::Refused(_)));
        if let Some(echo) = refused {
            let key = if echo.files.is_empty() {
                actor.phone.portal().send_again(echo.send_key).expect("a refused text is sent again")
            } else {
                let again = actor.phone.portal().send_files_again(echo.send_key).await;
                again.expect("refused files are sent again")
            };
            actor.acts.push((key, echo.conversation_id, echo.body));
        }
    }

    fn back_up(&mut self) {
        let name = format!("backup-{}", self.backups.len());
        self.world.back_up(&name);
        self.backups.push(name);
    }

    fn restore(&mut self) {
        let choice = usize::try_from(self.dice.next()).unwrap_or(0) % self.backups.len().max(1);
        if let Some(name) = self.backups.get(choice) {
            // One of an abandoned branch, or too old, is refused: then nothing happened.
            self.played.restores += usize::from(self.world.restore(name).is_ok());
        }
    }

    async fn archive_or_not(&mut self) {
        let (firm, by) = (self.world.firm.firm_id, self.world.person_id("mara"));
        let [claim, _] = self.conversations;
        let app = self.world.app();
        self.archived = !self.archived;
        let changed = if self.archived {
            app.store().archive(firm, claim, by).await
        } else {
            app.store().unarchive(firm, claim, by).await
        };
        changed.expect("staff archives");
    }

    /// Somebody else signs in on the phone, writes, perhaps delivers, and gives it back. A phone that can not be signed
    /// in on just now is not lent.
    async fn lend(&mut self, who: usize) {
        let delivers = self.dice.chance(70);
        let Self { world, actors, guest_texts, .. } = self;
        let actor = actors.get_mut(who).expect("the step drew one of the actors");
        let guest = world.person("kenji").email.clone();
        actor.phone.sign_in_as(world, &guest).await;
        let text = format!("guest {} on {}", guest_texts.len(), actor.label);
        let portal = actor.phone.portal();
        portal.catch_up().await.expect("the store works");
        portal.send(world.conversation("estate"), &text).expect("the text is kept");
        guest_texts.push(text);
        if delivers {
            portal.catch_up().await.expect("the store works");
        }
        actor.phone.sign_in(world).await;
    }

    async fn leave_or_return(&mut self) {
        let (firm, mara) = (self.world.firm.firm_id, self.world.person_id("mara"));
        let [_, notes] = self.conversations;
        let (app, by) = (self.world.app(), self.world.person_id("jonas"));
        self.away = !self.away;
        let changed = if self.away {
            app.store().remove_participant(firm, notes, mara, by).await
        } else {
            app.store().add_participant(firm, notes, mara, by).await
        };
        changed.expect("staff comes and goes");
    }

    /// Twice, with every copy that stands still delivered in between: nothing late may change what is settled.
    async fn come_to_rest(&mut self) {
        for _ in 0..2 {
            for actor in &mut self.actors {
                actor.phone.come_to_rest(&self.world).await;
                while actor.phone.network.deliver_stalled(self.dice.next()).await {}
            }
        }
    }

    async fn look(&mut self) {
        for (number, conversation) in self.conversations.into_iter().enumerate() {
            let log = self.world.log(conversation).await;
            let mut said = Vec::new();
            for entry in log.iter().filter(|entry| entry.kind.as_str() == "message") {
                if entry.accepted_at_ms > crate::world::BEGIN_MS {
                    let author = self.label_of(&entry.body, entry.author_id);
                    said.push((author, entry.body.clone()));
                }
            }
            self.look_at_files(&log);
            let acts = self.acts_in(conversation);
            let faults = oracle::faults(&acts, &said).into_iter().map(|fault| format!("c{number}: {fault}"));
            self.played.faults.extend(faults);
            self.compare_phones(number, conversation, &log);
        }
        self.look_at_guests().await;
        self.compare_badges();
        let report = self.world.app().verify().await.expect("the log is verified");
        self.played.faults.extend(report.faults.iter().map(ToString::to_string));
        self.played.sent = self.actors.iter().map(|actor| actor.acts.len()).sum();
        self.played.batches = self.files.len();
        self.played.requests = self.actors.iter().map(|actor| actor.phone.network.requests()).sum();
    }

    /// Each message has the files it was sent with, in their order, or is not there.
    fn look_at_files(&mut self, log: &[portico_wire::entry::Entry]) {
        for entry in log {
            let has: Vec<Sha256> = entry.files.iter().map(|file| file.sha256).collect();
            let sent = self.files.get(&entry.body);
            if sent.map_or(!has.is_empty(), |sent| *sent != has) {
                self.played.faults.push(format!("{:?} has {} files, or others", entry.body, has.len()));
            }
        }
    }

    /// What a guest wrote on a lent phone is theirs, and there once at most: their store may be sealed with it.
    async fn look_at_guests(&mut self) {
        let guest = self.world.person_id("kenji");
        let log = self.world.log(self.world.conversation("estate")).await;
        for text in &self.guest_texts {
            let found: Vec<_> = log.iter().filter(|entry| entry.body == *text).collect();
            if found.len() > 1 || found.iter().any(|entry| entry.author_id != guest) {
                self.played
                    .faults
                    .push(format!("{text:?} is in the log {} times, or not theirs", found.len()));
            }
        }
    }

    /// Devices of one person show one badge.
    fn compare_badges(&mut self) {
        let badges: Vec<u64> = self
            .actors
            .iter()
            .filter(|actor| actor.name == "amina")
            .map(|actor| actor.phone.portal().first_screen(9).expect("the store is read").unread)
            .collect();
        if badges.iter().any(|badge| Some(badge) != badges.first()) {
            self.played.faults.push(format!("the devices of amina show {badges:?} unread"));
        }
    }

    /// The phone that sent a text, if its person is the author.
    fn label_of(&self, text: &str, author: portico_wire::ids::PersonId) -> String {
        let sender = self.actors.iter().find(|actor| text.starts_with(&format!("{} ", actor.label)));
        let known = sender.filter(|actor| self.world.person_id(actor.name) == author);
        known.map_or_else(|| "somebody else".to_owned(), |actor| actor.label.clone())
    }

    fn acts_in(&mut self, conversation: ConversationId) -> Vec<Act> {
        let mut acts = Vec::new();
        for actor in &self.actors {
            for (key, _, text) in actor.acts.iter().filter(|(_, place, _)| *place == conversation) {
                let entry = actor.phone.portal().store().read(|reading| reading.outbox_entry(*key));
                let state = entry.expect("the store is read").map(|entry| entry.progress.state);
                let end = match state {
                    Some(SendState::Accepted) => End::Accepted,
                    Some(SendState::Refused(_)) => End::Refused,
                    Some(SendState::Withdrawn) => End::Withdrawn,
                    other => {
                        self.played.faults.push(format!("{text:?} never ended: {other:?}"));
                        continue;
                    }
                };
                let lane = if self.files.contains_key(text) { Lane::Files } else { Lane::Texts };
                acts.push(Act { author: actor.label.clone(), text: text.clone(), lane, end });
            }
        }
        acts
    }

    /// Every phone shows what the server has, in its order.
    fn compare_phones(
        &mut self,
        number: usize,
        conversation: ConversationId,
        log: &[portico_wire::entry::Entry],
    ) {
        let messages = log.iter().filter(|entry| entry.kind.as_str() == "message");
        let texts: Vec<&str> = messages.map(|entry| entry.body.as_str()).collect();
        for actor in self.actors.iter().filter(|actor| number == 0 || actor.name == "mara") {
            let shown = actor.phone.texts(conversation);
            // What a snapshot did not bring is a gap above what is shown, never a hole in it.
            let tail = texts.get(texts.len().saturating_sub(shown.len())..).unwrap_or(&[]);
            if shown != tail || (shown.len() < texts.len() && shown.len() < HELD_AT_LEAST) {
                self.played.faults.push(format!(
                    "{} shows {} of {} messages of c{number}, or others",
                    actor.label,
                    shown.len(),
                    texts.len()
                ));
            }
        }
    }
}

/// Bytes that no two files of a schedule share.
pub(crate) fn content(number: usize, place: u64, size: u64) -> Vec<u8> {
    let dice = SeededDice::of((number as u64) << 8 | place);
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
    portico_core::ports::Dice::fill(&dice, &mut bytes);
    bytes
}

/// Steps of one schedule.
const STEPS: usize = 70;
/// A snapshot brings at least this many entries where there are as many; joins and leaves count too.
const HELD_AT_LEAST: usize = 40;
