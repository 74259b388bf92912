//! A free list of segments, because the page faults of a fresh one cost several times the copy into it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{ALIGNMENT, Access, Backend, Segment};
use crate::error::Result;

/// Hands out segments and takes them back.
///
/// Sizes are rounded up to four classes per power of two, so that a request finds what an earlier, slightly
/// different one left behind.
pub struct Cache {
    backend: Backend,
    idle_limit: usize,
    idle: Mutex<Vec<Arc<Segment>>>,
}

impl Cache {
    /// A cache that keeps at most `idle_limit` bytes of unused segments.
    pub fn new(backend: Backend, idle_limit: usize) -> Arc<Cache> {
        Arc::new(Cache { backend, idle_limit, idle: Mutex::default() })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Arc<Segment>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kind of memory handed out.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Bytes held that nobody uses.
    pub fn idle_bytes(&self) -> usize {
        self.idle().iter().map(|segment| segment.len()).sum()
    }

    /// A segment of at least `len` bytes, given back when the last reference to the lease goes. Its content is
    /// whatever an earlier user left.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Resource`] when the memory cannot be reserved.
    pub fn lease(self: &Arc<Self>, len: usize) -> Result<Arc<Lease>> {
        let len = size_class(len);
        let mut idle = self.idle();
        // Exact classes only: a small batch must not hold a large segment.
        let segment = match idle.iter().rposition(|segment| segment.len() == len) {
            Some(index) => idle.remove(index),
            None => {
                drop(idle);
                Arc::new(Segment::create(self.backend, len, Access::ReadOnly)?)
            }
        };
        Ok(Arc::new(Lease { segment, home: Arc::downgrade(self), retired: Mutex::new(false) }))
    }

    /// Frees every idle segment.
    pub fn trim(&self) {
        self.idle().clear();
    }

    fn give_back(&self, segment: Arc<Segment>) {
        let mut idle = self.idle();
        idle.push(segment);
        let mut bytes: usize = idle.iter().map(|segment| segment.len()).sum();
        while bytes > self.idle_limit && !idle.is_empty() {
            bytes -= idle.remove(0).len();
        }
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
    retired: Mutex<bool>,
}

impl Lease {
    /// The segment.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// Never hand this segment out again: a peer still looks at its present content.
    pub fn retire(&self) {
        *self.retired.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

impl AsRef<Segment> for Lease {
    fn as_ref(&self) -> &Segment {
        &self.segment
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let retired = *self.retired.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let (false, Some(home)) = (retired, self.home.upgrade()) {
            home.give_back(Arc::clone(&self.segment));
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
    fn a_retired_segment_is_not() {
        let cache = Cache::new(Backend::Heap, 1 << 20);
        let first = cache.lease(1).unwrap();
        let id = first.segment().id();
        first.retire();
        drop(first);
        assert_eq!(cache.idle_bytes(), 0);
        assert_ne!(cache.lease(1).unwrap().segment().id(), id);
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
}
