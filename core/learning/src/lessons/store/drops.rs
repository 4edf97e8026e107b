//! Who takes part, and which lessons are on their way or were seen.

use jiff::civil::Date;
use stoa_ground::{Conn, Instant, Result, Row, Tx, args};

use crate::lessons::plan::Standing;

/// Somebody takes part in a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Its id (UUID): the registration of statements about it.
    pub id: String,
    /// The track's id.
    pub track: String,
    /// When the person left, if so.
    pub ended: Option<Instant>,
    /// When every lesson was seen.
    pub completed: Option<Instant>,
    pub(super) joined: Instant,
    pub(super) last_drop: Option<Instant>,
}

fn read_enrolment(row: &Row) -> Result<Enrolment> {
    Ok(Enrolment {
        id: row.get("id")?,
        track: row.get("track")?,
        ended: row.get("ended")?,
        completed: row.get("completed")?,
        joined: row.get("joined")?,
        last_drop: row.get("last_drop")?,
    })
}

/// All enrolments of a person, ended ones too, oldest first.
pub async fn enrolments(conn: &Conn, person: &str) -> Result<Vec<Enrolment>> {
    let rows = conn
        .all(
            "SELECT id, track, ended, completed, joined, last_drop FROM lesson_enrolment WHERE person = $1
             ORDER BY joined, track",
            args![person],
        )
        .await?;
    rows.iter().map(read_enrolment).collect()
}

/// The person's enrolment in a track, if there ever was one.
pub async fn enrolment(conn: &Conn, person: &str, track: &str) -> Result<Option<Enrolment>> {
    Ok(enrolments(conn, person).await?.into_iter().find(|e| e.track == track))
}

/// Lets a person take part, again with what was reached when they had left. Gives the enrolment's id.
pub async fn enrol(tx: &Tx, person: &str, track: &str, source: &str) -> Result<String> {
    let row = tx
        .one(
            "INSERT INTO lesson_enrolment (id, person, track, source, joined) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (person, track) DO UPDATE SET ended = NULL, source = excluded.source RETURNING id",
            args![tx.clock().id(), person, track, source, tx.now()],
        )
        .await?;
    row.get("id")
}

/// Ends an enrolment. False when it had ended already.
pub async fn end_enrolment(tx: &Tx, id: &str) -> Result<bool> {
    let sql = "UPDATE lesson_enrolment SET ended = $2 WHERE id = $1 AND ended IS NULL";
    Ok(tx.exec(sql, args![id, tx.now()]).await? == 1)
}

/// How many people have seen a lesson.
pub async fn seen_by(conn: &Conn, lesson: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS n FROM lesson_progress WHERE lesson = $1 AND experienced IS NOT NULL";
    conn.one(sql, args![lesson]).await?.get("n")
}

/// Notes that every lesson of a track was seen. False when that was noted before.
pub async fn complete_enrolment(tx: &Tx, id: &str) -> Result<bool> {
    let sql = "UPDATE lesson_enrolment SET completed = $2 WHERE id = $1 AND completed IS NULL";
    Ok(tx.exec(sql, args![id, tx.now()]).await? == 1)
}

/// How the person stands in every track that goes on.
pub async fn standings(conn: &Conn, person: &str) -> Result<Vec<Standing>> {
    let rows = conn
        .all(
            "SELECT e.id AS id, e.track AS track, t.time AS time, e.joined AS joined, e.last_drop AS last_drop,
             (SELECT l.id FROM lesson l WHERE l.track = e.track AND l.retired = 0
              AND NOT EXISTS (SELECT 1 FROM lesson_progress p WHERE p.lesson = l.id AND p.person = $1)
              AND NOT EXISTS (SELECT 1 FROM person_alias a JOIN lesson_progress p ON p.person = a.person
                              WHERE a.stands_for = $1 AND p.lesson = l.id)
              ORDER BY l.position LIMIT 1) AS next
             FROM lesson_enrolment e JOIN track t ON t.id = e.track
             WHERE e.person = $1 AND e.ended IS NULL AND t.retired = 0 ORDER BY e.joined, e.track",
            args![person],
        )
        .await?;
    rows.iter()
        .map(|r| {
            Ok(Standing {
                enrolment: r.get("id")?,
                track: r.get("track")?,
                time: super::time(r, "time")?,
                joined: r.get("joined")?,
                last_drop: r.get("last_drop")?,
                next: r.get("next")?,
            })
        })
        .collect()
}

/// What a person had of a lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The lesson's id.
    pub lesson: String,
    /// Whether the person looked at it: asked for it, answered, or said so.
    pub experienced: bool,
}

/// The lessons that were sent to a person, also under a row that was merged into theirs.
pub async fn progress(conn: &Conn, person: &str) -> Result<Vec<Progress>> {
    let sql = concat!("SELECT lesson, experienced FROM lesson_progress WHERE person IN ", stoa_ground::rows_of!("$1"));
    let rows = conn.all(sql, args![person]).await?;
    rows.iter()
        .map(|r| {
            Ok(Progress { lesson: r.get("lesson")?, experienced: r.get::<Option<Instant>>("experienced")?.is_some() })
        })
        .collect()
}

/// Whether a person looked at a lesson.
pub async fn has_experienced(conn: &Conn, person: &str, lesson: &str) -> Result<bool> {
    let sql = concat!(
        "SELECT 1 AS one FROM lesson_progress WHERE lesson = $2 AND experienced IS NOT NULL AND person IN ",
        stoa_ground::rows_of!("$1")
    );
    Ok(conn.opt(sql, args![person, lesson]).await?.is_some())
}

/// Whether a person looked at every lesson of a track.
pub async fn has_experienced_all(conn: &Conn, person: &str, track: &str) -> Result<bool> {
    // From the last one on: as long as something is missing, that is.
    let sql = concat!(
        "SELECT l.id FROM lesson l WHERE l.track = $2 AND l.retired = 0 AND NOT EXISTS
         (SELECT 1 FROM lesson_progress p WHERE p.lesson = l.id AND p.experienced IS NOT NULL AND p.person IN ",
        stoa_ground::rows_of!("$1"),
        ") ORDER BY l.position DESC LIMIT 1"
    );
    Ok(conn.opt(sql, args![person, track]).await?.is_none())
}

/// Notes that a lesson was sent to a person.
pub async fn note_sent(tx: &Tx, drop: &LessonDrop) -> Result<()> {
    let now = tx.now();
    tx.exec("UPDATE lesson_drop SET sent = $2 WHERE key = $1 AND sent IS NULL", args![&drop.key, now]).await?;
    tx.exec(
        "INSERT INTO lesson_progress (person, lesson, version, sent) VALUES ($1, $2, $3, $4)
         ON CONFLICT (person, lesson) DO NOTHING",
        args![&drop.person, &drop.lesson, &drop.version, now],
    )
    .await?;
    if let Some(enrolment) = &drop.enrolment {
        tx.exec("UPDATE lesson_enrolment SET last_drop = $2 WHERE id = $1", args![enrolment, now]).await?;
    }
    Ok(())
}

/// Notes that the person looked at a lesson that was sent. False when that was noted before.
pub async fn note_experienced(tx: &Tx, person: &str, lesson: &str) -> Result<bool> {
    let sql = "UPDATE lesson_progress SET experienced = $3 WHERE person = $1 AND lesson = $2 AND experienced IS NULL";
    Ok(tx.exec(sql, args![person, lesson, tx.now()]).await? == 1)
}

/// A lesson on its way to a person, or there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonDrop {
    /// The delivery's key; for one that was asked for, `pull/…`.
    pub key: String,
    /// The person's id.
    pub person: String,
    /// The lesson's id.
    pub lesson: String,
    /// The version that is shown.
    pub version: String,
    /// The enrolment that it belongs to.
    pub enrolment: Option<String>,
    /// The scheduled drop that it belongs to.
    pub scheduled: Option<String>,
    /// The person's day for which it is meant.
    pub day: Date,
    /// After this it is not sent any more.
    pub expires: Instant,
    /// When it was posted, or asked for.
    pub sent: Option<Instant>,
}

macro_rules! select_drops {
    ($rest:literal) => {
        concat!(
            "SELECT key, person, lesson, version, enrolment, scheduled, day, expires, sent FROM lesson_drop ",
            $rest
        )
    };
}

fn read_drop(row: &Row) -> Result<LessonDrop> {
    Ok(LessonDrop {
        key: row.get("key")?,
        person: row.get("person")?,
        lesson: row.get("lesson")?,
        version: row.get("version")?,
        enrolment: row.get("enrolment")?,
        scheduled: row.get("scheduled")?,
        day: super::date(row, "day")?,
        expires: row.get("expires")?,
        sent: row.get("sent")?,
    })
}

/// Adds a drop. False when its key is there.
pub async fn add_drop(tx: &Tx, drop: &LessonDrop) -> Result<bool> {
    let rows = tx
        .exec(
            "INSERT INTO lesson_drop (key, person, lesson, version, enrolment, scheduled, day, expires)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (key) DO NOTHING",
            args![
                &drop.key,
                &drop.person,
                &drop.lesson,
                &drop.version,
                &drop.enrolment,
                &drop.scheduled,
                drop.day.to_string(),
                drop.expires
            ],
        )
        .await?;
    Ok(rows == 1)
}

/// The drop with this key.
pub async fn drop_by_key(conn: &Conn, key: &str) -> Result<Option<LessonDrop>> {
    let row = conn.opt(select_drops!("WHERE key = $1"), args![key]).await?;
    row.as_ref().map(read_drop).transpose()
}

/// The drop that counts as the lesson of a person's day: planned for it, sent since it `began`, or of a team and put
/// off until now.
pub async fn drop_of_day(conn: &Conn, person: &str, day: Date, began: Instant) -> Result<Option<LessonDrop>> {
    let row = conn
        .opt(
            select_drops!(
                "WHERE person = $1 AND day >= $5 AND (day = $2 OR sent >= $3
                 OR (scheduled IS NOT NULL AND sent IS NULL AND day < $2 AND expires >= $4))
                 ORDER BY (sent IS NULL), sent DESC, key LIMIT 1"
            ),
            args![person, day.to_string(), began, conn.now(), long_ago(day).to_string()],
        )
        .await?;
    row.as_ref().map(read_drop).transpose()
}

/// The first day of which a drop can still be on its way: none waits longer.
fn long_ago(day: Date) -> Date {
    day.checked_sub(jiff::Span::new().days(30)).unwrap_or(day)
}

/// The days from `from` on for which a person has a team's drop already.
pub async fn team_days(conn: &Conn, person: &str, from: Date) -> Result<Vec<Date>> {
    let rows = conn
        .all(
            "SELECT day FROM lesson_drop WHERE person = $1 AND scheduled IS NOT NULL AND day >= $2",
            args![person, from.to_string()],
        )
        .await?;
    rows.iter().map(|r| super::date(r, "day")).collect()
}

/// Whether the person's drop of this lesson was put into the outbox before without being sent.
pub async fn was_tried(conn: &Conn, person: &str, lesson: &str) -> Result<bool> {
    let sql = "SELECT key FROM lesson_drop WHERE person = $1 AND lesson = $2 LIMIT 1";
    Ok(conn.opt(sql, args![person, lesson]).await?.is_some())
}
