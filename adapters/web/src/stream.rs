//! Server-sent events (WHATWG HTML, section 9.2): which conversations changed, so that the page's script looks at once.

use std::collections::{BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use stoa_ground::clock::monotonic;
use stoa_ground::{Db, Result};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::Web;
use crate::refusal::Refusal;
use crate::session::Visitor;
use crate::store::{self, TOPIC};

/// A stream ends after this; the browser opens another, and is asked again who it is.
const LIFE: Duration = Duration::from_secs(600);

/// Changes by other processes are found by looking.
const LOOK: Duration = Duration::from_secs(5);

struct Following {
    db: Db,
    watch: watch::Receiver<i64>,
    position: i64,
    user: String,
    stop: CancellationToken,
    until: std::time::Instant,
    waiting: VecDeque<Event>,
}

/// The stream of a visitor.
pub(crate) async fn events(
    State(web): State<Arc<Web>>,
    visitor: Visitor,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let db = web.flow.db().clone();
    let following = Following {
        watch: db.watch(),
        position: db.committed_position().await?,
        db,
        user: visitor.person.id,
        stop: web.options.stop.clone(),
        until: monotonic() + LIFE,
        waiting: VecDeque::from([Event::default().event("ready").data("ready").retry(Duration::from_secs(2))]),
    };
    let stream = futures_util::stream::unfold(following, |mut following| async move {
        let event = following.next().await?;
        Some((Ok(event), following))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

impl Following {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            if self.stop.is_cancelled() || monotonic() >= self.until {
                return None;
            }
            match self.look().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "an event stream ends; the browser opens another");
                    return None;
                }
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                changed = self.watch.changed() => changed.ok()?,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Reads the change feed on; gives whether there was anything.
    async fn look(&mut self) -> Result<bool> {
        self.watch.mark_unchanged();
        let changes = self.db.changes(self.position, 500).await?;
        let Some(last) = changes.last() else { return Ok(false) };
        self.position = last.position;
        let touched: BTreeSet<&str> = changes.iter().filter(|c| c.topic == TOPIC).map(|c| c.key.as_str()).collect();
        if !touched.is_empty() {
            let user = self.user.clone();
            let mine = self.db.read(|c| async move { store::conversations(&c, &user).await }).await?;
            for channel in mine.iter().filter(|c| touched.contains(c.id.as_str())) {
                self.waiting.push_back(Event::default().event("change").data(&channel.id));
            }
        }
        Ok(true)
    }
}
