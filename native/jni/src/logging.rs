//! `tracing` events in a bounded queue, from which a thread of the JVM takes them to slf4j.

use std::collections::VecDeque;
use std::fmt::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

const MAX_EVENTS: usize = 10_000;

/// One event.
pub struct Line {
    pub level: &'static str,
    pub logger: String,
    pub message: String,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Line>,
    dropped: u64,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { lines: VecDeque::new(), dropped: 0 });
static ARRIVED: Condvar = Condvar::new();

fn queue() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends all events of this process's native side to the queue.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(ToQueue.with_filter(LevelFilter::DEBUG));
        // Nobody else can have set one: the subscriber is this library's own.
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
}

/// The events since the last call, waiting up to `timeout` for the first.
pub fn drain(timeout: Duration) -> Vec<Line> {
    let queue = queue();
    let (mut queue, _) = ARRIVED
        .wait_timeout_while(queue, timeout, |queue| queue.lines.is_empty())
        .unwrap_or_else(PoisonError::into_inner);
    let mut lines: Vec<Line> = queue.lines.drain(..).collect();
    let dropped = std::mem::take(&mut queue.dropped);
    if dropped > 0 {
        let message =
            format!("{dropped} log events were dropped: they came faster than they could be written");
        lines.push(Line { level: "WARN", logger: "beringia".to_owned(), message });
    }
    lines
}

struct ToQueue;

impl<S: Subscriber> Layer<S> for ToQueue {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let metadata = event.metadata();
        let line = Line {
            level: metadata.level().as_str(),
            logger: metadata.target().replace("::", "."),
            message: text.message + &text.fields,
        };
        let mut queue = queue();
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
    message: String,
    fields: String,
}

impl Visit for Text {
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
    }
}
