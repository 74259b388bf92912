//! One end of the socket pair between parent and worker: whole messages, with descriptors beside them.
//!
//! `SOCK_SEQPACKET` keeps message boundaries; a message too large for one datagram travels in a memory file
//! of its own, so that functions, schemas and tracebacks may have any size.

use std::cell::RefCell;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, MemfdFlags, Mode, fcntl_get_seals, fstat, memfd_create};
use rustix::io::{Errno, pread, pwrite};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use rustix::shm;
use rustix::time::Timespec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorCode, Result};

/// Half the smallest default of `net.core.wmem_default`, so that two messages always fit.
const MAX_DATAGRAM: usize = 64 * 1024;
/// The kernel's `SCM_MAX_FD` is 253; one is kept for the message itself.
const MAX_DESCRIPTORS: usize = 252;

/// The largest message that is accepted from a worker: room for any honest reply, not for all memory.
const MAX_REPLY: usize = 64 << 20;

const INLINE: u8 = 0;
const SPILLED: u8 = 1;

// What a thread receives in: to fill as many bytes with zeros takes longer than to receive a small message.
thread_local!(static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });

/// What a receive brought.
#[derive(Debug)]
pub enum Received<M> {
    /// A message and the descriptors that came with it.
    Message(M, Vec<OwnedFd>),
    /// Nothing within the time given.
    Timeout,
    /// The peer closed its end, or ended.
    Closed,
}

/// One end of the channel.
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
    /// The largest message that is accepted.
    limit: usize,
}

impl Channel {
    /// Two connected ends: ours, and that of a worker, which trusts us and not the other way round.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when descriptors ran out.
    pub fn pair() -> Result<(Channel, Channel)> {
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(|errno| Error::os("cannot create a socket pair", errno))?;
        Ok((Channel { socket: a, limit: MAX_REPLY }, Channel::from_descriptor(b)))
    }

    /// The worker's end, behind an inherited descriptor.
    pub fn from_descriptor(socket: OwnedFd) -> Channel {
        Channel { socket, limit: usize::MAX }
    }

    /// The descriptor, to be inherited by a child.
    pub fn into_descriptor(self) -> OwnedFd {
        self.socket
    }

    /// The descriptor, to be polled.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether the descriptor is still that of a socket, and was not closed by code that does not own it.
    pub fn is_open(&self) -> bool {
        fstat(&self.socket).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Socket)
    }

    /// Sends a message with descriptors.
    ///
    /// # Errors
    /// [`ErrorCode::WorkerDied`] when the peer is gone, [`ErrorCode::Resource`] when memory ran out.
    pub fn send<M: Serialize>(&self, message: &M, descriptors: &[BorrowedFd<'_>]) -> Result<()> {
        if descriptors.len() > MAX_DESCRIPTORS {
            return Err(Error::new(
                ErrorCode::TooLarge,
                format!("a batch in {} segments, more than {MAX_DESCRIPTORS}", descriptors.len()),
            ));
        }
        let body = postcard::to_extend(message, vec![INLINE])?;
        if body.len() <= MAX_DATAGRAM {
            return self.send_datagram(&body, descriptors);
        }
        let file = spill(&body)?;
        let mut all = vec![file.as_fd()];
        all.extend_from_slice(descriptors);
        self.send_datagram(&[SPILLED], &all)
    }

    fn send_datagram(&self, body: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS + 1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(Error::internal("the descriptors of a message do not fit"));
        }
        loop {
            let sent = sendmsg(&self.socket, &[IoSlice::new(body)], &mut ancillary, SendFlags::NOSIGNAL);
            match sent {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno @ (Errno::PIPE | Errno::CONNRESET)) => {
                    return Err(Error::new(ErrorCode::WorkerDied, format!("the peer is gone: {errno}")));
                }
                Err(errno) => return Err(Error::os("cannot send a message", errno)),
            }
        }
    }

    /// Waits up to `timeout` (for ever when `None`) for a message.
    ///
    /// # Errors
    /// [`ErrorCode::Protocol`] when it cannot be understood, [`ErrorCode::Resource`] when descriptors or memory ran
    /// out.
    pub fn receive<M: DeserializeOwned>(&self, timeout: Option<Duration>) -> Result<Received<M>> {
        let received = BUFFER.with_borrow_mut(|buffer| self.receive_in(buffer, timeout, None))?;
        Ok(received.unwrap_or(Received::Timeout))
    }

    /// The same; `None` when there is nothing to receive here, but something at `other`.
    ///
    /// # Errors
    /// As [`Self::receive`].
    pub fn receive_beside<M: DeserializeOwned>(
        &self,
        other: &Channel,
        timeout: Option<Duration>,
    ) -> Result<Option<Received<M>>> {
        BUFFER.with_borrow_mut(|buffer| self.receive_in(buffer, timeout, Some(other)))
    }

    fn receive_in<M: DeserializeOwned>(
        &self,
        buffer: &mut Vec<u8>,
        timeout: Option<Duration>,
        other: Option<&Channel>,
    ) -> Result<Option<Received<M>>> {
        buffer.resize(MAX_DATAGRAM + 1, 0);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS + 1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let mut waited = false;
        let received = loop {
            let mut parts = [IoSliceMut::new(buffer)];
            match recvmsg(&self.socket, &mut parts, &mut ancillary, flags) {
                Ok(received) => break received,
                // Often there is something already.
                Err(Errno::AGAIN) if waited => return Ok(Some(Received::Timeout)),
                Err(Errno::AGAIN) => match self.wait(timeout, other)? {
                    Some(true) => waited = true,
                    Some(false) => return Ok(Some(Received::Timeout)),
                    None => return Ok(None),
                },
                // It went with messages of ours unread, which is said once: what it said before is still there.
                Err(Errno::INTR | Errno::CONNRESET) => {}
                Err(errno) => return Err(Error::os("cannot receive a message", errno)),
            }
        };
        if received.bytes == 0 {
            return Ok(Some(Received::Closed));
        }
        if received.flags.intersects(ReturnFlags::CTRUNC) {
            let why = "the descriptors of a message cannot be received: this process has as many as it may";
            return Err(Error::new(ErrorCode::Resource, why));
        }
        if received.flags.intersects(ReturnFlags::TRUNC) {
            return Err(Error::protocol("a message was cut off"));
        }
        let mut descriptors = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        let spilled;
        let mut body = &buffer[..received.bytes];
        if body.first() == Some(&SPILLED) {
            if descriptors.is_empty() {
                return Err(Error::protocol("a large message came without its file"));
            }
            spilled = read_all(&descriptors.remove(0), self.limit)?;
            body = &spilled;
        }
        match body.split_first() {
            Some((&INLINE, body)) => Ok(Some(Received::Message(postcard::from_bytes(body)?, descriptors))),
            _ => Err(Error::protocol("a message of unknown form")),
        }
    }

    /// Waits until there is something to receive; false after `timeout`, `None` when there is something at `other` alone.
    fn wait(&self, timeout: Option<Duration>, other: Option<&Channel>) -> Result<Option<bool>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let beside = other.unwrap_or(self);
        let mut polled =
            [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(&beside.socket, PollFlags::IN)];
        let count = 1 + usize::from(other.is_some());
        loop {
            let remaining = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let remaining = remaining.and_then(|remaining| Timespec::try_from(remaining).ok());
            match poll(&mut polled[..count], remaining.as_ref()) {
                Ok(0) => return Ok(Some(false)),
                Ok(_) => return Ok((!polled[0].revents().is_empty()).then_some(true)),
                // A signal is no end of the wait.
                Err(Errno::INTR) => {}
                Err(errno) => return Err(Error::os("cannot wait for a message", errno)),
            }
        }
    }

    /// Waits until there is something at one of `channels`, up to `timeout`: at which.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the system cannot wait.
    pub fn wait_for_any(channels: &[&Channel], timeout: Duration) -> Result<Vec<bool>> {
        let timeout = Timespec::try_from(timeout).ok();
        let mut polled: Vec<_> =
            channels.iter().map(|channel| PollFd::new(&channel.socket, PollFlags::IN)).collect();
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::os("cannot wait for messages", errno)),
        }
        Ok(polled.iter().map(|polled| !polled.revents().is_empty()).collect())
    }
}

fn spill(body: &[u8]) -> Result<OwnedFd> {
    let fail = |errno| Error::os(format!("cannot pass a message of {} bytes", body.len()), errno);
    let file = match memfd_create("beringia-message", MemfdFlags::CLOEXEC) {
        // Forbidden, in a sandbox: named memory that has lost its name does as well.
        Err(Errno::PERM | Errno::ACCESS | Errno::NOSYS) => unnamed().map_err(fail)?,
        file => file.map_err(fail)?,
    };
    let mut written = 0;
    while written < body.len() {
        written += pwrite(&file, &body[written..], written as u64).map_err(fail)?;
    }
    Ok(file)
}

fn unnamed() -> rustix::io::Result<OwnedFd> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("/beringia-message-{}-{number}", std::process::id());
    let flags = shm::OFlags::CREATE | shm::OFlags::EXCL | shm::OFlags::RDWR;
    let file = shm::open(name.as_str(), flags, Mode::RUSR | Mode::WUSR)?;
    shm::unlink(name.as_str())?;
    Ok(file)
}

fn read_all(file: &OwnedFd, limit: usize) -> Result<Vec<u8>> {
    let fail = |errno| Error::os("cannot read a large message", errno);
    // Memory has seals, whatever they are; a pipe or a file of a strange file system, which could block, has not.
    fcntl_get_seals(file)
        .map_err(|errno| Error::protocol(format!("a large message is not in memory: {errno}")))?;
    let size = usize::try_from(fstat(file).map_err(fail)?.st_size).unwrap_or(usize::MAX);
    if size > limit {
        return Err(Error::protocol(format!("a message of {size} bytes, more than {limit}")));
    }
    let mut body = Vec::new();
    body.try_reserve_exact(size)
        .map_err(|_| Error::new(ErrorCode::Resource, format!("no memory for a message of {size} bytes")))?;
    body.resize(size, 0);
    let mut read = 0;
    while read < size {
        match pread(file, &mut body[read..], read as u64).map_err(fail)? {
            0 => return Err(Error::protocol("a large message is shorter than its file")),
            count => read += count,
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_any_size_arrives_with_its_descriptors() {
        let (a, b) = Channel::pair().unwrap();
        for size in [0, 1, MAX_DATAGRAM - 4, MAX_DATAGRAM, 5_000_000] {
            let body: Vec<u8> = (0..size).map(|i| i as u8).collect();
            let extra = spill(b"extra").unwrap();
            a.send(&body, &[extra.as_fd()]).unwrap();
            let Received::Message(received, descriptors) = b.receive::<Vec<u8>>(None).unwrap() else {
                panic!("no message of {size} bytes");
            };
            assert!(received == body, "{size} bytes");
            assert_eq!(descriptors.len(), 1);
            assert_eq!(read_all(&descriptors[0], 5).unwrap(), b"extra");
        }
    }

    #[test]
    fn a_silent_peer_is_a_timeout_and_a_closed_one_is_closed() {
        let (a, b) = Channel::pair().unwrap();
        let brief = Some(Duration::from_millis(10));
        assert!(matches!(b.receive::<u8>(brief).unwrap(), Received::Timeout));
        drop(a);
        assert!(matches!(b.receive::<u8>(brief).unwrap(), Received::Closed));
        assert_eq!(b.send(&1_u8, &[]).unwrap_err().code, ErrorCode::WorkerDied);
    }

    #[test]
    fn bytes_that_are_no_message_are_a_protocol_error() {
        let (a, b) = Channel::pair().unwrap();
        a.send_datagram(&[7, 7, 7], &[]).unwrap();
        assert_eq!(b.receive::<String>(None).unwrap_err().code, ErrorCode::Protocol);
        a.send_datagram(&[SPILLED], &[]).unwrap();
        assert_eq!(b.receive::<String>(None).unwrap_err().code, ErrorCode::Protocol);
    }

    #[test]
    fn a_worker_cannot_make_us_read_what_is_no_message() {
        let (ours, theirs) = Channel::pair().unwrap();
        let huge = memfd_create("huge", MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::ftruncate(&huge, 1 << 60).unwrap();
        let pipe = rustix::pipe::pipe().unwrap().0;
        let file: OwnedFd = std::fs::File::open("/proc/self/status").unwrap().into();
        for descriptor in [huge, pipe, file] {
            theirs.send_datagram(&[SPILLED], &[descriptor.as_fd()]).unwrap();
            assert_eq!(ours.receive::<String>(None).unwrap_err().code, ErrorCode::Protocol);
        }
    }

    #[test]
    fn large_messages_pass_where_memfd_is_forbidden() {
        let file = unnamed().unwrap();
        pwrite(&file, b"large", 0).unwrap();
        assert_eq!(read_all(&file, 5).unwrap(), b"large");
    }
}
