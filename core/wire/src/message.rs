//! A text to send: parsed once at the door, digested by meaning, answered for ever.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::encoding::Sha256;
use crate::entry::Entry;
use crate::ids::{ConversationId, Epoch};
use crate::limits::BODY_BYTES_MAX;
use crate::receipt::Receipt;
use crate::refusal::{Refusal, RefusalCode};

/// The text of a message: valid Unicode, no U+0000, 1 to [`BODY_BYTES_MAX`] bytes, otherwise as given (R4).
///
/// `Debug` shows the length only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Body(String);

impl Body {
    /// Takes `text` as it is, or says why it can not be sent. Nothing is trimmed, normalized or cut (R4).
    ///
    /// # Errors
    /// A [`Refusal`] of code `body_empty`, `body_too_long` (both numbers in bytes) or `body_has_nul`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Refusal> {
        let text = text.into();
        if text.is_empty() {
            return Err(Refusal::of(RefusalCode::BodyEmpty));
        }
        if text.len() > BODY_BYTES_MAX {
            return Err(Refusal::over(RefusalCode::BodyTooLong, BODY_BYTES_MAX as u64, text.len() as u64));
        }
        if text.as_bytes().contains(&0) {
            return Err(Refusal::of(RefusalCode::BodyHasNul));
        }
        Ok(Self(text))
    }

    /// The same for bytes of unknown origin.
    ///
    /// # Errors
    /// As [`Body::parse`], and `body_not_unicode` where the bytes are not UTF-8 (a lone surrogate is not).
    pub fn parse_bytes(bytes: Vec<u8>) -> Result<Self, Refusal> {
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(_) => Err(Refusal::of(RefusalCode::BodyNotUnicode)),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}

/// The body of `PUT /v1/messages/{send_key}`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SendMessage {
    /// The epoch the phone lives in; outside the digest.
    pub epoch: Epoch,
    /// Where to.
    pub conversation_id: ConversationId,
    /// The text, exactly.
    pub body: String,
    /// When the person sent it, by the phone's clock, UTC milliseconds.
    pub composed_at_ms: i64,
    /// After a restore: the server's signed word that it had accepted this before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
}

impl fmt::Debug for SendMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendMessage")
            .field("epoch", &self.epoch)
            .field("conversation_id", &self.conversation_id)
            .field("body_bytes", &self.body.len())
            .field("re_offered", &self.receipt.is_some())
            .finish_non_exhaustive()
    }
}

impl SendMessage {
    /// The digest of this request's meaning; see [`digest`].
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        digest(self.conversation_id, self.composed_at_ms, &self.body)
    }
}

/// The digest of a text's meaning: what the same send key must mean for ever.
///
/// SHA-256 over `"portico text v1\0"`, conversation (16 bytes), composed at (i64 BE), body. Epoch and receipt
/// are outside: offering again after a restore means the same.
#[must_use]
pub fn digest(conversation: ConversationId, composed_at_ms: i64, body: &str) -> Sha256 {
    Sha256::of(&[
        b"portico text v1\0",
        conversation.as_bytes(),
        &composed_at_ms.to_be_bytes(),
        body.as_bytes(),
    ])
}

/// The body of `POST /v1/sends/{key}/withdraw`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Withdraw {
    /// The epoch the phone lives in.
    pub epoch: Epoch,
}

/// The answer of a write that has nothing else to say. Its epoch tells it from a captive portal's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Done {
    /// The server's epoch.
    pub epoch: Epoch,
}

/// An accepted send: the whole entry, and the receipt that outlives a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Accepted {
    /// The server's epoch. The answer counts only if it is the phone's own.
    pub epoch: Epoch,
    /// The entry as it stands in the log.
    pub entry: Entry,
    /// The server's signed word.
    pub receipt: Receipt,
}

/// The answer of `POST /v1/sends/{key}/withdraw`: one of three, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum WithdrawAnswer {
    /// Too late: the message is in the log.
    Accepted(Box<Accepted>),
    /// It had been refused before.
    Refused {
        /// The server's epoch.
        epoch: Epoch,
        /// Why it was refused.
        refusal: Refusal,
    },
    /// It is withdrawn, and no late copy of it will ever be accepted.
    Withdrawn {
        /// The server's epoch.
        epoch: Epoch,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    // R4
    #[test]
    fn body_is_taken_as_given_or_refused_with_numbers() {
        let odd = " \u{FEFF}e\u{301}\r\n\u{202E}x\u{1F469}\u{200D}\u{2695}\u{FE0F} ";
        assert_eq!(Body::parse(odd).unwrap().as_str(), odd);

        assert_eq!(Body::parse("x".repeat(BODY_BYTES_MAX)).unwrap().as_str().len(), 65_536);
        assert_eq!(
            Body::parse("x".repeat(BODY_BYTES_MAX + 1)),
            Err(Refusal::over(RefusalCode::BodyTooLong, 65_536, 65_537))
        );
        assert_eq!(Body::parse("a\0b"), Err(Refusal::of(RefusalCode::BodyHasNul)));
        assert_eq!(Body::parse(""), Err(Refusal::of(RefusalCode::BodyEmpty)));
        assert_eq!(Body::parse_bytes(vec![0xED, 0xA0, 0x80]), Err(Refusal::of(RefusalCode::BodyNotUnicode)));
    }

    // R4
    #[test]
    fn longest_body_of_control_characters_fits_the_json_limit() {
        let body = "\u{1}".repeat(BODY_BYTES_MAX);
        let request = SendMessage {
            epoch: Epoch::from_bytes([1; 16]),
            conversation_id: ConversationId::from_bytes([2; 16]),
            body,
            composed_at_ms: i64::MAX,
            receipt: None,
        };

        let json = serde_json::to_vec(&request).unwrap();

        assert!(json.len() < crate::limits::MESSAGE_JSON_BYTES_MAX, "{} bytes", json.len());
    }

    #[test]
    fn debug_of_a_message_never_shows_its_text() {
        let body = Body::parse("privileged").unwrap();

        assert_eq!(format!("{body:?}"), "Body(10 bytes)");
    }
}
