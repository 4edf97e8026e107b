//! Who needs what: compares requirements with a person as they are now, and does what follows.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::{Date, Time};
use serde_json::{Value as Json, json};
use stoa_flow::schedule::{self, Due as DueJob, Job};
use stoa_ground::people::calendar::Calendar;
use stoa_ground::people::{self, Absence, Person, Status};
use stoa_ground::{Conn, Instant, Result, Tx};

use super::assignment::{self, Assignment, By, Cycle, New, Renewal};
use super::due::{self, Dates, Deadline};
use super::requirement::{self, Due, Prior, Requirement};
use super::state::State;
use super::{attest, course, joined, life};
use crate::Services;

/// How many verdicts can follow on each other at most: another end, expired, retired, assigned.
pub(crate) const STEPS: usize = 4;
/// How many people the job for new content looks at in one transaction.
const PART: usize = 10;

/// What follows for one person and one requirement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// A new assignment.
    Assign { due: Deadline, cycle: Cycle, reason: String },
    /// A new assignment that an earlier completion of the course completes.
    Credit { due: Deadline, earlier: String, reason: String },
    /// The assignment with this id has lost its reason.
    Retire { id: String, reason: String },
    /// A leave has begun.
    Pause { id: String, from: Date },
    /// A leave has ended.
    Resume { id: String, due: Deadline },
    /// The due date follows the calendar, or the rule, which gives the day `base` by itself.
    Move { id: String, due: Deadline, base: Option<Date> },
    /// The rule gives another end to what is completed or waived.
    Revalidate { id: String, end: Option<Deadline> },
    /// What was completed holds no more.
    Expire { id: String },
}

/// Somebody, as rules see them.
pub(crate) struct Subject<'a> {
    pub person: &'a Person,
    pub facts: &'a people::Facts,
    pub calendar: &'a Calendar,
    /// The version of each course that counts now.
    pub courses: &'a BTreeMap<String, String>,
    /// The assignments that count for no other requirement, since they lack the signature that it demands.
    pub unsigned: &'a HashSet<String>,
}

impl Subject<'_> {
    /// Whether the requirement means them on a day.
    fn is_wanted(&self, r: &Requirement, today: Date) -> bool {
        let works = self.person.status != Status::Left && self.person.hire_date.is_none_or(|hired| hired <= today);
        r.active && works && r.audience.matches(self.person, self.facts)
    }

    fn deadline(&self, r: &Requirement, assigned: Date) -> Deadline {
        let dates = Dates { hired: self.person.hire_date, role: self.facts.role_since };
        due::deadline(r.due, dates, assigned, self.calendar)
    }
}

/// Decides about one requirement: the first thing that follows, if any. `assignments` are the person's, the oldest first.
pub(crate) fn decide(
    r: &Requirement,
    who: &Subject<'_>,
    assignments: &[Assignment],
    now: Instant,
) -> Result<Option<Verdict>> {
    let today = who.calendar.date(now);
    let wanted = who.is_wanted(r, today);
    let mine = || assignments.iter().filter(|a| a.requirement == r.id && a.state != State::Retired);
    let Some(a) = mine().next_back() else { return Ok(wanted.then(|| begin(r, who, assignments, today))) };
    if !wanted {
        // What somebody decided holds on: the person may come back.
        return Ok(a.state.is_open().then(|| Verdict::Retire { id: a.id.clone(), reason: not_now(r, who, today) }));
    }
    if let Some(done) = mine().rfind(|a| a.completed.is_some() || a.state == State::Waived) {
        let end = life::holds(who.calendar, r, done);
        if end.map(|e| e.date) != done.expires.map(|e| e.date) && done.rule_version != r.version()? {
            return Ok(Some(Verdict::Revalidate { id: done.id.clone(), end }));
        }
        let lapses =
            r.recertify.as_ref().zip(done.expires).map(|(rule, end)| due::lapses(rule, end.date, who.calendar));
        if done.state == State::Completed && lapses.is_some_and(|at| now >= at) {
            return Ok(Some(Verdict::Expire { id: done.id.clone() }));
        }
    }
    if a.state.is_open() { open(r, who, a, assignments, now) } else { Ok(next(r, who, a, today)) }
}

/// Why a requirement asks somebody for nothing now.
fn not_now(r: &Requirement, who: &Subject<'_>, today: Date) -> String {
    let first = who.person.hire_date.filter(|first| *first > today && r.audience.matches(who.person, who.facts));
    match first {
        _ if !r.active => "the requirement was withdrawn".into(),
        Some(first) => format!("not for you yet, because your first day of work is {first}"),
        None => r.audience.explain(who.person, who.facts),
    }
}

/// The first assignment.
fn begin(r: &Requirement, who: &Subject<'_>, assignments: &[Assignment], today: Date) -> Verdict {
    let due = who.deadline(r, today);
    let reason = r.audience.explain(who.person, who.facts);
    let counts = |a: &&Assignment| {
        let Some((rule, done)) = r.recertify.as_ref().zip(a.completed) else { return false };
        rule.prior == Prior::Counts
            && a.course == r.course
            && rule.every.after(who.calendar.date(done)) >= today
            && (!rule.new_version || a.course_version.as_ref() == who.courses.get(&r.course))
    };
    let earlier = || assignments.iter().filter(counts);
    let signed = |a: &&Assignment| !who.unsigned.contains(&a.id);
    match earlier().filter(signed).max_by_key(|a| a.completed) {
        Some(a) => Verdict::Credit { due, earlier: a.id.clone(), reason },
        None if earlier().next().is_some() => {
            let reason =
                format!("{reason}; when you completed the course before, you did not sign it as this asks for");
            Verdict::Assign { due, cycle: Cycle::FIRST, reason }
        }
        None => Verdict::Assign { due, cycle: Cycle::FIRST, reason },
    }
}

/// The cycle after one that is completed, expired or waived.
fn next(r: &Requirement, who: &Subject<'_>, a: &Assignment, today: Date) -> Option<Verdict> {
    let rule = r.recertify.as_ref()?;
    let done = who.calendar.date(a.completed.or(a.ended)?);
    let why = r.audience.explain(who.person, who.facts);
    let renew = |until: Option<Date>, reason: String| {
        let cycle = Cycle { number: a.cycle + 1, renews: Some(Renewal { id: a.id.clone(), until }) };
        Some(Verdict::Assign { due: due::renewal(rule, until, today, who.calendar), cycle, reason })
    };
    let end = a.expires.map(|end| end.date);
    if rule.prior == Prior::DoesNotCount && who.person.hire_date.is_some_and(|hired| done < hired) {
        let what = if a.state == State::Exempt { "was decided" } else { "you did" };
        let reason = format!("{why}; what {what} before your first day of work does not count");
        return Some(Verdict::Assign { due: who.deadline(r, today), cycle: Cycle::FIRST, reason });
    }
    if a.state == State::Exempt {
        return None;
    }
    if let Some(end) = end.filter(|end| today >= due::opens(rule, *end)) {
        let (held, on) = (if today <= end { "holds" } else { "held" }, end.strftime("%-d %B %Y"));
        return renew(Some(end), format!("{why}; the last time {held} until {on}"));
    }
    let changed = who.courses.get(&r.course).is_some_and(|version| a.course_version.as_ref() != Some(version));
    if rule.new_version && changed && a.state == State::Completed {
        return renew(None, format!("{why}; the course has changed since you completed it"));
    }
    None
}

/// What is still to do, and perhaps no more, or not now, or on another day.
fn open(
    r: &Requirement,
    who: &Subject<'_>,
    a: &Assignment,
    assignments: &[Assignment],
    now: Instant,
) -> Result<Option<Verdict>> {
    let (calendar, today) = (who.calendar, who.calendar.date(now));
    let renewed = a.renews.as_ref().and_then(|renewed| assignments.iter().find(|b| b.id == renewed.id));
    let holds = renewed.filter(|b| matches!(b.state, State::Completed | State::Waived)).filter(|_| a.started.is_none());
    if let Some(renewed) = holds {
        let content = a.renews.as_ref().is_some_and(|r| r.until.is_none());
        let early = match &r.recertify {
            None => true,
            // Who flies over the date line on the first day of the window keeps it.
            Some(rule) => {
                let soon = today.tomorrow().unwrap_or(today);
                !content && renewed.expires.is_none_or(|end| soon < due::opens(rule, end.date))
            }
        };
        if early {
            let reason = "the rule gives more time until it must be renewed".into();
            return Ok(Some(Verdict::Retire { id: a.id.clone(), reason }));
        }
    }
    let away = people::away(who.person, today);
    let assigned = calendar.date(a.assigned);
    if a.state == State::OnLeave {
        if away {
            return Ok(None);
        }
        let from = a.away_from.unwrap_or(today);
        let back = Absence::of(who.person).back(today).filter(|day| *day > from).unwrap_or(today);
        let due = due::after_leave(a.due.date, assigned, from, back, calendar);
        return Ok(Some(Verdict::Resume { id: a.id.clone(), due }));
    }
    if away {
        let from = Absence::of(who.person).since(today).unwrap_or(today);
        return Ok(Some(Verdict::Pause { id: a.id.clone(), from }));
    }
    let until = a.renews.as_ref().and_then(|renewal| renewal.until);
    let until_now = until.map(|day| renewed.and_then(|b| b.expires).map_or(day, |end| end.date));
    let base = match (&a.renews, &r.recertify) {
        (Some(_), Some(rule)) => due::renewal(rule, until_now, assigned, calendar),
        _ => who.deadline(r, assigned),
    };
    let follows = match a.renews {
        Some(_) => until_now != until,
        None => matches!(r.due, Due::AfterHire(_) | Due::AfterRole(_)),
    };
    // What is overdue stays so, whatever becomes of dates and calendar.
    if a.state == State::Overdue {
        return Ok(None);
    }
    if !a.extended && base.date != a.base_due_date && (follows || a.rule_version != r.version()?) {
        let due = if base.date < today { due::on(calendar, today) } else { base };
        return Ok(Some(Verdict::Move { id: a.id.clone(), due, base: Some(base.date) }));
    }
    let due = match until {
        Some(_) if a.due.date == a.base_due_date => due::by(calendar, a.due.date, today.min(a.due.date)),
        _ => due::on(calendar, a.due.date),
    };
    Ok((due != a.due).then(|| Verdict::Move { id: a.id.clone(), due, base: None }))
}

/// The requirements as they count now, kept from one person to the next in a run over many.
#[derive(Default)]
pub(crate) struct Rules(Mutex<Option<Arc<Known>>>);

/// The requirements, and by which ids and versions they are known to be these.
struct Known {
    stamp: Vec<(String, String)>,
    requirements: Vec<Requirement>,
}

impl Rules {
    /// The requirements, which are read again only where one is another one now.
    async fn now(&self, conn: &Conn) -> Result<Arc<Known>> {
        let stamp = requirement::versions(conn).await?;
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept.filter(|kept| kept.stamp == stamp) {
            return Ok(kept);
        }
        let known = Arc::new(Known { stamp, requirements: requirement::all(conn).await? });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
        Ok(known)
    }
}

/// The version of each course that counts now, where a rule asks for it.
pub(crate) async fn contents(conn: &Conn, requirements: &[Requirement]) -> Result<BTreeMap<String, String>> {
    if !requirements.iter().any(|r| r.recertify.as_ref().is_some_and(|rule| rule.new_version)) {
        return Ok(BTreeMap::new());
    }
    Ok(course::courses(conn).await?.into_iter().map(|(id, _, version)| (id, version)).collect())
}

/// Evaluates one person against all requirements, and comes back on the day when time alone changes things.
///
/// # Errors
/// The database's error.
pub(crate) async fn person(tx: &Tx, s: &Services, id: &str) -> Result<()> {
    look_at(tx, s, &requirement::all(tx).await?, id).await
}

/// As [`person`], in a run over many people.
///
/// # Errors
/// The database's error.
pub(crate) async fn one_of_many(tx: &Tx, s: &Services, rules: &Rules, id: &str) -> Result<()> {
    look_at(tx, s, &rules.now(tx).await?.requirements, id).await
}

async fn look_at(tx: &Tx, s: &Services, requirements: &[Requirement], id: &str) -> Result<()> {
    let Some(person) = people::by_id(tx, id).await? else { return Ok(()) };
    if requirements.is_empty() {
        return Ok(());
    }
    let (facts, courses) = (people::facts(tx, &person).await?, contents(tx, requirements).await?);
    let calendar = s.organisation.calendar(&person);
    let id = person.id.as_str();
    let mut assignments = assignment::of_person(tx, id).await?;
    if joined::settle_all(tx, s, &person, &assignments).await? {
        assignments = assignment::of_person(tx, id).await?;
    }
    let mut new = Vec::new();
    for requirement in requirements {
        let begun = assignments.iter().any(|a| a.requirement == requirement.id && a.state != State::Retired);
        let earlier: Vec<&Assignment> = assignments.iter().filter(|_| !begun).collect();
        let unsigned = &attest::unsigned(tx, requirement, &earlier).await?;
        let who = Subject { person: &person, facts: &facts, calendar: &calendar, courses: &courses, unsigned };
        for _ in 0..STEPS {
            let Some(verdict) = decide(requirement, &who, &assignments, tx.now())? else { break };
            let before = new.len();
            carry_out(tx, s, &person, requirement, verdict, &mut new).await?;
            if new.len() > before {
                break;
            }
            assignments = assignment::of_person(tx, id).await?;
        }
    }
    // What is new has no end yet, so the next look does not depend on it.
    life::assign(tx, s, &person, &new).await?;
    put_look(tx, &person, &calendar, requirements, &assignments).await
}

/// Does what follows. What is to be assigned goes to `new`, to be written at once; nothing follows on it yet.
async fn carry_out<'r>(
    tx: &Tx,
    s: &Services,
    person: &Person,
    r: &'r Requirement,
    verdict: Verdict,
    new: &mut Vec<New<'r>>,
) -> Result<()> {
    match verdict {
        Verdict::Assign { due, cycle, reason } => {
            new.push(New { requirement: r, due, cycle, by: By::rule(&r.id, reason) });
            Ok(())
        }
        Verdict::Credit { due, earlier, reason } => {
            let earlier = assignment::existing(tx, &earlier).await?;
            life::credit(tx, s, person, r, due, &earlier, &reason).await
        }
        Verdict::Retire { id, reason } => {
            let a = assignment::existing(tx, &id).await?;
            life::retire(tx, s, &a, &reason).await
        }
        Verdict::Pause { id, from } => {
            let a = assignment::existing(tx, &id).await?;
            life::pause(tx, s, &a, from, &By::leave(r)).await
        }
        Verdict::Resume { id, due } => {
            let a = assignment::existing(tx, &id).await?;
            life::resume(tx, s, person, &a, due).await
        }
        Verdict::Move { id, due, base } => {
            let a = assignment::existing(tx, &id).await?;
            let version = r.version()?;
            let why = match base {
                Some(_) => "the rule gives another due date",
                None => "the person's calendar has changed",
            };
            let rule = base.map(|base| (version.as_str(), base));
            life::move_due(tx, s, person, &a, due, rule, &By::rule(&r.id, why)).await
        }
        Verdict::Revalidate { id, end } => {
            let a = assignment::existing(tx, &id).await?;
            life::revalidate(tx, s, r, &a, end).await
        }
        Verdict::Expire { id } => {
            let a = assignment::existing(tx, &id).await?;
            life::expire(tx, s, person, r, &a).await
        }
    }
}

/// Makes sure that a person is looked at again on the day when time alone changes something next.
pub(super) async fn look_again(tx: &Tx, s: &Services, person: &Person) -> Result<()> {
    let requirements = requirement::all(tx).await?;
    let assignments = assignment::of_person(tx, &person.id).await?;
    put_look(tx, person, &s.organisation.calendar(person), &requirements, &assignments).await
}

async fn put_look(
    tx: &Tx,
    person: &Person,
    calendar: &Calendar,
    requirements: &[Requirement],
    assignments: &[Assignment],
) -> Result<()> {
    let key = format!("training/person/{}", person.id);
    let at = next_look(person, calendar, requirements, assignments, tx.now());
    schedule::keep(tx, &key, EvaluateJob::KIND, at, &Json::from(person.id.as_str())).await
}

/// The next instant at which time alone changes something: the first day of work, the first day of a leave, the day after,
/// the day on which the next cycle begins, the end of the grace after the last one.
fn next_look(
    person: &Person,
    calendar: &Calendar,
    requirements: &[Requirement],
    assignments: &[Assignment],
    now: Instant,
) -> Option<Instant> {
    if person.status == Status::Left {
        return None;
    }
    let mut dates: Vec<Option<Date>> = Absence::of(person).turns().map(Some).collect();
    dates.push(person.hire_date);
    let mut instants = Vec::new();
    for r in requirements.iter().filter(|r| r.active) {
        let done = assignments.iter().rfind(|a| {
            a.requirement == r.id && a.expires.is_some() && matches!(a.state, State::Completed | State::Waived)
        });
        if let Some((rule, end)) = r.recertify.as_ref().zip(done.and_then(|a| a.expires)) {
            dates.push(Some(due::opens(rule, end.date)));
            instants.push(due::lapses(rule, end.date, calendar));
        }
    }
    let days = dates.into_iter().flatten().map(|date| calendar.at(date, Time::midnight()));
    days.chain(instants).filter(|at| *at > now).min()
}

/// A course has new content: for the requirements that say so a new cycle begins.
///
/// # Errors
/// The database's error.
pub(super) async fn content_changed(tx: &Tx, course: &str) -> Result<()> {
    for r in requirement::all(tx).await? {
        if r.active && r.course == course && r.recertify.is_some_and(|rule| rule.new_version) {
            let payload = json!({ "requirement": r.id, "after": "" });
            let key = format!("training/content/{}", r.id);
            schedule::put(tx, &key, ContentJob::KIND, tx.now(), &payload).await?;
        }
    }
    Ok(())
}

/// The job `training-content`: looks at those who have completed a requirement whose course has new content, a few at a time.
pub(crate) struct ContentJob(pub Arc<Services>);

impl ContentJob {
    const KIND: &'static str = "training-content";
}

#[async_trait::async_trait]
impl Job for ContentJob {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    async fn run(&self, tx: &Tx, job: &DueJob) -> Result<()> {
        let text = |name: &str| job.payload[name].as_str().unwrap_or_default().to_owned();
        let (requirement, after) = (text("requirement"), text("after"));
        let who = assignment::who_completed(tx, &requirement, &after, PART).await?;
        let rules = Rules::default();
        for id in &who {
            one_of_many(tx, &self.0, &rules, id).await?;
        }
        match who.last() {
            Some(last) if who.len() == PART => {
                let payload = json!({ "requirement": requirement, "after": last });
                schedule::put(tx, &job.key, Self::KIND, tx.now(), &payload).await
            }
            _ => Ok(()),
        }
    }
}

/// The job `training-person`: looks at one person again on a day when time alone changes something.
pub(crate) struct EvaluateJob(pub Arc<Services>);

impl EvaluateJob {
    /// Its name.
    pub(crate) const KIND: &'static str = "training-person";
}

#[async_trait::async_trait]
impl Job for EvaluateJob {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    async fn run(&self, tx: &Tx, job: &DueJob) -> Result<()> {
        person(tx, &self.0, job.payload.as_str().unwrap_or_default()).await
    }
}

/// Follows the changes of people: new hires, people who moved, people who left.
pub(crate) struct PeopleFollower(pub Arc<Services>);

#[async_trait::async_trait]
impl stoa_flow::Follower for PeopleFollower {
    fn name(&self) -> &'static str {
        "training-people"
    }

    fn topic(&self) -> &'static str {
        people::TOPIC
    }

    async fn follow(&self, tx: &Tx, key: &str) -> Result<()> {
        person(tx, &self.0, key).await
    }
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
