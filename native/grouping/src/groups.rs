//! Which rows make up which group.

use arrow_array::{ArrayRef, UInt32Array};
use arrow_schema::SortOptions;
use beringia_core::{Error, ErrorCode, Result};

use crate::column::{Column, Use};
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

/// Groups by equal keys, in the order of the keys (null first, then Arrow's total order: -0.0 before 0.0, NaN last); the
/// rows of a group by `order_by`, ties as they came. At most `threads` threads do it.
///
/// # Errors
/// [`ErrorCode::Resource`] for more rows than can be numbered or memory has room for, [`ErrorCode::Argument`] for columns of a type without order.
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
    let by_key = keys.iter().map(|key| Column::new(key, SortOptions::default(), Use::Key));
    let in_order = order_by.iter().map(|(column, options)| Column::new(column, *options, Use::Order));
    let columns = by_key.chain(in_order).collect::<Result<Vec<_>>>()?;
    let threads = parallel::threads_for(rows, threads);
    Sorter { columns: &columns, keys: keys.len(), rows, threads }.groups()
}
