//! Grouping and batches against the plainest way to do the same: sort all row numbers, stably, by cells as values.

#![allow(clippy::unwrap_used, reason = "a test program")]

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, Float16Array, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, StructArray,
};
use arrow_schema::SortOptions;
use beringia_core::ErrorCode;
use beringia_core::segment::{Backend, Cache};
use beringia_grouping::{Batches, Extent, Groups, Unit, Windows, group};
use proptest::prelude::*;

/// A cell as a value: null before all others, floats by their bits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    Null,
    Number(i64),
    Text(String),
}

fn total(value: f64) -> Cell {
    let bits = value.to_bits() as i64;
    Cell::Number(bits ^ (((bits >> 63) as u64) >> 1) as i64)
}

fn cell(column: &ArrayRef, row: usize) -> Cell {
    if column.is_null(row) {
        return Cell::Null;
    }
    if let Some(numbers) = column.as_primitive_opt::<Int32Type>() {
        return Cell::Number(numbers.value(row).into());
    }
    if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        return Cell::Number(numbers.value(row));
    }
    match column.as_primitive_opt::<Float64Type>() {
        Some(floats) => total(floats.value(row)),
        None => Cell::Text(column.as_string::<i32>().value(row).to_owned()),
    }
}

/// The same as what rows are told apart or ordered by: NaNs are one, and so are zeros.
fn key(column: &ArrayRef, row: usize) -> Cell {
    match column.as_primitive_opt::<Float64Type>().filter(|floats| floats.is_valid(row)) {
        Some(floats) if floats.value(row).is_nan() => total(f64::NAN),
        Some(floats) => total(floats.value(row) + 0.0),
        None => cell(column, row),
    }
}

fn keys_of(keys: &[ArrayRef], row: usize) -> Vec<Cell> {
    keys.iter().map(|column| key(column, row)).collect()
}

fn compare(a: &Cell, b: &Cell, options: SortOptions) -> Ordering {
    match (a, b) {
        (Cell::Null, Cell::Null) => Ordering::Equal,
        (Cell::Null, _) if options.nulls_first => Ordering::Less,
        (Cell::Null, _) => Ordering::Greater,
        (_, Cell::Null) => compare(b, a, options).reverse(),
        _ if options.descending => b.cmp(a),
        _ => a.cmp(b),
    }
}

/// The rows of each group.
fn reference(keys: &[ArrayRef], order_by: &[(ArrayRef, SortOptions)], rows: usize) -> Vec<Vec<usize>> {
    let by_order = |a: usize, b: usize| {
        let unequal =
            |(column, options): &(ArrayRef, SortOptions)| compare(&key(column, a), &key(column, b), *options);
        order_by.iter().map(unequal).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    };
    let mut order: Vec<usize> = (0..rows).collect();
    order.sort_by(|a, b| keys_of(keys, *a).cmp(&keys_of(keys, *b)).then(by_order(*a, *b)));
    let same = |a: &usize, b: &usize| keys_of(keys, *a) == keys_of(keys, *b);
    order.chunk_by(same).map(<[usize]>::to_vec).collect()
}

fn grouped(groups: &Groups) -> Vec<Vec<usize>> {
    let row = |position| groups.order.as_ref().map_or(position, |order| order.value(position) as usize);
    groups.bounds.windows(2).map(|bound| (bound[0]..bound[1]).map(row).collect()).collect()
}

/// Columns of the same length, as views into longer ones.
#[derive(Clone, Debug)]
struct Columns {
    numbers: ArrayRef,
    floats: ArrayRef,
    texts: ArrayRef,
}

impl Columns {
    fn named(&self, names: &[usize]) -> Vec<ArrayRef> {
        let columns = [&self.numbers, &self.floats, &self.texts];
        names.iter().map(|name| Arc::clone(columns[*name])).collect()
    }

    fn ordered(&self, order_by: &[(usize, SortOptions)]) -> Vec<(ArrayRef, SortOptions)> {
        let (names, options): (Vec<_>, Vec<_>) = order_by.iter().copied().unzip();
        self.named(&names).into_iter().zip(options).collect()
    }
}

fn columns() -> impl Strategy<Value = Columns> {
    let other_nan = f64::from_bits(f64::NAN.to_bits() | 1 << 63 | 1);
    let float = prop::sample::select(vec![f64::NAN, other_nan, -0.0, 0.0, 1.5, -2.5, f64::NEG_INFINITY]);
    let text = prop::sample::select(vec!["", "a", "ab", "b", "ä"]);
    let row = (prop::option::of(-2_i32..3), prop::option::of(float), prop::option::of(text));
    // Sorted in parts of the cases, as rows in files often are.
    (prop::collection::vec(row, 0..60), 0_usize..5, 0_usize..5, any::<bool>()).prop_map(
        |(mut rows, before, after, sorted)| {
            if sorted {
                rows.sort_by(|a, b| a.0.cmp(&b.0).then(a.2.cmp(&b.2)));
            }
            let start = before.min(rows.len());
            let len = (rows.len() - start).saturating_sub(after);
            let numbers: Int32Array = rows.iter().map(|row| row.0).collect();
            let floats: Float64Array = rows.iter().map(|row| row.1).collect();
            let texts: StringArray = rows.iter().map(|row| row.2).collect();
            Columns {
                numbers: Arc::new(numbers.slice(start, len)),
                floats: Arc::new(floats.slice(start, len)),
                texts: Arc::new(texts.slice(start, len)),
            }
        },
    )
}

fn some_columns() -> impl Strategy<Value = Vec<usize>> {
    prop::sample::subsequence(vec![0, 1, 2], 0..=3).prop_shuffle()
}

fn options() -> impl Strategy<Value = SortOptions> {
    any::<(bool, bool)>().prop_map(|(descending, nulls_first)| SortOptions { descending, nulls_first })
}

fn orders() -> impl Strategy<Value = Vec<(usize, SortOptions)>> {
    prop::collection::vec((0_usize..3, options()), 0..3)
}

proptest! {
    #[test]
    fn groups_are_those_of_a_plain_sort(columns in columns(), keys in some_columns(), order_by in orders()) {
        let rows = columns.numbers.len();
        let keys = columns.named(&keys);
        let order_by = columns.ordered(&order_by);
        let groups = group(&keys, &order_by, rows, 2).unwrap();
        prop_assert_eq!(grouped(&groups), reference(&keys, &order_by, rows));
    }

    #[test]
    fn batches_have_the_groups_in_their_order(
        columns in columns(),
        keys in some_columns(),
        order_by in orders(),
        limit in 1_usize..400,
        workers in 1_usize..4,
    ) {
        let table = table(&columns);
        let batches = Batches::new(table, &keys, &[0, 1, 2], Unit::Group, &order_by, limit, workers).unwrap();
        let (mut found, mut rows) = (Vec::new(), 0);
        for batch in arrays(&batches) {
            let lists = batch.columns()[keys.len()..].iter();
            let lists: Vec<_> = lists.map(|list| list.as_list::<i64>()).collect();
            for group in 0..batch.len() {
                let values: Vec<ArrayRef> = lists.iter().map(|list| list.value(group)).collect();
                rows += values[0].len();
                found.push((0..values[0].len()).map(|row| all(&values, row)).collect::<Vec<_>>());
                // A key is that of all rows of its group.
                for row in 0..values[0].len() {
                    let own: Vec<_> = keys.iter().map(|name| key(&values[*name], row)).collect();
                    prop_assert_eq!(own, keys_of(&batch.columns()[..keys.len()], group));
                }
            }
        }
        let order_by = columns.ordered(&order_by);
        let source = columns.named(&[0, 1, 2]);
        let expected: Vec<_> = reference(&columns.named(&keys), &order_by, columns.numbers.len())
            .into_iter()
            .map(|group| group.into_iter().map(|row| all(&source, row)).collect::<Vec<_>>())
            .collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(rows, batches.rows());
    }

    #[test]
    fn without_groups_batches_have_the_rows_as_they_came(
        columns in columns(),
        by_row in any::<bool>(),
        limit in 1_usize..400,
        workers in 1_usize..4,
    ) {
        // Only a row has keys.
        let (unit, keys): (_, &[usize]) = if by_row { (Unit::Row, &[0]) } else { (Unit::Batch, &[]) };
        let batches = Batches::new(table(&columns), keys, &[1, 2], unit, &[], limit, workers).unwrap();
        let mut found = Vec::new();
        for batch in arrays(&batches) {
            let values = &batch.columns()[keys.len()..];
            let values: Vec<ArrayRef> = match unit {
                Unit::Row => values.to_vec(),
                _ => values.iter().map(|list| list.as_list::<i64>().value(0)).collect(),
            };
            found.extend((0..values[0].len()).map(|row| all(&values, row)));
        }
        let source = columns.named(&[1, 2]);
        prop_assert_eq!(found, (0..columns.numbers.len()).map(|row| all(&source, row)).collect::<Vec<_>>());
    }
}

/// The windows of rows at positions: where each begins and ends, and its rows.
fn windows_of(rows: &[(usize, f64)], size: f64, step: f64, farthest: i64) -> Vec<(f64, f64, Vec<usize>)> {
    let bounds = (-farthest..=farthest).map(|number| (number as f64 * step, number as f64 * step + size));
    let with_rows = bounds.map(|(start, end)| {
        let inside = rows.iter().filter(|(_, at)| start <= *at && *at < end);
        (start, end, inside.map(|(row, _)| *row).collect::<Vec<_>>())
    });
    with_rows.filter(|(.., rows)| !rows.is_empty()).collect()
}

proptest! {
    #[test]
    fn windows_have_the_rows_between_their_bounds(
        rows in prop::collection::vec((0_i32..3, prop::option::of(-40_i64..40)), 0..60),
        (size, step) in (1_i64..30, 1_i64..30),
        kind in 0..3,
        limit in 1_usize..400,
        workers in 1_usize..4,
    ) {
        // Whole numbers, floats that are no sums of powers of two, and numbers of rows.
        let tenth = if kind == 1 { 0.1 } else { 1.0 };
        let whole: Int64Array = rows.iter().map(|row| row.1).collect();
        let at = |position: i64| position as f64 * tenth;
        let floats: Float64Array =
            rows.iter().map(|row| Some(row.1.map_or(f64::INFINITY, at))).collect();
        let (position, extent): (ArrayRef, _) = match kind {
            0 => (Arc::new(whole), Extent::Whole(size, step)),
            1 => (Arc::new(floats), Extent::Float(size as f64 * tenth, step as f64 * tenth)),
            _ => (Arc::new(whole), Extent::Rows(size, step)),
        };
        let keys: Int32Array = rows.iter().map(|row| Some(row.0)).collect();
        let numbers = numbered(0..rows.len() as i64);
        let columns: [(_, ArrayRef); 3] = [("k", Arc::new(keys)), ("t", position), ("n", numbers)];
        let table = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)));
        let unit = Unit::Window(Windows { position: 1, extent });
        let batches = Batches::new(table.unwrap(), &[0], &[2], unit, &[], limit, workers).unwrap();
        let mut found = Vec::new();
        for number in 0..batches.count() {
            let cache = Cache::new(Backend::Heap, 0);
            let batch = StructArray::from(batches.get(number, |bytes| cache.lease(bytes)).unwrap());
            assert_eq!(batch.data_type(), &batches.data_type());
            let (keys, window) = (batch.column(0).as_primitive::<Int32Type>(), batch.column(1).as_struct());
            for group in 0..batch.len() {
                let bound = |side: usize| match kind {
                    1 => window.column(side).as_primitive::<Float64Type>().value(group),
                    _ => window.column(side).as_primitive::<Int64Type>().value(group) as f64,
                };
                let members = batch.column(2).as_list_view::<i64>().value(group);
                let members = members.as_primitive::<Int64Type>().values().iter().map(|row| *row as usize);
                found.push((keys.value(group), bound(0), bound(1), members.collect::<Vec<_>>()));
            }
        }
        let mut expected = Vec::new();
        for key in 0..3 {
            let own = rows.iter().enumerate().filter(|(_, row)| row.0 == key);
            let mut own: Vec<(usize, i64)> = own.filter_map(|(number, row)| Some((number, row.1?))).collect();
            own.sort_by_key(|(_, position)| *position);
            let places = own.iter().enumerate();
            let placed: Vec<(usize, f64)> = match kind {
                2 => places.map(|(place, (number, _))| (*number, place as f64)).collect(),
                _ => own.iter().map(|(number, position)| (*number, at(*position))).collect(),
            };
            let (size, step) = (size as f64 * tenth, step as f64 * tenth);
            for (start, end, members) in windows_of(&placed, size, step, 80) {
                if kind == 2 && start < 0.0 {
                    continue;
                }
                // Of rows there are no more than there are.
                let end = if kind == 2 { end.min(placed.len() as f64) } else { end };
                expected.push((key, start, end, members));
            }
        }
        prop_assert_eq!(found, expected);
    }
}

fn table(columns: &Columns) -> RecordBatch {
    let named = [("n", &columns.numbers), ("x", &columns.floats), ("s", &columns.texts)];
    RecordBatch::try_from_iter_with_nullable(named.map(|(name, column)| (name, Arc::clone(column), true)))
        .unwrap()
}

fn all(columns: &[ArrayRef], row: usize) -> Vec<Cell> {
    columns.iter().map(|column| cell(column, row)).collect()
}

/// All batches; each is of their type and has rows.
fn arrays(batches: &Batches) -> Vec<StructArray> {
    let cache = Cache::new(Backend::Heap, 0);
    let array = |number| {
        let data = batches.get(number, |bytes| cache.lease(bytes)).unwrap();
        assert_eq!(data.data_type(), &batches.data_type());
        assert!(batches.rows_of(number) > 0 && !data.is_empty());
        StructArray::from(data)
    };
    (0..batches.count()).map(array).collect()
}

/// What is one number of any kind of float: NaN, -0.0, null, the other NaN, 0.0, and a number below them.
fn floats_alike() -> [ArrayRef; 3] {
    let other_nan = f64::from_bits(f64::NAN.to_bits() | 1 << 63 | 1);
    let values = [Some(f64::NAN), Some(-0.0), None, Some(other_nan), Some(0.0), Some(-1.0)];
    let narrow = values.map(|value| value.map(|value| value as f32));
    let half = values.map(|value| value.map(half::f16::from_f64));
    [
        Arc::new(Float64Array::from(values.to_vec())),
        Arc::new(Float32Array::from(narrow.to_vec())),
        Arc::new(Float16Array::from(half.to_vec())),
    ]
}

#[test]
fn a_nan_is_the_same_key_as_any_other_and_zero_is_one_key() {
    for keys in floats_alike() {
        let groups = group(&[keys], &[], 6, 2).unwrap();
        assert_eq!(grouped(&groups), [vec![2], vec![5], vec![1, 4], vec![0, 3]]);
    }
}

#[test]
fn rows_are_ordered_by_floats_as_numbers_and_those_of_equal_ones_stay_as_they_came() {
    for column in floats_alike() {
        let order = |descending| {
            let options = SortOptions { descending, nulls_first: true };
            grouped(&group(&[], &[(Arc::clone(&column), options)], 6, 2).unwrap())
        };
        assert_eq!(order(false), [vec![2, 5, 1, 4, 0, 3]]);
        assert_eq!(order(true), [vec![2, 0, 3, 1, 4, 5]]);
    }
}

#[test]
fn rows_that_lie_in_their_groups_are_not_moved() {
    let keys: ArrayRef = Arc::new(Int32Array::from(vec![1, 1, 2, 5, 5]));
    let groups = group(&[Arc::clone(&keys)], &[(keys, SortOptions::default())], 5, 2).unwrap();
    assert_eq!((groups.order, groups.bounds), (None, vec![0, 2, 3, 5]));
}

#[test]
fn a_table_without_rows_has_no_batches() {
    let empty = Columns {
        numbers: Arc::new(Int32Array::from(Vec::<i32>::new())),
        floats: Arc::new(Float64Array::from(Vec::<f64>::new())),
        texts: Arc::new(StringArray::from(Vec::<&str>::new())),
    };
    for (unit, keys) in
        [(Unit::Group, vec![0]), (Unit::Group, vec![]), (Unit::Row, vec![]), (Unit::Batch, vec![])]
    {
        let batches = Batches::new(table(&empty), &keys, &[1], unit, &[], 1 << 20, 2).unwrap();
        assert_eq!((batches.count(), batches.rows()), (0, 0));
    }
}

#[test]
fn windows_without_a_size_or_a_step_are_refused() {
    let whole: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
    for (column, extent) in [
        (&whole, Extent::Rows(1, 0)),
        (&whole, Extent::Whole(1, 0)),
        (&whole, Extent::Whole(0, 1)),
        (&whole, Extent::Whole(1, -1)),
        (&floats, Extent::Float(1.0, 0.0)),
        (&floats, Extent::Float(f64::NAN, 1.0)),
    ] {
        let table = RecordBatch::try_from_iter([("t", Arc::clone(column))]).unwrap();
        let unit = Unit::Window(Windows { position: 0, extent });
        let error = Batches::new(table, &[], &[0], unit, &[], 1, 1).err().unwrap();
        assert_eq!(error.code, ErrorCode::Argument, "{extent:?}");
    }
}

#[test]
fn a_column_that_is_not_there_is_named() {
    let columns: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let table = RecordBatch::try_from_iter([("n", columns)]).unwrap();
    let error = Batches::new(table, &[3], &[0], Unit::Group, &[], 1, 1).err().unwrap();
    assert_eq!((error.code, error.summary.as_str()), (ErrorCode::Argument, "no column 3"));
}

/// Pseudo-random numbers, always the same.
fn numbers(count: usize) -> impl Iterator<Item = u64> {
    (0..count as u64).map(|number| {
        let mixed = (number ^ 0x9e37).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
    })
}

fn texts(values: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn numbered(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<Int64Array>())
}

/// Enough rows to be spread over parts, by each way to tell their keys apart.
#[test]
fn many_rows_are_grouped_as_a_plain_sort_does() {
    const ROWS: usize = 70_000;
    let of = |modulus: u64| numbers(ROWS).map(move |number| (number % modulus) as i64);
    let alike =
        |number: i64| format!("{}the same for more bytes than are looked at at once/{number}", number % 2);
    let cases: Vec<(&str, Vec<ArrayRef>)> = vec![
        ("few", vec![numbered(of(50))]),
        ("few and far apart", vec![numbered(of(50).map(|number| number << 50))]),
        ("dense", vec![numbered(of(15_000))]),
        ("far apart", vec![numbered(of(15_000).map(|number| number.wrapping_mul(0x1234_5678_9abc)))]),
        ("of all sizes", vec![numbered(of(15_000).map(|number| 1 << (number % 63) | number))]),
        ("one has half of the rows", vec![numbered(of(9_000).map(|number| (number - 4_500).max(0)))]),
        ("sorted", vec![numbered(0..ROWS as i64)]),
        ("sorted but for the last", vec![numbered((0..ROWS as i64).map(|row| row % (ROWS as i64 - 1)))]),
        ("one", vec![numbered(of(1))]),
        ("short texts", vec![texts(of(15_000).map(|number| format!("patient {number}")))]),
        ("texts of any length", vec![texts(of(300).map(|number| "\0".repeat(number as usize)))]),
        ("long texts", vec![texts(of(15_000).map(alike))]),
        (
            "three",
            vec![numbered(of(7)), texts(of(31).map(|number| format!("site {number}"))), numbered(of(13))],
        ),
        (
            "long texts before others",
            vec![texts(of(900).map(alike)), numbered(of(77).map(|number| number - 38)), numbered(of(6))],
        ),
        (
            "more bits than a word has",
            vec![
                numbered(of(5).map(|n| n << 58)),
                numbered(of(7).map(|n| n << 57)),
                numbered(of(11).map(|n| n << 56)),
            ],
        ),
    ];
    for (name, keys) in cases {
        let mut rows: Vec<usize> = (0..ROWS).collect();
        let cells: Vec<Vec<Cell>> = rows.iter().map(|row| keys_of(&keys, *row)).collect();
        rows.sort_by(|a, b| cells[*a].cmp(&cells[*b]));
        let expected: Vec<Vec<usize>> =
            rows.chunk_by(|a, b| cells[*a] == cells[*b]).map(<[usize]>::to_vec).collect();
        assert!(grouped(&group(&keys, &[], ROWS, 2).unwrap()) == expected, "{name}");
        // Within a group from the last row to the first.
        let order = (numbered(0..ROWS as i64), SortOptions { descending: true, nulls_first: true });
        let expected: Vec<Vec<usize>> =
            expected.into_iter().map(|group| group.into_iter().rev().collect()).collect();
        assert!(grouped(&group(&keys, &[order], ROWS, 3).unwrap()) == expected, "{name}, in an order");
    }
}
