//! What a change leads to: when a document is changed, deprecated or withdrawn, the answers, saved pages, lessons, courses
//! and people that relied on it are found, posted answers are brought up to date, and owners and the learning team are
//! told once. Records of what was learned are never touched.
//!
//! People are numbers here: who asked what is nobody's business. A lesson or a course relies on a document when its text
//! names the document's address or path.

mod report;
mod store;

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use stoa_flow::{Follower, Parts, schedule};
use stoa_ground::{Conn, Instant, Result, Tx};

use crate::answers::{self, Relied};
use crate::library::{self, Document, Status};
use crate::{Services, lessons, training};

/// The shortest location that is looked for in lessons: a shorter one stands in many a text by chance.
const NAMED: usize = 6;
/// How old a change may be to be told.
const NEWS: i64 = 7 * Instant::DAY;
/// How long changes are gathered before they are told.
const GATHER: i64 = Instant::HOUR;

/// The delivery kind, the job and the follower.
#[must_use]
pub fn parts(_services: &Arc<Services>) -> Parts {
    Parts {
        kinds: vec![Box::new(report::Report)],
        jobs: vec![Arc::new(report::Tell)],
        followers: vec![Arc::new(Follow)],
        ..Parts::default()
    }
}

/// What happened to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It says something else now.
    Changed,
    /// It should not be relied on any more.
    Deprecated,
    /// It is gone.
    Withdrawn,
}

impl What {
    const ALL: [Self; 3] = [Self::Changed, Self::Deprecated, Self::Withdrawn];

    fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Deprecated => "deprecated",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A lesson or a course page that relied on a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dependant {
    /// Its title.
    pub title: String,
    /// `lessons` or `courses`.
    pub source: String,
    /// Its location there.
    pub location: String,
    /// People who have seen or completed it.
    pub people: i64,
    /// People who have it before them.
    pub open: i64,
}

/// What relied on a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Impact {
    /// The document's title.
    pub title: String,
    /// Its source.
    pub source: String,
    /// Its location there.
    pub location: String,
    /// What happened to it, if something did.
    pub what: Option<What>,
    /// When, if something did.
    pub at: Option<Instant>,
    /// Through answers.
    #[serde(flatten)]
    pub relied: Relied,
    /// Lessons and course pages, the document itself when it is one.
    pub dependants: Vec<Dependant>,
}

impl Impact {
    /// Whether nothing relied on it.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.relied == Relied::default()
            && self.dependants.iter().all(|d| d.people + d.open == 0 && d.source == self.source)
    }
}

/// What relies on a document today.
///
/// # Errors
/// The database's error.
pub async fn of(conn: &Conn, document: &Document) -> Result<Impact> {
    impact(conn, document, None, Instant(i64::MAX)).await
}

/// What relied on documents that were changed, deprecated or withdrawn since an instant, newest first.
///
/// # Errors
/// The database's error.
pub async fn since(conn: &Conn, from: Instant) -> Result<Vec<Impact>> {
    let mut all = Vec::new();
    for row in store::since(conn, from).await? {
        if let Some(document) = library::document(conn, &row.document).await? {
            all.push(impact(conn, &document, Some(row.what), row.at).await?);
        }
    }
    Ok(all)
}

async fn impact(conn: &Conn, document: &Document, what: Option<What>, before: Instant) -> Result<Impact> {
    let mut dependants = Vec::new();
    if let Some(itself) = people_of(conn, document).await? {
        dependants.push(itself);
    }
    if document.location.chars().count() >= NAMED {
        for id in store::naming(conn, &document.location).await? {
            let Some(other) = library::document(conn, &id).await? else { continue };
            // A lesson that was written afterwards knew the change.
            if other.id != document.id && other.updated < before {
                dependants.extend(people_of(conn, &other).await?);
            }
        }
    }
    Ok(Impact {
        title: document.title.clone(),
        source: document.source.clone(),
        location: document.location.clone(),
        what,
        at: what.map(|_| before),
        relied: answers::relied_on(conn, &document.id, before).await?,
        dependants,
    })
}

/// Who learned a document that is a lesson or a page of a course.
async fn people_of(conn: &Conn, document: &Document) -> Result<Option<Dependant>> {
    let (people, open) = match document.source.as_str() {
        "lessons" => (lessons::seen_by(conn, &document.location).await?, 0),
        "courses" => {
            let course = document.location.split('/').next().unwrap_or_default();
            training::assignment::learners_of(conn, course).await?
        }
        _ => return Ok(None),
    };
    let (title, source, location) = (document.title.clone(), document.source.clone(), document.location.clone());
    Ok(Some(Dependant { title, source, location, people, open }))
}

/// Follows the library: posted answers are rendered again, and what had dependants is noted for the report.
struct Follow;

#[async_trait]
impl Follower for Follow {
    fn name(&self) -> &'static str {
        "impact"
    }

    fn topic(&self) -> &'static str {
        library::TOPIC
    }

    async fn follow(&self, tx: &Tx, key: &str) -> Result<()> {
        let Some(document) = library::document(tx, key).await? else { return Ok(()) };
        let versions = library::versions_of(tx, key).await?;
        if versions.len() < 2 && document.status == Status::Live {
            // New, or only its details changed: readers, for one, matter to what is posted.
            return answers::revise_citing(tx, key).await;
        }
        answers::revise_citing(tx, key).await?;
        let (what, at) = match document.status {
            Status::Live => {
                let now = versions.iter().find(|v| v.digest == document.version);
                (What::Changed, now.map_or(document.updated, |v| v.stored))
            }
            Status::Deprecated => (What::Deprecated, document.updated),
            Status::Retired => (What::Withdrawn, document.updated),
        };
        // A follower that begins late goes through everything that ever changed: that is no news.
        if at < tx.now().plus(-NEWS) {
            return Ok(());
        }
        if store::is_known(tx, key, &document.version, what).await?
            || impact(tx, &document, Some(what), at).await?.is_nothing()
        {
            return Ok(());
        }
        store::note(tx, key, &document.version, what, at).await?;
        if schedule::due(tx, report::JOB).await?.is_none() {
            schedule::put(tx, report::JOB, report::JOB, tx.now().plus(GATHER), &serde_json::Value::Null).await?;
        }
        Ok(())
    }
}
