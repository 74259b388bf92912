//! What a front says about a job, in JSON (`docs/jvm-boundary.md`).

use std::fmt;

use arrow_schema::{DataType, Fields};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::definition::{Definition, Mapping, OnError, Policy, Program, RowCount, Shape};
use crate::error::{Error, ErrorCode, Result};
use crate::segment::{ALIGNMENT, BufferRef};
use crate::worker::Interpreter;

/// What a front says about a job.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobSpec {
    /// What runs.
    pub program: ProgramSpec,
    /// From what to what; the types are said beside it.
    pub shape: ShapeSpec,
    /// What becomes of what goes wrong.
    #[serde(default)]
    pub policy: Policy,
    /// Names the content of the block of bytes that all workers see: equal ids, equal bytes.
    pub block: Option<String>,
    /// What the convention has to know; it is passed on unread.
    pub options: Box<RawValue>,
    /// The task that runs it.
    #[serde(default)]
    pub task: Task,
    /// Whether other workers than the task's own may have batches of it.
    #[serde(default = "yes")]
    pub spread: bool,
}

/// What runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProgramSpec {
    /// The function's name, for messages.
    pub name: String,
    /// How it is called.
    pub convention: String,
    /// `pickle`, `module:qualname` or `source:name`.
    pub function: String,
    /// How many bytes of the payload are the function; the block follows at the next multiple of 64.
    pub function_bytes: Option<usize>,
    /// The Python to run.
    pub interpreter: String,
    /// The minor version it must have.
    pub python_version: Option<String>,
    /// Entries for `sys.path`.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Names the modules of which these paths are; jobs that do not name the same share no worker.
    pub environment: Option<String>,
}

/// From what to what.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShapeSpec {
    /// How many leading children of the input are keys.
    pub keys: usize,
    /// Columns of the input that the output carries through, after the keys.
    #[serde(default)]
    pub keep: Vec<usize>,
    /// Result rows per group.
    pub rows: RowCount,
    /// How the worker sees the input.
    #[serde(default)]
    pub mapping: Mapping,
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
    /// The engine's number of its stage, where there are stages.
    pub stage: Option<u64>,
    /// The partition that it works on.
    pub partition: Option<u64>,
}

impl Default for Task {
    fn default() -> Self {
        Task { id: 0, cpus: one(), stage: None, partition: None }
    }
}

/// For logs; empty where the engine has no tasks of its own.
impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.stage, self.partition) {
            (Some(stage), Some(partition)) => {
                write!(f, "stage {stage}, partition {partition}, task {}", self.id)
            }
            _ => Ok(()),
        }
    }
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

impl JobSpec {
    /// Reads a specification.
    ///
    /// # Errors
    /// [`ErrorCode::Argument`] when it is not one.
    pub fn from_json(json: &str) -> Result<JobSpec> {
        serde_json::from_str(json)
            .map_err(|error| Error::new(ErrorCode::Argument, format!("the job's specification: {error}")))
    }

    /// Which Python runs it.
    pub fn interpreter(&self) -> Interpreter {
        Interpreter {
            program: self.program.interpreter.clone(),
            threads: self.task.cpus,
            environment: self.program.environment.clone(),
        }
    }

    /// The function and the block in a payload.
    pub(super) fn split<'a>(&self, payload: &'a [u8]) -> Result<(&'a [u8], &'a [u8])> {
        let Some(len) = self.program.function_bytes else { return Ok((payload, &[])) };
        let (function, rest) = payload.split_at_checked(len).ok_or_else(|| {
            Error::new(ErrorCode::Argument, format!("{len} bytes of function in {}", payload.len()))
        })?;
        let padding = len.next_multiple_of(ALIGNMENT) - len;
        Ok((function, rest.get(padding..).unwrap_or_default()))
    }

    /// What the worker has to know, checked against the types of the batches and of the result.
    pub(super) fn define(
        self,
        function: Vec<u8>,
        block: Option<BufferRef>,
        input: DataType,
        output: &DataType,
    ) -> Result<Definition> {
        let refuse = |what: String| Err(Error::new(ErrorCode::Argument, what));
        let (DataType::Struct(columns), DataType::Struct(results)) = (&input, output) else {
            return refuse(format!("input and output must be structs, not {input} and {output}"));
        };
        let ShapeSpec { keys, keep, rows, mapping } = self.shape;
        let carried = keys + keep.len();
        if keys > columns.len() || carried > results.len() {
            return refuse(format!("{carried} keys and kept columns of {}", results.len()));
        }
        if let Some(column) = keep.iter().find(|column| **column >= columns.len()) {
            return refuse(format!("column {column} of {}", columns.len()));
        }
        let fields: Fields = results.iter().skip(carried).cloned().collect();
        let reports = fields.last().is_some_and(|field| field.data_type() == &DataType::LargeUtf8);
        if self.policy.on_error == OnError::Column && !reports {
            return refuse("the last field must be a string, for the error".to_owned());
        }
        Ok(Definition {
            program: Program {
                name: self.program.name,
                convention: self.program.convention,
                function: self.program.function,
                payload: function,
                paths: self.program.paths,
            },
            shape: Shape { input, output: DataType::Struct(fields), keys, keep, rows, mapping },
            policy: self.policy,
            options: self.options.get().as_bytes().to_vec(),
            block,
        })
    }
}
