//! Values that are shown apart: each part of them as a column of its own. A list of such values is a list of each part, so
//! that however deep they lie, arrays hold plain values.

use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_buffer::NullBuffer;
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field};
use beringia_core::text;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::{Elements, Showing, elements};
use crate::convention::numpy::tag::Tag;
use crate::failure::Result;

struct Parts {
    /// `None` where they have no names.
    names: Option<Vec<Py<PyString>>>,
    parts: Vec<Box<dyn Elements>>,
}

/// The values of a field that are shown apart; `None` for any other.
pub(super) fn parts(py: Python<'_>, field: &Field, data: &ArrayData) -> Result<Option<Box<dyn Elements>>> {
    let Some(tag) = tag_of_items(field) else { return Ok(None) };
    let columns = columns(field, data)?;
    let names = columns.iter().map(|column| PyString::intern(py, &column.name).unbind()).collect();
    let parts = columns
        .iter()
        .map(|column| elements(py, &column.field, &column.data, None))
        .collect::<Result<_>>()?;
    Ok(Some(Box::new(Parts { names: (tag != Tag::Tuple).then_some(names), parts })))
}

/// What values of the field, or those in its lists, are shown apart by.
fn tag_of_items(field: &Field) -> Option<Tag> {
    match field.data_type() {
        DataType::LargeList(item) => tag_of_items(item),
        DataType::Struct(_) => Tag::of(field).filter(|tag| tag.has_parts()),
        _ => None,
    }
}

/// One part of all values.
struct Column {
    name: String,
    field: Field,
    data: ArrayData,
}

fn columns(field: &Field, data: &ArrayData) -> Result<Vec<Column>> {
    let array = arrow_array::make_array(data.clone());
    let Some(lists) = array.as_list_opt::<i64>() else {
        let structs = array.as_struct();
        let parts = structs.fields().iter().zip(structs.columns()).map(|(part, column)| {
            // Where the whole is missing, so are its parts.
            let nulls = NullBuffer::union(structs.nulls(), column.nulls());
            let data = text::build(part.data_type(), column.to_data().into_builder().nulls(nulls))?;
            Ok(Column { name: part.name().clone(), field: part.as_ref().clone(), data })
        });
        return parts.collect();
    };
    let item = match field.data_type() {
        DataType::LargeList(item) => item.as_ref(),
        _ => field,
    };
    let parts = columns(item, &lists.values().to_data())?.into_iter().map(|part| {
        let data_type = DataType::LargeList(Arc::new(part.field));
        let data = ArrayData::builder(data_type.clone())
            .len(lists.len())
            .nulls(lists.nulls().cloned())
            .add_buffer(lists.offsets().inner().inner().clone())
            .add_child_data(part.data)
            .build()
            .map_err(beringia_core::Error::from)?;
        Ok(Column { name: part.name, field: field.clone().with_data_type(data_type), data })
    });
    parts.collect()
}

impl Parts {
    fn show<'py>(
        &self,
        py: Python<'py>,
        show: impl Fn(&dyn Elements) -> Result<Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyAny>> {
        let shown = self.parts.iter().map(|part| show(part.as_ref())).collect::<Result<Vec<_>>>()?;
        let Some(names) = &self.names else { return Ok(PyTuple::new(py, shown)?.into_any()) };
        let dict = PyDict::new(py);
        for (name, part) in names.iter().zip(shown) {
            dict.set_item(name, part)?;
        }
        Ok(dict.into_any())
    }
}

impl Elements for Parts {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        self.show(showing.py(), |part| part.item(showing, index))
    }

    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        self.show(showing.py(), |part| part.range(showing, start, end))
    }
}
