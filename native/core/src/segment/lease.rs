//! Names of POSIX segments that crashed processes left behind, found and removed.
//!
//! Every process that creates named segments holds a lock on a lease file for as long as it lives; the kernel
//! drops the lock with the process, however that ends. A lease that can be locked has lost its owner, and every
//! segment with its prefix is garbage.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::BuildHasher;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::OnceLock;

use crate::error::{Error, Result};

const DIRECTORY: &str = "/dev/shm";
const SUFFIX: &str = ".lease";

/// The prefix of this process's segment names; takes the lease at the first call.
pub(super) fn prefix() -> Result<&'static str> {
    static LEASE: OnceLock<(String, File)> = OnceLock::new();
    if let Some((prefix, _)) = LEASE.get() {
        return Ok(prefix);
    }
    sweep();
    let prefix = format!("beringia-{:016x}", RandomState::new().hash_one(std::process::id()));
    let path = Path::new(DIRECTORY).join(format!("{prefix}{SUFFIX}"));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| Error::os(format!("cannot create {}", path.display()), error))?;
    file.lock().map_err(|error| Error::os(format!("cannot lock {}", path.display()), error))?;
    Ok(&LEASE.get_or_init(|| (prefix, file)).0)
}

/// Removes the segments of processes that are gone. Called at start and after a worker's death.
pub fn sweep() {
    let Ok(entries) = fs::read_dir(DIRECTORY) else { return };
    let names: Vec<String> = entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    for lease in names.iter().filter(|n| n.starts_with("beringia-") && n.ends_with(SUFFIX)) {
        let path = Path::new(DIRECTORY).join(lease);
        let Ok(file) = File::open(&path) else { continue };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => continue,
        }
        let prefix = format!("{}-", lease.trim_end_matches(SUFFIX));
        let orphans = names.iter().filter(|n| n.starts_with(&prefix));
        let removed = orphans.filter(|n| fs::remove_file(Path::new(DIRECTORY).join(n)).is_ok()).count();
        let _ = fs::remove_file(&path);
        tracing::info!(removed, lease, "removed shared memory that an ended process left behind");
    }
}
