//! Rows of a column written straight to where a worker reads them.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, UInt32Array, make_array};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, NullBuffer, ToByteSlice, i256};
use arrow_data::ArrayData;
use arrow_schema::ArrowError;
use arrow_select::take::take;
use beringia_core::segment::{ALIGNMENT, Lease};
use beringia_core::{Error, Result};

/// Bytes that are gathered at once, so that they are still in the cache when they are written.
const BLOCK: usize = 16 << 10;

/// Shared memory for the columns whose values have one width.
#[derive(Default)]
pub struct Room {
    lease: Option<Arc<Lease>>,
    used: usize,
}

impl Room {
    /// Room for `rows` rows of `columns`.
    ///
    /// # Errors
    /// Those of `allocate`.
    pub fn of<'a>(
        columns: impl Iterator<Item = &'a ArrayRef>,
        rows: usize,
        allocate: impl FnOnce(usize) -> Result<Arc<Lease>>,
    ) -> Result<Room> {
        let bytes = columns.filter_map(|column| Some(bytes(column, rows, width(column)?))).sum();
        let lease = if bytes > 0 { Some(allocate(bytes)?) } else { None };
        Ok(Room { lease, used: 0 })
    }

    /// The rows `order` of a column.
    ///
    /// # Errors
    /// [`beringia_core::ErrorCode::Internal`] when Arrow refuses.
    pub fn gather(&mut self, column: &ArrayRef, order: &UInt32Array) -> Result<ArrayRef> {
        let (Some(width), Some(lease)) = (width(column), &self.lease) else {
            return take(column, order, None).map_err(failed);
        };
        let (lease, start) = (Arc::clone(lease), self.used);
        self.used += bytes(column, order.len(), width);
        let (data, rows) = (column.to_data(), order.values());
        match width {
            1 => write::<u8>(&data, rows, &lease, start),
            2 => write::<u16>(&data, rows, &lease, start),
            4 => write::<u32>(&data, rows, &lease, start),
            8 => write::<u64>(&data, rows, &lease, start),
            16 => write::<i128>(&data, rows, &lease, start),
            _ => write::<i256>(&data, rows, &lease, start),
        }?;
        let values = lease.segment().buffer(Arc::clone(&lease), start, width * rows.len())?;
        let nulls = match data.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => None,
            Some(nulls) => {
                let bits = BooleanBuffer::collect_bool(rows.len(), |at| nulls.is_valid(rows[at] as usize));
                let at = start + aligned(width * rows.len());
                lease.segment().write(at, bits.values())?;
                let bytes = lease.segment().buffer(Arc::clone(&lease), at, bits.values().len())?;
                Some(NullBuffer::new(BooleanBuffer::new(bytes, 0, rows.len())))
            }
        };
        let gathered =
            ArrayData::builder(data.data_type().clone()).len(rows.len()).add_buffer(values).nulls(nulls);
        gathered.build().map(make_array).map_err(failed)
    }
}

fn failed(error: ArrowError) -> Error {
    Error::internal(error)
}

/// Bytes of a value, where all have as many.
fn width(column: &ArrayRef) -> Option<usize> {
    column.data_type().primitive_width().filter(|width| matches!(width, 1 | 2 | 4 | 8 | 16 | 32))
}

/// Bytes of `rows` values, and of their validity.
fn bytes(column: &ArrayRef, rows: usize, width: usize) -> usize {
    let bits = if column.null_count() > 0 { rows.div_ceil(8) } else { 0 };
    aligned(rows * width) + aligned(bits)
}

fn aligned(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGNMENT)
}

fn write<T: ArrowNativeType>(data: &ArrayData, rows: &[u32], lease: &Lease, start: usize) -> Result<()> {
    let values: &[T] = data.buffer(0);
    let mut block = Vec::with_capacity(BLOCK / size_of::<T>());
    let mut at = start;
    for rows in rows.chunks(BLOCK / size_of::<T>()) {
        block.clear();
        block.extend(rows.iter().map(|row| values[*row as usize]));
        lease.segment().write(at, block.to_byte_slice())?;
        at += size_of_val(block.as_slice());
    }
    Ok(())
}
