//! What a worker has to know of a job, once: what runs, on what, and what becomes of what goes wrong.
//!
//! How arguments are shown and results are taken is a convention between the front and the worker's end. The core
//! carries its name, its options and a block of bytes, and reads none of them.

use std::time::Duration;

use arrow_schema::DataType;
use serde::{Deserialize, Serialize};

use crate::segment::BufferRef;

/// Names a definition within one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DefinitionId(pub u64);

/// A job, as its worker knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// What runs.
    pub program: Program,
    /// From what to what.
    pub shape: Shape,
    /// What becomes of what goes wrong.
    pub policy: Policy,
    /// What the convention has to know beside; the core does not read it.
    pub options: Vec<u8>,
    /// Bytes that all workers of an executor see, as the options say.
    pub block: Option<BufferRef>,
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The function's name, for messages.
    pub name: String,
    /// How it is called: a name that the worker's end knows.
    pub convention: String,
    /// `pickle`, `module:qualname` or `source:name`.
    pub function: String,
    /// The pickled function, or its source.
    pub payload: Vec<u8>,
    /// Where modules are found.
    pub paths: Vec<String>,
}

/// From what to what a job maps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// The type of the input: a struct with one row per group.
    pub input: DataType,
    /// The type of the fields that the function returns, a struct.
    pub output: DataType,
    /// How many leading children of the input are keys.
    pub keys: usize,
    /// Columns of the input that the result carries through: a group has as many result rows as they have values.
    pub keep: Vec<usize>,
    /// Result rows per group.
    pub rows: RowCount,
    /// How the worker sees the input.
    pub mapping: Mapping,
}

/// How many result rows a group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowCount {
    /// Exactly one.
    One,
    /// Any number.
    Many,
}

/// How a worker sees the memory of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mapping {
    /// Writing to it is a fault.
    #[default]
    ReadOnly,
    /// What is written to becomes a private copy.
    Private,
}

/// What becomes of what goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Policy {
    /// What becomes of a group that fails.
    pub on_error: OnError,
    /// The longest that one call may take; in JSON, seconds.
    #[serde(with = "seconds")]
    pub timeout: Option<Duration>,
    /// How often a batch is given to another worker after its own was lost, and not at one of its groups.
    pub retries: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { on_error: OnError::Raise, timeout: None, retries: 3 }
    }
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

mod seconds {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(timeout: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        timeout.map(|timeout| timeout.as_secs_f64()).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(deserializer)?;
        seconds.map(Duration::try_from_secs_f64).transpose().map_err(D::Error::custom)
    }
}
