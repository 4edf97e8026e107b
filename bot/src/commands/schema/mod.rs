//! `stoa schema`: the JSON Schema of the files that people write, made from the types that read them.

mod reference;

use anyhow::Result;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{Schema, schema_for};
use serde_json::Value as Json;

use super::print_json;
use crate::config::Config;

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// stoa.toml
    Config,
    /// A file of requirements for `stoa training apply`
    Requirement,
    /// The front matter of a lesson for `stoa lessons apply`
    Lesson,
}

#[derive(clap::Args, Debug)]
pub struct Options {
    what: What,
    /// For config: the reference in docs/configuration.md instead
    #[arg(long)]
    markdown: bool,
}

pub fn run(options: &Options, json: bool) -> Result<()> {
    if options.markdown {
        anyhow::ensure!(options.what == What::Config, "--markdown is for 'stoa schema config'");
        print!("{}", reference::markdown()?);
        return Ok(());
    }
    let schema = schema(options.what);
    if json {
        return print_json(&schema);
    }
    println!("{}", serde_json::to_string_pretty(&schema)?);
    Ok(())
}

/// The schema of one kind of file.
pub fn schema(what: What) -> Schema {
    let mut schema = match what {
        What::Config => schema_for!(Config),
        What::Requirement => stoa_learning::training::requirement::schema(),
        What::Lesson => stoa_learning::lessons::schema(),
    };
    RecursiveTransform(without_null).transform(&mut schema);
    schema
}

/// TOML has no null: what may be missing is simply not required.
fn without_null(schema: &mut Schema) {
    let null = |v: &Json| v.is_null() || v == "null";
    if let Some(Json::Array(types)) = schema.get_mut("type") {
        types.retain(|t| !null(t));
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".into(), only);
        }
    }
    if let Some(Json::Array(values)) = schema.get_mut("enum") {
        values.retain(|v| !null(v));
    }
    // A table that may be missing is one table, or none.
    if let Some(Json::Array(mut either)) = schema.remove("anyOf") {
        either.retain(|s| s.get("type").is_none_or(|t| !null(t)));
        match &either[..] {
            [only] if only.get("$ref").is_some() => {
                let table = only["$ref"].clone();
                schema.insert("$ref".into(), table);
            }
            _ => {
                schema.insert("anyOf".into(), Json::Array(either));
            }
        }
    }
    // The defaults of a table are those of its keys.
    let table = schema.get("$ref").is_some();
    if table || schema.get("default").is_some_and(Json::is_null) {
        schema.remove("default");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each object of the schema, with its place.
    fn objects<'a>(at: &str, value: &'a Json, found: &mut Vec<(String, &'a serde_json::Map<String, Json>)>) {
        match value {
            Json::Object(map) => {
                if map.contains_key("properties") && map.get("type").is_some_and(Json::is_string) {
                    found.push((at.to_owned(), map));
                }
                map.iter().for_each(|(key, v)| objects(&format!("{at}/{key}"), v, found));
            }
            Json::Array(items) => items.iter().enumerate().for_each(|(n, v)| objects(&format!("{at}/{n}"), v, found)),
            _ => {}
        }
    }

    #[test]
    fn every_table_refuses_unknown_keys_and_every_key_says_what_it_means() {
        for what in [What::Config, What::Requirement, What::Lesson] {
            let schema = serde_json::to_value(schema(what)).unwrap();
            let mut found = Vec::new();
            objects("#", &schema, &mut found);
            assert!(!found.is_empty(), "{what:?} has no tables: {schema}");
            for (at, object) in found {
                assert_eq!(object.get("additionalProperties"), Some(&Json::Bool(false)), "{what:?} {at}");
                for (key, property) in object["properties"].as_object().unwrap() {
                    let target = property["$ref"].as_str().or(property["items"]["$ref"].as_str());
                    let named =
                        target.and_then(|r| schema.pointer(&r[1..])).is_some_and(|d| d["description"].is_string());
                    assert!(property["description"].is_string() || named, "{what:?} {at}: {key} needs a doc comment");
                }
            }
            assert!(!schema.to_string().contains("null"), "{what:?} speaks of null, which TOML has not: {schema}");
        }
    }

    #[test]
    fn the_schema_of_a_requirement_is_what_the_reader_takes() {
        let schema = serde_json::to_value(schema(What::Requirement)).unwrap();
        let one = &schema["$defs"]["Requirement"];
        assert_eq!(one["required"], serde_json::json!(["id", "title", "course", "audience", "due"]));
        assert_eq!(one["properties"]["active"]["default"], true);
        assert_eq!(one["properties"]["remind_before"]["items"]["maximum"], 366);
        let due = &schema["$defs"]["Due"];
        assert_eq!(due["properties"]["from"]["enum"], serde_json::json!(["assigned", "hire", "role"]));
        assert_eq!(due["properties"]["date"]["format"], "date");
    }
}
