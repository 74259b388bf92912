//! Signals and progress while the workers work: the calling thread's part, which has the interpreter.

use std::time::Duration;

use beringia_grouping::Running;
use pyo3::prelude::*;

/// How often it looks.
const STEP: Duration = Duration::from_millis(50);

/// Returns when the work is done. An interrupt, or an error of `progress`, stops it.
pub fn watch(py: Python<'_>, running: &Running<'_>, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let watched = until_done(py, running, progress);
    if watched.is_err() {
        running.stop();
        // The threads are waited for in any case: they need no interpreter, and must not keep others from theirs.
        py.detach(|| running.wait(Duration::MAX));
    }
    watched
}

fn until_done(py: Python<'_>, running: &Running<'_>, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    loop {
        let done = py.detach(|| running.wait(STEP));
        if let Some(progress) = progress {
            progress.call1(running.progress())?;
        }
        if done {
            return Ok(());
        }
        py.check_signals()?;
    }
}
