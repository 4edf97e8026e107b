//! Verification of a pack, offline and without the store: what holds, what does not, and what cannot be said.

mod against;
mod agree;
mod asked;
mod brought;
pub(super) mod claims;
mod names;
mod once;
mod rows;
mod shape;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use stoa_ground::ledger::Record;
use stoa_ground::ledger::checkpoint::{Checkpoint, follows};
use stoa_ground::ledger::leaf::{self, Leaf, commitment};
use stoa_ground::ledger::merkle::{self, Hash};
use stoa_ground::ledger::note::{Note, Verifier};

use super::pack::{self, Earlier, Key, Manifest, Opened, Proven, Report};
use super::{anchor, archive, files, files::Files};
use crate::training::Preset;
use once::Unread;

/// What is said about a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// Everything in it is as it was signed, by the log that the auditor trusts.
    Valid,
    /// Nothing contradicts it, and something that is needed to say more is missing.
    CannotVerify,
    /// Something in it is not what was signed, is missing, or belongs to another history.
    Tampered,
}

/// The outcome.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence: the first thing that fails, or what the verdict rests on.
    pub reason: String,
    /// Every check with what was found, in order.
    pub checks: Vec<String>,
    /// Everything that fails or cannot be said.
    pub problems: Vec<String>,
    /// What a valid pack does not prove.
    pub not_proven: Vec<String>,
}

/// What the auditor brings along.
#[derive(Default)]
pub struct Trust<'a> {
    /// The public key of the log, from the log's owner and not from the pack.
    pub key: Option<Verifier>,
    /// Texts with checkpoints from elsewhere: the file of an anchor, a mail as it was saved, a witness's. Name and text.
    pub checkpoints: Vec<(String, String)>,
    /// The keys of witnesses that are to have signed.
    pub witnesses: Vec<Verifier>,
    /// An earlier pack of the same log.
    pub against: Option<&'a Path>,
}

/// A check that fails: tampered, or not to be verified.
enum Bad {
    Tampered(String),
    Unknown(String),
}

type Checked<T> = Result<T, Bad>;

fn tampered<T>(text: impl Into<String>) -> Checked<T> {
    Err(Bad::Tampered(text.into()))
}

/// The files of a pack.
struct Pack(Files);

impl Pack {
    fn read(pack: &Path) -> Checked<Self> {
        files::read(pack).map(Self).map_err(|bad| match bad {
            archive::Bad::Changed(text) => Bad::Tampered(text),
            archive::Bad::Unread(text) => Bad::Unknown(format!("{} is not read: {text}", pack.display())),
        })
    }

    fn bytes(&self, name: &str) -> Checked<&[u8]> {
        self.0.get(name).map(Vec::as_slice).ok_or_else(|| Bad::Tampered(format!("the file {name} is missing")))
    }

    fn text(&self, name: &str) -> Checked<&str> {
        std::str::from_utf8(self.bytes(name)?).map_err(|_| Bad::Tampered(format!("the file {name} is not UTF-8")))
    }

    fn json<T: DeserializeOwned + Serialize>(&self, name: &str) -> Checked<T> {
        once::read(self.bytes(name)?).map_err(|e| Bad::Tampered(format!("the file {name} {e}")))
    }
}

fn hash(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

fn hashes(proof: &[String], what: &str) -> Checked<Vec<Hash>> {
    let one = |text: &String| hash(text).ok_or_else(|| Bad::Tampered(format!("the proof of {what} is damaged")));
    proof.iter().map(one).collect()
}

/// Verifies a pack, a folder or a ZIP.
#[must_use]
pub fn verify(folder: &Path, trust: &Trust<'_>) -> Outcome {
    let mut work = Work::default();
    match work.all(folder, trust) {
        Ok(()) => {}
        Err(Bad::Tampered(text)) => work.tampered.push(text),
        Err(Bad::Unknown(text)) => work.unknown.push(text),
    }
    let Work { checks, tampered, unknown, not_proven, basis } = work;
    let (verdict, reason) = match (tampered.first(), unknown.first()) {
        (Some(text), _) => (Verdict::Tampered, text.clone()),
        (None, Some(text)) => (Verdict::CannotVerify, text.clone()),
        (None, None) => (Verdict::Valid, basis),
    };
    let problems = tampered.into_iter().chain(unknown).collect();
    let all = |texts: Vec<String>| texts.iter().map(|text| harmless(text)).collect();
    Outcome {
        verdict,
        reason: harmless(&reason),
        checks: all(checks),
        problems: all(problems),
        not_proven: all(not_proven),
    }
}

/// A sentence in which names that come from a pack neither steer a terminal nor turn the direction of writing.
fn harmless(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut all = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            all.extend(c.escape_unicode());
        } else {
            all.push(c);
        }
    }
    all
}

#[derive(Default)]
struct Work {
    checks: Vec<String>,
    tampered: Vec<String>,
    unknown: Vec<String>,
    not_proven: Vec<String>,
    basis: String,
}

/// A pack whose parts fit together.
struct Whole {
    proof: Proof,
    checkpoint: Checkpoint,
    keys: Vec<Key>,
    /// Roots by size: of earlier checkpoints that are the beginning of this one, and of this one.
    roots: BTreeMap<u64, Hash>,
    /// The same checkpoints with all signatures.
    notes: BTreeMap<u64, Note>,
    report: Report,
}

/// The records of a pack, each of which is in the log, and all that are disclosed as they were committed to.
struct Proof {
    manifest: Manifest,
    preset: Preset,
    /// Entries by leaf, each with its subject.
    entries: BTreeMap<u64, (String, String)>,
    /// By subject the records until the end of the period that were not erased, the oldest first.
    past: BTreeMap<String, Vec<Record>>,
    /// Subjects that a tombstone names, with the requirement where it says one.
    erased: BTreeMap<String, Option<String>>,
    /// That people turned out to be one, or not: the leaf, and the record.
    people: Vec<(u64, Record)>,
    /// Subjects whose records, also later ones, name the course of the scope.
    of_course: BTreeSet<String>,
    /// Whether a record says that the clock was moved by hand.
    by_hand: bool,
}

impl Proof {
    fn past(&self, subject: &str) -> &[Record] {
        self.past.get(subject).map_or(&[], Vec::as_slice)
    }
}

impl Work {
    fn all(&mut self, folder: &Path, trust: &Trust<'_>) -> Checked<()> {
        let whole = self.whole(folder)?;
        self.not_proven = claims::not_proven(&whole.report, &whole.proof);
        let trusted = brought::check(self, &whole, trust)?;
        if let Some(earlier) = trust.against {
            let continues = against::continues(self, &whole, earlier);
            self.known(continues)?;
        }
        if !trusted {
            self.unknown.push(
                "consistent, origin unproven: give the log's public key (--key) or a checkpoint from elsewhere \
                 (--checkpoint)"
                    .into(),
            );
        }
        Ok(())
    }

    /// What was found, if that can be said; what cannot be said does not end the check.
    fn known<T>(&mut self, found: Checked<T>) -> Checked<Option<T>> {
        match found {
            Err(Bad::Unknown(text)) => {
                self.unknown.push(text);
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// Whether the parts of the pack fit together.
    fn whole(&mut self, folder: &Path) -> Checked<Whole> {
        let files = Pack::read(folder)?;
        if !files.0.contains_key("manifest.json") {
            return Err(Bad::Unknown(format!("{} is no pack of evidence: it has no manifest.json", folder.display())));
        }
        // A pack of another format has another shape: that says nothing against it.
        let known = [pack::BEFORE, pack::FORMAT];
        let said = once::value(files.bytes("manifest.json")?).unwrap_or_default();
        if let Some(format) = said["format"].as_str().filter(|format| !known.contains(format)) {
            return Err(Bad::Unknown(format!(
                "the pack's format is {format}, and this program knows {}",
                known.join(" and ")
            )));
        }
        let manifest: Manifest = files.json("manifest.json")?;
        if [manifest.scope.from, manifest.scope.to].into_iter().flatten().any(|day| day.year() < 1) {
            return tampered(format!("the file manifest.json {}", Unread::Shape));
        }
        self.files(&files, &manifest)?;
        let keys: Vec<Key> = files.json("keys.json")?;
        let (checkpoint, note) = self.signed(&files, &manifest, &keys)?;
        let (mut roots, mut notes) = self.earlier(&files, &checkpoint)?;
        roots.insert(checkpoint.size, checkpoint.root);
        notes.insert(checkpoint.size, note);
        self.stamps(&files, &manifest.origin, &roots)?;
        let proof = self.records(&files, manifest, &checkpoint)?;
        let report: Report = files.json("report.json")?;
        self.checks.extend(agree::check(&files, &report, &proof)?);
        let period = self.known(agree::period(&proof.manifest))?;
        self.checks.extend(period);
        self.unknown.extend(rows::erased(&report, &proof)?);
        Ok(Whole { proof, checkpoint, keys, roots, notes, report })
    }

    fn files(&mut self, files: &Pack, manifest: &Manifest) -> Checked<()> {
        for (name, sha256) in &manifest.files {
            if stoa_ground::sha256(files.bytes(name)?) != *sha256 {
                return tampered(format!("the file {name} was changed"));
            }
        }
        for (name, bytes) in &files.0 {
            if !manifest.files.contains_key(name) && !["manifest.json", "manifest.note"].contains(&name.as_str()) {
                return tampered(format!("the file {name} does not belong to the pack"));
            }
            let digest = name.strip_prefix("content/").and_then(|n| n.strip_suffix(".json"));
            if digest.is_some_and(|digest| stoa_ground::sha256(bytes) != digest) {
                return tampered(format!("the content {name} is not the one that its name says"));
            }
        }
        self.checks.push(format!("{} files are as the manifest says", manifest.files.len()));
        Ok(())
    }

    /// Manifest and checkpoint are signed with the newest of the keys in the pack.
    fn signed(&mut self, files: &Pack, manifest: &Manifest, keys: &[Key]) -> Checked<(Checkpoint, Note)> {
        let parse = |key: &Key| match Verifier::parse(&key.key) {
            Ok(read) if read.to_string() == key.key => Ok(read),
            _ => tampered(format!("keys.json: '{}' is no public key", key.key)),
        };
        let read = keys.iter().map(parse).collect::<Checked<Vec<Verifier>>>()?;
        let (Some(first), Some(newest)) = (keys.first(), read.last()) else {
            return tampered("keys.json names no key");
        };
        if first.how != "created" || first.statement.is_some() {
            return tampered(format!("keys.json: it is not said how {} became the log's key", first.key));
        }
        for (before, key) in read.iter().zip(keys.iter().skip(1)) {
            match (key.how.as_str(), &key.statement) {
                ("rotated", Some(statement)) => follows(before, statement, &key.key)
                    .map_err(|_| Bad::Tampered(format!("the key {} is not named by the key before it", key.key)))?,
                ("lost", None) => self
                    .checks
                    .push(format!("the key before {} was lost: the chain of keys begins anew there", key.key)),
                _ => return tampered(format!("keys.json: it is not said how {} became the log's key", key.key)),
            }
        }
        let read = |name: &str| -> Checked<Note> {
            let text = files.text(name)?;
            let note = Note::parse(text).map_err(|_| Bad::Tampered(format!("the file {name} is no signed note")))?;
            if note.to_string() != text {
                return tampered(format!("the file {name} was changed"));
            }
            if !newest.signed(&note) {
                return tampered(format!("the file {name} is not signed by the log's key {newest}"));
            }
            Ok(note)
        };
        let note = read("checkpoint")?;
        let checkpoint = Checkpoint::parse(&note.text).map_err(|_| Bad::Tampered("the checkpoint is none".into()))?;
        if checkpoint.origin != manifest.origin || checkpoint.size != manifest.size || newest.name() != manifest.origin
        {
            return tampered("manifest, checkpoint and key are of different logs");
        }
        let signed = read("manifest.note")?;
        if signed.signatures.len() != 1 || signed.text != pack::statement(manifest, files.bytes("manifest.json")?) {
            return tampered("the manifest was changed: manifest.note is about another one");
        }
        self.checks.push(format!("manifest and checkpoint ({} records) are signed by {newest}", checkpoint.size));
        Ok((checkpoint, note))
    }

    /// Roots and notes of the earlier checkpoints, by size.
    fn earlier(
        &mut self,
        files: &Pack,
        checkpoint: &Checkpoint,
    ) -> Checked<(BTreeMap<u64, Hash>, BTreeMap<u64, Note>)> {
        let earlier: Vec<Earlier> = files.json("checkpoints.json")?;
        let (mut roots, mut notes) = (BTreeMap::new(), BTreeMap::new());
        for one in &earlier {
            let said = Note::parse(&one.note).and_then(|note| Ok((Checkpoint::parse(&note.text)?, note)));
            let (said, note) =
                said.map_err(|_| Bad::Tampered("checkpoints.json has something that is no checkpoint".into()))?;
            let what = format!("the checkpoint of {} records", said.size);
            let proof = hashes(&one.proof, &what)?;
            let holds = said.origin == checkpoint.origin
                && merkle::extends(said.size, &said.root, checkpoint.size, &checkpoint.root, &proof);
            if !holds {
                return tampered(format!("{what} is not the beginning of the log: its history was changed"));
            }
            roots.insert(said.size, said.root);
            notes.insert(said.size, note);
        }
        self.checks.push(format!("{} earlier checkpoints are beginnings of the log", earlier.len()));
        Ok((roots, notes))
    }

    /// Whether each time stamp names the bytes beside it, and these are a checkpoint of the log. Who made it is for other
    /// programs to say.
    fn stamps(&mut self, files: &Pack, origin: &str, roots: &BTreeMap<u64, Hash>) -> Checked<()> {
        let mut count = 0;
        for (name, bytes) in files.0.iter().filter(|(name, _)| name.starts_with(pack::STAMPS)) {
            let Some(stem) = name.strip_suffix(".tsr") else {
                let stem = name.strip_suffix(".note");
                if stem.is_some_and(|stem| files.0.contains_key(&format!("{stem}.tsr"))) {
                    continue;
                }
                return tampered(format!("the file {name} is no time stamp"));
            };
            let note = files.text(&format!("{stem}.note"))?;
            let said = Note::parse(note).and_then(|note| Checkpoint::parse(&note.text)).ok();
            if said.is_none_or(|said| said.origin != origin || roots.get(&said.size) != Some(&said.root)) {
                return tampered(format!("the file {stem}.note is no checkpoint of the log"));
            }
            if !anchor::is_about(bytes, note) {
                return tampered(format!("the file {name} is no time stamp of {stem}.note"));
            }
            count += 1;
        }
        if count > 0 {
            self.checks.push(format!(
                "{count} time stamps name the checkpoints beside them; that an authority made them is for 'openssl ts \
                 -verify' to say"
            ));
        }
        Ok(())
    }

    fn records(&mut self, files: &Pack, manifest: Manifest, checkpoint: &Checkpoint) -> Checked<Proof> {
        let Some(preset) = Preset::named(&manifest.preset) else {
            return tampered(format!("manifest.json names the preset '{}', which is none", manifest.preset));
        };
        let mut versions: BTreeMap<String, BTreeMap<i64, Record>> = BTreeMap::new();
        let (mut entries, mut erased, mut people) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let (mut fields, mut hidden, mut of_course, mut by_hand) = (0, Vec::new(), BTreeSet::new(), false);
        for (n, line) in files.text("records.jsonl")?.lines().enumerate() {
            let record: Proven =
                once::read(line.as_bytes()).map_err(|e| Bad::Tampered(format!("records.jsonl line {} {e}", n + 1)))?;
            let named = format!("the record at leaf {}", record.leaf);
            let entry = record.entry.as_bytes();
            let proof = hashes(&record.proof, &named)?;
            if !merkle::includes(&checkpoint.root, checkpoint.size, record.leaf, &merkle::leaf_hash(entry), &proof) {
                return tampered(format!("{named} is not in the log: it, or its proof, was changed"));
            }
            let entry = parse(entry).map_err(|e| Bad::Tampered(format!("{named} {e}")))?;
            let (subject, version) = entry.about();
            let (subject, named) = (subject.to_owned(), format!("{named} ({subject} version {version})"));
            fields += record.opened.len();
            if let Entry::Leaf(leaf) = &entry {
                by_hand |= leaf.clock.as_deref() == Some("test");
                let missing = |name: &&String| !record.opened.contains_key(*name) && preset.discloses(&subject, name);
                hidden.extend(
                    leaf.fields.keys().find(missing).map(|name| (subject.clone(), named.clone(), name.clone())),
                );
            }
            let said = entry.disclosed(&record.opened, &named)?;
            if manifest.scope.course.as_ref().is_some_and(|course| said.data["course"] == **course) {
                of_course.insert(subject.clone());
            }
            match subject.split('/').next() {
                Some("erasure") => {
                    for gone in strings(&said.data["subjects"]) {
                        let requirement = said.data["requirements"][&gone].as_str().map(str::to_owned);
                        erased.insert(gone, requirement);
                    }
                }
                Some("person") => people.push((record.leaf, said.clone())),
                _ => {}
            }
            if versions.entry(subject.clone()).or_default().insert(version, said).is_some()
                || entries.insert(record.leaf, (record.entry, subject)).is_some()
            {
                return tampered(format!("{named} stands in the pack twice"));
            }
        }
        if let Some((_, named, name)) = hidden.iter().find(|(subject, ..)| !erased.contains_key(subject)) {
            return tampered(format!("{named}: its {name} is not disclosed, and no tombstone says that it was erased"));
        }
        let none = BTreeMap::new();
        for (subject, count) in &manifest.subjects {
            let there = versions.get(subject).unwrap_or(&none);
            if let Some(missing) = (1..=*count).find(|version| !there.contains_key(version)) {
                return tampered(format!("version {missing} of {subject} is missing"));
            }
            if there.len() as u64 != u64::try_from(*count).unwrap_or_default() {
                return tampered(format!("{subject} has more records than the manifest says"));
            }
        }
        if let Some(subject) = versions.keys().find(|subject| !manifest.subjects.contains_key(*subject)) {
            return tampered(format!("{subject} is in the pack and not in the manifest"));
        }
        self.checks.push(format!("{} records are in the log, each subject without gaps", entries.len()));
        self.checks.push(format!("{fields} disclosed fields are what the log commits to"));
        let end = manifest.period.1.unwrap_or(i64::MAX);
        let past = |records: BTreeMap<i64, Record>| -> Vec<Record> {
            records.into_values().filter(|record| record.at.0 < end && !record.is_erased()).collect()
        };
        let past = versions.into_iter().map(|(subject, records)| (subject, past(records)));
        let past = past.filter(|(_, records)| !records.is_empty()).collect();
        Ok(Proof { manifest, preset, entries, past, erased, people, of_course, by_hand })
    }
}

fn strings(list: &Json) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// A record as it is in the log.
enum Entry {
    /// Of the first format: all of it in the open.
    First(Record),
    /// Of the second one.
    Leaf(Leaf),
}

fn parse(entry: &[u8]) -> Result<Entry, Unread> {
    let value = once::value(entry)?;
    if value.get("format").is_some() {
        return once::shaped(&value).map(Entry::Leaf);
    }
    let source = value.get("source").filter(|source| !source.is_null());
    if !value.is_object() || source.is_some_and(|source| !source.is_object()) {
        return Err(Unread::Shape);
    }
    serde_json::from_value(value).map(Entry::First).map_err(|_| Unread::Shape)
}

impl Entry {
    fn about(&self) -> (&str, i64) {
        match self {
            Self::First(record) => (&record.subject, record.version),
            Self::Leaf(leaf) => (&leaf.subject, leaf.version),
        }
    }

    /// The record as far as it is disclosed.
    fn disclosed(self, opened: &BTreeMap<String, Opened>, named: &str) -> Checked<Record> {
        let mut values = BTreeMap::new();
        let none = BTreeMap::new();
        let fields = if let Self::Leaf(leaf) = &self { &leaf.fields } else { &none };
        for (name, field) in opened {
            let committed = fields.get(name);
            if hash(&field.salt).is_none_or(|salt| Some(&commitment(&salt, name, &field.value)) != committed) {
                return tampered(format!("{named}: its {name} is not what the log commits to"));
            }
            let value = once::value(field.value.as_bytes());
            values.insert(name.clone(), value.map_err(|e| Bad::Tampered(format!("{named}: its {name} {e}")))?);
        }
        let unread = || Bad::Tampered(format!("{named} {}", Unread::Shape));
        if values.get("source").is_some_and(|source| !source.is_object()) {
            return Err(unread());
        }
        let mut record = match self {
            Self::First(record) => record,
            Self::Leaf(leaf) => leaf::shown(leaf, values).map_err(|_| unread())?,
        };
        // That an attestation is bound to its content cannot be seen without the name that was typed.
        if let Some(data) = record.data.as_object_mut() {
            data.remove("bound");
        }
        Ok(record)
    }
}
