//! What goes to the bot: envelopes over the connections of Socket Mode, or signed requests; each again until it is
//! acknowledged.

use std::time::Duration;

use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use stoa_ground::clock::monotonic;
use tokio::sync::mpsc;

use super::state::{Kept, Kind, Line, Order};
use super::{Hall, RETRIES, SIGNING_SECRET, lock, now, signature};

/// The address that `apps.connections.open` gave; each ticket opens one connection.
pub(super) async fn link(
    State(hall): State<Hall>,
    Query(query): Query<std::collections::BTreeMap<String, String>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let known = query.get("ticket").is_some_and(|ticket| lock(&hall.kept).tickets.remove(ticket));
    let full = lock(&hall.kept).lines.len() >= 10;
    if !known || full {
        return StatusCode::FORBIDDEN.into_response();
    }
    upgrade.on_upgrade(move |socket| connection(hall, socket))
}

async fn connection(hall: Hall, socket: WebSocket) {
    let (mut sink, mut stream) = socket.split();
    let (orders, mut to_do) = mpsc::unbounded_channel();
    let number = {
        let mut kept = lock(&hall.kept);
        kept.opened += 1;
        let (number, others) = (kept.opened, kept.lines.len());
        let hello = json!({ "type": "hello", "num_connections": others + 1, "connection_info": { "app_id": "A0STOA" },
            "debug_info": { "host": "stand-in", "approximate_connection_time": 3600 } });
        // It is its own receiver.
        let _ = orders.send(Order::Text(hello.to_string()));
        kept.lines.insert(number, Line { orders, draining: false });
        number
    };
    hall.changed();
    loop {
        tokio::select! {
            order = to_do.recv() => match order {
                Some(Order::Text(text)) => {
                    if sink.send(Frame::Text(text.into())).await.is_err() {
                        break;
                    }
                }
                Some(Order::Abort) | None => break,
            },
            frame = stream.next() => match frame {
                Some(Ok(Frame::Text(text))) => heard(&hall, &text),
                Some(Ok(Frame::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    lock(&hall.kept).lines.remove(&number);
    hall.changed();
}

/// An acknowledgement.
fn heard(hall: &Hall, text: &str) {
    let ack: Value = serde_json::from_str(text).unwrap_or_default();
    {
        let mut kept = lock(&hall.kept);
        let id = ack["envelope_id"].as_str().unwrap_or_default();
        match kept.envelopes.get(id).copied() {
            Some(at) => {
                let payload = ack["payload"].clone();
                kept.acknowledge(at, &payload);
            }
            None => kept.strays.push(text.to_owned()),
        }
    }
    hall.changed();
}

/// Sends what waits, and again what was not acknowledged in time.
pub(super) async fn pump(hall: Hall) {
    let mut changes = hall.change.subscribe();
    loop {
        changes.borrow_and_update();
        let settings = hall.settings.borrow().clone();
        let mut next = Duration::from_secs(3_600);
        {
            let mut kept = lock(&hall.kept);
            let waiting: Vec<usize> = kept.waiting.iter().copied().collect();
            for at in waiting {
                let one = &kept.deliveries[at];
                let left = one.sent.map(|sent| settings.again.saturating_sub(sent.elapsed()));
                let over_http = settings.events.is_some() && one.sent.is_some();
                if over_http {
                    continue;
                }
                match left {
                    Some(left) if !left.is_zero() => next = next.min(left),
                    _ if settings.events.is_some() => {
                        kept.deliveries[at].sent = Some(monotonic());
                        tokio::spawn(over_requests(hall.clone(), at));
                    }
                    _ => {
                        if kept.send(at) {
                            next = next.min(settings.again);
                        }
                    }
                }
            }
        }
        // An error means that nobody is left to send to.
        if let Ok(Err(_)) = tokio::time::timeout(next, changes.changed()).await {
            return;
        }
    }
}

impl Kept {
    /// Sends a delivery over the next connection; `false` when there is none.
    fn send(&mut self, at: usize) -> bool {
        let open: Vec<usize> = self.lines.iter().filter(|(_, l)| !l.draining).map(|(n, _)| *n).collect();
        // What is to be closed is still read: Slack uses it while there is no other.
        let open = if open.is_empty() { self.lines.keys().copied().collect() } else { open };
        let Some(number) = open.iter().find(|n| **n > self.last_line).or(open.first()).copied() else { return false };
        let id = format!("envelope-{}", self.next());
        let delivery = &mut self.deliveries[at];
        let mut envelope = json!({ "envelope_id": id, "type": delivery.kind.envelope(), "payload": delivery.payload,
            "accepts_response_payload": delivery.kind != Kind::Event });
        if delivery.kind == Kind::Event {
            envelope["retry_attempt"] = json!(delivery.attempts);
            envelope["retry_reason"] = json!(if delivery.attempts > 0 { "timeout" } else { "" });
        }
        delivery.attempts += 1;
        delivery.sent = Some(monotonic());
        self.envelopes.insert(id, at);
        self.last_line = number;
        let Some(line) = self.lines.get_mut(&number) else { return false };
        line.orders.send(Order::Text(envelope.to_string())).is_ok()
    }
}

/// Posts a delivery, signed, until it is answered well.
async fn over_requests(hall: Hall, at: usize) {
    for attempt in 0..=RETRIES {
        let Some(base) = hall.settings.borrow().events.clone() else { return };
        let (kind, payload) = {
            let mut kept = lock(&hall.kept);
            let one = &mut kept.deliveries[at];
            one.attempts += 1;
            (one.kind, one.payload.clone())
        };
        let (path, body) = match kind {
            Kind::Event => ("events", payload.to_string()),
            Kind::Interactive => ("interactivity", form(&json!({ "payload": payload.to_string() }))),
            Kind::Command => ("commands", form(&payload)),
        };
        let content = if kind == Kind::Event { "application/json" } else { "application/x-www-form-urlencoded" };
        let at_second = now();
        let signed = signature(SIGNING_SECRET, at_second, &body).unwrap_or_default();
        let mut request = hall.http.post(format!("{base}/{path}")).header("content-type", content);
        request =
            request.header("X-Slack-Request-Timestamp", at_second.to_string()).header("X-Slack-Signature", signed);
        if attempt > 0 {
            request =
                request.header("X-Slack-Retry-Num", attempt.to_string()).header("X-Slack-Retry-Reason", "http_error");
        }
        if let Ok(answer) = request.body(body).send().await
            && answer.status().is_success()
        {
            let text = answer.text().await.unwrap_or_default();
            lock(&hall.kept).acknowledge(at, &serde_json::from_str(&text).unwrap_or_default());
            hall.changed();
            return;
        }
        let again = hall.settings.borrow().again;
        tokio::time::sleep(again).await;
    }
}

fn form(fields: &Value) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (key, value) in fields.as_object().into_iter().flatten() {
        form.append_pair(key, value.as_str().unwrap_or_default());
    }
    form.finish()
}
