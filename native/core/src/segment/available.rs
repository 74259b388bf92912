//! How much memory may still be reserved. The kernel's answer to a reservation that is too large is not an error but
//! the out-of-memory killer, so a large one is checked first: against what the machine has left, and the container.

use std::fs;

use crate::error::{Error, ErrorCode, Result};
use crate::spelling::spell;

/// Smaller reservations are not worth the look.
const WORTH_CHECKING: usize = 16 << 20;

/// Refuses a reservation of `len` bytes that memory has no room for.
pub(super) fn check(len: usize) -> Result<()> {
    match shortage(len) {
        None => Ok(()),
        Some(left) => Err(Error::new(
            ErrorCode::Resource,
            format!("cannot reserve {len} bytes of shared memory: {left}"),
        )),
    }
}

/// Refuses to take `len` bytes of ordinary memory for `purpose` where there is no room for them.
///
/// # Errors
/// [`ErrorCode::Resource`] then.
pub fn require(len: usize, purpose: &str) -> Result<()> {
    match shortage(len) {
        None => Ok(()),
        Some(left) => Err(Error::new(
            ErrorCode::Resource,
            format!(
                "{purpose} takes {len} bytes: {left}. Give it fewer rows at a time, or lower {}, which is kept of what \
                 earlier batches took",
                spell("segment.idleBytes")
            ),
        )),
    }
}

/// What is left, and of what, where that is less than `len` bytes.
fn shortage(len: usize) -> Option<String> {
    if len < WORTH_CHECKING {
        return None;
    }
    let short = |(_, left): &(_, Option<u64>)| left.is_some_and(|left| len as u64 > left);
    let (whose, left) = memory_left().into_iter().find(short)?;
    Some(format!("the {whose} has {} left", left.unwrap_or(0)))
}

/// Bytes that may still be taken, of whatever limits it; `None` where that is not known.
pub(crate) fn memory_left() -> Vec<(&'static str, Option<u64>)> {
    vec![("machine", machine()), ("container (cgroup)", container())]
}

fn machine() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// The tightest limit of our control groups, of either version, less what is used.
fn container() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    groups.lines().filter_map(left_in_group).min()
}

fn left_in_group(line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let (root, limit, usage) = if controllers.is_empty() {
        ("/sys/fs/cgroup", "memory.max", "memory.current")
    } else if controllers.split(',').any(|controller| controller == "memory") {
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes")
    } else {
        return None;
    };
    // Inside a container its own group is often mounted at the root.
    let read = |file: &str| {
        let text = fs::read_to_string(format!("{root}{path}/{file}"));
        text.or_else(|_| fs::read_to_string(format!("{root}/{file}"))).ok()?.trim().parse::<u64>().ok()
    };
    Some(read(limit)?.saturating_sub(read(usage)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_memory_left_but_not_without_end() {
        assert!(machine().unwrap() > WORTH_CHECKING as u64);
        assert!(check(WORTH_CHECKING).is_ok());
        assert_eq!(check(1 << 46).unwrap_err().code, ErrorCode::Resource);
        assert!(require(WORTH_CHECKING, "this").is_ok());
        let error = require(1 << 46, "this").unwrap_err();
        assert_eq!(error.code, ErrorCode::Resource);
        assert!(error.summary.starts_with("this takes 70368744177664 bytes: the machine has "), "{error}");
        assert!(error.summary.contains("segment.idleBytes"), "{error}");
    }
}
