//! The catalogue and the code agree: every key that the code or a page says is in `locales/en`, with the values that
//! the message asks for, and every message is said somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use fluent_syntax::{ast, parser, serializer};
use regex::Regex;
use stoa_flow::words::Words;

/// Where code that speaks to people lives.
const SCANNED: [&str; 3] = ["core", "adapters", "bot"];

/// The message of each key: what it wants filled in.
type Messages = BTreeMap<String, BTreeSet<String>>;

#[derive(Debug)]
struct Use {
    key: String,
    place: String,
    /// The names of the values given; `None` where they cannot be read off the source.
    values: Option<BTreeSet<String>>,
}

#[test]
fn what_the_code_says_is_in_the_catalogue_and_what_is_in_the_catalogue_is_said() {
    let messages = read_language(&root().join("locales/en"));
    let uses = uses_in_the_workspace();
    let mut wrong = Vec::new();
    for used in &uses {
        match (messages.get(&used.key), &used.values) {
            (None, _) => wrong.push(format!("{}: no message “{}” in locales/en", used.place, used.key)),
            (Some(wanted), Some(given)) if wanted != given => {
                wrong.push(format!("{}: “{}” wants the values {wanted:?} and gets {given:?}", used.place, used.key));
            }
            _ => {}
        }
    }
    let said: BTreeSet<&str> = uses.iter().map(|used| used.key.as_str()).collect();
    let unsaid = messages.keys().filter(|key| !said.contains(key.as_str()));
    wrong.extend(unsaid.map(|key| format!("locales/en: nothing says “{key}”; remove it, or mark it with words_key!")));
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_message_is_built_in() {
    for key in read_language(&root().join("locales/en")).keys() {
        let said = Words::english().say_with(key, &[]);
        assert_ne!(said, format!("⟨{key}⟩"), "its file is missing from the list in core/flow/src/words/catalogue.rs");
    }
}

#[test]
fn other_languages_translate_messages_that_exist_and_ask_for_no_more() {
    let english = read_language(&root().join("locales/en"));
    for folder in folders(&root().join("locales")).filter(|folder| !folder.ends_with("en")) {
        for (key, wanted) in read_language(&folder) {
            let original = english.get(&key);
            let original = original.unwrap_or_else(|| panic!("{}: “{key}” is not in English", folder.display()));
            assert!(wanted.is_subset(original), "{}: “{key}” asks for values {wanted:?}", folder.display());
        }
    }
}

#[test]
fn the_scanner_reads_every_way_of_saying() {
    let source = r#"
        // words.say("in-a-comment")
        let a = words.say("plain");
        let b = say!(Words::of("en", f(1, 2)), "with-macro", name = person.name(a, b), count = 3,);
        let c = words.say_with(
            "with-list",
            &[("name", name.into()), ("count", count_of(x, "y").into())],
        );
        let d = words.say_with("with-variable", &values);
        let e = words_key!("handed-around");
        essay("not-this"); words.say(key);
        #[cfg(test)]
        mod tests { fn f() { words.say("in-a-test"); } }
    "#;
    let found: Vec<String> = uses_in("x.rs", source)
        .into_iter()
        .map(|used| match used.values {
            Some(values) => format!("{}({})", used.key, values.into_iter().collect::<Vec<_>>().join(",")),
            None => format!("{}(?)", used.key),
        })
        .collect();
    let expected =
        ["plain()", "with-macro(count,name)", "with-list(count,name)", "with-variable(?)", "handed-around(?)"];
    assert_eq!(found, expected);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace's folder")
}

fn read_language(folder: &Path) -> Messages {
    static VALUE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$([A-Za-z][\w-]*)").expect("a pattern"));
    let mut messages = Messages::new();
    for file in files(folder, &["ftl"]) {
        let text = std::fs::read_to_string(&file).expect("a file of the catalogue");
        let resource = parser::parse(text.as_str())
            .unwrap_or_else(|(_, errors)| panic!("{} does not parse: {errors:?}", file.display()));
        for entry in resource.body {
            let ast::Entry::Message(mut message) = entry else { continue };
            let key = message.id.name.to_owned();
            assert!(message.value.is_some(), "{}: “{key}” has no text of its own", file.display());
            message.comment = None;
            let text = serializer::serialize(&ast::Resource { body: vec![ast::Entry::Message(message)] });
            let wanted = VALUE.captures_iter(&text).map(|found| found[1].to_owned()).collect();
            assert!(messages.insert(key.clone(), wanted).is_none(), "{}: “{key}” is there twice", file.display());
        }
    }
    assert!(!messages.is_empty(), "no messages in {}", folder.display());
    messages
}

fn uses_in_the_workspace() -> Vec<Use> {
    let mut uses = Vec::new();
    for file in SCANNED.iter().flat_map(|folder| files(&root().join(folder), &["rs", "html", "txt"])) {
        let place = file.strip_prefix(root()).unwrap_or(&file).display().to_string();
        let is_a_test = place.ends_with("/tests.rs") || place.contains("/tests/");
        if !is_a_test {
            uses.extend(uses_in(&place, &std::fs::read_to_string(&file).expect("a source file")));
        }
    }
    uses
}

fn uses_in(place: &str, source: &str) -> Vec<Use> {
    static SAYING: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b(say|say_with|say!|words_key!)\s*\(").expect("a pattern"));
    static PAIR: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"\(\s*"([A-Za-z]\w*)"\s*,"#).expect("a pattern"));
    static NAMED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^([A-Za-z]\w*)\s*=[^=]").expect("a pattern"));
    let source = without_comments_and_tests(source);
    let mut uses = Vec::new();
    for found in SAYING.captures_iter(&source) {
        let start = found.get(0).expect("the whole").end();
        let arguments = arguments(&source[start..]);
        let (key, values) = match &found[1] {
            "say!" => {
                let named = |argument: &&str| NAMED.captures(argument).map(|name| name[1].to_owned());
                (arguments.get(1), Some(arguments.iter().skip(2).filter_map(named).collect()))
            }
            "say" => (arguments.first(), Some(BTreeSet::new())),
            "say_with" => {
                let pairs = arguments.get(1).filter(|list| list.starts_with("&["));
                let names = |list: &&str| PAIR.captures_iter(list).map(|name| name[1].to_owned()).collect();
                (arguments.first(), pairs.map(names))
            }
            _ => (arguments.first(), None),
        };
        let literal = key.and_then(|key| key.strip_prefix('"')).and_then(|key| key.strip_suffix('"'));
        if let Some(key) = literal {
            let line = source[..start].lines().count();
            uses.push(Use { key: key.to_owned(), place: format!("{place}:{line}"), values });
        }
    }
    uses
}

/// Comment lines emptied (line numbers stay), and everything from a module of tests on cut off.
fn without_comments_and_tests(source: &str) -> String {
    static TESTS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"#\[cfg\(test\)\]\s*mod \w+ \{").expect("a pattern"));
    let end = TESTS.find(source).map_or(source.len(), |tests| tests.start());
    let lines = source[..end].lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// The arguments of a call whose opening parenthesis stands just before `rest`.
fn arguments(rest: &str) -> Vec<&str> {
    let (mut depth, mut in_string, mut escaped, mut from) = (0_usize, false, false, 0);
    let mut arguments = Vec::new();
    for (at, c) in rest.char_indices() {
        if in_string {
            (in_string, escaped) = (escaped || c != '"', c == '\\' && !escaped);
            continue;
        }
        match c {
            '"' => in_string = true,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth > 0 => depth -= 1,
            ',' | ')' | ']' | '}' if depth == 0 => {
                arguments.push(rest[from..at].trim());
                from = at + 1;
                if c != ',' {
                    break;
                }
            }
            _ => {}
        }
    }
    arguments
}

fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && name != "node_modules" {
            found.extend(files(&path, endings));
        } else if path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| endings.contains(&ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn folders(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).filter(|path| path.is_dir())
}
