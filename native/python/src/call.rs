//! One function, and its call: vector-called with the arguments of each group.

use beringia_core::protocol::Definition;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::failure::{Failure, Result};

/// A function that was loaded, ready to be called.
pub struct Function {
    callable: Py<PyAny>,
    keywords: Option<Py<PyTuple>>,
    positional: usize,
}

impl Function {
    /// Loads the function of `definition`; modules are found on its paths too.
    pub fn load(py: Python<'_>, definition: &Definition) -> Result<Function> {
        extend_path(py, &definition.paths)?;
        let payload = PyBytes::new(py, &definition.payload);
        let callable =
            py.import("beringia._function")?.call_method1("load", (&definition.function, payload)).map_err(
                |error| Failure::raised(py, &format!("'{}' could not be loaded:", definition.name), &error),
            )?;
        let names: Vec<&str> = definition
            .arguments
            .iter()
            .filter(|a| a.keyword)
            .map(|argument| argument.name.as_str())
            .collect();
        let positional = definition.arguments.len() - names.len();
        let keywords = if names.is_empty() { None } else { Some(PyTuple::new(py, names)?.unbind()) };
        Ok(Function { callable: callable.unbind(), keywords, positional })
    }

    /// Calls it with `arguments`: positional ones, then keyword ones.
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
