//! Groups and access classes: as whom a person reads, and whom a rule may name.
//!
//! The groups of a person follow from the roster:
//!
//! - the department, plainly: `Sales`; this is what `group:Sales` in `readers` means;
//! - each field with its name in front: `department/Sales`, `location/Lisbon`, `country/PT` and `country/PRT`,
//!   `state/CA`, `worker_type/contractor`. The name keeps Canada (`country/CA`) and California (`state/CA`) apart.
//!
//! A department whose own name begins like one of these (`country/US`) has no plain group, so that nobody enters a group
//! by the name of their department. Names are compared exactly, so a difference in spelling closes and never opens.

use std::collections::{BTreeSet, HashMap};

use super::roles::{Role, roles_of};
use super::{Person, Status, country, store, zone};
use crate::{Conn, Instant, Result, args};
use jiff::civil::Date;

/// What a rule may ask about a person beside the roster's fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// See [`roles_of`].
    pub roles: BTreeSet<Role>,
    /// See [`groups_of`].
    pub groups: BTreeSet<String>,
    /// The day, in the person's zone, on which the roster said another title or department than before; `None` when it
    /// never did.
    pub role_since: Option<Date>,
}

/// The groups of a person, without the prefix `group:`. See the top of this file.
#[must_use]
pub fn groups_of(person: &Person) -> BTreeSet<String> {
    let fields = [
        ("department", &person.department),
        ("location", &person.location),
        ("country", &person.country),
        ("state", &person.state),
        ("worker_type", &person.worker_type),
    ];
    let mut groups = BTreeSet::new();
    for (field, value) in &fields {
        let Some(value) = value else { continue };
        groups.insert(format!("{field}/{value}"));
        if *field == "country" {
            groups.extend(
                [country::alpha2(value), country::alpha3(value)].iter().flatten().map(|c| format!("country/{c}")),
            );
        }
    }
    if let Some(department) = &person.department {
        let reserved =
            |d: &str| fields.iter().any(|(f, _)| d.strip_prefix(f).is_some_and(|rest| rest.starts_with('/')));
        if !reserved(department) {
            groups.insert(department.clone());
        }
    }
    groups
}

/// As whom a person reads: `everyone`, `role:<role>` for each role, `group:<group>` for each group, `person:<our id>` and
/// `person:<employee id>`, also for what was merged into them. A passage is readable when one of its readers is among these. Somebody who left reads nothing.
///
/// # Errors
/// The database's error.
pub async fn access_classes(conn: &Conn, person: &Person) -> Result<Vec<String>> {
    if person.status == Status::Left {
        return Ok(Vec::new());
    }
    let mut classes = vec!["everyone".to_owned()];
    classes.extend(roles_of(conn, person).await?.iter().map(|r| format!("role:{r}")));
    classes.extend(groups_of(person).iter().map(|g| format!("group:{g}")));
    for row in store::rows_of(conn, &person.id).await? {
        classes.push(format!("person:{}", row.id));
        classes.push(format!("person:{}", row.employee_id));
    }
    Ok(classes)
}

/// The facts about one person.
///
/// # Errors
/// The database's error.
pub async fn facts(conn: &Conn, person: &Person) -> Result<Facts> {
    let row = conn.opt("SELECT role_since FROM person WHERE id = $1", args![&person.id]).await?;
    let since: Option<Instant> = row.map_or(Ok(None), |r| r.get("role_since"))?;
    let role_since = since.map(|at| at.zoned(&zone(person)).date());
    Ok(Facts { roles: roles_of(conn, person).await?, groups: groups_of(person), role_since })
}

/// Everybody (also those who left, who have no roles) with their facts, by employee id, in four queries.
///
/// # Errors
/// The database's error.
pub async fn all_facts(conn: &Conn) -> Result<Vec<(Person, Facts)>> {
    let people = store::all(conn).await?;
    let mut granted: HashMap<String, BTreeSet<Role>> = HashMap::new();
    for row in conn
        .all(
            "SELECT COALESCE(a.stands_for, r.person) AS person, r.role FROM role_grant r
             LEFT JOIN person_alias a ON a.person = r.person",
            args![],
        )
        .await?
    {
        granted.entry(row.get("person")?).or_default().insert(row.get::<String>("role")?.parse()?);
    }
    let rows = conn
        .all(
            "SELECT DISTINCT manager FROM person WHERE status <> 'left' AND manager <> id
             AND NOT EXISTS (SELECT 1 FROM person_alias a WHERE a.person = person.id)",
            args![],
        )
        .await?;
    let managers = rows.iter().map(|r| r.get("manager")).collect::<Result<std::collections::HashSet<String>>>()?;
    let rows = conn.all("SELECT id, role_since FROM person WHERE role_since IS NOT NULL", args![]).await?;
    let since = rows.iter().map(|r| Ok((r.get("id")?, r.get("role_since")?)));
    let since = since.collect::<Result<HashMap<String, Instant>>>()?;
    Ok(people
        .into_iter()
        .map(|person| {
            let mut roles = BTreeSet::new();
            if person.status != Status::Left {
                roles = granted.remove(&person.id).unwrap_or_default();
                roles.insert(Role::Employee);
                if managers.contains(&person.id) {
                    roles.insert(Role::Manager);
                }
            }
            let groups = groups_of(&person);
            let role_since = since.get(&person.id).map(|at| at.zoned(&zone(&person)).date());
            (person, Facts { roles, groups, role_since })
        })
        .collect())
}
