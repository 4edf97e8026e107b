//! Drops that the learning team scheduled.

use jiff::civil::{Date, Time};
use stoa_ground::people::audience::Rule;
use stoa_ground::{Conn, Error, Result, Row, Tx, args};

/// A drop that somebody of the learning team scheduled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// Its id (UUID).
    pub id: String,
    /// Who scheduled it: the person's id.
    pub author: String,
    /// The track that begins with it.
    pub track: Option<String>,
    /// The lesson that was written for it.
    pub lesson: Option<String>,
    /// For whom.
    pub audience: Rule,
    /// Each person's own day …
    pub date: Date,
    /// … and time of day.
    pub time: Time,
    /// How far it is.
    pub state: State,
}

/// How far a scheduled drop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Shown to its author, and not confirmed.
    Draft,
    /// Confirmed: it will be delivered.
    Confirmed,
    /// Taken back.
    Cancelled,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Adds a draft.
pub async fn add_scheduled(tx: &Tx, drop: &Scheduled) -> Result<()> {
    tx.exec(
        "INSERT INTO scheduled_drop (id, author, track, lesson, audience, date, time, state, created)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            &drop.id,
            &drop.author,
            &drop.track,
            &drop.lesson,
            drop.audience.to_string(),
            drop.date.to_string(),
            drop.time.strftime("%H:%M").to_string(),
            drop.state.name(),
            tx.now()
        ],
    )
    .await?;
    Ok(())
}

/// The scheduled drop with this id.
pub async fn scheduled(conn: &Conn, id: &str) -> Result<Option<Scheduled>> {
    let row = conn
        .opt(
            "SELECT id, author, track, lesson, audience, date, time, state FROM scheduled_drop WHERE id = $1",
            args![id],
        )
        .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Scheduled> {
    let (audience, state): (String, String) = (row.get("audience")?, row.get("state")?);
    Ok(Scheduled {
        id: row.get("id")?,
        author: row.get("author")?,
        track: row.get("track")?,
        lesson: row.get("lesson")?,
        audience: audience
            .parse::<Rule>()
            .map_err(|e| Error::invalid(format!("the stored audience '{audience}': {e}")))?,
        date: super::date(row, "date")?,
        time: super::time(row, "time")?,
        state: match state.as_str() {
            "confirmed" => State::Confirmed,
            "cancelled" => State::Cancelled,
            _ => State::Draft,
        },
    })
}

/// Moves a scheduled drop from one state to the next. False when it was not in the first.
pub async fn move_scheduled(tx: &Tx, id: &str, from: State, to: State) -> Result<bool> {
    let sql = "UPDATE scheduled_drop SET state = $3 WHERE id = $1 AND state = $2";
    Ok(tx.exec(sql, args![id, from.name(), to.name()]).await? == 1)
}
