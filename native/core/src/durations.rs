//! A histogram of durations: one bucket for each power of two of nanoseconds, cheap enough for every call.

use serde::{Deserialize, Serialize};

/// The last bucket begins at 2³⁹ ns, nine minutes.
const BUCKETS: usize = 40;

/// How many calls took how long. Bucket `i` counts durations below 2ⁱ⁺¹ ns that are in no bucket before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Durations {
    counts: Vec<u64>,
}

impl Durations {
    /// Counts one.
    #[inline]
    pub fn add(&mut self, nanos: u64) {
        let bucket = (nanos.max(1).ilog2() as usize).min(BUCKETS - 1);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
    }

    /// Counts all of `other`; what is no bucket is left out.
    pub fn merge(&mut self, other: &Durations) {
        let len = other.counts.len().min(BUCKETS);
        if self.counts.len() < len {
            self.counts.resize(len, 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
    }

    /// The counts, shortest durations first.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_powers_of_two() {
        let mut durations = Durations::default();
        for nanos in [0, 1, 2, 3, 4, 1023, 1024, u64::MAX] {
            durations.add(nanos);
        }
        let mut expected = vec![0; BUCKETS];
        for (bucket, count) in [(0, 2), (1, 2), (2, 1), (9, 1), (10, 1), (BUCKETS - 1, 1)] {
            expected[bucket] = count;
        }
        assert_eq!(durations.counts(), expected);
    }

    #[test]
    fn a_forged_histogram_adds_no_buckets() {
        let mut durations = Durations::default();
        durations.merge(&Durations { counts: vec![u64::MAX; 1000] });
        durations.merge(&Durations { counts: vec![1; 1000] });
        assert_eq!(durations.counts(), [u64::MAX; BUCKETS]);
    }
}
