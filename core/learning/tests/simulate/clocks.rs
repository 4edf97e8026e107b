//! Clocks that change, people who move, zones far in the east.

use serde_json::json;

use crate::checker::violations;
use crate::world::{World, rules};

const MONDAY: &str = "2026-11-23T09:00:00Z";

async fn clean(world: &World, outcome: &crate::world::Outcome, events: &[serde_json::Value]) {
    let wrong = violations(&rules(), &world.people, &outcome.happened(events), &outcome.values());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn in_the_night_in_which_the_clock_changes_the_lesson_comes_at_its_local_time() {
    let mut w = World::new("2027-03-01T00:00:00Z").await;
    w.hire(&[
        ("NY", "America/New_York", "", "-"),
        ("LH", "Australia/Lord_Howe", "", "-"),
        ("B", "Europe/Berlin", "", "-"),
        ("L", "UTC", "", "-"),
    ])
    .await;
    w.teach(200, "09:00").await;
    // They answer every second day, so that nothing stops.
    let mut events = Vec::new();
    for day in 0..90 {
        let at =
            format!("{}T12:00:00Z", "2027-03-01".parse::<jiff::civil::Date>().unwrap() + jiff::Span::new().days(day));
        for person in ["NY", "LH", "B", "L"] {
            events.push(json!({"at": at, "kind": "answer", "person": person, "fields": {"correct": day % 3 != 0}}));
        }
    }
    let spring = w.simulate("2027-03-01", "2027-05-14", &events).await;
    // New York springs forward on 14 March, Berlin on 28 March; Lord Howe goes back by half an hour on 4 April.
    for (person, offsets) in [("NY", ["-05:00", "-04:00"]), ("B", ["+01:00", "+02:00"]), ("LH", ["+11:00", "+10:30"])] {
        let drops = spring.sent(person, "drop");
        let mut days: Vec<&str> = drops.iter().map(|d| &d[..10]).collect();
        days.dedup();
        assert_eq!(days.len(), drops.len(), "one lesson a day for {person}: {drops:?}");
        // In Lord Howe the first Monday's nine o'clock has passed when it begins.
        let working_days = if person == "LH" { 54 } else { 55 };
        assert_eq!(drops.len(), working_days, "one on each working day for {person}: {drops:?}");
        for offset in offsets {
            let there = |l: &&stoa_learning::simulate::Line| l.person == person && l.at.ends_with(offset);
            assert!(spring.lines.iter().any(|l| there(&l)), "{person} was at {offset}");
        }
    }
    clean(&w, &spring, &events).await;
}

#[tokio::test]
async fn who_moves_a_minute_before_the_lesson_gets_one_lesson_that_day() {
    for (from, to, when, expected) in [
        // Nine in Berlin is three in the morning in New York: the lesson waits for nine there.
        ("Europe/Berlin", "America/New_York", "2026-11-24T08:59:00+01:00", "2026-11-24 09:00"),
        // Nine in New York is three in the afternoon in Berlin: it is late, and it is the same day.
        ("America/New_York", "Europe/Berlin", "2026-11-24T08:59:00-05:00", "2026-11-24 15:00"),
        ("Asia/Tokyo", "Asia/Kolkata", "2026-11-24T08:59:00+09:00", "2026-11-24 09:00"),
    ] {
        let mut w = World::new(MONDAY).await;
        w.hire(&[("A", from, "", "-"), ("L", "UTC", "", "-")]).await;
        w.teach(20, "09:00").await;
        let events = [json!({"at": when, "kind": "roster", "person": "A", "fields": {"timezone": to}})];
        let out = w.simulate("2026-11-23", "2026-11-27", &events).await;
        let drops = out.sent("A", "drop");
        let that_day: Vec<&String> = drops.iter().filter(|d| d.starts_with("2026-11-24")).collect();
        assert_eq!(that_day, [expected], "from {from} to {to}: {}", out.story("A"));
        clean(&w, &out, &events).await;
    }
}

#[tokio::test]
async fn no_step_is_lost_by_who_moves_east() {
    // Ana moves from Los Angeles to Tokyo before, on and after the day of each step, and once while it is overdue.
    for day in ["2026-11-29", "2026-11-30", "2026-12-01", "2026-12-03", "2026-12-07", "2026-12-08", "2026-12-10"] {
        for time in ["01:00", "15:00", "16:30", "18:00", "23:30"] {
            let mut w = World::new(MONDAY).await;
            w.hire(&[("A", "America/Los_Angeles", "", "-"), ("L", "UTC", "", "-")]).await;
            w.require(&[("fire", "{ days = 14, from = \"assigned\" }")]).await;
            let at = format!("{day}T{time}:00Z");
            let events = [json!({"at": at, "kind": "roster", "person": "A", "fields": {"timezone": "Asia/Tokyo"}})];
            let out = w.simulate("2026-11-23", "2026-12-14", &events).await;
            let story = out.story("A");
            for step in ["reminder t-7", "reminder t-1", "overdue t+1", "overdue t+3"] {
                let sent = story.lines().filter(|line| line.contains(&format!("{step} now"))).count();
                assert_eq!(sent, 1, "{step} after a move at {at}:\n{story}");
            }
            clean(&w, &out, &events).await;
        }
    }
}

#[tokio::test]
async fn zones_at_the_ends_of_the_world_have_their_own_day() {
    let mut w = World::new("2026-11-20T00:00:00Z").await;
    w.hire(&[
        ("K", "Pacific/Kiritimati", "", "-"),
        ("C", "Pacific/Chatham", "", "-"),
        ("P", "Pacific/Pago_Pago", "", "-"),
        ("L", "UTC", "", "-"),
    ])
    .await;
    w.require(&[("fire", "{ days = 14, from = \"assigned\" }")]).await;
    w.teach(20, "09:00").await;
    let out = w.simulate("2026-11-23", "2026-11-27", &[]).await;
    for (person, offset) in [("K", "+14:00"), ("C", "+13:45"), ("P", "-11:00")] {
        let mine: Vec<_> =
            out.lines.iter().filter(|l| l.person == person && l.kind == "drop" && l.decision == "now").collect();
        assert!(!mine.is_empty() && mine.iter().all(|l| l.at.ends_with(offset)), "{person}: {}", out.story(person));
        assert!(mine.iter().all(|l| &l.at[11..13] >= "09" && &l.at[11..13] < "17"), "{person}: {}", out.story(person));
    }
    clean(&w, &out, &[]).await;
}
