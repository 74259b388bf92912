//! The forms in which a function may return a row, or rows.

use arrow_schema::DataType;
use beringia_core::ErrorCode;
use beringia_core::protocol::{self, ArrayDescriptor, Definition, OnError};
use beringia_core::segment::{Arena, SharedBuffer};
use numpy::PyUntypedArrayMethods;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};

use super::column::{Column, Misfit, append_or_null, column, show};
use crate::argument::type_name;
use crate::array::as_array;
use crate::failure::{Failure, Result};

/// The result of a batch under construction.
pub struct Rows {
    arena: Arena,
    names: Vec<Py<PyString>>,
    types: Vec<String>,
    columns: Vec<Box<dyn Column>>,
    /// With `on_error="column"`: what happened to the row's group.
    errors: Option<Box<dyn Column>>,
    /// With many rows a group: the group of each row.
    groups: Option<SharedBuffer>,
    len: usize,
}

impl Rows {
    /// No rows yet, of the fields of `definition`; room for one row of each of `groups`.
    pub fn new(py: Python<'_>, mut arena: Arena, definition: &Definition, groups: usize) -> Result<Rows> {
        let DataType::Struct(fields) = &definition.fields else {
            return Err(internal("the result type is no struct"));
        };
        let mut columns = fields
            .iter()
            .map(|field| column(py, &mut arena, field.data_type(), definition.nan_as_null, groups))
            .collect::<Result<Vec<_>>>()?;
        let errors = if definition.on_error == OnError::Column { columns.pop() } else { None };
        let fields = &fields[..columns.len()];
        let groups = match definition.rows {
            protocol::Rows::One => None,
            protocol::Rows::Many => Some(arena.buffer(groups * 4)?),
        };
        Ok(Rows {
            arena,
            names: fields.iter().map(|field| PyString::intern(py, field.name()).unbind()).collect(),
            types: fields.iter().map(|field| type_name(field.data_type())).collect(),
            columns,
            errors,
            groups,
            len: 0,
        })
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
        for _ in before..self.len {
            groups.push(&mut self.arena, group)?;
        }
        Ok(())
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
        let width = self.columns.len();
        self.len += 1;
        if value.is_none() {
            return (0..width).try_for_each(|field| self.null(value.py(), field));
        }
        if let Some(fields) = self.spread(value)? {
            return fields.iter().enumerate().try_for_each(|(field, value)| self.field(field, value));
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
        if let Some(fields) = self.spread(value)? {
            return self.columnwise(&fields);
        }
        if let Some(array) = as_array(value).filter(|array| array.ndim() > 0) {
            if !array.dtype().getattr(intern!(value.py(), "names"))?.is_none() {
                let fields = self.named(value, "a structured array")?;
                return self.columnwise(&fields);
            }
            if self.columns.len() == 1 {
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
        Err(self.wrong_form(value))
    }

    /// One value for each field, from the forms that have fields; `None` for any other value.
    #[inline]
    fn spread<'py>(&self, value: &Bound<'py, PyAny>) -> Result<Option<Vec<Bound<'py, PyAny>>>> {
        // Most functions return one of these; the other forms are told apart by attributes, which takes longer.
        if value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>() || as_array(value).is_some() {
            return Ok(None);
        }
        if let Ok(tuple) = value.cast::<PyTuple>() {
            if !value.is_exact_instance_of::<PyTuple>() && self.has_all_names(value)? {
                return self.attributes(value).map(Some);
            }
            self.check_count(tuple.len(), "a tuple")?;
            return Ok(Some(tuple.iter().collect()));
        }
        if let Ok(dict) = value.cast::<PyDict>() {
            return self.mapping(dict).map(Some);
        }
        if value.hasattr(intern!(value.py(), "__dataclass_fields__"))? {
            return self.attributes(value).map(Some);
        }
        if is_structured_scalar(value)? {
            return self.named(value, "a structured scalar").map(Some);
        }
        Ok(None)
    }

    /// As many rows as the arrays among `fields` have; what is no array is repeated.
    fn columnwise(&mut self, fields: &[Bound<'_, PyAny>]) -> Result<()> {
        let mut rows: Option<(usize, usize)> = None;
        for (field, value) in fields.iter().enumerate() {
            let Some(len) = rows_of(value)? else { continue };
            match rows {
                None => rows = Some((field, len)),
                Some((_, known)) if known == len => {}
                Some((first, known)) => {
                    return Err(Failure::mismatch(format!(
                        "the fields of one group differ in length: '{}' has {known} rows, '{}' has {len}",
                        self.name(value.py(), first),
                        self.name(value.py(), field),
                    )));
                }
            }
        }
        let len = rows.map_or(1, |(_, len)| len);
        if len == 0 {
            return Ok(());
        }
        self.len += len;
        for (field, value) in fields.iter().enumerate() {
            if rows_of(value)?.is_none() {
                (0..len).try_for_each(|_| self.field(field, value))?;
                continue;
            }
            let bulk = match as_array(value) {
                Some(array) if array.ndim() == 1 => {
                    let fit = self.columns[field].extend(&mut self.arena, array);
                    fit.map_err(|misfit| self.misfit(value.py(), field, misfit))?
                }
                _ => false,
            };
            if !bulk {
                for item in value.try_iter()? {
                    self.field(field, &item?)?;
                }
            }
        }
        Ok(())
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
        self.check_count(len, form)?;
        for (field, value) in values.try_iter()?.enumerate() {
            self.field(field, &value?)?;
        }
        Ok(())
    }

    fn check_count(&self, len: usize, form: &str) -> Result<()> {
        if len == self.columns.len() {
            return Ok(());
        }
        Err(Failure::mismatch(format!("expected {}, got {form} of {len}", self.expected())))
    }

    fn mapping<'py>(&self, dict: &Bound<'py, PyDict>) -> Result<Vec<Bound<'py, PyAny>>> {
        let py = dict.py();
        let value = |name: &Py<PyString>| {
            let name = name.bind(py);
            dict.get_item(name)?.ok_or_else(|| {
                Failure::mismatch(format!("expected {}, got a dict without '{name}'", self.expected()))
            })
        };
        let values = self.names.iter().map(value).collect::<Result<Vec<_>>>()?;
        for key in dict.keys().iter().filter(|_| dict.len() != values.len()) {
            if !self.names.iter().any(|name| key.eq(name).unwrap_or(false)) {
                return Err(Failure::mismatch(format!(
                    "expected {}, got a dict with unknown key {}",
                    self.expected(),
                    key.repr()?
                )));
            }
        }
        Ok(values)
    }

    /// The fields as attributes: of a NamedTuple or dataclass.
    fn attributes<'py>(&self, value: &Bound<'py, PyAny>) -> Result<Vec<Bound<'py, PyAny>>> {
        let attribute = |name: &Py<PyString>| {
            let name = name.bind(value.py());
            value.getattr(name).map_err(|_| {
                Failure::mismatch(format!(
                    "expected {}, got {} without '{name}'",
                    self.expected(),
                    show(value)
                ))
            })
        };
        self.names.iter().map(attribute).collect()
    }

    /// The fields as items: of something with a structured dtype.
    fn named<'py>(&self, value: &Bound<'py, PyAny>, form: &str) -> Result<Vec<Bound<'py, PyAny>>> {
        let known: Vec<String> = value.getattr("dtype")?.getattr("names")?.extract()?;
        let item = |name: &Py<PyString>| {
            let name = name.bind(value.py());
            if known.iter().any(|known| name == known.as_str()) {
                return Ok(value.get_item(name)?);
            }
            let known = known.join(", ");
            Err(Failure::mismatch(format!("expected {}, got {form} with fields {known}", self.expected())))
        };
        self.names.iter().map(item).collect()
    }

    /// Whether a NamedTuple has all fields by name; others are read by position.
    fn has_all_names(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = value.py();
        if !value.hasattr(intern!(py, "_fields"))? {
            return Ok(false);
        }
        let known = value.getattr(intern!(py, "_fields"))?.extract::<Vec<String>>()?;
        Ok(self.names.iter().all(|name| known.iter().any(|known| name.bind(py) == known.as_str())))
    }

    fn name(&self, py: Python<'_>, field: usize) -> String {
        self.names[field].bind(py).to_string()
    }

    fn expected(&self) -> String {
        Python::attach(|py| {
            let fields: Vec<String> =
                (0..self.columns.len()).map(|i| format!("{} {}", self.name(py, i), self.types[i])).collect();
            let s = if fields.len() == 1 { "" } else { "s" };
            format!("{} field{s} ({})", fields.len(), fields.join(", "))
        })
    }

    fn wrong_form(&self, value: &Bound<'_, PyAny>) -> Failure {
        let rows = if self.groups.is_some() { "rows of " } else { "" };
        Failure::mismatch(format!("expected {rows}{}, got {}", self.expected(), show(value)))
    }

    fn misfit(&self, py: Python<'_>, field: usize, misfit: Misfit) -> Failure {
        match misfit {
            Misfit::Other(failure) => failure,
            Misfit::Got(got) => Failure::mismatch(format!(
                "field '{}': expected {}, got {got}",
                self.name(py, field),
                self.types[field]
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

/// The length of an array or list; `None` for a scalar.
fn rows_of(value: &Bound<'_, PyAny>) -> Result<Option<usize>> {
    if let Some(array) = as_array(value) {
        return Ok(if array.ndim() == 0 { None } else { Some(array.shape()[0]) });
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        return Ok(Some(value.len()?));
    }
    Ok(None)
}

/// Whether it is a NumPy scalar with named fields.
fn is_structured_scalar(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static VOID: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = value.py();
    Ok(value.is_instance(VOID.import(py, "numpy", "void")?)?
        && !value.getattr(intern!(py, "dtype"))?.getattr(intern!(py, "names"))?.is_none())
}
