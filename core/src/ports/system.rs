//! The system's clock and random generator, as ports.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use ring::rand::{SecureRandom, SystemRandom};

use super::{Clock, Dice};

/// The phone's own clock and tokio's timer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this adapter is the clock port")]
    fn now_ms(&self) -> i64 {
        // A clock before 1970 reads as 1970.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "this adapter is the clock port")]
    fn wait(&self, wait_ms: u64) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(wait_ms)))
    }
}

/// The operating system's generator.
#[derive(Debug, Clone)]
pub struct SystemDice(SystemRandom);

impl Default for SystemDice {
    #[expect(clippy::disallowed_methods, reason = "this adapter is the dice port")]
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Dice for SystemDice {
    fn fill(&self, out: &mut [u8]) {
        self.0.fill(out).expect("the operating system gives random bytes, or nothing here may go on");
    }
}
