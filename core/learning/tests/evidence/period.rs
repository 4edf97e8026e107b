//! The population over a period, and how things stood at its end.

use super::*;
use stoa_ground::args;
use stoa_ground::people::{self, Person};

const OFFICE: &str = "[[requirement]]\nid = \"office-safety\"\ntitle = \"Office safety\"\ncourse = \"fire\"\n\
    audience = \"department = \\\"Sales\\\"\"\ndue = { days = 14, from = \"assigned\" }\nevidence = \"osha\"\n";

impl World {
    /// Changes somebody in the roster, now.
    async fn change(&self, person: &Person, sql: &'static str) {
        self.s
            .db
            .write(|tx| async move {
                tx.exec(sql, args![&person.id, tx.now()]).await?;
                tx.publish(people::TOPIC, &person.id).await
            })
            .await
            .unwrap();
        self.s.flow.settle().await.unwrap();
    }

    async fn over(&self, name: &str, scope: Scope) -> (Json, Json) {
        let folder = self.dir.path().join(name);
        self.export(&scope, None, &folder).await.unwrap();
        let trusted = Brought { key: Some(self.log.signer.verifier().to_string()), ..Brought::default() };
        assert_eq!(judge(&folder, &trusted).0, Verdict::Valid, "{}", judge(&folder, &trusted).1);
        let read = |file: &str| serde_json::from_slice(&std::fs::read(folder.join(file)).unwrap()).unwrap();
        (read("report.json"), read("population.json"))
    }
}

fn lines(report: &Json) -> Vec<String> {
    let row = |r: &Json| {
        format!(
            "{} {} {} {} {}",
            r["name"].as_str().unwrap(),
            r["title"].as_str().unwrap(),
            r["state"].as_str().unwrap(),
            r["counts"],
            r["reason"].as_str().unwrap()
        )
    };
    report["rows"].as_array().unwrap().iter().map(row).collect()
}

fn someone<'a>(population: &'a Json, name: &str) -> &'a Json {
    let found = population.as_array().unwrap().iter().find(|p| p["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is in the population: {population}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_is_about_whoever_was_there_in_its_period_as_they_were_then() {
    let w = world().await;
    let sales = |title: &'static str| {
        move |p: &mut Person| {
            p.department = Some("Sales".into());
            p.title = Some(title.into());
        }
    };
    let dora = w.s.hire("Dora", sales("Seller")).await;
    let emil = w.s.hire("Emil", sales("Seller")).await;
    let finn = w.s.hire("Finn", |p| p.department = Some("HR".into())).await;
    training::apply(&w.s.db, &w.services, "office.toml", OFFICE, false).await.unwrap();
    w.s.flow.settle().await.unwrap();
    // The first week: Dora completes, and is promoted after that.
    training::complete(&w.s.db, &w.services, "Dora", "office-safety", "operator", "in class").await.unwrap();
    w.s.until("2026-11-30T10:00:00Z").await;
    w.change(&dora, "UPDATE person SET title = 'Head of sales', name = 'Dora Lang', updated = $2 WHERE id = $1").await;
    w.change(&emil, "UPDATE person SET department = 'HR', updated = $2 WHERE id = $1").await;
    // The third week: Finn comes to Sales, Emil leaves.
    w.s.until("2026-12-07T10:00:00Z").await;
    w.change(&finn, "UPDATE person SET department = 'Sales', updated = $2 WHERE id = $1").await;
    w.change(&emil, "UPDATE person SET status = 'left', updated = $2 WHERE id = $1").await;
    w.s.until("2026-12-14T10:00:00Z").await;
    training::complete(&w.s.db, &w.services, "Finn", "office-safety", "operator", "in class").await.unwrap();

    let office = || Scope { requirement: Some("office-safety".into()), ..Scope::default() };
    let day = |text: &str| Some(text.parse().unwrap());
    // Until the end of the first week: as it was then, by the names of then.
    let (report, population) = w.over("first", Scope { to: day("2026-11-29"), ..office() }).await;
    assert_eq!(lines(&report), ["Dora Seller completed true in class", "Emil Seller assigned true "]);
    assert_eq!(report["percent"], "50.0");
    let emil_then = someone(&population, "Emil");
    assert_eq!((emil_then["status"].as_str(), emil_then["left"].as_str()), (Some("active"), Some("")));
    assert_eq!(
        someone(&population, "Finn")["why_none"],
        "no rule of the scope meant this person at any time in the period"
    );

    // The whole time: who moved and left stays in it, with the reason.
    let (report, population) = w.over("whole", office()).await;
    assert_eq!(
        lines(&report),
        [
            "Dora Seller completed true in class",
            "Emil Seller retired false not for you, because your department is HR",
            "Finn  completed true in class"
        ]
    );
    assert_eq!(report["excluded"], serde_json::json!({ "retired": 1 }));
    let emil_now = someone(&population, "Emil");
    assert_eq!(emil_now["left"], "2026-12-07T10:00:00.000Z");
    assert_eq!(
        emil_now["moved"][0],
        serde_json::json!({ "at": "2026-11-30T10:00:00.000Z", "what": "department: Sales → HR" })
    );
    assert_eq!(emil_now["meant"][0]["to"], "2026-11-30T10:00:00.000Z");
    assert_eq!(someone(&population, "Dora Lang")["title"], "Head of sales");
    let retention = report["rows"][0]["retention"].as_str().unwrap();
    assert_eq!(
        retention, "training: no end yet, it holds for good, and the person works here",
        "and after that for a year, says the preset osha"
    );

    // Only the third week: Dora had it before, Emil left before anything was asked of him, Finn is new and open.
    let (report, population) =
        w.over("third", Scope { from: day("2026-12-07"), to: day("2026-12-13"), ..office() }).await;
    assert_eq!(
        lines(&report),
        [
            "Dora Seller completed false completed before the period, and nothing more was asked for in it",
            "Finn  assigned true "
        ]
    );
    assert_eq!((report["denominator"].as_u64(), report["percent"].as_str()), (Some(1), Some("0.0")));
    assert_eq!(someone(&population, "Emil")["assignments"], 0);

    // A person, and a course.
    let (report, population) = w.over("person", Scope { person: Some("Finn".into()), ..Scope::default() }).await;
    assert_eq!(lines(&report).len(), 2, "fire safety for everyone and office safety: {report}");
    assert_eq!(population.as_array().unwrap().len(), 1);
    let (report, _) = w.over("course", Scope { course: Some("fire".into()), ..Scope::default() }).await;
    assert_eq!(report["rows"].as_array().unwrap().len(), 9, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_of_a_period_are_those_of_the_organisation_to_the_instant() {
    let w = world().await;
    let zone = w.services.organisation.calendar.zone.clone();
    let sql = "SELECT assigned FROM assignment WHERE state = 'completed'";
    let row = w.s.db.opt(sql, args![]).await.unwrap().unwrap();
    let assigned: stoa_ground::Instant = row.get("assigned").unwrap();
    let day = assigned.zoned(&zone).date();
    let scope = |from, to| Scope { from, to, requirement: Some("fire-safety".into()), ..Scope::default() };
    let (report, _) = w.over("day", scope(Some(day), Some(day))).await;
    assert_eq!(report["rows"].as_array().unwrap().len(), 3);
    let (report, population) = w.over("before", scope(None, Some(day.yesterday().unwrap()))).await;
    assert_eq!(report["rows"].as_array().unwrap().len(), 0);
    assert_eq!(population.as_array().unwrap().len(), 0, "nobody was there");
    let tomorrow = scope(Some(day.tomorrow().unwrap()), None);
    let said = w.export(&tomorrow, None, &w.dir.path().join("after")).await.unwrap_err().to_string();
    assert!(said.contains("has not begun"), "{said}");
    let manifest: Manifest =
        serde_json::from_slice(&std::fs::read(w.dir.path().join("day/manifest.json")).unwrap()).unwrap();
    let begins = day.to_zoned(zone.clone()).unwrap();
    assert_eq!(manifest.period.0, Some(stoa_ground::Instant::from(&begins).0));
    assert_eq!(manifest.zone, zone.iana_name().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_assigned_in_the_period_and_done_before_it_counts_in_it() {
    let w = world().await;
    w.s.until("2026-11-25T08:00:00Z").await;
    let gina = w.s.hire("Gina", |_| {}).await;
    training::reconsider(&w.s.db, &w.services, &[gina.id]).await.unwrap();
    let file = "person,requirement,completed_at\nGina,fire-safety,2026-11-23T15:00:00Z\n";
    let lines = training::import(&w.s.db, &w.services, "done.csv", file.as_bytes(), false).await.unwrap();
    assert_eq!(lines[0].outcome, training::Outcome::Recorded, "{lines:?}");
    let day = |text: &str| Some(text.parse().unwrap());
    let scope = Scope { requirement: Some("fire-safety".into()), from: day("2026-11-25"), ..Scope::default() };
    let (report, _) = w.over("late", scope).await;
    let gina = lines_of(&report, "Gina");
    assert!(gina.len() == 1 && gina[0].starts_with("Gina  completed true"), "{gina:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_no_more_stands_beside_its_renewal_and_does_not_count_twice() {
    let w = world().await;
    let text =
        REQUIREMENT.replace("fire-safety", "yearly") + "recertify = { every = \"12 months\", window_days = 30 }\n";
    training::apply(&w.s.db, &w.services, "yearly.toml", &text, false).await.unwrap();
    // What Ana did for fire safety counts.
    training::complete(&w.s.db, &w.services, "Bob", "yearly", "operator", "in class").await.unwrap();
    let day = |text: &str| Some(text.parse().unwrap());
    let yearly = || Scope { requirement: Some("yearly".into()), ..Scope::default() };
    // The window is open: what was done holds still, and the renewal is to be done as well.
    w.s.until("2027-11-01T12:00:00Z").await;
    training::complete(&w.s.db, &w.services, "Ana", "yearly", "operator", "again").await.unwrap();
    w.s.until("2027-12-06T12:00:00Z").await;
    let (report, _) = w.over("year", Scope { from: day("2027-01-01"), ..yearly() }).await;
    let before = "completed before the period, and what renews it has a line of its own";
    assert_eq!(
        lines_of(&report, "Ana"),
        [format!("Ana  completed false {before}"), "Ana  completed true again".into()]
    );
    let renewed = "holds no more, and what renews it counts in its place";
    assert_eq!(lines_of(&report, "Bob"), [format!("Bob  expired false {renewed}"), "Bob  overdue true ".into()]);
    let first = report["rows"].as_array().unwrap().iter().find(|r| r["state"] == "expired").unwrap();
    assert_eq!(first["expires"], "2027-11-23");
    assert_eq!((report["denominator"].as_u64(), report["completed"].as_u64()), (Some(3), Some(1)), "Cleo never did it");
    // After the period in which it ended only the renewal speaks.
    w.s.until("2028-01-10T12:00:00Z").await;
    let (report, _) = w.over("next", Scope { from: day("2028-01-01"), ..yearly() }).await;
    assert_eq!(lines_of(&report, "Bob"), ["Bob  overdue true "]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_nobody_recorded_in_time_is_an_end_all_the_same() {
    let w = world().await;
    let text =
        REQUIREMENT.replace("fire-safety", "yearly") + "recertify = { every = \"12 months\", grace_days = 10 }\n";
    training::apply(&w.s.db, &w.services, "yearly.toml", &text, false).await.unwrap();
    training::complete(&w.s.db, &w.services, "Bob", "yearly", "operator", "in class").await.unwrap();
    // The server stood still for a year: no cycle began, and nothing was recorded.
    let later = |at: &str| w.s.db.clock().set(stoa_ground::Instant::parse(at).unwrap()).unwrap();
    later("2027-11-30T12:00:00Z");
    let yearly = || Scope { requirement: Some("yearly".into()), person: Some("Bob".into()), ..Scope::default() };
    let (report, _) = w.over("grace", yearly()).await;
    assert_eq!(lines_of(&report, "Bob"), ["Bob  completed true in class"], "in the grace it counts");
    later("2027-12-06T12:00:00Z");
    let (report, _) = w.over("over", yearly()).await;
    assert_eq!(lines_of(&report, "Bob"), ["Bob  expired true holds no more, and nothing renews it"]);
    assert_eq!(report["percent"], "0.0");
}

fn lines_of(report: &Json, name: &str) -> Vec<String> {
    lines(report).into_iter().filter(|line| line.starts_with(name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_meant_and_got_nothing_stands_in_the_denominator() {
    let w = world().await;
    // She has just come, and nothing was assigned yet.
    hire(&w.s.db, "Dora", |_| {}).await;
    let (report, _) = w.over("missed", Scope { requirement: Some("fire-safety".into()), ..Scope::default() }).await;
    let lines = lines(&report);
    assert!(lines[3].starts_with("Dora  not-assigned true the rule meant this person from"), "{lines:?}");
    assert_eq!(report["denominator"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leave_ends_with_its_last_day_whether_or_not_the_roster_says_so() {
    let w = world().await;
    let away = |last: Option<&str>| {
        let last = last.map(|day| day.parse().unwrap());
        move |p: &mut Person| {
            p.status = people::Status::Leave;
            (p.leave_from, p.leave_to) = (last.map(|_| "2026-11-23".parse().unwrap()), last);
        }
    };
    w.s.hire("Dora", away(Some("2026-11-25"))).await;
    w.s.hire("Eva", away(None)).await;
    w.s.until("2026-11-28T12:00:00Z").await;
    for (to, dora) in [("2026-11-25", "leave"), ("2026-11-26", "active")] {
        let (_, population) = w.over(to, Scope { to: Some(to.parse().unwrap()), ..Scope::default() }).await;
        assert_eq!(someone(&population, "Dora")["status"], dora, "{to}");
        assert_eq!(someone(&population, "Eva")["status"], "leave", "nobody knows its end");
    }
}
