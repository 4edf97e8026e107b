//! What was written while nobody listened: fetched by REST since the last message that was stored, after every session that
//! could not be resumed.

use std::sync::Arc;

use serde_json::Value;
use stoa_flow::chat::SendError;

use crate::api::Request;
use crate::events::Channel;
use crate::gateway::pause;
use crate::ids::{number, word};
use crate::session::{Fetching, Progress};
use crate::store;
use crate::take::Inlet;

/// Messages on one page, and pages of one conversation.
const PAGE: usize = 100;
const PAGES: usize = 50;
/// How often a conversation is tried: with growing pauses, for a quarter of an hour.
const ATTEMPTS: u32 = 20;

/// Fetches what the direct conversations have to say.
pub(crate) async fn direct(inlet: Inlet, progress: Arc<Progress>, _fetching: Fetching) {
    let channels = match store::direct_channels(&inlet.app.db).await {
        Ok(channels) => channels,
        Err(error) => return tracing::error!(%error, "direct messages of the downtime could not be fetched"),
    };
    for (channel, seen) in channels {
        fetch(&inlet, &channel, seen, &progress).await;
    }
}

/// Fetches what the channels and threads of a server have to say, as far as something was written there since.
pub(crate) async fn guild(inlet: Inlet, guild: Value, progress: Arc<Progress>, _fetching: Fetching) {
    for channel in channels(&guild) {
        // Text, announcements, threads. In a forum the posts are threads.
        let readable = matches!(channel["type"].as_i64().unwrap_or_default(), 0 | 5 | 10..=12);
        let (id, last) = (word(&channel["id"]), number(word(&channel["last_message_id"])));
        if !readable || last == 0 {
            continue;
        }
        match store::seen(&inlet.app.db, id).await {
            Ok(Some(seen)) if seen < last => fetch(&inlet, id, seen, &progress).await,
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "messages of the downtime could not be fetched"),
        }
    }
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
    for _ in 0..PAGES {
        let request = Request::new("GET /channels/:id/messages", channel, &[]);
        let page = inlet.app.api.call(&request.query(&format!("limit={PAGE}&after={seen}"))).await;
        let page = page.map_err(|failure| match inlet.app.api.send_error(failure) {
            SendError::Retry { why, .. } | SendError::Wait { why, .. } => Missed::Later(why),
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
            break;
        }
    }
    Ok(())
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
