//! What is observed of a job: the counters of its executor, its slowest group, the spans of a trace.
//!
//! Without a trace this costs a few additions for each batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::{Batch, Task, assemble};
use crate::definition::Definition;
use crate::metrics::Stats;
use crate::protocol::BatchStats;
use crate::runtime::Runtime;
use crate::segment::nanos;
use crate::trace::{Span, Trace, Track};
use crate::worker::Worker;

/// A slowest group that took longer is worth a line in everybody's log.
const SLOW: u64 = 1_000_000_000;

/// What is observed of one job.
#[derive(Default)]
pub(super) struct Observer {
    track: Option<(Arc<Trace>, Track)>,
    opened: u64,
    filling: Option<u64>,
    waiting: Option<u64>,
    slowest: Option<(u64, String)>,
}

impl Observer {
    pub(super) fn new(runtime: &Runtime, task: &Task, name: &str) -> Observer {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let track = runtime.trace().map(|trace| {
            let task = task.to_string();
            let thread_name = if task.is_empty() { format!("'{name}'") } else { format!("{task}: '{name}'") };
            let track = Track {
                process: std::process::id(),
                thread: NEXT.fetch_add(1, Ordering::Relaxed),
                process_name: "executor".to_owned(),
                thread_name,
            };
            (Arc::clone(trace), track)
        });
        Observer { track, opened: nanos(), ..Observer::default() }
    }

    /// Whether each call is to be timed.
    pub(super) fn traces(&self) -> bool {
        self.track.is_some()
    }

    /// A batch is being written.
    pub(super) fn filling(&mut self) {
        if self.track.is_some() {
            self.end_wait();
            self.filling.get_or_insert_with(nanos);
        }
    }

    /// It was handed over.
    pub(super) fn submitted(&mut self, batch: &Batch) {
        let details = json!({"groups": batch.descriptor.len});
        self.span("fill", self.filling, details);
        self.filling = None;
    }

    /// A result is waited for.
    pub(super) fn waiting(&mut self) {
        if self.track.is_some() {
            self.waiting.get_or_insert_with(nanos);
        }
    }

    /// It is there.
    pub(super) fn done(
        &mut self,
        definition: &Definition,
        batch: &Batch,
        worker: &Worker,
        stats: &Stats,
        of_worker: &BatchStats,
    ) {
        if let Some((group, took)) = of_worker.slowest
            && self.slowest.as_ref().is_none_or(|(most, _)| took > *most)
        {
            self.slowest = Some((took, assemble::describe_group(&definition.shape, batch, group)));
        }
        self.end_wait();
        let Some((trace, _)) = &self.track else { return };
        let process = worker.id();
        let track = Track {
            process,
            thread: u64::from(process),
            process_name: "Python worker".to_owned(),
            thread_name: format!("Python worker {process}"),
        };
        let details = json!({
            "function": definition.program.name, "groups": stats.groups, "rows": stats.rows,
            "bytesIn": stats.bytes_in, "bytesOut": stats.bytes_out,
        });
        let whole = Span {
            name: "batch".to_owned(),
            started: of_worker.started,
            nanos: of_worker.worker_nanos,
            details,
        };
        let calls = of_worker.calls.iter().flat_map(|call| {
            let details = json!({"group": assemble::describe_group(&definition.shape, batch, call.group)});
            let function = Span {
                name: definition.program.name.clone(),
                started: call.started,
                nanos: call.function_nanos,
                details,
            };
            let write = Span {
                name: "write".to_owned(),
                started: call.started.saturating_add(call.function_nanos),
                nanos: call.write_nanos,
                details: json!({}),
            };
            [function, write]
        });
        trace.add(&track, std::iter::once(whole).chain(calls));
    }

    /// The job has ended.
    pub(super) fn ended(&mut self, task: &Task, name: &str) {
        self.span("job", Some(self.opened), json!({"function": name}));
        self.track = None;
        let Some((took, group)) = self.slowest.take() else { return };
        let seconds = std::time::Duration::from_nanos(took);
        if took >= SLOW {
            tracing::info!(
                logger = "beringia.task",
                "slowest group of '{name}': {group} took {seconds:?} [{task}]"
            );
        } else {
            tracing::debug!(
                logger = "beringia.task",
                "slowest group of '{name}': {group} took {seconds:?} [{task}]"
            );
        }
    }

    fn end_wait(&mut self) {
        self.span("wait", self.waiting, json!({}));
        self.waiting = None;
    }

    fn span(&self, name: &str, started: Option<u64>, details: serde_json::Value) {
        if let (Some((trace, track)), Some(started)) = (&self.track, started) {
            let span = Span { name: name.to_owned(), started, nanos: nanos() - started, details };
            trace.add(track, [span]);
        }
    }
}
