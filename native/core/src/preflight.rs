//! Whether this machine can give what the settings ask for, found out before the first task does.

use std::thread::available_parallelism;

use rustix::fs::statvfs;

use crate::config::Config;
use crate::error::{Error, ErrorCode, Result};
use crate::segment::{Access, Backend, Segment, memory_left};
use crate::spelling::{assigned, spell};

/// Where named segments lie.
const SHM: &str = "/dev/shm";

/// Tries the chosen kind of shared memory, and warns where there is little of it.
///
/// # Errors
/// [`ErrorCode::Resource`] when there is none: memfd is forbidden, or `/dev/shm` has no room for one batch.
pub fn check(config: &Config) -> Result<()> {
    let batch = config.batch_bytes as u64;
    let places = match config.backend {
        Backend::Posix => vec![(SHM, free_in_shm())],
        Backend::Memfd | Backend::Heap => memory_left(),
    };
    for (place, left) in places.into_iter().filter_map(|(place, left)| Some((place, left?))) {
        if config.backend == Backend::Posix && left < batch {
            return Err(Error::new(
                ErrorCode::Resource,
                format!(
                    "{place} has {left} bytes free, less than one batch of {batch} ({}). Make it larger (docker run \
                     --shm-size=1g), set {}, or lower {0}",
                    spell("batchBytes"),
                    assigned("segment.backend", "memfd"),
                ),
            ));
        }
        let wanted = wanted(config);
        if left < wanted {
            tracing::warn!(
                "the {place} has {left} bytes of memory left, and the workers of this executor may take {wanted} for \
                 their batches: give it more, or lower {} or {}",
                spell("batchBytes"),
                spell("worker.max"),
            );
        }
    }
    Segment::create(config.backend, 1, Access::ReadOnly)?;
    Ok(())
}

/// Bytes of batches and results when all workers are busy: two of each under way.
fn wanted(config: &Config) -> u64 {
    let workers = config.max_workers.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
    (workers as u64).saturating_mul(config.batch_bytes as u64).saturating_mul(4)
}

fn free_in_shm() -> Option<u64> {
    let stat = statvfs(SHM).ok()?;
    stat.f_bavail.checked_mul(stat.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(backend: Backend, batch_bytes: &str) -> Config {
        let mut config = Config::parse([("batchBytes", batch_bytes)]).unwrap();
        config.backend = backend;
        config
    }

    #[test]
    fn every_kind_of_memory_of_this_machine_passes() {
        for backend in Backend::ALL {
            check(&config(*backend, "64k")).unwrap();
        }
    }

    #[test]
    fn a_batch_that_shm_has_no_room_for_is_an_error_with_numbers_and_ways_out() {
        let error = check(&config(Backend::Posix, "1000t")).unwrap_err();
        assert_eq!(error.code, ErrorCode::Resource);
        for part in ["/dev/shm has", "1099511627776000", "--shm-size", "segment.backend=memfd"] {
            assert!(error.summary.contains(part), "{error}");
        }
    }

    #[test]
    fn what_all_workers_may_take_is_two_batches_and_two_results_each() {
        let mut config = config(Backend::Memfd, "1m");
        config.max_workers = Some(3);
        assert_eq!(wanted(&config), 12 << 20);
    }
}
