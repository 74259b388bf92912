//! What a worker answered, and the segments that its answer lies in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::asks::Asked;
use crate::error::{Error, Result};
use crate::placement;
use crate::protocol::{ArrayDescriptor, BatchStats};
use crate::segment::{Attached, BufferRef, Incoming, Segment, SegmentId};

/// Segments of a worker that nobody here reads any more, until it is told.
#[derive(Default)]
pub(super) struct Recycle(Mutex<Vec<SegmentId>>);

impl Recycle {
    fn push(&self, id: SegmentId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(id);
    }

    pub(super) fn take(&self) -> Vec<SegmentId> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A segment of the worker that somebody here reads; dropping it lets the worker write to it again.
pub struct Loan {
    attached: Arc<Attached>,
    segment: Arc<Segment>,
    recycle: Weak<Recycle>,
}

impl Loan {
    pub(super) fn new(attached: &Arc<Attached>, recycle: &Arc<Recycle>) -> Loan {
        let segment = Arc::clone(attached.segment());
        Loan { attached: Arc::clone(attached), segment, recycle: Arc::downgrade(recycle) }
    }

    /// The segment.
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// The same memory, for other workers.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Resource`] when it cannot be mapped.
    pub(super) fn pass_on(&self) -> Result<Arc<Segment>> {
        self.attached.pass_on()
    }
}

impl AsRef<Segment> for Loan {
    fn as_ref(&self) -> &Segment {
        &self.segment
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(recycle) = self.recycle.upgrade() {
            recycle.push(self.attached.id());
        }
    }
}

/// A buffer of what a call returned.
pub struct Returned {
    /// The segment, which the worker writes to again once this is dropped.
    pub loan: Arc<Loan>,
    /// Where it begins.
    pub offset: usize,
    /// How many bytes.
    pub len: usize,
    /// Whether it is mapped for whoever has this alone, who may write to it.
    pub private: bool,
}

/// Bytes from which on a buffer is worth a mapping of its own.
const WORTH_MAPPING: u64 = 1 << 20;
/// Segments of a worker that may be held on to.
const MOST_MAPPED: usize = 256;

/// The memory that a call returned.
///
/// # Errors
/// [`crate::ErrorCode::Protocol`] when it was never announced or lies outside.
pub(super) fn take(
    buffers: &[BufferRef],
    segments: &Incoming,
    recycle: &Arc<Recycle>,
) -> Result<Vec<Returned>> {
    let mut loans: HashMap<SegmentId, (Arc<Loan>, bool)> = HashMap::new();
    for buffer in buffers {
        if loans.contains_key(&buffer.segment) {
            continue;
        }
        let large = |other: &BufferRef| other.segment == buffer.segment && other.len >= WORTH_MAPPING;
        let private = segments.count() <= MOST_MAPPED && buffers.iter().any(large);
        let attached = Arc::clone(segments.named(buffer.segment)?);
        let segment = if private { attached.private()? } else { Arc::clone(attached.segment()) };
        let loan = Loan { attached, segment, recycle: Arc::downgrade(recycle) };
        loans.insert(buffer.segment, (Arc::new(loan), private));
    }
    let take = |buffer: &BufferRef| {
        let outside = || Error::protocol(format!("a result at {buffer:?}, outside of its segment"));
        let (loan, private) = loans.get(&buffer.segment).ok_or_else(outside)?;
        let (offset, len) = (usize::try_from(buffer.offset), usize::try_from(buffer.len));
        match (offset, len) {
            (Ok(offset), Ok(len)) if loan.segment.has(offset, len) => Ok(Returned {
                loan: Arc::clone(loan),
                offset,
                len,
                private: *private && buffer.len >= WORTH_MAPPING,
            }),
            _ => Err(outside()),
        }
    };
    buffers.iter().map(take).collect()
}

/// The segments that `result` names.
///
/// # Errors
/// [`crate::ErrorCode::Protocol`] when one of them was never announced.
pub(super) fn borrow(
    result: &ArrayDescriptor,
    segments: &Incoming,
    recycle: &Arc<Recycle>,
) -> Result<HashMap<SegmentId, Arc<Loan>>> {
    let mut loans = HashMap::new();
    let mut missing = None;
    placement::segments(result, &mut |id| {
        if loans.contains_key(&id) {
            return;
        }
        match segments.named(id) {
            Ok(attached) => {
                loans.insert(id, Arc::new(Loan::new(attached, recycle)));
            }
            Err(error) => missing = Some(error),
        }
    });
    missing.map_or(Ok(loans), Err)
}

/// The answer to one batch or call; or what it asks, before it is over.
pub enum Reply {
    /// It asks this, and goes on.
    Asked(Asked),
    /// The call is over.
    Returned {
        /// What came of it, for the convention.
        body: Vec<u8>,
        /// Its data.
        buffers: Vec<Returned>,
        /// How long it took in the worker, as the worker says.
        nanos: u64,
    },
    /// It is done.
    Done {
        /// The result's fields.
        result: ArrayDescriptor,
        /// The segments that the result names.
        loans: HashMap<SegmentId, Arc<Loan>>,
        /// What the convention has to say beside it.
        aside: Vec<u8>,
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
