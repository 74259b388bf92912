//! The core as twelve natives of the JVM. See `docs/jvm-boundary.md` for their contract.
//!
//! Each native converts its arguments, calls one function of the core and converts the result; what goes wrong, a
//! panic included, becomes an exception. No thread of ours ever calls into the JVM.

mod arrow;
mod exception;
mod handles;
mod natives;
mod order;
