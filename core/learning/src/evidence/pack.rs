//! What a pack of evidence consists of: the files and their shapes, format `stoa-pack/4`. See `docs/evidence.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stoa_ground::{Instant, sha256};

/// The version of the format.
pub const FORMAT: &str = "stoa-pack/4";
/// The one before it, which is read still. It has the same shape, and promises less: see [`Manifest::is_before`].
pub const BEFORE: &str = "stoa-pack/3";

/// The most files that a pack has, in a folder or in a ZIP.
pub const MOST_FILES: usize = 100_000;
/// The most bytes that its files have together.
pub const MOST_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// The description of the pack, in `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`] or [`BEFORE`].
    pub format: String,
    /// The log's name.
    pub origin: String,
    /// The clock was moved by hand: nothing in here happened.
    pub test: bool,
    /// When the pack was made, RFC 3339.
    pub made: String,
    /// What it is about.
    pub scope: Scope,
    /// The period of the scope in microseconds since 1970: the first instant, and the first one after it.
    pub period: (Option<i64>, Option<i64>),
    /// The zone in which the days of the scope are counted.
    pub zone: String,
    /// Which regime it is meant for; `none` says so.
    pub preset: String,
    /// The number of records in the log at the checkpoint.
    pub size: u64,
    /// The other files with their SHA-256 in hexadecimal digits, but for `manifest.note`.
    pub files: BTreeMap<String, String>,
    /// Each subject with the number of its records.
    pub subjects: BTreeMap<String, i64>,
    /// What a pack that is valid does not prove, one sentence each.
    pub not_proven: Vec<String>,
}

impl Manifest {
    /// Whether the pack is of the format before, in which people may go by several employee ids, and lines may be called
    /// erased by a tombstone that is about something else.
    #[must_use]
    pub fn is_before(&self) -> bool {
        self.format == BEFORE
    }
}

/// What a pack is about; several of these narrow it down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// A person, by employee id.
    pub person: Option<String>,
    /// A requirement's id.
    pub requirement: Option<String>,
    /// A course's id.
    pub course: Option<String>,
    /// The first day, in the organisation's zone.
    pub from: Option<jiff::civil::Date>,
    /// The last day, in the organisation's zone.
    pub to: Option<jiff::civil::Date>,
}

/// A line of `records.jsonl`: a record with its proof.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proven {
    /// Its place in the log, from 0.
    pub leaf: u64,
    /// The leaf, exactly as it is in the log.
    pub entry: String,
    /// The inclusion proof in the tree of the checkpoint, in base64.
    pub proof: Vec<String>,
    /// The fields that are disclosed. What is not here was not disclosed, or erased.
    pub opened: BTreeMap<String, Opened>,
}

/// A disclosed field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// The salt in base64.
    pub salt: String,
    /// The value as JSON text, exactly as it was committed to.
    pub value: String,
}

/// An earlier checkpoint in `checkpoints.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// The signed note.
    pub note: String,
    /// The consistency proof to the pack's checkpoint, in base64.
    pub proof: Vec<String>,
}

/// A key of the log in `keys.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The public key.
    pub key: String,
    /// `created`, `rotated` or `lost`.
    pub how: String,
    /// The note in which the key before it names it.
    pub statement: Option<String>,
}

/// Declares the rows of a table with their columns, so that JSON, CSV and PDF have the same ones.
macro_rules! rows {
    ($(#[doc = $about:literal])+ $row:ident; $($(#[doc = $doc:literal])+ $name:ident: $kind:ty,)+) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $row {
            $($(#[doc = $doc])+ pub $name: $kind,)+
        }

        impl $row {
            /// The columns of the CSV, and the fields of each row in the same order.
            pub const COLUMNS: &[&str] = &[$(stringify!($name)),+];

            /// The fields in the order of the columns, as the CSV has them.
            #[must_use]
            pub fn cells(&self) -> Vec<String> {
                vec![$(cell(&self.$name)),+]
            }
        }
    };
}

rows! {
    /// One assignment in `report.json`, as its records say; the same columns are in `report.csv`. Instants are RFC 3339
    /// in UTC; what does not exist is empty.
    Row;
    /// Its subject in the log; empty where the rule meant somebody and nothing was assigned.
    subject: String,
    /// The person, by employee id, as of the newest record.
    employee_id: String,
    /// The name, as of then.
    name: String,
    /// The job title, as of then.
    title: String,
    /// The department, as of then.
    department: String,
    /// The location, as of then.
    location: String,
    /// The kind of employment, as of then.
    worker_type: String,
    /// The manager of then, by employee id.
    manager: String,
    /// The person's time zone, as of then.
    zone: String,
    /// The requirement's id.
    requirement: String,
    /// The rule's version.
    rule_version: String,
    /// The course's id.
    course: String,
    /// The content that counts for it: its SHA-256.
    content: String,
    /// How it stands at the end of the period.
    state: String,
    /// Why it was assigned.
    why: String,
    /// When.
    assigned: String,
    /// The day on which it is due, in the person's zone.
    due: String,
    /// When it was begun.
    started: String,
    /// When it was completed.
    completed: String,
    /// The score of the last attempt, from 0 to 1, where the preset shows results.
    score: String,
    /// How often the quiz was answered to its end, where the preset shows results.
    attempts: String,
    /// When the attestation was confirmed.
    attested: String,
    /// How the person was known then: `chat-session`, `mail-code` or `oidc`.
    authentication: String,
    /// The last day on which the completion, or the waiver, holds, in the person's zone; empty where it holds for good.
    expires: String,
    /// Where the clock of a chat and the server's differ: the kind of the record, and by how many seconds the chat's is ahead.
    skew: String,
    /// Whether it counts in the denominator.
    counts: bool,
    /// Why it does not count, or how it ended.
    reason: String,
    /// Who decided that, by employee id, `operator` or `rule/…`.
    decided_by: String,
    /// Until when an exemption lasts.
    until: String,
    /// The retention class, and how long the records are kept.
    retention: String,
    /// The legal hold that stands, and why.
    hold: String,
}

rows! {
    /// A change of an assignment in `changes.json`, as its records say; the same columns are in `changes.csv`. What does not
    /// exist is empty.
    Change;
    /// The assignment's subject in the log.
    subject: String,
    /// Which record of it.
    version: i64,
    /// When, RFC 3339 in UTC.
    at: String,
    /// What happened: the record's kind.
    change: String,
    /// Who did it, by employee id, `operator` or `rule/…`.
    by: String,
    /// Why.
    reason: String,
    /// How it stood before.
    state_before: String,
    /// How it stood after.
    state: String,
    /// The day on which it was due before.
    due_before: String,
    /// The day on which it was due after.
    due: String,
    /// The last day on which it held before.
    expires_before: String,
    /// The last day on which it held after.
    expires: String,
}

impl Row {
    /// Whether it stood as completed at the end of the period.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.state == "completed"
    }
}

/// A cell of the CSV.
trait Cell {
    fn text(&self) -> String;
}

impl Cell for String {
    fn text(&self) -> String {
        self.clone()
    }
}

impl Cell for bool {
    fn text(&self) -> String {
        if *self { "yes".into() } else { "no".into() }
    }
}

impl Cell for i64 {
    fn text(&self) -> String {
        self.to_string()
    }
}

fn cell(value: &impl Cell) -> String {
    value.text()
}

/// Rows, and what they add up to: `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Assignments that count.
    pub denominator: u64,
    /// Those of them that are completed.
    pub completed: u64,
    /// Their share in percent with one decimal, rounded down; empty where nothing counts.
    pub percent: String,
    /// Those that do not count, by state.
    pub excluded: BTreeMap<String, u64>,
    /// Everybody whom the rules were about, one line for each assignment.
    pub rows: Vec<Row>,
}

/// Somebody in `population.json`: who stood in the roster at any time in the period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Considered {
    /// The employee id, as of the end of the period or the last day.
    pub employee_id: String,
    /// The name, as of then.
    pub name: String,
    /// The job title, as of then.
    pub title: String,
    /// `active`, `leave` or `left`, as of then.
    pub status: String,
    /// The first day of work, where the roster says it.
    pub hired: String,
    /// Since when the roster's history knows them.
    pub known_since: String,
    /// When they left, if that was in the period.
    pub left: String,
    /// What changed of them in the period.
    pub moved: Vec<Move>,
    /// When a rule of the scope meant them, cut to the period.
    pub meant: Vec<Meant>,
    /// How many rows of the report are theirs.
    pub assignments: u64,
    /// Why there is none; empty where there is one.
    pub why_none: String,
}

/// A change of somebody in the roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What: `department: Sales → HR`.
    pub what: String,
}

/// A time at which a rule meant somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meant {
    /// The requirement's id.
    pub requirement: String,
    /// From when, RFC 3339 in UTC.
    pub from: String,
    /// Until when; empty where it still did when the pack was made.
    pub to: String,
}

/// Something that was asked for, in `requests.json`, as its records say at the end of the period. People are employee ids,
/// instants RFC 3339 in UTC; what does not exist is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Its subject in the log.
    pub subject: String,
    /// `extension`, `exemption`, `waiver`, `enrolment`, `attempt`, or `requirement`: that a requirement comes into force or changes.
    pub kind: String,
    /// `draft`, `open`, `approved`, `declined`, `withdrawn` or `closed`.
    pub state: String,
    /// For whom.
    pub employee_id: String,
    /// The assignment's subject.
    pub assignment: String,
    /// The requirement's id.
    pub requirement: String,
    /// The course's id.
    pub course: String,
    /// The day that is wished.
    pub wished: String,
    /// When it was asked for, or written.
    pub asked: String,
    /// By whom.
    pub asked_by: String,
    /// Why.
    pub reason: String,
    /// Who is, or was last, asked to decide.
    pub approver: String,
    /// When it ended.
    pub decided: String,
    /// By whose decision.
    pub decided_by: String,
    /// Why it was decided so.
    pub decision: String,
}

/// A question to a trainer, in `questions.json`, as its records say at the end of the period. The texts are empty where the
/// preset does not disclose them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Its subject in the log.
    pub subject: String,
    /// Who asked, by employee id.
    pub employee_id: String,
    /// The assignment's subject.
    pub assignment: String,
    /// The course's id.
    pub course: String,
    /// The content that was read: its SHA-256.
    pub content: String,
    /// When it was asked.
    pub asked: String,
    /// The question.
    pub question: String,
    /// Until when the answer was due, by the clock that ran last.
    pub due: String,
    /// When it was answered.
    pub answered: String,
    /// The answer.
    pub answer: String,
    /// Who answered, by employee id.
    pub answered_by: String,
    /// With which qualification.
    pub qualification: String,
}

/// What the log's key signs about a pack: `bytes` are those of the manifest.
#[must_use]
pub fn statement(manifest: &Manifest, bytes: &[u8]) -> String {
    format!("{}\n{}\n{}\n{}\n", manifest.format, manifest.origin, manifest.size, sha256(bytes))
}

/// The folder of time stamps (RFC 3161): `<size>.tsr`, and beside it `<size>.note`, which it is about.
pub const STAMPS: &str = "timestamps/";
/// What changed of each assignment.
pub const CHANGES: &str = "changes.json";
/// The files that a PDF shows.
pub const SHOWN: [&str; 5] = ["report.json", "population.json", "requests.json", "questions.json", CHANGES];

/// With this a PDF says which report it shows.
#[must_use]
pub fn shows(file: &str, digest: &str) -> String {
    format!("{file} sha256:{digest}")
}

impl Report {
    /// The report over these rows.
    #[must_use]
    pub fn over(rows: Vec<Row>) -> Self {
        let counting = rows.iter().filter(|row| row.counts);
        let completed = counting.clone().filter(|row| row.is_completed()).count() as u64;
        let denominator = counting.count() as u64;
        let mut excluded = BTreeMap::new();
        for row in rows.iter().filter(|row| !row.counts) {
            *excluded.entry(row.state.clone()).or_insert(0) += 1;
        }
        let percent = (completed * 1_000).checked_div(denominator);
        let percent = percent.map(|tenths| format!("{}.{}", tenths / 10, tenths % 10)).unwrap_or_default();
        Self { denominator, completed, percent, excluded, rows }
    }

    /// `report.csv`.
    #[must_use]
    pub fn csv(&self) -> String {
        csv(Row::COLUMNS, self.rows.iter().map(Row::cells))
    }
}

/// A table as CSV (RFC 4180).
fn csv(columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = columns.join(",") + "\r\n";
    for cells in rows {
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        text += &(cells.join(",") + "\r\n");
    }
    text
}

impl Change {
    /// `changes.csv`.
    #[must_use]
    pub fn csv(changes: &[Self]) -> String {
        csv(Self::COLUMNS, changes.iter().map(Self::cells))
    }
}

/// A cell that a spreadsheet takes as text, also one that begins like a formula.
fn quoted(cell: &str) -> String {
    let cell = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

/// An instant as the reports write it; empty for none.
#[must_use]
pub fn at(instant: Option<Instant>) -> String {
    instant.map(Instant::rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_what_it_lists_and_never_rounds_up_to_all() {
        let row = |counts, completed: &str, state: &str| Row {
            counts,
            completed: completed.into(),
            state: state.into(),
            ..Row::default()
        };
        assert_eq!(Report::over(Vec::new()).percent, "");
        let mut rows = vec![row(true, "x", "completed"); 1_999];
        rows.push(row(true, "", "overdue"));
        rows.push(row(false, "", "exempt"));
        let report = Report::over(rows);
        assert_eq!((report.denominator, report.completed, report.percent.as_str()), (2_000, 1_999, "99.9"));
        assert_eq!(report.excluded, BTreeMap::from([("exempt".to_owned(), 1)]));
        let all = Report::over(vec![row(true, "x", "completed")]);
        assert_eq!(all.percent, "100.0");
    }

    #[test]
    fn a_cell_is_text_for_a_spreadsheet() {
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(Row::COLUMNS.len(), Row::default().cells().len());
        assert_eq!(Row::COLUMNS[0], "subject");
    }
}
