//! POSIX named shared memory, on the `shared_memory` crate: for platforms without memfd, and by choice.
//!
//! Names outlive processes, so each creator holds a lease that others can see (`names.rs`). There are no seals:
//! a misbehaving peer can truncate such a segment, which the first use says once.

use std::ptr::NonNull;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, Mode, fallocate, fstat};
use rustix::io::Errno;
use rustix::shm;
use shared_memory::{Shmem, ShmemConf};

use super::mapping::{Attached, map};
use super::{Access, Memory, Passing, names};
use crate::error::{Error, ErrorCode, Result};

struct Named {
    shmem: Shmem,
    address: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping is plain memory, valid from every thread until it is dropped.
unsafe impl Send for Named {}
// SAFETY: as above; nothing is written through `&Named`.
unsafe impl Sync for Named {}

impl Memory for Named {
    fn address(&self) -> NonNull<u8> {
        self.address
    }
    fn len(&self) -> usize {
        self.len
    }
    fn passing(&self) -> Passing {
        Passing::Name(self.shmem.get_os_id().to_owned())
    }
}

fn named(shmem: Shmem, len: usize) -> Result<Named> {
    match NonNull::new(shmem.as_ptr()) {
        Some(address) => Ok(Named { shmem, address, len }),
        None => Err(Error::internal("the kernel mapped a segment at address zero")),
    }
}

pub(super) fn create(len: usize) -> Result<Box<dyn Memory>> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    static WARN: Once = Once::new();
    WARN.call_once(|| {
        tracing::warn!("POSIX shared memory has no seals: a worker that misbehaves could crash this process");
    });
    let name = format!("/{}-{}", names::prefix()?, NEXT.fetch_add(1, Ordering::Relaxed));
    let shmem = ShmemConf::new().os_id(&name).size(len).create().map_err(|error| {
        Error::new(ErrorCode::Resource, format!("cannot create {len} bytes of shared memory {name}: {error}"))
    })?;
    // The crate only sets the length; reserving the pages makes a full file system an error here instead of a
    // SIGBUS at the first write.
    shm::open(name.as_str(), shm::OFlags::RDWR, Mode::empty())
        .and_then(|descriptor| fallocate(descriptor, FallocateFlags::empty(), 0, len as u64))
        .map_err(|errno| Error::os(format!("cannot reserve {len} bytes of shared memory {name}"), errno))?;
    Ok(Box::new(named(shmem, len)?))
}

pub(super) fn attach(name: &str, len: usize, access: Access) -> Result<Box<dyn Memory>> {
    let refused = |errno: Errno| Error::protocol(format!("cannot attach shared memory {name}: {errno}"));
    let flags = if access == Access::Shared { shm::OFlags::RDWR } else { shm::OFlags::RDONLY };
    let descriptor = shm::open(name, flags, Mode::empty()).map_err(refused)?;
    let size = fstat(&descriptor).map_err(refused)?.st_size;
    if u64::try_from(size).is_ok_and(|size| size < len as u64) {
        return Err(Error::protocol(format!(
            "shared memory {name} has {size} bytes where {len} were announced"
        )));
    }
    let mapping = map(&descriptor, len, access, false)?;
    Ok(Box::new(Attached { mapping, passing: Passing::Name(name.to_owned()) }))
}
