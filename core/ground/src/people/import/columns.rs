//! The columns of a roster and the many names that they go by.

/// A column that the import understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Column {
    EmployeeId,
    Name,
    Email,
    Manager,
    ManagerEmployeeId,
    ManagerEmail,
    Title,
    Department,
    Location,
    Country,
    State,
    WorkerType,
    HireDate,
    Timezone,
    Locale,
    Status,
    LeaveFrom,
    LeaveTo,
    SlackId,
    DiscordId,
    StoaRoles,
    PreviousEmployeeId,
}

/// Each column with its plain name, the most characters that a cell may have, and its other names without case,
/// spaces and punctuation.
const COLUMNS: [(Column, &str, usize, &[&str]); 22] = {
    use Column as C;
    [
        (
            C::EmployeeId,
            "employee_id",
            100,
            &["employeenumber", "employeeno", "empid", "employee", "workerid", "personid", "personnelnumber"],
        ),
        (C::Name, "name", 200, &["fullname", "displayname", "employeename", "preferredname"]),
        (C::Email, "email", 254, &["emailaddress", "mail", "workemail"]),
        (C::Manager, "manager", 254, &["managername", "supervisor", "reportsto"]),
        (
            C::ManagerEmployeeId,
            "manager_employee_id",
            100,
            &["managerid", "manageremployeenumber", "managernumber", "supervisorid"],
        ),
        (C::ManagerEmail, "manager_email", 254, &["manageremailaddress", "supervisoremail"]),
        (C::Title, "role", 200, &["title", "jobtitle", "position", "jobrole", "job"]),
        (C::Department, "department", 200, &["dept", "departmentname"]),
        (C::Location, "location", 200, &["office", "site", "worklocation", "locationname"]),
        (C::Country, "country", 100, &["countryiso3", "countryiso2", "countryiso", "countrycode"]),
        (C::State, "state", 100, &["province", "stateprovince", "statecode"]),
        (C::WorkerType, "worker_type", 100, &["employmenttype", "employeetype"]),
        (C::HireDate, "hire_date", 40, &["startdate", "dateofhire", "hiredon"]),
        (C::Timezone, "timezone", 100, &["tz", "ianatimezone"]),
        (C::Locale, "locale", 40, &["language", "lang", "preferredlanguage"]),
        (C::Status, "status", 40, &["employmentstatus", "employeestatus", "workerstatus"]),
        (C::LeaveFrom, "leave_from", 40, &["leavestart", "leavestartdate"]),
        (C::LeaveTo, "leave_to", 40, &["leaveend", "leaveenddate", "leaveuntil"]),
        (C::SlackId, "slack_id", 40, &["slackuserid", "slackmemberid", "slackuser"]),
        (C::DiscordId, "discord_id", 40, &["discorduserid", "discorduser"]),
        (C::StoaRoles, "stoa_roles", 200, &["stoarole"]),
        (
            C::PreviousEmployeeId,
            "previous_employee_id",
            100,
            &["formeremployeeid", "oldemployeeid", "previousemployeenumber", "previousid", "rehireof"],
        ),
    ]
};

impl Column {
    /// The column that a header cell names, in any case and with any spaces, underscores and punctuation.
    pub fn named(header: &str) -> Option<Self> {
        let wanted = squeeze(header);
        COLUMNS
            .iter()
            .find(|(_, name, _, aliases)| squeeze(name) == wanted || aliases.contains(&wanted.as_str()))
            .map(|c| c.0)
    }

    fn entry(self) -> &'static (Self, &'static str, usize, &'static [&'static str]) {
        // The table is in the order of the enum; a test checks it.
        &COLUMNS[self as usize]
    }

    /// Its plain name.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// The most characters that a cell of it may have.
    pub fn limit(self) -> usize {
        self.entry().2
    }

    /// The plain names of all columns.
    pub fn names() -> impl Iterator<Item = &'static str> {
        COLUMNS.iter().map(|c| c.1)
    }
}

/// Letters and digits in lower case.
pub(super) fn squeeze(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_however_they_are_spelt() {
        for (i, (column, name, ..)) in COLUMNS.iter().enumerate() {
            assert_eq!(*column as usize, i, "{name}");
            assert_eq!(Column::named(name), Some(*column), "{name}");
        }
        let mut all: Vec<String> = COLUMNS.iter().flat_map(|c| c.3.iter().map(|a| (*a).to_owned())).collect();
        all.extend(COLUMNS.iter().map(|c| squeeze(c.1)));
        all.sort();
        let twice: Vec<_> = all.windows(2).filter(|w| w[0] == w[1]).map(|w| &w[0]).collect();
        assert!(twice.is_empty(), "{twice:?} name two columns");
        for (header, column) in [
            ("Country ISO-3", Column::Country),
            ("Manager_Email", Column::ManagerEmail),
            ("Worker Type", Column::WorkerType),
            ("E-mail", Column::Email),
            ("HIRE DATE", Column::HireDate),
            ("Job Title", Column::Title),
            ("Employee ID", Column::EmployeeId),
        ] {
            assert_eq!(Column::named(header), Some(column), "{header}");
        }
        assert_eq!(Column::named("Shoe size"), None);
    }
}
