//! How much memory may still be reserved. The kernel's answer to a reservation that is too large is not an error but
//! the out-of-memory killer, so a large one is checked first: against what the machine has left, and the container.

use std::fs;
use std::path::Path;

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
    groups.lines().filter_map(|line| left_in_groups(Path::new("/sys/fs/cgroup"), line)).min()
}

/// What is left in the group that a line of `/proc/self/cgroup` names, and in those above it: each may have a limit.
fn left_in_groups(mount: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let (root, limit, usage, cached): (_, _, _, &[&str]) = if controllers.is_empty() {
        let cached = &["inactive_file", "active_file", "slab_reclaimable"];
        (mount.to_owned(), "memory.max", "memory.current", cached)
    } else if controllers.split(',').any(|controller| controller == "memory") {
        let cached = &["total_inactive_file", "total_active_file"];
        (mount.join("memory"), "memory.limit_in_bytes", "memory.usage_in_bytes", cached)
    } else {
        return None;
    };
    let left = |group: &Path| {
        let read = |file| fs::read_to_string(root.join(group.strip_prefix("/").ok()?).join(file)).ok();
        let number = |file| read(file)?.trim().parse::<u64>().ok();
        let (limit, usage) = (number(limit)?, number(usage)?);
        // What the kernel keeps of files it gives away when memory is asked for.
        let stat = read("memory.stat").unwrap_or_default();
        let entries = stat.lines().filter_map(|line| line.split_once(' '));
        let cached = entries.filter(|(name, _)| cached.contains(name));
        let cached: u64 = cached.filter_map(|(_, bytes)| bytes.parse::<u64>().ok()).sum();
        Some(limit.saturating_sub(usage.saturating_sub(cached)))
    };
    // Inside a container its own group is often mounted at the root: what its path names beyond that is not there.
    Path::new(path).ancestors().filter_map(left).min()
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

    /// A directory of control groups, gone with it.
    struct Mounted(std::path::PathBuf);

    impl Mounted {
        fn new(name: &str, files: &[(&str, &str)]) -> Mounted {
            let root = std::env::temp_dir().join(format!("beringia-cgroup-{name}-{}", std::process::id()));
            for (file, text) in files {
                fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
                fs::write(root.join(file), text).unwrap();
            }
            Mounted(root)
        }
    }

    impl Drop for Mounted {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn a_group_has_left_what_it_keeps_of_files_too() {
        let stat = "anon 500\nactive_file 100\ninactive_file 150\nfile 400\nslab_reclaimable 50\n";
        let files = [("a/memory.max", "1000\n"), ("a/memory.current", "900\n"), ("a/memory.stat", stat)];
        let mount = Mounted::new("cache", &files);
        assert_eq!(left_in_groups(&mount.0, "0::/a"), Some(400));
        let stat = "active_file 7\ntotal_active_file 20\ntotal_inactive_file 30\n";
        let files = [
            ("memory/a/memory.limit_in_bytes", "1000\n"),
            ("memory/a/memory.usage_in_bytes", "900\n"),
            ("memory/a/memory.stat", stat),
        ];
        let mount = Mounted::new("cache-v1", &files);
        assert_eq!(left_in_groups(&mount.0, "4:memory:/a"), Some(150));
        assert_eq!(left_in_groups(&mount.0, "3:cpuset:/a"), None);
    }

    #[test]
    fn the_tightest_limit_of_a_group_and_those_above_it_counts() {
        let files = [
            ("a/b/c/memory.max", "max\n"),
            ("a/b/c/memory.current", "10\n"),
            ("a/b/memory.max", "100\n"),
            ("a/b/memory.current", "40\n"),
            ("a/memory.max", "1000\n"),
            ("a/memory.current", "500\n"),
        ];
        let mount = Mounted::new("above", &files);
        assert_eq!(left_in_groups(&mount.0, "0::/a/b/c"), Some(60));
        assert_eq!(left_in_groups(&mount.0, "0::/a"), Some(500));
        assert_eq!(left_in_groups(&mount.0, "0::/elsewhere"), None);
    }
}
