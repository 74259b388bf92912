//! Maps each row of an Arrow struct array through a Python function in a pooled worker process.
//!
//! The crate knows neither the JVM nor Python: bindings hand it Arrow arrays and get Arrow arrays back.
//! Data lies in shared-memory [`segment`]s, [`protocol`] messages name it, a [`worker`] computes on it as a
//! [`definition`] says, the [`pool`] owns the workers, a [`job`] drives batches through one of them, [`calls`] go one
//! by one to whichever is free, and those of a [`gang`] run together.

#![deny(unsafe_code)]

pub mod blocks;
pub mod calls;
pub mod channel;
pub mod config;
pub mod definition;
pub mod durations;
pub mod error;
#[allow(unsafe_code, reason = "the C library is told of locks")]
pub mod forks;
pub mod gang;
pub mod group_key;
pub mod job;
pub mod log;
pub mod metrics;
pub mod placement;
pub mod pool;
mod preflight;
pub mod protocol;
pub mod runtime;
#[allow(unsafe_code, reason = "the one place where memory is mapped and shared")]
pub mod segment;
pub mod spelling;
#[allow(unsafe_code, reason = "arrays whose text is not checked")]
pub mod text;
pub mod trace;
pub mod worker;

pub use error::{Error, ErrorCode, Result};
