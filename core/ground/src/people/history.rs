//! The roster's history: how people stood in the roster at an instant. The rows are written by the database itself with
//! every change of a person; they begin with the person, or with the release that introduced them.

use std::collections::{BTreeMap, HashMap, HashSet};

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
            "manager, title, department, location, country, state, worker_type, hire_date, status, leave_from, leave_to, ",
            "CAST(NULL AS TEXT) AS other_leaves, CAST(NULL AS TEXT) AS back_since ",
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

/// Everybody as they stood at an instant, which may be another one for each (`at`, of the person as they are now); who came
/// later is as they came. A manager who was merged into somebody is that one.
///
/// # Errors
/// The database's error.
pub async fn everybody(conn: &Conn, at: impl Fn(&Person) -> Instant) -> Result<Vec<Person>> {
    let history = of(conn, None).await?;
    let mut stands: HashMap<String, String> = HashMap::new();
    for row in conn.all("SELECT person, stands_for FROM person_alias", args![]).await? {
        stands.insert(row.get("person")?, row.get("stands_for")?);
    }
    let mut all = Vec::new();
    for now in super::all(conn).await? {
        let entries = history.get(&now.id).map_or(&[][..], Vec::as_slice);
        let then = self::at(entries, at(&now)).or(entries.first().map(|entry| &entry.person));
        let mut person = then.unwrap_or(&now).clone();
        person.manager = person.manager.map(|id| stands.get(&id).cloned().unwrap_or(id));
        all.push(person);
    }
    Ok(all)
}

/// Everyone of these below a manager, at any depth and not themselves, who had not left. Someone who left still joins the
/// people under them to the tree; a circle in the data ends the walk.
#[must_use]
pub fn below(all: &[Person], manager: &str) -> Vec<Person> {
    let mut reports: HashMap<&str, Vec<&Person>> = HashMap::new();
    for person in all {
        reports.entry(person.manager.as_deref().unwrap_or_default()).or_default().push(person);
    }
    let (mut found, mut seen, mut next) = (Vec::new(), HashSet::from([manager]), vec![manager]);
    while let Some(id) = next.pop() {
        for person in reports.get(id).into_iter().flatten() {
            if seen.insert(person.id.as_str()) {
                next.push(person.id.as_str());
                found.push(*person);
            }
        }
    }
    found.into_iter().filter(|person| person.status != Status::Left).cloned().collect()
}

/// The times at which somebody was in a roster with some property, cut to `[from, to)`; those that touch are one. `since`
/// says of how somebody stood from when on they have it; `None` for never.
#[must_use]
pub fn spans(
    entries: &[Entry],
    from: Instant,
    to: Instant,
    since: impl Fn(&Person) -> Option<Instant>,
) -> Vec<(Instant, Instant)> {
    let mut spans: Vec<(Instant, Instant)> = Vec::new();
    for (n, entry) in entries.iter().enumerate() {
        let until = entries.get(n + 1).map_or(to, |next| next.since).min(to);
        let begun = entry.since.max(from);
        if begun >= until {
            continue;
        }
        if let Some(begun) = since(&entry.person).map(|since| since.max(begun)).filter(|begun| *begun < until) {
            join(&mut spans, (begun, until));
        }
    }
    spans
}

/// Adds a time that comes after all others; where it touches the last one, both are one.
pub fn join(spans: &mut Vec<(Instant, Instant)>, next: (Instant, Instant)) {
    match spans.last_mut() {
        Some(last) if last.1 == next.0 => last.1 = next.1,
        _ => spans.push(next),
    }
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
        let sales = |p: &Person| {
            let there = p.department.as_deref() == Some("Sales") && p.status != Status::Left;
            there.then_some(Instant(i64::MIN))
        };
        let of = |from, to| {
            spans(&entries, Instant(from), Instant(to), sales).iter().map(|(a, b)| (a.0, b.0)).collect::<Vec<_>>()
        };
        assert_eq!(of(0, 100), [(10, 30), (40, 50)]);
        assert_eq!(of(15, 45), [(15, 30), (40, 45)]);
        assert_eq!(of(30, 40), []);
        let hired = spans(&entries, Instant(0), Instant(100), |_| Some(Instant(25)));
        assert_eq!(hired, [(Instant(25), Instant(100))]);
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
    async fn the_tree_of_a_day_is_that_of_the_people_of_that_day() {
        let (db, _dir) = store().await;
        let boss = hire(&db, "Boss", |_| {}).await;
        let max = hire(&db, "Max", |p| p.manager = Some(boss.id.clone())).await;
        let ana = hire(&db, "Ana", |p| p.manager = Some(max.id.clone())).await;
        let (begun, day) = (db.clock().now(), Instant(db.clock().now().0 + Instant::DAY));
        let ana = &ana.id;
        db.write(|tx| async move {
            let sql = "UPDATE person SET manager = NULL, name = 'Ana B', updated = $2 WHERE id = $1";
            tx.exec(sql, args![ana, day]).await
        })
        .await
        .unwrap();
        let boss = boss.id.as_str();
        let names = |at: Instant| {
            let db = db.clone();
            async move {
                let all = db.read(|c| async move { everybody(&c, |_| at).await }).await.unwrap();
                below(&all, boss).into_iter().map(|p| p.name).collect::<Vec<_>>()
            }
        };
        assert_eq!(names(begun).await, ["Max", "Ana"]);
        assert_eq!(names(day).await, ["Max"]);
        let mut circle = vec![Person::new("a".into(), "A", "A"), Person::new("b".into(), "B", "B")];
        (circle[0].manager, circle[1].manager) = (Some("b".into()), Some("a".into()));
        assert_eq!(below(&circle, "a").len(), 1);
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
