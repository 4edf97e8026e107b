//! What all sources of this process do one after the other: by name, a lock and what it guards.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use stoa_http::locked;

/// Locks by name. There are as many as the configuration names servers and repositories.
pub(crate) struct Turns<T>(LazyLock<Mutex<HashMap<String, Arc<tokio::sync::Mutex<T>>>>>);

impl<T: Default> Turns<T> {
    pub const fn new() -> Self {
        Self(LazyLock::new(Default::default))
    }

    /// The lock with this name: the same one for all who ask.
    pub fn of(&self, name: String) -> Arc<tokio::sync::Mutex<T>> {
        Arc::clone(locked(&self.0).entry(name).or_default())
    }
}
