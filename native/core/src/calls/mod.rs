//! Single calls of one definition, in the order of the numbers that name them, by whichever worker is free.
//!
//! ```text
//!  submit ──▶ waiting ──▶ offered to a worker ──▶ begun ──▶ outcome
//!    who submits   ▲         │ recalled by a worker that is idle, withdrawn by who submitted, left by a
//!                  └─────────┘ worker that died: none of these has begun, so it may go elsewhere
//! ```
//!
//! A *lane* is a thread of the binding and, while there is work, the worker that it leases: [`Calls::next`] hands that
//! worker what waits and returns what came back. Who submits hands a call over by itself where a worker has room, and makes
//! room while the lane's thread is busy. Short calls wait at their worker, so that it need not wait for them; behind a long one they are taken back.
//!
//! What must hold: a call begins once. It is in `waiting` or with exactly one lane; it goes back to `waiting` only when
//! its word in the control page says that it had not begun, or when it may be tried again.

mod allowance;
mod lane;
mod nested;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow_schema::{DataType, Fields};

use crate::definition::{Definition, DefinitionId, Mapping, Policy, Program, RowCount, Shape};
use crate::error::{Error, ErrorCode, Result};
use crate::job::content_id;
use crate::pool::WorkerLease;
use crate::runtime::Runtime;
use crate::worker::{Data, Interpreter, Reply, Returned};

pub(crate) use allowance::Allowance;
use lane::Lane;
use nested::Nested;
pub(crate) use nested::ended;

/// How long a wait for a worker, or for an answer, goes on without a look at what else happened.
const STEP: Duration = Duration::from_millis(100);
/// How often a lane without work looks whether calls of others wait behind a long one.
const LOOK: Duration = Duration::from_millis(1);
/// How long a lane without work keeps its worker from other users of the pool.
const KEEP: Duration = Duration::from_millis(200);
/// How often a call may be with workers that die before it begins.
const MOST_LOST: u32 = 3;

/// A call.
pub struct Call {
    /// What is called.
    pub data: Data,
    /// The longest that it may take.
    pub timeout: Option<Duration>,
    /// How often it may begin again after a worker died in it.
    pub retries: u32,
}

/// What became of a call.
pub enum Outcome {
    /// It is over, as its convention says.
    Returned {
        /// What came of it, for the convention.
        body: Vec<u8>,
        /// Its data.
        buffers: Vec<Returned>,
    },
    /// It could not be made or answered, or its worker was lost.
    Failed(Error),
    /// No call can be made any more.
    Broken(Error),
}

/// What calls need.
pub struct Setting {
    /// What runs, by its convention.
    pub program: Program,
    /// The minor version of Python that it needs.
    pub python: Option<String>,
    /// Where it runs.
    pub interpreter: Interpreter,
    /// Calls after which a worker is replaced.
    pub calls_per_worker: Option<usize>,
    /// The most lanes.
    pub lanes: usize,
}

struct Waiting {
    call: Call,
    /// How often it was with a worker that died before it began.
    lost: u32,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<u64, Waiting>,
    lanes: Vec<Lane>,
    nested: Nested,
    /// Whether one more lane would have work, for calls that calls submitted.
    wants_lane: bool,
    closed: bool,
    killed: bool,
    broken: Option<Error>,
}

impl State {
    fn least_busy(&self) -> Option<usize> {
        (0..self.lanes.len()).min_by_key(|lane| self.lanes[*lane].load())
    }

    /// Whether no call is under way, which could submit others.
    fn is_done(&self) -> bool {
        self.lanes.iter().all(|lane| lane.pending() == 0)
    }

    fn wake_all(&self) {
        self.lanes.iter().for_each(|lane| lane.changed.notify_all());
    }

    /// Takes a call back; false when it has begun, or is over.
    fn take_back(&mut self, number: u64) -> bool {
        self.waiting.remove(&number).is_some()
            || self.lanes.iter_mut().any(|lane| lane.revoke(number).is_some())
    }
}

/// What a worker needs to know of a program that makes calls.
pub(crate) fn definition(program: Program) -> Definition {
    let empty = DataType::Struct(Fields::empty());
    let shape = Shape {
        input: empty.clone(),
        output: empty,
        keys: 0,
        keep: Vec::new(),
        rows: RowCount::One,
        mapping: Mapping::Private,
    };
    Definition { program, shape, policy: Policy::default(), options: Vec::new(), block: None }
}

/// What a reply says of a call.
pub(crate) fn outcome(reply: Reply) -> Outcome {
    match reply {
        Reply::Returned { body, buffers, .. } => Outcome::Returned { body, buffers },
        // What a call raises is in its answer: this is the program, without which there is no call.
        Reply::Failed { error, .. } if error.code == ErrorCode::FunctionRaised => Outcome::Broken(error),
        Reply::Failed { error, .. } => Outcome::Failed(error),
        Reply::Done { .. } | Reply::Asked(_) => {
            Outcome::Failed(Error::protocol("a call was answered as a batch is"))
        }
    }
}

/// Calls and the lanes that they go through.
pub struct Calls {
    runtime: Arc<Runtime>,
    setting: Setting,
    id: DefinitionId,
    definition: Definition,
    state: Mutex<State>,
}

impl Calls {
    /// Nothing runs yet.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when the program cannot be named.
    pub fn new(runtime: Arc<Runtime>, setting: Setting) -> Result<Calls> {
        let definition = definition(setting.program.clone());
        let id = content_id(&definition)?;
        Ok(Calls { runtime, setting, id, definition, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose memory and workers these are.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// Takes a call; no other has its number. Never waits. Whether one more lane would have work.
    ///
    /// # Errors
    /// [`ErrorCode::Cancelled`] after [`Self::close`]; what broke the lanes.
    pub fn submit(&self, number: u64, call: Call) -> Result<bool> {
        let mut state = self.state();
        if let Some(error) = &state.broken {
            return Err(error.clone());
        }
        if state.closed {
            return Err(Error::new(ErrorCode::Cancelled, "no call is taken any more"));
        }
        state.waiting.insert(number, Waiting { call, lost: 0 });
        let wants_lane = self.offer(&mut state);
        let least = state.least_busy();
        if let Some(lane) = least.filter(|_| !state.waiting.is_empty()) {
            self.glean(&mut state, lane);
            self.hand(&mut state, lane);
        }
        Ok(wants_lane)
    }

    /// A lane that waits without a worker gets one for what waits; else whoever has least to do takes it now. Whether one
    /// more lane would have work.
    fn offer(&self, state: &mut State) -> bool {
        if let Some(idle) = state.lanes.iter_mut().find(|lane| lane.idle && lane.lease.is_none()) {
            idle.idle = false;
            idle.changed.notify_one();
            return false;
        }
        let free = state.lanes.iter().any(|lane| lane.idle && lane.under_way.is_empty());
        if let Some(lane) = state.least_busy() {
            self.hand(state, lane);
        }
        !free && state.lanes.len() < self.setting.lanes
    }

    /// Hands what waits to the worker of `lane`, whose thread then awaits the answers.
    fn hand(&self, state: &mut State, lane: usize) {
        self.fill(state, lane);
        if state.lanes[lane].idle {
            state.lanes[lane].changed.notify_one();
        }
    }

    /// Takes a call back; false when it has begun, or is over.
    pub fn withdraw(&self, number: u64) -> bool {
        self.state().take_back(number)
    }

    /// Whether a call has begun and is not over, as far as that is known here.
    pub fn is_running(&self, number: u64) -> bool {
        self.state().lanes.iter().any(|lane| lane.is_running(number))
    }

    /// Opens a lane, for a thread that then calls [`Self::next`] until there is nothing more; `None` when there are as many
    /// as may be.
    pub fn open_lane(&self) -> Option<usize> {
        let mut state = self.state();
        if state.lanes.len() >= self.setting.lanes {
            return None;
        }
        state.lanes.push(Lane::default());
        Some(state.lanes.len() - 1)
    }

    /// Whether one more lane would have work since this was last asked.
    pub fn wants_lane(&self) -> bool {
        std::mem::take(&mut self.state().wants_lane)
    }

    /// What came back through `lane`; waits for it. No outcome where one more lane would have work, `None` when no more will
    /// come.
    pub fn next(&self, lane: usize) -> Option<Vec<(u64, Outcome)>> {
        loop {
            let mut state = self.state();
            if let Some(error) = state.broken.clone() {
                let mut outcomes = std::mem::take(&mut state.lanes[lane].ready);
                outcomes.extend(self.give_up(&mut state, lane, &error));
                let outcomes = self.route(&mut state, outcomes);
                return Some(outcomes).filter(|outcomes| !outcomes.is_empty());
            }
            self.fill(&mut state, lane);
            let ready = std::mem::take(&mut state.lanes[lane].ready);
            let ready = self.route(&mut state, ready);
            if !ready.is_empty() || state.wants_lane {
                return Some(ready);
            }
            if let (Some(lease), Some(ticket)) = (&state.lanes[lane].lease, state.lanes[lane].front()) {
                let lease = Arc::clone(lease);
                state.lanes[lane].listening = true;
                drop(state);
                let outcomes = self.collect(lane, &lease, ticket);
                if !outcomes.is_empty() {
                    return Some(outcomes);
                }
                continue;
            }
            if !state.waiting.is_empty() {
                if state.lanes[lane].lease.is_none() {
                    drop(state);
                    self.lease(lane);
                    continue;
                }
                // Its worker has done its share.
                let lease = Self::release(&mut state, lane);
                drop(state);
                drop(lease);
                continue;
            }
            if self.recall(&mut state, lane) {
                continue;
            }
            let others = state.lanes.iter().any(|other| other.pending() > 1);
            if state.closed && state.is_done() {
                let lease = Self::release(&mut state, lane);
                drop(state);
                drop(lease);
                return None;
            }
            self.rest(state, lane, if others { Some(LOOK) } else { None });
        }
    }

    /// Waits for work, up to `time`; after a while without any, others may have the worker.
    fn rest(&self, mut state: MutexGuard<'_, State>, lane: usize, time: Option<Duration>) {
        let changed = Arc::clone(&state.lanes[lane].changed);
        let keeps = state.lanes[lane].lease.is_some();
        let patience = time.unwrap_or(if keeps { KEEP } else { Duration::from_secs(3600) });
        state.lanes[lane].idle = true;
        let (mut state, rested) =
            changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
        state.lanes[lane].idle = false;
        if keeps && time.is_none() && rested.timed_out() && state.lanes[lane].under_way.is_empty() {
            let lease = Self::release(&mut state, lane);
            drop(state);
            drop(lease);
        }
    }

    /// Leases a worker for `lane`, if one is free soon.
    fn lease(&self, lane: usize) {
        let place = {
            let mut state = self.state();
            let own = &mut state.lanes[lane];
            let queue = || self.runtime.pool().queue(own.task, &self.setting.interpreter);
            own.place.take().unwrap_or_else(queue)
        };
        let leased = place.lease(STEP);
        let mut state = self.state();
        match leased {
            Ok(Some(lease)) if !state.killed => state.lanes[lane].lease = Some(lease),
            Ok(Some(lease)) => {
                lease.worker().kill();
                let error = Error::new(ErrorCode::Cancelled, "the workers were ended");
                state.broken.get_or_insert(error);
                drop(state);
                drop(lease);
            }
            Ok(None) => state.lanes[lane].place = Some(place),
            Err(error) => {
                state.broken.get_or_insert(error);
            }
        }
    }

    /// Takes no call any more; those that were taken are made.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.wake_all();
    }

    /// Ends the workers now, with the calls that they are at; no other worker starts.
    pub fn kill(&self) {
        let mut state = self.state();
        (state.closed, state.killed) = (true, true);
        let leases: Vec<Arc<WorkerLease>> =
            state.lanes.iter().filter_map(|lane| lane.lease.clone()).collect();
        drop(state);
        leases.iter().for_each(|lease| lease.worker().kill());
        self.close();
    }

    /// The processes that it has at this moment.
    pub fn processes(&self) -> Vec<u32> {
        let state = self.state();
        state.lanes.iter().filter_map(|lane| lane.lease.as_ref()).map(|lease| lease.worker().id()).collect()
    }

    /// Parts with the worker of `lane`, which is to be dropped without the lock.
    fn release(state: &mut State, lane: usize) -> Option<Arc<WorkerLease>> {
        Self::disown(state, lane);
        state.lanes[lane].release()
    }

    /// All that `lane` and the queue have is over with `error`.
    fn give_up(&self, state: &mut State, lane: usize, error: &Error) -> Vec<(u64, Outcome)> {
        let lease = Self::release(state, lane);
        let under_way = std::mem::take(&mut state.lanes[lane].under_way);
        let sent = under_way.into_iter().filter_map(|sent| sent.call.map(|_| sent.number));
        let waiting = std::mem::take(&mut state.waiting).into_keys();
        let outcomes = sent.chain(waiting).map(|number| (number, Outcome::Broken(error.clone()))).collect();
        if let Some(lease) = lease {
            lease.worker().kill();
        }
        outcomes
    }
}
