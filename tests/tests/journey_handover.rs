//! Handing a batch over to the operating system, which is played here by a plain HTTP client that knows nothing of us.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use axum::body::Body;
use http_body_util::BodyExt as _;
use portico_core::outbox::entry::SendState;
use portico_core::portal::BackgroundTransfer;
use portico_tests::faults::{Fate, Weather};
use portico_tests::phone::TestPhone;
use portico_tests::world::World;
use portico_wire::ids::{ConversationId, SendKey};
use tower::ServiceExt as _;

/// What came back: status, media type, body.
type Answer = (u16, String, Vec<u8>);

/// Sends the first `most` bytes of the file, as the system does: whole, from its first byte, and no word of ours.
async fn system_sends(world: &World, transfer: &BackgroundTransfer, most: usize) -> Option<Answer> {
    let file = std::fs::read(&transfer.file).unwrap();
    let cut = most < file.len();
    let sent = bytes::Bytes::from(file[..most.min(file.len())].to_vec());
    let rest = cut.then(|| Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe)));
    let line = futures_util::stream::iter([Ok(sent)].into_iter().chain(rest));
    let mut request = http::Request::builder()
        .method(transfer.method.as_str())
        .uri("/v1/uploads")
        .header("content-length", file.len());
    for header in &transfer.headers {
        request = request.header(&header.name, &header.value);
    }
    let request = request.body(Body::from_stream(line)).unwrap();
    let answer = world.app().router().oneshot(request).await.unwrap();
    let media_type = answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes().to_vec();
    (!cut).then_some((status, media_type.unwrap_or_default(), body))
}

struct Handed {
    world: World,
    claim: ConversationId,
    amina: TestPhone,
    key: SendKey,
}

/// A batch of which the server holds a part.
async fn half_sent() -> Handed {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let amina = world.phone("amina").await;
    let files = [vec![1; 200_000], vec![2; 300_000]];
    amina.network.set(Weather::Scripted("/v1/uploads", [Fate::Cut(140_000)].into()));
    let key = amina.send_files(claim, "by the system", &files).await;
    amina.portal().catch_up().await.unwrap();
    Handed { world, claim, amina, key }
}

impl Handed {
    fn state(&self) -> SendState {
        self.amina.portal().entry_state(self.key).unwrap()
    }

    async fn prepare(&self) -> BackgroundTransfer {
        self.amina.portal().prepare_background_transfer(self.key).await.unwrap().unwrap()
    }

    async fn arrived_once(&self) {
        assert_eq!(self.state(), SendState::Accepted);
        assert_eq!(self.world.texts(self.claim).await, ["by the system"]);
        let files = self.amina.newest_files(self.claim).await;
        assert_eq!(files[1].1, vec![2; 300_000]);
    }
}

// R52
#[tokio::test]
async fn system_sends_the_whole_file_again_and_nothing_doubles() {
    let handed = half_sent().await;
    let transfer = handed.prepare().await;
    assert!(transfer.held_bytes > 0 && transfer.held_bytes < transfer.length_bytes);
    let before = handed.amina.network.requests();
    handed.amina.portal().became_active().unwrap();
    handed.amina.portal().catch_up().await.unwrap();
    assert_eq!(
        handed.amina.network.requests() - before,
        2,
        "while the system has it, this app asks what is new and what it may send, and sends nothing"
    );

    let (status, media_type, body) = system_sends(&handed.world, &transfer, usize::MAX).await.unwrap();
    handed.amina.portal().background_transfer_finished(handed.key, status, &media_type, &body).unwrap();

    handed.amina.portal().catch_up().await.unwrap();
    handed.arrived_once().await;
}

// R51, R52
#[tokio::test]
async fn lost_answer_of_the_system_is_found_out_after_a_relaunch() {
    let mut handed = half_sent().await;
    let transfer = handed.prepare().await;
    drop(system_sends(&handed.world, &transfer, usize::MAX).await);

    handed.amina.start();
    assert!(matches!(handed.state(), SendState::HandedToOs { .. }));
    handed.amina.portal().background_transfer_finished(handed.key, 0, "", &[]).unwrap();
    handed.amina.portal().catch_up().await.unwrap();

    handed.arrived_once().await;
}

// R52: no livelock, where both believe that it is theirs.
#[tokio::test]
async fn whoever_was_handed_the_batch_last_has_it() {
    let handed = half_sent().await;
    let first = handed.prepare().await;
    assert_eq!(system_sends(&handed.world, &first, 90_000).await, None);
    let second = handed.prepare().await;

    let (status, _, _) = system_sends(&handed.world, &first, usize::MAX).await.unwrap();
    assert_eq!(status, 410);
    assert_eq!(handed.world.texts(handed.claim).await, Vec::<String>::new());
    handed
        .amina
        .portal()
        .background_transfer_finished(handed.key, 410, "application/problem+json", b"{}")
        .unwrap();
    handed.amina.portal().catch_up().await.unwrap();

    handed.arrived_once().await;
    let (status, _, _) = system_sends(&handed.world, &second, usize::MAX).await.unwrap();
    assert!(status == 410 || status == 200, "{status}");
    assert_eq!(handed.world.texts(handed.claim).await.len(), 1);
}

// R52: the system forgot it, and nobody says so.
#[tokio::test]
async fn batch_that_the_system_forgot_comes_back_after_an_hour() {
    let handed = half_sent().await;
    handed.prepare().await;

    handed.world.clock.advance(60 * 60 * 1_000);
    handed.amina.portal().catch_up().await.unwrap();

    handed.arrived_once().await;
}

// R51
#[tokio::test]
async fn batch_that_is_discarded_while_the_system_has_it_is_never_seen() {
    let handed = half_sent().await;
    let transfer = handed.prepare().await;

    handed.amina.portal().discard(handed.key).unwrap();
    handed.amina.portal().catch_up().await.unwrap();

    assert_eq!(handed.state(), SendState::Withdrawn);
    assert_eq!(system_sends(&handed.world, &transfer, usize::MAX).await.unwrap().0, 410);
    assert_eq!(handed.world.texts(handed.claim).await, Vec::<String>::new());
}
