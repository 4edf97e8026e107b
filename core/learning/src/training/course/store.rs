//! Courses in the store: content by its digest, the current version by the ledger, pages in the library.

use std::path::Path;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::json;
use stoa_ground::ledger::{Entry, Projection, Record};
use stoa_ground::{Conn, Db, Error, Instant, Result, Tx, args};

use super::super::evaluate;
use super::{Course, Mapping, Particulars, check_dir};
use crate::Services;
use crate::library;
use crate::training::assignment::Assignment;
use crate::training::{attest, requirement};

/// The library's source for pages of courses.
pub(crate) const SOURCE: &str = "courses";

/// What [`apply_dir`] did with one course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// The course's id.
    pub course: String,
    /// Its title.
    pub title: String,
    /// Its version now.
    pub version: String,
    /// Whether this version is new.
    pub changed: bool,
    /// Whether who teaches it, or what counts elsewhere, is different from before.
    pub particulars: bool,
    /// What does no harm and may be a mistake, as sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Writes `course` from the ledger's records about `course/<id>`. Kind: `published`; data: `{"title", "version",
/// "particulars"?}`.
pub struct CourseProjection;

#[async_trait]
impl Projection for CourseProjection {
    fn subject(&self) -> &'static str {
        "course"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["course"]
    }

    async fn apply(&self, tx: &Tx, record: &Record) -> Result<()> {
        let id = record.subject.strip_prefix("course/").unwrap_or_default();
        let text = |name: &str| record.data[name].as_str().unwrap_or_default().to_owned();
        let particulars = record.data.get("particulars").filter(|p| !p.is_null()).map(ToString::to_string);
        tx.exec(
            "INSERT INTO course (id, title, version, published, particulars) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET title = excluded.title, version = excluded.version,
               published = excluded.published, particulars = excluded.particulars",
            args![id, text("title"), text("version"), record.at, particulars],
        )
        .await?;
        Ok(())
    }

    fn class(&self, _kind: &str) -> &'static str {
        "content"
    }
}

/// Brings the courses of a folder into the store and their pages into the library. What is unchanged stays as it is.
///
/// # Errors
/// As [`check_dir`]; nothing is changed then. The database's error.
pub async fn apply_dir(db: &Db, services: &Services, dir: &Path) -> Result<Vec<Applied>> {
    let courses = check_dir(dir)?;
    let mut applied = Vec::new();
    for course in &courses {
        applied.push(db.write(|tx| async move { apply(&tx, services, course).await }).await?);
    }
    Ok(applied)
}

async fn apply(tx: &Tx, services: &Services, course: &Course) -> Result<Applied> {
    let content = course.canonical()?;
    let version = super::digest(&content);
    tx.exec(
        "INSERT INTO course_version (digest, course, title, content, stored) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (digest) DO NOTHING",
        args![&version, &course.id, &course.title, content, tx.now()],
    )
    .await?;
    if let Err(why) = attest::available(services, course.attestation_level) {
        return Err(Error::invalid(format!("course '{}': attestation_level {why}", course.id)));
    }
    if course.attestation.is_none() {
        let all = requirement::all(tx).await?;
        if let Some(r) =
            all.iter().find(|r| r.active && r.course == course.id && r.attestation != attest::Level::default())
        {
            return Err(Error::invalid(format!(
                "course '{}': the requirement '{}' demands {}, and attestation is missing",
                course.id,
                r.id,
                r.attestation.name()
            )));
        }
    }
    let row = tx.opt("SELECT version FROM course WHERE id = $1", args![&course.id]).await?;
    let was: Option<String> = row.map(|r| r.get("version")).transpose()?;
    let changed = was.as_ref() != Some(&version);
    let particulars = match &was {
        Some(_) => self::particulars(tx, &course.id).await? != course.particulars,
        None => false,
    };
    if changed || particulars {
        let reason = match (&was, changed) {
            (None, _) => "the course is new",
            (_, true) => "the content has changed",
            (_, false) => "who teaches it, or what counts elsewhere, has changed",
        };
        let mut data = json!({ "title": course.title, "version": version });
        if course.particulars != Particulars::default() {
            data["particulars"] = serde_json::to_value(&course.particulars)?;
        }
        let entry = Entry {
            subject: format!("course/{}", course.id),
            kind: "published",
            actor: "operator".into(),
            reason: reason.into(),
            data,
        };
        services.ledger.append(tx, entry).await?;
        if changed {
            evaluate::content_changed(tx, &course.id).await?;
        }
    }
    put_pages(tx, course).await?;
    let warnings = course.particulars.unknown(tx).await?;
    Ok(Applied { course: course.id.clone(), title: course.title.clone(), version, changed, particulars, warnings })
}

/// The pages as documents that answers find; pages that are gone are retired.
async fn put_pages(tx: &Tx, course: &Course) -> Result<()> {
    let mut locations = Vec::new();
    for page in &course.pages {
        let location = format!("{}/{}", course.id, page.file);
        let item = library::Item {
            source: SOURCE.into(),
            location: location.clone(),
            title: format!("{}: {}", course.title, page.title),
            language: Some(course.language.clone()),
            owner: course.owner.clone(),
            readers: vec!["everyone".into()],
            verified: true,
            sections: vec![library::Section { headings: Vec::new(), anchor: None, text: page.text.clone() }],
            ..library::Item::default()
        };
        library::put(tx, &item).await?;
        locations.push(location);
    }
    let prefix = format!("{}/", course.id);
    for document in library::documents(tx).await? {
        if document.source == SOURCE
            && document.status == library::Status::Live
            && document.location.starts_with(&prefix)
            && !locations.contains(&document.location)
        {
            library::retire(tx, SOURCE, &document.location, "the page was taken out of the course").await?;
        }
    }
    Ok(())
}

/// The version of a course that counts now.
///
/// # Errors
/// [`Error::NotFound`] when there is no such course; the database's error.
pub async fn current(conn: &Conn, course: &str) -> Result<String> {
    let row = conn.opt("SELECT version FROM course WHERE id = $1", args![course]).await?;
    row.ok_or_else(|| Error::NotFound(format!("the course '{course}'")))?.get("version")
}

/// The version of its course that an assignment is read in, and its content: the one that was begun, else the one that counts
/// now.
///
/// # Errors
/// [`Error::NotFound`] when there is no such course; the database's error.
pub(in crate::training) async fn read_in(conn: &Conn, a: &Assignment) -> Result<(String, Course)> {
    let version = match &a.course_version {
        Some(version) => version.clone(),
        None => current(conn, &a.course).await?,
    };
    let content = content(conn, &version).await?;
    Ok((version, content))
}

/// A version's content, exactly as it was shown.
///
/// # Errors
/// [`Error::NotFound`] when there is no such version; the database's error.
pub async fn content(conn: &Conn, version: &str) -> Result<Course> {
    let row = conn.opt("SELECT content FROM course_version WHERE digest = $1", args![version]).await?;
    let row = row.ok_or_else(|| Error::NotFound(format!("the course version {version}")))?;
    Ok(serde_json::from_str(&row.get::<String>("content")?)?)
}

/// The title of a course as it is now.
///
/// # Errors
/// [`Error::NotFound`] when there is no such course; the database's error.
pub async fn title(conn: &Conn, course: &str) -> Result<String> {
    let row = conn.opt("SELECT title FROM course WHERE id = $1", args![course]).await?;
    row.ok_or_else(|| Error::NotFound(format!("the course '{course}'")))?.get("title")
}

/// Who teaches a course and what counts elsewhere, as it is now; nothing for one that is not there.
///
/// # Errors
/// The database's error.
pub async fn particulars(conn: &Conn, course: &str) -> Result<Particulars> {
    let row = conn.opt("SELECT particulars FROM course WHERE id = $1", args![course]).await?;
    let text: Option<String> = row.map(|r| r.get("particulars")).transpose()?.flatten();
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default())
}

/// The rules of all courses by which statements of other systems count: course and rules.
pub(in crate::training) async fn mappings(conn: &Conn) -> Result<Vec<(String, Vec<Mapping>)>> {
    let sql = "SELECT id, particulars FROM course WHERE particulars LIKE '%\"completed_by\"%' ORDER BY id";
    let rows = conn.all(sql, args![]).await?;
    let rules = rows.iter().map(|row| {
        let particulars: Particulars = serde_json::from_str(&row.get::<String>("particulars")?)?;
        Ok((row.get("id")?, particulars.completed_by))
    });
    rules.collect()
}

/// When the first version of a course came into the store.
///
/// # Errors
/// The database's error.
pub async fn first_stored(conn: &Conn, course: &str) -> Result<Option<Instant>> {
    let row = conn.one("SELECT MIN(stored) AS first FROM course_version WHERE course = $1", args![course]).await?;
    row.get("first")
}

/// All courses: id, title and version, by id.
///
/// # Errors
/// The database's error.
pub async fn courses(conn: &Conn) -> Result<Vec<(String, String, String)>> {
    let rows = conn.all("SELECT id, title, version FROM course ORDER BY id", args![]).await?;
    rows.iter().map(|r| Ok((r.get("id")?, r.get("title")?, r.get("version")?))).collect()
}
