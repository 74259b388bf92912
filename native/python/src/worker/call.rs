//! One call: its memory is mapped, it is made, the parent is answered.

use std::sync::Arc;

use beringia_core::definition::DefinitionId;
use beringia_core::protocol::{FromWorker, Watch};
use beringia_core::segment::{Arena, BufferRef, nanos};
use beringia_core::{ErrorCode, Result};
use pyo3::prelude::*;

use super::batch::flush;
use super::memory::Held;
use super::scope::{self, Scope};
use super::{Registered, Server, forks};
use crate::convention::Loaded;
use crate::convention::futures::Answer;
use crate::failure::Failure;

/// What the parent asks for.
pub struct Request {
    pub definition: DefinitionId,
    pub ticket: u64,
    pub body: Vec<u8>,
    pub buffers: Vec<BufferRef>,
    pub watch: Watch,
}

impl Server {
    /// Says of a call that was taken back that it was not made.
    pub fn revoked(&self, ticket: u64) -> Result<()> {
        self.fail(ticket, Failure::new(ErrorCode::Cancelled, "the call was taken back"))
    }

    /// Makes a call and sends what came of it.
    pub fn make(&mut self, py: Python<'_>, request: &Request) -> Result<()> {
        let started = nanos();
        let memory = self.private(&request.buffers)?;
        let mut outcome = self.call(py, request, &memory);
        forks::end_if_forked(py);
        flush(py);
        scope::leave();
        // What the function keeps a view on becomes its own: the mapping is of this call alone, other calls may share the
        // segment.
        let mut kept = false;
        for held in memory.into_iter().filter(|held| Arc::strong_count(held) > 1) {
            self.retained.keep(&held, &request.buffers)?;
            kept = true;
        }
        kept |= self.keep_told()?;
        if kept && let Err(failure) = self.retained.check(py) {
            outcome = outcome.and(Err(failure));
        }
        let ticket = request.ticket;
        match outcome {
            Ok(Answer { body, buffers, leases }) => {
                let (segments, fresh) = self.outgoing.announce(leases.iter().map(|lease| lease.segment()));
                let descriptors: Vec<_> = fresh.iter().filter_map(|segment| segment.descriptor()).collect();
                for lease in leases {
                    self.lent.insert(lease.segment().id(), lease);
                }
                let nanos = nanos() - started;
                let returned = FromWorker::Returned { ticket, segments, body, buffers, nanos };
                self.channel.send(&returned, &descriptors)
            }
            Err(failure) => self.fail(ticket, failure),
        }
    }

    fn fail(&self, ticket: u64, failure: Failure) -> Result<()> {
        let Failure { code, summary, traceback } = failure.cut();
        let (group, dropped) = (None, Vec::new());
        self.channel.send(&FromWorker::Failed { ticket, group, code, summary, traceback, dropped }, &[])
    }

    /// The segments of `buffers`, for writing to pages of its own.
    fn private(&self, buffers: &[BufferRef]) -> Result<Vec<Arc<Held>>> {
        let mut memory: Vec<Arc<Held>> = Vec::new();
        for buffer in buffers {
            if !memory.iter().any(|held| held.id() == buffer.segment) {
                memory.push(Held::new(self.incoming.private(buffer.segment)?));
            }
        }
        Ok(memory)
    }

    fn call(
        &mut self,
        py: Python<'_>,
        request: &Request,
        memory: &[Arc<Held>],
    ) -> crate::failure::Result<Answer> {
        self.load(py, request.definition, request.ticket, &request.watch)?;
        let Some(Registered { definition, function: Some(Loaded::Calls(callee)), .. }) =
            self.registered.get(&request.definition)
        else {
            return Err(Failure::new(ErrorCode::Protocol, "a call for what maps batches"));
        };
        scope::enter(Scope::loading(request.watch.task.clone(), definition.program.name.clone()));
        self.control.enter(request.ticket, 0, nanos());
        let arena = |bytes| Arena::new(Arc::clone(&self.cache), bytes);
        let answer = callee.call(py, &request.body, &request.buffers, memory, arena);
        self.control.leave();
        answer
    }
}
