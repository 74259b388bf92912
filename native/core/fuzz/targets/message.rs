//! Bytes as messages of a worker.

#![no_main]

#[path = "../../tests/forged/message.rs"]
mod message;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| message::decode(bytes));
