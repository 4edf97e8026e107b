//! One-time sign-in links. The store knows only the SHA-256 of a token.

use super::{Person, Status, store};
use crate::{Error, Instant, Result, Tx, args};

/// Makes a token that signs this person in once, within one day of business time. The caller shows it once and never
/// logs it.
///
/// # Errors
/// [`Error::NotFound`] for an unknown person, [`Error::Invalid`] for one who left.
pub async fn create_sign_in_link(tx: &Tx, person: &str) -> Result<String> {
    let Some(person) = store::by_id(tx, person).await? else {
        return Err(Error::NotFound(format!("the person {person}")));
    };
    if person.status == Status::Left {
        return Err(Error::invalid(format!("{} has left and cannot sign in", person.name)));
    }
    let token = tx.clock().secret();
    let now = tx.now();
    tx.exec("DELETE FROM sign_in_link WHERE expires <= $1", args![now]).await?;
    tx.exec(
        "INSERT INTO sign_in_link (digest, person, created, expires) VALUES ($1, $2, $3, $4)",
        args![digest(&token), &person.id, now, now.plus(Instant::DAY)],
    )
    .await?;
    Ok(token)
}

/// Uses a token up and gives the person whom it signs in.
///
/// # Errors
/// [`Error::Forbidden`], in the same words whether the token is unknown, used, too old or of somebody who left.
pub async fn redeem_sign_in_link(tx: &Tx, token: &str) -> Result<Person> {
    let row = tx
        .opt(
            "UPDATE sign_in_link SET used = $2 WHERE digest = $1 AND used IS NULL AND expires > $2 RETURNING person",
            args![digest(token), tx.now()],
        )
        .await?;
    let person = match row {
        Some(row) => store::by_id(tx, &row.get::<String>("person")?).await?,
        None => None,
    };
    person.filter(|p| p.status != Status::Left).ok_or_else(|| {
        Error::Forbidden(
            "this sign-in link is not valid any more: each works once and for one day, so ask for a new one".into(),
        )
    })
}

fn digest(token: &str) -> String {
    crate::sha256(token.as_bytes())
}
