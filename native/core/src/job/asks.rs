//! What a function asks while it runs for a group.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::worker::{Reply, Worker};

/// The reply to batch `ticket`, as [`Worker::reply`] has it; what is asked meanwhile is answered.
pub(super) fn reply(worker: &Arc<Worker>, ticket: u64, timeout: Duration) -> Result<Option<Reply>> {
    let deadline = Instant::now() + timeout;
    loop {
        let remaining = deadline.saturating_duration_since(Instant::now());
        match worker.reply(ticket, remaining)? {
            Some(Reply::Asked(asked)) => worker.decline(&asked)?,
            reply => return Ok(reply),
        }
    }
}
