//! Memory that a descriptor stands for, mapped: by its creator, or by a peer. A peer may make what it has mapped its own.

use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::fd::AsFd;
use std::ptr::{NonNull, null_mut};

use rustix::io::Errno;
use rustix::mm::{
    Advice, MapFlags, MprotectFlags, MremapFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect,
    mremap_fixed, munmap,
};
use rustix::param::page_size;

use super::{Access, Memory, Passing};
use crate::error::{Error, Result};

pub(super) struct Mapping {
    pub address: NonNull<u8>,
    pub len: usize,
    writable: bool,
}

// SAFETY: a mapping is plain memory, valid from every thread until it is dropped.
unsafe impl Send for Mapping {}
// SAFETY: as above; writes go through `Segment::write` or the owner's own pointers, never through `&Mapping`.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: address and length are those of a mapping that this value owns, and nothing refers to it any more:
        // every view holds the segment.
        let unmapped = unsafe { munmap(self.address.as_ptr().cast(), self.len) };
        if let Err(error) = unmapped {
            tracing::error!(len = self.len, %error, "cannot unmap a segment");
        }
    }
}

/// The mapping at `address`, which nobody else owns.
fn mapping(address: *mut core::ffi::c_void, len: usize, writable: bool) -> Result<Mapping> {
    match NonNull::new(address.cast::<u8>()) {
        Some(address) => Ok(Mapping { address, len, writable }),
        None => Err(Error::internal("the kernel mapped a segment at address zero")),
    }
}

/// Maps `len` bytes, as a peer may, or as the creator must.
pub(super) fn map(descriptor: impl AsFd, len: usize, access: Access, creator: bool) -> Result<Mapping> {
    let (writable, flags) = match access {
        _ if creator => (true, MapFlags::SHARED),
        Access::ReadOnly => (false, MapFlags::SHARED),
        Access::CopyOnWrite => (true, MapFlags::PRIVATE),
        Access::Shared => (true, MapFlags::SHARED),
    };
    let protection = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
    // SAFETY: a fresh mapping at an address of the kernel's choice touches no existing memory.
    let address = unsafe { mmap(null_mut(), len, protection, flags, descriptor, 0) }
        .map_err(|errno| Error::os(format!("cannot map {len} bytes of shared memory"), errno))?;
    mapping(address, len, writable)
}

impl Mapping {
    /// See [`super::Segment::own`].
    fn own(&self, parts: &[Range<usize>]) -> Result<usize> {
        let failed = |errno: Errno| {
            Error::os(format!("cannot keep {} bytes of arguments that are still viewed", self.len), errno)
        };
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: as in `map`.
        let copy = unsafe { mmap_anonymous(null_mut(), self.len, protection, MapFlags::PRIVATE) };
        let copy = mapping(copy.map_err(failed)?, self.len, true)?;
        // SAFETY: the range is the fresh mapping's own. A huge page would take megabytes for a few bytes; kernels without
        // them refuse the advice.
        let _ = unsafe { madvise(copy.address.as_ptr().cast(), copy.len, Advice::LinuxNoHugepage) };
        let mut parts: Vec<_> = parts.iter().filter(|part| !part.is_empty()).cloned().collect();
        parts.sort_unstable_by_key(|part| (part.start, part.end));
        parts.dedup();
        let (mut pages, mut counted) = (0, 0);
        for part in parts {
            if part.end > self.len {
                return Err(Error::internal(format!("bytes {part:?} of a segment of {}", self.len)));
            }
            // SAFETY: the range lies in both mappings, which have one length and do not overlap.
            unsafe {
                let source = self.address.as_ptr().add(part.start);
                std::ptr::copy_nonoverlapping(source, copy.address.as_ptr().add(part.start), part.len());
            }
            let last = part.end.div_ceil(page_size());
            pages += last.saturating_sub(counted.max(part.start / page_size()));
            counted = counted.max(last);
        }
        if !self.writable {
            // SAFETY: the range is the fresh mapping's own, and nothing refers to it yet.
            unsafe { mprotect(copy.address.as_ptr().cast(), copy.len, MprotectFlags::READ) }
                .map_err(failed)?;
        }
        let (from, to) = (copy.address.as_ptr().cast(), self.address.as_ptr().cast());
        // SAFETY: both ranges are mappings of ours of one length; whoever views this one sees the same bytes before and
        // after, for the kernel puts one in the place of the other at once.
        unsafe { mremap_fixed(from, copy.len, copy.len, MremapFlags::MAYMOVE, to) }.map_err(failed)?;
        // It is this mapping now.
        let _ = ManuallyDrop::new(copy);
        Ok(pages * page_size())
    }
}

/// What a peer created. Its descriptor is not needed any more.
pub(super) struct Attached {
    pub mapping: Mapping,
    pub passing: Passing,
}

impl Memory for Attached {
    fn address(&self) -> NonNull<u8> {
        self.mapping.address
    }
    fn len(&self) -> usize {
        self.mapping.len
    }
    fn passing(&self) -> Passing {
        self.passing.clone()
    }
    fn own(&self, parts: &[Range<usize>]) -> Result<usize> {
        self.mapping.own(parts)
    }
}
