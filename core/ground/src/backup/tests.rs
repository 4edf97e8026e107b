use std::path::Path;

use super::*;
use crate::db::{Engine, Keep, TABLES, tables};
use crate::ledger::{ErasureProjection, Ledger, Master, log};
use crate::testing::{empty_database, engine, hire, store};
use crate::{Clock, Db, Error, Instant, Result, args, people};

/// A store with something in it: people, a ledger record's worth of text, deliveries, statements.
async fn filled() -> (Db, tempfile::TempDir) {
    let (db, dir) = store().await;
    hire(&db, "Ana", |p| p.email = Some("ana@example.org".into())).await;
    db.write(|tx| async move {
        tx.exec("INSERT INTO outbox (key, kind, recipient, payload, item, step, created, due, state) VALUES ('a', 'reply', 'r', '{}', 'é \u{1f600} \"', '', 1, 2, 'queued')", args![]).await?;
        tx.exec("INSERT INTO inbox (key, account, body, received, state, lease_until) VALUES ('e', '{}', '{}', 1, 'new', 99)", args![]).await?;
        tx.exec("INSERT INTO web_session (digest, person, created, expires) VALUES ('d', 'p', 1, 2)", args![]).await?;
        tx.exec("INSERT INTO assignment (id, person, requirement, rule_version, course, state, reason, assigned, due, due_date, first_due_date, base_due_date, extended, attempts, extra_attempts, passed, score, version)
            VALUES ('x', 'p', 'r', 'v', 'c', 'assigned', 'why', 1, 2, 'd', 'd', 'd', 0, 0, 0, 0, 0.1, 1)", args![]).await?;
        tx.publish("thing", "one").await
    })
    .await
    .unwrap();
    (db, dir)
}

/// All rows of the tables that a backup keeps, as text, in order.
async fn everything(db: &Db) -> Vec<String> {
    db.read(|c| async move {
        let mut all = Vec::new();
        for (table, _) in TABLES.iter().filter(|(_, keep)| *keep == Keep::Rows) {
            let mut columns = tables::columns(&c, table).await?;
            columns.sort_by(|a, b| a.0.cmp(&b.0));
            tables::each(&c, table, &columns, |row| {
                all.push(format!("{table} {row:?}"));
                Ok(())
            })
            .await?;
        }
        all.sort();
        Ok(all)
    })
    .await
    .unwrap()
}

fn clock() -> Clock {
    Clock::seeded(Instant::parse(crate::testing::MONDAY).unwrap(), 2)
}

/// Where a test restores to: both engines when there is a server.
async fn targets(dir: &Path) -> Vec<String> {
    let mut urls = vec![format!("sqlite://{}", dir.join("restored.db").display())];
    if engine() == Engine::Postgres {
        urls.push(empty_database().await);
    }
    urls
}

async fn restore(url: &str, file: &Path, keys: &Keys, clock: Clock) -> Result<Summary> {
    let backup = check(file, keys)?;
    super::restore(url, &backup, clock).await?;
    Ok(backup.summary)
}

fn refusal(file: &Path, keys: &Keys) -> String {
    let said = check(file, keys).err().unwrap().to_string();
    assert!(said.ends_with(". Nothing was restored"), "{said}");
    said
}

const MASTER: [u8; 32] = [9; 32];

fn ledger() -> Ledger {
    Ledger::new(vec![
        Box::new(people::RoleProjection),
        Box::new(people::AccountProjection),
        Box::new(ErasureProjection),
    ])
}

/// Somebody about whom the ledger has a record, sealed under a key of theirs.
async fn expert(db: &Db, name: &str) -> people::Person {
    let person = hire(db, name, |_| {}).await;
    let (ledger, expert) = (&ledger(), &person);
    db.write(|tx| async move { people::grant(&tx, ledger, expert, people::Role::Expert, "operator", "a test").await })
        .await
        .unwrap();
    person
}

/// A store with two experts, whose records are in the log.
async fn sealed(db: &Db) -> (people::Person, people::Person) {
    db.seal_with(Master::new(MASTER));
    db.set_meta("evidence.master_key", &Master::new(MASTER).name()).await.unwrap();
    let both = (expert(db, "Ana").await, expert(db, "Bob").await);
    log::catch_up(db).await.unwrap();
    db.clock().set(db.clock().now().plus(Instant::HOUR)).unwrap();
    both
}

/// The keys as versions before the digest wrote them.
fn written_before(keys: &Keys, file: &Path) -> Keys {
    let mut text = serde_json::to_value(keys).unwrap();
    text["format"] = 1.into();
    text.as_object_mut().unwrap().remove("store");
    std::fs::write(file, text.to_string()).unwrap();
    read_keys(file).unwrap()
}

#[tokio::test]
async fn what_was_backed_up_comes_back_in_either_engine() {
    let (db, dir) = filled().await;
    let file = dir.path().join("a.backup");
    let made = backup(&db, &file).await.unwrap();
    assert_eq!(made.rows["person"], 1);
    assert!(!made.rows.contains_key("web_session"));
    let keys = read_keys(&keys_of(&file)).unwrap();
    for url in targets(dir.path()).await {
        assert_eq!(restore(&url, &file, &keys, clock()).await.unwrap().rows, made.rows);
        let again = Db::open(&url, clock()).await.unwrap();
        assert!(again.due_erasures().await.unwrap().is_empty());
        let (mut before, mut after) = (everything(&db).await, everything(&again).await);
        // Leases are void, and what may have been sent since is looked for first.
        for all in [&mut before, &mut after] {
            all.retain(|row| !row.starts_with("inbox") && !row.starts_with("outbox"));
        }
        assert_eq!(before, after);
        let row = again.opt("SELECT item, attempts FROM outbox", args![]).await.unwrap().unwrap();
        assert_eq!(
            (row.get::<String>("item").unwrap().as_str(), row.get::<i64>("attempts").unwrap()),
            ("é \u{1f600} \"", 1)
        );
        let row = again.opt("SELECT lease_until FROM inbox", args![]).await.unwrap().unwrap();
        assert_eq!(row.get::<i64>("lease_until").unwrap(), 0);
        // It goes on where it was.
        let head = again.committed_position().await.unwrap();
        again.write(|tx| async move { tx.publish("thing", "two").await }).await.unwrap();
        assert_eq!(again.committed_position().await.unwrap(), head + 1);
        again
            .write(|tx| async move {
                tx.exec(
                    "INSERT INTO inbox (key, account, body, received, state) VALUES ('f', '{}', '{}', 1, 'new')",
                    args![],
                )
                .await
            })
            .await
            .unwrap();
        let third = dir.path().join(format!("{}.backup", crate::clock::noise()));
        assert_eq!(backup(&again, &third).await.unwrap().rows["inbox"], 2);
    }
}

#[tokio::test]
async fn a_restore_never_writes_over_data() {
    let (db, dir) = filled().await;
    let file = dir.path().join("a.backup");
    backup(&db, &file).await.unwrap();
    assert!(backup(&db, &file).await.unwrap_err().to_string().contains("is there already"));
    let keys = read_keys(&keys_of(&file)).unwrap();
    for url in targets(dir.path()).await {
        restore(&url, &file, &keys, clock()).await.unwrap();
        let again = restore(&url, &file, &keys, clock()).await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        assert!(again.unwrap_err().to_string().contains("never writes over data"));
    }
}

#[tokio::test]
async fn a_file_that_is_cut_off_or_changed_is_refused_and_writes_nothing() {
    let (db, dir) = filled().await;
    let file = dir.path().join("a.backup");
    backup(&db, &file).await.unwrap();
    let keys = read_keys(&keys_of(&file)).unwrap();
    let whole = std::fs::read(&file).unwrap();
    let url = format!("sqlite://{}", dir.path().join("restored.db").display());
    let bad = dir.path().join("bad.backup");
    for length in [0, 5, 30, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        std::fs::write(&bad, &whole[..length]).unwrap();
        let said = restore(&url, &bad, &keys, clock()).await.unwrap_err().to_string();
        assert!(said.contains("is no whole backup: it is cut off. Nothing was restored"), "{length}: {said}");
    }
    std::fs::write(&bad, [&whole[..], b"x"].concat()).unwrap();
    assert!(refusal(&bad, &keys).contains("something follows its end"));
    let last = whole.len() - 1;
    std::fs::write(&bad, [&whole[..last], &[whole[last] ^ 1]].concat()).unwrap();
    assert!(refusal(&bad, &keys).contains("it is damaged"));
    // Somebody unpacks it, changes a name, and packs it again.
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&whole[..]), &mut text).unwrap();
    let changed = text.replace("ana@example.org", "eve@example.org");
    assert_ne!(text, changed);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, changed.as_bytes()).unwrap();
    std::fs::write(&bad, packed.finish().unwrap()).unwrap();
    let said = restore(&url, &bad, &keys, clock()).await.unwrap_err().to_string();
    assert!(said.contains("it was changed or damaged"), "{said}");
    assert!(!dir.path().join("restored.db").exists());
    assert!(read_keys(&bad).unwrap_err().to_string().contains("is not the keys file"));
}

#[tokio::test]
async fn erasures_after_the_backup_are_named_by_a_newer_keys_file() {
    let (db, dir) = filled().await;
    let first = dir.path().join("first.backup");
    backup(&db, &first).await.unwrap();
    db.clock().set(db.clock().now().plus(Instant::DAY)).unwrap();
    db.write(|tx| async move { tx.exec("INSERT INTO erasure (person, at) VALUES ('p', $1)", args![tx.now()]).await })
        .await
        .unwrap();
    let second = dir.path().join("second.backup");
    backup(&db, &second).await.unwrap();
    let url = format!("sqlite://{}", dir.path().join("restored.db").display());
    let old = read_keys(&keys_of(&first)).unwrap();
    let said = restore(&url, &second, &old, clock()).await.unwrap_err().to_string();
    assert!(said.contains("the keys file is older than the backup"), "{said}");
    let new = read_keys(&keys_of(&second)).unwrap();
    restore(&url, &first, &new, clock()).await.unwrap();
    let again = Db::open(&url, clock()).await.unwrap();
    assert_eq!(again.all("SELECT person FROM erasure", args![]).await.unwrap().len(), 1);
    // It stands in the store until it is done, also in a backup of the store as it is now, and with what came later.
    let p = || Due { people: ["p".to_owned()].into(), ..Due::default() };
    assert_eq!(again.due_erasures().await.unwrap(), p());
    let third = dir.path().join("third.backup");
    again.clock().set(db.clock().now().plus(Instant::DAY)).unwrap();
    backup(&again, &third).await.unwrap();
    let keys = read_keys(&keys_of(&third)).unwrap();
    assert!(check(&third, &keys).unwrap().due.is_empty());
    again.clock().set(again.clock().now().plus(Instant::DAY)).unwrap();
    again
        .write(|tx| async move { tx.exec("INSERT INTO erasure (person, at) VALUES ('q', $1)", args![tx.now()]).await })
        .await
        .unwrap();
    let fourth = dir.path().join("fourth.backup");
    backup(&again, &fourth).await.unwrap();
    let newer = read_keys(&keys_of(&fourth)).unwrap();
    let both = Due { people: ["p".to_owned(), "q".to_owned()].into(), ..Due::default() };
    for (n, (keys, wanted)) in [(keys, p()), (newer, both)].into_iter().enumerate() {
        let url = format!("sqlite://{}", dir.path().join(format!("{n}.db")).display());
        restore(&url, &third, &keys, clock()).await.unwrap();
        let once_more = Db::open(&url, clock()).await.unwrap();
        assert_eq!(once_more.due_erasures().await.unwrap(), wanted);
        once_more.erasures_done().await.unwrap();
        assert!(once_more.due_erasures().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_journal_that_is_left_of_another_store_is_never_played_into_a_restored_one() {
    let (db, dir) = filled().await;
    let file = dir.path().join("a.backup");
    backup(&db, &file).await.unwrap();
    let keys = read_keys(&keys_of(&file)).unwrap();
    let path = dir.path().join("restored.db");
    let url = format!("sqlite://{}", path.display());
    for end in ["-wal", "-shm", "-journal"] {
        let left = format!("{}{end}", path.display());
        std::fs::write(&left, "left").unwrap();
        let said = restore(&url, &file, &keys, clock()).await.unwrap_err().to_string();
        let name = path.display();
        let wanted = format!("a part of one: {left}. Move {name}, {name}-wal and {name}-shm away first");
        assert!(said.contains(&wanted) && !path.exists(), "{said}");
        std::fs::remove_file(&left).unwrap();
    }
    restore(&url, &file, &keys, clock()).await.unwrap();
}

#[tokio::test]
async fn a_backup_may_rest_between_two_tables() {
    let (db, dir) = filled().await;
    if engine() == Engine::Sqlite {
        // There no session is ended.
        return;
    }
    let header = Header { stoa: String::new(), format: 1, schema: 1, made: Instant(0), id: String::new() };
    let (head, out, keys) = (&header, &dir.path().join("out"), &dir.path().join("keys"));
    let limits = db.read(|conn| async move {
        write::write(&conn, head, std::fs::File::create(out).unwrap(), std::fs::File::create(keys).unwrap()).await?;
        let mut limits = Vec::new();
        for name in ["statement_timeout", "idle_in_transaction_session_timeout"] {
            let row = conn.one("SELECT current_setting($1) AS is", args![name]).await?;
            limits.push(row.get::<String>("is")?);
        }
        Ok(limits)
    });
    assert_eq!(limits.await.unwrap(), ["0", "0"]);
}

#[tokio::test]
async fn nobody_opens_a_database_whose_restore_was_cut_off() {
    if engine() == Engine::Sqlite {
        // There a restore fills another file and renames it.
        return;
    }
    let url = empty_database().await;
    let opening = crate::db::Opening::restoring(crate::db::known_schema());
    Db::open_as(&url, clock(), opening).await.unwrap().close().await;
    let said = Db::open(&url, clock()).await.err().unwrap().to_string();
    assert!(said.contains("a restore into this database was cut off"), "{said}");
}

#[tokio::test]
async fn keys_of_people_lie_beside_the_backup_and_what_was_erased_since_stays_erased() {
    let (db, dir) = store().await;
    let (ana, bob) = sealed(&db).await;
    let ledger = &ledger();
    let first = dir.path().join("first.backup");
    backup(&db, &first).await.unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&std::fs::read(&first).unwrap()[..]), &mut text)
        .unwrap();
    assert!(!text.contains("\"table\":\"ledger_key\""));
    db.clock().set(db.clock().now().plus(Instant::DAY)).unwrap();
    let subjects = &BTreeMap::from([(format!("role/{}", ana.id), None)]);
    db.write(|tx| async move { ledger.erase(&tx, subjects, "operator", "she asked").await }).await.unwrap();
    let second = dir.path().join("second.backup");
    backup(&db, &second).await.unwrap();
    let keys = read_keys(&keys_of(&second)).unwrap();
    assert!(keys.forgotten.iter().map(|gone| &gone.subject).eq(subjects.keys()), "{:?}", keys.forgotten);
    for url in targets(dir.path()).await {
        restore(&url, &first, &keys, clock()).await.unwrap();
        let again = Db::open(&url, clock()).await.unwrap();
        again.seal_with(Master::new(MASTER));
        ledger.rebuild(&again).await.unwrap();
        let held = again.all("SELECT person FROM role_grant", args![]).await.unwrap();
        assert_eq!(held.iter().map(|r| r.get::<String>("person").unwrap()).collect::<Vec<_>>(), [bob.id.as_str()]);
        again.close().await;
    }
}

#[tokio::test]
async fn only_what_a_tombstone_covers_is_erased_again() {
    let (db, dir) = store().await;
    let (ana, bob) = sealed(&db).await;
    let ledger = &ledger();
    let first = dir.path().join("first.backup");
    backup(&db, &first).await.unwrap();
    db.clock().set(db.clock().now().plus(Instant::DAY)).unwrap();
    let role = |person: &people::Person| format!("role/{}", person.id);
    // Ana's records are erased, then she becomes an expert again; somebody takes Bob's values away.
    let (ana, bob, subjects) = (&ana, &bob, &BTreeMap::from([(role(&ana), None)]));
    db.write(|tx| async move {
        ledger.erase(&tx, subjects, "operator", "she asked").await?;
        people::grant(&tx, ledger, ana, people::Role::Expert, "operator", "she is back").await?;
        let wiped = "UPDATE ledger_value SET body = NULL, erased = 1 WHERE record IN
                     (SELECT id FROM ledger_record WHERE subject = $1)";
        tx.exec(wiped, args![role(bob)]).await
    })
    .await
    .unwrap();
    let second = dir.path().join("second.backup");
    backup(&db, &second).await.unwrap();
    let keys = read_keys(&keys_of(&second)).unwrap();
    assert_eq!(keys.forgotten, [Forgotten { subject: role(ana), version: 1 }]);
    for (n, (file, wanted)) in [(&first, vec![&bob.id]), (&second, vec![&ana.id])].into_iter().enumerate() {
        let url = format!("sqlite://{}", dir.path().join(format!("{n}.db")).display());
        restore(&url, file, &keys, clock()).await.unwrap();
        let again = Db::open(&url, clock()).await.unwrap();
        again.seal_with(Master::new(MASTER));
        ledger.rebuild(&again).await.unwrap();
        let held = again.all("SELECT person FROM role_grant", args![]).await.unwrap();
        let held: Vec<String> = held.iter().map(|r| r.get("person").unwrap()).collect();
        assert!(held.iter().eq(wanted.iter().copied()), "{n}: {held:?}");
        again.close().await;
    }
}

#[tokio::test]
async fn a_keys_file_of_which_a_byte_is_another_is_refused() {
    let (db, dir) = store().await;
    sealed(&db).await;
    db.write(|tx| async move { tx.exec("INSERT INTO erasure (person, at) VALUES ('p', $1)", args![tx.now()]).await })
        .await
        .unwrap();
    let file = dir.path().join("a.backup");
    backup(&db, &file).await.unwrap();
    let whole = std::fs::read(keys_of(&file)).unwrap();
    let bad = dir.path().join("bad.keys");
    for at in 0..whole.len() {
        for flip in [1, 32] {
            let mut changed = whole.clone();
            changed[at] ^= flip;
            std::fs::write(&bad, &changed).unwrap();
            assert!(read_keys(&bad).is_err(), "{}", String::from_utf8_lossy(&changed));
        }
        std::fs::write(&bad, &whole[..at]).unwrap();
        assert!(read_keys(&bad).unwrap_err().to_string().contains("is cut off"), "{at}");
    }
    std::fs::write(&bad, [&whole[..], b" "].concat()).unwrap();
    let said = read_keys(&bad).unwrap_err().to_string();
    assert!(said.contains("was changed or damaged") && said.contains("Nothing was restored"), "{said}");
    std::fs::write(&bad, String::from_utf8(whole).unwrap().replace("\"format\":3", "\"format\":4,\"more\":1")).unwrap();
    assert!(read_keys(&bad).unwrap_err().to_string().contains("was written by a newer program"));
}

#[tokio::test]
async fn keys_of_another_store_are_refused() {
    let (db, dir) = store().await;
    sealed(&db).await;
    let file = dir.path().join("a.backup");
    backup(&db, &file).await.unwrap();
    let url = match engine() {
        Engine::Sqlite => format!("sqlite://{}", dir.path().join("other.db").display()),
        Engine::Postgres => empty_database().await,
    };
    let other = Db::open(&url, clock()).await.unwrap();
    sealed(&other).await;
    let others = dir.path().join("other.backup");
    backup(&other, &others).await.unwrap();
    let mut keys = read_keys(&keys_of(&others)).unwrap();
    assert!(refusal(&file, &keys).contains("the keys file is of another store than the backup"));
    // Where nothing is in the log yet, the master keys tell them apart.
    keys.store = Store { master: Some("another".into()), first: None };
    assert!(refusal(&file, &keys).contains("the keys file is of another store than the backup"));
    let keys = written_before(&keys, &dir.path().join("before.keys"));
    assert!(refusal(&file, &keys).contains("a key that the backup needs is not in the keys file"));
    // One that is missing was not destroyed.
    let mut keys = read_keys(&keys_of(&file)).unwrap();
    keys.keys.pop().unwrap();
    assert!(refusal(&file, &keys).contains("a key that the backup needs is not in the keys file"));
}

#[tokio::test]
async fn each_key_must_be_unwrapped_by_the_master_key() {
    let (db, dir) = store().await;
    sealed(&db).await;
    let file = dir.path().join("a.backup");
    backup(&db, &file).await.unwrap();
    let mut keys = read_keys(&keys_of(&file)).unwrap();
    let backup = check(&file, &keys).unwrap();
    backup.opens_with(&Master::new(MASTER)).unwrap();
    let said = backup.opens_with(&Master::new([8; 32])).unwrap_err().to_string();
    assert!(said.contains("master_key_file is not the key of the backup's store"), "{said}");
    let wrapped = keys.keys.last_mut().unwrap().wrapped.as_mut().unwrap();
    let changed = if wrapped.starts_with('A') { "B" } else { "A" };
    wrapped.replace_range(..1, changed);
    let said = check(&file, &keys).unwrap().opens_with(&Master::new(MASTER)).unwrap_err().to_string();
    assert!(said.contains("cannot be unwrapped") && said.contains("Nothing was restored"), "{said}");
}

#[tokio::test]
async fn a_keys_file_without_digest_still_erases_and_names_nobody_who_is_unknown() {
    let (db, dir) = store().await;
    let (ana, bob) = sealed(&db).await;
    let file = dir.path().join("a.backup");
    backup(&db, &file).await.unwrap();
    db.clock().set(db.clock().now().plus(Instant::DAY)).unwrap();
    // Nobody has written anything about her yet, so she has no key.
    let zoe = &people::Person::new(db.clock().id().to_string(), "E-Zoe", "Zoe");
    db.write(|tx| async move { people::insert(&tx, zoe, None).await }).await.unwrap();
    let about =
        "SELECT DISTINCT r.subject FROM ledger_record r JOIN ledger_value v ON v.record = r.id WHERE v.person = $1";
    let about = db.all(about, args![&ana.id]).await.unwrap();
    let subjects = &about.iter().map(|r| (r.get("subject").unwrap(), None)).collect();
    let ledger = &ledger();
    let gone = &[&ana.id, &zoe.id];
    db.write(|tx| async move {
        for person in gone {
            tx.exec("INSERT INTO erasure (person, at) VALUES ($1, $2)", args![*person, tx.now()]).await?;
        }
        ledger.erase(&tx, subjects, "operator", "she asked").await
    })
    .await
    .unwrap();
    let newer = dir.path().join("newer.backup");
    backup(&db, &newer).await.unwrap();
    let mut keys = written_before(&read_keys(&keys_of(&newer)).unwrap(), &dir.path().join("before.keys"));
    // Ana's key was destroyed, which is not to be missing, and Zoe came after the backup.
    assert!(keys.keys.iter().any(|key| key.person == ana.id && key.wrapped.is_none()));
    assert!(check(&file, &keys).unwrap().due.people.iter().eq([&ana.id, &zoe.id]));
    // What was sealed under a key is gone with it, also where no subject says so.
    keys.forgotten.clear();
    for url in targets(dir.path()).await {
        restore(&url, &file, &keys, clock()).await.unwrap();
        let again = Db::open(&url, clock()).await.unwrap();
        let left = "SELECT DISTINCT person FROM ledger_value WHERE body IS NOT NULL AND person <> ''";
        let left = again.all(left, args![]).await.unwrap();
        assert_eq!(left.iter().map(|r| r.get::<String>("person").unwrap()).collect::<Vec<_>>(), [bob.id.as_str()]);
        again.close().await;
    }
    let hers = keys.erased.iter().position(|(person, _)| *person == ana.id).unwrap();
    for at in 24..ana.id.len() {
        let changed = if ana.id[at..].starts_with('0') { "1" } else { "0" };
        keys.erased[hers].0.clone_from(&ana.id);
        keys.erased[hers].0.replace_range(at..=at, changed);
        assert!(refusal(&file, &keys).contains("somebody's data was erased whom neither it nor the backup knows"));
    }
}
