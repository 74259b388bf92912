//! Processes that a function forks: they must not speak for the worker.
//!
//! A child closes the channels at once, or it would keep them open after the worker's end and take its messages; and when
//! the function returns in the child as well, the child ends there.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyDict;

static WORKER: AtomicU32 = AtomicU32::new(0);
static CHANNELS: [AtomicI32; 2] = [AtomicI32::new(-1), AtomicI32::new(-1)];
static FORKED: AtomicBool = AtomicBool::new(false);

/// Makes forks of this process, the worker, close its `channels`.
pub fn register(py: Python<'_>, channels: [BorrowedFd<'_>; 2]) -> PyResult<()> {
    WORKER.store(std::process::id(), Ordering::Relaxed);
    for (own, channel) in CHANNELS.iter().zip(channels) {
        own.store(channel.as_raw_fd(), Ordering::Relaxed);
    }
    let hooks = PyDict::new(py);
    hooks.set_item("after_in_child", wrap_pyfunction!(leave_channels, py)?)?;
    py.import("os")?.call_method("register_at_fork", (), Some(&hooks))?;
    Ok(())
}

#[pyfunction]
fn leave_channels(py: Python<'_>) -> PyResult<()> {
    FORKED.store(true, Ordering::Relaxed);
    for channel in &CHANNELS {
        let descriptor = channel.swap(-1, Ordering::Relaxed);
        if descriptor >= 0 {
            py.import("os")?.call_method1("close", (descriptor,))?;
        }
    }
    Ok(())
}

/// Ends this process if Python forked it from the worker.
#[inline]
pub fn end_if_told(py: Python<'_>) {
    if FORKED.load(Ordering::Relaxed) {
        end(py);
    }
}

/// Ends this process if it is not the worker, whoever forked it.
pub fn end_if_forked(py: Python<'_>) {
    if std::process::id() != WORKER.load(Ordering::Relaxed) {
        end(py);
    }
}

fn end(py: Python<'_>) {
    // No exit hooks, no buffers to flush: they are the worker's.
    let _ = py.import("os").and_then(|os| os.call_method1("_exit", (0,)));
    std::process::abort();
}
