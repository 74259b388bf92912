//! The hash by which bytes are known again.

use beringia_grouping::parallel;
use twox_hash::XxHash3_128;

/// Bytes that one thread hashes at a time.
const PIECE: usize = 8 << 20;

/// The hash of each piece of `parts`, by so many threads at most.
pub fn hash<'a>(threads: usize, parts: impl Iterator<Item = &'a [u8]>) -> Vec<u128> {
    let pieces: Vec<&[u8]> = parts.flat_map(|bytes| bytes.chunks(PIECE)).collect();
    parallel::map(threads, pieces.into_iter(), XxHash3_128::oneshot)
}
