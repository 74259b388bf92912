//! Anonymous memory passed by descriptor. Not bound by the size of `/dev/shm`; nothing is left after a crash.
//!
//! Its creator maps it, then seals it: it can no longer shrink (so no peer can make us SIGBUS) and, unless it
//! is the shared control page, nobody can make a new writable mapping of it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::{Access, Memory, Passing};
use crate::error::{Error, Result};
use crate::spelling::assigned;

struct Mapping {
    address: NonNull<u8>,
    len: usize,
    // Kept so that the segment can be passed on; also dropped after the unmapping in `drop`.
    descriptor: OwnedFd,
}

// SAFETY: a mapping is plain memory, valid from every thread until it is dropped.
unsafe impl Send for Mapping {}
// SAFETY: as above; writes go through `Segment::write` or the owner's own pointers, never through `&Mapping`.
unsafe impl Sync for Mapping {}

impl Memory for Mapping {
    fn address(&self) -> NonNull<u8> {
        self.address
    }
    fn len(&self) -> usize {
        self.len
    }
    fn passing(&self) -> Passing {
        Passing::Descriptor
    }
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.descriptor.as_fd())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: address and length are those of the mapping made in `map`, and nothing refers to it any
        // more: every view holds the segment.
        let unmapped = unsafe { munmap(self.address.as_ptr().cast(), self.len) };
        if let Err(error) = unmapped {
            tracing::error!(len = self.len, %error, "cannot unmap a segment");
        }
    }
}

fn map(descriptor: OwnedFd, len: usize, access: Access, creator: bool) -> Result<Mapping> {
    let (protection, flags) = match access {
        _ if creator => (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED),
        Access::ReadOnly => (ProtFlags::READ, MapFlags::SHARED),
        Access::CopyOnWrite => (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE),
        Access::Shared => (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED),
    };
    // SAFETY: a fresh mapping at an address of the kernel's choice touches no existing memory.
    let address = unsafe { mmap(std::ptr::null_mut(), len, protection, flags, &descriptor, 0) }
        .map_err(|errno| Error::os(format!("cannot map {len} bytes of shared memory"), errno))?;
    match NonNull::new(address.cast::<u8>()) {
        Some(address) => Ok(Mapping { address, len, descriptor }),
        None => Err(Error::internal("the kernel mapped a segment at address zero")),
    }
}

pub(super) fn create(len: usize, access: Access) -> Result<Box<dyn Memory>> {
    let descriptor = rustix::fs::memfd_create("beringia", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
        .map_err(|errno| {
            Error::os(
                format!(
                    "cannot create anonymous shared memory (memfd_create); where it is forbidden set {}",
                    assigned("segment.backend", "posix")
                ),
                errno,
            )
        })?;
    // Reserving the pages now makes lack of memory an error here instead of a SIGBUS at the first write.
    fallocate(&descriptor, FallocateFlags::empty(), 0, len as u64)
        .map_err(|errno| Error::os(format!("cannot reserve {len} bytes of shared memory"), errno))?;
    let mapping = map(descriptor, len, access, true)?;
    let mut seals = SealFlags::SHRINK | SealFlags::GROW;
    if access != Access::Shared {
        seals |= SealFlags::FUTURE_WRITE;
    }
    fcntl_add_seals(&mapping.descriptor, seals | SealFlags::SEAL)
        .map_err(|errno| Error::os("cannot seal shared memory", errno))?;
    Ok(Box::new(mapping))
}

pub(super) fn attach(descriptor: OwnedFd, len: usize, access: Access) -> Result<Box<dyn Memory>> {
    let seals = fcntl_get_seals(&descriptor)
        .map_err(|errno| Error::protocol(format!("a segment's descriptor is not a memfd: {errno}")))?;
    // Without the second one, whoever can write could punch holes: what was there would be gone, though not the size.
    let needed = match access {
        Access::Shared => SealFlags::SHRINK,
        Access::ReadOnly | Access::CopyOnWrite => SealFlags::SHRINK | SealFlags::FUTURE_WRITE,
    };
    if !seals.contains(needed) {
        return Err(Error::protocol("a segment is not sealed against shrinking and new writers"));
    }
    let size = fstat(&descriptor).map_err(|errno| Error::os("cannot ask a segment's size", errno))?.st_size;
    if len == 0 || u64::try_from(size).is_ok_and(|size| size < len as u64) {
        return Err(Error::protocol(format!("a segment has {size} bytes where {len} were announced")));
    }
    Ok(Box::new(map(descriptor, len, access, false)?))
}
