//! Calls that a function submits while it runs for a group: made by workers that nobody uses, as long as nobody wants them.
//!
//! What no worker has begun the function claims and makes itself, so that it never waits for one. The task's thread
//! hears the helpers while it waits for the batch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::calls::{self, Allowance};
use crate::definition::{Definition, DefinitionId};
use crate::error::{ErrorCode, Result};
use crate::log;
use crate::pool::{Pool, WorkerLease};
use crate::protocol::Watch;
use crate::protocol::asks::{Ended, Question, Told};
use crate::worker::{Asked, Data, Interpreter, Reply, Request, Worker};

/// How long a wait goes on without a look for idle workers.
const STEP: Duration = Duration::from_millis(5);

/// Where a job finds workers for such calls.
pub(super) struct Reserve<'a> {
    pub pool: &'a Arc<Pool>,
    pub interpreter: &'a Interpreter,
    pub python: Option<&'a str>,
    /// Whether it may take any.
    pub spread: bool,
}

/// The calls of all workers' functions. They are no job's: the jobs of a task share its worker, and whichever waits for it
/// hears what the function of another asks.
#[derive(Default)]
pub(crate) struct Asks {
    asking: Mutex<Vec<Asking>>,
}

/// A worker whose function has asked.
struct Asking {
    worker: Arc<Worker>,
    helped: Arc<Mutex<Helped>>,
}

/// The calls of one worker's function.
#[derive(Default)]
struct Helped {
    /// What makes calls.
    program: Option<(DefinitionId, Definition)>,
    waiting: BTreeMap<u64, Waiting>,
    /// What calls take that are not over.
    allowance: Allowance,
    helpers: Vec<Helper>,
    over: Vec<(u64, Ended<Data>)>,
    /// The question what is over.
    question: Option<u64>,
}

struct Waiting {
    call: Data,
    timeout: Option<Duration>,
    /// How often it may begin again after a worker died in it.
    retries: u32,
}

/// A worker and the call that it is at.
struct Helper {
    lease: Arc<WorkerLease>,
    sent: Option<Sent>,
}

/// A call that a helper has; its data are the call's until it is answered.
struct Sent {
    ticket: u64,
    number: u64,
    waiting: Waiting,
}

/// One that is given up in the middle of a call is of no use to others.
impl Drop for Helper {
    fn drop(&mut self) {
        if self.sent.is_some() {
            self.lease.worker().kill();
        }
    }
}

impl Asks {
    fn asking(&self) -> MutexGuard<'_, Vec<Asking>> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, worker: &Arc<Worker>) -> Option<Arc<Mutex<Helped>>> {
        let asking = self.asking();
        asking.iter().find(|own| Arc::ptr_eq(&own.worker, worker)).map(|own| Arc::clone(&own.helped))
    }

    fn begin(&self, worker: &Arc<Worker>) -> Arc<Mutex<Helped>> {
        self.find(worker).unwrap_or_else(|| {
            let helped = Arc::default();
            self.asking().push(Asking { worker: Arc::clone(worker), helped: Arc::clone(&helped) });
            helped
        })
    }

    /// The reply to batch `ticket`, as [`Worker::reply`] has it; what is asked meanwhile is seen to.
    pub(super) fn reply(
        &self,
        reserve: &Reserve<'_>,
        worker: &Arc<Worker>,
        ticket: u64,
        timeout: Duration,
    ) -> Result<Option<Reply>> {
        let deadline = Instant::now() + timeout;
        loop {
            let remaining = deadline.saturating_duration_since(Instant::now());
            let helped = self.find(worker);
            let reply = match &helped {
                Some(helped) => lock(helped).step(reserve, worker, ticket, remaining)?,
                None => worker.reply(ticket, remaining)?,
            };
            match reply {
                Some(Reply::Asked(asked)) => {
                    let helped = helped.unwrap_or_else(|| self.begin(worker));
                    lock(&helped).asked(reserve, worker, asked)?;
                }
                Some(reply) => {
                    // The next function may have asked already.
                    if helped.is_some_and(|helped| !lock(&helped).is_open()) {
                        self.lose(worker);
                    }
                    return Ok(Some(reply));
                }
                None if Instant::now() >= deadline => return Ok(None),
                None => {}
            }
        }
    }

    /// Nobody waits for what the function of the worker has asked.
    pub(super) fn lose(&self, worker: &Arc<Worker>) {
        self.asking().retain(|own| !Arc::ptr_eq(&own.worker, worker));
    }
}

fn lock(helped: &Mutex<Helped>) -> MutexGuard<'_, Helped> {
    helped.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Helped {
    /// Waits for `worker` or a helper; what the worker says.
    fn step(
        &mut self,
        reserve: &Reserve<'_>,
        worker: &Arc<Worker>,
        ticket: u64,
        remaining: Duration,
    ) -> Result<Option<Reply>> {
        self.get_help(reserve)?;
        let busy = self.helpers.iter().filter(|helper| helper.sent.is_some());
        let workers: Vec<&Worker> =
            std::iter::once(&**worker).chain(busy.map(|helper| &**helper.lease.worker())).collect();
        Worker::wait_for_any(&workers, STEP.min(remaining))?;
        for index in (0..self.helpers.len()).rev() {
            self.hear(index)?;
        }
        self.pay(worker)?;
        worker.reply(ticket, Duration::ZERO)
    }

    fn asked(&mut self, reserve: &Reserve<'_>, worker: &Arc<Worker>, asked: Asked) -> Result<()> {
        let Asked { number, question } = asked;
        match question {
            Question::Submit { call, timeout, program, retries } => {
                if let Some(program) = program {
                    let definition = calls::definition(*program);
                    self.program = Some((super::content_id(&definition)?, definition));
                }
                if let Err(error) = self.allowance.take(Allowance::size(&call)) {
                    self.over.push((number, error.into()));
                    return self.pay(worker);
                }
                self.waiting.insert(number, Waiting { call, timeout, retries });
                self.get_help(reserve)
            }
            Question::Claim(call) => {
                let claimed = self.waiting.remove(&call);
                if let Some(Waiting { call, .. }) = &claimed {
                    self.allowance.give_back(Allowance::size(call));
                }
                worker.answer(number, Told::Claimed(claimed.is_some()))?;
                self.pay(worker)
            }
            Question::Outcomes => {
                self.question = Some(number);
                self.pay(worker)
            }
            question => worker.decline(&Asked { number, question }),
        }
    }

    /// Gives calls to helpers, and takes more of these where workers are idle; gives them back where tasks want them.
    fn get_help(&mut self, reserve: &Reserve<'_>) -> Result<()> {
        if self.waiting.is_empty() || reserve.pool.is_crowded() {
            self.helpers.retain(|helper| helper.sent.is_some());
            return Ok(());
        }
        let Some((id, definition)) = &self.program else { return Ok(()) };
        while let Some(entry) = self.waiting.first_entry() {
            let free = self.helpers.iter().position(|helper| helper.sent.is_none());
            let helper = match free.map(|free| self.helpers.swap_remove(free)) {
                Some(helper) => Some(helper),
                None if reserve.spread => {
                    reserve.pool.spare(reserve.interpreter).map(|lease| Helper { lease, sent: None })
                }
                None => None,
            };
            let Some(mut helper) = helper else { break };
            let (number, waiting) = entry.remove_entry();
            let ticket = helper.lease.worker().call(Request {
                id: *id,
                definition,
                data: &waiting.call,
                timeout: waiting.timeout,
                python: reserve.python,
                watch: Watch { task: String::new(), log_level: log::level(), trace: false },
            });
            match ticket {
                Ok(ticket) => {
                    helper.sent = Some(Sent { ticket, number, waiting });
                    self.helpers.push(helper);
                }
                Err(error) => {
                    self.allowance.give_back(Allowance::size(&waiting.call));
                    self.over.push((number, error.into()));
                }
            }
        }
        Ok(())
    }

    fn hear(&mut self, index: usize) -> Result<()> {
        let Helper { lease, sent } = &mut self.helpers[index];
        let Some(ticket) = sent.as_ref().map(|sent| sent.ticket) else { return Ok(()) };
        let reply = match lease.worker().reply(ticket, Duration::ZERO) {
            Ok(None) => return Ok(()),
            // It has no helpers of its own.
            Ok(Some(Reply::Asked(asked))) => return lease.worker().decline(&asked),
            reply => reply,
        };
        let begun = lease.worker().has_begun(ticket);
        let Some(Sent { number, mut waiting, .. }) = sent.take() else { return Ok(()) };
        let over = match reply {
            Ok(reply) => reply.map(|reply| calls::ended(calls::outcome(reply))),
            Err(error) => {
                self.helpers.swap_remove(index);
                let again = !begun || (waiting.retries > 0 && error.code == ErrorCode::WorkerDied);
                (!again).then(|| error.into())
            }
        };
        match over {
            Some(over) => {
                self.allowance.give_back(Allowance::size(&waiting.call));
                self.over.push((number, over));
            }
            None => {
                waiting.retries -= u32::from(begun);
                self.waiting.insert(number, waiting);
            }
        }
        Ok(())
    }

    /// Whether some calls are not over.
    fn is_open(&self) -> bool {
        !self.waiting.is_empty() || self.helpers.iter().any(|helper| helper.sent.is_some())
    }

    /// Tells the function what came of its calls, if it asks for that and there is some, or will be none.
    fn pay(&mut self, worker: &Arc<Worker>) -> Result<()> {
        if (!self.over.is_empty() || !self.is_open())
            && let Some(question) = self.question.take()
        {
            return worker.answer(question, Told::Outcomes(std::mem::take(&mut self.over)));
        }
        Ok(())
    }
}
