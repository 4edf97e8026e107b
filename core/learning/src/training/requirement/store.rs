//! Requirements in the store: a projection of the ledger.

use std::collections::BTreeMap;

use async_trait::async_trait;
use stoa_ground::ledger::{self, Entry, Projection, Record};
use stoa_ground::{Conn, Error, Instant, Result, Tx, args};

use super::{ENROLMENT, Requirement};
use crate::Services;
use crate::training::assignment::By;
use crate::training::course;

/// Writes `requirement` from the ledger's records about `requirement/<id>`. Kind: `applied`; data: the requirement.
pub struct RequirementProjection;

#[async_trait]
impl Projection for RequirementProjection {
    fn subject(&self) -> &'static str {
        "requirement"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["requirement"]
    }

    async fn apply(&self, tx: &Tx, record: &Record) -> Result<()> {
        let requirement: Requirement = serde_json::from_value(record.data.clone())?;
        tx.exec(
            "INSERT INTO requirement (id, title, course, definition, version, active, applied)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (id) DO UPDATE SET title = excluded.title, course = excluded.course,
               definition = excluded.definition, version = excluded.version, active = excluded.active,
               applied = excluded.applied",
            args![
                &requirement.id,
                &requirement.title,
                &requirement.course,
                serde_json::to_string(&requirement)?,
                requirement.version()?,
                requirement.active,
                record.at
            ],
        )
        .await?;
        Ok(())
    }

    fn class(&self, _kind: &str) -> &'static str {
        "content"
    }
}

/// Appends the record that a requirement counts from now on as it is given, by whose decision and why. Gives whether it is different from before.
pub(crate) async fn store(tx: &Tx, services: &Services, requirement: &Requirement, by: &By) -> Result<bool> {
    if version_of(tx, &requirement.id).await?.as_ref() == Some(&requirement.version()?) {
        return Ok(false);
    }
    let entry = Entry {
        subject: format!("requirement/{}", requirement.id),
        kind: "applied",
        actor: by.actor.clone(),
        reason: by.reason.clone(),
        data: serde_json::to_value(requirement)?,
    };
    services.ledger.append(tx, entry).await?;
    Ok(true)
}

/// All requirements, also those that count no more, by id.
///
/// # Errors
/// The database's error.
pub async fn all(conn: &Conn) -> Result<Vec<Requirement>> {
    let rows = conn.all("SELECT definition FROM requirement ORDER BY id", args![]).await?;
    rows.iter().map(|r| Ok(serde_json::from_value(r.get("definition")?)?)).collect()
}

/// The id and version of each requirement, by id.
pub(crate) async fn versions(conn: &Conn) -> Result<Vec<(String, String)>> {
    let rows = conn.all("SELECT id, version FROM requirement ORDER BY id", args![]).await?;
    rows.iter().map(|r| Ok((r.get("id")?, r.get("version")?))).collect()
}

/// The version of a requirement that counts now, or counted last; none where there is no such requirement.
pub(crate) async fn version_of(conn: &Conn, id: &str) -> Result<Option<String>> {
    let row = conn.opt("SELECT version FROM requirement WHERE id = $1", args![id]).await?;
    row.map(|r| r.get("version")).transpose()
}

/// The course that people were assigned under the id of a requirement, where that is another one than it has: what they
/// did is evidence of that course, so the requirement keeps it.
///
/// # Errors
/// The database's error.
pub(crate) async fn loses_course(conn: &Conn, r: &Requirement) -> Result<Option<String>> {
    let sql = "SELECT course FROM requirement WHERE id = $1 AND course <> $2
               AND EXISTS (SELECT 1 FROM assignment WHERE requirement = $1)";
    conn.opt(sql, args![&r.id, &r.course]).await?.map(|row| row.get("course")).transpose()
}

/// Whether there is a requirement with this id, whether it counts or not.
pub(crate) async fn is_known(conn: &Conn, id: &str) -> Result<bool> {
    Ok(version_of(conn, id).await?.is_some())
}

/// The requirement with this id, or what stands in for one where a person asked for a place in a course.
///
/// # Errors
/// [`Error::NotFound`]; the database's error.
pub async fn by_id(conn: &Conn, id: &str) -> Result<Requirement> {
    if let Some(course) = id.strip_prefix(ENROLMENT) {
        return Ok(Requirement::enrolment(course, course::title(conn, course).await?));
    }
    let row = conn.opt("SELECT definition FROM requirement WHERE id = $1", args![id]).await?;
    let row = row.ok_or_else(|| Error::NotFound(format!("the requirement '{id}'")))?;
    Ok(serde_json::from_value(row.get("definition")?)?)
}

/// Compares each requirement with its newest record, both ways.
///
/// # Errors
/// [`Error::Conflict`] with one sentence that names the first one that is changed, gone or put in; the database's error.
pub(crate) async fn sound(conn: &Conn) -> Result<()> {
    type Said = (String, String, Requirement, String, bool, Instant);
    let mut said: BTreeMap<String, Said> = BTreeMap::new();
    for record in ledger::of_kind(conn, "requirement").await? {
        let r: Requirement = serde_json::from_value(record.data)?;
        let (id, version, active) = (r.id.clone(), r.version()?, r.active);
        said.insert(id, (r.title.clone(), r.course.clone(), r, version, active, record.at));
    }
    let mut there: BTreeMap<String, Said> = BTreeMap::new();
    let sql = "SELECT id, title, course, definition, version, active, applied FROM requirement";
    for r in conn.all(sql, args![]).await? {
        let (definition, active) = (serde_json::from_value(r.get("definition")?)?, r.get("active")?);
        let row = (r.get("title")?, r.get("course")?, definition, r.get("version")?, active, r.get("applied")?);
        there.insert(r.get("id")?, row);
    }
    let other = said.keys().chain(there.keys()).find(|id| said.get(*id) != there.get(*id));
    other.map_or(Ok(()), |id| {
        Err(Error::Conflict(format!(
            "the table of requirements does not say of '{id}' what the ledger's records say: it was changed"
        )))
    })
}
