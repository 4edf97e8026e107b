//! What managers hear and can do.

use super::*;

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
    assert_eq!(mine.matches("is overdue; it was due").count(), 3, "+1, +3 and on Monday: {mine}");
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
async fn what_a_digest_that_was_too_late_would_have_told_is_still_new_in_the_next_one() {
    let w = world().await;
    let max = w.s.hire("Max", |_| {}).await;
    let ana = w.s.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    let bea = w.s.hire("Bea", |p| p.manager = Some(max.id.clone())).await;
    w.apply(REQUIREMENT).await;
    w.finish(&max).await;
    let to = "2026-12-18".parse().unwrap();
    training::extend(&w.s.db, &w.services, "Bea", "fire-safety", to, "operator", "a project").await.unwrap();
    w.s.until("2026-12-14T12:00:00Z").await;
    assert!(w.s.news("Max").contains("**Ana**: Fire safety, 7 days overdue (new)"));
    w.s.until("2026-12-21T12:00:00Z").await;
    let heard = w.s.news("Max");
    assert!(heard.contains("**Bea**: Fire safety, 3 days overdue (new)"), "{heard}");
    // That one did not get through in its week.
    let late = "UPDATE outbox SET state = 'withheld' WHERE key LIKE 'manager-digest/%/2026-12-21'";
    w.s.db.write(|tx| async move { tx.exec(late, args![]).await }).await.unwrap();
    w.s.until("2026-12-28T12:00:00Z").await;
    let heard = w.s.news("Max");
    assert!(heard.contains("**Bea**: Fire safety, 10 days overdue (new)"), "{heard}");
    assert!(heard.contains("**Ana**: Fire safety, 21 days overdue\n"), "she was told of before: {heard}");
    let _ = (ana, bea);
}

#[tokio::test]
async fn escalation_and_fallbacks_find_somebody_who_can_act() {
    let w = world().await;
    let boss = w.s.hire("Boss", |_| {}).await;
    let lead = w.s.hire("Lead", |p| p.manager = Some(boss.id.clone())).await;
    let mei = w.s.hire("Mei", |p| p.manager = Some(lead.id.clone())).await;
    let solo = w.s.hire("Solo", |_| {}).await;
    let lena = w.s.hire("Lena", |_| {}).await;
    w.grant(&lena, Role::Learning).await;
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
async fn two_who_report_to_each_other_are_each_heard_of_once_by_somebody_who_can_act() {
    let w = world().await;
    let ana = w.s.hire("Ana", |_| {}).await;
    let ben = w.s.hire("Ben", |p| p.manager = Some(ana.id.clone())).await;
    let lena = w.s.hire("Lena", |_| {}).await;
    w.grant(&lena, Role::Learning).await;
    // No roster makes a circle: somebody wrote it into the store.
    w.change("UPDATE person SET manager = $2 WHERE id = $1", &ana, Some(ben.id.as_str())).await;
    w.apply(REQUIREMENT).await;
    w.finish(&lena).await;
    w.s.until("2026-12-14T12:00:00Z").await;
    let heard = w.s.news("Lena");
    for name in ["Ana", "Ben"] {
        assert_eq!(heard.matches(&format!("**{name}**: Fire safety, 7 days overdue (new)")).count(), 1, "{heard}");
        assert!(!w.s.news(name).contains("overdue (new)"), "{name} is overdue as well");
    }
    w.finish(&ana).await;
    w.s.until("2026-12-28T12:00:00Z").await;
    let heard = w.s.news("Ana");
    assert!(heard.contains("**Ben**: Fire safety, 21 days overdue") && !heard.contains("**Ana**"), "{heard}");
    let team = w.s.says("Ana", "team").await;
    assert!(team.contains("Ben") && !team.contains("**Ana**"), "{team}");
}

#[tokio::test]
async fn without_a_manager_and_a_learning_team_an_operator_hears_of_it() {
    let w = world().await;
    let olga = w.s.hire("Olga", |_| {}).await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.grant(&olga, Role::Operator).await;
    w.apply(REQUIREMENT).await;
    w.finish(&olga).await;
    w.s.until("2026-12-14T12:00:00Z").await;
    assert!(w.s.news("Olga").contains("**Ana**: Fire safety, 7 days overdue"));
    let id = w.one(&ana).await.id;
    assert!(w.press("Olga", &format!("team remind {id}")).await.contains("I remind Ana"));
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
        ("nudge/ID/t-1", "2026-12-04T09:00:00.000Z"),
        ("nudge/ID/t-7@2026-12-14", "2026-12-07T09:00:00.000Z"),
        ("nudge/ID/t-1@2026-12-14", "2026-12-11T09:00:00.000Z"),
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
async fn somebody_stands_in_for_a_manager_until_a_day_and_it_can_be_taken_back() {
    let w = world().await;
    let boss = w.s.hire("Boss", |_| {}).await;
    let max = w.s.hire("Max", |p| p.manager = Some(boss.id.clone())).await;
    let ana = w.s.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    let ben = w.s.hire("Ben", |p| p.manager = Some(max.id.clone())).await;
    let kim = w.s.hire("Kim", |p| p.manager = Some(boss.id.clone())).await;
    w.apply(REQUIREMENT).await;
    for done in [&boss, &max, &kim] {
        w.finish(done).await;
        w.s.news(&done.name);
    }
    let (ana_has, ben_has) = (w.one(&ana).await.id, w.one(&ben).await.id);
    let wish = [("what", "extension"), ("until", "2026-12-16"), ("reason", "The fair")];
    w.s.fills("Ana", &format!("training request {ana_has}"), &wish).await;
    w.s.news("Max");
    let said = w.s.says("Max", "team delegate").await;
    let wrong = [("who", "Max"), ("until", "2027-12-24"), ("reason", " ")];
    let values = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let event = stoa_flow::chat::Event::Submit { command: "team delegate".into(), values: values(&wrong) };
    let stoa_flow::chat::Opened::Errors(errors) = w.s.event("Max", direct("Max"), event).await else { panic!() };
    let errors: Vec<String> = errors.into_iter().map(|e| format!("{}: {}", e.field, e.why)).collect();
    let form = [("who", "Kim"), ("until", "2026-12-18"), ("reason", "On a ship without network")];
    let done = w.s.fills("Max", "team delegate", &form).await;
    let told = w.s.news("Kim");
    let row = w.s.db.opt("SELECT id FROM delegation", args![]).await.unwrap().unwrap();
    let id: String = row.get("id").unwrap();
    // What waited for Max waits for Kim, and so does what comes later.
    w.s.fills("Ben", &format!("training request {ben_has}"), &wish).await;
    let waits: Vec<_> = w.requests().await.into_iter().map(|r| r.approver.unwrap()).collect();
    assert_eq!(waits, ["E-Kim", "E-Kim"]);
    for asked in w.requests().await {
        let decline = format!("training decline {}", asked.id);
        w.s.fills("Kim", &decline, &[("reason", "It takes twenty minutes")]).await;
    }
    w.s.news("Max");
    w.s.until("2026-12-14T12:00:00Z").await;
    let digest = w.s.news("Kim");
    let digest = digest.split("Your team’s required training").nth(1).unwrap().to_owned();
    assert_eq!(w.s.news("Max"), "", "Max hears nothing");
    assert!(w.press("Kim", &format!("team remind {ben_has}")).await.contains("I remind Ben"));
    let team = w.s.says("Kim", "team").await;
    assert!(team.contains("**Ben**: Fire safety, overdue since"), "{team}");
    let talk = [said, errors.join("\n"), done, told, digest].join("\n===\n");
    let talk = talk.replace(&id, "ID").replace(&kim.id, "KIM");
    let talk = talk.replace(&ana_has, "ANA-HAS").replace(&ben_has, "BEN-HAS");
    insta::assert_snapshot!(talk);

    // Somebody else has nothing to say about it; both ends can end it.
    assert!(w.press("Ben", &format!("team delegate end {id}")).await.contains("I cannot find this"));
    let said = w.press("Max", &format!("team delegate end {id}")).await;
    assert!(said.contains("digests and requests go to the manager again"), "{said}");
    assert!(w.press("Kim", &format!("team remind {ben_has}")).await.contains("not in your team"));
    w.s.until("2026-12-21T12:00:00Z").await;
    assert!(w.s.news("Max").contains("**Ben**: Fire safety, 14 days overdue"));
    let subject = format!("delegation/{id}");
    let records = w.s.db.read(|c| async move { stoa_ground::ledger::of_subject(&c, &subject).await }).await.unwrap();
    let told: Vec<_> = records.iter().map(|r| (r.kind.as_str(), r.actor.clone(), r.reason.as_str())).collect();
    let by_max = format!("person/{}", max.id);
    assert_eq!(told, [("began", by_max.clone(), "On a ship without network"), ("ended", by_max, "ended in chat")]);
    let all = async || {
        let sql = "SELECT id || person || delegate || until || COALESCE(ended, 0) AS t FROM delegation";
        w.s.db.opt(sql, args![]).await.unwrap().unwrap().get::<String>("t").unwrap()
    };
    let before = all().await;
    w.services.ledger.rebuild(&w.s.db).await.unwrap();
    assert_eq!(all().await, before);
}

#[tokio::test]
async fn what_waits_for_a_stand_in_goes_to_the_manager_however_it_ends() {
    let w = world().await;
    let boss = w.s.hire("Boss", |_| {}).await;
    let max = w.s.hire("Max", |p| p.manager = Some(boss.id.clone())).await;
    let ana = w.s.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    for name in ["Kim", "Lou"] {
        w.s.hire(name, |p| p.manager = Some(boss.id.clone())).await;
    }
    w.apply(REQUIREMENT).await;
    let wish = [("what", "extension"), ("until", "2026-12-16"), ("reason", "The fair")];
    w.s.fills("Ana", &format!("training request {}", w.one(&ana).await.id), &wish).await;
    let asked = async || w.requests().await.remove(0).approver.unwrap();
    let stands_in = async |name: &str| {
        let form = [("who", name), ("until", "2026-11-24"), ("reason", "At sea")];
        w.s.fills("Max", "team delegate", &form).await;
        asked().await
    };
    assert_eq!(asked().await, "E-Max");
    assert_eq!(stands_in("Kim").await, "E-Kim");
    assert!(w.s.says("Kim", "team Ana").await.contains("Fire safety"), "whoever stands in sees each of the team");
    // A button ends it.
    let row = w.s.db.opt("SELECT id FROM delegation", args![]).await.unwrap().unwrap();
    w.press("Max", &format!("team delegate end {}", row.get::<String>("id").unwrap())).await;
    assert_eq!(asked().await, "E-Max");
    // Somebody else is named.
    assert_eq!(stands_in("Kim").await, "E-Kim");
    assert_eq!(stands_in("Lou").await, "E-Lou");
    assert!(w.s.says("Kim", "team").await.contains("Nobody"), "Kim stands in no more");
    // Its day passes.
    w.s.until("2026-11-25T00:30:00Z").await;
    assert_eq!(asked().await, "E-Max");
}

#[tokio::test]
async fn every_deadline_that_people_tell_each_other_is_the_end_of_the_day_where_it_counts() {
    let w = world().await;
    let boss = w.s.hire("Boss", |_| {}).await;
    let max =
        w.s.hire("Max", |p| {
            p.timezone = "Europe/Berlin".into();
            p.manager = Some(boss.id.clone());
        })
        .await;
    let mei =
        w.s.hire("Mei", |p| {
            p.timezone = "Asia/Kolkata".into();
            p.manager = Some(max.id.clone());
        })
        .await;
    w.s.hire("Kim", |p| p.manager = Some(boss.id.clone())).await;
    w.s.chat.show_moments();
    w.apply(REQUIREMENT).await;
    let id = w.one(&mei).await.id;
    let moment = |words: &str, at: &str| stoa_flow::chat::moment(words, Instant::parse(at).unwrap());
    let says = |text: String, words: &str, at: &str| assert!(text.contains(&moment(words, at)), "{words}: {text}");

    says(w.s.says("Max", "team").await, "Mon, 7 Dec", "2026-12-07T18:29:59Z");
    let extended = w.press("Max", &format!("team extend {id} 2026-12-07")).await;
    says(extended, "Mon, 14 Dec 2026", "2026-12-14T18:29:59Z");
    let again = w.press("Max", &format!("team extend {id} 2026-12-07")).await;
    says(again, "Mon, 14 Dec 2026", "2026-12-14T18:29:59Z");

    // Mei asks for more time: it counts where she is, and nothing is a link in the form.
    let (words, at) = ("Wed, 16 Dec 2026", "2026-12-16T18:29:59Z");
    let wish = [("what", "extension"), ("until", "2026-12-16"), ("reason", "The fair")];
    says(w.s.fills("Mei", &format!("training request {id}"), &wish).await, words, at);
    // Not at once: Max was just busy.
    w.s.until("2026-11-23T13:00:00Z").await;
    let asked = w.s.news("Max");
    says(asked.clone(), words, at);
    says(asked.clone(), "Mon, 7 Dec", "2026-12-07T18:29:59Z");
    says(asked, "Mon, 14 Dec", "2026-12-14T18:29:59Z");
    let request = w.requests().await.remove(0).id;
    let event = stoa_flow::chat::Event::Action { command: format!("training decline {request}"), message: None };
    let stoa_flow::chat::Opened::Form(form) = w.s.event("Max", direct("Max"), event).await else { panic!() };
    assert_eq!(form.intro.unwrap(), "more time for **Fire safety**, until Wed, 16 Dec 2026");
    says(w.press("Max", &format!("training approve {request}")).await, words, at);

    // A stand-in is one to the end of the day of whom it is for; a leave ends where the person is.
    let (words, at) = ("Fri, 18 Dec 2026", "2026-12-18T22:59:59Z");
    let until = [("who", "Kim"), ("until", "2026-12-18"), ("reason", "At sea")];
    says(w.s.fills("Max", "team delegate", &until).await, words, at);
    says(w.s.news("Kim"), words, at);
    let leave = [("what", "leave"), ("until", "2026-12-18"), ("reason", "Ill")];
    says(w.s.fills("Max", &format!("team more {id}"), &leave).await, words, "2026-12-18T18:29:59Z");
}

#[tokio::test]
async fn where_nobody_of_the_learning_team_is_there_an_operator_hears_of_it() {
    let w = world().await;
    let lena = w.s.hire("Lena", |_| {}).await;
    let olga = w.s.hire("Olga", |_| {}).await;
    let ana = w.s.hire("Ana", |_| {}).await;
    w.grant(&lena, Role::Learning).await;
    w.grant(&olga, Role::Operator).await;
    w.apply(REQUIREMENT).await;
    w.finish(&olga).await;
    w.s.until("2026-12-14T12:00:00Z").await;
    let (id, hers) = (w.one(&ana).await.id, w.one(&lena).await.id);
    let (lenas, olgas) = (w.s.news("Lena"), w.s.news("Olga"));
    assert!(lenas.contains("**Ana**: Fire safety, 7 days overdue") && !lenas.contains("**Lena**: "), "{lenas}");
    assert!(olgas.contains("**Lena**: Fire safety, 7 days overdue"), "nobody is their own: {olgas}");
    assert!(!olgas.contains("**Ana**"), "Lena is there for Ana: {olgas}");
    assert!(w.press("Olga", &format!("team remind {hers}")).await.contains("I remind Lena"));
    assert!(w.press("Olga", &format!("team remind {id}")).await.contains("not in your team"));
    w.change("UPDATE person SET status = $2 WHERE id = $1", &lena, Some("leave")).await;
    w.s.news("Olga");
    w.s.until("2026-12-28T12:00:00Z").await;
    let olgas = w.s.news("Olga");
    assert!(olgas.contains("**Ana**: Fire safety, 21 days overdue"), "{olgas}");
    assert!(w.press("Olga", &format!("team remind {id}")).await.contains("I remind Ana"));
}

#[tokio::test]
async fn what_is_three_days_late_on_a_weekend_is_in_the_digest_of_the_next_monday() {
    let w = world().await;
    let max = w.s.hire("Max", |_| {}).await;
    let ana = w.s.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    w.apply(REQUIREMENT).await;
    w.finish(&max).await;
    // Due on a Friday: three days later it is Monday.
    let to = "2026-12-11".parse().unwrap();
    training::extend(&w.s.db, &w.services, "Ana", "fire-safety", to, "operator", "a project").await.unwrap();
    w.s.until("2026-12-14T12:00:00Z").await;
    let heard = w.s.news("Max");
    assert!(heard.contains("**Ana**: Fire safety, 3 days overdue (new)"), "{heard}");
    w.s.until("2026-12-20T12:00:00Z").await;
    assert_eq!(w.s.news("Max"), "", "once a week");
    let _ = ana;
}

#[tokio::test]
async fn whose_monday_is_over_before_that_of_the_person_hears_of_it_the_day_after() {
    let w = world().await;
    let max = w.s.hire("Max", |p| p.timezone = "Pacific/Kiritimati".into()).await;
    w.s.hire("Ana", |p| {
        p.timezone = "Pacific/Pago_Pago".into();
        p.manager = Some(max.id.clone());
    })
    .await;
    w.apply(REQUIREMENT).await;
    w.finish(&max).await;
    let to = "2026-12-11".parse().unwrap();
    training::extend(&w.s.db, &w.services, "Ana", "fire-safety", to, "operator", "a project").await.unwrap();
    w.s.news("Max");
    // When it is Monday in Pago Pago, it is Tuesday in Kiritimati.
    w.s.until("2026-12-14T21:00:00Z").await;
    let heard = w.s.news("Max");
    assert!(heard.contains("**Ana**: Fire safety, 3 days overdue (new)"), "{heard}");
    w.s.until("2026-12-20T18:00:00Z").await;
    assert_eq!(w.s.news("Max"), "", "once a week");
    w.s.until("2026-12-20T20:00:00Z").await;
    let heard = w.s.news("Max");
    assert!(heard.contains("**Ana**: Fire safety, 9 days overdue"), "{heard}");
}

#[tokio::test]
async fn no_week_is_without_a_digest_when_it_becomes_somebody_elses_to_hear() {
    let w = world().await;
    let boss = w.s.hire("Boss", |_| {}).await;
    let lead = w.s.hire("Lead", |p| p.manager = Some(boss.id.clone())).await;
    let mei = w.s.hire("Mei", |p| p.manager = Some(lead.id.clone())).await;
    w.apply(REQUIREMENT).await;
    w.finish(&boss).await;
    w.s.until("2026-12-14T12:00:00Z").await;
    let heard = w.s.news("Boss");
    assert!(heard.contains("**Mei**") && heard.contains("**Lead**"), "the lead is overdue too: {heard}");
    assert_eq!(w.s.to("Lead").iter().filter(|p| p.key.starts_with("manager-digest/")).count(), 0);
    w.s.until("2026-12-16T12:00:00Z").await;
    w.finish(&lead).await;
    w.s.news("Lead");
    w.s.until("2026-12-21T12:00:00Z").await;
    let heard = w.s.news("Lead");
    assert!(heard.contains("**Mei**: Fire safety, 14 days overdue"), "{heard}");
    let _ = mei;
}

#[tokio::test]
async fn who_has_not_begun_to_work_hears_of_nobody() {
    let w = world().await;
    let boss = w.s.hire("Boss", |_| {}).await;
    let soon = |p: &mut Person| {
        p.manager = Some(boss.id.clone());
        p.hire_date = Some("2027-03-01".parse().unwrap());
    };
    let lead = w.s.hire("Lead", soon).await;
    w.s.hire("Mei", |p| p.manager = Some(lead.id.clone())).await;
    w.apply(REQUIREMENT).await;
    w.finish(&boss).await;
    w.s.until("2026-12-14T12:00:00Z").await;
    assert!(w.s.news("Boss").contains("**Mei**: Fire safety, 7 days overdue"));
    assert_eq!(w.s.news("Lead"), "");
}

#[tokio::test]
async fn all_who_are_missing_can_be_seen_and_one_is_found_by_a_part_of_the_name() {
    let w = world().await;
    let max = w.s.hire("Max", |_| {}).await;
    for n in 0..14 {
        w.s.hire(&format!("Ana{n:02} Lima"), |p| p.manager = Some(max.id.clone())).await;
    }
    w.s.hire("José Núñez", |p| p.manager = Some(max.id.clone())).await;
    w.apply(REQUIREMENT).await;
    w.finish(&max).await;
    let first = w.s.says("Max", "team").await;
    assert!(first.contains("Ana11 Lima") && !first.contains("Ana12 Lima"), "{first}");
    assert!(first.contains("And 3 more.\n[Show more: team from 12]"), "{first}");
    let rest = w.press("Max", "team from 12").await;
    assert!(rest.contains("Ana12 Lima") && rest.contains("José Núñez") && !rest.contains("Ana11 Lima"), "{rest}");
    assert!(!rest.contains("Show more"), "{rest}");
    for named in ["team jose nunez", "team José", "team E-José Núñez"] {
        let found = w.s.says("Max", named).await;
        assert!(found.contains("Fire safety**: 0 of 1 done"), "{named}: {found}");
    }
    let several = w.s.says("Max", "/team Lima").await;
    assert!(several.contains("Several people of your team have this name"), "{several}");
    let asked = w.s.says("Max", "team building budget").await;
    assert!(!asked.contains("whom of your team"), "a question: {asked}");
}

#[tokio::test]
async fn who_hears_of_those_without_a_manager_sees_all_of_them() {
    let w = world().await;
    let lena = w.s.hire("Lena", |_| {}).await;
    w.grant(&lena, Role::Learning).await;
    w.s.hire("Solo", |_| {}).await;
    w.apply(REQUIREMENT).await;
    w.finish(&lena).await;
    w.s.news("Lena");
    w.s.until("2026-12-14T12:00:00Z").await;
    let digest = w.s.news("Lena");
    assert!(digest.contains("Overdue training that no manager can see to"), "{digest}");
    assert!(digest.contains("[All of it: team]") && !digest.contains("team delegate"), "{digest}");
    let all = w.press("Lena", "team").await;
    assert!(all.contains("Required training of one person") && all.contains("**Solo**"), "{all}");
    let one = w.s.says("Lena", "team Solo").await;
    assert!(one.contains("**Solo**: Fire safety, overdue since"), "{one}");
}
