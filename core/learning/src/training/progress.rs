//! Where a person is in a course. Not evidence: what counts is in the ledger.

use serde_json::Value as Json;
use stoa_ground::{Conn, Instant, Result, Tx, args};

use super::assignment::Assignment;
use super::course::Course;

/// Where a person is in a course.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The page shown last, from 1; 0 for none.
    pub page: usize,
    /// The last page ever shown, from 1.
    pub furthest: usize,
    /// When a page was turned last.
    pub turned: Option<Instant>,
    /// Active reading time in microseconds.
    pub active: i64,
    /// The number of the attempt at the quiz that is under way, from 1; 0 for none.
    pub attempt: u32,
    /// The answers of this attempt so far.
    pub answers: Vec<usize>,
    /// When the person wants to do it.
    pub planned: Option<Instant>,
    /// How often they said when.
    pub plans: u32,
    /// Under which token the calendar file about that lies, where one was offered.
    pub calendar: Option<String>,
}

/// What comes next in a course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// This page, from 1.
    Page(usize),
    /// Reading went too fast: so many microseconds are missing.
    Wait(i64),
    /// The quiz can begin.
    QuizReady,
    /// This question, from 0.
    Question(usize),
    /// All attempts are used.
    NoAttempts,
    /// The attestation.
    Attest,
    /// Nothing is missing.
    Finish,
    /// It is completed, or ended otherwise.
    Closed,
}

impl Progress {
    /// A page is shown, or the reading ends: the time since the last turn counts, as far as somebody reads the page that
    /// was shown.
    pub fn turn(&mut self, course: &Course, now: Instant) {
        let page = self.page.checked_sub(1).and_then(|n| course.pages.get(n));
        if let (Some(turned), Some(page)) = (self.turned, page) {
            self.active += (now.0 - turned.0).clamp(0, page.longest_read());
        }
        self.turned = Some(now);
    }

    /// This page is shown.
    pub fn show(&mut self, page: usize) {
        self.page = page;
        self.furthest = self.furthest.max(page);
    }
}

/// How many attempts at the quiz the person has in all.
pub(crate) fn allowed(course: &Course, a: &Assignment) -> u32 {
    course.attempts.saturating_add(a.extra_attempts)
}

/// What comes next.
pub(crate) fn point(course: &Course, a: &Assignment, progress: &Progress) -> Point {
    if !a.state.is_open() {
        return Point::Closed;
    }
    if progress.furthest < course.pages.len() {
        return Point::Page(progress.page.clamp(1, course.pages.len()));
    }
    if progress.active < course.min_active() {
        return Point::Wait(course.min_active() - progress.active);
    }
    if !course.questions.is_empty() && !a.passed {
        if progress.attempt == a.attempts + 1 && progress.answers.len() < course.questions.len() {
            return Point::Question(progress.answers.len());
        }
        return if a.attempts >= allowed(course, a) { Point::NoAttempts } else { Point::QuizReady };
    }
    if course.attestation.is_some() && a.attested.is_none() { Point::Attest } else { Point::Finish }
}

/// The progress of an assignment; nothing yet when there is none.
pub(crate) async fn load(conn: &Conn, assignment: &str) -> Result<Progress> {
    let row = conn
        .opt(
            "SELECT page, furthest, turned, active, attempt, answers, planned, plans, calendar FROM course_progress
             WHERE assignment = $1",
            args![assignment],
        )
        .await?;
    let Some(row) = row else { return Ok(Progress::default()) };
    let turned: Instant = row.get("turned")?;
    Ok(Progress {
        page: row.get("page")?,
        furthest: row.get("furthest")?,
        turned: (turned.0 > 0).then_some(turned),
        active: row.get("active")?,
        attempt: row.get("attempt")?,
        answers: serde_json::from_value(row.get::<Json>("answers")?)?,
        planned: row.get("planned")?,
        plans: row.get("plans")?,
        calendar: row.get("calendar")?,
    })
}

/// Stores it.
pub(crate) async fn store(tx: &Tx, assignment: &str, p: &Progress) -> Result<()> {
    tx.exec(
        "INSERT INTO course_progress (assignment, page, furthest, turned, active, attempt, answers, planned, plans, calendar)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (assignment) DO UPDATE SET page = excluded.page, furthest = excluded.furthest,
           turned = excluded.turned, active = excluded.active, attempt = excluded.attempt, answers = excluded.answers,
           planned = excluded.planned, plans = excluded.plans, calendar = excluded.calendar",
        args![
            assignment,
            p.page,
            p.furthest,
            p.turned.map_or(0, |t| t.0),
            p.active,
            p.attempt,
            serde_json::to_string(&p.answers)?,
            p.planned,
            p.plans,
            &p.calendar
        ],
    )
    .await?;
    Ok(())
}

/// The assignment whose calendar file lies under a token.
pub(crate) async fn by_calendar(conn: &Conn, token: &str) -> Result<Option<String>> {
    let row = conn.opt("SELECT assignment FROM course_progress WHERE calendar = $1", args![token]).await?;
    row.map(|r| r.get("assignment")).transpose()
}
