//! The Web API: tokens, arguments, error codes, limits and pages as Slack has them.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use stoa_ground::clock::monotonic;

use super::check;
use super::state::{BOT, Call, Channel, Kept, Message, TEAM, Trouble, View};
use super::{Hall, lock};

pub(super) type Done = Result<Value, Refusal>;

/// Slack's error code, with what it says beside it.
pub(super) struct Refusal(pub &'static str, pub String);

pub(super) fn no<T>(code: &'static str) -> Result<T, Refusal> {
    Err(Refusal(code, String::new()))
}

pub(super) fn because<T>(code: &'static str, why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(code, why.into()))
}

/// Methods that take JSON; the others take forms only.
const JSON: [&str; 20] = [
    "assistant.threads.setStatus",
    "assistant.threads.setSuggestedPrompts",
    "assistant.threads.setTitle",
    "chat.startStream",
    "chat.appendStream",
    "chat.stopStream",
    "auth.test",
    "chat.postMessage",
    "chat.postEphemeral",
    "chat.update",
    "chat.delete",
    "conversations.open",
    "views.open",
    "views.update",
    "views.push",
    "views.publish",
    "reactions.add",
    "reactions.remove",
    "apps.connections.open",
    "conversations.join",
];

/// One call.
pub(super) async fn call(
    State(hall): State<Hall>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let at = monotonic();
    let args = arguments(&method, &headers, &body);
    let token = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
    let token = token.map(str::to_owned).or_else(|| args.as_ref().ok()?["token"].as_str().map(str::to_owned));
    let (answer, trouble, scopes) = {
        let mut kept = lock(&hall.kept);
        let scopes = (!kept.hides_scopes).then(|| kept.scopes(token.as_deref().unwrap_or_default()).to_owned());
        let trouble =
            kept.script.trouble(&method).or_else(|| kept.limited(&method, args.as_ref().unwrap_or(&Value::Null)));
        let done = match trouble {
            Some(Trouble::Limited(_) | Trouble::Failing | Trouble::Missing) => no("not done"),
            Some(Trouble::Refused(code)) => no(code),
            _ => args.as_ref().map_err(|why| Refusal("invalid_arguments", why.clone())).and_then(|args| {
                kept.authorised(&method, token.as_deref())?;
                kept.carry_out(&method, args, token.as_deref().unwrap_or_default(), &hall.url)
            }),
        };
        let said = match (&trouble, &done) {
            (Some(trouble), _) => format!("{trouble:?}"),
            (None, Ok(_)) => "ok".to_owned(),
            (None, Err(Refusal(code, why))) => {
                if !why.is_empty() {
                    kept.refused.push(format!("{method}: {code}: {why}"));
                }
                (*code).to_owned()
            }
        };
        let team = kept.team_of(token.as_deref()).unwrap_or_default();
        kept.calls.push(Call {
            method: method.clone(),
            args: args.unwrap_or_default(),
            answer: said,
            team,
            token: token.unwrap_or_default(),
            at,
        });
        (done, trouble, scopes)
    };
    hall.changed();
    match trouble {
        Some(Trouble::Limited(seconds)) => {
            let head = [(header::RETRY_AFTER, seconds.to_string())];
            let body = json!({ "ok": false, "error": "ratelimited" });
            return (StatusCode::TOO_MANY_REQUESTS, head, axum::Json(body)).into_response();
        }
        Some(Trouble::Failing | Trouble::FailingAfter) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Trouble::Missing) => {
            let body = json!({ "message": "Not Found" });
            return (StatusCode::NOT_FOUND, axum::Json(body)).into_response();
        }
        // Until the caller goes.
        Some(Trouble::Hanging) => std::future::pending().await,
        Some(Trouble::Refused(_)) | None => {}
    }
    let scopes = scopes.map(|scopes| [("x-oauth-scopes", scopes), ("x-accepted-oauth-scopes", String::new())]);
    let body = match answer {
        Ok(mut value) => {
            value["ok"] = json!(true);
            value
        }
        Err(Refusal(code, why)) if why.is_empty() => json!({ "ok": false, "error": code }),
        Err(Refusal(code, why)) => {
            json!({ "ok": false, "error": code, "response_metadata": { "messages": [format!("[ERROR] {why}")] } })
        }
    };
    match scopes {
        Some(scopes) => (scopes, axum::Json(body)).into_response(),
        None => axum::Json(body).into_response(),
    }
}

/// The arguments of a call: JSON, or a form whose values are text or JSON.
fn arguments(method: &str, headers: &HeaderMap, body: &[u8]) -> Result<Value, String> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/json") {
        if !JSON.contains(&method) {
            return Err(format!("{method} takes no JSON"));
        }
        return match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Value::Object(fields)),
            _ => Err("the body is no JSON object".into()),
        };
    }
    if !kind.is_empty() && !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(format!("the content type {kind}"));
    }
    let mut fields = Map::new();
    for (key, value) in form_urlencoded::parse(body) {
        let structured = matches!(&*key, "blocks" | "view" | "metadata" | "attachments");
        let value = match (structured, &*value) {
            (true, text) => serde_json::from_str(text).map_err(|e| format!("{key}: {e}"))?,
            (false, "true") => json!(true),
            (false, "false") => json!(false),
            (false, text) => json!(text),
        };
        fields.insert(key.into_owned(), value);
    }
    Ok(Value::Object(fields))
}

pub(super) fn said<'a>(args: &'a Value, key: &str) -> &'a str {
    args[key].as_str().unwrap_or_default()
}

fn number(args: &Value, key: &str, usual: usize) -> usize {
    args[key].as_str().and_then(|n| n.parse().ok()).or_else(|| args[key].as_u64()?.try_into().ok()).unwrap_or(usual)
}

/// The answer to a form posted at a response address.
pub(super) async fn respond(State(hall): State<Hall>, Path(id): Path<String>, body: Bytes) -> Response {
    let answer = {
        let mut kept = lock(&hall.kept);
        match kept.script.trouble("response_url") {
            Some(_) => no("used_url"),
            None => kept.respond(&id, &serde_json::from_slice(&body).unwrap_or_default()),
        }
    };
    hall.changed();
    match answer {
        Ok(()) => "ok".into_response(),
        Err(Refusal(code, _)) => (StatusCode::NOT_FOUND, code).into_response(),
    }
}

impl Kept {
    fn carry_out(&mut self, method: &str, args: &Value, token: &str, url: &str) -> Done {
        match method {
            "auth.test" => Ok(self.who(token, url)),
            "auth.teams.list" => self.workspaces(args, token),
            "oauth.v2.access" => self.grant(args),
            "apps.connections.open" => {
                let ticket = format!("ticket-{}", self.next());
                self.tickets.insert(ticket.clone());
                Ok(json!({ "url": format!("{}/link?ticket={ticket}", url.replace("http://", "ws://")) }))
            }
            "chat.postMessage" => self.post(args, None),
            "chat.postEphemeral" => {
                let user = said(args, "user").to_owned();
                self.post(args, Some(user))
            }
            "chat.update" => self.update(args),
            "chat.startStream" | "chat.appendStream" | "chat.stopStream" => self.stream(method, args),
            "assistant.threads.setStatus" | "assistant.threads.setTitle" | "assistant.threads.setSuggestedPrompts" => {
                self.pane(method, args)
            }
            "chat.delete" => {
                let at = self.own(args, "cant_delete_message")?;
                let gone = self.messages.remove(at);
                Ok(json!({ "channel": gone.channel, "ts": gone.ts }))
            }
            "conversations.open" => {
                let users: Vec<&str> = said(args, "users").split(',').filter(|u| !u.is_empty()).collect();
                match users[..] {
                    [] => no("users_list_not_supplied"),
                    [user] if self.is_reachable(user)? => Ok(json!({ "channel": { "id": self.direct(user) } })),
                    _ => no("method_not_supported_for_channel_type"),
                }
            }
            "conversations.history" | "conversations.replies" => self.read(method, args),
            "conversations.info" => {
                let (id, channel) = self.conversation(args)?;
                Ok(json!({ "channel": { "id": id, "name": id.to_lowercase(), "is_im": channel.direct.is_some(),
                    "is_channel": channel.direct.is_none(), "is_archived": channel.archived, "is_private": channel.private || channel.direct.is_some(),
                    "is_ext_shared": channel.shared, "is_member": channel.members.contains(BOT) } }))
            }
            "chat.getPermalink" => {
                let (id, ts) = (said(args, "channel"), said(args, "message_ts"));
                if self.position(id, ts).is_none() {
                    return no("message_not_found");
                }
                let link = format!("https://acme.slack.example/archives/{id}/p{}", ts.replace('.', ""));
                Ok(json!({ "channel": id, "permalink": link }))
            }
            "conversations.members" => {
                let (_, channel) = self.conversation(args)?;
                let members: Vec<&String> = channel.members.iter().collect();
                let (page, next) = page(&members, args)?;
                Ok(json!({ "members": page, "response_metadata": { "next_cursor": next } }))
            }
            "users.info" => self.member(args),
            "users.list" => self.members(args),
            "dnd.teamInfo" => self.silences(args),
            "views.open" => {
                self.viewable(&args["view"])?;
                let user = self.pull(said(args, "trigger_id")).or_else(no)?;
                let id = format!("V{}", self.next());
                let view = args["view"].clone();
                self.views.push(View { id: id.clone(), user, view, open: true, errors: Value::Null, hash: 1 });
                Ok(json!({ "view": { "id": id, "team_id": TEAM, "hash": "1" } }))
            }
            "views.update" => {
                self.viewable(&args["view"])?;
                let Some(view) = self.views.iter_mut().find(|v| v.id == said(args, "view_id") && v.open) else {
                    return no("not_found");
                };
                if !said(args, "hash").is_empty() && said(args, "hash") != view.hash.to_string() {
                    return no("hash_conflict");
                }
                (view.view, view.hash) = (args["view"].clone(), view.hash + 1);
                Ok(json!({ "view": { "id": view.id, "hash": view.hash.to_string() } }))
            }
            "views.publish" => {
                self.viewable(&args["view"])?;
                if !self.users.contains_key(said(args, "user_id")) {
                    return no("user_not_found");
                }
                self.homes.insert(said(args, "user_id").to_owned(), args["view"].clone());
                Ok(json!({ "view": { "id": format!("V{}", self.next()) } }))
            }
            "reactions.add" => {
                let (channel, ts) = (said(args, "channel"), said(args, "timestamp"));
                if self.position(channel, ts).is_none() {
                    return no("message_not_found");
                }
                let one = json!({ "channel": channel, "ts": ts, "name": said(args, "name") });
                if self.reactions.contains(&one) {
                    return no("already_reacted");
                }
                self.reactions.push(one);
                Ok(json!({}))
            }
            _ => no("unknown_method"),
        }
    }

    /// The conversation of a call. A person's id stands for the direct conversation.
    pub(super) fn conversation(&self, args: &Value) -> Result<(String, &Channel), Refusal> {
        let id = said(args, "channel");
        match self.channels.get(id) {
            Some(channel) => Ok((id.to_owned(), channel)),
            None => no("channel_not_found"),
        }
    }

    /// Checks what is to be shown.
    fn content(&mut self, args: &Value, most: usize, more: &[&str]) -> Result<(), Refusal> {
        let common =
            ["token", "channel", "text", "blocks", "attachments", "metadata", "parse", "link_names", "as_user"];
        let fields = args.as_object().cloned().unwrap_or_default();
        check::only(&fields, &[&common[..], more].concat(), "this method")
            .or_else(|why| because("invalid_arguments", why))?;
        if said(args, "text").is_empty() && args["blocks"].as_array().is_none_or(Vec::is_empty) {
            return no("no_text");
        }
        if said(args, "text").chars().count() > most {
            return because("msg_too_long", format!("a text of {}", said(args, "text").chars().count()));
        }
        if !args["blocks"].is_null() {
            check::message_blocks(&args["blocks"]).or_else(|why| because("invalid_blocks", why))?;
            check::short_enough(&args["blocks"]).or_else(|why| because("msg_blocks_too_long", why))?;
            if said(args, "text").trim().is_empty() {
                self.refused.push("blocks without a fallback text".into());
            }
        }
        if !args["metadata"].is_null() {
            check::metadata(&args["metadata"]).or_else(|why| because("invalid_metadata_format", why))?;
        }
        let loose = said(args, "parse") == "full" || args["link_names"] == true;
        let shown = json!({ "text": args["text"], "blocks": args["blocks"] });
        check::mentions(&shown, loose, &mut self.mentions);
        Ok(())
    }

    fn viewable(&mut self, view: &Value) -> Result<(), Refusal> {
        check::view(view).or_else(|why| because("invalid_arguments", why))?;
        check::mentions(view, false, &mut self.mentions);
        Ok(())
    }

    fn post(&mut self, args: &Value, only: Option<String>) -> Done {
        let user = said(args, "channel");
        let args = &if user.starts_with(['U', 'W']) && self.is_reachable(user)? && only.is_none() {
            let mut args = args.clone();
            args["channel"] = json!(self.direct(user));
            args
        } else {
            args.clone()
        };
        let (id, channel) = self.conversation(args)?;
        if channel.archived {
            return no("is_archived");
        }
        if !channel.members.contains(BOT) {
            return no("not_in_channel");
        }
        if only.as_ref().is_some_and(|user| !channel.members.contains(user)) {
            return no("user_not_in_channel");
        }
        if let Some(user) = channel.direct.clone() {
            self.is_reachable(&user)?;
        }
        let whispers = ["thread_ts", "user", "username", "icon_emoji", "icon_url"];
        let posts = [
            "thread_ts",
            "reply_broadcast",
            "unfurl_links",
            "unfurl_media",
            "mrkdwn",
            "username",
            "icon_emoji",
            "icon_url",
        ];
        self.content(args, 40_000, if only.is_some() { &whispers } else { &posts })?;
        let thread = args["thread_ts"].as_str().map(str::to_owned);
        if let Some(thread) = &thread
            && self.position(&id, thread).is_none()
        {
            return no("thread_not_found");
        }
        let ts = self.ts();
        let whispered = only.is_some();
        let message = Message {
            channel: id.clone(),
            ts: ts.clone(),
            thread,
            user: BOT.into(),
            text: said(args, "text").into(),
            blocks: args["blocks"].clone(),
            metadata: args["metadata"].clone(),
            only,
            edits: 0,
            streaming: false,
        };
        if let Some(pane) = message.thread.as_ref().and_then(|t| self.panes.get_mut(&(id.clone(), t.clone()))) {
            pane["status"] = json!("");
        }
        let shown = message.json(true);
        self.messages.push(message);
        Ok(if whispered { json!({ "message_ts": ts }) } else { json!({ "channel": id, "ts": ts, "message": shown }) })
    }

    /// The bot's own message that a call is about.
    pub(super) fn own(&self, args: &Value, code: &'static str) -> Result<usize, Refusal> {
        let (id, _) = self.conversation(args)?;
        match self.position(&id, said(args, "ts")).filter(|at| self.messages[*at].only.is_none()) {
            None => no("message_not_found"),
            Some(at) if self.messages[at].user != BOT => no(code),
            Some(at) => Ok(at),
        }
    }

    fn update(&mut self, args: &Value) -> Done {
        let at = self.own(args, "cant_update_message")?;
        if self.conversation(args)?.1.archived {
            return no("is_archived");
        }
        if self.messages[at].streaming {
            return no("streaming_state_conflict");
        }
        self.content(args, 4_000, &["ts", "reply_broadcast"])?;
        let message = &mut self.messages[at];
        message.text = said(args, "text").into();
        message.blocks = args["blocks"].clone();
        if !args["metadata"].is_null() {
            message.metadata = args["metadata"].clone();
        }
        message.edits += 1;
        Ok(json!({ "channel": message.channel, "ts": message.ts, "text": message.text, "message": message.json(true) }))
    }

    /// A page of a conversation (newest first) or of a thread (oldest first).
    fn read(&self, method: &str, args: &Value) -> Done {
        let (id, channel) = self.conversation(args)?;
        if !channel.members.contains(BOT) {
            return no("not_in_channel");
        }
        let seen = |m: &&Message| m.channel == id && m.only.is_none();
        let mut all: Vec<&Message> = self.messages.iter().filter(seen).collect();
        if method == "conversations.replies" {
            let ts = said(args, "ts");
            all.retain(|m| m.ts == ts || m.thread.as_deref() == Some(ts));
            if all.is_empty() {
                return no("thread_not_found");
            }
        } else {
            all.retain(|m| m.thread.is_none());
            all.reverse();
        }
        let (oldest, latest) = (said(args, "oldest"), said(args, "latest"));
        let inclusive = args["inclusive"] == true || args["inclusive"] == "1";
        all.retain(|m| {
            (oldest.is_empty() || m.ts.as_str() > oldest || (inclusive && m.ts == oldest))
                && (latest.is_empty() || m.ts.as_str() < latest || (inclusive && m.ts == latest))
        });
        let metadata = args["include_all_metadata"] == true;
        let all: Vec<Value> = all.iter().map(|m| m.json(metadata)).collect();
        let (page, next) = page(&all, args)?;
        Ok(json!({ "messages": page, "has_more": !next.is_empty(), "response_metadata": { "next_cursor": next } }))
    }

    fn respond(&mut self, id: &str, body: &Value) -> Result<(), Refusal> {
        let Some((channel, user, uses, pressed)) = self.responses.get_mut(id) else { return no("expired_url") };
        *uses += 1;
        if *uses > 5 {
            return no("used_url");
        }
        let (channel, user, pressed) = (channel.clone(), user.clone(), pressed.clone());
        let shown = json!({ "text": body["text"], "blocks": body["blocks"] });
        self.content(&shown, 40_000, &[])?;
        let ts = self.ts();
        let only = (body["response_type"] != "in_channel").then_some(user);
        let (text, blocks) = (said(body, "text").to_owned(), body["blocks"].clone());
        let original = pressed.filter(|_| body["replace_original"] == true);
        if let Some(at) = original.and_then(|ts| self.position(&channel, &ts)) {
            let original = &mut self.messages[at];
            (original.text, original.blocks) = (text, blocks);
            original.edits += 1;
            return Ok(());
        }
        let (thread, metadata) = (None, Value::Null);
        self.messages.push(Message {
            channel,
            ts,
            thread,
            user: BOT.into(),
            text,
            blocks,
            metadata,
            only,
            edits: 0,
            streaming: false,
        });
        Ok(())
    }
}

/// One page by `cursor` and `limit`, and the cursor of the next.
pub(super) fn page<T: Clone>(all: &[T], args: &Value) -> Result<(Vec<T>, String), Refusal> {
    let limit = number(args, "limit", 100);
    if !(1..=1_000).contains(&limit) {
        return no("invalid_limit");
    }
    let from = match said(args, "cursor") {
        "" => 0,
        cursor => match cursor.strip_prefix("next:").and_then(|n| n.parse::<usize>().ok()) {
            Some(from) => from,
            None => return no("invalid_cursor"),
        },
    };
    let until = (from + limit).min(all.len());
    let next = if until < all.len() { format!("next:{until}") } else { String::new() };
    Ok((all.get(from..until).unwrap_or_default().to_vec(), next))
}
