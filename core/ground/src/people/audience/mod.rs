//! Audience rules: whom a requirement, a track or a drop is for.
//!
//! ```text
//! department = "Sales" and country in ["US", "CA"] and not worker_type = "contractor"
//! everyone · manager · role = "expert" · group "location/Lisbon" · hire_date >= 2026-01-01 · (… or …)
//! ```
//!
//! Fields are `department`, `location`, `country`, `state`, `worker_type`, `title`, `status`, `locale`, `employee_id`,
//! `email` (all with `=`, `!=`, `in [..]`, `not in [..]`) and `hire_date` (also `<`, `<=`, `>`, `>=`). Texts are compared
//! without regard to case; `US` and `USA` are the same country; `locale = "de"` also means `de-AT`. A field that a person
//! does not have equals nothing. `not` binds before `and`, `and` before `or`. Somebody who left is in no audience.

mod explain;
mod parse;

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::Date;

pub use explain::Reason;
pub use parse::RuleError;

use super::text::key;
use super::{Facts, Person, Role, Status, country};

/// An audience rule. `Display` writes it so that [`parse`](str::parse) reads the same rule again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Everybody who works here.
    Everyone,
    /// Who has a role. [`Role::Manager`] is written `manager`.
    Role(Role),
    /// Who is in a group, see [`groups_of`](super::groups_of).
    Group(String),
    /// Whose field has one of these values; one value is written `=`.
    Field(Field, Vec<String>),
    /// Whose first day of work compares so.
    Hired(Order, Date),
    /// Who is in none of the rule.
    Not(Box<Rule>),
    /// Who is in all.
    And(Vec<Rule>),
    /// Who is in at least one.
    Or(Vec<Rule>),
}

/// A field that a rule can ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the fields of Person")]
pub enum Field {
    Department,
    Location,
    Country,
    State,
    WorkerType,
    Title,
    Status,
    Locale,
    EmployeeId,
    Email,
}

impl Field {
    /// All fields.
    pub const ALL: [Self; 10] = [
        Self::Department,
        Self::Location,
        Self::Country,
        Self::State,
        Self::WorkerType,
        Self::Title,
        Self::Status,
        Self::Locale,
        Self::EmployeeId,
        Self::Email,
    ];

    /// As a rule writes it, for example `worker_type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Department => "department",
            Self::Location => "location",
            Self::Country => "country",
            Self::State => "state",
            Self::WorkerType => "worker_type",
            Self::Title => "title",
            Self::Status => "status",
            Self::Locale => "locale",
            Self::EmployeeId => "employee_id",
            Self::Email => "email",
        }
    }

    /// What the person has there.
    #[must_use]
    pub fn of(self, person: &Person) -> Option<&str> {
        match self {
            Self::Department => person.department.as_deref(),
            Self::Location => person.location.as_deref(),
            Self::Country => person.country.as_deref(),
            Self::State => person.state.as_deref(),
            Self::WorkerType => person.worker_type.as_deref(),
            Self::Title => person.title.as_deref(),
            Self::Status => Some(person.status.name()),
            Self::Locale => Some(&person.locale),
            Self::EmployeeId => Some(&person.employee_id),
            Self::Email => person.email.as_deref(),
        }
    }

    fn equals(self, has: &str, wanted: &str) -> bool {
        let (has, wanted) = (key(has), key(wanted));
        match self {
            Self::Country => match (country::alpha2(&has), country::alpha2(&wanted)) {
                (Some(a), Some(b)) => a == b,
                _ => has == wanted,
            },
            Self::Locale => has == wanted || has.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with('-')),
            _ => has == wanted,
        }
    }
}

/// How two dates compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the signs say it")]
pub enum Order {
    Equal,
    NotEqual,
    Before,
    UpTo,
    After,
    From,
}

impl Order {
    /// All signs.
    pub const ALL: [Self; 6] = [Self::Equal, Self::NotEqual, Self::Before, Self::UpTo, Self::After, Self::From];

    /// `=`, `!=`, `<`, `<=`, `>` or `>=`.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Before => "<",
            Self::UpTo => "<=",
            Self::After => ">",
            Self::From => ">=",
        }
    }

    fn holds(self, a: Date, b: Date) -> bool {
        match self {
            Self::Equal => a == b,
            Self::NotEqual => a != b,
            Self::Before => a < b,
            Self::UpTo => a <= b,
            Self::After => a > b,
            Self::From => a >= b,
        }
    }
}

impl Rule {
    /// Whether the rule means this person. Nobody who left is meant.
    #[must_use]
    pub fn matches(&self, person: &Person, facts: &Facts) -> bool {
        person.status != Status::Left && self.holds(person, facts)
    }

    fn holds(&self, person: &Person, facts: &Facts) -> bool {
        match self {
            Self::Everyone => true,
            Self::Role(role) => facts.roles.contains(role),
            Self::Group(group) => facts.groups.iter().any(|g| key(g) == key(group)),
            Self::Field(field, values) => {
                field.of(person).is_some_and(|has| values.iter().any(|v| field.equals(has, v)))
            }
            Self::Hired(order, date) => person.hire_date.is_some_and(|hired| order.holds(hired, *date)),
            Self::Not(rule) => !rule.holds(person, facts),
            Self::And(rules) => rules.iter().all(|r| r.holds(person, facts)),
            Self::Or(rules) => rules.iter().any(|r| r.holds(person, facts)),
        }
    }

    /// The groups that the rule names, so that a group nobody is in can be reported.
    #[must_use]
    pub fn groups(&self) -> BTreeSet<&str> {
        match self {
            Self::Group(group) => BTreeSet::from([group.as_str()]),
            Self::Not(rule) => rule.groups(),
            Self::And(rules) | Self::Or(rules) => rules.iter().flat_map(Self::groups).collect(),
            _ => BTreeSet::new(),
        }
    }

    /// How tightly the written form holds together: 0 `or`, 1 `and`, 2 `not` and all else.
    fn tightness(&self) -> u8 {
        match self {
            Self::Or(_) => 0,
            Self::And(_) => 1,
            _ => 2,
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, at_least: u8) -> fmt::Result {
        if self.tightness() < at_least { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("everyone"),
            Self::Role(Role::Manager) => f.write_str("manager"),
            Self::Role(role) => write!(f, "role = \"{role}\""),
            Self::Group(group) => write!(f, "group {}", Quoted(group)),
            Self::Field(field, values) if values.len() == 1 => write!(f, "{} = {}", field.name(), Quoted(&values[0])),
            Self::Field(field, values) => {
                write!(f, "{} in [", field.name())?;
                for (i, value) in values.iter().enumerate() {
                    write!(f, "{}{}", if i == 0 { "" } else { ", " }, Quoted(value))?;
                }
                f.write_str("]")
            }
            Self::Hired(order, date) => write!(f, "hire_date {} {date}", order.sign()),
            Self::Not(rule) => {
                f.write_str("not ")?;
                rule.write(f, 2)
            }
            Self::And(rules) | Self::Or(rules) => {
                let (word, inner) = if matches!(self, Self::And(_)) { (" and ", 2) } else { (" or ", 1) };
                for (i, rule) in rules.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { word })?;
                    rule.write(f, inner)?;
                }
                Ok(())
            }
        }
    }
}

/// A text in double quotes, with `\"` and `\\` inside.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

impl serde::Serialize for Rule {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Rule {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
