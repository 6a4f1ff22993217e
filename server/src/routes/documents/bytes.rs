//! What a request says of a document's bytes that are its body.

use axum::body::Body;
use axum::extract::Request;
use http::header::CONTENT_LENGTH;
use portico_wire::encoding::Sha256;

use crate::store::Announced;

/// The body, and what is announced of it: its length by `content-length`, its hash by the query. None without a length.
pub(super) fn announced(sha256: Sha256, request: Request) -> (Option<Announced>, Body) {
    let length = request.headers().get(CONTENT_LENGTH);
    let size_bytes = length.and_then(|length| length.to_str().ok()).and_then(|length| length.parse().ok());
    (size_bytes.map(|size_bytes| Announced { size_bytes, sha256 }), request.into_body())
}
