//! One request of each route, aimed at things of a firm. A route that nobody has written one for is asked by its path alone.

use axum::body::Body;
use http::header::CONTENT_LENGTH;
use http::{Method, Request};
use portico_wire::conversation::{ConversationKind, ConversationState, Standing};
use portico_wire::document::{DocumentCopy, DocumentName, FileDocument, FileVersion, SendCopies};
use portico_wire::encoding::{Base64, Sha256};
use portico_wire::ids::{AttachmentId, ConversationId, DocumentId, MatterId, PersonId};
use portico_wire::looked_at::{LookedAt, ShownRange};
use portico_wire::message::Withdraw;
use portico_wire::office::{AddPerson, BeginConversation, MatterAccess, OpenMatter, StateWanted};
use portico_wire::signin::{AskNonce, PushAddress};
use portico_wire::sync::Cursor;
use portico_wire::{WIRE_HEADER, WIRE_VERSION};
use serde_json::{Value, json};

use crate::testing::{Pack, Phone, Reply, World, ask};

/// The body of what is carried as it is.
const BYTES: &[u8] = b"the words of a document";

/// What requests are about.
#[derive(Clone)]
pub(super) struct Aims {
    pub(super) conversation: ConversationId,
    pub(super) attachment: AttachmentId,
    pub(super) matter: MatterId,
    /// The first of the two that `documents::two` makes.
    pub(super) document: DocumentId,
    /// Who is added, removed, sent away.
    pub(super) person: PersonId,
    /// Who may know of the matter, when its access is changed; none: all of the staff.
    pub(super) restricted_to: Option<Vec<PersonId>>,
}

impl Aims {
    /// Asks `route` on `phone`.
    pub(super) async fn ask(&self, world: &World, phone: &Phone, route: &str) -> Reply {
        let (method, path) = route.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        let body = match route {
            "PUT /v1/matters/{id}/documents/{key}" | "PUT /v1/documents/{id}/versions/{key}" => {
                BYTES.to_vec()
            }
            _ => serde_json::to_vec(&self.body(world, phone, route)).unwrap(),
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{}", self.path(phone, path), query(world, route)))
            .header(WIRE_HEADER, WIRE_VERSION)
            .header("authorization", format!("Bearer {}", phone.token))
            .header(CONTENT_LENGTH, body.len());
        ask(&phone.router, request.body(Body::from(body)).unwrap()).await
    }

    /// The path with an id for each name in it: a fresh key, or the thing that the part before it is about.
    fn path(&self, phone: &Phone, path: &str) -> String {
        let mut parts: Vec<String> = Vec::new();
        for part in path.split('/') {
            let about = parts.last().map_or("", |last| last.as_str());
            let id = match (part.starts_with('{'), about) {
                (false, _) => part.to_owned(),
                (true, _) if part.ends_with("key}") => phone.key().to_string(),
                (true, "attachments") => self.attachment.to_string(),
                (true, "conversations") => self.conversation.to_string(),
                (true, "devices") => phone.device.to_string(),
                (true, "documents") => self.document.to_string(),
                (true, "matters") => self.matter.to_string(),
                (true, "participants" | "people") => self.person.to_string(),
                (true, _) => phone.key().to_string(),
            };
            parts.push(id);
        }
        parts.join("/")
    }

    fn body(&self, world: &World, phone: &Phone, route: &str) -> Value {
        let epoch = world.app.epoch();
        match route {
            "PUT /v1/messages/{send_key}" => json!(phone.message(world, self.conversation, "the words")),
            "PUT /v1/batches/{send_key}" => json!(Pack::of(phone, world, self.conversation, &[1]).open),
            "PUT /v1/copies/{send_key}" => json!(self.copies(world)),
            "POST /v1/sends/{key}/withdraw" => json!(Withdraw { epoch }),
            "PUT /v1/conversations/{id}/looked-at" => {
                // What is beyond the log is left out.
                let ranges = vec![ShownRange { from_seq: 1, to_seq: 1_000, shown_at_ms: 1 }];
                json!(LookedAt { epoch, ranges })
            }
            "PUT /v1/conversations/{id}/state" => json!(StateWanted { state: ConversationState::Archived }),
            "PUT /v1/devices/{id}/push" => {
                json!(PushAddress { push_token: "t".to_owned(), push_key: Base64(vec![9; 32]) })
            }
            "POST /v1/sessions/nonce" => json!(AskNonce { device_id: phone.device }),
            _ => self.office_body(phone, route),
        }
    }

    /// Of requests that run the firm.
    fn office_body(&self, phone: &Phone, route: &str) -> Value {
        let (key, attachment_id) = (phone.key(), self.attachment);
        match route {
            "POST /v1/conversations" => json!(BeginConversation {
                key,
                kind: ConversationKind::ExternalMatter,
                title: "A talk".to_owned(),
                matter_id: Some(self.matter),
                participants: Vec::new(),
            }),
            "POST /v1/matters" => {
                json!(OpenMatter { key, title: "A matter".to_owned(), restricted_to: None })
            }
            "PUT /v1/matters/{id}/access" => {
                json!(MatterAccess { restricted_to: self.restricted_to.clone() })
            }
            "POST /v1/matters/{id}/documents" => {
                json!(FileDocument { key, name: "Taken".to_owned(), attachment_id })
            }
            "POST /v1/documents/{id}/versions" => json!(FileVersion { key, attachment_id }),
            "PUT /v1/documents/{id}/name" => json!(DocumentName { name: "Another name".to_owned() }),
            "POST /v1/people" => json!(AddPerson {
                name: "Olu Ade".to_owned(),
                email: format!("olu@{}.example", self.matter),
                standing: Standing::Client,
            }),
            _ => Value::Null,
        }
    }

    fn copies(&self, world: &World) -> SendCopies {
        SendCopies {
            epoch: world.app.epoch(),
            conversation_id: self.conversation,
            body: String::new(),
            composed_at_ms: 1,
            documents: vec![DocumentCopy {
                document_id: self.document,
                version: 1,
                sha256: Sha256::of(&[&[0]]),
                name: "A document".to_owned(),
            }],
            receipt: None,
        }
    }
}

fn query(world: &World, route: &str) -> String {
    match route {
        "GET /v1/search" => "?q=the".to_owned(),
        "GET /v1/sync" => format!("?cursor={}", Cursor { epoch: world.app.epoch(), seq: 0 }),
        "PUT /v1/matters/{id}/documents/{key}" => format!("?name=Brought&sha256={}", Sha256::of(&[BYTES])),
        "PUT /v1/documents/{id}/versions/{key}" => format!("?sha256={}", Sha256::of(&[BYTES])),
        _ => String::new(),
    }
}
