//! Rows of a matrix: lists that all have one length, of values of any kind. Their values are shown with an axis more.

use arrow_array::cast::AsArray;
use arrow_data::ArrayData;
use arrow_schema::DataType;
use beringia_core::ErrorCode;
use pyo3::prelude::*;

use super::{Elements, Showing, elements};
use crate::failure::{Failure, Result};

struct Grid {
    offsets: Vec<usize>,
    child: Box<dyn Elements>,
}

/// The rows that are lists of `data`.
pub(super) fn grid(py: Python<'_>, data: &ArrayData) -> Result<Box<dyn Elements>> {
    let array = arrow_array::make_array(data.clone());
    let (DataType::LargeList(item), Some(lists)) = (data.data_type(), array.as_list_opt::<i64>()) else {
        return Err(Failure::new(ErrorCode::Argument, "an axis that is no list"));
    };
    let offsets = lists.value_offsets().iter().map(|offset| *offset as usize).collect();
    Ok(Box::new(Grid { offsets, child: elements(py, item, &lists.values().to_data(), None)? }))
}

impl Elements for Grid {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        self.child.range(showing, self.offsets[index], self.offsets[index + 1])
    }

    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        let (count, bounds) = (end - start, &self.offsets[start..=end]);
        let len = if count == 0 { 0 } else { bounds[1] - bounds[0] };
        if bounds.windows(2).any(|pair| pair[1] - pair[0] != len) {
            let what = format!("the rows of the matrix '{}' differ in length", showing.name);
            return Err(Failure::new(ErrorCode::Protocol, what));
        }
        let values = self.child.range(showing, bounds[0], bounds[count])?;
        let mut shape = vec![count, len];
        shape.extend(values.getattr("shape")?.extract::<Vec<usize>>()?.into_iter().skip(1));
        Ok(values.call_method1("reshape", (shape,))?)
    }
}
