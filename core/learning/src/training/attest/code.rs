//! The one-time code with which somebody signs: mailed to the address on the roster, for one assignment and one content.

use sha2::{Digest as _, Sha256};
use stoa_ground::people::Person;
use stoa_ground::{Instant, Result, Tx, args};
use subtle::ConstantTimeEq as _;

use crate::codes::{self, Letter};
use crate::training::assignment::Assignment;
use crate::training::course::{self, Course};

/// How long a code works.
pub(in crate::training) const MINUTES: i64 = 15;
/// How often a wrong code may be typed.
pub(super) const TRIES: i64 = 5;
/// How many codes are sent for one assignment in an hour.
const AN_HOUR: usize = 4;

/// What became of a typed code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::training) enum Redeemed {
    /// It is right, and used up.
    Right,
    /// It is wrong; so many tries are left.
    Wrong(i64),
    /// There is none that works: used, too old, tried too often, or made for another content.
    Gone,
}

/// What a code or a link is made for.
pub(super) fn purpose(a: &Assignment, person: &Person, course: &Course) -> String {
    let text = course.attestation.as_deref().unwrap_or_default();
    let version = a.course_version.as_deref().unwrap_or_default();
    course::digest(&format!("{}\n{}\n{version}\n{text}", a.id, person.id))
}

pub(super) fn digest(code: &str, purpose: &str) -> String {
    let hash = Sha256::new().chain_update("stoa/attest-code/v1\n").chain_update(purpose).chain_update(code).finalize();
    stoa_ground::hex(hash.iter())
}

/// Mails a new code, which takes the place of an earlier one. `false` when there were too many in the last hour. `event` is
/// what asked for it; the same event mails once.
pub(in crate::training) async fn send(
    tx: &Tx,
    a: &Assignment,
    person: &Person,
    course: &Course,
    email: &str,
    event: &str,
) -> Result<bool> {
    let now = tx.now();
    let row = tx.opt("SELECT recent FROM attest_code WHERE assignment = $1", args![&a.id]).await?;
    let mut recent: Vec<Instant> = match row {
        Some(row) => serde_json::from_str(&row.get::<String>("recent")?)?,
        None => Vec::new(),
    };
    recent.retain(|at| *at > now.plus(-Instant::HOUR));
    if recent.len() >= AN_HOUR {
        return Ok(false);
    }
    recent.push(now);
    let (code, bound) = (codes::new(tx), purpose(a, person, course));
    let expires = now.plus(MINUTES * 60 * Instant::SECOND);
    tx.exec(
        "INSERT INTO attest_code (assignment, digest, bound, expires, tries, used, recent) VALUES ($1, $2, $3, $4, 0, NULL, $5)
         ON CONFLICT (assignment) DO UPDATE SET digest = excluded.digest, bound = excluded.bound,
           expires = excluded.expires, tries = 0, used = NULL, recent = excluded.recent, pending = NULL",
        args![&a.id, digest(&codes::plain(&code), &bound), &bound, expires, serde_json::to_string(&recent)?],
    )
    .await?;
    let letter = Letter::Sign { title: course.title.clone(), minutes: MINUTES };
    codes::mail(tx, &format!("attest/{event}"), email, person.language(), &letter, &code, expires).await?;
    Ok(true)
}

/// Takes a typed code. A wrong one counts, so commit also then.
pub(in crate::training) async fn redeem(
    tx: &Tx,
    a: &Assignment,
    person: &Person,
    course: &Course,
    typed: &str,
) -> Result<Redeemed> {
    let bound = purpose(a, person, course);
    let row = tx
        .opt(
            "UPDATE attest_code SET tries = tries + 1
             WHERE assignment = $1 AND bound = $2 AND used IS NULL AND expires > $3 AND tries < $4
             RETURNING digest, tries",
            args![&a.id, &bound, tx.now(), TRIES],
        )
        .await?;
    let Some(row) = row else { return Ok(Redeemed::Gone) };
    let (stored, tries): (String, i64) = (row.get("digest")?, row.get("tries")?);
    let given = digest(&codes::plain(typed), &bound);
    if !bool::from(stored.as_bytes().ct_eq(given.as_bytes())) {
        return Ok(if tries >= TRIES { Redeemed::Gone } else { Redeemed::Wrong(TRIES - tries) });
    }
    tx.exec("UPDATE attest_code SET used = $2 WHERE assignment = $1", args![&a.id, tx.now()]).await?;
    Ok(Redeemed::Right)
}

/// Takes away what is kept of codes for an assignment that is erased.
pub(in crate::training) async fn forget(tx: &Tx, assignment: &str) -> Result<()> {
    tx.exec("DELETE FROM attest_code WHERE assignment = $1", args![assignment]).await?;
    Ok(())
}
