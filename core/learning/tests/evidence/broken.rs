//! Every way to break a pack: both verifiers say the same, and name it.

use super::*;

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
