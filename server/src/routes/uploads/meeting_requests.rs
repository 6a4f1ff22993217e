//! Requests that meet: a newer one, a hand-over, a withdrawal or a sign-out while the bytes of another come.

use axum::body::{Body, Bytes};
use portico_wire::upload::BatchStanding;

use crate::testing::{Pack, World};

const CHUNK: usize = 65_552;

/// A body whose bytes come as they are sent, and which goes on until the sender is dropped.
fn slow_body() -> (tokio::sync::mpsc::Sender<Vec<u8>>, Body) {
    let (bytes, receiver) = tokio::sync::mpsc::channel::<Vec<u8>>(1);
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async {
        let bytes = receiver.recv().await?;
        Some((Ok::<_, std::io::Error>(Bytes::from(bytes)), receiver))
    });
    (bytes, Body::from_stream(frames))
}

/// Sends `bytes`, and waits until they were taken.
async fn send_taken(to: &tokio::sync::mpsc::Sender<Vec<u8>>, bytes: &[u8]) {
    to.send(bytes.to_vec()).await.unwrap();
    drop(to.reserve().await.unwrap());
}

// R52: no lock that a dead connection holds: the newest request ends the one before and goes on after it.
#[tokio::test]
async fn newer_request_ends_the_older_and_goes_on() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[300_000]);
    let opened = amina.opened(&amina.open(&pack).await);
    let (bytes, body) = slow_body();
    let old = amina.patch_with(&opened.capability, 0, body);
    let newer = async {
        send_taken(&bytes, &pack.bytes[..CHUNK + 500]).await;
        let before = amina.head(&opened.capability).await.stands().0;
        let newer = amina.patch(&opened.capability, CHUNK as u64, pack.from(CHUNK as u64)).await;
        (before, newer)
    };

    let (old, (looked, newer)) = tokio::join!(old, newer);

    assert_eq!((looked, old.code().as_str()), (204, "upload_offset"));
    assert_eq!(newer.stands(), (200, pack.len(), "?1"));
}

// R52
#[tokio::test]
async fn hand_over_ends_what_the_older_capability_sends() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[300_000]);
    let opened = amina.opened(&amina.open(&pack).await);
    let (bytes, body) = slow_body();
    let old = amina.patch_with(&opened.capability, 0, body);
    let handed = async {
        send_taken(&bytes, &pack.bytes[..2 * CHUNK + 500]).await;
        amina.opened(&amina.open(&pack).await)
    };

    let (old, handed) = tokio::join!(old, handed);

    assert_eq!((old.code().as_str(), handed.offset_bytes), ("upload_gone", 2 * CHUNK as u64));
    let rest = pack.from(handed.offset_bytes);
    assert_eq!(amina.patch(&handed.capability, handed.offset_bytes, rest).await.status, 200);
}

// R52: asking how it stands, by either way, stops nobody.
#[tokio::test]
async fn looking_at_an_upload_does_not_end_it() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[300_000]);
    let opened = amina.opened(&amina.open(&pack).await);
    let (bytes, body) = slow_body();
    let upload = amina.patch_with(&opened.capability, 0, body);
    let looks = async {
        send_taken(&bytes, &pack.bytes[..CHUNK]).await;
        assert_eq!(amina.head(&opened.capability).await.status, 204);
        assert!(matches!(amina.standing(pack.key).await, BatchStanding::Open { .. }));
        bytes.send(pack.bytes[CHUNK..].to_vec()).await.unwrap();
        drop(bytes);
    };

    let (upload, ()) = tokio::join!(upload, looks);

    assert_eq!(upload.status, 200);
}

// R52: a body that stands still ends, and every whole chunk of it stays.
#[tokio::test]
async fn stalled_body_keeps_what_had_come() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[300_000]);
    let opened = amina.opened(&amina.open(&pack).await);
    let (bytes, body) = slow_body();
    let upload = amina.patch_with(&opened.capability, 0, body);
    let stalls = async {
        send_taken(&bytes, &pack.bytes[..CHUNK + 9]).await;
        while !world.clock.is_awaited() {
            tokio::task::yield_now().await;
        }
        world.clock.advance_ms(30_000);
    };

    let (upload, ()) = tokio::join!(upload, stalls);

    assert_eq!(upload.stands(), (400, CHUNK as u64, "?0"));
    assert_eq!(amina.head(&opened.capability).await.stands(), (204, CHUNK as u64, "?0"));
}

// R51: withdrawing while bytes come ends them, and nothing of them stays.
#[tokio::test]
async fn withdrawal_ends_what_is_being_sent() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[300_000]);
    let opened = amina.opened(&amina.open(&pack).await);
    let (bytes, body) = slow_body();
    let upload = amina.patch_with(&opened.capability, 0, body);
    let withdraws = async {
        send_taken(&bytes, &pack.bytes[..CHUNK]).await;
        amina.withdraw(&world, pack.key).await
    };

    let (upload, withdrawn) = tokio::join!(upload, withdraws);

    assert_eq!(
        (upload.code().as_str(), withdrawn.status.as_u16(), world.segments()),
        ("upload_gone", 200, 0)
    );
}

// R55, R37: the capability is asked again by the commit: who is signed out while the last bytes come posts nothing.
#[tokio::test]
async fn device_signed_out_while_bytes_come_commits_nothing() {
    let world = World::new().await;
    let (phone, tablet) = (world.phone("amina").await, world.phone("amina").await);
    let claim = world.conversation("claim");
    let pack = Pack::of(&phone, &world, claim, &[100_000]);
    let before = world.app.store().read_log(claim).await.unwrap();
    let opened = phone.opened(&phone.open(&pack).await);
    let (bytes, body) = slow_body();
    let upload = phone.patch_with(&opened.capability, 0, body);
    let signed_out = async {
        send_taken(&bytes, &pack.bytes[..CHUNK]).await;
        tablet.delete(&format!("/v1/devices/{}", phone.device)).await;
        bytes.send(pack.bytes[CHUNK..].to_vec()).await.unwrap();
        drop(bytes);
    };

    let (upload, ()) = tokio::join!(upload, signed_out);

    assert_eq!(upload.code(), "upload_gone");
    assert_eq!(world.app.store().read_log(claim).await.unwrap(), before);
    let taken = tablet.opened(&tablet.open(&pack).await);
    assert_eq!((taken.offset_bytes, taken.length_bytes), (pack.len(), pack.len()));
    assert_eq!(tablet.patch(&taken.capability, pack.len(), Vec::new()).await.status, 200);
}

// R52: whoever still sends when the answer is known gets to read it, and is not reset in the middle of a window.
#[tokio::test]
async fn body_is_taken_for_a_while_after_its_answer() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let opened = amina.opened(&amina.open(&Pack::of(&amina, &world, claim, &[300_000])).await);
    let (bytes, body) = slow_body();

    let answer = amina.patch_with(&opened.capability, 7, body).await;

    assert_eq!(answer.code(), "upload_offset");
    for _ in 0..15 {
        send_taken(&bytes, &[0; 1024 * 1024]).await;
    }
    assert_eq!(amina.head(&opened.capability).await.stands(), (204, 0, "?0"));
}
