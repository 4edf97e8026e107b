//! Events that come in: verified, stored, acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use futures_util::future::join_all;
use serde_json::{Value, json};
use stoa_flow::Flow;
use stoa_flow::chat::{Envelope, Opened};
use stoa_ground::clock::wall;

use crate::client::Bridge;
use crate::problem::Problem;
use crate::sign::{SIGNATURE, TIMESTAMP};
use crate::wire::Incoming;

/// The most events in one request.
const BATCH: usize = 100;

/// Where the events of one bridge go.
#[derive(Clone)]
pub(crate) struct Inlet {
    pub flow: Arc<Flow>,
    pub bridge: Arc<Bridge>,
}

/// `POST /bridge/<name>/events`: one event, or an array of them. Answered after all of them are stored.
pub(crate) async fn receive(
    State(inlet): State<Inlet>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let body = body.map_err(|e| Problem::new(e.status(), format!("{}.", e.body_text())))?;
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let options = inlet.bridge.options();
    options
        .secret
        .verify(wall(), header(TIMESTAMP), header(SIGNATURE), &body)
        .map_err(|why| Problem::new(StatusCode::UNAUTHORIZED, why))?;
    let (envelopes, many) =
        read(&options.name, &body).map_err(|why| Problem::new(StatusCode::BAD_REQUEST, format!("{why}.")))?;

    // The events of one account stay in their order; those of different accounts share a commit.
    let mut of_accounts: BTreeMap<_, Vec<(usize, Envelope)>> = BTreeMap::new();
    for (position, envelope) in envelopes.into_iter().enumerate() {
        of_accounts.entry(envelope.account.clone()).or_default().push((position, envelope));
    }
    let stored = join_all(of_accounts.into_values().map(|events| store(&inlet, events))).await;
    let mut answers = Vec::new();
    for answered in stored {
        answers.extend(answered?);
    }
    answers.sort_by_key(|(position, _)| *position);
    let mut answers = answers.into_iter().map(|(_, answer)| answer);
    Ok(Json(if many { answers.collect() } else { answers.next().unwrap_or_default() }))
}

/// Reads and checks all events before any is stored.
fn read(platform: &str, body: &[u8]) -> Result<(Vec<Envelope>, bool), String> {
    let many = body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[');
    let events: Vec<Incoming> = if many { parse(body)? } else { vec![parse(body)?] };
    if events.is_empty() || events.len() > BATCH {
        return Err(format!("the body must have 1 to {BATCH} events, found {}", events.len()));
    }
    let mut envelopes = Vec::with_capacity(events.len());
    for (n, event) in events.into_iter().enumerate() {
        let at = |why: String| if many { format!("[{n}].{why}") } else { why };
        envelopes.push(event.envelope(platform).map_err(at)?);
    }
    Ok((envelopes, many))
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let path = e.path().to_string();
        let why = e.into_inner().to_string();
        if path == "." { why } else { format!("{path}: {why}") }
    })?;
    json.end().map_err(|e| e.to_string())?;
    Ok(parsed)
}

/// Stores the events of one account, one after the other.
async fn store(inlet: &Inlet, events: Vec<(usize, Envelope)>) -> Result<Vec<(usize, Value)>, Problem> {
    let mut answers = Vec::with_capacity(events.len());
    for (position, envelope) in events {
        let name = &inlet.bridge.options().name;
        let key = envelope.key.strip_prefix(name).and_then(|k| k.strip_prefix('/')).unwrap_or_default().to_owned();
        let opened = inlet.flow.accept(envelope).await.map_err(|error| {
            tracing::error!(bridge = %name, event = %key, %error, "an event could not be stored");
            let why = "The event could not be stored: send it again with the same key.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, why)
        })?;
        answers.push((position, answer(&key, opened)));
    }
    Ok(answers)
}

fn answer(key: &str, opened: Opened) -> Value {
    match opened {
        Opened::Stored => json!({ "key": key, "duplicate": false }),
        Opened::Repeated => json!({ "key": key, "duplicate": true }),
        Opened::Form(form) => json!({ "key": key, "form": form }),
        Opened::Errors(errors) => {
            let errors: Vec<Value> = errors.into_iter().map(|e| json!({ "field": e.field, "why": e.why })).collect();
            json!({ "key": key, "errors": errors })
        }
    }
}
