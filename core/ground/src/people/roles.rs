//! Roles: what a person may do. Each grant and each withdrawal is a record of the ledger.

use std::collections::BTreeSet;
use std::str::FromStr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::text::{clean, key, nearest};
use super::{Person, Status, TOPIC, store};
use crate::ledger::{Entry, Ledger, Projection, Record};
use crate::{Conn, Error, Result, Tx, args};

/// A role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everyone who works here. Not granted.
    Employee,
    /// Somebody who works here reports to them. Follows from the roster, not granted.
    Manager,
    /// Answers questions in their topics.
    Expert,
    /// Learning and development: lessons, training, library.
    Learning,
    /// Approves content and requests.
    Approver,
    /// Reads evidence.
    Auditor,
    /// Health and configuration.
    Operator,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 7] =
        [Self::Employee, Self::Manager, Self::Expert, Self::Learning, Self::Approver, Self::Auditor, Self::Operator];

    /// As it is written everywhere, for example `learning`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Employee => "employee",
            Self::Manager => "manager",
            Self::Expert => "expert",
            Self::Learning => "learning",
            Self::Approver => "approver",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
        }
    }

    /// Whether somebody can be given this role; the others follow from the roster.
    #[must_use]
    pub fn is_granted(self) -> bool {
        !matches!(self, Self::Employee | Self::Manager)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let word = key(text);
        if let Some(role) = Self::ALL.into_iter().find(|r| r.name() == word) {
            return Ok(role);
        }
        let shown = clean(text);
        Err(Error::invalid(match nearest(&word, Self::ALL.map(Self::name)) {
            Some(meant) => format!("'{shown}' is not a role; did you mean '{meant}'?"),
            None => format!("'{shown}' is not a role: use {}", Self::ALL.map(Self::name).join(", ")),
        }))
    }
}

/// Writes `role_grant` from the ledger's records about `role/<person id>`. Kinds: `granted` and `revoked`; data:
/// `{"role", "source"}`, the source being `command`, `roster` or the name of an identity provider.
pub struct RoleProjection;

#[async_trait]
impl Projection for RoleProjection {
    fn subject(&self) -> &'static str {
        "role"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["role_grant"]
    }

    async fn apply(&self, tx: &Tx, record: &Record) -> Result<()> {
        let person = record.subject.strip_prefix("role/").unwrap_or_default();
        let text = |name: &str| record.data[name].as_str().unwrap_or_default().to_owned();
        let (role, source): (Role, String) = (text("role").parse()?, text("source"));
        match record.kind.as_str() {
            "granted" => {
                tx.exec(
                    "INSERT INTO role_grant (person, role, source, actor, reason, at) VALUES ($1, $2, $3, $4, $5, $6)
                     ON CONFLICT (person, role, source)
                     DO UPDATE SET actor = excluded.actor, reason = excluded.reason, at = excluded.at",
                    args![person, role.name(), source, &record.actor, &record.reason, record.at],
                )
                .await?;
            }
            "revoked" => {
                tx.exec(
                    "DELETE FROM role_grant WHERE person = $1 AND role = $2 AND source = $3",
                    args![person, role.name(), source],
                )
                .await?;
            }
            other => return Err(Error::invalid(format!("a record about a role cannot be '{other}'"))),
        }
        Ok(())
    }

    fn class(&self, _kind: &str) -> &'static str {
        "access"
    }

    async fn forget(&self, tx: &Tx, subject: &str) -> Result<()> {
        let person = subject.strip_prefix("role/").unwrap_or_default();
        tx.exec("DELETE FROM role_grant WHERE person = $1", args![person]).await?;
        Ok(())
    }
}

/// Gives a role by command. Gives whether this was new; granting it again writes nothing.
///
/// # Errors
/// [`Error::Invalid`] for roles that follow from the roster, for somebody who left, and without a reason.
pub async fn grant(tx: &Tx, ledger: &Ledger, person: &Person, role: Role, actor: &str, reason: &str) -> Result<bool> {
    if person.status == Status::Left {
        return Err(Error::invalid(format!("{} has left and cannot be given a role", person.name)));
    }
    grant_from(tx, ledger, person, role, "command", actor, reason).await
}

pub(super) async fn grant_from(
    tx: &Tx,
    ledger: &Ledger,
    person: &Person,
    role: Role,
    source: &str,
    actor: &str,
    reason: &str,
) -> Result<bool> {
    if !role.is_granted() {
        return Err(Error::invalid(format!("the role {role} follows from the roster and cannot be granted")));
    }
    if reason.trim().is_empty() {
        return Err(Error::invalid("a grant needs a reason"));
    }
    if granted_to(tx, &person.id).await?.contains(&(role, source.to_owned())) {
        return Ok(false);
    }
    record(tx, ledger, &person.id, "granted", role, source, actor, reason).await?;
    Ok(true)
}

/// Takes a role back, whoever granted it. Gives whether the person had it. What the roster grants comes back with the
/// next import that says so.
///
/// # Errors
/// [`Error::Invalid`] for roles that follow from the roster.
pub async fn revoke(tx: &Tx, ledger: &Ledger, person: &Person, role: Role, actor: &str, reason: &str) -> Result<bool> {
    if !role.is_granted() {
        return Err(Error::invalid(format!("the role {role} follows from the roster and cannot be taken back")));
    }
    let mut had = false;
    // Also what was granted to a row that was merged into theirs.
    for row in store::rows_of(tx, &person.id).await? {
        for (held, source) in granted_to_row(tx, &row.id).await? {
            if held == role {
                record(tx, ledger, &row.id, "revoked", role, &source, actor, reason).await?;
                had = true;
            }
        }
    }
    Ok(had)
}

#[expect(clippy::too_many_arguments, reason = "the fields of one record")]
pub(super) async fn record(
    tx: &Tx,
    ledger: &Ledger,
    person: &str,
    kind: &'static str,
    role: Role,
    source: &str,
    actor: &str,
    reason: &str,
) -> Result<()> {
    let entry = Entry {
        subject: format!("role/{person}"),
        kind,
        actor: actor.to_owned(),
        reason: reason.to_owned(),
        data: json!({ "role": role, "source": source }),
    };
    ledger.append(tx, entry).await?;
    tx.publish(TOPIC, person).await?;
    Ok(())
}

/// What was granted to a person, also before they were merged: role and source (`command`, `roster`, …).
///
/// # Errors
/// The database's error.
pub async fn granted_to(conn: &Conn, person: &str) -> Result<Vec<(Role, String)>> {
    let sql = concat!(
        "SELECT DISTINCT role, source FROM role_grant WHERE person IN ",
        crate::rows_of!("$1"),
        " ORDER BY role, source"
    );
    read_grants(&conn.all(sql, args![person]).await?)
}

/// What was granted to one row.
pub(super) async fn granted_to_row(conn: &Conn, person: &str) -> Result<Vec<(Role, String)>> {
    let sql = "SELECT role, source FROM role_grant WHERE person = $1 ORDER BY role, source";
    read_grants(&conn.all(sql, args![person]).await?)
}

fn read_grants(rows: &[crate::Row]) -> Result<Vec<(Role, String)>> {
    rows.iter().map(|r| Ok((r.get::<String>("role")?.parse()?, r.get("source")?))).collect()
}

/// The roles of a person: `employee`, `manager` when somebody who works here reports to them, and what was granted.
/// Somebody who left has none.
///
/// # Errors
/// The database's error.
pub async fn roles_of(conn: &Conn, person: &Person) -> Result<BTreeSet<Role>> {
    if person.status == Status::Left {
        return Ok(BTreeSet::new());
    }
    let mut roles: BTreeSet<Role> = granted_to(conn, &person.id).await?.into_iter().map(|(r, _)| r).collect();
    roles.insert(Role::Employee);
    if store::leads(conn, &person.id).await? {
        roles.insert(Role::Manager);
    }
    Ok(roles)
}

/// Everybody who has not left and has a role that is granted, each once, by employee id. (For managers see
/// [`reports_of`](super::reports_of).)
///
/// # Errors
/// The database's error.
pub async fn people_with(conn: &Conn, role: Role) -> Result<Vec<Person>> {
    let rows =
        conn.all("SELECT DISTINCT person FROM role_grant WHERE role = $1 ORDER BY person", args![role.name()]).await?;
    let mut people = Vec::new();
    for row in &rows {
        people.extend(store::by_id(conn, &row.get::<String>("person")?).await?.filter(|p| p.status != Status::Left));
    }
    people.sort_by(|a, b| a.employee_id.cmp(&b.employee_id));
    people.dedup_by(|a, b| a.id == b.id);
    Ok(people)
}
