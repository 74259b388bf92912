//! Several workers at once, or none: two runs that each had some of theirs would wait for ever.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Claim, Idle, Place, Pool, WorkerLease};
use crate::error::{Error, ErrorCode};
use crate::spelling::spell;
use crate::worker::Interpreter;

/// How long a wait goes on without a look at what else happens.
const STEP: Duration = Duration::from_millis(50);

impl Pool {
    /// As many workers as `size`, all for one user, as soon as so many are free.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when there may not be as many, or were not for `worker.leaseTimeout`; the first of
    /// `interrupted`, which is asked while it waits.
    pub fn gang<E: From<Error>>(
        self: &Arc<Self>,
        size: usize,
        interpreter: &Interpreter,
        interrupted: &mut impl FnMut() -> Result<(), E>,
    ) -> Result<Vec<Arc<WorkerLease>>, E> {
        let most = self.config.max_workers.unwrap_or(usize::MAX);
        if size > most {
            let why = format!("{size} workers at once, where {} allows {most}", spell("worker.max"));
            return Err(Error::new(ErrorCode::Resource, why).into());
        }
        let since = Instant::now();
        let place = Place::new(Arc::clone(self), (Pool::own_task(), interpreter.clone()));
        let mut claims = loop {
            let mut state = self.state();
            state.check_open()?;
            let free = state.idle() + most.saturating_sub(state.count);
            if free.saturating_sub(state.queue.ahead_of(place.number())) >= size {
                let claim = |_| state.claim(interpreter, place.number(), self.config.max_workers);
                break (0..size).filter_map(claim).collect::<Vec<_>>();
            }
            if since.elapsed() >= self.config.lease_timeout {
                let why = format!(
                    "{size} workers at once were not to be had within {:?} ({}): {free} of {most} are free",
                    since.elapsed(),
                    spell("worker.leaseTimeout")
                );
                return Err(Error::new(ErrorCode::Resource, why).into());
            }
            drop(self.changed.wait_timeout(state, STEP));
            interrupted()?;
        };
        drop(place);
        let mut leases = Vec::with_capacity(size);
        while let Some(claim) = claims.pop() {
            match self.take(claim, interpreter) {
                Ok(idle) => leases.push(self.lease_of(idle, interpreter)),
                Err(error) => {
                    // Those that were claimed and not taken go back; the leases do so by themselves.
                    let mut state = self.state();
                    state.count -= 1;
                    for claim in claims {
                        match claim {
                            Claim::Idle(idle) => {
                                state.idle.entry(interpreter.clone()).or_default().push(idle)
                            }
                            Claim::Own(_) | Claim::Start(_) => state.count -= 1,
                        }
                    }
                    drop(state);
                    self.changed.notify_all();
                    return Err(error.into());
                }
            }
        }
        let mut state = self.state();
        state.spares.retain(|spare| spare.strong_count() > 0);
        state.spares.extend(leases.iter().map(Arc::downgrade));
        Ok(leases)
    }

    /// A worker that lives, for one that was claimed; the count has it already.
    fn take(self: &Arc<Self>, claim: Claim, interpreter: &Interpreter) -> crate::error::Result<Idle> {
        match claim {
            Claim::Idle(idle) if idle.worker.is_alive() => Ok(idle),
            Claim::Idle(idle) => {
                self.lost_idle(&idle);
                self.state().count += 1;
                self.start(interpreter)
            }
            Claim::Start(other) => {
                drop(other);
                self.start(interpreter)
            }
            Claim::Own(_) => Err(Error::internal("a task's own worker for a gang")),
        }
    }
}
