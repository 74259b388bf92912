//! How a job goes on when a worker is lost, and how it ends.

use std::sync::Arc;
use std::time::Instant;

use super::{Batch, Crew, Job, Reserve, State, assemble};
use crate::definition::OnError;
use crate::error::{Error, ErrorCode, Result};
use crate::worker::Worker;

impl Job {
    /// What to do when a worker is lost: blame the group it was at, or try again without that group, or, where
    /// it was at another job's or between calls, just try again.
    pub(super) fn recover(&self, state: &mut State, error: Error, worker: &Arc<Worker>) -> Result<()> {
        if !matches!(error.code, ErrorCode::WorkerDied | ErrorCode::Timeout) {
            return Err(error);
        }
        self.runtime.asks().lose(worker);
        let position = worker.position();
        let name = &self.definition.program.name;
        let ticket = position.map(|position| position.ticket);
        let lost = |batch: &&mut Batch| batch.is_open_at(worker);
        let own = state.batches.iter_mut().filter(lost).find(|batch| batch.ticket() == ticket);
        match (own, position.and_then(|position| position.group)) {
            (Some(_), None) => {
                let summary = format!("{} while '{name}' was loaded", error.summary);
                return Err(Error { summary, ..error });
            }
            (Some(batch), Some(group)) if self.definition.policy.on_error == OnError::Raise => {
                let group = assemble::describe_group(&self.definition.shape, batch, group);
                let summary = format!("{} while '{name}' ran", error.summary);
                return Err(Error { summary, ..error }.with_group(group));
            }
            (Some(batch), Some(group)) => {
                // One that dies without end must not be tried without end.
                let known = batch.condemned.iter().any(|(condemned, _)| *condemned == group);
                if known || group >= batch.descriptor.len {
                    return Err(error);
                }
                batch.condemned.push((group, error.summary));
            }
            (None, _) => {
                for batch in state.batches.iter_mut().filter(lost) {
                    batch.lost += 1;
                    if batch.lost > self.definition.policy.retries {
                        let summary = format!("{} between the calls of '{name}'", error.summary);
                        return Err(Error { summary, ..error });
                    }
                }
            }
        }
        // With its last lease the worker is reaped; its batches go to another.
        state.crew.lose(worker);
        for batch in state.batches.iter_mut().filter(lost) {
            batch.at = None;
        }
        Ok(())
    }

    /// Ends the job: quiesces its worker, or kills it, and only then frees its segments. Ending twice is nothing.
    pub fn close(&self) {
        let mut state = self.state();
        self.stop(&mut state, Error::new(ErrorCode::Cancelled, "the job is closed"));
    }

    pub(super) fn stop(&self, state: &mut State, error: Error) {
        self.quiesce(state);
        state.crew = Crew::default();
        state.batches.clear();
        state.filling.clear();
        if state.ended.is_none() {
            state.observer.ended(&self.task, &self.definition.program.name);
            state.ended = Some(error);
        }
    }

    /// Sees to it that no worker is at a batch of this job.
    fn quiesce(&self, state: &State) {
        let State { batches, crew, .. } = state;
        let asks = self.runtime.asks();
        let reserve = Reserve { spread: false, ..self.reserve() };
        let open = |worker| batches.iter().filter(move |batch| batch.is_open_at(worker));
        for worker in crew.all() {
            if let Some(last) = open(worker).filter_map(Batch::ticket).max() {
                worker.cancel(last);
            }
        }
        let deadline = Instant::now() + self.runtime.config().cancel_grace;
        for worker in crew.all() {
            // Dropping replies returns their segments.
            for ticket in open(worker).filter_map(Batch::ticket) {
                match asks.reply(&reserve, worker, ticket, deadline.saturating_duration_since(Instant::now()))
                {
                    Ok(Some(_)) => continue,
                    Ok(None) => tracing::info!(
                        worker = worker.describe(),
                        "a worker did not finish a cancelled call and is killed"
                    ),
                    Err(_) => {}
                }
                worker.kill();
                asks.lose(worker);
                break;
            }
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.close();
    }
}
