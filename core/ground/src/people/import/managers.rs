//! Who reports to whom: by employee id, else by e-mail address, else by a name that only one person has.

use std::collections::{HashMap, HashSet};

use super::columns::Column;
use super::people::{Draft, Planner};
use crate::people::text::key;
use crate::people::{Person, Status};

impl Planner<'_> {
    /// Resolves who reports to whom, and refuses circles.
    pub(super) fn managers(&mut self) {
        let touched: HashSet<usize> = self.drafts.iter().filter_map(|d| d.before).collect();
        let rest = self.known.people.iter().enumerate().filter(|(i, _)| !touched.contains(i)).map(|(_, s)| &s.person);
        let people: Vec<&Person> = self.drafts.iter().map(|d| &d.after).chain(rest).collect();
        let mut directory = Directory::of(&people);
        self.earlier_names(&people, &mut directory);
        let merged = self.merged();
        let mut found: Vec<(usize, Column, String)> = Vec::new();
        let mut managers: Vec<Option<String>> = Vec::with_capacity(self.drafts.len());
        for d in &self.drafts {
            managers.push(match &d.manager {
                None => d.after.manager.as_ref().map(|m| merged.get(m).unwrap_or(m).clone()),
                Some((_, text)) if text.is_empty() => None,
                Some((column, text)) => match directory.find(*column, text) {
                    Ok(manager) if *merged.get(&manager.id).unwrap_or(&manager.id) == d.after.id => {
                        found.push((d.row, *column, "nobody can be their own manager".into()));
                        None
                    }
                    Ok(manager) => Some(merged.get(&manager.id).unwrap_or(&manager.id).clone()),
                    Err(message) => {
                        found.push((d.row, *column, message));
                        None
                    }
                },
            });
        }
        for (draft, manager) in self.drafts.iter_mut().zip(managers) {
            draft.after.manager = manager;
        }
        for (row, column, message) in found {
            self.error(row, Some(column), message);
        }
        for (row, message) in self.circles() {
            let column = self.drafts.iter().find(|d| d.row == row).and_then(|d| d.manager.as_ref()).map(|m| m.0);
            self.error(row, column, message);
        }
    }

    /// Who is merged by this file: our id, and that of the person who will stand for both.
    fn merged(&self) -> HashMap<String, String> {
        let merge = |d: &Draft| Some((self.known.people[d.merge?].person.id.clone(), d.after.id.clone()));
        self.drafts.iter().filter_map(merge).collect()
    }

    /// What a manager may be called by that is theirs no more: merged employee ids and addresses, addresses of before.
    fn earlier_names<'a>(&self, people: &[&'a Person], directory: &mut Directory<'a>) {
        let by_row: HashMap<&str, &'a Person> = people.iter().map(|p| (p.id.as_str(), *p)).collect();
        for (employee_id, email, stands) in &self.known.aliases {
            let Some(&person) = by_row.get(stands.as_str()) else { continue };
            directory.earlier_id.insert(employee_id.clone(), person);
            if let Some(email) = email {
                directory.former.entry(email.clone()).or_default().push(person);
            }
        }
        let former = self.known.former.iter().map(|(email, id)| (email, id.as_str()));
        let before = self.drafts.iter().filter_map(|d| Some(&self.known.people[d.before?].person));
        let given_up = before.filter_map(|p| Some((p.email.as_ref()?, p.id.as_str())));
        for (email, id) in former.chain(given_up) {
            if let Some(&person) = by_row.get(id) {
                let had = directory.former.entry(email.clone()).or_default();
                if !had.iter().any(|p| p.id == person.id) {
                    had.push(person);
                }
            }
        }
    }

    /// Each circle of managers once: the first row of the file in it, and a sentence.
    fn circles(&self) -> Vec<(usize, String)> {
        let rows: HashMap<&str, usize> = self.drafts.iter().map(|d| (d.after.id.as_str(), d.row)).collect();
        let mut people: HashMap<&str, &Person> =
            self.known.people.iter().map(|s| (s.person.id.as_str(), &s.person)).collect();
        people.extend(self.drafts.iter().map(|d| (d.after.id.as_str(), &d.after)));
        let merged = self.merged();
        let mut done: HashSet<&str> = HashSet::new();
        let mut circles = Vec::new();
        for d in &self.drafts {
            let mut path: Vec<&str> = Vec::new();
            let mut places: HashMap<&str, usize> = HashMap::new();
            let mut next = Some(d.after.id.as_str());
            while let Some(id) = next.filter(|id| !done.contains(id)) {
                if let Some(&start) = places.get(id) {
                    let members = &path[start..];
                    let names: Vec<&str> = members.iter().chain([&id]).map(|id| people[id].name.as_str()).collect();
                    let mut of_file: Vec<usize> = members.iter().filter_map(|id| rows.get(id).copied()).collect();
                    of_file.sort_unstable();
                    let shown: Vec<String> = of_file.iter().map(ToString::to_string).collect();
                    let message = format!(
                        "the managers form a circle (rows {}): {}",
                        shown.join(", "),
                        names.join(" reports to ")
                    );
                    circles.extend(of_file.first().map(|row| (*row, message)));
                    break;
                }
                places.insert(id, path.len());
                path.push(id);
                next = people.get(id).and_then(|p| p.manager.as_deref());
                next = next.map(|m| merged.get(m).map_or(m, String::as_str));
            }
            done.extend(path);
        }
        circles
    }
}

/// People by all that can name a manager.
#[derive(Default)]
struct Directory<'a> {
    by_id: HashMap<&'a str, &'a Person>,
    by_email: HashMap<&'a str, Vec<&'a Person>>,
    by_name: HashMap<String, Vec<&'a Person>>,
    /// Employee ids that were merged.
    earlier_id: HashMap<String, &'a Person>,
    /// Addresses that nobody need have now.
    former: HashMap<String, Vec<&'a Person>>,
}

impl<'a> Directory<'a> {
    fn of(people: &[&'a Person]) -> Self {
        let mut directory = Self::default();
        for &p in people {
            directory.by_id.insert(&p.employee_id, p);
            if let Some(email) = &p.email {
                directory.by_email.entry(email).or_default().push(p);
            }
            directory.by_name.entry(key(&p.name)).or_default().push(p);
        }
        directory
    }

    /// Who is named; a cell that names several is said to do so.
    fn find(&self, column: Column, text: &str) -> Result<&'a Person, String> {
        self.named(column, text).map_err(|why| {
            let parts = text.split([';', ',', '/', '|']).map(str::trim);
            match parts.filter(|part| self.named(column, part).is_ok()).count() {
                0 | 1 => why,
                several => {
                    format!("'{text}' names {several} managers: write the one who hears of this person's training")
                }
            }
        })
    }

    fn named(&self, column: Column, text: &str) -> Result<&'a Person, String> {
        let by_id = || self.by_id.get(text).or_else(|| self.earlier_id.get(text)).copied();
        let mail = key(text);
        let none = Vec::new();
        let of_mail = self.by_email.get(mail.as_str()).or_else(|| self.former.get(&mail)).unwrap_or(&none);
        let unknown = |what: &str| format!("no {what} '{text}' is in the file or known already");
        match column {
            Column::ManagerEmployeeId => by_id().ok_or_else(|| unknown("employee id")),
            Column::ManagerEmail => one(of_mail, text)?.ok_or_else(|| unknown("e-mail address")),
            _ => {
                if let Some(person) = by_id() {
                    return Ok(person);
                }
                if let Some(person) = one(of_mail, text)? {
                    return Ok(person);
                }
                one(self.by_name.get(&mail).unwrap_or(&none), text)?.ok_or_else(|| unknown("person"))
            }
        }
    }
}

/// The only one, or the only one who works here.
fn one<'a>(people: &[&'a Person], text: &str) -> Result<Option<&'a Person>, String> {
    let here: Vec<&Person> = people.iter().copied().filter(|p| p.status != Status::Left).collect();
    match (here.as_slice(), people) {
        ([only], _) | ([], [only]) => Ok(Some(only)),
        ([], []) => Ok(None),
        (several, all) => {
            let several = if several.is_empty() { all } else { several };
            let mut ids: Vec<&str> = several.iter().map(|p| p.employee_id.as_str()).collect();
            ids.sort_unstable();
            ids.truncate(5);
            Err(format!(
                "{} people are called '{text}' (employee ids {}): name the manager by employee id or e-mail address",
                several.len(),
                ids.join(", ")
            ))
        }
    }
}
