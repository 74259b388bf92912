//! The one error type, and the pinned list of codes that Rust, Java and Python share.
//!
//! A message is complete in itself: it names the function, the group's key and the Python traceback,
//! so that a front that shows nothing but the message loses nothing.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What kind of thing went wrong. Numbers are part of the interface and never change meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(i32)]
pub enum ErrorCode {
    /// The function raised.
    FunctionRaised = 1,
    /// The function returned what does not fit the declared schema.
    ResultMismatch = 2,
    /// A column that cannot show a missing value has one.
    MissingValue = 3,
    /// The worker process ended without being asked to.
    WorkerDied = 4,
    /// A call took longer than allowed.
    Timeout = 5,
    /// One group is larger than the configured cap.
    TooLarge = 6,
    /// Memory, descriptors or workers ran out.
    Resource = 7,
    /// A setting is unknown or has a bad value.
    Config = 8,
    /// The worker's Python is not usable.
    Interpreter = 9,
    /// One side said something that the other must not accept.
    Protocol = 10,
    /// A call was refused before anything ran.
    Argument = 11,
    /// The job was cancelled or closed.
    Cancelled = 12,
    /// A defect of this library.
    Internal = 13,
}

impl ErrorCode {
    /// Every code, in the order of the numbers.
    pub const ALL: [ErrorCode; 13] = [
        ErrorCode::FunctionRaised,
        ErrorCode::ResultMismatch,
        ErrorCode::MissingValue,
        ErrorCode::WorkerDied,
        ErrorCode::Timeout,
        ErrorCode::TooLarge,
        ErrorCode::Resource,
        ErrorCode::Config,
        ErrorCode::Interpreter,
        ErrorCode::Protocol,
        ErrorCode::Argument,
        ErrorCode::Cancelled,
        ErrorCode::Internal,
    ];

    /// The name used in messages and in the other languages.
    pub fn name(self) -> &'static str {
        match self {
            ErrorCode::FunctionRaised => "function_raised",
            ErrorCode::ResultMismatch => "result_mismatch",
            ErrorCode::MissingValue => "missing_value",
            ErrorCode::WorkerDied => "worker_died",
            ErrorCode::Timeout => "timeout",
            ErrorCode::TooLarge => "too_large",
            ErrorCode::Resource => "resource",
            ErrorCode::Config => "config",
            ErrorCode::Interpreter => "interpreter",
            ErrorCode::Protocol => "protocol",
            ErrorCode::Argument => "argument",
            ErrorCode::Cancelled => "cancelled",
            ErrorCode::Internal => "internal",
        }
    }

    /// The number that crosses language boundaries.
    pub fn number(self) -> i32 {
        self as i32
    }
}

/// An error with what a person needs to act on it.
#[derive(Clone, Debug)]
pub struct Error {
    /// The kind of error.
    pub code: ErrorCode,
    /// One or a few sentences, without group and traceback.
    pub summary: String,
    /// The key of the group at fault, as the user would write it.
    pub group: Option<String>,
    /// The Python traceback, verbatim.
    pub traceback: Option<String>,
    /// The name of the function that was being run.
    pub function: Option<String>,
    /// The error of a library or the system behind it.
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Equal for whoever reads it: the source is left out.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        let shown = |error: &Error| {
            let Error { code, summary, group, traceback, function, source: _ } = error.clone();
            (code, summary, group, traceback, function)
        };
        shown(self) == shown(other)
    }
}

/// The result of everything fallible in this project.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without group, traceback, function or source.
    pub fn new(code: ErrorCode, summary: impl Into<String>) -> Self {
        Error { code, summary: summary.into(), group: None, traceback: None, function: None, source: None }
    }

    /// A defect of this library, or of something it relies on.
    pub fn internal(summary: impl fmt::Display) -> Self {
        Error::new(ErrorCode::Internal, summary.to_string())
    }

    /// The peer sent what it must not.
    pub fn protocol(summary: impl fmt::Display) -> Self {
        Error::new(ErrorCode::Protocol, summary.to_string())
    }

    /// An operating system call failed: `what` says what was attempted, with sizes and names.
    pub fn os(what: impl fmt::Display, errno: impl Into<std::io::Error>) -> Self {
        let errno = errno.into();
        Error::new(ErrorCode::Resource, format!("{what}: {errno}")).with_source(errno)
    }

    /// Keeps the error behind it.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Names the group at fault.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Names the function that was being run.
    #[must_use]
    pub fn with_function(mut self, function: impl Into<String>) -> Self {
        self.function = Some(function.into());
        self
    }

    /// Attaches the Python traceback.
    #[must_use]
    pub fn with_traceback(mut self, traceback: impl Into<String>) -> Self {
        self.traceback = Some(traceback.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)?;
        if let Some(group) = &self.group {
            write!(f, "\nGroup: {group}")?;
        }
        if let Some(traceback) = &self.traceback {
            write!(f, "\n\n{}", traceback.trim_end())?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<arrow_schema::ArrowError> for Error {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Error::protocol(&error).with_source(error)
    }
}

impl From<postcard::Error> for Error {
    fn from(error: postcard::Error) -> Self {
        Error::protocol(format!("malformed message: {error}")).with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_pinned_and_in_order() {
        for (index, code) in ErrorCode::ALL.into_iter().enumerate() {
            assert_eq!(code.number(), i32::try_from(index).unwrap() + 1, "{}", code.name());
        }
    }

    #[test]
    fn the_error_behind_it_is_kept() {
        let error = Error::os("cannot open 'x'", std::io::ErrorKind::NotFound);
        let source = std::error::Error::source(&error).unwrap();
        assert!(error.summary.ends_with(&source.to_string()), "{error}: {source}");
        assert!(source.downcast_ref::<std::io::Error>().is_some());
        assert_eq!(error, Error { source: None, ..error.clone() });
    }

    #[test]
    fn a_message_names_group_and_traceback() {
        let error = Error::new(ErrorCode::FunctionRaised, "'fit' raised ValueError: no data")
            .with_group("gene='BRCA2'")
            .with_traceback("Traceback (most recent call last):\n  ...\n");
        assert_eq!(
            error.to_string(),
            "'fit' raised ValueError: no data\nGroup: gene='BRCA2'\n\nTraceback (most recent call last):\n  ..."
        );
    }
}
