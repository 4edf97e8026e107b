//! Slack's Web API: one call, its errors, and what Slack says about limits.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{StatusCode, header};
use serde_json::Value;
use stoa_flow::alarms::Troubles;
use stoa_flow::chat::SendError;
use stoa_ground::Result;
use stoa_ground::clock::monotonic;
use stoa_http::Turn;

use crate::Options;
use crate::limits::Limits;

const JSON: &str = "application/json; charset=utf-8";
/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a call waits here for its turn.
const TURN: Duration = Duration::from_secs(5);
/// How long one waits that is made for a delivery: while it waits here, the deliveries of others do.
const DELIVERY_TURN: Duration = Duration::from_millis(200);
/// The most bytes of an answer that are read.
const ANSWER: usize = 4 * 1024 * 1024;
/// The longest pause that Slack can ask for, in seconds.
const LONGEST_PAUSE: u64 = 3_600;
/// How long to wait when the token or a scope is wrong, in seconds: the operator has to do something.
const OPERATOR: u64 = 300;

/// What is said goes out by this method.
const POST: &str = "chat.postMessage";

/// The app was removed from the workspace: the operator hears of it, and people are written to elsewhere.
const REMOVED: &str = "account_inactive";
/// The place is gone or closed to us.
const CLOSED: [&str; 14] = [
    "channel_not_found",
    "is_archived",
    "not_in_channel",
    "user_not_found",
    "users_not_found",
    "user_disabled",
    "user_not_visible",
    "user_not_in_channel",
    "cannot_dm_bot",
    REMOVED,
    "messages_tab_disabled",
    "cannot_reply_to_message",
    "restricted_action_non_threadable_channel",
    "team_not_found",
];
/// The operator has to do something.
const CREDENTIALS: [&str; 9] = [
    "token_revoked",
    "token_expired",
    "invalid_auth",
    "not_authed",
    "missing_scope",
    "not_allowed_token_type",
    "no_permission",
    "org_login_required",
    "ekm_access_denied",
];
/// Slack is not well just now.
const PASSING: [&str; 6] =
    ["internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "accesslimited"];

/// Why a call did not do what it should.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// Nothing was done; it may work later, after so many seconds if that is known.
    Later { why: String, after: Option<u64> },
    /// Nothing was done, because the limit is reached: it may be done after so long, as everything else if that is so.
    Limited { why: String, after: Duration, everything: bool },
    /// It may have been done: the answer did not come.
    Unknown { why: String },
    /// Slack's error code, with what it says beside it.
    Code { code: String, detail: String },
}

/// How a call's arguments go out: methods that read take forms, the others JSON.
pub(crate) enum Body {
    Form(Vec<(&'static str, String)>),
    Json(Value),
}

impl Body {
    fn channel(&self) -> &str {
        match self {
            Self::Json(v) => v["channel"].as_str().unwrap_or_default(),
            Self::Form(_) => "",
        }
    }
}

enum Answer {
    Ok(Value, header::HeaderMap),
    Limited(u64),
}

/// The Web API of one app.
pub(crate) struct Api {
    name: String,
    base: String,
    http: reqwest::Client,
    limits: Limits,
    pub(crate) troubles: Arc<Troubles>,
}

impl Api {
    pub(crate) fn new(options: &Options) -> Result<Self> {
        Ok(Self {
            name: options.name.clone(),
            base: options.api_url.trim_end_matches('/').to_owned(),
            http: options.network.client(PATIENCE / 2, Some(PATIENCE))?,
            limits: Limits::default(),
            troubles: Arc::default(),
        })
    }

    /// Calls a method with a token. A short wait that Slack asks for happens here.
    pub(crate) async fn call(&self, token: &str, method: &'static str, body: &Body) -> Result<Value, Failure> {
        self.call_with_headers(token, method, body).await.map(|(value, _)| value)
    }

    /// As [`call`](Self::call), with the headers of the answer.
    pub(crate) async fn call_with_headers(
        &self,
        token: &str,
        method: &'static str,
        body: &Body,
    ) -> Result<(Value, header::HeaderMap), Failure> {
        let begun = monotonic();
        let patience = if stoa_flow::sends_end().is_some() { DELIVERY_TURN } else { TURN };
        loop {
            let now = monotonic();
            let (wait, everything) = match self.limits.turn(method, body.channel(), now) {
                Turn::Go => (Duration::ZERO, false),
                Turn::Wait(wait) => (wait, false),
                Turn::AllWait(wait) => (wait, true),
            };
            if begun.elapsed() + wait > patience {
                let why = format!("the Slack app '{}': {method} waits for Slack's limit", self.name);
                let after = if everything { wait } else { self.limits.come_again(method, body.channel(), now) };
                return Err(Failure::Limited { why, after, everything: everything && method == POST });
            }
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
                continue;
            }
            match self.once(token, method, body).await? {
                Answer::Ok(value, headers) => return Ok((value, headers)),
                Answer::Limited(after) => {
                    tracing::debug!(app = %self.name, method, after, "Slack says to wait");
                    self.limits.pause(method, body.channel(), Duration::from_secs(after), monotonic());
                }
            }
        }
    }

    async fn once(&self, token: &str, method: &'static str, body: &Body) -> Result<Answer, Failure> {
        let request = self.http.post(format!("{}/{method}", self.base));
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        let request = match body {
            Body::Form(pairs) => request.form(pairs),
            Body::Json(value) => {
                let body = stoa_http::body(value.to_string(), stoa_flow::sends_end());
                request.header(header::CONTENT_TYPE, JSON).body(body)
            }
        };
        let mut response = request.send().await.map_err(|e| self.trouble(method, &e))?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Ok(Answer::Limited(retry_after(&headers)));
        }
        if !status.is_success() {
            return Err(self.unknown(&format!("{method} was answered with {status}")));
        }
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.trouble(method, &e))? {
            if text.len() + chunk.len() > ANSWER {
                return Err(self.unknown(&format!("the answer to {method} is too long")));
            }
            text.extend_from_slice(&chunk);
        }
        let value: Value = serde_json::from_slice(&text)
            .map_err(|e| self.unknown(&format!("the answer to {method} cannot be read: {e}")))?;
        if value["ok"] == true {
            return Ok(Answer::Ok(value, headers));
        }
        let code = value["error"].as_str().unwrap_or("no error code");
        if code == "ratelimited" || code == "rate_limited" {
            return Ok(Answer::Limited(retry_after(&headers)));
        }
        if PASSING.contains(&code) {
            return Err(self.unknown(&format!("{method}: {code}")));
        }
        let mut detail = format!("{method}: {code}");
        for part in [&value["needed"], &value["response_metadata"]["messages"]] {
            if !part.is_null() {
                detail.push_str(&format!(" {part}"));
            }
        }
        Err(Failure::Code { code: code.to_owned(), detail })
    }

    /// Posts an answer to the response address of a command or button.
    pub(crate) async fn respond(&self, url: &str, body: &Value) -> Result<(), Failure> {
        let body = stoa_http::body(body.to_string(), stoa_flow::sends_end());
        let request = self.http.post(url).header(header::CONTENT_TYPE, JSON);
        let response = request.body(body).send().await.map_err(|e| self.trouble("response_url", &e))?;
        let status = response.status();
        if status.is_success() {
            Ok(())
        } else if status.is_client_error() {
            Err(self.later(&format!("response_url: {status}"), None))
        } else {
            Err(self.unknown(&format!("response_url: {status}")))
        }
    }

    fn trouble(&self, method: &str, error: &reqwest::Error) -> Failure {
        if error.is_connect() {
            self.later(&format!("{method}: Slack cannot be reached"), None)
        } else if error.is_timeout() {
            self.unknown(&format!("{method}: Slack did not answer in time"))
        } else {
            self.unknown(&format!("{method}: the connection to Slack broke"))
        }
    }

    fn later(&self, why: &str, after: Option<u64>) -> Failure {
        Failure::Later { why: format!("the Slack app '{}': {why}", self.name), after }
    }

    fn unknown(&self, why: &str) -> Failure {
        Failure::Unknown { why: format!("the Slack app '{}': {why}", self.name) }
    }

    /// What a failure means for a delivery. What only the operator can mend is logged once.
    pub(crate) fn send_error(&self, failure: Failure) -> SendError {
        let (code, detail) = match failure {
            Failure::Later { why, after } => return SendError::Retry { why, after_seconds: after },
            Failure::Limited { why, after, everything } => return SendError::Wait { why, after, everything },
            Failure::Unknown { why } => return SendError::Retry { why, after_seconds: None },
            Failure::Code { code, detail } => (code, format!("the Slack app '{}': {detail}", self.name)),
        };
        if code == REMOVED {
            self.tell_operator(&code, &detail);
        }
        if CLOSED.contains(&code.as_str()) {
            return SendError::Unreachable(detail);
        }
        if CREDENTIALS.contains(&code.as_str()) {
            self.tell_operator(&code, &detail);
            return SendError::Retry { why: detail, after_seconds: Some(OPERATOR) };
        }
        SendError::Refused(detail)
    }

    /// Tells the operator what is wrong, once for each `what`.
    pub(crate) fn tell_operator(&self, what: &str, detail: &str) {
        if self.troubles.tell(&format!("slack/{}/{what}", self.name), detail) {
            tracing::error!(app = %self.name, detail, "Slack needs the operator; 'stoa doctor' says what to do");
        }
    }
}

fn retry_after(headers: &header::HeaderMap) -> u64 {
    let said = headers.get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.trim().parse::<u64>().ok());
    said.unwrap_or(1).clamp(1, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_slack_has_its_consequence() {
        let api = Api::new(&Options::test()).unwrap();
        let of = |code: &str| api.send_error(Failure::Code { code: code.into(), detail: code.into() });
        for code in ["channel_not_found", "is_archived", "not_in_channel", "user_not_found", "account_inactive"] {
            assert!(matches!(of(code), SendError::Unreachable(_)), "{code}");
        }
        assert_eq!(
            api.troubles.all(),
            [("slack/acme/account_inactive".into(), "the Slack app 'acme': account_inactive".into())]
        );
        for code in ["token_revoked", "invalid_auth", "missing_scope"] {
            assert!(matches!(of(code), SendError::Retry { after_seconds: Some(OPERATOR), .. }), "{code}");
        }
        for code in ["invalid_blocks", "msg_too_long", "message_not_found", "something_new"] {
            assert!(matches!(of(code), SendError::Refused(_)), "{code}");
        }
    }
}
