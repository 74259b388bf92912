//! The control page: the few numbers that both sides read and write while a function runs.
//!
//! The worker tells which group of which batch it is at, so that its death or a timeout can name the group;
//! the parent tells which batches nobody wants any more. A call that waits at the worker for its turn has a word of its
//! own, *offered*, which the worker turns into *begun* or the parent into *revoked*: whoever is first.

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
/// Where the words of calls begin: on cache lines of their own.
const CALLS: usize = 8;
const WORDS: usize = CALLS + MAX_OFFERED;

/// Calls that may wait at a worker at once.
pub const MAX_OFFERED: usize = 64;

/// The states of a call, below its ticket.
const OFFERED: u64 = 0;
const BEGUN: u64 = 1;
const REVOKED: u64 = 2;

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

    fn call(&self, ticket: u64) -> &AtomicU64 {
        self.word(CALLS + (ticket % MAX_OFFERED as u64) as usize)
    }

    fn turn(&self, ticket: u64, state: u64) -> bool {
        let (offered, new) = (ticket << 2 | OFFERED, ticket << 2 | state);
        self.call(ticket).compare_exchange(offered, new, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Call `ticket` is about to wait at the worker; those with the same word are over.
    pub fn offer(&self, ticket: u64) {
        self.call(ticket).store(ticket << 2 | OFFERED, Ordering::Release);
    }

    /// The worker begins call `ticket`; false when it was revoked.
    pub fn begin(&self, ticket: u64) -> bool {
        self.turn(ticket, BEGUN)
    }

    /// The parent takes call `ticket` back; false when it has begun.
    pub fn revoke(&self, ticket: u64) -> bool {
        self.turn(ticket, REVOKED)
    }

    /// Whether call `ticket` has begun, and may be over.
    pub fn has_begun(&self, ticket: u64) -> bool {
        self.call(ticket).load(Ordering::Acquire) == ticket << 2 | BEGUN
    }

    /// Whether batch `ticket` is no longer wanted.
    #[inline]
    pub fn is_cancelled(&self, ticket: u64) -> bool {
        ticket <= self.word(CANCELLED).load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_begun_or_revoked_and_never_both() {
        let control = Control::create(Backend::Heap).unwrap();
        for ticket in [1, 2, 1 + MAX_OFFERED as u64] {
            assert!(!control.begin(ticket), "{ticket} was not offered");
            control.offer(ticket);
        }
        assert!(!control.begin(1), "another call has its word");
        assert!(control.begin(2) && control.has_begun(2));
        assert!(!control.revoke(2));
        let third = 1 + MAX_OFFERED as u64;
        assert!(control.revoke(third));
        assert!(!control.begin(third) && !control.has_begun(third));
    }
}
