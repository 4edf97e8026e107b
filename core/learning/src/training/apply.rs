//! `stoa training apply`: what a file of requirements changes, and the change.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::civil::Date;
use serde::Serialize;
use stoa_ground::people::{self, Facts, Person, Status};
use stoa_ground::{Conn, Db, Error, Instant, Result};

use super::assignment::{self, Assignment, By};
use super::attest;
use super::course;
use super::evaluate::{self, Subject, Verdict};
use super::requirement::{self, Due, Requirement};
use super::state::State;
use crate::Services;

/// What a file of requirements does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// For each requirement of the file.
    pub requirements: Vec<Planned>,
}

/// What one requirement does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Planned {
    /// Its id.
    pub requirement: String,
    /// Its title.
    pub title: String,
    /// The course's id.
    pub course: String,
    /// The audience rule as it is understood.
    pub audience: String,
    /// `new`, `changed` or `unchanged`.
    pub change: &'static str,
    /// How many people the rule means.
    pub means: usize,
    /// How many of them have an assignment already that stays as it is.
    pub unchanged: usize,
    /// Who gets an assignment, also for the next cycle.
    pub assign: Vec<Effect>,
    /// Whose earlier completion counts, so that nothing is to do.
    pub credit: Vec<Effect>,
    /// Whose assignment is retired.
    pub retire: Vec<Effect>,
    /// Whose due date moves, whose clock stops or goes on, or whose completion gets another end.
    pub adjust: Vec<Effect>,
    /// Whose completion holds no more.
    pub expire: Vec<Effect>,
    /// For each reason for which the rule means people, how many, the most frequent first.
    pub because: Vec<Count>,
    /// The same for those whom it does not mean, without those who left.
    pub not_for: Vec<Count>,
    /// Whom a decision leaves out, though the rule means them: by whom and why.
    pub left_out: Vec<Effect>,
    /// Whom the rule means and who begins on a later day: it is assigned then.
    pub later: Vec<Effect>,
    /// Whom the rule means and of whom no manager is known: the learning team hears of what they miss.
    pub no_manager: Vec<String>,
    /// Groups that the rule names and nobody is in.
    pub empty_groups: Vec<String>,
    /// What is probably not meant, one sentence each.
    pub warnings: Vec<String>,
}

/// How many people share a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The reason.
    pub reason: String,
    /// How many people.
    pub people: usize,
}

/// What happens to one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// The employee id.
    pub person: String,
    /// The name.
    pub name: String,
    /// When it is due then.
    pub due: Option<Date>,
    /// Why.
    pub reason: String,
}

/// Brings the requirements of a file into force, or says with `dry_run` what that would do. `file` is its name for
/// messages. Applying the same file again changes nothing; requirements that are not in the file stay as they are.
///
/// # Errors
/// [`Error::Invalid`] when the file has mistakes, names a course that is not there, or another one than people were assigned
/// under its id; nothing is changed then.
pub async fn apply(db: &Db, services: &Services, file: &str, text: &str, dry_run: bool) -> Result<Plan> {
    let requirements = requirement::parse(file, text)?;
    let requirements = &requirements;
    let (planned, touched) = db.read(|conn| async move { look(&conn, services, file, requirements).await }).await?;
    if !dry_run {
        db.write(|tx| async move {
            for r in requirements {
                let by = By { actor: "operator".into(), reason: "applied from a file".into() };
                requirement::store(&tx, services, r, &by).await?;
            }
            Ok(())
        })
        .await?;
        reconsider(db, services, &touched).await?;
    }
    Ok(Plan { dry_run, requirements: planned })
}

/// What requirements change as things are now, and the ids of those to whom it happens. `file` is their name for messages.
///
/// # Errors
/// [`Error::Invalid`] when one names a course that is not there, or another one than people were assigned under its id.
pub(super) async fn look(
    conn: &Conn,
    services: &Services,
    file: &str,
    requirements: &[Requirement],
) -> Result<(Vec<Planned>, Vec<String>)> {
    let known: Vec<String> = course::courses(conn).await?.into_iter().map(|c| c.0).collect();
    let missing = requirements.iter().find(|r| r.active && !known.contains(&r.course));
    if let Some(r) = missing {
        let there = if known.is_empty() { "there is none yet".into() } else { known.join(", ") };
        return Err(Error::invalid(format!(
            "{file}: requirement '{}': the course '{}' is not there ({there}); bring its folder in first",
            r.id, r.course
        )));
    }
    for r in requirements.iter().filter(|r| r.active) {
        if let Some(why) = unsignable(conn, services, r).await? {
            return Err(Error::invalid(format!("{file}: requirement '{}': {why}", r.id)));
        }
    }
    for r in requirements {
        if let Some(course) = requirement::loses_course(conn, r).await? {
            return Err(Error::invalid(format!(
                "{file}: requirement '{}': its course is '{course}', and what people did for it is evidence of that one: give \
                 what asks for '{}' an id of its own, and end this one with active = false",
                r.id, r.course
            )));
        }
    }
    let stored = requirement::all(conn).await?;
    let everyone = people::all_facts(conn).await?;
    let courses = evaluate::contents(conn, requirements).await?;
    let (mut planned, mut touched) = (Vec::new(), Vec::new());
    for r in requirements {
        let mut histories: HashMap<String, Vec<Assignment>> = HashMap::new();
        let about = assignment::about(conn, &r.id, &r.course).await?;
        let unsigned = attest::unsigned(conn, r, &about.iter().collect::<Vec<_>>()).await?;
        for a in about {
            histories.entry(a.person.clone()).or_default().push(a);
        }
        let world = World {
            services,
            stored: &stored,
            everyone: &everyone,
            courses: &courses,
            histories: &histories,
            unsigned: &unsigned,
            now: conn.now(),
        };
        let (plan, people) = plan(&world, r, requirements)?;
        planned.push(plan);
        touched.extend(people);
    }
    touched.sort();
    touched.dedup();
    Ok((planned, touched))
}

/// Looks at people again, by their ids: who needs what as they are now.
///
/// # Errors
/// The database's error.
pub async fn reconsider(db: &Db, services: &Services, people: &[String]) -> Result<()> {
    let rules = &evaluate::Rules::default();
    db.write_each(people, |tx, person| async move { evaluate::one_of_many(&tx, services, rules, person).await })
        .await?;
    Ok(())
}

/// Why nobody here could confirm a requirement's course as it demands, if nobody can.
pub(super) async fn unsignable(conn: &Conn, services: &Services, r: &Requirement) -> Result<Option<String>> {
    if let Err(why) = attest::available(services, r.attestation) {
        return Ok(Some(format!("attestation {why}")));
    }
    let course = course::content(conn, &course::current(conn, &r.course).await?).await?;
    let missing = course.attestation.is_none() && r.attestation != attest::Level::default();
    Ok(missing.then(|| {
        format!(
            "attestation is {}, and the course '{}' has no sentence to confirm: add attestation to its course.toml",
            r.attestation.name(),
            r.course
        )
    }))
}

/// What a plan is made from.
struct World<'a> {
    services: &'a Services,
    stored: &'a [Requirement],
    everyone: &'a [(Person, Facts)],
    courses: &'a BTreeMap<String, String>,
    /// The assignments of the requirement and its course by person, the oldest first.
    histories: &'a HashMap<String, Vec<Assignment>>,
    /// Those among them that lack the signature which the requirement demands.
    unsigned: &'a HashSet<String>,
    now: Instant,
}

fn plan(w: &World<'_>, r: &Requirement, file: &[Requirement]) -> Result<(Planned, Vec<String>)> {
    let change = match w.stored.iter().find(|known| known.id == r.id) {
        None => "new",
        Some(known) if known == r => "unchanged",
        Some(_) => "changed",
    };
    let mut planned = Planned {
        requirement: r.id.clone(),
        title: r.title.clone(),
        course: r.course.clone(),
        audience: r.audience.to_string(),
        change,
        means: 0,
        unchanged: 0,
        assign: Vec::new(),
        credit: Vec::new(),
        retire: Vec::new(),
        adjust: Vec::new(),
        expire: Vec::new(),
        because: Vec::new(),
        not_for: Vec::new(),
        left_out: Vec::new(),
        later: Vec::new(),
        no_manager: Vec::new(),
        empty_groups: Vec::new(),
        warnings: Vec::new(),
    };
    let (mut touched, mut because, mut not_for) = (Vec::new(), HashMap::new(), HashMap::new());
    for (person, facts) in w.everyone {
        let calendar = w.services.organisation.calendar(person);
        let who = Subject { person, facts, calendar: &calendar, courses: w.courses, unsigned: w.unsigned };
        let means = r.active && r.audience.matches(person, facts);
        let reason = r.audience.explain(person, facts);
        if means {
            planned.means += 1;
            *because.entry(reason).or_default() += 1;
            if person.manager.is_none() {
                planned.no_manager.push(person.name.clone());
            }
        } else if r.active && person.status != Status::Left {
            *not_for.entry(reason).or_default() += 1;
        }
        let theirs = w.histories.get(&person.id).map_or(&[][..], Vec::as_slice);
        let verdicts = foresee(r, &who, theirs, w.now)?;
        let live = theirs.iter().rfind(|a| a.requirement == r.id && a.state != State::Retired);
        // Who begins later is looked at again on the first day, and whose completion has an end on another one.
        if !verdicts.is_empty() || means && (live.is_none() || change != "unchanged" && r.recertify.is_some()) {
            touched.push(person.id.clone());
        }
        let effect = |due, reason: &str| Effect {
            person: person.employee_id.clone(),
            name: person.name.clone(),
            due,
            reason: reason.to_owned(),
        };
        if let Some(a) = live.filter(|a| means && matches!(a.state, State::Exempt | State::Waived)) {
            let why = format!("{}: {}", a.state.name(), a.end_reason.as_deref().unwrap_or_default());
            planned.left_out.push(effect(a.expires.map(|end| end.date), &why));
        }
        if means && live.is_none() && verdicts.is_empty() {
            planned.later.push(effect(person.hire_date, "begins on that day"));
        }
        planned.unchanged += usize::from(means && live.is_some() && verdicts.is_empty());
        for verdict in verdicts {
            match verdict {
                Verdict::Assign { due, reason, .. } => planned.assign.push(effect(Some(due.date), &reason)),
                Verdict::Credit { reason, .. } => planned.credit.push(effect(None, &reason)),
                Verdict::Retire { reason, .. } => planned.retire.push(effect(None, &reason)),
                Verdict::Pause { .. } => planned.adjust.push(effect(None, "the person is on leave")),
                Verdict::Resume { due, .. } => planned.adjust.push(effect(Some(due.date), "the person is back")),
                Verdict::Move { due, .. } => planned.adjust.push(effect(Some(due.date), "the due date moves")),
                Verdict::Revalidate { end, .. } => {
                    let until = end.map_or_else(|| "for good".into(), |end| format!("until {}", end.date));
                    planned.adjust.push(effect(None, &format!("what is completed holds {until}")));
                }
                Verdict::Expire { .. } => planned.expire.push(effect(None, "what was completed holds no more")),
            }
        }
    }
    planned.because = counts(because);
    planned.not_for = counts(not_for);
    let groups = r.audience.groups();
    let empty =
        groups.iter().filter(|g| !w.everyone.iter().any(|(_, f)| f.groups.iter().any(|h| h.eq_ignore_ascii_case(g))));
    planned.empty_groups = empty.map(|g| (*g).to_owned()).collect();
    planned.warnings = warnings(w, r, file, &planned);
    Ok((planned, touched))
}

/// What follows for one person, as the evaluation would do it one after the other.
fn foresee(r: &Requirement, who: &Subject<'_>, theirs: &[Assignment], now: Instant) -> Result<Vec<Verdict>> {
    let (mut verdicts, mut theirs) = (Vec::new(), std::borrow::Cow::Borrowed(theirs));
    while let Some(verdict) = evaluate::decide(r, who, &theirs, now)? {
        let mut change = |id: &str, change: &dyn Fn(&mut Assignment)| {
            theirs.to_mut().iter_mut().filter(|a| a.id == id).for_each(change);
        };
        let more = match &verdict {
            Verdict::Revalidate { id, end } => {
                let version = r.version()?;
                change(id, &|a| {
                    a.expires = *end;
                    a.rule_version.clone_from(&version);
                    if a.state == State::Expired && end.is_none_or(|end| now <= end.at) {
                        a.state = State::Completed;
                    }
                });
                true
            }
            Verdict::Expire { id } => {
                change(id, &|a| a.state = State::Expired);
                true
            }
            _ => false,
        };
        verdicts.push(verdict);
        if !more || verdicts.len() == evaluate::STEPS {
            break;
        }
    }
    Ok(verdicts)
}

fn counts(counted: HashMap<String, usize>) -> Vec<Count> {
    let mut all: Vec<Count> = counted.into_iter().map(|(reason, people)| Count { reason, people }).collect();
    all.sort_by(|a, b| b.people.cmp(&a.people).then_with(|| a.reason.cmp(&b.reason)));
    all
}

/// What is probably not meant.
fn warnings(w: &World<'_>, r: &Requirement, file: &[Requirement], planned: &Planned) -> Vec<String> {
    let mut warnings = Vec::new();
    if !r.active {
        return warnings;
    }
    if planned.means == 0 {
        warnings.push(match planned.not_for.first() {
            Some(most) => {
                format!("the rule means nobody; for {} people it is '{}'", most.people, most.reason)
            }
            None => "the rule means nobody, since nobody is in the roster".into(),
        });
    }
    for group in &planned.empty_groups {
        warnings.push(format!("nobody is in the group '{group}'"));
    }
    // Past wherever people are.
    if let Due::On(date) = r.due {
        let passed = |(person, _): &&(Person, Facts)| w.services.organisation.calendar(person).date(w.now) > date;
        let late = w.everyone.iter().filter(|(p, f)| r.audience.matches(p, f)).filter(passed).count();
        if late > 0 && !planned.assign.is_empty() {
            warnings.push(format!(
                "the due date {date} has passed for {late} people: what is assigned now is due on the next working day"
            ));
        }
    }
    let replaced = |id: &str| file.iter().any(|f| f.id == id);
    let others = file.iter().chain(w.stored.iter().filter(|s| !replaced(&s.id)));
    for other in others.filter(|o| o.active && o.course == r.course && o.id != r.id) {
        let both = w.everyone.iter().filter(|(p, f)| r.audience.matches(p, f) && other.audience.matches(p, f)).count();
        if both == 0 {
            continue;
        }
        let differs = match (other.due == r.due, other.recertify == r.recertify) {
            (false, false) => "with another due date and another recertification",
            (false, true) => "with another due date",
            (true, false) => "with another recertification",
            (true, true) => "in the same way",
        };
        warnings.push(format!(
            "'{}' asks {both} of these people for the same course {differs}: they have it twice",
            other.id
        ));
    }
    warnings
}
