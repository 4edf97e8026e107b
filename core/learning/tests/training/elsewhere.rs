//! Completions from elsewhere: files, statements of other systems, the word of a manager. All go one way.

use serde_json::json;
use stoa_ground::ledger;
use stoa_ground::xapi::{Authority, Statement, Version, store};
use stoa_learning::training::Outcome;

use super::*;

async fn import(w: &World, text: &str, dry_run: bool) -> Vec<training::Line> {
    let lines = training::import(&w.s.db, &w.services, "done.csv", text.as_bytes(), dry_run).await.unwrap();
    w.s.flow.settle().await.unwrap();
    lines
}

fn told(lines: &[training::Line]) -> String {
    let outcome = |o| match o {
        Outcome::Recorded => "recorded",
        Outcome::Unchanged => "unchanged",
        Outcome::Refused => "refused",
    };
    lines.iter().map(|l| format!("{} {}: {}", l.row, outcome(l.outcome), l.why)).collect::<Vec<_>>().join("\n")
}

/// Ana, Ben, Cy and Dee, all of whom need fire safety.
async fn staff(w: &World) -> Person {
    let mut ana = None;
    for name in ["Ana", "Ben", "Cy", "Dee"] {
        let person = w.s.hire(name, |_| {}).await;
        ana.get_or_insert(person);
    }
    w.apply(REQUIREMENT).await;
    ana.unwrap()
}

#[tokio::test]
async fn each_line_of_a_file_is_judged_by_one_sentence_and_the_file_again_changes_nothing() {
    let w = world().await;
    let ana = staff(&w).await;
    w.s.until("2026-11-30T09:00:00Z").await;
    let file = "\u{feff}person;requirement;course;completed_at;score;provider;evidence\r\n\
        E-Ana;fire-safety;;2026-11-27;85 %;Fire Academy;certificate 4711\r\n\
        Ana;fire-safety;;2026-11-27;;;\r\n\
        Ana;fire-safety;;2026-11-26;;;\r\n\
        \r\n\
        Ben;;fire;2026-12-01;;;\r\n\
        Ben;;fire;2026-11-20;;;\r\n\
        Cy;fire-safety;;2026-11-24T08:00:00+01:00;0.4;;\r\n\
        Zoe;fire-safety;;2026-11-24;;;\r\n\
        Dee;;water;2026-11-24;;;\r\n\
        Dee;first-aid;;2026-11-24;;;\r\n\
        Dee;;;2026-11-24;;;\r\n\
        Dee;fire-safety;;yesterday;;;\r\n\
        Dee;fire-safety\r\n";
    let dry = import(&w, file, true).await;
    insta::assert_snapshot!(told(&dry), @r"
    2 recorded: Ana: completed on 2026-11-27
    3 unchanged: it says the same as row 2
    4 refused: row 2 says another day for Ana and 'fire-safety': take one of the two out
    6 refused: 2026-12-01 is still to come for Ben
    7 refused: 2026-11-20 is before the course 'fire' was there, which is since 2026-11-23
    8 refused: the score 0.4 is below the course's pass mark 0.5
    9 refused: nobody here is 'Zoe'
    10 refused: there is no course 'water'
    11 refused: there is no requirement 'first-aid'
    12 refused: it names neither a requirement nor a course
    13 refused: completed_at 'yesterday' is neither a day like 2026-01-31 nor an instant like 2026-01-31T09:30:00Z
    14 refused: it has 2 cells where the header has 7: a separator or a quotation mark is missing or too many
    ");
    assert_eq!(w.one(&ana).await.completed, None, "a dry run changes nothing");
    let before =
        w.s.db.all("SELECT COUNT(*) AS n FROM ledger_record", args![]).await.unwrap()[0].get::<i64>("n").unwrap();
    assert_eq!(told(&import(&w, file, false).await), told(&dry), "and says what happens");
    let a = w.one(&ana).await;
    assert_eq!(a.completed.unwrap().rfc3339(), "2026-11-27T12:00:00.000Z", "the day on which it was done");
    assert_eq!((a.state.name(), a.score), ("completed", Some(0.85)));
    let subject = format!("assignment/{}", a.id);
    let records = w.s.db.read(|c| async move { ledger::of_subject(&c, &subject).await }).await.unwrap();
    let done = records.last().unwrap();
    assert_eq!((done.kind.as_str(), done.actor.as_str()), ("completed", "operator"));
    assert_eq!(done.reason, "completed at Fire Academy, as a file of completions says");
    assert_eq!((&done.data["how"], &done.data["provider"]), (&json!("file"), &json!("Fire Academy")));
    assert_eq!(done.data["evidence"], "certificate 4711");

    let again = import(&w, file, false).await;
    assert_eq!(
        told(&again).lines().next().unwrap(),
        "2 unchanged: 'fire-safety' of Ana is recorded as completed on 2026-11-27 already"
    );
    assert!(again.iter().all(|l| l.outcome != Outcome::Recorded), "{again:?}");
    let after =
        w.s.db.all("SELECT COUNT(*) AS n FROM ledger_record", args![]).await.unwrap()[0].get::<i64>("n").unwrap();
    assert_eq!(after - before, 1, "one record in all");
    let tables = w.tables().await;
    w.services.ledger.rebuild(&w.s.db).await.unwrap();
    assert_eq!(w.tables().await, tables);
}

#[tokio::test]
async fn of_a_failed_and_a_passed_attempt_the_passed_one_is_recorded() {
    let w = world().await;
    staff(&w).await;
    w.s.until("2026-11-30T09:00:00Z").await;
    let file = "person,course,completed_at,score\n\
        Ben,fire,2026-11-24T15:10:00Z,40 %\n\
        Ben,fire,2026-11-24T16:10:00Z,95 %\n\
        Ben,fire,2026-11-24T17:10:00Z,95 %\n\
        Cy,fire,2027-11-25,\n\
        Cy,fire,2026-11-25,\n";
    let dry = import(&w, file, true).await;
    insta::assert_snapshot!(told(&dry), @r"
    2 refused: the score 0.4 is below the course's pass mark 0.5
    3 recorded: Ben: completed on 2026-11-24
    4 unchanged: it says the same as row 3
    5 refused: 2027-11-25 is still to come for Cy
    6 recorded: Cy: completed on 2026-11-25
    ");
    assert_eq!(told(&import(&w, file, false).await), told(&dry));
}

#[tokio::test]
async fn nothing_counts_that_was_before_the_course() {
    let w = world().await;
    staff(&w).await;
    let file = "person,course,completed_at\nAna,fire,2026-11-20\nBen,fire,2026-11-23\n";
    insta::assert_snapshot!(told(&import(&w, file, true).await), @r"
    2 refused: 2026-11-20 is before the course 'fire' was there, which is since 2026-11-23
    3 recorded: Ben: completed on 2026-11-23
    ");
    // The course says since when it is given elsewhere.
    write_course(w.courses.path(), &COURSE.replace("attempts = 2", "attempts = 2\nsince = 2026-01-01"));
    let applied = course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    assert!(!applied[0].changed && applied[0].particulars, "that makes no new version");
    assert!(told(&import(&w, file, true).await).starts_with("2 recorded: Ana: completed on 2026-11-20"));
    let late = "person,course,completed_at\nAna,fire,2025-12-31\n";
    assert!(told(&import(&w, late, true).await).contains("which is since 2026-01-01"));
}

fn statement(id: &str, actor: &serde_json::Value, verb: &str, activity: &str, score: Option<f64>) -> Statement {
    let mut whole = json!({
        "id": id,
        "actor": actor,
        "verb": { "id": format!("http://adlnet.gov/expapi/verbs/{verb}") },
        "object": { "id": activity },
        "timestamp": "2026-11-23T08:00:00Z",
    });
    if let Some(score) = score {
        whole["result"] = json!({ "score": { "scaled": score } });
    }
    Statement::from_value(whole, Version::V1_0).unwrap()
}

fn id(n: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{n:02x}")
}

impl World {
    async fn arrives(&self, statements: &[Statement], key: &str) {
        let authority = Authority::account("https://learn.example.org/lrs", key, "");
        let authority = &authority;
        self.s.db.write(|tx| async move { store::insert(&tx, statements, authority).await }).await.unwrap();
        self.s.flow.settle().await.unwrap();
    }

    async fn judged(&self) -> String {
        let sql = "SELECT statement, state, why FROM completion_statement ORDER BY statement";
        let rows = self.s.db.all(sql, args![]).await.unwrap();
        let line = |r: &stoa_ground::Row| {
            let statement: String = r.get("statement").unwrap();
            format!("{} {}: {}", &statement[34..], r.get::<String>("state").unwrap(), r.get::<String>("why").unwrap())
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

const RULE: &str = r#"
[[completed_by]]
source = "lms"
activity = "https://lms.example.org/fire*"
verb = "passed"
min_score = 0.6

[[question]]"#;

#[tokio::test]
async fn statements_of_a_trusted_system_complete_by_rule_and_by_nothing_else() {
    let w = world().await;
    let ana = staff(&w).await;
    let lea = w.s.hire("Lea", |_| {}).await;
    let (services, lea) = (&w.services, &lea);
    let role = people::Role::Learning;
    w.s.db
        .write(|tx| async move { people::grant(&tx, &services.ledger, lea, role, "operator", "a test").await })
        .await
        .unwrap();
    write_course(w.courses.path(), &COURSE.replacen("\n[[question]]", RULE, 1));
    assert!(course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap()[0].particulars);
    let account = |name: &str| json!({ "account": { "homePage": "https://learn.example.org", "name": name } });
    let fire = "https://lms.example.org/fire-2026";
    let all = [
        statement(&id(1), &account("E-Ana"), "passed", fire, Some(0.9)),
        statement(&id(2), &account("E-Ben"), "passed", fire, Some(0.55)),
        statement(&id(3), &account("E-Ben"), "passed", fire, None),
        statement(&id(4), &account("E-Nobody"), "passed", fire, Some(1.0)),
        statement(&id(5), &json!({ "openid": "https://ben.example.org" }), "passed", fire, Some(1.0)),
        statement(&id(6), &account("E-Ben"), "completed", fire, Some(1.0)),
        statement(&id(7), &account("E-Ben"), "passed", "https://lms.example.org/water", Some(1.0)),
    ];
    // Somebody else's key, and Stoa's own statements, prove nothing.
    w.arrives(&[statement(&id(8), &account("E-Ben"), "passed", fire, Some(1.0))], "somebody").await;
    w.arrives(&[statement(&id(9), &account("E-Ben"), "passed", fire, Some(1.0))], "stoa").await;
    assert_eq!(w.judged().await, "");
    w.arrives(&all, "lms").await;
    insta::assert_snapshot!(w.judged().await, @r"
    01 counted: completed in another system, which writes as 'lms'
    02 refused: the score 0.55 is below the 0.6 that the rule asks for
    03 refused: no score is below the 0.6 that the rule asks for
    04 refused: nobody here is 'E-Nobody'
    05 refused: its actor is neither an account of https://learn.example.org nor a mailbox, so nobody can be told by it
    ");
    let a = w.one(&ana).await;
    assert_eq!((a.completed.map(Instant::rfc3339), a.score), (Some("2026-11-23T08:00:00.000Z".into()), Some(0.9)));
    let subject = format!("assignment/{}", a.id);
    let records = w.s.db.read(|c| async move { ledger::of_subject(&c, &subject).await }).await.unwrap();
    let done = records.last().unwrap();
    assert_eq!((done.actor.as_str(), &done.data["statement"]), ("system/lms", &json!(id(1))));

    // The same statement again, and another one of the same person, change nothing.
    w.arrives(&all[..1], "lms").await;
    w.arrives(&[statement(&id(10), &account("E-Ana"), "passed", fire, Some(1.0))], "lms").await;
    assert_eq!(w.kinds(&a.id).await, ["assigned", "completed"]);
    assert!(w.judged().await.contains("0a refused: 'fire-safety' of Ana is"), "{}", w.judged().await);

    // A voided one: before it is seen it is nothing, afterwards the completion stands and says that its source is gone.
    let void = |n: u8, target: u8| {
        let whole = json!({
            "id": id(n), "actor": account("E-Ana"), "verb": { "id": "http://adlnet.gov/expapi/verbs/voided" },
            "object": { "objectType": "StatementRef", "id": id(target) },
        });
        Statement::from_value(whole, Version::V1_0).unwrap()
    };
    let ben = statement(&id(11), &account("E-Ben"), "passed", fire, Some(1.0));
    w.arrives(&[ben, void(12, 11), void(13, 1)], "lms").await;
    let judged = w.judged().await;
    assert!(!judged.contains("0b "), "{judged}");
    assert!(
        judged.contains(&format!("01 voided: the statement was voided by {}; the completion stands", id(13))),
        "{judged}"
    );
    assert_eq!(w.one(&ana).await.state.name(), "completed");
    w.s.until("2026-11-23T13:00:00Z").await;
    let told = w.s.news("Lea");
    let doubt = "has taken back its statement that **Ana** completed **Fire safety**. It still counts";
    assert_eq!(told.matches(doubt).count(), 1, "{told}");
    let voided = w.s.db.read(|c| async move { training::judged(&c, Some("voided")).await }).await.unwrap();
    assert_eq!(voided.iter().map(|j| j.person.as_deref()).collect::<Vec<_>>(), [Some("E-Ana")]);
    let tables = w.judged().await;
    w.services.ledger.rebuild(&w.s.db).await.unwrap();
    assert_eq!(w.judged().await, tables);
}

#[tokio::test]
async fn a_manager_says_it_with_a_reason_for_the_own_people_only() {
    let w = world().await;
    let max = w.s.hire("Max", |_| {}).await;
    let ana = w.s.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    w.s.hire("Eve", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let id = w.one(&ana).await.id;
    let team = w.s.says("Max", "team").await;
    assert!(team.contains(&format!("[Done elsewhere: team attest {id}]")), "{team}");
    let submit = |who: &'static str, reason: &str, day: &str| {
        let event = stoa_flow::chat::Event::Submit {
            command: format!("team attest {id}"),
            values: [("reason".to_owned(), reason.to_owned()), ("day".to_owned(), day.to_owned())].into(),
        };
        let w = &w;
        async move { (w.s.event(who, direct(who), event).await, w.last(who)) }
    };
    for (reason, day) in
        [("", ""), ("ok", ""), ("She took part in the drill", "2026-11-24"), ("She took part in the drill", "31.1.")]
    {
        let (opened, _) = submit("Max", reason, day).await;
        assert!(matches!(opened, stoa_flow::chat::Opened::Errors(_)), "{reason} {day}");
    }
    w.s.says("Eve", "training").await;
    let said = w.press("Eve", &format!("team attest {id}")).await;
    assert!(said.contains("This person is not in your team"), "{said}");
    let said = w.press("Ana", &format!("team attest {id}")).await;
    assert!(said.contains("This person is not in your team"), "not for oneself: {said}");
    assert_eq!(w.one(&ana).await.completed, None);
    let (_, said) = submit("Max", "She took part in the drill on Monday", "").await;
    assert_eq!(said, "Recorded: you have seen that Ana did it elsewhere.");
    let (_, said) = submit("Max", "She took part in the drill on Monday", "").await;
    assert!(said.contains("There is nothing to do for Ana"), "{said}");
    let subject = format!("assignment/{id}");
    let records = w.s.db.read(|c| async move { ledger::of_subject(&c, &subject).await }).await.unwrap();
    let done = records.last().unwrap();
    assert_eq!(done.actor, format!("person/{}", max.id));
    assert_eq!(done.reason, "She took part in the drill on Monday");
    assert_eq!((&done.data["how"], &done.data["authentication"]), (&json!("manager"), &json!("chat-session")));
    assert_eq!(w.kinds(&id).await, ["assigned", "completed"], "it is not an attestation of hers");
}

#[tokio::test]
async fn what_held_long_ago_does_not_count_and_what_ends_soon_brings_the_next_cycle_at_once() {
    let yearly = |more: &str| {
        let due = "due = { days = 14, from = \"assigned\" }";
        REQUIREMENT.replace(due, &format!("{due}\nrecertify = {{ every = \"1 year\", window_days = 60{more} }}"))
    };
    let w = world().await;
    write_course(w.courses.path(), &COURSE.replace("pass_mark", "since = 2020-01-01\npass_mark"));
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(&yearly("")).await;
    let row = |day: &str| format!("person,requirement,completed_at\nAna,fire-safety,{day}\n");
    let said = told(&import(&w, &row("2025-06-01"), false).await);
    assert_eq!(said, "2 refused: what Ana did on 2025-06-01 held until 2026-06-01 only");
    assert!(told(&import(&w, &row("2025-12-01"), false).await).starts_with("2 recorded"));
    let cycles: Vec<(u32, &str)> = w.of(&ana).await.iter().map(|a| (a.cycle, a.state.name())).collect();
    assert_eq!(cycles, [(1, "completed"), (2, "assigned")], "the window of the next one is open already");

    let w = world().await;
    write_course(w.courses.path(), &COURSE.replace("pass_mark", "since = 2020-01-01\npass_mark"));
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    w.s.hire("Ana", |_| {}).await;
    w.apply(&yearly(", prior = \"does not count\"")).await;
    let said = told(&import(&w, &row("2026-11-01"), false).await);
    assert!(said.ends_with("and what was done before does not count"), "{said}");
}

#[tokio::test]
async fn a_clock_that_is_a_little_ahead_loses_nothing() {
    let w = world().await;
    let ana = staff(&w).await;
    write_course(w.courses.path(), &COURSE.replacen("\n[[question]]", RULE, 1));
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    let now = w.s.db.clock().now();
    let arrives = async |n: u8, who: &str, ahead: i64| {
        let whole = json!({
            "id": id(n), "actor": { "account": { "homePage": "https://learn.example.org", "name": who } },
            "verb": { "id": "http://adlnet.gov/expapi/verbs/passed" },
            "object": { "id": "https://lms.example.org/fire" }, "result": { "score": { "scaled": 0.9 } },
            "timestamp": now.plus(ahead * Instant::SECOND).rfc3339(),
        });
        w.arrives(&[Statement::from_value(whole, Version::V1_0).unwrap()], "lms").await;
    };
    arrives(1, "E-Ana", 60).await;
    arrives(2, "E-Ben", 61).await;
    insta::assert_snapshot!(w.judged().await, @r"
    01 counted: completed in another system, which writes as 'lms'; it says 2026-11-23T09:01:00.000Z, which had not come yet
    02 refused: 09:01:01 of 2026-11-23 is still to come for Ben
    ");
    let a = w.one(&ana).await;
    assert_eq!(a.completed, Some(now), "nothing is completed in the future");
    let subject = format!("assignment/{}", a.id);
    let records = w.s.db.read(|c| async move { ledger::of_subject(&c, &subject).await }).await.unwrap();
    assert_eq!(records.last().unwrap().data["claimed"], json!(now.plus(60 * Instant::SECOND)));
}

#[tokio::test]
async fn a_day_is_the_same_day_whenever_it_is_said_and_a_dry_run_counts_its_own_rows() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.s.hire("Ben", |_| {}).await;
    let due = "due = { days = 14, from = \"assigned\" }";
    w.apply(&REQUIREMENT.replace(due, &format!("{due}\nrecertify = {{ every = \"7 days\", window_days = 6 }}"))).await;
    let file = "person,requirement,course,completed_at\n\
        Ana,fire-safety,,2026-11-23\n\
        Ana,fire-safety,,2026-11-23T08:00:00Z\n\
        Ana,,fire,2026-11-23\n\
        Ben,,fire,2026-11-23T08:00:00Z\n\
        Ben,fire-safety,,2026-11-23T08:30:00Z\n";
    let dry = told(&import(&w, file, true).await);
    insta::assert_snapshot!(dry, @r"
    2 recorded: Ana: completed on 2026-11-23
    3 unchanged: it says the same as row 2
    4 unchanged: 'fire-safety' of Ana is recorded as completed on 2026-11-23 already
    5 recorded: Ben: completed on 2026-11-23
    6 unchanged: 'fire-safety' of Ben is completed already, on 2026-11-23
    ");
    assert_eq!(told(&import(&w, file, false).await), dry);
    // The window of the next cycle is open: the same file says nothing about it.
    w.s.until("2026-11-25T15:00:00Z").await;
    assert_eq!(w.of(&ana).await.len(), 2, "assigned again");
    let again = told(&import(&w, file, false).await);
    assert!(
        again.starts_with("2 unchanged: 'fire-safety' of Ana is recorded as completed on 2026-11-23 already"),
        "{again}"
    );
    assert_eq!(w.of(&ana).await[1].state.name(), "assigned");
}
