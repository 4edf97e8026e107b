//! Recertification: what was done ends, is renewed before its end, and what it was stays on record.

use super::*;
use stoa_learning::training::AsOf;

fn yearly(more: &str) -> String {
    format!("{REQUIREMENT}recertify = {{ every = \"12 months\"{more} }}\n")
}

impl World {
    /// The person does everything that is open, in one go.
    async fn does(&self, person: &Person) {
        training::take(&self.s.db, &self.services, &person.id, None, 1.0).await.unwrap();
        self.s.flow.settle().await.unwrap();
    }

    /// The states of a person's cycles, each with the day that matters: the end of what is done, the due date else.
    async fn cycles(&self, person: &Person) -> Vec<String> {
        let all = self.of(person).await;
        let day = |a: &Assignment| a.expires.map_or(a.due.date, |end| end.date);
        all.iter().map(|a| format!("{} {} {}", a.cycle, a.state.name(), day(a))).collect()
    }

    async fn as_of(&self, when: &str) -> Vec<(String, &'static str, bool)> {
        let filter = &Filter { as_of: Some(when.parse::<AsOf>().unwrap()), ..Filter::default() };
        let rows = self.s.db.read(|c| async move { training::status(&c, filter).await }).await.unwrap();
        rows.into_iter().map(|r| (r.person, r.state, r.counts)).collect()
    }
}

#[tokio::test]
async fn what_was_done_is_renewed_in_its_window_and_the_old_cycle_stays_as_it_was() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(&yearly("")).await;
    w.finish(&ana).await;
    assert_eq!(w.cycles(&ana).await, ["1 completed 2027-11-23"]);
    let mine = w.s.says("Ana", "training").await;
    assert!(mine.contains("✓ Fire safety: done today, valid until Tue, 23 Nov 2027"), "{mine}");
    w.s.until("2027-10-23T23:00:00Z").await;
    assert_eq!(w.s.news("Ana"), "");
    assert_eq!(w.of(&ana).await.len(), 1);
    // The window opens on a Sunday; the message comes on Monday.
    w.s.until("2027-10-25T12:00:00Z").await;
    assert_eq!(w.cycles(&ana).await, ["1 completed 2027-11-23", "2 assigned 2027-11-23"]);
    let news = w.s.news("Ana");
    assert!(news.contains("Time to renew **Fire safety**: due **Tue, 23 Nov**"), "{news}");
    assert!(news.contains("the last time holds until 23 November 2027"), "{news}");
    let mine = w.s.says("Ana", "training").await;
    assert!(mine.contains("**Fire safety**: to renew, due Tue, 23 Nov"), "{mine}");
    w.s.until("2027-11-10T12:00:00Z").await;
    assert_eq!(w.s.news("Ana"), "", "no reminder before the one of a week before");
    w.s.until("2027-11-16T12:00:00Z").await;
    let reminder = w.s.news("Ana");
    assert!(reminder.contains("Still open") && reminder.contains("When will you do it?"), "{reminder}");
    w.does(&ana).await;
    assert_eq!(w.cycles(&ana).await, ["1 completed 2027-11-23", "2 completed 2028-11-16"]);
    let posted = w.s.to("Ana").into_iter().rfind(|p| p.key.ends_with("/t-7")).unwrap().message.plain();
    assert!(posted.contains("✓ **Fire safety**: done"), "{posted}");
    w.s.until("2028-10-01T12:00:00Z").await;
    assert_eq!(w.cycles(&ana).await[0], "1 completed 2027-11-23", "what was renewed in time never expires");
    let text = w.s.news("Ana");
    assert_eq!(text, "", "nothing until the next window");
    let before = w.tables().await;
    w.services.ledger.rebuild(&w.s.db).await.unwrap();
    assert_eq!(w.tables().await, before);
}

#[tokio::test]
async fn what_is_not_renewed_is_overdue_then_expired_and_done_late_it_counts_from_then() {
    let w = world().await;
    let boss = w.s.hire("Boss", |_| {}).await;
    let ana = w.s.hire("Ana", |p| p.manager = Some(boss.id.clone())).await;
    w.apply(&yearly(", grace_days = 10, renews_from = \"expiry\"")).await;
    w.does(&ana).await;
    w.does(&boss).await;
    w.s.until("2027-11-20T12:00:00Z").await;
    w.does(&boss).await;
    assert_eq!(w.cycles(&boss).await[1], "2 completed 2028-11-23", "from the end of what it renews");
    w.s.until("2027-11-24T12:00:00Z").await;
    assert_eq!(w.cycles(&ana).await, ["1 completed 2027-11-23", "2 overdue 2027-11-23"], "the grace");
    w.s.until("2027-12-03T23:59:00Z").await;
    assert_eq!(w.cycles(&ana).await[0], "1 completed 2027-11-23");
    w.s.until("2027-12-04T00:01:00Z").await;
    assert_eq!(w.cycles(&ana).await, ["1 expired 2027-11-23", "2 overdue 2027-11-23"]);
    assert!(w.verbs().await.contains(&"expired".to_owned()));
    let mine = w.s.says("Ana", "training").await;
    assert!(mine.contains("Fire safety: done Mon, 23 Nov 2026, no longer valid"), "{mine}");
    let team = w.s.says("Boss", "team").await;
    assert!(team.contains("**Fire safety**: 0 of 1 done, 1 overdue, 0 on leave"), "{team}");

    // How it was on other days, told from the ledger.
    for (when, ana) in [
        ("2026-11-22", None),
        ("2026-11-23", Some(vec!["completed"])),
        ("2027-11-01", Some(vec!["completed", "assigned"])),
        ("2027-11-24", Some(vec!["completed", "overdue"])),
        ("2027-12-04", Some(vec!["expired", "overdue"])),
    ] {
        let rows = w.as_of(when).await;
        let states: Vec<&str> = rows.iter().filter(|r| r.0 == "E-Ana").map(|r| r.1).collect();
        assert_eq!(states, ana.unwrap_or_default(), "{when}");
    }
    let then = w.s.says("Boss", "training status as of 24 November").await;
    assert!(then.contains("As it stood at the end of Wed, 24 Nov 2027."), "{then}");
    assert!(then.contains("0 of 1 done, 1 overdue") && then.contains("**Ana**: Fire safety, overdue since"), "{then}");
    let then = w.s.says("Boss", "training status 2027-11-01").await;
    assert!(then.contains("1 of 1 done") && then.contains("still valid, to renew by Tue, 23 Nov"), "{then}");
    assert!(w.s.says("Boss", "training status as of someday").await.contains("Please write one like 31 March"));
    assert!(w.s.says("Boss", "training status as of 2031-01-01").await.contains("has not come yet"));
    assert!(w.s.says("Ana", "training status").await.contains("Nobody reports to you"));
    let later = &Filter { as_of: Some("2031-01-01".parse().unwrap()), ..Filter::default() };
    let refused = w.s.db.read(|c| async move { training::status(&c, later).await }).await;
    assert!(refused.unwrap_err().to_string().contains("2031-01-01 has not come yet"));

    w.s.until("2027-12-15T12:00:00Z").await;
    w.does(&ana).await;
    assert_eq!(
        w.cycles(&ana).await,
        ["1 expired 2027-11-23", "2 completed 2028-12-15"],
        "too late for the anniversary"
    );
    let before = w.tables().await;
    w.services.ledger.rebuild(&w.s.db).await.unwrap();
    assert_eq!(w.tables().await, before);
}

#[tokio::test]
async fn a_leave_a_waiver_and_an_exemption_in_a_cycle_leave_the_next_one_as_it_is() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    let ben = w.s.hire("Ben", |_| {}).await;
    w.apply(&yearly("")).await;
    w.does(&ana).await;
    w.does(&ben).await;
    w.s.news("Ben");
    let away = "UPDATE person SET leave_from = '2027-10-18', leave_to = $2 WHERE id = $1";
    w.change(away, &ben, Some("2027-11-12")).await;
    w.s.until("2027-10-25T12:00:00Z").await;
    assert_eq!(w.cycles(&ben).await[1], "2 on_leave 2027-11-23", "assigned, and the clock stands");
    assert_eq!(w.s.news("Ben"), "");
    training::waive(&w.s.db, &w.services, "Ana", "fire-safety", "operator", "retired soon").await.unwrap();
    assert_eq!(w.cycles(&ana).await[1], "2 waived 2028-11-23");
    w.s.until("2027-11-15T12:00:00Z").await;
    assert_eq!(w.cycles(&ben).await[1], "2 assigned 2027-12-14", "moved by the working days of the leave");
    assert!(w.s.news("Ben").contains("Time to renew"));
    w.s.until("2027-11-25T12:00:00Z").await;
    assert_eq!(w.cycles(&ben).await[0], "1 expired 2027-11-23", "a leave makes no certificate longer");
    w.s.until("2028-10-25T12:00:00Z").await;
    assert_eq!(w.cycles(&ana).await.last().unwrap(), "3 assigned 2028-11-23");
}

#[tokio::test]
async fn who_comes_back_goes_on_or_begins_anew_as_the_rule_says() {
    let hired = "UPDATE person SET status = 'active', hire_date = $2 WHERE id = $1";
    let left = "UPDATE person SET status = $2 WHERE id = $1";
    for (prior, cycles) in [
        ("", vec!["1 completed 2027-11-23"]),
        (", prior = \"does not count\"", vec!["1 completed 2027-11-23", "1 assigned 2027-06-15"]),
    ] {
        let w = world().await;
        let ana = w.s.hire("Ana", |p| p.hire_date = Some("2020-01-01".parse().unwrap())).await;
        let ben = w.s.hire("Ben", |_| {}).await;
        w.apply(&yearly(prior)).await;
        w.does(&ana).await;
        for person in [&ana, &ben] {
            w.change(left, person, Some("left")).await;
        }
        w.s.until("2027-06-01T08:00:00Z").await;
        for person in [&ana, &ben] {
            w.change(hired, person, Some("2027-06-01")).await;
        }
        assert_eq!(w.cycles(&ana).await, cycles, "{prior}");
        assert_eq!(w.cycles(&ben).await, ["1 retired 2026-12-07", "1 assigned 2027-06-15"], "what was open ended");
        w.change(hired, &ana, Some("2027-06-01")).await;
        assert_eq!(w.cycles(&ana).await, cycles, "once");
    }
}

#[tokio::test]
async fn an_earlier_completion_of_the_same_course_counts_while_it_holds_and_only_when_the_rule_says_so() {
    let other = |more: &str| yearly(more).replace("fire-safety", "fire-yearly");
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    w.does(&ana).await;
    w.s.until("2027-03-01T12:00:00Z").await;
    w.s.news("Ana");
    let plan = w.apply(&other("")).await.requirements.remove(0);
    assert_eq!((plan.credit.len(), plan.assign.len()), (1, 0), "{plan:?}");
    assert!(plan.warnings[0].contains("'fire-safety' asks 1 of these people for the same course"), "{plan:?}");
    assert_eq!(w.cycles(&ana).await[1], "1 completed 2027-11-23", "from the day on which it was done");
    assert_eq!(w.s.news("Ana"), "", "there is nothing to say");
    let why = w.of(&ana).await.remove(1).end_reason.unwrap();
    assert_eq!(why, "completed on 2026-11-23 for 'fire-safety' already, which counts");

    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    w.does(&ana).await;
    w.s.until("2026-11-24T12:00:00Z").await;
    w.apply(&other(", prior = \"does not count\"")).await;
    assert_eq!(w.cycles(&ana).await[1], "1 assigned 2026-12-08");
    // What is too old does not count anyhow.
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    w.does(&ana).await;
    w.s.until("2027-11-24T12:00:00Z").await;
    w.apply(&other("")).await;
    assert_eq!(w.cycles(&ana).await[1], "1 assigned 2027-12-08");
}

#[tokio::test]
async fn new_content_begins_a_new_cycle_where_the_rule_says_so() {
    let w = world().await;
    let people = [w.s.hire("Ana", |_| {}).await, w.s.hire("Ben", |_| {}).await];
    let both = format!("{}{}", yearly(", new_version = true"), yearly("").replace("fire-safety", "fire-other"));
    w.apply(&both).await;
    for person in &people {
        w.does(person).await;
        w.does(person).await;
    }
    w.s.until("2027-02-01T12:00:00Z").await;
    write_course(w.courses.path(), &COURSE.replace("leave the house", "leave the building"));
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    w.s.flow.settle().await.unwrap();
    w.s.until("2027-02-01T13:00:00Z").await;
    for person in &people {
        let all = w.of(person).await;
        let new: Vec<_> =
            all.iter().filter(|a| a.cycle == 2).map(|a| (a.requirement.as_str(), a.due.date.to_string())).collect();
        assert_eq!(new, [("fire-safety", "2027-03-03".to_owned())], "{all:?}");
    }
    w.does(&people[0]).await;
    let all = w.of(&people[0]).await;
    assert!(all.iter().all(|a| a.state.name() == "completed"), "done once, and no circle: {all:?}");
}

#[tokio::test]
async fn a_changed_rule_gives_what_is_done_another_end() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    w.does(&ana).await;
    w.s.until("2027-11-01T12:00:00Z").await;
    let plan = training::apply(&w.s.db, &w.services, "x.toml", &yearly(""), true).await.unwrap();
    let one = &plan.requirements[0];
    assert_eq!((one.adjust.len(), one.assign.len()), (1, 1), "{one:?}");
    assert_eq!(one.adjust[0].reason, "what is completed holds until 2027-11-23");
    w.apply(&yearly("")).await;
    assert_eq!(w.cycles(&ana).await, ["1 completed 2027-11-23", "2 assigned 2027-11-23"]);
    let two = yearly("").replace("12 months", "2 years");
    w.apply(&two).await;
    assert_eq!(w.cycles(&ana).await, ["1 completed 2028-11-23", "2 retired 2027-11-23"]);
    w.apply(&two).await;
    assert_eq!(w.of(&ana).await.len(), 2);
    w.s.until("2027-11-01T13:00:00Z").await;
    // Shorter than it has been: it has ended, and there is a window to do it in.
    w.apply(&yearly("").replace("12 months", "3 months")).await;
    assert_eq!(w.cycles(&ana).await, ["1 expired 2027-02-23", "2 retired 2027-11-23", "2 assigned 2027-12-01"]);
    w.apply(&two).await;
    assert_eq!(w.cycles(&ana).await[0], "1 completed 2028-11-23", "and back");
}

#[tokio::test]
async fn days_are_counted_from_the_change_of_the_job_that_the_roster_told() {
    let w = world().await;
    let (db, ledger) = (&w.s.db, &w.services.ledger);
    let roster = |title: &'static str| async move {
        let csv = format!("employee_id,name,title,hire_date\nE-1,Ana,{title},2020-01-01\nE-2,Ben,Clerk,2020-01-01\n");
        people::import::import(db, ledger, csv.as_bytes(), &people::import::Options::default(), "operator")
            .await
            .unwrap();
    };
    roster("Clerk").await;
    w.s.until("2026-12-01T12:00:00Z").await;
    roster("Driver").await;
    w.s.flow.settle().await.unwrap();
    w.s.until("2026-12-10T12:00:00Z").await;
    w.apply(&REQUIREMENT.replace("days = 14, from = \"assigned\"", "days = 30, from = \"role\"")).await;
    let find = |id: &'static str| async move {
        db.read(|c| async move { people::by_employee_id(&c, id).await }).await.unwrap().unwrap()
    };
    assert_eq!(w.one(&find("E-1").await).await.due.date.to_string(), "2026-12-31", "thirty days after 1 December");
    assert_eq!(w.one(&find("E-2").await).await.due.date.to_string(), "2027-01-11", "the same job for long");
    // Another job, another date.
    w.s.until("2026-12-15T12:00:00Z").await;
    roster("Pilot").await;
    w.s.flow.settle().await.unwrap();
    assert_eq!(w.one(&find("E-1").await).await.due.date.to_string(), "2027-01-14");
    // What is overdue stays so.
    w.s.until("2027-01-20T12:00:00Z").await;
    roster("Captain").await;
    w.s.flow.settle().await.unwrap();
    let late = w.one(&find("E-1").await).await;
    assert_eq!((late.state.name(), late.due.date.to_string().as_str()), ("overdue", "2027-01-14"));
}

#[tokio::test]
async fn the_status_as_of_a_day_has_the_tree_and_the_names_of_that_day() {
    let w = world().await;
    let max = w.s.hire("Max", |_| {}).await;
    let ana = w.s.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    let eva = w.s.hire("Eva", |_| {}).await;
    w.apply(REQUIREMENT).await;
    w.s.until("2026-11-30T12:00:00Z").await;
    let (ana, eva) = (&ana.id, &eva.id);
    w.s.db
        .write(|tx| async move {
            let sql = "UPDATE person SET name = 'Ana Lang', manager = $3, updated = $2 WHERE id = $1";
            tx.exec(sql, args![ana, tx.now(), eva]).await
        })
        .await
        .unwrap();
    let names = async |manager: &str, as_of: Option<&str>| {
        let as_of = as_of.map(|when| when.parse::<AsOf>().unwrap());
        let filter = &Filter { manager: Some(manager.into()), as_of, ..Filter::default() };
        let rows = w.s.db.read(|c| async move { training::status(&c, filter).await }).await.unwrap();
        rows.into_iter().map(|r| r.name).collect::<Vec<_>>()
    };
    assert_eq!(names("Max", Some("2026-11-25")).await, ["Ana"]);
    assert!(names("Eva", Some("2026-11-25")).await.is_empty());
    assert!(names("Max", None).await.is_empty());
    assert_eq!(names("Eva", None).await, ["Ana Lang"]);
}
