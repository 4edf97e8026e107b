//! The words after `training` with which people ask for something, and others decide.
//!
//! Every button names a request or an assignment; who presses and how things stand is looked at each time, so an old,
//! doubled or forged press changes nothing and says how it is.

use stoa_flow::chat::{Button, Call, Context, Field, FieldError, Form, Message, Turn, literal};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::people::{self, Person, Role, clean};
use stoa_ground::{Conn, Error, Result};

use super::act::{self, Asked, Wish};
use super::clock::day;
use super::route;
use super::store::{self, Kind, Request, State};
use super::view::{self, Told};
use super::wished::wished;
use crate::Services;
use crate::training::assignment::{self, Assignment};
use crate::training::{course, requirement, stuck};

/// The words that are answered here.
pub(in crate::training) const WORDS: &[&str] = &[
    "request", "wish", "again", "requests", "decide", "approve", "decline", "delegate", "withdraw", "courses", "enrol",
];
/// The longest reason, in characters.
const LONGEST: usize = 500;
/// How many people a form offers.
const OFFERED: usize = 20;
/// How many courses are listed.
const LISTED: usize = 15;
const REASON: &str = "reason";

/// What a field of a form holds, cleaned and cut.
fn value(call: &Call, field: &str) -> String {
    let text = call.values.as_ref().and_then(|v| v.get(field)).map(|v| clean(v)).unwrap_or_default();
    text.chars().take(LONGEST).collect()
}

/// The person's own open assignment with its title.
async fn mine(conn: &Conn, words: &Words, person: &Person, id: &str) -> Result<(Assignment, String)> {
    let a = assignment::by_id(conn, id).await?.filter(|a| a.person == person.id);
    let a = a.ok_or_else(|| Error::Forbidden(say!(words, "training-not-yours")))?;
    if !a.state.is_open() {
        return Err(Error::invalid(say!(words, "request-not-open")));
    }
    let title = requirement::by_id(conn, &a.requirement).await?.title;
    Ok((a, title))
}

/// The form that a word opens, if it opens one.
pub(in crate::training) async fn form(cx: &Context<'_>, s: &Services, word: &str, rest: &str) -> Result<Option<Form>> {
    let (person, words) = (cx.person()?, cx.words);
    match word {
        "request" if !rest.is_empty() => cx.db().read(|c| async move { ask_form(&c, words, person, rest).await }).await,
        "enrol" => cx.db().read(|c| async move { enrol_form(&c, words, rest).await }).await,
        "decline" => cx.db().read(|c| async move { decline_form(&c, s, words, person, rest).await }).await,
        "delegate" => cx.db().read(|c| async move { delegate_form(&c, s, words, person, rest).await }).await,
        _ => Ok(None),
    }
}

fn reason_field(label: String, hint: Option<String>) -> Field {
    Field { hint, ..Field::text(REASON, label, true, LONGEST) }
}

async fn ask_form(conn: &Conn, words: &Words, person: &Person, id: &str) -> Result<Option<Form>> {
    let (a, title) = mine(conn, words, person, id).await?;
    let mut kinds = vec![(Kind::Extension.name().to_owned(), say!(words, "request-option-extension"))];
    if !a.is_enrolment() {
        kinds.push((Kind::Exemption.name().to_owned(), say!(words, "request-option-exemption")));
        kinds.push((Kind::Waiver.name().to_owned(), say!(words, "request-option-waiver")));
    }
    let until = Field {
        hint: Some(say!(words, "request-until-hint", due = words.date(a.due.date))),
        optional: true,
        ..Field::text("until", say!(words, "request-until"), false, 10)
    };
    Ok(Some(Form {
        command: format!("training wish {id}"),
        title: say!(words, "request-title"),
        intro: Some(literal(&title)),
        fields: vec![
            Field::choice("what", say!(words, "request-what"), kinds),
            until,
            reason_field(say!(words, "request-reason"), Some(say!(words, "request-reason-hint"))),
        ],
        submit: say!(words, "request-submit"),
    }))
}

async fn enrol_form(conn: &Conn, words: &Words, id: &str) -> Result<Option<Form>> {
    let title = course::title(conn, id).await.map_err(|_| Error::invalid(say!(words, "request-course-unknown")))?;
    let by = Field { optional: true, ..Field::text("until", say!(words, "request-enrol-by"), false, 10) };
    Ok(Some(Form {
        command: format!("training enrol {id}"),
        title: say!(words, "request-enrol-title"),
        intro: Some(literal(&title)),
        fields: vec![by, reason_field(say!(words, "request-reason"), Some(say!(words, "request-reason-hint")))],
        submit: say!(words, "request-submit"),
    }))
}

/// The request, when it waits for this person.
async fn waiting(conn: &Conn, person: &Person, id: &str) -> Result<Option<Request>> {
    let r = store::by_id(conn, id).await?;
    Ok(r.filter(|r| r.state == State::Open && r.approver.as_deref() == Some(person.id.as_str())))
}

async fn decline_form(conn: &Conn, s: &Services, words: &Words, person: &Person, id: &str) -> Result<Option<Form>> {
    let Some(r) = waiting(conn, person, id).await? else { return Ok(None) };
    let title = if r.kind == Kind::Requirement {
        say!(words, "request-send-back-title")
    } else {
        say!(words, "request-decline-title")
    };
    Ok(Some(Form {
        command: format!("training decline {id}"),
        title,
        intro: Some(view::what(conn, s, words, &r).await?),
        fields: vec![reason_field(
            say!(words, "request-decline-reason"),
            Some(say!(words, "request-decline-reason-hint")),
        )],
        submit: say!(words, "request-decline-submit"),
    }))
}

async fn delegate_form(conn: &Conn, s: &Services, words: &Words, person: &Person, id: &str) -> Result<Option<Form>> {
    let Some(r) = waiting(conn, person, id).await? else { return Ok(None) };
    let others = route::able(conn, s, &r).await?.into_iter().filter(|p| p.id != person.id);
    let options: Vec<(String, String)> = others.take(OFFERED).map(|p| (p.id, p.name)).collect();
    if options.is_empty() {
        return Ok(None);
    }
    let reason = Field { optional: true, ..reason_field(say!(words, "request-delegate-reason"), None) };
    Ok(Some(Form {
        command: format!("training delegate {id}"),
        title: say!(words, "request-delegate-title"),
        intro: Some(view::what(conn, s, words, &r).await?),
        fields: vec![Field::choice("to", say!(words, "request-delegate-to"), options), reason],
        submit: say!(words, "request-delegate-submit"),
    }))
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
    let today = day(s, person, cx.db().clock().now());
    let mut errors = Vec::new();
    match word {
        "wish" => {
            let asked = cx.db().read(|c| async move { mine(&c, words, person, rest).await }).await;
            // What ended meanwhile is told as a message.
            let Ok((a, _)) = asked else { return Ok(errors) };
            if let Err(why) = wished(words, today, kind(call), Some(&a), &value(call, "until")) {
                errors.push(FieldError { field: "until".into(), why });
            }
        }
        "enrol" => {
            if let Err(why) = wished(words, today, Some(Kind::Enrolment), None, &value(call, "until")) {
                errors.push(FieldError { field: "until".into(), why });
            }
        }
        "decline" => {}
        _ => return Ok(errors),
    }
    if value(call, REASON).is_empty() {
        errors.push(FieldError { field: REASON.into(), why: say!(words, "request-reason-missing") });
    }
    Ok(errors)
}

/// The kind that a form chose.
fn kind(call: &Call) -> Option<Kind> {
    Kind::named(&value(call, "what")).filter(|k| !matches!(k, Kind::Enrolment | Kind::Attempt | Kind::Requirement))
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
    match word {
        "request" if rest.is_empty() => menu(cx, person).await,
        "request" => {
            cx.db().read(|c| async move { mine(&c, words, person, rest).await }).await?;
            Err(Error::invalid(say!(words, "request-form-needed")))
        }
        "wish" => ask(cx, s, call, person, rest).await,
        "again" => again(cx, s, person, rest).await,
        "courses" => courses(cx, person).await,
        "enrol" => enrol(cx, s, call, person, rest).await,
        "withdraw" => withdraw(cx, s, person, rest).await,
        "requests" => {
            let message = cx.db().read(|c| async move {
                let all = people::roles_of(&c, person).await?.contains(&Role::Learning);
                view::list(&c, s, words, person, all).await
            });
            cx.reply_private(message.await?).await
        }
        "decide" => {
            let message = cx.db().read(|c| async move {
                let told = Told::load(&c, s, words, person, rest).await?;
                let told = told.filter(|t| t.r.approver.as_ref() == Some(&person.id) || t.r.tried.contains(&person.id));
                let told = told.ok_or_else(|| Error::Forbidden(say!(words, "request-unknown")))?;
                if told.r.state != State::Open || told.r.approver.as_ref() != Some(&person.id) {
                    return Ok(view::over(words, &told));
                }
                Ok(view::to_decide(words, &told.in_full(&c, s, words, person).await?, false, None))
            });
            cx.reply_private(message.await?).await
        }
        "decline" | "delegate" if call.values.is_none() => refuse_form(cx, s, person, rest).await,
        _ => decide(cx, s, call, person, word, rest).await,
    }
}

/// A form was not opened: because nothing waits, nobody is there to pass it on to, or the platform has none.
async fn refuse_form(cx: &Context<'_>, s: &Services, person: &Person, id: &str) -> Result<()> {
    let words = cx.words;
    let said = cx.db().read(|c| async move {
        match waiting(&c, person, id).await? {
            None => not_waiting(&c, s, words, person, id).await,
            Some(r) => {
                let others = route::able(&c, s, &r).await?.into_iter().any(|p| p.id != person.id);
                let nobody = say!(words, "request-delegate-nobody");
                Ok(Message::text(if others { say!(words, "request-form-needed") } else { nobody }))
            }
        }
    });
    cx.reply_private(said.await?).await
}

/// What is told to whom a request does not wait for. Who has no part in it learns nothing.
async fn not_waiting(conn: &Conn, s: &Services, words: &Words, person: &Person, id: &str) -> Result<Message> {
    let told = Told::load(conn, s, words, person, id).await?;
    let was_asked = |t: &Told| {
        let rows = [&t.r.approver, &t.r.decider, &t.r.asker];
        rows.into_iter().any(|p| p.as_ref() == Some(&person.id)) || t.r.tried.contains(&person.id)
    };
    match told.filter(was_asked) {
        Some(told) => {
            let standing = view::standing(words, &told);
            Ok(Message::text(say!(words, "request-not-waiting", standing = standing)))
        }
        None => Err(Error::Forbidden(say!(words, "request-unknown"))),
    }
}

async fn decide(cx: &Context<'_>, s: &Services, call: &Call, person: &Person, word: &str, id: &str) -> Result<()> {
    let words = cx.words;
    let (reason, to) = (&value(call, REASON), &value(call, "to"));
    if word == "decline" && reason.is_empty() {
        return Err(Error::invalid(say!(words, "request-reason-missing")));
    }
    cx.commit(|turn| async move {
        let Some(r) = act::waiting(&turn, id, person).await? else {
            let message = not_waiting(&turn, s, words, person, id).await?;
            return turn.reply_private(message).await;
        };
        let what = view::what(&turn, s, words, &r).await?;
        let asker = asker(&turn, words, &r).await?;
        let text = match word {
            "approve" if act::has_moved(&turn, &r).await? => {
                act::send_back(&turn, s, &r).await?;
                say!(words, "request-moved", what = what, name = asker)
            }
            "approve" => {
                act::approve(&turn, s, &r, person).await?;
                say!(words, "request-approved", what = what, name = asker)
            }
            "decline" => {
                act::decline(&turn, s, &r, person, reason).await?;
                say!(words, "request-declined", what = what, name = asker)
            }
            _ => match act::delegate(&turn, s, &r, person, to, reason).await? {
                Some(r) => {
                    let to = people::by_id(&turn, r.approver.as_deref().unwrap_or_default()).await?;
                    let name = literal(&to.map(|p| p.name).unwrap_or_default());
                    say!(words, "request-passed-on", name = name, what = what)
                }
                None => say!(words, "request-delegate-not-allowed"),
            },
        };
        turn.reply_private(Message::text(text)).await
    })
    .await
}

async fn asker(conn: &Conn, words: &Words, r: &Request) -> Result<String> {
    let Some(id) = &r.asker else { return Ok(say!(words, "request-operator")) };
    Ok(people::by_id(conn, id).await?.map(|p| literal(&p.name)).unwrap_or_default())
}

/// `training request`: what it is about.
async fn menu(cx: &Context<'_>, person: &Person) -> Result<()> {
    let words = cx.words;
    let open = cx.db().read(|c| async move {
        let mut open = Vec::new();
        for a in assignment::of_person(&c, &person.id).await?.into_iter().filter(|a| a.state.is_open()).take(LISTED) {
            let title = requirement::by_id(&c, &a.requirement).await?.title;
            open.push(Button::new(title, format!("training request {}", a.id)));
        }
        Ok(open)
    });
    let mut buttons = open.await?;
    let text = if buttons.is_empty() { say!(words, "request-menu-nothing") } else { say!(words, "request-menu") };
    buttons.push(Button::new(say!(words, "request-courses-button"), "training courses"));
    let message = buttons.chunks(5).fold(Message::text(text), |m, row| m.buttons(row.to_vec()));
    cx.reply_private(message).await
}

/// What is said to who asked.
async fn said(turn: &Turn, s: &Services, words: &Words, person: &Person, asked: Asked) -> Result<String> {
    let (r, already) = match asked {
        Asked::TooMany => return Ok(say!(words, "request-too-many")),
        Asked::New(r) => (r, false),
        Asked::Already(r) => (r, true),
    };
    let told = Told::load(turn, s, words, person, &r.id).await?;
    let Some(told) = told else { return Ok(say!(words, "request-unknown")) };
    Ok(match &told.approver {
        _ if already => {
            let standing = view::standing(words, &told);
            say!(words, "request-already", what = &told.what, standing = standing)
        }
        Some(name) => say!(words, "request-asked", name = name, what = &told.what),
        None => say!(words, "request-asked-nobody", what = &told.what),
    })
}

/// `training wish ID`, with the values of the form.
async fn ask(cx: &Context<'_>, s: &Services, call: &Call, person: &Person, id: &str) -> Result<()> {
    let words = cx.words;
    let Some(kind) = kind(call) else { return Err(Error::invalid(say!(words, "request-form-needed"))) };
    let reason = &value(call, REASON);
    if reason.is_empty() {
        return Err(Error::invalid(say!(words, "request-reason-missing")));
    }
    let until = &value(call, "until");
    cx.commit(|turn| async move {
        let (a, _) = mine(&turn, words, person, id).await?;
        let wished = wished(words, day(s, person, turn.now()), Some(kind), Some(&a), until).map_err(Error::Invalid)?;
        if a.is_enrolment() && kind != Kind::Extension {
            return Err(Error::invalid(say!(words, "request-not-open")));
        }
        let wish = Wish { kind, person, assignment: Some(&a), course: &a.course, wished, reason };
        let asked = act::ask(&turn, s, person, &wish).await?;
        let text = said(&turn, s, words, person, asked).await?;
        turn.reply_private(Message::text(text)).await
    })
    .await
}

/// `training again ID`: who has used all attempts asks for one more.
async fn again(cx: &Context<'_>, s: &Services, person: &Person, id: &str) -> Result<()> {
    let words = cx.words;
    cx.commit(|turn| async move {
        let (a, _) = mine(&turn, words, person, id).await?;
        if !stuck(&turn, &a).await? {
            let quiz = Button::primary(say!(words, "training-again-button"), format!("training quiz {id}"));
            let message = Message::text(say!(words, "training-attempt-left")).buttons(vec![quiz]);
            return turn.reply_private(message).await;
        }
        let reason = &say!(words, "request-attempt-reason");
        let wish = Wish { kind: Kind::Attempt, person, assignment: Some(&a), course: &a.course, wished: None, reason };
        let asked = act::ask(&turn, s, person, &wish).await?;
        let text = said(&turn, s, words, person, asked).await?;
        turn.reply_private(Message::text(text)).await
    })
    .await
}

/// `training courses`: what there is, and the way to a place.
async fn courses(cx: &Context<'_>, person: &Person) -> Result<()> {
    let words = cx.words;
    let message = cx.db().read(|c| async move {
        let all = course::courses(&c).await?;
        if all.is_empty() {
            return Ok(Message::text(say!(words, "request-courses-none")));
        }
        let mine = assignment::of_person(&c, &person.id).await?;
        let asked = store::asked_by(&c, &person.id).await?;
        let mut message = Message::new()
            .heading(say!(words, "request-courses-title"))
            .paragraph(say!(words, "request-courses-intro"));
        let more = all.len().saturating_sub(LISTED);
        for (id, title, _) in all.into_iter().take(LISTED) {
            let title = literal(&title);
            let waits =
                |r: &Request| r.state == State::Open && r.kind == Kind::Enrolment && r.course.as_ref() == Some(&id);
            message = if assignment::have_course(&mine, &id) {
                message.paragraph(say!(words, "request-course-mine", title = title))
            } else if asked.iter().any(waits) {
                message.paragraph(say!(words, "request-course-asked", title = title))
            } else {
                let button = Button::new(say!(words, "request-enrol-button"), format!("training enrol {id}"));
                message.paragraph(say!(words, "request-course-free", title = title)).buttons(vec![button])
            };
        }
        Ok(if more > 0 { message.context(say!(words, "request-list-more", count = more)) } else { message })
    });
    cx.reply_private(message.await?).await
}

/// `training enrol COURSE`, with the values of the form.
async fn enrol(cx: &Context<'_>, s: &Services, call: &Call, person: &Person, id: &str) -> Result<()> {
    let words = cx.words;
    let unknown = || Error::Invalid(say!(words, "request-course-unknown"));
    if call.values.is_none() {
        cx.db().read(|c| async move { course::title(&c, id).await }).await.map_err(|_| unknown())?;
        return Err(Error::invalid(say!(words, "request-form-needed")));
    }
    let reason = &value(call, REASON);
    if reason.is_empty() {
        return Err(Error::invalid(say!(words, "request-reason-missing")));
    }
    let until = &value(call, "until");
    cx.commit(|turn| async move {
        let title = course::title(&turn, id).await.map_err(|_| unknown())?;
        if assignment::have_course(&assignment::of_person(&turn, &person.id).await?, id) {
            let text = say!(words, "request-enrol-have", title = literal(&title));
            return turn.reply_private(Message::text(text)).await;
        }
        let wished =
            wished(words, day(s, person, turn.now()), Some(Kind::Enrolment), None, until).map_err(Error::Invalid)?;
        let wish = Wish { kind: Kind::Enrolment, person, assignment: None, course: id, wished, reason };
        let asked = act::ask(&turn, s, person, &wish).await?;
        let text = said(&turn, s, words, person, asked).await?;
        turn.reply_private(Message::text(text)).await
    })
    .await
}

/// `training withdraw ID`.
async fn withdraw(cx: &Context<'_>, s: &Services, person: &Person, id: &str) -> Result<()> {
    let words = cx.words;
    cx.commit(|turn| async move {
        let r = store::by_id(&turn, id).await?.filter(|r| r.asker.as_ref() == Some(&person.id));
        let r = r.ok_or_else(|| Error::Forbidden(say!(words, "request-unknown")))?;
        let what = view::what(&turn, s, words, &r).await?;
        let text = if matches!(r.state, State::Open | State::Draft)
            || (r.state == State::Declined && r.kind == Kind::Requirement)
        {
            act::withdraw(&turn, s, &r, person).await?;
            say!(words, "request-withdrawn", what = what)
        } else {
            let told = Told::load(&turn, s, words, person, id).await?;
            let standing = told.map(|t| view::standing(words, &t)).unwrap_or_default();
            say!(words, "request-withdraw-not", standing = standing)
        };
        turn.reply_private(Message::text(text)).await
    })
    .await
}
