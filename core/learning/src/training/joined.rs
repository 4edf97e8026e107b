//! People who turn out to be one, or two: which of two assignments of the same requirement stands.
//!
//! The completed one stands, else the exempt or waived one, else the one that is due earlier. The others that are open retire, and
//! their records name the one for which they gave way; when the two are told apart they are reinstated as they were.

use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Result, Tx, ledger};

use super::assignment::{self, Assignment, By};
use super::state::State;
use super::{life, requirement};
use crate::Services;

/// With this begins the reason of what has given way.
const SAME: &str = "the same person has it already";

/// What becomes of an assignment.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The assignment.
    pub assignment: Assignment,
    /// The requirement's title.
    pub title: String,
    /// For which it gives way; `None` when it comes back.
    pub to: Option<Assignment>,
}

/// The open assignments that give way, each with the one that stands. `all` are those of one person.
fn give_way(all: &[Assignment]) -> Vec<(&Assignment, &Assignment)> {
    let rank = |a: &Assignment| match a.state {
        State::Completed => (0, std::cmp::Reverse(a.completed), a.due.at),
        State::Exempt | State::Waived => (1, std::cmp::Reverse(None), a.due.at),
        _ => (2, std::cmp::Reverse(None), a.due.at),
    };
    let over = |a: &Assignment| matches!(a.state, State::Retired | State::Expired);
    let mut pairs = Vec::new();
    for a in all.iter().filter(|a| a.state.is_open()) {
        let same = all.iter().filter(|o| o.requirement == a.requirement && !over(o));
        // One row has one open assignment of a requirement: what it did before is its own history.
        // A renewal gives way to what holds longer than what it renews, and to no older completion.
        let renewed = a.renews.as_ref().and_then(|r| r.until);
        let longer = |o: &Assignment| {
            renewed.is_none_or(|until| o.state.is_open() || o.expires.is_none_or(|end| end.date > until))
        };
        let other = |o: &&Assignment| o.id == a.id || (o.owner != a.owner && longer(o));
        let best = same.filter(other).min_by_key(|o| (rank(o), o.id.clone()));
        if let Some(best) = best.filter(|o| o.id != a.id) {
            pairs.push((a, best));
        }
    }
    pairs
}

/// The retired assignments of a person that gave way to one which is somebody else's now.
async fn come_back(conn: &Conn, all: &[Assignment]) -> Result<Vec<Assignment>> {
    let mut back = Vec::new();
    for a in all {
        if a.state != State::Retired || !a.end_reason.as_deref().is_some_and(|r| r.starts_with(SAME)) {
            continue;
        }
        let records = ledger::of_subject(conn, &format!("assignment/{}", a.id)).await?;
        let Some(to) = records.last().and_then(|r| r.data["for"].as_str()) else { continue };
        let theirs = assignment::by_id(conn, to).await?.is_some_and(|o| o.person != a.person);
        if theirs {
            back.push(a.clone());
        }
    }
    Ok(back)
}

/// Brings the assignments of a person (`all`) in line with who the person is now; gives whether something changed. Bears
/// repetition.
///
/// # Errors
/// The database's error.
pub(super) async fn settle_all(tx: &Tx, s: &Services, person: &Person, all: &[Assignment]) -> Result<bool> {
    let back = come_back(tx, all).await?;
    for a in &back {
        let by = By::rule(&a.requirement, "the two turned out to be two people");
        life::reinstate(tx, s, person, a, &by).await?;
    }
    if !all.iter().any(|a| a.owner != person.id) {
        return Ok(!back.is_empty());
    }
    let now = if back.is_empty() { all.to_vec() } else { assignment::of_person(tx, &person.id).await? };
    let pairs = give_way(&now);
    for (a, to) in &pairs {
        let whose = match people::rows_of(tx, &person.id).await?.into_iter().find(|row| row.id == to.owner) {
            Some(row) => format!(" as {}", row.employee_id),
            None => String::new(),
        };
        let how = match to.state {
            State::Completed => "and has completed it",
            State::Exempt => "and is exempt from it",
            State::Waived => "and it was waived",
            _ => "and it is due no later",
        };
        life::give_way(tx, s, a, &to.id, &format!("{SAME}{whose}, {how}")).await?;
    }
    Ok(!back.is_empty() || !pairs.is_empty())
}

/// As [`settle_all`], by the person alone.
///
/// # Errors
/// The database's error.
pub async fn settle(tx: &Tx, s: &Services, person: &Person) -> Result<()> {
    let all = assignment::of_person(tx, &person.id).await?;
    settle_all(tx, s, person, &all).await?;
    Ok(())
}

async fn titled(conn: &Conn, assignment: &Assignment, to: Option<&Assignment>) -> Result<Step> {
    let title = requirement::by_id(conn, &assignment.requirement).await?.title;
    Ok(Step { assignment: assignment.clone(), title, to: to.cloned() })
}

/// What would give way if two people were one.
///
/// # Errors
/// The database's error.
pub async fn after_merge(conn: &Conn, from: &str, into: &str) -> Result<Vec<Step>> {
    let mut all = assignment::of_person(conn, from).await?;
    all.extend(assignment::of_person(conn, into).await?);
    let mut steps = Vec::new();
    for (a, to) in give_way(&all) {
        steps.push(titled(conn, a, Some(to)).await?);
    }
    Ok(steps)
}

/// What would come back if these rows were a person of their own. `rows` are the ids that are split off.
///
/// # Errors
/// The database's error.
pub async fn after_split(conn: &Conn, person: &str, rows: &[&str]) -> Result<Vec<Step>> {
    let mut all = assignment::of_person(conn, person).await?;
    let apart = format!("split/{person}");
    for a in all.iter_mut().filter(|a| rows.contains(&a.owner.as_str())) {
        a.person.clone_from(&apart);
    }
    let mut steps = Vec::new();
    for a in &all {
        if a.state != State::Retired || !a.end_reason.as_deref().is_some_and(|r| r.starts_with(SAME)) {
            continue;
        }
        let records = ledger::of_subject(conn, &format!("assignment/{}", a.id)).await?;
        let to = records.last().and_then(|r| r.data["for"].as_str());
        if all.iter().any(|o| Some(o.id.as_str()) == to && o.person != a.person) {
            steps.push(titled(conn, a, None).await?);
        }
    }
    Ok(steps)
}
