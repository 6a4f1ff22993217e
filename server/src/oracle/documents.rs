//! Documents of matters, asked for by everybody: listed, opened, fetched, changed, copied into messages.

use axum::body::Body;
use http::header::CONTENT_LENGTH;
use http::{Method, Request};
use portico_wire::document::{DocumentCopy, DocumentName, Documents, FileDocument, FileVersion, SendCopies};
use portico_wire::encoding::Sha256;
use portico_wire::ids::{AttachmentId, ConversationId, DocumentId, MatterId};
use portico_wire::{WIRE_HEADER, WIRE_VERSION};

use super::history::{History, Matter, Talk};
use super::matrix::{Compared, Nothing, Seen, seen};
use super::rule;
use crate::testing::{Phone, Reply, World, ask};

/// What nobody may send, so that whoever may add hears of the limit and nothing is added.
const TOO_MUCH: u64 = 200_000_000;

async fn bring(phone: &Phone, path: &str, length: u64, body: Vec<u8>) -> Reply {
    let query = format!("name=A%20document&sha256={}", Sha256::of(&[&body]));
    let request = Request::builder().method(Method::PUT).uri(format!("{path}/{}?{query}", phone.key()));
    let request = request.header(WIRE_HEADER, WIRE_VERSION).header(CONTENT_LENGTH, length);
    let request = request.header("authorization", format!("Bearer {}", phone.token));
    ask(&phone.router, request.body(Body::from(body)).unwrap()).await
}

/// A document of a matter: the first of its two, of which the second is removed.
pub(super) async fn two(phone: &Phone, matter: MatterId) -> [DocumentId; 2] {
    let mut documents = Vec::new();
    for byte in 0..2 {
        let kept = bring(phone, &format!("/v1/matters/{matter}/documents"), 1, vec![byte]).await;
        documents.push(kept.json::<portico_wire::document::DocumentKept>().document_id);
    }
    let removed = phone.post(&format!("/v1/documents/{}/removal", documents[1]), &()).await;
    assert!(removed.status.is_success());
    documents.try_into().unwrap()
}

/// Everything of a matter's documents that changes nothing.
pub(super) async fn of_matter(
    history: &History,
    me: usize,
    matter: &Matter,
    nothing: &mut Nothing,
    compared: &mut Compared,
) {
    let phone = &history.people[me].phone;
    let expected = rule::knows_matter(me, &history.people[me], matter);
    let [there, removed] = matter.documents;
    let (absent, none) = (DocumentId::from_bytes([9; 16]), MatterId::from_bytes([9; 16]));
    let mut count = |reply: Reply, known: bool, as_absent: &Seen, what: &str| {
        if !expected {
            assert_eq!(&seen(reply), as_absent, "{me} {what}");
        }
        compared.count(known, || format!("{me} {what}"), expected);
    };

    let list = async |id| phone.get(&format!("/v1/matters/{id}/documents")).await;
    let listed = list(matter.id).await;
    let found = listed.status.is_success() && {
        let ids = listed.json::<Documents>().documents.into_iter().map(|row| row.document_id);
        ids.collect::<Vec<_>>() == [there]
    };
    count(listed, found, nothing.heard("documents", list(none)).await, "lists documents");
    for path in ["", "/content", "/content?version=1"] {
        let get = async |id| phone.get(&format!("/v1/documents/{id}{path}")).await;
        let as_absent = nothing.heard(&format!("document{path}"), get(absent)).await;
        let reply = get(there).await;
        let known = reply.status.is_success();
        count(reply, known, as_absent, &format!("opens a document: {path}"));
        assert_eq!(&seen(get(removed).await), as_absent, "what is removed is not there");
    }
    // The name that it has, and the removal that was: nothing changes by these.
    let same = DocumentName { name: "A document".to_owned() };
    let rename = async |id| phone.put(&format!("/v1/documents/{id}/name"), &same).await;
    let as_absent = nothing.heard("rename", rename(absent)).await;
    let reply = rename(there).await;
    let known = reply.status.is_success();
    count(reply, known, as_absent, "renames");
    assert_eq!(&seen(rename(removed).await), as_absent);
    let remove = async |id| phone.post(&format!("/v1/documents/{id}/removal"), &()).await;
    let as_absent = nothing.heard("remove", remove(absent)).await;
    let reply = remove(removed).await;
    let known = reply.status.is_success();
    count(reply, known, as_absent, "removes");
    if !expected {
        assert_eq!(&seen(remove(there).await), as_absent);
    }
    for (place, nowhere) in [
        (format!("/v1/matters/{}/documents", matter.id), format!("/v1/matters/{none}/documents")),
        (format!("/v1/documents/{there}/versions"), format!("/v1/documents/{absent}/versions")),
    ] {
        let reply = bring(phone, &place, TOO_MUCH, Vec::new()).await;
        let known = reply.code() == "batch_too_large!";
        let as_absent = nothing.heard(&nowhere, bring(phone, &nowhere, TOO_MUCH, Vec::new())).await;
        count(reply, known, as_absent, &format!("brings to {place}"));
    }
    files(history, me, matter, compared).await;
}

/// A file that one may not read can not be taken into a matter that one knows of, nor any file into one that one does not.
async fn files(history: &History, me: usize, matter: &Matter, compared: &mut Compared) {
    let phone = &history.people[me].phone;
    let knows = rule::knows_matter(me, &history.people[me], matter);
    let new = |attachment_id| FileDocument { key: phone.key(), name: "Taken".to_owned(), attachment_id };
    let next = |attachment_id| FileVersion { key: phone.key(), attachment_id };
    let (add, version) = (
        format!("/v1/matters/{}/documents", matter.id),
        format!("/v1/documents/{}/versions", matter.documents[0]),
    );
    let absent = AttachmentId::from_bytes([9; 16]);
    for talk in &history.talks {
        let Some((file, seq)) = talk.file else { continue };
        if knows && rule::reads(history, me, talk, seq) {
            continue;
        }
        for (denied, none) in [
            (phone.post(&add, &new(file)).await, phone.post(&add, &new(absent)).await),
            (phone.post(&version, &next(file)).await, phone.post(&version, &next(absent)).await),
        ] {
            compared.count(denied.status.is_success(), || format!("{me} takes a file"), false);
            assert_eq!(seen(denied), seen(none));
        }
    }
}

/// Copies into a message, by those who may not post it, or may not know of the document.
pub(super) async fn copies(
    world: &World,
    history: &History,
    me: usize,
    talk: &Talk,
    nothing: &mut Nothing,
    compared: &mut Compared,
) {
    let phone = &history.people[me].phone;
    let copy = async |conversation_id, document_id| {
        let message = SendCopies {
            epoch: world.app.epoch(),
            conversation_id,
            body: String::new(),
            composed_at_ms: 1,
            documents: vec![DocumentCopy {
                document_id,
                version: 1,
                sha256: Sha256::of(&[&[0]]),
                name: "A".to_owned(),
            }],
            receipt: None,
        };
        phone.put(&format!("/v1/copies/{}", phone.key()), &message).await
    };
    for matter in &history.matters {
        let (knows, posts) =
            (rule::knows_matter(me, &history.people[me], matter), rule::posts(history, me, talk));
        if knows && posts {
            continue;
        }
        let reply = copy(talk.id, matter.documents[0]).await;
        let (nowhere, absent) = (ConversationId::from_bytes([9; 16]), DocumentId::from_bytes([9; 16]));
        let is_hidden = ["conversation_not_found!", "document_not_found!"].contains(&reply.code().as_str());
        let expected = knows && rule::knows(history, me, talk);
        compared.count(
            !is_hidden,
            || format!("{me} copies into {:?}: {}", talk.kind, reply.code()),
            expected,
        );
        if is_hidden {
            let as_absent = if knows {
                nothing.heard("copy to nowhere", copy(nowhere, matter.documents[0])).await
            } else {
                nothing.heard(&format!("copy of nothing {}", talk.id), copy(talk.id, absent)).await
            };
            assert_eq!(&seen(reply), as_absent);
        }
    }
}
