//! One person's period as text for people: one line for each day with a message. Long stretches of nothing but lessons and
//! reviews are drawn together, so that a year fits on a screen.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time};
use stoa_flow::words::Words;
use stoa_ground::{Conn, Result};

use super::Line;
use crate::{lessons, training};

/// More days than this are drawn together where only lessons and reviews came.
const SCREEN: usize = 40;

/// What requirements and tracks are called, by id.
#[derive(Clone, Debug, Default)]
pub struct Titles(BTreeMap<String, String>);

impl Titles {
    /// Reads them.
    ///
    /// # Errors
    /// The database's error.
    pub async fn read(conn: &Conn) -> Result<Self> {
        let mut all = lessons::track_titles(conn).await?;
        all.extend(training::requirement::all(conn).await?.into_iter().map(|r| (r.id, r.title)));
        Ok(Self(all))
    }

    fn of<'a>(&'a self, item: &'a str) -> &'a str {
        self.0.get(item).map_or(item, String::as_str)
    }
}

/// A day on which something was sent, or was decided not to be.
struct Day {
    date: Date,
    /// What came, in its order: time, what, and why it came when it did.
    said: Vec<String>,
    /// Only lessons and reviews that came when they were due: kind and time.
    plain: Option<BTreeMap<&'static str, (usize, Time)>>,
}

/// The period of one person, from that person's lines in their order.
#[must_use]
pub fn of_person(lines: &[Line], titles: &Titles) -> String {
    let days = days(lines, titles);
    if days.is_empty() {
        return "Nothing is sent in this period.\n".into();
    }
    let words = Words::english();
    let together = days.len() > SCREEN;
    let mut out = String::new();
    let mut rest = days.as_slice();
    while let Some(day) = rest.first() {
        let run = rest.iter().take_while(|d| together && d.plain.is_some()).count();
        if run > 1 {
            let (some, after) = rest.split_at(run);
            out.push_str(&stretch(words, some));
            rest = after;
        } else {
            out.push_str(&format!("{:<17} {}\n", words.date(day.date), day.said.join("; ")));
            rest = &rest[1..];
        }
    }
    out
}

/// Several days of lessons and reviews as one line.
fn stretch(words: &Words, days: &[Day]) -> String {
    let mut counts: BTreeMap<&str, (usize, Time, Time)> = BTreeMap::new();
    for (kind, (n, time)) in days.iter().filter_map(|d| d.plain.as_ref()).flatten() {
        let entry = counts.entry(kind).or_insert((0, *time, *time));
        *entry = (entry.0 + n, entry.1.min(*time), entry.2.max(*time));
    }
    let clock = |time: Time| words.time(time);
    let said: Vec<String> = counts
        .iter()
        .map(|(kind, (n, first, last))| {
            let at = if first == last { clock(*first) } else { format!("{}-{}", clock(*first), clock(*last)) };
            format!("{at} {kind} ×{n}")
        })
        .collect();
    let (first, last) = (days[0].date, days[days.len() - 1].date);
    format!("{:<17} to {}: {}\n", words.date(first), words.date(last), said.join("; "))
}

fn days(lines: &[Line], titles: &Titles) -> Vec<Day> {
    let mut put_off: BTreeMap<&str, &Line> = BTreeMap::new();
    let mut days: Vec<Day> = Vec::new();
    for line in lines {
        match line.decision.as_str() {
            "later" => {
                put_off.insert(&line.key, line);
            }
            "now" | "withhold" => {
                let Some((date, time)) = local(&line.at) else { continue };
                let waited = put_off.get(line.key.as_str()).copied();
                let said = say(line, waited, time, lines, titles);
                if days.last().is_none_or(|d| d.date != date) {
                    days.push(Day { date, said: Vec::new(), plain: Some(BTreeMap::new()) });
                }
                let Some(day) = days.last_mut() else { continue };
                day.said.push(said);
                let plain = match line.kind.as_str() {
                    "drop" if line.decision == "now" => Some("lesson"),
                    "review" if line.decision == "now" => Some("review"),
                    _ => None,
                };
                day.plain = match (plain, day.plain.take()) {
                    (Some(kind), Some(mut all)) => {
                        all.entry(kind).or_insert((0, time)).0 += 1;
                        Some(all)
                    }
                    _ => None,
                };
            }
            // Merges are said with their digest, edits and what was taken back with nothing.
            _ => {}
        }
    }
    days
}

fn local(at: &str) -> Option<(Date, Time)> {
    Some((at.get(..10)?.parse().ok()?, at.get(11..19)?.parse().ok()?))
}

fn say(line: &Line, waited: Option<&Line>, time: Time, lines: &[Line], titles: &Titles) -> String {
    let clock = Words::english().time(time);
    let what = what(line, lines, titles);
    if line.decision == "withhold" {
        return format!("{clock} not sent: {what} ({})", code(&line.reason));
    }
    let why = match (waited, step(&line.step)) {
        (Some(waited), _) => Some(format!("put off: {}", code(&waited.reason))),
        (None, step) => step,
    };
    match why {
        Some(why) => format!("{clock} {what} ({why})"),
        None => format!("{clock} {what}"),
    }
}

fn what(line: &Line, lines: &[Line], titles: &Titles) -> String {
    match line.kind.as_str() {
        "drop" => format!("lesson: {}", titles.of(&line.item)),
        "learner-digest" => {
            let merged = lines.iter().filter(|l| l.into.as_ref() == Some(&line.key));
            let mut items: Vec<&str> = merged.map(|l| titles.of(&l.item)).collect();
            items.dedup();
            format!("digest: {}", items.join(", "))
        }
        kind if line.item.is_empty() || kind == "review" => kind.to_owned(),
        kind => format!("{kind}: {}", titles.of(&line.item)),
    }
}

/// What a step of a due date means, in words.
fn step(step: &str) -> Option<String> {
    let days = |n: &str| if n == "1" { "1 day".to_owned() } else { format!("{n} days") };
    let step = step.split('@').next().unwrap_or_default();
    if let Some(n) = step.strip_prefix("t-") {
        return Some(format!("the reminder of {} before it is due", days(n)));
    }
    step.strip_prefix("t+").map(|n| format!("{} overdue", days(n)))
}

fn code(reason: &str) -> String {
    match reason {
        "gap" => "too soon after the last message".into(),
        "activity" => "just active".into(),
        "budget" => "the day was full".into(),
        "ramp" => "just back from leave".into(),
        "day-off" => "day off".into(),
        "ignored" => "no reaction to the last ones".into(),
        "stale" => "too late to be of use".into(),
        "left" => "no longer works here".into(),
        other => other.replace('-', " "),
    }
}
