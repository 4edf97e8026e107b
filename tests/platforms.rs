//! What works on which platform is written in docs/platforms.md, each cell with the test that shows it. A capability that one
//! platform has and another has not needs a reason there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// What watches what happens in the chats, and a row for each.
const WATCHERS: [(&str, &str); 3] = [
    ("Captured", "edits and deletions: a tip and a discussion follow the message"),
    ("Listener", "questions in a channel that nobody addressed to Stoa"),
    ("Reacted", "reactions: 💡 points out a tip"),
];

/// Messages that go to no chat, or that every message is.
const NOT_IN_CHATS: [&str; 2] = ["kind-alarm", "kind-other"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page() -> Result<String> {
    Ok(std::fs::read_to_string(root().join("docs/platforms.md"))?)
}

/// The rows of the tables: the feature, and a cell for each platform.
fn rows() -> Result<Vec<Vec<String>>> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let page = page()?;
    let rows = page.lines().filter(|l| l.starts_with('|') && !l.starts_with("|--")).map(cells);
    Ok(rows.filter(|row| row.get(1).is_none_or(|cell| cell != "Slack")).collect())
}

/// What the rows are about.
fn told() -> Result<BTreeSet<String>> {
    Ok(rows()?.into_iter().filter_map(|row| row.into_iter().next()).collect())
}

/// Whether a test of this name is there.
fn is_test(named: &str) -> Result<bool> {
    let (file, test) = named.split_once(": ").with_context(|| format!("`{named}` is not `file: test`"))?;
    let text = std::fs::read_to_string(root().join(file)).with_context(|| file.to_owned())?;
    Ok(text.contains(&format!("fn {test}(")))
}

/// The Rust files below a folder.
fn sources(folder: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    Ok(found)
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
fn every_dialogue_is_named_and_what_is_named_is_there() -> Result<()> {
    let page = page()?;
    for platform in ["slack", "discord"] {
        for path in sources(&format!("tests/{platform}"))? {
            let file = format!("tests/{platform}/{}", path.file_name().unwrap_or_default().to_string_lossy());
            let text = std::fs::read_to_string(&path)?;
            let tests =
                text.split("#[tokio::test").skip(1).filter_map(|t| t.split_once("async fn ")?.1.split_once('('));
            for (test, _) in tests {
                ensure!(
                    page.contains(&format!("`{file}: {test}`")),
                    "docs/platforms.md does not say what {file}: {test} shows"
                );
            }
        }
    }
    for line in page.lines().filter_map(|l| l.strip_prefix("- `")) {
        let (named, what) = line.split_once("`: ").with_context(|| line.to_owned())?;
        ensure!(is_test(named)? && !what.is_empty(), "there is no test {named}");
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

#[test]
fn every_message_and_every_watcher_has_a_row() -> Result<()> {
    let told = told()?;
    let mut kinds = 0;
    for entry in std::fs::read_dir(root().join("locales/en"))? {
        let text = std::fs::read_to_string(entry?.path())?;
        for (key, label) in text.lines().filter(|l| l.starts_with("kind-")).filter_map(|l| l.split_once(" = ")) {
            let known = NOT_IN_CHATS.contains(&key) || told.contains(label);
            ensure!(known, "docs/platforms.md says nothing about “{label}” ({key})");
            kinds += 1;
        }
    }
    ensure!(kinds >= 20, "{kinds} kinds of messages");
    let mut watching = BTreeSet::new();
    for path in sources("core/learning/src")? {
        let text = std::fs::read_to_string(path)?;
        let all = text.split("impl Watcher for ").skip(1).filter_map(|rest| rest.split_whitespace().next());
        watching.extend(all.map(str::to_owned));
    }
    let known: BTreeSet<String> = WATCHERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    ensure!(watching == known, "{watching:?}: each needs a row in docs/platforms.md and a line in WATCHERS");
    for (name, row) in WATCHERS {
        ensure!(told.contains(row), "docs/platforms.md has no row “{row}” ({name})");
    }
    Ok(())
}
