//! Calls that a running call submits: they go through the same lanes, and what came of them goes to its worker.
//!
//! Nobody starts a worker for them, and none is kept from work by one that waits: whoever waits for a call that has not
//! begun claims it, and makes it itself. So waits are for calls that run, which cannot form a circle.

use std::collections::HashMap;

use super::{Allowance, Call, Calls, Outcome, State, Waiting};
use crate::error::{Error, ErrorCode, Result};
use crate::protocol::asks::{Ended, Question, Told};
use crate::worker::{Asked, Data, Worker};

/// The first number of calls that calls submit: they come after those that wait already.
const FIRST: u64 = 1 << 63;

/// Who submitted a call, and how it calls it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Origin {
    lane: usize,
    number: u64,
}

/// All such calls.
#[derive(Default)]
pub(super) struct Nested {
    submitted: u64,
    /// With the bytes that each takes.
    origins: HashMap<u64, (Origin, usize)>,
    numbers: HashMap<Origin, u64>,
    allowance: Allowance,
}

impl Nested {
    fn add(&mut self, origin: Origin, bytes: usize) -> Result<u64> {
        self.allowance.take(bytes)?;
        let number = FIRST + self.submitted;
        self.submitted += 1;
        self.origins.insert(number, (origin, bytes));
        self.numbers.insert(origin, number);
        Ok(number)
    }

    fn remove(&mut self, number: u64) -> Option<Origin> {
        let (origin, bytes) = self.origins.remove(&number)?;
        self.allowance.give_back(bytes);
        self.numbers.remove(&origin);
        Some(origin)
    }
}

/// What a worker is owed.
#[derive(Default)]
pub(super) struct Owed {
    over: Vec<(u64, Ended<Data>)>,
    /// Calls that it submitted and that are not over.
    open: usize,
    /// The question that asks for it.
    question: Option<u64>,
}

impl Calls {
    /// What the call of `lane` asks.
    pub(super) fn asked(&self, state: &mut State, lane: usize, asked: Asked) {
        let Asked { number, question } = asked;
        match question {
            Question::Submit { call, timeout, retries, .. } => {
                state.lanes[lane].owed.open += 1;
                match state.nested.add(Origin { lane, number }, Allowance::size(&call)) {
                    Ok(nested) => {
                        let call = Call { data: call, timeout, retries };
                        state.waiting.insert(nested, Waiting { call, lost: 0 });
                        state.wants_lane |= self.offer(state);
                    }
                    Err(error) => self.settle(state, lane, Some((number, error.into()))),
                }
            }
            Question::Claim(call) => {
                let number_of_call = state.nested.numbers.get(&Origin { lane, number: call }).copied();
                let claimed = number_of_call.is_some_and(|call| {
                    let taken = state.take_back(call);
                    if taken {
                        state.nested.remove(call);
                    }
                    taken
                });
                self.tell(state, lane, number, Told::Claimed(claimed));
                if claimed {
                    self.settle(state, lane, None);
                }
            }
            Question::Outcomes => {
                state.lanes[lane].owed.question = Some(number);
                self.pay(state, lane);
            }
            question => self.with_worker(state, lane, |worker| worker.decline(&Asked { number, question })),
        }
    }

    /// Outcomes without those of calls that calls submitted, which go to these.
    pub(super) fn route(&self, state: &mut State, outcomes: Vec<(u64, Outcome)>) -> Vec<(u64, Outcome)> {
        let mut rest = Vec::with_capacity(outcomes.len());
        for (number, outcome) in outcomes {
            if number < FIRST {
                rest.push((number, outcome));
            } else if let Some(Origin { lane, number }) = state.nested.remove(number) {
                self.settle(state, lane, Some((number, ended(outcome))));
            }
        }
        rest
    }

    /// The worker of `lane` is another from now on: nobody waits for what its call submitted.
    pub(super) fn disown(state: &mut State, lane: usize) {
        state.lanes[lane].owed = Owed::default();
        let orphans: Vec<u64> = state
            .nested
            .origins
            .iter()
            .filter(|(_, (origin, _))| origin.lane == lane)
            .map(|(number, _)| *number)
            .collect();
        for number in orphans {
            state.take_back(number);
            state.nested.remove(number);
        }
    }

    /// A call that the worker of `lane` submitted is its own again, or over.
    fn settle(&self, state: &mut State, lane: usize, over: Option<(u64, Ended<Data>)>) {
        let owed = &mut state.lanes[lane].owed;
        owed.open = owed.open.saturating_sub(1);
        owed.over.extend(over);
        self.pay(state, lane);
    }

    /// Tells the worker of `lane` what it asked for, if there is some, or will be none.
    fn pay(&self, state: &mut State, lane: usize) {
        let owed = &mut state.lanes[lane].owed;
        if (!owed.over.is_empty() || owed.open == 0)
            && let Some(question) = owed.question.take()
        {
            let over = std::mem::take(&mut owed.over);
            self.tell(state, lane, question, Told::Outcomes(over));
        }
    }

    fn tell(&self, state: &State, lane: usize, number: u64, told: Told<Data>) {
        self.with_worker(state, lane, |worker| worker.answer(number, told));
    }

    fn with_worker(&self, state: &State, lane: usize, answer: impl FnOnce(&Worker) -> Result<()>) {
        let Some(lease) = &state.lanes[lane].lease else { return };
        if let Err(error) = answer(lease.worker()) {
            // Its call would wait for ever.
            tracing::warn!(worker = lease.worker().describe(), %error, "a call cannot be answered; its worker is ended");
            lease.worker().kill();
        }
    }
}

/// What became of a call, to be passed on.
pub(crate) fn ended(outcome: Outcome) -> Ended<Data> {
    match outcome {
        Outcome::Returned { body, buffers } => match Data::returned(body, buffers) {
            Ok(data) => Ended::Returned(data),
            Err(error) => error.into(),
        },
        Outcome::Failed(error) => error.into(),
        Outcome::Broken(error) => Error::new(ErrorCode::Cancelled, error.summary).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_would_take_too_much_are_refused_until_others_are_over() {
        let mut nested = Nested::default();
        let origin = |number| Origin { lane: 0, number };
        let first = nested.add(origin(1), 200 << 20).unwrap();
        assert_eq!(nested.add(origin(2), 100 << 20).unwrap_err().code, ErrorCode::Resource);
        assert!(nested.remove(first) == Some(origin(1)));
        assert_eq!(nested.add(origin(2), 100 << 20).unwrap(), first + 1);
    }
}
