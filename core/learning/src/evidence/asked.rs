//! What was asked for and decided, and what was asked of trainers, as the records say: `requests.json`, `questions.json`.

use std::collections::BTreeMap;

use stoa_ground::ledger::{self, Kept, Record};
use stoa_ground::people;
use stoa_ground::{Conn, Instant, Result};

use super::pack::{Question, Request, at};
use super::report::{Asked, in_log};
use super::rows::{newest, said};
use super::then::Then;
use crate::training::assignment::Assignment;
use crate::training::{self, Preset, requests};

/// What was asked for, and what trainers were asked; the records of both.
pub(super) struct Found {
    pub requests: Vec<Request>,
    pub questions: Vec<Question>,
    pub kept: BTreeMap<String, Vec<Kept>>,
}

/// Whatever was asked until the end of the period about these assignments and requirements, and for places in courses.
pub(super) async fn find(
    c: &Conn,
    asked: &Asked<'_>,
    assignments: &[Assignment],
    people: &mut Then<'_>,
) -> Result<Found> {
    let Asked { scope, period, preset, size, tombstones, .. } = *asked;
    let ids: Vec<String> = assignments.iter().map(|a| a.id.clone()).collect();
    let mut requirements: Vec<String> = assignments.iter().map(|a| a.requirement.clone()).collect();
    requirements.extend(scope.requirement.clone());
    requirements.sort();
    requirements.dedup();
    let person = match &scope.person {
        Some(person) => Some(people::find(c, person).await?.id),
        None => None,
    };
    let what = requests::Concerned {
        assignments: &ids,
        requirements: &requirements,
        person: person.as_deref(),
        course: scope.course.as_deref(),
        // A place in a course is no requirement's.
        since: scope.requirement.is_none().then_some(period.from),
    };
    let of = |kind: &str, ids: Vec<String>| ids.into_iter().map(|id| format!("{kind}/{id}")).collect::<Vec<_>>();
    let mut found = Found { requests: Vec::new(), questions: Vec::new(), kept: BTreeMap::new() };
    let mut subjects = of("request", requests::concerned(c, &what).await?);
    subjects.extend(of("trainer-question", training::questions_in(c, &ids).await?));
    for (subject, kept) in in_log(ledger::kept(c, &subjects).await?, size) {
        let mut past = kept.iter().map(|kept| tombstones.opened(kept)).collect::<Result<Vec<Record>>>()?;
        past.retain(|record| period.has(record.at) && !record.is_erased());
        if past.is_empty() {
            continue;
        }
        if subject.starts_with("request/") {
            found.requests.push(request(&subject, &past, people).await?);
        } else {
            found.questions.push(question(&subject, &past, preset, people).await?);
        }
        found.kept.insert(subject, kept);
    }
    found.requests.sort_by(|a, b| (&a.asked, &a.subject).cmp(&(&b.asked, &b.subject)));
    found.questions.sort_by(|a, b| (&a.asked, &a.subject).cmp(&(&b.asked, &b.subject)));
    Ok(found)
}

/// `person/<id>` for the id of a row.
fn named(id: &str) -> String {
    if id.is_empty() { String::new() } else { format!("person/{id}") }
}

async fn request(subject: &str, records: &[Record], people: &mut Then<'_>) -> Result<Request> {
    let first = records.first().map_or(Instant(0), |record| record.at);
    let state = requests::State::after(records.last().map(|record| record.kind.as_str()));
    let asked = newest(records, &["requested", "drafted"]);
    let decided = newest(records, &["approved", "declined", "withdrawn", "closed"])
        .filter(|_| !matches!(state, requests::State::Draft | requests::State::Open));
    let assignment = said(records, "assignment");
    Ok(Request {
        subject: subject.to_owned(),
        kind: said(records, "kind"),
        state: state.name().into(),
        employee_id: people.shown(&named(&said(records, "person")), first).await?,
        assignment: if assignment.is_empty() { assignment } else { format!("assignment/{assignment}") },
        requirement: said(records, "requirement"),
        course: said(records, "course"),
        wished: said(records, "wished"),
        asked: at(Some(first)),
        asked_by: people.shown(&said(records, "asker"), first).await?,
        reason: asked.map(|record| record.reason.clone()).unwrap_or_default(),
        approver: match newest(records, &["requested", "passed", "reminded"]) {
            Some(record) => people.shown(record.data["approver"].as_str().unwrap_or_default(), record.at).await?,
            None => String::new(),
        },
        decided: at(decided.map(|record| record.at)),
        decided_by: match decided {
            Some(record) => people.shown(&record.actor, record.at).await?,
            None => String::new(),
        },
        decision: decided.map(|record| record.reason.clone()).unwrap_or_default(),
    })
}

async fn question(subject: &str, records: &[Record], preset: Preset, people: &mut Then<'_>) -> Result<Question> {
    let first = records.first().map_or(Instant(0), |record| record.at);
    let answered = newest(records, &["answered"]);
    let text = |record: Option<&Record>| {
        let shown = record.filter(|_| preset.discloses(subject, "data/text"));
        shown.and_then(|record| record.data["text"].as_str()).unwrap_or_default().to_owned()
    };
    let due = records.iter().rev().find_map(|r| serde_json::from_value::<Instant>(r.data["due"].clone()).ok());
    Ok(Question {
        subject: subject.to_owned(),
        employee_id: people.shown(&named(&said(records, "person")), first).await?,
        assignment: format!("assignment/{}", said(records, "assignment")),
        course: said(records, "course"),
        content: said(records, "version"),
        asked: at(Some(first)),
        question: text(records.first()),
        due: at(due),
        answered: at(answered.map(|record| record.at)),
        answer: text(answered),
        answered_by: match answered {
            Some(record) => people.shown(record.data["trainer"].as_str().unwrap_or_default(), record.at).await?,
            None => String::new(),
        },
        qualification: answered.and_then(|r| r.data["qualification"].as_str()).unwrap_or_default().to_owned(),
    })
}
