//! What one executor owns: its configuration, its shared memory and its workers.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Config;
use crate::error::{Error, ErrorCode, Result};
use crate::pool::Pool;
use crate::segment::{Cache, sweep};

/// One per executor, or per process on the local front.
pub struct Runtime {
    config: Config,
    cache: Arc<Cache>,
    pool: Arc<Pool>,
}

impl Runtime {
    /// A runtime with the given settings; no worker runs yet.
    pub fn new(config: Config) -> Arc<Runtime> {
        sweep();
        let cache = Cache::new(config.backend, config.idle_bytes);
        let pool = Pool::new(config.clone());
        Arc::new(Runtime { config, cache, pool })
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

    /// Ends idle workers whose time is up. To be called now and then.
    pub fn tick(&self) {
        self.pool.end_idle(self.config.idle_timeout);
    }

    /// Ends every worker and frees idle memory. Jobs still open fail at their next step.
    pub fn shutdown(&self) {
        self.pool.shutdown();
        self.cache.trim();
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shutdown();
    }
}
