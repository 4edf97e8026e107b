//! The rules of the arbiter, as a pure function over plain values.

use jiff::civil::Date;
use stoa_ground::Instant;
use stoa_ground::people::calendar::{Calendar, within};
use stoa_ground::people::{Absence, Status};

use super::{Decision, Policy};
use crate::organisation::Nudges;

/// What the arbiter must know about a person at one instant.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Zone, working days, holidays and hours that hold for the person.
    pub calendar: Calendar,
    /// Whether the person works here.
    pub status: Status,
    /// The person's first day of work, as far as it is known.
    pub first_day: Option<Date>,
    /// When the person is away.
    pub absence: Absence,
    /// The person paused voluntary messages.
    pub paused: bool,
    /// From when until when the person does not want to be disturbed, as their chat says.
    pub silenced: Option<(Instant, Instant)>,
    /// Counted unsolicited messages sent on the person's today.
    pub sent_today: u32,
    /// When the last counted unsolicited message was sent.
    pub last_sent: Option<Instant>,
    /// When the person last did something with the bot.
    pub last_activity: Option<Instant>,
    /// Voluntary messages sent since the person last did something.
    pub ignored: u32,
}

impl Facts {
    /// The person's day at an instant.
    pub(crate) fn day(&self, at: Instant) -> Date {
        self.calendar.date(at)
    }

    /// What holds after a message of this kind began to be sent.
    #[must_use]
    pub(crate) fn after(mut self, policy: Policy, now: Instant) -> Self {
        if policy.unsolicited && policy.counted {
            self.sent_today += 1;
            self.last_sent = self.last_sent.max(Some(now));
        }
        self
    }

    /// The first working day from `date` on, without leave. `None` when the leave has no end.
    fn next_day(&self, mut date: Date) -> Option<Date> {
        // Two years of leave and holidays are more than any roster holds.
        for _ in 0..800 {
            if self.calendar.is_working_day(date) && !self.absence.away(date) {
                return Some(date);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn quiet(&self, time: jiff::civil::Time) -> bool {
        self.calendar.quiet_hours.is_some_and(|hours| within(hours, time))
    }

    /// The first instant on a date that is inside working hours and outside quiet hours.
    fn opening(&self, date: Date) -> Instant {
        let mut time = self.calendar.working_hours.0;
        if let Some((_, end)) = self.calendar.quiet_hours
            && end > time
            && self.quiet(time)
        {
            time = end;
        }
        self.calendar.at(date, time)
    }
}

/// Decides about an answer: it is never withheld from whoever works here.
#[must_use]
pub fn answer(status: Status) -> Decision {
    match status {
        Status::Left => Decision::Withhold { why: "left".into() },
        _ => Decision::Now { why: "answer".into() },
    }
}

/// Decides about one delivery (N3, N7, N8, N9, N10).
#[must_use]
pub fn decide(policy: Policy, limits: &Nudges, facts: &Facts, now: Instant) -> Decision {
    let withhold = |why: &str| Decision::Withhold { why: why.into() };
    if !policy.unsolicited || facts.status == Status::Left {
        return answer(facts.status);
    }
    if facts.paused && !policy.mandated {
        return withhold("paused");
    }
    if !policy.mandated && facts.ignored >= limits.pause_after_ignored {
        return withhold("ignored");
    }
    let local = now.zoned(&facts.calendar.zone);
    let (today, time) = (local.date(), local.time());
    let later = |until: Instant, why: &str| Decision::Later { until, why: why.into() };
    let on_next_day = |from: Option<Date>, why: &str| match from.and_then(|d| facts.next_day(d)) {
        Some(date) => later(facts.opening(date), why),
        // A leave without an end: looked at again tomorrow.
        None => later(now.plus(Instant::DAY), why),
    };
    let tomorrow = today.tomorrow().ok();
    if let Some(first) = facts.first_day.filter(|first| *first > today) {
        return on_next_day(Some(first), "not-begun");
    }
    if facts.absence.away(today) {
        return on_next_day(tomorrow, "leave");
    }
    if !facts.calendar.is_working_day(today) {
        let why = if facts.calendar.holidays.contains(&today) { "holiday" } else { "day-off" };
        return on_next_day(tomorrow, why);
    }
    if !policy.breaks_quiet {
        let (open, close) = facts.calendar.working_hours;
        let opening = facts.opening(today);
        if time < open || (now < opening && facts.quiet(time)) {
            return later(opening, "quiet-hours");
        }
        if time >= close || facts.quiet(time) {
            return on_next_day(tomorrow, "quiet-hours");
        }
        if let Some((from, until)) = facts.silenced
            && (from..until).contains(&now)
        {
            return later(until, "do-not-disturb");
        }
    }
    if policy.counted {
        let returned = facts.absence.back(today).is_some_and(|day| (today - day).get_days() < 7);
        let budget = if returned { limits.ramp.min(limits.daily_budget) } else { limits.daily_budget };
        if facts.sent_today >= budget.min(limits.windows) {
            return on_next_day(tomorrow, if returned { "ramp" } else { "budget" });
        }
        let waits = [
            facts.last_sent.map(|at| (at.plus(limits.min_gap), "gap")),
            facts.last_activity.map(|at| (at.plus(limits.after_activity), "activity")),
        ];
        let wait = waits.into_iter().flatten().filter(|(until, _)| *until > now).max_by_key(|(until, _)| *until);
        if let Some((until, why)) = wait {
            let then = until.zoned(&facts.calendar.zone);
            let too_late =
                then.date() != today || then.time() >= facts.calendar.working_hours.1 || facts.quiet(then.time());
            return if too_late { on_next_day(tomorrow, why) } else { later(until, why) };
        }
    }
    Decision::Now { why: "due".into() }
}

#[cfg(test)]
mod tests {
    use super::super::Priority;
    use super::*;
    use jiff::civil::{date, time};
    use jiff::tz::TimeZone;
    use stoa_ground::people::Leave;

    fn facts(zone: &str) -> Facts {
        Facts {
            calendar: Calendar {
                zone: TimeZone::get(zone).unwrap(),
                working_days: [true, true, true, true, true, false, false],
                holidays: [date(2026, 12, 25)].into(),
                working_hours: (time(9, 0, 0, 0), time(17, 0, 0, 0)),
                quiet_hours: Some((time(18, 0, 0, 0), time(9, 0, 0, 0))),
            },
            status: Status::Active,
            first_day: None,
            absence: Absence::default(),
            paused: false,
            silenced: None,
            sent_today: 0,
            last_sent: None,
            last_activity: None,
            ignored: 0,
        }
    }

    fn at(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    fn said(policy: Policy, facts: &Facts, now: &str) -> String {
        let d = decide(policy, &Nudges::default(), facts, at(now));
        match &d {
            Decision::Later { until, why } => {
                format!("later {} {why}", until.zoned(&facts.calendar.zone).strftime("%a %d %H:%M"))
            }
            _ => format!("{} {}", d.word(), d.why()),
        }
    }

    #[test]
    fn nothing_unsolicited_before_the_first_day_of_work() {
        let soon = Facts { first_day: Some(date(2026, 11, 28)), ..facts("Europe/Berlin") };
        assert_eq!(said(Policy::MANDATED, &soon, "2026-11-23T09:00:00Z"), "later Mon 30 09:00 not-begun");
        assert_eq!(said(Policy::ANSWER, &soon, "2026-11-23T09:00:00Z"), "now answer");
        let today = Facts { first_day: Some(date(2026, 11, 23)), ..facts("Europe/Berlin") };
        assert_eq!(said(Policy::MANDATED, &today, "2026-11-23T09:00:00Z"), "now due");
    }

    #[test]
    fn nothing_unsolicited_outside_of_the_persons_own_working_day() {
        let berlin = facts("Europe/Berlin");
        let cases = [
            ("2026-11-23T09:00:00Z", "now due"),
            ("2026-11-23T05:00:00Z", "later Mon 23 09:00 quiet-hours"),
            ("2026-11-23T19:00:00Z", "later Tue 24 09:00 quiet-hours"),
            ("2026-11-27T17:00:00Z", "later Mon 30 09:00 quiet-hours"),
            ("2026-11-28T10:00:00Z", "later Mon 30 09:00 day-off"),
            ("2026-12-25T10:00:00Z", "later Mon 28 09:00 holiday"),
        ];
        for (now, expected) in cases {
            assert_eq!(said(Policy::MANDATED, &berlin, now), expected, "at {now}");
        }
        assert_eq!(said(Policy::MANDATED, &facts("Australia/Sydney"), "2026-11-22T22:30:00Z"), "now due");
        assert_eq!(said(Policy::ANSWER, &berlin, "2026-11-28T02:00:00Z"), "now answer");
    }

    #[test]
    fn nothing_while_the_chat_is_silenced() {
        let at = |time: &str| at(&format!("2026-11-23T{time}Z"));
        let f = Facts { silenced: Some((at("10:00:00"), at("11:30:00"))), ..facts("UTC") };
        assert_eq!(said(Policy::MANDATED, &f, "2026-11-23T09:59:59Z"), "now due");
        assert_eq!(said(Policy::MANDATED, &f, "2026-11-23T10:00:00Z"), "later Mon 23 11:30 do-not-disturb");
        assert_eq!(said(Policy::MANDATED, &f, "2026-11-23T11:30:00Z"), "now due");
        assert_eq!(said(Policy::ANSWER, &f, "2026-11-23T10:30:00Z"), "now answer");
    }

    #[test]
    fn the_budget_the_gap_and_the_persons_own_activity_make_it_wait() {
        let mut f = facts("UTC");
        f.last_sent = Some(at("2026-11-23T09:30:00Z"));
        f.sent_today = 1;
        assert_eq!(said(Policy::MANDATED, &f, "2026-11-23T10:00:00Z"), "later Mon 23 12:30 gap");
        f.last_activity = Some(at("2026-11-23T13:00:00Z"));
        assert_eq!(said(Policy::MANDATED, &f, "2026-11-23T13:10:00Z"), "later Mon 23 14:00 activity");
        f.last_activity = Some(at("2026-11-23T16:30:00Z"));
        assert_eq!(said(Policy::MANDATED, &f, "2026-11-23T16:40:00Z"), "later Tue 24 09:00 activity");
        f.sent_today = 2;
        assert_eq!(said(Policy::MANDATED, &f, "2026-11-23T14:10:00Z"), "later Tue 24 09:00 budget");
    }

    #[test]
    fn leave_stops_everything_and_the_return_is_ramped() {
        let mut f = facts("UTC");
        f.status = Status::Leave;
        f.absence.leaves = vec![Leave { first: Some(date(2026, 11, 16)), last: Some(date(2026, 11, 26)) }];
        assert_eq!(said(Policy::MANDATED, &f, "2026-11-23T10:00:00Z"), "later Fri 27 09:00 leave");
        f.sent_today = 1;
        assert_eq!(said(Policy::MANDATED, &f, "2026-11-27T15:00:00Z"), "later Mon 30 09:00 ramp");
        // Whatever leave is planned by then.
        f.absence.leaves.push(Leave { first: Some(date(2026, 12, 7)), last: Some(date(2026, 12, 8)) });
        f.absence.back = Some(date(2026, 11, 27));
        assert_eq!(said(Policy::MANDATED, &f, "2026-12-03T15:00:00Z"), "later Fri 04 09:00 ramp");
        assert_eq!(said(Policy::MANDATED, &f, "2026-12-04T15:00:00Z"), "now due");
        f.absence = Absence { leaves: vec![Leave { first: None, last: None }], back: None };
        f.sent_today = 0;
        assert_eq!(said(Policy::MANDATED, &f, "2026-11-23T10:00:00Z"), "later Tue 24 10:00 leave");
    }

    #[test]
    fn only_what_is_voluntary_can_be_paused_or_tired_of() {
        let drop = Policy::voluntary(Priority::Drop);
        let mut f = facts("UTC");
        f.paused = true;
        assert_eq!(said(drop, &f, "2026-11-23T10:00:00Z"), "withhold paused");
        assert_eq!(said(Policy::MANDATED, &f, "2026-11-23T10:00:00Z"), "now due");
        f.paused = false;
        f.ignored = 5;
        assert_eq!(said(drop, &f, "2026-11-23T10:00:00Z"), "withhold ignored");
        f.status = Status::Left;
        assert_eq!(said(Policy::MANDATED, &f, "2026-11-23T10:00:00Z"), "withhold left");
    }
}
