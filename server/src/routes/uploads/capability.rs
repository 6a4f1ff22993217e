//! The capability of a request: in a header, since proxies log addresses.

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use portico_wire::encoding::{Base64, Sha256};
use portico_wire::problem::ProblemCode;
use portico_wire::upload::CAPABILITY_HEADER;

use crate::error::ApiError;
use crate::state::App;

/// The hash of the capability, which is all that the server keeps of it.
pub(crate) struct Capability(pub(crate) Sha256);

impl FromRequestParts<App> for Capability {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, ApiError> {
        let text = header(&parts.headers, CAPABILITY_HEADER);
        let bytes = text.and_then(|text| text.parse::<Base64>().ok()).ok_or(ProblemCode::UploadGone)?;
        Ok(Self(Sha256::of(&[&bytes.0])))
    }
}

/// One header as text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
