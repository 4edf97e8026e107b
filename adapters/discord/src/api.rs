//! Discord's REST interface: one call, its errors, and what Discord says about limits.

use std::time::Duration;

use reqwest::{Method, StatusCode, header};
use serde_json::Value;
use stoa_flow::alarms::Troubles;
use stoa_flow::chat::SendError;
use stoa_ground::Result;
use stoa_ground::clock::monotonic;
use stoa_http::{Network, Turn};

use crate::Options;
use crate::ids::word;
use crate::limits::{Limits, Route, Said};

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a call waits here for its turn.
const TURN: Duration = Duration::from_secs(5);
/// How long one waits for its bucket that is made for a delivery: while it waits here, the deliveries of others do.
const DELIVERY_TURN: Duration = Duration::from_millis(200);
/// The most bytes of an answer that are read.
const ANSWER: usize = 4 * 1024 * 1024;
/// The longest pause that is believed, in seconds.
const LONGEST_PAUSE: f64 = 3_600.0;
/// How long an address is refused that is not told, in seconds.
const BANNED: f64 = 60.0;
/// How long to wait when the token is wrong, in seconds: the operator has to do something.
const OPERATOR: u64 = 300;

pub(crate) const UNKNOWN_CHANNEL: i64 = 10_003;
pub(crate) const UNKNOWN_MESSAGE: i64 = 10_008;
pub(crate) const UNKNOWN_WEBHOOK: i64 = 10_015;
pub(crate) const UNKNOWN_INTERACTION: i64 = 10_062;
pub(crate) const ALREADY_ACKNOWLEDGED: i64 = 40_060;
pub(crate) const MAY_NOT: i64 = 50_013;
pub(crate) const WEBHOOK_TOKEN: i64 = 50_027;
pub(crate) const CLOSED_TO_US: i64 = 50_007;
pub(crate) const HAS_THREAD: i64 = 160_004;

/// The place is gone or closed to us.
const CLOSED: [i64; 12] =
    [UNKNOWN_CHANNEL, 10_004, 10_007, 10_013, 50_001, CLOSED_TO_US, MAY_NOT, 50_024, 50_083, 50_278, 160_005, 40_003];

/// Why a call did not do what it should.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// It may work later, after so many seconds if that is known.
    Later { why: String, after: Option<u64> },
    /// Discord could not be reached, so nothing was done.
    Away(String),
    /// Nothing was done, because a limit is reached: it may be done after so long, as everything else if that is so.
    Limited { why: String, after: Duration, everything: bool },
    /// Discord's error code (0 where it gives none), the HTTP status, and what it says.
    Code { code: i64, status: u16, detail: String },
}

impl Failure {
    /// Discord's error code, if it is one.
    pub(crate) fn code(&self) -> Option<i64> {
        if let Self::Code { code, .. } = self { Some(*code) } else { None }
    }

    /// Whether it may work later.
    pub(crate) fn passes(&self) -> bool {
        self.code().is_none()
    }

    /// Whether Discord may have done it all the same.
    pub(crate) fn is_uncertain(&self) -> bool {
        matches!(self, Self::Later { .. })
    }
}

/// A call: method, path below the interface's address, what its limits hang on, and its body.
pub(crate) struct Request {
    method: Method,
    path: String,
    route: Route,
    body: Option<Value>,
}

impl Request {
    /// A call of a kind like `POST /channels/:id/messages`; `:id` is `major`, what follows `:` otherwise comes from `rest`.
    pub(crate) fn new(kind: &'static str, major: &str, rest: &[&str]) -> Self {
        let (method, template) = kind.split_once(' ').unwrap_or(("GET", kind));
        let mut rest = rest.iter();
        let parts = template.split('/').map(|part| match part {
            ":id" => major,
            part if part.starts_with(':') => rest.next().copied().unwrap_or_default(),
            part => part,
        });
        let path = parts.collect::<Vec<_>>().join("/");
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
        // Interactions and webhooks do not count among all calls, and need no token.
        let global = !(template.starts_with("/webhooks/") || template.starts_with("/interactions/"));
        Self { method, path, route: Route { kind, major: major.to_owned(), global }, body: None }
    }

    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn query(mut self, query: &str) -> Self {
        self.path.push('?');
        self.path.push_str(query);
        self
    }
}

enum Answer {
    Ok(Value),
    Limited,
}

/// The REST interface, as the bot.
pub(crate) struct Api {
    base: String,
    token: String,
    http: reqwest::Client,
    limits: Limits,
    pub(crate) troubles: Troubles,
}

impl Api {
    pub(crate) fn new(options: &Options) -> Result<Self> {
        // In the form that Discord requires: others it may ban.
        let home = format!("https://discord.com/developers/applications/{}", options.application_id);
        let agent = format!("DiscordBot ({home}, {})", env!("CARGO_PKG_VERSION"));
        let http = Network::builder(PATIENCE / 2, Some(PATIENCE)).user_agent(agent);
        Ok(Self {
            base: options.api_url.trim_end_matches('/').to_owned(),
            token: format!("Bot {}", options.token),
            http: options.network.build(http)?,
            limits: Limits::default(),
            troubles: Troubles::default(),
        })
    }

    /// So many servers call as this bot: each keeps to its share of what Discord takes in a second.
    pub(crate) fn shared_by(&self, servers: usize) {
        self.limits.shared_by(servers);
    }

    /// This server's part of so many that Discord takes of all together, and at least one.
    pub(crate) fn part_of(&self, most: usize) -> usize {
        self.limits.part_of(most)
    }

    /// Calls. A short wait that Discord's limits ask for happens here.
    pub(crate) async fn call(&self, request: &Request) -> Result<Value, Failure> {
        let begun = monotonic();
        let of_bucket = if stoa_flow::sends_end().is_some() { DELIVERY_TURN } else { TURN };
        loop {
            let now = monotonic();
            let (wait, patience, everything) = match self.limits.turn(&request.route, now) {
                Turn::Go => match self.once(request).await {
                    Ok(Answer::Ok(value)) => return Ok(value),
                    Ok(Answer::Limited) => continue,
                    Err(failure) => return Err(failure),
                },
                Turn::Wait(wait) => (wait, of_bucket, false),
                Turn::AllWait(wait) => (wait, TURN, true),
            };
            // Whoever finds out a bucket's limit is soon back.
            if wait > patience || begun.elapsed() > TURN {
                let after = if everything { wait } else { self.limits.come_again(&request.route, now) };
                let why = format!("{} waits for Discord's limit", request.route.kind);
                return Err(Failure::Limited { why, after, everything });
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn once(&self, request: &Request) -> Result<Answer, Failure> {
        let what = request.route.kind;
        // Whatever becomes of it, its place in the row is given back.
        let place = InRow { limits: &self.limits, route: &request.route, said: None };
        let mut http = self.http.request(request.method.clone(), format!("{}{}", self.base, request.path));
        if request.route.global {
            http = http.header(header::AUTHORIZATION, &self.token);
        }
        if let Some(body) = &request.body {
            let body = stoa_http::body(body.to_string(), stoa_flow::sends_end());
            http = http.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        let mut response = http.send().await.map_err(|e| trouble(what, &e))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut place = place;
        place.said = Some(said(status, &headers));
        drop(place);
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| trouble(what, &e))? {
            if text.len() + chunk.len() > ANSWER {
                return Err(later(&format!("the answer to {what} is too long"), Some(60)));
            }
            text.extend_from_slice(&chunk);
        }
        let value: Value = serde_json::from_slice(&text).unwrap_or_default();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS)
            && headers.get("x-ratelimit-scope").is_none_or(|scope| scope != "shared")
            && self.limits.invalid(monotonic())
        {
            self.tell_operator(
                "invalid",
                "too many calls were refused; nothing is sent for two minutes, so that Discord bans nothing",
            );
        }
        if status == StatusCode::TOO_MANY_REQUESTS
            && !headers.contains_key("x-ratelimit-scope")
            && value["retry_after"].is_null()
        {
            // What stands before Discord knows of no limits: it refuses whatever comes from this address.
            let after = number(&headers, "retry-after").map_or(BANNED, |s| s.clamp(1.0, LONGEST_PAUSE));
            self.limits.ban(Duration::from_secs_f64(after), monotonic());
            self.tell_operator(
                "banned",
                "Discord refuses this address for a while, and nothing is sent until then; does anything else call from it?",
            );
            return Ok(Answer::Limited);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            let everything = headers.contains_key("x-ratelimit-global") || value["global"] == true;
            let after = value["retry_after"].as_f64().or_else(|| number(&headers, "retry-after")).unwrap_or(1.0);
            let after = Duration::from_secs_f64(after.clamp(0.05, LONGEST_PAUSE));
            tracing::debug!(what, everything, ?after, "Discord says to wait");
            self.limits.pause(&request.route, everything, after, monotonic());
            return Ok(Answer::Limited);
        }
        if status.is_success() {
            return Ok(Answer::Ok(value));
        }
        if status.is_server_error() {
            return Err(later(&format!("{what} was answered with {status}"), None));
        }
        let code = value["code"].as_i64().unwrap_or_default();
        let mut detail = format!("Discord, {what}: {} ({status}, {code})", word(&value["message"]));
        if !value["errors"].is_null() {
            detail.push_str(&format!(" {}", value["errors"]));
        }
        Err(Failure::Code { code, status: status.as_u16(), detail })
    }

    /// What a failure means for a delivery. What only the operator can mend is logged once.
    pub(crate) fn send_error(&self, failure: Failure) -> SendError {
        match failure {
            Failure::Later { why, after } => SendError::Retry { why, after_seconds: after },
            Failure::Away(why) => SendError::Retry { why, after_seconds: None },
            Failure::Limited { why, after, everything } => SendError::Wait { why, after, everything },
            Failure::Code { status: 401, detail, .. } => {
                self.tell_operator("401", &detail);
                SendError::Retry { why: detail, after_seconds: Some(OPERATOR) }
            }
            Failure::Code { code, detail, .. } if CLOSED.contains(&code) => SendError::Unreachable(detail),
            Failure::Code { detail, .. } => SendError::Refused(detail),
        }
    }

    /// Tells the operator what is wrong, once for each `what`.
    pub(crate) fn tell_operator(&self, what: &str, detail: &str) {
        if self.troubles.tell(&format!("discord/{what}"), detail) {
            tracing::error!(detail, "Discord needs the operator; 'stoa doctor' says what to do");
        }
    }
}

struct InRow<'a> {
    limits: &'a Limits,
    route: &'a Route,
    said: Option<Said>,
}

impl Drop for InRow<'_> {
    fn drop(&mut self) {
        self.limits.came_back(self.route, self.said.as_ref(), monotonic());
    }
}

fn said(status: StatusCode, headers: &header::HeaderMap) -> Said {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    Said {
        done: status.is_success(),
        bucket: text("x-ratelimit-bucket").map(str::to_owned),
        limit: text("x-ratelimit-limit").and_then(|v| v.parse().ok()),
        remaining: text("x-ratelimit-remaining").and_then(|v| v.parse().ok()),
        reset_after: number(headers, "x-ratelimit-reset-after")
            .map(|s| Duration::from_secs_f64(s.clamp(0.0, LONGEST_PAUSE))),
    }
}

fn number(headers: &header::HeaderMap, name: &str) -> Option<f64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok().filter(|n: &f64| n.is_finite())
}

fn trouble(what: &str, error: &reqwest::Error) -> Failure {
    if error.is_connect() {
        return Failure::Away(format!("{what}: Discord cannot be reached"));
    }
    let why = if error.is_timeout() { "Discord did not answer in time" } else { "the connection to Discord broke" };
    later(&format!("{what}: {why}"), None)
}

fn later(why: &str, after: Option<u64>) -> Failure {
    Failure::Later { why: why.to_owned(), after }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_its_path_and_its_limits() {
        let edit = Request::new("PATCH /channels/:id/messages/:message", "12", &["34"]);
        assert_eq!(
            (edit.path.as_str(), edit.route.major.as_str(), edit.route.global),
            ("/channels/12/messages/34", "12", true)
        );
        let answer = Request::new("PATCH /webhooks/:app/:id/messages/@original", "tok", &["99"]);
        assert_eq!((answer.path.as_str(), answer.route.global), ("/webhooks/99/tok/messages/@original", false));
    }

    #[test]
    fn each_error_of_discord_has_its_consequence() {
        let api = Api::new(&Options::test()).unwrap();
        let of = |code: i64, status: u16| api.send_error(Failure::Code { code, status, detail: code.to_string() });
        for code in [UNKNOWN_CHANNEL, 50_001, CLOSED_TO_US, MAY_NOT] {
            assert!(matches!(of(code, 403), SendError::Unreachable(_)), "{code}");
        }
        assert!(matches!(of(0, 401), SendError::Retry { after_seconds: Some(OPERATOR), .. }));
        for code in [50_035, UNKNOWN_MESSAGE, 50_006] {
            assert!(matches!(of(code, 400), SendError::Refused(_)), "{code}");
        }
    }
}
