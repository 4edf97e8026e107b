//! Mandatory training as people meet it: from the assignment to the attestation, reminders, managers, leave.

use std::path::Path;
use std::sync::Arc;

use stoa_flow::testing::{Stage, direct, organisation};
use stoa_ground::people::{self, Person, Role, Status};
use stoa_ground::xapi::Emitter;
use stoa_ground::{Error, Instant, args};
use stoa_learning::search::Index;
use stoa_learning::training::assignment::{self, Assignment};
use stoa_learning::training::{self, Filter, course};
use stoa_learning::{Services, ledger, parts};

const COURSE: &str = r#"
id = "fire"
title = "Fire safety"
pass_mark = 0.5
attempts = 2
attestation = "I have read Fire safety and will leave the house when it burns."

[[question]]
prompt = "It burns. What first?"
options = ["Finish the mail", "Leave"]
answer = 1
why = "Mails can wait."

[[question]]
prompt = "Which way?"
options = ["The stairs", "The lift"]
answer = 0
why = "Lifts stop."
"#;

const REQUIREMENT: &str = r#"
[[requirement]]
id = "fire-safety"
title = "Fire safety"
course = "fire"
audience = "everyone"
due = { days = 14, from = "assigned" }
"#;

struct World {
    s: Stage,
    services: Arc<Services>,
    _courses: tempfile::TempDir,
}

fn write_course(dir: &Path, toml: &str) {
    let id = toml.split('"').nth(1).unwrap();
    let folder = dir.join(id);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("course.toml"), toml).unwrap();
    std::fs::write(folder.join("01-alarm.md"), "# The alarm\n\nWhen it rings, **go**.").unwrap();
    std::fs::write(folder.join("02-stairs.md"), "# The stairs\n\nUse the stairs.").unwrap();
}

async fn world() -> World {
    let services = Arc::new(Services {
        ledger: ledger(),
        emitter: Emitter::new("https://learn.example.org").unwrap(),
        index: Index::in_memory().unwrap(),
        organisation: organisation(),
    });
    let s = Stage::new(|_| parts(&services)).await;
    let courses = tempfile::tempdir().unwrap();
    write_course(courses.path(), COURSE);
    course::apply_dir(&s.db, &services, courses.path()).await.unwrap();
    World { s, services, _courses: courses }
}

impl World {
    async fn apply(&self, text: &str) -> training::Plan {
        let plan = training::apply(&self.s.db, &self.services, "requirements.toml", text, false).await.unwrap();
        self.s.flow.settle().await.unwrap();
        plan
    }

    async fn of(&self, person: &Person) -> Vec<Assignment> {
        self.s.db.read(|c| async move { assignment::of_person(&c, &person.id).await }).await.unwrap()
    }

    async fn one(&self, person: &Person) -> Assignment {
        let mut all = self.of(person).await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// What the newest message to a person says now.
    fn last(&self, user: &str) -> String {
        self.s.to(user).last().map(|p| p.message.plain()).unwrap_or_default()
    }

    async fn press(&self, user: &str, command: &str) -> String {
        self.s.presses(user, command).await;
        self.last(user)
    }

    /// Reads, answers and signs as a person who knows.
    async fn finish(&self, person: &Person) {
        let id = self.one(person).await.id;
        let name = person.name.as_str();
        self.s.says(name, "training").await;
        self.press(name, &format!("training open {id}")).await;
        self.press(name, &format!("training page {id} 2")).await;
        self.press(name, &format!("training quiz {id}")).await;
        self.press(name, &format!("training answer {id} 1 0 1")).await;
        self.press(name, &format!("training answer {id} 1 1 0")).await;
        let done = self.s.fills(name, &format!("training attest {id}"), &[("name", name)]).await;
        assert!(done.contains("completed on"), "{done}");
    }

    async fn change(&self, sql: &'static str, person: &Person, value: Option<&str>) {
        self.s
            .db
            .write(|tx| async move {
                tx.exec(sql, args![&person.id, value]).await?;
                tx.publish(people::TOPIC, &person.id).await
            })
            .await
            .unwrap();
        self.s.flow.settle().await.unwrap();
    }

    async fn verbs(&self) -> Vec<String> {
        let rows = self.s.db.all("SELECT verb FROM statement ORDER BY position", args![]).await.unwrap();
        rows.iter().map(|r| r.get::<String>("verb").unwrap().rsplit('/').next().unwrap().to_owned()).collect()
    }

    async fn kinds(&self, id: &str) -> Vec<String> {
        let subject = format!("assignment/{id}");
        let rows = self
            .s
            .db
            .all("SELECT kind FROM ledger_record WHERE subject = $1 ORDER BY version", args![subject])
            .await
            .unwrap();
        rows.iter().map(|r| r.get("kind").unwrap()).collect()
    }

    async fn tables(&self) -> String {
        let mut text = String::new();
        for sql in [
            "SELECT id || state || due || due_date || COALESCE(course_version, '-') || COALESCE(score, '-') || version AS t FROM assignment ORDER BY id",
            "SELECT id || definition || version AS t FROM requirement ORDER BY id",
            "SELECT id || version || published AS t FROM course ORDER BY id",
        ] {
            for row in self.s.db.all(sql, args![]).await.unwrap() {
                text.push_str(&row.get::<String>("t").unwrap());
                text.push('\n');
            }
        }
        text
    }
}

#[tokio::test]
async fn ana_does_her_fire_safety_from_the_first_message_to_her_name() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let id = w.one(&ana).await.id;
    let first = w.s.news("Ana");
    assert!(first.contains("New for you: **Fire safety**, due **Mon, 7 Dec**."), "{first}");
    assert!(first.contains("Why you: because it is for everyone."), "{first}");
    let list = w.s.says("Ana", "training").await;
    assert!(list.contains("**Fire safety**: due Mon, 7 Dec\n[Start: training open"), "{list}");

    let page = w.press("Ana", &format!("training open {id}")).await;
    assert_eq!(
        page,
        format!("The alarm\nWhen it rings, **go**.\nFire safety · page 1 of 2\n[Next: training page {id} 2]")
    );
    let messages = w.s.to("Ana").len();
    let page = w.press("Ana", &format!("training page {id} 2")).await;
    assert!(page.starts_with("The stairs") && page.contains("page 2 of 2\n[Back: "), "{page}");
    let question = w.press("Ana", &format!("training quiz {id}")).await;
    assert!(
        question.starts_with("Question 1 of 2\n**It burns. What first?**\n- **A** Finish the mail\n"),
        "{question}"
    );
    let question = w.press("Ana", &format!("training answer {id} 1 0 0")).await;
    assert!(question.starts_with("Question 2 of 2"), "no verdict before the end: {question}");
    let result = w.press("Ana", &format!("training answer {id} 1 1 0")).await;
    assert!(result.contains("✓ Passed: 1 of 2 right.") && result.contains("Mails can wait."), "{result}");
    assert_eq!(w.s.to("Ana").len(), messages, "one message, replaced in place");

    let done = w.s.fills("Ana", &format!("training attest {id}"), &[("name", "  ana ")]).await;
    assert!(done.contains("✓ **Fire safety**: completed on Mon, 23 Nov 2026, quiz 50 % right. Thank you!"), "{done}");
    let nudge = w.s.to("Ana").into_iter().find(|p| p.key == format!("nudge/{id}/assign")).unwrap();
    assert_eq!(nudge.message.plain(), "✓ **Fire safety**: done. Thank you!", "the posted nudge turns to done");

    assert_eq!(w.kinds(&id).await, ["assigned", "started", "attempted", "attested", "completed"]);
    assert_eq!(
        w.verbs().await,
        ["was-assigned", "initialized", "answered", "answered", "passed", "attested", "completed"]
    );
    let records =
        w.s.db.read(|c| async move { stoa_ground::ledger::of_subject(&c, &format!("assignment/{id}")).await });
    let records = records.await.unwrap();
    let attested = &records[3].data;
    assert_eq!(attested["authentication"], "chat-session");
    assert_eq!(attested["name"], "ana");
    assert_eq!(attested["version"], records[4].data["version"], "the signature is bound to the content");
    w.s.until("2027-03-01T12:00:00Z").await;
    assert_eq!(w.s.news("Ana"), "", "nothing after completion");
}

#[tokio::test]
async fn a_failed_quiz_explains_itself_and_attempts_end_until_the_manager_grants_one() {
    let w = world().await;
    let max = w.s.hire("Max", |_| {}).await;
    let ana = w.s.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    w.apply(REQUIREMENT).await;
    let id = w.one(&ana).await.id;
    w.s.says("Ana", "training").await;
    w.press("Ana", &format!("training open {id}")).await;
    w.press("Ana", &format!("training page {id} 2")).await;
    for attempt in 1..=2 {
        w.press("Ana", &format!("training quiz {id}")).await;
        w.press("Ana", &format!("training answer {id} {attempt} 0 0")).await;
        let said = w.press("Ana", &format!("training answer {id} {attempt} 1 1")).await;
        assert!(said.contains("Not yet: 0 of 2 right, and 50 % are needed."), "{said}");
        assert!(said.contains("Your answer: The lift\nLifts stop."), "{said}");
        let rest = if attempt == 1 { "You have one more attempt" } else { "All attempts at the quiz" };
        assert!(said.contains(rest), "{said}");
    }
    let said = w.press("Ana", &format!("training quiz {id}")).await;
    assert!(said.contains("Ask your manager"), "{said}");
    let team = w.s.says("Max", "team").await;
    assert!(team.contains(&format!("[One more attempt: team grant {id} 2]")), "{team}");
    assert!(w.press("Max", &format!("team grant {id} 2")).await.contains("one more attempt"));
    assert!(w.press("Max", &format!("team grant {id} 2")).await.contains("does not need another"));
    let said = w.press("Ana", &format!("training quiz {id}")).await;
    assert!(said.starts_with("Question 1 of 2"), "{said}");
}

#[tokio::test]
async fn double_presses_old_buttons_and_somebody_elses_training_do_no_harm() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.s.hire("Eve", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let id = w.one(&ana).await.id;
    for command in ["open", "page", "quiz", "answer", "finish", "plan", "sign"] {
        let said = w.press("Eve", &format!("training {command} {id} 1 0 1")).await;
        assert!(said.contains("I cannot find this training among yours"), "{command}: {said}");
    }
    let said = w.press("Eve", &format!("team extend {id} 2026-12-07")).await;
    assert!(said.contains("This person is not in your team"), "{said}");
    assert_eq!(w.kinds(&id).await, ["assigned"]);

    w.s.says("Ana", "training").await;
    w.press("Ana", &format!("training open {id}")).await;
    assert!(w.press("Ana", &format!("training quiz {id}")).await.starts_with("The alarm"), "pages come first");
    assert!(w.press("Ana", &format!("training page {id} 99")).await.starts_with("The stairs"));
    w.press("Ana", &format!("training quiz {id}")).await;
    for _ in 0..2 {
        let said = w.press("Ana", &format!("training answer {id} 1 0 1")).await;
        assert!(said.starts_with("Question 2 of 2"), "{said}");
    }
    let said = w.press("Ana", &format!("training finish {id}")).await;
    assert!(said.starts_with("Question 2 of 2"), "{said}");
    w.press("Ana", &format!("training answer {id} 1 1 0")).await;
    let said = w.press("Ana", &format!("training answer {id} 1 1 0")).await;
    assert!(said.contains("Last step of **Fire safety**"), "{said}");
    let opened =
        w.s.event(
            "Ana",
            direct("Ana"),
            stoa_flow::chat::Event::Submit {
                command: format!("training sign {id} x"),
                values: [("name".to_owned(), "Eve".to_owned())].into(),
            },
        )
        .await;
    assert!(matches!(opened, stoa_flow::chat::Opened::Errors(_)), "{opened:?}");
    for _ in 0..2 {
        w.s.event(
            "Ana",
            direct("Ana"),
            stoa_flow::chat::Event::Submit {
                command: format!("training sign {id} x"),
                values: [("name".to_owned(), "Ana".to_owned())].into(),
            },
        )
        .await;
    }
    assert!(w.last("Ana").contains("The course has changed meanwhile"), "a signature holds for one content only");
    w.s.fills("Ana", &format!("training attest {id}"), &[("name", "ANA")]).await;
    let said = w.press("Ana", &format!("training answer {id} 1 1 0")).await;
    assert!(said.contains("completed on"), "{said}");
    assert_eq!(w.kinds(&id).await, ["assigned", "started", "attempted", "attested", "completed"]);
}

#[tokio::test]
async fn reminders_come_in_the_persons_morning_and_the_plan_replaces_the_last_one() {
    let w = world().await;
    let mei = w.s.hire("Mei", |p| p.timezone = "Australia/Sydney".into()).await;
    w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let id = w.one(&mei).await.id;
    assert_eq!(w.s.news("Mei"), "", "it is eight in the evening in Sydney");
    w.s.until("2026-12-04T12:00:00Z").await;
    let news = w.s.news("Mei");
    assert!(news.contains("New for you") && news.contains("When will you do it?"), "{news}");
    let at = |key: &str| w.s.to("Mei").into_iter().find(|p| p.key.ends_with(key)).map(|p| p.at.rfc3339());
    assert_eq!(at("/t-7").unwrap(), "2026-11-29T22:00:00.000Z", "Monday, nine in Sydney");
    // Friday night in Sydney: "in 2 days" is Sunday, so Monday it is, the day on which it is due.
    let said = w.press("Mei", &format!("training plan {id} later")).await;
    assert!(said.contains("Noted: I remind you Monday 09:00."), "{said}");
    let said = w.press("Mei", &format!("training plan {id} later")).await;
    assert!(said.contains("Noted"), "{said}");
    w.s.news("Mei");
    w.s.until("2026-12-07T06:00:00Z").await;
    let news = w.s.news("Mei");
    assert!(news.contains("You wanted to do **Fire safety** now.") && !news.contains("Still open"), "{news}");
    // Ana said nothing and gets the last reminder: T-1 is a Sunday, so it comes on Monday.
    w.s.until("2026-12-07T10:00:00Z").await;
    let ana = w.s.news("Ana");
    assert_eq!(ana.matches("Still open: **Fire safety**").count(), 2, "{ana}");
    let why = w.s.says("Mei", "why").await;
    assert!(why.contains("you had told me when you want to do it"), "{why}");
}

#[tokio::test]
async fn mei_in_sydney_is_overdue_and_her_manager_in_new_york_hears_of_it_on_monday_at_nine() {
    let w = world().await;
    let grace = w.s.hire("Grace", |p| p.timezone = "America/New_York".into()).await;
    let mei =
        w.s.hire("Mei", |p| {
            p.timezone = "Australia/Sydney".into();
            p.manager = Some(grace.id.clone());
        })
        .await;
    let other = w.s.hire("Otto", |_| {}).await;
    w.apply(REQUIREMENT).await;
    w.finish(&grace).await;
    w.finish(&other).await;
    let id = w.one(&mei).await.id;
    w.s.news("Grace");
    // Due Monday, 7 December, to its end in Sydney.
    w.s.until("2026-12-07T12:59:00Z").await;
    assert_eq!(w.one(&mei).await.state.name(), "assigned");
    w.s.until("2026-12-07T13:01:00Z").await;
    assert_eq!(w.one(&mei).await.state.name(), "overdue");
    w.s.until("2026-12-14T13:59:00Z").await;
    assert_eq!(w.s.news("Grace"), "");
    let mine = w.s.news("Mei");
    assert_eq!(mine.matches("is overdue; it was due").count(), 2, "+1 and +3: {mine}");
    w.s.until("2026-12-14T14:00:00Z").await;
    let digest = w.s.news("Grace");
    assert!(digest.contains("One thing is overdue:\n**Mei**: Fire safety, 8 days overdue (new)"), "{digest}");

    // Remind, once a day.
    assert!(w.press("Grace", &format!("team remind {id}")).await.contains("I remind Mei"));
    assert!(w.press("Grace", &format!("team remind {id}")).await.contains("reminded today already"));
    w.s.news("Mei");
    w.s.until("2026-12-15T03:00:00Z").await;
    let asked = w.s.news("Mei");
    assert_eq!(asked.matches("Your manager asked me").count(), 1, "{asked}");

    // A week later it is not new any more, and it ends with Mei's name under the course.
    w.s.until("2026-12-21T14:00:00Z").await;
    let digest = w.s.news("Grace");
    assert!(digest.contains("**Mei**: Fire safety, 15 days overdue\n"), "{digest}");
    w.finish(&mei).await;
    let posted = w.s.to("Grace").into_iter().rfind(|p| p.key.starts_with("manager-digest/")).unwrap();
    let cleared = posted.message.plain();
    assert!(
        cleared.contains("Nothing of this is overdue any more") && cleared.contains("✓ Mei: Fire safety, done"),
        "{cleared}"
    );
    w.s.until("2027-01-18T16:00:00Z").await;
    assert_eq!(w.s.news("Grace"), "", "no digest when there is nothing to tell");
}

#[tokio::test]
async fn escalation_and_fallbacks_find_somebody_who_can_act() {
    let w = world().await;
    let boss = w.s.hire("Boss", |_| {}).await;
    let lead = w.s.hire("Lead", |p| p.manager = Some(boss.id.clone())).await;
    let mei = w.s.hire("Mei", |p| p.manager = Some(lead.id.clone())).await;
    let solo = w.s.hire("Solo", |_| {}).await;
    let lena = w.s.hire("Lena", |_| {}).await;
    let (lena_ref, services) = (&lena, &w.services);
    w.s.db
        .write(|tx| async move {
            people::grant(&tx, &services.ledger, lena_ref, Role::Learning, "operator", "test").await
        })
        .await
        .unwrap();
    w.apply(REQUIREMENT).await;
    for done in [&boss, &lead, &lena] {
        w.finish(done).await;
        w.s.news(&done.name);
    }
    w.s.until("2026-12-14T12:00:00Z").await;
    assert!(w.s.news("Lead").contains("**Mei**: Fire safety, 7 days overdue"));
    assert!(
        w.s.news("Lena").contains("**Solo**: Fire safety, 7 days overdue"),
        "no manager on file: the learning team"
    );
    assert_eq!(w.s.news("Boss"), "");
    w.s.until("2026-12-21T12:00:00Z").await;
    let boss_heard = w.s.news("Boss");
    assert!(
        boss_heard.contains("Passed on to you") && boss_heard.contains("**Mei**: Fire safety, 14 days"),
        "{boss_heard}"
    );
    let row = w.s.db.opt("SELECT kind FROM outbox WHERE key LIKE 'manager-digest/%' AND person = $1", args![&boss.id]);
    assert_eq!(row.await.unwrap().unwrap().get::<String>("kind").unwrap(), "escalation");
    // The lead goes on leave: the next level hears of Mei directly.
    w.change("UPDATE person SET status = 'leave' WHERE id = $1 AND $2 IS NULL", &lead, None).await;
    w.s.news("Lead");
    w.s.until("2026-12-28T12:00:00Z").await;
    let boss_heard = w.s.news("Boss");
    assert!(boss_heard.contains("**Mei**") && !boss_heard.contains("Passed on to you"), "{boss_heard}");
    assert_eq!(w.s.news("Lead"), "");
    let _ = (mei, solo);
}

#[tokio::test]
async fn moving_department_retires_and_assigns_once_and_leaving_ends_it() {
    let w = world().await;
    let ana = w.s.hire("Ana", |p| p.department = Some("Sales".into())).await;
    let text = REQUIREMENT.replace("everyone", "department = 'Sales'").replace("'", "\\\"");
    w.apply(&text).await;
    let first = w.one(&ana).await;
    assert_eq!(first.reason, "because your department is Sales");
    w.s.news("Ana");
    w.change("UPDATE person SET department = $2 WHERE id = $1", &ana, Some("Finance")).await;
    let retired = w.one(&ana).await;
    assert_eq!(retired.state.name(), "retired");
    assert_eq!(retired.end_reason.as_deref(), Some("not for you, because your department is Finance"));
    let nudge = w.s.to("Ana").remove(0).message.plain();
    assert!(nudge.ends_with("**Fire safety**: you do not need this any more."), "{nudge}");
    w.s.until("2026-12-20T12:00:00Z").await;
    assert_eq!(w.s.news("Ana"), "", "what is retired reminds nobody");
    w.change("UPDATE person SET department = $2 WHERE id = $1", &ana, Some("Sales")).await;
    w.change("UPDATE person SET department = $2 WHERE id = $1", &ana, Some("Sales")).await;
    assert_eq!(w.of(&ana).await.len(), 2, "back in Sales: assigned once more, and once only");
    w.change("UPDATE person SET status = $2 WHERE id = $1", &ana, Some("left")).await;
    assert!(w.of(&ana).await.iter().all(|a| a.state.name() == "retired"));
    let new = w.s.hire("Nia", |p| p.department = Some("Sales".into())).await;
    w.s.flow.settle().await.unwrap();
    assert_eq!(w.one(&new).await.state.name(), "assigned", "who is hired later is assigned as well");
}

#[tokio::test]
async fn a_leave_stops_the_clock_and_the_due_date_moves_by_its_working_days() {
    let w = world().await;
    let rohan =
        w.s.hire("Rohan", |p| {
            p.timezone = "Asia/Kolkata".into();
            p.leave_from = Some("2026-11-30".parse().unwrap());
            p.leave_to = Some("2026-12-11".parse().unwrap());
        })
        .await;
    w.apply(REQUIREMENT).await;
    assert_eq!(w.one(&rohan).await.due.date.to_string(), "2026-12-07");
    w.s.until("2026-11-30T08:00:00Z").await;
    assert_eq!(w.one(&rohan).await.state.name(), "on_leave", "the leave begins by itself");
    w.s.news("Rohan");
    w.s.until("2026-12-12T20:00:00Z").await;
    assert_eq!(w.s.news("Rohan"), "", "nothing during the leave, and nothing on the weekend after it");
    let back = w.one(&rohan).await;
    assert_eq!((back.state.name(), back.due.date.to_string().as_str()), ("assigned", "2026-12-21"));
    w.s.until("2026-12-14T08:00:00Z").await;
    let news = w.s.news("Rohan");
    assert!(news.contains("Still open: **Fire safety**, due **Mon, 21 Dec**"), "{news}");

    // Who is away when it is assigned gets it all the same, and the message on the return.
    let w = world().await;
    let ines =
        w.s.hire("Ines", |p| {
            p.status = Status::Leave;
            p.leave_from = Some("2026-11-09".parse().unwrap());
            p.leave_to = Some("2026-12-04".parse().unwrap());
        })
        .await;
    w.apply(REQUIREMENT).await;
    assert_eq!(w.one(&ines).await.state.name(), "on_leave");
    w.s.until("2026-12-07T09:30:00Z").await;
    let news = w.s.news("Ines");
    assert!(news.contains("New for you: **Fire safety**, due **Mon, 21 Dec**"), "{news}");
}

#[tokio::test]
async fn an_extension_moves_the_reminders_and_a_second_press_does_not_extend_twice() {
    let w = world().await;
    let max = w.s.hire("Max", |_| {}).await;
    let ana = w.s.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    w.apply(REQUIREMENT).await;
    let id = w.one(&ana).await.id;
    w.s.until("2026-12-06T12:00:00Z").await;
    w.s.news("Ana");
    let said = w.press("Max", &format!("team extend {id} 2026-12-07")).await;
    assert!(said.contains("Ana has time until Mon, 14 Dec 2026 now"), "{said}");
    let said = w.press("Max", &format!("team extend {id} 2026-12-07")).await;
    assert!(said.contains("The date has changed already"), "{said}");
    let a = w.one(&ana).await;
    assert_eq!((a.state.name(), a.due.date.to_string().as_str()), ("extended", "2026-12-14"));
    w.s.until("2026-12-14T12:00:00Z").await;
    let news: Vec<(String, String)> =
        w.s.to("Ana").iter().skip(2).map(|p| (p.key.replace(&id, "ID"), p.at.rfc3339())).collect();
    let expected = [
        ("nudge/ID/t-7@2026-12-14", "2026-12-07T09:00:00.000Z"),
        ("nudge/ID/t-1@2026-12-14", "2026-12-14T09:00:00.000Z"),
    ];
    assert_eq!(news, expected.map(|(k, at)| (k.to_owned(), at.to_owned())));
    w.s.until("2026-12-15T12:00:00Z").await;
    assert_eq!(w.one(&ana).await.state.name(), "overdue");
    // Overdue, then more time: no overdue message any more.
    let said = w.press("Max", &format!("team extend {id} 2026-12-14")).await;
    assert!(said.contains("Tue, 22 Dec 2026"), "{said}");
    w.s.news("Ana");
    w.s.until("2026-12-20T12:00:00Z").await;
    let news = w.s.news("Ana");
    assert!(!news.contains("overdue"), "{news}");
}

#[tokio::test]
async fn overdue_messages_end_and_two_courses_at_once_become_one_message() {
    let w = world().await;
    write_course(w._courses.path(), &COURSE.replace("fire", "water").replace("Fire", "Water"));
    course::apply_dir(&w.s.db, &w.services, w._courses.path()).await.unwrap();
    let ana = w.s.hire("Ana", |_| {}).await;
    let both = format!("{REQUIREMENT}{}", REQUIREMENT.replace("fire", "water").replace("Fire", "Water"));
    w.apply(&both).await;
    let first = w.s.news("Ana");
    assert!(first.contains("2 things are waiting for you:") && first.contains("Water safety"), "{first}");
    w.s.until("2027-12-31T12:00:00Z").await;
    let news = w.s.to("Ana");
    assert!(news.iter().all(|p| !p.key.starts_with("nudge/")), "always merged");
    let last = news.last().unwrap().at;
    assert!(last < Instant::parse("2027-03-08T00:00:00Z").unwrap(), "ninety days after the due date it ends: {last}");
    // t-7, t-1, +1, +3, then twelve weeks.
    assert_eq!(news.len(), 1 + 2 + 2 + 12);
    assert_eq!(w.of(&ana).await.len(), 2);
}

#[tokio::test]
async fn a_dry_run_says_who_and_why_and_changes_nothing() {
    let w = world().await;
    w.s.hire("Ana", |p| p.country = Some("US".into())).await;
    w.s.hire("Ben", |p| p.country = Some("DE".into())).await;
    w.s.hire("Cleo", |p| {
        p.country = Some("US".into());
        p.hire_date = Some("2026-12-01".parse().unwrap());
    })
    .await;
    let text = REQUIREMENT.replace("\"everyone\"", "'country = \"US\" or group \"Nowhere\"'");
    let plan = training::apply(&w.s.db, &w.services, "x.toml", &text, true).await.unwrap();
    let json = serde_json::to_value(&plan).unwrap();
    let one = &json["requirements"][0];
    assert_eq!(one["change"], "new");
    assert_eq!(one["means"], 2);
    assert_eq!(one["assign"].as_array().unwrap().len(), 1);
    assert_eq!(one["assign"][0]["name"], "Ana");
    assert_eq!(one["assign"][0]["reason"], "because your country is US");
    assert_eq!(one["assign"][0]["due"], "2026-12-07");
    assert_eq!(one["empty_groups"][0], "Nowhere");
    assert_eq!(w.tables().await.lines().count(), 1, "only the course");

    w.apply(&text).await;
    assert_eq!(w.apply(&text).await.requirements[0].change, "unchanged");
    w.s.until("2026-12-01T09:00:00Z").await;
    let rows = w.s.db.read(|c| async move { training::status(&c, &Filter::default()).await }).await.unwrap();
    let said: Vec<(&str, &str)> = rows.iter().map(|r| (r.person.as_str(), r.due_date.as_str())).collect();
    assert_eq!(said, [("E-Ana", "2026-12-07"), ("E-Cleo", "2026-12-15")], "Cleo from her first day on");

    let unknown = training::apply(&w.s.db, &w.services, "x.toml", &text.replace("\"fire\"", "\"ice\""), true).await;
    assert!(
        matches!(&unknown, Err(Error::Invalid(t)) if t.contains("x.toml: requirement 'fire-safety': the course 'ice' is not there")),
        "{unknown:?}"
    );
    // The requirement is withdrawn.
    w.apply(&format!("{text}active = false\n")).await;
    let rows = w.s.db.read(|c| async move { training::status(&c, &Filter::default()).await }).await.unwrap();
    assert!(rows.iter().all(|r| r.state == "retired" && r.reason == "the requirement was withdrawn"), "{rows:?}");
}

#[tokio::test]
async fn the_operator_completes_with_a_reason_and_the_ledger_rebuilds_the_same_tables() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    let ben = w.s.hire("Ben", |_| {}).await;
    let cleo = w.s.hire("Cleo", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let (db, services) = (&w.s.db, &w.services);
    let none = training::complete(db, services, "Ana", "fire-safety", "operator", " ").await;
    assert!(matches!(none, Err(Error::Invalid(_))), "{none:?}");
    training::complete(db, services, "E-Ana", "fire-safety", "operator", "did it on site").await.unwrap();
    let again = training::complete(db, services, "Ana", "fire-safety", "operator", "again").await;
    assert!(again.unwrap_err().to_string().contains("is completed and stays so"));
    training::exempt(db, services, "Ben", "fire-safety", "operator", "works outdoors").await.unwrap();
    let to = "2026-12-19".parse().unwrap();
    let a = training::extend(db, services, "Cleo", "fire-safety", to, "operator", "moved house").await.unwrap();
    assert_eq!(a.due.date.to_string(), "2026-12-21", "Saturday becomes Monday");
    w.s.flow.settle().await.unwrap();
    let rows = db.read(|c| async move { training::status(&c, &Filter::default()).await }).await.unwrap();
    let said: Vec<&str> = rows.iter().map(|r| r.state).collect();
    assert_eq!(said, ["completed", "exempt", "extended"]);
    let json = serde_json::to_value(&rows[0]).unwrap();
    for key in ["person", "requirement", "course", "version", "state", "assigned", "due", "completed", "reason"] {
        assert!(!json[key].is_null(), "{key} in {json}");
    }
    let before = w.tables().await;
    assert!(before.lines().count() == 5, "{before}");
    services.ledger.rebuild(db).await.unwrap();
    assert_eq!(w.tables().await, before);
    let _ = (ana, ben, cleo);
}

#[tokio::test]
async fn a_new_version_leaves_what_was_shown_and_answers_find_the_pages() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let id = w.one(&ana).await.id;
    w.s.says("Ana", "training").await;
    w.press("Ana", &format!("training open {id}")).await;
    let old = w.one(&ana).await.course_version.unwrap();
    write_course(w._courses.path(), &COURSE.replace("when it burns", "at once"));
    std::fs::write(w._courses.path().join("fire/02-stairs.md"), "# The stairs\n\nNever the lift.").unwrap();
    let applied = course::apply_dir(&w.s.db, &w.services, w._courses.path()).await.unwrap();
    assert!(applied[0].changed && applied[0].version != old);
    assert!(!course::apply_dir(&w.s.db, &w.services, w._courses.path()).await.unwrap()[0].changed);
    let page = w.press("Ana", &format!("training page {id} 2")).await;
    assert!(page.contains("Use the stairs."), "who has begun reads on what they began: {page}");
    let kept = w.s.db.read(|c| async move { course::content(&c, &old).await }).await.unwrap();
    assert_eq!(kept.pages[1].text, "Use the stairs.");
    let documents = w.s.db.read(|c| async move { stoa_learning::library::documents(&c).await }).await.unwrap();
    let titles: Vec<&str> = documents.iter().map(|d| d.title.as_str()).collect();
    assert_eq!(titles, ["Fire safety: The alarm", "Fire safety: The stairs"]);
    assert!(documents.iter().all(|d| d.source == "courses" && d.readers == ["everyone"]));
}

#[tokio::test]
async fn reading_takes_the_minutes_that_the_course_asks_for() {
    let w = world().await;
    let toml = COURSE.replace("attempts = 2", "attempts = 2\nmin_minutes = 2");
    write_course(w._courses.path(), &toml);
    course::apply_dir(&w.s.db, &w.services, w._courses.path()).await.unwrap();
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let id = w.one(&ana).await.id;
    w.s.says("Ana", "training").await;
    w.press("Ana", &format!("training open {id}")).await;
    w.s.until("2026-11-23T09:01:00Z").await;
    w.press("Ana", &format!("training page {id} 2")).await;
    let said = w.press("Ana", &format!("training quiz {id}")).await;
    assert!(said.contains("This course asks for 2 minutes of reading. Please take one more minute"), "{said}");
    // An hour away counts for three minutes at most, coming back by the list for nothing.
    w.s.until("2026-11-23T10:00:00Z").await;
    let said = w.press("Ana", &format!("training open {id}")).await;
    assert!(said.contains("one more minute"), "{said}");
    w.s.until("2026-11-23T10:01:00Z").await;
    assert!(w.press("Ana", &format!("training quiz {id}")).await.starts_with("Question 1 of 2"));
}
