//! `beringia._native`: what the Python package needs of the native side.

mod capsule;
mod convention;
mod failure;
mod local;
mod worker;

use pyo3::prelude::*;

/// The native part of Beringia.
#[pymodule(gil_used = true)]
mod _native {
    #[pymodule_export]
    use crate::capsule::Stream;
    #[pymodule_export]
    use crate::convention::numpy::array::Views;
    #[pymodule_export]
    use crate::local::{Calls, Constants, Hub, Pool, drain_log, run_gang, share, wake_log};
    #[pymodule_export]
    use crate::worker::asks::{Asks, asks};
    #[pymodule_export]
    use crate::worker::run_worker;
    #[pymodule_export]
    use crate::worker::scope::scope;
}
