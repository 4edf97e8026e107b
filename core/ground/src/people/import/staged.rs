//! Writing a plan of any size without a long transaction: it is staged in parts, decided on at once, and carried out in
//! parts. Before the decision nothing has changed; after it everything will, also after a crash.

use serde::{Deserialize, Serialize};

use super::apply::{carry_out, write_all};
use super::{Entry, Options, Plan};
use crate::ledger::Ledger;
use crate::{Db, Error, Result, Tx, args, meta};

/// Plans of so many people are written in one transaction.
const SMALL: usize = 20;

/// How many people are staged, and carried out, in one transaction.
const CHUNK: usize = 20;

/// Where the import that was decided on is written down.
const DECIDED: &str = "roster.import";

/// The import that was decided on.
#[derive(Serialize, Deserialize)]
struct Decided {
    id: String,
    actor: String,
}

/// Reads and writes a file, and gives what was done: all of it or nothing, by people's versions of the moment at which it
/// is decided.
///
/// # Errors
/// As [`Plan::check`]; [`Error::Conflict`] when somebody was changed meanwhile. Nothing is written then.
pub async fn import(db: &Db, ledger: &Ledger, file: &[u8], options: &Options, actor: &str) -> Result<Plan> {
    resume(db, ledger).await?;
    let plan = db.read(|conn| async move { super::plan(&conn, file, options).await }).await?;
    plan.check()?;
    let entries: Vec<&Entry> = plan.added.iter().chain(&plan.changed).chain(&plan.left).collect();
    if entries.len() <= SMALL {
        let all = &plan;
        db.write(|tx| async move { write_all(&tx, ledger, all, actor).await }).await?;
        return Ok(plan);
    }
    let decided = Decided { id: db.clock().id().to_string(), actor: actor.to_owned() };
    stage(db, &decided.id, &entries).await?;
    let decision = decide(db, &decided).await;
    if decision.is_err() {
        clear(db, &decided.id).await?;
    }
    decision?;
    resume(db, ledger).await?;
    Ok(plan)
}

async fn stage(db: &Db, id: &str, entries: &[&Entry]) -> Result<()> {
    for (n, chunk) in entries.chunks(CHUNK).enumerate() {
        let mut rows = Vec::with_capacity(chunk.len());
        for (i, entry) in chunk.iter().enumerate() {
            rows.push((n * CHUNK + i, &entry.person.id, entry.write.version, serde_json::to_string(&entry.staged())?));
        }
        let rows = &rows;
        db.write_by_key(|tx| async move {
            for (ordinal, person, version, body) in rows {
                let sql =
                    "INSERT INTO roster_step (import, ordinal, person, version, body) VALUES ($1, $2, $3, $4, $5)";
                tx.exec(sql, args![id, *ordinal, *person, *version, body]).await?;
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// From here on the import happens.
async fn decide(db: &Db, decided: &Decided) -> Result<()> {
    let value = serde_json::to_string(decided)?;
    let value = &value;
    db.write(|tx| async move {
        if !meta::add(&tx, DECIDED, value).await? {
            return Err(Error::Conflict(
                "another roster import is running: import the file again when it is done".into(),
            ));
        }
        let moved = tx
            .one(
                "SELECT COUNT(*) AS n FROM roster_step s LEFT JOIN person p ON p.id = s.person
                 WHERE s.import = $1 AND COALESCE(p.version, 0) <> s.version",
                args![&decided.id],
            )
            .await?;
        if moved.get::<i64>("n")? > 0 {
            return Err(Error::Conflict(
                "somebody was changed by somebody else meanwhile: import the file again".into(),
            ));
        }
        Ok(())
    })
    .await
}

/// Goes on with an import that was decided on and not finished; at the start of the server, and before the next import.
///
/// # Errors
/// The database's error. What was done stays done, and the rest can be resumed again.
pub async fn resume(db: &Db, ledger: &Ledger) -> Result<()> {
    let Some(decided) = db.meta(DECIDED).await? else { return Ok(()) };
    let decided: Decided = serde_json::from_str(&decided)?;
    loop {
        let rows = db
            .all(
                "SELECT ordinal, person, body FROM roster_step WHERE import = $1 ORDER BY ordinal LIMIT $2",
                args![&decided.id, CHUNK],
            )
            .await?;
        let mut steps: Vec<(i64, Entry)> = Vec::with_capacity(rows.len());
        for row in &rows {
            steps.push((row.get("ordinal")?, Entry::from_staged(&row.get::<String>("body")?)?));
        }
        let (steps, decided) = (&steps, &decided);
        if steps.is_empty() {
            return db.write(|tx| async move { meta::delete(&tx, DECIDED).await }).await;
        }
        db.write_each(steps, |tx, (ordinal, entry)| async move { step(&tx, ledger, decided, *ordinal, entry).await })
            .await?;
    }
}

/// Carries out one step, if nobody else has.
async fn step(tx: &Tx, ledger: &Ledger, decided: &Decided, ordinal: i64, entry: &Entry) -> Result<()> {
    let sql = "DELETE FROM roster_step WHERE import = $1 AND ordinal = $2";
    if tx.exec(sql, args![&decided.id, ordinal]).await? == 0 {
        return Ok(());
    }
    let now = tx.opt("SELECT version FROM person WHERE id = $1", args![&entry.person.id]).await?;
    // Decided is decided: a change in between is written over, as it would be by the next import.
    let version = now.map_or(Ok(0), |row| row.get("version"))?;
    carry_out(tx, ledger, entry, version, &decided.actor, true).await
}

/// Takes away what was staged for an import that will not happen.
async fn clear(db: &Db, id: &str) -> Result<()> {
    loop {
        let gone = db
            .write_by_key(|tx| async move {
                let sql = "DELETE FROM roster_step WHERE import = $1 AND ordinal IN
                           (SELECT ordinal FROM roster_step WHERE import = $1 ORDER BY ordinal LIMIT 1000)";
                tx.exec(sql, args![id]).await
            })
            .await?;
        if gone == 0 {
            return Ok(());
        }
    }
}

/// Stages entries, and decides on them or does not, as a crash would leave it.
#[cfg(test)]
pub(super) async fn stage_for_test(db: &Db, id: &str, entries: &[&Entry], decided: bool) {
    stage(db, id, entries).await.unwrap();
    if decided {
        decide(db, &Decided { id: id.to_owned(), actor: "operator".into() }).await.unwrap();
    }
}
