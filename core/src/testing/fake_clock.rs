//! A clock that moves when told, and wakes those who wait for the time it reaches.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::ports::Clock;

/// One clock for a whole world; `skew_ms` sets one phone's apart.
#[derive(Debug, Clone)]
pub struct FakeClock {
    /// True time, which only goes forward; waits are measured in it.
    true_ms: Arc<watch::Sender<i64>>,
    skew_ms: Arc<AtomicI64>,
}

impl FakeClock {
    /// A clock that shows `now_ms`.
    #[must_use]
    pub fn at(now_ms: i64) -> Self {
        Self { true_ms: Arc::new(watch::channel(now_ms).0), skew_ms: Arc::default() }
    }

    /// Another clock of the same world, `skew_ms` ahead.
    #[must_use]
    pub fn skewed(&self, skew_ms: i64) -> Self {
        Self { true_ms: Arc::clone(&self.true_ms), skew_ms: Arc::new(AtomicI64::new(skew_ms)) }
    }

    /// Time passes, for everybody.
    pub fn advance(&self, by_ms: i64) {
        self.true_ms.send_modify(|now_ms| *now_ms += by_ms);
    }

    /// This clock alone jumps, forward or back.
    pub fn jump(&self, by_ms: i64) {
        self.skew_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn now_ms(&self) -> i64 {
        *self.true_ms.borrow() + self.skew_ms.load(Ordering::Relaxed)
    }

    fn wait(&self, wait_ms: u64) -> BoxFuture<'static, ()> {
        let mut time = self.true_ms.subscribe();
        let until_ms = *time.borrow() + i64::try_from(wait_ms).unwrap_or(i64::MAX);
        Box::pin(async move {
            // A clock that is gone wakes nobody.
            if time.wait_for(|now_ms| *now_ms >= until_ms).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}
