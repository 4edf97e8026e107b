//! Requests in the store: a projection of the ledger.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value as Json;
use stoa_ground::ledger::{self, Projection, Record};
use stoa_ground::people;
use stoa_ground::{Conn, Error, Instant, Result, Row as Stored, Tx, args};

use crate::training::requirement::Requirement;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// More time.
    Extension,
    /// Not to need it, for good or until the end of a day.
    Exemption,
    /// That something else counts in its place.
    Waiver,
    /// A place in a course that nothing demands.
    Enrolment,
    /// One more attempt at the quiz.
    Attempt,
    /// That a requirement comes into force, changes or is withdrawn.
    Requirement,
}

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Being written; nobody is asked yet.
    Draft,
    /// It waits for a decision.
    Open,
    /// Granted.
    Approved,
    /// Not granted, or sent back with a reason.
    Declined,
    /// Taken back by who asked.
    Withdrawn,
    /// It needs no decision any more.
    Closed,
}

/// What happens to a request; each is a record of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is written, or written anew.
    Drafted,
    /// Somebody is asked.
    Requested,
    /// Somebody else is asked, or nobody for now.
    Passed,
    /// Whoever is asked is reminded.
    Reminded,
    /// Granted.
    Approved,
    /// Not granted.
    Declined,
    /// Taken back.
    Withdrawn,
    /// No decision is needed any more.
    Closed,
    /// What was granted has been done for everybody.
    Applied,
}

/// Who decides first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The manager.
    Manager,
    /// Somebody with the role `approver`.
    Approver,
}

macro_rules! named {
    ($type:ident: $($name:literal = $variant:ident),*) => {
        impl $type {
            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// As it is stored.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
            /// The one with this name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

named!(Kind: "extension" = Extension, "exemption" = Exemption, "waiver" = Waiver, "enrolment" = Enrolment,
       "attempt" = Attempt, "requirement" = Requirement);
named!(State: "draft" = Draft, "open" = Open, "approved" = Approved, "declined" = Declined, "withdrawn" = Withdrawn,
       "closed" = Closed);
named!(Step: "drafted" = Drafted, "requested" = Requested, "passed" = Passed, "reminded" = Reminded,
       "approved" = Approved, "declined" = Declined, "withdrawn" = Withdrawn, "closed" = Closed, "applied" = Applied);
named!(Lane: "manager" = Manager, "approver" = Approver);

impl Step {
    /// How a request stands after it.
    #[must_use]
    pub fn leads_to(self) -> State {
        match self {
            Self::Drafted => State::Draft,
            Self::Requested | Self::Passed | Self::Reminded => State::Open,
            Self::Approved | Self::Applied => State::Approved,
            Self::Declined => State::Declined,
            Self::Withdrawn => State::Withdrawn,
            Self::Closed => State::Closed,
        }
    }
}

impl State {
    /// How a request stands whose newest record is of this kind; without a record it is open.
    #[must_use]
    pub fn after(kind: Option<&str>) -> Self {
        kind.and_then(Step::named).map_or(Self::Open, Step::leads_to)
    }
}

/// The state after a step, or `None` when this cannot happen to a request in that state.
#[must_use]
pub fn transition(from: Option<State>, step: Step) -> Option<State> {
    let fits = match step {
        // What was sent back is written anew.
        Step::Drafted => matches!(from, None | Some(State::Draft | State::Declined)),
        Step::Requested => matches!(from, None | Some(State::Draft)),
        Step::Passed | Step::Reminded | Step::Approved | Step::Declined | Step::Closed => from == Some(State::Open),
        Step::Withdrawn => matches!(from, Some(State::Open | State::Draft | State::Declined)),
        Step::Applied => from == Some(State::Approved),
    };
    fits.then(|| step.leads_to())
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Its id (UUID).
    pub id: String,
    /// What is asked for.
    pub kind: Kind,
    /// How it stands.
    pub state: State,
    /// For whom: the person's id; none for a requirement.
    pub person: Option<String>,
    /// Who asks: the person's id; none for the operator.
    pub asker: Option<String>,
    /// Which assignment it is about.
    pub assignment: Option<String>,
    /// Which course it is about.
    pub course: Option<String>,
    /// Which requirement it is about.
    pub requirement: Option<String>,
    /// The day that is wished: the new due date, or the last day of an exemption.
    pub wished: Option<Date>,
    /// Who decides first.
    pub lane: Lane,
    /// Why, in the words of who asks.
    pub reason: String,
    /// The requirement as it is proposed.
    pub definition: Option<Requirement>,
    /// The proposed requirement was there already when it was written: it is changed or ended.
    pub changes: bool,
    /// The version that the requirement had when it was written.
    pub base: Option<String>,
    /// The id of the statement that it was requested.
    pub statement: Option<String>,
    /// Who is asked now: the person's id; none while nobody may decide.
    pub approver: Option<String>,
    /// How many people were asked before this one.
    pub round: u32,
    /// Who was asked before: ids of people.
    pub tried: Vec<String>,
    /// Since when this one is asked.
    pub since: Instant,
    /// How often this one was reminded.
    pub reminders: u32,
    /// When it was made.
    pub created: Instant,
    /// When it ended.
    pub decided: Option<Instant>,
    /// Who decided.
    pub decider: Option<String>,
    /// Why it was decided so.
    pub decision: Option<String>,
}

/// A request as it was written, with the ids of rows.
macro_rules! raw {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, state, person, asker, assignment, course, requirement, wished, lane, reason, definition, \
             changes, base, statement, approver, round, tried, since, reminders, created, decided, decider, decision, version \
             FROM training_request ",
            $rest
        )
    };
}

/// A request with the ids of those who stand for whom it names.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, state, \
             COALESCE((SELECT x.stands_for FROM person_alias x WHERE x.person = training_request.person), person) AS person, \
             COALESCE((SELECT x.stands_for FROM person_alias x WHERE x.person = training_request.asker), asker) AS asker, \
             COALESCE((SELECT x.stands_for FROM person_alias x WHERE x.person = training_request.approver), approver) \
             AS approver, assignment, course, requirement, wished, lane, reason, definition, changes, base, statement, round, tried, \
             since, reminders, created, decided, decider, decision FROM training_request ",
            $rest
        )
    };
}

/// Writes `training_request` from the ledger's records about `request/<id>`; kinds are the names of [`Step`].
pub struct RequestProjection;

#[async_trait]
impl Projection for RequestProjection {
    fn subject(&self) -> &'static str {
        "request"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["training_request"]
    }

    async fn apply(&self, tx: &Tx, record: &Record) -> Result<()> {
        let id = record.subject.strip_prefix("request/").unwrap_or_default();
        let step = Step::named(&record.kind)
            .ok_or_else(|| Error::invalid(format!("a record about a request cannot be '{}'", record.kind)))?;
        // As it was written: who stands for whom now must make no difference to a rebuild.
        let row = tx.opt(raw!("WHERE id = $1"), args![id]).await?;
        let before = row.as_ref().map(read).transpose()?;
        write(tx, &apply(before, step, record, id)?, record.version).await
    }

    fn class(&self, _kind: &str) -> &'static str {
        "training"
    }

    async fn forget(&self, tx: &Tx, subject: &str) -> Result<()> {
        let id = subject.strip_prefix("request/").unwrap_or_default();
        tx.exec("DELETE FROM training_request WHERE id = $1", args![id]).await?;
        Ok(())
    }
}

/// The request after a record.
fn apply(before: Option<Request>, step: Step, record: &Record, id: &str) -> Result<Request> {
    let from = before.as_ref().map(|r| r.state);
    let state = transition(from, step).ok_or_else(|| {
        let is = from.map_or("not there", State::name);
        Error::Conflict(format!("the request is {is}, so it cannot be {} now", record.kind))
    })?;
    let data = &record.data;
    let text = |name: &str| data[name].as_str().map(str::to_owned);
    let person = |name: &str| data[name].as_str().and_then(|p| p.strip_prefix("person/")).map(str::to_owned);
    let mut r = match before {
        Some(before) => before,
        None => Request {
            id: id.to_owned(),
            kind: named(data, "kind", Kind::named)?,
            state,
            person: text("person"),
            asker: person("asker"),
            assignment: text("assignment"),
            course: text("course"),
            requirement: text("requirement"),
            wished: serde_json::from_value(data["wished"].clone())?,
            lane: named(data, "lane", Lane::named)?,
            reason: record.reason.clone(),
            definition: None,
            changes: false,
            base: None,
            statement: None,
            approver: None,
            round: 0,
            tried: Vec::new(),
            since: record.at,
            reminders: 0,
            created: record.at,
            decided: None,
            decider: None,
            decision: None,
        },
    };
    r.state = state;
    match step {
        Step::Drafted => {
            r.definition = serde_json::from_value(data["definition"].clone())?;
            r.changes = data["changes"].as_bool().unwrap_or(false);
            r.base = text("base");
            r.course = text("course").or(r.course);
            r.requirement = text("requirement").or(r.requirement);
            r.reason.clone_from(&record.reason);
            // What is asked again after it was sent back is another message to whoever is asked.
            r.round += u32::from(from == Some(State::Declined));
            (r.decided, r.decider, r.decision) = (None, None, None);
            r.tried.clear();
        }
        Step::Requested => {
            r.statement = text("statement");
            r.approver = person("approver");
            r.since = record.at;
            r.reminders = 0;
            r.reason.clone_from(&record.reason);
        }
        Step::Passed => {
            r.tried.extend(r.approver.take());
            r.approver = person("approver");
            r.round += 1;
            r.reminders = 0;
            r.since = record.at;
        }
        Step::Reminded => r.reminders += 1,
        Step::Approved | Step::Declined | Step::Withdrawn | Step::Closed => {
            r.decided = Some(record.at);
            r.decider = record.actor.strip_prefix("person/").map(str::to_owned);
            r.decision = Some(record.reason.clone());
        }
        Step::Applied => {}
    }
    Ok(r)
}

fn named<T>(data: &Json, field: &str, read: impl Fn(&str) -> Option<T>) -> Result<T> {
    let name = data[field].as_str().unwrap_or_default();
    read(name).ok_or_else(|| Error::invalid(format!("a request has the unknown {field} '{name}'")))
}

async fn write(tx: &Tx, r: &Request, version: i64) -> Result<()> {
    let definition = r.definition.as_ref().map(serde_json::to_string).transpose()?;
    tx.exec(
        "INSERT INTO training_request (id, kind, state, person, asker, assignment, course, requirement, wished, lane,
           reason, definition, changes, base, statement, approver, round, tried, since, reminders, created, decided, decider, decision,
           version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, course = excluded.course, requirement = excluded.requirement,
           reason = excluded.reason, base = excluded.base,
           definition = excluded.definition, changes = excluded.changes, statement = excluded.statement, approver = excluded.approver,
           round = excluded.round, tried = excluded.tried, since = excluded.since, reminders = excluded.reminders,
           decided = excluded.decided, decider = excluded.decider, decision = excluded.decision,
           version = excluded.version",
        args![
            &r.id,
            r.kind.name(),
            r.state.name(),
            &r.person,
            &r.asker,
            &r.assignment,
            &r.course,
            &r.requirement,
            r.wished.map(|d| d.to_string()),
            r.lane.name(),
            &r.reason,
            definition,
            r.changes,
            &r.base,
            &r.statement,
            &r.approver,
            r.round,
            serde_json::to_string(&r.tried)?,
            r.since,
            r.reminders,
            r.created,
            r.decided,
            &r.decider,
            &r.decision,
            version
        ],
    )
    .await?;
    Ok(())
}

fn read(row: &Stored) -> Result<Request> {
    let wished: Option<String> = row.get("wished")?;
    let wished = wished.map(|text| {
        text.parse().map_err(|_| Error::invalid(format!("training_request.wished holds '{text}', which is not a date")))
    });
    let definition: Option<Json> = row.get("definition")?;
    let word = |column: &str| row.get::<String>(column).map(Json::String);
    let data = serde_json::json!({ "kind": word("kind")?, "state": word("state")?, "lane": word("lane")? });
    Ok(Request {
        id: row.get("id")?,
        kind: named(&data, "kind", Kind::named)?,
        state: named(&data, "state", State::named)?,
        person: row.get("person")?,
        asker: row.get("asker")?,
        assignment: row.get("assignment")?,
        course: row.get("course")?,
        requirement: row.get("requirement")?,
        wished: wished.transpose()?,
        lane: named(&data, "lane", Lane::named)?,
        reason: row.get("reason")?,
        definition: definition.map(serde_json::from_value).transpose()?,
        changes: row.get("changes")?,
        base: row.get("base")?,
        statement: row.get("statement")?,
        approver: row.get("approver")?,
        round: row.get("round")?,
        tried: serde_json::from_value(row.get::<Json>("tried")?)?,
        since: row.get("since")?,
        reminders: row.get("reminders")?,
        created: row.get("created")?,
        decided: row.get("decided")?,
        decider: row.get("decider")?,
        decision: row.get("decision")?,
    })
}

/// Compares each request with what its records say, both ways.
///
/// # Errors
/// [`Error::Conflict`] with one sentence that names the first one that is changed, gone or put in; the database's error.
pub(in crate::training) async fn sound(conn: &Conn) -> Result<()> {
    let mut said: BTreeMap<String, (Request, i64)> = BTreeMap::new();
    for record in ledger::of_kind(conn, "request").await?.iter().filter(|record| !record.is_erased()) {
        let id = record.subject.strip_prefix("request/").unwrap_or_default();
        let step =
            Step::named(&record.kind).ok_or_else(|| Error::invalid("a request has a record of no known kind"))?;
        let before = said.remove(id).map(|(before, _)| before);
        said.insert(id.to_owned(), (apply(before, step, record, id)?, record.version));
    }
    let mut there: BTreeMap<String, (Request, i64)> = BTreeMap::new();
    for row in conn.all(raw!("ORDER BY id"), args![]).await? {
        there.insert(row.get("id")?, (read(&row)?, row.get("version")?));
    }
    match said.keys().chain(there.keys()).find(|id| said.get(*id) != there.get(*id)) {
        None => Ok(()),
        Some(id) => Err(Error::Conflict(format!(
            "the table of requests does not say of {id} what the ledger's records say: it was changed"
        ))),
    }
}

fn read_all(rows: &[Stored]) -> Result<Vec<Request>> {
    rows.iter().map(read).collect()
}

/// The request with this id.
pub(in crate::training) async fn by_id(conn: &Conn, id: &str) -> Result<Option<Request>> {
    conn.opt(select!("WHERE id = $1"), args![id]).await?.as_ref().map(read).transpose()
}

/// The request with this id, which is there.
pub(super) async fn existing(conn: &Conn, id: &str) -> Result<Request> {
    by_id(conn, id).await?.ok_or_else(|| Error::NotFound(format!("the request {id}")))
}

/// All that wait for a decision, the oldest first.
pub(super) async fn open(conn: &Conn) -> Result<Vec<Request>> {
    read_all(&conn.all(select!("WHERE state = 'open' ORDER BY created, id"), args![]).await?)
}

/// All that are about an assignment, the oldest first.
pub(super) async fn of_assignment(conn: &Conn, assignment: &str) -> Result<Vec<Request>> {
    read_all(&conn.all(select!("WHERE assignment = $1 ORDER BY created, id"), args![assignment]).await?)
}

/// What waits for this person's decision, the oldest first.
pub(super) async fn waiting_for(conn: &Conn, person: &str) -> Result<Vec<Request>> {
    let sql =
        concat!(select!("WHERE state = 'open' AND approver IN "), stoa_ground::rows_of!("$1"), " ORDER BY created, id");
    read_all(&conn.all(sql, args![person]).await?)
}

/// What this person asked for, the newest first; without what is only being written.
pub(super) async fn asked_by(conn: &Conn, person: &str) -> Result<Vec<Request>> {
    let sql = concat!(
        select!("WHERE state <> 'draft' AND asker IN "),
        stoa_ground::rows_of!("$1"),
        " ORDER BY created DESC, id"
    );
    read_all(&conn.all(sql, args![person]).await?)
}

/// The requirements that a person is writing, or that were sent back, the newest first.
pub(in crate::training) async fn drafts_of(conn: &Conn, person: &str) -> Result<Vec<Request>> {
    let sql = concat!(
        select!("WHERE kind = 'requirement' AND state IN ('draft', 'open', 'declined') AND asker IN "),
        stoa_ground::rows_of!("$1"),
        " ORDER BY created DESC, id"
    );
    read_all(&conn.all(sql, args![person]).await?)
}

/// The ids of requirements that are being written, or wait for approval.
pub(in crate::training) async fn drafted(conn: &Conn) -> Result<Vec<String>> {
    let sql = "SELECT DISTINCT requirement FROM training_request
               WHERE kind = 'requirement' AND state IN ('draft', 'open', 'declined') AND requirement IS NOT NULL";
    conn.all(sql, args![]).await?.iter().map(|row| row.get("requirement")).collect()
}

/// Whether one of them waits for nobody.
pub(super) async fn nobody_asked(conn: &Conn) -> Result<bool> {
    let sql = "SELECT 1 AS one FROM training_request WHERE state = 'open' AND approver IS NULL LIMIT 1";
    Ok(conn.opt(sql, args![]).await?.is_some())
}

/// The ids of the open ones that a change of this person may concern: theirs, those that wait for them, and with
/// `decides` those that wait for nobody.
pub(super) async fn touched_by(conn: &Conn, person: &str, decides: bool) -> Result<Vec<String>> {
    let sql = concat!(
        "SELECT id FROM training_request WHERE state = 'open' AND (approver IN ",
        stoa_ground::rows_of!("$1"),
        " OR person IN ",
        stoa_ground::rows_of!("$1"),
        " OR asker IN ",
        stoa_ground::rows_of!("$1"),
        " OR (approver IS NULL AND $2 = 1)) ORDER BY created, id"
    );
    conn.all(sql, args![person, i64::from(decides)]).await?.iter().map(|row| row.get("id")).collect()
}

/// Which requests belong to evidence about a period.
pub struct Concerned<'a> {
    /// About these assignments.
    pub assignments: &'a [String],
    /// About these requirements as such.
    pub requirements: &'a [String],
    /// For places in courses, of this person alone.
    pub person: Option<&'a str>,
    /// For places in courses, in this one alone.
    pub course: Option<&'a str>,
    /// Places in courses as well, decided from then on or not at all.
    pub since: Option<Instant>,
}

/// The ids of the requests that belong to evidence.
///
/// # Errors
/// The database's error.
pub async fn concerned(conn: &Conn, what: &Concerned<'_>) -> Result<Vec<String>> {
    let before = "SELECT id FROM training_request WHERE assignment IN";
    let mut rows = conn.all_in(before, what.assignments, "", args![]).await?;
    let before = "SELECT id FROM training_request WHERE kind = 'requirement' AND requirement IN";
    rows.extend(conn.all_in(before, what.requirements, "", args![]).await?);
    let sql = concat!(
        "SELECT id FROM training_request WHERE kind = 'enrolment' AND course = COALESCE($2, course)
         AND (decided IS NULL OR decided >= $3) AND ($1 = '' OR person IN ",
        stoa_ground::rows_of!("$1"),
        ")"
    );
    if let Some(since) = what.since {
        rows.extend(conn.all(sql, args![what.person.unwrap_or_default(), what.course, since]).await?);
    }
    rows.iter().map(|row| row.get("id")).collect()
}

/// One request, as `stoa training requests` prints it. Instants are RFC 3339 in UTC; people are employee ids.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// What is asked for.
    pub kind: Kind,
    /// How it stands.
    pub state: State,
    /// For whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Who asked; absent for the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asker: Option<String>,
    /// The requirement's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirement: Option<String>,
    /// The course's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course: Option<String>,
    /// The day that is wished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wished: Option<String>,
    /// Why.
    pub reason: String,
    /// Who is asked now; absent when nobody may decide, and when it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    /// Since when this one is asked.
    pub since: String,
    /// How many people were asked before.
    pub round: u32,
    /// When it was made.
    pub created: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided: Option<String>,
    /// Who decided; absent when nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decider: Option<String>,
    /// Why it was decided so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
}

/// The requests for operators: those that wait, or with `all` every one, the oldest first.
///
/// # Errors
/// The database's error.
pub async fn rows(conn: &Conn, all: bool) -> Result<Vec<Row>> {
    let found = if all {
        read_all(&conn.all(select!("WHERE state <> 'draft' ORDER BY created, id"), args![]).await?)?
    } else {
        open(conn).await?
    };
    let mut rows = Vec::new();
    for r in found {
        rows.push(Row {
            person: employee_id(conn, &r.person).await?,
            asker: employee_id(conn, &r.asker).await?,
            approver: if r.state == State::Open { employee_id(conn, &r.approver).await? } else { None },
            decider: employee_id(conn, &r.decider).await?,
            id: r.id,
            kind: r.kind,
            state: r.state,
            requirement: r.requirement,
            course: r.course,
            wished: r.wished.map(|d| d.to_string()),
            reason: r.reason,
            since: r.since.rfc3339(),
            round: r.round,
            created: r.created.rfc3339(),
            decided: r.decided.map(Instant::rfc3339),
            decision: r.decision,
        });
    }
    Ok(rows)
}

async fn employee_id(conn: &Conn, id: &Option<String>) -> Result<Option<String>> {
    let Some(id) = id else { return Ok(None) };
    Ok(people::by_id(conn, id).await?.map(|p| p.employee_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_lead_back_to_what_they_name() {
        assert!(Kind::ALL.iter().all(|k| Kind::named(k.name()) == Some(*k)));
        assert!(State::ALL.iter().all(|s| State::named(s.name()) == Some(*s)));
        assert!(Step::ALL.iter().all(|s| Step::named(s.name()) == Some(*s)));
        assert!(Lane::ALL.iter().all(|l| Lane::named(l.name()) == Some(*l)));
    }

    proptest! {
        /// Whatever happens in whatever order: it is decided once, and only what was open is decided at all.
        #[test]
        fn no_story_decides_twice(story in prop::collection::vec(prop::sample::select(Step::ALL.to_vec()), 0..40)) {
            let (mut state, mut approved) = (None, 0);
            for step in story {
                let Some(next) = transition(state, step) else { continue };
                if matches!(step, Step::Approved | Step::Closed | Step::Declined) {
                    prop_assert_eq!(state, Some(State::Open));
                }
                approved += usize::from(step == Step::Approved);
                prop_assert!(state != Some(State::Approved) || step == Step::Applied);
                prop_assert!(!matches!(state, Some(State::Withdrawn | State::Closed)));
                state = Some(next);
            }
            prop_assert!(approved <= 1);
        }
    }
}
