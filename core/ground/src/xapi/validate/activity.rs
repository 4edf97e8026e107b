//! Activities, their definitions and interactions (xAPI 1.0.3 part two, 2.4.4.1).

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{
    Place, Quoted, constant, each, extensions, fail, format, language_map, object, required, string, text_of, unknown,
};
use crate::Result;

pub(super) fn activity(place: &Place, value: &Value) -> Result<()> {
    let map = object(place, value)?;
    for (key, value) in map {
        let at = place.key(key);
        match key.as_str() {
            "objectType" => constant(&at, value, "Activity")?,
            "id" => text_of(&at, value, format::iri)?,
            "definition" => definition(&at, value)?,
            _ => return unknown(place, key),
        }
    }
    required(place, map, "id").map(|_| ())
}

fn definition(place: &Place, value: &Value) -> Result<()> {
    let map = object(place, value)?;
    for (key, value) in map {
        let at = place.key(key);
        match key.as_str() {
            "name" | "description" => language_map(&at, value)?,
            "type" | "moreInfo" => text_of(&at, value, format::iri)?,
            "extensions" => extensions(&at, value)?,
            "interactionType" => string(&at, value).map(|_| ())?,
            "correctResponsesPattern" => each(&at, value, |at, v| string(at, v).map(|_| ()))?,
            "choices" | "scale" | "source" | "target" | "steps" => components(&at, value)?,
            _ => return unknown(place, key),
        }
    }
    interaction(place, map)
}

/// The component lists that an interaction type may have, or None for an unknown type.
fn lists_of(interaction_type: &str) -> Option<&'static [&'static str]> {
    Some(match interaction_type {
        "choice" | "sequencing" => &["choices"],
        "likert" => &["scale"],
        "matching" => &["source", "target"],
        "performance" => &["steps"],
        "true-false" | "fill-in" | "long-fill-in" | "numeric" | "other" => &[],
        _ => return None,
    })
}

fn interaction(place: &Place, map: &Map<String, Value>) -> Result<()> {
    const PROPERTIES: [&str; 6] = ["correctResponsesPattern", "choices", "scale", "source", "target", "steps"];
    let used = || PROPERTIES.into_iter().filter(|p| map.contains_key(*p));
    let Some(name) = map.get("interactionType").and_then(Value::as_str) else {
        return used().next().map_or(Ok(()), |p| fail(place, format!("the property '{p}' needs an 'interactionType'")));
    };
    let Some(lists) = lists_of(name) else {
        return fail(
            &place.key("interactionType"),
            format!(
                "must be true-false, choice, fill-in, long-fill-in, matching, performance, sequencing, likert, numeric \
                 or other, found {}",
                Quoted(name)
            ),
        );
    };
    match used().skip_while(|p| *p == "correctResponsesPattern").find(|p| !lists.contains(p)) {
        Some(p) => fail(&place.key(p), format!("is not allowed for the interaction type '{name}'")),
        None => Ok(()),
    }
}

fn components(place: &Place, value: &Value) -> Result<()> {
    each(place, value, |at, component| {
        let map = object(at, component)?;
        for (key, value) in map {
            match key.as_str() {
                "id" => string(&at.key(key), value).map(|_| ())?,
                "description" => language_map(&at.key(key), value)?,
                _ => return unknown(at, key),
            }
        }
        required(at, map, "id").map(|_| ())
    })?;
    let mut seen = HashSet::new();
    let ids = value.as_array().into_iter().flatten().filter_map(|c| c.get("id").and_then(Value::as_str));
    for id in ids {
        if !seen.insert(id) {
            return fail(place, format!("the id {} appears twice", Quoted(id)));
        }
    }
    Ok(())
}
