//! Bytes of a call, by all of its threads: the hash by which they are known again, and their copy to shared memory.

use beringia_core::Result;
use beringia_core::segment::Segment;
use beringia_grouping::parallel;
use twox_hash::XxHash3_128;

/// Bytes that one thread takes at a time.
const PIECE: usize = 8 << 20;

/// The hash of each piece of `parts`, by so many threads at most.
pub fn hash<'a>(threads: usize, parts: impl Iterator<Item = &'a [u8]>) -> Vec<u128> {
    let pieces: Vec<&[u8]> = parts.flat_map(|bytes| bytes.chunks(PIECE)).collect();
    parallel::map(threads, pieces.into_iter(), XxHash3_128::oneshot)
}

/// Copies `bytes` to the start of `segment`, by so many threads at most.
pub fn write(threads: usize, segment: &Segment, bytes: &[u8]) -> Result<()> {
    let pieces = bytes.chunks(PIECE).enumerate();
    parallel::map(threads, pieces, |(number, piece)| segment.write(number * PIECE, piece))
        .into_iter()
        .collect()
}
