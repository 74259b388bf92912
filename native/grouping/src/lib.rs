//! A table's groups through a pool of workers of this machine, without an engine.
//!
//! Grouping orders row numbers; each batch then gathers its own rows, so that the gathering is spread over the threads
//! that drive the workers. The crate knows no Python: who calls looks after the interpreter while they work.

#![forbid(unsafe_code)]

mod batches;
mod column;
mod drive;
mod gather;
mod groups;
mod parallel;
mod sort;
mod spread;
mod word;

pub use batches::{Batches, Unit};
pub use drive::{Driven, Running, drive};
pub use groups::{Groups, group};
