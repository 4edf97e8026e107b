//! The REST interface, and what it refuses.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use stoa_ground::clock::monotonic;

use super::state::{APP, BOT, CONTENT, Call, Channel, Kept, Message, Modal, TOKEN, Trouble};
use super::{Hall, check, lock};

/// How long an interaction waits for its acknowledgement.
const ACKNOWLEDGE: Duration = Duration::from_secs(3);
/// For how long a nonce is known; Discord speaks of a few minutes.
const NONCES: stoa_ground::Instant = stoa_ground::Instant(120 * stoa_ground::Instant::SECOND);
/// Calls in a second.
const GLOBAL: usize = 50;

/// What becomes of a call.
enum Done {
    Ok(Value),
    Empty,
    No(u16, i64, &'static str),
    /// The body is wrong.
    Bad(String),
}

use Done::{Bad, Empty, No, Ok as Yes};

const GONE: Done = No(404, 10_003, "Unknown Channel");
const NO_MESSAGE: Done = No(404, 10_008, "Unknown Message");
const NO_ACCESS: Done = No(403, 50_001, "Missing Access");
const NO_WEBHOOK: Done = No(404, 10_015, "Unknown Webhook");

pub(super) async fn call(
    State(hall): State<Hall>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().trim_start_matches("/api/v10").to_owned();
    let query = uri.query().unwrap_or_default().to_owned();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (kind, major) = kind(&method, &parts);
    let token = headers.get("authorization").and_then(|v| v.to_str().ok()) == Some(&format!("Bot {TOKEN}"));
    let global = !(kind.contains("/webhooks/") || kind.contains("/interactions/"));
    let agent = headers.get("user-agent").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let named = agent.strip_prefix("DiscordBot (http").is_some_and(|rest| rest.contains(", ") && rest.ends_with(')'));
    let mut extra = HeaderMap::new();
    let trouble = lock(&hall.kept).script.trouble(&kind);
    if let Some(Trouble::Slow(millis)) = trouble {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
    if let Some(banned) = banned(&mut lock(&hall.kept), &kind, &path, trouble) {
        hall.changed();
        return banned;
    }
    let response = {
        let mut kept = lock(&hall.kept);
        let limited = limit(&mut kept, &kind, &major, global, trouble, &mut extra);
        let (status, answer) = if let Some(limited) = limited {
            kept.invalid += 1;
            limited
        } else if !named {
            kept.refused.push(format!("the user agent {agent}"));
            (403, json!({ "code": 40_333, "message": "internal network error" }))
        } else if global && !token {
            kept.invalid += 1;
            (401, json!({ "code": 0, "message": "401: Unauthorized" }))
        } else if trouble == Some(Trouble::Failing) {
            (500, json!({}))
        } else {
            let done = act(&mut kept, &hall, &method, &parts, &query, &body);
            let (status, answer) = match done {
                Yes(value) => (200, value),
                Empty => (204, Value::Null),
                No(status, code, message) => {
                    kept.invalid += usize::from(status == 403);
                    (status, json!({ "code": code, "message": message }))
                }
                Bad(why) => {
                    kept.refused.push(format!("{kind}: {why}: {body}"));
                    (400, json!({ "code": 50_035, "message": "Invalid Form Body", "errors": { "why": why } }))
                }
            };
            if trouble == Some(Trouble::FailingAfter) { (500, json!({})) } else { (status, answer) }
        };
        kept.calls.push(Call { kind, path: path.clone(), body, status });
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status == StatusCode::NO_CONTENT {
            (status, extra).into_response()
        } else {
            extra.insert("content-type", HeaderValue::from_static("application/json"));
            (status, extra, answer.to_string()).into_response()
        }
    };
    hall.changed();
    response
}

/// The refusal of an address that is banned, by what stands before Discord: it knows of no limits and speaks HTML.
fn banned(kept: &mut Kept, kind: &str, path: &str, trouble: Option<Trouble>) -> Option<Response> {
    let now = monotonic();
    if let Some(Trouble::Banned(millis)) = trouble {
        kept.banned = Some(now + Duration::from_millis(millis));
        kept.scripted += 1;
    }
    let left = kept.banned?.checked_duration_since(now)?;
    kept.invalid += 1;
    kept.calls.push(Call { kind: kind.into(), path: path.into(), body: Value::Null, status: 429 });
    let mut headers = HeaderMap::new();
    set(&mut headers, "retry-after", &left.as_secs_f64().ceil().to_string());
    set(&mut headers, "content-type", "text/html");
    Some((StatusCode::TOO_MANY_REQUESTS, headers, "<html><title>Error 1015</title></html>").into_response())
}

/// The kind of a call, with its ids replaced, and the id that has limits of its own.
fn kind(method: &Method, parts: &[&str]) -> (String, String) {
    let mut major = String::new();
    let named: Vec<&str> = parts
        .iter()
        .enumerate()
        .map(|(n, part)| {
            let id = part.len() >= 15 && part.bytes().all(|b| b.is_ascii_digit());
            if id || part.starts_with("token-") {
                if n == 1 || part.starts_with("token-") {
                    (*part).clone_into(&mut major);
                }
                ":id"
            } else {
                part
            }
        })
        .collect();
    (format!("{method} /{}", named.join("/")), major)
}

/// The limits: of everything, of a bucket, and what a script says.
fn limit(
    kept: &mut Kept,
    kind: &str,
    major: &str,
    global: bool,
    trouble: Option<Trouble>,
    extra: &mut HeaderMap,
) -> Option<(u16, Value)> {
    let now = monotonic();
    let no = |extra: &mut HeaderMap, everything: bool, after: f64| {
        set(extra, "retry-after", &format!("{}", after.ceil()));
        set(extra, "x-ratelimit-scope", if everything { "global" } else { "user" });
        if everything {
            set(extra, "x-ratelimit-global", "true");
        }
        Some((429, json!({ "message": "You are being rate limited.", "retry_after": after, "global": everything })))
    };
    kept.scripted += usize::from(matches!(trouble, Some(Trouble::Limited(_) | Trouble::LimitedGlobally(_))));
    match trouble {
        Some(Trouble::Limited(millis)) => return no(extra, false, millis as f64 / 1_000.0),
        Some(Trouble::LimitedGlobally(millis)) => {
            kept.blocked = Some(now + Duration::from_millis(millis));
            return no(extra, true, millis as f64 / 1_000.0);
        }
        _ => {}
    }
    if let Some(until) = kept.blocked.filter(|until| *until > now && global) {
        return no(extra, true, (until - now).as_secs_f64());
    }
    if global {
        while kept.sent.front().is_some_and(|at| now - *at > Duration::from_secs(1)) {
            kept.sent.pop_front();
        }
        if kept.sent.len() >= GLOBAL {
            return no(extra, true, 0.5);
        }
        kept.sent.push_back(now);
    }
    let (most, window) = window(kind)?;
    let bucket = kept.buckets.entry(format!("{kind}/{major}")).or_default();
    if bucket.window.is_none_or(|until| until <= now) {
        (bucket.window, bucket.used) = (Some(now + window), 0);
    }
    let left = bucket.window.map_or(window, |until: Instant| until - now).as_secs_f64();
    let refused = bucket.used >= most;
    bucket.used += u32::from(!refused);
    set(extra, "x-ratelimit-limit", &most.to_string());
    set(extra, "x-ratelimit-remaining", &most.saturating_sub(bucket.used).to_string());
    set(extra, "x-ratelimit-reset-after", &format!("{left:.3}"));
    set(
        extra,
        "x-ratelimit-bucket",
        &format!("{:x}", kind.len() * 7919 + kind.bytes().map(usize::from).sum::<usize>()),
    );
    if refused { no(extra, false, left) } else { None }
}

/// How many calls of a kind are allowed in which time.
fn window(kind: &str) -> Option<(u32, Duration)> {
    Some(match kind {
        "POST /channels/:id/messages" => (5, Duration::from_secs(1)),
        "PATCH /channels/:id/messages/:id" => (5, Duration::from_secs(1)),
        "GET /channels/:id/messages" => (10, Duration::from_secs(1)),
        "POST /users/@me/channels" => (10, Duration::from_secs(10)),
        kind if kind.contains("/webhooks/") => (5, Duration::from_secs(2)),
        _ => return None,
    })
}

fn set(extra: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        extra.insert(HeaderName::from_static(name), value);
    }
}

fn act(kept: &mut Kept, hall: &Hall, method: &Method, parts: &[&str], query: &str, body: &Value) -> Done {
    match (method.as_str(), parts) {
        ("GET", ["users", "@me"]) => Yes(kept.user(BOT)),
        ("GET", ["applications", "@me"]) => {
            let flags = if kept.privileged & CONTENT != 0 { 1_u64 << 19 } else { 0 }
                | if kept.privileged & 2 != 0 { 1 << 15 } else { 0 };
            Yes(json!({ "id": APP, "name": "Stoa", "verify_key": super::public_key(), "flags": flags,
                "interactions_endpoint_url": kept.endpoint, "bot_public": kept.public }))
        }
        ("GET", ["users", "@me", "guilds"]) => {
            let permissions = kept.permissions().to_string();
            let all =
                kept.guilds.iter().map(|(id, (name, _))| json!({ "id": id, "name": name, "permissions": permissions }));
            Yes(all.collect())
        }
        ("GET", ["gateway", "bot"]) => {
            let (left, reset) = kept.sessions_left();
            Yes(json!({ "url": format!("{}/gateway", hall.url.replacen("http", "ws", 1)), "shards": kept.shards.max(1),
            "session_start_limit": { "total": 1000, "remaining": left, "reset_after": reset, "max_concurrency": 1 } }))
        }
        ("PUT", ["applications", app, rest @ ..]) if *app == APP && rest.last() == Some(&"commands") => {
            match check::commands(body) {
                Ok(()) => {
                    let scope = if rest.len() == 3 { rest[1] } else { "*" };
                    let entry = kept.commands.entry(scope.to_owned()).or_default();
                    *entry = (entry.0 + 1, body.clone());
                    Yes(body.clone())
                }
                Err(e) => Bad(e.to_string()),
            }
        }
        ("POST", ["users", "@me", "channels"]) => {
            let user = body["recipient_id"].as_str().unwrap_or_default().to_owned();
            if !kept.users.contains_key(&user) {
                return No(404, 10_013, "Unknown User");
            }
            if !kept.willing.contains(&user) {
                kept.refused.push(format!("a direct conversation with {user}, who did nothing for it"));
            }
            let id = kept.direct(&user);
            Yes(kept.channel_json(&id))
        }
        ("GET", ["guilds", guild, "members", user]) => match kept.guilds.get(*guild) {
            Some((_, members)) if members.contains(*user) => {
                let mut member = kept.member(guild, user);
                member["user"] = kept.user(user);
                Yes(member)
            }
            Some(_) => No(404, 10_007, "Unknown Member"),
            None => No(404, 10_004, "Unknown Guild"),
        },
        ("GET", ["guilds", guild, "roles"]) => {
            let given = kept.roles.iter().filter(|((at, _), _)| at == guild).flat_map(|(_, roles)| roles.clone());
            // Everybody views channels, writes in them and reads what was said before.
            let everyone: u64 = (1 << 10) | (1 << 11) | (1 << 16);
            let everyone = json!({ "id": guild, "name": "@everyone", "permissions": everyone.to_string() });
            let given = given.map(|id| json!({ "id": id, "name": "a role", "permissions": "0" }));
            Yes(std::iter::once(everyone).chain(given).collect())
        }
        ("GET", ["channels", id]) => seen(kept, id).unwrap_or_else(|| Yes(kept.channel_json(id))),
        ("GET", ["channels", id, "messages"]) => seen(kept, id).unwrap_or_else(|| history(kept, id, query)),
        ("GET", ["channels", id, "messages", message]) => {
            let found = kept.position(message).map(|at| &kept.messages[at]);
            let found = found.filter(|m| m.channel == *id && m.only.is_none());
            found.map_or(NO_MESSAGE, |m| Yes(m.read(kept)))
        }
        ("POST", ["channels", id, "messages"]) => seen(kept, id).unwrap_or_else(|| post(kept, id, body)),
        ("PATCH", ["channels", id, "messages", message]) => {
            seen(kept, id).unwrap_or_else(|| edit(kept, message, |m| m.channel == *id && m.only.is_none(), body))
        }
        ("DELETE", ["channels", id, "messages", message]) => {
            let before = kept.messages.len();
            kept.messages.retain(|m| !(m.channel == *id && m.id == *message && m.user == BOT));
            if before == kept.messages.len() { NO_MESSAGE } else { Empty }
        }
        ("POST", ["channels", id, "messages", message, "threads"]) => {
            if let Some(done) = seen(kept, id) {
                return done;
            }
            if kept.channels.contains_key(*message) {
                return No(400, 160_004, "A thread has already been created for this message");
            }
            if kept.position(message).is_none_or(|at| kept.messages[at].channel != *id) {
                return NO_MESSAGE;
            }
            thread(kept, id, message, 11, body)
        }
        ("POST", ["channels", id, "threads"]) => {
            if let Some(done) = seen(kept, id) {
                return done;
            }
            if kept.permissions() & (1 << 36) == 0 {
                return No(403, 50_013, "Missing Permissions");
            }
            let new = kept.id();
            thread(kept, id, &new, body["type"].as_i64().unwrap_or(12), body)
        }
        ("PUT", ["channels", id, "thread-members", user]) => match kept.channels.get_mut(*id) {
            Some(thread) => {
                thread.members.insert((*user).to_owned());
                Empty
            }
            None => GONE,
        },
        ("POST", ["interactions", id, token, "callback"]) => callback(kept, id, token, body),
        ("POST", ["webhooks", app, token]) if *app == APP => follow_up(kept, token, body),
        (verb, ["webhooks", app, token, "messages", which]) if *app == APP => webhook(kept, verb, token, which, body),
        _ => No(404, 0, "404: Not Found"),
    }
}

/// Why the bot does not reach a conversation, if it does not.
fn seen(kept: &Kept, id: &str) -> Option<Done> {
    match kept.channels.get(id) {
        None => Some(GONE),
        Some(c) if c.hidden => Some(NO_ACCESS),
        Some(_) => None,
    }
}

fn history(kept: &Kept, id: &str, query: &str) -> Done {
    let of = |name: &str| {
        let pairs = form_urlencoded::parse(query.as_bytes());
        pairs.into_owned().find(|(k, _)| k == name).and_then(|(_, v)| v.parse::<u64>().ok())
    };
    let (limit, after, before) = (of("limit").unwrap_or(50), of("after"), of("before"));
    if !(1..=100).contains(&limit) {
        return Bad(format!("limit {limit}"));
    }
    let number = |m: &Message| m.id.parse::<u64>().unwrap_or_default();
    let mut all: Vec<&Message> = kept.messages.iter().filter(|m| m.channel == id && m.only.is_none()).collect();
    all.retain(|m| after.is_none_or(|a| number(m) > a) && before.is_none_or(|b| number(m) < b));
    all.sort_by_key(|m| number(m));
    let limit = usize::try_from(limit).unwrap_or(100);
    // With `after` the oldest of them, otherwise the newest; newest first either way.
    let page = if after.is_some() { &all[..limit.min(all.len())] } else { &all[all.len().saturating_sub(limit)..] };
    Yes(page.iter().rev().map(|m| m.read(kept)).collect())
}

fn post(kept: &mut Kept, id: &str, body: &Value) -> Done {
    if let Err(e) = check::message(body) {
        return Bad(e.to_string());
    }
    let channel = kept.channels.get(id).cloned().unwrap_or_default();
    if channel.kind == 1 && channel.members.iter().any(|m| kept.closed.contains(m)) {
        return No(403, 50_007, "Cannot send messages to this user");
    }
    let nonce = body["nonce"].as_str().unwrap_or_default().to_owned();
    if body["enforce_nonce"] == true
        && let Some(old) = kept.nonces.get(&nonce)
        && old.is_younger(NONCES)
    {
        let now = kept.position(&old.id).map_or(old, |at| &kept.messages[at]);
        return Yes(now.json(kept));
    }
    let message = new(kept, id, body, nonce);
    kept.push(message.clone());
    if let Some(thread) = kept.channels.get_mut(id).filter(|c| c.kind == 12) {
        // Who is mentioned in a private thread is added to it.
        thread.members.extend(message.pings.iter().cloned());
    }
    Yes(message.json(kept))
}

fn new(kept: &mut Kept, channel: &str, body: &Value, nonce: String) -> Message {
    let content = body["content"].as_str().unwrap_or_default().to_owned();
    let allowed = body["allowed_mentions"]["users"].as_array().cloned().unwrap_or_default();
    let pings = allowed.iter().filter_map(Value::as_str).filter(|u| content.contains(&format!("<@{u}>")));
    Message {
        channel: channel.to_owned(),
        id: kept.id(),
        user: BOT.into(),
        pings: pings.map(str::to_owned).collect(),
        content,
        components: if body["components"].is_array() { body["components"].clone() } else { json!([]) },
        only: None,
        loading: false,
        edits: 0,
        nonce,
        answers: None,
    }
}

fn edit(kept: &mut Kept, id: &str, is_it: impl Fn(&Message) -> bool, body: &Value) -> Done {
    if let Err(e) = check::message(body) {
        return Bad(e.to_string());
    }
    let Some(at) = kept.position(id).filter(|at| is_it(&kept.messages[*at])) else { return NO_MESSAGE };
    let message = &mut kept.messages[at];
    if message.user != BOT {
        return No(403, 50_005, "Cannot edit a message authored by another user");
    }
    message.content = body["content"].as_str().unwrap_or_default().to_owned();
    if body["components"].is_array() {
        message.components = body["components"].clone();
    }
    message.edits += usize::from(!message.loading);
    message.loading = false;
    let message = message.clone();
    Yes(message.json(kept))
}

fn thread(kept: &mut Kept, parent: &str, id: &str, kind: i64, body: &Value) -> Done {
    let name = body["name"].as_str().unwrap_or_default();
    if !(1..=100).contains(&name.chars().count()) {
        return Bad(format!("the name of a thread: {name}"));
    }
    let guild = kept.channels.get(parent).and_then(|c| c.guild.clone());
    let thread = Channel {
        kind,
        guild,
        parent: Some(parent.into()),
        name: name.into(),
        members: [BOT.to_owned()].into(),
        ..Channel::default()
    };
    kept.channels.insert(id.to_owned(), thread);
    let d = kept.channel_json(id);
    kept.dispatch("THREAD_CREATE", &d);
    Yes(d)
}

fn callback(kept: &mut Kept, id: &str, token: &str, body: &Value) -> Done {
    let Some(interaction) = kept.interactions.get(token).filter(|i| i.id == id) else {
        return No(404, 10_062, "Unknown interaction");
    };
    let took = interaction.begun.elapsed();
    if interaction.acknowledged.is_some() {
        return No(400, 40_060, "Interaction has already been acknowledged.");
    }
    if took > ACKNOWLEDGE || interaction.expired {
        return No(404, 10_062, "Unknown interaction");
    }
    match acknowledge(kept, token, body, took) {
        Ok(()) => Empty,
        Err(why) => Bad(why),
    }
}

/// An interaction is acknowledged, over REST or in the answer to a request.
pub(super) fn acknowledge(kept: &mut Kept, token: &str, body: &Value, took: Duration) -> Result<(), String> {
    let Some(interaction) = kept.interactions.get(token).cloned() else { return Err("no such interaction".into()) };
    check::callback(body, interaction.kind).map_err(|e| e.to_string())?;
    let data = &body["data"];
    let only = (data["flags"].as_u64().unwrap_or_default() & 64 != 0).then(|| interaction.user.clone());
    let mut original = None;
    match body["type"].as_i64() {
        Some(4 | 5) => {
            let mut message = new(kept, &interaction.channel, data, String::new());
            message.loading = body["type"] == 5;
            message.only = only;
            message.answers = Some(token.to_owned());
            original = Some(message.id.clone());
            kept.push(message);
        }
        Some(6) => original.clone_from(&interaction.on_message),
        Some(9) => kept.modals.push(Modal {
            user: interaction.user.clone(),
            view: data.clone(),
            channel: interaction.channel.clone(),
            open: true,
            on_message: interaction.on_message.clone(),
        }),
        _ => {}
    }
    if let Some(one) = kept.interactions.get_mut(token) {
        one.acknowledged = Some((took, body.clone()));
        one.original = original;
    }
    Ok(())
}

fn follow_up(kept: &mut Kept, token: &str, body: &Value) -> Done {
    let Some(interaction) = kept.interactions.get(token).filter(|i| i.acknowledged.is_some() && !i.expired).cloned()
    else {
        return NO_WEBHOOK;
    };
    if let Err(e) = check::message(body) {
        return Bad(e.to_string());
    }
    let mut message = new(kept, &interaction.channel, body, String::new());
    message.only = (body["flags"].as_u64().unwrap_or_default() & 64 != 0).then(|| interaction.user.clone());
    message.answers = Some(token.to_owned());
    kept.push(message.clone());
    Yes(message.json(kept))
}

fn webhook(kept: &mut Kept, verb: &str, token: &str, which: &str, body: &Value) -> Done {
    let Some(interaction) = kept.interactions.get(token).filter(|i| i.acknowledged.is_some() && !i.expired).cloned()
    else {
        return NO_WEBHOOK;
    };
    let id = if which == "@original" { interaction.original.unwrap_or_default() } else { which.to_owned() };
    match verb {
        "PATCH" => edit(kept, &id, |_| true, body),
        "GET" => kept.position(&id).map_or(NO_MESSAGE, |at| Yes(kept.messages[at].json(kept))),
        "DELETE" => {
            let before = kept.messages.len();
            kept.messages.retain(|m| m.id != id);
            if before == kept.messages.len() { NO_MESSAGE } else { Empty }
        }
        _ => No(405, 0, "405: Method Not Allowed"),
    }
}
