//! A column's cells as Python sees them: scalars, and lists as ndarrays.
//!
//! [`Elements`] is a run of values of one Arrow type; a list is a run of runs. Values that NumPy can read where they
//! are become views; what must be converted (bits, dates, strings, missing values) is copied, and counted.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use arrow_data::ArrayData;
use arrow_schema::{DataType, TimeUnit};
use beringia_core::ErrorCode;
use beringia_core::protocol::Missing;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::array::{self, Dtype};
use crate::failure::{Failure, Result};

/// How a column is shown.
pub struct Showing<'py> {
    /// What views are based on.
    pub base: Bound<'py, PyAny>,
    /// Whether views may be written to: the memory is then private.
    pub writable: bool,
    /// The parameter, for messages.
    pub name: String,
    /// The type as the engine would say it, for messages.
    pub type_name: String,
    /// How missing values are shown; `None` for a key, where they are `None`.
    pub missing: Option<Missing>,
    /// `numpy.ma`.
    pub masked_arrays: Bound<'py, PyModule>,
    /// Bytes copied.
    pub copied: std::cell::Cell<u64>,
}

impl<'py> Showing<'py> {
    fn py(&self) -> Python<'py> {
        self.base.py()
    }

    fn count(&self, bytes: usize) {
        self.copied.set(self.copied.get() + bytes as u64);
    }

    fn missing_value(&self) -> Failure {
        let Showing { name, type_name, .. } = self;
        let advice = if self.missing == Some(Missing::Error) {
            "missing='error' refuses missing values"
        } else {
            "NumPy has no missing value for this type: cast the column to double to get NaN, or pass \
             missing='mask' for masked arrays, or fill or drop the missing values first"
        };
        Failure::new(
            ErrorCode::MissingValue,
            format!("argument '{name}' ({type_name}) has a missing value; {advice}"),
        )
    }

    /// Wraps `data` in a masked array; `mask` says of each value whether it is missing.
    fn masked(&self, data: Bound<'py, PyAny>, nulls: Option<&NullBuffer>) -> Result<Bound<'py, PyAny>> {
        let mask = match nulls {
            None => self.masked_arrays.getattr("nomask")?,
            Some(nulls) => array::filled(self.py(), &Dtype::new(self.py(), "?")?, &[nulls.len()], |bytes| {
                for (byte, valid) in bytes.iter_mut().zip(nulls.iter()) {
                    *byte = u8::from(!valid);
                }
            })?,
        };
        Ok(self.masked_arrays.getattr("MaskedArray")?.call1((data, mask))?)
    }
}

/// A run of values.
pub trait Elements {
    /// One value.
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>>;
    /// The values from `start` to before `end`, as an array whose first axis is theirs.
    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>>;
    /// Equal-length runs of `len` from `start` on as one array of shape `(count, len, …)`, where the values allow.
    fn rows<'py>(
        &self,
        _showing: &Showing<'py>,
        _start: usize,
        _count: usize,
        _len: usize,
    ) -> Result<Option<Bound<'py, PyAny>>> {
        Ok(None)
    }
    /// A run of `len` missing values, where the type has them.
    fn blank<'py>(&self, _showing: &Showing<'py>, _len: usize) -> Result<Option<Bound<'py, PyAny>>> {
        Ok(None)
    }
}

/// The values of an array, by its type.
///
/// # Errors
/// [`ErrorCode::Argument`] for a type that has no NumPy form.
pub fn elements(py: Python<'_>, data: &ArrayData) -> Result<Box<dyn Elements>> {
    let array = arrow_array::make_array(data.clone());
    if let Some((name, kind)) = fixed(data.data_type()) {
        let dtype = Dtype::new(py, name)?;
        let values = data.buffers()[0].clone();
        let offset = data.offset() * dtype.width;
        return Ok(Box::new(Fixed { dtype, kind, values, offset, nulls: data.nulls().cloned() }));
    }
    Ok(match data.data_type() {
        DataType::Boolean => Box::new(Converted { dtype: Dtype::new(py, "?")?, kind: Kind::Integer, array }),
        DataType::Date32 => Box::new(Converted { dtype: Dtype::new(py, "M8[D]")?, kind: Kind::Time, array }),
        DataType::LargeUtf8 | DataType::Utf8 | DataType::LargeBinary | DataType::Binary => {
            Box::new(Objects { array })
        }
        DataType::LargeList(_) | DataType::List(_) => list(py, &array)?,
        other => {
            return Err(Failure::new(ErrorCode::Argument, format!("type {other} has no NumPy form")));
        }
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Has no missing value: integers and booleans.
    Integer,
    /// NaN.
    Float,
    /// NaT.
    Time,
}

/// Types whose Arrow values are NumPy's.
fn fixed(data_type: &DataType) -> Option<(&'static str, Kind)> {
    Some(match data_type {
        DataType::Int8 => ("i1", Kind::Integer),
        DataType::Int16 => ("i2", Kind::Integer),
        DataType::Int32 => ("i4", Kind::Integer),
        DataType::Int64 => ("i8", Kind::Integer),
        DataType::UInt8 => ("u1", Kind::Integer),
        DataType::UInt16 => ("u2", Kind::Integer),
        DataType::UInt32 => ("u4", Kind::Integer),
        DataType::UInt64 => ("u8", Kind::Integer),
        DataType::Float16 => ("f2", Kind::Float),
        DataType::Float32 => ("f4", Kind::Float),
        DataType::Float64 => ("f8", Kind::Float),
        DataType::Timestamp(unit, _) => (time(*unit, true), Kind::Time),
        DataType::Duration(unit) => (time(*unit, false), Kind::Time),
        _ => return None,
    })
}

fn time(unit: TimeUnit, instant: bool) -> &'static str {
    match (unit, instant) {
        (TimeUnit::Second, true) => "M8[s]",
        (TimeUnit::Millisecond, true) => "M8[ms]",
        (TimeUnit::Microsecond, true) => "M8[us]",
        (TimeUnit::Nanosecond, true) => "M8[ns]",
        (TimeUnit::Second, false) => "m8[s]",
        (TimeUnit::Millisecond, false) => "m8[ms]",
        (TimeUnit::Microsecond, false) => "m8[us]",
        (TimeUnit::Nanosecond, false) => "m8[ns]",
    }
}

/// The bytes of a missing value.
fn blank_bytes(kind: Kind, width: usize) -> &'static [u8] {
    const NAT: [u8; 8] = i64::MIN.to_le_bytes();
    const NAN_64: [u8; 8] = f64::NAN.to_le_bytes();
    const NAN_32: [u8; 4] = f32::NAN.to_le_bytes();
    const NAN_16: [u8; 2] = 0x7e00_u16.to_le_bytes();
    match (kind, width) {
        (Kind::Time, _) => &NAT,
        (Kind::Float, 8) => &NAN_64,
        (Kind::Float, 4) => &NAN_32,
        (Kind::Float, _) => &NAN_16,
        (Kind::Integer, _) => &[0; 8],
    }
}

/// The part of `nulls` from `start` on, if anything in it is missing.
fn missing_in(nulls: Option<&NullBuffer>, start: usize, len: usize) -> Option<NullBuffer> {
    let part = nulls?.slice(start, len);
    (part.null_count() > 0).then_some(part)
}

/// Decides on missing values: `Ok(true)` to write the type's own missing value.
fn admit(showing: &Showing<'_>, kind: Kind) -> Result<()> {
    match (showing.missing, kind) {
        (Some(Missing::Nan), Kind::Integer) | (Some(Missing::Error), _) => Err(showing.missing_value()),
        _ => Ok(()),
    }
}

/// One missing scalar.
fn missing_item<'py>(showing: &Showing<'py>, kind: Option<(Kind, &Dtype)>) -> Result<Bound<'py, PyAny>> {
    let py = showing.py();
    match (showing.missing, kind) {
        (None, _) => Ok(py.None().into_bound(py)),
        (Some(Missing::Error), _) | (Some(Missing::Nan), Some((Kind::Integer, _))) => {
            Err(showing.missing_value())
        }
        (Some(Missing::Mask), _) => Ok(showing.masked_arrays.getattr("masked")?),
        (Some(Missing::Nan), None) => Ok(py.None().into_bound(py)),
        (Some(Missing::Nan), Some((kind, dtype))) => {
            let blank = blank_bytes(kind, dtype.width);
            // SAFETY: the bytes are at least one item of the type.
            Ok(unsafe { array::scalar(py, dtype, blank.as_ptr())? })
        }
    }
}

/// Values that NumPy reads where they are.
struct Fixed {
    dtype: Dtype,
    kind: Kind,
    values: arrow_buffer::Buffer,
    offset: usize,
    nulls: Option<NullBuffer>,
}

impl Fixed {
    fn data(&self, start: usize) -> &[u8] {
        &self.values[self.offset + start * self.dtype.width..]
    }

    fn array<'py>(
        &self,
        showing: &Showing<'py>,
        shape: &[usize],
        start: usize,
        len: usize,
    ) -> Result<Bound<'py, PyAny>> {
        let nulls = missing_in(self.nulls.as_ref(), start, len);
        let bytes = &self.data(start)[..len * self.dtype.width];
        let values = match &nulls {
            None => {
                // SAFETY: `bytes` has just been cut from the buffer, as long as the shape; Arrow checked its
                // alignment; the batch's segments, and with them the buffer, live as long as `base`.
                unsafe { array::view(&showing.base, &self.dtype, shape, bytes.as_ptr(), showing.writable)? }
            }
            Some(nulls) => {
                admit(showing, self.kind)?;
                showing.count(bytes.len());
                let width = self.dtype.width;
                let blank = &blank_bytes(self.kind, width)[..width];
                array::filled(showing.py(), &self.dtype, shape, |copy| {
                    copy.copy_from_slice(bytes);
                    for (item, valid) in copy.chunks_exact_mut(width).zip(nulls.iter()) {
                        if !valid {
                            item.copy_from_slice(blank);
                        }
                    }
                })?
            }
        };
        if showing.missing == Some(Missing::Mask) {
            showing.masked(values, nulls.as_ref())
        } else {
            Ok(values)
        }
    }
}

impl Elements for Fixed {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(index)) {
            return missing_item(showing, Some((self.kind, &self.dtype)));
        }
        let data = &self.data(index)[..self.dtype.width];
        // SAFETY: `data` is one item, just cut from the buffer.
        Ok(unsafe { array::scalar(showing.py(), &self.dtype, data.as_ptr())? })
    }

    #[inline]
    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        self.array(showing, &[end - start], start, end - start)
    }

    fn rows<'py>(
        &self,
        showing: &Showing<'py>,
        start: usize,
        count: usize,
        len: usize,
    ) -> Result<Option<Bound<'py, PyAny>>> {
        let total = count * len;
        if showing.missing == Some(Missing::Mask) {
            let flat = self.array(showing, &[total], start, total)?;
            return Ok(Some(flat.call_method1("reshape", (count, len))?));
        }
        self.array(showing, &[count, len], start, total).map(Some)
    }

    fn blank<'py>(&self, showing: &Showing<'py>, len: usize) -> Result<Option<Bound<'py, PyAny>>> {
        if self.kind != Kind::Float {
            return Ok(None);
        }
        let width = self.dtype.width;
        let array = array::filled(showing.py(), &self.dtype, &[len], |bytes| {
            for item in bytes.chunks_exact_mut(width) {
                item.copy_from_slice(&blank_bytes(Kind::Float, width)[..width]);
            }
        })?;
        Ok(Some(array))
    }
}

/// Values that NumPy holds in another width than Arrow: bits as bytes, days as 64-bit numbers.
struct Converted {
    dtype: Dtype,
    kind: Kind,
    array: ArrayRef,
}

impl Converted {
    fn write(&self, index: usize, item: &mut [u8]) {
        match self.array.data_type() {
            DataType::Boolean => item[0] = u8::from(self.array.as_boolean().value(index)),
            _ => {
                let days = self.array.as_primitive::<arrow_array::types::Date32Type>().value(index);
                item.copy_from_slice(&i64::from(days).to_le_bytes());
            }
        }
    }
}

impl Elements for Converted {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.array.is_null(index) {
            return missing_item(showing, Some((self.kind, &self.dtype)));
        }
        let mut item = [0; 8];
        self.write(index, &mut item[..self.dtype.width]);
        // SAFETY: `item` holds one item of the type.
        Ok(unsafe { array::scalar(showing.py(), &self.dtype, item.as_ptr())? })
    }

    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        let nulls = missing_in(self.array.nulls(), start, end - start);
        if nulls.is_some() {
            admit(showing, self.kind)?;
        }
        let width = self.dtype.width;
        let blank = &blank_bytes(self.kind, width)[..width];
        showing.count((end - start) * width);
        let values = array::filled(showing.py(), &self.dtype, &[end - start], |bytes| {
            for (index, item) in (start..end).zip(bytes.chunks_exact_mut(width)) {
                if self.array.is_valid(index) {
                    self.write(index, item);
                } else {
                    item.copy_from_slice(blank);
                }
            }
        })?;
        if showing.missing == Some(Missing::Mask) {
            showing.masked(values, nulls.as_ref())
        } else {
            Ok(values)
        }
    }

    fn rows<'py>(
        &self,
        showing: &Showing<'py>,
        start: usize,
        count: usize,
        len: usize,
    ) -> Result<Option<Bound<'py, PyAny>>> {
        let flat = self.range(showing, start, start + count * len)?;
        Ok(Some(flat.call_method1("reshape", (count, len))?))
    }
}

/// Values that are Python objects: strings and bytes.
struct Objects {
    array: ArrayRef,
}

impl Objects {
    fn value<'py>(&self, showing: &Showing<'py>, index: usize) -> Bound<'py, PyAny> {
        let py = showing.py();
        match self.array.data_type() {
            DataType::LargeUtf8 => PyString::new(py, self.array.as_string::<i64>().value(index)).into_any(),
            DataType::Utf8 => PyString::new(py, self.array.as_string::<i32>().value(index)).into_any(),
            DataType::LargeBinary => PyBytes::new(py, self.array.as_binary::<i64>().value(index)).into_any(),
            _ => PyBytes::new(py, self.array.as_binary::<i32>().value(index)).into_any(),
        }
    }
}

impl Elements for Objects {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.array.is_null(index) { missing_item(showing, None) } else { Ok(self.value(showing, index)) }
    }

    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        let py = showing.py();
        let nulls = missing_in(self.array.nulls(), start, end - start);
        if nulls.is_some() && showing.missing == Some(Missing::Error) {
            return Err(showing.missing_value());
        }
        let items = (start..end).map(|index| {
            if self.array.is_null(index) {
                return Ok(py.None().into_bound(py));
            }
            Ok(self.value(showing, index))
        });
        let values = array::objects(py, items)?;
        if showing.missing == Some(Missing::Mask) {
            showing.masked(values, nulls.as_ref())
        } else {
            Ok(values)
        }
    }
}

/// Lists: runs of the child's values.
struct List {
    child: Box<dyn Elements>,
    /// One more than there are lists.
    offsets: Vec<usize>,
    nulls: Option<NullBuffer>,
}

fn list(py: Python<'_>, array: &ArrayRef) -> Result<Box<dyn Elements>> {
    let (child, offsets) = match array.data_type() {
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            (list.values(), list.value_offsets().iter().map(|offset| *offset as usize).collect())
        }
        _ => {
            let list = array.as_list::<i32>();
            (list.values(), list.value_offsets().iter().map(|offset| *offset as usize).collect())
        }
    };
    let nulls = array.nulls().cloned();
    Ok(Box::new(List { child: elements(py, &child.to_data())?, offsets, nulls }))
}

impl List {
    fn is_null(&self, index: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(index))
    }

    /// The length that all present lists have, if they have one.
    fn common_length(&self, start: usize, end: usize) -> Option<usize> {
        let mut lengths = (start..end)
            .filter(|index| !self.is_null(*index))
            .map(|index| self.offsets[index + 1] - self.offsets[index]);
        let first = lengths.next()?;
        lengths.all(|length| length == first).then_some(first)
    }
}

impl Elements for List {
    #[inline]
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.is_null(index) {
            return missing_item(showing, None);
        }
        self.child.range(showing, self.offsets[index], self.offsets[index + 1])
    }

    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        let py = showing.py();
        let missing = missing_in(self.nulls.as_ref(), start, end - start);
        if missing.is_some() && showing.missing == Some(Missing::Error) {
            return Err(showing.missing_value());
        }
        if let Some(len) = self.common_length(start, end) {
            if missing.is_none() {
                let rows = self.child.rows(showing, self.offsets[start], end - start, len)?;
                if let Some(rows) = rows {
                    return Ok(rows);
                }
            } else if showing.missing == Some(Missing::Nan)
                && let Some(blank) = self.child.blank(showing, len)?
            {
                let rows: Vec<_> = (start..end)
                    .map(
                        |index| {
                            if self.is_null(index) { Ok(blank.clone()) } else { self.item(showing, index) }
                        },
                    )
                    .collect::<Result<_>>()?;
                let stacked = py.import("numpy")?.call_method1("stack", (rows,))?;
                showing.count((end - start) * len * 8);
                return Ok(stacked);
            }
        }
        let lists = (start..end).map(|index| {
            if self.is_null(index) { Ok(py.None().into_bound(py)) } else { self.item(showing, index) }
        });
        let values = array::objects(py, lists)?;
        if showing.missing == Some(Missing::Mask) {
            showing.masked(values, missing.as_ref())
        } else {
            Ok(values)
        }
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
        let Some(rows) = self.child.rows(showing, self.offsets[start], count * len, inner)? else {
            return Ok(None);
        };
        // Rows of rows: split the first axis; the values stay where they are.
        let mut shape = vec![count, len];
        shape.extend(rows.getattr("shape")?.extract::<Vec<usize>>()?.into_iter().skip(1));
        Ok(Some(rows.call_method1("reshape", (shape,))?))
    }
}

/// The name of a type in messages.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Int8 => "byte".to_owned(),
        DataType::Int16 => "short".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Int64 => "long".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::LargeUtf8 | DataType::Utf8 => "string".to_owned(),
        DataType::LargeBinary | DataType::Binary => "binary".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::LargeList(field) | DataType::List(field) => {
            format!("array<{}>", type_name(field.data_type()))
        }
        other => other.to_string(),
    }
}
