//! Structs: a dict of their fields, each shown as a column of its own.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use arrow_data::ArrayData;
use arrow_schema::Field;
use beringia_core::text;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::{Elements, Showing, elements, missing_object};
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
    fn dict<'py>(
        &self,
        showing: &Showing<'py>,
        show: impl Fn(&dyn Elements) -> Result<Option<Bound<'py, PyAny>>>,
    ) -> Result<Option<Bound<'py, PyAny>>> {
        let dict = PyDict::new(showing.base.py());
        for (name, values) in &self.fields {
            let Some(values) = show(values.as_ref())? else { return Ok(None) };
            dict.set_item(name, values)?;
        }
        Ok(Some(dict.into_any()))
    }
}

impl Elements for Struct {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(index)) {
            return missing_object(showing);
        }
        let dict = self.dict(showing, |values| values.item(showing, index).map(Some))?;
        dict.map_or_else(|| missing_object(showing), Ok)
    }

    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        let dict = self.dict(showing, |values| values.range(showing, start, end).map(Some))?;
        dict.map_or_else(|| missing_object(showing), Ok)
    }

    fn rows<'py>(
        &self,
        showing: &Showing<'py>,
        start: usize,
        count: usize,
        len: usize,
    ) -> Result<Option<Bound<'py, PyAny>>> {
        self.dict(showing, |values| values.rows(showing, start, count, len))
    }
}
