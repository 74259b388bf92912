//! From a field to the column that takes its values.

use arrow_schema::{DataType, Field, TimeUnit};
use beringia_core::segment::Arena;
use half::f16;
use pyo3::prelude::*;

use super::column::Column;
use super::converted::Converted;
use super::nested::{Lists, Structs, Tensors};
use super::numbers::{Bits, Numbers};
use super::tagged::Tagged;
use super::texts::Texts;
use crate::convention::numpy::argument::{tensor_shape, type_name};
use crate::convention::numpy::tag::Tag;
use crate::failure::{Failure, Result};

/// The most bytes that are taken for values of lists before there are any, unless one value a list takes more: how long
/// lists will be is a guess, which would grow with each level of them.
const MOST_GUESSED: usize = 1 << 20;

/// For how many values of `item` room is made, where `rows` lists are to have `len` each.
fn guessed(item: &Field, rows: usize, len: usize) -> usize {
    let width = item.data_type().primitive_width().unwrap_or(16);
    rows.saturating_mul(len).min((MOST_GUESSED / width).max(rows))
}

/// An empty column of a field's type, or what that stands for, with room for `rows` values.
///
/// # Errors
/// [`beringia_core::ErrorCode::Argument`] for a type that a function cannot return.
pub fn column(
    py: Python<'_>,
    arena: &mut Arena,
    field: &Field,
    nan_as_null: bool,
    rows: usize,
) -> Result<Box<dyn Column>> {
    let Some(tag) = Tag::of(field) else { return stored(py, arena, field, nan_as_null, rows) };
    // NaN is a value of an array, and null is not.
    let storage = stored(py, arena, field, nan_as_null && tag != Tag::NdArray, rows)?;
    Ok(Box::new(Tagged::new(py, tag, field, storage)?))
}

/// An empty column of a field's type.
fn stored(
    py: Python<'_>,
    arena: &mut Arena,
    field: &Field,
    nan_as_null: bool,
    rows: usize,
) -> Result<Box<dyn Column>> {
    macro_rules! number {
        ($type:ty, $dtype:literal) => {
            Box::new(Numbers::<$type>::new(arena, $dtype, nan_as_null, rows)?)
        };
    }
    Ok(match field.data_type() {
        DataType::Boolean => Box::new(Bits::new(arena, rows)?),
        DataType::Int8 => number!(i8, "i1"),
        DataType::Int16 => number!(i16, "i2"),
        DataType::Int32 => number!(i32, "i4"),
        DataType::Int64 => number!(i64, "i8"),
        DataType::UInt8 => number!(u8, "u1"),
        DataType::UInt16 => number!(u16, "u2"),
        DataType::UInt32 => number!(u32, "u4"),
        DataType::UInt64 => number!(u64, "u8"),
        DataType::Float16 => number!(f16, "f2"),
        DataType::Float32 => number!(f32, "f4"),
        DataType::Float64 => number!(f64, "f8"),
        DataType::Date32 => Box::new(Converted::time(py, arena, 4, "D", false, rows)?),
        DataType::Timestamp(unit, zone) => {
            Box::new(Converted::time(py, arena, 8, unit_name(*unit), zone.is_some(), rows)?)
        }
        DataType::Duration(unit) => Box::new(Converted::duration(py, arena, unit_name(*unit), rows)?),
        DataType::Time32(unit) => Box::new(Converted::time_of_day(py, arena, 4, unit_name(*unit), rows)?),
        DataType::Time64(unit) => Box::new(Converted::time_of_day(py, arena, 8, unit_name(*unit), rows)?),
        DataType::Decimal128(precision, scale) => {
            Box::new(Converted::decimal(py, arena, 16, *precision, *scale, rows)?)
        }
        DataType::Decimal256(precision, scale) => {
            Box::new(Converted::decimal(py, arena, 32, *precision, *scale, rows)?)
        }
        DataType::LargeUtf8 => Box::new(Texts::new(arena, field, true, rows)?),
        DataType::LargeBinary => Box::new(Texts::new(arena, field, false, rows)?),
        DataType::LargeList(item) => {
            let child = column(py, arena, item, nan_as_null, guessed(item, rows, 8))?;
            Box::new(Lists::new(arena, child, rows)?)
        }
        DataType::FixedSizeList(item, len) => {
            let len = usize::try_from(*len).unwrap_or(0);
            let child = column(py, arena, item, nan_as_null, guessed(item, rows, len))?;
            Box::new(Tensors::new(child, len, tensor_shape(field)?))
        }
        DataType::Struct(fields) => {
            let children = fields
                .iter()
                .map(|field| column(py, arena, field, nan_as_null, rows))
                .collect::<Result<Vec<_>>>()?;
            Box::new(Structs::new(py, fields, children))
        }
        other => {
            return Err(Failure::new(
                beringia_core::ErrorCode::Argument,
                format!("a function cannot return type {}", type_name(other)),
            ));
        }
    })
}

fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}
