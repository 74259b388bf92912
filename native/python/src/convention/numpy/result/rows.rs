//! The forms in which a function may return a row, or rows.

use arrow_schema::DataType;
use beringia_core::ErrorCode;
use beringia_core::definition::{Definition, OnError, RowCount};
use beringia_core::protocol::ArrayDescriptor;
use beringia_core::segment::{Arena, SharedBuffer};
use numpy::{PyArrayDescrMethods, PyUntypedArrayMethods};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

use super::array_likes::{arrays_of, carried, is_array_like, row_of};
use super::column::{Column, Misfit, append_or_null, got, rows_of};
use super::factory::column;
use super::form::Form;
use super::runs::{append_run, are_parts, repeat};
use super::vectors::Vectors;
use crate::convention::numpy::array::as_array;
use crate::convention::numpy::options::Options;
use crate::convention::numpy::tag::Tag;
use crate::failure::{Failure, Result};

/// The result of a batch under construction.
pub struct Rows {
    arena: Arena,
    form: Form,
    columns: Vec<Box<dyn Column>>,
    /// With `on_error="column"`: what happened to the row's group.
    errors: Option<Box<dyn Column>>,
    /// With many rows a group: the group of each row.
    groups: Option<SharedBuffer>,
    len: usize,
    /// Whether the first field takes arrays.
    nested: bool,
}

impl Rows {
    /// No rows yet, of the fields of `definition`; room for one row of each of `groups`.
    pub fn new(
        py: Python<'_>,
        mut arena: Arena,
        definition: &Definition,
        options: &Options,
        groups: usize,
    ) -> Result<Rows> {
        let DataType::Struct(fields) = &definition.shape.output else {
            return Err(internal("the result type is no struct"));
        };
        let mut columns = fields
            .iter()
            .enumerate()
            .map(|(index, field)| match field.data_type() {
                DataType::Struct(parts) if options.vectors.contains(&index) => {
                    Ok(Box::new(Vectors::new(py, &mut arena, parts, groups)?) as Box<dyn Column>)
                }
                _ => column(py, &mut arena, field, options.nan_as_null, groups),
            })
            .collect::<Result<Vec<_>>>()?;
        let errors = if definition.policy.on_error == OnError::Column { columns.pop() } else { None };
        let fields = fields.iter().take(columns.len()).cloned().collect();
        let form = Form::new(py, &fields, &options.vectors, &options.type_names.fields);
        let groups = match definition.shape.rows {
            RowCount::One => None,
            RowCount::Many => Some(arena.buffer(groups * 4)?),
        };
        let nested =
            fields.first().is_some_and(|field| field.data_type().is_nested() || Tag::of(field).is_some());
        Ok(Rows { arena, form, columns, errors, groups, len: 0, nested })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Appends what the function returned for `group`. After a failure [`Self::truncate`] takes back the rest of it.
    #[inline]
    pub fn append(&mut self, group: usize, value: &Bound<'_, PyAny>) -> Result<()> {
        let before = self.len;
        if self.groups.is_none() {
            self.append_row(value)?
        } else {
            self.append_rows(value)?
        }
        for _ in before..self.len {
            if let Some(errors) = &mut self.errors {
                errors.append_null(&mut self.arena).map_err(|_| internal("the column of errors"))?;
            }
        }
        self.assign(group, before)
    }

    /// Appends a row of nulls for a group that failed.
    pub fn append_failed(&mut self, py: Python<'_>, group: usize, error: &str) -> Result<()> {
        let before = self.len;
        self.len += 1;
        (0..self.columns.len()).try_for_each(|field| self.null(py, field))?;
        if let Some(errors) = &mut self.errors {
            let error = PyString::new(py, error);
            errors.append(&mut self.arena, &error).map_err(|_| internal("the column of errors"))?;
        }
        self.assign(group, before)
    }

    /// The rows from `before` on are those of `group`.
    #[inline]
    fn assign(&mut self, group: usize, before: usize) -> Result<()> {
        let Some(groups) = &mut self.groups else { return Ok(()) };
        let group = i32::try_from(group).map_err(|_| internal("a batch of more than 2^31 groups"))?;
        Ok(groups.repeat(&mut self.arena, group, self.len.saturating_sub(before))?)
    }

    /// Takes back all rows past the first `len`, also those that were appended in part.
    pub fn truncate(&mut self, py: Python<'_>, len: usize) -> Result<()> {
        self.len = len;
        for field in 0..self.columns.len() {
            let fit = self.columns[field].truncate(len);
            fit.map_err(|misfit| self.misfit(py, field, misfit))?;
        }
        if let Some(errors) = &mut self.errors {
            errors.truncate(len).map_err(|_| internal("the column of errors"))?;
        }
        if let Some(groups) = &mut self.groups {
            groups.truncate(len * 4);
        }
        Ok(())
    }

    /// Exactly one row.
    fn append_row(&mut self, value: &Bound<'_, PyAny>) -> Result<()> {
        self.len += 1;
        self.row(value)
    }

    /// One value of each field.
    fn row(&mut self, value: &Bound<'_, PyAny>) -> Result<()> {
        let width = self.columns.len();
        if value.is_none() {
            return (0..width).try_for_each(|field| self.null(value.py(), field));
        }
        if let Some(fields) = self.form.spread(value)? {
            return fields.iter().enumerate().try_for_each(|(field, value)| self.field(field, value));
        }
        // A 0-d array is its item, which may have fields.
        if as_array(value).is_some_and(|array| array.ndim() == 0) {
            let item = value.get_item(PyTuple::empty(value.py()))?;
            if let Some(fields) = self.form.spread(&item)? {
                return fields.iter().enumerate().try_for_each(|(field, value)| self.field(field, value));
            }
        }
        if is_array_like(value)? {
            let row = row_of(value, self.form.names()).map_err(|misfit| self.wrong_rows(misfit))?;
            return self.row(&row).map_err(|failure| of_carrier(failure, value));
        }
        if width == 1 {
            return self.field(0, value);
        }
        if let Some(array) = as_array(value).filter(|array| array.ndim() == 1) {
            return self.positions(array.len(), "an array", value);
        }
        if let Ok(list) = value.cast::<PyList>() {
            return self.positions(list.len(), "a list", value);
        }
        Err(self.wrong_form(value))
    }

    /// Any number of rows.
    fn append_rows(&mut self, value: &Bound<'_, PyAny>) -> Result<()> {
        if value.is_none() {
            return Ok(());
        }
        if let Some(fields) = self.form.spread(value)? {
            return self.columnwise(&fields);
        }
        if let Some(array) = as_array(value).filter(|array| array.ndim() > 0) {
            if array.dtype().has_fields() {
                let fields = self.form.named(value, "a structured array")?;
                return self.columnwise(&fields);
            }
            // A matrix of one column is that column, unless the field itself takes arrays.
            if self.columns.len() == 1 && (self.nested || array.ndim() != 2 || array.shape()[1] != 1) {
                return self.columnwise(std::slice::from_ref(value));
            }
            if array.ndim() == 2 && array.shape()[1] == self.columns.len() {
                let columns =
                    value.getattr(intern!(value.py(), "T"))?.try_iter()?.collect::<PyResult<Vec<_>>>()?;
                return self.columnwise(&columns);
            }
            if array.len() == 0 {
                return Ok(());
            }
            return Err(self.wrong_form(value));
        }
        if let Ok(list) = value.cast::<PyList>() {
            return list.iter().try_for_each(|row| self.append_row(&row));
        }
        if is_array_like(value)? {
            let rows = arrays_of(value).map_err(|misfit| self.wrong_rows(misfit))?;
            return self.append_rows(&rows).map_err(|failure| of_carrier(failure, value));
        }
        Err(self.wrong_form(value))
    }

    /// As many rows as the arrays among `fields` have; what is no array is repeated.
    fn columnwise(&mut self, fields: &[Bound<'_, PyAny>]) -> Result<()> {
        // Once for each field: the way of plain arrays is a hot one.
        let mut runs = Vec::with_capacity(fields.len());
        for (place, value) in fields.iter().enumerate() {
            let run = self.run(place, value)?;
            if run.is_none() && is_array_like(value)? {
                let arrays = arrays_of(value).map_err(|misfit| self.misfit(value.py(), place, misfit))?;
                let mut fields = fields.to_vec();
                fields[place] = arrays;
                return self.columnwise(&fields);
            }
            runs.push(run);
        }
        let mut rows: Option<(usize, usize)> = None;
        for ((field, value), run) in fields.iter().enumerate().zip(&runs) {
            let Some(len) = *run else { continue };
            match rows {
                None => rows = Some((field, len)),
                Some((_, known)) if known == len => {}
                Some((first, known)) => {
                    return Err(Failure::mismatch(format!(
                        "the fields of one group differ in length: '{}' has {known} rows, '{}' has {len}",
                        self.form.name(value.py(), first),
                        self.form.name(value.py(), field),
                    )));
                }
            }
        }
        let len = rows.map_or(1, |(_, len)| len);
        if len == 0 {
            return Ok(());
        }
        self.len += len;
        for ((field, value), run) in fields.iter().enumerate().zip(runs) {
            let fit = match run {
                Some(_) => append_run(self.columns[field].as_mut(), &mut self.arena, value, len),
                None => repeat(self.columns[field].as_mut(), &mut self.arena, value, len),
            };
            fit.map_err(|misfit| self.misfit(value.py(), field, misfit))?;
        }
        Ok(())
    }

    /// How many rows a field has; `None` where it is one value for all.
    fn run(&self, field: usize, value: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
        if are_parts(value)? { self.columns[field].run(value) } else { rows_of(value) }
    }

    fn null(&mut self, py: Python<'_>, field: usize) -> Result<()> {
        let fit = self.columns[field].append_null(&mut self.arena);
        fit.map_err(|misfit| self.misfit(py, field, misfit))
    }

    #[inline]
    fn field(&mut self, field: usize, value: &Bound<'_, PyAny>) -> Result<()> {
        let fit = append_or_null(self.columns[field].as_mut(), &mut self.arena, value);
        fit.map_err(|misfit| self.misfit(value.py(), field, misfit))
    }

    fn positions(&mut self, len: usize, form: &str, values: &Bound<'_, PyAny>) -> Result<()> {
        self.form.check_count(len, form)?;
        for (field, value) in values.try_iter()?.enumerate() {
            self.field(field, &value?)?;
        }
        Ok(())
    }

    fn wrong_form(&self, value: &Bound<'_, PyAny>) -> Failure {
        self.wrong_rows(got(value))
    }

    fn wrong_rows(&self, misfit: Misfit) -> Failure {
        let rows = if self.groups.is_some() { "rows of " } else { "" };
        match misfit {
            Misfit::Other(failure) => failure,
            Misfit::Got(got) => {
                Failure::mismatch(format!("expected {rows}{}, got {got}", self.form.expected()))
            }
        }
    }

    fn misfit(&self, py: Python<'_>, field: usize, misfit: Misfit) -> Failure {
        match misfit {
            Misfit::Other(failure) => failure,
            Misfit::Got(got) => Failure::mismatch(format!(
                "field '{}': expected {}, got {got}",
                self.form.name(py, field),
                self.form.type_of(field)
            )),
        }
    }

    /// The rows as an Arrow struct, and the arena that they lie in.
    pub fn finish(self) -> (ArrayDescriptor, Arena) {
        let columns = self.columns.iter().chain(&self.errors);
        let mut children: Vec<ArrayDescriptor> = columns.map(|column| column.finish()).collect();
        if let Some(groups) = &self.groups {
            children.push(ArrayDescriptor {
                len: self.len as u64,
                buffers: vec![groups.reference()],
                ..ArrayDescriptor::default()
            });
        }
        let array = ArrayDescriptor { len: self.len as u64, children, ..ArrayDescriptor::default() };
        (array, self.arena)
    }
}

fn internal(what: &str) -> Failure {
    Failure::new(ErrorCode::Internal, what)
}

/// The failure of arrays that `value` carried.
fn of_carrier(failure: Failure, value: &Bound<'_, PyAny>) -> Failure {
    Failure { summary: carried(&failure.summary, value), ..failure }
}
