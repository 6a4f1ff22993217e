//! What every request passes before its endpoint: wire version, session, bounded and well-formed bodies.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::str::FromStr;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::{Either, select};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http_body_util::BodyExt as _;
use portico_wire::document::SendCopies;
use portico_wire::encoding::Base64;
use portico_wire::limits::{MANIFEST_JSON_BYTES_MAX, MESSAGE_JSON_BYTES_MAX, OTHER_JSON_BYTES_MAX};
use portico_wire::message::SendMessage;
use portico_wire::problem::ProblemCode;
use portico_wire::refusal::{Refusal, RefusalCode};
use portico_wire::upload::OpenBatch;
use portico_wire::{WIRE_HEADER, WIRE_VERSION};
use serde::de::DeserializeOwned;

use crate::access::Membership;
use crate::config::Rate;
use crate::error::ApiError;
use crate::state::App;
use crate::store::{Admission, Caller};
use crate::throttle::Subject;

/// The longest pause within a body: what a dead train tunnel takes, well below what a slow attack wants.
const BODY_STALL_MS: u64 = 30_000;

/// The socket's other end, put on the request by the accept loop; in process there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Lets only requests of our wire version through.
pub(crate) async fn speak_wire(request: Request, next: Next) -> Response {
    let said = request.headers().get(WIRE_HEADER).and_then(|value| value.to_str().ok());
    if said.and_then(|text| text.parse().ok()) == Some(WIRE_VERSION) {
        next.run(request).await
    } else {
        ApiError::from(ProblemCode::ClientTooOld).into_response()
    }
}

/// A caller who belongs to the firm.
pub(crate) struct Signed(pub(crate) Caller);

impl FromRequestParts<App> for Signed {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Author(caller) = Author::from_request_parts(parts, app).await?;
        match caller.membership {
            Membership::Current => Ok(Self(caller)),
            Membership::Ended => Err(ProblemCode::MembershipEnded.into()),
        }
    }
}

/// A caller who has a right to the outcome of their sends, also when their membership has ended.
pub(crate) struct Author(pub(crate) Caller);

impl FromRequestParts<App> for Author {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or(ProblemCode::AccessTokenExpired)?;
        match app.store().admit(token, app.now_ms()).await? {
            Admission::Expired => Err(ProblemCode::AccessTokenExpired.into()),
            Admission::SignedOut => Err(ProblemCode::SessionEnded.into()),
            Admission::Admitted(caller) => {
                let rate = app.config().throttle.device;
                app.throttle().take(Subject::Device(caller.device_id), rate, app.now_ms())?;
                Ok(Self(caller))
            }
        }
    }
}

/// A caller whose token is good; none for everybody else, who are not turned away.
pub(crate) struct Known(pub(crate) Option<Caller>);

impl FromRequestParts<App> for Known {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Some(token) = bearer(&parts.headers) else { return Ok(Self(None)) };
        Ok(Self(match app.store().admit(token, app.now_ms()).await? {
            Admission::Admitted(caller) => Some(caller),
            Admission::Expired | Admission::SignedOut => None,
        }))
    }
}

fn bearer(headers: &HeaderMap) -> Option<Vec<u8>> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    text.parse::<Base64>().ok().map(|token| token.0)
}

/// One id in the path.
pub(crate) struct PathId<T>(pub(crate) T);

impl<T: FromStr> FromRequestParts<App> for PathId<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Path(text) =
            Path::<String>::from_request_parts(parts, app).await.map_err(|_| ProblemCode::BadRequest)?;
        text.parse().map(Self).map_err(|_| ProblemCode::BadRequest.into())
    }
}

/// Two ids in the path.
pub(crate) struct PathIds<T, U>(pub(crate) T, pub(crate) U);

impl<T: FromStr, U: FromStr> FromRequestParts<App> for PathIds<T, U> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Path((first, second)) = Path::<(String, String)>::from_request_parts(parts, app)
            .await
            .map_err(|_| ProblemCode::BadRequest)?;
        match (first.parse(), second.parse()) {
            (Ok(first), Ok(second)) => Ok(Self(first, second)),
            _ => Err(ProblemCode::BadRequest.into()),
        }
    }
}

/// The query.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let parsed = axum::extract::Query::<T>::from_request_parts(parts, app).await;
        parsed.map(|query| Self(query.0)).map_err(|_| ProblemCode::BadRequest.into())
    }
}

/// Delays a network address that signs in too often; `parts` tell which.
pub(crate) struct FromAddress;

impl FromRequestParts<App> for FromAddress {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let address = address(parts, &app.config().trusted_proxies);
        let rate: Rate = app.config().throttle.sign_in_address;
        app.throttle().take(Subject::Address(address), rate, app.now_ms())?;
        Ok(Self)
    }
}

/// The caller's network address: the socket's, or what our own proxy saw, which is the last entry it added.
fn address(parts: &Parts, trusted_proxies: &[IpAddr]) -> IpAddr {
    let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0);
    if !trusted_proxies.contains(&peer) {
        return peer;
    }
    let entries = parts.headers.get_all("x-forwarded-for").into_iter().next_back();
    let last = entries.and_then(|value| value.to_str().ok()).and_then(|text| text.rsplit(',').next());
    last.and_then(|text| text.trim().parse().ok()).unwrap_or(peer)
}

/// A JSON body of at most [`OTHER_JSON_BYTES_MAX`].
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let bytes = read(request.into_body(), app, OTHER_JSON_BYTES_MAX).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|_| ProblemCode::BadRequest.into())
    }
}

/// A message: JSON of at most [`MESSAGE_JSON_BYTES_MAX`]; what is not Unicode is refused for good (R4).
pub(crate) struct MessageJson(pub(crate) SendMessage);

impl FromRequest<App> for MessageJson {
    type Rejection = ApiError;
    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        read_send(request, app, MESSAGE_JSON_BYTES_MAX).await.map(Self)
    }
}

/// A manifest: JSON of at most [`MANIFEST_JSON_BYTES_MAX`]; what is not Unicode is refused for good (R4).
pub(crate) struct BatchJson(pub(crate) OpenBatch);

impl FromRequest<App> for BatchJson {
    type Rejection = ApiError;
    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        read_send(request, app, MANIFEST_JSON_BYTES_MAX).await.map(Self)
    }
}

/// A message with copies of documents: JSON of at most [`MESSAGE_JSON_BYTES_MAX`]; what is not Unicode is refused for good
/// (R4).
pub(crate) struct CopiesJson(pub(crate) SendCopies);

impl FromRequest<App> for CopiesJson {
    type Rejection = ApiError;
    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        read_send(request, app, MESSAGE_JSON_BYTES_MAX).await.map(Self)
    }
}

async fn read_send<T: DeserializeOwned>(
    request: Request,
    app: &App,
    bytes_max: usize,
) -> Result<T, ApiError> {
    let bytes = read(request.into_body(), app, bytes_max).await?;
    let not_unicode = || ApiError::refused(&Refusal::of(RefusalCode::BodyNotUnicode), app.epoch());
    let text = std::str::from_utf8(&bytes).map_err(|_| not_unicode())?;
    match serde_json::from_str(text) {
        Ok(send) => Ok(send),
        Err(_) if has_lone_surrogate(text) => Err(not_unicode()),
        Err(_) => Err(ProblemCode::BadRequest.into()),
    }
}

/// Reads a body frame by frame, within `bytes_max` and without a stall.
async fn read(mut body: Body, app: &App, bytes_max: usize) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    loop {
        let Some(data) = next_data(&mut body, app).await else { return Ok(bytes) };
        let data = data.map_err(|BodyBroken| ProblemCode::BadRequest)?;
        if bytes.len() + data.len() > bytes_max {
            return Err(ApiError::too_large(bytes_max));
        }
        bytes.extend_from_slice(&data);
    }
}

/// A body that broke, or stood still for [`BODY_STALL_MS`].
pub(crate) struct BodyBroken;

/// The next bytes of a body; none at its end.
pub(crate) async fn next_data(body: &mut Body, app: &App) -> Option<Result<Bytes, BodyBroken>> {
    loop {
        // The timer is made only when it is polled: a body that is there already needs none.
        let stall = pin!(async { app.ports().clock.sleep_ms(BODY_STALL_MS).await });
        let frame = match select(body.frame(), stall).await {
            Either::Left((Some(Ok(frame)), _)) => frame,
            Either::Left((Some(Err(_)), _)) | Either::Right(_) => return Some(Err(BodyBroken)),
            Either::Left((None, _)) => return None,
        };
        // What is no data is trailers, which say nothing here.
        if let Ok(data) = frame.into_data() {
            return Some(Ok(data));
        }
    }
}

/// Whether a JSON text escapes half a surrogate pair: the one way in which valid UTF-8 can say invalid Unicode.
fn has_lone_surrogate(json: &str) -> bool {
    let mut rest = json.as_bytes();
    let mut high_waits = false;
    while let Some((byte, after)) = rest.split_first() {
        let unit = escape_unit(rest);
        let is_low = unit.is_some_and(|unit| (0xDC00..0xE000).contains(&unit));
        if high_waits != is_low {
            return true;
        }
        high_waits = unit.is_some_and(|unit| (0xD800..0xDC00).contains(&unit));
        let taken = match (byte, unit) {
            (b'\\', Some(_)) => 6,
            (b'\\', None) => 2,
            _ => 1,
        };
        rest = rest.get(taken..).unwrap_or(if after.is_empty() { after } else { &[] });
    }
    high_waits
}

/// The UTF-16 unit that `\uXXXX` at the beginning of `text` escapes.
fn escape_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // R4
    #[test]
    fn half_a_surrogate_pair_is_found_wherever_it_stands() {
        for lone in [r#""\ud83d""#, r#""\udca9\ud83d""#, r#""\ud83dx""#, r#""\ud83d\n""#, r#""\uD83D\u0041""#]
        {
            assert!(has_lone_surrogate(lone), "{lone}");
        }
        for whole in [r#""\ud83d\udca9""#, r#""\\ud83d""#, r#""\\\\ud83d x""#, r#""\u0041""#, r#""x"#, "\\"] {
            assert!(!has_lone_surrogate(whole), "{whole}");
        }
    }

    #[test]
    fn only_our_own_proxy_names_the_caller() {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.extensions.insert(Peer(IpAddr::from([10, 0, 0, 1])));
        parts.headers.insert("x-forwarded-for", "6.6.6.6, 7.7.7.7".parse().unwrap());

        assert_eq!(address(&parts, &[]), IpAddr::from([10, 0, 0, 1]));
        assert_eq!(address(&parts, &[IpAddr::from([10, 0, 0, 1])]), IpAddr::from([7, 7, 7, 7]));
    }
}
