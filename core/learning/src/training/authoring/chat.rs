//! The words after `training` with which the learning team writes, changes and withdraws requirements.

use stoa_flow::chat::{Button, Call, Context, FieldError, Form, Message, Style, literal};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::people::{self, Person, Role};
use stoa_ground::{Conn, Error, Result};

use super::{form as forms, missing, preview, rule};
use crate::Services;
use crate::training::requests::{self, Kind, Request, State};
use crate::training::requirement::{self, Requirement};

/// The words that are answered here.
pub(in crate::training) const WORDS: &[&str] =
    &["new", "change", "stop", "edit", "renew", "draft", "propose", "toml", "requirements", "missing"];
/// Behind `training draft`: what is sent says how it renews.
const RENEWAL: &str = "renewal";
/// How many requirements and drafts are listed.
pub(super) const LISTED: usize = 12;

/// Whether the person writes requirements.
async fn may_write(conn: &Conn, person: &Person) -> Result<bool> {
    Ok(people::roles_of(conn, person).await?.contains(&Role::Learning))
}

/// Whether the person sees how requirements stand.
pub(super) async fn may_see(conn: &Conn, person: &Person) -> Result<bool> {
    let roles = people::roles_of(conn, person).await?;
    Ok([Role::Learning, Role::Approver, Role::Auditor].iter().any(|role| roles.contains(role)))
}

async fn only_writers(conn: &Conn, words: &Words, person: &Person) -> Result<()> {
    if may_write(conn, person).await? {
        return Ok(());
    }
    let role = say!(words, "role-learning");
    Err(Error::Forbidden(say!(words, "chat-not-allowed", role = role)))
}

/// The person's own draft that can still be written.
async fn own_draft(conn: &Conn, words: &Words, person: &Person, id: &str) -> Result<(Request, Requirement)> {
    let r = requests::by_id(conn, id).await?.filter(|r| r.asker.as_ref() == Some(&person.id));
    match r.map(|r| (r.definition.clone(), r)) {
        Some((Some(mut definition), r)) if matches!(r.state, State::Draft | State::Declined) => {
            // Somebody else's requirement took its name first.
            if !r.changes && requirement::is_known(conn, &definition.id).await? {
                definition.id = forms::free_id(conn, &definition.course).await?;
            }
            Ok((r, definition))
        }
        _ => Err(Error::invalid(say!(words, "authoring-no-draft"))),
    }
}

pub(super) async fn known(conn: &Conn, words: &Words, id: &str) -> Result<Requirement> {
    let unknown = || Error::invalid(say!(words, "authoring-unknown"));
    let found = requirement::by_id(conn, id).await.map_err(|_| unknown())?;
    if requirement::is_known(conn, id).await? { Ok(found) } else { Err(unknown()) }
}

/// The form that a word opens, if it opens one.
pub(in crate::training) async fn form(cx: &Context<'_>, word: &str, rest: &str) -> Result<Option<Form>> {
    let (person, words) = (cx.person()?, cx.words);
    if !matches!(word, "new" | "change" | "edit" | "renew" | "stop" | "propose") {
        return Ok(None);
    }
    cx.db()
        .read(|c| async move {
            if !may_write(&c, person).await? {
                return Ok(None);
            }
            match word {
                "new" => forms::requirement_form(&c, words, None, "training draft new".into()).await,
                "change" => {
                    let before = known(&c, words, rest).await?;
                    forms::requirement_form(&c, words, Some(&before), format!("training draft of {rest}")).await
                }
                "edit" => {
                    let (_, before) = own_draft(&c, words, person, rest).await?;
                    if !before.active {
                        return Ok(None);
                    }
                    forms::requirement_form(&c, words, Some(&before), format!("training draft at {rest}")).await
                }
                "renew" => {
                    let (_, before) = own_draft(&c, words, person, rest).await?;
                    Ok(forms::renewal_form(words, &before, format!("training draft renewal {rest}")))
                }
                "stop" => {
                    let before = known(&c, words, rest).await?;
                    let title = say!(words, "authoring-form-stop");
                    Ok(Some(forms::reason_form(words, title, &before.title, format!("training stop {rest}"))))
                }
                _ => {
                    let (_, draft) = own_draft(&c, words, person, rest).await?;
                    let title = say!(words, "authoring-form-propose");
                    Ok(Some(forms::reason_form(words, title, &draft.title, format!("training propose {rest}"))))
                }
            }
        })
        .await
}

/// What a draft changes: nothing, a requirement that is in force, or a draft.
async fn base(
    conn: &Conn,
    words: &Words,
    person: &Person,
    rest: &str,
) -> Result<(Option<Request>, Option<Requirement>)> {
    let (how, id) = rest.split_once(' ').unwrap_or((rest, ""));
    match how {
        "of" => Ok((None, Some(known(conn, words, id).await?))),
        "at" | RENEWAL => {
            let (draft, definition) = own_draft(conn, words, person, id).await?;
            Ok((Some(draft), Some(definition)))
        }
        _ => Ok((None, None)),
    }
}

/// What a sent form of a draft means, or what is wrong with it.
async fn understand(
    conn: &Conn,
    s: &Services,
    words: &Words,
    before: Option<&Requirement>,
    rest: &str,
    call: &Call,
) -> Result<std::result::Result<Requirement, Vec<FieldError>>> {
    match before {
        Some(before) if rest.starts_with(RENEWAL) => Ok(forms::understand_renewal(words, before, call)),
        before => forms::understand(conn, s, words, before, call).await,
    }
}

/// What is wrong with a form that was sent.
pub(in crate::training) async fn check(
    cx: &Context<'_>,
    s: &Services,
    word: &str,
    rest: &str,
    call: &Call,
) -> Result<Vec<FieldError>> {
    let (person, words) = (cx.person()?, cx.words);
    match word {
        "draft" => {
            cx.db()
                .read(|c| async move {
                    // What ended meanwhile is told as a message.
                    let Ok((_, before)) = base(&c, words, person, rest).await else { return Ok(Vec::new()) };
                    Ok(understand(&c, s, words, before.as_ref(), rest, call).await?.err().unwrap_or_default())
                })
                .await
        }
        "stop" | "propose" if forms::reason(call).is_empty() => {
            Ok(vec![FieldError { field: "reason".into(), why: say!(words, "request-reason-missing") }])
        }
        _ => Ok(Vec::new()),
    }
}

/// Does what a word says.
pub(in crate::training) async fn run(
    cx: &Context<'_>,
    s: &Services,
    call: &Call,
    word: &str,
    rest: &str,
) -> Result<()> {
    let (person, words) = (cx.person()?, cx.words);
    if word == "missing" {
        return missing::run(cx, s, person, rest).await;
    }
    if word == "toml" {
        return toml(cx, person, rest).await;
    }
    cx.db().read(|c| async move { only_writers(&c, words, person).await }).await?;
    match word {
        "draft" if call.values.is_some() => draft(cx, s, call, person, rest).await,
        "stop" if call.values.is_some() => stop(cx, s, call, person, rest).await,
        "propose" if call.values.is_some() => propose(cx, s, call, person, rest).await,
        "requirements" => list(cx, s, person).await,
        "new" => {
            // Slack and others open the form at once; where the words were typed, a button opens it.
            let open = Button::primary(say!(words, "authoring-write-button"), "training new");
            cx.reply_private(Message::text(say!(words, "authoring-open")).buttons(vec![open])).await
        }
        _ => {
            cx.db()
                .read(|c| async move {
                    match word {
                        "change" | "stop" => known(&c, words, rest).await.map(drop),
                        "renew" if own_draft(&c, words, person, rest).await?.1.recertify.is_none() => {
                            Err(Error::invalid(say!(words, "authoring-renew-none")))
                        }
                        _ => own_draft(&c, words, person, rest).await.map(drop),
                    }
                })
                .await?;
            Err(Error::invalid(say!(words, "request-form-needed")))
        }
    }
}

/// The preview of a draft, with what can be done with it.
fn shown(words: &Words, preview: Message, id: &str, definition: &Requirement) -> Message {
    let mut buttons = vec![Button::primary(say!(words, "authoring-propose-button"), format!("training propose {id}"))];
    if definition.active {
        buttons.push(Button::new(say!(words, "authoring-edit-button"), format!("training edit {id}")));
        if definition.recertify.is_some() {
            buttons.push(Button::new(say!(words, "authoring-renew-button"), format!("training renew {id}")));
        }
    }
    buttons.push(Button::new(say!(words, "authoring-toml-button"), format!("training toml {id}")));
    buttons.push(Button {
        style: Style::Danger,
        ..Button::new(say!(words, "authoring-discard-button"), format!("training withdraw {id}"))
    });
    preview.context(say!(words, "authoring-draft-only")).buttons(buttons)
}

/// `training draft …`, with the values of the form: the preview.
async fn draft(cx: &Context<'_>, s: &Services, call: &Call, person: &Person, rest: &str) -> Result<()> {
    let words = cx.words;
    let read = cx.db().read(|c| async move {
        let (before, definition) = base(&c, words, person, rest).await?;
        let definition = understand(&c, s, words, definition.as_ref(), rest, call).await?.map_err(|errors| {
            let lines: Vec<String> = errors.into_iter().map(|e| e.why).collect();
            Error::Invalid(lines.join(" "))
        })?;
        let preview = preview(&c, s, words, &definition).await?;
        Ok((before, definition, preview))
    });
    // Everybody is looked at, so this is read before anything is written.
    let (before, definition, preview) = read.await?;
    let (before, definition, preview) = (before.as_ref(), &definition, &preview);
    cx.commit(|turn| async move {
        let r = requests::draft(&turn, s, Some(person), before, definition).await?;
        turn.reply_private(shown(words, preview.clone(), &r.id, definition)).await
    })
    .await
}

/// `training stop REQUIREMENT`, with the reason: puts the end of a requirement before an approver.
async fn stop(cx: &Context<'_>, s: &Services, call: &Call, person: &Person, id: &str) -> Result<()> {
    let (words, reason) = (cx.words, &forms::reason(call));
    if reason.is_empty() {
        return Err(Error::invalid(say!(words, "request-reason-missing")));
    }
    let read = cx.db().read(|c| async move {
        let definition = Requirement { active: false, ..known(&c, words, id).await? };
        let preview = preview(&c, s, words, &definition).await?;
        Ok((definition, preview))
    });
    let (definition, preview) = &read.await?;
    cx.commit(|turn| async move {
        let r = requests::draft(&turn, s, Some(person), None, definition).await?;
        let r = requests::propose(&turn, s, &r, reason).await?;
        turn.reply_private(proposed(&turn, words, preview.clone(), &r, definition).await?).await
    })
    .await
}

/// `training propose DRAFT`, with the reason.
async fn propose(cx: &Context<'_>, s: &Services, call: &Call, person: &Person, id: &str) -> Result<()> {
    let (words, reason) = (cx.words, &forms::reason(call));
    if reason.is_empty() {
        return Err(Error::invalid(say!(words, "request-reason-missing")));
    }
    let read = cx.db().read(|c| async move {
        let (_, definition) = own_draft(&c, words, person, id).await?;
        preview(&c, s, words, &definition).await
    });
    let preview = &read.await?;
    cx.commit(|turn| async move {
        let (r, definition) = own_draft(&turn, words, person, id).await?;
        let renamed = r.definition.as_ref().is_some_and(|before| before.id != definition.id);
        if r.state == State::Draft && !renamed && requests::has_moved(&turn, &r).await? {
            return Err(Error::invalid(say!(words, "authoring-moved", title = literal(&definition.title))));
        }
        // What was sent back is asked again as it is, when its author thinks so.
        let r = if renamed || r.state == State::Declined {
            requests::draft(&turn, s, Some(person), Some(&r), &definition).await?
        } else {
            r
        };
        let r = requests::propose(&turn, s, &r, reason).await?;
        turn.reply_private(proposed(&turn, words, preview.clone(), &r, &definition).await?).await
    })
    .await
}

async fn proposed(
    conn: &Conn,
    words: &Words,
    preview: Message,
    r: &Request,
    definition: &Requirement,
) -> Result<Message> {
    let approver = match &r.approver {
        Some(id) => people::by_id(conn, id).await?,
        None => None,
    };
    let title = literal(&definition.title);
    let text = match approver {
        Some(approver) => say!(words, "authoring-proposed", title = title, name = literal(&approver.name)),
        None => say!(words, "authoring-proposed-nobody", title = title),
    };
    let message = preview.paragraph(text);
    let back = Button::new(say!(words, "request-withdraw-button"), format!("training withdraw {}", r.id));
    Ok(message.buttons(vec![back]))
}

/// `training toml REQUEST`: the same as text, for its author, whoever decides, and those who write.
async fn toml(cx: &Context<'_>, person: &Person, id: &str) -> Result<()> {
    let words = cx.words;
    let message = cx.db().read(|c| async move {
        let r = requests::by_id(&c, id).await?.filter(|r| r.kind == Kind::Requirement);
        let part = |r: &Request| [&r.asker, &r.approver].into_iter().any(|p| p.as_ref() == Some(&person.id));
        let seen = match &r {
            Some(r) => part(r) || may_write(&c, person).await?,
            None => false,
        };
        let definition = r.filter(|_| seen).and_then(|r| r.definition);
        let definition = definition.ok_or_else(|| Error::Forbidden(say!(words, "request-unknown")))?;
        Ok(Message::text(format!("```\n{}\n```", requirement::to_toml(&definition).replace("```", "'''")))
            .context(say!(words, "authoring-toml")))
    });
    cx.reply_private(message.await?).await
}

/// `training requirements`: what is in force and what is being written.
async fn list(cx: &Context<'_>, s: &Services, person: &Person) -> Result<()> {
    let words = cx.words;
    let today = s.organisation.calendar(person).date(cx.db().clock().now());
    let message = cx.db().read(|c| async move {
        let mut message = Message::new().heading(say!(words, "authoring-list-title"));
        let all = requirement::all(&c).await?;
        if all.is_empty() {
            message = message.paragraph(say!(words, "authoring-status-none"));
        }
        for r in all.iter().take(LISTED) {
            let (title, who) = (literal(&r.title), rule::audience(words, &r.audience));
            let button = |label: String, word: &str| Button::new(label, format!("training {word} {}", r.id));
            if r.active {
                message =
                    message.paragraph(say!(words, "authoring-list-line", title = title, who = who)).buttons(vec![
                        button(say!(words, "authoring-change-button"), "change"),
                        button(say!(words, "authoring-stop-button"), "stop"),
                        button(say!(words, "authoring-status-button"), "missing"),
                    ]);
            } else {
                message = message
                    .paragraph(say!(words, "authoring-list-ended", title = title))
                    .buttons(vec![button(say!(words, "authoring-again-button"), "change")]);
            }
        }
        for draft in requests::drafts_of(&c, &person.id).await?.iter().take(LISTED) {
            let Some(definition) = &draft.definition else { continue };
            let (title, on) = (literal(&definition.title), words.day(requests::day(s, person, draft.created), today));
            let id = &draft.id;
            message = match draft.state {
                State::Open => {
                    message.paragraph(say!(words, "authoring-draft-open", title = title, on = on)).buttons(vec![
                        Button::new(say!(words, "request-withdraw-button"), format!("training withdraw {id}")),
                    ])
                }
                _ => message.paragraph(say!(words, "authoring-draft-line", title = title, on = on)).buttons(vec![
                    Button::new(say!(words, "authoring-edit-button"), format!("training edit {id}")),
                    Button::new(say!(words, "authoring-propose-button"), format!("training propose {id}")),
                    Button::new(say!(words, "authoring-discard-button"), format!("training withdraw {id}")),
                ]),
            };
        }
        let more = all.len().saturating_sub(LISTED);
        if more > 0 {
            message = message.context(say!(words, "request-list-more", count = more));
        }
        Ok(message.buttons(vec![Button::primary(say!(words, "authoring-new-button"), "training new")]))
    });
    cx.reply_private(message.await?).await
}
