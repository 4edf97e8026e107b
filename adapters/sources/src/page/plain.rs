//! Plain text, and titles from file names.

use stoa_learning::library::Section;

use super::{Page, write};

/// A plain text file: one section, its characters shown as they are.
#[must_use]
pub fn plain(text: &str) -> Page {
    let lines: Vec<String> = text.lines().map(write::escaped).collect();
    Page { sections: vec![Section { text: lines.join("\n"), ..Section::default() }], ..Page::default() }
}

/// A title from a file's name: `travel-guide_2.md` is "Travel guide 2"; an index is named by its folder.
#[must_use]
pub fn from_file_name(location: &str) -> String {
    let mut parts = location.rsplit('/');
    let stem = |p: &str| p.rsplit_once('.').map_or(p, |(stem, _)| stem).to_owned();
    let mut name = parts.next().map(stem).unwrap_or_default();
    if matches!(name.to_ascii_lowercase().as_str(), "index" | "readme" | "_index")
        && let Some(folder) = parts.next()
    {
        folder.clone_into(&mut name);
    }
    let words = name.replace(['-', '_', '+'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut chars = words.chars();
    chars.next().map_or_else(|| location.to_owned(), |c| c.to_uppercase().chain(chars).collect())
}
