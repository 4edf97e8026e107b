//! What the language model was used for on a day, by person and by all.

use stoa_ground::{Conn, Result, Tx, args};

use super::{Limits, Spent};

/// The name under which everybody's use is counted together.
const ALL: &str = "";

/// Whether a person, or an account that belongs to nobody, may use it today.
///
/// # Errors
/// The database's error.
pub(in crate::answers) async fn allows(conn: &Conn, limits: &Limits, person: Option<&str>, day: &str) -> Result<bool> {
    // Accounts of nobody share one share.
    let person = person.unwrap_or("nobody");
    let rows = conn
        .all("SELECT person, tokens FROM model_use WHERE day = $1 AND person IN ($2, $3)", args![day, person, ALL])
        .await?;
    for row in &rows {
        let most = if row.get::<String>("person")? == ALL { limits.daily_tokens } else { limits.person_tokens };
        if u64::try_from(row.get::<i64>("tokens")?).unwrap_or(0) >= most {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Notes what a call took.
///
/// # Errors
/// The database's error.
pub(in crate::answers) async fn note(tx: &Tx, person: Option<&str>, day: &str, spent: Spent) -> Result<()> {
    let tokens = i64::try_from(spent.tokens).unwrap_or(i64::MAX);
    for who in [person.unwrap_or("nobody"), ALL] {
        tx.exec(
            "INSERT INTO model_use (person, day, calls, tokens) VALUES ($1, $2, 1, $3)
             ON CONFLICT (person, day) DO UPDATE SET calls = model_use.calls + 1, tokens = model_use.tokens + excluded.tokens",
            args![who, day, tokens],
        )
        .await?;
    }
    Ok(())
}
