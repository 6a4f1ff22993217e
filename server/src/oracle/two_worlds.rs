//! Two worlds that differ in nothing but what others have read. Whoever is not of the firm receives the same bytes in both.
//!
//! Clock and dice are the same, so ids, times, cursors and seals are too. In one world the others read wherever they can;
//! in the other they ask as often, for something that is about nothing.

use http::StatusCode;
use portico_wire::conversation::ConversationState;
use portico_wire::ids::{AttachmentId, ConversationId, DocumentId};
use portico_wire::looked_at::{LookedAt, ShownRange};
use portico_wire::office::{Readers, StateWanted};
use portico_wire::sync::Snapshot;

use super::requests::Aims;
use super::{documents, routes};
use crate::testing::{Pack, Phone, Reply, World, until};

/// What the others do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Others {
    Read,
    DoNot,
}

/// Everything that reached the observer, in order: what was asked, and the answer's status, headers and body.
type Received = Vec<(String, String, Vec<u8>)>;

/// Routes that the observer does not ask, and why.
const NOT_ASKED: [(&str, &str); 10] = [
    ("DELETE /v1/devices/{id}", "would end the session; it tells nothing"),
    ("POST /v1/devices/{id}/wipe", "would end the session; it tells nothing"),
    (
        "POST /v1/sessions/refresh",
        "needs a signature, whose dice are not the server's; it is about the device alone",
    ),
    ("POST /v1/sign-in", "is before any session"),
    ("POST /v1/sign-in/invited", "is before any session"),
    ("POST /v1/sign-in/{challenge}/answer", "is before any session"),
    ("DELETE /v1/uploads", "knows a capability and no session"),
    ("HEAD /v1/uploads", "knows a capability and no session"),
    ("PATCH /v1/uploads", "knows a capability and no session"),
    ("PUT /v1/uploads", "knows a capability and no session"),
];

struct Stage {
    world: World,
    observer: Phone,
    others: Vec<(&'static str, Phone)>,
    file: AttachmentId,
    document: DocumentId,
    received: Received,
}

impl Stage {
    /// Everybody but Kenji's own matter is in the claim; messages and a file are there.
    async fn set(observing: &str) -> Self {
        let world = World::new().await;
        let claim = world.conversation("claim");
        let (mut phones, mut observers) = (Vec::new(), Vec::new());
        for short in ["mara", "jonas", "amina", "kenji", "ines"] {
            let phone = world.phone(short).await;
            if short == observing { observers.push(phone) } else { phones.push((short, phone)) }
        }
        let (mara, observer) = (&phones[0].1, observers.remove(0));
        for short in ["kenji", "ines"] {
            let person = world.firm.people[short].person_id;
            let joined = mara.put(&format!("/v1/conversations/{claim}/participants/{person}"), &()).await;
            assert_eq!(joined.status, StatusCode::OK);
        }
        mara.send(&world, claim, "the first").await;
        observer.send(&world, claim, "the answer").await;
        let file = mara.carry(&Pack::of(mara, &world, claim, &[10])).await.entry.files[0].attachment_id;
        let [document, _] = documents::two(mara, world.firm.matters["harbour"]).await;
        Self { world, observer, others: phones, file, document, received: Vec::new() }
    }

    fn claim(&self) -> ConversationId {
        self.world.conversation("claim")
    }

    fn mara(&self) -> &Phone {
        &self.others[0].1
    }

    fn keep(&mut self, asked: &str, reply: Reply) {
        let mut headers: Vec<String> =
            reply.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        headers.sort();
        self.received.push((asked.to_owned(), format!("{} {headers:?}", reply.status), reply.body));
    }

    /// Every route, about conversations that the observer is in and is not in; pages and cursors from here and there.
    async fn ask_everything(&mut self) {
        for short in ["claim", "notes", "direct", "estate"] {
            let aims = Aims {
                conversation: self.world.conversation(short),
                matter: self.world.firm.matters[if short == "estate" { "lane" } else { "harbour" }],
                attachment: self.file,
                document: self.document,
                person: self.world.firm.people["jonas"].person_id,
                restricted_to: None,
            };
            for route in routes(&self.world) {
                if NOT_ASKED.iter().all(|(not, _)| *not != route) {
                    let reply = aims.ask(&self.world, &self.observer, &route).await;
                    self.keep(&format!("{route} about {short}"), reply);
                }
            }
        }
        let snapshot: Snapshot = self.observer.snapshot().await;
        let (epoch, claim) = (self.world.app.epoch(), self.claim());
        for path in [
            format!("/v1/sync?cursor={epoch}.{}", snapshot.next_seq),
            format!("/v1/sync?cursor={epoch}.{}", snapshot.next_seq + 1),
            format!("/v1/sync?cursor={epoch}.{}&limit=2", snapshot.next_seq / 2),
            format!("/v1/conversations/{claim}/entries?limit=2"),
            format!("/v1/conversations/{claim}/entries?before=3"),
            "/v1/conversations?limit=1".to_owned(),
            "/v1/search?q=the&limit=1".to_owned(),
            "/v1/search?q=has:attachment".to_owned(),
            "/v1/search?q=from:mara".to_owned(),
        ] {
            let reply = self.observer.get(&path).await;
            self.keep(&path, reply);
        }
    }

    /// The others read all there is, or not; meanwhile the observer waits for something to happen.
    async fn others_act(&mut self, others: Others) {
        let next = self.observer.snapshot().await.next_seq;
        let path = format!("/v1/sync?cursor={}.{next}&wait=25", self.world.app.epoch());
        self.world.clock.advance_ms(0);
        let (waited, ()) = tokio::join!(self.observer.get(&path), async {
            until(|| self.world.clock.is_awaited()).await;
            for (short, phone) in &self.others {
                // At a time at which nothing else happens: it must show nowhere.
                self.world.clock.advance_ms(1_000);
                self.act(short, phone, others).await;
            }
            self.world.clock.advance_ms(25_000);
        });
        self.keep("a long poll", waited);
        self.world.app.run_jobs_once().await.unwrap();
        for (name, content) in self.pushed() {
            self.received.push((name, String::new(), content));
        }
    }

    async fn act(&self, short: &str, phone: &Phone, others: Others) {
        let (claim, epoch) = (self.claim(), self.world.app.epoch());
        let reads = [
            format!("/v1/conversations/{claim}"),
            format!("/v1/conversations/{claim}/entries"),
            format!("/v1/conversations/{claim}/readers"),
            format!("/v1/attachments/{}", self.file),
            format!("/v1/documents/{}/content", self.document),
            format!("/v1/sync?cursor={epoch}.0"),
            "/v1/snapshot".to_owned(),
        ];
        for path in reads {
            phone.get(if others == Others::Read { &path } else { "/v1/limits" }).await;
        }
        if others == Others::DoNot {
            phone.get("/v1/limits").await;
            return;
        }
        // What is beyond the log is left out.
        let range = ShownRange { from_seq: 1, to_seq: 1_000, shown_at_ms: 7 };
        let looked = LookedAt { epoch, ranges: vec![range] };
        let looked = phone.put(&format!("/v1/conversations/{claim}/looked-at"), &looked).await;
        assert_eq!(looked.status, StatusCode::OK, "{short}");
    }

    /// What was pushed to the observer's device so far.
    fn pushed(&self) -> Vec<(String, Vec<u8>)> {
        let folder = self.world.config().push().join(self.observer.device.to_string());
        let files = std::fs::read_dir(folder).into_iter().flatten().map(|file| file.unwrap().path());
        let mut pushed: Vec<(String, Vec<u8>)> = files
            .map(|path| (format!("push {:?}", path.file_name()), std::fs::read(path).unwrap()))
            .collect();
        pushed.sort();
        pushed
    }

    async fn readers(&self) -> usize {
        let readers: Readers =
            self.mara().get(&format!("/v1/conversations/{}/readers", self.claim())).await.json();
        readers.readers.len()
    }
}

/// One world from beginning to end: what reached the observer, and how many have read the claim by then.
async fn live_through(observing: &str, others: Others) -> (Received, usize) {
    let mut stage = Stage::set(observing).await;
    stage.ask_everything().await;
    stage.others_act(others).await;
    stage.ask_everything().await;
    stage.mara().send(&stage.world, stage.claim(), "the second").await;
    stage.others_act(others).await;
    let state = format!("/v1/conversations/{}/state", stage.claim());
    for state_wanted in [ConversationState::Archived, ConversationState::Open] {
        let set = stage.mara().put(&state, &StateWanted { state: state_wanted }).await;
        assert_eq!(set.status, StatusCode::OK);
        stage.others_act(others).await;
        stage.ask_everything().await;
    }
    let person = stage.world.firm.people[observing].person_id;
    let left = stage.mara().post(&format!("/v1/people/{person}/departure"), &()).await;
    assert_eq!(left.status, StatusCode::OK);
    stage.mara().send(&stage.world, stage.claim(), "what is said afterwards").await;
    stage.others_act(others).await;
    stage.ask_everything().await;
    let readers = stage.readers().await;
    (stage.received, readers)
}

// R5: no byte that a client or a third party receives depends on who else has read what, nor does it come at another time.
#[tokio::test]
async fn what_others_read_changes_no_byte_that_reaches_an_outsider() {
    for observing in ["amina", "ines"] {
        let (read, readers) = live_through(observing, Others::Read).await;
        let (unread, fewer) = live_through(observing, Others::DoNot).await;

        // The observer looks too, in both worlds.
        assert_eq!((readers, fewer), (5, 1), "the firm's people see the difference");
        for ((asked, head, body), (_, other_head, other_body)) in read.iter().zip(&unread) {
            let (body, other) = (String::from_utf8_lossy(body), String::from_utf8_lossy(other_body));
            assert_eq!((head, body), (other_head, other), "{observing} asks {asked}");
        }
        assert_eq!(read.len(), unread.len());
        let bytes: usize = read.iter().map(|(_, head, body)| head.len() + body.len()).sum();
        println!(
            "{observing} receives {} answers and pushes, {bytes} bytes, the same in both worlds",
            read.len()
        );
    }
}

#[tokio::test]
async fn every_route_is_asked_in_both_worlds_or_not_for_a_reason() {
    let world = World::new().await;
    let known = routes(&world);

    for (route, reason) in NOT_ASKED {
        assert!(known.iter().any(|known| known == route) && !reason.is_empty(), "{route}");
    }
    assert!(known.len() > NOT_ASKED.len());
}
