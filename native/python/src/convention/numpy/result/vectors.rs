//! Vectors of Spark ML: 1-D arrays make dense ones, arrays of SciPy sparse ones.

use arrow_schema::Fields;
use beringia_core::ErrorCode;
use beringia_core::protocol::ArrayDescriptor;
use beringia_core::segment::Arena;
use numpy::PyUntypedArrayMethods;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};

use super::array_likes::is_array_like;
use super::column::{Column, Fit, Validity, descriptor, got};
use super::factory::column;
use crate::convention::numpy::array::as_array;
use crate::failure::{Failure, Result};

/// Structs `{type, size, indices, values}`: type 0 is sparse, and 1 is dense, with values alone.
pub struct Vectors {
    kinds: Box<dyn Column>,
    sizes: Box<dyn Column>,
    indices: Box<dyn Column>,
    values: Box<dyn Column>,
    validity: Validity,
}

impl Vectors {
    /// An empty column; `fields` are those of the structs.
    ///
    /// # Errors
    /// [`ErrorCode::Argument`] when these are others.
    pub fn new(py: Python<'_>, arena: &mut Arena, fields: &Fields, rows: usize) -> Result<Vectors> {
        let mut part = |name: &str| {
            let (_, field) = fields.find(name).ok_or_else(|| {
                Failure::new(ErrorCode::Argument, format!("vectors without their field '{name}'"))
            })?;
            // NaN is a value of a vector, and null is not.
            column(py, arena, field, false, rows)
        };
        Ok(Vectors {
            kinds: part("type")?,
            sizes: part("size")?,
            indices: part("indices")?,
            values: part("values")?,
            validity: Validity::default(),
        })
    }

    fn parts(&mut self) -> [&mut Box<dyn Column>; 4] {
        [&mut self.kinds, &mut self.sizes, &mut self.indices, &mut self.values]
    }

    fn append_sparse(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
        let py = value.py();
        let shape: Vec<usize> = value.getattr(intern!(py, "shape"))?.extract()?;
        if shape.iter().filter(|size| **size != 1).count() > 1 {
            return Err(got(value));
        }
        let row = value.call_method1(intern!(py, "reshape"), ((1, -1),))?;
        // In the order of the indices, each once; and the function's own array stays as it is.
        let row = row.call_method1(intern!(py, "tocsr"), (true,))?;
        row.call_method0(intern!(py, "sum_duplicates"))?;
        let size = row.getattr(intern!(py, "shape"))?.get_item(1)?;
        self.kinds.append(arena, PyInt::new(py, 0).as_any())?;
        self.sizes.append(arena, &size)?;
        self.indices.append(arena, &row.getattr(intern!(py, "indices"))?)?;
        self.values.append(arena, &row.getattr(intern!(py, "data"))?)
    }

    fn append_dense(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
        let py = value.py();
        let numpy = py.import(intern!(py, "numpy"))?;
        let masked = numpy.getattr(intern!(py, "ma"))?.call_method1(intern!(py, "is_masked"), (value,))?;
        let is_scalar = value.is_instance_of::<PyFloat>()
            || value.is_instance_of::<PyInt>()
            || value.is_instance_of::<PyBool>();
        if is_scalar || masked.extract::<bool>()? || is_array_like(value)? {
            return Err(got(value));
        }
        let array = numpy.call_method1(intern!(py, "asarray"), (value,)).map_err(|_| got(value))?;
        let kind: String = array.getattr(intern!(py, "dtype"))?.getattr(intern!(py, "kind"))?.extract()?;
        let flat = as_array(&array).is_some_and(|array| array.ndim() == 1);
        if !flat || !matches!(kind.as_str(), "f" | "i" | "u" | "b") {
            return Err(got(value));
        }
        self.kinds.append(arena, PyInt::new(py, 1).as_any())?;
        self.sizes.append_null(arena)?;
        self.indices.append_null(arena)?;
        self.values.append(arena, &array)
    }
}

impl Column for Vectors {
    fn append(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
        if value.hasattr(intern!(value.py(), "tocsr"))? {
            self.append_sparse(arena, value)?;
        } else {
            self.append_dense(arena, value)?;
        }
        Ok(self.validity.push(arena, true)?)
    }

    fn append_null(&mut self, arena: &mut Arena) -> Fit {
        self.parts().into_iter().try_for_each(|part| part.append_null(arena))?;
        Ok(self.validity.push(arena, false)?)
    }

    fn len(&self) -> usize {
        self.validity.len
    }

    fn truncate(&mut self, len: usize) -> Fit {
        self.parts().into_iter().try_for_each(|part| part.truncate(len))?;
        Ok(self.validity.truncate(len)?)
    }

    fn finish(&self) -> ArrayDescriptor {
        let parts = [&self.kinds, &self.sizes, &self.indices, &self.values];
        let mut array = descriptor(self.len(), &self.validity, &[]);
        array.children.extend(parts.map(|part| part.finish()));
        array
    }
}
