//! Batches of files: whole or not at all, byte for byte, from where the server stands, through anything.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::collections::VecDeque;
use std::io::Write as _;

use portico_core::error::PortalError;
use portico_core::outbox::entry::SendState;
use portico_core::upload::source::{PickFault, PickSource};
use portico_tests::draws::content;
use portico_tests::faults::{Fate, Weather};
use portico_tests::phone::TestPhone;
use portico_tests::tally::{Sent, Tally};
use portico_tests::world::World;
use portico_wire::ids::{ConversationId, SendKey};
use portico_wire::refusal::{Refusal, RefusalCode};

fn batch() -> Vec<Vec<u8>> {
    let sizes = [0, 1, 65_535, 65_536, 65_537, 300_000, 0, 131_072];
    (0..).zip(sizes).map(|(seed, size)| content(seed, size)).collect()
}

fn bytes_of(files: Vec<(String, Vec<u8>)>) -> Vec<Vec<u8>> {
    files.into_iter().map(|(_, bytes)| bytes).collect()
}

/// The scripted fates of the bytes of batches.
fn line(fates: impl IntoIterator<Item = Fate>) -> Weather {
    Weather::Scripted("/v1/uploads", VecDeque::from_iter(fates))
}

fn state(phone: &TestPhone, key: SendKey) -> SendState {
    phone.portal().entry_state(key).unwrap()
}

/// How many messages with files the log has.
async fn batches_in_log(world: &World, conversation: ConversationId) -> usize {
    world.log(conversation).await.iter().filter(|entry| !entry.files.is_empty()).count()
}

// R1, R37, R52
#[tokio::test]
async fn batch_arrives_whole_and_every_file_byte_for_byte() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (amina, mara) = (world.phone("amina").await, world.phone("mara").await);
    let files = batch();

    let before = amina.network.requests();
    let key = amina.send_files(claim, "the papers", &files).await;
    amina.portal().catch_up().await.unwrap();

    assert_eq!(state(&amina, key), SendState::Accepted);
    // The manifest, the bytes, and one look for what is new.
    assert_eq!(amina.network.requests() - before, 3);
    let progress = amina.portal().upload_progress(key).unwrap();
    assert_eq!((progress.held_bytes, progress.files_held), (progress.size_bytes, 8));
    mara.portal().catch_up().await.unwrap();
    assert_eq!(mara.texts(claim).last().unwrap(), "the papers");
    assert_eq!(bytes_of(mara.newest_files(claim).await), files);
}

// R37, R51, R52: cut anywhere, an upload goes on where the server stands, and never goes backwards.
#[tokio::test]
async fn cut_upload_goes_on_at_the_byte_where_the_server_stands() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let amina = world.phone("amina").await;
    let files = batch();
    let cuts = [0, 1, 65_551, 65_552, 65_553, 131_104, 200_000, 17];
    amina.network.set(line(cuts.map(Fate::Cut)));

    let key = amina.send_files(claim, "", &files).await;
    let mut last = 0;
    while state(&amina, key) != SendState::Accepted {
        assert_eq!(batches_in_log(&world, claim).await, 0, "nothing is seen of half a batch");
        amina.portal().became_active().unwrap();
        amina.portal().catch_up().await.unwrap();
        let held = amina.portal().upload_progress(key).unwrap().held_bytes;
        assert!(held >= last, "{held} after {last}");
        last = held;
    }

    assert_eq!(batches_in_log(&world, claim).await, 1);
    assert_eq!(bytes_of(amina.newest_files(claim).await), files);
}

// R37, R51, R52: at every chunk's edge, beside it, and at 200 places drawn: nothing lost, nothing doubled, nothing sent
// again but what lies behind the last whole chunk.
#[tokio::test]
async fn cut_at_every_place_costs_no_more_than_the_chunk_it_hit() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let amina = world.phone("amina").await;
    let sizes = [65_536, 100, 140_000, 0, 65_537];
    let files: Vec<Vec<u8>> = (0..).zip(sizes).map(|(seed, size)| content(seed, size)).collect();
    let edges = edges(&sizes);
    let length = *edges.last().unwrap();
    let beside = edges.iter().flat_map(|edge| [edge.saturating_sub(1), *edge, edge + 1]);
    let cuts: Vec<u64> =
        beside.filter(|cut| *cut < length).chain((0..200).map(|_| world.dice.below(length))).collect();

    for (number, cut) in cuts.iter().enumerate() {
        drop(amina.network.appends());
        amina.network.set(line([Fate::Cut(*cut)]));
        let key = amina.send_files(claim, &format!("{number}"), &files).await;
        amina.portal().catch_up().await.unwrap();
        amina.portal().became_active().unwrap();
        amina.portal().catch_up().await.unwrap();

        let whole = edges.iter().rev().find(|edge| *edge <= cut).copied().unwrap();
        assert_eq!(amina.network.appends(), [0, whole], "cut at {cut}");
        assert_eq!(state(&amina, key), SendState::Accepted, "cut at {cut}");
    }

    let texts: Vec<String> = (0..cuts.len()).map(|number| number.to_string()).collect();
    assert_eq!(world.texts(claim).await, texts);
    assert_eq!(world.app().verify().await.unwrap().faults.len(), 0);
    let sent: Vec<Sent> = texts.iter().map(|text| Sent::of(text, &files)).collect();
    Tally::of(&sent, &world.log(claim).await).close("line is cut within the bytes", cuts.len());
}

/// Where the chunks of a pack of files of these sizes end, from 0 on.
fn edges(sizes: &[usize]) -> Vec<u64> {
    let mut edges = vec![0];
    for size in sizes {
        for chunk in vec![0_u8; *size].chunks(65_536) {
            edges.push(edges.last().unwrap() + chunk.len() as u64 + 16);
        }
    }
    edges
}

// R51, R52
#[tokio::test]
async fn phone_and_server_that_die_within_the_bytes_lose_and_double_nothing() {
    let fates = [Fate::PhoneDiesBefore, Fate::PhoneDiesAfter, Fate::ServerDies, Fate::AnswerLost];
    let mut tally = Tally::nothing();
    for fate in fates {
        let world = World::new().await;
        let claim = world.conversation("claim");
        let mut amina = world.phone("amina").await;
        let files = batch();
        let key = amina.send_files(claim, "once", &files).await;
        amina.network.set(line([fate]));

        amina.catch_up_or_die().await;
        if amina.network.takes_server_down() {
            world.start_server();
        }
        amina.come_to_rest(&world).await;

        assert_eq!(state(&amina, key), SendState::Accepted, "{fate:?}");
        assert_eq!(bytes_of(amina.newest_files(claim).await), files, "{fate:?}");
        tally = tally.and(Tally::of(&[Sent::of("once", &files)], &world.log(claim).await));
    }
    tally.close("phone or server dies within the bytes", fates.len());
}

// R1, R52
#[tokio::test]
async fn byte_that_flips_on_the_line_is_sent_again() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let amina = world.phone("amina").await;
    let files = batch();
    amina.network.set(line([Fate::Flipped(70_000), Fate::Flipped(100_000)]));

    let key = amina.send_files(claim, "", &files).await;
    amina.portal().catch_up().await.unwrap();

    assert_eq!(state(&amina, key), SendState::Accepted);
    assert_eq!(bytes_of(amina.newest_files(claim).await), files);
}

// R13: what no attempt can mend is told, with its place, and holds nobody up.
#[tokio::test]
async fn damaged_pack_is_refused_naming_the_file() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let amina = world.phone("amina").await;
    let key = amina.send_files(claim, "", &[content(1, 100_000), content(2, 100_000)]).await;
    let pack = packs(&amina).pop().unwrap();
    let mut bytes = std::fs::read(&pack).unwrap();
    bytes[150_000] ^= 1;
    std::fs::write(&pack, bytes).unwrap();

    amina.portal().catch_up().await.unwrap();

    let damaged = Refusal::of(RefusalCode::FileDamaged).of_file(1);
    assert_eq!(state(&amina, key), SendState::Refused(damaged.clone()));
    assert_eq!(batches_in_log(&world, claim).await, 0);
    assert_eq!(amina.portal().send_files_again(key).await, Err(PortalError::Refused { refusal: damaged }));
    amina.portal().discard(key).unwrap();
    assert_eq!(packs(&amina), Vec::<std::path::PathBuf>::new());
}

fn packs(phone: &TestPhone) -> Vec<std::path::PathBuf> {
    phone.files_in("packs")
}

// R38
#[tokio::test]
async fn hostile_sources_are_told_apart_and_leave_nothing() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let amina = world.phone("amina").await;
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pick = async |source| amina.portal().pick(claim, source, None).await;
    let unreadable = |why| Err(PortalError::FileUnreadable { why });

    assert_eq!(pick(PickSource::Path(folder.path().join("none"))).await, unreadable(PickFault::Missing));
    assert_eq!(pick(PickSource::Path(folder.path().to_owned())).await, unreadable(PickFault::NotAFile));
    assert_eq!(pick(PickSource::Path(pipe)).await, unreadable(PickFault::NotAFile));
    // It says that it is empty, and is not.
    assert_eq!(pick(PickSource::Path("/proc/self/status".into())).await, unreadable(PickFault::Changed));
    let open_folder = std::fs::File::open(folder.path()).unwrap();
    assert_eq!(pick(PickSource::Open(open_folder)).await, unreadable(PickFault::NotAFile));

    assert_eq!(amina.portal().timeline(claim, None, 1).unwrap().picked, Vec::new());
    assert_eq!(packs(&amina), Vec::<std::path::PathBuf>::new());
    assert_eq!(
        amina.portal().send_files(claim, "x").await,
        Err(PortalError::Refused { refusal: Refusal::of(RefusalCode::BatchEmpty) })
    );
}

// R1, R51: a cloud's file that never comes holds up nobody but its own pick, and giving it up is heard.
#[tokio::test]
async fn provider_that_never_ends_holds_up_only_its_own_pick() {
    let world = World::new().await;
    let (claim, other) = (world.conversation("claim"), world.conversation("notes"));
    let mara = world.phone("mara").await;
    let portal = mara.portal();
    let (reader, mut provider) = std::io::pipe().unwrap();
    provider.write_all(b"the beginning").unwrap();
    let empty = || PickSource::Open(tempfile::tempfile().unwrap());
    let first = portal.pick(claim, empty(), Some("taken out".to_owned())).await.unwrap();

    let pending = std::fs::File::from(std::os::fd::OwnedFd::from(reader));
    let mut stuck = Box::pin(portal.pick(claim, PickSource::Open(pending), None));
    let meanwhile = async {
        portal.pick(other, empty(), None).await.unwrap();
        portal.take_out(claim, first.slot).unwrap();
        portal.send_files(other, "").await.unwrap()
    };
    let key = tokio::select! {
        biased;
        picked = &mut stuck => panic!("{picked:?}"),
        key = meanwhile => key,
    };
    drop(stuck);
    portal.pick(claim, empty(), Some("the next".to_owned())).await.unwrap();

    assert_eq!(state(&mara, key), SendState::Queued);
    let picked = portal.timeline(claim, None, 1).unwrap().picked;
    assert_eq!(picked.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["the next"]);
    drop(provider);
}

// R38: a name is shown as it is; what a file is, its bytes say.
#[tokio::test]
async fn names_are_kept_and_types_are_told_by_bytes() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (amina, mara) = (world.phone("amina").await, world.phone("mara").await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("\u{1F469}\u{200D}\u{2695}\u{FE0F} Befund.exe");
    std::fs::write(&path, b"%PDF-1.7\n...").unwrap();

    let picked = amina.portal().pick(claim, PickSource::Path(path), None).await.unwrap();
    let nameless = PickSource::Open(tempfile::tempfile().unwrap());
    amina.portal().pick(claim, nameless, None).await.unwrap();
    let hostile = PickSource::Open(tempfile::tempfile().unwrap());
    amina.portal().pick(claim, hostile, Some("../../\u{202E}gpj.sh".to_owned())).await.unwrap();
    amina.portal().send_files(claim, "").await.unwrap();
    amina.portal().catch_up().await.unwrap();
    mara.portal().catch_up().await.unwrap();

    assert_eq!(picked.media_type, "application/pdf");
    let names: Vec<String> = mara.newest_files(claim).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["\u{1F469}\u{200D}\u{2695}\u{FE0F} Befund.exe", "", "../../\u{202E}gpj.sh"]);
    let log = world.log(claim).await;
    assert_eq!(log.last().unwrap().files[0].media_type, "application/pdf");
}

// R11, R12, R13
#[tokio::test]
async fn limits_are_told_with_numbers_before_anything_is_queued() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let amina = world.phone("amina").await;
    let refused =
        |code, limit, measured| Err(PortalError::Refused { refusal: Refusal::over(code, limit, measured) });
    let whole = tempfile::tempfile().unwrap();
    whole.set_len(104_857_600).unwrap();
    let one = || {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"x").unwrap();
        file
    };

    let one_more = one();
    let first = amina.portal().pick(claim, PickSource::Open(whole), None).await.unwrap();
    assert_eq!(
        amina.portal().pick(claim, PickSource::Path(one_more.path().to_owned()), None).await,
        refused(RefusalCode::BatchTooLarge, 104_857_600, 104_857_601)
    );
    amina.portal().take_out(claim, first.slot).unwrap();
    for _ in 0..130 {
        let empty = PickSource::Open(tempfile::tempfile().unwrap());
        amina.portal().pick(claim, empty, None).await.unwrap();
    }
    let empty = PickSource::Open(tempfile::tempfile().unwrap());
    assert_eq!(
        amina.portal().pick(claim, empty, None).await,
        refused(RefusalCode::BatchTooManyFiles, 130, 131)
    );
    let key = amina.portal().send_files(claim, "130 empty ones").await.unwrap();
    amina.portal().catch_up().await.unwrap();

    assert_eq!(state(&amina, key), SendState::Accepted);
    assert_eq!(world.log(claim).await.last().unwrap().files.len(), 130);
}

// R2: a file taken out again, and what becomes of the original, change nothing of what is sent.
#[tokio::test]
async fn copy_is_taken_when_it_is_picked() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (mut amina, folder) = (world.phone("amina").await, tempfile::tempdir().unwrap());
    let paths = ["a", "b", "c"].map(|name| folder.path().join(name));
    let mut slots = Vec::new();
    for (seed, path) in (0..).zip(&paths) {
        std::fs::write(path, content(seed, 90_000)).unwrap();
        slots.push(amina.portal().pick(claim, PickSource::Path(path.clone()), None).await.unwrap().slot);
    }

    std::fs::write(&paths[0], b"edited").unwrap();
    std::fs::remove_file(&paths[2]).unwrap();
    amina.portal().take_out(claim, slots[1]).unwrap();
    // The app dies between picking and sending.
    amina.start();
    let picked = amina.portal().timeline(claim, None, 1).unwrap().picked;
    assert_eq!(picked.iter().map(|file| file.slot).collect::<Vec<_>>(), [slots[0], slots[2]]);
    amina.portal().send_files(claim, "").await.unwrap();
    amina.portal().catch_up().await.unwrap();

    assert_eq!(bytes_of(amina.newest_files(claim).await), [content(0, 90_000), content(2, 90_000)]);
}

// R40: nobody's "I am late" waits for 100 MB.
#[tokio::test]
async fn text_passes_a_batch_after_ten_connected_seconds() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let amina = world.phone("amina").await;
    let key = amina.send_files(claim, "many photos", &batch()).await;
    amina.portal().send(claim, "I am late").unwrap();
    amina.network.set(line([Fate::Hangs(70_000)]));
    let sending = tokio::spawn({
        let portal = amina.portal().clone();
        async move { portal.catch_up().await }
    });
    // The manifest, and the bytes.
    while amina.network.requests() < 2 {
        tokio::task::yield_now().await;
    }
    world.clock.advance(9_999);
    assert_eq!(world.texts(claim).await, Vec::<String>::new());

    while world.texts(claim).await.is_empty() {
        world.clock.advance(1);
        tokio::task::yield_now().await;
    }

    assert_eq!(world.texts(claim).await, ["I am late"]);
    let shown = amina.outbox();
    assert_eq!(shown.last().unwrap().send_key, key, "its echo stands behind");
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
}

// R52
#[tokio::test]
async fn paused_batch_sends_nothing_and_goes_on_where_it_stood() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    let files = batch();
    amina.network.set(line([Fate::Cut(150_000)]));
    let key = amina.send_files(claim, "", &files).await;
    amina.portal().catch_up().await.unwrap();

    amina.portal().pause(key).unwrap();
    amina.start();
    amina.portal().became_active().unwrap();
    let before = amina.network.requests();
    amina.portal().catch_up().await.unwrap();
    // What is new, and what one send may hold.
    assert_eq!((state(&amina, key), amina.network.requests() - before), (SendState::Paused, 2));
    assert_eq!(amina.network.appends(), [0]);
    amina.portal().resume(key).unwrap();
    amina.portal().catch_up().await.unwrap();

    assert_eq!(state(&amina, key), SendState::Accepted);
    assert_eq!(bytes_of(amina.newest_files(claim).await), files);
}

// R51
#[tokio::test]
async fn batch_that_is_taken_back_half_way_is_never_seen() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let amina = world.phone("amina").await;
    amina.network.set(line([Fate::Cut(150_000)]));
    let key = amina.send_files(claim, "no, wait", &batch()).await;
    amina.portal().catch_up().await.unwrap();

    amina.portal().discard(key).unwrap();
    amina.portal().catch_up().await.unwrap();

    assert_eq!(state(&amina, key), SendState::Withdrawn);
    assert_eq!(batches_in_log(&world, claim).await, 0);
    let again = amina.portal().send_files_again(key).await.unwrap();
    amina.portal().catch_up().await.unwrap();
    assert_eq!(state(&amina, again), SendState::Accepted);
    assert_eq!(bytes_of(amina.newest_files(claim).await), batch());
}

// R51: the phone keeps the pack until every backup that may be restored has it.
#[tokio::test]
async fn restored_server_gets_the_batch_again() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    world.back_up("older");
    let key = amina.send_files(claim, "kept", &batch()).await;
    amina.portal().catch_up().await.unwrap();
    amina.portal().send(claim, "and after it").unwrap();
    amina.portal().catch_up().await.unwrap();

    world.restore("older").unwrap();
    assert_eq!(batches_in_log(&world, claim).await, 0);
    amina.come_to_rest(&world).await;

    assert_eq!(state(&amina, key), SendState::Accepted);
    assert_eq!(world.texts(claim).await, ["kept", "and after it"]);
    assert_eq!(bytes_of(amina.newest_files(claim).await), batch());
}
