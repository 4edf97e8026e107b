//! What people ask for, what trainers answer, and where clocks differ: in packs, and in every way to break them.

use stoa_flow::chat::{Envelope, Event};
use stoa_flow::testing::{account, direct};
use stoa_ground::args;
use stoa_ground::people::{self, Person, Role};

use super::broken::pdf_again;
use super::*;

/// Dan reports to Max; Lea is of the learning team.
pub(super) async fn office() -> World {
    let w = world().await;
    let max = w.s.hire("Max", |_| {}).await;
    let dan = w.s.hire("Dan", |p| p.manager = Some(max.id.clone())).await;
    let lea = w.s.hire("Lea", |_| {}).await;
    let (ledger, lea) = (&w.services.ledger, &lea);
    w.s.db
        .write(|tx| async move { people::grant(&tx, ledger, lea, Role::Learning, "operator", "x").await })
        .await
        .unwrap();
    training::reconsider(&w.s.db, &w.services, &[dan.id]).await.unwrap();
    w.s.flow.settle().await.unwrap();
    for name in ["Max", "Dan", "Lea"] {
        w.s.says(name, "training").await;
    }
    w
}

impl World {
    /// Somebody leaves.
    pub(super) async fn leaves(&self, name: &str) {
        self.s
            .db
            .write(|tx| async move {
                let sql = "UPDATE person SET status = 'left', updated = $2 WHERE name = $1";
                tx.exec(sql, args![name, tx.now()]).await?;
                let row = tx.one("SELECT id FROM person WHERE name = $1", args![name]).await?;
                tx.publish(people::TOPIC, &row.get::<String>("id")?).await
            })
            .await
            .unwrap();
        self.s.flow.settle().await.unwrap();
    }

    pub(super) async fn id(&self, sql: &'static str) -> String {
        self.s.db.opt(sql, args![]).await.unwrap().unwrap().get("id").unwrap()
    }

    /// The assignment of Dan.
    pub(super) async fn dans(&self) -> String {
        let sql = "SELECT a.id FROM assignment a JOIN person p ON p.id = a.person
                   WHERE p.name = 'Dan' AND requirement = 'fire-safety'";
        self.id(sql).await
    }

    /// Dan asks for more time and gets it, and asks Lea something and is answered.
    pub(super) async fn ask(&self) {
        let id = self.dans().await;
        let wish = [("what", "extension"), ("until", "2026-12-16"), ("reason", "I am at the fair")];
        self.s.fills("Dan", &format!("training request {id}"), &wish).await;
        let request = self.id("SELECT id FROM training_request").await;
        self.s.presses("Max", &format!("training approve {request}")).await;
        self.s.presses("Dan", &format!("training open {id}")).await;
        self.s.fills("Dan", &format!("training ask {id} c"), &[("question", "Also at night?")]).await;
        let question = self.id("SELECT id FROM trainer_question").await;
        self.s.fills("Lea", &format!("training reply {question}"), &[("answer", "Yes, each month.")]).await;
    }
}

pub(super) fn file(pack: &Path, name: &str) -> Json {
    serde_json::from_slice(&std::fs::read(pack.join(name)).unwrap()).unwrap()
}

fn row<'a>(report: &'a Json, name: &str, requirement: &str) -> &'a Json {
    let rows = report["rows"].as_array().unwrap();
    let found = rows.iter().find(|r| r["name"] == name && r["requirement"] == requirement);
    found.unwrap_or_else(|| panic!("{name} has {requirement}: {report}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_has_what_was_asked_for_and_decided_and_both_texts_of_a_question() {
    let w = office().await;
    w.ask().await;
    let pack = w.dir.path().join("pack");
    let scope = Scope { requirement: Some("fire-safety".into()), ..Scope::default() };
    w.export(&scope, Some(Preset::HarassmentPrevention), &pack).await.unwrap();
    let trusted = Brought { key: Some(w.log.signer.verifier().to_string()), ..Brought::default() };
    assert_eq!(judge(&pack, &trusted).0, Verdict::Valid, "{}", judge(&pack, &trusted).1);
    let requests = file(&pack, "requests.json");
    let asked = &requests[0];
    let said =
        ["kind", "state", "employee_id", "requirement", "wished", "asked_by", "reason", "approver", "decided_by"];
    assert_eq!(
        said.map(|name| asked[name].as_str().unwrap()),
        ["extension", "approved", "E-Dan", "fire-safety", "2026-12-16", "E-Dan", "I am at the fair", "E-Max", "E-Max"]
    );
    assert!(asked["assignment"] == format!("assignment/{}", w.dans().await) && asked["decided"] != "", "{asked}");
    let question = &file(&pack, "questions.json")[0];
    let said = ["employee_id", "course", "question", "answer", "answered_by", "qualification"];
    assert_eq!(
        said.map(|name| question[name].as_str().unwrap()),
        ["E-Dan", "fire", "Also at night?", "Yes, each month.", "E-Lea", "learning and development"]
    );
    let records = std::fs::read_to_string(pack.join("records.jsonl")).unwrap();
    assert!(records.contains("Also at night?") && records.contains("Yes, each month."));
    // A regime that does not ask for the texts gets neither them nor what would show a guess.
    let short = w.dir.path().join("short");
    w.export(&scope, Some(Preset::Osha), &short).await.unwrap();
    assert_eq!(judge(&short, &trusted).0, Verdict::Valid, "{}", judge(&short, &trusted).1);
    let question = &file(&short, "questions.json")[0];
    assert_eq!((question["question"].as_str(), question["answer"].as_str()), (Some(""), Some("")));
    let records = std::fs::read_to_string(short.join("records.jsonl")).unwrap();
    assert!(!records.contains("at night") && !records.contains("each month") && !records.contains("data/digest\":{"));

    // Every way to break them, by somebody who signs it with the log's own key.
    type Break<'a> = Box<dyn Fn(&Path) + 'a>;
    let change = |name: &'static str, member: &'static str, value: &'static str| -> Break<'static> {
        Box::new(move |p| edit_json(p, name, |all| all[0][member] = value.into()))
    };
    let cases: Vec<(&str, Break<'_>, &str)> = vec![
        ("another decision", change("requests.json", "state", "declined"), "requests.json does not say of request/"),
        ("another reason", change("requests.json", "reason", "I am ill"), "requests.json does not say of request/"),
        ("another wish", change("requests.json", "kind", "exemption"), "requests.json does not say of request/"),
        ("another day", change("requests.json", "wished", "2027-12-16"), "requests.json does not say of request/"),
        ("another assignment", change("requests.json", "assignment", "assignment/x"), "does not say of request/"),
        ("another requirement", change("requests.json", "requirement", "x"), "does not say of request/"),
        ("the operator's decision", change("requests.json", "decided_by", "operator"), "does not say of request/"),
        ("another's decision", change("requests.json", "decided_by", "E-Lea"), "what its records say: decided_by"),
        ("another to decide", change("requests.json", "approver", "E-Cleo"), "what its records say: "),
        ("another who asked", change("requests.json", "asked_by", "E-Max"), "what its records say: asked_by"),
        ("another who answered", change("questions.json", "answered_by", "E-Max"), "what its records say: answered_by"),
        ("nobody's decision", change("requests.json", "decided_by", ""), "does not say of request/"),
        ("another course", change("questions.json", "course", "x"), "does not say of trainer-question/"),
        ("another content", change("questions.json", "content", "x"), "does not say of trainer-question/"),
        ("another end", change("questions.json", "due", ""), "does not say of trainer-question/"),
        ("another qualification", change("questions.json", "qualification", "judge"), "of trainer-question/"),
        ("decided later", change("requests.json", "decided", "2026-12-01T00:00:00.000Z"), "requests.json does not say"),
        (
            "another answer",
            change("questions.json", "answer", "No."),
            "questions.json does not say of trainer-question/",
        ),
        (
            "another question",
            change("questions.json", "question", "Hm?"),
            "questions.json does not say of trainer-question/",
        ),
        (
            "no request",
            Box::new(|p| edit_json(p, "requests.json", |all| *all = Json::Array(Vec::new()))),
            "does not name request/",
        ),
        (
            "a question twice",
            Box::new(|p| {
                edit_json(p, "questions.json", |all| {
                    let one = all[0].clone();
                    all.as_array_mut().unwrap().push(one);
                });
            }),
            "twice",
        ),
        ("a request of nobody", change("requests.json", "subject", "request/x"), "of which the pack has no record"),
        (
            "a file is gone",
            Box::new(|p| std::fs::remove_file(p.join("questions.json")).unwrap()),
            "questions.json is missing",
        ),
    ];
    let broken = w.dir.path().join("broken");
    for (what, change, says) in &cases {
        copy(&pack, &broken);
        change(&broken);
        if broken.join("questions.json").exists() {
            pdf_again(&broken);
            sign_again(&broken, &w.log.signer, |_| {});
        }
        let (verdict, why) = judge(&broken, &trusted);
        assert!(verdict == Verdict::Tampered && why.contains(says), "{what}: {verdict:?} {why}");
        std::fs::remove_dir_all(&broken).unwrap();
    }
    // Packs of the format before promise nothing about whose employee id it is.
    copy(&pack, &broken);
    edit_json(&broken, "requests.json", |all| all[0]["decided_by"] = "E-Lea".into());
    pdf_again(&broken);
    sign_again(&broken, &w.log.signer, |m| m.format = "stoa-pack/3".into());
    assert_eq!(judge(&broken, &trusted).0, Verdict::Valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_in_a_course_is_in_the_pack_with_its_approval_and_does_not_count() {
    let w = office().await;
    let folder = w.dir.path().join("courses/sailing");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("course.toml"), COURSE.replace("fire", "sailing").replace("Fire safety", "Sailing"))
        .unwrap();
    std::fs::write(folder.join("01-wind.md"), "# The wind\n\nIt blows.").unwrap();
    course::apply_dir(&w.s.db, &w.services, &w.dir.path().join("courses")).await.unwrap();
    w.s.fills("Dan", "training enrol sailing", &[("until", "2026-12-10"), ("reason", "For fun")]).await;
    // It is nothing of a requirement's, as long as nobody has decided it and after that.
    let scope = || Scope { requirement: Some("fire-safety".into()), ..Scope::default() };
    let before = w.dir.path().join("before");
    w.export(&scope(), None, &before).await.unwrap();
    assert_eq!(file(&before, "requests.json"), Json::Array(Vec::new()));
    let request = w.id("SELECT id FROM training_request").await;
    w.s.presses("Max", &format!("training approve {request}")).await;
    let pack = w.dir.path().join("pack");
    w.export(&Scope::default(), None, &pack).await.unwrap();
    let trusted = Brought { key: Some(w.log.signer.verifier().to_string()), ..Brought::default() };
    assert_eq!(judge(&pack, &trusted).0, Verdict::Valid, "{}", judge(&pack, &trusted).1);
    let report = file(&pack, "report.json");
    let place = row(&report, "Dan", "enrolment/sailing");
    assert_eq!((place["counts"].as_bool(), place["state"].as_str()), (Some(false), Some("assigned")));
    assert_eq!(place["reason"], "voluntary: a place in a course that nothing demands");
    let asked = &file(&pack, "requests.json")[0];
    assert_eq!([&asked["kind"], &asked["decided_by"]], ["enrolment", "E-Max"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_whose_clock_is_wrong_is_flagged_and_nothing_is_rewritten() {
    let w = office().await;
    let id = w.dans().await;
    let now = w.s.db.clock().now();
    let event = |key: &str, off: i64, command: String| Envelope {
        key: format!("test/{key}"),
        at: now.plus(off),
        account: account("Dan"),
        place: direct("Dan"),
        event: Event::Action { command, message: None },
    };
    // Seven minutes ahead.
    w.s.flow.accept(event("open", 421_000_000, format!("training open {id}"))).await.unwrap();
    w.s.flow.settle().await.unwrap();
    let pack = w.dir.path().join("pack");
    w.export(&Scope { person: Some("Dan".into()), ..Scope::default() }, None, &pack).await.unwrap();
    let trusted = Brought { key: Some(w.log.signer.verifier().to_string()), ..Brought::default() };
    assert_eq!(judge(&pack, &trusted).0, Verdict::Valid, "{}", judge(&pack, &trusted).1);
    let report = file(&pack, "report.json");
    let dan = row(&report, "Dan", "fire-safety");
    assert_eq!((dan["skew"].as_str(), dan["started"].as_str()), (Some("started: 421 s"), Some(now.rfc3339().as_str())));
    let records = std::fs::read_to_string(pack.join("records.jsonl")).unwrap();
    let source =
        format!("{{\\\"platform\\\":\\\"test\\\",\\\"at\\\":{},\\\"received\\\":{}}}", now.plus(421_000_000).0, now.0);
    assert!(records.contains(&source), "{source}: {records}");
    // Nobody can take the flag away.
    let broken = w.dir.path().join("broken");
    copy(&pack, &broken);
    for name in ["report.json", "report.csv"] {
        edit(&broken, name, |text| text.replace("started: 421 s", ""));
    }
    pdf_again(&broken);
    sign_again(&broken, &w.log.signer, |_| {});
    let (verdict, why) = judge(&broken, &trusted);
    assert!(verdict == Verdict::Tampered && why.ends_with("what its records say: skew"), "{verdict:?} {why}");
}

/// Ana has two rows that are one person, whose records may be erased: all of them, unless a hold on either row stands.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_merged_into_somebody_is_kept_held_and_erased_with_them() {
    use stoa_learning::evidence::retention::{self, After, Rule};
    let w = world().await;
    let other = w.s.hire("Ana B", |_| {}).await;
    training::reconsider(&w.s.db, &w.services, std::slice::from_ref(&other.id)).await.unwrap();
    training::complete(&w.s.db, &w.services, "Ana B", "fire-safety", "operator", "in class").await.unwrap();
    let (services, row) = (&*w.services, &other);
    w.s.db
        .write(|tx| async move {
            people::merge::merge(&tx, &services.ledger, "E-Ana B", "E-Ana", "operator", "the same").await.map(drop)
        })
        .await
        .unwrap();
    let ana: Person = w.s.db.read(|c| async move { people::find(&c, "E-Ana").await }).await.unwrap();
    let always = Rule { class: None, requirement: None, years: 0, after: After::Record, usual: false };
    let policy = &Policy { rules: vec![always], preset: Preset::None };
    let ana = &ana;
    w.s.until("2026-11-24T09:00:00Z").await;
    let plan = || w.s.db.read(|c| async move { retention::plan(&c, ana, policy).await });
    // As long as she works here what she has done holds.
    let planned = plan().await.unwrap();
    let kept = planned.iter().filter(|p| !p.erasable).map(|p| p.why.as_str()).collect::<Vec<_>>();
    assert_eq!(kept, ["it holds for good, and the person works here"], "{planned:?}");
    w.leaves("Ana").await;
    let ana: Person = w.s.db.read(|c| async move { people::find(&c, "E-Ana").await }).await.unwrap();
    let ana = &ana;
    let plan = || w.s.db.read(|c| async move { retention::plan(&c, ana, policy).await });
    let planned = plan().await.unwrap();
    assert_eq!(planned.iter().filter(|p| p.subject.starts_with("assignment/")).count(), 2, "{planned:?}");
    assert!(planned.iter().all(|p| p.erasable), "{planned:?}");
    // A hold on the merged row holds the person.
    let hold = |tx: stoa_ground::Tx| async move {
        retention::hold(&tx, services, &format!("person/{}", row.id), "operator", "a lawsuit").await
    };
    let id = &w.s.db.write(hold).await.unwrap();
    assert!(plan().await.unwrap().iter().all(|p| !p.erasable && p.why.contains("a lawsuit")));
    w.s.db.write(|tx| async move { retention::release(&tx, services, id, "operator", "settled").await }).await.unwrap();
    retention::erase(&w.s.db, services, ana, policy, "operator", "she asked").await.unwrap();
    // What the record of the hold says of her is kept.
    let left = "SELECT COUNT(*) AS n FROM ledger_value WHERE erased IS NULL AND part = 0 AND person IN ($1, $2)";
    let left = w.s.db.opt(left, args![&ana.id, &row.id]).await.unwrap().unwrap();
    let history = "SELECT COUNT(*) AS n FROM person_history WHERE person IN ($1, $2)";
    let history = w.s.db.opt(history, args![&ana.id, &row.id]).await.unwrap().unwrap();
    assert_eq!((left.get::<i64>("n").unwrap(), history.get::<i64>("n").unwrap()), (0, 0));
}
