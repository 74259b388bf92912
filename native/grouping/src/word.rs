//! The cells of a row in one word: as many bits of each column as its values differ by, in the order of the columns.
//!
//! Words compare as the rows do. Where not all bits have room, equal words say nothing: those rows are looked at again
//! by themselves, and what they have in common takes no room any more.

use std::fmt::Debug;
use std::ops::Range;

use crate::column::{Column, Part};
use crate::parallel;

/// The most bits of a word.
const MOST: u32 = u128::BITS;
/// Bytes of a cell that are looked at at once.
const EIGHTS: usize = 2;
/// Rows that are read at once, so that their words stay in the cache.
pub const BLOCK: usize = 4096;

/// An unsigned number.
pub trait Word: Copy + Ord + Default + Debug + Send + Sync + 'static {
    /// The largest one.
    const MAX: Self;
    /// `self`, and `code` below it in `bits` bits.
    fn followed_by(self, bits: u32, code: u64) -> Self;
    /// Without its `bits` lowest bits.
    fn without(self, bits: u32) -> Self;
    /// By how much it is larger, if that is a number of things.
    fn above(self, other: Self) -> Option<usize>;
}

macro_rules! word {
    ($type:ty) => {
        impl Word for $type {
            const MAX: Self = <$type>::MAX;

            #[inline(always)]
            fn followed_by(self, bits: u32, code: u64) -> Self {
                self.checked_shl(bits).unwrap_or(0) | code as $type
            }

            #[inline(always)]
            fn without(self, bits: u32) -> Self {
                self.checked_shr(bits).unwrap_or(0)
            }

            #[inline(always)]
            fn above(self, other: Self) -> Option<usize> {
                usize::try_from(self - other).ok()
            }
        }
    };
}

word!(u32);
word!(u64);
word!(u128);

/// One part of one column in the word.
#[derive(Debug)]
struct Field {
    column: usize,
    part: Part,
    low: u64,
    high: u64,
    /// Bits that have no room, of the lowest.
    cut: u32,
    bits: u32,
}

/// What a word is made of.
#[derive(Debug)]
pub struct Layout {
    fields: Vec<Field>,
    /// Bits in use.
    pub bits: u32,
    /// Those of columns that only order the rows of a group.
    pub order_bits: u32,
    /// Whether rows of equal words are equal; and if not all of it has room, whether the keys have.
    pub exact: bool,
    /// See `exact`.
    pub keys_exact: bool,
}

/// Rows: all of a table from one on, or some.
#[derive(Clone, Copy)]
pub enum Selected<'a> {
    From(usize, usize),
    These(&'a [u32]),
}

impl<'a> Selected<'a> {
    fn len(self) -> usize {
        match self {
            Selected::From(_, len) => len,
            Selected::These(rows) => rows.len(),
        }
    }

    fn row(self, at: usize) -> usize {
        match self {
            Selected::From(start, _) => start + at,
            Selected::These(rows) => rows[at] as usize,
        }
    }

    fn part(self, range: Range<usize>) -> Selected<'a> {
        match self {
            Selected::From(start, _) => Selected::From(start + range.start, range.len()),
            Selected::These(rows) => Selected::These(&rows[range]),
        }
    }

    fn read(self, column: &Column, part: Part, visit: impl FnMut(usize, Option<u64>)) {
        match self {
            Selected::From(start, len) => column.read(part, start..start + len, visit),
            Selected::These(rows) => column.read(part, rows.iter().map(|row| *row as usize), visit),
        }
    }

    fn blocks(self, blocks: usize) -> impl ExactSizeIterator<Item = Selected<'a>> + Send {
        let size = self.len().div_ceil(blocks).max(1);
        (0..self.len().div_ceil(size))
            .map(move |block| self.part(block * size..((block + 1) * size).min(self.len())))
    }
}

impl Layout {
    /// The layout of `rows`, of which the first `keys` columns tell groups apart.
    pub fn of(columns: &[Column], keys: usize, rows: Selected<'_>, threads: usize) -> Layout {
        let mut layout = Layout { fields: Vec::new(), bits: 0, order_bits: 0, exact: true, keys_exact: true };
        for (number, column) in columns.iter().enumerate() {
            let (parts, whole) = parts(column, rows, threads);
            for part in parts {
                layout.add(number, column, part, rows, threads);
            }
            layout.exact &= whole;
            // What comes after it counts only where the rest of it is equal.
            if !layout.exact {
                layout.keys_exact = number >= keys;
                break;
            }
        }
        let order = layout.fields.iter().filter(|field| field.column >= keys);
        layout.order_bits = order.map(|field| field.bits).sum();
        layout
    }

    fn add(&mut self, number: usize, column: &Column, part: Part, rows: Selected<'_>, threads: usize) {
        if !self.exact {
            return;
        }
        let ranges = parallel::map(threads, rows.blocks(threads), |rows| {
            let (mut low, mut high) = (u64::MAX, 0);
            rows.read(column, part, |_, value| {
                if let Some(value) = value {
                    (low, high) = (low.min(value), high.max(value));
                }
            });
            (low, high)
        });
        let (low, high) = ranges
            .into_iter()
            .fold((u64::MAX, 0), |(low, high), range| (low.min(range.0), high.max(range.1)));
        let needed = u64::BITS - high.saturating_sub(low).leading_zeros();
        let bits = needed.min(MOST - self.bits);
        self.exact = bits == needed;
        if bits > 0 {
            self.bits += bits;
            self.fields.push(Field { column: number, part, low, high, cut: needed - bits, bits });
        }
    }

    /// Writes the words of `rows`, of as many as `words` has.
    pub fn write<W: Word>(&self, columns: &[Column], rows: Selected<'_>, words: &mut [W]) {
        words.fill(W::default());
        for Field { column, part, low, high, cut, bits } in &self.fields {
            let column = &columns[*column];
            let (low, high, cut, bits) = (*low, *high, *cut, *bits);
            let options = column.options();
            // That a cell is null is said by a part of its own: the others are zero then.
            let descends = if *part == Part::Valid { !options.nulls_first } else { options.descending };
            let words = &mut words[..rows.len()];
            if descends {
                rows.read(column, *part, |at, value| {
                    let code = value.map_or(0, |value| (high - value) >> cut);
                    words[at] = words[at].followed_by(bits, code);
                });
            } else {
                rows.read(column, *part, |at, value| {
                    let code = value.map_or(0, |value| (value - low) >> cut);
                    words[at] = words[at].followed_by(bits, code);
                });
            }
        }
    }

    /// Calls `visit` with the words of `rows`, block by block, and the first row of each block.
    pub fn blocks<W: Word>(
        &self,
        columns: &[Column],
        rows: Range<usize>,
        mut visit: impl FnMut(usize, &[W]) -> bool,
    ) {
        let mut words = vec![W::default(); BLOCK.min(rows.len())];
        for start in rows.clone().step_by(BLOCK) {
            let len = BLOCK.min(rows.end - start);
            self.write(columns, Selected::From(start, len), &mut words[..len]);
            if !visit(start, &words[..len]) {
                return;
            }
        }
    }
}

/// The parts that tell the cells of a column apart, and whether they do so in any case.
fn parts(column: &Column, rows: Selected<'_>, threads: usize) -> (Vec<Part>, bool) {
    let mut parts = Vec::new();
    if column.nulls().is_some() {
        parts.push(Part::Valid);
    }
    if let Some(numbers) = column.numbers() {
        parts.extend(numbers);
        return (parts, true);
    }
    let valid = |row: usize| column.nulls().is_none_or(|nulls| nulls.is_valid(row));
    let Some(first) = (0..rows.len()).map(|at| rows.row(at)).find(|row| valid(*row)) else {
        return (parts, true);
    };
    let first = column.bytes(first);
    // What all begin with, and the longest.
    let common = parallel::map(threads, rows.blocks(threads), |rows| {
        let (mut common, mut longest) = (first, 0);
        for row in (0..rows.len()).map(|at| rows.row(at)).filter(|row| valid(*row)) {
            let bytes = column.bytes(row);
            longest = longest.max(bytes.len());
            if !bytes.starts_with(common) {
                let same = common.iter().zip(bytes).take_while(|(a, b)| a == b).count();
                common = &common[..same];
            }
        }
        (common.len(), longest)
    });
    let (skip, longest) = common.into_iter().fold((first.len(), 0), |a, b| (a.0.min(b.0), a.1.max(b.1)));
    let eights = (longest - skip).div_ceil(8);
    parts.extend((0..eights.min(EIGHTS)).map(|eight| Part::Bytes(skip + 8 * eight)));
    if eights <= EIGHTS {
        parts.push(Part::Length);
    }
    (parts, eights <= EIGHTS)
}
