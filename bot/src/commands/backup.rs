//! `stoa backup`, `stoa restore` and `stoa migrate`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use stoa_ground::backup::{self, Summary};
use stoa_ground::{Clock, Db};

use super::print_json;
use crate::app::{App, Lock};
use crate::config::Config;

/// Writes a backup, also beside a running server.
pub async fn write(config: &Config, file: &Path, json: bool) -> Result<()> {
    let db = Db::open_read_only(&config.database_url(), Clock::system()).await?;
    let summary = backup::backup(&db, file).await?;
    let keys = backup::keys_of(file);
    say(&summary, json, &format!("{} was written, and its keys to {}.", file.display(), keys.display()))?;
    if !json {
        println!("A restore needs both. Keep the keys in another place than the backup.");
    }
    db.close().await;
    Ok(())
}

/// Restores a backup into the store of the configuration, which must not exist yet.
pub async fn restore(config: Config, file: &Path, keys: &Path, json: bool) -> Result<()> {
    let Some(lock) = Lock::take(&config.data.dir)? else {
        bail!("a server is running on {}: stop it first", config.data.dir.display());
    };
    let Some(store) = Lock::of_store(&config)? else {
        bail!("a server is running on {}: stop it first", config.database_url());
    };
    let keys = backup::read_keys(keys)?;
    let backup = backup::check(file, &keys)?;
    if let Some(master) = crate::evidence::master_at_hand(&config)? {
        backup.opens_with(&master)?;
    }
    if !backup.due.is_empty() {
        crate::evidence::holds_key_of(&config, &keys).context(
            "data was erased since this backup, and is erased again with the master key. Nothing was restored",
        )?;
    }
    backup::restore(&config.database_url(), &backup, Clock::system()).await?;
    drop((lock, store));
    if !backup.due.is_empty() {
        // Opening erases what is due.
        let (app, lock) = App::for_command(config)
            .await
            .context("the backup is restored; what was erased since is erased again at the next start")?;
        app.finish(lock).await?;
    }
    let again = match backup.due.people.len() {
        0 => String::new(),
        1 => " One person's data was erased since, and is erased again.".to_owned(),
        n => format!(" The data of {n} people was erased since, and is erased again."),
    };
    say(
        &backup.summary,
        json,
        &format!("{} was restored.{again} The search index is built at the next start.", file.display()),
    )
}

fn say(summary: &Summary, json: bool, sentence: &str) -> Result<()> {
    if json {
        return print_json(summary);
    }
    let rows: u64 = summary.rows.values().sum();
    let people = summary.rows.get("person").copied().unwrap_or_default();
    let people = if people == 1 { "1 person".to_owned() } else { format!("{people} people") };
    println!("{sentence} Schema {}, {people}, {rows} rows.", summary.header.schema);
    Ok(())
}

/// Brings the schema up to date and says what that was.
pub async fn migrate(config: Config) -> Result<()> {
    let kind = crate::app::stored_clock_kind(&config).await?;
    let before = match Db::peek(&config.database_url()).await? {
        Some(db) => db.schema_version().await?,
        None => 0,
    };
    let db = crate::app::open_store(&config, kind).await?;
    let now = db.schema_version().await?;
    match before {
        0 => println!("The store was made, with schema {now}."),
        before if before == now => println!("The store has schema {now} already."),
        before => println!("The store was brought from schema {before} to {now}."),
    }
    db.close().await;
    Ok(())
}
