//! The ledger on a real store: records, values, the log and its checkpoints.

use super::*;
use crate::db::Engine;
use crate::testing::{store, store_at};
use crate::{Clock, Conn};
use serde_json::json;

/// Counts what is added to it, and remembers who added last.
struct Counter;

#[async_trait]
impl Projection for Counter {
    fn subject(&self) -> &'static str {
        "counter"
    }
    fn tables(&self) -> &'static [&'static str] {
        &["counter_status"]
    }
    async fn apply(&self, tx: &Tx, r: &Record) -> Result<()> {
        if r.kind == "refused" {
            return Err(Error::invalid("no"));
        }
        tx.exec(
            "INSERT INTO counter_status (id, n) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET n = counter_status.n + excluded.n",
            args![&r.subject, r.data["by"].as_i64().unwrap_or(0)],
        )
        .await?;
        Ok(())
    }
    async fn forget(&self, tx: &Tx, subject: &str) -> Result<()> {
        tx.exec("DELETE FROM counter_status WHERE id = $1", args![subject]).await?;
        Ok(())
    }
}

/// Accounts on platforms, whose names are those of people.
struct Identities;

#[async_trait]
impl Projection for Identities {
    fn subject(&self) -> &'static str {
        "identity"
    }
    fn tables(&self) -> &'static [&'static str] {
        &[]
    }
    async fn apply(&self, _tx: &Tx, _r: &Record) -> Result<()> {
        Ok(())
    }
}

fn ledger() -> Ledger {
    Ledger::new(vec![
        Box::new(Counter),
        Box::new(Identities),
        Box::new(ErasureProjection),
        Box::new(checkpoint::LogKeyProjection),
    ])
}

async fn counting() -> (Db, String, tempfile::TempDir) {
    let (db, url, dir) = store_at().await;
    db.write(|tx| async move { tx.exec("CREATE TABLE counter_status (id TEXT PRIMARY KEY, n BIGINT)", args![]).await })
        .await
        .unwrap();
    (db, url, dir)
}

fn entry(subject: &str, kind: &'static str, data: Json) -> Entry {
    Entry { subject: format!("counter/{subject}"), kind, actor: "operator".into(), reason: "a test".into(), data }
}

async fn add(db: &Db, ledger: &Ledger, subject: &str, data: Json) -> Record {
    let data = &data;
    db.write(|tx| async move { ledger.append(&tx, entry(subject, "added", data.clone())).await }).await.unwrap()
}

/// Takes everything into the log and signs it.
async fn signed(db: &Db, ledger: &Ledger) {
    log::catch_up(db).await.unwrap();
    let signer = &note::Signer::new("example.org/log", [1; 32]).unwrap();
    db.write(|tx| async move { checkpoint::make(&tx, ledger, signer).await }).await.unwrap();
}

async fn kept_of(c: &Conn, record: &Record) -> Kept {
    let all = kept(c, std::slice::from_ref(&record.subject)).await.unwrap();
    all[&record.subject].iter().find(|kept| kept.id == record.id).unwrap().clone()
}

async fn counted(db: &Db) -> Vec<(String, i64)> {
    let rows = db.all("SELECT id, n FROM counter_status ORDER BY id", args![]).await.unwrap();
    rows.iter().map(|r| (r.get("id").unwrap(), r.get("n").unwrap())).collect()
}

#[tokio::test]
async fn rebuilding_gives_the_same_state_and_refused_records_leave_nothing() {
    let (db, _, _dir) = counting().await;
    let ledger = &ledger();
    for by in 1..=4 {
        assert_eq!(add(&db, ledger, "a", json!({ "by": by })).await.version, by);
    }
    let refused = db.write(|tx| async move { ledger.append(&tx, entry("a", "refused", json!({}))).await }).await;
    assert!(refused.is_err());
    assert_eq!(counted(&db).await, [("counter/a".into(), 10)]);
    db.write(|tx| async move { tx.exec("UPDATE counter_status SET n = 77", args![]).await }).await.unwrap();
    assert_eq!(ledger.rebuild(&db).await.unwrap(), 4);
    assert_eq!(counted(&db).await, [("counter/a".into(), 10)]);
}

#[tokio::test]
async fn the_database_refuses_to_change_delete_or_replace_evidence() {
    let (db, _, _dir) = counting().await;
    let ledger = &ledger();
    add(&db, ledger, "a", json!({ "by": 1 })).await;
    signed(&db, ledger).await;
    let mut refused = vec![
        "UPDATE ledger_record SET kind = 'x'",
        "DELETE FROM ledger_record",
        "UPDATE ledger_value SET person = 'x'",
        "UPDATE ledger_value SET body = sealed_by, erased = 1",
        "DELETE FROM ledger_value",
        "UPDATE log_leaf SET record = 'x'",
        "DELETE FROM log_leaf",
        "UPDATE log_tile SET hashes = substr(hashes, 1, 16)",
        "DELETE FROM log_tile",
        "UPDATE log_checkpoint SET note = 'x'",
        "DELETE FROM log_checkpoint",
    ];
    db.write(|tx| async move {
        let sql =
            "INSERT INTO course_version (digest, course, title, content, stored) VALUES ('d', 'c', 'C', 'text', $1)
                   ON CONFLICT (digest) DO NOTHING";
        tx.exec(sql, args![1]).await?;
        // What is the same may come again.
        tx.exec(sql, args![2]).await
    })
    .await
    .unwrap();
    match db.engine() {
        Engine::Sqlite => refused.extend([
            "INSERT OR REPLACE INTO ledger_record (id, position, subject, version, kind, at, body)
             SELECT id, position, subject, version, kind, at, '{}' FROM ledger_record",
            "INSERT OR REPLACE INTO ledger_record (rowid, id, position, subject, version, kind, at, body)
             SELECT rowid, 'x', 0, 'x/y', 1, kind, at, body FROM ledger_record",
            "REPLACE INTO ledger_value SELECT record, part, person, sealed_by, X'00', erased FROM ledger_value",
            "REPLACE INTO ledger_value (rowid, record, part, person, body) SELECT rowid, 'x', 0, '', X'00' FROM ledger_value",
            "REPLACE INTO log_leaf SELECT leaf, record FROM log_leaf",
            "REPLACE INTO log_leaf (leaf, record) SELECT 77, record FROM log_leaf",
            "REPLACE INTO log_tile SELECT level, tile, hashes FROM log_tile",
            "REPLACE INTO log_checkpoint SELECT size, made, replace(note, 'a', 'b') FROM log_checkpoint",
            "REPLACE INTO log_checkpoint (rowid, size, made, note) SELECT rowid, 77, 1, note FROM log_checkpoint",
            "REPLACE INTO course_version SELECT digest, course, title, 'other', stored FROM course_version",
        ]),
        Engine::Postgres => refused.extend(["TRUNCATE ledger_record", "TRUNCATE log_tile", "TRUNCATE log_checkpoint"]),
    }
    for sql in refused {
        // Erasing again what is erased changes nothing; everything else is refused.
        if sql.contains("sealed_by") {
            continue;
        }
        assert!(db.write(|tx| async move { tx.exec(sql, args![]).await }).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn committed_records_come_into_the_log_once_and_their_proofs_hold() {
    let (db, _, _dir) = counting().await;
    let ledger = &ledger();
    let mut records = Vec::new();
    for n in 0..300 {
        records.push(add(&db, ledger, &format!("s{}", n % 7), json!({ "by": n })).await);
    }
    assert_eq!(log::catch_up(&db).await.unwrap(), 300);
    assert_eq!(log::catch_up(&db).await.unwrap(), 0);
    for n in 300..520 {
        records.push(add(&db, ledger, &format!("s{}", n % 7), json!({ "by": n })).await);
    }
    assert_eq!(log::catch_up(&db).await.unwrap(), 220);
    let records = &records;
    db.read(|c| async move {
        assert_eq!(log::size(&c).await?, 520);
        let (old, root) = (log::root(&c, 300).await?, log::root(&c, 520).await?);
        assert!(merkle::extends(300, &old, 520, &root, &log::consistency_proof(&c, 300, 520).await?));
        let mut tree = ct_merkle::mem_backed_tree::MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
        for (n, record) in records.iter().enumerate() {
            let body: String =
                c.one("SELECT body FROM ledger_record WHERE id = $1", args![&record.id]).await?.get("body")?;
            let leaf = kept_of(&c, record).await.leaf.unwrap();
            assert_eq!(leaf, n as u64, "the order of the change feed");
            let proof = log::inclusion_proof(&c, leaf, 520).await?;
            assert!(merkle::includes(&root, 520, leaf, &merkle::leaf_hash(body.as_bytes()), &proof));
            tree.push(body.into_bytes());
        }
        assert_eq!(tree.root().as_bytes().as_slice(), root);
        assert!(log::inclusion_proof(&c, 520, 520).await.is_err());
        assert!(log::root(&c, 521).await.is_err());
        // Tiles and bundles as C2SP has them: two full tiles, eight hashes in the third, two in the one above.
        assert_eq!(log::tile(&c, 0, 1, 256).await?.unwrap().len(), 8192);
        assert_eq!(log::tile(&c, 0, 2, 8).await?.unwrap().len(), 256);
        assert_eq!(log::tile(&c, 0, 2, 9).await?, None);
        assert_eq!(log::tile(&c, 1, 0, 2).await?.unwrap().len(), 64);
        let bundle = log::entries(&c, 2, 8).await?.unwrap();
        let length = usize::from(u16::from_be_bytes([bundle[0], bundle[1]]));
        assert_eq!(merkle::leaf_hash(&bundle[2..2 + length]), log::tile(&c, 0, 2, 1).await?.unwrap()[..]);
        assert_eq!(log::entries(&c, 2, 9).await?, None);
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_batch_leaves_nothing_and_the_next_one_heals() {
    let (db, _, _dir) = counting().await;
    let ledger = &ledger();
    for n in 0..5 {
        add(&db, ledger, "a", json!({ "by": n })).await;
    }
    let cut = db.write_by_key(|tx| async move {
        log::batch(&tx).await?;
        Err::<(), _>(Error::invalid("the power is cut"))
    });
    assert!(cut.await.is_err());
    let size = || async { db.read(|c| async move { log::size(&c).await }).await.unwrap() };
    assert_eq!(size().await, 0);
    assert_eq!(log::catch_up(&db).await.unwrap(), 5);
    assert_eq!(size().await, 5);
}

#[tokio::test]
async fn several_that_sequence_at_once_give_each_record_one_leaf() {
    let (db, _, _dir) = counting().await;
    let ledger = &ledger();
    let writers = (0..4).map(|w| {
        let db = &db;
        async move {
            for n in 0..10 {
                add(db, ledger, &format!("w{w}"), json!({ "by": n })).await;
                log::catch_up(db).await.unwrap();
            }
        }
    });
    futures_util::future::join_all(writers).await;
    log::catch_up(&db).await.unwrap();
    let rows = db
        .all(
            "SELECT r.subject, r.version FROM log_leaf l JOIN ledger_record r ON r.id = l.record ORDER BY l.leaf",
            args![],
        )
        .await
        .unwrap();
    assert_eq!(rows.len(), 40);
    let mut seen = std::collections::HashMap::<String, i64>::new();
    for row in &rows {
        let version = seen.entry(row.get("subject").unwrap()).or_default();
        *version += 1;
        assert_eq!(row.get::<i64>("version").unwrap(), *version);
    }
}

#[tokio::test]
async fn a_checkpoint_is_signed_once_for_each_size_and_never_for_a_log_that_was_cut_off() {
    let (db, _, _dir) = counting().await;
    let ledger = &ledger();
    let signer = &note::Signer::new("example.org/log/test", [1; 32]).unwrap();
    let make = || async {
        log::catch_up(&db).await.unwrap();
        db.write(|tx| async move { checkpoint::make(&tx, ledger, signer).await }).await
    };
    add(&db, ledger, "a", json!({ "by": 1 })).await;
    let (first, new) = make().await.unwrap();
    assert!(new && first.size == 1);
    let note = note::Note::parse(&first.note).unwrap();
    assert!(signer.verifier().signed(&note));
    let said = checkpoint::Checkpoint::parse(&note.text).unwrap();
    assert_eq!((said.origin.as_str(), said.size), ("example.org/log/test", 1));
    // The record of the first key came after the first checkpoint, so the log has grown.
    let (second, new) = make().await.unwrap();
    assert!(new && second.size == 2);
    assert_eq!(make().await.unwrap(), (second, false));
    // Somebody who owns the database takes the guard away and cuts the log.
    db.write(|tx| async move {
        match tx.engine() {
            Engine::Sqlite => tx.exec("DROP TRIGGER log_tile_grows", args![]).await?,
            Engine::Postgres => tx.exec("DROP TRIGGER log_tile_grows ON log_tile", args![]).await?,
        };
        tx.exec("UPDATE log_tile SET hashes = substr(hashes, 1, 32)", args![]).await?;
        tx.exec("UPDATE log_state SET size = 1", args![]).await
    })
    .await
    .unwrap();
    let said = db.write(|tx| async move { checkpoint::make(&tx, ledger, signer).await }).await.unwrap_err().to_string();
    assert!(said.contains("was cut off or changed"), "{said}");
}

#[tokio::test]
async fn keys_are_a_chain_and_a_lost_one_breaks_it_for_everybody_to_see() {
    let (db, _, _dir) = counting().await;
    let ledger = &ledger();
    let key = |n: u8| note::Signer::new("example.org/log", [n; 32]).unwrap();
    let (one, two, three) = (&key(1), &key(2), &key(3));
    db.write(|tx| async move { checkpoint::use_key(&tx, ledger, one).await }).await.unwrap();
    let said = db.write(|tx| async move { checkpoint::make(&tx, ledger, two).await }).await.unwrap_err().to_string();
    assert!(said.contains("holds another key"), "{said}");
    db.write(|tx| async move { checkpoint::rotate(&tx, ledger, one, two, "yearly").await }).await.unwrap();
    db.write(|tx| async move { checkpoint::make(&tx, ledger, two).await }).await.unwrap();
    db.write(|tx| async move { checkpoint::lose(&tx, ledger, three, "the disk is gone").await }).await.unwrap();
    let keys = db.read(|c| async move { checkpoint::keys(&c).await }).await.unwrap();
    let how: Vec<&str> = keys.iter().map(|k| k.how.as_str()).collect();
    assert_eq!(how, ["created", "rotated", "lost"]);
    let statement = keys[1].statement.as_ref().unwrap();
    checkpoint::follows(one.verifier(), statement, &keys[1].vkey).unwrap();
    assert!(checkpoint::follows(three.verifier(), statement, &keys[1].vkey).is_err());
    assert!(checkpoint::follows(one.verifier(), statement, &keys[2].vkey).is_err());
    assert_eq!(ledger.rebuild(&db).await.unwrap(), 3);
    assert_eq!(db.read(|c| async move { checkpoint::keys(&c).await }).await.unwrap(), keys);
}

#[tokio::test]
async fn the_log_says_nothing_about_people_and_the_store_only_with_its_master_key() {
    let (db, url, _dir) = counting().await;
    db.seal_with(Master::new([9; 32]));
    let ledger = &ledger();
    let data = json!({ "by": 3, "person": "p-ana", "name": "Ana Müller", "approver": "person/p-bob" });
    let appended = add(&db, ledger, "a", data).await;
    let account = Entry {
        subject: "identity/slack/T1/ana.mueller".into(),
        kind: "linked",
        actor: "person/p-ana".into(),
        reason: "she signed in".into(),
        data: json!({ "person": "p-ana" }),
    };
    let account = &account;
    db.write(|tx| async move { ledger.append(&tx, account.clone()).await }).await.unwrap();
    let second = db.write(|tx| async move { ledger.append(&tx, account.clone()).await }).await.unwrap();
    assert_eq!(second.version, 2);
    for row in db.all("SELECT subject, body FROM ledger_record", args![]).await.unwrap() {
        let text = row.get::<String>("subject").unwrap() + &row.get::<String>("body").unwrap();
        for word in ["Ana", "ana", "bob", "3}", "operator", "signed in"] {
            assert!(!text.contains(word), "'{word}' stands in {text}");
        }
        assert!(text.contains("\"clock\":\"test\""), "{text}");
    }
    for row in db.all("SELECT body FROM ledger_value", args![]).await.unwrap() {
        let body: Vec<u8> = row.get("body").unwrap();
        assert!(!body.windows(3).any(|w| w == b"Ana" || w == b"bob"));
    }
    let read = db.read(|c| async move { of_subject(&c, "counter/a").await }).await.unwrap();
    assert_eq!(read, [appended]);
    let identity = db.read(|c| async move { of_subject(&c, &account.subject).await }).await.unwrap();
    assert_eq!(identity.len(), 2);
    assert_eq!(identity[0].subject, account.subject);
    assert_eq!(db.read(|c| async move { of_kind(&c, "identity").await }).await.unwrap(), identity);
    ledger.rebuild(&db).await.unwrap();
    assert_eq!(counted(&db).await, [("counter/a".into(), 3)]);

    // With another key, or none, nothing is opened.
    for (master, says) in [(None, "are sealed"), (Some(Master::new([8; 32])), "is not the one of this store")] {
        let other = Db::open(&url, Clock::seeded(Instant(0), 1)).await.unwrap();
        if let Some(master) = master {
            other.seal_with(master);
        }
        let said = other.read(|c| async move { of_subject(&c, "counter/a").await }).await.unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
    }
}

#[tokio::test]
async fn an_erasure_destroys_values_salts_and_keys_and_the_log_and_the_rebuild_stay_whole() {
    let (db, _, _dir) = counting().await;
    db.seal_with(Master::new([9; 32]));
    let ledger = &ledger();
    add(&db, ledger, "a", json!({ "by": 3, "person": "p-ana" })).await;
    add(&db, ledger, "b", json!({ "by": 5, "person": "p-bob", "approver": "person/p-ana" })).await;
    add(&db, ledger, "a", json!({ "by": 4 })).await;
    log::catch_up(&db).await.unwrap();
    let root =
        || async { db.read(|c| async move { Ok((log::root(&c, 3).await?, log::size(&c).await?)) }).await.unwrap() };
    let before = root().await;
    let subjects = &BTreeMap::from([("counter/a".to_owned(), Some("hygiene".to_owned()))]);
    let erase = || async {
        db.write(|tx| async move {
            ledger.erase(&tx, subjects, "person/p-dpo", "she asked, and no duty stands against it").await
        })
        .await
        .unwrap()
    };
    // Her key stays: her name as the approver of another's record is sealed under it.
    assert_eq!(erase().await, Erased { records: 2, keys: 0 });
    assert_eq!(erase().await, Erased::default());
    assert_eq!(counted(&db).await, [("counter/b".into(), 5)]);
    assert_eq!(root().await.0, before.0);
    let records = db.read(|c| async move { of_subject(&c, "counter/a").await }).await.unwrap();
    assert!(records.iter().all(|r| r.is_erased() && r.data == json!({}) && r.reason.is_empty()));
    let rows =
        db.all("SELECT body, erased FROM ledger_value WHERE person = 'p-ana' AND part = 0", args![]).await.unwrap();
    assert!(
        rows.iter().all(|r| r.get::<Option<Vec<u8>>>("body").unwrap().is_none() && r.get::<i64>("erased").unwrap() > 0)
    );
    assert_eq!(ledger.rebuild(&db).await.unwrap(), 4, "three records and the tombstone");
    assert_eq!(counted(&db).await, [("counter/b".into(), 5)]);

    let tombstone = db.read(|c| async move { of_kind(&c, "erasure").await }).await.unwrap().remove(0);
    assert_eq!(tombstone.data, json!({ "subjects": ["counter/a"], "requirements": { "counter/a": "hygiene" } }));

    let both = &BTreeMap::from([("counter/b".to_owned(), None)]);
    let done =
        db.write(|tx| async move { ledger.erase(&tx, both, "operator", "the retention is over").await }).await.unwrap();
    assert_eq!(done, Erased { records: 1, keys: 2 });
    let keys = db.all("SELECT wrapped FROM ledger_key WHERE person <> ''", args![]).await.unwrap();
    assert!(keys.iter().any(|r| r.get::<Option<Vec<u8>>>("wrapped").unwrap().is_none()));
    // Who comes back gets a key of their own, and new records follow on the old ones.
    let back = add(&db, ledger, "a", json!({ "by": 1, "person": "p-ana" })).await;
    assert_eq!(back.version, 3);
    assert_eq!(counted(&db).await, [("counter/a".into(), 1)]);
    log::catch_up(&db).await.unwrap();
    assert_eq!(root().await, (before.0, 6));
}

#[tokio::test]
async fn records_of_the_first_format_stay_as_they_are_and_are_continued() {
    let (db, _, _dir) = counting().await;
    db.seal_with(Master::new([9; 32]));
    let ledger = &ledger();
    let old = r#"{"id":"old","subject":"counter/a","version":1,"kind":"added","at":5,"actor":"operator","reason":"then","data":{"by":2,"person":"p-ana"}}"#;
    db.write(|tx| async move {
        let position = tx.publish("ledger", "old").await?;
        tx.exec(
            "INSERT INTO ledger_record (id, position, subject, version, kind, at, body) VALUES ('old', $1, 'counter/a', 1, 'added', 5, $2)",
            args![position, old],
        )
        .await
    })
    .await
    .unwrap();
    let new = add(&db, ledger, "a", json!({ "by": 3 })).await;
    assert_eq!(new.version, 2);
    let owner = db.opt("SELECT person FROM ledger_value", args![]).await.unwrap().unwrap();
    assert_eq!(owner.get::<String>("person").unwrap(), "p-ana", "as the first record says");
    ledger.rebuild(&db).await.unwrap();
    assert_eq!(counted(&db).await, [("counter/a".into(), 5)]);
    log::catch_up(&db).await.unwrap();
    let bundle = db.read(|c| async move { log::entries(&c, 0, 2).await }).await.unwrap().unwrap();
    assert_eq!(&bundle[2..2 + old.len()], old.as_bytes());
    let subjects = &BTreeMap::from([("counter/a".to_owned(), None)]);
    let said =
        db.write(|tx| async move { ledger.erase(&tx, subjects, "operator", "x").await }).await.unwrap_err().to_string();
    assert!(said.contains("first format"), "{said}");
}

#[tokio::test]
async fn a_value_that_somebody_changes_in_the_database_is_named() {
    let (db, _dir) = store().await;
    let ledger = &Ledger::new(vec![Box::new(Identities)]);
    let entry = Entry {
        subject: "identity/a/b/c".into(),
        kind: "linked",
        actor: "operator".into(),
        reason: "a test".into(),
        data: json!({ "person": "p-ana" }),
    };
    let entry = &entry;
    let record = db.write(|tx| async move { ledger.append(&tx, entry.clone()).await }).await.unwrap();
    db.write(|tx| async move {
        match tx.engine() {
            Engine::Sqlite => tx.exec("DROP TRIGGER ledger_value_no_update", args![]).await?,
            Engine::Postgres => tx.exec("DROP TRIGGER ledger_value_no_update ON ledger_value", args![]).await?,
        };
        let body: Vec<u8> = tx.one("SELECT body FROM ledger_value", args![]).await?.get("body")?;
        let body = String::from_utf8(body).unwrap().replace("p-ana", "p-eve");
        tx.exec("UPDATE ledger_value SET body = $1", args![body.into_bytes()]).await
    })
    .await
    .unwrap();
    let said = ledger.rebuild(&db).await.unwrap_err().to_string();
    assert!(said.contains(&record.id) && said.contains("data/person"), "{said}");
}

/// Takes the guards away, as somebody who owns the database can.
async fn unguarded(db: &Db) {
    db.write(|tx| async move {
        for (trigger, table) in [
            ("ledger_record_no_update", "ledger_record"),
            ("ledger_record_no_delete", "ledger_record"),
            ("ledger_value_no_update", "ledger_value"),
            ("log_leaf_no_delete", "log_leaf"),
            ("log_tile_grows", "log_tile"),
            ("log_checkpoint_no_update", "log_checkpoint"),
            ("log_checkpoint_no_delete", "log_checkpoint"),
        ] {
            let of = if tx.engine() == Engine::Postgres { format!(" ON {table}") } else { String::new() };
            tx.exec(sqlx::AssertSqlSafe(format!("DROP TRIGGER {trigger}{of}")), args![]).await?;
        }
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_somebody_changes_below_the_ledger_is_found_and_named() {
    let cases: [(&str, &[&str], &str); 8] = [
        (
            "a byte of a record",
            &["UPDATE ledger_record SET body = replace(body, '\"kind\":\"added\"', '\"kind\":\"addee\"') WHERE version = 3"],
            "at leaf 2,",
        ),
        (
            "a byte of a value",
            &["UPDATE ledger_value SET body = (SELECT body FROM ledger_value o WHERE o.record <> ledger_value.record LIMIT 1)
               WHERE record = (SELECT record FROM log_leaf WHERE leaf = 4)"],
            "the values of the record at leaf 4",
        ),
        ("a record taken away", &["DELETE FROM ledger_record WHERE version = 2"], "leaf 1 of the log is gone"),
        (
            "the end cut off, cleanly",
            &[
                "DELETE FROM ledger_record WHERE version = 6",
                "DELETE FROM log_leaf WHERE leaf = 5",
                "UPDATE log_state SET size = 5",
            ],
            "was cut off or changed",
        ),
        ("a byte of the tree", &["flip"], "was cut off or changed"),
        ("a checkpoint", &["UPDATE log_checkpoint SET note = replace(note, 'example', 'exempla')"], "checkpoint"),
        (
            "a record put in",
            &["INSERT INTO ledger_record (id, position, subject, version, kind, at, body)
               SELECT 'x', 1, 'counter/b', 1, kind, at, body FROM ledger_record WHERE subject = 'counter/a' AND version = 1"],
            "somebody put it in",
        ),
        ("nothing", &[], ""),
    ];
    for (what, changes, says) in cases {
        let (db, _, _dir) = counting().await;
        let ledger = &ledger();
        // Another change comes first, so that a place before the records is free.
        db.write(|tx| async move { tx.publish("other", "x").await }).await.unwrap();
        for n in 0..6 {
            add(&db, ledger, "a", json!({ "by": n })).await;
        }
        signed(&db, ledger).await;
        unguarded(&db).await;
        for sql in changes {
            db.write(|tx| async move {
                if *sql != "flip" {
                    return tx.exec(*sql, args![]).await;
                }
                let row = tx.one("SELECT hashes FROM log_tile WHERE level = 0 AND tile = 0", args![]).await?;
                let mut hashes: Vec<u8> = row.get("hashes")?;
                hashes[40] ^= 1;
                tx.exec("UPDATE log_tile SET hashes = $1 WHERE level = 0 AND tile = 0", args![hashes]).await
            })
            .await
            .unwrap();
        }
        let found = db.read(|c| async move { check(&c, None).await }).await;
        match found {
            Ok(sound) => {
                assert!(changes.is_empty() && sound == Sound { size: 6, read: 6 }, "{what} went unseen: {sound:?}");
            }
            Err(e) => assert!(!says.is_empty() && e.to_string().contains(says), "{what}: {e}"),
        }
    }
}

/// Each byte of what the ledger and its log keep, alone.
#[tokio::test]
async fn whichever_byte_of_the_ledger_is_flipped_the_check_finds_it() {
    let (db, _, _dir) = counting().await;
    let ledger = &ledger();
    for n in 0..2 {
        add(&db, ledger, "a", json!({ "by": n })).await;
    }
    signed(&db, ledger).await;
    log::catch_up(&db).await.unwrap();
    unguarded(&db).await;
    assert!(db.read(|c| async move { check(&c, None).await }).await.is_ok());
    let mut flipped = 0;
    for (rows, put) in [
        ("SELECT id AS k, body AS b FROM ledger_record", "UPDATE ledger_record SET body = $1 WHERE id = $2"),
        (
            "SELECT record || '/' || CAST(part AS TEXT) AS k, body AS b FROM ledger_value",
            "UPDATE ledger_value SET body = $1 WHERE record || '/' || CAST(part AS TEXT) = $2",
        ),
        (
            "SELECT CAST(level AS TEXT) || '/' || CAST(tile AS TEXT) AS k, hashes AS b FROM log_tile",
            "UPDATE log_tile SET hashes = $1 WHERE CAST(level AS TEXT) || '/' || CAST(tile AS TEXT) = $2",
        ),
    ] {
        let is_text = put.starts_with("UPDATE ledger_record");
        for row in db.all(rows, args![]).await.unwrap() {
            let key = &row.get::<String>("k").unwrap();
            let bytes: Vec<u8> = if is_text { row.get::<String>("b").unwrap().into() } else { row.get("b").unwrap() };
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                let changed = &changed;
                let said = db.write(|tx| async move {
                    if is_text {
                        tx.exec(put, args![String::from_utf8(changed.clone()).unwrap(), key]).await?;
                    } else {
                        tx.exec(put, args![changed.clone(), key]).await?;
                    }
                    let found = check(&tx, None).await;
                    // Nothing of this stays.
                    Err::<(), Error>(found.err().unwrap_or_else(|| Error::NotFound("what was flipped".into())))
                });
                let said = said.await.unwrap_err();
                assert!(!matches!(said, Error::NotFound(_)), "byte {at} of {key} went unseen: {put}");
                flipped += 1;
            }
        }
    }
    assert!(flipped > 1_000, "{flipped}");
    assert!(db.read(|c| async move { check(&c, None).await }).await.is_ok());
}

/// A disk that changes a byte, wherever it lies.
#[tokio::test]
async fn a_byte_that_is_flipped_in_the_file_is_said_or_leaves_the_ledger_as_it_was() {
    let (db, _, dir) = counting().await;
    if db.engine() == Engine::Postgres {
        return;
    }
    let ledger = &ledger();
    for n in 0..2 {
        add(&db, ledger, "a", json!({ "by": n })).await;
    }
    signed(&db, ledger).await;
    log::catch_up(&db).await.unwrap();
    let before = db.read(|c| async move { of_subject(&c, "counter/a").await }).await.unwrap();
    db.close().await;
    let whole = std::fs::read(dir.path().join("stoa.db")).unwrap();
    // Everywhere a little, and closely where the records lie.
    let mut places: Vec<usize> = (0..whole.len()).step_by(1_021).collect();
    let record = b"counter/a";
    let near = whole.windows(record.len()).enumerate().filter(|(_, w)| w == record).map(|(at, _)| at);
    places.extend(near.flat_map(|at| at.saturating_sub(60)..whole.len().min(at + 40)));
    let (mut said, mut same) = (0, 0);
    for (n, at) in places.into_iter().enumerate() {
        let folder = dir.path().join(n.to_string());
        std::fs::create_dir(&folder).unwrap();
        let mut broken = whole.clone();
        broken[at] ^= 1;
        std::fs::write(folder.join("stoa.db"), broken).unwrap();
        let url = format!("sqlite://{}", folder.join("stoa.db").display());
        let clock = crate::Clock::seeded(crate::Instant::parse(crate::testing::MONDAY).unwrap(), 1);
        let read = async {
            let db = Db::open_read_only(&url, clock).await?;
            let found = db
                .read(|c| async move {
                    let found: String = c.one("PRAGMA integrity_check(1)", args![]).await?.get("integrity_check")?;
                    if found != "ok" {
                        return Err(Error::Conflict(found));
                    }
                    check(&c, None).await?;
                    of_subject(&c, "counter/a").await
                })
                .await;
            db.close().await;
            found
        };
        match read.await {
            Ok(records) => {
                assert_eq!(records, before, "byte {at} went unseen");
                same += 1;
            }
            Err(_) => said += 1,
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
    assert!(said > 100 && same > 100, "{said} said, {same} the same");
}

#[tokio::test]
async fn only_the_newest_records_are_read_when_that_is_asked_for() {
    let (db, _, _dir) = counting().await;
    let ledger = &ledger();
    for n in 0..600 {
        add(&db, ledger, "a", json!({ "by": n })).await;
    }
    log::catch_up(&db).await.unwrap();
    unguarded(&db).await;
    db.write(|tx| async move {
        let sql = "UPDATE ledger_record SET body = replace(body, 'added', 'addee') WHERE version = 10";
        tx.exec(sql, args![]).await
    })
    .await
    .unwrap();
    let sound = db.read(|c| async move { check(&c, Some(500)).await }).await.unwrap();
    assert_eq!(sound, Sound { size: 600, read: 500 });
    assert!(db.read(|c| async move { check(&c, None).await }).await.is_err());
}

#[tokio::test]
async fn a_record_that_is_changed_with_its_hash_in_the_lowest_tile_is_found_by_the_tile_above() {
    let (db, _, _dir) = counting().await;
    let ledger = &ledger();
    let rows = &(0..300).collect::<Vec<_>>();
    db.write_each(rows, |tx, by| async move { ledger.append(&tx, entry("a", "added", json!({ "by": by }))).await })
        .await
        .unwrap();
    signed(&db, ledger).await;
    assert_eq!(db.read(|c| async move { check(&c, None).await }).await.unwrap(), Sound { size: 300, read: 300 });
    unguarded(&db).await;
    db.write(|tx| async move {
        tx.exec("UPDATE ledger_record SET body = replace(body, 'added', 'addee') WHERE version = 10", args![]).await?;
        let row = tx.one("SELECT body FROM ledger_record WHERE version = 10", args![]).await?;
        let hash = merkle::leaf_hash(row.get::<String>("body")?.as_bytes());
        let row = tx.one("SELECT hashes FROM log_tile WHERE level = 0 AND tile = 0", args![]).await?;
        let mut hashes: Vec<u8> = row.get("hashes")?;
        hashes[9 * 32..10 * 32].copy_from_slice(&hash);
        tx.exec("UPDATE log_tile SET hashes = $1 WHERE level = 0 AND tile = 0", args![hashes]).await
    })
    .await
    .unwrap();
    let said = db.read(|c| async move { check(&c, None).await }).await.unwrap_err().to_string();
    assert!(said.contains("the log's tile 0/0 is not the one that the tile 1/0"), "{said}");
}

#[tokio::test]
async fn values_that_are_gone_need_a_tombstone_that_names_them_and_came_after_them() {
    let (db, _, _dir) = counting().await;
    db.seal_with(Master::new([9; 32]));
    let ledger = &ledger();
    let first = add(&db, ledger, "a", json!({ "by": 1, "person": "p-ana" })).await;
    add(&db, ledger, "b", json!({ "by": 2, "person": "p-bob", "approver": "person/p-ana" })).await;
    let subjects = &BTreeMap::from([("counter/a".to_owned(), None)]);
    db.write(|tx| async move { ledger.erase(&tx, subjects, "person/p-dpo", "she asked").await }).await.unwrap();
    // She is back.
    let again = add(&db, ledger, "a", json!({ "by": 3, "person": "p-ana" })).await;
    signed(&db, ledger).await;
    let sound = || async { db.read(|c| async move { check(&c, None).await }).await };
    assert_eq!(sound().await.unwrap().size, 4);
    let of = |subject: &str| {
        format!("record IN (SELECT id FROM ledger_record WHERE subject LIKE '{subject}%' AND version = 2)")
    };
    let one = |subject: &str| of(subject).replace("version = 2", "version = 1");
    for (wiped, says) in [
        (one("counter/b"), "about counter/b are gone"),
        (one("counter/b") + " AND part = 1", "about counter/b are gone"),
        (of("counter/a"), "about counter/a are gone"),
        // Without what the tombstone names nobody was erased.
        (one("erasure/"), "about counter/a are gone"),
    ] {
        let wiped = &wiped;
        let said = db.write(|tx| async move {
            // The guards are in place.
            let sql = format!("UPDATE ledger_value SET body = NULL, erased = 1 WHERE {wiped}");
            assert!(tx.exec(sqlx::AssertSqlSafe(sql), args![]).await? > 0);
            let found = check(&tx, None).await;
            Err::<(), Error>(found.err().unwrap_or_else(|| Error::NotFound("what was wiped".into())))
        });
        let said = said.await.unwrap_err().to_string();
        assert!(said.contains(says) && said.contains("no record of an erasure names it"), "{wiped}: {said}");
    }
    // A key that is destroyed takes its values with it.
    let said = db.write(|tx| async move {
        tx.exec("UPDATE ledger_key SET wrapped = NULL, destroyed = 1 WHERE person = 'p-bob'", args![]).await?;
        Err::<(), Error>(check(&tx, None).await.unwrap_err())
    });
    assert!(said.await.unwrap_err().to_string().contains("about counter/b are gone"));
    let (first, again) = (&first, &again);
    db.read(|c| async move {
        let tombstones = Tombstones::read(&c).await?;
        let gone = tombstones.opened(&kept_of(&c, first).await)?;
        assert!(gone.is_erased());
        assert_eq!(tombstones.opened(&kept_of(&c, again).await)?, *again);
        let mut wiped = kept_of(&c, again).await;
        wiped.opened.clear();
        let said = tombstones.opened(&wiped).unwrap_err().to_string();
        assert!(said.contains("about counter/a has lost its actor"), "{said}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_a_restore_erased_again_gets_its_tombstone_with_the_rebuild_once() {
    let (db, _, _dir) = counting().await;
    let ledger = &ledger();
    for subject in ["a", "b"] {
        add(&db, ledger, subject, json!({ "by": 1, "person": "p-ana" })).await;
    }
    let subjects = &BTreeMap::from([("counter/b".to_owned(), None)]);
    db.write(|tx| async move { ledger.erase(&tx, subjects, "operator", "she asked").await }).await.unwrap();
    // The keys file says that both were erased; the backup knew that of one.
    db.write(|tx| async move {
        let due = json!({ "people": [], "subjects": ["counter/a", "counter/b"] }).to_string();
        crate::meta::put(&tx, "restore.erase", &due).await?;
        tx.exec(
            "UPDATE ledger_value SET body = NULL, erased = 1 WHERE erased IS NULL AND part = 0 AND person = 'p-ana'",
            args![],
        )
        .await
    })
    .await
    .unwrap();
    for _ in 0..2 {
        ledger.rebuild(&db).await.unwrap();
        assert_eq!(counted(&db).await, []);
        let tombstones = db.read(|c| async move { of_kind(&c, "erasure").await }).await.unwrap();
        let named: Vec<&Json> = tombstones.iter().map(|tombstone| &tombstone.data["subjects"]).collect();
        assert!(named.len() == 2 && named.contains(&&json!(["counter/a"])), "{named:?}");
    }
    signed(&db, ledger).await;
    assert_eq!(db.read(|c| async move { check(&c, None).await }).await.unwrap().size, 4);
}

#[tokio::test]
async fn every_checkpoint_is_held_against_the_log_and_one_that_was_put_outside_stays() {
    let (db, _, _dir) = counting().await;
    let ledger = &ledger();
    for n in 0..3 {
        add(&db, ledger, "a", json!({ "by": n })).await;
        signed(&db, ledger).await;
    }
    let sizes: Vec<u64> =
        db.read(|c| async move { checkpoint::all(&c).await }).await.unwrap().iter().map(|signed| signed.size).collect();
    assert_eq!(sizes, [1, 3, 4]);
    db.write(|tx| async move { checkpoint::anchored(&tx, 4, "mail:auditor@example.org", None).await }).await.unwrap();
    assert!(db.read(|c| async move { check(&c, None).await }).await.is_ok());
    unguarded(&db).await;
    for (changed, says) in [
        (
            "UPDATE log_checkpoint SET note = replace(note, 'example', 'exempla') WHERE size = 1",
            "of 1 leaves was changed",
        ),
        ("UPDATE log_checkpoint SET size = 2 WHERE size = 3", "of 2 leaves, stored on"),
        (
            "UPDATE log_checkpoint SET note = (SELECT note FROM log_checkpoint WHERE size = 1) WHERE size = 3",
            "of 3 leaves, stored on",
        ),
        // Each names the one before it.
        ("DELETE FROM log_checkpoint WHERE size = 1", "the checkpoint before that of 3 leaves is gone from the store"),
        ("DELETE FROM log_checkpoint WHERE size = 3", "the checkpoint before that of 4 leaves is gone from the store"),
        (
            "DELETE FROM log_checkpoint WHERE size = 4",
            "of 4 leaves, which was put outside (mail:auditor@example.org), is gone",
        ),
        ("DELETE FROM log_checkpoint", "is gone from the store"),
    ] {
        let said = db.write(|tx| async move {
            tx.exec(changed, args![]).await?;
            let found = match checkpoint::all_hold(&tx).await {
                Ok(()) => check(&tx, Some(1)).await.map(|_| ()),
                found => found,
            };
            assert!(check(&tx, Some(1)).await.is_err(), "{changed}");
            if changed.starts_with("DELETE") {
                let signer = note::Signer::new("example.org/log", [1; 32])?;
                assert!(checkpoint::make(&tx, ledger, &signer).await.is_err(), "nothing is signed");
            }
            Err::<(), Error>(found.err().unwrap_or_else(|| Error::NotFound("what was changed".into())))
        });
        let said = said.await.unwrap_err().to_string();
        assert!(said.contains(says), "{changed}: {said}");
    }
}

#[tokio::test]
async fn a_log_that_lost_a_leaf_or_the_record_of_one_is_not_complete() {
    let (db, _, _dir) = counting().await;
    let ledger = &ledger();
    for n in 0..3 {
        add(&db, ledger, "a", json!({ "by": n })).await;
    }
    log::catch_up(&db).await.unwrap();
    // What is not in the log yet is nothing that was lost.
    add(&db, ledger, "a", json!({ "by": 3 })).await;
    db.read(|c| async move { complete(&c).await }).await.unwrap();
    unguarded(&db).await;
    for (lost, says) in [
        ("DELETE FROM ledger_record WHERE version = 3", "which came into the log, is gone"),
        ("DELETE FROM log_leaf WHERE leaf = 1", "the log has 3 leaves, and the store knows the records of 2"),
    ] {
        let said = db.write(|tx| async move {
            tx.exec(lost, args![]).await?;
            Err::<(), Error>(complete(&tx).await.unwrap_err())
        });
        let said = said.await.unwrap_err().to_string();
        assert!(said.contains(says), "{lost}: {said}");
    }
}
