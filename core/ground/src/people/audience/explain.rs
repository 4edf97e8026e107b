//! Why a rule means a person, or does not.

use jiff::civil::Date;

use super::{Field, Rule};
use crate::people::{Facts, Person, Role, Status};

/// One fact about a person that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The rule means everybody.
    Everyone,
    /// They left, and nobody who left is meant.
    Left,
    /// They have the role, or do not.
    Role(Role, bool),
    /// They are in the group, or are not.
    Group(String, bool),
    /// What they have in this field, if anything.
    Field(Field, Option<String>),
    /// Their first day of work, if it is known.
    Hired(Option<Date>),
}

impl Rule {
    /// The facts that decided whether the rule means this person, in the rule's order and each once.
    #[must_use]
    pub fn reasons(&self, person: &Person, facts: &Facts) -> Vec<Reason> {
        if person.status == Status::Left {
            return vec![Reason::Left];
        }
        let mut reasons = Vec::new();
        self.collect(person, facts, &mut reasons);
        reasons
    }

    fn collect(&self, person: &Person, facts: &Facts, reasons: &mut Vec<Reason>) {
        let holds = self.holds(person, facts);
        let reason = match self {
            Self::Everyone => Reason::Everyone,
            Self::Role(role) => Reason::Role(*role, holds),
            Self::Group(group) => Reason::Group(group.clone(), holds),
            Self::Field(field, _) => Reason::Field(*field, field.of(person).map(str::to_owned)),
            Self::Hired(..) => Reason::Hired(person.hire_date),
            Self::Not(rule) => return rule.collect(person, facts, reasons),
            // Only those decide that agree with the whole: what failed an `and`, what carried an `or`.
            Self::And(rules) | Self::Or(rules) => {
                for rule in rules.iter().filter(|r| r.holds(person, facts) == holds) {
                    rule.collect(person, facts, reasons);
                }
                return;
            }
        };
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }

    /// The decision with its reasons in one English sentence without a full stop: `because your department is Sales and
    /// your country is US`, or `not for you, because …`. Other languages phrase [`reasons`](Self::reasons) themselves.
    #[must_use]
    pub fn explain(&self, person: &Person, facts: &Facts) -> String {
        let said: Vec<String> = self.reasons(person, facts).iter().map(Reason::phrase).collect();
        let why = match said.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, first)) => format!("{} and {last}", first.join(", ")),
            None => "the rule asks nothing".into(),
        };
        let lead = if self.matches(person, facts) { "because" } else { "not for you, because" };
        format!("{lead} {why}")
    }
}

impl Reason {
    fn phrase(&self) -> String {
        match self {
            Self::Everyone => "it is for everyone".into(),
            Self::Left => "you have left the organisation".into(),
            Self::Role(Role::Employee, true) => "you work here".into(),
            Self::Role(Role::Manager, true) => "you are a manager".into(),
            Self::Role(Role::Manager, false) => "you are not a manager".into(),
            Self::Role(role, true) => format!("you have the role {role}"),
            Self::Role(role, false) => format!("you do not have the role {role}"),
            Self::Group(group, true) => format!("you are in the group {group}"),
            Self::Group(group, false) => format!("you are not in the group {group}"),
            Self::Field(field, Some(value)) => format!("your {} is {value}", words(*field)),
            Self::Field(field, None) => format!("you have no {}", words(*field)),
            Self::Hired(Some(date)) => format!("your first day of work is {date}"),
            Self::Hired(None) => "your first day of work is not known".into(),
        }
    }
}

fn words(field: Field) -> &'static str {
    match field {
        Field::WorkerType => "worker type",
        Field::Title => "job title",
        Field::Locale => "language",
        Field::EmployeeId => "employee id",
        Field::Email => "e-mail address",
        other => other.name(),
    }
}
