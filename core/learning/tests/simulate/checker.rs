//! Finds violations of the rules that every message obeys, from what went into a simulation and the lines that came out of
//! it. It knows nothing of the program: it counts days, hours and gaps by itself.
//!
//! What lines cannot show is left out: content that was withdrawn, who a digest is about, and that a completion is not
//! taken back.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};
use serde_json::Value;

/// The configuration that the simulation ran with.
pub struct Rules {
    pub opens: Time,
    pub closes: Time,
    /// Nothing from this time of day on, and before the other one.
    pub quiet: (Time, Time),
    pub budget: usize,
    pub windows: usize,
    pub min_gap: Span,
    pub after_activity: Span,
    pub pause_after: usize,
    pub ramp: usize,
    /// By location: days of the week off, and holidays.
    pub locations: BTreeMap<String, (Vec<Weekday>, BTreeSet<Date>)>,
    /// The least share of right answers that completes a course.
    pub pass_mark: f64,
    /// After so many days nobody is told any more that something is overdue.
    pub end_after: i64,
    /// Requirements that come again: how long a completion holds, and how many days before its end it is asked for anew.
    pub recurs: BTreeMap<String, (Span, i64)>,
}

/// Somebody as the roster has them at first.
#[derive(Clone, Debug, Default)]
pub struct Human {
    pub zone: String,
    pub location: String,
    pub manager: Option<String>,
    /// Of the learning team, which hears what no manager can hear.
    pub learning: bool,
}

/// What somebody's life was at an instant.
struct Life {
    zones: Vec<(Timestamp, String)>,
    locations: Vec<(Timestamp, String)>,
    leaves: Vec<Leave>,
    /// When they did something, and what with.
    active: Vec<Timestamp>,
    /// Requirement and when it was completed.
    completed: Vec<(String, Timestamp)>,
    /// Requirement, from when, and the last day.
    exempt: Vec<(String, Timestamp, Option<Date>)>,
    /// Requirement, when it was extended, and to which day.
    extended: Vec<(String, Timestamp, Date)>,
    /// Requirement and when this cycle of it was forgiven.
    waived: Vec<(String, Timestamp)>,
    /// From when to when they did not work here.
    gone: Vec<(Timestamp, Option<Timestamp>)>,
}

/// A leave, as it became known.
struct Leave {
    known: Timestamp,
    first: Date,
    last: Date,
    /// Whether it came in the columns of the roster, which have one at a time.
    listed: bool,
    /// When the roster took it back, and the person's day then.
    over: Option<(Timestamp, Date)>,
}

impl Leave {
    fn covers(&self, date: Date) -> bool {
        (self.first..=self.last).contains(&date)
    }

    fn holds(&self, when: Timestamp) -> bool {
        self.known <= when && self.over.is_none_or(|(over, _)| when < over)
    }

    /// The first day after it, as far as it was a leave at all.
    fn back(&self, when: Timestamp) -> Option<Date> {
        match self.over.filter(|(over, _)| *over <= when) {
            Some((_, day)) => self.covers(day).then_some(day),
            None => self.last.tomorrow().ok(),
        }
    }
}

impl Life {
    /// On leave on a date, as far as it was known at an instant.
    fn is_away(&self, when: Timestamp, date: Date) -> bool {
        self.leaves.iter().any(|leave| leave.holds(when) && leave.covers(date))
    }

    /// The day on which they came back last.
    fn back(&self, when: Timestamp, date: Date) -> Option<Date> {
        let known = self.leaves.iter().filter(|leave| leave.known <= when);
        known.filter_map(|leave| leave.back(when)).filter(|day| *day <= date).max()
    }

    /// What the roster says of leaves at an instant.
    fn roster(&mut self, when: Timestamp, fields: &Value) {
        let zone = at(&self.zones, when).and_then(|z| TimeZone::get(z).ok()).unwrap_or(TimeZone::UTC);
        let today = when.to_zoned(zone).date();
        let end = |leave: &mut Leave| leave.over = leave.over.or(Some((when, today)));
        let date = |name: &str| fields[name].as_str().and_then(|d| d.parse::<Date>().ok());
        match (fields["leave_from"].as_str(), date("leave_from")) {
            (Some(""), _) => self.leaves.iter_mut().for_each(end),
            (_, Some(first)) => {
                let goes_on = |leave: &Leave| leave.covers(today) && first > today;
                self.leaves.iter_mut().filter(|leave| leave.listed && !goes_on(leave)).for_each(end);
                let last = date("leave_to").unwrap_or(Date::MAX);
                self.leaves.push(Leave { known: when, first, last, listed: true, over: None });
            }
            _ => {}
        }
        match fields["status"].as_str() {
            Some("active") => {
                let endless = |leave: &&mut Leave| leave.last == Date::MAX && leave.first <= today;
                self.leaves.iter_mut().filter(endless).for_each(end);
            }
            Some("leave") if date("leave_from").is_none() => {
                let (first, last) = (Date::MIN, Date::MAX);
                self.leaves.push(Leave { known: when, first, last, listed: true, over: None });
            }
            _ => {}
        }
    }

    fn is_gone(&self, when: Timestamp) -> bool {
        self.gone.iter().any(|(from, to)| *from < when && to.is_none_or(|to| when < to))
    }

    /// When an item ended before an instant, by doing or forgiving it: the last time, and how often.
    fn ends(&self, item: &str, before: Timestamp) -> (Option<Timestamp>, usize) {
        let ends = self.completed.iter().chain(&self.waived);
        let past: Vec<Timestamp> =
            ends.filter(|(i, when)| i == item && *when < before).map(|(_, when)| *when).collect();
        (past.iter().max().copied(), past.len())
    }
}

/// One line of output, with its instant.
struct Said<'a> {
    line: &'a Value,
    at: Timestamp,
    local: Zoned,
}

impl Said<'_> {
    fn text(&self, name: &str) -> &str {
        self.line[name].as_str().unwrap_or_default()
    }

    fn sent(&self) -> bool {
        self.text("decision") == "now"
    }

    fn counts(&self) -> bool {
        self.sent() && self.line["counted"] == true
    }
}

fn at<T>(list: &[(Timestamp, T)], when: Timestamp) -> Option<&T> {
    list.iter().rev().find(|(since, _)| *since <= when).or_else(|| list.first()).map(|(_, v)| v)
}

/// Everything that is wrong, one sentence each. `events` and `lines` are JSON values as they go in and come out; lines that
/// are wrong about themselves are reported, never skipped.
pub fn violations(rules: &Rules, people: &BTreeMap<String, Human>, events: &[Value], lines: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    let lives = lives(rules, people, events);
    let mut by_person: BTreeMap<&str, Vec<Said>> = BTreeMap::new();
    for line in lines {
        let person = line["person"].as_str().unwrap_or_default();
        let Some(life) = lives.get(person) else {
            wrong.push(format!("a line about nobody: {line}"));
            continue;
        };
        let text = line["at"].as_str().unwrap_or_default();
        let Ok(when) = text.parse::<Timestamp>() else {
            wrong.push(format!("'{text}' is no instant: {line}"));
            continue;
        };
        let zone = at(&life.zones, when).and_then(|z| TimeZone::get(z).ok()).unwrap_or(TimeZone::UTC);
        let local = when.to_zoned(zone);
        let offset = local.strftime("%:z").to_string();
        if !text.ends_with(&offset) {
            wrong.push(format!("N3: {text} is not in the person's zone, which is at {offset}: {line}"));
        }
        if line["why"]
            .as_str()
            .is_none_or(|w| w.len() < 10 || w.starts_with('⟨') || w.contains("{$") || w.contains("moment:"))
        {
            wrong.push(format!("N15: no sentence says why: {line}"));
        }
        if line["reason"].as_str().is_none_or(str::is_empty) {
            wrong.push(format!("N15: no reason: {line}"));
        }
        if line["unsolicited"] == true && !matches!(line["place"].as_str(), Some("dm" | "mail")) {
            wrong.push(format!("N16: a personal message outside of the direct conversation: {line}"));
        }
        by_person.entry(person).or_default().push(Said { line, at: when, local });
    }
    for (person, said) in &by_person {
        let Some(life) = lives.get(*person) else { continue };
        let mut one = |rule: &str, what: &str, s: &Said| wrong.push(format!("{rule}: {what}: {}", s.line));
        times(rules, life, said, &mut one);
        once(said, &mut one);
        together(said, &mut one);
        limits(rules, life, said, &mut one);
        ended(rules, life, said, &mut one);
        edits(life, said, &mut one);
        answered(said, &mut one);
    }
    heard(people, &by_person, &lives, &mut wrong);
    wrong
}

/// N12: what stays overdue is heard of by a manager above, or by the learning team, within two weeks.
fn heard(
    people: &BTreeMap<String, Human>,
    by_person: &BTreeMap<&str, Vec<Said>>,
    lives: &BTreeMap<String, Life>,
    wrong: &mut Vec<String>,
) {
    let fortnight = jiff::SignedDuration::from_hours(14 * 24);
    let end = by_person.values().flatten().map(|s| s.at).max().unwrap_or(Timestamp::MIN);
    for (person, said) in by_person {
        for s in said.iter().filter(|s| s.sent() && s.text("kind") == "overdue" && s.text("step") == "t+3") {
            let Ok(late) = s.at.checked_add(fortnight) else { continue };
            let life = &lives[*person];
            let over = life.completed.iter().any(|(i, when)| i == s.text("item") && *when <= late)
                || life.exempt.iter().any(|(i, when, _)| i == s.text("item") && *when <= late)
                || life.leaves.iter().any(|leave| leave.known <= late)
                || life.waived.iter().any(|(i, when)| i == s.text("item") && *when <= late)
                || life.gone.iter().any(|(from, _)| *from <= late);
            if late > end || over {
                continue;
            }
            let mut ears: Vec<&str> = people.iter().filter(|(_, h)| h.learning).map(|(id, _)| id.as_str()).collect();
            let mut next = people.get(*person).and_then(|h| h.manager.as_deref());
            while let Some(manager) = next.filter(|m| !ears.contains(m)) {
                ears.push(manager);
                next = people.get(manager).and_then(|h| h.manager.as_deref());
            }
            let digest = |d: &&Said| {
                d.sent() && matches!(d.text("kind"), "manager-digest" | "escalation") && s.at < d.at && d.at <= late
            };
            if !ears.iter().filter_map(|ear| by_person.get(ear)).flatten().any(|d| digest(&d)) {
                wrong.push(format!("N12: nobody heard of it: {}", s.line));
            }
        }
    }
}

type Report<'a> = dyn FnMut(&str, &str, &Said) + 'a;

fn lives(rules: &Rules, people: &BTreeMap<String, Human>, events: &[Value]) -> BTreeMap<String, Life> {
    let begin = Timestamp::MIN;
    let mut lives: BTreeMap<String, Life> = BTreeMap::new();
    let new = |zone: &str, location: &str, since: Timestamp| Life {
        zones: vec![(since, zone.to_owned())],
        locations: vec![(since, location.to_owned())],
        leaves: Vec::new(),
        active: Vec::new(),
        completed: Vec::new(),
        exempt: Vec::new(),
        extended: Vec::new(),
        waived: Vec::new(),
        gone: Vec::new(),
    };
    for (id, human) in people {
        lives.insert(id.clone(), new(&human.zone, &human.location, begin));
    }
    let mut sorted: Vec<(Timestamp, &Value)> =
        events.iter().filter_map(|e| Some((e["at"].as_str()?.parse().ok()?, e))).collect();
    sorted.sort_by_key(|(when, _)| *when);
    for (when, event) in sorted {
        let person = event["person"].as_str().unwrap_or_default();
        let fields = &event["fields"];
        let date = |name: &str| fields[name].as_str().and_then(|d| d.parse::<Date>().ok());
        let item = event["item"].as_str().unwrap_or_default().to_owned();
        let life = lives.entry(person.to_owned()).or_insert_with(|| new("UTC", "", begin));
        match event["kind"].as_str().unwrap_or_default() {
            "complete" => {
                life.active.push(when);
                if fields["score"].as_f64().unwrap_or(1.0) >= rules.pass_mark {
                    life.completed.push((item, when));
                }
            }
            "answer" => life.active.push(when),
            "leave" => {
                let (first, last) = (date("from").unwrap_or(Date::MIN), date("to").unwrap_or(Date::MAX));
                life.leaves.push(Leave { known: when, first, last, listed: false, over: None });
            }
            "exempt" => life.exempt.push((item, when, date("until"))),
            "waive" => life.waived.push((item, when)),
            "extend" => life.extended.push((item, when, date("due").unwrap_or(Date::MIN))),
            "roster" => {
                if let Some(zone) = fields["timezone"].as_str() {
                    life.zones.push((when, zone.to_owned()));
                }
                if let Some(location) = fields["location"].as_str() {
                    life.locations.push((when, location.to_owned()));
                }
                life.roster(when, fields);
                if fields["status"] == "left" {
                    life.gone.push((when, None));
                } else if let Some((_, to)) = life.gone.last_mut().filter(|_| fields["status"] == "active") {
                    *to = Some(when);
                }
            }
            _ => {}
        }
    }
    lives
}

/// N3, N9: in the person's zone, on working days, in working hours, not on holidays, never on leave or after the person left.
fn times(rules: &Rules, life: &Life, said: &[Said], report: &mut Report) {
    for s in said.iter().filter(|s| s.sent() && s.line["unsolicited"] == true) {
        let (date, time) = (s.local.date(), s.local.time());
        if time < rules.opens || time >= rules.closes {
            report("N3", "outside of working hours", s);
        }
        if time >= rules.quiet.0 || time < rules.quiet.1 {
            report("N3", "in quiet hours", s);
        }
        if free(rules, life, s.at, date) {
            report("N3", "on a day off or a holiday", s);
        }
        if life.is_away(s.at, date) {
            report("N9", "on leave", s);
        }
        if life.is_gone(s.at) {
            report("N3", "after the person left", s);
        }
    }
}

/// Whether a date is a day off or a holiday where the person is at an instant.
fn free(rules: &Rules, life: &Life, when: Timestamp, date: Date) -> bool {
    let location = at(&life.locations, when).map(String::as_str).unwrap_or_default();
    match rules.locations.get(location) {
        Some((off, holidays)) => off.contains(&date.weekday()) || holidays.contains(&date),
        None => matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday),
    }
}

/// N2: nothing twice. A step that comes again for another due date or in another cycle has another name.
fn once(said: &[Said], report: &mut Report) {
    let mut keys = BTreeSet::new();
    let mut steps = BTreeSet::new();
    for s in said.iter().filter(|s| s.sent()) {
        if !keys.insert(s.text("key")) {
            report("N2", "the same message twice", s);
        }
        if !steps.insert((s.text("kind"), s.text("item"), s.text("step"))) {
            report("N2", "the same step twice", s);
        }
    }
}

/// N7: of several mandated things that are due at once none waits for the others; they are one message.
fn together(said: &[Said], report: &mut Report) {
    let merges = |s: &Said| matches!(s.text("kind"), "assign" | "reminder" | "plan" | "overdue");
    for s in said.iter().filter(|s| merges(s) && s.text("decision") == "later" && s.text("reason") == "gap") {
        let other = |o: &Said| o.at == s.at && o.sent() && (merges(o) || o.text("kind") == "learner-digest");
        if said.iter().any(other) {
            report("N7", "put off by what came at the same time, and not merged", s);
        }
    }
}

/// N7, N8, N9, N10, N11: budget, gap, rest after activity, ramp, pause, one digest a week.
fn limits(rules: &Rules, life: &Life, said: &[Said], report: &mut Report) {
    let mut days: BTreeMap<Date, usize> = BTreeMap::new();
    let mut last: Option<Timestamp> = None;
    let mut ignored = 0;
    let mut reactions = life.active.iter().copied().peekable();
    let mut weeks = BTreeSet::new();
    let mut at_once: Option<(Timestamp, &str)> = None;
    for s in said {
        while reactions.next_if(|r| *r <= s.at).is_some() {
            ignored = 0;
        }
        if matches!(s.text("kind"), "manager-digest" | "escalation") && s.sent() {
            let week = s.local.date().iso_week_date();
            if !weeks.insert((week.year(), week.week())) {
                report("N11", "a second digest for a manager in one week", s);
            }
        }
        if !s.counts() {
            continue;
        }
        let date = s.local.date();
        let count = days.entry(date).or_default();
        *count += 1;
        if *count > rules.budget.min(rules.windows) {
            report("N7", "more than the budget of a day", s);
        }
        let back =
            life.back(s.at, date).is_some_and(|day| day.checked_add(Span::new().days(7)).is_ok_and(|end| date < end));
        if back && *count > rules.ramp {
            report("N9", "more than the ramp after a leave", s);
        }
        if let Some(before) = last.filter(|before| before.checked_add(rules.min_gap).is_ok_and(|free| s.at < free)) {
            // Where the day begins anew in another zone, the gap holds all the same.
            report("N8", &format!("too soon after {before}"), s);
        }
        last = Some(s.at);
        let busy = life.active.iter().rev().find(|a| **a <= s.at);
        if busy.is_some_and(|a| a.checked_add(rules.after_activity).is_ok_and(|free| s.at < free)) {
            report("N8", "too soon after the person's own activity", s);
        }
        let mandated = s.text("priority") == "mandated";
        if mandated {
            if at_once.is_some_and(|(when, kind)| when == s.at && kind != s.text("kind")) {
                report("N7", "two mandated messages at once that were not merged", s);
            }
            at_once = Some((s.at, s.text("kind")));
        } else {
            if ignored >= rules.pause_after {
                report("N10", "a voluntary message although the last ones were ignored", s);
            }
            ignored += 1;
        }
    }
}

/// N1, N4, N6: nothing after completion or exemption, steps by the date that holds, an end of overdue.
fn ended(rules: &Rules, life: &Life, said: &[Said], report: &mut Report) {
    let about = |s: &Said| matches!(s.text("kind"), "assign" | "reminder" | "plan" | "overdue");
    for s in said.iter().filter(|s| about(s) && matches!(s.text("decision"), "now" | "merge")) {
        let item = s.text("item");
        if settled(rules, life, &life.completed, item, s) {
            report("N1", "a message after completion", s);
        }
        if settled(rules, life, &life.waived, item, s) {
            report("N4", "a message in spite of a waiver", s);
        }
        let exempt = |(i, when, until): &(String, Timestamp, Option<Date>)| {
            i == item && *when <= s.at && until.is_none_or(|day| s.local.date() <= day)
        };
        if life.exempt.iter().any(exempt) {
            report("N4", "a message in spite of an exemption", s);
        }
        let step = s.text("step").split('@').next().unwrap_or_default();
        let days = |prefix: &str| step.strip_prefix(prefix).and_then(|n| n.parse::<i64>().ok());
        if days("t+").is_some_and(|n| n > rules.end_after) {
            report("N6", "overdue without an end", s);
        }
        // The newest extension holds; a leave after it moves the date once more.
        let extended = life.extended.iter().rev().find(|(i, when, _)| i == item && *when <= s.at);
        if let Some((_, when, due)) = extended {
            let on_leave_since = life.leaves.iter().any(|leave| leave.last >= when.to_zoned(TimeZone::UTC).date());
            // An extension to a day off ends on the next working day.
            let mut due = *due;
            while free(rules, life, s.at, due) {
                due = due.tomorrow().unwrap();
            }
            let day = |n: i64| due.checked_add(Span::new().days(n)).unwrap_or(due);
            if days("t-").is_some_and(|n| s.local.date() > day(-n) && n > 1) && !on_leave_since {
                report("N4", "a reminder that the extension should have moved", s);
            }
            if days("t+").is_some_and(|n| s.local.date() < day(n)) {
                report("N4", "overdue in spite of an extension", s);
            }
        }
    }
    // A digest says something only while one of its items is open.
    for s in said.iter().filter(|s| s.sent() && s.text("kind") == "learner-digest") {
        let items: Vec<&str> =
            said.iter().filter(|m| m.text("into") == s.text("key")).map(|m| m.text("item")).collect();
        let done = |item: &&str| settled(rules, life, &life.completed, item, s);
        if items.is_empty() {
            report("N7", "a digest of nothing", s);
        } else if items.iter().all(done) {
            report("N1", "a digest of what is completed", s);
        }
    }
}

/// Whether an item was done or forgiven and is not asked for again: what recurs is once its window is open, and what was
/// forgiven no sooner than what was done.
fn settled(rules: &Rules, life: &Life, ends: &[(String, Timestamp)], item: &str, s: &Said) -> bool {
    let newest = ends.iter().filter(|(i, when)| i == item && *when <= s.at).map(|(_, when)| *when).max();
    let Some(when) = newest else { return false };
    let Some((every, window)) = rules.recurs.get(item) else { return true };
    // A day is left for who has flown over the date line since.
    let flown = i64::from(life.zones.len() > 1);
    let done = when.to_zoned(s.local.time_zone().clone()).date();
    let opens = done.checked_add(*every).unwrap().checked_sub(Span::new().days(window + flown)).unwrap();
    s.local.date() < opens
}

/// N14: what was posted about a requirement is edited when it is completed. What was said before an exemption was about an
/// assignment that has ended with it.
fn edits(life: &Life, said: &[Said], report: &mut Report) {
    for (item, when) in &life.completed {
        let ended = |s: &Said| {
            let since = life.ends(item, *when).0;
            since.is_some_and(|since| s.at < since)
                || life.exempt.iter().any(|(i, since, _)| i == item && s.at < *since && since < when)
                || life.gone.iter().any(|(from, _)| s.at < *from && from < when)
        };
        let before = |s: &&Said| s.at < *when && s.text("item") == item && !ended(s);
        for s in said.iter().filter(before) {
            let stands = match s.text("decision") {
                "now" => s.text("key"),
                "merge" => s.text("into"),
                _ => continue,
            };
            let edited =
                said.iter().any(|e| e.text("decision") == "edit" && e.text("edits") == stands && e.at >= *when);
            if !edited {
                report("N14", &format!("not edited when {item} was completed at {when}"), s);
            }
        }
    }
}

/// N15: what is put off is decided again when it was said, or before.
fn answered(said: &[Said], report: &mut Report) {
    let Some(end) = said.last().map(|s| s.at) else { return };
    let mut open: BTreeMap<&str, (&Said, Timestamp)> = BTreeMap::new();
    for s in said {
        if let Some((before, until)) = open.remove(s.text("key"))
            && until < s.at
        {
            report("N15", &format!("not decided when it was said, but at {}", s.at), before);
        }
        if s.text("decision") == "later" {
            match s.text("until").parse::<Timestamp>() {
                Ok(until) if until > s.at => {
                    open.insert(s.text("key"), (s, until));
                }
                _ => report("N15", "put off, and nobody knows until when", s),
            }
        }
    }
    for (s, until) in open.values() {
        if *until < end {
            report("N15", "put off, and never decided", s);
        }
    }
}
