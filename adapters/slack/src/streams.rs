//! Answers that are shown as they grow: as a stream in threads where somebody talks with the bot alone, as long as Slack's
//! limit lasts; elsewhere by edits, not too many of them.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stoa_flow::chat::{Block, Message, Place, SendError};
use stoa_flow::delivery;
use stoa_ground::Db;
use stoa_ground::clock::monotonic;
use stoa_http::{locked, remember};

use crate::api::{Body, Failure};
use crate::app::App;
use crate::events::word;
use crate::mrkdwn;
use crate::platform::metadata;

/// Streams that are begun in one minute: Slack ends about 20 a minute.
const A_MINUTE: usize = 15;
/// For how long nothing is streamed after Slack said that it cannot be done here.
const REST: Duration = Duration::from_secs(3_600);
/// And after Slack did not say whether it was begun: the next attempt posts.
const DOUBT: Duration = Duration::from_secs(180);
/// The shortest time between two edits of a growing message that is no stream.
const PAUSE: Duration = Duration::from_millis(2_500);
/// Growing messages that are remembered at once.
const REMEMBERED: usize = 10_000;

/// The growing messages of one app.
#[derive(Default)]
pub(crate) struct Streams {
    /// By conversation and time stamp.
    open: Mutex<HashMap<(String, String), Stream>>,
    begun: Mutex<VecDeque<Instant>>,
    rests: Mutex<Option<Instant>>,
    edited: Mutex<HashMap<(String, String), Instant>>,
}

#[derive(Clone)]
struct Stream {
    key: String,
    said: String,
}

impl Streams {
    /// Nothing is streamed for so long.
    fn rest(&self, long: Duration) {
        *locked(&self.rests) = Some(monotonic() + long);
    }

    /// Takes one of this minute's streams.
    fn may_begin(&self) -> bool {
        if locked(&self.rests).is_some_and(|until| monotonic() < until) {
            return false;
        }
        let (mut begun, now) = (locked(&self.begun), monotonic());
        while begun.front().is_some_and(|at| now - *at > Duration::from_secs(60)) {
            begun.pop_front();
        }
        let free = begun.len() < A_MINUTE;
        if free {
            begun.push_back(now);
        }
        free
    }

    /// Whether a growing message that is no stream was edited just now.
    fn too_soon(&self, at: &(String, String)) -> bool {
        let soon = locked(&self.edited).get(at).is_some_and(|last| last.elapsed() < PAUSE);
        if !soon {
            remember(&self.edited, at.clone(), monotonic(), REMEMBERED);
        }
        soon
    }

    fn of(&self, at: &(String, String)) -> Option<Stream> {
        locked(&self.open).get(at).cloned()
    }
}

/// What became of an edit here.
pub(crate) enum Grown {
    /// It is shown, or will be with the next.
    Done,
    /// The message is to be edited as any other.
    Edit,
}

impl App {
    /// Begins a growing message as a stream; none where it is to be posted.
    pub(crate) async fn begin(&self, place: &Place, message: &Message, key: &str) -> Result<Option<String>, SendError> {
        let Some(thread) = place.thread.as_ref().filter(|_| message.growing && place.direct) else { return Ok(None) };
        if !self.streams.may_begin() {
            return Ok(None);
        }
        let (said, channel) = (so_far(message), self.channel(&place.channel));
        let mut body = json!({ "channel": channel, "thread_ts": thread });
        if !said.is_empty() {
            body["markdown_text"] = json!(escaped(&said));
        }
        match self.call("chat.startStream", Body::Json(body)).await {
            Ok(begun) => match word(&begun["ts"]) {
                // Something that says yes to everything, and begins nothing.
                "" => {
                    self.streams.rest(REST);
                    Ok(None)
                }
                ts => {
                    let stream = Stream { key: key.to_owned(), said };
                    remember(&self.streams.open, (channel, ts.to_owned()), stream, REMEMBERED);
                    Ok(Some(ts.to_owned()))
                }
            },
            // Nothing was begun.
            Err(Failure::Later { .. } | Failure::Limited { .. }) => Ok(None),
            Err(Failure::Code { code, detail }) => {
                tracing::info!(app = %self.options.name, code, detail, "answers are not streamed for an hour");
                self.streams.rest(REST);
                Ok(None)
            }
            Err(failure @ Failure::Unknown { .. }) => {
                self.streams.rest(DOUBT);
                Err(self.api.send_error(failure))
            }
        }
    }

    /// Shows how a message has grown, and ends its stream when it is whole.
    pub(crate) async fn grow(&self, channel: &str, ts: &str, message: &Message) -> Result<Grown, SendError> {
        let at = (channel.to_owned(), ts.to_owned());
        let Some(stream) = self.streams.of(&at) else {
            let skipped = message.growing && self.streams.too_soon(&at);
            return Ok(if skipped { Grown::Done } else { Grown::Edit });
        };
        let said = so_far(message);
        if message.growing
            && let Some(more) = said.strip_prefix(&stream.said)
        {
            if more.is_empty() {
                return Ok(Grown::Done);
            }
            let body = json!({ "channel": channel, "ts": ts, "markdown_text": escaped(more) });
            match self.call("chat.appendStream", Body::Json(body)).await {
                Ok(_) => {
                    if let Some(open) = locked(&self.streams.open).get_mut(&at) {
                        open.said = said;
                    }
                    return Ok(Grown::Done);
                }
                // Another version of the same words comes soon.
                Err(Failure::Later { .. } | Failure::Limited { .. } | Failure::Unknown { .. }) => {
                    return Ok(Grown::Done);
                }
                Err(Failure::Code { .. }) => {}
            }
        }
        self.stop(channel, ts, &stream.key).await?;
        locked(&self.streams.open).remove(&at);
        Ok(Grown::Edit)
    }

    /// Ends a stream, so that its message can be edited; `false` when it was none, or had ended by itself.
    pub(crate) async fn stop(&self, channel: &str, ts: &str, key: &str) -> Result<bool, SendError> {
        let body = json!({ "channel": channel, "ts": ts, "metadata": metadata(key) });
        match self.call("chat.stopStream", Body::Json(body)).await {
            Ok(_) => Ok(true),
            Err(Failure::Code { code, .. }) if code == "message_not_in_streaming_state" => Ok(false),
            Err(failure) if failure.is_absence() => Ok(false),
            Err(failure) => Err(self.api.send_error(failure)),
        }
    }

    /// Takes away what an earlier attempt of this delivery began to stream in a thread and did not end: it has no key yet.
    /// What another delivery is known by stays, and so does what is no stream, whoever wrote it with the app's token.
    pub(crate) async fn take_away(&self, db: &Db, place: &Place, key: &str, begun: &[String]) -> Result<(), SendError> {
        let channel = self.channel(&place.channel);
        for ts in begun {
            if self.streams.of(&(channel.clone(), ts.clone())).is_some()
                || delivery::is_of_another(db, place, ts, key).await?
            {
                continue;
            }
            // Only a stream that nobody ended can be ended.
            let gone = match self.stop(&channel, ts, &unfinished(ts)).await {
                Ok(false) => continue,
                Ok(true) => {
                    let body = json!({ "channel": channel, "ts": ts });
                    self.call("chat.delete", Body::Json(body)).await.map_err(|failure| self.api.send_error(failure))
                }
                Err(later @ (SendError::Retry { .. } | SendError::Unsent { .. } | SendError::Wait { .. })) => {
                    return Err(later);
                }
                Err(error) => Err(error),
            };
            if let Err(error) = gone {
                tracing::warn!(app = %self.options.name, %error, "the beginning of an answer could not be taken away");
            }
        }
        Ok(())
    }
}

/// The words of a growing message, without markup: it is shown in full when it is whole.
fn so_far(message: &Message) -> String {
    let texts = message.blocks.iter().filter_map(|block| match block {
        Block::Text(text) => Some(mrkdwn::words(text)),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n\n")
}

/// The key of a stream that this server did not begin.
pub(crate) fn unfinished(ts: &str) -> String {
    format!("stream/{ts}")
}

/// Nothing in it can become markup, a link or a mention.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Own messages in a page of a thread that carry no key: streams that were not ended.
pub(crate) fn unended(message: &Value, bot: &str) -> Option<String> {
    // The message on which a thread hangs is Slack's own in the assistant pane.
    let answers = message["thread_ts"].as_str().is_some_and(|thread| message["ts"] != thread);
    let ours = !bot.is_empty() && message["bot_id"] == bot && message["subtype"].is_null();
    (ours && answers && message["metadata"].is_null()).then(|| word(&message["ts"]).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_grown_is_appended_as_plain_words() {
        let message = Message::text("Ask **Ana** \\[1\\] & <!channel>.").context("writing");
        assert_eq!(so_far(&message), "Ask Ana [1] & <!channel>.");
        assert_eq!(escaped("a*b & <!here> [1]"), "a\\*b &amp; &lt;!here&gt; \\[1\\]");
    }

    #[test]
    fn so_many_streams_a_minute() {
        let streams = Streams::default();
        assert_eq!((0..30).filter(|_| streams.may_begin()).count(), A_MINUTE);
        let at = ("D1".to_owned(), "1.1".to_owned());
        assert!(!streams.too_soon(&at) && streams.too_soon(&at));
    }
}
