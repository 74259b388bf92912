//! Arrow's way: a batch is shown to Python code as an Arrow table over the memory where it lies, and that code makes the
//! calls: what a function gets, and what is taken from it, is its own affair. It gives the results back as a table.
//!
//! The program's function names a class, `module:qualname`; its payload and options are what an object of it is made with,
//! and the schema of the results. `begin(batch)` of the object gives the calls of a batch: `prepare(group)`, `call()`,
//! `append(result)`, which says how many rows there are, and `finish()`. `explain(error)`, of the class and of the calls,
//! says what was raised: the traceback that the front's users know. `aside()` of the object says what is to be said beside
//! results.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, Int32Array, RecordBatch, new_empty_array};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field};
use arrow_select::concat::concat;
use beringia_core::ErrorCode;
use beringia_core::definition::{Definition, RowCount};
use beringia_core::placement;
use beringia_core::protocol::ArrayDescriptor;
use beringia_core::segment::{Arena, Segment};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{Batch, Calls, Convention, Finished, program};
use crate::capsule::{Stream, import_batches};
use crate::failure::{Failure, Result};

/// The object that makes the calls.
pub struct Arrow {
    caller: Py<PyAny>,
}

impl Convention for Arrow {
    type Calls<'a, 'py> = ArrowCalls<'a, 'py>;

    fn load(py: Python<'_>, definition: &Definition, _block: Option<Arc<Segment>>) -> Result<Arrow> {
        let class = program::named(py, &definition.program)?;
        let payload = PyBytes::new(py, &definition.program.payload);
        let options = PyBytes::new(py, &definition.options);
        let schema = Stream::new(fields(&definition.shape.output)?, Vec::new());
        let doing = format!("'{}' could not be loaded:", definition.program.name);
        let caller =
            class.call1((payload, options, schema)).map_err(|error| explain(&class, &doing, &error))?;
        Ok(Arrow { caller: caller.unbind() })
    }

    fn begin<'a, 'py>(&'a self, batch: &Batch<'a, 'py>, arena: Arena) -> Result<ArrowCalls<'a, 'py>> {
        let Batch { py, definition, rows, .. } = *batch;
        let rows = RecordBatch::from(arrow_array::make_array(rows.clone()).as_struct());
        let shown = Stream::new(fields(&definition.shape.input)?, vec![rows]);
        let caller = self.caller.bind(py).clone();
        let calls = caller.call_method1("begin", (shown,))?;
        Ok(ArrowCalls { definition, caller, calls, arena, groups: Vec::new() })
    }
}

/// What was raised, as `owner` says it.
fn explain(owner: &Bound<'_, PyAny>, doing: &str, error: &PyErr) -> Failure {
    let py = owner.py();
    let mut failure = Failure::raised(py, doing, error);
    if let Ok(text) =
        owner.call_method1("explain", (error.clone_ref(py).into_value(py),)).and_then(|text| text.extract())
    {
        failure.traceback = Some(text);
    }
    failure
}

fn fields(of: &DataType) -> Result<Vec<Field>> {
    let DataType::Struct(fields) = of else {
        return Err(Failure::new(ErrorCode::Protocol, format!("{of} where a struct was expected")));
    };
    Ok(fields.iter().map(|field| field.as_ref().clone()).collect())
}

pub struct ArrowCalls<'a, 'py> {
    definition: &'a Definition,
    caller: Bound<'py, PyAny>,
    calls: Bound<'py, PyAny>,
    arena: Arena,
    /// The group of each row.
    groups: Vec<i32>,
}

impl<'py> Calls<'py> for ArrowCalls<'_, 'py> {
    fn prepare(&mut self, group: usize) -> Result<()> {
        let name = intern!(self.calls.py(), "prepare");
        self.calls.call_method1(name, (group,)).map_err(|error| self.explain(&error))?;
        Ok(())
    }

    fn call(&mut self) -> PyResult<Bound<'py, PyAny>> {
        self.calls.call_method0(intern!(self.calls.py(), "call"))
    }

    fn explain(&self, error: &PyErr) -> Failure {
        explain(&self.calls, &format!("'{}' raised", self.definition.program.name), error)
    }

    fn append(&mut self, group: usize, result: &Bound<'py, PyAny>) -> Result<()> {
        let name = intern!(self.calls.py(), "append");
        let appended = self.calls.call_method1(name, (result,)).and_then(|rows| rows.extract());
        let rows: usize = appended.map_err(|error| self.explain(&error))?;
        let group = i32::try_from(group).map_err(|_| too_many(group))?;
        self.groups.resize(rows, group);
        Ok(())
    }

    fn rows(&self) -> usize {
        self.groups.len()
    }

    fn truncate(&mut self, _rows: usize) -> Result<()> {
        Err(Failure::new(ErrorCode::Protocol, "functions called this way have no groups that may fail"))
    }

    fn append_failed(&mut self, _group: usize, why: &str) -> Result<()> {
        let what = format!("functions called this way have no row for a group that failed ({why})");
        Err(Failure::new(ErrorCode::Protocol, what))
    }

    fn finish(mut self) -> Result<Finished> {
        let table = self.calls.call_method0("finish").map_err(|error| self.explain(&error))?;
        let aside = self.caller.call_method0("aside").and_then(|aside| aside.extract());
        let aside: Vec<u8> = aside.map_err(|error| self.explain(&error))?;
        let (schema, batches) = import_batches(&table)?;
        let output = fields(&self.definition.shape.output)?;
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let fits = |(field, given): (&Field, &Arc<Field>)| field.data_type() == given.data_type();
        if output.len() != schema.fields().len()
            || !output.iter().zip(schema.fields()).all(fits)
            || rows != self.groups.len()
        {
            let what = format!("{rows} rows of {schema} as the results");
            return Err(Failure::new(ErrorCode::Internal, what));
        }
        let mut result = ArrayDescriptor { len: rows as u64, ..ArrayDescriptor::default() };
        for (column, field) in output.iter().enumerate() {
            let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(column).as_ref()).collect();
            result.children.push(place(field, &parts, &mut self.arena)?);
        }
        if self.definition.shape.rows == RowCount::Many {
            let groups = Int32Array::from(self.groups).into_data();
            result.children.push(placement::place(&groups, &[], &mut self.arena)?.0);
        }
        Ok(Finished { result, arena: self.arena, copied: 0, aside })
    }
}

/// Copies a column to memory of `arena`, once where its parts can be copied one behind the other.
fn place(field: &Field, parts: &[&dyn Array], arena: &mut Arena) -> Result<ArrayDescriptor> {
    let data: Vec<ArrayData> = parts.iter().map(|part| part.to_data()).collect();
    if let Some(placed) = placement::place_together(&data, arena)? {
        return Ok(placed);
    }
    let whole = if parts.is_empty() { Ok(new_empty_array(field.data_type())) } else { concat(parts) };
    let whole = whole.map_err(beringia_core::Error::from)?;
    Ok(placement::place(&whole.to_data(), &[], arena)?.0)
}

fn too_many(groups: usize) -> Failure {
    Failure::new(ErrorCode::TooLarge, format!("{groups} groups in one batch"))
}
