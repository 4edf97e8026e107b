//! Events of the Events API as the flow's own events.

use serde_json::Value;
use stoa_flow::chat::{Account, Envelope, Event, Place};
use stoa_ground::Instant;

use crate::{PLATFORM, text};

/// What an event means.
#[derive(Debug, PartialEq)]
pub(crate) enum Meaning {
    /// Somebody did something.
    Event(Box<Envelope>),
    /// The bot's own messages, other bots', and what repeats something.
    Nothing,
    /// Somebody opened the Home tab.
    Home,
    /// Somebody opened the assistant pane.
    Thread,
    /// Somebody is new, or changed.
    Member,
    /// Somebody changed when they do not want to be disturbed.
    DoNotDisturb,
    /// The app was removed, lost its token, or is not in a channel any more: what the operator is told, once.
    Gone(String),
    /// A type that this version does not know.
    Unknown(String),
}

/// Maps the payload of an `event_callback`. `bot` is the bot's own user id, empty while it is not known.
pub(crate) fn meaning(payload: &Value, bot: &str) -> Meaning {
    let event = &payload["event"];
    let bot = if bot.is_empty() { authorized(payload) } else { bot };
    let Some(id) = id(payload) else { return Meaning::Unknown("an event without event_id".into()) };
    let happened = match word(&event["type"]) {
        "message" => message(event, bot),
        "app_mention" => mention(event, bot),
        "reaction_added" => reaction(event, bot, true),
        "reaction_removed" => reaction(event, bot, false),
        "app_home_opened" if event["tab"] == "home" => return Meaning::Home,
        "app_home_opened" => return Meaning::Nothing,
        "assistant_thread_started" => return Meaning::Thread,
        // What somebody looks at beside the pane changes no answer.
        "assistant_thread_context_changed" => return Meaning::Nothing,
        "team_join" | "user_change" => return Meaning::Member,
        "dnd_updated_user" => return Meaning::DoNotDisturb,
        "app_uninstalled" => return Meaning::Gone("the app was removed from the workspace".into()),
        // Tokens of people are none of ours.
        "tokens_revoked" if event["tokens"]["bot"].as_array().is_some_and(Vec::is_empty) => return Meaning::Nothing,
        "tokens_revoked" => return Meaning::Gone("the app's token was revoked".into()),
        kind @ ("channel_left" | "group_left" | "channel_archive" | "group_archive" | "channel_deleted"
        | "group_deleted") => {
            return match word(&event["channel"]) {
                "" => Meaning::Nothing,
                channel => Meaning::Gone(closed(kind, channel)),
            };
        }
        other => return Meaning::Unknown(other.to_owned()),
    };
    let Some(Happened { user, channel, thread, direct, at, event }) = happened else { return Meaning::Nothing };
    if user.is_empty() || user == bot || user == "USLACKBOT" || channel.is_empty() {
        return Meaning::Nothing;
    }
    let workspace = word(&payload["team_id"]).to_owned();
    Meaning::Event(Box::new(Envelope {
        key: format!("{PLATFORM}/{id}"),
        at: instant(at),
        account: Account { platform: PLATFORM.into(), workspace: workspace.clone(), user: user.into() },
        place: Place { platform: PLATFORM.into(), workspace, channel: channel.into(), thread, direct },
        event,
    }))
}

/// By what a repeat is known: Slack's own id, else where, when and what it was.
fn id(payload: &Value) -> Option<String> {
    if let Some(id) = payload["event_id"].as_str() {
        return Some(id.to_owned());
    }
    let (event, item) = (&payload["event"], &payload["event"]["item"]);
    let said =
        |values: [&Value; 2]| values.map(word).into_iter().find(|t| !t.is_empty()).unwrap_or_default().to_owned();
    let (kind, channel) = (word(&event["type"]), said([&event["channel"], &item["channel"]]));
    let at = when(event);
    (!kind.is_empty() && !at.is_empty()).then(|| match word(&event["reaction"]) {
        "" => format!("{kind}/{channel}/{at}"),
        // Of two that come without their own time the message's is the same.
        emoji => format!("{kind}/{channel}/{at}/{}/{emoji}", word(&event["user"])),
    })
}

/// The time stamp of what happened.
fn when(event: &Value) -> &str {
    let all = [&event["event_ts"], &event["ts"], &event["item"]["ts"]];
    all.into_iter().map(word).find(|ts| !ts.is_empty()).unwrap_or_default()
}

/// What the operator is told about a channel.
fn closed(kind: &str, channel: &str) -> String {
    let what = match kind {
        "channel_left" | "group_left" => "the app was taken out of",
        "channel_archive" | "group_archive" => "somebody archived",
        _ => "somebody deleted",
    };
    format!("{what} the channel {channel}: nothing is heard there any more, and nothing can be posted there")
}

/// Whether people of other organisations read where an event happened.
pub(crate) fn is_shared(payload: &Value) -> bool {
    payload["is_ext_shared_channel"] == true
}

/// Whether an event is somebody's who waits for an answer.
pub(crate) fn is_said_to_bot(event: &Event) -> bool {
    match event {
        Event::Message { to_bot, .. } => *to_bot,
        Event::Reaction { .. } | Event::Edited { .. } | Event::Deleted { .. } => false,
        _ => true,
    }
}

/// Whether an event is heard where people of other organisations read as well: not what is said to others there, and no
/// reaction makes anything of it. An edit or a deletion still takes back what is kept from before.
pub(crate) fn is_heard_among_others(event: &Event) -> bool {
    is_said_to_bot(event) || matches!(event, Event::Edited { .. } | Event::Deleted { .. })
}

/// The workspace of an event's author, where Slack names it.
pub(crate) fn team_of_author(payload: &Value) -> &str {
    let event = &payload["event"];
    let teams = [&event["user_team"], &event["source_team"], &event["team"]];
    teams.iter().map(|t| word(t)).find(|t| !t.is_empty()).unwrap_or_default()
}

struct Happened<'a> {
    user: &'a str,
    channel: &'a str,
    thread: Option<String>,
    direct: bool,
    at: &'a str,
    event: Event,
}

fn message<'a>(event: &'a Value, bot: &str) -> Option<Happened<'a>> {
    let channel = word(&event["channel"]);
    let direct = is_direct(event, channel);
    let at = when(event);
    let by_bot = |m: &Value| m["bot_id"].is_string() || m["subtype"] == "bot_message" || word(&m["user"]) == bot;
    match word(&event["subtype"]) {
        "" | "file_share" | "me_message" | "thread_broadcast" => {
            let said = word(&event["text"]);
            // In channels the same words come once more as app_mention, which is the one that counts.
            if by_bot(event) || (!direct && text::mentions(said, bot)) {
                return None;
            }
            let id = word(&event["ts"]);
            let event_ = Event::Message { id: id.into(), text: text::addressed(said, bot), to_bot: direct };
            Some(Happened { user: word(&event["user"]), channel, thread: thread(event), direct, at: id, event: event_ })
        }
        "message_changed" => {
            let (new, old) = (&event["message"], &event["previous_message"]);
            if by_bot(new) {
                return None;
            }
            let (user, id) = (word(&new["user"]), word(&new["ts"]).to_owned());
            if new["subtype"] == "tombstone" {
                // It stands in the place of the message, and is Slack's own.
                let user = if word(&old["user"]).is_empty() { user } else { word(&old["user"]) };
                return Some(Happened { user, channel, thread: thread(new), direct, at, event: Event::Deleted { id } });
            }
            // Links that unfold and pins change a message as well, and nobody wrote anything.
            if new["text"] == old["text"] {
                return None;
            }
            let event_ = Event::Edited { id, text: text::addressed(word(&new["text"]), bot) };
            Some(Happened { user, channel, thread: thread(new), direct, at, event: event_ })
        }
        "message_deleted" => {
            let old = &event["previous_message"];
            let id = word(&event["deleted_ts"]).to_owned();
            if by_bot(old) || id.is_empty() {
                return None;
            }
            let (user, thread) = (word(&old["user"]), thread(old));
            Some(Happened { user, channel, thread, direct, at, event: Event::Deleted { id } })
        }
        // Joins, topics, pins and the like.
        _ => None,
    }
}

fn mention<'a>(event: &'a Value, bot: &str) -> Option<Happened<'a>> {
    // An edited mention comes as message_changed too, and was answered when it was written.
    if event["bot_id"].is_string() || event["edited"].is_object() {
        return None;
    }
    let (channel, id) = (word(&event["channel"]), word(&event["ts"]));
    let said = text::addressed(word(&event["text"]), bot);
    let direct = is_direct(event, channel);
    let happened = Event::Message { id: id.into(), text: said, to_bot: true };
    Some(Happened { user: word(&event["user"]), channel, thread: thread(event), direct, at: id, event: happened })
}

fn reaction<'a>(event: &'a Value, bot: &str, added: bool) -> Option<Happened<'a>> {
    let (item, user) = (&event["item"], word(&event["user"]));
    if item["type"] != "message" || user == bot {
        return None;
    }
    let channel = word(&item["channel"]);
    let reacted =
        Event::Reaction { message: word(&item["ts"]).to_owned(), emoji: word(&event["reaction"]).to_owned(), added };
    let direct = channel.starts_with('D');
    Some(Happened { user, channel, thread: None, direct, at: when(event), event: reacted })
}

/// Whether only the person and the bot read there.
fn is_direct(event: &Value, channel: &str) -> bool {
    match word(&event["channel_type"]) {
        "" => channel.starts_with('D'),
        kind => kind == "im",
    }
}

/// The message that the thread hangs on; none for that message itself.
pub(crate) fn thread(message: &Value) -> Option<String> {
    let thread = message["thread_ts"].as_str()?;
    (message["ts"] != thread).then(|| thread.to_owned())
}

/// The bot's user id, as Slack says it beside each event.
fn authorized(payload: &Value) -> &str {
    let authorizations = payload["authorizations"].as_array().map_or(&[][..], Vec::as_slice);
    authorizations.iter().find(|a| a["is_bot"] == true).map_or("", |a| word(&a["user_id"]))
}

/// A text, or an empty one.
pub(crate) fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The instant of a time stamp like `1503435956.000247`; the beginning of 1970 for none.
pub(crate) fn instant(ts: &str) -> Instant {
    let (seconds, fraction) = ts.split_once('.').unwrap_or((ts, ""));
    let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let seconds: i64 = seconds.parse().unwrap_or_default();
    Instant(seconds.saturating_mul(Instant::SECOND).saturating_add(micros.parse().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn callback(event: &Value) -> Value {
        json!({
            "token": "x", "team_id": "T1", "api_app_id": "A1", "type": "event_callback", "event_id": "Ev1",
            "event_time": 1_795_424_400, "event": event,
            "authorizations": [{"enterprise_id": null, "team_id": "T1", "user_id": "UBOT", "is_bot": true}],
        })
    }

    fn read(event: &Value) -> Option<Envelope> {
        match meaning(&callback(event), "") {
            Meaning::Event(envelope) => Some(*envelope),
            Meaning::Nothing => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_question_in_a_direct_message_is_for_the_bot() {
        let event = json!({"type": "message", "channel": "D1", "user": "U1", "text": "how do I book leave &amp; sail?",
            "ts": "1795424400.000247", "event_ts": "1795424400.000247", "channel_type": "im", "team": "T1",
            "client_msg_id": "x", "blocks": []});
        let envelope = read(&event).unwrap();
        assert_eq!(envelope.key, "slack/Ev1");
        assert_eq!(envelope.at, Instant(1_795_424_400_000_247));
        assert_eq!((envelope.account.workspace.as_str(), envelope.account.user.as_str()), ("T1", "U1"));
        assert!(envelope.place.direct && envelope.place.channel == "D1" && envelope.place.thread.is_none());
        let text = "how do I book leave & sail?".to_owned();
        assert_eq!(envelope.event, Event::Message { id: "1795424400.000247".into(), text, to_bot: true });
    }

    #[test]
    fn a_mention_counts_once_and_other_words_in_channels_are_only_heard() {
        let said = |kind: &str, text: &str| {
            json!({"type": kind, "channel": "C1", "user": "U1", "text": text, "ts": "2.000001", "event_ts": "2.000001",
                "channel_type": "channel", "thread_ts": "1.000001"})
        };
        assert_eq!(read(&said("message", "<@UBOT> help")), None);
        let envelope = read(&said("app_mention", "<@UBOT> help")).unwrap();
        assert_eq!(envelope.event, Event::Message { id: "2.000001".into(), text: "help".into(), to_bot: true });
        assert_eq!(envelope.place.thread.as_deref(), Some("1.000001"));
        assert!(!envelope.place.direct);
        let heard = read(&said("message", "lunch?")).unwrap();
        assert!(matches!(heard.event, Event::Message { to_bot: false, .. }));
    }

    #[test]
    fn edits_and_deletions_follow_and_unfolded_links_do_not() {
        let changed = |new: &Value, old: &str| {
            json!({"type": "message", "subtype": "message_changed", "channel": "C1", "channel_type": "channel",
                "ts": "3.1", "event_ts": "3.1", "hidden": true, "message": new, "previous_message": {"text": old, "user": "U1"}})
        };
        let new = json!({"type": "message", "user": "U1", "text": "better", "ts": "2.5", "edited": {"user": "U1", "ts": "3.0"}});
        assert_eq!(
            read(&changed(&new, "good")).unwrap().event,
            Event::Edited { id: "2.5".into(), text: "better".into() }
        );
        assert_eq!(read(&changed(&new, "better")), None);
        let own = json!({"type": "message", "user": "UBOT", "bot_id": "B1", "text": "new", "ts": "2.5"});
        assert_eq!(read(&changed(&own, "old")), None);
        let tomb =
            json!({"subtype": "tombstone", "user": "USLACKBOT", "text": "This message was deleted.", "ts": "2.5"});
        let gone = read(&changed(&tomb, "good")).unwrap();
        assert_eq!(
            (gone.account.user.as_str(), gone.event),
            ("U1", Event::Deleted { id: "2.5".into() }),
            "others had replied"
        );
        let deleted = json!({"type": "message", "subtype": "message_deleted", "channel": "C1", "deleted_ts": "2.5",
            "ts": "3.1", "event_ts": "3.1", "previous_message": {"user": "U1", "text": "good", "ts": "2.5"}});
        assert_eq!(read(&deleted).unwrap().event, Event::Deleted { id: "2.5".into() });
    }

    #[test]
    fn bots_and_the_bot_itself_are_not_heard() {
        for event in [
            json!({"type": "message", "channel": "D1", "channel_type": "im", "user": "UBOT", "text": "hi", "ts": "1.1"}),
            json!({"type": "message", "channel": "D1", "channel_type": "im", "user": "U9", "bot_id": "B9", "text": "hi", "ts": "1.1"}),
            json!({"type": "message", "subtype": "bot_message", "channel": "C1", "bot_id": "B9", "text": "hi", "ts": "1.1"}),
            json!({"type": "message", "subtype": "channel_join", "channel": "C1", "user": "U1", "text": "joined", "ts": "1.1"}),
            json!({"type": "app_mention", "channel": "C1", "user": "U9", "bot_id": "B9", "text": "<@UBOT> hi", "ts": "1.1"}),
            json!({"type": "reaction_added", "user": "UBOT", "reaction": "eyes", "item": {"type": "message", "channel": "C1", "ts": "1.1"}}),
        ] {
            assert_eq!(read(&event), None, "{event}");
        }
    }

    #[test]
    fn where_others_read_only_what_is_said_to_the_bot_is_heard() {
        let said = |to_bot| Event::Message { id: "2.1".into(), text: "how do I sail?".into(), to_bot };
        assert!(is_heard_among_others(&said(true)) && !is_heard_among_others(&said(false)));
        // Nothing is made there of what anybody says; what is kept from before can still be taken back.
        let bulb = Event::Reaction { message: "2.1".into(), emoji: "bulb".into(), added: true };
        assert!(!is_heard_among_others(&bulb));
        assert!(is_heard_among_others(&Event::Deleted { id: "2.1".into() }));
    }

    #[test]
    fn an_event_without_an_id_is_known_by_where_and_when_it_was() {
        let key = |event: Value| match meaning(&json!({ "team_id": "T1", "event": event }), "UBOT") {
            Meaning::Event(envelope) => envelope.key,
            other => panic!("{other:?}"),
        };
        let said =
            |kind: &str, ts: &str| json!({"type": kind, "channel": "D1", "user": "U1", "text": "help", "ts": ts});
        assert_eq!(key(said("message", "2.1")), "slack/message/D1/2.1");
        assert_ne!(key(said("message", "2.1")), key(said("message", "2.2")));
        assert_ne!(key(said("message", "2.1")), key(said("app_mention", "2.1")));
        let reacts = |user: &str, emoji: &str| {
            key(json!({"type": "reaction_added", "user": user, "reaction": emoji,
                "item": {"type": "message", "channel": "C1", "ts": "1.1"}}))
        };
        assert_eq!(reacts("U1", "bulb"), reacts("U1", "bulb"));
        assert_ne!(reacts("U1", "bulb"), reacts("U2", "bulb"));
        assert_ne!(reacts("U1", "bulb"), reacts("U1", "eyes"));
        let nowhen = json!({"event": {"type": "message", "channel": "D1", "user": "U1", "text": "help"}});
        assert!(matches!(meaning(&nowhen, "UBOT"), Meaning::Unknown(_)));
    }

    #[test]
    fn reactions_and_what_nobody_knows() {
        let event = json!({"type": "reaction_removed", "user": "U1", "reaction": "bulb", "item_user": "U2",
            "item": {"type": "message", "channel": "C1", "ts": "1.1"}, "event_ts": "5.000003"});
        let envelope = read(&event).unwrap();
        let reaction = Event::Reaction { message: "1.1".into(), emoji: "bulb".into(), added: false };
        assert_eq!((envelope.event, envelope.at), (reaction, Instant(5_000_003)));
        assert_eq!(meaning(&callback(&json!({"type": "emoji_changed"})), ""), Meaning::Unknown("emoji_changed".into()));
        assert!(matches!(meaning(&callback(&json!({"type": "tokens_revoked"})), ""), Meaning::Gone(_)));
        assert!(matches!(meaning(&json!({"event": {"type": "message"}}), ""), Meaning::Unknown(_)));
    }
}
