//! A real store in a temporary folder or on a private PostgreSQL server, for tests.
//!
//! Every test of a store runs on SQLite, and on PostgreSQL when `STOA_TEST_ENGINE=postgres` is set. `tests/postgres`
//! starts the server and names it in `STOA_TEST_POSTGRES`.

use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};

use crate::db::Engine;
use crate::people::{self, Person};
use crate::{Clock, Db, Instant};

/// The day on which tests play: Monday, 23 November 2026, 09:00 UTC.
pub const MONDAY: &str = "2026-11-23T09:00:00Z";

/// An empty store with a seeded manual clock at [`MONDAY`]. It lives as long as the folder's guard.
///
/// # Panics
/// When no store can be made.
pub async fn store() -> (Db, tempfile::TempDir) {
    let (db, _, dir) = store_at().await;
    (db, dir)
}

/// As [`store`], with the store's URL, for tests that open it again.
///
/// # Panics
/// When no store can be made.
pub async fn store_at() -> (Db, String, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let at = Instant::parse(MONDAY).expect("MONDAY is a date");
    let url = match engine() {
        Engine::Sqlite => format!("sqlite://{}", dir.path().join("stoa.db").display()),
        Engine::Postgres => migrated_database().await,
    };
    let db = Db::open(&url, Clock::seeded(at, 1)).await.expect("an empty store can be opened");
    (db, url, dir)
}

/// The engine on which this run of the tests has its stores.
#[must_use]
pub fn engine() -> Engine {
    match std::env::var("STOA_TEST_ENGINE").as_deref() {
        Ok("postgres") => Engine::Postgres,
        _ => Engine::Sqlite,
    }
}

/// The URL of an empty PostgreSQL database of its own.
///
/// # Panics
/// When there is no server.
pub async fn empty_database() -> String {
    let name = format!("stoa_{}", uuid_of_test());
    let mut admin = admin().await;
    run(&mut admin, &format!("CREATE DATABASE {name}")).await;
    at_server(&name)
}

/// A database with all tables: a copy of one that is made once for each state of the migrations.
async fn migrated_database() -> String {
    let template = format!("stoa_template_{}", crate::db::schema_digest());
    let mut admin = admin().await;
    run(&mut admin, "SELECT pg_advisory_lock(8420)").await;
    let known = sqlx::query("SELECT 1 AS one FROM pg_database WHERE datname = $1 AND datistemplate")
        .bind(&template)
        .fetch_optional(&mut admin)
        .await
        .expect("the server answers");
    if known.is_none() {
        run(&mut admin, &format!("DROP DATABASE IF EXISTS {template}")).await;
        run(&mut admin, &format!("CREATE DATABASE {template}")).await;
        let db = Db::open(&at_server(&template), Clock::seeded(Instant(0), 1)).await.expect("the migrations run");
        db.close().await;
        run(&mut admin, &format!("ALTER DATABASE {template} IS_TEMPLATE true")).await;
    }
    let name = format!("stoa_{}", uuid_of_test());
    run(&mut admin, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
    run(&mut admin, "SELECT pg_advisory_unlock(8420)").await;
    at_server(&name)
}

/// Whether a PostgreSQL server runs for the tests.
#[must_use]
pub fn has_server() -> bool {
    std::env::var_os("STOA_TEST_POSTGRES").is_some()
}

/// Runs a statement as the server's administrator, outside of the databases of the tests.
///
/// # Panics
/// When the server does not do it.
pub async fn administer(sql: &str) {
    run(&mut admin().await, sql).await;
}

/// The name of the database in a URL of [`empty_database`].
#[must_use]
pub fn database_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

async fn admin() -> AnyConnection {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(&at_server("postgres")).await.expect("the test server runs")
}

async fn run(admin: &mut AnyConnection, sql: &str) {
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(admin).await.expect("the test server does as it is told");
}

/// The URL of a database on the test server.
fn at_server(database: &str) -> String {
    let server = std::env::var("STOA_TEST_POSTGRES").expect(
        "STOA_TEST_POSTGRES names no PostgreSQL server: run the tests with tests/run, or tests/postgres COMMAND",
    );
    format!("{}/{database}", server.trim_end_matches('/'))
}

fn uuid_of_test() -> String {
    Clock::system().id().simple().to_string()
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
        people::link_account(&tx, &person.id, ("test", "", name), "operator", "a test").await?;
        Ok(person)
    })
    .await
    .expect("a person can be stored")
}

/// People `u0`, `u1`, … with accounts of that name on a platform, who were greeted before.
///
/// # Panics
/// When they cannot be stored.
pub async fn hire_many(db: &Db, platform: &str, numbers: std::ops::Range<usize>) {
    let numbers = &numbers;
    // By key: several parts at once would meet without end.
    db.write_by_key(|tx| async move {
        for n in numbers.clone() {
            let user = format!("u{n}");
            let person = Person::new(tx.clock().id().to_string(), format!("E-{user}"), &user);
            people::insert(&tx, &person, None).await?;
            people::link_account(&tx, &person.id, (platform, "", &user), "operator", "is on this platform").await?;
            people::set_setting(&tx, &person.id, "welcomed", Some("before")).await?;
        }
        Ok(())
    })
    .await
    .expect("people can be stored");
}
