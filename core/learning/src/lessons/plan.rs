//! When lessons come, as pure rules over calendars and plain values.

use std::collections::BTreeSet;

use jiff::civil::{Date, Time};
use jiff::{Span, ToSpan as _};
use stoa_ground::Instant;
use stoa_ground::people::calendar::{Calendar, within};

/// How many days ahead a day is looked for; more than any leave with a date.
const AHEAD: usize = 800;
/// The steps in which a time of day is moved until it fits.
const STEP_MINUTES: i64 = 15;

/// The time of day nearest to the one that was asked for at which the person may be written to: inside working hours
/// and outside quiet hours. Where there is none, the one that was asked for.
#[must_use]
pub fn fitting(calendar: &Calendar, asked: Time) -> Time {
    let fits = |time: Time| {
        within(calendar.working_hours, time) && !calendar.quiet_hours.is_some_and(|quiet| within(quiet, time))
    };
    let moved = |steps: i64| {
        let span = Span::new().minutes(steps * STEP_MINUTES);
        asked.checked_add(span).ok().filter(|time| fits(*time))
    };
    (0..24 * 60 / STEP_MINUTES).find_map(|n| moved(n).or_else(|| moved(-n))).unwrap_or(asked)
}

/// The time of day for reviews on a day with a lesson: so long after the lesson that both may come, else so long
/// before it, else as late as fits.
#[must_use]
pub fn review_time(calendar: &Calendar, lesson: Time, min_gap: i64) -> Time {
    let gap = Span::new().microseconds(min_gap).checked_add(1.hour()).unwrap_or(4.hours());
    let candidates = [lesson.checked_add(gap), lesson.checked_sub(gap)];
    let fits = candidates.into_iter().flatten().find(|time| fitting(calendar, *time) == *time);
    fits.unwrap_or_else(|| fitting(calendar, Time::constant(23, 45, 0, 0)))
}

/// When the person's day is looked at next: on a working day, at the time for reviews where that comes first, and at the
/// time of the lesson. Whatever changes until then (settings, zone, leave) makes the day be looked at anew.
#[must_use]
pub fn next_wake(calendar: &Calendar, lesson: Time, review: Time, after: Instant) -> Instant {
    let mut day = calendar.date(after);
    for _ in 0..AHEAD {
        if calendar.is_working_day(day) {
            let times = [review.min(lesson), lesson].map(|time| calendar.at(day, time));
            if let Some(at) = times.into_iter().find(|at| *at > after) {
                return at;
            }
        }
        match day.tomorrow() {
            Ok(next) => day = next,
            Err(_) => return Instant(i64::MAX),
        }
    }
    after.plus(30 * Instant::DAY)
}

/// The first day from `date` on (never before today) on which the person works, is not away and has nothing else of
/// this kind. `None` when the person is away for long or without an end.
#[must_use]
pub fn team_day(
    calendar: &Calendar,
    away: impl Fn(Date) -> bool,
    taken: impl Fn(Date) -> bool,
    date: Date,
    now: Instant,
) -> Option<Date> {
    let first = date.max(calendar.date(now));
    let days = std::iter::successors(Some(first), |d| d.tomorrow().ok());
    days.take(AHEAD).find(|d| calendar.is_working_day(*d) && !away(*d) && !taken(*d))
}

/// The end of a person's day.
#[must_use]
pub fn end_of(calendar: &Calendar, date: Date) -> Instant {
    date.tomorrow().map_or(Instant(i64::MAX), |next| calendar.at(next, Time::midnight()).plus(-1))
}

/// An enrolment, as far as the choice of today's lesson goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The enrolment's id.
    pub enrolment: String,
    /// The track's id.
    pub track: String,
    /// The track's time of day.
    pub time: Time,
    /// When the person joined.
    pub joined: Instant,
    /// When a lesson of it came last.
    pub last_drop: Option<Instant>,
    /// The first lesson in the track's order that was not sent yet.
    pub next: Option<String>,
}

/// Whose turn it is: the track with a lesson left that has waited longest.
#[must_use]
pub fn whose_turn(standings: &[Standing]) -> Option<&Standing> {
    let waiting = standings.iter().filter(|s| s.next.is_some());
    waiting.min_by_key(|s| (s.last_drop, s.joined, s.track.clone()))
}

/// How many of the person's working days in a row had something learned, up to today. Days off break nothing, and
/// today does not while it lasts.
#[must_use]
pub fn streak(days: &BTreeSet<Date>, today: Date, off: impl Fn(Date) -> bool) -> u32 {
    let mut count = 0;
    let back = std::iter::successors(Some(today), |d| d.yesterday().ok());
    for day in back.take(AHEAD) {
        if days.contains(&day) {
            count += 1;
        } else if day != today && !off(day) {
            break;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn calendar(zone: &str) -> Calendar {
        Calendar { zone: TimeZone::get(zone).unwrap(), ..Calendar::default() }
    }

    fn at(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    #[test]
    fn a_time_outside_of_the_working_day_moves_to_the_nearest_inside() {
        let c = calendar("UTC");
        assert_eq!(fitting(&c, time(9, 30, 0, 0)), time(9, 30, 0, 0));
        assert_eq!(fitting(&c, time(7, 0, 0, 0)), time(9, 0, 0, 0));
        assert_eq!(fitting(&c, time(22, 0, 0, 0)), time(17, 45, 0, 0));
        let early = Calendar { quiet_hours: Some((time(12, 0, 0, 0), time(10, 0, 0, 0))), ..c };
        assert_eq!(fitting(&early, time(14, 0, 0, 0)), time(11, 45, 0, 0));
        assert_eq!(review_time(&calendar("UTC"), time(9, 30, 0, 0), 3 * Instant::HOUR), time(13, 30, 0, 0));
        assert_eq!(review_time(&calendar("UTC"), time(15, 0, 0, 0), 3 * Instant::HOUR), time(11, 0, 0, 0));
    }

    #[test]
    fn the_day_is_looked_at_at_the_time_of_the_lesson_and_at_that_of_reviews_where_it_comes_first() {
        let c = calendar("Asia/Kolkata");
        let local = |lesson: Time, review: Time, after: &str| {
            let wake = next_wake(&c, lesson, review, at(after));
            wake.zoned(&c.zone).strftime("%a %d %H:%M").to_string()
        };
        let early = |after| local(time(9, 30, 0, 0), time(13, 30, 0, 0), after);
        assert_eq!(early("2026-11-23T03:00:00Z"), "Mon 23 09:30");
        assert_eq!(early("2026-11-23T04:00:00Z"), "Tue 24 09:30");
        assert_eq!(early("2026-11-27T06:00:00Z"), "Mon 30 09:30");
        let late = |after| local(time(15, 0, 0, 0), time(11, 0, 0, 0), after);
        assert_eq!(late("2026-11-23T03:00:00Z"), "Mon 23 11:00");
        assert_eq!(late("2026-11-23T05:30:00Z"), "Mon 23 15:00");
        assert_eq!(late("2026-11-23T09:30:00Z"), "Tue 24 11:00");
    }

    #[test]
    fn the_clock_change_keeps_the_local_time() {
        // Berlin leaves summer time on 25 October 2026, New York on 1 November; both Sundays.
        for (zone, before, hours) in
            [("Europe/Berlin", "2026-10-23T12:00:00Z", [7, 8]), ("America/New_York", "2026-10-30T18:00:00Z", [13, 14])]
        {
            let c = calendar(zone);
            let friday = c.at(c.date(at(before)), time(9, 0, 0, 0));
            let drop = next_wake(&c, time(9, 0, 0, 0), time(13, 0, 0, 0), at(before));
            let utc = |i: Instant| i.zoned(&TimeZone::UTC).hour();
            assert_eq!([utc(friday), utc(drop)].map(i32::from), hours, "{zone}");
            assert_eq!(drop.zoned(&c.zone).strftime("%a %H:%M").to_string(), "Mon 09:00");
        }
    }

    #[test]
    fn a_team_drop_waits_for_a_day_on_which_the_person_works() {
        let c = calendar("Pacific/Auckland");
        let now = at("2026-11-27T09:00:00Z");
        let day = |away: Option<Date>, taken: Option<Date>| {
            team_day(&c, |d| Some(d) == away, |d| Some(d) == taken, date(2026, 11, 27), now).unwrap()
        };
        assert_eq!(day(None, None), date(2026, 11, 27));
        assert_eq!(day(Some(date(2026, 11, 27)), None), date(2026, 11, 30));
        assert_eq!(day(Some(date(2026, 11, 27)), Some(date(2026, 11, 30))), date(2026, 12, 1));
        assert_eq!(team_day(&c, |_| true, |_| false, date(2026, 11, 27), now), None);
    }

    #[test]
    fn a_streak_counts_working_days_in_a_row() {
        let days: BTreeSet<Date> = [19, 20, 23, 24].map(|d| date(2026, 11, d)).into();
        let c = calendar("UTC");
        let off = |d: Date| !c.is_working_day(d);
        assert_eq!(streak(&days, date(2026, 11, 24), off), 4);
        assert_eq!(streak(&days, date(2026, 11, 25), off), 4, "today is not over");
        assert_eq!(streak(&days, date(2026, 11, 26), off), 0);
    }

    proptest! {
        #[test]
        fn in_every_zone_the_lesson_comes_at_the_time_that_was_asked_for(
            zone in prop::sample::select(vec![
                "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
                "Pacific/Auckland", "Pacific/Chatham", "America/St_Johns", "America/Sao_Paulo", "Africa/Casablanca",
                "Asia/Tehran", "Pacific/Apia", "America/Havana", "Asia/Beirut",
            ]),
            hour in 9i8..18,
            minute in 0i8..60,
            start in 1_577_836_800i64..1_893_456_000,
        ) {
            let c = calendar(zone);
            let asked = time(hour, minute, 0, 0);
            let review = review_time(&c, asked, 3 * Instant::HOUR);
            let after = Instant(start * Instant::SECOND);
            let mut wake = after;
            let mut last_day = None;
            for _ in 0..12 {
                let next = next_wake(&c, asked, review, wake);
                prop_assert!(next > wake);
                prop_assert!(next.0 - wake.0 <= 5 * Instant::DAY);
                wake = next;
                let local = wake.zoned(&c.zone);
                prop_assert!(c.is_working_day(local.date()));
                if local.time() == asked {
                    prop_assert!(last_day != Some(local.date()), "twice on one day");
                    last_day = Some(local.date());
                } else {
                    prop_assert!(local.time() == review && review < asked, "{local}");
                }
            }
            prop_assert!(last_day.is_some());
        }
    }
}
