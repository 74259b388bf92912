//! What a channel does where the process is at its limits: in a process of its own, as they are the process's.

#![allow(clippy::unwrap_used, reason = "a test program")]

use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use beringia_core::ErrorCode;
use beringia_core::channel::{Channel, Received};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// One test at a time: what one lacks all lack.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn where_descriptors_ran_out_a_message_with_some_is_an_error_of_resources() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (ours, theirs) = Channel::pair().unwrap();
    theirs.send(&1_u8, &[theirs.descriptor().as_fd()]).unwrap();
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(1), ..limit }).unwrap();
    let received = ours.receive::<u8>(Some(Duration::from_secs(5)));
    setrlimit(Resource::Nofile, limit).unwrap();
    assert_eq!(received.unwrap_err().code, ErrorCode::Resource);
}

#[test]
fn a_signal_is_no_end_of_a_wait() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    extern "C" fn nothing(_: libc::c_int) {}
    let handler = nothing as extern "C" fn(libc::c_int);
    // SAFETY: the handler does nothing, which it may do at any time; no other code of this program uses the signal.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    let (ours, _theirs) = Channel::pair().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let waiting = thread::spawn(move || {
        // SAFETY: it has no conditions.
        sender.send(unsafe { libc::pthread_self() }).unwrap();
        let started = Instant::now();
        assert!(matches!(ours.receive::<u8>(Some(Duration::from_millis(300))).unwrap(), Received::Timeout));
        started.elapsed()
    });
    let thread = receiver.recv().unwrap();
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(10));
        // SAFETY: the thread has 200 milliseconds left at least, and is not joined yet.
        unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
    }
    assert!(waiting.join().unwrap() >= Duration::from_millis(300));
}
