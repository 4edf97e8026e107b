//! A course from its first message to the last, as a learner meets it.

use super::*;

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
    assert_eq!(w.s.to("Ana").len(), messages, "the message whose button opened the form says it");
    assert!(!w.last("Ana").contains("training attest"), "there is nothing to confirm any more");
    let nudge = w.s.to("Ana").into_iter().find(|p| p.key == format!("nudge/{id}/assign")).unwrap();
    let nudge = nudge.message.plain();
    assert!(nudge.ends_with("\n✓ **Fire safety**: done. Thank you!"), "the posted nudge turns to done: {nudge}");
    assert!(nudge.contains("**What I keep:**"), "the first message keeps what it said about privacy: {nudge}");

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

/// Ana uses both attempts at the quiz, and has everything wrong; what each of them said.
async fn fails(w: &World, id: &str) -> Vec<String> {
    w.s.says("Ana", "training").await;
    w.press("Ana", &format!("training open {id}")).await;
    w.press("Ana", &format!("training page {id} 2")).await;
    let mut said = Vec::new();
    for attempt in 1..=2 {
        w.press("Ana", &format!("training quiz {id}")).await;
        w.press("Ana", &format!("training answer {id} {attempt} 0 0")).await;
        said.push(w.press("Ana", &format!("training answer {id} {attempt} 1 1")).await);
    }
    said
}

#[tokio::test]
async fn a_failed_quiz_explains_itself_and_attempts_end_until_the_manager_grants_one() {
    let w = world().await;
    let max = w.s.hire("Max", |_| {}).await;
    let ana = w.s.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    w.apply(REQUIREMENT).await;
    let id = w.one(&ana).await.id;
    for (attempt, said) in (1..).zip(fails(&w, &id).await) {
        assert!(said.contains("Not yet: 0 of 2 right, and 50 % are needed."), "{said}");
        assert!(said.contains("Your answer: The lift\nLifts stop."), "{said}");
        let rest = if attempt == 1 { "You have one more attempt" } else { "All attempts at the quiz" };
        assert!(said.contains(rest), "{said}");
    }
    let said = w.press("Ana", &format!("training quiz {id}")).await;
    assert!(said.contains(&format!("[Ask for one more: training again {id}]")), "{said}");
    let team = w.s.says("Max", "team").await;
    assert!(team.contains("**Ana**: Fire safety, no attempt at the quiz left, due"), "{team}");
    assert!(team.contains(&format!("[One more attempt: team grant {id} 2]")), "{team}");
    w.s.news("Ana");
    assert!(w.press("Max", &format!("team grant {id} 2")).await.contains("one more attempt"));
    assert!(w.press("Max", &format!("team grant {id} 2")).await.contains("does not need another"));
    w.s.until("2026-11-24T12:00:00Z").await;
    let told = w.s.news("Ana");
    assert!(told.contains("Max has given you one more attempt at the quiz of **Fire safety**."), "{told}");
    let said = w.press("Ana", &format!("training quiz {id}")).await;
    assert!(said.starts_with("Question 1 of 2"), "{said}");
    assert!(
        w.press("Ana", &format!("training again {id}")).await.contains("You have an attempt"),
        "nothing to ask for"
    );
}

#[tokio::test]
async fn who_asks_for_one_more_attempt_hears_of_the_decision_whoever_takes_it() {
    let w = world().await;
    let max = w.s.hire("Max", |_| {}).await;
    let ana = w.s.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    w.apply(REQUIREMENT).await;
    let id = w.one(&ana).await.id;
    fails(&w, &id).await;
    let said = w.press("Ana", &format!("training again {id}")).await;
    assert!(said.contains("I have asked Max for one more attempt at the quiz of **Fire safety**."), "{said}");
    let said = w.press("Ana", &format!("training again {id}")).await;
    assert!(!said.contains("I have asked"), "asked once: {said}");
    w.s.news("Ana");
    // Not by the message that asks, but where the team's training stands.
    w.press("Max", &format!("team grant {id} 2")).await;
    w.s.until("2026-11-24T12:00:00Z").await;
    let told = w.s.news("Ana");
    assert!(told.contains("Max has approved one more attempt at the quiz of **Fire safety**."), "{told}");
    assert!(told.contains(&format!("training quiz {id}]")), "{told}");
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
    w.s.until("2026-12-03T12:00:00Z").await;
    let news = w.s.news("Mei");
    assert!(news.contains("New for you") && news.contains("When will you do it?"), "{news}");
    let at = |key: &str| w.s.to("Mei").into_iter().find(|p| p.key.ends_with(key)).map(|p| p.at.rfc3339());
    assert_eq!(at("/t-7").unwrap(), "2026-11-29T22:00:00.000Z", "Monday, nine in Sydney");
    // Thursday night in Sydney: "in 2 days" is Saturday, so Monday it is, the day on which it is due.
    let said = w.press("Mei", &format!("training plan {id} later")).await;
    assert!(said.contains("Noted: I remind you Monday 09:00."), "{said}");
    let said = w.press("Mei", &format!("training plan {id} later")).await;
    assert!(said.contains("Noted"), "{said}");
    w.s.news("Mei");
    w.s.until("2026-12-07T06:00:00Z").await;
    let news = w.s.news("Mei");
    assert!(news.contains("You wanted to do **Fire safety** now.") && !news.contains("Still open"), "{news}");
    // Ana said nothing and gets the last reminder: T-1 is a Sunday, so it comes on the Friday before.
    w.s.until("2026-12-07T10:00:00Z").await;
    let ana = w.s.news("Ana");
    assert_eq!(ana.matches("Still open: **Fire safety**").count(), 2, "{ana}");
    let why = w.s.says("Mei", "why").await;
    assert!(why.contains("you had told me when you want to do it"), "{why}");
}

#[tokio::test]
async fn overdue_messages_end_and_two_courses_at_once_become_one_message() {
    let w = world().await;
    write_course(w.courses.path(), &COURSE.replace("fire", "water").replace("Fire", "Water"));
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    let ana = w.s.hire("Ana", |_| {}).await;
    let both = format!("{REQUIREMENT}{}", REQUIREMENT.replace("fire", "water").replace("Fire", "Water"));
    w.apply(&both).await;
    let first = w.s.news("Ana");
    assert!(first.contains("2 things are waiting for you:") && first.contains("Water safety"), "{first}");
    w.s.until("2026-11-30T12:00:00Z").await;
    let asks = format!("{:?}", w.s.to("Ana").last().unwrap().message);
    assert_eq!(asks.matches("training open ").count(), 2, "{asks}");
    assert_eq!(asks.matches("training choose ").count(), 2, "a week before it asks when, for each: {asks}");
    w.s.until("2027-12-31T12:00:00Z").await;
    let news = w.s.to("Ana");
    assert!(news.iter().all(|p| !p.key.starts_with("nudge/")), "always merged");
    let last = news.last().unwrap().at;
    assert!(last < Instant::parse("2027-03-08T00:00:00Z").unwrap(), "ninety days after the due date it ends: {last}");
    // t-7, t-1, +1, +3, then twelve Mondays.
    assert_eq!(news.len(), 1 + 2 + 2 + 12);
    assert_eq!(w.of(&ana).await.len(), 2);
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
    write_course(w.courses.path(), &COURSE.replace("when it burns", "at once"));
    std::fs::write(w.courses.path().join("fire/02-stairs.md"), "# The stairs\n\nNever the lift.").unwrap();
    let applied = course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
    assert!(applied[0].changed && applied[0].version != old);
    assert!(!course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap()[0].changed);
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
    write_course(w.courses.path(), &toml);
    course::apply_dir(&w.s.db, &w.services, w.courses.path()).await.unwrap();
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

#[tokio::test]
async fn the_buttons_of_when_will_you_do_it_say_the_day_that_they_mean() {
    let w = world().await;
    w.s.hire("Ana", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let offered = |w: &World| {
        let asked = w.s.to("Ana").into_iter().rfind(|p| p.key.contains("/t-7")).unwrap().message;
        let buttons = asked.blocks.iter().filter_map(|b| match b {
            stoa_flow::chat::Block::Buttons(buttons) => Some(buttons.clone()),
            _ => None,
        });
        let plans = buttons.flatten().filter(|b| b.command.starts_with("training plan "));
        plans.map(|b| (b.label, b.command)).collect::<Vec<_>>()
    };
    w.s.until("2026-11-30T12:00:00Z").await;
    let labels: Vec<String> = offered(&w).into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels, ["Tomorrow morning", "Wednesday morning"]);
    // Seven days before a Friday it is Friday.
    let to = "2026-12-18".parse().unwrap();
    training::extend(&w.s.db, &w.services, "Ana", "fire-safety", to, "operator", "a project").await.unwrap();
    w.s.until("2026-12-11T12:00:00Z").await;
    let friday = offered(&w);
    let labels: Vec<&str> = friday.iter().map(|(label, _)| label.as_str()).collect();
    assert_eq!(labels, ["Monday morning", "Tuesday morning"]);
    // Whoever presses it on Sunday means the same Monday; after it the day is over.
    w.s.until("2026-12-13T12:00:00Z").await;
    assert!(w.press("Ana", &friday[0].1).await.contains("Noted: I remind you tomorrow 09:00."));
    w.s.until("2026-12-15T12:00:00Z").await;
    assert!(w.press("Ana", &friday[1].1).await.contains("Please choose a working day after today"));
}

#[tokio::test]
async fn a_chosen_moment_is_a_calendar_entry_that_is_cancelled_when_it_is_done_elsewhere() {
    let public_url = Some("https://learn.example.org/".into());
    let w = world_with(training::requests::Settings { public_url, ..Default::default() }).await;
    let mei = w.s.hire("Mei", |p| p.timezone = "Australia/Sydney".into()).await;
    w.apply(REQUIREMENT).await;
    let id = w.one(&mei).await.id;
    w.s.until("2026-11-30T02:00:00Z").await;
    let said = w.press("Mei", &format!("training plan {id} later")).await;
    let at = said.split("/calendar/").nth(1).unwrap().split(".ics").next().unwrap().to_owned();
    let file = async || {
        let (token, organisation) = (&at, &w.services.organisation);
        w.s.db.read(|c| async move { training::calendar::file(&c, organisation, token).await }).await.unwrap().unwrap()
    };
    let readable = |text: &str| text.replace(&at, "TOKEN").replace(&id, "ASSIGNMENT").replace('\r', "");
    let first = file().await;
    // Another day: the same entry, moved.
    w.s.fills("Mei", &format!("training choose {id}"), &[("day", "2026-12-04")]).await;
    let moved = file().await;
    assert!(first.text.contains("SEQUENCE:2\r\n") && moved.text.contains("SEQUENCE:4\r\n"), "{}", moved.text);
    let posted = |w: &World| w.s.to("Mei").into_iter().rfind(|p| p.key.ends_with("/t-7")).unwrap().message.plain();
    let open = posted(&w);
    training::complete(&w.s.db, &w.services, "E-Mei", "fire-safety", "operator", "seen on paper").await.unwrap();
    w.s.flow.settle().await.unwrap();
    let cancelled = file().await;
    assert_eq!((first.method, moved.method, cancelled.method), ("PUBLISH", "PUBLISH", "CANCEL"));
    let talk = [said, moved.text, open, posted(&w), cancelled.text].join("\n===\n");
    insta::assert_snapshot!(readable(&talk));
    let organisation = &w.services.organisation;
    let nothing = w.s.db.read(|c| async move { training::calendar::file(&c, organisation, "").await }).await.unwrap();
    assert_eq!(nothing, None);
}

#[tokio::test]
async fn a_calendar_entry_that_was_cancelled_and_stands_again_is_newer_than_its_end() {
    let public_url = Some("https://learn.example.org/".into());
    let w = world_with(training::requests::Settings { public_url, ..Default::default() }).await;
    let mei = w.s.hire("Mei", |_| {}).await;
    w.apply(REQUIREMENT).await;
    let id = w.one(&mei).await.id;
    w.s.until("2026-11-30T12:00:00Z").await;
    let said = w.press("Mei", &format!("training plan {id} later")).await;
    let at = said.split("/calendar/").nth(1).unwrap().split(".ics").next().unwrap().to_owned();
    let file = async || {
        let (token, organisation) = (&at, &w.services.organisation);
        let file = w.s.db.read(|c| async move { training::calendar::file(&c, organisation, token).await }).await;
        let file = file.unwrap().unwrap();
        let sequence =
            file.text.lines().find_map(|line| line.strip_prefix("SEQUENCE:")).unwrap().parse::<u32>().unwrap();
        (file.method, sequence)
    };
    let (db, s) = (&w.s.db, &w.services);
    let planned = file().await;
    training::exempt(db, s, "E-Mei", "fire-safety", None, "operator", "works from home").await.unwrap();
    let exempt = file().await;
    training::reinstate(db, s, "E-Mei", "fire-safety", "operator", "is back in the office").await.unwrap();
    let again = file().await;
    training::complete(db, s, "E-Mei", "fire-safety", "operator", "seen on paper").await.unwrap();
    let all = [planned, exempt, again, file().await];
    assert_eq!(all.map(|(method, _)| method), ["PUBLISH", "CANCEL", "PUBLISH", "CANCEL"]);
    assert!(all.is_sorted_by(|(_, a), (_, b)| a < b), "{all:?}");
}
