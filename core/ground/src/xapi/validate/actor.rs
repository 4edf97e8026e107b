//! Agents, groups and authorities (xAPI 1.0.3 part two, 2.4.2 and 2.4.9).

use serde_json::{Map, Value};

use super::{Place, Quoted, constant, each, fail, format, object, required, string, text_of, unknown, wrong};
use crate::Result;

/// The four inverse functional identifiers.
const IDENTIFIERS: [&str; 4] = ["mbox", "mbox_sha1sum", "openid", "account"];

/// The identifiers that an actor has; a valid one has one of them, an anonymous group none.
pub(in crate::xapi) fn identifiers(map: &Map<String, Value>) -> impl Iterator<Item = &'static str> + '_ {
    IDENTIFIERS.into_iter().filter(|k| map.contains_key(*k))
}

/// Checks an Agent, or with `"objectType": "Group"` a Group.
pub(in crate::xapi) fn agent_or_group(place: &Place, value: &Value) -> Result<()> {
    let map = object(place, value)?;
    match map.get("objectType").map(|t| string(&place.key("objectType"), t)).transpose()? {
        None | Some("Agent") => agent(place, value),
        Some("Group") => group(place, value),
        Some(other) => fail(&place.key("objectType"), format!("must be 'Agent' or 'Group', found {}", Quoted(other))),
    }
}

pub(super) fn agent(place: &Place, value: &Value) -> Result<()> {
    let map = object(place, value)?;
    for (key, value) in map {
        match key.as_str() {
            "objectType" => constant(&place.key(key), value, "Agent")?,
            "member" => {
                return fail(place, "the property 'member' needs \"objectType\": \"Group\"");
            }
            _ => shared(place, key, value)?,
        }
    }
    if one_identifier(place, map)? {
        return Ok(());
    }
    fail(place, "an Agent needs one of mbox, mbox_sha1sum, openid and account")
}

/// Checks a Group that may be anonymous.
pub(super) fn group(place: &Place, value: &Value) -> Result<()> {
    let map = object(place, value)?;
    for (key, value) in map {
        let at = place.key(key);
        match key.as_str() {
            "objectType" => constant(&at, value, "Group")?,
            "member" => each(&at, value, |at, member| {
                if member.get("objectType").is_some_and(|t| t == "Group") {
                    return fail(at, "a Group cannot be a member of a Group");
                }
                agent(at, member)
            })?,
            _ => shared(place, key, value)?,
        }
    }
    required(place, map, "objectType")?;
    let members = map.get("member").and_then(Value::as_array).map_or(0, Vec::len);
    if one_identifier(place, map)? || members > 0 {
        return Ok(());
    }
    fail(place, "a Group without an identifier needs at least one member")
}

/// Checks an authority: an Agent, or the two Agents of three-legged OAuth as an anonymous Group (2.4.9).
pub(super) fn authority(place: &Place, value: &Value) -> Result<()> {
    agent_or_group(place, value)?;
    if value.get("objectType").is_none_or(|t| t != "Group") {
        return Ok(());
    }
    let anonymous = value.as_object().is_some_and(|m| identifiers(m).next().is_none());
    let members = value.get("member").and_then(Value::as_array).map_or(0, Vec::len);
    if anonymous && members == 2 {
        return Ok(());
    }
    fail(place, "a Group as authority must be anonymous and have two members")
}

/// The properties that agents and groups share.
fn shared(place: &Place, key: &str, value: &Value) -> Result<()> {
    let at = place.key(key);
    match key {
        "name" => string(&at, value).map(|_| ()),
        "mbox" => text_of(&at, value, format::mbox),
        "mbox_sha1sum" => text_of(&at, value, format::sha1),
        "openid" => text_of(&at, value, format::iri),
        "account" => account(&at, value),
        _ => unknown(place, key),
    }
}

fn account(place: &Place, value: &Value) -> Result<()> {
    let map = object(place, value)?;
    for (key, value) in map {
        let at = place.key(key);
        match key.as_str() {
            "homePage" => text_of(&at, value, format::iri)?,
            "name" if value == "" => return fail(&at, "must not be empty"),
            "name" => string(&at, value).map(|_| ())?,
            _ => return unknown(place, key),
        }
    }
    required(place, map, "homePage")?;
    required(place, map, "name").map(|_| ())
}

/// Whether there is an identifier; more than one is an error.
fn one_identifier(place: &Place, map: &Map<String, Value>) -> Result<bool> {
    let mut found = identifiers(map);
    match (found.next(), found.next()) {
        (Some(a), Some(b)) => fail(place, format!("has both '{a}' and '{b}'; only one identifier is allowed")),
        (first, _) => Ok(first.is_some()),
    }
}

/// One of `contextAgents` or `contextGroups` (IEEE 9274.1.1, 4.2.2.5): `who` is `agent` or `group`.
pub(super) fn context_actor(place: &Place, value: &Value, who: &'static str) -> Result<()> {
    let map = object(place, value)?;
    for (key, value) in map {
        let at = place.key(key);
        match key.as_str() {
            "objectType" => constant(&at, value, if who == "agent" { "contextAgent" } else { "contextGroup" })?,
            "agent" if who == "agent" => agent(&at, value)?,
            "group" if who == "group" => group(&at, value)?,
            "relevantTypes" if value.as_array().is_some_and(Vec::is_empty) => {
                return fail(&at, "must not be empty");
            }
            "relevantTypes" => each(&at, value, |at, t| text_of(at, t, format::iri))?,
            _ => return unknown(place, key),
        }
    }
    required(place, map, "objectType")?;
    required(place, map, who).map(|_| ())
}

/// Checks a team: it must be a Group (2.4.6).
pub(super) fn team(place: &Place, value: &Value) -> Result<()> {
    match value.get("objectType") {
        Some(t) if t == "Group" => group(place, value),
        _ if !value.is_object() => wrong(place, "an object", value),
        _ => fail(place, "must be a Group"),
    }
}
