//! The first screen, and texts on their way.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use portico_core::PortalError;
use portico_core::outbox::entry::SendState;
use portico_ffi::{Reach, new_call};
use portico_tests::process::program;
use portico_wire::conversation::ConversationKind;
use portico_wire::ids::ConversationId;
use serde_json::Value;

use crate::stage::{Stage, text, texts};

pub(crate) async fn first_screen(with: &Value) {
    let stage = Stage::build();
    let (shell, _) = stage.signed_in(text(with, "person")).await;

    let screen = shell.restarted().portal().first_screen(50).unwrap();

    let titles: Vec<&str> = screen.conversations.iter().map(|row| row.head.title.as_str()).collect();
    assert_eq!(Value::from(titles), with["titles"]);
    let newest = screen.conversations.first().and_then(|row| row.newest.as_ref()).unwrap();
    assert_eq!(newest.body, text(with, "newest"));
    assert_eq!(Value::from(screen.unread), with["unread"]);
}

pub(crate) async fn send(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (_from, sender) = stage.signed_in(text(with, "from")).await;
    let (_to, reader) = stage.signed_in(text(with, "to")).await;

    let key = sender.send(conversation, text(with, "text").to_owned()).unwrap();
    texts(&sender, conversation).await;

    assert_eq!(sender.entry_state(key), Ok(SendState::Accepted));
    assert_eq!(sender.outbox(), Ok(Vec::new()));
    assert_eq!(texts(&reader, conversation).await.pop().unwrap(), text(with, "text"));
}

pub(crate) async fn offline_killed(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (from, _) = stage.signed_in(text(with, "from")).await;
    let (_to, reader) = stage.signed_in(text(with, "to")).await;
    let before = texts(&reader, conversation).await;
    let sent: Vec<String> = serde_json::from_value(with["texts"].clone()).unwrap();
    from.portal().end();

    let mut child = Command::new(program("offline_phone"))
        .arg(&from.folder)
        .arg(conversation.to_string())
        .args(&sent)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said.trim(), "queued");
    child.kill().unwrap();
    child.wait().unwrap();
    let portal = from.restarted().portal();
    portal.became_active().unwrap();
    texts(&portal, conversation).await;

    assert_eq!(texts(&reader, conversation).await.split_off(before.len()), sent);
    assert_eq!(portal.outbox(), Ok(Vec::new()));
}

pub(crate) async fn withdraw(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (from, sender) = stage.signed_in(text(with, "from")).await;
    let (_to, reader) = stage.signed_in(text(with, "to")).await;
    from.network.set(Reach::Offline);

    let key = sender.send(conversation, text(with, "text").to_owned()).unwrap();
    sender.discard(key).unwrap();
    from.network.set(Reach::Unmetered);
    texts(&sender, conversation).await;

    assert_eq!(sender.entry_state(key), Ok(SendState::Withdrawn));
    assert!(!texts(&reader, conversation).await.contains(&text(with, "text").to_owned()));
}

pub(crate) async fn refusals(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (shell, portal) = stage.signed_in(text(with, "person")).await;
    shell.network.set(Reach::Offline);
    let long = |case: &Value| {
        text(case, "unit")
            .repeat(case["times"].as_u64().and_then(|times| usize::try_from(times).ok()).unwrap())
    };

    for case in with["refused"].as_array().unwrap() {
        let Err(PortalError::Refused { refusal }) = portal.send(conversation, long(case)) else {
            panic!("{case} was not refused")
        };
        assert_eq!(refusal.code.as_str(), text(case, "code"));
        assert_eq!(refusal.limit, case["limit"].as_u64(), "{case}");
        assert_eq!(refusal.measured, case["measured"].as_u64(), "{case}");
    }

    assert_eq!(portal.outbox(), Ok(Vec::new()));
    portal.send(conversation, long(&with["accepted"])).unwrap();
    shell.network.set(Reach::Unmetered);
    assert_eq!(texts(&portal, conversation).await.pop().unwrap(), long(&with["accepted"]));
}

pub(crate) async fn unknown_things(with: &Value) {
    let stage = Stage::build();
    let (_shell, portal) = stage.signed_in(text(with, "person")).await;
    // In Rust a text that is no id does not get this far.
    let ids = with["ids"].as_array().unwrap().iter().filter_map(|id| id.as_str()?.parse().ok());

    let file = program("portico-server").to_string_lossy().into_owned();
    let mut asked = 0;
    for id in ids {
        let id: ConversationId = id;
        assert_eq!(portal.timeline(id, None, 1), Err(PortalError::NotHere));
        assert_eq!(portal.send(id, "x".to_owned()), Err(PortalError::NotHere));
        assert_eq!(portal.pick(id, file.clone(), None, new_call()).await, Err(PortalError::NotHere));
        assert_eq!(portal.take_out(id, 0), Err(PortalError::NotHere));
        asked += 1;
    }
    assert!(asked > 0);
}

pub(crate) async fn client_begins(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (_from, client) = stage.signed_in(text(with, "from")).await;
    let (_to, firm) = stage.signed_in(text(with, "to")).await;
    let matter = client.timeline(conversation, None, 1).unwrap().head.matter_id;
    let begin = async |kind, matter| {
        client.begin_conversation(kind, text(with, "title").to_owned(), matter, Vec::new(), new_call()).await
    };

    let begun = begin(ConversationKind::ExternalMatter, matter).await.unwrap();
    let refused = begin(ConversationKind::StaffChannel, None).await;
    client.catch_up(new_call()).await.unwrap();
    client.send(begun, text(with, "text").to_owned()).unwrap();
    client.catch_up(new_call()).await.unwrap();

    assert_eq!(refused, Err(PortalError::NotAllowed));
    assert_eq!(texts(&firm, begun).await, [text(with, "text")]);
    let head = firm.timeline(begun, None, 1).unwrap().head;
    assert_eq!((head.title.as_str(), head.matter_id), (text(with, "title"), matter));
}
