//! Alarms: what needs the operator's look. Each is raised under a key, told once, and settled when it is over.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use stoa_ground::{Conn, Instant, Result, Row, Tx, args};

/// What an adapter has to tell the operator in the life of the program: sentences by key.
#[derive(Default)]
pub struct Troubles(Mutex<BTreeMap<String, String>>);

impl Troubles {
    /// Takes down what is wrong, under a key. True the first time; what is said later under the key changes nothing.
    pub fn tell(&self, key: &str, text: &str) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = !told.contains_key(key);
        if new {
            told.insert(key.to_owned(), text.to_owned());
        }
        new
    }

    /// All that was told: keys and sentences.
    pub fn all(&self) -> Vec<(String, String)> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().map(|(key, text)| (key.clone(), text.clone())).collect()
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
    /// Whether a message has told of it.
    pub told: bool,
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
    let sql = "SELECT key, text, since, told FROM alarm WHERE settled IS NULL ORDER BY since, key";
    let read = |r: &Row| {
        let told = r.get::<Option<Instant>>("told")?.is_some();
        Ok(Alarm { key: r.get("key")?, text: r.get("text")?, since: r.get("since")?, told })
    };
    conn.all(sql, args![]).await?.iter().map(read).collect()
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
    fn a_trouble_is_taken_down_once_and_stays() {
        let troubles = Troubles::default();
        assert!(troubles.tell("slack/acme/revoked", "The token was revoked."));
        assert!(!troubles.tell("slack/acme/revoked", "The token was revoked, still."));
        let told = [("slack/acme/revoked".to_owned(), "The token was revoked.".to_owned())];
        assert_eq!(troubles.all(), told);
        assert_eq!(troubles.all(), told, "whoever failed to write it down finds it again");
    }
}
