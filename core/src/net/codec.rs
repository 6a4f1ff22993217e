//! One function per request of the wire: its method, path and JSON.

use portico_wire::document::{DocumentName, FileDocument, FileVersion, SendCopies};
use portico_wire::encoding::Sha256;
use portico_wire::factor::{ConfirmTotp, DecideApproval, FactorAnswer};
use portico_wire::ids::{
    AttachmentId, ChallengeId, ConversationId, DeviceId, DocumentId, EntryId, Epoch, MatterId, PersonId,
    SendKey,
};
use portico_wire::invitation::BeginInvited;
use portico_wire::looked_at::LookedAt;
use portico_wire::message::{SendMessage, Withdraw};
use portico_wire::office::{AddPerson, BeginConversation, MatterAccess, OpenMatter, StateWanted};
use portico_wire::signin::{
    AnswerChallenge, AskNonce, BeginSignIn, ChangeEmail, ConfirmEmail, PushAddress, Refresh,
};
use portico_wire::sync::Cursor;
use portico_wire::upload::OpenBatch;
use serde::Serialize;

use crate::ports::{Method, Patience, Request};

fn get(path: String) -> Request {
    Request { method: Method::Get, path, bearer: None, body: None, patience: Patience::Usual }
}

fn with_body<T: Serialize>(method: Method, path: String, body: &T) -> Request {
    let body = serde_json::to_vec(body).expect("wire types are plain data, which always serializes");
    Request { method, path, bearer: None, body: Some(body), patience: Patience::Usual }
}

/// `GET /v1/limits`.
#[must_use]
pub fn limits() -> Request {
    get("/v1/limits".to_owned())
}

/// `POST /v1/sign-in`.
#[must_use]
pub fn begin_sign_in(body: &BeginSignIn) -> Request {
    with_body(Method::Post, "/v1/sign-in".to_owned(), body)
}

/// `POST /v1/sign-in/invited`.
#[must_use]
pub fn begin_invited(body: &BeginInvited) -> Request {
    with_body(Method::Post, "/v1/sign-in/invited".to_owned(), body)
}

/// `POST /v1/people/{id}/invitation`.
#[must_use]
pub fn invite(person: PersonId) -> Request {
    with_body(Method::Post, format!("/v1/people/{person}/invitation"), &())
}

/// `POST /v1/sign-in/{challenge}/answer`.
#[must_use]
pub fn answer_challenge(challenge: ChallengeId, body: &AnswerChallenge) -> Request {
    with_body(Method::Post, format!("/v1/sign-in/{challenge}/answer"), body)
}

/// `POST /v1/sessions/nonce`.
#[must_use]
pub fn ask_nonce(device_id: DeviceId) -> Request {
    with_body(Method::Post, "/v1/sessions/nonce".to_owned(), &AskNonce { device_id })
}

/// `POST /v1/sessions/refresh`.
#[must_use]
pub fn refresh(body: &Refresh) -> Request {
    with_body(Method::Post, "/v1/sessions/refresh".to_owned(), body)
}

/// `DELETE /v1/devices/{id}`.
#[must_use]
pub fn sign_out(device: DeviceId) -> Request {
    Request { method: Method::Delete, ..get(format!("/v1/devices/{device}")) }
}

/// `GET /v1/devices`.
#[must_use]
pub fn devices() -> Request {
    get("/v1/devices".to_owned())
}

/// `POST /v1/devices/{id}/wipe`.
#[must_use]
pub fn wipe_device(device: DeviceId) -> Request {
    with_body(Method::Post, format!("/v1/devices/{device}/wipe"), &())
}

/// `POST /v1/email`.
#[must_use]
pub fn change_email(body: &ChangeEmail) -> Request {
    with_body(Method::Post, "/v1/email".to_owned(), body)
}

/// `POST /v1/email/{change}/confirm`.
#[must_use]
pub fn confirm_email(change: ChallengeId, body: &ConfirmEmail) -> Request {
    with_body(Method::Post, format!("/v1/email/{change}/confirm"), body)
}

/// `GET /v1/factors`.
#[must_use]
pub fn factors() -> Request {
    get("/v1/factors".to_owned())
}

/// `POST /v1/step-up`.
#[must_use]
pub fn step_up(body: &FactorAnswer) -> Request {
    with_body(Method::Post, "/v1/step-up".to_owned(), body)
}

/// `GET /v1/approvals`.
#[must_use]
pub fn approvals() -> Request {
    get("/v1/approvals".to_owned())
}

/// `POST /v1/approvals/{challenge}`.
#[must_use]
pub fn decide_approval(challenge: ChallengeId, body: &DecideApproval) -> Request {
    with_body(Method::Post, format!("/v1/approvals/{challenge}"), body)
}

/// `POST /v1/factors/totp`.
#[must_use]
pub fn show_totp() -> Request {
    with_body(Method::Post, "/v1/factors/totp".to_owned(), &())
}

/// `POST /v1/factors/totp/confirm`.
#[must_use]
pub fn confirm_totp(body: &ConfirmTotp) -> Request {
    with_body(Method::Post, "/v1/factors/totp/confirm".to_owned(), body)
}

/// `DELETE /v1/factors/totp`.
#[must_use]
pub fn remove_totp() -> Request {
    Request { method: Method::Delete, ..get("/v1/factors/totp".to_owned()) }
}

/// `POST /v1/factors/recovery-codes`.
#[must_use]
pub fn make_recovery_codes() -> Request {
    with_body(Method::Post, "/v1/factors/recovery-codes".to_owned(), &())
}

/// `PUT /v1/devices/{id}/push`.
#[must_use]
pub fn put_push_address(device: DeviceId, body: &PushAddress) -> Request {
    with_body(Method::Put, format!("/v1/devices/{device}/push"), body)
}

/// `GET /v1/sync`.
#[must_use]
pub fn sync(cursor: Cursor, wait_s: u32) -> Request {
    let patience = if wait_s > 0 { Patience::LongPoll } else { Patience::Usual };
    Request { patience, ..get(format!("/v1/sync?cursor={cursor}&wait={wait_s}")) }
}

/// `GET /v1/snapshot`. `epoch`: the one this phone lives in, if any.
#[must_use]
pub fn snapshot(epoch: Option<Epoch>) -> Request {
    get(match epoch {
        Some(epoch) => format!("/v1/snapshot?epoch={epoch}"),
        None => "/v1/snapshot".to_owned(),
    })
}

/// `GET /v1/conversations/{id}/entries`.
#[must_use]
pub fn entries_before(conversation: ConversationId, before_seq: u64, limit: u32) -> Request {
    get(format!("/v1/conversations/{conversation}/entries?before={before_seq}&limit={limit}"))
}

/// `PUT /v1/messages/{send_key}`.
#[must_use]
pub fn put_message(key: SendKey, body: &SendMessage) -> Request {
    with_body(Method::Put, format!("/v1/messages/{key}"), body)
}

/// `PUT /v1/batches/{send_key}`.
#[must_use]
pub fn put_batch(key: SendKey, body: &OpenBatch) -> Request {
    Request { patience: Patience::Upload, ..with_body(Method::Put, format!("/v1/batches/{key}"), body) }
}

/// `GET /v1/batches/{send_key}`.
#[must_use]
pub fn ask_batch(key: SendKey) -> Request {
    get(format!("/v1/batches/{key}"))
}

/// `PUT /v1/copies/{send_key}`.
#[must_use]
pub fn put_copies(key: SendKey, body: &SendCopies) -> Request {
    with_body(Method::Put, format!("/v1/copies/{key}"), body)
}

/// `POST /v1/sends/{key}/withdraw`.
#[must_use]
pub fn withdraw(key: SendKey, epoch: Epoch) -> Request {
    with_body(Method::Post, format!("/v1/sends/{key}/withdraw"), &Withdraw { epoch })
}

/// `GET /v1/people`.
#[must_use]
pub fn people() -> Request {
    get("/v1/people".to_owned())
}

/// `POST /v1/people`.
#[must_use]
pub fn add_person(body: &AddPerson) -> Request {
    with_body(Method::Post, "/v1/people".to_owned(), body)
}

/// `POST /v1/people/{id}/readmission`.
#[must_use]
pub fn readmit(person: PersonId) -> Request {
    with_body(Method::Post, format!("/v1/people/{person}/readmission"), &())
}

/// `POST /v1/people/{id}/departure`.
#[must_use]
pub fn depart(person: PersonId) -> Request {
    with_body(Method::Post, format!("/v1/people/{person}/departure"), &())
}

/// `GET /v1/matters`.
#[must_use]
pub fn matters() -> Request {
    get("/v1/matters".to_owned())
}

/// `POST /v1/matters`.
#[must_use]
pub fn open_matter(body: &OpenMatter) -> Request {
    with_body(Method::Post, "/v1/matters".to_owned(), body)
}

/// `PUT /v1/matters/{id}/access`.
#[must_use]
pub fn set_matter_access(matter: MatterId, body: &MatterAccess) -> Request {
    with_body(Method::Put, format!("/v1/matters/{matter}/access"), body)
}

/// `GET /v1/conversations`.
#[must_use]
pub fn known_conversations(before: Option<ConversationId>) -> Request {
    get(match before {
        Some(before) => format!("/v1/conversations?before={before}"),
        None => "/v1/conversations".to_owned(),
    })
}

/// `POST /v1/conversations`.
#[must_use]
pub fn begin_conversation(body: &BeginConversation) -> Request {
    with_body(Method::Post, "/v1/conversations".to_owned(), body)
}

/// `PUT /v1/conversations/{id}/participants/{person}`.
#[must_use]
pub fn add_participant(conversation: ConversationId, person: PersonId) -> Request {
    with_body(Method::Put, format!("/v1/conversations/{conversation}/participants/{person}"), &())
}

/// `DELETE /v1/conversations/{id}/participants/{person}`.
#[must_use]
pub fn remove_participant(conversation: ConversationId, person: PersonId) -> Request {
    with_body(Method::Delete, format!("/v1/conversations/{conversation}/participants/{person}"), &())
}

/// `PUT /v1/conversations/{id}/state`.
#[must_use]
pub fn set_conversation_state(conversation: ConversationId, body: &StateWanted) -> Request {
    with_body(Method::Put, format!("/v1/conversations/{conversation}/state"), body)
}

/// `GET /v1/conversations/{id}/readers`.
#[must_use]
pub fn readers(conversation: ConversationId) -> Request {
    get(format!("/v1/conversations/{conversation}/readers"))
}

/// `GET /v1/matters/{id}/documents`.
#[must_use]
pub fn documents(matter: MatterId, before: Option<DocumentId>) -> Request {
    get(match before {
        Some(before) => format!("/v1/matters/{matter}/documents?before={before}"),
        None => format!("/v1/matters/{matter}/documents"),
    })
}

/// `GET /v1/documents/{id}`.
#[must_use]
pub fn document(document: DocumentId) -> Request {
    get(format!("/v1/documents/{document}"))
}

/// `POST /v1/matters/{id}/documents`.
#[must_use]
pub fn file_document(matter: MatterId, body: &FileDocument) -> Request {
    with_body(Method::Post, format!("/v1/matters/{matter}/documents"), body)
}

/// `POST /v1/documents/{id}/versions`.
#[must_use]
pub fn file_version(document: DocumentId, body: &FileVersion) -> Request {
    with_body(Method::Post, format!("/v1/documents/{document}/versions"), body)
}

/// `PUT /v1/documents/{id}/name`.
#[must_use]
pub fn rename_document(document: DocumentId, body: &DocumentName) -> Request {
    with_body(Method::Put, format!("/v1/documents/{document}/name"), body)
}

/// `POST /v1/documents/{id}/removal`.
#[must_use]
pub fn remove_document(document: DocumentId) -> Request {
    with_body(Method::Post, format!("/v1/documents/{document}/removal"), &())
}

/// The path of `PUT /v1/matters/{id}/documents/{key}`, whose body is the file.
#[must_use]
pub fn new_document(matter: MatterId, key: SendKey, name: &str, sha256: &Sha256) -> String {
    format!("/v1/matters/{matter}/documents/{key}?name={}&sha256={sha256}", encoded(name))
}

/// The path of `PUT /v1/documents/{id}/versions/{key}`, whose body is the file.
#[must_use]
pub fn new_version(document: DocumentId, key: SendKey, sha256: &Sha256) -> String {
    format!("/v1/documents/{document}/versions/{key}?sha256={sha256}")
}

/// The path of `GET /v1/documents/{id}/content`, whose answer is the file.
#[must_use]
pub fn document_content(document: DocumentId, version: u32) -> String {
    format!("/v1/documents/{document}/content?version={version}")
}

/// The path of `GET /v1/attachments/{id}`, whose answer is the file.
#[must_use]
pub fn attachment(attachment: AttachmentId) -> String {
    format!("/v1/attachments/{attachment}")
}

/// Percent-encoded, byte for byte.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// `GET /v1/search?q&before`.
#[must_use]
pub fn search(text: &str, before: Option<EntryId>) -> Request {
    let text = encoded(text);
    let before = before.map_or(String::new(), |before| format!("&before={before}"));
    get(format!("/v1/search?q={text}{before}"))
}

/// `PUT /v1/conversations/{id}/looked-at`.
#[must_use]
pub fn look_at(conversation: ConversationId, body: &LookedAt) -> Request {
    with_body(Method::Put, format!("/v1/conversations/{conversation}/looked-at"), body)
}
