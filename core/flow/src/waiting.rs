//! What waits for the workers, asked at once: a round with nothing to do is one statement.

use stoa_ground::{Db, Error, Instant, Result, args};

/// What a round has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The business time that was asked about.
    pub(crate) at: Instant,
    /// Events to be handled.
    pub(crate) events: bool,
    /// Jobs that are due.
    pub(crate) jobs: bool,
    /// Messages that are due.
    pub(crate) deliveries: bool,
    /// Messages to be edited.
    pub(crate) edits: bool,
    /// Sends that were cut off.
    pub(crate) uncertain: bool,
    /// The newest position of the change feed.
    pub(crate) head: i64,
}

impl Waiting {
    /// What waits now, by business time and by the time `leased` that leases are counted in.
    pub(crate) async fn now(db: &Db, leased: Instant) -> Result<Self> {
        let sql = "SELECT
            (SELECT CAST(1 AS BIGINT) FROM inbox WHERE state = 'new' AND retry_at <= $2 AND lease_until <= $2 LIMIT 1) AS events,
            (SELECT CAST(1 AS BIGINT) FROM job WHERE state = 'waiting' AND due <= $1 AND retry_at <= $2 LIMIT 1) AS jobs,
            (SELECT CAST(1 AS BIGINT) FROM outbox WHERE state = 'queued' AND due <= $1 AND retry_at <= $2 LIMIT 1) AS deliveries,
            (SELECT CAST(1 AS BIGINT) FROM outbox WHERE revise > 0 AND state = 'posted' AND retry_at <= $2 AND lease_until <= $2 LIMIT 1)
              AS edits,
            (SELECT CAST(1 AS BIGINT) FROM outbox WHERE state = 'sending' AND lease_until <= $2 LIMIT 1) AS uncertain,
            (SELECT COALESCE(MAX(position), 0) FROM change) AS head";
        let at = db.clock().now();
        let row = db.opt(sql, args![at, leased]).await?;
        let row = row.ok_or_else(|| Error::Unavailable("the database did not say what waits".into()))?;
        let some = |name: &str| Ok::<_, Error>(row.get::<Option<i64>>(name)?.is_some());
        Ok(Self {
            at,
            events: some("events")?,
            jobs: some("jobs")?,
            deliveries: some("deliveries")?,
            edits: some("edits")?,
            uncertain: some("uncertain")?,
            head: row.get("head")?,
        })
    }
}
