//! Merge and split: two rows that are one human become one person, and can be taken apart again.
//!
//! Nothing is rewritten. A merge is a record of the ledger about `person/<merged row>`, from which `person_alias` follows:
//! the row stays as it is, with its accounts, roles, assignments, statements and employee id, and every read gives the row
//! that stands for it. A split takes the alias away, so that all of that is back where it was.
//!
//! What happens while two rows are one belongs to the row that it was done on: work on an assignment stays with that
//! assignment, an account that is linked belongs to the row that stands for both, an account that is unlinked is unlinked.
//! Only what a person chose is copied by a merge (the ledger keeps what), because a choice must be in one place; a split
//! takes the copy away again, unless the person has chosen something else since.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::accounts::accounts_of_row;
use super::roles::granted_to_row;
use super::store::{by_id, find, managers_above, own_row, reports_of, rows_of};
use super::{Account, Person, Role, Status, TOPIC, clean, set_setting, settings_of};
use crate::ledger::{Entry, Ledger, Projection, Record, of_kind, of_subject};
use crate::{Conn, Error, Instant, Result, Row, Tx, args};

/// Writes `person_alias`, and the manager who counts for those who report to somebody merged, from the ledger's records
/// about `person/<id>`. Kinds: `merged`, with [`Merged`] as data, and `split`, with `{"from"}`.
pub struct MergeProjection;

/// The particulars of the record `merged`. Ids are ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Merged {
    /// The row into which it was merged.
    pub into: String,
    /// That row's employee id.
    pub into_employee_id: String,
    /// The merged row's employee id.
    pub employee_id: String,
    /// The accounts that came along.
    pub accounts: Vec<Account>,
    /// The granted roles that came along.
    pub roles: BTreeSet<Role>,
    /// What the merged person chose and the other one had not: copied.
    pub settings: BTreeMap<String, String>,
}

#[async_trait]
impl Projection for MergeProjection {
    fn subject(&self) -> &'static str {
        "person"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["person_alias"]
    }

    async fn apply(&self, tx: &Tx, record: &Record) -> Result<()> {
        let person = record.subject.strip_prefix("person/").unwrap_or_default();
        match record.kind.as_str() {
            "merged" => {
                let data: Merged = serde_json::from_value(record.data.clone())?;
                let stands = stands_for(tx, &data.into).await?;
                if stands == person {
                    return Err(Error::Conflict("a person cannot be merged into themselves".into()));
                }
                tx.exec(
                    "INSERT INTO person_alias (person, into_person, stands_for, actor, reason, at)
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    args![person, data.into, &stands, &record.actor, &record.reason, record.at],
                )
                .await?;
                // Whoever was merged into this person comes along.
                tx.exec("UPDATE person_alias SET stands_for = $2 WHERE stands_for = $1", args![person, stands]).await?;
            }
            "split" => {
                tx.exec("DELETE FROM person_alias WHERE person = $1", args![person]).await?;
                tx.exec(
                    "UPDATE person_alias SET stands_for = $1 WHERE person IN (
                       WITH RECURSIVE below (id) AS (
                         SELECT person FROM person_alias WHERE into_person = $1
                         UNION
                         SELECT a.person FROM person_alias a JOIN below b ON a.into_person = b.id)
                       SELECT id FROM below)",
                    args![person],
                )
                .await?;
            }
            other => return Err(Error::invalid(format!("a record about a person cannot be '{other}'"))),
        }
        managers_follow(tx, person).await
    }

    fn class(&self, _kind: &str) -> &'static str {
        "access"
    }

    async fn forget(&self, tx: &Tx, subject: &str) -> Result<()> {
        let person = subject.strip_prefix("person/").unwrap_or_default();
        tx.exec("DELETE FROM person_alias WHERE person = $1", args![person]).await?;
        managers_follow(tx, person).await
    }
}

/// The row that stands for a row.
async fn stands_for(conn: &Conn, row: &str) -> Result<String> {
    let alias = conn.opt("SELECT stands_for FROM person_alias WHERE person = $1", args![row]).await?;
    alias.map_or(Ok(row.to_owned()), |r| r.get("stands_for"))
}

/// Whoever reports to this row, or to one that came along with it, reports to the row that stands for it.
async fn managers_follow(tx: &Tx, row: &str) -> Result<()> {
    let resolved = "NULLIF(COALESCE((SELECT a.stands_for FROM person_alias a WHERE a.person = person.roster_manager),
                    person.roster_manager), person.id)";
    let sql = format!(
        "UPDATE person SET manager = {resolved}, updated = $2
         WHERE roster_manager IN (
           WITH RECURSIVE below (id) AS (
             SELECT id FROM person WHERE id = $1
             UNION
             SELECT a.person FROM person_alias a JOIN below b ON a.into_person = b.id)
           SELECT id FROM below)
         AND COALESCE(manager, '') <> COALESCE({resolved}, '')"
    );
    // Made of constants.
    tx.exec(sqlx::AssertSqlSafe(sql), args![row, tx.now()]).await?;
    Ok(())
}

/// A row that was merged into another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// The merged row, as it is stored.
    pub row: Person,
    /// The employee id of the row into which it was merged.
    pub into: String,
    /// By whom: `operator` or `person/<id>`.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Instant,
}

/// What was merged into a person, by employee id.
///
/// # Errors
/// The database's error.
pub async fn aliases_of(conn: &Conn, person: &str) -> Result<Vec<Alias>> {
    let mut aliases = Vec::new();
    for row in rows_of(conn, person).await? {
        let sql =
            "SELECT a.actor, a.reason, a.at, p.employee_id FROM person_alias a JOIN person p ON p.id = a.into_person
                   WHERE a.person = $1";
        if let Some(alias) = conn.opt(sql, args![&row.id]).await? {
            aliases.push(Alias {
                row,
                into: alias.get("employee_id")?,
                actor: alias.get("actor")?,
                reason: alias.get("reason")?,
                at: alias.get("at")?,
            });
        }
    }
    Ok(aliases)
}

/// The merged rows with what a roster may call them by, and who stands for them.
pub(super) async fn all_aliases(conn: &Conn) -> Result<Vec<(String, Option<String>, String)>> {
    let sql = "SELECT p.employee_id, p.email, a.stands_for FROM person_alias a JOIN person p ON p.id = a.person
               ORDER BY p.employee_id";
    let read = |r: &Row| Ok((r.get("employee_id")?, r.get("email")?, r.get("stands_for")?));
    conn.all(sql, args![]).await?.iter().map(read).collect()
}

/// All merges and splits that this person was part of, oldest first.
///
/// # Errors
/// The database's error.
pub async fn history(conn: &Conn, person: &str) -> Result<Vec<Record>> {
    let own: BTreeSet<String> = rows_of(conn, person).await?.into_iter().map(|p| p.id).collect();
    let mut records = Vec::new();
    for record in of_kind(conn, "person").await? {
        let other = record.data["into"].as_str().or(record.data["from"].as_str()).unwrap_or_default();
        if own.contains(other) || record.subject.strip_prefix("person/").is_some_and(|id| own.contains(id)) {
            records.push(record);
        }
    }
    Ok(records)
}

/// What a merge would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Who is merged, as stored.
    pub from: Person,
    /// Who will stand for both.
    pub into: Person,
    /// What came into `from` by earlier merges, and comes along.
    pub along: Vec<Person>,
    /// Accounts that come along.
    pub accounts: Vec<Account>,
    /// Roles that the person gets.
    pub roles: BTreeSet<Role>,
    /// Choices that are copied.
    pub settings: BTreeMap<String, String>,
    /// Choices of `from` that give way, because `into` has chosen otherwise.
    pub dropped: BTreeSet<String>,
    /// Who reports to `from`, and will report to `into`.
    pub reports: Vec<Person>,
}

/// What merging `from` into `into` would do. Both are named as [`find`] reads them.
///
/// # Errors
/// [`Error::NotFound`] and [`Error::Invalid`] as [`find`]; [`Error::Conflict`] when they are the same person already,
/// when `into` has left and `from` has not, or when somebody would be their own manager; each says the way out.
pub async fn plan(conn: &Conn, from: &str, into: &str) -> Result<Plan> {
    let into = find(conn, into).await?;
    let from = match own_row(conn, from).await? {
        Some(row) => row,
        None => find(conn, from).await?,
    };
    plan_rows(conn, from, into).await
}

async fn plan_rows(conn: &Conn, from: Person, into: Person) -> Result<Plan> {
    let (name, id) = (&from.name, &from.employee_id);
    if from.id == into.id {
        return Err(Error::Conflict(format!("{name} ({id}) cannot be merged into themselves: name two people")));
    }
    let stands = by_id(conn, &from.id).await?.unwrap_or_else(|| from.clone());
    if stands.id != from.id {
        return Err(Error::Conflict(format!(
            "{name} ({id}) is merged into {} ({}) already: to change that, run 'stoa people split {id} --reason …' first",
            stands.name, stands.employee_id
        )));
    }
    if into.status == Status::Left && from.status != Status::Left {
        return Err(Error::Conflict(format!(
            "{} ({}) has left and {name} ({id}) works here, so merge the other way round: 'stoa people merge {} {id}'",
            into.name, into.employee_id, into.employee_id
        )));
    }
    no_circle(conn, &from, &into).await?;
    let (held, theirs) = (settings_of(conn, &into.id).await?, settings_of(conn, &from.id).await?);
    let (dropped, settings): (BTreeMap<_, _>, BTreeMap<_, _>) =
        theirs.into_iter().partition(|(name, _)| held.contains_key(name));
    let dropped = dropped.into_iter().filter(|(name, value)| held.get(name) != Some(value)).map(|(n, _)| n).collect();
    let has: BTreeSet<Role> = super::granted_to(conn, &into.id).await?.into_iter().map(|(r, _)| r).collect();
    let (mut accounts, mut roles, mut along) = (Vec::new(), BTreeSet::new(), Vec::new());
    for row in rows_of(conn, &from.id).await? {
        accounts.extend(accounts_of_row(conn, &row.id).await?);
        roles.extend(granted_to_row(conn, &row.id).await?.into_iter().map(|(r, _)| r).filter(|r| !has.contains(r)));
        if row.id != from.id {
            along.push(row);
        }
    }
    let reports = reports_of(conn, &from.id).await?;
    Ok(Plan { along, accounts, roles, settings, dropped, reports, from, into })
}

/// Nobody may end up as their own manager. The manager of `from` does not count any more; those who report to `from` will
/// report to `into`.
async fn no_circle(conn: &Conn, from: &Person, into: &Person) -> Result<()> {
    let chain = managers_above(conn, into).await?;
    let Some(at) = chain.iter().position(|m| m.id == from.id) else { return Ok(()) };
    let via = chain.get(..at).and_then(<[Person]>::last).unwrap_or(into);
    Err(Error::Conflict(format!(
        "{} ({}) reports to {} ({}), so {} would be their own manager: give {} another manager in the roster first",
        via.name, via.employee_id, from.name, from.employee_id, into.name, via.name
    )))
}

/// Makes one person of two and records by whom and why. Gives what was done.
///
/// # Errors
/// As [`plan`], and [`Error::Invalid`] without a reason.
pub async fn merge(tx: &Tx, ledger: &Ledger, from: &str, into: &str, actor: &str, reason: &str) -> Result<Plan> {
    let done = plan(tx, from, into).await?;
    carry_out(tx, ledger, &done, actor, reason).await?;
    Ok(done)
}

/// As [`merge`], by our ids; for a roster that says so.
pub(super) async fn merge_rows(
    tx: &Tx,
    ledger: &Ledger,
    from: &str,
    into: &str,
    actor: &str,
    reason: &str,
) -> Result<()> {
    let (Some(from), Some(into)) = (by_id(tx, from).await?, by_id(tx, into).await?) else { return Ok(()) };
    if from.id == into.id {
        return Ok(());
    }
    let plan = plan_rows(tx, from, into).await?;
    carry_out(tx, ledger, &plan, actor, reason).await
}

async fn carry_out(tx: &Tx, ledger: &Ledger, plan: &Plan, actor: &str, reason: &str) -> Result<()> {
    let (from, into) = (&plan.from, &plan.into);
    let data = Merged {
        into: into.id.clone(),
        into_employee_id: into.employee_id.clone(),
        employee_id: from.employee_id.clone(),
        accounts: plan.accounts.clone(),
        roles: plan.roles.clone(),
        settings: plan.settings.clone(),
    };
    record(tx, ledger, &from.id, "merged", actor, reason, serde_json::to_value(data)?).await?;
    for (name, value) in &plan.settings {
        set_setting(tx, &into.id, name, Some(value)).await?;
    }
    for other in &plan.along {
        tx.publish(TOPIC, &other.id).await?;
    }
    tx.publish(TOPIC, &into.id).await?;
    Ok(())
}

async fn record(
    tx: &Tx,
    ledger: &Ledger,
    row: &str,
    kind: &'static str,
    actor: &str,
    reason: &str,
    data: serde_json::Value,
) -> Result<()> {
    let reason = clean(reason);
    if reason.is_empty() {
        return Err(Error::invalid("who is one person is evidence and needs a reason: say it with --reason"));
    }
    let entry = Entry { subject: format!("person/{row}"), kind, actor: actor.to_owned(), reason, data };
    ledger.append(tx, entry).await?;
    tx.publish(TOPIC, row).await?;
    Ok(())
}

/// What a split would do.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitPlan {
    /// Who becomes a person of their own again, as stored.
    pub row: Person,
    /// Who has stood for them.
    pub from: Person,
    /// What goes with them: rows that were merged into theirs.
    pub along: Vec<Person>,
    /// Accounts that are theirs again.
    pub accounts: Vec<Account>,
    /// Copied choices that are taken away from `from`.
    pub settings: BTreeSet<String>,
    /// Row and settings to take away: the way up from the row to the one that stands.
    copies: Vec<(String, String)>,
}

/// What a split would do. `who` is the employee id of a merged row.
///
/// # Errors
/// [`Error::NotFound`] for nobody; [`Error::Conflict`] for a row that is not merged, with how to say what is meant.
pub async fn split_plan(conn: &Conn, who: &str) -> Result<SplitPlan> {
    let row = match own_row(conn, who).await? {
        Some(row) => row,
        None => find(conn, who).await?,
    };
    let from = by_id(conn, &row.id).await?.unwrap_or_else(|| row.clone());
    if from.id == row.id {
        let merged: Vec<String> = aliases_of(conn, &row.id).await?.into_iter().map(|a| a.row.employee_id).collect();
        let (name, id) = (&row.name, &row.employee_id);
        return Err(Error::Conflict(match merged.first() {
            None => format!("{name} ({id}) is not merged with anybody, so there is nothing to split"),
            Some(first) => format!(
                "{name} ({id}) stands for {}: say which one to split, for example 'stoa people split {first} --reason …'",
                merged.join(", ")
            ),
        }));
    }
    let below = conn
        .all(
            "WITH RECURSIVE below (id) AS (
               SELECT person FROM person_alias WHERE into_person = $1
               UNION
               SELECT a.person FROM person_alias a JOIN below b ON a.into_person = b.id)
             SELECT id FROM below",
            args![&row.id],
        )
        .await?;
    let below: BTreeSet<String> = below.iter().map(|r| r.get("id")).collect::<Result<_>>()?;
    let along: Vec<Person> = rows_of(conn, &row.id).await?.into_iter().filter(|r| below.contains(&r.id)).collect();
    let mut accounts = accounts_of_row(conn, &row.id).await?;
    for other in &along {
        accounts.extend(accounts_of_row(conn, &other.id).await?);
    }
    let copies = copies(conn, &row.id).await?;
    let settings = copies.iter().map(|(_, name)| name.clone()).collect();
    Ok(SplitPlan { row, from, along, accounts, settings, copies })
}

/// Where the settings that a merge copied still are as they were copied: on the row it was merged into, and on those into
/// which that one was merged later.
async fn copies(conn: &Conn, row: &str) -> Result<Vec<(String, String)>> {
    let mut copies = Vec::new();
    let mut taken: Option<BTreeMap<String, String>> = None;
    let mut at = row.to_owned();
    while conn.opt("SELECT 1 AS one FROM person_alias WHERE person = $1", args![&at]).await?.is_some() {
        let records = of_subject(conn, &format!("person/{at}")).await?;
        let Some(record) = records.iter().rev().find(|r| r.kind == "merged") else { break };
        let data: Merged = serde_json::from_value(record.data.clone())?;
        let further = match taken {
            None => data.settings,
            Some(mut taken) => {
                taken.retain(|name, value| data.settings.get(name) == Some(value));
                taken
            }
        };
        let held = settings_of(conn, &data.into).await?;
        let still = further.iter().filter(|(name, value)| held.get(*name) == Some(*value));
        copies.extend(still.map(|(name, _)| (data.into.clone(), name.clone())));
        taken = Some(further);
        at = data.into;
    }
    Ok(copies)
}

/// Undoes the merge of a row and records by whom and why. Gives what was done.
///
/// # Errors
/// As [`split_plan`], and [`Error::Invalid`] without a reason.
pub async fn split(tx: &Tx, ledger: &Ledger, who: &str, actor: &str, reason: &str) -> Result<SplitPlan> {
    let done = split_plan(tx, who).await?;
    let data = serde_json::json!({ "from": done.from.id });
    record(tx, ledger, &done.row.id, "split", actor, reason, data).await?;
    for (row, name) in &done.copies {
        set_setting(tx, row, name, None).await?;
    }
    for other in &done.along {
        tx.publish(TOPIC, &other.id).await?;
    }
    tx.publish(TOPIC, &done.from.id).await?;
    Ok(done)
}
