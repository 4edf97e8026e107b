//! A manager says in chat that somebody has done a training elsewhere. It is recorded as the manager's word, not as the
//! person's own completion.

use jiff::civil::Date;
use stoa_flow::chat::{Call, Context, Field, FieldError, Form, Turn, literal};
use stoa_flow::say;
use stoa_ground::people::calendar::parse_date;
use stoa_ground::people::{self, Person, clean};
use stoa_ground::xapi::Actor;
use stoa_ground::{Conn, Error, Result};

use super::{Claim, Elsewhere, How, Target, Verdict, judge};
use crate::Services;
use crate::training::assignment::{Assignment, By};
use crate::training::{life, requirement};

/// The fields of the form: why, and on which day.
const FIELDS: [&str; 2] = ["reason", "day"];
/// The longest reason, in characters.
const LONGEST: usize = 500;

/// What the form says: the reason and the person's day.
struct Word {
    reason: String,
    day: Date,
}

/// The form in which a manager says it.
pub(in crate::training) async fn form(cx: &Context<'_>, a: &Assignment, person: &Person) -> Result<Form> {
    let words = cx.words;
    let id = &a.requirement;
    let title = cx.db().read(|c| async move { requirement::by_id(&c, id).await }).await?.title;
    let [reason, day] = FIELDS;
    Ok(Form {
        command: format!("team attest {}", a.id),
        title: say!(words, "team-attest-title"),
        intro: Some(say!(words, "team-attest-intro", name = literal(&person.name), title = literal(&title))),
        fields: vec![
            Field {
                hint: Some(say!(words, "team-attest-reason-hint")),
                ..Field::text(reason, say!(words, "team-attest-reason"), true, LONGEST)
            },
            Field {
                optional: true,
                hint: Some(say!(words, "team-attest-day-hint")),
                ..Field::text(day, say!(words, "team-attest-day"), false, 10)
            },
        ],
        submit: say!(words, "team-attest-submit"),
    })
}

fn word(cx: &Context<'_>, s: &Services, person: &Person, call: &Call) -> std::result::Result<Word, FieldError> {
    let given = |name: &str| call.values.as_ref().and_then(|v| v.get(name)).map_or("", |v| v.trim());
    let [reason, day] = FIELDS;
    let wrong = |field: &str, why: String| FieldError { field: field.to_owned(), why };
    let said = clean(given(reason));
    if said.chars().filter(|c| c.is_alphanumeric()).count() < 5 || said.chars().count() > LONGEST {
        return Err(wrong(reason, say!(cx.words, "team-attest-reason-wrong")));
    }
    let today = s.organisation.calendar(person).date(cx.db().clock().now());
    let on = match given(day) {
        "" => Some(today),
        text => parse_date(text).filter(|day| *day <= today),
    };
    match on {
        Some(on) => Ok(Word { reason: said, day: on }),
        None => Err(wrong(day, say!(cx.words, "team-attest-day-wrong"))),
    }
}

/// What is wrong with the form.
pub(in crate::training) fn check(cx: &Context<'_>, s: &Services, person: &Person, call: &Call) -> Vec<FieldError> {
    word(cx, s, person, call).err().into_iter().collect()
}

/// Records the word of a manager, or of the learning team, and says what became of it.
pub(in crate::training) async fn by_manager(
    turn: &Turn,
    cx: &Context<'_>,
    s: &Services,
    a: &Assignment,
    person: &Person,
    call: &Call,
) -> Result<String> {
    let (actor, name) = (cx.person()?, literal(&person.name));
    if !a.state.is_open() {
        return Ok(say!(cx.words, "team-remind-not-needed", name = name));
    }
    let word = word(cx, s, person, call).map_err(|e| Error::Invalid(e.why))?;
    let calendar = s.organisation.calendar(person);
    let claim = Claim::on(word.day, &calendar, None, turn.now());
    match judge(turn, s, person, &Target::Requirement(a.requirement.clone()), claim).await? {
        Verdict::Counts(some) => {
            let how = how(turn, actor, person).await?;
            for a in some {
                let elsewhere = Elsewhere {
                    by: By::person(&actor.id, word.reason.clone()),
                    actor: Actor::from(actor),
                    how,
                    claim,
                    provider: None,
                    evidence: None,
                    statement: None,
                };
                life::complete(turn, s, person, &a, Some(&elsewhere)).await?;
            }
            Ok(say!(cx.words, "team-attested", name = name))
        }
        Verdict::Known(_) => Ok(say!(cx.words, "team-remind-not-needed", name = name)),
        Verdict::Refused(why) => Ok(say!(cx.words, "team-attest-refused", why = why)),
    }
}

async fn how(conn: &Conn, actor: &Person, person: &Person) -> Result<How> {
    let above = people::managers_above(conn, person).await?;
    Ok(if above.iter().any(|m| m.id == actor.id) { How::Manager } else { How::Learning })
}
