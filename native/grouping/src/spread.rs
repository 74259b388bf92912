//! Rows spread over parts of the range of their words.

use std::ops::Range;

use crate::column::Column;
use crate::word::{Layout, Selected, Word};

/// Rows of a part, about.
const PART: usize = 1 << 14;
/// The most parts, of words that are not met often.
const PARTS: usize = 1 << 10;
/// Words that are looked at for each part, to find where it begins.
const SAMPLES: usize = 32;

/// The parts of a range: between two words of a sample each, and one for each of these.
pub struct Parts<W> {
    /// In order, of which the last ones may be the largest word: one less than a power of two, and one more.
    splitters: Vec<W>,
}

impl<W: Word> Parts<W> {
    /// Parts of about as many rows.
    pub fn of(columns: &[Column], layout: &Layout, rows: usize) -> Parts<W> {
        let parts = (rows / PART).clamp(1, PARTS).next_power_of_two();
        // Multiples of the golden ratio fall everywhere, and in step with nothing.
        let row = |number: u64| {
            (u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) * rows as u128 >> 64) as u32
        };
        let sample: Vec<u32> = (1..=(parts * SAMPLES) as u64).map(row).collect();
        let mut words = vec![W::default(); sample.len()];
        layout.write(columns, Selected::These(&sample), &mut words);
        words.sort_unstable();
        let mut splitters: Vec<W> = words.into_iter().step_by(SAMPLES).skip(1).collect();
        splitters.dedup();
        splitters.resize(parts, W::MAX);
        Parts { splitters }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        2 * self.splitters.len()
    }

    /// The part of a word.
    #[inline]
    pub fn place(&self, word: W) -> usize {
        let mut below = 0;
        let mut half = self.splitters.len() / 2;
        while half > 0 {
            // No branch that could be foretold wrongly.
            below += half * usize::from(self.splitters[below + half - 1] < word);
            half /= 2;
        }
        2 * below + usize::from(self.splitters[below] == word)
    }
}

/// A stretch of rows, part after part.
pub struct Stretch<T> {
    items: Vec<T>,
    /// Where parts begin, and where the last one ends.
    starts: Vec<u32>,
}

impl<T: Copy + Default> Stretch<T> {
    /// Spreads `rows` over `parts`: to which each word goes is said by `place`, and what is kept of it by `item`.
    pub fn spread<W: Word>(
        columns: &[Column],
        layout: &Layout,
        rows: Range<usize>,
        parts: usize,
        place: &impl Fn(W) -> usize,
        item: &impl Fn(W, u32) -> T,
    ) -> Stretch<T> {
        let mut places: Vec<u16> = Vec::with_capacity(rows.len());
        let mut starts = vec![0_u32; parts + 1];
        layout.blocks::<W>(columns, rows.clone(), |_, words| {
            places.extend(words.iter().map(|word| place(*word) as u16));
            true
        });
        for place in &places {
            starts[usize::from(*place) + 1] += 1;
        }
        for part in 1..starts.len() {
            starts[part] += starts[part - 1];
        }
        let mut next = starts.clone();
        let mut items = vec![T::default(); rows.len()];
        layout.blocks::<W>(columns, rows.clone(), |start, words| {
            let places = &places[start - rows.start..];
            for ((row, word), place) in (start as u32..).zip(words).zip(places) {
                let next = &mut next[usize::from(*place)];
                items[*next as usize] = item(*word, row);
                *next += 1;
            }
            true
        });
        Stretch { items, starts }
    }
}

impl<T> Stretch<T> {
    /// The rows of a part.
    pub fn part(&self, part: usize) -> &[T] {
        &self.items[self.starts[part] as usize..self.starts[part + 1] as usize]
    }
}

/// Where the parts of all stretches together begin, and where the last one ends.
pub fn starts_of<T>(stretches: &[Stretch<T>]) -> Vec<usize> {
    let parts = stretches.first().map_or(1, |stretch| stretch.starts.len());
    (0..parts).map(|part| stretches.iter().map(|stretch| stretch.starts[part] as usize).sum()).collect()
}
