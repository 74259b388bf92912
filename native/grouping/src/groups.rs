//! Which rows make up which group.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, UInt32Array, make_array};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, SortOptions};
use beringia_core::{Error, ErrorCode, Result};

use crate::column::Column;
use crate::parallel;
use crate::sort::Sorter;

/// The rows of a table, group after group.
#[derive(Debug)]
pub struct Groups {
    /// Row numbers in this order; `None` where the rows already are.
    pub order: Option<UInt32Array>,
    /// Where each group begins in that order, and where the last one ends.
    pub bounds: Vec<usize>,
}

/// Groups by equal keys, in the order of the keys (null first; of floats, NaN last); the rows of a group by `order_by`,
/// ties as they came. -0.0 is 0.0, and any NaN is any other. At most `threads` threads do it.
///
/// # Errors
/// [`ErrorCode::Resource`] for more rows than can be numbered or than memory has room for, [`ErrorCode::Argument`] for
/// columns of a type without order.
pub fn group(
    keys: &[ArrayRef],
    order_by: &[(ArrayRef, SortOptions)],
    rows: usize,
    threads: usize,
) -> Result<Groups> {
    if u32::try_from(rows).is_err() {
        return Err(Error::new(
            ErrorCode::Resource,
            format!("{rows} rows: grouping takes up to 2^32 at once"),
        ));
    }
    if rows == 0 {
        return Ok(Groups { order: None, bounds: vec![0] });
    }
    let mut columns = Vec::new();
    for key in keys {
        by_key(key, &mut columns)?;
    }
    let keys = columns.len();
    for (column, options) in order_by {
        columns.push(Column::new(column, *options)?);
    }
    let threads = parallel::threads_for(rows, threads);
    Sorter { columns: &columns, keys, rows, threads }.groups()
}

/// Appends what the cells of a key are told apart by: those of a struct by whether it is there, and by its fields.
fn by_key(key: &ArrayRef, columns: &mut Vec<Column>) -> Result<()> {
    let Some(structs) = key.as_struct_opt() else {
        columns.push(Column::new(key, SortOptions::default())?);
        return Ok(());
    };
    if let Some(nulls) = structs.nulls() {
        let present: ArrayRef = Arc::new(BooleanArray::new(nulls.inner().clone(), None));
        by_key(&present, columns)?;
    }
    for field in structs.columns() {
        // Where the struct is missing, what its fields hold is of no account.
        let nulls = NullBuffer::union(structs.nulls(), field.nulls());
        let field = field.to_data().into_builder().nulls(nulls).build();
        let field = field.map_err(|error: ArrowError| Error::new(ErrorCode::Internal, error.to_string()))?;
        by_key(&make_array(field), columns)?;
    }
    Ok(())
}
