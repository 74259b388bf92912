//! The calls of one batch: columns as arguments, results as rows.

use std::cell::Cell;

use arrow_schema::DataType;
use beringia_core::ErrorCode;
use beringia_core::definition::{Definition, Mapping};
use beringia_core::segment::Arena;
use pyo3::prelude::*;

use super::argument::{Elements, Showing, elements, type_name};
use super::array::Views;
use super::function::Function;
use super::options::{Argument, Options};
use super::result::Rows;
use crate::convention::{Batch, Calls, Finished};
use crate::failure::{Failure, Result};

pub struct NumpyCalls<'a, 'py> {
    py: Python<'py>,
    definition: &'a Definition,
    function: &'a Function,
    arguments: Vec<(Showing<'py>, Box<dyn Elements>)>,
    /// What the function gets, from one call to the next.
    values: Vec<Bound<'py, PyAny>>,
    rows: Rows,
}

impl<'a, 'py> NumpyCalls<'a, 'py> {
    pub fn new(
        function: &'a Function,
        options: &Options,
        batch: &Batch<'a, 'py>,
        arena: Arena,
    ) -> Result<NumpyCalls<'a, 'py>> {
        let Batch { py, definition, rows, memory } = *batch;
        let views = Bound::new(py, Views::new(memory.to_vec()))?.into_any();
        let arguments = options.arguments.iter().map(|argument| show(batch, options, argument, &views));
        let arguments = arguments.collect::<Result<Vec<_>>>()?;
        Ok(NumpyCalls {
            py,
            definition,
            function,
            values: Vec::with_capacity(arguments.len()),
            arguments,
            rows: Rows::new(py, arena, definition, options, rows.len())?,
        })
    }
}

/// The column of an argument, and how it is shown.
fn show<'py>(
    batch: &Batch<'_, 'py>,
    options: &Options,
    argument: &Argument,
    views: &Bound<'py, PyAny>,
) -> Result<(Showing<'py>, Box<dyn Elements>)> {
    let Batch { py, definition, rows, .. } = *batch;
    let DataType::Struct(fields) = rows.data_type() else {
        return Err(Failure::new(ErrorCode::Protocol, "a batch that is no struct"));
    };
    let (Some(field), Some(column)) = (fields.get(argument.column), rows.child_data().get(argument.column))
    else {
        return Err(Failure::new(ErrorCode::Protocol, format!("no column {}", argument.column)));
    };
    let type_name =
        if argument.type_name.is_empty() { type_name(field.data_type()) } else { argument.type_name.clone() };
    let showing = Showing {
        base: views.clone(),
        writable: definition.shape.mapping == Mapping::Private,
        name: argument.name.clone(),
        type_name,
        float64: options.type_names.float64.clone().unwrap_or_else(|| "double".to_owned()),
        missing: (argument.column >= definition.shape.keys).then_some(argument.missing),
        masked_arrays: py.import("numpy.ma")?,
        copied: Cell::new(0),
    };
    Ok((showing, elements(py, field, column, argument.udt)?))
}

impl<'py> Calls<'py> for NumpyCalls<'_, 'py> {
    #[inline]
    fn prepare(&mut self, group: usize) -> Result<()> {
        self.values.clear();
        for (showing, elements) in &self.arguments {
            self.values.push(elements.item(showing, group)?);
        }
        self.function.complete(self.py, &mut self.values);
        Ok(())
    }

    #[inline]
    fn call(&mut self) -> PyResult<Bound<'py, PyAny>> {
        self.function.call(self.py, &self.values)
    }

    fn explain(&self, error: &PyErr) -> Failure {
        if let Some(failure) = Failure::coded(self.py, error) {
            return failure;
        }
        let mut failure =
            Failure::raised(self.py, &format!("'{}' raised", self.definition.program.name), error);
        if failure.summary.contains("read-only") && self.definition.shape.mapping == Mapping::ReadOnly {
            failure
                .summary
                .push_str(" (arguments are read-only views: pass writable=True to write to copies of them)");
        }
        failure
    }

    #[inline]
    fn append(&mut self, group: usize, result: &Bound<'py, PyAny>) -> Result<()> {
        self.rows.append(group, result)
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn truncate(&mut self, rows: usize) -> Result<()> {
        self.rows.truncate(self.py, rows)
    }

    fn append_failed(&mut self, group: usize, why: &str) -> Result<()> {
        self.rows.append_failed(self.py, group, why)
    }

    fn finish(self) -> Finished {
        let (result, arena) = self.rows.finish();
        let copied = self.arguments.iter().map(|(showing, _)| showing.copied.get()).sum();
        Finished { result, arena, copied }
    }
}
