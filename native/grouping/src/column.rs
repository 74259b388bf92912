//! A column as unsigned numbers whose order is that of its cells.
//!
//! A number is one part; 128 bits are two; strings and bytes are as many as they have eights of bytes, and a last one for
//! their length, which tells those apart that only differ by zeros at their end. Types without such a form are
//! encoded as bytes by `arrow-row`.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{DataType, IntervalUnit, SortOptions};
use beringia_core::{Error, ErrorCode, Result};
use half::f16;

/// A column that rows are told apart or ordered by.
pub struct Column {
    values: Values,
    nulls: Option<NullBuffer>,
    options: SortOptions,
}

enum Values {
    Bool(BooleanBuffer),
    I8(ScalarBuffer<i8>),
    I16(ScalarBuffer<i16>),
    I32(ScalarBuffer<i32>),
    I64(ScalarBuffer<i64>),
    I128(ScalarBuffer<i128>),
    U8(ScalarBuffer<u8>),
    U16(ScalarBuffer<u16>),
    U32(ScalarBuffer<u32>),
    U64(ScalarBuffer<u64>),
    F16(ScalarBuffer<f16>),
    F32(ScalarBuffer<f32>),
    F64(ScalarBuffer<f64>),
    Bytes32(ScalarBuffer<i32>, ScalarBuffer<u8>),
    Bytes64(ScalarBuffer<i64>, ScalarBuffer<u8>),
    Rows(Rows),
}

/// One of the numbers that a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Whether it is there.
    Valid,
    /// A number, or the upper half of one of 128 bits.
    Number,
    /// The lower half.
    Low,
    /// Eight bytes from this one on, the first one highest; zeros past the end.
    Bytes(usize),
    /// How many bytes there are.
    Length,
}

macro_rules! signed {
    ($value:expr) => {
        ($value as i64 as u64) ^ (1 << 63)
    };
}

/// Floats as the numbers that they are: -0.0 is 0.0, and all NaN are one, behind the others.
macro_rules! float {
    ($value:expr, $float:ident, $signed:ty, $unsigned:ty) => {{
        const NEGATIVE: $unsigned = 1 << (<$unsigned>::BITS - 1);
        let bits = match if $value.is_nan() { $float::NAN } else { $value }.to_bits() {
            NEGATIVE => 0,
            bits => bits,
        };
        let sign = (bits as $signed >> (<$signed>::BITS - 1)) as $unsigned;
        u64::from(bits ^ (sign | NEGATIVE))
    }};
}

impl Column {
    /// # Errors
    /// [`ErrorCode::Argument`] for a type that has no order.
    pub fn new(array: &ArrayRef, options: SortOptions) -> Result<Column> {
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        let data = array.to_data();
        fn scalars<T: ArrowNativeType>(data: &arrow_data::ArrayData) -> ScalarBuffer<T> {
            ScalarBuffer::new(data.buffers()[0].clone(), data.offset(), data.len())
        }
        let bytes = || data.buffers()[1].clone().into();
        let values = match array.data_type() {
            DataType::Boolean => Values::Bool(array.as_boolean().values().clone()),
            DataType::Int8 => Values::I8(scalars(&data)),
            DataType::Int16 => Values::I16(scalars(&data)),
            DataType::Int32
            | DataType::Date32
            | DataType::Time32(_)
            | DataType::Decimal32(..)
            | DataType::Interval(IntervalUnit::YearMonth) => Values::I32(scalars(&data)),
            DataType::Int64
            | DataType::Date64
            | DataType::Time64(_)
            | DataType::Timestamp(..)
            | DataType::Duration(_)
            | DataType::Decimal64(..) => Values::I64(scalars(&data)),
            DataType::Decimal128(..) => Values::I128(scalars(&data)),
            DataType::UInt8 => Values::U8(scalars(&data)),
            DataType::UInt16 => Values::U16(scalars(&data)),
            DataType::UInt32 => Values::U32(scalars(&data)),
            DataType::UInt64 => Values::U64(scalars(&data)),
            DataType::Float16 => Values::F16(scalars(&data)),
            DataType::Float32 => Values::F32(scalars(&data)),
            DataType::Float64 => Values::F64(scalars(&data)),
            DataType::Utf8 | DataType::Binary => {
                let offsets = data.buffers()[0].clone();
                let len = if data.is_empty() { 0 } else { data.len() + 1 };
                Values::Bytes32(ScalarBuffer::new(offsets, data.offset(), len), bytes())
            }
            DataType::LargeUtf8 | DataType::LargeBinary => {
                let offsets = data.buffers()[0].clone();
                let len = if data.is_empty() { 0 } else { data.len() + 1 };
                Values::Bytes64(ScalarBuffer::new(offsets, data.offset(), len), bytes())
            }
            // The encoding has nulls and direction in it.
            other => {
                let field = SortField::new_with_options(other.clone(), options);
                let rows = RowConverter::new(vec![field])
                    .and_then(|converter| converter.convert_columns(std::slice::from_ref(array)));
                let refused =
                    |error: arrow_schema::ArrowError| Error::new(ErrorCode::Argument, error.to_string());
                let values = Values::Rows(rows.map_err(refused)?);
                return Ok(Column { values, nulls: None, options: SortOptions::default() });
            }
        };
        Ok(Column { values, nulls, options })
    }

    /// Where nulls are, if there are any.
    pub fn nulls(&self) -> Option<&NullBuffer> {
        self.nulls.as_ref()
    }

    /// How it is ordered.
    pub fn options(&self) -> SortOptions {
        self.options
    }

    /// The parts of a cell that is a number; none where cells are bytes.
    pub fn numbers(&self) -> Option<&'static [Part]> {
        match self.values {
            Values::Bytes32(..) | Values::Bytes64(..) | Values::Rows(_) => None,
            Values::I128(_) => Some(&[Part::Number, Part::Low]),
            _ => Some(&[Part::Number]),
        }
    }

    /// The bytes of a cell; none where cells are numbers.
    pub fn bytes(&self, row: usize) -> &[u8] {
        match &self.values {
            Values::Bytes32(offsets, bytes) => &bytes[offsets[row] as usize..offsets[row + 1] as usize],
            Values::Bytes64(offsets, bytes) => &bytes[offsets[row] as usize..offsets[row + 1] as usize],
            Values::Rows(rows) => rows.row(row).data(),
            _ => &[],
        }
    }

    /// Calls `visit` with the number of each of `rows` and its `part`: nothing where the cell is null.
    #[inline]
    pub fn read(
        &self,
        part: Part,
        rows: impl Iterator<Item = usize>,
        mut visit: impl FnMut(usize, Option<u64>),
    ) {
        if part == Part::Valid {
            let valid = |row| self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            return rows.enumerate().for_each(|(at, row)| visit(at, Some(u64::from(valid(row)))));
        }
        macro_rules! each {
            ($code:expr) => {
                match &self.nulls {
                    None => rows.enumerate().for_each(|(at, row)| visit(at, Some($code(row)))),
                    Some(nulls) => rows.enumerate().for_each(|(at, row)| {
                        visit(at, if nulls.is_valid(row) { Some($code(row)) } else { None });
                    }),
                }
            };
        }
        match (&self.values, part) {
            (Values::Bool(values), _) => each!(|row| u64::from(values.value(row))),
            (Values::I8(values), _) => each!(|row: usize| signed!(values[row])),
            (Values::I16(values), _) => each!(|row: usize| signed!(values[row])),
            (Values::I32(values), _) => each!(|row: usize| signed!(values[row])),
            (Values::I64(values), _) => each!(|row: usize| signed!(values[row])),
            (Values::I128(values), Part::Low) => each!(|row: usize| values[row] as u64),
            (Values::I128(values), _) => each!(|row: usize| signed!(values[row] >> 64)),
            (Values::U8(values), _) => each!(|row: usize| u64::from(values[row])),
            (Values::U16(values), _) => each!(|row: usize| u64::from(values[row])),
            (Values::U32(values), _) => each!(|row: usize| u64::from(values[row])),
            (Values::U64(values), _) => each!(|row: usize| values[row]),
            (Values::F16(values), _) => each!(|row: usize| float!(values[row], f16, i16, u16)),
            (Values::F32(values), _) => each!(|row: usize| float!(values[row], f32, i32, u32)),
            (Values::F64(values), _) => each!(|row: usize| float!(values[row], f64, i64, u64)),
            (Values::Bytes32(offsets, bytes), part) => each!(|row: usize| {
                of_bytes(&bytes[offsets[row] as usize..offsets[row + 1] as usize], part)
            }),
            (Values::Bytes64(offsets, bytes), part) => each!(|row: usize| {
                of_bytes(&bytes[offsets[row] as usize..offsets[row + 1] as usize], part)
            }),
            (Values::Rows(encoded), part) => each!(|row: usize| of_bytes(encoded.row(row).data(), part)),
        }
    }

    fn number(&self, part: Part, row: usize) -> Option<u64> {
        let mut number = None;
        self.read(part, std::iter::once(row), |_, found| number = found);
        number
    }

    /// How two cells compare.
    pub fn compare(&self, a: usize, b: usize) -> Ordering {
        let valid = |row| self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let ascending = match (valid(a), valid(b)) {
            (false, false) => return Ordering::Equal,
            (valid_a, valid_b) if valid_a != valid_b => {
                return if valid_a == self.options.nulls_first { Ordering::Greater } else { Ordering::Less };
            }
            _ => match self.numbers() {
                None => self.bytes(a).cmp(self.bytes(b)),
                Some(parts) => {
                    let numbers = |row| parts.iter().map(move |part| self.number(*part, row));
                    numbers(a).cmp(numbers(b))
                }
            },
        };
        if self.options.descending { ascending.reverse() } else { ascending }
    }
}

#[inline]
fn of_bytes(bytes: &[u8], part: Part) -> u64 {
    let Part::Bytes(from) = part else { return bytes.len() as u64 };
    if let Some(eight) = bytes.get(from..from + 8) {
        return u64::from_be_bytes(eight.try_into().unwrap_or_default());
    }
    let rest = bytes.get(from..).unwrap_or_default();
    let mut eight = [0; 8];
    eight[..rest.len()].copy_from_slice(rest);
    u64::from_be_bytes(eight)
}
