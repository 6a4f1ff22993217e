//! The test of Mann and Whitney: whether one sample tends to be larger than another, whatever their distribution.

/// How likely samples of one distribution differ at least as much as these do: both directions, by the normal
/// approximation with correction for ties and for continuity, which is good from about 20 values of each on.
pub(crate) fn probability(these: &[f64], those: &[f64]) -> f64 {
    let (n, m) = (these.len() as f64, those.len() as f64);
    let mut all: Vec<(f64, bool)> = these.iter().map(|value| (*value, true)).collect();
    all.extend(those.iter().map(|value| (*value, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Equal values share the middle of their ranks.
    let (mut rank_sum, mut ties, mut before) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|a, b| a.0 == b.0) {
        let count = equal.len() as f64;
        rank_sum += (before + (count + 1.0) / 2.0) * equal.iter().filter(|(_, mine)| *mine).count() as f64;
        ties += count.powi(3) - count;
        before += count;
    }
    let off = (rank_sum - n * (n + 1.0) / 2.0 - n * m / 2.0).abs() - 0.5;
    let variance = n * m / 12.0 * (n + m + 1.0 - ties / ((n + m) * (n + m - 1.0)));
    both_tails(off.max(0.0) / variance.sqrt())
}

/// How likely a normal value is at least `deviations` from its mean; off by 1.5e-7 at most (Abramowitz and Stegun 7.1.26).
fn both_tails(deviations: f64) -> f64 {
    let x = deviations / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let terms = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    terms.into_iter().fold(0.0, |sum, term| (sum + term) * t) * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of SciPy's `mannwhitneyu`, method asymptotic: U = 17, p = 0.1113.
    #[test]
    fn probability_is_that_of_a_known_example() {
        let p = probability(&[19.0, 22.0, 16.0, 29.0, 24.0], &[20.0, 11.0, 17.0, 12.0]);

        assert!((p - 0.111_346_9).abs() < 1e-6, "{p}");
    }

    #[test]
    fn equal_samples_are_no_surprise_and_apart_ones_are() {
        let low: Vec<f64> = (0..100).map(f64::from).collect();
        let high: Vec<f64> = (60..160).map(f64::from).collect();

        assert!(probability(&low, &low) > 0.99);
        assert!(probability(&low, &high) < 1e-6);
    }
}
