//! How workers start: when somebody waits for one, or ahead, in the background.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::{Idle, Pool};
use crate::error::Result;
use crate::worker::{Interpreter, Limits, Worker};

/// Workers that start for tasks that are only about to come: a job may have fewer tasks than there are cores, and with its
/// tasks workers start beside each other.
const EXPECTED: usize = 4;

impl Pool {
    pub(super) fn start(&self, interpreter: &Interpreter) -> Result<Idle> {
        let (channel, peer) = (self.starter)(interpreter)?;
        let limits = Limits {
            start_timeout: self.config.start_timeout,
            idle_bytes: self.config.idle_bytes,
            retained_bytes: self.config.retained_bytes,
            result_bytes: self.config.max_bytes,
        };
        let worker = Worker::start(channel, peer, self.config.backend, limits)?;
        self.metrics.started();
        Ok(Idle { worker: Arc::new(worker), since: Instant::now(), tasks: 0 })
    }

    /// Starts `worker.prewarm` workers in the background, once for each interpreter. One that cannot be started is
    /// logged only: the task that needs it tries again, and says why.
    pub fn prewarm(self: &Arc<Self>, interpreter: &Interpreter) {
        // Jobs of an environment of their own come and go.
        let wanted = self.config.prewarm > 0 && interpreter.environment.is_none();
        if !wanted || !self.state().prewarmed.insert(interpreter.clone()) {
            return;
        }
        let wanted = self.config.prewarm;
        self.in_background(interpreter, move |pool, interpreter| pool.start_ahead(interpreter, wanted));
    }

    /// Starts workers in the background for tasks that are about to come, unless there are some. They end when they are
    /// idle for long, as others do.
    pub fn expect(self: &Arc<Self>, interpreter: &Interpreter) {
        let wanted = self.config.busy.min(EXPECTED);
        let state = self.state();
        if state.closed || state.count >= wanted {
            return;
        }
        drop(state);
        self.in_background(interpreter, move |pool, interpreter| pool.start_ahead(interpreter, wanted));
    }

    /// Calls `start` until it says that there are enough workers.
    pub(super) fn in_background(
        self: &Arc<Self>,
        interpreter: &Interpreter,
        start: impl Fn(&Self, &Interpreter) -> Result<bool> + Send + 'static,
    ) {
        let (pool, interpreter) = (Arc::downgrade(self), interpreter.clone());
        let start = move || {
            while let Some(pool) = pool.upgrade() {
                match start(&pool, &interpreter) {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => {
                        tracing::warn!(%error, "no worker could be started ahead");
                        return;
                    }
                }
            }
        };
        if let Err(error) = thread::Builder::new().name("beringia-start".to_owned()).spawn(start) {
            tracing::warn!(%error, "no thread to start workers ahead");
        }
    }

    /// Starts one more worker to lie idle; false when there are as many as `wanted`.
    fn start_ahead(&self, interpreter: &Interpreter, wanted: usize) -> Result<bool> {
        let mut state = self.state();
        let full = self.config.max_workers.is_some_and(|max| state.count >= max);
        if state.closed || full || state.count >= wanted {
            return Ok(false);
        }
        state.count += 1;
        drop(state);
        self.start_idle(interpreter)
    }

    /// Starts a worker that is counted already, to lie idle; false when the pool was closed meanwhile.
    pub(super) fn start_idle(&self, interpreter: &Interpreter) -> Result<bool> {
        let started = self.start(interpreter);
        let mut state = self.state();
        let done = match started {
            Ok(idle) if !state.closed => {
                state.idle.entry(interpreter.clone()).or_default().push(idle);
                Ok(true)
            }
            other => {
                state.count -= 1;
                other.map(|_| false)
            }
        };
        drop(state);
        self.changed.notify_all();
        done
    }
}
