//! `FILE.keys`: what must not be in the same place as the backup.

use std::collections::HashSet;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::ledger::Master;
use crate::{Conn, Error, Instant, Result, Row, args, meta, sha256};

/// The newest format that this program reads, and the one that it writes. Files of format 1 have no digest, and do not say
/// of which store they are; those of format 2 do not say up to which record a subject was erased.
pub(super) const FORMAT: u32 = 3;

/// `FILE.keys`: a JSON object, whose last field is the SHA-256 of everything before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// `keys`.
    pub stoa: String,
    /// The version of the format.
    pub format: u32,
    /// The backup with which it was written. A newer list of erasures goes with an older backup as well.
    pub backup: String,
    /// Of which store it is.
    #[serde(default)]
    pub store: Store,
    /// When it was written, in business time.
    pub made: Instant,
    /// The person's id and when their data was erased.
    pub erased: Vec<(String, Instant)>,
    /// People's keys, wrapped by the master key, which is in no backup.
    #[serde(default)]
    pub keys: Vec<PersonKey>,
    /// Subjects of the ledger whose values were erased.
    #[serde(default)]
    pub forgotten: Vec<Forgotten>,
    /// The digest; none in a file of format 1.
    #[serde(default, skip_serializing)]
    pub(super) sha256: Option<String>,
}

/// What tells a store from others and never changes, as far as it has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The name of its master key.
    pub master: Option<String>,
    /// The record that is the first leaf of its log.
    pub first: Option<String>,
}

/// A subject of the ledger whose values were erased.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Said")]
pub struct Forgotten {
    /// The subject.
    pub subject: String,
    /// Its newest record that was erased: later ones were made after that.
    pub version: i64,
}

/// As files have it: those of earlier formats name the subject alone.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Said {
    All(String),
    Until { subject: String, version: i64 },
}

impl From<Said> for Forgotten {
    fn from(said: Said) -> Self {
        match said {
            Said::All(subject) => Self { subject, version: i64::MAX },
            Said::Until { subject, version } => Self { subject, version },
        }
    }
}

/// A row of `ledger_key`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonKey {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub person: String,
    /// The wrapped key in base64; none once it was destroyed.
    pub wrapped: Option<String>,
    /// When it was made.
    pub made: Instant,
    /// When it was destroyed.
    pub destroyed: Option<Instant>,
}

/// What every version of the file begins with.
#[derive(Deserialize)]
struct Head {
    stoa: String,
    format: u32,
}

/// Reads `FILE.keys`.
///
/// # Errors
/// One sentence: it cannot be read, is of another kind, was changed, or was written by a newer program.
pub fn read_keys(file: &Path) -> Result<Keys> {
    let name = file.display();
    let text = std::fs::read(file).map_err(|e| Error::Io(format!("{name} cannot be read: {e}")))?;
    let other = || Error::invalid(format!("{name} is not the keys file of a backup, or is cut off or damaged"));
    let head: Head = serde_json::from_slice(&text).map_err(|_| other())?;
    if head.stoa != "keys" {
        return Err(other());
    }
    if head.format > FORMAT {
        return Err(Error::invalid(format!("{name} was written by a newer program")));
    }
    let keys: Keys = serde_json::from_slice(&text).map_err(|_| other())?;
    let without = keys.format == 1 && keys.sha256.is_none();
    if !(without || ends_with_digest(&text)) {
        return Err(Error::invalid(format!(
            "{name} was changed or damaged: its digest is another one. Nothing was restored"
        )));
    }
    if !keys.is_coherent() {
        return Err(Error::invalid(format!("{name} is damaged: what it says does not agree. Nothing was restored")));
    }
    Ok(keys)
}

impl Keys {
    /// The file.
    pub(super) fn text(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec(self)?;
        // The brace that closes it comes after the digest.
        text.pop();
        let end = end_of(&text);
        text.extend(end.into_bytes());
        Ok(text)
    }

    /// Erasures stand in the order of their times, and each key once: whole, or destroyed.
    fn is_coherent(&self) -> bool {
        let mut ids = HashSet::new();
        let coherent = |key: &PersonKey| match &key.wrapped {
            Some(text) => key.destroyed.is_none() && STANDARD.decode(text).is_ok(),
            None => key.destroyed.is_some(),
        };
        self.erased.is_sorted_by_key(|(_, at)| *at) && self.keys.iter().all(|key| ids.insert(&key.id) && coherent(key))
    }
}

impl Store {
    /// The store that a connection is of.
    pub(super) async fn read(conn: &Conn) -> Result<Self> {
        let first = conn.opt("SELECT record FROM log_leaf WHERE leaf = 0", args![]).await?;
        Ok(Self {
            master: meta::get(conn, Master::FACT).await?,
            first: first.map(|row| row.get("record")).transpose()?,
        })
    }

    /// Whether this is certainly not the same store.
    pub(super) fn is_not(&self, other: &Self) -> bool {
        let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
        differ(&self.master, &other.master) || differ(&self.first, &other.first)
    }
}

/// People's keys, also those that were destroyed.
pub(super) async fn person_keys(conn: &Conn) -> Result<Vec<PersonKey>> {
    let rows =
        conn.all("SELECT id, person, wrapped, made, destroyed FROM ledger_key ORDER BY made, id", args![]).await?;
    let read = |r: &Row| {
        let wrapped: Option<Vec<u8>> = r.get("wrapped")?;
        Ok(PersonKey {
            id: r.get("id")?,
            person: r.get("person")?,
            wrapped: wrapped.map(|bytes| STANDARD.encode(bytes)),
            made: r.get("made")?,
            destroyed: r.get("destroyed")?,
        })
    };
    rows.iter().map(read).collect()
}

/// The last field with the closing brace, after everything before it.
fn end_of(before: &[u8]) -> String {
    format!(",\"sha256\":\"{}\"}}", sha256(before))
}

fn ends_with_digest(text: &[u8]) -> bool {
    let at = text.len().checked_sub(end_of(&[]).len());
    at.and_then(|at| text.split_at_checked(at)).is_some_and(|(before, end)| end == end_of(before).as_bytes())
}
