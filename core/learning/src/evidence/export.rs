//! Making a pack: the records of a scope with their proofs, content as it was shown, what was sent, and the reports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value as Json;
use stoa_ground::ledger::checkpoint::{self, Signed};
use stoa_ground::ledger::merkle::{self, Hash};
use stoa_ground::ledger::note::Note;
use stoa_ground::ledger::{self, Kept, Tombstones, log};
use stoa_ground::people;
use stoa_ground::xapi::store;
use stoa_ground::{Conn, Db, Error, Result, args};

use super::files::{self, Files};
use super::pack::{self, Change, Considered, Earlier, Key, Manifest, Opened, Proven, Question, Report, Request, Scope};
use super::population::Period;
use super::retention::Policy;
use super::then::Then;
use super::trail::{self, Sent};
use super::verify::claims::NOT_PROVEN;
use super::{Log, asked, check_point, contents, pdf, report};
use crate::Services;
use crate::training::assignment::Assignment;
use crate::training::{Preset, course};

/// What may be in a pack. Only what is named here is: there is no way for numbers about engagement to get in.
trait Evident: Serialize {}

impl Evident for Manifest {}
impl Evident for Report {}
impl Evident for [Earlier] {}
impl Evident for [Key] {}
impl Evident for [Change] {}
impl Evident for [Considered] {}
impl Evident for [Sent] {}
impl Evident for [Request] {}
impl Evident for [Question] {}
impl Evident for Proven {}

/// What a pack is to be about.
pub struct Wanted<'a> {
    /// Whose and which training, and when.
    pub scope: &'a Scope,
    /// For which regime; without it for the one that the scope's requirement names, or else the organisation.
    pub preset: Option<Preset>,
    /// What the organisation says about keeping.
    pub policy: &'a Policy,
}

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
    /// The preset's name.
    pub preset: &'static str,
}

/// Makes a checkpoint and writes a pack into a folder, or into one file when the name ends with `.zip`; it must not exist.
///
/// # Errors
/// When it exists or cannot be written, or the scope names what is not there; the database's error.
pub async fn export(db: &Db, services: &Services, evidence: &Log, wanted: &Wanted<'_>, to: &Path) -> Result<Summary> {
    if to.exists() {
        return Err(Error::invalid(format!("{} is there already: choose another name", to.display())));
    }
    let (period, _) = Period::of(wanted.scope, &services.organisation, db.clock().now());
    if period.from >= period.to {
        return Err(Error::invalid("the period has not begun: give a first day that has come"));
    }
    // However the person was named, the pack says the employee id.
    let mut scope = wanted.scope.clone();
    if let Some(person) = &wanted.scope.person {
        scope.person = Some(db.read(|c| async move { people::find(&c, person).await }).await?.employee_id);
    }
    let wanted = &Wanted { scope: &scope, ..*wanted };
    // The key's own record is in the log before the checkpoint that it signs.
    db.write(|tx| async move { checkpoint::use_key(&tx, &services.ledger, &evidence.signer).await }).await?;
    let (signed, _) = check_point(db, services, evidence).await?;
    let signed = &signed;
    let draft = db.read(|c| async move { draft(&c, services, signed, wanted).await }).await?;
    let summary = draft.summary(signed.size);
    let files = draft.files(evidence, wanted.scope, db.clock())?;
    files::fits(&files, files::is_zip(to), pack::MOST_BYTES).map_err(Error::invalid)?;
    files::write(to, &files).map_err(|e| Error::Io(format!("{} cannot be written: {e}", to.display())))?;
    Ok(summary)
}

/// Everything that goes into a pack, read in one snapshot.
struct Draft {
    checkpoint: String,
    stamps: Files,
    size: u64,
    earlier: Vec<Earlier>,
    keys: Vec<Key>,
    records: Vec<Proven>,
    subjects: BTreeMap<String, i64>,
    report: Report,
    contents: BTreeMap<String, String>,
    population: Vec<Considered>,
    changes: Vec<Change>,
    requests: Vec<Request>,
    questions: Vec<Question>,
    sent: Vec<Sent>,
    statements: Vec<String>,
    preset: Preset,
    period: (Option<i64>, Option<i64>),
    zone: jiff::tz::TimeZone,
}

impl Draft {
    fn summary(&self, size: u64) -> Summary {
        Summary {
            size,
            records: self.records.len() as u64,
            assignments: self.report.rows.len() as u64,
            denominator: self.report.denominator,
            completed: self.report.completed,
            preset: self.preset.name(),
        }
    }
}

async fn draft(c: &Conn, services: &Services, signed: &Signed, wanted: &Wanted<'_>) -> Result<Draft> {
    let scope = wanted.scope;
    let own = match &scope.requirement {
        Some(id) => crate::training::requirement::by_id(c, id).await?.evidence,
        None => Preset::None,
    };
    let preset = wanted.preset.unwrap_or_else(|| wanted.policy.preset(own));
    let (period, days) = Period::of(scope, &services.organisation, c.now());
    let tombstones = &Tombstones::read(c).await?;
    let asked = report::Asked {
        scope,
        period,
        size: signed.size,
        tombstones,
        preset,
        policy: wanted.policy,
        organisation: &services.organisation,
    };
    let people = &mut Then::read(c, scope.person.is_none()).await?;
    let mut made = report::make(c, &asked, people).await?;
    let asked = asked::find(c, &asked, &made.assignments, people).await?;
    made.kept.extend(asked.kept);
    let mut others = explaining(c, scope).await?;
    for row in &made.report.rows {
        others.insert(format!("requirement/{}", row.requirement));
        others.insert(format!("course/{}", row.course));
    }
    let others: Vec<String> = others.into_iter().collect();
    let others = ledger::kept(c, &others).await?;
    for kept in others.values().flatten() {
        tombstones.opened(kept)?;
    }
    made.kept.extend(others);
    let (records, subjects) = proven(c, report::in_log(made.kept, signed.size), signed.size, preset).await?;
    let digests = made.assignments.iter().filter_map(|a| a.course_version.as_ref()).collect();
    let contents = contents::shown(c, &digests).await?;
    let known =
        trail::Known { assignments: &made.assignments, requests: &asked.requests, questions: &asked.questions, period };
    Ok(Draft {
        checkpoint: checkpoint::cosigned(c, signed).await?,
        stamps: stamps(c, signed.size).await?,
        size: signed.size,
        earlier: earlier(c, signed.size).await?,
        keys: keys(c).await?,
        records,
        subjects,
        sent: trail::find(c, &known).await?,
        statements: statements(c, &made.assignments, preset).await?,
        requests: asked.requests,
        questions: asked.questions,
        population: made.population,
        changes: made.changes,
        report: made.report,
        contents,
        preset,
        period: days,
        zone: services.organisation.calendar.zone.clone(),
    })
}

/// The subjects that explain why records of an earlier pack are in no later one: all erasures, and where the pack is about a
/// person, whom they were one with at any time.
async fn explaining(c: &Conn, scope: &Scope) -> Result<BTreeSet<String>> {
    let erased = ledger::of_kind(c, "erasure").await?.into_iter().map(|record| record.subject);
    let mut subjects: BTreeSet<String> = erased.collect();
    let Some(person) = &scope.person else { return Ok(subjects) };
    let joined = ledger::of_kind(c, "person").await?;
    let mut rows = BTreeSet::from([people::find(c, person).await?.id]);
    let mut before = 0;
    // Whoever was merged into somebody who was merged into this person came along.
    while before < rows.len() {
        before = rows.len();
        for record in &joined {
            let other = record.data["into"].as_str().or(record.data["from"].as_str());
            if other.is_some_and(|id| rows.contains(id)) {
                rows.extend(record.subject.strip_prefix("person/").map(str::to_owned));
                subjects.insert(record.subject.clone());
            }
        }
    }
    Ok(subjects)
}

/// The records that are in the tree of `size` leaves, with their proofs, and how many each subject has.
async fn proven(
    c: &Conn,
    subjects: BTreeMap<String, Vec<Kept>>,
    size: u64,
    preset: Preset,
) -> Result<(Vec<Proven>, BTreeMap<String, i64>)> {
    let mut kept: Vec<(u64, String, Kept)> = Vec::new();
    let mut counts = BTreeMap::new();
    for (subject, records) in subjects {
        for record in records {
            let Some(leaf) = record.leaf else { continue };
            *counts.entry(subject.clone()).or_insert(0) += 1;
            kept.push((leaf, subject.clone(), record));
        }
    }
    kept.sort_by_key(|(leaf, ..)| *leaf);
    let leaves: Vec<u64> = kept.iter().map(|(leaf, ..)| *leaf).collect();
    let proofs = log::inclusion_proofs(c, &leaves, size).await?;
    // A pack that nobody could verify is not written.
    let root = log::root(c, size).await?;
    for ((leaf, _, record), proof) in kept.iter().zip(&proofs) {
        if !merkle::includes(&root, size, *leaf, &merkle::leaf_hash(record.body.as_bytes()), proof) {
            return Err(Error::Conflict(format!(
                "the ledger's record at leaf {leaf} is not the one that came into the log: it was changed in the store. \
                 'stoa doctor --full' looks at all of them"
            )));
        }
    }
    let mut lines = Vec::with_capacity(kept.len());
    for ((leaf, subject, record), proof) in kept.into_iter().zip(proofs) {
        let shown = record.opened.into_iter().filter(|(name, _)| preset.discloses(&subject, name));
        let opened = shown.map(|(name, (value, salt))| (name, Opened { salt: STANDARD.encode(salt), value })).collect();
        lines.push(Proven { leaf, entry: record.body, proof: encoded(&proof), opened });
    }
    Ok((lines, counts))
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

/// The answers of time-stamping authorities for the checkpoints of at most `size` records, each with the bytes that it is
/// about beside it.
async fn stamps(c: &Conn, size: u64) -> Result<Files> {
    let sql = "SELECT a.size, a.proof, p.note FROM log_anchor a JOIN log_checkpoint p ON p.size = a.size
               WHERE a.proof IS NOT NULL AND a.anchor LIKE 'timestamp:%' AND a.size <= $1 ORDER BY a.size, a.anchor";
    let mut files = Files::new();
    // The size of the checkpoint before, and how many answers there were for it.
    let mut last = (0, 0);
    for row in c.all(sql, args![i64::try_from(size).unwrap_or(i64::MAX)]).await? {
        let (size, proof): (i64, String) = (row.get("size")?, row.get("proof")?);
        let answer = STANDARD.decode(proof).map_err(|_| {
            Error::Conflict(format!("the time stamp of the checkpoint of {size} records was changed in the store"))
        })?;
        // Several authorities may have answered for one checkpoint.
        last = if last.0 == size { (size, last.1 + 1) } else { (size, 1) };
        let name = match last.1 {
            1 => format!("{}{size}", pack::STAMPS),
            n => format!("{}{size}-{n}", pack::STAMPS),
        };
        files.insert(format!("{name}.tsr"), answer);
        files.insert(format!("{name}.note"), row.get::<String>("note")?.into_bytes());
    }
    Ok(files)
}

async fn keys(c: &Conn) -> Result<Vec<Key>> {
    let keys = checkpoint::keys(c).await?;
    Ok(keys.into_iter().map(|k| Key { key: k.vkey, how: k.how, statement: k.statement }).collect())
}

/// The statements of these assignments, in their order, but for those that say what the preset leaves out: a statement is
/// shown as it is or not at all.
async fn statements(c: &Conn, assignments: &[Assignment], preset: Preset) -> Result<Vec<String>> {
    let ids: Vec<&str> = assignments.iter().map(|a| a.id.as_str()).collect();
    let mut statements: Vec<(i64, String)> = Vec::new();
    let before = "SELECT position, body, stored FROM statement WHERE registration IN";
    for row in c.all_in(before, &ids, "", args![]).await? {
        let body = store::body(c.engine(), &row)?;
        let result = serde_json::from_str::<Json>(&body)?["result"].take();
        let says = |member: &str| result.get(member).is_some();
        let hidden = (says("response") && !preset.shows_answers())
            || ((says("score") || says("success")) && !preset.shows_results());
        if !hidden {
            statements.push((row.get("position")?, body));
        }
    }
    statements.sort_by_key(|(position, _)| *position);
    Ok(statements.into_iter().map(|(_, body)| body).collect())
}

fn json<T: Evident + ?Sized>(value: &T) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

fn lines(lines: &[impl Evident]) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    Ok(text)
}

impl Draft {
    fn files(self, evidence: &Log, scope: &Scope, clock: &stoa_ground::Clock) -> Result<Files> {
        let mut files = self.stamps;
        files.insert("checkpoint".into(), self.checkpoint.into_bytes());
        files.insert("checkpoints.json".into(), json(&self.earlier[..])?);
        files.insert("keys.json".into(), json(&self.keys[..])?);
        files.insert("records.jsonl".into(), lines(&self.records)?);
        let statements: String = self.statements.iter().map(|s| format!("{s}\n")).collect();
        files.insert("statements.jsonl".into(), statements.into_bytes());
        files.insert("report.json".into(), json(&self.report)?);
        files.insert("report.csv".into(), self.report.csv().into_bytes());
        files.insert(pack::CHANGES.into(), json(&self.changes[..])?);
        files.insert("changes.csv".into(), Change::csv(&self.changes).into_bytes());
        files.insert("population.json".into(), json(&self.population[..])?);
        files.insert("requests.json".into(), json(&self.requests[..])?);
        files.insert("questions.json".into(), json(&self.questions[..])?);
        files.insert("trail.json".into(), json(&self.sent[..])?);
        let mut contents = Vec::new();
        for (digest, content) in self.contents {
            let shown: course::Course = serde_json::from_str(&content)?;
            contents.push(pdf::Content { digest: digest.clone(), title: shown.title, language: shown.language });
            files.insert(format!("content/{digest}.json"), content.into_bytes());
        }
        let mut manifest = Manifest {
            format: pack::FORMAT.into(),
            origin: evidence.signer.verifier().name().to_owned(),
            test: clock.is_manual(),
            made: clock.now().rfc3339(),
            scope: scope.clone(),
            period: self.period,
            zone: self.zone.iana_name().unwrap_or("UTC").to_owned(),
            preset: self.preset.name().into(),
            size: self.size,
            files: BTreeMap::new(),
            subjects: self.subjects,
            not_proven: NOT_PROVEN.map(str::to_owned).to_vec(),
        };
        let digest = |name: &str| files.get(name).map(stoa_ground::sha256).unwrap_or_default();
        let shown = pdf::Shown {
            manifest: &manifest,
            zone: &self.zone,
            report: &self.report,
            population: &self.population,
            changes: &self.changes,
            contents: &contents,
            key: &evidence.signer.verifier().to_string(),
            requests: &self.requests,
            questions: &self.questions,
            digests: pack::SHOWN.map(|name| pack::shows(name, &digest(name))),
        };
        files.insert("report.pdf".into(), pdf::write(&shown)?);
        manifest.files = files.iter().map(|(name, bytes)| (name.clone(), stoa_ground::sha256(bytes))).collect();
        let bytes = json(&manifest)?;
        let note = Note::signed(pack::statement(&manifest, &bytes), &evidence.signer);
        files.insert("manifest.json".into(), bytes);
        files.insert("manifest.note".into(), note.to_string().into_bytes());
        Ok(files)
    }
}
