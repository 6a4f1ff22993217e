//! Figures with their units, and the order statistics they come from.

use std::fmt;
use std::time::Duration;

use portico_server::ports::Stopwatch;

/// A measured value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Figure {
    /// Microseconds, shown in a readable unit.
    Micros(f64),
    /// Per second.
    PerSecond(f64),
    /// Megabytes of 1,000,000.
    Megabytes(f64),
    /// A number of things.
    Count(f64),
    /// How likely chance alone is.
    Probability(f64),
}

impl Figure {
    /// The bare number, for ratios within one unit.
    pub(crate) const fn value(self) -> f64 {
        match self {
            Self::Micros(value)
            | Self::PerSecond(value)
            | Self::Megabytes(value)
            | Self::Count(value)
            | Self::Probability(value) => value,
        }
    }

    /// Milliseconds.
    pub(crate) const fn millis(millis: f64) -> Self {
        Self::Micros(millis * 1_000.0)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Micros(us) if us < 10.0 => write!(f, "{us:.2} µs"),
            Self::Micros(us) if us < 1_000.0 => write!(f, "{us:.0} µs"),
            Self::Micros(us) if us < 10_000.0 => write!(f, "{:.2} ms", us / 1_000.0),
            Self::Micros(us) if us < 1_000_000.0 => write!(f, "{:.1} ms", us / 1_000.0),
            Self::Micros(us) => write!(f, "{:.2} s", us / 1_000_000.0),
            Self::PerSecond(rate) => write!(f, "{rate:.0}/s"),
            Self::Megabytes(size) => write!(f, "{size:.1} MB"),
            Self::Count(count) => write!(f, "{count:.1}"),
            Self::Probability(p) => write!(f, "{p:.3}"),
        }
    }
}

/// Values of one kind.
#[derive(Debug, Default, Clone)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    /// Adds what one run of `work` takes, in microseconds; gives what it gave.
    pub(crate) fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = Stopwatch::start();
        let out = work();
        self.add_time(began.elapsed());
        out
    }

    /// Adds a duration, in microseconds.
    pub(crate) fn add_time(&mut self, duration: Duration) {
        self.add(duration.as_secs_f64() * 1e6);
    }

    /// Adds what one run of `work` takes of the processor, in microseconds; gives what it gave.
    pub(crate) fn time_cpu<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = cpu_us();
        let out = work();
        self.add(cpu_us() - before);
        out
    }

    /// Adds a value.
    pub(crate) fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The values, in the order in which they were added.
    pub(crate) fn values(&self) -> &[f64] {
        &self.0
    }

    /// The mean; 0 of none.
    pub(crate) fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / (self.0.len().max(1) as f64)
    }

    /// The middle value; 0 of none.
    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }

    /// The value that `percent` of 100 do not pass; 0 of none.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(place).copied().unwrap_or(0.0)
    }
}

/// Processor time of this process so far, all threads, in microseconds. `/proc` counts a thread that runs only when it is
/// taken off the processor.
pub(crate) fn cpu_us() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// `number` with commas between thousands.
pub(crate) fn grouped(number: u64) -> String {
    if number < 1_000 {
        return number.to_string();
    }
    format!("{},{:03}", grouped(number / 1_000), number % 1_000)
}

/// What a write of 4 KiB and `fdatasync` take in `folder`: the median of `count`.
pub(crate) fn fsync_us(folder: &std::path::Path, count: usize) -> std::io::Result<f64> {
    use std::io::Write as _;
    let path = folder.join("fsync");
    let mut file = std::fs::File::create(&path)?;
    let mut sample = Sample::default();
    for _ in 0..count {
        sample.time(|| file.write_all(&[7; 4_096]).and_then(|()| file.sync_data()))?;
    }
    std::fs::remove_file(path)?;
    Ok(sample.median())
}
