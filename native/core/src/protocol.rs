//! The messages of both ends, and nothing else.
//!
//! Only ids, offsets and lengths of shared memory are in them, never data: a batch is announced by an
//! [`ArrayDescriptor`], the data of a call by where they lie, beside what its convention has to say. Parent and worker are
//! always built together; [`VERSION`] catches a mixed installation.
//! What a call asks while it runs is in [`asks`].

pub mod asks;

use std::cell::Cell;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::definition::{Definition, DefinitionId};
use crate::durations::Durations;
use crate::error::ErrorCode;
use crate::segment::{Announcement, BufferRef, SegmentId, SegmentToken};
use crate::spelling::Spelling;

/// Changes with every change to this file, or that of [`asks`].
pub const VERSION: u32 = 8;

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

/// From the parent to the worker.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToWorker {
    /// The first message; the worker's end of the channel for [`asks`] is the last descriptor beside it.
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
        /// How messages name settings.
        spelling: Spelling,
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
    /// Make this one call.
    Call {
        /// The function.
        definition: DefinitionId,
        /// Names the call in the reply; counts up, with those of batches.
        ticket: u64,
        /// Segments to attach and to forget.
        segments: Announcement,
        /// What is called, which only the convention reads.
        body: Vec<u8>,
        /// Where its data lie.
        buffers: Vec<BufferRef>,
        /// As in `Run`.
        recycle: Vec<SegmentId>,
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
        /// The version of Python, such as `3.11.7`.
        python: String,
        /// The libraries that it has loaded, with their versions, for the log.
        libraries: String,
    },
    /// A batch is done.
    Done {
        /// The batch.
        ticket: u64,
        /// Segments to attach and to forget.
        segments: Announcement,
        /// The result's fields; with many rows a group, followed by an int32 column of the rows' groups.
        result: ArrayDescriptor,
        /// Segments of the batch that the worker has no mapping of any more: what is still viewed it keeps a copy of.
        dropped: Vec<SegmentId>,
        /// What the convention has to say beside the result, which only whoever uses it reads; most say nothing.
        aside: Vec<u8>,
        /// What it took.
        stats: Box<BatchStats>,
    },
    /// A call is over: it returned, or raised, which only the convention can tell.
    Returned {
        /// The call.
        ticket: u64,
        /// Segments to attach and to forget.
        segments: Announcement,
        /// What came of it.
        body: Vec<u8>,
        /// Where its data lie.
        buffers: Vec<BufferRef>,
        /// Nanoseconds in the worker.
        nanos: u64,
    },
    /// A batch failed, or a call could not be made or answered; the worker lives.
    Failed {
        /// The batch or call.
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
        dropped: Vec<SegmentId>,
    },
}
