//! A free list of segments, because the page faults of a fresh one cost several times the copy into it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::{ALIGNMENT, Access, Backend, Segment};
use crate::error::{Error, ErrorCode, Result};
use crate::spelling::spell;

/// Hands out segments and takes them back.
///
/// Sizes are rounded up to four classes per power of two, so that a request finds what an earlier, slightly
/// different one left behind.
pub struct Cache {
    backend: Backend,
    idle_limit: usize,
    max_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The one used last is last.
    idle: Vec<Arc<Segment>>,
    idle_bytes: usize,
    leased_bytes: usize,
    last_lease: Option<Instant>,
}

impl State {
    /// Takes the idle segments that were not used for longest, until at most `limit` bytes are left.
    fn shrink(&mut self, limit: usize) -> Vec<Arc<Segment>> {
        let mut count = 0;
        while self.idle_bytes > limit && count < self.idle.len() {
            self.idle_bytes -= self.idle[count].len();
            count += 1;
        }
        self.idle.drain(..count).collect()
    }
}

impl Cache {
    /// A cache that keeps at most `idle_limit` bytes of unused segments.
    pub fn new(backend: Backend, idle_limit: usize) -> Arc<Cache> {
        Cache::bounded(backend, idle_limit, None)
    }

    /// The same, with at most `max_bytes` of segments, idle ones and those in use.
    pub fn bounded(backend: Backend, idle_limit: usize, max_bytes: Option<usize>) -> Arc<Cache> {
        let max_bytes = max_bytes.unwrap_or(usize::MAX);
        Arc::new(Cache { backend, idle_limit, max_bytes, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kind of memory handed out.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Bytes held that nobody uses.
    pub fn idle_bytes(&self) -> usize {
        self.state().idle_bytes
    }

    /// Bytes in use.
    pub fn leased_bytes(&self) -> usize {
        self.state().leased_bytes
    }

    /// A segment of at least `len` bytes, given back when the last reference to the lease goes. Its content is
    /// whatever an earlier user left.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the memory cannot be reserved.
    pub fn lease(self: &Arc<Self>, len: usize) -> Result<Arc<Lease>> {
        let len = size_class(len);
        let mut state = self.state();
        state.last_lease = Some(Instant::now());
        // Exact classes only: a small batch must not hold a large segment.
        let segment = match state.idle.iter().rposition(|segment| segment.len() == len) {
            Some(index) => {
                state.idle_bytes -= len;
                state.leased_bytes += len;
                state.idle.remove(index)
            }
            None => {
                let room = self.max_bytes.saturating_sub(state.leased_bytes);
                let Some(room) = room.checked_sub(len) else {
                    return Err(self.exhausted(len, state.leased_bytes));
                };
                let freed = state.shrink(room);
                state.leased_bytes += len;
                drop(state);
                drop(freed);
                self.create(len).inspect_err(|_| self.state().leased_bytes -= len)?
            }
        };
        Ok(Arc::new(Lease { segment, home: Arc::downgrade(self) }))
    }

    /// A new segment. Where memory is short, what lies idle makes room.
    fn create(&self, len: usize) -> Result<Arc<Segment>> {
        let create = || Segment::create(self.backend, len, Access::ReadOnly);
        let segment = match create() {
            Err(error) if error.code == ErrorCode::Resource && self.idle_bytes() > 0 => {
                self.trim();
                create()?
            }
            other => other?,
        };
        Ok(Arc::new(segment))
    }

    fn exhausted(&self, len: usize, leased: usize) -> Error {
        Error::new(
            ErrorCode::Resource,
            format!(
                "{len} bytes of shared memory beside {leased} in use are more than the {} of {}. Raise it, lower {}, or \
                 run fewer tasks at a time",
                self.max_bytes,
                spell("segment.maxBytes"),
                spell("batchBytes"),
            ),
        )
    }

    /// Frees every idle segment if nobody has asked for one for `timeout`.
    pub fn trim_unused(&self, timeout: Duration) {
        if self.state().last_lease.is_some_and(|last| last.elapsed() >= timeout) {
            self.trim();
        }
    }

    /// Frees every idle segment.
    pub fn trim(&self) {
        let freed = self.state().shrink(0);
        drop(freed);
    }

    fn give_back(&self, segment: &Arc<Segment>) {
        let mut state = self.state();
        state.leased_bytes -= segment.len();
        // It would drive out all others, and then itself.
        if segment.len() > self.idle_limit {
            return;
        }
        state.idle_bytes += segment.len();
        state.idle.push(Arc::clone(segment));
        let freed = state.shrink(self.idle_limit);
        drop(state);
        drop(freed);
    }
}

fn size_class(len: usize) -> usize {
    let len = len.max(64 * 1024);
    let step = (len.next_power_of_two() / 8).max(ALIGNMENT);
    len.checked_next_multiple_of(step).unwrap_or(len)
}

/// A segment in use.
pub struct Lease {
    segment: Arc<Segment>,
    home: Weak<Cache>,
}

impl Lease {
    /// The segment.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }
}

impl AsRef<Segment> for Lease {
    fn as_ref(&self) -> &Segment {
        &self.segment
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade() {
            home.give_back(&self.segment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_segment_is_handed_out_again() {
        let cache = Cache::new(Backend::Heap, 1 << 20);
        let first = cache.lease(100_000).unwrap();
        let (id, address) = (first.segment().id(), first.segment().address());
        drop(first);
        let second = cache.lease(100_001).unwrap();
        assert_eq!((second.segment().id(), second.segment().address()), (id, address));
    }

    #[test]
    fn idle_memory_is_bounded_and_the_oldest_goes_first() {
        let cache = Cache::new(Backend::Heap, 200_000);
        let leases: Vec<_> = (0..4).map(|_| cache.lease(65_536).unwrap()).collect();
        let newest = leases[3].segment().id();
        drop(leases);
        assert_eq!(cache.idle_bytes(), 3 * 65_536);
        assert_eq!(cache.lease(1).unwrap().segment().id(), newest);
    }

    #[test]
    fn a_segment_larger_than_what_may_lie_idle_drives_out_no_other() {
        let cache = Cache::new(Backend::Heap, 200_000);
        let small = cache.lease(65_536).unwrap();
        let id = small.segment().id();
        drop(small);
        drop(cache.lease(1 << 20).unwrap());
        assert_eq!((cache.idle_bytes(), cache.leased_bytes()), (65_536, 0));
        assert_eq!(cache.lease(1).unwrap().segment().id(), id);
    }

    #[test]
    fn idle_memory_that_nobody_asks_for_is_freed() {
        let cache = Cache::new(Backend::Heap, 1 << 20);
        drop(cache.lease(1).unwrap());
        cache.trim_unused(Duration::from_secs(60));
        assert!(cache.idle_bytes() > 0);
        cache.trim_unused(Duration::ZERO);
        assert_eq!(cache.idle_bytes(), 0);
    }

    #[test]
    fn past_the_cap_idle_memory_makes_room_and_then_there_is_an_error_that_names_the_setting() {
        let cache = Cache::bounded(Backend::Heap, 1 << 30, Some(1 << 20));
        drop([cache.lease(300_000).unwrap(), cache.lease(200_000).unwrap()]);
        let large = cache.lease(1 << 19).unwrap();
        assert!(cache.idle_bytes() + cache.leased_bytes() <= 1 << 20);
        let error = cache.lease(600_000).err().unwrap();
        assert_eq!(error.code, ErrorCode::Resource);
        assert!(error.summary.contains("1048576 of segment.maxBytes"), "{error}");
        drop(large);
        cache.lease(600_000).unwrap();
        assert_eq!(cache.leased_bytes(), 0);
    }
}
