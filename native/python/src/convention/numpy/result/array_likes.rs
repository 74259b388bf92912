//! Results that are no ndarrays and carry their values by a protocol: `beringia._array_likes` makes arrays of them.
//!
//! They are asked for where nothing else takes a value: ndarrays, scalars, lists, tuples and dicts never come here.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBytes, PyDate, PyDelta, PyDict, PyFloat, PyInt, PyList, PyString, PyTime, PyTuple, PyType,
};

use super::column::{Misfit, is_refusal};
use crate::convention::numpy::array::as_array;

/// Whether a value carries others by a protocol of Arrow's, `__array__` or `__dlpack__`.
pub fn is_array_like(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static GENERIC: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = value.py();
    // To look for an attribute that is not there costs more than to take a small scalar.
    if as_array(value).is_some()
        || value.is_none()
        || value.is_instance_of::<PyFloat>()
        || value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyList>()
        || value.is_instance_of::<PyTuple>()
        || value.is_instance_of::<PyDict>()
        || value.is_instance_of::<PyType>()
        || value.is_instance(GENERIC.import(py, "numpy", "generic")?)?
        || value.is_instance_of::<PyDate>()
        || value.is_instance_of::<PyDelta>()
        || value.is_instance_of::<PyTime>()
        || value.is_instance(DECIMAL.import(py, "decimal", "Decimal")?)?
    {
        return Ok(false);
    }
    for protocol in [
        intern!(py, "__array__"),
        intern!(py, "__arrow_c_stream__"),
        intern!(py, "__arrow_c_array__"),
        intern!(py, "__dlpack__"),
    ] {
        if value.hasattr(protocol)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a value is the one by which pandas says that there is none.
pub fn is_na(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let modules = value.py().import("sys")?.getattr("modules")?;
    match modules.cast::<PyDict>()?.get_item("pandas")? {
        Some(pandas) => Ok(value.is(&pandas.getattr("NA")?)),
        None => Ok(false),
    }
}

/// The values of something array-like: an ndarray, or a dict of them by name.
pub fn arrays_of<'py>(value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>, Misfit> {
    let arrays = value.py().import("beringia._array_likes")?.call_method1("arrays_of", (value,));
    arrays.map_err(|error| refused(value.py(), error))
}

/// The same for a row of fields of these `names`.
pub fn row_of<'py>(value: &Bound<'py, PyAny>, names: &[Py<PyString>]) -> Result<Bound<'py, PyAny>, Misfit> {
    let row = value.py().import("beringia._array_likes")?.call_method1("row_of", (value, names));
    row.map_err(|error| refused(value.py(), error))
}

fn refused(py: Python<'_>, error: PyErr) -> Misfit {
    if is_refusal(py, &error) { Misfit::Got(error.value(py).to_string()) } else { error.into() }
}

/// What came, as messages say it: the arrays do not fit that `value` carried.
pub fn carried(got: &str, value: &Bound<'_, PyAny>) -> String {
    let class = value.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    format!("{got}, of a {class}")
}
