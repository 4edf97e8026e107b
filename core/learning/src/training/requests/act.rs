//! What happens to a request, with everything that follows from it: the record, the statement, what is told to whom, and
//! what was asked for. Each function works in the caller's transaction.

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Value as Json, json};
use stoa_flow::{schedule, words_key};
use stoa_ground::ledger::Entry;
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Result, Tx};

use super::store::{self, Kind, Lane, Request, State, Step, existing};
use super::{clock, message, route};
use crate::Services;
use crate::training::assignment::{self, Assignment, By};
use crate::training::requirement::{self, Requirement};
use crate::training::state::Change;
use crate::training::{authoring, course, due, exempt, life, statements, stuck};

/// Requests that one person may make in a day.
const A_DAY: usize = 10;

/// What somebody asks for.
pub(in crate::training) struct Wish<'a> {
    /// What.
    pub kind: Kind,
    /// For whom.
    pub person: &'a Person,
    /// About which assignment; none for a place in a course.
    pub assignment: Option<&'a Assignment>,
    /// In which course.
    pub course: &'a str,
    /// The day that is wished.
    pub wished: Option<Date>,
    /// Why, in the words of who asks.
    pub reason: &'a str,
}

/// What became of a wish.
pub(in crate::training) enum Asked {
    /// It is a request now.
    New(Box<Request>),
    /// The same was asked before and waits for its answer.
    Already(Box<Request>),
    /// Too many in a day.
    TooMany,
}

async fn record(tx: &Tx, s: &Services, id: &str, step: Step, actor: &str, reason: &str, data: Json) -> Result<Request> {
    let entry = Entry {
        subject: format!("request/{id}"),
        kind: step.name(),
        actor: actor.to_owned(),
        reason: reason.to_owned(),
        data,
    };
    s.ledger.append(tx, entry).await?;
    existing(tx, id).await
}

fn named(person: Option<&str>) -> Option<String> {
    person.map(|id| format!("person/{id}"))
}

/// Who decides first: about more time than a manager may give, an approver.
fn lane(s: &Services, wish: &Wish<'_>) -> Lane {
    match (wish.kind, wish.assignment, wish.wished) {
        (Kind::Enrolment | Kind::Attempt, ..) => Lane::Manager,
        (Kind::Extension, Some(a), Some(day)) if !beyond_managers(s, a, day) => Lane::Manager,
        _ => Lane::Approver,
    }
}

/// Whether a due date is later than a manager may give.
pub(in crate::training) fn beyond_managers(s: &Services, a: &Assignment, to: Date) -> bool {
    let most = i64::from(s.training.manager_extension_days.min(36_600));
    a.first_due_date.checked_add(most.days()).is_ok_and(|last| to > last)
}

/// Somebody asks for something about training.
///
/// # Errors
/// The database's error.
pub(in crate::training) async fn ask(tx: &Tx, s: &Services, asker: &Person, wish: &Wish<'_>) -> Result<Asked> {
    let before = store::asked_by(tx, &asker.id).await?;
    let about = wish.assignment.map(|a| a.id.as_str());
    let same = |r: &&Request| {
        let course = about.is_some() || r.course.as_deref() == Some(wish.course);
        r.state == State::Open && r.kind == wish.kind && r.assignment.as_deref() == about && course
    };
    if let Some(same) = before.iter().find(same) {
        return Ok(Asked::Already(Box::new(same.clone())));
    }
    let day = tx.now().plus(-stoa_ground::Instant::DAY);
    if before.iter().filter(|r| r.created > day).count() >= A_DAY {
        return Ok(Asked::TooMany);
    }
    let id = tx.clock().id().to_string();
    let lane = lane(s, wish);
    let new = Request {
        id: id.clone(),
        kind: wish.kind,
        state: State::Open,
        person: Some(wish.person.id.clone()),
        asker: Some(asker.id.clone()),
        assignment: about.map(str::to_owned),
        course: Some(wish.course.to_owned()),
        requirement: wish.assignment.map(|a| a.requirement.clone()),
        wished: wish.wished,
        lane,
        reason: wish.reason.to_owned(),
        definition: None,
        changes: false,
        base: None,
        statement: None,
        approver: None,
        round: 0,
        tried: Vec::new(),
        since: tx.now(),
        reminders: 0,
        created: tx.now(),
        decided: None,
        decider: None,
        decision: None,
    };
    let approver = route::next(tx, s, &new, &[]).await?;
    let statement = statements::requested(tx, s, asker, &new).await?;
    let data = json!({
        "person": new.person,
        "kind": new.kind.name(),
        "asker": named(new.asker.as_deref()),
        "assignment": new.assignment,
        "course": new.course,
        "requirement": new.requirement,
        "wished": new.wished,
        "lane": lane.name(),
        "statement": statement,
        "approver": named(approver.as_ref().map(|p| p.id.as_str())),
        "state": State::Open.name(),
    });
    let actor = format!("person/{}", asker.id);
    let r = record(tx, s, &id, Step::Requested, &actor, wish.reason, data).await?;
    message::put(tx, &r).await?;
    clock::wind(tx, s, &r).await?;
    Ok(Asked::New(Box::new(r)))
}

/// A requirement is written, or written anew (`before`), by a person or the operator.
pub(in crate::training) async fn draft(
    tx: &Tx,
    s: &Services,
    author: Option<&Person>,
    before: Option<&Request>,
    requirement: &Requirement,
) -> Result<Request> {
    let id = before.map_or_else(|| tx.clock().id().to_string(), |r| r.id.clone());
    let asker = author.map(|p| p.id.as_str());
    // What is written on keeps what it began with; what was sent back is written knowing how things are.
    let (changes, base) = match before.filter(|r| r.state == State::Draft) {
        Some(r) => (r.changes, r.base.clone()),
        None => {
            let base = requirement::version_of(tx, &requirement.id).await?;
            (base.is_some(), base)
        }
    };
    let data = json!({
        "kind": Kind::Requirement.name(),
        "asker": named(asker),
        "requirement": requirement.id,
        "course": requirement.course,
        "lane": Lane::Approver.name(),
        "definition": requirement,
        "changes": changes,
        "base": base,
        "state": State::Draft.name(),
    });
    let actor = named(asker).unwrap_or_else(|| "operator".into());
    record(tx, s, &id, Step::Drafted, &actor, "a draft was written", data).await
}

/// A draft is put before a second person.
pub(in crate::training) async fn propose(tx: &Tx, s: &Services, r: &Request, reason: &str) -> Result<Request> {
    let author = match &r.asker {
        Some(id) => people::by_id(tx, id).await?,
        None => None,
    };
    let approver = route::next(tx, s, r, &[]).await?;
    let reasoned = Request { reason: reason.to_owned(), ..r.clone() };
    let statement = match &author {
        Some(author) => Some(statements::requested(tx, s, author, &reasoned).await?),
        None => None,
    };
    let actor = named(r.asker.as_deref()).unwrap_or_else(|| "operator".into());
    let data = json!({
        "statement": statement,
        "approver": named(approver.as_ref().map(|p| p.id.as_str())),
        "from": r.state.name(),
        "state": State::Open.name(),
    });
    let r = record(tx, s, &r.id, Step::Requested, &actor, reason, data).await?;
    message::put(tx, &r).await?;
    clock::wind(tx, s, &r).await?;
    Ok(r)
}

/// Asks somebody else, or nobody while nobody may decide.
pub(super) async fn pass(
    tx: &Tx,
    s: &Services,
    r: &Request,
    to: Option<&Person>,
    actor: &str,
    why: &'static str,
    reason: &str,
) -> Result<Request> {
    let data = json!({
        "from": named(r.approver.as_deref()),
        "approver": named(to.map(|p| p.id.as_str())),
        "why": why,
    });
    let r = record(tx, s, &r.id, Step::Passed, actor, reason, data).await?;
    message::take_back(tx, &r, words_key!("why-request-passed")).await?;
    message::put(tx, &r).await?;
    clock::wind(tx, s, &r).await?;
    Ok(r)
}

/// Whoever is asked is reminded.
pub(super) async fn remind(tx: &Tx, s: &Services, r: &Request) -> Result<Request> {
    let data = json!({ "approver": named(r.approver.as_deref()) });
    let reason = format!("no answer in {} working days", s.training.remind_approver_after);
    let r = record(tx, s, &r.id, Step::Reminded, clock::ACTOR, &reason, data).await?;
    message::put(tx, &r).await?;
    Ok(r)
}

/// It has ended: nobody is asked any more, and what stands in the chat says so. `told`: whether who asked hears of it.
async fn end(tx: &Tx, s: &Services, r: &Request, step: Step, actor: &str, reason: &str, told: bool) -> Result<Request> {
    let (from, state) = (r.state, store::transition(Some(r.state), step).unwrap_or(r.state));
    let data = json!({ "from": from.name(), "state": state.name() });
    let r = record(tx, s, &r.id, step, actor, reason, data).await?;
    schedule::cancel(tx, &clock::key(&r.id)).await?;
    message::take_back(tx, &r, words_key!("why-request-ended")).await?;
    if told {
        message::tell(tx, &r).await?;
    }
    Ok(r)
}

/// Whether the requirement that is proposed has changed, or come, since it was written.
pub(in crate::training) async fn has_moved(conn: &Conn, r: &Request) -> Result<bool> {
    let Some(definition) = &r.definition else { return Ok(false) };
    let now = requirement::version_of(conn, &definition.id).await?;
    // A draft from before versions were written down says nothing.
    let moved = if r.changes { r.base.is_some() && r.base != now } else { now.is_some() };
    // Or somebody was assigned it meanwhile, and it has another course.
    Ok(moved || requirement::loses_course(conn, definition).await?.is_some())
}

/// A proposed requirement goes back to its author, because the one that it changes is another one now.
pub(super) async fn send_back(tx: &Tx, s: &Services, r: &Request) -> Result<()> {
    let reason = "the requirement has changed since this was written";
    end(tx, s, r, Step::Declined, clock::ACTOR, reason, true).await.map(drop)
}

/// Grants it and does what was asked for. `r` waits for this person's decision, and has not [moved](has_moved).
///
/// # Errors
/// The database's error.
pub(super) async fn approve(tx: &Tx, s: &Services, r: &Request, approver: &Person) -> Result<Request> {
    let actor = format!("person/{}", approver.id);
    let now = tx.now();
    let target = match &r.assignment {
        Some(id) => assignment::by_id(tx, id).await?.filter(|a| a.state.is_open()),
        None => None,
    };
    let person = match &r.person {
        Some(id) => people::by_id(tx, id).await?,
        None => None,
    };
    let by = By { actor: actor.clone(), reason: reason(tx, r, approver).await? };
    if let Some(statement) = &r.statement {
        statements::decided(tx, s, approver, statement, None).await?;
    }
    let r = end(tx, s, r, Step::Approved, &actor, "approved in chat", true).await?;
    match (r.kind, person, target) {
        (Kind::Extension, Some(person), Some(a)) => {
            let calendar = s.organisation.calendar(&person);
            // Approved after the wished day: it is due today, not in the past. Never before it is due anyhow.
            let to = r.wished.unwrap_or(a.due.date).max(calendar.date(now)).max(a.due.date);
            life::extend(tx, s, &person, &a, to, &by).await?;
        }
        (Kind::Exemption, Some(person), Some(a)) => {
            exempt::exempt_in(tx, s, &person, &a, r.wished, &by).await?;
        }
        (Kind::Waiver, Some(person), Some(a)) => life::waive(tx, s, &person, &a, &by).await?,
        (Kind::Attempt, _, Some(a)) if stuck(tx, &a).await? => life::grant(tx, s, &a, &by).await?,
        (Kind::Enrolment, Some(person), _) => {
            let id = r.course.clone().unwrap_or_default();
            let mine = assignment::of_person(tx, &person.id).await?;
            if course::current(tx, &id).await.is_ok() && !assignment::have_course(&mine, &id) {
                let calendar = s.organisation.calendar(&person);
                let day = calendar.date(now);
                let to = r.wished.unwrap_or_else(|| day.checked_add(30.days()).unwrap_or(day)).max(day);
                life::enrol(tx, s, &person, &id, due::on(&calendar, to), &by, approver).await?;
            }
        }
        (Kind::Requirement, ..) => {
            if let Some(definition) = &r.definition {
                requirement::store(tx, s, definition, &by).await?;
                authoring::enforce(tx, &r.id).await?;
            }
        }
        // It ended in the same moment; there is nothing left to do.
        (Kind::Extension | Kind::Exemption | Kind::Waiver | Kind::Enrolment | Kind::Attempt, ..) => {}
    }
    Ok(r)
}

/// Grants the attempt that somebody has asked for, whoever was asked; `false` when they have not asked.
///
/// # Errors
/// The database's error.
pub(in crate::training) async fn grant_asked(tx: &Tx, s: &Services, a: &Assignment, by: &Person) -> Result<bool> {
    let asked = store::of_assignment(tx, &a.id).await?;
    let Some(r) = asked.into_iter().find(|r| r.state == State::Open && r.kind == Kind::Attempt) else {
        return Ok(false);
    };
    approve(tx, s, &r, by).await?;
    Ok(true)
}

/// The reason of what follows from a decision: who asked and why, and who approved.
async fn reason(tx: &Tx, r: &Request, approver: &Person) -> Result<String> {
    let asker = match &r.asker {
        Some(id) => people::by_id(tx, id).await?.map(|p| p.name),
        None => Some("the operator".into()),
    };
    Ok(format!("{} asked: {}; approved by {}", asker.unwrap_or_default(), r.reason, approver.name))
}

/// Does not grant it. `r` waits for this person's decision.
pub(super) async fn decline(tx: &Tx, s: &Services, r: &Request, approver: &Person, reason: &str) -> Result<Request> {
    if let Some(statement) = &r.statement {
        statements::decided(tx, s, approver, statement, Some(reason)).await?;
    }
    end(tx, s, r, Step::Declined, &format!("person/{}", approver.id), reason, true).await
}

/// Who asked takes it back.
pub(in crate::training) async fn withdraw(tx: &Tx, s: &Services, r: &Request, asker: &Person) -> Result<Request> {
    end(tx, s, r, Step::Withdrawn, &format!("person/{}", asker.id), "taken back", false).await
}

/// No decision is needed any more.
pub(super) async fn close(tx: &Tx, s: &Services, r: &Request, reason: &str, told: bool) -> Result<Request> {
    end(tx, s, r, Step::Closed, clock::ACTOR, reason, told).await
}

/// What was granted has been done for everybody.
pub(in crate::training) async fn applied(tx: &Tx, s: &Services, id: &str, looked_at: usize) -> Result<()> {
    let data = json!({ "people": looked_at });
    record(tx, s, id, Step::Applied, clock::ACTOR, "everybody was looked at", data).await?;
    Ok(())
}

/// Something happened to an assignment: requests about it that it has answered close by themselves.
pub(in crate::training) async fn assignment_changed(tx: &Tx, s: &Services, id: &str, change: Change) -> Result<()> {
    if !matches!(change, Change::Completed | Change::Exempted | Change::Waived | Change::Retired | Change::Extended) {
        return Ok(());
    }
    for r in store::of_assignment(tx, id).await?.iter().filter(|r| r.state == State::Open) {
        let reason = match change {
            Change::Completed => "the training was completed",
            Change::Extended => {
                let a = assignment::existing(tx, id).await?;
                let given = r.kind == Kind::Extension && r.wished.is_some_and(|day| day <= a.due.date);
                if !given {
                    continue;
                }
                "the due date was moved meanwhile"
            }
            _ => "the training is not needed any more",
        };
        close(tx, s, r, reason, false).await?;
    }
    Ok(())
}

/// The request, when it waits for this person and they may still decide.
///
/// # Errors
/// The database's error.
pub(super) async fn waiting(tx: &Tx, id: &str, approver: &Person) -> Result<Option<Request>> {
    let Some(r) = store::by_id(tx, id).await? else { return Ok(None) };
    let mine = r.state == State::Open && r.approver.as_deref() == Some(approver.id.as_str());
    Ok(if mine && route::may_decide(tx, &r, approver).await? { Some(r) } else { None })
}

/// Somebody passes it on to a person who may decide.
pub(super) async fn delegate(
    tx: &Tx,
    s: &Services,
    r: &Request,
    approver: &Person,
    to: &str,
    reason: &str,
) -> Result<Option<Request>> {
    let to = route::able(tx, s, r).await?.into_iter().find(|p| p.id == to && p.id != approver.id);
    let Some(to) = to else { return Ok(None) };
    let reason = if reason.is_empty() { "passed on" } else { reason };
    pass(tx, s, r, Some(&to), &format!("person/{}", approver.id), "delegated", reason).await.map(Some)
}

/// What waits for somebody who stood in for a manager, and may not decide about it without, goes to the manager.
///
/// # Errors
/// The database's error.
pub(in crate::training) async fn hand_back(tx: &Tx, s: &Services, from: &Person, to: &Person) -> Result<()> {
    for r in store::waiting_for(tx, &from.id).await? {
        let able = !route::may_decide(tx, &r, from).await?
            && route::able(tx, s, &r).await?.iter().any(|person| person.id == to.id);
        if able {
            pass(tx, s, &r, Some(to), clock::ACTOR, "unable", "stands in no more").await?;
        }
    }
    Ok(())
}

/// Everything that waits for somebody goes to who stands in for them, as far as they may decide about it.
///
/// # Errors
/// The database's error.
pub(in crate::training) async fn hand_over(
    tx: &Tx,
    s: &Services,
    from: &Person,
    to: &Person,
    reason: &str,
) -> Result<()> {
    for r in store::waiting_for(tx, &from.id).await? {
        delegate(tx, s, &r, from, &to.id, reason).await?;
    }
    Ok(())
}
