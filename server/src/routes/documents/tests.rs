//! Documents over HTTP: added, given new versions, renamed, removed, and copied into messages.

use axum::body::Body;
use http::header::CONTENT_LENGTH;
use http::{Method, Request, StatusCode};
use portico_wire::document::{
    Document, DocumentAct, DocumentCopy, DocumentKept, DocumentName, DocumentRow, Documents, FileDocument,
    FileVersion, SendCopies,
};
use portico_wire::encoding::Sha256;
use portico_wire::ids::{ContentId, ConversationId, DocumentId, SendKey};
use portico_wire::message::Accepted;
use portico_wire::{WIRE_HEADER, WIRE_VERSION};

use crate::store::{FirmLimits, Verdict};
use crate::testing::{Pack, Phone, Reply, World, ask, content};

async fn bring(phone: &Phone, path: &str, bytes: &[u8], length: u64, sha256: Sha256) -> Reply {
    let request = Request::builder().method(Method::PUT).uri(format!("{path}sha256={sha256}"));
    let request = request.header(WIRE_HEADER, WIRE_VERSION).header(CONTENT_LENGTH, length);
    let request = request.header("authorization", format!("Bearer {}", phone.token));
    ask(&phone.router, request.body(Body::from(bytes.to_vec())).unwrap()).await
}

fn new_document(world: &World, key: SendKey, name: &str) -> String {
    format!("/v1/matters/{}/documents/{key}?name={name}&", world.firm.matters["harbour"])
}

async fn add(world: &World, phone: &Phone, name: &str, bytes: &[u8]) -> DocumentId {
    let path = new_document(world, phone.key(), name);
    let kept = bring(phone, &path, bytes, bytes.len() as u64, Sha256::of(&[bytes])).await;
    kept.json::<DocumentKept>().document_id
}

async fn version(phone: &Phone, document: DocumentId, bytes: &[u8]) -> u32 {
    let path = format!("/v1/documents/{document}/versions/{}?", phone.key());
    let kept = bring(phone, &path, bytes, bytes.len() as u64, Sha256::of(&[bytes])).await;
    kept.json::<DocumentKept>().version
}

async fn list(world: &World, phone: &Phone) -> Vec<DocumentRow> {
    let path = format!("/v1/matters/{}/documents", world.firm.matters["harbour"]);
    phone.get(&path).await.json::<Documents>().documents
}

async fn fetch(phone: &Phone, document: DocumentId, query: &str) -> Reply {
    phone.get(&format!("/v1/documents/{document}/content{query}")).await
}

async fn rename(phone: &Phone, document: DocumentId, name: &str) -> Reply {
    phone.put(&format!("/v1/documents/{document}/name"), &DocumentName { name: name.to_owned() }).await
}

async fn remove(phone: &Phone, document: DocumentId) -> Reply {
    phone.post(&format!("/v1/documents/{document}/removal"), &()).await
}

/// A message with these versions, as a phone that has looked at them asks for it.
async fn copies(
    world: &World,
    phone: &Phone,
    to: ConversationId,
    documents: &[(DocumentId, u32)],
) -> SendCopies {
    let mut copies = Vec::new();
    for (document_id, version) in documents {
        let told: Document = phone.get(&format!("/v1/documents/{document_id}")).await.json();
        let change = told.changes.into_iter().rev().find(|change| change.version == *version);
        let (name, sha256) =
            change.map_or(("A".to_owned(), Sha256::ZERO), |change| (change.name, change.sha256));
        copies.push(DocumentCopy { document_id: *document_id, version: *version, sha256, name });
    }
    SendCopies {
        epoch: world.app.epoch(),
        conversation_id: to,
        body: String::new(),
        composed_at_ms: 1,
        documents: copies,
        receipt: None,
    }
}

async fn send(phone: &Phone, key: SendKey, message: &SendCopies) -> Reply {
    phone.put(&format!("/v1/copies/{key}"), message).await
}

// R45: what a matter's document is, and everything that was done to it, for all who may know of the matter.
#[tokio::test]
async fn document_is_added_versioned_renamed_and_removed() {
    let world = World::new().await;
    let (mara, jonas) = (world.phone("mara").await, world.phone("jonas").await);
    let (first, second) = (b"%PDF-1.7 draft".to_vec(), content(1, 200_000));

    let lease = add(&world, &mara, "Lease.pdf", &first).await;
    assert_eq!(version(&jonas, lease, &second).await, 2);
    assert_eq!(rename(&jonas, lease, "Lease, signed.pdf").await.status, StatusCode::OK);

    let rows = list(&world, &mara).await;
    assert_eq!(
        rows.iter().map(|row| (row.name.as_str(), row.version)).collect::<Vec<_>>(),
        [("Lease, signed.pdf", 2)]
    );
    assert_eq!((rows[0].size_bytes, rows[0].sha256), (200_000, Sha256::of(&[&second])));
    assert_eq!(rows[0].changed_by, world.firm.people["jonas"].person_id);
    let told: Document = mara.get(&format!("/v1/documents/{lease}")).await.json();
    let acts: Vec<_> =
        told.changes.iter().map(|change| (change.act, change.by_name.as_str(), change.version)).collect();
    assert_eq!(
        acts,
        [
            (DocumentAct::Added, "Mara Okafor", 1),
            (DocumentAct::Versioned, "Jonas Weber", 2),
            (DocumentAct::Renamed, "Jonas Weber", 2)
        ]
    );
    assert_eq!(fetch(&mara, lease, "").await.body, second);
    let old = fetch(&mara, lease, "?version=1").await;
    assert_eq!((old.body, old.headers["content-type"].to_str().unwrap()), (first, "application/pdf"));
    assert_eq!(fetch(&mara, lease, "?version=3").await.code(), "not_found");

    assert_eq!(remove(&mara, lease).await.status, StatusCode::OK);

    assert_eq!(list(&world, &jonas).await, []);
    for reply in [
        fetch(&jonas, lease, "?version=1").await,
        jonas.get(&format!("/v1/documents/{lease}")).await,
        rename(&jonas, lease, "x").await,
    ] {
        assert_eq!(reply.code(), "not_found");
    }
    // Whoever lost the answer asks again.
    assert_eq!(remove(&mara, lease).await.status, StatusCode::OK);
}

// R1, R2, R45: the copy in a message is its own file, whatever becomes of the document.
#[tokio::test]
async fn copy_in_a_message_is_touched_by_nothing_that_follows() {
    let world = World::new().await;
    let (mara, amina) = (world.phone("mara").await, world.phone("amina").await);
    let bytes = content(3, 70_000);
    let lease = add(&world, &mara, "Lease.pdf", &bytes).await;
    let claim = world.conversation("claim");
    let sent: Accepted =
        send(&mara, mara.key(), &copies(&world, &mara, claim, &[(lease, 1)]).await).await.json();

    version(&mara, lease, b"another").await;
    rename(&mara, lease, "Other name.pdf").await;
    let again: Accepted =
        send(&mara, mara.key(), &copies(&world, &mara, claim, &[(lease, 1), (lease, 2)]).await).await.json();
    remove(&mara, lease).await;

    let [copy] = &sent.entry.files[..] else { panic!("{:?}", sent.entry.files) };
    assert_eq!(
        (copy.name.as_str(), copy.sha256, copy.size_bytes),
        ("Lease.pdf", Sha256::of(&[&bytes]), 70_000)
    );
    let fetched = amina.attachment(copy.attachment_id).await;
    assert_eq!(fetched.body, bytes);
    assert!(fetched.headers["content-disposition"].to_str().unwrap().contains("Lease.pdf"));
    let names: Vec<_> = again.entry.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["Lease.pdf", "Other name.pdf"], "each under the name that its version had last");
    assert!(
        again.entry.files.iter().all(|file| file.attachment_id != copy.attachment_id),
        "a copy of its own"
    );
    assert_eq!(sent.entry.computed_hash(world.firm.firm_id), sent.entry.hash);
    assert_eq!(world.app.verify().await.unwrap().faults, []);
}

// R51: the answer that was lost comes again; the key stands for one message.
#[tokio::test]
async fn message_with_copies_is_sent_once() {
    let world = World::new().await;
    let mara = world.phone("mara").await;
    let lease = add(&world, &mara, "Lease.pdf", b"lease").await;
    let (key, claim) = (mara.key(), world.conversation("claim"));
    let message = copies(&world, &mara, claim, &[(lease, 1)]).await;

    let first: Accepted = send(&mara, key, &message).await.json();
    remove(&mara, lease).await;
    let second: Accepted = send(&mara, key, &message).await.json();
    let other = send(&mara, key, &SendCopies { body: "x".to_owned(), ..message.clone() }).await;

    assert_eq!(first, second);
    assert_eq!(other.code(), "send_key_reused!");
    assert_eq!(send(&mara, mara.key(), &message).await.code(), "document_not_found!");
}

// R11, R12, R13: what a message may hold, it may hold of copies.
#[tokio::test]
async fn copies_that_can_not_be_sent_are_refused_with_numbers_and_places() {
    let world = World::new().await;
    let (mara, claim) = (world.phone("mara").await, world.conversation("claim"));
    let lease = add(&world, &mara, "Lease.pdf", &content(1, 1_000)).await;
    let (firm, two) = (world.firm.firm_id, [(lease, 1), (lease, 9)]);
    let sent = async |documents: &[(DocumentId, u32)]| {
        send(&mara, mara.key(), &copies(&world, &mara, claim, documents).await).await
    };

    let missing = sent(&two).await;
    let many = sent(&[(lease, 1); 131]).await;
    let none = sent(&[]).await;
    let limits = FirmLimits { batch_bytes_max: Some(1_999), ..FirmLimits::default() };
    world.app.store().set_limits(firm, limits).await.unwrap();
    let large = sent(&[(lease, 1); 2]).await;

    assert_eq!((missing.code().as_str(), missing.problem().file), ("document_not_found!", Some(1)));
    assert_eq!((many.code().as_str(), many.problem().measured), ("batch_too_many_files!", Some(131)));
    assert_eq!(none.code(), "batch_empty!");
    let numbers = (large.problem().limit, large.problem().measured);
    assert_eq!((large.code().as_str(), numbers), ("batch_too_large!", (Some(1_999), Some(2_000))));
}

// R45: a file that came in a message becomes a document, and stays the file that it is.
#[tokio::test]
async fn file_of_a_conversation_becomes_a_document() {
    let world = World::new().await;
    let (mara, amina) = (world.phone("mara").await, world.phone("amina").await);
    let sent = amina.carry(&Pack::of(&amina, &world, world.conversation("claim"), &[80_000, 10])).await;
    let [photo, note] = [0, 1].map(|place| sent.entry.files[place].attachment_id);
    let path = format!("/v1/matters/{}/documents", world.firm.matters["harbour"]);
    let new = FileDocument { key: mara.key(), name: "Photo".to_owned(), attachment_id: photo };

    let kept: DocumentKept = mara.post(&path, &new).await.json();
    let again: DocumentKept = mara.post(&path, &new).await.json();
    let next = FileVersion { key: mara.key(), attachment_id: note };
    let versions = format!("/v1/documents/{}/versions", kept.document_id);
    let version: DocumentKept = mara.post(&versions, &next).await.json();

    assert_eq!((kept, version.version), (again, 2));
    assert_eq!(fetch(&mara, kept.document_id, "?version=1").await.body, content(0, 80_000));
    assert_eq!(fetch(&mara, kept.document_id, "").await.body, content(1, 10));
    assert_eq!(world.segments(), 1, "its bytes are where they were");
    let claim = world.conversation("claim");
    let file = ContentId::from_bytes(*photo.as_bytes());
    world.app.store().set_verdict(file, Verdict::Refused).await.unwrap();
    assert_eq!(fetch(&mara, kept.document_id, "?version=1").await.code(), "attachment_refused");
    let copy: Accepted =
        send(&mara, mara.key(), &copies(&world, &mara, claim, &[(kept.document_id, 1)]).await).await.json();
    assert_eq!(amina.attachment(copy.entry.files[0].attachment_id).await.code(), "attachment_refused");
}

// R17, R45: for whoever may not know of the matter there is neither it nor its documents.
#[tokio::test]
async fn documents_of_a_hidden_matter_answer_like_absent_ones() {
    let world = World::new().await;
    let (mara, jonas, amina) =
        (world.phone("mara").await, world.phone("jonas").await, world.phone("amina").await);
    let lease = add(&world, &mara, "Lease.pdf", b"lease").await;
    let harbour = world.firm.matters["harbour"];
    let only =
        portico_wire::office::MatterAccess { restricted_to: Some(vec![world.firm.people["mara"].person_id]) };
    mara.put(&format!("/v1/matters/{harbour}/access"), &only).await;
    let absent = DocumentId::from_bytes([9; 16]);

    for phone in [&jonas, &amina] {
        let seen = async |document| {
            let replies = [fetch(phone, document, "").await, remove(phone, document).await];
            replies.map(|reply| (reply.status, reply.headers, reply.body))
        };
        assert_eq!(seen(lease).await, seen(absent).await);
        let listed = phone.get(&format!("/v1/matters/{harbour}/documents")).await;
        assert_eq!(listed.code(), "not_found");
    }
    assert_eq!(list(&world, &mara).await.len(), 1);
}

// R51: the same request again keeps nothing twice, and no byte.
#[tokio::test]
async fn same_key_adds_one_document() {
    let world = World::new().await;
    let mara = world.phone("mara").await;
    let (path, bytes) = (new_document(&world, mara.key(), "Lease.pdf"), content(1, 100_000));

    let first = bring(&mara, &path, &bytes, 100_000, Sha256::of(&[&bytes])).await;
    let second = bring(&mara, &path, &bytes, 100_000, Sha256::of(&[&bytes])).await;

    assert_eq!(first.json::<DocumentKept>(), second.json::<DocumentKept>());
    assert_eq!((list(&world, &mara).await.len(), world.segments()), (1, 1));
}

// R13, R37: what is not what was announced, or too much, is refused and leaves no byte behind.
#[tokio::test]
async fn bytes_that_can_not_be_kept_leave_nothing() {
    let world = World::new().await;
    let mara = world.phone("mara").await;
    let (bytes, firm) = (content(1, 100_000), world.firm.firm_id);
    let hash = Sha256::of(&[&bytes]);
    let path = || new_document(&world, mara.key(), "Lease.pdf");

    let damaged = bring(&mara, &path(), &bytes, 100_000, Sha256::of(&[b"another"])).await;
    let short = bring(&mara, &path(), &bytes[..50_000], 100_000, hash).await;
    let long = bring(&mara, &path(), &[bytes.clone(), vec![1]].concat(), 100_000, hash).await;
    let large = bring(&mara, &path(), &[], 104_857_601, hash).await;
    let unnamed = bring(&mara, &new_document(&world, mara.key(), "%0A"), &bytes, 100_000, hash).await;
    let limits = FirmLimits { storage_bytes_max: Some(99_999), ..FirmLimits::default() };
    world.app.store().set_limits(firm, limits).await.unwrap();
    let full = bring(&mara, &path(), &bytes, 100_000, hash).await;

    assert_eq!((damaged.code().as_str(), damaged.problem().file), ("file_damaged!", Some(0)));
    assert_eq!([short.code(), long.code(), unnamed.code()], ["bad_request"; 3]);
    assert_eq!((large.code().as_str(), large.problem().limit), ("batch_too_large!", Some(104_857_600)));
    assert_eq!((full.code().as_str(), full.problem().measured), ("quota_exceeded!", Some(100_000)));
    assert_eq!((list(&world, &mara).await, world.segments()), (vec![], 0));
}

// R45, R55: documents are of the firm's record: a restore brings them back.
#[tokio::test]
async fn documents_come_back_from_a_backup() {
    let world = World::new().await;
    let mut mara = world.phone("mara").await;
    let bytes = content(1, 100_000);
    let lease = add(&world, &mara, "Lease.pdf", &bytes).await;
    world.backup("b1");
    mara.hang_up();

    let world = world.restore("b1");

    let mara = world.phone("mara").await;
    assert_eq!(fetch(&mara, lease, "").await.body, bytes);
    assert_eq!(world.app.verify().await.unwrap().files, 1);
}

// A long list comes in pages.
#[tokio::test]
async fn documents_come_in_pages_the_newest_first() {
    let world = World::new().await;
    let mara = world.phone("mara").await;
    for name in ["a", "b", "c"] {
        world.clock.advance_ms(1);
        add(&world, &mara, name, name.as_bytes()).await;
    }
    let path = format!("/v1/matters/{}/documents?limit=2", world.firm.matters["harbour"]);

    let first: Documents = mara.get(&path).await.json();
    let last = first.documents.last().unwrap().document_id;
    let second: Documents = mara.get(&format!("{path}&before={last}")).await.json();

    let names = |page: &Documents| page.documents.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
    assert_eq!((names(&first), first.more), (vec!["c".to_owned(), "b".to_owned()], true));
    assert_eq!((names(&second), second.more), (vec!["a".to_owned()], false));
}

// R1, R13: the bytes are those that the sender saw, or none.
#[tokio::test]
async fn copy_of_other_bytes_than_the_sender_saw_is_refused() {
    let world = World::new().await;
    let (mara, claim) = (world.phone("mara").await, world.conversation("claim"));
    let lease = add(&world, &mara, "Lease.pdf", b"lease").await;
    let mut message = copies(&world, &mara, claim, &[(lease, 1)]).await;
    message.documents[0].sha256 = Sha256::of(&[b"another"]);

    assert_eq!(send(&mara, mara.key(), &message).await.code(), "document_not_found!");
}

// R13, R51: a key stands for one thing: the same bytes at the same place.
#[tokio::test]
async fn key_that_was_used_for_something_else_is_refused() {
    let world = World::new().await;
    let mara = world.phone("mara").await;
    let (key, bytes) = (mara.key(), b"lease");
    let hash = Sha256::of(&[bytes]);
    let kept = bring(&mara, &new_document(&world, key, "Lease.pdf"), bytes, 5, hash).await;
    let lease = kept.json::<DocumentKept>().document_id;

    let other = Sha256::of(&[b"other"]);
    let bytes_of_others = bring(&mara, &new_document(&world, key, "Lease.pdf"), b"other", 5, other).await;
    let version = bring(&mara, &format!("/v1/documents/{lease}/versions/{key}?"), bytes, 5, hash).await;

    assert_eq!([bytes_of_others.code(), version.code()], ["send_key_reused!"; 2]);
    assert_eq!((list(&world, &mara).await.len(), world.segments()), (1, 1));
}

// R45: an empty file is a file.
#[tokio::test]
async fn empty_document_is_kept_and_fetched() {
    let world = World::new().await;
    let mara = world.phone("mara").await;

    let empty = add(&world, &mara, "Empty.txt", b"").await;

    let fetched = fetch(&mara, empty, "").await;
    assert_eq!((fetched.status, fetched.body), (StatusCode::OK, Vec::new()));
}

// R43, R55: a device that is signed out while it brings a document brings none.
#[tokio::test]
async fn document_of_a_device_that_was_signed_out_meanwhile_is_not_kept() {
    let world = World::new().await;
    let (mara, tablet) = (world.phone("mara").await, world.phone("mara").await);
    let (bytes, path) = (content(1, 200_000), new_document(&world, mara.key(), "Lease.pdf"));
    let hash = Sha256::of(&[&bytes]);
    let signing_out = {
        let (tablet, device) = (&tablet, mara.device);
        async move { tablet.delete(&format!("/v1/devices/{device}")).await }
    };
    let half = bytes[..100_000].to_vec();
    let rest = bytes[100_000..].to_vec();
    let (first, more) = tokio::sync::oneshot::channel::<()>();
    let frames = futures_util::stream::unfold((0, Some(more)), move |(number, more)| {
        let (half, rest) = (half.clone(), rest.clone());
        async move {
            match (number, more) {
                (0, more) => Some((Ok::<_, std::io::Error>(half), (1, more))),
                (1, Some(more)) => {
                    more.await.unwrap();
                    Some((Ok(rest), (2, None)))
                }
                _ => None,
            }
        }
    });
    let request = Request::builder().method(Method::PUT).uri(format!("{path}sha256={hash}"));
    let request = request.header(WIRE_HEADER, WIRE_VERSION).header(CONTENT_LENGTH, 200_000);
    let request = request.header("authorization", format!("Bearer {}", mara.token));
    let bringing = ask(&mara.router, request.body(Body::from_stream(frames)).unwrap());

    let (brought, ()) = tokio::join!(bringing, async {
        signing_out.await;
        first.send(()).unwrap();
    });

    assert_eq!(brought.code(), "not_found");
    assert_eq!((list(&world, &tablet).await, world.segments()), (vec![], 0));
}
