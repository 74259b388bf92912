//! The output of a batch: keys and kept columns, which lie in its own segments, before the fields of the reply.

use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Fields};

use super::Batch;
use crate::definition::{RowCount, Shape};
use crate::error::{Error, Result};
use crate::group_key;
use crate::placement;
use crate::segment::SegmentId;

/// The type of a reply: the fields; and with many rows a group, the group of each row.
pub(super) fn reply_type(shape: &Shape) -> DataType {
    match (&shape.output, shape.rows) {
        (DataType::Struct(fields), RowCount::Many) => {
            let index = Arc::new(Field::new("group", DataType::Int32, false));
            DataType::Struct(fields.iter().cloned().chain([index]).collect())
        }
        (fields, _) => fields.clone(),
    }
}

/// The output: a struct of the keys, the kept columns, and the fields of `reply`, which is of [`reply_type`].
pub(super) fn output(shape: &Shape, batch: &Batch, reply: &ArrayData) -> Result<ArrayData> {
    let groups = usize::try_from(batch.descriptor.len).unwrap_or(usize::MAX);
    let rows = reply.len();
    if i32::try_from(rows).is_err() {
        return Err(Error::protocol(format!("{rows} result rows in one batch: no engine counts as far")));
    }
    let mut fields = reply.child_data().to_vec();
    if fields.iter().any(|field| field.len() < rows) || reply.offset() != 0 {
        return Err(Error::protocol("the columns of a result differ in length"));
    }
    let index = match shape.rows {
        RowCount::Many => fields.pop(),
        RowCount::One if rows != groups => {
            return Err(Error::protocol(format!("{rows} result rows for {groups} groups")));
        }
        RowCount::One => None,
    };
    let mut columns = Vec::new();
    for column in 0..shape.keys {
        let (field, key) = input_column(shape, batch, column)?;
        let key = match &index {
            None => key,
            Some(index) => repeat(&key, index)?,
        };
        columns.push((Field::new(field.name(), key.data_type().clone(), true), key));
    }
    for column in &shape.keep {
        let (field, values) = input_column(shape, batch, *column)?;
        let values = if index.is_some() { list_values(values)? } else { values };
        if values.len() != rows {
            return Err(Error::protocol(format!("{rows} result rows beside {} kept ones", values.len())));
        }
        columns.push((Field::new(field.name(), values.data_type().clone(), true), values));
    }
    let names = struct_fields(&shape.output);
    columns.extend(names.iter().zip(fields).map(|(field, values)| (field.as_ref().clone(), values)));
    let (types, data): (Vec<Field>, Vec<ArrayData>) = columns.into_iter().unzip();
    Ok(ArrayData::builder(DataType::Struct(Fields::from(types))).len(rows).child_data(data).build()?)
}

/// The key of the group in row `row` of the batch, for messages.
pub(super) fn describe_group(shape: &Shape, batch: &Batch, row: u64) -> String {
    let row = usize::try_from(row).unwrap_or(usize::MAX);
    let keys: Result<Vec<_>> = (0..shape.keys).map(|column| input_column(shape, batch, column)).collect();
    match keys {
        Ok(keys) => {
            group_key::describe(keys.iter().map(|(field, key)| (field.name().as_str(), key.clone())), row)
        }
        Err(error) => format!("row {row} of its batch ({error})"),
    }
}

fn input_column(shape: &Shape, batch: &Batch, column: usize) -> Result<(Arc<Field>, ArrayData)> {
    let missing = || Error::internal(format!("the batch has no column {column}"));
    let field = struct_fields(&shape.input).get(column).ok_or_else(missing)?;
    let descriptor = batch.descriptor.children.get(column).ok_or_else(missing)?;
    let find = |id: SegmentId| {
        let lease = batch.leases.iter().find(|lease| lease.segment().id() == id);
        lease.cloned().ok_or_else(|| Error::internal(format!("{id:?} does not belong to the batch")))
    };
    let data = placement::resolve(descriptor, field.data_type(), &find)?;
    Ok((Arc::clone(field), data))
}

fn struct_fields(data_type: &DataType) -> &Fields {
    static NONE: std::sync::LazyLock<Fields> = std::sync::LazyLock::new(Fields::empty);
    match data_type {
        DataType::Struct(fields) => fields,
        _ => &NONE,
    }
}

/// `key` at each of `index`, without a copy of its values: a dictionary array. The indices are the worker's, so
/// they are copied to where it cannot change them, and then checked.
fn repeat(key: &ArrayData, index: &ArrayData) -> Result<ArrayData> {
    let data_type = DataType::Dictionary(Box::new(DataType::Int32), Box::new(key.data_type().clone()));
    Ok(ArrayData::builder(data_type)
        .len(index.len())
        .offset(index.offset())
        .add_buffer(Buffer::from_slice_ref(index.buffers()[0].as_slice()))
        .add_child_data(key.clone())
        .build()?)
}

/// All values of a column of lists, one list after the other.
fn list_values(lists: ArrayData) -> Result<ArrayData> {
    let array = arrow_array::make_array(lists);
    let lists = array.as_list_opt::<i64>().ok_or_else(|| Error::internal("a kept column that is no list"))?;
    let (start, end) = (lists.value_offsets()[0], lists.value_offsets()[lists.len()]);
    Ok(lists.values().to_data().slice(start as usize, (end - start) as usize))
}
