//! What is refused, in one sentence: as a page for people, as JSON for the page's script.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use stoa_flow::words::Words;
use stoa_ground::Error;

use crate::Web;
use crate::notice;
use crate::session;
use crate::view::Frame;

/// A refusal: the status, and a sentence that says why and the way out.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    pub text: String,
    /// Where to go instead, for somebody who only has to sign in.
    pub sign_in: bool,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), sign_in: false }
    }

    pub(crate) fn not_found(words: &Words) -> Self {
        Self::new(StatusCode::NOT_FOUND, words.say("web-not-found"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(text) => Self::new(StatusCode::BAD_REQUEST, text),
            Error::Forbidden(text) => Self::new(StatusCode::FORBIDDEN, text),
            Error::NotFound(_) => Self::not_found(Words::english()),
            Error::Conflict(text) => Self::new(StatusCode::CONFLICT, text),
            other => {
                tracing::error!(error = %other, "a page could not be made");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, Words::english().say("web-went-wrong"))
            }
        }
    }
}

impl From<askama::Error> for Refusal {
    fn from(error: askama::Error) -> Self {
        Error::Io(format!("a page could not be rendered: {error}")).into()
    }
}

/// The page for an address that is not there.
pub(crate) async fn not_found(headers: HeaderMap) -> Refusal {
    Refusal::not_found(words_of(&headers))
}

/// The words in the language that the browser asks for.
#[must_use]
pub fn words_of(headers: &HeaderMap) -> &'static Words {
    let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or("en");
    Words::of(asked.split([',', ';']).next().unwrap_or("en"))
}

/// Whether the page's script asks, which wants JSON.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("application/json"))
}

/// Gives refusals, and errors that the framework found, the form that the asker can read.
pub(crate) async fn dress(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let is_get = request.method() == Method::GET;
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let words = words_of(&headers);
    let refusal = match response.extensions().get::<Refusal>() {
        Some(refusal) => refusal.clone(),
        None if response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|t| !t.as_bytes().starts_with(b"text/plain")) =>
        {
            return response;
        }
        None => Refusal::new(
            status,
            match status {
                StatusCode::PAYLOAD_TOO_LARGE => words.say("web-too-large"),
                StatusCode::NOT_FOUND => words.say("web-not-found"),
                s if s.is_server_error() => words.say("web-went-wrong"),
                _ => words.say("web-not-understood"),
            },
        ),
    };
    if wants_json(&headers) {
        let body = serde_json::json!({ "error": refusal.text, "sign_in": refusal.sign_in });
        return (refusal.status, Json(body)).into_response();
    }
    if refusal.sign_in && is_get {
        return axum::response::Redirect::to("/sign-in").into_response();
    }
    let frame = Frame::new(&web, words, session::theme_of(&headers), words.say("web-refused-title"));
    notice::page(frame, refusal.status, refusal.text, true)
}
