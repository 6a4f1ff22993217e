//! Whether a batch may go over the network that is here. Pure; the shell says what the network is, and what it may cost.

use crate::ports::Reach;

/// What a person let this phone spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The most bytes that go over a metered network without a word; none: all.
    pub within_bytes: Option<u64>,
    /// Whether the person said of this batch that it may.
    pub said_of_batch: bool,
}

impl Allowance {
    /// Whether a batch with `left_bytes` to send may go over a metered network.
    #[must_use]
    pub fn covers(self, left_bytes: u64) -> bool {
        self.said_of_batch || self.within_bytes.is_none_or(|most| left_bytes <= most)
    }

    /// Whether a batch with `left_bytes` to send waits for a network that may be used freely.
    #[must_use]
    pub fn waits(self, reach: Reach, left_bytes: u64) -> bool {
        reach == Reach::Metered && !self.covers(left_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_metered_network_holds_back_only_what_nobody_allowed() {
        let ask = Allowance { within_bytes: Some(1_000), said_of_batch: false };

        assert!(ask.waits(Reach::Metered, 1_001));
        assert!(!ask.waits(Reach::Metered, 1_000));
        assert!(!ask.waits(Reach::Unmetered, 1_001));
        assert!(
            !ask.waits(Reach::Offline, 1_001),
            "whoever is offline waits for a network, not for another one"
        );
        assert!(!Allowance { said_of_batch: true, ..ask }.waits(Reach::Metered, 1_001));
        assert!(!Allowance { within_bytes: None, ..ask }.waits(Reach::Metered, u64::MAX));
    }
}
