//! Numbers and booleans.

use std::marker::PhantomData;

use beringia_core::protocol::ArrayDescriptor;
use beringia_core::segment::{Arena, SharedBuffer};
use half::f16;
use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString, PyType};

use super::bulk::Bulk;
use super::column::{Column, Fit, Misfit, Validity, descriptor, got};
use crate::convention::numpy::array::as_array;

/// A number type of NumPy and Arrow.
pub trait Number: arrow_buffer::ArrowNativeType {
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
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

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

/// The double nearest to `value`, and whether `narrow` stands for it: an integer must be met exactly, and nothing
/// finite may become infinite.
fn narrowed<T: Copy>(
    value: &Bound<'_, PyAny>,
    narrow: impl Fn(f64) -> T,
    widen: impl Fn(T) -> f64,
) -> std::result::Result<T, Misfit> {
    let wide = double(value)?;
    let result = narrow(wide);
    let inexact = widen(result) != wide && !value.is_instance_of::<PyFloat>() && index(value).is_some();
    if inexact || (widen(result).is_infinite() && wide.is_finite()) { Err(got(value)) } else { Ok(result) }
}

impl Number for f32 {
    fn of(value: &Bound<'_, PyAny>) -> std::result::Result<Self, Misfit> {
        narrowed(value, |wide| wide as f32, f64::from)
    }

    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
}

impl Number for f16 {
    fn of(value: &Bound<'_, PyAny>) -> std::result::Result<Self, Misfit> {
        narrowed(value, f16::from_f64, f16::to_f64)
    }

    fn is_nan(self) -> bool {
        f16::is_nan(self)
    }
}

/// Integers and floats.
pub struct Numbers<T> {
    values: SharedBuffer,
    validity: Validity,
    dtype: &'static str,
    nan_as_null: bool,
    number: PhantomData<T>,
}

impl<T: Number> Numbers<T> {
    pub fn new(
        arena: &mut Arena,
        dtype: &'static str,
        nan_as_null: bool,
        rows: usize,
    ) -> beringia_core::Result<Self> {
        Ok(Numbers {
            values: arena.buffer(rows * size_of::<T>())?,
            validity: Validity::default(),
            dtype,
            nan_as_null: nan_as_null && dtype.starts_with('f'),
            number: PhantomData,
        })
    }
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
        let direct = !self.nan_as_null && is_of(array, self.dtype);
        let bulk = if direct {
            Bulk { values: array.clone(), missing: None }
        } else {
            let convert = array.py().import("beringia._convert")?.getattr(intern!(array.py(), "numbers"))?;
            match Bulk::of(convert.call1((array, self.dtype, self.nan_as_null)))? {
                Some(bulk) => bulk,
                None => return Ok(false),
            }
        };
        bulk.append(arena, &mut self.values, &mut self.validity, size_of::<T>())?;
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

/// Whether `array` has the values of `dtype`, one after the other.
fn is_of(array: &Bound<'_, PyUntypedArray>, dtype: &'static str) -> bool {
    let descr = array.dtype();
    descr.kind() == dtype.as_bytes()[0]
        && descr.itemsize() == usize::from(dtype.as_bytes()[1] - b'0')
        && descr.is_native_byteorder() != Some(false)
        && array.is_exact_instance_of::<PyUntypedArray>()
        && array.is_c_contiguous()
}

/// Booleans.
pub struct Bits {
    values: SharedBuffer,
    len: usize,
    validity: Validity,
}

impl Bits {
    pub fn new(arena: &mut Arena, rows: usize) -> beringia_core::Result<Self> {
        Ok(Bits { values: arena.buffer(rows.div_ceil(8))?, len: 0, validity: Validity::default() })
    }

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
