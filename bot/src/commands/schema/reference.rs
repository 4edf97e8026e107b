//! `docs/configuration.md`, made from the same types that read `stoa.toml`.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use serde::Deserialize as _;
use serde_json::{Map, Value as Json, json};

use super::{What, schema};
use crate::config::Config;

const INTRODUCTION: &str = "\
# Configuration

`stoa.toml` in the working directory, or `--config FILE`. Unknown keys are errors that name the line. Every key can also be
given in the environment under the name that stands beside it; the environment wins. An item of an array is addressed by its
`name` (or `key`), which the file must have: `STOA_BRIDGE__SHOPTALK__SECRET`. Only variables with two underscores are read.
Numbers, `true`, `false` and arrays are written there as in TOML, everything else as it is. Secrets are also read from
files (`…_file`), and are never printed.

`stoa schema config` prints the JSON Schema. This page is made from the same types: after a change, regenerate it with
`cargo run -- schema config --markdown > docs/configuration.md`.
";

/// The whole page.
pub fn markdown() -> Result<String> {
    let schema = serde_json::to_value(schema(What::Config))?;
    let mut page = INTRODUCTION.to_owned();
    table(&schema, &schema, &[], &mut page)?;
    Ok(page)
}

/// One step on the way to a table: its key, and whether it is an array of tables.
type Step<'a> = (&'a str, bool);

/// Writes the keys of a table, and then the tables in it. A path is made of keys; an array has a name after its key.
fn table(root: &Json, object: &Json, path: &[Step<'_>], page: &mut String) -> Result<()> {
    let properties = object["properties"].as_object().context("a table has properties")?;
    let names = order(path)?;
    anyhow::ensure!(names.len() == properties.len(), "{path:?}: the reader knows {names:?}, the schema {properties:?}");
    let mut tables = Vec::new();
    let mut rows = String::new();
    for name in &names {
        let property = properties.get(name).with_context(|| format!("{name} is not in the schema"))?;
        if let Some(inner) = resolve(root, property) {
            tables.push((name, false, inner));
        } else if let Some(inner) = resolve(root, &property["items"]) {
            tables.push((name, true, inner));
        } else {
            let required = object["required"].as_array().is_some_and(|r| r.contains(&json!(name)));
            row(name, property, required, path, &mut rows)?;
        }
    }
    if !rows.is_empty() {
        let (open, close) = if path.last().is_some_and(|(_, array)| *array) { ("[[", "]]") } else { ("[", "]") };
        let keys: Vec<&str> = path.iter().map(|(key, _)| *key).collect();
        writeln!(page, "\n## `{open}{}{close}`\n", keys.join("."))?;
        if let Some(about) = object["description"].as_str() {
            writeln!(page, "{}\n", line(about))?;
        }
        writeln!(page, "| key | type | default | meaning | example | environment |\n|---|---|---|---|---|---|")?;
        page.push_str(&rows);
    }
    for (name, array, inner) in tables {
        let path: Vec<Step<'_>> = path.iter().copied().chain([(name.as_str(), array)]).collect();
        table(root, inner, &path, page)?;
    }
    Ok(())
}

fn row(name: &str, property: &Json, required: bool, path: &[Step<'_>], rows: &mut String) -> Result<()> {
    let default = match property.get("default") {
        _ if required => "required".to_owned(),
        None => "–".to_owned(),
        Some(Json::String(text)) if text.is_empty() => "–".to_owned(),
        Some(value) => format!("`{}`", cell(&value.to_string())),
    };
    let example = match property["examples"].get(0).or_else(|| property.get("default")) {
        Some(Json::String(text)) if text.is_empty() => String::new(),
        Some(value) => format!("`{name} = {}`", cell(&value.to_string())),
        None => String::new(),
    };
    let about = cell(&line(property["description"].as_str().unwrap_or_default()));
    let mut variable = "STOA".to_owned();
    for (n, (key, array)) in path.iter().enumerate() {
        write!(variable, "{}{}", if n == 0 { "_" } else { "__" }, key.to_uppercase())?;
        if *array {
            variable.push_str("__<NAME>");
        }
    }
    write!(variable, "__{}", name.to_uppercase())?;
    // An item of an array is found by this key.
    let addresses = path.last().is_some_and(|(_, array)| *array) && ["name", "key"].contains(&name);
    let variable = if addresses { "the `<NAME>` of the others".to_owned() } else { format!("`{variable}`") };
    writeln!(rows, "| `{name}` | {} | {default} | {about} | {example} | {variable} |", kind(property))?;
    Ok(())
}

fn kind(property: &Json) -> String {
    match property["type"].as_str() {
        Some("string") => "text".into(),
        Some("integer" | "number") => "number".into(),
        Some("boolean") => "`true` or `false`".into(),
        Some("array") if property["items"]["type"] == "string" => "list of texts".into(),
        Some("array") => "list".into(),
        _ => "value".into(),
    }
}

/// The table that a property refers to.
fn resolve<'a>(root: &'a Json, property: &Json) -> Option<&'a Json> {
    let target = property["$ref"].as_str()?.strip_prefix('#')?;
    root.pointer(target).filter(|object| object["properties"].is_object())
}

/// The names of a table's keys in the order of the type, as its reader says them about a key that it does not know.
fn order(path: &[Step<'_>]) -> Result<Vec<String>> {
    const UNKNOWN: &str = "no such key";
    let mut value = json!({ UNKNOWN: 1 });
    for (key, array) in path.iter().rev() {
        let inner = if *array { json!([value]) } else { value };
        value = Json::Object(Map::from_iter([((*key).to_owned(), inner)]));
    }
    let error = Config::deserialize(value).err().context("an unknown key was accepted")?.to_string();
    let (_, known) = error.split_once("expected").with_context(|| format!("{path:?}: {error}"))?;
    Ok(known.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_in_docs_is_that_of_these_types() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
        let there = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            there == markdown().unwrap(),
            "docs/configuration.md is stale: cargo run -- schema config --markdown > docs/configuration.md"
        );
    }

    #[test]
    fn a_key_has_its_type_default_meaning_example_and_environment() {
        let page = markdown().unwrap();
        for row in [
            "| `listen` | text | `\"127.0.0.1:8420\"` | Address and port to listen on. | `listen = \"0.0.0.0:8420\"` | `STOA_HTTP__LISTEN` |",
            "| `daily_budget` | number | `2` | Unsolicited messages that a person gets on one day, over all kinds. | `daily_budget = 2` | `STOA_NUDGES__DAILY_BUDGET` |",
            "| `secret` | text | – | The secret that both sides sign with. |  | `STOA_BRIDGE__<NAME>__SECRET` |",
        ] {
            assert!(page.contains(row), "{row}\nis not in\n{page}");
        }
        assert!(page.contains("\n## `[[organisation.locations]]`\n"), "{page}");
        assert!(page.contains("`STOA_ORGANISATION__LOCATIONS__<NAME>__TIMEZONE`"), "{page}");
    }
}
