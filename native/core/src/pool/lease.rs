//! A worker while somebody has it, and how it goes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::{Idle, Pool, State};
use crate::segment::sweep;
use crate::worker::{Interpreter, Worker};

/// A worker of one task; given back when the last job of the task drops it.
pub struct WorkerLease {
    pub(super) worker: Arc<Worker>,
    /// How many tasks have had the worker, this one included.
    tasks: usize,
    interpreter: Interpreter,
    /// Whether it is one of the pool's count of workers.
    counted: AtomicBool,
    /// Whether nobody is to have it after this task.
    retired: AtomicBool,
    pool: Weak<Pool>,
}

impl WorkerLease {
    /// The worker.
    pub fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    /// The worker ends when it is given back.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    pub(super) fn count_out(&self, state: &mut State) {
        if self.counted.swap(false, Ordering::Relaxed) {
            state.count -= 1;
        }
    }
}

impl Drop for WorkerLease {
    fn drop(&mut self) {
        match self.pool.upgrade() {
            Some(pool) => pool.give_back(self),
            None => self.worker.kill(),
        }
    }
}

impl Pool {
    pub(super) fn lease_of(self: &Arc<Self>, idle: Idle, interpreter: &Interpreter) -> Arc<WorkerLease> {
        Arc::new(WorkerLease {
            worker: idle.worker,
            tasks: idle.tasks + 1,
            interpreter: interpreter.clone(),
            counted: AtomicBool::new(true),
            retired: AtomicBool::new(false),
            pool: Arc::downgrade(self),
        })
    }

    fn give_back(&self, lease: &WorkerLease) {
        let alive = lease.worker.is_alive();
        let worn = lease.retired.load(Ordering::Relaxed)
            || self.config.max_tasks.is_some_and(|max| lease.tasks >= max);
        let mut state = self.state();
        if alive && !worn && !state.closed {
            let idle = Idle { worker: Arc::clone(&lease.worker), since: Instant::now(), tasks: lease.tasks };
            state.idle.entry(lease.interpreter.clone()).or_default().push(idle);
        } else {
            lease.count_out(&mut state);
        }
        drop(state);
        self.changed.notify_all();
        if !alive {
            self.metrics.lost();
            lease.worker.kill();
            sweep();
        } else if worn {
            end(vec![Arc::clone(&lease.worker)]);
        }
    }
}

/// Lets all of them end at once, then makes sure.
pub(super) fn end(workers: Vec<Arc<Worker>>) {
    for worker in &workers {
        worker.ask_to_end();
    }
    let deadline = Instant::now() + Duration::from_secs(1);
    for worker in workers {
        worker.has_ended(deadline.saturating_duration_since(Instant::now()));
        worker.kill();
    }
}
