//! Slash commands, buttons, modals and shortcuts as the flow's own events.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use stoa_flow::chat::{Account, Envelope, Event, Place, ThreadMessage};
use stoa_ground::Instant;

use crate::events::{instant, thread, word};
use crate::{PLATFORM, text, view};

/// What somebody did, and what is needed to answer at once.
#[derive(Debug, PartialEq)]
pub(crate) struct Interaction {
    /// An empty channel in its place means: where the person and the bot talk alone.
    pub envelope: Envelope,
    /// Opens a modal within three seconds.
    pub trigger: String,
}

/// Maps a slash command; `None` when it is none.
pub(crate) fn command(form: &Value, bot: &str, now: Instant) -> Option<Interaction> {
    let name = word(&form["command"]).strip_prefix('/')?;
    let args = text::plain(word(&form["text"]), bot);
    let event = Event::Command { word: name.to_owned(), args: args.trim().to_owned() };
    let (user, trigger) = (word(&form["user_id"]), word(&form["trigger_id"]));
    let channel = word(&form["channel_id"]);
    let key = known_by(trigger, form, now);
    (!user.is_empty()).then(|| interaction(word(&form["team_id"]), user, channel, None, &key, trigger, now, event))
}

/// Maps the payload of an interaction; the type's name when this version does not know it.
pub(crate) fn interactive(payload: &Value, bot: &str, now: Instant) -> Result<Interaction, String> {
    let read = match word(&payload["type"]) {
        "block_actions" => action(payload, now),
        "view_submission" => submission(payload, now),
        "message_action" => message_shortcut(payload, bot, now),
        "shortcut" => shortcut(payload, now),
        other => return Err(format!("interaction {other}")),
    };
    read.ok_or_else(|| format!("{} without what it needs", word(&payload["type"])))
}

fn action(payload: &Value, now: Instant) -> Option<Interaction> {
    let (action, container) = (&payload["actions"][0], &payload["container"]);
    let command = action["value"].as_str().or_else(|| action["selected_option"]["value"].as_str())?;
    let (user, at) = (word(&payload["user"]["id"]), word(&action["action_ts"]));
    let channel = first(&[&payload["channel"]["id"], &container["channel_id"]]);
    // What shows the button may only say it in the message.
    let message = first(&[&container["message_ts"], &payload["message"]["ts"]]);
    let thread = thread(&payload["message"]).or_else(|| container["thread_ts"].as_str().map(str::to_owned));
    // What only one person sees cannot be edited later: its answer is a message of its own.
    let shown = Some(message).filter(|ts| !ts.is_empty() && container["is_ephemeral"] != true);
    let thread = thread.filter(|t| t != message);
    let event = Event::Action { command: command.to_owned(), message: shown.map(str::to_owned) };
    let trigger = word(&payload["trigger_id"]);
    let (key, at) = match at {
        "" => (known_by(trigger, payload, now), now),
        at => (format!("{user}/{at}/{}", word(&action["action_id"])), instant(at)),
    };
    Some(interaction(team(payload), user, channel, thread, &key, trigger, at, event))
}

fn submission(payload: &Value, now: Instant) -> Option<Interaction> {
    let shown = &payload["view"];
    let meant = view::Meant::read(word(&shown["private_metadata"]))?;
    let user = word(&payload["user"]["id"]);
    let key = match word(&payload["trigger_id"]) {
        "" => {
            let values = Sha256::digest(shown["state"]["values"].to_string().as_bytes());
            let digest: String = stoa_ground::hex(values.iter().take(16));
            format!("{}/{}/{digest}", word(&shown["id"]), word(&shown["hash"]))
        }
        trigger => trigger.to_owned(),
    };
    let event = Event::Submit { command: meant.command, values: view::values(&shown["state"]["values"]) };
    let trigger = word(&payload["trigger_id"]);
    let mut read = interaction(team(payload), user, &meant.channel, meant.thread, &key, trigger, now, event);
    read.envelope.place.direct = meant.direct;
    Some(read)
}

fn message_shortcut(payload: &Value, bot: &str, now: Instant) -> Option<Interaction> {
    let message = &payload["message"];
    let ts = first(&[&payload["message_ts"], &message["ts"]]);
    let (author, workspace) = (word(&message["user"]), team(payload));
    let said = ThreadMessage {
        id: ts.to_owned(),
        author: (!author.is_empty() && author != bot && !message["bot_id"].is_string()).then(|| Account {
            platform: PLATFORM.into(),
            workspace: workspace.into(),
            user: author.into(),
        }),
        name: String::new(),
        text: text::plain(word(&message["text"]), bot),
        at: instant(ts),
    };
    let event = Event::Shortcut { command: command_of(word(&payload["callback_id"])), message: said };
    let (channel, trigger) = (word(&payload["channel"]["id"]), word(&payload["trigger_id"]));
    if ts.is_empty() {
        return None;
    }
    let key = known_by(trigger, payload, now);
    let at = payload["action_ts"].as_str().map_or(now, instant);
    let user = word(&payload["user"]["id"]);
    Some(interaction(workspace, user, channel, thread(message), &key, trigger, at, event))
}

fn shortcut(payload: &Value, now: Instant) -> Option<Interaction> {
    let (user, trigger) = (word(&payload["user"]["id"]), word(&payload["trigger_id"]));
    let command = command_of(word(&payload["callback_id"]));
    let (name, args) = command.split_once(' ').unwrap_or((&command, ""));
    let event = Event::Command { word: name.to_owned(), args: args.to_owned() };
    let key = known_by(trigger, payload, now);
    (!name.is_empty()).then(|| interaction(team(payload), user, "", None, &key, trigger, now, event))
}

/// By what a repeat is known: Slack's trigger, else all that was said, in the minute in which it came. Slack repeats within
/// seconds; who does the same again later means it.
fn known_by(trigger: &str, said: &Value, now: Instant) -> String {
    if !trigger.is_empty() {
        return trigger.to_owned();
    }
    let digest = Sha256::digest(said.to_string().as_bytes());
    format!("{}/{}", stoa_ground::hex(digest.iter().take(16)), now.0 / (60 * Instant::SECOND))
}

/// The command line of a shortcut: `tip_from` is `tip from`.
fn command_of(callback: &str) -> String {
    callback.replace('_', " ")
}

fn team(payload: &Value) -> &str {
    first(&[&payload["team"]["id"], &payload["user"]["team_id"]])
}

fn first<'a>(values: &[&'a Value]) -> &'a str {
    values.iter().map(|v| word(v)).find(|t| !t.is_empty()).unwrap_or_default()
}

#[allow(clippy::too_many_arguments, reason = "the parts of one value, each of them once")]
fn interaction(
    workspace: &str,
    user: &str,
    channel: &str,
    thread: Option<String>,
    key: &str,
    trigger: &str,
    at: Instant,
    event: Event,
) -> Interaction {
    let (platform, workspace) = (PLATFORM.to_owned(), workspace.to_owned());
    Interaction {
        envelope: Envelope {
            key: format!("{PLATFORM}/{key}"),
            at,
            account: Account { platform: platform.clone(), workspace: workspace.clone(), user: user.into() },
            place: Place {
                platform,
                workspace,
                channel: channel.into(),
                thread,
                direct: channel.is_empty() || channel.starts_with('D'),
            },
            event,
        },
        trigger: trigger.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Instant = Instant(1_795_424_400_000_000);

    #[test]
    fn a_slash_command_has_its_trigger_as_key() {
        let form = json!({"token": "x", "team_id": "T1", "channel_id": "C1", "channel_name": "general", "user_id": "U1",
            "command": "/stoa", "text": "ask what is <@U2|ana>&#39;s job?", "trigger_id": "1.2.abc",
            "response_url": "https://hooks.slack.com/commands/1", "api_app_id": "A1"});
        let read = command(&form, "UBOT", NOW).unwrap();
        assert_eq!((read.envelope.key.as_str(), read.trigger.as_str()), ("slack/1.2.abc", "1.2.abc"));
        let args = "ask what is @ana&#39;s job?".to_owned();
        assert_eq!(read.envelope.event, Event::Command { word: "stoa".into(), args });
        assert!(!read.envelope.place.direct);
        assert_eq!(command(&json!({"command": "/stoa"}), "", NOW), None, "nobody's");
        // Without a trigger it is answered all the same, once.
        let bare = json!({"command": "/stoa", "user_id": "U1", "text": "help"});
        let key = |form: &Value, at| command(form, "", at).unwrap().envelope.key;
        assert_eq!(key(&bare, NOW), key(&bare, NOW.plus(5 * Instant::SECOND)));
        assert_ne!(key(&bare, NOW), key(&bare, NOW.plus(90 * Instant::SECOND)), "it is meant again");
        let other = json!({"command": "/stoa", "user_id": "U1", "text": "why"});
        assert_ne!(key(&bare, NOW), key(&other, NOW));
    }

    #[test]
    fn a_button_says_its_command_and_where_it_stands() {
        let press = |container: &Value| {
            json!({"type": "block_actions", "user": {"id": "U1", "team_id": "T1"}, "team": {"id": "T1"},
                "channel": {"id": "D1"}, "container": container, "message": {"ts": "5.1"}, "trigger_id": "1.2",
                "actions": [{"action_id": "b0", "block_id": "x", "type": "button", "value": "helpful 7", "action_ts": "6.000002"}]})
        };
        let shown = json!({"type": "message", "message_ts": "5.1", "channel_id": "D1", "is_ephemeral": false});
        let read = interactive(&press(&shown), "UBOT", NOW).unwrap().envelope;
        assert_eq!((read.key.as_str(), read.at), ("slack/U1/6.000002/b0", Instant(6_000_002)));
        assert_eq!(read.event, Event::Action { command: "helpful 7".into(), message: Some("5.1".into()) });
        let fleeting = json!({"type": "message", "message_ts": "5.1", "channel_id": "D1", "is_ephemeral": true});
        let read = interactive(&press(&fleeting), "UBOT", NOW).unwrap().envelope;
        assert_eq!(read.event, Event::Action { command: "helpful 7".into(), message: None });
    }

    #[test]
    fn clicks_of_a_simpler_server_are_told_apart() {
        let press = |trigger: &str, ts: &str, value: &str| {
            let payload = json!({"type": "block_actions", "user": {"id": "U1"}, "channel": {"id": "D1"}, "trigger_id": trigger,
                "message": {"ts": ts}, "actions": [{"action_id": "b0", "type": "button", "value": value}]});
            interactive(&payload, "UBOT", NOW).unwrap().envelope
        };
        let first = press("", "5.1", "helpful 7");
        assert_eq!(first.event, Event::Action { command: "helpful 7".into(), message: Some("5.1".into()) });
        assert_eq!(first.key, press("", "5.1", "helpful 7").key, "a repeat");
        assert_ne!(first.key, press("", "6.1", "helpful 7").key, "another message's first button");
        assert_ne!(first.key, press("", "5.1", "helpful 8").key, "another button in the same place");
        assert_eq!(press("1.2", "5.1", "helpful 7").key, "slack/1.2");
    }

    #[test]
    fn a_form_comes_back_with_what_it_was_about() {
        let send = |trigger: &str, title: &str| {
            json!({"type": "view_submission", "team": {"id": "T1"}, "user": {"id": "U1"}, "trigger_id": trigger,
            "view": {"id": "V1", "hash": "h1", "private_metadata": "{\"c\":\"tip save\",\"ch\":\"C1\",\"th\":\"1.1\",\"d\":false}",
                "state": {"values": {"title": {"v": {"type": "plain_text_input", "value": title}},
                    "note": {"v": {"type": "plain_text_input", "value": null}},
                    "kind": {"v": {"type": "static_select", "selected_option": {"text": {}, "value": "good"}}},
                    "sure": {"v": {"type": "checkboxes", "selected_options": [{"value": "yes"}]}}}}}})
        };
        let read = |payload: &Value| interactive(payload, "UBOT", NOW).unwrap().envelope;
        let first = read(&send("9.9", "Knots"));
        assert_eq!((first.key.as_str(), first.place.channel.as_str()), ("slack/9.9", "C1"));
        assert_eq!(first.place.thread.as_deref(), Some("1.1"));
        let Event::Submit { command, values } = first.event else { panic!() };
        assert_eq!(command, "tip save");
        let values: Vec<(&str, &str)> = values.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(values, [("kind", "good"), ("sure", "yes"), ("title", "Knots")]);
        // Without a trigger a corrected form is a new event, and the same one is not.
        assert_eq!(read(&send("", "Knots")).key, read(&send("", "Knots")).key);
        assert_ne!(read(&send("", "Knots")).key, read(&send("", "Sails")).key);
    }

    #[test]
    fn shortcuts_carry_the_message_or_open_at_home() {
        let on_message = json!({"type": "message_action", "callback_id": "tip_from", "trigger_id": "3.3", "action_ts": "7.1",
            "team": {"id": "T1"}, "user": {"id": "U1"}, "channel": {"id": "C1"}, "message_ts": "5.1",
            "message": {"type": "message", "user": "U2", "text": "a &lt; b", "ts": "5.1"}});
        let read = interactive(&on_message, "UBOT", NOW).unwrap().envelope;
        let Event::Shortcut { command, message } = read.event else { panic!() };
        assert_eq!((command.as_str(), message.text.as_str()), ("tip from", "a < b"));
        assert_eq!(message.author.unwrap().user, "U2");
        let global = json!({"type": "shortcut", "callback_id": "tip", "trigger_id": "4.4", "team": {"id": "T1"}, "user": {"id": "U1"}});
        let read = interactive(&global, "UBOT", NOW).unwrap().envelope;
        assert!(read.place.direct && read.place.channel.is_empty());
        assert_eq!(interactive(&json!({"type": "view_closed"}), "", NOW).unwrap_err(), "interaction view_closed");
    }
}
