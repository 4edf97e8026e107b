//! Results, contexts and attachments (xAPI 1.0.3 part two, 2.4.5, 2.4.6 and 2.4.11).

use serde_json::{Map, Value};

use super::{
    Place, Version, activity, actor, boolean, each, extensions, fail, format, language_map, object, required,
    statement_ref, string, text_of, unknown, wrong,
};
use crate::Result;

pub(super) fn result(place: &Place, value: &Value) -> Result<()> {
    for (key, value) in object(place, value)? {
        let at = place.key(key);
        match key.as_str() {
            "score" => score(&at, value)?,
            "success" | "completion" => boolean(&at, value)?,
            "response" => string(&at, value).map(|_| ())?,
            "duration" => text_of(&at, value, format::duration)?,
            "extensions" => extensions(&at, value)?,
            _ => return unknown(place, key),
        }
    }
    Ok(())
}

fn score(place: &Place, value: &Value) -> Result<()> {
    let map = object(place, value)?;
    let number = |map: &Map<String, Value>, key: &'static str| -> Result<Option<f64>> {
        match map.get(key) {
            None => Ok(None),
            Some(v) => v.as_f64().map_or_else(|| wrong(&place.key(key), "a number", v), |n| Ok(Some(n))),
        }
    };
    if let Some(key) = map.keys().find(|k| !["scaled", "raw", "min", "max"].contains(&k.as_str())) {
        return unknown(place, key);
    }
    let (scaled, raw) = (number(map, "scaled")?, number(map, "raw")?);
    let (min, max) = (number(map, "min")?, number(map, "max")?);
    if scaled.is_some_and(|s| !(-1.0..=1.0).contains(&s)) {
        return fail(&place.key("scaled"), "must be between -1 and 1");
    }
    if let (Some(min), Some(max)) = (min, max)
        && min >= max
    {
        return fail(&place.key("min"), format!("must be less than max, found {min} and {max}"));
    }
    if let Some(raw) = raw {
        if min.is_some_and(|min| raw < min) {
            return fail(&place.key("raw"), "must not be less than min");
        }
        if max.is_some_and(|max| raw > max) {
            return fail(&place.key("raw"), "must not be greater than max");
        }
    }
    Ok(())
}

pub(super) fn context(place: &Place, value: &Value, about_activity: bool, version: Version) -> Result<()> {
    for (key, value) in object(place, value)? {
        let at = place.key(key);
        match key.as_str() {
            "registration" => text_of(&at, value, format::uuid)?,
            "instructor" => actor::agent_or_group(&at, value)?,
            "team" => actor::team(&at, value)?,
            "contextActivities" => context_activities(&at, value)?,
            "revision" | "platform" if !about_activity => {
                return fail(&at, "is allowed only when the object is an Activity");
            }
            "revision" | "platform" => string(&at, value).map(|_| ())?,
            "language" => text_of(&at, value, format::language)?,
            "statement" => statement_ref(&at, value)?,
            "extensions" => extensions(&at, value)?,
            "contextAgents" if version >= Version::V2_0 => {
                each(&at, value, |at, v| actor::context_actor(at, v, "agent"))?;
            }
            "contextGroups" if version >= Version::V2_0 => {
                each(&at, value, |at, v| actor::context_actor(at, v, "group"))?;
            }
            _ => return unknown(place, key),
        }
    }
    Ok(())
}

/// Each value is an Activity or an array of them (2.4.6.2).
fn context_activities(place: &Place, value: &Value) -> Result<()> {
    for (key, value) in object(place, value)? {
        let at = place.key(key);
        match (key.as_str(), value) {
            ("parent" | "grouping" | "category" | "other", Value::Array(_)) => each(&at, value, activity::activity)?,
            ("parent" | "grouping" | "category" | "other", _) => activity::activity(&at, value)?,
            _ => return unknown(place, key),
        }
    }
    Ok(())
}

pub(super) fn attachment(place: &Place, value: &Value) -> Result<()> {
    let map = object(place, value)?;
    for (key, value) in map {
        let at = place.key(key);
        match key.as_str() {
            "usageType" | "fileUrl" => text_of(&at, value, format::iri)?,
            "display" | "description" => language_map(&at, value)?,
            "contentType" => text_of(&at, value, format::media_type)?,
            "length" if !value.is_u64() => return wrong(&at, "a whole number of bytes", value),
            "length" => {}
            "sha2" => text_of(&at, value, format::sha2)?,
            _ => return unknown(place, key),
        }
    }
    for key in ["usageType", "display", "contentType", "length", "sha2"] {
        required(place, map, key)?;
    }
    Ok(())
}
