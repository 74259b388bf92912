//! The workers of one executor: leased per task, kept for the next one, replaced when they die.
//!
//! All `numpy_map` nodes of one task share its worker: with a worker per node, two nodes in one stage could each
//! hold one and wait for ever for a second.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::error::{Error, ErrorCode, Result};
use crate::segment::sweep;
use crate::worker::{Interpreter, Worker, spawn};

struct Idle {
    worker: Arc<Worker>,
    since: Instant,
}

#[derive(Default)]
struct State {
    idle: HashMap<Interpreter, Vec<Idle>>,
    tasks: HashMap<(u64, Interpreter), Weak<WorkerLease>>,
    /// Workers that live, idle or leased.
    count: usize,
    closed: bool,
}

/// See the module.
pub struct Pool {
    config: Config,
    state: Mutex<State>,
    returned: Condvar,
}

impl Pool {
    /// A pool without workers; they start when they are asked for.
    pub fn new(config: Config) -> Arc<Pool> {
        Arc::new(Pool { config, state: Mutex::default(), returned: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The worker of task `task`, waiting up to `timeout` for one to be free; `None` when none was.
    ///
    /// # Errors
    /// [`ErrorCode::Interpreter`] or [`ErrorCode::Resource`] when none can be started, [`ErrorCode::Cancelled`]
    /// when the pool is closed.
    pub fn lease(
        self: &Arc<Self>,
        task: u64,
        interpreter: &Interpreter,
        timeout: Duration,
    ) -> Result<Option<Arc<WorkerLease>>> {
        let deadline = Instant::now() + timeout;
        let key = (task, interpreter.clone());
        let mut state = self.state();
        loop {
            if state.closed {
                return Err(Error::new(ErrorCode::Cancelled, "the pool of workers is closed"));
            }
            if let Some(lease) = state.tasks.get(&key).and_then(Weak::upgrade)
                && lease.worker.is_alive()
            {
                return Ok(Some(lease));
            }
            if let Some(worker) = self.acquire(&mut state, interpreter)? {
                let lease = Arc::new(WorkerLease {
                    worker,
                    interpreter: interpreter.clone(),
                    pool: Arc::downgrade(self),
                });
                state.tasks.retain(|_, lease| lease.strong_count() > 0);
                state.tasks.insert(key, Arc::downgrade(&lease));
                return Ok(Some(lease));
            }
            let remaining = deadline.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                return Ok(None);
            }
            state = self.returned.wait_timeout(state, remaining).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// An idle worker that lives, else a new one if the cap allows it.
    fn acquire(&self, state: &mut State, interpreter: &Interpreter) -> Result<Option<Arc<Worker>>> {
        while let Some(idle) = state.idle.get_mut(interpreter).and_then(Vec::pop) {
            if idle.worker.is_alive() {
                return Ok(Some(idle.worker));
            }
            state.count -= 1;
            tracing::warn!(
                worker = idle.worker.describe(),
                "an idle worker ended; another one takes its place"
            );
            sweep();
        }
        if self.config.max_workers.is_some_and(|max| state.count >= max) {
            // An idle worker of another interpreter makes room.
            let other = state.idle.values_mut().find_map(Vec::pop);
            match other {
                Some(_) => state.count -= 1,
                None => return Ok(None),
            }
        }
        let (channel, peer) = spawn(interpreter)?;
        let worker = Worker::start(
            channel,
            peer,
            self.config.backend,
            self.config.idle_bytes,
            interpreter.version.clone(),
            self.config.start_timeout,
        )?;
        state.count += 1;
        Ok(Some(Arc::new(worker)))
    }

    fn give_back(&self, worker: &Arc<Worker>, interpreter: &Interpreter) {
        let alive = worker.is_alive();
        let mut state = self.state();
        if alive && !state.closed {
            let idle = Idle { worker: Arc::clone(worker), since: Instant::now() };
            state.idle.entry(interpreter.clone()).or_default().push(idle);
        } else {
            state.count -= 1;
        }
        drop(state);
        if !alive {
            worker.kill();
            sweep();
        }
        self.returned.notify_one();
    }

    /// How many workers live, idle or leased.
    pub fn size(&self) -> usize {
        self.state().count
    }

    /// Ends workers that nobody has used for `timeout`.
    pub fn end_idle(&self, timeout: Duration) {
        let mut ended = Vec::new();
        let mut state = self.state();
        for workers in state.idle.values_mut() {
            let (expired, fresh) = workers.drain(..).partition(|idle| idle.since.elapsed() >= timeout);
            *workers = fresh;
            ended.extend::<Vec<Idle>>(expired);
        }
        state.count -= ended.len();
        drop(state);
        end(ended.into_iter().map(|idle| idle.worker).collect());
    }

    /// Ends every idle worker now, and every leased one when it is returned.
    pub fn shutdown(&self) {
        let mut state = self.state();
        state.closed = true;
        let idle: Vec<Arc<Worker>> =
            state.idle.drain().flat_map(|(_, idle)| idle).map(|i| i.worker).collect();
        state.count -= idle.len();
        drop(state);
        self.returned.notify_all();
        end(idle);
    }
}

/// Lets all of them end at once, then makes sure.
fn end(workers: Vec<Arc<Worker>>) {
    for worker in &workers {
        worker.ask_to_end();
    }
    let deadline = Instant::now() + Duration::from_secs(1);
    for worker in workers {
        worker.has_ended(deadline.saturating_duration_since(Instant::now()));
        worker.kill();
    }
}

/// The worker of one task; given back when the last job of the task drops it.
pub struct WorkerLease {
    worker: Arc<Worker>,
    interpreter: Interpreter,
    pool: Weak<Pool>,
}

impl WorkerLease {
    /// The worker.
    pub fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }
}

#[cfg(test)]
impl Pool {
    /// Makes `worker` an idle worker of this pool.
    pub(crate) fn adopt(&self, worker: Worker, interpreter: Interpreter) {
        let mut state = self.state();
        state.count += 1;
        let idle = Idle { worker: Arc::new(worker), since: Instant::now() };
        state.idle.entry(interpreter).or_default().push(idle);
    }
}

impl Drop for WorkerLease {
    fn drop(&mut self) {
        match self.pool.upgrade() {
            Some(pool) => pool.give_back(&self.worker, &self.interpreter),
            None => self.worker.kill(),
        }
    }
}
