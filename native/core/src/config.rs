//! Every setting, once: its name, kind, default and meaning. Documentation is generated from here.
//!
//! Settings arrive as strings under the names that the front gives them; sizes and times are written as `8m`, `1g`,
//! `500ms`, `60s`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, ErrorCode, Result};
use crate::segment::Backend;
use crate::spelling::{Spelling, spell};

/// One setting, as documented.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The name, which fronts spell in their own ways ([`Spelling`]).
    pub name: &'static str,
    /// What kind of value it takes: `bytes`, `time`, `count`, `path`, or the words allowed.
    pub kind: &'static str,
    /// The default, as a user would write it.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// All settings.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "batchBytes",
        kind: "bytes above 0",
        default: "8m",
        doc: "Size at which a batch of groups is handed to a worker. Two batches are in flight per task.",
    },
    Setting {
        name: "maxGroupBytes",
        kind: "bytes above 0",
        default: "1g",
        doc: "The largest group; one past it fails the job with an error that names its key.",
    },
    Setting {
        name: "python",
        kind: "path",
        default: "",
        doc: "The Python that runs the functions. By default the driver's own where workers run on its machine, else \
              the one that the engine names for its own workers.",
    },
    Setting {
        name: "segment.backend",
        kind: "memfd, posix",
        default: "memfd",
        doc: "The kind of shared memory. `memfd` is anonymous and sealed; `posix` is named, in `/dev/shm`.",
    },
    Setting {
        name: "segment.idleBytes",
        kind: "bytes",
        default: "256m",
        doc: "Shared memory that each process keeps for the next batch instead of freeing it.",
    },
    Setting {
        name: "segment.maxBytes",
        kind: "bytes",
        default: "0",
        doc: "The most shared memory of one executor's batches, with what is kept for the next ones. The results of \
              each worker may take as much again, and so may what its function hands to others. 0 sets no limit but \
              what the machine and the container have left.",
    },
    Setting {
        name: "trace",
        kind: "path",
        default: "",
        doc: "A directory: each executor writes a trace there, for Chrome or Perfetto (see docs/metrics.md).",
    },
    Setting {
        name: "worker.busy",
        kind: "count",
        default: "0",
        doc: "How many workers of one executor are to be busy: where fewer tasks run, the batches of one go to several. \
              0 means as many as tasks may run at a time, where the engine says that; 1 is one for each task.",
    },
    Setting {
        name: "worker.max",
        kind: "count",
        default: "0",
        doc: "The most workers of one executor; 0 means one per concurrent task.",
    },
    Setting {
        name: "worker.maxTasks",
        kind: "count",
        default: "0",
        doc: "A worker ends after so many tasks and a fresh one takes its place; 0 means never. For functions \
              that leak memory.",
    },
    Setting {
        name: "worker.prewarm",
        kind: "count",
        default: "0",
        doc: "Workers that start before a task asks for one, and stay when idle: with the executor where `python` \
              is set, else with its first task.",
    },
    Setting {
        name: "worker.retainedBytes",
        kind: "bytes",
        default: "1g",
        doc: "Arguments that a function may keep views on after its call, in a global say. Each batch of them is \
              copied once; past this size the call fails.",
    },
    Setting {
        name: "worker.startTimeout",
        kind: "time",
        default: "60s",
        doc: "How long a worker may take to start and to import its libraries.",
    },
    Setting {
        name: "worker.leaseTimeout",
        kind: "time",
        default: "300s",
        doc: "How long a task waits for a worker when `worker.max` are busy.",
    },
    Setting {
        name: "worker.idleTimeout",
        kind: "time",
        default: "60s",
        doc: "An unused worker ends after this time.",
    },
    Setting {
        name: "worker.cancelGrace",
        kind: "time",
        default: "1s",
        doc: "How long a cancelled task waits for its worker to finish a call before it kills it.",
    },
];

/// The values of all settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// See `batchBytes`.
    pub batch_bytes: usize,
    /// See `maxGroupBytes`.
    pub max_group_bytes: usize,
    /// See `segment.backend`.
    pub backend: Backend,
    /// See `segment.idleBytes`.
    pub idle_bytes: usize,
    /// See `segment.maxBytes`; `None` is no limit.
    pub max_bytes: Option<usize>,
    /// See `python`; `None` where the front chooses.
    pub python: Option<String>,
    /// See `trace`.
    pub trace: Option<PathBuf>,
    /// See `worker.busy`; 0 where the front says nothing.
    pub busy: usize,
    /// See `worker.max`; `None` is no limit.
    pub max_workers: Option<usize>,
    /// See `worker.maxTasks`; `None` is no limit.
    pub max_tasks: Option<usize>,
    /// See `worker.prewarm`.
    pub prewarm: usize,
    /// See `worker.retainedBytes`.
    pub retained_bytes: usize,
    /// See `worker.startTimeout`.
    pub start_timeout: Duration,
    /// See `worker.leaseTimeout`.
    pub lease_timeout: Duration,
    /// See `worker.idleTimeout`.
    pub idle_timeout: Duration,
    /// See `worker.cancelGrace`.
    pub cancel_grace: Duration,
}

impl Config {
    /// Reads settings as the front of this process spells them; what is not given has its default, and of what is given
    /// twice the last one counts.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] for a name that is not in [`SETTINGS`] and for a value that cannot be read.
    pub fn parse<'a>(given: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Config> {
        let spelling = Spelling::current();
        let mut values: BTreeMap<&str, &str> = SETTINGS.iter().map(|s| (s.name, s.default)).collect();
        for (written, value) in given {
            let known = SETTINGS.iter().find(|setting| spelling.is(written, setting.name));
            values.insert(known.ok_or_else(|| unknown(written))?.name, value);
        }
        let bytes = |name| read(name, values[name], bytes_of);
        let time = |name| read(name, values[name], time);
        let count = |name| read(name, values[name], |value| value.parse::<usize>().ok());
        let some = |limit| Some(limit).filter(|limit| *limit > 0);
        let size = |name| read(name, values[name], |value| bytes_of(value).filter(|size| *size > 0));
        Ok(Config {
            batch_bytes: size("batchBytes")?,
            max_group_bytes: size("maxGroupBytes")?,
            backend: read("segment.backend", values["segment.backend"], backend)?,
            idle_bytes: bytes("segment.idleBytes")?,
            max_bytes: some(bytes("segment.maxBytes")?),
            python: Some(values["python"].trim().to_owned()).filter(|python| !python.is_empty()),
            trace: Some(values["trace"].trim()).filter(|path| !path.is_empty()).map(PathBuf::from),
            busy: count("worker.busy")?,
            max_workers: some(count("worker.max")?),
            max_tasks: some(count("worker.maxTasks")?),
            prewarm: count("worker.prewarm")?,
            retained_bytes: bytes("worker.retainedBytes")?,
            start_timeout: time("worker.startTimeout")?,
            lease_timeout: time("worker.leaseTimeout")?,
            idle_timeout: time("worker.idleTimeout")?,
            cancel_grace: time("worker.cancelGrace")?,
        })
    }
}

/// All settings as rows of a table, in Markdown.
pub fn table() -> String {
    let mut table = String::new();
    for Setting { name, kind, default, doc } in SETTINGS {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        table.push_str(&format!("| `{name}` | {default} | {kind} | {doc} |\n"));
    }
    table
}

fn unknown(written: &str) -> Error {
    let known: Vec<String> = SETTINGS.iter().map(|setting| spell(setting.name)).collect();
    Error::new(
        ErrorCode::Config,
        format!("'{written}' is no setting of Beringia; there are {}", known.join(", ")),
    )
}

fn read<T>(name: &str, value: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
    parse(value.trim()).ok_or_else(|| {
        let kind = SETTINGS.iter().find(|setting| setting.name == name).map_or("", |setting| setting.kind);
        Error::new(ErrorCode::Config, format!("{} is '{value}'; expected {kind}", spell(name)))
    })
}

fn backend(value: &str) -> Option<Backend> {
    match value {
        "memfd" => Some(Backend::Memfd),
        "posix" => Some(Backend::Posix),
        _ => None,
    }
}

fn number_and_unit(value: &str) -> Option<(u64, String)> {
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    Some((value[..digits].parse().ok()?, value[digits..].trim().to_ascii_lowercase()))
}

fn bytes_of(value: &str) -> Option<usize> {
    let (number, unit) = number_and_unit(value)?;
    let shift = match unit.as_str() {
        "" | "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        "t" | "tb" => 40,
        _ => return None,
    };
    usize::try_from(number.checked_mul(1 << shift)?).ok()
}

fn time(value: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(value)?;
    match unit.as_str() {
        "ms" => Some(Duration::from_millis(number)),
        "" | "s" => Some(Duration::from_secs(number)),
        "m" | "min" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "h" => Some(Duration::from_secs(number.checked_mul(3600)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        let config = Config::parse([]).unwrap();
        assert_eq!(config.batch_bytes, 8 << 20);
        assert_eq!(config.max_workers, None);
        assert_eq!(config.lease_timeout, Duration::from_secs(300));
    }

    #[test]
    fn values_are_numbers_with_units() {
        let config =
            Config::parse([("batchBytes", "512k"), ("worker.max", "3"), ("worker.cancelGrace", "250ms")])
                .unwrap();
        assert_eq!(config.batch_bytes, 512 << 10);
        assert_eq!(config.max_workers, Some(3));
        assert_eq!(config.cancel_grace, Duration::from_millis(250));
    }

    #[test]
    fn unknown_names_and_bad_values_are_errors_that_say_what_is_allowed() {
        for (name, value, expected) in [
            ("batchbytes", "8m", "'batchbytes' is no setting"),
            ("batchBytes", "eight", "'eight'; expected bytes"),
            ("worker.startTimeout", "5 parsecs", "expected time"),
            ("segment.backend", "disk", "expected memfd, posix"),
            ("batchBytes", "99999999999t", "expected bytes"),
            ("batchBytes", "0", "expected bytes above 0"),
            ("worker.prewarm", "-1", "expected count"),
        ] {
            let error = Config::parse([(name, value)]).unwrap_err();
            assert_eq!(error.code, ErrorCode::Config);
            assert!(error.summary.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_page_of_documentation_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let written = std::fs::read_to_string(path).unwrap();
        assert!(
            written.ends_with(&table()),
            "docs/configuration.md is not what the settings say: run `make docs`"
        );
    }
}
