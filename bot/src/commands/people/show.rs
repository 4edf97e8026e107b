//! `stoa people show|unreachable`.

use anyhow::Result;
use serde_json::json;
use stoa_flow::delivery::{self, WayOut};
use stoa_ground::people::{self, Person, merge};
use stoa_ground::{Conn, Instant};

use crate::app::App;
use crate::commands::print_json;

/// Everything that is known about who somebody is.
pub async fn show(app: &App, text: &str, as_json: bool) -> Result<()> {
    let shown = app.db.read(|c| async move { read(&c, text).await }).await?;
    if as_json {
        return print_json(&shown);
    }
    let text = |name: &str| shown[name].as_str().map(str::to_owned);
    let list = |name: &str| -> Vec<String> {
        shown[name].as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    println!("{} ({})", text("name").unwrap_or_default(), text("person").unwrap_or_default());
    let row = |label: &str, value: Option<String>| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            println!("  {:<14}{value}", format!("{label}:"));
        }
    };
    let left = text("left").map(|at| format!(", since {}", day(&at))).unwrap_or_default();
    row("status", text("status").map(|s| s + &left));
    row("e-mail", text("email"));
    row("manager", text("manager"));
    row("zone", text("timezone"));
    row("roles", Some(list("roles").join(", ")));
    let accounts = list("accounts");
    row("accounts", Some(if accounts.is_empty() { "none".into() } else { accounts.join(", ") }));
    row(
        "reached",
        Some(
            text("last_reached")
                .map_or("never".into(), |at| format!("{} by {}", at, text("last_reached_by").unwrap_or_default())),
        ),
    );
    row("unreachable", text("unreachable"));
    for alias in shown["aliases"].as_array().into_iter().flatten() {
        let part = |name: &str| alias[name].as_str().unwrap_or_default();
        row(
            "also",
            Some(format!("{} ({}), merged {}: {}", part("name"), part("person"), day(part("at")), part("reason"))),
        );
    }
    for record in shown["history"].as_array().into_iter().flatten() {
        let part = |name: &str| record[name].as_str().unwrap_or_default();
        row(
            "history",
            Some(format!(
                "{} {} {} by {}: {}",
                day(part("at")),
                part("person"),
                part("what"),
                part("by"),
                part("reason")
            )),
        );
    }
    Ok(())
}

fn day(rfc3339: &str) -> &str {
    rfc3339.get(..10).unwrap_or(rfc3339)
}

async fn read(conn: &Conn, text: &str) -> stoa_ground::Result<serde_json::Value> {
    let p = people::find(conn, text).await?;
    let manager = match &p.manager {
        Some(id) => people::by_id(conn, id).await?.map(|m| named(&m)),
        None => None,
    };
    let accounts: Vec<String> = people::accounts_of(conn, &p.id).await?.iter().map(people::Account::shown).collect();
    let reached = delivery::last_reached(conn, &p.id).await?;
    let lost = delivery::unreachable(conn).await?.into_iter().find(|u| u.person.id == p.id);
    let lost = lost.map(|u| format!("since {}: {}", u.since.rfc3339(), u.reason));
    let mut aliases = Vec::new();
    for a in merge::aliases_of(conn, &p.id).await? {
        aliases.push(json!({
            "person": a.row.employee_id, "name": a.row.name, "email": a.row.email, "into": a.into,
            "by": actor(conn, &a.actor).await?, "reason": a.reason, "at": a.at.rfc3339(),
        }));
    }
    let mut history = Vec::new();
    for record in merge::history(conn, &p.id).await? {
        let of = |id: &str| id.to_owned();
        let row = record.subject.strip_prefix("person/").map(of).unwrap_or_default();
        let other = record.data["into"].as_str().or(record.data["from"].as_str()).unwrap_or_default();
        let word = if record.kind == "merged" { "merged into" } else { "split from" };
        history.push(json!({
            "at": record.at.rfc3339(), "person": employee_id(conn, &row).await?,
            "what": format!("{word} {}", employee_id(conn, other).await?),
            "by": actor(conn, &record.actor).await?, "reason": record.reason,
        }));
    }
    Ok(json!({
        "person": p.employee_id, "name": p.name, "email": p.email, "status": p.status.name(),
        "left": people::left_at(conn, &p.id).await?.map(Instant::rfc3339), "manager": manager, "timezone": p.timezone,
        "roles": people::roles_of(conn, &p).await?, "accounts": accounts,
        "last_reached": reached.as_ref().map(|(at, _)| at.rfc3339()), "last_reached_by": reached.map(|(_, by)| by),
        "unreachable": lost, "aliases": aliases, "history": history,
    }))
}

/// The employee id of exactly this row.
async fn employee_id(conn: &Conn, row: &str) -> stoa_ground::Result<String> {
    let found = people::rows_of(conn, row).await?.into_iter().find(|p| p.id == row);
    Ok(found.map_or_else(|| "somebody".into(), |p| p.employee_id))
}

async fn actor(conn: &Conn, actor: &str) -> stoa_ground::Result<String> {
    match actor.strip_prefix("person/") {
        Some(id) => Ok(people::by_id(conn, id).await?.map_or_else(|| "somebody".into(), |p| named(&p))),
        None => Ok(actor.to_owned()),
    }
}

fn named(person: &Person) -> String {
    format!("{} ({})", person.name, person.employee_id)
}

/// Whom nothing reaches; with `retry` everything that waits is tried again.
pub async fn unreachable(app: &App, retry: bool, as_json: bool) -> Result<()> {
    let lost = app.db.read(|c| async move { delivery::unreachable(&c).await }).await?;
    for u in &lost {
        let id = &u.person.employee_id;
        let way = match u.way_out {
            WayOut::LinkAccount => format!(
                "link an account with 'stoa people account {id} PLATFORM USER', or enter an e-mail address in the roster"
            ),
            WayOut::WriteToStoa => "ask them to write 'help' to Stoa once, or link another account".to_owned(),
        };
        if as_json {
            print_json(&json!({
                "person": id, "name": u.person.name, "since": u.since.rfc3339(), "reason": u.reason, "waiting": u.waiting,
                "way_out": u.way_out,
            }))?;
        } else {
            let since = u.since.zoned(&people::zone(&u.person)).date();
            let waiting =
                if u.waiting == 1 { "1 message waits".to_owned() } else { format!("{} messages wait", u.waiting) };
            println!("{} since {since}: {} ({waiting}); {way}", named(&u.person), u.reason);
        }
    }
    if lost.is_empty() && !as_json {
        println!("Everybody can be reached.");
    }
    if retry {
        let again = app.db.write(|tx| async move { delivery::try_again(&tx).await }).await?;
        if !as_json && again > 0 {
            println!("What waits is tried again by the running server.");
        }
    }
    Ok(())
}
