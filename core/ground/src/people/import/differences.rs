//! From drafts to the plan: who is new, what is different, who leaves, whom `--full` marks as left.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::columns::Column;
use super::people::{Draft, Planner};
use super::{Change, Entry, Plan, Write};
use crate::people::store::Stored;
use crate::people::{Person, Role, Status};

impl Planner<'_> {
    /// Sorts the drafts into added, changed, left and unchanged, and adds whom `--full` marks as left.
    pub(super) fn finish(mut self) -> Plan {
        let names: HashMap<String, String> = self
            .known
            .people
            .iter()
            .map(|s| &s.person)
            .chain(self.drafts.iter().map(|d| &d.after))
            .map(|p| (p.id.clone(), format!("{} ({})", p.name, p.employee_id)))
            .collect();
        let touched: HashSet<usize> = self.drafts.iter().flat_map(|d| [d.before, d.merge]).flatten().collect();
        for d in std::mem::take(&mut self.drafts) {
            let before = d.before.map(|i| &self.known.people[i]);
            let entry = self.entry(before, d, &names);
            match before {
                None => self.plan.added.push(entry),
                Some(_) if entry.changes.is_empty() => self.plan.unchanged += 1,
                Some(s) if entry.person.status == Status::Left && s.person.status != Status::Left => {
                    self.plan.left.push(entry);
                }
                Some(_) => self.plan.changed.push(entry),
            }
        }
        if self.options.full {
            self.absent(&touched, &names);
        }
        self.plan.errors.sort_by_key(|p| p.row);
        self.plan
    }

    fn absent(&mut self, touched: &HashSet<usize>, names: &HashMap<String, String>) {
        let here = self.known.people.iter().filter(|s| s.person.status != Status::Left).count();
        let mut absent = 0;
        for (i, s) in self.known.people.iter().enumerate() {
            if touched.contains(&i) || s.person.status == Status::Left {
                continue;
            }
            absent += 1;
            let draft = Draft {
                row: 0,
                before: Some(i),
                after: Person { status: Status::Left, ..s.person.clone() },
                roster_timezone: s.roster_timezone.clone(),
                manager: None,
                accounts: Vec::new(),
                roles: None,
                earlier: false,
                previous: None,
                merge: None,
            };
            let entry = Entry { row: None, ..self.entry(Some(s), draft, names) };
            self.plan.left.push(entry);
        }
        if absent * 10 > here && !self.options.yes {
            self.plan.refused = Some(format!(
                "--full would mark {absent} of {here} people as left, which is more than one in ten: check that the file has \
                 everybody, and add --yes if it has"
            ));
        }
    }

    fn entry(&self, before: Option<&Stored>, draft: Draft, names: &HashMap<String, String>) -> Entry {
        let mut changes = before.map_or_else(Vec::new, |s| differences(s, &draft, names));
        let mut write = Write {
            version: before.map_or(0, |s| s.version),
            row_differs: before.is_none_or(|s| s.person != draft.after || s.roster_timezone != draft.roster_timezone),
            roster_timezone: draft.roster_timezone,
            ..Write::default()
        };
        for account in draft.accounts {
            let (platform, workspace, user) = (account.0.to_owned(), account.1.clone(), account.2.clone());
            if !self.known.accounts.contains_key(&(platform, workspace, user)) {
                let column = if account.0 == "slack" { Column::SlackId } else { Column::DiscordId };
                changes.push(Change { column: column.name(), old: None, new: Some(account.2.clone()) });
                write.accounts.push((account.0.to_owned(), account.1, account.2));
            }
        }
        let held = self.known.grants.get(&draft.after.id).map_or(&[][..], Vec::as_slice);
        let of_roster: BTreeSet<Role> = held.iter().filter(|(_, s)| s == "roster").map(|(r, _)| *r).collect();
        if draft.after.status == Status::Left {
            write.revoke = held.to_vec();
        } else if let Some(roles) = &draft.roles {
            write.grant = roles.difference(&of_roster).copied().collect();
            write.revoke = of_roster.difference(roles).map(|r| (*r, "roster".to_owned())).collect();
        }
        if !write.grant.is_empty() || !write.revoke.is_empty() {
            let old: BTreeSet<Role> = held.iter().map(|(r, _)| *r).collect();
            let kept = held.iter().filter(|g| !write.revoke.contains(g)).map(|(r, _)| *r);
            let new: BTreeSet<Role> = kept.chain(write.grant.iter().copied()).collect();
            changes.push(Change { column: Column::StoaRoles.name(), old: listed(&old), new: listed(&new) });
        }
        if before.is_none() {
            changes.clear();
        }
        if let Some(merged) = draft.merge.map(|i| &self.known.people[i].person) {
            write.merge = Some(merged.id.clone());
            let new = format!("{} ({}), who is merged into this person", merged.employee_id, merged.name);
            changes.push(Change { column: Column::PreviousEmployeeId.name(), old: None, new: Some(new) });
        }
        Entry { row: Some(draft.row), person: draft.after, changes, write }
    }
}

fn listed(roles: &BTreeSet<Role>) -> Option<String> {
    let names: Vec<&str> = roles.iter().map(|r| r.name()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The first days of the leave in the roster and of those that are known beside it, which a roster may end.
fn first_days(person: &Person) -> Option<String> {
    let others =
        person.other_leaves.iter().map(|leave| leave.first.map_or_else(|| "?".to_owned(), |day| day.to_string()));
    let all: Vec<String> = person.leave_from.map(|day| day.to_string()).into_iter().chain(others).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn differences(before: &Stored, draft: &Draft, names: &HashMap<String, String>) -> Vec<Change> {
    let (a, b) = (&before.person, &draft.after);
    let named = |id: &Option<String>| id.as_ref().map(|id| names.get(id).unwrap_or(id).clone());
    let day = |d: Option<jiff::civil::Date>| d.map(|d| d.to_string());
    let some = |t: &str| Some(t.to_owned());
    [
        (Column::EmployeeId, some(&a.employee_id), some(&b.employee_id)),
        (Column::Name, some(&a.name), some(&b.name)),
        (Column::Email, a.email.clone(), b.email.clone()),
        (Column::Manager, named(&a.manager), named(&b.manager)),
        (Column::Title, a.title.clone(), b.title.clone()),
        (Column::Department, a.department.clone(), b.department.clone()),
        (Column::Location, a.location.clone(), b.location.clone()),
        (Column::Country, a.country.clone(), b.country.clone()),
        (Column::State, a.state.clone(), b.state.clone()),
        (Column::WorkerType, a.worker_type.clone(), b.worker_type.clone()),
        (Column::HireDate, day(a.hire_date), day(b.hire_date)),
        // The same zone, but from now on by the roster's own word, is a difference too.
        match a.timezone == b.timezone {
            true => (Column::Timezone, before.roster_timezone.clone(), draft.roster_timezone.clone()),
            false => (Column::Timezone, some(&a.timezone), some(&b.timezone)),
        },
        (Column::Locale, some(&a.locale), some(&b.locale)),
        (Column::Status, some(a.status.name()), some(b.status.name())),
        (Column::LeaveFrom, first_days(a), first_days(b)),
        (Column::LeaveTo, day(a.leave_to), day(b.leave_to)),
    ]
    .into_iter()
    .filter(|(_, old, new)| old != new)
    .map(|(column, old, new)| Change { column: column.name(), old, new })
    .collect()
}
