//! One batch: its memory is mapped, its groups are run, the parent is answered.

use std::sync::Arc;

use beringia_core::definition::{DefinitionId, Mapping};
use beringia_core::placement;
use beringia_core::protocol::{ArrayDescriptor, FromWorker, Watch};
use beringia_core::segment::{Arena, SegmentId, nanos};
use beringia_core::{Error, ErrorCode, Result};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::groups::{Done, Groups, Outcome};
use super::memory::Held;
use super::scope::{self, Scope};
use super::{Registered, Server, forks};
use crate::convention::{self, Batch, Loaded};
use crate::failure::Failure;

/// What the parent asks for.
pub struct Run {
    pub definition: DefinitionId,
    pub ticket: u64,
    pub batch: ArrayDescriptor,
    /// Groups that are not to be tried again, and why.
    pub condemned: Vec<(u64, String)>,
    pub watch: Watch,
}

impl Server {
    /// Runs a batch and sends what came of it.
    pub fn answer(&mut self, py: Python<'_>, run: &Run) -> Result<()> {
        let started = nanos();
        let memory = self.hold(run)?;
        let mut outcome = self.run(py, run, &memory);
        forks::end_if_forked(py);
        flush(py);
        scope::leave();
        // Ours is the last reference, unless the function or its result keep a view: that gets a copy, in its place.
        let mut dropped = Vec::new();
        for held in memory.into_iter().filter(|held| Arc::strong_count(held) > 1) {
            self.incoming.remove(held.id());
            let mut shown = Vec::new();
            placement::references(&run.batch, &mut |reference| shown.push(*reference));
            self.retained.keep(&held, &shown)?;
            dropped.push(held.id());
        }
        let told = self.keep_told()?;
        if (told || !dropped.is_empty())
            && let Err(failure) = self.retained.check(py)
        {
            outcome = outcome.and(Err((None, failure)));
        }
        let ticket = run.ticket;
        match outcome {
            Ok(Done { result, leases, aside, mut stats }) => {
                let (segments, fresh) = self.outgoing.announce(leases.iter().map(|lease| lease.segment()));
                let descriptors: Vec<_> = fresh.iter().filter_map(|segment| segment.descriptor()).collect();
                for lease in leases {
                    self.lent.insert(lease.segment().id(), lease);
                }
                stats.started = started;
                stats.worker_nanos = nanos() - started;
                let stats = Box::new(stats);
                let done = FromWorker::Done { ticket, segments, result, dropped, aside, stats };
                self.channel.send(&done, &descriptors)
            }
            Err((group, failure)) => {
                let Failure { code, summary, traceback } = failure.cut();
                let failed = FromWorker::Failed { ticket, group, code, summary, traceback, dropped };
                self.channel.send(&failed, &[])
            }
        }
    }

    /// The segments of the batch, as its definition has them mapped.
    fn hold(&self, run: &Run) -> Result<Vec<Arc<Held>>> {
        let mut ids: Vec<SegmentId> = Vec::new();
        placement::segments(&run.batch, &mut |id| {
            if !ids.contains(&id) {
                ids.push(id);
            }
        });
        let mapping =
            self.registered.get(&run.definition).map(|registered| registered.definition.shape.mapping);
        let hold = |id: SegmentId| {
            Ok(Held::new(match mapping {
                Some(Mapping::Private) => self.incoming.private(id)?,
                _ => Arc::clone(self.incoming.get(id)?),
            }))
        };
        ids.into_iter().map(hold).collect()
    }

    fn run(&mut self, py: Python<'_>, run: &Run, memory: &[Arc<Held>]) -> Outcome<Done> {
        let nowhere = |failure: Failure| (None, failure);
        self.load(py, run.definition, run.ticket, &run.watch).map_err(nowhere)?;
        let Some(Registered { definition, function: Some(Loaded::Groups(function)), result_bytes }) =
            self.registered.get_mut(&run.definition)
        else {
            return Err(nowhere(Failure::new(ErrorCode::Protocol, "a batch for what makes single calls")));
        };
        let find = |id: SegmentId| {
            let held = memory.iter().find(|held| held.id() == id);
            held.cloned().ok_or_else(|| Error::protocol(format!("{id:?} was never announced")))
        };
        let rows = placement::resolve(&run.batch, &definition.shape.input, &find)
            .map_err(|error| nowhere(error.into()))?;
        scope::enter(Scope::of(&self.control, run.watch.task.clone(), definition, &rows));
        let batch = Batch { py, definition, rows: &rows, memory };
        let arena = Arena::new(Arc::clone(&self.cache), *result_bytes);
        let groups = Groups { control: &self.control, run };
        let done = function.map(&batch, arena, &groups)?;
        // A little more, so that the next result, of about the same size, lies in one segment.
        let bytes = usize::try_from(done.stats.result_bytes).unwrap_or(0);
        *result_bytes = bytes + bytes / 16;
        Ok(done)
    }

    /// Loads what a definition runs, if this is its first use.
    pub(super) fn load(
        &mut self,
        py: Python<'_>,
        id: DefinitionId,
        ticket: u64,
        watch: &Watch,
    ) -> crate::failure::Result<()> {
        let Some(Registered { definition, function, .. }) = self.registered.get_mut(&id) else {
            return Err(Failure::new(ErrorCode::Protocol, format!("{id:?} was never registered")));
        };
        if function.is_some() {
            return Ok(());
        }
        scope::enter(Scope::loading(watch.task.clone(), definition.program.name.clone()));
        let block = definition.block.map(|block| self.incoming.get(block.segment).cloned()).transpose()?;
        self.control.load(ticket, nanos());
        let loaded = convention::load(py, definition, block);
        self.control.leave();
        *function = Some(loaded?);
        Ok(())
    }
}

/// Flushes what the function printed, so that it reaches the log with its batch.
pub(super) fn flush(py: Python<'_>) {
    // To import it anew takes as long as a short call.
    static SYS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let Ok(sys) = SYS.get_or_try_init(py, || py.import("sys").map(Bound::unbind)) else { return };
    for stream in [intern!(py, "stdout"), intern!(py, "stderr")] {
        // A function may have closed or replaced them; that is its own affair.
        let _ = sys.bind(py).getattr(stream).and_then(|s| s.call_method0(intern!(py, "flush")));
    }
}
