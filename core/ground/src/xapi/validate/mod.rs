//! Strict validation of statements against the data model of xAPI 1.0.3 (part two) and IEEE 9274.1.1 (xAPI 2.0).
//!
//! What the two versions disagree about: 2.0 adds `contextAgents` and `contextGroups`, and takes statements whose
//! `version` is 2.0.x. Everything else is the same rule for both. Each refusal names the place.

mod activity;
mod actor;
mod context;

use serde_json::{Map, Value};

pub(super) use actor::{agent_or_group, identifiers};

use super::format::{self, Wanted};
use super::place::{Place, Quoted};
use crate::{Error, Result};

/// The versions of the standard that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// xAPI 1.0.0 to 1.0.3.
    V1_0,
    /// xAPI 2.0, which is IEEE 9274.1.1-2023.
    V2_0,
}

impl Version {
    /// Reads the value of `X-Experience-API-Version`: `1.0`, `1.0.x`, `2.0` or `2.0.x`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let family = |f: &str| {
            text.strip_prefix(f).is_some_and(|rest| {
                rest.is_empty()
                    || rest.strip_prefix('.').is_some_and(|patch| {
                        !patch.is_empty() && patch.len() < 10 && patch.bytes().all(|b| b.is_ascii_digit())
                    })
            })
        };
        match text {
            t if family("1.0") && !t.is_empty() => Some(Self::V1_0),
            _ if family("2.0") => Some(Self::V2_0),
            _ => None,
        }
    }

    /// The newest patch version that is implemented: what answers carry in `X-Experience-API-Version`.
    #[must_use]
    pub const fn latest(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0.3",
            Self::V2_0 => "2.0.0",
        }
    }

    /// The `version` of a statement that came without one.
    #[must_use]
    pub const fn of_statement(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0.0",
            Self::V2_0 => "2.0.0",
        }
    }
}

/// The verb that voids (reserved by the standard).
pub(super) const VOIDED: &str = "http://adlnet.gov/expapi/verbs/voided";

/// Checks a whole statement.
pub(super) fn statement(place: &Place, value: &Value, version: Version) -> Result<()> {
    let map = object(place, value)?;
    for (key, value) in map {
        let at = place.key(key);
        match key.as_str() {
            "id" => text_of(&at, value, format::uuid)?,
            "authority" => actor::authority(&at, value)?,
            "stored" => text_of(&at, value, format::timestamp)?,
            "version" => statement_version(&at, value, version)?,
            _ => part(place, map, key, value, version, false)?,
        }
    }
    parts_together(place, map)
}

/// Checks a SubStatement: a statement without `id`, `stored`, `version` and `authority`, and not nested (2.4.4.3).
fn sub_statement(place: &Place, map: &Map<String, Value>, version: Version) -> Result<()> {
    for (key, value) in map {
        match key.as_str() {
            "objectType" => {}
            "id" | "stored" | "version" | "authority" => {
                return fail(&place.key(key), "is not allowed in a SubStatement");
            }
            _ => part(place, map, key, value, version, true)?,
        }
    }
    parts_together(place, map)
}

/// One property that statements and SubStatements have in common.
fn part(
    place: &Place,
    whole: &Map<String, Value>,
    key: &str,
    value: &Value,
    version: Version,
    sub: bool,
) -> Result<()> {
    let at = place.key(key);
    match key {
        "actor" => agent_or_group(&at, value),
        "verb" => verb(&at, value),
        "object" => statement_object(&at, value, version, sub),
        "result" => context::result(&at, value),
        "context" => context::context(&at, value, is_activity(whole.get("object")), version),
        "timestamp" => text_of(&at, value, format::timestamp),
        "attachments" => each(&at, value, context::attachment),
        _ => unknown(place, key),
    }
}

/// The rules that need more than one property.
fn parts_together(place: &Place, map: &Map<String, Value>) -> Result<()> {
    for key in ["actor", "verb", "object"] {
        if !map.contains_key(key) {
            return missing(place, key);
        }
    }
    if map["verb"]["id"] == VOIDED && map["object"]["objectType"] != "StatementRef" {
        let object = place.key("object");
        return fail(&object.key("objectType"), "must be 'StatementRef', because the verb is 'voided'");
    }
    Ok(())
}

fn statement_version(place: &Place, value: &Value, version: Version) -> Result<()> {
    let text = string(place, value)?;
    match Version::parse(text) {
        Some(v) if v <= version => Ok(()),
        _ => fail(
            place,
            match version {
                Version::V1_0 => format!("must be 1.0.x, found {}", Quoted(text)),
                Version::V2_0 => format!("must be 1.0.x or 2.0.x, found {}", Quoted(text)),
            },
        ),
    }
}

fn verb(place: &Place, value: &Value) -> Result<()> {
    let map = object(place, value)?;
    for (key, value) in map {
        let at = place.key(key);
        match key.as_str() {
            "id" => text_of(&at, value, format::iri)?,
            "display" => language_map(&at, value)?,
            _ => return unknown(place, key),
        }
    }
    required(place, map, "id").map(|_| ())
}

/// The `objectType` of an object; without one it is an Activity.
fn object_type<'v>(place: &Place, map: &'v Map<String, Value>) -> Result<&'v str> {
    map.get("objectType").map_or(Ok("Activity"), |v| string(&place.key("objectType"), v))
}

fn is_activity(object: Option<&Value>) -> bool {
    object.and_then(|o| o.get("objectType")).is_none_or(|t| t == "Activity")
}

fn statement_object(place: &Place, value: &Value, version: Version, sub: bool) -> Result<()> {
    let map = object(place, value)?;
    match object_type(place, map)? {
        "Activity" => activity::activity(place, value),
        "Agent" | "Group" => agent_or_group(place, value),
        "StatementRef" => statement_ref(place, value),
        "SubStatement" if sub => fail(&place.key("objectType"), "a SubStatement cannot contain another SubStatement"),
        "SubStatement" => sub_statement(place, map, version),
        other => fail(
            &place.key("objectType"),
            format!("must be Activity, Agent, Group, StatementRef or SubStatement, found {}", Quoted(other)),
        ),
    }
}

/// Checks a StatementRef (2.4.4.3).
fn statement_ref(place: &Place, value: &Value) -> Result<()> {
    let map = object(place, value)?;
    for (key, value) in map {
        let at = place.key(key);
        match key.as_str() {
            "objectType" => constant(&at, value, "StatementRef")?,
            "id" => text_of(&at, value, format::uuid)?,
            _ => return unknown(place, key),
        }
    }
    required(place, map, "objectType")?;
    required(place, map, "id").map(|_| ())
}

fn fail<T>(place: &Place, why: impl std::fmt::Display) -> Result<T> {
    Err(Error::invalid(format!("{place}: {why}")))
}

fn unknown<T>(place: &Place, key: &str) -> Result<T> {
    fail(place, format!("the property {} is not known here", Quoted(key)))
}

fn missing<T>(place: &Place, key: &str) -> Result<T> {
    fail(place, format!("the property '{key}' is missing"))
}

fn required<'v>(place: &Place, map: &'v Map<String, Value>, key: &str) -> Result<&'v Value> {
    map.get(key).map_or_else(|| missing(place, key), Ok)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn wrong<T>(place: &Place, wanted: &str, value: &Value) -> Result<T> {
    fail(place, format!("must be {wanted}, found {}", kind(value)))
}

fn object<'v>(place: &Place, value: &'v Value) -> Result<&'v Map<String, Value>> {
    value.as_object().map_or_else(|| wrong(place, "an object", value), Ok)
}

fn string<'v>(place: &Place, value: &'v Value) -> Result<&'v str> {
    value.as_str().map_or_else(|| wrong(place, "a string", value), Ok)
}

fn boolean(place: &Place, value: &Value) -> Result<()> {
    if value.is_boolean() { Ok(()) } else { wrong(place, "true or false", value) }
}

fn text_of<T>(place: &Place, value: &Value, check: impl Fn(&str) -> Result<T, Wanted>) -> Result<()> {
    let text = string(place, value)?;
    check(text).map(|_| ()).or_else(|wanted| fail(place, format!("must be {wanted}, found {}", Quoted(text))))
}

fn constant(place: &Place, value: &Value, wanted: &str) -> Result<()> {
    let text = string(place, value)?;
    if text == wanted { Ok(()) } else { fail(place, format!("must be '{wanted}', found {}", Quoted(text))) }
}

/// Checks every element of an array.
fn each(place: &Place, value: &Value, check: impl Fn(&Place, &Value) -> Result<()>) -> Result<()> {
    let Some(items) = value.as_array() else { return wrong(place, "an array", value) };
    items.iter().enumerate().try_for_each(|(i, item)| check(&place.index(i), item))
}

/// Checks a language map (4.2): language tags to strings.
fn language_map(place: &Place, value: &Value) -> Result<()> {
    for (tag, text) in object(place, value)? {
        if let Err(wanted) = format::language(tag) {
            return fail(place, format!("a key must be {wanted}, found {}", Quoted(tag)));
        }
        string(&place.key(tag), text)?;
    }
    Ok(())
}

/// Checks extensions (4.1): keys are IRIs, values are anything, also null.
fn extensions(place: &Place, value: &Value) -> Result<()> {
    for key in object(place, value)?.keys() {
        if let Err(wanted) = format::iri(key) {
            return fail(place, format!("a key must be {wanted}, found {}", Quoted(key)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
