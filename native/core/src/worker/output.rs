//! What a worker prints, logs and warns of: read all the time, so that no function is blocked by it, and passed on to
//! the log, though not without end.
//!
//! Lines that begin with a mark are records of `beringia/_output.py`, with level, logger and scope; the others come
//! from code below Python.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use serde::Deserialize;

use crate::error::{Error, Result};

/// Begins a record.
const MARK: u8 = 0x1e;
/// The longest line passed on; records are shorter.
const MAX_LINE: u64 = 64 * 1024;
/// Bytes of a worker's standard error that are kept for its obituary.
const LAST_WORDS: usize = 4096;
/// Lines of one stream that reach the log at once, and after that each second; a long one counts as several.
const BURST: f64 = 1000.0;
/// See [`BURST`].
const LINES_PER_SECOND: f64 = 200.0;
/// Bytes of one such line.
const LINE: f64 = 1024.0;

#[derive(Deserialize)]
struct Record {
    level: String,
    logger: String,
    scope: Option<String>,
    message: String,
}

/// One of a worker's two streams.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// What a worker wrote last to its standard error.
#[derive(Clone, Default)]
pub(super) struct LastWords(Arc<Mutex<VecDeque<u8>>>);

impl LastWords {
    fn push(&self, line: &[u8]) {
        let mut words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        words.extend(line);
        words.push_back(b'\n');
        let excess = words.len().saturating_sub(LAST_WORDS);
        words.drain(..excess);
    }

    pub(super) fn text(&self) -> String {
        let words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (front, back) = words.as_slices();
        String::from_utf8_lossy(&[front, back].concat()).trim().to_owned()
    }
}

/// Starts a thread that reads `pipe` until nobody holds its other end.
pub(super) fn follow(
    pid: u32,
    stream: Stream,
    pipe: impl Read + Send + 'static,
    words: LastWords,
) -> Result<JoinHandle<()>> {
    thread::Builder::new()
        .name(format!("beringia-{}-{pid}", stream.name()))
        .spawn(move || read(pid, stream, pipe, &words))
        .map_err(|error| Error::os("cannot start a thread for a worker's output", error))
}

fn read(pid: u32, stream: Stream, pipe: impl Read, words: &LastWords) {
    let mut reader = BufReader::with_capacity(1 << 16, pipe);
    let mut line = Vec::new();
    let mut limit = Limit::new();
    while let Ok(1..) = reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
        let shown = limit.allows(line.len());
        if shown || stream == Stream::Stderr {
            let record = parse(&line, stream);
            if stream == Stream::Stderr {
                words.push(record.message.as_bytes());
            }
            if shown {
                limit.tell(pid, stream);
                log(pid, &record);
            }
        }
        line.clear();
    }
    limit.tell(pid, stream);
}

fn parse(line: &[u8], stream: Stream) -> Record {
    let record = line.strip_prefix(&[MARK]).and_then(|record| serde_json::from_slice(record).ok());
    record.unwrap_or_else(|| Record {
        level: "INFO".to_owned(),
        logger: stream.name().to_owned(),
        scope: None,
        message: String::from_utf8_lossy(line).trim_end().to_owned(),
    })
}

fn log(pid: u32, record: &Record) {
    let logger = format!("beringia.worker.{}", record.logger);
    let scope = record.scope.as_deref().map_or(String::new(), |scope| format!(", {scope}"));
    // An event's level is part of its code.
    macro_rules! at {
        ($level:ident) => {
            tracing::$level!(target: "beringia.worker", logger, "{} [worker {pid}{scope}]", record.message)
        };
    }
    match record.level.as_str() {
        "ERROR" => at!(error),
        "WARN" => at!(warn),
        "INFO" => at!(info),
        _ => at!(debug),
    }
}

/// Lets a burst of lines pass, then so many a second.
struct Limit {
    tokens: f64,
    at: Instant,
    suppressed: u64,
}

impl Limit {
    fn new() -> Limit {
        Limit { tokens: BURST, at: Instant::now(), suppressed: 0 }
    }

    fn allows(&mut self, bytes: usize) -> bool {
        let now = Instant::now();
        let earned = now.duration_since(self.at).as_secs_f64() * LINES_PER_SECOND;
        self.tokens = (self.tokens + earned).min(BURST);
        self.at = now;
        if self.tokens < 1.0 {
            self.suppressed += 1;
            return false;
        }
        #[allow(clippy::cast_precision_loss, reason = "lines are short")]
        let lines = (bytes as f64 / LINE).max(1.0);
        self.tokens -= lines;
        true
    }

    /// Says how many lines were left out since the last one shown.
    fn tell(&mut self, pid: u32, stream: Stream) {
        let suppressed = std::mem::take(&mut self.suppressed);
        if suppressed > 0 {
            tracing::warn!(
                target: "beringia.worker",
                "{suppressed} lines of {} are not shown: more than {LINES_PER_SECOND} a second [worker {pid}]",
                stream.name()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_and_any_other_line_is_taken_as_it_is() {
        let line =
            b"\x1e{\"level\":\"WARN\",\"logger\":\"fit\",\"scope\":\"'f', k=1\",\"message\":\"a\\nb\"}\n";
        let record = parse(line, Stream::Stderr);
        assert_eq!((record.level.as_str(), record.logger.as_str()), ("WARN", "fit"));
        assert_eq!((record.scope.as_deref(), record.message.as_str()), (Some("'f', k=1"), "a\nb"));
        for line in [&b"plain\n"[..], b"\x1e{\"level\"", b"\xff\xfe", b"\x1e"] {
            let record = parse(line, Stream::Stdout);
            assert_eq!((record.level.as_str(), record.logger.as_str()), ("INFO", "stdout"));
        }
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let mut limit = Limit::new();
        let shown = (0..100_000).filter(|_| limit.allows(80)).count();
        assert!((1000..2000).contains(&shown), "{shown}");
        assert_eq!(limit.suppressed, 100_000 - shown as u64);
        let mut limit = Limit::new();
        assert!((0..1000).filter(|_| limit.allows(64 * 1024)).count() < 30, "long lines count as several");
    }

    #[test]
    fn the_last_words_are_the_end_of_what_was_said() {
        let words = LastWords::default();
        for number in 0..10_000 {
            words.push(format!("line {number}").as_bytes());
        }
        let text = words.text();
        assert!(text.len() <= LAST_WORDS && text.ends_with("line 9998\nline 9999"), "{text}");
    }
}
