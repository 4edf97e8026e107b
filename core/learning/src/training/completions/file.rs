//! `stoa training import FILE.csv`: completions that other systems and paper say, judged line by line.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::civil::Date;
use serde::Serialize;
use stoa_ground::people::calendar::{Calendar, parse_date};
use stoa_ground::people::{self, Person, clean};
use stoa_ground::sheet::{Row, Sheet};
use stoa_ground::xapi::Actor;
use stoa_ground::{Conn, Db, Error, Instant, Result};

use super::{Claim, Elsewhere, How, Target, Verdict, judge_after};
use crate::Services;
use crate::training::assignment::By;
use crate::training::life;

/// The most bytes and rows of a file.
const MAX_BYTES: usize = 32 * 1024 * 1024;
const MAX_ROWS: usize = 200_000;
/// The longest provider and evidence reference, in characters.
const MAX_TEXT: usize = 500;

/// What became of one row of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The row as a spreadsheet counts it; the header is row 1.
    pub row: usize,
    /// The person as the file names them.
    pub person: String,
    /// The requirement or course as the file names it.
    pub item: String,
    /// What became of it.
    pub outcome: Outcome,
    /// One sentence.
    pub why: String,
}

/// See [`Line::outcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It completes something; nothing was written in a dry run.
    Recorded,
    /// It was there before.
    Unchanged,
    /// It does not count.
    Refused,
}

/// A column that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Person,
    Requirement,
    Course,
    CompletedAt,
    Score,
    Provider,
    Evidence,
}

impl Column {
    const ALL: [(&str, Self); 7] = [
        ("person", Self::Person),
        ("requirement", Self::Requirement),
        ("course", Self::Course),
        ("completed_at", Self::CompletedAt),
        ("score", Self::Score),
        ("provider", Self::Provider),
        ("evidence", Self::Evidence),
    ];

    fn named(header: &str) -> Option<Self> {
        let plain = header.to_lowercase().replace([' ', '-'], "_");
        Self::ALL.into_iter().find(|(name, _)| *name == plain).map(|(_, column)| column)
    }
}

/// When something was completed, as a cell says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// On a day of the person.
    Day(Date),
    /// At an instant.
    At(Instant),
}

impl When {
    /// The person's day.
    fn day(self, calendar: &Calendar) -> Date {
        match self {
            Self::Day(day) => day,
            Self::At(at) => calendar.date(at),
        }
    }
}

/// One row, read.
struct Entry {
    person: String,
    target: Target,
    when: When,
    score: Option<f64>,
    provider: Option<String>,
    evidence: Option<String>,
}

impl Entry {
    fn item(&self) -> &str {
        match &self.target {
            Target::Requirement(id) | Target::Course(id) => id,
        }
    }
}

/// Judges every row of a file and records what counts, unless `dry_run`. The same file again changes nothing.
///
/// # Errors
/// [`Error::Invalid`] when the file as a whole cannot be read; nothing is changed then. The database's error.
pub async fn import(db: &Db, services: &Services, file: &str, bytes: &[u8], dry_run: bool) -> Result<Vec<Line>> {
    let rows = &read(file, bytes)?;
    // Who stands in which rows is known before anything is written.
    let planned = db
        .read(|conn| async move {
            let mut planned = Vec::with_capacity(rows.len());
            for (number, entry) in rows {
                planned.push(match entry {
                    Err(why) => Planned::refused(*number, "", "", why.clone()),
                    Ok(entry) => match people::find(&conn, &entry.person).await {
                        Ok(person) => Planned { row: *number, step: Step::Judge(Box::new(person), entry) },
                        Err(Error::NotFound(_)) => {
                            let why = format!("nobody here is '{}'", entry.person);
                            Planned::refused(*number, &entry.person, entry.item(), why)
                        }
                        Err(e @ (Error::Invalid(_) | Error::Conflict(_))) => {
                            Planned::refused(*number, &entry.person, entry.item(), e.to_string())
                        }
                        Err(e) => return Err(e),
                    },
                });
            }
            Ok(planned)
        })
        .await?;
    if dry_run {
        let (mut lines, mut done, mut counted) =
            (Vec::with_capacity(planned.len()), HashMap::new(), Counted::default());
        // In pieces, so that no snapshot stays open for long.
        for some in planned.chunks(500) {
            let before = (std::mem::take(&mut done), std::mem::take(&mut counted));
            let judged = db.read(|conn| async move {
                let (mut judged, (mut done, mut counted)) = (Vec::new(), before);
                for plan in some {
                    if let Some(line) = plan.twin(services, &counted) {
                        judged.push(line);
                        continue;
                    }
                    let (counts, line) = plan.judged(&conn, services, &done).await?;
                    plan.note(&line, &mut counted);
                    if let Some((assignments, claim)) = counts {
                        done.extend(assignments.into_iter().map(|a| (a.id, claim.at)));
                    }
                    judged.push(line);
                }
                Ok((judged, done, counted))
            });
            let (some, after, those) = judged.await?;
            lines.extend(some);
            (done, counted) = (after, those);
        }
        return Ok(lines);
    }
    let counted = &Mutex::new(Counted::new());
    let counted = || counted.lock().unwrap_or_else(PoisonError::into_inner);
    db.write_each(&planned, |tx, plan| async move {
        if let Some(line) = plan.twin(services, &counted()) {
            return Ok(line);
        }
        let (verdict, line) = plan.judged(&tx, services, &HashMap::new()).await?;
        plan.note(&line, &mut counted());
        if let (Some((assignments, claim)), Step::Judge(person, entry)) = (verdict, &plan.step) {
            for a in assignments {
                let reason = match &entry.provider {
                    Some(provider) => format!("completed at {provider}, as a file of completions says"),
                    None => "completed elsewhere, as a file of completions says".to_owned(),
                };
                let elsewhere = Elsewhere {
                    by: By { actor: "operator".into(), reason },
                    actor: Actor::Stoa,
                    how: How::File,
                    claim,
                    provider: entry.provider.clone(),
                    evidence: entry.evidence.clone(),
                    statement: None,
                };
                life::complete(&tx, services, person, &a, Some(&elsewhere)).await?;
            }
        }
        Ok(line)
    })
    .await
}

/// A row on its way.
struct Planned<'e> {
    row: usize,
    step: Step<'e>,
}

enum Step<'e> {
    /// To be held against what is stored.
    Judge(Box<Person>, &'e Entry),
    /// Nothing needs to be looked up any more.
    Told(Line),
}

/// The rows of a file that stand for what a person has completed: the first of each.
type Counted = HashMap<(String, Target), (usize, When)>;

impl Planned<'_> {
    /// What is said of a row where an earlier one stands for the same already; a row that was refused stands for nothing.
    fn twin(&self, s: &Services, counted: &Counted) -> Option<Line> {
        let Step::Judge(person, entry) = &self.step else { return None };
        // What is written may be judged again.
        let (first, when) =
            counted.get(&(person.id.clone(), entry.target.clone())).filter(|(row, _)| *row < self.row)?;
        let calendar = s.organisation.calendar(person);
        let (outcome, why) = if when.day(&calendar) == entry.when.day(&calendar) {
            (Outcome::Unchanged, format!("it says the same as row {first}"))
        } else {
            let (name, item) = (&person.name, entry.item());
            (Outcome::Refused, format!("row {first} says another day for {name} and '{item}': take one of the two out"))
        };
        Some(Line { row: self.row, person: entry.person.clone(), item: entry.item().to_owned(), outcome, why })
    }

    /// Remembers a row that stands for what a person has completed.
    fn note(&self, line: &Line, counted: &mut Counted) {
        if let Step::Judge(person, entry) = &self.step
            && line.outcome != Outcome::Refused
        {
            counted.entry((person.id.clone(), entry.target.clone())).or_insert((self.row, entry.when));
        }
    }

    fn told(row: usize, person: &str, item: &str, outcome: Outcome, why: String) -> Self {
        let line = Line { row, person: person.to_owned(), item: item.to_owned(), outcome, why };
        Self { row, step: Step::Told(line) }
    }

    fn refused(row: usize, person: &str, item: &str, why: String) -> Self {
        Self::told(row, person, item, Outcome::Refused, why)
    }

    /// What counts, if anything does, and what is said. `done`: what earlier rows of a dry run would have completed, and when.
    async fn judged(
        &self,
        conn: &Conn,
        s: &Services,
        done: &HashMap<String, Instant>,
    ) -> Result<(Option<(Vec<crate::training::assignment::Assignment>, Claim)>, Line)> {
        let (person, entry) = match &self.step {
            Step::Told(line) => return Ok((None, line.clone())),
            Step::Judge(person, entry) => (person, entry),
        };
        let calendar = s.organisation.calendar(person);
        let claim = match entry.when {
            When::At(at) => Claim::at(at, entry.score, conn.now()),
            When::Day(day) => Claim::on(day, &calendar, entry.score, conn.now()),
        };
        let line = |outcome, why| Line {
            row: self.row,
            person: entry.person.clone(),
            item: entry.item().to_owned(),
            outcome,
            why,
        };
        Ok(match judge_after(conn, s, person, &entry.target, claim, done).await? {
            Verdict::Counts(some) => {
                let why = format!("{}: completed on {}", person.name, calendar.date(claim.at));
                (Some((some, claim)), line(Outcome::Recorded, why))
            }
            Verdict::Known(why) => (None, line(Outcome::Unchanged, why)),
            Verdict::Refused(why) => (None, line(Outcome::Refused, why)),
        })
    }
}

type Read = Vec<(usize, std::result::Result<Entry, String>)>;

fn read(file: &str, bytes: &[u8]) -> Result<Read> {
    let wrong = |why: String| Error::invalid(format!("{file}: {why}"));
    let mut sheet = Sheet::open(bytes, MAX_BYTES).map_err(&wrong)?;
    let header = match sheet.next() {
        Some(Ok(header)) => header.cells,
        Some(Err((_, why))) => return Err(wrong(why)),
        None => {
            return Err(wrong("it is empty: its first row names the columns person, requirement, completed_at".into()));
        }
    };
    let columns: Vec<Option<Column>> = header.iter().map(|h| Column::named(h)).collect();
    if let Some(n) = columns.iter().position(Option::is_none) {
        let known = Column::ALL.map(|(name, _)| name).join(", ");
        return Err(wrong(format!("the column '{}' is not known: use {known}", header[n])));
    }
    for (name, column) in Column::ALL {
        if columns.iter().filter(|c| **c == Some(column)).count() > 1 {
            return Err(wrong(format!("the column {name} is there twice")));
        }
    }
    let has = |column| columns.contains(&Some(column));
    if !has(Column::Person) || !has(Column::CompletedAt) || !(has(Column::Requirement) || has(Column::Course)) {
        return Err(wrong("it needs the columns person, completed_at, and requirement or course".into()));
    }
    let mut rows: Read = Vec::new();
    for row in sheet {
        if rows.len() >= MAX_ROWS {
            return Err(wrong(format!("it has more than {MAX_ROWS} rows: split it")));
        }
        rows.push(match row {
            Ok(row) => (row.number, entry(&columns, &row)),
            Err((number, why)) => (number, Err(why)),
        });
    }
    Ok(rows)
}

fn entry(columns: &[Option<Column>], row: &Row) -> std::result::Result<Entry, String> {
    let cell = |column| {
        let n = columns.iter().position(|c| *c == Some(column))?;
        row.cells.get(n).map(String::as_str).filter(|text| !text.is_empty())
    };
    let person = cell(Column::Person).ok_or("person is empty")?.to_owned();
    let target = match (cell(Column::Requirement), cell(Column::Course)) {
        (Some(requirement), _) => Target::Requirement(requirement.to_owned()),
        (None, Some(course)) => Target::Course(course.to_owned()),
        (None, None) => return Err("it names neither a requirement nor a course".into()),
    };
    let text = |column, name: &str| match cell(column) {
        Some(text) if text.chars().count() > MAX_TEXT => Err(format!("{name} has more than {MAX_TEXT} characters")),
        other => Ok(other.map(clean)),
    };
    Ok(Entry {
        person,
        target,
        when: when(cell(Column::CompletedAt).ok_or("completed_at is empty")?)?,
        score: cell(Column::Score).map(score).transpose()?,
        provider: text(Column::Provider, "provider")?,
        evidence: text(Column::Evidence, "evidence")?,
    })
}

fn when(text: &str) -> std::result::Result<When, String> {
    if let Some(day) = parse_date(text) {
        return Ok(When::Day(day));
    }
    Instant::parse(text).map(When::At).map_err(|_| {
        format!("completed_at '{text}' is neither a day like 2026-01-31 nor an instant like 2026-01-31T09:30:00Z")
    })
}

/// A share from 0 to 1, or a percentage with its sign.
fn score(text: &str) -> std::result::Result<f64, String> {
    let wrong = || format!("score '{text}' is neither a share from 0 to 1 nor a percentage like 85 %");
    let (number, whole) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim(), 100.0),
        None => (text, 1.0),
    };
    let number: f64 = number.replace(',', ".").parse().map_err(|_| wrong())?;
    let share = number / whole;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_as_people_write_them_or_refused_with_an_example() {
        assert_eq!(when("2026-01-31"), Ok(When::Day(jiff::civil::date(2026, 1, 31))));
        assert_eq!(when("2026-01-31T09:30:00+01:00"), Ok(When::At(Instant::parse("2026-01-31T08:30:00Z").unwrap())));
        assert!(when("31.1.").unwrap_err().contains("a day like 2026-01-31"));
        assert!(when("2026-02-29").is_err() && when("2028-02-29").is_ok());
        assert_eq!((score("0.85"), score("85 %"), score("0,85")), (Ok(0.85), Ok(0.85), Ok(0.85)));
        for wrong in ["85", "-1", "NaN", "good", "101 %"] {
            assert!(score(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_that_is_no_list_of_completions_is_refused_as_a_whole() {
        let said = |text: &str| read("c.csv", text.as_bytes()).err().map(|e| e.to_string()).unwrap_or_default();
        insta::assert_snapshot!(
            [
                said(""),
                said("person,completed_at\n"),
                said("person,requirement,completed_at,when\n"),
                said("person,person,requirement,completed_at\n"),
            ]
            .join("\n"),
            @r"
        c.csv: it is empty: its first row names the columns person, requirement, completed_at
        c.csv: it needs the columns person, completed_at, and requirement or course
        c.csv: the column 'when' is not known: use person, requirement, course, completed_at, score, provider, evidence
        c.csv: the column person is there twice
        "
        );
    }
}
