//! The forms that have fields: tuples, dicts, NamedTuples, dataclasses, structured scalars.

use std::sync::Arc;

use arrow_schema::{Field, Fields};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFloat, PyInt, PyString, PyTuple, PyType};

use super::column::show;
use crate::convention::numpy::argument::type_name;
use crate::convention::numpy::array::as_array;
use crate::failure::{Failure, Result};

/// The names and types of some fields.
pub struct Form {
    names: Vec<Py<PyString>>,
    types: Vec<String>,
}

impl Form {
    /// The form of `fields`, of which those at `vectors` are vectors; `types` are the engine's names of their types.
    pub fn new(py: Python<'_>, fields: &Fields, vectors: &[usize], types: &[String]) -> Form {
        let type_of = |(index, field): (usize, &Arc<Field>)| match types.get(index) {
            Some(name) => name.clone(),
            None if vectors.contains(&index) => "vector".to_owned(),
            None => type_name(field.data_type()),
        };
        Form {
            names: fields.iter().map(|field| PyString::intern(py, field.name()).unbind()).collect(),
            types: fields.iter().enumerate().map(type_of).collect(),
        }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The type of a field, as messages call it.
    pub fn type_of(&self, field: usize) -> &str {
        &self.types[field]
    }

    /// One value for each field, from the forms that have fields; `None` for any other value.
    #[inline]
    pub fn spread<'py>(&self, value: &Bound<'py, PyAny>) -> Result<Option<Vec<Bound<'py, PyAny>>>> {
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

    /// Refuses a `form` of another number of values.
    pub fn check_count(&self, len: usize, form: &str) -> Result<()> {
        if len == self.len() {
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
    pub fn named<'py>(&self, value: &Bound<'py, PyAny>, form: &str) -> Result<Vec<Bound<'py, PyAny>>> {
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

    /// The names of all fields.
    pub fn names(&self) -> &[Py<PyString>] {
        &self.names
    }

    /// The name of a field.
    pub fn name(&self, py: Python<'_>, field: usize) -> String {
        self.names[field].bind(py).to_string()
    }

    /// All fields, as messages name them.
    pub fn expected(&self) -> String {
        Python::attach(|py| {
            let fields: Vec<String> =
                (0..self.len()).map(|i| format!("{} {}", self.name(py, i), self.types[i])).collect();
            let s = if fields.len() == 1 { "" } else { "s" };
            format!("{} field{s} ({})", fields.len(), fields.join(", "))
        })
    }
}

/// Whether it is a NumPy scalar with named fields.
fn is_structured_scalar(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static VOID: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = value.py();
    Ok(value.is_instance(VOID.import(py, "numpy", "void")?)?
        && !value.getattr(intern!(py, "dtype"))?.getattr(intern!(py, "names"))?.is_none())
}
