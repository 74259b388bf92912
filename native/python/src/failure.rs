//! Why a group failed: what the worker reports instead of a result.

use beringia_core::{Error, ErrorCode};
use pyo3::prelude::*;
use pyo3::types::PyType;

/// The longest text that is passed on whole.
const MAX_TEXT: usize = 1 << 20;

/// A failure of one group, without the group's key, which the parent knows.
pub struct Failure {
    pub code: ErrorCode,
    pub summary: String,
    pub traceback: Option<String>,
}

pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub fn new(code: ErrorCode, summary: impl Into<String>) -> Failure {
        Failure { code, summary: summary.into(), traceback: None }
    }

    /// Its texts, no longer than a reply may be.
    pub fn cut(self) -> Failure {
        Failure { summary: cut(self.summary), traceback: self.traceback.map(cut), ..self }
    }

    /// Whether the group is at fault, and not this library or the machine.
    pub fn is_of_group(&self) -> bool {
        use ErrorCode::{FunctionRaised, MissingValue, ResultMismatch, Timeout, WorkerDied};
        matches!(self.code, FunctionRaised | ResultMismatch | MissingValue | WorkerDied | Timeout)
    }

    /// What the function returned does not fit.
    pub fn mismatch(summary: impl Into<String>) -> Failure {
        Failure::new(ErrorCode::ResultMismatch, summary)
    }

    /// What a front's own code, which travels with the function, says of a group: its exceptions have a code.
    pub fn coded(py: Python<'_>, error: &PyErr) -> Option<Failure> {
        let name: String = error.value(py).getattr("__beringia_code__").ok()?.extract().ok()?;
        let codes = [ErrorCode::ResultMismatch, ErrorCode::MissingValue];
        let code = codes.into_iter().find(|code| code.name() == name)?;
        Some(Failure::new(code, error.value(py).str().ok()?.to_string()))
    }

    /// The function, or something called on its behalf, raised. `doing` is the start of the sentence.
    pub fn raised(py: Python<'_>, doing: &str, error: &PyErr) -> Failure {
        let name = type_name(&error.get_type(py));
        let text = error.value(py).str().map(|text| text.to_string()).unwrap_or_default();
        let summary =
            if text.is_empty() { format!("{doing} {name}") } else { format!("{doing} {name}: {text}") };
        Failure { code: ErrorCode::FunctionRaised, summary, traceback: traceback(py, error) }
    }
}

/// A Python error outside the function is one of this library.
impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Python::attach(|py| Failure {
            code: ErrorCode::Internal,
            summary: format!("the worker failed: {error}"),
            traceback: traceback(py, &error),
        })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { code: error.code, summary: error.summary, traceback: error.traceback }
    }
}

/// Beginning and end of a long text, with a note between.
fn cut(text: String) -> String {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let (head, rest) = text.as_bytes().split_at(MAX_TEXT / 2);
    let (left_out, tail) = rest.split_at(rest.len() - MAX_TEXT / 2);
    let [head, tail] = [head, tail].map(String::from_utf8_lossy);
    format!("{head}\n… {} bytes left out …\n{tail}", left_out.len())
}

fn type_name(class: &Bound<'_, PyType>) -> String {
    class.name().map_or_else(|_| "an exception".to_owned(), |name| name.to_string())
}

fn traceback(py: Python<'_>, error: &PyErr) -> Option<String> {
    let format = || -> PyResult<String> {
        let lines = py
            .import("traceback")?
            .call_method1("format_exception", (error.get_type(py), error.value(py), error.traceback(py)))?;
        Ok(lines.extract::<Vec<String>>()?.concat())
    };
    format().ok()
}
