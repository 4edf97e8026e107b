//! What was written while nobody listened: fetched by REST since the last message that was stored, after every session that
//! could not be resumed.

use std::sync::Arc;

use serde_json::Value;
use stoa_flow::chat::SendError;
use stoa_ground::Result;

use crate::api::Request;
use crate::events::{Channel, DIRECT};
use crate::gateway::pause;
use crate::ids::{number, word};
use crate::session::{Fetching, Progress};
use crate::store;
use crate::take::Inlet;

/// Messages on one page.
const PAGE: usize = 100;
/// How often a conversation is tried: with growing pauses, for a quarter of an hour.
const ATTEMPTS: u32 = 20;
/// Types of channels in which there are messages: text, voice, announcements, threads, stages. In a forum the posts are
/// threads.
const READABLE: [i64; 7] = [0, 2, 5, 10, 11, 12, 13];

/// Fetches what the direct conversations have to say. `others` stands for those of which nothing is stored.
pub(crate) async fn direct(inlet: Inlet, others: String, progress: Arc<Progress>, _fetching: Fetching) {
    let db = &inlet.app.db;
    let Some(channels) = stored(|| store::direct_channels(db, &others)).await else { return };
    for (channel, seen) in channels {
        inlet.app.know(&channel, Channel { kind: DIRECT, ..Channel::default() });
        fetch(&inlet, &channel, seen, &progress).await;
    }
}

/// Fetches what the channels and threads of a server have to say, as far as something was written there since.
pub(crate) async fn guild(inlet: Inlet, guild: Value, others: String, progress: Arc<Progress>, _fetching: Fetching) {
    let db = &inlet.app.db;
    for channel in channels(&guild) {
        let readable = READABLE.contains(&channel["type"].as_i64().unwrap_or_default());
        let (id, last) = (word(&channel["id"]), number(word(&channel["last_message_id"])));
        if !readable || last == 0 {
            continue;
        }
        if let Some(Some(seen)) = stored(|| store::seen(db, id, &others)).await
            && seen < last
        {
            fetch(&inlet, id, seen, &progress).await;
        }
    }
}

/// What the store has, asked for again and again; none when it cannot say.
async fn stored<T, F: Future<Output = Result<T>>>(ask: impl Fn() -> F) -> Option<T> {
    for attempt in 1..=ATTEMPTS {
        match ask().await {
            Ok(found) => return Some(found),
            Err(error) => {
                tracing::warn!(%error, "since when messages were missed could not be read; it is tried again");
                tokio::time::sleep(pause(attempt + 1)).await;
            }
        }
    }
    tracing::error!("messages of the downtime could not be fetched: the store does not say since when");
    None
}

/// Fetches one conversation, again and again until it is stored: what is missed here comes no other way.
async fn fetch(inlet: &Inlet, channel: &str, mut seen: i64, progress: &Progress) {
    for attempt in 1..=ATTEMPTS {
        match pages(inlet, channel, &mut seen, progress).await {
            Ok(()) => return tracing::debug!(channel, "messages of the downtime were fetched"),
            Err(Missed::Gone(why)) => return tracing::info!(channel, why, "messages of the downtime cannot be read"),
            Err(Missed::Later(why)) => {
                tracing::warn!(channel, why, "messages of the downtime could not be fetched; it is tried again");
                tokio::time::sleep(pause(attempt + 1)).await;
            }
        }
    }
    inlet.app.api.tell_operator("catch-up", &format!("messages of the downtime in {channel} could not be fetched"));
}

/// Why messages were not fetched.
enum Missed {
    /// The conversation is gone or closed to us.
    Gone(String),
    /// It may work later.
    Later(String),
}

async fn pages(inlet: &Inlet, channel: &str, seen: &mut i64, progress: &Progress) -> Result<(), Missed> {
    loop {
        let request = Request::new("GET /channels/:id/messages", channel, &[]);
        let page = inlet.app.api.call(&request.query(&format!("limit={PAGE}&after={seen}"))).await;
        let page = page.map_err(|failure| match inlet.app.api.send_error(failure) {
            SendError::Retry { why, .. } | SendError::Unsent { why, .. } | SendError::Wait { why, .. } => {
                Missed::Later(why)
            }
            SendError::Unreachable(why) | SendError::Refused(why) => Missed::Gone(why),
        })?;
        let mut messages = page.as_array().cloned().unwrap_or_default();
        // Newest first, also with `after`.
        messages.sort_by_key(|m| number(word(&m["id"])));
        for message in &messages {
            let stored = inlet.message(message).await.map_err(|e| Missed::Later(e.to_string()))?;
            progress.fetched(stored);
            *seen = (*seen).max(number(word(&message["id"])));
        }
        if messages.len() < PAGE {
            return Ok(());
        }
    }
}

/// Remembers the channels and threads of a server.
pub(crate) fn know(inlet: &Inlet, guild: &Value) {
    let id = word(&guild["id"]);
    for channel in channels(guild) {
        inlet.app.know(word(&channel["id"]), Channel::read(channel, id));
    }
}

/// The channels and threads of a server.
fn channels(guild: &Value) -> Vec<&Value> {
    guild["channels"].as_array().into_iter().chain(guild["threads"].as_array()).flatten().collect()
}
