//! A page that says one thing. It leads nowhere for browsers that were sent here for one step and go back to their chat.

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
    home: bool,
}

/// The page, in the language and colours of the browser that sent `headers`.
pub fn notice(flow: &Flow, headers: &HeaderMap, status: StatusCode, title: String, text: String) -> Response {
    let frame = Frame::of(flow, words_of(headers), session::theme_of(headers), title);
    page(frame, status, text, false)
}

/// The page in a frame; `home`: with a way to the chat.
pub(crate) fn page(frame: Frame, status: StatusCode, text: String, home: bool) -> Response {
    let page = Page { frame, text, home };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => (status, page.text).into_response(),
    }
}
