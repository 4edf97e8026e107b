//! A pack for each preset, held against what its regime asks for (the table of presets in docs/evidence.md).

use stoa_ground::people::{self, Person};
use stoa_learning::evidence::retention;

use super::asked::file;
use super::*;

const QUIZ: &str = r#"
id = "respect"
title = "Respect at work"
provider = "Example Academy"
pass_mark = 0.5
attempts = 2
attestation = "I have read Respect at work."

[[trainer]]
person = "E-Tara"
qualification = "Certified trainer for the prevention of harassment"

[[question]]
prompt = "Somebody tells a joke about a colleague. What first?"
options = ["Laugh", "Say that it is not all right"]
answer = 1
why = "Silence is taken for consent."
"#;
const RULE: &str = "[[requirement]]\nid = \"respect-at-work\"\ntitle = \"Respect at work\"\ncourse = \"respect\"\n\
    audience = \"department = \\\"Sales\\\"\"\ndue = { days = 14, from = \"assigned\" }\n";
const QUESTION: &str = "What if it is my manager?";
const ANSWER: &str = "Come to me, or to the works council.";

/// Ina learns in the chat, with a quiz, a question to the trainer and her name. Fay has done the same, and left. Gus comes late,
/// Lia goes on leave, Hal does nothing.
async fn department() -> World {
    let w = world().await;
    let sales = |title: &'static str| {
        move |p: &mut Person| {
            p.department = Some("Sales".into());
            p.title = Some(title.into());
        }
    };
    let max = w.s.hire("Max", |p| p.title = Some("Head of sales".into())).await;
    w.s.hire("Tara", |p| p.title = Some("Counsellor".into())).await;
    for name in ["Ina", "Fay", "Hal", "Lia"] {
        w.s.hire(name, |p| {
            sales("Seller")(p);
            p.manager = Some(max.id.clone());
        })
        .await;
    }
    let folder = w.dir.path().join("courses/respect");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("course.toml"), QUIZ).unwrap();
    std::fs::write(folder.join("01-respect.md"), "# Respect\n\nWe say **what we see**.").unwrap();
    course::apply_dir(&w.s.db, &w.services, &w.dir.path().join("courses")).await.unwrap();
    training::apply(&w.s.db, &w.services, "respect.toml", RULE, false).await.unwrap();
    w.s.flow.settle().await.unwrap();
    for name in ["Tara", "Max", "Ina", "Fay"] {
        w.s.says(name, "training").await;
    }
    for name in ["Ina", "Fay"] {
        let id = w.assigned(name, "respect-at-work").await.replace("assignment/", "");
        w.s.presses(name, &format!("training open {id}")).await;
        if name == "Ina" {
            w.s.fills(name, &format!("training ask {id} c"), &[("question", QUESTION)]).await;
            let question = w.id("SELECT id FROM trainer_question").await;
            w.s.fills("Tara", &format!("training reply {question}"), &[("answer", ANSWER)]).await;
        }
        w.s.presses(name, &format!("training quiz {id}")).await;
        w.s.presses(name, &format!("training answer {id} 1 0 1")).await;
        let done = w.s.fills(name, &format!("training attest {id}"), &[("name", name)]).await;
        assert!(done.contains("completed"), "{done}");
    }
    w.s.until("2026-11-24T10:00:00Z").await;
    w.leaves("Fay").await;
    w.s.until("2026-12-02T10:00:00Z").await;
    let gus = w.s.hire("Gus", sales("Seller")).await;
    training::reconsider(&w.s.db, &w.services, &[gus.id]).await.unwrap();
    w.s.db
        .write(|tx| async move {
            let sql = "UPDATE person SET status = 'leave', leave_from = '2026-12-02', updated = $1 WHERE name = 'Lia'";
            tx.exec(sql, stoa_ground::args![tx.now()]).await?;
            let row = tx.one("SELECT id FROM person WHERE name = 'Lia'", stoa_ground::args![]).await?;
            tx.publish(people::TOPIC, &row.get::<String>("id")?).await
        })
        .await
        .unwrap();
    w.s.flow.settle().await.unwrap();
    w.s.until("2026-12-17T10:00:00Z").await;
    w
}

/// A pack, as an auditor reads it.
struct Shown {
    pack: PathBuf,
    report: Json,
}

impl Shown {
    fn row(&self, name: &str) -> &Json {
        let rows = self.report["rows"].as_array().unwrap();
        rows.iter().find(|r| r["name"] == name).unwrap_or_else(|| panic!("{name} has a line: {}", self.report))
    }

    /// What the line of somebody says.
    fn says(&self, name: &str, column: &str) -> &str {
        self.row(name)[column].as_str().unwrap()
    }

    /// The newest disclosed field of a kind of record of somebody's assignment.
    fn opened(&self, name: &str, kind: &str, field: &str) -> Option<Json> {
        let subject = self.says(name, "subject");
        let text = std::fs::read_to_string(self.pack.join("records.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        let mut fields = lines.filter_map(|line| {
            let entry: Json = serde_json::from_str(line["entry"].as_str().unwrap()).unwrap();
            let mine = entry["subject"] == subject && entry["kind"] == kind;
            let value = mine.then(|| line["opened"][field]["value"].as_str().map(str::to_owned)).flatten()?;
            Some(serde_json::from_str(&value).unwrap())
        });
        fields.next_back()
    }

    /// Whether a text stands anywhere in the pack, but for content.
    fn has(&self, text: &str) -> bool {
        let files = std::fs::read_dir(&self.pack).unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.is_file());
        let mut all = files.map(|p| std::fs::read(p).unwrap());
        all.any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }

    /// What everybody asks for: who, in which place, when, what, in which version, and why; and all of the material.
    fn has_what_all_ask_for(&self) {
        for name in ["Ina", "Fay"] {
            for column in
                ["employee_id", "title", "department", "manager", "zone", "rule_version", "why", "assigned", "due"]
            {
                assert_ne!(self.says(name, column), "", "{name} {column}");
            }
            assert_eq!([self.says(name, "state"), self.says(name, "course")], ["completed", "respect"]);
            assert_eq!(self.row(name)["counts"], true, "also of who left");
            let content = file(&self.pack, &format!("content/{}.json", self.says(name, "content")));
            assert!(content["pages"][0]["text"].as_str().unwrap().contains("what we see"), "{content}");
            assert_eq!(content["questions"].as_array().map(Vec::len), Some(1), "{content}");
            assert_eq!(content["pass_mark"], 0.5);
            let done = |field: &str| self.opened(name, "completed", field).unwrap_or_default();
            assert_eq!(done("data/version"), self.says(name, "content"));
            assert_eq!((done("data/how"), done("data/language")), ("chat".into(), content["language"].clone()));
            assert_eq!(done("data/provider"), "Example Academy");
            assert_eq!(self.says(name, "authentication"), "chat-session");
            let attested = |field: &str| self.opened(name, "attested", field).unwrap_or_default();
            assert_ne!(attested("data/text"), Json::Null, "the sentence that was confirmed");
        }
        assert_eq!(self.says("Hal", "state"), "overdue");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pack_of_each_preset_has_what_its_regime_asks_for_and_nothing_that_it_does_not() {
    let w = department().await;
    for preset in Preset::ALL {
        let pack = w.dir.path().join(preset.name());
        let scope = Scope {
            requirement: Some("respect-at-work".into()),
            from: Some("2026-11-23".parse().unwrap()),
            to: Some("2026-12-16".parse().unwrap()),
            ..Scope::default()
        };
        let policy = Policy { rules: retention::usual(), preset };
        let wanted = Wanted { scope: &scope, preset: None, policy: &policy };
        export(&w.s.db, &w.services, &w.log, &wanted, &pack).await.unwrap();
        let outcome = judged(&pack, &w.trusted());
        assert_eq!(outcome.verdict, Verdict::Valid, "{preset:?}: {}", outcome.reason);
        let shown = Shown { report: file(&pack, "report.json"), pack };
        shown.has_what_all_ask_for();
        let score = shown.says("Ina", "score");
        let kept = shown.says("Fay", "retention");
        let trainer = serde_json::json!([{ "employee_id": "E-Tara", "name": "Tara", "title": "Counsellor",
                                           "qualification": "Certified trainer for the prevention of harassment" }]);
        let trainers = shown.opened("Ina", "completed", "data/trainers");
        assert_eq!(trainers, Some(trainer), "{preset:?}: who taught, with job title and qualification");
        let texts = [QUESTION, ANSWER].map(|text| shown.has(text));
        let typed = shown.opened("Ina", "attested", "data/name");
        let answers = shown.opened("Ina", "attempted", "data/answers");
        let own = shown.opened("Ina", "attempted", "data/score");
        let statements = std::fs::read_to_string(shown.pack.join("statements.jsonl")).unwrap();
        let says = ["\"response\"", "\"scaled\""].map(|member| statements.contains(member));
        assert_eq!(says, [preset.shows_answers(), preset.shows_results()], "{preset:?}: {statements}");
        let question = &file(&shown.pack, "questions.json")[0];
        assert_eq!([&question["employee_id"], &question["answered_by"]], ["E-Ina", "E-Tara"]);
        assert!(question["asked"] != "" && question["answered"] != "" && question["due"] != "", "{question}");
        match preset {
            // 7.2 (d): evidence of competence, so of the outcome; what was answered and typed is nobody's business.
            Preset::Iso9001 => {
                assert_eq!((score, own), ("1", Some(1.0.into())));
                assert_eq!((typed, answers, texts), (None, None, [false; 2]));
                assert_eq!(kept, "training: until 2029-11-23");
            }
            // CC1.4, CC2.2: population, enrolment, completion and follow-up over the whole period; late hires, people on leave.
            Preset::Soc2 => {
                let population = file(&shown.pack, "population.json");
                let names: Vec<&str> =
                    population.as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
                assert_eq!(names, ["Ana", "Bob", "Cleo", "Fay", "Gus", "Hal", "Ina", "Lia", "Max", "Tara"]);
                let of = |name: &str| population.as_array().unwrap().iter().find(|p| p["name"] == name).unwrap();
                assert!(of("Gus")["known_since"].as_str().unwrap().starts_with("2026-12-02"), "{population}");
                assert!(of("Fay")["left"] != "" && of("Max")["why_none"] != "", "{population}");
                assert!(shown.says("Gus", "assigned").starts_with("2026-12-02"));
                assert_eq!((shown.says("Lia", "state"), &shown.row("Lia")["counts"]), ("on_leave", &Json::from(false)));
                assert_eq!(shown.report["excluded"], serde_json::json!({ "on_leave": 1 }));
                let hal = Json::from(shown.says("Hal", "subject"));
                let trail = file(&shown.pack, "trail.json");
                let about = trail.as_array().unwrap().iter().filter(|e| e["about"].as_array().unwrap().contains(&hal));
                let kinds: Vec<&str> = about.map(|e| e["kind"].as_str().unwrap()).collect();
                for kind in ["assign", "reminder", "overdue"] {
                    assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
                }
                assert_eq!((score, own, typed, answers, texts), ("", None, None, None, [false; 2]));
                assert_eq!(kept, "training: until 2028-11-23");
            }
            // 164.530(b) and (j): person, date, content, result, version; six years, leavers too.
            Preset::Hipaa => {
                assert_eq!((score, own), ("1", Some(1.0.into())));
                assert_eq!((typed, answers, texts), (None, None, [false; 2]));
                assert_eq!(kept, "training: until 2032-11-23");
            }
            // 1910.1030: dates, contents, names and qualifications of trainers, names and job titles; three years.
            Preset::Osha => {
                assert_eq!((shown.says("Ina", "title"), score), ("Seller", "1"));
                assert_eq!((typed, answers, texts), (None, None, [false; 2]));
                assert_eq!(kept, "training: until 2029-11-23");
                let works = "training: no end yet, it holds for good, and the person works here";
                assert_eq!(shown.says("Ina", "retention"), works);
            }
            // 11024(b)(2): names, date, type, provider, sign-in, all materials, written questions and answers; two years.
            Preset::HarassmentPrevention => {
                assert_eq!((typed, texts), (Some("Ina".into()), [true; 2]));
                assert!(answers.is_some() && score == "1");
                assert_eq!([&question["question"], &question["answer"]], [QUESTION, ANSWER]);
                assert_eq!(kept, "training: until 2028-11-23");
            }
            Preset::None => {
                assert!(typed.is_some() && answers.is_some() && score == "1" && texts == [true; 2]);
                assert_eq!(kept, "training: until 2032-11-23");
            }
        }
    }
}

/// The packs in `packs` were made by the release before `stoa-pack/4`; `key.txt` and `anchored.txt` came with them.
#[test]
fn packs_that_an_earlier_release_made_are_valid_still() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evidence/packs");
    let key = std::fs::read_to_string(folder.join("key.txt")).unwrap().split_whitespace().next().unwrap().to_owned();
    let brought = Brought { key: Some(key), checkpoints: vec![folder.join("anchored.txt")], ..Brought::default() };
    for preset in Preset::ALL.into_iter().filter(|preset| !preset.is_none()) {
        let pack = folder.join(format!("{}.zip", preset.name()));
        let outcome = judged(&pack, &brought);
        assert_eq!(outcome.verdict, Verdict::Valid, "{preset:?}: {}", outcome.reason);
        assert!(outcome.checks.iter().any(|check| check == "JSON, CSV and PDF agree: 2 of 4 completed (50.0 %)"));
    }
}
