//! What one executor owns: its configuration, its shared memory and its workers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::blocks::Blocks;
use crate::config::Config;
use crate::error::{Error, ErrorCode, Result};
use crate::job::Asks;
use crate::metrics::Counts;
use crate::pool::Pool;
use crate::preflight;
use crate::segment::{Cache, sweep, tidy};
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
    blocks: Blocks,
    asks: Asks,
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
            pool.prewarm(&Interpreter { program: program.clone(), threads: 1, environment: None });
        }
        let blocks = Blocks::new(config.backend, config.idle_bytes);
        let runtime = Arc::new(Runtime { config, cache, pool, blocks, asks: Asks::default(), trace });
        runtime.keep_house();
        Ok(runtime)
    }

    /// Lets go of idle workers that have ended, ends those and frees idle memory whose time is up: now and then, for as long
    /// as the runtime is there.
    fn keep_house(self: &Arc<Self>) {
        let runtime = Arc::downgrade(self);
        let look = move || {
            while let Some(runtime) = runtime.upgrade() {
                runtime.pool.reap_idle();
                runtime.pool.end_idle(runtime.config.idle_timeout);
                runtime.cache.trim_unused(runtime.config.idle_timeout);
                runtime.blocks.trim_unused(runtime.config.idle_timeout);
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

    /// What functions ask while they run for groups.
    pub(crate) fn asks(&self) -> &Asks {
        &self.asks
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

    /// The blocks of bytes that all workers see.
    pub fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// Ends every worker and frees idle memory. Jobs still open fail at their next step.
    pub fn shutdown(&self) {
        self.pool.shutdown();
        self.cache.trim();
        self.blocks.trim_unused(Duration::ZERO);
        tidy();
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shutdown();
    }
}
