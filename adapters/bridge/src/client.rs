//! Messages that go out: the bridge as a [`Platform`].

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, Response, StatusCode, Url, header};
use serde::de::DeserializeOwned;
use stoa_flow::chat::{Account, Audience, Message, MessageRef, Place, Platform, SendError, ThreadMessage};
use stoa_ground::clock::{monotonic, wall};
use stoa_ground::{Error, Instant, Result};
use stoa_markup::plain;

use crate::Options;
use crate::sign::{SIGNATURE, TIMESTAMP};
use crate::wire::{Direct, Outgoing, Posted, Reads, Thread, User, Where};

/// How long a request to the other side may take in all.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of an answer that are read.
const ANSWER: usize = 1024 * 1024;
/// Direct conversations that are remembered at once.
const REMEMBERED: usize = 100_000;
/// The longest time for which the other side is left alone after silence: 2 to the power of this, in seconds.
const LONGEST_SILENCE: u32 = 4;
/// The longest pause that the other side can ask for, in seconds.
const LONGEST_PAUSE: u64 = 3_600;

/// One bridge, towards its `api_url`.
pub struct Bridge {
    options: Options,
    http: reqwest::Client,
    base: Url,
    /// The channel in which an account and the bot talk alone, once the other side has said it.
    direct: Mutex<HashMap<Account, String>>,
    silence: Mutex<Silence>,
}

/// How long the other side has not answered. Meanwhile it is not asked, so that nobody waits for it in vain.
#[derive(Default)]
struct Silence {
    /// Calls without an answer since the last one with an answer.
    calls: u32,
    /// Not asked again before this.
    until: Option<std::time::Instant>,
}

impl Bridge {
    /// A bridge; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the key of the configuration that is wrong.
    pub fn new(options: Options) -> Result<Self> {
        options.check()?;
        let http = options.network.client(PATIENCE / 2, Some(PATIENCE))?;
        let base = Url::parse(&options.api_url)
            .map_err(|e| Error::invalid(format!("[[bridge]] '{}': api_url: {e}", options.name)))?;
        Ok(Self { options, http, base, direct: Mutex::default(), silence: Mutex::default() })
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// An address below `api_url`; each part and value is escaped.
    fn url(&self, parts: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Sends one signed request and reads the JSON of its answer. `None` where the other side has nothing.
    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: String,
        key: Option<&str>,
    ) -> Result<Option<T>, SendError> {
        let Some(text) = self.call(method, url, body, key).await? else { return Ok(None) };
        // It may have been done: asked again, the other side can say.
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|e| self.later(&format!("its answer cannot be read: {e}"), None))
    }

    /// Sends one signed request. `None` where the other side has nothing (404, 410).
    async fn call(
        &self,
        method: Method,
        url: Url,
        body: String,
        key: Option<&str>,
    ) -> Result<Option<Vec<u8>>, SendError> {
        self.patient()?;
        let (timestamp, signature) = self.options.secret.sign(wall(), body.as_bytes());
        let mut request = self.http.request(method, url).header(TIMESTAMP, timestamp).header(SIGNATURE, signature);
        if let Some(key) = key {
            // Keys are made of ids; one that is no header value stands in the body all the same.
            if let Ok(value) = header::HeaderValue::from_str(key) {
                request = request.header("Idempotency-Key", value);
            }
        }
        if !body.is_empty() {
            let body = stoa_http::body(body, stoa_flow::sends_end());
            request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|e| self.trouble(&e))?;
        *self.silence.lock().unwrap_or_else(PoisonError::into_inner) = Silence::default();
        let status = response.status();
        if status == StatusCode::NOT_FOUND || status == StatusCode::GONE {
            return Ok(None);
        }
        if status.is_success() {
            return self.text(response).await.map(Some);
        }
        let after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|v| v.to_str().ok()?.trim().parse::<u64>().ok())
            .map(|s| s.min(LONGEST_PAUSE));
        let again = status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY);
        if again { Err(self.later(&format!("it answered {status}"), after)) } else { Err(self.refused(status)) }
    }

    /// The body of an answer, up to a bound.
    async fn text(&self, mut response: Response) -> Result<Vec<u8>, SendError> {
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.trouble(&e))? {
            if text.len() + chunk.len() > ANSWER {
                // What it says is of no use; what became of the request has to be asked.
                return Err(self.later("it answered too much", None));
            }
            text.extend_from_slice(&chunk);
        }
        Ok(text)
    }

    fn trouble(&self, error: &reqwest::Error) -> SendError {
        let why = if error.is_timeout() {
            format!("it did not answer within {} seconds", PATIENCE.as_secs())
        } else if error.is_connect() {
            "it cannot be reached".to_owned()
        } else {
            "the connection to it broke".to_owned()
        };
        tracing::debug!(bridge = %self.options.name, %error, "a request failed");
        let now = monotonic();
        let mut silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
        // Calls that began together end together: they count once.
        if silence.until.is_none_or(|until| until <= now) {
            silence.calls = (silence.calls + 1).min(LONGEST_SILENCE);
            silence.until = Some(now + Duration::from_secs(1 << silence.calls));
        }
        self.later(&why, None)
    }

    /// Nothing, or how long the other side is left alone.
    fn patient(&self) -> Result<(), SendError> {
        let until = self.silence.lock().unwrap_or_else(PoisonError::into_inner).until;
        match until.map(|until| until.saturating_duration_since(monotonic())) {
            Some(left) if !left.is_zero() => {
                Err(self.later("it did not answer, and is asked again later", Some(left.as_secs() + 1)))
            }
            _ => Ok(()),
        }
    }

    fn later(&self, why: &str, after_seconds: Option<u64>) -> SendError {
        SendError::Retry { why: format!("the bridge '{}': {why}", self.options.name), after_seconds }
    }

    fn refused(&self, status: StatusCode) -> SendError {
        SendError::Refused(format!("the bridge '{}' answered {status}", self.options.name))
    }

    fn unreachable(&self, what: &str) -> SendError {
        SendError::Unreachable(format!("the bridge '{}' does not know {what}", self.options.name))
    }

    fn remembered<T>(&self, f: impl FnOnce(&mut HashMap<Account, String>) -> T) -> T {
        f(&mut self.direct.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn place(&self, account: &Account, channel: String) -> Place {
        Place {
            platform: self.options.name.clone(),
            workspace: account.workspace.clone(),
            channel,
            thread: None,
            direct: true,
        }
    }
}

/// A message for a chat that shows text alone: what a button does can be typed.
fn text(message: &Message) -> String {
    plain::message(message, |button| Some(format!("[{}: {}]", button.label, button.command)))
}

fn json(value: &impl serde::Serialize) -> Result<String, SendError> {
    serde_json::to_string(value).map_err(|e| SendError::Refused(e.to_string()))
}

#[async_trait]
impl Platform for Bridge {
    fn name(&self) -> &str {
        &self.options.name
    }

    async fn send(
        &self,
        place: &Place,
        only: Option<&Account>,
        message: &Message,
        key: &str,
    ) -> Result<String, SendError> {
        let body = Outgoing {
            key: Some(key),
            id: None,
            place: place.into(),
            only: only.map(User::from),
            message,
            text: text(message),
        };
        let url = self.url(&["messages"], &[]);
        if let Some(posted) = self.ask::<Posted>(Method::POST, url, json(&body)?, Some(key)).await? {
            return Ok(posted.id);
        }
        // The conversation may have got another id: ask for it the next time.
        self.remembered(|all| all.retain(|_, channel| *channel != place.channel));
        Err(self.unreachable("this place"))
    }

    async fn edit(&self, message: &MessageRef, new: &Message) -> Result<(), SendError> {
        let body = Outgoing {
            key: None,
            id: Some(&message.id),
            place: Where::from(&message.place),
            only: None,
            message: new,
            text: text(new),
        };
        let url = self.url(&["messages", &message.id], &[]);
        match self.call(Method::PUT, url, json(&body)?, None).await? {
            Some(_) => Ok(()),
            None => Err(self.unreachable("this message")),
        }
    }

    async fn find(&self, place: &Place, key: &str, _since: Instant) -> Result<Option<String>, SendError> {
        let mut query = vec![("key", key), ("channel", place.channel.as_str())];
        if !place.workspace.is_empty() {
            query.push(("workspace", &place.workspace));
        }
        let found = self.ask::<Posted>(Method::GET, self.url(&["messages"], &query), String::new(), None).await?;
        Ok(found.map(|posted| posted.id))
    }

    fn settles(&self) -> Duration {
        PATIENCE
    }

    async fn direct(&self, account: &Account) -> Result<Place, SendError> {
        if let Some(channel) = self.remembered(|all| all.get(account).cloned()) {
            return Ok(self.place(account, channel));
        }
        let body = serde_json::json!({ "account": User::from(account) });
        let url = self.url(&["direct"], &[]);
        let found = self.ask::<Direct>(Method::POST, url, json(&body)?, None).await?;
        let channel = found.ok_or_else(|| self.unreachable("this account"))?.channel;
        self.remembered(|all| {
            if all.len() >= REMEMBERED {
                all.clear();
            }
            all.insert(account.clone(), channel.clone());
        });
        Ok(self.place(account, channel))
    }

    async fn thread(&self, place: &Place) -> Result<Vec<ThreadMessage>, SendError> {
        let Some(thread) = place.thread.as_deref() else { return Ok(Vec::new()) };
        let mut query = vec![("channel", place.channel.as_str()), ("thread", thread)];
        if !place.workspace.is_empty() {
            query.push(("workspace", &place.workspace));
        }
        let found = self.ask::<Thread>(Method::GET, self.url(&["threads"], &query), String::new(), None).await?;
        let messages = found.ok_or_else(|| self.unreachable("this thread"))?.messages;
        let name = &self.options.name;
        let read = messages.into_iter().enumerate().map(|(n, m)| m.message(name, &format!("messages[{n}].")));
        read.collect::<Result<_, String>>().map_err(|why| {
            SendError::Refused(format!("the bridge '{name}' answered a thread that cannot be read: {why}"))
        })
    }

    async fn audience(&self, place: &Place) -> Result<Audience, SendError> {
        let query = Some(("workspace", place.workspace.as_str())).filter(|(_, workspace)| !workspace.is_empty());
        let url = self.url(&["channels", &place.channel], query.as_slice());
        let found = self.ask::<Reads>(Method::GET, url, String::new(), None).await?;
        Ok(found.map_or_else(Audience::default, |r| Audience { open: r.open, outsiders: r.outsiders }))
    }
}
