//! Compressed sparse arrays: SciPy's, made of the three arrays that Spark ML has too.

use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, PrimitiveArray};
use beringia_core::ErrorCode;
use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

use super::{Showing, values};
use crate::convention::numpy::array::{self, Dtype};
use crate::failure::{Failure, Result};

/// Lists of numbers as they lie in memory.
pub(super) struct Runs<T: ArrowPrimitiveType> {
    offsets: Vec<usize>,
    numbers: PrimitiveArray<T>,
    dtype: Dtype,
}

impl<T: ArrowPrimitiveType> Runs<T> {
    /// The lists of `array`, numbers of NumPy's type `dtype`; `None` where it holds others.
    pub(super) fn new(py: Python<'_>, array: &dyn Array, dtype: &str) -> Result<Option<Runs<T>>> {
        let Some(lists) = array.as_list_opt::<i64>() else { return Ok(None) };
        let Some(numbers) = lists.values().as_primitive_opt::<T>() else { return Ok(None) };
        let offsets = lists.value_offsets().iter().map(|offset| *offset as usize).collect();
        Ok(Some(Runs { offsets, numbers: numbers.clone(), dtype: Dtype::new(py, dtype)? }))
    }

    /// How many numbers the list at `index` has.
    pub(super) fn len(&self, index: usize) -> usize {
        self.offsets[index + 1] - self.offsets[index]
    }

    /// The numbers of the list at `index`.
    pub(super) fn numbers(&self, index: usize) -> &[T::Native] {
        &self.numbers.values()[self.offsets[index]..self.offsets[index + 1]]
    }

    /// Where each list from `start` to before `end` begins, and the last one ends, among the numbers of all.
    pub(super) fn bounds(&self, start: usize, end: usize) -> impl ExactSizeIterator<Item = usize> + '_ {
        let first = self.offsets[start];
        self.offsets[start..=end].iter().map(move |offset| offset - first)
    }

    /// The numbers of the lists from `start` to before `end`, where they are.
    pub(super) fn view<'py>(
        &self,
        showing: &Showing<'py>,
        (start, end): (usize, usize),
        shape: &[usize],
    ) -> Result<Bound<'py, PyAny>> {
        let width = self.dtype.width;
        let bytes = &self.numbers.values().inner()[self.offsets[start] * width..self.offsets[end] * width];
        values::view(showing, &self.dtype, shape, bytes)
    }

    /// Numbers of the type of the lists, in a fresh array.
    pub(super) fn copy<'py>(
        &self,
        showing: &Showing<'py>,
        numbers: &[T::Native],
    ) -> Result<Bound<'py, PyAny>> {
        let bytes = arrow_buffer::ToByteSlice::to_byte_slice(numbers);
        showing.count(bytes.len());
        showing.filled(&self.dtype, &[numbers.len()], |copy| copy.copy_from_slice(bytes))
    }
}

/// Where the rows of a compressed array begin, and the last one ends, as SciPy wants it.
pub(super) fn pointers<'py>(
    py: Python<'py>,
    bounds: impl ExactSizeIterator<Item = usize>,
) -> Result<Bound<'py, PyAny>> {
    let len = bounds.len();
    Ok(array::filled(py, &Dtype::new(py, "i8")?, &[len], |bytes| {
        for (item, bound) in bytes.chunks_exact_mut(8).zip(bounds) {
            item.copy_from_slice(&(bound as i64).to_le_bytes());
        }
    })?)
}

/// A `csr_array` or `csc_array`, as `class` says, of `(data, indices, pointers)`.
///
/// # Errors
/// [`ErrorCode::Interpreter`] where there is no SciPy.
pub(super) fn compressed<'py>(
    showing: &Showing<'py>,
    class: &str,
    parts: (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>),
    shape: (usize, usize),
) -> Result<Bound<'py, PyAny>> {
    let py = showing.py();
    let module = py.import("scipy.sparse").map_err(|error| {
        if error.is_instance_of::<PyImportError>(py) { no_scipy(showing) } else { error.into() }
    })?;
    Ok(module.getattr(class)?.call1((parts, shape))?)
}

fn no_scipy(showing: &Showing<'_>) -> Failure {
    let Showing { name, type_name, .. } = showing;
    Failure::new(
        ErrorCode::Interpreter,
        format!(
            "argument '{name}' ({type_name}) is sparse, and comes as an array of scipy.sparse: the workers' Python has \
             no SciPy. Install it there, or pass a dense vector: pyspark.ml.functions.vector_to_array"
        ),
    )
}
