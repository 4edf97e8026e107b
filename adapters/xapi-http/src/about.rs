//! The About resource (xAPI 1.0.3 part three, 2.8): no key and no version header needed.

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::Response;

use crate::answer::{self, Refused};

pub fn handle(request: &Request) -> Result<Response, Refused> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Refused::new(StatusCode::METHOD_NOT_ALLOWED, "the about resource knows only GET"));
    }
    if request.uri().query().is_some_and(|q| !q.is_empty()) {
        return Err(Refused::bad_request("the about resource has no parameters"));
    }
    Ok(answer::json(r#"{"version":["1.0.0","1.0.1","1.0.2","1.0.3","2.0.0"]}"#))
}
