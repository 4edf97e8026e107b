//! How long records are kept: by retention classes, by requirement, and by legal hold, which wins over everything.
//!
//! The class of a record is in the record. The end is computed, never stored: the latest end of all rules that match.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use jiff::ToSpan as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stoa_ground::ledger::{self, Entry, Erased, Projection, Record};
use stoa_ground::people::{Person, Status};
use stoa_ground::{Conn, Db, Error, Instant, Result, Tx, args};

use crate::Services;
use crate::training::Preset;
use crate::training::assignment::{self, Assignment};
use crate::training::requirement::{self, Requirement};
use crate::training::state::State;

/// From when on a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum After {
    /// From the newest record about the subject, or from the end of what it shows where that comes later.
    Record,
    /// As long as the person works here, and then as `record`. (The roster does not say
    /// when somebody left; what they held is withdrawn then, which is a record.)
    Employment,
}

/// One rule of retention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The class that it is about; without it, every class.
    #[serde(default)]
    #[schemars(example = &"training")]
    pub class: Option<String>,
    /// The requirement that it is about; without it, every requirement.
    #[serde(default)]
    #[schemars(example = &"hipaa-2026")]
    pub requirement: Option<String>,
    /// How many years.
    #[schemars(example = &6)]
    pub years: u32,
    /// From when on.
    #[serde(default = "after_record")]
    #[schemars(example = &"record")]
    pub after: After,
    /// It gives way where a requirement's preset has rules of its own.
    #[serde(skip)]
    pub usual: bool,
}

fn after_record() -> After {
    After::Record
}

/// What the rules are asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The retention class of its records.
    pub class: String,
    /// The requirement that it belongs to.
    pub requirement: Option<String>,
    /// The requirement's preset.
    pub preset: Preset,
    /// The newest record, or the end of what was completed or waived, its grace included, where that comes later.
    pub newest: Instant,
    /// Whether the person has left.
    pub left: bool,
    /// Something is still to be done.
    pub open: bool,
    /// It was completed, waived or exempted for good, for a requirement that is in force, and nothing has taken its place:
    /// without it the person would have to do it again.
    pub for_good: bool,
}

/// When the duty to keep something ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Then.
    At(Instant),
    /// Not as far as is known now; why.
    Open(&'static str),
}

/// The rules where the configuration says nothing: training as long as the longest of the usual duties (HIPAA 45 CFR
/// 164.530(j), six years), and access three years beyond the employment.
#[must_use]
pub fn usual() -> Vec<Rule> {
    let rule =
        |class: &str, years, after| Rule { class: Some(class.into()), requirement: None, years, after, usual: true };
    vec![rule("training", 6, After::Record), rule("access", 3, After::Employment)]
}

/// What the organisation says about keeping: its rules, and the preset of requirements that name none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The preset where a requirement names none: `[evidence] preset`.
    pub preset: Preset,
}

impl Default for Policy {
    fn default() -> Self {
        Self { rules: usual(), preset: Preset::None }
    }
}

impl Policy {
    /// The preset that counts for a requirement which names `own`.
    #[must_use]
    pub fn preset(&self, own: Preset) -> Preset {
        if own.is_none() { self.preset } else { own }
    }
}

/// The rules of a preset for the training that it is about.
#[must_use]
pub fn of_preset(preset: Preset) -> Vec<Rule> {
    let rule = |years, after| Rule { class: Some("training".into()), requirement: None, years, after, usual: false };
    let Some((record, employment)) = preset.retention() else { return Vec::new() };
    let beyond = employment.map(|years| rule(years, After::Employment));
    std::iter::once(rule(record, After::Record)).chain(beyond).collect()
}

/// When the duty to keep ends: the latest end of all rules that match, those of the preset included.
#[must_use]
pub fn end(facts: &Facts, rules: &[Rule]) -> End {
    if facts.open {
        return End::Open("it is still to be done");
    }
    if facts.for_good && !facts.left {
        return End::Open("it holds for good, and the person works here");
    }
    if matches!(facts.class.as_str(), "permanent" | "content") {
        return End::Open("it belongs to the evidence of everybody");
    }
    let matches = |rule: &&Rule| {
        rule.class.as_ref().is_none_or(|class| *class == facts.class)
            && rule.requirement.as_ref().is_none_or(|r| facts.requirement.as_ref() == Some(r))
    };
    let own = of_preset(facts.preset);
    let configured = rules.iter().filter(|rule| !(rule.usual && own.iter().any(|o| o.class == rule.class)));
    let ends = configured.chain(&own).filter(matches).map(|rule| match rule.after {
        After::Employment if !facts.left => End::Open("the person works here"),
        After::Record | After::Employment => years(facts.newest, rule.years),
    });
    ends.max().unwrap_or(End::Open("no rule says for how long"))
}

fn years(from: Instant, years: u32) -> End {
    let utc = from.zoned(&jiff::tz::TimeZone::UTC);
    // Only the end of jiff's calendar, in the year 9999, is out of reach.
    utc.checked_add(i64::from(years).years()).map_or(End::Open("it is kept for ever"), |end| End::At((&end).into()))
}

/// A legal hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// Its id.
    pub id: String,
    /// What it holds: `all`, `person/<id>` (of the row that stands for the person) or `requirement/<id>`.
    pub scope: String,
    /// Why.
    pub reason: String,
    /// By whom.
    pub actor: String,
    /// Since when.
    pub at: Instant,
}

/// Writes `legal_hold` from the ledger's records about `hold/<id>`. Kinds: `held`, with `{"scope"}`, and `released`.
pub struct HoldProjection;

#[async_trait]
impl Projection for HoldProjection {
    fn subject(&self) -> &'static str {
        "hold"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["legal_hold"]
    }

    async fn apply(&self, tx: &Tx, record: &Record) -> Result<()> {
        let id = record.subject.strip_prefix("hold/").unwrap_or_default();
        match (record.kind.as_str(), record.data["scope"].as_str()) {
            ("held", Some(scope)) => {
                tx.exec(
                    "INSERT INTO legal_hold (id, scope, reason, actor, at) VALUES ($1, $2, $3, $4, $5)",
                    args![id, scope, &record.reason, &record.actor, record.at],
                )
                .await?;
            }
            ("released", _) => {
                if tx.exec("DELETE FROM legal_hold WHERE id = $1", args![id]).await? == 0 {
                    return Err(Error::Conflict("this hold is released already".into()));
                }
            }
            (other, _) => return Err(Error::invalid(format!("a record about a legal hold cannot be '{other}'"))),
        }
        Ok(())
    }

    fn class(&self, _kind: &str) -> &'static str {
        "permanent"
    }
}

/// All holds that stand, the oldest first.
///
/// # Errors
/// The database's error.
pub async fn holds(conn: &Conn) -> Result<Vec<Hold>> {
    let sql = "SELECT id, COALESCE((SELECT 'person/' || a.stands_for FROM person_alias a
               WHERE 'person/' || a.person = legal_hold.scope), scope) AS scope, reason, actor, at
               FROM legal_hold ORDER BY at, id";
    let rows = conn.all(sql, args![]).await?;
    let read = |r: &stoa_ground::Row| {
        Ok(Hold {
            id: r.get("id")?,
            scope: r.get("scope")?,
            reason: r.get("reason")?,
            actor: r.get("actor")?,
            at: r.get("at")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Compares the holds that stand with what the ledger's records say, both ways.
///
/// # Errors
/// [`Error::Conflict`] with one sentence that names the first one that is changed, gone or put in; the database's error.
pub async fn sound(conn: &Conn) -> Result<()> {
    type Said = (String, String, String, Instant);
    let mut said: BTreeMap<String, Said> = BTreeMap::new();
    for record in ledger::of_kind(conn, "hold").await? {
        let id = record.subject.strip_prefix("hold/").unwrap_or_default().to_owned();
        match record.data["scope"].as_str() {
            Some(scope) => drop(said.insert(id, (scope.to_owned(), record.reason, record.actor, record.at))),
            None => drop(said.remove(&id)),
        }
    }
    let mut there: BTreeMap<String, Said> = BTreeMap::new();
    for r in conn.all("SELECT id, scope, reason, actor, at FROM legal_hold", args![]).await? {
        there.insert(r.get("id")?, (r.get("scope")?, r.get("reason")?, r.get("actor")?, r.get("at")?));
    }
    match said.keys().chain(there.keys()).find(|id| said.get(*id) != there.get(*id)) {
        None => Ok(()),
        Some(id) => Err(Error::Conflict(format!(
            "the table of legal holds does not say of {id} what the ledger's records say: it was changed"
        ))),
    }
}

/// Holds everything, a person or a requirement. Gives the hold's id.
///
/// # Errors
/// [`Error::Invalid`] for another scope, or without a reason.
pub async fn hold(tx: &Tx, services: &Services, scope: &str, actor: &str, reason: &str) -> Result<String> {
    let known =
        scope == "all" || matches!(scope.split_once('/'), Some(("person" | "requirement", id)) if !id.is_empty());
    if !known {
        return Err(Error::invalid(format!("'{scope}' cannot be held: say all, person/… or requirement/…")));
    }
    if reason.trim().is_empty() {
        return Err(Error::invalid("a legal hold needs a reason"));
    }
    // Short enough to be typed.
    let id: String = tx.clock().secret().chars().take(8).collect();
    let entry = Entry {
        subject: format!("hold/{id}"),
        kind: "held",
        actor: actor.to_owned(),
        reason: reason.to_owned(),
        data: json!({ "scope": scope }),
    };
    services.ledger.append(tx, entry).await?;
    Ok(id)
}

/// Ends a hold.
///
/// # Errors
/// [`Error::NotFound`] when there is none with this id.
pub async fn release(tx: &Tx, services: &Services, id: &str, actor: &str, reason: &str) -> Result<()> {
    if !holds(tx).await?.iter().any(|hold| hold.id == id) {
        return Err(Error::NotFound(format!("the hold '{id}'")));
    }
    let entry = Entry {
        subject: format!("hold/{id}"),
        kind: "released",
        actor: actor.to_owned(),
        reason: reason.to_owned(),
        data: json!({}),
    };
    services.ledger.append(tx, entry).await?;
    Ok(())
}

/// One subject of a person's records, and whether it may be erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// The subject.
    pub subject: String,
    /// The requirement that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirement: Option<String>,
    /// Its number of records.
    pub records: u64,
    /// Whether it may be erased now.
    pub erasable: bool,
    /// Why, or why not, in one sentence.
    pub why: String,
}

/// What may be erased of the records about a person, also of rows that were merged into theirs, and what not.
///
/// # Errors
/// The database's error.
pub async fn plan(conn: &Conn, person: &Person, policy: &Policy) -> Result<Vec<Planned>> {
    let sql = concat!(
        "SELECT r.subject, r.at, r.body, (SELECT COUNT(*) FROM ledger_record a WHERE a.subject = r.subject) AS n
         FROM ledger_record r JOIN ledger_value v ON v.record = r.id AND v.part = 0
         WHERE v.erased IS NULL AND v.person IN ",
        stoa_ground::rows_of!("$1"),
        " ORDER BY r.subject, r.version"
    );
    let rows = conn.all(sql, args![&person.id]).await?;
    let mut subjects: BTreeMap<String, (Facts, u64)> = BTreeMap::new();
    for row in &rows {
        let leaf: stoa_ground::ledger::leaf::Leaf = serde_json::from_str(&row.get::<String>("body")?)?;
        let facts = Facts {
            class: leaf.class,
            requirement: None,
            preset: Preset::None,
            newest: row.get("at")?,
            left: person.status == Status::Left,
            open: false,
            for_good: false,
        };
        subjects.insert(row.get("subject")?, (facts, u64::try_from(row.get::<i64>("n")?).unwrap_or_default()));
    }
    let holds = holds(conn).await?;
    let assignments = assignment::of_person(conn, &person.id).await?;
    // One that was only ever proposed is not among them, and enrolments have no rules of their own.
    let all = requirement::all(conn).await?;
    let rules: HashMap<&str, &Requirement> = all.iter().map(|r| (r.id.as_str(), r)).collect();
    let mut planned = Vec::new();
    for (subject, (mut facts, records)) in subjects {
        if let Some(id) = subject.strip_prefix("assignment/")
            && let Some(a) = assignments.iter().find(|a| a.id == id)
        {
            let newest = assignment::newest(&assignments, &a.requirement).is_some_and(|newest| newest.id == a.id);
            facts = facts_of(
                a,
                facts.newest,
                Some(person),
                &Judged { rule: rules.get(a.requirement.as_str()).copied(), newest, policy },
            );
        }
        if let Some(id) = subject.strip_prefix("request/")
            && let Some((requirement, open)) = crate::training::requests::about(conn, id).await?
        {
            (facts.requirement, facts.open) = (requirement, open);
        }
        if let Some(id) = subject.strip_prefix("trainer-question/") {
            facts.requirement = crate::training::question_about(conn, id).await?;
        }
        let rule = facts.requirement.as_deref().and_then(|id| rules.get(id));
        facts.preset = policy.preset(rule.map(|r| r.evidence).unwrap_or_default());
        let (erasable, why) = judge(conn.now(), &person.id, &facts, &holds, &policy.rules);
        planned.push(Planned { subject, requirement: facts.requirement, records, erasable, why });
    }
    Ok(planned)
}

/// What decides about an assignment beside itself.
pub(super) struct Judged<'a> {
    /// Its requirement as it is now.
    pub rule: Option<&'a Requirement>,
    /// Whether it is the one of its requirement that counts for the person.
    pub newest: bool,
    pub policy: &'a Policy,
}

/// What is said about an assignment to the rules. `newest`: its newest record. Without `person` they are gone.
#[must_use]
pub(super) fn facts_of(a: &Assignment, newest: Instant, person: Option<&Person>, judged: &Judged<'_>) -> Facts {
    let Judged { rule, policy, .. } = *judged;
    let held = matches!(a.state, State::Completed | State::Waived | State::Expired).then_some(a.expires).flatten();
    let grace = rule.and_then(|r| r.recertify.as_ref()).map_or(0, |rule| i64::from(rule.grace_days));
    let holds = matches!(a.state, State::Completed | State::Waived | State::Exempt) && a.expires.is_none();
    Facts {
        class: "training".into(),
        requirement: Some(a.requirement.clone()),
        preset: policy.preset(rule.map(|r| r.evidence).unwrap_or_default()),
        // A day more, since days differ in length.
        newest: held.map_or(newest, |end| newest.max(end.at.plus((grace + 1) * Instant::DAY))),
        left: person.is_none_or(|p| p.status == Status::Left),
        open: a.state.is_open(),
        for_good: holds && !a.is_enrolment() && judged.newest && rule.is_some_and(|r| r.active),
    }
}

/// The duty to keep something, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// A legal hold stands.
    Held {
        /// The hold's id.
        id: String,
        /// Why it stands.
        reason: String,
    },
    /// It has no end yet; why.
    Open(&'static str),
    /// It ends then.
    Until(Instant),
    /// It ended then.
    Ended(Instant),
}

/// The duty to keep what these facts are about: a legal hold wins over every rule.
#[must_use]
pub fn duty(now: Instant, person: &str, facts: &Facts, holds: &[Hold], rules: &[Rule]) -> Duty {
    let held = holds.iter().find(|hold| match hold.scope.split_once('/') {
        Some(("person", id)) => id == person,
        Some(("requirement", id)) => facts.requirement.as_deref() == Some(id),
        _ => true,
    });
    if let Some(hold) = held {
        return Duty::Held { id: hold.id.clone(), reason: hold.reason.clone() };
    }
    match end(facts, rules) {
        End::Open(why) => Duty::Open(why),
        End::At(at) if at > now => Duty::Until(at),
        End::At(at) => Duty::Ended(at),
    }
}

impl Duty {
    /// For how long it is kept, for a report.
    #[must_use]
    pub fn kept(&self) -> String {
        match self {
            Self::Held { .. } => "kept under a legal hold".into(),
            Self::Open(why) => format!("no end yet, {why}"),
            Self::Until(at) => format!("until {}", day(*at)),
            Self::Ended(at) => format!("the duty ended on {}", day(*at)),
        }
    }
}

/// Whether it may be erased now, and why.
fn judge(now: Instant, person: &str, facts: &Facts, holds: &[Hold], rules: &[Rule]) -> (bool, String) {
    match duty(now, person, facts, holds, rules) {
        Duty::Held { id, reason } => (false, format!("a legal hold ({id}) stands: {reason}")),
        Duty::Open(why) => (false, why.to_owned()),
        Duty::Until(at) => (false, format!("it has to be kept until {}", day(at))),
        Duty::Ended(at) => (true, format!("the duty to keep it ended on {}", day(at))),
    }
}

fn day(at: Instant) -> jiff::civil::Date {
    at.zoned(&jiff::tz::TimeZone::UTC).date()
}

/// Erases the records about a person for which no duty and no hold stands any more.
///
/// # Errors
/// [`Error::Invalid`] when nothing may be erased, or without a reason.
pub async fn erase(
    db: &Db,
    services: &Services,
    person: &Person,
    policy: &Policy,
    actor: &str,
    reason: &str,
) -> Result<Erased> {
    if reason.trim().is_empty() {
        return Err(Error::invalid("an erasure needs a reason"));
    }
    db.write(|tx| async move {
        let planned = plan(&tx, person, policy).await?;
        if planned.iter().all(|p| p.erasable) {
            // Nothing is left for which somebody would have to know how the person stood in the roster.
            let sql = concat!("DELETE FROM person_history WHERE person IN ", stoa_ground::rows_of!("$1"));
            tx.exec(sql, args![&person.id]).await?;
        }
        let named = |p: Planned| {
            let of = p.requirement.filter(|_| p.subject.starts_with("assignment/"));
            (p.subject, of)
        };
        let subjects: BTreeMap<_, _> = planned.into_iter().filter(|p| p.erasable).map(named).collect();
        if subjects.is_empty() {
            return Err(Error::invalid(format!("nothing about {} may be erased now", person.name)));
        }
        services.ledger.erase(&tx, &subjects, actor, reason).await
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            class: "training".into(),
            requirement: Some("hipaa".into()),
            preset: Preset::None,
            newest: Instant::parse("2020-02-29T12:00:00Z").unwrap(),
            left: false,
            open: false,
            for_good: false,
        }
    }

    fn at(text: &str) -> End {
        End::At(Instant::parse(text).unwrap())
    }

    #[test]
    fn the_latest_of_all_rules_that_match_counts() {
        let rule = |requirement: Option<&str>, years, after| Rule {
            class: Some("training".into()),
            requirement: requirement.map(str::to_owned),
            years,
            after,
            usual: false,
        };
        let rules = [
            rule(None, 3, After::Record),
            rule(Some("hipaa"), 6, After::Record),
            rule(Some("osha"), 30, After::Record),
            rule(Some("hipaa"), 1, After::Employment),
        ];
        assert_eq!(end(&facts(), &rules[..1]), at("2023-02-28T12:00:00Z"));
        assert_eq!(end(&facts(), &rules[..3]), at("2026-02-28T12:00:00Z"));
        assert_eq!(end(&facts(), &rules), End::Open("the person works here"));
        assert_eq!(end(&Facts { left: true, ..facts() }, &rules), at("2026-02-28T12:00:00Z"));
        assert_eq!(end(&facts(), &[]), End::Open("no rule says for how long"));
        assert_eq!(end(&Facts { open: true, ..facts() }, &rules), End::Open("it is still to be done"));
        let good = Facts { for_good: true, ..facts() };
        assert_eq!(end(&good, &rules[..1]), End::Open("it holds for good, and the person works here"));
        assert_eq!(end(&Facts { left: true, ..good }, &rules[..1]), at("2023-02-28T12:00:00Z"));
        let key = Facts { class: "permanent".into(), ..facts() };
        assert!(matches!(end(&key, &[rule(None, 0, After::Record)]), End::Open(_)));
    }

    #[test]
    fn a_preset_has_rules_of_its_own_that_take_the_place_of_the_usual_ones() {
        let of = |preset, left| end(&Facts { preset, left, ..facts() }, &usual());
        assert_eq!(of(Preset::None, true), at("2026-02-28T12:00:00Z"));
        assert_eq!(of(Preset::Hipaa, false), at("2026-02-28T12:00:00Z"));
        assert_eq!(of(Preset::Osha, false), End::Open("the person works here"));
        assert_eq!(of(Preset::Osha, true), at("2023-02-28T12:00:00Z"));
        assert_eq!(of(Preset::HarassmentPrevention, false), at("2022-02-28T12:00:00Z"));
        // The organisation's own rules stand beside those of the preset, and the latest end counts.
        let mut own = usual();
        own.iter_mut().for_each(|rule| rule.usual = false);
        let facts = Facts { preset: Preset::Soc2, ..facts() };
        assert_eq!(end(&facts, &own), at("2026-02-28T12:00:00Z"));
        let hold = [Hold {
            id: "h1".into(),
            scope: "requirement/hipaa".into(),
            reason: "a lawsuit".into(),
            actor: "operator".into(),
            at: Instant(0),
        }];
        let now = Instant::parse("2040-01-01T00:00:00Z").unwrap();
        assert!(matches!(duty(now, "p-ana", &facts, &[], &usual()), Duty::Ended(_)));
        assert!(matches!(duty(now, "p-ana", &facts, &hold, &usual()), Duty::Held { .. }));
    }

    #[test]
    fn a_legal_hold_wins_over_a_retention_that_has_ended() {
        let now = Instant::parse("2040-01-01T00:00:00Z").unwrap();
        let hold = |scope: &str| Hold {
            id: "h1".into(),
            scope: scope.into(),
            reason: "a lawsuit".into(),
            actor: "operator".into(),
            at: now,
        };
        let judge = |holds: &[Hold]| judge(now, "p-ana", &facts(), holds, &usual());
        assert_eq!(judge(&[]), (true, "the duty to keep it ended on 2026-02-28".into()));
        for scope in ["all", "person/p-ana", "requirement/hipaa"] {
            assert_eq!(judge(&[hold(scope)]), (false, "a legal hold (h1) stands: a lawsuit".into()), "{scope}");
        }
        assert!(judge(&[hold("person/p-bob"), hold("requirement/osha")]).0);
    }
}
