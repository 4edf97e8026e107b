//! What a pack says of itself and of its shapes: no more is believed than both verifiers know, and both say it in the same words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stoa_ground::ledger::leaf::commitment;
use stoa_ground::ledger::merkle::{self, Hash};

use super::broken::{pdf_again, report_with};
use super::*;

/// The root of the tree over these leaves.
fn root(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => merkle::empty_root(),
        [one] => *one,
        _ => {
            let (left, right) = hashes.split_at(hashes.len().next_power_of_two() / 2);
            merkle::node_hash(&root(left), &root(right))
        }
    }
}

/// Makes another log of the pack's records, as somebody with its key would: each entry and what is opened of it may be changed.
fn log_again(folder: &Path, signer: &Signer, change: impl Fn(&mut Json, &mut Json)) {
    let text = std::fs::read_to_string(folder.join("records.jsonl")).unwrap();
    let mut records: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for record in &mut records {
        let mut entry: Json = serde_json::from_str(record["entry"].as_str().unwrap()).unwrap();
        change(&mut entry, &mut record["opened"]);
        for (name, field) in record["opened"].as_object().unwrap() {
            let salt = STANDARD.decode(field["salt"].as_str().unwrap()).unwrap().try_into().unwrap();
            entry["fields"][name] = commitment(&salt, name, field["value"].as_str().unwrap()).into();
        }
        record["entry"] = entry.to_string().into();
    }
    let leaf = |record: &Json| merkle::leaf_hash(record["entry"].as_str().unwrap().as_bytes());
    let hashes: Vec<Hash> = records.iter().map(leaf).collect();
    let size = hashes.len() as u64;
    for (at, record) in (0..).zip(&mut records) {
        let span = |span: merkle::Span| &hashes[usize::try_from(span.from).unwrap()..usize::try_from(span.to).unwrap()];
        let proof = merkle::inclusion(at, size).into_iter().map(|s| Json::from(STANDARD.encode(root(span(s)))));
        record["proof"] = proof.collect();
        record["leaf"] = at.into();
    }
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    std::fs::write(folder.join("records.jsonl"), lines).unwrap();
    std::fs::write(folder.join("checkpoints.json"), "[]").unwrap();
    let said = checkpoint::Checkpoint { origin: ORIGIN.into(), size, root: root(&hashes) };
    std::fs::write(folder.join("checkpoint"), Note::signed(said.text(), signer).to_string()).unwrap();
    sign_again(folder, signer, |m| m.size = size);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pack_does_not_prove_and_whether_it_is_a_test_is_not_taken_from_it() {
    let w = world().await;
    let (pack, log) = (w.pack("pack").await, &w.log.signer);
    let broken = w.dir.path().join("broken");
    type Change<'a> = &'a dyn Fn(&mut Manifest);
    let cases: [(Change<'_>, &str); 3] = [
        (&|m| m.not_proven.clear(), "manifest.json does not say what a pack does not prove"),
        (&|m| m.not_proven[3] = "Nothing.".into(), "manifest.json does not say what a pack does not prove"),
        (&|m| m.test = false, "manifest.json, the log's name and its records do not agree on whether this is a test"),
    ];
    for (change, says) in cases {
        copy(&pack, &broken);
        sign_again(&broken, log, change);
        assert_eq!(judge(&broken, &w.trusted()), (Verdict::Tampered, says.into()));
        std::fs::remove_dir_all(&broken).unwrap();
    }
    // Whatever a pack of an earlier release says, the verifiers say all of it.
    let whole = judged(&pack, &w.trusted());
    assert_eq!((whole.verdict, whole.not_proven.len()), (Verdict::Valid, 8));
    copy(&pack, &broken);
    sign_again(&broken, log, |m| {
        m.format = "stoa-pack/3".into();
        m.not_proven.clear();
    });
    let outcome = judged(&broken, &w.trusted());
    assert_eq!((outcome.verdict, outcome.not_proven), (Verdict::Valid, whole.not_proven.clone()));
    // A log that is called a test stays one, also when its records do not say so.
    log_again(&broken, log, |entry, _| drop(entry.as_object_mut().unwrap().remove("clock")));
    sign_again(&broken, log, |m| m.test = false);
    let outcome = judged(&broken, &w.trusted());
    assert_eq!((outcome.verdict, outcome.not_proven), (Verdict::Valid, whole.not_proven), "{}", outcome.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_has_no_line_outside_of_the_scope_that_it_names() {
    let w = world().await;
    let log = &w.log.signer;
    let broken = w.dir.path().join("broken");
    let export = |name: &str| w.dir.path().join(name);
    let person = || Scope { person: Some("E-Ana".into()), ..Scope::default() };
    w.export(&Scope::default(), None, &export("all")).await.unwrap();
    w.export(&person(), None, &export("ana")).await.unwrap();
    w.export(&Scope { course: Some("fire".into()), ..Scope::default() }, None, &export("fire")).await.unwrap();
    for pack in ["all", "ana", "fire"] {
        let outcome = judged(&export(pack), &w.trusted());
        assert_eq!((outcome.verdict, outcome.not_proven.len()), (Verdict::Valid, 8), "{pack}: {}", outcome.reason);
    }
    let not_about = "and manifest.json says that the pack is not about it";
    let cases = [
        ("all", Scope { requirement: Some("r-none".into()), ..Scope::default() }, not_about),
        ("all", Scope { course: Some("sailing".into()), ..Scope::default() }, not_about),
        ("all", person(), "report.json has lines of several people, and manifest.json says that the pack is about one"),
    ];
    for (pack, scope, says) in cases {
        copy(&export(pack), &broken);
        if let Some(course) = &scope.course {
            report_with(&broken, |rows| {
                for row in rows {
                    row["counts"] = false.into();
                    row["reason"] = format!("its course is fire now, and this pack is about {course}").into();
                }
            });
        }
        sign_again(&broken, log, |m| m.scope = scope);
        let (verdict, why) = judge(&broken, &w.trusted());
        assert!(verdict == Verdict::Tampered && why.ends_with(says), "{says}: {verdict:?} {why}");
        std::fs::remove_dir_all(&broken).unwrap();
    }
    // By which employee id somebody goes now is not in the log: it is said that it is not proven.
    copy(&export("ana"), &broken);
    sign_again(&broken, log, |m| m.scope.person = Some("E-Eve".into()));
    let outcome = judged(&broken, &w.trusted());
    assert_eq!((outcome.verdict, outcome.not_proven.len()), (Verdict::Valid, 9), "{}", outcome.reason);
    assert!(outcome.not_proven[8].starts_with("That its records are about E-Eve: none of them says"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_another_shape_are_named_by_both_in_the_same_words() {
    let w = world().await;
    let (pack, log) = (w.pack("pack").await, &w.log.signer);
    let first = |all: &mut Json, change: &dyn Fn(&mut Json)| change(&mut all.as_array_mut().unwrap()[0]);
    type Change<'a> = Box<dyn Fn(&mut Json) + 'a>;
    let without = |name: &'static str| move |one: &mut Json| drop(one.as_object_mut().unwrap().remove(name));
    let cases: Vec<(&str, Change<'_>)> = vec![
        ("population.json", Box::new(|all| first(all, &|p| without("to")(&mut p["meant"][0])))),
        ("population.json", Box::new(|all| first(all, &|p| p["meant"][0]["more"] = "x".into()))),
        ("population.json", Box::new(|all| first(all, &|p| p["meant"][0] = "x".into()))),
        ("population.json", Box::new(|all| first(all, &|p| p["moved"] = serde_json::json!([{ "at": "" }])))),
        ("population.json", Box::new(|all| first(all, &|p| p["assignments"] = (-2).into()))),
        ("population.json", Box::new(|all| first(all, &|p| p["assignments"] = 1.0.into()))),
        ("checkpoints.json", Box::new(|all| *all = serde_json::json!({}))),
        ("keys.json", Box::new(|all| first(all, &without("statement")))),
        ("keys.json", Box::new(|all| first(all, &|k| *k = serde_json::json!([k["key"], "created", null])))),
        ("report.json", Box::new(|report| report["rows"][0] = "x".into())),
        ("manifest.json", Box::new(|m| m["not_proven"][0] = 1.into())),
        ("manifest.json", Box::new(|m| m["scope"]["from"] = "20261123".into())),
        ("manifest.json", Box::new(|m| m["scope"]["from"] = "0000-11-23".into())),
        ("manifest.json", Box::new(|m| m["period"] = serde_json::json!([null]))),
    ];
    let broken = w.dir.path().join("broken");
    for (n, (file, change)) in cases.iter().enumerate() {
        copy(&pack, &broken);
        let manifest: Manifest = serde_json::from_slice(&std::fs::read(broken.join("manifest.json")).unwrap()).unwrap();
        edit_json(&broken, file, change);
        if *file == "manifest.json" {
            sign(&broken, log, &manifest);
        } else {
            pdf_again(&broken);
            sign_again(&broken, log, |_| {});
        }
        let says = format!("the file {file} is not what it should be");
        assert_eq!(judge(&broken, &w.trusted()), (Verdict::Tampered, says), "case {n}");
        std::fs::remove_dir_all(&broken).unwrap();
    }
    let deep = "[".repeat(128) + &"]".repeat(128);
    for text in ["", "{", "[1e400]", "[NaN]", "\u{feff}[]", "[\"\\ud800\"]", "[\"a\tb\"]", "[{\"a\":1,\"a\":1}", &deep]
    {
        copy(&pack, &broken);
        std::fs::write(broken.join("requests.json"), text).unwrap();
        pdf_again(&broken);
        sign_again(&broken, log, |_| {});
        assert_eq!(
            judge(&broken, &w.trusted()),
            (Verdict::Tampered, "the file requests.json is no JSON".into()),
            "{text}"
        );
        std::fs::remove_dir_all(&broken).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_another_shape_are_named_by_both_in_the_same_words() {
    let w = world().await;
    let (pack, log) = (w.pack("pack").await, &w.log.signer);
    let (deep, long) = ("[".repeat(128) + &"]".repeat(128), "9".repeat(400));
    let is_more = r#"{"state":"completed","due_date":"2026-12-07","until":null}"#;
    let (shape, none) = ("is not what it should be", "is no JSON");
    let cases = [
        ("assigned", "data/cycle", "\"x\"", shape),
        ("assigned", "data/cycle", "1.0", shape),
        ("assigned", "data/cycle", "4294967296", shape),
        ("assigned", "data/due_date", "\"20261207\"", shape),
        ("assigned", "data/renews", "[\"x\",null]", shape),
        ("assigned", "data/person", "7", shape),
        ("completed", "data/expires", "\"2027-01-01\"", shape),
        ("completed", "data/expires_date", "\"x\"", shape),
        ("completed", "data/completed", "9223372036854775808", shape),
        ("completed", "data/is", is_more, shape),
        ("completed", "data/was", "{}", shape),
        ("completed", "source", "null", shape),
        ("completed", "source", "[\"web\",1,2]", shape),
        ("completed", "actor", "7", shape),
        ("completed", "subject", "7", shape),
        ("assigned", "data/was", r#"{"state":"assigned","due_date":"2026-12-07"}"#, "do not follow on each other"),
        ("exempted", "data/is", r#"{"state":{"exempt":null},"due_date":"2026-12-07"}"#, shape),
        ("exempted", "data/more", "1e400", none),
        ("exempted", "data/more", &long, none),
        ("exempted", "data/more", &deep, none),
        ("exempted", "data/more", "{\"a\":1,\"a\":1}", "says something twice"),
    ];
    let broken = w.dir.path().join("broken");
    for (kind, field, value, says) in cases {
        copy(&pack, &broken);
        log_again(&broken, log, |entry, opened| {
            if entry["kind"] == kind && entry["subject"].as_str().unwrap().starts_with("assignment/") {
                let salt = STANDARD.encode([7; 32]);
                opened[field] = serde_json::json!({ "salt": salt, "value": value });
            }
        });
        let (verdict, why) = judge(&broken, &w.trusted());
        assert!(verdict == Verdict::Tampered && why.ends_with(says), "{kind} {field} {value}: {verdict:?} {why}");
        std::fs::remove_dir_all(&broken).unwrap();
    }
    for (member, value) in [("format", Json::from(2_f64.powi(64))), ("clock", Json::Null), ("at", Json::from(1.5))] {
        copy(&pack, &broken);
        log_again(&broken, log, |entry, _| entry[member] = value.clone());
        let (verdict, why) = judge(&broken, &w.trusted());
        assert_eq!((verdict, &*why), (Verdict::Tampered, "the record at leaf 0 is not what it should be"), "{member}");
        std::fs::remove_dir_all(&broken).unwrap();
    }
    // The same log with nothing changed is as good as the first one.
    log_again(&pack, log, |_, _| {});
    assert_eq!(judge(&pack, &w.trusted()).0, Verdict::Valid, "{}", judge(&pack, &w.trusted()).1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_steers_a_terminal_and_no_terminal_stops_a_verifier() {
    let w = world().await;
    let pack = w.pack("pack").await;
    let broken = w.dir.path().join("broken");
    for (name, shown) in [
        ("a\r\u{1b}[2KVALID: signed", r"the file a\u{d}\u{1b}[2KVALID: signed does not belong to the pack"),
        ("\u{202e}vsc.\u{85}\u{200b}é名", r"the file \u{202e}vsc.\u{85}\u{200b}é名 does not belong to the pack"),
    ] {
        copy(&pack, &broken);
        std::fs::write(broken.join(name), "x").unwrap();
        assert_eq!(judge(&broken, &w.trusted()), (Verdict::Tampered, shown.into()));
        std::fs::remove_dir_all(&broken).unwrap();
    }
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt as _;
        copy(&pack, &broken);
        std::fs::write(broken.join(std::ffi::OsStr::from_bytes(b"\xff\xfe")), "x").unwrap();
        assert_eq!(judge(&broken, &w.trusted()), (Verdict::Tampered, "the name of a file is not UTF-8".into()));
    }
    // A terminal that has no such letters.
    let file = w.dir.path().join("чек.txt");
    std::fs::copy(pack.join("checkpoint"), &file).unwrap();
    let mut command = python();
    command.env("PYTHONIOENCODING", "cp1252").arg(verifier()).arg(&pack).arg("--checkpoint").arg(&file);
    let out = command.output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&out.stderr));
    assert!(said.starts_with("VALID: ") && said.contains(r"\u0447\u0435\u043a.txt"), "{said}");
    // However long a file is that was brought, each line is looked at once.
    std::fs::write(&file, "1\n".repeat(200_000) + "\n").unwrap();
    let brought = Brought { checkpoints: vec![file], ..w.trusted() };
    let (verdict, why) = judge(&pack, &brought);
    assert!(verdict == Verdict::CannotVerify && why.ends_with("is no checkpoint"), "{verdict:?} {why}");
}
