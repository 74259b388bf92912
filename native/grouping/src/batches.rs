//! A table cut into batches of groups, each gathered when it is asked for.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, LargeListArray, RecordBatch, StructArray, UInt32Array};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Fields, SortOptions};
use arrow_select::take::take;
use beringia_core::segment::Lease;
use beringia_core::{Error, ErrorCode, Result};

use crate::gather::Room;
use crate::groups::{Groups, group};

/// What one call of the function gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The rows of a group.
    Group,
    /// One row.
    Row,
    /// Any rows.
    Batch,
}

/// Batches for each worker at least, so that one that is done early finds more to do.
const BATCHES_PER_WORKER: usize = 4;

/// See the module.
pub struct Batches {
    table: RecordBatch,
    keys: Vec<usize>,
    columns: Vec<usize>,
    unit: Unit,
    order: Option<UInt32Array>,
    bounds: Vec<usize>,
    /// Ranges of groups (of rows, where the unit is not a group).
    cuts: Vec<Range<usize>>,
}

impl Batches {
    /// Groups `table` by the columns `keys`, and cuts it so that a batch has about `limit` bytes, and there are enough
    /// for all workers.
    ///
    /// # Errors
    /// [`ErrorCode::Argument`] for a column that the table does not have, or of a type that has no order;
    /// [`ErrorCode::Resource`] for more rows than can be numbered.
    pub fn new(
        table: RecordBatch,
        keys: &[usize],
        columns: &[usize],
        unit: Unit,
        order_by: &[(usize, SortOptions)],
        limit: usize,
        workers: usize,
    ) -> Result<Batches> {
        let missing = |number: usize| Error::new(ErrorCode::Argument, format!("no column {number}"));
        let column = |number: &usize| table.columns().get(*number).cloned().ok_or_else(|| missing(*number));
        let key_columns = keys.iter().map(column).collect::<Result<Vec<_>>>()?;
        for number in columns {
            column(number)?;
        }
        let order_columns = order_by
            .iter()
            .map(|(number, options)| Ok((column(number)?, *options)))
            .collect::<Result<Vec<_>>>()?;
        let rows = table.num_rows();
        let Groups { order, bounds } = match unit {
            Unit::Group => group(&key_columns, &order_columns, rows, workers)?,
            Unit::Row | Unit::Batch => Groups { order: None, bounds: (0..=rows).collect() },
        };
        let used = keys.iter().chain(columns).filter_map(|number| table.columns().get(*number));
        let bytes: usize = used.map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum();
        let limit = limit.min(bytes / (workers * BATCHES_PER_WORKER)).max(1);
        let rows_at_once = (rows as u128 * limit as u128 / bytes.max(1) as u128).max(1) as usize;
        let cuts = cut(&bounds, rows_at_once);
        Ok(Batches { table, keys: keys.to_vec(), columns: columns.to_vec(), unit, order, bounds, cuts })
    }

    /// How many batches there are.
    pub fn count(&self) -> usize {
        self.cuts.len()
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.table.num_rows()
    }

    /// How many rows a batch has.
    pub fn rows_of(&self, batch: usize) -> usize {
        self.row_range(batch).len()
    }

    fn row_range(&self, batch: usize) -> Range<usize> {
        let groups = &self.cuts[batch];
        self.bounds[groups.start]..self.bounds[groups.end]
    }

    /// The type of the batches.
    pub fn data_type(&self) -> DataType {
        let schema = self.table.schema();
        let key = |number: &usize| Arc::new(schema.field(*number).clone());
        let column = |number: &usize| match self.unit {
            Unit::Row => Arc::new(schema.field(*number).clone()),
            Unit::Group | Unit::Batch => Arc::new(list_field(schema.field(*number))),
        };
        DataType::Struct(Fields::from_iter(self.keys.iter().map(key).chain(self.columns.iter().map(column))))
    }

    /// Batch number `batch` of [`Self::count`], a struct array with a row for each group. Rows that have to be gathered
    /// are, where values are of one width, in memory that `allocate` gives.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when Arrow refuses to gather the rows; those of `allocate`.
    pub fn get(&self, batch: usize, allocate: impl FnOnce(usize) -> Result<Arc<Lease>>) -> Result<ArrayData> {
        let groups = self.cuts[batch].clone();
        let rows = self.row_range(batch);
        let failed = |error: arrow_schema::ArrowError| Error::new(ErrorCode::Internal, error.to_string());
        let order = self.order.as_ref().map(|order| order.slice(rows.start, rows.len()));
        let shown = self.columns.iter().map(|number| self.table.column(*number));
        let mut room = match &order {
            None => Room::default(),
            Some(_) => Room::of(shown, rows.len(), allocate)?,
        };
        let mut gather = |number: usize| {
            let column = self.table.column(number);
            match &order {
                None => Ok(column.slice(rows.start, rows.len())),
                Some(order) => room.gather(column, order),
            }
        };
        let mut children = Vec::with_capacity(self.keys.len() + self.columns.len());
        let firsts = groups.clone().map(|group| {
            let position = self.bounds[group];
            self.order.as_ref().map_or(position as u32, |order| order.value(position))
        });
        let firsts = UInt32Array::from_iter_values(firsts);
        for number in &self.keys {
            children.push(take(self.table.column(*number), &firsts, None).map_err(failed)?);
        }
        let (len, offsets) = match self.unit {
            Unit::Row => (groups.len(), None),
            Unit::Batch => (1, Some(vec![0, rows.len() as i64])),
            Unit::Group => {
                let ends = self.bounds[groups.start..=groups.end].iter();
                (groups.len(), Some(ends.map(|end| (end - rows.start) as i64).collect()))
            }
        };
        let offsets = offsets.map(|offsets| OffsetBuffer::new(ScalarBuffer::from(offsets)));
        for number in &self.columns {
            let values = gather(*number)?;
            children.push(match &offsets {
                None => values,
                Some(offsets) => {
                    let item = item_field(self.table.schema().field(*number));
                    let list = LargeListArray::try_new(item, offsets.clone(), values, None);
                    Arc::new(list.map_err(failed)?)
                }
            });
        }
        let DataType::Struct(fields) = self.data_type() else {
            return Err(Error::internal("batches are structs"));
        };
        let array = StructArray::try_new_with_length(fields, children, None, len).map_err(failed)?;
        Ok(array.to_data())
    }
}

fn item_field(field: &Field) -> Arc<Field> {
    Arc::new(field.clone().with_name("item").with_nullable(true))
}

fn list_field(field: &Field) -> Field {
    Field::new(field.name(), DataType::LargeList(item_field(field)), true)
}

/// Ranges of groups with about `rows` rows each; a larger group has one of its own.
fn cut(bounds: &[usize], rows: usize) -> Vec<Range<usize>> {
    let groups = bounds.len() - 1;
    let mut cuts = Vec::new();
    let mut start = 0;
    while start < groups {
        let wanted = bounds[start].saturating_add(rows);
        // The first group in any case, then all that end within the wanted rows.
        let end = bounds.partition_point(|bound| *bound <= wanted).saturating_sub(1).clamp(start + 1, groups);
        cuts.push(start..end);
        start = end;
    }
    cuts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cuts_cover_all_groups_once() {
        assert_eq!(cut(&[0], 10), Vec::<Range<usize>>::new());
        assert_eq!(cut(&[0, 4, 8, 12, 40, 41], 10), [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(cut(&[0, 1, 2, 3], 1), [0..1, 1..2, 2..3]);
    }

    proptest! {
        #[test]
        fn a_cut_has_as_many_groups_as_fit_and_at_least_one(
            sizes in prop::collection::vec(1_usize..20, 0..40),
            rows in 1_usize..50,
        ) {
            let mut bounds = vec![0];
            bounds.extend(sizes.iter().scan(0, |end, size| { *end += size; Some(*end) }));
            let mut next = 0;
            for cut in cut(&bounds, rows) {
                prop_assert_eq!(cut.start, next);
                next = cut.end;
                let with = |end: usize| bounds[end] - bounds[cut.start];
                prop_assert!(cut.len() == 1 || cut.len() > 1 && with(cut.end) <= rows);
                prop_assert!(cut.end == sizes.len() || with(cut.end + 1) > rows);
            }
            prop_assert_eq!(next, sizes.len());
        }
    }
}
