//! Courses in the store: content by its digest, the current version by the ledger, pages in the library.

use std::path::Path;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::json;
use stoa_ground::ledger::{Entry, Projection, Record};
use stoa_ground::{Conn, Db, Error, Result, Tx, args};

use super::super::evaluate;
use super::{Course, check_dir};
use crate::Services;
use crate::library;

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
}

/// Writes `course` from the ledger's records about `course/<id>`. Kind: `published`; data: `{"title", "version"}`.
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
        tx.exec(
            "INSERT INTO course (id, title, version, published) VALUES ($1, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE SET title = excluded.title, version = excluded.version, published = excluded.published",
            args![id, text("title"), text("version"), record.at],
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
    let row = tx.opt("SELECT version FROM course WHERE id = $1", args![&course.id]).await?;
    let was: Option<String> = row.map(|r| r.get("version")).transpose()?;
    let changed = was.as_ref() != Some(&version);
    if changed {
        let entry = Entry {
            subject: format!("course/{}", course.id),
            kind: "published",
            actor: "operator".into(),
            reason: if was.is_some() { "the content has changed".into() } else { "the course is new".into() },
            data: json!({ "title": course.title, "version": version }),
        };
        services.ledger.append(tx, entry).await?;
        evaluate::content_changed(tx, &course.id).await?;
    }
    put_pages(tx, course).await?;
    Ok(Applied { course: course.id.clone(), title: course.title.clone(), version, changed })
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

/// All courses: id, title and version, by id.
///
/// # Errors
/// The database's error.
pub async fn courses(conn: &Conn) -> Result<Vec<(String, String, String)>> {
    let rows = conn.all("SELECT id, title, version FROM course ORDER BY id", args![]).await?;
    rows.iter().map(|r| Ok((r.get("id")?, r.get("title")?, r.get("version")?))).collect()
}
