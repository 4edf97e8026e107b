//! What changed of an assignment, with the values before and after it: in the records, in packs, and in every way to lie.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::json;
use stoa_ground::ledger::{self, Entry, Record};
use stoa_learning::training::assignment::replay;

use super::asked::{file, office};
use super::broken::pdf_again;
use super::*;

/// Cleo was overdue, got more time in two ways, and was exempt in the end.
async fn moved() -> (World, String, PathBuf) {
    let w = office().await;
    let sql = "SELECT a.id FROM assignment a JOIN person p ON p.id = a.person WHERE p.name = 'Cleo'";
    let id = w.id(sql).await;
    w.s.until("2026-12-09T10:00:00Z").await;
    w.more().await;
    // As a release wrote it that did not say what was before.
    let entry = Entry {
        subject: format!("assignment/{id}"),
        kind: "extended",
        actor: "operator".into(),
        reason: "the project takes longer".into(),
        data: json!({ "due": 1_798_934_399_999_999_i64, "due_date": "2027-01-02" }),
    };
    let (ledger, entry) = (&w.services.ledger, &entry);
    w.s.db.write(|tx| async move { ledger.append(&tx, entry.clone()).await }).await.unwrap();
    training::exempt(&w.s.db, &w.services, "Cleo", "fire-safety", None, "operator", "she is a fire fighter, too")
        .await
        .unwrap();
    let pack = w.pack("moved").await;
    (w, id, pack)
}

/// Makes the changes say something else, and agree with each other and the PDF.
pub(super) fn changes_with(folder: &Path, change: impl FnOnce(&mut Vec<Json>)) {
    edit_json(folder, "changes.json", |all| change(all.as_array_mut().unwrap()));
    let changes = file(folder, "changes.json");
    edit(folder, "changes.csv", |text| {
        let head = text.lines().next().unwrap().to_owned();
        let cell = |value: &Json| match value.as_str() {
            Some(text) if text.contains(',') => format!("\"{text}\""),
            Some(text) => text.to_owned(),
            None => value.to_string(),
        };
        let line = |c: &Json| head.split(',').map(|name| cell(&c[name])).collect::<Vec<_>>().join(",") + "\r\n";
        format!("{head}\r\n{}", changes.as_array().unwrap().iter().map(line).collect::<String>())
    });
    pdf_again(folder);
}

fn line(change: &Json) -> String {
    let text = |name: &str| change[name].as_str().unwrap();
    format!(
        "{} {}: {}→{} {}→{}, {} by {}",
        change["version"],
        text("change"),
        text("state_before"),
        text("state"),
        text("due_before"),
        text("due"),
        text("reason"),
        text("by")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_has_who_why_and_what_was_before_also_where_the_record_itself_does_not_say_it() {
    let (w, id, pack) = moved().await;
    let subject = format!("assignment/{id}");
    let changes = file(&pack, "changes.json");
    let hers: Vec<String> =
        changes.as_array().unwrap().iter().filter(|c| c["subject"] == subject.as_str()).map(line).collect();
    assert_eq!(
        hers,
        [
            "1 assigned: →assigned →2026-12-07, because it is for everyone by rule/fire-safety",
            "2 overdue: assigned→overdue 2026-12-07→2026-12-07, the due date has passed by rule/fire-safety",
            "3 extended: overdue→extended 2026-12-07→2026-12-24, a project by operator",
            "4 extended: extended→extended 2026-12-24→2027-01-02, the project takes longer by operator",
            "5 exempted: extended→exempt 2027-01-02→2027-01-02, she is a fire fighter, too by operator",
        ]
    );
    let csv = std::fs::read_to_string(pack.join("changes.csv")).unwrap();
    assert!(csv.contains("extended,operator,a project,overdue,extended,2026-12-07,2026-12-24,,\r\n"), "{csv}");
    let brought = Brought { key: Some(w.log.signer.verifier().to_string()), ..Brought::default() };
    let (verdict, why) = judge(&pack, &brought);
    assert_eq!(verdict, Verdict::Valid, "{why}");
    let records = w.s.db.read(|c| async move { ledger::of_subject(&c, &subject).await }).await.unwrap();
    let said: Vec<(Json, Json)> = records.iter().map(|r| (r.data["was"].clone(), r.data["is"].clone())).collect();
    let values = |state: &str, due: &str| json!({ "state": state, "due_date": due });
    assert_eq!(said[2], (values("overdue", "2026-12-07"), values("extended", "2026-12-24")));
    assert_eq!(said[3], (Json::Null, Json::Null), "an earlier release");
    assert_eq!(said[4], (values("extended", "2027-01-02"), values("exempt", "2027-01-02")));
    let states = w.s.db.read(|c| async move { training::sound(&c).await }).await;
    assert!(states.is_ok(), "{states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_changes_say_against_the_records_both_verifiers_name_it() {
    let (w, _, pack) = moved().await;
    let log = &w.log.signer;
    let trusted = Brought { key: Some(log.verifier().to_string()), ..Brought::default() };
    let broken = w.dir.path().join("broken");
    for (member, lie) in [
        ("state_before", "in_progress"),
        ("state", "completed"),
        ("due_before", "2026-12-08"),
        ("due", "2026-12-25"),
        ("expires", "2027-12-25"),
        ("by", "rule/fire-safety"),
        ("reason", "she asked"),
        ("change", "moved"),
        ("at", "2026-12-01T10:00:00.000Z"),
    ] {
        copy(&pack, &broken);
        changes_with(&broken, |all| {
            all.iter_mut().find(|c| c["reason"] == "a project").unwrap()[member] = lie.into();
        });
        sign_again(&broken, log, |_| {});
        let (verdict, why) = judge(&broken, &trusted);
        assert!(verdict == Verdict::Tampered && why.ends_with(&format!("what its records say: {member}")), "{why}");
        std::fs::remove_dir_all(&broken).unwrap();
    }
    type Break<'a> = Box<dyn Fn(&Path) + 'a>;
    let cases: [(Break<'_>, &str); 4] = [
        (Box::new(|p| changes_with(p, |all| drop(all.pop()))), "and the records make"),
        (Box::new(|p| edit(p, "changes.csv", |t| t.replace("a project", "a prospect"))), "do not agree"),
        (
            Box::new(|p| {
                edit_json(p, "changes.json", |all| all[0]["more"] = 1.into());
                pdf_again(p);
            }),
            "is not what it should be",
        ),
        (Box::new(|p| edit(p, "changes.json", |t| format!("{t} "))), "report.pdf shows another changes.json"),
    ];
    for (change, says) in &cases {
        copy(&pack, &broken);
        change(&broken);
        sign_again(&broken, log, |_| {});
        let (verdict, why) = judge(&broken, &trusted);
        assert!(verdict == Verdict::Tampered && why.contains(says), "{says}: {why}");
        std::fs::remove_dir_all(&broken).unwrap();
    }
    // Packs of earlier releases have no changes.
    copy(&pack, &broken);
    for name in ["changes.json", "changes.csv"] {
        std::fs::remove_file(broken.join(name)).unwrap();
    }
    sign_again(&broken, log, |m| m.files.retain(|name, _| !name.starts_with("changes.")));
    let (verdict, why) = judge(&broken, &trusted);
    assert_eq!(verdict, Verdict::Valid, "{why}");
}

#[test]
fn a_record_that_lies_about_what_was_or_is_follows_on_nothing_for_both() {
    let record = |version: i64, kind: &str, at: i64, data: Json| {
        json!({ "id": "r", "subject": "assignment/a", "version": version, "kind": kind, "at": at, "actor": "operator",
                "reason": "why", "data": data })
    };
    let first = record(
        1,
        "assigned",
        0,
        json!({ "person": "p", "requirement": "r", "rule_version": "v", "course": "c", "due": 1_000, "due_date": "1970-01-02" }),
    );
    let values = |state: &str, due: &str| json!({ "state": state, "due_date": due });
    let (was, is) = (values("assigned", "1970-01-02"), values("extended", "1970-01-03"));
    let done = json!({ "state": "assigned", "due_date": "1970-01-02", "expires_date": "1971-01-01" });
    for (said, holds) in [
        (json!({}), true),
        (json!({ "was": was, "is": is }), true),
        (json!({ "was": values("overdue", "1970-01-02"), "is": is }), false),
        (json!({ "was": values("assigned", "1970-01-01"), "is": is }), false),
        (json!({ "was": was, "is": values("assigned", "1970-01-03") }), false),
        (json!({ "was": was, "is": was }), false),
        (json!({ "was": done, "is": is }), false),
        (json!({ "was": { "state": "assigned" }, "is": is }), false),
        (json!({ "was": "assigned", "is": is }), false),
        (json!({ "was": { "state": "assigned", "due_date": "1970-01-02", "more": 1 }, "is": is }), false),
    ] {
        let mut data = json!({ "due": 2_000, "due_date": "1970-01-03" });
        data.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        let records = json!([first, record(2, "extended", 10, data)]);
        let read: Vec<Record> = serde_json::from_value(records.clone()).unwrap();
        assert_eq!(replay("a", &read).is_ok(), holds, "here: {said}");
        let script = "import json, sys; sys.path.insert(0, sys.argv[1]); import verify\n\
                      past = [verify.Record(r, {}, 'x') for r in json.load(sys.stdin)]\n\
                      try: verify.replay('assignment/a', past)\n\
                      except (verify.Damaged, AttributeError, TypeError): sys.exit(1)\n";
        let mut child =
            python().args(["-c", script]).arg(verifier().parent().unwrap()).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(records.to_string().as_bytes()).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(i32::from(!holds)), "in Python: {said}");
    }
}
