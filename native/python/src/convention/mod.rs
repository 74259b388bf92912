//! The seam between the worker, which serves batches, and the ways in which functions are called.
//!
//! A convention says how a function is loaded, what a call gets, and how a result is taken; everything around a call
//! (the loop, its control page, timing, groups that are given up, errors) is written once, in [`crate::worker`].
//! A batch costs one dynamic call; within it, the loop is compiled for each convention. See docs/extending.md.
//!
//! [`futures`] is the one that maps no groups: it gets single calls, each with its own function.

mod arrow;
pub mod futures;
pub mod numpy;
mod program;

use std::sync::Arc;

use arrow_data::ArrayData;
use beringia_core::ErrorCode;
use beringia_core::definition::Definition;
use beringia_core::protocol::ArrayDescriptor;
use beringia_core::segment::{Arena, Segment};
use pyo3::prelude::*;

use crate::failure::{Failure, Result};
use crate::worker::groups::{Done, Groups, Outcome, map};
use crate::worker::memory::Held;

/// A batch as a convention sees it.
pub struct Batch<'a, 'py> {
    pub py: Python<'py>,
    pub definition: &'a Definition,
    /// One row per group. Whatever holds one of its buffers keeps the memory.
    pub rows: &'a ArrayData,
    /// That memory: what shows it without an Arrow buffer has to hold this.
    pub memory: &'a [Arc<Held>],
}

/// A way to call functions; a value of it is a function that was loaded.
pub trait Convention: Sized + 'static {
    /// The calls of one batch.
    type Calls<'a, 'py>: Calls<'py>;

    /// Loads the function of `definition`. `block` holds the bytes that all workers see.
    fn load(py: Python<'_>, definition: &Definition, block: Option<Arc<Segment>>) -> Result<Self>;

    /// Gets ready for the groups of `batch`; results go to `arena`.
    fn begin<'a, 'py>(&'a self, batch: &Batch<'a, 'py>, arena: Arena) -> Result<Self::Calls<'a, 'py>>;
}

/// The calls of one batch: for each group, in order, `prepare`, `call` and `append`.
pub trait Calls<'py> {
    /// Makes the arguments of `group`.
    fn prepare(&mut self, group: usize) -> Result<()>;

    /// Calls the function with them: the one part that is timed as the user's.
    fn call(&mut self) -> PyResult<Bound<'py, PyAny>>;

    /// What went wrong when the function raised `error`.
    fn explain(&self, error: &PyErr) -> Failure;

    /// Appends what the function returned for `group`. After a failure, `truncate` takes back what was appended.
    fn append(&mut self, group: usize, result: &Bound<'py, PyAny>) -> Result<()>;

    /// How many rows there are.
    fn rows(&self) -> usize;

    /// Takes back all rows past the first `rows`, those that were appended in part too.
    fn truncate(&mut self, rows: usize) -> Result<()>;

    /// Appends a row for a group that failed, and why.
    fn append_failed(&mut self, group: usize, why: &str) -> Result<()>;

    /// Ends the columns.
    fn finish(self) -> Result<Finished>;
}

/// The columns of a batch's results.
pub struct Finished {
    /// The fields of [`beringia_core::definition::Shape`]; with any number of rows a group, the group of each row.
    pub result: ArrayDescriptor,
    /// What they lie in.
    pub arena: Arena,
    /// Bytes of arguments that could not be shown without a copy.
    pub copied: u64,
    /// What is to be said beside the result, to whoever uses the convention.
    pub aside: Vec<u8>,
}

/// A function that was loaded, whatever its convention.
pub trait Function {
    /// Maps the groups of a batch.
    fn map(&self, batch: &Batch<'_, '_>, arena: Arena, groups: &Groups<'_>) -> Outcome<Done>;
}

impl<C: Convention> Function for C {
    fn map(&self, batch: &Batch<'_, '_>, arena: Arena, groups: &Groups<'_>) -> Outcome<Done> {
        let calls = self.begin(batch, arena).map_err(|failure| (None, failure))?;
        map(batch, calls, groups)
    }
}

/// What a definition runs, once it is loaded.
pub enum Loaded {
    /// A function that maps groups.
    Groups(Box<dyn Function>),
    /// What makes single calls.
    Calls(futures::Callee),
}

/// Loads what `definition` runs, by its convention.
pub fn load(py: Python<'_>, definition: &Definition, block: Option<Arc<Segment>>) -> Result<Loaded> {
    match definition.program.convention.as_str() {
        "numpy" => Ok(Loaded::Groups(Box::new(numpy::Numpy::load(py, definition, block)?))),
        "arrow" => Ok(Loaded::Groups(Box::new(arrow::Arrow::load(py, definition, block)?))),
        "futures" => Ok(Loaded::Calls(futures::Callee::load(py, definition)?)),
        other => Err(Failure::new(
            ErrorCode::Protocol,
            format!(
                "'{}' is to be called as '{other}', which this worker does not know",
                definition.program.name
            ),
        )),
    }
}
