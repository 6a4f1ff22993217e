//! What a restore must not lose, double, resurrect or let back in.

use portico_wire::conversation::ConversationKind;
use portico_wire::message::{Accepted, SendMessage, WithdrawAnswer};

use super::*;
use crate::state::App;
use crate::store::NewConversation;
use crate::testing::{Pack, Phone, World, content};

/// The phone signs in again and offers what it holds, as after a restore.
async fn return_of(phone: &mut Phone, world: &World, email: &str) {
    phone.sign_in(world, email).await;
}

fn re_offer(world: &World, message: &SendMessage, accepted: &Accepted) -> SendMessage {
    SendMessage { epoch: world.app.epoch(), receipt: Some(accepted.receipt.clone()), ..message.clone() }
}

const AMINA: &str = "amina@clients.example";

// R51: a restore loses no message whose author's phone still holds it, whatever the conversation has become.
#[tokio::test]
async fn receipt_brings_a_message_back_into_an_archived_conversation() {
    let world = World::new().await;
    let (mut amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let mara = world.firm.people["mara"].person_id;
    world.backup("b1");
    let (key, message) = (amina.key(), amina.message(&world, claim, "the 14th suits me"));
    let accepted: Accepted = amina.offer(key, &message).await.json();
    amina.hang_up();
    let world = world.restore("b1");
    world.app.store().archive(world.firm.firm_id, claim, mara).await.unwrap();
    return_of(&mut amina, &world, AMINA).await;

    let again: Accepted = amina.offer(key, &re_offer(&world, &message, &accepted)).await.json();
    let repeated: Accepted = amina.offer(key, &re_offer(&world, &message, &accepted)).await.json();

    assert_eq!(again, repeated);
    assert_eq!((again.entry.body.as_str(), again.entry.epoch), ("the 14th suits me", world.app.epoch()));
    let ordinary = amina.offer(amina.key(), &amina.message(&world, claim, "x")).await;
    assert_eq!(ordinary.code(), "conversation_archived!");
    assert_eq!(world.app.store().verify().await.unwrap().faults, []);
}

// R51
#[tokio::test]
async fn receipt_of_another_send_brings_nothing_back() {
    let world = World::new().await;
    let (mut amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let mara = world.firm.people["mara"].person_id;
    world.backup("b1");
    let (key, message) = (amina.key(), amina.message(&world, claim, "one"));
    let accepted: Accepted = amina.offer(key, &message).await.json();
    amina.hang_up();
    let world = world.restore("b1");
    world.app.store().archive(world.firm.firm_id, claim, mara).await.unwrap();
    return_of(&mut amina, &world, AMINA).await;

    let mut forged = re_offer(&world, &message, &accepted);
    forged.body = "another".to_owned();

    assert_eq!(amina.offer(amina.key(), &forged).await.code(), "conversation_archived!");
}

// R51
#[tokio::test]
async fn late_copies_of_the_old_epoch_do_nothing() {
    let world = World::new().await;
    let (mut amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    world.backup("b1");
    let (key, message) = (amina.key(), amina.message(&world, claim, "withdrawn"));
    amina.withdraw(&world, key).await.json::<WithdrawAnswer>();
    amina.hang_up();
    let world = world.restore("b1");
    return_of(&mut amina, &world, AMINA).await;
    let before = world.app.store().read_log(claim).await.unwrap();

    let late = amina.offer(key, &message).await;

    assert_eq!((late.code().as_str(), late.problem().epoch), ("stale_epoch", Some(world.app.epoch())));
    assert_eq!(world.app.store().read_log(claim).await.unwrap(), before);
}

// R51
#[tokio::test]
async fn conversation_that_the_backup_lacks_is_waited_for() {
    let world = World::new().await;
    let (firm, mut amina) = (world.firm.firm_id, world.phone("amina").await);
    world.backup("b1");
    let begin = |world: &World, id| NewConversation {
        conversation_id: id,
        kind: ConversationKind::ExternalMatter,
        title: "A new one".to_owned(),
        matter_id: Some(world.firm.matters["harbour"]),
        participants: ["amina", "mara"].map(|short| world.firm.people[short].person_id).to_vec(),
    };
    let fresh = world.app.store().add_conversation(firm, begin(&world, None)).await.unwrap();
    let (key, message) = (amina.key(), amina.message(&world, fresh, "first"));
    let accepted: Accepted = amina.offer(key, &message).await.json();
    amina.hang_up();
    let world = world.restore("b1");
    return_of(&mut amina, &world, AMINA).await;

    let offered = re_offer(&world, &message, &accepted);
    let missing = amina.offer(key, &offered).await;
    world.app.store().add_conversation(firm, begin(&world, Some(fresh))).await.unwrap();

    assert_eq!((missing.status.as_u16(), missing.code().as_str()), (409, "conversation_missing"));
    assert_eq!(amina.offer(key, &offered).await.json::<Accepted>().entry.body, "first");
}

// R51: nothing withdrawn comes back by way of an abandoned branch.
#[tokio::test]
async fn backup_of_an_abandoned_branch_is_refused() {
    let world = World::new().await;
    world.backup("b1");
    world.backup("b2");
    let world = world.restore("b1");

    let (world, refused) = world.try_restore("b2");
    let epoch = world.app.epoch();

    assert!(matches!(refused, Err(BackupError::Refused(RestoreRefused::AbandonedBranch))), "{refused:?}");
    world.backup("b3");
    let world = world.restore("b1");
    let (world, refused) = world.try_restore("b3");
    assert!(matches!(refused, Err(BackupError::Refused(RestoreRefused::AbandonedBranch))));
    assert_ne!(world.app.epoch(), epoch);
}

// R51: the lowest time since the phone's epoch, though a later restore went back less far.
#[tokio::test]
async fn phone_that_slept_through_a_restore_hears_the_lowest_time() {
    let world = World::new().await;
    let (first, taken) = (world.app.epoch(), world.app.now_ms());
    world.backup("b1");
    world.clock.advance_ms(60_000);
    let world = world.restore("b1");
    world.clock.advance_ms(60_000);
    world.backup("b2");
    let world = world.restore("b2");

    let mara = world.phone("mara").await;
    let snapshot: portico_wire::sync::Snapshot =
        mara.get(&format!("/v1/snapshot?epoch={first}")).await.json();

    assert_eq!(snapshot.restored_to_ms, Some(taken));
}

// R51: phones keep what is not in the oldest backup that may still be restored.
#[tokio::test]
async fn oldest_restorable_backup_is_announced_and_older_ones_are_refused() {
    let world = World::new().await;
    let mut taken = Vec::new();
    for number in 0..9 {
        taken.push(world.app.now_ms());
        world.backup(&format!("b{number}"));
        world.clock.advance_ms(1_000);
    }

    let through = world.app.store().backed_up_through_ms().await.unwrap();
    let (world, refused) = world.try_restore("b1");

    assert_eq!(through, Some(taken[2]));
    assert!(matches!(refused, Err(BackupError::Refused(RestoreRefused::Lapsed))), "{refused:?}");
    let world = world.restore("b2");
    assert_eq!(world.app.store().backed_up_through_ms().await.unwrap(), Some(taken[2]));
}

#[tokio::test]
async fn restore_ends_sessions_and_lapses_what_was_due() {
    let world = World::new().await;
    let mut amina = world.phone("amina").await;
    let (begun, _) = world.begin("nobody@clients.example").await;
    let ask = portico_wire::signin::BeginSignIn { email: AMINA.to_owned() };
    amina.post("/v1/sign-in", &ask).await;
    world.backup("b1");
    amina.hang_up();

    let world = world.restore("b1");

    amina.router = world.app.router();
    assert_eq!(amina.get("/v1/devices").await.code(), "access_token_expired");
    assert_eq!(amina.nonce().await.code(), "session_ended");
    assert_eq!(world.app.run_jobs_once().await.unwrap(), crate::JobsRun::default());
    assert!(begun.expires_at_ms > 0);
    return_of(&mut amina, &world, AMINA).await;
    assert_eq!(amina.get("/v1/devices").await.status, 200);
}

#[tokio::test]
async fn missing_keys_damage_and_a_running_server_are_refused() {
    let world = World::new().await;
    world.backup("b1");
    let (config, from) = (world.config(), world.folder.path().join("b1"));

    let running = restore(&config, &from, world.ports());
    let elsewhere = tempfile::tempdir().unwrap();
    let bare = Config::in_folder(elsewhere.path());
    let keyless = restore(&bare, &from, world.ports());
    let mut file = fs::OpenOptions::new().append(true).open(from.join(DATABASE)).unwrap();
    io::Write::write_all(&mut file, b"x").unwrap();
    let damaged = restore(&bare, &from, world.ports());
    let nothing = restore(&bare, elsewhere.path(), world.ports());

    assert!(matches!(running, Err(BackupError::Folder(OpenError::AlreadyRunning(_)))), "{running:?}");
    assert!(matches!(keyless, Err(BackupError::KeysMissing(keys)) if keys.len() == 2));
    assert!(matches!(damaged, Err(BackupError::Damaged(_))));
    assert!(matches!(nothing, Err(BackupError::File(..))));
    assert!(matches!(backup(&config, &from, world.ports()), Err(BackupError::Occupied(_))));
}

#[tokio::test]
async fn backup_goes_into_a_bare_folder_with_its_keys() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    world.backup("b1");
    let log = world.app.store().read_log(claim).await.unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let bare = Config::in_folder(elsewhere.path());
    fs::create_dir_all(bare.keys()).unwrap();
    for key in fs::read_dir(world.config().keys()).unwrap() {
        let key = key.unwrap();
        fs::copy(key.path(), bare.keys().join(key.file_name())).unwrap();
    }

    let restored = restore(&bare, &world.folder.path().join("b1"), world.ports()).unwrap();

    let app = App::open(bare, world.ports().clone()).unwrap();
    assert_eq!((app.epoch(), restored.kept_aside), (restored.epoch, None));
    assert_eq!(app.store().read_log(claim).await.unwrap(), log);
}

// R55: the firm's database under a key of its own; a wrong key says so and changes nothing.
#[tokio::test]
async fn database_under_a_key_opens_backs_up_and_restores_under_it_alone() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (folder.path().join("right"), folder.path().join("wrong"));
    fs::write(&right, "ab".repeat(32)).unwrap();
    fs::write(&wrong, "cd".repeat(32)).unwrap();
    let mut config = Config::in_folder(folder.path().join("data"));
    config.database_key_file = Some(right);
    let app = App::open(config.clone(), world.ports().clone()).unwrap();
    let firm = crate::seed::seed(&app).await.unwrap();
    let to = folder.path().join("b1");
    backup(&config, &to, world.ports()).unwrap();
    drop(app);

    let others = Config { database_key_file: Some(wrong), ..config.clone() };
    let refused = App::open(others, world.ports().clone()).unwrap_err();
    restore(&config, &to, world.ports()).unwrap();

    assert!(matches!(refused, OpenError::Database(OpenDatabaseError::WrongKey(_))), "{refused}");
    let app = App::open(config.clone(), world.ports().clone()).unwrap();
    assert_eq!(app.store().read_log(firm.conversations["claim"]).await.unwrap().len(), 2);
    for file in [config.database(), to.join(DATABASE)] {
        assert!(!fs::read(file).unwrap().starts_with(b"SQLite format 3"));
    }
}

#[tokio::test]
async fn second_server_on_a_folder_is_refused_until_the_first_is_gone() {
    let world = World::new().await;

    let second = App::open(world.config(), world.ports().clone());

    assert!(matches!(second, Err(OpenError::AlreadyRunning(_))));
    let (config, ports) = (world.config(), world.ports().clone());
    let World { app, folder: _kept, .. } = world;
    let epoch = app.epoch();
    drop(app);
    assert_eq!(App::open(config, ports).unwrap().epoch(), epoch);
}

// R51: a backup holds the files of its messages; what came after it stands beside, and open batches begin again.
#[tokio::test]
async fn files_come_back_with_their_messages() {
    let world = World::new().await;
    let (mut amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let kept = amina.carry(&Pack::of(&amina, &world, claim, &[70_000, 0, 5])).await.entry;
    let mut open = Pack::of(&amina, &world, claim, &[100_000]);
    let opened = amina.opened(&amina.open(&open).await);
    amina.patch(&opened.capability, 0, open.bytes[..65_552].to_vec()).await;
    world.backup("b1");
    let late = Pack::of(&amina, &world, claim, &[9]);
    let lost = amina.carry(&late).await;
    fs::remove_file(Segments::at(world.config().blobs()).path(segment_of(&world, "b1"))).unwrap();
    amina.hang_up();

    let world = world.restore("b1");
    return_of(&mut amina, &world, AMINA).await;

    assert_eq!(world.app.verify().await.unwrap().faults, []);
    assert_eq!(world.app.verify().await.unwrap().files, 3);
    for (seed, file) in (0..).zip(&kept.files) {
        let read = amina.attachment(file.attachment_id).await;
        assert!(read.body == content(seed, usize::try_from(file.size_bytes).unwrap()));
    }
    assert_eq!(amina.attachment(lost.entry.files[0].attachment_id).await.code(), "not_found");
    assert_eq!((world.segments(), aside(&world)), (1, 2));
    assert_eq!(amina.head(&opened.capability).await.status, 410);
    open.open.epoch = world.app.epoch();
    assert_eq!(amina.opened(&amina.open(&open).await).offset_bytes, 0);
    let mut again = late;
    (again.open.epoch, again.open.receipt) = (world.app.epoch(), Some(lost.receipt));
    let mara = world.firm.people["mara"].person_id;
    world.app.store().archive(world.firm.firm_id, claim, mara).await.unwrap();
    assert_eq!(amina.carry(&again).await.entry.files[0].sha256, lost.entry.files[0].sha256);
}

/// The one segment of a backup.
fn segment_of(world: &World, name: &str) -> SegmentId {
    Segments::at(world.folder.path().join(name).join(BLOBS)).list().unwrap().remove(0)
}

/// How many segments a restore has put aside.
fn aside(world: &World) -> usize {
    let folders = fs::read_dir(world.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let aside = folders.filter(|path| path.to_str().unwrap().contains("blobs.before-"));
    aside.map(|folder| fs::read_dir(folder).unwrap().count()).sum()
}

#[tokio::test]
async fn backup_that_lacks_a_file_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let mut amina = world.phone("amina").await;
    let claim = world.conversation("claim");
    amina.carry(&Pack::of(&amina, &world, claim, &[10])).await;
    world.backup("b1");
    let (segment, epoch) = (segment_of(&world, "b1"), world.app.epoch());
    fs::remove_file(Segments::at(world.folder.path().join("b1").join(BLOBS)).path(segment)).unwrap();
    fs::remove_file(Segments::at(world.config().blobs()).path(segment)).unwrap();
    amina.hang_up();

    let (world, refused) = world.try_restore("b1");

    assert!(matches!(refused, Err(BackupError::File(..))), "{refused:?}");
    assert_eq!(world.app.epoch(), epoch);
    assert!(matches!(world.app.verify().await.unwrap().faults[..], [crate::store::LogFault::File(_)]));
}

// R21: a disk has damaged a file, and the backup lies on another one: its copy comes back, the damaged one stands beside.
#[tokio::test]
async fn damaged_file_comes_back_from_the_backup() {
    let world = World::new().await;
    let mut amina = world.phone("amina").await;
    let claim = world.conversation("claim");
    amina.carry(&Pack::of(&amina, &world, claim, &[100_000])).await;
    amina.carry(&Pack::of(&amina, &world, claim, &[5])).await;
    world.backup("b1");
    let segment = segment_of(&world, "b1");
    let kept = Segments::at(world.folder.path().join("b1").join(BLOBS)).path(segment);
    let mut bytes = fs::read(&kept).unwrap();
    fs::remove_file(&kept).unwrap();
    fs::write(&kept, &bytes).unwrap();
    bytes[10] ^= 1;
    fs::write(Segments::at(world.config().blobs()).path(segment), &bytes).unwrap();
    amina.hang_up();

    let world = world.restore("b1");

    assert_eq!(world.app.verify().await.unwrap().faults, []);
    assert_eq!((world.segments(), aside(&world)), (2, 1));
}
