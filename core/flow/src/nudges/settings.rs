//! `settings`: when voluntary messages come, whether they pause, and the person's own quiet hours.

use async_trait::async_trait;
use stoa_ground::Result;
use stoa_ground::people;

use super::facts::{PAUSED, QUIET_HOURS};
use super::zone;
use crate::chat::{
    Args, Block, Button, Call, Command, Context, Field, FieldError, FieldKind, Form, Message, Panel, Suggestion, Visit,
    literal,
};
use crate::delivery::{PREFERRED, preference};
use crate::words::Words;
use crate::{say, words_key};

/// The setting that holds the time of day for lessons, for example `09:30`.
const LESSON_TIME: &str = "lesson_time";

/// The field of the form for the zone.
const ZONE: &str = "zone";

/// The command `settings`.
pub struct Settings;

/// Where platforms suggest nothing while people type.
fn zone_form(cx: &Context<'_>) -> Form {
    let hint = Some(say!(cx.words, "settings-zone-hint"));
    let field = Field { hint, ..Field::text(ZONE, say!(cx.words, "settings-zone-label"), false, 60) };
    Form {
        command: "settings zone save".into(),
        title: say!(cx.words, "settings-title"),
        intro: None,
        fields: vec![field],
        submit: say!(cx.words, "settings-save"),
    }
}

/// A place that a person can choose: the value that is stored, and what people call it.
struct Choice {
    value: String,
    name: String,
}

/// The places among a person's accounts, by name. Workspaces whose name nobody knows are counted.
async fn choices(cx: &Context<'_>, accounts: Vec<people::Account>) -> Vec<Choice> {
    let mut choices: Vec<Choice> = Vec::new();
    for account in accounts.into_iter().map(crate::chat::Account::from) {
        let value = preference(&account);
        // Where a platform is not connected any more, no message can go.
        let Some(platform) = cx.flow.platform(&account.platform) else { continue };
        if choices.iter().any(|c| c.value == value) {
            continue;
        }
        let workspace = platform.workspace_name(&account.workspace).await;
        let name = match workspace {
            Some(workspace) => {
                say!(cx.words, "settings-place-in", platform = platform.title(), workspace = workspace)
            }
            None => platform.title(),
        };
        let same = choices.iter().filter(|c| c.name == name || c.name.starts_with(&format!("{name} ("))).count();
        let name = if same > 0 { format!("{name} ({})", same + 1) } else { name };
        choices.push(Choice { value, name });
    }
    choices
}

/// Where messages go, for people with several chats. The first choice is the one used last.
fn place_field(cx: &Context<'_>, choices: Vec<Choice>, chosen: Option<String>) -> Field {
    let mut options = vec![(String::new(), say!(cx.words, "settings-place-last"))];
    options.extend(choices.into_iter().map(|c| (c.value, c.name)));
    let chosen = chosen.filter(|c| options.iter().any(|(value, _)| value == c));
    let kind = FieldKind::Choice { options, initial: chosen.or_else(|| Some(String::new())) };
    Field { optional: true, kind, ..Field::text(PREFERRED, say!(cx.words, "settings-place"), false, 20) }
}

#[async_trait]
impl Command for Settings {
    fn word(&self) -> &'static str {
        "settings"
    }

    fn about(&self) -> &'static str {
        words_key!("chat-help-about-settings")
    }

    fn accepts(&self, args: &Args) -> bool {
        matches!(args.text(), "" | "pause" | "resume") || args.split().0 == "zone"
    }

    async fn suggest(&self, _cx: &Context<'_>, typed: &str) -> Result<Vec<Suggestion>> {
        Ok(zone::suggested(typed))
    }

    async fn form(&self, cx: &Context<'_>, call: &Call) -> Result<Option<Form>> {
        match call.args.text() {
            "edit" => {}
            "zone" => return Ok(Some(zone_form(cx))),
            _ => return Ok(None),
        }
        let id = cx.person()?.id.clone();
        let (time, quiet, place, accounts) = cx
            .db()
            .read(|c| async move {
                let (time, quiet) =
                    (people::setting(&c, &id, LESSON_TIME).await?, people::setting(&c, &id, QUIET_HOURS).await?);
                Ok((time, quiet, people::setting(&c, &id, PREFERRED).await?, people::accounts_of(&c, &id).await?))
            })
            .await?;
        let field = |name: &str, label: String, hint: String, initial: Option<String>| Field {
            hint: Some(hint),
            optional: true,
            kind: FieldKind::Text { multiline: false, max: 20, initial: initial.unwrap_or_default() },
            ..Field::text(name, label, false, 20)
        };
        let mut fields = vec![
            field(
                LESSON_TIME,
                say!(cx.words, "settings-lesson-time"),
                say!(cx.words, "settings-lesson-time-hint"),
                time,
            ),
            field(QUIET_HOURS, say!(cx.words, "settings-quiet"), say!(cx.words, "settings-quiet-hint"), quiet),
        ];
        let choices = choices(cx, accounts).await;
        if choices.len() > 1 {
            fields.push(place_field(cx, choices, place));
        }
        Ok(Some(Form {
            command: "settings save".into(),
            title: say!(cx.words, "settings-title"),
            intro: None,
            fields,
            submit: say!(cx.words, "settings-save"),
        }))
    }

    async fn check(&self, cx: &Context<'_>, call: &Call) -> Result<Vec<FieldError>> {
        let value = |name: &str| call.values.as_ref().and_then(|v| v.get(name)).map_or("", |v| v.trim());
        let mut errors = Vec::new();
        let time = value(LESSON_TIME);
        if !time.is_empty() && people::calendar::parse_time(time).is_err() {
            errors.push(FieldError { field: LESSON_TIME.into(), why: say!(cx.words, "settings-lesson-time-wrong") });
        }
        let quiet = value(QUIET_HOURS);
        if !quiet.is_empty() {
            let mut calendar = cx.flow.organisation().calendar(cx.person()?);
            let why = match people::calendar::parse_range(quiet) {
                Err(_) => Some(say!(cx.words, "settings-quiet-wrong")),
                Ok(hours) => (!calendar.keep_quiet(hours)).then(|| say!(cx.words, "settings-quiet-too-long")),
            };
            errors.extend(why.map(|why| FieldError { field: QUIET_HOURS.into(), why }));
        }
        let place = value(PREFERRED);
        if !place.is_empty() {
            let id = &cx.person()?.id;
            let accounts = cx.db().read(|c| async move { people::accounts_of(&c, id).await }).await?;
            if !choices(cx, accounts).await.iter().any(|c| c.value == place) {
                errors.push(FieldError { field: PREFERRED.into(), why: say!(cx.words, "settings-place-wrong") });
            }
        }
        Ok(errors)
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let person = cx.person()?;
        let (id, words) = (&person.id, cx.words);
        match call.args.split().0.as_str() {
            "pause" | "resume" => {
                let pause = call.args.text() == "pause";
                let key = if pause { words_key!("settings-paused") } else { words_key!("settings-resumed") };
                let text = words.say(key);
                let text = &text;
                cx.commit(|turn| async move {
                    people::set_setting(&turn, id, PAUSED, pause.then_some("yes")).await?;
                    turn.reply_private(Message::text(text.clone())).await
                })
                .await
            }
            "zone" => {
                let given = call.values.as_ref().and_then(|values| values.get(ZONE)).map(String::as_str);
                zone::set(cx, given.unwrap_or(call.args.split().1)).await
            }
            "save" => {
                let empty = std::collections::BTreeMap::new();
                let values = call.values.as_ref().unwrap_or(&empty);
                let text = say!(words, "settings-saved");
                let text = &text;
                cx.commit(|turn| async move {
                    for name in [LESSON_TIME, QUIET_HOURS, PREFERRED] {
                        // Who has one chat is not asked where.
                        if name == PREFERRED && !values.contains_key(name) {
                            continue;
                        }
                        let value = values.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
                        people::set_setting(&turn, id, name, value).await?;
                    }
                    turn.reply_private(Message::text(text.clone())).await
                })
                .await
            }
            _ => {
                let paused = cx.db().read(|c| async move { people::setting(&c, id, PAUSED).await }).await?.as_deref()
                    == Some("yes");
                let (accounts, chosen) = cx
                    .db()
                    .read(|c| async move {
                        Ok((people::accounts_of(&c, id).await?, people::setting(&c, id, PREFERRED).await?))
                    })
                    .await?;
                let choices = choices(cx, accounts).await;
                let place = (choices.len() > 1).then(|| {
                    let chosen = choices.iter().find(|c| Some(&c.value) == chosen.as_ref());
                    let place = chosen.map_or_else(|| say!(words, "settings-place-last"), |c| literal(&c.name));
                    say!(words, "settings-place-now", place = place)
                });
                cx.reply_private(shown(words, person, paused, place.into_iter().collect())).await
            }
        }
    }
}

#[async_trait]
impl Panel for Settings {
    async fn show(&self, visit: &Visit<'_>) -> Result<Option<Message>> {
        let Visit { conn, person, words, .. } = visit;
        let mut settings = people::settings_of(conn, &person.id).await?;
        let paused = settings.get(PAUSED).is_some_and(|v| v == "yes");
        let set = |label: String, value: Option<String>| value.map(|value| format!("{label}: {}", literal(&value)));
        let own = [
            set(say!(words, "settings-lesson-time"), settings.remove(LESSON_TIME)),
            set(say!(words, "settings-quiet"), settings.remove(QUIET_HOURS)),
        ];
        Ok(Some(shown(words, person, paused, own.into_iter().flatten().collect())))
    }
}

/// The settings, what else holds for the person, and the buttons that change them.
fn shown(words: &Words, person: &people::Person, paused: bool, more: Vec<String>) -> Message {
    let (state, toggle) = if paused {
        let resume = Button::new(say!(words, "settings-resume-button"), "settings resume");
        (say!(words, "settings-state-paused"), resume)
    } else {
        let pause = Button::new(say!(words, "settings-pause-button"), "settings pause");
        (say!(words, "settings-state-on"), pause)
    };
    let mut message = Message::new().heading(say!(words, "settings-title")).paragraph(state);
    for line in more {
        message = message.paragraph(line);
    }
    message
        .and(Block::Context(say!(words, "settings-zone", zone = &person.timezone)))
        .buttons(vec![Button::primary(say!(words, "settings-edit-button"), "settings edit"), toggle])
}
