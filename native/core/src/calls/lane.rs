//! One lane: the worker that it leases, the calls that are there, and what becomes of them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar};
use std::time::Duration;

use super::nested::Owed;
use super::{Call, Calls, MOST_LOST, Outcome, STEP, State, Waiting, outcome};
use crate::error::{Error, ErrorCode};
use crate::log;
use crate::pool::{Place, Pool, WorkerLease};
use crate::protocol::Watch;
use crate::worker::{Reply, Request};

/// Calls may wait at their worker for as long together; one that takes longer has others taken away from behind it.
const SHORT: Duration = Duration::from_millis(1);
/// The most calls at a worker: fewer than the control page has words, and than a socket has room for.
const MOST: usize = 32;
/// The most bytes of them: sending must not wait for a worker that waits for us to take its answers.
const MOST_BYTES: usize = 32 << 10;

/// A call that was handed to a worker.
pub(super) struct Sent {
    ticket: u64,
    pub number: u64,
    /// None when it was taken back: only the answer is awaited.
    pub call: Option<Waiting>,
}

pub(super) struct Lane {
    pub task: u64,
    pub changed: Arc<Condvar>,
    pub lease: Option<Arc<WorkerLease>>,
    /// Where it waits for one.
    pub place: Option<Place>,
    pub under_way: VecDeque<Sent>,
    bytes: usize,
    /// How long calls took of late, in nanoseconds; none while the worker has not answered.
    pace: Option<u64>,
    /// Whether its thread awaits an answer.
    pub listening: bool,
    /// What its thread has still to return: answers that who submits has found, calls that could not be sent.
    pub ready: Vec<(u64, Outcome)>,
    /// Calls that the worker was given.
    served: usize,
    /// Whether its thread waits for work.
    pub idle: bool,
    /// What its call is owed of those that it submitted.
    pub owed: Owed,
}

impl Default for Lane {
    fn default() -> Lane {
        Lane {
            task: Pool::own_task(),
            changed: Arc::default(),
            lease: None,
            place: None,
            under_way: VecDeque::new(),
            bytes: 0,
            pace: None,
            listening: false,
            ready: Vec::new(),
            served: 0,
            idle: false,
            owed: Owed::default(),
        }
    }
}

impl Lane {
    /// How busy it is; most where it has no worker yet.
    pub(super) fn load(&self) -> (bool, usize) {
        (self.lease.is_none(), self.under_way.len())
    }

    /// Calls that are there and wanted.
    pub(super) fn pending(&self) -> usize {
        self.under_way.iter().filter(|sent| sent.call.is_some()).count()
    }

    /// The ticket that is answered next.
    pub(super) fn front(&self) -> Option<u64> {
        self.under_way.front().map(|sent| sent.ticket)
    }

    fn has_room(&self) -> bool {
        let most = match self.pace {
            None => 1,
            Some(pace) => (SHORT.as_nanos() as u64 / pace.max(1)).clamp(2, MOST as u64) as usize,
        };
        self.under_way.len() < most && self.bytes < MOST_BYTES
    }

    /// Takes back a call that has not begun.
    pub(super) fn revoke(&mut self, number: u64) -> Option<Waiting> {
        let lease = self.lease.as_ref()?;
        let sent = self.under_way.iter_mut().find(|sent| sent.number == number)?;
        if !lease.worker().revoke(sent.ticket) {
            return None;
        }
        let waiting = sent.call.take()?;
        self.bytes = self.bytes.saturating_sub(waiting.call.data.body.len());
        Some(waiting)
    }

    pub(super) fn is_running(&self, number: u64) -> bool {
        let begun = |lease: &Arc<WorkerLease>, sent: &Sent| {
            sent.number == number && sent.call.is_some() && lease.worker().has_begun(sent.ticket)
        };
        self.lease.as_ref().is_some_and(|lease| self.under_way.iter().any(|sent| begun(lease, sent)))
    }

    /// See [`Calls::release`].
    pub(super) fn release(&mut self) -> Option<Arc<WorkerLease>> {
        (self.bytes, self.pace, self.served) = (0, None, 0);
        self.lease.take()
    }
}

impl Calls {
    /// Hands what waits to the worker of `lane`, as far as it has room.
    pub(super) fn fill(&self, state: &mut State, lane: usize) {
        let State { waiting, lanes, .. } = state;
        let lane = &mut lanes[lane];
        let Some(lease) = lane.lease.clone() else { return };
        let worn = |served| self.setting.calls_per_worker.is_some_and(|most| served >= most);
        while lane.has_room() && !worn(lane.served) {
            let Some((number, waiting)) = waiting.pop_first() else { break };
            let Call { data, timeout, .. } = &waiting.call;
            let sent = lease.worker().call(Request {
                id: self.id,
                definition: &self.definition,
                data,
                timeout: *timeout,
                python: self.setting.python.as_deref(),
                watch: Watch { task: String::new(), log_level: log::level(), trace: false },
            });
            let ticket = match sent {
                Ok(ticket) => ticket,
                Err(error) => {
                    lane.ready.push((number, Outcome::Failed(error)));
                    return;
                }
            };
            lane.served += 1;
            lane.bytes += data.body.len();
            lane.under_way.push_back(Sent { ticket, number, call: Some(waiting) });
            if worn(lane.served) {
                lease.retire();
            }
        }
    }

    /// Takes the first call from behind a long one of another lane, for `lane` to make.
    pub(super) fn recall(&self, state: &mut State, lane: usize) -> bool {
        let State { waiting, lanes, .. } = state;
        let is_long = |lease: &Arc<WorkerLease>| {
            let position = lease.worker().position();
            position.is_some_and(|position| position.elapsed() >= SHORT)
        };
        let others = lanes.iter_mut().enumerate().filter(|(other, _)| *other != lane);
        for (_, other) in others {
            if other.pending() < 2 || !other.lease.as_ref().is_some_and(is_long) {
                continue;
            }
            let numbers: Vec<u64> =
                other.under_way.iter().filter(|sent| sent.call.is_some()).map(|sent| sent.number).collect();
            if let Some((number, call)) =
                numbers.into_iter().find_map(|number| other.revoke(number).map(|call| (number, call)))
            {
                waiting.insert(number, call);
                return true;
            }
        }
        false
    }

    /// Takes the answers of `lane` that are there, while its thread is busy with earlier ones: its worker would run out of
    /// calls.
    pub(super) fn glean(&self, state: &mut State, lane: usize) {
        while let Lane { listening: false, lease: Some(lease), under_way, .. } = &state.lanes[lane]
            && let Some(sent) = under_way.front()
        {
            // An error is the thread's, which gets it too.
            let Ok(Some(reply)) = lease.worker().reply(sent.ticket, Duration::ZERO) else { break };
            let outcome = match reply {
                Reply::Asked(asked) => {
                    self.asked(state, lane, asked);
                    continue;
                }
                reply => answered(state, lane, reply),
            };
            state.lanes[lane].ready.extend(outcome);
        }
    }

    /// The answer to `ticket`, which is the next one of `lane`, and those after it that are there; none when it did not come
    /// soon.
    pub(super) fn collect(&self, lane: usize, lease: &Arc<WorkerLease>, ticket: u64) -> Vec<(u64, Outcome)> {
        let mut outcomes = Vec::new();
        let (mut next, mut patience) = (Some(ticket), STEP);
        while let Some(ticket) = next {
            match lease.worker().reply(ticket, patience) {
                Ok(None) => break,
                Ok(Some(Reply::Asked(asked))) => {
                    let mut state = self.state();
                    self.asked(&mut state, lane, asked);
                    if state.wants_lane {
                        break;
                    }
                    // What is asked comes in bursts, and is not what is waited for.
                    continue;
                }
                Ok(Some(reply)) => {
                    let mut state = self.state();
                    outcomes.extend(answered(&mut state, lane, reply));
                    next = state.lanes[lane].front();
                }
                Err(error) => {
                    outcomes.extend(self.lost(lane, &error));
                    break;
                }
            }
            patience = Duration::ZERO;
        }
        let mut state = self.state();
        state.lanes[lane].listening = false;
        self.fill(&mut state, lane);
        if state.closed && state.is_done() {
            state.wake_all();
        }
        self.route(&mut state, outcomes)
    }

    /// The worker of `lane` is lost: the call that it was at is over, unless it may be tried again; the others wait anew.
    fn lost(&self, lane: usize, error: &Error) -> Vec<(u64, Outcome)> {
        let mut state = self.state();
        let lease = Calls::release(&mut state, lane);
        let State { waiting, lanes, broken, killed, .. } = &mut *state;
        let lane = &mut lanes[lane];
        let mut outcomes = Vec::new();
        if error.code == ErrorCode::Interpreter {
            broken.get_or_insert_with(|| error.clone());
        }
        for Sent { ticket, number, call } in std::mem::take(&mut lane.under_way) {
            let Some(mut sent) = call else { continue };
            let begun = lease.as_ref().is_some_and(|lease| lease.worker().has_begun(ticket));
            let again = if begun { &mut sent.call.retries } else { &mut 0 };
            if begun && *again > 0 && error.code == ErrorCode::WorkerDied && !*killed {
                *again -= 1;
                waiting.insert(number, sent);
            } else if begun || *killed || sent.lost >= MOST_LOST {
                outcomes.push((number, Outcome::Failed(error.clone())));
            } else {
                sent.lost += 1;
                waiting.insert(number, sent);
            }
        }
        state.wake_all();
        drop(state);
        if let Some(lease) = lease {
            lease.worker().kill();
        }
        outcomes
    }
}

/// The front call of `lane` is answered.
fn answered(state: &mut State, lane: usize, reply: Reply) -> Option<(u64, Outcome)> {
    let lane = &mut state.lanes[lane];
    let sent = lane.under_way.pop_front()?;
    lane.owed = Owed::default();
    // The answer to one that was taken back.
    let Waiting { call, .. } = sent.call?;
    lane.bytes = lane.bytes.saturating_sub(call.data.body.len());
    if let Reply::Returned { nanos, .. } = reply {
        // A long one says at once that others are not to wait behind it, short ones after a while that they may.
        lane.pace = Some(lane.pace.map_or(nanos, |pace| nanos.max(pace - pace / 4)));
    }
    let outcome = outcome(reply);
    if let Outcome::Broken(error) = &outcome {
        state.broken.get_or_insert_with(|| error.clone());
    }
    Some((sent.number, outcome))
}
