//! Growable buffers laid out in shared memory: values are written once, where the peer will read them.
//!
//! Buffers are regions of the arena's segments. One that outgrows its region takes what is free behind it, or moves to a
//! region of twice the size, as a `Vec` would; in segments of the size of the previous batch that is rare. What moved is
//! counted.

use std::sync::Arc;

use arrow_buffer::ArrowNativeType;

use super::{ALIGNMENT, BufferRef, Cache, Lease};
use crate::error::{Error, ErrorCode, Result};

/// Regions of leased segments, given out one after the other.
pub struct Arena {
    cache: Arc<Cache>,
    leases: Vec<Arc<Lease>>,
    used: usize,
    segment_size: usize,
    moved: u64,
}

impl Arena {
    /// An empty arena; its segments have at least `segment_size` bytes.
    pub fn new(cache: Arc<Cache>, segment_size: usize) -> Arena {
        Arena { cache, leases: Vec::new(), used: 0, segment_size, moved: 0 }
    }

    /// A buffer with room for `capacity` bytes.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the memory cannot be reserved.
    pub fn buffer(&mut self, capacity: usize) -> Result<SharedBuffer> {
        let capacity = capacity
            .max(ALIGNMENT)
            .checked_next_multiple_of(ALIGNMENT)
            .ok_or_else(|| Error::new(ErrorCode::Resource, format!("a buffer of {capacity} bytes")))?;
        let lease = match self.leases.last() {
            Some(lease) if lease.segment().len() - self.used >= capacity => Arc::clone(lease),
            _ => {
                let lease = self.cache.lease(capacity.max(self.segment_size))?;
                self.leases.push(Arc::clone(&lease));
                self.used = 0;
                lease
            }
        };
        let start = self.used;
        self.used += capacity;
        Ok(SharedBuffer { lease, start, capacity, len: 0 })
    }

    /// Makes room for `needed` bytes where `buffer` is, if its region is the one given out last and its segment has them.
    fn extend(&mut self, buffer: &mut SharedBuffer, needed: usize) -> bool {
        let is_last = self.leases.last().is_some_and(|last| Arc::ptr_eq(last, &buffer.lease))
            && buffer.start + buffer.capacity == self.used;
        let room = buffer.lease.segment().len() - buffer.start;
        if !is_last || room < needed {
            return false;
        }
        buffer.capacity = needed.max(2 * buffer.capacity).next_multiple_of(ALIGNMENT).min(room);
        self.used = buffer.start + buffer.capacity;
        true
    }

    /// Bytes copied because a buffer outgrew its region.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// The segments in use.
    pub fn into_leases(self) -> Vec<Arc<Lease>> {
        self.leases
    }
}

/// One growable buffer of an [`Arena`].
pub struct SharedBuffer {
    lease: Arc<Lease>,
    start: usize,
    capacity: usize,
    len: usize,
}

impl SharedBuffer {
    /// The bytes written.
    #[allow(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Where the bytes are, for the peer.
    pub fn reference(&self) -> BufferRef {
        BufferRef { segment: self.lease.segment().id(), offset: self.start as u64, len: self.len as u64 }
    }

    fn address(&self, offset: usize) -> *mut u8 {
        // SAFETY: `start + capacity` lies inside the segment, as `Arena::buffer` made it, and callers keep
        // `offset <= capacity`.
        unsafe { self.lease.segment().memory.address().as_ptr().add(self.start + offset) }
    }

    #[cold]
    fn grow(&mut self, arena: &mut Arena, needed: usize) -> Result<()> {
        if arena.extend(self, needed) {
            return Ok(());
        }
        let mut larger = arena.buffer(needed.max(self.capacity.saturating_mul(2)))?;
        // SAFETY: two distinct regions of segments created by this process, both of at least `len` bytes.
        unsafe { std::ptr::copy_nonoverlapping(self.address(0), larger.address(0), self.len) };
        larger.len = self.len;
        arena.moved += self.len as u64;
        *self = larger;
        Ok(())
    }

    #[inline]
    fn reserve(&mut self, arena: &mut Arena, additional: usize) -> Result<()> {
        match self.len.checked_add(additional) {
            Some(needed) if needed <= self.capacity => Ok(()),
            Some(needed) => self.grow(arena, needed),
            None => Err(Error::new(ErrorCode::Resource, "a buffer larger than the address space")),
        }
    }

    /// Appends one value.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the buffer has to grow and cannot.
    #[inline]
    pub fn push<T: ArrowNativeType>(&mut self, arena: &mut Arena, value: T) -> Result<()> {
        self.reserve(arena, size_of::<T>())?;
        // SAFETY: `reserve` made room for one `T` at `len`; native types are plain bytes.
        unsafe { self.address(self.len).cast::<T>().write_unaligned(value) };
        self.len += size_of::<T>();
        Ok(())
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn extend(&mut self, arena: &mut Arena, bytes: &[u8]) -> Result<()> {
        self.reserve(arena, bytes.len())?;
        // SAFETY: `reserve` made room for all of `bytes` at `len`. `bytes` may itself be a view on shared
        // memory, but not on this region, which nobody else has seen yet.
        unsafe { std::ptr::copy(bytes.as_ptr(), self.address(self.len), bytes.len()) };
        self.len += bytes.len();
        Ok(())
    }

    /// The last `count` bytes written.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when there are not as many.
    pub fn last(&self, count: usize) -> Result<Vec<u8>> {
        let from =
            self.len.checked_sub(count).ok_or_else(|| Error::internal("a buffer that is too short"))?;
        self.lease.segment().read(self.start + from, count)
    }

    /// Takes back what was written past the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Appends `count` times the byte `value`.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn fill(&mut self, arena: &mut Arena, value: u8, count: usize) -> Result<()> {
        self.reserve(arena, count)?;
        // SAFETY: `reserve` made room for `count` bytes at `len`.
        unsafe { std::ptr::write_bytes(self.address(self.len), value, count) };
        self.len += count;
        Ok(())
    }

    /// Appends `count` times the same value.
    ///
    /// # Errors
    /// As [`Self::push`].
    #[inline]
    pub fn repeat<T: ArrowNativeType>(&mut self, arena: &mut Arena, value: T, count: usize) -> Result<()> {
        self.reserve(arena, count.saturating_mul(size_of::<T>()))?;
        for _ in 0..count {
            // SAFETY: `reserve` made room for `count` of `T` at `len`; native types are plain bytes.
            unsafe { self.address(self.len).cast::<T>().write_unaligned(value) };
            self.len += size_of::<T>();
        }
        Ok(())
    }

    /// Sets bit `index` (least significant first) of what has been written to `value`.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when the bit lies beyond what was written.
    pub fn set_bit(&mut self, index: usize, value: bool) -> Result<()> {
        if index / 8 >= self.len {
            return Err(Error::internal(format!("bit {index} of a buffer of {} bytes", self.len)));
        }
        // SAFETY: the byte is below `len`, so inside the region.
        unsafe {
            let byte = self.address(index / 8);
            let mask = 1 << (index % 8);
            byte.write(if value { byte.read() | mask } else { byte.read() & !mask });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Backend;

    #[test]
    fn a_buffer_grows_where_it_is_while_nothing_is_behind_it() {
        let mut arena = Arena::new(Cache::new(Backend::Heap, 0), 1 << 20);
        let mut first = arena.buffer(64).unwrap();
        let mut last = arena.buffer(64).unwrap();
        for number in 0..10_000u64 {
            last.push(&mut arena, number).unwrap();
        }
        assert_eq!((arena.moved(), arena.leases.len()), (0, 1));
        // `last` is behind it, so it moves, and is then behind all others.
        first.fill(&mut arena, 1, 65).unwrap();
        first.fill(&mut arena, 2, 100_000).unwrap();
        last.push(&mut arena, 10_000u64).unwrap();
        assert_eq!(first.last(100_001).unwrap()[..2], [1, 2]);
        assert_eq!(last.last(16).unwrap(), [9_999u64, 10_000].map(u64::to_le_bytes).concat());
    }

    #[test]
    fn a_buffer_for_which_its_segment_is_too_small_moves_to_another() {
        let mut arena = Arena::new(Cache::new(Backend::Heap, 0), 1 << 16);
        let mut buffer = arena.buffer(64).unwrap();
        buffer.fill(&mut arena, 1, 1 << 16).unwrap();
        assert_eq!((arena.moved(), arena.leases.len()), (0, 1));
        buffer.fill(&mut arena, 2, 1).unwrap();
        assert_eq!((arena.moved(), arena.leases.len()), (1 << 16, 2));
        assert_eq!(buffer.last(2).unwrap(), [1, 2]);
    }
}
