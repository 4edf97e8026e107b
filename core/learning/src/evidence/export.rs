//! Making a pack: the records of a scope with their proofs, content as it was shown, what was sent, and the reports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use stoa_ground::ledger::checkpoint::{self, Signed};
use stoa_ground::ledger::merkle::Hash;
use stoa_ground::ledger::note::Note;
use stoa_ground::ledger::{self, Kept, log};
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Conn, Db, Error, Instant, Result, args};

use super::pack::{self, Earlier, Key, Manifest, Opened, Proven, Report, Row, Scope};
use super::{Log, check_point};
use crate::Services;
use crate::training::assignment::{self, Assignment};

/// Which regime a pack is meant for; it decides which fields are disclosed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Everything.
    #[default]
    None,
    /// ISO 9001, 7.2 (d): evidence of competence.
    Iso9001,
    /// SOC 2 CC1.4 and CC2.2: population, completion and follow-up over the whole period; no results.
    Soc2,
    /// HIPAA 45 CFR 164.530(b) and (j).
    Hipaa,
    /// OSHA 29 CFR 1910.
    Osha,
    /// California 2 CCR 11024(b)(2).
    HarassmentPrevention,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 6] =
        [Self::None, Self::Iso9001, Self::Soc2, Self::Hipaa, Self::Osha, Self::HarassmentPrevention];

    /// As it is written: `iso-9001`, `soc2`, `hipaa`, `osha`, `harassment-prevention` or `none`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Iso9001 => "iso-9001",
            Self::Soc2 => "soc2",
            Self::Hipaa => "hipaa",
            Self::Osha => "osha",
            Self::HarassmentPrevention => "harassment-prevention",
        }
    }

    /// The preset with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// Whether a field of a record is disclosed.
    fn discloses(self, field: &str) -> bool {
        // Answers and what was typed belong to nobody but the learner, unless a regime asks for them.
        let private = matches!(field, "data/answers" | "data/name" | "data/typed");
        let result = matches!(field, "data/score" | "data/passed" | "data/attempts");
        match self {
            Self::None | Self::HarassmentPrevention => true,
            Self::Soc2 => !private && !result,
            Self::Iso9001 | Self::Hipaa | Self::Osha => !private,
        }
    }
}

/// What may be in a pack. Only what is named here is: there is no way for numbers about engagement to get in.
trait Evident: Serialize {}

impl Evident for Manifest {}
impl Evident for Report {}
impl Evident for [Earlier] {}
impl Evident for [Key] {}
impl Evident for [Considered] {}
impl Evident for [Sent] {}
impl Evident for Proven {}

/// Somebody in the population.
#[derive(Serialize)]
struct Considered {
    employee_id: String,
    name: String,
    /// `active`, `leave` or `left`, as the roster has it now.
    status: &'static str,
    /// How many assignments in the scope.
    assignments: usize,
    /// Why there is none.
    why_none: Option<&'static str>,
}

/// A message about required training that was sent or withheld. Of kinds that are about engagement there are none.
#[derive(Serialize)]
struct Sent {
    key: String,
    kind: String,
    at: String,
    decision: String,
    reason: String,
}

/// The kinds of messages that are about required training.
const MANDATED: &str =
    "('assign', 'reminder', 'plan', 'overdue', 'escalation', 'manager-digest', 'approval', 'trainer')";

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The log's size at the checkpoint.
    pub size: u64,
    /// Records in the pack.
    pub records: u64,
    /// Assignments in the report.
    pub assignments: u64,
    /// Those that count.
    pub denominator: u64,
    /// Those of them that are completed.
    pub completed: u64,
}

/// What a valid pack does not prove.
const NOT_PROVEN: [&str; 5] = [
    "That somebody was who they said they were when they learned: that rests on the sign-in of the chat.",
    "That what was recorded is true: the log shows that it was not changed since, not that it was right.",
    "When something was recorded, beyond the time stamps and cosignatures of checkpoints: instants in records are those of \
     the organisation's own clock.",
    "Names, employee ids and the population: they are those of the roster when the pack was made, and not in the log.",
    "Messages sent and withheld, and statements: they are those of the store when the pack was made, and not in the log.",
];

/// Makes a checkpoint and writes a pack into a folder, which must not exist.
///
/// # Errors
/// When the folder exists or cannot be written, or the scope names what is not there; the database's error.
pub async fn export(
    db: &Db,
    services: &Services,
    evidence: &Log,
    scope: &Scope,
    preset: Preset,
    folder: &Path,
) -> Result<Summary> {
    if folder.exists() {
        return Err(Error::invalid(format!("{} is there already: choose another folder", folder.display())));
    }
    // The key's own record is in the log before the checkpoint that it signs.
    db.write(|tx| async move { checkpoint::use_key(&tx, &services.ledger, &evidence.signer).await }).await?;
    let (signed, _) = check_point(db, services, evidence).await?;
    let signed = &signed;
    let draft = db.read(|c| async move { draft(&c, signed, scope, preset).await }).await?;
    let summary = draft.summary(signed.size);
    let mut part = folder.as_os_str().to_owned();
    part.push(".part");
    let part = std::path::PathBuf::from(part);
    write(&part, draft, signed, evidence, scope, preset, db.clock())
        .and_then(|()| std::fs::rename(&part, folder))
        .map_err(|e| Error::Io(format!("{} cannot be written: {e}", folder.display())))?;
    Ok(summary)
}

/// Everything that goes into a pack, read in one snapshot.
struct Draft {
    checkpoint: String,
    earlier: Vec<Earlier>,
    keys: Vec<Key>,
    records: Vec<Proven>,
    subjects: BTreeMap<String, i64>,
    report: Report,
    contents: BTreeMap<String, String>,
    population: Vec<Considered>,
    sent: Vec<Sent>,
    statements: Vec<String>,
}

impl Draft {
    fn summary(&self, size: u64) -> Summary {
        Summary {
            size,
            records: self.records.len() as u64,
            assignments: self.report.rows.len() as u64,
            denominator: self.report.denominator,
            completed: self.report.completed,
        }
    }
}

async fn draft(c: &Conn, signed: &Signed, scope: &Scope, preset: Preset) -> Result<Draft> {
    let (assignments, people) = in_scope(c, scope).await?;
    let by_id: BTreeMap<&str, &Person> = people.iter().map(|p| (p.id.as_str(), p)).collect();
    let report = report(&assignments, &by_id);
    let mut subjects: BTreeSet<String> = assignments.iter().map(|a| format!("assignment/{}", a.id)).collect();
    for a in &assignments {
        subjects.insert(format!("requirement/{}", a.requirement));
        subjects.insert(format!("course/{}", a.course));
    }
    let (records, subjects) = proven(c, &subjects, signed.size, preset).await?;
    let digests: BTreeSet<&String> = assignments.iter().filter_map(|a| a.course_version.as_ref()).collect();
    let mut contents = BTreeMap::new();
    for digest in digests {
        let row = c.opt("SELECT content FROM course_version WHERE digest = $1", args![digest]).await?;
        if let Some(row) = row {
            contents.insert(digest.clone(), row.get("content")?);
        }
    }
    let mut statements = Vec::new();
    for a in &assignments {
        let sql = "SELECT body FROM statement WHERE registration = $1 ORDER BY position";
        for row in c.all(sql, args![&a.id]).await? {
            statements.push(row.get("body")?);
        }
    }
    Ok(Draft {
        checkpoint: checkpoint::cosigned(c, signed).await?,
        earlier: earlier(c, signed.size).await?,
        keys: keys(c).await?,
        records,
        subjects,
        population: population(&people, &assignments, scope),
        sent: sent(c, &assignments).await?,
        report,
        contents,
        statements,
    })
}

/// The assignments in a scope, and everybody in the roster that it is about, by employee id.
async fn in_scope(c: &Conn, scope: &Scope) -> Result<(Vec<Assignment>, Vec<Person>)> {
    if let Some(requirement) = &scope.requirement {
        crate::training::requirement::by_id(c, requirement).await?;
    }
    if let Some(course) = &scope.course {
        crate::training::course::current(c, course).await?;
    }
    let mut people = people::all(c).await?;
    if let Some(person) = &scope.person {
        let person = people::find(c, person).await?;
        people.retain(|p| p.id == person.id);
    }
    let utc = jiff::tz::TimeZone::UTC;
    let day = |date: jiff::civil::Date| date.to_zoned(utc.clone()).ok().map(|z| Instant::from(&z));
    let from = scope.from.and_then(day).unwrap_or(Instant(i64::MIN));
    let to = scope.to.and_then(|d| d.tomorrow().ok()).and_then(day).unwrap_or(Instant(i64::MAX));
    let who: BTreeSet<&str> = people.iter().map(|p| p.id.as_str()).collect();
    let mut assignments = assignment::all(c).await?;
    assignments.retain(|a| {
        let ended = a.completed.or(a.ended).unwrap_or(Instant(i64::MAX));
        who.contains(a.person.as_str())
            && scope.requirement.as_ref().is_none_or(|r| a.requirement == *r)
            && scope.course.as_ref().is_none_or(|course| a.course == *course)
            && a.assigned < to
            && ended >= from
    });
    people.sort_by(|a, b| a.employee_id.cmp(&b.employee_id));
    Ok((assignments, people))
}

fn report(assignments: &[Assignment], people: &BTreeMap<&str, &Person>) -> Report {
    let at = |instant: Option<Instant>| instant.map(Instant::rfc3339).unwrap_or_default();
    let mut rows: Vec<Row> = assignments
        .iter()
        .map(|a| {
            let person = people.get(a.person.as_str());
            let excluded = a.excluded();
            let counts = excluded.is_none();
            let reason = excluded.or_else(|| a.end_reason.clone()).unwrap_or_default();
            Row {
                subject: format!("assignment/{}", a.id),
                employee_id: person.map(|p| p.employee_id.clone()).unwrap_or_default(),
                name: person.map(|p| p.name.clone()).unwrap_or_default(),
                requirement: a.requirement.clone(),
                rule_version: a.rule_version.clone(),
                course: a.course.clone(),
                content: a.course_version.clone().unwrap_or_default(),
                state: a.state.name().into(),
                why: a.reason.clone(),
                assigned: at(Some(a.assigned)),
                due: a.due.date.to_string(),
                started: at(a.started),
                completed: at(a.completed),
                score: a.score.map(|score| score.to_string()).unwrap_or_default(),
                attempts: a.attempts,
                attested: at(a.attested),
                counts,
                reason,
            }
        })
        .collect();
    rows.sort_by(|a, b| (&a.employee_id, &a.subject).cmp(&(&b.employee_id, &b.subject)));
    let counting = rows.iter().filter(|r| r.counts);
    let completed = counting.clone().filter(|r| !r.completed.is_empty()).count() as u64;
    Report { denominator: counting.count() as u64, completed, rows }
}

/// The records of these subjects that are in the tree of `size` leaves, with their proofs, and how many each subject has.
async fn proven(
    c: &Conn,
    subjects: &BTreeSet<String>,
    size: u64,
    preset: Preset,
) -> Result<(Vec<Proven>, BTreeMap<String, i64>)> {
    let mut kept: Vec<(u64, Kept)> = Vec::new();
    let mut counts = BTreeMap::new();
    for subject in subjects {
        for record in ledger::kept(c, subject).await? {
            let Some(leaf) = log::leaf_of(c, &record.id).await?.filter(|leaf| *leaf < size) else { continue };
            *counts.entry(subject.clone()).or_insert(0) += 1;
            kept.push((leaf, record));
        }
    }
    kept.sort_by_key(|(leaf, _)| *leaf);
    let leaves: Vec<u64> = kept.iter().map(|(leaf, _)| *leaf).collect();
    let proofs = log::inclusion_proofs(c, &leaves, size).await?;
    let line = |((leaf, record), proof): ((u64, Kept), Vec<Hash>)| Proven {
        leaf,
        entry: record.body,
        proof: encoded(&proof),
        opened: record
            .opened
            .into_iter()
            .filter(|(name, _)| preset.discloses(name))
            .map(|(name, (value, salt))| (name, Opened { salt: STANDARD.encode(salt), value }))
            .collect(),
    };
    Ok((kept.into_iter().zip(proofs).map(line).collect(), counts))
}

fn encoded(proof: &[Hash]) -> Vec<String> {
    proof.iter().map(|hash| STANDARD.encode(hash)).collect()
}

async fn earlier(c: &Conn, size: u64) -> Result<Vec<Earlier>> {
    let mut earlier = Vec::new();
    for signed in checkpoint::all(c).await?.iter().filter(|s| s.size < size) {
        let proof = log::consistency_proof(c, signed.size, size).await?;
        earlier.push(Earlier { note: checkpoint::cosigned(c, signed).await?, proof: encoded(&proof) });
    }
    Ok(earlier)
}

async fn keys(c: &Conn) -> Result<Vec<Key>> {
    let keys = checkpoint::keys(c).await?;
    Ok(keys.into_iter().map(|k| Key { key: k.vkey, how: k.how, statement: k.statement }).collect())
}

fn population(people: &[Person], assignments: &[Assignment], scope: &Scope) -> Vec<Considered> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for a in assignments {
        *counts.entry(a.person.as_str()).or_default() += 1;
    }
    let none = |p: &Person| match p.status {
        Status::Left => "left, and had nothing assigned in the period",
        _ if scope.requirement.is_some() => "the requirement does not mean this person",
        _ => "no requirement in the scope means this person",
    };
    people
        .iter()
        .map(|p| {
            let assignments = counts.get(p.id.as_str()).copied().unwrap_or_default();
            Considered {
                employee_id: p.employee_id.clone(),
                name: p.name.clone(),
                status: p.status.name(),
                assignments,
                why_none: (assignments == 0).then(|| none(p)),
            }
        })
        .collect()
}

async fn sent(c: &Conn, assignments: &[Assignment]) -> Result<Vec<Sent>> {
    let who: BTreeSet<(&str, &str)> = assignments.iter().map(|a| (a.person.as_str(), a.requirement.as_str())).collect();
    let sql = format!(
        "SELECT delivery_key, kind, at, decision, reason FROM decision
         WHERE person = $1 AND item = $2 AND kind IN {MANDATED} ORDER BY position"
    );
    let mut sent = Vec::new();
    for (person, requirement) in who {
        // Made of constants.
        for row in c.all(sqlx::AssertSqlSafe(sql.clone()), args![person, requirement]).await? {
            sent.push(Sent {
                key: row.get("delivery_key")?,
                kind: row.get("kind")?,
                at: row.get::<Instant>("at")?.rfc3339(),
                decision: row.get("decision")?,
                reason: row.get("reason")?,
            });
        }
    }
    Ok(sent)
}

/// The files of a pack as they are written, with their digests.
struct Files<'p> {
    folder: &'p Path,
    digests: BTreeMap<String, String>,
}

impl Files<'_> {
    fn put(&mut self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(self.folder.join(name))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        self.digests.insert(name.to_owned(), pack::sha256(bytes));
        Ok(())
    }

    fn json<T: Evident + ?Sized>(&mut self, name: &str, value: &T) -> std::io::Result<()> {
        let mut text = serde_json::to_vec_pretty(value)?;
        text.push(b'\n');
        self.put(name, &text)
    }

    fn lines(&mut self, name: &str, lines: &[Proven]) -> std::io::Result<()> {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        self.put(name, &text)
    }
}

fn write(
    folder: &Path,
    draft: Draft,
    signed: &Signed,
    evidence: &Log,
    scope: &Scope,
    preset: Preset,
    clock: &stoa_ground::Clock,
) -> std::io::Result<()> {
    if folder.exists() {
        // What an export that was cut off left behind.
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder.join("content"))?;
    let mut files = Files { folder, digests: BTreeMap::new() };
    files.put("checkpoint", draft.checkpoint.as_bytes())?;
    files.json("checkpoints.json", &draft.earlier[..])?;
    files.json("keys.json", &draft.keys[..])?;
    files.lines("records.jsonl", &draft.records)?;
    files.put("statements.jsonl", draft.statements.iter().map(|s| format!("{s}\n")).collect::<String>().as_bytes())?;
    files.json("report.json", &draft.report)?;
    files.put("report.csv", draft.report.csv().as_bytes())?;
    files.json("population.json", &draft.population[..])?;
    files.json("trail.json", &draft.sent[..])?;
    for (digest, content) in &draft.contents {
        files.put(&format!("content/{digest}.json"), content.as_bytes())?;
    }
    let manifest = Manifest {
        format: pack::FORMAT.into(),
        origin: evidence.signer.verifier().name().to_owned(),
        test: clock.is_manual(),
        made: clock.now().rfc3339(),
        scope: scope.clone(),
        preset: preset.name().into(),
        size: signed.size,
        files: std::mem::take(&mut files.digests),
        subjects: draft.subjects,
        not_proven: NOT_PROVEN.map(str::to_owned).to_vec(),
    };
    files.json("manifest.json", &manifest)?;
    let bytes = std::fs::read(folder.join("manifest.json"))?;
    let note = Note::signed(pack::statement(&bytes, &manifest.origin, manifest.size), &evidence.signer);
    files.put("manifest.note", note.to_string().as_bytes())?;
    File::open(folder)?.sync_all()
}
