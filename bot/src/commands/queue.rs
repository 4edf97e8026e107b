//! `stoa queue`: what waits and what was put aside; to try it again, or to give it up.

use anyhow::Result;
use serde_json::json;
use stoa_flow::delivery::queues;
use stoa_ground::{Db, Instant};

use super::print_json;
use crate::app::{App, open_to_read};
use crate::config::Config;

#[derive(clap::Subcommand)]
pub enum Command {
    /// What waits, and what was put aside with its reason
    List {
        /// How many rows of each queue to show
        #[arg(long, default_value = "50")]
        limit: usize,
    },
    /// Try a row again that was put aside
    Retry {
        /// Its key, as `stoa queue list` shows it
        #[arg(required_unless_present = "all")]
        key: Option<String>,
        /// All of them
        #[arg(long, conflicts_with = "key")]
        all: bool,
    },
    /// Give a row up that was put aside; its key stays taken
    Drop {
        /// Its key, as `stoa queue list` shows it
        key: String,
        /// Why, for whoever looks later
        #[arg(long, value_parser = super::reason)]
        reason: String,
    },
}

pub async fn run(config: Config, command: Command, json: bool) -> Result<()> {
    match command {
        Command::List { limit } => list(&open_to_read(&config).await?, limit, json).await,
        Command::Retry { key, .. } => {
            let (app, lock) = App::for_command(config).await?;
            let key = key.as_deref();
            let count = app.db.write(|tx| async move { queues::retry(&tx, key).await }).await?;
            if json {
                print_json(&json!({"retried": count}))?;
            } else {
                println!("{count} will be tried again.");
            }
            app.finish(lock).await
        }
        Command::Drop { key, reason } => {
            let (app, lock) = App::for_command(config).await?;
            let (key, reason) = (&key, &format!("dropped by the operator: {reason}"));
            app.db.write(|tx| async move { queues::give_up(&tx, key, reason).await }).await?;
            if json {
                print_json(&json!({"dropped": key}))?;
            } else {
                println!("{key} is dropped.");
            }
            app.finish(lock).await
        }
    }
}

async fn list(db: &Db, limit: usize, json: bool) -> Result<()> {
    let (queues, parked) =
        db.read(|c| async move { Ok((queues::queues(&c).await?, queues::parked(&c, limit).await?)) }).await?;
    let now = db.clock().now();
    for queue in &queues {
        if json {
            print_json(&json!({
                "queue": queue.name, "waiting": queue.waiting, "parked": queue.parked,
                "oldest_seconds": queue.oldest.map(|at| age(at, now)),
            }))?;
        } else {
            println!("{}: {}", queue.name, sentence(queue, now));
        }
    }
    for row in &parked {
        if json {
            print_json(&json!({
                "queue": row.queue, "key": row.key, "kind": row.kind, "since": row.since.rfc3339(), "reason": row.reason,
            }))?;
        } else {
            println!("  {} · {} · {} · since {}: {}", row.queue, row.key, row.kind, row.since.rfc3339(), row.reason);
        }
    }
    if !json && !parked.is_empty() {
        println!("Try again with 'stoa queue retry KEY', or give up with 'stoa queue drop KEY --reason …'.");
    }
    Ok(())
}

/// Seconds since an instant.
pub fn age(at: Instant, now: Instant) -> i64 {
    (now.0 - at.0).max(0) / Instant::SECOND
}

/// How a queue stands, in words.
pub fn sentence(queue: &queues::Queue, now: Instant) -> String {
    let waiting = match queue.oldest {
        Some(at) if queue.waiting > 0 => format!("{} waiting, the oldest for {} s", queue.waiting, age(at, now)),
        _ => "nothing waits".to_owned(),
    };
    match queue.parked {
        0 => waiting,
        parked => format!("{waiting}; {parked} put aside"),
    }
}
