//! One thread for each worker: takes the next batch, hands it over, collects the result.
//!
//! The calling thread is the caller's meanwhile, to watch and to stop the work; stopping closes the jobs, which ends the
//! workers' calls.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StructArray, make_array};
use arrow_data::transform::{Capacities, MutableArrayData};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use arrow_select::take::take;
use beringia_core::job::{Job, JobSpec, Output};
use beringia_core::runtime::Runtime;
use beringia_core::segment::require;
use beringia_core::{Error, Result};

use crate::batches::Batches;

/// Batches under way for each worker.
const IN_FLIGHT: usize = 2;
/// Bytes of results after which memory is looked at again: more may be to come.
const A_LOT: usize = 64 << 20;
/// Bytes of a result from which on it is not copied out of shared memory.
const WORTH_KEEPING: usize = 1 << 20;
/// Segments of a worker that results of any calls may hold on to.
const MOST_MAPPED: usize = 64;
/// How long a thread waits before it looks whether it is still wanted.
const STEP: Duration = Duration::from_millis(50);

/// What is mapped through what.
pub struct Driven<'a> {
    /// Whose workers do it.
    pub runtime: &'a Arc<Runtime>,
    /// What they do.
    pub spec: &'a JobSpec,
    /// The function.
    pub payload: &'a [u8],
    /// What it is mapped over.
    pub batches: &'a Batches,
    /// The type of the results, a struct.
    pub output: &'a DataType,
}

#[derive(Default)]
struct Finished {
    results: Vec<(usize, RecordBatch)>,
    error: Option<Error>,
    threads: usize,
}

/// The work while it is done.
pub struct Running<'a> {
    driven: Driven<'a>,
    threads: usize,
    next: AtomicUsize,
    rows_done: AtomicUsize,
    stop: AtomicBool,
    finished: Mutex<Finished>,
    changed: Condvar,
}

impl Running<'_> {
    fn finished(&self) -> MutexGuard<'_, Finished> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all threads have ended, waiting up to `timeout` for them.
    pub fn wait(&self, timeout: Duration) -> bool {
        let timeout = timeout.min(Duration::from_secs(3600));
        let (finished, _) = self
            .changed
            .wait_timeout_while(self.finished(), timeout, |finished| finished.threads < self.threads)
            .unwrap_or_else(PoisonError::into_inner);
        finished.threads >= self.threads
    }

    /// How many rows are done, and how many there are.
    pub fn progress(&self) -> (usize, usize) {
        (self.rows_done.load(Ordering::Relaxed), self.driven.batches.rows())
    }

    /// Ends the work soon; its results are of no use then.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// A thread has ended, or could not start.
    fn ended(&self, result: Result<()>) {
        let mut finished = self.finished();
        finished.threads += 1;
        if let Err(error) = result {
            // The first one counts: those after it are of batches that were given up.
            if finished.error.is_none() && !self.stop.swap(true, Ordering::Relaxed) {
                finished.error = Some(error);
            }
        }
        drop(finished);
        self.changed.notify_all();
    }
}

/// Maps all batches with up to `workers` threads while `watch` runs: what that returns, and the results in the order of
/// the batches.
pub fn drive<T>(
    driven: Driven<'_>,
    workers: usize,
    watch: impl FnOnce(&Running<'_>) -> T,
) -> (T, Result<Vec<RecordBatch>>) {
    let running = Running {
        threads: workers.min(driven.batches.count()),
        driven,
        next: AtomicUsize::new(0),
        rows_done: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        finished: Mutex::default(),
        changed: Condvar::new(),
    };
    let watched = thread::scope(|scope| {
        for number in 0..running.threads {
            let work = || running.ended(caught(|| map_batches(&running)));
            if let Err(error) = thread::Builder::new().spawn_scoped(scope, work) {
                // Those that there are do the work of all.
                let failed = Error::os("cannot start a thread for a worker", error);
                running.ended(if number == 0 { Err(failed) } else { Ok(()) });
            }
        }
        watch(&running)
    });
    let mut finished = running.finished.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = finished.error {
        return (watched, Err(error));
    }
    finished.results.sort_unstable_by_key(|(batch, _)| *batch);
    (watched, Ok(finished.results.into_iter().map(|(_, result)| result).collect()))
}

/// What `work` returns; a panic is an error, as its thread would end without a word and be awaited for ever.
fn caught(work: impl FnOnce() -> Result<()>) -> Result<()> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Error::internal("a thread that maps batches has panicked")))
}

fn map_batches(running: &Running<'_>) -> Result<()> {
    static TASK: AtomicU64 = AtomicU64::new(1);
    let driven = &running.driven;
    let mut spec = driven.spec.clone();
    spec.task.id = TASK.fetch_add(1, Ordering::Relaxed);
    let input = driven.batches.data_type();
    let job = Job::new(Arc::clone(driven.runtime), spec, driven.payload, input, driven.output)?;
    // What is held on to would take of it what other batches need.
    let bounded = driven.runtime.config().max_bytes.is_some();
    let mut taken = 0_usize;
    let mut sent = VecDeque::new();
    loop {
        while sent.len() < IN_FLIGHT && !running.stop.load(Ordering::Relaxed) {
            let batch = running.next.fetch_add(1, Ordering::Relaxed);
            if batch >= driven.batches.count() {
                break;
            }
            job.submit(&driven.batches.get(batch, |bytes| job.allocate(bytes))?)?;
            sent.push_back(batch);
        }
        if running.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let Some(batch) = sent.front().copied() else { return Ok(()) };
        if let Some(output) = job.next(STEP)? {
            sent.pop_front();
            let shown = driven.spec.shape.keys + driven.spec.shape.keep.len();
            taken = usize::try_from(output.stats.bytes_out).unwrap_or(0).saturating_add(taken);
            if taken >= A_LOT {
                require(std::mem::take(&mut taken), "the next part of the result")?;
            }
            let copied = if !bounded && worth_keeping(&output) { shown } else { usize::MAX };
            let result = own(&StructArray::from(output.array), copied)?;
            running.rows_done.fetch_add(driven.batches.rows_of(batch), Ordering::Relaxed);
            running.finished().results.push((batch, result));
        }
    }
}

/// Whether a result may hold on to the segments of its fields: not small ones, of which there may be many, nor mostly
/// empty ones.
fn worth_keeping(output: &Output) -> bool {
    let bytes = usize::try_from(output.stats.bytes_out).unwrap_or(0);
    bytes >= WORTH_KEEPING && output.held <= 2 * bytes && output.mapped <= MOST_MAPPED
}

/// The result with a copy of its first `copied` columns in ordinary memory.
fn own(result: &StructArray, copied: usize) -> Result<RecordBatch> {
    let failed = |error: ArrowError| Error::internal(error);
    let mut fields = Vec::with_capacity(result.num_columns());
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(result.num_columns());
    for (number, (field, column)) in result.fields().iter().zip(result.columns()).enumerate() {
        let column = match column.data_type() {
            _ if number >= copied => Arc::clone(column),
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
    let options = RecordBatchOptions::new().with_row_count(Some(result.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(failed)
}

fn copy(column: &ArrayRef) -> std::result::Result<ArrayRef, ArrowError> {
    let data = column.to_data();
    let mut copy = MutableArrayData::with_capacities(vec![&data], false, Capacities::Array(data.len()));
    copy.try_extend(0, 0, data.len())?;
    Ok(make_array(copy.freeze()))
}

#[cfg(test)]
mod tests {
    use arrow_array::types::Int32Type;
    use arrow_array::{DictionaryArray, Int64Array};
    use beringia_core::ErrorCode;

    use super::*;

    #[test]
    fn results_are_copies_without_dictionaries() {
        let names: DictionaryArray<Int32Type> = ["b", "a", "b"].into_iter().collect();
        let numbers = Int64Array::from(vec![Some(7), Some(1), None, Some(3)]).slice(1, 3);
        let field = |name, array: &dyn Array| Arc::new(Field::new(name, array.data_type().clone(), true));
        let result = StructArray::from(vec![
            (field("name", &names), Arc::new(names) as ArrayRef),
            (field("number", &numbers), Arc::new(numbers.clone()) as ArrayRef),
        ]);
        let copy = own(&result, 2).unwrap();
        assert_eq!(copy.column(0).as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["b", "a", "b"]);
        assert_eq!(copy.column(1).as_primitive(), &numbers);
        let (ours, theirs) = (copy.column(1).to_data(), numbers.to_data());
        assert_ne!(ours.buffers()[0].as_ptr(), theirs.buffers()[0].as_ptr());
    }

    #[test]
    fn a_panic_of_a_thread_is_an_error() {
        assert_eq!(caught(|| panic!("a defect")).unwrap_err().code, ErrorCode::Internal);
        assert!(caught(|| Ok(())).is_ok());
    }

    #[test]
    fn a_result_without_fields_keeps_its_number_of_rows() {
        assert_eq!(own(&StructArray::new_empty_fields(3, None), 0).unwrap().num_rows(), 3);
    }
}
