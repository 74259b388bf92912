//! The calls of one batch: columns as arguments, results as rows.

use std::cell::Cell;

use arrow_schema::DataType;
use beringia_core::ErrorCode;
use beringia_core::definition::{Definition, Mapping};
use beringia_core::segment::Arena;
use pyo3::exceptions::PyAssertionError;
use pyo3::prelude::*;

use super::argument::{Elements, Showing, elements, type_name};
use super::array::Views;
use super::function::Function;
use super::options::{Argument, Options};
use super::result::Rows;
use super::shared::Shared;
use crate::convention::{Batch, Calls, Finished};
use crate::failure::{Failure, Result};

/// Where an argument's values come from.
enum Source<'a> {
    /// A column of the batch.
    Column(Box<dyn Elements>),
    Shared(&'a Shared),
}

pub struct NumpyCalls<'a, 'py> {
    py: Python<'py>,
    definition: &'a Definition,
    function: &'a Function,
    arguments: Vec<(Showing<'py>, Source<'a>)>,
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
        let numbered = options.arguments.iter().enumerate();
        let arguments = numbered.map(|(place, argument)| match function.shared(place) {
            Some(shared) => {
                let base = shared.base.bind(py).clone();
                let showing = showing(batch, options, argument, &argument.type_name, base)?;
                let cast = options.type_names.cast.as_ref().map(|cast| format!("cast it with {cast}"));
                let cast = cast.unwrap_or_else(|| showing.cast.clone());
                Ok((Showing { writable: false, cast, ..showing }, Source::Shared(shared)))
            }
            None => column(batch, options, argument, views.clone()),
        });
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
fn column<'py>(
    batch: &Batch<'_, 'py>,
    options: &Options,
    argument: &Argument,
    views: Bound<'py, PyAny>,
) -> Result<(Showing<'py>, Source<'static>)> {
    let DataType::Struct(fields) = batch.rows.data_type() else {
        return Err(Failure::new(ErrorCode::Protocol, "a batch that is no struct"));
    };
    let data = batch.rows.child_data().get(argument.column);
    let (Some(field), Some(data)) = (fields.get(argument.column), data) else {
        return Err(Failure::new(ErrorCode::Protocol, format!("no column {}", argument.column)));
    };
    let type_name =
        if argument.type_name.is_empty() { type_name(field.data_type()) } else { argument.type_name.clone() };
    let showing = showing(batch, options, argument, &type_name, views)?;
    Ok((showing, Source::Column(elements(batch.py, field, data, argument.udt)?)))
}

/// What to use in place of an engine's class that asserts that it is on a driver.
fn engine_hint(py: Python<'_>, error: &PyErr) -> Option<String> {
    if !error.is_instance_of::<PyAssertionError>(py) {
        return None;
    }
    let hint = py.import("beringia._engine_objects").and_then(|module| module.getattr("hint"));
    hint.and_then(|hint| hint.call1((error.traceback(py),))?.extract()).ok().flatten()
}

fn showing<'py>(
    batch: &Batch<'_, 'py>,
    options: &Options,
    argument: &Argument,
    type_name: &str,
    base: Bound<'py, PyAny>,
) -> Result<Showing<'py>> {
    let shape = &batch.definition.shape;
    let float64 = options.type_names.float64.as_deref().unwrap_or("double");
    Ok(Showing {
        base,
        writable: shape.mapping == Mapping::Private,
        name: argument.name.clone(),
        type_name: type_name.to_owned(),
        cast: format!("cast the column to {float64}"),
        missing: (argument.column >= shape.keys).then_some(argument.missing),
        masked_arrays: batch.py.import("numpy.ma")?,
        copied: Cell::new(0),
    })
}

impl<'py> Calls<'py> for NumpyCalls<'_, 'py> {
    #[inline]
    fn prepare(&mut self, group: usize) -> Result<()> {
        self.values.clear();
        for (showing, source) in &self.arguments {
            self.values.push(match source {
                Source::Column(elements) => elements.item(showing, group)?,
                Source::Shared(shared) => shared.show(showing)?,
            });
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
        if let Some(hint) = engine_hint(self.py, error) {
            failure.summary.push_str(&format!(" ({hint})"));
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

    fn finish(self) -> Result<Finished> {
        let (result, arena) = self.rows.finish();
        let copied = self.arguments.iter().map(|(showing, _)| showing.copied.get()).sum();
        Ok(Finished { result, arena, copied, aside: Vec::new() })
    }
}
