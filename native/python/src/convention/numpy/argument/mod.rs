//! A column's cells as Python sees them: scalars, and lists as ndarrays.
//!
//! [`Elements`] is a run of values of one Arrow type; a list is a run of runs. Values that NumPy can read where they
//! are become views; what must be converted (bits, dates, strings, missing values) is copied, and counted.

mod calls;
mod grid;
mod lists;
mod ndarrays;
mod parts;
mod sparse;
mod structs;
mod udt;
mod values;

use arrow_buffer::NullBuffer;
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field};
use beringia_core::ErrorCode;
use pyo3::prelude::*;

use crate::convention::numpy::array::{self, Dtype, as_array};
use crate::convention::numpy::options::{Missing, Udt};
use crate::convention::numpy::tag::Tag;
use crate::failure::{Failure, Result};
use numpy::PyUntypedArrayMethods;

/// The most of a value that messages show.
const MAX_BYTES_SHOWN: usize = 50;

/// How a column is shown.
pub struct Showing<'py> {
    /// What views are based on.
    pub base: Bound<'py, PyAny>,
    /// Whether views may be written to: the memory is then private.
    pub writable: bool,
    /// The parameter, for messages.
    pub name: String,
    /// The type as the engine would say it, for messages; may be empty.
    pub type_name: String,
    /// What to do where a type has no missing value, for messages: to make it a float of 64 bits.
    pub cast: String,
    /// How missing values are shown; `None` for a key, where they are `None`.
    pub missing: Option<Missing>,
    /// `numpy.ma`.
    pub masked_arrays: Bound<'py, PyModule>,
    /// Bytes copied.
    pub copied: std::cell::Cell<u64>,
}

impl<'py> Showing<'py> {
    fn py(&self) -> Python<'py> {
        self.base.py()
    }

    fn count(&self, bytes: usize) {
        self.copied.set(self.copied.get() + bytes as u64);
    }

    fn missing_value(&self) -> Failure {
        let Showing { name, cast, .. } = self;
        let advice = if self.missing == Some(Missing::Error) {
            "missing='error' refuses missing values".to_owned()
        } else {
            format!(
                "NumPy has no missing value for this type: {cast} to get NaN, or pass \
                 missing='mask' for masked arrays, or fill or drop the missing values first"
            )
        };
        Failure::new(
            ErrorCode::MissingValue,
            format!("argument '{name}'{} has a missing value; {advice}", self.of_type()),
        )
    }

    fn not_text(&self, bytes: &[u8]) -> Failure {
        let shown = bytes.get(..MAX_BYTES_SHOWN).map_or_else(
            || format!("b'{}'", bytes.escape_ascii()),
            |start| format!("b'{}…' ({} bytes)", start.escape_ascii(), bytes.len()),
        );
        Failure::new(
            ErrorCode::FunctionRaised,
            format!(
                "argument '{}'{} has text that is not UTF-8: {shown}. Cast the column to binary to get bytes, or mend it \
                 first",
                self.name,
                self.of_type(),
            ),
        )
    }

    /// The type, as messages put it behind the name of an argument.
    fn of_type(&self) -> String {
        if self.type_name.is_empty() { String::new() } else { format!(" ({})", self.type_name) }
    }

    /// A fresh array of `shape`, written by `fill`. It is read-only where views are: a function must not work until a
    /// group happens to need no copy.
    fn filled(
        &self,
        dtype: &Dtype,
        shape: &[usize],
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<Bound<'py, PyAny>> {
        let array = array::filled(self.py(), dtype, shape, fill)?;
        self.protect(&array);
        Ok(array)
    }

    /// Makes an array that was just made read-only, unless functions may write.
    fn protect(&self, array: &Bound<'py, PyAny>) {
        if !self.writable && as_array(array).is_some() {
            // SAFETY: it is an ndarray, and was just made.
            unsafe { array::freeze(array) }
        }
    }

    /// Wraps `data` in a masked array with a full mask; `nulls` says of each value whether it is there.
    fn masked(&self, data: Bound<'py, PyAny>, nulls: Option<&NullBuffer>) -> Result<Bound<'py, PyAny>> {
        let shape = as_array(&data).map(|array| array.shape().to_vec()).unwrap_or_default();
        let mask = array::filled(self.py(), &Dtype::new(self.py(), "?")?, &shape, |bytes| {
            for (byte, valid) in bytes.iter_mut().zip(nulls.into_iter().flatten()) {
                *byte = u8::from(!valid);
            }
        })?;
        Ok(self.masked_arrays.getattr("MaskedArray")?.call1((data, mask))?)
    }
}

/// A run of values.
pub trait Elements {
    /// One value.
    fn item<'py>(&self, showing: &Showing<'py>, index: usize) -> Result<Bound<'py, PyAny>>;
    /// The values from `start` to before `end`, as an array whose first axis is theirs.
    fn range<'py>(&self, showing: &Showing<'py>, start: usize, end: usize) -> Result<Bound<'py, PyAny>>;
    /// Equal-length runs of `len` from `start` on as one array of shape `(count, len, …)`, where the values allow.
    fn rows<'py>(
        &self,
        _showing: &Showing<'py>,
        _start: usize,
        _count: usize,
        _len: usize,
    ) -> Result<Option<Bound<'py, PyAny>>> {
        Ok(None)
    }
}

/// The values of the array of a field, by its type, by its tag, and by what its structs, or those in its lists, stand for.
///
/// # Errors
/// [`ErrorCode::Argument`] for a type that has no NumPy form.
pub fn elements(
    py: Python<'_>,
    field: &Field,
    data: &ArrayData,
    udt: Option<Udt>,
) -> Result<Box<dyn Elements>> {
    match Tag::of(field) {
        Some(Tag::Call) => return calls::calls(py, data),
        Some(Tag::NdArray) => return ndarrays::ndarrays(py, data),
        _ => {}
    }
    if let Some(values) = values::values(py, data)? {
        return Ok(values);
    }
    if let Some(parts) = parts::parts(py, field, data)? {
        return Ok(parts);
    }
    if Tag::of(field) == Some(Tag::Axis) {
        return grid::grid(py, data);
    }
    match data.data_type() {
        DataType::LargeList(_) | DataType::List(_) => lists::list(py, data, udt),
        DataType::LargeListView(_) => lists::list_view(py, data, udt),
        DataType::FixedSizeList(..) => lists::fixed_size_list(py, field, data),
        DataType::Struct(_) => match udt {
            Some(Udt::Vector) => udt::vectors(py, data),
            Some(Udt::Matrix) => udt::matrices(py, data),
            None => structs::struct_of(py, data),
        },
        other => Err(Failure::new(ErrorCode::Argument, format!("type {other} has no NumPy form"))),
    }
}

/// The part of `nulls` from `start` on, if anything in it is missing.
fn missing_in(nulls: Option<&NullBuffer>, start: usize, len: usize) -> Option<NullBuffer> {
    let part = nulls?.slice(start, len);
    (part.null_count() > 0).then_some(part)
}

/// One missing value of a type that has none of its own: `None`.
fn missing_object<'py>(showing: &Showing<'py>) -> Result<Bound<'py, PyAny>> {
    match showing.missing {
        Some(Missing::Error) => Err(showing.missing_value()),
        Some(Missing::Mask) => Ok(showing.masked_arrays.getattr("masked")?),
        Some(Missing::Nan) | None => Ok(showing.py().None().into_bound(showing.py())),
    }
}

/// Items as a one-dimensional object array, `None` where missing.
fn object_array<'py>(
    showing: &Showing<'py>,
    nulls: Option<&NullBuffer>,
    (start, end): (usize, usize),
    item: impl Fn(usize) -> Result<Bound<'py, PyAny>>,
) -> Result<Bound<'py, PyAny>> {
    let py = showing.py();
    let missing = missing_in(nulls, start, end - start);
    if missing.is_some() && showing.missing == Some(Missing::Error) {
        return Err(showing.missing_value());
    }
    let is_null = |index: usize| nulls.is_some_and(|nulls| nulls.is_null(index));
    let items =
        (start..end).map(|index| if is_null(index) { Ok(py.None().into_bound(py)) } else { item(index) });
    let values = array::objects(py, items)?;
    showing.protect(&values);
    if showing.missing == Some(Missing::Mask) { showing.masked(values, missing.as_ref()) } else { Ok(values) }
}

/// The shape of each value of a fixed-shape tensor field, as the extension type of that name
/// (<https://arrow.apache.org/docs/format/CanonicalExtensions.html#fixed-shape-tensor>) says it.
///
/// # Errors
/// [`ErrorCode::Argument`] when the description cannot be read, or permutes the axes.
pub fn tensor_shape(field: &Field) -> Result<Option<Vec<usize>>> {
    let metadata = field.metadata();
    if metadata.get("ARROW:extension:name").map(String::as_str) != Some("arrow.fixed_shape_tensor") {
        return Ok(None);
    }
    let refuse = |what: &str| {
        let name = field.name();
        Failure::new(ErrorCode::Argument, format!("the tensor column '{name}' {what}"))
    };
    let description = metadata.get("ARROW:extension:metadata").map_or("", String::as_str);
    let description: serde_json::Value =
        serde_json::from_str(description).map_err(|_| refuse("has no readable shape"))?;
    if description.get("permutation").is_some_and(|order| !is_ascending(order)) {
        return Err(refuse("has permuted axes, which are not supported"));
    }
    let sizes = description.get("shape").and_then(serde_json::Value::as_array);
    let size = |size: &serde_json::Value| size.as_u64().and_then(|size| usize::try_from(size).ok());
    let shape = sizes.and_then(|sizes| sizes.iter().map(size).collect::<Option<Vec<usize>>>());
    shape.map(Some).ok_or_else(|| refuse("has no readable shape"))
}

fn is_ascending(order: &serde_json::Value) -> bool {
    let order = order.as_array().map_or(&[] as &[_], Vec::as_slice);
    order.iter().enumerate().all(|(index, axis)| axis.as_u64() == Some(index as u64))
}

/// The name of a type in messages where the front did not say one: Spark's, as in docs/types.json.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 => "smallint".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::LargeUtf8 | DataType::Utf8 => "string".to_owned(),
        DataType::LargeBinary | DataType::Binary => "binary".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp".to_owned(),
        DataType::Timestamp(_, None) => "timestamp_ntz".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::LargeList(field) | DataType::List(field) => {
            format!("array<{}>", type_name(field.data_type()))
        }
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            format!("decimal({precision},{scale})")
        }
        DataType::Duration(_) => "interval day to second".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "time".to_owned(),
        DataType::FixedSizeList(field, len) => format!("array<{}> of {len}", type_name(field.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| format!("{}:{}", field.name(), type_name(field.data_type())))
                .collect();
            format!("struct<{}>", fields.join(","))
        }
        other => other.to_string().to_lowercase(),
    }
}
