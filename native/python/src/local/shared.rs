//! Arguments in shared memory: one that lies where it lay, with the same content, is not copied again; what was placed
//! there by `beringia.share` is never copied.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

use beringia_core::Result;
use beringia_core::config::Config;
use beringia_core::forks::{self, Lock};
use beringia_core::segment::{Backend, Cache, Lease};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use super::{content, raise};
use crate::convention::numpy::array::{Dtype, Views, view};

/// Memory of this process that calls may be told of: its length and its lease, by where it begins.
struct Placed(BTreeMap<usize, (usize, Weak<Lease>)>);

impl Lock for Placed {
    type State = Placed;

    fn lock() -> MutexGuard<'static, Placed> {
        static PLACED: Mutex<Placed> = Mutex::new(Placed(BTreeMap::new()));
        PLACED.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn placed() -> MutexGuard<'static, Placed> {
    static ONCE: Once = Once::new();
    ONCE.call_once(forks::keep_free::<Placed>);
    Placed::lock()
}

/// Copies `bytes` to memory of their own, where [`find`] finds them.
fn place(bytes: &[u8]) -> Result<Arc<Lease>> {
    let backend = Config::parse([])?.backend;
    let lease = Cache::new(backend, 0).lease(bytes.len())?;
    lease.segment().write(0, bytes)?;
    let mut placed = placed();
    placed.0.retain(|_, (_, lease)| lease.strong_count() > 0);
    placed.0.insert(lease.segment().address(), (bytes.len(), Arc::downgrade(&lease)));
    Ok(lease)
}

/// The memory that `bytes` were placed in, and where in it they begin; if it is of the kind that workers take.
pub fn find(backend: Backend, bytes: &[u8]) -> Option<(Arc<Lease>, usize)> {
    let address = bytes.as_ptr() as usize;
    let (lease, offset) = {
        let placed = placed();
        let (start, (len, lease)) = placed.0.range(..=address).next_back()?;
        let offset = address - start;
        (offset + bytes.len() <= *len).then(|| (lease.upgrade(), offset))?
    };
    let lease = lease?;
    lease.segment().is(backend).then_some((lease, offset))
}

/// A read-only copy of `data`, of which calls are told where it lies.
#[pyfunction]
pub fn share<'py>(py: Python<'py>, data: PyReadonlyArray1<'_, u8>) -> PyResult<Bound<'py, PyAny>> {
    let bytes = data.as_slice()?;
    let lease = py.detach(|| place(bytes)).map_err(|error| raise(py, error))?;
    let address = lease.segment().address() as *const u8;
    let base = Bound::new(py, Views::new(lease))?.into_any();
    // SAFETY: `base` holds the segment, which begins with the bytes; nobody writes to it any more.
    unsafe { view(&base, &Dtype::new(py, "u1")?, &[bytes.len()], address, false) }
}

/// Where an argument lies in this process, and its bytes.
type Place = (usize, usize);

/// What is in shared memory, by where it came from.
pub struct Shared {
    /// The most bytes that are kept for the next call.
    limit: usize,
    /// The most threads that look at the bytes of one argument.
    threads: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<Place, (Vec<u128>, Weak<Lease>)>,
    /// The one used last is last.
    kept: VecDeque<Arc<Lease>>,
}

impl Shared {
    pub fn new(limit: usize, threads: usize) -> Shared {
        Shared { limit, threads, state: Mutex::default() }
    }

    /// A segment that begins with `bytes`. All of them are looked at: what was written since the last call is seen.
    pub fn lease(&self, cache: &Arc<Cache>, bytes: &[u8]) -> Result<Arc<Lease>> {
        let place = (bytes.as_ptr() as usize, bytes.len());
        let hash = content::hash(self.threads, std::iter::once(bytes));
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
        content::write(self.threads, lease.segment(), bytes)?;
        state.known.retain(|_, (_, lease)| lease.strong_count() > 0);
        state.known.insert(place, (hash, Arc::downgrade(&lease)));
        // It would drive out all others, and then itself.
        if lease.segment().len() <= self.limit {
            state.kept.push_back(Arc::clone(&lease));
        }
        while state.kept.iter().map(|kept| kept.segment().len()).sum::<usize>() > self.limit {
            state.kept.pop_front();
        }
        Ok(lease)
    }
}
