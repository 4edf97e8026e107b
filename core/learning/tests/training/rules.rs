//! Who is assigned what and when, as rules, people and dates change.

use super::*;

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
async fn a_holiday_that_is_added_moves_what_is_open_at_the_next_start() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    assert_eq!(w.one(&ana).await.due.date.to_string(), "2026-12-07");
    w.s.news("Ana");
    let mut closed = organisation();
    closed.calendar.holidays = ["2026-11-30", "2026-12-07"].map(|day| day.parse().unwrap()).into();
    let services = services(Default::default(), closed.clone());
    let flow = stoa_flow::Flow::new(w.s.db.clone(), closed.clone(), parts(&services));
    flow.connect(w.s.chat.clone());
    for starts in 1..=2 {
        training::follow_calendars(&w.s.db, &closed).await.unwrap();
        let jobs = w.s.db.opt("SELECT COUNT(*) AS n FROM job WHERE kind = 'training-calendars'", args![]).await;
        let jobs: i64 = jobs.unwrap().unwrap().get("n").unwrap();
        assert_eq!(jobs, i64::from(starts == 1), "start {starts}: the same calendars are looked at once");
        flow.settle().await.unwrap();
        assert_eq!(w.one(&ana).await.due.date.to_string(), "2026-12-08");
    }
    flow.advance(Instant::parse("2026-12-01T12:00:00Z").unwrap()).await.unwrap();
    let news = w.s.news("Ana");
    assert!(news.contains("Still open: **Fire safety**, due **Tue, 8 Dec**"), "a week before the new date: {news}");
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
    let count = |reason: &str, people: u32| serde_json::json!([{ "reason": reason, "people": people }]);
    assert_eq!(one["because"], count("because your country is US", 2));
    assert_eq!(
        one["not_for"],
        count("not for you, because your country is DE and you are not in the group Nowhere", 1)
    );
    assert_eq!((&one["later"][0]["name"], &one["later"][0]["due"]), (&"Cleo".into(), &"2026-12-01".into()));
    assert_eq!(one["no_manager"], serde_json::json!(["Ana", "Cleo"]));
    assert_eq!(one["warnings"], serde_json::json!(["nobody is in the group 'Nowhere'"]));
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
async fn a_dry_run_warns_of_what_is_probably_not_meant_and_names_those_whom_a_decision_leaves_out() {
    let w = world().await;
    let boss = w.s.hire("Boss", |_| {}).await;
    for name in ["Ana", "Ben"] {
        w.s.hire(name, |p| p.manager = Some(boss.id.clone())).await;
    }
    w.apply(REQUIREMENT).await;
    training::exempt(&w.s.db, &w.services, "Ana", "fire-safety", None, "operator", "works outdoors").await.unwrap();
    training::waive(&w.s.db, &w.services, "Ben", "fire-safety", "operator", "was ill").await.unwrap();
    let again =
        training::apply(&w.s.db, &w.services, "x.toml", REQUIREMENT, true).await.unwrap().requirements.remove(0);
    let out: Vec<(&str, &str)> = again.left_out.iter().map(|e| (e.name.as_str(), e.reason.as_str())).collect();
    assert_eq!(out, [("Ana", "exempt: works outdoors"), ("Ben", "waived: was ill")]);
    assert_eq!((again.change, again.unchanged, again.no_manager), ("unchanged", 3, vec!["Boss".to_owned()]));

    let other = |audience: &str, due: &str| {
        REQUIREMENT
            .replace("fire-safety", "fire-drill")
            .replace("everyone", audience)
            .replace("{ days = 14, from = \"assigned\" }", due)
    };
    let warnings = async |text: String| {
        let plan = training::apply(&w.s.db, &w.services, "x.toml", &text, true).await.unwrap();
        plan.requirements.into_iter().next_back().unwrap().warnings
    };
    assert_eq!(
        warnings(other("country = \\\"FR\\\"", "{ days = 3 }")).await,
        ["the rule means nobody; for 3 people it is 'not for you, because you have no country'"]
    );
    assert_eq!(
        warnings(other("everyone", "{ date = 2026-11-01 }")).await,
        [
            "the due date 2026-11-01 has passed for 3 people: what is assigned now is due on the next working day",
            "'fire-safety' asks 3 of these people for the same course with another due date: they have it twice"
        ]
    );
    // The two stand in one file, and only together do they contradict each other.
    let both =
        format!("{}{}", other("manager", "{ days = 3 }").replace("fire-drill", "a"), other("manager", "{ days = 3 }"));
    assert!(
        warnings(both)
            .await
            .contains(&"'a' asks 1 of these people for the same course in the same way: they have it twice".to_owned())
    );
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
    training::exempt(db, services, "Ben", "fire-safety", None, "operator", "works outdoors").await.unwrap();
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
async fn who_moves_to_another_zone_keeps_the_day_and_is_reminded_in_the_new_morning() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let before = w.one(&ana).await;
    w.change("UPDATE person SET timezone = $2 WHERE id = $1", &ana, Some("Australia/Sydney")).await;
    let after = w.one(&ana).await;
    assert_eq!(after.due.date, before.due.date);
    assert_eq!(after.due.at.rfc3339(), "2026-12-07T12:59:59.000Z");
    w.s.until("2026-12-07T12:00:00Z").await;
    let at: Vec<String> = w.s.to("Ana").iter().skip(1).map(|p| p.at.rfc3339()).collect();
    assert_eq!(at, ["2026-11-29T22:00:00.000Z", "2026-12-03T22:00:00.000Z"], "a Monday and a Friday at nine in Sydney");
}

#[tokio::test]
async fn a_changed_rule_moves_what_is_open_and_nothing_else() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    let ben = w.s.hire("Ben", |_| {}).await;
    let cleo = w.s.hire("Cleo", |_| {}).await;
    w.apply(REQUIREMENT).await;
    w.finish(&ben).await;
    let to = "2027-01-15".parse().unwrap();
    training::extend(&w.s.db, &w.services, "Cleo", "fire-safety", to, "operator", "agreed").await.unwrap();
    w.s.until("2026-12-01T12:00:00Z").await;
    let plan = w.apply(&REQUIREMENT.replace("days = 14", "days = 30")).await;
    assert_eq!(plan.requirements[0].adjust.len(), 1, "{plan:?}");
    assert_eq!(w.one(&ana).await.due.date.to_string(), "2026-12-23", "thirty days after the assignment");
    assert_eq!(w.one(&ben).await.due.date.to_string(), "2026-12-07");
    assert_eq!(w.one(&cleo).await.due.date.to_string(), "2027-01-15", "what was agreed holds");
    // A new date that is past already gives the rest of the day.
    w.apply(&REQUIREMENT.replace("days = 14", "days = 2")).await;
    assert_eq!(w.one(&ana).await.due.date.to_string(), "2026-12-01");
    let records = w.kinds(&w.one(&ana).await.id).await;
    w.apply(&REQUIREMENT.replace("days = 14", "days = 2")).await;
    w.change("UPDATE person SET title = $2 WHERE id = $1", &ana, Some("Chef")).await;
    assert_eq!(w.kinds(&w.one(&ana).await.id).await, records, "nothing new, nothing recorded");
    w.s.until("2026-12-02T00:00:01Z").await;
    assert_eq!(w.one(&ana).await.state.name(), "overdue");
}

#[tokio::test]
async fn a_waiver_forgives_this_time_and_can_be_taken_back_as_an_exemption_can() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    let ben = w.s.hire("Ben", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let (db, services) = (&w.s.db, &w.services);
    let early = training::reinstate(db, services, "Ana", "fire-safety", "operator", "a mistake").await;
    assert!(early.unwrap_err().to_string().contains("is assigned, not exempt or waived"));
    training::waive(db, services, "Ana", "fire-safety", "operator", "the course was down").await.unwrap();
    let until = "2026-12-01".parse().unwrap();
    training::exempt(db, services, "Ben", "fire-safety", Some(until), "operator", "works outdoors").await.unwrap();
    w.s.flow.settle().await.unwrap();
    let rows = db.read(|c| async move { training::status(&c, &Filter::default()).await }).await.unwrap();
    let said: Vec<_> = rows.iter().map(|r| (r.state, r.counts, r.reason.as_str())).collect();
    assert_eq!(said, [("waived", false, "the course was down"), ("exempt", false, "works outdoors")]);
    let nudge = w.s.to("Ana").remove(0).message.plain();
    assert!(nudge.ends_with("**Fire safety**: waived this time. You need not do it."), "{nudge}");
    let done = training::complete(db, services, "Ana", "fire-safety", "operator", "did it all the same").await;
    assert!(done.unwrap_err().to_string().contains("is waived and stays so"));

    training::reinstate(db, services, "Ana", "fire-safety", "operator", "the course works").await.unwrap();
    training::reinstate(db, services, "Ben", "fire-safety", "operator", "works indoors now").await.unwrap();
    w.s.until("2026-12-02T12:00:00Z").await;
    assert_eq!(w.one(&ben).await.state.name(), "assigned", "the end of the exemption counts no more");
    assert_eq!(w.kinds(&w.one(&ana).await.id).await, ["assigned", "waived", "reinstated"]);
    let news = w.s.news("Ana");
    assert!(news.contains("Still open: **Fire safety**"), "{news}");
    let before = w.tables().await;
    services.ledger.rebuild(db).await.unwrap();
    assert_eq!(w.tables().await, before);
}

#[tokio::test]
async fn a_requirement_keeps_the_course_that_people_were_assigned_under_its_id() {
    let w = world().await;
    write_course(w.courses.path(), &COURSE.replace("\"fire\"", "\"water\""));
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    let nobody = REQUIREMENT.replace("\"everyone\"", "'country = \"FR\"'");
    let other = |text: &str| text.replace("course = \"fire\"", "course = \"water\"");
    w.apply(&nobody).await;
    w.apply(&other(&nobody)).await;
    w.apply(&nobody).await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let before = w.tables().await;
    for dry_run in [true, false] {
        let said = training::apply(&w.s.db, &w.services, "r.toml", &other(REQUIREMENT), dry_run).await.unwrap_err();
        assert_eq!(
            said.to_string(),
            "r.toml: requirement 'fire-safety': its course is 'fire', and what people did for it is evidence of that one: \
             give what asks for 'water' an id of its own, and end this one with active = false"
        );
    }
    assert_eq!(w.tables().await, before);
    // The way out.
    let ends = format!("{REQUIREMENT}active = false\n{}", other(&REQUIREMENT.replace("fire-safety", "water-safety")));
    w.apply(&ends).await;
    let all: Vec<_> = w.of(&ana).await.into_iter().map(|a| (a.course, a.state.name())).collect();
    assert_eq!(all, [("fire".to_owned(), "retired"), ("water".to_owned(), "assigned")]);
    // What has ended keeps it as well.
    let again = training::apply(&w.s.db, &w.services, "r.toml", &other(REQUIREMENT), true).await;
    assert!(again.unwrap_err().to_string().contains("its course is 'fire'"));
}

#[tokio::test]
async fn who_begins_later_than_was_known_is_told_so() {
    let w = world().await;
    let ana = w.s.hire("Ana", |p| p.hire_date = Some("2026-11-01".parse().unwrap())).await;
    w.apply(REQUIREMENT).await;
    let moved = "UPDATE person SET hire_date = $2 WHERE id = $1";
    w.change(moved, &ana, Some("2026-12-01")).await;
    let retired = w.one(&ana).await;
    assert_eq!(retired.state.name(), "retired");
    assert_eq!(retired.end_reason.as_deref(), Some("not for you yet, because your first day of work is 2026-12-01"));
    w.s.until("2026-12-01T09:00:00Z").await;
    assert_eq!(w.of(&ana).await.last().unwrap().state.name(), "assigned");
}

#[tokio::test]
async fn an_exemption_holds_when_somebody_was_away_from_the_rule_or_the_roster() {
    let sales = REQUIREMENT.replace("\"everyone\"", "'department = \"Sales\"'");
    let (department, status) =
        ("UPDATE person SET department = $2 WHERE id = $1", "UPDATE person SET status = $2 WHERE id = $1");
    for prior in ["", "recertify = { every = \"1 year\", prior = \"does not count\" }\n"] {
        let w = world().await;
        let hire = async |name: &str| {
            w.s.hire(name, |p| {
                p.department = Some("Sales".into());
                p.hire_date = Some("2020-01-01".parse().unwrap());
            })
            .await
        };
        let (ana, ben) = (hire("Ana").await, hire("Ben").await);
        let text = format!("{sales}{prior}");
        w.apply(&text).await;
        let (db, services) = (&w.s.db, &w.services);
        training::exempt(db, services, "Ana", "fire-safety", None, "operator", "a trained firefighter").await.unwrap();
        let until = Some("2027-01-15".parse().unwrap());
        training::exempt(db, services, "Ben", "fire-safety", until, "operator", "works outdoors").await.unwrap();
        w.s.flow.settle().await.unwrap();
        // To another department and back; out of the roster by mistake and back; the rule ended and came again.
        for person in [&ana, &ben] {
            w.change(department, person, Some("Finance")).await;
            assert_eq!(w.one(person).await.state.name(), "exempt", "what was decided holds meanwhile");
            w.change(department, person, Some("Sales")).await;
            w.change(status, person, Some("left")).await;
            w.change(status, person, Some("active")).await;
        }
        w.apply(&format!("{text}active = false\n")).await;
        w.apply(&text).await;
        w.s.news("Ana");
        for person in [&ana, &ben] {
            assert_eq!(w.one(person).await.state.name(), "exempt", "{prior}");
        }
        // One that ends meanwhile has ended.
        w.change(department, &ben, Some("Finance")).await;
        w.s.until("2027-01-18T12:00:00Z").await;
        assert_eq!(w.one(&ben).await.state.name(), "retired");
        w.change(department, &ben, Some("Sales")).await;
        assert_eq!(w.of(&ben).await.last().unwrap().state.name(), "assigned");
        // A new first day of work begins anew where the rule says so.
        w.change(status, &ana, Some("left")).await;
        w.change("UPDATE person SET status = 'active', hire_date = $2 WHERE id = $1", &ana, Some("2027-01-11")).await;
        let states: Vec<&str> = w.of(&ana).await.iter().map(|a| a.state.name()).collect();
        assert_eq!(states, if prior.is_empty() { vec!["exempt"] } else { vec!["exempt", "assigned"] });
        assert_eq!(w.s.news("Ana").contains("New for you"), !prior.is_empty());
    }
}

#[tokio::test]
async fn the_day_that_was_given_during_a_leave_stands_unless_the_leave_gets_longer() {
    let away = "UPDATE person SET leave_from = '2026-11-30', leave_to = $2 WHERE id = $1";
    for (known, given, last, due) in [
        // Back on Monday the 14th; the day is the one that was said.
        (Some("2026-12-13"), "2026-12-18", Some("2026-12-13"), "2026-12-18"),
        // Five working days longer than was known then.
        (Some("2026-12-13"), "2026-12-18", Some("2026-12-20"), "2026-12-25"),
        // Earlier than was known.
        (Some("2026-12-13"), "2026-12-18", Some("2026-12-06"), "2026-12-18"),
        // A day in the middle of the leave is the first one after it.
        (Some("2026-12-13"), "2026-12-09", Some("2026-12-13"), "2026-12-14"),
        // Nobody knew for how long.
        (None, "2026-12-18", Some("2026-12-13"), "2026-12-18"),
        (None, "2026-12-18", Some("2027-01-03"), "2027-01-04"),
    ] {
        let w = world().await;
        let ana = w.s.hire("Ana", |_| {}).await;
        w.apply(REQUIREMENT).await;
        w.change(away, &ana, known).await;
        w.s.until("2026-12-02T12:00:00Z").await;
        assert_eq!(w.one(&ana).await.state.name(), "on_leave");
        let to = given.parse().unwrap();
        training::extend(&w.s.db, &w.services, "Ana", "fire-safety", to, "operator", "a long leave").await.unwrap();
        w.change(away, &ana, last).await;
        w.s.until("2027-01-04T08:00:00Z").await;
        let a = w.one(&ana).await;
        let on: Vec<String> = w.kinds(&a.id).await.into_iter().filter(|k| k == "resumed").collect();
        assert_eq!((a.due.date.to_string().as_str(), on.len()), (due, 1), "{known:?} {given} {last:?}");
        let before = w.tables().await;
        w.services.ledger.rebuild(&w.s.db).await.unwrap();
        assert_eq!(w.tables().await, before);
    }
}

#[tokio::test]
async fn an_extension_is_more_time_and_less_must_be_meant() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let (db, services) = (&w.s.db, &w.services);
    let day = |text: &str| text.parse().unwrap();
    let said = training::extend(db, services, "Ana", "fire-safety", day("2026-12-04"), "operator", "x").await;
    assert_eq!(
        said.unwrap_err().to_string(),
        "'fire-safety' of Ana is due on 2026-12-07, and 2026-12-04 would be less time: say --earlier if that is meant"
    );
    // A Sunday is the Monday on which it is due.
    training::extend(db, services, "Ana", "fire-safety", day("2026-12-06"), "operator", "agreed").await.unwrap();
    assert_eq!(w.one(&ana).await.due.date, day("2026-12-07"));
    training::extend(db, services, "Ana", "fire-safety", day("2027-12-08"), "operator", "a slip").await.unwrap();
    training::set_due(db, services, "Ana", "fire-safety", day("2026-12-08"), "operator", "2026").await.unwrap();
    assert_eq!(w.one(&ana).await.due.date, day("2026-12-08"));
    let past = training::set_due(db, services, "Ana", "fire-safety", day("2026-11-20"), "operator", "x").await;
    assert_eq!(past.unwrap_err().to_string(), "2026-11-20 is in the past for Ana");
}
