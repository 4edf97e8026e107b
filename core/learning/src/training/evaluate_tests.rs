//! A model of lives with a recurring requirement: random events on random days, against what must hold after each of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by stopping")]

use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use stoa_ground::ledger::Record;

use super::super::requirement::{RenewsFrom, parse};
use super::super::state::Change;
use super::*;

/// What can happen to somebody.
#[derive(Clone, Copy, Debug)]
enum Event {
    Nothing,
    Start,
    Complete,
    Waive,
    Exempt,
    Reinstate,
    Extend(u32),
    Leave(u32, u32),
    Depart,
    /// Back, with a new first day of work or without.
    Return(bool),
    Department(bool),
    /// To another zone.
    Fly(usize),
    Publish,
    Every(usize),
    Window(u32),
    Withdraw(bool),
}

const EVERY: [&str; 4] = ["3 months", "1 year", "2 years", "90 days"];
const ZONES: [&str; 4] = ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin", "Africa/Casablanca"];

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => Just(Event::Nothing),
        2 => Just(Event::Start),
        6 => Just(Event::Complete),
        1 => Just(Event::Waive),
        1 => Just(Event::Exempt),
        1 => Just(Event::Reinstate),
        1 => (0u32..60).prop_map(Event::Extend),
        2 => (0u32..20, 0u32..60).prop_map(|(from, days)| Event::Leave(from, days)),
        1 => Just(Event::Depart),
        2 => any::<bool>().prop_map(Event::Return),
        2 => any::<bool>().prop_map(Event::Department),
        1 => (0..ZONES.len()).prop_map(Event::Fly),
        1 => Just(Event::Publish),
        1 => (0..EVERY.len()).prop_map(Event::Every),
        1 => (1u32..80).prop_map(Event::Window),
        1 => any::<bool>().prop_map(Event::Withdraw),
    ]
}

struct Life {
    r: Requirement,
    person: Person,
    facts: people::Facts,
    courses: BTreeMap<String, String>,
    unsigned: HashSet<String>,
    assignments: Vec<Assignment>,
    /// When each completion was, so that nothing rewrites it.
    completions: BTreeMap<String, Instant>,
    /// What somebody exempted them from, until that is taken back.
    exempt: HashSet<String>,
    now: Instant,
    records: u32,
}

impl Life {
    fn new(new_version: bool, prior: Prior, renews_from: RenewsFrom) -> Self {
        let text =
            "[[requirement]]\nid = \"fire\"\ntitle = \"Fire\"\ncourse = \"fire\"\naudience = 'department = \"Sales\"'
                    due = { days = 14 }\nrecertify = { every = \"1 year\", grace_days = 9 }";
        let mut r = parse("x", text).unwrap().remove(0);
        if let Some(rule) = &mut r.recertify {
            (rule.new_version, rule.prior, rule.renews_from) = (new_version, prior, renews_from);
        }
        let person = serde_json::json!({
            "id": "p", "employee_id": "E", "name": "Ana", "timezone": "Europe/Berlin", "locale": "en", "status": "active",
            "department": "Sales", "hire_date": "2026-01-01"
        });
        Self {
            r,
            person: serde_json::from_value(person).unwrap(),
            facts: people::Facts::default(),
            courses: BTreeMap::from([("fire".to_owned(), "v1".to_owned())]),
            unsigned: HashSet::new(),
            assignments: Vec::new(),
            completions: BTreeMap::new(),
            exempt: HashSet::new(),
            now: Instant::parse("2026-11-23T10:00:00Z").unwrap(),
            records: 0,
        }
    }

    fn calendar(&self) -> Calendar {
        Calendar { zone: TimeZone::get(&self.person.timezone).unwrap(), ..Calendar::default() }
    }

    fn subject<'a>(&'a self, calendar: &'a Calendar) -> Subject<'a> {
        let (person, facts, courses, unsigned) = (&self.person, &self.facts, &self.courses, &self.unsigned);
        Subject { person, facts, calendar, courses, unsigned }
    }

    fn verdict(&self) -> Option<Verdict> {
        let calendar = self.calendar();
        let who = self.subject(&calendar);
        decide(&self.r, &who, &self.assignments, self.now).unwrap()
    }

    /// Makes a record about an assignment; a refused one changes nothing when it was somebody's wish.
    fn record(&mut self, id: &str, change: Change, data: Json) -> bool {
        self.records += 1;
        let record = Record {
            id: self.records.to_string(),
            subject: format!("assignment/{id}"),
            version: 1,
            kind: change.name().into(),
            at: self.now,
            actor: "operator".into(),
            reason: "because".into(),
            data,
            source: None,
            erased: Vec::new(),
        };
        let place = self.assignments.iter().position(|a| a.id == id);
        let before = place.map(|n| self.assignments[n].clone());
        let Ok(after) = assignment::apply(before, change, &record, id) else { return false };
        match place {
            Some(n) => self.assignments[n] = after,
            None => self.assignments.push(after),
        }
        true
    }

    fn due(deadline: Deadline) -> Json {
        json!({ "due": deadline.at, "due_date": deadline.date })
    }

    fn end(end: Option<Deadline>) -> Json {
        json!({ "version": "v1", "expires": end.map(|e| e.at), "expires_date": end.map(|e| e.date) })
    }

    fn make(&mut self, due: Deadline, cycle: &Cycle) -> String {
        let id = format!("a{}", self.assignments.len());
        let mut data = Self::due(due);
        data["person"] = "p".into();
        data["requirement"] = "fire".into();
        data["rule_version"] = self.r.version().unwrap().into();
        data["course"] = "fire".into();
        data["cycle"] = cycle.number.into();
        data["renews"] = serde_json::to_value(&cycle.renews).unwrap();
        assert!(self.record(&id, Change::Assigned, data));
        let today = self.calendar().date(self.now);
        if people::away(&self.person, today) {
            assert!(self.record(&id, Change::Paused, json!({ "from": today })));
        }
        id
    }

    fn carry_out(&mut self, verdict: Verdict) {
        let done = match verdict {
            Verdict::Assign { due, cycle, .. } => !self.make(due, &cycle).is_empty(),
            Verdict::Credit { .. } => panic!("there is no other requirement"),
            Verdict::Retire { id, .. } => self.record(&id, Change::Retired, json!({})),
            Verdict::Pause { id, from } => self.record(&id, Change::Paused, json!({ "from": from })),
            Verdict::Resume { id, due } => self.record(&id, Change::Resumed, Self::due(due)),
            Verdict::Move { id, due, base } => {
                let mut data = Self::due(due);
                data["base_due_date"] = json!(base);
                data["rule_version"] = json!(base.map(|_| self.r.version().unwrap()));
                self.record(&id, Change::Moved, data)
            }
            Verdict::Revalidate { id, end } => {
                let mut data = Self::end(end);
                data["rule_version"] = self.r.version().unwrap().into();
                self.record(&id, Change::Revalidated, data)
            }
            Verdict::Expire { id } => self.record(&id, Change::Expired, json!({})),
        };
        assert!(done, "what was decided cannot be done");
    }

    /// What the jobs do at this instant: dates pass, and the rules are looked at.
    fn settle(&mut self) -> std::result::Result<(), TestCaseError> {
        let late: Vec<String> = self
            .assignments
            .iter()
            .filter(|a| a.state.is_running() && a.state != State::Overdue && self.now > a.due.at)
            .map(|a| a.id.clone())
            .collect();
        for id in late {
            let passed = self.record(&id, Change::Overdue, json!({}));
            prop_assert!(passed);
        }
        for _ in 0..STEPS {
            let Some(verdict) = self.verdict() else { break };
            self.carry_out(verdict);
        }
        prop_assert_eq!(self.verdict(), None, "the rules come to rest");
        self.check()
    }

    fn next(&self) -> Option<Instant> {
        let requirements = [self.r.clone()];
        next_look(&self.person, &self.calendar(), &requirements, &self.assignments, self.now)
    }

    /// Time passes: the jobs run when they said they would, and in between there is nothing to do.
    fn wait(&mut self, until: Instant) -> std::result::Result<(), TestCaseError> {
        while let Some(at) = self.next().filter(|at| *at <= until) {
            self.now = Instant(at.0 - 1).max(self.now);
            prop_assert_eq!(self.verdict(), None, "the look at {} comes too late", at);
            self.now = at;
            self.settle()?;
        }
        self.now = until;
        prop_assert_eq!(self.verdict(), None, "nothing says that somebody must look before {}", until);
        self.settle()
    }

    fn open(&self) -> Option<Assignment> {
        self.assignments.iter().find(|a| a.state.is_open()).cloned()
    }

    fn happen(&mut self, event: Event) {
        let (calendar, open) = (self.calendar(), self.open());
        let today = calendar.date(self.now);
        let day = |n: u32| today.checked_add(i64::from(n).days()).unwrap();
        match (event, open) {
            (Event::Start, Some(a)) => {
                self.record(&a.id, Change::Started, json!({ "course": "fire", "version": self.courses["fire"] }));
            }
            (Event::Complete, Some(a)) => {
                let end = life::holds(&calendar, &self.r, &Assignment { completed: Some(self.now), ..a.clone() });
                let mut data = Self::end(end);
                data["version"] = a.course_version.clone().unwrap_or_else(|| self.courses["fire"].clone()).into();
                if self.record(&a.id, Change::Completed, data) {
                    self.completions.insert(a.id, self.now);
                }
            }
            (Event::Waive, Some(a)) => {
                let end = life::holds(&calendar, &self.r, &Assignment { ended: Some(self.now), ..a.clone() });
                self.record(&a.id, Change::Waived, Self::end(end));
            }
            (Event::Exempt, Some(a)) => {
                let exempted = self.record(&a.id, Change::Exempted, json!({}));
                self.exempt.extend(exempted.then_some(a.id));
            }
            (Event::Extend(n), Some(a)) => {
                let mut data = Self::due(due::on(&calendar, day(n)));
                data["rule_version"] = Json::Null;
                self.record(&a.id, Change::Extended, data);
            }
            (Event::Reinstate, None) => {
                let newest = self.assignments.iter().rfind(|a| a.state != State::Retired);
                let id = newest.filter(|a| matches!(a.state, State::Exempt | State::Waived)).map(|a| a.id.clone());
                if let Some(id) = id {
                    self.record(&id, Change::Reinstated, json!({}));
                    self.exempt.remove(&id);
                }
            }
            (Event::Leave(from, days), _) => {
                (self.person.leave_from, self.person.leave_to) = (Some(day(from)), Some(day(from + days)));
            }
            (Event::Depart, _) => self.person.status = Status::Left,
            (Event::Return(anew), _) if self.person.status == Status::Left => {
                self.person.status = Status::Active;
                if anew {
                    self.person.hire_date = Some(today);
                }
            }
            (Event::Department(sales), _) => {
                self.person.department = Some(if sales { "Sales" } else { "Finance" }.into());
            }
            (Event::Fly(zone), _) => self.person.timezone = ZONES[zone].into(),
            (Event::Publish, _) => {
                self.courses.insert("fire".into(), format!("v{}", self.records));
            }
            (Event::Withdraw(away), _) => self.r.active = !away,
            (Event::Every(n), _) => self.rule().every = EVERY[n].parse().unwrap(),
            (Event::Window(days), _) => self.rule().window_days = days,
            _ => {}
        }
    }

    fn rule(&mut self) -> &mut super::super::requirement::Recertify {
        self.r.recertify.as_mut().unwrap()
    }

    fn check(&self) -> std::result::Result<(), TestCaseError> {
        let (calendar, all) = (self.calendar(), &self.assignments);
        let today = calendar.date(self.now);
        let rule = self.r.recertify.as_ref().unwrap();
        let who = self.subject(&calendar);
        let wanted = who.is_wanted(&self.r, today);
        let live = all.iter().rfind(|a| a.state != State::Retired);
        prop_assert!(all.iter().filter(|a| a.state.is_open()).count() <= 1, "two are open at once");
        for (id, at) in &self.completions {
            let a = all.iter().find(|a| a.id == *id).unwrap();
            prop_assert_eq!(a.completed, Some(*at), "a completion was rewritten");
            prop_assert!(matches!(a.state, State::Completed | State::Expired));
        }
        for id in &self.exempt {
            let a = all.iter().find(|a| a.id == *id).unwrap();
            prop_assert_eq!(a.state, State::Exempt, "no rule ends what somebody decided");
        }
        for a in all {
            if let Some(renewed) = a.renews.as_ref().and_then(|r| all.iter().find(|b| b.id == r.id)) {
                prop_assert_eq!(a.cycle, renewed.cycle + 1);
                let same = |b: &&Assignment| {
                    b.state != State::Retired && b.renews.as_ref().is_some_and(|r| r.id == renewed.id)
                };
                prop_assert!(all.iter().filter(same).count() <= 1, "one cycle was renewed twice");
            }
            prop_assert!(a.state != State::Overdue || a.due.at < self.now, "overdue before it is due");
        }
        if !wanted {
            prop_assert!(live.is_none_or(|a| !a.state.is_open()), "nobody asks for it");
            return Ok(());
        }
        let Some(a) = live else { return Err(TestCaseError::fail("somebody whom the rule means has nothing")) };
        if a.state.is_open() {
            prop_assert_eq!(a.state == State::OnLeave, people::away(&self.person, today));
        }
        if let Some(end) = a.expires.filter(|_| matches!(a.state, State::Completed | State::Expired | State::Waived)) {
            prop_assert!(today < due::opens(rule, end.date), "the window is open and nothing is assigned");
        }
        if a.state == State::Completed {
            prop_assert!(a.expires.is_some());
            prop_assert!(!rule.new_version || a.course_version.as_ref() == self.courses.get("fire"), "old content");
        }
        if let Some(done) = all.iter().rfind(|a| a.completed.is_some()) {
            let over = done.expires.is_some_and(|end| self.now >= due::lapses(rule, end.date, &calendar));
            let newer = all.iter().rfind(|a| a.state == State::Waived).is_some_and(|w| w.assigned > done.assigned);
            prop_assert!(!over || newer || done.state == State::Expired, "it has ended and counts");
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// Whatever happens to somebody on whatever day: one cycle at a time, each renewed once and in its window, nothing
    /// counts beyond its end, no completion is rewritten, and the next look comes when there is something to do.
    #[test]
    fn every_life_has_one_cycle_at_a_time_and_no_gap(
        story in prop::collection::vec((0u32..200, 0u32..24 * 60, events()), 1..30),
        new_version in any::<bool>(),
        ignores in any::<bool>(),
        anniversary in any::<bool>(),
    ) {
        let prior = if ignores { Prior::DoesNotCount } else { Prior::Counts };
        let from = if anniversary { RenewsFrom::Expiry } else { RenewsFrom::Completion };
        let mut life = Life::new(new_version, prior, from);
        life.settle()?;
        for (days, minutes, event) in story {
            let until = life.now.plus(i64::from(days) * Instant::DAY + i64::from(minutes) * 60 * Instant::SECOND);
            life.wait(until)?;
            life.happen(event);
            life.settle()?;
        }
    }
}
