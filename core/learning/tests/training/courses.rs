//! What a course counts: active time, answers that give the score again, several at once, days in between.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use stoa_ground::ledger;

use super::*;

async fn statements(w: &World, registration: &str) -> Vec<Json> {
    let sql = "SELECT body FROM statement WHERE registration = $1 ORDER BY position";
    let rows = w.s.db.read(|c| async move { c.all(sql, args![registration]).await }).await.unwrap();
    rows.iter().map(|r| serde_json::from_str(&r.get::<String>("body").unwrap()).unwrap()).collect()
}

/// The scores of the attempts, from nothing but the statements: the share of answers that are among the right ones.
fn replayed(statements: &[Json]) -> BTreeMap<u64, f64> {
    let attempt = |s: &Json| s["context"]["extensions"]["https://learn.example.org/xapi/extensions/attempt"].as_u64();
    let mut counts: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for s in statements.iter().filter(|s| s["verb"]["id"] == "http://adlnet.gov/expapi/verbs/answered") {
        let right = &s["object"]["definition"]["correctResponsesPattern"];
        let count = counts.entry(attempt(s).unwrap()).or_default();
        count.0 += f64::from(u8::from(right.as_array().unwrap().contains(&s["result"]["response"])));
        count.1 += 1.0;
    }
    counts.into_iter().map(|(attempt, (right, all))| (attempt, right / all)).collect()
}

#[tokio::test]
async fn every_score_follows_again_from_the_answers() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    write_course(w.courses.path(), &COURSE.replace("pass_mark = 0.5", "pass_mark = 1"));
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    w.apply(REQUIREMENT).await;
    let id = w.one(&ana).await.id;
    w.s.says("Ana", "training").await;
    w.press("Ana", &format!("training open {id}")).await;
    w.press("Ana", &format!("training page {id} 2")).await;
    for (attempt, answers) in [(1, [1, 1]), (2, [1, 0])] {
        w.press("Ana", &format!("training quiz {id}")).await;
        for (n, answer) in answers.into_iter().enumerate() {
            w.press("Ana", &format!("training answer {id} {attempt} {n} {answer}")).await;
        }
    }
    let all = statements(&w, &id).await;
    assert_eq!(replayed(&all), [(1, 0.5), (2, 1.0)].into());
    let ended =
        |verb: &str| all.iter().find(|s| s["verb"]["id"] == format!("http://adlnet.gov/expapi/verbs/{verb}")).unwrap();
    assert_eq!(ended("failed")["result"]["score"]["scaled"], 0.5);
    assert_eq!(ended("passed")["result"]["score"]["scaled"], 1.0);
    let subject = format!("assignment/{id}");
    let records = w.s.db.read(|c| async move { ledger::of_subject(&c, &subject).await }).await.unwrap();
    let attempts: Vec<_> = records.iter().filter(|r| r.kind == "attempted").map(|r| &r.data).collect();
    assert_eq!(attempts[0]["answers"], serde_json::json!([1, 1]));
    assert_eq!((&attempts[1]["attempt"], &attempts[1]["score"]), (&Json::from(2), &Json::from(1.0)));
}

#[tokio::test]
async fn only_reading_counts_and_the_active_time_is_in_the_evidence() {
    let w = world().await;
    write_course(w.courses.path(), &COURSE.replace("attempts = 2", "attempts = 2\nmin_minutes = 4"));
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let id = w.one(&ana).await.id;
    w.s.says("Ana", "training").await;
    w.press("Ana", &format!("training open {id}")).await;
    // Lunch counts for three minutes, and not for an hour.
    w.s.until("2026-11-23T10:00:00Z").await;
    w.press("Ana", &format!("training page {id} 2")).await;
    let said = w.press("Ana", &format!("training quiz {id}")).await;
    insta::assert_snapshot!(said.replace(&id, "A"), @r"
    The stairs
    Use the stairs.
    Fire safety · page 2 of 2
    This course asks for 4 minutes of reading. Please take one more minute; only time between page turns counts.
    [Back: training page A 1]
    [Start the quiz: training quiz A]
    ");
    w.s.until("2026-11-23T10:00:30Z").await;
    let said = w.press("Ana", &format!("training quiz {id}")).await;
    assert!(said.contains("one more minute"), "thirty seconds are missing: {said}");
    w.s.until("2026-11-23T10:01:00Z").await;
    assert!(w.press("Ana", &format!("training quiz {id}")).await.starts_with("Question 1 of 2"));
    // Answering is not reading.
    w.s.until("2026-11-23T10:09:00Z").await;
    w.press("Ana", &format!("training answer {id} 1 0 1")).await;
    w.press("Ana", &format!("training answer {id} 1 1 0")).await;
    w.s.fills("Ana", &format!("training attest {id}"), &[("name", "Ana")]).await;
    let subject = format!("assignment/{id}");
    let records = w.s.db.read(|c| async move { ledger::of_subject(&c, &subject).await }).await.unwrap();
    let done = &records.last().unwrap().data;
    assert_eq!((&done["active_seconds"], &done["planned_minutes"]), (&Json::from(240), &Json::from(4)));
    assert_eq!((&done["how"], &done["who"]["name"]), (&Json::from("chat"), &Json::from("Ana")));
    let all = statements(&w, &id).await;
    assert_eq!(all.last().unwrap()["result"]["duration"], "PT240S");
}

#[tokio::test]
async fn two_courses_side_by_side_and_days_between_lose_nothing() {
    let w = world().await;
    write_course(w.courses.path(), &COURSE.replace("fire", "water").replace("Fire", "Water"));
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(&format!("{REQUIREMENT}{}", REQUIREMENT.replace("fire", "water").replace("Fire", "Water"))).await;
    let all = w.of(&ana).await;
    let id = |requirement: &str| all.iter().find(|a| a.requirement == requirement).unwrap().id.clone();
    let (fire, water) = (id("fire-safety"), id("water-safety"));
    w.s.says("Ana", "training").await;
    for (course, id) in [("Fire safety", &fire), ("Water safety", &water)] {
        let page = w.press("Ana", &format!("training open {id}")).await;
        assert!(page.contains(&format!("{course} · page 1 of 2")), "{page}");
    }
    w.press("Ana", &format!("training page {water} 2")).await;
    w.press("Ana", &format!("training quiz {water}")).await;
    w.press("Ana", &format!("training answer {water} 1 0 1")).await;
    w.s.until("2026-11-26T09:00:00Z").await;
    // Each is where it was, whatever was done in the other; the newer content is for who begins after it.
    write_course(w.courses.path(), &COURSE.replace("fire", "water").replace("Which way?", "Which boat?"));
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    let page = w.press("Ana", &format!("training open {fire}")).await;
    assert!(page.contains("Fire safety · page 1 of 2"), "{page}");
    let question = w.press("Ana", &format!("training open {water}")).await;
    assert!(question.starts_with("Question 2 of 2\n**Which way?**"), "{question}");
    let said = w.press("Ana", &format!("training answer {water} 1 1 0")).await;
    assert!(said.contains("Passed: 2 of 2"), "{said}");
    assert_eq!(w.of(&ana).await.iter().filter(|a| a.passed).count(), 1);
}
