//! Packs of evidence: what two verifiers, this one and one in Python, say about good ones and about every way to break one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by stopping")]

mod anchors;
mod asked;
mod broken;
mod changes;
mod claims;
mod contradicted;
mod flips;
mod forms;
mod kept;
mod later;
mod lost;
mod outside;
mod period;
mod presets;
mod trail;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::Value as Json;
use stoa_flow::testing::{Stage, organisation};
use stoa_ground::ledger::note::{Note, Signer, Verifier};
use stoa_ground::ledger::{Master, checkpoint};
use stoa_ground::sha256;
use stoa_ground::testing::hire;
use stoa_ground::xapi::Emitter;
use stoa_learning::evidence::retention::Policy;
use stoa_learning::evidence::verify::{Outcome, Trust, Verdict, verify};
use stoa_learning::evidence::{Log, Manifest, Scope, Summary, Wanted, check_point, export};
use stoa_learning::search::Index;
use stoa_learning::training::{self, Preset, course};
use stoa_learning::{Services, ledger, parts};

const COURSE: &str = "id = \"fire\"\ntitle = \"Fire safety\"\nattestation = \"I have read it.\"\n";
const REQUIREMENT: &str = "[[requirement]]\nid = \"fire-safety\"\ntitle = \"Fire safety\"\ncourse = \"fire\"\n\
    audience = \"everyone\"\ndue = { days = 14, from = \"assigned\" }\n";
const ORIGIN: &str = "learn.example.org/evidence/test";

struct World {
    s: Stage,
    services: Arc<Services>,
    log: Log,
    dir: tempfile::TempDir,
}

fn signer(seed: u8) -> Signer {
    Signer::new(ORIGIN, [seed; 32]).unwrap()
}

/// Ana has completed her training, Bob is exempt, Cleo has still to do it.
async fn world() -> World {
    let services = Arc::new(Services {
        ledger: ledger(),
        emitter: Emitter::new("https://learn.example.org").unwrap(),
        training: Default::default(),
        index: Index::in_memory().unwrap(),
        organisation: organisation(),
        asking: stoa_learning::answers::Asking::default(),
        mail: false,
        sign_in: None,
    });
    let log = Arc::new(Log { signer: signer(1), anchors: Vec::new() });
    let s = Stage::new(|_| {
        let mut all = parts(&services);
        all.kinds.extend(stoa_learning::evidence::parts(&services, &log).kinds);
        all
    })
    .await;
    s.db.seal_with(Master::new([5; 32]));
    let dir = tempfile::tempdir().unwrap();
    let courses = dir.path().join("courses/fire");
    std::fs::create_dir_all(&courses).unwrap();
    std::fs::write(courses.join("course.toml"), COURSE).unwrap();
    std::fs::write(courses.join("01-alarm.md"), "# The alarm\n\nWhen it rings, **go**.").unwrap();
    course::apply_dir(&s.db, &services, &dir.path().join("courses")).await.unwrap();
    for name in ["Ana", "Bob", "Cleo"] {
        hire(&s.db, name, |_| {}).await;
    }
    training::apply(&s.db, &services, "requirements.toml", REQUIREMENT, false).await.unwrap();
    s.flow.settle().await.unwrap();
    training::complete(&s.db, &services, "Ana", "fire-safety", "operator", "done in the old system").await.unwrap();
    training::exempt(&s.db, &services, "Bob", "fire-safety", None, "operator", "he is a fire fighter").await.unwrap();
    World { s, services, log: Log { signer: signer(1), anchors: Vec::new() }, dir }
}

impl World {
    async fn export(&self, scope: &Scope, preset: Option<Preset>, to: &Path) -> stoa_ground::Result<Summary> {
        let wanted = Wanted { scope, preset, policy: &Policy::default() };
        export(&self.s.db, &self.services, &self.log, &wanted, to).await
    }

    async fn pack(&self, name: &str) -> PathBuf {
        let folder = self.dir.path().join(name);
        let scope = Scope { requirement: Some("fire-safety".into()), ..Scope::default() };
        self.export(&scope, Some(Preset::Soc2), &folder).await.unwrap();
        folder
    }

    /// Another record about Cleo.
    async fn more(&self) {
        let to = "2026-12-24".parse().unwrap();
        training::extend(&self.s.db, &self.services, "Cleo", "fire-safety", to, "operator", "a project").await.unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn edit(folder: &Path, file: &str, change: impl FnOnce(String) -> String) {
    let path = folder.join(file);
    let before = std::fs::read_to_string(&path).unwrap();
    let after = change(before.clone());
    assert_ne!(before, after, "{file} is changed");
    std::fs::write(path, after).unwrap();
}

fn edit_json(folder: &Path, file: &str, change: impl FnOnce(&mut Json)) {
    edit(folder, file, |text| {
        let mut value: Json = serde_json::from_str(&text).unwrap();
        change(&mut value);
        serde_json::to_string(&value).unwrap()
    });
}

/// Makes manifest and signatures fit again, as somebody with a key would. Cosignatures stay.
fn sign_again(folder: &Path, signer: &Signer, change: impl FnOnce(&mut Manifest)) {
    let mut note = Note::parse(&std::fs::read_to_string(folder.join("checkpoint")).unwrap()).unwrap();
    note.signatures.retain(|signature| signature.name != ORIGIN);
    note.signatures.insert(0, signer.sign(&note.text));
    std::fs::write(folder.join("checkpoint"), note.to_string()).unwrap();
    let mut manifest: Manifest = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    for (name, digest) in &mut manifest.files {
        *digest = sha256(std::fs::read(folder.join(name)).unwrap_or_default());
    }
    change(&mut manifest);
    std::fs::write(folder.join("manifest.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
    sign(folder, signer, &manifest);
}

/// Signs the manifest that lies there.
fn sign(folder: &Path, signer: &Signer, manifest: &Manifest) {
    let bytes = std::fs::read(folder.join("manifest.json")).unwrap();
    let text = format!("{}\n{}\n{}\n{}\n", manifest.format, manifest.origin, manifest.size, sha256(&bytes));
    std::fs::write(folder.join("manifest.note"), Note::signed(text, signer).to_string()).unwrap();
}

/// What an auditor has beside the pack.
#[derive(Clone, Default)]
struct Brought {
    key: Option<String>,
    checkpoints: Vec<PathBuf>,
    witness: Option<String>,
    against: Option<PathBuf>,
}

/// Python with what the second verifier needs.
fn python() -> Command {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tlog/venv/bin/python");
    assert!(
        python.exists(),
        "tests/run installs what the second verifier needs: python3 -m venv tests/tlog/venv && \
         tests/tlog/venv/bin/pip install --ignore-requires-python aics-tlog==0.2.1"
    );
    let mut command = Command::new(python);
    command.arg("-B");
    command
}

/// The second verifier.
fn verifier() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/evidence/verify.py")
}

/// Both verifiers must say the same; gives the verdict and the first line.
fn judge(pack: &Path, brought: &Brought) -> (Verdict, String) {
    let outcome = judged(pack, brought);
    (outcome.verdict, outcome.reason)
}

/// As `judge`, with all that was found.
fn judged(pack: &Path, brought: &Brought) -> Outcome {
    let mut trust = Trust { against: brought.against.as_deref(), ..Trust::default() };
    trust.key = brought.key.as_ref().map(|key| Verifier::parse(key).unwrap());
    trust.witnesses.extend(brought.witness.as_ref().map(|key| Verifier::parse(key).unwrap()));
    let mut command = python();
    command.arg(verifier()).arg(pack);
    for file in &brought.checkpoints {
        trust.checkpoints.push((file.display().to_string(), std::fs::read_to_string(file).unwrap()));
        command.arg("--checkpoint").arg(file);
    }
    let outcome = verify(pack, &trust);
    for (flag, value) in [
        ("--key", brought.key.clone()),
        ("--witness", brought.witness.clone()),
        ("--against", brought.against.as_ref().map(|p| p.display().to_string())),
    ] {
        command.args(value.map(|value| [flag.to_owned(), value]).into_iter().flatten());
    }
    let out = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let (word, code) = match outcome.verdict {
        Verdict::Valid => ("VALID", 0),
        Verdict::Tampered => ("TAMPERED", 1),
        Verdict::CannotVerify => ("CANNOT_VERIFY", 2),
    };
    let both = format!("here: {word} {}\nin Python: {said}", outcome.reason);
    assert_eq!(out.status.code(), Some(code), "{both}");
    // What a system says about a file that it does not read is its own.
    if !outcome.reason.contains("cannot be read: ") {
        assert_eq!(said.lines().next().unwrap(), format!("{word}: {}", outcome.reason), "{both}");
    }
    if outcome.verdict != Verdict::Tampered && said.contains("What this does not prove") {
        let begins = |line: &str, with: &str| line.strip_prefix(with).map(str::to_owned);
        let checks: Vec<String> = said.lines().filter_map(|line| begins(line, "  ok: ")).collect();
        assert_eq!(checks, outcome.checks, "{both}");
        let not_proven: Vec<String> = said.lines().filter_map(|line| begins(line, "  - ")).collect();
        assert_eq!(not_proven, outcome.not_proven, "{both}");
    }
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_is_valid_for_whoever_knows_the_log_and_says_who_counts_and_why_not() {
    let w = world().await;
    let earlier = w.pack("earlier").await;
    w.more().await;
    let pack = w.pack("pack").await;
    let key = Some(w.log.signer.verifier().to_string());
    let by_key = Brought { key: key.clone(), ..Brought::default() };
    assert_eq!(judge(&pack, &by_key).0, Verdict::Valid);
    assert_eq!(judge(&earlier, &by_key).0, Verdict::Valid);
    let (verdict, why) = judge(&pack, &Brought::default());
    assert!(verdict == Verdict::CannotVerify && why.starts_with("consistent, origin unproven"), "{why}");
    let by_checkpoint = Brought { checkpoints: vec![earlier.join("checkpoint")], ..Brought::default() };
    assert_eq!(judge(&pack, &by_checkpoint).0, Verdict::Valid);
    let continued = Brought { key: key.clone(), against: Some(earlier.clone()), ..Brought::default() };
    assert_eq!(judge(&pack, &continued).0, Verdict::Valid);
    // The other way round the log was cut off, and a checkpoint is of the future.
    let cut = Brought { key: key.clone(), against: Some(pack.clone()), ..Brought::default() };
    let (verdict, why) = judge(&earlier, &cut);
    assert!(verdict == Verdict::Tampered && why.contains("was cut off"), "{why}");
    let newer = Brought { key: key.clone(), checkpoints: vec![pack.join("checkpoint")], ..Brought::default() };
    let (verdict, why) = judge(&earlier, &newer);
    assert!(verdict == Verdict::CannotVerify && why.contains("is newer than the pack"), "{why}");

    // A file with the checkpoint of the pack and later ones is not about what came later.
    let all = w.dir.path().join("all.txt");
    let notes = [&earlier, &pack].map(|p| std::fs::read_to_string(p.join("checkpoint")).unwrap());
    std::fs::write(&all, notes.join("\n")).unwrap();
    let both = Brought { key, checkpoints: vec![all], ..Brought::default() };
    assert_eq!(judge(&earlier, &both).0, Verdict::Valid);
    assert_eq!(judge(&pack, &both).0, Verdict::Valid);

    let report: Json = serde_json::from_slice(&std::fs::read(pack.join("report.json")).unwrap()).unwrap();
    assert_eq!((report["denominator"].as_u64(), report["completed"].as_u64()), (Some(2), Some(1)));
    let rows: Vec<String> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            format!("{} {} {} {}", r["name"].as_str().unwrap(), r["state"].as_str().unwrap(), r["counts"], r["reason"])
        })
        .collect();
    assert_eq!(
        rows,
        [
            "Ana completed true \"done in the old system\"",
            "Bob exempt false \"he is a fire fighter\"",
            "Cleo extended true \"\""
        ]
    );
    let population = std::fs::read_to_string(pack.join("population.json")).unwrap();
    assert_eq!(population.matches("\"assignments\": 1").count(), 3, "{population}");
    let contents = std::fs::read_dir(pack.join("content")).unwrap().count();
    assert_eq!(contents, 1, "the content that Ana completed");
    let outcome = verify(&pack, &Trust::default());
    assert!(outcome.not_proven[0].starts_with("This is a test"), "{:?}", outcome.not_proven);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_elsewhere_before_it_was_recorded_is_valid_for_both() {
    let w = world().await;
    w.s.until("2026-11-24T12:00:00Z").await;
    let file = "person,requirement,completed_at\nCleo,fire-safety,2026-11-23T15:00:00Z\n";
    let lines = training::import(&w.s.db, &w.services, "done.csv", file.as_bytes(), false).await.unwrap();
    assert_eq!(lines[0].outcome, training::Outcome::Recorded, "{lines:?}");
    let pack = w.pack("pack").await;
    let brought = Brought { key: Some(w.log.signer.verifier().to_string()), ..Brought::default() };
    let (verdict, why) = judge(&pack, &brought);
    assert_eq!(verdict, Verdict::Valid, "{why}");
    let report = std::fs::read_to_string(pack.join("report.json")).unwrap();
    assert!(report.contains("\"completed\": \"2026-11-23T15:00:00.000Z\""), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_keys_is_followed_and_a_lost_key_is_not_bridged() {
    let mut w = world().await;
    w.pack("first").await;
    let old = Brought { key: Some(w.log.signer.verifier().to_string()), ..Brought::default() };
    let (ledger, next) = (&w.services.ledger, &signer(2));
    let now = &w.log.signer;
    w.s.db.write(|tx| async move { checkpoint::rotate(&tx, ledger, now, next, "yearly").await }).await.unwrap();
    w.log.signer = signer(2);
    let rotated = w.pack("rotated").await;
    assert_eq!(judge(&rotated, &old).0, Verdict::Valid);
    let new = Brought { key: Some(signer(2).verifier().to_string()), ..Brought::default() };
    assert_eq!(judge(&rotated, &new).0, Verdict::Valid);
    // A statement by somebody else names nobody.
    let broken = w.dir.path().join("broken");
    copy(&rotated, &broken);
    edit_json(&broken, "keys.json", |k| k[0]["key"] = signer(66).verifier().to_string().into());
    sign_again(&broken, &signer(2), |_| {});
    let (verdict, why) = judge(&broken, &new);
    assert!(verdict == Verdict::Tampered && why.contains("is not named by the key before it"), "{why}");
    // A key is written as it is, and the first one was made.
    let (made, lost) = (signer(2).verifier().to_string(), serde_json::json!("lost"));
    let none = |key: &str, how: &Json| serde_json::json!({ "key": key, "how": how, "statement": null });
    for (keys, says) in [
        (serde_json::json!([none("x", &"created".into()), none(&made, &lost)]), "keys.json: 'x' is no public key"),
        (serde_json::json!([none(&format!(" {made}"), &"created".into())]), "is no public key"),
        (serde_json::json!([none(&format!("{made} "), &"created".into())]), "is no public key"),
        (serde_json::json!([none(&made, &lost)]), "it is not said how"),
        (serde_json::json!([none(&made, &"rotated".into())]), "it is not said how"),
    ] {
        std::fs::write(broken.join("keys.json"), keys.to_string()).unwrap();
        sign_again(&broken, &signer(2), |_| {});
        let (verdict, why) = judge(&broken, &new);
        assert!(verdict == Verdict::Tampered && why.contains(says), "{keys}: {verdict:?} {why}");
    }

    let (ledger, third) = (&w.services.ledger, &signer(3));
    w.s.db.write(|tx| async move { checkpoint::lose(&tx, ledger, third, "the disk is gone").await }).await.unwrap();
    w.log.signer = signer(3);
    let lost = w.pack("lost").await;
    for brought in [&old, &new] {
        let (verdict, why) = judge(&lost, brought);
        assert!(verdict == Verdict::CannotVerify && why.contains("was lost"), "{why}");
    }
    let newest = Brought { key: Some(signer(3).verifier().to_string()), ..Brought::default() };
    assert_eq!(judge(&lost, &newest).0, Verdict::Valid);
}
