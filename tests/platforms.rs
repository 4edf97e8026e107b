//! What works on which platform is written in docs/platforms.md, each cell with the test that shows it. A capability that one
//! platform has and another has not needs a reason there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The rows of the table: the feature, and a cell for each platform.
fn rows() -> Result<Vec<Vec<String>>> {
    let text = std::fs::read_to_string(root().join("docs/platforms.md"))?;
    let rows = text.lines().filter(|l| l.starts_with('|') && !l.starts_with("|--")).skip(1);
    Ok(rows.map(|l| l.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect())
}

/// Whether a test of this name is there.
fn is_test(named: &str) -> Result<bool> {
    let (file, test) = named.split_once(": ").with_context(|| format!("`{named}` is not `file: test`"))?;
    let text = std::fs::read_to_string(root().join(file)).with_context(|| file.to_owned())?;
    Ok(text.contains(&format!("fn {test}(")))
}

#[test]
fn every_cell_names_a_test_that_is_there_or_a_reason() -> Result<()> {
    let rows = rows()?;
    ensure!(rows.len() >= 20, "{} rows", rows.len());
    for row in rows {
        ensure!(row.len() == 4, "{row:?} has not a cell for each platform");
        for cell in &row[1..] {
            match cell.strip_prefix('`').and_then(|c| c.strip_suffix('`')) {
                Some(named) => ensure!(is_test(named)?, "{}: there is no test {named}", row[0]),
                None => ensure!(
                    cell.strip_prefix("– ").is_some_and(|why| why.chars().count() >= 15),
                    "{}: “{cell}” is neither a test nor a reason",
                    row[0]
                ),
            }
        }
    }
    Ok(())
}

#[test]
fn every_command_has_a_row() -> Result<()> {
    let words = std::fs::read_to_string(root().join("locales/en/chat.ftl"))?;
    let words: BTreeSet<&str> = words
        .lines()
        .filter_map(|l| l.strip_prefix("chat-help-about-")?.split(' ').next())
        .filter(|word| *word != "show")
        .collect();
    let rows = rows()?;
    let told: BTreeSet<&str> = rows.iter().filter_map(|row| row[0].strip_prefix('`')?.split('`').next()).collect();
    let missing: Vec<&&str> = words.difference(&told).collect();
    ensure!(missing.is_empty(), "docs/platforms.md says nothing about {missing:?}");
    Ok(())
}
