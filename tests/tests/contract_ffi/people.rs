//! Signing in, and who is signed in.

use std::path::PathBuf;

use portico_core::PortalError;
use portico_ffi::{Answer, Reach, new_call};
use portico_wire::factor::{FactorAnswer, FactorKind};
use serde_json::Value;

use crate::stage::{Shell, Stage, text, texts};

pub(crate) async fn sign_in(with: &Value) {
    let stage = Stage::build();
    let shell = stage.shell("phone");
    let email = stage.server.email(text(with, "person"));
    let answer = async |shell: &Shell, code: &str| {
        shell.sign_in.answer(code.to_owned(), "a shell".to_owned(), new_call()).await
    };
    assert_eq!(answer(&shell, "AAAA-AAAA").await, Err(PortalError::ChallengeEnded), "nothing was begun");

    let begun = shell.sign_in.begin(stage.server.url.clone(), email, new_call()).await.unwrap();
    let malformed = answer(&shell, text(with, "malformed_code")).await;
    let wrong = answer(&shell, text(with, "wrong_code")).await;
    let shell = shell.restarted();
    assert_eq!(shell.sign_in.pending().unwrap(), Some(begun.clone()));
    let code = stage.server.code(begun.challenge_id).await.unwrap();
    let right = answer(&shell, &code).await;

    assert_eq!(malformed, Err(PortalError::CodeMalformed));
    let tries_left = with["tries_left"].as_u64().and_then(|tries| u32::try_from(tries).ok());
    assert_eq!(wrong, Err(PortalError::WrongCode { tries_left }));
    assert_eq!(right, Ok(Answer::SignedIn { sealed: None, began_anew: false }));
    assert_eq!(shell.sign_in.pending().unwrap(), None);
    let session = shell.portal().session();
    assert_eq!(session.name, text(with, "name"));
    assert_eq!(session.firm_name, text(with, "firm"));
}

pub(crate) async fn another_person(with: &Value) {
    let stage = Stage::build();
    let (shell, first) = stage.signed_in(text(with, "first")).await;
    let conversation = stage.conversation(with);
    shell.network.set(Reach::Offline);
    first.send(conversation, text(with, "text").to_owned()).unwrap();
    shell.network.set(Reach::Unmetered);

    let answer = stage.sign_in_on(&shell, text(with, "second")).await;

    assert_eq!(answer, Answer::SignedIn { sealed: Some(1), began_anew: false });
    assert_eq!(first.first_screen(1), Err(PortalError::Ended));
    assert_eq!(shell.portal().outbox().unwrap(), []);
    assert_eq!(shell.portal().timeline(conversation, None, 1), Err(PortalError::NotHere));
    stage.sign_in_on(&shell, text(with, "first")).await;
    assert!(texts(&shell.portal(), conversation).await.contains(&text(with, "text").to_owned()));
}

pub(crate) async fn second_device(with: &Value) {
    let stage = Stage::build();
    let (_first, portal) = stage.signed_in(text(with, "person")).await;
    portal.set_up_authenticator(new_call()).await.unwrap();
    let codes = portal.make_recovery_codes(new_call()).await.unwrap().codes;
    let used = portal.authenticator().unwrap().unwrap().code;
    let second = stage.shell("second");
    let asked = stage.sign_in_on(&second, text(with, "person")).await;
    let prove = async |factor| {
        let proved: Result<Answer, PortalError> = second.sign_in.prove(factor, new_call()).await;
        proved
    };

    let slip = prove(FactorAnswer::Totp { code: text(with, "slip").to_owned() }).await;
    let again = prove(FactorAnswer::Totp { code: used }).await;
    let let_in = prove(FactorAnswer::RecoveryCode { code: codes.first().unwrap().to_lowercase() }).await;
    assert_eq!(let_in, Ok(Answer::SignedIn { sealed: None, began_anew: false }));
    let lost = second.portal();
    lost.catch_up(new_call()).await.unwrap();
    portal.wipe_device(lost.session().device_id, new_call()).await.unwrap();
    let wiped = lost.catch_up(new_call()).await;

    let factors = vec![FactorKind::Totp, FactorKind::RecoveryCode, FactorKind::Approval];
    assert_eq!(asked, Answer::FactorNeeded { factors });
    assert_eq!(code_of(slip.err().as_ref()), text(with, "code_malformed"));
    assert_eq!(code_of(again.err().as_ref()), text(with, "factor_used"));
    assert_eq!(portal.factors(new_call()).await.unwrap().recovery_codes_left, 9);
    assert_eq!(code_of(wiped.err().as_ref()), text(with, "wiped"));
    assert_eq!(lost.first_screen(1), Err(PortalError::Wiped));
    assert!(second.sign_in.portal().unwrap().is_none());
    let listed = portal.devices(new_call()).await.unwrap();
    assert!(listed.iter().any(|device| device.wipe_told_at_ms.is_some()));
}

pub(crate) fn home_is_a_file(_with: &Value) {
    let stage = Stage::build();
    let shell = stage.shell("phone");
    std::fs::remove_dir(shell.folder.join("home")).unwrap();
    std::fs::write(shell.folder.join("home"), "a file").unwrap();

    let refused = portico_tests::shell::installation(&shell.folder, &shell.secrets, &shell.network);
    let below =
        portico_tests::shell::installation(&shell.folder.join("home"), &shell.secrets, &shell.network);

    assert_eq!(refused.err(), Some(PortalError::DiskFull));
    assert_eq!(below.err(), Some(PortalError::DiskFull));
}

pub(crate) async fn folder_in_place_of_a_file(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (shell, portal) = stage.signed_in(text(with, "person")).await;
    portal.send(conversation, text(with, "text").to_owned()).unwrap();

    for case in with["files"].as_array().unwrap() {
        let before = shell.portal();
        before.end();
        before.closed(new_call()).await.unwrap();
        let place = place_of(&shell, text(case, "file"));
        let aside = shell.folder.join("aside");
        // One that is not there has nothing to be kept.
        let kept = std::fs::rename(&place, &aside).is_ok();
        std::fs::create_dir(&place).unwrap();

        let told = way_in(&stage, &shell, text(with, "person")).await;
        std::fs::remove_dir(&place).unwrap();
        if kept {
            std::fs::rename(&aside, &place).unwrap();
        }

        assert_eq!(code_of(told.as_ref()), text(case, "code"), "{case}");
        let queued = shell.portal().outbox().unwrap();
        let bodies: Vec<&str> = queued.iter().map(|echo| echo.body.as_str()).collect();
        assert_eq!(bodies, [text(with, "text")], "{case}");
    }
    assert_eq!(texts(&shell.portal(), conversation).await.pop().unwrap(), text(with, "text"));
}

/// What an app does at its start: it opens the portal, and lets the person sign in. The fault that ends it.
async fn way_in(stage: &Stage, shell: &Shell, person: &str) -> Option<PortalError> {
    let steps = async {
        shell.sign_in.portal()?;
        let email = stage.server.email(person);
        let begun = shell.sign_in.begin(stage.server.url.clone(), email, new_call()).await?;
        let code = stage.server.code(begun.challenge_id).await.unwrap();
        shell.sign_in.answer(code, "a shell".to_owned(), new_call()).await
    };
    steps.await.err()
}

/// Where a file of the core is or belongs.
fn place_of(shell: &Shell, name: &str) -> PathBuf {
    let home = shell.folder.join("home");
    let people = std::fs::read_dir(home.join("people")).unwrap();
    let mut in_folders = people.map(|person| person.unwrap().path().join(name));
    in_folders.find(|path| path.exists()).unwrap_or_else(|| home.join(name))
}

/// The shells' codes of the faults that this scenario knows.
fn code_of(fault: Option<&PortalError>) -> &'static str {
    match fault {
        Some(PortalError::DiskFull) => "disk_full",
        Some(PortalError::KeyLost) => "key_lost",
        Some(PortalError::CodeMalformed) => "code_malformed",
        Some(PortalError::FactorUsed) => "factor_used",
        Some(PortalError::Wiped) => "wiped",
        Some(PortalError::Bug { .. }) => "bug",
        _ => "another",
    }
}
