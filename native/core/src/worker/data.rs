//! What travels between a parent and its workers beside words: where data lie, and what keeps them there.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use super::reply::{Loan, Recycle, Returned};
use crate::error::{Error, Result};
use crate::protocol::asks::Part;
use crate::segment::{BufferRef, Incoming, Lease, Segment, SegmentId};

/// Something whose end frees memory.
pub(super) type Keeper = Arc<dyn Any + Send + Sync>;

/// What a convention has to say, with data in segments that this process can hand to any worker. Cheap to clone, but for
/// the body.
#[derive(Clone, Default)]
pub struct Data {
    /// For the convention.
    pub body: Vec<u8>,
    buffers: Vec<BufferRef>,
    segments: Vec<Arc<Segment>>,
    keepers: Vec<Keeper>,
}

impl Data {
    /// Data in segments of this process.
    pub fn new(body: Vec<u8>, buffers: Vec<BufferRef>, leases: Vec<Arc<Lease>>) -> Data {
        let segments = leases.iter().map(|lease| Arc::clone(lease.segment())).collect();
        let keepers = leases.into_iter().map(|lease| lease as Keeper).collect();
        Data { body, buffers, segments, keepers }
    }

    /// What a call returned, to be passed on.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Resource`] when descriptors ran out.
    pub fn returned(body: Vec<u8>, buffers: Vec<Returned>) -> Result<Data> {
        let mut data = Data { body, ..Data::default() };
        for Returned { loan, offset, len, .. } in buffers {
            data.add(&loan, offset as u64, len as u64)?;
        }
        Ok(data)
    }

    /// What a worker has, to be passed on.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Protocol`] when data were never announced, or lie outside of their segment.
    pub(super) fn of_worker(part: Part, segments: &Incoming, recycle: &Arc<Recycle>) -> Result<Data> {
        let mut data = Data { body: part.body, ..Data::default() };
        let mut loans: HashMap<SegmentId, Arc<Loan>> = HashMap::new();
        for BufferRef { segment, offset, len } in part.buffers {
            let attached = segments.named(segment)?;
            let (start, bytes) = (usize::try_from(offset), usize::try_from(len));
            if !matches!((start, bytes), (Ok(start), Ok(bytes)) if attached.segment().has(start, bytes)) {
                return Err(Error::protocol(format!("data outside of {segment:?}")));
            }
            let loan = loans.entry(segment).or_insert_with(|| Arc::new(Loan::new(attached, recycle)));
            data.add(loan, offset, len)?;
        }
        Ok(data)
    }

    fn add(&mut self, loan: &Arc<Loan>, offset: u64, len: u64) -> Result<()> {
        let segment = loan.pass_on()?;
        self.buffers.push(BufferRef { segment: segment.id(), offset, len });
        if !self.segments.iter().any(|known| known.id() == segment.id()) {
            self.segments.push(segment);
            self.keepers.push(Arc::clone(loan) as Keeper);
        }
        Ok(())
    }

    /// Where data lie.
    pub(super) fn buffers(&self) -> &[BufferRef] {
        &self.buffers
    }

    /// The segments that they lie in.
    pub(super) fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// Splits it into what a message says and what must be kept meanwhile.
    pub(super) fn into_part(self, keepers: &mut Vec<Keeper>) -> Part {
        keepers.extend(self.keepers);
        Part { body: self.body, buffers: self.buffers }
    }
}
