//! A table cut into batches of groups, each gathered when it is asked for.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, LargeListArray, LargeListViewArray, RecordBatch, StructArray, UInt32Array,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, Field, Fields, SortOptions};
use arrow_select::take::take;
use beringia_core::segment::Lease;
use beringia_core::{Error, ErrorCode, Result};

use crate::gather::Room;
use crate::groups::{Groups, group};
use crate::windows::{Found, Windows};

/// What one call of the function gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    /// The rows of a group.
    Group,
    /// Those of its rows that lie in a window: the batches have its bounds behind the keys.
    Window(Windows),
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
    windows: Option<Found>,
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
        let mut order_columns = order_by
            .iter()
            .map(|(number, options)| Ok((column(number)?, *options)))
            .collect::<Result<Vec<_>>>()?;
        if let Unit::Window(windows) = unit {
            order_columns.insert(0, (column(&windows.position)?, SortOptions::default()));
        }
        let rows = table.num_rows();
        let Groups { order, bounds } = match unit {
            Unit::Group | Unit::Window(_) => group(&key_columns, &order_columns, rows, workers)?,
            Unit::Row | Unit::Batch => Groups { order: None, bounds: (0..=rows).collect() },
        };
        let windows = match unit {
            Unit::Window(windows) => {
                Some(windows.find(&column(&windows.position)?, order.as_ref(), &bounds)?)
            }
            _ => None,
        };
        let used = keys.iter().chain(columns).filter_map(|number| table.columns().get(*number));
        let bytes: usize = used.map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum();
        let limit = limit.min(bytes / (workers * BATCHES_PER_WORKER)).max(1);
        let rows_at_once = (rows as u128 * limit as u128 / bytes.max(1) as u128).max(1) as usize;
        let (keys, columns) = (keys.to_vec(), columns.to_vec());
        let mut batches = Batches { table, keys, columns, unit, order, bounds, windows, cuts: Vec::new() };
        batches.cuts = cut(batches.starts(), batches.ends(), rows_at_once);
        Ok(batches)
    }

    /// Where the rows of each group, or window, begin.
    fn starts(&self) -> &[usize] {
        match &self.windows {
            Some(found) => &found.starts,
            None => &self.bounds[..self.bounds.len() - 1],
        }
    }

    /// Where they end.
    fn ends(&self) -> &[usize] {
        match &self.windows {
            Some(found) => &found.ends,
            None => &self.bounds[1..],
        }
    }

    /// How many batches there are.
    pub fn count(&self) -> usize {
        self.cuts.len()
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.table.num_rows()
    }

    /// How many rows are done with a batch: those up to its end that no batch before it had.
    pub fn rows_of(&self, batch: usize) -> usize {
        let end = |batch: usize| self.row_range(batch).end;
        let before = if batch == 0 { 0 } else { end(batch - 1) };
        if batch + 1 == self.count() { self.rows() - before } else { end(batch) - before }
    }

    fn row_range(&self, batch: usize) -> Range<usize> {
        let groups = &self.cuts[batch];
        self.starts()[groups.start]..self.ends()[groups.end - 1]
    }

    /// The type of the batches.
    pub fn data_type(&self) -> DataType {
        let schema = self.table.schema();
        let key = |number: &usize| Arc::new(schema.field(*number).clone());
        let list = |number: &usize, list: fn(Arc<Field>) -> DataType| {
            let field = schema.field(*number);
            Arc::new(Field::new(field.name(), list(item_field(field)), true))
        };
        let column = |number: &usize| match self.unit {
            Unit::Row => Arc::new(schema.field(*number).clone()),
            Unit::Group | Unit::Batch => list(number, DataType::LargeList),
            Unit::Window(_) => list(number, DataType::LargeListView),
        };
        let window = match &self.unit {
            Unit::Window(windows) => {
                let position = schema.field(windows.position).data_type();
                Some(Arc::new(Field::new("window", windows.key_type(position), true)))
            }
            _ => None,
        };
        let keys = self.keys.iter().map(key).chain(window);
        DataType::Struct(Fields::from_iter(keys.chain(self.columns.iter().map(column))))
    }

    /// Batch number `batch` of [`Self::count`], a struct array with a row for each group. Rows that have to be gathered
    /// are, where values are of one width, in memory that `allocate` gives.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when Arrow refuses to gather the rows; those of `allocate`.
    pub fn get(&self, batch: usize, allocate: impl FnOnce(usize) -> Result<Arc<Lease>>) -> Result<ArrayData> {
        let groups = self.cuts[batch].clone();
        let rows = self.row_range(batch);
        let failed = |error: ArrowError| Error::new(ErrorCode::Internal, error.to_string());
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
            let position = self.starts()[group];
            self.order.as_ref().map_or(position as u32, |order| order.value(position))
        });
        let firsts = UInt32Array::from_iter_values(firsts);
        for number in &self.keys {
            children.push(take(self.table.column(*number), &firsts, None).map_err(failed)?);
        }
        if let (Unit::Window(windows), Some(found)) = (&self.unit, &self.windows) {
            let position = self.table.column(windows.position).data_type();
            children.push(Arc::new(windows.keys(position, found, groups.clone())?));
        }
        // The bounds of a group are those of its neighbours; windows overlap.
        let offset = |row: &usize| (row - rows.start) as i64;
        let of_rows = |rows: Vec<i64>| ScalarBuffer::from(rows);
        let starts = &self.starts()[groups.clone()];
        let ends = &self.ends()[groups.clone()];
        let (len, lists) = match self.unit {
            Unit::Row => (groups.len(), None),
            Unit::Batch => (1, Some(Lists::Apart(OffsetBuffer::new(of_rows(vec![0, rows.len() as i64]))))),
            Unit::Group => {
                let offsets = [0].into_iter().chain(ends.iter().map(offset)).collect();
                (groups.len(), Some(Lists::Apart(OffsetBuffer::new(of_rows(offsets)))))
            }
            Unit::Window(_) => {
                let sizes = starts.iter().zip(ends).map(|(start, end)| (end - start) as i64).collect();
                let offsets = starts.iter().map(offset).collect();
                (groups.len(), Some(Lists::Overlapping(of_rows(offsets), of_rows(sizes))))
            }
        };
        for number in &self.columns {
            let values = gather(*number)?;
            let item = item_field(self.table.schema().field(*number));
            children.push(match &lists {
                None => values,
                Some(lists) => lists.of(item, values).map_err(failed)?,
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

/// Which of a batch's rows each list has.
enum Lists {
    Apart(OffsetBuffer<i64>),
    Overlapping(ScalarBuffer<i64>, ScalarBuffer<i64>),
}

impl Lists {
    fn of(&self, item: Arc<Field>, values: ArrayRef) -> std::result::Result<ArrayRef, ArrowError> {
        Ok(match self {
            Lists::Apart(offsets) => Arc::new(LargeListArray::try_new(item, offsets.clone(), values, None)?),
            Lists::Overlapping(offsets, sizes) => {
                Arc::new(LargeListViewArray::try_new(item, offsets.clone(), sizes.clone(), values, None)?)
            }
        })
    }
}

/// Ranges of groups with about `rows` rows each; a larger group has one of its own. Neither starts nor ends ever descend.
fn cut(starts: &[usize], ends: &[usize], rows: usize) -> Vec<Range<usize>> {
    let groups = starts.len();
    let mut cuts = Vec::new();
    let mut start = 0;
    while start < groups {
        let wanted = starts[start].saturating_add(rows);
        // The first group in any case, then all that end within the wanted rows.
        let end = ends.partition_point(|end| *end <= wanted).clamp(start + 1, groups);
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
        let apart = |bounds: &[usize], rows| cut(&bounds[..bounds.len() - 1], &bounds[1..], rows);
        assert_eq!(apart(&[0], 10), Vec::<Range<usize>>::new());
        assert_eq!(apart(&[0, 4, 8, 12, 40, 41], 10), [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(apart(&[0, 1, 2, 3], 1), [0..1, 1..2, 2..3]);
        // Of windows each batch begins where its first one does.
        assert_eq!(cut(&[0, 2, 4, 6], &[4, 6, 8, 8], 6), [0..2, 2..4]);
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
            for cut in cut(&bounds[..sizes.len()], &bounds[1..], rows) {
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
