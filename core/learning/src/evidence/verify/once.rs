//! JSON as a pack has it: no object has a name twice, and what was read is all that was written. General readers take the last
//! of two names in silence, or a list for an object; a verifier must not, or another one reads something else.

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value as Json};

/// Why a text is not read. What a reader of JSON says beside it is its own, so it is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is none, has a number that no reader holds, or is nested deeper than 127 times.
    NoJson,
    /// An object has a name twice.
    Twice,
    /// It is JSON of another shape.
    Shape,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoJson => "is no JSON",
            Self::Twice => "says something twice",
            Self::Shape => "is not what it should be",
        })
    }
}

/// Reads a value of a shape.
pub(super) fn read<T: DeserializeOwned + Serialize>(text: &[u8]) -> Result<T, Unread> {
    shaped(&value(text)?)
}

/// Reads any value.
pub(super) fn value(text: &[u8]) -> Result<Json, Unread> {
    match serde_json::from_slice::<Once>(text) {
        Ok(Once(value)) => Ok(value),
        Err(_) if serde_json::from_slice::<Json>(text).is_ok() => Err(Unread::Twice),
        Err(_) => Err(Unread::NoJson),
    }
}

/// The value in its shape, in which it would be written as it is.
pub(super) fn shaped<T: DeserializeOwned + Serialize>(value: &Json) -> Result<T, Unread> {
    let read = T::deserialize(value).map_err(|_| Unread::Shape)?;
    let same = serde_json::to_value(&read).is_ok_and(|said| said == *value);
    if same { Ok(read) } else { Err(Unread::Shape) }
}

struct Once(Json);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut all = Vec::new();
        while let Some(Once(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut all = Map::new();
        while let Some((name, Once(value))) = members.next_entry::<String, Once>()? {
            if all.contains_key(&name) {
                return Err(A::Error::custom(format!("'{name}' is said twice")));
            }
            all.insert(name, value);
        }
        Ok(all.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::pack::{Key, Scope};
    use super::*;

    #[test]
    fn a_name_that_is_said_twice_is_refused_at_any_depth_and_everything_else_is_read_as_ever() {
        let text = br#"{"a":[1,-2,0.5,null,true,"\u00e9"],"b":{"c":{}}}"#;
        assert_eq!(value(text).unwrap(), serde_json::from_slice::<Json>(text).unwrap());
        for twice in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#] {
            assert_eq!(value(twice.as_bytes()), Err(Unread::Twice), "{twice}");
        }
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(value(deep(127).as_bytes()).is_ok());
        for none in ["", "{", r#"{"a":1,"a":1"#, "1e400", &"9".repeat(400), &deep(128), "\u{feff}1"] {
            assert_eq!(value(none.as_bytes()), Err(Unread::NoJson), "{none}");
        }
    }

    #[test]
    fn what_is_read_says_all_that_was_written() {
        let key = br#"{"key":"k","how":"created","statement":null}"#;
        assert!(read::<Key>(key).is_ok());
        for other in
            [r#"{"key":"k","how":"created"}"#, r#"["k","created",null]"#, r#"{"key":1,"how":"","statement":null}"#]
        {
            assert_eq!(read::<Key>(other.as_bytes()), Err(Unread::Shape), "{other}");
        }
        let scope =
            |from: &str| format!(r#"{{"person":null,"requirement":null,"course":null,"from":{from},"to":null}}"#);
        assert!(read::<Scope>(scope(r#""2026-11-23""#).as_bytes()).is_ok());
        assert_eq!(read::<Scope>(scope(r#""20261123""#).as_bytes()), Err(Unread::Shape));
    }
}
