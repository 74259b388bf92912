//! A job driven through the whole protocol, with a worker that is a thread.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int32Array, LargeListArray, LargeStringArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{Field, Fields};

use super::*;
use crate::config::Config;
use crate::definition::RowCount;
use crate::protocol::{FromWorker, VERSION};
use crate::segment::Backend;
use crate::worker::Worker;
use crate::worker::thread::{self, Act};

const WAIT: Duration = Duration::from_secs(5);
const BACKENDS: [Backend; 3] = [Backend::Memfd, Backend::Posix, Backend::Heap];

/// Groups of rows: a key and a list of values each.
fn batch(groups: &[(&str, &[f64])]) -> StructArray {
    let keys = LargeStringArray::from_iter_values(groups.iter().map(|(key, _)| *key));
    let values = Float64Array::from_iter_values(groups.iter().flat_map(|(_, values)| values.iter().copied()));
    let offsets = OffsetBuffer::<i64>::from_lengths(groups.iter().map(|(_, values)| values.len()));
    let item = Arc::new(Field::new("item", DataType::Float64, true));
    let lists = LargeListArray::new(item, offsets, Arc::new(values), None);
    StructArray::from(vec![
        (Arc::new(Field::new("gene", DataType::LargeUtf8, true)), Arc::new(keys) as ArrayRef),
        (Arc::new(Field::new("x", lists.data_type().clone(), true)), Arc::new(lists) as ArrayRef),
    ])
}

fn result(values: Vec<f64>) -> ArrayData {
    let column: ArrayRef = Arc::new(Float64Array::from(values));
    StructArray::from(vec![(Arc::new(Field::new("sum", DataType::Float64, true)), column)]).to_data()
}

fn rows(values: Vec<f64>, groups: Vec<i32>) -> ArrayData {
    let column: ArrayRef = Arc::new(Float64Array::from(values));
    let index: ArrayRef = Arc::new(Int32Array::from(groups));
    StructArray::from(vec![
        (Arc::new(Field::new("sum", DataType::Float64, true)), column),
        (Arc::new(Field::new("group", DataType::Int32, false)), index),
    ])
    .to_data()
}

/// The sum of each group's values, and the group's number of rows as rows if there are to be many.
fn sums(array: &ArrayData) -> Vec<f64> {
    let array = StructArray::from(array.clone());
    let lists = array.column(1).as_list::<i64>();
    lists.iter().map(|list| list.unwrap().as_primitive::<Float64Type>().iter().flatten().sum()).collect()
}

fn runtime(backend: Backend) -> Arc<Runtime> {
    let mut config = Config::parse([("worker.cancelGrace", "200ms")]).unwrap();
    config.backend = backend;
    Runtime::new(config).unwrap()
}

fn job_of(backend: Backend, rows: RowCount, act: impl FnMut(ArrayData) -> Act + Send + 'static) -> Job {
    job_with(backend, rows, "", act)
}

fn job_with(
    backend: Backend,
    rows: RowCount,
    policy: &str,
    act: impl FnMut(ArrayData) -> Act + Send + 'static,
) -> Job {
    let runtime = runtime(backend);
    adopt(&runtime, act);
    job_in(runtime, rows, policy)
}

fn fake() -> Interpreter {
    Interpreter { program: "fake".to_owned(), threads: 1, environment: None }
}

/// One more idle worker. The one that was adopted last is used first.
fn adopt(runtime: &Runtime, act: impl FnMut(ArrayData) -> Act + Send + 'static) {
    let backend = runtime.config().backend;
    let (channel, peer) = thread::spawn(backend, act);
    let worker = Worker::start(channel, peer, backend, thread::LIMITS).unwrap();
    runtime.pool().adopt(worker, fake());
}

fn job_in(runtime: Arc<Runtime>, rows: RowCount, policy: &str) -> Job {
    let rows = match rows {
        RowCount::One => "one",
        RowCount::Many => "many",
    };
    let spec = JobSpec::from_json(&format!(
        r#"{{"program": {{"name": "sum", "convention": "none", "function": "pickle", "interpreter": "fake"}},
            "shape": {{"keys": 1, "rows": "{rows}"}}, "policy": {{{policy}}}, "options": {{}}, "task": {{"id": 1}}}}"#
    ))
    .unwrap();
    let output = DataType::Struct(Fields::from(vec![
        Field::new("gene", DataType::LargeUtf8, true),
        Field::new("sum", DataType::Float64, true),
    ]));
    Job::new(runtime, spec, &[], batch(&[]).data_type().clone(), &output).unwrap()
}

fn submit(job: &Job, groups: &[(&str, &[f64])]) {
    job.submit(&batch(groups).to_data()).unwrap();
}

fn next(job: &Job) -> Result<StructArray> {
    let output = job.next(WAIT)?.expect("no result in time");
    output.array.validate_full().unwrap();
    Ok(StructArray::from(output.array))
}

#[test]
fn results_come_in_order_with_the_keys_before_the_fields() {
    for backend in BACKENDS {
        let job = job_of(backend, RowCount::One, |array| Act::Reply(result(sums(&array))));
        submit(&job, &[("a", &[1.0, 2.0]), ("b", &[])]);
        submit(&job, &[("c", &[10.0])]);
        let first = next(&job).unwrap();
        assert_eq!(first.column(0).as_string::<i64>().iter().flatten().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(first.column(1).as_primitive::<Float64Type>().values(), &[3.0, 0.0]);
        let second = next(&job).unwrap();
        assert_eq!(second.column(0).as_string::<i64>().value(0), "c");
        assert_eq!(second.column(1).as_primitive::<Float64Type>().values(), &[10.0]);
    }
}

#[test]
fn with_many_rows_the_keys_are_repeated_without_a_copy() {
    let job =
        job_of(Backend::Memfd, RowCount::Many, |_| Act::Reply(rows(vec![1.0, 2.0, 3.0], vec![0, 2, 2])));
    submit(&job, &[("a", &[]), ("b", &[]), ("c", &[])]);
    let rows = next(&job).unwrap();
    let keys = rows.column(0).as_dictionary::<Int32Type>();
    let names = keys.values().as_string::<i64>();
    let shown: Vec<&str> = keys.keys().values().iter().map(|key| names.value(*key as usize)).collect();
    assert_eq!(shown, ["a", "c", "c"]);
}

#[test]
fn a_batch_in_its_own_segment_is_not_copied_and_the_result_shows_the_worker_s_memory() {
    let job = job_of(Backend::Memfd, RowCount::One, |array| Act::Reply(result(sums(&array))));
    let lease = job.allocate(4096).unwrap();
    let source = batch(&[("a", &[1.0, 2.0])]);
    // The batch as a front writes it: every buffer in the segment.
    let mut offset = 0;
    let mut shift = |buffer: &arrow_buffer::Buffer| {
        lease.segment().write(offset, buffer).unwrap();
        let placed = lease.segment().buffer(Arc::clone(&lease), offset, buffer.len()).unwrap();
        offset += buffer.len().next_multiple_of(64);
        placed
    };
    fn moved(
        data: &ArrayData,
        shift: &mut impl FnMut(&arrow_buffer::Buffer) -> arrow_buffer::Buffer,
    ) -> ArrayData {
        ArrayData::builder(data.data_type().clone())
            .len(data.len())
            .buffers(data.buffers().iter().map(&mut *shift).collect())
            .child_data(data.child_data().iter().map(|child| moved(child, shift)).collect())
            .build()
            .unwrap()
    }
    let placed = moved(&source.to_data(), &mut shift);
    job.submit(&placed).unwrap();
    let output = job.next(WAIT).unwrap().unwrap();
    // The fake worker copied its eight bytes of result; nothing else was.
    assert_eq!(output.stats.copied, 8);
    let key = &output.array.child_data()[0].buffers()[1];
    let address = key.as_ptr() as usize;
    assert!(lease.segment().offset_of(address, key.len()).is_some(), "the keys are a view on the batch");
}

#[test]
fn a_failure_names_the_group_and_ends_the_job() {
    let job =
        job_of(Backend::Heap, RowCount::One, |_| Act::Fail(1, ErrorCode::FunctionRaised, "'sum' raised E"));
    submit(&job, &[("a", &[]), ("b", &[])]);
    let error = next(&job).unwrap_err();
    assert_eq!((error.code, error.group.as_deref()), (ErrorCode::FunctionRaised, Some("gene='b'")));
    assert_eq!(error.function.as_deref(), Some("sum"));
    assert_eq!(job.next(WAIT).unwrap_err(), error);
    assert_eq!(job.submit(&batch(&[]).to_data()).unwrap_err(), error);
    assert_eq!(job.allocate(1).err(), Some(error));
    assert_eq!(job.runtime.pool().size(), 1, "the worker answered and is kept");
}

#[test]
fn a_dead_worker_is_an_error_that_names_the_last_group_and_words() {
    let job = job_of(Backend::Memfd, RowCount::One, |_| Act::Die(1));
    submit(&job, &[("a", &[]), ("b", &[])]);
    let error = next(&job).unwrap_err();
    assert_eq!((error.code, error.group.as_deref()), (ErrorCode::WorkerDied, Some("gene='b'")));
    assert!(error.summary.contains("last words"), "{error}");
    assert_eq!(job.runtime.pool().size(), 0, "the dead worker is not given to the next job");
}

#[test]
fn segments_that_the_worker_dropped_are_announced_anew() {
    let job = job_of(Backend::Memfd, RowCount::One, |array| Act::Drop(result(sums(&array))));
    for _ in 0..3 {
        submit(&job, &[("a", &[1.0])]);
        drop(next(&job).unwrap());
        assert!(job.runtime.cache().idle_bytes() > 0);
    }
}

#[test]
fn segments_are_used_again_once_the_result_is_dropped() {
    let job = job_of(Backend::Memfd, RowCount::One, |array| Act::Reply(result(sums(&array))));
    submit(&job, &[("a", &[1.0])]);
    let kept = next(&job).unwrap();
    assert_eq!(job.runtime.cache().idle_bytes(), 0);
    drop(kept);
    let idle = job.runtime.cache().idle_bytes();
    assert!(idle > 0);
    for _ in 0..10 {
        submit(&job, &[("a", &[1.0])]);
        drop(next(&job).unwrap());
    }
    assert_eq!(job.runtime.cache().idle_bytes(), idle);
}

type Forgery = Box<dyn FnOnce(&mut ArrayDescriptor) + Send>;

#[test]
fn forged_replies_are_protocol_errors() {
    let forgeries: Vec<(&str, Forgery)> = vec![
        ("too few rows", Box::new(|d| d.len = 1)),
        ("too many rows", Box::new(|d| d.len = 1 << 40)),
        ("a huge offset", Box::new(|d| d.children[0].offset = u64::MAX / 2)),
        ("an unknown segment", Box::new(|d| d.children[0].buffers[0].segment = SegmentId(999))),
        ("a buffer past the segment", Box::new(|d| d.children[0].buffers[0].offset = 1 << 40)),
        ("a length past the segment", Box::new(|d| d.children[0].buffers[0].len = u64::MAX)),
        ("a misaligned buffer", Box::new(|d| d.children[0].buffers[0].offset += 1)),
        ("a short buffer", Box::new(|d| d.children[0].buffers[0].len = 8)),
        ("no buffer", Box::new(|d| d.children[0].buffers.clear())),
        ("a child too many", Box::new(|d| d.children.push(ArrayDescriptor::default()))),
        ("no child", Box::new(|d| d.children.clear())),
        (
            "a short bitmap",
            Box::new(|d| {
                let buffer = d.children[0].buffers[0];
                d.children[0].validity = Some((buffer, 1 << 20));
            }),
        ),
    ];
    for (name, forge) in forgeries {
        let mut forge = Some(forge);
        let job = job_of(Backend::Memfd, RowCount::One, move |array| {
            Act::Forge(forge.take().unwrap(), result(sums(&array)))
        });
        submit(&job, &[("a", &[1.0]), ("b", &[2.0])]);
        let error = next(&job).expect_err(name);
        assert_eq!(error.code, ErrorCode::Protocol, "{name}: {error}");
    }
}

#[test]
fn messages_out_of_turn_are_protocol_errors() {
    let failed = |ticket| FromWorker::Failed {
        ticket,
        group: None,
        code: ErrorCode::Internal,
        summary: String::new(),
        traceback: None,
        dropped: Vec::new(),
    };
    let hello = FromWorker::Hello { version: VERSION, python: "3.11.7".into(), libraries: String::new() };
    for message in [failed(0), failed(2), failed(u64::MAX), hello] {
        let said = format!("{message:?}");
        let mut message = Some(message);
        let job = job_of(Backend::Heap, RowCount::One, move |_| Act::Say(message.take().unwrap()));
        submit(&job, &[("a", &[])]);
        assert_eq!(next(&job).unwrap_err().code, ErrorCode::Protocol, "{said}");
    }
}

#[test]
fn a_worker_that_dies_in_a_group_that_it_never_got_is_not_tried_for_ever() {
    let job = job_with(Backend::Heap, RowCount::One, r#""onError": "null""#, |_| Act::Die(99));
    submit(&job, &[("a", &[])]);
    assert_eq!(next(&job).unwrap_err().code, ErrorCode::WorkerDied);
}

#[test]
fn a_row_of_no_group_is_a_protocol_error() {
    for group in [-1, 2] {
        let job = job_of(Backend::Memfd, RowCount::Many, move |_| Act::Reply(rows(vec![1.0], vec![group])));
        submit(&job, &[("a", &[]), ("b", &[])]);
        assert_eq!(next(&job).unwrap_err().code, ErrorCode::Protocol, "group {group}");
    }
}

#[test]
fn a_closed_job_frees_what_it_had_and_says_so() {
    let job = job_of(Backend::Memfd, RowCount::One, |array| Act::Reply(result(sums(&array))));
    submit(&job, &[("a", &[1.0])]);
    job.allocate(1).unwrap();
    job.close();
    job.close();
    assert_eq!(job.next(WAIT).unwrap_err().code, ErrorCode::Cancelled);
    assert_eq!(job.runtime.pool().size(), 1, "the worker finished and is kept");
}

#[test]
fn a_worker_that_does_not_finish_a_cancelled_batch_is_killed() {
    let (block, unblock) = std::sync::mpsc::channel::<()>();
    let job = job_of(Backend::Memfd, RowCount::One, move |array| {
        let _ = unblock.recv_timeout(Duration::from_secs(2));
        Act::Reply(result(sums(&array)))
    });
    submit(&job, &[("a", &[1.0])]);
    job.close();
    drop(block);
    assert_eq!(job.runtime.pool().size(), 0);
}

/// Two workers, of which a task may have both, or more workers if it asks.
fn runtime_of_two(
    settings: &[(&str, &str)],
    first: impl FnMut(ArrayData) -> Act + Send + 'static,
) -> Arc<Runtime> {
    let settings = [&[("worker.cancelGrace", "200ms"), ("worker.busy", "2"), ("worker.max", "2")], settings];
    let runtime = Runtime::new(Config::parse(settings.concat()).unwrap()).unwrap();
    adopt(&runtime, |array| Act::Reply(result(sums(&array))));
    adopt(&runtime, first);
    runtime
}

fn keys(results: &StructArray) -> Vec<&str> {
    results.column(0).as_string::<i64>().iter().flatten().collect()
}

#[test]
fn while_a_worker_is_at_a_long_batch_a_spare_one_takes_the_next_and_results_stay_in_order() {
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let mut slow = true;
    let runtime = runtime_of_two(&[], move |array| {
        if std::mem::take(&mut slow) {
            wait.recv_timeout(WAIT).unwrap();
        }
        Act::Reply(result(sums(&array)))
    });
    let job = job_in(runtime, RowCount::One, "");
    submit(&job, &[("a", &[1.0])]);
    let mut submitted = vec!["a"];
    let deadline = Instant::now() + WAIT;
    for key in ["b", "c", "d", "e", "f"] {
        while !job.has_room().unwrap() {
            assert!(Instant::now() < deadline, "no room for {key}");
            assert!(job.next(Duration::from_millis(1)).unwrap().is_none());
        }
        submit(&job, &[(key, &[2.0])]);
        submitted.push(key);
    }
    let answered = |job: &Job| job.state().batches.iter().filter(|batch| batch.reply.is_some()).count();
    while answered(&job) < 3 {
        assert!(Instant::now() < deadline);
        assert!(job.next(Duration::from_millis(1)).unwrap().is_none());
    }
    go_on.send(()).unwrap();
    for key in submitted {
        let result = loop {
            if let Some(output) = job.next(WAIT).unwrap() {
                break StructArray::from(output.array);
            }
        };
        assert_eq!(keys(&result), [key]);
    }
    assert_eq!(job.runtime.pool().size(), 2);
}

#[test]
fn what_a_job_has_in_flight_is_bounded() {
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let runtime = runtime_of_two(&[], move |array| {
        let _ = wait.recv_timeout(WAIT);
        Act::Reply(result(sums(&array)))
    });
    let job = job_in(runtime, RowCount::One, "");
    let deadline = Instant::now() + WAIT;
    while job.state().batches.len() < AHEAD {
        assert!(Instant::now() < deadline);
        if job.has_room().unwrap() {
            submit(&job, &[("a", &[1.0])]);
        }
        assert!(job.next(Duration::from_millis(1)).unwrap().is_none());
    }
    for _ in 0..20 {
        assert!(job.next(Duration::from_millis(1)).unwrap().is_none());
        assert!(!job.has_room().unwrap());
    }
    drop(go_on);
}

#[test]
fn where_one_worker_is_to_be_busy_two_batches_are_in_flight() {
    for settings in [("worker.busy", "1"), ("worker.busy", "0")] {
        let runtime = runtime_of_two(&[settings], |array| Act::Reply(result(sums(&array))));
        let job = job_in(runtime, RowCount::One, "");
        submit(&job, &[("a", &[])]);
        assert!(job.has_room().unwrap());
        submit(&job, &[("b", &[])]);
        assert!(!job.has_room().unwrap());
        assert_eq!(job.runtime.pool().idle(), 1);
    }
}

#[test]
fn the_batches_of_a_spare_worker_that_dies_go_to_another() {
    let runtime = Runtime::new(Config::parse([("worker.busy", "2"), ("worker.max", "2")]).unwrap()).unwrap();
    adopt(&runtime, |_| Act::Die(0));
    adopt(&runtime, |array| Act::Reply(result(sums(&array))));
    let job = job_in(runtime, RowCount::One, r#""onError": "null""#);
    submit(&job, &[("a", &[])]);
    submit(&job, &[("b", &[])]);
    for key in ["a", "b"] {
        let result = loop {
            if let Some(output) = job.next(WAIT).unwrap() {
                break StructArray::from(output.array);
            }
        };
        assert_eq!(keys(&result), [key]);
    }
    // A third one is tried in its place, which is no program.
    let deadline = Instant::now() + WAIT;
    while job.runtime.pool().size() != 1 {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
}

#[test]
fn a_spare_worker_goes_to_the_task_that_waits_for_one() {
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let runtime = runtime_of_two(&[], move |array| {
        let _ = wait.recv_timeout(WAIT);
        Act::Reply(result(sums(&array)))
    });
    let job = job_in(Arc::clone(&runtime), RowCount::One, "");
    submit(&job, &[("a", &[])]);
    submit(&job, &[("b", &[])]);
    assert_eq!(runtime.pool().idle(), 0, "both are at work");
    let other = runtime.pool().queue(2, &fake());
    assert!(other.lease(Duration::ZERO).unwrap().is_none());
    let deadline = Instant::now() + WAIT;
    let lease = loop {
        assert!(Instant::now() < deadline);
        assert!(job.next(Duration::from_millis(1)).unwrap().is_none());
        if let Some(lease) = other.lease(Duration::ZERO).unwrap() {
            break lease;
        }
    };
    assert!(!job.state().crew.has_spares());
    drop((lease, go_on));
}

#[test]
fn a_closed_job_waits_for_its_spare_workers_too() {
    let (block, unblock) = std::sync::mpsc::channel::<()>();
    let runtime =
        Runtime::new(Config::parse([("worker.cancelGrace", "50ms"), ("worker.busy", "2")]).unwrap()).unwrap();
    adopt(&runtime, move |array| {
        let _ = unblock.recv_timeout(Duration::from_secs(2));
        Act::Reply(result(sums(&array)))
    });
    adopt(&runtime, |array| Act::Reply(result(sums(&array))));
    let job = job_in(runtime, RowCount::One, "");
    submit(&job, &[("a", &[])]);
    submit(&job, &[("b", &[])]);
    job.close();
    drop(block);
    assert_eq!(job.runtime.pool().size(), 1, "the one that did not finish was killed");
}

#[test]
fn a_worker_that_could_not_be_sent_a_batch_is_nobody_s_any_more() {
    let runtime = runtime(Backend::Memfd);
    adopt(&runtime, |array| Act::Reply(result(sums(&array))));
    let job = job_in(Arc::clone(&runtime), RowCount::One, "");
    // Each segment takes a descriptor of the message.
    (0..300).for_each(|_| drop(job.allocate(1).unwrap()));
    assert_eq!(job.submit(&batch(&[("a", &[])]).to_data()).unwrap_err().code, ErrorCode::TooLarge);
    drop(job);
    assert_eq!(runtime.pool().size(), 0);
}

#[test]
fn a_result_without_a_batch_is_a_protocol_error() {
    let job = job_of(Backend::Heap, RowCount::One, |array| Act::Reply(result(sums(&array))));
    assert_eq!(job.next(WAIT).unwrap_err().code, ErrorCode::Protocol);
}

#[test]
fn a_batch_of_another_type_is_refused() {
    let job = job_of(Backend::Heap, RowCount::One, |array| Act::Reply(result(sums(&array))));
    assert_eq!(job.submit(&result(vec![1.0])).unwrap_err().code, ErrorCode::Argument);
}
