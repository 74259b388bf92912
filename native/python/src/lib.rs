//! `beringia._native`: what the Python package needs of the native side.

mod argument;
mod array;
mod call;
mod failure;
mod forks;
mod heap;
mod local;
mod result;
mod retained;
mod scope;
mod worker;

use pyo3::prelude::*;

/// The native part of Beringia.
#[pymodule(gil_used = true)]
mod _native {
    #[pymodule_export]
    use crate::array::Views;
    #[pymodule_export]
    use crate::local::{Pool, Stream, drain_log, wake_log};
    #[pymodule_export]
    use crate::scope::scope;
    #[pymodule_export]
    use crate::worker::run_worker;
}
