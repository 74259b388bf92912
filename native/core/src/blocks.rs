//! The blocks of bytes that all workers see, by what names their content.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::error::{ErrorCode, Result};
use crate::segment::{Access, Backend, Segment};

/// A block, for as long as it is held.
#[derive(Clone)]
pub struct Block {
    /// Where it lies, at the beginning.
    pub segment: Arc<Segment>,
    /// How many bytes it has.
    pub len: usize,
}

/// Blocks in use, and some that are kept for the next use.
pub struct Blocks {
    backend: Backend,
    kept_limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<String, (Weak<Segment>, usize)>,
    /// The one used last is last.
    kept: VecDeque<Kept>,
}

struct Kept {
    segment: Arc<Segment>,
    used: Instant,
}

impl Blocks {
    /// Blocks of which those that nobody uses take at most `kept_limit` bytes.
    pub fn new(backend: Backend, kept_limit: usize) -> Blocks {
        Blocks { backend, kept_limit, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The block `id`: one for all that hold it at the same time. If nobody does, it is made of `parts`, each with where
    /// it begins among the `len` bytes.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the memory cannot be reserved, [`ErrorCode::Protocol`] when a part lies outside.
    pub fn get(&self, id: &str, len: usize, parts: &[(usize, &[u8])]) -> Result<Block> {
        let mut state = self.state();
        if let Some((segment, len)) = state.known.get(id)
            && let Some(segment) = segment.upgrade()
        {
            return Ok(Block { segment, len: *len });
        }
        let create = || Segment::create(self.backend, len, Access::ReadOnly);
        let segment = match create() {
            Err(error) if error.code == ErrorCode::Resource && !state.kept.is_empty() => {
                state.kept.clear();
                create()
            }
            other => other,
        }?;
        for (offset, bytes) in parts {
            segment.write(*offset, bytes)?;
        }
        let segment = Arc::new(segment);
        state.known.retain(|_, (segment, _)| segment.strong_count() > 0);
        state.known.insert(id.to_owned(), (Arc::downgrade(&segment), len));
        Ok(Block { segment, len })
    }

    /// Keeps a block for the next use, if there is room for it.
    pub fn keep(&self, block: &Block) {
        // It would drive out all others, and then itself.
        if block.segment.len() > self.kept_limit {
            return;
        }
        let mut state = self.state();
        state.kept.retain(|kept| !Arc::ptr_eq(&kept.segment, &block.segment));
        state.kept.push_back(Kept { segment: Arc::clone(&block.segment), used: Instant::now() });
        let bytes = |kept: &VecDeque<Kept>| kept.iter().map(|kept| kept.segment.len()).sum::<usize>();
        while bytes(&state.kept) > self.kept_limit {
            state.kept.pop_front();
        }
    }

    /// Frees those kept that were not used for `timeout`.
    pub fn trim_unused(&self, timeout: Duration) {
        self.state().kept.retain(|kept| kept.used.elapsed() < timeout);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(block: &Block) -> Vec<u8> {
        block.segment.read(0, block.len).unwrap()
    }

    #[test]
    fn a_block_is_made_once_for_all_that_hold_it() {
        let blocks = Blocks::new(Backend::Heap, 0);
        let first = blocks.get("a", 3, &[(0, b"x"), (1, b"yz")]).unwrap();
        let again = blocks.get("a", 0, &[]).unwrap();
        assert!(Arc::ptr_eq(&first.segment, &again.segment));
        assert_eq!((read(&again), again.len), (b"xyz".to_vec(), 3));
        drop((first, again));
        assert_eq!(read(&blocks.get("a", 1, &[(0, b"n")]).unwrap()), b"n");
    }

    #[test]
    fn blocks_are_kept_for_a_while_and_the_oldest_goes_first() {
        let blocks = Blocks::new(Backend::Heap, 2 * 128);
        for id in ["a", "b", "c", "b"] {
            blocks.keep(&blocks.get(id, 128, &[(0, id.as_bytes())]).unwrap());
        }
        assert_eq!(read(&blocks.get("c", 0, &[]).unwrap())[0], b'c');
        assert_eq!(read(&blocks.get("b", 0, &[]).unwrap())[0], b'b');
        assert_eq!(read(&blocks.get("a", 128, &[(0, b"new")]).unwrap())[..3], *b"new");
        blocks.trim_unused(Duration::ZERO);
        assert_eq!(blocks.get("b", 0, &[]).unwrap().len, 0);
    }

    #[test]
    fn a_block_larger_than_what_is_kept_is_not_and_drives_out_no_other() {
        let blocks = Blocks::new(Backend::Heap, 200);
        for (id, len) in [("small", 128), ("large", 256)] {
            blocks.keep(&blocks.get(id, len, &[]).unwrap());
        }
        assert_eq!(blocks.get("large", 0, &[]).unwrap().len, 0);
        assert_eq!(blocks.get("small", 0, &[]).unwrap().len, 128);
    }
}
