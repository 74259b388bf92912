//! What a `long` on the JVM side stands for: a key into a table, so that a stale one is an error and not a crash.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use beringia_core::job::Job;
use beringia_core::runtime::Runtime;
use beringia_core::{Error, ErrorCode, Result};

/// An open runtime or job.
#[derive(Clone)]
pub enum Handle {
    Runtime(Arc<Runtime>),
    Job(Arc<Job>),
}

static TABLE: LazyLock<Mutex<HashMap<i64, Handle>>> = LazyLock::new(Mutex::default);

fn table() -> MutexGuard<'static, HashMap<i64, Handle>> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Enters it into the table.
pub fn insert(handle: Handle) -> i64 {
    static NEXT: AtomicI64 = AtomicI64::new(1);
    let key = NEXT.fetch_add(1, Ordering::Relaxed);
    table().insert(key, handle);
    key
}

/// Takes it from the table, if it is still there.
pub fn remove(key: i64) -> Option<Handle> {
    table().remove(&key)
}

fn closed(what: &str, key: i64) -> Error {
    Error::new(ErrorCode::Cancelled, format!("{what} {key} is closed"))
}

pub fn runtime(key: i64) -> Result<Arc<Runtime>> {
    match table().get(&key) {
        Some(Handle::Runtime(runtime)) => Ok(Arc::clone(runtime)),
        _ => Err(closed("runtime", key)),
    }
}

pub fn job(key: i64) -> Result<Arc<Job>> {
    match table().get(&key) {
        Some(Handle::Job(job)) => Ok(Arc::clone(job)),
        _ => Err(closed("job", key)),
    }
}
