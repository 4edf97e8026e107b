//! The rows of questions, votes and gaps.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use stoa_flow::delivery;
use stoa_ground::{Conn, Instant, Result, Row, Tx, args};

use crate::answers::Answer;

/// Posted answers that are brought up to date at most when a document changes.
const REVISED: i64 = 200;

/// An answer as it is kept: with the versions of the passages that it quotes or names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub answer: Answer,
    /// Passage id to version.
    pub versions: BTreeMap<String, String>,
}

/// A question that was asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    pub id: String,
    /// Who asked; none for an account that belongs to nobody.
    pub person: Option<String>,
    pub platform: String,
    pub channel: String,
    /// Key of the event that asked.
    pub event: String,
    pub text: String,
    /// None when it was written by another version of the program.
    pub answer: Option<Kept>,
    pub abstained: bool,
    pub gap: Option<String>,
    pub statement: Option<String>,
    pub asked: Instant,
}

pub(super) async fn insert(tx: &Tx, question: &Question) -> Result<()> {
    tx.exec(
        "INSERT INTO question (id, person, platform, channel, event, text, answer, abstained, gap, statement, asked)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        args![
            &question.id,
            &question.person,
            &question.platform,
            &question.channel,
            &question.event,
            &question.text,
            serde_json::to_string(&question.answer)?,
            question.abstained,
            &question.gap,
            &question.statement,
            question.asked
        ],
    )
    .await?;
    let Some(kept) = &question.answer else { return Ok(()) };
    let documents: BTreeSet<&String> = kept.answer.citations.iter().map(|c| &c.document).collect();
    for document in documents {
        let sql = "INSERT INTO question_document (question, document) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        tx.exec(sql, args![&question.id, document]).await?;
    }
    Ok(())
}

/// `SELECT` of all columns that [`Question`] has.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, person, platform, channel, event, text, answer, abstained, gap, statement, asked FROM question ",
            $rest
        )
    };
}

fn read(row: &Row) -> Result<Question> {
    Ok(Question {
        id: row.get("id")?,
        person: row.get("person")?,
        platform: row.get("platform")?,
        channel: row.get("channel")?,
        event: row.get("event")?,
        text: row.get("text")?,
        answer: serde_json::from_str(&row.get::<String>("answer")?).unwrap_or_default(),
        abstained: row.get("abstained")?,
        gap: row.get("gap")?,
        statement: row.get("statement")?,
        asked: row.get("asked")?,
    })
}

pub(super) async fn question(conn: &Conn, id: &str) -> Result<Option<Question>> {
    conn.opt(select!("WHERE id = $1"), args![id]).await?.as_ref().map(read).transpose()
}

/// What a person asked, oldest first.
pub(super) async fn questions_of(conn: &Conn, person: &str) -> Result<Vec<Question>> {
    conn.all(select!("WHERE person = $1 ORDER BY asked, id"), args![person]).await?.iter().map(read).collect()
}

/// Takes away a question with its votes; gives the statements about it.
pub(super) async fn delete(tx: &Tx, question: &Question) -> Result<Vec<String>> {
    let votes = tx.all("SELECT statement FROM answer_vote WHERE question = $1", args![&question.id]).await?;
    let mut statements: Vec<String> = votes.iter().map(|r| r.get("statement")).collect::<Result<_>>()?;
    statements.extend(question.statement.clone());
    for sql in [
        "DELETE FROM answer_vote WHERE question = $1",
        "DELETE FROM question_document WHERE question = $1",
        "DELETE FROM question WHERE id = $1",
    ] {
        tx.exec(sql, args![&question.id]).await?;
    }
    if let Some(gap) = &question.gap {
        tx.exec("UPDATE gap SET count = count - 1 WHERE id = $1", args![gap]).await?;
        tx.exec("DELETE FROM gap WHERE id = $1 AND count <= 0", args![gap]).await?;
        // What stays is somebody else's question: in their words.
        let other = tx.opt("SELECT text FROM question WHERE gap = $1 ORDER BY asked LIMIT 1", args![gap]).await?;
        if let Some(other) = other {
            tx.exec("UPDATE gap SET text = $2 WHERE id = $1", args![gap, other.get::<String>("text")?]).await?;
        }
    }
    Ok(statements)
}

/// Counts a question that has no good answer; gives the gap's id.
pub(super) async fn note_gap(tx: &Tx, key: &str, text: &str) -> Result<String> {
    let row = tx
        .one(
            "INSERT INTO gap (id, key, text, count, first, last) VALUES ($1, $2, $3, 1, $4, $4)
             ON CONFLICT (key) DO UPDATE SET count = gap.count + 1, last = excluded.last RETURNING id",
            args![tx.clock().id(), key, text, tx.now()],
        )
        .await?;
    row.get("id")
}

pub(super) async fn set_gap(tx: &Tx, question: &str, gap: &str) -> Result<()> {
    tx.exec("UPDATE question SET gap = $2 WHERE id = $1", args![question, gap]).await?;
    Ok(())
}

/// A person's judgement of an answer: whether it helped, and the statement about it.
pub(super) async fn vote(conn: &Conn, question: &str, person: &str) -> Result<Option<(bool, String)>> {
    let sql = "SELECT helpful, statement FROM answer_vote WHERE question = $1 AND person = $2";
    let row = conn.opt(sql, args![question, person]).await?;
    row.map(|r| Ok((r.get("helpful")?, r.get("statement")?))).transpose()
}

pub(super) async fn set_vote(
    tx: &Tx,
    question: &str,
    person: &str,
    helpful: bool,
    missing: Option<&str>,
    statement: &str,
) -> Result<()> {
    tx.exec(
        "INSERT INTO answer_vote (question, person, helpful, missing, statement, voted) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (question, person) DO UPDATE SET helpful = excluded.helpful, statement = excluded.statement,
         missing = COALESCE(excluded.missing, answer_vote.missing), voted = excluded.voted",
        args![question, person, helpful, missing, statement, tx.now()],
    )
    .await?;
    Ok(())
}

/// Asks that posted answers which quote a document be rendered again.
pub(super) async fn revise_citing(tx: &Tx, document: &str) -> Result<()> {
    let rows = tx
        .all(
            "SELECT q.event FROM question q JOIN question_document d ON d.question = q.id
             WHERE d.document = $1 ORDER BY q.asked DESC LIMIT $2",
            args![document, REVISED],
        )
        .await?;
    for row in rows {
        delivery::revise(tx, &format!("reply/{}/", row.get::<String>("event")?)).await?;
    }
    Ok(())
}
