//! A real store in a temporary folder, for tests.

use crate::people::{self, Person};
use crate::{Clock, Db, Instant};

/// The day on which tests play: Monday, 23 November 2026, 09:00 UTC.
pub const MONDAY: &str = "2026-11-23T09:00:00Z";

/// An empty store with a seeded manual clock at [`MONDAY`]. It lives as long as the folder's guard.
///
/// # Panics
/// When no temporary folder can be made.
pub async fn store() -> (Db, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let at = Instant::parse(MONDAY).expect("MONDAY is a date");
    let url = format!("sqlite://{}", dir.path().join("stoa.db").display());
    let db = Db::open(&url, Clock::seeded(at, 1)).await.expect("an empty store can be opened");
    (db, dir)
}

/// A person with nothing but a name, a zone and an account on the platform `test`, whose user id is the name.
///
/// # Panics
/// When the person cannot be stored.
pub async fn hire(db: &Db, name: &str, change: impl Fn(&mut Person) + Send + Sync) -> Person {
    let change = &change;
    db.write(|tx| async move {
        let mut person = Person::new(tx.clock().id().to_string(), format!("E-{name}"), name);
        change(&mut person);
        people::insert(&tx, &person, None).await?;
        people::link_account(&tx, &person.id, "test", "", name).await?;
        Ok(person)
    })
    .await
    .expect("a person can be stored")
}
