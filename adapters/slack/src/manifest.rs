//! The manifest from which an app is made at Slack: commands, events, shortcuts, and the least scopes for them.

use serde_json::{Value, json};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};

use crate::Feature;

/// A scope of the bot, the features for which it is needed (for what every app does, where there are none), and what a
/// workspace loses without it.
type Scope = (&'static str, &'static [Feature], &'static str);

/// To see a reaction, the message is read.
const READING: &[Feature] = &[Feature::Discussions, Feature::Reactions];

const SCOPES: [Scope; 14] = [
    ("app_mentions:read", &[], "nobody can ask in a channel by mentioning Stoa"),
    (
        "assistant:write",
        &[Feature::Assistant],
        "the assistant pane suggests nothing and does not show that an answer is on its way",
    ),
    (
        "channels:history",
        READING,
        "Stoa hears nothing in public channels, and cannot log discussions or find what it posted",
    ),
    (
        "channels:read",
        &[Feature::ChannelNews, Feature::Discussions, Feature::Reactions],
        "nothing that is said in a channel becomes a tip or a discussion, for nobody says who reads there, and the operator does \
         not hear that a public channel was archived or that Stoa was taken out of it",
    ),
    ("chat:write", &[], "Stoa cannot answer at all"),
    ("commands", &[], "there are no slash commands and shortcuts"),
    (
        "dnd:read",
        &[Feature::DoNotDisturb],
        "messages that nobody asked for come while somebody does not want to be disturbed",
    ),
    ("groups:history", READING, "Stoa hears nothing in private channels"),
    (
        "groups:read",
        &[Feature::ChannelNews],
        "the operator does not hear that a private channel was archived or that Stoa was taken out of it",
    ),
    ("im:history", &[], "nobody can write to Stoa directly"),
    ("im:write", &[], "Stoa cannot begin a direct message: no lessons and no reminders"),
    ("mpim:history", READING, "Stoa hears nothing in group messages"),
    ("reactions:read", &[Feature::Reactions], "reactions to tips are not seen"),
    (
        "users:read",
        &[],
        "people whose account nobody linked get no answers, for nobody says whether they are guests; logged discussions do not \
         show names, and lessons do not follow who travels to another time zone",
    ),
];

/// The events that are subscribed, each with the feature that needs it.
const EVENTS: [(&str, Option<Feature>); 21] = [
    ("app_home_opened", None),
    ("app_mention", None),
    ("app_uninstalled", None),
    ("assistant_thread_context_changed", Some(Feature::Assistant)),
    ("assistant_thread_started", Some(Feature::Assistant)),
    ("channel_archive", Some(Feature::ChannelNews)),
    ("channel_deleted", Some(Feature::ChannelNews)),
    ("channel_left", Some(Feature::ChannelNews)),
    ("dnd_updated_user", Some(Feature::DoNotDisturb)),
    ("group_archive", Some(Feature::ChannelNews)),
    ("group_deleted", Some(Feature::ChannelNews)),
    ("group_left", Some(Feature::ChannelNews)),
    ("message.channels", Some(Feature::Discussions)),
    ("message.groups", Some(Feature::Discussions)),
    ("message.im", None),
    ("message.mpim", Some(Feature::Discussions)),
    ("reaction_added", Some(Feature::Reactions)),
    ("reaction_removed", Some(Feature::Reactions)),
    ("team_join", None),
    ("tokens_revoked", None),
    ("user_change", None),
];

/// The scopes that an app with these features needs, each with what a workspace loses without it.
pub(crate) fn scopes(features: &[Feature]) -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_needed = |needs: &[Feature]| needs.is_empty() || needs.iter().any(|feature| features.contains(feature));
    SCOPES.into_iter().filter(move |(_, needs, _)| is_needed(needs)).map(|(scope, _, cost)| (scope, cost))
}

/// The short commands. Slack keeps `/help` for itself.
const COMMANDS: [(&str, &str); 9] = [
    ("ask", words_key!("chat-help-about-ask")),
    ("tip", words_key!("chat-help-about-tip")),
    ("did", words_key!("chat-help-about-did")),
    ("learn", words_key!("chat-help-about-learn")),
    ("training", words_key!("chat-help-about-training")),
    ("team", words_key!("chat-help-about-team")),
    ("why", words_key!("chat-help-about-why")),
    ("settings", words_key!("chat-help-about-settings")),
    ("mydata", words_key!("chat-help-about-mydata")),
];

/// The manifest of an app with these features. `base` is `https://…/slack/<name>` in HTTP mode, none in Socket Mode.
#[must_use]
pub fn manifest(base: Option<&str>, short_commands: bool, features: &[Feature]) -> Value {
    let has = |feature: &Feature| features.contains(feature);
    let url = |path: &str| base.map(|base| format!("{base}/{path}"));
    let command = |word: &str, about: &str, hint: &str| {
        let mut command = json!({ "command": format!("/{word}"), "description": about, "should_escape": true });
        if !hint.is_empty() {
            command["usage_hint"] = json!(hint);
        }
        if let Some(url) = url("commands") {
            command["url"] = json!(url);
        }
        command
    };
    let words = Words::english();
    let mut commands = vec![command("stoa", &say!(words, "slack-command"), &say!(words, "slack-command-hint"))];
    if short_commands {
        commands.extend(COMMANDS.iter().map(|(word, about)| command(word, &words.say(about), "")));
    }
    let shortcut = |name: String, kind: &str, callback: &str, about: String| json!({ "name": name, "type": kind, "callback_id": callback, "description": about });
    let bot_events: Vec<&str> =
        EVENTS.iter().filter(|(_, needs)| needs.as_ref().is_none_or(has)).map(|(event, _)| *event).collect();
    let mut events = json!({ "bot_events": bot_events });
    let mut interactivity = json!({ "is_enabled": true });
    if let (Some(to_events), Some(to_interactivity)) = (url("events"), url("interactivity")) {
        events["request_url"] = json!(to_events);
        interactivity["request_url"] = json!(to_interactivity);
    }
    let mut oauth = json!({});
    if let Some(back) = url("oauth") {
        oauth["redirect_urls"] = json!([back]);
    }
    let scopes: Vec<&str> = scopes(features).map(|(scope, _)| scope).collect();
    oauth["scopes"] = json!({ "bot": scopes });
    let mut shortcuts =
        vec![shortcut(say!(words, "slack-tip-from"), "message", "tip_from", say!(words, "slack-tip-from-about"))];
    if has(&Feature::Discussions) {
        shortcuts.push(shortcut(say!(words, "slack-log"), "message", "discussion_log", say!(words, "slack-log-about")));
    }
    shortcuts.push(shortcut(say!(words, "slack-tip"), "global", "tip", say!(words, "slack-tip-about")));
    let mut manifest = json!({
        "display_information": {
            "name": "Stoa",
            "description": say!(words, "slack-app-about"),
            "background_color": "#1d3557",
        },
        "features": {
            "app_home": { "home_tab_enabled": true, "messages_tab_enabled": true, "messages_tab_read_only_enabled": false },
            "bot_user": { "display_name": "Stoa", "always_online": true },
            "slash_commands": commands,
            "shortcuts": shortcuts,
        },
        "oauth_config": oauth,
        "settings": {
            "event_subscriptions": events,
            "interactivity": interactivity,
            "org_deploy_enabled": true,
            "socket_mode_enabled": base.is_none(),
            "token_rotation_enabled": false,
        },
    });
    if has(&Feature::Assistant) {
        manifest["features"]["assistant_view"] =
            json!({ "assistant_description": say!(words, "slack-assistant-about") });
    }
    manifest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_for_both_transports() {
        insta::assert_json_snapshot!("socket", manifest(None, false, &Feature::ALL));
        let http = manifest(Some("https://learn.example.org/slack/acme"), true, &Feature::ALL);
        assert_eq!(http["features"]["slash_commands"].as_array().unwrap().len(), 1 + COMMANDS.len());
        assert_eq!(http["settings"]["socket_mode_enabled"], false);
        assert_eq!(
            http["settings"]["interactivity"]["request_url"],
            "https://learn.example.org/slack/acme/interactivity"
        );
        for command in http["features"]["slash_commands"].as_array().unwrap() {
            assert_eq!(command["url"], "https://learn.example.org/slack/acme/commands");
            let about = command["description"].as_str().unwrap();
            assert!(!about.contains('⟨') && about.chars().count() <= 2_000);
        }
    }

    #[test]
    fn each_feature_has_its_scopes_and_events_and_without_any_the_least_is_left() {
        let of = |features: &[Feature]| {
            let manifest = manifest(None, false, features);
            let names = |list: &Value| -> Vec<String> {
                list.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
            };
            let (scopes, events) = (
                names(&manifest["oauth_config"]["scopes"]["bot"]),
                names(&manifest["settings"]["event_subscriptions"]["bot_events"]),
            );
            (manifest, scopes, events)
        };
        let (least, scopes, events) = of(&[]);
        assert_eq!(scopes, ["app_mentions:read", "chat:write", "commands", "im:history", "im:write", "users:read"]);
        assert_eq!(
            events,
            [
                "app_home_opened",
                "app_mention",
                "app_uninstalled",
                "message.im",
                "team_join",
                "tokens_revoked",
                "user_change"
            ]
        );
        assert!(least["features"]["assistant_view"].is_null());
        assert_eq!(least["features"]["shortcuts"].as_array().unwrap().len(), 2);
        for feature in Feature::ALL {
            let (_, more, heard) = of(&[feature]);
            assert!(more.len() > scopes.len() && heard.len() > events.len(), "{feature:?} needs something");
        }
        let (_, reactions, _) = of(&[Feature::Reactions]);
        assert!(reactions.contains(&"channels:history".to_owned()), "the message is read");
        assert!(!of(&Feature::ALL).0["features"]["assistant_view"].is_null());
    }
}
