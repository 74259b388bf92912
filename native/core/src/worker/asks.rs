//! The channel on which a call asks while it runs, at the parent's end.
//!
//! It has tables of segments of its own: what is announced on one channel may be named on the other before it arrives.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::data::{Data, Keeper};
use super::reply::Recycle;
use crate::channel::{Channel, Received};
use crate::error::{ErrorCode, Result};
use crate::protocol::asks::{Answer, Ask, Question, Told};
use crate::segment::{Backend, Incoming, Outgoing};

/// What a call asks.
pub struct Asked {
    /// Names it in the answer.
    pub number: u64,
    /// What is asked.
    pub question: Question<Data>,
}

/// The parent's end of a worker's second channel.
pub(super) struct Asks {
    channel: Channel,
    incoming: Mutex<Incoming>,
    recycle: Arc<Recycle>,
    sending: Mutex<Sending>,
    closed: AtomicBool,
}

#[derive(Default)]
struct Sending {
    segments: Outgoing,
    /// What keeps the memory of answers that the worker may look at.
    shown: HashMap<u64, Vec<Keeper>>,
}

impl Asks {
    pub(super) fn new(channel: Channel, backend: Backend, most_bytes: Option<usize>) -> Asks {
        Asks {
            channel,
            incoming: Mutex::new(Incoming::from_worker(backend, most_bytes)),
            recycle: Arc::default(),
            sending: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// The channel, as long as there may be something.
    pub(super) fn channel(&self) -> Option<&Channel> {
        (!self.closed.load(Ordering::Relaxed)).then_some(&self.channel)
    }

    /// What is asked, if anything is.
    ///
    /// # Errors
    /// [`ErrorCode::Protocol`] when it cannot be understood.
    pub(super) fn next(&self) -> Result<Option<Asked>> {
        let (ask, descriptors) = match self.channel.receive::<Ask>(Some(Duration::ZERO))? {
            Received::Message(ask, descriptors) => (ask, descriptors),
            Received::Timeout => return Ok(None),
            Received::Closed => {
                // A function closed it, or the worker ended, which the other channel says.
                self.closed.store(true, Ordering::Relaxed);
                return Ok(None);
            }
        };
        let Ask { number, released, segments, question } = ask;
        self.release(|shown| released.iter().for_each(|answer| drop(shown.remove(answer))));
        let mut incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        incoming.follow(&segments, &mut descriptors.into_iter())?;
        let question = question.try_map(|part| Data::of_worker(part, &incoming, &self.recycle))?;
        Ok(Some(Asked { number, question }))
    }

    /// Answers; does not wait, as no worker has more than a few questions open. That it is gone is said elsewhere.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the answer cannot be sent.
    pub(super) fn answer(&self, number: u64, told: Told<Data>) -> Result<()> {
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut keepers, mut named) = (Vec::new(), Vec::new());
        let told = told.map(|data: Data| {
            named.extend(data.segments().iter().cloned());
            data.into_part(&mut keepers)
        });
        let (segments, fresh) = sending.segments.announce(&named);
        if !keepers.is_empty() {
            sending.shown.insert(number, keepers);
        }
        let answer = Answer { number, recycle: self.recycle.take(), segments, told };
        let descriptors: Vec<_> = fresh.iter().filter_map(|segment| segment.descriptor()).collect();
        match self.channel.send(&answer, &descriptors) {
            Err(error) if error.code == ErrorCode::WorkerDied => Ok(()),
            sent => sent,
        }
    }

    /// The call is over: what it was told it looks at no more, or has copied.
    pub(super) fn over(&self) {
        self.release(HashMap::clear);
    }

    fn release(&self, drop_some: impl FnOnce(&mut HashMap<u64, Vec<Keeper>>)) {
        drop_some(&mut self.sending.lock().unwrap_or_else(PoisonError::into_inner).shown);
    }
}
