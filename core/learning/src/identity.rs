//! Merge and split of people with what follows for their training: one transaction, so that nobody ever has an assignment
//! twice.

use stoa_ground::people::merge::{self, Plan, SplitPlan};
use stoa_ground::{Conn, Db, Result, people};

use crate::Services;
use crate::training::{self, JoinedStep};

/// What a merge does, with the assignments that give way.
///
/// # Errors
/// As [`merge::plan`].
pub async fn merge_plan(conn: &Conn, from: &str, into: &str) -> Result<(Plan, Vec<JoinedStep>)> {
    let plan = merge::plan(conn, from, into).await?;
    let steps = training::after_merge(conn, &plan.from.id, &plan.into.id).await?;
    Ok((plan, steps))
}

/// Makes one person of two, and says what was done. `actor` is `operator` or `person/<id>`.
///
/// # Errors
/// As [`merge::merge`].
pub async fn merge(
    db: &Db,
    services: &Services,
    from: &str,
    into: &str,
    actor: &str,
    reason: &str,
) -> Result<(Plan, Vec<JoinedStep>)> {
    db.write(|tx| async move {
        let (plan, steps) = merge_plan(&tx, from, into).await?;
        merge::merge(&tx, &services.ledger, from, into, actor, reason).await?;
        training::settle(&tx, services, &plan.into).await?;
        Ok((plan, steps))
    })
    .await
}

/// What a split does, with the assignments that come back.
///
/// # Errors
/// As [`merge::split_plan`].
pub async fn split_plan(conn: &Conn, who: &str) -> Result<(SplitPlan, Vec<JoinedStep>)> {
    let plan = merge::split_plan(conn, who).await?;
    let mut rows = vec![plan.row.id.as_str()];
    rows.extend(plan.along.iter().map(|p| p.id.as_str()));
    let steps = training::after_split(conn, &plan.from.id, &rows).await?;
    Ok((plan, steps))
}

/// Undoes the merge of a row, and says what was done.
///
/// # Errors
/// As [`merge::split`].
pub async fn split(
    db: &Db,
    services: &Services,
    who: &str,
    actor: &str,
    reason: &str,
) -> Result<(SplitPlan, Vec<JoinedStep>)> {
    db.write(|tx| async move {
        let (plan, steps) = split_plan(&tx, who).await?;
        merge::split(&tx, &services.ledger, who, actor, reason).await?;
        for id in [&plan.row.id, &plan.from.id] {
            if let Some(person) = people::by_id(&tx, id).await? {
                training::settle(&tx, services, &person).await?;
            }
        }
        Ok((plan, steps))
    })
    .await
}
