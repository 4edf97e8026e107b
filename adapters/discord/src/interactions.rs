//! Slash commands, buttons, modals and context menus as the flow's own events.

use std::collections::BTreeMap;

use serde_json::Value;
use stoa_flow::chat::{Envelope, Event, ThreadMessage};

use crate::commands;
use crate::events::{Channel, DIRECT, account, place};
use crate::ids::{instant, is_id, word};
use crate::render::read_custom_id;
use crate::store::Kind;
use crate::{PLATFORM, modal, text};

/// A button of the adapter itself: write to me directly from now on.
pub(crate) const WRITE_DIRECTLY: &str = "d:direct";
/// A button of the adapter itself: show me the form again, with what I have filled in.
pub(crate) const AGAIN: &str = "d:again:";

/// What somebody did, and what is needed to answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Interaction {
    pub id: String,
    pub token: String,
    pub user: String,
    pub guild: Option<String>,
    pub what: What,
    /// How it is acknowledged when the answer comes as a message.
    pub kind: Kind,
}

#[derive(Debug, PartialEq)]
pub(crate) enum What {
    /// Discord asks whether we are there.
    Ping,
    /// For the flow. Its command line may be `#` and a short name.
    Event(Box<Envelope>),
    /// What could be meant: the command, and what is typed so far.
    Suggest { word: String, typed: String },
    /// [`WRITE_DIRECTLY`].
    WriteDirectly,
    /// [`AGAIN`], with the id of the interaction that had errors.
    Again(String),
}

/// Reads an interaction; what it is when this version does not know it.
pub(crate) fn read(d: &Value, bot: &str) -> Result<Interaction, String> {
    let kind = d["type"].as_i64().unwrap_or_default();
    let (id, token) = (word(&d["id"]), word(&d["token"]));
    if kind == 1 {
        return Ok(Interaction {
            id: id.into(),
            token: token.into(),
            user: String::new(),
            guild: None,
            what: What::Ping,
            kind: Kind::Direct,
        });
    }
    let user = [&d["member"]["user"]["id"], &d["user"]["id"]].into_iter().map(word).find(|u| is_id(u));
    let Some(user) = user.filter(|_| is_id(id) && !token.is_empty()) else {
        return Err(format!("an interaction of type {kind} without what it needs"));
    };
    let guild = d["guild_id"].as_str().map(str::to_owned);
    let mut channel = Channel::read(&d["channel"], guild.as_deref().unwrap_or_default());
    // Where two talk alone; conversations of several people are none.
    if guild.is_none() && (d["context"] == 1 || d["channel"].is_null()) {
        channel.kind = DIRECT;
    }
    let data = &d["data"];
    let event = match kind {
        2 => command(data, bot),
        3 => button(d),
        4 => suggestion(data),
        5 => submission(data),
        other => return Err(format!("an interaction of type {other}")),
    };
    let event = event.ok_or_else(|| format!("an interaction of type {kind} that means nothing to us"))?;
    let channel_id =
        [&d["channel_id"], &d["channel"]["id"]].into_iter().map(word).find(|c| !c.is_empty()).unwrap_or_default();
    let mut place = place(channel_id, &channel);
    // The thread of a message that is discussed has the message's id.
    if let Meant::Event(Event::Shortcut { message, .. }) = &event
        && place.thread.is_none()
        && data["resolved"]["messages"][&message.id]["thread"].is_object()
    {
        place.thread = Some(message.id.clone());
    }
    let direct = place.direct;
    let what = match event {
        Meant::Event(event) => What::Event(Box::new(Envelope {
            key: format!("{PLATFORM}/{id}"),
            at: instant(id),
            account: account(user),
            place,
            event,
        })),
        Meant::Own(what) => what,
    };
    let on_message = d["message"].is_object() && matches!(kind, 3 | 5);
    let kind = match (on_message, direct) {
        (true, _) => Kind::Button,
        (false, true) => Kind::Direct,
        (false, false) => Kind::Private,
    };
    Ok(Interaction { id: id.into(), token: token.into(), user: user.into(), guild, what, kind })
}

enum Meant {
    Event(Event),
    Own(What),
}

fn command(data: &Value, bot: &str) -> Option<Meant> {
    let name = word(&data["name"]);
    if data["type"] == 3 {
        let message = &data["resolved"]["messages"][word(&data["target_id"])];
        let (id, author) = (word(&message["id"]), &message["author"]);
        let said = text::addressed(word(&message["content"]), bot, &message["mentions"]);
        let command = commands::of_menu(name)?;
        if command == "ask" {
            return (!said.is_empty()).then(|| Meant::Event(Event::Command { word: command.into(), args: said }));
        }
        let person = author["bot"] != true && message["webhook_id"].is_null();
        let message = ThreadMessage {
            id: id.into(),
            author: person.then(|| account(word(&author["id"]))),
            name: text::name(author),
            text: said,
            at: instant(id),
        };
        return is_id(id).then(|| Meant::Event(Event::Shortcut { command: command.into(), message }));
    }
    let mut args = Vec::new();
    for option in data["options"].as_array().into_iter().flatten() {
        match &option["value"] {
            Value::String(text) => args.push(text.trim().to_owned()),
            Value::Null => {}
            other => args.push(other.to_string()),
        }
    }
    (!name.is_empty()).then(|| Meant::Event(Event::Command { word: name.into(), args: args.join(" ") }))
}

fn button(d: &Value) -> Option<Meant> {
    let id = word(&d["data"]["custom_id"]);
    if id == WRITE_DIRECTLY {
        return Some(Meant::Own(What::WriteDirectly));
    }
    if let Some(failed) = id.strip_prefix(AGAIN) {
        return Some(Meant::Own(What::Again(failed.to_owned())));
    }
    let (_, command) = read_custom_id(id)?;
    let (message, flags) = (&d["message"], d["message"]["flags"].as_i64().unwrap_or_default());
    // What only one person sees is not ours to edit later: its answer is a message of its own.
    let shown = message["id"].as_str().filter(|_| flags & 64 == 0).map(str::to_owned);
    Some(Meant::Event(Event::Action { command: command.to_owned(), message: shown }))
}

fn submission(data: &Value) -> Option<Meant> {
    let command = word(&data["custom_id"]).strip_prefix("f:")?;
    let values: BTreeMap<String, String> = modal::values(&data["components"]);
    Some(Meant::Event(Event::Submit { command: command.to_owned(), values }))
}

fn suggestion(data: &Value) -> Option<Meant> {
    let option = data["options"].as_array().into_iter().flatten().find(|o| o["focused"] == true)?;
    Some(Meant::Own(What::Suggest { word: word(&data["name"]).to_owned(), typed: word(&option["value"]).to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "175928847299117063";

    fn base(kind: i64, data: &Value) -> Value {
        json!({ "id": ID, "application_id": "100000000000000001", "type": kind, "token": "tok", "version": 1, "data": data,
            "guild_id": "500000000000000001", "channel_id": "300000000000000001", "context": 0,
            "channel": { "id": "300000000000000001", "type": 0, "name": "general" },
            "member": { "user": { "id": "200000000000000001", "username": "ana" } } })
    }

    fn event(d: &Value) -> (Envelope, Kind) {
        match read(d, "9").unwrap() {
            Interaction { what: What::Event(envelope), kind, .. } => (*envelope, kind),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_slash_command_has_its_id_as_key() {
        let d = base(
            2,
            &json!({ "id": "1", "name": "ask", "type": 1, "options": [{ "name": "question", "type": 3, "value": " Why? " }] }),
        );
        let (envelope, kind) = event(&d);
        assert_eq!((envelope.key.as_str(), kind), (format!("discord/{ID}").as_str(), Kind::Private));
        assert_eq!(envelope.event, Event::Command { word: "ask".into(), args: "Why?".into() });
        assert!(!envelope.place.direct);
        let mut alone = d;
        for gone in ["guild_id", "member"] {
            alone[gone] = Value::Null;
        }
        alone["channel"] = json!({ "id": "300000000000000002", "type": 1 });
        (alone["context"], alone["user"]) = (json!(1), json!({ "id": "200000000000000001" }));
        let (envelope, kind) = event(&alone);
        assert!(envelope.place.direct && kind == Kind::Direct);
    }

    #[test]
    fn a_button_says_its_command_and_a_form_its_values() {
        let mut d = base(3, &json!({ "custom_id": "s:abc:0:ask helpful 7", "component_type": 2 }));
        d["message"] = json!({ "id": "175928847299117000", "flags": 0 });
        let (envelope, kind) = event(&d);
        let pressed = Event::Action { command: "ask helpful 7".into(), message: Some("175928847299117000".into()) };
        assert_eq!((envelope.event, kind), (pressed, Kind::Button));
        d["message"]["flags"] = json!(64);
        assert!(matches!(event(&d).0.event, Event::Action { message: None, .. }));
        d["data"]["custom_id"] = json!("of another bot");
        assert!(read(&d, "9").is_err());
        let sent = json!({ "custom_id": "f:tip save", "components": [
            { "type": 18, "component": { "type": 4, "custom_id": "tip", "value": "Oil it" } }] });
        let (envelope, kind) = event(&base(5, &sent));
        let values = BTreeMap::from([("tip".to_owned(), "Oil it".to_owned())]);
        assert_eq!((envelope.event, kind), (Event::Submit { command: "tip save".into(), values }, Kind::Private));
    }

    #[test]
    fn menus_carry_the_message() {
        let message = json!({ "id": "175928847299117000", "content": "Oil <@9> it", "mentions": [], "thread": {},
            "author": { "id": "200000000000000002", "username": "bo", "global_name": "Bo" } });
        let menu = |name: &str| {
            base(
                2,
                &json!({ "name": name, "type": 3, "target_id": "175928847299117000",
                "resolved": { "messages": { "175928847299117000": message } } }),
            )
        };
        let (envelope, _) = event(&menu("Save as tip"));
        assert_eq!(envelope.place.thread.as_deref(), Some("175928847299117000"));
        let Event::Shortcut { command, message: said } = envelope.event else { panic!() };
        assert_eq!((command.as_str(), said.name.as_str(), said.text.as_str()), ("tip from", "Bo", "Oil  it"));
        let (envelope, _) = event(&menu("Ask about this"));
        assert_eq!(envelope.event, Event::Command { word: "ask".into(), args: "Oil  it".into() });
        assert!(read(&menu("Something else"), "9").is_err());
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        assert!(read(&json!({ "type": 2, "id": ID, "token": "t", "data": { "name": "ask" } }), "9").is_err());
        assert!(read(&base(99, &json!({})), "9").is_err());
        assert_eq!(read(&json!({ "type": 1, "id": ID, "token": "t" }), "9").unwrap().what, What::Ping);
    }
}
