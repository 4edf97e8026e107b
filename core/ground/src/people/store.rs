//! People as rows. A row that was merged into another one is never given out: every read gives the row that stands for it.

use std::collections::HashMap;

use super::groups::groups_of;
use super::text::{clean, key};
use super::{Person, Status, TOPIC};
use crate::{Conn, Error, Instant, Result, Row, Tx, args};
use jiff::civil::Date;
use serde_json::Value as Json;

/// The most characters of a language tag (RFC 5646, section 4.4.1).
const LOCALE: usize = 35;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, employee_id, name, email, timezone, roster_timezone, chat_timezone, locale, chat_locale, manager, title, department, location, \
             country, state, worker_type, hire_date, status, leave_from, leave_to, other_leaves, back_since, left_at, version FROM person ",
            $rest
        )
    };
}

/// A person with what only the roster import needs.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub person: Person,
    pub roster_timezone: Option<String>,
    pub chat_timezone: Option<String>,
    pub left_at: Option<Instant>,
    pub version: i64,
}

fn date(row: &Row, column: &str) -> Result<Option<Date>> {
    let text: Option<String> = row.get(column)?;
    text.map(|t| t.parse().map_err(|_| Error::invalid(format!("person.{column} holds '{t}', which is not a date"))))
        .transpose()
}

pub(super) fn read(row: &Row) -> Result<Person> {
    let status: String = row.get("status")?;
    let other_leaves: Option<Json> = row.get("other_leaves")?;
    Ok(Person {
        id: row.get("id")?,
        employee_id: row.get("employee_id")?,
        name: row.get("name")?,
        email: row.get("email")?,
        timezone: row.get("timezone")?,
        locale: row.get("locale")?,
        chat_locale: row.get("chat_locale")?,
        manager: row.get("manager")?,
        title: row.get("title")?,
        department: row.get("department")?,
        location: row.get("location")?,
        country: row.get("country")?,
        state: row.get("state")?,
        worker_type: row.get("worker_type")?,
        hire_date: date(row, "hire_date")?,
        status: match status.as_str() {
            "active" => Status::Active,
            "leave" => Status::Leave,
            _ => Status::Left,
        },
        leave_from: date(row, "leave_from")?,
        leave_to: date(row, "leave_to")?,
        other_leaves: other_leaves.map(serde_json::from_value).transpose()?.unwrap_or_default(),
        back_since: date(row, "back_since")?,
    })
}

fn read_all(rows: &[Row]) -> Result<Vec<Person>> {
    rows.iter().map(read).collect()
}

fn read_one(row: Option<&Row>) -> Result<Option<Person>> {
    row.map(read).transpose()
}

/// The person with our id; who stands for them when they were merged into somebody.
///
/// # Errors
/// The database's error.
pub async fn by_id(conn: &Conn, id: &str) -> Result<Option<Person>> {
    let sql = select!("WHERE id = COALESCE((SELECT a.stands_for FROM person_alias a WHERE a.person = $1), $1)");
    read_one(conn.opt(sql, args![id]).await?.as_ref())
}

/// As [`by_id`] for several ids: who each of them is now.
///
/// # Errors
/// The database's error.
pub async fn by_ids(conn: &Conn, ids: &[String]) -> Result<HashMap<String, Person>> {
    if let [id] = ids {
        return Ok(by_id(conn, id).await?.map(|person| (id.clone(), person)).into_iter().collect());
    }
    let mut now: HashMap<String, String> = ids.iter().map(|id| (id.clone(), id.clone())).collect();
    for row in conn.all_in("SELECT person, stands_for FROM person_alias WHERE person IN", ids, "", args![]).await? {
        now.insert(row.get("person")?, row.get("stands_for")?);
    }
    let rows: Vec<&String> = now.values().collect();
    let found = read_all(&conn.all_in(select!("WHERE id IN"), &rows, "", args![]).await?)?;
    let found: HashMap<&str, &Person> = found.iter().map(|person| (person.id.as_str(), person)).collect();
    let who = |(id, row): (&String, &String)| Some((id.clone(), (*found.get(row.as_str())?).clone()));
    Ok(now.iter().filter_map(who).collect())
}

/// How many people there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All that are known, also those who left.
    pub known: i64,
    /// Those who have not left.
    pub here: i64,
    /// Those who have not left and have no account on any chat platform.
    pub without_account: i64,
}

/// Counts people, in one query. Rows that are one human count once.
///
/// # Errors
/// The database's error.
pub async fn count(conn: &Conn) -> Result<Count> {
    let row = conn
        .one(
            "SELECT COUNT(*) AS known, COALESCE(SUM(CASE WHEN status <> 'left' THEN 1 ELSE 0 END), 0) AS here,
             COALESCE(SUM(CASE WHEN status <> 'left' AND NOT EXISTS
               (SELECT 1 FROM identity WHERE identity.person = person.id) THEN 1 ELSE 0 END), 0) AS without_account
             FROM person",
            args![],
        )
        .await?;
    Ok(Count { known: row.get("known")?, here: row.get("here")?, without_account: row.get("without_account")? })
}

/// The person with the organisation's id, also an earlier one that was merged into theirs.
///
/// # Errors
/// The database's error.
pub async fn by_employee_id(conn: &Conn, employee_id: &str) -> Result<Option<Person>> {
    let sql = select!(
        "WHERE id = (SELECT COALESCE(a.stands_for, p.id) FROM person p
                     LEFT JOIN person_alias a ON a.person = p.id WHERE p.employee_id = $1)"
    );
    read_one(conn.opt(sql, args![clean(employee_id)]).await?.as_ref())
}

/// The person with an e-mail address, in any case; of several (one left, another got the address) the one who works here.
/// An address that was merged into somebody counts after their own.
///
/// # Errors
/// The database's error.
pub async fn by_email(conn: &Conn, email: &str) -> Result<Option<Person>> {
    let sql = select!(
        "WHERE id IN (SELECT COALESCE(a.stands_for, p.id) FROM person p
                      LEFT JOIN person_alias a ON a.person = p.id WHERE p.email = $1)
         ORDER BY CASE status WHEN 'left' THEN 1 ELSE 0 END, CASE email WHEN $1 THEN 0 ELSE 1 END, updated DESC LIMIT 1"
    );
    read_one(conn.opt(sql, args![key(email)]).await?.as_ref())
}

/// The only person who had this address before, when nobody has it now. For what people write about each other, never to
/// let somebody in: an address may be given to somebody else.
pub(super) async fn by_former_email(conn: &Conn, email: &str) -> Result<Option<Person>> {
    let sql = select!(
        "WHERE id IN (SELECT COALESCE(a.stands_for, f.person) FROM person_address f
                      LEFT JOIN person_alias a ON a.person = f.person WHERE f.email = $1) LIMIT 2"
    );
    let mut people = read_all(&conn.all(sql, args![key(email)]).await?)?;
    Ok(if people.len() == 1 { people.pop() } else { None })
}

/// All rows that are one human, as they are stored: the one that stands for the others first. Empty for an unknown id.
///
/// # Errors
/// The database's error.
pub async fn rows_of(conn: &Conn, person: &str) -> Result<Vec<Person>> {
    let sql = select!(
        "WHERE id IN (SELECT COALESCE(a.stands_for, p.id) FROM person p LEFT JOIN person_alias a ON a.person = p.id
                      WHERE p.id = $1
                      UNION ALL
                      SELECT b.person FROM person_alias b WHERE b.stands_for =
                      COALESCE((SELECT c.stands_for FROM person_alias c WHERE c.person = $1), $1))
         ORDER BY CASE WHEN id IN (SELECT person FROM person_alias) THEN 1 ELSE 0 END, employee_id"
    );
    read_all(&conn.all(sql, args![person]).await?)
}

/// The row with exactly this employee id, also when it was merged into another one.
pub(super) async fn own_row(conn: &Conn, employee_id: &str) -> Result<Option<Person>> {
    read_one(conn.opt(select!("WHERE employee_id = $1"), args![clean(employee_id)]).await?.as_ref())
}

/// The person behind a platform account. An account that was linked for every workspace of the platform (empty
/// workspace) is found as well, after the exact one.
///
/// # Errors
/// The database's error.
pub async fn by_account(conn: &Conn, platform: &str, workspace: &str, user: &str) -> Result<Option<Person>> {
    let sql = select!(
        "WHERE id = (SELECT COALESCE(a.stands_for, i.person) FROM identity i
                     LEFT JOIN person_alias a ON a.person = i.person
                     WHERE i.platform = $1 AND i.workspace IN ($2, '') AND i.user_id = $3
                     ORDER BY i.workspace DESC LIMIT 1)"
    );
    read_one(conn.opt(sql, args![platform, workspace, user]).await?.as_ref())
}

/// The one person whom `text` names: by employee id, else by e-mail address, else by a name that only one person has.
/// People who work here come before people who left.
///
/// # Errors
/// [`Error::NotFound`] when nobody is meant; [`Error::Invalid`] when several are, with how to say which.
pub async fn find(conn: &Conn, text: &str) -> Result<Person> {
    if let Some(person) = by_employee_id(conn, text).await? {
        return Ok(person);
    }
    if let Some(person) = by_email(conn, text).await? {
        return Ok(person);
    }
    if let Some(person) = by_former_email(conn, text).await? {
        return Ok(person);
    }
    let sql = select!(
        "WHERE id IN (SELECT COALESCE(a.stands_for, p.id) FROM person p
                      LEFT JOIN person_alias a ON a.person = p.id WHERE p.name_key = $1) ORDER BY employee_id"
    );
    let named = read_all(&conn.all(sql, args![key(text)]).await?)?;
    let shown = clean(text);
    one_of(named).map_err(|several| {
        if several.is_empty() {
            return Error::NotFound(format!("a person '{shown}' (employee id, e-mail address or full name)"));
        }
        let ways: Vec<String> = several.iter().map(way_to_say).collect();
        Error::invalid(format!("'{shown}' is the name of {} people: say {}", several.len(), ways.join(" or ")))
    })
}

/// The only one of `people`, or else the only one who works here; `Err` with the candidates when that is not one.
pub(super) fn one_of(people: Vec<Person>) -> std::result::Result<Person, Vec<Person>> {
    let (mut here, mut left): (Vec<_>, Vec<_>) = people.into_iter().partition(|p| p.status != Status::Left);
    let pick = if here.is_empty() { &mut left } else { &mut here };
    if pick.len() == 1 {
        return Ok(pick.remove(0));
    }
    Err(std::mem::take(pick))
}

fn way_to_say(person: &Person) -> String {
    match (&person.email, &person.department) {
        (Some(email), _) => format!("{} ({email})", person.employee_id),
        (None, Some(department)) => format!("{} ({department})", person.employee_id),
        (None, None) => person.employee_id.clone(),
    }
}

/// Everybody, also those who left, by employee id.
///
/// # Errors
/// The database's error.
pub async fn all(conn: &Conn) -> Result<Vec<Person>> {
    read_all(
        &conn
            .all(
                select!(
                    "WHERE NOT EXISTS (SELECT 1 FROM person_alias a WHERE a.person = person.id) ORDER BY employee_id"
                ),
                args![],
            )
            .await?,
    )
}

/// So many people after an employee id (`""`: from the first), by employee id, also those who left: for work in chunks.
///
/// # Errors
/// The database's error.
pub async fn page(conn: &Conn, after: &str, limit: usize) -> Result<Vec<Person>> {
    let sql = select!(
        "WHERE employee_id > $1 AND NOT EXISTS (SELECT 1 FROM person_alias a WHERE a.person = person.id)
         ORDER BY employee_id LIMIT $2"
    );
    read_all(&conn.all(sql, args![after, limit]).await?)
}

pub(super) async fn stored(conn: &Conn) -> Result<Vec<Stored>> {
    let sql =
        select!("WHERE NOT EXISTS (SELECT 1 FROM person_alias a WHERE a.person = person.id) ORDER BY employee_id");
    let rows = conn.all(sql, args![]).await?;
    rows.iter()
        .map(|row| {
            Ok(Stored {
                person: read(row)?,
                roster_timezone: row.get("roster_timezone")?,
                chat_timezone: row.get("chat_timezone")?,
                left_at: row.get("left_at")?,
                version: row.get("version")?,
            })
        })
        .collect()
}

/// When a person left; `None` for somebody who works here, and for those of whom it was not written down.
///
/// # Errors
/// The database's error.
pub async fn left_at(conn: &Conn, person: &str) -> Result<Option<Instant>> {
    let row = conn.opt("SELECT left_at FROM person WHERE id = $1", args![person]).await?;
    row.map_or(Ok(None), |r| r.get("left_at"))
}

/// The people who report to a manager directly and have not left, by name.
///
/// # Errors
/// The database's error.
pub async fn reports_of(conn: &Conn, manager: &str) -> Result<Vec<Person>> {
    let sql = select!(
        "WHERE manager = $1 AND id <> $1 AND status <> 'left'
         AND NOT EXISTS (SELECT 1 FROM person_alias a WHERE a.person = person.id)
         ORDER BY name_key, employee_id"
    );
    read_all(&conn.all(sql, args![manager]).await?)
}

/// Whether somebody who works here reports to this person.
///
/// # Errors
/// The database's error.
pub async fn leads(conn: &Conn, manager: &str) -> Result<bool> {
    let sql = "SELECT 1 AS one FROM person WHERE manager = $1 AND id <> $1 AND status <> 'left'
               AND NOT EXISTS (SELECT 1 FROM person_alias a WHERE a.person = person.id) LIMIT 1";
    Ok(conn.opt(sql, args![manager]).await?.is_some())
}

/// Everybody in a group, also those who left, by employee id. The groups are those of [`groups_of`].
///
/// # Errors
/// The database's error.
pub async fn in_group(conn: &Conn, group: &str) -> Result<Vec<Person>> {
    let (field, value) = group.split_once('/').unwrap_or(("", group));
    macro_rules! whole {
        ($of:literal) => {
            concat!(
                select!("WHERE "),
                $of,
                " AND NOT EXISTS (SELECT 1 FROM person_alias a WHERE a.person = person.id) ORDER BY employee_id"
            )
        };
    }
    // A statement for each field, so that a database finds the index of those that have one.
    let rows = match field {
        "location" => conn.all(whole!("location = $1"), args![value]).await?,
        "state" => conn.all(whole!("state = $1"), args![value]).await?,
        "worker_type" => conn.all(whole!("worker_type = $1"), args![value]).await?,
        // It is written in several ways.
        "country" => conn.all(whole!("country IS NOT NULL"), args![]).await?,
        _ => conn.all(whole!("department IN ($1, $2)"), args![group, value]).await?,
    };
    let mut people = read_all(&rows)?;
    people.retain(|person| groups_of(person).contains(group));
    Ok(people)
}

/// Everyone below a manager, at any depth and not themselves, who has not left, by name. Someone who left still joins
/// the people under them to the tree; a circle in the data ends the walk and does no harm.
///
/// # Errors
/// The database's error.
pub async fn tree_of(conn: &Conn, manager: &str) -> Result<Vec<Person>> {
    let sql = select!(
        "WHERE status <> 'left' AND id <> $1 AND id IN (
           WITH RECURSIVE below (id) AS (
             SELECT id FROM person WHERE manager = $1
             UNION
             SELECT p.id FROM person p JOIN below b ON p.manager = b.id)
           SELECT id FROM below)
         AND NOT EXISTS (SELECT 1 FROM person_alias a WHERE a.person = person.id)
         ORDER BY name_key, employee_id"
    );
    read_all(&conn.all(sql, args![manager]).await?)
}

/// The chain of managers above a person, the nearest first, also those who left or are on leave. It ends at the top,
/// or where a circle in the data would begin.
///
/// # Errors
/// The database's error.
pub async fn managers_above(conn: &Conn, person: &Person) -> Result<Vec<Person>> {
    let mut chain: Vec<Person> = Vec::new();
    let mut next = person.manager.clone();
    while let Some(id) = next {
        if id == person.id || chain.iter().any(|p| p.id == id) {
            break;
        }
        let Some(manager) = by_id(conn, &id).await? else { break };
        next = manager.manager.clone();
        chain.push(manager);
    }
    Ok(chain)
}

/// Writes when a person is away.
pub(super) async fn write_leaves(tx: &Tx, p: &Person) -> Result<()> {
    let sql =
        "UPDATE person SET leave_from = $2, leave_to = $3, other_leaves = $4, back_since = $5, version = version + 1,
               updated = $6 WHERE id = $1";
    tx.exec(sql, args![&p.id, day(p.leave_from), day(p.leave_to), others(p)?, day(p.back_since), tx.now()]).await?;
    tx.publish(TOPIC, &p.id).await?;
    Ok(())
}

/// Notes the language in which a person reads their chat (a BCP 47 tag); something else is left alone. Gives whether it is
/// new.
///
/// # Errors
/// The database's error.
pub async fn heard_locale(tx: &Tx, person: &str, locale: &str) -> Result<bool> {
    if locale.len() > LOCALE || oxilangtag::LanguageTag::parse(locale).is_err() {
        return Ok(false);
    }
    let sql = "UPDATE person SET chat_locale = $2 WHERE id = $1 AND (chat_locale IS NULL OR chat_locale <> $2)";
    Ok(tx.exec(sql, args![person, locale]).await? > 0)
}

/// Writes a new person.
pub(crate) async fn insert(tx: &Tx, p: &Person, roster_timezone: Option<&str>) -> Result<()> {
    tx.exec(
        "INSERT INTO person (id, employee_id, name, name_key, email, timezone, roster_timezone, locale, manager, title,
           department, location, country, state, worker_type, hire_date, status, leave_from, leave_to, updated, version,
           roster_manager, left_at, other_leaves, back_since)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, COALESCE((SELECT a.stands_for FROM person_alias a WHERE a.person = $9), $9), $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, 1,
           $9, CASE $17 WHEN 'left' THEN $20 END, $21, $22)",
        columns(tx, p, roster_timezone)?,
    )
    .await?;
    tx.publish(TOPIC, &p.id).await?;
    Ok(())
}

/// Writes a person over what was stored as `version`. An address that was given up is kept beside, and a manager who is
/// the same human as before stays the row that the roster named.
pub(super) async fn update(tx: &Tx, p: &Person, roster_timezone: Option<&str>, version: i64) -> Result<()> {
    let email = p.email.as_deref().map(key).unwrap_or_default();
    tx.exec(
        "INSERT INTO person_address (person, email, until) SELECT id, email, $3 FROM person WHERE id = $1 AND email <> $2
         ON CONFLICT (email, person) DO UPDATE SET until = excluded.until",
        args![&p.id, &email, tx.now()],
    )
    .await?;
    tx.exec("DELETE FROM person_address WHERE person = $1 AND email = $2", args![&p.id, &email]).await?;
    let mut values = columns(tx, p, roster_timezone)?;
    values.extend(args![version]);
    let changed = tx
        .exec(
            "UPDATE person SET employee_id = $2, name = $3, name_key = $4, email = $5, timezone = $6, roster_timezone = $7,
               locale = $8, manager = COALESCE((SELECT a.stands_for FROM person_alias a WHERE a.person = $9), $9), title = $10, department = $11, location = $12, country = $13, state = $14,
               worker_type = $15, hire_date = $16, status = $17, leave_from = $18, leave_to = $19, updated = $20,
               roster_manager = CASE WHEN COALESCE(manager, '') = COALESCE(COALESCE((SELECT a.stands_for FROM person_alias a WHERE a.person = $9), $9), '')
                                THEN roster_manager ELSE $9 END,
               left_at = CASE WHEN $17 <> 'left' THEN NULL WHEN status = 'left' THEN left_at ELSE $20 END,
               role_since = CASE WHEN COALESCE(title, '') <> COALESCE($10, '') OR COALESCE(department, '') <> COALESCE($11, '')
                            THEN $20 ELSE role_since END,
               other_leaves = $21, back_since = $22, version = version + 1
             WHERE id = $1 AND version = $23",
            values,
        )
        .await?;
    if changed == 0 {
        return Err(Error::Conflict(format!(
            "{} was changed by somebody else meanwhile: import the file again",
            p.name
        )));
    }
    tx.publish(TOPIC, &p.id).await?;
    Ok(())
}

fn day(date: Option<Date>) -> Option<String> {
    date.map(|date| date.to_string())
}

fn others(p: &Person) -> Result<Option<String>> {
    Ok(if p.other_leaves.is_empty() { None } else { Some(serde_json::to_string(&p.other_leaves)?) })
}

fn columns(tx: &Tx, p: &Person, roster_timezone: Option<&str>) -> Result<Vec<crate::db::Value>> {
    Ok(args![
        &p.id,
        &p.employee_id,
        &p.name,
        key(&p.name),
        p.email.as_deref().map(key),
        &p.timezone,
        roster_timezone,
        &p.locale,
        &p.manager,
        &p.title,
        &p.department,
        &p.location,
        &p.country,
        &p.state,
        &p.worker_type,
        day(p.hire_date),
        p.status.name(),
        day(p.leave_from),
        day(p.leave_to),
        tx.now(),
        others(p)?,
        day(p.back_since),
    ])
}
