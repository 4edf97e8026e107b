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
pub(crate) const POST: &str = "chat.postMessage";

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
/// A method that Slack, the app or a simpler server in Slack's place does not have.
pub(crate) const UNKNOWN_METHOD: &str = "unknown_method";
/// The method is not there, or not for this app: something else is to be done instead.
const ABSENT: [&str; 4] = [UNKNOWN_METHOD, "missing_scope", "feature_not_enabled", "not_allowed"];
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

impl Failure {
    /// Whether the method is not there, or not for this app.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Code { code, .. } if ABSENT.contains(&code.as_str()))
    }

    /// Whether Slack does not take this call, and takes it no better later: neither the place nor the token is the reason.
    pub(crate) fn is_refusal(&self) -> bool {
        let of_another = |code: &str| CLOSED.contains(&code) || CREDENTIALS.contains(&code);
        self.is_absence() || matches!(self, Self::Code { code, .. } if !of_another(code))
    }
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
        if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
            return Err(self.unknown(&format!("{method} was answered with {status}")));
        }
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.trouble(method, &e))? {
            if text.len() + chunk.len() > ANSWER {
                return Err(self.unknown(&format!("the answer to {method} is too long")));
            }
            text.extend_from_slice(&chunk);
        }
        let value: Value = match serde_json::from_slice(&text) {
            Err(e) if status.is_success() => {
                return Err(self.unknown(&format!("the answer to {method} cannot be read: {e}")));
            }
            read => read.unwrap_or_default(),
        };
        if status.is_success() && value["ok"] == true {
            return Ok(Answer::Ok(value, headers));
        }
        // Slack itself says everything with 200; what stands in its place, or before it, may not.
        if !status.is_success() && (value["ok"] != false || !value["error"].is_string()) {
            return Err(self.turned_away(method, status));
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

    /// What a status without Slack's own error code means: nothing was done.
    fn turned_away(&self, method: &str, status: StatusCode) -> Failure {
        let detail = format!("{method} was answered with {status}");
        let code = match status {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                UNKNOWN_METHOD.to_owned()
            }
            StatusCode::BAD_REQUEST
            | StatusCode::GONE
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => format!("http_{}", status.as_u16()),
            // Of a token, a proxy or a redirection that somebody can mend.
            _ => return self.later(&detail, None),
        };
        Failure::Code { code, detail }
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
            Failure::Later { why, after } => return SendError::Unsent { why, after_seconds: after },
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
            return SendError::Unsent { why: detail, after_seconds: Some(OPERATOR) };
        }
        SendError::Refused(detail)
    }

    /// As [`send_error`](Self::send_error), of [`POST`]. Where that is not there nothing is, so the address may be wrong.
    pub(crate) fn post_error(&self, failure: Failure) -> SendError {
        match failure {
            Failure::Code { code, detail } if code == UNKNOWN_METHOD => {
                let why = format!("the Slack app '{}': {detail}; is api_url right?", self.name);
                self.tell_operator(POST, &why);
                SendError::Unsent { why, after_seconds: Some(OPERATOR) }
            }
            failure => self.send_error(failure),
        }
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

    #[tokio::test]
    async fn what_comes_without_slack_s_own_status_is_done_or_not() {
        use axum::extract::Path;
        use axum::http::StatusCode;
        let answer = async |Path(method): Path<String>| {
            let (status, body) = match method.as_str() {
                "nowhere" => (404, r#"{"message":"Not Found"}"#),
                "unbuilt" => (501, ""),
                "refused" => (400, r#"{"ok":false,"error":"invalid_blocks"}"#),
                "elsewhere" => (404, r#"{"ok":false,"error":"channel_not_found"}"#),
                "garbled" => (400, "<html>"),
                "behind.a.proxy" => (403, r#"{"error":"Forbidden"}"#),
                _ => (502, "<html>"),
            };
            (StatusCode::from_u16(status).unwrap(), body)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api_url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/{method}", axum::routing::post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let api = Api::new(&Options { api_url, ..Options::test() }).unwrap();
        let of = async |method| api.call("xoxb-test", method, &Body::Form(Vec::new())).await.unwrap_err();
        for (method, expected) in [
            ("nowhere", "unknown_method"),
            ("unbuilt", "unknown_method"),
            ("refused", "invalid_blocks"),
            ("elsewhere", "channel_not_found"),
            ("garbled", "http_400"),
        ] {
            let failure = of(method).await;
            assert!(matches!(&failure, Failure::Code { code, .. } if code == expected), "{method}: {failure:?}");
        }
        assert!(of("nowhere").await.is_absence() && of("refused").await.is_refusal());
        assert!(!of("elsewhere").await.is_refusal(), "another place may do");
        assert!(matches!(of("behind.a.proxy").await, Failure::Later { .. }));
        assert!(matches!(of("broken").await, Failure::Unknown { .. }));
        assert!(matches!(api.post_error(of("nowhere").await), SendError::Unsent { after_seconds: Some(OPERATOR), .. }));
        assert_eq!(api.troubles.all().len(), 1, "where nothing can be posted the operator hears of it");
    }

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
            assert!(matches!(of(code), SendError::Unsent { after_seconds: Some(OPERATOR), .. }), "{code}");
        }
        for code in ["invalid_blocks", "msg_too_long", "message_not_found", "something_new"] {
            assert!(matches!(of(code), SendError::Refused(_)), "{code}");
        }
    }
}
