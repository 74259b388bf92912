//! Arrow C structs in and out.
//!
//! The structs that the JVM fills stay the JVM's: they are read during one call, and their `release` is a function
//! that does nothing. The structs that we fill carry Arrow's own `release`, which lets go of the segments.

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow_data::ArrayData;
use arrow_schema::DataType;
use beringia_core::{Error, Result};

/// `address` as a pointer to a struct that the JVM owns.
fn pointer<T>(address: i64, what: &str) -> Result<*mut T> {
    let pointer = address as usize as *mut T;
    if pointer.is_null() || !pointer.is_aligned() {
        return Err(Error::protocol(format!("{address:#x} is no address of an {what}")));
    }
    Ok(pointer)
}

unsafe extern "C" fn keep_array(array: *mut FFI_ArrowArray) {
    // SAFETY: Arrow calls this with the struct it was set on.
    unsafe { (*array).set_release(None) };
}

/// The type that an `ArrowSchema` of the JVM describes.
///
/// # Safety
/// `address` is that of a complete `ArrowSchema`, which nobody changes during the call.
pub unsafe fn import_type(address: i64) -> Result<DataType> {
    let schema = pointer::<FFI_ArrowSchema>(address, "ArrowSchema")?;
    // SAFETY: the caller's promise. The struct is only borrowed, so its (null) release is never called.
    Ok(DataType::try_from(unsafe { &*schema })?)
}

/// A view on the array that an `ArrowArray` of the JVM describes; its buffers are the JVM's.
///
/// # Safety
/// `address` is that of a complete `ArrowArray` of type `data_type` whose buffers and children are valid, and stay
/// so until the view is dropped.
pub unsafe fn import_array(address: i64, data_type: &DataType) -> Result<ArrayData> {
    let array = pointer::<FFI_ArrowArray>(address, "ArrowArray")?;
    // SAFETY: a bitwise copy of the struct, whose `release` is then ours and frees nothing; the caller's promise
    // covers the rest.
    unsafe {
        let mut array = std::ptr::read(array);
        array.set_release(Some(keep_array));
        Ok(from_ffi_and_data_type(array, data_type.clone())?)
    }
}

/// Writes `array` to the struct at `address`, which then owns it.
///
/// # Safety
/// `address` is that of writable memory as large as an `ArrowArray`, which holds none that needs a release.
pub unsafe fn export_array(array: &ArrayData, address: i64) -> Result<()> {
    let target = pointer::<FFI_ArrowArray>(address, "ArrowArray")?;
    // SAFETY: the caller's promise.
    unsafe { std::ptr::write(target, FFI_ArrowArray::new(array)) };
    Ok(())
}

/// Releases the array at `address`, which [`export_array`] wrote; a released one is left alone.
///
/// # Safety
/// `address` is that of an `ArrowArray` that [`export_array`] wrote.
pub unsafe fn release_array(address: i64) -> Result<()> {
    let array = pointer::<FFI_ArrowArray>(address, "ArrowArray")?;
    // SAFETY: the caller's promise; moving out leaves an empty struct with a null release behind.
    drop(unsafe { std::ptr::replace(array, FFI_ArrowArray::empty()) });
    Ok(())
}
