//! What happens meanwhile: completions, leaves, extensions, exemptions; and files that are wrong.

use serde_json::{Value, json};
use stoa_ground::Error;

use crate::checker::violations;
use crate::world::{World, rules};

const MONDAY: &str = "2026-11-23T07:00:00Z";
const FORTNIGHT: &str = "{ days = 14, from = \"assigned\" }";

/// Ana and her manager Max, in Berlin; one requirement, due on 7 December.
async fn team() -> World {
    let mut w = World::new(MONDAY).await;
    w.hire(&[("L", "Europe/Berlin", "", "-"), ("Max", "Europe/Berlin", "", "L"), ("Ana", "Europe/Berlin", "", "Max")])
        .await;
    w.require(&[("fire", FORTNIGHT)]).await;
    w
}

fn event(at: &str, kind: &str, fields: &Value) -> Value {
    json!({"at": at, "kind": kind, "person": "Ana", "item": "fire", "fields": fields})
}

async fn story(w: &World, to: &str, events: &[Value]) -> String {
    let out = w.simulate("2026-11-23", to, events).await;
    assert!(out.told.notes.is_empty(), "{:?}", out.told.notes);
    let wrong = violations(&rules(), &w.people, events, &out.values());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    out.story("Ana")
}

#[tokio::test]
async fn without_events_the_steps_come_in_their_order() {
    let w = team().await;
    assert_eq!(
        story(&w, "2026-12-22", &[]).await,
        "2026-11-23T08:00 assign assign later quiet-hours\n\
         2026-11-23T09:00 assign assign now due\n\
         2026-11-30T09:00 reminder t-7 now due\n\
         2026-12-04T09:00 reminder t-1 now due\n\
         2026-12-08T09:00 overdue t+1 now due\n\
         2026-12-10T09:00 overdue t+3 now due\n\
         2026-12-14T09:00 overdue t+7 now due\n\
         2026-12-21T09:00 overdue t+14 now due\n"
    );
}

#[tokio::test]
async fn a_completion_before_a_reminder_leaves_nothing_to_say_and_one_after_it_edits_it() {
    let w = team().await;
    let before = [event("2026-11-30T08:59:00+01:00", "complete", &json!({"score": 1}))];
    let told = story(&w, "2026-12-18", &before).await;
    assert!(
        !told.contains("reminder t-7 now") && told.contains("2026-11-30T08:59 assign assign edit changed"),
        "{told}"
    );
    let after = [event("2026-11-30T09:01:00+01:00", "complete", &json!({"score": 0.9}))];
    let told = story(&w, "2026-12-18", &after).await;
    assert!(told.contains("2026-11-30T09:01 reminder t-7 edit changed"), "{told}");
    assert!(!told.contains("t-1") && !told.contains("overdue"), "{told}");
    let failed = [event("2026-11-30T09:01:00+01:00", "complete", &json!({"score": 0.5}))];
    assert!(story(&w, "2026-12-18", &failed).await.contains("overdue t+1 now"), "half is not enough");
}

#[tokio::test]
async fn what_waits_for_the_morning_and_is_done_before_it_is_cancelled() {
    let w = team().await;
    let told = story(&w, "2026-12-18", &[event("2026-11-23T08:30:00+01:00", "complete", &json!({}))]).await;
    assert_eq!(told, "2026-11-23T08:00 assign assign later quiet-hours\n2026-11-23T08:30 assign assign cancel done\n");
}

#[tokio::test]
async fn an_event_comes_before_what_is_due_at_the_same_instant() {
    let w = team().await;
    let told = story(&w, "2026-12-18", &[event("2026-11-30T09:00:00+01:00", "complete", &json!({}))]).await;
    assert!(!told.contains("t-7 now"), "{told}");
}

#[tokio::test]
async fn a_leave_stops_the_clock_and_an_extension_moves_it() {
    let w = team().await;
    let leave = [
        json!({"at": "2026-11-26T12:00:00Z", "kind": "leave", "person": "Ana", "fields": {"from": "2026-11-30", "to": "2026-12-04"}}),
    ];
    let told = story(&w, "2026-12-31", &leave).await;
    // Five working days away: due on 14 December.
    assert!(
        told.contains("2026-12-07T09:00 reminder t-7@2026-12-14 now")
            && told.contains("2026-12-15T09:00 overdue t+1@2026-12-14 now"),
        "{told}"
    );
    assert!(!told.contains("2026-11-30") && !told.contains("2026-12-01"), "{told}");
    let extend = [event("2026-12-02T12:00:00Z", "extend", &json!({"due": "2026-12-21"}))];
    let told = story(&w, "2026-12-31", &extend).await;
    assert!(
        told.contains("2026-11-30T09:00 reminder t-7 now")
            && told.contains("2026-12-14T09:00 reminder t-7@2026-12-21 now"),
        "{told}"
    );
    assert!(told.contains("2026-12-22T09:00 overdue t+1@2026-12-21 now") && !told.contains("2026-12-08"), "{told}");
}

#[tokio::test]
async fn a_leave_that_becomes_known_ends_none_and_the_return_is_ramped_whatever_ends_it() {
    let mut w = World::new(MONDAY).await;
    w.hire(&[("L", "Europe/Berlin", "", "-"), ("Ana", "Europe/Berlin", "", "L")]).await;
    w.require(&[("fire", FORTNIGHT)]).await;
    w.teach(60, "09:30").await;
    let of = |at: &str, kind: &str, fields: Value| json!({"at": at, "kind": kind, "person": "Ana", "fields": fields});
    let leave = |at: &str, from: &str, to: &str| of(at, "leave", json!({"from": from, "to": to}));
    let answers = (0..60).map(|day| {
        let date = "2026-11-23".parse::<jiff::civil::Date>().unwrap() + jiff::Span::new().days(day);
        of(&format!("{date}T15:30:00Z"), "answer", json!({"correct": true}))
    });
    let cases: [(&str, Vec<Value>); 4] = [
        (
            "planned, running, and in the week of the return",
            vec![
                leave("2026-11-24T12:00:00Z", "2026-12-01", "2026-12-10"),
                leave("2026-11-25T12:00:00Z", "2026-12-21", "2026-12-23"),
                leave("2026-12-03T12:00:00Z", "2027-01-04", "2027-01-08"),
                leave("2026-12-14T12:00:00Z", "2027-01-11", "2027-01-12"),
            ],
        ),
        (
            "without an end, until the roster says active",
            vec![
                of("2026-11-25T12:00:00Z", "leave", json!({"from": "2026-11-26"})),
                of("2026-12-09T12:00:00Z", "roster", json!({"status": "active"})),
            ],
        ),
        (
            "by its status alone",
            vec![
                of("2026-11-25T12:00:00Z", "roster", json!({"status": "leave"})),
                of("2026-12-09T12:00:00Z", "roster", json!({"status": "active"})),
            ],
        ),
        (
            "until the roster has none any more",
            vec![
                of("2026-11-25T12:00:00Z", "roster", json!({"leave_from": "2026-11-26", "leave_to": "2026-12-31"})),
                of("2026-12-09T12:00:00Z", "roster", json!({"leave_from": "", "leave_to": ""})),
            ],
        ),
    ];
    for (what, mut events) in cases {
        events.extend(answers.clone());
        events.push(json!({"at": "2026-11-24T09:00:00Z", "kind": "complete", "person": "L", "item": "fire"}));
        let out = w.simulate("2026-11-23", "2027-01-22", &events).await;
        let wrong = violations(&rules(), &w.people, &out.happened(&events), &out.values());
        assert!(wrong.is_empty(), "{what}: {}", wrong.join("\n"));
        let story = out.story("Ana");
        let back = |line: &&str| line[..10] > *"2026-12-10" && line.contains(" now ");
        assert!(story.lines().any(|line| back(&line)), "{what}: nothing after the leave: {story}");
    }
}

#[tokio::test]
async fn a_manager_has_one_digest_a_week_whatever_puts_it_off() {
    let mut w = World::new(MONDAY).await;
    w.hire(&[("L", "Europe/Berlin", "", "-"), ("Max", "Asia/Tokyo", "Yard", "L"), ("Ana", "Europe/Berlin", "", "Max")])
        .await;
    w.require(&[("fire", FORTNIGHT)]).await;
    let of = |at: &str, kind: &str, fields: Value| json!({"at": at, "kind": kind, "person": "Max", "fields": fields});
    let done = of("2026-11-25T09:00:00Z", "complete", json!({}));
    // The yard is closed from 4 to 8 January.
    let closed = vec![done.clone()];
    // Nine on Monday in Tokyo is Sunday evening in New York.
    let moves = vec![done.clone(), of("2026-12-14T01:00:00Z", "roster", json!({"timezone": "America/New_York"}))];
    let leave = vec![done, of("2026-12-13T12:00:00Z", "leave", json!({"from": "2026-12-14", "to": "2026-12-18"}))];
    for (events, expected) in [
        (closed, ["2026-12-14", "2026-12-21", "2026-12-28", "2027-01-11", "2027-01-18"]),
        (moves, ["2026-12-14", "2026-12-21", "2026-12-28", "2027-01-11", "2027-01-18"]),
        (leave, ["2026-12-21", "2026-12-28", "2027-01-11", "2027-01-18", ""]),
    ] {
        let out = w.simulate("2026-11-23", "2027-01-22", &events).await;
        let wrong = violations(&rules(), &w.people, &events, &out.values());
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let expected: Vec<String> = expected.iter().filter(|d| !d.is_empty()).map(|d| format!("{d} 09:00")).collect();
        assert_eq!(out.sent("Max", "manager-digest"), expected, "{}", out.story("Max"));
    }
}

#[tokio::test]
async fn what_is_due_to_many_at_one_nine_oclock_is_one_message_for_each() {
    let mut w = World::new(MONDAY).await;
    let ids: Vec<String> = (0..60).map(|n| format!("P{n:02}")).collect();
    w.hire(&ids.iter().map(|id| (id.as_str(), "UTC", "", "-")).collect::<Vec<_>>()).await;
    w.require(&[("fire", FORTNIGHT), ("privacy", FORTNIGHT)]).await;
    let out = w.simulate("2026-11-23", "2026-12-02", &[]).await;
    let wrong = violations(&rules(), &w.people, &[], &out.values());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for id in &ids {
        assert_eq!(out.sent(id, "learner-digest"), ["2026-11-23 09:00", "2026-11-30 09:00"], "{}", out.story(id));
    }
}

#[tokio::test]
async fn a_step_that_comes_again_says_for_which_due_date() {
    let w = team().await;
    let extend = [event("2026-12-02T12:00:00Z", "extend", &json!({"due": "2026-12-21"}))];
    let out = w.simulate("2026-11-23", "2026-12-31", &extend).await;
    let sent = out.lines.iter().filter(|l| l.person == "Ana" && l.kind == "reminder" && l.decision == "now");
    let steps: Vec<_> = sent.map(|l| (l.step.as_str(), l.due.as_deref().unwrap(), l.cycle.unwrap())).collect();
    assert_eq!(
        steps,
        [("t-7", "2026-12-07", 1), ("t-7@2026-12-21", "2026-12-21", 1), ("t-1@2026-12-21", "2026-12-21", 1)]
    );
}

#[tokio::test]
async fn an_exemption_ends_it_and_where_it_ends_it_begins_anew() {
    let w = team().await;
    let exempt = [event("2026-12-01T12:00:00Z", "exempt", &json!({"until": "2026-12-11", "reason": "on a ship"}))];
    let told = story(&w, "2026-12-24", &exempt).await;
    assert!(
        told.contains("2026-12-14T09:00 assign assign@2026-12-28 now")
            && told.contains("2026-12-21T09:00 reminder t-7@2026-12-28 now"),
        "{told}"
    );
    assert!(!told.contains("overdue"), "{told}");
    let for_good = [event("2026-12-01T12:00:00Z", "exempt", &json!({"reason": "works outdoors"}))];
    assert!(!story(&w, "2026-12-31", &for_good).await.contains("2026-12-1"), "nothing more");
}

#[tokio::test]
async fn without_a_manager_the_learning_team_hears_of_it() {
    let mut w = World::new(MONDAY).await;
    w.hire(&[("L", "Europe/Berlin", "", "-"), ("Ana", "Europe/Berlin", "", "-")]).await;
    w.require(&[("fire", FORTNIGHT)]).await;
    let done = [json!({"at": "2026-11-24T09:00:00Z", "kind": "complete", "person": "L"})];
    let out = w.simulate("2026-11-23", "2026-12-31", &done).await;
    assert_eq!(out.sent("L", "manager-digest").len(), 3, "{}", out.story("L"));
}

#[tokio::test]
async fn what_is_wrong_in_a_file_is_said_with_its_line_before_anything_runs() {
    let w = team().await;
    w.teach(3, "09:00").await;
    let cases = [
        (
            json!({"at": "2026-11-24T09:00:00Z", "kind": "party", "person": "Ana"}),
            "events.jsonl line 2: 'party' is not a kind of event: use one of complete",
        ),
        (
            json!({"at": "2026-11-24T09:00:00Z", "kind": "ignore", "person": "Bob"}),
            "line 2: nobody has the employee id 'Bob'",
        ),
        (
            json!({"at": "2026-11-24T09:00:00Z", "kind": "complete", "person": "Ana", "item": "daily"}),
            "line 2: item 'daily' is not a requirement: there is fire",
        ),
        (
            json!({"at": "2026-11-24T09:00:00Z", "kind": "answer", "person": "Ana", "item": "fire", "fields": {"correct": true}}),
            "line 2: item 'fire' is not a track: there is daily",
        ),
        (
            json!({"at": "2026-11-24T09:00:00Z", "kind": "roster", "person": "Ana", "fields": {"timzone": "UTC"}}),
            "line 2: the column 'timzone' is not known; did you mean 'timezone'?",
        ),
        (
            json!({"at": "2026-11-24T09:00:00Z", "kind": "roster", "person": "Ana", "fields": {"timezone": "Mars"}}),
            "line 2: column timezone: 'Mars' is not an IANA time zone",
        ),
        (
            json!({"at": "2026-11-24T09:00:00", "kind": "ignore", "person": "Ana"}),
            "line 2: at is '2026-11-24T09:00:00': write a date and time with an offset",
        ),
        (
            json!({"at": "2026-11-24T09:00:00Z", "kind": "complete", "person": "Ana", "fields": {"score": 90}}),
            "line 2: score is 90: write a number from 0 to 1",
        ),
        (
            json!({"at": "2026-11-24T09:00:00Z", "kind": "answer", "person": "Ana", "fields": {}}),
            "line 2: fields needs correct",
        ),
        (
            json!({"at": "2026-11-24T09:00:00Z", "kind": "leave", "person": "Ana", "fields": {"from": "2026-12-24", "to": "2026-12-01"}}),
            "line 2: the leave ends before it begins",
        ),
        (
            json!({"at": "2026-11-24T09:00:00Z", "kind": "ignore", "person": "Ana", "fields": {"why": 1}}),
            "line 2: the kind ignore has no field 'why'",
        ),
        (json!(["2026-11-24"]), "line 2: "),
    ];
    let good = json!({"at": "2026-11-24T09:00:00+01:00", "kind": "ignore", "person": "Ana"});
    for (bad, expected) in cases {
        let said = w.try_to("2026-11-23", "2026-11-27", &[good.clone(), bad], 1).await;
        let Err(Error::Invalid(said)) = said.map(|o| o.text) else { panic!("taken: {expected}") };
        assert!(said.contains(expected) && said.lines().count() == 1, "{said}\nwanted: {expected}");
    }
    let out = w.try_to("2026-11-23", "2026-11-22", &[], 1).await.map(|o| o.text).unwrap_err();
    assert!(out.to_string().contains("--to 2026-11-22 is before --from"), "{out}");
    let out = w.try_to("2026-01-01", "2026-01-31", &[], 1).await.map(|o| o.text).unwrap_err();
    assert!(out.to_string().contains("the store stands at 2026-11-23"), "{out}");
}

#[tokio::test]
async fn who_pressed_something_after_leaving_and_is_back_at_once_is_left_in_peace_all_the_same() {
    let w = team().await;
    w.teach(3, "09:30").await;
    let events = [
        event("2026-11-24T13:00:00+01:00", "roster", &json!({"status": "left"})),
        json!({"at": "2026-11-24T13:30:00+01:00", "kind": "answer", "person": "Ana", "fields": {"correct": true}}),
        event("2026-11-24T13:50:00+01:00", "roster", &json!({"status": "active", "hire_date": "2026-11-24"})),
    ];
    let told = story(&w, "2026-11-25", &events).await;
    assert!(told.contains("2026-11-24T13:50 assign assign@2026-12-08 later activity"), "{told}");
    assert!(told.contains("2026-11-24T14:30 assign assign@2026-12-08 now due"), "{told}");
}

#[tokio::test]
async fn events_outside_are_left_out_and_those_that_cannot_happen_are_noted() {
    let w = team().await;
    let events = [
        event("2027-01-24T09:00:00Z", "complete", &json!({})),
        event("2026-11-25T09:00:00Z", "complete", &json!({})),
        event("2026-11-26T09:00:00Z", "complete", &json!({})),
        json!({"at": "2026-11-24T09:00:00Z", "kind": "answer", "person": "Max", "fields": {"correct": true}}),
        json!({"at": "2026-11-24T09:00:00Z", "kind": "roster", "person": "New", "fields": {"name": "Newt", "manager_employee_id": "Max", "timezone": "Asia/Tokyo"}}),
        json!({"at": "2026-11-27T09:00:00Z", "kind": "complete", "person": "New"}),
    ];
    let out = w.simulate("2026-11-23", "2026-12-04", &events).await;
    assert_eq!(out.told.left_out, 1);
    assert_eq!(
        out.told.notes,
        [
            "line 4, Max: a question that waits for an answer was not found",
            "line 3, Ana: 'fire' of Person Ana is completed and stays so"
        ]
    );
    assert_eq!(out.sent("New", "assign"), ["2026-11-25 09:00"], "{}", out.story("New"));
}
