//! Front matter: what an author says of a page above its text, as YAML between `---` or TOML between `+++`.

use jiff::civil::Date;
use serde_json::Value;
use serde_saphyr::{DefaultMessageFormatter, MessageFormatter as _};

use super::{Page, html};

/// Front matter has no more lines than this; a `---` further down is a line in the text.
const MOST_LINES: usize = 500;

/// Takes the front matter off `text` into `page` and gives the text below it with the number of its first line.
/// Broken front matter is a warning that names the line, and what can be told of the title is kept. Words between two
/// lines that name nothing are text.
pub(super) fn take<'a>(text: &'a str, page: &mut Page) -> (&'a str, usize) {
    let Some((mark, matter, rest)) = split(text) else { return (text, 1) };
    let below = text[..text.len() - rest.len()].matches('\n').count() + 1;
    let values = if mark == "+++" { from_toml(matter) } else { from_yaml(matter) };
    match values {
        Ok(values) if !values.is_object() && !values.is_null() => return (text, 1),
        Ok(values) => fill(page, &values),
        Err((line, why)) => {
            page.warnings.push(format!("line {}: the front matter cannot be read: {why}", line + 1));
            page.title = matter.lines().find_map(|l| l.strip_prefix("title:")).map(unquoted).filter(|t| !t.is_empty());
        }
    }
    (rest, below)
}

fn unquoted(value: &str) -> String {
    value.trim().trim_matches(['"', '\'']).trim().to_owned()
}

/// Mark, front matter and what follows it.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let mark = text.get(..3).filter(|m| *m == "---" || *m == "+++")?;
    let first_end = text.find('\n')?;
    if !text[3..first_end].trim().is_empty() {
        return None;
    }
    let start = first_end + 1;
    let mut at = start;
    for line in text[start..].split_inclusive('\n').take(MOST_LINES) {
        let bare = line.trim_end();
        if bare == mark || mark == "---" && bare == "..." {
            return Some((mark, &text[start..at], &text[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

type Failure = (usize, String);

fn from_yaml(matter: &str) -> Result<Value, Failure> {
    if matter.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#')) {
        return Ok(Value::Null);
    }
    serde_saphyr::from_str::<Value>(matter).map_err(|e| {
        let line = e.location().map_or(1, |l| usize::try_from(l.line()).unwrap_or(1));
        // Without the place, which is counted from the first line of the front matter.
        (line, first_line(&DefaultMessageFormatter.format_message(e.without_snippet())))
    })
}

fn from_toml(matter: &str) -> Result<Value, Failure> {
    let table = toml::from_str::<toml::Table>(matter).map_err(|e| {
        let at = e.span().map_or(0, |s| s.start.min(matter.len()));
        (matter[..at].matches('\n').count() + 1, first_line(e.message()))
    })?;
    serde_json::to_value(table).map_err(|e| (1, e.to_string()))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").trim().to_owned()
}

fn fill(page: &mut Page, values: &Value) {
    page.title = first(values, &["title"]).map(|t| html::without_entities(&t));
    page.moved = first(values, &["redirect_to"]).filter(|u| u.starts_with("https://") || u.starts_with("http://"));
    page.owner = first(values, &["owner", "owners", "maintainer", "maintainers", "contact", "author", "authors"]);
    page.language =
        first(values, &["lang", "language", "locale"]).filter(|l| html::is_language(l)).map(|l| l.replace('_', "-"));
    page.deprecated = match get(values, "deprecated") {
        Some(Value::Bool(true)) => Some("its author says that it is out of date".into()),
        _ => first(values, &["deprecated"]),
    };
    let words: Vec<String> = ["keywords", "tags", "aliases_for_search", "synonyms"]
        .into_iter()
        .filter_map(|name| get(values, name))
        .flat_map(words)
        .collect();
    page.keywords = words.join(", ");
    let review = ["review_date", "review_by", "review_on", "review", "next_review", "expires"];
    if let Some(text) = first(values, &review) {
        match text.get(..10).unwrap_or(&text).parse::<Date>() {
            Ok(date) => page.review_date = Some(date),
            Err(_) => page.warnings.push(format!("the review date '{text}' is not a date like 2027-03-31")),
        }
    }
}

/// A value by its name in any spelling: `review_date`, `review-date`, `reviewDate`; TOML keeps Zola's `[extra]` too.
fn get<'v>(values: &'v Value, name: &str) -> Option<&'v Value> {
    let plain = |s: &str| s.to_ascii_lowercase().replace(['_', '-', ' '], "");
    let table = values.as_object()?;
    let here = table.iter().find(|(k, _)| plain(k) == plain(name)).map(|(_, v)| v);
    here.or_else(|| table.get("extra").filter(|v| v.is_object()).and_then(|v| get(v, name)))
}

fn first(values: &Value, names: &[&str]) -> Option<String> {
    let found = names.iter().find_map(|n| get(values, n))?;
    let text = words(found).join(", ");
    (!text.is_empty()).then_some(text)
}

fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(s) => vec![s.trim().to_owned()],
        Value::Number(n) => vec![n.to_string()],
        Value::Array(items) => items.iter().flat_map(words).collect(),
        // TOML's dates come as a table of one key.
        Value::Object(o) => {
            let inner = ["name", "email", "$__toml_private_datetime"].into_iter().find_map(|k| o.get(k));
            inner.map(words).unwrap_or_default()
        }
        Value::Bool(_) | Value::Null => Vec::new(),
    }
    .into_iter()
    .filter(|w| !w.is_empty())
    .collect()
}
