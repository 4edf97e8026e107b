//! Who stands in for a manager: gets the digest, acts on the team, is asked first. It is a subject of the ledger
//! (`delegation/<id>`) and ends by itself with a day, or when one of the two ends it.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use stoa_flow::delivery;
use stoa_flow::schedule::{self, Due, Job};
use stoa_ground::ledger::{Entry, Projection, Record};
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Conn, Error, Instant, Result, Row, Tx, args};

use super::super::due::{self, Deadline};
use super::super::requests;
use super::{delegate, expect_digest_of};
use crate::Services;

/// Who stands in for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delegation {
    /// Its id.
    pub id: String,
    /// For whom: the person's id.
    pub person: String,
    /// Who: the person's id.
    pub delegate: String,
    /// To the end of this day of the one for whom it is.
    pub until: Deadline,
    /// Why.
    pub reason: String,
}

/// The particulars of the record `began`.
#[derive(Serialize, Deserialize)]
struct Began {
    person: String,
    delegate: String,
    until: Date,
    ends: Instant,
}

/// Writes `delegation` from the ledger's records about `delegation/<id>`. Kinds: `began` and `ended`.
pub(in crate::training) struct DelegationProjection;

#[async_trait]
impl Projection for DelegationProjection {
    fn subject(&self) -> &'static str {
        "delegation"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["delegation"]
    }

    async fn apply(&self, tx: &Tx, record: &Record) -> Result<()> {
        let id = record.subject.strip_prefix("delegation/").unwrap_or_default();
        match record.kind.as_str() {
            "began" => {
                let began: Began = serde_json::from_value(record.data.clone())?;
                let delegate = began.delegate.strip_prefix("person/").unwrap_or_default();
                tx.exec(
                    "INSERT INTO delegation (id, person, delegate, until, ends, reason, began)
                     VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    args![id, &began.person, delegate, began.until.to_string(), began.ends, &record.reason, record.at],
                )
                .await?;
            }
            "ended" => {
                tx.exec("UPDATE delegation SET ended = $2 WHERE id = $1", args![id, record.at]).await?;
            }
            other => return Err(Error::invalid(format!("a record about a delegation cannot be '{other}'"))),
        }
        Ok(())
    }

    fn class(&self, _kind: &str) -> &'static str {
        "training"
    }

    async fn forget(&self, tx: &Tx, subject: &str) -> Result<()> {
        let id = subject.strip_prefix("delegation/").unwrap_or_default();
        tx.exec("DELETE FROM delegation WHERE id = $1", args![id]).await?;
        Ok(())
    }
}

/// A delegation with the ids of those who stand for whom it names.
macro_rules! select {
    ($($rest:tt)*) => {
        concat!(
            "SELECT id, COALESCE((SELECT x.stands_for FROM person_alias x WHERE x.person = delegation.person), person) \
             AS person, \
             COALESCE((SELECT x.stands_for FROM person_alias x WHERE x.person = delegation.delegate), delegate) \
             AS delegate, until, ends, reason FROM delegation WHERE ",
            $($rest)*
        )
    };
}

fn read(row: &Row) -> Result<Delegation> {
    let until: String = row.get("until")?;
    let date = until.parse();
    let date = date.map_err(|_| Error::invalid(format!("delegation.until holds '{until}', which is not a date")))?;
    Ok(Delegation {
        id: row.get("id")?,
        person: row.get("person")?,
        delegate: row.get("delegate")?,
        until: Deadline { date, at: row.get("ends")? },
        reason: row.get("reason")?,
    })
}

/// The one with this id, ended or not.
pub(super) async fn by_id(conn: &Conn, id: &str) -> Result<Option<Delegation>> {
    conn.opt(select!("id = $1"), args![id]).await?.as_ref().map(read).transpose()
}

/// Those of a manager that neither their day nor anybody has ended, the newest first.
async fn standing(conn: &Conn, manager: &str) -> Result<Vec<Delegation>> {
    let sql =
        select!("ended IS NULL AND ends > $2 AND person IN ", stoa_ground::rows_of!("$1"), " ORDER BY began DESC, id");
    conn.all(sql, args![manager, conn.now()]).await?.iter().map(read).collect()
}

/// The one of a manager that holds now, and who it is.
pub(super) async fn of(conn: &Conn, manager: &str) -> Result<Option<(Delegation, Person)>> {
    let Some(d) = standing(conn, manager).await?.into_iter().next() else { return Ok(None) };
    let delegate = people::by_id(conn, &d.delegate).await?;
    // Who has left, or turned out to be the manager, stands in for nobody.
    Ok(delegate.filter(|p| p.status != Status::Left && p.id != manager).map(|p| (d, p)))
}

/// Who stands in for a manager now.
pub(in crate::training) async fn stand_in_of(conn: &Conn, manager: &str) -> Result<Option<Person>> {
    Ok(of(conn, manager).await?.map(|(_, delegate)| delegate))
}

/// For whom a person stands in now, by name.
pub(super) async fn by_delegate(conn: &Conn, delegate: &str) -> Result<Vec<(Person, Delegation)>> {
    let sql = select!("ended IS NULL AND ends > $2 AND delegate IN ", stoa_ground::rows_of!("$1"));
    let mut found = Vec::new();
    for row in conn.all(sql, args![delegate, conn.now()]).await? {
        let d = read(&row)?;
        found.extend(people::by_id(conn, &d.person).await?.filter(|p| p.id != delegate).map(|p| (p, d)));
    }
    found.sort_by(|(a, _), (b, _)| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(found)
}

/// The ids of those for whom a person acts: their own, and those for whom they stand in.
pub(super) async fn acts_for(conn: &Conn, person: &str) -> Result<Vec<String>> {
    let others = by_delegate(conn, person).await?;
    Ok([person.to_owned()].into_iter().chain(others.into_iter().map(|(p, _)| p.id)).collect())
}

/// Everybody below a person and below those for whom they stand in, without the person themselves; the own people first.
pub(super) async fn team_of(conn: &Conn, person: &str) -> Result<Vec<Person>> {
    below(conn, &acts_for(conn, person).await?).await
}

/// Everybody below the people whom [`acts_for`] names, without the first of them, who is the one that acts.
pub(super) async fn below(conn: &Conn, acts_for: &[String]) -> Result<Vec<Person>> {
    let mut team: Vec<Person> = Vec::new();
    let mut seen: std::collections::HashSet<String> = acts_for.first().cloned().into_iter().collect();
    for id in acts_for {
        team.extend(people::tree_of(conn, id).await?.into_iter().filter(|p| seen.insert(p.id.clone())));
    }
    Ok(team)
}

/// Somebody stands in for a manager to the end of a day; whoever did so until now does no more.
pub(super) async fn begin(
    tx: &Tx,
    s: &Services,
    manager: &Person,
    delegate: &Person,
    until: Date,
    reason: &str,
) -> Result<Delegation> {
    // Also of one who has left, and may come back.
    for before in standing(tx, &manager.id).await? {
        end(tx, s, &before, &manager.id, "somebody else stands in from now on").await?;
    }
    let id = tx.clock().id().to_string();
    let ends = due::ends(&s.organisation.calendar(manager), until).at;
    let began = Began { person: manager.id.clone(), delegate: format!("person/{}", delegate.id), until, ends };
    schedule::put(tx, &job_key(&id), OverJob::KIND, ends, &Json::from(id.as_str())).await?;
    record(tx, s, &id, "began", &manager.id, reason, serde_json::to_value(began)?).await?;
    by_id(tx, &id).await?.ok_or_else(|| Error::NotFound(format!("the delegation {id}")))
}

/// One of the two ends it before its day.
pub(super) async fn end(tx: &Tx, s: &Services, d: &Delegation, actor: &str, reason: &str) -> Result<()> {
    record(tx, s, &d.id, "ended", actor, reason, json!({})).await?;
    schedule::cancel(tx, &job_key(&d.id)).await?;
    over(tx, s, d).await
}

/// Nobody stands in by it any more: what was posted says so, what waits goes back, and the manager gets the digests.
async fn over(tx: &Tx, s: &Services, d: &Delegation) -> Result<()> {
    delivery::revise_one(tx, &delegate::key(&d.id)).await?;
    let (manager, stood_in) = (people::by_id(tx, &d.person).await?, people::by_id(tx, &d.delegate).await?);
    let Some((manager, stood_in)) = manager.zip(stood_in) else { return Ok(()) };
    requests::hand_back(tx, s, &stood_in, &manager).await?;
    // What the manager cannot decide now goes on to somebody else.
    tx.publish(people::TOPIC, &stood_in.id).await?;
    expect_digest_of(tx, s, &manager, &manager).await
}

fn job_key(id: &str) -> String {
    format!("training/stand-in/{id}")
}

/// The job `stand-in-over`: the day of a delegation has passed; payload: its id.
pub(in crate::training) struct OverJob(pub Arc<Services>);

impl OverJob {
    const KIND: &'static str = "stand-in-over";
}

#[async_trait]
impl Job for OverJob {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    async fn run(&self, tx: &Tx, job: &Due) -> Result<()> {
        match by_id(tx, job.payload.as_str().unwrap_or_default()).await? {
            Some(d) => over(tx, &self.0, &d).await,
            None => Ok(()),
        }
    }
}

async fn record(
    tx: &Tx,
    s: &Services,
    id: &str,
    kind: &'static str,
    actor: &str,
    reason: &str,
    data: Json,
) -> Result<()> {
    let entry = Entry {
        subject: format!("delegation/{id}"),
        kind,
        actor: format!("person/{actor}"),
        reason: reason.to_owned(),
        data,
    };
    s.ledger.append(tx, entry).await?;
    Ok(())
}
