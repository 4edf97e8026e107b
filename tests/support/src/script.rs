//! What the stand-ins of chats share: calls that go wrong by a script, and waiting for what a bot does.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// The longest that a test waits for something that a bot does.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which calls of which kind go wrong, and how.
pub(crate) struct Script<T> {
    counts: HashMap<String, usize>,
    rules: Vec<Rule<T>>,
}

impl<T> Default for Script<T> {
    fn default() -> Self {
        Self { counts: HashMap::new(), rules: Vec::new() }
    }
}

/// The n-th call of a kind (from 1), or each n-th.
struct Rule<T> {
    kind: String,
    n: usize,
    each: bool,
    trouble: T,
}

impl<T: Copy> Script<T> {
    /// The n-th call of a kind from now on (the first is 1) goes wrong.
    pub fn goes_wrong(&mut self, kind: &str, n: usize, trouble: T) {
        let n = n + self.counts.get(kind).copied().unwrap_or_default();
        self.rules.push(Rule { kind: kind.into(), n, each: false, trouble });
    }

    /// Each n-th call of a kind goes wrong.
    pub fn each_goes_wrong(&mut self, kind: &str, n: usize, trouble: T) {
        self.rules.push(Rule { kind: kind.into(), n, each: true, trouble });
    }

    /// A call comes: how it goes wrong, if it does.
    pub fn trouble(&mut self, kind: &str) -> Option<T> {
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count += 1;
        let n = *count;
        let hit = |r: &&Rule<T>| r.kind == kind && if r.each { n.is_multiple_of(r.n) } else { n == r.n };
        self.rules.iter().find(hit).map(|r| r.trouble)
    }
}

/// What is kept, also after a test has panicked.
pub(crate) fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks after each change, as long as a test may, until something is there.
pub(crate) async fn wait<T>(change: &watch::Sender<u64>, mut f: impl FnMut() -> Option<T>) -> Option<T> {
    let mut changes = change.subscribe();
    let waiting = async {
        loop {
            changes.borrow_and_update();
            if let Some(found) = f() {
                return Some(found);
            }
            changes.changed().await.ok()?;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.ok().flatten()
}
