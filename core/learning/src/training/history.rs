//! How assignments stood at a past moment, from the records of the ledger.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use stoa_ground::ledger;
use stoa_ground::people::calendar::{Calendar, parse_date};
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Error, Instant, Result};

use super::assignment::{self, Assignment};
use super::due;

/// A past moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// The end of a day, for each person in their own zone.
    Day(Date),
    /// An instant.
    At(Instant),
}

impl AsOf {
    /// The instant that it is for a person.
    #[must_use]
    pub fn instant(self, person: &Person) -> Instant {
        match self {
            Self::Day(date) => due::ends(&Calendar::default().in_zone(people::zone(person)), date).at,
            Self::At(at) => at,
        }
    }

    /// Whether it has begun for a person.
    #[must_use]
    pub fn has_come(self, now: Instant, person: &Person) -> bool {
        match self {
            Self::Day(date) => now.zoned(&people::zone(person)).date() >= date,
            Self::At(at) => at <= now,
        }
    }

    /// Whether it has begun nowhere yet.
    #[must_use]
    pub fn is_future(self, now: Instant) -> bool {
        match self {
            Self::Day(date) => now.zoned(&TimeZone::UTC).date().tomorrow().is_ok_and(|tomorrow| date > tomorrow),
            Self::At(at) => at > now,
        }
    }
}

impl std::str::FromStr for AsOf {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let read = parse_date(text).map(Self::Day).or_else(|| Instant::parse(text).ok().map(Self::At));
        read.ok_or_else(|| {
            Error::invalid(format!(
                "'{text}' is neither a day like 2026-03-31 nor an instant like 2026-03-31T17:00:00Z"
            ))
        })
    }
}

/// How an assignment stood at an instant; nothing when it had not been made, or its records were erased. Its person is who
/// it is now. An assignment that has not changed since is as it is; of any other the records up to then are applied again.
pub(super) async fn at(conn: &Conn, a: &Assignment, instant: Instant) -> Result<Option<Assignment>> {
    if a.assigned > instant {
        return Ok(None);
    }
    if a.changed <= instant {
        return Ok(Some(a.clone()));
    }
    let mut records = ledger::of_subject(conn, &format!("assignment/{}", a.id)).await?;
    records.retain(|record| record.at <= instant);
    let then = assignment::replay(&a.id, &records)?;
    Ok(then.map(|then| Assignment { person: a.person.clone(), ..then }))
}

/// How those of these assignments stood that were there.
pub(super) async fn all_at(conn: &Conn, all: Vec<Assignment>, person: &Person, when: AsOf) -> Result<Vec<Assignment>> {
    let (mut then, instant) = (Vec::new(), when.instant(person));
    for a in &all {
        then.extend(at(conn, a, instant).await?);
    }
    Ok(then)
}
