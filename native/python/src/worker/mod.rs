//! The worker's loop: receives batches, maps their groups through functions, sends results back.

mod forks;
mod heap;
mod retained;
pub mod scope;

use std::collections::HashMap;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_data::ArrayData;
use arrow_schema::DataType;
use beringia_core::channel::{Channel, Received};
use beringia_core::placement;
use beringia_core::protocol::{
    self, ArrayDescriptor, BatchStats, Call, Definition, DefinitionId, FromWorker, MAX_TRACED_CALLS, OnError,
    ToWorker, VERSION, Watch,
};
use beringia_core::segment::{
    Access, Arena, Cache, Control, Incoming, Lease, Outgoing, Segment, SegmentId, abandon, nanos, sweep,
};
use beringia_core::{Error, ErrorCode};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpid, kill_process_group};

use crate::convention::numpy::argument::{Elements, Showing, elements};
use crate::convention::numpy::array::Views;
use crate::convention::numpy::call::{Function, flush};
use crate::failure::{Failure, Result};

use crate::convention::numpy::result::Rows;
use retained::Retained;
use scope::Scope;

/// Without work for so long, a worker gives free memory back.
const IDLE: Duration = Duration::from_secs(1);

/// Serves the parent at the other end of descriptor `fd` until it says to end, or is gone.
#[pyfunction]
pub fn run_worker(py: Python<'_>, fd: i32) -> PyResult<()> {
    if fd < 0 {
        return Err(PyValueError::new_err("a negative file descriptor"));
    }
    // SAFETY: the caller hands over the descriptor, which nobody else uses or closes.
    let descriptor = unsafe { OwnedFd::from_raw_fd(fd) };
    let fail = |error: Error| PyRuntimeError::new_err(error.to_string());
    watch(&descriptor)?;
    let channel = Channel::from_descriptor(descriptor);
    let Some(mut worker) = Worker::greet(py, channel).map_err(fail)? else { return Ok(()) };
    forks::register(py, &worker.channel)?;
    match worker.serve(py) {
        // A function closed the channel: that is not the channel's fault, nor this library's.
        Err(error) if !worker.channel.is_open() => Err(PyOSError::new_err(error.to_string())),
        ended => ended.map_err(fail),
    }
}

/// Removes named segments: ours, and those of a parent that was killed. Its leases end with it, though perhaps a
/// moment after its end of the channel.
fn clean_up() {
    abandon();
    for _ in 0..10 {
        if sweep() == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ends this process group when the parent is gone, also while a function runs.
fn watch(descriptor: &OwnedFd) -> PyResult<()> {
    let descriptor = descriptor.try_clone()?;
    let wait = move || {
        loop {
            // No events asked for: only the hang-up is reported.
            let mut polled = [PollFd::new(&descriptor, PollFlags::empty())];
            if poll(&mut polled, None).is_err() {
                continue;
            }
            let revents = polled[0].revents();
            if revents.contains(PollFlags::NVAL) {
                return; // A function closed our descriptor: the next message ends the worker.
            }
            if revents.contains(PollFlags::HUP) {
                clean_up();
                let _ = kill_process_group(getpid(), Signal::KILL);
            }
        }
    };
    std::thread::Builder::new().name("beringia-watch".to_owned()).spawn(wait)?;
    Ok(())
}

struct Registered {
    definition: Box<Definition>,
    function: Option<Function>,
    result_bytes: usize,
}

struct Worker {
    channel: Channel,
    control: Control,
    cache: Arc<Cache>,
    incoming: Incoming,
    outgoing: Outgoing,
    /// Segments with results that the parent still reads.
    lent: HashMap<SegmentId, Arc<Lease>>,
    retained: Retained,
    registered: HashMap<DefinitionId, Registered>,
    /// Whose surroundings the process has at the moment.
    last: Option<DefinitionId>,
    surroundings: Py<PyAny>,
    log_level: u8,
}

struct Done {
    result: ArrayDescriptor,
    leases: Vec<Arc<Lease>>,
    stats: BatchStats,
}

type Outcome = std::result::Result<Done, (Option<u64>, Failure)>;

impl Worker {
    fn greet(py: Python<'_>, channel: Channel) -> beringia_core::Result<Option<Worker>> {
        let Received::Message(
            ToWorker::Start { version, control, idle_limit, retained_limit, backend },
            descriptors,
        ) = py.detach(|| channel.receive::<ToWorker>(None))?
        else {
            return Ok(None);
        };
        let python =
            py.import("platform").and_then(|m| m.call_method0("python_version")?.extract::<String>());
        let numpy = py.import("numpy").and_then(|m| m.getattr("__version__")?.extract::<String>());
        let hello = FromWorker::Hello {
            version: VERSION,
            python: python.map_err(Error::internal)?,
            numpy: numpy.map_err(Error::internal)?,
        };
        channel.send(&hello, &[])?;
        if version != VERSION {
            return Ok(None);
        }
        let surroundings = py
            .import("beringia._surroundings")
            .and_then(|module| Ok(module.call_method0("Surroundings")?.unbind()))
            .map_err(Error::internal)?;
        let segment = control.attach(&mut descriptors.into_iter(), Access::Shared)?;
        let idle_limit = usize::try_from(idle_limit).unwrap_or(usize::MAX);
        Ok(Some(Worker {
            channel,
            control: Control::attach(segment)?,
            cache: Cache::new(backend, idle_limit),
            incoming: Incoming::from_parent(backend),
            outgoing: Outgoing::default(),
            lent: HashMap::new(),
            retained: Retained::new(usize::try_from(retained_limit).unwrap_or(usize::MAX)),
            registered: HashMap::new(),
            last: None,
            surroundings,
            log_level: 0,
        }))
    }

    fn serve(&mut self, py: Python<'_>) -> beringia_core::Result<()> {
        heap::keep();
        let mut patience = Some(IDLE);
        loop {
            let received = py.detach(|| self.channel.receive::<ToWorker>(patience))?;
            let (message, descriptors) = match received {
                Received::Message(message, descriptors) => (message, descriptors),
                Received::Timeout => {
                    heap::give_back();
                    patience = None;
                    continue;
                }
                Received::Closed => {
                    clean_up();
                    return Ok(());
                }
            };
            patience = Some(IDLE);
            match message {
                ToWorker::Start { .. } => return Err(Error::protocol("a second start")),
                ToWorker::Shutdown => {
                    abandon();
                    return Ok(());
                }
                ToWorker::Register(id, definition, segments) => {
                    self.incoming.follow(&segments, &mut descriptors.into_iter())?;
                    self.registered.insert(id, Registered { definition, function: None, result_bytes: 0 });
                }
                ToWorker::Unregister(id) => {
                    self.registered.remove(&id);
                }
                ToWorker::Run { definition, ticket, segments, batch, recycle, condemned, watch } => {
                    for id in recycle {
                        self.lent.remove(&id);
                    }
                    self.incoming.follow(&segments, &mut descriptors.into_iter())?;
                    self.prepare(py, definition, &watch).map_err(Error::internal)?;
                    self.answer(py, definition, ticket, &batch, &condemned, watch)?;
                }
            }
        }
    }

    /// Puts back what another function changed in this process, and follows the executor's log level.
    fn prepare(&mut self, py: Python<'_>, id: DefinitionId, watch: &Watch) -> PyResult<()> {
        if self.last.replace(id).is_some_and(|last| last != id) {
            self.surroundings.call_method0(py, "restore")?;
        }
        if self.log_level != watch.log_level {
            self.log_level = watch.log_level;
            py.import("logging")?.call_method0("getLogger")?.call_method1("setLevel", (watch.log_level,))?;
        }
        Ok(())
    }

    fn answer(
        &mut self,
        py: Python<'_>,
        id: DefinitionId,
        ticket: u64,
        batch: &ArrayDescriptor,
        condemned: &[(u64, String)],
        watch: Watch,
    ) -> beringia_core::Result<()> {
        let started = nanos();
        let mut names = Vec::new();
        placement::segments(batch, &mut |id| {
            if !names.contains(&id) {
                names.push(id);
            }
        });
        let writable = self.registered.get(&id).is_some_and(|registered| registered.definition.writable);
        let map = |id: &SegmentId| {
            let segment = self.incoming.get(*id)?;
            if writable { Ok(Arc::new(segment.private()?)) } else { Ok(Arc::clone(segment)) }
        };
        let segments = names.iter().map(map).collect::<beringia_core::Result<Vec<_>>>()?;
        let views = Bound::new(py, Views::new(segments.clone())).map_err(Error::internal)?.into_any();
        let mut outcome = self.run(py, id, ticket, batch, condemned, (&segments, &views), &watch);
        let mapped: Vec<Weak<Segment>> = segments.iter().map(Arc::downgrade).collect();
        drop(segments);
        forks::end_if_forked(py);
        flush(py);
        scope::leave();
        // Ours is the last reference, unless the function or its result kept a view: then nobody may write to
        // these segments any more. They stay mapped for as long as the view lives.
        // SAFETY: `views` is a live object and the GIL is held.
        let references = unsafe { pyo3::ffi::Py_REFCNT(views.as_ptr()) };
        let retained = if references > 1 { names } else { Vec::new() };
        drop(views);
        for id in &retained {
            self.incoming.remove(*id);
        }
        if !retained.is_empty()
            && let Err(failure) = self.retained.add(py, mapped)
        {
            outcome = outcome.and(Err((None, failure)));
        }
        match outcome {
            Ok(Done { result, leases, mut stats }) => {
                let (segments, fresh) = self.outgoing.announce(leases.iter().map(|lease| lease.segment()));
                let descriptors: Vec<_> = fresh.iter().filter_map(|segment| segment.descriptor()).collect();
                for lease in leases {
                    self.lent.insert(lease.segment().id(), lease);
                }
                stats.started = started;
                stats.worker_nanos = nanos() - started;
                let done = FromWorker::Done { ticket, segments, result, retained, stats: Box::new(stats) };
                self.channel.send(&done, &descriptors)
            }
            Err((group, failure)) => {
                let Failure { code, summary, traceback } = failure.cut();
                let failed = FromWorker::Failed { ticket, group, code, summary, traceback, retained };
                self.channel.send(&failed, &[])
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one caller")]
    fn run(
        &mut self,
        py: Python<'_>,
        id: DefinitionId,
        ticket: u64,
        batch: &ArrayDescriptor,
        condemned: &[(u64, String)],
        (segments, views): (&[Arc<Segment>], &Bound<'_, PyAny>),
        watch: &Watch,
    ) -> Outcome {
        let nowhere = |failure: Failure| (None, failure);
        let Some(registered) = self.registered.get_mut(&id) else {
            return Err(nowhere(Failure::new(ErrorCode::Protocol, format!("{id:?} was never registered"))));
        };
        let definition = &registered.definition;
        scope::enter(Scope::loading(watch.task.clone(), definition.name.clone()));
        let function = match &registered.function {
            Some(function) => function,
            None => {
                let block = definition.constants.block.map(|block| self.incoming.get(block.segment).cloned());
                let block = block.transpose().map_err(|error| nowhere(error.into()))?;
                self.control.load(ticket, nanos());
                let loaded = Function::load(py, definition, block);
                self.control.leave();
                registered.function.insert(loaded.map_err(nowhere)?)
            }
        };
        let find = |id: SegmentId| {
            let segment = segments.iter().find(|segment| segment.id() == id);
            segment.cloned().ok_or_else(|| Error::protocol(format!("{id:?} was never announced")))
        };
        let batch =
            placement::resolve(batch, &definition.input, &find).map_err(|error| nowhere(error.into()))?;
        let arguments = arguments(py, definition, &batch, views).map_err(nowhere)?;
        let groups = batch.len();
        let kept = kept_lengths(definition, &batch);
        let arena = Arena::new(Arc::clone(&self.cache), registered.result_bytes);
        let mut rows = Rows::new(py, arena, definition, groups).map_err(nowhere)?;
        scope::enter(Scope::of(&self.control, watch.task.clone(), definition, &batch));
        let mut stats = BatchStats::default();
        let mut values = Vec::with_capacity(arguments.len());
        for group in 0..groups {
            if self.control.is_cancelled(ticket) {
                return Err(nowhere(Failure::new(ErrorCode::Cancelled, "the batch was cancelled")));
            }
            let before = rows.len();
            let mut one = || -> Result<()> {
                if let Some((_, why)) = condemned.iter().find(|(condemned, _)| *condemned == group as u64) {
                    return Err(Failure::new(ErrorCode::WorkerDied, why.clone()));
                }
                values.clear();
                for (showing, elements) in &arguments {
                    values.push(elements.item(showing, group)?);
                }
                function.complete(py, &mut values);
                let started = nanos();
                self.control.enter(ticket, group as u64, started);
                let result = function.call(py, &values);
                let returned = nanos();
                forks::end_if_told(py);
                let function_nanos = returned - started;
                count(&mut stats, group as u64, function_nanos);
                // What it returned may have code of its own, which is the group's too.
                let result = result.map_err(|error| raised(py, definition, &error))?;
                rows.append(group, &result).map_err(|failure| name_function(failure, &definition.name))?;
                let write_nanos = nanos() - returned;
                stats.write_nanos += write_nanos;
                if watch.trace && stats.calls.len() < MAX_TRACED_CALLS {
                    stats.calls.push(Call { group: group as u64, started, function_nanos, write_nanos });
                }
                match &kept {
                    Some(kept) if kept[group] != rows.len() - before => Err(Failure::mismatch(format!(
                        "'{}' returned {} rows for a group of {}; keep needs one for each",
                        definition.name,
                        rows.len() - before,
                        kept[group]
                    ))),
                    _ => Ok(()),
                }
            };
            let outcome = one();
            self.control.leave();
            let Err(failure) = outcome else { continue };
            let here = |failure: Failure| (Some(group as u64), failure);
            if definition.on_error == OnError::Raise || !failure.is_of_group() {
                return Err(here(failure));
            }
            rows.truncate(py, before).map_err(here)?;
            // A group that is carried through keeps its rows.
            for _ in 0..kept.as_ref().map_or(1, |kept| kept[group]) {
                rows.append_failed(py, group, &failure.summary).map_err(here)?;
            }
        }
        drop(values);
        let (result, arena) = rows.finish();
        let result_bytes = placement::bytes(&result);
        registered.result_bytes = usize::try_from(result_bytes).unwrap_or(0);
        let shown: u64 = arguments.iter().map(|(showing, _)| showing.copied.get()).sum();
        stats.copied = shown + result_bytes;
        stats.moved = arena.moved();
        stats.result_bytes = result_bytes;
        Ok(Done { result, leases: arena.into_leases(), stats })
    }
}

fn count(stats: &mut BatchStats, group: u64, nanos: u64) {
    stats.function_nanos += nanos;
    stats.durations.add(nanos);
    if stats.slowest.is_none_or(|(_, most)| nanos > most) {
        stats.slowest = Some((group, nanos));
    }
}

/// With kept columns: how many rows each group has.
fn kept_lengths(definition: &Definition, batch: &ArrayData) -> Option<Vec<usize>> {
    let column = batch.child_data().get(*definition.keep.first()?)?;
    if definition.rows == protocol::Rows::One {
        return None;
    }
    let array = arrow_array::make_array(column.clone());
    let lists = array.as_list_opt::<i64>()?;
    Some(lists.value_offsets().windows(2).map(|pair| (pair[1] - pair[0]) as usize).collect())
}

fn raised(py: Python<'_>, definition: &Definition, error: &PyErr) -> Failure {
    if let Some(failure) = Failure::coded(py, error) {
        return name_function(failure, &definition.name);
    }
    let mut failure = Failure::raised(py, &format!("'{}' raised", definition.name), error);
    if failure.summary.contains("read-only") && !definition.writable {
        failure
            .summary
            .push_str(" (arguments are read-only views: pass writable=True to write to copies of them)");
    }
    failure
}

/// A misfit is the function's: its name begins the sentence.
fn name_function(failure: Failure, name: &str) -> Failure {
    match failure.code {
        ErrorCode::ResultMismatch => Failure {
            summary: format!("'{name}' returned what does not fit: {}", failure.summary),
            ..failure
        },
        _ => failure,
    }
}

type Arguments<'py> = Vec<(Showing<'py>, Box<dyn Elements>)>;

fn arguments<'py>(
    py: Python<'py>,
    definition: &Definition,
    batch: &ArrayData,
    views: &Bound<'py, PyAny>,
) -> Result<Arguments<'py>> {
    let masked_arrays = py.import("numpy.ma")?;
    let DataType::Struct(fields) = batch.data_type() else {
        return Err(Failure::new(ErrorCode::Protocol, "a batch that is no struct"));
    };
    definition
        .arguments
        .iter()
        .map(|argument| {
            let (Some(field), Some(column)) =
                (fields.get(argument.column), batch.child_data().get(argument.column))
            else {
                return Err(Failure::new(ErrorCode::Protocol, format!("no column {}", argument.column)));
            };
            let type_name = if argument.type_name.is_empty() {
                crate::convention::numpy::argument::type_name(field.data_type())
            } else {
                argument.type_name.clone()
            };
            let showing = Showing {
                base: views.clone(),
                writable: definition.writable,
                name: argument.name.clone(),
                type_name,
                float64: definition.type_names.float64.clone().unwrap_or_else(|| "double".to_owned()),
                missing: (argument.column >= definition.keys).then_some(argument.missing),
                masked_arrays: masked_arrays.clone(),
                copied: std::cell::Cell::new(0),
            };
            Ok((showing, elements(py, field, column, argument.udt)?))
        })
        .collect()
}
