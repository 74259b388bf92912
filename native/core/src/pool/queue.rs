//! Who waits for a worker: first come, first served.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Pool, Tenant, WorkerLease};
use crate::error::{Error, ErrorCode, Result};
use crate::spelling::spell;

/// The places that are taken, in their order.
#[derive(Default)]
pub(super) struct Queue {
    places: VecDeque<u64>,
    next: u64,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// How many come before `place`.
    pub(super) fn ahead_of(&self, place: u64) -> usize {
        self.places.partition_point(|other| *other < place)
    }

    fn enter(&mut self) -> u64 {
        self.next += 1;
        self.places.push_back(self.next);
        self.next
    }

    fn leave(&mut self, place: u64) {
        self.places.retain(|other| *other != place);
    }
}

/// A place in the queue for a worker. It is kept while nobody waits at it, and given up when it is dropped.
pub struct Place {
    pool: Arc<Pool>,
    task: Tenant,
    number: u64,
    since: Instant,
}

impl Place {
    pub(super) fn new(pool: Arc<Pool>, task: Tenant) -> Place {
        let number = pool.state().queue.enter();
        Place { pool, task, number, since: Instant::now() }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The task's worker, waiting up to `timeout` for one; `None` when none was free.
    ///
    /// # Errors
    /// [`ErrorCode::Interpreter`] or [`ErrorCode::Resource`] when none can be started, [`ErrorCode::Cancelled`]
    /// when the pool is closed; [`ErrorCode::Resource`] when none was free for `worker.leaseTimeout`.
    pub fn lease(&self, timeout: Duration) -> Result<Option<Arc<WorkerLease>>> {
        let lease = self.pool.lease(&self.task, self.number, timeout)?;
        match &lease {
            Some(_) => self.pool.metrics.leased(self.since.elapsed()),
            None if self.since.elapsed() >= self.pool.config.lease_timeout => return Err(self.in_vain()),
            None => {}
        }
        Ok(lease)
    }

    fn in_vain(&self) -> Error {
        let state = self.pool.state();
        Error::new(
            ErrorCode::Resource,
            format!(
                "no Python worker became free within {:?} ({}): {} are in use and {} others waited first. Raise {}, \
                 which is {}, or run fewer tasks at a time",
                self.since.elapsed(),
                spell("worker.leaseTimeout"),
                state.count,
                state.queue.ahead_of(self.number),
                spell("worker.max"),
                self.pool.config.max_workers.map_or("not set".to_owned(), |max| max.to_string()),
            ),
        )
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pool.state().queue.leave(self.number);
        self.pool.changed.notify_all();
    }
}
