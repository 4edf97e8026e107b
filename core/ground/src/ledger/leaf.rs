//! What stands in a leaf of the log: the format of a record, with a salted commitment in place of each field.
//!
//! Format 1 was the record itself, as JSON. Format 2 is JSON with `"format": 2`, the record's frame in the open (id, subject,
//! version, kind, instant, retention class, and `"clock": "test"` where the clock was moved by hand), and `fields`: for
//! `actor`, `reason`, `source` and each member of the data (`data/<name>`) the commitment of its value. Records of format 1 stay as
//! they are.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::{Record, Source};
use crate::{Error, Instant, Result};

/// The newest format, in which records are written.
pub const FORMAT: i64 = 2;

/// A secret from which the salts of the fields of one part of a record come.
pub type Secret = [u8; 32];

/// A record as it stands in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// The version of the format.
    pub format: i64,
    /// See [`Record::id`].
    pub id: String,
    /// See [`Record::subject`]; where that would name a person, its kind and a pseudonym.
    pub subject: String,
    /// See [`Record::version`].
    pub version: i64,
    /// See [`Record::kind`].
    pub kind: String,
    /// See [`Record::at`].
    pub at: Instant,
    /// The retention class.
    pub class: String,
    /// `test` where the clock was moved by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<String>,
    /// Commitments by field, in base64.
    pub fields: BTreeMap<String, String>,
}

/// What commitments stand for: field by field the value as JSON text.
pub type Fields = BTreeMap<String, String>;

/// The salt of a field.
#[must_use]
pub fn salt(secret: &Secret, field: &str) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, format!("stoa/salt/v1\n{field}").as_bytes());
    let mut salt = [0; 32];
    salt.copy_from_slice(tag.as_ref());
    salt
}

/// The commitment to a field's value: SHA-256 over the domain `stoa/field/v1` and a line's end, the salt, and the field's
/// name and value, each after its length in bytes as a 64-bit number, most significant byte first.
#[must_use]
pub fn commitment(salt: &[u8; 32], field: &str, value: &str) -> String {
    let length = |text: &str| (text.len() as u64).to_be_bytes();
    let hash = Sha256::new()
        .chain_update("stoa/field/v1\n")
        .chain_update(salt)
        .chain_update(length(field))
        .chain_update(field)
        .chain_update(length(value))
        .chain_update(value)
        .finalize();
    STANDARD.encode(hash)
}

/// The fields of a record.
///
/// # Errors
/// When the data cannot be written as JSON.
pub fn fields(actor: &str, reason: &str, data: &Json, source: Option<&Source>) -> Result<Fields> {
    let mut fields = Fields::new();
    fields.insert("actor".into(), serde_json::to_string(actor)?);
    fields.insert("reason".into(), serde_json::to_string(reason)?);
    if let Some(source) = source {
        fields.insert("source".into(), serde_json::to_string(source)?);
    }
    match data {
        Json::Object(members) => {
            for (name, value) in members {
                fields.insert(format!("data/{name}"), serde_json::to_string(value)?);
            }
        }
        other => {
            fields.insert("data".into(), serde_json::to_string(other)?);
        }
    }
    Ok(fields)
}

/// The record of a leaf whose fields were opened, each with its salt; those that are not in `fields` were erased.
///
/// # Errors
/// When a value is not the one that the leaf commits to, or cannot be read.
pub fn record(leaf: Leaf, fields: &BTreeMap<String, (String, [u8; 32])>) -> Result<Record> {
    let mut values = BTreeMap::new();
    for (name, committed) in &leaf.fields {
        let Some((value, salt)) = fields.get(name) else { continue };
        if commitment(salt, name, value) != *committed {
            return Err(Error::Conflict(format!(
                "the ledger's record {} was changed: its {name} is another one",
                leaf.id
            )));
        }
        values.insert(name.clone(), serde_json::from_str(value)?);
    }
    shown(leaf, values)
}

/// The record of a leaf with these values, which whoever calls has held against its commitments; what is not in `values`
/// was erased, or not disclosed.
///
/// # Errors
/// When a value is not of its shape.
pub fn shown(leaf: Leaf, mut values: BTreeMap<String, Json>) -> Result<Record> {
    let erased = leaf.fields.into_keys().filter(|name| !values.contains_key(name)).collect();
    let mut text = |name: &str| match values.remove(name) {
        Some(value) => Ok(serde_json::from_value(value)?),
        None => Ok::<String, Error>(String::new()),
    };
    let (actor, reason, subject) = (text("actor")?, text("reason")?, text("subject")?);
    let source = values.remove("source").map(serde_json::from_value).transpose()?;
    let whole = values.remove("data");
    let members = values.into_iter().filter_map(|(name, value)| Some((name.strip_prefix("data/")?.to_owned(), value)));
    Ok(Record {
        id: leaf.id,
        subject: if subject.is_empty() { leaf.subject } else { subject },
        version: leaf.version,
        kind: leaf.kind,
        at: leaf.at,
        actor,
        reason,
        data: whole.unwrap_or_else(|| Json::Object(members.collect())),
        source,
        erased,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_commitment_is_what_the_description_says() {
        let salt = [7u8; 32];
        let mut bytes = b"stoa/field/v1\n".to_vec();
        bytes.extend([7u8; 32]);
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 5]);
        bytes.extend(b"actor");
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 10]);
        bytes.extend(b"\"operator\"");
        assert_eq!(commitment(&salt, "actor", "\"operator\""), STANDARD.encode(Sha256::digest(&bytes)));
        assert_ne!(super::salt(&salt, "actor"), super::salt(&salt, "reason"));
    }

    #[test]
    fn opened_fields_give_the_record_back_and_others_are_named() {
        let secret = [1u8; 32];
        for data in [json!({"a": 1.5, "b": null, "c": {"d": ["é"]}}), json!({}), json!(null), json!([1])] {
            let came = Source { platform: "slack".into(), at: Instant(7), received: Instant(9) };
            let fields = fields("operator", "a \"test\"", &data, Some(&came)).unwrap();
            let committed = fields.iter().map(|(n, v)| (n.clone(), commitment(&salt(&secret, n), n, v))).collect();
            let leaf = Leaf {
                format: FORMAT,
                id: "i".into(),
                subject: "counter/a".into(),
                version: 1,
                kind: "added".into(),
                at: Instant(5),
                class: "training".into(),
                clock: None,
                fields: committed,
            };
            let salted = |(n, v): (String, String)| (n.clone(), (v, salt(&secret, &n)));
            let mut open: BTreeMap<_, _> = fields.into_iter().map(salted).collect();
            let whole = record(leaf.clone(), &open).unwrap();
            assert_eq!((whole.data, whole.actor.as_str(), whole.reason.as_str()), (data, "operator", "a \"test\""));
            assert_eq!(whole.source, Some(came));
            open.remove("reason");
            assert_eq!(record(leaf.clone(), &open).unwrap().erased, ["reason"]);
            open.insert("actor".into(), ("\"person/eve\"".into(), secret));
            let said = record(leaf, &open).unwrap_err().to_string();
            assert!(said.contains("was changed: its actor"), "{said}");
        }
    }
}
