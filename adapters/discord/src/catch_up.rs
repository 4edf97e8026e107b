//! What was written while nobody listened: fetched by REST since the last message that was stored, after every session that
//! could not be resumed.

use std::sync::Arc;

use serde_json::Value;

use crate::api::Request;
use crate::events::Channel;
use crate::ids::{number, word};
use crate::session::Progress;
use crate::store;
use crate::take::Inlet;

/// Messages on one page, and pages of one conversation.
const PAGE: usize = 100;
const PAGES: usize = 50;

/// Fetches what the direct conversations have to say.
pub(crate) async fn direct(inlet: Inlet, progress: Arc<Progress>) {
    let channels = match store::direct_channels(&inlet.app.db).await {
        Ok(channels) => channels,
        Err(error) => return tracing::error!(%error, "direct messages of the downtime could not be fetched"),
    };
    for (channel, seen) in channels {
        fetch(&inlet, &channel, seen, &progress).await;
    }
}

/// Fetches what the channels and threads of a server have to say, as far as something was written there since.
pub(crate) async fn guild(inlet: Inlet, guild: Value, progress: Arc<Progress>) {
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

async fn fetch(inlet: &Inlet, channel: &str, mut seen: i64, progress: &Progress) {
    for _ in 0..PAGES {
        let request = Request::new("GET /channels/:id/messages", channel, &[]);
        let page = match inlet.app.api.call(&request.query(&format!("limit={PAGE}&after={seen}"))).await {
            Ok(page) => page,
            Err(failure) => {
                let error = inlet.app.api.send_error(failure);
                return tracing::warn!(channel, %error, "messages of the downtime could not be fetched");
            }
        };
        let mut messages = page.as_array().cloned().unwrap_or_default();
        // Newest first, also with `after`.
        messages.sort_by_key(|m| number(word(&m["id"])));
        for message in &messages {
            match inlet.message(message).await {
                Ok(stored) => progress.fetched(stored),
                Err(error) => return tracing::error!(channel, %error, "a message of the downtime could not be stored"),
            }
            seen = seen.max(number(word(&message["id"])));
        }
        if messages.len() < PAGE {
            break;
        }
    }
    tracing::debug!(channel, "messages of the downtime were fetched");
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
