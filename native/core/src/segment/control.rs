//! The control page: the few numbers that both sides read and write while a function runs.
//!
//! The worker tells which group of which batch it is at, so that its death or a timeout can name the group;
//! the parent tells which batches nobody wants any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::{Access, Backend, Segment};
use crate::error::Result;

const TICKET: usize = 0;
const GROUP: usize = 1;
const STARTED: usize = 2;
const CANCELLED: usize = 3;
const WORDS: usize = 4;

/// The value of "no group": the worker is between calls.
const NONE: u64 = u64::MAX;
/// The value of "no group yet": the worker loads the batch's function.
const LOADING: u64 = u64::MAX - 1;

/// Where a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The batch.
    pub ticket: u64,
    /// The group's row in the batch; none while the function is loaded.
    pub group: Option<u64>,
    /// When that began, in nanoseconds of the monotonic clock.
    pub started: u64,
}

impl Position {
    /// How long it has run.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(nanos().saturating_sub(self.started))
    }
}

/// Nanoseconds of the monotonic clock, which all processes of a machine share.
pub fn nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// A view of the control page; cheap to clone.
#[derive(Clone)]
pub struct Control {
    segment: Arc<Segment>,
}

impl Control {
    /// A fresh page, to be shared with one worker.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Resource`] when the memory cannot be reserved.
    pub fn create(backend: Backend) -> Result<Control> {
        let control = Control { segment: Arc::new(Segment::create(backend, 4096, Access::Shared)?) };
        control.word(GROUP).store(NONE, Ordering::Relaxed);
        Ok(control)
    }

    /// The page in an attached segment.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Protocol`] when the segment is too small to be one.
    pub fn attach(segment: Arc<Segment>) -> Result<Control> {
        segment.check(0, WORDS * 8)?;
        Ok(Control { segment })
    }

    /// The segment behind it.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        debug_assert!(index < WORDS);
        // SAFETY: `index < WORDS`, the segment is larger than that and 64-byte aligned, it is mapped writable
        // on both sides, and all access to these words, in either process, is atomic.
        unsafe { AtomicU64::from_ptr(self.segment.memory.address().as_ptr().cast::<u64>().add(index)) }
    }

    /// The worker begins `group` of batch `ticket`.
    #[inline]
    pub fn enter(&self, ticket: u64, group: u64, started: u64) {
        self.word(TICKET).store(ticket, Ordering::Relaxed);
        self.word(STARTED).store(started, Ordering::Relaxed);
        self.word(GROUP).store(group, Ordering::Release);
    }

    /// The worker loads the function of batch `ticket`.
    pub fn load(&self, ticket: u64, started: u64) {
        self.enter(ticket, LOADING, started);
    }

    /// The worker is between calls.
    #[inline]
    pub fn leave(&self) {
        self.word(GROUP).store(NONE, Ordering::Release);
    }

    /// Where the worker is, if in a call or before the first one.
    pub fn position(&self) -> Option<Position> {
        let group = self.word(GROUP).load(Ordering::Acquire);
        (group != NONE).then(|| Position {
            ticket: self.word(TICKET).load(Ordering::Relaxed),
            group: (group != LOADING).then_some(group),
            started: self.word(STARTED).load(Ordering::Relaxed),
        })
    }

    /// Nobody wants the batches up to and including `ticket` any more.
    pub fn cancel(&self, ticket: u64) {
        self.word(CANCELLED).fetch_max(ticket, Ordering::Relaxed);
    }

    /// Whether batch `ticket` is no longer wanted.
    #[inline]
    pub fn is_cancelled(&self, ticket: u64) -> bool {
        ticket <= self.word(CANCELLED).load(Ordering::Relaxed)
    }
}
