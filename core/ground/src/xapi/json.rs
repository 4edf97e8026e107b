//! JSON as xAPI needs it: a property that appears twice in one object is refused (xAPI 1.0.3 part two, 2.2), with its
//! place. `serde_json` alone would keep the last one silently.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::place::{Place, Quoted};
use crate::{Error, Result};

/// Reads one JSON document. `name` is what the document is called in errors.
///
/// # Errors
/// [`Error::Invalid`] when the bytes are not UTF-8 JSON, nest deeper than 128 levels, or use a property twice.
pub fn parse(bytes: &[u8], name: &str) -> Result<Value> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::invalid(format!("{name}: the text is not UTF-8")))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let place = Place::root(name);
    let value = Seed(&place).deserialize(&mut reader).map_err(|e| explain(name, &e))?;
    reader.end().map_err(|e| explain(name, &e))?;
    Ok(value)
}

fn explain(name: &str, error: &serde_json::Error) -> Error {
    let text = error.to_string();
    // Our own errors name the place themselves.
    if text.starts_with(name) {
        Error::invalid(text)
    } else {
        Error::invalid(format!("{name}: not valid JSON: {text}"))
    }
}

struct Seed<'a>(&'a Place<'a>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }
    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Value, E> {
        Number::from_f64(v).map(Value::Number).ok_or_else(|| E::custom("a number is too large"))
    }
    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }
    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Seed(&self.0.index(items.len())))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if object.contains_key(&key) {
                let place = self.0;
                return Err(A::Error::custom(format!("{place}: the property {} appears twice", Quoted(&key))));
            }
            let value = map.next_value_seed(Seed(&self.0.key(&key)))?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text.as_bytes(), "statement").unwrap_err().to_string()
    }

    #[test]
    fn a_property_that_appears_twice_is_refused_and_its_place_named() {
        assert_eq!(
            error(r#"{"actor":{"mbox":"a","mbox":"b"}}"#),
            "statement.actor: the property 'mbox' appears twice at line 1 column 27"
        );
        assert_eq!(
            error(r#"[{}, {"context":{"extensions":{"http://a/b":[{"x":1,"x":1}]}}}]"#),
            "statement[1].context.extensions['http://a/b'][0]: the property 'x' appears twice at line 1 column 55"
        );
        // The same key, written in two ways.
        assert!(error(r#"{"id":1,"\u0069d":2}"#).contains("'id' appears twice"));
    }

    #[test]
    fn broken_text_is_explained() {
        assert_eq!(error("{\"a\":}"), "statement: not valid JSON: expected value at line 1 column 6");
        assert!(error("{} {}").contains("trailing characters"));
        assert!(error("").contains("EOF"));
        assert!(error(&"[".repeat(1000)).contains("recursion limit"));
        assert!(error(r#"{"a":1e999}"#).contains("number out of range"));
        assert_eq!(parse(b"\"\xff\"", "statement").unwrap_err().to_string(), "statement: the text is not UTF-8");
    }
}
