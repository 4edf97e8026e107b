//! Ask a trainer (R34): from the page to the answer, with its clock.

use stoa_ground::ledger;
use stoa_ground::people::Role;

use super::*;

const TRAINERS: &str = r#"
answer_days = 2

[[trainer]]
person = "E-Tara"
qualification = "Fire officer, level 2"

[[trainer]]
person = "E-Tom"
qualification = "Fire officer, level 1"
"#;

/// A course with two trainers, and Lea of the learning team. Ana reports to Max.
struct Class {
    w: World,
    ana: Person,
    id: String,
}

async fn class() -> Class {
    let w = world().await;
    let max = w.s.hire("Max", |_| {}).await;
    let ana = w.s.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    for name in ["Tara", "Tom"] {
        w.s.hire(name, |_| {}).await;
    }
    let lea = w.s.hire("Lea", |_| {}).await;
    let (services, lea) = (&w.services, &lea);
    w.s.db
        .write(|tx| async move { people::grant(&tx, &services.ledger, lea, Role::Learning, "operator", "test").await })
        .await
        .unwrap();
    let at = COURSE.find("\n[[question]]").unwrap();
    write_course(w.courses.path(), &format!("{}{TRAINERS}{}", &COURSE[..at], &COURSE[at..]));
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    w.apply(REQUIREMENT).await;
    let id = w.of(&ana).await.remove(0).id;
    for name in ["Ana", "Tara", "Tom", "Lea", "Max"] {
        w.s.says(name, "training").await;
    }
    w.press("Ana", &format!("training open {id}")).await;
    Class { w, ana, id }
}

impl Class {
    async fn ask(&self, place: &str, text: &str) -> String {
        self.w.s.fills("Ana", &format!("training ask {} {place}", self.id), &[("question", text)]).await
    }

    /// The id of the only question.
    async fn question(&self) -> String {
        let rows = self.w.s.db.all("SELECT id FROM trainer_question", args![]).await.unwrap();
        assert_eq!(rows.len(), 1);
        rows[0].get("id").unwrap()
    }

    async fn answer(&self, who: &str, text: &str) -> String {
        let id = self.question().await;
        self.w.s.fills(who, &format!("training reply {id}"), &[("answer", text)]).await
    }
}

#[tokio::test]
async fn a_question_from_a_page_comes_back_answered_once_and_both_texts_are_evidence() {
    let c = class().await;
    let s = &c.w.s;
    assert!(c.w.last("Ana").contains(&format!("[Ask a trainer: training ask {} p1]", c.id)), "{}", c.w.last("Ana"));
    let said = c.ask("p1", "Is the alarm also tested at night?").await;
    insta::assert_snapshot!(said, @"Your question is with **Tara**. You have an answer by Wednesday 17:00 at the latest. Go on meanwhile.");
    let again = c.ask("p1", "is the alarm also tested at night?").await;
    assert_eq!(again, "That question is on its way already. The answer comes here.");
    // Tara has had a message at nine: three hours later it is a good moment.
    s.until("2026-11-23T12:30:00Z").await;
    let id = c.question().await;
    insta::assert_snapshot!(s.news("Tara").replace(&id, "Q"), @r"
    **Ana** asks about **Fire safety**, “The alarm”:
    > Is the alarm also tested at night?
    Please answer by Wed, 25 Nov 2026 17:00. Question and answer are kept with the training; managers do not see them.
    [Answer: training reply Q]
    [Pass it on: training pass Q]
    [Why this?: why trainer/Q/1]
    ");
    assert_eq!(s.news("Max"), "", "a manager hears nothing");

    let said = c.answer("Tara", "Yes, on the first Monday of each month.").await;
    assert_eq!(said, "Thank you! Your answer is on its way.");
    let said = c.w.press("Tara", &format!("training reply {id}")).await;
    assert_eq!(said, "This is settled already. Thank you!", "a second press changes nothing");
    let told = s.news("Ana");
    insta::assert_snapshot!(told.replace(&c.id, "A"), @r"
    **Tara** has answered your question about **Fire safety**:
    > Is the alarm also tested at night?
    — You
    > Yes, on the first Monday of each month.
    — Tara (Fire officer, level 2)
    [Back to the course: training open A]
    ");
    assert!(
        c.w.press("Ana", &format!("training open {}", c.id)).await.starts_with("The alarm"),
        "back to where she was"
    );
    let list = s.says("Ana", "training questions").await;
    assert!(list.contains("Your questions to trainers") && list.contains("first Monday"), "{list}");
    let subject = format!("trainer-question/{id}");
    let records = s.db.read(|x| async move { ledger::of_subject(&x, &subject).await }).await.unwrap();
    assert_eq!(records.iter().map(|r| r.kind.as_str()).collect::<Vec<_>>(), ["asked", "answered"]);
    assert_eq!(records[0].data["text"], "Is the alarm also tested at night?");
    assert_eq!(records[1].data["text"], "Yes, on the first Monday of each month.");
    assert_eq!(records[1].data["qualification"], "Fire officer, level 2");
    // No other row has a text: no statement, no event, no delivery.
    for leak in [
        "SELECT COUNT(*) AS n FROM statement WHERE body LIKE '%at night%' OR body LIKE '%first Monday%'",
        "SELECT COUNT(*) AS n FROM inbox WHERE body LIKE '%at night%' OR body LIKE '%first Monday%'",
        "SELECT COUNT(*) AS n FROM outbox WHERE payload LIKE '%at night%' OR payload LIKE '%first Monday%'
           OR shown LIKE '%at night%'",
    ] {
        let found = s.db.read(|x| async move { x.one(leak, args![]).await?.get::<i64>("n") });
        assert_eq!(found.await.unwrap(), 0, "{leak}");
    }

    // Others cannot open it, and the evidence of the completion names who taught.
    for who in ["Max", "Tom", "Lea"] {
        for word in ["question", "reply", "pass"] {
            let said = c.w.press(who, &format!("training {word} {id}")).await;
            assert_eq!(said, "I cannot find this question among yours.", "{who} {word}");
        }
    }
    let before = c.w.tables().await;
    c.w.services.ledger.rebuild(&s.db).await.unwrap();
    assert_eq!(c.w.tables().await, before);
    assert!(s.says("Ana", "training questions").await.contains("first Monday"), "also after a rebuild");
    assert!(s.says("Ana", "mydata export").await.contains("tested at night"), "it is hers to take along");
    finish_as_ana(&c).await;
    let (assignment, person) = (format!("assignment/{}", c.id), c.ana.employee_id.clone());
    let records = s.db.read(|x| async move { ledger::of_subject(&x, &assignment).await }).await.unwrap();
    let done = &records.last().unwrap().data;
    insta::assert_snapshot!(serde_json::to_string(&done["trainers"]).unwrap(), @r#"[{"employee_id":"E-Tara","name":"Tara","qualification":"Fire officer, level 2","title":null},{"employee_id":"E-Tom","name":"Tom","qualification":"Fire officer, level 1","title":null}]"#);
    assert_eq!(done["how"], "chat", "{person}");
}

async fn finish_as_ana(c: &Class) {
    for command in ["page {} 2", "quiz {}", "answer {} 1 0 1", "answer {} 1 1 0"] {
        c.w.press("Ana", &format!("training {}", command.replace("{}", &c.id))).await;
    }
    let done = c.w.s.fills("Ana", &format!("training attest {}", c.id), &[("name", "Ana")]).await;
    assert!(done.contains("completed on"), "{done}");
}

#[tokio::test]
async fn the_clock_reminds_then_asks_the_next_one_and_at_the_end_tells_the_learner() {
    let c = class().await;
    let s = &c.w.s;
    c.ask("c", "Where is the meeting point?").await;
    s.until("2026-11-25T08:59:00Z").await;
    assert_eq!(s.news("Tara").matches("Where is the meeting point?").count(), 1);
    s.until("2026-11-25T09:30:00Z").await;
    let reminder = s.news("Tara");
    assert!(reminder.starts_with("A question still waits for you; today is its last day."), "{reminder}");
    assert_eq!(s.news("Tom"), "");
    // Wednesday, the end of work: the next morning it is with Tom, who has a business day.
    s.until("2026-11-26T10:00:00Z").await;
    let tom = s.news("Tom");
    assert!(
        tom.contains("Where is the meeting point?") && tom.contains("Please answer by Thu, 26 Nov 2026 17:00"),
        "{tom}"
    );
    let tara = s.to("Tara").into_iter().rfind(|p| p.key.starts_with("trainer/")).unwrap().message.plain();
    assert!(tara.contains("This has gone on to somebody else. You can still answer."), "{tara}");
    // Then the learning team, then nobody is left.
    s.until("2026-11-27T16:00:00Z").await;
    assert!(s.news("Lea").contains("Where is the meeting point?"));
    assert_eq!(s.news("Ana"), "");
    s.until("2026-11-30T12:00:00Z").await;
    let late = s.news("Ana");
    assert!(late.contains("Nobody has answered your question about **Fire safety** in time"), "{late}");
    s.until("2026-12-04T12:00:00Z").await;
    assert!(!s.news("Ana").contains("Nobody has answered"), "told once");
    // Better late than never: whoever was asked can still answer, and the learner has it once.
    assert!(c.answer("Tara", "In front of the gate.").await.contains("on its way"));
    s.until("2026-12-07T12:00:00Z").await;
    assert_eq!(s.news("Ana").matches("In front of the gate.").count(), 1);
    assert!(
        s.says("Tom", &format!("/stoa training question {}", c.question().await))
            .await
            .contains("**Tara** has answered")
    );
}

#[tokio::test]
async fn a_trainer_who_leaves_or_passes_on_hands_the_question_over_and_managers_are_never_asked() {
    let c = class().await;
    let s = &c.w.s;
    c.ask("p1", "May I use the lift?").await;
    let tara = s.db.read(|x| async move { people::find(&x, "Tara").await }).await.unwrap();
    c.w.change("UPDATE person SET status = 'left' WHERE id = $1 AND COALESCE($2, '') = ''", &tara, None).await;
    s.until("2026-11-23T12:30:00Z").await;
    assert!(s.news("Tom").contains("May I use the lift?"));
    let id = c.question().await;
    assert_eq!(c.w.press("Tom", &format!("training pass {id}")).await, "I pass it on.");
    assert_eq!(c.w.press("Tom", &format!("training pass {id}")).await, "This is settled already. Thank you!");
    s.until("2026-11-23T13:00:00Z").await;
    assert!(s.news("Lea").contains("May I use the lift?"));
    // The learner is done before the answer comes: it comes all the same, without a way back.
    finish_as_ana(&c).await;
    s.news("Ana");
    c.answer("Lea", "No.").await;
    s.until("2026-11-23T16:00:00Z").await;
    let told = s.news("Ana");
    assert!(told.contains("No.\n— Lea (learning and development)") && !told.contains("Back to the course"), "{told}");

    // Bob reports to Lea, and the trainers are gone: there is nobody whom he could ask without a manager reading it.
    let lea = s.db.read(|x| async move { people::find(&x, "Lea").await }).await.unwrap();
    let tom = s.db.read(|x| async move { people::find(&x, "Tom").await }).await.unwrap();
    c.w.change("UPDATE person SET status = 'left' WHERE id = $1 AND COALESCE($2, '') = ''", &tom, None).await;
    let bob = s.hire("Bob", |p| p.manager = Some(lea.id.clone())).await;
    c.w.change("UPDATE person SET locale = 'en' WHERE id = $1 AND COALESCE($2, '') = ''", &bob, None).await;
    let id = c.w.one(&bob).await.id;
    s.says("Bob", "training").await;
    c.w.press("Bob", &format!("training open {id}")).await;
    let said = s.fills("Bob", &format!("training ask {id} p1"), &[("question", "And me?")]).await;
    assert_eq!(said, "Nobody can answer just now. Please ask your learning team directly.");
}

#[tokio::test]
async fn empty_questions_and_strangers_are_refused_and_ten_a_day_are_enough() {
    let c = class().await;
    let s = &c.w.s;
    let submit = |text: &str| stoa_flow::chat::Event::Submit {
        command: format!("training ask {} q9", c.id),
        values: [("question".to_owned(), text.to_owned())].into(),
    };
    for text in ["", " ?! ", &"x".repeat(3_001)] {
        let opened = s.event("Ana", direct("Ana"), submit(text)).await;
        assert!(matches!(opened, stoa_flow::chat::Opened::Errors(_)), "{opened:?}");
    }
    let said = c.w.press("Tom", &format!("training ask {} p1", c.id)).await;
    assert!(said.contains("I cannot find this training among yours"), "{said}");
    for n in 0..10 {
        let said = c.ask("q9", &format!("Question number {n}")).await;
        assert!(said.contains("is with **Tara**"), "{said}");
    }
    assert!(c.ask("p1", "One more").await.contains("ten questions today"));
    // They become one message, and each opens by its button.
    s.until("2026-11-23T12:30:00Z").await;
    let news = s.news("Tara");
    assert!(news.contains("10 things are waiting for you:"), "{news}");
    let button = news.split("training question ").nth(1).unwrap().split(']').next().unwrap();
    let shown = c.w.press("Tara", &format!("training question {button}")).await;
    assert!(shown.contains("> Question number") && shown.contains("[Answer:"), "{shown}");
}
