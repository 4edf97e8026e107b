//! Statements of other systems that complete courses: held against the rules of the courses as they arrive.
//!
//! A statement counts only when it was stored with the key that the rule names: who wrote it has shown that key and its
//! secret. Each one that a rule means is judged once, and what became of it is a record of the ledger.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::{Value as Json, json};
use stoa_flow::Follower;
use stoa_ground::ledger::{Entry, Projection, Record};
use stoa_ground::people::{self, Person, Status};
use stoa_ground::xapi::{Actor, Authority, Emitter, store};
use stoa_ground::{Conn, Instant, Result, Tx, args};

use super::{Claim, Elsewhere, How, Target, Verdict, doubt, judge};
use crate::Services;
use crate::training::assignment::By;
use crate::training::course::{self, Mapping};
use crate::training::life;

/// Writes `completion_statement` from the ledger's records about `completion/<statement>`. Kinds: `counted`, `refused` and
/// `voided`; data: `{"course", "person"?}`.
pub(in crate::training) struct CompletionProjection;

#[async_trait]
impl Projection for CompletionProjection {
    fn subject(&self) -> &'static str {
        "completion"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["completion_statement"]
    }

    async fn apply(&self, tx: &Tx, record: &Record) -> Result<()> {
        let statement = record.subject.strip_prefix("completion/").unwrap_or_default();
        let (course, person) = (record.data["course"].as_str().unwrap_or_default(), record.data["person"].as_str());
        tx.exec(
            "INSERT INTO completion_statement (statement, course, person, state, why, at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (statement, course) DO UPDATE SET state = excluded.state, why = excluded.why, at = excluded.at",
            args![statement, course, person, &record.kind, &record.reason, record.at],
        )
        .await?;
        Ok(())
    }

    fn class(&self, _kind: &str) -> &'static str {
        "training"
    }

    async fn forget(&self, tx: &Tx, subject: &str) -> Result<()> {
        let statement = subject.strip_prefix("completion/").unwrap_or_default();
        tx.exec("DELETE FROM completion_statement WHERE statement = $1", args![statement]).await?;
        Ok(())
    }
}

/// What became of a statement of another system that a rule means, as `stoa training statements` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The statement's id.
    pub statement: String,
    /// The course's id.
    pub course: String,
    /// The employee id of the person whom it is about, when that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// `counted`, `refused` or `voided`.
    pub state: String,
    /// One sentence.
    pub why: String,
    /// When that was decided, as RFC 3339 in UTC.
    pub at: String,
}

/// What became of statements of other systems, the newest first; only those in this state where one is given.
///
/// # Errors
/// The database's error.
pub async fn judged(conn: &Conn, state: Option<&str>) -> Result<Vec<Judged>> {
    let sql = "SELECT statement, course, state, why, at,
               (SELECT p.employee_id FROM person p WHERE p.id = completion_statement.person) AS person
               FROM completion_statement WHERE $1 = '' OR state = $1 ORDER BY at DESC, statement, course LIMIT 10000";
    let rows = conn.all(sql, args![state.unwrap_or_default()]).await?;
    let read = |row: &stoa_ground::Row| {
        Ok(Judged {
            statement: row.get("statement")?,
            course: row.get("course")?,
            person: row.get("person")?,
            state: row.get("state")?,
            why: row.get("why")?,
            at: row.get::<Instant>("at")?.rfc3339(),
        })
    };
    rows.iter().map(read).collect()
}

/// Holds statements against the rules as they arrive.
pub(in crate::training) struct StatementFollower(pub Arc<Services>);

#[async_trait]
impl Follower for StatementFollower {
    fn name(&self) -> &'static str {
        "training-statements"
    }

    fn topic(&self) -> &'static str {
        "statement"
    }

    async fn follow(&self, tx: &Tx, key: &str) -> Result<()> {
        let Some(head) = store::head(tx, key).await? else { return Ok(()) };
        // Also when no course has rules any more: what counted once may be taken back.
        if let Some(target) = head.voids {
            return voided(tx, &self.0, &target, key).await;
        }
        // What Stoa says itself is stored with nobody's key.
        if head.voided || head.authority == self.0.emitter.authority() {
            return Ok(());
        }
        let Some(stored) = store::get(tx, key).await? else { return Ok(()) };
        let body: Json = serde_json::from_str(&stored.body)?;
        for (course, rules) in course::mappings(tx).await? {
            let means = |rule: &&Mapping| authority(&self.0.emitter, rule) == stored.authority && said(rule, &body);
            if let Some(rule) = rules.iter().find(means) {
                arrived(tx, &self.0, key, &course, rule, &body).await?;
            }
        }
        Ok(())
    }
}

/// The key of the authority of statements that are stored with the rule's key.
fn authority(emitter: &Emitter, rule: &Mapping) -> String {
    Authority::account(&emitter.credentials_home(), &rule.source, "").key().to_owned()
}

/// Whether a statement says what the rule asks for.
fn said(rule: &Mapping, body: &Json) -> bool {
    let activity = matches!(body["object"]["objectType"].as_str(), None | Some("Activity"));
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    activity && rule.says(&text(&body["verb"]["id"])) && rule.means(&text(&body["object"]["id"]))
}

/// A statement that a rule means: judged once for each course.
async fn arrived(tx: &Tx, s: &Services, id: &str, course: &str, rule: &Mapping, body: &Json) -> Result<()> {
    let sql = "SELECT 1 AS one FROM completion_statement WHERE statement = $1 AND course = $2";
    if tx.opt(sql, args![id, course]).await?.is_some() {
        return Ok(());
    }
    let person = match whose(tx, &s.emitter, &body["actor"]).await? {
        Ok(person) => person,
        Err(why) => return record(tx, s, id, "refused", course, None, &why).await,
    };
    let result = &body["result"];
    let score = result["score"]["scaled"].as_f64();
    let at = body["timestamp"].as_str().and_then(|at| Instant::parse(at).ok()).unwrap_or_else(|| tx.now());
    if result["success"] == false || result["completion"] == false {
        let why = "the statement itself says that it was not a success";
        return record(tx, s, id, "refused", course, Some(&person), why).await;
    }
    if let Some(least) = rule.min_score.filter(|least| score.is_none_or(|score| score + 1e-9 < *least)) {
        let given = score.map_or_else(|| "no score".to_owned(), |score| format!("the score {score}"));
        let why = format!("{given} is below the {least} that the rule asks for");
        return record(tx, s, id, "refused", course, Some(&person), &why).await;
    }
    let claim = Claim::at(at, score, tx.now());
    match judge(tx, s, &person, &Target::Course(course.to_owned()), claim).await? {
        Verdict::Counts(assignments) => {
            let mut reason = format!("completed in another system, which writes as '{}'", rule.source);
            if let Some(said) = claim.claimed {
                reason += &format!("; it says {}, which had not come yet", said.rfc3339());
            }
            for a in &assignments {
                let elsewhere = Elsewhere {
                    by: By { actor: format!("system/{}", rule.source), reason: reason.clone() },
                    actor: Actor::Stoa,
                    how: How::Statement,
                    claim,
                    provider: Some(rule.source.clone()),
                    evidence: body["object"]["id"].as_str().map(str::to_owned),
                    statement: Some(id.to_owned()),
                };
                life::complete(tx, s, &person, a, Some(&elsewhere)).await?;
            }
            record(tx, s, id, "counted", course, Some(&person), &reason).await
        }
        Verdict::Known(why) | Verdict::Refused(why) => record(tx, s, id, "refused", course, Some(&person), &why).await,
    }
}

/// A statement was voided. What it completed stays completed (N13); that its source is gone is recorded.
async fn voided(tx: &Tx, s: &Services, target: &str, by: &str) -> Result<()> {
    let sql = "SELECT course, person FROM completion_statement WHERE statement = $1 AND state = 'counted'";
    for row in tx.all(sql, args![target]).await? {
        let person = match row.get::<Option<String>>("person")? {
            Some(id) => people::by_id(tx, &id).await?,
            None => None,
        };
        let why = format!("the statement was voided by {by}; the completion stands until somebody decides otherwise");
        let course: String = row.get("course")?;
        record(tx, s, target, "voided", &course, person.as_ref(), &why).await?;
        if let Some(person) = &person {
            doubt::tell(tx, target, &course, person).await?;
        }
    }
    Ok(())
}

async fn record(
    tx: &Tx,
    s: &Services,
    statement: &str,
    kind: &'static str,
    course: &str,
    person: Option<&Person>,
    why: &str,
) -> Result<()> {
    let entry = Entry {
        subject: format!("completion/{statement}"),
        kind,
        actor: "rule/completed-by".into(),
        reason: why.to_owned(),
        data: json!({ "course": course, "person": person.map(|p| &p.id) }),
    };
    s.ledger.append(tx, entry).await?;
    Ok(())
}

/// The person whom an actor means: their employee id under the organisation's account, or their address. Else why nobody.
async fn whose(conn: &Conn, emitter: &Emitter, actor: &Json) -> Result<std::result::Result<Person, String>> {
    let account = &actor["account"];
    let home = account["homePage"].as_str().map(|home| home.trim_end_matches('/'));
    let (found, named) = if let (true, Some(id)) = (home == Some(emitter.organisation()), account["name"].as_str()) {
        (people::by_employee_id(conn, id).await?, id.to_owned())
    } else if let Some(address) = actor["mbox"].as_str().and_then(|mbox| mbox.strip_prefix("mailto:")) {
        (people::by_email(conn, address).await?, address.to_owned())
    } else {
        return Ok(Err(format!(
            "its actor is neither an account of {} nor a mailbox, so nobody can be told by it",
            emitter.organisation()
        )));
    };
    Ok(found.filter(|p| p.status != Status::Left).ok_or_else(|| format!("nobody here is '{named}'")))
}
