//! Reads an exported array as the JVM does: by raw addresses, believing every number in it.

use arrow_array::ffi::FFI_ArrowArray;
use arrow_schema::DataType;

/// `ArrowArray` of the C Data Interface.
#[repr(C)]
struct Array {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *const *const u8,
    children: *const *const Array,
    dictionary: *const Array,
    release: *const (),
    private_data: *const (),
}

/// The most rows that are read of one array: one of empty values may have any number.
const MAX_ROWS: i64 = 100;

/// Reads the values of the first rows; returns a sum over all bytes, so that no read is left out.
///
/// # Panics
/// When a number does not make sense: out of range, or text that is not UTF-8.
pub fn read(array: &FFI_ArrowArray, data_type: &DataType) -> u64 {
    // SAFETY: `FFI_ArrowArray` has the layout of the C Data Interface, which `Array` spells out.
    unsafe {
        let array = &*std::ptr::from_ref(array).cast::<Array>();
        (0..array.length.min(MAX_ROWS)).map(|row| value(array, data_type, row)).fold(0, u64::wrapping_add)
    }
}

/// # Safety
/// What is tested: `array` is a safe array of the type, and `row` one of its rows.
unsafe fn value(array: &Array, data_type: &DataType, row: i64) -> u64 {
    assert!((0..array.length).contains(&row), "row {row} of {}", array.length);
    assert!(array.dictionary.is_null());
    let at = array.offset + row;
    // SAFETY: the caller's promise, here and below.
    unsafe {
        let buffer = |index: i64| {
            assert!(index < array.n_buffers);
            *array.buffers.offset(index as isize)
        };
        let child = |index: i64| {
            assert!(index < array.n_children);
            &**array.children.offset(index as isize)
        };
        let has_validity = !matches!(data_type, DataType::Null);
        if has_validity && !buffer(0).is_null() && !bit(buffer(0), at) {
            return 0;
        }
        match data_type {
            DataType::Boolean => u64::from(bit(buffer(1), at)),
            DataType::LargeUtf8 => text(bytes::<i64>(buffer(1), buffer(2), at)),
            DataType::Utf8 => text(bytes::<i32>(buffer(1), buffer(2), at)),
            DataType::LargeBinary => sum(bytes::<i64>(buffer(1), buffer(2), at)),
            DataType::LargeList(item) => {
                let (start, end) = range::<i64>(buffer(1), at);
                items(child(0), item.data_type(), start, end)
            }
            DataType::List(item) => {
                let (start, end) = range::<i32>(buffer(1), at);
                items(child(0), item.data_type(), start, end)
            }
            DataType::FixedSizeList(item, size) => {
                let size = i64::from(*size);
                items(child(0), item.data_type(), at * size, (at + 1) * size)
            }
            DataType::Struct(fields) => {
                let fields = fields.iter().enumerate();
                fields
                    .map(|(index, field)| value(child(index as i64), field.data_type(), at))
                    .fold(0, u64::wrapping_add)
            }
            other => {
                let width = other.primitive_width().unwrap();
                sum(std::slice::from_raw_parts(buffer(1).offset(at as isize * width as isize), width))
            }
        }
    }
}

unsafe fn bit(bits: *const u8, index: i64) -> bool {
    // SAFETY: the caller's promise.
    unsafe { *bits.offset(index as isize / 8) >> (index % 8) & 1 != 0 }
}

unsafe fn range<O: Copy + Into<i64>>(offsets: *const u8, index: i64) -> (i64, i64) {
    let offsets = offsets.cast::<O>();
    // SAFETY: the caller's promise.
    let (start, end) = unsafe { (*offsets.offset(index as isize), *offsets.offset(index as isize + 1)) };
    let (start, end) = (start.into(), end.into());
    assert!(0 <= start && start <= end, "offsets {start} and {end}");
    (start, end)
}

unsafe fn bytes<'a, O: Copy + Into<i64>>(offsets: *const u8, data: *const u8, index: i64) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe {
        let (start, end) = range::<O>(offsets, index);
        if start == end {
            &[]
        } else {
            std::slice::from_raw_parts(data.offset(start as isize), (end - start) as usize)
        }
    }
}

unsafe fn items(child: &Array, data_type: &DataType, start: i64, end: i64) -> u64 {
    // SAFETY: the caller's promise.
    (start..end.min(start.saturating_add(MAX_ROWS)))
        .map(|row| unsafe { value(child, data_type, row) })
        .fold(0, u64::wrapping_add)
}

fn text(bytes: &[u8]) -> u64 {
    assert!(std::str::from_utf8(bytes).is_ok(), "text that is not UTF-8: {bytes:?}");
    sum(bytes)
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}
