//! Documents of a matter: kept by the firm's people, copied into messages, offline too.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::collections::VecDeque;
use std::path::PathBuf;

use portico_core::PortalError;
use portico_core::outbox::entry::{CopiedDocument, Fault, SendState};
use portico_core::portal::DocumentSource;
use portico_core::timeline::item::TimelineItem;
use portico_core::upload::source::PickFault;
use portico_tests::draws::content;
use portico_tests::faults::{Fate, Weather};
use portico_tests::phone::TestPhone;
use portico_tests::world::World;
use portico_wire::ids::{ConversationId, DocumentId};
use portico_wire::refusal::{Refusal, RefusalCode};

/// A file of the phone's device.
fn file(phone: &TestPhone, name: &str, bytes: &[u8]) -> PathBuf {
    let path = phone.home.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

async fn add(world: &World, phone: &TestPhone, name: &str, bytes: &[u8]) -> DocumentId {
    let source = DocumentSource::File(file(phone, name, bytes));
    phone.portal().add_document(world.matter("harbour"), name, source).await.unwrap().document_id
}

/// The documents of the matter, as they are to be sent.
async fn all(world: &World, phone: &TestPhone) -> Vec<CopiedDocument> {
    let listed = phone.portal().documents(world.matter("harbour"), None).await.unwrap();
    listed.documents.iter().map(CopiedDocument::from).collect()
}

async fn texts_and_files(world: &World, conversation: ConversationId) -> Vec<(String, usize)> {
    let log = world.log(conversation).await;
    let messages = log.into_iter().filter(|entry| entry.kind.as_str() == "message");
    messages.map(|entry| (entry.body, entry.files.len())).collect()
}

// R1, R2, R45, R50: a document attached in a tunnel arrives as the copy that was chosen, and stays what it is.
#[tokio::test]
async fn copy_of_a_document_is_queued_offline_and_arrives_as_it_was_chosen() {
    let world = World::new().await;
    let (claim, bytes) = (world.conversation("claim"), content(1, 300_000));
    let (mut mara, mut amina) = (world.phone("mara").await, world.phone("amina").await);
    let lease = add(&world, &mara, "Lease.pdf", &bytes).await;
    let chosen = all(&world, &mara).await;
    mara.network.set(Weather::Off);
    let key = mara.portal().send_documents(claim, "The lease", chosen).unwrap();
    mara.kill();
    mara.start();
    let page = mara.portal().timeline(claim, None, 20).unwrap();
    let Some(TimelineItem::Unsent(echo)) = page.items.last() else { panic!("{:?}", page.items) };
    assert_eq!((echo.files[0].name.as_str(), echo.files[0].size_bytes), ("Lease.pdf", 300_000));

    // Meanwhile a colleague goes on with the document.
    let jonas = world.phone("jonas").await;
    let next = DocumentSource::File(file(&jonas, "next", b"another"));
    assert_eq!(jonas.portal().add_version(lease, next).await.unwrap().version, 2);
    jonas.portal().rename_document(lease, "Lease (2).pdf").await.unwrap();
    mara.network.set(Weather::Calm);
    mara.come_to_rest(&world).await;
    jonas.portal().remove_document(lease).await.unwrap();
    amina.come_to_rest(&world).await;

    assert_eq!(mara.portal().entry_state(key), Ok(SendState::Accepted));
    assert_eq!(amina.newest_files(claim).await, [("Lease.pdf".to_owned(), bytes)]);
}

// R51: the answer is lost, the app is killed: one message.
#[tokio::test]
async fn message_with_a_copy_arrives_once_through_lost_answers_and_kills() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut mara = world.phone("mara").await;
    add(&world, &mara, "Lease.pdf", b"lease").await;
    let before = texts_and_files(&world, claim).await.len();
    let copies = all(&world, &mara).await;
    let fates = VecDeque::from([Fate::AnswerLost, Fate::Doubled, Fate::PhoneDiesAfter, Fate::ProxyPage]);
    mara.network.set(Weather::Scripted("/v1/copies", fates));

    mara.portal().send_documents(claim, "", copies).unwrap();
    for _ in 0..4 {
        mara.portal().became_active().unwrap();
        mara.catch_up_or_die().await;
    }
    mara.come_to_rest(&world).await;

    assert_eq!(texts_and_files(&world, claim).await[before..], [(String::new(), 1)]);
}

// R13, R45: one that was removed by then refuses the message, which is kept; without it the text can be sent again.
#[tokio::test]
async fn document_removed_by_then_refuses_the_message_and_keeps_it() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut mara = world.phone("mara").await;
    let lease = add(&world, &mara, "Lease.pdf", b"lease").await;
    let copies = all(&world, &mara).await;
    mara.network.set(Weather::Off);
    mara.portal().send_documents(claim, "The lease", copies).unwrap();
    mara.network.set(Weather::Calm);
    mara.portal().remove_document(lease).await.unwrap();

    mara.come_to_rest(&world).await;

    assert_eq!(mara.refusal(), Some(Refusal::of(RefusalCode::DocumentNotFound).of_file(0)));
    let echo = mara.outbox().remove(0);
    assert_eq!((echo.body.as_str(), echo.files[0].name.as_str()), ("The lease", "Lease.pdf"));
    let again = mara.portal().send_again(echo.send_key).unwrap();
    mara.come_to_rest(&world).await;
    assert!(matches!(mara.portal().entry_state(again), Ok(SendState::Refused(_))), "it is still removed");
}

// R1, R2, R51: a restored server takes the message again with the bytes that were sent, whatever the document is called, holds
// or is by now.
#[tokio::test]
async fn message_with_a_copy_comes_back_after_a_restore() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (mut mara, mut jonas) = (world.phone("mara").await, world.phone("jonas").await);
    let second = content(3, 60_000);
    let lease = add(&world, &mara, "Lease.pdf", &content(2, 70_000)).await;
    let next = DocumentSource::File(file(&mara, "next", &second));
    mara.portal().add_version(lease, next).await.unwrap();
    world.back_up("version 2");
    world.clock.advance(60_000);
    let key = mara.portal().send_documents(claim, "The lease", all(&world, &mara).await).unwrap();
    mara.come_to_rest(&world).await;
    jonas.portal().rename_document(lease, "Another name").await.unwrap();

    world.restore("version 2").unwrap();
    jonas.come_to_rest(&world).await;
    jonas.portal().remove_document(lease).await.unwrap();
    mara.come_to_rest(&world).await;

    assert_eq!(mara.portal().entry_state(key), Ok(SendState::Accepted));
    assert_eq!(mara.newest_files(claim).await, [("Lease.pdf".to_owned(), second)]);
    assert_eq!(texts_and_files(&world, claim).await.pop(), Some(("The lease".to_owned(), 1)));
}

// R40, R51: a restored server that lacks the bytes makes that message wait, shown, and nobody behind it; once somebody has
// added the file again, it is sent. Another version of that number is not it.
#[tokio::test]
async fn message_whose_document_the_restored_server_lacks_waits_and_holds_nobody_up() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (mut mara, mut jonas, bytes) =
        (world.phone("mara").await, world.phone("jonas").await, content(2, 70_000));
    let lease = add(&world, &mara, "Lease.pdf", b"version 1").await;
    world.back_up("version 1");
    let next = DocumentSource::File(file(&mara, "next", &bytes));
    mara.portal().add_version(lease, next).await.unwrap();
    world.clock.advance(60_000);
    let key = mara.portal().send_documents(claim, "The lease", all(&world, &mara).await).unwrap();
    mara.come_to_rest(&world).await;

    world.restore("version 1").unwrap();
    jonas.come_to_rest(&world).await;
    let other = DocumentSource::File(file(&jonas, "other", b"another version 2"));
    jonas.portal().add_version(lease, other).await.unwrap();
    mara.sign_in(&world).await;
    mara.portal().catch_up().await.unwrap();
    let behind = mara.portal().send(claim, "Did you get it?").unwrap();
    mara.portal().catch_up().await.unwrap();

    assert_eq!(mara.portal().entry_state(behind), Ok(SendState::Accepted));
    let SendState::Waiting { fault, .. } = mara.portal().entry_state(key).unwrap() else {
        panic!("it waits")
    };
    assert_eq!(fault, Fault::DocumentMissing);
    add(&world, &jonas, "The lease again.pdf", &bytes).await;
    mara.come_to_rest(&world).await;
    assert_eq!(mara.portal().entry_state(key), Ok(SendState::Accepted));
    assert_eq!(mara.newest_files(claim).await, [("Lease.pdf".to_owned(), bytes)]);
}

// R13, R37: what can not be added is named, and nothing is added.
#[tokio::test]
async fn document_that_can_not_be_added_says_why() {
    let world = World::new().await;
    let (mara, amina) = (world.phone("mara").await, world.phone("amina").await);
    let harbour = world.matter("harbour");
    let add = async |phone: &TestPhone, path: PathBuf| {
        phone.portal().add_document(harbour, "Lease.pdf", DocumentSource::File(path)).await.unwrap_err()
    };
    let limits = portico_server::store::FirmLimits { batch_bytes_max: Some(4), ..Default::default() };
    world.app().store().set_limits(world.firm.firm_id, limits).await.unwrap();
    let unreadable = |why| PortalError::FileUnreadable { why };
    let refused = Refusal::over(RefusalCode::BatchTooLarge, 4, 5);

    assert_eq!(add(&mara, mara.home.join("absent")).await, unreadable(PickFault::Missing));
    assert_eq!(add(&mara, mara.home.clone()).await, unreadable(PickFault::NotAFile));
    assert_eq!(add(&mara, file(&mara, "large", b"12345")).await, refused.into());
    assert_eq!(add(&amina, file(&amina, "a", b"1")).await, PortalError::NotHere);
    assert!(all(&world, &mara).await.is_empty());
}

// R45, R52: an older version is saved byte for byte; what is cut on its way leaves no file.
#[tokio::test]
async fn version_of_a_document_is_saved_whole_or_not_at_all() {
    let world = World::new().await;
    let (mara, bytes) = (world.phone("mara").await, content(3, 500_000));
    let lease = add(&world, &mara, "Lease.pdf", &bytes).await;
    let next = DocumentSource::File(file(&mara, "next", b"another"));
    mara.portal().add_version(lease, next).await.unwrap();
    let told = mara.portal().document(lease).await.unwrap();
    let (to, sha256) = (mara.home.join("saved"), told.changes[0].sha256);

    mara.network.set(Weather::Scripted("/v1/documents", VecDeque::from([Fate::Cut(100_000)])));
    let cut = mara.portal().save_document(lease, 1, sha256, &to).await;
    assert!(cut.is_err() && !to.exists(), "{cut:?}");
    mara.portal().save_document(lease, 1, sha256, &to).await.unwrap();

    assert_eq!(std::fs::read(&to).unwrap(), bytes);
}

// R45: an empty file is a file, on its way back too.
#[tokio::test]
async fn empty_document_is_saved() {
    let world = World::new().await;
    let mara = world.phone("mara").await;
    let empty = add(&world, &mara, "Empty.txt", b"").await;
    let (to, row) = (mara.home.join("saved"), all(&world, &mara).await.remove(0));

    mara.portal().save_document(empty, 1, row.sha256, &to).await.unwrap();

    assert_eq!(std::fs::read(&to).unwrap(), b"");
}

// R13: copies over the firm's own limit are refused before they are queued.
#[tokio::test]
async fn copies_over_the_firms_limit_are_not_queued() {
    let world = World::new().await;
    let mut mara = world.phone("mara").await;
    let limits = portico_server::store::FirmLimits { batch_files_max: Some(1), ..Default::default() };
    world.app().store().set_limits(world.firm.firm_id, limits).await.unwrap();
    mara.kill();
    mara.start();
    mara.come_to_rest(&world).await;
    add(&world, &mara, "Lease.pdf", b"lease").await;
    let twice = [all(&world, &mara).await, all(&world, &mara).await].concat();

    let refused = mara.portal().send_documents(world.conversation("claim"), "", twice);

    assert_eq!(refused, Err(Refusal::over(RefusalCode::BatchTooManyFiles, 1, 2).into()));
    assert!(mara.outbox().is_empty());
}
