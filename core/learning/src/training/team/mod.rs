//! The team's training: who hears about what is overdue, the weekly digest, and the command `team`.

mod command;
mod delegate;
mod delegation;
mod digest;
mod grant;
mod more;
mod responsible;
mod standing;

use jiff::civil::{Date, Time, Weekday};
use serde_json::Value as Json;
use stoa_flow::{delivery, schedule};
use stoa_ground::people::calendar::Calendar;
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Conn, Instant, Result, Tx, args};

use super::assignment::Assignment;
use crate::Services;
use responsible::{Helpers, Responsible};

pub(super) use command::Team;
pub(super) use delegate::StandIn;
pub(super) use delegation::{DelegationProjection, OverJob, stand_in_of};
pub(super) use digest::{Digest, DigestJob};
pub(super) use grant::Granted;
pub(super) use responsible::Lookup;
pub(super) use standing::{Page, Standing};

/// When managers get their digest, on Mondays.
const NINE: Time = Time::constant(9, 0, 0, 0);

/// Whether a person works here already and is not away today.
pub(super) fn is_present(s: &Services, person: &Person, now: Instant) -> bool {
    let today = s.organisation.calendar(person).date(now);
    let has_begun = person.hire_date.is_none_or(|first| first <= today);
    person.status != Status::Left && has_begun && !people::away(person, today)
}

/// The next Monday at nine after an instant.
fn next_monday(calendar: &Calendar, after: Instant) -> Instant {
    let mut date = calendar.date(after);
    loop {
        let at = calendar.at(date, NINE);
        if at > after && date.weekday() == Weekday::Monday {
            return at;
        }
        match date.tomorrow() {
            Ok(next) => date = next,
            // The end of jiff's calendar, in the year 9999.
            Err(_) => return Instant(i64::MAX),
        }
    }
}

fn digest_job(manager: &str) -> String {
    format!("training/digest/{manager}")
}

/// The key of the digest that a manager gets on a day of theirs.
fn digest_key(manager: &str, date: Date) -> String {
    format!("manager-digest/{manager}/{date}")
}

/// Whether there is a digest of this Monday, or of the day after it.
async fn has_digest_of(conn: &Conn, manager: &str, monday: Date) -> Result<bool> {
    let keys = [monday, monday.tomorrow().unwrap_or(monday)].map(|date| digest_key(manager, date));
    let row = conn.opt("SELECT 1 AS one FROM outbox WHERE key IN ($1, $2)", args![&keys[0], &keys[1]]).await?;
    Ok(row.is_some())
}

/// Makes sure that those who must hear about a person look at it next Monday.
pub(super) async fn expect_digest(tx: &Tx, s: &Services, person: &Person) -> Result<()> {
    expect_digests(tx, s, &mut Lookup::new(tx, s), person).await
}

async fn expect_digests(tx: &Tx, s: &Services, lookup: &mut Lookup<'_>, person: &Person) -> Result<()> {
    let Responsible { first, next } = lookup.responsible(person).await?;
    for manager in first.iter().chain(&next) {
        expect_digest_of(tx, s, manager, person).await?;
    }
    Ok(())
}

/// Makes sure that somebody looks on the next Monday, or on this one.
async fn expect_digest_of(tx: &Tx, s: &Services, manager: &Person, person: &Person) -> Result<()> {
    let key = digest_job(&manager.id);
    if schedule::due(tx, &key).await?.is_none() {
        let (calendar, now) = (s.organisation.calendar(manager), tx.now());
        let today = calendar.date(now);
        // It is not too late on a Monday after nine, nor the day after where it is still Monday for the person: who hears of
        // it now is not told a week later.
        let monday = match today.weekday() {
            Weekday::Monday if now >= calendar.at(today, NINE) => Some(today),
            Weekday::Tuesday if s.organisation.calendar(person).date(now) < today => today.yesterday().ok(),
            _ => None,
        };
        let at = match monday {
            Some(monday) if !has_digest_of(tx, &manager.id, monday).await? => now,
            _ => next_monday(&calendar, now),
        };
        schedule::put(tx, &key, DigestJob::KIND, at, &Json::from(manager.id.as_str())).await?;
    }
    Ok(())
}

/// Digests that stand in the chat and name this assignment say how it is now.
pub(super) async fn revise(tx: &Tx, a: &Assignment) -> Result<()> {
    let sql = "SELECT d.key FROM manager_digest_item i JOIN manager_digest d ON d.manager = i.manager
               WHERE i.assignment = $1";
    for row in tx.all(sql, args![&a.id]).await? {
        delivery::revise_one(tx, &row.get::<String>("key")?).await?;
    }
    Ok(())
}

/// Whether a person may act on somebody's training: a manager above them, who stands in for one, the learning team, or an
/// operator where nobody of it is there.
async fn may_manage(conn: &Conn, s: &Services, actor: &Person, person: &Person) -> Result<bool> {
    if actor.id == person.id {
        return Ok(false);
    }
    let acts_for = delegation::acts_for(conn, &actor.id).await?;
    let above = people::managers_above(conn, person).await?;
    if above.iter().any(|m| acts_for.contains(&m.id)) {
        return Ok(true);
    }
    Ok(Helpers::of(conn).await?.may_act(s, actor, person, conn.now()))
}
