//! Columns of one row that all groups share: they lie in the block that all workers see, and each is shown once.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::ffi::FFI_ArrowSchema;
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, Field};
use beringia_core::ErrorCode;
use numpy::PyUntypedArray;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use serde::Deserialize;

use super::argument::{Elements, Showing, elements};
use super::array::as_array;
use crate::failure::{Failure, Result};

/// A column, or a child of one: its type, and where it lies in the block.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placed {
    name: String,
    /// As in Arrow's C data interface.
    format: String,
    #[serde(default)]
    metadata: HashMap<String, String>,
    length: usize,
    /// Where the validity begins, and its bytes; none where nothing is missing.
    validity: Option<(usize, usize)>,
    /// The same of each other buffer.
    buffers: Vec<(usize, usize)>,
    children: Vec<Placed>,
}

impl Placed {
    fn field(&self) -> std::result::Result<Field, ArrowError> {
        let children = self.children.iter().map(Placed::field).collect::<std::result::Result<Vec<_>, _>>()?;
        let data_type = match (self.format.as_str(), children.as_slice()) {
            ("+L", [item]) => DataType::LargeList(Arc::new(item.clone())),
            ("+s", _) => DataType::Struct(children.into()),
            (format, _) => DataType::try_from(&FFI_ArrowSchema::try_new(format, Vec::new(), None)?)?,
        };
        Ok(Field::new(&self.name, data_type, true).with_metadata(self.metadata.clone()))
    }

    fn array(&self, data_type: &DataType, block: &Buffer) -> Result<ArrayData> {
        let part = |&(start, len): &(usize, usize)| {
            let inside = start.checked_add(len).is_some_and(|end| end <= block.len());
            let outside =
                || Failure::new(ErrorCode::Protocol, format!("'{}' is not in its block", self.name));
            if inside { Ok(block.slice_with_length(start, len)) } else { Err(outside()) }
        };
        let types: Vec<&DataType> = match data_type {
            DataType::LargeList(item) => vec![item.data_type()],
            DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
            _ => Vec::new(),
        };
        let children = types.into_iter().zip(&self.children).map(|(of, child)| child.array(of, block));
        let mut array = ArrayData::builder(data_type.clone())
            .len(self.length)
            .buffers(self.buffers.iter().map(part).collect::<Result<_>>()?)
            .child_data(children.collect::<Result<_>>()?);
        if let Some(validity) = &self.validity {
            let bits = part(validity)?;
            if bits.len() < self.length.div_ceil(8) {
                return Err(Failure::new(
                    ErrorCode::Protocol,
                    format!("the validity of '{}' is cut", self.name),
                ));
            }
            array = array.nulls(Some(NullBuffer::new(BooleanBuffer::new(bits, 0, self.length))));
        }
        Ok(array.build().map_err(beringia_core::Error::from)?)
    }
}

/// A shared column as one argument shows it.
pub struct Shared {
    /// What views are based on.
    pub base: Py<PyAny>,
    elements: Box<dyn Elements>,
    shown: OnceCell<Py<PyAny>>,
}

impl Shared {
    /// The column at `placed` in `block`, which `base` keeps.
    pub fn new(py: Python<'_>, placed: &Placed, block: &Buffer, base: &Bound<'_, PyAny>) -> Result<Shared> {
        let field = placed.field().map_err(beringia_core::Error::from)?;
        let array = placed.array(field.data_type(), block)?;
        let elements = elements(py, &field, &array, None)?;
        Ok(Shared { base: base.clone().unbind(), elements, shown: OnceCell::new() })
    }

    /// Its value: the same arrays for every call, in dicts, tuples and masked arrays of the call's own.
    pub fn show<'py>(&self, showing: &Showing<'py>) -> Result<Bound<'py, PyAny>> {
        let py = showing.base.py();
        let of_all = |function: &str, value: &Bound<'py, PyAny>| {
            py.import("beringia._shared")?.call_method1(function, (value,))
        };
        let shown = match self.shown.get() {
            Some(shown) => shown.bind(py).clone(),
            None => {
                let shown = of_all("frozen", &self.elements.item(showing, 0)?)?;
                self.shown.get_or_init(|| shown.clone().unbind());
                shown
            }
        };
        let is_plain = as_array(&shown).is_none() || shown.is_exact_instance_of::<PyUntypedArray>();
        if is_plain && !shown.is_instance_of::<PyDict>() && !shown.is_instance_of::<PyTuple>() {
            return Ok(shown);
        }
        Ok(of_all("own", &shown)?)
    }
}
