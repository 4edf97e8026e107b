//! Every way to break a pack: both verifiers say the same, and name it.

use super::*;

/// Makes the reports say something else, and agree with each other and the PDF.
fn report_again(folder: &Path, change: impl Fn(&mut Json)) {
    report_with(folder, |rows| rows.iter_mut().for_each(change));
}

/// As `report_again`, for all lines at once; the population says as many.
pub(super) fn report_with(folder: &Path, change: impl FnOnce(&mut Vec<Json>)) {
    let (mut before, mut after) = (0, 0);
    edit_json(folder, "report.json", |report| {
        let rows = report["rows"].as_array_mut().unwrap();
        before = rows.len();
        change(rows);
        after = rows.len();
        let counting: Vec<&Json> = rows.iter().filter(|r| r["counts"] == true).collect();
        let completed = counting.iter().filter(|r| r["state"] == "completed").count();
        let all = counting.len();
        let tenths = (completed * 1_000).checked_div(all);
        let mut excluded = std::collections::BTreeMap::<String, u64>::new();
        for row in rows.iter().filter(|r| r["counts"] == false) {
            *excluded.entry(row["state"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        report["denominator"] = all.into();
        report["completed"] = completed.into();
        report["percent"] = tenths.map(|t| format!("{}.{}", t / 10, t % 10)).unwrap_or_default().into();
        report["excluded"] = serde_json::to_value(excluded).unwrap();
    });
    if before != after {
        edit_json(folder, "population.json", |people| {
            let one = people.as_array_mut().unwrap().iter_mut().find(|p| p["assignments"] == 1).unwrap();
            one["assignments"] = (1 + after - before).into();
        });
    }
    let report: Json = serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap();
    let path = folder.join("report.csv");
    let head = std::fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
    let cell = |value: &Json| match value {
        Json::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        text if text.as_str().unwrap().contains([',', '"']) => text.to_string().replace("\\\"", "\"\""),
        text => text.as_str().unwrap().to_owned(),
    };
    let line = |row: &Json| head.split(',').map(|c| cell(&row[c])).collect::<Vec<_>>().join(",");
    let lines: String = report["rows"].as_array().unwrap().iter().map(|r| line(r) + "\r\n").collect();
    std::fs::write(&path, format!("{head}\r\n{lines}")).unwrap();
    pdf_again(folder);
}

/// Makes the PDF name the digests of the reports as they are now.
pub(super) fn pdf_again(folder: &Path) {
    let path = folder.join("report.pdf");
    let mut pdf = std::fs::read(&path).unwrap();
    for file in ["report.json", "population.json", "requests.json", "questions.json", "changes.json"] {
        let begins = format!("{file} sha256:");
        let digest = sha256(std::fs::read(folder.join(file)).unwrap());
        let places: Vec<usize> =
            pdf.windows(begins.len()).enumerate().filter(|(_, w)| *w == begins.as_bytes()).map(|(at, _)| at).collect();
        for at in places {
            pdf[at + begins.len()..at + begins.len() + 64].copy_from_slice(digest.as_bytes());
        }
    }
    std::fs::write(path, pdf).unwrap();
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
            "the CSV has other ends of lines",
            Box::new(|p| {
                edit(p, "report.csv", |t| t.replace("\r\n", "\n"));
                sign_again(p, log, unsigned);
            }),
            "report.csv and report.json do not agree",
        ),
        (
            "the CSV has quotes that it does not need",
            Box::new(|p| {
                edit(p, "report.csv", |t| t.replacen(",Ana,", ",\"Ana\",", 1));
                sign_again(p, log, unsigned);
            }),
            "report.csv and report.json do not agree",
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
            "a record is moved to another subject",
            Box::new(|p| {
                edit(p, "records.jsonl", |t| {
                    let of = |kind: &str| {
                        let line = t.lines().find(|l| l.contains(kind)).unwrap();
                        line.split("assignment/").nth(1).unwrap()[..36].to_owned()
                    };
                    let (bob, ana) = (of("exempted"), of("completed"));
                    let line = t.lines().find(|l| l.contains("\\\"kind\\\":\\\"completed\\\"")).unwrap().to_owned();
                    t.replace(&line, &line.replace(&ana, &bob))
                });
                sign_again(p, log, unsigned);
            }),
            "is not in the log",
        ),
        (
            "the last record of somebody is left out, and the manifest says so",
            Box::new(|p| {
                let mut bob = String::new();
                edit(p, "records.jsonl", |t| {
                    let gone = t.lines().find(|l| l.contains("exempted")).unwrap().to_owned();
                    bob = format!("assignment/{}", &gone.split("assignment/").nth(1).unwrap()[..36]);
                    t.replace(&format!("{gone}\n"), "")
                });
                report_again(p, |row| {
                    if row["subject"] == bob.as_str() {
                        row["state"] = "completed".into();
                        row["completed"] = row["assigned"].clone();
                        row["counts"] = true.into();
                    }
                });
                sign_again(p, log, |m| *m.subjects.get_mut(&bob).unwrap() -= 1);
            }),
            "what its records say: state",
        ),
        (
            "the PDF is changed and signed for",
            Box::new(|p| {
                let path = p.join("report.pdf");
                let mut pdf = std::fs::read(&path).unwrap();
                let digest = sha256(std::fs::read(p.join("report.json")).unwrap());
                let at = pdf.windows(64).position(|w| w == digest.as_bytes()).unwrap();
                pdf[at] ^= 1;
                std::fs::write(&path, pdf).unwrap();
                sign_again(p, log, unsigned);
            }),
            "report.pdf shows another report.json",
        ),
        (
            "the PDF is of another report, and signed for",
            Box::new(|p| {
                edit(p, "report.json", |t| t.replace("he is a fire fighter", "he is the boss himself"));
                edit(p, "report.csv", |t| t.replace("he is a fire fighter", "he is the boss himself"));
                sign_again(p, log, unsigned);
            }),
            "report.pdf shows another report.json",
        ),
        (
            "a PDF that is none",
            Box::new(|p| {
                std::fs::write(p.join("report.pdf"), "hello").unwrap();
                sign_again(p, log, unsigned);
            }),
            "report.pdf is no PDF",
        ),
        (
            "the reports agree on what the records do not say",
            Box::new(|p| {
                report_again(p, |row| {
                    if row["state"] == "assigned" || row["state"] == "extended" {
                        row["state"] = "completed".into();
                        row["completed"] = row["assigned"].clone();
                    }
                });
                sign_again(p, log, unsigned);
            }),
            "what its records say: state",
        ),
        (
            "the reports agree on another name",
            Box::new(|p| {
                report_again(p, |row| {
                    if row["name"] == "Ana" {
                        row["name"] = "Eve".into();
                    }
                });
                sign_again(p, log, unsigned);
            }),
            "what its records say: name",
        ),
        (
            "somebody is taken out of the population",
            Box::new(|p| {
                edit_json(p, "population.json", |all| drop(all.as_array_mut().unwrap().remove(0)));
                pdf_again(p);
                sign_again(p, log, unsigned);
            }),
            "population.json and report.json do not agree",
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
        let (verdict, why) = judge(&good, &Brought { checkpoints: vec![file.clone()], ..trusted.clone() });
        assert!(verdict == expected && why.contains(says), "{verdict:?} {why}");
    }
    // What is wrong is named whatever else was brought, and in whatever order.
    let fork = w.dir.path().join("fork");
    let mut said = checkpoint::Checkpoint::parse(&note.text).unwrap();
    said.root[0] ^= 1;
    std::fs::write(&fork, Note::signed(said.text(), log).to_string()).unwrap();
    std::fs::write(&file, "hello").unwrap();
    let strange = Signer::new("other.example.org", [1; 32]).unwrap().verifier().to_string();
    for checkpoints in [vec![fork.clone(), file.clone()], vec![file.clone(), fork.clone()]] {
        for key in [None, key.clone(), Some(strange.clone())] {
            let (verdict, why) = judge(&good, &Brought { key, checkpoints: checkpoints.clone(), ..Brought::default() });
            assert!(verdict == Verdict::Tampered && why.contains("a fork"), "{verdict:?} {why}");
        }
    }
    // A pack of another format is of another shape, and that says nothing against it.
    for format in ["stoa-pack/1", "stoa-pack/2", "stoa-pack/99"] {
        let other = w.dir.path().join("other");
        copy(&good, &other);
        let text = serde_json::json!({ "format": format, "log": "learn.example.org", "files": ["report.json"] });
        std::fs::write(other.join("manifest.json"), text.to_string()).unwrap();
        let (verdict, why) = judge(&other, &trusted);
        assert_eq!(verdict, Verdict::CannotVerify, "{format}: {why}");
        assert!(
            why.contains(&format!("the pack's format is {format}, and this program knows stoa-pack/3 and stoa-pack/4")),
            "{why}"
        );
        std::fs::remove_dir_all(&other).unwrap();
    }
    let empty = w.dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert_eq!(judge(&empty, &trusted).0, Verdict::CannotVerify);
    assert_eq!(judge(&w.dir.path().join("nothing"), &trusted).0, Verdict::CannotVerify);
    assert_eq!(judge(&good, &Brought { key: Some(strange), ..Brought::default() }).0, Verdict::CannotVerify);
}
