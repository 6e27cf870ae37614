// SPDX-License-Identifier: Apache-2.0
//! Random numbers from a seed. The seed is printed, so that a run can be repeated.

/// Marsaglia's xorshift64* generator.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Creates a generator. Different seeds give unrelated sequences.
    pub fn new(seed: u64) -> Self {
        // The multiplier spreads small seeds, and may be any odd number. A state of 0 is avoided, because it never
        // changes.
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            random.bits();
        }
        random
    }

    /// Returns 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Returns a random number below `end`, or 0 if `end` is 0. The distribution is almost uniform for small ranges.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.bits() >> 16).checked_rem(end).unwrap_or(0)
    }

    /// Returns a random duration of at least `least` and less than `end` milliseconds.
    pub fn millis(&mut self, least: u64, end: u64) -> std::time::Duration {
        std::time::Duration::from_millis(least.saturating_add(self.below(end.saturating_sub(least))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_another_others() {
        let numbers = |seed| [(); 4].map(|()| Random::new(seed).below(1000));
        assert_eq!(numbers(7), numbers(7));
        let mut random = Random::new(0);
        let some: std::collections::BTreeSet<_> = (0..1000).map(|_| random.below(10)).collect();
        assert_eq!(some.len(), 10);
    }
}
