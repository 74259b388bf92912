//! The worker's loop: serves its parent, one message after the other.

pub mod asks;
mod batch;
mod call;
mod forks;
pub mod groups;
mod heap;
pub mod memory;
pub mod scope;
mod watch;

use std::collections::HashMap;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use beringia_core::channel::{Channel, Received};
use beringia_core::definition::{Definition, DefinitionId};
use beringia_core::protocol::{FromWorker, ToWorker, VERSION};
use beringia_core::segment::{Access, Cache, Control, Incoming, Lease, Outgoing, SegmentId, abandon};
use beringia_core::worker::Asker;
use beringia_core::{Error, Result};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::convention::Loaded;
use batch::Run;
use call::Request;
use memory::Retained;

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
    watch::watch(&descriptor)?;
    let channel = Channel::from_descriptor(descriptor);
    let Some(mut server) = Server::greet(py, channel).map_err(fail)? else { return Ok(()) };
    forks::register(py, [server.channel.descriptor(), server.asks.descriptor()])?;
    match server.serve(py) {
        // A function closed the channel: that is not the channel's fault, nor this library's.
        Err(error) if !server.channel.is_open() => Err(PyOSError::new_err(error.to_string())),
        ended => ended.map_err(fail),
    }
}

/// A function that batches name.
struct Registered {
    definition: Box<Definition>,
    /// Once a batch has asked for it.
    function: Option<Loaded>,
    /// Bytes of its last result: the next one is likely to take as many.
    result_bytes: usize,
}

/// This end of the channel, and what is kept between messages.
struct Server {
    channel: Channel,
    /// What functions ask goes another way.
    asks: Arc<asks::Open>,
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
    /// The root logger's, unless a function may have changed it.
    log_level: Option<u8>,
}

impl Server {
    fn greet(py: Python<'_>, channel: Channel) -> Result<Option<Server>> {
        let Received::Message(
            ToWorker::Start { version, control, idle_limit, retained_limit, backend, spelling },
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
            libraries: format!("NumPy {}", numpy.map_err(Error::internal)?),
        };
        channel.send(&hello, &[])?;
        if version != VERSION {
            return Ok(None);
        }
        spelling.choose();
        let surroundings = py
            .import("beringia._surroundings")
            .and_then(|module| Ok(module.call_method0("Surroundings")?.unbind()))
            .map_err(Error::internal)?;
        let mut descriptors = descriptors.into_iter();
        let segment = control.attach(&mut descriptors, Access::Shared)?;
        let asker = descriptors.next().ok_or_else(|| Error::protocol("a start without a second channel"))?;
        let idle_limit = usize::try_from(idle_limit).unwrap_or(usize::MAX);
        Ok(Some(Server {
            channel,
            asks: asks::open(Asker::new(asker, backend, idle_limit)),
            control: Control::attach(segment)?,
            cache: Cache::new(backend, idle_limit),
            incoming: Incoming::from_parent(backend),
            outgoing: Outgoing::default(),
            lent: HashMap::new(),
            retained: Retained::new(usize::try_from(retained_limit).unwrap_or(usize::MAX)),
            registered: HashMap::new(),
            last: None,
            surroundings,
            log_level: None,
        }))
    }

    fn serve(&mut self, py: Python<'_>) -> Result<()> {
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
                    watch::clean_up();
                    return Ok(());
                }
            };
            patience = Some(IDLE);
            let mut descriptors = descriptors.into_iter();
            match message {
                ToWorker::Start { .. } => return Err(Error::protocol("a second start")),
                ToWorker::Shutdown => {
                    abandon();
                    return Ok(());
                }
                ToWorker::Register(id, definition, segments) => {
                    self.incoming.follow(&segments, &mut descriptors)?;
                    self.registered.insert(id, Registered { definition, function: None, result_bytes: 0 });
                }
                ToWorker::Unregister(id) => {
                    self.registered.remove(&id);
                }
                ToWorker::Run { definition, ticket, segments, batch, recycle, condemned, watch } => {
                    for id in recycle {
                        self.lent.remove(&id);
                    }
                    self.incoming.follow(&segments, &mut descriptors)?;
                    self.prepare(py, definition, watch.log_level).map_err(Error::internal)?;
                    self.answer(py, &Run { definition, ticket, batch, condemned, watch })?;
                }
                ToWorker::Call { definition, ticket, segments, body, buffers, recycle, watch } => {
                    for id in recycle {
                        self.lent.remove(&id);
                    }
                    self.incoming.follow(&segments, &mut descriptors)?;
                    if !self.control.begin(ticket) {
                        self.revoked(ticket)?;
                        continue;
                    }
                    self.prepare(py, definition, watch.log_level).map_err(Error::internal)?;
                    self.make(py, &Request { definition, ticket, body, buffers, watch })?;
                }
            }
        }
    }

    /// Puts back what another function changed in this process, and follows the executor's log level.
    fn prepare(&mut self, py: Python<'_>, id: DefinitionId, log_level: u8) -> PyResult<()> {
        if self.last.replace(id).is_some_and(|last| last != id) {
            self.surroundings.call_method0(py, "restore")?;
            self.log_level = None;
        }
        if self.log_level != Some(log_level) {
            self.log_level = Some(log_level);
            py.import("logging")?.call_method0("getLogger")?.call_method1("setLevel", (log_level,))?;
        }
        Ok(())
    }
}
