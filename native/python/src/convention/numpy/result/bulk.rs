//! All values of an array at once, as `beringia._convert` makes them.

use beringia_core::segment::{Arena, SharedBuffer};
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;

use super::column::{Misfit, Validity, is_refusal};
use crate::convention::numpy::array::bytes;

/// Values of a column, and which of them are missing.
pub struct Bulk<'py> {
    /// C-contiguous, in the column's own form.
    pub values: Bound<'py, PyUntypedArray>,
    /// A boolean for each, if any is missing.
    pub missing: Option<Bound<'py, PyUntypedArray>>,
}

impl<'py> Bulk<'py> {
    /// What a function of `beringia._convert` returned; `None` where each value has to be looked at.
    pub fn of(converted: PyResult<Bound<'py, PyAny>>) -> Result<Option<Bulk<'py>>, Misfit> {
        let converted = match converted {
            Ok(converted) if converted.is_none() => return Ok(None),
            Ok(converted) => converted,
            Err(error) => {
                return Python::attach(|py| match is_refusal(py, &error) {
                    true => Err(Misfit::Got(error.value(py).to_string())),
                    false => Err(error.into()),
                });
            }
        };
        let (values, missing): (Bound<'py, PyAny>, Option<Bound<'py, PyAny>>) = converted.extract()?;
        let array = |value: Bound<'py, PyAny>| value.cast_into::<PyUntypedArray>().map_err(PyErr::from);
        Ok(Some(Bulk { values: array(values)?, missing: missing.map(array).transpose()? }))
    }

    /// Appends them to a column of values of `width` bytes.
    pub fn append(
        &self,
        arena: &mut Arena,
        values: &mut SharedBuffer,
        validity: &mut Validity,
        width: usize,
    ) -> beringia_core::Result<()> {
        let len = self.values.len();
        // SAFETY: both arrays are C-contiguous, of items of `width` bytes and of one byte, and as long as each other; the
        // GIL is held, and nobody writes to them.
        values.extend(arena, unsafe { bytes(&self.values, len * width) })?;
        match &self.missing {
            None => validity.extend(arena, len),
            // SAFETY: as above.
            Some(missing) => unsafe { bytes(missing, len) }
                .iter()
                .try_for_each(|missing| validity.push(arena, *missing == 0)),
        }
    }
}
