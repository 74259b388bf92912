//! What a worker answered, and the segments that its answer lies in.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use super::Worker;
use crate::error::{Error, Result};
use crate::placement;
use crate::protocol::{ArrayDescriptor, BatchStats};
use crate::segment::{Incoming, Segment, SegmentId};

/// A segment of the worker that somebody here reads; dropping it lets the worker write to it again.
pub struct Loan {
    segment: Arc<Segment>,
    worker: Weak<Worker>,
}

impl AsRef<Segment> for Loan {
    fn as_ref(&self) -> &Segment {
        &self.segment
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.upgrade() {
            worker.sending().recycle.push(self.segment.id());
        }
    }
}

/// The segments that `result` names.
///
/// # Errors
/// [`crate::ErrorCode::Protocol`] when one of them was never announced.
pub(super) fn borrow(
    result: &ArrayDescriptor,
    segments: &Incoming,
    worker: &Arc<Worker>,
) -> Result<HashMap<SegmentId, Arc<Loan>>> {
    let mut loans = HashMap::new();
    let mut missing = None;
    placement::segments(result, &mut |id| {
        if loans.contains_key(&id) {
            return;
        }
        match segments.get(id) {
            Ok(segment) => {
                let segment = Arc::clone(segment);
                loans.insert(id, Arc::new(Loan { segment, worker: Arc::downgrade(worker) }));
            }
            Err(error) => missing = Some(error),
        }
    });
    missing.map_or(Ok(loans), Err)
}

/// The answer to one batch.
pub enum Reply {
    /// It is done.
    Done {
        /// The result's fields.
        result: ArrayDescriptor,
        /// The segments that the result names.
        loans: HashMap<SegmentId, Arc<Loan>>,
        /// What it took.
        stats: Box<BatchStats>,
    },
    /// It failed.
    Failed {
        /// Code, summary and traceback; not yet the group's key.
        error: Error,
        /// The row of the group at fault.
        group: Option<u64>,
    },
}
