//! Batches that functions still look at after their calls: their memory cannot be used again, so it is bounded.

use std::sync::Weak;

use beringia_core::ErrorCode;
use beringia_core::segment::Segment;
use pyo3::prelude::*;

use crate::failure::{Failure, Result};

/// Segments that only views keep mapped.
pub struct Retained {
    limit: usize,
    segments: Vec<Weak<Segment>>,
}

impl Retained {
    pub fn new(limit: usize) -> Retained {
        Retained { limit, segments: Vec::new() }
    }

    fn bytes(&mut self) -> usize {
        self.segments.retain(|segment| segment.strong_count() > 0);
        self.segments.iter().filter_map(Weak::upgrade).map(|segment| segment.len()).sum()
    }

    /// Counts `segments`, which a view was found on.
    pub fn add(&mut self, py: Python<'_>, segments: Vec<Weak<Segment>>) -> Result<()> {
        self.segments.extend(segments);
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
                 more than the {} of spark.beringia.worker.retainedBytes. Let it keep copies (x.copy()), or raise the \
                 setting",
                self.limit
            ),
        ))
    }
}
