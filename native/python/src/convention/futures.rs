//! Calls of `concurrent.futures`: function, arguments and result are pickled, and their large buffers lie in shared memory.
//!
//! What Python does of it is in `beringia/_calls.py`. An argument may be written to: its pages are then the call's own.

use std::sync::Arc;

use beringia_core::definition::Definition;
use beringia_core::segment::{Arena, BufferRef, Lease};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::numpy::array::{Dtype, Views, view};
use super::program;
use crate::failure::{Failure, Result};
use crate::worker::memory::Held;

/// What came of a call: what the convention says of it, and where its data lie.
pub struct Answer {
    pub body: Vec<u8>,
    pub buffers: Vec<BufferRef>,
    pub leases: Vec<Arc<Lease>>,
}

/// What makes calls in this process.
pub struct Callee {
    make: Py<PyAny>,
    bytes: Dtype,
}

impl Callee {
    /// Runs the program of `definition`, which gets the process ready for calls.
    pub fn load(py: Python<'_>, definition: &Definition) -> Result<Callee> {
        let initialize = program::load(py, &definition.program)?;
        initialize
            .call0()
            .map_err(|error| Failure::raised(py, "the initializer of the workers raised", &error))?;
        let make = py.import("beringia._calls")?.getattr("make")?.unbind();
        Ok(Callee { make, bytes: Dtype::new(py, "u1")? })
    }

    /// Makes the call that `body` and the data at `buffers` of `memory` say; the result goes to memory of `arena`.
    pub fn call(
        &self,
        py: Python<'_>,
        body: &[u8],
        buffers: &[BufferRef],
        memory: &[Arc<Held>],
        arena: impl FnOnce(usize) -> Arena,
    ) -> Result<Answer> {
        let views = show(py, &self.bytes, buffers, memory)?;
        let made = self.make.bind(py).call1((PyBytes::new(py, body), views))?;
        let (body, data): (Vec<u8>, Vec<PyReadonlyArray1<'_, u8>>) = made.extract()?;
        let (buffers, leases) = write(&data, arena)?;
        Ok(Answer { body, buffers, leases })
    }
}

/// Writes `data` to memory of an arena of their size: where they lie there, and what keeps them.
pub fn write(
    data: &[PyReadonlyArray1<'_, u8>],
    arena: impl FnOnce(usize) -> Arena,
) -> Result<(Vec<BufferRef>, Vec<Arc<Lease>>)> {
    if data.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let parts: Vec<&[u8]> =
        data.iter().map(|array| array.as_slice().map_err(PyErr::from)).collect::<PyResult<_>>()?;
    let mut arena = arena(parts.iter().map(|part| part.len().next_multiple_of(64)).sum());
    let mut buffers = Vec::with_capacity(parts.len());
    for part in parts {
        let mut buffer = arena.buffer(part.len())?;
        buffer.extend(&mut arena, part)?;
        buffers.push(buffer.reference());
    }
    Ok((buffers, arena.into_leases()))
}

/// The arrays at `buffers` of `memory`, which is mapped for writing to pages of its own.
pub fn show<'py>(
    py: Python<'py>,
    bytes: &Dtype,
    buffers: &[BufferRef],
    memory: &[Arc<Held>],
) -> Result<Bound<'py, PyList>> {
    let views = PyList::empty(py);
    if buffers.is_empty() {
        return Ok(views);
    }
    let base = Bound::new(py, Views::new(memory.to_vec()))?.into_any();
    for buffer in buffers {
        let (offset, len) = (buffer.offset as usize, buffer.len as usize);
        let held = memory.iter().find(|held| held.id() == buffer.segment);
        let Some(segment) =
            held.map(|held| held.as_ref().as_ref()).filter(|segment| segment.has(offset, len))
        else {
            let what = format!("{buffer:?} was never announced");
            return Err(Failure::new(beringia_core::ErrorCode::Protocol, what));
        };
        let data = (segment.address() + offset) as *const u8;
        // SAFETY: the bytes lie in the segment, as was just looked at, which `base` holds; it is mapped for writing to pages
        // of its own.
        views.append(unsafe { view(&base, bytes, &[len], data, true) }?)?;
    }
    Ok(views)
}
