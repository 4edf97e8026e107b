//! What a pack of evidence consists of: the files and their shapes, format `stoa-pack/1`. See `docs/evidence.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The version of the format.
pub const FORMAT: &str = "stoa-pack/1";

/// The description of the pack, in `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// The log's name.
    pub origin: String,
    /// The clock was moved by hand: nothing in here happened.
    pub test: bool,
    /// When the pack was made, RFC 3339.
    pub made: String,
    /// What it is about.
    pub scope: Scope,
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
    /// The first day, in UTC.
    pub from: Option<jiff::civil::Date>,
    /// The last day, in UTC.
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

/// One assignment in `report.json`, as its records say; the same columns are in `report.csv`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its subject in the log.
    pub subject: String,
    /// The person, by employee id, and the name, as the roster had them when the pack was made.
    pub employee_id: String,
    /// See above.
    pub name: String,
    /// The requirement's id.
    pub requirement: String,
    /// The rule's version.
    pub rule_version: String,
    /// The course's id.
    pub course: String,
    /// The content that counts for it: its SHA-256.
    pub content: String,
    /// How it stands.
    pub state: String,
    /// Why it was assigned.
    pub why: String,
    /// When, RFC 3339 in UTC; empty where it did not happen.
    pub assigned: String,
    /// The day on which it is due, in the person's zone.
    pub due: String,
    /// As `assigned`.
    pub started: String,
    /// As `assigned`.
    pub completed: String,
    /// The score of the last attempt, from 0 to 1.
    pub score: String,
    /// How often the quiz was answered to its end.
    pub attempts: u32,
    /// When the attestation was confirmed, as `assigned`.
    pub attested: String,
    /// Whether it counts in the denominator.
    pub counts: bool,
    /// Why it does not count, or how it ended.
    pub reason: String,
}

/// Rows, and how many count and are completed: `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Assignments that count.
    pub denominator: u64,
    /// Those of them that are completed.
    pub completed: u64,
    /// Everybody whom the rule was about, one line for each assignment.
    pub rows: Vec<Row>,
}

/// What the log's key signs about a pack.
#[must_use]
pub fn statement(manifest: &[u8], origin: &str, size: u64) -> String {
    format!("{FORMAT}\n{origin}\n{size}\n{}\n", sha256(manifest))
}

/// SHA-256 in hexadecimal digits.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// The columns of `report.csv`, and the fields of each row in the same order.
pub const COLUMNS: [&str; 18] = [
    "subject",
    "employee_id",
    "name",
    "requirement",
    "rule_version",
    "course",
    "content",
    "state",
    "why",
    "assigned",
    "due",
    "started",
    "completed",
    "score",
    "attempts",
    "attested",
    "counts",
    "reason",
];

impl Row {
    /// The fields in the order of [`COLUMNS`], as the CSV has them.
    #[must_use]
    pub fn cells(&self) -> [String; 18] {
        let text = |t: &String| t.clone();
        [
            text(&self.subject),
            text(&self.employee_id),
            text(&self.name),
            text(&self.requirement),
            text(&self.rule_version),
            text(&self.course),
            text(&self.content),
            text(&self.state),
            text(&self.why),
            text(&self.assigned),
            text(&self.due),
            text(&self.started),
            text(&self.completed),
            text(&self.score),
            self.attempts.to_string(),
            text(&self.attested),
            if self.counts { "yes".into() } else { "no".into() },
            text(&self.reason),
        ]
    }
}

impl Report {
    /// `report.csv` (RFC 4180).
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text = COLUMNS.join(",") + "\r\n";
        for row in &self.rows {
            let cells: Vec<String> = row.cells().iter().map(|cell| quoted(cell)).collect();
            text += &(cells.join(",") + "\r\n");
        }
        text
    }
}

/// A cell that a spreadsheet takes as text, also one that begins like a formula.
fn quoted(cell: &str) -> String {
    let cell = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}
