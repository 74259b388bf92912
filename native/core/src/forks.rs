//! Locks of the whole process that a forked child finds free, whatever the parent's other threads were at.

use std::any::Any;
use std::cell::RefCell;
use std::sync::MutexGuard;

/// A lock that is a static, and is held for a moment at a time.
pub trait Lock {
    /// What it guards.
    type State: 'static;

    /// Takes it.
    fn lock() -> MutexGuard<'static, Self::State>;
}

thread_local!(static HELD: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) });

/// From now on, a fork waits for the lock, and parent and child find it free. Of two locks that a thread holds at a time,
/// the one that it takes last is to be the first that is kept free.
pub fn keep_free<L: Lock>() {
    // SAFETY: the handlers live as long as this library; none of them panics.
    unsafe { libc::pthread_atfork(Some(hold::<L>), Some(release), Some(release)) };
}

extern "C" fn hold<L: Lock>() {
    // A thread that is ending and forks in that has no such variable any more: its child takes what there is.
    let _ = HELD.try_with(|held| held.borrow_mut().push(Box::new(L::lock())));
}

extern "C" fn release() {
    let _ = HELD.try_with(|held| held.borrow_mut().pop());
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, PoisonError};
    use std::thread;

    use super::*;

    struct Number;

    impl Lock for Number {
        type State = u64;

        fn lock() -> MutexGuard<'static, u64> {
            static NUMBER: Mutex<u64> = Mutex::new(0);
            NUMBER.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    #[test]
    fn a_child_finds_a_lock_free_that_another_thread_of_the_parent_holds_most_of_the_time() {
        keep_free::<Number>();
        let over = AtomicBool::new(false);
        let statuses: Vec<i32> = thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let mut number = Number::lock();
                    (0..10_000).for_each(|_| *number = std::hint::black_box(*number + 1));
                }
            });
            let statuses = (0..50).map(|_| status_of_a_child()).collect();
            over.store(true, Ordering::Relaxed);
            statuses
        });
        assert_eq!(statuses, [0; 50]);
    }

    /// What became of a child that takes the lock.
    fn status_of_a_child() -> i32 {
        // SAFETY: the child takes a lock, which allocates nothing, and ends; if it waits for ever, by its alarm.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: as above.
            unsafe {
                libc::alarm(2);
                drop(Number::lock());
                libc::_exit(0);
            }
        }
        let mut status = -1;
        // SAFETY: the child is ours, and `status` a place to write to.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        status
    }
}
