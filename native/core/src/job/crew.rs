//! The workers of a job: the task's own, and spare ones while others would be idle.
//!
//! A spare one is never waited for, and goes back as soon as somebody waits for a worker: tasks come first.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::pool::{Place, Pool, WorkerLease};
use crate::worker::{Interpreter, Worker};

/// Batches that a worker has at once: one that it is at, and the next.
pub(super) const DEPTH: usize = 2;

#[derive(Default)]
pub(super) struct Crew {
    own: Option<Arc<WorkerLease>>,
    /// Where it waits for its own.
    place: Option<Place>,
    spares: Vec<Arc<WorkerLease>>,
}

impl Crew {
    /// Whether it has its own, waiting up to `timeout` for it.
    pub(super) fn complete(
        &mut self,
        pool: &Arc<Pool>,
        task: u64,
        interpreter: &Interpreter,
        timeout: Duration,
    ) -> Result<bool> {
        if self.own.is_none() {
            self.own = self.place.get_or_insert_with(|| pool.queue(task, interpreter)).lease(timeout)?;
            if self.own.is_some() {
                self.place = None;
            }
        }
        Ok(self.own.is_some())
    }

    /// Who takes the next batch, if anybody: the one who has least to do, by `load`, or a spare one.
    pub(super) fn next(
        &mut self,
        load: impl Fn(&Arc<Worker>) -> usize,
        spare: impl FnOnce() -> Option<Arc<WorkerLease>>,
    ) -> Option<Arc<Worker>> {
        let (least, worker) =
            self.all().map(|worker| (load(worker), worker)).min_by_key(|(load, _)| *load)?;
        if least > 0
            && let Some(spare) = spare()
        {
            let worker = Arc::clone(spare.worker());
            self.spares.push(spare);
            return Some(worker);
        }
        (least < DEPTH).then(|| Arc::clone(worker))
    }

    /// All of them, its own first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Worker>> {
        self.own.iter().chain(&self.spares).map(|lease| lease.worker())
    }

    /// How many batches they have room for.
    pub(super) fn depth(&self) -> usize {
        DEPTH * (1 + self.spares.len())
    }

    /// Whether there is more than its own.
    pub(super) fn has_spares(&self) -> bool {
        !self.spares.is_empty()
    }

    /// One is lost. With its last lease it is reaped.
    pub(super) fn lose(&mut self, worker: &Arc<Worker>) {
        self.own = self.own.take().filter(|own| !Arc::ptr_eq(own.worker(), worker));
        self.spares.retain(|spare| !Arc::ptr_eq(spare.worker(), worker));
    }

    /// Gives back the spare ones that are not busy, where tasks want them.
    pub(super) fn yield_spares(&mut self, pool: &Pool, busy: impl Fn(&Arc<Worker>) -> bool) {
        if self.has_spares() && pool.is_crowded() {
            self.spares.retain(|spare| busy(spare.worker()));
        }
    }
}
