//! A table's groups through a pool of workers of this machine, without an engine.
//!
//! Grouping sorts row numbers by their keys ([`group`]: columns are numbers, rows are words of these, words are spread and
//! sorted), and finds windows in what is sorted; each batch then gathers its own rows to where its worker reads them, so that the gathering is spread over the
//! threads that drive the workers. The crate knows no Python: who calls looks after the interpreter while they work.

#![forbid(unsafe_code)]

mod batches;
mod column;
mod drive;
mod gather;
mod groups;
pub mod parallel;
mod sort;
mod spread;
mod windows;
mod word;

pub use batches::{Batches, Unit};
pub use drive::{Driven, Running, drive};
pub use groups::{Groups, group};
pub use windows::{Extent, Windows};
