//! The pages of conversations, and what changed on them since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use stoa_flow::say;
use stoa_ground::people;

use crate::Web;
use crate::clock::ClockView;
use crate::refusal::Refusal;
use crate::session::Visitor;
use crate::store::{self, Conversation, Posted};
use crate::view::{self, Face, Frame, MessageView, Viewing};

/// How many messages a page shows.
const PAGE: usize = 60;

/// What was written and could not be sent.
pub(crate) struct Draft {
    pub text: String,
    pub error: String,
}

/// A conversation in the sidebar.
struct Entry {
    id: String,
    name: String,
    direct: bool,
    current: bool,
    unread: usize,
    unread_label: String,
}

struct ThreadView {
    root: String,
    messages: Vec<MessageView>,
}

#[derive(Template)]
#[template(path = "chat.html")]
struct ChatPage {
    frame: Frame,
    demo: bool,
    me: Face,
    path: String,
    entries: Vec<Entry>,
    unread_elsewhere: usize,
    channel: String,
    name: String,
    direct: bool,
    placeholder: String,
    members: Vec<Face>,
    member_count: String,
    messages: Vec<MessageView>,
    earlier: Option<i64>,
    is_old: bool,
    thread: Option<ThreadView>,
    revision: i64,
    token: String,
    draft: Option<Draft>,
    clock: Option<ClockView>,
    welcome: String,
}

/// `/` and `/chat`: the conversation with Stoa.
pub(crate) async fn home(State(web): State<Arc<Web>>, visitor: Visitor) -> Result<Response, Refusal> {
    let user = &visitor.person.id;
    let channel = web.flow.db().write(|tx| async move { store::direct_channel(&tx, user).await }).await?;
    Ok(Redirect::to(&format!("/chat/{channel}")).into_response())
}

/// The conversation with this id, if the visitor is in it.
pub(crate) async fn conversation(web: &Web, visitor: &Visitor, channel: &str) -> Result<Conversation, Refusal> {
    let user = visitor.person.id.clone();
    let mine = web.flow.db().read(|c| async move { store::conversations(&c, &user).await }).await?;
    mine.into_iter().find(|c| c.id == channel).ok_or_else(|| Refusal::not_found(visitor.words))
}

#[derive(Deserialize)]
pub(crate) struct Before {
    before: Option<i64>,
}

/// One conversation.
pub(crate) async fn channel(
    State(web): State<Arc<Web>>,
    Path(channel): Path<String>,
    Query(query): Query<Before>,
    visitor: Visitor,
) -> Result<Html<String>, Refusal> {
    render(&web, &visitor, &channel, None, query.before, None).await
}

/// One conversation with a thread beside it; on a phone, the thread.
pub(crate) async fn thread(
    State(web): State<Arc<Web>>,
    Path((channel, root)): Path<(String, String)>,
    visitor: Visitor,
) -> Result<Html<String>, Refusal> {
    render(&web, &visitor, &channel, Some(&root), None, None).await
}

struct Seen {
    posts: Vec<Posted>,
    thread: Vec<Posted>,
    faces: BTreeMap<String, Face>,
    replies: BTreeMap<String, store::Replies>,
    members: Vec<Face>,
    revision: i64,
    newest: i64,
}

pub(crate) async fn render(
    web: &Web,
    visitor: &Visitor,
    channel: &str,
    root: Option<&str>,
    before: Option<i64>,
    draft: Option<Draft>,
) -> Result<Html<String>, Refusal> {
    let words = visitor.words;
    let user = visitor.person.id.as_str();
    let mine = web.flow.db().read(|c| async move { store::conversations(&c, user).await }).await?;
    let Some(at) = mine.iter().find(|c| c.id == channel).cloned() else { return Err(Refusal::not_found(words)) };
    let seen = look(web, user, channel, root, before).await?;
    if root.is_some() && (at.direct || seen.thread.first().is_none_or(|p| Some(p.id.as_str()) != root)) {
        return Err(Refusal::not_found(words));
    }
    if before.is_none() && seen.newest > at.read_to {
        let newest = seen.newest;
        web.flow.db().write(|tx| async move { store::mark_read(&tx, channel, user, newest).await }).await?;
    }
    let token = web.flow.clock().secret();
    let viewing = Viewing {
        visitor,
        conversation: &at,
        faces: &seen.faces,
        replies: &seen.replies,
        now: web.flow.clock().now(),
        token: &token,
        in_thread: false,
    };
    let messages = viewing.list(&seen.posts);
    let thread = root.map(|root| ThreadView {
        root: root.to_owned(),
        messages: Viewing { in_thread: true, ..viewing }.list(&seen.thread),
    });
    let entries = entries(visitor, &mine, channel);
    let name = if at.direct { "Stoa".to_owned() } else { at.name.clone() };
    let first = visitor.person.name.split_whitespace().next().unwrap_or_default().to_owned();
    let page = ChatPage {
        demo: web.options.demo,
        me: Face::of(&visitor.person),
        path: root.map_or_else(|| format!("/chat/{channel}"), |r| format!("/chat/{channel}/thread/{r}")),
        unread_elsewhere: entries.iter().map(|e| e.unread).sum(),
        entries,
        channel: channel.to_owned(),
        placeholder: if at.direct {
            words.say("web-write-to-stoa")
        } else {
            say!(words, "web-write-to", channel = at.name.clone())
        },
        direct: at.direct,
        member_count: say!(words, "web-members", count = seen.members.len()),
        members: seen.members,
        earlier: (seen.posts.len() == PAGE).then(|| seen.posts[0].position),
        is_old: before.is_some(),
        messages,
        thread,
        revision: seen.revision,
        draft,
        clock: ClockView::of(web, visitor).await?,
        welcome: say!(words, "web-empty-direct", name = first),
        frame: Frame::new(web, words, visitor.theme, if at.direct { name.clone() } else { format!("#{name}") }),
        name,
        token,
    };
    Ok(Html(page.render()?))
}

async fn look(web: &Web, user: &str, channel: &str, root: Option<&str>, before: Option<i64>) -> Result<Seen, Refusal> {
    let seen = web.flow.db().read(|c| async move {
        let posts = store::page(&c, channel, user, before, PAGE).await?;
        let thread = match root {
            Some(root) => store::thread(&c, channel, root, Some(user)).await?,
            None => Vec::new(),
        };
        let mut faces = view::faces(&c, &posts).await?;
        faces.extend(view::faces(&c, &thread).await?);
        let mut members = Vec::new();
        for member in store::members(&c, channel).await? {
            members.extend(
                people::by_id(&c, &member).await?.filter(|p| p.status != people::Status::Left).map(|p| Face::of(&p)),
            );
        }
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Seen {
            replies: store::replies(&c, channel, user).await?,
            revision: store::revision(&c, channel).await?,
            newest: store::newest(&c, channel, user).await?,
            posts,
            thread,
            faces,
            members,
        })
    });
    Ok(seen.await?)
}

fn entries(visitor: &Visitor, mine: &[Conversation], current: &str) -> Vec<Entry> {
    mine.iter()
        .map(|c| {
            let current = c.id == current;
            let unread = if current { 0 } else { c.unread };
            Entry {
                id: c.id.clone(),
                name: if c.direct { "Stoa".into() } else { c.name.clone() },
                direct: c.direct,
                current,
                unread,
                unread_label: say!(visitor.words, "web-unread", count = unread),
            }
        })
        .collect()
}

#[derive(Deserialize)]
pub(crate) struct Since {
    since: i64,
    thread: Option<String>,
    /// The page is in front of the person.
    seen: Option<bool>,
}

/// What changed in a conversation after a revision, for the page's script.
pub(crate) async fn updates(
    State(web): State<Arc<Web>>,
    Path(channel): Path<String>,
    Query(query): Query<Since>,
    visitor: Visitor,
) -> Result<Response, Refusal> {
    let at = conversation(&web, &visitor, &channel).await?;
    let (user, id, root) = (visitor.person.id.as_str(), channel.as_str(), query.thread.as_deref());
    let (changed, list, faces, replies, newest) = web
        .flow
        .db()
        .read(|c| async move {
            let changed = store::changed(&c, id, user, query.since).await?;
            let mut list: Vec<Posted> = changed.iter().filter(|p| p.thread.is_none()).cloned().collect();
            let roots: BTreeSet<&String> = changed.iter().filter_map(|p| p.thread.as_ref()).collect();
            for root in roots {
                if !list.iter().any(|p| p.id == *root) {
                    list.extend(store::message(&c, id, root, user).await?);
                }
            }
            list.sort_by_key(|p| p.position);
            let mut faces = view::faces(&c, &changed).await?;
            faces.extend(view::faces(&c, &list).await?);
            let replies = store::replies(&c, id, user).await?;
            Ok((changed, list, faces, replies, store::newest(&c, id, user).await?))
        })
        .await?;
    if query.seen == Some(true) && newest > at.read_to {
        web.flow.db().write(|tx| async move { store::mark_read(&tx, id, user, newest).await }).await?;
    }
    let token = web.flow.clock().secret();
    let viewing = Viewing {
        visitor: &visitor,
        conversation: &at,
        faces: &faces,
        replies: &replies,
        now: web.flow.clock().now(),
        token: &token,
        in_thread: false,
    };
    let fragments = |posts: Vec<&Posted>, viewing: &Viewing<'_>| -> Result<Vec<serde_json::Value>, Refusal> {
        posts
            .into_iter()
            .map(|post| {
                let gone = post.deleted && (viewing.in_thread || !replies.contains_key(&post.id));
                let html = if gone { String::new() } else { viewing.one(post).render()? };
                Ok(serde_json::json!({ "id": post.id, "position": post.position, "gone": gone, "html": html }))
            })
            .collect()
    };
    let in_list = fragments(list.iter().collect(), &viewing)?;
    let of_thread =
        changed.iter().filter(|p| root.is_some() && (p.thread.as_deref() == root || Some(p.id.as_str()) == root));
    let mut of_thread: Vec<&Posted> = of_thread.collect();
    of_thread.sort_by_key(|p| p.position);
    let in_thread = fragments(of_thread, &Viewing { in_thread: true, ..viewing })?;
    let mine = web.flow.db().read(|c| async move { store::conversations(&c, user).await }).await?;
    let seen = query.seen == Some(true);
    let unread: Vec<serde_json::Value> = mine
        .iter()
        .map(|c| {
            let count = if seen && c.id == channel { 0 } else { c.unread };
            serde_json::json!({ "id": c.id, "count": count, "label": say!(visitor.words, "web-unread", count = count) })
        })
        .collect();
    let revision = changed.iter().map(|p| p.revision).max().unwrap_or(query.since);
    let body = serde_json::json!({ "revision": revision, "list": in_list, "thread": in_thread, "unread": unread });
    Ok((StatusCode::OK, Json(body)).into_response())
}
