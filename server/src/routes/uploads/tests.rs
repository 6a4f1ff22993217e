//! Bytes on their way: where they stand, who may bring them, and that their last one is the commit.

use axum::body::{Body, Bytes};
use portico_wire::message::Accepted;
use portico_wire::upload::{BatchAnswer, BatchStanding};
use tokio::io::AsyncWriteExt as _;

use crate::testing::{Pack, World, content};

// R37
#[tokio::test]
async fn batch_is_a_message_at_its_last_byte_and_not_before() {
    let world = World::new().await;
    let (amina, mara) = (world.phone("amina").await, world.phone("mara").await);
    let claim = world.conversation("claim");
    let sizes = [0, 1, 65_535, 65_536, 65_537, 200_000];
    let pack = Pack::of(&amina, &world, claim, &sizes);
    let before = world.app.store().read_log(claim).await.unwrap();
    let opened = amina.opened(&amina.open(&pack).await);

    let most = amina.patch(&opened.capability, 0, pack.bytes[..pack.bytes.len() - 1].to_vec()).await;
    assert_eq!(world.app.store().read_log(claim).await.unwrap(), before);
    let (status, offset, complete) = most.stands();
    let whole = amina.patch(&opened.capability, offset, pack.from(offset)).await;

    assert_eq!((status, complete), (204, "?0"));
    assert_eq!(whole.stands(), (200, pack.len(), "?1"));
    let accepted: Accepted = whole.json();
    assert_eq!(accepted.entry.files.len(), 6);
    for (seed, (file, size)) in (0..).zip(accepted.entry.files.iter().zip(sizes)) {
        let read = mara.attachment(file.attachment_id).await;
        assert_eq!((read.status.as_u16(), file.size_bytes), (200, size as u64));
        assert!(read.body == content(seed, size));
    }
    let snapshot = mara.snapshot().await;
    let seen = snapshot.conversations.iter().find(|one| one.head.conversation_id == claim).unwrap();
    assert_eq!(seen.entries.last().unwrap().files, accepted.entry.files);
    assert_eq!(world.app.store().verify().await.unwrap().faults, []);
}

const CHUNK: usize = 65_552;

// R52: whatever is cut, the next request goes on from a chunk's edge and nothing is sent twice or lost.
#[tokio::test]
async fn upload_resumes_after_a_cut_at_and_within_every_chunk() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    for cut in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 40_000, 3 * CHUNK + 20] {
        let pack = Pack::of(&amina, &world, claim, &[131_072, 5, 70_000]);
        let opened = amina.opened(&amina.open(&pack).await);

        let broken = amina.patch_with(&opened.capability, 0, broken_after(&pack.bytes[..cut])).await;

        let edges = [0, CHUNK, 2 * CHUNK, 2 * CHUNK + 21, 3 * CHUNK + 21];
        let kept = edges.into_iter().filter(|edge| *edge <= cut).max().unwrap() as u64;
        assert_eq!((broken.code().as_str(), broken.stands()), ("bad_request", (400, kept, "?0")), "{cut}");
        assert_eq!(amina.head(&opened.capability).await.stands(), (204, kept, "?0"));
        let whole = amina.patch(&opened.capability, kept, pack.from(kept)).await;
        assert_eq!(whole.stands(), (200, pack.len(), "?1"));
    }
}

/// A body that ends with a fault, as when a connection is lost.
fn broken_after(bytes: &[u8]) -> Body {
    let frames = bytes.chunks(10_000).map(|part| Ok(Bytes::copy_from_slice(part)));
    let lost = std::iter::once_with(|| Err(std::io::Error::other("the connection is lost")));
    Body::from_stream(futures_util::stream::iter(frames.chain(lost).collect::<Vec<_>>()))
}

#[tokio::test]
async fn offset_that_is_not_the_servers_moves_nothing() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[100_000]);
    let opened = amina.opened(&amina.open(&pack).await);
    amina.patch(&opened.capability, 0, pack.bytes[..CHUNK].to_vec()).await;

    let elsewhere = amina.patch(&opened.capability, 0, pack.bytes.clone()).await;

    assert_eq!((elsewhere.code().as_str(), elsewhere.stands()), ("upload_offset", (409, CHUNK as u64, "?0")));
    let head = amina.head(&opened.capability).await;
    assert_eq!((head.stands(), head.number("upload-length")), ((204, CHUNK as u64, "?0"), pack.len()));
    assert_eq!(
        head.headers["upload-limit"],
        format!("max-size={}, min-append-size=65552, max-age=604800", pack.len())
    );
}

#[tokio::test]
async fn bytes_beyond_the_length_are_refused_and_the_good_ones_stay() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[100_000]);
    let opened = amina.opened(&amina.open(&pack).await);

    let long = amina.patch(&opened.capability, 0, [pack.bytes.as_slice(), b"x"].concat()).await;

    assert_eq!((long.code().as_str(), long.stands()), ("bad_request", (400, pack.len(), "?0")));
    assert_eq!(amina.patch(&opened.capability, pack.len(), Vec::new()).await.status, 200);
}

// R51, R52: the whole file again from byte 0, after half of it, and after all of it.
#[tokio::test]
async fn whole_representation_again_doubles_nothing() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[150_000, 0, 7]);
    let opened = amina.opened(&amina.open(&pack).await);
    let before = world.app.store().read_log(claim).await.unwrap().len();
    amina.patch(&opened.capability, 0, pack.bytes[..CHUNK].to_vec()).await;

    let first = amina.put_whole(&opened.capability, pack.bytes.clone()).await;
    let again = amina.put_whole(&opened.capability, pack.bytes.clone()).await;
    let short = amina.put_whole(&opened.capability, pack.bytes[1..].to_vec()).await;

    assert_eq!((first.stands(), again.stands()), ((200, pack.len(), "?1"), (200, pack.len(), "?1")));
    assert_eq!(first.body, again.body);
    assert_eq!(short.code(), "bad_request");
    assert_eq!(world.app.store().read_log(claim).await.unwrap().len(), before + 1);
}

// R37, R51
#[tokio::test]
async fn lost_answer_is_given_again_and_posts_once() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[70_000]);
    let opened = amina.opened(&amina.open(&pack).await);
    let accepted: Accepted = amina.patch(&opened.capability, 0, pack.bytes.clone()).await.json();
    let log = world.app.store().read_log(claim).await.unwrap();

    let again: Accepted = amina.patch(&opened.capability, pack.len(), Vec::new()).await.json();
    let elsewhere = amina.patch(&opened.capability, 0, pack.bytes.clone()).await;

    assert_eq!(again, accepted);
    assert_eq!(elsewhere.stands(), (409, pack.len(), "?0"));
    assert_eq!(amina.head(&opened.capability).await.stands(), (204, pack.len(), "?1"));
    let BatchStanding::Accepted(standing) = amina.standing(pack.key).await else {
        panic!("it is in the log")
    };
    assert_eq!(*standing, accepted);
    let BatchAnswer::Accepted(reopened) = amina.open(&pack).await.json() else { panic!("it is in the log") };
    assert_eq!(*reopened, accepted);
    assert_eq!(world.app.store().read_log(claim).await.unwrap(), log);
}

// R52: an altered chunk is told at once; what came before it stays, and the right bytes go on from there.
#[tokio::test]
async fn altered_chunk_is_cut_away_with_all_that_follows() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[300_000]);
    for chunk in 0..5 {
        let opened = amina.opened(&amina.open(&pack).await);
        let mut altered = pack.from(opened.offset_bytes);
        let edge = chunk * CHUNK;
        altered[edge - usize::try_from(opened.offset_bytes).unwrap() + 11] ^= 1;

        let damaged = amina.patch(&opened.capability, opened.offset_bytes, altered).await;

        assert_eq!((damaged.code().as_str(), damaged.stands()), ("upload_damaged", (422, edge as u64, "?0")));
        let segment = std::fs::read_dir(world.config().blobs()).unwrap().next().unwrap().unwrap();
        assert_eq!(segment.metadata().unwrap().len(), edge as u64);
    }
    let opened = amina.opened(&amina.open(&pack).await);
    let whole = amina.patch(&opened.capability, opened.offset_bytes, pack.from(opened.offset_bytes)).await;
    assert_eq!(whole.status, 200);
}

// R13: sealed as it should be, and not what the manifest says.
#[tokio::test]
async fn file_of_another_hash_refuses_the_batch_and_names_it() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let mut pack = Pack::of(&amina, &world, claim, &[10, 20, 30]);
    pack.open.files[1].sha256 = portico_wire::encoding::Sha256::ZERO;
    let before = world.app.store().read_log(claim).await.unwrap();
    let opened = amina.opened(&amina.open(&pack).await);

    let refused = amina.patch(&opened.capability, 0, pack.bytes.clone()).await;

    assert_eq!((refused.code().as_str(), refused.problem().file), ("file_damaged!", Some(1)));
    assert_eq!(amina.patch(&opened.capability, pack.len(), Vec::new()).await.code(), "file_damaged!");
    assert_eq!(amina.open(&pack).await.problem().file, Some(1));
    assert!(
        matches!(amina.standing(pack.key).await, BatchStanding::Refused { refusal, .. } if refusal.file == Some(1))
    );
    assert_eq!((world.segments(), world.app.store().read_log(claim).await.unwrap()), (0, before));
}

// R12: empty files are files; a batch of nothing else has no byte, and still a last request.
#[tokio::test]
async fn batch_of_empty_files_is_committed_by_a_request_without_bytes() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[0; 130]);
    let opened = amina.opened(&amina.open(&pack).await);
    assert!(matches!(amina.standing(pack.key).await, BatchStanding::Open { length_bytes: 0, .. }));

    let accepted: Accepted = amina.patch(&opened.capability, 0, Vec::new()).await.json();

    assert_eq!(accepted.entry.files.len(), 130);
    let read = amina.attachment(accepted.entry.files[129].attachment_id).await;
    assert_eq!((read.status.as_u16(), read.body.len()), (200, 0));
}

// R52: every hand-over takes back what was handed over before.
#[tokio::test]
async fn newer_capability_takes_the_older_one_back() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[100_000]);
    let first = amina.opened(&amina.open(&pack).await);
    amina.patch(&first.capability, 0, pack.bytes[..CHUNK].to_vec()).await;

    let second = amina.opened(&amina.open(&pack).await);

    assert_eq!((second.offset_bytes, second.length_bytes), (CHUNK as u64, pack.len()));
    assert_ne!(first.capability, second.capability);
    let old = [
        amina.patch(&first.capability, CHUNK as u64, pack.from(CHUNK as u64)).await,
        amina.put_whole(&first.capability, pack.bytes.clone()).await,
        amina.cancel(&first.capability).await,
    ];
    assert_eq!(old.map(|reply| reply.code()), ["upload_gone", "upload_gone", "upload_gone"]);
    assert_eq!(amina.head(&first.capability).await.status, 410);
    assert_eq!(amina.patch(&second.capability, CHUNK as u64, pack.from(CHUNK as u64)).await.status, 200);
}

#[tokio::test]
async fn cancelled_upload_leaves_nothing_and_can_begin_again() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[100_000]);
    let opened = amina.opened(&amina.open(&pack).await);
    amina.patch(&opened.capability, 0, pack.bytes[..CHUNK].to_vec()).await;
    assert_eq!(world.segments(), 1);

    assert_eq!(amina.cancel(&opened.capability).await.status, 204);

    assert_eq!((world.segments(), amina.head(&opened.capability).await.status.as_u16()), (0, 410));
    assert!(matches!(amina.standing(pack.key).await, BatchStanding::Unknown { .. }));
    assert_eq!(amina.carry(&pack).await.entry.files.len(), 1);
}

// R52: the offset is in the file alone: a restart finds what opens, and cuts half a chunk and garbage away.
#[tokio::test]
async fn restarted_server_finds_the_same_offset() {
    for (tail, flipped) in [
        (Vec::new(), None),
        (content(9, 40_000), None),
        (content(9, CHUNK), None),
        (Vec::new(), Some(CHUNK + 3)),
    ] {
        let world = World::new().await;
        let mut amina = world.phone("amina").await;
        let pack = Pack::of(&amina, &world, world.conversation("claim"), &[70_000, 0, 90_000, 70_000]);
        let opened = amina.opened(&amina.open(&pack).await);
        let stood =
            amina.patch(&opened.capability, 0, pack.bytes[..150_000].to_vec()).await.number("upload-offset");
        amina.hang_up();
        let path = std::fs::read_dir(world.config().blobs()).unwrap().next().unwrap().unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(&tail);
        let expected = match flipped {
            Some(place) => {
                bytes[place] ^= 1;
                CHUNK as u64
            }
            None => stood,
        };
        std::fs::write(&path, bytes).unwrap();

        let world = world.restart();
        amina.router = world.app.router();

        assert_eq!(amina.head(&opened.capability).await.stands(), (204, expected, "?0"));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), expected);
        let accepted: Accepted = amina.patch(&opened.capability, expected, pack.from(expected)).await.json();
        for (seed, file) in (0..).zip(&accepted.entry.files) {
            assert!(
                amina.attachment(file.attachment_id).await.body
                    == content(seed, usize::try_from(file.size_bytes).unwrap())
            );
        }
    }
}

#[tokio::test]
async fn segment_that_nothing_needs_is_removed_at_the_start() {
    let world = World::new().await;
    let mut amina = world.phone("amina").await;
    let claim = world.conversation("claim");
    let file = amina.carry(&Pack::of(&amina, &world, claim, &[10])).await.entry.files.remove(0);
    let open = Pack::of(&amina, &world, claim, &[100_000]);
    let opened = amina.opened(&amina.open(&open).await);
    amina.patch(&opened.capability, 0, open.bytes[..CHUNK].to_vec()).await;
    let orphan = world.config().blobs().join("01a20c47-8fd7-7714-abbb-796a61dfda21.pack");
    std::fs::write(&orphan, b"left by a crash").unwrap();
    amina.hang_up();

    let world = world.restart();
    amina.router = world.app.router();

    assert_eq!((orphan.exists(), world.segments()), (false, 2));
    assert_eq!(amina.attachment(file.attachment_id).await.body, content(0, 10));
    assert_eq!(amina.head(&opened.capability).await.stands(), (204, CHUNK as u64, "?0"));
}

#[tokio::test]
async fn request_without_capability_or_form_moves_nothing() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[10]);
    let opened = amina.opened(&amina.open(&pack).await);
    let good =
        [("content-type", "application/partial-upload"), ("upload-offset", "0"), ("upload-complete", "?1")];
    for left_out in 0..3 {
        let mut request = amina.upload(http::Method::PATCH, &opened.capability);
        for (_, (name, value)) in good.iter().enumerate().filter(|(place, _)| *place != left_out) {
            request = request.header(*name, *value);
        }
        let answer =
            crate::testing::ask(&amina.router, request.body(Body::from(pack.bytes.clone())).unwrap()).await;

        assert_eq!(answer.code(), "bad_request");
    }
    let unknown = portico_wire::encoding::Base64(vec![1; 32]);
    assert_eq!(amina.patch(&unknown, 0, pack.bytes.clone()).await.code(), "upload_gone");
    assert_eq!(amina.head(&opened.capability).await.stands(), (204, 0, "?0"));
}

// R52: over a real socket: a connection that is cut leaves every whole chunk that had come.
#[tokio::test]
async fn cut_connection_keeps_every_whole_chunk() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[300_000]);
    let opened = amina.opened(&amina.open(&pack).await);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let app = world.app.clone();
    let served = tokio::spawn(async move { app.serve(listener, std::future::pending()).await });
    let head = format!(
        "PATCH /v1/uploads HTTP/1.1\r\nhost: x\r\nportico-upload: {}\r\nupload-offset: 0\r\nupload-complete: ?1\r\n\
         content-type: application/partial-upload\r\ncontent-length: {}\r\n\r\n",
        opened.capability,
        pack.len()
    );

    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&pack.bytes[..2 * CHUNK + 777]).await.unwrap();
    drop(stream);

    let kept = async {
        while amina.head(&opened.capability).await.number("upload-offset") < 2 * CHUNK as u64 {
            tokio::task::yield_now().await;
        }
    };
    // The machine's own time: nothing here can be told to go on.
    tokio::time::timeout(std::time::Duration::from_secs(20), kept).await.expect("what had come is kept");
    world.app.uploads().settled().await;
    served.abort();
    assert_eq!(amina.head(&opened.capability).await.stands(), (204, 2 * CHUNK as u64, "?0"));
    let rest = pack.from(2 * CHUNK as u64);
    assert_eq!(amina.patch(&opened.capability, 2 * CHUNK as u64, rest).await.status, 200);
}
