//! The gateway: hello, identify, resume, heartbeats, and what is dispatched.

use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use stoa_ground::clock;
use tokio::sync::mpsc;

use super::state::{APP, BOT, CONTENT, Kept, Order, Session, TOKEN};
use super::{Hall, lock};

pub(super) async fn link(State(hall): State<Hall>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| connection(hall, socket))
}

async fn connection(hall: Hall, socket: WebSocket) {
    let (mut sink, mut stream) = socket.split();
    let (orders, mut to_do) = mpsc::unbounded_channel();
    let beat = lock(&hall.kept).beat;
    let hello = json!({ "op": 10, "d": { "heartbeat_interval": beat } });
    // It is its own receiver.
    let _ = orders.send(Order::Text(hello.to_string()));
    let mut name: Option<String> = None;
    // Discord closes a connection on which no heartbeat comes.
    let patience = Duration::from_millis(beat * 5 / 2);
    let mut deadline = clock::monotonic() + patience;
    loop {
        tokio::select! {
            order = to_do.recv() => match order {
                Some(Order::Text(text)) => {
                    if sink.send(Frame::Text(text.into())).await.is_err() {
                        break;
                    }
                }
                Some(Order::Close(code)) => {
                    let _ = sink.send(Frame::Close(Some(CloseFrame { code, reason: "".into() }))).await;
                    break;
                }
                Some(Order::Abort) | None => break,
            },
            frame = stream.next() => match frame {
                Some(Ok(Frame::Text(text))) => {
                    let said: Value = serde_json::from_str(&text).unwrap_or_default();
                    if said["op"] == 1 {
                        deadline = clock::monotonic() + patience;
                    }
                    heard(&hall, &said, &mut name, &orders);
                }
                Some(Ok(Frame::Close(frame))) => {
                    // These two codes end the session.
                    if frame.is_some_and(|f| f.code == 1_000 || f.code == 1_001) && let Some(name) = &name {
                        lock(&hall.kept).sessions.remove(name);
                    }
                    break;
                }
                Some(Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
            () = tokio::time::sleep_until(deadline.into()) => {
                let _ = sink.send(Frame::Close(Some(CloseFrame { code: 4_009, reason: "".into() }))).await;
                break;
            }
        }
    }
    if let Some(name) = name {
        let mut kept = lock(&hall.kept);
        if let Some(session) = kept.sessions.get_mut(&name)
            && session.line.as_ref().is_some_and(|line| line.same_channel(&orders))
        {
            session.line = None;
        }
    }
    hall.changed();
}

fn heard(hall: &Hall, said: &Value, name: &mut Option<String>, orders: &mpsc::UnboundedSender<Order>) {
    let mut kept = lock(&hall.kept);
    let d = &said["d"];
    let say = |value: Value| drop(orders.send(Order::Text(value.to_string())));
    match said["op"].as_i64() {
        Some(1) => {
            kept.heartbeats += 1;
            if !kept.silent {
                say(json!({ "op": 11 }));
            }
        }
        Some(2) => {
            if d["token"] != TOKEN {
                let _ = orders.send(Order::Close(4_004));
                return;
            }
            let intents = d["intents"].as_u64().unwrap_or_default();
            if intents & (1 << 1 | 1 << 8 | CONTENT) & !kept.privileged != 0 {
                let _ = orders.send(Order::Close(4_014));
                return;
            }
            let of = |n: usize| d["shard"][n].as_u64();
            let shard = (of(0).unwrap_or_default(), of(1).unwrap_or(1));
            if shard.0 >= shard.1 || shard.1 != kept.shards.max(1) as u64 {
                let _ = orders.send(Order::Close(4_011));
                return;
            }
            if shard.1 > 1 && kept.began.is_some_and(|at| at.elapsed() < Duration::from_secs(5)) {
                kept.refused.push(format!("shard {} begins too soon after another", shard.0));
                say(json!({ "op": 9, "d": false }));
                return;
            }
            let (left, _) = kept.sessions_left();
            let Some(left) = left.checked_sub(1) else {
                // Discord makes the token void then.
                kept.refused.push("a session more than Discord lets begin in a day".into());
                let _ = orders.send(Order::Close(4_004));
                return;
            };
            kept.sessions_left.0 = left;
            kept.began = Some(clock::monotonic());
            kept.identified += 1;
            let id = format!("session{}", kept.identified);
            let line = Some(orders.clone());
            let session = Session { intents, shard, sequence: 0, events: [].into(), line };
            let mine: Vec<String> = kept.guilds.keys().filter(|id| session.has(Some(id.as_str()))).cloned().collect();
            let guilds: Vec<Value> = mine.iter().map(|id| json!({ "id": id, "unavailable": true })).collect();
            let ready = json!({ "v": 10, "user": kept.user(BOT), "guilds": guilds, "session_id": id,
                "resume_gateway_url": format!("{}/gateway", hall.url.replacen("http", "ws", 1)),
                "application": { "id": APP, "flags": 0 }, "shard": d["shard"] });
            kept.sessions.insert(id.clone(), session);
            *name = Some(id.clone());
            to_one(&mut kept, &id, "READY", &ready);
            if std::mem::take(&mut kept.breaks_early) {
                let _ = orders.send(Order::Abort);
                if let Some(session) = kept.sessions.get_mut(&id) {
                    session.line = None;
                }
            }
            let all: Vec<Value> = mine.iter().map(|guild| guild_json(&kept, guild)).collect();
            for guild in all {
                to_one(&mut kept, &id, "GUILD_CREATE", &guild);
            }
        }
        Some(6) => {
            let id = d["session_id"].as_str().unwrap_or_default().to_owned();
            let after = d["seq"].as_u64().unwrap_or_default();
            let forgetful = kept.forgetful;
            let Some(session) = kept.sessions.get_mut(&id).filter(|_| !forgetful && d["token"] == TOKEN) else {
                say(json!({ "op": 9, "d": false }));
                return;
            };
            session.line = Some(orders.clone());
            for (sequence, kind, d) in session.events.iter().filter(|(s, _, _)| *s > after) {
                say(json!({ "op": 0, "t": kind, "s": sequence, "d": d }));
            }
            *name = Some(id.clone());
            to_one(&mut kept, &id, "RESUMED", &json!({}));
            kept.resumed += 1;
        }
        other => kept.refused.push(format!("the gateway does not know operation {other:?}")),
    }
    drop(kept);
    hall.changed();
}

fn to_one(kept: &mut Kept, id: &str, kind: &str, d: &Value) {
    let Some(session) = kept.sessions.get_mut(id) else { return };
    session.sequence += 1;
    let text = json!({ "op": 0, "t": kind, "s": session.sequence, "d": d }).to_string();
    if kind != "RESUMED" {
        session.events.push_back((session.sequence, kind.to_owned(), d.clone()));
    }
    if let Some(line) = &session.line {
        let _ = line.send(Order::Text(text));
    }
}

pub(super) fn guild_json(kept: &Kept, id: &str) -> Value {
    let Some((name, members)) = kept.guilds.get(id) else { return Value::Null };
    let of = |threads: bool| -> Vec<Value> {
        let is_it = |kind: i64| (10..=12).contains(&kind) == threads;
        let all = kept.channels.iter().filter(|(_, c)| c.guild.as_deref() == Some(id) && is_it(c.kind));
        all.map(|(id, _)| kept.channel_json(id)).collect()
    };
    let told = super::load::told(kept, members);
    json!({ "id": id, "name": name, "member_count": members.len(), "channels": of(false), "threads": of(true),
        "members": told, "large": members.len() > 250, "unavailable": false })
}
