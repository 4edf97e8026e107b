//! From rows to a plan: who is meant, what is different, who reports to whom.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::columns::Column;
use super::sheet::{Row, Sheet};
use super::{Change, Entry, Options, Plan, Problem, Write, cells};
use crate::people::store::{Stored, effective_zone, stored};
use crate::people::text::key;
use crate::people::{Person, Role, Status, country};
use crate::{Conn, Result, args};

/// What the store knows already.
pub(super) struct Known {
    people: Vec<Stored>,
    /// By person id: role and source.
    grants: HashMap<String, Vec<(Role, String)>>,
    /// By platform, workspace and user id: the person's id.
    accounts: HashMap<(String, String, String), String>,
}

impl Known {
    pub async fn read(conn: &Conn) -> Result<Self> {
        let people = stored(conn).await?;
        let mut grants: HashMap<String, Vec<(Role, String)>> = HashMap::new();
        for row in conn.all("SELECT person, role, source FROM role_grant ORDER BY role, source", args![]).await? {
            let grant = (row.get::<String>("role")?.parse()?, row.get("source")?);
            grants.entry(row.get("person")?).or_default().push(grant);
        }
        let mut accounts = HashMap::new();
        for row in conn.all("SELECT platform, workspace, user_id, person FROM identity", args![]).await? {
            let account = (row.get("platform")?, row.get("workspace")?, row.get("user_id")?);
            accounts.insert(account, row.get("person")?);
        }
        Ok(Self { people, grants, accounts })
    }
}

/// A row of the file that was understood.
struct Draft {
    row: usize,
    /// The place of the person in [`Known::people`]; none for somebody new.
    before: Option<usize>,
    after: Person,
    roster_timezone: Option<String>,
    /// The cell that names the manager; an empty one says that there is none.
    manager: Option<(Column, String)>,
    accounts: Vec<(&'static str, String, String)>,
    roles: Option<BTreeSet<Role>>,
}

struct Planner<'a> {
    known: &'a Known,
    options: &'a Options,
    sheet: Sheet<'a>,
    by_employee_id: HashMap<String, usize>,
    by_email: HashMap<String, usize>,
    drafts: Vec<Draft>,
    plan: Plan,
}

pub(super) fn plan(known: &Known, file: &[u8], options: &Options, next_id: &mut dyn FnMut() -> String) -> Plan {
    let mut sheet = match Sheet::open(file) {
        Ok(sheet) => sheet,
        Err(errors) => return Plan { errors, ..Plan::default() },
    };
    let warnings = std::mem::take(&mut sheet.warnings);
    let mut by_employee_id = HashMap::new();
    let mut by_email = HashMap::new();
    for (i, s) in known.people.iter().enumerate() {
        by_employee_id.insert(s.person.employee_id.clone(), i);
        if let Some(email) = &s.person.email
            && (s.person.status != Status::Left || !by_email.contains_key(email))
        {
            by_email.insert(email.clone(), i);
        }
    }
    let plan = Plan { warnings, ..Plan::default() };
    let mut planner = Planner { known, options, sheet, by_employee_id, by_email, drafts: Vec::new(), plan };
    while let Some(row) = planner.sheet.next() {
        match row {
            Ok(row) => planner.row(&row, next_id),
            Err(problem) => planner.plan.errors.push(problem),
        }
    }
    planner.unique();
    planner.managers();
    planner.accounts();
    planner.finish()
}

impl Planner<'_> {
    fn error(&mut self, row: usize, column: Option<Column>, message: impl Into<String>) {
        let column = column.map(|c| self.sheet.header_of(c));
        self.plan.errors.push(Problem { row: Some(row), column, message: message.into() });
    }

    fn warn(&mut self, row: usize, column: Column, message: impl Into<String>) {
        let column = Some(self.sheet.header_of(column));
        self.plan.warnings.push(Problem { row: Some(row), column, message: message.into() });
    }

    /// Reads one row. What cannot be read is an error, and the row goes on, so that all its errors are told.
    fn row(&mut self, row: &Row, next_id: &mut dyn FnMut() -> String) {
        let mut cells: HashMap<Column, &str> = HashMap::new();
        let read: Vec<(Column, &String)> =
            self.sheet.columns.iter().zip(&row.cells).filter_map(|((c, _), text)| Some(((*c)?, text))).collect();
        let mut too_long = Vec::new();
        for (column, text) in read {
            if text.chars().count() > column.limit() {
                too_long.push(column);
            } else {
                cells.insert(column, text.as_str());
            }
        }
        for column in too_long {
            self.error(row.number, Some(column), format!("it has more than {} characters", column.limit()));
        }
        let Some((before, employee_id)) = self.who(row.number, &cells) else { return };
        let mut draft = self.begin(row.number, before, employee_id, next_id);
        self.fill(&mut draft, &cells);
        self.drafts.push(draft);
    }

    /// Whom a row means: the place in the store, if any, and the employee id.
    fn who(&mut self, row: usize, cells: &HashMap<Column, &str>) -> Option<(Option<usize>, String)> {
        let filled = |c: Column| cells.get(&c).copied().filter(|t| !t.is_empty());
        let email = filled(Column::Email).and_then(|t| cells::email(t).ok());
        let by_email = email.as_ref().and_then(|e| self.by_email.get(e).copied());
        if let Some(id) = filled(Column::EmployeeId) {
            if let Some(&i) = self.by_employee_id.get(id) {
                return Some((Some(i), id.to_owned()));
            }
            // Somebody who was imported by e-mail address only, and whose real id comes now.
            let adopted =
                by_email.filter(|&i| self.known.people[i].person.employee_id == email.clone().unwrap_or_default());
            return Some((adopted, id.to_owned()));
        }
        if let Some(i) = by_email {
            return Some((Some(i), self.known.people[i].person.employee_id.clone()));
        }
        match email {
            // An address that was the id of somebody who has another address by now.
            Some(email) => Some((self.by_employee_id.get(&email).copied(), email)),
            None => {
                match filled(Column::Email) {
                    Some(text) => self.error(row, Some(Column::Email), format!("'{text}' is not an e-mail address")),
                    None => self.error(row, None, "it has neither an employee id nor an e-mail address"),
                }
                None
            }
        }
    }

    fn begin(
        &self,
        row: usize,
        before: Option<usize>,
        employee_id: String,
        next_id: &mut dyn FnMut() -> String,
    ) -> Draft {
        let stored = before.map(|i| &self.known.people[i]);
        let after = match stored {
            Some(s) => Person { employee_id, ..s.person.clone() },
            None => Person {
                id: next_id(),
                employee_id,
                name: String::new(),
                email: None,
                timezone: self.options.timezone.clone(),
                locale: self.options.locale.clone(),
                manager: None,
                title: None,
                department: None,
                location: None,
                country: None,
                state: None,
                worker_type: None,
                hire_date: None,
                status: Status::Active,
                leave_from: None,
                leave_to: None,
            },
        };
        let roster_timezone = stored.and_then(|s| s.roster_timezone.clone());
        Draft { row, before, after, roster_timezone, manager: None, accounts: Vec::new(), roles: None }
    }

    fn fill(&mut self, draft: &mut Draft, cells: &HashMap<Column, &str>) {
        let row = draft.row;
        let cell = |c: Column| cells.get(&c).map(|t| (!t.is_empty()).then_some(*t));
        let text = |c: Column, field: &mut Option<String>| {
            if let Some(value) = cell(c) {
                *field = value.map(str::to_owned);
            }
        };
        let p = &mut draft.after;
        text(Column::Title, &mut p.title);
        text(Column::Department, &mut p.department);
        text(Column::Location, &mut p.location);
        text(Column::State, &mut p.state);
        text(Column::WorkerType, &mut p.worker_type);
        text(Column::Country, &mut p.country);
        let mut errors: Vec<(Column, String)> = Vec::new();
        macro_rules! parsed {
            ($column:ident, $read:path, |$value:ident| $set:expr) => {
                if let Some(given) = cell(Column::$column) {
                    match given.map($read).transpose() {
                        Ok($value) => $set,
                        Err(message) => errors.push((Column::$column, message)),
                    }
                }
            };
        }
        parsed!(Email, cells::email, |v| p.email = v);
        parsed!(HireDate, cells::date, |v| p.hire_date = v);
        parsed!(LeaveFrom, cells::date, |v| p.leave_from = v);
        parsed!(LeaveTo, cells::date, |v| p.leave_to = v);
        parsed!(Timezone, cells::timezone, |v| draft.roster_timezone = v);
        parsed!(Locale, cells::locale, |v| p.locale = v.unwrap_or_else(|| self.options.locale.clone()));
        parsed!(Status, cells::status, |v| p.status = v.unwrap_or(p.status));
        let workspace = &self.options.slack_workspace;
        parsed!(SlackId, cells::slack_id, |v| draft.accounts.extend(v.map(|id| ("slack", workspace.clone(), id))));
        parsed!(DiscordId, cells::discord_id, |v| draft.accounts.extend(v.map(|id| ("discord", String::new(), id))));
        parsed!(StoaRoles, cells::roles, |v| {
            let (granted, derived) = v.unwrap_or_default();
            draft.roles = Some(granted);
            if let Some(role) = derived.first() {
                let message = format!("the role {role} follows from the roster and is not granted");
                self.warn(row, Column::StoaRoles, message);
            }
        });
        match cell(Column::Name) {
            Some(Some(name)) => p.name = name.to_owned(),
            Some(None) => errors.push((Column::Name, "the name is missing".into())),
            None if draft.before.is_none() => errors.push((Column::Name, "somebody new needs a name".into())),
            None => {}
        }
        for column in [Column::ManagerEmployeeId, Column::ManagerEmail, Column::Manager] {
            match cell(column) {
                Some(Some(value)) if draft.manager.as_ref().is_none_or(|(_, v)| v.is_empty()) => {
                    draft.manager = Some((column, value.to_owned()));
                }
                Some(None) if draft.manager.is_none() => draft.manager = Some((column, String::new())),
                _ => {}
            }
        }
        p.timezone = effective_zone(
            draft.roster_timezone.as_deref(),
            p.location.as_deref(),
            &self.options.location_zones,
            &self.options.timezone,
        );
        match (p.leave_from, p.leave_to) {
            (Some(from), Some(to)) if from > to => {
                errors.push((Column::LeaveTo, format!("the leave ends on {to}, before it begins on {from}")));
            }
            (None, Some(_)) if p.status == Status::Active => {
                errors.push((Column::LeaveTo, "the leave has an end but no beginning".into()));
            }
            _ => {}
        }
        if let Some(Some(code)) = cell(Column::Country)
            && country::alpha2(code).is_none()
        {
            self.warn(
                row,
                Column::Country,
                format!("'{code}' is not an ISO 3166-1 code like US or USA; rules compare it as text"),
            );
        }
        for (column, message) in errors {
            self.error(row, Some(column), message);
        }
    }

    /// No employee id and no person twice in the file, no e-mail address of two people who work here.
    fn unique(&mut self) {
        let mut ids: HashMap<&str, usize> = HashMap::new();
        let mut people: HashMap<usize, usize> = HashMap::new();
        let mut emails: HashMap<&str, (Option<usize>, &Person)> = HashMap::new();
        let mut found: Vec<(usize, Column, String)> = Vec::new();
        let touched: HashSet<usize> = self.drafts.iter().filter_map(|d| d.before).collect();
        for (i, s) in self.known.people.iter().enumerate() {
            if let Some(email) = &s.person.email
                && s.person.status != Status::Left
                && !touched.contains(&i)
            {
                emails.insert(email, (None, &s.person));
            }
        }
        for d in &self.drafts {
            if let Some(row) = ids.insert(&d.after.employee_id, d.row) {
                let message = format!("the employee id {} is also in row {row}", d.after.employee_id);
                found.push((d.row, Column::EmployeeId, message));
                continue;
            }
            if let Some(row) = d.before.and_then(|i| people.insert(i, d.row)) {
                found.push((d.row, Column::Email, format!("it is about the same person as row {row}")));
                continue;
            }
            let Some(email) = d.after.email.as_deref().filter(|_| d.after.status != Status::Left) else { continue };
            if let Some((row, other)) = emails.insert(email, (Some(d.row), &d.after)) {
                let place = row.map_or_else(|| "who is not in the file".to_owned(), |r| format!("in row {r}"));
                let message = format!(
                    "{email} is also the address of {} (employee id {}), {place}",
                    other.name, other.employee_id
                );
                found.push((d.row, Column::Email, message));
            }
        }
        for (row, column, message) in found {
            self.error(row, Some(column), message);
        }
    }

    /// Resolves who reports to whom, and refuses circles.
    fn managers(&mut self) {
        let touched: HashSet<usize> = self.drafts.iter().filter_map(|d| d.before).collect();
        let rest = self.known.people.iter().enumerate().filter(|(i, _)| !touched.contains(i)).map(|(_, s)| &s.person);
        let people: Vec<&Person> = self.drafts.iter().map(|d| &d.after).chain(rest).collect();
        let directory = Directory::of(&people);
        let mut found: Vec<(usize, Column, String)> = Vec::new();
        let mut managers: Vec<Option<String>> = Vec::with_capacity(self.drafts.len());
        for d in &self.drafts {
            managers.push(match &d.manager {
                None => d.after.manager.clone(),
                Some((_, text)) if text.is_empty() => None,
                Some((column, text)) => match directory.find(*column, text) {
                    Ok(manager) if manager.id == d.after.id => {
                        found.push((d.row, *column, format!("{} cannot be their own manager", d.after.name)));
                        None
                    }
                    Ok(manager) => Some(manager.id.clone()),
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

    /// Each circle of managers once: the first row of the file in it, and a sentence.
    fn circles(&self) -> Vec<(usize, String)> {
        let rows: HashMap<&str, usize> = self.drafts.iter().map(|d| (d.after.id.as_str(), d.row)).collect();
        let mut people: HashMap<&str, &Person> =
            self.known.people.iter().map(|s| (s.person.id.as_str(), &s.person)).collect();
        people.extend(self.drafts.iter().map(|d| (d.after.id.as_str(), &d.after)));
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
            }
            done.extend(path);
        }
        circles
    }

    /// No account of two people.
    fn accounts(&mut self) {
        let mut found: Vec<(usize, Column, String)> = Vec::new();
        let mut seen: HashMap<&(&'static str, String, String), usize> = HashMap::new();
        for d in &self.drafts {
            for account in &d.accounts {
                let (platform, workspace, user) = account;
                let column = if *platform == "slack" { Column::SlackId } else { Column::DiscordId };
                if let Some(row) = seen.insert(account, d.row) {
                    found.push((d.row, column, format!("the {platform} account {user} is also in row {row}")));
                }
                let held = self.known.accounts.get(&((*platform).to_owned(), workspace.clone(), user.clone()));
                if let Some(holder) = held.filter(|id| **id != d.after.id) {
                    let name = self
                        .known
                        .people
                        .iter()
                        .find(|s| s.person.id == *holder)
                        .map_or("somebody else", |s| &s.person.name);
                    found.push((
                        d.row,
                        column,
                        format!("the {platform} account {user} belongs to {name}: unlink it there first"),
                    ));
                }
            }
        }
        for (row, column, message) in found {
            self.error(row, Some(column), message);
        }
    }

    /// Sorts the drafts into added, changed, left and unchanged, and adds whom `--full` marks as left.
    fn finish(mut self) -> Plan {
        let names: HashMap<String, String> = self
            .known
            .people
            .iter()
            .map(|s| &s.person)
            .chain(self.drafts.iter().map(|d| &d.after))
            .map(|p| (p.id.clone(), format!("{} ({})", p.name, p.employee_id)))
            .collect();
        let touched: HashSet<usize> = self.drafts.iter().filter_map(|d| d.before).collect();
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
                write.accounts.push(account);
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
        Entry { row: Some(draft.row), person: draft.after, changes, write }
    }
}

fn listed(roles: &BTreeSet<Role>) -> Option<String> {
    let names: Vec<&str> = roles.iter().map(|r| r.name()).collect();
    (!names.is_empty()).then(|| names.join(", "))
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
        (Column::LeaveFrom, day(a.leave_from), day(b.leave_from)),
        (Column::LeaveTo, day(a.leave_to), day(b.leave_to)),
    ]
    .into_iter()
    .filter(|(_, old, new)| old != new)
    .map(|(column, old, new)| Change { column: column.name(), old, new })
    .collect()
}

/// People by all that can name a manager.
struct Directory<'a> {
    by_id: HashMap<&'a str, &'a Person>,
    by_email: HashMap<&'a str, Vec<&'a Person>>,
    by_name: HashMap<String, Vec<&'a Person>>,
}

impl<'a> Directory<'a> {
    fn of(people: &[&'a Person]) -> Self {
        let mut directory = Self { by_id: HashMap::new(), by_email: HashMap::new(), by_name: HashMap::new() };
        for &p in people {
            directory.by_id.insert(&p.employee_id, p);
            if let Some(email) = &p.email {
                directory.by_email.entry(email).or_default().push(p);
            }
            directory.by_name.entry(key(&p.name)).or_default().push(p);
        }
        directory
    }

    fn find(&self, column: Column, text: &str) -> Result<&'a Person, String> {
        let by_id = || self.by_id.get(text).copied();
        let mail = key(text);
        let none = Vec::new();
        let of_mail = self.by_email.get(mail.as_str()).unwrap_or(&none);
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
