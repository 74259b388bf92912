//! What one executor owns: its configuration, its shared memory and its workers.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::config::Config;
use crate::error::{Error, ErrorCode, Result};
use crate::pool::Pool;
use crate::segment::{Access, Cache, Segment, sweep, tidy};

/// `logging.INFO`, until the engine says what its own log takes.
const LOG_INFO: u8 = 20;

/// One per executor, or per process on the local front.
pub struct Runtime {
    config: Config,
    cache: Arc<Cache>,
    pool: Arc<Pool>,
    constants: Mutex<HashMap<String, Weak<Segment>>>,
    log_level: AtomicU8,
}

impl Runtime {
    /// A runtime with the given settings; no worker runs yet.
    pub fn new(config: Config) -> Arc<Runtime> {
        sweep();
        let cache = Cache::new(config.backend, config.idle_bytes);
        let pool = Pool::new(config.clone());
        Arc::new(Runtime {
            config,
            cache,
            pool,
            constants: Mutex::default(),
            log_level: AtomicU8::new(LOG_INFO),
        })
    }

    /// A runtime from settings in JSON: an object of strings, names in full.
    ///
    /// # Errors
    /// [`ErrorCode::Config`] when a name is unknown or a value cannot be read.
    pub fn from_json(settings: &str) -> Result<Arc<Runtime>> {
        let settings: BTreeMap<String, String> = serde_json::from_str(settings).map_err(|error| {
            Error::new(ErrorCode::Config, format!("settings are not a JSON object: {error}"))
        })?;
        let config = Config::parse(settings.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
        Ok(Runtime::new(config))
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Segments for batches.
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// The workers.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// The segment that holds the block of constants `id`: one for all jobs that use them at the same time.
    ///
    /// # Errors
    /// [`ErrorCode::Resource`] when the memory cannot be reserved.
    pub fn constants(&self, id: &str, block: &[u8]) -> Result<Arc<Segment>> {
        let mut known = self.constants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = known.get(id).and_then(Weak::upgrade) {
            return Ok(segment);
        }
        let segment = Arc::new(Segment::create(self.config.backend, block.len(), Access::ReadOnly)?);
        segment.write(0, block)?;
        known.retain(|_, segment| segment.strong_count() > 0);
        known.insert(id.to_owned(), Arc::downgrade(&segment));
        Ok(segment)
    }

    /// The lowest level of Python's `logging` that somebody reads.
    pub fn log_level(&self) -> u8 {
        self.log_level.load(Ordering::Relaxed)
    }

    /// From the next batch on, functions log only what is at least of this level of Python's `logging`.
    pub fn set_log_level(&self, level: u8) {
        self.log_level.store(level, Ordering::Relaxed);
    }

    /// Ends idle workers whose time is up. To be called now and then.
    pub fn tick(&self) {
        self.pool.end_idle(self.config.idle_timeout);
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
