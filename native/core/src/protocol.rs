//! The messages of both ends, and nothing else.
//!
//! Only ids, offsets and lengths of shared memory are in them, never data: a batch is announced by an
//! [`ArrayDescriptor`]. Parent and worker are always built together; [`VERSION`] catches a mixed installation.

use std::cell::Cell;

use arrow_schema::DataType;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::durations::Durations;
use crate::error::ErrorCode;
use crate::segment::{Announcement, SegmentId, SegmentToken};

/// Changes with every change to this file.
pub const VERSION: u32 = 2;

/// Bytes in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BufferRef {
    /// The segment.
    pub segment: SegmentId,
    /// The first byte.
    pub offset: u64,
    /// How many.
    pub len: u64,
}

/// An Arrow array whose buffers lie in segments. Its type travels with the job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrayDescriptor {
    /// The number of values.
    pub len: u64,
    /// The index of the first value in the buffers.
    pub offset: u64,
    /// The validity bitmap and its first bit; none when nothing is missing.
    pub validity: Option<(BufferRef, u64)>,
    /// The buffers, as Arrow's layout of the type lists them.
    pub buffers: Vec<BufferRef>,
    /// The children.
    #[serde(deserialize_with = "children")]
    pub children: Vec<ArrayDescriptor>,
}

/// Deeper than any type: what is deeper would only overflow the stack of whoever reads it.
const MAX_DEPTH: usize = 64;

fn children<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ArrayDescriptor>, D::Error> {
    thread_local!(static DEPTH: Cell<usize> = const { Cell::new(0) });
    let depth = DEPTH.get();
    if depth >= MAX_DEPTH {
        return Err(D::Error::custom(format_args!("an array of more than {MAX_DEPTH} levels")));
    }
    DEPTH.set(depth + 1);
    let children = Vec::deserialize(deserializer);
    DEPTH.set(depth);
    children
}

/// How missing values are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// NaN, NaT or `None`; an error for types that have neither.
    #[default]
    Nan,
    /// Masked arrays.
    Mask,
    /// An error.
    Error,
}

/// One argument of the function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// The parameter.
    pub name: String,
    /// Passed by name and not by position.
    #[serde(default)]
    pub keyword: bool,
    /// The child of the input that it shows.
    pub column: usize,
    /// How its missing values are shown.
    #[serde(default)]
    pub missing: Missing,
    /// The column's type as the engine calls it, for messages.
    #[serde(default, rename = "type")]
    pub type_name: String,
    /// What the column's structs stand for.
    #[serde(default)]
    pub udt: Option<Udt>,
}

/// A user-defined type that is shown as what it means, and not as the struct that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Udt {
    /// A vector of Spark ML: `{type, size, indices, values}`, type 0 sparse, 1 dense.
    Vector,
    /// A matrix of Spark ML: `{type, numRows, numCols, colPtrs, rowIndices, values, isTransposed}`.
    Matrix,
}

/// How many result rows a group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rows {
    /// Exactly one.
    One,
    /// Any number.
    Many,
}

/// What becomes of a group that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// The job fails.
    #[default]
    Raise,
    /// The group is one row of nulls.
    Null,
    /// The same; and the last field, a string, says what happened. It is null for the other groups.
    Column,
}

/// An array that every call gets by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constant {
    /// The parameter.
    pub name: String,
    /// NumPy's type string, such as `<f8`.
    pub dtype: String,
    /// The shape.
    pub shape: Vec<usize>,
    /// Whether the first axis varies fastest.
    #[serde(default)]
    pub fortran: bool,
    /// Where its values begin in the block of all constants, a multiple of 64.
    pub offset: usize,
}

/// The constants of a job: one block, in one segment of each executor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constants {
    /// The arrays.
    pub arrays: Vec<Constant>,
    /// The block.
    pub block: Option<BufferRef>,
    /// Those that are no arrays: the parameter, and the value in JSON.
    pub values: Vec<(String, String)>,
}

/// What a worker needs to know of a job, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// The function's name, for messages.
    pub name: String,
    /// `pickle`, or `module:qualname`.
    pub function: String,
    /// The pickled function.
    pub payload: Vec<u8>,
    /// In the order of the call: positional ones first.
    pub arguments: Vec<Argument>,
    /// How many leading children of the input are keys.
    pub keys: usize,
    /// Rows per group.
    pub rows: Rows,
    /// Columns of the input that the output carries through: a group has as many result rows as they have values.
    pub keep: Vec<usize>,
    /// NaN in a result becomes null.
    pub nan_as_null: bool,
    /// What becomes of a group that fails.
    pub on_error: OnError,
    /// Arguments may be written to; nobody else sees it.
    pub writable: bool,
    /// Arrays that every call gets.
    pub constants: Constants,
    /// Entries for `sys.path`.
    pub paths: Vec<String>,
    /// The type of the input: a struct with one row per group.
    pub input: DataType,
    /// The type of the fields that the function returns, a struct.
    pub fields: DataType,
    /// Which of the fields are structs that stand for vectors of Spark ML.
    pub vectors: Vec<usize>,
    /// What the engine calls types, for messages.
    pub type_names: TypeNames,
}

/// What an engine calls types, for messages; where it says nothing, the names are Spark's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TypeNames {
    /// The types of the fields that the function returns.
    pub fields: Vec<String>,
    /// The type that has NaN for a missing value.
    pub float64: Option<String>,
}

/// Names a definition within one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DefinitionId(pub u64);

/// From the parent to the worker.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToWorker {
    /// The first message.
    Start {
        /// [`VERSION`] of the parent.
        version: u32,
        /// The control page, passed with the message.
        control: SegmentToken,
        /// Bytes of unused segments that the worker may keep.
        idle_limit: u64,
        /// Bytes of batches that functions may keep views on.
        retained_limit: u64,
        /// The kind of memory that the worker creates.
        backend: crate::segment::Backend,
    },
    /// A function that batches will name; and the segment of its constants, if the worker has not seen it.
    Register(DefinitionId, Box<Definition>, Announcement),
    /// A function that no batch will name any more.
    Unregister(DefinitionId),
    /// Map this batch.
    Run {
        /// The function.
        definition: DefinitionId,
        /// Names the batch in the reply; counts up.
        ticket: u64,
        /// Segments to attach and to forget.
        segments: Announcement,
        /// The batch.
        batch: ArrayDescriptor,
        /// Segments of earlier replies that nobody reads any more.
        recycle: Vec<SegmentId>,
        /// Groups that are not to be tried again, and why: they killed a worker or took too long.
        condemned: Vec<(u64, String)>,
        /// What is observed meanwhile.
        watch: Watch,
    },
    /// End in order.
    Shutdown,
}

/// What is observed while a batch runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The task, for what the function prints and logs.
    pub task: String,
    /// The lowest level of Python's `logging` that somebody reads.
    pub log_level: u8,
    /// Whether each call is timed for a trace.
    pub trace: bool,
}

/// One call of the function, for a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The group's row in the batch.
    pub group: u64,
    /// When it began, in nanoseconds of the monotonic clock.
    pub started: u64,
    /// How long the function ran.
    pub function_nanos: u64,
    /// How long its result was written after that.
    pub write_nanos: u64,
}

/// Calls of a batch that a trace shows; those after them are not timed one by one.
pub const MAX_TRACED_CALLS: usize = 2_000;

/// How long a batch took, and what was copied for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchStats {
    /// When it began, in nanoseconds of the monotonic clock.
    pub started: u64,
    /// Nanoseconds in the worker.
    pub worker_nanos: u64,
    /// Of these, in the function.
    pub function_nanos: u64,
    /// Of these, in writing results.
    pub write_nanos: u64,
    /// Calls by duration.
    pub durations: Durations,
    /// The group that took longest, and its nanoseconds.
    pub slowest: Option<(u64, u64)>,
    /// The first calls, where a trace was asked for.
    pub calls: Vec<Call>,
    /// Bytes of arguments that could not be shown without a copy, and of results.
    pub copied: u64,
    /// Bytes moved because a result's buffer had to grow.
    pub moved: u64,
    /// Bytes of results.
    pub result_bytes: u64,
}

/// From the worker to the parent.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromWorker {
    /// The answer to `Start`.
    Hello {
        /// [`VERSION`] of the worker.
        version: u32,
        /// The Python version, such as `3.11.7`.
        python: String,
        /// The NumPy version.
        numpy: String,
    },
    /// A batch is done.
    Done {
        /// The batch.
        ticket: u64,
        /// Segments to attach and to forget.
        segments: Announcement,
        /// The result's fields; with many rows a group, followed by an int32 column of the rows' groups.
        result: ArrayDescriptor,
        /// Segments of the batch that someone still views: they must not be written to again.
        retained: Vec<SegmentId>,
        /// What it took.
        stats: Box<BatchStats>,
    },
    /// A batch failed; the worker lives.
    Failed {
        /// The batch.
        ticket: u64,
        /// The row of the group at fault.
        group: Option<u64>,
        /// The kind of failure.
        code: ErrorCode,
        /// What happened, without group and traceback.
        summary: String,
        /// The Python traceback.
        traceback: Option<String>,
        /// As in `Done`.
        retained: Vec<SegmentId>,
    },
}
