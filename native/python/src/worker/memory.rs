//! The memory of a batch, and whether anything in this process still looks at it.
//!
//! Whatever shows a segment to Python holds its [`Held`]: the base of our views, an Arrow buffer that was handed to
//! another library. So references to that are what is counted, and not those to one Python object.

use std::sync::{Arc, Weak};

use beringia_core::ErrorCode;
use beringia_core::segment::{Segment, SegmentId};
use pyo3::prelude::*;

use crate::failure::{Failure, Result};

/// A segment that something looks at.
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

/// Memory that functions still look at after their calls: it cannot be used again, so it is bounded.
pub struct Retained {
    limit: usize,
    memory: Vec<Weak<Held>>,
}

impl Retained {
    pub fn new(limit: usize) -> Retained {
        Retained { limit, memory: Vec::new() }
    }

    fn bytes(&mut self) -> usize {
        self.memory.retain(|held| held.strong_count() > 0);
        self.memory.iter().filter_map(Weak::upgrade).map(|held| held.segment.len()).sum()
    }

    /// Counts `memory`, which something was found to look at.
    pub fn add(&mut self, py: Python<'_>, memory: Vec<Weak<Held>>) -> Result<()> {
        self.memory.extend(memory);
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
                "the function keeps views on arguments of earlier calls, and with them {bytes} bytes of shared memory, \
                 more than the {} of {}. Let it keep copies (x.copy()), or raise the setting",
                self.limit,
                beringia_core::spelling::spell("worker.retainedBytes")
            ),
        ))
    }
}
