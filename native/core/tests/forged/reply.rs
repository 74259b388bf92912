//! Results of a worker that lies: a result that could be honest, changed in a few places, in memory that changes too.

use std::collections::HashMap;
use std::sync::Arc;

use arbitrary::{Arbitrary, Result, Unstructured};
use arrow_array::ffi::FFI_ArrowArray;
use arrow_schema::{DataType, Field, TimeUnit};
use beringia_core::protocol::ArrayDescriptor;
use beringia_core::segment::{Access, Backend, BufferRef, Segment, SegmentId};
use beringia_core::{Error, ErrorCode, placement};

use crate::reader;

/// Forges a reply from `seed` and reads it if it is accepted; whether it was.
///
/// # Panics
/// When what was accepted is not safe to read.
pub fn try_forged(seed: &[u8]) -> bool {
    // A seed that is too short is a reply of few lies.
    forge(&mut Unstructured::new(seed)).unwrap_or(false)
}

fn forge(random: &mut Unstructured<'_>) -> Result<bool> {
    let data_type = data_type(random, 3)?;
    let len = random.int_in_range(0..=20)?;
    let mut memory = Memory::default();
    let mut descriptor = memory.array(random, &data_type, len)?;
    for _ in 0..random.int_in_range(0..=3)? {
        lie(random, &mut descriptor)?;
    }
    let segments = memory.into_segments(random)?;
    let find = |id: SegmentId| {
        segments.get(&id).cloned().ok_or_else(|| Error::protocol(format!("{id:?} was never announced")))
    };
    let (array, _) = match placement::verify(&descriptor, &data_type, &find) {
        Ok(accepted) => accepted,
        Err(error) => {
            assert!(matches!(error.code, ErrorCode::Protocol | ErrorCode::Resource), "{error}");
            return Ok(false);
        }
    };
    // The worker goes on writing.
    for segment in segments.values() {
        segment.write(0, &vec![random.arbitrary::<u8>().unwrap_or(0xff); segment.len()]).unwrap();
    }
    let exported = FFI_ArrowArray::new(&array);
    drop((array, segments));
    reader::read(&exported, &data_type);
    Ok(true)
}

/// A type that a result may have.
fn data_type(random: &mut Unstructured<'_>, depth: usize) -> Result<DataType> {
    const PLAIN: [DataType; 12] = [
        DataType::Boolean,
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::Float32,
        DataType::Float64,
        DataType::Date32,
        DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Decimal128(20, 2),
        DataType::Utf8,
        DataType::LargeBinary,
    ];
    let field = |random: &mut Unstructured<'_>| -> Result<Arc<Field>> {
        Ok(Arc::new(Field::new("item", data_type(random, depth - 1)?, true)))
    };
    Ok(match random.int_in_range(0..=if depth == 0 { 7 } else { 11 })? {
        0..=4 => random.choose(&PLAIN)?.clone(),
        5..=7 => DataType::LargeUtf8,
        8 => DataType::LargeList(field(random)?),
        9 => DataType::List(field(random)?),
        10 => DataType::FixedSizeList(field(random)?, random.int_in_range(0..=9)?),
        _ => DataType::Struct(vec![field(random)?, field(random)?].into()),
    })
}

/// One segment in the making, of aligned regions one after the other.
#[derive(Default)]
struct Memory {
    bytes: Vec<u8>,
}

impl Memory {
    fn buffer(&mut self, bytes: &[u8]) -> BufferRef {
        let offset = self.bytes.len();
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(64), 0);
        BufferRef { segment: SegmentId(1), offset: offset as u64, len: bytes.len() as u64 }
    }

    fn offsets(
        &mut self,
        random: &mut Unstructured<'_>,
        len: usize,
        wide: bool,
    ) -> Result<(BufferRef, usize)> {
        let (mut bytes, mut end) = (Vec::new(), 0_i64);
        for index in 0..=len {
            end += if index == 0 { 0 } else { random.int_in_range(0..=3)? };
            if wide { bytes.extend(end.to_le_bytes()) } else { bytes.extend((end as i32).to_le_bytes()) }
        }
        Ok((self.buffer(&bytes), end as usize))
    }

    /// An honest array.
    fn array(
        &mut self,
        random: &mut Unstructured<'_>,
        data_type: &DataType,
        len: usize,
    ) -> Result<ArrayDescriptor> {
        let mut array = ArrayDescriptor { len: len as u64, ..ArrayDescriptor::default() };
        if random.ratio(1, 3)? {
            let bits: Vec<u8> = (0..len.div_ceil(8)).map(|_| random.arbitrary()).collect::<Result<_>>()?;
            array.validity = Some((self.buffer(&bits), 0));
        }
        match data_type {
            DataType::Boolean => array.buffers.push(self.buffer(&vec![0xa5; len.div_ceil(8)])),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::LargeBinary => {
                let (offsets, size) = self.offsets(random, len, *data_type != DataType::Utf8)?;
                let text = "né€𝄞".as_bytes();
                // Cut anywhere: most of the time no UTF-8 at the bounds.
                let simple = random.ratio(3, 4)?;
                let text: Vec<u8> =
                    (0..size).map(|i| if simple { b'a' } else { text[i % text.len()] }).collect();
                array.buffers.extend([offsets, self.buffer(&text)]);
            }
            DataType::LargeList(item) | DataType::List(item) => {
                let (offsets, size) =
                    self.offsets(random, len, matches!(data_type, DataType::LargeList(_)))?;
                array.buffers.push(offsets);
                array.children.push(self.array(random, item.data_type(), size)?);
            }
            DataType::FixedSizeList(item, size) => {
                array.children.push(self.array(random, item.data_type(), len * *size as usize)?);
            }
            DataType::Struct(fields) => {
                for field in fields {
                    array.children.push(self.array(random, field.data_type(), len)?);
                }
            }
            other => {
                let values = vec![random.arbitrary::<u8>()?; len * other.primitive_width().unwrap()];
                array.buffers.push(self.buffer(&values));
            }
        }
        Ok(array)
    }

    fn into_segments(mut self, random: &mut Unstructured<'_>) -> Result<HashMap<SegmentId, Arc<Segment>>> {
        if !self.bytes.is_empty() {
            for _ in 0..random.int_in_range(0..=2)? {
                let place = random.choose_index(self.bytes.len())?;
                self.bytes[place] = random.arbitrary()?;
            }
        }
        let segment = Segment::create(Backend::Heap, self.bytes.len(), Access::ReadOnly).unwrap();
        segment.write(0, &self.bytes).unwrap();
        // Known by the name that the descriptors use, whatever its own.
        Ok(HashMap::from([(SegmentId(1), Arc::new(segment))]))
    }
}

/// Changes one thing about it.
fn lie(random: &mut Unstructured<'_>, descriptor: &mut ArrayDescriptor) -> Result<()> {
    if !descriptor.children.is_empty() && random.ratio(2, 3)? {
        let index = random.choose_index(descriptor.children.len())?;
        return lie(random, &mut descriptor.children[index]);
    }
    let mut other = ArrayDescriptor::default();
    match random.int_in_range(0..=9)? {
        0 => change(random, &mut descriptor.len)?,
        1 => change(random, &mut descriptor.offset)?,
        2 => descriptor.buffers.truncate(random.int_in_range(0..=2)?),
        3 => descriptor.children.truncate(random.int_in_range(0..=1)?),
        4 => descriptor.children.push(std::mem::take(&mut other)),
        5 => match &mut descriptor.validity {
            Some((_, bit)) => change(random, bit)?,
            None => descriptor.validity = descriptor.buffers.first().map(|buffer| (*buffer, 0)),
        },
        6 => {
            if let Some(first) = descriptor.buffers.first().copied() {
                descriptor.buffers.push(first);
            }
        }
        _ => {
            let validity = descriptor.validity.iter_mut().map(|(buffer, _)| buffer);
            let mut buffers: Vec<&mut BufferRef> = descriptor.buffers.iter_mut().chain(validity).collect();
            if !buffers.is_empty() {
                let index = random.choose_index(buffers.len())?;
                match random.int_in_range(0..=5)? {
                    0 => change(random, &mut buffers[index].segment.0)?,
                    1..=3 => change(random, &mut buffers[index].offset)?,
                    _ => change(random, &mut buffers[index].len)?,
                }
            }
        }
    }
    Ok(())
}

fn change(random: &mut Unstructured<'_>, number: &mut u64) -> Result<()> {
    *number = match random.int_in_range(0..=6)? {
        0 => 0,
        1 => number.wrapping_add(1),
        2 => number.wrapping_sub(1),
        3 => number.wrapping_mul(2),
        4 => *random.choose(&[u64::MAX, u64::MAX / 2, u64::MAX / 4, 1 << 32, 1 << 31])?,
        5 => number.wrapping_add(64 * random.int_in_range(0..=16)?),
        _ => u64::arbitrary(random)?,
    };
    Ok(())
}
