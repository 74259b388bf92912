//! One function, and its call: vector-called with the arguments of each group.

use std::sync::Arc;

use beringia_core::ErrorCode;
use beringia_core::protocol::{Constant, Definition};
use beringia_core::segment::Segment;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::convention::numpy::array::{self, Dtype, Views};
use crate::failure::{Failure, Result};

/// A function that was loaded, ready to be called.
pub struct Function {
    callable: Py<PyAny>,
    keywords: Option<Py<PyTuple>>,
    positional: usize,
    /// Passed by name, after the arguments.
    constants: Vec<Py<PyAny>>,
}

impl Function {
    /// Loads the function of `definition`; modules are found on its paths too. `block` holds its constants.
    pub fn load(py: Python<'_>, definition: &Definition, block: Option<Arc<Segment>>) -> Result<Function> {
        extend_path(py, &definition.paths)?;
        let payload = PyBytes::new(py, &definition.payload);
        let callable =
            py.import("beringia._function")?.call_method1("load", (&definition.function, payload)).map_err(
                |error| Failure::raised(py, &format!("'{}' could not be loaded:", definition.name), &error),
            )?;
        let by_name = definition.arguments.iter().filter(|argument| argument.keyword);
        let mut names: Vec<&str> = by_name.map(|argument| argument.name.as_str()).collect();
        let positional = definition.arguments.len() - names.len();
        let mut constants = arrays(py, definition, block)?;
        constants.extend(values(py, definition)?);
        names.extend(definition.constants.arrays.iter().map(|constant| constant.name.as_str()));
        names.extend(definition.constants.values.iter().map(|(name, _)| name.as_str()));
        let keywords = if names.is_empty() { None } else { Some(PyTuple::new(py, names)?.unbind()) };
        Ok(Function { callable: callable.unbind(), keywords, positional, constants })
    }

    /// Appends the constants to the arguments of a call.
    #[inline]
    pub fn complete<'py>(&self, py: Python<'py>, arguments: &mut Vec<Bound<'py, PyAny>>) {
        arguments.extend(self.constants.iter().map(|constant| constant.bind(py).clone()));
    }

    /// Calls it with `arguments`: positional ones, keyword ones, constants.
    #[inline]
    pub fn call<'py>(&self, py: Python<'py>, arguments: &[Bound<'py, PyAny>]) -> PyResult<Bound<'py, PyAny>> {
        let keywords = self.keywords.as_ref().map_or(std::ptr::null_mut(), |names| names.as_ptr());
        // SAFETY: `Bound` is a transparent pointer to a live object; positional and keyword arguments are as many
        // as the count and the names say; the GIL is held.
        unsafe {
            let result = ffi::PyObject_Vectorcall(
                self.callable.as_ptr(),
                arguments.as_ptr().cast::<*mut ffi::PyObject>(),
                self.positional,
                keywords,
            );
            Bound::from_owned_ptr_or_err(py, result)
        }
    }
}

/// The constants that are no arrays.
fn values(py: Python<'_>, definition: &Definition) -> Result<Vec<Py<PyAny>>> {
    let loads = py.import("json")?.getattr("loads")?;
    let value = |(_, json): &(String, String)| Ok(loads.call1((json,))?.unbind());
    definition.constants.values.iter().map(value).collect()
}

/// Read-only views on the block of constants.
fn arrays(py: Python<'_>, definition: &Definition, block: Option<Arc<Segment>>) -> Result<Vec<Py<PyAny>>> {
    let Some(segment) = block else { return Ok(Vec::new()) };
    let size = definition.constants.block.map_or(0, |block| block.len) as usize;
    let bytes = segment.buffer(Arc::clone(&segment), 0, size)?;
    let base = Bound::new(py, Views::new(vec![segment]))?.into_any();
    let view = |constant: &Constant| -> Result<Py<PyAny>> {
        let dtype = Dtype::new(py, &constant.dtype)?;
        let len = constant.shape.iter().try_fold(dtype.width, |len, size| len.checked_mul(*size));
        let inside = len.and_then(|len| bytes.get(constant.offset..)?.get(..len));
        let Some(inside) = inside else {
            return Err(Failure::new(
                ErrorCode::Protocol,
                format!("constant '{}' is not in its block", constant.name),
            ));
        };
        let mut shape = constant.shape.clone();
        if constant.fortran {
            shape.reverse();
        }
        // SAFETY: `inside` is as long as the shape says, begins at a multiple of 64, and lives as long as `base`.
        let array = unsafe { array::view(&base, &dtype, &shape, inside.as_ptr(), false)? };
        let array = if constant.fortran { array.getattr("T")? } else { array };
        Ok(array.unbind())
    };
    definition.constants.arrays.iter().map(view).collect()
}

fn extend_path(py: Python<'_>, paths: &[String]) -> PyResult<()> {
    let known = py.import("sys")?.getattr("path")?;
    for path in paths {
        if !known.contains(path)? {
            known.call_method1("append", (path,))?;
        }
    }
    Ok(())
}

/// Flushes what the function printed, so that it reaches the log with its batch.
pub fn flush(py: Python<'_>) {
    for stream in ["stdout", "stderr"] {
        // A function may have closed or replaced them; that is its own affair.
        let _ = py.import("sys").and_then(|sys| sys.getattr(stream)).and_then(|s| s.call_method0("flush"));
    }
}
