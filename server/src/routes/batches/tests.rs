//! What a manifest is answered, and what ends a batch besides its last byte.

use http::Method;
use portico_wire::encoding::Base64;
use portico_wire::ids::Epoch;
use portico_wire::limits::MANIFEST_JSON_BYTES_MAX;
use portico_wire::message::{Accepted, WithdrawAnswer};
use portico_wire::upload::{BatchStanding, Seal};

use crate::testing::{Pack, World, call_raw};

const CHUNK: usize = 65_552;

// R11, R12, R13: refused before a byte of content, as a whole, with both numbers, for good.
#[tokio::test]
async fn batch_over_a_limit_is_refused_before_its_bytes() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let mut large = Pack::of(&amina, &world, claim, &[1, 1]);
    large.open.files[0].size_bytes = 104_857_600;
    let mut endless = Pack::of(&amina, &world, claim, &[1, 1]);
    endless.open.files[1].size_bytes = u64::MAX;
    let table = [
        (endless, "batch_too_large!", Some((104_857_600, i64::MAX.unsigned_abs()))),
        (Pack::of(&amina, &world, claim, &[1; 131]), "batch_too_many_files!", Some((130, 131))),
        (large, "batch_too_large!", Some((104_857_600, 104_857_601))),
        (Pack::of(&amina, &world, claim, &[]), "batch_empty!", None),
    ];
    for (mut pack, code, numbers) in table {
        let refused = amina.open(&pack).await;

        assert_eq!(
            (refused.code().as_str(), refused.problem().limit.zip(refused.problem().measured)),
            (code, numbers)
        );
        assert_eq!(amina.open(&pack).await.body, refused.body);
        assert!(matches!(amina.standing(pack.key).await, BatchStanding::Refused { .. }));
        pack.open.body.push('x');
        assert_eq!(amina.open(&pack).await.code(), "send_key_reused!");
    }
    assert_eq!(world.segments(), 0);
}

// R11, R12: the very numbers pass.
#[tokio::test]
async fn batch_of_exactly_the_limits_is_opened() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let mut pack = Pack::of(&amina, &world, claim, &[0; 130]);
    pack.open.files[0].size_bytes = 104_857_600;

    let opened = amina.opened(&amina.open(&pack).await);

    assert_eq!((opened.offset_bytes, opened.length_bytes), (0, 104_857_600 + 1_600 * 16));
    assert_eq!(opened.expires_at_ms, world.app.now_ms() + 7 * 24 * 60 * 60 * 1000);
}

// R4, R38
#[tokio::test]
async fn texts_and_names_that_can_not_be_kept_are_refused() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let mut nul = Pack::of(&amina, &world, claim, &[1]);
    nul.open.body = "a\0".to_owned();
    let mut long = Pack::of(&amina, &world, claim, &[1, 1]);
    long.open.files[1].name = "x".repeat(1_025);
    let mut lone = Pack::of(&amina, &world, claim, &[1]);
    lone.open.body = "BODY".to_owned();
    let json = serde_json::to_string(&lone.open).unwrap().replace("BODY", r"\ud83d");

    let path = format!("/v1/batches/{}", lone.key);
    let put = |bytes| call_raw(&amina.router, Method::PUT, &path, Some(&amina.token), bytes);

    assert_eq!(amina.open(&nul).await.code(), "body_has_nul!");
    let refused = amina.open(&long).await;
    assert_eq!((refused.code().as_str(), refused.problem().file), ("file_name_too_long!", Some(1)));
    assert_eq!(put(json.into_bytes()).await.code(), "body_not_unicode!");
    assert_eq!(put(vec![b' '; MANIFEST_JSON_BYTES_MAX + 1]).await.code(), "payload_too_large");
    assert_eq!(put(b"{".to_vec()).await.code(), "bad_request");
    amina.carry(&lone).await;
}

#[tokio::test]
async fn malformed_seal_and_stale_epoch_decide_nothing() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let mut pack = Pack::of(&amina, &world, claim, &[1, 2]);
    let good = pack.open.clone();
    let seal = |length, slots| Seal::Sealed { batch_key: Base64(vec![7; length]), slots };
    for seal in [seal(31, None), seal(32, Some(vec![1, 1])), seal(32, Some(vec![0])), seal(32, Some(vec![]))]
    {
        pack.open.seal = seal;
        assert_eq!(amina.open(&pack).await.code(), "bad_request");
    }
    pack.open.epoch = Epoch::from_bytes([9; 16]);
    assert_eq!(amina.open(&pack).await.code(), "stale_epoch");
    pack.open = good;
    amina.carry(&pack).await;
}

// R17
#[tokio::test]
async fn batch_into_a_denied_conversation_answers_like_into_an_absent_one() {
    let world = World::new().await;
    let jonas = world.phone("jonas").await;
    let absent = portico_wire::ids::ConversationId::from_bytes([7; 16]);

    let denied = jonas.open(&Pack::of(&jonas, &world, world.conversation("estate"), &[1])).await;
    let nothing = jonas.open(&Pack::of(&jonas, &world, absent, &[1])).await;

    assert_eq!(denied.code(), "conversation_not_found!");
    assert_eq!((denied.status, denied.headers, denied.body), (nothing.status, nothing.headers, nothing.body));
}

// R52: packing again means the same; what had come under the old key is dropped.
#[tokio::test]
async fn batch_packed_again_begins_at_zero_under_its_key() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let files = vec![("a".to_owned(), crate::testing::content(1, 100_000))];
    let mut pack = Pack::of_files(&amina, &world, claim, &files);
    let opened = amina.opened(&amina.open(&pack).await);
    amina.patch(&opened.capability, 0, pack.bytes[..CHUNK].to_vec()).await;
    pack.seal_under([8; 32], &files);

    let again = amina.opened(&amina.open(&pack).await);

    assert_eq!((again.offset_bytes, world.segments()), (0, 0));
    assert_eq!(amina.head(&opened.capability).await.status, 410);
    assert_eq!(amina.patch(&again.capability, 0, pack.bytes.clone()).await.status, 200);
}

#[tokio::test]
async fn open_key_with_another_meaning_is_reused_and_goes_on() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[100_000]);
    let opened = amina.opened(&amina.open(&pack).await);
    let mut other = Pack::of(&amina, &world, claim, &[100_000]);
    (other.key, other.open.body) = (pack.key, "another".to_owned());

    assert_eq!(amina.open(&other).await.code(), "send_key_reused!");

    assert_eq!(amina.patch(&opened.capability, 0, pack.bytes.clone()).await.status, 200);
}

// R51
#[tokio::test]
async fn withdrawal_ends_an_open_batch_for_ever() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[100_000]);
    let opened = amina.opened(&amina.open(&pack).await);
    amina.patch(&opened.capability, 0, pack.bytes[..CHUNK].to_vec()).await;

    let answer: WithdrawAnswer = amina.withdraw(&world, pack.key).await.json();

    assert_eq!(answer, WithdrawAnswer::Withdrawn { epoch: world.app.epoch() });
    assert_eq!(world.segments(), 0);
    assert_eq!(
        amina.patch(&opened.capability, CHUNK as u64, pack.from(CHUNK as u64)).await.code(),
        "upload_gone"
    );
    assert_eq!(amina.open(&pack).await.code(), "withdrawn!");
    assert!(matches!(amina.standing(pack.key).await, BatchStanding::Withdrawn { .. }));
}

// R21, R37: authority is asked again at the last byte.
#[tokio::test]
async fn conversation_archived_meanwhile_refuses_the_batch_and_keeps_no_file() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let (firm, mara) = (world.firm.firm_id, world.firm.people["mara"].person_id);
    let pack = Pack::of(&amina, &world, claim, &[100_000]);
    let opened = amina.opened(&amina.open(&pack).await);
    world.app.store().archive(firm, claim, mara).await.unwrap();
    let before = world.app.store().read_log(claim).await.unwrap();

    let refused = amina.patch(&opened.capability, 0, pack.bytes.clone()).await;
    world.app.store().unarchive(firm, claim, mara).await.unwrap();

    assert_eq!(refused.code(), "conversation_archived!");
    assert_eq!((amina.open(&pack).await.code().as_str(), world.segments()), ("conversation_archived!", 0));
    assert_eq!(amina.head(&opened.capability).await.status, 403);
    assert_eq!(world.app.store().read_log(claim).await.unwrap()[..before.len()], before);
    assert!(world.app.store().read_log(claim).await.unwrap().iter().all(|entry| entry.files.is_empty()));
}

// R55, R52: a capability dies with its device; another session of the same person goes on from the offset.
#[tokio::test]
async fn signed_out_device_uploads_no_more_and_another_takes_over() {
    let world = World::new().await;
    let (mut phone, tablet) = (world.phone("amina").await, world.phone("amina").await);
    let pack = Pack::of(&phone, &world, world.conversation("claim"), &[100_000]);
    let opened = phone.opened(&phone.open(&pack).await);
    phone.patch(&opened.capability, 0, pack.bytes[..CHUNK].to_vec()).await;

    tablet.delete(&format!("/v1/devices/{}", phone.device)).await;

    assert_eq!(
        phone.patch(&opened.capability, CHUNK as u64, pack.from(CHUNK as u64)).await.code(),
        "upload_gone"
    );
    world.clock.advance_ms(1);
    phone.sign_in(&world, "amina@clients.example").await;
    assert_eq!(phone.head(&opened.capability).await.status, 410);
    let taken = tablet.opened(&tablet.open(&pack).await);
    assert_eq!(taken.offset_bytes, CHUNK as u64);
    tablet.patch(&taken.capability, CHUNK as u64, pack.from(CHUNK as u64)).await.json::<Accepted>();
}

// R43
#[tokio::test]
async fn ended_membership_ends_the_capability() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let [mara, amina_id] = ["mara", "amina"].map(|short| world.firm.people[short].person_id);
    let pack = Pack::of(&amina, &world, claim, &[100_000]);
    let opened = amina.opened(&amina.open(&pack).await);

    world.app.store().end_membership(world.firm.firm_id, amina_id, mara).await.unwrap();

    assert_eq!(amina.patch(&opened.capability, 0, pack.bytes.clone()).await.code(), "upload_gone");
    assert_eq!(amina.open(&pack).await.code(), "account_closed!");
    assert_eq!(world.segments(), 0);
}

// R51: one person's keys say nothing of another's.
#[tokio::test]
async fn batch_of_somebody_else_is_unknown() {
    let world = World::new().await;
    let (amina, mara) = (world.phone("amina").await, world.phone("mara").await);
    let pack = Pack::of(&amina, &world, world.conversation("claim"), &[1]);
    amina.opened(&amina.open(&pack).await);

    assert!(matches!(mara.standing(pack.key).await, BatchStanding::Unknown { .. }));
    assert_eq!(mara.carry(&pack).await.entry.files.len(), 1);
    assert!(matches!(amina.standing(pack.key).await, BatchStanding::Open { .. }));
}

// R37, R52: a browser sends the files as they are; the server seals them, and states plain offsets.
#[tokio::test]
async fn plain_batch_is_sealed_by_the_server_and_resumes_too() {
    let world = World::new().await;
    let (mut amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let secret = b"privileged ".repeat(20_000);
    let files =
        [("a".to_owned(), secret.clone()), ("b".to_owned(), Vec::new()), ("c".to_owned(), b"end".to_vec())];
    let mut pack = Pack::of_files(&amina, &world, claim, &files);
    pack.plain(&files);
    let opened = amina.opened(&amina.open(&pack).await);
    assert_eq!(opened.length_bytes, 220_003);

    let cut = amina.patch(&opened.capability, 0, pack.bytes[..150_000].to_vec()).await;
    let segment = |world: &World| {
        let mut segments = std::fs::read_dir(world.config().blobs()).unwrap();
        let only = segments.next().unwrap().unwrap().path();
        assert!(segments.next().is_none());
        std::fs::read(only).unwrap()
    };
    let before = segment(&world);
    amina.hang_up();
    let world = world.restart();
    amina.router = world.app.router();
    let again = amina.opened(&amina.open(&pack).await);
    let accepted: Accepted = amina.patch(&again.capability, 131_072, pack.from(131_072)).await.json();

    assert_eq!((cut.stands(), again.offset_bytes), ((204, 131_072, "?0"), 131_072));
    assert_eq!(before.len(), 2 * CHUNK, "what a crash may have taken is sealed under another key");
    assert!(segment(&world)[..CHUNK] != before[..CHUNK]);
    let types: Vec<&str> = accepted.entry.files.iter().map(|file| file.media_type.as_str()).collect();
    assert_eq!(types, ["text/plain", "application/octet-stream", "text/plain"]);
    for (file, (_, content)) in accepted.entry.files.iter().zip(&files) {
        assert!(amina.attachment(file.attachment_id).await.body == *content);
    }
    assert!(!segment(&world).windows(11).any(|window| window == b"privileged "));
    assert_eq!(world.app.verify().await.unwrap().faults, []);
}

// R52: another form of the same files is another pack.
#[tokio::test]
async fn batch_sealed_by_the_phone_begins_again_when_it_comes_plain() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let files = [("a".to_owned(), crate::testing::content(1, 100_000))];
    let mut pack = Pack::of_files(&amina, &world, claim, &files);
    let opened = amina.opened(&amina.open(&pack).await);
    amina.patch(&opened.capability, 0, pack.bytes[..CHUNK].to_vec()).await;
    pack.plain(&files);

    let again = amina.opened(&amina.open(&pack).await);

    assert_eq!((again.offset_bytes, again.length_bytes), (0, 100_000));
    let mut wrong = pack.bytes.clone();
    wrong[0] ^= 1;
    assert_eq!(amina.patch(&again.capability, 0, wrong).await.code(), "file_damaged!");
    assert_eq!(world.segments(), 0);
}

// R51: no room is no refusal: nothing is kept, neither before the bytes nor when they come.
#[tokio::test]
async fn disk_without_room_turns_uploads_away_until_there_is_some() {
    let world = World::new().await;
    let (mut amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let (pack, later) =
        (Pack::of(&amina, &world, claim, &[100_000]), Pack::of(&amina, &world, claim, &[100_000]));
    let opened = amina.opened(&amina.open(&pack).await);
    amina.hang_up();
    let world = world.restart_with(|config| config.disk_reserve_bytes = u64::MAX);
    amina.router = world.app.router();

    let (before, meanwhile) =
        (amina.open(&later).await, amina.patch(&opened.capability, 0, pack.bytes.clone()).await);

    assert_eq!((before.status.as_u16(), before.code().as_str()), (507, "disk_full"));
    assert_eq!((meanwhile.status.as_u16(), meanwhile.code().as_str()), (507, "disk_full"));
    assert!(matches!(amina.standing(later.key).await, BatchStanding::Unknown { .. }));
    amina.hang_up();
    let world = world.restart();
    amina.router = world.app.router();
    amina.patch(&opened.capability, 0, pack.bytes.clone()).await.json::<Accepted>();
    amina.carry(&later).await;
}

// R16, R41: who may not know of a conversation any more brings no bytes to it, and the batch is refused as absent.
#[tokio::test]
async fn lost_access_ends_the_capability() {
    let world = World::new().await;
    let (jonas, direct) = (world.phone("jonas").await, world.conversation("direct"));
    let [mara, jonas_id] = ["mara", "jonas"].map(|short| world.firm.people[short].person_id);
    let pack = Pack::of(&jonas, &world, direct, &[100_000]);
    let opened = jonas.opened(&jonas.open(&pack).await);
    jonas.patch(&opened.capability, 0, pack.bytes[..CHUNK].to_vec()).await;

    world.app.store().remove_participant(world.firm.firm_id, direct, jonas_id, mara).await.unwrap();

    assert_eq!(jonas.head(&opened.capability).await.status, 410);
    let rest = jonas.patch(&opened.capability, CHUNK as u64, pack.from(CHUNK as u64)).await;
    assert_eq!(rest.code(), "upload_gone");
    assert_eq!(jonas.open(&pack).await.code(), "conversation_not_found!");
    assert_eq!(world.segments(), 0);
}

// R52: a clock that is set back makes no capability older than the sign-in, which would kill it.
#[tokio::test]
async fn clock_set_back_leaves_a_new_capability_good() {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let pack = Pack::of(&amina, &world, claim, &[10]);
    world.clock.advance_ms(-60_000);

    let first = amina.opened(&amina.open(&pack).await);
    assert_eq!(amina.head(&first.capability).await.status, 204);
    let second = amina.opened(&amina.open(&pack).await);

    assert_eq!(amina.patch(&second.capability, 0, pack.bytes.clone()).await.status, 200);
}
