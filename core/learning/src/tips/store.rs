//! The rows of tips and their ratings.

use stoa_ground::{Conn, Error, Instant, Result, Row, Tx, args};

/// How a tip stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its author has not shared it yet.
    Draft,
    /// Somebody suggested it; its author is asked.
    Asked,
    /// Everyone may find it.
    Shared,
    /// Its author does not want it shared, or took a draft back.
    Declined,
    /// It was shared and is no more.
    Withdrawn,
}

impl State {
    const ALL: [Self; 5] = [Self::Draft, Self::Asked, Self::Shared, Self::Declined, Self::Withdrawn];

    fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Asked => "asked",
            Self::Shared => "shared",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// Where a tip comes from: platform, channel and message.
pub(super) type Origin = (String, String, String);

/// A tip.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tip {
    pub id: String,
    /// Person id.
    pub author: String,
    pub state: State,
    /// Empty when it is neither shared nor about to be.
    pub text: String,
    pub topic: Option<String>,
    /// Who suggested it: a person's id.
    pub suggested: Option<String>,
    pub origin: Option<Origin>,
    /// The library's document.
    pub document: Option<String>,
    /// Who checked it: a person's id.
    pub verified_by: Option<String>,
    pub statement: Option<String>,
    pub created: Instant,
    pub shared: Option<Instant>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, author, state, text, topic, suggested, platform, channel, message, document, verified_by, \
             statement, created, shared FROM tip ",
            $rest
        )
    };
}

fn read(row: &Row) -> Result<Tip> {
    let word: String = row.get("state")?;
    let state = State::ALL.into_iter().find(|s| s.word() == word);
    let (platform, channel, message): (Option<String>, Option<String>, Option<String>) =
        (row.get("platform")?, row.get("channel")?, row.get("message")?);
    Ok(Tip {
        id: row.get("id")?,
        author: row.get("author")?,
        state: state.ok_or_else(|| Error::invalid(format!("a tip has the unknown state '{word}'")))?,
        text: row.get("text")?,
        topic: row.get("topic")?,
        suggested: row.get("suggested")?,
        origin: platform.zip(channel).zip(message).map(|((p, c), m)| (p, c, m)),
        document: row.get("document")?,
        verified_by: row.get("verified_by")?,
        statement: row.get("statement")?,
        created: row.get("created")?,
        shared: row.get("shared")?,
    })
}

pub(super) async fn tip(conn: &Conn, id: &str) -> Result<Option<Tip>> {
    conn.opt(select!("WHERE id = $1"), args![id]).await?.as_ref().map(read).transpose()
}

/// The tip that was made from a chat message.
pub(super) async fn from_message(conn: &Conn, origin: &Origin) -> Result<Option<Tip>> {
    let (platform, channel, message) = origin;
    let sql = select!("WHERE platform = $1 AND channel = $2 AND message = $3");
    conn.opt(sql, args![platform, channel, message]).await?.as_ref().map(read).transpose()
}

/// A person's tips, newest first.
pub(super) async fn tips_of(conn: &Conn, author: &str) -> Result<Vec<Tip>> {
    let rows = conn.all(select!("WHERE author = $1 ORDER BY created DESC, id"), args![author]).await?;
    rows.iter().map(read).collect()
}

/// Shared tips that nobody has checked, oldest first.
pub(super) async fn unchecked(conn: &Conn, limit: i64) -> Result<Vec<Tip>> {
    let sql = select!("WHERE state = 'shared' AND verified_by IS NULL ORDER BY shared, id LIMIT $1");
    conn.all(sql, args![limit]).await?.iter().map(read).collect()
}

/// Stores a tip as it is now.
pub(super) async fn save(tx: &Tx, tip: &Tip) -> Result<()> {
    let origin = tip.origin.as_ref();
    tx.exec(
        "INSERT INTO tip (id, author, state, text, topic, suggested, platform, channel, message, document, verified_by,
         statement, created, shared) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, text = excluded.text, topic = excluded.topic,
         document = excluded.document, verified_by = excluded.verified_by, statement = excluded.statement,
         shared = excluded.shared",
        args![
            &tip.id,
            &tip.author,
            tip.state.word(),
            &tip.text,
            &tip.topic,
            &tip.suggested,
            origin.map(|o| o.0.as_str()),
            origin.map(|o| o.1.as_str()),
            origin.map(|o| o.2.as_str()),
            &tip.document,
            &tip.verified_by,
            &tip.statement,
            tip.created,
            tip.shared
        ],
    )
    .await?;
    Ok(())
}

/// How many people found a tip good, and how many did not.
pub(super) async fn ratings(conn: &Conn, tip: &str) -> Result<(i64, i64)> {
    let row = conn
        .one(
            "SELECT CAST(COALESCE(SUM(up), 0) AS BIGINT) AS up, COUNT(*) AS votes FROM tip_vote WHERE tip = $1",
            args![tip],
        )
        .await?;
    let (up, votes): (i64, i64) = (row.get("up")?, row.get("votes")?);
    Ok((up, votes - up))
}

/// A person's rating of a tip, and the statement about it.
pub(super) async fn vote(conn: &Conn, tip: &str, person: &str) -> Result<Option<(bool, String)>> {
    let row = conn.opt("SELECT up, statement FROM tip_vote WHERE tip = $1 AND person = $2", args![tip, person]).await?;
    row.map(|r| Ok((r.get("up")?, r.get("statement")?))).transpose()
}

pub(super) async fn set_vote(tx: &Tx, tip: &str, person: &str, up: bool, statement: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO tip_vote (tip, person, up, statement, voted) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tip, person) DO UPDATE SET up = excluded.up, statement = excluded.statement, voted = excluded.voted",
        args![tip, person, up, statement, tx.now()],
    )
    .await?;
    Ok(())
}

/// Takes away a person's ratings; gives their statements.
pub(super) async fn take_votes(tx: &Tx, person: &str) -> Result<Vec<String>> {
    let rows = tx.all("DELETE FROM tip_vote WHERE person = $1 RETURNING statement", args![person]).await?;
    rows.iter().map(|r| r.get("statement")).collect()
}

/// How many tips a person rated.
pub(super) async fn votes_of(conn: &Conn, person: &str) -> Result<i64> {
    conn.one("SELECT COUNT(*) AS n FROM tip_vote WHERE person = $1", args![person]).await?.get("n")
}
