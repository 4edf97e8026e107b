//! Reads course folders and says what is wrong with them.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use stoa_ground::people::calendar::parse_date;
use stoa_ground::{Error, Result};
use unicode_normalization::UnicodeNormalization as _;

use super::{Course, Mapping, Page, Particulars, Question, Trainer};
use crate::training::attest::Level;
use crate::training::toml_sentence;

/// The longest page in characters as a chat writes them: more does not read well, and would be cut there.
const MAX_PAGE: usize = 8_000;

/// The most minutes of reading that a course may ask for.
const MAX_MINUTES: u32 = 480;
/// The longest prompt or option in characters.
const MAX_LINE: usize = 500;

/// How long a page is where `&`, `<` and `>` are written as entities, as they are in most chats.
fn written(text: &str) -> usize {
    let long = |c: char| match c {
        '&' => 5,
        '<' | '>' => 4,
        '*' | '_' | '~' | '`' => 2,
        _ => 1,
    };
    text.chars().map(long).sum()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    id: String,
    title: String,
    #[serde(default = "english")]
    language: String,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    min_minutes: u32,
    #[serde(default = "usual_mark")]
    pass_mark: f64,
    #[serde(default = "usual_attempts")]
    attempts: u32,
    #[serde(default)]
    attestation: Option<String>,
    #[serde(default)]
    attestation_level: Level,
    #[serde(default, rename = "trainer")]
    trainers: Vec<Trainer>,
    #[serde(default)]
    answer_days: Option<u32>,
    #[serde(default)]
    provider: Option<String>,
    #[serde(default)]
    since: Option<toml::value::Datetime>,
    #[serde(default)]
    completed_by: Vec<Mapping>,
    #[serde(default, rename = "question")]
    questions: Vec<Question>,
}

fn english() -> String {
    "en".into()
}

fn usual_mark() -> f64 {
    0.8
}

fn usual_attempts() -> u32 {
    3
}

/// The courses in a folder: the folder itself, when it has a `course.toml`, else each folder in it that has one, by name.
///
/// # Errors
/// [`Error::Invalid`] with one line for each thing that is wrong, naming file and key; [`Error::Io`] when the folder
/// cannot be read.
pub fn check_dir(dir: &Path) -> Result<Vec<Course>> {
    let folders = if dir.join("course.toml").is_file() { vec![dir.to_owned()] } else { folders_in(dir)? };
    if folders.is_empty() {
        let shown = dir.display();
        return Err(Error::invalid(format!(
            "{shown} has no course.toml, and no folder in it has one: put each course into a folder of its own"
        )));
    }
    let mut wrong = Vec::new();
    let mut courses: Vec<Course> = Vec::new();
    for folder in &folders {
        if let Some(course) = course_in(folder, &mut wrong) {
            if courses.iter().any(|c| c.id == course.id) {
                let file = folder.join("course.toml");
                wrong.push(format!("{}: id '{}' is taken by another course here", file.display(), course.id));
            }
            courses.push(course);
        }
    }
    if wrong.is_empty() { Ok(courses) } else { Err(Error::Invalid(wrong.join("\n"))) }
}

fn folders_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = entries(dir)?.into_iter().filter(|p| p.join("course.toml").is_file()).collect();
    found.sort();
    Ok(found)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let io = |e: std::io::Error| Error::Io(format!("the folder {} cannot be read: {e}", dir.display()));
    fs::read_dir(dir).map_err(io)?.map(|e| e.map(|e| e.path()).map_err(io)).collect()
}

/// One course; `None` after something that is wrong was noted.
fn course_in(folder: &Path, wrong: &mut Vec<String>) -> Option<Course> {
    let file = folder.join("course.toml");
    let shown = file.display().to_string();
    let before = wrong.len();
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(e) => {
            wrong.push(format!("{shown} cannot be read as UTF-8 text: {e}"));
            return None;
        }
    };
    let settings: Settings = match toml::from_str(&text) {
        Ok(settings) => settings,
        Err(e) => {
            wrong.push(toml_sentence(&shown, &text, &e, ""));
            return None;
        }
    };
    let pages = pages_in(folder, wrong);
    let course = Course {
        id: settings.id.trim().to_owned(),
        title: line(&settings.title),
        language: settings.language.trim().to_owned(),
        min_minutes: settings.min_minutes,
        pass_mark: settings.pass_mark,
        attempts: settings.attempts,
        attestation: settings.attestation.as_deref().map(line).filter(|t| !t.is_empty()),
        attestation_level: settings.attestation_level,
        pages,
        questions: settings
            .questions
            .into_iter()
            .map(|q| Question {
                prompt: line(&q.prompt),
                options: q.options.iter().map(|o| line(o)).collect(),
                answer: q.answer,
                why: line(&q.why),
            })
            .collect(),
        owner: settings.owner,
        particulars: Particulars {
            trainers: settings
                .trainers
                .into_iter()
                .map(|t| Trainer { qualification: line(&t.qualification), ..t })
                .collect(),
            answer_days: settings.answer_days,
            provider: settings.provider.as_deref().map(line).filter(|t| !t.is_empty()),
            since: settings.since.as_ref().and_then(|day| parse_date(&day.to_string())),
            completed_by: settings.completed_by,
        },
    };
    if settings.since.is_some() && course.particulars.since.is_none() {
        wrong.push(format!("{shown}: since is a day like 2024-01-31, without a time"));
    }
    wrong.extend(faults(&course).into_iter().map(|fault| format!("{shown}: {fault}")));
    (wrong.len() == before).then_some(course)
}

fn pages_in(folder: &Path, wrong: &mut Vec<String>) -> Vec<Page> {
    let mut files: Vec<PathBuf> = match entries(folder) {
        Ok(files) => files,
        Err(e) => {
            wrong.push(e.to_string());
            return Vec::new();
        }
    };
    files.retain(|f| f.extension().is_some_and(|e| e.eq_ignore_ascii_case("md")));
    files.sort();
    let mut pages = Vec::new();
    for file in files {
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.starts_with(|c: char| c.is_ascii_digit()) {
            wrong.push(format!("{}: a page's file begins with its number, for example 01-{name}", file.display()));
            continue;
        }
        match fs::read_to_string(&file) {
            Ok(text) => {
                let page = page(name, &text);
                if page.text.is_empty() {
                    wrong.push(format!("{}: the page has no text below its title", file.display()));
                }
                if written(&page.text) > MAX_PAGE {
                    wrong
                        .push(format!("{}: a page has at most {MAX_PAGE} characters; cut it into two", file.display()));
                }
                pages.push(page);
            }
            Err(e) => wrong.push(format!("{} cannot be read as UTF-8 text: {e}", file.display())),
        }
    }
    pages
}

/// A page: its first heading of level 1 is the title; without one, the file's name is.
fn page(file: String, raw: &str) -> Page {
    let text: String = raw.trim_start_matches('\u{feff}').replace("\r\n", "\n").nfc().collect();
    let text = text.trim();
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    match first.strip_prefix("# ") {
        Some(title) => Page { title: line(title), text: rest.trim().to_owned(), file },
        None => {
            let stem = file.trim_end_matches(".md").trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
            Page { title: line(&stem.replace(['-', '_'], " ")), text: text.to_owned(), file }
        }
    }
}

/// One line: NFC, no control characters, single spaces.
fn line(raw: &str) -> String {
    let clean: String = raw.nfc().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a text can be an id: it stands in keys, addresses and file names.
pub(in crate::training) fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 80
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// What is wrong with the settings, each as "key …".
fn faults(course: &Course) -> Vec<String> {
    let mut faults = Vec::new();
    if !is_id(&course.id) {
        let id = &course.id;
        faults.push(format!("id '{id}' must be small letters, digits and hyphens, for example fire-safety"));
    }
    if course.title.is_empty() {
        faults.push("title is empty".into());
    }
    if !(0.0..=1.0).contains(&course.pass_mark) {
        faults.push(format!("pass_mark is {}; write a share from 0 to 1, for example 0.8", course.pass_mark));
    }
    if course.min_minutes > MAX_MINUTES {
        faults.push(format!("min_minutes is {}; at most {MAX_MINUTES}, a working day", course.min_minutes));
    }
    if course.attestation.is_none() && course.attestation_level != Level::default() {
        faults.push("attestation_level asks for a sentence in attestation, and there is none".into());
    }
    faults.extend(course.particulars.faults());
    if !course.questions.is_empty() && course.attempts == 0 {
        faults.push("attempts is 0; a quiz needs at least 1".into());
    }
    if course.pages.is_empty() {
        faults.push("the course has no pages; add Markdown files such as 01-start.md beside it".into());
    }
    for (n, q) in course.questions.iter().enumerate() {
        let number = n + 1;
        if q.prompt.is_empty() {
            faults.push(format!("question {number}: prompt is empty"));
        }
        if !(2..=8).contains(&q.options.len()) {
            faults.push(format!("question {number}: options has {} entries; write 2 to 8", q.options.len()));
        } else if q.answer >= q.options.len() {
            let last = q.options.len() - 1;
            faults.push(format!("question {number}: answer is {}; options are counted from 0 to {last}", q.answer));
        }
        if q.options.iter().any(String::is_empty) {
            faults.push(format!("question {number}: an option is empty"));
        }
        let repeated = q.options.iter().enumerate().any(|(i, o)| q.options[..i].contains(o));
        if repeated {
            faults.push(format!("question {number}: two options are the same"));
        }
        let too_long = |t: &String| t.chars().count() > MAX_LINE;
        if too_long(&q.prompt) || q.options.iter().any(too_long) {
            faults.push(format!("question {number}: prompt and options have at most {MAX_LINE} characters each"));
        }
    }
    faults
}
