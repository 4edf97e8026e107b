//! From rows to drafts: whom each row means and what it says about them.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::columns::Column;
use super::sheet::Sheet;
use super::{MAX_ERRORS, MAX_ROWS, Options, Plan, Problem, cells};
use crate::ledger::is_no_person;
use crate::people::leave::Said;
use crate::people::merge::all_aliases;
use crate::people::store::{Stored, stored};
use crate::people::text::key;
use crate::people::zones::effective_zone;
use crate::people::{Person, Role, Status, country};
use crate::sheet::Row;
use crate::{Conn, Instant, Result, args};

/// What the store knows already.
#[derive(Default)]
pub(super) struct Known {
    pub people: Vec<Stored>,
    /// By person id: role and source.
    pub grants: HashMap<String, Vec<(Role, String)>>,
    /// By platform, workspace and user id: the person's id.
    pub accounts: HashMap<(String, String, String), String>,
    /// Employee ids and addresses that were merged, with the id of the person who stands for them.
    pub aliases: Vec<(String, Option<String>, String)>,
    /// Addresses that people had before, with the person's id.
    pub former: Vec<(String, String)>,
    /// When it was read.
    pub now: Instant,
}

impl Known {
    pub async fn read(conn: &Conn) -> Result<Self> {
        let people = stored(conn).await?;
        let mut grants: HashMap<String, Vec<(Role, String)>> = HashMap::new();
        for row in conn.all("SELECT person, role, source FROM role_grant ORDER BY role, source", args![]).await? {
            let grant = (row.get::<String>("role")?.parse()?, row.get("source")?);
            grants.entry(row.get("person")?).or_default().push(grant);
        }
        let mut accounts: HashMap<(String, String, String), String> = HashMap::new();
        for row in conn.all("SELECT platform, workspace, user_id, person FROM identity", args![]).await? {
            let account = (row.get("platform")?, row.get("workspace")?, row.get("user_id")?);
            accounts.insert(account, row.get("person")?);
        }
        let aliases = all_aliases(conn).await?;
        let stands: HashMap<String, String> = conn
            .all("SELECT person, stands_for FROM person_alias", args![])
            .await?
            .iter()
            .map(|r| Ok((r.get("person")?, r.get("stands_for")?)))
            .collect::<Result<_>>()?;
        // Who is merged is nobody in a roster: what they hold is held by the one who stands for them.
        for holder in accounts.values_mut() {
            if let Some(stands) = stands.get(holder) {
                holder.clone_from(stands);
            }
        }
        for (merged, stands) in &stands {
            if let Some(held) = grants.remove(merged) {
                grants.entry(stands.clone()).or_default().extend(held);
            }
        }
        let mut former = Vec::new();
        for row in conn.all("SELECT email, person FROM person_address ORDER BY email, person", args![]).await? {
            let person: String = row.get("person")?;
            former.push((row.get("email")?, stands.get(&person).cloned().unwrap_or(person)));
        }
        Ok(Self { people, grants, accounts, aliases, former, now: conn.now() })
    }
}

/// A row of the file that was understood.
pub(super) struct Draft {
    pub row: usize,
    /// The place of the person in [`Known::people`]; none for somebody new.
    pub before: Option<usize>,
    pub after: Person,
    pub roster_timezone: Option<String>,
    /// The cell that names the manager; an empty one says that there is none.
    pub manager: Option<(Column, String)>,
    pub accounts: Vec<(&'static str, String, String)>,
    pub roles: Option<BTreeSet<Role>>,
    /// The row is about an earlier employee id of the person.
    pub earlier: bool,
    /// The cell that names the person's earlier employee id.
    pub previous: Option<String>,
    /// The place in [`Known::people`] of who is merged into this person.
    pub merge: Option<usize>,
}

pub(super) struct Planner<'a> {
    pub known: &'a Known,
    pub options: &'a Options,
    sheet: Sheet<'a>,
    pub(super) by_employee_id: HashMap<String, usize>,
    pub(super) by_email: HashMap<String, usize>,
    /// Employee ids that were merged into somebody.
    pub(super) earlier: HashMap<String, usize>,
    /// Addresses that only one person had before.
    pub(super) former: HashMap<String, usize>,
    pub drafts: Vec<Draft>,
    pub plan: Plan,
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
    let (earlier, former) = (HashMap::new(), HashMap::new());
    let mut planner =
        Planner { known, options, sheet, by_employee_id, by_email, earlier, former, drafts: Vec::new(), plan };
    planner.know_earlier();
    while let Some(row) = planner.sheet.next() {
        match row {
            Ok(row) => planner.row(&row, next_id),
            Err(problem) => planner.plan.errors.push(problem),
        }
        let stop = if planner.plan.errors.len() >= MAX_ERRORS {
            format!("the file has {MAX_ERRORS} errors or more; the rest was not read")
        } else if planner.drafts.len() > MAX_ROWS {
            format!("the file has more than {MAX_ROWS} people: split it")
        } else {
            continue;
        };
        planner.plan.errors.push(Problem { row: None, column: None, message: stop });
        return planner.plan;
    }
    planner.earlier_rows();
    planner.previous();
    planner.unique();
    planner.managers();
    planner.accounts();
    planner.hints();
    planner.finish()
}

impl Planner<'_> {
    pub(super) fn error(&mut self, row: usize, column: Option<Column>, message: impl Into<String>) {
        let column = column.map(|c| self.sheet.header_of(c));
        self.plan.errors.push(Problem { row: Some(row), column, message: message.into() });
    }

    pub(super) fn warn(&mut self, row: usize, column: Column, message: impl Into<String>) {
        if self.plan.warnings.len() >= MAX_ERRORS {
            return;
        }
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
        draft.earlier = cells.get(&Column::EmployeeId).is_some_and(|id| self.earlier.contains_key(*id));
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
            if let Some(&i) = self.earlier.get(id) {
                return Some((Some(i), self.known.people[i].person.employee_id.clone()));
            }
            if is_no_person(id) {
                let message =
                    format!("'{id}' cannot be an employee id: Stoa calls itself so in evidence; use another id");
                self.error(row, Some(Column::EmployeeId), message);
                return None;
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
            Some(email) => {
                if let Some(&i) = self.by_employee_id.get(&email) {
                    return Some((Some(i), email));
                }
                // An earlier address under the same name is the same person; under another name it was given on.
                let name = filled(Column::Name).map(key);
                let same = self.earlier.get(&email).or_else(|| self.former.get(&email)).copied();
                let same = same.filter(|&i| name.is_none_or(|name| name == key(&self.known.people[i].person.name)));
                Some((same, same.map_or(email, |i| self.known.people[i].person.employee_id.clone())))
            }
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
                timezone: self.options.timezone.clone(),
                locale: self.options.locale.clone(),
                ..Person::new(next_id(), employee_id, String::new())
            },
        };
        let roster_timezone = stored.and_then(|s| s.roster_timezone.clone());
        Draft {
            row,
            before,
            after,
            roster_timezone,
            manager: None,
            accounts: Vec::new(),
            roles: None,
            earlier: false,
            previous: None,
            merge: None,
        }
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
        draft.previous = cell(Column::PreviousEmployeeId).flatten().map(str::to_owned);
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
        let of_chat = draft.before.and_then(|at| self.known.people[at].chat_timezone.as_deref());
        p.timezone = effective_zone(
            draft.roster_timezone.as_deref().or(of_chat),
            p.location.as_deref(),
            &self.options.location_zones,
            &self.options.timezone,
        );
        if let Some(before) = draft.before.map(|at| &self.known.people[at].person) {
            let active = p.status == Status::Active && matches!(cell(Column::Status), Some(Some(_)));
            let said = Said { leave: cells.contains_key(&Column::LeaveFrom), active };
            let today = self.known.now.zoned(&crate::people::zone(p)).date();
            p.follow_roster(before, said, today);
        }
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
        let touched: HashSet<usize> = self.drafts.iter().flat_map(|d| [d.before, d.merge]).flatten().collect();
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
                let merged = d.merge.map(|i| &self.known.people[i].person.id);
                if let Some(holder) = held.filter(|id| **id != d.after.id && Some(*id) != merged) {
                    let holder = self.known.people.iter().map(|s| &s.person).find(|p| p.id == *holder);
                    let name = holder.map_or("somebody else", |p| &p.name);
                    let same = match holder {
                        Some(p) if d.before.is_none() => {
                            format!(", or say previous_employee_id {} if it is the same person", p.employee_id)
                        }
                        _ => String::new(),
                    };
                    found.push((
                        d.row,
                        column,
                        format!("the {platform} account {user} belongs to {name}: unlink it there first{same}"),
                    ));
                }
            }
        }
        for (row, column, message) in found {
            self.error(row, Some(column), message);
        }
    }
}
