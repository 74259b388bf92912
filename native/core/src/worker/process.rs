//! A worker process: `python -m beringia.worker` with its end of the channel as standard input.
//!
//! It is spawned, never forked from this threaded process (the standard library uses `posix_spawn` here, as long
//! as nothing has to run between fork and exec), with an empty signal mask, in a process group of its own. It sheds
//! the descriptors it inherits before any code of the user runs.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::Peer;
use super::output::{LastWords, Stream, follow};
use crate::channel::Channel;
use crate::error::{Error, ErrorCode, Result};

/// Exit code of a worker whose channel was closed under it; `beringia/worker.py` has the same.
const CHANNEL_LOST: i32 = 87;

/// Which Python to run and how; workers are interchangeable when this is equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Interpreter {
    /// The executable.
    pub program: String,
    /// Threads that libraries may use.
    pub threads: usize,
    /// Names the modules that only some jobs may see: a worker that has imported one is for these jobs alone.
    pub environment: Option<String>,
}

/// What libraries read the number of their threads from. Where a wrapper asks OpenMP for every core by itself, or joblib
/// for how many there are, the limits of these hold: the kernel may still run the worker on any core.
const THREADS: [&str; 11] = [
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_THREAD_LIMIT",
    "LOKY_MAX_CPU_COUNT",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
];

/// Starts a worker process.
///
/// # Errors
/// [`ErrorCode::Interpreter`] when the program cannot be run, [`ErrorCode::Resource`] when descriptors ran out.
pub fn spawn(interpreter: &Interpreter) -> Result<(Channel, Box<dyn Peer>)> {
    let (ours, theirs) = Channel::pair()?;
    let mut command = Command::new(&interpreter.program);
    command
        .args(["-m", "beringia.worker"])
        .stdin(Stdio::from(theirs.into_descriptor()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let threads = interpreter.threads.max(1).to_string();
    for name in THREADS {
        if std::env::var_os(name).is_none() {
            command.env(name, &threads);
        }
    }
    // A file of the working directory must not stand in for a module of the standard library (3.11 and newer).
    command.env("PYTHONSAFEPATH", "1");
    // String hashes agree between the workers of one job.
    if std::env::var_os("PYTHONHASHSEED").is_none() {
        command.env("PYTHONHASHSEED", "0");
    }
    let mut child = command.spawn().map_err(|error| {
        let short = Errno::from_io_error(&error)
            .is_some_and(|errno| matches!(errno, Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN));
        let code = if short { ErrorCode::Resource } else { ErrorCode::Interpreter };
        Error::new(code, format!("cannot run the Python worker '{}': {error}", interpreter.program))
    })?;
    let words = LastWords::default();
    let pid = child.id();
    let stdout = child.stdout.take().map(|pipe| follow(pid, Stream::Stdout, pipe, words.clone()));
    let stderr = child.stderr.take().map(|pipe| follow(pid, Stream::Stderr, pipe, words.clone()));
    let readers = [stdout, stderr].into_iter().flatten().collect::<Result<Vec<_>>>();
    let process = Process {
        name: format!("Python worker {pid} ({})", interpreter.program),
        child: Mutex::new(Running { child, status: None }),
        words,
        readers: Mutex::default(),
    };
    *process.readers.lock().unwrap_or_else(PoisonError::into_inner) = readers?;
    Ok((ours, Box::new(process)))
}

struct Running {
    child: Child,
    status: Option<ExitStatus>,
}

struct Process {
    name: String,
    child: Mutex<Running>,
    words: LastWords,
    readers: Mutex<Vec<JoinHandle<()>>>,
}

impl Running {
    /// Reaps the child if it has ended; takes what is left of its process group along.
    fn reap(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            let pid = pid(&self.child)?;
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            if matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_))) {
                // While the child is a zombie its id cannot be anybody else's.
                let _ = kill_process_group(pid, Signal::KILL);
                self.status = self.child.wait().ok();
            }
        }
        self.status
    }
}

/// However a start fails half-way, the process does not stay.
impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

impl Peer for Process {
    fn id(&self) -> u32 {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).child.id()
    }

    fn describe(&self) -> String {
        self.name.clone()
    }

    fn kill(&self) {
        let mut running = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if running.reap().is_some() {
            return;
        }
        if let Some(pid) = pid(&running.child) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = running.child.kill();
        running.status = running.child.wait().ok();
    }

    fn exit(&self, grace: Duration) -> Option<String> {
        let deadline = Instant::now() + grace;
        loop {
            let status = self.child.lock().unwrap_or_else(PoisonError::into_inner).reap();
            if let Some(status) = status {
                return Some(explain(status));
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn last_words(&self) -> String {
        // The pipe may still hold some; a child of the worker could keep it open, so do not wait for long.
        let deadline = Instant::now() + Duration::from_millis(200);
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        while Instant::now() < deadline && !readers.iter().all(JoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(2));
        }
        self.words.text()
    }
}

fn explain(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => {
            let hint =
                if signal == 9 { ", often the out-of-memory killer of the kernel or container" } else { "" };
            format!("was killed by {} (signal {signal}{hint})", signal_name(signal))
        }
        (None, Some(CHANNEL_LOST)) => {
            "lost its channel: the function closed file descriptors that are not its own".to_owned()
        }
        (None, Some(code)) => format!("exited with code {code}"),
        (None, None) => "ended".to_owned(),
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => "a signal",
    }
}
