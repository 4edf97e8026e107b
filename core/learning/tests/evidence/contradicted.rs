//! Reports that the records of their own pack contradict, made by somebody who has the log's key: both verifiers name them.

use super::asked::{file, office};
use super::broken::{pdf_again, report_with};
use super::*;

const FROM: &str = "2026-11-23";

/// Dan has confirmed it in the chat, Max did it elsewhere, Bob is exempt, Cleo is overdue.
async fn contested() -> (World, PathBuf) {
    let w = office().await;
    let id = w.dans().await;
    w.s.presses("Dan", &format!("training open {id}")).await;
    let done = w.s.fills("Dan", &format!("training attest {id}"), &[("name", "Dan")]).await;
    assert!(done.contains("completed"), "{done}");
    let csv = "person,requirement,completed_at,score\nMax,fire-safety,2026-11-23T08:30:00Z,0.85\n";
    let lines = training::import(&w.s.db, &w.services, "done.csv", csv.as_bytes(), false).await.unwrap();
    assert_eq!(lines[0].outcome, training::Outcome::Recorded, "{lines:?}");
    w.s.until("2026-12-14T10:00:00Z").await;
    let pack = w.dir.path().join("contested");
    let scope =
        Scope { requirement: Some("fire-safety".into()), from: Some(FROM.parse().unwrap()), ..Scope::default() };
    w.export(&scope, None, &pack).await.unwrap();
    (w, pack)
}

fn set(row: &mut Json, members: &[(&str, Json)]) {
    for (name, value) in members {
        row[*name] = value.clone();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_line_says_against_its_records_both_verifiers_name_it() {
    let (w, pack) = contested().await;
    let log = &w.log.signer;
    let trusted = Brought { key: Some(log.verifier().to_string()), ..Brought::default() };
    assert_eq!(judge(&pack, &trusted).0, Verdict::Valid, "{}", judge(&pack, &trusted).1);
    let report = file(&pack, "report.json");
    let state = |name: &str| {
        let row = report["rows"].as_array().unwrap().iter().find(|r| r["name"] == name).unwrap();
        row["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(["Dan", "Max", "Bob", "Cleo"].map(state), ["completed", "completed", "exempt", "overdue"], "{report}");
    // Who, which members say what, and the one that is named.
    let no = Json::from(false);
    let text = |text: &str| Json::from(text);
    type Case = (&'static str, Vec<(&'static str, Json)>, &'static str);
    let cases: Vec<Case> = vec![
        ("Cleo", vec![("counts", no.clone())], "counts"),
        ("Cleo", vec![("state", text("exempt")), ("counts", no.clone()), ("reason", text("ill"))], "state"),
        ("Cleo", vec![("state", text("retired")), ("counts", no.clone()), ("reason", text("left"))], "state"),
        ("Cleo", vec![("state", text("on_leave")), ("counts", no.clone())], "state"),
        ("Cleo", vec![("due", text("2027-12-24"))], "due"),
        ("Cleo", vec![("assigned", text("2026-12-01T09:00:00.000Z"))], "assigned"),
        ("Cleo", vec![("started", text("2026-12-01T09:00:00.000Z"))], "started"),
        ("Cleo", vec![("why", text("she asked"))], "why"),
        ("Cleo", vec![("manager", text("E-Max"))], "manager"),
        ("Dan", vec![("manager", text(""))], "manager"),
        ("Dan", vec![("manager", text("E-Cleo"))], "manager"),
        ("Dan", vec![("decided_by", text("E-Cleo"))], "decided_by"),
        ("Dan", vec![("authentication", text("oidc"))], "authentication"),
        ("Dan", vec![("content", text(&"ab".repeat(32)))], "content"),
        ("Dan", vec![("started", text(""))], "started"),
        ("Dan", vec![("attested", text(""))], "attested"),
        ("Dan", vec![("decided_by", text("operator"))], "decided_by"),
        ("Dan", vec![("decided_by", text(""))], "decided_by"),
        ("Max", vec![("score", text("1"))], "score"),
        ("Max", vec![("score", text(""))], "score"),
        ("Max", vec![("attempts", text("1"))], "attempts"),
        ("Max", vec![("completed", text("2026-11-23T08:00:00.000Z"))], "completed"),
        ("Max", vec![("expires", text("2030-01-01"))], "expires"),
        ("Max", vec![("state", text("expired")), ("reason", text("holds no more, and nothing renews it"))], "state"),
        ("Max", vec![("requirement", text("fire-safety-2"))], "requirement"),
        ("Max", vec![("course", text("sailing"))], "course"),
        ("Max", vec![("rule_version", text("another"))], "rule_version"),
        ("Bob", vec![("reason", text("he asked"))], "reason"),
        ("Bob", vec![("decided_by", text("E-Max"))], "decided_by"),
        ("Bob", vec![("until", text("2027-01-01"))], "until"),
        ("Bob", vec![("counts", Json::from(true))], "counts"),
    ];
    let broken = w.dir.path().join("broken");
    for (name, members, column) in &cases {
        copy(&pack, &broken);
        report_with(&broken, |rows| {
            set(rows.iter_mut().find(|r| r["name"] == *name).unwrap(), members);
        });
        sign_again(&broken, log, |_| {});
        let (verdict, why) = judge(&broken, &trusted);
        assert_eq!(verdict, Verdict::Tampered, "{name} {members:?}: {why}");
        assert!(why.ends_with(&format!("what its records say: {column}")), "{name} {members:?}: {why}");
        std::fs::remove_dir_all(&broken).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_there_once_each_and_so_is_everything_that_they_rest_on() {
    let (w, pack) = contested().await;
    let log = &w.log.signer;
    let trusted = Brought { key: Some(log.verifier().to_string()), ..Brought::default() };
    let content = std::fs::read_dir(pack.join("content")).unwrap().next().unwrap().unwrap().file_name();
    let content = format!("content/{}", content.display());
    type Break<'a> = Box<dyn Fn(&Path) + 'a>;
    let unsigned = |_: &mut Manifest| {};
    let cases: Vec<(&str, Break<'_>, &str)> = vec![
        (
            "a line is left out although its records are there",
            Box::new(|p| {
                report_with(p, |rows| rows.retain(|r| r["name"] != "Cleo"));
                sign_again(p, log, unsigned);
            }),
            "report.json does not name assignment/",
        ),
        (
            "a completed line stands twice",
            Box::new(|p| {
                report_with(p, |rows| {
                    let one = rows.iter().find(|r| r["name"] == "Dan").unwrap().clone();
                    rows.push(one);
                });
                sign_again(p, log, unsigned);
            }),
            "twice",
        ),
        (
            "somebody completed what was never assigned",
            Box::new(|p| {
                report_with(p, |rows| {
                    let mut one = rows.iter().find(|r| r["name"] == "Dan").unwrap().clone();
                    one["subject"] = "".into();
                    rows.push(one);
                });
                sign_again(p, log, unsigned);
            }),
            "that no record says",
        ),
        (
            "what was not assigned does not count",
            Box::new(|p| {
                report_with(p, |rows| {
                    let columns = rows[0].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
                    let mut one: Json = columns.into_iter().map(|c| (c, Json::from(""))).collect();
                    set(&mut one, &[("state", "not-assigned".into()), ("counts", false.into())]);
                    rows.push(one);
                });
                sign_again(p, log, unsigned);
            }),
            "that no record says",
        ),
        (
            "the content of a line is gone",
            Box::new(|p| {
                std::fs::remove_file(p.join(&content)).unwrap();
                sign_again(p, log, |m| drop(m.files.remove(&content)));
            }),
            "is missing",
        ),
        (
            "the period is not that of the days",
            Box::new(|p| sign_again(p, log, |m| m.period.0 = m.period.0.map(|from| from + 1))),
            "its period is not that of its days",
        ),
        (
            "the period has no end, and the days have",
            Box::new(|p| sign_again(p, log, |m| m.scope.to = Some("2026-12-31".parse().unwrap()))),
            "its period is not that of its days",
        ),
        ("the preset is none", Box::new(|p| sign_again(p, log, |m| m.preset = "sox".into())), "names the preset 'sox'"),
        (
            "a field is not disclosed",
            Box::new(|p| {
                edit(p, "records.jsonl", |t| {
                    let change = |line: &str| {
                        let mut record: Json = serde_json::from_str(line).unwrap();
                        record["opened"].as_object_mut().unwrap().remove("reason");
                        format!("{record}\n")
                    };
                    t.lines().map(change).collect()
                });
                sign_again(p, log, unsigned);
            }),
            "is not disclosed, and no tombstone says that it was erased",
        ),
        (
            "a file stands twice in the manifest",
            Box::new(|p| {
                edit(p, "manifest.json", |t| t.replacen("\"files\": {", "\"files\": {\"trail.json\": \"00\",", 1));
                sign_as_it_is(p, log);
            }),
            "the file manifest.json says something twice",
        ),
        (
            "a subject stands twice in the manifest",
            Box::new(|p| {
                edit(p, "manifest.json", |t| {
                    let at = t.find("\"subjects\": {").unwrap() + "\"subjects\": {".len();
                    let first = t[at..].split(',').next().unwrap().trim().to_owned();
                    let name = first.split(": ").next().unwrap();
                    format!("{}{name}: 99,{}", &t[..at], &t[at..])
                });
                sign_as_it_is(p, log);
            }),
            "the file manifest.json says something twice",
        ),
        (
            "a field is disclosed twice",
            Box::new(|p| {
                edit(p, "records.jsonl", |t| {
                    t.replacen("\"opened\":{", "\"opened\":{\"actor\":{\"salt\":\"\",\"value\":\"\"},", 1)
                });
                sign_again(p, log, unsigned);
            }),
            "says something twice",
        ),
        (
            "a line says something twice",
            Box::new(|p| {
                edit(p, "report.json", |t| t.replacen("\"counts\": true", "\"counts\": false, \"counts\": true", 1));
                pdf_again(p);
                sign_again(p, log, unsigned);
            }),
            "the file report.json says something twice",
        ),
    ];
    let broken = w.dir.path().join("broken");
    for (what, change, says) in &cases {
        copy(&pack, &broken);
        change(&broken);
        let (verdict, why) = judge(&broken, &trusted);
        assert!(verdict == Verdict::Tampered && why.contains(says), "{what}: {verdict:?} {why}");
        std::fs::remove_dir_all(&broken).unwrap();
    }
    // Where the database of zones says something else than there, nothing is said; what no zone can be is no period.
    for (off, expected, says) in [
        (3_600, Verdict::CannotVerify, "compare the databases of time zones"),
        (-26 * 3_600, Verdict::CannotVerify, "compare the databases of time zones"),
        (-26 * 3_600 - 1, Verdict::Tampered, "its period is not that of its days"),
    ] {
        copy(&pack, &broken);
        sign_again(&broken, log, |m| m.period.0 = m.period.0.map(|from| from + off * 1_000_000));
        let (verdict, why) = judge(&broken, &trusted);
        assert!(verdict == expected && why.contains(says), "{off}: {verdict:?} {why}");
        std::fs::remove_dir_all(&broken).unwrap();
    }
    // The days of a zone that nobody knows cannot be judged.
    copy(&pack, &broken);
    sign_again(&broken, log, |m| m.zone = "Europe/Nowhere".into());
    let (verdict, why) = judge(&broken, &trusted);
    assert!(verdict == Verdict::CannotVerify && why.contains("Europe/Nowhere is not known"), "{verdict:?} {why}");
    std::fs::remove_dir_all(&broken).unwrap();
    // What a report calls erased needs a tombstone; in packs of an earlier release there may be none.
    copy(&pack, &broken);
    report_with(&broken, |rows| {
        let columns = rows[0].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let mut one: Json = columns.into_iter().map(|c| (c, Json::from(""))).collect();
        let erased = [("requirement", "fire-safety".into()), ("state", "erased".into()), ("counts", false.into())];
        set(&mut one, &erased);
        rows.push(one);
    });
    sign_again(&broken, log, |_| {});
    let (verdict, why) = judge(&broken, &trusted);
    assert!(verdict == Verdict::Tampered && why.contains("tombstones name 0 assignments"), "{verdict:?} {why}");
    sign_again(&broken, log, |m| m.format = "stoa-pack/3".into());
    let (verdict, why) = judge(&broken, &trusted);
    assert!(verdict == Verdict::CannotVerify && why.contains("has no tombstone"), "{verdict:?} {why}");
    std::fs::remove_dir_all(&broken).unwrap();
    // A cell may be as long as a record.
    copy(&pack, &broken);
    report_with(&broken, |rows| rows[0]["hold"] = "x".repeat(200_000).into());
    sign_again(&broken, log, |_| {});
    assert_eq!(judge(&broken, &trusted).0, Verdict::Valid);
}

/// Signs a manifest that says something twice, whose files are as they were.
fn sign_as_it_is(folder: &Path, signer: &Signer) {
    let manifest: Manifest = serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    sign(folder, signer, &manifest);
}
