//! A group's key as a person would write it, for messages: `origin='EWR', year=2013`.

use arrow_array::temporal_conversions::time64ns_to_time;
use arrow_array::{Array, ArrayRef, cast::AsArray, types};
use arrow_data::ArrayData;
use arrow_schema::{DataType, TimeUnit};

use crate::text;

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
    // A count that is past the calendar is shown as it is.
    macro_rules! calendar {
        ($type:ty, $read:ident) => {{
            let counts = array.as_primitive::<$type>();
            counts.$read(row).map_or_else(|| counts.value(row).to_string(), |time| time.to_string())
        }};
    }
    macro_rules! span {
        ($type:ty, $nanoseconds:literal) => {
            span(i128::from(array.as_primitive::<$type>().value(row)) * $nanoseconds)
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
        DataType::Float16 => primitive!(types::Float16Type),
        DataType::Float32 => primitive!(types::Float32Type),
        DataType::Float64 => primitive!(types::Float64Type),
        DataType::Decimal128(..) => array.as_primitive::<types::Decimal128Type>().value_as_string(row),
        DataType::Decimal256(..) => array.as_primitive::<types::Decimal256Type>().value_as_string(row),
        DataType::Utf8 | DataType::LargeUtf8 => {
            quote(&String::from_utf8_lossy(text::bytes(array, row).unwrap_or_default()))
        }
        DataType::Binary => quote(&String::from_utf8_lossy(array.as_binary::<i32>().value(row))),
        DataType::LargeBinary => quote(&String::from_utf8_lossy(array.as_binary::<i64>().value(row))),
        DataType::FixedSizeBinary(_) => {
            quote(&String::from_utf8_lossy(array.as_fixed_size_binary().value(row)))
        }
        DataType::Date32 => calendar!(types::Date32Type, value_as_date),
        DataType::Date64 => calendar!(types::Date64Type, value_as_date),
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => calendar!(types::TimestampSecondType, value_as_datetime),
            TimeUnit::Millisecond => calendar!(types::TimestampMillisecondType, value_as_datetime),
            TimeUnit::Microsecond => calendar!(types::TimestampMicrosecondType, value_as_datetime),
            TimeUnit::Nanosecond => calendar!(types::TimestampNanosecondType, value_as_datetime),
        },
        DataType::Time32(TimeUnit::Second) => calendar!(types::Time32SecondType, value_as_time),
        DataType::Time32(TimeUnit::Millisecond) => calendar!(types::Time32MillisecondType, value_as_time),
        DataType::Time64(TimeUnit::Microsecond) => calendar!(types::Time64MicrosecondType, value_as_time),
        DataType::Time64(TimeUnit::Nanosecond) => calendar!(types::Time64NanosecondType, value_as_time),
        DataType::Duration(unit) => match unit {
            TimeUnit::Second => span!(types::DurationSecondType, 1_000_000_000),
            TimeUnit::Millisecond => span!(types::DurationMillisecondType, 1_000_000),
            TimeUnit::Microsecond => span!(types::DurationMicrosecondType, 1_000),
            TimeUnit::Nanosecond => span!(types::DurationNanosecondType, 1),
        },
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let parts: Vec<String> =
                columns.map(|(field, column)| format!("{}: {}", field.name(), value(column, row))).collect();
            format!("{{{}}}", parts.join(", "))
        }
        other => format!("<{other}>"),
    }
}

/// A duration as days and a time of day: `-2 days 00:00:05.250`.
fn span(nanoseconds: i128) -> String {
    const DAY: i128 = 86_400_000_000_000;
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let days = match nanoseconds.abs() / DAY {
        0 => String::new(),
        1 => "1 day ".to_owned(),
        days => format!("{days} days "),
    };
    let within = i64::try_from(nanoseconds.abs() % DAY).ok().and_then(time64ns_to_time);
    within.map_or_else(|| nanoseconds.to_string(), |time| format!("{sign}{days}{time}"))
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

    use arrow_array::ffi::FFI_ArrowSchema;
    use arrow_array::types::ArrowPrimitiveType;
    use arrow_array::{Date32Array, Float64Array, Int32Array, LargeStringArray, StructArray};
    use arrow_buffer::Buffer;
    use arrow_schema::Field;
    use serde_json::Value;

    use super::*;

    type Float16 = <types::Float16Type as ArrowPrimitiveType>::Native;

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
    fn every_type_is_written_as_the_table_of_types_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/types.json");
        let table: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let keys: Vec<&Value> = table.iter().filter(|row| row["text"].is_string()).collect();
        assert!(keys.len() > 20, "the table has lost its keys");
        for key in keys {
            let array = arrow_array::make_array(of(&table, key, &key["value"]));
            assert_eq!(super::value(&array, 0), key["text"].as_str().unwrap(), "{key}");
        }
    }

    /// An array of one value of the type that a row of the table is.
    fn of(table: &[Value], row: &Value, value: &Value) -> ArrayData {
        if row["pyarrow"][0] != "struct" {
            return one(row["format"].as_str().unwrap(), value);
        }
        let members = row["pyarrow"][1].as_object().unwrap().iter();
        let columns = members.map(|(name, kind)| {
            let member = table.iter().find(|row| row["pyarrow"] == *kind).unwrap();
            let column = arrow_array::make_array(of(table, member, &value[name]));
            (Arc::new(Field::new(name, column.data_type().clone(), true)), column)
        });
        StructArray::from(columns.collect::<Vec<_>>()).to_data()
    }

    /// An array of one value, by its type in Arrow's C interface. Dates, times and decimals are given as integers.
    fn one(format: &str, value: &Value) -> ArrayData {
        let data_type = DataType::try_from(&FFI_ArrowSchema::try_new(format, vec![], None).unwrap()).unwrap();
        if value.is_null() {
            return ArrayData::new_null(&data_type, 1);
        }
        let buffers = match (&data_type, value) {
            (_, Value::String(text)) => {
                vec![Buffer::from_vec(vec![0_i64, text.len() as i64]), Buffer::from(text.as_bytes())]
            }
            (DataType::Float16, _) => {
                vec![Buffer::from(&Float16::from_f64(value.as_f64().unwrap()).to_le_bytes())]
            }
            (DataType::Float32, _) => {
                vec![Buffer::from(&(value.as_f64().unwrap() as f32).to_le_bytes())]
            }
            (DataType::Float64, _) => vec![Buffer::from(&value.as_f64().unwrap().to_le_bytes())],
            (DataType::Boolean, _) => vec![Buffer::from(&[u8::from(value.as_bool().unwrap())])],
            _ => {
                let number = i128::from(value.as_i64().unwrap());
                let mut bytes = number.to_le_bytes().to_vec();
                bytes.resize(32, if number < 0 { 0xff } else { 0 });
                vec![Buffer::from(&bytes[..data_type.primitive_width().unwrap()])]
            }
        };
        let data = ArrayData::builder(data_type).len(1).buffers(buffers).align_buffers(true);
        data.build().unwrap()
    }

    #[test]
    fn durations_have_a_sign_and_days() {
        assert_eq!(span(-5_250_000_000), "-00:00:05.250");
        assert_eq!(span(86_400_000_000_001), "1 day 00:00:00.000000001");
        assert_eq!(span(i128::from(i64::MIN) * 1_000_000_000), "-106751991167300 days 15:30:08");
    }

    #[test]
    fn what_is_past_the_calendar_is_shown_as_its_count() {
        let past: ArrayRef = Arc::new(arrow_array::TimestampSecondArray::from(vec![i64::MAX]));
        assert_eq!(value(&past, 0), i64::MAX.to_string());
    }

    #[test]
    fn a_long_key_is_cut_and_says_so() {
        let text = "é".repeat(1000);
        assert!(quote(&text).ends_with("…' (2000 bytes)"));
    }
}
