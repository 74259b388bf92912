//! Bytes as messages of a worker.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use beringia_core::ErrorCode;
use beringia_core::channel::Channel;
use beringia_core::protocol::{ArrayDescriptor, FromWorker, ToWorker};
use beringia_core::segment::{Announcement, BufferRef, Passing, SegmentId, SegmentToken};
use rustix::net::{SendFlags, send};

/// Decodes them as a message of either side, and as a datagram: no panic, no error but of the protocol.
pub fn decode(bytes: &[u8]) {
    if let Ok(message) = postcard::from_bytes::<FromWorker>(bytes) {
        let again = postcard::to_stdvec(&message).unwrap();
        let message: FromWorker = postcard::from_bytes(&again).unwrap();
        assert_eq!(postcard::to_stdvec(&message).unwrap(), again);
    }
    let _ = postcard::from_bytes::<ToWorker>(bytes);
    let (ours, theirs) = Channel::pair().unwrap();
    let theirs = theirs.into_descriptor();
    for datagram in [bytes, &[&[0], bytes].concat()] {
        if datagram.is_empty() || send(&theirs, datagram, SendFlags::DONTWAIT).is_err() {
            continue;
        }
        if let Err(error) = ours.receive::<FromWorker>(Some(Duration::from_secs(1))) {
            assert_eq!(error.code, ErrorCode::Protocol, "{error}");
        }
    }
}

/// The bytes of a message as a worker would write it, of numbers from `seed`.
pub fn honest(seed: &[u8]) -> Vec<u8> {
    let mut numbers = Unstructured::new(seed);
    let mut number = || u64::arbitrary(&mut numbers).unwrap_or(7) % 1000;
    let buffer = |id| BufferRef { segment: SegmentId(id), offset: 64, len: 80 };
    let child = ArrayDescriptor {
        len: number(),
        offset: 0,
        validity: Some((buffer(1), 3)),
        buffers: vec![buffer(number()), buffer(2)],
        children: Vec::new(),
    };
    let message = match number() % 3 {
        0 => FromWorker::Hello {
            version: number() as u32,
            python: "3.11.7".to_owned(),
            libraries: "2.4".to_owned(),
        },
        1 => FromWorker::Failed {
            ticket: number(),
            group: Some(number()),
            code: ErrorCode::FunctionRaised,
            summary: "'f' raised ValueError: no".to_owned(),
            traceback: Some("Traceback".to_owned()),
            dropped: vec![SegmentId(number())],
        },
        _ => FromWorker::Done {
            ticket: number(),
            segments: Announcement {
                attach: vec![SegmentToken {
                    id: SegmentId(number()),
                    len: 1 << 16,
                    passing: Passing::Descriptor,
                }],
                forget: vec![SegmentId(number())],
            },
            result: ArrayDescriptor { len: 4, children: vec![child.clone(), child], ..Default::default() },
            dropped: Vec::new(),
            aside: Vec::new(),
            stats: Box::default(),
        },
    };
    postcard::to_stdvec(&message).unwrap()
}

/// A result in `levels` levels of nesting.
#[allow(dead_code, reason = "the fuzz target has no use for it")]
pub fn nested(levels: usize) -> Vec<u8> {
    // Done, ticket, nothing to attach, nothing to forget.
    let mut bytes = vec![1, 1, 0, 0];
    for _ in 0..levels {
        // No value, no offset, no validity, no buffer, one child.
        bytes.extend([0, 0, 0, 0, 1]);
    }
    bytes
}
