//! What the server takes from the world outside: time and dice. Everything else may not look around for itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use ring::rand::{SecureRandom as _, SystemRandom};

/// The time, and a way to let some of it pass.
pub trait Clock: Send + Sync + 'static {
    /// UTC milliseconds since 1970.
    fn now_ms(&self) -> i64;
    /// Ends after `delay_ms` of this clock's time.
    fn sleep_ms(&self, delay_ms: u64) -> BoxFuture<'static, ()>;
}

/// Unguessable bytes.
pub trait Dice: Send + Sync + 'static {
    /// Fills `out`.
    fn fill(&self, out: &mut [u8]);
}

/// The ports of one server.
#[derive(Clone)]
pub struct Ports {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The dice.
    pub dice: Arc<dyn Dice>,
}

impl Ports {
    /// The machine's own clock and dice.
    #[must_use]
    pub fn real() -> Self {
        Self { clock: Arc::new(RealClock), dice: Arc::new(RealDice::new()) }
    }

    /// `N` random bytes.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.dice.fill(&mut out);
        out
    }
}

struct RealClock;

impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock port")]
    fn now_ms(&self) -> i64 {
        let since_1970 =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock port")]
    fn sleep_ms(&self, delay_ms: u64) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(delay_ms)))
    }
}

struct RealDice(SystemRandom);

impl RealDice {
    #[expect(clippy::disallowed_methods, reason = "this is the dice port")]
    fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Dice for RealDice {
    fn fill(&self, out: &mut [u8]) {
        self.0.fill(out).expect("the operating system gives random bytes");
    }
}

/// Measures the machine itself: how long a commit took, how long the writer lingered. Decides nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the stopwatch port")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// What has passed since.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// What has passed since, in whole microseconds.
    #[must_use]
    pub fn elapsed_us(&self) -> u64 {
        u64::try_from(self.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
