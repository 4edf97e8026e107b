//! The rows of logged experience.

use jiff::civil::Date;
use stoa_ground::{Conn, Error, Result, Row, Tx, args};

use super::{Confirmation, Experience};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, person, text, day, minutes, link, confirmer, confirmation, statement, logged FROM experience ",
            $rest
        )
    };
}

fn read(row: &Row) -> Result<Experience> {
    let (day, word): (String, String) = (row.get("day")?, row.get("confirmation")?);
    let broken = || Error::invalid(format!("a logged experience has the day '{day}' and the state '{word}'"));
    Ok(Experience {
        id: row.get("id")?,
        person: row.get("person")?,
        text: row.get("text")?,
        day: day.parse::<Date>().map_err(|_| broken())?,
        minutes: row.get("minutes")?,
        link: row.get("link")?,
        confirmer: row.get("confirmer")?,
        confirmation: Confirmation::ALL.into_iter().find(|c| c.word() == word).ok_or_else(broken)?,
        statement: row.get("statement")?,
        logged: row.get("logged")?,
    })
}

pub(in crate::tips) async fn experience(conn: &Conn, id: &str) -> Result<Option<Experience>> {
    conn.opt(select!("WHERE id = $1"), args![id]).await?.as_ref().map(read).transpose()
}

/// What a person logged, newest first.
pub(in crate::tips) async fn of(conn: &Conn, person: &str) -> Result<Vec<Experience>> {
    let rows = conn.all(select!("WHERE person = $1 ORDER BY logged DESC, id"), args![person]).await?;
    rows.iter().map(read).collect()
}

pub(super) async fn save(tx: &Tx, experience: &Experience) -> Result<()> {
    tx.exec(
        "INSERT INTO experience (id, person, text, day, minutes, link, confirmer, confirmation, statement, logged)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (id) DO UPDATE SET confirmer = excluded.confirmer, confirmation = excluded.confirmation,
         statement = excluded.statement",
        args![
            &experience.id,
            &experience.person,
            &experience.text,
            experience.day.to_string(),
            experience.minutes,
            &experience.link,
            &experience.confirmer,
            experience.confirmation.word(),
            &experience.statement,
            experience.logged
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn delete(tx: &Tx, id: &str) -> Result<()> {
    tx.exec("DELETE FROM experience WHERE id = $1", args![id]).await?;
    Ok(())
}

/// Takes away what a person logged; gives the statements.
pub(in crate::tips) async fn take(tx: &Tx, person: &str) -> Result<Vec<String>> {
    let rows = tx.all("DELETE FROM experience WHERE person = $1 RETURNING statement", args![person]).await?;
    rows.iter().map(|r| r.get("statement")).collect()
}
