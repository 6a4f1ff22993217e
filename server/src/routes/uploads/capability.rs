//! The capability of a request: in a header, since proxies log addresses.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use portico_wire::encoding::{Base64, Sha256};
use portico_wire::upload::CAPABILITY_HEADER;

use crate::state::App;

/// The hash of the capability, which is all that the server keeps of it.
pub(crate) struct Capability(pub(crate) Sha256);

impl FromRequestParts<App> for Capability {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Infallible> {
        let text = header(&parts.headers, CAPABILITY_HEADER).unwrap_or_default();
        // What can be none opens nothing, and is told so like any other: after its bytes were read.
        let bytes = text.parse::<Base64>().map_or_else(|_| text.as_bytes().to_vec(), |bytes| bytes.0);
        Ok(Self(Sha256::of(&[&bytes])))
    }
}

/// One header as text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
