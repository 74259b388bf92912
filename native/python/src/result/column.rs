//! The values of one field, appended to growable buffers in shared memory.
//!
//! What does not fit the field's type is a [`Misfit`]; nothing is rounded, cut or guessed.

use std::marker::PhantomData;

use arrow_schema::{DataType, TimeUnit};
use beringia_core::protocol::{ArrayDescriptor, BufferRef};
use beringia_core::segment::{Arena, SharedBuffer};
use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};

use crate::argument::type_name;
use crate::array::{as_array, bytes};
use crate::failure::{Failure, Result};

/// What did not fit.
pub enum Misfit {
    /// A value of another kind, or out of range: what came.
    Got(String),
    /// Anything else.
    Other(Failure),
}

/// Whether a value fitted.
pub type Fit = std::result::Result<(), Misfit>;

impl From<beringia_core::Error> for Misfit {
    fn from(error: beringia_core::Error) -> Self {
        Misfit::Other(error.into())
    }
}

impl From<PyErr> for Misfit {
    fn from(error: PyErr) -> Self {
        Misfit::Other(error.into())
    }
}

/// `value` as messages show it: its repr, cut, and its type.
pub fn show(value: &Bound<'_, PyAny>) -> String {
    let class = value.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    let mut text = value.repr().map_or_else(|_| String::new(), |repr| repr.to_string());
    if let Some((end, _)) = text.char_indices().nth(100) {
        text.truncate(end);
        text.push('…');
    }
    match as_array(value) {
        Some(array) => format!("an ndarray of shape {:?} and dtype {}", array.shape(), array.dtype()),
        None => format!("{text} ({class})"),
    }
}

fn got(value: &Bound<'_, PyAny>) -> Misfit {
    Misfit::Got(show(value))
}

/// A bitmap that exists only once something is missing.
#[derive(Default)]
struct Validity {
    bits: Option<SharedBuffer>,
    len: usize,
}

impl Validity {
    #[inline]
    fn push(&mut self, arena: &mut Arena, valid: bool) -> beringia_core::Result<()> {
        let index = self.len;
        self.len += 1;
        if valid && self.bits.is_none() {
            return Ok(());
        }
        let mut bits = match self.bits.take() {
            Some(bits) => bits,
            None => arena.buffer(self.len.div_ceil(8) * 2)?,
        };
        let missing = self.len.div_ceil(8) - bits.len();
        bits.fill(arena, 0xff, missing)?;
        bits.set_bit(index, valid)?;
        self.bits = Some(bits);
        Ok(())
    }

    /// `count` present values.
    fn extend(&mut self, arena: &mut Arena, count: usize) -> beringia_core::Result<()> {
        if self.bits.is_none() {
            self.len += count;
            return Ok(());
        }
        (0..count).try_for_each(|_| self.push(arena, true))
    }

    /// Bits past the end may stay as they are, but for the last byte's, which `push` expects to be set.
    fn truncate(&mut self, len: usize) -> beringia_core::Result<()> {
        let Some(bits) = &mut self.bits else {
            self.len = self.len.min(len);
            return Ok(());
        };
        for index in len..self.len.min(len.next_multiple_of(8)) {
            bits.set_bit(index, true)?;
        }
        bits.truncate(len.div_ceil(8));
        self.len = self.len.min(len);
        Ok(())
    }

    fn reference(&self) -> Option<(BufferRef, u64)> {
        self.bits.as_ref().map(|bits| (bits.reference(), 0))
    }
}

/// A column under construction.
pub trait Column {
    /// Appends one value.
    fn append(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit;
    /// Appends a missing value.
    fn append_null(&mut self, arena: &mut Arena) -> Fit;
    /// Appends all items of a one-dimensional array at once; false where that needs a look at each.
    fn extend(
        &mut self,
        _arena: &mut Arena,
        _array: &Bound<'_, PyUntypedArray>,
    ) -> std::result::Result<bool, Misfit> {
        Ok(false)
    }
    /// How many values there are.
    fn len(&self) -> usize;
    /// Takes back all values past the first `len`.
    fn truncate(&mut self, len: usize) -> Fit;
    /// What was written.
    fn finish(&self) -> ArrayDescriptor;
}

/// An empty column of a type, with room for `rows` values.
///
/// # Errors
/// [`beringia_core::ErrorCode::Argument`] for a type that a function cannot return.
pub fn column(
    py: Python<'_>,
    arena: &mut Arena,
    data_type: &DataType,
    nan_as_null: bool,
    rows: usize,
) -> Result<Box<dyn Column>> {
    let width = data_type.primitive_width().unwrap_or(0);
    let values = |arena: &mut Arena, bytes: usize| arena.buffer(bytes);
    macro_rules! integer {
        ($type:ty, $dtype:literal) => {
            Box::new(Numbers::<$type> {
                values: values(arena, rows * width)?,
                validity: Validity::default(),
                dtype: $dtype,
                nan_as_null: nan_as_null && $dtype.starts_with('f'),
                number: PhantomData,
            })
        };
    }
    Ok(match data_type {
        DataType::Boolean => {
            Box::new(Bits { values: values(arena, rows.div_ceil(8))?, len: 0, validity: Validity::default() })
        }
        DataType::Int8 => integer!(i8, "i1"),
        DataType::Int16 => integer!(i16, "i2"),
        DataType::Int32 => integer!(i32, "i4"),
        DataType::Int64 => integer!(i64, "i8"),
        DataType::Float32 => integer!(f32, "f4"),
        DataType::Float64 => integer!(f64, "f8"),
        DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _) => Box::new(Times {
            values: values(arena, rows * width)?,
            validity: Validity::default(),
            days: *data_type == DataType::Date32,
            zoned: matches!(data_type, DataType::Timestamp(_, Some(_))),
            convert: py.import("beringia._convert")?.getattr("time")?.unbind(),
        }),
        DataType::LargeUtf8 | DataType::LargeBinary => {
            let mut offsets = values(arena, (rows + 1) * 8)?;
            offsets.push(arena, 0_i64)?;
            let text = *data_type == DataType::LargeUtf8;
            let data = values(arena, rows * 16)?;
            Box::new(Texts { offsets, data, validity: Validity::default(), text })
        }
        DataType::LargeList(field) => {
            let mut offsets = values(arena, (rows + 1) * 8)?;
            offsets.push(arena, 0_i64)?;
            let child = column(py, arena, field.data_type(), nan_as_null, rows * 8)?;
            Box::new(Lists { offsets, child, validity: Validity::default() })
        }
        other => {
            return Err(Failure::new(
                beringia_core::ErrorCode::Argument,
                format!("a function cannot return type {}", type_name(other)),
            ));
        }
    })
}

fn descriptor(len: usize, validity: &Validity, buffers: &[&SharedBuffer]) -> ArrayDescriptor {
    ArrayDescriptor {
        len: len as u64,
        offset: 0,
        validity: validity.reference(),
        buffers: buffers.iter().map(|buffer| buffer.reference()).collect(),
        children: Vec::new(),
    }
}

/// A number type of NumPy and Arrow.
trait Number: arrow_buffer::ArrowNativeType {
    fn of(value: &Bound<'_, PyAny>) -> std::result::Result<Self, Misfit>;
    fn is_nan(self) -> bool {
        false
    }
}

/// NumPy's booleans are not Python's.
fn boolean(value: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    if let Ok(value) = value.cast::<PyBool>() {
        return Ok(Some(value.is_true()));
    }
    static BOOL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if value.is_instance(BOOL.import(value.py(), "numpy", "bool_")?)? {
        return Ok(Some(value.is_truthy()?));
    }
    Ok(None)
}

/// Python's and NumPy's integers: those with `__index__` that are no arrays.
fn index<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    if as_array(value).is_some() {
        return None;
    }
    value.call_method0(intern!(value.py(), "__index__")).ok()
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn of(value: &Bound<'_, PyAny>) -> std::result::Result<Self, Misfit> {
                if value.is_exact_instance_of::<PyInt>() {
                    return value.extract::<$type>().map_err(|_| got(value));
                }
                if let Some(value) = boolean(value)? {
                    return Ok(value.into());
                }
                match index(value) {
                    Some(integer) => integer.extract::<$type>().map_err(|_| got(value)),
                    None => Err(got(value)),
                }
            }
        }
    )*};
}
integers!(i8, i16, i32, i64);

/// A double that is the value exactly, if the value is an integer; or its nearest, if it is a float.
fn double(value: &Bound<'_, PyAny>) -> std::result::Result<f64, Misfit> {
    if let Ok(float) = value.cast::<PyFloat>() {
        return Ok(float.value());
    }
    if boolean(value)?.is_some() || value.is_instance_of::<PyString>() {
        return Err(got(value));
    }
    if let Some(integer) = index(value) {
        let float = integer.extract::<f64>().map_err(|_| got(value))?;
        let exact = integer.eq(float)?;
        return if exact { Ok(float) } else { Err(got(value)) };
    }
    // float16, float32, longdouble.
    static FLOATING: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if value.is_instance(FLOATING.import(value.py(), "numpy", "floating")?)? {
        return value.call_method0(intern!(value.py(), "__float__"))?.extract().map_err(|_| got(value));
    }
    Err(got(value))
}

impl Number for f64 {
    #[inline]
    fn of(value: &Bound<'_, PyAny>) -> std::result::Result<Self, Misfit> {
        double(value)
    }

    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
}

impl Number for f32 {
    fn of(value: &Bound<'_, PyAny>) -> std::result::Result<Self, Misfit> {
        let wide = double(value)?;
        let narrow = wide as f32;
        let inexact_integer =
            !value.is_instance_of::<PyFloat>() && index(value).is_some() && f64::from(narrow) != wide;
        if (narrow.is_infinite() && wide.is_finite()) || inexact_integer {
            return Err(got(value));
        }
        Ok(narrow)
    }

    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
}

struct Numbers<T> {
    values: SharedBuffer,
    validity: Validity,
    dtype: &'static str,
    nan_as_null: bool,
    number: PhantomData<T>,
}

impl<T: Number> Column for Numbers<T>
where
    T: Default,
{
    #[inline]
    fn append(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
        let number = T::of(value)?;
        if self.nan_as_null && number.is_nan() {
            return self.append_null(arena);
        }
        self.values.push(arena, number)?;
        Ok(self.validity.push(arena, true)?)
    }

    fn append_null(&mut self, arena: &mut Arena) -> Fit {
        self.values.push(arena, T::default())?;
        Ok(self.validity.push(arena, false)?)
    }

    fn extend(
        &mut self,
        arena: &mut Arena,
        array: &Bound<'_, PyUntypedArray>,
    ) -> std::result::Result<bool, Misfit> {
        let len = array.len();
        let contiguous = numbers(array, self.dtype)?;
        let Some(array) = contiguous else { return Ok(false) };
        if self.nan_as_null && has_nan(&array)? {
            return Ok(false);
        }
        // SAFETY: `numbers` returns a C-contiguous array of this very type; the GIL is held, nobody writes to it.
        self.values.extend(arena, unsafe { bytes(&array, len * size_of::<T>()) })?;
        self.validity.extend(arena, len)?;
        Ok(true)
    }

    fn len(&self) -> usize {
        self.validity.len
    }

    fn truncate(&mut self, len: usize) -> Fit {
        self.values.truncate(len * size_of::<T>());
        Ok(self.validity.truncate(len)?)
    }

    fn finish(&self) -> ArrayDescriptor {
        descriptor(self.len(), &self.validity, &[&self.values])
    }
}

/// `array` as a C-contiguous array of `dtype`, itself where it is one already; `None` where each item has to be
/// looked at.
fn numbers<'py>(
    array: &Bound<'py, PyUntypedArray>,
    dtype: &'static str,
) -> std::result::Result<Option<Bound<'py, PyUntypedArray>>, Misfit> {
    let py = array.py();
    let descr = array.dtype();
    let same = descr.kind() == dtype.as_bytes()[0]
        && descr.itemsize() == usize::from(dtype.as_bytes()[1] - b'0')
        && descr.is_native_byteorder() != Some(false)
        && array.is_exact_instance_of::<PyUntypedArray>();
    if same && array.is_c_contiguous() {
        return Ok(Some(array.clone()));
    }
    let converted = py.import("beringia._convert")?.call_method1("numbers", (array, dtype));
    match converted {
        Ok(converted) if converted.is_none() => Ok(None),
        Ok(converted) => Ok(Some(converted.cast_into::<PyUntypedArray>().map_err(PyErr::from)?)),
        Err(error) if is_refusal(py, &error) => Err(Misfit::Got(error.value(py).to_string())),
        Err(error) => Err(error.into()),
    }
}

fn has_nan(array: &Bound<'_, PyUntypedArray>) -> PyResult<bool> {
    array.py().import("numpy")?.call_method1("isnan", (array,))?.call_method0("any")?.extract()
}

fn is_refusal(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyTypeError>(py)
        || error.is_instance_of::<PyValueError>(py)
        || error.is_instance_of::<PyOverflowError>(py)
}

struct Bits {
    values: SharedBuffer,
    len: usize,
    validity: Validity,
}

impl Bits {
    fn push(&mut self, arena: &mut Arena, value: bool, valid: bool) -> Fit {
        if self.len / 8 >= self.values.len() {
            self.values.push(arena, 0_u8)?;
        }
        self.values.set_bit(self.len, value)?;
        self.len += 1;
        Ok(self.validity.push(arena, valid)?)
    }
}

impl Column for Bits {
    fn append(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
        match boolean(value)? {
            Some(value) => self.push(arena, value, true),
            None => Err(got(value)),
        }
    }

    fn append_null(&mut self, arena: &mut Arena) -> Fit {
        self.push(arena, false, false)
    }

    fn len(&self) -> usize {
        self.len
    }

    fn truncate(&mut self, len: usize) -> Fit {
        self.values.truncate(len.div_ceil(8));
        self.len = self.len.min(len);
        Ok(self.validity.truncate(len)?)
    }

    fn finish(&self) -> ArrayDescriptor {
        descriptor(self.len, &self.validity, &[&self.values])
    }
}

/// Dates (int32 days) and timestamps (int64 µs).
struct Times {
    values: SharedBuffer,
    validity: Validity,
    days: bool,
    zoned: bool,
    convert: Py<PyAny>,
}

impl Column for Times {
    fn append(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
        let py = value.py();
        let unit = if self.days { "D" } else { "us" };
        let number = match self.convert.bind(py).call1((value, unit, self.zoned)) {
            Ok(number) if number.is_none() => return self.append_null(arena),
            Ok(number) => number.extract::<i64>().map_err(|_| got(value))?,
            Err(error) if is_refusal(py, &error) => return Err(got(value)),
            Err(error) => return Err(error.into()),
        };
        if self.days {
            self.values.push(arena, i32::try_from(number).map_err(|_| got(value))?)?;
        } else {
            self.values.push(arena, number)?;
        }
        Ok(self.validity.push(arena, true)?)
    }

    fn append_null(&mut self, arena: &mut Arena) -> Fit {
        if self.days {
            self.values.push(arena, 0_i32)?
        } else {
            self.values.push(arena, 0_i64)?
        };
        Ok(self.validity.push(arena, false)?)
    }

    fn len(&self) -> usize {
        self.validity.len
    }

    fn truncate(&mut self, len: usize) -> Fit {
        self.values.truncate(len * if self.days { 4 } else { 8 });
        Ok(self.validity.truncate(len)?)
    }

    fn finish(&self) -> ArrayDescriptor {
        descriptor(self.len(), &self.validity, &[&self.values])
    }
}

/// Strings and bytes.
struct Texts {
    offsets: SharedBuffer,
    data: SharedBuffer,
    validity: Validity,
    text: bool,
}

impl Column for Texts {
    fn append(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
        if self.text {
            let text = value.cast::<PyString>().map_err(|_| got(value))?;
            self.data.extend(arena, text.to_str().map_err(|_| got(value))?.as_bytes())?;
        } else {
            let bytes = value.cast::<PyBytes>().map_err(|_| got(value))?;
            self.data.extend(arena, bytes.as_bytes())?;
        }
        self.offsets.push(arena, self.data.len() as i64)?;
        Ok(self.validity.push(arena, true)?)
    }

    fn append_null(&mut self, arena: &mut Arena) -> Fit {
        self.offsets.push(arena, self.data.len() as i64)?;
        Ok(self.validity.push(arena, false)?)
    }

    fn len(&self) -> usize {
        self.validity.len
    }

    fn truncate(&mut self, len: usize) -> Fit {
        self.offsets.truncate((len + 1) * 8);
        self.data.truncate(last_offset(&self.offsets)?);
        Ok(self.validity.truncate(len)?)
    }

    fn finish(&self) -> ArrayDescriptor {
        descriptor(self.len(), &self.validity, &[&self.offsets, &self.data])
    }
}

/// Where the last value ends.
fn last_offset(offsets: &SharedBuffer) -> beringia_core::Result<usize> {
    let mut end = [0; 8];
    end.copy_from_slice(&offsets.last(8)?);
    usize::try_from(i64::from_le_bytes(end)).map_err(beringia_core::Error::internal)
}

struct Lists {
    offsets: SharedBuffer,
    child: Box<dyn Column>,
    validity: Validity,
}

impl Lists {
    fn append_items<'py>(
        &mut self,
        arena: &mut Arena,
        items: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
    ) -> Fit {
        for item in items {
            append_or_null(self.child.as_mut(), arena, &item?)?;
        }
        Ok(())
    }
}

impl Column for Lists {
    fn append(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
        if let Some(array) = as_array(value) {
            if array.ndim() == 0 {
                return Err(got(value));
            }
            // No values, no matter of what dtype.
            let done = array.shape()[0] == 0 || (array.ndim() == 1 && self.child.extend(arena, array)?);
            if !done {
                self.append_items(arena, value.try_iter()?)?;
            }
        } else if let Ok(list) = value.cast::<PyList>() {
            self.append_items(arena, list.iter().map(Ok))?;
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            self.append_items(arena, tuple.iter().map(Ok))?;
        } else {
            return Err(got(value));
        }
        self.offsets.push(arena, self.child.len() as i64)?;
        Ok(self.validity.push(arena, true)?)
    }

    fn append_null(&mut self, arena: &mut Arena) -> Fit {
        self.offsets.push(arena, self.child.len() as i64)?;
        Ok(self.validity.push(arena, false)?)
    }

    fn len(&self) -> usize {
        self.validity.len
    }

    fn truncate(&mut self, len: usize) -> Fit {
        self.offsets.truncate((len + 1) * 8);
        self.child.truncate(last_offset(&self.offsets)?)?;
        Ok(self.validity.truncate(len)?)
    }

    fn finish(&self) -> ArrayDescriptor {
        let mut array = descriptor(self.len(), &self.validity, &[&self.offsets]);
        array.children.push(self.child.finish());
        array
    }
}

/// Appends a value, or a missing one where the value stands for that.
pub fn append_or_null(column: &mut dyn Column, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
    if value.is_none() || is_masked(value)? {
        return column.append_null(arena);
    }
    match as_array(value) {
        // A 0-d array is its item.
        Some(array) if array.ndim() == 0 => {
            let item = value.get_item(PyTuple::empty(value.py()))?;
            if as_array(&item).is_some() {
                column.append(arena, value)
            } else {
                append_or_null(column, arena, &item)
            }
        }
        _ => column.append(arena, value),
    }
}

fn is_masked(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static MASKED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    let masked =
        MASKED.get_or_try_init(py, || PyResult::Ok(py.import("numpy.ma")?.getattr("masked")?.unbind()))?;
    Ok(value.is(masked))
}
