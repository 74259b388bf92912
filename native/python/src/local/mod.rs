//! The local front's native side: tables, errors and interrupts of Python around `beringia-grouping`, which does the work.

mod block;
pub mod calls;
mod content;
mod gang;
mod hub;
mod shared;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use arrow_schema::{DataType, Field, SortOptions};
use beringia_core::config::Config;
use beringia_core::job::JobSpec;
use beringia_core::runtime::Runtime;
use beringia_core::spelling::Spelling;
use beringia_core::{Error, ErrorCode, log};
use beringia_grouping::{Batches, Driven, Extent, Unit, Windows, drive};
use pyo3::prelude::*;
use pyo3::types::PyDict;

pub use block::Constants;
pub use calls::Calls;
pub use gang::run_gang;
pub use hub::Hub;
pub use shared::share;

use crate::capsule;
use crate::capsule::Stream;

/// Workers of this process.
#[pyclass(frozen, module = "beringia._native")]
pub struct Pool {
    runtime: Arc<Runtime>,
    workers: usize,
    /// The process that made it; one forked from it must leave the workers alone.
    process: u32,
}

impl Drop for Pool {
    fn drop(&mut self) {
        if std::process::id() != self.process {
            std::mem::forget(Arc::clone(&self.runtime));
        }
    }
}

/// A size of windows: an `int` or a `float`.
#[derive(FromPyObject)]
enum Size {
    Whole(i64),
    Float(f64),
}

/// Windows over a column, whose sizes are numbers of rows or positions.
fn windows(position: usize, of_rows: bool, size: &Size, step: &Size) -> Option<Windows> {
    let extent = match (of_rows, size, step) {
        (true, Size::Whole(size), Size::Whole(step)) => Extent::Rows(*size, *step),
        (false, Size::Whole(size), Size::Whole(step)) => Extent::Whole(*size, *step),
        (false, Size::Float(size), Size::Float(step)) => Extent::Float(*size, *step),
        _ => return None,
    };
    Some(Windows { position, extent })
}

/// An error as the typed Python exception of its code.
pub fn raise(py: Python<'_>, error: Error) -> PyErr {
    let make = || -> PyResult<PyErr> {
        let class = py.import("beringia.errors")?.getattr("BY_CODE")?.get_item(error.code.number())?;
        let details = PyDict::new(py);
        details.set_item("group", error.group.as_deref())?;
        details.set_item("traceback", error.traceback.as_deref())?;
        details.set_item("function", error.function.as_deref())?;
        Ok(PyErr::from_value(class.call((error.to_string(),), Some(&details))?))
    };
    make().unwrap_or_else(|error| error)
}

/// What was logged: level, logger and message of each event. Waits up to `timeout` seconds for the first.
#[pyfunction]
pub fn drain_log(py: Python<'_>, timeout: f64) -> Vec<(&'static str, String, String)> {
    let timeout = Duration::try_from_secs_f64(timeout).unwrap_or_default();
    let lines = py.detach(|| log::drain(timeout));
    lines.into_iter().map(|line| (line.level, line.logger, line.message)).collect()
}

/// Lets whoever waits in `drain_log` return now.
#[pyfunction]
pub fn wake_log() {
    log::wake();
}

#[pymethods]
impl Pool {
    /// A pool of at most `workers` processes; none runs yet.
    #[new]
    fn new(py: Python<'_>, settings: Vec<(String, String)>, workers: usize) -> PyResult<Pool> {
        log::install();
        Spelling::Call("Pool".to_owned()).choose();
        let config = Config::parse(settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let runtime = config.and_then(Runtime::new).map_err(|error| raise(py, error))?;
        Ok(Pool { runtime, workers: workers.max(1), process: std::process::id() })
    }

    /// How many processes there may be.
    #[getter]
    fn workers(&self) -> usize {
        self.workers
    }

    /// The id of the process that made it.
    #[getter]
    fn process(&self) -> u32 {
        self.process
    }

    /// Ends the workers.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.runtime.shutdown());
    }

    /// Maps the groups of `data` (anything with `__arrow_c_stream__`) through a function.
    ///
    /// `keys` and `columns` are numbers of columns: the batches have the keys first. `unit` is what one call gets:
    /// `group`, `row`, `batch`, or `window`: then `window` has the column of the position, whether windows have numbers of
    /// rows, their size, and how far apart they begin. `order_by` has a column, whether it descends, and whether nulls
    /// come first.
    /// `progress` is called now and then with the number of rows done.
    #[pyo3(signature = (spec, payload, data, output, *, keys, columns, unit, window, order_by, batch_bytes, progress, log_level))]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments of one caller")]
    fn run(
        &self,
        py: Python<'_>,
        spec: &str,
        payload: &[u8],
        data: &Bound<'_, PyAny>,
        output: &Bound<'_, PyAny>,
        keys: Vec<usize>,
        columns: Vec<usize>,
        unit: &str,
        window: Option<(usize, bool, Size, Size)>,
        order_by: Vec<(usize, bool, bool)>,
        batch_bytes: Option<usize>,
        progress: Option<Bound<'_, PyAny>>,
        log_level: u8,
    ) -> PyResult<Stream> {
        log::set_level(log_level);
        let table = capsule::import_table(data)?;
        let output = DataType::Struct(capsule::import_schema(output)?.fields);
        let found =
            window.and_then(|(position, of_rows, size, step)| windows(position, of_rows, &size, &step));
        let unit = match (unit, found) {
            ("group", None) => Unit::Group,
            ("window", Some(windows)) => Unit::Window(windows),
            ("row", None) => Unit::Row,
            ("batch", None) => Unit::Batch,
            (other, _) => {
                let error = Error::new(ErrorCode::Argument, format!("no unit of work is called '{other}'"));
                return Err(raise(py, error));
            }
        };
        let order_by: Vec<_> = order_by
            .into_iter()
            .map(|(column, descending, nulls_first)| (column, SortOptions { descending, nulls_first }))
            .collect();
        let limit = batch_bytes.unwrap_or(self.runtime.config().batch_bytes);
        let made = py.detach(|| Batches::new(table, &keys, &columns, unit, &order_by, limit, self.workers));
        let batches = made.map_err(|error| raise(py, error))?;
        let spec = JobSpec::from_json(spec).map_err(|error| raise(py, error))?;
        let driven =
            Driven { runtime: &self.runtime, spec: &spec, payload, batches: &batches, output: &output };
        let (watched, results) =
            drive(driven, self.workers, |running| watch::watch(py, running, progress.as_ref()));
        watched?;
        let results = results.map_err(|error| raise(py, error))?;
        let fields: Vec<Field> = match &output {
            DataType::Struct(fields) => fields.iter().map(|field| field.as_ref().clone()).collect(),
            _ => Vec::new(),
        };
        Ok(Stream::new(fields, results))
    }
}
