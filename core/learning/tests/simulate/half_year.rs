//! Half a year of sixty people with everything that happens to people, checked against the rules; and the same for a year
//! and a thousand people, when asked for.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stoa_learning::simulate::Line;

use crate::checker::violations;
use crate::world::{FORKLIFT, QUARTERLY, World, rules};

const ZONES: [&str; 10] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "America/Los_Angeles",
    "Asia/Dubai",
    "Pacific/Kiritimati",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
];

/// A row of numbers that looks random and is always the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn organisation(people: usize, lessons: usize) -> World {
    let mut w = World::new("2026-11-23T00:00:00Z").await;
    let ids: Vec<String> = (0..people).map(|n| format!("P{n:04}")).collect();
    let mut rows = vec![("L", "Europe/Berlin", "Berlin", "-")];
    for (n, id) in ids.iter().enumerate() {
        let zone = ZONES[n % ZONES.len()];
        let location = match zone {
            "Europe/Berlin" => "Berlin",
            "Asia/Dubai" => "Dubai",
            _ => "",
        };
        // Teams of ten; the first of each team reports to the first of all, some to nobody.
        let manager = if n == 0 || n % 17 == 5 {
            "-"
        } else if n % 10 == 0 {
            &ids[0]
        } else {
            &ids[n - n % 10]
        };
        rows.push((id, zone, location, manager));
    }
    w.hire(&rows).await;
    w.require(&[
        ("fire", "{ days = 14, from = \"assigned\" }"),
        ("privacy", "{ days = 30, from = \"assigned\" }"),
        ("safety", "{ date = 2027-02-26 }"),
        (FORKLIFT, QUARTERLY),
    ])
    .await;
    w.teach(lessons, "09:30").await;
    w
}

/// What happens to people on so many days: most answer, some never do; completions, leaves, moves, extensions,
/// waivers, people who leave and people who come back.
fn life(people: usize, days: u64) -> Vec<Value> {
    let mut dice = Dice(42);
    let start: jiff::civil::Date = "2026-11-23".parse().unwrap();
    let mut events = Vec::new();
    for n in 0..people {
        let person = format!("P{n:04}");
        let mut put = |day: u64, minute: u64, kind: &str, item: Option<&str>, fields: Value| {
            let date = start + jiff::Span::new().days(i64::try_from(day).unwrap());
            let at = format!("{date}T{:02}:{:02}:00Z", minute / 60 % 24, minute % 60);
            let mut event = json!({"at": at, "kind": kind, "person": person, "fields": fields});
            if let Some(item) = item {
                event["item"] = item.into();
            }
            events.push(event);
        };
        // One in eight never reacts.
        let silent = n % 8 == 7;
        if !silent {
            let every = 1 + dice.roll(4);
            for day in (0..days).step_by(usize::try_from(every).unwrap()) {
                put(day, dice.roll(24 * 60), "answer", None, json!({"correct": dice.roll(4) > 0}));
            }
            for item in ["fire", "privacy", "safety"] {
                if dice.roll(5) > 0 {
                    put(1 + dice.roll(days.min(120)), dice.roll(24 * 60), "complete", Some(item), json!({"score": 1}));
                }
            }
        }
        // What comes again: most do it in time, some late, some not again; who has nothing open then is noted.
        if !silent && n % 5 != 4 {
            for quarter in 0..days / 70 {
                let day = 2 + quarter * 72 + dice.roll(30);
                put(day, dice.roll(24 * 60), "complete", Some(FORKLIFT), json!({"score": 1}));
            }
        }
        match n % 12 {
            0 => {
                put(4 + dice.roll(days.min(150)), 650, "waive", Some(FORKLIFT), json!({"reason": "no forklift there"}));
            }
            3 => {
                let day = 5 + dice.roll(days.min(60));
                let first = start + jiff::Span::new().days(i64::try_from(day + 3).unwrap());
                let last = first + jiff::Span::new().days(i64::try_from(2 + dice.roll(20)).unwrap());
                put(day, 600, "leave", None, json!({"from": first.to_string(), "to": last.to_string()}));
            }
            1 => {
                // The next leave is told before the one before it is over, and one more in the week of the return.
                let day = 5 + dice.roll(days.min(60));
                for (told, first, last) in [(0, 1, 9), (3, 15, 18), (20, 30, 34)] {
                    let date = |n: u64| start + jiff::Span::new().days(i64::try_from(day + n).unwrap());
                    let fields = json!({"from": date(first).to_string(), "to": date(last).to_string()});
                    put(day + told, 600, "leave", None, fields);
                }
            }
            2 => {
                let day = 5 + dice.roll(days.min(60));
                let first = start + jiff::Span::new().days(i64::try_from(day).unwrap());
                put(day, 600, "leave", None, json!({"from": first.to_string()}));
                put(day + 12, 610, "roster", None, json!({"status": "active"}));
            }
            4 => {
                let day = 5 + dice.roll(days.min(60));
                put(day, 600, "roster", None, json!({"status": "leave"}));
                put(day + 9, 610, "roster", None, json!({"status": "active"}));
            }
            6 => {
                // To the other end of the world and back, over the date line.
                put(6, 23 * 60, "roster", None, json!({"timezone": "Pacific/Kiritimati"}));
                for week in 2..days / 7 {
                    let zone = if week % 2 == 0 { "America/Los_Angeles" } else { "Pacific/Kiritimati" };
                    put(week * 7 + week % 5, dice.roll(24 * 60), "roster", None, json!({"timezone": zone}));
                }
            }
            7 => {
                let day = 5 + dice.roll(days.min(60));
                let date = |n: u64| (start + jiff::Span::new().days(i64::try_from(day + n).unwrap())).to_string();
                put(day, 600, "roster", None, json!({"leave_from": date(0), "leave_to": date(20)}));
                put(day + 8, 610, "roster", None, json!({"leave_from": "", "leave_to": ""}));
            }
            5 => {
                let zone = ZONES[usize::try_from(dice.roll(10)).unwrap()];
                put(3 + dice.roll(days - 5), dice.roll(24 * 60), "roster", None, json!({"timezone": zone}));
            }
            8 => put(2 + dice.roll(10), 700, "extend", Some("fire"), json!({"due": "2027-01-15"})),
            9 => put(2, 700, "exempt", Some("privacy"), json!({"until": "2027-01-31", "reason": "elsewhere"})),
            10 => {
                let day = 20 + dice.roll(40);
                put(day, 650, "roster", None, json!({"status": "left"}));
                let back = start + jiff::Span::new().days(i64::try_from(day + 30).unwrap());
                let fields = json!({"status": "active", "hire_date": back.to_string()});
                put(day + 30, 650, "roster", None, fields);
            }
            11 => put(30 + dice.roll(days - 40), 700, "roster", None, json!({"status": "left"})),
            _ => {}
        }
    }
    events
}

#[tokio::test]
async fn half_a_year_of_sixty_people_breaks_no_rule() {
    let (w, events) = (organisation(60, 60).await, life(60, 180));
    let out = w.simulate("2026-11-23", "2027-05-21", &events).await;
    assert!(out.lines.len() > 5_000, "{} lines", out.lines.len());
    for decision in ["now", "later", "merge", "withhold", "edit"] {
        assert!(out.lines.iter().any(|l| l.decision == decision), "no line says {decision}");
    }
    let happened = out.happened(&events);
    for kind in ["waive", "exempt", "extend"] {
        assert!(happened.iter().any(|e| e["kind"] == kind), "nothing was {kind}d");
    }
    let again = |person: &str| {
        let asked = |l: &&Line| l.person == person && l.item == FORKLIFT && l.kind == "assign" && l.decision != "later";
        out.lines.iter().filter(asked).map(|l| l.key.as_str()).collect::<BTreeSet<_>>().len() > 1
    };
    let renewing = w.people.keys().filter(|p| again(p)).count();
    assert!(renewing > 20, "only {renewing} people were asked to renew");
    let wrong = violations(&rules(), &w.people, &happened, &out.values());
    assert!(wrong.is_empty(), "{} violations, the first:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_story_byte_for_byte() {
    let (w, events) = (organisation(12, 20).await, life(12, 60));
    let one = w.try_to("2026-11-23", "2026-12-31", &events, 3).await.unwrap();
    let again = w.try_to("2026-11-23", "2026-12-31", &events, 3).await.unwrap();
    assert!(one.text == again.text, "two runs tell two stories");
    assert!(one.text != w.try_to("2026-11-23", "2026-12-31", &[], 3).await.unwrap().text, "events change the story");
    // The store itself was only read.
    let rows = w.db.opt("SELECT COUNT(*) AS n FROM decision", vec![]).await.unwrap().unwrap();
    assert_eq!(rows.get::<i64>("n").unwrap(), 0);
}

#[tokio::test]
#[ignore = "takes minutes: cargo nextest run --release --run-ignored only -E 'test(a_year_of_a_thousand)'"]
async fn a_year_of_a_thousand_people_breaks_no_rule() {
    let (w, events) = (organisation(1_000, 260).await, life(1_000, 360));
    let out = w.simulate("2026-11-23", "2027-11-22", &events).await;
    let wrong = violations(&rules(), &w.people, &out.happened(&events), &out.values());
    println!("{} lines, {} violations", out.lines.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong[..wrong.len().min(50)].join("\n"));
}
