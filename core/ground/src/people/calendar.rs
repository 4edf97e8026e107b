//! Calendars: in which zone, on which days and at which hours people of a location work. Pure values and functions.

use std::collections::BTreeSet;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::holidays::holidays_from_ics;
use super::text::nearest;
use crate::{Error, Instant, Result};

/// A range of hours of the day: the first moment that belongs to it, and the first that does not. A range whose end is
/// not after its start goes over midnight. [`Time::MAX`] as end means midnight.
pub type Hours = (Time, Time);

/// A place whose days differ. What is missing is the organisation's; its holidays are added to the organisation's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// As the roster's column `location` says it; compared in any case.
    #[schemars(example = &"Bangalore")]
    pub name: String,
    /// IANA zone.
    #[serde(default)]
    #[schemars(example = &"Asia/Kolkata")]
    pub timezone: Option<String>,
    /// For example `Mon-Fri` or `Sun-Thu`.
    #[serde(default)]
    #[schemars(example = &"Sun-Thu")]
    pub working_days: Option<String>,
    /// Dates like `2026-12-25`, and names of `.ics` files.
    #[serde(default)]
    #[schemars(example = &["2026-12-25", "india.ics"])]
    pub holidays: Vec<String>,
}

impl Location {
    /// The calendar of this location: its own zone, days and holidays, and the organisation's where it says nothing.
    /// Holidays of both add up. `read` gives the text of an `.ics` file that is named here.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the location and what is wrong with it; the error of `read`.
    pub fn calendar(&self, organisation: &Calendar, read: impl Fn(&str) -> Result<String>) -> Result<Calendar> {
        let here = |e: Error| Error::invalid(format!("location '{}': {e}", self.name));
        let mut calendar = organisation.clone();
        if let Some(zone) = &self.timezone {
            calendar.zone = parse_zone(zone).map_err(here)?;
        }
        if let Some(days) = &self.working_days {
            calendar.working_days = parse_days(days).map_err(here)?;
        }
        calendar.holidays.extend(parse_holidays(&self.holidays, read).map_err(here)?);
        Ok(calendar)
    }
}

/// When people of a location work and when they must not be disturbed.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// The zone in which days and hours are counted.
    pub zone: TimeZone,
    /// Monday first.
    pub working_days: [bool; 7],
    /// Days off.
    pub holidays: BTreeSet<Date>,
    /// Hours of work on a working day.
    pub working_hours: Hours,
    /// Hours in which nothing unsolicited is sent, on any day.
    pub quiet_hours: Option<Hours>,
}

impl Default for Calendar {
    /// Monday to Friday, 09:00 to 18:00, quiet from 18:00 to 09:00, in UTC.
    fn default() -> Self {
        let (nine, six) = (Time::constant(9, 0, 0, 0), Time::constant(18, 0, 0, 0));
        Self {
            zone: TimeZone::UTC,
            working_days: [true, true, true, true, true, false, false],
            holidays: BTreeSet::new(),
            working_hours: (nine, six),
            quiet_hours: Some((six, nine)),
        }
    }
}

/// How far [`Calendar::next_working_day`] looks: ten years.
const HORIZON_DAYS: usize = 3_660;

/// The most by which the same time of day is apart in two zones, in microseconds: UTC+14 and UTC-12.
pub const ZONES_APART: i64 = 26 * Instant::HOUR;

impl Calendar {
    /// This calendar in the zone of one person.
    #[must_use]
    pub fn in_zone(&self, zone: TimeZone) -> Self {
        Self { zone, ..self.clone() }
    }

    /// Whether people work on this day.
    #[must_use]
    pub fn is_working_day(&self, date: Date) -> bool {
        self.working_days[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs())]
            && !self.holidays.contains(&date)
    }

    /// The first working day on or after this day. A calendar without any within ten years gives the day itself.
    #[must_use]
    pub fn next_working_day(&self, date: Date) -> Date {
        let mut day = Some(date);
        for _ in 0..HORIZON_DAYS {
            match day {
                Some(d) if self.is_working_day(d) => return d,
                Some(d) => day = d.tomorrow().ok(),
                None => break,
            }
        }
        date
    }

    /// The first working day after this day.
    #[must_use]
    pub fn working_day_after(&self, date: Date) -> Date {
        date.tomorrow().map_or(date, |d| self.next_working_day(d))
    }

    /// The working day that is `count` working days after this day; for 0 the first on or after it. ("Within two
    /// business days" of Friday is Tuesday.)
    #[must_use]
    pub fn plus_working_days(&self, date: Date, count: u32) -> Date {
        (0..count).fold(self.next_working_day(date), |day, _| self.working_day_after(day))
    }

    /// The instant of a wall-clock time on a day. A time that the clocks skip is moved later by what they skip; of a
    /// time that happens twice it is the first.
    #[must_use]
    pub fn at(&self, date: Date, time: Time) -> Instant {
        let local = date.to_datetime(time);
        // Only at the two ends of jiff's range of years is there no answer; UTC is as good as any there.
        let found = self.zone.to_ambiguous_timestamp(local).compatible();
        found.map_or_else(
            |_| {
                let utc = TimeZone::UTC.to_ambiguous_timestamp(local).compatible();
                utc.map_or(Instant(i64::MAX), Instant::from)
            },
            Instant::from,
        )
    }

    /// The last second of a day here, also of one whose last hour comes twice.
    #[must_use]
    pub fn end_of(&self, date: Date) -> Instant {
        self.at(date.tomorrow().unwrap_or(date), Time::midnight()).plus(-Instant::SECOND)
    }

    /// The day that it is here at an instant.
    #[must_use]
    pub fn date(&self, at: Instant) -> Date {
        at.zoned(&self.zone).date()
    }

    /// The time of day that it is here at an instant.
    #[must_use]
    pub fn time(&self, at: Instant) -> Time {
        at.zoned(&self.zone).time()
    }

    /// Sets somebody's own quiet hours. False, and nothing is set, when they would leave less than an hour of work in which
    /// they can be written to.
    pub fn keep_quiet(&mut self, hours: Hours) -> bool {
        let before = self.quiet_hours.replace(hours);
        let free = self.has_free_hour();
        if !free {
            self.quiet_hours = before;
        }
        free
    }

    /// Whether at least an hour of the working hours is not quiet.
    #[must_use]
    pub fn has_free_hour(&self) -> bool {
        let times = (0..24).flat_map(|hour| (0..60).map(move |minute| Time::constant(hour, minute, 0, 0)));
        let quiet = |time| self.quiet_hours.is_some_and(|hours| within(hours, time));
        times.filter(|time| within(self.working_hours, *time) && !quiet(*time)).count() >= 60
    }

    /// Whether an instant is in the quiet hours.
    #[must_use]
    pub fn is_quiet(&self, at: Instant) -> bool {
        self.quiet_hours.is_some_and(|hours| within(hours, self.time(at)))
    }

    /// Whether people work at an instant: a working day, in working hours. (Hours over midnight belong to the day on
    /// which they began.)
    #[must_use]
    pub fn is_working_time(&self, at: Instant) -> bool {
        let (date, time) = (self.date(at), self.time(at));
        let (start, end) = self.working_hours;
        let began = if start >= end && time < end { date.yesterday().unwrap_or(date) } else { date };
        within(self.working_hours, time) && self.is_working_day(began)
    }
}

/// Whether a time of day is in a range of hours, also one that goes over midnight.
#[must_use]
pub fn within((start, end): Hours, time: Time) -> bool {
    let before_end = time < end || end == Time::MAX;
    if start < end { time >= start && before_end } else { time >= start || before_end }
}

/// Reads an IANA zone name, in any case.
///
/// # Errors
/// [`Error::Invalid`] with an example.
pub fn parse_zone(text: &str) -> Result<TimeZone> {
    let name = text.trim();
    let known = !name.is_empty() && !name.starts_with("posix") && !name.eq_ignore_ascii_case("Etc/Unknown");
    TimeZone::get(name).ok().filter(|zone| known && zone.iana_name().is_some()).ok_or_else(|| {
        Error::invalid(format!("'{name}' is not an IANA time zone like Europe/Lisbon or America/New_York"))
    })
}

/// Reads working days: names or ranges of days, separated by commas or spaces (`Mon-Fri`, `Sun-Thu`, `Mon, Wed, Fri`,
/// `monday-thursday sat`). A range may go over the end of the week.
///
/// # Errors
/// [`Error::Invalid`] naming the word that is wrong.
pub fn parse_days(text: &str) -> Result<[bool; 7]> {
    let joined = text.replace(['–', '—'], "-").replace(" - ", "-");
    let mut days = [false; 7];
    for word in joined.split([',', ';', ' ']).map(str::trim).filter(|w| !w.is_empty()) {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (mut day, last) = (parse_day(first)?, parse_day(last)?);
        loop {
            days[usize::from(day.to_monday_zero_offset().unsigned_abs())] = true;
            if day == last {
                break;
            }
            day = day.next();
        }
    }
    if days == [false; 7] {
        return Err(Error::invalid("working days need at least one day, for example Mon-Fri"));
    }
    Ok(days)
}

fn parse_day(text: &str) -> Result<Weekday> {
    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let word = text.trim().to_lowercase();
    let found = NAMES.iter().position(|n| word.len() >= 2 && n.starts_with(&word));
    found.and_then(|i| Weekday::from_monday_zero_offset(i8::try_from(i).ok()?).ok()).ok_or_else(|| {
        let hint = nearest(&word, NAMES).map_or(String::new(), |n| format!("; did you mean '{n}'?"));
        Error::invalid(format!("'{}' is not a day of the week like Mon or Friday{hint}", text.trim()))
    })
}

/// Reads a range of hours like `18:00-09:00`, `9-17` or `00:00-24:00`.
///
/// # Errors
/// [`Error::Invalid`] naming the part that is wrong; a range that has no length.
pub fn parse_range(text: &str) -> Result<Hours> {
    let plain = text.replace(['–', '—'], "-");
    let Some((start, end)) = plain.split_once('-') else {
        return Err(Error::invalid(format!("'{}' is not a range of hours like 18:00-09:00", text.trim())));
    };
    let start = parse_time(start)?;
    let end = if matches!(end.trim(), "24" | "24:00") { Time::MAX } else { parse_time(end)? };
    if start == end {
        return Err(Error::invalid(format!("'{}' begins and ends at the same time", text.trim())));
    }
    Ok((start, end))
}

/// Reads a time of day: `9`, `09:30`, `18:00`.
///
/// # Errors
/// [`Error::Invalid`] with an example.
pub fn parse_time(text: &str) -> Result<Time> {
    let text = text.trim();
    let (hour, minute) = text.split_once(':').unwrap_or((text, "00"));
    let digits = |s: &str, most: usize| (1..=most).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
    let read = || {
        if !digits(hour, 2) || minute.len() != 2 || !digits(minute, 2) {
            return None;
        }
        Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
    };
    read().ok_or_else(|| Error::invalid(format!("'{text}' is not a time of day like 09:00")))
}

/// Reads days off: dates like `2026-12-25`, and the events of the `.ics` files that are named; `read` gives a file's text.
///
/// # Errors
/// [`Error::Invalid`] naming the entry; the error of `read`.
pub fn parse_holidays(entries: &[String], read: impl Fn(&str) -> Result<String>) -> Result<BTreeSet<Date>> {
    let mut days = BTreeSet::new();
    for entry in entries {
        let is_file = std::path::Path::new(entry).extension().is_some_and(|e| e.eq_ignore_ascii_case("ics"));
        if is_file {
            let found = holidays_from_ics(&read(entry)?).map_err(|e| Error::invalid(format!("{entry}: {e}")))?;
            days.extend(found);
        } else {
            let date = parse_date(entry).ok_or_else(|| {
                Error::invalid(format!("'{entry}' is neither a date like 2026-12-25 nor an .ics file"))
            })?;
            days.insert(date);
        }
    }
    Ok(days)
}

/// Reads an ISO 8601 calendar date, `YYYY-MM-DD` and nothing else.
#[must_use]
pub fn parse_date(text: &str) -> Option<Date> {
    let text = text.trim();
    let shape = text.len() == 10
        && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    if shape { text.parse().ok() } else { None }
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
