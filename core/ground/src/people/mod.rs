//! People: who works here, under which accounts they write, what they may do, when they are away.
//!
//! Reads take a [`Conn`](crate::Conn), writes a [`Tx`](crate::Tx). Every change of a person (also of accounts, settings
//! and roles) publishes topic [`TOPIC`] with the person's id to the change feed. People come from the roster
//! ([`import`]); whom a rule means is said by an [`audience`] rule; days are counted with a [`calendar::Calendar`].

mod accounts;
pub mod audience;
pub mod calendar;
mod country;
mod groups;
pub mod history;
mod holidays;
pub mod import;
mod leave;
pub mod merge;
mod roles;
mod sign_in;
mod store;
mod text;
mod vouch;
mod zones;

pub use accounts::{
    Account, AccountProjection, accounts_of, link_account, remember, set_setting, setting, settings_named, settings_of,
    unlink_account,
};
pub use groups::{Facts, access_classes, all_facts, facts, groups_of};
pub use leave::{Absence, Leave, add_leave};
pub use roles::{Role, RoleProjection, grant, granted_to, people_with, revoke, roles_of};
pub use sign_in::{create_sign_in_link, redeem_sign_in_link};
pub(crate) use store::insert;
pub use store::{
    Count, all, by_account, by_email, by_employee_id, by_id, by_ids, count, find, heard_locale, in_group, leads,
    left_at, managers_above, page, reports_of, rows_of, tree_of,
};
pub use text::{clean, folded, typed};
pub use vouch::{Member, Standing, standing, unvouch, vouch};
pub use zones::{has_own_zone, heard_zone, refresh_zones};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::ledger::Projection;

/// The rows that are one human, for `person IN …`: a person's own row and those that were merged into it. The parameter
/// (`"$1"`) is the id of the person who stands for all.
#[macro_export]
macro_rules! rows_of {
    ($parameter:literal) => {
        concat!(
            "(SELECT id FROM person WHERE id = ",
            $parameter,
            " UNION ALL SELECT person FROM person_alias WHERE stands_for = ",
            $parameter,
            ")"
        )
    };
}

/// The projections of the ledger's records about people: roles, accounts, and who was merged into whom.
#[must_use]
pub fn projections() -> Vec<Box<dyn Projection>> {
    vec![Box::new(RoleProjection), Box::new(AccountProjection), Box::new(merge::MergeProjection)]
}

/// The topic of the change feed under which people's ids are published.
pub const TOPIC: &str = "person";

/// Whether a person works here now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// At work.
    Active,
    /// On leave: clocks stop, nothing unsolicited is sent.
    Leave,
    /// No longer here: gets nothing, is recommended to nobody, and stays in the evidence.
    Left,
}

/// A person, as the roster has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// Our id (UUID). Never shown.
    pub id: String,
    /// The organisation's stable id of the person.
    pub employee_id: String,
    /// Display name, cleaned of control characters and direction overrides.
    pub name: String,
    /// E-mail address, if known.
    pub email: Option<String>,
    /// IANA zone; the location's or the organisation's when the roster has none.
    pub timezone: String,
    /// BCP 47 tag, for example `en` or `de-AT`; English where the roster has none. Rules compare this one.
    pub locale: String,
    /// What the person's chat says of their language (BCP 47), if it says it.
    #[serde(default)]
    pub chat_locale: Option<String>,
    /// The manager's person id.
    pub manager: Option<String>,
    /// Job title.
    pub title: Option<String>,
    /// Department.
    pub department: Option<String>,
    /// Name of a location in `[[organisation.locations]]`, or free text.
    pub location: Option<String>,
    /// ISO 3166-1 code as given.
    pub country: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// For example `employee` or `contractor`.
    pub worker_type: Option<String>,
    /// First day of work.
    pub hire_date: Option<Date>,
    /// Whether the person works here now.
    pub status: Status,
    /// First day of leave, inclusive.
    pub leave_from: Option<Date>,
    /// Last day of leave, inclusive.
    pub leave_to: Option<Date>,
    /// Leaves that are known beside that one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_leaves: Vec<Leave>,
    /// Since which day the person is back from a leave that is not among these any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_since: Option<Date>,
}

impl Person {
    /// Somebody who works here, in UTC and English, of whom nothing else is known yet.
    pub(crate) fn new(id: String, employee_id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id,
            employee_id: employee_id.into(),
            name: name.into(),
            email: None,
            timezone: "UTC".into(),
            locale: "en".into(),
            chat_locale: None,
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
            other_leaves: Vec::new(),
            back_since: None,
        }
    }

    /// The language in which the person is spoken to (BCP 47): the roster's, and where that is English, which it is where it
    /// says nothing, the one of their chat.
    #[must_use]
    pub fn language(&self) -> &str {
        let english =
            self.locale.split(['-', '_']).next().is_some_and(|l| l.is_empty() || l.eq_ignore_ascii_case("en"));
        self.chat_locale.as_deref().filter(|_| english).unwrap_or(&self.locale)
    }
}

impl Status {
    /// As it is stored and shown: `active`, `leave` or `left`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Leave => "leave",
            Self::Left => "left",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a person is away on a day of their own calendar: left, or on leave.
///
/// Leave dates count whatever the status says, first and last day included; status [`Status::Leave`] without dates is
/// away on every day, and a missing first or last day is open-ended then.
#[must_use]
pub fn away(person: &Person, date: Date) -> bool {
    person.status == Status::Left || Absence::of(person).away(date)
}

/// The person's time zone; UTC when the stored name is not in the time zone database of this machine.
#[must_use]
pub fn zone(person: &Person) -> TimeZone {
    TimeZone::get(&person.timezone).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod merge_tests;
#[cfg(test)]
mod tests;
