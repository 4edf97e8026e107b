//! `report.pdf`: the report for whoever reads on paper. It says the same as `report.json`, whose digest it names, and the
//! same pack gives the same bytes.

mod sheet;

use std::collections::{BTreeMap, HashMap};

use jiff::tz::TimeZone;
use krilla::metadata::{DateTime, Metadata};
use krilla::{Document, SerializeSettings};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::{Error, Instant, Result};

use super::pack::{self, Change, Considered, Manifest, Question, Report, Request, Row};
use sheet::{Column, Sheet};

/// Content that was shown.
pub(super) struct Content {
    pub digest: String,
    pub title: String,
    pub language: String,
}

/// What the document shows.
pub(super) struct Shown<'a> {
    pub manifest: &'a Manifest,
    pub zone: &'a TimeZone,
    pub report: &'a Report,
    pub population: &'a [Considered],
    pub changes: &'a [Change],
    pub requests: &'a [Request],
    pub questions: &'a [Question],
    pub contents: &'a [Content],
    /// The log's public key.
    pub key: &'a str,
    /// Of the files that it shows, as [`shows`](pack::shows) writes them.
    pub digests: [String; pack::SHOWN.len()],
}

const SMALL: f32 = 7.0;
const TEXT: f32 = 9.0;

/// The document's bytes.
pub(super) fn write(shown: &Shown<'_>) -> Result<Vec<u8>> {
    let words = Words::english();
    let mut sheet = Sheet::new()?;
    let title = say!(words, "pack-title");
    sheet.heading(&title, 18.0);
    if shown.manifest.test {
        sheet.paragraph(&say!(words, "pack-test"), 12.0);
    }
    about(&mut sheet, words, shown);
    summary(&mut sheet, words, shown);
    assignments(&mut sheet, words, shown);
    population(&mut sheet, words, shown);
    changes(&mut sheet, words, shown);
    requests(&mut sheet, words, shown);
    questions(&mut sheet, words, shown);
    contents(&mut sheet, words, shown);
    verify(&mut sheet, words, shown);

    let settings = SerializeSettings { enable_tagging: false, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let made = Instant::parse(&shown.manifest.made)?.zoned(&TimeZone::UTC);
    let small = |n: i8| n.unsigned_abs();
    let date = DateTime::new(made.year().unsigned_abs())
        .month(small(made.month()))
        .day(small(made.day()))
        .hour(small(made.hour()))
        .minute(small(made.minute()))
        .second(small(made.second()))
        .utc_offset_hour(0);
    let metadata = Metadata::new()
        .title(title)
        .authors(vec![shown.manifest.origin.clone()])
        .creator("Stoa".into())
        .keywords(shown.digests.to_vec())
        .language(words.locale())
        .creation_date(date);
    document.set_metadata(metadata);
    let digest = shown.digests[0].clone();
    sheet.finish(&mut document, |page, pages| {
        say!(words, "pack-foot", log = &shown.manifest.origin, page = page, pages = pages, digest = &digest)
    })?;
    document.finish().map_err(|e| Error::invalid(format!("the PDF cannot be made: {e:?}")))
}

fn about(sheet: &mut Sheet, words: &Words, shown: &Shown<'_>) {
    let scope = &shown.manifest.scope;
    let or_all = |text: &Option<String>| text.clone().unwrap_or_else(|| say!(words, "pack-all"));
    let day = |date: Option<jiff::civil::Date>, else_: String| date.map_or(else_, |d| d.to_string());
    for line in [
        say!(words, "pack-log", log = &shown.manifest.origin, count = shown.manifest.size),
        say!(words, "pack-made", at = local(&shown.manifest.made, shown.zone), zone = &shown.manifest.zone),
        say!(words, "pack-requirement", what = or_all(&scope.requirement)),
        say!(words, "pack-course", what = or_all(&scope.course)),
        say!(words, "pack-person", who = or_all(&scope.person)),
        say!(
            words,
            "pack-period",
            from = day(scope.from, say!(words, "pack-beginning")),
            to = day(scope.to, say!(words, "pack-now")),
            zone = &shown.manifest.zone
        ),
        say!(words, "pack-preset", preset = &shown.manifest.preset),
    ] {
        sheet.paragraph(&line, TEXT);
    }
}

fn summary(sheet: &mut Sheet, words: &Words, shown: &Shown<'_>) {
    let report = shown.report;
    sheet.heading(&say!(words, "pack-summary"), 13.0);
    let line = if report.percent.is_empty() {
        say!(words, "pack-nobody")
    } else {
        let (done, all) = (report.completed, report.denominator);
        say!(words, "pack-completed", completed = done, denominator = all, percent = &report.percent)
    };
    sheet.paragraph(&line, 12.0);
    let open = report.rows.iter().filter(|row| row.counts && !row.is_completed());
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    open.for_each(|row| *states.entry(&row.state).or_default() += 1);
    for (state, count) in &states {
        sheet.paragraph(&say!(words, "pack-open", state = *state, count = *count), TEXT);
    }
    for (state, count) in &report.excluded {
        sheet.paragraph(&say!(words, "pack-excluded", state = state, count = *count), TEXT);
    }
    let none = shown.population.iter().filter(|p| p.assignments == 0).count();
    sheet.paragraph(&say!(words, "pack-people", people = shown.population.len(), none = none), TEXT);
}

fn assignments(sheet: &mut Sheet, words: &Words, shown: &Shown<'_>) {
    sheet.heading(&say!(words, "pack-assignments"), 13.0);
    let columns: Vec<Column> = vec![
        (say!(words, "pack-column-person"), 15.0),
        (say!(words, "pack-column-place"), 15.0),
        (say!(words, "pack-column-requirement"), 13.0),
        (say!(words, "pack-column-state"), 9.0),
        (say!(words, "pack-column-assigned"), 8.5),
        (say!(words, "pack-column-due"), 8.5),
        (say!(words, "pack-column-completed"), 10.0),
        (say!(words, "pack-column-score"), 6.0),
        (say!(words, "pack-column-counts"), 6.0),
        (say!(words, "pack-column-reason"), 20.0),
    ];
    let rows = shown.report.rows.iter().map(|row| cells(row, words, shown.zone));
    sheet.table(&columns, rows, SMALL);
}

fn cells(row: &Row, words: &Words, zone: &TimeZone) -> Vec<String> {
    let day = |at: &String| local(at, zone).chars().take(10).collect::<String>();
    vec![
        format!("{} ({})", row.name, row.employee_id),
        joined(&[&row.title, &row.department, &row.location]),
        row.requirement.clone(),
        row.state.clone(),
        day(&row.assigned),
        row.due.clone(),
        local(&row.completed, zone),
        row.score.clone(),
        if row.counts { say!(words, "pack-yes") } else { say!(words, "pack-no") },
        joined(&[&row.reason, &row.decided_by]),
    ]
}

fn population(sheet: &mut Sheet, words: &Words, shown: &Shown<'_>) {
    sheet.heading(&say!(words, "pack-population"), 13.0);
    let columns: Vec<Column> = vec![
        (say!(words, "pack-column-person"), 20.0),
        (say!(words, "pack-column-status"), 8.0),
        (say!(words, "pack-column-moved"), 32.0),
        (say!(words, "pack-column-meant"), 30.0),
        (say!(words, "pack-column-none"), 24.0),
    ];
    let day = |at: &str| local(at, shown.zone).chars().take(10).collect::<String>();
    let rows = shown.population.iter().map(|p| {
        let moved: Vec<String> = p.moved.iter().map(|m| format!("{} {}", day(&m.at), m.what)).collect();
        let meant = p.meant.iter().map(|m| format!("{} {}–{}", m.requirement, day(&m.from), day(&m.to)));
        vec![
            format!("{} ({})", p.name, p.employee_id),
            p.status.clone(),
            moved.join("; "),
            meant.collect::<Vec<_>>().join("; "),
            p.why_none.clone(),
        ]
    });
    sheet.table(&columns, rows, SMALL);
}

fn changes(sheet: &mut Sheet, words: &Words, shown: &Shown<'_>) {
    if shown.changes.is_empty() {
        return;
    }
    sheet.heading(&say!(words, "pack-changes"), 13.0);
    let columns: Vec<Column> = vec![
        (say!(words, "pack-column-when"), 11.0),
        (say!(words, "pack-column-person"), 9.0),
        (say!(words, "pack-column-requirement"), 13.0),
        (say!(words, "pack-column-change"), 9.0),
        (say!(words, "pack-column-state"), 15.0),
        (say!(words, "pack-column-due"), 15.0),
        (say!(words, "pack-column-holds"), 15.0),
        (say!(words, "pack-column-reason"), 27.0),
    ];
    let whose: HashMap<&str, &Row> = shown.report.rows.iter().map(|row| (row.subject.as_str(), row)).collect();
    let rows = shown.changes.iter().map(|c| {
        let row = whose.get(c.subject.as_str());
        vec![
            local(&c.at, shown.zone),
            row.map(|row| row.employee_id.clone()).unwrap_or_default(),
            row.map(|row| row.requirement.clone()).unwrap_or_default(),
            c.change.clone(),
            turned(&c.state_before, &c.state),
            turned(&c.due_before, &c.due),
            turned(&c.expires_before, &c.expires),
            joined(&[&c.reason, &c.by]),
        ]
    });
    sheet.table(&columns, rows, SMALL);
}

/// The old value and the new one, or the one that stayed.
fn turned(before: &str, after: &str) -> String {
    match (before, after) {
        _ if before == after => after.to_owned(),
        ("", after) => after.to_owned(),
        (before, "") => format!("{before} → –"),
        _ => format!("{before} → {after}"),
    }
}

fn requests(sheet: &mut Sheet, words: &Words, shown: &Shown<'_>) {
    if shown.requests.is_empty() {
        return;
    }
    sheet.heading(&say!(words, "pack-requests"), 13.0);
    let columns: Vec<Column> = vec![
        (say!(words, "pack-column-request"), 17.0),
        (say!(words, "pack-column-person"), 10.0),
        (say!(words, "pack-column-asked"), 14.0),
        (say!(words, "pack-column-why"), 22.0),
        (say!(words, "pack-column-state"), 9.0),
        (say!(words, "pack-column-decided"), 14.0),
        (say!(words, "pack-column-decision"), 22.0),
    ];
    let rows = shown.requests.iter().map(|r| {
        let what = if r.requirement.is_empty() { &r.course } else { &r.requirement };
        vec![
            joined(&[&r.kind, what, &r.wished]),
            r.employee_id.clone(),
            joined(&[&local(&r.asked, shown.zone), &r.asked_by]),
            r.reason.clone(),
            r.state.clone(),
            joined(&[&local(&r.decided, shown.zone), &r.decided_by]),
            r.decision.clone(),
        ]
    });
    sheet.table(&columns, rows, SMALL);
}

fn questions(sheet: &mut Sheet, words: &Words, shown: &Shown<'_>) {
    if shown.questions.is_empty() {
        return;
    }
    sheet.heading(&say!(words, "pack-questions"), 13.0);
    let columns: Vec<Column> = vec![
        (say!(words, "pack-column-asked"), 15.0),
        (say!(words, "pack-column-course"), 11.0),
        (say!(words, "pack-column-question"), 29.0),
        (say!(words, "pack-column-answered"), 20.0),
        (say!(words, "pack-column-answer"), 29.0),
    ];
    let rows = shown.questions.iter().map(|q| {
        vec![
            joined(&[&local(&q.asked, shown.zone), &q.employee_id]),
            q.course.clone(),
            q.question.clone(),
            joined(&[&local(&q.answered, shown.zone), &q.answered_by, &q.qualification]),
            q.answer.clone(),
        ]
    });
    sheet.table(&columns, rows, SMALL);
}

fn contents(sheet: &mut Sheet, words: &Words, shown: &Shown<'_>) {
    sheet.heading(&say!(words, "pack-contents"), 13.0);
    for content in shown.contents {
        sheet.paragraph(&format!("{} ({})  {}", content.title, content.language, content.digest), TEXT);
    }
    if shown.contents.is_empty() {
        sheet.paragraph(&say!(words, "pack-contents-none"), TEXT);
    }
}

fn verify(sheet: &mut Sheet, words: &Words, shown: &Shown<'_>) {
    sheet.heading(&say!(words, "pack-verify"), 13.0);
    sheet.paragraph(&say!(words, "pack-verify-how"), TEXT);
    sheet.paragraph(&format!("stoa audit verify PACK --key {}", shown.key), SMALL);
    sheet.paragraph(&say!(words, "pack-verify-key"), TEXT);
    for digest in &shown.digests {
        sheet.paragraph(digest, SMALL);
    }
    sheet.heading(&say!(words, "pack-not-proven"), 11.0);
    for text in &shown.manifest.not_proven {
        sheet.paragraph(&format!("– {text}"), 8.0);
    }
    if sheet.lacks {
        sheet.space(6.0);
        sheet.paragraph(&say!(words, "pack-lacks"), TEXT);
    }
}

/// What is not empty of these.
fn joined(parts: &[&String]) -> String {
    parts.iter().filter(|p| !p.is_empty()).map(|p| p.as_str()).collect::<Vec<_>>().join(", ")
}

/// An instant of the report as date and time of the organisation's zone.
fn local(at: &str, zone: &TimeZone) -> String {
    let Ok(instant) = Instant::parse(at) else { return String::new() };
    instant.zoned(zone).strftime("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests;
