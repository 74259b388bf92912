//! One thread for each worker: takes the next batch, hands it over, collects the result.
//!
//! The calling thread looks after signals and progress meanwhile; an interrupt closes the jobs, which ends the
//! workers' calls.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray, make_array};
use arrow_data::transform::{Capacities, MutableArrayData};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::take::take;
use beringia_core::job::{Job, JobSpec};
use beringia_core::runtime::Runtime;
use beringia_core::{Error, Result};
use pyo3::prelude::*;

use super::batches::Batches;

/// Batches under way for each worker.
const IN_FLIGHT: usize = 2;
/// How long a thread waits before it looks whether it is still wanted.
const STEP: Duration = Duration::from_millis(50);

#[derive(Default)]
struct Finished {
    results: Vec<(usize, RecordBatch)>,
    error: Option<Error>,
    threads: usize,
}

struct Shared<'a> {
    runtime: &'a Arc<Runtime>,
    spec: &'a JobSpec,
    payload: &'a [u8],
    batches: &'a Batches,
    output: &'a DataType,
    next: AtomicUsize,
    rows_done: AtomicUsize,
    stop: AtomicBool,
    finished: Mutex<Finished>,
    changed: Condvar,
}

impl Shared<'_> {
    fn finished(&self) -> MutexGuard<'_, Finished> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The results in the order of the batches. The outer error is Python's: an interrupt, or a failing `progress`.
#[allow(clippy::too_many_arguments, reason = "one caller; they go into one struct")]
pub fn drive(
    py: Python<'_>,
    runtime: &Arc<Runtime>,
    workers: usize,
    spec: &JobSpec,
    payload: &[u8],
    batches: &Batches,
    output: &DataType,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<Result<Vec<RecordBatch>>> {
    let shared = Shared {
        runtime,
        spec,
        payload,
        batches,
        output,
        next: AtomicUsize::new(0),
        rows_done: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        finished: Mutex::default(),
        changed: Condvar::new(),
    };
    let threads = workers.min(batches.len());
    let watched = thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&shared));
        }
        let watched = watch(py, &shared, threads, progress.as_ref());
        if watched.is_err() {
            shared.stop.store(true, Ordering::Relaxed);
            // The scope waits for the threads, which need no interpreter, but must not wait for ours.
            py.detach(|| wait(&shared, threads, Duration::MAX));
        }
        watched
    });
    watched?;
    let mut finished = shared.finished.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = finished.error {
        return Ok(Err(error));
    }
    finished.results.sort_unstable_by_key(|(batch, _)| *batch);
    Ok(Ok(finished.results.into_iter().map(|(_, result)| result).collect()))
}

fn watch(
    py: Python<'_>,
    shared: &Shared<'_>,
    threads: usize,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    loop {
        let done = py.detach(|| wait(shared, threads, STEP));
        if let Some(progress) = progress {
            progress.call1((shared.rows_done.load(Ordering::Relaxed), shared.batches.rows()))?;
        }
        if done {
            return Ok(());
        }
        py.check_signals()?;
    }
}

/// Whether all threads have ended, waiting up to `timeout` for them.
fn wait(shared: &Shared<'_>, threads: usize, timeout: Duration) -> bool {
    let finished = shared.finished();
    let timeout = timeout.min(Duration::from_secs(3600));
    let (finished, _) = shared
        .changed
        .wait_timeout_while(finished, timeout, |finished| finished.threads < threads)
        .unwrap_or_else(PoisonError::into_inner);
    finished.threads >= threads
}

fn work(shared: &Shared<'_>) {
    let result = map_batches(shared);
    let mut finished = shared.finished();
    finished.threads += 1;
    if let Err(error) = result {
        // The first one counts: those after it are of batches that were given up.
        if finished.error.is_none() && !shared.stop.swap(true, Ordering::Relaxed) {
            finished.error = Some(error);
        }
    }
    drop(finished);
    shared.changed.notify_all();
}

fn map_batches(shared: &Shared<'_>) -> Result<()> {
    static TASK: AtomicU64 = AtomicU64::new(1);
    let mut spec = shared.spec.clone();
    spec.task.id = TASK.fetch_add(1, Ordering::Relaxed);
    let input = shared.batches.data_type();
    let job = Job::new(Arc::clone(shared.runtime), spec, shared.payload, input, shared.output)?;
    let mut running = std::collections::VecDeque::new();
    loop {
        while running.len() < IN_FLIGHT && !shared.stop.load(Ordering::Relaxed) {
            let batch = shared.next.fetch_add(1, Ordering::Relaxed);
            if batch >= shared.batches.len() {
                break;
            }
            job.submit(&shared.batches.get(batch)?)?;
            running.push_back(batch);
        }
        if shared.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let Some(batch) = running.front().copied() else { return Ok(()) };
        if let Some(output) = job.next(STEP)? {
            running.pop_front();
            let result = own(&StructArray::from(output.array))?;
            shared.rows_done.fetch_add(shared.batches.rows_of(batch), Ordering::Relaxed);
            shared.finished().results.push((batch, result));
        }
    }
}

/// A copy in ordinary memory: the result must not hold on to segments, of which there are few.
fn own(result: &StructArray) -> Result<RecordBatch> {
    let failed = |error: arrow_schema::ArrowError| Error::internal(error);
    let mut fields = Vec::with_capacity(result.num_columns());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(result.num_columns());
    for (field, column) in result.fields().iter().zip(result.columns()) {
        let column = match column.data_type() {
            DataType::Dictionary(..) => {
                let dictionary = column.as_any_dictionary();
                take(dictionary.values(), dictionary.keys(), None).map_err(failed)?
            }
            _ => copy(column).map_err(failed)?,
        };
        fields.push(
            Field::new(field.name(), column.data_type().clone(), true)
                .with_metadata(field.metadata().clone()),
        );
        columns.push(column);
    }
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(result.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(failed)
}

fn copy(column: &ArrayRef) -> std::result::Result<ArrayRef, arrow_schema::ArrowError> {
    let data = column.to_data();
    let mut copy = MutableArrayData::with_capacities(vec![&data], false, Capacities::Array(data.len()));
    copy.try_extend(0, 0, data.len())?;
    Ok(make_array(copy.freeze()))
}
