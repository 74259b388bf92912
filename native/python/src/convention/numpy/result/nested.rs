//! Lists, tensors and structs: columns of columns.

use arrow_schema::Fields;
use beringia_core::protocol::ArrayDescriptor;
use beringia_core::segment::{Arena, SharedBuffer};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array_likes::is_array_like;
use super::column::{Column, Fit, Misfit, Validity, append_or_null, descriptor, got, rows_of};
use super::form::Form;
use super::runs::{append_each, append_part, append_run, are_parts, len_of_argument, run_of_lists};

/// Appends the items of an array, list or tuple, or structs in parts.
fn append_items(child: &mut dyn Column, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
    let len = if are_parts(value)? { child.run(value)? } else { rows_of(value)? };
    match len {
        None => Err(got(value)),
        // No values, no matter of what dtype.
        Some(0) => Ok(()),
        Some(len) => append_run(child, arena, value, len),
    }
}

/// Where the last value ends.
pub fn last_offset(offsets: &SharedBuffer) -> beringia_core::Result<usize> {
    let mut end = [0; 8];
    end.copy_from_slice(&offsets.last(8)?);
    usize::try_from(i64::from_le_bytes(end)).map_err(beringia_core::Error::internal)
}

/// Lists of any length.
pub struct Lists {
    offsets: SharedBuffer,
    child: Box<dyn Column>,
    validity: Validity,
}

impl Lists {
    pub fn new(arena: &mut Arena, child: Box<dyn Column>, rows: usize) -> beringia_core::Result<Self> {
        let mut offsets = arena.buffer((rows + 1) * 8)?;
        offsets.push(arena, 0_i64)?;
        Ok(Lists { offsets, child, validity: Validity::default() })
    }
}

impl Column for Lists {
    fn axes(&self) -> usize {
        1 + self.child.axes()
    }

    fn run(&self, value: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
        run_of_lists(self.child.as_ref(), 1, value)
    }

    fn inner(&self) -> Option<&dyn Column> {
        Some(self.child.as_ref())
    }

    fn append_parts(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>, len: usize) -> Fit {
        append_each(self, arena, value, len)
    }

    fn append(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
        append_items(self.child.as_mut(), arena, value)?;
        self.offsets.push(arena, self.child.len() as i64)?;
        Ok(self.validity.push(arena, true)?)
    }

    fn append_null(&mut self, arena: &mut Arena) -> Fit {
        self.offsets.push(arena, self.child.len() as i64)?;
        Ok(self.validity.push(arena, false)?)
    }

    fn len(&self) -> usize {
        self.validity.len
    }

    fn truncate(&mut self, len: usize) -> Fit {
        self.offsets.truncate((len + 1) * 8);
        self.child.truncate(last_offset(&self.offsets)?)?;
        Ok(self.validity.truncate(len)?)
    }

    fn finish(&self) -> ArrayDescriptor {
        let mut array = descriptor(self.len(), &self.validity, &[&self.offsets]);
        array.children.push(self.child.finish());
        array
    }
}

/// Lists of one length, or arrays of one shape.
pub struct Tensors {
    child: Box<dyn Column>,
    len: usize,
    /// Of a tensor; a list has one axis.
    shape: Option<Vec<usize>>,
    validity: Validity,
}

impl Tensors {
    pub fn new(child: Box<dyn Column>, len: usize, shape: Option<Vec<usize>>) -> Self {
        Tensors { child, len, shape, validity: Validity::default() }
    }
}

impl Column for Tensors {
    fn axes(&self) -> usize {
        self.shape.as_ref().map_or(1 + self.child.axes(), Vec::len)
    }

    fn run(&self, value: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
        run_of_lists(self.child.as_ref(), 1, value)
    }

    fn inner(&self) -> Option<&dyn Column> {
        Some(self.child.as_ref())
    }

    fn append_parts(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>, len: usize) -> Fit {
        append_each(self, arena, value, len)
    }

    fn append(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
        let py = value.py();
        match &self.shape {
            None => append_items(self.child.as_mut(), arena, value)?,
            Some(shape) => {
                if is_array_like(value)? {
                    return Err(got(value));
                }
                let array = py.import("numpy")?.call_method1("asanyarray", (value,))?;
                if array.getattr(intern!(py, "shape"))?.extract::<Vec<usize>>()? != *shape {
                    return Err(got(value));
                }
                append_items(self.child.as_mut(), arena, &array.call_method0(intern!(py, "ravel"))?)?;
            }
        }
        if self.child.len() != (self.validity.len + 1) * self.len {
            return Err(got(value));
        }
        Ok(self.validity.push(arena, true)?)
    }

    fn append_null(&mut self, arena: &mut Arena) -> Fit {
        (0..self.len).try_for_each(|_| self.child.append_null(arena))?;
        Ok(self.validity.push(arena, false)?)
    }

    fn len(&self) -> usize {
        self.validity.len
    }

    fn truncate(&mut self, len: usize) -> Fit {
        self.child.truncate(len * self.len)?;
        Ok(self.validity.truncate(len)?)
    }

    fn finish(&self) -> ArrayDescriptor {
        let mut array = descriptor(self.len(), &self.validity, &[]);
        array.children.push(self.child.finish());
        array
    }
}

/// Structs.
pub struct Structs {
    form: Form,
    children: Vec<Box<dyn Column>>,
    validity: Validity,
}

impl Structs {
    pub fn new(py: Python<'_>, fields: &Fields, children: Vec<Box<dyn Column>>) -> Self {
        Structs { form: Form::new(py, fields, &[], &[]), children, validity: Validity::default() }
    }
}

impl Column for Structs {
    fn run(&self, value: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
        if !are_parts(value)? {
            return rows_of(value);
        }
        if let Some(len) = len_of_argument(value)? {
            return Ok(Some(len));
        }
        for (child, part) in self.parts(value)? {
            if let Some(len) = child.run(&part)? {
                return Ok(Some(len));
            }
        }
        Ok(None)
    }

    fn parts<'a, 'py>(
        &'a self,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Vec<(&'a dyn Column, Bound<'py, PyAny>)>> {
        let children = self.children.iter().map(|child| child.as_ref() as &dyn Column);
        let Ok(dict) = value.cast::<PyDict>() else {
            return children.zip(value.try_iter()?).map(|(child, part)| Ok((child, part?))).collect();
        };
        let named = children.zip(self.form.names());
        named
            .filter_map(|(child, name)| Some(dict.get_item(name).transpose()?.map(|part| (child, part))))
            .collect()
    }

    fn append_parts(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>, len: usize) -> Fit {
        let parts = self.form.spread(value).map_err(Misfit::Other)?.ok_or_else(|| got(value))?;
        let of_argument = len_of_argument(value)?.is_some();
        for (child, part) in self.children.iter_mut().zip(&parts) {
            append_part(child.as_mut(), arena, part, (len, of_argument))?;
        }
        let Some(mask) = value.getattr_opt(intern!(value.py(), "mask"))?.filter(|mask| !mask.is_none())
        else {
            return Ok(self.validity.extend(arena, len)?);
        };
        if rows_of(&mask)? != Some(len) {
            return Err(got(value));
        }
        mask.try_iter()?.try_for_each(|missing| Ok(self.validity.push(arena, !missing?.is_truthy()?)?))
    }

    fn append(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
        let fields = self.form.spread(value).map_err(Misfit::Other)?.ok_or_else(|| got(value))?;
        for (child, value) in self.children.iter_mut().zip(&fields) {
            append_or_null(child.as_mut(), arena, value)?;
        }
        Ok(self.validity.push(arena, true)?)
    }

    fn append_null(&mut self, arena: &mut Arena) -> Fit {
        self.children.iter_mut().try_for_each(|child| child.append_null(arena))?;
        Ok(self.validity.push(arena, false)?)
    }

    fn len(&self) -> usize {
        self.validity.len
    }

    fn truncate(&mut self, len: usize) -> Fit {
        self.children.iter_mut().try_for_each(|child| child.truncate(len))?;
        Ok(self.validity.truncate(len)?)
    }

    fn finish(&self) -> ArrayDescriptor {
        let mut array = descriptor(self.len(), &self.validity, &[]);
        array.children.extend(self.children.iter().map(|child| child.finish()));
        array
    }
}
