//! (segment, descriptor) → Arrow array, checked: counts, bounds, alignment, offsets; of a worker's, UTF-8.
//!
//! A worker can write to its segments at any time, also after they were checked. So of a worker's reply, everything
//! that is checked is copied first, and the copy is checked and used: validity, offsets, indices, and text, for
//! an engine's string functions may write out of bounds where a string is not UTF-8. What remains in the segment are plain
//! values, of which every bit pattern is valid.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::ArrayData;
use arrow_schema::DataType;

use super::references;
use crate::error::{Error, Result};
use crate::protocol::ArrayDescriptor;
use crate::segment::{BufferRef, Segment, SegmentId};
use crate::text;

/// Rebuilds the array that a descriptor of the parent, or our own, names. `segment` finds a segment by id, together
/// with the owner that keeps it. Whether its text is UTF-8 is not looked at: see [`text`].
///
/// # Errors
/// [`crate::ErrorCode::Protocol`] when anything about it is wrong.
pub fn resolve<O>(
    descriptor: &ArrayDescriptor,
    data_type: &DataType,
    segment: &impl Fn(SegmentId) -> Result<Arc<O>>,
) -> Result<ArrayData>
where
    O: AsRef<Segment> + Send + Sync + 'static,
{
    Resolver { segment, private: false, copied: 0 }.array(descriptor, data_type)
}

/// The same for a descriptor of a worker, which may say and do anything. Also returns the bytes of text copied.
///
/// # Errors
/// [`crate::ErrorCode::Protocol`] when anything about it is wrong, [`crate::ErrorCode::Resource`] when there is no
/// memory for what has to be copied.
pub fn verify<O>(
    descriptor: &ArrayDescriptor,
    data_type: &DataType,
    segment: &impl Fn(SegmentId) -> Result<Arc<O>>,
) -> Result<(ArrayData, u64)>
where
    O: AsRef<Segment> + Send + Sync + 'static,
{
    check_overlap(descriptor, segment)?;
    let mut resolver = Resolver { segment, private: true, copied: 0 };
    let array = resolver.array(descriptor, data_type)?;
    Ok((array, resolver.copied))
}

/// Copies are only as large as the segments: nobody makes us copy the same bytes again and again.
fn check_overlap<O: AsRef<Segment>>(
    descriptor: &ArrayDescriptor,
    segment: &impl Fn(SegmentId) -> Result<Arc<O>>,
) -> Result<()> {
    let (mut named, mut ids) = (0_u64, HashSet::new());
    references(descriptor, &mut |reference| {
        named = named.saturating_add(reference.len);
        ids.insert(reference.segment);
    });
    let mut there = 0;
    for id in ids {
        there += segment(id)?.as_ref().as_ref().len() as u64;
    }
    if named > there {
        return Err(Error::protocol(format!("buffers of {named} bytes in segments of {there}")));
    }
    Ok(())
}

struct Resolver<'a, S> {
    segment: &'a S,
    /// Whether what is checked has to be copied.
    private: bool,
    copied: u64,
}

impl<O, S> Resolver<'_, S>
where
    O: AsRef<Segment> + Send + Sync + 'static,
    S: Fn(SegmentId) -> Result<Arc<O>>,
{
    fn view(&self, reference: &BufferRef) -> Result<Buffer> {
        let owner = (self.segment)(reference.segment)?;
        let (offset, len) = (size(reference.offset)?, size(reference.len)?);
        Arc::clone(&owner).as_ref().as_ref().buffer(owner, offset, len)
    }

    /// A buffer whose content is checked.
    fn checked(&self, reference: &BufferRef) -> Result<Buffer> {
        if !self.private {
            return self.view(reference);
        }
        let (offset, len) = (size(reference.offset)?, size(reference.len)?);
        (self.segment)(reference.segment)?.as_ref().as_ref().read_buffer(offset, len)
    }

    fn array(&mut self, descriptor: &ArrayDescriptor, data_type: &DataType) -> Result<ArrayData> {
        let (len, offset) = (size(descriptor.len)?, size(descriptor.offset)?);
        let nulls = match &descriptor.validity {
            None => None,
            Some((reference, bit)) => Some(self.nulls(reference, size(*bit)?, len)?),
        };
        let mut buffers = Vec::with_capacity(2);
        // Of lists that overlap the second buffer is like the first one.
        let views = usize::from(matches!(data_type, DataType::LargeListView(_)));
        for (index, reference) in descriptor.buffers.iter().enumerate() {
            if index <= views && reference.len % item_width(data_type) != 0 {
                return Err(Error::protocol(format!(
                    "a buffer of {} bytes for an array of type {data_type}",
                    reference.len
                )));
            }
            buffers.push(match content(data_type, index) {
                Content::Plain => self.view(reference)?,
                Content::Structure => self.checked(reference)?,
                Content::Text => {
                    self.copied += if self.private { reference.len } else { 0 };
                    self.checked(reference)?
                }
            });
        }
        let types = child_types(data_type);
        if types.len() != descriptor.children.len() {
            return Err(Error::protocol(format!(
                "{} children for an array of type {data_type}",
                descriptor.children.len()
            )));
        }
        let children = types
            .into_iter()
            .zip(&descriptor.children)
            .map(|(child_type, child)| self.array(child, child_type))
            .collect::<Result<Vec<_>>>()?;
        // Arrow panics at a product that overflows.
        if let DataType::FixedSizeList(_, items) = data_type
            && usize::try_from(*items).ok().and_then(|items| items.checked_mul(len + offset)).is_none()
        {
            return Err(Error::protocol(format!("{len} values from {offset} on of type {data_type}")));
        }
        let array = ArrayData::builder(data_type.clone())
            .len(len)
            .offset(offset)
            .nulls(nulls)
            .buffers(buffers)
            .child_data(children);
        if self.private { Ok(array.build()?) } else { text::build(data_type, array) }
    }

    fn nulls(&self, reference: &BufferRef, bit: usize, len: usize) -> Result<NullBuffer> {
        let bits = self.checked(reference)?;
        if bit.checked_add(len).is_none_or(|end| end > bits.len().saturating_mul(8)) {
            return Err(Error::protocol(format!(
                "a validity bitmap of {} bytes for {len} values",
                bits.len()
            )));
        }
        Ok(NullBuffer::new(BooleanBuffer::new(bits, bit, len)))
    }
}

fn size(value: u64) -> Result<usize> {
    // A quarter of the address space, so that sums of two cannot overflow.
    match usize::try_from(value) {
        Ok(value) if value <= usize::MAX / 4 => Ok(value),
        _ => Err(Error::protocol(format!("a size of {value}"))),
    }
}

/// What a buffer holds.
enum Content {
    /// Values of which every bit pattern is valid.
    Plain,
    /// What points elsewhere: offsets, indices, views.
    Structure,
    /// What must be UTF-8.
    Text,
}

fn content(data_type: &DataType, index: usize) -> Content {
    use DataType::{
        Binary, BinaryView, Dictionary, LargeBinary, LargeList, LargeListView, LargeUtf8, List, ListView,
        Map, Union, Utf8, Utf8View,
    };
    match (data_type, index) {
        (Utf8 | LargeUtf8 | Utf8View, 1..) => Content::Text,
        (Binary | LargeBinary | BinaryView, 1..) => Content::Plain,
        (
            Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView | List(_) | LargeList(_)
            | ListView(_) | LargeListView(_) | Map(..) | Dictionary(..) | Union(..),
            _,
        ) => Content::Structure,
        _ => Content::Plain,
    }
}

/// Bytes of an item of the first buffer: Arrow takes it apart into whole ones.
fn item_width(data_type: &DataType) -> u64 {
    match data_type {
        DataType::Utf8 | DataType::Binary | DataType::List(_) | DataType::Map(..) => 4,
        DataType::LargeUtf8 | DataType::LargeBinary | DataType::LargeList(_) | DataType::LargeListView(_) => {
            8
        }
        other => other.primitive_width().unwrap_or(1) as u64,
    }
}

fn child_types(data_type: &DataType) -> Vec<&DataType> {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => vec![field.data_type()],
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        DataType::Dictionary(_, values) => vec![values],
        _ => Vec::new(),
    }
}
