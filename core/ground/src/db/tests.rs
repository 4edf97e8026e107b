use crate::testing::store;
use crate::{Error, args};

async fn table(db: &super::Db) {
    db.write(
        |tx| async move { tx.exec("CREATE TABLE t (k TEXT PRIMARY KEY, n BIGINT, x DOUBLE, b BLOB)", args![]).await },
    )
    .await
    .unwrap();
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
    let row = db.opt("SELECT COUNT(*) AS c, SUM(n % 2) AS odd FROM t", args![]).await.unwrap().unwrap();
    assert_eq!((row.get::<i64>("c").unwrap(), row.get::<i64>("odd").unwrap()), (100, 0));
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
    let (db, dir) = store().await;
    assert!(db.all("INSERT INTO meta VALUES ('a', 'b')", args![]).await.is_err());
    db.write(|tx| async move { tx.exec("INSERT INTO schema_migration VALUES (9999, 'future', 0)", args![]).await })
        .await
        .unwrap();
    db.close().await;
    let url = format!("sqlite://{}", dir.path().join("stoa.db").display());
    let again = super::Db::open(&url, crate::Clock::system()).await;
    assert!(matches!(again, Err(Error::NewerSchema { found: 9999, .. })));
}
