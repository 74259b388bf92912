//! The one orchestration: batch in → worker → batch out, for one `numpy_map` node of one task.
//!
//! Batches go to the task's worker in order, at most as many at a time as the caller submits; results come back in
//! the same order. A job that failed answers every later call with the same error.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Fields};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorCode, Result};
use crate::group_key;
use crate::placement::{self, Trust};
use crate::pool::WorkerLease;
use crate::protocol::{Argument, ArrayDescriptor, BatchStats, Definition, DefinitionId, Rows};
use crate::runtime::Runtime;
use crate::segment::{Arena, Lease, SegmentId};
use crate::worker::{Interpreter, Reply};

/// What a front says about a job, in JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobSpec {
    /// The function's name, for messages.
    pub name: String,
    /// `pickle`, or `module:qualname`.
    pub function: String,
    /// In the order of the call.
    pub arguments: Vec<Argument>,
    /// How many leading children of the input are keys.
    pub keys: usize,
    /// Result rows per group.
    pub rows: Rows,
    /// The Python to run.
    pub interpreter: String,
    /// The minor version it must have.
    pub python_version: Option<String>,
    /// Entries for `sys.path`.
    #[serde(default)]
    pub paths: Vec<String>,
    /// The task that runs it.
    pub task: Task,
}

/// The engine's task.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Unique among the tasks that run at once; jobs with the same id share a worker.
    pub id: u64,
    /// Cores that the task may use.
    #[serde(default = "one")]
    pub cpus: usize,
}

fn one() -> usize {
    1
}

struct Batch {
    descriptor: ArrayDescriptor,
    leases: Vec<Arc<Lease>>,
    copied: u64,
    moved: u64,
}

#[derive(Default)]
struct State {
    /// Segments given out since the last batch.
    filling: Vec<Arc<Lease>>,
    pending: VecDeque<Batch>,
    running: VecDeque<(u64, Batch)>,
    worker: Option<Arc<WorkerLease>>,
    waiting_since: Option<Instant>,
    ended: Option<Error>,
}

/// What one result batch took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Groups of the batch.
    pub groups: u64,
    /// Rows of the result.
    pub rows: u64,
    /// Bytes of the batch.
    pub bytes_in: u64,
    /// Bytes of the result.
    pub bytes_out: u64,
    /// Bytes copied by placement and by the worker, the writing of the results included.
    pub copied: u64,
    /// Bytes moved because a buffer had to grow.
    pub moved: u64,
    /// Nanoseconds in the worker, and of these in the function.
    pub worker_nanos: u64,
    /// See `worker_nanos`.
    pub function_nanos: u64,
}

/// A result batch. It keeps the segments that its buffers lie in.
#[derive(Debug)]
pub struct Output {
    /// A struct array: the key fields, then the fields that the function returned.
    pub array: ArrayData,
    /// What it took.
    pub stats: Stats,
}

/// See the module.
pub struct Job {
    runtime: Arc<Runtime>,
    task: u64,
    interpreter: Interpreter,
    id: DefinitionId,
    definition: Definition,
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
        payload: Vec<u8>,
        input: DataType,
        output: &DataType,
    ) -> Result<Job> {
        let refuse = |what: String| Error::new(ErrorCode::Argument, what);
        let (DataType::Struct(columns), DataType::Struct(results)) = (&input, output) else {
            return Err(refuse(format!("input and output must be structs, not {input} and {output}")));
        };
        if spec.keys > columns.len() || spec.keys > results.len() {
            return Err(refuse(format!("{} keys of {} columns", spec.keys, columns.len())));
        }
        if let Some(argument) = spec.arguments.iter().find(|argument| argument.column >= columns.len()) {
            return Err(refuse(format!("argument '{}' shows column {}", argument.name, argument.column)));
        }
        let fields = DataType::Struct(results.iter().skip(spec.keys).cloned().collect());
        let interpreter =
            Interpreter { program: spec.interpreter, version: spec.python_version, threads: spec.task.cpus };
        let definition = Definition {
            name: spec.name,
            function: spec.function,
            payload,
            arguments: spec.arguments,
            keys: spec.keys,
            rows: spec.rows,
            paths: spec.paths,
            input,
            fields,
        };
        let id = content_id(&definition)?;
        Ok(Job { runtime, task: spec.task.id, interpreter, id, definition, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The type of the batches: a struct with one row per group.
    pub fn input(&self) -> &DataType {
        &self.definition.input
    }

    /// A segment to write the next batch into; it belongs to that batch.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the memory cannot be reserved; the job's own error when it has ended.
    pub fn allocate(&self, bytes: usize) -> Result<Arc<Lease>> {
        let mut state = self.state();
        state.check()?;
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
        let mut arena = Arena::new(Arc::clone(self.runtime.cache()), self.runtime.config().batch_bytes);
        let mut leases = std::mem::take(&mut state.filling);
        let (descriptor, copied) = placement::place(batch, &leases, &mut arena)?;
        let moved = arena.moved();
        leases.extend(arena.into_leases());
        state.pending.push_back(Batch { descriptor, leases, copied, moved });
        self.advance(&mut state, Duration::ZERO)
    }

    /// Gives pending batches to the worker, waiting up to `timeout` for one.
    fn advance(&self, state: &mut State, timeout: Duration) -> Result<()> {
        if state.pending.is_empty() {
            return Ok(());
        }
        let worker = match &state.worker {
            Some(lease) => Arc::clone(lease),
            None => {
                let since = *state.waiting_since.get_or_insert_with(Instant::now);
                match self.runtime.pool().lease(self.task, &self.interpreter, timeout)? {
                    Some(lease) => {
                        state.worker = Some(Arc::clone(&lease));
                        lease
                    }
                    None if since.elapsed() < self.runtime.config().lease_timeout => return Ok(()),
                    None => return Err(self.no_worker(since)),
                }
            }
        };
        while let Some(batch) = state.pending.pop_front() {
            let ticket =
                worker.worker().run(self.id, &self.definition, batch.descriptor.clone(), &batch.leases)?;
            state.running.push_back((ticket, batch));
        }
        Ok(())
    }

    fn no_worker(&self, since: Instant) -> Error {
        Error::new(
            ErrorCode::Resource,
            format!(
                "no Python worker became free within {:?}: all {} are busy. Raise spark.beringia.worker.max or \
                 spark.beringia.worker.leaseTimeout",
                since.elapsed(),
                self.runtime.pool().size()
            ),
        )
    }

    /// The next result, in the order of submission, waiting up to `timeout` for it.
    ///
    /// # Errors
    /// What went wrong with the batch, with the group's key; [`ErrorCode::Protocol`] when nothing was submitted.
    pub fn next(&self, timeout: Duration) -> Result<Option<Output>> {
        let mut state = self.state();
        state.check()?;
        match self.step(&mut state, timeout) {
            Err(error) => {
                self.stop(&mut state, error.clone());
                Err(error)
            }
            done => done,
        }
    }

    fn step(&self, state: &mut State, timeout: Duration) -> Result<Option<Output>> {
        let deadline = Instant::now() + timeout;
        self.advance(state, timeout)?;
        let (Some((ticket, batch)), Some(lease)) = (state.running.front(), &state.worker) else {
            return if state.pending.is_empty() {
                Err(Error::protocol("a result was asked for where no batch was submitted"))
            } else {
                Ok(None)
            };
        };
        let worker = lease.worker();
        let remaining = deadline.saturating_duration_since(Instant::now());
        let reply = match worker.reply(*ticket, remaining) {
            Ok(reply) => reply,
            Err(error) => {
                let position = worker.position().filter(|_| error.code == ErrorCode::WorkerDied);
                let culprit = position.and_then(|position| {
                    let (_, batch) = state.running.iter().find(|(ticket, _)| *ticket == position.ticket)?;
                    Some(self.describe_group(batch, position.group))
                });
                return Err(match culprit {
                    Some(group) => Error {
                        summary: format!("{} while '{}' ran", error.summary, self.definition.name),
                        ..error
                    }
                    .with_group(group),
                    None => error,
                });
            }
        };
        match reply {
            None => Ok(None),
            Some(Reply::Failed { error, group, retained }) => {
                retire(batch, &retained);
                Err(match group {
                    Some(group) => error.with_group(self.describe_group(batch, group)),
                    None => error,
                })
            }
            Some(Reply::Done { result, loans, retained, stats }) => {
                retire(batch, &retained);
                let find = |id: SegmentId| {
                    loans
                        .get(&id)
                        .cloned()
                        .ok_or_else(|| Error::protocol(format!("{id:?} is not in the reply")))
                };
                let fields = placement::resolve(&result, &self.reply_type(), Trust::Untrusted, &find)?;
                let output = self.assemble(batch, fields, stats)?;
                state.running.pop_front();
                Ok(Some(output))
            }
        }
    }

    /// With many rows a group, a reply carries one column more: the row of each result row's group.
    fn reply_type(&self) -> DataType {
        match (&self.definition.fields, self.definition.rows) {
            (DataType::Struct(fields), Rows::Many) => {
                let index = Arc::new(Field::new("group", DataType::Int32, false));
                DataType::Struct(fields.iter().cloned().chain([index]).collect())
            }
            (fields, _) => fields.clone(),
        }
    }

    /// Puts the keys of the batch, which lie in its inbound segments, before the fields of the reply.
    fn assemble(&self, batch: &Batch, fields: ArrayData, stats: BatchStats) -> Result<Output> {
        let groups = usize::try_from(batch.descriptor.len).unwrap_or(usize::MAX);
        let rows = fields.len();
        let mut children = fields.child_data().to_vec();
        if children.iter().any(|child| child.len() < rows) || fields.offset() != 0 {
            return Err(Error::protocol("the columns of a result differ in length"));
        }
        let index = match self.definition.rows {
            Rows::Many => children.pop(),
            Rows::One if rows != groups => {
                return Err(Error::protocol(format!("{rows} result rows for {groups} groups")));
            }
            Rows::One => None,
        };
        let mut columns = Vec::with_capacity(self.definition.keys + children.len());
        for (field, key) in self.keys(batch)? {
            let key = match &index {
                None => key,
                Some(index) => repeat(&key, index)?,
            };
            columns.push((Field::new(field.name(), key.data_type().clone(), field.is_nullable()), key));
        }
        let names = struct_fields(&self.definition.fields);
        columns.extend(names.iter().zip(children).map(|(field, child)| (field.as_ref().clone(), child)));
        let (types, data): (Vec<Field>, Vec<ArrayData>) = columns.into_iter().unzip();
        let array =
            ArrayData::builder(DataType::Struct(Fields::from(types))).len(rows).child_data(data).build()?;
        let stats = Stats {
            groups: groups as u64,
            rows: rows as u64,
            bytes_in: placement::bytes(&batch.descriptor),
            bytes_out: stats.result_bytes,
            copied: stats.copied + batch.copied,
            moved: stats.moved + batch.moved,
            worker_nanos: stats.worker_nanos,
            function_nanos: stats.function_nanos,
        };
        Ok(Output { array, stats })
    }

    fn keys(&self, batch: &Batch) -> Result<Vec<(Arc<Field>, ArrayData)>> {
        let find = |id: SegmentId| {
            let lease = batch.leases.iter().find(|lease| lease.segment().id() == id);
            lease.cloned().ok_or_else(|| Error::internal(format!("{id:?} does not belong to the batch")))
        };
        struct_fields(&self.definition.input)
            .iter()
            .zip(&batch.descriptor.children)
            .take(self.definition.keys)
            .map(|(field, child)| {
                let key = placement::resolve(child, field.data_type(), Trust::Trusted, &find)?;
                Ok((Arc::clone(field), key))
            })
            .collect()
    }

    fn describe_group(&self, batch: &Batch, row: u64) -> String {
        let row = usize::try_from(row).unwrap_or(usize::MAX);
        match self.keys(batch) {
            Ok(keys) => {
                group_key::describe(keys.iter().map(|(field, key)| (field.name().as_str(), key.clone())), row)
            }
            Err(error) => format!("row {row} of its batch ({error})"),
        }
    }

    /// Ends the job: quiesces its worker, or kills it, and only then frees its segments. Ending twice is nothing.
    pub fn close(&self) {
        let mut state = self.state();
        self.stop(&mut state, Error::new(ErrorCode::Cancelled, "the job is closed"));
    }

    fn stop(&self, state: &mut State, error: Error) {
        if let Some(lease) = state.worker.take() {
            self.quiesce(state, lease);
        }
        state.pending.clear();
        state.running.clear();
        state.filling.clear();
        state.ended.get_or_insert(error);
    }

    fn quiesce(&self, state: &State, lease: Arc<WorkerLease>) {
        let worker = lease.worker();
        let Some((last, _)) = state.running.back() else { return };
        let deadline = Instant::now() + self.runtime.config().cancel_grace;
        // Replies come in order, so with the last one all are in; dropping them returns their segments.
        worker.cancel(*last);
        for (ticket, batch) in &state.running {
            let remaining = deadline.saturating_duration_since(Instant::now());
            match worker.reply(*ticket, remaining) {
                Ok(Some(Reply::Done { retained, .. } | Reply::Failed { retained, .. })) => {
                    retire(batch, &retained)
                }
                Ok(None) => {
                    tracing::warn!(
                        worker = worker.describe(),
                        "a worker did not finish a cancelled call and is killed"
                    );
                    worker.kill();
                    return;
                }
                Err(_) => {
                    worker.kill();
                    return;
                }
            }
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.close();
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

fn retire(batch: &Batch, retained: &[SegmentId]) {
    for lease in batch.leases.iter().filter(|lease| retained.contains(&lease.segment().id())) {
        lease.retire();
    }
}

fn struct_fields(data_type: &DataType) -> &Fields {
    static NONE: std::sync::LazyLock<Fields> = std::sync::LazyLock::new(Fields::empty);
    match data_type {
        DataType::Struct(fields) => fields,
        _ => &NONE,
    }
}

/// `key` at each of `index`, without a copy of its values: a dictionary array. The indices are the worker's, so
/// they are copied to where it cannot change them, and then checked.
fn repeat(key: &ArrayData, index: &ArrayData) -> Result<ArrayData> {
    let private = Buffer::from_slice_ref(index.buffers()[0].as_slice());
    let data_type = DataType::Dictionary(Box::new(DataType::Int32), Box::new(key.data_type().clone()));
    Ok(ArrayData::builder(data_type)
        .len(index.len())
        .offset(index.offset())
        .add_buffer(private)
        .add_child_data(key.clone())
        .build()?)
}

/// Equal definitions get equal ids, whoever makes them.
fn content_id(definition: &Definition) -> Result<DefinitionId> {
    let digest = Sha256::digest(postcard::to_stdvec(definition)?);
    let mut id = [0; 8];
    id.copy_from_slice(&digest[..8]);
    Ok(DefinitionId(u64::from_le_bytes(id)))
}

#[cfg(test)]
mod tests;
