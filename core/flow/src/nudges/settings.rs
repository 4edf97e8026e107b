//! `settings`: when voluntary messages come, whether they pause, and the person's own quiet hours.

use async_trait::async_trait;
use stoa_ground::Result;
use stoa_ground::people;

use super::facts::{PAUSED, QUIET_HOURS};
use crate::chat::{Args, Block, Button, Call, Command, Context, Field, FieldError, FieldKind, Form, Message};
use crate::delivery::{PREFERRED, preference};
use crate::{say, words_key};

/// The setting that holds the time of day for lessons, for example `09:30`.
const LESSON_TIME: &str = "lesson_time";

/// The command `settings`.
pub struct Settings;

/// Where messages go, for people with several chats. The first choice is the one used last.
fn place_field(cx: &Context<'_>, accounts: Vec<people::Account>, chosen: Option<String>) -> Field {
    let mut options = vec![(String::new(), say!(cx.words, "settings-place-last"))];
    for account in accounts {
        let value = preference(&account.into());
        options.push((value.clone(), value));
    }
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
        matches!(args.text(), "" | "pause" | "resume")
    }

    async fn form(&self, cx: &Context<'_>, call: &Call) -> Result<Option<Form>> {
        if call.args.text() != "edit" {
            return Ok(None);
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
        if accounts.len() > 1 {
            fields.push(place_field(cx, accounts, place));
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
        if !quiet.is_empty() && people::calendar::parse_range(quiet).is_err() {
            errors.push(FieldError { field: QUIET_HOURS.into(), why: say!(cx.words, "settings-quiet-wrong") });
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
                let toggle = if paused {
                    Button::new(say!(words, "settings-resume-button"), "settings resume")
                } else {
                    Button::new(say!(words, "settings-pause-button"), "settings pause")
                };
                let state =
                    if paused { say!(words, "settings-state-paused") } else { say!(words, "settings-state-on") };
                let zone = say!(words, "settings-zone", zone = &person.timezone);
                let message = Message::new()
                    .heading(say!(words, "settings-title"))
                    .paragraph(state)
                    .and(Block::Context(zone))
                    .buttons(vec![Button::primary(say!(words, "settings-edit-button"), "settings edit"), toggle]);
                cx.reply_private(message).await
            }
        }
    }
}
