//! `stoa migrate`

use anyhow::Result;
use stoa_ground::Db;

use crate::app::{open_store, stored_clock_kind};
use crate::config::Config;

pub async fn run(config: Config) -> Result<()> {
    let kind = stored_clock_kind(&config).await?;
    let db: Db = open_store(&config, kind).await?;
    println!("The store has schema {}.", db.schema_version().await?);
    db.close().await;
    Ok(())
}
