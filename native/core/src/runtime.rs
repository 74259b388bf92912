//! What one executor owns: its configuration, its shared memory and its workers.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::{Error, ErrorCode, Result};
use crate::metrics::Counts;
use crate::pool::Pool;
use crate::preflight;
use crate::segment::{Access, Cache, Segment, sweep, tidy};
use crate::spelling::Spelling;
use crate::trace::Trace;
use crate::worker::Interpreter;

/// How often a runtime looks after what lies idle.
const TICK: Duration = Duration::from_secs(1);

/// See [`Runtime::metrics`].
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Now {
    workers: usize,
    workers_idle: usize,
    jobs_waiting: usize,
    bytes_leased: usize,
    bytes_idle: usize,
    bytes_results: usize,
    #[serde(flatten)]
    counts: Counts,
}

/// What a front says of a runtime.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    spelling: Spelling,
    settings: BTreeMap<String, String>,
}

/// One per executor, or per process where there are none.
pub struct Runtime {
    config: Config,
    cache: Arc<Cache>,
    pool: Arc<Pool>,
    /// Blocks that all workers see, by what names their content.
    blocks: Mutex<HashMap<String, Weak<Segment>>>,
    trace: Option<Arc<Trace>>,
}

impl Runtime {
    /// A runtime with the given settings. Workers start when they are asked for, and in the background those that
    /// are to be warm.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when this machine has no shared memory of the kind that the settings choose,
    /// [`ErrorCode::Config`] when a trace is asked for and cannot be written.
    pub fn new(config: Config) -> Result<Arc<Runtime>> {
        sweep();
        preflight::check(&config)?;
        let trace = config.trace.as_deref().map(Trace::create).transpose()?.map(Arc::new);
        let cache = Cache::bounded(config.backend, config.idle_bytes, config.max_bytes);
        let pool = Pool::new(config.clone());
        if let Some(program) = &config.python {
            pool.prewarm(&Interpreter { program: program.clone(), threads: 1 });
        }
        let runtime = Arc::new(Runtime { config, cache, pool, blocks: Mutex::default(), trace });
        runtime.keep_house();
        Ok(runtime)
    }

    /// Ends idle workers and frees idle memory whose time is up, now and then, for as long as the runtime is there.
    fn keep_house(self: &Arc<Self>) {
        let runtime = Arc::downgrade(self);
        let look = move || {
            while let Some(runtime) = runtime.upgrade() {
                runtime.pool.end_idle(runtime.config.idle_timeout);
                runtime.cache.trim_unused(runtime.config.idle_timeout);
                drop(runtime);
                thread::sleep(TICK);
            }
        };
        if let Err(error) = thread::Builder::new().name("beringia-house".to_owned()).spawn(look) {
            tracing::warn!(%error, "no thread to look after idle workers: they stay until the end");
        }
    }

    /// A runtime from JSON: `settings`, strings under the names that the front spells as `spelling` says.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] when a name is unknown or a value cannot be read, and those of [`Runtime::new`].
    pub fn from_json(given: &str) -> Result<Arc<Runtime>> {
        let Given { spelling, settings } = serde_json::from_str(given).map_err(|error| {
            Error::new(ErrorCode::Config, format!("settings are not what a front says: {error}"))
        })?;
        spelling.choose();
        let config = Config::parse(settings.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
        Runtime::new(config)
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Segments for batches.
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// The trace, if there is to be one.
    pub fn trace(&self) -> Option<&Arc<Trace>> {
        self.trace.as_ref()
    }

    /// What there is at this moment and what was done so far, as a JSON object of numbers and one list of counts.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when it cannot be written.
    pub fn metrics(&self) -> Result<String> {
        let now = Now {
            workers: self.pool.size(),
            workers_idle: self.pool.idle(),
            jobs_waiting: self.pool.waiting(),
            bytes_leased: self.cache.leased_bytes(),
            bytes_idle: self.cache.idle_bytes(),
            bytes_results: self.pool.result_bytes(),
            counts: self.pool.metrics().snapshot(),
        };
        serde_json::to_string(&now).map_err(Error::internal)
    }

    /// The workers.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The segment that holds the block `id`: one for all jobs that use it at the same time.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the memory cannot be reserved.
    pub fn block(&self, id: &str, bytes: &[u8]) -> Result<Arc<Segment>> {
        let mut known = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = known.get(id).and_then(Weak::upgrade) {
            return Ok(segment);
        }
        let segment = Arc::new(Segment::create(self.config.backend, bytes.len(), Access::ReadOnly)?);
        segment.write(0, bytes)?;
        known.retain(|_, segment| segment.strong_count() > 0);
        known.insert(id.to_owned(), Arc::downgrade(&segment));
        Ok(segment)
    }

    /// Ends every worker and frees idle memory. Jobs still open fail at their next step.
    pub fn shutdown(&self) {
        self.pool.shutdown();
        self.cache.trim();
        tidy();
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shutdown();
    }
}
