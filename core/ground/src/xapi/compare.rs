//! When two statements with one id are the same statement (xAPI 1.0.3 part two, 2.3.1 "Statement comparison").
//!
//! What the standard exempts from immutability is ignored: what an LRS sets (id, authority, stored, timestamp,
//! version), definitions of activities, the display of verbs, the order of group members, the case of what is
//! case-insensitive, and decimals of a duration beyond hundredths of a second. Everything else counts.

use serde_json::{Map, Value};

use super::format;
use super::statement::identifier;
use crate::Instant;

/// The SHA-256 digest of what counts in a statement, in hexadecimal digits. Its timestamp is not in it, see [`same`].
pub(super) fn digest(statement: &Map<String, Value>) -> String {
    let mut text = String::new();
    write(&Value::Object(part(statement, true)), &mut text);
    crate::sha256(text)
}

/// What is kept of a stored statement for comparing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub digest: String,
    pub timestamp: Instant,
    pub stored: Instant,
}

/// Whether a statement with this digest and timestamp is the stored one. A timestamp that one side lacked (the store
/// then set it to the time of storing) makes no difference.
pub(super) fn same(kept: &Kept, digest: &str, timestamp: Option<Instant>) -> bool {
    let millis = |t: Instant| t.0.div_euclid(1000);
    let same_time = timestamp.is_none_or(|t| millis(t) == millis(kept.timestamp) || kept.timestamp == kept.stored);
    kept.digest == digest && same_time
}

fn part(map: &Map<String, Value>, top: bool) -> Map<String, Value> {
    let mut kept = Map::new();
    for (key, value) in map {
        let value = match key.as_str() {
            "id" | "authority" | "stored" | "version" | "timestamp" if top => continue,
            "timestamp" => instant(value),
            "actor" => actor(value),
            "verb" => without(value, "display"),
            "object" => object(value),
            "context" => mapped(value, context),
            "result" => mapped(value, |k, v| if k == "duration" { duration(v) } else { v.clone() }),
            _ => value.clone(),
        };
        kept.insert(key.clone(), value);
    }
    kept
}

fn mapped(value: &Value, f: impl Fn(&str, &Value) -> Value) -> Value {
    value
        .as_object()
        .map_or_else(|| value.clone(), |map| Value::Object(map.iter().map(|(k, v)| (k.clone(), f(k, v))).collect()))
}

fn without(value: &Value, key: &str) -> Value {
    let mut value = value.clone();
    if let Some(map) = value.as_object_mut() {
        map.remove(key);
    }
    value
}

fn lower(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.clone(), |s| Value::String(s.to_ascii_lowercase()))
}

fn object(value: &Value) -> Value {
    match value.get("objectType").and_then(Value::as_str) {
        None | Some("Activity") => without(value, "definition"),
        Some("Agent" | "Group") => actor(value),
        Some("SubStatement") => value.as_object().map_or_else(|| value.clone(), |map| Value::Object(part(map, false))),
        Some(_) => mapped(value, |k, v| if k == "id" { lower(v) } else { v.clone() }),
    }
}

fn context(key: &str, value: &Value) -> Value {
    match key {
        "registration" => lower(value),
        "instructor" | "team" => actor(value),
        "statement" => object(value),
        "contextActivities" => mapped(value, |_, list| {
            let items = list.as_array().map_or_else(|| std::slice::from_ref(list), Vec::as_slice);
            Value::Array(items.iter().map(|a| without(a, "definition")).collect())
        }),
        "contextAgents" | "contextGroups" => value.as_array().map_or_else(
            || value.clone(),
            |all| {
                let one =
                    |c: &Value| mapped(c, |k, v| if matches!(k, "agent" | "group") { actor(v) } else { v.clone() });
                Value::Array(all.iter().map(one).collect())
            },
        ),
        _ => value.clone(),
    }
}

fn actor(value: &Value) -> Value {
    mapped(value, |key, value| match (key, value) {
        ("member", Value::Array(members)) => {
            let mut members: Vec<Value> = members.iter().map(actor).collect();
            members.sort_by_cached_key(Value::to_string);
            Value::Array(members)
        }
        _ => identifier(key, value),
    })
}

fn instant(value: &Value) -> Value {
    let at = value.as_str().and_then(|t| format::timestamp(t).ok());
    at.map_or_else(|| value.clone(), |at| Value::from(at.0.div_euclid(1000)))
}

/// Seconds without the decimals beyond hundredths.
fn duration(value: &Value) -> Value {
    let Some(text) = value.as_str() else { return value.clone() };
    let cut = text.strip_suffix('S').and_then(|t| t.rfind(['.', ',']).map(|dot| (t, dot)));
    match cut {
        Some((t, dot)) if t.len() > dot + 3 => Value::String(format!("{}S", &t[..dot + 3])),
        _ => value.clone(),
    }
}

/// Writes JSON in one spelling: sorted keys, no spaces, whole numbers without decimals.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for key in keys {
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write(&map[key], out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Number(n) => match n.as_f64() {
            // Every whole number up to 2^53 has exactly one double.
            Some(f) if f.fract() == 0.0 && f.abs() < 9e15 => out.push_str(&format!("{:.0}", f + 0.0)),
            _ => out.push_str(&n.to_string()),
        },
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn statement() -> Value {
        json!({
            "id": "7ccd3322-e1a5-411a-a67d-6a735c76f119",
            "actor": {"objectType": "Group", "name": "Team", "member": [
                {"mbox": "mailto:a@Example.org"}, {"mbox_sha1sum": "EBD31e95054c018b10727ccffd2ef2ec3a016ee9"}]},
            "verb": {"id": "http://example.org/did", "display": {"en": "did"}},
            "object": {"id": "http://example.org/x", "definition": {"name": {"en": "X"}}},
            "context": {"registration": "EC531277-b57b-4c15-8d91-d292c5b2b8f7",
                        "contextActivities": {"parent": {"id": "http://example.org/p", "definition": {"type": "http://t/t"}}}},
            "result": {"duration": "PT1.239S", "score": {"raw": 5.0}},
            "timestamp": "2026-11-23T09:00:00.000Z"
        })
    }

    fn of(value: &Value) -> String {
        digest(value.as_object().unwrap())
    }

    #[test]
    fn what_the_standard_exempts_makes_no_difference() {
        let other = json!({
            "id": "11111111-e1a5-411a-a67d-6a735c76f119",
            "actor": {"member": [
                {"mbox_sha1sum": "ebd31e95054c018b10727ccffd2ef2ec3a016ee9"}, {"mbox": "mailto:a@example.org"}],
                "objectType": "Group", "name": "Team"},
            "verb": {"id": "http://example.org/did", "display": {"de": "tat"}},
            "object": {"id": "http://example.org/x"},
            "context": {"registration": "ec531277-b57b-4c15-8d91-d292c5b2b8f7",
                        "contextActivities": {"parent": [{"id": "http://example.org/p"}]}},
            "result": {"score": {"raw": 5}, "duration": "PT1.23S"},
            "authority": {"mbox": "mailto:z@example.org"},
            "stored": "2026-11-23T09:00:00.000Z",
            "version": "1.0.0"
        });
        assert_eq!(of(&statement()), of(&other));
    }

    #[test]
    fn everything_else_does() {
        for (pointer, value) in [
            ("/actor/name", json!("Team 2")),
            ("/actor/member/0/mbox", json!("mailto:b@example.org")),
            ("/verb/id", json!("http://example.org/Did")),
            ("/object/id", json!("http://example.org/y")),
            ("/result/duration", json!("PT1.24S")),
            ("/result/score/raw", json!(5.5)),
            ("/context/contextActivities/parent/id", json!("http://example.org/q")),
        ] {
            let mut other = statement();
            *other.pointer_mut(pointer).unwrap() = value;
            assert_ne!(of(&statement()), of(&other), "{pointer}");
        }
    }

    #[test]
    fn a_timestamp_that_one_side_lacked_makes_no_difference() {
        let kept =
            |timestamp, stored| Kept { digest: "d".into(), timestamp: Instant(timestamp), stored: Instant(stored) };
        assert!(same(&kept(1_000, 5_000), "d", None));
        assert!(same(&kept(1_000, 5_000), "d", Some(Instant(1_999))));
        assert!(!same(&kept(1_000, 5_000), "d", Some(Instant(2_000))));
        assert!(same(&kept(5_000, 5_000), "d", Some(Instant(2_000))));
        assert!(!same(&kept(1_000, 5_000), "e", None));
    }
}
