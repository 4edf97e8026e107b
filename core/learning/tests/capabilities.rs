//! The map of the capabilities: each uses another only through its public functions, and there is no cycle.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by stopping")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Uses = BTreeMap<String, BTreeSet<String>>;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file without its comments and its unit tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
    text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The names after each `crate::`, also inside of `crate::{a, b::c}`.
fn named_after_crate(code: &str) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if at > 0 && code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let list = match rest.strip_prefix('{') {
            Some(inner) => inner.split('}').next().unwrap_or_default(),
            None => rest.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).next().unwrap_or_default(),
        };
        for item in list.split(',') {
            let mut parts = item.trim().split("::").map(str::to_owned);
            if let Some(first) = parts.next().filter(|f| !f.is_empty()) {
                names.push((first, parts.next().unwrap_or_default()));
            }
        }
    }
    names
}

fn uses() -> (Uses, Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folders: BTreeSet<String> = std::fs::read_dir(&root)
        .unwrap()
        .map(|e| e.unwrap())
        .filter(|e| e.path().is_dir())
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    let (mut uses, mut trespasses) = (Uses::new(), Vec::new());
    for folder in &folders {
        let used = uses.entry(folder.clone()).or_default();
        for file in sources(&root.join(folder)) {
            for (name, inside) in named_after_crate(&code(&file)) {
                if name != *folder && folders.contains(&name) {
                    if inside == "store" {
                        trespasses.push(format!("{} uses {name}::store", file.display()));
                    }
                    used.insert(name);
                }
            }
        }
    }
    (uses, trespasses)
}

/// A way from `from` back to itself, if there is one.
fn cycle(uses: &Uses, from: &str) -> Option<Vec<String>> {
    let mut waiting: Vec<Vec<String>> = uses[from].iter().map(|n| vec![from.to_owned(), n.clone()]).collect();
    let mut seen = BTreeSet::new();
    while let Some(way) = waiting.pop() {
        let last = way.last().unwrap().clone();
        if last == from {
            return Some(way);
        }
        if seen.insert(last.clone()) {
            waiting.extend(uses[&last].iter().map(|n| [way.clone(), vec![n.clone()]].concat()));
        }
    }
    None
}

#[test]
fn capabilities_form_no_cycle() {
    let (uses, _) = uses();
    assert!(uses.len() >= 3, "the capabilities were found: {uses:?}");
    for folder in uses.keys() {
        if let Some(way) = cycle(&uses, folder) {
            panic!("capabilities use each other in a circle: {}", way.join(" -> "));
        }
    }
}

#[test]
fn no_capability_reaches_into_the_tables_of_another() {
    let (_, trespasses) = uses();
    assert!(trespasses.is_empty(), "{}", trespasses.join("\n"));
}

/// What is given to `words.day(…)` or `words.date(…)` as the date of a deadline or of anything else that has one: `a.due.date`.
fn dates_in_words(code: &str) -> Vec<&str> {
    let calls = ["words.day(", "words.date("];
    let after = calls.iter().flat_map(|call| code.match_indices(call).map(|(at, call)| &code[at + call.len()..]));
    let given = after.map(|rest| rest.split_inclusive([',', '(', ')']).next().unwrap_or_default());
    // What is called is another date: `calendar.date(at)`.
    let given = given.filter_map(|date| date.strip_suffix([',', ')'])).map(str::trim);
    given.filter(|date| date.ends_with(".date")).collect()
}

/// A deadline is said as an instant (`Deadline::said`), so that each reader sees it in their own time. As words alone it stands in
/// forms, in files and where everybody has another one.
#[test]
fn deadlines_in_messages_are_instants() {
    let allowed = [
        "lessons/team.rs drop.date",
        "simulate/text.rs day.date",
        "training/calendar.rs a.due.date",
        "training/chat/form.rs a.due.date",
        "training/due.rs self.date",
        "training/due.rs self.date",
        "training/requests/chat.rs a.due.date",
        "training/requests/wished.rs a.due.date",
        "training/team/more.rs a.due.date",
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for file in sources(&root) {
        let name = file.strip_prefix(&root).unwrap().display();
        found.extend(dates_in_words(&code(&file)).iter().map(|date| format!("{name} {date}")));
    }
    found.sort();
    assert_eq!(found, allowed);
}

#[test]
fn the_test_sees_a_deadline_in_words() {
    let code = "say!(w, \"x\", due = words.date(a.due.date)); cx.words.day(\n    row.a.due.date, today); words.date(c.date(at))";
    assert_eq!(dates_in_words(code), ["row.a.due.date", "a.due.date"]);
}

#[test]
fn the_test_sees_a_circle_and_a_trespass() {
    let names = named_after_crate("use crate::{tips, library::store};\nlet x = crate::search::Index::new();");
    assert_eq!(names[0], ("tips".to_owned(), String::new()));
    assert_eq!(names[1], ("library".to_owned(), "store".to_owned()));
    assert_eq!(names[2], ("search".to_owned(), "Index".to_owned()));
    let circle: Uses = [("a", "b"), ("b", "c"), ("c", "a")]
        .map(|(from, to)| (from.to_owned(), BTreeSet::from([to.to_owned()])))
        .into();
    assert_eq!(cycle(&circle, "a").unwrap().join(" -> "), "a -> b -> c -> a");
}
