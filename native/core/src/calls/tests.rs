//! Calls through lanes whose workers are threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use super::*;
use crate::config::Config;
use crate::segment::Backend;
use crate::worker::thread as fake;
use crate::worker::{Worker, thread::LIMITS};

fn python() -> Interpreter {
    Interpreter { program: "/nowhere".to_owned(), threads: 1, environment: None }
}

fn calls(lanes: usize, workers: usize) -> Arc<Calls> {
    let mut config = Config::parse([]).unwrap();
    config.backend = Backend::Heap;
    let runtime = Runtime::new(config).unwrap();
    for _ in 0..workers {
        let (channel, peer) = fake::spawn(Backend::Heap, |_| panic!("a batch"));
        runtime.pool().adopt(Worker::start(channel, peer, Backend::Heap, LIMITS).unwrap(), python());
    }
    let program = Program {
        name: "calls".to_owned(),
        convention: "echo".to_owned(),
        function: "pickle".to_owned(),
        payload: Vec::new(),
        paths: Vec::new(),
    };
    let setting = Setting { program, python: None, interpreter: python(), calls_per_worker: None, lanes };
    Arc::new(Calls::new(runtime, setting).unwrap())
}

fn call(body: &str) -> Call {
    let data = Data::new(body.as_bytes().to_vec(), Vec::new(), Vec::new());
    Call { data, timeout: None, retries: 0 }
}

fn submit(calls: &Calls, body: &str) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    calls.submit(number, call(body)).unwrap();
    number
}

fn submit_all(calls: &Calls, count: usize, body: &str) {
    for _ in 0..count {
        submit(calls, body);
    }
}

/// What comes back through a lane, whose thread opens no further ones.
fn returned(calls: &Calls, lane: usize) -> impl Iterator<Item = (u64, Outcome)> {
    let next = move || {
        let outcomes = calls.next(lane);
        calls.wants_lane();
        outcomes
    };
    std::iter::from_fn(next).flatten()
}

/// Runs `lanes` threads until all calls are over: what became of each.
fn outcomes(calls: &Arc<Calls>, lanes: usize) -> BTreeMap<u64, Result<String>> {
    let run = || {
        let calls = Arc::clone(calls);
        let lane = calls.open_lane().unwrap();
        thread::spawn(move || returned(&calls, lane).collect::<Vec<_>>())
    };
    let threads: Vec<_> = (0..lanes).map(|_| run()).collect();
    calls.close();
    let mut all = BTreeMap::new();
    for (number, outcome) in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
        let outcome = match outcome {
            Outcome::Returned { body, .. } => Ok(String::from_utf8(body).unwrap()),
            Outcome::Failed(error) | Outcome::Broken(error) => Err(error),
        };
        assert!(all.insert(number, outcome).is_none(), "call {number} ended twice");
    }
    all
}

#[test]
fn every_call_ends_once() {
    let calls = calls(2, 2);
    let numbers: Vec<u64> = (0..500).map(|_| submit(&calls, "x")).collect();
    let ended = outcomes(&calls, 2);
    assert_eq!(ended.keys().copied().collect::<Vec<_>>(), numbers);
    assert!(ended.values().all(|result| result.as_ref().unwrap() == "x"));
    assert_eq!(calls.submit(u64::MAX, call("late")).err().unwrap().code, ErrorCode::Cancelled);
}

#[test]
fn a_death_is_the_end_of_the_call_that_the_worker_was_at_alone() {
    let calls = calls(1, 2);
    submit_all(&calls, 40, "x");
    let dead = submit(&calls, "die");
    submit_all(&calls, 40, "x");
    let ended = outcomes(&calls, 1);
    assert_eq!(ended.len(), 81);
    let failed: Vec<u64> = ended.iter().filter(|(_, result)| result.is_err()).map(|(n, _)| *n).collect();
    assert_eq!(failed, [dead]);
    assert_eq!(ended[&dead].as_ref().unwrap_err().code, ErrorCode::WorkerDied);
}

#[test]
fn a_call_that_may_be_tried_again_takes_another_worker_each_time() {
    let calls = calls(1, 3);
    calls.submit(7, Call { retries: 2, ..call("die") }).unwrap();
    let ended = outcomes(&calls, 1);
    assert_eq!(ended[&7].as_ref().unwrap_err().code, ErrorCode::WorkerDied);
    assert_eq!(calls.runtime().pool().size(), 0);
}

#[test]
fn short_calls_do_not_wait_behind_a_long_one_while_another_worker_is_idle() {
    let calls = calls(2, 2);
    submit_all(&calls, 20, "x");
    let started = Instant::now();
    submit_all(&calls, 4, "slow");
    let ended = outcomes(&calls, 2);
    assert_eq!(ended.len(), 24);
    assert!(started.elapsed() < Duration::from_millis(320), "{:?}", started.elapsed());
}

#[test]
fn a_call_can_be_withdrawn_until_it_begins() {
    let calls = calls(1, 1);
    let first = submit(&calls, "x");
    let second = submit(&calls, "x");
    assert!(calls.withdraw(second));
    assert!(!calls.withdraw(second));
    let ended = outcomes(&calls, 1);
    assert_eq!(ended.keys().copied().collect::<Vec<_>>(), [first]);
    assert!(!calls.withdraw(first));
}

#[test]
fn a_call_that_cannot_be_answered_fails_alone_and_a_program_that_cannot_be_loaded_ends_all() {
    let one = calls(1, 1);
    let (failed, well) = (submit(&one, "fail"), submit(&one, "x"));
    let ended = outcomes(&one, 1);
    assert_eq!(ended[&failed].as_ref().unwrap_err().code, ErrorCode::Resource);
    assert_eq!(ended[&well].as_ref().unwrap(), "x");

    let broken = calls(1, 1);
    submit_all(&broken, 9, "break");
    let ended = outcomes(&broken, 1);
    assert_eq!(ended.len(), 9);
    assert!(ended.values().all(|result| result.is_err()));
    assert_eq!(broken.submit(u64::MAX, call("x")).err().unwrap().code, ErrorCode::FunctionRaised);
}

#[test]
fn a_call_that_asks_all_the_time_has_no_more_time_than_others() {
    let calls = calls(1, 1);
    let timeout = Some(Duration::from_millis(50));
    calls.submit(7, Call { timeout, ..call("ask") }).unwrap();
    assert_eq!(outcomes(&calls, 1)[&7].as_ref().unwrap_err().code, ErrorCode::Timeout);
}

#[test]
fn killed_workers_are_not_replaced() {
    let calls = calls(1, 2);
    submit_all(&calls, 3, "slow");
    let killer = Arc::clone(&calls);
    let killing = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        killer.kill();
    });
    let ended = outcomes(&calls, 1);
    killing.join().unwrap();
    assert_eq!(ended.len(), 3);
    assert!(ended.values().any(|result| result.is_err()));
}

#[test]
fn a_call_that_submits_another_gets_what_came_of_it_or_makes_it_itself() {
    for (workers, call, expected) in [
        (2, "nest x", "x"),
        (2, "nest die", "worker_died"),
        (2, "nest fail", "resource"),
        (1, "nest x", "mine"),
    ] {
        let calls = calls(workers, workers);
        let number = submit(&calls, call);
        let ended = outcomes(&calls, workers);
        assert_eq!(ended.len(), 1, "{call} on {workers}");
        assert_eq!(ended[&number].as_deref().unwrap(), expected, "{call} on {workers}");
    }
}

#[test]
fn a_lane_that_rests_wakes_for_the_call_that_its_worker_takes_also_beside_one_without_a_worker() {
    let calls = calls(2, 2);
    let (sender, receiver) = std::sync::mpsc::channel();
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (calls, sender) = (Arc::clone(&calls), sender.clone());
            let lane = calls.open_lane().unwrap();
            thread::spawn(move || returned(&calls, lane).for_each(|(number, _)| sender.send(number).unwrap()))
        })
        .collect();
    for _ in 0..5 {
        let started = Instant::now();
        let number = submit(&calls, "x");
        assert_eq!(receiver.recv().unwrap(), number);
        assert!(started.elapsed() < KEEP / 2, "{:?}", started.elapsed());
        thread::sleep(Duration::from_millis(20)); // both rest
    }
    calls.close();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
