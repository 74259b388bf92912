//! Arrays of any shape in one column: where all have one shape, they are one array, without a copy; else objects.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, LargeListArray, PrimitiveArray};
use arrow_buffer::NullBuffer;
use arrow_data::ArrayData;
use arrow_schema::DataType;
use beringia_core::ErrorCode;
use pyo3::prelude::*;

use super::{Elements, Showing, elements, missing_in, missing_object, object_array};
use crate::failure::{Failure, Result};

struct NdArrays {
    /// Where each shape begins and ends among the sizes.
    shapes: Vec<usize>,
    sizes: PrimitiveArray<Int64Type>,
    /// Where the elements of each array begin and end.
    bounds: Vec<usize>,
    child: Box<dyn Elements>,
    nulls: Option<NullBuffer>,
}

/// Structs of a shape, and the elements, the last axis varying fastest.
pub(super) fn ndarrays(py: Python<'_>, data: &ArrayData) -> Result<Box<dyn Elements>> {
    let malformed = || Failure::new(ErrorCode::Argument, "ndarrays without a shape or data");
    let array = arrow_array::make_array(data.clone());
    let structs = array.as_struct_opt().ok_or_else(malformed)?;
    let lists = |name| structs.column_by_name(name).and_then(|column| column.as_list_opt::<i64>());
    let (Some(shapes), Some(data)) = (lists("shape"), lists("data")) else { return Err(malformed()) };
    let DataType::LargeList(item) = data.data_type() else { return Err(malformed()) };
    Ok(Box::new(NdArrays {
        shapes: offsets(shapes),
        sizes: shapes.values().as_primitive_opt::<Int64Type>().cloned().ok_or_else(malformed)?,
        bounds: offsets(data),
        child: elements(py, item, &data.values().to_data(), None)?,
        nulls: structs.nulls().cloned(),
    }))
}

fn offsets(lists: &LargeListArray) -> Vec<usize> {
    lists.value_offsets().iter().map(|offset| *offset as usize).collect()
}

impl NdArrays {
    fn shape(&self, index: usize) -> &[i64] {
        &self.sizes.values()[self.shapes[index]..self.shapes[index + 1]]
    }

    /// The arrays from `start` to before `end`, which have one shape, in one: `leading` axes, then theirs.
    fn shaped<'py>(
        &self,
        showing: &Showing<'py>,
        (start, end): (usize, usize),
        leading: Option<i64>,
    ) -> Result<Bound<'py, PyAny>> {
        let values = self.child.range(showing, self.bounds[start], self.bounds[end])?;
        let shape: Vec<i64> = leading.into_iter().chain(self.shape(start).iter().copied()).collect();
        Ok(values.call_method1("reshape", (shape,))?)
    }

    fn present<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        self.shaped(showing, (index, index + 1), None)
    }
}

impl Elements for NdArrays {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        let missing = self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(index));
        if missing { missing_object(showing) } else { self.present(showing, index) }
    }

    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        let complete = missing_in(self.nulls.as_ref(), start, end - start).is_none();
        if start < end && complete && (start..end).all(|index| self.shape(index) == self.shape(start)) {
            return self.shaped(showing, (start, end), Some((end - start) as i64));
        }
        object_array(showing, self.nulls.as_ref(), (start, end), |index| self.present(showing, index))
    }
}
