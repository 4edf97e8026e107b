//! The LRS's keys: from the configuration, and `stoa lrs key create|list|revoke`.

use anyhow::{Context as _, Result};
use axum::Router;
use serde_json::json;
use stoa_ground::xapi::Emitter;
use stoa_learning::lrs::{self, Configured, Credentials, Scope};
use stoa_xapi_http::Settings;

use crate::app::App;
use crate::commands::print_json;
use crate::config::{Config, Credential, secret};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Keys for machines that read or write statements
    #[command(subcommand)]
    Key(Key),
}

#[derive(clap::Subcommand, Debug)]
pub enum Key {
    /// Make a key; its secret is shown once
    Create {
        /// What it is for, for example "HR system"
        name: String,
        /// What it may do
        #[arg(long = "scope", default_values_t = ["statements/write".to_owned(), "statements/read/mine".to_owned()])]
        scopes: Vec<String>,
    },
    /// List the keys
    List,
    /// Take a key away
    Revoke {
        /// The key
        key: String,
    },
}

pub async fn run(config: Config, command: Command, json: bool) -> Result<()> {
    let Command::Key(command) = command;
    let (app, lock) = App::for_reader(config, matches!(command, Key::List)).await?;
    match command {
        Key::Create { name, scopes } => {
            let scopes = parse(&scopes)?;
            let (name, scopes) = (&name, &scopes);
            let made = app.db.write(|tx| async move { lrs::create(&tx, name, scopes).await }).await?;
            if json {
                print_json(&json!({ "key": made.key, "secret": made.secret }))?;
            } else {
                println!("key:    {}\nsecret: {}\nThe secret is not shown again.", made.key, made.secret);
            }
        }
        Key::List => {
            for key in app.db.read(|c| async move { lrs::list(&c).await }).await? {
                if json {
                    print_json(&key)?;
                } else {
                    let scopes: Vec<&str> = key.scopes.iter().map(|s| s.name()).collect();
                    println!("{}  {}  {}", key.key, key.name, scopes.join(" "));
                }
            }
        }
        Key::Revoke { key } => {
            let key = key.as_str();
            app.db.write(|tx| async move { lrs::revoke(&tx, key).await }).await?;
            println!("The key no longer works.");
        }
    }
    app.finish(lock).await
}

/// The routes of the LRS with the configuration's keys.
pub fn router(app: &App) -> Result<Router> {
    let credentials = credentials(&app.config, &app.services.emitter)?;
    Ok(stoa_xapi_http::router(app.db.clone(), Settings::new(credentials)))
}

/// The configuration's keys.
pub fn credentials(config: &Config, emitter: &Emitter) -> Result<Credentials> {
    let configured = config.lrs.credentials.iter().map(configured).collect::<Result<Vec<_>>>()?;
    Ok(Credentials::new(emitter, &configured)?)
}

fn configured(credential: &Credential) -> Result<Configured> {
    let what = format!("[[lrs.credentials]] '{}'", credential.key);
    let secret = secret(&what, credential.secret.as_deref(), credential.secret_file.as_deref())?;
    let scopes = parse(&credential.scopes).with_context(|| format!("{what} scopes"))?;
    Ok(Configured { key: credential.key.clone(), secret, scopes })
}

fn parse(scopes: &[String]) -> Result<Vec<Scope>> {
    Ok(scopes.iter().map(|s| s.parse()).collect::<Result<Vec<Scope>, _>>()?)
}
