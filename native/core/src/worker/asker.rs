//! The channel on which a call asks while it runs, at the worker's end.
//!
//! Several threads of the function may ask at once. Whoever waits for an answer reads for all, one at a time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::channel::{Channel, Received};
use crate::error::{Error, ErrorCode, Result};
use crate::protocol::asks::{Answer, Ask, Part, Question, Told};
use crate::segment::{Backend, Cache, Incoming, Lease, Outgoing, Segment, SegmentId};

#[derive(Default)]
struct Sending {
    last: u64,
    segments: Outgoing,
    /// What others read, as often as a question named it.
    lent: HashMap<SegmentId, Vec<Arc<Lease>>>,
}

#[derive(Default)]
struct Answers {
    there: HashMap<u64, Told<Part>>,
    /// Whether somebody reads.
    reading: bool,
}

/// The worker's end.
pub struct Asker {
    channel: Channel,
    cache: Arc<Cache>,
    incoming: Mutex<Incoming>,
    sending: Mutex<Sending>,
    answers: Mutex<Answers>,
    arrived: Condvar,
}

impl Asker {
    /// The end behind `descriptor`; it keeps at most `idle_limit` bytes of unused segments.
    pub fn new(descriptor: OwnedFd, backend: Backend, idle_limit: usize) -> Asker {
        Asker {
            channel: Channel::from_descriptor(descriptor),
            cache: Cache::new(backend, idle_limit),
            incoming: Mutex::new(Incoming::from_parent(backend)),
            sending: Mutex::default(),
            answers: Mutex::default(),
            arrived: Condvar::new(),
        }
    }

    /// Where the data of a question go.
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// Asks, with data in `leases`; `released` are answers whose memory nobody looks at any more. Returns what names the
    /// question.
    ///
    /// # Errors
    /// [`ErrorCode::WorkerDied`] when the parent is gone, [`ErrorCode::Resource`] when memory ran out.
    pub fn ask(&self, question: Question<Part>, leases: Vec<Arc<Lease>>, released: Vec<u64>) -> Result<u64> {
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        sending.last += 1;
        let number = sending.last;
        let (segments, fresh) = sending.segments.announce(leases.iter().map(|lease| lease.segment()));
        let descriptors: Vec<_> = fresh.iter().filter_map(|segment| segment.descriptor()).collect();
        self.channel.send(&Ask { number, released, segments, question }, &descriptors)?;
        for lease in leases {
            sending.lent.entry(lease.segment().id()).or_default().push(lease);
        }
        Ok(number)
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to question `number`, waiting up to `timeout` for it; `None` when it did not come. No other thread waits
    /// for the same one.
    ///
    /// # Errors
    /// [`ErrorCode::Cancelled`] when the parent is gone, [`ErrorCode::Protocol`] when it cannot be understood.
    pub fn wait(&self, number: u64, timeout: Option<Duration>) -> Result<Option<Told<Part>>> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let mut answers = self.answers();
        loop {
            if let Some(told) = answers.there.remove(&number) {
                return Ok(Some(told));
            }
            let remaining = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if remaining.is_some_and(|remaining| remaining.is_zero()) {
                return Ok(None);
            }
            if answers.reading {
                let step = remaining.unwrap_or(Duration::from_secs(3600));
                answers = self.arrived.wait_timeout(answers, step).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            answers.reading = true;
            drop(answers);
            let read = self.read(remaining);
            answers = self.answers();
            answers.reading = false;
            self.arrived.notify_all();
            if let Some((number, told)) = read? {
                answers.there.insert(number, told);
            }
        }
    }

    fn read(&self, timeout: Option<Duration>) -> Result<Option<(u64, Told<Part>)>> {
        let (answer, descriptors) = match self.channel.receive::<Answer>(timeout)? {
            Received::Message(answer, descriptors) => (answer, descriptors),
            Received::Timeout => return Ok(None),
            Received::Closed => return Err(Error::new(ErrorCode::Cancelled, "the parent process is gone")),
        };
        let Answer { number, recycle, segments, told } = answer;
        let mut incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        incoming.follow(&segments, &mut descriptors.into_iter())?;
        drop(incoming);
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        for id in recycle {
            if let Entry::Occupied(mut lent) = sending.lent.entry(id) {
                lent.get_mut().pop();
                if lent.get().is_empty() {
                    lent.remove();
                }
            }
        }
        Ok(Some((number, told)))
    }

    /// A segment that an answer names, for writing to pages of its own.
    ///
    /// # Errors
    /// [`ErrorCode::Protocol`] when it was never announced, [`ErrorCode::Resource`] when it cannot be mapped.
    pub fn private(&self, id: SegmentId) -> Result<Arc<Segment>> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner).private(id)
    }
}

impl AsFd for Asker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.descriptor()
    }
}
