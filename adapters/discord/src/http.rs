//! Interactions over HTTP: Discord posts them to `/discord/interactions`, each signed with Ed25519 (RFC 8032).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::Value;
use stoa_flow::Flow;
use stoa_ground::Instant;
use stoa_ground::clock::wall;
use stoa_http::signed::{WINDOW, behind, unhex};

use crate::ids::word;
use crate::platform::Discord;
use crate::take::Inlet;

/// The most bytes of a request's body that are read.
const BODY_LIMIT: usize = 1024 * 1024;
/// How long Discord takes to see our answer before it can be edited.
const UNDER_WAY: Duration = Duration::from_millis(300);

/// The route; none without a public key.
pub fn router(flow: &Arc<Flow>, discord: &Arc<Discord>) -> Router {
    if discord.app.options.public_key.is_empty() {
        return Router::new();
    }
    Router::new()
        .route("/discord/interactions", post(interaction))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Inlet { flow: flow.clone(), app: discord.app.clone() })
}

async fn interaction(State(inlet): State<Inlet>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(e) => return e.status().into_response(),
    };
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let (signature, at) = (header("x-signature-ed25519"), header("x-signature-timestamp"));
    if !is_genuine(&inlet.app.options.public_key, signature, at, &body, wall()) {
        tracing::warn!("an interaction without a good signature was refused");
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(d) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    match inlet.interaction(&d).await {
        Ok(Some(answer)) => {
            let (app, id) = (inlet.app.clone(), word(&d["id"]).to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(UNDER_WAY).await;
                app.is_acknowledged(&id);
            });
            ([(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
        }
        Ok(None) => StatusCode::BAD_REQUEST.into_response(),
        Err(error) => {
            tracing::error!(%error, "an interaction could not be stored; the person sees that it failed");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// The bytes of a public key.
pub(crate) fn key(hex: &str) -> Option<Vec<u8>> {
    unhex(hex).filter(|key| key.len() == 32)
}

/// Whether a body was signed with the key's secret in the last five minutes.
fn is_genuine(public_key: &str, signature: &str, at: &str, body: &[u8], now: Instant) -> bool {
    let (Some(key), Some(signature)) = (key(public_key), unhex(signature)) else { return false };
    let Ok(seconds) = at.parse::<i64>() else { return false };
    if behind(now, seconds).saturating_abs() > WINDOW {
        return false;
    }
    let mut signed = Vec::with_capacity(at.len() + body.len());
    signed.extend_from_slice(at.as_bytes());
    signed.extend_from_slice(body);
    UnparsedPublicKey::new(&ED25519, key).verify(&signed, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{Ed25519KeyPair, KeyPair as _};

    #[test]
    fn only_what_discord_signed_is_genuine() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let hex = |bytes: &[u8]| stoa_ground::hex(bytes);
        let public = hex(pair.public_key().as_ref());
        let now = Instant(1_795_424_400 * Instant::SECOND);
        let signature = hex(pair.sign(b"1795424400{}").as_ref());
        let genuine = |sig: &str, at: &str, body: &[u8]| is_genuine(&public, sig, at, body, now);
        assert!(genuine(&signature, "1795424400", b"{}"));
        assert!(!genuine(&signature, "1795424400", b"{ }"), "another body");
        assert!(!genuine(&signature, "1795424401", b"{}"), "another time");
        assert!(!genuine(&hex(pair.sign(b"1795420000{}").as_ref()), "1795420000", b"{}"), "too old");
        assert!(!genuine("", "1795424400", b"{}") && !genuine("zz", "1795424400", b"{}"));
        assert!(!is_genuine("", &signature, "1795424400", b"{}", now));
    }
}
