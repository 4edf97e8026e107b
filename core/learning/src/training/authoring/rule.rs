//! Audience rules, due rules and steps in words.

use stoa_flow::chat::literal;
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::people::Role;
use stoa_ground::people::audience::{Order, Rule};

use crate::training::requirement::{Due, Prior, Recertify, RenewsFrom, Steps};

/// Whom a rule means: "everybody who works here", "people whose department is Sales and whose country is not US".
pub(super) fn audience(words: &Words, rule: &Rule) -> String {
    match rule {
        Rule::Everyone => say!(words, "audience-everyone"),
        rule => say!(words, "audience-people", who = clause(words, rule, true, false)),
    }
}

/// A rule as a clause about people; `holds` is false for its contrary. `inside`: it stands in a clause of the other kind.
fn clause(words: &Words, rule: &Rule, holds: bool, inside: bool) -> String {
    match rule {
        Rule::Not(rule) => clause(words, rule, !holds, inside),
        // Not (a and b) is (not a) or (not b).
        Rule::And(rules) | Rule::Or(rules) => {
            let and = matches!(rule, Rule::And(_)) == holds;
            let parts: Vec<String> = rules.iter().map(|rule| clause(words, rule, holds, rules.len() > 1)).collect();
            let Some((first, rest)) = parts.split_first() else { return say!(words, "audience-nobody") };
            let all = rest.iter().fold(first.clone(), |all, next| {
                if and {
                    say!(words, "audience-and", first = &all, second = next)
                } else {
                    say!(words, "audience-or", first = &all, second = next)
                }
            });
            if inside && !rest.is_empty() { format!("\\({all}\\)") } else { all }
        }
        Rule::Everyone if holds => say!(words, "audience-working"),
        Rule::Everyone => say!(words, "audience-nobody"),
        Rule::Role(Role::Manager) if holds => say!(words, "audience-manager"),
        Rule::Role(Role::Manager) => say!(words, "audience-manager-not"),
        Rule::Role(role) if holds => say!(words, "audience-role", role = role.name()),
        Rule::Role(role) => say!(words, "audience-role-not", role = role.name()),
        Rule::Group(group) if holds => say!(words, "audience-group", group = literal(group)),
        Rule::Group(group) => say!(words, "audience-group-not", group = literal(group)),
        Rule::Field(field, values) => {
            let values: Vec<String> = values.iter().map(|v| literal(v)).collect();
            let Some((first, rest)) = values.split_first() else { return say!(words, "audience-nobody") };
            let values =
                rest.iter().fold(first.clone(), |all, next| say!(words, "audience-or", first = &all, second = next));
            if holds {
                say!(words, "audience-field", field = field.name(), values = values)
            } else {
                say!(words, "audience-field-not", field = field.name(), values = values)
            }
        }
        Rule::Hired(order, date) => {
            let date = words.date(*date);
            match if holds { *order } else { contrary(*order) } {
                Order::Equal => say!(words, "audience-hired-on", date = date),
                Order::NotEqual => say!(words, "audience-hired-not-on", date = date),
                Order::Before => say!(words, "audience-hired-before", date = date),
                Order::UpTo => say!(words, "audience-hired-up-to", date = date),
                Order::After => say!(words, "audience-hired-after", date = date),
                Order::From => say!(words, "audience-hired-from", date = date),
            }
        }
    }
}

fn contrary(order: Order) -> Order {
    match order {
        Order::Equal => Order::NotEqual,
        Order::NotEqual => Order::Equal,
        Order::Before => Order::From,
        Order::UpTo => Order::After,
        Order::After => Order::UpTo,
        Order::From => Order::Before,
    }
}

/// When it is due.
pub(super) fn due(words: &Words, due: Due) -> String {
    match due {
        Due::AfterAssigned(days) => say!(words, "authoring-due-assigned", days = days),
        Due::AfterHire(days) => say!(words, "authoring-due-hire", days = days),
        Due::AfterRole(days) => say!(words, "authoring-due-role", days = days),
        Due::On(date) => say!(words, "authoring-due-on", date = words.date(date)),
    }
}

/// How long a completion holds, and what follows.
pub(super) fn again(words: &Words, again: &Recertify) -> [String; 5] {
    [
        say!(words, "authoring-again", every = again.every.to_string(), window = again.window_days),
        match again.grace_days {
            0 => say!(words, "authoring-again-no-grace"),
            days => say!(words, "authoring-again-grace", days = days),
        },
        match again.renews_from {
            RenewsFrom::Completion => say!(words, "authoring-again-from-completion"),
            RenewsFrom::Expiry => say!(words, "authoring-again-from-expiry"),
        },
        match again.prior {
            Prior::Counts => say!(words, "authoring-again-prior"),
            Prior::DoesNotCount => say!(words, "authoring-again-prior-not"),
        },
        if again.new_version {
            say!(words, "authoring-again-version")
        } else {
            say!(words, "authoring-again-version-not")
        },
    ]
}

/// When people are reminded and others are told.
pub(super) fn steps(words: &Words, steps: &Steps) -> String {
    let list = |days: &[u32]| words.list(&days.iter().map(ToString::to_string).collect::<Vec<_>>());
    let before = if steps.remind_before.is_empty() {
        say!(words, "authoring-steps-none-before")
    } else {
        say!(words, "authoring-steps-before", days = list(&steps.remind_before))
    };
    let after = if steps.remind_after.is_empty() {
        say!(words, "authoring-steps-weekly", end = steps.end_after)
    } else {
        say!(words, "authoring-steps-after", days = list(&steps.remind_after), end = steps.end_after)
    };
    let told = say!(words, "authoring-steps-told", manager = steps.manager_after, next = steps.escalate_after);
    format!("{before} {after} {told}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(rule: &str) -> String {
        audience(Words::english(), &rule.parse().unwrap())
    }

    #[test]
    fn rules_are_said_in_words() {
        for (rule, words) in [
            ("everyone", "everybody who works here"),
            ("department = \"Sales\"", "people whose department is Sales"),
            (
                "country in [\"US\", \"CA\"] and not worker_type = \"contractor\"",
                "people whose country is US or CA and whose worker type is not contractor",
            ),
            ("manager or role = \"expert\"", "people who are managers or with the role expert"),
            (
                "not (department = \"Sales\" or manager)",
                "people whose department is not Sales and who are not managers",
            ),
            (
                "department = \"Sales\" and (country = \"US\" or hire_date >= 2026-01-01)",
                "people whose department is Sales and \\(whose country is US or who began on Thu, 1 Jan 2026 or later\\)",
            ),
            (
                "not hire_date < 2026-01-01 and group \"location/Lisbon\"",
                "people who began on Thu, 1 Jan 2026 or later and in the group location/Lisbon",
            ),
        ] {
            assert_eq!(said(rule), words, "{rule}");
        }
    }
}
