//! One worker: a peer at the other end of a channel that maps batches through functions, one after the other.
//!
//! Batches are numbered with tickets; replies may be waited for by several jobs of the same task, each for its own
//! tickets, from any thread. A worker that broke the protocol or died answers every later call with that error.

mod output;
mod process;
#[cfg(test)]
pub(crate) mod thread;

use std::collections::{HashMap, VecDeque};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::channel::{Channel, Received};
use crate::error::{Error, ErrorCode, Result};
use crate::placement;
use crate::protocol::{
    ArrayDescriptor, BatchStats, Definition, DefinitionId, FromWorker, ToWorker, VERSION, Watch,
};
use crate::segment::{
    Backend, Control, Incoming, Lease, Outgoing, Position, Segment, SegmentId, SegmentToken,
};

pub use process::{Interpreter, spawn};

/// Functions that a worker keeps at once.
const MAX_DEFINITIONS: usize = 16;
/// The longest wait without a look at the clock of the call.
const MAX_STEP: Duration = Duration::from_millis(100);
/// Timeouts are remembered for so many of the last batches; far fewer are ever under way.
const MAX_TIMED_TICKETS: u64 = 64;
/// How long a worker whose channel is closed may take to end by itself.
const EXIT_GRACE: Duration = Duration::from_secs(2);

/// The other end of the channel: what can be asked of it beside messages.
pub trait Peer: Send + Sync {
    /// How messages and logs name it.
    fn describe(&self) -> String;
    /// Ends it at once. Returns when it has ended and been reaped.
    fn kill(&self);
    /// How it ended, waiting up to `grace`; `None` while it runs.
    fn exit(&self, grace: Duration) -> Option<String>;
    /// What it wrote last to its standard error.
    fn last_words(&self) -> String;
}

/// A segment of the worker that somebody here reads; dropping it lets the worker write to it again.
pub struct Loan {
    segment: Arc<Segment>,
    worker: Weak<Worker>,
}

impl AsRef<Segment> for Loan {
    fn as_ref(&self) -> &Segment {
        &self.segment
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.upgrade() {
            worker.sending().recycle.push(self.segment.id());
        }
    }
}

/// The answer to one batch.
pub enum Reply {
    /// It is done.
    Done {
        /// The result's fields.
        result: ArrayDescriptor,
        /// The segments that the result names.
        loans: HashMap<SegmentId, Arc<Loan>>,
        /// Segments of the batch that the worker still views.
        retained: Vec<SegmentId>,
        /// What it took.
        stats: Box<BatchStats>,
    },
    /// It failed.
    Failed {
        /// Code, summary and traceback; not yet the group's key.
        error: Error,
        /// The row of the group at fault.
        group: Option<u64>,
        /// As above.
        retained: Vec<SegmentId>,
    },
}

/// A batch and what is to be done with it.
pub struct Assignment<'a> {
    /// Names the definition.
    pub id: DefinitionId,
    /// Sent when the worker does not know it.
    pub definition: &'a Definition,
    /// The segment of its constants.
    pub constants: Option<&'a Arc<Segment>>,
    /// The batch.
    pub batch: ArrayDescriptor,
    /// The segments that it lies in.
    pub leases: &'a [Arc<Lease>],
    /// Groups that are not to be tried, and why.
    pub condemned: &'a [(u64, String)],
    /// The longest that one call may take.
    pub call_timeout: Option<Duration>,
    /// What is observed meanwhile.
    pub watch: Watch,
}

#[derive(Default)]
struct Sending {
    segments: Outgoing,
    recycle: Vec<SegmentId>,
    definitions: VecDeque<DefinitionId>,
    last_ticket: u64,
    call_timeouts: HashMap<u64, Duration>,
}

#[derive(Default)]
struct Receiving {
    segments: Incoming,
    replies: HashMap<u64, Reply>,
    greeted: bool,
    broken: Option<Error>,
}

/// One worker and our end of its channel.
pub struct Worker {
    channel: Channel,
    peer: Box<dyn Peer>,
    control: Control,
    expected_python: Option<String>,
    started: Instant,
    start_timeout: Duration,
    sending: Mutex<Sending>,
    receiving: Mutex<Receiving>,
}

impl Worker {
    /// Greets a peer that was just started. Its answer is awaited with the first reply.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the control page cannot be made.
    pub fn start(
        channel: Channel,
        peer: Box<dyn Peer>,
        backend: Backend,
        idle_limit: usize,
        expected_python: Option<String>,
        start_timeout: Duration,
    ) -> Result<Worker> {
        let control = Control::create(backend)?;
        let worker = Worker {
            channel,
            peer,
            control,
            expected_python,
            started: Instant::now(),
            start_timeout,
            sending: Mutex::default(),
            receiving: Mutex::default(),
        };
        let start = ToWorker::Start {
            version: VERSION,
            control: SegmentToken::of(worker.control.segment()),
            idle_limit: idle_limit as u64,
            backend,
        };
        let descriptors: Vec<_> = worker.control.segment().descriptor().into_iter().collect();
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

    /// How messages and logs name it.
    pub fn describe(&self) -> String {
        self.peer.describe()
    }

    /// Where it is, if in a call.
    pub fn position(&self) -> Option<Position> {
        self.control.position()
    }

    /// Whether it can take another batch.
    pub fn is_alive(&self) -> bool {
        self.receiving().broken.is_none() && self.peer.exit(Duration::ZERO).is_none()
    }

    /// Hands over a batch and returns its ticket. Does not wait.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the message cannot be sent. That the worker is gone is said by [`Self::reply`].
    pub fn run(&self, assignment: Assignment<'_>) -> Result<u64> {
        let Assignment { id, definition, constants, batch, leases, condemned, call_timeout, watch } =
            assignment;
        let mut sending = self.sending();
        match sending.definitions.iter().position(|known| *known == id) {
            Some(index) => {
                sending.definitions.remove(index);
            }
            None => {
                let (segments, fresh) = sending.segments.announce(constants);
                self.send(&ToWorker::Register(id, Box::new(definition.clone()), segments), &fresh)?;
                if sending.definitions.len() >= MAX_DEFINITIONS
                    && let Some(oldest) = sending.definitions.pop_front()
                {
                    self.send(&ToWorker::Unregister(oldest), &[])?;
                }
            }
        }
        sending.definitions.push_back(id);
        let (segments, fresh) = sending.segments.announce(leases.iter().map(|lease| lease.segment()));
        let recycle = std::mem::take(&mut sending.recycle);
        sending.last_ticket += 1;
        let ticket = sending.last_ticket;
        let condemned = condemned.to_vec();
        let run = ToWorker::Run { definition: id, ticket, segments, batch, recycle, condemned, watch };
        sending.call_timeouts.retain(|known, _| ticket - known < MAX_TIMED_TICKETS);
        if let Some(timeout) = call_timeout {
            sending.call_timeouts.insert(ticket, timeout);
        }
        self.send(&run, &fresh)?;
        Ok(ticket)
    }

    fn send(&self, message: &ToWorker, segments: &[Arc<Segment>]) -> Result<()> {
        let descriptors: Vec<_> = segments.iter().filter_map(|segment| segment.descriptor()).collect();
        match self.channel.send(message, &descriptors) {
            Err(error) if error.code == ErrorCode::WorkerDied => Ok(()),
            other => other,
        }
    }

    /// The reply to `ticket`, waiting up to `timeout` for it; `None` when it did not come.
    ///
    /// # Errors
    /// [`ErrorCode::WorkerDied`], [`ErrorCode::Interpreter`] or [`ErrorCode::Protocol`] when it never will.
    pub fn reply(self: &Arc<Self>, ticket: u64, timeout: Duration) -> Result<Option<Reply>> {
        let deadline = Instant::now() + timeout;
        loop {
            // Waiters of the same worker take turns here; each wait is short.
            let mut receiving = self.receiving();
            if let Some(reply) = receiving.replies.remove(&ticket) {
                return Ok(Some(reply));
            }
            if let Some(error) = &receiving.broken {
                return Err(error.clone());
            }
            // Short steps, so that a call that takes too long is noticed whoever waits.
            let remaining = deadline.saturating_duration_since(Instant::now()).min(MAX_STEP);
            let received = self.receive(remaining);
            let outcome = match received {
                Ok(Received::Timeout) => {
                    self.check_started(receiving.greeted).and_then(|()| self.check_call()).map(|()| false)
                }
                Ok(Received::Closed) => Err(self.died(receiving.greeted)),
                Ok(Received::Message(message, descriptors)) => {
                    self.accept(&mut receiving, message, descriptors.into_iter()).map(|()| true)
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(true) => {}
                Ok(false) if Instant::now() >= deadline => return Ok(None),
                Ok(false) => {}
                Err(error) => {
                    receiving.broken = Some(error.clone());
                    return Err(error);
                }
            }
        }
    }

    /// The next message. A process that the function forked may hold the channel open beyond the worker's end, so
    /// silence is not proof of life; what the worker said before it ended still counts.
    fn receive(&self, timeout: Duration) -> Result<Received<FromWorker>> {
        let received = self.channel.receive(Some(timeout))?;
        if !matches!(received, Received::Timeout) || self.peer.exit(Duration::ZERO).is_none() {
            return Ok(received);
        }
        match self.channel.receive(Some(Duration::ZERO))? {
            Received::Timeout => Ok(Received::Closed),
            last => Ok(last),
        }
    }

    fn check_started(&self, greeted: bool) -> Result<()> {
        if greeted || self.started.elapsed() < self.start_timeout {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::Interpreter,
            format!(
                "{} did not get ready within {:?} (spark.beringia.worker.startTimeout)",
                self.describe(),
                self.start_timeout
            ),
        ))
    }

    /// Kills the worker if its present call takes longer than it may, whosever call it is.
    fn check_call(&self) -> Result<()> {
        let Some(position) = self.control.position().filter(|position| position.group.is_some()) else {
            return Ok(());
        };
        let Some(timeout) = self.sending().call_timeouts.get(&position.ticket).copied() else {
            return Ok(());
        };
        if position.elapsed() < timeout {
            return Ok(());
        }
        self.peer.kill();
        Err(Error::new(ErrorCode::Timeout, format!("a call took longer than the timeout of {timeout:?}")))
    }

    fn accept(
        self: &Arc<Self>,
        receiving: &mut Receiving,
        message: FromWorker,
        mut descriptors: impl Iterator<Item = std::os::fd::OwnedFd>,
    ) -> Result<()> {
        match message {
            FromWorker::Hello { version, python, numpy } => {
                self.check_hello(version, &python)?;
                tracing::debug!(worker = self.describe(), python, numpy, "a worker is ready");
                receiving.greeted = true;
            }
            FromWorker::Done { ticket, segments, result, retained, stats } => {
                receiving.segments.follow(&segments, &mut descriptors)?;
                let mut loans = HashMap::new();
                let mut missing = None;
                placement::segments(&result, &mut |id| {
                    if loans.contains_key(&id) {
                        return;
                    }
                    match receiving.segments.get(id) {
                        Ok(segment) => {
                            let segment = Arc::clone(segment);
                            loans.insert(id, Arc::new(Loan { segment, worker: Arc::downgrade(self) }));
                        }
                        Err(error) => missing = Some(error),
                    }
                });
                if let Some(error) = missing {
                    return Err(error);
                }
                self.forget_retained(&retained);
                receiving.replies.insert(ticket, Reply::Done { result, loans, retained, stats });
            }
            FromWorker::Failed { ticket, group, code, summary, traceback, retained } => {
                self.forget_retained(&retained);
                let error = Error { code, summary, group: None, traceback };
                receiving.replies.insert(ticket, Reply::Failed { error, group, retained });
            }
        }
        Ok(())
    }

    fn forget_retained(&self, retained: &[SegmentId]) {
        let mut sending = self.sending();
        for id in retained {
            sending.segments.dropped_by_peer(*id);
        }
    }

    fn check_hello(&self, version: u32, python: &str) -> Result<()> {
        if version != VERSION {
            return Err(Error::new(
                ErrorCode::Interpreter,
                format!(
                    "{} speaks version {version} of the protocol and this process version {VERSION}: \
                     install the same version of beringia on the driver and on every executor",
                    self.describe()
                ),
            ));
        }
        let minor = python.rsplit_once('.').map_or(python, |(minor, _)| minor);
        match &self.expected_python {
            Some(expected) if expected != minor => Err(Error::new(
                ErrorCode::Interpreter,
                format!(
                    "{} is Python {python}, but the driver runs Python {expected}: a pickled function needs the \
                     same minor version at both ends. Set spark.pyspark.python to a Python {expected}",
                    self.describe()
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The error for a channel that was closed by the worker.
    fn died(&self, greeted: bool) -> Error {
        let exit = self.peer.exit(EXIT_GRACE).unwrap_or_else(|| {
            self.peer.kill();
            "closed its channel and went on running".to_owned()
        });
        let words = self.peer.last_words();
        let said = if words.is_empty() { String::new() } else { format!(". It wrote last:\n{words}") };
        if greeted {
            return Error::new(ErrorCode::WorkerDied, format!("{} {exit}{said}", self.describe()));
        }
        let driver = self
            .expected_python
            .as_ref()
            .map_or(String::new(), |version| format!(" (the driver runs Python {version})"));
        Error::new(
            ErrorCode::Interpreter,
            format!("{} {exit} before it was ready{driver}{said}", self.describe()),
        )
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
