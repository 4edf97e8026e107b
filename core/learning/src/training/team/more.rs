//! `team more`: what a manager can do with a reason: another date, or a leave that the staff list does not know yet.

use jiff::civil::Date;
use stoa_flow::chat::{Call, Context, Field, FieldError, Form, Message, literal};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::people::{self, Leave, Person, clean};
use stoa_ground::{Error, Result};

use super::command::theirs;
use crate::Services;
use crate::training::assignment::{self, Assignment, By};
use crate::training::requests::{self, Asked, Kind, Wish};
use crate::training::{due, life, requirement};

/// The longest reason, in characters.
pub(super) const LONGEST: usize = 500;
const LEAVE: &str = "leave";

/// What was chosen in the form.
struct Chosen {
    leave: bool,
    until: Date,
    reason: String,
}

/// The form, for who may act on the assignment.
pub(super) async fn form(cx: &Context<'_>, s: &Services, id: &str) -> Result<Option<Form>> {
    let (manager, words) = (cx.person()?, cx.words);
    let read = cx.db().read(|c| async move {
        let (a, person) = theirs(&c, s, words, manager, id).await?;
        let title = requirement::by_id(&c, &a.requirement).await?.title;
        Ok((a, person, title))
    });
    let (a, person, title) = read.await?;
    if !a.state.is_open() {
        return Ok(None);
    }
    let options = vec![
        ("time".to_owned(), say!(words, "team-more-time", due = words.date(a.due.date))),
        (LEAVE.to_owned(), say!(words, "team-more-leave")),
    ];
    let reason = Field {
        hint: Some(say!(words, "request-reason-hint")),
        ..Field::text("reason", say!(words, "request-reason"), true, LONGEST)
    };
    Ok(Some(Form {
        command: format!("team more {id}"),
        title: say!(words, "team-more-title"),
        intro: Some(format!("{}: {}", literal(&person.name), literal(&title))),
        fields: vec![
            Field::choice("what", say!(words, "team-more-what"), options),
            Field::text("until", say!(words, "request-until"), false, 10),
            reason,
        ],
        submit: say!(words, "team-more-submit"),
    }))
}

/// What somebody wrote into a field.
pub(super) fn value(call: &Call, name: &str) -> String {
    call.values.as_ref().and_then(|v| v.get(name)).map(|v| clean(v)).unwrap_or_default()
}

/// Until which day, and why, as a manager says it in a form; what is wrong with either is added to `errors`. A day before
/// the due date of `before` is.
pub(super) fn until_and_reason(
    words: &Words,
    today: Date,
    before: Option<&Assignment>,
    call: &Call,
    errors: &mut Vec<FieldError>,
) -> (Option<Date>, String) {
    let mut wrong = |field: &str, why: String| errors.push(FieldError { field: field.into(), why });
    let until = requests::wished(words, today, Some(Kind::Extension), before, &value(call, "until"));
    let until = until.unwrap_or_else(|why| {
        wrong("until", why);
        None
    });
    let reason: String = value(call, "reason").chars().take(LONGEST).collect();
    if reason.is_empty() {
        wrong("reason", say!(words, "request-reason-missing"));
    }
    (until, reason)
}

/// What is wrong with a form, where it cannot be shown beside its fields.
pub(super) fn refused(errors: Vec<FieldError>) -> Error {
    Error::Invalid(errors.into_iter().map(|e| e.why).collect::<Vec<_>>().join(" "))
}

/// What a sent form means, or what is wrong with it. `today` is the person's.
fn understand(words: &Words, a: &Assignment, today: Date, call: &Call) -> std::result::Result<Chosen, Vec<FieldError>> {
    let mut errors = Vec::new();
    let leave = value(call, "what") == LEAVE;
    // A leave may end before the due date; both must be said, and be near.
    let before = if leave { None } else { Some(a) };
    let (until, reason) = until_and_reason(words, today, before, call, &mut errors);
    match until.filter(|_| errors.is_empty()) {
        Some(until) => Ok(Chosen { leave, until, reason }),
        None => Err(errors),
    }
}

/// What is wrong with the form that was sent.
pub(super) async fn check(cx: &Context<'_>, s: &Services, id: &str, call: &Call) -> Result<Vec<FieldError>> {
    let (manager, words) = (cx.person()?, cx.words);
    // What may not be done is told as a message.
    let Ok((a, person)) = cx.db().read(|c| async move { theirs(&c, s, words, manager, id).await }).await else {
        return Ok(Vec::new());
    };
    let today = s.organisation.calendar(&person).date(cx.db().clock().now());
    Ok(understand(words, &a, today, call).err().unwrap_or_default())
}

/// Does it.
pub(super) async fn run(cx: &Context<'_>, s: &Services, id: &str, call: &Call) -> Result<()> {
    let (manager, words) = (cx.person()?, cx.words);
    cx.commit(|turn| async move {
        let (a, person) = theirs(&turn, s, words, manager, id).await?;
        let name = literal(&person.name);
        if !a.state.is_open() {
            return turn.reply_private(Message::text(say!(words, "team-remind-not-needed", name = name))).await;
        }
        if call.values.is_none() {
            return Err(Error::invalid(say!(words, "request-form-needed")));
        }
        let today = s.organisation.calendar(&person).date(turn.now());
        let chosen = understand(words, &a, today, call).map_err(refused)?;
        let by = By::person(&manager.id, &*chosen.reason);
        let text = if chosen.leave {
            on_leave(&turn, s, &person, today, chosen.until, &by).await?;
            let until = due::ends(&s.organisation.calendar(&person), chosen.until).said_in_full(words);
            say!(words, "team-away", name = name, until = until)
        } else if requests::beyond_managers(s, &a, chosen.until) {
            let wish = Wish {
                kind: Kind::Extension,
                person: &person,
                assignment: Some(&a),
                course: &a.course,
                wished: Some(chosen.until),
                reason: &chosen.reason,
            };
            let days = s.training.manager_extension_days;
            match requests::ask(&turn, s, manager, &wish).await? {
                Asked::New(r) | Asked::Already(r) => {
                    let approver = match &r.approver {
                        Some(id) => people::by_id(&turn, id).await?.map(|p| literal(&p.name)),
                        None => None,
                    };
                    match approver {
                        Some(approver) => say!(words, "team-beyond-asked", name = approver, days = days),
                        None => say!(words, "team-beyond-nobody", days = days),
                    }
                }
                Asked::TooMany => say!(words, "request-too-many"),
            }
        } else {
            let a = life::extend(&turn, s, &person, &a, chosen.until, &by).await?;
            say!(words, "team-extended", name = name, due = a.due.said_in_full(words))
        };
        turn.reply_private(Message::text(text)).await
    })
    .await
}

/// The person is on leave from today on: the clocks of all that is open stop.
async fn on_leave(
    tx: &stoa_ground::Tx,
    s: &Services,
    person: &Person,
    today: Date,
    until: Date,
    by: &By,
) -> Result<()> {
    people::add_leave(tx, &person.id, Leave { first: Some(today), last: Some(until) }).await?;
    for a in assignment::of_person(tx, &person.id).await? {
        if a.state.is_running() && !a.is_enrolment() {
            life::pause(tx, s, &a, today, by).await?;
        }
    }
    Ok(())
}
