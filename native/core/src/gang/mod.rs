//! Calls that run together: one for each rank, on workers that were leased at once, which meet while they run.
//!
//! One thread hears all ranks and answers them. It has no part in the data, which lie where a rank wrote them.

mod hub;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::calls::{self, Outcome};
use crate::definition::Program;
use crate::error::{Error, ErrorCode, Result};
use crate::log;
use crate::pool::WorkerLease;
use crate::protocol::Watch;
use crate::protocol::asks::Question;
use crate::runtime::Runtime;
use crate::worker::{Data, Interpreter, Reply, Request, Worker};

pub use hub::{Answer, Hub};

/// How long it waits without a look at what else happens.
const STEP: Duration = Duration::from_millis(50);

/// How long the rank that failed first may take to return what it raised.
const FIRST_GRACE: Duration = Duration::from_secs(2);

/// What a run needs.
pub struct Setting {
    /// What gets the workers ready, by its convention.
    pub program: Program,
    /// The minor version of Python that it needs.
    pub python: Option<String>,
    /// Where it runs.
    pub interpreter: Interpreter,
    /// How many ranks.
    pub size: usize,
    /// The longest that it may take.
    pub timeout: Option<Duration>,
}

/// What became of a run.
pub struct Run {
    /// Of each rank.
    pub outcomes: Vec<Outcome>,
    /// The rank that failed first, and what happened there.
    pub failed: Option<(usize, String)>,
}

struct Gang {
    hub: Hub,
    ranks: Vec<Rank>,
    cancel_grace: Duration,
    failed_at: Option<Instant>,
}

struct Rank {
    lease: Arc<WorkerLease>,
    ticket: u64,
    outcome: Option<Outcome>,
}

/// Makes the call `data` once for each rank. `interrupted` is asked now and then; its error is the run's, once the workers
/// have ended.
///
/// # Errors
/// [`ErrorCode::Resource`] when there are not as many workers at once; that of `interrupted`.
pub fn run<E: From<Error>>(
    runtime: &Runtime,
    setting: &Setting,
    data: &Data,
    mut interrupted: impl FnMut() -> std::result::Result<(), E>,
) -> std::result::Result<Run, E> {
    let leases = runtime.pool().gang(setting.size, &setting.interpreter, &mut interrupted)?;
    let definition = calls::definition(setting.program.clone());
    let id = crate::job::content_id(&definition)?;
    let cancel_grace = runtime.config().cancel_grace;
    let mut gang = Gang { hub: Hub::new(leases.len()), ranks: Vec::new(), cancel_grace, failed_at: None };
    for lease in leases {
        let ticket = lease.worker().call(Request {
            id,
            definition: &definition,
            data,
            timeout: None,
            python: setting.python.as_deref(),
            watch: Watch { task: String::new(), log_level: log::level(), trace: false },
        })?;
        gang.ranks.push(Rank { lease, ticket, outcome: None });
    }
    let deadline = setting.timeout.map(|timeout| Instant::now() + timeout);
    let mut looked = Instant::now();
    while gang.ranks.iter().any(|rank| rank.outcome.is_none()) {
        gang.step()?;
        if looked.elapsed() >= STEP {
            looked = Instant::now();
            if let Err(error) = interrupted() {
                gang.kill();
                return Err(error);
            }
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) && gang.hub.failed().is_none() {
            let timeout = setting.timeout.unwrap_or_default();
            let why = format!("the run took longer than the timeout of {timeout:?}: {}", gang.hub.describe());
            gang.kill();
            return Err(Error::new(ErrorCode::Timeout, why).into());
        }
    }
    let failed = gang.hub.failed().map(|(why, rank)| (*rank, why.clone()));
    let outcome = |rank: Rank| {
        rank.outcome.unwrap_or_else(|| Outcome::Failed(Error::internal("a rank without an end")))
    };
    Ok(Run { outcomes: std::mem::take(&mut gang.ranks).into_iter().map(outcome).collect(), failed })
}

impl Gang {
    /// Hears whoever speaks, and ends those that go on after the run has failed.
    fn step(&mut self) -> Result<()> {
        let open: Vec<usize> =
            (0..self.ranks.len()).filter(|rank| self.ranks[*rank].outcome.is_none()).collect();
        let workers: Vec<&Worker> = open.iter().map(|rank| &**self.ranks[*rank].lease.worker()).collect();
        let speaks = Worker::wait_for_any(&workers, STEP)?;
        let all = !speaks.contains(&true);
        for (rank, speaks) in open.into_iter().zip(speaks) {
            // One that is silent may be dead.
            while (speaks || all) && self.ranks[rank].outcome.is_none() && self.hear(rank)? {}
        }
        if let Some(first) = self.hub.failed().map(|(_, rank)| *rank) {
            let since = self.failed_at.get_or_insert_with(Instant::now).elapsed();
            for (number, rank) in self.ranks.iter().enumerate().filter(|(_, rank)| rank.outcome.is_none()) {
                // The first has still to say what it was.
                let grace =
                    if number == first { FIRST_GRACE.max(self.cancel_grace) } else { self.cancel_grace };
                if since >= grace {
                    rank.lease.worker().kill();
                }
            }
        }
        Ok(())
    }

    /// Takes the next that `rank` says; false when there is nothing.
    fn hear(&mut self, rank: usize) -> Result<bool> {
        let Rank { lease, ticket, .. } = &self.ranks[rank];
        let (outcome, how, fails) = match lease.worker().reply(*ticket, Duration::ZERO) {
            Ok(None) => return Ok(false),
            Ok(Some(Reply::Asked(asked))) => {
                let meets = !matches!(
                    asked.question,
                    Question::Submit { .. } | Question::Claim(_) | Question::Outcomes
                );
                if meets {
                    let answers = self.hub.ask(rank, asked);
                    self.send(answers)?;
                } else {
                    lease.worker().decline(&asked)?;
                }
                return Ok(true);
            }
            Ok(Some(reply)) => match calls::outcome(reply) {
                outcome @ Outcome::Returned { .. } => (outcome, "has returned".to_owned(), false),
                Outcome::Failed(error) | Outcome::Broken(error) => {
                    let how = format!("could not run: {}", error.summary);
                    (Outcome::Failed(error), how, true)
                }
            },
            Err(error) => {
                let how = format!("has ended: {}", error.summary);
                (Outcome::Failed(error), how, true)
            }
        };
        self.ranks[rank].outcome = Some(outcome);
        let answers = self.hub.end(rank, how, fails);
        self.send(answers)?;
        Ok(true)
    }

    fn send(&self, answers: Vec<Answer>) -> Result<()> {
        for (rank, number, told) in answers {
            self.ranks[rank].lease.worker().answer(number, told)?;
        }
        Ok(())
    }

    fn kill(&self) {
        let open = self.ranks.iter().filter(|rank| rank.outcome.is_none());
        open.for_each(|rank| rank.lease.worker().kill());
    }
}

/// However a run ends, no worker goes on with its rank.
impl Drop for Gang {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::segment::{Cache, Lease};
    use crate::worker::thread::{self as fake, LIMITS};

    #[test]
    fn no_rank_goes_on_where_another_could_not_begin() {
        let config = Config::parse([]).unwrap();
        let backend = config.backend;
        let runtime = Runtime::new(config).unwrap();
        let interpreter = Interpreter { program: "/nowhere".to_owned(), threads: 1, environment: None };
        let adopt = || {
            let (channel, peer) = fake::spawn(backend, |_| panic!("a batch"));
            let worker = Worker::start(channel, peer, backend, LIMITS).unwrap();
            runtime.pool().adopt(worker, interpreter.clone());
        };
        let run = |size, body: &str, leases: &[Arc<Lease>]| {
            let program = Program {
                name: "calls".to_owned(),
                convention: "echo".to_owned(),
                function: "pickle".to_owned(),
                payload: Vec::new(),
                paths: Vec::new(),
            };
            let interpreter = interpreter.clone();
            let setting = Setting { program, python: None, interpreter, size, timeout: None };
            let data = Data::new(body.as_bytes().to_vec(), Vec::new(), leases.to_vec());
            super::run(&runtime, &setting, &data, || Ok::<_, Error>(()))
        };
        // More segments than one message has descriptors for: the first worker gets to know them in halves.
        let cache = Cache::new(backend, 0);
        let leases: Vec<_> = (0..300).map(|_| cache.lease(1).unwrap()).collect();
        adopt();
        leases.chunks(150).for_each(|half| drop(run(1, "x", half).unwrap()));
        adopt();
        assert_eq!(run(2, "slow", &leases).err().unwrap().code, ErrorCode::TooLarge);
        assert_eq!(runtime.pool().size(), 0);
    }
}
