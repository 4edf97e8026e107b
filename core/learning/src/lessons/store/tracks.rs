//! Tracks, lessons and every version of them.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use jiff::civil::Time;
use stoa_ground::{Conn, Result, Row, Tx, args};

use crate::lessons::content::Content;
use crate::lessons::folder::TrackDraft;

/// A track as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Its id: the folder's name.
    pub id: String,
    /// Plain text.
    pub title: String,
    /// One sentence, plain text.
    pub description: String,
    /// Employee id of who answers for it.
    pub owner: Option<String>,
    /// The time of day at which its lessons come.
    pub time: Time,
    /// BCP 47 tag of its texts.
    pub language: Option<String>,
    /// Nothing of it is sent any more.
    pub retired: bool,
    /// How many lessons it has.
    pub lessons: usize,
}

/// A lesson as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// `<track>/<slug>`, or `drop/<id>` for one that stands alone.
    pub id: String,
    /// Its track.
    pub track: Option<String>,
    /// Digest of its content now.
    pub version: String,
    /// It is gone from its track.
    pub retired: bool,
}

macro_rules! select_tracks {
    ($rest:literal) => {
        concat!(
            "SELECT id, title, description, owner, time, language, retired,
             (SELECT COUNT(*) FROM lesson WHERE lesson.track = track.id AND lesson.retired = 0) AS lessons FROM track ",
            $rest
        )
    };
}

fn read_track(row: &Row) -> Result<Track> {
    Ok(Track {
        id: row.get("id")?,
        title: row.get("title")?,
        description: row.get("description")?,
        owner: row.get("owner")?,
        time: super::time(row, "time")?,
        language: row.get("language")?,
        retired: row.get("retired")?,
        lessons: row.get("lessons")?,
    })
}

/// The tracks that one can take, by title.
pub async fn tracks(conn: &Conn) -> Result<Vec<Track>> {
    let rows = conn.all(select_tracks!("WHERE retired = 0 ORDER BY title, id"), args![]).await?;
    rows.iter().map(read_track).collect()
}

/// One track, retired or not.
pub async fn track(conn: &Conn, id: &str) -> Result<Option<Track>> {
    let row = conn.opt(select_tracks!("WHERE id = $1"), args![id]).await?;
    row.as_ref().map(read_track).transpose()
}

/// Whether a track is there and not retired.
pub async fn is_open(conn: &Conn, id: &str) -> Result<bool> {
    Ok(conn.opt("SELECT id FROM track WHERE id = $1 AND retired = 0", args![id]).await?.is_some())
}

/// Where a lesson stands in its track: the track's title, the lesson's number from 1, and how many lessons there are.
pub async fn place_in_track(conn: &Conn, track: &str, lesson: &str) -> Result<Option<(String, usize, usize)>> {
    let row = conn
        .opt(
            "SELECT t.title AS title, (SELECT COUNT(*) FROM lesson WHERE track = $1 AND retired = 0) AS lessons,
             (SELECT COUNT(*) FROM lesson WHERE track = $1 AND retired = 0 AND position <= l.position) AS number
             FROM track t JOIN lesson l ON l.track = t.id WHERE t.id = $1 AND l.id = $2 AND l.retired = 0",
            args![track, lesson],
        )
        .await?;
    row.map(|r| Ok((r.get("title")?, r.get("number")?, r.get("lessons")?))).transpose()
}

/// The titles of all tracks, by id.
pub async fn titles(conn: &Conn) -> Result<std::collections::BTreeMap<String, String>> {
    let rows = conn.all("SELECT id, title FROM track", args![]).await?;
    rows.iter().map(|r| Ok((r.get("id")?, r.get("title")?))).collect()
}

fn read_lesson(row: &Row) -> Result<Lesson> {
    Ok(Lesson {
        id: row.get("id")?,
        track: row.get("track")?,
        version: row.get("version")?,
        retired: row.get("retired")?,
    })
}

/// One lesson, retired or not.
pub async fn lesson(conn: &Conn, id: &str) -> Result<Option<Lesson>> {
    let row = conn.opt("SELECT id, track, version, retired FROM lesson WHERE id = $1", args![id]).await?;
    row.as_ref().map(read_lesson).transpose()
}

/// The lessons of a track in their order.
pub async fn lessons_of(conn: &Conn, track: &str) -> Result<Vec<Lesson>> {
    let rows = conn
        .all(
            "SELECT id, track, version, retired FROM lesson WHERE track = $1 AND retired = 0 ORDER BY position",
            args![track],
        )
        .await?;
    rows.iter().map(read_lesson).collect()
}

/// Contents that were read before, by digest: what has this digest never changes, whatever store it is in.
static CONTENTS: OnceLock<Mutex<HashMap<String, Content>>> = OnceLock::new();
/// So many are kept; then it begins anew.
const KEPT: usize = 2_000;

/// What a lesson said in one version.
pub async fn content(conn: &Conn, lesson: &str, version: &str) -> Result<Option<Content>> {
    let kept = CONTENTS.get_or_init(Mutex::default);
    if let Some(content) = kept.lock().unwrap_or_else(PoisonError::into_inner).get(version) {
        return Ok(Some(content.clone()));
    }
    let content = read_content(conn, lesson, version).await?;
    if let Some(content) = &content {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(version.to_owned(), content.clone());
    }
    Ok(content)
}

async fn read_content(conn: &Conn, lesson: &str, version: &str) -> Result<Option<Content>> {
    let row = conn
        .opt(
            "SELECT title, minutes, body, questions FROM lesson_version WHERE lesson = $1 AND digest = $2",
            args![lesson, version],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Content {
        title: row.get("title")?,
        minutes: row.get("minutes")?,
        body: row.get("body")?,
        questions: serde_json::from_value(row.get("questions")?)?,
    }))
}

/// Keeps a content under its digest, and gives the digest. Nothing points at it yet.
pub async fn keep_version(tx: &Tx, lesson: &str, content: &Content) -> Result<String> {
    let digest = content.digest()?;
    tx.exec(
        "INSERT INTO lesson_version (lesson, digest, title, minutes, body, questions, stored)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (lesson, digest) DO NOTHING",
        args![
            lesson,
            &digest,
            &content.title,
            content.minutes,
            &content.body,
            serde_json::to_string(&content.questions)?,
            tx.now()
        ],
    )
    .await?;
    Ok(digest)
}

/// Adds a lesson that stands alone.
pub async fn add_lesson(tx: &Tx, id: &str, version: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO lesson (id, track, position, version, retired) VALUES ($1, NULL, 0, $2, 0)
         ON CONFLICT (id) DO UPDATE SET version = excluded.version, retired = 0",
        args![id, version],
    )
    .await?;
    Ok(())
}

/// What is different in a track after it was applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switched {
    /// Lessons that are new, or are back.
    pub added: usize,
    /// Lessons with another content.
    pub changed: usize,
    /// Lessons that are gone from the folder: their ids.
    pub removed: Vec<String>,
}

/// Lets a track be what its folder says; the contents of its lessons are kept already, `versions` are their digests.
pub async fn switch_track(tx: &Tx, draft: &TrackDraft, versions: &[String]) -> Result<Switched> {
    tx.exec(
        "INSERT INTO track (id, title, description, owner, time, language, retired, updated)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET title = excluded.title,
         description = excluded.description, owner = excluded.owner, time = excluded.time, language = excluded.language,
         retired = excluded.retired, updated = excluded.updated",
        args![
            &draft.id,
            &draft.title,
            &draft.description,
            &draft.owner,
            &draft.time,
            &draft.language,
            draft.retired,
            tx.now()
        ],
    )
    .await?;
    let before = lessons_of(tx, &draft.id).await?;
    let mut switched = Switched::default();
    for ((position, lesson), version) in draft.lessons.iter().enumerate().zip(versions) {
        match before.iter().find(|b| b.id == lesson.id) {
            None => switched.added += 1,
            Some(was) if was.version != *version => switched.changed += 1,
            Some(_) => {}
        }
        tx.exec(
            "INSERT INTO lesson (id, track, position, version, retired) VALUES ($1, $2, $3, $4, 0)
             ON CONFLICT (id) DO UPDATE SET track = excluded.track, position = excluded.position,
             version = excluded.version, retired = 0",
            args![&lesson.id, &draft.id, position, version],
        )
        .await?;
    }
    for gone in before.into_iter().filter(|b| draft.lessons.iter().all(|l| l.id != b.id)) {
        tx.exec("UPDATE lesson SET retired = 1 WHERE id = $1", args![&gone.id]).await?;
        switched.removed.push(gone.id);
    }
    Ok(switched)
}
