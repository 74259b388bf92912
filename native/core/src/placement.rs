//! Arrow array ⇄ (segment, descriptor): a buffer that already lies in a segment is named, any other is copied
//! into one, once. The way back checks all that a peer says.

mod resolve;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::OffsetSizeTrait;
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, ToByteSlice};
use arrow_data::ArrayData;
use arrow_schema::DataType;

use crate::error::{Error, ErrorCode, Result};
use crate::protocol::ArrayDescriptor;
use crate::segment::{Arena, BufferRef, Lease, SegmentId};

pub use resolve::{resolve, verify};

/// Describes `array` by segments: those in `owned` where its buffers lie already, else fresh ones of `arena`, to which
/// what it shows is copied. Returns the bytes copied beside it.
///
/// # Errors
/// [`crate::ErrorCode::Resource`] when memory for a copy cannot be reserved.
pub fn place(array: &ArrayData, owned: &[Arc<Lease>], arena: &mut Arena) -> Result<(ArrayDescriptor, u64)> {
    let mut placer = Placer { owned, arena, copied: 0 };
    let descriptor = placer.describe(array)?;
    Ok((descriptor, placer.copied))
}

/// Describes values that lie in several arrays, and are copied to `arena` one behind the other; `None` where they are not of
/// one width, or some are missing.
///
/// # Errors
/// As [`place`].
pub fn place_together(parts: &[ArrayData], arena: &mut Arena) -> Result<Option<ArrayDescriptor>> {
    let width = parts.first().and_then(|part| part.data_type().primitive_width());
    let Some(width) = width.filter(|_| parts.iter().all(|part| part.null_count() == 0)) else {
        return Ok(None);
    };
    let len: usize = parts.iter().map(ArrayData::len).sum();
    let mut values = arena.buffer(len * width)?;
    for part in parts {
        let shown = &part.buffers()[0].as_slice()[part.offset() * width..][..part.len() * width];
        values.extend(arena, shown)?;
    }
    let buffers = vec![values.reference()];
    Ok(Some(ArrayDescriptor { len: len as u64, buffers, ..ArrayDescriptor::default() }))
}

struct Placer<'a> {
    owned: &'a [Arc<Lease>],
    arena: &'a mut Arena,
    copied: u64,
}

impl Placer<'_> {
    fn owned(&self, buffer: &Buffer) -> Option<BufferRef> {
        let (address, len) = (buffer.as_ptr() as usize, buffer.len());
        for lease in self.owned {
            if let Some(offset) = lease.segment().offset_of(address, len) {
                return Some(BufferRef {
                    segment: lease.segment().id(),
                    offset: offset as u64,
                    len: len as u64,
                });
            }
        }
        // An empty buffer is anywhere.
        let lease = self.owned.first().filter(|_| len == 0)?;
        Some(BufferRef { segment: lease.segment().id(), offset: 0, len: 0 })
    }

    fn copy(&mut self, bytes: &[u8]) -> Result<BufferRef> {
        let mut copy = self.arena.buffer(bytes.len())?;
        copy.extend(self.arena, bytes)?;
        self.copied += bytes.len() as u64;
        Ok(copy.reference())
    }

    fn describe(&mut self, array: &ArrayData) -> Result<ArrayDescriptor> {
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        let buffers = array.buffers().iter().map(|buffer| self.owned(buffer)).collect::<Option<Vec<_>>>();
        let bits = nulls.map(|nulls| self.owned(nulls.buffer()));
        // What has children only (structs, lists of one length) is cut to what it shows of them, too.
        let buffers = buffers.filter(|buffers| !buffers.is_empty() && bits != Some(None));
        let Some(buffers) = buffers else { return self.copied(array) };
        Ok(ArrayDescriptor {
            len: array.len() as u64,
            offset: array.offset() as u64,
            validity: nulls.zip(bits.flatten()).map(|(nulls, bits)| (bits, nulls.offset() as u64)),
            buffers,
            children: array.child_data().iter().map(|child| self.describe(child)).collect::<Result<_>>()?,
        })
    }

    /// Copies what the array shows of its buffers, and no more: it may be a slice of a large one.
    fn copied(&mut self, array: &ArrayData) -> Result<ArrayDescriptor> {
        let (start, len) = (array.offset(), array.len());
        let mut copy = ArrayDescriptor { len: len as u64, ..ArrayDescriptor::default() };
        if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
            let bits = nulls.inner().sliced();
            copy.validity = Some((self.copy(bits.as_slice())?, 0));
        }
        match array.data_type() {
            DataType::Boolean => {
                let bits = BooleanBuffer::new(array.buffers()[0].clone(), start, len).sliced();
                copy.buffers.push(self.copy(bits.as_slice())?);
            }
            DataType::Utf8 | DataType::Binary => self.copy_bytes::<i32>(array, &mut copy)?,
            DataType::LargeUtf8 | DataType::LargeBinary => self.copy_bytes::<i64>(array, &mut copy)?,
            DataType::List(_) => self.copy_lists::<i32>(array, &mut copy)?,
            DataType::LargeList(_) => self.copy_lists::<i64>(array, &mut copy)?,
            DataType::LargeListView(_) => self.copy_views(array, &mut copy)?,
            DataType::FixedSizeList(_, size) => {
                let size = usize::try_from(*size).unwrap_or(0);
                let child = array.child_data()[0].slice(start * size, len * size);
                copy.children.push(self.describe(&child)?);
            }
            DataType::Struct(_) => {
                for child in array.child_data() {
                    copy.children.push(self.describe(&child.slice(start, len))?);
                }
            }
            other => match other.primitive_width() {
                Some(width) => {
                    let values = &array.buffers()[0].as_slice()[start * width..][..len * width];
                    copy.buffers.push(self.copy(values)?);
                }
                None => {
                    return Err(Error::new(ErrorCode::Argument, format!("type {other} cannot be passed on")));
                }
            },
        }
        Ok(copy)
    }

    /// Offsets from zero, and between which values they point.
    fn copy_offsets<O: OffsetSizeTrait>(
        &mut self,
        array: &ArrayData,
        copy: &mut ArrayDescriptor,
    ) -> Result<(usize, usize)> {
        if array.is_empty() {
            copy.buffers.push(self.copy(&0_i64.to_le_bytes()[..size_of::<O>()])?);
            return Ok((0, 0));
        }
        let offsets = &array.buffer::<O>(0)[..=array.len()];
        let (first, last) = (offsets[0], offsets[array.len()]);
        if first.as_usize() == 0 {
            copy.buffers.push(self.copy(offsets.to_byte_slice())?);
        } else {
            let rebased: Vec<O> = offsets.iter().map(|offset| *offset - first).collect();
            copy.buffers.push(self.copy(rebased.to_byte_slice())?);
        }
        Ok((first.as_usize(), last.as_usize()))
    }

    fn copy_bytes<O: OffsetSizeTrait>(
        &mut self,
        array: &ArrayData,
        copy: &mut ArrayDescriptor,
    ) -> Result<()> {
        let (start, end) = self.copy_offsets::<O>(array, copy)?;
        copy.buffers.push(self.copy(&array.buffers()[1].as_slice()[start..end])?);
        Ok(())
    }

    fn copy_lists<O: OffsetSizeTrait>(
        &mut self,
        array: &ArrayData,
        copy: &mut ArrayDescriptor,
    ) -> Result<()> {
        let (start, end) = self.copy_offsets::<O>(array, copy)?;
        copy.children.push(self.describe(&array.child_data()[0].slice(start, end - start))?);
        Ok(())
    }

    /// Lists that may overlap, over the values between the first and the last that any shows.
    fn copy_views(&mut self, array: &ArrayData, copy: &mut ArrayDescriptor) -> Result<()> {
        let len = array.len();
        let (offsets, sizes) = (&array.buffer::<i64>(0)[..len], &array.buffer::<i64>(1)[..len]);
        let start = offsets.iter().copied().min().unwrap_or(0);
        let end = offsets.iter().zip(sizes).map(|(offset, size)| offset + size).max().unwrap_or(0);
        let rebased: Vec<i64> = offsets.iter().map(|offset| offset - start).collect();
        copy.buffers.push(self.copy(rebased.to_byte_slice())?);
        copy.buffers.push(self.copy(sizes.to_byte_slice())?);
        let shown = array.child_data()[0].slice(start.as_usize(), (end - start).as_usize());
        copy.children.push(self.describe(&shown)?);
        Ok(())
    }
}

/// The segments that a descriptor names.
pub fn segments(descriptor: &ArrayDescriptor, visit: &mut impl FnMut(SegmentId)) {
    references(descriptor, &mut |reference| visit(reference.segment));
}

/// The bytes that a descriptor names. Columns may share a buffer, as those of a group share their offsets: it
/// counts once.
pub fn bytes(descriptor: &ArrayDescriptor) -> u64 {
    let mut places = HashMap::new();
    references(descriptor, &mut |reference| {
        places.insert((reference.segment, reference.offset), reference.len);
    });
    places.values().sum()
}

/// Every buffer that a descriptor names.
pub fn references(descriptor: &ArrayDescriptor, visit: &mut impl FnMut(&BufferRef)) {
    let validity = descriptor.validity.iter().map(|(reference, _)| reference);
    descriptor.buffers.iter().chain(validity).for_each(&mut *visit);
    for child in &descriptor.children {
        references(child, visit);
    }
}

#[cfg(test)]
mod tests;
