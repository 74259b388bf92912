//! Arguments in shared memory: one that lies where it lay, with the same content, is not copied again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use beringia_core::Result;
use beringia_core::segment::{Cache, Lease};
use twox_hash::XxHash3_128;

/// Where an argument lies in this process, and its bytes.
type Place = (usize, usize);

/// What is in shared memory, by where it came from.
pub struct Shared {
    /// The most bytes that are kept for the next call.
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<Place, (u128, Weak<Lease>)>,
    /// The one used last is last.
    kept: VecDeque<Arc<Lease>>,
}

impl Shared {
    pub fn new(limit: usize) -> Shared {
        Shared { limit, state: Mutex::default() }
    }

    /// A segment that begins with `bytes`. All of them are looked at: what was written since the last call is seen.
    pub fn lease(&self, cache: &Arc<Cache>, bytes: &[u8]) -> Result<Arc<Lease>> {
        let place = (bytes.as_ptr() as usize, bytes.len());
        let hash = XxHash3_128::oneshot(bytes);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.known.get(&place).filter(|(known, _)| *known == hash);
        if let Some(lease) = known.and_then(|(_, lease)| lease.upgrade()) {
            return Ok(lease);
        }
        // What lay there is gone: its segment is warm, and of the right size.
        if let Some((_, old)) = state.known.remove(&place) {
            state.kept.retain(|kept| !std::ptr::eq(Arc::as_ptr(kept), old.as_ptr()));
        }
        let lease = cache.lease(bytes.len())?;
        lease.segment().write(0, bytes)?;
        state.known.retain(|_, (_, lease)| lease.strong_count() > 0);
        state.known.insert(place, (hash, Arc::downgrade(&lease)));
        state.kept.push_back(Arc::clone(&lease));
        while state.kept.iter().map(|kept| kept.segment().len()).sum::<usize>() > self.limit {
            state.kept.pop_front();
        }
        Ok(lease)
    }
}
