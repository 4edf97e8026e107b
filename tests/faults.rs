//! Servers that hang, lose their database, or cannot write: nothing is lost, nothing happens twice, and who must know is
//! told in a sentence. The long form is the one of `tests/crash.rs`.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use stoa_ground::clock::monotonic;
use stoa_ground::{Clock, Db, args, testing};
use stoa_tests::{Disk, Frozen, MailServer, Server, Setup, World, status_of, stoa};

const STOA: &str = env!("CARGO_BIN_EXE_stoa");

/// Whether this is the long form.
fn long() -> bool {
    std::env::var("STOA_TEST_KILLS").ok().and_then(|k| k.parse::<u64>().ok()).is_some_and(|kills| kills >= 10)
}

fn sqlite() -> Setup {
    Setup { stoa: STOA, replicas: 1, ..Setup::default() }
}

/// Two servers on a PostgreSQL database of their own; none where no server runs, which is said.
async fn postgres(lease: &'static str) -> Option<Setup> {
    if !testing::has_server() {
        println!("NOT RUN: STOA_TEST_POSTGRES names no server; run this with tests/postgres");
        return None;
    }
    let database = Some(testing::empty_database().await);
    Some(Setup { stoa: STOA, database, replicas: 2, lease: Some(lease), ..Setup::default() })
}

/// Seconds as a pause.
async fn seconds(n: f64) {
    tokio::time::sleep(Duration::from_secs_f64(n)).await;
}

/// A server stops in the middle of its work for longer than its leases, comes back, and goes on where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_hangs_and_comes_back_does_no_harm() -> Result<()> {
    let (lease, hang, times) = if long() { ("20s", 60.0, 5) } else { ("5s", 7.0, 2) };
    let Some(setup) = postgres(lease).await else { return Ok(()) };
    let mut world = World::new(setup).await?;
    world.start().await?;
    let clients = world.load();
    for n in 0..times {
        let (hung, well) = (n % 2, (n + 1) % 2);
        world.more(60).await?;
        world.replicas[hung].signal("STOP")?;
        seconds(0.3).await;
        world.reachable(&[well]);
        let stopped = monotonic();
        world.more(100).await.context("the other one works on")?;
        println!("the other one acknowledged 100 events in {:.1} s", stopped.elapsed().as_secs_f64());
        // Enough to do is there; more would only have to be waited for in the end.
        world.pause(true);
        seconds(hang).await;
        world.pause(false);
        world.replicas[hung].signal("CONT")?;
        world.reachable(&[0, 1]);
    }
    world.more(50).await?;
    world.rest(clients).await?;
    world.count(&format!("{times} times {hang} s hung")).await?;
    world.stop()
}

/// The sessions of a server are ended again and again, while it works.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_loses_its_sessions_again_and_again_does_no_harm() -> Result<()> {
    let Some(setup) = postgres("5s").await else { return Ok(()) };
    let mut world = World::new(setup).await?;
    world.start().await?;
    let database = testing::database_of(&world.database).to_owned();
    let (clients, times) = (world.load(), if long() { 100 } else { 12 });
    for n in 0..times {
        world.more(25).await?;
        testing::administer(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = '{database}' AND application_name = 'replica{}'",
            n % 2
        ))
        .await;
    }
    world.more(50).await?;
    world.rest(clients).await?;
    world.count(&format!("{times} times without sessions")).await?;
    world.stop()
}

/// The database takes no connections for a while.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_refuses_connections_stops_the_acknowledgements_and_nothing_else() -> Result<()> {
    let Some(setup) = postgres("5s").await else { return Ok(()) };
    let mut world = World::new(setup).await?;
    world.start().await?;
    let database = testing::database_of(&world.database).to_owned();
    let clients = world.load();
    world.more(60).await?;
    testing::administer(&format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false")).await;
    testing::administer(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
    ))
    .await;
    seconds(1.0).await;
    let (acknowledged, refused) = (world.acknowledged(), world.refused());
    seconds(if long() { 30.0 } else { 5.0 }).await;
    ensure!(world.acknowledged() == acknowledged, "an event was acknowledged that was stored nowhere");
    ensure!(world.refused() > refused, "nobody was told to come again");
    for replica in &world.replicas {
        let status = status_of(&format!("{}/readyz", replica.url)).await?;
        ensure!(status == 503, "a server without its database says {status} when it is asked whether it is ready");
    }
    testing::administer(&format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true")).await;
    let back = monotonic();
    world.more(1).await?;
    println!("the first acknowledgement {:.1} s after the database was back", back.elapsed().as_secs_f64());
    world.more(50).await?;
    world.rest(clients).await?;
    world.count("the database refused connections").await?;
    world.stop()
}

/// The files of the store cannot be written any more, as on a disk that went read-only; later they can again.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_goes_read_only_stops_the_acknowledgements_until_it_is_back() -> Result<()> {
    let mut world = World::new(sqlite()).await?;
    world.start().await?;
    let clients = world.load();
    world.more(60).await?;
    let files: Vec<_> = ["stoa.db", "stoa.db-wal"].iter().map(|f| world.replicas[0].dir.join(f)).collect();
    let Some(frozen) = Frozen::freeze(&files) else {
        println!("NOT RUN: this process may not freeze files");
        return world.rest(clients).await;
    };
    seconds(0.5).await;
    let (acknowledged, refused) = (world.acknowledged(), world.refused());
    seconds(if long() { 20.0 } else { 3.0 }).await;
    ensure!(world.acknowledged() == acknowledged, "an event was acknowledged that was stored nowhere");
    ensure!(world.refused() > refused, "nobody was told to come again");
    drop(frozen);
    world.more(50).await.context("it goes on by itself")?;
    world.rest(clients).await?;
    world.count("the disk was read-only").await?;
    world.stop()
}

/// What a `serve` that must not start says on its way out.
fn refusal(dir: &std::path::Path, args: &[&str]) -> Result<String> {
    let out = stoa(STOA, dir, args)?;
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    ensure!(out.status.code() == Some(1), "{args:?} ended with {}: {said}", out.status);
    ensure!(said.trim().lines().count() == 1 && !said.contains("panicked"), "not one sentence: {said}");
    Ok(said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_one_sqlite_file_is_refused() -> Result<()> {
    let mut world = World::new(sqlite()).await?;
    world.start().await?;
    // Also from another folder, with data of its own.
    let elsewhere = tempfile::tempdir()?;
    let config = format!("[database]\nurl = \"{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n", world.database);
    std::fs::write(elsewhere.path().join("stoa.toml"), config)?;
    let said = refusal(elsewhere.path(), &["serve"])?;
    ensure!(said.contains("another Stoa is running on sqlite://") && said.contains("stop it first"), "{said}");
    // And through a link.
    let link = elsewhere.path().join("link.db");
    std::os::unix::fs::symlink(world.replicas[0].dir.join("stoa.db"), &link)?;
    let config = format!("[database]\nurl = \"sqlite://{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n", link.display());
    std::fs::write(elsewhere.path().join("stoa.toml"), config)?;
    let said = refusal(elsewhere.path(), &["serve"])?;
    ensure!(said.contains("another Stoa is running on sqlite://") && said.contains("link.db"), "{said}");
    world.stop()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_a_read_only_disk_says_so_and_does_not_start() -> Result<()> {
    let Some(disk) = Disk::mount("16m")? else {
        println!("NOT RUN: no disk can be mounted here");
        return Ok(());
    };
    let mut world = World::new(Setup { dir: Some(disk.path().to_owned()), ..sqlite() }).await?;
    world.start().await?;
    world.stop()?;
    disk.read_only(true)?;
    let said = refusal(disk.path(), &["serve"])?;
    ensure!(said.contains("Read-only file system"), "{said}");
    // Only the database is on the read-only disk.
    let elsewhere = tempfile::tempdir()?;
    let config = format!("[database]\nurl = \"{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n", world.database);
    std::fs::write(elsewhere.path().join("stoa.toml"), config)?;
    let said = refusal(elsewhere.path(), &["serve"])?;
    ensure!(said.contains("stoa.db") && said.contains("ead-only file system"), "{said}");
    // What is on it can be looked at and carried away.
    let config = elsewhere.path().join("stoa.toml");
    std::fs::copy(disk.path().join("stoa.toml"), &config)?;
    for args in [&["queue", "list"][..], &["backup", "carried"]] {
        stoa_tests::said(STOA, elsewhere.path(), args)?;
    }
    let (_, said) = stoa_tests::run(STOA, disk.path(), &["doctor", "--offline"])?;
    ensure!(said.contains("ok    store: ") && said.contains("the database is whole"), "{said}");
    ensure!(said.contains("wrong data: ") && said.contains("cannot be written"), "{said}");
    let saved = format!("sqlite://{}", elsewhere.path().join("saved.db").display());
    let text = std::fs::read_to_string(&config)?.replace(&world.database, &saved);
    std::fs::write(&config, text)?;
    stoa_tests::said(STOA, elsewhere.path(), &["restore", "carried", "--keys", "carried.keys"])?;
    disk.read_only(false)?;
    world.start().await?;
    world.stop()
}

/// A backup of some megabytes, and a disk on which there is room for its rows once, but not for them and their log.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_for_which_the_disk_is_too_small_says_so_and_leaves_nothing_that_looks_like_a_store() -> Result<()> {
    let Some(disk) = Disk::mount("64m")? else {
        println!("NOT RUN: no disk can be mounted here");
        return Ok(());
    };
    let dir = tempfile::tempdir()?;
    let dir = dir.path();
    let (store, target) = (dir.join("stoa.db"), disk.path().join("stoa.db"));
    let config = |url: &std::path::Path| format!("[database]\nurl = \"sqlite://{}\"\n", url.display());
    std::fs::write(dir.join("stoa.toml"), config(&store))?;
    std::fs::write(dir.join("roster.csv"), "employee_id,name,email\nE1,Mei Tanaka,mei@example.org\n")?;
    stoa_tests::said(STOA, dir, &["people", "import", "roster.csv"])?;
    let db = Db::open(&format!("sqlite://{}", store.display()), Clock::system()).await?;
    db.write(|tx| async move {
        for n in 0..1500 {
            let sql = "INSERT INTO meta (name, value) VALUES ($1, $2)";
            tx.exec(sql, args![format!("filling/{n}"), "0123456789abcdef".repeat(250)]).await?;
        }
        Ok(())
    })
    .await?;
    db.close().await;
    stoa_tests::said(STOA, dir, &["backup", "saved"])?;
    std::fs::write(dir.join("stoa.toml"), config(&target))?;
    let restore = ["restore", "saved", "--keys", "saved.keys"];
    let megabytes = std::fs::metadata(&store)?.len() / 1_000_000;
    for size in [megabytes / 2, megabytes * 3 / 2] {
        disk.resize(&format!("{size}m"))?;
        let (done, said) = stoa_tests::run(STOA, dir, &restore)?;
        ensure!(!done && !target.exists(), "on {size} of {megabytes} MB: {said}");
        ensure!(said.trim().lines().count() == 1 && said.contains("full"), "on {size} of {megabytes} MB: {said}");
    }
    disk.resize("64m")?;
    stoa_tests::said(STOA, dir, &restore)?;
    let db = Db::open_read_only(&format!("sqlite://{}", target.display()), Clock::system()).await?;
    let count = db.opt("SELECT COUNT(*) AS n FROM meta WHERE name LIKE 'filling/%'", args![]).await?;
    ensure!(count.context("a number")?.get::<i64>("n")? == 1500, "rows are missing");
    Ok(())
}

/// Somebody had their data erased after the backup that is restored, and the keys of the evidence are not at hand at first.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_served_by_a_restored_store_before_what_was_erased_since_is_erased_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    std::fs::write(
        dir.join("stoa.toml"),
        "[http]\nlisten = \"127.0.0.1:0\"\n[organisation]\niri = \"https://l.example\"\n",
    )?;
    std::fs::write(
        dir.join("roster.csv"),
        "employee_id,name,email,stoa_roles\nE1,Mei Tanaka,mei@example.org,expert\n",
    )?;
    stoa_tests::said(STOA, dir, &["people", "import", "roster.csv"])?;
    let url = format!("sqlite://{}", dir.join("stoa-data/stoa.db").display());
    let db = Db::open(&url, Clock::system()).await?;
    db.write(|tx| async move {
        let sql = "INSERT INTO outbox (key, kind, recipient, person, payload, item, step, created, due, state)
                   SELECT 'told', 'reply', 'r', id, '\"her secret\"', '', '', 1, 2, 'posted' FROM person";
        tx.exec(sql, args![]).await
    })
    .await?;
    stoa_tests::said(STOA, dir, &["backup", "before"])?;
    db.write(|tx| async move {
        tx.exec("INSERT INTO erasure (person, at) SELECT id, $1 FROM person", args![tx.now()]).await
    })
    .await?;
    db.close().await;
    stoa_tests::said(STOA, dir, &["backup", "after"])?;
    let evidence = dir.join("evidence");
    std::fs::rename(dir.join("stoa-data/evidence"), &evidence)?;
    std::fs::remove_dir_all(dir.join("stoa-data"))?;

    let restore = ["restore", "before", "--keys", "after.keys"];
    let said = refusal(dir, &restore)?;
    ensure!(said.contains("Nothing was restored") && said.contains("master.key is missing"), "{said}");
    std::fs::create_dir_all(dir.join("stoa-data/evidence"))?;
    std::fs::copy(evidence.join("master.key"), dir.join("stoa-data/evidence/master.key"))?;
    // Now it can be restored, but not opened.
    let signing = dir.join("stoa-data/evidence/signing.key");
    std::fs::copy(evidence.join("signing.key"), &signing)?;
    std::fs::set_permissions(&signing, std::fs::Permissions::from_mode(0o644))?;
    let said = refusal(dir, &restore)?;
    ensure!(said.contains("erased again at the next start") && said.contains("everybody can read"), "{said}");
    let (_, said) = stoa_tests::run(STOA, dir, &["doctor", "--offline"])?;
    ensure!(said.contains("wrong store: what was erased after the restored backup was made"), "{said}");
    let said = refusal(dir, &["serve"])?;
    ensure!(said.contains("everybody can read"), "{said}");
    std::fs::set_permissions(&signing, std::fs::Permissions::from_mode(0o600))?;
    let mut server = Server::start(STOA, dir, &["serve"])?;
    let db = Db::open_read_only(&url, Clock::system()).await?;
    let told = db.opt("SELECT payload FROM outbox WHERE key = 'told'", args![]).await?.context("the message")?;
    ensure!(told.get::<String>("payload")? == "null", "what she erased is back");
    ensure!(db.due_erasures().await?.is_empty(), "it would be erased once more");
    ensure!(server.stop()?, "the server stops gracefully");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_takes_no_keys_of_another_store_and_no_other_master_key() -> Result<()> {
    let (one, other) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let roster = "employee_id,name,email,stoa_roles\nE1,Mei Tanaka,mei@example.org,expert\n";
    for dir in [one.path(), other.path()] {
        std::fs::write(dir.join("stoa.toml"), "[organisation]\niri = \"https://l.example\"\n")?;
        std::fs::write(dir.join("roster.csv"), roster)?;
        stoa_tests::said(STOA, dir, &["people", "import", "roster.csv"])?;
        stoa_tests::said(STOA, dir, &["backup", "saved"])?;
    }
    let (dir, data) = (one.path(), one.path().join("stoa-data"));
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(data.join(format!("stoa.db{end}")));
    }
    let others = other.path().join("saved.keys").display().to_string();
    let said = refusal(dir, &["restore", "saved", "--keys", &others])?;
    ensure!(said.contains("of another store than the backup. Nothing was restored"), "{said}");
    let (master, kept) = (data.join("evidence/master.key"), dir.join("kept.key"));
    std::fs::rename(&master, &kept)?;
    std::fs::copy(other.path().join("stoa-data/evidence/master.key"), &master)?;
    let said = refusal(dir, &["restore", "saved", "--keys", "saved.keys"])?;
    ensure!(said.contains("master_key_file is not the key of the backup's store"), "{said}");
    ensure!(!data.join("stoa.db").exists(), "something was restored");
    std::fs::rename(&kept, &master)?;
    stoa_tests::said(STOA, dir, &["restore", "saved", "--keys", "saved.keys"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_version_wrote_is_listed_with_its_reason_and_can_be_tried_again_or_dropped() -> Result<()> {
    let mut world = World::new(sqlite()).await?;
    world.start().await?;
    world.stop()?;
    let db = Db::open(&world.database, Clock::system()).await?;
    db.write(|tx| async move {
        for (key, body) in [("chat/n1", r#"{"hologram": true}"#), ("chat/n2", "something else entirely")] {
            let account = r#"{"platform":"chat","workspace":"","user":"u1"}"#;
            let sql = "INSERT INTO inbox (key, account, body, received, state) VALUES ($1, $2, $3, $4, 'new')";
            tx.exec(sql, args![key, account, body, tx.now()]).await?;
        }
        Ok(())
    })
    .await?;
    db.close().await;
    world.start().await?;
    let clients = world.load();
    world.more(20).await.context("others' events are handled")?;
    world.rest(clients).await?;
    let parked = || -> Result<bool> {
        let out = stoa(STOA, &world.replicas[0].dir, &["doctor"])?;
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        Ok(said.contains("chat/n1") && said.contains("chat/n2") && said.contains("written by another version"))
    };
    for left in (0..100).rev() {
        if parked()? {
            break;
        }
        ensure!(left > 0, "doctor does not list the events: {}", world.replicas[0].log());
        seconds(0.1).await;
    }
    // Tried again by the same program, it is put aside again.
    world.run(&["queue", "retry", "chat/n1"])?;
    for left in (0..100).rev() {
        if parked()? {
            break;
        }
        ensure!(left > 0, "what was tried again in vain is not listed");
        seconds(0.1).await;
    }
    for key in ["chat/n1", "chat/n2"] {
        world.run(&["queue", "drop", key, "--reason", "nobody wants it"])?;
    }
    ensure!(!parked()?, "what was dropped is still listed");
    world.count("rows of a newer version").await?;
    world.stop()
}

/// A clock of the machine that is set an hour back between two starts.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_start_with_the_clock_set_back_nothing_waits_for_it() -> Result<()> {
    let mut world = World::new(sqlite()).await?;
    // The store has seen an hour that this machine's clock has still before it.
    let db = Db::open(&world.database, Clock::system()).await?;
    db.write(|tx| async move {
        let ahead = tx.now().plus(stoa_ground::Instant::HOUR);
        tx.publish("clock", "ahead").await?;
        tx.exec("UPDATE change SET at = $1 WHERE topic = 'clock'", args![ahead]).await
    })
    .await?;
    db.close().await;
    world.start().await?;
    let clients = world.load();
    world.more(60).await?;
    world.rest(clients).await?;
    world.count("the clock was set back").await?;
    world.stop()
}

/// A folder with one person whom only mail reaches, and something mandated for them.
fn office(dir: &std::path::Path, smtp: &str) -> Result<()> {
    let config = format!(
        "[database]\nurl = \"sqlite://{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n[organisation]\n\
         iri = \"https://learn.example.org\"\n[mail]\nsmtp_url = \"{smtp}\"\nfrom = \"Stoa <stoa@example.org>\"\n",
        dir.join("stoa.db").display()
    );
    let course = "id = \"fire\"\ntitle = \"Fire safety\"\n";
    let requirement = "[[requirement]]\nid = \"fire\"\ntitle = \"Fire safety\"\ncourse = \"fire\"\n\
                       audience = \"everyone\"\ndue = { days = 14, from = \"assigned\" }\n";
    let roster = "employee_id,name,email\nE1,Mei Tanaka,mei@example.org\n";
    std::fs::create_dir_all(dir.join("courses/fire"))?;
    for (file, text) in [
        ("stoa.toml", config.as_str()),
        ("courses/fire/course.toml", course),
        ("courses/fire/01-all.md", "# All of it\n\nLeave by the stairs.\n"),
        ("fire.toml", requirement),
        ("roster.csv", roster),
    ] {
        std::fs::write(dir.join(file), text)?;
    }
    Ok(())
}

/// A mail server cannot be asked what it has: after a kill between the letter and the word that it was kept, the letter
/// goes out again, once, under the Message-ID by which a mailbox knows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_was_cut_off_by_a_kill_is_sent_again_under_the_same_id_and_then_never() -> Result<()> {
    let mail = MailServer::open().await?;
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    office(dir, &mail.url)?;
    mail.keep_silent(true);
    let mut server = Server::start(STOA, dir, &["serve", "--clock", "manual"])?;
    server.until("2027-01-04T10:00:00Z")?;
    for args in
        [&["people", "import", "roster.csv"], &["training", "courses", "courses"], &["training", "apply", "fire.toml"]]
    {
        stoa_tests::said(STOA, dir, args)?;
    }
    let letters = async |count: usize| -> Result<Vec<String>> {
        for _ in 0..600 {
            if mail.letters().len() >= count {
                break;
            }
            seconds(0.05).await;
        }
        let letters = mail.letters();
        ensure!(letters.len() == count, "{} letters and not {count}: {letters:?}", letters.len());
        Ok(letters)
    };
    letters(1).await?;
    server.kill()?;
    mail.keep_silent(false);
    server.restart()?;
    let letters = letters(2).await?;
    let id = |letter: &String| letter.lines().find(|line| line.starts_with("Message-ID:")).map(str::to_owned);
    ensure!(id(&letters[0]).is_some() && id(&letters[0]) == id(&letters[1]), "{letters:?}");
    ensure!(letters.iter().all(|letter| letter.contains("To: mei@example.org") && letter.contains("Fire safety")));
    let db = Db::open_read_only(&format!("sqlite://{}", dir.join("stoa.db").display()), Clock::system()).await?;
    for left in (0..600).rev() {
        let sql = "SELECT key FROM outbox WHERE state <> 'posted'";
        if db.all(sql, args![]).await?.is_empty() {
            break;
        }
        ensure!(left > 0, "the letter is not known as sent");
        seconds(0.05).await;
    }
    server.kill()?;
    server.restart()?;
    ensure!(server.stop()?, "the server stops gracefully");
    ensure!(mail.letters().len() == 2, "it was sent once more: {:?}", mail.letters());
    Ok(())
}
