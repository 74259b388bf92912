//! Windows over rows that lie in the order of a position: ranges of these rows, which may overlap.
//!
//! Window number `k` has the positions from `k` steps on to before a size more. The windows of a row are those from the
//! first that has not ended to the last that has begun; both numbers only grow with the position, so that one pass finds
//! all windows that have rows, and no row is looked at twice.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, StructArray, UInt32Array, make_array};
use arrow_buffer::NullBuffer;
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, Field, Fields};
use beringia_core::{Error, ErrorCode, Result};

/// How large windows are, and how far apart they begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Extent {
    /// In rows, counted from the first of each group.
    Rows(i64, i64),
    /// In the unit of a position that is a whole number, or a time.
    Whole(i64, i64),
    /// In the unit of a position that is a float.
    Float(f64, f64),
}

/// The windows of each group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Windows {
    /// The column of the position, of 64 bits. Where it is missing or not finite, a row is in no window.
    pub position: usize,
    /// How many positions they have.
    pub extent: Extent,
}

/// Positions that are read at once: reads that lie anywhere wait for each other where each is used before the next.
const BLOCK: usize = 1 << 10;

/// From this one on the numbers of windows are not exact as floats.
const FARTHEST: f64 = (1_u64 << 52) as f64;

impl Extent {
    /// The first and the last of the windows that have a position: none if the first is behind the last.
    fn of(self, position: Position) -> Option<(i64, i64)> {
        match (self, position) {
            (Extent::Rows(size, step) | Extent::Whole(size, step), Position::Whole(at)) => {
                let first = at.checked_sub(size)?.div_euclid(step) + 1;
                Some((first, at.div_euclid(step)))
            }
            (Extent::Float(size, step), Position::Float(at)) => {
                let (last, before) = ((at / step).floor(), ((at - size) / step).floor());
                if last.abs().max(before.abs()) >= FARTHEST {
                    return None;
                }
                // What a window has is said by its bounds, whatever the quotient was rounded to.
                let (start, end) = (|k: i64| k as f64 * step, |k: i64| k as f64 * step + size);
                let (mut last, mut first) = (last as i64 + 1, before as i64);
                while start(last) > at {
                    last -= 1;
                }
                while end(first) <= at {
                    first += 1;
                }
                Some((first, last))
            }
            _ => None,
        }
    }
}

#[derive(Clone, Copy)]
enum Position {
    Whole(i64),
    Float(f64),
}

/// The positions of a column's cells.
struct Positions<'a> {
    values: Values<'a>,
    nulls: Option<&'a NullBuffer>,
}

enum Values<'a> {
    Whole(&'a [i64]),
    Float(&'a [f64]),
}

impl<'a> Positions<'a> {
    fn of(data: &'a ArrayData) -> Result<Positions<'a>> {
        let values = match data.data_type() {
            DataType::Int64 | DataType::Timestamp(..) | DataType::Duration(_) => {
                Values::Whole(data.buffer(0))
            }
            DataType::Float64 => Values::Float(data.buffer(0)),
            other => return Err(Error::new(ErrorCode::Argument, format!("windows over {other}"))),
        };
        Ok(Positions { values, nulls: data.nulls() })
    }

    /// Those of the rows at some places in `order`, with these places.
    fn of_places(
        &self,
        order: Option<&UInt32Array>,
        places: Range<usize>,
    ) -> impl Iterator<Item = (usize, Option<Position>)> {
        let row = move |place: usize| order.map_or(place, |order| order.value(place) as usize);
        places.clone().step_by(BLOCK).flat_map(move |start| {
            let block = start..(start + BLOCK).min(places.end);
            let positions: Vec<_> = block.clone().map(|place| self.at(row(place))).collect();
            block.zip(positions)
        })
    }

    fn at(&self, row: usize) -> Option<Position> {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        match self.values {
            Values::Whole(values) => Some(Position::Whole(values[row])),
            Values::Float(values) => Some(values[row]).filter(|at| at.is_finite()).map(Position::Float),
        }
    }
}

/// The windows that have rows, in the order of their groups and numbers.
#[derive(Debug, Default)]
pub struct Found {
    /// Where the rows of each begin.
    pub starts: Vec<usize>,
    /// Where they end; never before those of the window before.
    pub ends: Vec<usize>,
    numbers: Vec<i64>,
}

impl Windows {
    /// The windows of groups whose rows are in the order of the position: `order` has their numbers, `bounds` says
    /// where each group begins, and where the last one ends.
    ///
    /// # Errors
    /// [`ErrorCode::Argument`] for a size or a step that is not above 0, for positions that are no numbers of 64 bits,
    /// or too far away to be counted in steps.
    pub fn find(&self, column: &ArrayRef, order: Option<&UInt32Array>, bounds: &[usize]) -> Result<Found> {
        let (size, step, sensible) = match self.extent {
            Extent::Rows(size, step) | Extent::Whole(size, step) => {
                (size.to_string(), step.to_string(), size > 0 && step > 0)
            }
            Extent::Float(size, step) => {
                let sensible = [size, step].iter().all(|number| *number > 0.0 && number.is_finite());
                (size.to_string(), step.to_string(), sensible)
            }
        };
        if !sensible {
            let why = format!("windows of size {size} in steps of {step}: both must be above 0, and finite");
            return Err(Error::new(ErrorCode::Argument, why));
        }
        let data = column.to_data();
        let positions = Positions::of(&data)?;
        let mut found = Found::default();
        for group in bounds.windows(2) {
            // Rows without a position lie before the others, or behind them.
            let rows = positions.of_places(order, group[0]..group[1]).skip_while(|(_, at)| at.is_none());
            self.of_group(rows.map_while(|(place, at)| Some((place, at?))), &mut found)?;
        }
        Ok(found)
    }

    fn of_group(&self, rows: impl Iterator<Item = (usize, Position)>, found: &mut Found) -> Result<()> {
        let mut open: VecDeque<(i64, usize)> = VecDeque::new();
        let (mut unopened, mut end) = (i64::MIN, 0);
        for (count, (place, position)) in rows.enumerate() {
            let position = match self.extent {
                Extent::Rows(..) => Position::Whole(count as i64),
                _ => position,
            };
            let (first, last) = self.extent.of(position).ok_or_else(|| self.too_far(position))?;
            while let Some((number, start)) = open.front().copied()
                && number < first
            {
                found.add(number, start..place);
                open.pop_front();
            }
            // Windows of rows begin with the first one.
            let first = if matches!(self.extent, Extent::Rows(..)) { first.max(0) } else { first };
            open.extend((first.max(unopened)..=last).map(|number| (number, place)));
            unopened = unopened.max(last + 1);
            end = place + 1;
        }
        for (number, start) in open {
            found.add(number, start..end);
        }
        Ok(())
    }

    fn too_far(&self, position: Position) -> Error {
        let at = match position {
            Position::Whole(at) => at.to_string(),
            Position::Float(at) => at.to_string(),
        };
        let step = match self.extent {
            Extent::Rows(_, step) | Extent::Whole(_, step) => step.to_string(),
            Extent::Float(_, step) => step.to_string(),
        };
        Error::new(
            ErrorCode::Argument,
            format!("a window cannot be found: position {at} is too far from 0 for steps of {step}"),
        )
    }

    /// The type of the windows' keys.
    pub fn key_type(&self, position: &DataType) -> DataType {
        let bound = match self.extent {
            Extent::Rows(..) => &DataType::Int64,
            _ => position,
        };
        DataType::Struct(
            ["start", "end"].map(|name| Field::new(name, bound.clone(), true)).into_iter().collect(),
        )
    }

    /// The keys of some windows: where each begins, and ends. One of rows ends with the rows.
    ///
    /// # Errors
    /// [`ErrorCode::Argument`] for one that ends where there are no numbers any more.
    pub fn keys(&self, position: &DataType, found: &Found, windows: Range<usize>) -> Result<StructArray> {
        let numbers = &found.numbers[windows.clone()];
        let beyond = || Error::new(ErrorCode::Argument, "a window ends beyond what its position can say");
        let (starts, ends): (ArrayRef, ArrayRef) = match self.extent {
            Extent::Float(size, step) => {
                let starts: Vec<f64> = numbers.iter().map(|number| *number as f64 * step).collect();
                let ends: Vec<f64> = starts.iter().map(|start| start + size).collect();
                (Arc::new(Float64Array::from(starts)), Arc::new(Float64Array::from(ends)))
            }
            Extent::Rows(_, step) | Extent::Whole(_, step) => {
                let lengths = found.ends[windows.clone()].iter().zip(&found.starts[windows]);
                let sizes = lengths.map(|(end, start)| match self.extent {
                    Extent::Whole(size, _) => size,
                    _ => (end - start) as i64,
                });
                let starts = numbers.iter().map(|number| number.checked_mul(step));
                let starts = starts.collect::<Option<Vec<i64>>>().ok_or_else(beyond)?;
                let ends = starts.iter().zip(sizes).map(|(start, size)| start.checked_add(size));
                let ends = ends.collect::<Option<Vec<i64>>>().ok_or_else(beyond)?;
                (Arc::new(Int64Array::from(starts)), Arc::new(Int64Array::from(ends)))
            }
        };
        let DataType::Struct(fields) = self.key_type(position) else {
            return Err(Error::internal("keys of windows are structs"));
        };
        let typed = |bounds: ArrayRef, fields: &Fields| {
            let kind = fields[0].data_type().clone();
            bounds.to_data().into_builder().data_type(kind).build().map(make_array)
        };
        let failed = |error: ArrowError| Error::internal(error);
        let bounds = vec![typed(starts, &fields).map_err(failed)?, typed(ends, &fields).map_err(failed)?];
        StructArray::try_new(fields, bounds, None).map_err(failed)
    }
}

impl Found {
    fn add(&mut self, number: i64, rows: Range<usize>) {
        self.numbers.push(number);
        self.starts.push(rows.start);
        self.ends.push(rows.end);
    }
}
