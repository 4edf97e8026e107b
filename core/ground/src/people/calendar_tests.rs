use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::civil::{Date, Time, date, time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan as _};
use proptest::prelude::*;

use super::*;

fn in_zone(name: &str) -> Calendar {
    Calendar::default().in_zone(TimeZone::get(name).unwrap())
}

fn instant(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

#[test]
fn a_weekend_and_a_holiday_are_skipped() {
    let mut calendar = Calendar::default();
    calendar.holidays.insert(date(2026, 12, 25));
    for (day, next) in [
        (date(2026, 12, 24), date(2026, 12, 24)),
        (date(2026, 12, 25), date(2026, 12, 28)),
        (date(2026, 12, 26), date(2026, 12, 28)),
    ] {
        assert_eq!(calendar.next_working_day(day), next, "{day}");
    }
    assert_eq!(calendar.working_day_after(date(2026, 12, 24)), date(2026, 12, 28));
    // A trainer who is asked on Friday answers by Tuesday.
    assert_eq!(calendar.plus_working_days(date(2026, 11, 27), 2), date(2026, 12, 1));
}

#[test]
fn a_reminder_at_half_past_two_on_the_night_of_the_change_is_sent_once_and_not_lost() {
    let berlin = in_zone("Europe/Berlin");
    // In spring 02:30 does not exist: an hour later. In autumn it happens twice: the first.
    assert_eq!(berlin.at(date(2026, 3, 29), time(2, 30, 0, 0)), instant("2026-03-29T01:30:00Z"));
    assert_eq!(berlin.at(date(2026, 10, 25), time(2, 30, 0, 0)), instant("2026-10-25T00:30:00Z"));
    // Samoa skipped a whole day.
    let apia = in_zone("Pacific/Apia");
    assert_eq!(apia.date(apia.at(date(2011, 12, 30), time(9, 0, 0, 0))), date(2011, 12, 31));
}

#[test]
fn quiet_hours_go_over_midnight_and_follow_the_persons_clock() {
    let tokyo = in_zone("Asia/Tokyo");
    for (at, quiet) in [
        ("2026-11-23T08:59:00Z", false),
        ("2026-11-23T09:00:00Z", true),
        ("2026-11-23T23:59:59Z", true),
        ("2026-11-24T00:00:00Z", false),
    ] {
        assert_eq!(tokyo.is_quiet(instant(at)), quiet, "{at}");
        assert_eq!(tokyo.is_working_time(instant(at)), !quiet, "{at}");
    }
    assert!(!tokyo.is_working_time(instant("2026-11-22T03:00:00Z")), "noon on a Sunday");
}

#[test]
fn the_night_shift_of_friday_ends_on_saturday_morning() {
    let night = Calendar { working_hours: parse_range("22:00-06:00").unwrap(), ..Calendar::default() };
    assert!(night.is_working_time(instant("2026-11-28T05:59:00Z")), "Saturday 05:59 belongs to Friday's shift");
    assert!(!night.is_working_time(instant("2026-11-28T22:30:00Z")), "Saturday night");
    assert!(!night.is_working_time(instant("2026-11-30T05:00:00Z")), "Monday 05:00 belongs to Sunday's shift");
}

#[test]
fn days_and_hours_are_read_as_people_write_them() {
    let week = |s: &str| parse_days(s).map(|d| d.map(|b| if b { 'x' } else { '.' }).iter().collect::<String>());
    for (text, days) in [
        ("Mon-Fri", "xxxxx.."),
        ("Sun-Thu", "xxxx..x"),
        ("mon, Wed ,FRIDAY", "x.x.x.."),
        ("Mon – Thu Sat", "xxxx.x."),
        ("Sa-So", ""),
        ("Mon-Fry", ""),
        ("", ""),
    ] {
        assert_eq!(week(text).unwrap_or_default(), days, "{text}");
    }
    assert_eq!(
        parse_days("Mon-Fryday").unwrap_err().to_string(),
        "'Fryday' is not a day of the week like Mon or Friday; did you mean 'friday'?"
    );
    assert_eq!(parse_range("18:00-09:00").unwrap(), (time(18, 0, 0, 0), time(9, 0, 0, 0)));
    assert_eq!(parse_range(" 9 – 17:30 ").unwrap(), (time(9, 0, 0, 0), time(17, 30, 0, 0)));
    assert!(within(parse_range("00:00-24:00").unwrap(), Time::MAX));
    for wrong in ["18:00", "25:00-09:00", "9-9", "18:0-9", "-", "nine-five", "6pm-9am"] {
        assert!(parse_range(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_location_adds_its_own_days_to_the_organisations() {
    let organisation = Calendar { holidays: [date(2027, 1, 1)].into(), ..Calendar::default() };
    let location = Location {
        name: "Cairo".into(),
        timezone: Some("africa/cairo".into()),
        working_days: Some("Sun-Thu".into()),
        holidays: vec!["2026-10-06".into(), "egypt.ics".into()],
    };
    let ics = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Feast\r\n\
               DTSTART;VALUE=DATE:20270320\r\nDTEND;VALUE=DATE:20270323\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let cairo = location.calendar(&organisation, |_| Ok(ics.into())).unwrap();
    assert_eq!(cairo.zone.iana_name(), Some("Africa/Cairo"));
    assert!(cairo.is_working_day(date(2026, 10, 4)) && !cairo.is_working_day(date(2026, 10, 2)));
    let off = [date(2026, 10, 6), date(2027, 1, 1), date(2027, 3, 20), date(2027, 3, 21), date(2027, 3, 22)];
    assert_eq!(cairo.holidays, BTreeSet::from(off));
    let wrong = Location { timezone: Some("Cairo".into()), ..location };
    let told = wrong.calendar(&organisation, |_| Ok(String::new())).unwrap_err().to_string();
    assert_eq!(told, "location 'Cairo': 'Cairo' is not an IANA time zone like Europe/Lisbon or America/New_York");
}

#[test]
fn a_calendar_file_gives_its_days_or_says_which_event_it_cannot_use() {
    let file = |event: &str| {
        holidays_from_ics(&format!(
            "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\nSUMMARY:Founders\n{event}\nEND:VEVENT\nEND:VCALENDAR\n"
        ))
    };
    assert_eq!(file("DTSTART:20261224T000000").unwrap(), [date(2026, 12, 24)].into());
    assert_eq!(file("DTSTART:20261224\nDURATION:P2D").unwrap(), [date(2026, 12, 24), date(2026, 12, 25)].into());
    assert!(file("DTSTART:20261224\nSTATUS:CANCELLED").unwrap().is_empty());
    let yearly = file("DTSTART;VALUE=DATE:20260501\nRRULE:FREQ=YEARLY;UNTIL=20280501").unwrap();
    assert_eq!(yearly, [date(2026, 5, 1), date(2027, 5, 1), date(2028, 5, 1)].into());
    let leap = file("DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY;COUNT=5").unwrap();
    assert_eq!(leap, [date(2024, 2, 29), date(2028, 2, 29)].into());
    for (event, told) in [
        (
            "DTSTART:20261126\nRRULE:FREQ=YEARLY;BYDAY=4TH",
            "the event 'Founders' repeats by a rule that holidays cannot have: list its dates instead",
        ),
        ("DESCRIPTION:no date", "the event 'Founders' has no date (DTSTART)"),
        ("DTSTART:20261126\nDTEND:20291126", "the event 'Founders' ends before it begins, or lasts longer than a year"),
    ] {
        assert_eq!(file(event).unwrap_err().to_string(), told);
    }
    assert!(holidays_from_ics("<html>").is_err());
}

static ZONES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let names: Vec<String> = jiff::tz::db().available().map(|n| n.as_str().to_owned()).collect();
    names.into_iter().filter(|n| parse_zone(n).is_ok()).collect()
});

/// What `at` promises, checked against the zone itself.
fn at_keeps_its_promise(zone: &str, day: Date, clock: Time) {
    let calendar = in_zone(zone);
    let at = calendar.at(day, clock);
    let local = at.zoned(&calendar.zone).datetime();
    let wanted = day.to_datetime(clock);
    if local == wanted {
        // The first of two: no earlier instant within a day shows the same wall clock.
        for step in 1..=48 {
            let earlier = at.plus(-step * Instant::HOUR / 2);
            assert!(earlier.zoned(&calendar.zone).datetime() != wanted, "{zone} {wanted}: {earlier} is first");
        }
    } else {
        assert!(local > wanted, "{zone}: {wanted} became {local}, which is earlier");
        let zone_says = calendar.zone.to_ambiguous_timestamp(wanted).offset();
        assert!(matches!(zone_says, AmbiguousOffset::Gap { .. }), "{zone}: {wanted} exists, and became {local}");
    }
}

#[test]
fn in_every_zone_every_change_of_the_clocks_of_two_years_is_survived() {
    assert!(ZONES.len() > 400, "only {} zones", ZONES.len());
    let from: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let to: Timestamp = "2028-01-01T00:00:00Z".parse().unwrap();
    for name in ZONES.iter() {
        let zone = TimeZone::get(name).unwrap();
        for change in zone.following(from).take_while(|t| t.timestamp() < to) {
            let local = change.timestamp().to_zoned(zone.clone()).datetime();
            for minutes in [-90, -60, -31, -30, -1, 0, 1, 29, 30, 59, 60, 90] {
                let wall = local.checked_add(minutes.minutes()).unwrap();
                at_keeps_its_promise(name, wall.date(), wall.time());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn at_keeps_its_promise_everywhere(zone in 0..10_000usize, day in -20_000i32..30_000, minute in 0..1440i32) {
        let day = date(1970, 1, 1).checked_add(day.days()).unwrap();
        let clock = Time::midnight().wrapping_add(minute.minutes());
        at_keeps_its_promise(&ZONES[zone % ZONES.len()], day, clock);
    }

    #[test]
    fn what_is_due_on_a_day_off_lands_on_the_next_working_day_and_never_on_a_day_off(
        zone in 0..10_000usize,
        day in 0..30_000i32,
        week in 1..128u8,
        holidays in proptest::collection::vec(0..60i32, 0..20),
    ) {
        let mut calendar = in_zone(&ZONES[zone % ZONES.len()]);
        let day = date(1970, 1, 1).checked_add(day.days()).unwrap();
        calendar.working_days = std::array::from_fn(|i| week >> i & 1 == 1);
        calendar.holidays = holidays.iter().map(|n| day.checked_add(n.days()).unwrap()).collect();
        let next = calendar.next_working_day(day);
        prop_assert!(next >= day && calendar.is_working_day(next));
        let mut between = day;
        while between < next {
            prop_assert!(!calendar.is_working_day(between), "{} was free", between);
            between = between.tomorrow().unwrap();
        }
        // Nine in the morning of that day is on that day, unless the zone skipped the whole day.
        let at = calendar.at(next, time(9, 0, 0, 0));
        let skipped = calendar.zone.to_ambiguous_timestamp(next.at(9, 0, 0, 0)).offset();
        let whole_day_skipped = matches!(skipped, AmbiguousOffset::Gap { .. });
        prop_assert!(calendar.date(at) == next || whole_day_skipped);
        prop_assert!(calendar.working_day_after(day) > day);
    }
}
