//! What a worker may say, at random: refused with an error, or safe to read whatever becomes of its memory.
//!
//! A bounded run, part of the tests. `PROPTEST_CASES=1000000` makes it longer; `make fuzz` runs the same by libFuzzer,
//! which is led by coverage.

#![allow(clippy::unwrap_used, reason = "a test program")]

mod message;
mod reader;
mod reply;

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn runner() -> TestRunner {
    TestRunner::new(Config { failure_persistence: None, max_shrink_iters: 500, ..Config::default() })
}

#[test]
fn any_bytes_are_a_message_or_an_error() {
    let mut runner = runner();
    runner
        .run(&vec(any::<u8>(), 0..400), |bytes| {
            message::decode(&bytes);
            Ok(())
        })
        .unwrap();
}

#[test]
fn messages_that_were_changed_are_messages_or_errors() {
    let mut runner = runner();
    runner
        .run(&(vec(any::<u8>(), 0..200), vec((any::<usize>(), any::<u8>()), 0..4)), |(seed, changes)| {
            let mut bytes = message::honest(&seed);
            for (place, value) in changes {
                let place = place % bytes.len();
                bytes[place] = value;
            }
            message::decode(&bytes);
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_depth_of_nesting_is_refused_without_overflowing_the_stack() {
    for levels in [10, 65, 10_000, 2_000_000] {
        message::decode(&message::nested(levels));
    }
}

#[test]
fn forged_replies_are_refused_or_safe_to_read() {
    let mut runner = runner();
    let (accepted, refused) = (Cell::new(0), Cell::new(0));
    runner
        .run(&vec(any::<u8>(), 0..600), |bytes| {
            let count = if reply::try_forged(&bytes) { &accepted } else { &refused };
            count.set(count.get() + 1);
            Ok(())
        })
        .unwrap();
    // Neither always nor never, or the generator would test nothing. Miri is too slow for as many.
    assert!(
        cfg!(miri) || accepted.get() > 10 && refused.get() > 10,
        "{accepted:?} accepted, {refused:?} refused"
    );
}
