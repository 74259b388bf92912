//! Watching the parent: a worker ends with it, also while a function runs.

use std::os::fd::OwnedFd;

use beringia_core::segment::{abandon, sweep};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpid, kill_process_group};

/// Ends this process group when the parent at the other end of `descriptor` is gone.
pub fn watch(descriptor: &OwnedFd) -> std::io::Result<()> {
    let descriptor = descriptor.try_clone()?;
    let wait = move || {
        loop {
            // No events asked for: only the hang-up is reported.
            let mut polled = [PollFd::new(&descriptor, PollFlags::empty())];
            if poll(&mut polled, None).is_err() {
                continue;
            }
            let revents = polled[0].revents();
            if revents.contains(PollFlags::NVAL) {
                return; // A function closed our descriptor: the next message ends the worker.
            }
            if revents.contains(PollFlags::HUP) {
                clean_up();
                let _ = kill_process_group(getpid(), Signal::KILL);
            }
        }
    };
    std::thread::Builder::new().name("beringia-watch".to_owned()).spawn(wait)?;
    Ok(())
}

/// Removes named segments: ours, and those of a parent that was killed. Its leases end with it, though perhaps a
/// moment after its end of the channel.
pub fn clean_up() {
    abandon();
    for _ in 0..10 {
        if sweep() == 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
