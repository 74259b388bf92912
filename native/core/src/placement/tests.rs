//! Any array, and any slice of it, survives the way through segments; only what it shows is copied.

use std::collections::HashMap;

use arrow_array::builder::{Int32Builder, LargeListBuilder};
use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, Int64Array, LargeListViewArray, LargeStringArray,
    StringArray, StructArray, make_array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::Field;
use proptest::prelude::*;

use super::*;
use crate::segment::{Backend, Cache};

#[test]
fn values_of_one_width_are_copied_one_behind_the_other() {
    let mut arena = Arena::new(Cache::new(Backend::Heap, 0), 0);
    let part = |from: i64| Int64Array::from_iter_values(from..from + 5).slice(1, 3).to_data();
    let placed = place_together(&[part(0), part(10)], &mut arena).unwrap().unwrap();
    let leases = arena.into_leases();
    let find =
        |id: SegmentId| Ok(Arc::clone(leases.iter().find(|lease| lease.segment().id() == id).unwrap()));
    let whole = resolve(&placed, &DataType::Int64, &find).unwrap();
    assert_eq!(Int64Array::from(whole), Int64Array::from_iter_values([1, 2, 3, 11, 12, 13]));
}

#[test]
fn others_are_not() {
    let mut arena = Arena::new(Cache::new(Backend::Heap, 0), 0);
    for column in columns(&[Some(1), None, Some(3)]) {
        assert!(place_together(&[column.to_data()], &mut arena).unwrap().is_none());
    }
}

/// One column of every layout, from the same values.
fn columns(values: &[Option<i64>]) -> Vec<ArrayRef> {
    let text = |value: &Option<i64>| value.map(|value| format!("{value:x}"));
    let mut lists = LargeListBuilder::new(Int32Builder::new());
    for value in values {
        match value {
            Some(value) => {
                for item in 0..value.rem_euclid(4) {
                    lists.values().append_option((item != 2).then_some(item as i32));
                }
                lists.append(true);
            }
            None => lists.append(false),
        }
    }
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter(values.iter().copied()));
    let booleans: ArrayRef = Arc::new(BooleanArray::from_iter(values.iter().map(|v| v.map(|v| v % 2 == 0))));
    let pairs = Int64Array::from_iter(values.iter().flat_map(|value| [*value, Some(1)]));
    let item = Arc::new(Field::new("item", DataType::Int64, true));
    // Each has what the next two have, too.
    let (offsets, sizes) = (0..values.len()).map(|at| (at as i64, (values.len() - at).min(3) as i64)).unzip();
    let (offsets, sizes): (Vec<_>, Vec<_>) = (offsets, sizes);
    let views = LargeListViewArray::new(
        Arc::clone(&item),
        offsets.into(),
        sizes.into(),
        Arc::clone(&numbers),
        NullBuffer::from_iter(values.iter().map(Option::is_some)).into(),
    );
    let structs = StructArray::from(vec![
        (Arc::new(Field::new("n", DataType::Int64, true)), Arc::clone(&numbers)),
        (Arc::new(Field::new("b", DataType::Boolean, true)), Arc::clone(&booleans)),
    ]);
    vec![
        numbers,
        booleans,
        Arc::new(LargeStringArray::from_iter(values.iter().map(text))),
        Arc::new(StringArray::from_iter(values.iter().map(text))),
        Arc::new(lists.finish()),
        Arc::new(views),
        Arc::new(FixedSizeListArray::new(item, 2, Arc::new(pairs), None)),
        Arc::new(structs),
    ]
}

fn round_trip(array: &ArrayRef, trusted: bool) -> (ArrayRef, u64) {
    let mut arena = Arena::new(Cache::new(Backend::Heap, 0), 0);
    let (descriptor, copied) = place(&array.to_data(), &[], &mut arena).unwrap();
    let leases: HashMap<SegmentId, Arc<Lease>> =
        arena.into_leases().into_iter().map(|lease| (lease.segment().id(), lease)).collect();
    let find = |id: SegmentId| Ok(Arc::clone(&leases[&id]));
    let data = match trusted {
        true => resolve(&descriptor, array.data_type(), &find).unwrap(),
        false => verify(&descriptor, array.data_type(), &find).unwrap().0,
    };
    data.validate_full().unwrap();
    (make_array(data), copied)
}

proptest! {
    #[test]
    fn slices_of_every_layout_arrive_unchanged(
        values in prop::collection::vec(prop::option::of(any::<i64>()), 0..200),
        cut in (0.0..1.0, 0.0..1.0),
    ) {
        let start = (cut.0 * values.len() as f64) as usize;
        let len = (cut.1 * (values.len() - start) as f64) as usize;
        for column in columns(&values) {
            let slice = column.slice(start, len);
            for trusted in [true, false] {
                let (arrived, _) = round_trip(&slice, trusted);
                prop_assert_eq!(&arrived, &slice, "trusted {} of {}", trusted, column.data_type());
            }
        }
    }
}

#[test]
fn a_slice_is_not_copied_whole() {
    let values: Vec<_> = (0..100_000).map(Some).collect();
    for column in columns(&values) {
        let (_, copied) = round_trip(&column.slice(50_000, 10), true);
        assert!(copied < 1000, "{copied} bytes for ten values of {}", column.data_type());
    }
}

#[test]
fn more_lists_of_one_length_than_can_be_counted_are_refused() {
    let item = Arc::new(Field::new("item", DataType::Null, true));
    let lists = ArrayDescriptor {
        len: u64::MAX / 4,
        children: vec![ArrayDescriptor::default()],
        ..ArrayDescriptor::default()
    };
    let find = |id: SegmentId| -> Result<Arc<Lease>> { Err(Error::protocol(format!("{id:?}"))) };
    let error = verify(&lists, &DataType::FixedSizeList(item, 5), &find).unwrap_err();
    assert_eq!(error.code, ErrorCode::Protocol);
    assert!(error.summary.contains("from 0 on"), "{error}");
}
