//! Dates, times, times of day, durations and decimals: values that `beringia._convert` makes integers of.

use beringia_core::protocol::ArrayDescriptor;
use beringia_core::segment::{Arena, SharedBuffer};
use numpy::PyUntypedArray;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyBytes, PyDict, PyTuple};

use super::bulk::Bulk;
use super::column::{Column, Fit, Misfit, Validity, descriptor, got, is_refusal};

/// Integers of 4, 8, 16 or 32 bytes.
pub struct Converted {
    values: SharedBuffer,
    validity: Validity,
    width: usize,
    /// Makes an integer of a value; or `None`, for a missing one.
    convert: Py<PyAny>,
    /// Makes such integers of an array at once; or `None`, where each has to be looked at.
    convert_all: Option<Py<PyAny>>,
}

impl Converted {
    fn new<'py>(
        arena: &mut Arena,
        width: usize,
        rows: usize,
        convert: Bound<'py, PyAny>,
        convert_all: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        let values = arena
            .buffer(rows * width)
            .map_err(|error| pyo3::exceptions::PyMemoryError::new_err(error.to_string()))?;
        let convert_all = convert_all.map(Bound::unbind);
        Ok(Converted { values, validity: Validity::default(), width, convert: convert.unbind(), convert_all })
    }

    /// Counts of `unit` since 1970; `zoned` if they are instants.
    pub fn time(
        py: Python<'_>,
        arena: &mut Arena,
        width: usize,
        unit: &str,
        zoned: bool,
        rows: usize,
    ) -> PyResult<Self> {
        let convert = partial(py, "time", (unit, zoned))?;
        let convert_all = partial(py, "times", (format!("M8[{unit}]"), width, zoned))?;
        Converted::new(arena, width, rows, convert, Some(convert_all))
    }

    /// Counts of `unit`.
    pub fn duration(py: Python<'_>, arena: &mut Arena, unit: &str, rows: usize) -> PyResult<Self> {
        let convert = partial(py, "duration", (unit,))?;
        let convert_all = partial(py, "times", (format!("m8[{unit}]"), 8))?;
        Converted::new(arena, 8, rows, convert, Some(convert_all))
    }

    /// Counts of `unit` since midnight.
    pub fn time_of_day(
        py: Python<'_>,
        arena: &mut Arena,
        width: usize,
        unit: &str,
        rows: usize,
    ) -> PyResult<Self> {
        let convert = partial(py, "time_of_day", (unit,))?;
        let convert_all = partial(py, "times_of_day", (format!("m8[{unit}]"), width))?;
        Converted::new(arena, width, rows, convert, Some(convert_all))
    }

    /// Decimals, scaled to integers.
    pub fn decimal(
        py: Python<'_>,
        arena: &mut Arena,
        width: usize,
        precision: u8,
        scale: i8,
        rows: usize,
    ) -> PyResult<Self> {
        let convert = partial(py, "decimal", (precision, scale))?;
        Converted::new(arena, width, rows, convert, None)
    }
}

/// `beringia._convert.<name>`, with the arguments after its first one bound.
fn partial<'py>(
    py: Python<'py>,
    name: &str,
    bound: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
) -> PyResult<Bound<'py, PyAny>> {
    let function = py.import("beringia._convert")?.getattr(name)?;
    let parameters = py.import("inspect")?.call_method1("signature", (&function,))?.getattr("parameters")?;
    let keywords = PyDict::new(py);
    let names = parameters.try_iter()?.skip(1).collect::<PyResult<Vec<_>>>()?;
    for (name, value) in names.iter().zip(bound.into_pyobject(py)?.iter()) {
        keywords.set_item(name, value)?;
    }
    py.import("functools")?.getattr(intern!(py, "partial"))?.call((function,), Some(&keywords))
}

impl Column for Converted {
    fn append(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
        let py = value.py();
        let number = match self.convert.bind(py).call1((value,)) {
            Ok(number) if number.is_none() => return self.append_null(arena),
            Ok(number) => number,
            Err(error) if is_refusal(py, &error) => return Err(got(value)),
            Err(error) => return Err(error.into()),
        };
        match self.width {
            4 => self.values.push(arena, number.extract::<i32>().map_err(|_| got(value))?)?,
            8 => self.values.push(arena, number.extract::<i64>().map_err(|_| got(value))?)?,
            16 => self.values.push(arena, number.extract::<i128>().map_err(|_| got(value))?)?,
            width => {
                let signed = [("signed", true)].into_py_dict(py)?;
                let bytes = number.call_method("to_bytes", (width, "little"), Some(&signed))?;
                self.values.extend(arena, bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes())?;
            }
        }
        Ok(self.validity.push(arena, true)?)
    }

    fn append_null(&mut self, arena: &mut Arena) -> Fit {
        self.values.fill(arena, 0, self.width)?;
        Ok(self.validity.push(arena, false)?)
    }

    fn extend(
        &mut self,
        arena: &mut Arena,
        array: &Bound<'_, PyUntypedArray>,
    ) -> std::result::Result<bool, Misfit> {
        let Some(convert_all) = &self.convert_all else { return Ok(false) };
        let Some(bulk) = Bulk::of(convert_all.bind(array.py()).call1((array,)))? else { return Ok(false) };
        bulk.append(arena, &mut self.values, &mut self.validity, self.width)?;
        Ok(true)
    }

    fn len(&self) -> usize {
        self.validity.len
    }

    fn truncate(&mut self, len: usize) -> Fit {
        self.values.truncate(len * self.width);
        Ok(self.validity.truncate(len)?)
    }

    fn finish(&self) -> ArrayDescriptor {
        descriptor(self.len(), &self.validity, &[&self.values])
    }
}
