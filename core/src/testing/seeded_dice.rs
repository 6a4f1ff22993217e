//! Dice that a seed replays.

use std::sync::{Mutex, PoisonError};

use crate::ports::Dice;

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to choose faults with. Never for keys that matter.
#[derive(Debug)]
pub struct SeededDice {
    /// Guards the generator's state.
    state: Mutex<u64>,
}

impl SeededDice {
    /// Dice of `seed`.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        Self { state: Mutex::new(seed) }
    }

    /// The next 64 bits.
    pub fn next(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `below` - 1.
    pub fn below(&self, below: u64) -> u64 {
        self.next() % below.max(1)
    }

    /// True in `percent` of 100 throws.
    pub fn chance(&self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

impl Dice for SeededDice {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(bytes.get(..chunk.len()).unwrap_or(&bytes));
        }
    }
}
