//! Days off from an iCalendar file (RFC 5545).

use std::collections::BTreeSet;

use icalendar::{Component as _, Event};
use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::{Error, Result};

/// The longest that one event may last, and the last year that a yearly event is carried to.
const LONGEST_DAYS: i32 = 366;
const LAST_YEAR: i16 = 2100;

/// Every day that an event of this calendar covers. Cancelled events do not count; events that repeat every year on
/// their date are carried on to the year 2100.
///
/// # Errors
/// [`Error::Invalid`] when the text is no calendar, and naming an event that has no date, that lasts longer than a
/// year, or that repeats by another rule.
pub fn holidays_from_ics(text: &str) -> Result<BTreeSet<Date>> {
    if !text.contains("BEGIN:VCALENDAR") {
        return Err(Error::invalid("this is not an iCalendar file: it does not begin with BEGIN:VCALENDAR"));
    }
    let calendar: icalendar::Calendar = text
        .parse()
        .map_err(|_| Error::invalid("the iCalendar file could not be read: export it again from your calendar"))?;
    let mut days = BTreeSet::new();
    for event in calendar.iter().filter_map(icalendar::CalendarComponent::as_event) {
        if event.property_value("STATUS").is_some_and(|s| s.eq_ignore_ascii_case("CANCELLED")) {
            continue;
        }
        let name = event.property_value("SUMMARY").unwrap_or("without a name");
        add(event, &mut days).map_err(|why| Error::invalid(format!("the event '{name}' {why}")))?;
    }
    Ok(days)
}

fn add(event: &Event, days: &mut BTreeSet<Date>) -> Result<(), &'static str> {
    let first = event.property_value("DTSTART").and_then(day).ok_or("has no date (DTSTART)")?;
    let last = last_day(event, first)?;
    let length = last.since(first).map_err(|_| "has no readable end")?.get_days();
    if !(0..=LONGEST_DAYS).contains(&length) {
        return Err("ends before it begins, or lasts longer than a year");
    }
    for year in 0..=repeats(event, first)? {
        // A 29 February falls away in other years, as RFC 5545 section 3.3.10 says.
        let Some(begins) = Date::new(first.year() + year, first.month(), first.day()).ok() else { continue };
        days.extend((0..=length).filter_map(|n| begins.checked_add(n.days()).ok()));
    }
    Ok(())
}

/// The last day of an event. DTEND of a whole day is not part of the event (RFC 5545 section 3.6.1).
fn last_day(event: &Event, first: Date) -> Result<Date, &'static str> {
    match (event.property_value("DTEND"), event.property_value("DURATION")) {
        (Some(end), _) => {
            let date = day(end).ok_or("has no readable end (DTEND)")?;
            let midnight = end.len() == 8 || end.get(9..15) == Some("000000");
            Ok(if midnight && date > first { date.yesterday().map_err(|_| "has no readable end")? } else { date })
        }
        (None, Some(duration)) => {
            let span: jiff::Span = duration.parse().map_err(|_| "has no readable DURATION")?;
            let end = first.to_datetime(jiff::civil::Time::midnight()).checked_add(span);
            let end = end.map_err(|_| "has no readable DURATION")?;
            Ok(end.checked_sub(1.nanosecond()).map_or(first, jiff::civil::DateTime::date).max(first))
        }
        (None, None) => Ok(first),
    }
}

fn day(value: &str) -> Option<Date> {
    let digits = value.get(..8).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
    Date::new(digits[..4].parse().ok()?, digits[4..6].parse().ok()?, digits[6..].parse().ok()?).ok()
}

/// In how many later years the event comes again.
fn repeats(event: &Event, first: Date) -> Result<i16, &'static str> {
    const UNKNOWN: &str = "repeats by a rule that holidays cannot have: list its dates instead";
    let Some(rule) = event.property_value("RRULE") else { return Ok(0) };
    let mut years = (LAST_YEAR - first.year()).max(0);
    let mut yearly = false;
    for part in rule.split(';').filter(|p| !p.is_empty()) {
        let (name, value) = part.split_once('=').ok_or(UNKNOWN)?;
        match name.to_ascii_uppercase().as_str() {
            "FREQ" => yearly = value.eq_ignore_ascii_case("YEARLY"),
            "INTERVAL" if value == "1" => {}
            "BYMONTH" if value.parse() == Ok(first.month()) => {}
            "BYMONTHDAY" if value.parse() == Ok(first.day()) => {}
            "WKST" => {}
            "COUNT" => years = years.min(value.parse::<i16>().map_err(|_| UNKNOWN)?.saturating_sub(1).max(0)),
            "UNTIL" => {
                let until = day(value).ok_or(UNKNOWN)?;
                let passed = (until.month(), until.day()) < (first.month(), first.day());
                years = years.min(until.year() - first.year() - i16::from(passed));
            }
            _ => return Err(UNKNOWN),
        }
    }
    if yearly { Ok(years.max(0)) } else { Err(UNKNOWN) }
}
