//! Strings and bytes.

use arrow_schema::Field;
use beringia_core::protocol::ArrayDescriptor;
use beringia_core::segment::{Arena, SharedBuffer};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::column::{Column, Fit, Validity, descriptor, got};
use super::nested::last_offset;

/// The metadata of a field that say which values it takes: bytes of this width alone, or of no string at all.
const WIDTH: &str = "beringia.width";

/// Strings and bytes.
pub struct Texts {
    offsets: SharedBuffer,
    data: SharedBuffer,
    validity: Validity,
    text: bool,
    /// The bytes that each value has; none at all where there are no values but missing ones.
    width: Option<usize>,
}

impl Texts {
    /// Strings if `text`, else bytes; of one width, if the field says it.
    pub fn new(arena: &mut Arena, field: &Field, text: bool, rows: usize) -> beringia_core::Result<Self> {
        let mut offsets = arena.buffer((rows + 1) * 8)?;
        offsets.push(arena, 0_i64)?;
        let width = field.metadata().get(WIDTH).map(|width| width.parse().unwrap_or(0));
        Ok(Texts { offsets, data: arena.buffer(rows * 16)?, validity: Validity::default(), text, width })
    }
}

impl Column for Texts {
    fn append(&mut self, arena: &mut Arena, value: &Bound<'_, PyAny>) -> Fit {
        if self.text {
            let text = value.cast::<PyString>().map_err(|_| got(value))?;
            if self.width.is_some() {
                return Err(got(value));
            }
            self.data.extend(arena, text.to_str().map_err(|_| got(value))?.as_bytes())?;
        } else {
            let bytes = value.cast::<PyBytes>().map_err(|_| got(value))?;
            if self.width.is_some_and(|width| width != bytes.as_bytes().len()) {
                return Err(got(value));
            }
            self.data.extend(arena, bytes.as_bytes())?;
        }
        self.offsets.push(arena, self.data.len() as i64)?;
        Ok(self.validity.push(arena, true)?)
    }

    fn append_null(&mut self, arena: &mut Arena) -> Fit {
        self.offsets.push(arena, self.data.len() as i64)?;
        Ok(self.validity.push(arena, false)?)
    }

    fn len(&self) -> usize {
        self.validity.len
    }

    fn truncate(&mut self, len: usize) -> Fit {
        self.offsets.truncate((len + 1) * 8);
        self.data.truncate(last_offset(&self.offsets)?);
        Ok(self.validity.truncate(len)?)
    }

    fn finish(&self) -> ArrayDescriptor {
        descriptor(self.len(), &self.validity, &[&self.offsets, &self.data])
    }
}
