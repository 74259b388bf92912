//! NumPy's way: cells as ndarrays and scalars, whatever they return as columns.

pub mod argument;
pub mod array;
pub mod call;
pub mod result;
mod tag;
