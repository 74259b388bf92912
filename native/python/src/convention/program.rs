//! From a program to the Python object that it stands for.

use beringia_core::definition::Program;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::failure::{Failure, Result};

/// Loads the function of `program`; modules are found on its paths first.
pub fn load<'py>(py: Python<'py>, program: &Program) -> Result<Bound<'py, PyAny>> {
    py.import("beringia._modules")?.call_method1("search", (&program.paths,))?;
    let payload = PyBytes::new(py, &program.payload);
    let load = py.import("beringia._function")?.getattr("load")?;
    load.call1((&program.function, payload))
        .map_err(|error| Failure::raised(py, &format!("'{}' could not be loaded:", program.name), &error))
}
