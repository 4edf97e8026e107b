//! HTTP mode: Slack posts events, interactions and commands to `/slack/<name>/…`, each signed.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value};
use stoa_flow::Flow;
use stoa_ground::clock::wall;

use crate::events::word;
use crate::platform::Slack;
use crate::sign::{SIGNATURE, TIMESTAMP, is_genuine};
use crate::take::{Incoming, Inlet};
use crate::{Mode, oauth};

/// The most bytes of a request's body that are read.
const BODY_LIMIT: usize = 1024 * 1024;

/// The routes of all apps in HTTP mode.
pub fn router(flow: &Arc<Flow>, slack: &Arc<Slack>) -> Router {
    let mut router = Router::new();
    for app in slack.apps.iter().filter(|app| app.options.mode == Mode::Http) {
        let base = format!("/slack/{}", app.options.name);
        let mut routes = Router::new()
            .route(&format!("{base}/events"), post(events))
            .route(&format!("{base}/interactivity"), post(interactivity))
            .route(&format!("{base}/commands"), post(commands))
            .layer(DefaultBodyLimit::max(BODY_LIMIT));
        if app.options.is_installed_by_page() {
            routes = routes
                .route(&format!("{base}/install"), get(oauth::install))
                .route(&format!("{base}/oauth"), get(oauth::back));
        }
        let inlet = Inlet { flow: flow.clone(), app: app.clone(), slack: slack.clone() };
        router = router.merge(routes.with_state(inlet));
    }
    router
}

async fn events(State(inlet): State<Inlet>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let body = match verified(&inlet, &headers, body) {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    let Ok(payload) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    match word(&payload["type"]) {
        "url_verification" => word(&payload["challenge"]).to_owned().into_response(),
        "event_callback" => taken(&inlet, Incoming::Event(payload)).await,
        other => {
            inlet.app.unknown(&format!("request {other}"));
            StatusCode::OK.into_response()
        }
    }
}

async fn interactivity(
    State(inlet): State<Inlet>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match verified(&inlet, &headers, body) {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    let payload = form_urlencoded::parse(&body).find(|(key, _)| key == "payload").map(|(_, value)| value);
    match payload.and_then(|text| serde_json::from_str::<Value>(&text).ok()) {
        Some(payload) => taken(&inlet, Incoming::Interactive(payload)).await,
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn commands(State(inlet): State<Inlet>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let body = match verified(&inlet, &headers, body) {
        Ok(body) => body,
        Err(status) => return status.into_response(),
    };
    let fields: Map<String, Value> = form_urlencoded::parse(&body)
        .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
        .collect();
    // Slack looks now and then whether the certificate is good.
    if fields.contains_key("ssl_check") {
        return StatusCode::OK.into_response();
    }
    taken(&inlet, Incoming::Command(Value::Object(fields))).await
}

/// The body of a request that Slack signed in the last five minutes.
fn verified(inlet: &Inlet, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Bytes, StatusCode> {
    let body = body.map_err(|e| e.status())?;
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let secret = &inlet.app.options.signing_secret;
    if is_genuine(secret, wall(), header(TIMESTAMP), header(SIGNATURE), &body) {
        Ok(body)
    } else {
        tracing::warn!(app = %inlet.app.options.name, "a request without a good signature was refused");
        Err(StatusCode::UNAUTHORIZED)
    }
}

/// Stored, then acknowledged; 503 makes Slack send it again.
async fn taken(inlet: &Inlet, incoming: Incoming) -> Response {
    match inlet.take(incoming).await {
        Ok(Some(answer)) => ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response(),
        Ok(None) => StatusCode::OK.into_response(),
        Err(error) => {
            tracing::error!(app = %inlet.app.options.name, %error, "an event could not be stored; Slack sends it again");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
