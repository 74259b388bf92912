//! NumPy's way: a group's cells as ndarrays and scalars, whatever the function returns as columns.

mod argument;
pub mod array;
mod calls;
mod function;
mod options;
mod result;
mod shared;
mod tag;

use std::sync::Arc;

use beringia_core::definition::Definition;
use beringia_core::segment::{Arena, Segment};
use pyo3::prelude::*;

use super::{Batch, Convention};
use crate::failure::Result;
use calls::NumpyCalls;
use function::Function;
use options::Options;

/// A function that is called NumPy's way.
pub struct Numpy {
    options: Options,
    function: Function,
}

impl Convention for Numpy {
    type Calls<'a, 'py> = NumpyCalls<'a, 'py>;

    fn load(py: Python<'_>, definition: &Definition, block: Option<Arc<Segment>>) -> Result<Numpy> {
        let options = Options::read(&definition.options)?;
        let function = Function::load(py, definition, &options, block)?;
        Ok(Numpy { options, function })
    }

    fn begin<'a, 'py>(&'a self, batch: &Batch<'a, 'py>, arena: Arena) -> Result<NumpyCalls<'a, 'py>> {
        NumpyCalls::new(&self.function, &self.options, batch, arena)
    }
}
