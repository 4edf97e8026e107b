//! Alarms: what needs the operator's look. Each is raised under a key, told once, and settled when it is over.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use stoa_ground::{Conn, Instant, Result, Tx, args};

/// What an adapter has to tell the operator, each once in the life of the program.
#[derive(Default)]
pub struct Troubles(Mutex<Told>);

#[derive(Default)]
struct Told {
    keys: BTreeSet<String>,
    new: Vec<(String, String)>,
}

impl Troubles {
    /// Takes down what is wrong, under a key. True the first time.
    pub fn tell(&self, key: &str, text: &str) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = told.keys.insert(key.to_owned());
        if new {
            told.new.push((key.to_owned(), text.to_owned()));
        }
        new
    }

    /// What was told since it was asked last: keys and sentences.
    pub fn take(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).new)
    }
}

/// Something that needs a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What it is about, for example `outbox/<key>` or `source/<name>`.
    pub key: String,
    /// One sentence with the way out.
    pub text: String,
    /// Since when it is so.
    pub since: Instant,
}

/// Something needs a look. As long as it stands, raising it again changes its text and nothing else; what comes back within
/// a day is not told again.
///
/// # Errors
/// The database's error.
pub async fn raise(tx: &Tx, key: &str, text: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO alarm (key, text, since) VALUES ($1, $2, $3)
         ON CONFLICT (key) DO UPDATE SET text = excluded.text, settled = NULL,
         since = CASE WHEN alarm.settled IS NULL THEN alarm.since ELSE excluded.since END,
         told = CASE WHEN alarm.settled IS NOT NULL AND alarm.told < $4 THEN NULL ELSE alarm.told END
         WHERE alarm.settled IS NOT NULL OR alarm.text <> excluded.text",
        args![key, text, tx.now(), tx.now().plus(-Instant::DAY)],
    )
    .await?;
    Ok(())
}

/// It is over. The message that told of it says so.
///
/// # Errors
/// The database's error.
pub async fn settle(tx: &Tx, key: &str) -> Result<()> {
    let sql = "UPDATE alarm SET settled = $2 WHERE key = $1 AND settled IS NULL RETURNING delivery";
    if let Some(row) = tx.opt(sql, args![key, tx.now()]).await?
        && let Some(delivery) = row.get::<Option<String>>("delivery")?
    {
        super::delivery::revise_one(tx, &delivery).await?;
    }
    Ok(())
}

/// What stands, the oldest first.
///
/// # Errors
/// The database's error.
pub async fn standing(conn: &Conn) -> Result<Vec<Alarm>> {
    let rows =
        conn.all("SELECT key, text, since FROM alarm WHERE settled IS NULL ORDER BY since, key", args![]).await?;
    rows.iter().map(|r| Ok(Alarm { key: r.get("key")?, text: r.get("text")?, since: r.get("since")? })).collect()
}

/// What stands and was told to nobody, the oldest first; from now on the delivery with this key tells it.
///
/// # Errors
/// The database's error.
pub async fn tell(tx: &Tx, delivery: &str) -> Result<Vec<String>> {
    let sql = "SELECT key FROM alarm WHERE settled IS NULL AND told IS NULL ORDER BY since, key";
    let keys: Vec<String> = tx.all(sql, args![]).await?.iter().map(|r| r.get("key")).collect::<Result<_>>()?;
    for key in &keys {
        tx.exec("UPDATE alarm SET told = $2, delivery = $3 WHERE key = $1", args![key, tx.now(), delivery]).await?;
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_taken_down_once_and_given_once() {
        let troubles = Troubles::default();
        assert!(troubles.tell("slack/acme/revoked", "The token was revoked."));
        assert!(!troubles.tell("slack/acme/revoked", "The token was revoked, still."));
        assert_eq!(troubles.take(), [("slack/acme/revoked".to_owned(), "The token was revoked.".to_owned())]);
        assert!(troubles.take().is_empty() && !troubles.tell("slack/acme/revoked", "again"));
    }
}
