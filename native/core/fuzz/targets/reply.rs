//! Results of a worker that lies.

#![no_main]

#[path = "../../tests/forged/reader.rs"]
mod reader;
#[path = "../../tests/forged/reply.rs"]
mod reply;

libfuzzer_sys::fuzz_target!(|seed: &[u8]| {
    reply::try_forged(seed);
});
