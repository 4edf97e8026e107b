//! Writing a plan.

use super::{Entry, Plan};
use crate::ledger::Ledger;
use crate::people::merge::merge_rows;
use crate::people::roles::{grant_from, record};
use crate::people::store::{insert, update};
use crate::people::{Status, link_account};
use crate::{Error, Result, Tx};

/// Writes a plan: people, accounts, and roles as evidence with `actor` as who did it. All or nothing, in the caller's
/// transaction. Each person who changes is published once for each kind of change.
///
/// # Errors
/// [`Error::Conflict`](crate::Error::Conflict) when somebody was changed after the plan was made.
pub(super) async fn write_all(tx: &Tx, ledger: &Ledger, plan: &Plan, actor: &str) -> Result<()> {
    for entry in plan.added.iter().chain(&plan.changed).chain(&plan.left) {
        carry_out(tx, ledger, entry, entry.write.version, actor, false).await?;
    }
    Ok(())
}

/// Writes one person over what was stored as `version`; 0 is somebody new. `decided`: the import goes on whatever happens.
pub(super) async fn carry_out(
    tx: &Tx,
    ledger: &Ledger,
    entry: &Entry,
    version: i64,
    actor: &str,
    decided: bool,
) -> Result<()> {
    let zone = entry.write.roster_timezone.as_deref();
    if version == 0 {
        insert(tx, &entry.person, zone).await?;
    } else if entry.write.row_differs {
        update(tx, &entry.person, zone, version).await?;
    }
    accounts_and_roles(tx, ledger, entry, actor, decided).await
}

async fn accounts_and_roles(tx: &Tx, ledger: &Ledger, entry: &Entry, actor: &str, decided: bool) -> Result<()> {
    let person = &entry.person;
    for (platform, workspace, user) in &entry.write.accounts {
        link_account(tx, &person.id, (platform, workspace, user), actor, "the roster says so").await?;
    }
    if let Some(earlier) = &entry.write.merge {
        let why = format!("the roster says that this is {} now", person.employee_id);
        match merge_rows(tx, ledger, earlier, &person.id, actor, &why).await {
            // Who is who has changed since the import was decided on; the next one says it again.
            Err(error @ Error::Conflict(_)) if decided => {
                tracing::warn!(person = %person.employee_id, %error, "a merge that the roster asks for was left out");
            }
            done => done?,
        }
    }
    let why = if person.status == Status::Left { "left the organisation" } else { "the roster says so" };
    for (role, source) in &entry.write.revoke {
        record(tx, ledger, &person.id, "revoked", *role, source, actor, why).await?;
    }
    for role in &entry.write.grant {
        grant_from(tx, ledger, person, *role, "roster", actor, why).await?;
    }
    Ok(())
}
