//! What a worker says: replies, questions, and its end.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::reply::{self, Reply};
use super::{Receiving, Worker};
use crate::channel::{Channel, Received};
use crate::error::{Error, ErrorCode, Result};
use crate::protocol::{FromWorker, VERSION};
use crate::segment::{Announcement, SegmentId};
use crate::spelling::spell;

/// The longest wait without a look at the clock of the call.
const MAX_STEP: Duration = Duration::from_millis(100);
/// How long a worker whose channel is closed may take to end by itself.
const EXIT_GRACE: Duration = Duration::from_secs(2);

impl Worker {
    /// Waits until one of `workers` has something to say, up to `timeout`: which of them.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the system cannot wait.
    pub fn wait_for_any(workers: &[&Worker], timeout: Duration) -> Result<Vec<bool>> {
        let asks = workers.iter().enumerate().filter_map(|(n, worker)| Some((n, worker.asks.channel()?)));
        let channels = workers.iter().map(|worker| &worker.channel).enumerate().chain(asks);
        let (owners, channels): (Vec<usize>, Vec<&Channel>) = channels.unzip();
        let mut speaks = vec![false; workers.len()];
        for (owner, ready) in owners.into_iter().zip(Channel::wait_for_any(&channels, timeout)?) {
            speaks[owner] |= ready;
        }
        Ok(speaks)
    }

    /// The reply to `ticket`, waiting up to `timeout` for it, or what the worker asks meanwhile; `None` when it did not
    /// come.
    ///
    /// # Errors
    /// [`ErrorCode::WorkerDied`], [`ErrorCode::Interpreter`] or [`ErrorCode::Protocol`] when it never will.
    pub fn reply(&self, ticket: u64, timeout: Duration) -> Result<Option<Reply>> {
        let deadline = Instant::now() + timeout;
        loop {
            // Waiters of the same worker take turns here; each wait is short.
            let mut receiving = self.receiving();
            if let Some(reply) = receiving.replies.remove(&ticket) {
                return Ok(Some(reply));
            }
            if let Some(error) = self.broken.get() {
                return Err(error.clone());
            }
            // Short steps, so that a call that takes too long is noticed whoever waits.
            let remaining = deadline.saturating_duration_since(Instant::now()).min(MAX_STEP);
            let received = match self.receive(remaining).transpose() {
                // A call that asks and asks is late, too.
                None => match self.check_call().and_then(|()| self.asks.next()) {
                    Ok(Some(asked)) => return Ok(Some(Reply::Asked(asked))),
                    Ok(None) => continue,
                    Err(error) => Err(error),
                },
                Some(received) => received,
            };
            let outcome = match received {
                Ok(Received::Timeout) => {
                    self.check_started().and_then(|()| self.check_call()).map(|()| false)
                }
                Ok(Received::Closed) => Err(self.died()),
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
                    // The first one counts.
                    return Err(self.broken.get_or_init(|| error).clone());
                }
            }
        }
    }

    /// The next message; `None` when the worker asks something first. A process that the function forked may hold the
    /// channel open beyond the worker's end, so silence is not proof of life; what the worker said before it ended still
    /// counts.
    fn receive(&self, timeout: Duration) -> Result<Option<Received<FromWorker>>> {
        let received = match self.asks.channel() {
            Some(asks) => self.channel.receive_beside(asks, Some(timeout))?,
            None => Some(self.channel.receive(Some(timeout))?),
        };
        if !matches!(received, Some(Received::Timeout)) || self.peer.exit(Duration::ZERO).is_none() {
            return Ok(received);
        }
        Ok(Some(match self.channel.receive(Some(Duration::ZERO))? {
            Received::Timeout => Received::Closed,
            last => last,
        }))
    }

    fn check_started(&self) -> Result<()> {
        if self.python.get().is_some() || self.started.elapsed() < self.limits.start_timeout {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::Interpreter,
            format!(
                "{} did not get ready within {:?} ({})",
                self.describe(),
                self.limits.start_timeout,
                spell("worker.startTimeout")
            ),
        ))
    }

    /// Kills the worker if its present call takes longer than it may, whosever call it is.
    fn check_call(&self) -> Result<()> {
        let Some(position) = self.control.position().filter(|position| position.group.is_some()) else {
            return Ok(());
        };
        let timeout = self.sending().under_way.get(&position.ticket).copied().flatten();
        let Some(timeout) = timeout else { return Ok(()) };
        if position.elapsed() < timeout {
            return Ok(());
        }
        self.peer.kill();
        Err(Error::new(ErrorCode::Timeout, format!("a call took longer than the timeout of {timeout:?}")))
    }

    fn accept(
        &self,
        receiving: &mut Receiving,
        message: FromWorker,
        mut descriptors: impl Iterator<Item = OwnedFd>,
    ) -> Result<()> {
        if self.python.get().is_some() == matches!(message, FromWorker::Hello { .. }) {
            return Err(Error::protocol(format!("{} did not say hello first, and once", self.describe())));
        }
        match message {
            FromWorker::Hello { version, python, libraries } => {
                self.check_version(version)?;
                let expected = self.sending().expected_python.clone();
                self.check_python(&python, expected.as_deref())?;
                tracing::debug!(worker = self.describe(), python, libraries, "a worker is ready");
                self.python.get_or_init(|| python);
            }
            FromWorker::Done { ticket, segments, result, dropped, aside, stats } => {
                self.settle(ticket, &dropped)?;
                self.follow(receiving, &segments, &mut descriptors)?;
                let loans = reply::borrow(&result, &receiving.segments, &self.recycle)?;
                receiving.replies.insert(ticket, Reply::Done { result, loans, aside, stats });
            }
            FromWorker::Returned { ticket, segments, body, buffers, nanos } => {
                self.settle(ticket, &[])?;
                self.follow(receiving, &segments, &mut descriptors)?;
                let buffers = reply::take(&buffers, &receiving.segments, &self.recycle)?;
                receiving.replies.insert(ticket, Reply::Returned { body, buffers, nanos });
            }
            FromWorker::Failed { ticket, group, code, summary, traceback, dropped } => {
                self.settle(ticket, &dropped)?;
                let error = Error { traceback, ..Error::new(code, summary) };
                receiving.replies.insert(ticket, Reply::Failed { error, group });
            }
        }
        Ok(())
    }

    fn follow(
        &self,
        receiving: &mut Receiving,
        segments: &Announcement,
        descriptors: &mut impl Iterator<Item = OwnedFd>,
    ) -> Result<()> {
        receiving.segments.follow(segments, descriptors)?;
        self.result_bytes.store(receiving.segments.bytes(), Ordering::Relaxed);
        self.result_segments.store(receiving.segments.count(), Ordering::Relaxed);
        Ok(())
    }

    /// Batch or call `ticket` is answered; `dropped` would have to be announced anew.
    fn settle(&self, ticket: u64, dropped: &[SegmentId]) -> Result<()> {
        let mut sending = self.sending();
        if sending.under_way.remove(&ticket).is_none() {
            return Err(Error::protocol(format!("a reply to batch {ticket}, which waits for none")));
        }
        for id in dropped {
            sending.segments.dropped_by_peer(*id);
        }
        self.asks.over();
        Ok(())
    }

    fn check_version(&self, version: u32) -> Result<()> {
        if version == VERSION {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::Interpreter,
            format!(
                "{} speaks version {version} of the protocol and this process version {VERSION}: \
                 install the same version of beringia on the driver and on every executor",
                self.describe()
            ),
        ))
    }

    pub(super) fn check_python(&self, actual: &str, expected: Option<&str>) -> Result<()> {
        let minor = actual.rsplit_once('.').map_or(actual, |(minor, _)| minor);
        match expected {
            Some(expected) if expected != minor => Err(Error::new(
                ErrorCode::Interpreter,
                format!(
                    "{} is Python {actual}, but the driver runs Python {expected}: a pickled function needs the \
                     same minor version at both ends. Set {} to a Python {expected}",
                    self.describe(),
                    spell("python")
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The error for a channel that was closed by the worker.
    fn died(&self) -> Error {
        let exit = self.peer.exit(EXIT_GRACE).unwrap_or_else(|| {
            self.peer.kill();
            "closed its channel and went on running".to_owned()
        });
        let words = self.peer.last_words();
        let said = if words.is_empty() { String::new() } else { format!(". It wrote last:\n{words}") };
        if self.python.get().is_some() {
            return Error::new(ErrorCode::WorkerDied, format!("{} {exit}{said}", self.describe()));
        }
        let driver = self
            .sending()
            .expected_python
            .as_ref()
            .map_or(String::new(), |version| format!(" (the driver runs Python {version})"));
        Error::new(
            ErrorCode::Interpreter,
            format!("{} {exit} before it was ready{driver}{said}", self.describe()),
        )
    }
}
