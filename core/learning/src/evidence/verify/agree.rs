//! Whether the reports of a pack agree with each other, and with the records of the log that they are about.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use stoa_ground::Instant;
use stoa_ground::ledger::Source;
use stoa_ground::ledger::leaf::Leaf;

use super::super::pack::{self, Considered, Manifest, Opened, Report, Row};
use super::super::skew;
use super::{Checked, Pack, asked, tampered};

/// What the reports are held against: a record with what was disclosed of it.
pub(super) struct Said {
    pub kind: String,
    pub at: Instant,
    /// When what it records was done; what was done elsewhere was done before it was recorded.
    done: Instant,
    who: Option<Json>,
    source: Option<Source>,
    /// Those of the [fields](SHOWN) that reports repeat.
    shown: BTreeMap<&'static str, Json>,
}

/// The fields that reports repeat, beside `source`, `data/who` and `data/completed`.
const SHOWN: [&str; 4] = ["reason", "data/expires_date", "data/kind", "data/text"];

/// Records by subject and version.
pub(super) type Records = BTreeMap<String, BTreeMap<i64, Said>>;

impl Said {
    pub fn of(leaf: &Leaf, opened: &BTreeMap<String, Opened>) -> Self {
        let who = opened.get("data/who").and_then(|field| serde_json::from_str::<Json>(&field.value).ok());
        let who = who.filter(Json::is_object);
        let done =
            opened.get("data/completed").and_then(|field| serde_json::from_str::<Option<Instant>>(&field.value).ok());
        let shown = |name: &'static str| Some((name, serde_json::from_str(&opened.get(name)?.value).ok()?));
        let shown = SHOWN.into_iter().filter_map(shown).collect();
        let source = opened.get("source").and_then(|field| serde_json::from_str(&field.value).ok());
        Self { kind: leaf.kind.clone(), at: leaf.at, done: done.flatten().unwrap_or(leaf.at), who, source, shown }
    }

    /// A field that was disclosed, as text; empty for any other.
    pub fn text(&self, field: &str) -> &str {
        self.shown.get(field).and_then(Json::as_str).unwrap_or_default()
    }
}

/// The records of a subject until the end of the period, the oldest first.
pub(super) fn past<'r>(records: &'r Records, subject: &str, manifest: &Manifest) -> Vec<&'r Said> {
    let end = manifest.period.1.unwrap_or(i64::MAX);
    records.get(subject).into_iter().flat_map(BTreeMap::values).filter(|said| said.at.0 < end).collect()
}

/// The newest of these records that is of one of the kinds.
pub(super) fn newest<'r>(past: &[&'r Said], kinds: &[&str]) -> Option<&'r Said> {
    past.iter().rev().find(|said| kinds.contains(&said.kind.as_str())).copied()
}

/// Checks JSON, CSV, PDF and records; gives what was found.
pub(super) fn check(files: &Pack, manifest: &Manifest, records: &Records) -> Checked<Vec<String>> {
    let report: Report = files.json("report.json")?;
    let population: Vec<Considered> = files.json("population.json")?;
    if report.csv() != files.text("report.csv")? {
        return tampered("report.csv and report.json do not agree");
    }
    if Report::over(report.rows.clone()) != report {
        return tampered("report.json does not count what it lists");
    }
    let listed: u64 = population.iter().map(|person| person.assignments).sum();
    if listed != report.rows.len() as u64 {
        return tampered("population.json and report.json do not agree");
    }
    pdf(files)?;
    for row in &report.rows {
        follows(row, manifest, records)?;
    }
    let asked = asked::check(files, manifest, records)?;
    let percent = if report.percent.is_empty() { String::new() } else { format!(" ({} %)", report.percent) };
    Ok(vec![
        format!("JSON, CSV and PDF agree: {} of {} completed{percent}", report.completed, report.denominator),
        format!("{} assignments are reported as their records say", report.rows.len()),
        asked,
    ])
}

/// Whether the PDF says that it shows the two files of this pack, and no others.
fn pdf(files: &Pack) -> Checked<()> {
    let pdf = files.bytes("report.pdf")?;
    if !pdf.starts_with(b"%PDF-") {
        return tampered("report.pdf is no PDF");
    }
    for file in ["report.json", "population.json"] {
        let shows = pack::shows(file, &stoa_ground::sha256(files.bytes(file)?));
        let begins = pack::shows(file, "");
        let (begins, shows) = (begins.as_bytes(), shows.as_bytes());
        let named = |window: &&[u8]| window.starts_with(begins);
        let mut found = pdf.windows(shows.len()).filter(named).peekable();
        if found.peek().is_none() || found.any(|window| window != shows) {
            return tampered(format!("report.pdf shows another {file}"));
        }
    }
    Ok(())
}

/// Whether a row says what the records of its subject say, up to the end of the period.
fn follows(row: &Row, manifest: &Manifest, records: &Records) -> Checked<()> {
    let bad =
        |what: &str| tampered(format!("report.json does not say of {} what its records say: {what}", row.subject));
    if row.subject.is_empty() {
        let assigned = [&row.assigned, &row.started, &row.completed, &row.attested].iter().any(|at| !at.is_empty());
        return if assigned { bad("nothing was assigned") } else { Ok(()) };
    }
    if !records.contains_key(&row.subject) {
        return bad("there are none in the pack");
    }
    let past = past(records, &row.subject, manifest);
    let at =
        |kind: &str| past.iter().filter(|said| said.kind == kind).map(|said| said.done.rfc3339()).collect::<Vec<_>>();
    if past.first().is_none_or(|first| first.kind != "assigned" || first.at.rfc3339() != row.assigned) {
        return bad("when it was assigned");
    }
    for (kind, said) in [("started", &row.started), ("completed", &row.completed), ("attested", &row.attested)] {
        if !said.is_empty() && !at(kind).contains(said) {
            return bad(&format!("when it was {kind}"));
        }
    }
    let expired = newest(&past, &["completed", "expired", "revalidated"]).is_some_and(|said| said.kind == "expired");
    if row.is_completed() && (row.completed.is_empty() || expired) {
        return bad("whether it was completed");
    }
    // What was reinstated has no end; a record of the first format has its fields in the open and shows none.
    let held = newest(&past, &["completed", "waived", "revalidated", "reinstated"]);
    if held
        .filter(|said| said.shown.contains_key("reason"))
        .is_some_and(|said| said.text("data/expires_date") != row.expires)
    {
        return bad("until when it holds");
    }
    let sources = past.iter().filter_map(|said| Some((said.kind.as_str(), said.source.as_ref()?)));
    if skew::worst(sources) != row.skew {
        return bad("how the clocks differ");
    }
    let Some(who) = past.iter().rev().find_map(|said| said.who.as_ref()) else { return Ok(()) };
    let fields = [
        ("employee_id", &row.employee_id),
        ("name", &row.name),
        ("title", &row.title),
        ("department", &row.department),
        ("location", &row.location),
        ("worker_type", &row.worker_type),
        ("timezone", &row.zone),
    ];
    match fields.iter().find(|(member, said)| who[*member].as_str().unwrap_or_default() != said.as_str()) {
        Some((member, _)) => bad(&format!("the person's {member}")),
        None => Ok(()),
    }
}
