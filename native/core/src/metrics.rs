//! What the workers of one pool have done since it was made, for the metrics of the engine.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::durations::Durations;

/// Counters; all only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Worker processes started.
    pub workers_started: u64,
    /// Of these, those that ended without being asked to.
    pub workers_lost: u64,
    /// Workers given to tasks.
    pub leases: u64,
    /// Nanoseconds that tasks waited for them.
    pub lease_wait_nanos: u64,
    /// Jobs that ended with an error.
    pub jobs_failed: u64,
    /// Batches done.
    pub batches: u64,
    /// Groups in them.
    pub groups: u64,
    /// Rows of their results.
    pub rows: u64,
    /// Bytes of the batches.
    pub bytes_in: u64,
    /// Bytes of the results.
    pub bytes_out: u64,
    /// Bytes copied on the native side and in workers.
    pub bytes_copied: u64,
    /// Bytes moved because a buffer had to grow.
    pub bytes_moved: u64,
    /// Nanoseconds in workers.
    pub worker_nanos: u64,
    /// Of these, in functions.
    pub function_nanos: u64,
    /// Calls by duration.
    pub durations: Durations,
}

/// What one result batch took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Groups of the batch.
    pub groups: u64,
    /// Rows of the result.
    pub rows: u64,
    /// Bytes of the batch.
    pub bytes_in: u64,
    /// Bytes of the result.
    pub bytes_out: u64,
    /// Bytes copied by placement and by the worker, the writing of the results included.
    pub copied: u64,
    /// Bytes moved because a buffer had to grow.
    pub moved: u64,
    /// Nanoseconds in the worker.
    pub worker_nanos: u64,
    /// Nanoseconds in the function.
    pub function_nanos: u64,
    /// Nanoseconds in the worker that results were written for.
    pub write_nanos: u64,
    /// Nanoseconds that the slowest group took.
    pub slowest_nanos: u64,
}

/// The counters of one pool, shared by the threads that count.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Mutex<Counts>,
}

impl Metrics {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counters of this moment.
    pub fn snapshot(&self) -> Counts {
        self.counts().clone()
    }

    /// A worker was started.
    pub fn started(&self) {
        self.counts().workers_started += 1;
    }

    /// A worker ended without being asked to.
    pub fn lost(&self) {
        self.counts().workers_lost += 1;
    }

    /// A task got a worker after `wait`.
    pub fn leased(&self, wait: Duration) {
        let mut counts = self.counts();
        counts.leases += 1;
        counts.lease_wait_nanos += u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    }

    /// A job ended with an error.
    pub fn failed(&self) {
        self.counts().jobs_failed += 1;
    }

    /// A batch is done.
    pub fn done(&self, stats: &Stats, durations: &Durations) {
        let counts = &mut *self.counts();
        counts.batches += 1;
        // Some of it is what a worker says, which may be anything.
        for (count, more) in [
            (&mut counts.groups, stats.groups),
            (&mut counts.rows, stats.rows),
            (&mut counts.bytes_in, stats.bytes_in),
            (&mut counts.bytes_out, stats.bytes_out),
            (&mut counts.bytes_copied, stats.copied),
            (&mut counts.bytes_moved, stats.moved),
            (&mut counts.worker_nanos, stats.worker_nanos),
            (&mut counts.function_nanos, stats.function_nanos),
        ] {
            *count = count.saturating_add(more);
        }
        counts.durations.merge(durations);
    }
}
