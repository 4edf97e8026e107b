//! Tracks as folders: `<id>/track.toml` and `<id>/NN-slug.md`, read and checked without a store.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use stoa_ground::people::calendar::parse_time;
use stoa_ground::people::clean;
use toml::Spanned;

use super::content::{
    Content, Form, LONGEST_OPTION, LONGEST_PROMPT, LONGEST_TEXT, LONGEST_TITLE, LONGEST_WHY, MOST_OPTIONS, Question,
};

/// The most lessons of a track, and the largest file that is read, in bytes.
const MOST_LESSONS: usize = 999;
const LARGEST: u64 = 200_000;

/// What is wrong in a folder, or odd: one sentence with its place and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path below the folder that was checked.
    pub file: String,
    /// Line in the file, from 1, when it is about one.
    pub line: Option<usize>,
    /// The sentence.
    pub text: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.text),
            None => write!(f, "{}: {}", self.file, self.text),
        }
    }
}

/// A track as its folder has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackDraft {
    /// The folder's name.
    pub id: String,
    /// Plain text.
    pub title: String,
    /// One sentence, plain text.
    pub description: String,
    /// Employee id of who answers for it.
    pub owner: Option<String>,
    /// The time of day at which lessons come, `09:30`.
    pub time: String,
    /// BCP 47 tag of its texts.
    pub language: Option<String>,
    /// Nothing of it is sent any more.
    pub retired: bool,
    /// In their order.
    pub lessons: Vec<LessonDraft>,
}

/// A lesson as its file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonDraft {
    /// `<track>/<slug>`.
    pub id: String,
    /// What it says.
    pub content: Content,
}

/// What a folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The tracks that could be read; not to be used when there are errors.
    pub tracks: Vec<TrackDraft>,
    /// What must be mended before it can be applied.
    pub errors: Vec<Problem>,
    /// What is odd and does not stop it.
    pub warnings: Vec<Problem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrackFile {
    id: Option<Spanned<String>>,
    title: Spanned<String>,
    #[serde(default)]
    description: String,
    owner: Option<String>,
    time: Option<Spanned<String>>,
    language: Option<String>,
    #[serde(default)]
    retired: bool,
}

/// What stands between the two lines `+++` at the top of a lesson.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "front matter of a lesson of Stoa")]
struct FrontMatter {
    /// Its title, as people see it.
    #[schemars(with = "String", length(min = 1, max = LONGEST_TITLE))]
    title: Spanned<String>,
    /// How long it takes; 1 when absent.
    #[schemars(with = "Option<i64>", range(min = 1, max = 5))]
    minutes: Option<Spanned<i64>>,
    /// Questions with options, in their order.
    #[serde(default)]
    question: Vec<QuestionFile>,
}

/// A question.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Question")]
struct QuestionFile {
    /// Its stable id: small letters, digits and hyphens; `q1`, `q2` … when absent.
    #[schemars(with = "Option<String>")]
    id: Option<Spanned<String>>,
    /// What is asked.
    #[schemars(with = "String", length(min = 1, max = LONGEST_PROMPT))]
    prompt: Spanned<String>,
    /// What there is to choose from.
    #[schemars(with = "Vec<String>", length(min = 2, max = MOST_OPTIONS), inner(length(min = 1, max = LONGEST_OPTION)))]
    options: Spanned<Vec<Spanned<String>>>,
    /// The right option, from 0 for the first.
    #[schemars(with = "i64", range(min = 0))]
    answer: Spanned<i64>,
    /// Why it is right, said after the answer.
    #[schemars(with = "String", length(min = 1, max = LONGEST_WHY))]
    why: Spanned<String>,
}

/// The JSON Schema of the front matter of a lesson.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(FrontMatter)
}

/// Reads and checks a folder of tracks, or the folder of one track. Reads files only; nothing is changed.
#[must_use]
pub fn check_dir(dir: &Path) -> Checked {
    let mut checked = Checked::default();
    if dir.join("track.toml").is_file() {
        let name = dir.canonicalize().ok().and_then(|d| Some(d.file_name()?.to_str()?.to_owned())).unwrap_or_default();
        check_track(dir, &name, "", &mut checked);
        return checked;
    }
    let mut found = false;
    for (name, path) in entries(dir, &mut checked) {
        if path.is_dir() {
            found = true;
            check_track(&path, &name, &format!("{name}/"), &mut checked);
        }
    }
    if !found && checked.errors.is_empty() {
        let text = "holds no tracks: make a folder for each track, with a file track.toml in it".into();
        checked.errors.push(Problem { file: dir.display().to_string(), line: None, text });
    }
    checked
}

/// The entries of a folder by name, without hidden ones.
fn entries(dir: &Path, checked: &mut Checked) -> BTreeMap<String, PathBuf> {
    let read = match std::fs::read_dir(dir) {
        Ok(read) => read,
        Err(e) => {
            let text = format!("cannot be read: {e}");
            checked.errors.push(Problem { file: dir.display().to_string(), line: None, text });
            return BTreeMap::new();
        }
    };
    let named = read.flatten().map(|e| (e.file_name().to_string_lossy().into_owned(), e.path()));
    named.filter(|(name, _)| !name.starts_with('.')).collect()
}

/// One file while it is checked.
struct File<'a> {
    name: String,
    text: String,
    /// Where the TOML begins in it, in bytes.
    offset: usize,
    checked: &'a mut Checked,
}

impl File<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        let end = (self.offset + span.start).min(self.text.len());
        self.text.as_bytes()[..end].iter().filter(|b| **b == b'\n').count() + 1
    }

    fn wrong(&mut self, span: &Range<usize>, text: impl Into<String>) {
        let line = Some(self.line(span));
        self.checked.errors.push(Problem { file: self.name.clone(), line, text: text.into() });
    }

    fn wrong_file(&mut self, text: impl Into<String>) {
        self.checked.errors.push(Problem { file: self.name.clone(), line: None, text: text.into() });
    }

    fn odd(&mut self, text: impl Into<String>) {
        self.checked.warnings.push(Problem { file: self.name.clone(), line: None, text: text.into() });
    }

    fn toml<T: serde::de::DeserializeOwned>(&mut self, toml: &str) -> Option<T> {
        match toml::from_str(toml) {
            Ok(read) => Some(read),
            Err(e) => {
                let span = e.span().unwrap_or(0..0);
                let text = e.message().replace('\n', ", ");
                self.wrong(&span, text);
                None
            }
        }
    }

    /// A text on one line that is there and not too long.
    fn text(&mut self, key: &str, value: &Spanned<String>, most: usize) -> String {
        let text = clean(value.get_ref());
        let length = text.chars().count();
        if length == 0 {
            self.wrong(&value.span(), format!("{key} is empty; write a few words"));
        } else if length > most {
            self.wrong(&value.span(), format!("{key} has {length} characters, and {most} fit; shorten it"));
        }
        text
    }
}

fn read(path: &Path, name: &str, checked: &mut Checked) -> Option<String> {
    let too_large = std::fs::metadata(path).is_ok_and(|m| m.len() > LARGEST);
    let problem = if too_large {
        format!("is larger than {LARGEST} bytes; a lesson takes a minute")
    } else {
        match std::fs::read_to_string(path) {
            Ok(text) => return Some(text.replace("\r\n", "\n")),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                "is missing; it says id, title, description, owner and time of the track".into()
            }
            Err(e) => format!("cannot be read: {e}"),
        }
    };
    checked.errors.push(Problem { file: name.to_owned(), line: None, text: problem });
    None
}

fn is_slug(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 80
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn check_track(dir: &Path, id: &str, prefix: &str, checked: &mut Checked) {
    let name = format!("{prefix}track.toml");
    let Some(text) = read(&dir.join("track.toml"), &name, checked) else { return };
    let mut file = File { name, text: text.clone(), offset: 0, checked };
    let Some(read) = file.toml::<TrackFile>(&text) else { return };
    if !is_slug(id) {
        file.wrong_file(format!("the folder's name '{id}' is the track's id: use small letters, digits and hyphens"));
    }
    if let Some(given) = read.id.as_ref().filter(|given| given.get_ref() != id) {
        let text = format!("id is '{}' and the folder is '{id}'; they must be the same", given.get_ref());
        file.wrong(&given.span(), text);
    }
    let title = file.text("title", &read.title, LONGEST_TITLE);
    let time = read.time.as_ref().map_or("09:30", |t| t.get_ref().trim()).to_owned();
    if let (Err(e), Some(given)) = (parse_time(&time), &read.time) {
        file.wrong(&given.span(), format!("time: {e}"));
    }
    let description = clean(&read.description);
    if description.is_empty() {
        file.odd("has no description; people choose tracks by it");
    }
    let mut draft = TrackDraft {
        id: id.to_owned(),
        title,
        description,
        owner: read.owner.map(|o| clean(&o)).filter(|o| !o.is_empty()),
        time,
        language: read.language,
        retired: read.retired,
        lessons: Vec::new(),
    };
    let mut numbers: BTreeMap<u32, String> = BTreeMap::new();
    let mut slugs = BTreeSet::new();
    let mut files = Vec::new();
    for (entry, path) in entries(dir, checked) {
        let name = format!("{prefix}{entry}");
        let mut wrong = |text: String| checked.errors.push(Problem { file: name.clone(), line: None, text });
        if !path.extension().is_some_and(|e| e.eq_ignore_ascii_case("md")) {
            if entry != "track.toml" {
                let text = "is no lesson and is left out; lessons are named like 01-first-steps.md".into();
                checked.warnings.push(Problem { file: name, line: None, text });
            }
            continue;
        }
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        let split = stem.split_once('-').and_then(|(n, slug)| Some((n.parse::<u32>().ok()?, slug)));
        let Some((number, slug)) = split.filter(|(_, slug)| is_slug(slug)) else {
            wrong("must be named with its number and a short name, like 01-first-steps.md".into());
            continue;
        };
        if let Some(other) = numbers.insert(number, entry.clone()) {
            wrong(format!("has the same number as {other}; the number gives the order"));
        }
        if !slugs.insert(slug.to_owned()) {
            wrong(format!(
                "has the same short name '{slug}' as another lesson of this track; the name is its identity"
            ));
        }
        files.push((number, slug.to_owned(), path, name));
    }
    files.sort();
    if files.is_empty() {
        let text = "has no lessons; add files like 01-first-steps.md beside it".into();
        checked.errors.push(Problem { file: format!("{prefix}track.toml"), line: None, text });
    }
    if files.len() > MOST_LESSONS {
        let text = format!("has {} lessons, and {MOST_LESSONS} are the most", files.len());
        checked.errors.push(Problem { file: format!("{prefix}track.toml"), line: None, text });
    }
    for (_, slug, path, name) in files {
        if let Some(content) = check_lesson(&path, name, checked) {
            draft.lessons.push(LessonDraft { id: format!("{id}/{slug}"), content });
        }
    }
    checked.tracks.push(draft);
}

fn check_lesson(path: &Path, name: String, checked: &mut Checked) -> Option<Content> {
    let text = read(path, &name, checked)?;
    let mut file = File { name, text: text.clone(), offset: 4, checked };
    let Some(rest) = text.strip_prefix("+++\n") else {
        file.offset = 0;
        file.wrong(&(0..0), "must begin with a line +++, then title and questions in TOML, then a line +++ again");
        return None;
    };
    let front = rest.find("\n+++\n").map(|at| (&rest[..=at], &rest[at + 5..]));
    let Some((front, body)) = front.or_else(|| rest.strip_suffix("\n+++").map(|f| (f, ""))) else {
        file.offset = 0;
        file.wrong(&(0..0), "the part that begins with +++ has no end: add a line +++ after title and questions");
        return None;
    };
    let read: FrontMatter = file.toml(front)?;
    let title = file.text("title", &read.title, LONGEST_TITLE);
    let minutes = read.minutes.as_ref().map_or(1, |m| *m.get_ref());
    if let (false, Some(given)) = ((1..=5).contains(&minutes), &read.minutes) {
        file.wrong(&given.span(), format!("minutes is {minutes}; a lesson takes 1 to 5"));
    }
    let minutes = u32::try_from(minutes).unwrap_or(1);
    let body = body.trim().to_owned();
    let (length, words) = (body.chars().count(), body.split_whitespace().count());
    if body.is_empty() {
        file.wrong(&(front.len()..front.len()), "has no text below the second +++; say what there is to learn");
    } else if length > LONGEST_TEXT {
        file.wrong_file(format!("the text has {length} characters, and {LONGEST_TEXT} fit; make two lessons of it"));
    } else if words > 260 * minutes as usize {
        file.odd(format!("has {words} words; few people read that in {minutes} minute(s)"));
    }
    let mut questions = Vec::new();
    let mut ids = BTreeSet::new();
    for (index, q) in read.question.iter().enumerate() {
        let question = check_question(&mut file, q, index);
        if !ids.insert(question.id.clone()) {
            file.wrong(&q.prompt.span(), format!("another question has the id '{}' already", question.id));
        }
        questions.push(question);
    }
    Some(Content { title, minutes, body, questions })
}

fn check_question(file: &mut File<'_>, q: &QuestionFile, index: usize) -> Question {
    let id = q.id.as_ref().map_or_else(|| format!("q{}", index + 1), |id| id.get_ref().clone());
    if let (false, Some(given)) = (is_slug(&id), &q.id) {
        file.wrong(&given.span(), "id: use small letters, digits and hyphens");
    }
    let prompt = file.text("prompt", &q.prompt, LONGEST_PROMPT);
    let why = file.text("why", &q.why, LONGEST_WHY);
    let options: Vec<String> = q.options.get_ref().iter().map(|o| file.text("an option", o, LONGEST_OPTION)).collect();
    if !(2..=MOST_OPTIONS).contains(&options.len()) {
        let text = format!("options: a question has 2 to {MOST_OPTIONS}, this one has {}", options.len());
        file.wrong(&q.options.span(), text);
    }
    if options.iter().collect::<BTreeSet<_>>().len() < options.len() {
        file.wrong(&q.options.span(), "options: two of them are the same");
    }
    let given = *q.answer.get_ref();
    let answer = usize::try_from(given).ok().filter(|a| *a < options.len());
    if answer.is_none() {
        let last = options.len().saturating_sub(1);
        let text = format!("answer is {given}; it is the number of the right option, from 0 for the first to {last}");
        file.wrong(&q.answer.span(), text);
    }
    Question { id, prompt, why, form: Form::Choice { options, answer: answer.unwrap_or(0) } }
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
