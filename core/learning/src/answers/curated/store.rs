//! The rows of curated answers.

use jiff::civil::Date;
use serde::Serialize;
use stoa_ground::{Conn, Error, Instant, Result, Row, Tx, args};

use crate::answers::command::telling;

/// How a curated answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Written, and not yet approved.
    Draft,
    /// It answers.
    Approved,
    /// It was taken back.
    Retired,
}

impl State {
    const ALL: [Self; 3] = [Self::Draft, Self::Approved, Self::Retired];

    fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Approved => "approved",
            Self::Retired => "retired",
        }
    }
}

/// A curated answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curated {
    /// Its id (UUID).
    pub id: String,
    /// Questions that it answers, in plain words.
    pub patterns: Vec<String>,
    /// CommonMark.
    pub text: String,
    /// Who may read it, as in [`crate::library::Passage::readers`].
    pub readers: Vec<String>,
    /// BCP 47 tag, if known.
    pub language: Option<String>,
    /// Who wrote it: a person's id, or `operator`.
    pub author: String,
    /// Who answers for it: a person's id.
    pub owner: Option<String>,
    /// The day after which it is labelled as due for review.
    pub review_date: Option<Date>,
    /// How it stands.
    pub state: State,
    /// The library's document, once it was approved.
    pub document: Option<String>,
    /// When it was written.
    pub created: Instant,
    /// When it was approved.
    pub approved: Option<Instant>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.patterns, c.text, c.readers, c.language, c.author, c.owner, c.review_date, c.state, \
             c.document, c.created, c.approved FROM curated c ",
            $rest
        )
    };
}

fn read(row: &Row) -> Result<Curated> {
    let word: String = row.get("state")?;
    let state = State::ALL.into_iter().find(|s| s.word() == word);
    Ok(Curated {
        id: row.get("id")?,
        patterns: serde_json::from_str(&row.get::<String>("patterns")?)?,
        text: row.get("text")?,
        readers: serde_json::from_str(&row.get::<String>("readers")?)?,
        language: row.get("language")?,
        author: row.get("author")?,
        owner: row.get("owner")?,
        review_date: row.get::<Option<String>>("review_date")?.and_then(|d| d.parse().ok()),
        state: state.ok_or_else(|| Error::invalid(format!("an answer has the unknown state '{word}'")))?,
        document: row.get("document")?,
        created: row.get("created")?,
        approved: row.get("approved")?,
    })
}

fn read_all(rows: &[Row]) -> Result<Vec<Curated>> {
    rows.iter().map(read).collect()
}

/// All curated answers, oldest first.
///
/// # Errors
/// The database's error.
pub async fn all(conn: &Conn) -> Result<Vec<Curated>> {
    read_all(&conn.all(select!("ORDER BY c.created, c.id"), vec![]).await?)
}

/// One by its id.
///
/// # Errors
/// The database's error.
pub async fn by_id(conn: &Conn, id: &str) -> Result<Option<Curated>> {
    conn.opt(select!("WHERE c.id = $1"), args![id]).await?.as_ref().map(read).transpose()
}

/// Approved ones that have a pattern with these telling words.
pub(super) async fn with_key(conn: &Conn, key: &str) -> Result<Vec<Curated>> {
    let sql = select!(
        "JOIN curated_pattern p ON p.curated = c.id WHERE p.key = $1 AND c.state = 'approved'
         ORDER BY c.approved DESC, c.id"
    );
    read_all(&conn.all(sql, args![key]).await?)
}

/// The approved one behind a document.
pub(super) async fn of_document(conn: &Conn, document: &str) -> Result<Option<Curated>> {
    let sql = select!(
        "JOIN document d ON d.location = c.id WHERE d.id = $1 AND d.source = 'answers' AND c.state = 'approved'"
    );
    conn.opt(sql, args![document]).await?.as_ref().map(read).transpose()
}

/// Stores one as it is now.
pub(super) async fn save(tx: &Tx, curated: &Curated) -> Result<()> {
    tx.exec(
        "INSERT INTO curated (id, patterns, text, readers, language, author, owner, review_date, state, document, created,
         approved) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (id) DO UPDATE SET patterns = excluded.patterns, text = excluded.text, readers = excluded.readers,
         language = excluded.language, owner = excluded.owner, review_date = excluded.review_date,
         state = excluded.state, document = excluded.document, approved = excluded.approved",
        args![
            &curated.id,
            serde_json::to_string(&curated.patterns)?,
            &curated.text,
            serde_json::to_string(&curated.readers)?,
            &curated.language,
            &curated.author,
            &curated.owner,
            curated.review_date.map(|d| d.to_string()),
            curated.state.word(),
            &curated.document,
            curated.created,
            curated.approved
        ],
    )
    .await?;
    tx.exec("DELETE FROM curated_pattern WHERE curated = $1", args![&curated.id]).await?;
    for pattern in &curated.patterns {
        let sql = "INSERT INTO curated_pattern (key, curated) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        tx.exec(sql, args![telling(pattern), &curated.id]).await?;
    }
    Ok(())
}
