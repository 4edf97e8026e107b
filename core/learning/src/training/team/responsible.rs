//! Who hears about somebody's overdue training.

use std::collections::HashMap;
use std::sync::Arc;

use stoa_ground::people::{self, Person, Role};
use stoa_ground::{Conn, Instant, Result};

use super::super::assignment::{self, Assignment};
use super::super::due::days_late;
use super::super::requirement::{self, Requirement};
use super::super::state::State;
use super::{delegation, is_present};
use crate::Services;

/// Who hears about a person's overdue training: first, and from the escalation on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::training) struct Responsible {
    pub first: Option<Person>,
    pub next: Option<Person>,
}

/// An overdue assignment in somebody's digest.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::training) struct Item {
    pub a: Assignment,
    pub person: Person,
    pub escalated: bool,
}

/// What a run over many people has looked up.
pub(in crate::training) struct Lookup<'a> {
    conn: &'a Conn,
    s: &'a Services,
    able: HashMap<String, bool>,
    requirements: HashMap<String, Requirement>,
    responsible: HashMap<String, Responsible>,
    helpers: Option<Arc<Helpers>>,
}

/// Who hears what no manager can hear: the learning team, then the operators.
pub(super) struct Helpers {
    team: Vec<Person>,
    operators: Vec<Person>,
}

impl Helpers {
    pub async fn of(conn: &Conn) -> Result<Self> {
        let team = people::people_with(conn, Role::Learning).await?;
        Ok(Self { team, operators: people::people_with(conn, Role::Operator).await? })
    }

    fn all(&self) -> impl Iterator<Item = &Person> {
        self.team.iter().chain(&self.operators)
    }

    /// Whether somebody is one of them.
    fn has(&self, id: &str) -> bool {
        self.all().any(|p| p.id == id)
    }

    /// Whether somebody may act where a manager could, for a person: the learning team, and an operator where nobody of
    /// it is there.
    pub fn may_act(&self, s: &Services, actor: &Person, person: &Person, now: Instant) -> bool {
        let nobody = || !self.team.iter().any(|p| p.id != person.id && is_present(s, p, now));
        let is = |p: &Person| p.id == actor.id;
        self.team.iter().any(is) || (self.operators.iter().any(is) && nobody())
    }
}

impl<'a> Lookup<'a> {
    pub fn new(conn: &'a Conn, s: &'a Services) -> Self {
        let (able, requirements, responsible) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { conn, s, able, requirements, responsible, helpers: None }
    }

    fn now(&self) -> Instant {
        self.conn.now()
    }

    /// Whether somebody is there and has nothing overdue.
    async fn is_able(&mut self, manager: &Person) -> Result<bool> {
        if let Some(able) = self.able.get(&manager.id) {
            return Ok(*able);
        }
        let able = is_present(self.s, manager, self.now())
            && assignment::of_person(self.conn, &manager.id).await?.iter().all(|a| a.state != State::Overdue);
        self.able.insert(manager.id.clone(), able);
        Ok(able)
    }

    /// The nearest manager above who is there and has nothing overdue, and the next such one; who stands in for a manager
    /// counts in their place. Where there is none, somebody of the learning team who is there, and where that has nobody,
    /// an operator (N12).
    pub async fn responsible(&mut self, person: &Person) -> Result<Responsible> {
        if let Some(known) = self.responsible.get(&person.id) {
            return Ok(known.clone());
        }
        let mut able: Vec<Person> = Vec::new();
        let new = |able: &[Person], p: &Person| p.id != person.id && able.iter().all(|other| other.id != p.id);
        for manager in people::managers_above(self.conn, person).await? {
            if able.len() == 2 {
                break;
            }
            let stand_in = delegation::stand_in_of(self.conn, &manager.id).await?;
            let manager = stand_in.unwrap_or(manager);
            if new(&able, &manager) && self.is_able(&manager).await? {
                able.push(manager);
            }
        }
        if able.len() < 2 {
            let (s, now) = (self.s, self.now());
            let helper = self.helpers().await?.all().find(|p| new(&able, p) && is_present(s, p, now)).cloned();
            able.extend(helper);
        }
        let mut able = able.into_iter();
        let found = Responsible { first: able.next(), next: able.next() };
        self.responsible.insert(person.id.clone(), found.clone());
        Ok(found)
    }

    /// Who hears what no manager can hear.
    async fn helpers(&mut self) -> Result<Arc<Helpers>> {
        if let Some(known) = &self.helpers {
            return Ok(known.clone());
        }
        Ok(self.helpers.insert(Arc::new(Helpers::of(self.conn).await?)).clone())
    }

    async fn requirement(&mut self, id: &str) -> Result<Requirement> {
        if let Some(known) = self.requirements.get(id) {
            return Ok(known.clone());
        }
        let found = requirement::by_id(self.conn, id).await?;
        self.requirements.insert(id.to_owned(), found.clone());
        Ok(found)
    }

    /// What a manager must hear about now, the longest overdue first; and of whom somebody else must hear.
    pub async fn items_for(&mut self, manager: &Person) -> Result<(Vec<Item>, Vec<Person>)> {
        let acts_for = delegation::acts_for(self.conn, &manager.id).await?;
        let tree = delegation::below(self.conn, &acts_for).await?;
        let tree: HashMap<&str, &Person> = tree.iter().map(|p| (p.id.as_str(), p)).collect();
        let overdue = if self.helpers().await?.has(&manager.id) {
            // Of those as well who have no manager.
            assignment::overdue(self.conn).await?
        } else {
            let mut below = Vec::new();
            for id in &acts_for {
                below.extend(assignment::overdue_below(self.conn, id).await?);
            }
            below.sort_by(|a, b| (a.due.at, &a.id).cmp(&(b.due.at, &b.id)));
            below.dedup_by(|a, b| a.id == b.id);
            below
        };
        let (mut items, mut others) = (Vec::new(), Vec::new());
        for a in overdue {
            let person = match tree.get(a.person.as_str()) {
                Some(person) => (*person).clone(),
                None => match people::by_id(self.conn, &a.person).await? {
                    Some(person) => person,
                    None => continue,
                },
            };
            let steps = self.requirement(&a.requirement).await?.steps;
            let late = days_late(a.due.date, self.s.organisation.calendar(&person).date(self.now()));
            if late < steps.manager_after {
                continue;
            }
            let Responsible { first, next } = self.responsible(&person).await?;
            let is = |p: &Option<Person>| p.as_ref().is_some_and(|p| p.id == manager.id);
            if is(&first) {
                items.push(Item { a, person, escalated: false });
            } else if is(&next) && late >= steps.escalate_after {
                items.push(Item { a, person, escalated: true });
            } else {
                others.push(person);
            }
        }
        items.sort_by(|x, y| (x.a.due.at, &x.person.name, &x.a.id).cmp(&(y.a.due.at, &y.person.name, &y.a.id)));
        Ok((items, others))
    }
}
