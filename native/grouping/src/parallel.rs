//! Tasks on a few threads that end with the call: nothing is left behind that a fork of this process could miss.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Rows below which another thread costs more than it brings.
const WORTH_A_THREAD: usize = 1 << 15;

/// How many threads are of use for `rows` where `most` may be taken.
pub fn threads_for(rows: usize, most: usize) -> usize {
    (rows / WORTH_A_THREAD).clamp(1, most.max(1))
}

/// Calls `work` for each of `tasks`, on `threads` threads, the calling one among them, or as many as there may be;
/// results in the order of the tasks.
pub fn map<T: Send, R: Send>(
    threads: usize,
    tasks: impl ExactSizeIterator<Item = T> + Send,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let threads = threads.min(tasks.len());
    if threads <= 1 {
        return tasks.map(work).collect();
    }
    let tasks = Mutex::new(tasks.enumerate());
    let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).next();
    let results = Mutex::new(Vec::new());
    let serve = || {
        let mut own = Vec::new();
        while let Some((number, task)) = next() {
            own.push((number, work(task)));
        }
        results.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            if thread::Builder::new().spawn_scoped(scope, serve).is_err() {
                break;
            }
        }
        serve();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}
