//! Values of extension types: `beringia._tagged` makes of each what it is stored as.

use arrow_schema::{DataType, Field};
use beringia_core::protocol::ArrayDescriptor;
use beringia_core::segment::Arena;
use numpy::{PyArrayDescrMethods, PyUntypedArrayMethods};
use pyo3::prelude::*;

use super::column::{Column, Fit, Misfit, append_or_null, is_refusal, rows_of, show};
use super::runs::{append_each, are_parts, len_of_argument};
use crate::convention::numpy::array::as_array;
use crate::convention::numpy::tag::Tag;

/// A column of values that are stored as something else.
pub struct Tagged {
    tag: Tag,
    /// Of an ndarray.
    axes: usize,
    /// Makes the stored value of what came; `None` for a missing one.
    convert: Py<PyAny>,
    storage: Box<dyn Column>,
}

impl Tagged {
    /// A column of the values of `field`, which go to `storage`.
    pub fn new(py: Python<'_>, tag: Tag, field: &Field, storage: Box<dyn Column>) -> PyResult<Self> {
        let parts: Vec<&str> = match field.data_type() {
            DataType::Struct(parts) => parts.iter().map(|part| part.name().as_str()).collect(),
            _ => Vec::new(),
        };
        let described = (field.extension_type_name(), field.extension_type_metadata(), parts);
        let convert = py.import("beringia._tagged")?.call_method1("converter", described)?;
        let axes = match tag {
            Tag::NdArray => field.extension_type_metadata().and_then(|axes| axes.parse().ok()).unwrap_or(1),
            Tag::Call => 1,
            _ => storage.axes(),
        };
        Ok(Tagged { tag, axes, convert: convert.unbind(), storage })
    }
}

impl Column for Tagged {
    fn axes(&self) -> usize {
        self.axes
    }

    fn run(&self, value: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
        if are_parts(value)? {
            // Keys and values of dicts are parts in arguments alone: another dict is one value.
            let are_several = self.tag != Tag::Dict || len_of_argument(value)?.is_some();
            return if are_several { self.storage.run(value) } else { Ok(None) };
        }
        let Some(len) = rows_of(value)? else { return Ok(None) };
        let array = as_array(value);
        Ok(match (self.tag, array) {
            (Tag::Set | Tag::Dict, _) => self.storage.run(value)?,
            (Tag::Call | Tag::NdArray, Some(array)) => {
                let of_objects = array.dtype().kind() == b'O';
                (of_objects || array.ndim() > self.axes).then_some(len)
            }
            (Tag::Call | Tag::NdArray, None) => None,
            _ => Some(len),
        })
    }

    fn inner(&self) -> Option<&dyn Column> {
        self.storage.inner()
    }

    fn parts<'a, 'py>(
        &'a self,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<(&'a dyn Column, Bound<'py, PyAny>)>> {
        self.storage.parts(value)
    }

    fn append_parts(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>, len: usize) -> Fit {
        append_each(self, arena, value, len)
    }

    fn append(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
        let py = value.py();
        match self.convert.bind(py).call1((value,)) {
            Ok(stored) => append_or_null(self.storage.as_mut(), arena, &stored),
            Err(error) if is_refusal(py, &error) => {
                Err(Misfit::Got(format!("{}: {}", show(value), error.value(py))))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn append_null(&mut self, arena: &mut Arena) -> Fit {
        self.storage.append_null(arena)
    }

    fn len(&self) -> usize {
        self.storage.len()
    }

    fn truncate(&mut self, len: usize) -> Fit {
        self.storage.truncate(len)
    }

    fn finish(&self) -> ArrayDescriptor {
        self.storage.finish()
    }
}
