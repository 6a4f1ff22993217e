//! How many rounds a drawn test plays, and from which seed: asked of the environment by `tests/run`.

use portico_core::ports::{Clock as _, SystemClock};

/// The number in the variable `name`; none if it is not set.
///
/// # Panics
/// If it is no number.
#[must_use]
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// A seed that no other run has.
#[must_use]
pub fn fresh_seed() -> u64 {
    (SystemClock.now_ms().unsigned_abs() << 16) ^ u64::from(std::process::id())
}

/// Bytes that no two files share.
#[must_use]
pub fn content(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..size)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        })
        .collect()
}
