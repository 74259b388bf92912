//! A trace of what happens when, as a file that Chrome and Perfetto show: an array of events in JSON.
//!
//! The file is whole at every moment: each write replaces the closing bracket by more events and another one. It is
//! bounded; past the bound events are left out, and the log says so once.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::error::{Error, ErrorCode, Result};
use crate::spelling::spell;

/// About a million events.
const MAX_BYTES: u64 = 256 << 20;
const END: &str = "\n]\n";

/// A row of the picture: a thread of a process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Track {
    /// The process.
    pub process: u32,
    /// The thread, or what stands for one.
    pub thread: u64,
    /// How both are called.
    pub process_name: String,
    /// See `process_name`.
    pub thread_name: String,
}

/// Something that took time.
pub struct Span {
    /// What.
    pub name: String,
    /// When it began, in nanoseconds of the monotonic clock.
    pub started: u64,
    /// How long it took.
    pub nanos: u64,
    /// More about it: an object.
    pub details: Value,
}

struct Open {
    file: File,
    bytes: u64,
    named: HashSet<Track>,
}

/// A file of spans, which the jobs of one executor add to.
pub struct Trace {
    path: PathBuf,
    open: Mutex<Open>,
}

impl Trace {
    /// A new file in `directory`, which is made if it is not there.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] when it cannot be written.
    pub fn create(directory: &Path) -> Result<Trace> {
        let process = std::process::id();
        let path = directory
            .join(format!("beringia-{process}-{:08x}.json", RandomState::new().hash_one(process) >> 32));
        let fail = |error: std::io::Error| {
            Error::new(
                ErrorCode::Config,
                format!("cannot write the trace {} ({}): {error}", path.display(), spell("trace")),
            )
        };
        fs::create_dir_all(directory).map_err(fail)?;
        let mut file = File::create_new(&path).map_err(fail)?;
        file.write_all(b"[").and_then(|()| file.write_all(END.as_bytes())).map_err(fail)?;
        Ok(Trace { open: Mutex::new(Open { file, bytes: 1, named: HashSet::new() }), path })
    }

    /// Adds spans of `track`.
    pub fn add(&self, track: &Track, spans: impl IntoIterator<Item = Span>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.bytes > MAX_BYTES {
            return;
        }
        let mut events = Vec::new();
        if open.named.insert(track.clone()) {
            for (kind, name) in [("process_name", &track.process_name), ("thread_name", &track.thread_name)] {
                let name = json!({"name": name});
                events.push(json!({
                    "ph": "M", "name": kind, "pid": track.process, "tid": track.thread, "args": name,
                }));
            }
        }
        events.extend(spans.into_iter().map(|span| {
            json!({
                "ph": "X", "name": span.name, "pid": track.process, "tid": track.thread,
                "ts": micros(span.started), "dur": micros(span.nanos), "args": span.details,
            })
        }));
        if let Err(error) = open.append(&events) {
            tracing::warn!(path = %self.path.display(), %error, "the trace cannot be written any more");
            open.bytes = u64::MAX;
        } else if open.bytes > MAX_BYTES {
            tracing::warn!(path = %self.path.display(), "the trace is full: what comes is left out");
        }
    }
}

impl Open {
    fn append(&mut self, events: &[Value]) -> std::io::Result<()> {
        let mut text = String::new();
        for event in events {
            text.push_str(if self.bytes + text.len() as u64 > 1 { ",\n" } else { "\n" });
            text.push_str(&event.to_string());
        }
        self.file.seek(SeekFrom::Start(self.bytes))?;
        self.bytes += text.len() as u64;
        text.push_str(END);
        self.file.write_all(text.as_bytes())
    }
}

/// The unit of the format.
#[allow(clippy::cast_precision_loss, reason = "a picture needs no more than 53 bits")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_whole_after_every_write_and_names_each_track_once() {
        let directory = std::env::temp_dir().join(format!("beringia-trace-{}", std::process::id()));
        let trace = Trace::create(&directory).unwrap();
        let read = || -> Vec<Value> { serde_json::from_slice(&fs::read(&trace.path).unwrap()).unwrap() };
        assert_eq!(read(), Vec::<Value>::new());
        let track = Track {
            process: 1,
            thread: 2,
            process_name: "executor".to_owned(),
            thread_name: "\"task\" 7".to_owned(),
        };
        for number in 1..=3 {
            let span = Span { name: "fill".to_owned(), started: 1_500, nanos: 500, details: json!({}) };
            trace.add(&track, [span]);
            assert_eq!(read().len(), 2 + number);
        }
        assert_eq!(read()[2]["ts"], 1.5);
        assert_eq!(read()[1]["args"]["name"], "\"task\" 7");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_made_names_the_setting() {
        let error = Trace::create(Path::new("/proc/nowhere")).err().unwrap();
        assert_eq!(error.code, ErrorCode::Config);
        assert!(error.summary.contains("(trace)"), "{error}");
    }
}
