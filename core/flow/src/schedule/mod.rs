//! Durable schedules: a job has a key, is due at an instant of business time, and runs in one transaction that also
//! removes it or puts its successor. What was missed while nothing ran is run once, late, never several times.

use async_trait::async_trait;
use jiff::civil::Time;
use serde_json::Value as Json;
use stoa_ground::clock::monotonic;
use stoa_ground::people::calendar::Calendar;
use stoa_ground::{Conn, Db, Error, Instant, Result, Tx, args};

use crate::caught::caught;
use crate::journal;

/// How often a job is tried before it is parked.
const ATTEMPTS: i64 = 5;

/// A job that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// Its unique key.
    pub key: String,
    /// When it was due; now may be later.
    pub due: Instant,
    /// What it was put with.
    pub payload: Json,
}

/// A kind of job.
#[async_trait]
pub trait Job: Send + Sync {
    /// Its name in the table.
    fn kind(&self) -> &'static str;
    /// Does the work in the given transaction. The job is removed already; to repeat, [`put`] it again. Must take less
    /// than 50 ms: a long job does a part and puts itself again.
    async fn run(&self, tx: &Tx, job: &Due) -> Result<()>;
}

/// Puts a job, or moves the one with the same key.
///
/// # Errors
/// The database's error.
pub async fn put(tx: &Tx, key: &str, kind: &'static str, due: Instant, payload: &Json) -> Result<()> {
    put_all(tx, kind, &[(key.to_owned(), due, payload.clone())]).await
}

/// As [`put`] for several jobs of a kind, each with its own key, its instant and its payload, with few statements.
///
/// # Errors
/// The database's error.
pub async fn put_all(tx: &Tx, kind: &'static str, jobs: &[(String, Instant, Json)]) -> Result<()> {
    let rows = jobs.iter().map(|(key, due, payload)| args![key, kind, *due, payload.to_string(), "waiting"]).collect();
    let otherwise =
        "ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, due = excluded.due, payload = excluded.payload,
                     state = 'waiting', attempts = 0, retry_at = 0, error = NULL";
    tx.put_rows("job", &["key", "kind", "due", "payload", "state"], rows, otherwise).await?;
    Ok(())
}

/// Makes sure that a job waits for an instant, or that there is none; writes only where that is not so. Its payload is the
/// same each time.
///
/// # Errors
/// The database's error.
pub async fn keep(tx: &Tx, key: &str, kind: &'static str, due: Option<Instant>, payload: &Json) -> Result<()> {
    let row = tx.opt("SELECT due, state FROM job WHERE key = $1", args![key]).await?;
    let is = row.map(|row| Ok::<_, Error>((row.get::<Instant>("due")?, row.get::<String>("state")?))).transpose()?;
    match (is, due) {
        (None, None) => Ok(()),
        (Some((is, state)), Some(due)) if is == due && state == "waiting" => Ok(()),
        (_, Some(due)) => put(tx, key, kind, due, payload).await,
        (Some(_), None) => cancel(tx, key).await,
    }
}

/// Takes a job away, if it is there.
///
/// # Errors
/// The database's error.
pub async fn cancel(tx: &Tx, key: &str) -> Result<()> {
    tx.exec("DELETE FROM job WHERE key = $1", args![key]).await?;
    Ok(())
}

/// Takes away all jobs whose key begins with `prefix`.
///
/// # Errors
/// The database's error.
pub async fn cancel_all(tx: &Tx, prefix: &str) -> Result<()> {
    tx.exec("DELETE FROM job WHERE substr(key, 1, length($1)) = $1", args![prefix]).await?;
    Ok(())
}

/// When a job is due, if it waits.
///
/// # Errors
/// The database's error.
pub async fn due(conn: &Conn, key: &str) -> Result<Option<Instant>> {
    let row = conn.opt("SELECT due FROM job WHERE key = $1 AND state = 'waiting'", args![key]).await?;
    row.map(|r| r.get("due")).transpose()
}

/// When the next waiting job is due.
pub(crate) async fn next_due(db: &Db) -> Result<Option<Instant>> {
    let row = db.opt("SELECT MIN(due) AS due FROM job WHERE state = 'waiting'", args![]).await?;
    row.map_or(Ok(None), |r| r.get("due"))
}

/// How many jobs run one after the other before something else has its turn.
const BATCH: usize = 100;

/// What became of what was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    /// How many jobs ran.
    pub(crate) done: usize,
    /// Whether none is left, here or with another server.
    pub(crate) all: bool,
}

/// Runs what is due, oldest first.
pub(crate) async fn run_due(db: &Db, jobs: &[std::sync::Arc<dyn Job>]) -> Result<Ran> {
    let rows = db
        .all(
            "SELECT key, kind, due, payload FROM job
             WHERE state = 'waiting' AND due <= $1 AND retry_at <= $2 ORDER BY due, key LIMIT $3",
            args![db.clock().now(), db.lease_time().await?, BATCH],
        )
        .await?;
    let mut ran = Ran { done: 0, all: rows.len() < BATCH };
    for row in &rows {
        let kind: String = row.get("kind")?;
        let job = Due { key: row.get("key")?, due: row.get("due")?, payload: row.get("payload")? };
        let started = monotonic();
        let Some(handler) = jobs.iter().find(|j| j.kind() == kind) else {
            fail(db, &job, &kind, &Error::invalid(format!("no job of kind '{kind}' is known")), true, started).await?;
            ran.done += 1;
            continue;
        };
        let job = &job;
        let run = db.write(|tx| async move {
            // Another server that runs it has the lock.
            if !tx.try_lock(&format!("job/{}", job.key)).await? {
                return Ok(false);
            }
            let mine = tx
                .exec("DELETE FROM job WHERE key = $1 AND due = $2 AND state = 'waiting'", args![&job.key, job.due])
                .await?;
            if mine == 1 {
                handler.run(&tx, job).await?;
            }
            Ok(mine == 1)
        });
        match caught("a job", run).await {
            Ok(true) => {
                ran.done += 1;
                journal::job_ended(&job.key, &kind, "done", None, started.elapsed());
            }
            Ok(false) => ran.all = false,
            Err(e) => {
                ran.done += 1;
                fail(db, job, &kind, &e, false, started).await?;
            }
        }
    }
    Ok(ran)
}

async fn fail(
    db: &Db,
    job: &Due,
    kind: &str,
    error: &Error,
    for_good: bool,
    started: std::time::Instant,
) -> Result<()> {
    let text = error.to_string();
    let text = &text;
    // Trouble of the store passes and is no fault of the job.
    let counted = i64::from(!error.passes());
    let parked = db
        .write(|tx| async move {
            // Only the job that failed: meanwhile another server may have run it and put its successor.
            let row = tx
                .opt(
                    "UPDATE job SET attempts = attempts + $5, error = $2, retry_at = $3 + (attempts + 1) * (attempts + 1) * 1000000,
                     state = CASE WHEN attempts + $5 >= $4 THEN 'parked' ELSE state END
                     WHERE key = $1 AND due = $6 AND state = 'waiting' RETURNING state",
                    args![&job.key, text, tx.lease_time().await?, if for_good { 0 } else { ATTEMPTS }, counted, job.due],
                )
                .await?;
            Ok(row.map(|r| r.get::<String>("state")).transpose()?.is_some_and(|state| state == "parked"))
        })
        .await?;
    if parked {
        journal::job_ended(&job.key, kind, "parked", Some(error), started.elapsed());
    } else {
        journal::job_postponed(&job.key, kind, error);
    }
    Ok(())
}

/// The next instant after `after` at which the person's clock shows `time` on a working day.
#[must_use]
pub fn next_local(calendar: &Calendar, time: Time, after: Instant) -> Instant {
    let mut date = after.zoned(&calendar.zone).date();
    loop {
        let at = calendar.at(date, time);
        if at > after && calendar.is_working_day(date) {
            return at;
        }
        match date.tomorrow() {
            Ok(next) => date = next,
            // The end of jiff's calendar, in the year 9999.
            Err(_) => return Instant(i64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use stoa_ground::testing::store;

    struct Ticks(AtomicUsize);

    #[async_trait]
    impl Job for Ticks {
        fn kind(&self) -> &'static str {
            "tick"
        }
        async fn run(&self, tx: &Tx, job: &Due) -> Result<()> {
            if job.payload == "broken" {
                return Err(Error::invalid("no"));
            }
            self.0.fetch_add(1, Ordering::SeqCst);
            put(tx, &job.key, "tick", tx.now().plus(Instant::DAY), &job.payload).await
        }
    }

    #[tokio::test]
    async fn what_was_missed_for_a_week_runs_once_and_then_daily() {
        let (db, _dir) = store().await;
        let ticks = Arc::new(Ticks(AtomicUsize::new(0)));
        let jobs: Vec<Arc<dyn Job>> = vec![ticks.clone()];
        let start = db.clock().now();
        db.write(|tx| async move { put(&tx, "a", "tick", start.plus(Instant::HOUR), &Json::Null).await })
            .await
            .unwrap();
        assert_eq!(run_due(&db, &jobs).await.unwrap().done, 0);
        db.clock().set(start.plus(7 * Instant::DAY)).unwrap();
        assert_eq!(run_due(&db, &jobs).await.unwrap(), Ran { done: 1, all: true });
        assert_eq!(run_due(&db, &jobs).await.unwrap().done, 0);
        assert_eq!(ticks.0.load(Ordering::SeqCst), 1);
        assert_eq!(next_due(&db).await.unwrap(), Some(start.plus(8 * Instant::DAY)));
    }

    #[tokio::test]
    async fn a_broken_job_is_kept_with_its_reason_and_stops_nothing_else() {
        let (db, _dir) = store().await;
        let ticks = Arc::new(Ticks(AtomicUsize::new(0)));
        let jobs: Vec<Arc<dyn Job>> = vec![ticks.clone()];
        db.write(|tx| async move {
            put(&tx, "a", "tick", tx.now(), &Json::from("broken")).await?;
            put(&tx, "b", "tick", tx.now(), &Json::Null).await
        })
        .await
        .unwrap();
        run_due(&db, &jobs).await.unwrap();
        assert_eq!(ticks.0.load(Ordering::SeqCst), 1);
        let row = db.opt("SELECT attempts, error FROM job WHERE key = 'a'", args![]).await.unwrap().unwrap();
        assert_eq!(row.get::<i64>("attempts").unwrap(), 1);
        assert_eq!(row.get::<String>("error").unwrap(), "no");
    }
}
