//! The phone's storage decays: a damaged store is told, and signing in is the way on.

use portico_core::PortalError;
use portico_core::signin::driver::Answered;
use portico_tests::phone::TestPhone;
use portico_tests::world::World;
use portico_wire::ids::ConversationId;

const PAGE: usize = 4_096;

/// Turns one bit of a page that only the conversation's timeline reads, and starts the app on it.
fn decay(amina: &mut TestPhone, conversation: ConversationId) {
    let path = amina.portal().store().path().to_owned();
    amina.kill();
    let whole = std::fs::read(&path).expect("the store is a file");
    for page in (1..whole.len() / PAGE).rev() {
        let mut turned = whole.clone();
        *turned.get_mut(page * PAGE + 2_000).expect("the page is there") ^= 1;
        std::fs::write(&path, &turned).expect("there is room");
        if amina.try_start().is_ok() && amina.portal().timeline(conversation, None, 50).is_err() {
            return;
        }
        amina.kill();
        // What the start wrote belongs to the damaged file.
        for log in ["-wal", "-shm"] {
            drop(std::fs::remove_file(format!("{}{log}", path.display())));
        }
    }
    panic!("no page serves the timeline alone");
}

// R51, R55: (S5) a damaged page is an error of its own kind; signing in lays the store aside and says that it began anew,
// also while the app has the damaged one open.
#[tokio::test]
async fn damaged_store_is_told_and_signing_in_begins_anew() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut amina = world.phone("amina").await;
    amina.portal().send(claim, &"a long text ".repeat(2_000)).unwrap();
    amina.come_to_rest(&world).await;
    decay(&mut amina, claim);

    let told = amina.portal().timeline(claim, None, 50);
    let phone = amina.installation();
    phone.begin_sign_in("https://portal.example", &amina.email).await.unwrap();
    let answered = phone.answer(&world.newest_code().await, "test phone").await.unwrap();

    assert_eq!(told.err(), Some(PortalError::KeyLost));
    let Answered::SignedIn(signed_in) = answered else { panic!("the mailed code is enough: {answered:?}") };
    assert!(signed_in.began_anew);
    amina.take(signed_in);
    amina.portal().catch_up().await.unwrap();
    amina.portal().send(claim, "after it").unwrap();
    amina.come_to_rest(&world).await;
    amina.start();
    let sent = world.texts(claim).await;
    assert_eq!(sent.len(), 2);
    assert!(amina.texts(claim).ends_with(&sent));
    let folder = amina.portal().store().path().parent().unwrap().to_owned();
    let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    assert!(names.into_iter().any(|name| name.to_string_lossy().contains("lost-")));
}
