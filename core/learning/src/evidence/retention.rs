//! How long records are kept: by retention classes, by requirement, and by legal hold, which wins over everything.
//!
//! The class of a record is in the record. The end is computed, never stored: the latest end of all rules that match.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::ToSpan as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stoa_ground::ledger::{Entry, Erased, Projection, Record};
use stoa_ground::people::{Person, Status};
use stoa_ground::{Conn, Db, Error, Instant, Result, Tx, args};

use crate::Services;

/// From when on a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum After {
    /// From the newest record about the subject.
    Record,
    /// As long as the person works here, and then from the newest record about the subject on. (The roster does not say
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
    /// The newest record.
    pub newest: Instant,
    /// Whether the person has left.
    pub left: bool,
    /// Something is still to be done.
    pub open: bool,
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
    let rule = |class: &str, years, after| Rule { class: Some(class.into()), requirement: None, years, after };
    vec![rule("training", 6, After::Record), rule("access", 3, After::Employment)]
}

/// When the duty to keep ends: the latest end of all rules that match.
#[must_use]
pub fn end(facts: &Facts, rules: &[Rule]) -> End {
    if facts.open {
        return End::Open("it is still to be done");
    }
    if matches!(facts.class.as_str(), "permanent" | "content") {
        return End::Open("it belongs to the evidence of everybody");
    }
    let matches = |rule: &&Rule| {
        rule.class.as_ref().is_none_or(|class| *class == facts.class)
            && rule.requirement.as_ref().is_none_or(|r| facts.requirement.as_ref() == Some(r))
    };
    let ends = rules.iter().filter(matches).map(|rule| match rule.after {
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
    /// What it holds: `all`, `person/<id>` or `requirement/<id>`.
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
    let rows = conn.all("SELECT id, scope, reason, actor, at FROM legal_hold ORDER BY at, id", args![]).await?;
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
    /// Its number of records.
    pub records: u64,
    /// Whether it may be erased now.
    pub erasable: bool,
    /// Why, or why not, in one sentence.
    pub why: String,
}

/// What may be erased of the records about a person, and what not.
///
/// # Errors
/// The database's error.
pub async fn plan(conn: &Conn, person: &Person, rules: &[Rule]) -> Result<Vec<Planned>> {
    let rows = conn
        .all(
            "SELECT r.subject, r.at, r.body, (SELECT COUNT(*) FROM ledger_record a WHERE a.subject = r.subject) AS n
             FROM ledger_record r JOIN ledger_value v ON v.record = r.id AND v.part = 0
             WHERE v.person = $1 AND v.erased IS NULL ORDER BY r.subject, r.version",
            args![&person.id],
        )
        .await?;
    let mut subjects: BTreeMap<String, (Facts, u64)> = BTreeMap::new();
    for row in &rows {
        let leaf: stoa_ground::ledger::leaf::Leaf = serde_json::from_str(&row.get::<String>("body")?)?;
        let facts = Facts {
            class: leaf.class,
            requirement: None,
            newest: row.get("at")?,
            left: person.status == Status::Left,
            open: false,
        };
        subjects.insert(row.get("subject")?, (facts, u64::try_from(row.get::<i64>("n")?).unwrap_or_default()));
    }
    let holds = holds(conn).await?;
    let mut planned = Vec::new();
    for (subject, (mut facts, records)) in subjects {
        if let Some(id) = subject.strip_prefix("assignment/") {
            let assignment = crate::training::assignment::by_id(conn, id).await?;
            facts.open = assignment.as_ref().is_some_and(|a| a.state.is_open());
            facts.requirement = assignment.map(|a| a.requirement);
        }
        if let Some(id) = subject.strip_prefix("request/")
            && let Some((requirement, open)) = crate::training::requests::about(conn, id).await?
        {
            (facts.requirement, facts.open) = (requirement, open);
        }
        let (erasable, why) = judge(conn.now(), &person.id, &facts, &holds, rules);
        planned.push(Planned { subject, records, erasable, why });
    }
    Ok(planned)
}

/// Whether it may be erased now, and why.
fn judge(now: Instant, person: &str, facts: &Facts, holds: &[Hold], rules: &[Rule]) -> (bool, String) {
    let held = holds.iter().find(|hold| match hold.scope.split_once('/') {
        Some(("person", id)) => id == person,
        Some(("requirement", id)) => facts.requirement.as_deref() == Some(id),
        _ => true,
    });
    if let Some(hold) = held {
        return (false, format!("a legal hold ({}) stands: {}", hold.id, hold.reason));
    }
    match end(facts, rules) {
        End::Open(why) => (false, why.to_owned()),
        End::At(at) if at > now => (false, format!("it has to be kept until {}", day(at))),
        End::At(at) => (true, format!("the duty to keep it ended on {}", day(at))),
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
    rules: &[Rule],
    actor: &str,
    reason: &str,
) -> Result<Erased> {
    if reason.trim().is_empty() {
        return Err(Error::invalid("an erasure needs a reason"));
    }
    db.write(|tx| async move {
        let planned = plan(&tx, person, rules).await?;
        let subjects: Vec<String> = planned.into_iter().filter(|p| p.erasable).map(|p| p.subject).collect();
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
            newest: Instant::parse("2020-02-29T12:00:00Z").unwrap(),
            left: false,
            open: false,
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
        let key = Facts { class: "permanent".into(), ..facts() };
        assert!(matches!(end(&key, &[rule(None, 0, After::Record)]), End::Open(_)));
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
