//! Somebody who acts by a script.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use stoa_ground::clock;

use super::state::{APP, BOT, Channel, Interaction, Message, Modal};
use super::{Discord, lock};

/// Somebody in a server.
pub struct Person<'a> {
    pub(super) discord: &'a Discord,
    pub(super) id: String,
}

impl Person<'_> {
    /// Writes to the bot alone. Gives the message's id.
    pub fn says_dm(&self, text: &str) -> String {
        let channel = {
            let mut kept = lock(&self.discord.hall.kept);
            kept.willing.insert(self.id.clone());
            kept.direct(&self.id)
        };
        self.says(&channel, text)
    }

    /// Writes into a conversation. Gives the message's id.
    pub fn says(&self, channel: &str, text: &str) -> String {
        let mut kept = lock(&self.discord.hall.kept);
        let id = kept.id();
        let message = self.wrote(&id, channel, text);
        kept.push(message.clone());
        let mut d = message.json(&kept);
        if let Some(guild) = kept.channels.get(channel).and_then(|c| c.guild.clone()) {
            d["member"] = kept.member(&guild, &self.id);
            d["guild_id"] = json!(guild);
        }
        kept.dispatch("MESSAGE_CREATE", &d);
        drop(kept);
        self.discord.hall.changed();
        id
    }

    fn wrote(&self, id: &str, channel: &str, text: &str) -> Message {
        Message {
            channel: channel.into(),
            id: id.into(),
            user: self.id.clone(),
            content: text.into(),
            components: json!([]),
            only: None,
            loading: false,
            edits: 0,
            pings: Vec::new(),
            nonce: String::new(),
            answers: None,
        }
    }

    /// Writes into a conversation and mentions the bot.
    pub fn mentions(&self, channel: &str, text: &str) -> String {
        self.says(channel, &format!("<@{BOT}> {text}"))
    }

    /// Opens a post in a forum. Gives its id, which is also that of its first message.
    pub fn posts_in_forum(&self, forum: &str, title: &str, text: &str) -> String {
        let id = {
            let mut kept = lock(&self.discord.hall.kept);
            let id = kept.id();
            let guild = kept.channels.get(forum).and_then(|c| c.guild.clone());
            let post =
                Channel { kind: 11, guild, parent: Some(forum.into()), name: title.into(), ..Channel::default() };
            kept.channels.insert(id.clone(), post);
            let d = kept.channel_json(&id);
            kept.dispatch("THREAD_CREATE", &d);
            let message = self.wrote(&id, &id, text);
            kept.push(message.clone());
            let mut d = message.json(&kept);
            d["guild_id"] = json!(kept.channels.get(forum).and_then(|c| c.guild.clone()));
            kept.dispatch("MESSAGE_CREATE", &d);
            id
        };
        self.discord.hall.changed();
        id
    }

    /// Changes an own message.
    pub fn edits(&self, id: &str, text: &str) -> Result<()> {
        let mut kept = lock(&self.discord.hall.kept);
        let message = kept.messages.iter_mut().find(|m| m.id == id && m.user == self.id).context("no such message")?;
        text.clone_into(&mut message.content);
        message.edits += 1;
        let message = message.clone();
        let mut d = message.json(&kept);
        if let Some(guild) = kept.channels.get(&message.channel).and_then(|c| c.guild.clone()) {
            d["guild_id"] = json!(guild);
        }
        kept.dispatch("MESSAGE_UPDATE", &d);
        Ok(())
    }

    /// Deletes an own message.
    pub fn deletes(&self, id: &str) -> Result<()> {
        let mut kept = lock(&self.discord.hall.kept);
        let at = kept.messages.iter().position(|m| m.id == id && m.user == self.id).context("no such message")?;
        let message = kept.messages.remove(at);
        let guild = kept.channels.get(&message.channel).and_then(|c| c.guild.clone());
        kept.dispatch("MESSAGE_DELETE", &json!({ "id": id, "channel_id": message.channel, "guild_id": guild }));
        Ok(())
    }

    /// Puts a reaction to a message.
    pub fn reacts(&self, message: &str, emoji: &str) -> Result<()> {
        self.reaction("MESSAGE_REACTION_ADD", message, emoji)
    }

    /// Takes a reaction away again.
    pub fn takes_back(&self, message: &str, emoji: &str) -> Result<()> {
        self.reaction("MESSAGE_REACTION_REMOVE", message, emoji)
    }

    fn reaction(&self, kind: &str, message: &str, emoji: &str) -> Result<()> {
        let mut kept = lock(&self.discord.hall.kept);
        let at = kept.position(message).context("no such message")?;
        let channel = kept.messages[at].channel.clone();
        let mut d = json!({ "user_id": self.id, "channel_id": channel, "message_id": message, "type": 0, "burst": false,
            "emoji": { "id": null, "name": emoji } });
        if let Some(guild) = kept.channels.get(&channel).and_then(|c| c.guild.clone()) {
            // Only who adds one is told with it.
            if kind == "MESSAGE_REACTION_ADD" {
                d["member"] = kept.member(&guild, &self.id);
                d["member"]["user"] = kept.user(&self.id);
            }
            d["guild_id"] = json!(guild);
        }
        kept.dispatch(kind, &d);
        Ok(())
    }

    /// Opens a thread on a message and answers there. Gives the message's id.
    pub fn replies(&self, message: &str, text: &str) -> Result<String> {
        {
            let mut kept = lock(&self.discord.hall.kept);
            let at = kept.position(message).context("no such message")?;
            let parent = kept.messages[at].channel.clone();
            if !kept.channels.contains_key(message) {
                let guild = kept.channels.get(&parent).and_then(|c| c.guild.clone());
                let thread =
                    Channel { kind: 11, guild, parent: Some(parent), name: "a thread".into(), ..Channel::default() };
                kept.channels.insert(message.to_owned(), thread);
                let d = kept.channel_json(message);
                kept.dispatch("THREAD_CREATE", &d);
            }
        }
        Ok(self.says(message, text))
    }

    /// Gives a slash command where the two talk alone. Gives the interaction's token.
    pub fn slash(&self, word: &str, text: &str) -> String {
        let channel = lock(&self.discord.hall.kept).direct(&self.id);
        self.slash_in(&channel, word, text)
    }

    /// Gives a slash command in a conversation.
    pub fn slash_in(&self, channel: &str, word: &str, text: &str) -> String {
        let mut data = json!({ "id": "900000000000000001", "name": word, "type": 1 });
        if !text.is_empty() {
            data["options"] = json!([{ "name": "words", "type": 3, "value": text }]);
        }
        self.interacts(2, channel, &data, None)
    }

    /// Types into an option of a command: what is suggested.
    pub async fn types(&self, channel: &str, word: &str, text: &str) -> Result<Vec<String>> {
        let data = json!({ "id": "900000000000000001", "name": word, "type": 1,
            "options": [{ "name": "what", "type": 3, "value": text, "focused": true }] });
        let token = self.interacts(4, channel, &data, None);
        let said = self.discord.acknowledged(&token).await?.1;
        let choices = said["data"]["choices"].as_array().cloned().unwrap_or_default();
        Ok(choices.iter().map(|c| c["name"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// Uses a menu on a message.
    pub fn uses_menu(&self, name: &str, message: &str) -> Result<String> {
        let (channel, json) = {
            let kept = lock(&self.discord.hall.kept);
            let message = kept.messages.iter().find(|m| m.id == message).context("no such message")?;
            (message.channel.clone(), message.json(&kept))
        };
        let data = json!({ "id": "900000000000000002", "name": name, "type": 3, "target_id": message,
            "resolved": { "messages": { message: json } } });
        Ok(self.interacts(2, &channel, &data, None))
    }

    /// Does something; the bot is to acknowledge it. Gives the interaction's token.
    pub fn interacts(&self, kind: i64, channel: &str, data: &Value, on: Option<&Message>) -> String {
        let token = {
            let mut kept = lock(&self.discord.hall.kept);
            kept.willing.insert(self.id.clone());
            let (id, token, d) = self.payload(&mut kept, kind, channel, data, on);
            let interaction = Interaction {
                id,
                user: self.id.clone(),
                channel: channel.into(),
                kind,
                begun: clock::monotonic(),
                acknowledged: None,
                original: None,
                on_message: on.map(|m| m.id.clone()),
                expired: false,
            };
            kept.interactions.insert(token.clone(), interaction);
            if kept.dispatch("INTERACTION_CREATE", &d) == 0 {
                kept.lost.push(token.clone());
            }
            token
        };
        self.discord.hall.changed();
        token
    }

    /// An interaction as Discord sends it.
    fn payload(
        &self,
        kept: &mut super::state::Kept,
        kind: i64,
        channel: &str,
        data: &Value,
        on: Option<&Message>,
    ) -> (String, String, Value) {
        let id = kept.id();
        let token = format!("token-{id}");
        let guild = kept.channels.get(channel).and_then(|c| c.guild.clone());
        let mut d = json!({ "id": id, "application_id": APP, "type": kind, "token": token, "version": 1, "data": data,
            "channel_id": channel, "channel": kept.channel_json(channel), "context": if guild.is_some() { 0 } else { 1 },
            "locale": "en-GB" });
        let user = kept.user(&self.id);
        match guild {
            Some(guild) => {
                d["member"] = kept.member(&guild, &self.id);
                d["member"]["user"] = user;
                d["guild_id"] = json!(guild);
            }
            None => d["user"] = user,
        }
        if let Some(message) = on {
            d["message"] = message.json(kept);
        }
        (id, token, d)
    }

    /// Posts a slash command to the bot's address, signed: status and answer.
    pub async fn posts_slash(&self, base: &str, channel: &str, word: &str, text: &str) -> Result<(u16, Value, String)> {
        let data = json!({ "id": "900000000000000001", "name": word, "type": 1,
            "options": [{ "name": "words", "type": 3, "value": text }] });
        let (token, d) = {
            let mut kept = lock(&self.discord.hall.kept);
            let (id, token, d) = self.payload(&mut kept, 2, channel, &data, None);
            let interaction = Interaction {
                id,
                user: self.id.clone(),
                channel: channel.into(),
                kind: 2,
                begun: clock::monotonic(),
                acknowledged: None,
                original: None,
                on_message: None,
                expired: false,
            };
            kept.interactions.insert(token.clone(), interaction);
            (token, d)
        };
        let (status, said) = self.discord.posts(base, &d.to_string(), super::now(), true).await?;
        let said: Value = serde_json::from_str(&said).unwrap_or_default();
        if status == 200 {
            self.discord.answered_over_http(&token, &said)?;
        }
        Ok((status, said, token))
    }

    /// Whether this person sees a message of the bot.
    fn sees(&self, message: &Message) -> bool {
        let kept = lock(&self.discord.hall.kept);
        message.user == BOT
            && !message.loading
            && message.only.as_ref().is_none_or(|only| *only == self.id)
            && kept.reads(&self.id, &message.channel)
    }

    /// The newest message of the bot that this person sees and that says `part`.
    #[must_use]
    pub fn finds(&self, part: &str) -> Option<Message> {
        self.discord.messages().into_iter().rev().find(|m| self.sees(m) && m.shown().contains(part))
    }

    /// How many messages of the bot this person sees.
    #[must_use]
    pub fn count(&self) -> usize {
        self.discord.messages().iter().filter(|m| self.sees(m)).count()
    }

    /// Waits until this person sees more messages than so many, and gives the newest.
    pub async fn newest_after(&self, count: usize) -> Result<Message> {
        let newest = |discord: &Discord| {
            let all: Vec<Message> = discord.messages().into_iter().filter(|m| self.sees(m)).collect();
            if all.len() > count { all.into_iter().next_back() } else { None }
        };
        self.discord.wait(&format!("another message for {}", self.id), newest).await
    }

    /// Waits for a message of the bot that says `part`.
    pub async fn reads(&self, part: &str) -> Result<Message> {
        self.discord.wait(&format!("a message with “{part}” for {}", self.id), |_| self.finds(part)).await
    }

    /// Presses the newest button with this label, once it is there. Gives the interaction's token.
    pub async fn presses(&self, label: &str) -> Result<String> {
        let find = || {
            self.discord.messages().into_iter().rev().filter(|m| self.sees(m)).find_map(|m| {
                let button = m.buttons().find(|b| b["label"] == label)?.clone();
                Some((m, button))
            })
        };
        let (message, button) = self.discord.wait(&format!("a button “{label}” for {}", self.id), |_| find()).await?;
        let data = json!({ "component_type": 2, "custom_id": button["custom_id"] });
        Ok(self.interacts(3, &message.channel, &data, Some(&message)))
    }

    /// The modal that this person has open.
    #[must_use]
    pub fn form(&self) -> Option<Modal> {
        lock(&self.discord.hall.kept).modals.iter().rev().find(|m| m.user == self.id && m.open).cloned()
    }

    /// Waits for a modal.
    pub async fn sees_form(&self) -> Result<Modal> {
        self.discord.wait(&format!("a form for {}", self.id), |_| self.form()).await
    }

    /// Fills in the modal, once it is open, and sends it. Fields are named by their label; of a choice the label is given,
    /// of a box to tick `yes`. Waits for the answer of the bot.
    pub async fn submits(&self, values: &[(&str, &str)]) -> Result<Value> {
        let shown = self.sees_form().await?;
        let components = filled(&shown.view, values)?;
        let data = json!({ "custom_id": shown.view["custom_id"], "components": components });
        let on = shown.on_message.as_ref().and_then(|id| self.discord.messages().into_iter().find(|m| m.id == *id));
        for modal in &mut lock(&self.discord.hall.kept).modals {
            if modal.user == self.id {
                modal.open = false;
            }
        }
        let token = self.interacts(5, &shown.channel, &data, on.as_ref());
        Ok(self.discord.acknowledged(&token).await?.1)
    }
}

/// The components of a modal that is filled in, as far as Discord would let it be sent.
fn filled(view: &Value, values: &[(&str, &str)]) -> Result<Vec<Value>> {
    let (mut all, mut used) = (Vec::new(), 0);
    for part in view["components"].as_array().into_iter().flatten().filter(|p| p["type"] == 18) {
        let (label, inner) = (part["label"].as_str().unwrap_or_default(), &part["component"]);
        let given = values.iter().find(|(name, _)| *name == label || inner["custom_id"] == *name).map(|(_, v)| *v);
        used += usize::from(given.is_some());
        let required = inner["required"] != false;
        let answer = match inner["type"].as_i64() {
            Some(4) => {
                let text = given.map_or_else(|| inner["value"].as_str().unwrap_or_default().to_owned(), str::to_owned);
                ensure!(!required || !text.is_empty(), "“{label}” is to be filled in");
                let most = inner["max_length"].as_u64().unwrap_or(4_000);
                ensure!(text.chars().count() as u64 <= most, "“{label}” takes {most} characters");
                json!({ "type": 4, "custom_id": inner["custom_id"], "value": text })
            }
            Some(3) => {
                let options = inner["options"].as_array().context("options")?;
                let chosen = match given {
                    Some("yes") => options.first(),
                    Some(given) => options.iter().find(|o| o["label"] == given),
                    None => options.iter().find(|o| o["default"] == true),
                };
                ensure!(chosen.is_some() || !required, "“{label}” is to be chosen");
                let values: Vec<Value> = chosen.map(|o| o["value"].clone()).into_iter().collect();
                json!({ "type": 3, "custom_id": inner["custom_id"], "values": values })
            }
            other => bail!("nobody here can fill in a {other:?}"),
        };
        all.push(json!({ "type": 18, "id": all.len() + 1, "component": answer }));
    }
    ensure!(used == values.len(), "the form has not all of these fields: {values:?}: {view:#}");
    Ok(all)
}
