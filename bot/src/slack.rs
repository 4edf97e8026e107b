//! The Slack apps of the configuration, and the manifest from which such an app is made.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use stoa_ground::Db;
use stoa_http::Network;
use stoa_slack::{Feature, Mode, Options, Slack};

use crate::config::{Config, SlackApp, secret};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Print a link under which the app can be installed in a workspace, for a day
    Install {
        /// The app of the configuration; the first one when it is absent
        name: Option<String>,
    },
    /// Print the app manifest for api.slack.com (JSON) with the least scopes
    Manifest {
        /// The app of the configuration; the first one when it is absent
        name: Option<String>,
    },
}

/// The apps, ready to send in all workspaces in which they are installed; none when there is no `[[slack]]`.
pub async fn apps(config: &Config, db: &Db) -> Result<Option<Arc<Slack>>> {
    if config.slack.is_empty() {
        return Ok(None);
    }
    let network = config.network.outside()?;
    let options = config.slack.iter().map(|app| options(config, app, network.clone())).collect::<Result<_>>()?;
    let slack = Slack::new(options, db.clone())?;
    slack.load().await?;
    Ok(Some(Arc::new(slack)))
}

/// What the configuration says of an app.
pub fn options(config: &Config, app: &SlackApp, network: Network) -> Result<Options> {
    let what = format!("[[slack]] '{}'", app.name);
    Ok(Options {
        name: app.name.clone(),
        mode: mode(app)?,
        bot_token: secret(&what, app.bot_token.as_deref(), app.bot_token_file.as_deref())?,
        app_token: secret(&what, app.app_token.as_deref(), app.app_token_file.as_deref())?,
        signing_secret: secret(&what, app.signing_secret.as_deref(), app.signing_secret_file.as_deref())?,
        client_id: app.client_id.clone().unwrap_or_default(),
        client_secret: secret(&what, app.client_secret.as_deref(), app.client_secret_file.as_deref())?,
        features: features(app)?,
        public_url: config.http.public_url.clone(),
        api_url: app.api_url.clone().unwrap_or_else(|| stoa_slack::API_URL.into()),
        network,
    })
}

/// How the events of an app come in.
pub fn mode(app: &SlackApp) -> Result<Mode> {
    match app.mode.as_str() {
        "" | "socket" => Ok(Mode::Socket),
        "http" => Ok(Mode::Http),
        other => bail!("[[slack]] '{}': mode = '{other}' is neither socket nor http", app.name),
    }
}

/// What an app does beside questions, tips and lessons: everything, where nothing is said.
pub fn features(app: &SlackApp) -> Result<Vec<Feature>> {
    let Some(names) = &app.features else { return Ok(Feature::ALL.to_vec()) };
    let named = |name: &String| {
        let found = Feature::ALL.into_iter().find(|feature| feature.name() == name);
        let all = Feature::ALL.map(Feature::name).join(", ");
        found.with_context(|| format!("[[slack]] '{}': features has '{name}', which is none of {all}", app.name))
    };
    names.iter().map(named).collect()
}

pub fn run(config: &Config, command: &Command) -> Result<()> {
    let (Command::Manifest { name } | Command::Install { name }) = command;
    let app = match name {
        Some(name) => {
            let found = config.slack.iter().find(|app| app.name == *name);
            Some(found.with_context(|| format!("the configuration has no [[slack]] named '{name}'"))?)
        }
        None => config.slack.first(),
    };
    if let Command::Install { .. } = command {
        let app = app.context("the configuration has no [[slack]]")?;
        let options = options(config, app, config.network.outside()?)?;
        options.check()?;
        let link = stoa_slack::install_link(&options).filter(|_| options.is_installed_by_page());
        let needs = "installation by a page needs mode = \"http\", client_id, client_secret and [http] public_url";
        println!("{}", link.with_context(|| format!("[[slack]] '{}': {needs}", app.name))?);
        return Ok(());
    }
    let base = match app {
        Some(app) if mode(app)? == Mode::Http => {
            let url = config.http.public_url.as_deref();
            let url =
                url.context("mode = \"http\" needs [http] public_url, the address under which Slack reaches Stoa")?;
            Some(format!("{}/slack/{}", url.trim_end_matches('/'), app.name))
        }
        _ => None,
    };
    let features = app.map_or_else(|| Ok(Feature::ALL.to_vec()), features)?;
    let manifest = stoa_slack::manifest(base.as_deref(), app.is_some_and(|app| app.short_commands), &features);
    println!("{}", serde_json::to_string_pretty(&manifest)?);
    Ok(())
}
