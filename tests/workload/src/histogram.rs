// SPDX-License-Identifier: Apache-2.0
//! A histogram of round-trip times. It takes only a few hundred bytes, so that even small machines can compute
//! percentiles.

/// Number of buckets per power of two. A percentile is accurate to within 1/32 of its value.
const STEPS: u32 = 16;
/// Number of bits in the longest time in microseconds. Longer times are counted as 2^24 - 1 µs, which is about 17 s.
const LONGEST_BITS: u32 = 24;
const BUCKETS: usize = ((LONGEST_BITS - 3) * STEPS) as usize;

/// A histogram of times in microseconds.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: [u16; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS] }
    }
}

/// Returns the bucket for a time. There is one bucket for each microsecond up to 15 µs. From 16 µs on, there are 16
/// buckets for each power of two.
fn bucket(micros: u64) -> usize {
    // CAST: limited to 24 bits.
    let micros = micros.min((1 << LONGEST_BITS) - 1) as u32;
    if micros < STEPS {
        return micros as usize;
    }
    let shift = micros.ilog2() - 4;
    ((shift + 1) * STEPS + (micros >> shift) % STEPS) as usize
}

/// Returns the midpoint of a bucket.
fn middle(bucket: usize) -> u32 {
    // CAST: less than `BUCKETS`.
    let bucket = bucket as u32;
    match (bucket / STEPS).checked_sub(1) {
        None => bucket,
        Some(shift) => ((STEPS + bucket % STEPS) << shift) + ((1 << shift) >> 1),
    }
}

impl Histogram {
    /// Adds a time.
    pub fn add(&mut self, micros: u64) {
        if let Some(count) = self.counts.get_mut(bucket(micros)) {
            *count = count.saturating_add(1);
        }
    }

    /// Returns the `percent`th percentile of the added times, in microseconds. Returns 0 if no time has been added.
    #[must_use]
    pub fn quantile(&self, percent: u32) -> u32 {
        let total: u32 = self.counts.iter().map(|&count| u32::from(count)).sum();
        let wanted = (total * percent).div_ceil(100);
        let mut sum = 0;
        for (bucket, &count) in self.counts.iter().enumerate() {
            sum += u32::from(count);
            if sum >= wanted && sum > 0 {
                return middle(bucket);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_thirtysecond() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(50), 0);
        for micros in 1..=10_000 {
            histogram.add(micros);
        }
        for percent in [1, 25, 50, 99, 100] {
            let (got, exact) = (histogram.quantile(percent), percent * 100);
            assert!(got.abs_diff(exact) * 32 <= exact, "{percent} %: {got} for {exact}");
        }
    }

    #[test]
    fn every_time_has_a_bucket_and_buckets_grow() {
        let times = [0, 1, 15, 16, 17, 31, 32, 1000, 65_535, (1 << 24) - 1, 1 << 24, u64::MAX];
        assert!(times.windows(2).all(|pair| bucket(pair[0]) <= bucket(pair[1])));
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert!((1..BUCKETS).all(|bucket| middle(bucket - 1) < middle(bucket)));
    }
}
