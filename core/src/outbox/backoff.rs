//! When to try again: full jitter, so that a thousand phones that lost the same train tunnel do not return at once.

/// The first ceiling, in milliseconds: a lost packet is over by then.
const FIRST_MS: u64 = 1_000;
/// The last ceiling, in milliseconds: nobody waits longer than this for a server that is back.
pub const CEILING_MS: u64 = 5 * 60 * 1_000;
/// The longest wait a server can ask for, and the pause of a stuck entry, in milliseconds.
pub const LONGEST_MS: u64 = 60 * 60 * 1_000;

/// The wait before attempt number `attempts` + 1, in milliseconds: `Retry-After` wins, up to [`LONGEST_MS`];
/// otherwise a draw between nothing and a ceiling that doubles up to [`CEILING_MS`].
#[must_use]
pub fn delay_ms(attempts: u32, retry_after_s: Option<u32>, draw: u32) -> u64 {
    if let Some(seconds) = retry_after_s {
        return (u64::from(seconds) * 1_000).min(LONGEST_MS);
    }
    let ceiling = FIRST_MS.saturating_mul(1 << attempts.min(20)).min(CEILING_MS);
    // The draw's 32 bits spread over the ceiling.
    (u64::from(draw) * ceiling) >> 32
}

/// Whether something due at `until_ms` is due at `now_ms`. A time further away than any wait of ours was set
/// before the clock jumped, and is due.
#[must_use]
pub const fn is_due(until_ms: i64, now_ms: i64) -> bool {
    until_ms <= now_ms || until_ms.saturating_sub(now_ms) > LONGEST_MS as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_five_minutes_and_the_server_may_ask_for_more() {
        assert_eq!(delay_ms(0, None, u32::MAX), 999);
        assert_eq!(delay_ms(3, None, u32::MAX), 7_999);
        assert_eq!(delay_ms(40, None, u32::MAX), CEILING_MS - 1);
        assert_eq!(delay_ms(40, None, 0), 0);
        assert_eq!(delay_ms(40, Some(7), u32::MAX), 7_000);
        assert_eq!(delay_ms(0, Some(u32::MAX), 0), LONGEST_MS);
    }

    // R51: a clock that jumped back by a year holds nothing up.
    #[test]
    fn due_time_beyond_any_wait_is_due_now() {
        assert!(is_due(10, 10) && !is_due(11, 10));
        assert!(!is_due(LONGEST_MS as i64, 0));
        assert!(is_due(LONGEST_MS as i64 + 1, 0));
    }
}
