//! The calendar entry for the moment that somebody chose for a course, as an iCalendar file (RFC 5545, RFC 5546). It lies
//! under an address that only the person is told, and is made when it is asked for: as long as the training is open it says
//! when, and from then on that it is cancelled. (The library that reads calendars of holidays writes no zones.)

use std::fmt::Write as _;

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use stoa_flow::Organisation;
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::{Conn, Instant, Result, Tx};
use stoa_ground::{ledger, people};

use super::assignment::Assignment;
use super::progress::{self, Progress};
use super::state::Change;
use super::{assignment, course, requirement};
use crate::Services;

/// The least time that is kept free, in minutes.
const LEAST_MINUTES: u32 = 15;
/// The most octets of a line, without its end.
const WIDTH: usize = 75;

/// A calendar file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// `PUBLISH` or `CANCEL`.
    pub method: &'static str,
    /// The text, with the line ends of RFC 5545.
    pub text: String,
}

/// What a calendar needs to know of the moment.
#[derive(Clone, Debug)]
struct Event {
    uid: String,
    /// Rises with each choice, and with each end and each time that it stands again (RFC 5546, section 2.1.4).
    sequence: u32,
    stamp: Instant,
    start: Instant,
    zone: TimeZone,
    minutes: u32,
    title: String,
    about: String,
    cancelled: bool,
}

/// Gives the file a token, which stays the same, where people can reach the server. The caller stores the progress.
pub(super) fn offer(tx: &Tx, s: &Services, progress: &mut Progress) {
    if s.training.public_url.is_some() {
        progress.calendar.get_or_insert_with(|| tx.clock().secret());
    }
}

/// A link to the file that was offered, as CommonMark, if one was.
pub(super) fn link(s: &Services, progress: &Progress, label: &str) -> Option<String> {
    let token = progress.calendar.as_deref()?;
    Some(format!("[{label}](<{}>)", s.training.address(&format!("calendar/{token}.ics"))?))
}

/// The file under a token, as things are now; nothing for one that nobody was given.
///
/// # Errors
/// The database's error.
pub async fn file(conn: &Conn, organisation: &Organisation, token: &str) -> Result<Option<File>> {
    let Some(id) = progress::by_calendar(conn, token).await? else { return Ok(None) };
    let (Some(a), progress) = (assignment::by_id(conn, &id).await?, progress::load(conn, &id).await?) else {
        return Ok(None);
    };
    let (Some(person), Some(start)) = (people::by_id(conn, &a.person).await?, progress.planned) else {
        return Ok(None);
    };
    let words = Words::of(person.language());
    let (_, content) = course::read_in(conn, &a).await?;
    let host = organisation.iri.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or("stoa");
    let cancelled = !is_on(&a);
    let due = words.date(a.due.date);
    let event = Event {
        uid: format!("{id}@{host}"),
        sequence: progress.plans.saturating_add(again(conn, &id).await?).saturating_mul(2) + u32::from(cancelled),
        stamp: conn.now(),
        start,
        zone: people::zone(&person),
        minutes: content.min_minutes.max(LEAST_MINUTES),
        title: requirement::by_id(conn, &a.requirement).await?.title,
        about: say!(words, "training-calendar-about", due = due),
        cancelled,
    };
    Ok(Some(File { method: event.method(), text: event.text() }))
}

/// How often what had been cancelled came to stand again: after a leave, or because it is required after all.
async fn again(conn: &Conn, assignment: &str) -> Result<u32> {
    let records = ledger::of_subject(conn, &format!("assignment/{assignment}")).await?;
    let kinds = [Change::Resumed.name(), Change::Reinstated.name()];
    let count = records.iter().filter(|record| kinds.contains(&record.kind.as_str())).count();
    Ok(u32::try_from(count).unwrap_or_default())
}

/// Whether somebody has still to do it at the moment that they chose.
fn is_on(a: &Assignment) -> bool {
    a.state.is_running()
}

impl Event {
    fn method(&self) -> &'static str {
        if self.cancelled { "CANCEL" } else { "PUBLISH" }
    }

    fn text(&self) -> String {
        let name = self.zone.iana_name().unwrap_or("UTC");
        let is_utc = name == "UTC";
        let local = self.start.zoned(&self.zone).strftime("%Y%m%dT%H%M%S").to_string();
        let mut text = String::new();
        let mut line = |content: &str| fold(&mut text, content);
        line("BEGIN:VCALENDAR");
        line("VERSION:2.0");
        line("PRODID:-//Stoa//Stoa//EN");
        line("CALSCALE:GREGORIAN");
        line(&format!("METHOD:{}", self.method()));
        if !is_utc {
            for content in observance(&self.zone, name, self.start) {
                line(&content);
            }
        }
        line("BEGIN:VEVENT");
        line(&format!("UID:{}", escaped(&self.uid)));
        line(&format!("SEQUENCE:{}", self.sequence));
        line(&format!("DTSTAMP:{}", utc(self.stamp)));
        if is_utc {
            line(&format!("DTSTART:{}", utc(self.start)));
        } else {
            line(&format!("DTSTART;TZID={name}:{local}"));
        }
        line(&format!("DURATION:PT{}M", self.minutes));
        line(&format!("SUMMARY:{}", escaped(&self.title)));
        line(&format!("DESCRIPTION:{}", escaped(&self.about)));
        line(if self.cancelled { "STATUS:CANCELLED" } else { "STATUS:CONFIRMED" });
        line(if self.cancelled { "TRANSP:TRANSPARENT" } else { "TRANSP:OPAQUE" });
        line("END:VEVENT");
        line("END:VCALENDAR");
        text
    }
}

fn utc(at: Instant) -> String {
    at.zoned(&TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The zone as it is at that moment: the part of its history in which the moment is.
fn observance(zone: &TimeZone, name: &str, at: Instant) -> Vec<String> {
    let moment = at.zoned(zone).timestamp();
    let info = zone.to_offset_info(moment);
    let since = zone.preceding(after(moment)).next();
    let before = since.as_ref().map_or(info.offset(), |since| {
        zone.to_offset(since.timestamp().saturating_sub(SignedDuration::from_secs(1)).unwrap_or(since.timestamp()))
    });
    // Told in the time that was on the clocks before.
    let onset = since.map_or_else(
        || "19700101T000000".to_owned(),
        |since| before.to_datetime(since.timestamp()).strftime("%Y%m%dT%H%M%S").to_string(),
    );
    let kind = if info.dst().is_dst() { "DAYLIGHT" } else { "STANDARD" };
    vec![
        "BEGIN:VTIMEZONE".to_owned(),
        format!("TZID:{name}"),
        format!("BEGIN:{kind}"),
        format!("DTSTART:{onset}"),
        format!("TZOFFSETFROM:{}", offset(before)),
        format!("TZOFFSETTO:{}", offset(info.offset())),
        format!("TZNAME:{}", info.abbreviation()),
        format!("END:{kind}"),
        "END:VTIMEZONE".to_owned(),
    ]
}

/// So that a change at this very moment counts.
fn after(moment: Timestamp) -> Timestamp {
    moment.checked_add(SignedDuration::from_secs(1)).unwrap_or(moment)
}

/// `+0100`, with seconds only where there are some.
fn offset(offset: Offset) -> String {
    let seconds = offset.seconds();
    let (sign, all) = (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs());
    let mut text = format!("{sign}{:02}{:02}", all / 3600, all / 60 % 60);
    if all % 60 > 0 {
        let _ = write!(text, "{:02}", all % 60);
    }
    text
}

/// Text in a property (section 3.3.11).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// A content line, in pieces of at most 75 octets (section 3.1).
fn fold(text: &mut String, content: &str) {
    let mut width = 0;
    for c in content.chars() {
        if width + c.len_utf8() > WIDTH {
            text.push_str("\r\n ");
            width = 1;
        }
        text.push(c);
        width += c.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(zone: &str, start: &str) -> Event {
        Event {
            uid: "4711@learn.example.org".into(),
            sequence: 2,
            stamp: Instant::parse("2026-11-23T09:00:00Z").unwrap(),
            start: Instant::parse(start).unwrap(),
            zone: TimeZone::get(zone).unwrap(),
            minutes: 20,
            title: "Fire safety; stairs, lifts".into(),
            about: "Due Mon, 7 Dec 2026. To begin, type “training” in the chat.".into(),
            cancelled: false,
        }
    }

    #[test]
    fn a_chosen_moment_is_a_calendar_entry_in_the_persons_zone() {
        insta::assert_snapshot!(event("America/New_York", "2026-12-01T14:00:00Z").text().replace('\r', ""), @r"
        BEGIN:VCALENDAR
        VERSION:2.0
        PRODID:-//Stoa//Stoa//EN
        CALSCALE:GREGORIAN
        METHOD:PUBLISH
        BEGIN:VTIMEZONE
        TZID:America/New_York
        BEGIN:STANDARD
        DTSTART:20261101T020000
        TZOFFSETFROM:-0400
        TZOFFSETTO:-0500
        TZNAME:EST
        END:STANDARD
        END:VTIMEZONE
        BEGIN:VEVENT
        UID:4711@learn.example.org
        SEQUENCE:2
        DTSTAMP:20261123T090000Z
        DTSTART;TZID=America/New_York:20261201T090000
        DURATION:PT20M
        SUMMARY:Fire safety\; stairs\, lifts
        DESCRIPTION:Due Mon\, 7 Dec 2026. To begin\, type “training” in the cha
         t.
        STATUS:CONFIRMED
        TRANSP:OPAQUE
        END:VEVENT
        END:VCALENDAR
        ");
        let utc = Event { cancelled: true, ..event("UTC", "2026-12-01T14:00:00Z") }.text();
        assert!(utc.contains("METHOD:CANCEL\r\n") && utc.contains("STATUS:CANCELLED\r\n"), "{utc}");
        assert!(utc.contains("DTSTART:20261201T140000Z\r\n") && !utc.contains("VTIMEZONE"), "{utc}");
    }

    fn zones() -> Vec<String> {
        jiff::tz::db().available().map(|name| name.to_string()).collect()
    }

    /// The value behind the one property with this name.
    fn value<'t>(lines: &'t [String], name: &str) -> &'t str {
        lines.iter().find_map(|l| l.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {lines:?}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

        /// In every zone and at any time: read back with nothing but the file, it is the same instant; no line is too long, and
        /// no text leaves its line.
        #[test]
        fn the_file_says_the_instant_in_every_zone(
            zone in prop::sample::select(zones()),
            seconds in 631_152_000i64..2_200_000_000,
            title in "\\PC{0,200}",
        ) {
            let start = Instant(seconds * Instant::SECOND);
            let e = Event { start, zone: TimeZone::get(&zone).unwrap(), title: title.clone(), ..event("UTC", "2026-12-01T14:00:00Z") };
            let text = e.text();
            prop_assert!(text.split("\r\n").all(|line| line.len() <= WIDTH && !line.contains(['\r', '\n'])));
            let lines: Vec<String> = text.replace("\r\n ", "").split("\r\n").map(str::to_owned).collect();
            let back = value(&lines, "SUMMARY:").replace("\\,", ",").replace("\\;", ";").replace("\\\\", "\\");
            prop_assert_eq!(back, title.chars().filter(|c| !c.is_control()).collect::<String>());
            let Some(stated) = lines.iter().find_map(|line| line.strip_prefix("DTSTART;TZID=")) else {
                prop_assert_eq!(value(&lines, "DTSTART:"), utc(start));
                return Ok(());
            };
            let (_, local) = stated.split_once(':').unwrap();
            let local = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", local).unwrap();
            let to = value(&lines, "TZOFFSETTO:");
            let part = |range: std::ops::Range<usize>| to.get(range).map_or(0, |text| text.parse::<i32>().unwrap());
            let sign = if to.starts_with('-') { -1 } else { 1 };
            let offset = sign * (part(1..3) * 3600 + part(3..5) * 60 + if to.len() > 5 { part(5..7) } else { 0 });
            let offset = Offset::from_seconds(offset).unwrap();
            prop_assert_eq!(offset.to_timestamp(local).unwrap().as_microsecond(), start.0);
        }
    }
}
