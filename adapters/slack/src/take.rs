//! What came in, the same for both transports: mapped, stored, and only then acknowledged.

use std::sync::Arc;

use serde_json::Value;
use stoa_flow::Flow;
use stoa_flow::chat::{Envelope, Event, Opened};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::Result;

use crate::app::App;
use crate::events::{self, Meaning, word};
use crate::interactions::{self, Interaction};
use crate::platform::Slack;
use crate::{installs, view};

/// Where the events of one app go.
#[derive(Clone)]
pub(crate) struct Inlet {
    pub flow: Arc<Flow>,
    pub app: Arc<App>,
    pub slack: Arc<Slack>,
}

/// What came in.
pub(crate) enum Incoming {
    /// The payload of the Events API.
    Event(Value),
    /// The fields of a slash command.
    Command(Value),
    /// The payload of an interaction.
    Interactive(Value),
}

impl Incoming {
    /// Whose it is: what one user does is stored in its order.
    pub(crate) fn user(&self) -> &str {
        match self {
            Self::Event(v) => {
                let event = &v["event"];
                let users = [&event["user"], &event["message"]["user"], &event["previous_message"]["user"]];
                users.iter().map(|v| word(v)).find(|t| !t.is_empty()).unwrap_or_default()
            }
            Self::Command(v) => word(&v["user_id"]),
            Self::Interactive(v) => word(&v["user"]["id"]),
        }
    }
}

impl Incoming {
    /// The workspace in which it happened, and the organisation of Enterprise Grid; empty where Slack does not say.
    fn workspace(&self) -> (&str, &str) {
        let (team, organisation) = match self {
            Self::Event(v) | Self::Command(v) => (&v["team_id"], &v["enterprise_id"]),
            Self::Interactive(v) => (&v["team"]["id"], &v["enterprise"]["id"]),
        };
        let team = match (self, word(team)) {
            (Self::Interactive(v), "") => word(&v["user"]["team_id"]),
            (_, team) => team,
        };
        let organisation = match (self, word(organisation)) {
            (Self::Event(v), "") => word(&v["authorizations"][0]["enterprise_id"]),
            (_, organisation) => organisation,
        };
        (team, organisation)
    }
}

impl Inlet {
    /// Takes what came in. Acknowledge after this with what it gives.
    ///
    /// # Errors
    /// When it could not be stored: do not acknowledge then, Slack sends it again.
    pub(crate) async fn take(&self, incoming: Incoming) -> Result<Option<Value>> {
        match self.within(&incoming).await? {
            Some(inlet) => inlet.take_here(incoming).await,
            None => {
                self.app.unknown("something from a workspace in which the app is not installed");
                Ok(None)
            }
        }
    }

    /// The same in the workspace in which something happened, where the app is installed in several.
    async fn within(&self, incoming: &Incoming) -> Result<Option<Self>> {
        let name = &self.app.options.name;
        if !self.app.options.is_installed_by_page() {
            return Ok(Some(self.clone()));
        }
        let (team, organisation) = incoming.workspace();
        let find = || {
            let found = self.slack.installation(name, team).or_else(|| self.slack.installation(name, organisation));
            found.inspect(|app| app.has_team(team))
        };
        let found = match find() {
            // Another server may have installed it a moment ago.
            None if self.slack.load_again().await? => find(),
            found => found,
        };
        let own = || (!self.app.options.bot_token.is_empty()).then(|| self.app.clone());
        Ok(found.or_else(own).map(|app| Self { app, ..self.clone() }))
    }

    async fn take_here(&self, incoming: Incoming) -> Result<Option<Value>> {
        let (app, now) = (&self.app, self.flow.clock().now());
        let incoming = self.with_names(incoming).await?;
        let interaction = match incoming {
            Incoming::Event(payload) => {
                let mut meaning = events::meaning(&payload, app.bot());
                if let Meaning::Event(envelope) = &mut meaning {
                    self.belongs(envelope);
                }
                match meaning {
                    Meaning::Event(envelope) => {
                        let among_others = events::is_shared(&payload) && !envelope.place.direct;
                        if !envelope.place.direct {
                            app.audiences.heard(&envelope.place.channel, among_others);
                        }
                        if !among_others || events::is_heard_among_others(&envelope.event) {
                            // Nobody answers the others; what is kept of them hangs on accounts that are known.
                            if events::is_said_to_bot(&envelope.event) {
                                self.met(&envelope.account, events::team_of_author(&payload)).await?;
                            }
                            self.event(*envelope).await?;
                        }
                    }
                    Meaning::Thread => self.thread_started(workspace(&payload), &payload["event"]).await?,
                    Meaning::Member => self.member_changed(workspace(&payload), &payload["event"]["user"]).await?,
                    Meaning::DoNotDisturb => self.silenced(workspace(&payload), &payload["event"]).await?,
                    Meaning::Home => app.homes.opened(&payload["event"], workspace(&payload)),
                    Meaning::Nothing => {}
                    Meaning::Gone(why) => {
                        app.api.tell_operator(&why, &why);
                        self.removed(word(&payload["event"]["type"])).await?;
                    }
                    Meaning::Unknown(kind) => app.unknown(&kind),
                }
                return Ok(None);
            }
            Incoming::Command(form) => {
                let Some(read) = interactions::command(&form, app.bot(), now) else {
                    app.unknown("a command without its fields");
                    return Ok(None);
                };
                self.responds(&read, &form);
                (read, form)
            }
            Incoming::Interactive(payload) => match interactions::interactive(&payload, app.bot(), now) {
                Ok(read) => {
                    self.responds(&read, &payload);
                    (read, payload)
                }
                Err(kind) => {
                    app.unknown(&kind);
                    return Ok(None);
                }
            },
        };
        let (mut read, payload) = interaction;
        self.belongs(&mut read.envelope);
        self.met(&read.envelope.account, word(&payload["user"]["team_id"])).await?;
        self.interaction(read, &payload).await
    }

    /// With the names of the people who are mentioned in what was said.
    async fn with_names(&self, mut incoming: Incoming) -> Result<Incoming> {
        let workspace = incoming.workspace().0.to_owned();
        let (payload, texts): (&mut Value, &[&str]) = match &mut incoming {
            Incoming::Event(v) => (v, &["/event/text", "/event/message/text", "/event/previous_message/text"]),
            Incoming::Command(v) => (v, &["/text"]),
            Incoming::Interactive(v) => (v, &["/message/text"]),
        };
        for text in texts {
            if let Some(Value::String(text)) = payload.pointer_mut(text) {
                *text = self.app.with_names(self.flow.db(), &workspace, text).await?;
            }
        }
        Ok(incoming)
    }

    /// What names no workspace happened in the app's own.
    fn belongs(&self, envelope: &mut Envelope) {
        if let (true, Some(me)) = (envelope.account.workspace.is_empty(), self.app.known()) {
            envelope.account.workspace.clone_from(&me.workspace);
            envelope.place.workspace.clone_from(&me.workspace);
        }
    }

    /// Where the app was installed by its page, its token is of no use any more.
    async fn removed(&self, kind: &str) -> Result<()> {
        if let (Some(install), "app_uninstalled" | "tokens_revoked") = (self.app.installed(), kind) {
            installs::end(self.flow.db(), &self.app.options.name, &install.workspace).await?;
            self.slack.load().await?;
        }
        Ok(())
    }

    async fn event(&self, envelope: Envelope) -> Result<()> {
        if envelope.place.direct && envelope.place.channel.starts_with('D') {
            self.app.remember_direct(&envelope.account.user, &envelope.place.channel);
        }
        match (&envelope.place.thread, &envelope.event) {
            (Some(thread), _) => self.app.has_thread(&envelope.place.channel, thread),
            (None, Event::Message { id, to_bot: true, .. }) if !envelope.place.direct => {
                self.app.heard_threadless(&envelope.place.channel, id);
            }
            _ => {}
        }
        self.works(&envelope);
        self.flow.accept(envelope).await.map(|_| ())
    }

    async fn interaction(&self, mut read: Interaction, payload: &Value) -> Result<Option<Value>> {
        let place = &mut read.envelope.place;
        let from_anywhere = matches!(read.envelope.event, Event::Command { .. } | Event::Shortcut { .. });
        let user = &read.envelope.account.user;
        // A command or a shortcut may come from where two people talk alone; the bot cannot answer there.
        if place.direct && (from_anywhere || place.channel.is_empty()) {
            match self.app.direct_at_once(user) {
                Some(channel) if channel != place.channel => (place.channel, place.thread) = (channel, None),
                Some(_) => {}
                None if place.channel.is_empty() => place.channel.clone_from(user),
                None => {}
            }
        }
        let (place, key, account) = (place.clone(), read.envelope.key.clone(), read.envelope.account.clone());
        match self.flow.accept(read.envelope).await? {
            Opened::Stored | Opened::Repeated => Ok(None),
            Opened::Errors(errors) => Ok(Some(view::errors(&errors, &payload["view"]))),
            // A trigger opens one form: what comes again opened it before.
            Opened::Form(_) if !self.flow.shows(&key, &account).await? => Ok(None),
            Opened::Form(form) => {
                let (app, slack) = (self.app.clone(), self.slack.clone());
                // Beside the acknowledgement, so that neither waits for the other.
                tokio::spawn(async move {
                    if !app.open(&read.trigger, &place, &form).await {
                        let text = say!(Words::english(), "chat-form-too-late");
                        slack.tell(&app, &place, &account, text, &format!("form/{key}")).await;
                    }
                });
                Ok(None)
            }
        }
    }

    fn responds(&self, read: &Interaction, payload: &Value) {
        let (place, user, url) = (&read.envelope.place, &read.envelope.account.user, word(&payload["response_url"]));
        self.app.remember_response(&place.channel, user, url);
        if payload["container"]["is_ephemeral"] == true {
            self.app.remember_pressed(&read.envelope.key, url);
        }
        if place.direct {
            // Under which the conversation may go.
            self.app.remember_response(user, user, url);
        }
    }
}

/// The workspace in which something happened.
fn workspace(payload: &Value) -> &str {
    word(&payload["team_id"])
}
