//! The order of rows by some of their columns.

use arrow_array::{Array, StructArray};
use arrow_data::ArrayData;
use arrow_schema::SortOptions;
use beringia_core::{Error, Result};

const DESCENDING: u8 = 1;
const NULLS_FIRST: u8 = 2;

/// The numbers of the rows of a struct array in the order of its columns, ties as they came; none where the rows lie in it.
/// Each column has a byte of `directions`.
///
/// # Errors
/// Those of [`beringia_grouping::group`]; of a direction for each column.
pub fn of(columns: &ArrayData, directions: &[u8]) -> Result<Option<Vec<i32>>> {
    let columns = StructArray::from(columns.clone());
    if columns.num_columns() != directions.len() {
        let (columns, directions) = (columns.num_columns(), directions.len());
        return Err(Error::protocol(format!("{directions} directions for {columns} columns")));
    }
    let options = directions.iter().map(|direction| SortOptions {
        descending: direction & DESCENDING != 0,
        nulls_first: direction & NULLS_FIRST != 0,
    });
    let order_by: Vec<_> = columns.columns().iter().cloned().zip(options).collect();
    let groups = beringia_grouping::group(&[], &order_by, columns.len(), 1)?;
    // Arrays of the JVM have fewer than 2^31 elements.
    Ok(groups.order.map(|order| order.values().iter().map(|row| row.cast_signed()).collect()))
}
