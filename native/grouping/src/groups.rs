//! Which rows make up which group.
//!
//! Runs of equal keys are hashed, groups are sorted, rows are only counted: data that lie in groups already, as files
//! often do, cost one look at each key, and no row is compared with more than its own group.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, StructArray, UInt32Array};
use arrow_ord::partition::partition;
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{ArrowError, DataType, SortOptions};
use arrow_select::take::take;
use beringia_core::{Error, ErrorCode, Result};
use hashbrown::{DefaultHashBuilder, HashTable};

/// The rows of a table, group after group.
#[derive(Debug)]
pub struct Groups {
    /// Row numbers in this order; `None` where the rows already are.
    pub order: Option<UInt32Array>,
    /// Where each group begins in that order, and where the last one ends.
    pub bounds: Vec<usize>,
}

/// Groups by equal keys, in the order of the keys (null first, then Arrow's total order: -0.0 before 0.0, NaN last); the
/// rows of a group by `order_by`, ties as they came.
///
/// # Errors
/// [`ErrorCode::Resource`] for more rows than can be numbered, [`ErrorCode::Argument`] for columns of a type without order.
pub fn group(keys: &[ArrayRef], order_by: &[(ArrayRef, SortOptions)], rows: usize) -> Result<Groups> {
    if u32::try_from(rows).is_err() {
        return Err(Error::new(
            ErrorCode::Resource,
            format!("{rows} rows: grouping takes up to 2^32 at once"),
        ));
    }
    let groups = match keys {
        _ if rows == 0 => Groups { order: None, bounds: vec![0] },
        [] => Groups { order: None, bounds: vec![0, rows] },
        keys => by_key(keys, rows)?,
    };
    Ok(if order_by.is_empty() { groups } else { sort_within(groups, &encode(order_by)?) })
}

fn by_key(keys: &[ArrayRef], rows: usize) -> Result<Groups> {
    let keys: Vec<ArrayRef> = keys.iter().map(one_nan).collect();
    let runs = partition(&keys).map_err(refuse)?.ranges();
    let firsts = UInt32Array::from_iter_values(runs.iter().map(|run| run.start as u32));
    let first = |key: &ArrayRef| match runs.len() == rows {
        true => Ok(Arc::clone(key)),
        false => take(key, &firsts, None),
    };
    let ascending = SortOptions::default();
    let keyed = keys.iter().map(|key| Ok((first(key).map_err(refuse)?, ascending)));
    let encoded = encode(&keyed.collect::<Result<Vec<_>>>()?)?;
    // Adjacent runs differ.
    if (1..runs.len()).all(|run| encoded.row(run - 1) < encoded.row(run)) {
        let bounds = runs.iter().map(|run| run.start).chain([rows]).collect();
        return Ok(Groups { order: None, bounds });
    }
    let (group_of, sizes) = ranked(&encoded, &runs);
    let mut bounds = Vec::with_capacity(sizes.len() + 1);
    bounds.push(0);
    bounds.extend(sizes.iter().scan(0, |end, size| {
        *end += size;
        Some(*end)
    }));
    let mut next = bounds.clone();
    let mut order = vec![0; rows];
    for (run, group) in runs.into_iter().zip(group_of) {
        let place = &mut next[group as usize];
        for row in run {
            order[*place] = row as u32;
            *place += 1;
        }
    }
    Ok(Groups { order: Some(order.into()), bounds })
}

/// The group of each run, in the order of the keys, and the rows of each group.
fn ranked(encoded: &Rows, runs: &[Range<usize>]) -> (Vec<u32>, Vec<usize>) {
    let hasher = DefaultHashBuilder::default();
    let hash = |run: u32| hasher.hash_one(encoded.row(run as usize).as_ref());
    // A group is known by its first run.
    let mut firsts: Vec<u32> = Vec::new();
    let mut sizes: Vec<usize> = Vec::new();
    let mut known: HashTable<u32> = HashTable::new();
    let mut group_of = Vec::with_capacity(runs.len());
    for (number, run) in (0_u32..).zip(runs) {
        let row = encoded.row(number as usize);
        let same = |group: &u32| encoded.row(firsts[*group as usize] as usize) == row;
        let rehash = |group: &u32| hash(firsts[*group as usize]);
        let new = firsts.len() as u32;
        let group = *known.entry(hash(number), same, rehash).or_insert(new).get();
        if group == new {
            firsts.push(number);
            sizes.push(0);
        }
        sizes[group as usize] += run.len();
        group_of.push(group);
    }
    let mut sorted: Vec<u32> = (0..firsts.len() as u32).collect();
    let key = |group: &u32| encoded.row(firsts[*group as usize] as usize);
    sorted.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    let mut rank = vec![0; sorted.len()];
    for (position, group) in (0_u32..).zip(&sorted) {
        rank[*group as usize] = position;
    }
    for group in &mut group_of {
        *group = rank[*group as usize];
    }
    (group_of, sorted.into_iter().map(|group| sizes[group as usize]).collect())
}

/// Sorts the rows of each group by `encoded`.
fn sort_within(groups: Groups, encoded: &Rows) -> Groups {
    let Groups { order, bounds } = groups;
    let key = |row: &u32| encoded.row(*row as usize);
    let mut sorted: Vec<u32> = match &order {
        Some(order) => order.values().to_vec(),
        None => (0..encoded.num_rows() as u32).collect(),
    };
    for group in bounds.windows(2) {
        sorted[group[0]..group[1]].sort_by(|a, b| key(a).cmp(&key(b)));
    }
    let moves = order.is_some() || !sorted.is_sorted();
    Groups { order: moves.then(|| sorted.into()), bounds }
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
        DataType::Struct(fields) => {
            let key = key.as_struct();
            let columns = key.columns().iter().map(one_nan).collect();
            Arc::new(StructArray::new(fields.clone(), columns, key.nulls().cloned()))
        }
        _ => Arc::clone(key),
    }
}

fn encode(columns: &[(ArrayRef, SortOptions)]) -> Result<Rows> {
    let field = |(column, options): &(ArrayRef, SortOptions)| {
        SortField::new_with_options(column.data_type().clone(), *options)
    };
    let converter = RowConverter::new(columns.iter().map(field).collect()).map_err(refuse)?;
    let arrays: Vec<_> = columns.iter().map(|(column, _)| Arc::clone(column)).collect();
    converter.convert_columns(&arrays).map_err(refuse)
}

fn refuse(error: ArrowError) -> Error {
    Error::new(ErrorCode::Argument, error.to_string())
}
