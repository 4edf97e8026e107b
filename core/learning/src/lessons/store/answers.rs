//! Questions that were put to people, what came back, and when they come again.

use std::collections::BTreeSet;

use jiff::civil::Date;
use stoa_ground::people::calendar::Calendar;
use stoa_ground::{Conn, Instant, Result, Row, Tx, args};

use crate::lessons::review::Memory;

/// A question that was put to a person once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its id (UUID).
    pub id: String,
    /// The person's id.
    pub person: String,
    /// The lesson's id.
    pub lesson: String,
    /// The version of the lesson that was shown.
    pub version: String,
    /// The question's id within the lesson.
    pub question: String,
    /// The key of the drop or review in which it was asked.
    pub occasion: String,
    /// What came back, and whether it was right.
    pub answer: Option<(String, bool)>,
}

macro_rules! select_attempts {
    ($rest:literal) => {
        concat!("SELECT id, person, lesson, version, question, occasion, response, correct FROM lesson_attempt ", $rest)
    };
}

fn read_attempt(row: &Row) -> Result<Attempt> {
    let response: Option<String> = row.get("response")?;
    let correct: Option<bool> = row.get("correct")?;
    Ok(Attempt {
        id: row.get("id")?,
        person: row.get("person")?,
        lesson: row.get("lesson")?,
        version: row.get("version")?,
        question: row.get("question")?,
        occasion: row.get("occasion")?,
        answer: response.zip(correct),
    })
}

/// Puts questions of lessons to a person, each as lesson, version and question, in their order.
pub async fn pose(tx: &Tx, occasion: &str, person: &str, questions: &[(&str, &str, &str)]) -> Result<()> {
    let row = |(position, (lesson, version, question)): (usize, &(&str, &str, &str))| {
        args![tx.clock().id(), person, *lesson, *version, *question, occasion, position, tx.now()]
    };
    let columns = ["id", "person", "lesson", "version", "question", "occasion", "position", "made"];
    tx.put_rows("lesson_attempt", &columns, questions.iter().enumerate().map(row).collect(), "").await.map(drop)
}

/// How many questions of the person's newest messages are looked at for one without an answer.
const NEWEST: usize = 10;

/// The questions of one drop or review, in their order.
pub async fn attempts(conn: &Conn, occasion: &str) -> Result<Vec<Attempt>> {
    let rows = conn.all(select_attempts!("WHERE occasion = $1 ORDER BY position"), args![occasion]).await?;
    rows.iter().map(read_attempt).collect()
}

/// One question that was put to a person.
pub async fn attempt(conn: &Conn, id: &str) -> Result<Option<Attempt>> {
    let row = conn.opt(select_attempts!("WHERE id = $1"), args![id]).await?;
    row.as_ref().map(read_attempt).transpose()
}

/// Stores the answer. False when there was one already, which stays.
pub async fn store_answer(tx: &Tx, id: &str, response: &str, correct: bool, day: Date) -> Result<bool> {
    let rows = tx
        .exec(
            "UPDATE lesson_attempt SET response = $2, correct = $3, answered = $4, day = $5
             WHERE id = $1 AND answered IS NULL",
            args![id, response, correct, tx.now(), day.to_string()],
        )
        .await?;
    Ok(rows == 1)
}

/// The questions that were put to a person and wait for an answer: those put last first, those of one occasion in order.
pub async fn unanswered(conn: &Conn, person: &str) -> Result<Vec<Attempt>> {
    let rows = conn
        .all(
            select_attempts!(
                "WHERE person = $1 AND answered IS NULL ORDER BY made DESC, occasion DESC, position LIMIT $2"
            ),
            args![person, NEWEST],
        )
        .await?;
    rows.iter().map(read_attempt).collect()
}

/// The occasion of the person's newest review that began since `began` and has questions without an answer.
pub async fn open_review(conn: &Conn, person: &str, began: Instant) -> Result<Option<String>> {
    let row = conn
        .opt(
            "SELECT occasion FROM lesson_attempt WHERE person = $1 AND answered IS NULL AND made >= $2
             AND substr(occasion, 1, 7) = 'review/' ORDER BY made DESC, occasion DESC LIMIT 1",
            args![person, began],
        )
        .await?;
    row.map(|r| r.get("occasion")).transpose()
}

/// The questions (lesson, question) that were put to the person since `began` and wait for an answer.
pub async fn open_questions(conn: &Conn, person: &str, began: Instant) -> Result<BTreeSet<(String, String)>> {
    let rows = conn
        .all(
            "SELECT lesson, question FROM lesson_attempt WHERE person = $1 AND answered IS NULL AND made >= $2",
            args![person, began],
        )
        .await?;
    rows.iter().map(|r| Ok((r.get("lesson")?, r.get("question")?))).collect()
}

/// The person's days on which something was learned: a question answered, or a lesson looked at.
pub async fn active_days(conn: &Conn, person: &str, calendar: &Calendar) -> Result<BTreeSet<Date>> {
    let rows = conn
        .all(
            concat!(
                "SELECT answered AS at FROM lesson_attempt WHERE answered IS NOT NULL AND person IN ",
                stoa_ground::rows_of!("$1"),
                " UNION SELECT experienced AS at FROM lesson_progress WHERE experienced IS NOT NULL AND person IN ",
                stoa_ground::rows_of!("$1")
            ),
            args![person],
        )
        .await?;
    rows.iter().map(|r| Ok(calendar.date(r.get("at")?))).collect()
}

/// What is known about the memory of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The lesson's id.
    pub lesson: String,
    /// The lesson's version now.
    pub version: String,
    /// The question's id.
    pub question: String,
    /// What is known.
    pub memory: Memory,
    /// The day on which it comes back.
    pub due: Date,
}

fn read_card(row: &Row) -> Result<Card> {
    Ok(Card {
        lesson: row.get("lesson")?,
        version: row.get("version")?,
        question: row.get("question")?,
        memory: serde_json::from_value(row.get("memory")?)?,
        due: super::date(row, "due")?,
    })
}

macro_rules! select_cards {
    ($rest:literal) => {
        concat!(
            "SELECT c.lesson AS lesson, l.version AS version, c.question AS question, c.memory AS memory, c.due AS due
             FROM lesson_card c JOIN lesson l ON l.id = c.lesson ",
            $rest
        )
    };
}

/// The card of one question.
pub async fn card(conn: &Conn, person: &str, lesson: &str, question: &str) -> Result<Option<Card>> {
    let sql = select_cards!("WHERE c.person = $1 AND c.lesson = $2 AND c.question = $3");
    let row = conn.opt(sql, args![person, lesson, question]).await?;
    row.as_ref().map(read_card).transpose()
}

/// The cards that are due on a day, longest waiting first. Lessons that are retired ask nothing any more.
pub async fn due_cards(conn: &Conn, person: &str, day: Date) -> Result<Vec<Card>> {
    let rows = conn
        .all(
            select_cards!(
                "LEFT JOIN track t ON t.id = l.track WHERE c.person = $1 AND c.due <= $2 AND l.retired = 0
                 AND COALESCE(t.retired, 0) = 0 ORDER BY c.due, c.lesson, c.question LIMIT 50"
            ),
            args![person, day.to_string()],
        )
        .await?;
    rows.iter().map(read_card).collect()
}

/// Whether any question will come back to the person.
pub async fn has_cards(conn: &Conn, person: &str) -> Result<bool> {
    Ok(conn.opt("SELECT lesson FROM lesson_card WHERE person = $1 LIMIT 1", args![person]).await?.is_some())
}

/// Stores what is known after an answer.
pub async fn put_card(
    tx: &Tx,
    person: &str,
    (lesson, question): (&str, &str),
    (memory, due): (Memory, Date),
    answered: Date,
) -> Result<()> {
    tx.exec(
        "INSERT INTO lesson_card (person, lesson, question, memory, due, answered) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (person, lesson, question) DO UPDATE SET memory = excluded.memory, due = excluded.due,
         answered = excluded.answered",
        args![person, lesson, question, serde_json::to_string(&memory)?, due.to_string(), answered.to_string()],
    )
    .await?;
    Ok(())
}
