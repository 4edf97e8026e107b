//! Answers and refusals.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use stoa_ground::Error;
use stoa_ground::xapi::Version;

/// Why a request is refused: a status and a sentence for the caller.
#[derive(Debug)]
pub struct Refused {
    pub status: StatusCode,
    pub message: String,
}

/// The formats in which a refusal can be read (part three, 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    Json,
    Html,
    Text,
}

/// What the caller wants to read; JSON unless it asks for something else.
pub fn accepted(headers: &HeaderMap) -> Accepted {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    accept
        .split(',')
        .find_map(|part| match part.split(';').next().unwrap_or_default().trim() {
            "application/json" => Some(Accepted::Json),
            "text/html" => Some(Accepted::Html),
            "text/plain" => Some(Accepted::Text),
            _ => None,
        })
        .unwrap_or(Accepted::Json)
}

impl Refused {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub fn into_response(self, accept: Accepted) -> Response {
        let (kind, body) = match accept {
            Accepted::Json => ("application/json", serde_json::json!({ "error": self.message }).to_string()),
            Accepted::Text => ("text/plain; charset=utf-8", self.message),
            Accepted::Html => {
                let text = self.message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                ("text/html; charset=utf-8", format!("<!doctype html><title>{0}</title><p>{text}</p>", self.status))
            }
        };
        let mut response = (self.status, body).into_response();
        add_header(&mut response, "content-type", kind);
        add_header(&mut response, "x-content-type-options", "nosniff");
        if self.status == StatusCode::UNAUTHORIZED {
            add_header(&mut response, "www-authenticate", "Basic realm=\"xAPI\", charset=\"UTF-8\"");
        }
        response
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Invalid(_) => StatusCode::BAD_REQUEST,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Conflict(_) => StatusCode::CONFLICT,
            Error::Forbidden(_) => StatusCode::FORBIDDEN,
            _ => {
                tracing::error!(%error, "a request to the Learning Record Store failed");
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the server could not do this now: try again");
            }
        };
        Self::new(status, error.to_string())
    }
}

/// An answer with a JSON body.
pub fn json(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    add_header(&mut response, "content-type", "application/json");
    response
}

/// An answer in the multipart format (part three, 1.5.2), without attachment data.
pub fn multipart(body: &str, boundary: &str) -> Response {
    let text = format!("--{boundary}\r\nContent-Type: application/json\r\n\r\n{body}\r\n--{boundary}--\r\n");
    let mut response = Response::new(text.into());
    add_header(&mut response, "content-type", &format!("multipart/mixed; boundary={boundary}"));
    response
}

/// Sets a header; a value that HTTP cannot carry is left out.
pub fn add_header(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

pub fn add_version(response: &mut Response, version: Version) {
    add_header(response, "x-experience-api-version", version.latest());
}
