//! The network between a phone and the server, and everything it does to a request.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use portico_core::ports::{
    BadServerUrl, Carry, CarryTo, Fetch, Fetched, Method, Network, Reach, Request, Response, Transport,
    TransportFault,
};
use portico_core::testing::{FakeClock, SeededDice};
use portico_wire::problem::{PROBLEM_MEDIA_TYPE, Problem, ProblemCode};
use portico_wire::upload::{CAPABILITY_HEADER, COMPLETE_HEADER, OFFSET_HEADER, PARTIAL_UPLOAD_MEDIA_TYPE};
use portico_wire::{WIRE_HEADER, WIRE_VERSION};
use tokio::sync::Notify;
use tower::ServiceExt as _;

use crate::bad_line::{jumping, slowed, spoiled};
use crate::world::ServerSlot;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and its answer too.
    Arrives,
    /// It never arrives.
    Dropped,
    /// It arrives; its answer is lost.
    AnswerLost,
    /// It arrives twice at once.
    Doubled,
    /// It stands still somewhere; the phone gives up. A copy arrives later, when nobody expects it.
    Stalled,
    /// It arrives, and a copy of it stands still somewhere and arrives later again.
    Echoed,
    /// So many bytes of an upload arrive, then the line is cut. Any other request never arrives.
    Cut(u64),
    /// One byte of an upload, so far from its first, is flipped on the way. Any other request arrives.
    Flipped(u64),
    /// So many bytes of an upload arrive, and then nothing moves, for ever. Any other request stands still too.
    Hangs(u64),
    /// So many milliseconds pass before each 64 KiB of an upload, for everybody. Any other request arrives.
    Slow(i64),
    /// The phone's own clock jumps by so many milliseconds within an upload. Any other request arrives.
    ClockJumps(i64),
    /// A proxy answers with a page of its own.
    ProxyPage,
    /// A captive portal answers 200 with HTML.
    CaptivePortal,
    /// A server of a later wire version says its limits.
    LaterVersion,
    /// The server answers 500, 503 or 429.
    ServerTrouble(ProblemCode),
    /// The phone's app dies before the request leaves.
    PhoneDiesBefore,
    /// The phone's app dies before the answer is stored.
    PhoneDiesAfter,
    /// The server dies after it has answered, and the answer is lost.
    ServerDies,
}

/// How a network behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weather {
    /// Everything arrives.
    Calm,
    /// Nobody listens.
    Off,
    /// Fates are drawn; this many of 100 requests meet one.
    Wild(u64),
    /// These fates first, in order, for requests whose path begins so; then calm.
    Scripted(&'static str, VecDeque<Fate>),
}

/// One phone's network. Clones share it.
#[derive(Clone)]
pub struct PhoneNetwork {
    server: Arc<ServerSlot>,
    dice: Arc<SeededDice>,
    /// The phone's.
    clock: FakeClock,
    /// Guards the weather and what stands still.
    state: Arc<Mutex<State>>,
    /// Told when the app is to die inside a request.
    pub death: Arc<Notify>,
}

struct State {
    weather: Weather,
    reach: Reach,
    stalled: Vec<Request>,
    newest_bearer: Option<String>,
    server_must_die: bool,
    requests: u64,
    /// Where each append began.
    appends: Vec<u64>,
}

impl PhoneNetwork {
    /// A calm network to `server`, with fates drawn from `dice`, of a phone whose clock is `clock`.
    #[must_use]
    pub fn new(server: Arc<ServerSlot>, dice: Arc<SeededDice>, clock: FakeClock) -> Self {
        let state = State {
            weather: Weather::Calm,
            reach: Reach::Unmetered,
            stalled: Vec::new(),
            newest_bearer: None,
            server_must_die: false,
            requests: 0,
            appends: Vec::new(),
        };
        Self { server, dice, clock, state: Arc::new(Mutex::new(state)), death: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the weather. What stood still is forgotten by nobody.
    pub fn set(&self, weather: Weather) {
        self.state().weather = weather;
    }

    /// What the system says of the network from here on.
    pub fn say(&self, reach: Reach) {
        self.state().reach = reach;
    }

    /// How many requests the phone made.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.state().requests
    }

    /// Where in its pack each append of the phone began, since the last call.
    #[must_use]
    pub fn appends(&self) -> Vec<u64> {
        std::mem::take(&mut self.state().appends)
    }

    /// Whether a request met [`Fate::ServerDies`] since the last call.
    #[must_use]
    pub fn takes_server_down(&self) -> bool {
        std::mem::take(&mut self.state().server_must_die)
    }

    /// Delivers one copy that stood still, the `choice`th; whether there was one. It carries the newest token, so
    /// that nothing but the rules themselves stops it.
    pub async fn deliver_stalled(&self, choice: u64) -> bool {
        let request = {
            let mut state = self.state();
            if state.stalled.is_empty() {
                return false;
            }
            let place = usize::try_from(choice).unwrap_or(0) % state.stalled.len();
            let mut request = state.stalled.swap_remove(place);
            if request.bearer.is_some() {
                request.bearer.clone_from(&state.newest_bearer);
            }
            request
        };
        let answered = serve(&self.server, request).await;
        drop(answered);
        true
    }

    fn fate(&self, path: &str, bearer: Option<&String>) -> Option<Fate> {
        let mut state = self.state();
        state.requests += 1;
        if let Some(bearer) = bearer {
            state.newest_bearer = Some(bearer.clone());
        }
        if state.server_must_die {
            return None;
        }
        match &mut state.weather {
            Weather::Calm => Some(Fate::Arrives),
            Weather::Off => None,
            Weather::Wild(percent) => Some(drawn(&self.dice, *percent)),
            Weather::Scripted(begins, fates) if path.starts_with(*begins) => {
                Some(fates.pop_front().unwrap_or(Fate::Arrives))
            }
            Weather::Scripted(..) => Some(Fate::Arrives),
        }
    }

    async fn meet(self, request: Request) -> Result<Response, TransportFault> {
        let Some(fate) = self.fate(&request.path, request.bearer.as_ref()) else {
            return Err(TransportFault::Unreachable);
        };
        match fate {
            Fate::Arrives | Fate::Flipped(_) | Fate::Slow(_) | Fate::ClockJumps(_) => {
                serve(&self.server, request).await
            }
            Fate::Dropped | Fate::Cut(_) => Err(TransportFault::Unreachable),
            Fate::AnswerLost => lost(serve(&self.server, request).await),
            Fate::Doubled => {
                drop(serve(&self.server, request.clone()).await);
                serve(&self.server, request).await
            }
            Fate::Hangs(_) => std::future::pending().await,
            Fate::Stalled => {
                self.state().stalled.push(request);
                Err(TransportFault::Broken)
            }
            Fate::Echoed => {
                self.state().stalled.push(request.clone());
                serve(&self.server, request).await
            }
            Fate::ProxyPage => Ok(page(403, "text/html", b"<h1>Blocked by your network</h1>".to_vec())),
            Fate::CaptivePortal => Ok(page(200, "text/html", b"<h1>Free Wi-Fi</h1>".to_vec())),
            Fate::LaterVersion => {
                let body = format!(r#"{{"portico_wire":{},"of_tomorrow":true}}"#, WIRE_VERSION + 1);
                Ok(page(200, "application/json", body.into_bytes()))
            }
            Fate::ServerTrouble(code) => Ok(trouble(code)),
            Fate::PhoneDiesBefore => self.dies().await,
            Fate::PhoneDiesAfter => {
                drop(serve(&self.server, request).await);
                self.dies().await
            }
            Fate::ServerDies => {
                drop(serve(&self.server, request).await);
                self.state().server_must_die = true;
                Err(TransportFault::Broken)
            }
        }
    }

    /// The same for the bytes of a batch. What can only happen to a small request cuts the line within them.
    async fn meet_carry(self, mut carry: Carry) -> Result<Response, TransportFault> {
        let (path, bearer) = match &carry.to {
            CarryTo::Upload { .. } => ("/v1/uploads", None),
            CarryTo::Whole { path, bearer } => (path.as_str(), Some(bearer)),
        };
        let Some(fate) = self.fate(path, bearer) else { return Err(TransportFault::Unreachable) };
        if let CarryTo::Upload { offset_bytes, .. } = carry.to {
            self.state().appends.push(offset_bytes);
        }
        let somewhere = |dice: &SeededDice| dice.below(carry.length_bytes.max(1));
        match fate {
            Fate::Arrives => serve_carry(&self.server, carry, u64::MAX, None).await,
            Fate::Dropped => Err(TransportFault::Unreachable),
            Fate::AnswerLost => lost(serve_carry(&self.server, carry, u64::MAX, None).await),
            Fate::Cut(bytes) => lost(serve_carry(&self.server, carry, bytes, None).await),
            Fate::Flipped(place) => serve_carry(&self.server, carry, u64::MAX, Some(place)).await,
            Fate::Slow(each_ms) => {
                carry.bytes = slowed(carry.bytes, self.clock, each_ms);
                serve_carry(&self.server, carry, u64::MAX, None).await
            }
            Fate::ClockJumps(by_ms) => {
                carry.bytes = jumping(carry.bytes, self.clock, by_ms);
                serve_carry(&self.server, carry, u64::MAX, None).await
            }
            Fate::Hangs(bytes) => {
                drop(serve_carry(&self.server, carry, bytes, None).await);
                std::future::pending().await
            }
            Fate::Doubled | Fate::Stalled => {
                let bytes = somewhere(&self.dice);
                lost(serve_carry(&self.server, carry, bytes, None).await)
            }
            Fate::Echoed => {
                let place = somewhere(&self.dice);
                serve_carry(&self.server, carry, u64::MAX, Some(place)).await
            }
            Fate::ProxyPage | Fate::LaterVersion => {
                Ok(page(403, "text/html", b"<h1>Blocked by your network</h1>".to_vec()))
            }
            Fate::CaptivePortal => Ok(page(200, "text/html", b"<h1>Free Wi-Fi</h1>".to_vec())),
            Fate::ServerTrouble(code) => Ok(trouble(code)),
            Fate::PhoneDiesBefore => {
                let bytes = somewhere(&self.dice);
                drop(serve_carry(&self.server, carry, bytes, None).await);
                self.dies().await
            }
            Fate::PhoneDiesAfter => {
                drop(serve_carry(&self.server, carry, u64::MAX, None).await);
                self.dies().await
            }
            Fate::ServerDies => {
                let bytes = somewhere(&self.dice);
                drop(serve_carry(&self.server, carry, bytes, None).await);
                self.state().server_must_die = true;
                Err(TransportFault::Broken)
            }
        }
    }

    /// The same for the bytes of a file: what happens to them happens on their way back.
    async fn meet_fetch(self, fetch: Fetch) -> Result<Fetched, TransportFault> {
        let Some(fate) = self.fate(&fetch.path, Some(&fetch.bearer)) else {
            return Err(TransportFault::Unreachable);
        };
        match fate {
            Fate::Cut(bytes) => serve_fetch(&self.server, fetch, bytes, None).await,
            Fate::Flipped(place) => serve_fetch(&self.server, fetch, u64::MAX, Some(place)).await,
            Fate::ProxyPage => Ok(Fetched::Answer(page(403, "text/html", b"<h1>Blocked</h1>".to_vec()))),
            Fate::Arrives | Fate::Slow(_) | Fate::ClockJumps(_) => {
                serve_fetch(&self.server, fetch, u64::MAX, None).await
            }
            Fate::Dropped
            | Fate::AnswerLost
            | Fate::Doubled
            | Fate::Stalled
            | Fate::Echoed
            | Fate::Hangs(_)
            | Fate::CaptivePortal
            | Fate::LaterVersion
            | Fate::ServerTrouble(_)
            | Fate::PhoneDiesBefore
            | Fate::PhoneDiesAfter
            | Fate::ServerDies => Err(TransportFault::Broken),
        }
    }

    /// Never goes on; the test drops the app.
    async fn dies(&self) -> Result<Response, TransportFault> {
        self.death.notify_one();
        std::future::pending().await
    }
}

fn lost(_answer: Result<Response, TransportFault>) -> Result<Response, TransportFault> {
    Err(TransportFault::Broken)
}

fn trouble(code: ProblemCode) -> Response {
    let body = serde_json::to_vec(&Problem::of(code)).expect("a problem serializes");
    // As the real server says it: how long to stay away, where it asks for that.
    let retry_after_s = (code == ProblemCode::Throttled).then_some(30);
    Response { retry_after_s, ..page(code.status(), PROBLEM_MEDIA_TYPE, body) }
}

fn page(status: u16, media_type: &str, body: Vec<u8>) -> Response {
    Response { status, media_type: media_type.to_owned(), retry_after_s: None, upload_offset: None, body }
}

fn drawn(dice: &SeededDice, percent: u64) -> Fate {
    if !dice.chance(percent) {
        return Fate::Arrives;
    }
    match dice.below(15) {
        0 | 1 => Fate::Dropped,
        2 | 3 => Fate::AnswerLost,
        4 => Fate::Doubled,
        5 => Fate::Stalled,
        6 => Fate::Echoed,
        7 => Fate::ProxyPage,
        8 => Fate::CaptivePortal,
        9 => Fate::ServerTrouble(ProblemCode::Internal),
        10 => Fate::ServerTrouble(ProblemCode::Busy),
        13 => Fate::ServerTrouble(ProblemCode::Throttled),
        11 => Fate::PhoneDiesBefore,
        12 => Fate::PhoneDiesAfter,
        _ => Fate::ServerDies,
    }
}

/// The server's real router, in process.
async fn serve(server: &ServerSlot, request: Request) -> Result<Response, TransportFault> {
    let app = server.app().ok_or(TransportFault::Unreachable)?;
    let method = match request.method {
        Method::Delete => http::Method::DELETE,
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
    };
    let mut builder = http::Request::builder()
        .method(method)
        .uri(request.path)
        .header(WIRE_HEADER, WIRE_VERSION)
        .header("content-type", "application/json");
    if let Some(bearer) = request.bearer {
        builder = builder.header("authorization", format!("Bearer {bearer}"));
    }
    let request =
        builder.body(Body::from(request.body.unwrap_or_default())).expect("the request is well formed");
    answer_of(app.router().oneshot(request).await.map_err(|_| TransportFault::Broken)?).await
}

/// The same for an upload, whose line is cut after `bytes`, or one byte of which is flipped.
async fn serve_carry(
    server: &ServerSlot,
    carry: Carry,
    bytes: u64,
    flipped: Option<u64>,
) -> Result<Response, TransportFault> {
    let app = server.app().ok_or(TransportFault::Unreachable)?;
    let line = spoiled(carry.bytes, bytes, flipped);
    let builder = match carry.to {
        CarryTo::Upload { capability, offset_bytes } => http::Request::builder()
            .method(http::Method::PATCH)
            .uri("/v1/uploads")
            .header("content-type", PARTIAL_UPLOAD_MEDIA_TYPE)
            .header(CAPABILITY_HEADER, capability)
            .header(OFFSET_HEADER, offset_bytes)
            .header(COMPLETE_HEADER, "?1"),
        CarryTo::Whole { path, bearer } => http::Request::builder()
            .method(http::Method::PUT)
            .uri(path)
            .header(WIRE_HEADER, WIRE_VERSION)
            .header("authorization", format!("Bearer {bearer}")),
    };
    let request = builder
        .header("content-length", carry.length_bytes)
        .body(Body::from_stream(line))
        .expect("the request is well formed");
    answer_of(app.router().oneshot(request).await.map_err(|_| TransportFault::Broken)?).await
}

/// The bytes of a file, whose line is cut after `bytes`, or one byte of which is flipped.
async fn serve_fetch(
    server: &ServerSlot,
    fetch: Fetch,
    bytes: u64,
    flipped: Option<u64>,
) -> Result<Fetched, TransportFault> {
    let app = server.app().ok_or(TransportFault::Unreachable)?;
    let mut request = http::Request::builder()
        .uri(&fetch.path)
        .header(WIRE_HEADER, WIRE_VERSION)
        .header("authorization", format!("Bearer {}", fetch.bearer))
        .body(Body::empty())
        .expect("the request is well formed");
    if fetch.from_bytes > 0 {
        let range =
            [("range", format!("bytes={}-", fetch.from_bytes)), ("if-range", format!("\"{}\"", fetch.etag))];
        for (name, value) in range {
            request.headers_mut().insert(name, value.parse().expect("it is ASCII"));
        }
    }
    let answer = app.router().oneshot(request).await.map_err(|_| TransportFault::Broken)?;
    let from_bytes = match answer.status().as_u16() {
        200 => 0,
        206 => fetch.from_bytes,
        _ => return Ok(Fetched::Answer(answer_of(answer).await?)),
    };
    let line =
        answer.into_body().into_data_stream().map(|chunk| chunk.map_err(|_| std::io::Error::other("cut")));
    let line = spoiled(line, bytes, flipped).map(|chunk| chunk.map_err(|_| TransportFault::Broken));
    Ok(Fetched::Bytes { from_bytes, bytes: line.boxed() })
}

async fn answer_of(answer: axum::response::Response) -> Result<Response, TransportFault> {
    let (head, body) = answer.into_parts();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let response = Response {
        status: head.status.as_u16(),
        media_type: header("content-type").split(';').next().unwrap_or("").to_owned(),
        retry_after_s: header("retry-after").parse().ok(),
        upload_offset: header("upload-offset").parse().ok(),
        body: body.collect().await.map_err(|_| TransportFault::Broken)?.to_bytes().to_vec(),
    };
    Ok(response)
}

impl Network for PhoneNetwork {
    fn connect(&self, _url: &str) -> Result<Arc<dyn Transport>, BadServerUrl> {
        Ok(Arc::new(self.clone()))
    }

    fn reach(&self) -> Reach {
        self.state().reach
    }
}

impl Transport for PhoneNetwork {
    fn exchange(&self, request: Request) -> BoxFuture<'static, Result<Response, TransportFault>> {
        Box::pin(self.clone().meet(request))
    }

    fn fetch(&self, fetch: Fetch) -> BoxFuture<'static, Result<Fetched, TransportFault>> {
        Box::pin(self.clone().meet_fetch(fetch))
    }

    fn carry(&self, carry: Carry) -> BoxFuture<'static, Result<Response, TransportFault>> {
        Box::pin(self.clone().meet_carry(carry))
    }
}
