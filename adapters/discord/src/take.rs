//! What came in, the same for both transports: mapped, stored, and only then acknowledged.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stoa_flow::chat::{Event, FieldError, Form, Heard, Opened};
use stoa_flow::words::Words;
use stoa_flow::{Flow, say};
use stoa_ground::Result;
use stoa_markup::parts::cut;

use crate::api::{ALREADY_ACKNOWLEDGED, CLOSED_TO_US, Failure, Request, UNKNOWN_INTERACTION};
use crate::app::App;
use crate::events::{self, Channel, Seen};
use crate::ids::{number, word};
use crate::interactions::{self, AGAIN, Interaction, WRITE_DIRECTLY, What};
use crate::render::CUSTOM_ID;
use crate::send::nonce;
use crate::store::Kind;
use crate::{markdown, modal, store};

/// Only one person sees it.
pub(crate) const EPHEMERAL: i64 = 64;
/// How long somebody's roles are waited for: an interaction has to be acknowledged within three seconds.
const ROLES: Duration = Duration::from_secs(1);
/// Suggestions in one list, and characters of one.
const SUGGESTIONS: usize = 25;
const SUGGESTION: usize = 100;

/// Where what came in goes.
#[derive(Clone)]
pub(crate) struct Inlet {
    pub flow: Arc<Flow>,
    pub app: Arc<App>,
}

/// A dispatch of the gateway that is stored: of a message the conversation, its number, and whether both are alone there.
pub(crate) type Stored = Option<(String, i64, bool)>;

impl Inlet {
    /// Takes what the gateway dispatched. `transition` names this dispatch for ever.
    ///
    /// # Errors
    /// When it could not be stored: it is to come again.
    pub(crate) async fn dispatch(&self, kind: &str, d: &Value, transition: &str) -> Result<Stored> {
        let channel = word(&d["channel_id"]);
        if kind.starts_with("MESSAGE_") && d["guild_id"].is_null() && self.app.known(channel).is_none() {
            // Of what happens in a server Discord says in which: here the two talk alone.
            self.app.know(channel, Channel { kind: events::DIRECT, ..Channel::default() });
        }
        match kind {
            "MESSAGE_CREATE" => self.message(d).await,
            "MESSAGE_UPDATE" => {
                let channel = self.where_is(d).await?;
                self.accept(events::edited(d, &self.seen(&channel, &[]))).await.map(|()| None)
            }
            "MESSAGE_DELETE" => self.deleted(word(&d["id"]), d).await.map(|()| None),
            "MESSAGE_DELETE_BULK" => {
                for id in d["ids"].as_array().into_iter().flatten() {
                    self.deleted(word(id), d).await?;
                }
                Ok(None)
            }
            "MESSAGE_REACTION_ADD" | "MESSAGE_REACTION_REMOVE" => {
                let (channel, added) = (self.where_is(d).await?, kind.ends_with("ADD"));
                let now = self.flow.clock().now();
                self.accept(events::reaction(d, added, transition, now, &self.seen(&channel, &[]))).await.map(|()| None)
            }
            "INTERACTION_CREATE" => self.over_gateway(d).await.map(|()| None),
            "GUILD_MEMBER_ADD" | "GUILD_MEMBER_UPDATE" => {
                let (guild, user) = (word(&d["guild_id"]), word(&d["user"]["id"]));
                self.app.seen_with(guild, &d["user"], &d["roles"]).await?;
                let account = events::account(user);
                if kind == "GUILD_MEMBER_ADD" && self.flow.is_known(&account).await? {
                    self.flow.heard(&account, &[Heard::Open]).await?;
                    self.app.seen_in(user, guild).await?;
                }
                Ok(None)
            }
            "GUILD_MEMBER_REMOVE" => {
                self.app.seen_with(word(&d["guild_id"]), &d["user"], &Value::Null).await?;
                self.app.left(word(&d["user"]["id"]), word(&d["guild_id"])).await.map(|()| None)
            }
            _ => Ok(None),
        }
    }

    /// Takes a message, dispatched or fetched.
    pub(crate) async fn message(&self, d: &Value) -> Result<Stored> {
        let channel = self.where_is(d).await?;
        let (channel_id, user) = (word(&d["channel_id"]), word(&d["author"]["id"]));
        let forums = self.app.forums();
        let envelope = events::message(d, &self.seen(&channel, &forums));
        let direct = channel.guild.is_empty();
        if envelope.is_some() {
            if direct && channel.kind == events::DIRECT {
                self.app.opened(user, channel_id).await?;
                self.ask_roles(user).await;
            } else if !direct {
                self.app.seen_in(user, &channel.guild).await?;
                // Messages that are fetched do not say it.
                if d["member"].is_object() {
                    self.app.seen_with(&channel.guild, &d["author"], &d["member"]["roles"]).await?;
                }
            }
        }
        self.accept(envelope).await?;
        Ok(Some((channel_id.to_owned(), number(word(&d["id"])), direct)))
    }

    /// What cannot be asked now is asked another time: until then the account is whose it was.
    async fn ask_roles(&self, user: &str) {
        match tokio::time::timeout(ROLES, self.app.ask_roles(user)).await {
            Ok(Ok(())) => {}
            done => tracing::debug!(?done, "whether a role vouches for an account is not known just now"),
        }
    }

    async fn deleted(&self, id: &str, d: &Value) -> Result<()> {
        let channel = self.where_is(d).await?;
        let now = self.flow.clock().now();
        self.accept(Some(events::deleted(id, word(&d["channel_id"]), now, &self.seen(&channel, &[])))).await
    }

    fn seen<'a>(&'a self, channel: &'a Channel, forums: &'a [String]) -> Seen<'a> {
        Seen { bot: self.app.bot(), channel, forums }
    }

    async fn accept(&self, envelope: Option<stoa_flow::chat::Envelope>) -> Result<()> {
        let Some(envelope) = envelope else { return Ok(()) };
        self.flow.accept(envelope).await.map(|_| ())
    }

    /// The conversation of a dispatch. One that Discord does not tell is taken as it looks.
    async fn where_is(&self, d: &Value) -> Result<Channel> {
        let (id, guild) = (word(&d["channel_id"]), word(&d["guild_id"]));
        if let Some(known) = self.app.known(id) {
            return Ok(known);
        }
        match self.app.channel(id).await {
            Ok(channel) => Ok(channel),
            Err(Failure::Later { why, .. } | Failure::Limited { why, .. } | Failure::Away(why)) => {
                Err(stoa_ground::Error::Io(why))
            }
            Err(Failure::Code { .. }) => {
                let kind = if guild.is_empty() { events::DIRECT } else { 0 };
                Ok(Channel { guild: guild.into(), kind, ..Channel::default() })
            }
        }
    }

    async fn over_gateway(&self, d: &Value) -> Result<()> {
        let (id, token) = (word(&d["id"]), word(&d["token"]));
        let Some(answer) = self.interaction(d).await? else { return Ok(()) };
        let acknowledged = self.app.callback(id, token, answer).await;
        self.app.is_acknowledged(id);
        match acknowledged {
            Ok(()) => {}
            // A repeat after a resume, or too late: the answer goes another way.
            Err(failure) if matches!(failure.code(), Some(ALREADY_ACKNOWLEDGED | UNKNOWN_INTERACTION)) => {
                tracing::debug!(id, "an interaction cannot be acknowledged any more");
            }
            Err(failure) => {
                tracing::warn!(id, error = %self.app.api.send_error(failure), "an interaction could not be acknowledged");
            }
        }
        Ok(())
    }

    /// Takes an interaction; gives its acknowledgement, none for what nobody waits for. Call [`App::is_acknowledged`] once it
    /// is on its way.
    ///
    /// # Errors
    /// When it could not be stored.
    pub(crate) async fn interaction(&self, d: &Value) -> Result<Option<Value>> {
        let taken = self.take_interaction(d).await;
        if taken.is_err() {
            // Nothing will be acknowledged, so nothing waits for it.
            self.app.is_acknowledged(word(&d["id"]));
        }
        taken
    }

    async fn take_interaction(&self, d: &Value) -> Result<Option<Value>> {
        let read = match interactions::read(d, self.app.bot()) {
            Ok(read) => read,
            Err(kind) => {
                self.app.unknown(&kind);
                return Ok(meaningless(d));
            }
        };
        if d["member"].is_object() {
            self.app.seen_with(word(&d["guild_id"]), &d["member"]["user"], &d["member"]["roles"]).await?;
        } else if matches!(read.what, What::Event(_)) {
            self.ask_roles(&read.user).await;
        }
        match &read.what {
            What::Ping => Ok(Some(json!({ "type": 1 }))),
            What::Suggest { word, typed } => self.suggest(&read, word, typed).await.map(Some),
            What::Again(failed) => Ok(Some(match store::form(&self.app.db, &read.user, failed).await? {
                Some(form) => self.open(&read.user, &form).await?,
                None => told(&say!(Words::english(), "chat-form-too-late"), &[]),
            })),
            What::WriteDirectly => {
                let (inlet, read) = (self.clone(), (read.id.clone(), read.token.clone(), read.user.clone()));
                self.app.begins(&read.0);
                tokio::spawn(async move { inlet.write_directly(&read.0, &read.1, &read.2).await });
                Ok(Some(json!({ "type": 5, "data": { "flags": EPHEMERAL } })))
            }
            What::Event(_) => self.event(read).await.map(Some),
        }
    }

    async fn event(&self, read: Interaction) -> Result<Value> {
        let Interaction { id, token, user, guild, what, kind } = read;
        let What::Event(mut envelope) = what else { return Ok(Value::Null) };
        // Of a long command only its name stands in the component.
        if let Event::Action { command, .. } | Event::Submit { command, .. } = &mut envelope.event {
            match store::command(&self.app.db, command).await? {
                Some(whole) => *command = whole,
                None => return Ok(told(&say!(Words::english(), "discord-old-button"), &[])),
            }
        }
        // A message of several parts is known by one of them, whichever the button stands on.
        if let Event::Action { message: Some(pressed), .. } = &mut envelope.event {
            *pressed = store::known_as(&self.app.db, std::mem::take(pressed)).await?;
        }
        match &guild {
            Some(guild) => self.app.seen_in(&user, guild).await?,
            None if envelope.place.direct => self.app.opened(&user, &envelope.place.channel).await?,
            None => {}
        }
        let sent = match &envelope.event {
            Event::Submit { command, values } => Some((command.clone(), values.clone())),
            _ => None,
        };
        self.app.begins(&id);
        // First what is needed to answer: another server may take the event as soon as it is stored.
        store::remember_interaction(&self.app.db, &id, &token, kind).await?;
        let answer = match self.flow.accept(*envelope).await? {
            Opened::Stored | Opened::Repeated => return Ok(deferred(kind)),
            Opened::Form(form) => self.open(&user, &form).await?,
            Opened::Errors(errors) => {
                let mut form = None;
                if let Some((command, values)) = sent {
                    form = store::form(&self.app.db, &user, &command).await?;
                    form = form.map(|form| modal::filled(form, &values));
                }
                if let Some(form) = &form {
                    store::keep_form(&self.app.db, &user, &id, form).await?;
                }
                wrong(&errors, form.as_ref(), &id)
            }
        };
        // Nothing says that we think about it.
        store::answered(&self.app.db, &id).await?;
        Ok(answer)
    }

    /// The modal of a form.
    async fn open(&self, user: &str, form: &Form) -> Result<Value> {
        let mut name = form.command.clone();
        if name.chars().count() + 2 > CUSTOM_ID || name.starts_with('#') {
            let short = crate::ids::hash(&name);
            store::remember_commands(&self.app.db, &[(short.clone(), name)]).await?;
            name = format!("#{short}");
        }
        store::keep_form(&self.app.db, user, &form.command, form).await?;
        Ok(json!({ "type": 9, "data": modal::modal(form, &format!("f:{name}")) }))
    }

    async fn suggest(&self, read: &Interaction, command: &str, typed: &str) -> Result<Value> {
        let account = events::account(&read.user);
        let found = self.flow.suggest(&account, command, typed).await?;
        let choices: Vec<Value> = found
            .iter()
            .filter(|c| !c.label.trim().is_empty() && c.value.chars().count() <= SUGGESTION)
            .take(SUGGESTIONS)
            .map(|c| json!({ "name": cut(&c.label, SUGGESTION), "value": c.value }))
            .collect();
        Ok(json!({ "type": 8, "data": { "choices": choices } }))
    }

    /// From now on a person is written to directly, because they pressed the button for it.
    async fn write_directly(&self, id: &str, token: &str, user: &str) {
        self.app.until_acknowledged(id).await;
        let words = Words::english();
        let text = match self.first_words(id, user).await {
            Ok(true) => say!(words, "discord-direct-opened"),
            Ok(false) => say!(words, "discord-direct-later"),
            Err(failure) if failure.code() == Some(CLOSED_TO_US) => say!(words, "discord-direct-closed"),
            Err(failure) => {
                tracing::warn!(error = %self.app.api.send_error(failure), "a direct conversation could not be opened");
                say!(words, "discord-direct-later")
            }
        };
        let path =
            Request::new("PATCH /webhooks/:app/:id/messages/@original", token, &[&self.app.options.application_id]);
        let body = json!({ "content": markdown::pieces(&text).join("\n\n"), "allowed_mentions": { "parse": [] } });
        if let Err(failure) = self.app.api.call(&path.body(body)).await {
            tracing::warn!(error = %self.app.api.send_error(failure), "nor could that be told");
        }
    }

    /// Opens the direct conversation and says hello there; `false` when that has to wait.
    async fn first_words(&self, id: &str, user: &str) -> Result<bool, Failure> {
        let Some(channel) = self.app.open_direct(user).await? else { return Ok(false) };
        let hello = say!(Words::english(), "discord-direct-hello");
        let body = json!({ "content": markdown::pieces(&hello).join("\n\n"), "allowed_mentions": { "parse": [] },
            "nonce": nonce(id, &channel), "enforce_nonce": true });
        self.app.api.call(&Request::new("POST /channels/:id/messages", &channel, &[]).body(body)).await?;
        let noted = self.app.opened(user, &channel).await;
        noted.map_err(|e| Failure::Later { why: e.to_string(), after: None })?;
        // What waited in the server's thread comes here from now on.
        self.flow.wake();
        Ok(true)
    }
}

fn deferred(kind: Kind) -> Value {
    match kind {
        Kind::Private => json!({ "type": 5, "data": { "flags": EPHEMERAL } }),
        Kind::Direct => json!({ "type": 5 }),
        Kind::Button => json!({ "type": 6 }),
    }
}

/// The answer to what this version cannot make anything of, so that nobody waits for one.
fn meaningless(d: &Value) -> Option<Value> {
    let whole = !word(&d["id"]).is_empty() && !word(&d["token"]).is_empty();
    let words = Words::english();
    match d["type"].as_i64().filter(|_| whole)? {
        2 => Some(told(&say!(words, "discord-nothing-there"), &[])),
        3 | 5 => Some(told(&say!(words, "discord-old-button"), &[])),
        4 => Some(json!({ "type": 8, "data": { "choices": [] } })),
        _ => None,
    }
}

/// An answer at once that only this person sees.
fn told(text: &str, buttons: &[Value]) -> Value {
    let content = markdown::pieces(text).join("\n\n");
    let mut data = json!({ "content": cut(&content, crate::render::CONTENT), "flags": EPHEMERAL, "allowed_mentions": { "parse": [] } });
    if !buttons.is_empty() {
        data["components"] = json!([{ "type": 1, "components": buttons }]);
    }
    json!({ "type": 4, "data": data })
}

/// What is wrong with a form that an interaction sent. Discord closes it, so a button opens it again with what was filled in.
fn wrong(errors: &[FieldError], form: Option<&Form>, sent_by: &str) -> Value {
    let fields = form.map_or(&[][..], |form| &form.fields);
    let label = |name: &str| fields.iter().find(|f| f.name == name).map(|f| stoa_flow::chat::literal(&f.label));
    let lines: Vec<String> = errors
        .iter()
        .map(|e| match label(&e.field) {
            Some(label) => format!("- **{label}**: {}", e.why),
            None => format!("- {}", e.why),
        })
        .collect();
    let button = form.map(|_| {
        json!({ "type": 2, "style": 1, "label": say!(Words::english(), "discord-form-again"), "custom_id": format!("{AGAIN}{sent_by}") })
    });
    told(&lines.join("\n"), button.as_slice())
}

/// The button with which a person wants to be written to directly.
pub(crate) fn directly() -> Value {
    json!({ "type": 2, "style": 2, "label": say!(Words::english(), "discord-direct-button"), "custom_id": WRITE_DIRECTLY })
}
