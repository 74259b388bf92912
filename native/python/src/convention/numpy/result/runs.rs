//! Several values of a column in one object: an array or list of them, or structs in parts.
//!
//! Structs come as arguments show them: a dict of their fields, each an array. So do lists of structs, whose parts have an
//! axis more. Which of these a dict is says the type of the column, and what its parts are.

use beringia_core::segment::Arena;
use numpy::{PyArrayDescrMethods, PyUntypedArrayMethods};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};

use super::column::{Column, Fit, append_or_null, got, is_masked, rows_of};
use crate::convention::numpy::array::as_array;

/// Whether a value may be several structs, by its parts.
pub fn are_parts(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(value.is_instance_of::<PyDict>() || are_unnamed(value)?)
}

/// Whether it is a tuple of parts, as arguments have them.
fn are_unnamed(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static UNNAMED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    Ok(value.is_instance_of::<PyTuple>()
        && value.is_instance(UNNAMED.import(value.py(), "beringia._structs", "Tuples")?)?)
}

/// How many structs an argument has that comes back, if it is one: all its parts are arrays of them, or one value for all.
pub fn len_of_argument(value: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    static NAMED: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let parts = if value.is_instance(NAMED.import(value.py(), "beringia._structs", "Structs")?)? {
        value.call_method0(intern!(value.py(), "values"))?
    } else if are_unnamed(value)? {
        value.clone()
    } else {
        return Ok(None);
    };
    for part in parts.try_iter()? {
        let part = part?;
        let len = if are_parts(&part)? { len_of_argument(&part)? } else { rows_of(&part)? };
        if len.is_some() {
            return Ok(len);
        }
    }
    Ok(None)
}

/// Appends one value `len` times.
pub fn repeat(column: &mut dyn Column, arena: &mut Arena, value: &Bound<'_, PyAny>, len: usize) -> Fit {
    (0..len).try_for_each(|_| append_or_null(column, arena, value))
}

/// Appends the `len` values that `value` is.
pub fn append_run(column: &mut dyn Column, arena: &mut Arena, value: &Bound<'_, PyAny>, len: usize) -> Fit {
    if are_parts(value)? {
        return column.append_parts(arena, value, len);
    }
    match as_array(value) {
        Some(array) if array.ndim() == 1 && column.extend(arena, array)? => Ok(()),
        _ => value.try_iter()?.try_for_each(|item| append_or_null(column, arena, &item?)),
    }
}

/// The same, one by one: each of the structs is taken out of the parts.
pub fn append_each(column: &mut dyn Column, arena: &mut Arena, parts: &Bound<'_, PyAny>, len: usize) -> Fit {
    check_parts(parts, len)?;
    let row = parts.py().import("beringia._structs")?.getattr(intern!(parts.py(), "row"))?;
    (0..len).try_for_each(|index| append_or_null(column, arena, &row.call1((parts, index))?))
}

/// Refuses a part that has values for another number of structs.
fn check_parts(parts: &Bound<'_, PyAny>, len: usize) -> Fit {
    let values = match parts.cast::<PyDict>() {
        Ok(dict) => dict.values().into_any(),
        Err(_) => parts.clone(),
    };
    for part in values.try_iter()? {
        let part = part?;
        if are_parts(&part)? {
            check_parts(&part, len)?;
        } else if rows_of(&part)?.is_some_and(|known| known != len) {
            return Err(got(&part));
        }
    }
    Ok(())
}

/// Appends what a part has for each of `len` structs: several values, or one for all. Of an argument, arrays are several.
pub fn append_part(
    column: &mut dyn Column,
    arena: &mut Arena,
    part: &Bound<'_, PyAny>,
    (len, of_argument): (usize, bool),
) -> Fit {
    let run = if of_argument && !are_parts(part)? { rows_of(part)? } else { column.run(part)? };
    match run {
        None => repeat(column, arena, part, len),
        Some(known) if known == len => append_run(column, arena, part, len),
        Some(_) => Err(got(part)),
    }
}

/// How many lists an object is, of lists to some `depth` of an `item` column's values; `None` where it is one list.
pub fn run_of_lists(item: &dyn Column, depth: usize, value: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    if depth == 0 {
        return item.run(value);
    }
    if are_parts(value)? {
        if let Some(inner) = item.inner() {
            return run_of_lists(inner, depth + 1, value);
        }
        for (column, part) in item.parts(value)? {
            if let Some(len) = run_of_lists(column, depth, &part)? {
                return Ok(Some(len));
            }
        }
        return Ok(None);
    }
    let Some(len) = rows_of(value)? else { return Ok(None) };
    if let Some(array) = as_array(value).filter(|array| array.dtype().kind() != b'O') {
        return Ok((array.ndim() > depth + item.axes()).then_some(len));
    }
    for each in value.try_iter()? {
        let each = each?;
        if !each.is_none() && !is_masked(&each)? {
            return Ok(run_of_lists(item, depth - 1, &each)?.map(|_| len));
        }
    }
    // Nothing in it says more. A list is one value; in arguments, lists are in arrays of objects.
    Ok((!value.is_instance_of::<PyList>()).then_some(len))
}
