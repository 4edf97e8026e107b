//! Who decides about a request, and who is asked next.
//!
//! More time and a place in a course: the managers above, the nearest first, then the learning team, then approvers. All
//! else: approvers, then the learning team; a new requirement is for approvers alone. Never who asked, never for whom it
//! is, and nobody who is away.

use stoa_ground::people::{self, Person, Role, Status};
use stoa_ground::{Conn, Result};

use super::store::{Kind, Lane, Request};
use crate::Services;
use crate::training::team::{is_present, stand_in_of};

/// The roles that may decide, in the order in which they are asked after the managers.
fn roles(r: &Request) -> &'static [Role] {
    match (r.kind, r.lane) {
        (Kind::Requirement, _) => &[Role::Approver],
        (_, Lane::Manager) => &[Role::Learning, Role::Approver],
        (_, Lane::Approver) => &[Role::Approver, Role::Learning],
    }
}

/// Whether this person has part in the request: asked, or is the one for whom it is.
fn takes_part(r: &Request, person: &str) -> bool {
    [&r.person, &r.asker].into_iter().any(|id| id.as_deref() == Some(person))
}

/// The managers above the person for whom it is and who stands in for them, where they decide.
async fn managers(conn: &Conn, r: &Request) -> Result<Vec<Person>> {
    let (Lane::Manager, Some(id)) = (r.lane, &r.person) else { return Ok(Vec::new()) };
    match people::by_id(conn, id).await? {
        Some(person) => {
            let mut chain = Vec::new();
            for manager in people::managers_above(conn, &person).await? {
                // Who stands in for a manager is asked first, and the manager can still decide.
                chain.extend(stand_in_of(conn, &manager.id).await?);
                chain.push(manager);
            }
            Ok(chain)
        }
        None => Ok(Vec::new()),
    }
}

/// Whether a person may decide about it, on leave or not.
pub(super) async fn may_decide(conn: &Conn, r: &Request, person: &Person) -> Result<bool> {
    if takes_part(r, &person.id) || person.status == Status::Left {
        return Ok(false);
    }
    let held = people::roles_of(conn, person).await?;
    Ok(roles(r).iter().any(|role| held.contains(role)) || managers(conn, r).await?.iter().any(|m| m.id == person.id))
}

/// Whether a person may decide about anything at all.
pub(super) async fn decides(conn: &Conn, person: &Person) -> Result<bool> {
    let held = people::roles_of(conn, person).await?;
    Ok([Role::Manager, Role::Learning, Role::Approver].iter().any(|role| held.contains(role)))
}

/// Everybody who may decide and is there today, in the order in which they are asked.
pub(super) async fn able(conn: &Conn, s: &Services, r: &Request) -> Result<Vec<Person>> {
    let mut chain = managers(conn, r).await?;
    for role in roles(r) {
        chain.extend(people::people_with(conn, *role).await?);
    }
    let mut able: Vec<Person> = Vec::new();
    for person in chain {
        let new = able.iter().all(|p| p.id != person.id);
        if new && !takes_part(r, &person.id) && is_present(s, &person, conn.now()) {
            able.push(person);
        }
    }
    Ok(able)
}

/// The first who may decide and is there, without these.
pub(super) async fn next(conn: &Conn, s: &Services, r: &Request, without: &[String]) -> Result<Option<Person>> {
    Ok(able(conn, s, r).await?.into_iter().find(|p| !without.contains(&p.id)))
}
