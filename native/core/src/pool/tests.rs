//! The life of workers, with ones that are threads.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::segment::Backend;
use crate::worker::Peer;
use crate::worker::thread::{self as fake, Act};

const WAIT: Duration = Duration::from_secs(5);
const BRIEF: Duration = Duration::from_millis(20);

fn config(settings: &[(&str, &str)]) -> Config {
    let mut config = Config::parse(settings.iter().copied()).unwrap();
    config.backend = Backend::Heap;
    config
}

/// A pool of fakes, and how many were started.
fn pool(settings: &[(&str, &str)]) -> (Arc<Pool>, Arc<AtomicUsize>) {
    pool_with(settings, || Ok(()))
}

fn pool_with(
    settings: &[(&str, &str)],
    before: impl Fn() -> Result<()> + Send + Sync + 'static,
) -> (Arc<Pool>, Arc<AtomicUsize>) {
    let started = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&started);
    let starter = move |_: &Interpreter| {
        counter.fetch_add(1, Ordering::Relaxed);
        before()?;
        Ok(fake::spawn(Backend::Heap, Act::Reply))
    };
    (Pool::of_fakes(config(settings), Box::new(starter)), started)
}

fn python(program: &str) -> Interpreter {
    Interpreter { program: program.to_owned(), threads: 1, environment: None }
}

fn lease(pool: &Arc<Pool>, task: u64) -> Arc<WorkerLease> {
    try_lease(pool, task, WAIT).unwrap().expect("no worker in time")
}

fn try_lease(pool: &Arc<Pool>, task: u64, timeout: Duration) -> Result<Option<Arc<WorkerLease>>> {
    pool.queue(task, &python("a")).lease(timeout)
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + WAIT;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_worker_is_used_by_one_task_after_the_other() {
    let (pool, started) = pool(&[]);
    let first = Arc::as_ptr(lease(&pool, 1).worker());
    assert_eq!(Arc::as_ptr(lease(&pool, 2).worker()), first);
    assert_eq!((started.load(Ordering::Relaxed), pool.size(), pool.idle()), (1, 1, 1));
}

#[test]
fn all_jobs_of_a_task_share_its_worker_even_at_the_cap() {
    let (pool, started) = pool(&[("worker.max", "1")]);
    let (first, second) = (lease(&pool, 1), lease(&pool, 1));
    assert!(Arc::ptr_eq(first.worker(), second.worker()));
    assert_eq!(started.load(Ordering::Relaxed), 1);
}

#[test]
fn jobs_of_a_task_that_ask_at_the_same_time_start_one_worker() {
    let both = Arc::new(Barrier::new(2));
    let (pool, started) = pool_with(&[("worker.max", "2")], || {
        thread::sleep(BRIEF);
        Ok(())
    });
    let ask = || {
        let (pool, both) = (Arc::clone(&pool), Arc::clone(&both));
        thread::spawn(move || {
            both.wait();
            lease(&pool, 1)
        })
    };
    let leases = [ask(), ask()].map(|thread| thread.join().unwrap());
    assert!(Arc::ptr_eq(leases[0].worker(), leases[1].worker()));
    assert_eq!(started.load(Ordering::Relaxed), 1);
}

#[test]
fn tasks_get_workers_in_the_order_in_which_they_asked() {
    let (pool, _) = pool(&[("worker.max", "1")]);
    let held = lease(&pool, 0);
    let (done, order) = mpsc::channel();
    let waiters: Vec<_> = (1..=8)
        .map(|task| {
            let place = pool.queue(task, &python("a"));
            let done = done.clone();
            thread::spawn(move || {
                // In short steps, as tasks wait that look whether they were cancelled.
                let lease = loop {
                    if let Some(lease) = place.lease(Duration::from_millis(3)).unwrap() {
                        break lease;
                    }
                };
                drop(place);
                done.send(task).unwrap();
                drop(lease);
            })
        })
        .collect();
    thread::sleep(BRIEF);
    drop(held);
    let order: Vec<u64> = (1..=8).map(|_| order.recv_timeout(WAIT).unwrap()).collect();
    waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    assert_eq!(order, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_task_keeps_its_place_while_it_does_something_else_and_gives_it_up_when_it_ends() {
    let (pool, _) = pool(&[("worker.max", "1")]);
    let held = lease(&pool, 0);
    let (first, second) = (pool.queue(1, &python("a")), pool.queue(2, &python("a")));
    drop(held);
    assert!(second.lease(BRIEF).unwrap().is_none());
    drop(first);
    assert!(second.lease(BRIEF).unwrap().is_some());
    assert_eq!(pool.waiting(), 1);
    drop(second);
    assert_eq!(pool.waiting(), 0);
}

#[test]
fn with_two_workers_free_the_second_in_the_queue_need_not_wait_for_the_first() {
    let (pool, _) = pool(&[("worker.max", "2")]);
    let (_first, second) = (pool.queue(1, &python("a")), pool.queue(2, &python("a")));
    assert!(second.lease(BRIEF).unwrap().is_some());
}

#[test]
fn waiting_in_vain_is_an_error_that_names_the_settings() {
    let (pool, _) = pool(&[("worker.max", "1"), ("worker.leaseTimeout", "50ms")]);
    let _held = lease(&pool, 1);
    let place = pool.queue(2, &python("a"));
    assert!(place.lease(Duration::ZERO).unwrap().is_none());
    let error = place.lease(Duration::from_millis(60)).err().unwrap();
    assert_eq!(error.code, ErrorCode::Resource);
    for part in ["leaseTimeout", "1 are in use", "worker.max, which is 1"] {
        assert!(error.summary.contains(part), "{error}");
    }
}

#[test]
fn a_worker_that_starts_slowly_holds_nobody_else_up() {
    let (begun, waiting) = mpsc::channel();
    let (go, gate) = mpsc::channel::<()>();
    let (begun, gate) = (Mutex::new(begun), Mutex::new(gate));
    let (pool, _) = pool_with(&[], move || {
        begun.lock().unwrap().send(()).unwrap();
        gate.lock().unwrap().recv().unwrap();
        Ok(())
    });
    let (channel, peer) = fake::spawn(Backend::Heap, Act::Reply);
    pool.adopt(Worker::start(channel, peer, Backend::Heap, fake::LIMITS).unwrap(), python("a"));
    let slow = {
        let pool = Arc::clone(&pool);
        thread::spawn(move || pool.queue(1, &python("b")).lease(WAIT).unwrap().is_some())
    };
    waiting.recv_timeout(WAIT).unwrap();
    assert!(try_lease(&pool, 2, Duration::ZERO).unwrap().is_some());
    go.send(()).unwrap();
    assert!(slow.join().unwrap());
}

/// Two nodes of task 0 of `pool`, one of them waiting for a reply that does not come, the other asking for the task's
/// worker, until `done`.
fn busy_task(pool: &Arc<Pool>, done: &Arc<AtomicBool>) -> [thread::JoinHandle<()>; 2] {
    let held = lease(pool, 0);
    let worker = Arc::clone(held.worker());
    let (pool, waits, asks) = (Arc::clone(pool), Arc::clone(done), Arc::clone(done));
    let waiting = thread::spawn(move || {
        while !waits.load(Ordering::Relaxed) {
            assert!(worker.reply(1, 10 * BRIEF).unwrap().is_none());
        }
    });
    let asking = thread::spawn(move || {
        while !asks.load(Ordering::Relaxed) {
            assert!(Arc::ptr_eq(&lease(&pool, 0), &held));
        }
    });
    [waiting, asking]
}

#[test]
fn a_task_that_waits_for_a_reply_holds_nobody_else_up() {
    let (pool, _) = pool(&[]);
    let done = Arc::new(AtomicBool::new(false));
    let busy = busy_task(&pool, &done);
    let mut taken: Vec<Duration> = (1..=20)
        .map(|task| {
            // Not all of them in one moment in which nobody else has the lock.
            thread::sleep(Duration::from_millis(5));
            let since = Instant::now();
            lease(&pool, task);
            since.elapsed()
        })
        .collect();
    done.store(true, Ordering::Relaxed);
    busy.into_iter().for_each(|node| node.join().unwrap());
    taken.sort();
    assert!(taken[10] < Duration::from_millis(5), "{taken:?}");
}

/// A fake of which nobody can say whether it lives before `gate` opens.
struct Unclear {
    peer: Box<dyn Peer>,
    looked: Mutex<mpsc::Sender<()>>,
    gate: Mutex<mpsc::Receiver<()>>,
}

impl Peer for Unclear {
    fn id(&self) -> u32 {
        self.peer.id()
    }
    fn describe(&self) -> String {
        self.peer.describe()
    }
    fn kill(&self) {
        self.peer.kill();
    }
    fn exit(&self, grace: Duration) -> Option<String> {
        // Only the test that holds the ends of both makes it wait.
        if self.looked.lock().unwrap().send(()).is_ok() {
            let _ = self.gate.lock().unwrap().recv_timeout(WAIT);
        }
        self.peer.exit(grace)
    }
    fn last_words(&self) -> String {
        self.peer.last_words()
    }
}

#[test]
fn looking_whether_a_worker_lives_holds_nobody_else_up() {
    let (pool, started) = pool(&[]);
    let (channel, peer) = fake::spawn(Backend::Heap, Act::Reply);
    let (looked, looks) = mpsc::channel();
    let (go, gate) = mpsc::channel();
    let peer = Box::new(Unclear { peer, looked: Mutex::new(looked), gate: Mutex::new(gate) });
    pool.adopt(Worker::start(channel, peer, Backend::Heap, fake::LIMITS).unwrap(), python("a"));
    let slow = {
        let pool = Arc::clone(&pool);
        thread::spawn(move || lease(&pool, 1))
    };
    looks.recv_timeout(WAIT).unwrap();
    let since = Instant::now();
    lease(&pool, 2);
    assert!(since.elapsed() < WAIT / 2, "it took {:?}", since.elapsed());
    assert_eq!(started.load(Ordering::Relaxed), 1);
    drop((looks, go));
    slow.join().unwrap();
    assert_eq!((pool.size(), pool.idle()), (2, 2));
}

#[test]
fn jobs_of_a_task_that_find_its_worker_dead_count_it_out_once_and_share_the_next() {
    let (pool, started) = pool(&[("worker.max", "2")]);
    let (dead, all) = (lease(&pool, 1), Arc::new(Barrier::new(4)));
    dead.worker().kill();
    let nodes: Vec<_> = (0..4)
        .map(|_| {
            let (pool, all) = (Arc::clone(&pool), Arc::clone(&all));
            thread::spawn(move || {
                all.wait();
                lease(&pool, 1)
            })
        })
        .collect();
    let leases: Vec<_> = nodes.into_iter().map(|node| node.join().unwrap()).collect();
    assert!(leases.iter().all(|lease| Arc::ptr_eq(lease, &leases[0])));
    assert_eq!((started.load(Ordering::Relaxed), pool.size()), (2, 1));
    drop(dead);
    assert_eq!((pool.size(), pool.metrics().snapshot().workers_lost), (1, 1));
}

#[test]
fn a_worker_that_cannot_start_is_that_task_s_error_and_takes_no_room() {
    let fail = Arc::new(AtomicBool::new(true));
    let failing = Arc::clone(&fail);
    let (pool, _) = pool_with(&[("worker.max", "1")], move || match failing.load(Ordering::Relaxed) {
        true => Err(Error::new(ErrorCode::Interpreter, "no such Python")),
        false => Ok(()),
    });
    assert_eq!(try_lease(&pool, 1, WAIT).err().unwrap().code, ErrorCode::Interpreter);
    assert_eq!(pool.size(), 0);
    fail.store(false, Ordering::Relaxed);
    lease(&pool, 1);
}

#[test]
fn an_idle_worker_that_died_is_replaced() {
    let (pool, started) = pool(&[("worker.max", "1")]);
    let worker = Arc::clone(lease(&pool, 1).worker());
    worker.kill();
    assert!(lease(&pool, 2).worker().is_alive());
    assert_eq!((started.load(Ordering::Relaxed), pool.size()), (2, 1));
    assert_eq!(pool.metrics().snapshot().workers_lost, 1);
}

#[test]
fn an_idle_worker_that_died_is_let_go_where_nobody_comes_for_it() {
    let (pool, _) = pool(&[("worker.max", "2")]);
    let leases = [1, 2].map(|task| lease(&pool, task));
    let killed = Arc::clone(leases[0].worker());
    drop(leases);
    killed.kill();
    pool.reap_idle();
    assert_eq!((pool.size(), pool.idle(), pool.metrics().snapshot().workers_lost), (1, 1, 1));
}

#[test]
fn a_leased_worker_that_died_is_replaced_at_once_also_at_the_cap() {
    let (pool, _) = pool(&[("worker.max", "1")]);
    let dead = lease(&pool, 1);
    dead.worker().kill();
    let alive = try_lease(&pool, 1, BRIEF).unwrap().expect("the dead one takes no room");
    assert!(alive.worker().is_alive());
    drop(dead);
    assert_eq!(pool.size(), 1);
}

#[test]
fn a_worker_ends_after_its_last_task() {
    let (pool, started) = pool(&[("worker.maxTasks", "2")]);
    for task in 1..=4 {
        lease(&pool, task);
    }
    assert_eq!((started.load(Ordering::Relaxed), pool.size()), (2, 0));
}

#[test]
fn an_idle_worker_of_another_interpreter_makes_room() {
    let (pool, started) = pool(&[("worker.max", "1")]);
    lease(&pool, 1);
    assert!(pool.queue(2, &python("b")).lease(WAIT).unwrap().is_some());
    assert_eq!((started.load(Ordering::Relaxed), pool.size()), (2, 1));
}

#[test]
fn workers_with_modules_of_their_own_are_shared_by_those_who_name_them() {
    let (pool, started) = pool(&[("worker.max", "3")]);
    for (task, name) in [None, Some("x"), Some("y"), Some("x"), None].into_iter().enumerate() {
        let interpreter = Interpreter { environment: name.map(str::to_owned), ..python("a") };
        assert!(pool.queue(task as u64, &interpreter).lease(WAIT).unwrap().is_some());
    }
    assert_eq!((started.load(Ordering::Relaxed), pool.size()), (3, 3));
}

#[test]
fn prewarmed_workers_start_in_the_background_and_stay() {
    let (pool, started) = pool(&[("worker.prewarm", "2")]);
    pool.prewarm(&python("a"));
    pool.prewarm(&python("a"));
    eventually("two idle workers", || pool.idle() == 2);
    let third = [lease(&pool, 1), lease(&pool, 2), lease(&pool, 3)];
    assert_eq!(started.load(Ordering::Relaxed), 3);
    drop(third);
    pool.end_idle(Duration::ZERO);
    assert_eq!(pool.size(), 2);
}

#[test]
fn workers_of_tasks_to_come_start_in_the_background_and_end_when_idle() {
    let (pool, started) = pool(&[("worker.busy", "2")]);
    pool.expect(&python("a"));
    eventually("two idle workers", || pool.idle() == 2);
    pool.expect(&python("a"));
    drop([lease(&pool, 1), lease(&pool, 2)]);
    assert_eq!((started.load(Ordering::Relaxed), pool.size()), (2, 2));
    pool.end_idle(Duration::ZERO);
    assert_eq!(pool.size(), 0);
}

#[test]
fn an_interpreter_that_cannot_be_prewarmed_is_the_first_task_s_error() {
    let (pool, started) =
        pool_with(&[("worker.prewarm", "2")], || Err(Error::new(ErrorCode::Interpreter, "no such Python")));
    pool.prewarm(&python("a"));
    eventually("an attempt", || started.load(Ordering::Relaxed) == 1 && pool.size() == 0);
    assert_eq!(try_lease(&pool, 1, WAIT).err().unwrap().summary, "no such Python");
}

#[test]
fn unused_workers_end_after_their_time() {
    let (pool, _) = pool(&[]);
    drop([lease(&pool, 1), lease(&pool, 2)]);
    pool.end_idle(WAIT);
    assert_eq!(pool.size(), 2);
    pool.end_idle(Duration::ZERO);
    assert_eq!(pool.size(), 0);
}

#[test]
fn a_closed_pool_wakes_who_waits_and_ends_workers_when_they_come_back() {
    let (pool, _) = pool(&[("worker.max", "1")]);
    let held = lease(&pool, 1);
    let waiter = {
        let pool = Arc::clone(&pool);
        thread::spawn(move || try_lease(&pool, 2, WAIT))
    };
    eventually("a waiter", || pool.waiting() == 1);
    pool.shutdown();
    assert_eq!(waiter.join().unwrap().err().unwrap().code, ErrorCode::Cancelled);
    assert!(held.worker().is_alive());
    drop(held);
    assert_eq!(pool.size(), 0);
}
