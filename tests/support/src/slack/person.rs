//! Somebody in the workspace who acts by a script.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::state::{self, APP, BOT, Kind, Message, TEAM, View};
use super::{Slack, lock};

/// Somebody in the workspace.
pub struct Person<'a> {
    pub(super) slack: &'a Slack,
    pub(super) id: String,
}

impl Person<'_> {
    /// Writes to the bot alone. Gives the number of the delivery, for [`Slack::acknowledged`].
    pub fn says_dm(&self, text: &str) -> usize {
        let channel = lock(&self.slack.hall.kept).direct(&self.id);
        self.writes(&channel, "im", None, text).1
    }

    /// Writes into a channel. Gives the message's time stamp.
    pub fn says(&self, channel: &str, text: &str) -> String {
        self.writes(channel, "channel", None, text).0
    }

    /// Writes into a channel and mentions the bot, which gets the message twice, as Slack sends it. Gives the message's
    /// time stamp.
    pub fn mentions(&self, channel: &str, text: &str) -> String {
        self.mentions_in(channel, None, text)
    }

    /// As [`mentions`](Self::mentions), in a thread.
    pub fn mentions_in(&self, channel: &str, thread: Option<&str>, text: &str) -> String {
        let text = format!("<@{BOT}> {text}");
        let (ts, _) = self.writes(channel, "channel", thread, &text);
        let mut event = json!({ "type": "app_mention", "user": self.id, "text": text, "ts": ts, "event_ts": ts,
            "channel": channel, "team": TEAM, "client_msg_id": format!("m{ts}") });
        self.is_of(&mut event);
        if let Some(thread) = thread {
            event["thread_ts"] = json!(thread);
        }
        self.slack.event(&event);
        ts
    }

    /// Says in an event which workspace this person is of.
    fn is_of(&self, event: &mut Value) {
        let kept = lock(&self.slack.hall.kept);
        let team = kept.users.get(&self.id).and_then(|u| u["team_id"].as_str()).filter(|team| *team != TEAM);
        if let Some(team) = team {
            for key in ["team", "user_team", "source_team"] {
                event[key] = json!(team);
            }
        }
    }

    /// Answers in a thread.
    pub fn replies(&self, channel: &str, thread: &str, text: &str) -> String {
        self.writes(channel, "channel", Some(thread), text).0
    }

    fn writes(&self, channel: &str, kind: &str, thread: Option<&str>, text: &str) -> (String, usize) {
        let ts = {
            let mut kept = lock(&self.slack.hall.kept);
            let ts = kept.ts();
            kept.messages.push(Message {
                channel: channel.into(),
                ts: ts.clone(),
                thread: thread.map(str::to_owned),
                user: self.id.clone(),
                text: text.into(),
                blocks: Value::Null,
                metadata: Value::Null,
                only: None,
                edits: 0,
                streaming: false,
            });
            ts
        };
        let mut event = json!({ "type": "message", "user": self.id, "text": text, "ts": ts, "event_ts": ts, "team": TEAM,
            "channel": channel, "channel_type": kind, "client_msg_id": format!("m{ts}"),
            "blocks": [{ "type": "rich_text", "elements": [] }] });
        self.is_of(&mut event);
        if let Some(thread) = thread {
            event["thread_ts"] = json!(thread);
        }
        (ts, self.slack.event(&event))
    }

    /// Changes an own message.
    pub fn edits(&self, channel: &str, ts: &str, text: &str) -> Result<usize> {
        let mut kept = lock(&self.slack.hall.kept);
        let at = kept.ts();
        let message = kept.messages.iter_mut().find(|m| m.channel == channel && m.ts == ts && m.user == self.id);
        let message = message.context("there is no such message")?;
        let old = message.json(false);
        message.text = text.into();
        message.edits += 1;
        let mut new = message.json(false);
        new["edited"] = json!({ "user": self.id, "ts": at });
        let direct = channel.starts_with('D');
        drop(kept);
        Ok(self.slack.event(
            &json!({ "type": "message", "subtype": "message_changed", "hidden": true, "channel": channel,
            "channel_type": if direct { "im" } else { "channel" }, "ts": at, "event_ts": at, "message": new,
            "previous_message": old }),
        ))
    }

    /// Deletes an own message.
    pub fn deletes(&self, channel: &str, ts: &str) -> Result<usize> {
        let mut kept = lock(&self.slack.hall.kept);
        let at = kept.ts();
        let is_it = |m: &Message| m.channel == channel && m.ts == ts && m.user == self.id;
        let position = kept.messages.iter().position(is_it).context("there is no such message")?;
        let old = kept.messages.remove(position).json(false);
        drop(kept);
        Ok(self.slack.event(
            &json!({ "type": "message", "subtype": "message_deleted", "hidden": true, "channel": channel,
            "channel_type": if channel.starts_with('D') { "im" } else { "channel" }, "deleted_ts": ts, "ts": at,
            "event_ts": at, "previous_message": old }),
        ))
    }

    /// Reacts to a message.
    pub fn reacts(&self, channel: &str, ts: &str, emoji: &str) -> usize {
        self.reaction("reaction_added", channel, ts, emoji)
    }

    /// Takes a reaction away again.
    pub fn takes_back(&self, channel: &str, ts: &str, emoji: &str) -> usize {
        self.reaction("reaction_removed", channel, ts, emoji)
    }

    fn reaction(&self, kind: &str, channel: &str, ts: &str, emoji: &str) -> usize {
        let (at, author) = {
            let mut kept = lock(&self.slack.hall.kept);
            let author = kept.position(channel, ts).map(|at| kept.messages[at].user.clone());
            (kept.ts(), author)
        };
        let mut event = json!({ "type": kind, "user": self.id, "reaction": emoji, "event_ts": at,
            "item": { "type": "message", "channel": channel, "ts": ts } });
        if let Some(author) = author {
            event["item_user"] = json!(author);
        }
        self.slack.event(&event)
    }

    /// Gives a slash command where the two talk alone.
    pub fn slash(&self, command: &str, text: &str) -> usize {
        let channel = lock(&self.slack.hall.kept).direct(&self.id);
        self.slash_in(&channel, command, text)
    }

    /// Gives a slash command in a conversation, one of the bot's or not.
    pub fn slash_in(&self, channel: &str, command: &str, text: &str) -> usize {
        let (trigger, url) = self.chances(channel, None);
        let name = if channel.starts_with('D') { "directmessage".to_owned() } else { channel.to_lowercase() };
        let form = json!({ "token": "outdated", "team_id": TEAM, "team_domain": "acme", "channel_id": channel,
            "channel_name": name, "user_id": self.id, "user_name": self.id.to_lowercase(), "command": command,
            "text": text, "api_app_id": APP, "is_enterprise_install": "false", "response_url": url,
            "trigger_id": trigger });
        self.slack.deliver(Kind::Command, form)
    }

    /// A trigger id and a response address, of a message whose button was pressed or of none.
    fn chances(&self, channel: &str, pressed: Option<&str>) -> (String, String) {
        let mut kept = lock(&self.slack.hall.kept);
        let (trigger, id) = (kept.trigger(&self.id), format!("r{}", kept.next()));
        kept.responses.insert(id.clone(), (channel.to_owned(), self.id.clone(), 0, pressed.map(str::to_owned)));
        (trigger, format!("{}/respond/{id}", self.slack.hall.url))
    }

    /// Whether this person sees a message of the bot.
    fn sees(&self, message: &Message) -> bool {
        let kept = lock(&self.slack.hall.kept);
        message.user == BOT
            && message.only.as_ref().is_none_or(|only| *only == self.id)
            && kept.channels.get(&message.channel).is_some_and(|c| c.members.contains(&self.id))
    }

    /// The newest message of the bot that this person sees and that says `part`.
    #[must_use]
    pub fn finds(&self, part: &str) -> Option<Message> {
        self.slack.messages().into_iter().rev().find(|m| self.sees(m) && m.shown().contains(part))
    }

    /// How many messages of the bot this person sees.
    #[must_use]
    pub fn count(&self) -> usize {
        self.slack.messages().iter().filter(|m| self.sees(m)).count()
    }

    /// Waits until this person sees more messages than so many, and gives the newest.
    pub async fn newest_after(&self, count: usize) -> Result<Message> {
        let newest = |slack: &Slack| {
            let all: Vec<Message> = slack.messages().into_iter().filter(|m| self.sees(m)).collect();
            if all.len() > count { all.into_iter().next_back() } else { None }
        };
        self.slack.wait(&format!("another message for {}", self.id), newest).await
    }

    /// Waits for a message of the bot that says `part`.
    pub async fn reads(&self, part: &str) -> Result<Message> {
        self.slack.wait(&format!("a message with “{part}” for {}", self.id), |_| self.finds(part)).await
    }

    /// Presses the newest button with this label, once it is there.
    pub async fn presses(&self, label: &str) -> Result<usize> {
        let is_it = |b: &Value| b["type"] == "button" && b["text"]["text"] == label;
        let find = || {
            self.slack.messages().into_iter().rev().filter(|m| self.sees(m)).find_map(|m| {
                let mut found = None;
                for block in m.blocks.as_array().into_iter().flatten() {
                    let all = block["elements"].as_array().into_iter().flatten().chain(block.get("accessory"));
                    found = all.into_iter().find(|e| is_it(e)).map(|e| (block.clone(), e.clone())).or(found);
                }
                found.map(|(block, button)| (m, block, button))
            })
        };
        let (message, block, button) =
            self.slack.wait(&format!("a button “{label}” for {}", self.id), |_| find()).await?;
        let (trigger, url) = self.chances(&message.channel, Some(&message.ts));
        let at = lock(&self.slack.hall.kept).ts();
        let mut action = button;
        action["action_ts"] = json!(at);
        action["block_id"] = if block["block_id"].is_null() { json!("b1ock") } else { block["block_id"].clone() };
        let mut container = json!({ "type": "message", "message_ts": message.ts, "channel_id": message.channel,
            "is_ephemeral": message.only.is_some() });
        if let Some(thread) = &message.thread {
            container["thread_ts"] = json!(thread);
        }
        let mut payload = json!({ "type": "block_actions", "team": { "id": TEAM, "domain": "acme" },
            "user": { "id": self.id, "username": self.id.to_lowercase(), "team_id": TEAM }, "api_app_id": APP,
            "token": "outdated", "container": container, "trigger_id": trigger, "response_url": url,
            "channel": { "id": message.channel, "name": "directmessage" }, "actions": [action] });
        // What only one person sees is not in the payload.
        if message.only.is_none() {
            payload["message"] = message.json(true);
        }
        Ok(self.slack.deliver(Kind::Interactive, payload))
    }

    /// Opens the assistant pane, which begins a thread; gives the conversation and the thread.
    pub fn opens_pane(&self) -> (String, String) {
        let (channel, ts) = {
            let mut kept = lock(&self.slack.hall.kept);
            let (channel, ts) = (kept.direct(&self.id), kept.ts());
            kept.messages.push(Message {
                channel: channel.clone(),
                ts: ts.clone(),
                thread: None,
                user: BOT.into(),
                text: "New Assistant Thread".into(),
                blocks: Value::Null,
                metadata: Value::Null,
                only: None,
                edits: 0,
                streaming: false,
            });
            kept.panes.insert((channel.clone(), ts.clone()), json!({}));
            (channel, ts)
        };
        let thread = json!({ "user_id": self.id, "channel_id": channel, "thread_ts": ts,
            "context": { "channel_id": "C0GENERAL", "team_id": TEAM, "enterprise_id": null } });
        self.slack.event(&json!({ "type": "assistant_thread_started", "assistant_thread": thread, "event_ts": ts }));
        (channel, ts)
    }

    /// Writes into a thread of the assistant pane.
    pub fn says_in_pane(&self, pane: &(String, String), text: &str) -> usize {
        self.writes(&pane.0, "im", Some(&pane.1), text).1
    }

    /// Opens the Home tab of the bot.
    pub fn opens_home(&self) -> usize {
        let view = self.slack.home(&self.id).unwrap_or_default();
        let (channel, at) = {
            let mut kept = lock(&self.slack.hall.kept);
            (kept.direct(&self.id), kept.ts())
        };
        let mut event = json!({ "type": "app_home_opened", "user": self.id, "channel": channel, "tab": "home",
            "event_ts": at });
        if !view.is_null() {
            event["view"] = view;
        }
        self.slack.event(&event)
    }

    /// Waits until the Home tab says `part`, and gives its blocks.
    pub async fn sees_at_home(&self, part: &str) -> Result<Value> {
        let shown = |slack: &Slack| {
            let blocks = slack.home(&self.id)?["blocks"].clone();
            state::shown(&blocks).contains(part).then_some(blocks)
        };
        self.slack.wait(&format!("“{part}” in the Home tab of {}", self.id), shown).await
    }

    /// Presses a button of the Home tab.
    pub fn presses_at_home(&self, label: &str) -> Result<usize> {
        let view = self.slack.home(&self.id).context("the Home tab is empty")?;
        let elements = view["blocks"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|b| b["elements"].as_array().into_iter().flatten());
        let button = elements.into_iter().find(|b| b["type"] == "button" && b["text"]["text"] == label);
        let mut action = button.with_context(|| format!("the Home tab has no button “{label}”"))?.clone();
        let (trigger, at) = {
            let mut kept = lock(&self.slack.hall.kept);
            (kept.trigger(&self.id), kept.ts())
        };
        (action["action_ts"], action["block_id"]) = (json!(at), json!("b1ock"));
        let payload = json!({ "type": "block_actions", "team": { "id": TEAM, "domain": "acme" }, "token": "outdated",
            "user": { "id": self.id, "username": self.id.to_lowercase(), "team_id": TEAM }, "api_app_id": APP,
            "container": { "type": "view", "view_id": "VHOME" }, "trigger_id": trigger, "view": view,
            "actions": [action] });
        Ok(self.slack.deliver(Kind::Interactive, payload))
    }

    /// Presses the newest button with this label twice, the second time before the first is acknowledged.
    pub async fn double_clicks(&self, label: &str) -> Result<()> {
        let first = self.presses(label).await?;
        let payload = {
            let kept = lock(&self.slack.hall.kept);
            kept.deliveries.get(first).context("there was no such press")?.payload.clone()
        };
        let second = {
            let mut again = payload;
            let mut kept = lock(&self.slack.hall.kept);
            again["actions"][0]["action_ts"] = json!(kept.ts());
            again["trigger_id"] = json!(kept.trigger(&self.id));
            again
        };
        let second = self.slack.deliver(Kind::Interactive, second);
        self.slack.acknowledged(first).await?;
        self.slack.acknowledged(second).await.map(|_| ())
    }

    /// Uses a shortcut on a message.
    pub fn uses_shortcut(&self, callback: &str, message: &Message) -> usize {
        let (trigger, url) = self.chances(&message.channel, None);
        let at = lock(&self.slack.hall.kept).ts();
        self.slack.deliver(
            Kind::Interactive,
            json!({ "type": "message_action", "callback_id": callback, "trigger_id": trigger, "response_url": url,
                "action_ts": at, "message_ts": message.ts, "message": message.json(true), "token": "outdated",
                "channel": { "id": message.channel, "name": "general" }, "team": { "id": TEAM, "domain": "acme" },
                "user": { "id": self.id, "name": self.id.to_lowercase(), "team_id": TEAM } }),
        )
    }

    /// Uses a shortcut that is on no message.
    pub fn uses_global_shortcut(&self, callback: &str) -> usize {
        let mut kept = lock(&self.slack.hall.kept);
        let (trigger, at) = (kept.trigger(&self.id), kept.ts());
        drop(kept);
        self.slack.deliver(
            Kind::Interactive,
            json!({ "type": "shortcut", "callback_id": callback, "trigger_id": trigger, "action_ts": at,
                "token": "outdated", "team": { "id": TEAM, "domain": "acme" },
                "user": { "id": self.id, "username": self.id.to_lowercase(), "team_id": TEAM } }),
        )
    }

    /// The modal that this person has open.
    #[must_use]
    pub fn form(&self) -> Option<View> {
        lock(&self.slack.hall.kept).views.iter().rev().find(|v| v.user == self.id && v.open).cloned()
    }

    /// Waits for a modal.
    pub async fn sees_form(&self) -> Result<View> {
        self.slack.wait(&format!("a form for {}", self.id), |_| self.form()).await
    }

    /// Fills in the modal, once it is open, and sends it. Fields are named by their label or block id; of a choice the
    /// label is given, of a box to tick `yes`. Waits for the answer: what is wrong, `null` when it closed.
    pub async fn submits(&self, values: &[(&str, &str)]) -> Result<Value> {
        let shown = self.sees_form().await?;
        let state = filled(&shown.view, values)?;
        let trigger = lock(&self.slack.hall.kept).trigger(&self.id);
        let mut view = shown.view.clone();
        (view["id"], view["hash"], view["team_id"]) = (json!(shown.id), json!(shown.hash.to_string()), json!(TEAM));
        (view["state"], view["app_id"], view["bot_id"]) =
            (json!({ "values": state }), json!(APP), json!(super::BOT_ID));
        let payload = json!({ "type": "view_submission", "team": { "id": TEAM, "domain": "acme" }, "api_app_id": APP,
            "user": { "id": self.id, "name": self.id.to_lowercase(), "team_id": TEAM }, "token": "outdated",
            "trigger_id": trigger, "view": view, "response_urls": [] });
        let delivery = self.slack.deliver(Kind::Interactive, payload);
        let (_, answer) = self.slack.acknowledged(delivery).await?;
        Ok(answer["errors"].clone())
    }
}

/// The state of a modal that is filled in, as far as Slack would let it be sent.
fn filled(view: &Value, values: &[(&str, &str)]) -> Result<Map<String, Value>> {
    let (mut state, mut used) = (Map::new(), 0);
    for (n, block) in view["blocks"].as_array().into_iter().flatten().enumerate() {
        if block["type"] != "input" {
            continue;
        }
        let id = block["block_id"].as_str().map_or_else(|| format!("block{n}"), str::to_owned);
        let (label, element) = (block["label"]["text"].as_str().unwrap_or_default(), &block["element"]);
        let given = values.iter().find(|(name, _)| *name == id || *name == label).map(|(_, value)| *value);
        used += usize::from(given.is_some());
        let kind = element["type"].as_str().unwrap_or_default();
        let given = given.map(str::to_owned).or_else(|| element["initial_value"].as_str().map(str::to_owned));
        ensure!(
            given.is_some() || block["optional"] == true || !element["initial_option"].is_null(),
            "“{label}” is to be filled in"
        );
        let all = || element["options"].as_array().into_iter().flatten();
        let value = match (kind, given) {
            ("plain_text_input", given) => {
                let most = element["max_length"].as_u64().unwrap_or(3_000);
                let length = given.as_deref().unwrap_or_default().chars().count() as u64;
                ensure!(length <= most, "“{label}” takes {most} characters, not {length}");
                json!({ "type": kind, "value": given })
            }
            ("static_select", Some(given)) => {
                let option = all().find(|o| o["text"]["text"] == given.as_str() || o["value"] == given.as_str());
                json!({ "type": kind, "selected_option": option.with_context(|| format!("“{label}” has no “{given}”"))? })
            }
            ("static_select", None) => json!({ "type": kind, "selected_option": element["initial_option"] }),
            ("checkboxes", given) => {
                let ticked: Vec<&Value> = all().filter(|_| given.as_deref() == Some("yes")).collect();
                json!({ "type": kind, "selected_options": ticked })
            }
            (other, _) => bail!("nobody here can fill in a {other}"),
        };
        let action = element["action_id"].as_str().unwrap_or("action");
        state.insert(id, json!({ action: value }));
    }
    ensure!(used == values.len(), "the form has not all of these fields: {values:?}: {view:#}");
    Ok(state)
}
