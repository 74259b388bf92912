//! One worker: a peer at the other end of a channel that maps batches through functions, one after the other.
//!
//! Batches are numbered with tickets; replies may be waited for by several jobs of the same task, each for its own
//! tickets, from any thread. A worker that broke the protocol or died answers every later call with that error.

mod asker;
mod asks;
mod data;
mod output;
mod process;
mod receive;
mod reply;
#[cfg(test)]
pub(crate) mod thread;

use std::collections::{HashMap, VecDeque};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::channel::Channel;
use crate::definition::{Definition, DefinitionId};
use crate::error::{Error, ErrorCode, Result};
use crate::protocol::asks::{Question, Told};
use crate::protocol::{ArrayDescriptor, ToWorker, VERSION, Watch};
use crate::segment::{Backend, Control, Incoming, Lease, Outgoing, Position, Segment, SegmentToken};
use crate::spelling::Spelling;

pub use asker::Asker;
pub use asks::Asked;
use asks::Asks;
pub use data::Data;
pub use process::{Interpreter, spawn};
use reply::Recycle;
pub use reply::{Loan, Reply, Returned};

/// Functions that a worker keeps at once.
const MAX_DEFINITIONS: usize = 16;

/// The other end of the channel: what can be asked of it beside messages.
pub trait Peer: Send + Sync {
    /// Its process; 0 where it is none.
    fn id(&self) -> u32;
    /// How messages and logs name it.
    fn describe(&self) -> String;
    /// Ends it at once. Returns when it has ended and been reaped.
    fn kill(&self);
    /// How it ended, waiting up to `grace`; `None` while it runs.
    fn exit(&self, grace: Duration) -> Option<String>;
    /// What it wrote last to its standard error.
    fn last_words(&self) -> String;
}

/// Starts a peer.
pub type Starter = dyn Fn(&Interpreter) -> Result<(Channel, Box<dyn Peer>)> + Send + Sync;

/// What a worker may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time to start and to import its libraries.
    pub start_timeout: Duration,
    /// Bytes of unused segments that it keeps for later results.
    pub idle_bytes: usize,
    /// Bytes of arguments that functions may keep views on.
    pub retained_bytes: usize,
    /// Bytes of its segments that are mapped here; `None` is no limit.
    pub result_bytes: Option<usize>,
}

/// A batch and what is to be done with it.
pub struct Assignment<'a> {
    /// Names the definition.
    pub id: DefinitionId,
    /// Sent when the worker does not know it.
    pub definition: &'a Definition,
    /// The segment of its block.
    pub block: Option<&'a Arc<Segment>>,
    /// The batch.
    pub batch: ArrayDescriptor,
    /// The segments that it lies in.
    pub leases: &'a [Arc<Lease>],
    /// Groups that are not to be tried, and why.
    pub condemned: &'a [(u64, String)],
    /// The minor version of Python that the function needs, such as `3.11`.
    pub python: Option<&'a str>,
    /// What is observed meanwhile.
    pub watch: Watch,
}

/// A call to be made.
pub struct Request<'a> {
    /// Names the definition.
    pub id: DefinitionId,
    /// Sent when the worker does not know it.
    pub definition: &'a Definition,
    /// What is called.
    pub data: &'a Data,
    /// The longest that it may take.
    pub timeout: Option<Duration>,
    /// As in [`Assignment`].
    pub python: Option<&'a str>,
    /// What is observed meanwhile.
    pub watch: Watch,
}

#[derive(Default)]
struct Sending {
    segments: Outgoing,
    definitions: VecDeque<DefinitionId>,
    last_ticket: u64,
    /// Batches without a reply so far, and the longest that each of their calls may take.
    under_way: HashMap<u64, Option<Duration>>,
    expected_python: Option<String>,
}

impl Sending {
    /// The next ticket, for something whose calls may take `timeout` each.
    fn ticket(&mut self, timeout: Option<Duration>) -> u64 {
        self.last_ticket += 1;
        self.under_way.insert(self.last_ticket, timeout);
        self.last_ticket
    }
}

struct Receiving {
    segments: Incoming,
    replies: HashMap<u64, Reply>,
}

/// One worker and our end of its channel.
pub struct Worker {
    channel: Channel,
    peer: Box<dyn Peer>,
    control: Control,
    started: Instant,
    limits: Limits,
    /// Its version of Python, once it has said hello.
    python: OnceLock<String>,
    /// Why it takes nothing more. It is read without the lock on `receiving`, which is held while a reply is awaited.
    broken: OnceLock<Error>,
    result_bytes: AtomicUsize,
    result_segments: AtomicUsize,
    sending: Mutex<Sending>,
    receiving: Mutex<Receiving>,
    recycle: Arc<Recycle>,
    asks: Asks,
}

impl Worker {
    /// Greets a peer that was just started. Its answer is awaited with the first reply.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the control page cannot be made.
    pub fn start(channel: Channel, peer: Box<dyn Peer>, backend: Backend, limits: Limits) -> Result<Worker> {
        let control = Control::create(backend)?;
        let (asks, asker) = Channel::pair()?;
        let worker = Worker {
            channel,
            peer,
            control,
            started: Instant::now(),
            limits,
            python: OnceLock::new(),
            broken: OnceLock::new(),
            result_bytes: AtomicUsize::new(0),
            result_segments: AtomicUsize::new(0),
            sending: Mutex::default(),
            receiving: Mutex::new(Receiving {
                segments: Incoming::from_worker(backend, limits.result_bytes),
                replies: HashMap::new(),
            }),
            recycle: Arc::default(),
            asks: Asks::new(asks, backend, limits.result_bytes),
        };
        let start = ToWorker::Start {
            version: VERSION,
            control: SegmentToken::of(worker.control.segment()),
            idle_limit: limits.idle_bytes as u64,
            retained_limit: limits.retained_bytes as u64,
            backend,
            spelling: Spelling::current(),
        };
        let mut descriptors: Vec<_> = worker.control.segment().descriptor().into_iter().collect();
        descriptors.push(asker.descriptor());
        match worker.channel.send(&start, &descriptors) {
            // A peer that is gone already says why when its reply is awaited.
            Err(error) if error.code != ErrorCode::WorkerDied => Err(error),
            _ => Ok(worker),
        }
    }

    fn sending(&self) -> MutexGuard<'_, Sending> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receiving(&self) -> MutexGuard<'_, Receiving> {
        self.receiving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its process; 0 where it is none.
    pub fn id(&self) -> u32 {
        self.peer.id()
    }

    /// How messages and logs name it.
    pub fn describe(&self) -> String {
        self.peer.describe()
    }

    /// Where it is, if in a call.
    pub fn position(&self) -> Option<Position> {
        self.control.position()
    }

    /// Whether it can take another batch. Waits for no reply, and reaps a process that has ended.
    pub fn is_alive(&self) -> bool {
        self.broken.get().is_none() && self.peer.exit(Duration::ZERO).is_none()
    }

    /// Bytes of its segments that are mapped here.
    pub fn result_bytes(&self) -> usize {
        self.result_bytes.load(Ordering::Relaxed)
    }

    /// How many of them there are.
    pub fn result_segments(&self) -> usize {
        self.result_segments.load(Ordering::Relaxed)
    }

    /// Hands over a batch and returns its ticket. Does not wait.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the message cannot be sent, [`ErrorCode::Interpreter`] when the worker has
    /// another version of Python. That the worker is gone is said by [`Self::reply`].
    pub fn run(&self, assignment: Assignment<'_>) -> Result<u64> {
        let Assignment { id, definition, block, batch, leases, condemned, python, watch } = assignment;
        let mut sending = self.sending();
        self.register(&mut sending, id, definition, block, python)?;
        let (segments, fresh) = sending.segments.announce(leases.iter().map(|lease| lease.segment()));
        let recycle = self.recycle.take();
        let ticket = sending.ticket(definition.policy.timeout);
        let condemned = condemned.to_vec();
        let run = ToWorker::Run { definition: id, ticket, segments, batch, recycle, condemned, watch };
        self.send(&run, &fresh)?;
        Ok(ticket)
    }

    /// Hands over a call, which waits there for its turn and may be revoked until then, and returns its ticket. Does not
    /// wait, if no more than [`MAX_OFFERED`](crate::segment::MAX_OFFERED) calls without an answer are there.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn call(&self, request: Request<'_>) -> Result<u64> {
        let Request { id, definition, data, timeout, python, watch } = request;
        let mut sending = self.sending();
        self.register(&mut sending, id, definition, None, python)?;
        let (segments, fresh) = sending.segments.announce(data.segments());
        let recycle = self.recycle.take();
        let ticket = sending.ticket(timeout);
        self.control.offer(ticket);
        let (body, buffers) = (data.body.clone(), data.buffers().to_vec());
        let call = ToWorker::Call { definition: id, ticket, segments, body, buffers, recycle, watch };
        self.send(&call, &fresh)?;
        Ok(ticket)
    }

    /// Takes a call back; false when it has begun. It is answered all the same.
    pub fn revoke(&self, ticket: u64) -> bool {
        self.control.revoke(ticket)
    }

    /// Whether a call has begun, and may be over.
    pub fn has_begun(&self, ticket: u64) -> bool {
        self.control.has_begun(ticket)
    }

    /// Makes sure that the worker knows a definition.
    fn register(
        &self,
        sending: &mut Sending,
        id: DefinitionId,
        definition: &Definition,
        block: Option<&Arc<Segment>>,
        python: Option<&str>,
    ) -> Result<()> {
        if sending.expected_python.as_deref() != python {
            sending.expected_python = python.map(str::to_owned);
        }
        if let Some(actual) = self.python.get() {
            self.check_python(actual, python)?;
        }
        if sending.definitions.back() == Some(&id) {
            return Ok(());
        }
        match sending.definitions.iter().position(|known| *known == id) {
            Some(index) => {
                sending.definitions.remove(index);
            }
            None => {
                let (segments, fresh) = sending.segments.announce(block);
                self.send(&ToWorker::Register(id, Box::new(definition.clone()), segments), &fresh)?;
                if sending.definitions.len() >= MAX_DEFINITIONS
                    && let Some(oldest) = sending.definitions.pop_front()
                {
                    self.send(&ToWorker::Unregister(oldest), &[])?;
                }
            }
        }
        sending.definitions.push_back(id);
        Ok(())
    }

    /// Sends a message. Where that fails it knows neither the segments nor the functions that we think it knows: it is
    /// ended, and nobody gets it any more.
    fn send(&self, message: &ToWorker, segments: &[Arc<Segment>]) -> Result<()> {
        let descriptors: Vec<_> = segments.iter().filter_map(|segment| segment.descriptor()).collect();
        match self.channel.send(message, &descriptors) {
            Err(error) if error.code == ErrorCode::WorkerDied => Ok(()),
            Err(error) => {
                let why =
                    format!("{} was ended, as it could not be sent a message: {error}", self.describe());
                self.broken.get_or_init(|| Error::new(ErrorCode::WorkerDied, why));
                self.peer.kill();
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Tells a call what it asked, in `Asked` number `number`. Does not wait.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the answer cannot be sent.
    pub fn answer(&self, number: u64, told: Told<Data>) -> Result<()> {
        self.asks.answer(number, told)
    }

    /// Answers where no other worker does anything for this one: it makes its calls itself, and meets nobody.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub fn decline(&self, asked: &Asked) -> Result<()> {
        match asked.question {
            Question::Submit { .. } | Question::Outcomes => Ok(()),
            Question::Claim(_) => self.answer(asked.number, Told::Claimed(true)),
            Question::Fail(_) => self.answer(asked.number, Told::Parts(Vec::new())),
            Question::Rank | Question::Meet { .. } | Question::Send { .. } | Question::Receive { .. } => {
                let why = "nobody runs together with this call".to_owned();
                self.answer(asked.number, Told::Refused(ErrorCode::Argument, why))
            }
        }
    }

    /// Tells the worker that nobody wants the batches up to `ticket`.
    pub fn cancel(&self, ticket: u64) {
        self.control.cancel(ticket);
    }

    /// Asks it to end; [`Self::kill`] or dropping it makes sure.
    pub fn ask_to_end(&self) {
        if let Err(error) = self.send(&ToWorker::Shutdown, &[]) {
            tracing::debug!(%error, "cannot ask a worker to end");
        }
    }

    /// Whether it ended within `grace`.
    pub fn has_ended(&self, grace: Duration) -> bool {
        self.peer.exit(grace).is_some()
    }

    /// Ends it now. When this returns it has been reaped, and nothing of it touches shared memory any more.
    pub fn kill(&self) {
        self.peer.kill();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.peer.kill();
    }
}

/// The channel's descriptor, for tests that watch it.
impl AsFd for Worker {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.channel.descriptor()
    }
}
