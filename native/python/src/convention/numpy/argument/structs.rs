//! Structs: a dict of their fields, each shown as a column of its own. Of several it is one that knows which are missing.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use arrow_data::ArrayData;
use arrow_schema::Field;
use beringia_core::text;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};

use super::{Elements, Showing, elements, missing_in, missing_object};
use crate::convention::numpy::array::Dtype;
use crate::failure::Result;

struct Struct {
    fields: Vec<(Py<PyString>, Box<dyn Elements>)>,
    nulls: Option<NullBuffer>,
}

/// Structs of any fields.
pub(super) fn struct_of(py: Python<'_>, data: &ArrayData) -> Result<Box<dyn Elements>> {
    let array = arrow_array::make_array(data.clone());
    let array = array.as_struct();
    let field = |(field, column): (&Arc<Field>, &ArrayRef)| {
        // Where the struct is missing, so are its fields.
        let nulls = NullBuffer::union(array.nulls(), column.nulls());
        let column = text::build(field.data_type(), column.to_data().into_builder().nulls(nulls))?;
        Ok((PyString::intern(py, field.name()).unbind(), elements(py, field, &column, None)?))
    };
    let fields = array.fields().iter().zip(array.columns()).map(field).collect::<Result<_>>()?;
    Ok(Box::new(Struct { fields, nulls: array.nulls().cloned() }))
}

impl Struct {
    /// The fields of structs of some `shape` from `start` on; `None` where one of them has no array of that shape.
    fn several<'py>(
        &self,
        showing: &Showing<'py>,
        (start, shape): (usize, &[usize]),
        show: impl Fn(&dyn Elements) -> Result<Option<Bound<'py, PyAny>>>,
    ) -> Result<Option<Bound<'py, PyAny>>> {
        let fields = PyDict::new(showing.py());
        for (name, values) in &self.fields {
            let Some(values) = show(values.as_ref())? else { return Ok(None) };
            fields.set_item(name, values)?;
        }
        let missing = missing_in(self.nulls.as_ref(), start, shape.iter().product());
        let mask = missing.map(|missing| {
            showing.filled(&Dtype::new(showing.py(), "?")?, shape, |bytes| {
                for (byte, valid) in bytes.iter_mut().zip(&missing) {
                    *byte = u8::from(!valid);
                }
            })
        });
        several(showing.py(), true, fields.as_any(), mask.transpose()?).map(Some)
    }
}

/// The parts of several structs, with or without names, as `beringia._structs` has them; `mask` says which are missing.
pub(super) fn several<'py>(
    py: Python<'py>,
    named: bool,
    parts: &Bound<'py, PyAny>,
    mask: Option<Bound<'py, PyAny>>,
) -> Result<Bound<'py, PyAny>> {
    static NAMED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static UNNAMED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = if named {
        NAMED.import(py, "beringia._structs", "Structs")?
    } else {
        UNNAMED.import(py, "beringia._structs", "Tuples")?
    };
    let structs = class.call1((parts,))?;
    if let Some(mask) = mask {
        structs.setattr(intern!(py, "mask"), mask)?;
    }
    Ok(structs)
}

impl Elements for Struct {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(index)) {
            return missing_object(showing);
        }
        let dict = PyDict::new(showing.py());
        for (name, values) in &self.fields {
            dict.set_item(name, values.item(showing, index)?)?;
        }
        Ok(dict.into_any())
    }

    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        let shown = self.several(showing, (start, &[end - start]), |values| {
            values.range(showing, start, end).map(Some)
        })?;
        shown.map_or_else(|| missing_object(showing), Ok)
    }

    fn rows<'py>(
        &self,
        showing: &Showing<'py>,
        start: usize,
        count: usize,
        len: usize,
    ) -> Result<Option<Bound<'py, PyAny>>> {
        self.several(showing, (start, &[count, len]), |values| values.rows(showing, start, count, len))
    }
}
