//! How statements are given out: `exact`, `ids` or `canonical` (xAPI 1.0.3 part three, 2.1.3).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::{Map, Value};
use stoa_ground::xapi::store;
use stoa_ground::{Conn, Error, Result};

/// The `format` parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Only what identifies agents, groups, activities and verbs.
    Ids,
    /// As stored.
    #[default]
    Exact,
    /// With the canonical definitions, in one language.
    Canonical,
}

impl std::str::FromStr for Format {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "ids" => Ok(Self::Ids),
            "exact" => Ok(Self::Exact),
            "canonical" => Ok(Self::Canonical),
            _ => Err(Error::invalid("the parameter 'format' must be ids, exact or canonical")),
        }
    }
}

/// The languages that a reader wants, best first (`Accept-Language`, RFC 9110 section 12.5.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Languages(Vec<String>);

impl Languages {
    /// Reads the header; what cannot be understood is left out.
    #[must_use]
    pub fn parse(header: &str) -> Self {
        let mut ranges: Vec<(u32, String)> = header
            .split(',')
            .filter_map(|part| {
                let (range, weight) = part.split_once(';').map_or((part, None), |(r, w)| (r, Some(w)));
                let weight = weight.map_or(Some(1.0), |w| w.trim().strip_prefix("q=")?.trim().parse::<f32>().ok())?;
                let range = range.trim().to_ascii_lowercase();
                // Thousandths, as the standard has them.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let weight = (weight.clamp(0.0, 1.0) * 1000.0) as u32;
                (!range.is_empty() && weight > 0).then_some((weight, range))
            })
            .take(50)
            .collect();
        ranges.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        Self(ranges.into_iter().map(|(_, range)| range).collect())
    }

    /// The best key of a language map: for each wanted language the same tag, else a narrower one; without any, the
    /// first of the map.
    fn choose<'m>(&self, map: &'m Map<String, Value>) -> Option<&'m String> {
        let lower = |tag: &&String| tag.to_ascii_lowercase();
        let narrower = |tag: &str, range: &str| tag.strip_prefix(range).is_some_and(|rest| rest.starts_with('-'));
        self.0
            .iter()
            .find_map(|range| {
                map.keys()
                    .find(|tag| lower(tag) == *range)
                    .or_else(|| map.keys().find(|tag| range == "*" || narrower(&lower(tag), range)))
            })
            .or_else(|| map.keys().next())
    }

    fn keep_one(&self, map: &mut Value) {
        let Some(map) = map.as_object_mut() else { return };
        if let Some(key) = self.choose(map).cloned() {
            map.retain(|k, _| *k == key);
        }
    }
}

/// Brings stored statements into a format.
///
/// # Errors
/// The database's error, or a stored statement that is not JSON.
pub async fn apply(conn: &Conn, format: Format, languages: &Languages, bodies: Vec<String>) -> Result<Vec<String>> {
    let mut known = HashMap::new();
    let mut done = Vec::with_capacity(bodies.len());
    for body in bodies {
        if format == Format::Exact {
            done.push(body);
            continue;
        }
        let mut statement: Value = serde_json::from_str(&body)?;
        if format == Format::Canonical {
            learn(conn, &mut statement, &mut known).await?;
        }
        walk(&mut statement, &mut |thing| match (format, thing) {
            (Format::Ids, thing) => identify(thing),
            (_, Thing::Verb(verb)) => {
                if let Some(display) = verb.get_mut("display") {
                    languages.keep_one(display);
                }
            }
            (_, Thing::Activity(activity)) => define(activity, &known, languages),
            (_, Thing::Agent(_)) => {}
        });
        done.push(statement.to_string());
    }
    Ok(done)
}

/// Looks up the canonical definitions of all activities of a statement.
async fn learn(conn: &Conn, statement: &mut Value, known: &mut HashMap<String, Map<String, Value>>) -> Result<()> {
    let mut ids = Vec::new();
    walk(statement, &mut |thing| {
        if let Thing::Activity(activity) = thing {
            ids.extend(activity["id"].as_str().map(str::to_owned));
        }
    });
    for id in ids {
        if let Entry::Vacant(entry) = known.entry(id) {
            let definition = store::definition(conn, entry.key()).await?;
            entry.insert(definition);
        }
    }
    Ok(())
}

fn define(activity: &mut Value, known: &HashMap<String, Map<String, Value>>, languages: &Languages) {
    if let Some(definition) = activity["id"].as_str().and_then(|id| known.get(id)).filter(|d| !d.is_empty()) {
        activity["definition"] = Value::Object(definition.clone());
    }
    let Some(definition) = activity.get_mut("definition").and_then(Value::as_object_mut) else { return };
    for (key, value) in definition {
        match key.as_str() {
            "name" | "description" => languages.keep_one(value),
            "choices" | "scale" | "source" | "target" | "steps" => {
                let components = value.as_array_mut().into_iter().flatten();
                components.filter_map(|c| c.get_mut("description")).for_each(|d| languages.keep_one(d));
            }
            _ => {}
        }
    }
}

/// Keeps only what identifies a thing; of an anonymous group, what identifies its members.
fn identify(thing: Thing) {
    let keep = |value: &mut Value, keys: &[&str]| {
        if let Some(map) = value.as_object_mut() {
            map.retain(|k, _| keys.contains(&k.as_str()));
        }
    };
    const IDENTIFIERS: [&str; 5] = ["objectType", "mbox", "mbox_sha1sum", "openid", "account"];
    match thing {
        Thing::Verb(verb) => keep(verb, &["id"]),
        Thing::Activity(activity) => keep(activity, &["objectType", "id"]),
        Thing::Agent(agent) => {
            let anonymous = !IDENTIFIERS[1..].iter().any(|k| agent.get(k).is_some());
            let members = if anonymous { agent.get_mut("member").map(Value::take) } else { None };
            keep(agent, &IDENTIFIERS);
            if let Some(mut members) = members {
                members.as_array_mut().into_iter().flatten().for_each(|m| keep(m, &IDENTIFIERS));
                agent["member"] = members;
            }
        }
    }
}

enum Thing<'a> {
    Verb(&'a mut Value),
    Activity(&'a mut Value),
    Agent(&'a mut Value),
}

/// Visits every verb, activity and actor of a statement.
fn walk(statement: &mut Value, visit: &mut impl FnMut(Thing)) {
    for who in ["actor", "authority"] {
        if let Some(agent) = statement.get_mut(who) {
            visit(Thing::Agent(agent));
        }
    }
    if let Some(verb) = statement.get_mut("verb") {
        visit(Thing::Verb(verb));
    }
    if let Some(context) = statement.get_mut("context") {
        for who in ["instructor", "team"] {
            if let Some(agent) = context.get_mut(who) {
                visit(Thing::Agent(agent));
            }
        }
        for (list, who) in [("contextAgents", "agent"), ("contextGroups", "group")] {
            let all = context.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
            all.filter_map(|c| c.get_mut(who)).for_each(|agent| visit(Thing::Agent(agent)));
        }
        let activities = context.get_mut("contextActivities").and_then(Value::as_object_mut);
        let all = activities.into_iter().flat_map(Map::values_mut).filter_map(Value::as_array_mut).flatten();
        all.for_each(|activity| visit(Thing::Activity(activity)));
    }
    if let Some(object) = statement.get_mut("object") {
        match object.get("objectType").and_then(Value::as_str) {
            None | Some("Activity") => visit(Thing::Activity(object)),
            Some("Agent" | "Group") => visit(Thing::Agent(object)),
            Some("SubStatement") => walk(object, visit),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn chosen(header: &str, map: Value) -> String {
        let mut map = map;
        Languages::parse(header).keep_one(&mut map);
        map.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(",")
    }

    #[test]
    fn the_best_language_of_each_map_is_kept() {
        let map = || json!({"de": "d", "en-GB": "g", "en-US": "u", "fr-CA": "f"});
        for (header, tag) in [
            ("en-US", "en-US"),
            ("EN-us;q=0.5", "en-US"),
            ("en", "en-GB"),
            ("fr;q=0.5, de;q=0.8", "de"),
            ("es, fr", "fr-CA"),
            ("es", "de"),
            ("", "de"),
            ("*", "de"),
            ("de;q=0, en-US;q=0.1", "en-US"),
            ("e, ;q=x, ,,", "de"),
        ] {
            assert_eq!(chosen(header, map()), tag, "{header}");
        }
        assert_eq!(chosen("en", json!({})), "");
    }
}
