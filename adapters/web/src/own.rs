//! Changing and deleting one's own words; the bot hears of it, and what it kept follows.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use stoa_flow::chat::Event;

use crate::actions::{Shown, accept, address, clean, event_key, seen, show, too_long};
use crate::pages;
use crate::refusal::Refusal;
use crate::session::Visitor;
use crate::store::{self, Posted};
use crate::{Web, chat, markup};

/// A message of the visitor's own, that everybody in the conversation sees.
async fn own(web: &Web, visitor: &Visitor, channel: &str, id: &str) -> Result<Posted, Refusal> {
    pages::conversation(web, visitor, channel).await?;
    let post = seen(web, visitor, channel, id).await?;
    if post.author.as_ref() != Some(&visitor.person.id) || post.only_for.is_some() {
        return Err(Refusal::new(StatusCode::FORBIDDEN, visitor.words.say("web-not-yours")));
    }
    Ok(post)
}

/// Changing or deleting one's own words.
#[derive(Template)]
#[template(path = "own-message.html")]
struct OwnMessage<'a> {
    words: &'static stoa_flow::words::Words,
    action: String,
    back: String,
    delete: bool,
    text: &'a str,
    error: Option<String>,
    token: String,
}

impl<'a> OwnMessage<'a> {
    fn new(web: &Web, visitor: &Visitor, post: &'a Posted, delete: bool) -> Self {
        let what = if delete { "delete" } else { "edit" };
        Self {
            words: visitor.words,
            action: format!("/chat/{}/messages/{}/{what}", post.channel, post.id),
            back: address(&post.channel, post.thread.as_deref()),
            delete,
            text: &post.text,
            error: None,
            token: web.flow.clock().secret(),
        }
    }

    fn show(self, web: &Web, visitor: &Visitor, headers: &HeaderMap) -> Result<Response, Refusal> {
        let title = visitor.words.say(if self.delete {
            stoa_flow::words_key!("web-delete-title")
        } else {
            stoa_flow::words_key!("web-edit-title")
        });
        let html = self.render()?;
        show(web, visitor, headers, Shown::Dialog { html, title })
    }
}

/// The form in which one's own words are changed.
pub(crate) async fn edit_page(
    State(web): State<Arc<Web>>,
    Path((channel, id)): Path<(String, String)>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let post = own(&web, &visitor, &channel, &id).await?;
    OwnMessage::new(&web, &visitor, &post, false).show(&web, &visitor, &headers)
}

/// The question before one's own words are deleted.
pub(crate) async fn delete_page(
    State(web): State<Arc<Web>>,
    Path((channel, id)): Path<(String, String)>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let post = own(&web, &visitor, &channel, &id).await?;
    OwnMessage::new(&web, &visitor, &post, true).show(&web, &visitor, &headers)
}

#[derive(Deserialize)]
pub(crate) struct Changed {
    text: Option<String>,
    token: Option<String>,
}

/// Changes one's own words.
pub(crate) async fn edit(
    State(web): State<Arc<Web>>,
    Path((channel, id)): Path<(String, String)>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(changed): Form<Changed>,
) -> Result<Response, Refusal> {
    let post = own(&web, &visitor, &channel, &id).await?;
    let text = clean(&changed.text.unwrap_or_default());
    let error = if text.is_empty() { Some(visitor.words.say("web-field-missing")) } else { too_long(&visitor, &text) };
    if error.is_some() {
        let changed = Posted { text, ..post };
        let page = OwnMessage { error, ..OwnMessage::new(&web, &visitor, &changed, false) };
        return page.show(&web, &visitor, &headers);
    }
    let (post, text) = (&post, text.as_str());
    web.flow.db().write(|tx| async move { store::set_text(&tx, post, text).await }).await?;
    let words = markup::without_mention(text).unwrap_or_else(|| text.to_owned());
    let event = Event::Edited { id: id.clone(), text: words };
    let key = event_key(&visitor, changed.token.as_deref(), &[&id, "edit", text], &web);
    changed_own(&web, &visitor, &headers, post, key, event).await
}

/// Deletes one's own words.
pub(crate) async fn delete(
    State(web): State<Arc<Web>>,
    Path((channel, id)): Path<(String, String)>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(changed): Form<Changed>,
) -> Result<Response, Refusal> {
    let post = own(&web, &visitor, &channel, &id).await?;
    let (at, gone) = (&channel, &id);
    // The event is stored first: were it lost, what was captured from the message would stay.
    let event = Event::Deleted { id: id.clone() };
    let key = event_key(&visitor, changed.token.as_deref(), &[&id, "delete"], &web);
    let response = changed_own(&web, &visitor, &headers, &post, key, event).await?;
    web.flow.db().write(|tx| async move { store::delete(&tx, at, gone).await }).await?;
    Ok(response)
}

async fn changed_own(
    web: &Web,
    visitor: &Visitor,
    headers: &HeaderMap,
    post: &Posted,
    key: String,
    event: Event,
) -> Result<Response, Refusal> {
    let direct = pages::conversation(web, visitor, &post.channel).await?.direct;
    let place = chat::place(&post.channel, post.thread.as_deref(), direct);
    accept(web, visitor, key, place, event).await?;
    let back = address(&post.channel, post.thread.as_deref());
    show(web, visitor, headers, Shown::Stored { go: None, back })
}
