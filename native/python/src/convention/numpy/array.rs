//! The few things the worker does with NumPy's C API: views on segments, fresh arrays, scalars.

use std::any::Any;
use std::os::raw::{c_int, c_void};
use std::ptr::null_mut;

use numpy::npyffi::{
    NPY_ARRAY_ALIGNED, NPY_ARRAY_C_CONTIGUOUS, NPY_ARRAY_WRITEABLE, NpyTypes, PY_ARRAY_API, PyArray_Check,
    PyArray_Descr, PyArrayObject, get_type_object, npy_intp,
};
use numpy::{PyArrayDescr, PyArrayDescrMethods, PyUntypedArray};
use pyo3::prelude::*;

/// Keeps memory mapped for as long as any view on it exists: the segments of a batch or call, or what a call returned.
#[pyclass(frozen, module = "beringia._native")]
pub struct Views {
    _memory: Box<dyn Any + Send + Sync>,
}

impl Views {
    pub fn new(memory: impl Any + Send + Sync) -> Views {
        Views { _memory: Box::new(memory) }
    }
}

/// A NumPy type.
pub struct Dtype {
    descr: Py<PyArrayDescr>,
    pub width: usize,
}

impl Dtype {
    /// From a NumPy type string such as `f8` or `M8[us]`.
    pub fn new(py: Python<'_>, name: &str) -> PyResult<Dtype> {
        let descr = PyArrayDescr::new(py, name)?;
        let width = descr.itemsize();
        Ok(Dtype { descr: descr.unbind(), width })
    }

    pub fn bind<'py>(&self, py: Python<'py>) -> &Bound<'py, PyArrayDescr> {
        self.descr.bind(py)
    }

    /// A new reference, for functions that steal one.
    fn stolen(&self, py: Python<'_>) -> *mut PyArray_Descr {
        self.descr.clone_ref(py).into_ptr().cast()
    }
}

fn new_array<'py>(
    py: Python<'py>,
    dtype: &Dtype,
    shape: &[usize],
    data: *mut u8,
    flags: c_int,
) -> PyResult<Bound<'py, PyAny>> {
    let mut dims = [0 as npy_intp; 32];
    if shape.len() > dims.len() {
        return Err(pyo3::exceptions::PyValueError::new_err("an array of more than 32 dimensions"));
    }
    for (dim, size) in dims.iter_mut().zip(shape) {
        *dim = *size as npy_intp;
    }
    // SAFETY: the GIL is held; the descriptor's reference is stolen; `dims` holds `shape.len()` sizes; `data` is
    // null or points to as many items as the shape has (see the callers).
    unsafe {
        let array = PY_ARRAY_API.PyArray_NewFromDescr(
            py,
            get_type_object(py, NpyTypes::PyArray_Type),
            dtype.stolen(py),
            shape.len() as c_int,
            dims.as_mut_ptr(),
            null_mut(),
            data.cast::<c_void>(),
            flags,
            null_mut(),
        );
        Bound::from_owned_ptr_or_err(py, array)
    }
}

/// A C-contiguous view on memory that `base` keeps.
///
/// # Safety
/// `data` points to as many items of `dtype` as `shape` has, aligned, valid while `base` lives; where the view is
/// `writable`, in memory that may be written to.
#[inline]
pub unsafe fn view<'py>(
    base: &Bound<'py, PyAny>,
    dtype: &Dtype,
    shape: &[usize],
    data: *const u8,
    writable: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = base.py();
    let mut flags = NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED;
    if writable {
        flags |= NPY_ARRAY_WRITEABLE;
    }
    let array = new_array(py, dtype, shape, data.cast_mut(), flags)?;
    // SAFETY: `array` is a fresh array without a base; the function steals the reference to `base`.
    let status = unsafe {
        PY_ARRAY_API.PyArray_SetBaseObject(
            py,
            array.as_ptr().cast::<PyArrayObject>(),
            base.clone().into_ptr(),
        )
    };
    if status < 0 { Err(PyErr::fetch(py)) } else { Ok(array) }
}

/// A fresh C-contiguous array, filled by `fill`, which gets its bytes.
pub fn filled<'py>(
    py: Python<'py>,
    dtype: &Dtype,
    shape: &[usize],
    fill: impl FnOnce(&mut [u8]),
) -> PyResult<Bound<'py, PyAny>> {
    let array = new_array(py, dtype, shape, null_mut(), 0)?;
    let bytes = shape.iter().product::<usize>() * dtype.width;
    if bytes > 0 {
        // SAFETY: the array was just made, is C-contiguous, owns its data and has this many bytes; nobody else
        // has it. Types that hold references are not made here.
        unsafe {
            let data = (*array.as_ptr().cast::<PyArrayObject>()).fields.data.cast::<u8>();
            std::ptr::write_bytes(data, 0, bytes);
            fill(std::slice::from_raw_parts_mut(data, bytes));
        }
    }
    Ok(array)
}

/// Makes an array read-only.
///
/// # Safety
/// `array` is an ndarray that nobody else has yet.
pub unsafe fn freeze(array: &Bound<'_, PyAny>) {
    // SAFETY: by the caller's promise; the GIL is held.
    unsafe { (*array.as_ptr().cast::<PyArrayObject>()).fields.flags &= !NPY_ARRAY_WRITEABLE }
}

/// A fresh one-dimensional object array of `items`.
pub fn objects<'py>(
    py: Python<'py>,
    items: impl ExactSizeIterator<Item = crate::failure::Result<Bound<'py, PyAny>>>,
) -> crate::failure::Result<Bound<'py, PyAny>> {
    let array = new_array(py, &Dtype::new(py, "O")?, &[items.len()], null_mut(), 0)?;
    for (index, item) in items.enumerate() {
        array.set_item(index, item?)?;
    }
    Ok(array)
}

/// A NumPy scalar of the item at `data`.
///
/// # Safety
/// `data` points to one item of `dtype`.
pub unsafe fn scalar<'py>(py: Python<'py>, dtype: &Dtype, data: *const u8) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the GIL is held; the function copies the item and borrows the descriptor.
    unsafe {
        let scalar = PY_ARRAY_API.PyArray_Scalar(
            py,
            data.cast_mut().cast::<c_void>(),
            dtype.bind(py).as_ptr().cast(),
            null_mut(),
        );
        Bound::from_owned_ptr_or_err(py, scalar)
    }
}

/// The array, if `value` is one.
pub fn as_array<'a, 'py>(value: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, PyUntypedArray>> {
    // SAFETY: the GIL is held and `value` is a valid object.
    let is_array = unsafe { PyArray_Check(value.py(), value.as_ptr()) } != 0;
    // SAFETY: just checked.
    is_array.then(|| unsafe { value.cast_unchecked::<PyUntypedArray>() })
}

/// The bytes of a C-contiguous array.
///
/// # Safety
/// `array` is C-contiguous, of `len` bytes, and not written to while the slice is in use.
pub unsafe fn bytes<'a>(array: &'a Bound<'_, PyUntypedArray>, len: usize) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    // SAFETY: by the caller's promise.
    unsafe {
        let data = (*array.as_ptr().cast::<PyArrayObject>()).fields.data.cast::<u8>();
        std::slice::from_raw_parts(data, len)
    }
}
