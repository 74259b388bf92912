//! Sorts the rows of a table by their words, ties as they came, and finds where keys change.
//!
//! Rows that lie in order are found by one look at them. Others are spread over parts, the words of one before those of
//! the next, so that a part fits in the cache; a word that is met often has a part of its own. Each thread reads and
//! writes in sequence, and sorts whole parts.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::column::Column;
use crate::groups::Groups;
use crate::parallel;
use crate::spread::{Parts, Stretch, starts_of};
use crate::word::{Layout, Selected, Word};

/// Words of as many bits have parts of their own.
const COUNTED: u32 = 11;
/// Fewer rows are compared rather than given words.
const FEW: usize = 24;
/// How often rows of equal words are given others, which have of them what the first ones had no room for.
const DEEPEST: usize = 64;

/// What is sorted.
pub struct Sorter<'a> {
    pub columns: &'a [Column],
    /// How many of the columns tell groups apart; the others order the rows of a group.
    pub keys: usize,
    pub rows: usize,
    pub threads: usize,
}

/// A part in its order.
struct Sorted<W> {
    /// The first and the last word, and their rows.
    ends: [(W, u32); 2],
    /// Where groups begin in it, but for the first.
    changes: Vec<u32>,
}

impl Sorter<'_> {
    /// The rows by groups.
    pub fn groups(&self) -> Groups {
        let layout = Layout::of(self.columns, self.keys, Selected::From(0, self.rows), self.threads);
        match layout.bits {
            ..=32 => self.by::<u32>(&layout),
            33..=64 => self.by::<u64>(&layout),
            _ => self.by::<u128>(&layout),
        }
    }

    fn by<W: Word>(&self, layout: &Layout) -> Groups {
        if let Some(bounds) = self.in_order::<W>(layout) {
            return Groups { order: None, bounds };
        }
        let (order, bounds) = if layout.exact && layout.bits <= COUNTED {
            let place = |word: W| word.above(W::default()).unwrap_or(0);
            let stretches = self.spread(layout, 1 << layout.bits, place, |_, row| row);
            self.gathered(layout, &stretches, |part, pieces, order| {
                let word = W::default().followed_by(layout.bits, part as u64);
                let mut end = 0;
                for piece in pieces {
                    order[end..][..piece.len()].copy_from_slice(piece);
                    end += piece.len();
                }
                Sorted { ends: [(word, order[0]), (word, order[end - 1])], changes: Vec::new() }
            })
        } else {
            let parts = Parts::<W>::of(self.columns, layout, self.rows);
            let stretches =
                self.spread(layout, parts.count(), |word| parts.place(word), |word, row| (word, row));
            self.gathered(layout, &stretches, |_, pieces, order| self.sorted(layout, pieces, order))
        };
        Groups { order: Some(order.into()), bounds }
    }

    /// Where groups begin, and the end, if the rows lie in order.
    fn in_order<W: Word>(&self, layout: &Layout) -> Option<Vec<usize>> {
        let disorder = AtomicBool::new(false);
        let starts = parallel::map(self.threads, self.stretches(), |rows| {
            let mut starts = Vec::new();
            let mut last = [W::default()];
            // The first row has no other before it.
            let from = rows.start.max(1);
            layout.write(self.columns, Selected::From(from - 1, 1), &mut last);
            layout.blocks::<W>(self.columns, from..rows.end, |start, words| {
                for (row, word) in (start..).zip(words) {
                    let pair = [(last[0], row as u32 - 1), (*word, row as u32)];
                    match last[0].cmp(word) {
                        Ordering::Less => {
                            if self.differ(layout, pair[0], pair[1]) {
                                starts.push(row);
                            }
                        }
                        Ordering::Equal if layout.exact => {}
                        Ordering::Equal if self.compare(pair[0].1, pair[1].1).is_le() => {
                            if self.differ(layout, pair[0], pair[1]) {
                                starts.push(row);
                            }
                        }
                        _ => {
                            disorder.store(true, Relaxed);
                            return false;
                        }
                    }
                    last[0] = *word;
                }
                !disorder.load(Relaxed)
            });
            starts
        });
        let all = || [0].into_iter().chain(starts.iter().flatten().copied()).chain([self.rows]).collect();
        (!disorder.into_inner()).then(all)
    }

    fn stretches(&self) -> impl ExactSizeIterator<Item = Range<usize>> + Send {
        let size = self.rows.div_ceil(self.threads).max(1);
        let rows = self.rows;
        (0..rows.div_ceil(size)).map(move |number| number * size..((number + 1) * size).min(rows))
    }

    /// Spreads the rows over `parts`.
    fn spread<W: Word, T: Copy + Default + Send>(
        &self,
        layout: &Layout,
        parts: usize,
        place: impl Fn(W) -> usize + Sync,
        item: impl Fn(W, u32) -> T + Sync,
    ) -> Vec<Stretch<T>> {
        parallel::map(self.threads, self.stretches(), |rows| {
            Stretch::spread(self.columns, layout, rows, parts, &place, &item)
        })
    }

    /// The rows, part after part as `sort` makes them, and where groups begin.
    fn gathered<W: Word, T: Sync>(
        &self,
        layout: &Layout,
        stretches: &[Stretch<T>],
        sort: impl Fn(usize, &[&[T]], &mut [u32]) -> Sorted<W> + Sync,
    ) -> (Vec<u32>, Vec<usize>) {
        let starts = starts_of(stretches);
        let mut order = vec![0; self.rows];
        let mut rest = order.as_mut_slice();
        let mut tasks = Vec::new();
        for (part, range) in starts.windows(2).enumerate() {
            let (own, others) = rest.split_at_mut(range[1] - range[0]);
            rest = others;
            if !own.is_empty() {
                tasks.push((part, own));
            }
        }
        let begins: Vec<usize> = tasks.iter().map(|(part, _)| starts[*part]).collect();
        let sorted = parallel::map(self.threads, tasks.into_iter(), |(part, order)| {
            let pieces: Vec<&[T]> = stretches.iter().map(|stretch| stretch.part(part)).collect();
            sort(part, &pieces, order)
        });
        let count = sorted.iter().map(|part| part.changes.len() + 1).sum::<usize>();
        let mut bounds = Vec::with_capacity(count + 1);
        bounds.push(0);
        let mut last = sorted.first().map(|part| part.ends[0]);
        for (begin, part) in begins.into_iter().zip(&sorted) {
            if last.is_some_and(|last| self.differ(layout, last, part.ends[0])) {
                bounds.push(begin);
            }
            bounds.extend(part.changes.iter().map(|change| begin + *change as usize));
            last = Some(part.ends[1]);
        }
        bounds.push(self.rows);
        (order, bounds)
    }

    fn sorted<W: Word>(&self, layout: &Layout, pieces: &[&[(W, u32)]], order: &mut [u32]) -> Sorted<W> {
        let all = || pieces.iter().copied().flatten();
        let first = all().next().copied().unwrap_or_default();
        let (low, high) =
            all().fold((first.0, first.0), |(low, high), (word, _)| (low.min(*word), high.max(*word)));
        if low == high && layout.exact {
            order.iter_mut().zip(all()).for_each(|(place, (_, row))| *place = *row);
            return Sorted { ends: [(low, order[0]), (low, order[order.len() - 1])], changes: Vec::new() };
        }
        let mut pairs = match high.above(low) {
            Some(range) if range <= 2 * order.len() => counted(low, range, order.len(), all),
            _ => {
                let mut pairs: Vec<_> = all().copied().collect();
                pairs.sort_unstable();
                pairs
            }
        };
        if !layout.exact {
            self.resolve(&mut pairs, 0);
        }
        let mut changes = Vec::new();
        for (at, pair) in (1..).zip(pairs.windows(2)) {
            if self.differ(layout, pair[0], pair[1]) {
                changes.push(at);
            }
        }
        order.iter_mut().zip(&pairs).for_each(|(place, (_, row))| *place = *row);
        Sorted { ends: [pairs[0], pairs[pairs.len() - 1]], changes }
    }

    /// Sorts the rows of equal words by what these have no room for.
    fn resolve<W: Word>(&self, pairs: &mut [(W, u32)], depth: usize) {
        for equal in pairs.chunk_by_mut(|a, b| a.0 == b.0).filter(|equal| equal.len() > 1) {
            if equal.len() < FEW || depth == DEEPEST {
                equal.sort_by(|a, b| self.compare(a.1, b.1));
                continue;
            }
            let rows: Vec<u32> = equal.iter().map(|(_, row)| *row).collect();
            let rows = Selected::These(&rows);
            let layout = Layout::of(self.columns, self.keys, rows, 1);
            let mut words = vec![0_u128; equal.len()];
            layout.write(self.columns, rows, &mut words);
            let mut further: Vec<_> = words.into_iter().zip(equal.iter().map(|(_, row)| *row)).collect();
            further.sort_unstable();
            if !layout.exact {
                self.resolve(&mut further, depth + 1);
            }
            equal.iter_mut().zip(further).for_each(|(pair, (_, row))| pair.1 = row);
        }
    }

    fn compare(&self, a: u32, b: u32) -> Ordering {
        self.compare_by(self.columns, a, b)
    }

    fn compare_by(&self, columns: &[Column], a: u32, b: u32) -> Ordering {
        let unequal = columns.iter().map(|column| column.compare(a as usize, b as usize));
        unequal.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// Whether two rows beside each other are of different groups.
    #[inline]
    fn differ<W: Word>(&self, layout: &Layout, a: (W, u32), b: (W, u32)) -> bool {
        a.0.without(layout.order_bits) != b.0.without(layout.order_bits)
            || !layout.keys_exact && self.compare_by(&self.columns[..self.keys], a.1, b.1).is_ne()
    }
}

/// Pairs in the order of their words, which are between `low` and `range` above it, ties as they came.
fn counted<'a, W: Word, I: Iterator<Item = &'a (W, u32)>>(
    low: W,
    range: usize,
    len: usize,
    pairs: impl Fn() -> I,
) -> Vec<(W, u32)> {
    let place = |word: W| word.above(low).unwrap_or(0);
    let mut next = vec![0_u32; range + 2];
    for (word, _) in pairs() {
        next[place(*word) + 1] += 1;
    }
    for place in 1..next.len() {
        next[place] += next[place - 1];
    }
    let mut sorted = vec![(W::default(), 0); len];
    for pair in pairs() {
        let next = &mut next[place(pair.0)];
        sorted[*next as usize] = *pair;
        *next += 1;
    }
    sorted
}
