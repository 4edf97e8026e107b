//! The arbiter: the one gate that every message passes. It answers now, later, merge or withhold, always with a reason
//! that is stored when it changes and that the person can ask for (N15).

mod arbiter;
mod digest;
mod facts;
mod paused;
mod settings;
mod why;
mod zone;

use serde::{Deserialize, Serialize};
use stoa_ground::db::Row;
use stoa_ground::{Db, Instant, Result, Tx, args};

pub use arbiter::{Facts, answer, decide};
pub(crate) use digest::LearnerDigest;
pub use facts::gave_up;
pub(crate) use facts::{DO_NOT_DISTURB, facts};
pub(crate) use paused::Paused;
pub use settings::Settings;
pub use why::{Why, sentence};
pub(crate) use zone::ZONE_ASKED;

/// How urgent a delivery is; later ones give way to earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// An answer to what the person just did.
    Answer,
    /// A mandated deadline.
    Mandated,
    /// An approval, or a trainer's clock.
    Approval,
    /// A spaced review.
    Review,
    /// Today's lesson.
    Drop,
    /// Something from a colleague.
    Social,
}

/// What a delivery kind declares about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Nobody asked for it just now.
    pub unsolicited: bool,
    /// It counts against the daily budget.
    pub counted: bool,
    /// It may break quiet hours.
    pub breaks_quiet: bool,
    /// It cannot be paused or switched off by the person.
    pub mandated: bool,
    /// Several of it, or it and others, become one digest.
    pub mergeable: bool,
    /// Its urgency.
    pub priority: Priority,
}

impl Policy {
    /// A reply to what a person just did: never withheld.
    pub const ANSWER: Self = Self {
        unsolicited: false,
        counted: false,
        breaks_quiet: true,
        mandated: false,
        mergeable: false,
        priority: Priority::Answer,
    };

    /// Mandated, unsolicited, counted; several become one digest.
    pub const MANDATED: Self = Self {
        unsolicited: true,
        counted: true,
        breaks_quiet: false,
        mandated: true,
        mergeable: true,
        priority: Priority::Mandated,
    };

    /// Voluntary and unsolicited, with its place in the order.
    #[must_use]
    pub const fn voluntary(priority: Priority) -> Self {
        Self { mandated: false, mergeable: false, priority, ..Self::MANDATED }
    }
}

/// What the arbiter says, with the code of the reason (`why-<code>` in the catalogue).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send it.
    Now { why: String },
    /// Ask again at this instant.
    Later { until: Instant, why: String },
    /// Put it into a digest.
    Merge { why: String },
    /// Do not send it at all.
    Withhold { why: String },
    /// Its reason is gone.
    Cancel { why: String },
    /// It was posted, and is edited now.
    Edit { why: String },
}

impl Decision {
    /// The word in the contract: `now`, `later`, `merge`, `withhold`, `cancel` or `edit`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Now { .. } => "now",
            Self::Later { .. } => "later",
            Self::Merge { .. } => "merge",
            Self::Withhold { .. } => "withhold",
            Self::Cancel { .. } => "cancel",
            Self::Edit { .. } => "edit",
        }
    }

    /// The code of the reason.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Now { why }
            | Self::Later { why, .. }
            | Self::Merge { why }
            | Self::Withhold { why }
            | Self::Cancel { why }
            | Self::Edit { why } => why,
        }
    }
}

/// Which delivery a decision is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Its key.
    pub key: &'a str,
    /// The person's id.
    pub person: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// What it is about.
    pub item: &'a str,
}

/// A decision as it was stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The delivery's key.
    pub key: String,
    /// The delivery's kind.
    pub kind: String,
    /// What it is about.
    pub item: String,
    /// When it was decided.
    pub at: Instant,
    /// `now`, `later` …
    pub decision: String,
    /// The code of the reason.
    pub reason: String,
    /// For `later`: until when.
    pub until: Option<Instant>,
}

/// Stores a decision, unless it says the same as the last one about this delivery, also until when; each edit is one of its
/// own. For the arbiter, and for capabilities that keep silent on their own or say something in another way than was wanted.
///
/// # Errors
/// The database's error.
pub async fn record(tx: &Tx, about: &About<'_>, decision: &Decision) -> Result<()> {
    record_into(tx, about, decision, None).await
}

/// Like [`record`], for a decision that leads into a digest.
pub(crate) async fn record_into(tx: &Tx, about: &About<'_>, decision: &Decision, into_key: Option<&str>) -> Result<()> {
    let until = if let Decision::Later { until, .. } = decision { Some(*until) } else { None };
    tx.exec(
        "INSERT INTO decision (delivery_key, person, kind, item, at, decision, reason, until, into_key)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 WHERE $10 = 1 OR NOT EXISTS (SELECT 1 FROM
           (SELECT decision, reason, until FROM decision WHERE delivery_key = $1 ORDER BY position DESC LIMIT 1) AS newest
           WHERE newest.decision = $6 AND newest.reason = $7 AND COALESCE(newest.until, 0) = $11)",
        args![
            about.key,
            about.person,
            about.kind,
            about.item,
            tx.now(),
            decision.word(),
            decision.why(),
            until,
            into_key.map(str::to_owned),
            matches!(decision, Decision::Edit { .. }),
            until.map_or(0, |until| until.0)
        ],
    )
    .await?;
    Ok(())
}

/// The last decisions about a person, newest first, one for each delivery.
///
/// # Errors
/// The database's error.
pub async fn decisions_about(db: &Db, person: &str, limit: usize) -> Result<Vec<Stored>> {
    let rows = db
        .all(
            concat!(
                "SELECT delivery_key, kind, item, at, decision, reason, until FROM decision
                 WHERE position IN (SELECT MAX(position) FROM decision WHERE person IN ",
                stoa_ground::rows_of!("$1"),
                " GROUP BY delivery_key)
                 ORDER BY position DESC LIMIT $2"
            ),
            args![person, limit],
        )
        .await?;
    rows.iter().map(stored).collect()
}

/// The last decision about one delivery to a person.
pub(crate) async fn decision_about(db: &Db, person: &str, key: &str) -> Result<Option<Stored>> {
    let sql = concat!(
        "SELECT delivery_key, kind, item, at, decision, reason, until FROM decision
         WHERE delivery_key = $2 AND person IN ",
        stoa_ground::rows_of!("$1"),
        " ORDER BY position DESC LIMIT 1"
    );
    db.opt(sql, args![person, key]).await?.as_ref().map(stored).transpose()
}

fn stored(row: &Row) -> Result<Stored> {
    Ok(Stored {
        key: row.get("delivery_key")?,
        kind: row.get("kind")?,
        item: row.get("item")?,
        at: row.get("at")?,
        decision: row.get("decision")?,
        reason: row.get("reason")?,
        until: row.get("until")?,
    })
}
