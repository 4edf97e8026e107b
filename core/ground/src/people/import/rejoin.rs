//! People who are known already under another employee id: rows about merged ids, `previous_employee_id`, and a word about
//! those who look like somebody who left.

use std::collections::{HashMap, HashSet};

use super::columns::Column;
use super::people::Planner;
use crate::people::text::key;
use crate::people::{Person, Status};

impl Planner<'_> {
    /// Enters what was merged, and addresses of before, after what people have now.
    pub(super) fn know_earlier(&mut self) {
        let places: HashMap<&str, usize> =
            self.known.people.iter().enumerate().map(|(i, s)| (s.person.id.as_str(), i)).collect();
        for (employee_id, email, stands) in &self.known.aliases {
            let Some(&i) = places.get(stands.as_str()) else { continue };
            self.earlier.insert(employee_id.clone(), i);
            if let Some(email) = email {
                self.by_email.entry(email.clone()).or_insert(i);
            }
        }
        let mut several: HashSet<&str> = HashSet::new();
        for (email, person) in &self.known.former {
            let Some(&i) = places.get(person.as_str()) else { continue };
            if self.former.insert(email.clone(), i).is_some_and(|other| other != i) {
                several.insert(email);
            }
        }
        for email in several {
            self.former.remove(email);
        }
    }

    /// Drops rows about merged employee ids that say nothing about the person as they are now: the person's own row counts,
    /// and that an earlier employment has ended is no news.
    pub(super) fn earlier_rows(&mut self) {
        let own: HashMap<usize, usize> =
            self.drafts.iter().filter(|d| !d.earlier).filter_map(|d| Some((d.before?, d.row))).collect();
        let mut seen: HashSet<usize> = HashSet::new();
        let mut ignored: Vec<(usize, String)> = Vec::new();
        let known = self.known;
        self.drafts.retain(|d| {
            let Some(before) = d.before.filter(|_| d.earlier) else { return true };
            let person = &known.people[before].person;
            let who = format!("it is an earlier id of {} ({})", person.name, person.employee_id);
            let why = if let Some(row) = own.get(&before) {
                format!("{who}, who is in row {row}: this row is ignored")
            } else if d.after.status == Status::Left && person.status != Status::Left {
                format!("{who}, who works here: that it has ended changes nothing")
            } else if !seen.insert(before) {
                format!("{who}, who is in an earlier row: this row is ignored")
            } else {
                return true;
            };
            ignored.push((d.row, why));
            false
        });
        for (row, why) in ignored {
            self.warn(row, Column::EmployeeId, why);
        }
    }

    /// Finds out who is meant by `previous_employee_id`.
    pub(super) fn previous(&mut self) {
        let own: HashMap<usize, (usize, bool)> =
            self.drafts.iter().filter_map(|d| Some((d.before?, (d.row, d.after.status != Status::Left)))).collect();
        let mut taken: HashMap<usize, usize> = HashMap::new();
        let mut drafts = std::mem::take(&mut self.drafts);
        for d in &mut drafts {
            let Some(text) = d.previous.as_deref() else { continue };
            let column = Column::PreviousEmployeeId;
            let Some(&i) = self.by_employee_id.get(text).or_else(|| self.earlier.get(text)) else {
                self.warn(d.row, column, format!("no employee id '{text}' is known, so nobody is merged"));
                continue;
            };
            if d.before == Some(i) {
                continue;
            }
            let person = &self.known.people[i].person;
            if let Some(row) = taken.insert(i, d.row) {
                self.error(d.row, Some(column), format!("'{text}' is also the previous id in row {row}"));
            } else if let Some((row, true)) = own.get(&i) {
                let message = format!("'{text}' is {} in row {row}, who works here: say 'left' there", person.name);
                self.error(d.row, Some(column), message);
            } else if d.after.status == Status::Left && person.status != Status::Left {
                let message = format!("'{text}' is {}, who works here, and this row has left", person.name);
                self.error(d.row, Some(column), message);
            } else {
                d.merge = Some(i);
            }
        }
        self.drafts = drafts;
    }

    /// Says of somebody new who looks like a person who left how the two become one.
    pub(super) fn hints(&mut self) {
        let mut hints: Vec<(usize, String)> = Vec::new();
        for d in self.drafts.iter().filter(|d| d.before.is_none() && d.merge.is_none()) {
            let Some(email) = d.after.email.as_deref() else { continue };
            let same_name = |p: &Person| key(&p.name) == key(&d.after.name);
            let left = self.by_email.get(email).filter(|&&i| self.known.people[i].person.status == Status::Left);
            let had = self.former.get(email).filter(|&&i| same_name(&self.known.people[i].person));
            let Some(stored) = left.or(had).map(|&i| &self.known.people[i]) else { continue };
            let (p, zone) = (&stored.person, crate::people::zone(&stored.person));
            let what = match (p.status, stored.left_at) {
                (Status::Left, Some(at)) => format!("who left on {}", at.zoned(&zone).date()),
                (Status::Left, None) => "who left".into(),
                _ => "who had this address before".into(),
            };
            hints.push((
                d.row,
                format!(
                    "this looks like {} ({}), {what}: if it is the same person, say {} in a column previous_employee_id, or \
                     run 'stoa people merge {} {} --reason …' after the import",
                    p.name, p.employee_id, p.employee_id, p.employee_id, d.after.employee_id
                ),
            ));
        }
        for (row, hint) in hints {
            self.warn(row, Column::Email, hint);
        }
    }
}
