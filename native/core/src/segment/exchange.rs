//! Both ends of a channel agree on which segments the other one has mapped.
//!
//! A segment is announced, with its descriptor, the first time a message names it; after that its id is enough,
//! so a mapping is made once and not once a batch. When the creator has freed it, the peer is told to forget it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, OnceLock, Weak};

use serde::{Deserialize, Serialize};

use super::{Access, Backend, Passing, Segment, SegmentId};
use crate::error::{Error, ErrorCode, Result};
use crate::spelling::spell;

/// What a peer needs to attach one segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentToken {
    /// The creator's id.
    pub id: SegmentId,
    /// The size in bytes.
    pub len: u64,
    /// How to get at it.
    pub passing: Passing,
}

impl SegmentToken {
    /// Describes `segment`.
    pub fn of(segment: &Segment) -> SegmentToken {
        SegmentToken { id: segment.id(), len: segment.len() as u64, passing: segment.passing() }
    }

    /// Attaches the segment; takes its descriptor, if it has one, from `descriptors`.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Protocol`] when the memory is not as described.
    pub fn attach(
        &self,
        descriptors: &mut impl Iterator<Item = OwnedFd>,
        access: Access,
    ) -> Result<Arc<Segment>> {
        self.map(self.descriptor(descriptors).as_ref(), access)
    }

    fn descriptor(&self, descriptors: &mut impl Iterator<Item = OwnedFd>) -> Option<OwnedFd> {
        if self.passing == Passing::Descriptor { descriptors.next() } else { None }
    }

    fn map(&self, descriptor: Option<&OwnedFd>, access: Access) -> Result<Arc<Segment>> {
        let len = usize::try_from(self.len).map_err(|_| Error::protocol("a segment larger than memory"))?;
        let descriptor = descriptor.map(OwnedFd::as_fd);
        Ok(Arc::new(Segment::attach(self.id, &self.passing, descriptor, len, access)?))
    }
}

/// The part of a message that keeps both sides' view of the segments equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Segments that the peer has not seen yet. Those passed by descriptor travel in this order.
    pub attach: Vec<SegmentToken>,
    /// Segments that no longer exist.
    pub forget: Vec<SegmentId>,
}

/// The creator's side: what the peer knows of our segments.
#[derive(Default)]
pub struct Outgoing {
    known: HashMap<SegmentId, Weak<Segment>>,
}

impl Outgoing {
    /// What to tell the peer so that it can follow a message that names `segments`; and the segments whose
    /// descriptors go with it.
    pub fn announce<'a>(
        &mut self,
        segments: impl IntoIterator<Item = &'a Arc<Segment>>,
    ) -> (Announcement, Vec<Arc<Segment>>) {
        let mut forget = Vec::new();
        self.known.retain(|id, segment| {
            let alive = segment.strong_count() > 0;
            if !alive {
                forget.push(*id);
            }
            alive
        });
        let mut fresh = Vec::new();
        for segment in segments {
            if let Entry::Vacant(entry) = self.known.entry(segment.id()) {
                entry.insert(Arc::downgrade(segment));
                fresh.push(Arc::clone(segment));
            }
        }
        let attach = fresh.iter().map(|segment| SegmentToken::of(segment)).collect();
        (Announcement { attach, forget }, fresh)
    }

    /// The peer has no mapping of this segment any more.
    pub fn dropped_by_peer(&mut self, id: SegmentId) {
        self.known.remove(&id);
    }
}

/// More segments than any honest worker shows at once; each takes a descriptor.
const MAX_ATTACHED: usize = 2048;

/// A segment of a peer that is mapped here.
pub struct Attached {
    segment: Arc<Segment>,
    token: SegmentToken,
    /// For further mappings.
    descriptor: Option<OwnedFd>,
    /// As other peers know it.
    passed_on: OnceLock<Arc<Segment>>,
}

impl Attached {
    /// The id that its creator gave it.
    pub fn id(&self) -> SegmentId {
        self.token.id
    }

    /// The segment, which the peer may write to.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// The same memory, mapped anew so that writes to it are private to the mapping.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when it cannot be mapped.
    pub fn private(&self) -> Result<Arc<Segment>> {
        self.token.map(self.descriptor.as_ref(), Access::CopyOnWrite)
    }

    /// The same memory, under an id of this process, for other peers: always the same, so that they map it once.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when it cannot be mapped.
    pub fn pass_on(&self) -> Result<Arc<Segment>> {
        if let Some(segment) = self.passed_on.get() {
            return Ok(Arc::clone(segment));
        }
        let descriptor = self.descriptor.as_ref().map(OwnedFd::try_clone).transpose();
        let descriptor = descriptor.map_err(|error| Error::os("cannot pass a segment on", error))?;
        let len = self.segment.len();
        let segment = Arc::new(Segment::passed_on(&self.token.passing, descriptor, len)?);
        Ok(Arc::clone(self.passed_on.get_or_init(|| segment)))
    }
}

/// The receiver's side: the peer's segments that are mapped here.
pub struct Incoming {
    attached: HashMap<SegmentId, Arc<Attached>>,
    backend: Backend,
    max_count: usize,
    max_bytes: usize,
}

impl Incoming {
    /// For segments of a worker, at most `max_bytes` of them.
    pub fn from_worker(backend: Backend, max_bytes: Option<usize>) -> Incoming {
        let max_bytes = max_bytes.unwrap_or(usize::MAX);
        Incoming { attached: HashMap::new(), backend, max_count: MAX_ATTACHED, max_bytes }
    }

    /// For segments of the parent, which is trusted.
    pub fn from_parent(backend: Backend) -> Incoming {
        Incoming { attached: HashMap::new(), backend, max_count: usize::MAX, max_bytes: usize::MAX }
    }

    /// Bytes that are mapped.
    pub fn bytes(&self) -> usize {
        self.attached.values().map(|attached| attached.segment.len()).sum()
    }

    /// How many are mapped.
    pub fn count(&self) -> usize {
        self.attached.len()
    }

    /// Follows an announcement.
    ///
    /// # Errors
    /// [`ErrorCode::Protocol`] when a segment is not as described, [`ErrorCode::Resource`] when there are more than
    /// may be.
    pub fn follow(
        &mut self,
        announcement: &Announcement,
        descriptors: &mut impl Iterator<Item = OwnedFd>,
    ) -> Result<()> {
        for id in &announcement.forget {
            self.attached.remove(id);
        }
        for token in &announcement.attach {
            // Another kind of memory could lack the seals that this one is trusted for.
            if !self.backend.passes_as(&token.passing) {
                return Err(Error::protocol(format!("{:?} is no {:?} memory", token.id, self.backend)));
            }
            let len = usize::try_from(token.len).unwrap_or(usize::MAX);
            let bytes = self.bytes().saturating_add(len);
            if bytes > self.max_bytes || self.attached.len() >= self.max_count {
                return Err(Error::new(
                    ErrorCode::Resource,
                    format!(
                        "the results of one worker take {bytes} bytes in {} segments; {} allows {} bytes, in {} \
                         segments at most",
                        self.attached.len() + 1,
                        spell("segment.maxBytes"),
                        self.max_bytes,
                        self.max_count
                    ),
                ));
            }
            let descriptor = token.descriptor(descriptors);
            let segment = token.map(descriptor.as_ref(), Access::ReadOnly)?;
            let (token, passed_on) = (token.clone(), OnceLock::new());
            self.attached.insert(token.id, Arc::new(Attached { segment, token, descriptor, passed_on }));
        }
        Ok(())
    }

    /// A segment that a message names, and how else it can be had.
    ///
    /// # Errors
    /// [`ErrorCode::Protocol`] when it was never announced.
    pub fn named(&self, id: SegmentId) -> Result<&Arc<Attached>> {
        self.attached.get(&id).ok_or_else(|| Error::protocol(format!("{id:?} was never announced")))
    }

    /// The segment that a message names.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Protocol`] when it was never announced.
    pub fn get(&self, id: SegmentId) -> Result<&Arc<Segment>> {
        Ok(&self.named(id)?.segment)
    }

    /// The same memory, mapped anew so that writes to it are private to the mapping.
    ///
    /// # Errors
    /// As [`Self::get`]; [`ErrorCode::Resource`] when it cannot be mapped.
    pub fn private(&self, id: SegmentId) -> Result<Arc<Segment>> {
        self.named(id)?.private()
    }

    /// Drops our mapping, or leaves it to those who still view it.
    pub fn remove(&mut self, id: SegmentId) {
        self.attached.remove(&id);
    }
}
