//! Which rows make up which group.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, UInt32Array};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{DataType, SortOptions};
use beringia_core::{Error, ErrorCode, Result};

/// The rows of a table, group after group.
pub struct Groups {
    /// Row numbers in this order; `None` where the rows already are.
    pub order: Option<UInt32Array>,
    /// Where each group begins in that order, and where the last one ends.
    pub bounds: Vec<usize>,
}

/// Bytes of an encoded row that are compared as one number before the rest is looked at.
const PREFIX: usize = 16;

/// Groups by equal keys, in the order of the keys (null first, then Arrow's total order: -0.0 before 0.0, NaN last); the
/// rows of a group by `order_by`, ties as they came.
pub fn group(keys: &[ArrayRef], order_by: &[(ArrayRef, SortOptions)], rows: usize) -> Result<Groups> {
    if u32::try_from(rows).is_err() {
        return Err(Error::new(
            ErrorCode::Resource,
            format!("{rows} rows: grouping takes up to 2^32 at once"),
        ));
    }
    let everything = if rows == 0 { vec![0] } else { vec![0, rows] };
    if keys.is_empty() && order_by.is_empty() {
        return Ok(Groups { order: None, bounds: everything });
    }
    let keyed: Vec<_> = keys.iter().map(|key| (one_nan(key), SortOptions::default())).collect();
    let all: Vec<_> = keyed.iter().chain(order_by).cloned().collect();
    let encoded = encode(&all)?;
    let sorted = (1..rows).all(|row| encoded.row(row - 1) <= encoded.row(row));
    let order = if sorted { None } else { Some(sort(&encoded)) };
    if keys.is_empty() {
        return Ok(Groups { order, bounds: everything });
    }
    let key_rows = if order_by.is_empty() { encoded } else { encode(&keyed)? };
    let row = |position: usize| match &order {
        Some(order) => order.value(position) as usize,
        None => position,
    };
    let breaks = (1..rows).filter(|position| key_rows.row(row(position - 1)) != key_rows.row(row(*position)));
    let mut bounds = vec![0];
    bounds.extend(breaks);
    if rows > 0 {
        bounds.push(rows);
    }
    Ok(Groups { order, bounds })
}

/// Arrow tells NaNs apart by their bits; as keys they are one.
fn one_nan(key: &ArrayRef) -> ArrayRef {
    fn of<T: ArrowPrimitiveType>(key: &ArrayRef, nan: T::Native) -> ArrayRef {
        // The only values that differ from themselves.
        #[allow(clippy::eq_op, reason = "NaN")]
        let value = |value: T::Native| if value == value { value } else { nan };
        Arc::new(key.as_primitive::<T>().unary::<_, T>(value))
    }
    match key.data_type() {
        DataType::Float16 => of::<Float16Type>(key, half::f16::NAN),
        DataType::Float32 => of::<Float32Type>(key, f32::NAN),
        DataType::Float64 => of::<Float64Type>(key, f64::NAN),
        _ => Arc::clone(key),
    }
}

fn encode(columns: &[(ArrayRef, SortOptions)]) -> Result<Rows> {
    let field = |(column, options): &(ArrayRef, SortOptions)| {
        SortField::new_with_options(column.data_type().clone(), *options)
    };
    let refuse = |error: arrow_schema::ArrowError| Error::new(ErrorCode::Argument, error.to_string());
    let converter = RowConverter::new(columns.iter().map(field).collect()).map_err(refuse)?;
    let arrays: Vec<_> = columns.iter().map(|(column, _)| Arc::clone(column)).collect();
    converter.convert_columns(&arrays).map_err(refuse)
}

fn sort(rows: &Rows) -> UInt32Array {
    let mut order: Vec<(u128, u32)> =
        rows.iter().zip(0_u32..).map(|(row, number)| (prefix(row.as_ref()), number)).collect();
    order.sort_unstable_by(|(a_prefix, a), (b_prefix, b)| {
        let rest = || rows.row(*a as usize).cmp(&rows.row(*b as usize));
        a_prefix.cmp(b_prefix).then_with(rest).then(a.cmp(b))
    });
    UInt32Array::from_iter_values(order.into_iter().map(|(_, row)| row))
}

fn prefix(row: &[u8]) -> u128 {
    let mut bytes = [0; PREFIX];
    let len = row.len().min(PREFIX);
    bytes[..len].copy_from_slice(&row[..len]);
    u128::from_be_bytes(bytes)
}
