//! Another address, as its person meets it, and as somebody who wants it.

use portico_wire::ids::{ChallengeId, PersonId};
use portico_wire::signin::{ChangeEmail, ConfirmEmail, EmailChangeBegun};

use crate::store::Change;
use crate::testing::signing_in::{AMINA, mails};
use crate::testing::{Phone, Reply, World};

const NEW: &str = "amina.haddad@new.example";

async fn ask(phone: &Phone, email: &str) -> Reply {
    phone.post("/v1/email", &ChangeEmail { email: email.to_owned() }).await
}

/// Codes in the mails to `address`, the newest last.
async fn codes(world: &World, address: &str) -> Vec<String> {
    world.app.run_jobs_once().await.unwrap();
    let files = std::fs::read_dir(world.config().mail()).into_iter().flatten();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let texts = paths.iter().map(|path| std::fs::read_to_string(path).unwrap());
    let to = format!("To: {address}\r\n");
    let about =
        |text: &String| text.contains(&to) && text.contains("Subject: Your code to change the address");
    texts
        .filter(about)
        .map(|text| text.lines().find(|line| line.starts_with("    ")).unwrap().trim().to_owned())
        .collect()
}

async fn confirm(phone: &Phone, change: ChallengeId, code: &str, old: Option<&str>) -> Reply {
    let confirm = ConfirmEmail { code: code.to_owned(), old_code: old.map(str::to_owned) };
    phone.post(&format!("/v1/email/{change}/confirm"), &confirm).await
}

// R10, R42: who has neither phone nor mailbox left gets another address from the administrator; it is nobody else's, and the one
// before is told.
#[tokio::test]
async fn administrator_gives_another_address() {
    let world = World::new().await;
    let phone = world.phone("amina").await;
    let (app, firm, person) = (&world.app, world.firm.firm_id, world.firm.people["amina"].person_id);

    let taken = app.readdress(firm, person, "kenji@clients.example").await.unwrap();
    let nobody = app.readdress(firm, PersonId::from_bytes([9; 16]), NEW).await.unwrap();
    let made = app.readdress(firm, person, " Amina.Haddad@new.example").await.unwrap();
    let again = app.readdress(firm, person, NEW).await.unwrap();

    assert_eq!(
        [taken, nobody, made, again],
        [Change::NotAllowed, Change::NotFound, Change::Made, Change::AlreadySo]
    );
    assert_eq!(world.begin(AMINA).await.1, None);
    assert!(world.begin(NEW).await.1.is_some());
    assert_eq!(mails(&world, "Another address signs in from now on"), 1);
    assert_eq!(phone.get("/v1/devices").await.status, 200, "the account stays, and its devices");
}

// R10: the account and its history stay; the old address opens nothing, and hears of it.
#[tokio::test]
async fn another_address_keeps_the_person_and_all_they_have() {
    let world = World::new().await;
    let phone = world.phone("amina").await;
    let before = phone.snapshot().await;

    let begun: EmailChangeBegun = ask(&phone, " Amina.Haddad@NEW.example ").await.json();
    let code = codes(&world, NEW).await.pop().unwrap();
    assert_eq!(confirm(&phone, begun.change_id, "0000-0000", None).await.problem().tries_left, Some(4));
    assert_eq!(confirm(&phone, begun.change_id, "00", None).await.code(), "bad_request");
    assert_eq!(confirm(&phone, begun.change_id, &code, None).await.status, 200);
    assert_eq!(confirm(&phone, begun.change_id, &code, None).await.status, 200, "a lost answer");

    assert!(!begun.old_code_needed);
    assert_eq!(phone.snapshot().await, before);
    let mut tablet = Phone::new(&world);
    tablet.sign_in(&world, NEW).await;
    assert_eq!(tablet.snapshot().await.conversations, before.conversations);
    let (_, none) = world.begin(AMINA).await;
    assert_eq!(none, None, "nobody has the old address");
    let mails = std::fs::read_dir(world.config().mail()).unwrap();
    let told = mails.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).any(|text| {
        text.contains(&format!("To: {AMINA}\r\n")) && text.contains("Subject: Another address signs in")
    });
    assert!(told);
}

// R10, R42: whether an address is somebody's is told to nobody, and it stays theirs.
#[tokio::test]
async fn address_of_somebody_else_is_neither_told_nor_taken() {
    let world = World::new().await;
    let phone = world.phone("amina").await;

    let taken = ask(&phone, "kenji@clients.example").await;
    let free = ask(&phone, NEW).await;
    let begun: EmailChangeBegun = taken.json();
    assert_eq!(taken.status, free.status);
    assert!(codes(&world, "kenji@clients.example").await.is_empty());
    assert_eq!(confirm(&phone, begun.change_id, "K7QM-3RXT", None).await.code(), "wrong_code");
    for malformed in ["", "amina", "a@b\r\nBcc: c@d"] {
        assert_eq!(ask(&phone, malformed).await.code(), "bad_request");
    }
}

// R42: somebody who picked an unlocked phone up, another person, a late code and a guesser change nothing.
#[tokio::test]
async fn nobody_but_the_person_moves_their_address() {
    let world = World::new().await;
    let (mut phone, other) = (world.phone("amina").await, world.phone("kenji").await);
    let begun: EmailChangeBegun = ask(&phone, NEW).await.json();
    let code = codes(&world, NEW).await.pop().unwrap();

    assert_eq!(confirm(&other, begun.change_id, &code, None).await.code(), "challenge_ended");
    for _ in 0..5 {
        assert_eq!(confirm(&phone, begun.change_id, "0000-0000", None).await.code(), "wrong_code");
    }
    assert_eq!(confirm(&phone, begun.change_id, &code, None).await.code(), "challenge_ended");
    let begun: EmailChangeBegun = ask(&phone, NEW).await.json();
    let code = codes(&world, NEW).await.pop().unwrap();
    world.clock.advance_ms(10 * 60_000);
    phone.refresh().await;
    assert_eq!(confirm(&phone, begun.change_id, &code, None).await.code(), "challenge_ended");
    assert_eq!(ask(&phone, NEW).await.code(), "step_up_needed");
}

// R7: no firm alone moves the address of somebody who belongs to another too.
#[tokio::test]
async fn person_of_two_firms_needs_a_code_from_the_address_before() {
    let world = World::new().await;
    let phone = world.phone("amina").await;
    world.second_firm_of("amina", "A. Haddad").await;

    let begun: EmailChangeBegun = ask(&phone, NEW).await.json();
    let (new, old) = (codes(&world, NEW).await.pop().unwrap(), codes(&world, AMINA).await.pop().unwrap());

    assert!(begun.old_code_needed);
    assert_eq!(confirm(&phone, begun.change_id, &new, None).await.code(), "wrong_code");
    assert_eq!(confirm(&phone, begun.change_id, &new, Some(&new)).await.code(), "wrong_code");
    assert_eq!(confirm(&phone, begun.change_id, &new, Some(&old)).await.status, 200);
}
