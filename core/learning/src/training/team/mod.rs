//! The team's training: who hears about what is overdue, the weekly digest, and the command `team`.

mod command;
mod digest;
mod more;
mod standing;

use jiff::civil::{Time, Weekday};
use serde_json::Value as Json;
use stoa_flow::{delivery, schedule};
use stoa_ground::people::calendar::Calendar;
use stoa_ground::people::{self, Person, Role, Status};
use stoa_ground::{Conn, Instant, Result, Tx, args};

use super::assignment::{self, Assignment};
use super::due::days_late;
use super::requirement;
use super::state::State;
use crate::Services;

pub(super) use command::Team;
pub(super) use digest::{Digest, DigestJob};
pub(super) use standing::Standing;

/// When managers get their digest, on Mondays.
const NINE: Time = Time::constant(9, 0, 0, 0);

/// Who hears about a person's overdue training: first, and from the escalation on.
#[derive(Clone, Debug, Default, PartialEq)]
struct Responsible {
    first: Option<Person>,
    next: Option<Person>,
}

/// The nearest manager above who is there and has nothing overdue, and the next such one. Where there is none, somebody
/// of the learning team (N12).
async fn responsible(conn: &Conn, s: &Services, person: &Person) -> Result<Responsible> {
    let mut able = Vec::new();
    for manager in people::managers_above(conn, person).await? {
        if able.len() < 2 && is_able(conn, s, &manager).await? {
            able.push(manager);
        }
    }
    if able.len() < 2 {
        for helper in people::people_with(conn, Role::Learning).await? {
            let new = helper.id != person.id && able.iter().all(|p| p.id != helper.id);
            if new && is_present(s, &helper, conn.now()) {
                able.push(helper);
                break;
            }
        }
    }
    let mut able = able.into_iter();
    Ok(Responsible { first: able.next(), next: able.next() })
}

/// Whether a person works here and is not away today.
pub(super) fn is_present(s: &Services, person: &Person, now: Instant) -> bool {
    let today = s.organisation.calendar(person).date(now);
    person.status != Status::Left && !people::away(person, today)
}

async fn is_able(conn: &Conn, s: &Services, manager: &Person) -> Result<bool> {
    if !is_present(s, manager, conn.now()) {
        return Ok(false);
    }
    let own = assignment::of_person(conn, &manager.id).await?;
    Ok(own.iter().all(|a| a.state != State::Overdue))
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
    let Responsible { first, next } = responsible(tx, s, person).await?;
    for manager in first.iter().chain(&next) {
        let key = digest_job(&manager.id);
        if schedule::due(tx, &key).await?.is_none() {
            let at = next_monday(&s.organisation.calendar(manager), tx.now());
            schedule::put(tx, &key, DigestJob::KIND, at, &Json::from(manager.id.as_str())).await?;
        }
    }
    Ok(())
}

/// Digests that stand in the chat and name this assignment say how it is now.
pub(super) async fn revise(tx: &Tx, a: &Assignment) -> Result<()> {
    let rows = tx.all("SELECT key FROM manager_digest WHERE items LIKE '%' || $1 || '%'", args![&a.id]).await?;
    for row in rows {
        delivery::revise(tx, &row.get::<String>("key")?).await?;
    }
    Ok(())
}

/// An overdue assignment in somebody's digest.
#[derive(Clone, Debug, PartialEq)]
struct Item {
    a: Assignment,
    person: Person,
    escalated: bool,
}

/// What a manager must hear about now, the longest overdue first; and whether anybody in the own tree is overdue at all.
async fn items_for(conn: &Conn, s: &Services, manager: &Person) -> Result<(Vec<Item>, Vec<Person>)> {
    let tree = people::tree_of(conn, &manager.id).await?;
    let learning = people::roles_of(conn, manager).await?.contains(&Role::Learning);
    let (mut items, mut others) = (Vec::new(), Vec::new());
    for a in assignment::overdue(conn).await? {
        let person = match tree.iter().find(|p| p.id == a.person) {
            Some(person) => person.clone(),
            None if learning => match people::by_id(conn, &a.person).await? {
                Some(person) => person,
                None => continue,
            },
            None => continue,
        };
        let requirement = requirement::by_id(conn, &a.requirement).await?;
        let late = days_late(a.due.date, s.organisation.calendar(&person).date(conn.now()));
        if late < requirement.steps.manager_after {
            continue;
        }
        let Responsible { first, next } = responsible(conn, s, &person).await?;
        let is = |p: &Option<Person>| p.as_ref().is_some_and(|p| p.id == manager.id);
        if is(&first) {
            items.push(Item { a, person, escalated: false });
        } else if is(&next) && late >= requirement.steps.escalate_after {
            items.push(Item { a, person, escalated: true });
        } else {
            others.push(person);
        }
    }
    Ok((items, others))
}

/// Whether a person may act on somebody's training: a manager above them, or the learning team.
async fn may_manage(conn: &Conn, actor: &Person, person: &Person) -> Result<bool> {
    let above = people::managers_above(conn, person).await?;
    Ok(actor.id != person.id
        && (above.iter().any(|m| m.id == actor.id) || people::roles_of(conn, actor).await?.contains(&Role::Learning)))
}
