//! The workers of one executor: leased per task, kept for the next one, replaced when they die.
//!
//! All nodes of one task share its worker: with a worker per node, two nodes in one stage could each
//! hold one and wait for ever for a second. Where workers are few, tasks get them in the order in which they asked.
//! Where tasks are few, a task may have spare workers beside its own, and never waits for one.
//! Nothing slow (starting, ending, reaping a process, looking whether it lives) happens under the lock: what is claimed
//! under it is looked at outside, and claimed anew if it is dead.

mod gang;
mod lease;
mod queue;
mod start;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::error::{Error, ErrorCode, Result};
use crate::metrics::Metrics;
use crate::segment::sweep;
use crate::worker::{Interpreter, Starter, Worker};
use lease::end;
use queue::Queue;

pub use lease::WorkerLease;
pub use queue::Place;

struct Idle {
    worker: Arc<Worker>,
    since: Instant,
    tasks: usize,
}

/// What a task has.
enum Slot {
    /// One of its nodes is starting a worker, or looking at an idle one.
    Starting,
    Leased(Weak<WorkerLease>),
}

/// A task of the engine, and what runs its functions.
type Tenant = (u64, Interpreter);

#[derive(Default)]
struct State {
    idle: HashMap<Interpreter, Vec<Idle>>,
    tasks: HashMap<Tenant, Slot>,
    spares: Vec<Weak<WorkerLease>>,
    queue: Queue,
    prewarmed: HashSet<Interpreter>,
    /// Workers that live or are being started, idle or leased.
    count: usize,
    closed: bool,
}

/// The workers of one executor, and who has them.
pub struct Pool {
    config: Config,
    starter: Box<Starter>,
    metrics: Metrics,
    state: Mutex<State>,
    changed: Condvar,
}

/// How a task gets a worker. Whether one that runs already still lives is to be looked at, without the lock.
enum Claim {
    /// It has one.
    Own(Arc<WorkerLease>),
    /// One that nobody uses.
    Idle(Idle),
    /// It may start one, after this one, of another interpreter, has ended.
    Start(Option<Idle>),
}

impl State {
    fn idle(&self) -> usize {
        self.idle.values().map(Vec::len).sum()
    }

    fn busy(&self) -> usize {
        self.count - self.idle()
    }

    fn has_spare(&self, interpreter: &Interpreter, config: &Config) -> bool {
        let one = self.idle.get(interpreter).is_some_and(|idle| !idle.is_empty())
            || config.max_workers.is_none_or(|max| self.count < max);
        one && !self.closed && self.queue.len() == 0 && self.busy() < config.busy
    }

    fn check_open(&self) -> Result<()> {
        if self.closed {
            return Err(Error::new(ErrorCode::Cancelled, "the pool of workers is closed"));
        }
        Ok(())
    }

    /// A worker, or leave to start one, for the task at `place` of the queue.
    fn claim(&mut self, interpreter: &Interpreter, place: u64, max: Option<usize>) -> Option<Claim> {
        let room = max.map_or(usize::MAX, |max| max.saturating_sub(self.count));
        if self.queue.ahead_of(place) >= room.saturating_add(self.idle()) {
            return None;
        }
        if let Some(idle) = self.idle.get_mut(interpreter).and_then(Vec::pop) {
            return Some(Claim::Idle(idle));
        }
        if max.is_none_or(|max| self.count < max) {
            self.count += 1;
            return Some(Claim::Start(None));
        }
        // An idle worker of another interpreter makes room.
        self.idle.values_mut().find_map(Vec::pop).map(|other| Claim::Start(Some(other)))
    }
}

impl Pool {
    /// A pool without workers; they start when they are asked for.
    pub fn new(config: Config) -> Arc<Pool> {
        Pool::with_starter(config, Box::new(crate::worker::spawn))
    }

    fn with_starter(config: Config, starter: Box<Starter>) -> Arc<Pool> {
        Arc::new(Pool {
            config,
            starter,
            metrics: Metrics::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task that no engine has, for who needs a worker of its own.
    pub fn own_task() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1 << 63);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// The last place in the queue for a worker.
    pub fn queue(self: &Arc<Self>, task: u64, interpreter: &Interpreter) -> Place {
        Place::new(Arc::clone(self), (task, interpreter.clone()))
    }

    /// The worker of the task at `place`, waiting up to `timeout` for one; `None` when none was free.
    fn lease(
        self: &Arc<Self>,
        task: &Tenant,
        place: u64,
        timeout: Duration,
    ) -> Result<Option<Arc<WorkerLease>>> {
        let deadline = Instant::now() + timeout;
        let worker = loop {
            match self.claim(task, place, deadline)? {
                None => return Ok(None),
                Some(Claim::Own(lease)) if lease.worker.is_alive() => return Ok(Some(lease)),
                Some(Claim::Own(lease)) => self.lost(task, &lease),
                Some(Claim::Idle(idle)) if idle.worker.is_alive() => break Ok(idle),
                Some(Claim::Idle(idle)) => {
                    self.state().tasks.remove(task);
                    self.lost_idle(&idle);
                }
                Some(Claim::Start(other)) => {
                    drop(other);
                    break self.start(&task.1);
                }
            }
        };
        let mut state = self.state();
        let lease = match worker {
            Ok(idle) => {
                let lease = self.lease_of(idle, &task.1);
                state.tasks.insert(task.clone(), Slot::Leased(Arc::downgrade(&lease)));
                Ok(Some(lease))
            }
            Err(error) => {
                state.tasks.remove(task);
                state.count -= 1;
                Err(error)
            }
        };
        drop(state);
        self.changed.notify_all();
        lease
    }

    /// Whether [`Self::spare`] would find a worker, or start one.
    pub fn has_spare(&self, interpreter: &Interpreter) -> bool {
        self.state().has_spare(interpreter, &self.config)
    }

    /// Whether tasks wait for workers, or more are busy than `worker.busy`.
    pub fn is_crowded(&self) -> bool {
        let state = self.state();
        state.queue.len() > 0 || state.busy() > self.config.busy
    }

    /// One more worker for a task that has its own, where fewer are busy than `worker.busy` and nobody waits for one.
    /// Where there is none that is idle, one is started in the background.
    pub fn spare(self: &Arc<Self>, interpreter: &Interpreter) -> Option<Arc<WorkerLease>> {
        let mut state = self.state();
        if !state.has_spare(interpreter, &self.config) {
            return None;
        }
        let Some(idle) = state.idle.get_mut(interpreter).and_then(Vec::pop) else {
            state.count += 1;
            drop(state);
            self.in_background(interpreter, |pool, interpreter| pool.start_idle(interpreter).map(|_| false));
            return None;
        };
        drop(state);
        if !idle.worker.is_alive() {
            self.lost_idle(&idle);
            return None;
        }
        let lease = self.lease_of(idle, interpreter);
        let mut state = self.state();
        state.spares.retain(|spare| spare.strong_count() > 0);
        state.spares.push(Arc::downgrade(&lease));
        Some(lease)
    }

    /// What the task at `place` gets, waiting until `deadline` for it. Other nodes of the task wait from then on.
    fn claim(&self, task: &Tenant, place: u64, deadline: Instant) -> Result<Option<Claim>> {
        let mut state = self.state();
        let claim = loop {
            state.check_open()?;
            let starting = match state.tasks.get(task) {
                Some(Slot::Leased(lease)) => match lease.upgrade() {
                    Some(lease) => return Ok(Some(Claim::Own(lease))),
                    None => false,
                },
                Some(Slot::Starting) => true,
                None => false,
            };
            if !starting && let Some(claim) = state.claim(&task.1, place, self.config.max_workers) {
                break claim;
            }
            let remaining = deadline.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                return Ok(None);
            }
            state = self.changed.wait_timeout(state, remaining).unwrap_or_else(PoisonError::into_inner).0;
        };
        state.tasks.retain(|_, slot| match slot {
            Slot::Starting => true,
            Slot::Leased(lease) => lease.strong_count() > 0,
        });
        state.tasks.insert(task.clone(), Slot::Starting);
        Ok(Some(claim))
    }

    /// The worker of `lease` is dead: other nodes of the task may hold it for long, but it takes no room, and the task
    /// gets another.
    fn lost(&self, task: &Tenant, lease: &Arc<WorkerLease>) {
        let mut state = self.state();
        lease.count_out(&mut state);
        // Another node may have put a new one there.
        if matches!(state.tasks.get(task), Some(Slot::Leased(own)) if own.as_ptr() == Arc::as_ptr(lease)) {
            state.tasks.remove(task);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The worker that somebody was about to get is dead.
    fn lost_idle(&self, idle: &Idle) {
        self.state().count -= 1;
        self.changed.notify_all();
        self.metrics.lost();
        tracing::warn!(worker = idle.worker.describe(), "an idle worker ended; another one takes its place");
        idle.worker.kill();
        sweep();
    }

    /// What they have done.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// How many workers live, idle or leased.
    pub fn size(&self) -> usize {
        self.state().count
    }

    /// How many workers nobody uses.
    pub fn idle(&self) -> usize {
        self.state().idle()
    }

    /// How many jobs wait for a worker.
    pub fn waiting(&self) -> usize {
        self.state().queue.len()
    }

    /// Bytes of workers' segments that are mapped here.
    pub fn result_bytes(&self) -> usize {
        let state = self.state();
        let idle = state.idle.values().flatten().map(|idle| Arc::clone(&idle.worker));
        let leases = state.tasks.values().filter_map(|slot| match slot {
            Slot::Leased(lease) => lease.upgrade(),
            Slot::Starting => None,
        });
        let leases: Vec<_> = leases.chain(state.spares.iter().filter_map(Weak::upgrade)).collect();
        let workers: Vec<_> = idle.chain(leases.iter().map(|lease| Arc::clone(&lease.worker))).collect();
        // A lease that is the last one gives its worker back, for which it needs the state.
        drop(state);
        workers.iter().map(|worker| worker.result_bytes()).sum()
    }

    /// Lets go of idle workers that have ended, whose processes stay until somebody looks.
    pub fn reap_idle(&self) {
        let state = self.state();
        let idle: Vec<_> = state.idle.values().flatten().map(|idle| Arc::clone(&idle.worker)).collect();
        drop(state);
        for dead in idle.iter().filter(|worker| !worker.is_alive()) {
            let take = |workers: &mut Vec<Idle>| {
                let at = workers.iter().position(|idle| Arc::ptr_eq(&idle.worker, dead))?;
                Some(workers.remove(at))
            };
            // Whoever was given it meanwhile looks whether it lives.
            let taken = self.state().idle.values_mut().find_map(take);
            if let Some(idle) = taken {
                self.lost_idle(&idle);
            }
        }
    }

    /// Ends workers that nobody has used for `timeout`, but for those that are to be kept warm.
    pub fn end_idle(&self, timeout: Duration) {
        let mut ended = Vec::new();
        let mut state = self.state();
        for (interpreter, workers) in &mut state.idle {
            let stay = if interpreter.environment.is_none() { self.config.prewarm } else { 0 };
            // The one used last is last.
            let mut spare = workers.len().saturating_sub(stay);
            workers.retain(|idle| {
                let ends = spare > 0 && idle.since.elapsed() >= timeout;
                if ends {
                    spare -= 1;
                    ended.push(Arc::clone(&idle.worker));
                }
                !ends
            });
        }
        state.idle.retain(|_, workers| !workers.is_empty());
        state.count -= ended.len();
        drop(state);
        end(ended);
    }

    /// Ends every idle worker now, and every leased one when it is returned.
    pub fn shutdown(&self) {
        let mut state = self.state();
        state.closed = true;
        let idle: Vec<Arc<Worker>> =
            state.idle.drain().flat_map(|(_, idle)| idle).map(|i| i.worker).collect();
        state.count -= idle.len();
        drop(state);
        self.changed.notify_all();
        end(idle);
    }
}

#[cfg(test)]
impl Pool {
    /// A pool that starts its workers with `starter`.
    pub(crate) fn of_fakes(config: Config, starter: Box<Starter>) -> Arc<Pool> {
        Pool::with_starter(config, starter)
    }

    /// Makes `worker` an idle worker of this pool.
    pub(crate) fn adopt(&self, worker: Worker, interpreter: Interpreter) {
        let mut state = self.state();
        state.count += 1;
        let idle = Idle { worker: Arc::new(worker), since: Instant::now(), tasks: 0 };
        state.idle.entry(interpreter).or_default().push(idle);
    }
}
