//! Checkpoints: signed statements of the log's size and root (C2SP tlog-checkpoint), and the keys that sign them.
//!
//! The keys are a chain, each a record of the ledger: the key before it signs the statement that names the next one. A key
//! that was lost begins a new chain, and everybody can see that.

use std::path::Path;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::merkle::Hash;
use super::note::{Note, Signature, Signer, Verifier};
use super::{Entry, Ledger, Projection, Record, keyfile, log, values};
use crate::{Clock, Conn, Error, Instant, Result, Tx, args};

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// The number of leaves.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads the text of a signed note. Lines after the third are allowed and say nothing to us.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is no checkpoint.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || Error::invalid("this is no checkpoint of a log");
        let lines: Vec<&str> = text.strip_suffix('\n').ok_or_else(bad)?.split('\n').collect();
        let [origin, size, root, extensions @ ..] = &lines[..] else { return Err(bad()) };
        let plain =
            !size.is_empty() && size.bytes().all(|b| b.is_ascii_digit()) && (*size == "0" || !size.starts_with('0'));
        if origin.is_empty() || !plain || extensions.iter().any(|line| line.is_empty()) {
            return Err(bad());
        }
        let root = STANDARD.decode(root).ok().and_then(|root| root.try_into().ok()).ok_or_else(bad)?;
        Ok(Self { origin: (*origin).to_owned(), size: size.parse().map_err(|_| bad())?, root })
    }
}

/// A checkpoint as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The number of leaves.
    pub size: u64,
    /// When it was made, in business time.
    pub made: Instant,
    /// The signed note, exactly as it was made.
    pub note: String,
}

/// A key of the log, as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey {
    /// Counted from 1.
    pub number: i64,
    /// The public key.
    pub vkey: String,
    /// Since when it signs, in business time.
    pub since: Instant,
    /// How it came: `created`, `rotated` or `lost` (the one before was lost).
    pub how: String,
    /// The note in which the key before it names it.
    pub statement: Option<String>,
}

/// The name of a log whose clock is moved by hand: nobody takes its checkpoints for real ones.
#[must_use]
pub fn origin_of(origin: &str, clock: &Clock) -> String {
    if clock.is_manual() && !origin.ends_with("/test") { format!("{origin}/test") } else { origin.to_owned() }
}

/// Reads the file of the signing key; where there is none and `create` says so, makes one that only its owner can read.
///
/// # Errors
/// When the file is missing and must not be made, cannot be read, holds no key, or one of another log.
pub fn open_signer(path: &Path, origin: &str, clock: &Clock, create: bool) -> Result<Signer> {
    let what = "[evidence] signing_key_file";
    // A name is checked before a file is made.
    let fresh = Signer::new(origin, values::random(clock))?;
    let text = keyfile::open(path, what, create.then_some(|| fresh.secret()))?;
    let signer = Signer::parse(&text).map_err(|e| Error::invalid(format!("{what}: {}: {e}", path.display())))?;
    if signer.verifier().name() != origin {
        return Err(Error::invalid(format!(
            "{what}: {} holds a key of the log '{}', and this log is '{origin}'",
            path.display(),
            signer.verifier().name()
        )));
    }
    Ok(signer)
}

/// Writes a new signing key to a file that does not exist yet.
///
/// # Errors
/// When there is one already, or it cannot be written.
pub fn create_signer(path: &Path, origin: &str, clock: &Clock) -> Result<Signer> {
    if path.exists() {
        return Err(Error::invalid(format!("{} is there already: choose another file", path.display())));
    }
    open_signer(path, origin, clock, true)
}

/// Writes `log_key` from the ledger's records about `log-key/<origin>`. Kinds: `created`, `rotated` and `lost`; data:
/// `{"vkey", "statement"?}`.
pub struct LogKeyProjection;

#[async_trait]
impl Projection for LogKeyProjection {
    fn subject(&self) -> &'static str {
        "log-key"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["log_key"]
    }

    async fn apply(&self, tx: &Tx, record: &Record) -> Result<()> {
        let text = |name: &str| record.data[name].as_str();
        let vkey = text("vkey").unwrap_or_default();
        Verifier::parse(vkey)?;
        match (record.kind.as_str(), record.version, text("statement")) {
            ("created", 1, None) | ("lost", 2.., None) => {}
            ("rotated", 2.., Some(note)) => {
                let before = tx.one("SELECT vkey FROM log_key WHERE number = $1", args![record.version - 1]).await?;
                follows(&Verifier::parse(&before.get::<String>("vkey")?)?, note, vkey)?;
            }
            (other, ..) => return Err(Error::invalid(format!("a record about a log's key cannot be '{other}' now"))),
        }
        tx.exec(
            "INSERT INTO log_key (number, vkey, since, how, statement) VALUES ($1, $2, $3, $4, $5)",
            args![record.version, vkey, record.at, &record.kind, text("statement")],
        )
        .await?;
        Ok(())
    }

    fn class(&self, _kind: &str) -> &'static str {
        "permanent"
    }
}

/// The first line of a statement about a key.
const STATEMENT: &str = "stoa/log-key/v1";

/// Checks a note in which one key names the next; both have signed it.
///
/// # Errors
/// [`Error::Conflict`] when it does not.
pub fn follows(before: &Verifier, note: &str, vkey: &str) -> Result<()> {
    let bad = || Error::Conflict("the statement about the log's next key is not signed by both keys".into());
    let (note, next) = (Note::parse(note).map_err(|_| bad())?, Verifier::parse(vkey)?);
    let named = note.text == format!("{STATEMENT}\n{}\n{before}\n{next}\n", before.name());
    if named && before.signed(&note) && next.signed(&note) && next.name() == before.name() {
        Ok(())
    } else {
        Err(bad())
    }
}

/// The keys of the log, the first one first.
///
/// # Errors
/// The database's error.
pub async fn keys(conn: &Conn) -> Result<Vec<LogKey>> {
    let rows = conn.all("SELECT number, vkey, since, how, statement FROM log_key ORDER BY number", args![]).await?;
    let read = |r: &crate::Row| {
        Ok(LogKey {
            number: r.get("number")?,
            vkey: r.get("vkey")?,
            since: r.get("since")?,
            how: r.get("how")?,
            statement: r.get("statement")?,
        })
    };
    rows.iter().map(read).collect()
}

async fn record_key(
    tx: &Tx,
    ledger: &Ledger,
    key: &Verifier,
    kind: &'static str,
    reason: &str,
    note: Option<String>,
) -> Result<()> {
    let mut data = json!({ "vkey": key.to_string() });
    if let Some(note) = note {
        data["statement"] = note.into();
    }
    let subject = format!("log-key/{}", key.name());
    let entry = Entry { subject, kind, actor: "operator".into(), reason: reason.to_owned(), data };
    ledger.append(tx, entry).await?;
    Ok(())
}

/// Makes sure that the log signs with this key; the first one is recorded.
///
/// # Errors
/// [`Error::Conflict`] when the log signs with another key.
pub async fn use_key(tx: &Tx, ledger: &Ledger, signer: &Signer) -> Result<()> {
    match keys(tx).await?.last() {
        None => record_key(tx, ledger, signer.verifier(), "created", "the log begins", None).await,
        Some(key) if key.vkey == signer.verifier().to_string() => Ok(()),
        Some(key) => Err(Error::Conflict(format!(
            "the log signs with {}, and [evidence] signing_key_file holds another key: put the right file there, change \
             the key with 'stoa audit key rotate', or say that it is lost with 'stoa audit key lost'",
            key.vkey
        ))),
    }
}

/// From now on the log signs with `next`; `now` signs that it is so.
///
/// # Errors
/// [`Error::Conflict`] when the log does not sign with `now`.
pub async fn rotate(tx: &Tx, ledger: &Ledger, now: &Signer, next: &Signer, reason: &str) -> Result<()> {
    use_key(tx, ledger, now).await?;
    if now.verifier() == next.verifier() {
        return Err(Error::invalid("this is the key with which the log signs already"));
    }
    let text = format!("{STATEMENT}\n{}\n{}\n{}\n", now.verifier().name(), now.verifier(), next.verifier());
    let signatures = vec![now.sign(&text), next.sign(&text)];
    let note = Note { text, signatures }.to_string();
    record_key(tx, ledger, next.verifier(), "rotated", reason, Some(note)).await
}

/// From now on the log signs with `next`, because the key before it is lost. The chain of keys is broken there, and
/// whoever trusts the old key has to be given the new one.
///
/// # Errors
/// [`Error::Invalid`] when nothing can have been lost.
pub async fn lose(tx: &Tx, ledger: &Ledger, next: &Signer, reason: &str) -> Result<()> {
    match keys(tx).await?.last() {
        None => Err(Error::invalid("this log has no key yet, so none can be lost")),
        Some(key) if key.vkey == next.verifier().to_string() => {
            Err(Error::invalid("this is the key with which the log signs already: it is not lost"))
        }
        Some(_) => record_key(tx, ledger, next.verifier(), "lost", reason, None).await,
    }
}

/// Signs the log as it stands and stores the checkpoint. Gives it, and whether it is new: a log that has not grown keeps
/// the one it has.
///
/// # Errors
/// [`Error::Conflict`] when the log signs with another key, or is not the continuation of what was signed before.
pub async fn make(tx: &Tx, ledger: &Ledger, signer: &Signer) -> Result<(Signed, bool)> {
    tx.lock("stoa/checkpoint").await?;
    use_key(tx, ledger, signer).await?;
    let size = log::size(tx).await?;
    let last = continues(tx).await?;
    if let Some(last) = last.as_ref().filter(|last| last.size == size) {
        return Ok((last.clone(), false));
    }
    let said = Checkpoint { origin: signer.verifier().name().to_owned(), size, root: log::root(tx, size).await? };
    let text = said.text() + &last.as_ref().map(before).unwrap_or_default();
    let signed = Signed { size, made: tx.now(), note: Note::signed(text, signer).to_string() };
    tx.exec(
        "INSERT INTO log_checkpoint (size, made, note) VALUES ($1, $2, $3)",
        args![i64::try_from(size).unwrap_or(i64::MAX), signed.made, &signed.note],
    )
    .await?;
    Ok((signed, true))
}

/// The line behind the third with which a checkpoint names the one before it, so that a gap is seen.
fn before(last: &Signed) -> String {
    format!("{BEFORE}{} {}\n", last.size, STANDARD.encode(Sha256::digest(&last.note)))
}

/// How that line begins.
const BEFORE: &str = "before ";

/// Refuses a gap in checkpoints. Those of earlier releases name none before them.
fn follow_on_each_other(all: &[Signed]) -> Result<()> {
    let named = |signed: &Signed| {
        let line = signed.note.split_inclusive('\n').nth(3).filter(|line| line.starts_with(BEFORE));
        line.map(str::to_owned)
    };
    let mut last: Option<&Signed> = None;
    for signed in all {
        let fits = match named(signed) {
            Some(line) => last.is_some_and(|last| line == before(last)),
            None => last.and_then(named).is_none(),
        };
        if !fits {
            return Err(Error::Conflict(format!(
                "the checkpoint before that of {} leaves is gone from the store, or one of them was changed. Nothing is \
                 signed; see 'When the log does not fit' in docs/evidence.md",
                signed.size
            )));
        }
        last = Some(signed);
    }
    Ok(())
}

/// The newest checkpoint, of which the log must be the continuation.
///
/// # Errors
/// [`Error::Conflict`] when it is not: it was cut off or changed, or an earlier checkpoint or one that was put outside is gone.
/// The database's error.
pub async fn continues(conn: &Conn) -> Result<Option<Signed>> {
    let sql = "SELECT size, anchor FROM log_anchor a
               WHERE NOT EXISTS (SELECT 1 FROM log_checkpoint c WHERE c.size = a.size) ORDER BY size DESC LIMIT 1";
    if let Some(row) = conn.opt(sql, args![]).await? {
        return Err(Error::Conflict(format!(
            "the checkpoint of {} leaves, which was put outside ({}), is gone from the store. Nothing is signed; see 'When \
             the log does not fit' in docs/evidence.md",
            row.get::<i64>("size")?,
            row.get::<String>("anchor")?
        )));
    }
    let mut all = all(conn).await?;
    follow_on_each_other(&all)?;
    let Some(last) = all.pop() else { return Ok(None) };
    let said = said(&last, &verifiers(conn).await?)?;
    let fits = said.size <= log::size(conn).await? && log::root(conn, said.size).await? == said.root;
    if !fits || said.size != last.size {
        return Err(Error::Conflict(format!(
            "the log is not the continuation of the checkpoint of {} leaves that was signed on {}: it was cut off or \
             changed. Nothing is signed; see 'When the log does not fit' in docs/evidence.md",
            last.size, last.made
        )));
    }
    Ok(Some(last))
}

/// The keys of the log, to check signatures with.
async fn verifiers(conn: &Conn) -> Result<Vec<Verifier>> {
    Ok(keys(conn).await?.iter().filter_map(|key| Verifier::parse(&key.vkey).ok()).collect())
}

/// What a checkpoint says, which one of the log's keys must have signed.
fn said(signed: &Signed, keys: &[Verifier]) -> Result<Checkpoint> {
    let changed = || Error::Conflict(format!("the checkpoint of {} leaves was changed in the store", signed.size));
    let note = Note::parse(&signed.note).map_err(|_| changed())?;
    let said = Checkpoint::parse(&note.text).map_err(|_| changed())?;
    if keys.iter().any(|key| key.signed(&note)) { Ok(said) } else { Err(changed()) }
}

/// Checks every checkpoint: that a key of the log has signed it, and that the log was what it says when it had so many leaves.
///
/// # Errors
/// [`Error::Conflict`] with one sentence that names the first one that is not so; the database's error.
pub async fn all_hold(conn: &Conn) -> Result<()> {
    let keys = verifiers(conn).await?;
    let size = log::size(conn).await?;
    for signed in all(conn).await? {
        let said = said(&signed, &keys)?;
        if said.size != signed.size || said.size > size || log::root(conn, said.size).await? != said.root {
            return Err(Error::Conflict(format!(
                "the checkpoint of {} leaves, stored on {}, does not say what the log was then: one of them was changed",
                signed.size, signed.made
            )));
        }
    }
    Ok(())
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT size, made, note FROM log_checkpoint ", $rest)
    };
}

fn read(row: &crate::Row) -> Result<Signed> {
    let size: i64 = row.get("size")?;
    Ok(Signed { size: u64::try_from(size).unwrap_or_default(), made: row.get("made")?, note: row.get("note")? })
}

/// The newest checkpoint.
///
/// # Errors
/// The database's error.
pub async fn newest(conn: &Conn) -> Result<Option<Signed>> {
    conn.opt(select!("ORDER BY size DESC LIMIT 1"), args![]).await?.as_ref().map(read).transpose()
}

/// All checkpoints, the oldest first.
///
/// # Errors
/// The database's error.
pub async fn all(conn: &Conn) -> Result<Vec<Signed>> {
    conn.all(select!("ORDER BY size"), args![]).await?.iter().map(read).collect()
}

/// A checkpoint with the cosignatures that witnesses gave for it.
///
/// # Errors
/// The database's error.
pub async fn cosigned(conn: &Conn, signed: &Signed) -> Result<String> {
    let sql = "SELECT proof FROM log_anchor WHERE size = $1 AND proof IS NOT NULL ORDER BY anchor";
    let mut note = Note::parse(&signed.note)?;
    for row in conn.all(sql, args![i64::try_from(signed.size).unwrap_or(i64::MAX)]).await? {
        let proof: String = row.get("proof")?;
        note.signatures.extend(proof.lines().filter_map(Signature::parse));
    }
    Ok(note.to_string())
}

/// Writes down that a checkpoint was put somewhere outside; `proof` is what came back.
///
/// # Errors
/// The database's error.
pub async fn anchored(tx: &Tx, size: u64, anchor: &str, proof: Option<&str>) -> Result<()> {
    tx.exec(
        "INSERT INTO log_anchor (size, anchor, at, proof) VALUES ($1, $2, $3, $4)
         ON CONFLICT (size, anchor) DO UPDATE SET at = excluded.at, proof = excluded.proof",
        args![i64::try_from(size).unwrap_or(i64::MAX), anchor, tx.now(), proof],
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_of_earlier_releases_name_none_and_are_named_by_the_first_that_does() {
        let signer = Signer::new("example.org/log", [1; 32]).unwrap();
        let sign = |size: u64, last: Option<&Signed>| {
            let said = Checkpoint { origin: "example.org/log".into(), size, root: [7; 32] };
            let text = said.text() + &last.map(before).unwrap_or_default();
            let note = Note::signed(text, &signer).to_string();
            assert_eq!(Checkpoint::parse(&Note::parse(&note).unwrap().text).unwrap(), said);
            Signed { size, made: Instant(0), note }
        };
        let (one, two) = (sign(1, None), sign(2, None));
        let three = sign(3, Some(&two));
        let four = sign(4, Some(&three));
        let fits =
            |all: &[&Signed]| follow_on_each_other(&all.iter().map(|s| (*s).clone()).collect::<Vec<_>>()).is_ok();
        assert!(fits(&[]) && fits(&[&one, &two]) && fits(&[&one, &two, &three, &four]));
        assert!(!fits(&[&one, &three, &four]) && !fits(&[&one, &two, &four]) && !fits(&[&three, &four]));
        assert!(!fits(&[&one, &two, &three, &sign(4, None)]), "none goes back to the way of earlier releases");
        assert!(!fits(&[&one, &sign(2, Some(&one)), &three]), "another one of the same size");
    }
}
