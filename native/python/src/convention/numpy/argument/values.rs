//! Plain values: numbers, booleans, dates and times, strings, bytes, decimals.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, types};
use arrow_buffer::NullBuffer;
use arrow_data::ArrayData;
use arrow_schema::{DataType, TimeUnit};
use beringia_core::{ErrorCode, text};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::{Elements, Showing, missing_in, missing_object, object_array};
use crate::convention::numpy::array::{self, Dtype};
use crate::convention::numpy::options::Missing;
use crate::failure::{Failure, Result};

/// The values of an array of a plain type; `None` for any other.
pub(super) fn values(py: Python<'_>, data: &ArrayData) -> Result<Option<Box<dyn Elements>>> {
    if let Some((name, kind)) = fixed(data.data_type()) {
        let dtype = Dtype::new(py, name)?;
        let values = data.buffers()[0].clone();
        let offset = data.offset() * dtype.width;
        return Ok(Some(Box::new(Fixed { dtype, kind, values, offset, nulls: data.nulls().cloned() })));
    }
    let array = arrow_array::make_array(data.clone());
    Ok(Some(match data.data_type() {
        DataType::Boolean => Box::new(Widened { dtype: Dtype::new(py, "?")?, kind: Kind::Integer, array }),
        DataType::Date32 => Box::new(Widened { dtype: Dtype::new(py, "M8[D]")?, kind: Kind::Time, array }),
        DataType::Time32(unit) => {
            Box::new(Widened { dtype: Dtype::new(py, time(*unit, false))?, kind: Kind::Time, array })
        }
        DataType::LargeUtf8 | DataType::Utf8 | DataType::LargeBinary | DataType::Binary => {
            Box::new(Objects { array, decimal: None })
        }
        DataType::Decimal128(..) | DataType::Decimal256(..) => {
            let decimal = py.import("decimal")?.getattr("Decimal")?.unbind();
            Box::new(Objects { array, decimal: Some(decimal) })
        }
        _ => return Ok(None),
    }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
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
        // A time of day is the time since midnight.
        DataType::Duration(unit) | DataType::Time64(unit) => (time(*unit, false), Kind::Time),
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

/// Refuses missing values where none may be; else the type's own missing value is written.
pub(super) fn admit(showing: &Showing<'_>, kind: Kind) -> Result<()> {
    match (showing.missing, kind) {
        (Some(Missing::Nan), Kind::Integer) | (Some(Missing::Error), _) => Err(showing.missing_value()),
        _ => Ok(()),
    }
}

/// One missing scalar.
pub(super) fn missing_item<'py>(
    showing: &Showing<'py>,
    kind: Kind,
    dtype: &Dtype,
) -> Result<Bound<'py, PyAny>> {
    match (showing.missing, kind) {
        (Some(Missing::Nan), Kind::Integer) => Err(showing.missing_value()),
        (Some(Missing::Nan), _) => {
            let blank = blank_bytes(kind, dtype.width);
            // SAFETY: the bytes are at least one item of the type.
            Ok(unsafe { array::scalar(showing.py(), dtype, blank.as_ptr())? })
        }
        _ => missing_object(showing),
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
            None => view(showing, &self.dtype, shape, bytes)?,
            Some(nulls) => {
                admit(showing, self.kind)?;
                showing.count(bytes.len());
                let width = self.dtype.width;
                let blank = &blank_bytes(self.kind, width)[..width];
                showing.filled(&self.dtype, shape, |copy| {
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

/// A view on values of the batch, as many bytes of them as the shape has.
pub(super) fn view<'py>(
    showing: &Showing<'py>,
    dtype: &Dtype,
    shape: &[usize],
    bytes: &[u8],
) -> Result<Bound<'py, PyAny>> {
    let len = shape.iter().product::<usize>() * dtype.width;
    if len != bytes.len() {
        return Err(Failure::new(
            ErrorCode::Internal,
            format!("{} bytes for an array of shape {shape:?}", bytes.len()),
        ));
    }
    // SAFETY: `bytes` is a part of one of the batch's buffers, as long as the shape; Arrow checked its alignment;
    // the batch's segments, and with them the buffer, live as long as `base`.
    Ok(unsafe { array::view(&showing.base, dtype, shape, bytes.as_ptr(), showing.writable)? })
}

impl Elements for Fixed {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(index)) {
            return missing_item(showing, self.kind, &self.dtype);
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
        self.array(showing, &[count, len], start, count * len).map(Some)
    }
}

/// Values that NumPy holds in another width than Arrow: bits as bytes, days and times of day as 64-bit numbers.
struct Widened {
    dtype: Dtype,
    kind: Kind,
    array: ArrayRef,
}

impl Widened {
    fn write(&self, index: usize, item: &mut [u8]) {
        match self.array.data_type() {
            DataType::Boolean => item[0] = u8::from(self.array.as_boolean().value(index)),
            data_type => {
                let count = match data_type {
                    DataType::Time32(TimeUnit::Second) => {
                        self.array.as_primitive::<types::Time32SecondType>().value(index)
                    }
                    DataType::Time32(_) => {
                        self.array.as_primitive::<types::Time32MillisecondType>().value(index)
                    }
                    _ => self.array.as_primitive::<types::Date32Type>().value(index),
                };
                item.copy_from_slice(&i64::from(count).to_le_bytes());
            }
        }
    }
}

impl Elements for Widened {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.array.is_null(index) {
            return missing_item(showing, self.kind, &self.dtype);
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
        let values = showing.filled(&self.dtype, &[end - start], |bytes| {
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

/// Values that are Python objects: strings, bytes, decimals.
struct Objects {
    array: ArrayRef,
    /// `decimal.Decimal`.
    decimal: Option<Py<PyAny>>,
}

impl Objects {
    fn value<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        let (py, array) = (showing.py(), &self.array);
        if let Some(decimal) = &self.decimal {
            let text = match array.data_type() {
                DataType::Decimal256(..) => {
                    array.as_primitive::<types::Decimal256Type>().value_as_string(index)
                }
                _ => array.as_primitive::<types::Decimal128Type>().value_as_string(index),
            };
            return Ok(decimal.bind(py).call1((text,))?);
        }
        Ok(match array.data_type() {
            DataType::LargeUtf8 | DataType::Utf8 => {
                let bytes = text::bytes(array, index).unwrap_or_default();
                PyString::from_bytes(py, bytes).map_err(|_| showing.not_text(bytes))?.into_any()
            }
            DataType::LargeBinary => PyBytes::new(py, array.as_binary::<i64>().value(index)).into_any(),
            _ => PyBytes::new(py, array.as_binary::<i32>().value(index)).into_any(),
        })
    }
}

impl Elements for Objects {
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        if self.array.is_null(index) { missing_object(showing) } else { self.value(showing, index) }
    }

    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>> {
        object_array(showing, self.array.nulls(), (start, end), |index| self.value(showing, index))
    }
}
