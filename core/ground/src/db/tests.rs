use super::Engine;
use crate::testing::{store, store_at};
use crate::{Error, args};

async fn table(db: &super::Db) {
    let sql = match db.engine() {
        Engine::Sqlite => "CREATE TABLE t (k TEXT PRIMARY KEY, n BIGINT, x DOUBLE, b BLOB)",
        Engine::Postgres => "CREATE TABLE t (k TEXT PRIMARY KEY, n BIGINT, x DOUBLE PRECISION, b BYTEA)",
    };
    db.write(|tx| async move { tx.exec(sql, args![]).await }).await.unwrap();
}

#[tokio::test]
async fn values_of_every_type_come_back_as_they_went_in() {
    let (db, _dir) = store().await;
    table(&db).await;
    db.write(|tx| async move {
        tx.exec("INSERT INTO t VALUES ($1, $2, $3, $4)", args!["é", 7, 0.5, vec![0u8, 255]]).await?;
        tx.exec("INSERT INTO t VALUES ($1, $2, $3, $4)", args!["null", None::<i64>, None::<f64>, None::<Vec<u8>>]).await
    })
    .await
    .unwrap();
    let rows = db.all("SELECT * FROM t ORDER BY k DESC", args![]).await.unwrap();
    assert_eq!(rows[0].get::<String>("k").unwrap(), "é");
    assert_eq!(rows[0].get::<i64>("n").unwrap(), 7);
    assert_eq!(rows[0].get::<Option<f64>>("x").unwrap(), Some(0.5));
    assert_eq!(rows[0].get::<Vec<u8>>("b").unwrap(), [0, 255]);
    assert_eq!(rows[1].get::<Option<i64>>("n").unwrap(), None);
    assert!(rows[1].get::<Option<Vec<u8>>>("b").unwrap().is_none());
}

#[tokio::test]
async fn a_failed_write_rolls_back_alone_while_others_commit_with_it() {
    let (db, _dir) = store().await;
    table(&db).await;
    let (db, many) = (&db, 200);
    let writes = (0..many).map(|n| async move {
        db.write(|tx| async move {
            tx.exec("INSERT INTO t (k, n) VALUES ($1, $2)", args![format!("{n:03}"), n]).await?;
            if n % 2 == 1 { Err(Error::invalid("odd")) } else { Ok(n) }
        })
        .await
    });
    let results = futures_util::future::join_all(writes).await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 100);
    let row = db.opt("SELECT COUNT(*) AS c, CAST(SUM(n % 2) AS BIGINT) AS odd FROM t", args![]).await.unwrap().unwrap();
    assert_eq!((row.get::<i64>("c").unwrap(), row.get::<i64>("odd").unwrap()), (100, 0));
}

#[tokio::test]
async fn what_fails_is_undone_whatever_its_size_and_whether_it_was_the_first() {
    let (db, _dir) = store().await;
    table(&db).await;
    let db = &db;
    // More than a megabyte each, which must be undone on rows that others changed before.
    let writes = (0..6).map(|n| async move {
        db.write_by_key(|tx| async move {
            for row in 0..300 {
                let sql = "INSERT INTO t (k, n, b) VALUES ($1, $2, $3) ON CONFLICT (k) DO UPDATE SET n = excluded.n";
                let key = if row < 10 { format!("{row}") } else { format!("{n}-{row}") };
                tx.exec(sql, args![key, n, vec![0u8; 4000]]).await?;
            }
            if n % 2 == 0 { Err(Error::invalid("even")) } else { Ok(n) }
        })
        .await
    });
    let results = futures_util::future::join_all(writes).await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 3, "{results:?}");
    let sql = "SELECT COUNT(*) AS c, CAST(SUM(CASE WHEN n % 2 = 0 THEN 1 ELSE 0 END) AS BIGINT) AS even FROM t";
    let row = db.opt(sql, args![]).await.unwrap().unwrap();
    assert_eq!((row.get::<i64>("c").unwrap(), row.get::<i64>("even").unwrap()), (10 + 3 * 290, 0));
}

#[tokio::test]
async fn the_log_of_what_is_committed_does_not_grow_for_ever() {
    let (db, dir) = store().await;
    if db.engine() == Engine::Postgres {
        return;
    }
    table(&db).await;
    // 160 MiB, of which the log keeps 128 MiB at most, and the last of a commit.
    for n in 0..40 {
        db.write(|tx| async move {
            for row in 0..1_000 {
                let sql = "INSERT INTO t (k, n, b) VALUES ($1, $2, $3) ON CONFLICT (k) DO UPDATE SET n = $2, b = $3";
                tx.exec(sql, args![format!("{row}"), n, vec![0u8; 4_000]]).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    }
    let log = std::fs::metadata(dir.path().join("stoa.db-wal")).unwrap().len();
    assert!(log < 140 << 20, "{} MiB", log >> 20);
    let row = db.opt("SELECT COUNT(*) AS c, MIN(n) AS least FROM t", args![]).await.unwrap().unwrap();
    assert_eq!((row.get::<i64>("c").unwrap(), row.get::<i64>("least").unwrap()), (1_000, 39));
}

#[tokio::test]
async fn a_caller_that_goes_away_in_the_middle_leaves_nothing_and_blocks_nobody() {
    let (db, _dir) = store().await;
    table(&db).await;
    // Dropped after every possible number of steps: during BEGIN, SAVEPOINT, the statement, and the wait after it.
    for steps in 0..60 {
        let gone = db.write(|tx| async move {
            tx.exec("INSERT INTO t (k) VALUES ('gone')", args![]).await?;
            std::future::pending::<()>().await;
            Ok(())
        });
        futures_util::pin_mut!(gone);
        for _ in 0..steps {
            assert!(futures_util::poll!(gone.as_mut()).is_pending());
            std::thread::yield_now();
        }
    }
    for steps in 0..60 {
        let gone = db.read(|c| async move {
            c.all("SELECT k FROM t", args![]).await?;
            std::future::pending::<()>().await;
            Ok(())
        });
        futures_util::pin_mut!(gone);
        for _ in 0..steps {
            assert!(futures_util::poll!(gone.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
    }
    db.write(|tx| async move { tx.exec("INSERT INTO t (k) VALUES ('stays')", args![]).await }).await.unwrap();
    let rows = db.all("SELECT k FROM t", args![]).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<String>("k").unwrap(), "stays");
}

#[tokio::test]
async fn a_write_that_fails_or_goes_away_keeps_no_other_process_from_writing() {
    let (db, url, _dir) = store_at().await;
    table(&db).await;
    let other = super::Db::open(&url, db.clock().clone()).await.unwrap();
    let insert = "INSERT INTO t (k) VALUES ($1)";
    {
        let gone = db.write(|tx| async move {
            tx.exec(insert, args!["gone"]).await?;
            std::future::pending::<()>().await;
            Ok(())
        });
        futures_util::pin_mut!(gone);
        assert!(futures_util::poll!(gone.as_mut()).is_pending());
    }
    other.write(|tx| async move { tx.exec(insert, args!["after one that went away"]).await }).await.unwrap();
    let failed = db.write(|tx| async move {
        tx.exec(insert, args!["failed"]).await?;
        Err::<(), _>(Error::invalid("no"))
    });
    failed.await.unwrap_err();
    other.write(|tx| async move { tx.exec(insert, args!["after one that failed"]).await }).await.unwrap();
    let rows = db.all("SELECT k FROM t ORDER BY k", args![]).await.unwrap();
    let keys: Vec<String> = rows.iter().map(|r| r.get("k").unwrap()).collect();
    assert_eq!(keys, ["after one that failed", "after one that went away"]);
}

#[tokio::test]
async fn a_reader_that_goes_away_at_any_moment_leaves_no_old_snapshot_to_the_next() {
    let (db, _dir) = store().await;
    table(&db).await;
    let count = async || -> i64 {
        let row = db.read(|c| async move { c.one("SELECT COUNT(*) AS n FROM t", args![]).await }).await.unwrap();
        let alone = db.opt("SELECT COUNT(*) AS n FROM t", args![]).await.unwrap().unwrap();
        assert_eq!(row.get::<i64>("n").unwrap(), alone.get::<i64>("n").unwrap());
        row.get("n").unwrap()
    };
    for patience in 0..120 {
        {
            let reading = db.read(|c| async move {
                c.all("SELECT * FROM t", args![]).await?;
                c.all("SELECT * FROM t", args![]).await
            });
            let mut reading = std::pin::pin!(reading);
            for _ in 0..patience {
                if futures_util::poll!(&mut reading).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        db.write(|tx| async move { tx.exec("INSERT INTO t (k) VALUES ($1)", args![patience.to_string()]).await })
            .await
            .unwrap();
        for _ in 0..6 {
            assert_eq!(count().await, patience + 1, "after a reader went away at its poll {patience}");
        }
    }
}

#[tokio::test]
async fn a_transaction_cannot_be_used_after_its_end() {
    let (db, _dir) = store().await;
    table(&db).await;
    let kept = db.write(|tx| async move { Ok(tx.clone()) }).await.unwrap();
    assert!(kept.exec("INSERT INTO t (k) VALUES ('late')", args![]).await.is_err());
}

#[tokio::test]
async fn the_change_feed_gives_positions_in_commit_order_and_wakes_its_readers() {
    let (db, _dir) = store().await;
    let mut watch = db.watch();
    watch.mark_unchanged();
    let dbr = &db;
    futures_util::future::join_all((0..20).map(|n| async move {
        dbr.write(|tx| async move { tx.publish("thing", &n.to_string()).await }).await.unwrap();
    }))
    .await;
    assert!(watch.has_changed().unwrap());
    let all = db.changes(0, 100).await.unwrap();
    assert_eq!(all.iter().map(|c| c.position).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    assert_eq!(db.changes(18, 100).await.unwrap().len(), 2);
}

#[tokio::test]
async fn readers_cannot_write_and_a_newer_store_is_refused() {
    let (db, url, _dir) = crate::testing::store_at().await;
    let inside = db.read(|c| async move { c.all("INSERT INTO meta VALUES ('a', 'b')", args![]).await });
    assert!(inside.await.is_err());
    assert!(db.all("INSERT INTO meta VALUES ('a', 'b')", args![]).await.is_err());
    db.write(|tx| async move { tx.exec("INSERT INTO schema_migration VALUES (9999, 'future', 0)", args![]).await })
        .await
        .unwrap();
    db.close().await;
    let again = super::Db::open(&url, crate::Clock::system()).await;
    assert!(matches!(again, Err(Error::NewerSchema { found: 9999, .. })));
}

/// Tables with their columns (name, type, whether NULL is allowed), and indexes with their columns.
async fn shape(db: &super::Db) -> Vec<String> {
    let text = |row: &crate::Row, name: &str| row.get::<String>(name).unwrap();
    let columns = match db.engine() {
        Engine::Sqlite => {
            "SELECT m.name AS t, c.name AS c, CASE c.type WHEN 'INTEGER' THEN 'BIGINT' ELSE c.type END AS k,
             CASE WHEN c.\"notnull\" = 1 THEN 'must' ELSE 'may' END AS n
             FROM sqlite_master m JOIN pragma_table_info(m.name) c
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'schema_migration'"
        }
        Engine::Postgres => {
            "SELECT table_name::TEXT AS t, column_name::TEXT AS c,
             CASE data_type WHEN 'bigint' THEN 'BIGINT' WHEN 'text' THEN 'TEXT' WHEN 'bytea' THEN 'BLOB'
               WHEN 'double precision' THEN 'DOUBLE' ELSE data_type::TEXT END AS k,
             CASE is_nullable WHEN 'NO' THEN 'must' ELSE 'may' END AS n
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_migration'
             AND (data_type <> 'text' OR collation_name = 'C')"
        }
    };
    let indexes = match db.engine() {
        Engine::Sqlite => {
            "SELECT m.tbl_name AS t, m.name AS c, group_concat(i.name, ' ') AS k FROM sqlite_master m
             JOIN pragma_index_info(m.name) i WHERE m.type = 'index' AND m.sql IS NOT NULL GROUP BY m.tbl_name, m.name"
        }
        Engine::Postgres => {
            "SELECT tablename::TEXT AS t, i.indexname::TEXT AS c,
             (SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_attribute a
              WHERE a.attrelid = (quote_ident(i.indexname))::regclass) AS k
             FROM pg_indexes i WHERE schemaname = 'public'
             AND NOT EXISTS (SELECT 1 FROM pg_constraint p WHERE p.conname = i.indexname)"
        }
    };
    let mut all = Vec::new();
    for row in db.all(columns, args![]).await.unwrap() {
        all.push(format!("{}.{} {} {}", text(&row, "t"), text(&row, "c"), text(&row, "k"), text(&row, "n")));
    }
    for row in db.all(indexes, args![]).await.unwrap() {
        all.push(format!("index {}.{} ({})", text(&row, "t"), text(&row, "c"), text(&row, "k")));
    }
    all.sort();
    all
}

#[tokio::test]
async fn both_engines_have_the_same_schema() {
    let (db, dir) = store().await;
    let mine = shape(&db).await;
    assert!(mine.len() > 200, "{mine:?}");
    let url = format!("sqlite://{}", dir.path().join("other.db").display());
    let sqlite = super::Db::open(&url, crate::Clock::system()).await.unwrap();
    pretty_equal(&mine, &shape(&sqlite).await);
}

fn pretty_equal(a: &[String], b: &[String]) {
    let only = |x: &[String], y: &[String]| x.iter().filter(|l| !y.contains(l)).cloned().collect::<Vec<_>>();
    assert_eq!(only(a, b), only(b, a), "left: only on this engine; right: only on SQLite");
}

/// Two transactions overlap, and the one that published first commits last. Its change comes last, and nobody who reads
/// the feed misses it.
#[tokio::test]
async fn a_change_that_is_committed_late_comes_late_in_the_feed() {
    let (db, url, _dir) = crate::testing::store_at().await;
    if db.engine() == Engine::Sqlite {
        // One writer: transactions do not overlap.
        return;
    }
    let other = super::Db::open(&url, crate::Clock::system()).await.unwrap();
    let (published, commit) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let (published, commit) = (&published, &commit);
    let late = db.write(|tx| async move {
        let provisional = tx.publish("thing", "late").await?;
        published.notify_one();
        commit.notified().await;
        Ok(provisional)
    });
    let early = async {
        published.notified().await;
        other.write(|tx| async move { tx.publish("thing", "early").await }).await.unwrap();
        let seen = db.changes(0, 10).await.unwrap();
        assert_eq!(seen.iter().map(|c| c.key.as_str()).collect::<Vec<_>>(), ["early"]);
        commit.notify_one();
        seen[0].position
    };
    let (late, early) = futures_util::join!(late, early);
    assert!(late.unwrap() < 0, "no position is known before the commit");
    let rest = other.changes(early, 10).await.unwrap();
    assert_eq!(rest.iter().map(|c| (c.position, c.key.as_str())).collect::<Vec<_>>(), [(early + 1, "late")]);
}

/// Two replicas add to the same number; each reads it first. Without isolation some would be lost.
#[tokio::test]
async fn writes_of_two_replicas_do_not_lose_each_others_work() {
    let (db, url, _dir) = crate::testing::store_at().await;
    let other = match db.engine() {
        Engine::Sqlite => db.clone(),
        Engine::Postgres => super::Db::open(&url, crate::Clock::system()).await.unwrap(),
    };
    db.write(|tx| async move { tx.exec("INSERT INTO meta (name, value) VALUES ('n', '0')", args![]).await })
        .await
        .unwrap();
    let add = |db: super::Db| async move {
        for _ in 0..20 {
            db.write(|tx| async move {
                let n: String = tx.one("SELECT value FROM meta WHERE name = 'n'", args![]).await?.get("value")?;
                let next = n.parse::<i64>().unwrap() + 1;
                tx.exec("UPDATE meta SET value = $1 WHERE name = 'n'", args![next.to_string()]).await
            })
            .await
            .unwrap();
        }
    };
    futures_util::join!(add(db.clone()), add(other));
    let n = db.opt("SELECT value FROM meta WHERE name = 'n'", args![]).await.unwrap().unwrap();
    assert_eq!(n.get::<String>("value").unwrap(), "40");
}

#[tokio::test]
async fn a_write_that_went_on_after_a_failed_statement_is_not_half_committed() {
    let (db, _dir) = store().await;
    let write = db.write(|tx| async move {
        tx.exec("INSERT INTO meta (name, value) VALUES ('a', '1')", args![]).await?;
        let failed = tx.exec("INSERT INTO nowhere VALUES (1)", args![]).await;
        assert!(failed.is_err());
        Ok(())
    });
    let said = write.await;
    let row = db.opt("SELECT value FROM meta WHERE name = 'a'", args![]).await.unwrap();
    assert_eq!(said.is_ok(), row.is_some(), "what was said to be written is there, and nothing else");
}

/// One row in every table that this schema has: each text `k`, each number 1.
async fn one_row_each(db: &super::Db) -> Vec<(&'static str, Vec<(String, super::Kind)>)> {
    let mut filled = Vec::new();
    for (table, _) in super::TABLES {
        let columns = db.read(|c| async move { super::tables::columns(&c, table).await }).await.unwrap();
        if columns.is_empty() {
            continue;
        }
        let row: Vec<super::Value> = columns
            .iter()
            .map(|(_, kind)| match kind {
                super::Kind::Text => super::Value::Text(Some("k".into())),
                super::Kind::Int => super::Value::Int(Some(1)),
                super::Kind::Real => super::Value::Real(Some(0.5)),
                super::Kind::Bytes => super::Value::Bytes(Some(vec![0, 255])),
            })
            .collect();
        let (row, columns_of) = (&[row], &columns);
        db.write_by_key(|tx| async move { super::tables::load(&tx, table, columns_of, row).await }).await.unwrap();
        filled.push((*table, columns));
    }
    filled
}

#[tokio::test]
async fn a_store_of_every_earlier_schema_is_brought_up_to_date_with_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    for schema in 1..super::known_schema() {
        let url = match crate::testing::engine() {
            Engine::Sqlite => format!("sqlite://{}", dir.path().join(format!("{schema}.db")).display()),
            Engine::Postgres => crate::testing::empty_database().await,
        };
        let clock = crate::Clock::seeded(crate::Instant(0), 1);
        let old = super::Db::open_as(&url, clock.clone(), super::Opening::of_schema(schema)).await.unwrap();
        let filled = one_row_each(&old).await;
        assert!(filled.len() >= 8, "schema {schema}");
        old.close().await;
        assert!(
            super::Db::open_read_only(&url, clock.clone()).await.err().unwrap().to_string().contains("stoa migrate")
        );
        let db = super::Db::open(&url, clock).await.unwrap();
        assert_eq!(db.schema_version().await.unwrap(), super::known_schema());
        for (table, columns) in filled {
            let mut rows = Vec::new();
            let (kept, columns) = (&mut rows, &columns);
            db.read(|c| async move {
                super::tables::each(&c, table, columns, |row| {
                    kept.push(row);
                    Ok(())
                })
                .await
            })
            .await
            .unwrap();
            assert_eq!(rows.len(), 1, "{table}, from schema {schema}");
            for (value, (column, kind)) in rows[0].iter().zip(columns) {
                assert_ne!(*value, kind.null(), "{table}.{column}, from schema {schema}");
            }
        }
        // And it works: the feed goes on behind what was there.
        db.write(|tx| async move { tx.publish("thing", "new").await }).await.unwrap();
        let news = db.changes(1, 10).await.unwrap();
        assert_eq!(news.iter().map(|c| c.key.as_str()).collect::<Vec<_>>(), ["new"], "from schema {schema}");
        crate::testing::hire(&db, "Ana", |_| {}).await;
    }
}

#[tokio::test]
async fn a_migration_may_take_longer_than_a_statement_of_the_server() {
    use sqlx::Connection as _;
    if crate::testing::engine() == Engine::Sqlite {
        // There statements have no time limit.
        return;
    }
    let limits = "current_setting('lock_timeout') || ' ' || current_setting('statement_timeout')";
    let url = crate::testing::empty_database().await;
    let mut conn = sqlx::AnyConnection::connect(&url).await.unwrap();
    for sql in [
        "CREATE TABLE seen (limits TEXT)".to_owned(),
        format!(
            "CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO seen VALUES ({limits}); END $$"
        ),
        "CREATE EVENT TRIGGER look ON ddl_command_end EXECUTE FUNCTION look()".to_owned(),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    }
    conn.close().await.unwrap();
    let db = super::Db::open(&url, crate::Clock::seeded(crate::Instant(0), 1)).await.unwrap();
    let seen = db.all("SELECT DISTINCT limits FROM seen", args![]).await.unwrap();
    assert_eq!(seen.iter().map(|r| r.get::<String>("limits").unwrap()).collect::<Vec<_>>(), ["0 0"]);
    let ask = &format!("SELECT {limits} AS limits");
    let after =
        db.write(|tx| async move { tx.one(sqlx::AssertSqlSafe(ask.as_str()), args![]).await?.get::<String>("limits") });
    assert_eq!(after.await.unwrap(), "5s 1min".to_owned());
}
