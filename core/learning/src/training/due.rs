//! Due dates and the steps around them: pure functions over dates and calendars.
//!
//! A due date is a day of the person's calendar and never a day off: it moves to the next working day; that of a renewal moves
//! to the last one before, since what it renews ends meanwhile. The assignment is due until the end of that day in the
//! person's zone. Steps come at the start of working hours, on a
//! working day: those before the due date on the last one, the others on the next one.

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan as _};
use stoa_flow::chat::moment;
use stoa_flow::words::Words;
use stoa_ground::Instant;
use stoa_ground::people::calendar::Calendar;

use super::requirement::{Due, Recertify, RenewsFrom, Steps};

/// When something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The day in the person's zone.
    pub date: Date,
    /// The last second of that day.
    pub at: Instant,
}

impl Deadline {
    /// In a message that is read on the day `today`.
    #[must_use]
    pub fn said(&self, words: &Words, today: Date) -> String {
        moment(&words.day(self.date, today), self.at)
    }

    /// In a message, with the year.
    #[must_use]
    pub fn said_in_full(&self, words: &Words) -> String {
        moment(&words.date(self.date), self.at)
    }
}

/// What happens around a due date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A reminder so many days before.
    Before(u32),
    /// The due date has passed.
    Passed,
    /// A message so many days after.
    After(u32),
    /// It goes into the digest of the manager.
    Manager,
    /// It goes into the digest of the next level as well.
    Escalate,
}

impl Step {
    /// Whether it is a message to the person.
    #[must_use]
    pub fn is_message(self) -> bool {
        matches!(self, Self::Before(_) | Self::After(_))
    }

    /// As it stands in delivery keys: `t-7`, `t+1`.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Before(days) => format!("t-{days}"),
            Self::After(days) => format!("t+{days}"),
            Self::Passed => "t".into(),
            Self::Manager => "manager".into(),
            Self::Escalate => "escalation".into(),
        }
    }
}

fn days(n: u32) -> Span {
    i64::from(n.min(36_600)).days()
}

fn later(date: Date, n: u32) -> Date {
    date.checked_add(days(n)).unwrap_or(date)
}

fn earlier(date: Date, n: u32) -> Date {
    date.checked_sub(days(n)).unwrap_or(date)
}

/// The deadline on a day, or on the first working day after it. A day that the zone skipped does not exist, and is
/// passed over.
#[must_use]
pub fn on(calendar: &Calendar, date: Date) -> Deadline {
    let mut day = calendar.next_working_day(date);
    for _ in 0..8 {
        if calendar.date(calendar.end_of(day)) == day {
            break;
        }
        day = calendar.working_day_after(day);
    }
    Deadline { date: day, at: calendar.end_of(day) }
}

/// The deadline on a day, or on the last working day before it that is not before `first`. Where there is none, it is the
/// first working day after it.
#[must_use]
pub fn by(calendar: &Calendar, date: Date, first: Date) -> Deadline {
    let mut day = date;
    while day >= first {
        if on(calendar, day).date == day {
            return on(calendar, day);
        }
        match day.yesterday() {
            Ok(before) => day = before,
            Err(_) => break,
        }
    }
    on(calendar, date.max(first))
}

/// From when on days of a due rule are counted, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dates {
    /// First day of work.
    pub hired: Option<Date>,
    /// The day on which title or department changed last.
    pub role: Option<Date>,
}

/// The deadline of an assignment made on the person's day `assigned`. It is never in the past: what was due before is
/// due on the first working day after the assignment.
#[must_use]
pub fn deadline(rule: Due, dates: Dates, assigned: Date, calendar: &Calendar) -> Deadline {
    // Who came or changed long ago has the days from the assignment on.
    let since = |from: Option<Date>, n| {
        let wanted = later(from.unwrap_or(assigned), n);
        if wanted > assigned { wanted } else { later(assigned, n) }
    };
    let wanted = match rule {
        Due::AfterAssigned(n) => later(assigned, n),
        Due::AfterHire(n) => since(dates.hired, n),
        Due::AfterRole(n) => since(dates.role.max(dates.hired), n),
        Due::On(date) => date,
    };
    on(calendar, if wanted >= assigned { wanted } else { later(assigned, 1) })
}

/// The deadline of a renewal assigned on the person's day `assigned`: the last day on which what it renews holds. Where that
/// has passed, or new content asks for the renewal (`until` is `None`), there is as much time as the window gives.
#[must_use]
pub fn renewal(rule: &Recertify, until: Option<Date>, assigned: Date, calendar: &Calendar) -> Deadline {
    match until.filter(|day| *day >= assigned) {
        Some(day) => by(calendar, day, assigned),
        None => on(calendar, later(assigned, rule.window_days)),
    }
}

/// The end of the validity of what was done on a day. `renewed` is the end of what it renews, which counts from there on
/// when the rule says so and it was done in time.
#[must_use]
pub fn validity(rule: &Recertify, done: Date, renewed: Option<Date>, calendar: &Calendar) -> Deadline {
    let kept = renewed.filter(|end| rule.renews_from == RenewsFrom::Expiry && done <= later(*end, rule.grace_days));
    ends(calendar, rule.every.after(kept.unwrap_or(done)))
}

/// The end of a day, whether people work on it or not.
#[must_use]
pub fn ends(calendar: &Calendar, date: Date) -> Deadline {
    Deadline { date, at: calendar.end_of(date) }
}

/// When the window before the end of a validity opens.
#[must_use]
pub fn opens(rule: &Recertify, end: Date) -> Date {
    earlier(end, rule.window_days)
}

/// The first instant after the grace that follows the end of a validity.
#[must_use]
pub fn lapses(rule: &Recertify, end: Date, calendar: &Calendar) -> Instant {
    calendar.end_of(later(end, rule.grace_days)).plus(Instant::SECOND)
}

/// The deadline after a leave: it moves by the working days of the leave, from its first day (or the assignment, if
/// that came later) to the day before the return. Who was overdue already when the leave began gets no more time.
#[must_use]
pub fn after_leave(due: Date, assigned: Date, away_from: Date, back: Date, calendar: &Calendar) -> Deadline {
    let mut day = away_from.max(assigned);
    if day > due {
        return on(calendar, due);
    }
    let mut missed = 0u32;
    while day < back && missed < 3_660 {
        missed += u32::from(calendar.is_working_day(day));
        day = later(day, 1);
    }
    on(calendar, calendar.plus_working_days(due, missed))
}

/// Steps in their order, each with its instant.
pub type Timeline = Vec<(Instant, Step)>;

/// The steps of an assignment, and the messages that are left out of them: two never fall on
/// the same day, and the first one counts. `away` are the days after the due date on which the person is away: the weekly messages go on
/// for as much longer.
#[must_use]
pub fn timeline(
    steps: &Steps,
    assigned: Instant,
    due: Deadline,
    away: u32,
    calendar: &Calendar,
) -> (Timeline, Timeline) {
    let mut seen = std::collections::BTreeSet::new();
    let comes = |(at, step): &(Instant, Step)| !step.is_message() || seen.insert(calendar.date(*at));
    wanted(steps, assigned, due, away, calendar).into_iter().partition(comes)
}

/// How many days after a due date a leave takes out of those for which messages come, of which there are `count`; none where
/// it is over before their end.
#[must_use]
pub fn away_after(due: Date, count: u32, away: impl Fn(Date) -> bool) -> u32 {
    if !away(later(due, count)) {
        return 0;
    }
    let (mut counted, mut missed, mut day) = (0, 0, due);
    while counted < count && missed < 3_660 {
        day = later(day, 1);
        if away(day) {
            missed += 1;
        } else {
            counted += 1;
        }
    }
    missed
}

fn wanted(steps: &Steps, assigned: Instant, due: Deadline, away: u32, calendar: &Calendar) -> Timeline {
    let end_after = steps.end_after.saturating_add(away);
    // Like due dates, steps pass over a day that the zone skipped.
    let opening = |date: Date| calendar.at(on(calendar, date).date, calendar.working_hours.0);
    // A reminder before the due date comes before it: on a day off it moves to the last working day, not to the next.
    let before = |date: Date| {
        let mut day = date;
        for _ in 0..30 {
            if calendar.is_working_day(day) && calendar.date(calendar.end_of(day)) == day {
                break;
            }
            day = earlier(day, 1);
        }
        calendar.at(day, calendar.working_hours.0)
    };
    let mut line = Vec::new();
    for n in &steps.remind_before {
        let at = before(earlier(due.date, *n));
        // The message about the assignment itself is reminder enough on its first day.
        if at > assigned && calendar.date(at) > calendar.date(assigned) && at < due.at {
            line.push((at, Step::Before(*n)));
        }
    }
    line.push((due.at.plus(Instant::SECOND), Step::Passed));
    let mut after = steps.remind_after.clone();
    // Then once a week, on Mondays, the first some days behind the last single one: all that is overdue for somebody comes together.
    let last = after.last().copied().unwrap_or(0);
    let first = (last + 3..last + 10).find(|n| later(due.date, *n).weekday() == Weekday::Monday);
    let weeks = first.into_iter().flat_map(|first| (0..).map(move |week| first + 7 * week));
    after.extend(weeks.take_while(|n| *n <= end_after).take(600));
    line.extend(after.into_iter().filter(|n| *n <= end_after).map(|n| (opening(later(due.date, n)), Step::After(n))));
    line.push((opening(later(due.date, steps.manager_after)), Step::Manager));
    line.push((opening(later(due.date, steps.escalate_after)), Step::Escalate));
    line.sort();
    line
}

/// How many whole days something is overdue on a day.
#[must_use]
pub fn days_late(due: Date, today: Date) -> u32 {
    u32::try_from((today - due).get_days()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{Time, date};
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn calendar(zone: &str) -> Calendar {
        Calendar { zone: TimeZone::get(zone).unwrap(), ..Calendar::default() }
    }

    #[test]
    fn a_due_date_is_counted_from_the_assignment_the_hire_or_the_calendar_and_is_a_working_day() {
        let c = calendar("Europe/Berlin");
        let monday = date(2026, 11, 23);
        let due = |rule, hired| deadline(rule, Dates { hired, role: None }, monday, &c).date;
        assert_eq!(due(Due::AfterAssigned(14), None), date(2026, 12, 7));
        assert_eq!(due(Due::AfterAssigned(12), None), date(2026, 12, 7), "Saturday becomes Monday");
        assert_eq!(due(Due::AfterHire(30), Some(date(2026, 11, 16))), date(2026, 12, 16));
        assert_eq!(due(Due::AfterHire(30), Some(date(2020, 1, 1))), date(2026, 12, 23), "hired long ago");
        assert_eq!(due(Due::On(date(2026, 12, 31)), None), date(2026, 12, 31));
        assert_eq!(due(Due::On(date(2026, 11, 1)), None), date(2026, 11, 24), "never in the past");
        assert_eq!(deadline(Due::On(date(2028, 2, 29)), Dates::default(), monday, &c).date, date(2028, 2, 29));
        let since = |days, hired, role| deadline(Due::AfterRole(days), Dates { hired, role }, monday, &c).date;
        let (spring, last_week) = (Some(date(2026, 3, 2)), Some(date(2026, 11, 16)));
        assert_eq!(since(30, spring, last_week), date(2026, 12, 16), "from the change of the job");
        assert_eq!(since(30, last_week, spring), date(2026, 12, 16), "a job that began with the hire");
        assert_eq!(since(30, spring, spring), date(2026, 12, 23), "the same job for long");
        let mut off = calendar("UTC");
        off.holidays.insert(date(2026, 12, 7));
        assert_eq!(deadline(Due::AfterAssigned(14), Dates::default(), monday, &off).date, date(2026, 12, 8));
    }

    #[test]
    fn the_steps_come_in_the_morning_of_working_days_and_end() {
        let c = calendar("America/New_York");
        let assigned = c.at(date(2026, 11, 23), Time::constant(10, 0, 0, 0));
        let due = on(&c, date(2026, 12, 11));
        let line = timeline(&Steps::default(), assigned, due, 0, &c).0;
        let said: Vec<String> = line
            .iter()
            .take(8)
            .map(|(at, step)| format!("{} {}", step.name(), at.zoned(&c.zone).strftime("%a %d %b %H:%M:%S")))
            .collect();
        let expected = [
            "t-7 Fri 04 Dec 09:00:00",
            "t-1 Thu 10 Dec 09:00:00",
            "t Sat 12 Dec 00:00:00",
            // +3 falls on the same Monday as +1, which counts; the manager's digest does not wait.
            "t+1 Mon 14 Dec 09:00:00",
            "manager Mon 14 Dec 09:00:00",
            "t+10 Mon 21 Dec 09:00:00",
            "escalation Fri 25 Dec 09:00:00",
            "t+17 Mon 28 Dec 09:00:00",
        ];
        assert_eq!(said, expected);
        assert_eq!(line.last().map(|l| l.1), Some(Step::After(87)), "nothing after ninety days");
    }

    #[test]
    fn a_leave_that_takes_the_end_of_the_messages_moves_it_and_a_shorter_one_does_not() {
        let due = date(2026, 12, 4);
        let away = |first: Date, last: Date| away_after(due, 30, |day| (first..=last).contains(&day));
        assert_eq!(away(date(2026, 12, 7), date(2027, 1, 31)), 56, "it goes on after it");
        assert_eq!(away(date(2026, 12, 7), date(2026, 12, 11)), 0, "it is over before the end");
        let c = calendar("Europe/Berlin");
        let steps = Steps { end_after: 30, ..Steps::default() };
        let assigned = c.at(date(2026, 11, 20), Time::constant(10, 0, 0, 0));
        let (line, _) = timeline(&steps, assigned, on(&c, due), 56, &c);
        let back = c.at(date(2027, 2, 1), Time::midnight());
        assert!(line.iter().any(|(at, step)| *at > back && step.is_message()), "{line:?}");
    }

    #[test]
    fn of_two_messages_on_one_day_the_first_comes_and_the_other_is_named() {
        let mut c = calendar("Europe/Berlin");
        c.holidays.extend([date(2026, 12, 24), date(2026, 12, 25)]);
        let steps = Steps { remind_before: vec![1, 2, 3], ..Steps::default() };
        let assigned = c.at(date(2026, 12, 1), Time::constant(10, 0, 0, 0));
        let (line, left_out) = timeline(&steps, assigned, on(&c, date(2026, 12, 28)), 0, &c);
        let before = |all: &[(Instant, Step)]| {
            let all = all.iter().filter(|(_, step)| matches!(step, Step::Before(_)));
            all.map(|(at, step)| format!("{} {}", step.name(), c.date(*at))).collect::<Vec<_>>()
        };
        assert_eq!(before(&line), ["t-1 2026-12-23"]);
        assert_eq!(before(&left_out), ["t-2 2026-12-23", "t-3 2026-12-23"]);
    }

    #[test]
    fn a_step_before_the_assignment_is_left_out() {
        let c = calendar("UTC");
        let assigned = c.at(date(2026, 11, 23), Time::constant(10, 0, 0, 0));
        let line = timeline(&Steps::default(), assigned, on(&c, date(2026, 11, 25)), 0, &c).0;
        assert_eq!(line[0].1, Step::Before(1));
        assert_eq!(line[1].1, Step::Passed);
    }

    #[test]
    fn a_leave_moves_the_due_date_by_its_working_days() {
        let c = calendar("Asia/Kolkata");
        let (assigned, due) = (date(2026, 11, 2), date(2026, 11, 20));
        // Two weeks away: ten working days.
        let moved = after_leave(due, assigned, date(2026, 11, 9), date(2026, 11, 23), &c);
        assert_eq!(moved.date, date(2026, 12, 4));
        assert_eq!(after_leave(due, assigned, date(2026, 11, 25), date(2026, 12, 7), &c).date, due, "overdue before");
        let during = after_leave(due, date(2026, 11, 16), date(2026, 11, 9), date(2026, 11, 23), &c);
        assert_eq!(during.date, date(2026, 11, 27), "only days since the assignment count");
    }

    fn yearly(renews_from: RenewsFrom) -> Recertify {
        Recertify {
            every: "12 months".parse().unwrap(),
            window_days: 30,
            grace_days: 10,
            renews_from,
            prior: super::super::requirement::Prior::Counts,
            new_version: false,
            remind_before: vec![7, 1],
        }
    }

    #[test]
    fn a_renewal_is_due_before_what_it_renews_ends_and_holds_from_its_own_day_or_from_that_end() {
        let (c, rule) = (calendar("Europe/Berlin"), yearly(RenewsFrom::Completion));
        let sunday = date(2027, 11, 28);
        let due = |until, assigned| renewal(&rule, until, assigned, &c).date;
        assert_eq!(due(Some(sunday), opens(&rule, sunday)), date(2027, 11, 26), "the Friday before");
        assert_eq!(due(Some(sunday), date(2027, 11, 27)), date(2027, 11, 29), "no working day is left before");
        assert_eq!(due(Some(sunday), date(2027, 12, 6)), date(2028, 1, 5), "what has ended gives a window");
        assert_eq!(due(None, date(2027, 6, 1)), date(2027, 7, 1), "new content");
        let holds = |rule: &Recertify, done, renewed| validity(rule, done, renewed, &c).date;
        let keeping = yearly(RenewsFrom::Expiry);
        assert_eq!(holds(&rule, date(2027, 11, 8), Some(sunday)), date(2028, 11, 8));
        assert_eq!(holds(&keeping, date(2027, 11, 8), Some(sunday)), date(2028, 11, 28), "nobody loses by being early");
        assert_eq!(holds(&keeping, date(2027, 12, 8), Some(sunday)), date(2028, 11, 28), "in the grace");
        assert_eq!(holds(&keeping, date(2027, 12, 9), Some(sunday)), date(2028, 12, 9), "after it, it begins anew");
        assert_eq!(holds(&rule, date(2028, 2, 29), None), date(2029, 2, 28));
    }

    fn zones() -> Vec<String> {
        jiff::tz::db().available().map(|name| name.to_string()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// In every zone, for every rule, working week and holiday: the day is a working day, and the instant is on it.
        #[test]
        fn a_due_date_never_lands_on_a_day_off(
            zone in prop::sample::select(zones()),
            week in prop::array::uniform7(any::<bool>()),
            start in 0i32..20_000,
            n in 0u32..400,
            kind in 0..4,
            off in prop::collection::btree_set(0i32..30, 0..6),
        ) {
            let mut working_days = week;
            working_days[2] = true;
            let first = date(1990, 1, 1);
            let assigned = first.checked_add(i64::from(start).days()).unwrap();
            let rule = [Due::AfterAssigned(n), Due::AfterHire(n), Due::AfterRole(n), Due::On(later(assigned, n))];
            let rule = rule[kind as usize];
            let holidays = off.iter().map(|d| later(assigned, n + d.unsigned_abs())).collect();
            let c = Calendar { zone: TimeZone::get(&zone).unwrap(), working_days, holidays, ..Calendar::default() };
            let due = deadline(rule, Dates { hired: Some(assigned), role: Some(assigned) }, assigned, &c);
            prop_assert!(c.is_working_day(due.date));
            prop_assert!(due.date >= assigned);
            prop_assert_eq!(c.date(due.at), due.date);
            prop_assert_ne!(c.date(due.at.plus(Instant::SECOND)), due.date);
            let line = timeline(&Steps::default(), c.at(assigned, Time::constant(8, 0, 0, 0)), due, 0, &c).0;
            for (at, step) in line {
                if matches!(step, Step::Before(_) | Step::After(_)) {
                    prop_assert!(c.is_working_day(c.date(at)) || c.date(at) == date(2011, 12, 31), "{at} {step:?}");
                }
                prop_assert_eq!(matches!(step, Step::Before(_)), at < due.at);
            }
        }

        /// In every zone: a completion holds to the end of a day of the person, the window opens before that end and the
        /// grace ends after it, and a renewal is due on a working day from its assignment on, before the end of what it
        /// renews wherever there is a working day left.
        #[test]
        fn a_renewal_is_due_while_what_it_renews_holds(
            zone in prop::sample::select(zones()),
            week in prop::array::uniform7(any::<bool>()),
            start in 0i32..20_000,
            number in 1u16..5,
            unit in prop::sample::select(vec!["weeks", "months", "years"]),
            window in 1u32..28,
            grace in 0u32..60,
            late in 0u32..400,
            off in prop::collection::btree_set(0i32..30, 0..6),
        ) {
            let mut working_days = week;
            working_days[2] = true;
            let done = date(1990, 1, 1).checked_add(i64::from(start).days()).unwrap();
            let every = format!("{} {unit}", number * if unit == "weeks" { 4 } else { 1 }).parse().unwrap();
            let rule = Recertify { every, window_days: window, grace_days: grace, ..yearly(RenewsFrom::Expiry) };
            let plain = Calendar { zone: TimeZone::get(&zone).unwrap(), ..Calendar::default() };
            let end = validity(&rule, done, None, &plain);
            let holidays = off.iter().map(|d| earlier(end.date, d.unsigned_abs())).collect();
            let c = Calendar { working_days, holidays, ..plain };
            prop_assert!(end.date >= later(done, rule.every.least_days()));
            // Samoa had no 30 December 2011: what ends then ended with the day before.
            let real = c.date(end.at);
            prop_assert!(real == end.date || (end.date == date(2011, 12, 30) && real == date(2011, 12, 29)), "{real}");
            prop_assert!(c.date(end.at.plus(Instant::SECOND)) > end.date);
            prop_assert!(opens(&rule, end.date) > done && lapses(&rule, end.date, &c) > end.at);

            let assigned = later(opens(&rule, end.date), late % (window + 1));
            let due = renewal(&rule, Some(end.date), assigned, &c);
            prop_assert!(c.is_working_day(due.date) && due.date >= assigned);
            prop_assert_eq!(c.date(due.at), due.date);
            let left = (0..=window).map(|n| later(assigned, n)).filter(|d| *d <= end.date);
            if left.into_iter().any(|d| on(&c, d).date == d) {
                prop_assert!(due.at <= end.at, "{:?} {:?}", due, end);
            }
            let again = validity(&rule, due.date, Some(end.date), &c);
            if due.date <= later(end.date, grace) {
                prop_assert_eq!(again.date, rule.every.after(end.date), "the anniversary stays");
            }
            let missed = renewal(&rule, Some(end.date), later(end.date, 1 + late), &c);
            prop_assert!(missed.date >= later(end.date, 1 + late + window));
        }
    }
}
