//! What the gateway dispatches, as the flow's own events.

use serde_json::Value;
use stoa_flow::chat::{Account, Envelope, Event, Place};
use stoa_ground::Instant;

use crate::PLATFORM;
use crate::ids::{instant, word};
use crate::text;

/// A conversation of a server, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Channel {
    pub guild: String,
    /// Of a thread the channel that it belongs to.
    pub parent: Option<String>,
    pub name: String,
    /// Discord's number of its type.
    pub kind: i64,
}

/// A thread that everybody of its channel reads, and one that only those read who are in it.
pub(crate) const PUBLIC_THREAD: i64 = 11;
pub(crate) const PRIVATE_THREAD: i64 = 12;
/// The one in which two talk alone.
pub(crate) const DIRECT: i64 = 1;

impl Channel {
    /// Reads a channel object.
    pub(crate) fn read(value: &Value, guild: &str) -> Self {
        let kind = value["type"].as_i64().unwrap_or_default();
        let guild = value["guild_id"].as_str().unwrap_or(guild);
        let parent = value["parent_id"].as_str().filter(|_| (10..=12).contains(&kind));
        Self { guild: guild.into(), parent: parent.map(str::to_owned), name: word(&value["name"]).into(), kind }
    }

    pub(crate) fn is_thread(&self) -> bool {
        (10..=12).contains(&self.kind)
    }
}

/// A conversation as a place of the flow: a thread stands in its channel.
pub(crate) fn place(id: &str, channel: &Channel) -> Place {
    let (channel_id, thread) = match &channel.parent {
        Some(parent) if channel.is_thread() => (parent.as_str(), Some(id.to_owned())),
        _ => (id, None),
    };
    Place {
        platform: PLATFORM.into(),
        workspace: channel.guild.clone(),
        channel: channel_id.into(),
        thread,
        direct: channel.guild.is_empty() && channel.kind == DIRECT,
    }
}

/// A Discord account: its id holds in every server.
pub(crate) fn account(user: &str) -> Account {
    Account { platform: PLATFORM.into(), workspace: String::new(), user: user.into() }
}

/// Where something happened, and who we are there.
pub(crate) struct Seen<'a> {
    pub bot: &'a str,
    pub channel: &'a Channel,
    /// Forum channels whose posts are questions.
    pub forums: &'a [String],
}

/// Maps a new message; none for what nobody wrote: bots, webhooks, and Discord's own notes.
pub(crate) fn message(d: &Value, seen: &Seen<'_>) -> Option<Envelope> {
    let (id, author) = written(d, seen.bot)?;
    let place = place(word(&d["channel_id"]), seen.channel);
    let mentioned = d["mentions"].as_array().into_iter().flatten().any(|u| word(&u["id"]) == seen.bot);
    let mut said = text::addressed(word(&d["content"]), seen.bot, &d["mentions"]);
    // The first message of a post in a forum has the id of the post.
    let asks = place.thread.as_deref() == Some(id) && seen.forums.contains(&place.channel) && !said.is_empty();
    if asks && !seen.channel.name.is_empty() {
        said = format!("{}\n{said}", seen.channel.name);
    }
    let event = Event::Message { id: id.into(), text: said, to_bot: place.direct || mentioned || asks };
    Some(Envelope { key: format!("{PLATFORM}/m/{id}"), at: instant(id), account: account(author), place, event })
}

/// Maps a change of a message. Links that Discord unfolded are none, and neither is a content that we may not read.
pub(crate) fn edited(d: &Value, seen: &Seen<'_>) -> Option<Envelope> {
    let at = d["edited_timestamp"].as_str()?;
    let (id, author) = written(d, seen.bot)?;
    let said = text::addressed(word(&d["content"]), seen.bot, &d["mentions"]);
    if said.is_empty() {
        return None;
    }
    let key = format!("{PLATFORM}/m/{id}/{at}");
    let at = Instant::parse(at).unwrap_or_else(|_| instant(id));
    let place = place(word(&d["channel_id"]), seen.channel);
    Some(Envelope { key, at, account: account(author), place, event: Event::Edited { id: id.into(), text: said } })
}

/// Maps a deletion. Who deleted it Discord does not say.
pub(crate) fn deleted(id: &str, channel_id: &str, now: Instant, seen: &Seen<'_>) -> Envelope {
    let place = place(channel_id, seen.channel);
    let (key, account) = (format!("{PLATFORM}/d/{id}"), account("0"));
    Envelope { key, at: now, account, place, event: Event::Deleted { id: id.into() } }
}

/// Maps a reaction; `transition` tells this one from the next of the same person to the same message.
pub(crate) fn reaction(d: &Value, added: bool, transition: &str, now: Instant, seen: &Seen<'_>) -> Option<Envelope> {
    let user = word(&d["user_id"]);
    if user.is_empty() || user == seen.bot || d["member"]["user"]["bot"] == true {
        return None;
    }
    let (message, emoji) = (word(&d["message_id"]).to_owned(), word(&d["emoji"]["name"]).to_owned());
    let place = place(word(&d["channel_id"]), seen.channel);
    let key = format!("{PLATFORM}/r/{transition}");
    Some(Envelope { key, at: now, account: account(user), place, event: Event::Reaction { message, emoji, added } })
}

/// Id and author of a message that a person wrote.
fn written<'a>(d: &'a Value, bot: &str) -> Option<(&'a str, &'a str)> {
    let (id, author) = (word(&d["id"]), word(&d["author"]["id"]));
    // An ordinary message and a reply; the rest are Discord's notes: joins, pins, new threads.
    let ordinary = matches!(d["type"].as_i64().unwrap_or_default(), 0 | 19);
    let by_person = d["author"]["bot"] != true && d["author"]["system"] != true && d["webhook_id"].is_null();
    (ordinary && by_person && !id.is_empty() && !author.is_empty() && author != bot).then_some((id, author))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BOT: &str = "100000000000000009";
    const ID: &str = "175928847299117063";

    fn guild_channel() -> Channel {
        Channel { guild: "500000000000000001".into(), parent: None, name: "general".into(), kind: 0 }
    }

    fn read(d: &Value, channel: &Channel, forums: &[String]) -> Option<Envelope> {
        message(d, &Seen { bot: BOT, channel, forums })
    }

    fn said(text: &str) -> Value {
        json!({ "id": ID, "channel_id": "300000000000000001", "type": 0, "content": text, "mentions": [],
            "author": { "id": "200000000000000001", "username": "ana" } })
    }

    #[test]
    fn messages_say_where_they_stand_and_to_whom() {
        let envelope = read(&said("hello"), &guild_channel(), &[]).unwrap();
        assert_eq!(envelope.key, format!("discord/m/{ID}"));
        assert_eq!(envelope.event, Event::Message { id: ID.into(), text: "hello".into(), to_bot: false });
        assert_eq!((envelope.place.channel.as_str(), envelope.place.direct), ("300000000000000001", false));
        let mut to_us = said(&format!("<@{BOT}> help"));
        to_us["mentions"] = json!([{ "id": BOT, "bot": true }]);
        let envelope = read(&to_us, &guild_channel(), &[]).unwrap();
        assert_eq!(envelope.event, Event::Message { id: ID.into(), text: "help".into(), to_bot: true });
        let alone = Channel { kind: DIRECT, ..Channel::default() };
        assert!(matches!(read(&said("hi"), &alone, &[]).unwrap().event, Event::Message { to_bot: true, .. }));
    }

    #[test]
    fn a_post_in_a_forum_is_a_question_and_its_answers_are_none() {
        let forum = "400000000000000001".to_owned();
        let post = Channel { guild: "5".into(), parent: Some(forum.clone()), name: "Coffee?".into(), kind: 11 };
        let mut first = said("Where is it?");
        first["channel_id"] = json!(ID);
        let envelope = read(&first, &post, std::slice::from_ref(&forum)).unwrap();
        let asked = Event::Message { id: ID.into(), text: "Coffee?\nWhere is it?".into(), to_bot: true };
        assert_eq!((envelope.place.channel, envelope.place.thread.as_deref()), (forum.clone(), Some(ID)));
        assert_eq!(envelope.event, asked);
        first["id"] = json!("175928847299117064");
        assert!(matches!(read(&first, &post, &[forum]).unwrap().event, Event::Message { to_bot: false, .. }));
    }

    #[test]
    fn bots_webhooks_and_notes_are_not_heard() {
        let mut all = vec![said("x"), said("x"), said("x"), said("x")];
        all[0]["author"]["bot"] = json!(true);
        all[1]["webhook_id"] = json!("1");
        all[2]["type"] = json!(7);
        all[3]["author"]["id"] = json!(BOT);
        for d in all {
            assert_eq!(read(&d, &guild_channel(), &[]), None, "{d}");
        }
    }

    #[test]
    fn edits_deletions_and_reactions_follow() {
        let (channel, mut d) = (guild_channel(), said("better"));
        let seen = Seen { bot: BOT, channel: &channel, forums: &[] };
        assert_eq!(edited(&d, &seen), None, "an unfolded link");
        d["edited_timestamp"] = json!("2026-11-23T08:00:00.000000+00:00");
        let envelope = edited(&d, &seen).unwrap();
        assert_eq!(envelope.event, Event::Edited { id: ID.into(), text: "better".into() });
        assert_eq!(envelope.at.rfc3339(), "2026-11-23T08:00:00.000Z");
        assert_eq!(deleted(ID, "3", Instant(5), &seen).event, Event::Deleted { id: ID.into() });
        let d = json!({ "user_id": "2", "channel_id": "3", "message_id": ID, "emoji": { "id": null, "name": "💡" } });
        let envelope = reaction(&d, true, "s/1", Instant(5), &seen).unwrap();
        assert_eq!(envelope.event, Event::Reaction { message: ID.into(), emoji: "💡".into(), added: true });
    }
}
