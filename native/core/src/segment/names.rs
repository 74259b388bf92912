//! Names of POSIX segments that crashed processes left behind, found and removed.
//!
//! Every process that creates named segments holds a lock on a lease file for as long as it lives; the kernel
//! drops the lock with the process, however that ends. A lease that can be locked has lost its owner, and every
//! segment with its prefix is garbage.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions};
use std::hash::BuildHasher;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use crate::error::{Error, Result};
use crate::forks::{self, Lock};

const DIRECTORY: &str = "/dev/shm";
const SUFFIX: &str = ".lease";

/// That this process owns the segments with a prefix.
struct Owner {
    prefix: String,
    // Holds the lock.
    _file: File,
}

static OWN: Mutex<Option<Owner>> = Mutex::new(None);

fn own() -> MutexGuard<'static, Option<Owner>> {
    static ONCE: Once = Once::new();
    ONCE.call_once(forks::keep_free::<Owner>);
    Owner::lock()
}

impl Lock for Owner {
    type State = Option<Owner>;

    fn lock() -> MutexGuard<'static, Option<Owner>> {
        OWN.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}

/// All our names: segments and leases, of every process.
fn names() -> Vec<String> {
    let Ok(entries) = fs::read_dir(DIRECTORY) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with("beringia-")).collect()
}

fn segments_of<'a>(prefix: &str, names: &'a [String]) -> Vec<&'a String> {
    let prefix = format!("{prefix}-");
    names.iter().filter(|name| name.starts_with(&prefix)).collect()
}

/// The prefix of this process's segment names; takes the lease at the first call.
pub(super) fn prefix() -> Result<String> {
    let mut own = own();
    if let Some(lease) = &*own {
        return Ok(lease.prefix.clone());
    }
    let prefix = format!("beringia-{:016x}", RandomState::new().hash_one(std::process::id()));
    let lease = path(&format!("{prefix}{SUFFIX}"));
    let fail = |error| Error::os(format!("cannot take the lease {}", lease.display()), error);
    // Locked before it has a name that others look for.
    let draft = path(&format!("{prefix}.draft"));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(fail)?;
    file.lock().and_then(|()| fs::rename(&draft, &lease)).map_err(fail)?;
    *own = Some(Owner { prefix: prefix.clone(), _file: file });
    Ok(prefix)
}

/// Removes the segments of processes that are gone, and says how many others still hold a lease. Called at start and
/// after a death.
pub fn sweep() -> usize {
    let names = names();
    let mut held = 0;
    for lease in names.iter().filter(|name| name.ends_with(SUFFIX)) {
        let Ok(file) = File::open(path(lease)) else { continue };
        let prefix = lease.trim_end_matches(SUFFIX);
        if own().as_ref().is_some_and(|own| own.prefix == prefix) {
            continue;
        }
        if file.try_lock().is_err() {
            held += 1;
            continue;
        }
        let orphans = segments_of(prefix, &names);
        let removed = orphans.into_iter().filter(|name| fs::remove_file(path(name)).is_ok()).count();
        let _ = fs::remove_file(path(lease));
        tracing::info!(removed, lease, "removed shared memory that an ended process left behind");
    }
    held
}

/// Gives the lease back if no segment of this process is left.
pub(crate) fn tidy() {
    let mut own = own();
    if let Some(lease) = own.take_if(|lease| segments_of(&lease.prefix, &names()).is_empty()) {
        let _ = fs::remove_file(path(&format!("{}{SUFFIX}", lease.prefix)));
    }
}

/// Removes all names of this process, which is about to end. What is mapped stays mapped.
pub fn abandon() {
    if let Some(lease) = own().take() {
        for name in segments_of(&lease.prefix, &names()) {
            let _ = fs::remove_file(path(name));
        }
        let _ = fs::remove_file(path(&format!("{}{SUFFIX}", lease.prefix)));
    }
}
