//! Single calls for `beringia.Executor`: arguments go to shared memory, and outcomes come back to threads of Python.

use std::sync::Arc;
use std::time::Duration;

use beringia_core::calls::{self, Call, Outcome, Setting};
use beringia_core::definition::Program;
use beringia_core::segment::{Arena, BufferRef, Cache, Lease};
use beringia_core::worker::{Data, Interpreter, Returned};
use beringia_core::{Error, ErrorCode};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use twox_hash::XxHash3_128;

use super::shared::{self, Shared};
use super::{Pool, raise};
use crate::convention::numpy::array::{Dtype, Views, filled, view};

/// Bytes from which on an argument is looked for among those that are in shared memory already.
const WORTH_SHARING: usize = 1 << 20;
/// The most segments of one call: each takes a descriptor of its message.
const MOST_SEGMENTS: usize = 128;

/// Calls through the workers of a pool.
#[pyclass(frozen, module = "beringia._native")]
pub struct Calls {
    calls: Arc<calls::Calls>,
    shared: Shared,
    /// The process that made it; one forked from it must leave the workers alone.
    process: u32,
}

impl Drop for Calls {
    fn drop(&mut self) {
        if std::process::id() != self.process {
            std::mem::forget(Arc::clone(&self.calls));
        }
    }
}

/// What became of a call: its number; what it returned, pickled, with its buffers; or an error, and whether it is one of all
/// calls.
pub type Ended<'py> =
    (u64, Option<(Bound<'py, PyBytes>, Bound<'py, PyList>)>, Option<Bound<'py, PyAny>>, bool);

#[pymethods]
impl Calls {
    /// Calls through at most `lanes` workers of `pool`, each of which first runs `function`, as in a job's spec.
    #[new]
    #[pyo3(signature = (pool, *, function, payload, paths, interpreter, python_version, threads, lanes, calls_per_worker))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of one caller")]
    fn new(
        py: Python<'_>,
        pool: &Bound<'_, Pool>,
        function: String,
        payload: Vec<u8>,
        paths: Vec<String>,
        interpreter: String,
        python_version: String,
        threads: usize,
        lanes: usize,
        calls_per_worker: Option<usize>,
    ) -> PyResult<Calls> {
        // What an initializer leaves in a worker is for those alone who have the same.
        let environment = (!payload.is_empty()).then(|| format!("{:x}", XxHash3_128::oneshot(&payload)));
        let setting = Setting {
            program: program("Executor", function, payload, paths),
            python: Some(python_version),
            interpreter: Interpreter { program: interpreter, threads, environment },
            calls_per_worker,
            lanes,
        };
        let pool = pool.get();
        let runtime = Arc::clone(&pool.runtime);
        let shared = Shared::new(runtime.config().idle_bytes, pool.workers);
        let calls = calls::Calls::new(runtime, setting).map_err(|error| raise(py, error))?;
        Ok(Calls { calls: Arc::new(calls), shared, process: std::process::id() })
    }

    /// Takes a call, whose number no other has: whether one more lane would have work.
    fn submit(
        &self,
        py: Python<'_>,
        number: u64,
        body: Vec<u8>,
        data: Vec<PyReadonlyArray1<'_, u8>>,
        timeout: Option<f64>,
        retries: u32,
    ) -> PyResult<bool> {
        let mut parts = Vec::with_capacity(data.len());
        for array in &data {
            parts.push(array.as_slice().map_err(PyErr::from)?);
        }
        let timeout = seconds(py, timeout)?;
        let submit = |(buffers, leases)| {
            self.calls.submit(number, Call { data: Data::new(body, buffers, leases), timeout, retries })
        };
        let submitted = match parts.is_empty() {
            true => submit((Vec::new(), Vec::new())),
            false => py.detach(|| place(self.calls.runtime().cache(), &self.shared, &parts).and_then(submit)),
        };
        submitted.map_err(|error| raise(py, error))
    }

    /// Takes a call back; false when it has begun, or is over.
    fn withdraw(&self, number: u64) -> bool {
        self.calls.withdraw(number)
    }

    /// Whether a call has begun and is not over.
    fn is_running(&self, number: u64) -> bool {
        self.calls.is_running(number)
    }

    /// Opens a lane; None where there are as many as may be.
    fn open_lane(&self) -> Option<usize> {
        self.calls.open_lane()
    }

    /// Whether one more lane would have work, since this was last asked.
    fn wants_lane(&self) -> bool {
        self.calls.wants_lane()
    }

    /// What came back through a lane; waits for it. Nothing when one more lane would have work, None when no more will come.
    fn next<'py>(&self, py: Python<'py>, lane: usize) -> Option<Vec<Ended<'py>>> {
        let outcomes = py.detach(|| self.calls.next(lane))?;
        Some(outcomes.into_iter().map(|(number, outcome)| ended(py, number, outcome)).collect())
    }

    /// Takes no call any more; those that were taken are made.
    fn close(&self) {
        self.calls.close();
    }

    /// Ends the workers now, with the calls that they are at.
    fn kill(&self, py: Python<'_>) {
        py.detach(|| self.calls.kill());
    }

    /// The ids of its processes at this moment.
    fn processes(&self) -> Vec<u32> {
        self.calls.processes()
    }
}

/// What runs in each worker before its first call.
pub fn program(name: &str, function: String, payload: Vec<u8>, paths: Vec<String>) -> Program {
    Program { name: name.to_owned(), convention: "futures".to_owned(), function, payload, paths }
}

/// A time that Python gave.
pub fn seconds(py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Duration>> {
    timeout.map(Duration::try_from_secs_f64).transpose().map_err(|error| {
        raise(py, Error::new(ErrorCode::Argument, format!("timeout is a number of seconds: {error}")))
    })
}

/// What became of call `number`, for Python. What cannot be shown is an error of this call alone.
pub fn ended(py: Python<'_>, number: u64, outcome: Outcome) -> Ended<'_> {
    let (error, broken) = match outcome {
        Outcome::Returned { body, buffers } => match show_all(py, buffers) {
            Ok(shown) => return (number, Some((PyBytes::new(py, &body), shown)), None, false),
            Err(error) => {
                let why = format!("what a call returned cannot be shown: {error}");
                (Error::new(ErrorCode::Resource, why), false)
            }
        },
        Outcome::Failed(error) => (error, false),
        Outcome::Broken(error) => (error, true),
    };
    (number, None, Some(raise(py, error).into_value(py).into_bound(py).into_any()), broken)
}

/// Puts the data of a call where its worker sees them: large ones once, if `known` has them.
pub fn place(
    cache: &Arc<Cache>,
    known: &Shared,
    parts: &[&[u8]],
) -> beringia_core::Result<(Vec<BufferRef>, Vec<Arc<Lease>>)> {
    let placed: Vec<_> = parts.iter().map(|part| shared::find(cache.backend(), part)).collect();
    let alone = |n: usize| placed[n].is_some() || parts[n].len() >= WORTH_SHARING;
    let many = (0..parts.len()).filter(|n| alone(*n)).count() > MOST_SEGMENTS;
    let together = (0..parts.len()).filter(|n| many || !alone(*n));
    let bytes = together.map(|n| parts[n].len().next_multiple_of(64)).sum();
    let mut arena = Arena::new(Arc::clone(cache), bytes);
    let (mut buffers, mut leases) = (Vec::with_capacity(parts.len()), Vec::new());
    for (n, part) in parts.iter().enumerate() {
        let found = match &placed[n] {
            _ if many || !alone(n) => None,
            Some((lease, offset)) => Some((Arc::clone(lease), *offset as u64)),
            // Equal parts of one call are not one: it may write to one of them.
            None => Some((known.lease(cache, part)?, 0)).filter(|(lease, _)| !has(&leases, lease)),
        };
        if let Some((lease, offset)) = found {
            buffers.push(BufferRef { segment: lease.segment().id(), offset, len: part.len() as u64 });
            leases.push(lease);
        } else {
            let mut buffer = arena.buffer(part.len())?;
            buffer.extend(&mut arena, part)?;
            buffers.push(buffer.reference());
        }
    }
    leases.extend(arena.into_leases());
    Ok((buffers, leases))
}

fn has(leases: &[Arc<Lease>], lease: &Lease) -> bool {
    leases.iter().any(|other| other.segment().id() == lease.segment().id())
}

fn show_all(py: Python<'_>, buffers: Vec<Returned>) -> PyResult<Bound<'_, PyList>> {
    let shown = PyList::empty(py);
    if !buffers.is_empty() {
        let bytes = Dtype::new(py, "u1")?;
        for buffer in buffers {
            shown.append(show(py, &bytes, buffer)?)?;
        }
    }
    Ok(shown)
}

/// A buffer that a call returned: an array that owns its memory, which is the worker's segment where it is large.
fn show<'py>(py: Python<'py>, bytes: &Dtype, returned: Returned) -> PyResult<Bound<'py, PyAny>> {
    let Returned { loan, offset, len, private } = returned;
    let data = (loan.segment().address() + offset) as *const u8;
    if private {
        let base = Bound::new(py, Views::new(loan))?.into_any();
        // SAFETY: `base` holds the segment, in which the bytes lie (the core looked), mapped for its reader alone.
        return unsafe { view(&base, bytes, &[len], data, true) };
    }
    filled(py, bytes, &[len], |target| {
        // SAFETY: as above, and the target is fresh memory of `len` bytes. The worker may write meanwhile: then these are
        // other bytes, which are as valid.
        unsafe { std::ptr::copy_nonoverlapping(data, target.as_mut_ptr(), target.len()) }
    })
}
