//! The ways in which functions are called.

pub mod numpy;
