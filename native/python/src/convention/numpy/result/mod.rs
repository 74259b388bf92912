//! What the function returned, written once into shared memory as Arrow columns.
//!
//! [`rows`] takes a return value apart into fields, a [`column`] writes the values of one field. What does not fit the
//! declared type is refused with what was expected and what came; nothing is rounded, cut or guessed.

mod array_likes;
mod bulk;
mod column;
mod converted;
mod factory;
mod form;
mod nested;
mod numbers;
mod rows;
mod tagged;
mod texts;
mod vectors;

pub use rows::Rows;
