//! Anonymous memory passed by descriptor. Not bound by the size of `/dev/shm`; nothing is left after a crash.
//!
//! Its creator maps it, then seals it: it can no longer shrink (so no peer can make us SIGBUS) and, unless it
//! is the shared control page, nobody can make a new writable mapping of it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat};

use super::mapping::{Attached, Mapping, map};
use super::{Access, Memory, Passing};
use crate::error::{Error, Result};
use crate::spelling::assigned;

struct Kept {
    mapping: Mapping,
    // Kept so that the segment can be passed on.
    descriptor: OwnedFd,
}

impl Memory for Kept {
    fn address(&self) -> NonNull<u8> {
        self.mapping.address
    }
    fn len(&self) -> usize {
        self.mapping.len
    }
    fn passing(&self) -> Passing {
        Passing::Descriptor
    }
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.descriptor.as_fd())
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
    let mapping = map(&descriptor, len, access, true)?;
    let mut seals = SealFlags::SHRINK | SealFlags::GROW;
    if access != Access::Shared {
        seals |= SealFlags::FUTURE_WRITE;
    }
    fcntl_add_seals(&descriptor, seals | SealFlags::SEAL)
        .map_err(|errno| Error::os("cannot seal shared memory", errno))?;
    Ok(Box::new(Kept { mapping, descriptor }))
}

/// Maps what a peer created for reading, and keeps the descriptor, so that it can be passed on. It was looked at when it was
/// attached, and whoever attaches it next looks again.
pub(super) fn keep(descriptor: OwnedFd, len: usize) -> Result<Box<dyn Memory>> {
    let mapping = map(&descriptor, len, Access::ReadOnly, false)?;
    Ok(Box::new(Kept { mapping, descriptor }))
}

pub(super) fn attach(descriptor: BorrowedFd<'_>, len: usize, access: Access) -> Result<Box<dyn Memory>> {
    let seals = fcntl_get_seals(descriptor)
        .map_err(|errno| Error::protocol(format!("a segment's descriptor is not a memfd: {errno}")))?;
    // Without the second one, whoever can write could punch holes: what was there would be gone, though not the size.
    let needed = match access {
        Access::Shared => SealFlags::SHRINK,
        Access::ReadOnly | Access::CopyOnWrite => SealFlags::SHRINK | SealFlags::FUTURE_WRITE,
    };
    if !seals.contains(needed) {
        return Err(Error::protocol("a segment is not sealed against shrinking and new writers"));
    }
    let size = fstat(descriptor).map_err(|errno| Error::os("cannot ask a segment's size", errno))?.st_size;
    if len == 0 || u64::try_from(size).is_ok_and(|size| size < len as u64) {
        return Err(Error::protocol(format!("a segment has {size} bytes where {len} were announced")));
    }
    let mapping = map(descriptor, len, access, false)?;
    Ok(Box::new(Attached { mapping, passing: Passing::Descriptor }))
}
