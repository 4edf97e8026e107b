//! The values behind the commitments: sealed under a key of the person to whom they belong, and erased with it.
//!
//! Part 0 of a record's values belongs to the person whom the record is about (or to nobody), further parts to others who
//! are named in it. Each person's key is a row, wrapped by the master key. Where there is no master key (tests, simulation)
//! values are stored as they are.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::keyfile;
use super::leaf::{Fields, Secret};
use crate::backup::PersonKey;
use crate::{Clock, Conn, Error, Result, Tx, args};

/// The key that wraps all others.
#[derive(Clone)]
pub struct Master([u8; 32]);

impl std::fmt::Debug for Master {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Master({})", self.name())
    }
}

/// What the file of the master key begins with.
const PREFIX: &str = "STOA+MASTER+KEY+1+";

impl Master {
    /// The fact about a store that holds the [name](Self::name) of its master key.
    pub const FACT: &'static str = "evidence.master_key";

    /// A key from 32 random bytes.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// Reads the key file; where there is none and `create` says so, makes one that only its owner can read.
    ///
    /// # Errors
    /// When the file is missing and must not be made, cannot be read, or holds no key. The text is not repeated.
    pub fn open(path: &Path, clock: &Clock, create: bool) -> Result<Self> {
        let make = || format!("{PREFIX}{}", STANDARD.encode(random(clock)));
        let text = keyfile::open(path, "[evidence] master_key_file", create.then_some(make))?;
        let key = text.strip_prefix(PREFIX).and_then(|key| STANDARD.decode(key).ok()?.try_into().ok());
        key.map(Self).ok_or_else(|| {
            Error::invalid(format!("[evidence] master_key_file: {} holds no master key of Stoa", path.display()))
        })
    }

    /// A key of its own for one purpose.
    pub(super) fn purpose(&self, purpose: &str) -> [u8; 32] {
        Sha256::new().chain_update(format!("stoa/{purpose}/v1\n")).chain_update(self.0).finalize().into()
    }

    /// What tells it from other keys, and says nothing about it.
    #[must_use]
    pub fn name(&self) -> String {
        let hash = Sha256::new().chain_update("stoa/master/v1\n").chain_update(self.0).finalize();
        crate::hex(hash.iter().take(8))
    }

    /// Whether this is the key that wrapped a person's key of a keys file; one that was destroyed tells nothing.
    #[must_use]
    pub fn unwraps(&self, key: &PersonKey) -> bool {
        let wrapped = key.wrapped.as_ref().and_then(|text| STANDARD.decode(text).ok());
        wrapped.is_none_or(|wrapped| unwrap(self, &key.id, &wrapped).is_ok())
    }
}

/// 32 random bytes.
pub(super) fn random(clock: &Clock) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&clock.random());
    bytes[16..].copy_from_slice(&clock.random());
    bytes
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|_| Error::invalid("a key has the wrong length"))?;
    Ok(LessSafeKey::new(key))
}

/// Nonce, ciphertext and tag (RFC 8439). `bound` must be the same to open it. Nonces are random: a key seals at most some
/// thousands of parts.
pub(super) fn seal(key: &[u8; 32], bound: &str, text: &[u8], clock: &Clock) -> Result<Vec<u8>> {
    let mut nonce = [0; NONCE_LEN];
    nonce.copy_from_slice(&clock.random()[..NONCE_LEN]);
    let mut sealed = text.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound.as_bytes()), &mut sealed)
        .map_err(|_| Error::invalid("a value could not be sealed"))?;
    Ok([&nonce[..], &sealed].concat())
}

pub(super) fn unseal(key: &[u8; 32], bound: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut text = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let opened = cipher(key).ok()?.open_in_place(nonce, Aad::from(bound.as_bytes()), &mut text).ok()?.len();
    text.truncate(opened);
    Some(text)
}

/// One part of a record's values.
#[derive(Serialize, Deserialize)]
struct Part {
    secret: String,
    fields: Fields,
}

/// Fields with the secret that their salts come from.
pub(super) type Open = BTreeMap<String, (String, Secret)>;

/// Stores parts of records' values: the record's id, the number of the part, and the person (empty where it belongs to
/// nobody) with the fields and the secret that their salts come from.
pub(super) async fn store(tx: &Tx, parts: Vec<(&str, i64, &(String, Fields, Secret))>) -> Result<()> {
    let mut keys: BTreeMap<&str, Option<(String, [u8; 32])>> = BTreeMap::new();
    let mut rows = Vec::with_capacity(parts.len());
    for (record, part, (person, fields, secret)) in parts {
        if !keys.contains_key(person.as_str()) {
            keys.insert(person, key_for(tx, person).await?);
        }
        let body = serde_json::to_vec(&Part { secret: STANDARD.encode(secret), fields: fields.clone() })?;
        let (key, body) = match keys.get(person.as_str()).and_then(Option::as_ref) {
            Some((id, key)) => (Some(id.clone()), seal(key, &bound(record, part), &body, tx.clock())?),
            None => (None, body),
        };
        rows.push(args![record, part, person, key, body]);
    }
    tx.insert_rows("ledger_value", &["record", "part", "person", "sealed_by", "body"], rows).await
}

fn bound(record: &str, part: i64) -> String {
    format!("stoa/value/v1\n{record}\n{part}")
}

fn wrapping(id: &str) -> String {
    format!("stoa/key/v1\n{id}")
}

/// The key of a person, made when there is none; none where nothing is sealed.
async fn key_for(tx: &Tx, person: &str) -> Result<Option<(String, [u8; 32])>> {
    if person.is_empty() {
        return Ok(None);
    }
    key_of(tx, person).await
}

/// The key of a person, or of nobody (the one for pseudonyms), made when there is none; none without a master key.
async fn key_of(tx: &Tx, person: &str) -> Result<Option<(String, [u8; 32])>> {
    let Some(master) = tx.master() else { return Ok(None) };
    let sql = "SELECT id, wrapped FROM ledger_key WHERE person = $1 AND destroyed IS NULL";
    if let Some(row) = tx.opt(sql, args![person]).await? {
        let id: String = row.get("id")?;
        let key = unwrap(master, &id, &row.get::<Vec<u8>>("wrapped")?)?;
        return Ok(Some((id, key)));
    }
    let (id, key) = (tx.clock().id().to_string(), random(tx.clock()));
    let wrapped = seal(&master.0, &wrapping(&id), &key, tx.clock())?;
    tx.exec(
        "INSERT INTO ledger_key (id, person, wrapped, made) VALUES ($1, $2, $3, $4)",
        args![&id, person, wrapped, tx.now()],
    )
    .await?;
    Ok(Some((id, key)))
}

fn unwrap(master: &Master, id: &str, wrapped: &[u8]) -> Result<[u8; 32]> {
    unseal(&master.0, &wrapping(id), wrapped).and_then(|key| key.try_into().ok()).ok_or_else(|| {
        Error::invalid("a person's key cannot be unwrapped: [evidence] master_key_file is not the one of this store")
    })
}

/// A pseudonym for a subject that would name a person: the same each time, and telling nothing without the key of nobody.
pub(super) async fn pseudonym(tx: &Tx, subject: &str) -> Result<String> {
    let key = key_of(tx, "").await?.map_or([0; 32], |(_, key)| key);
    Ok(pseudonym_under(&key, subject))
}

/// As [`pseudonym`], for reading: none when no pseudonym was ever made.
pub(super) async fn known_pseudonym(conn: &Conn, subject: &str) -> Result<Option<String>> {
    let Some(master) = conn.master() else { return Ok(Some(pseudonym_under(&[0; 32], subject))) };
    let sql = "SELECT id, wrapped FROM ledger_key WHERE person = '' AND destroyed IS NULL";
    let Some(row) = conn.opt(sql, args![]).await? else { return Ok(None) };
    let key = unwrap(master, &row.get::<String>("id")?, &row.get::<Vec<u8>>("wrapped")?)?;
    Ok(Some(pseudonym_under(&key, subject)))
}

fn pseudonym_under(key: &[u8; 32], subject: &str) -> String {
    let kind = super::kind(subject);
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key), subject.as_bytes());
    let name: String = crate::hex(tag.as_ref().iter().take(16));
    format!("{kind}/~{name}")
}

/// One stored part: its number, what it is sealed by with that key, and its bytes; `None` for what was erased.
pub(super) struct Stored {
    pub part: i64,
    pub sealed_by: Option<String>,
    pub wrapped: Option<Vec<u8>>,
    pub body: Option<Vec<u8>>,
}

/// Opens the parts of a record. What was erased, or whose key was destroyed, is left out.
pub(super) fn open(master: Option<&Master>, record: &str, parts: Vec<Stored>) -> Result<Open> {
    let mut open = Open::new();
    for part in parts {
        let Some(body) = part.body else { continue };
        let body = match (part.sealed_by, part.wrapped) {
            (None, _) => body,
            (Some(_), None) => continue,
            (Some(id), Some(wrapped)) => {
                let master = master.ok_or_else(|| {
                    Error::invalid("the ledger's values are sealed: name the key in [evidence] master_key_file")
                })?;
                let key = unwrap(master, &id, &wrapped)?;
                unseal(&key, &bound(record, part.part), &body).ok_or_else(|| {
                    Error::Conflict(format!("the values of the ledger's record {record} were changed or damaged"))
                })?
            }
        };
        let part: Part = serde_json::from_slice(&body)?;
        let secret: Option<Secret> = STANDARD.decode(&part.secret).ok().and_then(|s| s.try_into().ok());
        let secret = secret.ok_or_else(|| {
            Error::Conflict(format!("the values of the ledger's record {record} were changed or damaged"))
        })?;
        open.extend(part.fields.into_iter().map(|(name, value)| (name, (value, secret))));
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_sealed_opens_only_with_its_key_and_in_its_place() {
        let clock = Clock::seeded(crate::Instant(0), 1);
        let key = random(&clock);
        let sealed = seal(&key, "a", b"Ana", &clock).unwrap();
        assert!(!sealed.windows(3).any(|w| w == b"Ana"));
        assert_eq!(unseal(&key, "a", &sealed).unwrap(), b"Ana");
        assert_eq!(unseal(&key, "b", &sealed), None);
        assert_eq!(unseal(&random(&clock), "a", &sealed), None);
        assert_ne!(seal(&key, "a", b"Ana", &clock).unwrap(), sealed);
    }

    #[test]
    fn the_master_key_is_made_once_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("evidence/master.key");
        let clock = Clock::system();
        assert!(Master::open(&path, &clock, false).unwrap_err().to_string().contains("is missing"));
        let name = Master::open(&path, &clock, true).unwrap().name();
        assert_eq!(Master::open(&path, &clock, true).unwrap().name(), name);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "secret stuff").unwrap();
        let said = Master::open(&path, &clock, true).unwrap_err().to_string();
        assert!(said.contains("holds no master key") && !said.contains("secret stuff"), "{said}");
    }
}
