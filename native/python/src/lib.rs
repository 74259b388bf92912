//! `beringia._native`: what the Python package needs of the native side.

mod argument;
mod array;
mod call;
mod failure;
mod heap;
mod local;
mod result;
mod retained;
mod worker;

use pyo3::prelude::*;

/// The native part of Beringia.
#[pymodule(gil_used = true)]
mod _native {
    #[pymodule_export]
    use crate::array::Views;
    #[pymodule_export]
    use crate::local::{Pool, Stream};
    #[pymodule_export]
    use crate::worker::run_worker;
}
