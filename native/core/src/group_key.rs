//! A group's key as a person would write it, for messages: `origin='EWR', year=2013`.

use arrow_array::temporal_conversions::{date32_to_datetime, timestamp_us_to_datetime};
use arrow_array::{Array, ArrayRef, cast::AsArray, types};
use arrow_data::ArrayData;
use arrow_schema::{DataType, TimeUnit};

/// The longest string shown of one key.
const MAX_CHARS: usize = 200;

/// The key of the group in row `row`: names with the values of that row.
pub fn describe<'a>(keys: impl IntoIterator<Item = (&'a str, ArrayData)>, row: usize) -> String {
    let parts: Vec<String> = keys
        .into_iter()
        .map(|(name, data)| format!("{name}={}", value(&arrow_array::make_array(data), row)))
        .collect();
    if parts.is_empty() { format!("row {row} of its batch (there is no key)") } else { parts.join(", ") }
}

fn value(array: &ArrayRef, row: usize) -> String {
    if row >= array.len() {
        return "?".to_owned();
    }
    if array.is_null(row) {
        return "null".to_owned();
    }
    macro_rules! primitive {
        ($type:ty) => {
            format!("{:?}", array.as_primitive::<$type>().value(row))
        };
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int8 => primitive!(types::Int8Type),
        DataType::Int16 => primitive!(types::Int16Type),
        DataType::Int32 => primitive!(types::Int32Type),
        DataType::Int64 => primitive!(types::Int64Type),
        DataType::UInt8 => primitive!(types::UInt8Type),
        DataType::UInt16 => primitive!(types::UInt16Type),
        DataType::UInt32 => primitive!(types::UInt32Type),
        DataType::UInt64 => primitive!(types::UInt64Type),
        DataType::Float32 => primitive!(types::Float32Type),
        DataType::Float64 => primitive!(types::Float64Type),
        DataType::Utf8 => quote(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => quote(array.as_string::<i64>().value(row)),
        DataType::LargeBinary => quote(&String::from_utf8_lossy(array.as_binary::<i64>().value(row))),
        DataType::Binary => quote(&String::from_utf8_lossy(array.as_binary::<i32>().value(row))),
        DataType::Date32 => {
            let days = array.as_primitive::<types::Date32Type>().value(row);
            date32_to_datetime(days).map_or_else(|| days.to_string(), |date| date.date().to_string())
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let micros = array.as_primitive::<types::TimestampMicrosecondType>().value(row);
            timestamp_us_to_datetime(micros).map_or_else(|| micros.to_string(), |time| time.to_string())
        }
        DataType::Decimal128(..) => array.as_primitive::<types::Decimal128Type>().value_as_string(row),
        other => format!("<{other}>"),
    }
}

fn quote(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        None => format!("'{}'", text.escape_debug()),
        Some((end, _)) => format!("'{}…' ({} bytes)", text[..end].escape_debug(), text.len()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Date32Array, Float64Array, Int32Array, LargeStringArray};

    use super::*;

    #[test]
    fn keys_are_written_as_a_person_would() {
        let keys: Vec<(&str, ArrayRef)> = vec![
            ("gene", Arc::new(LargeStringArray::from(vec!["BRCA2", "o'neill"]))),
            ("year", Arc::new(Int32Array::from(vec![Some(2013), None]))),
            ("day", Arc::new(Date32Array::from(vec![0, 19_000]))),
            ("x", Arc::new(Float64Array::from(vec![1.0, f64::NAN]))),
        ];
        let show = |row| describe(keys.iter().map(|(name, array)| (*name, array.to_data())), row);
        assert_eq!(show(0), "gene='BRCA2', year=2013, day=1970-01-01, x=1.0");
        assert_eq!(show(1), "gene='o\\'neill', year=null, day=2022-01-08, x=NaN");
    }

    #[test]
    fn a_long_key_is_cut_and_says_so() {
        let text = "é".repeat(1000);
        assert!(quote(&text).ends_with("…' (2000 bytes)"));
    }
}
