//! Vectors and matrices of Spark ML: dense ones as ndarrays, without a copy where they are alike, sparse ones as
//! arrays of SciPy.

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float64Type, Int8Type, Int32Type};
use arrow_array::{Array, BooleanArray, PrimitiveArray, StructArray};
use arrow_buffer::NullBuffer;
use arrow_data::ArrayData;
use beringia_core::ErrorCode;
use pyo3::prelude::*;

use super::sparse::{Runs, compressed, pointers};
use super::{Elements, Showing, lists, missing_in, missing_object, object_array};
use crate::convention::numpy::options::Missing;
use crate::failure::{Failure, Result};

/// The `type` of a sparse value.
const SPARSE: i8 = 0;

/// The fields of Spark ML's structs.
struct Parts<'a>(&'a StructArray);

impl Parts<'_> {
    fn field(&self, name: &str) -> Result<&dyn Array> {
        self.0.column_by_name(name).map(AsRef::as_ref).ok_or_else(|| unknown(name))
    }

    fn numbers<T: ArrowPrimitiveType>(&self, name: &str) -> Result<PrimitiveArray<T>> {
        self.field(name)?.as_primitive_opt::<T>().cloned().ok_or_else(|| unknown(name))
    }

    fn runs<T: ArrowPrimitiveType>(&self, py: Python<'_>, name: &str, dtype: &str) -> Result<Runs<T>> {
        Runs::new(py, self.field(name)?, dtype)?.ok_or_else(|| unknown(name))
    }
}

fn unknown(name: &str) -> Failure {
    Failure::new(ErrorCode::Argument, format!("a type of Spark ML without its field '{name}'"))
}

fn is_null(nulls: Option<&NullBuffer>, index: usize) -> bool {
    nulls.is_some_and(|nulls| nulls.is_null(index))
}

/// The one value that all have, if they have one.
fn common<T: PartialEq>(mut values: impl Iterator<Item = T>) -> Option<T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

struct Vectors {
    kinds: PrimitiveArray<Int8Type>,
    sizes: PrimitiveArray<Int32Type>,
    indices: Runs<Int32Type>,
    values: Runs<Float64Type>,
    /// The lists of values: those of dense vectors are the vectors.
    dense: Box<dyn Elements>,
    nulls: Option<NullBuffer>,
}

/// Structs that are vectors.
pub(super) fn vectors(py: Python<'_>, data: &ArrayData) -> Result<Box<dyn Elements>> {
    let array = arrow_array::make_array(data.clone());
    let array = array.as_struct();
    let parts = Parts(array);
    // Where the vector is missing, so are its values.
    let values = parts.field("values")?;
    let nulls = NullBuffer::union(array.nulls(), values.nulls());
    let values = values.to_data().into_builder().nulls(nulls).build().map_err(beringia_core::Error::from)?;
    Ok(Box::new(Vectors {
        kinds: parts.numbers("type")?,
        sizes: parts.numbers("size")?,
        indices: parts.runs(py, "indices", "i4")?,
        values: parts.runs(py, "values", "f8")?,
        dense: lists::list(py, &values, None)?,
        nulls: array.nulls().cloned(),
    }))
}

impl Vectors {
    fn is_null(&self, index: usize) -> bool {
        is_null(self.nulls.as_ref(), index)
    }

    fn is_sparse(&self, index: usize) -> bool {
        !self.is_null(index) && self.kinds.value(index) == SPARSE
    }

    fn size(&self, index: usize) -> usize {
        if self.is_sparse(index) { self.sizes.value(index) as usize } else { self.values.len(index) }
    }

    /// Vectors of one size, some of them sparse, as the rows of one sparse array.
    fn rows_of<'py>(
        &self,
        showing: &Showing<'py>,
        (start, end): (usize, usize),
        size: usize,
    ) -> Result<Bound<'py, PyAny>> {
        let shape = (end - start, size);
        if (start..end).all(|index| self.is_sparse(index)) {
            let bounds = self.values.bounds(start, end);
            let count = [self.values.bounds(start, end).last().unwrap_or(0)];
            let data = self.values.view(showing, (start, end), &count)?;
            let indices = self.indices.view(showing, (start, end), &count)?;
            let pointers = pointers(showing.py(), bounds)?;
            return compressed(showing, "csr_array", (data, indices, pointers), shape);
        }
        let (mut data, mut indices, mut bounds) = (Vec::new(), Vec::new(), vec![0]);
        for index in start..end {
            if self.is_sparse(index) {
                data.extend_from_slice(self.values.numbers(index));
                indices.extend_from_slice(self.indices.numbers(index));
            } else {
                indices.extend(0..size as i32);
                if self.is_null(index) {
                    data.resize(data.len() + size, f64::NAN);
                } else {
                    data.extend_from_slice(self.values.numbers(index));
                }
            }
            bounds.push(data.len());
        }
        let data = self.values.copy(showing, &data)?;
        let indices = self.indices.copy(showing, &indices)?;
        let pointers = pointers(showing.py(), bounds.into_iter())?;
        compressed(showing, "csr_array", (data, indices, pointers), shape)
    }

    fn present<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.is_sparse(index) {
            self.rows_of(showing, (index, index + 1), self.size(index))
        } else {
            self.dense.item(showing, index)
        }
    }
}

impl Elements for Vectors {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.is_null(index) { missing_object(showing) } else { self.present(showing, index) }
    }

    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        if !(start..end).any(|index| self.is_sparse(index)) {
            return self.dense.range(showing, start, end);
        }
        let nulls = self.nulls.as_ref();
        let blank = missing_in(nulls, start, end - start).is_none() || showing.missing == Some(Missing::Nan);
        match common((start..end).filter(|index| !self.is_null(*index)).map(|index| self.size(index))) {
            Some(size) if blank => self.rows_of(showing, (start, end), size),
            _ => object_array(showing, nulls, (start, end), |index| self.present(showing, index)),
        }
    }
}

struct Matrices {
    kinds: PrimitiveArray<Int8Type>,
    rows: PrimitiveArray<Int32Type>,
    columns: PrimitiveArray<Int32Type>,
    pointers: Runs<Int32Type>,
    indices: Runs<Int32Type>,
    values: Runs<Float64Type>,
    /// Whether the values lie row by row, and not column by column.
    transposed: BooleanArray,
    nulls: Option<NullBuffer>,
}

/// Structs that are matrices.
pub(super) fn matrices(py: Python<'_>, data: &ArrayData) -> Result<Box<dyn Elements>> {
    let array = arrow_array::make_array(data.clone());
    let array = array.as_struct();
    let parts = Parts(array);
    let transposed = parts.field("isTransposed")?.as_boolean_opt().ok_or_else(|| unknown("isTransposed"))?;
    Ok(Box::new(Matrices {
        kinds: parts.numbers("type")?,
        rows: parts.numbers("numRows")?,
        columns: parts.numbers("numCols")?,
        pointers: parts.runs(py, "colPtrs", "i4")?,
        indices: parts.runs(py, "rowIndices", "i4")?,
        values: parts.runs(py, "values", "f8")?,
        transposed: transposed.clone(),
        nulls: array.nulls().cloned(),
    }))
}

impl Matrices {
    fn is_null(&self, index: usize) -> bool {
        is_null(self.nulls.as_ref(), index)
    }

    fn shape(&self, index: usize) -> (usize, usize) {
        (self.rows.value(index) as usize, self.columns.value(index) as usize)
    }

    /// Dense matrices of one shape and order, where they are: `(count, rows, columns)`, or one alone.
    fn dense<'py>(
        &self,
        showing: &Showing<'py>,
        (start, end): (usize, usize),
        leading: &[usize],
    ) -> Result<Bound<'py, PyAny>> {
        let (rows, columns) = self.shape(start);
        let by_row = self.transposed.value(start);
        let last = if by_row { [rows, columns] } else { [columns, rows] };
        let shape: Vec<usize> = leading.iter().copied().chain(last).collect();
        let array = self.values.view(showing, (start, end), &shape)?;
        let axes = shape.len();
        let array = if by_row { array } else { array.call_method1("swapaxes", (axes - 2, axes - 1))? };
        if showing.missing == Some(Missing::Mask) { showing.masked(array, None) } else { Ok(array) }
    }

    fn sparse<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        let one = (index, index + 1);
        let parts = (
            self.values.view(showing, one, &[self.values.len(index)])?,
            self.indices.view(showing, one, &[self.indices.len(index)])?,
            self.pointers.view(showing, one, &[self.pointers.len(index)])?,
        );
        if self.transposed.value(index) {
            Ok(compressed(showing, "csr_array", parts, self.shape(index))?.call_method0("tocsc")?)
        } else {
            compressed(showing, "csc_array", parts, self.shape(index))
        }
    }

    fn present<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.kinds.value(index) == SPARSE {
            self.sparse(showing, index)
        } else {
            self.dense(showing, (index, index + 1), &[])
        }
    }

    /// Dense matrices of one shape, in any order, some of them missing: a copy.
    fn stacked<'py>(
        &self,
        showing: &Showing<'py>,
        (start, end): (usize, usize),
        shape: (usize, usize),
    ) -> Result<Bound<'py, PyAny>> {
        let numpy = showing.py().import("numpy")?;
        let blank = numpy.call_method1("full", (shape, f64::NAN))?;
        let one = |index| if self.is_null(index) { Ok(blank.clone()) } else { self.present(showing, index) };
        let all = (start..end).map(one).collect::<Result<Vec<_>>>()?;
        let stacked = numpy.call_method1("stack", (all,))?;
        showing.count(stacked.getattr("nbytes")?.extract()?);
        if showing.missing == Some(Missing::Mask) { showing.masked(stacked, None) } else { Ok(stacked) }
    }
}

impl Elements for Matrices {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.is_null(index) { missing_object(showing) } else { self.present(showing, index) }
    }

    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        let nulls = self.nulls.as_ref();
        let complete = missing_in(nulls, start, end - start).is_none();
        let present = || (start..end).filter(|index| !self.is_null(*index));
        let shape = if present().any(|index| self.kinds.value(index) == SPARSE) {
            None
        } else {
            common(present().map(|index| self.shape(index)))
        };
        let one_order = common(present().map(|index| self.transposed.value(index))).is_some();
        match shape {
            Some(_) if complete && one_order => self.dense(showing, (start, end), &[end - start]),
            Some(shape) if complete || showing.missing == Some(Missing::Nan) => {
                self.stacked(showing, (start, end), shape)
            }
            _ => object_array(showing, nulls, (start, end), |index| self.present(showing, index)),
        }
    }
}
