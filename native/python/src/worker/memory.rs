//! The memory of a batch, and whether anything in this process still looks at it.
//!
//! Whatever shows a segment to Python holds its [`Held`]: the base of our views, an Arrow buffer that was handed to
//! another library. So references to that are what is counted, and not those to one Python object.

use std::sync::{Arc, Weak};

use beringia_core::ErrorCode;
use beringia_core::segment::{BufferRef, Segment, SegmentId};
use pyo3::prelude::*;

use crate::failure::{Failure, Result};

/// A segment that something may look at.
pub struct Held {
    segment: Arc<Segment>,
}

impl Held {
    pub fn new(segment: Arc<Segment>) -> Arc<Held> {
        Arc::new(Held { segment })
    }

    pub fn id(&self) -> SegmentId {
        self.segment.id()
    }
}

impl AsRef<Segment> for Held {
    fn as_ref(&self) -> &Segment {
        &self.segment
    }
}

/// Memory that functions still look at after their calls: copies, which are bounded.
pub struct Retained {
    limit: usize,
    /// With what each takes.
    memory: Vec<(Weak<Held>, usize)>,
}

impl Retained {
    pub fn new(limit: usize) -> Retained {
        Retained { limit, memory: Vec::new() }
    }

    fn bytes(&mut self) -> usize {
        self.memory.retain(|(held, _)| held.strong_count() > 0);
        self.memory.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Keeps what `shown` names of `held`, which something was found to look at: it is copied, so that the parent may use
    /// the segment again.
    pub fn keep(&mut self, held: &Arc<Held>, shown: &[BufferRef]) -> beringia_core::Result<()> {
        let own = shown.iter().filter(|part| part.segment == held.id());
        let parts: Vec<_> = own.map(|part| part.offset as usize..(part.offset + part.len) as usize).collect();
        let bytes = held.segment.own(&parts)?;
        self.memory.push((Arc::downgrade(held), bytes));
        Ok(())
    }

    /// Whether there is more than may be.
    pub fn check(&mut self, py: Python<'_>) -> Result<()> {
        if self.bytes() <= self.limit {
            return Ok(());
        }
        // Views may hang in reference cycles that nobody has collected yet.
        py.import("gc")?.call_method0("collect")?;
        let bytes = self.bytes();
        if bytes <= self.limit {
            return Ok(());
        }
        Err(Failure::new(
            ErrorCode::Resource,
            format!(
                "the function keeps views on arguments of earlier calls, and with them {bytes} bytes of their batches, \
                 more than the {} of {}. Let it keep copies (x.copy()), or raise the setting",
                self.limit,
                beringia_core::spelling::spell("worker.retainedBytes")
            ),
        ))
    }
}
