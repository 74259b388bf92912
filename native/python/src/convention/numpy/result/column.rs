//! The values of one field, appended to growable buffers in shared memory.
//!
//! What does not fit the field's type is a [`Misfit`]; nothing is rounded, cut or guessed.

use beringia_core::protocol::ArrayDescriptor;
use beringia_core::segment::{Arena, BufferRef, SharedBuffer};
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use super::array_likes::{arrays_of, carried, is_array_like, is_na};
use crate::convention::numpy::array::as_array;
use crate::failure::Failure;

/// What did not fit.
pub enum Misfit {
    /// A value of another kind, or out of range: what came.
    Got(String),
    /// Anything else.
    Other(Failure),
}

/// Whether a value fitted.
pub type Fit = std::result::Result<(), Misfit>;

impl From<beringia_core::Error> for Misfit {
    fn from(error: beringia_core::Error) -> Self {
        Misfit::Other(error.into())
    }
}

impl From<PyErr> for Misfit {
    fn from(error: PyErr) -> Self {
        Misfit::Other(error.into())
    }
}

/// `value` as messages show it: its repr, cut, and its type.
pub fn show(value: &Bound<'_, PyAny>) -> String {
    let class = value.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    let mut text = value.repr().map_or_else(|_| String::new(), |repr| repr.to_string());
    if let Some((end, _)) = text.char_indices().nth(100) {
        text.truncate(end);
        text.push('…');
    }
    match as_array(value) {
        Some(array) => format!("an ndarray of shape {:?} and dtype {}", array.shape(), array.dtype()),
        None => format!("{text} ({class})"),
    }
}

pub fn got(value: &Bound<'_, PyAny>) -> Misfit {
    Misfit::Got(show(value))
}

/// A bitmap that exists only once something is missing.
#[derive(Default)]
pub struct Validity {
    bits: Option<SharedBuffer>,
    pub len: usize,
}

impl Validity {
    #[inline]
    pub fn push(&mut self, arena: &mut Arena, valid: bool) -> beringia_core::Result<()> {
        let index = self.len;
        self.len += 1;
        if valid && self.bits.is_none() {
            return Ok(());
        }
        let mut bits = match self.bits.take() {
            Some(bits) => bits,
            None => arena.buffer(self.len.div_ceil(8) * 2)?,
        };
        let missing = self.len.div_ceil(8) - bits.len();
        bits.fill(arena, 0xff, missing)?;
        bits.set_bit(index, valid)?;
        self.bits = Some(bits);
        Ok(())
    }

    /// `count` present values.
    pub fn extend(&mut self, arena: &mut Arena, count: usize) -> beringia_core::Result<()> {
        if self.bits.is_none() {
            self.len += count;
            return Ok(());
        }
        (0..count).try_for_each(|_| self.push(arena, true))
    }

    /// Bits past the end may stay as they are, but for the last byte's, which `push` expects to be set.
    pub fn truncate(&mut self, len: usize) -> beringia_core::Result<()> {
        let Some(bits) = &mut self.bits else {
            self.len = self.len.min(len);
            return Ok(());
        };
        for index in len..self.len.min(len.next_multiple_of(8)) {
            bits.set_bit(index, true)?;
        }
        bits.truncate(len.div_ceil(8));
        self.len = self.len.min(len);
        Ok(())
    }

    pub fn reference(&self) -> Option<(BufferRef, u64)> {
        self.bits.as_ref().map(|bits| (bits.reference(), 0))
    }
}

/// A column under construction.
pub trait Column {
    /// Appends one value.
    fn append(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit;
    /// Appends a missing value.
    fn append_null(&mut self, arena: &mut Arena) -> Fit;
    /// Appends all items of a one-dimensional array at once; false where that needs a look at each.
    fn extend(
        &mut self,
        _arena: &mut Arena,
        _array: &Bound<'_, PyUntypedArray>,
    ) -> std::result::Result<bool, Misfit> {
        Ok(false)
    }
    /// How many values there are.
    fn len(&self) -> usize;
    /// Takes back all values past the first `len`.
    fn truncate(&mut self, len: usize) -> Fit;
    /// What was written.
    fn finish(&self) -> ArrayDescriptor;
}

/// A column without children, of `len` values.
pub fn descriptor(len: usize, validity: &Validity, buffers: &[&SharedBuffer]) -> ArrayDescriptor {
    ArrayDescriptor {
        len: len as u64,
        offset: 0,
        validity: validity.reference(),
        buffers: buffers.iter().map(|buffer| buffer.reference()).collect(),
        children: Vec::new(),
    }
}

/// Whether a conversion says that the value does not fit.
pub fn is_refusal(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyTypeError>(py)
        || error.is_instance_of::<PyValueError>(py)
        || error.is_instance_of::<PyOverflowError>(py)
}

/// Appends a value, or a missing one where the value stands for that. What is refused and array-like is taken as the arrays
/// that it carries.
pub fn append_or_null(column: &mut dyn Column, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
    if value.is_none() || is_masked(value)? {
        return column.append_null(arena);
    }
    let before = column.len();
    match append(column, arena, value) {
        Err(Misfit::Got(_)) if is_array_like(value)? => {
            column.truncate(before)?;
            match append_or_null(column, arena, &arrays_of(value)?) {
                Err(Misfit::Got(got)) => Err(Misfit::Got(carried(&got, value))),
                fit => fit,
            }
        }
        Err(Misfit::Got(_)) if is_na(value)? => {
            column.truncate(before)?;
            column.append_null(arena)
        }
        fit => fit,
    }
}

#[inline]
fn append(column: &mut dyn Column, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
    match as_array(value) {
        // A 0-d array is its item.
        Some(array) if array.ndim() == 0 => {
            let item = value.get_item(PyTuple::empty(value.py()))?;
            if as_array(&item).is_some() {
                column.append(arena, value)
            } else {
                append_or_null(column, arena, &item)
            }
        }
        _ => column.append(arena, value),
    }
}

fn is_masked(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static MASKED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    let masked =
        MASKED.get_or_try_init(py, || PyResult::Ok(py.import("numpy.ma")?.getattr("masked")?.unbind()))?;
    Ok(value.is(masked))
}
