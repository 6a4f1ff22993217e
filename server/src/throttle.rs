//! Token buckets on the injected clock. They delay and never disable, so nobody can lock somebody else out.
//!
//! Bound: [`BUCKETS_MAX`] buckets; full ones are forgotten first, and when all are in use all debts are.
//! They live in memory: what security rests on (tries of a code, spent nonces) is counted in the database.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use portico_wire::encoding::Sha256;
use portico_wire::ids::DeviceId;

use crate::config::Rate;

/// About 100 bytes each: 10 MB at most.
const BUCKETS_MAX: usize = 100_000;

/// Who is delayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// An email address, by its hash.
    Email(Sha256),
    /// A network address.
    Address(IpAddr),
    /// A signed-in device.
    Device(DeviceId),
}

/// How long to wait, in whole seconds, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delayed {
    pub(crate) retry_after_s: u64,
}

/// All buckets.
#[derive(Default)]
pub(crate) struct Throttle {
    /// Guards, for each subject, the time at which its bucket is full again.
    full_at_ms: Mutex<BTreeMap<Subject, i64>>,
}

impl Throttle {
    /// Takes one token of `subject`, or says how long until there is one.
    pub(crate) fn take(&self, subject: Subject, rate: Rate, now_ms: i64) -> Result<(), Delayed> {
        if rate.every_ms == 0 {
            return Ok(());
        }
        let every = i64::try_from(rate.every_ms).unwrap_or(i64::MAX);
        let depth = every.saturating_mul(i64::from(rate.burst));
        let mut buckets = self.full_at_ms.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, full_at| *full_at > now_ms);
            if buckets.len() >= BUCKETS_MAX {
                buckets.clear();
            }
        }
        let full_at = buckets.entry(subject).or_insert(now_ms);
        // A clock that was set back must not delay for longer than a whole bucket.
        let debt = (*full_at - now_ms).clamp(0, depth);
        let after = debt.saturating_add(every);
        if after > depth {
            let wait_ms = u64::try_from(after - depth).unwrap_or(0);
            return Err(Delayed { retry_after_s: wait_ms.div_ceil(1_000).max(1) });
        }
        *full_at = now_ms.saturating_add(after);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_passes_then_one_at_a_time() {
        let (throttle, rate) = (Throttle::default(), Rate { burst: 2, every_ms: 30_000 });
        let subject = Subject::Email(Sha256::ZERO);

        assert_eq!(throttle.take(subject, rate, 0), Ok(()));
        assert_eq!(throttle.take(subject, rate, 0), Ok(()));
        assert_eq!(throttle.take(subject, rate, 1_000), Err(Delayed { retry_after_s: 29 }));
        assert_eq!(throttle.take(subject, rate, 30_000), Ok(()));
        assert_eq!(throttle.take(subject, rate, 30_000), Err(Delayed { retry_after_s: 30 }));
    }

    #[test]
    fn clock_set_back_delays_one_bucket_at_most() {
        let (throttle, rate) = (Throttle::default(), Rate { burst: 1, every_ms: 1_000 });
        let subject = Subject::Device(DeviceId::from_bytes([1; 16]));

        assert_eq!(throttle.take(subject, rate, 1_000_000), Ok(()));

        assert_eq!(throttle.take(subject, rate, 0), Err(Delayed { retry_after_s: 1 }));
    }
}
