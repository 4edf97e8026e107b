//! `stoa demo`: a sample organisation with everything in it, on a clock that is moved by hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::{App, ClockKind};
use crate::config::{Config, Source};
use crate::serve;
use anyhow::{Context as _, Result};
use include_dir::{Dir, include_dir};

static SAMPLE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/demo");

/// What the command line says.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Keep everything in a temporary folder that is deleted at the end
    #[arg(long)]
    ephemeral: bool,
    /// A folder of your own Markdown, HTML, text or PDF files to answer from as well
    #[arg(long, value_name = "DIR")]
    library: Option<PathBuf>,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Whether the clock is moved by hand or is the machine's
    #[arg(long, value_enum, default_value = "manual")]
    clock: ClockKind,
}

/// Runs the demo until it is stopped.
pub async fn run(mut config: Config, options: Options, json: bool) -> Result<()> {
    let temporary = options.ephemeral.then(tempfile::tempdir).transpose().context("a temporary folder")?;
    if let Some(dir) = &temporary {
        config.data.dir = dir.path().to_owned();
        config.database.url = None;
    }
    if let Some(listen) = options.listen {
        config.http.listen = listen;
    }
    let sample = config.data.dir.join("sample");
    std::fs::create_dir_all(&sample).with_context(|| format!("{} cannot be made", sample.display()))?;
    SAMPLE.extract(&sample).with_context(|| format!("the sample content cannot be written to {}", sample.display()))?;
    config.organisation.name = "Harbour & Pine".into();
    config.organisation.iri = "https://learn.harbourandpine.example".into();
    config.organisation.timezone = "Europe/Berlin".into();
    config.library.sources.push(Source::folder("Handbook", sample.join("handbook")));
    if let Some(path) = options.library {
        let name = path.file_name().map_or_else(|| "Library".into(), |n| n.to_string_lossy().into_owned());
        config.library.sources.push(Source::folder(name, path));
    }
    let mode = serve::Mode { demo: true, clock: options.clock, json };
    let done = serve::run(config, mode, |app| async move { prepare(&app, &sample).await }).await;
    drop(temporary);
    done
}

/// Fills the store at the first start, and reads the library at every start.
async fn prepare(app: &Arc<App>, sample: &Path) -> Result<()> {
    crate::commands::library::sync_all(app).await?;
    if app.db.meta("demo").await?.is_some() {
        return Ok(());
    }
    let roster = sample.join("roster.csv");
    crate::commands::people::import_file(app, &roster).await?;
    crate::commands::lessons::apply_all(app, &sample.join("tracks")).await?;
    crate::commands::training::apply_courses(app, &sample.join("courses")).await?;
    crate::commands::training::apply_requirements(app, &sample.join("requirements")).await?;
    seed::conversations(app, sample).await?;
    Ok(app.db.set_meta("demo", "1").await?)
}

mod seed;
