//! One suite that every backend passes.

use std::os::fd::AsFd;
use std::sync::Arc;

use super::*;

fn attach(segment: &Segment, access: Access) -> Result<Segment> {
    Segment::attach(segment.id(), &segment.passing(), segment.descriptor(), segment.len(), access)
}

fn each(check: impl Fn(Backend)) {
    for backend in Backend::ALL {
        check(*backend);
    }
}

#[test]
fn a_new_segment_is_zero_aligned_and_large_enough() {
    each(|backend| {
        let segment = Segment::create(backend, 100_000, Access::ReadOnly).unwrap();
        assert!(segment.len() >= 100_000);
        assert_eq!(segment.address() % ALIGNMENT, 0);
        assert!(segment.read(0, segment.len()).unwrap().iter().all(|byte| *byte == 0));
    });
}

#[test]
fn a_peer_sees_what_the_creator_writes_before_and_after_attaching() {
    each(|backend| {
        let segment = Segment::create(backend, 4096, Access::ReadOnly).unwrap();
        segment.write(10, b"before").unwrap();
        let peer = attach(&segment, Access::ReadOnly).unwrap();
        segment.write(100, b"after").unwrap();
        assert_eq!(peer.read(10, 6).unwrap(), b"before", "{backend:?}");
        assert_eq!(peer.read(100, 5).unwrap(), b"after", "{backend:?}");
    });
}

#[test]
fn a_copy_is_aligned_and_has_as_many_bytes_as_were_asked_for() {
    each(|backend| {
        let segment = Segment::create(backend, 4096, Access::ReadOnly).unwrap();
        segment.write(1, &[7; 100]).unwrap();
        for len in [0, 1, 16, 33] {
            let copy = segment.read_buffer(1, len).unwrap();
            assert_eq!(copy.as_slice(), vec![7; len], "{backend:?}");
            assert_eq!(copy.as_ptr().align_offset(align_of::<i128>()), 0, "{backend:?}");
        }
        assert_eq!(segment.read_buffer(segment.len(), 1).unwrap_err().code, ErrorCode::Protocol);
    });
}

#[test]
fn a_reader_cannot_write() {
    each(|backend| {
        let segment = Segment::create(backend, 4096, Access::ReadOnly).unwrap();
        let peer = attach(&segment, Access::ReadOnly).unwrap();
        assert_eq!(peer.write(0, b"x").unwrap_err().code, ErrorCode::Internal);
    });
}

#[test]
fn a_private_copy_takes_writes_that_nobody_else_sees() {
    each(|backend| {
        let segment = Segment::create(backend, 4096, Access::ReadOnly).unwrap();
        segment.write(0, b"shared").unwrap();
        let peer = attach(&segment, Access::CopyOnWrite).unwrap();
        peer.write(0, b"own").unwrap();
        assert_eq!(peer.read(0, 6).unwrap(), b"ownred", "{backend:?}");
        assert_eq!(segment.read(0, 6).unwrap(), b"shared", "{backend:?}");
    });
}

#[test]
fn what_a_peer_makes_its_own_stays_where_and_as_it_is() {
    for backend in [Backend::Memfd, Backend::Posix] {
        for access in [Access::ReadOnly, Access::CopyOnWrite] {
            let segment = Segment::create(backend, 1 << 20, access).unwrap();
            segment.write(100, b"kept").unwrap();
            segment.write(500_000, b"kept too").unwrap();
            let peer = Arc::new(attach(&segment, access).unwrap());
            let buffer = peer.buffer(Arc::clone(&peer), 100, 4).unwrap();
            let bytes = peer.own(&[500_000..500_008, 100..104, 100..104, 90..200, 7..7]).unwrap();
            assert_eq!(bytes, 2 * rustix::param::page_size(), "{backend:?}");
            segment.write(100, b"anew").unwrap();
            drop(segment);
            assert_eq!(buffer.as_slice(), b"kept", "{backend:?}");
            assert_eq!(peer.read(500_000, 8).unwrap(), b"kept too", "{backend:?}");
            assert_eq!(peer.write(100, b"x").is_ok(), access == Access::CopyOnWrite, "{backend:?}");
        }
    }
}

#[test]
fn nothing_outside_a_segment_can_be_made_ones_own() {
    let segment = Segment::create(Backend::Memfd, 4096, Access::ReadOnly).unwrap();
    assert!(segment.own(&[0..1, 2..3]).is_err(), "the creator's");
    let peer = attach(&segment, Access::ReadOnly).unwrap();
    assert!(peer.own(&[0..1, 0..peer.len() + 1]).is_err());
}

#[test]
fn both_sides_write_to_a_shared_segment() {
    each(|backend| {
        let segment = Segment::create(backend, 4096, Access::Shared).unwrap();
        let peer = attach(&segment, Access::Shared).unwrap();
        peer.write(8, b"from the peer").unwrap();
        assert_eq!(segment.read(8, 13).unwrap(), b"from the peer", "{backend:?}");
    });
}

#[test]
fn an_attached_segment_outlives_its_creator() {
    for backend in [Backend::Memfd, Backend::Posix, Backend::Heap] {
        let segment = Segment::create(backend, 4096, Access::ReadOnly).unwrap();
        segment.write(0, b"kept").unwrap();
        let peer = attach(&segment, Access::ReadOnly).unwrap();
        drop(segment);
        assert_eq!(peer.read(0, 4).unwrap(), b"kept", "{backend:?}");
    }
}

#[test]
fn ranges_outside_are_refused() {
    each(|backend| {
        let segment = Arc::new(Segment::create(backend, 4096, Access::ReadOnly).unwrap());
        let len = segment.len();
        for (offset, size) in [(len, 1), (0, len + 1), (usize::MAX, 2), (1, usize::MAX)] {
            assert_eq!(segment.read(offset, size).unwrap_err().code, ErrorCode::Protocol);
            assert_eq!(
                segment.buffer(Arc::clone(&segment), offset, size).unwrap_err().code,
                ErrorCode::Protocol
            );
        }
    });
}

#[test]
fn a_peer_that_announces_too_much_is_refused() {
    each(|backend| {
        let segment = Segment::create(backend, 4096, Access::ReadOnly).unwrap();
        let (passing, descriptor) = (segment.passing(), segment.descriptor());
        let error =
            Segment::attach(segment.id(), &passing, descriptor, 1 << 20, Access::ReadOnly).unwrap_err();
        assert_eq!(error.code, ErrorCode::Protocol, "{backend:?}");
    });
}

#[test]
fn more_memory_than_there_is_is_an_error() {
    each(|backend| {
        let error = Segment::create(backend, 1 << 46, Access::ReadOnly).unwrap_err();
        assert_eq!(error.code, ErrorCode::Resource, "{backend:?}");
    });
}

#[test]
fn a_buffer_views_the_segment_and_keeps_it_alive() {
    each(|backend| {
        let segment = Arc::new(Segment::create(backend, 4096, Access::ReadOnly).unwrap());
        let address = segment.address();
        segment.write(64, &7_i64.to_le_bytes()).unwrap();
        let buffer = segment.buffer(Arc::clone(&segment), 64, 8).unwrap();
        assert_eq!(buffer.as_ptr() as usize, address + 64);
        drop(segment);
        assert_eq!(buffer.typed_data::<i64>(), [7], "{backend:?}");
    });
}

#[test]
fn a_memfd_that_can_shrink_or_be_punched_is_refused() {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
    for seals in [SealFlags::empty(), SealFlags::FUTURE_WRITE, SealFlags::SHRINK | SealFlags::GROW] {
        let descriptor = memfd_create("forged", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&descriptor, 4096).unwrap();
        fcntl_add_seals(&descriptor, seals).unwrap();
        let error = memfd::attach(descriptor.as_fd(), 4096, Access::ReadOnly).err().unwrap();
        assert_eq!(error.code, ErrorCode::Protocol, "{seals:?}");
    }
}

#[test]
fn what_is_no_memory_is_refused() {
    for path in ["/dev/null", "/dev/zero", "/proc/self/exe", "/proc/self"] {
        let descriptor = std::fs::File::open(path).unwrap();
        let error = memfd::attach(descriptor.as_fd(), 4096, Access::ReadOnly).err().unwrap();
        assert_eq!(error.code, ErrorCode::Protocol, "{path}");
    }
}

#[test]
fn another_kind_of_memory_than_agreed_is_refused() {
    for (agreed, other) in
        [(Backend::Memfd, Backend::Posix), (Backend::Memfd, Backend::Heap), (Backend::Posix, Backend::Heap)]
    {
        let segment = Segment::create(other, 4096, Access::ReadOnly).unwrap();
        let announcement = Announcement { attach: vec![SegmentToken::of(&segment)], forget: Vec::new() };
        let error =
            Incoming::from_worker(agreed, None).follow(&announcement, &mut std::iter::empty()).unwrap_err();
        assert_eq!(error.code, ErrorCode::Protocol, "{other:?} where {agreed:?} was agreed");
    }
}

#[test]
fn more_segments_than_may_be_are_refused() {
    let segments: Vec<_> =
        (0..4).map(|_| Segment::create(Backend::Heap, 1 << 16, Access::ReadOnly).unwrap()).collect();
    let attach = segments.iter().map(SegmentToken::of).collect();
    let announcement = Announcement { attach, forget: Vec::new() };
    let mut incoming = Incoming::from_worker(Backend::Heap, Some(3 << 16));
    let error = incoming.follow(&announcement, &mut std::iter::empty()).unwrap_err();
    assert_eq!(error.code, ErrorCode::Resource);
    assert_eq!(incoming.bytes(), 3 << 16);
}

#[test]
fn the_kernel_refuses_writers_of_a_sealed_memfd() {
    let segment = Segment::create(Backend::Memfd, 4096, Access::ReadOnly).unwrap();
    let descriptor = segment.descriptor().unwrap();
    assert!(rustix::io::pwrite(descriptor, b"x", 0).is_err());
    assert!(rustix::fs::ftruncate(descriptor, 0).is_err());
}

#[test]
fn posix_names_disappear_with_their_creator() {
    let segment = Segment::create(Backend::Posix, 4096, Access::ReadOnly).unwrap();
    let Passing::Name(name) = segment.passing() else { panic!("not passed by name") };
    let path = format!("/dev/shm{name}");
    assert!(std::path::Path::new(&path).exists());
    drop(segment);
    assert!(!std::path::Path::new(&path).exists());
}
