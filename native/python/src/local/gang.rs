//! Calls that run together, for `beringia.spmd`.

use std::sync::Arc;

use beringia_core::gang::{self, Setting};
use beringia_core::worker::Data;
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use super::calls::{self, Ended, program};
use super::shared::Shared;
use super::{Pool, raise};

/// What ends a run from outside: an error of ours, or what Python raises for a signal.
enum Stopped {
    Failed(beringia_core::Error),
    Raised(PyErr),
}

impl From<beringia_core::Error> for Stopped {
    fn from(error: beringia_core::Error) -> Stopped {
        Stopped::Failed(error)
    }
}

/// What became of each rank, and the one that failed first with what happened there.
type Ran<'py> = (Vec<Ended<'py>>, Option<(usize, String)>);

/// Makes a call on `size` workers at once, which meet while they run: what became of each, and the rank that failed first
/// with what happened there.
#[pyfunction]
#[pyo3(signature = (pool, body, data, *, size, paths, interpreter, python_version, threads, timeout))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of one caller")]
pub fn run_gang<'py>(
    py: Python<'py>,
    pool: &Bound<'py, Pool>,
    body: Vec<u8>,
    data: Vec<PyReadonlyArray1<'py, u8>>,
    size: usize,
    paths: Vec<String>,
    interpreter: String,
    python_version: String,
    threads: usize,
    timeout: Option<f64>,
) -> PyResult<Ran<'py>> {
    let pool = pool.get();
    let runtime = Arc::clone(&pool.runtime);
    let setting = Setting {
        program: program("spmd", "beringia._calls:nothing".to_owned(), Vec::new(), paths),
        python: Some(python_version),
        interpreter: beringia_core::worker::Interpreter { program: interpreter, threads, environment: None },
        size,
        timeout: calls::seconds(py, timeout)?,
    };
    let parts: Vec<&[u8]> =
        data.iter().map(|array| array.as_slice().map_err(PyErr::from)).collect::<PyResult<_>>()?;
    let run = py.detach(|| {
        let shared = Shared::new(0, pool.workers);
        let (buffers, leases) = calls::place(runtime.cache(), &shared, &parts)?;
        let interrupted = || Python::attach(|py| py.check_signals()).map_err(Stopped::Raised);
        gang::run(&runtime, &setting, &Data::new(body, buffers, leases), interrupted)
    });
    let run = run.map_err(|stopped| match stopped {
        Stopped::Failed(error) => raise(py, error),
        Stopped::Raised(error) => error,
    })?;
    let outcomes = run.outcomes.into_iter().zip(0..);
    let ended = outcomes.map(|(outcome, rank)| calls::ended(py, rank, outcome)).collect();
    Ok((ended, run.failed))
}
