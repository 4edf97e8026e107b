//! The team's training: who hears about what is overdue, the weekly digest, and the command `team`.

mod command;
mod delegate;
mod delegation;
mod digest;
mod more;
mod responsible;
mod standing;

use jiff::civil::{Time, Weekday};
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
pub(super) use responsible::Lookup;
pub(super) use standing::Standing;

/// When managers get their digest, on Mondays.
const NINE: Time = Time::constant(9, 0, 0, 0);

/// Whether a person works here and is not away today.
pub(super) fn is_present(s: &Services, person: &Person, now: Instant) -> bool {
    let today = s.organisation.calendar(person).date(now);
    person.status != Status::Left && !people::away(person, today)
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

/// Makes sure that those who must hear about a person look at it next Monday.
pub(super) async fn expect_digest(tx: &Tx, s: &Services, person: &Person) -> Result<()> {
    expect_digests(tx, s, &mut Lookup::new(tx, s), person).await
}

async fn expect_digests(tx: &Tx, s: &Services, lookup: &mut Lookup<'_>, person: &Person) -> Result<()> {
    let Responsible { first, next } = lookup.responsible(person).await?;
    for manager in first.iter().chain(&next) {
        expect_digest_of(tx, s, manager).await?;
    }
    Ok(())
}

/// Makes sure that somebody looks next Monday.
async fn expect_digest_of(tx: &Tx, s: &Services, manager: &Person) -> Result<()> {
    let key = digest_job(&manager.id);
    if schedule::due(tx, &key).await?.is_none() {
        let at = next_monday(&s.organisation.calendar(manager), tx.now());
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
