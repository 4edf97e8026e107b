//! The roster's history: how people stood in the roster at an instant. The rows are written by the database itself with
//! every change of a person; they begin with the person, or with the release that introduced them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::store::read;
use super::{Person, Status};
use crate::{Conn, Instant, Result, args};

/// How a person stood from an instant on, until the next one of the same person.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Since when, in business time.
    pub since: Instant,
    /// The person then.
    pub person: Person,
}

/// Entries by the row's id, each row's the oldest first. Rows that were merged into another one keep their own.
pub type History = BTreeMap<String, Vec<Entry>>;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT person AS id, since, employee_id, name, email, timezone, locale, CAST(NULL AS TEXT) AS chat_locale, ",
            "manager, title, department, location, country, state, worker_type, hire_date, status, leave_from, leave_to ",
            "FROM person_history ",
            $rest
        )
    };
}

/// The history of everybody, or with `person` of that person and of the rows that were merged into theirs.
///
/// # Errors
/// The database's error.
pub async fn of(conn: &Conn, person: Option<&str>) -> Result<History> {
    let rows = match person {
        None => conn.all(select!("ORDER BY person, since"), args![]).await?,
        Some(id) => {
            let sql = concat!(select!("WHERE person IN "), crate::rows_of!("$1"), " ORDER BY person, since");
            conn.all(sql, args![id]).await?
        }
    };
    let mut history = History::new();
    for row in &rows {
        let entry = Entry { since: row.get("since")?, person: read(row)? };
        history.entry(entry.person.id.clone()).or_default().push(entry);
    }
    Ok(history)
}

/// How the person stood at an instant; `None` before the first entry.
#[must_use]
pub fn at(entries: &[Entry], instant: Instant) -> Option<&Person> {
    let after = entries.partition_point(|entry| entry.since <= instant);
    after.checked_sub(1).and_then(|last| entries.get(last)).map(|entry| &entry.person)
}

/// The times at which somebody was in a roster with some property, cut to `[from, to)`; those that touch are one.
#[must_use]
pub fn spans(entries: &[Entry], from: Instant, to: Instant, has: impl Fn(&Person) -> bool) -> Vec<(Instant, Instant)> {
    let mut spans: Vec<(Instant, Instant)> = Vec::new();
    for (n, entry) in entries.iter().enumerate() {
        let until = entries.get(n + 1).map_or(to, |next| next.since).min(to);
        let since = entry.since.max(from);
        if since >= until || !has(&entry.person) {
            continue;
        }
        match spans.last_mut() {
            Some(last) if last.1 == since => last.1 = until,
            _ => spans.push((since, until)),
        }
    }
    spans
}

/// What changed of what evidence says about a person, oldest first: when, and `what: before → after`.
#[must_use]
pub fn moves(entries: &[Entry]) -> Vec<(Instant, String)> {
    let mut moves = Vec::new();
    for pair in entries.windows(2) {
        let [before, after] = pair else { continue };
        let (old, new) = (said(&before.person), said(&after.person));
        for ((what, was), (_, is)) in old.iter().zip(&new) {
            if was != is {
                let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
                moves.push((after.since, format!("{what}: {} → {}", dash(was), dash(is))));
            }
        }
    }
    moves
}

fn said(p: &Person) -> [(&'static str, Option<String>); 8] {
    [
        ("name", Some(p.name.clone())),
        ("job title", p.title.clone()),
        ("department", p.department.clone()),
        ("location", p.location.clone()),
        ("worker type", p.worker_type.clone()),
        ("manager", p.manager.as_ref().map(|_| "another one".to_owned())),
        ("status", (p.status != Status::Active).then(|| p.status.name().to_owned())),
        ("state", p.state.clone()),
    ]
}

/// What a record says about the person whom it is about, as of then. The manager is our id.
#[must_use]
pub fn snapshot(person: &Person) -> Json {
    json!({
        "employee_id": person.employee_id, "name": person.name, "title": person.title, "manager": person.manager,
        "department": person.department, "location": person.location, "country": person.country,
        "state": person.state, "worker_type": person.worker_type, "timezone": person.timezone,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hire, store};

    fn entry(since: i64, department: &str, status: Status) -> Entry {
        let mut person = Person::new("p".into(), "E1", "Ana");
        person.department = Some(department.into());
        person.status = status;
        Entry { since: Instant(since), person }
    }

    #[test]
    fn who_was_there_when_is_cut_to_the_period_and_joined_where_it_touches() {
        let entries = [
            entry(10, "Sales", Status::Active),
            entry(20, "Sales", Status::Leave),
            entry(30, "HR", Status::Active),
            entry(40, "Sales", Status::Active),
            entry(50, "Sales", Status::Left),
        ];
        let sales = |p: &Person| p.department.as_deref() == Some("Sales") && p.status != Status::Left;
        let of = |from, to| {
            spans(&entries, Instant(from), Instant(to), sales).iter().map(|(a, b)| (a.0, b.0)).collect::<Vec<_>>()
        };
        assert_eq!(of(0, 100), [(10, 30), (40, 50)]);
        assert_eq!(of(15, 45), [(15, 30), (40, 45)]);
        assert_eq!(of(30, 40), []);
        assert_eq!(at(&entries, Instant(9)), None);
        assert_eq!(at(&entries, Instant(10)).unwrap().status, Status::Active);
        assert_eq!(at(&entries, Instant(29)).unwrap().status, Status::Leave);
        let said: Vec<String> = moves(&entries).into_iter().map(|(at, what)| format!("{} {what}", at.0)).collect();
        assert_eq!(
            said,
            [
                "20 status: – → leave",
                "30 department: Sales → HR",
                "30 status: leave → –",
                "40 department: HR → Sales",
                "50 status: – → left"
            ]
        );
    }

    #[tokio::test]
    async fn the_database_remembers_how_people_stood_whatever_changes_them() {
        let (db, _dir) = store().await;
        let ana = hire(&db, "Ana", |p| p.title = Some("Cook".into())).await;
        let (begun, id) = (db.clock().now(), ana.id.as_str());
        let day = Instant(begun.0 + Instant::DAY);
        db.write(|tx| async move {
            let sql = "UPDATE person SET title = 'Chef', updated = $2, version = version + 1 WHERE id = $1";
            tx.exec(sql, args![id, day]).await?;
            // What evidence does not speak of makes no entry, and two changes at one instant are one.
            tx.exec(
                "UPDATE person SET version = version + 1, updated = $2 WHERE id = $1",
                args![id, Instant(day.0 + 5)],
            )
            .await?;
            tx.exec("UPDATE person SET name = 'Ana B', updated = $2 WHERE id = $1", args![id, day]).await
        })
        .await
        .unwrap();
        let history = db.read(|c| async move { of(&c, Some(id)).await }).await.unwrap();
        let entries = &history[id];
        assert_eq!(entries.len(), 2, "{entries:?}");
        assert_eq!(at(entries, begun).unwrap().title.as_deref(), Some("Cook"));
        let now = at(entries, day).unwrap();
        assert_eq!((now.title.as_deref(), now.name.as_str()), (Some("Chef"), "Ana B"));
        let all = db.read(|c| async move { of(&c, None).await }).await.unwrap();
        assert_eq!(all.len(), 1);
    }
}
