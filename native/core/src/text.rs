//! Text as engines hold it: bytes that ought to be UTF-8, and need not be.
//!
//! An engine's own casts make what is not (Spark's `cast(x'ff' as string)`). It goes through as it came, in keys and kept
//! columns; only who looks at it finds out. So an array of the parent's is checked but for this, and whoever reads its
//! text takes the [`bytes`] and decodes them.

use arrow_array::cast::AsArray;
use arrow_array::{Array, GenericStringArray, OffsetSizeTrait};
use arrow_data::{ArrayData, ArrayDataBuilder};
use arrow_schema::DataType;

use crate::error::Result;

/// The array of `builder`, whose type is `data_type`, checked but for the encoding of its text.
///
/// # Errors
/// [`crate::ErrorCode::Protocol`] when anything else about it is wrong.
pub fn build(data_type: &DataType, builder: ArrayDataBuilder) -> Result<ArrayData> {
    let as_bytes = match data_type {
        DataType::Utf8 => DataType::Binary,
        DataType::LargeUtf8 => DataType::LargeBinary,
        _ => return Ok(builder.build()?),
    };
    let array = builder.data_type(as_bytes).build()?.into_builder().data_type(data_type.clone());
    // SAFETY: text and bytes have one layout, which was just checked. That its encoding was not is as with every array that
    // an engine hands over by Arrow's C interface; nobody here makes a `str` of it unseen.
    Ok(unsafe { array.build_unchecked() })
}

/// The bytes of the text at `row`; `None` if `array` has no text.
pub fn bytes(array: &dyn Array, row: usize) -> Option<&[u8]> {
    fn at<O: OffsetSizeTrait>(array: &GenericStringArray<O>, row: usize) -> Option<&[u8]> {
        let offsets = array.value_offsets();
        array.value_data().get(offsets.get(row)?.as_usize()..offsets.get(row + 1)?.as_usize())
    }
    match array.data_type() {
        DataType::Utf8 => at(array.as_string_opt::<i32>()?, row),
        DataType::LargeUtf8 => at(array.as_string_opt::<i64>()?, row),
        _ => None,
    }
}
