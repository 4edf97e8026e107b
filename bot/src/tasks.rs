//! What works for as long as the server runs: noticed when it breaks off, and ended together.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// How long those that were cut off have to notice.
const CUT: Duration = Duration::from_secs(1);

/// The tasks of a server.
pub struct Tasks {
    all: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    stop: CancellationToken,
}

impl Tasks {
    pub fn new(stop: CancellationToken) -> Self {
        Self { all: JoinSet::new(), names: HashMap::new(), stop }
    }

    /// Begins one that ends by itself when it is told to stop, and not before.
    pub fn begin(&mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let id = self.all.spawn(work).id();
        self.names.insert(id, name);
    }

    /// Begins one that may have nothing more to do, and that may be cut off anywhere.
    pub fn begin_beside(&mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.begin(name, async move {
            let then = stop.clone();
            tokio::select! {
                () = async { work.await; then.cancelled().await } => {}
                () = stop.cancelled() => {}
            }
        });
    }

    /// Gives the name of the first that ends before it was told to stop.
    pub async fn broken(&mut self) -> &'static str {
        while let Some(ended) = self.all.join_next_with_id().await {
            let (id, error) = match ended {
                Ok((id, ())) => (id, None),
                Err(e) => (e.id(), Some(e)),
            };
            let name = self.names.get(&id).copied().unwrap_or_default();
            if let Some(error) = &error {
                tracing::error!(task = name, %error, "a task of the server broke off");
            }
            if error.is_some() || !self.stop.is_cancelled() {
                return name;
            }
        }
        std::future::pending().await
    }

    /// Waits for all of them, at most so long; then they are cut off.
    pub async fn end(mut self, grace: Duration) {
        let all = async { while self.all.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, all).await.is_err() {
            tracing::warn!(
                "{} tasks did not end in time; their work is durable and goes on at the next start",
                self.all.len()
            );
            // The store is closed behind them.
            let _ = tokio::time::timeout(CUT, self.all.shutdown()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn one_that_ends_before_its_time_is_told() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        tasks.begin("works", stop.clone().cancelled_owned());
        tasks.begin_beside("has nothing to do", async {});
        tasks.begin("ends", async {});
        assert_eq!(tasks.broken().await, "ends");
        tasks.begin("breaks off", async { panic!("a fault") });
        assert_eq!(tasks.broken().await, "breaks off");
        stop.cancel();
        tasks.end(Duration::from_secs(3_600)).await;
    }

    #[tokio::test]
    async fn those_that_do_not_end_are_cut_off_before_the_store_is_closed() {
        let stop = CancellationToken::new();
        let (mut tasks, held) = (Tasks::new(stop.clone()), Arc::new(()));
        for _ in 0..9 {
            let held = held.clone();
            tasks.begin("hangs", async move {
                std::future::pending::<()>().await;
                drop(held);
            });
        }
        stop.cancel();
        tasks.end(Duration::from_millis(1)).await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
