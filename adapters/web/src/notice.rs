//! A page that says one thing and leads nowhere: for browsers that were sent here for one step and go back to their chat.

use askama::Template;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use stoa_flow::Flow;

use crate::refusal::words_of;
use crate::session;
use crate::view::Frame;

#[derive(Template)]
#[template(path = "notice.html")]
struct Page {
    frame: Frame,
    text: String,
}

/// The page, in the language and colours of the browser that sent `headers`.
pub fn notice(flow: &Flow, headers: &HeaderMap, status: StatusCode, title: String, text: String) -> Response {
    let frame = Frame::of(flow, words_of(headers), session::theme_of(headers), title);
    match (Page { frame, text: text.clone() }).render() {
        Ok(page) => (status, Html(page)).into_response(),
        Err(_) => (status, text).into_response(),
    }
}
