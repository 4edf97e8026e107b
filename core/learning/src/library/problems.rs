//! What could not be read in a source, as it stands after the last sync.

use stoa_ground::{Conn, Instant, Result, Tx, args};

/// Something in a source that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Name of the source.
    pub source: String,
    /// The document's location; empty for the source itself.
    pub location: String,
    /// One sentence with the way out.
    pub sentence: String,
    /// Since when it is so.
    pub since: Instant,
}

/// So many problems of one source are kept.
const MOST: usize = 1_000;

/// Lets the problems of a source be these: location and sentence. What was there before keeps its time.
pub(super) async fn note(tx: &Tx, source: &str, found: &[(String, String)]) -> Result<()> {
    let found = &found[..found.len().min(MOST)];
    let before = tx.all("SELECT location FROM source_problem WHERE source = $1", args![source]).await?;
    for row in before {
        let location: String = row.get("location")?;
        if !found.iter().any(|(l, _)| *l == location) {
            tx.exec("DELETE FROM source_problem WHERE source = $1 AND location = $2", args![source, location]).await?;
        }
    }
    for (location, sentence) in found {
        tx.exec(
            "INSERT INTO source_problem (source, location, sentence, since) VALUES ($1, $2, $3, $4)
             ON CONFLICT (source, location) DO UPDATE SET sentence = excluded.sentence",
            args![source, location, sentence, tx.now()],
        )
        .await?;
    }
    Ok(())
}

/// All problems, by source and location.
///
/// # Errors
/// The database's error.
pub async fn problems(conn: &Conn) -> Result<Vec<Problem>> {
    let sql = "SELECT source, location, sentence, since FROM source_problem ORDER BY source, location";
    let rows = conn.all(sql, args![]).await?;
    rows.iter()
        .map(|r| {
            Ok(Problem {
                source: r.get("source")?,
                location: r.get("location")?,
                sentence: r.get("sentence")?,
                since: r.get("since")?,
            })
        })
        .collect()
}
