//! Packs of evidence: what two verifiers, this one and one in Python, say about good ones and about every way to break one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by stopping")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::Value as Json;
use stoa_flow::testing::{Stage, organisation};
use stoa_ground::ledger::note::{Note, Signer, Verifier};
use stoa_ground::ledger::{Master, checkpoint};
use stoa_ground::testing::hire;
use stoa_ground::xapi::Emitter;
use stoa_learning::evidence::verify::{Trust, Verdict, verify};
use stoa_learning::evidence::{Log, Manifest, Preset, Scope, check_point, export};
use stoa_learning::search::Index;
use stoa_learning::training::{self, course};
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
        index: Index::in_memory().unwrap(),
        organisation: organisation(),
        asking: stoa_learning::answers::Asking::default(),
        mail: false,
    });
    let s = Stage::new(|_| parts(&services)).await;
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
    async fn pack(&self, name: &str) -> PathBuf {
        let folder = self.dir.path().join(name);
        let scope = Scope { requirement: Some("fire-safety".into()), ..Scope::default() };
        export(&self.s.db, &self.services, &self.log, &scope, Preset::Soc2, &folder).await.unwrap();
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

/// Makes manifest and signatures fit again, as somebody with a key would.
fn sign_again(folder: &Path, signer: &Signer, change: impl FnOnce(&mut Manifest)) {
    let note = Note::parse(&std::fs::read_to_string(folder.join("checkpoint")).unwrap()).unwrap();
    std::fs::write(folder.join("checkpoint"), Note::signed(note.text, signer).to_string()).unwrap();
    let mut manifest: Manifest = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    for (name, digest) in &mut manifest.files {
        *digest = sha256(&std::fs::read(folder.join(name)).unwrap_or_default());
    }
    change(&mut manifest);
    let bytes = serde_json::to_vec(&manifest).unwrap();
    std::fs::write(folder.join("manifest.json"), &bytes).unwrap();
    let text = format!("stoa-pack/1\n{}\n{}\n{}\n", manifest.origin, manifest.size, sha256(&bytes));
    std::fs::write(folder.join("manifest.note"), Note::signed(text, signer).to_string()).unwrap();
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// What an auditor has beside the pack.
#[derive(Clone, Default)]
struct Brought {
    key: Option<String>,
    checkpoint: Option<PathBuf>,
    against: Option<PathBuf>,
}

/// Both verifiers must say the same; gives the verdict and the first line.
fn judge(pack: &Path, brought: &Brought) -> (Verdict, String) {
    let mut trust = Trust { against: brought.against.as_deref(), ..Trust::default() };
    trust.key = brought.key.as_ref().map(|key| Verifier::parse(key).unwrap());
    if let Some(file) = &brought.checkpoint {
        trust.checkpoints.push((file.display().to_string(), std::fs::read_to_string(file).unwrap()));
    }
    let outcome = verify(pack, &trust);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join("tests/tlog/venv/bin/python");
    assert!(
        python.exists(),
        "tests/run installs what the second verifier needs: python3 -m venv tests/tlog/venv && \
         tests/tlog/venv/bin/pip install --ignore-requires-python aics-tlog==0.2.1"
    );
    let mut command = Command::new(python);
    command.arg("-B").arg(root.join("docs/evidence/verify.py")).arg(pack);
    for (flag, value) in [
        ("--key", brought.key.clone()),
        ("--checkpoint", brought.checkpoint.as_ref().map(|p| p.display().to_string())),
        ("--against", brought.against.as_ref().map(|p| p.display().to_string())),
    ] {
        command.args(value.map(|value| [flag.to_owned(), value]).into_iter().flatten());
    }
    let out = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let code = match outcome.verdict {
        Verdict::Valid => 0,
        Verdict::Tampered => 1,
        Verdict::CannotVerify => 2,
    };
    assert_eq!(out.status.code(), Some(code), "here: {:?} {}\nin Python: {said}", outcome.verdict, outcome.reason);
    (outcome.verdict, outcome.reason)
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
    let by_checkpoint = Brought { checkpoint: Some(earlier.join("checkpoint")), ..Brought::default() };
    assert_eq!(judge(&pack, &by_checkpoint).0, Verdict::Valid);
    let continued = Brought { key: key.clone(), against: Some(earlier.clone()), ..Brought::default() };
    assert_eq!(judge(&pack, &continued).0, Verdict::Valid);
    // The other way round the log was cut off, and a checkpoint is of the future.
    let cut = Brought { key: key.clone(), against: Some(pack.clone()), ..Brought::default() };
    let (verdict, why) = judge(&earlier, &cut);
    assert!(verdict == Verdict::Tampered && why.contains("was cut off"), "{why}");
    let newer = Brought { key, checkpoint: Some(pack.join("checkpoint")), ..Brought::default() };
    let (verdict, why) = judge(&earlier, &newer);
    assert!(verdict == Verdict::CannotVerify && why.contains("is newer than the pack"), "{why}");

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
async fn whatever_is_broken_both_verifiers_name_it() {
    let w = world().await;
    check_point(&w.s.db, &w.services, &w.log).await.unwrap();
    let good = w.pack("good").await;
    let log = &w.log.signer;
    let forger = signer(66);
    let key = Some(log.verifier().to_string());
    let trusted = Brought { key: key.clone(), ..Brought::default() };
    type Break<'a> = Box<dyn Fn(&Path) + 'a>;
    let unsigned = |_: &mut Manifest| {};
    let cases: Vec<(&str, Break<'_>, &str)> = vec![
        (
            "a record is changed",
            Box::new(|p| edit(p, "records.jsonl", |t| t.replacen("completed", "complete_", 1))),
            "records.jsonl was changed",
        ),
        (
            "a record is changed and signed for",
            Box::new(|p| {
                edit(p, "records.jsonl", |t| {
                    t.replacen("\\\"kind\\\":\\\"exempted\\\"", "\\\"kind\\\":\\\"completed\\\"", 1)
                });
                sign_again(p, log, unsigned);
            }),
            "is not in the log",
        ),
        (
            "a disclosed value is changed and signed for",
            Box::new(|p| {
                edit(p, "records.jsonl", |t| t.replacen("he is a fire fighter", "he is the boss", 1));
                sign_again(p, log, unsigned);
            }),
            "its reason is not what the log commits to",
        ),
        (
            "a record is left out",
            Box::new(|p| {
                edit(p, "records.jsonl", |t| {
                    t.lines().filter(|l| !l.contains("exempted")).map(|l| format!("{l}\n")).collect()
                });
                sign_again(p, log, unsigned);
            }),
            "version 2 of assignment/",
        ),
        (
            "a record stands twice",
            Box::new(|p| {
                edit(p, "records.jsonl", |t| format!("{t}{}\n", t.lines().next().unwrap()));
                sign_again(p, log, unsigned);
            }),
            "stands in the pack twice",
        ),
        ("a file is gone", Box::new(|p| std::fs::remove_file(p.join("trail.json")).unwrap()), "trail.json is missing"),
        ("a file is added", Box::new(|p| std::fs::write(p.join("more.txt"), "x").unwrap()), "more.txt does not belong"),
        (
            "the manifest is changed",
            Box::new(|p| edit(p, "manifest.json", |t| t.replacen("soc2", "hipaa", 1))),
            "manifest was changed",
        ),
        (
            "somebody signs with a key of their own",
            Box::new(|p| {
                edit(p, "report.json", |t| t.replace("\"exempt\"", "\"completed\""));
                edit(p, "report.csv", |t| t.replace(",exempt,", ",completed,"));
                edit_json(p, "keys.json", |k| {
                    k[0]["key"] = forger.verifier().to_string().into();
                });
                sign_again(p, &forger, unsigned);
            }),
            "signed by another key than the one that you trust",
        ),
        (
            "the reports do not agree",
            Box::new(|p| {
                edit(p, "report.csv", |t| t.replace(",no,", ",yes,"));
                sign_again(p, log, unsigned);
            }),
            "do not agree",
        ),
        (
            "the report does not count what it lists",
            Box::new(|p| {
                edit_json(p, "report.json", |r| r["denominator"] = 1.into());
                sign_again(p, log, unsigned);
            }),
            "does not count what it lists",
        ),
        (
            "an earlier checkpoint is of another history",
            Box::new(|p| {
                edit_json(p, "checkpoints.json", |c| {
                    let note = Note::parse(c[0]["note"].as_str().unwrap()).unwrap();
                    let mut said = checkpoint::Checkpoint::parse(&note.text).unwrap();
                    said.root[0] ^= 1;
                    c[0]["note"] = Note::signed(said.text(), log).to_string().into();
                });
                sign_again(p, log, unsigned);
            }),
            "is not the beginning of the log",
        ),
    ];
    for (what, change, says) in &cases {
        let broken = w.dir.path().join("broken");
        copy(&good, &broken);
        change(&broken);
        let (verdict, why) = judge(&broken, &trusted);
        assert_eq!(verdict, Verdict::Tampered, "{what}: {why}");
        assert!(why.contains(says), "{what}: {why}");
        std::fs::remove_dir_all(&broken).unwrap();
    }

    // What the auditor brings does not fit.
    let file = w.dir.path().join("brought");
    let note = Note::parse(&std::fs::read_to_string(good.join("checkpoint")).unwrap()).unwrap();
    let said = checkpoint::Checkpoint::parse(&note.text).unwrap();
    let mut fork = said.clone();
    fork.root[0] ^= 1;
    let other = checkpoint::Checkpoint { origin: "other.example.org".into(), ..said };
    let cases = [
        (Note::signed(fork.text(), log).to_string(), Verdict::Tampered, "a fork"),
        (Note::signed(note.text.clone(), &forger).to_string(), Verdict::Tampered, "signed by another key"),
        (Note::signed(other.text(), log).to_string(), Verdict::CannotVerify, "of another log"),
        ("hello".into(), Verdict::CannotVerify, "is no checkpoint"),
    ];
    for (text, expected, says) in cases {
        std::fs::write(&file, text).unwrap();
        let (verdict, why) = judge(&good, &Brought { checkpoint: Some(file.clone()), ..trusted.clone() });
        assert!(verdict == expected && why.contains(says), "{verdict:?} {why}");
    }
    let empty = w.dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert_eq!(judge(&empty, &trusted).0, Verdict::CannotVerify);
    assert_eq!(judge(&w.dir.path().join("nothing"), &trusted).0, Verdict::CannotVerify);
    let strange = Signer::new("other.example.org", [1; 32]).unwrap().verifier().to_string();
    assert_eq!(judge(&good, &Brought { key: Some(strange), ..Brought::default() }).0, Verdict::CannotVerify);
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

#[tokio::test(flavor = "multi_thread")]
async fn whichever_byte_is_flipped_the_pack_is_not_valid() {
    let w = world().await;
    let folder = w.dir.path().join("one");
    let scope = Scope { person: Some("Ana".into()), ..Scope::default() };
    export(&w.s.db, &w.services, &w.log, &scope, Preset::Iso9001, &folder).await.unwrap();
    let trust = Trust { key: Some(w.log.signer.verifier().clone()), ..Trust::default() };
    assert_eq!(verify(&folder, &trust).verdict, Verdict::Valid);
    let mut flipped = 0;
    let contents = std::fs::read_dir(folder.join("content")).unwrap().map(|e| e.unwrap().path());
    let files = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_file());
    for file in files.chain(contents) {
        let whole = std::fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&file, bytes).unwrap();
            let outcome = verify(&folder, &trust);
            assert_ne!(outcome.verdict, Verdict::Valid, "byte {at} of {}", file.display());
            flipped += 1;
        }
        std::fs::write(&file, whole).unwrap();
    }
    assert!(flipped > 5_000, "{flipped}");
    assert_eq!(verify(&folder, &trust).verdict, Verdict::Valid);
}
