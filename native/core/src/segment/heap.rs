//! Memory of this process alone, shared by name between its threads: for tests, and for Miri.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use super::{ALIGNMENT, Access, Memory, Passing};
use crate::error::{Error, ErrorCode, Result};

struct Block {
    address: NonNull<u8>,
    layout: Layout,
    key: u64,
}

// SAFETY: a block is plain memory that lives until it is dropped.
unsafe impl Send for Block {}
// SAFETY: as above; writers and readers are ordered by the messages that announce the data.
unsafe impl Sync for Block {}

/// What has been created and not yet dropped, so that a peer thread finds it by key.
static BLOCKS: LazyLock<Mutex<HashMap<u64, Weak<Block>>>> = LazyLock::new(Mutex::default);

fn blocks() -> std::sync::MutexGuard<'static, HashMap<u64, Weak<Block>>> {
    BLOCKS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Block {
    fn drop(&mut self) {
        blocks().remove(&self.key);
        // SAFETY: allocated in `create` with this very layout, and freed only here.
        unsafe { dealloc(self.address.as_ptr(), self.layout) }
    }
}

struct Shared(Arc<Block>);

impl Memory for Shared {
    fn address(&self) -> NonNull<u8> {
        self.0.address
    }
    fn len(&self) -> usize {
        self.0.layout.size()
    }
    fn passing(&self) -> Passing {
        Passing::Local(self.0.key)
    }
}

pub(super) fn create(len: usize) -> Result<Box<dyn Memory>> {
    Ok(Box::new(Shared(allocate(len)?)))
}

fn allocate(len: usize) -> Result<Arc<Block>> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let layout = Layout::from_size_align(len, ALIGNMENT).map_err(|_| {
        Error::new(ErrorCode::Resource, format!("{len} bytes are more than one allocation holds"))
    })?;
    // SAFETY: `len` is at least `ALIGNMENT` (see `Segment::create`), so the layout is not empty.
    let address = NonNull::new(unsafe { alloc_zeroed(layout) })
        .ok_or_else(|| Error::new(ErrorCode::Resource, format!("cannot allocate {len} bytes")))?;
    let block = Arc::new(Block { address, layout, key: NEXT.fetch_add(1, Ordering::Relaxed) });
    blocks().insert(block.key, Arc::downgrade(&block));
    Ok(block)
}

pub(super) fn attach(key: u64, len: usize, access: Access) -> Result<Box<dyn Memory>> {
    let block = blocks().get(&key).and_then(Weak::upgrade);
    let block = block.ok_or_else(|| Error::protocol(format!("no block {key} in this process")))?;
    if block.layout.size() < len {
        return Err(Error::protocol(format!(
            "a segment has {} bytes where {len} were announced",
            block.layout.size()
        )));
    }
    let shared = Shared(block);
    if access == Access::CopyOnWrite { copy_of(&shared) } else { Ok(Box::new(shared)) }
}

/// A private copy of a segment's memory.
fn copy_of(memory: &dyn Memory) -> Result<Box<dyn Memory>> {
    let copy = allocate(memory.len())?;
    // SAFETY: both are alive and have the same size; the copy is fresh, so they do not overlap.
    unsafe {
        let source = memory.address().as_ptr();
        std::ptr::copy_nonoverlapping(source, copy.address.as_ptr(), memory.len());
    }
    Ok(Box::new(Shared(copy)))
}
