//! `tracing` events in a bounded queue, from which a binding takes them to the log of its own language.
//!
//! An event may name its logger in a field, as those of workers do; else it is the event's target.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::forks::{self, Lock};

const MAX_EVENTS: usize = 10_000;

/// One event.
pub struct Line {
    /// `TRACE`, `DEBUG`, `INFO`, `WARN` or `ERROR`.
    pub level: &'static str,
    /// Its logger, with dots.
    pub logger: String,
    /// The message and its fields.
    pub message: String,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Line>,
    dropped: u64,
    woken: bool,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { lines: VecDeque::new(), dropped: 0, woken: false });
static ARRIVED: Condvar = Condvar::new();

impl Lock for Queue {
    type State = Queue;

    fn lock() -> MutexGuard<'static, Queue> {
        QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends all events of this process's native side to the queue. To be called before the first one.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        forks::keep_free::<Queue>();
        let subscriber = tracing_subscriber::registry().with(ToQueue.with_filter(LevelFilter::DEBUG));
        // Nobody else can have set one: the subscriber is this library's own.
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
}

/// The events since the last call, waiting up to `timeout` for the first.
pub fn drain(timeout: Duration) -> Vec<Line> {
    let queue = Queue::lock();
    let (mut queue, _) = ARRIVED
        .wait_timeout_while(queue, timeout, |queue| queue.lines.is_empty() && !queue.woken)
        .unwrap_or_else(PoisonError::into_inner);
    let mut lines: Vec<Line> = queue.lines.drain(..).collect();
    queue.woken = false;
    let dropped = std::mem::take(&mut queue.dropped);
    if dropped > 0 {
        let message =
            format!("{dropped} log events were dropped: they came faster than they could be written");
        lines.push(Line { level: "WARN", logger: "beringia".to_owned(), message });
    }
    lines
}

/// The lowest level that the reader of the log takes of workers, as a number of Python's `logging`.
static LEVEL: AtomicU8 = AtomicU8::new(20);

/// See [`set_level`].
pub fn level() -> u8 {
    LEVEL.load(Ordering::Relaxed)
}

/// From the next batch on, functions log only what is at least of this level of Python's `logging`.
pub fn set_level(level: u8) {
    LEVEL.store(level, Ordering::Relaxed);
}

/// Lets whoever waits in [`drain`] return now.
pub fn wake() {
    Queue::lock().woken = true;
    ARRIVED.notify_one();
}

struct ToQueue;

impl<S: Subscriber> Layer<S> for ToQueue {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        let line = Line {
            level: metadata.level().as_str(),
            logger: text.logger.unwrap_or_else(|| metadata.target().replace("::", ".")),
            message: text.message + &text.fields,
        };
        let mut queue = Queue::lock();
        if queue.lines.len() >= MAX_EVENTS {
            queue.dropped += 1;
            return;
        }
        queue.lines.push_back(line);
        drop(queue);
        ARRIVED.notify_one();
    }
}

/// The message, and ` name=value` for each other field.
#[derive(Default)]
struct Text {
    logger: Option<String>,
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "logger" => self.logger = Some(value.to_owned()),
            _ => self.record_debug(field, &value),
        }
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_wait_in_the_queue_with_level_logger_and_fields() {
        install();
        tracing::warn!(target: "beringia.worker", pid = 7, "stderr: {}", "oops");
        let lines = drain(Duration::from_secs(1));
        let line = lines.iter().find(|line| line.logger == "beringia.worker").unwrap();
        assert_eq!((line.level, line.message.as_str()), ("WARN", "stderr: oops pid=7"));
        tracing::info!(logger = "beringia.worker.fit", "converged");
        let lines = drain(Duration::from_secs(1));
        let line = lines.iter().find(|line| line.logger == "beringia.worker.fit").unwrap();
        assert_eq!((line.level, line.message.as_str()), ("INFO", "converged"));
    }
}
