//! Shared-memory segments: fixed-size memory that two processes see at once.
//!
//! A [`Segment`] is created by one process and attached by its peer; only its id, an offset and a length
//! ever cross between them, never a pointer. Who creates a segment may write to it; who attaches it reads,
//! or writes to a private copy. The backends differ in how the memory is named and passed, nothing else.
//!
//! This module has the `unsafe` of memory that is mapped and shared. The fact that all of it relies on:
//! **a mapping lives as long as the `Memory` that owns it, is never resized, and every access is checked
//! against its length.** The peer may write to a segment while we read it; so nothing here hands out
//! references into memory that a peer can write, but for plain values whose every bit pattern is valid
//! ([`Segment::buffer`]).

mod arena;
mod available;
mod cache;
mod control;
mod exchange;
mod heap;
mod mapping;
mod memfd;
mod names;
mod posix;

use std::fmt;
use std::ops::Range;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::panic::AssertUnwindSafe;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_buffer::Buffer;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, Result};

pub use arena::{Arena, SharedBuffer};
pub(crate) use available::memory_left;
pub use available::require;
pub use cache::{Cache, Lease};
pub use control::{Control, MAX_OFFERED, Position, nanos};
pub use exchange::{Announcement, Attached, Incoming, Outgoing, SegmentToken};
pub(crate) use names::tidy;
pub use names::{abandon, sweep};

/// Every buffer begins at a multiple of this, the alignment that Arrow recommends.
pub const ALIGNMENT: usize = 64;

/// Names a segment; unique within the process that created it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SegmentId(pub u64);

impl SegmentId {
    fn next() -> SegmentId {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        SegmentId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Bytes in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BufferRef {
    /// The segment.
    pub segment: SegmentId,
    /// The first byte.
    pub offset: u64,
    /// How many.
    pub len: u64,
}

/// What a process that attaches a segment may do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Access {
    /// Reads only; a write is a fault that the kernel raises.
    ReadOnly,
    /// Writes go to private pages; nobody else sees them.
    CopyOnWrite,
    /// Both sides write: only the control page is shared so.
    Shared,
}

/// How a peer gets at a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Passing {
    /// By a descriptor that travels beside the message.
    Descriptor,
    /// By a name that the operating system knows.
    Name(String),
    /// By a name that only this process knows.
    Local(u64),
}

/// The memory behind a segment; dropping it unmaps it.
#[allow(clippy::len_without_is_empty, reason = "a segment is never empty")]
pub trait Memory: Send + Sync {
    /// The first byte.
    fn address(&self) -> NonNull<u8>;
    /// The size in bytes.
    fn len(&self) -> usize;
    /// How a peer attaches it.
    fn passing(&self) -> Passing;
    /// The descriptor that travels with [`Passing::Descriptor`].
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
    /// See [`Segment::own`]; only what a peer created can be made one's own.
    fn own(&self, _parts: &[Range<usize>]) -> Result<usize> {
        Err(Error::internal("memory that cannot be made this process's own"))
    }
}

/// A kind of shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Anonymous, sealed, passed by descriptor (Linux).
    Memfd,
    /// POSIX named shared memory.
    Posix,
    /// Memory of this process alone, for tests.
    Heap,
}

impl Backend {
    /// Every backend that this platform has. Miri knows no shared memory.
    pub const ALL: &'static [Backend] =
        if cfg!(miri) { &[Backend::Heap] } else { &[Backend::Memfd, Backend::Posix, Backend::Heap] };

    /// Reserves and maps `len` bytes, all zero. `access` is what the peer will be allowed.
    fn create(self, len: usize, access: Access) -> Result<Box<dyn Memory>> {
        available::check(len)?;
        match self {
            Backend::Memfd => memfd::create(len, access),
            Backend::Posix => posix::create(len),
            Backend::Heap => heap::create(len),
        }
    }

    /// Whether memory of this kind is passed like that.
    fn passes_as(self, passing: &Passing) -> bool {
        match self {
            Backend::Memfd => matches!(passing, Passing::Descriptor),
            Backend::Posix => matches!(passing, Passing::Name(_)),
            Backend::Heap => matches!(passing, Passing::Local(_)),
        }
    }

    /// Maps memory that a peer created.
    fn attach(
        passing: &Passing,
        descriptor: Option<BorrowedFd<'_>>,
        len: usize,
        access: Access,
    ) -> Result<Box<dyn Memory>> {
        match (passing, descriptor) {
            (Passing::Descriptor, Some(descriptor)) => memfd::attach(descriptor, len, access),
            (Passing::Descriptor, None) => Err(Error::protocol("a segment came without its descriptor")),
            (Passing::Name(name), _) => posix::attach(name, len, access),
            (Passing::Local(key), _) => heap::attach(*key, len, access),
        }
    }
}

/// One shared-memory object of fixed size, mapped in this process.
pub struct Segment {
    id: SegmentId,
    memory: Box<dyn Memory>,
    writable: bool,
}

impl Segment {
    /// Creates a segment of at least `len` bytes, all zero, that this process may write to.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the memory cannot be reserved.
    pub fn create(backend: Backend, len: usize, access: Access) -> Result<Segment> {
        let memory = backend.create(len.max(ALIGNMENT), access)?;
        Ok(Segment { id: SegmentId::next(), memory, writable: true })
    }

    /// Memory that a peer created, under an id of this process, to be passed on to other peers.
    ///
    /// # Errors
    /// As [`Self::attach`].
    fn passed_on(passing: &Passing, descriptor: Option<OwnedFd>, len: usize) -> Result<Segment> {
        let memory = match descriptor {
            Some(descriptor) => memfd::keep(descriptor, len)?,
            None => Backend::attach(passing, None, len, Access::ReadOnly)?,
        };
        Ok(Segment { id: SegmentId::next(), memory, writable: false })
    }

    /// Attaches a segment that a peer created and described.
    ///
    /// # Errors
    /// [`ErrorCode::Protocol`] when the memory is smaller than described or could still shrink.
    pub fn attach(
        id: SegmentId,
        passing: &Passing,
        descriptor: Option<BorrowedFd<'_>>,
        len: usize,
        access: Access,
    ) -> Result<Segment> {
        let memory = Backend::attach(passing, descriptor, len, access)?;
        Ok(Segment { id, memory, writable: access != Access::ReadOnly })
    }

    /// Makes memory that a peer created this process's own, at the same addresses: what `parts` names keeps its content, the
    /// rest reads as zeros and takes no memory. The peer may use its memory anew. Returns the bytes that this takes.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when there is no memory for it.
    pub fn own(&self, parts: &[Range<usize>]) -> Result<usize> {
        self.memory.own(parts)
    }

    /// The id its creator gave it.
    pub fn id(&self) -> SegmentId {
        self.id
    }

    /// The size in bytes.
    #[allow(clippy::len_without_is_empty, reason = "a segment is never empty")]
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// The address of the first byte in this process.
    pub fn address(&self) -> usize {
        self.memory.address().as_ptr() as usize
    }

    /// How a peer attaches it.
    pub fn passing(&self) -> Passing {
        self.memory.passing()
    }

    /// Whether its memory is of this kind.
    pub fn is(&self, backend: Backend) -> bool {
        backend.passes_as(&self.passing())
    }

    /// The descriptor to send along, if it is passed by descriptor.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.memory.descriptor()
    }

    /// The offset of `len` bytes at `address`, if they lie wholly inside this segment.
    pub fn offset_of(&self, address: usize, len: usize) -> Option<usize> {
        let offset = address.checked_sub(self.address())?;
        (offset.checked_add(len)? <= self.len()).then_some(offset)
    }

    /// Whether `len` bytes at `offset` lie inside.
    pub fn has(&self, offset: usize, len: usize) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.len())
    }

    fn check(&self, offset: usize, len: usize) -> Result<()> {
        if self.has(offset, len) {
            return Ok(());
        }
        Err(Error::protocol(format!(
            "bytes {offset}..+{len} lie outside {:?}, which has {} bytes",
            self.id,
            self.len()
        )))
    }

    /// Copies `data` to `offset`.
    ///
    /// # Errors
    /// [`ErrorCode::Protocol`] when it does not fit, [`ErrorCode::Internal`] when the segment is read-only.
    pub fn write(&self, offset: usize, data: &[u8]) -> Result<()> {
        self.check(offset, data.len())?;
        if !self.writable {
            return Err(Error::new(ErrorCode::Internal, "write to a segment that is mapped read-only"));
        }
        // SAFETY: the range was checked against the mapping's length, the mapping is writable and lives as
        // long as `self`; `data` is ordinary memory, which cannot overlap a mapping made by this module
        // other than by a view on it, and views are never written to.
        unsafe {
            let target = self.memory.address().as_ptr().add(offset);
            std::ptr::copy(data.as_ptr(), target, data.len());
        }
        Ok(())
    }

    /// A private copy of `len` bytes at `offset`, which no peer can change any more.
    ///
    /// # Errors
    /// [`ErrorCode::Protocol`] when the range is not inside, [`ErrorCode::Resource`] when there is no memory for it.
    pub fn read(&self, offset: usize, len: usize) -> Result<Vec<u8>> {
        self.check(offset, len)?;
        let mut copy = Vec::new();
        copy.try_reserve_exact(len)
            .map_err(|_| Error::new(ErrorCode::Resource, format!("no memory to copy {len} bytes")))?;
        // SAFETY: the range was checked; the copy goes to fresh memory of exactly this capacity. A peer that
        // writes meanwhile changes which bytes arrive, and every byte is valid.
        unsafe {
            let source = self.memory.address().as_ptr().add(offset);
            std::ptr::copy_nonoverlapping(source, copy.as_mut_ptr(), len);
            copy.set_len(len);
        }
        Ok(copy)
    }

    /// The same as an Arrow buffer, aligned as every type of a result wants it.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_buffer(&self, offset: usize, len: usize) -> Result<Buffer> {
        self.check(offset, len)?;
        let mut copy: Vec<i128> = Vec::new();
        let items = len.div_ceil(size_of::<i128>());
        copy.try_reserve_exact(items)
            .map_err(|_| Error::new(ErrorCode::Resource, format!("no memory to copy {len} bytes")))?;
        // SAFETY: the range was checked; the copy goes to fresh memory of this capacity, of whose last item not all
        // bytes may be copied. A peer that writes meanwhile changes which bytes arrive, and every byte is valid.
        unsafe {
            if let Some(last) = items.checked_sub(1) {
                copy.as_mut_ptr().add(last).write(0);
            }
            let source = self.memory.address().as_ptr().add(offset);
            std::ptr::copy_nonoverlapping(source, copy.as_mut_ptr().cast::<u8>(), len);
            copy.set_len(items);
        }
        Ok(Buffer::from_vec(copy).slice_with_length(0, len))
    }

    /// An Arrow buffer over `len` bytes at `offset`, without a copy. `owner` keeps the segment alive.
    ///
    /// # Errors
    /// [`ErrorCode::Protocol`] when the range is not inside.
    pub fn buffer<O>(&self, owner: Arc<O>, offset: usize, len: usize) -> Result<Buffer>
    where
        O: AsRef<Segment> + Send + Sync + 'static,
    {
        self.check(offset, len)?;
        debug_assert!(std::ptr::eq(self, AsRef::<Segment>::as_ref(&*owner)));
        // SAFETY: the range was checked and `owner` holds this very segment, and with it the mapping, until
        // the last buffer is gone. A peer may write to it meanwhile: whoever reads the buffer treats it as
        // plain values (offsets and lengths go through `read`).
        unsafe {
            let start = NonNull::new_unchecked(self.memory.address().as_ptr().add(offset));
            Ok(Buffer::from_custom_allocation(start, len, Arc::new(AssertUnwindSafe(owner))))
        }
    }
}

impl AsRef<Segment> for Segment {
    fn as_ref(&self) -> &Segment {
        self
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment").field("id", &self.id).field("len", &self.len()).finish()
    }
}

#[cfg(test)]
mod conformance;
