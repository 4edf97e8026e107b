//! The manifest from which an app is made at Slack: commands, events, shortcuts, and the least scopes for them.

use serde_json::{Value, json};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};

/// The scopes of the bot, each with what a workspace loses without it.
pub(crate) const SCOPES: [(&str, &str); 14] = [
    ("app_mentions:read", "nobody can ask in a channel by mentioning Stoa"),
    ("assistant:write", "the assistant pane suggests nothing and does not show that an answer is on its way"),
    ("channels:history", "Stoa hears nothing in public channels, and cannot log discussions or find what it posted"),
    ("channels:read", "the operator does not hear that a public channel was archived or that Stoa was taken out of it"),
    ("chat:write", "Stoa cannot answer at all"),
    ("commands", "there are no slash commands and shortcuts"),
    ("dnd:read", "messages that nobody asked for come while somebody does not want to be disturbed"),
    ("groups:history", "Stoa hears nothing in private channels"),
    ("groups:read", "the operator does not hear that a private channel was archived or that Stoa was taken out of it"),
    ("im:history", "nobody can write to Stoa directly"),
    ("im:write", "Stoa cannot begin a direct message: no lessons and no reminders"),
    ("mpim:history", "Stoa hears nothing in group messages"),
    ("reactions:read", "reactions to tips are not seen"),
    ("users:read", "logged discussions do not show names, and lessons do not follow who travels to another time zone"),
];

/// The events that are subscribed.
const EVENTS: [&str; 21] = [
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "assistant_thread_context_changed",
    "assistant_thread_started",
    "channel_archive",
    "channel_deleted",
    "channel_left",
    "dnd_updated_user",
    "group_archive",
    "group_deleted",
    "group_left",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "reaction_added",
    "reaction_removed",
    "team_join",
    "tokens_revoked",
    "user_change",
];

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

/// The app's manifest. `base` is `https://…/slack/<name>` in HTTP mode, none in Socket Mode.
#[must_use]
pub fn manifest(base: Option<&str>, short_commands: bool) -> Value {
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
    let mut events = json!({ "bot_events": EVENTS });
    let mut interactivity = json!({ "is_enabled": true });
    if let (Some(to_events), Some(to_interactivity)) = (url("events"), url("interactivity")) {
        events["request_url"] = json!(to_events);
        interactivity["request_url"] = json!(to_interactivity);
    }
    let mut oauth = json!({});
    if let Some(back) = url("oauth") {
        oauth["redirect_urls"] = json!([back]);
    }
    let scopes: Vec<&str> = SCOPES.iter().map(|(scope, _)| *scope).collect();
    oauth["scopes"] = json!({ "bot": scopes });
    json!({
        "display_information": {
            "name": "Stoa",
            "description": say!(words, "slack-app-about"),
            "background_color": "#1d3557",
        },
        "features": {
            "app_home": { "home_tab_enabled": true, "messages_tab_enabled": true, "messages_tab_read_only_enabled": false },
            "assistant_view": { "assistant_description": say!(words, "slack-assistant-about") },
            "bot_user": { "display_name": "Stoa", "always_online": true },
            "slash_commands": commands,
            "shortcuts": [
                shortcut(say!(words, "slack-tip-from"), "message", "tip_from", say!(words, "slack-tip-from-about")),
                shortcut(say!(words, "slack-log"), "message", "discussion_log", say!(words, "slack-log-about")),
                shortcut(say!(words, "slack-tip"), "global", "tip", say!(words, "slack-tip-about")),
            ],
        },
        "oauth_config": oauth,
        "settings": {
            "event_subscriptions": events,
            "interactivity": interactivity,
            "org_deploy_enabled": true,
            "socket_mode_enabled": base.is_none(),
            "token_rotation_enabled": false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_for_both_transports() {
        insta::assert_json_snapshot!("socket", manifest(None, false));
        let http = manifest(Some("https://learn.example.org/slack/acme"), true);
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
}
