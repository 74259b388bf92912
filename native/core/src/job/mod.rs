//! The one orchestration: batch in → worker → batch out, for one node of one task.
//!
//! Batches go to the task's worker in order, and to others where these would be idle; results come back in the order of
//! the batches. A job that failed answers every later call with the same error.

mod asks;
mod assemble;
mod crew;
mod ends;
mod observe;
mod spec;

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrow_data::ArrayData;
use arrow_schema::DataType;
use sha2::{Digest, Sha256};

use crate::blocks::Block;
use crate::definition::{Definition, DefinitionId, Shape};
use crate::error::{Error, ErrorCode, Result};
use crate::log;
use crate::metrics::Stats;
use crate::placement;
use crate::protocol::{ArrayDescriptor, Watch};
use crate::runtime::Runtime;
use crate::segment::{Arena, BufferRef, Lease, SegmentId};
use crate::worker::{Assignment, Interpreter, Reply, Worker};

pub(crate) use asks::Asks;
use asks::Reserve;
use crew::{Crew, DEPTH};
use observe::Observer;
pub use spec::{JobSpec, ProgramSpec, ShapeSpec, Task};

/// Batches in flight, done or not, of a job that has spare workers.
const AHEAD: usize = 16;
/// How long a job that has spare workers looks at one of them before it looks at the others.
const TURN: Duration = Duration::from_millis(5);

struct Batch {
    /// Who has it, and its ticket there; nobody yet, or no more.
    at: Option<(Arc<Worker>, u64)>,
    /// The answer, where a batch before it is not done.
    reply: Option<Reply>,
    descriptor: ArrayDescriptor,
    leases: Vec<Arc<Lease>>,
    copied: u64,
    moved: u64,
    /// Groups that are not to be tried again, and why.
    condemned: Vec<(u64, String)>,
    /// How often it was lost with a worker that was not at one of its groups.
    lost: u32,
}

#[derive(Default)]
struct State {
    /// Segments given out since the last batch.
    filling: Vec<Arc<Lease>>,
    /// Those without a result, in their order.
    batches: VecDeque<Batch>,
    crew: Crew,
    ended: Option<Error>,
    observer: Observer,
}

/// A result batch. It keeps the segments that its buffers lie in.
#[derive(Debug)]
pub struct Output {
    /// A struct array: the key fields, then the fields that the function returned.
    pub array: ArrayData,
    /// The bytes of the segments that those fields lie in, and keep from the worker.
    pub held: usize,
    /// Segments of the worker that are mapped here, for this result and others: each takes a descriptor.
    pub mapped: usize,
    /// What the convention has to say beside it.
    pub aside: Vec<u8>,
    /// What it took.
    pub stats: Stats,
}

/// A function and the batches of one task that it is mapped over.
pub struct Job {
    runtime: Arc<Runtime>,
    task: Task,
    spread: bool,
    interpreter: Interpreter,
    python: Option<String>,
    id: DefinitionId,
    definition: Definition,
    /// The block that the definition names.
    block: Option<Block>,
    state: Mutex<State>,
}

impl Job {
    /// A job that maps rows of type `input` to rows of type `output`, both structs; nothing runs yet.
    ///
    /// # Errors
    /// [`ErrorCode::Argument`] when specification and types do not fit together.
    pub fn new(
        runtime: Arc<Runtime>,
        spec: JobSpec,
        payload: &[u8],
        input: DataType,
        output: &DataType,
    ) -> Result<Job> {
        let (function, bytes) = spec.split(payload)?;
        let hold = |id: &String| runtime.blocks().get(id, bytes.len(), &[(0, bytes)]);
        let block = spec.block.as_ref().map(hold).transpose()?;
        let reference = block.as_ref().map(|block| BufferRef {
            segment: block.segment.id(),
            offset: 0,
            len: block.len as u64,
        });
        let (task, spread, interpreter) = (spec.task.clone(), spec.spread, spec.interpreter());
        let python = spec.program.python_version.clone();
        let definition = spec.define(function.to_vec(), reference, input, output)?;
        let id = content_id(&definition)?;
        runtime.pool().prewarm(&interpreter);
        let observer = Observer::new(&runtime, &task, &definition.program.name);
        Ok(Job {
            runtime,
            task,
            spread,
            interpreter,
            python,
            id,
            definition,
            block,
            state: Mutex::new(State { observer, ..State::default() }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The type of the batches: a struct with one row per group.
    pub fn input(&self) -> &DataType {
        &self.definition.shape.input
    }

    /// A segment to write the next batch into; it belongs to that batch.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the memory cannot be reserved; the job's own error when it has ended.
    pub fn allocate(&self, bytes: usize) -> Result<Arc<Lease>> {
        let mut state = self.state();
        state.check()?;
        state.observer.filling();
        let lease = self.runtime.cache().lease(bytes)?;
        state.filling.push(Arc::clone(&lease));
        Ok(lease)
    }

    /// Hands over a batch. Buffers that lie in segments from [`Self::allocate`] are not copied. Never waits.
    ///
    /// # Errors
    /// [`ErrorCode::Argument`] when the type is not the job's, [`ErrorCode::Resource`] when memory ran out; the
    /// job's own error when it has ended.
    pub fn submit(&self, batch: &ArrayData) -> Result<()> {
        let mut state = self.state();
        state.check()?;
        if batch.data_type() != self.input() {
            return Err(Error::new(
                ErrorCode::Argument,
                format!("a batch of {} where {} was declared", batch.data_type(), self.input()),
            ));
        }
        state.observer.filling();
        let mut arena = Arena::new(Arc::clone(self.runtime.cache()), self.runtime.config().batch_bytes);
        let mut leases = std::mem::take(&mut state.filling);
        let (descriptor, copied) = placement::place(batch, &leases, &mut arena)?;
        let moved = arena.moved();
        leases.extend(arena.into_leases());
        let batch = Batch {
            at: None,
            reply: None,
            descriptor,
            leases,
            copied,
            moved,
            condemned: Vec::new(),
            lost: 0,
        };
        state.observer.submitted(&batch);
        state.batches.push_back(batch);
        self.advance(&mut state, Duration::ZERO)
    }

    /// Whether another batch would keep a worker busy; with two in flight only where there are spare ones.
    ///
    /// # Errors
    /// The job's own error when it has ended.
    pub fn has_room(&self) -> Result<bool> {
        let state = self.state();
        state.check()?;
        let open = state.batches.iter().filter(|batch| batch.reply.is_none()).count();
        let spare = self.spread && self.runtime.pool().has_spare(&self.interpreter);
        let room = state.crew.depth() + usize::from(spare);
        let in_flight = state.batches.len();
        Ok(in_flight < DEPTH || (in_flight < AHEAD && open < room))
    }

    fn reserve(&self) -> Reserve<'_> {
        Reserve {
            pool: self.runtime.pool(),
            interpreter: &self.interpreter,
            python: self.python.as_deref(),
            spread: self.spread,
        }
    }

    /// Gives batches to workers, waiting up to `timeout` for the first one.
    fn advance(&self, state: &mut State, timeout: Duration) -> Result<()> {
        let State { batches, crew, observer, .. } = state;
        let pool = self.runtime.pool();
        while let Some(index) = batches.iter().position(|batch| batch.at.is_none()) {
            if !crew.complete(pool, self.task.id, &self.interpreter, timeout)? {
                return Ok(());
            }
            let load = |worker: &Arc<Worker>| batches.iter().filter(|batch| batch.is_open_at(worker)).count();
            let spare = || if self.spread { pool.spare(&self.interpreter) } else { None };
            let Some(worker) = crew.next(load, spare) else { return Ok(()) };
            let batch = &mut batches[index];
            let ticket = worker.run(Assignment {
                id: self.id,
                definition: &self.definition,
                block: self.block.as_ref().map(|block| &block.segment),
                batch: batch.descriptor.clone(),
                leases: &batch.leases,
                condemned: &batch.condemned,
                python: self.python.as_deref(),
                watch: Watch {
                    task: self.task.to_string(),
                    log_level: log::level(),
                    trace: observer.traces(),
                },
            })?;
            batch.at = Some((worker, ticket));
        }
        Ok(())
    }

    /// The next result, in the order of submission, waiting up to `timeout` for it.
    ///
    /// # Errors
    /// What went wrong with the batch, with the group's key; [`ErrorCode::Protocol`] when nothing was submitted.
    pub fn next(&self, timeout: Duration) -> Result<Option<Output>> {
        let mut state = self.state();
        state.check()?;
        state.observer.waiting();
        match self.step(&mut state, timeout) {
            Err(error) => {
                let error = error.with_function(&self.definition.program.name);
                self.runtime.pool().metrics().failed();
                self.stop(&mut state, error.clone());
                Err(error)
            }
            done => done,
        }
    }

    fn step(&self, state: &mut State, timeout: Duration) -> Result<Option<Output>> {
        let deadline = Instant::now() + timeout;
        self.advance(state, timeout)?;
        let has_spares = state.crew.has_spares();
        if has_spares {
            self.collect(state)?;
            self.advance(state, Duration::ZERO)?;
        }
        let Some(batch) = state.batches.front_mut() else {
            return Err(Error::protocol("a result was asked for where no batch was submitted"));
        };
        let Some((worker, ticket)) = batch.at.clone() else { return Ok(None) };
        let reply = match batch.reply.take() {
            None => {
                let remaining = deadline.saturating_duration_since(Instant::now());
                let patience = if has_spares { remaining.min(TURN) } else { remaining };
                match self.runtime.asks().reply(&self.reserve(), &worker, ticket, patience) {
                    Ok(reply) => reply,
                    Err(error) => return self.recover(state, error, &worker).map(|()| None),
                }
            }
            reply => reply,
        };
        let batch = &state.batches[0];
        match reply {
            None => Ok(None),
            Some(Reply::Returned { .. } | Reply::Asked(_)) => {
                Err(Error::protocol("a batch was answered as a call is"))
            }
            Some(Reply::Failed { error, group }) => {
                let error = match group {
                    Some(group) => {
                        error.with_group(assemble::describe_group(&self.definition.shape, batch, group))
                    }
                    None => error,
                };
                // It has answered: nothing more is awaited of it, and the worker is as good as before.
                state.batches.pop_front();
                Err(error)
            }
            Some(Reply::Done { result, loans, aside, stats: of_worker }) => {
                let find = |id: SegmentId| {
                    loans
                        .get(&id)
                        .cloned()
                        .ok_or_else(|| Error::protocol(format!("{id:?} is not in the reply")))
                };
                let reply_type = assemble::reply_type(&self.definition.shape);
                let (fields, texts) = placement::verify(&result, &reply_type, &find)?;
                let array = assemble::output(&self.definition.shape, batch, &fields)?;
                let held = loans.values().map(|loan| loan.segment().len()).sum();
                let stats = Stats {
                    groups: batch.descriptor.len,
                    rows: array.len() as u64,
                    bytes_in: placement::bytes(&batch.descriptor),
                    bytes_out: of_worker.result_bytes,
                    // The worker may say anything: its numbers must not overflow ours.
                    copied: of_worker.copied.saturating_add(batch.copied).saturating_add(texts),
                    moved: of_worker.moved.saturating_add(batch.moved),
                    worker_nanos: of_worker.worker_nanos,
                    function_nanos: of_worker.function_nanos,
                    write_nanos: of_worker.write_nanos,
                    slowest_nanos: of_worker.slowest.map_or(0, |(_, nanos)| nanos),
                };
                self.runtime.pool().metrics().done(&stats, &of_worker.durations);
                state.observer.done(&self.definition, batch, &worker, &stats, &of_worker);
                state.batches.pop_front();
                Ok(Some(Output { array, held, mapped: worker.result_segments(), aside, stats }))
            }
        }
    }

    /// Takes what is answered of the batches behind the first, and gives back the spare workers that tasks wait for.
    fn collect(&self, state: &mut State) -> Result<()> {
        for index in 1..state.batches.len() {
            let batch = &mut state.batches[index];
            let Some((worker, ticket)) = batch.at.clone().filter(|_| batch.reply.is_none()) else { continue };
            match self.runtime.asks().reply(&self.reserve(), &worker, ticket, Duration::ZERO) {
                Ok(reply) => batch.reply = reply,
                Err(error) => self.recover(state, error, &worker)?,
            }
        }
        let State { batches, crew, .. } = state;
        crew.yield_spares(self.runtime.pool(), |worker| batches.iter().any(|batch| batch.is_open_at(worker)));
        Ok(())
    }
}

impl Batch {
    fn ticket(&self) -> Option<u64> {
        self.at.as_ref().map(|(_, ticket)| *ticket)
    }

    /// Whether `worker` has it and did not answer yet.
    fn is_open_at(&self, worker: &Arc<Worker>) -> bool {
        self.reply.is_none() && self.at.as_ref().is_some_and(|(own, _)| Arc::ptr_eq(own, worker))
    }
}

impl State {
    fn check(&self) -> Result<()> {
        match &self.ended {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

/// Equal definitions get equal ids, whoever makes them.
pub(crate) fn content_id(definition: &Definition) -> Result<DefinitionId> {
    // The metadata of fields has no order, but where they are hashed.
    let Definition {
        program,
        shape: Shape { input, output, keys, keep, rows, mapping },
        policy,
        options,
        block,
    } = definition;
    let mut types = DefaultHasher::new();
    (input, output).hash(&mut types);
    let rest = (program, keys, keep, rows, mapping, policy, options, block);
    let digest = Sha256::digest(postcard::to_stdvec(&(types.finish(), rest))?);
    let mut id = [0; 8];
    id.copy_from_slice(&digest[..8]);
    Ok(DefinitionId(u64::from_le_bytes(id)))
}

#[cfg(test)]
mod tests;
