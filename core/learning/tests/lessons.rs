//! Lessons as people meet them: a week of them, the weekend, leave, pauses, downtime, answers, reviews, team drops.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use stoa_flow::chat::{Block, Event, FieldKind, Opened};
use stoa_flow::testing::{Stage, direct, organisation};
use stoa_ground::people::{self, Role};
use stoa_ground::xapi::Emitter;
use stoa_ground::{Instant, args};
use stoa_learning::search::Index;
use stoa_learning::{Services, ledger, lessons, parts};

/// A stage with the sample track, and nobody in it yet.
async fn stage() -> Stage {
    let s = Stage::new(|_| {
        let organisation = organisation();
        let services = Services {
            ledger: ledger(),
            emitter: Emitter::new(&organisation.iri).unwrap(),
            training: Default::default(),
            index: Index::in_memory().unwrap(),
            asking: Default::default(),
            mail: false,
            sign_in: None,
            organisation,
        };
        parts(&Arc::new(services))
    })
    .await;
    let applied = lessons::apply_dir(&s.db, &demo()).await.unwrap();
    assert_eq!((applied.tracks, applied.added), (1, 7));
    s
}

fn demo() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bot/demo/tracks")
}

/// Writes another track, of three lessons, the second without a question.
async fn second_track(s: &Stage) {
    let dir = tempfile::tempdir().unwrap();
    let tea = dir.path().join("tea");
    std::fs::create_dir_all(&tea).unwrap();
    std::fs::write(tea.join("track.toml"), "title = \"Tea\"\ndescription = \"How we make it.\"\ntime = \"09:30\"\n")
        .unwrap();
    for (n, name, question) in [
        (
            1,
            "water",
            "[[question]]\nprompt = \"How hot?\"\noptions = [\"60\", \"90\"]\nanswer = 1\nwhy = \"Nearly boiling.\"\n",
        ),
        (2, "leaves", ""),
        (3, "milk", "[[question]]\nprompt = \"When?\"\noptions = [\"First\", \"Last\"]\nanswer = 1\nwhy = \"Last.\"\n"),
    ] {
        let text = format!("+++\ntitle = \"On {name}\"\n{question}+++\nAbout {name}.\n");
        std::fs::write(tea.join(format!("0{n}-{name}.md")), text).unwrap();
    }
    lessons::apply_dir(&s.db, dir.path()).await.unwrap();
}

async fn grant_learning(s: &Stage, person: &people::Person) {
    let ledger = ledger();
    let ledger = &ledger;
    s.db.write(
        |tx| async move { people::grant(&tx, ledger, person, Role::Learning, "test", "she leads learning").await },
    )
    .await
    .unwrap();
}

/// When the messages of a kind came, in a zone: `Mon 23 09:30`.
fn came(s: &Stage, user: &str, prefix: &str, zone: &str) -> Vec<String> {
    let zone = jiff::tz::TimeZone::get(zone).unwrap();
    let mine = s.to(user).into_iter().filter(|p| p.key.starts_with(prefix));
    mine.map(|p| p.at.zoned(&zone).strftime("%a %d %H:%M").to_string()).collect()
}

/// The command of the button with this label in the newest message that has one.
fn button(s: &Stage, user: &str, label: &str) -> String {
    let all = s.to(user);
    let buttons = all.iter().rev().flat_map(|p| p.message.blocks.iter()).filter_map(|b| match b {
        Block::Buttons(buttons) => Some(buttons),
        _ => None,
    });
    let found = buttons.flatten().find(|b| b.label == label);
    found.unwrap_or_else(|| panic!("no button '{label}' for {user}")).command.clone()
}

async fn press(s: &Stage, user: &str, label: &str) -> String {
    let command = button(s, user, label);
    s.presses(user, &command).await
}

/// The text of the newest message that a drop made.
fn last(s: &Stage, user: &str, prefix: &str) -> String {
    s.to(user).iter().rev().find(|p| p.key.starts_with(prefix)).expect("such a message").message.plain()
}

async fn statements(s: &Stage, verb: &str) -> Vec<String> {
    let rows =
        s.db.all("SELECT body FROM statement WHERE verb LIKE $1 ORDER BY position", args![format!("%/{verb}")]).await;
    rows.unwrap().iter().map(|r| r.get("body").unwrap()).collect()
}

#[tokio::test]
async fn a_week_in_kolkata_has_a_lesson_each_working_morning_and_a_quiet_weekend() {
    let s = stage().await;
    s.hire("Ana", |p| p.timezone = "Asia/Kolkata".into()).await;
    let tracks = s.says("Ana", "learn").await;
    assert!(tracks.contains("**Writing for customers** – Seven short lessons"), "{tracks}");
    // It is 14:30 in Kolkata.
    let joined = press(&s, "Ana", "Join").await;
    assert_eq!(joined, "", "the list is edited in place");
    assert!(s.to("Ana")[0].message.plain().contains("The next lesson comes tomorrow 09:30."));
    for day in ["24", "25", "26", "27"] {
        s.until(&format!("2026-11-{day}T05:00:00Z")).await;
        press(&s, "Ana", "B").await;
    }
    s.until("2026-12-01T03:59:00Z").await;
    assert_eq!(
        came(&s, "Ana", "drop/", "Asia/Kolkata"),
        ["Tue 24 09:30", "Wed 25 09:30", "Thu 26 09:30", "Fri 27 09:30", "Mon 30 09:30"]
    );
    let first = s.to("Ana").into_iter().find(|p| p.key.starts_with("drop/")).unwrap();
    assert_eq!(first.edits, 1);
    let text = first.message.plain();
    assert!(
        text.starts_with("The answer comes first\nWriting for customers · 1 of 7\nCustomers read the first line"),
        "{text}"
    );
    assert!(
        text.contains(
            "✅ **Right:** Yes, you can return the chair, as long as all parts are there. – She asked one thing."
        ),
        "{text}"
    );
    assert!(
        text.contains(&format!("[Why this?: why {}]", first.key)) && text.contains("[Pause: settings pause]"),
        "{text}"
    );
}

#[tokio::test]
async fn an_answer_is_judged_in_place_once_and_comes_back_for_review() {
    let s = stage().await;
    s.hire("Ana", |_| {}).await;
    s.says("Ana", "learn join writing").await;
    s.until("2026-11-23T10:30:00Z").await;
    let drop = last(&s, "Ana", "drop/");
    assert!(drop.contains("**Quick check:** A customer asks whether she can return an assembled chair."), "{drop}");
    assert!(drop.contains("- **B** Yes, you can return the chair, as long as all parts are there."), "{drop}");
    let (right, wrong) = (button(&s, "Ana", "B"), button(&s, "Ana", "A"));
    s.news("Ana");
    assert_eq!(s.presses("Ana", &wrong).await, "");
    let judged = last(&s, "Ana", "drop/");
    assert!(
        judged.contains(
            "**Not quite.** You chose “Thank you for contacting us about your recent order.”. Right is: “Yes, you can"
        ),
        "{judged}"
    );
    assert!(!judged.contains("[B:"), "{judged}");
    let again = s.presses("Ana", &right).await;
    assert!(again.starts_with("You answered this one already. **Not quite.**"), "{again}");
    s.hire("Eve", |_| {}).await;
    assert!(s.says("Eve", &format!("/{right}")).await.contains("This question is not there any more."));

    assert_eq!(s.says("Ana", "learn").await, "You are up to date; next lesson tomorrow 09:30.");
    assert_eq!(s.says("Ana", "learn review").await, "Nothing is up for review today.");
    // The next day: the lesson at 09:30, the review after a gap.
    s.until("2026-11-24T12:00:00Z").await;
    press(&s, "Ana", "B").await;
    s.until("2026-11-24T16:00:00Z").await;
    assert_eq!(came(&s, "Ana", "review/", "UTC"), ["Tue 24 13:30"]);
    let review = last(&s, "Ana", "review/");
    assert!(review.starts_with("Do you still know this?\n**Quick check:** A customer asks"), "{review}");
    press(&s, "Ana", "B").await;
    let review = last(&s, "Ana", "review/");
    assert!(review.contains("✅ **Right:**") && review.contains("That is all for now."), "{review}");
    let due: Vec<String> =
        s.db.all("SELECT due FROM lesson_card ORDER BY due", args![])
            .await
            .unwrap()
            .iter()
            .map(|r| r.get("due").unwrap())
            .collect();
    assert_eq!(due, ["2026-11-25", "2026-11-27"], "one day after the first answer, three after the second right one");

    let answered = statements(&s, "answered").await;
    assert_eq!(answered.len(), 3);
    assert!(answered.iter().all(|b| b.contains("/xapi/extensions/private\":true")), "{}", answered[0]);
    assert!(answered[0].contains("\"success\":false") && answered[0].contains("\"response\":\"0\""), "{}", answered[0]);
    assert_eq!(statements(&s, "experienced").await.len(), 2);
}

#[tokio::test]
async fn who_asks_first_gets_the_lesson_at_once_and_not_again() {
    let s = stage().await;
    s.hire("Ana", |_| {}).await;
    s.says("Ana", "learn join Writing for customers").await;
    let pulled = press(&s, "Ana", "First lesson now").await;
    assert!(pulled.starts_with("The answer comes first"), "{pulled}");
    assert_eq!(s.says("Ana", "learn").await, pulled, "as long as it is not answered, it is shown again");
    press(&s, "Ana", "B").await;
    s.until("2026-11-23T17:00:00Z").await;
    assert_eq!(came(&s, "Ana", "drop/", "UTC"), Vec::<String>::new());
    s.until("2026-11-24T09:30:00Z").await;
    assert!(last(&s, "Ana", "drop/").starts_with("One step, one line"));
}

#[tokio::test]
async fn after_five_days_of_downtime_and_after_a_leave_there_is_one_lesson() {
    let s = stage().await;
    let ana = s.hire("Ana", |_| {}).await;
    s.says("Ana", "learn join writing").await;
    // Nothing runs from Monday morning to Friday noon.
    s.db.clock().set(Instant::parse("2026-11-27T12:00:00Z").unwrap()).unwrap();
    s.until("2026-11-27T17:00:00Z").await;
    assert_eq!(came(&s, "Ana", "drop/", "UTC"), ["Fri 27 12:00"]);
    assert!(last(&s, "Ana", "drop/").starts_with("The answer comes first"));

    let id = &ana.id;
    s.db.write(|tx| async move {
        tx.exec(
            "UPDATE person SET status = 'leave', leave_from = '2026-11-30', leave_to = '2026-12-04' WHERE id = $1",
            args![id],
        )
        .await
    })
    .await
    .unwrap();
    s.until("2026-12-07T17:00:00Z").await;
    assert_eq!(came(&s, "Ana", "drop/", "UTC"), ["Fri 27 12:00", "Mon 07 09:30"]);
    assert!(!s.says("Ana", "why").await.contains("not sent"), "nothing was even planned for the days of her leave");
    assert!(last(&s, "Ana", "drop/").starts_with("One step, one line"));
}

#[tokio::test]
async fn pausing_stops_lessons_says_why_and_loses_none() {
    let s = stage().await;
    s.hire("Ana", |_| {}).await;
    s.says("Ana", "learn join writing").await;
    s.until("2026-11-23T10:30:00Z").await;
    s.says("Ana", "settings pause").await;
    s.until("2026-11-27T17:00:00Z").await;
    assert_eq!(came(&s, "Ana", "drop/", "UTC").len(), 1);
    let why = s.says("Ana", "why").await;
    assert!(why.contains("a lesson – not sent: you have paused voluntary messages."), "{why}");
    s.says("Ana", "settings resume").await;
    s.until("2026-11-30T17:00:00Z").await;
    assert_eq!(came(&s, "Ana", "drop/", "UTC"), ["Mon 23 10:00", "Mon 30 09:30"]);
    assert!(last(&s, "Ana", "drop/").starts_with("One step, one line"));
}

#[tokio::test]
async fn five_ignored_messages_are_enough_and_a_word_brings_the_next_lesson() {
    let s = stage().await;
    s.hire("Ana", |_| {}).await;
    s.says("Ana", "learn join writing").await;
    s.until("2026-12-04T17:00:00Z").await;
    assert_eq!(came(&s, "Ana", "drop/", "UTC").len(), 5);
    assert_eq!(came(&s, "Ana", "", "UTC").len(), 1 + 5 + 1, "the answer to joining, five lessons, and that they pause");
    assert!(last(&s, "Ana", "paused/").contains("I stop sending them"));
    let why = s.says("Ana", "why").await;
    assert!(why.contains("my last messages got no reaction"), "{why}");
    s.until("2026-12-07T17:00:00Z").await;
    assert!(last(&s, "Ana", "drop/").starts_with("When we were wrong"), "{}", last(&s, "Ana", "drop/"));
}

#[tokio::test]
async fn the_persons_own_time_counts_from_the_next_lesson_on() {
    let s = stage().await;
    s.hire("Ana", |_| {}).await;
    s.says("Ana", "learn join writing").await;
    s.until("2026-11-23T12:00:00Z").await;
    s.fills("Ana", "settings edit", &[("lesson_time", "14:15"), ("quiet_hours", "")]).await;
    s.until("2026-11-24T17:00:00Z").await;
    s.fills("Ana", "settings edit", &[("lesson_time", "20:00"), ("quiet_hours", "")]).await;
    s.until("2026-11-25T18:00:00Z").await;
    s.fills("Ana", "settings edit", &[("lesson_time", "11:00"), ("quiet_hours", "")]).await;
    s.until("2026-11-26T17:00:00Z").await;
    assert_eq!(
        came(&s, "Ana", "drop/", "UTC"),
        ["Mon 23 10:00", "Tue 24 14:15", "Wed 25 16:45", "Thu 26 11:00"],
        "eight in the evening is outside of working hours, so it comes as late as it may"
    );
}

#[tokio::test]
async fn two_tracks_take_turns_and_a_lesson_without_a_question_wants_a_nod() {
    let s = stage().await;
    second_track(&s).await;
    s.hire("Ana", |_| {}).await;
    s.says("Ana", "learn join writing").await;
    s.until("2026-11-23T09:05:00Z").await;
    s.says("Ana", "learn join tea").await;
    s.says("Ana", "learn streak on").await;
    for day in ["23", "24", "25", "26"] {
        s.until(&format!("2026-11-{day}T11:00:00Z")).await;
        if day != "26" {
            press(&s, "Ana", if day == "24" { "90" } else { "B" }).await;
        }
    }
    let titles: Vec<String> = s
        .to("Ana")
        .iter()
        .filter(|p| p.key.starts_with("drop/"))
        .map(|p| p.message.plain().lines().next().unwrap().into())
        .collect();
    assert_eq!(titles, ["The answer comes first", "On water", "One step, one line", "On leaves"]);
    assert!(last(&s, "Ana", "drop/").contains("[Got it: learn seen tea/leaves]"));
    press(&s, "Ana", "Got it").await;
    let seen = last(&s, "Ana", "drop/");
    assert!(!seen.contains("Got it") && seen.contains("4 working days in a row."), "{seen}");
    s.says("Ana", "learn leave writing").await;
    s.until("2026-11-27T11:00:00Z").await;
    press(&s, "Ana", "Last").await;
    let done = last(&s, "Ana", "drop/");
    assert!(done.contains("That was the last lesson of Tea. Well done!"), "{done}");
    assert_eq!(statements(&s, "completed").await.len(), 1);
    assert!(s.says("Ana", "learn").await.contains("You have seen every lesson of your tracks."));
    let tracks = s.says("Ana", "learn tracks").await;
    assert!(tracks.contains("**Tea** – How we make it. (all done)") && tracks.contains("(2 of 7 done)"), "{tracks}");
}

#[tokio::test]
async fn the_learning_team_schedules_a_drop_and_everybody_gets_it_at_their_own_ten_oclock() {
    let s = stage().await;
    let lea = s.hire("Lea", |_| {}).await;
    grant_learning(&s, &lea).await;
    s.hire("Ana", |p| (p.timezone, p.department) = ("Asia/Kolkata".into(), Some("Sales".into()))).await;
    s.hire("Bob", |p| (p.timezone, p.department) = ("America/New_York".into(), Some("Sales".into()))).await;
    s.hire("Cem", |p| p.department = Some("Finance".into())).await;
    s.hire("Dee", |p| {
        (p.department, p.status) = (Some("Sales".into()), people::Status::Leave);
        (p.leave_from, p.leave_to) = ("2026-11-20".parse().ok(), "2026-11-27".parse().ok());
    })
    .await;

    assert!(s.says("Ana", "learn schedule").await.contains("Only the learning team can do this."));
    assert!(s.says("Lea", "learn schedule").await.contains("[Write it: learn schedule]"));
    let wrong = [("track", "own"), ("audience", "departmnt = \"Sales\""), ("when", "2026-11-20 11:00")];
    let values = wrong.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let submit = Event::Submit { command: "learn schedule".into(), values };
    let Opened::Errors(errors) = s.event("Lea", direct("Lea"), submit).await else { panic!("it was accepted") };
    let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
    assert_eq!(fields, ["text", "audience", "when"]);
    assert!(errors[1].why.contains("department"), "{}", errors[1].why);
    for (when, why) in [
        ("2026-11-25", "like 2026-11-"),
        ("10:00", "like 2026-11-"),
        ("2026-11-20 10:00", "This day is over"),
        ("2026-11-25  23:00", "outside of quiet hours"),
    ] {
        let text = format!("{}\nx", "A title that is too long ".repeat(5));
        let values = [("track", "own"), ("text", text.as_str()), ("when", when)];
        let values: BTreeMap<String, String> = values.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        let submit = Event::Submit { command: "learn schedule".into(), values };
        let Opened::Errors(errors) = s.event("Lea", direct("Lea"), submit).await else { panic!("{when} was accepted") };
        assert_eq!(errors[0].why, "The first line is the title: please keep it to 100 characters.");
        assert!(errors[1].field == "when" && errors[1].why.contains(why), "{when}: {}", errors[1].why);
    }

    let values = [
        ("track", "own"),
        ("text", "The new gate\n\nUse the *north* gate from Monday."),
        ("question", "Which gate?\n* North\n- South\nThe south gate is closed."),
        ("audience", "department = \"Sales\""),
        ("when", "2026-11-25 10:00"),
    ];
    let preview = s.fills("Lea", "learn schedule", &values).await;
    assert!(preview.contains("The new gate\nUse the \\*north\\* gate from Monday."), "{preview}");
    assert!(preview.contains("This goes to **3 people** in 3 time zones (department = \"Sales\"), on **Wed, 25 Nov 2026** at **10:00** of their own time."), "{preview}");
    let confirm = button(&s, "Lea", "Schedule it");
    assert!(s.presses("Ana", &confirm).await.contains("Only the learning team can do this."));
    s.presses("Lea", &confirm).await;
    s.presses("Lea", &confirm).await;
    assert!(s.to("Lea").last().unwrap().message.plain().starts_with("Scheduled.\nThis goes to **3 people**"));

    s.until("2026-12-04T17:00:00Z").await;
    assert_eq!(came(&s, "Ana", "drop/", "Asia/Kolkata"), ["Wed 25 10:00"]);
    assert_eq!(came(&s, "Bob", "drop/", "America/New_York"), ["Wed 25 10:00"]);
    assert_eq!(came(&s, "Cem", "drop/", "UTC"), Vec::<String>::new());
    assert_eq!(came(&s, "Dee", "drop/", "UTC"), ["Mon 30 10:00"], "after her leave");
    let drop = last(&s, "Ana", "drop/");
    assert!(
        drop.starts_with("The new gate\nFrom Lea of the learning team, because your department is Sales."),
        "{drop}"
    );
    press(&s, "Ana", "North").await;
    assert!(last(&s, "Ana", "drop/").contains("✅ **Right:** North – The south gate is closed."));
}

#[tokio::test]
async fn the_form_of_a_drop_fits_on_every_platform_however_many_tracks_there_are() {
    let s = stage().await;
    let lea = s.hire("Lea", |_| {}).await;
    grant_learning(&s, &lea).await;
    let dir = tempfile::tempdir().unwrap();
    for n in 10..40 {
        let track = dir.path().join(format!("t{n}"));
        std::fs::create_dir(&track).unwrap();
        std::fs::write(track.join("track.toml"), format!("title = \"Track {n}\"\ndescription = \"Many.\"\n")).unwrap();
        std::fs::write(track.join("01-one.md"), "+++\ntitle = \"One\"\n+++\nAbout one.\n").unwrap();
    }
    lessons::apply_dir(&s.db, dir.path()).await.unwrap();
    let open = async |command: &str| {
        let event = Event::Action { command: command.into(), message: None };
        let Opened::Form(form) = s.event("Lea", direct("Lea"), event).await else { panic!("no form") };
        // Discord's limits are the narrowest.
        assert!(form.fields.len() <= 5, "{form:?}");
        let FieldKind::Choice { options, initial } = form.fields[0].kind.clone() else { panic!("{form:?}") };
        assert_eq!((options.len(), options[0].0.as_str()), (25, "own"));
        assert!(form.fields[0].hint.as_ref().unwrap().contains("learn schedule and the name"), "{form:?}");
        (options[1].0.clone(), initial.unwrap())
    };
    assert_eq!(open("learn schedule").await.1, "own");
    assert_eq!(open("learn schedule track 39").await, ("t39".to_owned(), "t39".to_owned()));
    assert!(s.says("Lea", "learn schedule Track 39").await.contains("[Write it: learn schedule Track 39]"));
}

#[tokio::test]
async fn a_team_drop_can_begin_a_track_and_be_taken_back() {
    let s = stage().await;
    second_track(&s).await;
    let lea = s.hire("Lea", |_| {}).await;
    grant_learning(&s, &lea).await;
    for n in 0..45 {
        s.hire(&format!("P{n:02}"), |_| {}).await;
    }
    s.says("P00", "learn join tea").await;
    s.says("P00", "learn leave tea").await;
    s.fills("Lea", "learn schedule", &[("track", "tea"), ("audience", "everyone"), ("when", "2026-11-24 11:00")]).await;
    press(&s, "Lea", "Schedule it").await;
    s.until("2026-11-25T17:00:00Z").await;
    assert_eq!(came(&s, "P44", "drop/", "UTC"), ["Tue 24 11:00", "Wed 25 09:30"], "the track goes on by itself");
    assert_eq!(came(&s, "P00", "drop/", "UTC"), Vec::<String>::new(), "who left is not brought back");
    let own = [("track", "own"), ("text", "T\nx"), ("audience", "everyone"), ("when", "2026-11-27 11:00")];
    s.fills("Lea", "learn schedule", &own).await;
    press(&s, "Lea", "Schedule it").await;
    press(&s, "Lea", "Take it back").await;
    s.until("2026-11-27T17:00:00Z").await;
    assert_eq!(came(&s, "P00", "drop/", "UTC"), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_missed_is_there_for_the_asking_and_nobody_else_hears_of_it() {
    let s = stage().await;
    second_track(&s).await;
    let max = s.hire("Max", |_| {}).await;
    s.hire("Ana", |p| p.manager = Some(max.id.clone())).await;
    s.says("Ana", "learn join tea").await;
    s.until("2026-12-18T17:00:00Z").await;
    assert_eq!(came(&s, "Ana", "drop/", "UTC").len(), 3, "each lesson came once");
    assert_eq!(s.to("Max"), [], "voluntary lessons escalate to nobody");
    assert_eq!(statements(&s, "experienced").await.len(), 0, "what was ignored was not experienced");
    assert!(s.says("Ana", "learn").await.starts_with("On water"));
    press(&s, "Ana", "90").await;
    let leaves = s.says("Ana", "learn").await;
    assert!(leaves.starts_with("On leaves") && !leaves.contains("Got it"), "{leaves}");
    assert!(s.says("Ana", "learn").await.starts_with("On milk"));
    press(&s, "Ana", "First").await;
    assert!(s.says("Ana", "learn").await.starts_with("You have seen every lesson of your tracks."));
    assert_eq!(statements(&s, "completed").await.len(), 1);
    // Both answers come back on Monday, in one message, one after the other.
    s.until("2026-12-21T17:00:00Z").await;
    assert_eq!(came(&s, "Ana", "review/", "UTC"), ["Mon 21 09:30"]);
    let review = last(&s, "Ana", "review/");
    assert!(
        review.starts_with("Do you still know these 2?\n**1 of 2:** When?") && !review.contains("How hot"),
        "{review}"
    );
    press(&s, "Ana", "Last").await;
    press(&s, "Ana", "60").await;
    let review = last(&s, "Ana", "review/");
    assert!(review.contains("From the lesson “On water”. It comes back soon.\nThat is all for now."), "{review}");
}

#[tokio::test]
async fn what_is_retired_comes_no_more_and_every_version_is_kept() {
    let s = stage().await;
    second_track(&s).await;
    s.hire("Ana", |_| {}).await;
    s.says("Ana", "learn join tea").await;
    s.until("2026-11-23T11:00:00Z").await;
    press(&s, "Ana", "60").await;
    let dir = tempfile::tempdir().unwrap();
    let tea = dir.path().join("tea");
    std::fs::create_dir_all(&tea).unwrap();
    std::fs::write(tea.join("track.toml"), "title = \"Tea\"\ndescription = \"How we make it.\"\n").unwrap();
    std::fs::write(tea.join("02-leaves.md"), "+++\ntitle = \"On leaves\"\n+++\nAbout green leaves.\n").unwrap();
    std::fs::write(tea.join("03-milk.md"), "+++\ntitle = \"On milk\"\n+++\nAbout milk.\n").unwrap();
    let applied = lessons::apply_dir(&s.db, dir.path()).await.unwrap();
    assert_eq!((applied.added, applied.changed, applied.removed), (0, 2, 1));
    assert_eq!(lessons::apply_dir(&s.db, dir.path()).await.unwrap().changed, 0);
    s.until("2026-11-24T17:00:00Z").await;
    assert!(last(&s, "Ana", "drop/").contains("About green leaves."));
    assert_eq!(came(&s, "Ana", "review/", "UTC"), Vec::<String>::new(), "the lesson about water is retired");
    let versions =
        s.db.opt("SELECT COUNT(*) AS n FROM lesson_version WHERE lesson LIKE 'tea/%'", args![]).await.unwrap().unwrap();
    assert_eq!(versions.get::<i64>("n").unwrap(), 5);

    let broken = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(broken.path().join("tea")).unwrap();
    std::fs::write(broken.path().join("tea/track.toml"), "titel = \"Tea\"\n").unwrap();
    let error = lessons::apply_dir(&s.db, broken.path()).await.unwrap_err().to_string();
    assert!(error.starts_with("tea/track.toml:1: unknown field `titel`"), "{error}");
}
