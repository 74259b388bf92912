//! Lists, of any length or of one: runs of runs.
//!
//! Lists of one length are shown as one array with an axis more, without a copy; others as an object array of
//! views.

use std::sync::LazyLock;

use arrow_array::cast::AsArray;
use arrow_array::{Array, OffsetSizeTrait};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field};
use pyo3::prelude::*;

use super::{Elements, Showing, elements, missing_in, missing_object, object_array, tensor_shape};
use crate::convention::numpy::array::as_array;
use crate::convention::numpy::options::Udt;
use crate::failure::Result;

/// Where each list begins and ends in the child.
enum Bounds {
    /// One more than there are lists.
    Offsets(Vec<usize>),
    /// One for each list: they may overlap.
    Ranges(Vec<(usize, usize)>),
    /// All lists have this length; the first begins at the second number.
    Fixed(usize, usize),
}

impl Bounds {
    #[inline]
    fn of(&self, index: usize) -> (usize, usize) {
        match self {
            Bounds::Offsets(offsets) => (offsets[index], offsets[index + 1]),
            Bounds::Ranges(ranges) => ranges[index],
            Bounds::Fixed(len, first) => (first + index * len, first + (index + 1) * len),
        }
    }
}

struct List {
    child: Box<dyn Elements>,
    bounds: Bounds,
    nulls: Option<NullBuffer>,
}

/// Lists of any length; `udt` is what their items stand for.
pub(super) fn list(py: Python<'_>, data: &ArrayData, udt: Option<Udt>) -> Result<Box<dyn Elements>> {
    fn of<O: OffsetSizeTrait>(
        py: Python<'_>,
        array: &dyn Array,
        udt: Option<Udt>,
    ) -> Result<Box<dyn Elements>> {
        let list = array.as_list::<O>();
        let offsets = list.value_offsets().iter().map(|offset| offset.as_usize()).collect();
        let child = elements(py, item_field(array.data_type()), &list.values().to_data(), udt)?;
        Ok(Box::new(List { child, bounds: Bounds::Offsets(offsets), nulls: list.nulls().cloned() }))
    }
    let array = arrow_array::make_array(data.clone());
    match data.data_type() {
        DataType::LargeList(_) => of::<i64>(py, &array, udt),
        _ => of::<i32>(py, &array, udt),
    }
}

/// Lists that may overlap: the rows of windows.
pub(super) fn list_view(py: Python<'_>, data: &ArrayData, udt: Option<Udt>) -> Result<Box<dyn Elements>> {
    let (starts, sizes) = (data.buffer::<i64>(0), data.buffer::<i64>(1));
    let ranges = starts.iter().zip(sizes).take(data.len());
    let ranges = ranges.map(|(start, size)| (start.as_usize(), (start + size).as_usize())).collect();
    let child = elements(py, item_field(data.data_type()), &data.child_data()[0], udt)?;
    Ok(Box::new(List { child, bounds: Bounds::Ranges(ranges), nulls: data.nulls().cloned() }))
}

/// Lists of one length, or the tensors that they stand for.
pub(super) fn fixed_size_list(py: Python<'_>, field: &Field, data: &ArrayData) -> Result<Box<dyn Elements>> {
    let array = arrow_array::make_array(data.clone());
    let list = array.as_fixed_size_list();
    let len = usize::try_from(list.value_length()).unwrap_or(0);
    let child = elements(py, item_field(array.data_type()), &list.values().to_data(), None)?;
    let list = List { child, bounds: Bounds::Fixed(len, 0), nulls: list.nulls().cloned() };
    Ok(match tensor_shape(field)? {
        Some(shape) => Box::new(Tensor { list, shape }),
        None => Box::new(list),
    })
}

fn item_field(list: &DataType) -> &Field {
    static NONE: LazyLock<Field> = LazyLock::new(|| Field::new("item", DataType::Null, true));
    match list {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => field,
        _ => &NONE,
    }
}

impl List {
    fn is_null(&self, index: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(index))
    }

    fn len(&self, index: usize) -> usize {
        let (start, end) = self.bounds.of(index);
        end - start
    }

    /// The length of all these lists, none of which is missing, if they have one.
    fn common_length(&self, start: usize, end: usize) -> Option<usize> {
        if let Bounds::Fixed(len, _) = self.bounds {
            return Some(len);
        }
        let mut lengths = (start..end).map(|index| self.len(index));
        let first = lengths.next()?;
        lengths.all(|length| length == first).then_some(first)
    }

    #[inline]
    fn present<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        let (start, end) = self.bounds.of(index);
        self.child.range(showing, start, end)
    }
}

impl Elements for List {
    #[inline]
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.is_null(index) { missing_object(showing) } else { self.present(showing, index) }
    }

    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        // A list that is missing is None, whatever the others are: rows of NaN would come back as lists that are there.
        if missing_in(self.nulls.as_ref(), start, end - start).is_none()
            && let Some(len) = self.common_length(start, end)
            && let Some(array) = self.child.rows(showing, self.bounds.of(start).0, end - start, len)?
        {
            return Ok(array);
        }
        object_array(showing, self.nulls.as_ref(), (start, end), |index| self.present(showing, index))
    }

    fn rows<'py>(
        &self,
        showing: &Showing<'py>,
        start: usize,
        count: usize,
        len: usize,
    ) -> Result<Option<Bound<'py, PyAny>>> {
        let end = start + count * len;
        if missing_in(self.nulls.as_ref(), start, end - start).is_some() {
            return Ok(None);
        }
        let Some(inner) = self.common_length(start, end) else { return Ok(None) };
        let first = self.bounds.of(start).0;
        let rows = self.child.rows(showing, first, count * len, inner)?;
        // Structs have an axis more in each of their parts: rows of rows of them come one by one.
        let Some(rows) = rows.filter(|rows| as_array(rows).is_some()) else { return Ok(None) };
        // Rows of rows: split the first axis; the values stay where they are.
        let mut shape = vec![count, len];
        shape.extend(rows.getattr("shape")?.extract::<Vec<usize>>()?.into_iter().skip(1));
        Ok(Some(rows.call_method1("reshape", (shape,))?))
    }
}

/// Lists of one length, each shown in a shape of its own.
struct Tensor {
    list: List,
    shape: Vec<usize>,
}

impl Tensor {
    /// `array`, whose last axis becomes the tensor's axes.
    fn shaped<'py>(&self, array: Bound<'py, PyAny>, leading: &[usize]) -> Result<Bound<'py, PyAny>> {
        // Where a tensor is missing, there is an object array of tensors, or nothing at all.
        let axes = array.getattr("ndim").and_then(|axes| axes.extract::<usize>()).unwrap_or(0);
        if axes != leading.len() + 1 {
            return Ok(array);
        }
        let shape: Vec<usize> = leading.iter().chain(&self.shape).copied().collect();
        Ok(array.call_method1("reshape", (shape,))?)
    }
}

impl Elements for Tensor {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        self.shaped(self.list.item(showing, index)?, &[])
    }

    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        if missing_in(self.list.nulls.as_ref(), start, end - start).is_some() {
            let nulls = self.list.nulls.as_ref();
            return object_array(showing, nulls, (start, end), |index| {
                self.shaped(self.list.present(showing, index)?, &[])
            });
        }
        self.shaped(self.list.range(showing, start, end)?, &[end - start])
    }

    fn rows<'py>(
        &self,
        showing: &Showing<'py>,
        start: usize,
        count: usize,
        len: usize,
    ) -> Result<Option<Bound<'py, PyAny>>> {
        let rows = self.list.rows(showing, start, count, len)?;
        rows.map(|rows| self.shaped(rows, &[count, len])).transpose()
    }
}
