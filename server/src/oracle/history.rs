//! A small firm drawn from a seed. What happens to it happens twice: on the server, by its routes, and here, as history.

use std::collections::BTreeSet;

use axum::Router;
use http::StatusCode;
use portico_wire::conversation::ConversationKind::{Direct, ExternalMatter, InternalMatter, StaffChannel};
use portico_wire::conversation::{ConversationKind, ConversationState, Standing};
use portico_wire::ids::{AttachmentId, ConversationId, DocumentId, FirmId, MatterId, PersonId};
use portico_wire::office::{
    BeginConversation, ConversationBegun, MatterAccess, MatterOpened, OpenMatter, StateWanted,
};

use super::{documents, pushes, rule};
use crate::store::NewPerson;
use crate::testing::{Pack, Phone, World};

pub(super) struct Person {
    pub(super) id: PersonId,
    pub(super) phone: Phone,
    pub(super) is_outside: bool,
    pub(super) is_client: bool,
    pub(super) has_left: bool,
}

pub(super) struct Matter {
    pub(super) id: MatterId,
    /// Places of people; none: open to all staff.
    pub(super) listed: Option<BTreeSet<usize>>,
    /// Two, of which the second is removed.
    pub(super) documents: [DocumentId; 2],
}

/// A conversation.
pub(super) struct Talk {
    pub(super) id: ConversationId,
    pub(super) kind: ConversationKind,
    pub(super) matter: Option<usize>,
    /// Who is in it now.
    pub(super) inside: BTreeSet<usize>,
    /// Who ever was.
    pub(super) were_inside: BTreeSet<usize>,
    /// For each entry, who was in it when it was written.
    pub(super) entries: Vec<BTreeSet<usize>>,
    /// The entries that are messages, counted from one.
    pub(super) messages: Vec<usize>,
    /// Who wrote each of them.
    pub(super) authors: Vec<usize>,
    /// A file of its, and the entry that has it.
    pub(super) file: Option<(AttachmentId, usize)>,
    pub(super) is_archived: bool,
    pub(super) is_closed: bool,
}

impl Talk {
    fn write(&mut self) {
        self.entries.push(self.inside.clone());
    }

    fn say(&mut self, who: usize) {
        self.write();
        self.messages.push(self.entries.len());
        self.authors.push(who);
    }

    fn come(&mut self, who: usize) {
        self.inside.insert(who);
        self.were_inside.insert(who);
        self.write();
    }

    fn go(&mut self, who: usize, people: &[Person]) {
        self.inside.remove(&who);
        self.write();
        let last_client = self.kind == ExternalMatter
            && people[who].is_client
            && !self.inside.iter().any(|other| people[*other].is_client);
        if last_client {
            self.write();
            self.is_closed = true;
            self.inside.retain(|other| people[*other].is_outside);
        }
    }
}

pub(super) struct History {
    pub(super) firm: FirmId,
    pub(super) people: Vec<Person>,
    pub(super) matters: Vec<Matter>,
    pub(super) talks: Vec<Talk>,
    draws: u64,
}

/// Three of the staff, two clients, a third party.
const STANDINGS: [Standing; 6] = [
    Standing::Staff,
    Standing::Staff,
    Standing::Staff,
    Standing::Client,
    Standing::Client,
    Standing::ThirdParty,
];

impl History {
    /// The firm of `seed`, after `steps` things happened. All of its people work at another firm too, where they may do
    /// everything: here it counts for nothing (R7).
    pub(super) async fn of(world: &World, router: &Router, seed: u64, steps: usize) -> Self {
        let store = world.app.store();
        let firm = store.add_firm(format!("Firm {seed}")).await.unwrap();
        let elsewhere = store.add_firm(format!("Another firm {seed}")).await.unwrap();
        let mut people = Vec::new();
        for (place, standing) in STANDINGS.into_iter().enumerate() {
            let new = NewPerson {
                name: format!("Person {place}"),
                email: format!("{place}@{seed}.example"),
                standing,
            };
            let there = NewPerson { standing: Standing::Staff, ..new.clone() };
            let id = store.add_person(firm, new).await.unwrap();
            store.add_person(elsewhere, there).await.unwrap();
            let mut phone = Phone::on(world, router.clone());
            phone.token = store.let_in(firm, id, phone.device).await.unwrap();
            pushes::register(&phone).await;
            let (is_outside, is_client) = (standing != Standing::Staff, standing == Standing::Client);
            people.push(Person { id, phone, is_outside, is_client, has_left: false });
        }
        let mut history = Self { firm, people, matters: Vec::new(), talks: Vec::new(), draws: seed };
        for listed in [None, Some(BTreeSet::from([0, history.below(3)]))] {
            history.open(world, listed).await;
        }
        for kind in [ExternalMatter, ExternalMatter, InternalMatter, StaffChannel, Direct] {
            history.begin(world, kind).await;
        }
        for _ in 0..steps {
            history.step(world).await;
        }
        history
    }

    /// A number below `limit` (splitmix64).
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.draws = self.draws.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.draws ^ (self.draws >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        usize::try_from((mixed ^ (mixed >> 27)) >> 33).unwrap() % limit
    }

    pub(super) fn ids(&self, places: &BTreeSet<usize>) -> Vec<PersonId> {
        places.iter().map(|place| self.people[*place].id).collect()
    }

    async fn open(&mut self, world: &World, listed: Option<BTreeSet<usize>>) {
        let restricted_to = listed.as_ref().map(|listed| self.ids(listed));
        let open = OpenMatter { key: world.fresh_key(), title: "A matter".to_owned(), restricted_to };
        let opened: MatterOpened = self.people[0].phone.post("/v1/matters", &open).await.json();
        let documents = documents::two(&self.people[0].phone, opened.matter_id).await;
        self.matters.push(Matter { id: opened.matter_id, listed, documents });
    }

    async fn begin(&mut self, world: &World, kind: ConversationKind) {
        let matter = matches!(kind, ExternalMatter | InternalMatter).then(|| self.below(2));
        let fits = |place: &usize| {
            let person = &self.people[*place];
            match (person.is_outside, matter) {
                (true, _) => kind == ExternalMatter,
                (false, Some(matter)) => rule::knows_matter(*place, person, &self.matters[matter]),
                (false, None) => true,
            }
        };
        let mut inside: BTreeSet<usize> = (1..6).filter(fits).collect();
        if self.below(2) == 0 {
            inside.pop_last();
        }
        let begin = BeginConversation {
            key: world.fresh_key(),
            kind,
            title: format!("{kind:?}"),
            matter_id: matter.map(|matter| self.matters[matter].id),
            participants: self.ids(&inside),
        };
        let begun: ConversationBegun = self.people[0].phone.post("/v1/conversations", &begin).await.json();
        inside.insert(0);
        self.talks.push(Talk {
            id: begun.conversation_id,
            kind,
            matter,
            were_inside: inside.clone(),
            inside,
            entries: Vec::new(),
            messages: Vec::new(),
            authors: Vec::new(),
            file: None,
            is_archived: false,
            is_closed: false,
        });
    }

    /// One thing happens, if somebody may do it.
    async fn step(&mut self, world: &World) {
        let (talk, who) = (self.below(self.talks.len()), self.below(6));
        match self.below(16) {
            0..5 => self.say(world, talk, who).await,
            5 => self.say_with_a_file(world, talk, who).await,
            6..9 => self.join(talk, who).await,
            9..12 => self.leave(talk, who).await,
            12 => self.archive(talk, who).await,
            13 | 14 => self.restrict(talk % 2, who).await,
            _ => self.depart(who).await,
        }
    }

    async fn say(&mut self, world: &World, talk: usize, who: usize) {
        if !rule::posts(self, who, &self.talks[talk]) {
            return;
        }
        self.people[who].phone.send(world, self.talks[talk].id, "the words").await;
        self.talks[talk].say(who);
    }

    async fn say_with_a_file(&mut self, world: &World, talk: usize, who: usize) {
        if !rule::posts(self, who, &self.talks[talk]) {
            return;
        }
        let phone = &self.people[who].phone;
        let entry = phone.carry(&Pack::of(phone, world, self.talks[talk].id, &[10])).await.entry;
        self.talks[talk].say(who);
        self.talks[talk].file = Some((entry.files[0].attachment_id, self.talks[talk].entries.len()));
    }

    /// Somebody of the staff who may manage the conversation.
    fn manager(&self, talk: usize) -> Option<usize> {
        (0..3).find(|place| rule::knows(self, *place, &self.talks[talk]))
    }

    async fn join(&mut self, talk: usize, who: usize) {
        let Some(by) = self.manager(talk) else { return };
        let path = format!("/v1/conversations/{}/participants/{}", self.talks[talk].id, self.people[who].id);
        let was_inside = self.talks[talk].inside.contains(&who);
        let status = self.people[by].phone.put(&path, &()).await.status;
        if status == StatusCode::OK && !was_inside {
            self.talks[talk].come(who);
            assert!(rule::knows(self, who, &self.talks[talk]), "{who} was added and may not read {talk}");
        }
    }

    async fn leave(&mut self, talk: usize, who: usize) {
        let Some(by) = self.manager(talk) else { return };
        let path = format!("/v1/conversations/{}/participants/{}", self.talks[talk].id, self.people[who].id);
        let was_inside = self.talks[talk].inside.contains(&who);
        assert_eq!(self.people[by].phone.delete(&path).await.status, StatusCode::OK);
        if was_inside {
            self.talks[talk].go(who, &self.people);
        }
    }

    async fn archive(&mut self, talk: usize, who: usize) {
        let talked = &self.talks[talk];
        if self.people[who].is_outside || !rule::knows(self, who, talked) || talked.is_closed {
            return;
        }
        let state = if talked.is_archived { ConversationState::Open } else { ConversationState::Archived };
        let path = format!("/v1/conversations/{}/state", talked.id);
        let status = self.people[who].phone.put(&path, &StateWanted { state }).await.status;
        assert_eq!(status, StatusCode::OK);
        self.talks[talk].is_archived = !self.talks[talk].is_archived;
        self.talks[talk].write();
    }

    async fn restrict(&mut self, matter: usize, by: usize) {
        if !rule::knows_matter(by, &self.people[by], &self.matters[matter]) {
            return;
        }
        let here: BTreeSet<usize> = (0..3).filter(|place| !self.people[*place].has_left).collect();
        let kept = self.below(3);
        let listed = (self.below(3) > 0)
            .then(|| here.iter().copied().filter(|place| *place == by || *place == kept).collect());
        let wanted = MatterAccess { restricted_to: listed.as_ref().map(|listed| self.ids(listed)) };
        let path = format!("/v1/matters/{}/access", self.matters[matter].id);
        assert_eq!(self.people[by].phone.put(&path, &wanted).await.status, StatusCode::OK);
        if self.matters[matter].listed == listed {
            return;
        }
        for talk in self.talks.iter_mut().filter(|talk| talk.matter == Some(matter)) {
            let shut_out = |who: &&usize| {
                !self.people[**who].is_outside && listed.as_ref().is_some_and(|listed| !listed.contains(who))
            };
            let mut gone: Vec<usize> = talk.inside.iter().filter(shut_out).copied().collect();
            // Each hears of those who left before them.
            gone.sort_by_key(|who| self.people[*who].id);
            gone.into_iter().for_each(|who| talk.go(who, &self.people));
            talk.write();
        }
        self.matters[matter].listed = listed;
    }

    /// Staff leave the firm; the others leave every conversation. The first of the staff stays, to run the firm.
    async fn depart(&mut self, who: usize) {
        if who == 0 || self.people[who].has_left {
            return;
        }
        let path = format!("/v1/people/{}/departure", self.people[who].id);
        assert_eq!(self.people[0].phone.post(&path, &()).await.status, StatusCode::OK);
        self.people[who].has_left = !self.people[who].is_outside;
        for talk in self.talks.iter_mut().filter(|talk| talk.inside.contains(&who)) {
            talk.go(who, &self.people);
        }
    }
}
