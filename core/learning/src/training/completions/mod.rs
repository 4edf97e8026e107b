//! Completions: the one way into the ledger for what was done in chat and for what was done elsewhere, and the judgement of
//! what comes from elsewhere: files, statements of other systems, the word of a manager.

mod by_manager;
mod doubt;
mod file;
mod statements;

use std::collections::HashMap;

use jiff::civil::{Date, Time};
use serde_json::{Value as Json, json};
use stoa_ground::people::calendar::Calendar;
use stoa_ground::people::{self, Person};
use stoa_ground::xapi::Actor;
use stoa_ground::{Conn, Instant, Result};

pub(super) use by_manager::{by_manager, check as check_form, form};
pub(super) use doubt::Doubt;
pub use file::{Line, Outcome, import};
pub(super) use statements::{CompletionProjection, StatementFollower};
pub use statements::{Judged, judged};

use super::assignment::{self, Assignment, By};
use super::course;
use super::requirement::{self, Prior, Requirement};
use super::state::State;
use super::{attest, life, trainer};
use crate::Services;

/// Where a completion comes from when it is not the person's own in chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// A manager of the person says so in chat.
    Manager,
    /// Somebody of the learning team says so in chat.
    Learning,
    /// A command.
    Operator,
    /// A file of completions.
    File,
    /// A statement of another system.
    Statement,
}

impl How {
    fn name(self) -> &'static str {
        match self {
            Self::Manager => "manager",
            Self::Learning => "learning",
            Self::Operator => "operator",
            Self::File => "file",
            Self::Statement => "statement",
        }
    }
}

/// A completion that is not the person's own in chat.
pub(super) struct Elsewhere {
    /// Who says so and why.
    pub by: By,
    /// The same in statements.
    pub actor: Actor,
    /// Where it comes from.
    pub how: How,
    /// What is said.
    pub claim: Claim,
    /// Who gave the training.
    pub provider: Option<String>,
    /// Where the evidence is: a number, a file, an address.
    pub evidence: Option<String>,
    /// The statement that says so.
    pub statement: Option<String>,
}

/// What is said of a completion elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Claim {
    /// When it was completed.
    pub at: Instant,
    /// What was said in place of it, by a clock that is a little ahead of the one here.
    pub claimed: Option<Instant>,
    /// Only the day was said.
    pub day: bool,
    /// From 0 to 1.
    pub score: Option<f64>,
}

/// So much the clock of another system may be ahead: as much as evidence lets pass for the way from there to here.
const AHEAD: i64 = 60 * Instant::SECOND;

impl Claim {
    /// Of an instant. What a clock that is a little ahead says is taken for now.
    pub fn at(said: Instant, score: Option<f64>, now: Instant) -> Self {
        let ahead = said > now && said.0 - now.0 <= AHEAD;
        let (at, claimed) = if ahead { (now, Some(said)) } else { (said, None) };
        Self { at, claimed, day: false, score }
    }

    /// Of a day of the person: noon, or now where that has not come on it.
    pub fn on(day: Date, calendar: &Calendar, score: Option<f64>, now: Instant) -> Self {
        let noon = calendar.at(day, Time::constant(12, 0, 0, 0));
        let at = if day == calendar.date(now) { noon.min(now) } else { noon };
        Self { at, claimed: None, day: true, score }
    }

    /// Whether what is recorded as completed at an instant is what this says.
    fn is(&self, completed: Instant, calendar: &Calendar) -> bool {
        let same_day = || calendar.date(completed) == calendar.date(self.at);
        completed.0.abs_diff(self.at.0) <= AHEAD.unsigned_abs() || (self.day && same_day())
    }
}

/// What becomes of a claim.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It completes these assignments.
    Counts(Vec<Assignment>),
    /// It was recorded before; the sentence says when.
    Known(String),
    /// It does not count; the sentence says why.
    Refused(String),
}

/// What is claimed to be completed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target {
    /// The requirement with this id.
    Requirement(String),
    /// Every requirement of the course with this id.
    Course(String),
}

/// The data of the record of a completion: what evidence needs to say of it later, as it is now. `active`: reading time in
/// microseconds.
pub(super) async fn data(
    conn: &Conn,
    person: &Person,
    a: &Assignment,
    active: i64,
    elsewhere: Option<&Elsewhere>,
) -> Result<Json> {
    let (version, content) = course::read_in(conn, a).await?;
    let particulars = course::particulars(conn, &a.course).await?;
    let mut trainers = particulars.people(conn).await?;
    for (who, qualification) in trainer::answered_by(conn, &a.id).await? {
        if trainers.iter().all(|(p, _)| p.id != who.id) {
            trainers.push((who, qualification));
        }
    }
    let trainers: Vec<Json> = trainers
        .iter()
        .map(|(p, qualification)| {
            json!({ "name": p.name, "employee_id": p.employee_id, "title": p.title, "qualification": qualification })
        })
        .collect();
    let mut data = json!({
        "version": version,
        "score": a.score,
        "attempts": a.attempts,
        "how": elsewhere.map_or("chat", |e| e.how.name()),
        "who": people::history::snapshot(person),
        "language": content.language,
        "provider": particulars.provider,
        "trainers": trainers,
        "planned_minutes": content.min_minutes,
    });
    match elsewhere {
        None => data["active_seconds"] = (active / Instant::SECOND).into(),
        Some(e) => {
            data["completed"] = serde_json::to_value(e.claim.at)?;
            if let Some(claimed) = e.claim.claimed {
                data["claimed"] = serde_json::to_value(claimed)?;
            }
            data["score"] = serde_json::to_value(e.claim.score)?;
            if e.provider.is_some() {
                data["provider"] = serde_json::to_value(&e.provider)?;
            }
            if matches!(e.how, How::Manager | How::Learning) {
                data["authentication"] = attest::Level::ChatSession.name().into();
            }
            data["evidence"] = serde_json::to_value(&e.evidence)?;
            data["statement"] = serde_json::to_value(&e.statement)?;
        }
    }
    Ok(data)
}

/// Judges a claim about a person, and changes nothing.
pub(super) async fn judge(
    conn: &Conn,
    s: &Services,
    person: &Person,
    target: &Target,
    claim: Claim,
) -> Result<Verdict> {
    judge_after(conn, s, person, target, claim, &HashMap::new()).await
}

/// As [`judge`], as if these assignments had been completed at these instants.
async fn judge_after(
    conn: &Conn,
    s: &Services,
    person: &Person,
    target: &Target,
    claim: Claim,
    done: &HashMap<String, Instant>,
) -> Result<Verdict> {
    let refused = |why: String| Ok(Verdict::Refused(why));
    let calendar = s.organisation.calendar(person);
    let (day, today) = (calendar.date(claim.at), calendar.date(conn.now()));
    if day > today {
        return refused(format!("{day} is still to come for {}", person.name));
    }
    if claim.at > conn.now() {
        let time = claim.at.zoned(&calendar.zone).strftime("%H:%M:%S");
        return refused(format!("{time} of {day} is still to come for {}", person.name));
    }
    let mut all = assignment::of_person(conn, &person.id).await?;
    for a in &mut all {
        if let Some(at) = done.get(&a.id) {
            (a.state, a.completed) = (State::Completed, Some(*at));
        }
    }
    let wanted = wanted(conn, target, &all).await?;
    let name = match target {
        Target::Requirement(id) | Target::Course(id) => id,
    };
    let Some(first) = wanted.first() else {
        return refused(match target {
            Target::Requirement(_) => format!("there is no requirement '{name}'"),
            Target::Course(_) if course::courses(conn).await?.iter().any(|(id, ..)| id == name) => {
                format!("no requirement asks for the course '{name}'")
            }
            Target::Course(_) => format!("there is no course '{name}'"),
        });
    };
    let since = match course::particulars(conn, &first.course).await?.since {
        Some(since) => Some(since),
        None => course::first_stored(conn, &first.course).await?.map(|at| calendar.date(at)),
    };
    if let Some(since) = since.filter(|since| day < *since) {
        return refused(format!("{day} is before the course '{}' was there, which is since {since}", first.course));
    }
    let (mut counts, mut known, mut why) = (Vec::new(), None, None);
    for r in &wanted {
        match one(conn, person, r, &all, claim, &calendar).await? {
            Verdict::Counts(some) => counts.extend(some),
            Verdict::Known(sentence) => known = known.or(Some(sentence)),
            Verdict::Refused(sentence) => why = why.or(Some(sentence)),
        }
    }
    Ok(match (counts.is_empty(), known, why) {
        (false, ..) => Verdict::Counts(counts),
        (true, Some(sentence), _) => Verdict::Known(sentence),
        (true, None, why) => Verdict::Refused(why.unwrap_or_default()),
    })
}

/// The requirements that a claim is about, and the place in the course that the person asked for. `all` are the person's
/// assignments.
async fn wanted(conn: &Conn, target: &Target, all: &[Assignment]) -> Result<Vec<Requirement>> {
    let mut wanted = requirement::all(conn).await?;
    wanted.retain(|r| match target {
        Target::Requirement(id) => r.id == *id,
        Target::Course(id) => r.course == *id,
    });
    let place = all.iter().find(|a| {
        a.is_enrolment()
            && match target {
                Target::Requirement(id) => a.requirement == *id,
                Target::Course(id) => a.course == *id,
            }
    });
    if let Some(place) = place {
        wanted.push(requirement::by_id(conn, &place.requirement).await?);
    }
    Ok(wanted)
}

/// Judges a claim about one requirement. `all` are the person's assignments, the oldest first.
async fn one(
    conn: &Conn,
    person: &Person,
    r: &Requirement,
    all: &[Assignment],
    claim: Claim,
    calendar: &Calendar,
) -> Result<Verdict> {
    // A place that somebody asked for is named by its course.
    let (name, item) = (&person.name, r.id.strip_prefix(requirement::ENROLMENT).unwrap_or(&r.id));
    let mine: Vec<&Assignment> = all.iter().filter(|a| a.requirement == r.id).collect();
    if let Some(completed) = mine.iter().filter_map(|a| a.completed).find(|at| claim.is(*at, calendar)) {
        let on = calendar.date(completed);
        return Ok(Verdict::Known(format!("'{item}' of {name} is recorded as completed on {on} already")));
    }
    let Some(a) = assignment::newest(all, &r.id) else {
        return Ok(Verdict::Refused(format!("{name} has no assignment of '{item}'")));
    };
    if let Some(completed) = a.completed {
        let on = calendar.date(completed);
        return Ok(Verdict::Known(format!("'{item}' of {name} is completed already, on {on}")));
    }
    if !a.state.is_open() {
        let state = a.state.name();
        return Ok(Verdict::Refused(format!("'{item}' of {name} is {state} and stays so")));
    }
    // What completed an earlier cycle does not complete the next one.
    let earlier = mine.iter().any(|b| b.id != a.id && b.completed.is_some());
    if earlier && claim.at < a.assigned {
        let (day, assigned) = (calendar.date(claim.at), calendar.date(a.assigned));
        return Ok(Verdict::Refused(format!("{day} is before '{item}' was assigned to {name} again, on {assigned}")));
    }
    if r.recertify.as_ref().is_some_and(|rule| rule.prior == Prior::DoesNotCount) && claim.at < a.assigned {
        let (day, assigned) = (calendar.date(claim.at), calendar.date(a.assigned));
        return Ok(Verdict::Refused(format!(
            "{day} is before '{item}' was assigned to {name}, on {assigned}, and what was done before does not count"
        )));
    }
    if let Some(end) = life::validity(calendar, r, a, claim.at).filter(|end| end.date < calendar.date(conn.now())) {
        let day = calendar.date(claim.at);
        return Ok(Verdict::Refused(format!("what {name} did on {day} held until {} only", end.date)));
    }
    if let Err(e) = attest::may_be_done_for(conn, a).await {
        return Ok(Verdict::Refused(e.to_string()));
    }
    if let Some(score) = claim.score {
        let (_, content) = course::read_in(conn, a).await?;
        if !content.passes(score) {
            let mark = content.pass_mark;
            return Ok(Verdict::Refused(format!("the score {score} is below the course's pass mark {mark}")));
        }
    }
    Ok(Verdict::Counts(vec![a.clone()]))
}
