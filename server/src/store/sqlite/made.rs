//! Ids of what people make by a key: the same person and key make the same thing, and nobody else can name it.

use portico_wire::encoding::Sha256;
use portico_wire::ids::SendKey;

use super::sessions::Caller;

/// The id of the `what` that the caller makes by `key`: a UUIDv7 of the key's time, the rest drawn from SHA-256 over
/// `"portico made v1\0"`, what, firm, person and key.
pub(super) fn id(caller: Caller, key: SendKey, what: &str) -> [u8; 16] {
    let hash = Sha256::of(&[
        b"portico made v1\0",
        what.as_bytes(),
        caller.firm_id.as_bytes(),
        caller.person_id.as_bytes(),
        key.as_bytes(),
    ]);
    let [a, b, c, d, e, f, ..] = *key.as_bytes();
    let at_ms = i64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let drawn = hash.as_bytes().first_chunk().copied().unwrap_or_default();
    *SendKey::from_parts(at_ms, drawn).as_bytes()
}
