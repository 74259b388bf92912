//! Values of extension types: `beringia._tagged` makes of each what it is stored as.

use arrow_schema::{DataType, Field};
use beringia_core::protocol::ArrayDescriptor;
use beringia_core::segment::Arena;
use pyo3::prelude::*;

use super::column::{Column, Fit, Misfit, append_or_null, is_refusal, show};

/// A column of values that are stored as something else.
pub struct Tagged {
    /// Makes the stored value of what came; `None` for a missing one.
    convert: Py<PyAny>,
    storage: Box<dyn Column>,
}

impl Tagged {
    /// A column of the values of `field`, which go to `storage`.
    pub fn new(py: Python<'_>, field: &Field, storage: Box<dyn Column>) -> PyResult<Self> {
        let parts: Vec<&str> = match field.data_type() {
            DataType::Struct(parts) => parts.iter().map(|part| part.name().as_str()).collect(),
            _ => Vec::new(),
        };
        let described = (field.extension_type_name(), field.extension_type_metadata(), parts);
        let convert = py.import("beringia._tagged")?.call_method1("converter", described)?;
        Ok(Tagged { convert: convert.unbind(), storage })
    }
}

impl Column for Tagged {
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
