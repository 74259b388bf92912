//! What a front says about a job, in JSON (`docs/jvm-boundary.md`).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use arrow_schema::{DataType, Fields};
use serde::Deserialize;

use crate::error::{Error, ErrorCode, Result};
use crate::protocol::{Argument, Constant, Constants, Definition, OnError, Rows, TypeNames};
use crate::worker::Interpreter;

/// What a front says about a job.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobSpec {
    /// The function's name, for messages.
    pub name: String,
    /// `pickle`, or `module:qualname`.
    pub function: String,
    /// How many bytes of the payload are the function; the block of constants follows at the next multiple of 64.
    pub function_bytes: Option<usize>,
    /// In the order of the call.
    pub arguments: Vec<Argument>,
    /// How many leading children of the input are keys.
    pub keys: usize,
    /// Columns of the input that the output carries through, after the keys.
    #[serde(default)]
    pub keep: Vec<usize>,
    /// Result rows per group.
    pub rows: Rows,
    /// Which of the fields that the function returns are vectors of Spark ML.
    #[serde(default)]
    pub vectors: Vec<usize>,
    /// What the engine calls types, for messages.
    #[serde(default)]
    pub type_names: TypeNames,
    /// NaN in a result becomes null.
    #[serde(default)]
    pub nan_as_null: bool,
    /// What becomes of a group that fails.
    #[serde(default)]
    pub on_error: OnError,
    /// Arguments may be written to.
    #[serde(default)]
    pub writable: bool,
    /// Seconds that one call may take.
    pub timeout: Option<f64>,
    /// Arrays that every call gets.
    pub constants: Option<ConstantsSpec>,
    /// Other values that every call gets, by parameter, in JSON.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
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

/// The constants of a job.
#[derive(Clone, Debug, Deserialize)]
pub struct ConstantsSpec {
    /// Names the block's content: equal ids, equal bytes.
    pub id: String,
    /// The arrays in it.
    pub arrays: Vec<Constant>,
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

    /// The longest that one call may take.
    pub(super) fn call_timeout(&self) -> Result<Option<Duration>> {
        let timeout = self.timeout.map(Duration::try_from_secs_f64).transpose();
        timeout.map_err(|error| Error::new(ErrorCode::Argument, format!("timeout: {error}")))
    }

    /// Which Python runs it.
    pub(super) fn interpreter(&self) -> Interpreter {
        Interpreter { program: self.interpreter.clone(), threads: self.task.cpus }
    }

    /// The function and the block of constants in a payload.
    pub(super) fn split<'a>(&self, payload: &'a [u8]) -> Result<(&'a [u8], &'a [u8])> {
        let Some(len) = self.function_bytes else { return Ok((payload, &[])) };
        let (function, rest) = payload.split_at_checked(len).ok_or_else(|| {
            Error::new(ErrorCode::Argument, format!("{len} bytes of function in {}", payload.len()))
        })?;
        let padding = len.next_multiple_of(64) - len;
        Ok((function, rest.get(padding..).unwrap_or_default()))
    }

    /// What the worker has to know, checked against the types of the batches and of the result.
    pub(super) fn define(
        self,
        function: Vec<u8>,
        constants: Constants,
        input: DataType,
        output: &DataType,
    ) -> Result<Definition> {
        let refuse = |what: String| Err(Error::new(ErrorCode::Argument, what));
        let (DataType::Struct(columns), DataType::Struct(results)) = (&input, output) else {
            return refuse(format!("input and output must be structs, not {input} and {output}"));
        };
        let carried = self.keys + self.keep.len();
        if self.keys > columns.len() || carried > results.len() {
            return refuse(format!("{carried} keys and kept columns of {}", results.len()));
        }
        let shown = self.arguments.iter().map(|argument| argument.column);
        if let Some(column) = shown.chain(self.keep.iter().copied()).find(|column| *column >= columns.len()) {
            return refuse(format!("column {column} of {}", columns.len()));
        }
        let fields: Fields = results.iter().skip(carried).cloned().collect();
        let reports = fields.last().is_some_and(|field| field.data_type() == &DataType::LargeUtf8);
        if self.on_error == OnError::Column && !reports {
            return refuse("the last field must be a string, for the error".to_owned());
        }
        Ok(Definition {
            name: self.name,
            function: self.function,
            payload: function,
            arguments: self.arguments,
            keys: self.keys,
            keep: self.keep,
            rows: self.rows,
            nan_as_null: self.nan_as_null,
            on_error: self.on_error,
            writable: self.writable,
            constants,
            paths: self.paths,
            fields: DataType::Struct(fields),
            vectors: self.vectors,
            type_names: self.type_names,
            input,
        })
    }
}
