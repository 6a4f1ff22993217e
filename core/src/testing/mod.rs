//! Doubles for tests: a clock that moves when told, dice that a seed replays, secrets in memory.

mod fake_clock;
mod memory_secrets;
mod seeded_dice;

pub use fake_clock::FakeClock;
pub use memory_secrets::MemorySecrets;
pub use seeded_dice::SeededDice;
