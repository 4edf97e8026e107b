//! `stoa people merge|split`: what would happen, or did, in words and as JSON.

use anyhow::Result;
use serde_json::json;
use stoa_ground::people::Person;
use stoa_learning::identity;
use stoa_learning::training::JoinedStep;

use crate::app::App;
use crate::commands::print_json;

/// Merges `from` into `into`, or says what that would do.
pub async fn merge(app: &App, from: &str, into: &str, reason: &str, dry_run: bool, as_json: bool) -> Result<()> {
    let (plan, steps) = if dry_run {
        app.db.read(|c| async move { identity::merge_plan(&c, from, into).await }).await?
    } else {
        identity::merge(&app.db, &app.services, from, into, "operator", reason).await?
    };
    let accounts: Vec<String> = plan.accounts.iter().map(stoa_ground::people::Account::shown).collect();
    let roles: Vec<&str> = plan.roles.iter().map(|r| r.name()).collect();
    let settings: Vec<&String> = plan.settings.keys().collect();
    if as_json {
        return print_json(&json!({
            "merged": plan.from.employee_id, "into": plan.into.employee_id, "accounts": accounts, "roles": roles,
            "along": ids(&plan.along), "reports": ids(&plan.reports), "settings": settings, "dropped": plan.dropped,
            "retired": retired(&steps), "dry_run": dry_run,
        }));
    }
    let verb = if dry_run { "would be merged" } else { "is merged" };
    println!("{} {verb} into {}.", named(&plan.from), named(&plan.into));
    line("Earlier merges that come along", plan.along.iter().map(named));
    line("Accounts that come along", accounts.into_iter());
    line("Roles that come along", roles.into_iter().map(str::to_owned));
    line("Who reports to them now", plan.reports.iter().map(named));
    line("Settings that are copied", settings.into_iter().cloned());
    line("Settings that give way", plan.dropped.iter().cloned());
    for step in &steps {
        let Some(to) = &step.to else { continue };
        let whose = if to.owner == plan.into.id { &plan.into } else { &plan.from };
        let why = match to.completed {
            Some(_) => "is completed".to_owned(),
            None => format!("is due {}", to.due.date),
        };
        println!(
            "  Training '{}' (due {}) retires: that of {} {why}.",
            step.title, step.assignment.due.date, whose.employee_id
        );
    }
    println!("  Everything else stays under {} and is read as one history.", plan.from.employee_id);
    end(dry_run, &format!("'stoa people split {} --reason …' undoes it.", plan.from.employee_id));
    Ok(())
}

/// Splits `who` off again, or says what that would do.
pub async fn split(app: &App, who: &str, reason: &str, dry_run: bool, as_json: bool) -> Result<()> {
    let (plan, steps) = if dry_run {
        app.db.read(|c| async move { identity::split_plan(&c, who).await }).await?
    } else {
        identity::split(&app.db, &app.services, who, "operator", reason).await?
    };
    let accounts: Vec<String> = plan.accounts.iter().map(stoa_ground::people::Account::shown).collect();
    if as_json {
        return print_json(&json!({
            "split": plan.row.employee_id, "from": plan.from.employee_id, "accounts": accounts, "along": ids(&plan.along),
            "settings": plan.settings, "reinstated": retired(&steps), "dry_run": dry_run,
        }));
    }
    let verb = if dry_run { "would be" } else { "is" };
    println!("{} {verb} a person of their own again, apart from {}.", named(&plan.row), named(&plan.from));
    line("Merges that go with them", plan.along.iter().map(named));
    line("Accounts that go with them", accounts.into_iter());
    line("Copied settings that are taken away again", plan.settings.iter().cloned());
    for step in &steps {
        println!("  Training '{}' (due {}) comes back.", step.title, step.assignment.due.date);
    }
    println!("  What was done meanwhile stays with the row it was done on.");
    end(dry_run, "It is recorded.");
    Ok(())
}

fn end(dry_run: bool, done: &str) {
    println!("{}", if dry_run { "Nothing was changed: this was a dry run." } else { done });
}

fn line(what: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    if !items.is_empty() {
        println!("  {what}: {}.", items.join(", "));
    }
}

fn named(person: &Person) -> String {
    format!("{} ({})", person.name, person.employee_id)
}

fn ids(people: &[Person]) -> Vec<&str> {
    people.iter().map(|p| p.employee_id.as_str()).collect()
}

fn retired(steps: &[JoinedStep]) -> Vec<serde_json::Value> {
    let one = |s: &JoinedStep| json!({ "requirement": s.assignment.requirement, "due": s.assignment.due.date });
    steps.iter().map(one).collect()
}
