//! Files: picked, sent, paused, handed to the system, fetched and saved.

use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::Arc;

use portico_core::PortalError;
use portico_core::outbox::entry::{Fault, SendState};
use portico_core::portal::BackgroundTransfer;
use portico_core::store::PickedFile;
use portico_core::timeline::item::{Delivery, TimelineItem};
use portico_core::upload::source::PickFault;
use portico_ffi::{Portal, Reach, copy_of, new_call};
use portico_wire::entry::Entry;
use portico_wire::ids::{ConversationId, SendKey};
use serde_json::Value;

use crate::stage::{Stage, text};

/// The bytes of the scenario's files, in order: no two files are the same.
fn papers(with: &Value) -> Vec<Vec<u8>> {
    let sizes = with["sizes"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap());
    // 37 is odd, so that all 256 values come.
    (0..)
        .zip(sizes)
        .map(|(number, size)| (0..size).map(|at| (at * 37 + number).to_le_bytes()[0]).collect())
        .collect()
}

fn paths(stage: &Stage, papers: &[Vec<u8>]) -> Vec<PathBuf> {
    let write = |(number, bytes): (usize, &Vec<u8>)| {
        let path = stage.folder().join(format!("paper {number}.bin"));
        std::fs::write(&path, bytes).unwrap();
        path
    };
    papers.iter().enumerate().map(write).collect()
}

async fn pick(
    portal: &Portal,
    conversation: ConversationId,
    path: impl Into<PathBuf>,
) -> Result<PickedFile, PortalError> {
    let path = path.into().to_string_lossy().into_owned();
    portal.pick(conversation, path, None, new_call()).await
}

async fn send(portal: &Portal, conversation: ConversationId, paths: &[PathBuf], text: &str) -> SendKey {
    for path in paths {
        pick(portal, conversation, path).await.unwrap();
    }
    portal.send_files(conversation, text.to_owned(), new_call()).await.unwrap()
}

fn picked(portal: &Portal, conversation: ConversationId) -> Vec<PickedFile> {
    portal.timeline(conversation, None, 1).unwrap().picked
}

/// One message has `text`, and the bytes of its files are `papers`.
async fn arrived_once(
    stage: &Stage,
    to: &Arc<Portal>,
    conversation: ConversationId,
    text: &str,
    papers: &[Vec<u8>],
) {
    to.catch_up(new_call()).await.unwrap();
    let items = to.timeline(conversation, None, 100).unwrap().items.into_iter();
    let entries: Vec<Entry> = items
        .filter_map(|item| match item {
            TimelineItem::Logged { entry, .. } if entry.body == text => Some(*entry),
            _ => None,
        })
        .collect();
    let [entry] = entries.as_slice() else { panic!("{} messages with {text}", entries.len()) };

    let mut saved = Vec::new();
    for file in &entry.files {
        let path = stage.folder().join(file.attachment_id.to_string());
        to.fetch_attachment(entry.entry_id, file.attachment_id, new_call()).await.unwrap();
        assert_eq!(to.held_bytes(file.attachment_id), Ok(file.size_bytes));
        to.save_attachment(file.attachment_id, path.to_string_lossy().into_owned()).unwrap();
        saved.push(std::fs::read(path).unwrap());
    }
    assert!(saved == papers, "the bytes are others");
}

pub(crate) async fn batch_sent(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (_from, sender) = stage.signed_in(text(with, "from")).await;
    let (_to, reader) = stage.signed_in(text(with, "to")).await;
    let papers = papers(with);
    let mut paths = paths(&stage, &papers);
    let last = paths.pop().unwrap();

    let mut expected = Vec::new();
    for path in &paths {
        expected.push(pick(&sender, conversation, path).await.unwrap());
    }
    let open = std::fs::File::open(&last).unwrap();
    let name = last.file_name().unwrap().to_string_lossy().into_owned();
    expected.push(sender.pick_descriptor(conversation, open.as_raw_fd(), name, new_call()).await.unwrap());
    // Still the caller's.
    open.metadata().unwrap();
    assert_eq!(picked(&sender, conversation), expected);
    let key = sender.send_files(conversation, text(with, "text").to_owned(), new_call()).await.unwrap();
    sender.catch_up(new_call()).await.unwrap();

    assert_eq!(sender.entry_state(key), Ok(SendState::Accepted));
    assert_eq!(picked(&sender, conversation), []);
    let progress = sender.upload_progress(key).unwrap();
    let size_bytes: usize = papers.iter().map(Vec::len).sum();
    assert_eq!((progress.held_bytes, progress.files_held), (size_bytes as u64, 3));
    arrived_once(&stage, &reader, conversation, text(with, "text"), &papers).await;
}

pub(crate) async fn batch_over_the_limit(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (_shell, portal) = stage.signed_in(text(with, "person")).await;
    let paths = paths(&stage, &[vec![0]]);
    let path = paths.first().unwrap();
    let limit = with["limit"].as_u64().unwrap();
    for _ in 0..limit {
        pick(&portal, conversation, path).await.unwrap();
    }

    let refused = pick(&portal, conversation, path).await;

    let Err(PortalError::Refused { refusal }) = refused else { panic!("{refused:?}") };
    assert_eq!(refusal.code.as_str(), text(with, "code"));
    assert_eq!((refusal.limit, refusal.measured), (Some(limit), with["measured"].as_u64()));
    assert_eq!(picked(&portal, conversation).len() as u64, limit);
}

pub(crate) async fn file_that_is_none(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (_shell, portal) = stage.signed_in(text(with, "person")).await;

    let missing = pick(&portal, conversation, stage.folder().join("not there")).await;
    let folder = pick(&portal, conversation, stage.folder()).await;
    let closed = portal.pick_descriptor(conversation, -1, "nothing".to_owned(), new_call()).await;

    assert_eq!(missing, Err(PortalError::FileUnreadable { why: PickFault::Missing }));
    assert_eq!(folder, Err(PortalError::FileUnreadable { why: PickFault::NotAFile }));
    assert_eq!(closed, Err(PortalError::FileUnreadable { why: PickFault::Missing }));
    assert_eq!(picked(&portal, conversation), []);
}

pub(crate) async fn batch_paused(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (from, sender) = stage.signed_in(text(with, "from")).await;
    let (_to, reader) = stage.signed_in(text(with, "to")).await;
    let papers = papers(with);
    from.network.set(Reach::Offline);
    let key = send(&sender, conversation, &paths(&stage, &papers), text(with, "text")).await;
    sender.pause(key).unwrap();

    from.network.set(Reach::Unmetered);
    sender.catch_up(new_call()).await.unwrap();
    let echoes = sender.outbox().unwrap();
    sender.resume(key).unwrap();
    sender.catch_up(new_call()).await.unwrap();

    let [echo] = echoes.as_slice() else { panic!("{} entries", echoes.len()) };
    assert_eq!(echo.delivery, Delivery::Paused);
    let sizes: Vec<usize> = echo.files.iter().map(|file| usize::try_from(file.size_bytes).unwrap()).collect();
    assert_eq!(sizes, papers.iter().map(Vec::len).collect::<Vec<_>>());
    assert_eq!(sender.entry_state(key), Ok(SendState::Accepted));
    arrived_once(&stage, &reader, conversation, text(with, "text"), &papers).await;
}

pub(crate) async fn batch_metered(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (from, sender) = stage.signed_in(text(with, "from")).await;
    let (_to, reader) = stage.signed_in(text(with, "to")).await;
    let papers = papers(with);
    sender.allow_metered_within(with["bytes_max"].as_u64()).unwrap();

    for (body, by_word) in with["texts"].as_array().unwrap().iter().zip([true, false]) {
        let body = body.as_str().unwrap();
        from.network.set(Reach::Metered);
        let key = send(&sender, conversation, &paths(&stage, &papers), body).await;
        sender.send(conversation, text(with, "text").to_owned()).unwrap();
        sender.catch_up(new_call()).await.unwrap();
        let [echo] = <[_; 1]>::try_from(sender.outbox().unwrap()).unwrap();
        if by_word {
            sender.allow_metered(key).unwrap();
        } else {
            from.network.set(Reach::Unmetered);
            sender.network_changed().unwrap();
        }
        sender.catch_up(new_call()).await.unwrap();

        assert_eq!(echo.send_key, key);
        assert!(matches!(echo.delivery, Delivery::Waiting { fault: Fault::Metered, .. }));
        assert_eq!(sender.entry_state(key), Ok(SendState::Accepted));
        arrived_once(&stage, &reader, conversation, body, &papers).await;
    }
}

/// Sends the one file as it was told to, and knows nothing of Portico: status, media type and body of the answer.
fn carried(transfer: &BackgroundTransfer) -> (u16, String, Vec<u8>) {
    let (host, path) = transfer.url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let file = std::fs::read(&transfer.file).unwrap();
    let mut head = format!("{} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n", transfer.method);
    head += &format!("content-length: {}\r\n", file.len());
    for header in &transfer.headers {
        head += &format!("{}: {}\r\n", header.name, header.value);
    }
    let mut line = std::net::TcpStream::connect(host).unwrap();
    line.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    line.write_all(&file).unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let media_type = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap();
    (status, media_type.to_owned(), body.as_bytes().to_vec())
}

pub(crate) async fn batch_handed_over(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (from, sender) = stage.signed_in(text(with, "from")).await;
    let (_to, reader) = stage.signed_in(text(with, "to")).await;
    let papers = papers(with);
    let texts: Vec<String> = serde_json::from_value(with["texts"].clone()).unwrap();

    for (text, answer_is_lost) in texts.iter().zip([false, true]) {
        from.network.set(Reach::Offline);
        let key = send(&sender, conversation, &paths(&stage, &papers), text).await;
        from.network.set(Reach::Unmetered);

        let transfer = sender.prepare_background_transfer(key, new_call()).await.unwrap().unwrap();
        let (status, media_type, body) = carried(&transfer);
        if answer_is_lost {
            assert_eq!(sender.prepare_background_transfer(key, new_call()).await, Ok(None));
        } else {
            sender.background_transfer_finished(key, status, media_type, body).unwrap();
        }

        assert_eq!(sender.entry_state(key), Ok(SendState::Accepted), "{text}");
        sender.catch_up(new_call()).await.unwrap();
        arrived_once(&stage, &reader, conversation, text, &papers).await;
    }
}

pub(crate) async fn documents(with: &Value) {
    let stage = Stage::build();
    let conversation = stage.conversation(with);
    let (_from, sender) = stage.signed_in(text(with, "from")).await;
    let (_to, reader) = stage.signed_in(text(with, "to")).await;
    let papers = papers(with);
    let path = paths(&stage, &papers).remove(0).to_string_lossy().into_owned();
    let matter = sender.timeline(conversation, None, 1).unwrap().head.matter_id.unwrap();
    let listed = async || sender.documents(matter, None, new_call()).await.unwrap().documents;

    let name = text(with, "name").to_owned();
    let kept = sender.add_document(matter, name, path, new_call()).await.unwrap();
    let copies = listed().await.into_iter().map(copy_of).collect();
    sender.send_documents(conversation, text(with, "text").to_owned(), copies).unwrap();
    sender.catch_up(new_call()).await.unwrap();
    sender.rename_document(kept.document_id, "Another name".to_owned(), new_call()).await.unwrap();
    sender.remove_document(kept.document_id, new_call()).await.unwrap();

    arrived_once(&stage, &reader, conversation, text(with, "text"), &papers).await;
    assert_eq!(listed().await, []);
    assert_eq!(reader.documents(matter, None, new_call()).await, Err(PortalError::NotHere));
}
