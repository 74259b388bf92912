//! One function, and its call: vector-called with the arguments of each group.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_buffer::Buffer;
use arrow_schema::DataType;
use beringia_core::ErrorCode;
use beringia_core::definition::Definition;
use beringia_core::segment::Segment;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::array::{self, Dtype, Views};
use super::options::{Constant, Options};
use super::shared::Shared;
use crate::convention::program;
use crate::failure::{Failure, Result};
use crate::worker::memory::Held;

/// A function that was loaded, ready to be called.
pub struct Function {
    callable: Py<PyAny>,
    keywords: Option<Py<PyTuple>>,
    positional: usize,
    /// Arguments that show a column that all groups share, by their place in the call.
    shared: BTreeMap<usize, Shared>,
    /// Passed by name, after the arguments.
    constants: Vec<Py<PyAny>>,
}

impl Function {
    /// Loads the function of `definition`. `block` holds its constants.
    pub fn load(
        py: Python<'_>,
        definition: &Definition,
        options: &Options,
        block: Option<Arc<Segment>>,
    ) -> Result<Function> {
        let callable = program::load(py, &definition.program)?;
        let by_name = options.arguments.iter().filter(|argument| argument.keyword);
        let mut names: Vec<&str> = by_name.map(|argument| argument.name.as_str()).collect();
        let positional = options.arguments.len() - names.len();
        let (mut constants, mut shared) = (Vec::new(), BTreeMap::new());
        if let Some((segment, place)) = block.zip(definition.block) {
            let bytes = segment.buffer(Arc::clone(&segment), 0, place.len as usize)?;
            let base = Bound::new(py, Views::new(vec![Held::new(segment)]))?.into_any();
            constants = arrays(py, &options.arrays, &bytes, &base)?;
            shared = columns(py, definition, options, &bytes, &base)?;
        }
        constants.extend(values(py, options)?);
        names.extend(options.arrays.iter().map(|constant| constant.name.as_str()));
        names.extend(options.values.keys().map(String::as_str));
        let keywords = if names.is_empty() { None } else { Some(PyTuple::new(py, names)?.unbind()) };
        Ok(Function { callable: callable.unbind(), keywords, positional, shared, constants })
    }

    /// What the argument at `place` shows, where that is a column that all groups share.
    pub fn shared(&self, place: usize) -> Option<&Shared> {
        self.shared.get(&place)
    }

    /// Appends the constants to the arguments of a call.
    #[inline]
    pub fn complete<'py>(&self, py: Python<'py>, arguments: &mut Vec<Bound<'py, PyAny>>) {
        arguments.extend(self.constants.iter().map(|constant| constant.bind(py).clone()));
    }

    /// Calls it with `arguments`: positional ones, keyword ones, constants.
    #[inline]
    pub fn call<'py>(&self, py: Python<'py>, arguments: &[Bound<'py, PyAny>]) -> PyResult<Bound<'py, PyAny>> {
        let keywords = self.keywords.as_ref().map_or(std::ptr::null_mut(), |names| names.as_ptr());
        // SAFETY: `Bound` is a transparent pointer to a live object; positional and keyword arguments are as many
        // as the count and the names say; the GIL is held.
        unsafe {
            let result = ffi::PyObject_Vectorcall(
                self.callable.as_ptr(),
                arguments.as_ptr().cast::<*mut ffi::PyObject>(),
                self.positional,
                keywords,
            );
            Bound::from_owned_ptr_or_err(py, result)
        }
    }
}

/// The constants that are no arrays.
fn values(py: Python<'_>, options: &Options) -> Result<Vec<Py<PyAny>>> {
    let loads = py.import("json")?.getattr("loads")?;
    options.values.values().map(|json| Ok(loads.call1((json,))?.unbind())).collect()
}

/// The columns in the block that arguments show.
fn columns(
    py: Python<'_>,
    definition: &Definition,
    options: &Options,
    block: &Buffer,
    base: &Bound<'_, PyAny>,
) -> Result<BTreeMap<usize, Shared>> {
    let DataType::Struct(fields) = &definition.shape.input else { return Ok(BTreeMap::new()) };
    let numbered = options.arguments.iter().enumerate();
    let shared = numbered.filter_map(|(place, argument)| {
        let placed = options.shared.get(argument.column.checked_sub(fields.len())?)?;
        Some(Shared::new(py, placed, block, base).map(|shared| (place, shared)))
    });
    shared.collect()
}

/// Read-only views on the constants in the block.
fn arrays(
    py: Python<'_>,
    constants: &[Constant],
    block: &Buffer,
    base: &Bound<'_, PyAny>,
) -> Result<Vec<Py<PyAny>>> {
    let view = |constant: &Constant| -> Result<Py<PyAny>> {
        let dtype = Dtype::new(py, &constant.dtype)?;
        let len = constant.shape.iter().try_fold(dtype.width, |len, size| len.checked_mul(*size));
        let inside = len.and_then(|len| block.get(constant.offset..)?.get(..len));
        let Some(inside) = inside else {
            return Err(Failure::new(
                ErrorCode::Protocol,
                format!("constant '{}' is not in its block", constant.name),
            ));
        };
        let mut shape = constant.shape.clone();
        if constant.fortran {
            shape.reverse();
        }
        // SAFETY: `inside` is as long as the shape says, begins at a multiple of 64, and lives as long as `base`.
        let array = unsafe { array::view(base, &dtype, &shape, inside.as_ptr(), false)? };
        let array = if constant.fortran { array.getattr("T")? } else { array };
        Ok(array.unbind())
    };
    constants.iter().map(view).collect()
}
