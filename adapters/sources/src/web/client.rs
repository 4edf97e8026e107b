//! Asking servers politely: one request at a time with a pause between, answers bounded, redirects looked at, patience
//! with servers that are busy.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{
    ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RETRY_AFTER,
};
use reqwest::{Method, StatusCode, Url};
use serde::{Deserialize, Serialize};
use stoa_ground::clock::{monotonic, noise, wall};
use stoa_ground::{Error, Instant};
use stoa_http::{Network, locked};
use tokio::sync::Mutex;

use super::address::{Resolver, Trusted};
use super::away;
use crate::turns::Turns;

/// So long connecting may take, and a request in all.
const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(60);
/// How often a request is tried.
const TRIES: u32 = 4;
/// The longest pause that a server may ask for, and the longest time that a request is tried.
const LONGEST: Duration = Duration::from_secs(60);
const REDIRECTS: usize = 5;

/// When each server was asked last: whoever asks it has to wait for the turn.
static ASKED: Turns<Option<std::time::Instant>> = Turns::new();

/// So many requests in a row without an answer, over [`Pace::patience`], and the server counts as not there.
const SILENT: u32 = 5;

/// How fast servers are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The pause between two requests.
    pub between: Duration,
    /// The first pause after a failure; it doubles.
    pub after_failure: Duration,
    /// So long a server may give no answer to anything before it counts as not there.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            between: Duration::from_millis(200),
            after_failure: Duration::from_secs(1),
            patience: Duration::from_secs(300),
        }
    }
}

/// A server as a source asks it.
pub(crate) struct Client {
    http: reqwest::Client,
    trusted: Trusted,
    base: Url,
    pace: Pace,
    headers: HeaderMap,
    last: Arc<Mutex<Option<std::time::Instant>>>,
    silence: std::sync::Mutex<Option<Silence>>,
}

/// Requests in a row that the server gave no answer to.
#[derive(Clone, Copy)]
struct Silence {
    since: std::time::Instant,
    requests: u32,
}

/// What a server gave for a document by which it knows later whether that changed (RFC 9110, section 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Validators {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
}

/// An answer.
pub(crate) enum Answer {
    /// It is as the validators say.
    Unchanged,
    /// 404 or 410.
    Gone,
    Content(Box<Content>),
}

pub(crate) struct Content {
    /// Where it was in the end.
    pub url: Url,
    pub bytes: Vec<u8>,
    pub media: String,
    pub charset: Option<String>,
    pub validators: Validators,
    /// X-Robots-Tag, a line each.
    pub robots: String,
}

/// Why there is no answer: one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server is not there, or busy, or broken: the same request may work later.
    Server(String),
    /// The server has given no answer to many requests in a row, or wants to be left alone: nothing more is asked of it
    /// now.
    Away(String),
    /// The server does not let Stoa read it.
    Denied(String),
    /// This document cannot be had.
    Document(String),
}

impl Failure {
    pub fn sentence(self) -> String {
        match self {
            Self::Server(sentence) | Self::Away(sentence) | Self::Denied(sentence) | Self::Document(sentence) => {
                sentence
            }
        }
    }
}

/// A request.
pub(crate) struct Ask<'a> {
    pub url: Url,
    pub validators: Validators,
    /// So many bytes the answer may have.
    pub most: u64,
    /// Whether a longer one is cut off there, rather than refused.
    pub cut: bool,
    pub body: Option<&'a serde_json::Value>,
    /// Whether it may lead to another server, which is asked without the headers of the server itself.
    pub elsewhere: bool,
    /// By media type and address: whether it is read at all. What is not has no bytes.
    pub reads: fn(&str, &Url) -> bool,
}

impl Ask<'_> {
    pub fn get(url: Url, most: u64) -> Self {
        let validators = Validators::default();
        Self { url, validators, most, cut: false, body: None, elsewhere: false, reads: |_, _| true }
    }
}

impl Client {
    /// A client for the server at `base`; `hosts` belong to it too.
    pub fn new(network: &Network, base: Url, hosts: &[String], pace: Pace) -> stoa_ground::Result<Self> {
        let trusted = Trusted::of(&base, hosts);
        let resolver = Arc::new(Resolver(trusted.clone()));
        let http = network.build(Network::builder(CONNECT, Some(WHOLE)).dns_resolver(resolver))?;
        let last = ASKED.of(base.origin().ascii_serialization());
        let silence = std::sync::Mutex::new(None);
        Ok(Self { http, trusted, base, pace, headers: HeaderMap::new(), last, silence })
    }

    /// With a header on every request to the server itself; its value is a secret.
    pub fn with_secret(mut self, name: HeaderName, value: &str) -> stoa_ground::Result<Self> {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            Error::invalid("the token of a source has characters that no header can have: check its file")
        })?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }

    /// With a header on every request to the server itself.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With a longer pause between requests, if `between` is longer.
    pub fn slower(&mut self, between: Duration) {
        self.pace.between = self.pace.between.max(between);
    }

    /// Asks; what may work later is tried again.
    pub async fn ask(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let is_away = |silence: Silence| silence.requests >= SILENT && silence.since.elapsed() >= self.pace.patience;
        let silence = || locked(&self.silence);
        let before = silence().unwrap_or(Silence { since: monotonic(), requests: 0 });
        if is_away(before) {
            return Err(Failure::Away("the server gives no answers".into()));
        }
        let answer = self.ask_patiently(ask).await;
        let Err(Failure::Server(sentence)) = answer else {
            *silence() = None;
            return answer;
        };
        let now = Silence { requests: before.requests + 1, ..before };
        *silence() = Some(now);
        if !is_away(now) {
            return Err(Failure::Server(sentence));
        }
        Err(Failure::Away(format!("{} requests in a row got no answer, the last one: {sentence}", now.requests)))
    }

    async fn ask_patiently(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let server = ask.url.origin().ascii_serialization();
        if let Some(rest) = away::rest(&server) {
            return Err(Failure::Away(later(rest)));
        }
        let (begun, mut pause) = (monotonic(), self.pace.after_failure);
        let mut tries = 0;
        loop {
            tries += 1;
            let (failure, wanted) = match self.follow(ask).await {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Final(failure)) => return Err(failure),
                Err(Trouble::Later(sentence, wanted)) => (Failure::Server(sentence), wanted),
            };
            if let Some(wanted) = wanted.filter(|wanted| *wanted > LONGEST) {
                return Err(Failure::Away(later(away::leave(&server, wanted))));
            }
            let wait = wanted.unwrap_or(pause);
            if tries >= TRIES || begun.elapsed() + wait > LONGEST * 2 {
                return Err(failure);
            }
            // Up to a quarter more, so that several who wait do not come back together.
            tokio::time::sleep(wait + wait.mul_f64((noise() % 1_000) as f64 / 4_000.0)).await;
            pause *= 2;
        }
    }

    async fn follow(&self, ask: &Ask<'_>) -> Result<Answer, Trouble> {
        let mut url = ask.url.clone();
        for _ in 0..=REDIRECTS {
            self.trusted.permit(&url).map_err(Trouble::document)?;
            let own = url.origin() == self.base.origin();
            if !own && !ask.elsewhere && (ask.body.is_some() || !self.headers.is_empty()) {
                return Err(Trouble::document(
                    "it leads to another server, which the token is not for: correct the source's url",
                ));
            }
            let response = self.once(ask, &url, own).await?;
            if !response.status().is_redirection() || response.status() == StatusCode::NOT_MODIFIED {
                return answer(response, url, ask).await;
            }
            let to = response.headers().get(LOCATION).and_then(|l| l.to_str().ok()).and_then(|l| url.join(l).ok());
            url = to.ok_or_else(|| Trouble::document("it leads elsewhere without saying where"))?;
        }
        Err(Trouble::document("it leads from one place to the next without end"))
    }

    async fn once(&self, ask: &Ask<'_>, url: &Url, own: bool) -> Result<reqwest::Response, Trouble> {
        let mut last = self.last.lock().await;
        if let Some(rest) = last.and_then(|at| self.pace.between.checked_sub(at.elapsed())) {
            tokio::time::sleep(rest).await;
        }
        let method = if ask.body.is_some() { Method::POST } else { Method::GET };
        let mut request = self.http.request(method, url.clone());
        if own {
            request = request.headers(self.headers.clone());
        }
        if let Some(body) = ask.body {
            request = request.json(body);
        }
        if let Some(etag) = &ask.validators.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(modified) = &ask.validators.modified {
            request = request.header(IF_MODIFIED_SINCE, modified);
        }
        let sent = request.send().await;
        *last = Some(monotonic());
        sent.map_err(|e| trouble(&e))
    }
}

fn later(rest: Duration) -> String {
    format!("the server asks to come back later: in {} minutes", rest.as_secs().div_ceil(60))
}

enum Trouble {
    /// Sentence, and how long the server wants to be left alone.
    Later(String, Option<Duration>),
    Final(Failure),
}

impl Trouble {
    fn document(sentence: impl Into<String>) -> Self {
        Self::Final(Failure::Document(sentence.into()))
    }
}

/// What went wrong on the way, without the address, which may hold a secret.
fn trouble(e: &reqwest::Error) -> Trouble {
    if e.is_timeout() {
        return Trouble::Later(format!("the server did not answer within {} seconds", WHOLE.as_secs()), None);
    }
    let mut cause: &dyn std::error::Error = e;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let why = cause.to_string();
    if why.contains("which is in a private network") {
        return Trouble::document(why);
    }
    Trouble::Later(format!("the server cannot be reached: {why}"), None)
}

async fn answer(response: reqwest::Response, url: Url, ask: &Ask<'_>) -> Result<Answer, Trouble> {
    let status = response.status();
    let text = |name: HeaderName| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    match status {
        StatusCode::NOT_MODIFIED => return Ok(Answer::Unchanged),
        StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(Answer::Gone),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let sentence =
                format!("the server does not let Stoa read it ({}): check who may, and the token", status.as_u16());
            return Err(Trouble::Final(Failure::Denied(sentence)));
        }
        StatusCode::TOO_MANY_REQUESTS => {
            return Err(Trouble::Later(
                "the server asks to come back later (429)".into(),
                text(RETRY_AFTER).and_then(|v| pause(&v)),
            ));
        }
        status if status.is_server_error() => {
            let sentence = format!("the server has a fault ({})", status.as_u16());
            return Err(Trouble::Later(sentence, text(RETRY_AFTER).and_then(|v| pause(&v))));
        }
        status if !status.is_success() => {
            return Err(Trouble::document(format!("the server refuses it ({})", status.as_u16())));
        }
        _ => {}
    }
    let content = text(reqwest::header::CONTENT_TYPE).unwrap_or_default();
    let charset = content
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned());
    let media = content.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let validators = Validators { etag: text(ETAG), modified: text(LAST_MODIFIED) };
    let robots = response.headers().get_all("x-robots-tag").iter().filter_map(|v| v.to_str().ok());
    let robots = robots.collect::<Vec<_>>().join("\n");
    let bytes = if (ask.reads)(&media, &url) { body(response, ask).await? } else { Vec::new() };
    Ok(Answer::Content(Box::new(Content { url, bytes, media, charset, validators, robots })))
}

async fn body(mut response: reqwest::Response, ask: &Ask<'_>) -> Result<Vec<u8>, Trouble> {
    let large = || Trouble::document(format!("it has more than {} MB: split it", ask.most / 1024 / 1024));
    if !ask.cut && response.content_length().is_some_and(|length| length > ask.most) {
        return Err(large());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| trouble(&e))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > ask.most {
            if ask.cut {
                break;
            }
            return Err(large());
        }
    }
    Ok(bytes)
}

/// Retry-After: seconds, or a date (RFC 9110, section 10.2.3).
fn pause(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(value).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    let Instant(now) = wall();
    at.checked_sub(Duration::from_micros(u64::try_from(now).ok()?))
}
