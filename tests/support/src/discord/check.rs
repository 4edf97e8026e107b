//! What Discord takes and what it refuses: messages, components, modals, commands. The first thing that is wrong is told.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

fn fields(value: &Value, known: &[&str]) -> Result<()> {
    let all = value.as_object().context("no object")?;
    match all.keys().find(|k| !known.contains(&k.as_str())) {
        Some(unknown) => bail!("unknown field {unknown}"),
        None => Ok(()),
    }
}

fn length(value: &Value, what: &str, least: usize, most: usize) -> Result<()> {
    let text = value.as_str().with_context(|| format!("{what} is no text"))?;
    let n = text.chars().count();
    ensure!((least..=most).contains(&n), "{what} has {n} characters, {least} to {most} are allowed");
    Ok(())
}

/// A message that is created or edited.
pub(super) fn message(body: &Value) -> Result<()> {
    fields(
        body,
        &["content", "components", "allowed_mentions", "flags", "nonce", "enforce_nonce", "message_reference"],
    )?;
    let buttons = body["components"].as_array().is_some_and(|rows| !rows.is_empty());
    length(&body["content"], "content", usize::from(!buttons), 2_000)?;
    let content = body["content"].as_str().unwrap_or_default();
    ensure!(buttons || !content.trim().is_empty(), "an empty message");
    if !body["nonce"].is_null() {
        length(&body["nonce"], "nonce", 1, 25)?;
    }
    let mentions = &body["allowed_mentions"];
    ensure!(mentions.is_object(), "a message without allowed_mentions may mention everybody");
    fields(mentions, &["parse", "users"])?;
    let parse = mentions["parse"].as_array().map_or(0, Vec::len);
    ensure!(parse == 0, "allowed_mentions.parse is not empty");
    ensure!(mentions["users"].as_array().map_or(0, Vec::len) <= 1, "more than one mention");
    ensure!(!mentions["parse"].is_null() || !mentions["users"].is_null(), "allowed_mentions without a list allows all");
    let lower = content.to_lowercase();
    for invite in ["discord.gg/", "discord.com/invite", "discordapp.com/invite"] {
        ensure!(!lower.contains(invite), "an invite link");
    }
    for mass in ["@everyone", "@here", "<@&"] {
        ensure!(!content.contains(mass), "a mass mention: {mass}");
    }
    let flags = body["flags"].as_u64().unwrap_or_default();
    ensure!(flags & !(4 | 64) == 0, "flags {flags} cannot be set");
    components(&body["components"])
}

fn components(rows: &Value) -> Result<()> {
    let Some(rows) = rows.as_array() else { return Ok(()) };
    ensure!(rows.len() <= 5, "{} rows", rows.len());
    let mut ids = BTreeSet::new();
    for row in rows {
        fields(row, &["type", "components"])?;
        ensure!(row["type"] == 1, "a row of type {}", row["type"]);
        let buttons = row["components"].as_array().context("a row without buttons")?;
        ensure!((1..=5).contains(&buttons.len()), "{} buttons in a row", buttons.len());
        for button in buttons {
            fields(button, &["type", "style", "label", "custom_id", "disabled"])?;
            ensure!(
                button["type"] == 2 && (1..=4).contains(&button["style"].as_i64().unwrap_or_default()),
                "a button's type or style"
            );
            length(&button["label"], "label", 1, 80)?;
            length(&button["custom_id"], "custom_id", 1, 100)?;
            ensure!(ids.insert(button["custom_id"].to_string()), "custom_id twice: {}", button["custom_id"]);
        }
    }
    Ok(())
}

/// A modal.
pub(super) fn modal(data: &Value) -> Result<()> {
    fields(data, &["custom_id", "title", "components"])?;
    length(&data["custom_id"], "custom_id", 1, 100)?;
    length(&data["title"], "title", 1, 45)?;
    let parts = data["components"].as_array().context("a modal without components")?;
    ensure!((1..=5).contains(&parts.len()), "{} parts of a modal", parts.len());
    let mut ids = BTreeSet::new();
    for part in parts {
        if part["type"] == 10 {
            fields(part, &["type", "content"])?;
            length(&part["content"], "content", 1, 2_000)?;
            continue;
        }
        ensure!(part["type"] == 18, "a part of type {}", part["type"]);
        fields(part, &["type", "label", "description", "component"])?;
        length(&part["label"], "label", 1, 45)?;
        if !part["description"].is_null() {
            length(&part["description"], "description", 1, 100)?;
        }
        let inner = &part["component"];
        length(&inner["custom_id"], "custom_id", 1, 100)?;
        ensure!(ids.insert(inner["custom_id"].to_string()), "custom_id twice: {}", inner["custom_id"]);
        match inner["type"].as_i64() {
            Some(4) => {
                fields(
                    inner,
                    &["type", "custom_id", "style", "max_length", "min_length", "required", "value", "placeholder"],
                )?;
                let most = inner["max_length"].as_u64().unwrap_or(4_000);
                ensure!((1..=4_000).contains(&most), "max_length {most}");
                if let Some(value) = inner["value"].as_str() {
                    ensure!(value.chars().count() as u64 <= most, "the value is longer than max_length");
                }
            }
            Some(3) => {
                fields(
                    inner,
                    &["type", "custom_id", "options", "required", "min_values", "max_values", "placeholder"],
                )?;
                let options = inner["options"].as_array().context("a list without options")?;
                ensure!((1..=25).contains(&options.len()), "{} options", options.len());
                let mut values = BTreeSet::new();
                for option in options {
                    fields(option, &["label", "value", "default", "description"])?;
                    length(&option["label"], "label", 1, 100)?;
                    length(&option["value"], "value", 1, 100)?;
                    ensure!(values.insert(option["value"].to_string()), "an option twice");
                }
            }
            other => bail!("a modal with {other:?} in it"),
        }
    }
    Ok(())
}

/// The answer to an interaction of a type.
pub(super) fn callback(body: &Value, kind: i64) -> Result<()> {
    fields(body, &["type", "data"])?;
    let data = &body["data"];
    match (body["type"].as_i64(), kind) {
        (Some(4), 2 | 3 | 5) => message(data),
        (Some(5), 2 | 3 | 5) => {
            let flags = data["flags"].as_u64().unwrap_or_default();
            ensure!(flags == 0 || flags == 64, "flags {flags}");
            Ok(())
        }
        (Some(6), 3 | 5) => Ok(()),
        (Some(9), 2 | 3) => modal(data),
        (Some(8), 4) => {
            let choices = data["choices"].as_array().context("no choices")?;
            ensure!(choices.len() <= 25, "{} choices", choices.len());
            for choice in choices {
                fields(choice, &["name", "value"])?;
                length(&choice["name"], "name", 1, 100)?;
                length(&choice["value"], "value", 1, 100)?;
            }
            Ok(())
        }
        (other, kind) => bail!("an answer of type {other:?} to an interaction of type {kind}"),
    }
}

/// A list of commands.
pub(super) fn commands(body: &Value) -> Result<()> {
    let all = body.as_array().context("no list")?;
    ensure!(
        all.iter().filter(|c| c["type"] == 1).count() <= 100 && all.iter().filter(|c| c["type"] == 3).count() <= 15,
        "too many commands"
    );
    let mut names = BTreeSet::new();
    for command in all {
        fields(command, &["type", "name", "description", "options", "contexts", "integration_types"])?;
        length(&command["name"], "name", 1, 32)?;
        ensure!(names.insert((command["type"].to_string(), command["name"].to_string())), "{} twice", command["name"]);
        if command["type"] == 3 {
            ensure!(command["description"].is_null() && command["options"].is_null(), "a menu with a description");
            continue;
        }
        let name = command["name"].as_str().unwrap_or_default();
        ensure!(name == name.to_lowercase() && !name.contains(' '), "the name {name}");
        length(&command["description"], "description", 1, 100)?;
        for option in command["options"].as_array().into_iter().flatten() {
            fields(option, &["type", "name", "description", "required", "autocomplete", "max_length"])?;
            length(&option["name"], "name", 1, 32)?;
            length(&option["description"], "description", 1, 100)?;
            ensure!(option["max_length"].as_u64().unwrap_or(1) <= 6_000, "max_length");
        }
    }
    Ok(())
}
