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
