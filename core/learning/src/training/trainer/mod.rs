//! Ask a trainer (R34): a question inside of a course goes to somebody qualified, with a clock; the answer comes back once,
//! and both texts are evidence of the learner. Managers never see them, and a trainer sees no results.
//!
//! Records of the ledger are about `trainer-question/<id>` and sealed under the learner's key; the texts are nowhere else.

mod clock;
mod message;
mod store;

use std::collections::BTreeSet;

use serde_json::json;
use stoa_flow::delivery::{self, NewDelivery};
use stoa_flow::{schedule, words_key};
use stoa_ground::ledger::Entry;
use stoa_ground::people::{self, Person, Role};
use stoa_ground::{Conn, Instant, Result, Tx};

pub(super) use clock::{ClockJob, TrainerFollower};
pub(super) use message::{FromTrainer, Shown, ToTrainer};
pub(super) use store::{Question, TrainerProjection, answered_by, by_id, ids_in, of_person, texts};

use super::assignment::Assignment;
use super::course::{self, Course, Particulars};
use super::{statements, team};
use crate::Services;

/// The longest question and answer, in characters.
pub(super) const LONGEST: usize = 3_000;
/// Questions that one person may ask in a day.
const A_DAY: usize = 10;
/// What the learning team is said to be qualified by, where a course names nobody else.
const LEARNING: &str = "learning and development";

/// Where in a course somebody was when they asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On a page, from 1.
    Page(usize),
    /// At a question of the quiz, from 1.
    Question(usize),
    /// Elsewhere in the course.
    Course,
}

impl Place {
    /// As buttons and records have it: `p2`, `q1`, `c`.
    pub fn code(self) -> String {
        match self {
            Self::Page(n) => format!("p{n}"),
            Self::Question(n) => format!("q{n}"),
            Self::Course => "c".into(),
        }
    }

    /// What a code means in this course; what it cannot mean is the course as a whole.
    pub fn read(code: &str, course: &Course) -> Self {
        let number = |most: usize| code.get(1..).and_then(|n| n.parse().ok()).filter(|n| (1..=most).contains(n));
        match code.get(..1) {
            Some("p") => number(course.pages.len()).map_or(Self::Course, Self::Page),
            Some("q") => number(course.questions.len()).map_or(Self::Course, Self::Question),
            _ => Self::Course,
        }
    }

    /// The title of the page or the text of the question; none for the course as a whole.
    pub fn title(self, course: &Course) -> Option<String> {
        match self {
            Self::Page(n) => course.pages.get(n - 1).map(|p| p.title.clone()),
            Self::Question(n) => course.questions.get(n - 1).map(|q| q.prompt.clone()),
            Self::Course => None,
        }
    }
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    /// It is on its way to somebody of this name, who has until then.
    OnItsWay { trainer: String, due: Instant },
    /// The same question is on its way already.
    Already,
    /// Enough for today.
    Enough,
    /// Nobody can be asked.
    Nobody,
}

/// Whether there is anybody whom a person could ask about a course. For the button: whether they are here today is looked at
/// when it is asked.
pub(super) async fn can_be_asked(conn: &Conn, course: &str, person: &Person) -> Result<bool> {
    Ok(!course::particulars(conn, course).await?.trainers.is_empty()
        || people::people_with(conn, Role::Learning).await?.iter().any(|p| p.id != person.id))
}

/// Who can be asked now, in order: the trainers of the course, then the learning team; never the learner, and nobody whom
/// the learner reports to, since no question is shown to a manager.
async fn qualified(
    conn: &Conn,
    s: &Services,
    learner: &Person,
    particulars: &Particulars,
) -> Result<Vec<(Person, String)>> {
    let above: BTreeSet<String> = people::managers_above(conn, learner).await?.into_iter().map(|m| m.id).collect();
    let mut found = particulars.people(conn).await?;
    for person in people::people_with(conn, Role::Learning).await? {
        if found.iter().all(|(p, _)| p.id != person.id) {
            found.push((person, LEARNING.to_owned()));
        }
    }
    found.retain(|(p, _)| p.id != learner.id && !above.contains(&p.id) && team::is_present(s, p, conn.now()));
    Ok(found)
}

/// When a trainer has answered who got a question now: so many business days later, at the end of work there.
fn deadline(s: &Services, trainer: &Person, days: u32, now: Instant) -> Instant {
    let calendar = s.organisation.calendar(trainer);
    calendar.at(calendar.plus_working_days(calendar.date(now), days), calendar.working_hours.1)
}

/// Somebody asks.
pub(super) async fn ask(
    tx: &Tx,
    s: &Services,
    person: &Person,
    a: &Assignment,
    place: Place,
    text: &str,
) -> Result<Asked> {
    let digest = course::digest(&text.to_lowercase());
    let mine = store::of_person(tx, &person.id).await?;
    if mine.iter().any(|q| q.assignment == a.id && q.digest == digest && q.answered.is_none()) {
        return Ok(Asked::Already);
    }
    let since = tx.now().plus(-Instant::DAY);
    if mine.iter().filter(|q| q.asked > since).count() >= A_DAY {
        return Ok(Asked::Enough);
    }
    let particulars = course::particulars(tx, &a.course).await?;
    let Some((trainer, qualification)) = qualified(tx, s, person, &particulars).await?.into_iter().next() else {
        return Ok(Asked::Nobody);
    };
    let id = tx.clock().id().to_string();
    let due = deadline(s, &trainer, particulars.days(), tx.now());
    let entry = Entry {
        subject: format!("trainer-question/{id}"),
        kind: "asked",
        actor: format!("person/{}", person.id),
        reason: "asked a trainer".into(),
        data: json!({
            "person": person.id,
            "assignment": a.id,
            "course": a.course,
            "version": a.course_version,
            "place": place.code(),
            "text": text,
            "digest": digest,
            "trainer": format!("person/{}", trainer.id),
            "qualification": qualification,
            "due": due,
        }),
    };
    s.ledger.append(tx, entry).await?;
    statements::asked(tx, s, person, a, &id).await?;
    if let Some(question) = store::by_id(tx, &id).await? {
        hand_over(tx, s, &question, &trainer).await?;
    }
    Ok(Asked::OnItsWay { trainer: trainer.name, due })
}

/// Tells the trainer whose clock runs now, and winds it.
async fn hand_over(tx: &Tx, s: &Services, q: &Question, trainer: &Person) -> Result<()> {
    let ask = NewDelivery {
        key: q.key(),
        kind: ToTrainer::NAME,
        person: Some(trainer.id.clone()),
        payload: json!({ "question": q.id }),
        item: q.id.clone(),
        step: "ask".into(),
        ..NewDelivery::default()
    };
    delivery::enqueue(tx, &ask).await?;
    clock::wind(tx, s, q, trainer).await
}

/// The question goes to the next one who can be asked; where there is none, the learner is told. `by`: whose doing it is.
async fn pass_on(tx: &Tx, s: &Services, q: &Question, by: &str, reason: &str) -> Result<()> {
    let Some(learner) = people::by_id(tx, &q.person).await? else { return Ok(()) };
    let particulars = course::particulars(tx, &q.course).await?;
    let next = qualified(tx, s, &learner, &particulars).await?.into_iter().find(|(p, _)| !q.asked_of.contains(&p.id));
    // After the first clock has run out there is no second time for it.
    let due = next.as_ref().map_or(q.due, |(trainer, _)| deadline(s, trainer, 1, tx.now()));
    let entry = Entry {
        subject: format!("trainer-question/{}", q.id),
        kind: "passed",
        actor: by.to_owned(),
        reason: reason.to_owned(),
        data: json!({
            "trainer": next.as_ref().map(|(p, _)| format!("person/{}", p.id)),
            "qualification": next.as_ref().map(|(_, qualification)| qualification),
            "due": due,
        }),
    };
    s.ledger.append(tx, entry).await?;
    // What was said to those before stays readable, and says that it went on.
    delivery::cancel(tx, &q.key(), words_key!("why-trainer-passed")).await?;
    delivery::revise(tx, &format!("trainer/{}/", q.id)).await?;
    schedule::cancel(tx, &clock::job_key(&q.id)).await?;
    let Some(now) = store::by_id(tx, &q.id).await? else { return Ok(()) };
    match next {
        Some((trainer, _)) => hand_over(tx, s, &now, &trainer).await,
        None => tell(tx, &now, "late").await,
    }
}

/// Whoever was asked passes it on. `false` when it is not with them any more.
pub(super) async fn decline(tx: &Tx, s: &Services, q: &Question, trainer: &Person) -> Result<bool> {
    if q.answered.is_some() || q.trainer.as_deref() != Some(trainer.id.as_str()) {
        return Ok(false);
    }
    pass_on(tx, s, q, &format!("person/{}", trainer.id), "passed it on").await?;
    Ok(true)
}

/// Somebody who was asked answers. `false` when it is answered already: the answer comes once.
pub(super) async fn answer(
    tx: &Tx,
    s: &Services,
    q: &Question,
    a: &Assignment,
    trainer: &Person,
    text: &str,
) -> Result<bool> {
    if q.answered.is_some() {
        return Ok(false);
    }
    let particulars = course::particulars(tx, &q.course).await?;
    let qualification = particulars.people(tx).await?.into_iter().find(|(p, _)| p.id == trainer.id);
    let entry = Entry {
        subject: format!("trainer-question/{}", q.id),
        kind: "answered",
        actor: format!("person/{}", trainer.id),
        reason: "answered the question".into(),
        data: json!({
            "text": text,
            "trainer": format!("person/{}", trainer.id),
            "trainer_name": trainer.name,
            "qualification": qualification.map_or_else(|| LEARNING.to_owned(), |(_, q)| q),
        }),
    };
    s.ledger.append(tx, entry).await?;
    statements::answered(tx, s, trainer, a, &q.id).await?;
    schedule::cancel(tx, &clock::job_key(&q.id)).await?;
    let prefix = format!("trainer/{}/", q.id);
    delivery::cancel(tx, &prefix, words_key!("why-done")).await?;
    delivery::revise(tx, &prefix).await?;
    tell(tx, q, "back").await?;
    Ok(true)
}

/// Tells the learner what became of the question, once for each step.
async fn tell(tx: &Tx, q: &Question, step: &'static str) -> Result<()> {
    let new = NewDelivery {
        key: format!("trainer-answer/{}/{step}", q.id),
        kind: FromTrainer::NAME,
        person: Some(q.person.clone()),
        payload: json!({ "question": q.id }),
        item: q.id.clone(),
        step: step.into(),
        ..NewDelivery::default()
    };
    delivery::enqueue(tx, &new).await?;
    Ok(())
}
