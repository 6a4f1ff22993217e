//! The server under test in its own crate: a small firm, phones that speak HTTP in process, one fake clock.

pub(crate) mod line;
mod pack;
pub(crate) mod signing_in;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use portico_wire::conversation::Standing;
use portico_wire::encoding::Base64;
use portico_wire::factor::{FactorAnswer, step_up_bytes};
use portico_wire::ids::{ConversationId, DeviceId, FirmId, SendKey};
use portico_wire::message::{Accepted, SendMessage};
use portico_wire::problem::Problem;
use portico_wire::signin::{
    Access, AnswerChallenge, AskNonce, BeginSignIn, ChallengeAnswered, ChallengeBegun, Nonce, Refresh,
    Session, possession_bytes, refresh_bytes,
};
use portico_wire::sync::{Cursor, Snapshot, SyncPage};
use portico_wire::{WIRE_HEADER, WIRE_VERSION};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::config::{Config, Rate};
use crate::ports::{Clock, Dice, Ports};
use crate::seed::{SeededFirm, seed};
use crate::state::App;
use crate::store::NewPerson;

pub(crate) use pack::{Pack, content};

/// Stands still until it is told to go on.
#[derive(Default)]
pub(crate) struct FakeClock {
    now_ms: AtomicI64,
    sleeping: Arc<Mutex<Vec<Waker>>>,
}

impl FakeClock {
    pub(crate) fn advance_ms(&self, by_ms: i64) {
        self.now_ms.fetch_add(by_ms, SeqCst);
        self.sleeping.lock().unwrap().drain(..).for_each(Waker::wake);
    }

    /// Whether somebody waits for time to pass.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.sleeping.lock().unwrap().is_empty()
    }
}

/// Lets spawned requests run until `ready`; bounded by real time only so that a bug fails instead of hanging.
pub(crate) async fn until(ready: impl Fn() -> bool) {
    let poll = async {
        while !ready() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), poll).await.unwrap();
}

struct Sleep(Arc<FakeClock>, i64);

impl Future for Sleep {
    type Output = ();
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0.now_ms.load(SeqCst) >= self.1 {
            return Poll::Ready(());
        }
        self.0.sleeping.lock().unwrap().push(context.waker().clone());
        Poll::Pending
    }
}

struct ClockPort(Arc<FakeClock>);

impl Clock for ClockPort {
    fn now_ms(&self) -> i64 {
        self.0.now_ms.load(SeqCst)
    }
    fn sleep_ms(&self, delay_ms: u64) -> BoxFuture<'static, ()> {
        Box::pin(Sleep(Arc::clone(&self.0), self.now_ms() + i64::try_from(delay_ms).unwrap()))
    }
}

/// The same bytes in every run (splitmix64).
struct FakeDice(Mutex<u64>);

impl Dice for FakeDice {
    fn fill(&self, out: &mut [u8]) {
        let mut state = self.0.lock().unwrap();
        for byte in out {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            *byte = (mixed >> 56) as u8;
        }
    }
}

/// A data folder with a seeded firm and a server on it.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) firm: SeededFirm,
    pub(crate) folder: TempDir,
    ports: Ports,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(FakeClock::default());
        clock.advance_ms(1_700_000_000_000);
        let dice = Arc::new(FakeDice(Mutex::new(1)));
        let ports = Ports { clock: Arc::new(ClockPort(Arc::clone(&clock))), dice };
        let folder = tempfile::tempdir().unwrap();
        let app = App::open(config(&folder), ports.clone()).unwrap();
        let firm = seed(&app).await.unwrap();
        Self { app, clock, firm, folder, ports }
    }

    pub(crate) fn of(
        app: App,
        clock: Arc<FakeClock>,
        firm: SeededFirm,
        folder: TempDir,
        ports: Ports,
    ) -> Self {
        Self { app, clock, firm, folder, ports }
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }

    pub(crate) fn config(&self) -> Config {
        config(&self.folder)
    }

    pub(crate) fn conversation(&self, short: &str) -> ConversationId {
        self.firm.conversations[short]
    }

    /// A key nobody has used.
    pub(crate) fn fresh_key(&self) -> SendKey {
        SendKey::from_parts(self.app.now_ms(), self.ports.random())
    }

    /// Backs up into `name`.
    pub(crate) fn backup(&self, name: &str) {
        crate::backup::backup(&self.config(), &self.folder.path().join(name), &self.ports).unwrap();
    }

    /// Stops the server, restores `name`, starts it again.
    pub(crate) fn restore(self, name: &str) -> Self {
        let (world, restored) = self.try_restore(name);
        restored.unwrap();
        world
    }

    /// Stops the server and starts it again on the same folder.
    pub(crate) fn restart(self) -> Self {
        self.restart_with(|_| {})
    }

    /// The same with other settings.
    pub(crate) fn restart_with(self, change: impl FnOnce(&mut Config)) -> Self {
        let Self { app, clock, firm, folder, ports } = self;
        drop(app);
        let mut config = config(&folder);
        change(&mut config);
        let app = App::open(config, ports.clone()).unwrap();
        Self { app, clock, firm, folder, ports }
    }

    pub(crate) fn try_restore(self, name: &str) -> (Self, Result<(), crate::backup::BackupError>) {
        let Self { app, clock, firm, folder, ports } = self;
        drop(app);
        let restored = crate::backup::restore(&config(&folder), &folder.path().join(name), &ports);
        let app = App::open(config(&folder), ports.clone()).unwrap();
        (Self { app, clock, firm, folder, ports }, restored.map(|_| ()))
    }

    /// A further firm, "Second & Co", at which somebody of the seed is a client, called there as `called`.
    pub(crate) async fn second_firm_of(&self, name: &str, called: &str) -> FirmId {
        let store = self.app.store();
        let second = store.add_firm("Second & Co".to_owned()).await.unwrap();
        let email = self.firm.people[name].email.clone();
        let twice = NewPerson { name: called.to_owned(), email, standing: Standing::Client };
        store.add_person(second, twice).await.unwrap();
        second
    }

    /// Asks for a code; the challenge and the code that was mailed, if any was.
    pub(crate) async fn begin(&self, email: &str) -> (ChallengeBegun, Option<String>) {
        let ask = BeginSignIn { email: email.to_owned() };
        let begun: ChallengeBegun =
            call(&self.app.router(), Method::POST, "/v1/sign-in", None, Some(&ask)).await.json();
        let code = self.code_of(&begun).await;
        (begun, code)
    }

    /// The code that was mailed for a challenge, if any was.
    pub(crate) async fn code_of(&self, begun: &ChallengeBegun) -> Option<String> {
        self.app.run_jobs_once().await.unwrap();
        let of_challenge = |name: &str| name.contains(&begun.challenge_id.to_string());
        let mails = std::fs::read_dir(self.config().mail()).into_iter().flatten();
        let mail = mails.map(|file| file.unwrap().path()).find(|path| of_challenge(path.to_str().unwrap()));
        mail.map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.lines().find(|line| line.starts_with("    ")).unwrap().trim().to_owned()
        })
    }

    /// A fresh phone on which somebody of the firm has signed in.
    pub(crate) async fn phone(&self, short: &str) -> Phone {
        let mut phone = Phone::new(self);
        phone.sign_in(self, &self.firm.people[short].email).await;
        phone
    }
}

fn config(folder: &TempDir) -> Config {
    let mut config = Config::in_folder(folder.path());
    config.throttle.sign_in = Rate::NONE;
    config.throttle.sign_in_address = Rate::NONE;
    config.throttle.device = Rate::NONE;
    config
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    #[track_caller]
    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        assert!(self.status.is_success(), "{} {}", self.status, String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn problem(&self) -> Problem {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status.as_u16());
        problem
    }

    /// Code of the problem, `!` after a final one.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        let problem = self.problem();
        format!("{}{}", problem.code().unwrap(), if problem.is_final { "!" } else { "" })
    }
}

/// One request in process.
pub(crate) async fn call(
    router: &Router,
    method: Method,
    path: &str,
    token: Option<&Base64>,
    body: Option<&(impl Serialize + ?Sized)>,
) -> Reply {
    let body = body.map_or_else(Vec::new, |body| serde_json::to_vec(body).unwrap());
    call_raw(router, method, path, token, body).await
}

/// The same with bytes.
pub(crate) async fn call_raw(
    router: &Router,
    method: Method,
    path: &str,
    token: Option<&Base64>,
    body: Vec<u8>,
) -> Reply {
    let mut request = Request::builder().method(method).uri(path).header(WIRE_HEADER, WIRE_VERSION);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    ask(router, request.body(Body::from(body)).unwrap()).await
}

/// Any request.
pub(crate) async fn ask(router: &Router, request: Request<Body>) -> Reply {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Reply { status: parts.status, headers: parts.headers, body }
}

/// A phone without a core: it signs, sends and reads, and remembers nothing.
pub(crate) struct Phone {
    pub(crate) device: DeviceId,
    pub(crate) router: Router,
    pub(crate) token: Base64,
    pub(crate) session: Option<Session>,
    keys: EcdsaKeyPair,
    presence: EcdsaKeyPair,
    /// Whether it asks for a face, a finger or a PIN.
    pub(crate) asks: bool,
    ports: Ports,
}

fn key_pair() -> EcdsaKeyPair {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &real_dice()).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &real_dice()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "ring signs with no other dice; no test depends on them")]
fn real_dice() -> SystemRandom {
    SystemRandom::new()
}

impl Phone {
    pub(crate) fn new(world: &World) -> Self {
        Self::on(world, world.app.router())
    }

    /// The same on a router that others have too: making one costs more than all that a phone asks of it.
    pub(crate) fn on(world: &World, router: Router) -> Self {
        let device = DeviceId::from_parts(world.app.now_ms(), world.ports.random());
        let ports = world.ports.clone();
        Self {
            device,
            router,
            token: Base64::default(),
            session: None,
            keys: key_pair(),
            presence: key_pair(),
            asks: true,
            ports,
        }
    }

    /// Lets go of the server, which can stop only when nobody holds it.
    pub(crate) fn hang_up(&mut self) {
        self.router = Router::new();
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Base64 {
        Base64(self.keys.sign(&real_dice(), bytes).unwrap().as_ref().to_vec())
    }

    /// Somebody else's face is enrolled: the presence key is another.
    pub(crate) fn replace_presence_key(&mut self) {
        self.presence = key_pair();
    }

    /// A signature by the presence key: the person looks at the phone.
    pub(crate) fn sign_in_person(&self, bytes: &[u8]) -> Base64 {
        Base64(self.presence.sign(&real_dice(), bytes).unwrap().as_ref().to_vec())
    }

    /// Proves that its person is there.
    pub(crate) async fn step_up_in_person(&self) {
        let nonce: Nonce = self.nonce().await.json();
        let signature = self.sign_in_person(&step_up_bytes(self.device, &nonce.nonce.0));
        let answer = FactorAnswer::Presence { nonce: nonce.nonce, signature };
        assert_eq!(self.post("/v1/step-up", &answer).await.status, 200);
    }

    pub(crate) fn answer_to(&self, begun: &ChallengeBegun, code: &str) -> AnswerChallenge {
        let public_key = self.keys.public_key().as_ref();
        let presence = self.asks.then(|| self.presence.public_key().as_ref());
        AnswerChallenge {
            code: code.to_owned(),
            device_id: self.device,
            device_name: "a phone".to_owned(),
            session_public_key: Base64(public_key.to_vec()),
            presence_public_key: presence.map(|key| Base64(key.to_vec())),
            signature: self.sign(&possession_bytes(begun.challenge_id, self.device, public_key, presence)),
            firm_id: None,
            factor: None,
        }
    }

    pub(crate) async fn answer(&self, begun: &ChallengeBegun, answer: &AnswerChallenge) -> Reply {
        let path = format!("/v1/sign-in/{}/answer", begun.challenge_id);
        call(&self.router, Method::POST, &path, None, Some(answer)).await
    }

    pub(crate) async fn sign_in(&mut self, world: &World, email: &str) {
        self.router = world.app.router();
        let (begun, code) = world.begin(email).await;
        let answer = self.answer_to(&begun, &code.unwrap());
        let answered = self.answer(&begun, &answer).await.json();
        assert_eq!(self.admit(answered), None, "the seeded firm asks for the mailed code alone");
    }

    /// Takes the session that an answer gave, if it gave one.
    pub(crate) fn admit(&mut self, answered: ChallengeAnswered) -> Option<ChallengeAnswered> {
        let ChallengeAnswered::SignedIn(session) = answered else { return Some(answered) };
        self.token = session.access.access_token.clone();
        self.session = Some(session);
        None
    }

    pub(crate) async fn nonce(&self) -> Reply {
        let ask = AskNonce { device_id: self.device };
        call(&self.router, Method::POST, "/v1/sessions/nonce", None, Some(&ask)).await
    }

    pub(crate) async fn refresh_with(&self, nonce: &Nonce) -> Reply {
        let signature = self.sign(&refresh_bytes(self.device, &nonce.nonce.0));
        let refresh = Refresh { device_id: self.device, nonce: nonce.nonce.clone(), signature };
        call(&self.router, Method::POST, "/v1/sessions/refresh", None, Some(&refresh)).await
    }

    pub(crate) async fn refresh(&mut self) {
        let nonce: Nonce = self.nonce().await.json();
        let access: Access = self.refresh_with(&nonce).await.json();
        self.token = access.access_token;
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        call(&self.router, Method::GET, path, Some(&self.token), None::<&()>).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        call(&self.router, Method::DELETE, path, Some(&self.token), None::<&()>).await
    }

    pub(crate) async fn put(&self, path: &str, body: &impl Serialize) -> Reply {
        call(&self.router, Method::PUT, path, Some(&self.token), Some(body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Reply {
        call(&self.router, Method::POST, path, Some(&self.token), Some(body)).await
    }

    pub(crate) fn key(&self) -> SendKey {
        SendKey::from_parts(self.ports.clock.now_ms(), self.ports.random())
    }

    pub(crate) fn message(&self, world: &World, conversation: ConversationId, body: &str) -> SendMessage {
        SendMessage {
            epoch: world.app.epoch(),
            conversation_id: conversation,
            body: body.to_owned(),
            composed_at_ms: 1_699_999_999_000,
            receipt: None,
        }
    }

    pub(crate) async fn offer(&self, key: SendKey, message: &SendMessage) -> Reply {
        self.put(&format!("/v1/messages/{key}"), message).await
    }

    /// Sends under a fresh key and has it accepted.
    pub(crate) async fn send(&self, world: &World, conversation: ConversationId, body: &str) -> Accepted {
        self.offer(self.key(), &self.message(world, conversation, body)).await.json()
    }

    pub(crate) async fn withdraw(&self, world: &World, key: SendKey) -> Reply {
        let withdraw = portico_wire::message::Withdraw { epoch: world.app.epoch() };
        self.post(&format!("/v1/sends/{key}/withdraw"), &withdraw).await
    }

    pub(crate) async fn snapshot(&self) -> Snapshot {
        self.get("/v1/snapshot").await.json()
    }

    pub(crate) async fn sync_after(&self, cursor: Cursor) -> SyncPage {
        self.get(&format!("/v1/sync?cursor={cursor}")).await.json()
    }
}
