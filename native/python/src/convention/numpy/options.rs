//! What a front says in the options of a job that is called NumPy's way (docs/jvm-boundary.md).

use std::collections::BTreeMap;

use beringia_core::ErrorCode;
use serde::Deserialize;

use super::shared::Placed;
use crate::failure::{Failure, Result};

/// The options of a job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Options {
    /// In the order of the call: positional ones first.
    pub arguments: Vec<Argument>,
    /// Arrays in the block that all workers see, passed by name after the arguments.
    #[serde(default)]
    pub arrays: Vec<Constant>,
    /// Other constants by parameter, in JSON, passed by name after the arrays.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// Columns in the block, which arguments show as if they came after those of the batch.
    #[serde(default)]
    pub shared: Vec<Placed>,
    /// NaN in a result becomes null.
    #[serde(default)]
    pub nan_as_null: bool,
    /// Which of the fields are structs that stand for vectors of Spark ML.
    #[serde(default)]
    pub vectors: Vec<usize>,
    /// What the engine calls types, for messages.
    #[serde(default)]
    pub type_names: TypeNames,
}

impl Options {
    /// # Errors
    /// [`ErrorCode::Protocol`] when these are no options: the front and this worker are not of one version.
    pub fn read(json: &[u8]) -> Result<Options> {
        serde_json::from_slice(json)
            .map_err(|error| Failure::new(ErrorCode::Protocol, format!("the options of the job: {error}")))
    }
}

/// One argument of the function.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// The parameter.
    pub name: String,
    /// Passed by name and not by position.
    #[serde(default)]
    pub keyword: bool,
    /// The child of the input that it shows; from their number on, the columns that all groups share.
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

/// How missing values are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
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

/// A user-defined type that is shown as what it means, and not as the struct that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Udt {
    /// A vector of Spark ML: `{type, size, indices, values}`, type 0 sparse, 1 dense.
    Vector,
    /// A matrix of Spark ML: `{type, numRows, numCols, colPtrs, rowIndices, values, isTransposed}`.
    Matrix,
}

/// An array that every call gets by name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// Where its values begin in the block, a multiple of 64.
    pub offset: usize,
}

/// What an engine calls types, for messages; where it says nothing, the names are Spark's.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TypeNames {
    /// The types of the fields that the function returns.
    pub fields: Vec<String>,
    /// The type that has NaN for a missing value.
    pub float64: Option<String>,
    /// What makes a value that type, where it is no column.
    pub cast: Option<String>,
}
