//! What people do: write, press, use a shortcut, fill in a form, change or delete their own words. Each becomes one
//! event for the flow, under a key that a second sending of the same thing has as well.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Form, Json};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use stoa_flow::chat::{Envelope, Event, Opened, Place, ThreadMessage};
use stoa_flow::say;
use stoa_ground::people;

use crate::forms::{self, At, FormView};
use crate::pages::{self, Draft};
use crate::refusal::{Refusal, wants_json};
use crate::session::Visitor;
use crate::store::{self, Conversation, NewPost, Posted};
use crate::view::Frame;
use crate::{Web, chat, markup};

/// The most characters of a message.
const MAX_TEXT: usize = 8_000;

/// How long a page without script waits for the answer before it is shown.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// The shortcuts on people's messages: their command lines.
pub(crate) const SHORTCUTS: [&str; 3] = ["tip from", "tip answered", "discussion log"];

/// What is shown after an action.
pub(crate) enum Shown {
    /// It was stored. `go` leads away from the page; else `back` is where it was done.
    Stored { go: Option<String>, back: String },
    /// A form to fill in.
    Dialog { html: String, title: String },
}

pub(crate) fn show(web: &Web, visitor: &Visitor, headers: &HeaderMap, shown: Shown) -> Result<Response, Refusal> {
    Ok(match (shown, wants_json(headers)) {
        (Shown::Stored { go, .. }, true) => Json(serde_json::json!({ "stored": true, "go": go })).into_response(),
        (Shown::Stored { go, back }, false) => Redirect::to(&go.unwrap_or(back)).into_response(),
        (Shown::Dialog { html, .. }, true) => Json(serde_json::json!({ "dialog": html })).into_response(),
        (Shown::Dialog { html, title }, false) => {
            let frame = Frame::new(web, visitor.words, visitor.theme, title);
            Html(DialogPage { frame, html }.render()?).into_response()
        }
    })
}

#[derive(Template)]
#[template(path = "dialog-page.html")]
struct DialogPage {
    frame: Frame,
    html: String,
}

/// The key of an event: the same for the same thing sent twice from one form.
pub(crate) fn event_key(visitor: &Visitor, token: Option<&str>, what: &[&str], web: &Web) -> String {
    let token =
        token.filter(|t| (8..=64).contains(&t.len()) && t.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
    let token = token.map_or_else(|| web.flow.clock().secret(), str::to_owned);
    let mut digest = Sha256::new();
    for part in what {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    let digest: String = stoa_ground::hex(digest.finalize().iter().take(6));
    format!("web/{}/{token}-{digest}", visitor.account.user)
}

pub(crate) async fn accept(
    web: &Web,
    visitor: &Visitor,
    key: String,
    place: Place,
    event: Event,
) -> Result<Opened, Refusal> {
    let at = web.flow.clock().now();
    Ok(web.flow.accept(Envelope { key, at, account: visitor.account.clone(), place, event }).await?)
}

pub(crate) fn address(channel: &str, thread: Option<&str>) -> String {
    thread.map_or_else(|| format!("/chat/{channel}"), |root| format!("/chat/{channel}/thread/{root}"))
}

/// Without script, the next page should have the answer on it already.
async fn wait_for_answer(
    web: &Web,
    visitor: &Visitor,
    headers: &HeaderMap,
    channel: &str,
    before: i64,
) -> Result<(), Refusal> {
    if wants_json(headers) {
        return Ok(());
    }
    let mut watch = web.flow.db().watch();
    let answered = async {
        loop {
            watch.mark_unchanged();
            let (channel, user) = (channel.to_owned(), visitor.person.id.clone());
            let newest = web.flow.db().read(|c| async move { store::newest_answer(&c, &channel, &user).await }).await?;
            if newest > before || watch.changed().await.is_err() {
                return Ok::<(), stoa_ground::Error>(());
            }
        }
    };
    match tokio::time::timeout(PATIENCE, answered).await {
        Ok(done) => Ok(done?),
        // It comes later; the page can be opened again.
        Err(_) => Ok(()),
    }
}

async fn newest_answer(web: &Web, visitor: &Visitor, channel: &str) -> Result<i64, Refusal> {
    let (channel, user) = (channel.to_owned(), visitor.person.id.clone());
    Ok(web.flow.db().read(|c| async move { store::newest_answer(&c, &channel, &user).await }).await?)
}

/// A thread named in a request: it must hang on a message that the visitor sees.
async fn thread_of(
    web: &Web,
    visitor: &Visitor,
    at: &Conversation,
    root: Option<String>,
) -> Result<Option<String>, Refusal> {
    let Some(root) = root.filter(|r| !r.is_empty()) else { return Ok(None) };
    let post = seen(web, visitor, &at.id, &root).await?;
    if post.thread.is_some() || at.direct {
        return Err(Refusal::not_found(visitor.words));
    }
    Ok(Some(root))
}

/// A message that the visitor sees.
pub(crate) async fn seen(web: &Web, visitor: &Visitor, channel: &str, id: &str) -> Result<Posted, Refusal> {
    let (channel, id, user) = (channel.to_owned(), id.to_owned(), visitor.person.id.clone());
    let found = web.flow.db().read(|c| async move { store::message(&c, &channel, &id, &user).await }).await?;
    found.filter(|p| !p.deleted).ok_or_else(|| Refusal::not_found(visitor.words))
}

/// Without what no text has: control characters other than tabs and line breaks.
pub(crate) fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect::<String>().trim().to_owned()
}

pub(crate) fn too_long(visitor: &Visitor, text: &str) -> Option<String> {
    (text.chars().count() > MAX_TEXT).then(|| say!(visitor.words, "chat-too-long", limit = MAX_TEXT))
}

#[derive(Deserialize)]
pub(crate) struct NewMessage {
    text: String,
    thread: Option<String>,
    token: Option<String>,
}

/// Somebody writes: plain words, a mention, or a command that starts with a slash.
pub(crate) async fn message(
    State(web): State<Arc<Web>>,
    Path(channel): Path<String>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(new): Form<NewMessage>,
) -> Result<Response, Refusal> {
    let at = pages::conversation(&web, &visitor, &channel).await?;
    let thread = thread_of(&web, &visitor, &at, new.thread).await?;
    let back = address(&channel, thread.as_deref());
    let text = clean(&new.text);
    if text.is_empty() {
        return show(&web, &visitor, &headers, Shown::Stored { go: None, back });
    }
    if let Some(error) = too_long(&visitor, &text) {
        if wants_json(&headers) {
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error));
        }
        let draft = Draft { text, error };
        let page = pages::render(&web, &visitor, &channel, thread.as_deref(), None, Some(draft)).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let before = newest_answer(&web, &visitor, &channel).await?;
    let key =
        event_key(&visitor, new.token.as_deref(), &[&channel, thread.as_deref().unwrap_or_default(), &text], &web);
    let slash = text.strip_prefix('/').map(str::trim_start);
    let (to_bot, words) = match markup::without_mention(&text) {
        Some(words) => (true, words),
        None => (at.direct, text.clone()),
    };
    let post = NewPost {
        channel: &channel,
        thread: thread.as_deref(),
        author: Some(&visitor.person.id),
        // In a channel a command is between the person and the bot.
        only_for: (slash.is_some() && !at.direct).then_some(visitor.person.id.as_str()),
        key: Some(&key),
        text: Some(&text),
        ..NewPost::default()
    };
    let post = &post;
    let (id, _) = web.flow.db().write(|tx| async move { store::post(&tx, post).await }).await?;
    let event = match slash {
        Some(line) => {
            let (word, args) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            Event::Command { word: word.to_owned(), args: args.trim().to_owned() }
        }
        None => Event::Message { id: id.clone(), text: words, to_bot },
    };
    let place = chat::place(&channel, thread.as_deref(), at.direct);
    let opened = accept(&web, &visitor, key, place, event).await?;
    if matches!(opened, Opened::Form(_)) {
        // A command line that opened a form has done its work.
        let (channel, id) = (&channel, &id);
        web.flow.db().write(|tx| async move { store::delete(&tx, channel, id).await }).await?;
    } else if to_bot || slash.is_some() {
        wait_for_answer(&web, &visitor, &headers, &channel, before).await?;
    }
    // The answer to a mention comes in a thread of its own.
    let go = (to_bot && !at.direct && slash.is_none() && thread.is_none()).then(|| address(&channel, Some(&id)));
    let shown = opened_as(&web, &visitor, &channel, thread.as_deref(), opened, go)?;
    show(&web, &visitor, &headers, shown)
}

fn opened_as(
    web: &Web,
    visitor: &Visitor,
    channel: &str,
    thread: Option<&str>,
    opened: Opened,
    go: Option<String>,
) -> Result<Shown, Refusal> {
    match opened {
        Opened::Form(form) => {
            let at = At { words: visitor.words, channel, thread, token: web.flow.clock().secret() };
            let html = FormView::new(&form, at, None, &[])?.render()?;
            Ok(Shown::Dialog { html, title: form.title })
        }
        Opened::Errors(_) | Opened::Stored | Opened::Repeated => {
            Ok(Shown::Stored { go, back: address(channel, thread) })
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Pressed {
    command: String,
    message: String,
    token: Option<String>,
}

/// A button under one of the bot's messages.
pub(crate) async fn button(
    State(web): State<Arc<Web>>,
    Path(channel): Path<String>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(pressed): Form<Pressed>,
) -> Result<Response, Refusal> {
    let at = pages::conversation(&web, &visitor, &channel).await?;
    let post = seen(&web, &visitor, &channel, &pressed.message).await?;
    let before = newest_answer(&web, &visitor, &channel).await?;
    let key = event_key(&visitor, pressed.token.as_deref(), &[&post.id, &pressed.command], &web);
    let place = chat::place(&channel, post.thread.as_deref(), at.direct);
    let event = Event::Action { command: pressed.command, message: Some(post.id) };
    let opened = accept(&web, &visitor, key, place, event).await?;
    if matches!(opened, Opened::Stored | Opened::Repeated) {
        wait_for_answer(&web, &visitor, &headers, &channel, before).await?;
    }
    let shown = opened_as(&web, &visitor, &channel, post.thread.as_deref(), opened, None)?;
    show(&web, &visitor, &headers, shown)
}

/// A shortcut in the menu of somebody's message.
pub(crate) async fn shortcut(
    State(web): State<Arc<Web>>,
    Path(channel): Path<String>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(used): Form<Pressed>,
) -> Result<Response, Refusal> {
    let at = pages::conversation(&web, &visitor, &channel).await?;
    let post = seen(&web, &visitor, &channel, &used.message).await?;
    let author = post.author.clone().filter(|_| SHORTCUTS.contains(&used.command.as_str()) && post.only_for.is_none());
    let Some(author) = author else { return Err(Refusal::not_found(visitor.words)) };
    let before = newest_answer(&web, &visitor, &channel).await?;
    let (root, viewer) = (post.thread.clone().unwrap_or_else(|| post.id.clone()), visitor.person.id.clone());
    let (name, is_thread) = web
        .flow
        .db()
        .read(|c| {
            let (author, root, channel) = (author.clone(), root.clone(), channel.clone());
            async move {
                let name = people::by_id(&c, &author).await?.map_or_else(String::new, |p| p.name);
                Ok((name, store::thread(&c, &channel, &root, Some(&viewer)).await?.len() > 1))
            }
        })
        .await?;
    // As on other platforms, a message that has answers stands in its own thread.
    let thread = is_thread.then_some(root);
    let key = event_key(&visitor, used.token.as_deref(), &[&post.id, &used.command], &web);
    let place = chat::place(&channel, thread.as_deref(), at.direct);
    let message =
        ThreadMessage { id: post.id, author: Some(chat::account(&author)), name, text: post.text, at: post.created };
    let opened = accept(&web, &visitor, key, place, Event::Shortcut { command: used.command, message }).await?;
    if matches!(opened, Opened::Stored | Opened::Repeated) {
        wait_for_answer(&web, &visitor, &headers, &channel, before).await?;
    }
    let shown = opened_as(&web, &visitor, &channel, thread.as_deref(), opened, None)?;
    show(&web, &visitor, &headers, shown)
}

/// A form that was filled in.
pub(crate) async fn form(
    State(web): State<Arc<Web>>,
    Path(channel): Path<String>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Refusal> {
    let at = pages::conversation(&web, &visitor, &channel).await?;
    let get = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let thread = thread_of(&web, &visitor, &at, get("thread")).await?;
    let form: Option<stoa_flow::chat::Form> = get("form").and_then(|f| serde_json::from_str(&f).ok());
    let Some(form) = form else {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, visitor.words.say("web-not-understood")));
    };
    let before = newest_answer(&web, &visitor, &channel).await?;
    let values = forms::values(&form, &pairs);
    let mut errors = forms::check(visitor.words, &form, &values);
    if errors.is_empty() {
        let filled = serde_json::to_string(&values).map_err(stoa_ground::Error::from)?;
        let key = event_key(&visitor, get("token").as_deref(), &[&form.command, &filled], &web);
        let place = chat::place(&channel, thread.as_deref(), at.direct);
        let event = Event::Submit { command: form.command.clone(), values: values.clone() };
        match accept(&web, &visitor, key, place, event).await? {
            Opened::Errors(found) => errors = found,
            opened => {
                wait_for_answer(&web, &visitor, &headers, &channel, before).await?;
                let shown = opened_as(&web, &visitor, &channel, thread.as_deref(), opened, None)?;
                return show(&web, &visitor, &headers, shown);
            }
        }
    }
    let token = get("token").unwrap_or_else(|| web.flow.clock().secret());
    let at = At { words: visitor.words, channel: &channel, thread: thread.as_deref(), token };
    let html = FormView::new(&form, at, Some(&values), &errors)?.render()?;
    show(&web, &visitor, &headers, Shown::Dialog { html, title: form.title })
}
