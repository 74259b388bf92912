//! From a program to the Python object that it stands for.

use beringia_core::definition::Program;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::failure::{Failure, Result};

/// Loads the function of `program`; modules are found on its paths first.
pub fn load<'py>(py: Python<'py>, program: &Program) -> Result<Bound<'py, PyAny>> {
    loaded(py, program, &program.payload)
        .map_err(|error| Failure::raised(py, &format!("'{}' could not be loaded:", program.name), &error))
}

/// What `module:qualname` of the program names, where that is no function of the user's.
pub fn named<'py>(py: Python<'py>, program: &Program) -> Result<Bound<'py, PyAny>> {
    Ok(loaded(py, program, &[])?)
}

fn loaded<'py>(py: Python<'py>, program: &Program, payload: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    py.import("beringia._modules")?.call_method1("search", (&program.paths,))?;
    let load = py.import("beringia._function")?.getattr("load")?;
    load.call1((&program.function, PyBytes::new(py, payload)))
}
