//! When somebody is away: the leave that the roster has, those that are known beside it, and the day of the return.
//!
//! A leave that somebody tells ends none that is known. A roster does: another leave in its columns takes the place of the one
//! there, unless it begins while that one goes on; empty columns end all; and the status `active` ends a leave without an end.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::store::{by_id, write_leaves};
use super::{Person, Status, zone};
use crate::{Result, Tx};

/// First and last day of a leave, both inclusive; the one that is missing is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// The first day.
    pub first: Option<Date>,
    /// The last day.
    pub last: Option<Date>,
}

impl Leave {
    fn has_begun(&self, today: Date) -> bool {
        self.first.is_none_or(|first| first <= today)
    }

    fn is_over(&self, today: Date) -> bool {
        self.last.is_some_and(|last| last < today)
    }

    fn covers(&self, date: Date) -> bool {
        self.has_begun(date) && !self.is_over(date)
    }
}

/// When somebody who works here is away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Absence {
    /// All leaves that are known.
    pub leaves: Vec<Leave>,
    /// The day since which they are back from a leave that is not among these any more.
    pub back: Option<Date>,
}

impl Absence {
    /// Of a person, whatever has become of them.
    #[must_use]
    pub fn of(person: &Person) -> Self {
        let leaves = of_roster(person).into_iter().chain(person.other_leaves.iter().copied()).collect();
        Self { leaves, back: person.back_since }
    }

    /// Whether a day belongs to a leave.
    #[must_use]
    pub fn away(&self, date: Date) -> bool {
        self.leaves.iter().any(|leave| leave.covers(date))
    }

    /// The first day of the leave to which a day belongs, as far as it is known.
    #[must_use]
    pub fn since(&self, date: Date) -> Option<Date> {
        self.leaves.iter().filter(|leave| leave.covers(date)).filter_map(|leave| leave.first).min()
    }

    /// The day on which they came back last, for who is not away on the day `today`.
    #[must_use]
    pub fn back(&self, today: Date) -> Option<Date> {
        let ends = self.leaves.iter().filter_map(|leave| leave.last?.tomorrow().ok());
        ends.chain(self.back).filter(|day| *day <= today).max()
    }

    /// The first day after the leave to which a day belongs, as far as it is known; leaves that follow on each other are one.
    #[must_use]
    pub fn over(&self, date: Date) -> Option<Date> {
        let mut day = date;
        while self.away(day) {
            let ends = self.leaves.iter().filter(|leave| leave.covers(day)).map(|leave| leave.last);
            day = ends.collect::<Option<Vec<Date>>>()?.into_iter().max()?.tomorrow().ok()?;
        }
        Some(day)
    }

    /// The days on which a leave begins, or is over.
    pub fn turns(&self) -> impl Iterator<Item = Date> {
        self.leaves.iter().flat_map(|leave| [leave.first, leave.last.and_then(|last| last.tomorrow().ok())]).flatten()
    }
}

/// The leave that stands in the roster's columns. The status `leave` without any dates is one without beginning and end.
fn of_roster(person: &Person) -> Option<Leave> {
    let leave = Leave { first: person.leave_from, last: person.leave_to };
    (leave.first.is_some() || person.status == Status::Leave).then_some(leave)
}

/// Somebody tells when a person is on leave. It holds beside what is known, until a roster says that there is no leave. Nothing
/// changes for somebody who left.
///
/// # Errors
/// The database's error.
pub async fn add_leave(tx: &Tx, person: &str, leave: Leave) -> Result<()> {
    let Some(before) = by_id(tx, person).await?.filter(|p| p.status != Status::Left) else { return Ok(()) };
    let mut after = before.clone();
    let today = tx.now().zoned(&zone(&before)).date();
    after.take_leave(leave);
    after.remember_return(&before, today);
    write_leaves(tx, &after).await
}

/// What a row of a roster says of leaves beside the dates in it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    /// It has the column for the first day.
    pub leave: bool,
    /// It says the status `active`.
    pub active: bool,
}

impl Person {
    fn take_leave(&mut self, leave: Leave) {
        if !Absence::of(self).leaves.contains(&leave) {
            self.other_leaves.push(leave);
        }
    }

    /// What else follows, on the person's day `today`, when a roster makes this of `before`.
    pub(super) fn follow_roster(&mut self, before: &Self, said: Said, today: Date) {
        let (was, is) = (of_roster(before), of_roster(self));
        if said.leave && is.is_none() {
            self.other_leaves.clear();
        } else if let (Some(was), Some(is)) = (was, is)
            && was.covers(today)
            && !is.has_begun(today)
        {
            self.other_leaves.push(was);
        }
        if said.active {
            let endless = |leave: &Leave| leave.last.is_none() && leave.has_begun(today);
            if !said.leave && is.is_some_and(|leave| endless(&leave)) {
                self.leave_from = None;
            }
            self.other_leaves.retain(|leave| !endless(leave));
        }
        self.remember_return(before, today);
    }

    /// Keeps the day of a return that would be forgotten with the leave, and drops leaves that are over.
    fn remember_return(&mut self, before: &Self, today: Date) {
        let (was, is) = (Absence::of(before), Absence::of(self));
        if was.leaves == is.leaves {
            return;
        }
        self.back_since = if was.away(today) && !is.away(today) { Some(today) } else { was.back(today) };
        self.other_leaves.retain(|leave| !leave.is_over(today));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn leave(first: i8, last: i8) -> Leave {
        Leave { first: Some(date(2026, 12, first)), last: Some(date(2026, 12, last)) }
    }

    fn with(own: Option<Leave>, others: &[Leave]) -> Person {
        let mut person = Person::new("p".into(), "E1", "Ana");
        (person.leave_from, person.leave_to) = own.map_or((None, None), |leave| (leave.first, leave.last));
        person.other_leaves = others.to_vec();
        person
    }

    /// The days of December on which somebody is away: `1-3 20`.
    fn days(person: &Person) -> String {
        let absence = Absence::of(person);
        let away: Vec<i8> = (1..=31).filter(|day| absence.away(date(2026, 12, *day))).collect();
        let parts = away.chunk_by(|a, b| a + 1 == *b).map(|part| match part {
            [day] => day.to_string(),
            _ => format!("{}-{}", part[0], part[part.len() - 1]),
        });
        parts.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_leave_that_becomes_known_ends_none() {
        let mut person = with(None, &[]);
        for (new, expected) in [(leave(1, 10), "1-10"), (leave(20, 27), "1-10 20-27"), (leave(8, 12), "1-12 20-27")] {
            person.take_leave(new);
            assert_eq!(days(&person), expected);
        }
        person.take_leave(leave(20, 27));
        assert_eq!(person.other_leaves.len(), 3, "what is known already");
        let endless = with(Some(Leave { first: Some(date(2026, 12, 28)), last: None }), &[leave(3, 4)]);
        assert_eq!(days(&endless), "3-4 28-31");
        assert_eq!(Absence::of(&endless).since(date(2026, 12, 30)), Some(date(2026, 12, 28)));
    }

    #[test]
    fn a_roster_corrects_a_leave_and_a_later_one_does_not_end_the_one_that_goes_on() {
        let columns = Said { leave: true, active: false };
        let status = Said { leave: false, active: true };
        let none = Person::clone;
        let to = |leave: Leave| move |p: &Person| Person { leave_from: leave.first, leave_to: leave.last, ..p.clone() };
        let to_none = |p: &Person| Person { leave_from: None, leave_to: None, ..p.clone() };
        let endless = Leave { first: Some(date(2026, 12, 1)), last: None };
        // The leaves before, what the roster makes of them, what else it says, and the day; then the days away, and the return.
        type Change<'a> = &'a dyn Fn(&Person) -> Person;
        type Case<'a> = (Person, Change<'a>, Said, i8, &'static str, Option<i8>);
        let cases: [Case<'_>; 9] = [
            (with(Some(leave(1, 10)), &[]), &to(leave(20, 27)), columns, 5, "1-10 20-27", None),
            (with(Some(leave(1, 10)), &[]), &to(leave(1, 7)), columns, 5, "1-7", None),
            (with(Some(leave(10, 12)), &[]), &to(leave(20, 27)), columns, 5, "20-27", None),
            (with(Some(leave(1, 3)), &[]), &to(leave(20, 27)), columns, 5, "20-27", Some(4)),
            (with(Some(leave(1, 10)), &[leave(20, 27)]), &to_none, columns, 5, "", Some(5)),
            (with(Some(endless), &[]), &none, status, 5, "", Some(5)),
            (with(Some(leave(1, 10)), &[endless]), &none, status, 5, "1-10", None),
            (with(Some(endless), &[]), &none, Said { leave: true, active: true }, 5, "1-31", None),
            (with(Some(endless), &[]), &to(leave(20, 27)), Said { leave: true, active: true }, 5, "20-27", Some(5)),
        ];
        for (n, (before, change, said, today, expected, back)) in cases.into_iter().enumerate() {
            let today = date(2026, 12, today);
            let mut after = change(&before);
            after.follow_roster(&before, said, today);
            assert_eq!(days(&after), expected, "case {n}");
            let back = back.map(|day| date(2026, 12, day));
            assert_eq!(Absence::of(&after).back(today), back, "case {n}");
            let again = after.clone();
            after.follow_roster(&again, said, today);
            assert_eq!(after, again, "case {n}: the same roster once more changes nothing");
        }
    }

    #[test]
    fn the_day_of_the_return_follows_from_the_dates_and_is_kept_when_they_go() {
        let person = with(Some(leave(1, 10)), &[]);
        for (day, expected) in [(10, None), (11, Some(11)), (17, Some(11))] {
            let back = Absence::of(&person).back(date(2026, 12, day));
            assert_eq!(back, expected.map(|day| date(2026, 12, day)), "on {day} December");
        }
        let before = Person { status: Status::Leave, ..with(None, &[]) };
        let mut after = Person { status: Status::Active, ..before.clone() };
        after.follow_roster(&before, Said { leave: false, active: true }, date(2026, 12, 9));
        assert_eq!(Absence::of(&after).back(date(2026, 12, 12)), Some(date(2026, 12, 9)));
    }
}
