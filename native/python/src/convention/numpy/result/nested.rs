//! Lists, tensors and structs: columns of columns.

use arrow_schema::Fields;
use beringia_core::protocol::ArrayDescriptor;
use beringia_core::segment::{Arena, SharedBuffer};
use numpy::PyUntypedArrayMethods;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use super::array_likes::is_array_like;
use super::column::{Column, Fit, Misfit, Validity, append_or_null, descriptor, got};
use super::form::Form;
use crate::convention::numpy::array::as_array;

/// Appends the items of an array, list or tuple.
fn append_items(child: &mut dyn Column, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
    if let Some(array) = as_array(value) {
        if array.ndim() == 0 {
            return Err(got(value));
        }
        // No values, no matter of what dtype.
        if array.shape()[0] == 0 || (array.ndim() == 1 && child.extend(arena, array)?) {
            return Ok(());
        }
    } else if !value.is_instance_of::<PyList>() && !value.is_instance_of::<PyTuple>() {
        return Err(got(value));
    }
    for item in value.try_iter()? {
        append_or_null(child, arena, &item?)?;
    }
    Ok(())
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
