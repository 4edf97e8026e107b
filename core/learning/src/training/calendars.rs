//! Other holidays, working days or hours, or a zone whose law has changed: what is open follows them from the next start on.

use std::sync::Arc;

use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};
use stoa_flow::Organisation;
use stoa_flow::schedule::{self, Due as DueJob, Job};
use stoa_ground::people::{self, calendar::Calendar};
use stoa_ground::{Db, Result, Tx, args, meta, sha256};

use super::{assignment, evaluate, nudge, requirement};
use crate::Services;

/// The row of `meta` that says by which calendars people were looked at last.
const SEEN: &str = "training.calendars";
/// How many people are looked at in one transaction.
const PART: usize = 20;
/// For so many years ahead the clock changes of a zone count.
const YEARS: i16 = 3;

/// At the start: when calendars or zones are others than at the last one, everybody is looked at again.
///
/// # Errors
/// The database's error.
pub async fn follow_calendars(db: &Db, organisation: &Organisation) -> Result<()> {
    let zones = db.all("SELECT DISTINCT timezone FROM person ORDER BY timezone", args![]).await?;
    let zones = zones.iter().map(|row| row.get("timezone")).collect::<Result<Vec<String>>>()?;
    let year = organisation.calendar.date(db.clock().now()).year();
    let now = &fingerprint(organisation, &zones, year);
    db.write(|tx| async move {
        if meta::get(&tx, SEEN).await?.as_ref() == Some(now) {
            return Ok(());
        }
        meta::put(&tx, SEEN, now).await?;
        schedule::put(&tx, SEEN, CalendarsJob::KIND, tx.now(), &json!({ "after": "" })).await
    })
    .await
}

/// Tells two states of the calendars, and of these zones from a year on, apart.
fn fingerprint(organisation: &Organisation, zones: &[String], year: i16) -> String {
    let mut text = calendar(&organisation.calendar);
    for (name, of_location) in &organisation.locations {
        text += &format!("{name}: {}", calendar(of_location));
    }
    for name in zones {
        text += &format!("{name}: {}\n", changes(name, year));
    }
    sha256(text)
}

fn calendar(c: &Calendar) -> String {
    let zone = c.zone.iana_name().unwrap_or_default();
    format!("{zone} {:?} {:?} {:?} {:?}\n", c.working_days, c.holidays, c.working_hours, c.quiet_hours)
}

/// When the clocks of a zone change in the years that count, and to what.
fn changes(name: &str, year: i16) -> String {
    let Ok(zone) = TimeZone::get(name) else { return String::new() };
    let begin = date(year, 1, 1).at(0, 0, 0, 0);
    let Ok(begin) = TimeZone::UTC.to_timestamp(begin) else { return String::new() };
    let changes =
        zone.following(begin).take_while(|change| change.timestamp().to_zoned(TimeZone::UTC).year() < year + YEARS);
    let first = format!("{}", zone.to_offset(begin));
    changes.fold(first, |text, change| format!("{text} {} {}", change.timestamp(), change.offset()))
}

/// The job `training-calendars`: looks at everybody again, a few at a time.
pub(super) struct CalendarsJob(pub Arc<Services>);

impl CalendarsJob {
    const KIND: &'static str = "training-calendars";

    async fn look_at(&self, tx: &Tx, rules: &evaluate::Rules, id: &str) -> Result<()> {
        evaluate::one_of_many(tx, &self.0, rules, id).await?;
        let Some(person) = people::by_id(tx, id).await? else { return Ok(()) };
        // Also where the due date stays, its steps may come on other days.
        for a in assignment::of_person(tx, id).await?.iter().filter(|a| a.state.is_running()) {
            let requirement = requirement::by_id(tx, &a.requirement).await?;
            nudge::reschedule(tx, &self.0, &person, &requirement, a).await?;
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Job for CalendarsJob {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    async fn run(&self, tx: &Tx, job: &DueJob) -> Result<()> {
        let after = job.payload["after"].as_str().unwrap_or_default();
        let part = people::page(tx, after, PART).await?;
        let rules = evaluate::Rules::default();
        for person in &part {
            self.look_at(tx, &rules, &person.id).await?;
        }
        match part.last() {
            Some(last) if part.len() == PART => {
                let payload: Json = json!({ "after": last.employee_id });
                schedule::put(tx, &job.key, Self::KIND, tx.now(), &payload).await
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calendars_and_the_law_of_a_zone_are_told_apart() {
        let mut organisation = stoa_flow::testing::organisation();
        let zones = ["Europe/Berlin".to_owned()];
        let before = fingerprint(&organisation, &zones, 2026);
        assert_eq!(fingerprint(&organisation, &zones, 2026), before);
        organisation.calendar.holidays.insert(date(2026, 12, 24));
        assert_ne!(fingerprint(&organisation, &zones, 2026), before);
        assert_eq!(changes("Europe/Berlin", 2026).split(' ').count(), 1 + 6 * 2, "two changes a year");
        assert_eq!(changes("Asia/Kolkata", 2026).split(' ').count(), 1, "none");
    }
}
