//! What a function asks of the parent while it runs: to have calls made, and what came of them.
//!
//! What the parent tells lies in the memory of whoever wrote it, mapped for the answer alone, until nothing looks at it
//! any more; what is still looked at when the function returns becomes this process's own.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use beringia_core::definition::Program;
use beringia_core::protocol::asks::{Ended, Group, Part, Question, Told};
use beringia_core::segment::{Arena, BufferRef, Lease};
use beringia_core::worker::Asker;
use beringia_core::{Error, ErrorCode};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::Server;
use super::memory::Held;
use crate::convention::futures;
use crate::convention::numpy::array::Dtype;
use crate::failure::Failure;
use crate::local::{calls, raise};

/// The memory of one answer, and what of it was shown.
type Shown = (Vec<Arc<Held>>, Vec<BufferRef>);

/// The channel, once this process is a worker.
pub struct Open {
    asker: Asker,
    shown: Mutex<HashMap<u64, Shown>>,
    /// Whether the parent knows what makes the calls of this call.
    told: AtomicBool,
}

static OPEN: OnceLock<Arc<Open>> = OnceLock::new();

/// Functions may ask from now on.
pub fn open(asker: Asker) -> Arc<Open> {
    Arc::clone(
        OPEN.get_or_init(|| Arc::new(Open { asker, shown: Mutex::default(), told: AtomicBool::new(false) })),
    )
}

impl Open {
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.asker.as_fd()
    }

    fn shown(&self) -> MutexGuard<'_, HashMap<u64, Shown>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers whose memory nobody looks at any more.
    fn released(&self) -> Vec<u64> {
        let mut released = Vec::new();
        self.shown().retain(|number, (memory, _)| {
            let seen = memory.iter().any(|held| Arc::strong_count(held) > 1);
            if !seen {
                released.push(*number);
            }
            seen
        });
        released
    }
}

impl Server {
    /// The function has returned: of what it was told it keeps copies. Whether it looks at some.
    pub(super) fn keep_told(&mut self) -> beringia_core::Result<bool> {
        self.asks.told.store(false, Ordering::Relaxed);
        let mut kept = false;
        for (memory, buffers) in std::mem::take(&mut *self.asks.shown()).into_values() {
            for held in memory.into_iter().filter(|held| Arc::strong_count(held) > 1) {
                self.retained.keep(&held, &buffers)?;
                kept = true;
            }
        }
        Ok(kept)
    }
}

/// A group's function has returned, or failed: it is over when the calls are that it submitted.
#[inline]
pub fn finish(py: Python<'_>, failed: bool) -> PyResult<()> {
    if !OPEN.get().is_some_and(|open| open.told.load(Ordering::Relaxed)) {
        return Ok(());
    }
    py.import("beringia.futures.nested")?.call_method1("finish", (failed,))?;
    Ok(())
}

/// What a function may ask; None where this process is no worker.
#[pyfunction]
pub fn asks(py: Python<'_>) -> PyResult<Option<Asks>> {
    OPEN.get().map(|open| Ok(Asks { open: Arc::clone(open), bytes: Dtype::new(py, "u1")? })).transpose()
}

/// The worker's side of questions.
#[pyclass(frozen, module = "beringia._native")]
pub struct Asks {
    open: Arc<Open>,
    bytes: Dtype,
}

/// Data of several calls, written once.
#[pyclass(frozen, module = "beringia._native")]
pub struct Common {
    buffers: Vec<BufferRef>,
    leases: Vec<Arc<Lease>>,
}

/// A pickle and its buffers.
type Pickled<'py> = (Bound<'py, PyBytes>, Bound<'py, PyList>);

#[pymethods]
impl Asks {
    /// Writes data that come before those of several calls.
    fn place(&self, py: Python<'_>, data: Vec<PyReadonlyArray1<'_, u8>>) -> PyResult<Common> {
        self.write(py, &data).map(|(buffers, leases)| Common { buffers, leases })
    }

    /// Has a call made, whose data are those in `common` and then its own; returns what names it.
    fn submit(
        &self,
        py: Python<'_>,
        body: Vec<u8>,
        data: Vec<PyReadonlyArray1<'_, u8>>,
        timeout: Option<f64>,
        retries: u32,
        common: Option<&Bound<'_, Common>>,
    ) -> PyResult<u64> {
        let timeout = calls::seconds(py, timeout)?;
        let (own, own_leases) = self.write(py, &data)?;
        let (mut buffers, mut leases) = (Vec::new(), Vec::new());
        if let Some(common) = common {
            buffers.clone_from(&common.get().buffers);
            leases.clone_from(&common.get().leases);
        }
        buffers.extend(own);
        leases.extend(own_leases);
        let first = !self.open.told.swap(true, Ordering::Relaxed);
        let program = if first { Some(Box::new(program(py)?)) } else { None };
        let question = Question::Submit { call: Part { body, buffers }, timeout, retries, program };
        self.ask(py, question, leases)
    }

    /// Takes a call back; false when it has begun, or is over.
    fn claim(&self, py: Python<'_>, number: u64) -> PyResult<bool> {
        let question = self.ask(py, Question::Claim(number), Vec::new())?;
        match self.answer(py, question, None)? {
            Some(Told::Claimed(claimed)) => Ok(claimed),
            told => Err(unexpected(py, told)),
        }
    }

    /// Asks what came of calls; returns what names the question.
    fn ask_outcomes(&self, py: Python<'_>) -> PyResult<u64> {
        self.ask(py, Question::Outcomes, Vec::new())
    }

    /// The answer to it: what names each call that is over, and what it returned, pickled, with its buffers, or an error.
    /// Waits up to `timeout` seconds; None when it is not there.
    #[allow(clippy::type_complexity, reason = "what Python sees")]
    fn outcomes<'py>(
        &self,
        py: Python<'py>,
        question: u64,
        timeout: f64,
    ) -> PyResult<Option<Vec<(u64, Option<Pickled<'py>>, Option<Bound<'py, PyAny>>)>>> {
        let timeout = calls::seconds(py, Some(timeout))?;
        let outcomes = match self.answer(py, question, timeout)? {
            None => return Ok(None),
            Some(Told::Outcomes(outcomes)) => outcomes,
            told => return Err(unexpected(py, told)),
        };
        let mut ended = Vec::with_capacity(outcomes.len());
        let mut shown = (Vec::new(), Vec::new());
        for (number, outcome) in outcomes {
            ended.push(match outcome {
                Ended::Returned(part) => (number, Some(self.show(py, part, &mut shown)?), None),
                Ended::Failed { code, summary, traceback } => {
                    let error = raise(py, Error { traceback, ..Error::new(code, summary) });
                    (number, None, Some(error.into_value(py).into_bound(py).into_any()))
                }
            });
        }
        self.open.shown().insert(question, shown);
        Ok(Some(ended))
    }

    /// The rank of this call among those that run together, and how many there are.
    fn rank(&self, py: Python<'_>) -> PyResult<(u32, u32)> {
        let question = self.ask(py, Question::Rank, Vec::new())?;
        match self.answer(py, question, None)? {
            Some(Told::Rank(rank, size)) => Ok((rank, size)),
            told => Err(unexpected(py, told)),
        }
    }

    /// Meets the others of a group: what they have for this rank, each as its rank, a pickle and its buffers. `parts` has for
    /// which ranks each pickle is.
    fn meet<'py>(
        &self,
        py: Python<'py>,
        group: String,
        members: Vec<u32>,
        purpose: String,
        parts: Vec<Brought<'py>>,
    ) -> PyResult<Vec<Message<'py>>> {
        let (mut named, mut leases) = (Vec::with_capacity(parts.len()), Vec::new());
        for (targets, body, data) in parts {
            let (buffers, own) = self.write(py, &data)?;
            named.push((targets, Part { body, buffers }));
            leases.extend(own);
        }
        let group = Group { name: group, members };
        let question = self.ask(py, Question::Meet { group, purpose, parts: named }, leases)?;
        self.parts(py, question)
    }

    /// Leaves a message for a rank of a group.
    #[allow(clippy::too_many_arguments, reason = "arguments of one caller")]
    fn send(
        &self,
        py: Python<'_>,
        group: String,
        members: Vec<u32>,
        to: u32,
        tag: i64,
        body: Vec<u8>,
        data: Vec<PyReadonlyArray1<'_, u8>>,
    ) -> PyResult<()> {
        let (buffers, leases) = self.write(py, &data)?;
        let (group, part) = (Group { name: group, members }, Part { body, buffers });
        let question = self.ask(py, Question::Send { group, to, tag, part }, leases)?;
        self.parts(py, question).map(|_| ())
    }

    /// The first message from a rank of a group, or any, with a tag, or any; waits for it.
    fn receive<'py>(
        &self,
        py: Python<'py>,
        group: String,
        members: Vec<u32>,
        from: Option<u32>,
        tag: Option<i64>,
    ) -> PyResult<Vec<Message<'py>>> {
        let group = Group { name: group, members };
        let question = self.ask(py, Question::Receive { group, from, tag }, Vec::new())?;
        self.parts(py, question)
    }

    /// Says that this call has failed, to those who wait for it.
    fn fail(&self, py: Python<'_>, how: String) -> PyResult<()> {
        let question = self.ask(py, Question::Fail(how), Vec::new())?;
        self.parts(py, question).map(|_| ())
    }
}

/// For which ranks, a pickle, and its buffers.
type Brought<'py> = (Vec<u32>, Vec<u8>, Vec<PyReadonlyArray1<'py, u8>>);

/// From which rank, a pickle, and its buffers.
type Message<'py> = (u32, Bound<'py, PyBytes>, Bound<'py, PyList>);

impl Asks {
    /// The answer to a question for parts.
    fn parts<'py>(&self, py: Python<'py>, question: u64) -> PyResult<Vec<Message<'py>>> {
        let parts = match self.answer(py, question, None)? {
            Some(Told::Parts(parts)) => parts,
            told => return Err(unexpected(py, told)),
        };
        let mut shown = (Vec::new(), Vec::new());
        let mut messages = Vec::with_capacity(parts.len());
        for (from, part) in parts {
            let (body, buffers) = self.show(py, part, &mut shown)?;
            messages.push((from, body, buffers));
        }
        if !shown.0.is_empty() {
            self.open.shown().insert(question, shown);
        }
        Ok(messages)
    }

    fn ask(&self, py: Python<'_>, question: Question<Part>, leases: Vec<Arc<Lease>>) -> PyResult<u64> {
        let released = self.open.released();
        py.detach(|| self.open.asker.ask(question, leases, released)).map_err(|error| raise(py, error))
    }

    fn answer(
        &self,
        py: Python<'_>,
        question: u64,
        timeout: Option<Duration>,
    ) -> PyResult<Option<Told<Part>>> {
        py.detach(|| self.open.asker.wait(question, timeout)).map_err(|error| raise(py, error))
    }

    fn write(
        &self,
        py: Python<'_>,
        data: &[PyReadonlyArray1<'_, u8>],
    ) -> PyResult<(Vec<BufferRef>, Vec<Arc<Lease>>)> {
        let arena = |bytes| Arena::new(Arc::clone(self.open.asker.cache()), bytes);
        futures::write(data, arena).map_err(|failure| failed(py, failure))
    }

    /// A pickle and views on its data, for which `shown` gets a mapping of each segment.
    fn show<'py>(&self, py: Python<'py>, part: Part, shown: &mut Shown) -> PyResult<Pickled<'py>> {
        let (memory, buffers) = shown;
        for buffer in &part.buffers {
            if !memory.iter().any(|held| held.id() == buffer.segment) {
                let segment = self.open.asker.private(buffer.segment).map_err(|error| raise(py, error))?;
                memory.push(Held::new(segment));
            }
        }
        buffers.extend(&part.buffers);
        let own: Vec<_> = memory
            .iter()
            .filter(|held| part.buffers.iter().any(|buffer| buffer.segment == held.id()))
            .cloned()
            .collect();
        let views =
            futures::show(py, &self.bytes, &part.buffers, &own).map_err(|failure| failed(py, failure))?;
        Ok((PyBytes::new(py, &part.body), views))
    }
}

/// What makes calls in a worker, which finds modules where this one does.
fn program(py: Python<'_>) -> PyResult<Program> {
    let paths: Vec<String> = py.import("beringia._function")?.call_method0("search_path")?.extract()?;
    Ok(calls::program("scatter", "beringia._calls:nothing".to_owned(), Vec::new(), paths))
}

fn failed(py: Python<'_>, failure: Failure) -> PyErr {
    raise(py, Error { traceback: failure.traceback, ..Error::new(failure.code, failure.summary) })
}

fn unexpected(py: Python<'_>, told: Option<Told<Part>>) -> PyErr {
    let error = match told {
        Some(Told::Refused(code, summary)) => Error::new(code, summary),
        _ => Error::new(ErrorCode::Protocol, "a question was answered as another one is"),
    };
    raise(py, error)
}
