//! `stoa people import|grant|revoke|account|link|merge|split|show|unreachable`

mod merge;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use stoa_ground::people::import::{self, Options as ImportOptions, Plan};
use stoa_ground::people::{self, Role};

use super::print_json;
use crate::app::App;
use crate::config::Config;

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Take over a roster (CSV); the file is a delta unless --full
    Import {
        /// The file
        file: PathBuf,
        /// Show the difference and change nothing
        #[arg(long)]
        dry_run: bool,
        /// The file has everybody: whoever is absent has left
        #[arg(long)]
        full: bool,
        /// With --full: more than a tenth of the people may leave at once
        #[arg(long)]
        yes: bool,
    },
    /// Give a role to a person; the grant is evidence
    Grant {
        /// Employee id, e-mail or name
        person: String,
        /// expert, learning, approver, auditor or operator
        role: String,
        /// Why, for the evidence
        #[arg(long, default_value = "granted by the operator", value_parser = super::reason)]
        reason: String,
    },
    /// Take a role away; that is evidence as well
    Revoke {
        /// Employee id, e-mail or name
        person: String,
        /// expert, learning, approver, auditor or operator
        role: String,
        /// Why, for the evidence
        #[arg(long, default_value = "revoked by the operator", value_parser = super::reason)]
        reason: String,
    },
    /// Link an account on a chat platform to a person
    Account {
        /// Employee id, e-mail or name
        person: String,
        /// slack, discord, or the name of a bridge
        platform: String,
        /// The user's id there
        user: String,
        /// The workspace, where user ids hold in one workspace only
        #[arg(long, default_value = "")]
        workspace: String,
        /// Take the account away instead
        #[arg(long)]
        remove: bool,
        /// Why, for the evidence
        #[arg(long, default_value = "decided by the operator", value_parser = super::reason)]
        reason: String,
    },
    /// Make one person of two rows that are the same human; reversible and recorded
    Merge {
        /// Who is merged: employee id, e-mail or name
        person: String,
        /// Who will stand for both: employee id, e-mail or name
        into: String,
        /// Why, for the evidence
        #[arg(long, required_unless_present = "dry_run", value_parser = super::reason)]
        reason: Option<String>,
        /// Say what would happen and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Undo a merge: everything goes back to where it was
    Split {
        /// The employee id that was merged
        person: String,
        /// Why, for the evidence
        #[arg(long, required_unless_present = "dry_run", value_parser = super::reason)]
        reason: Option<String>,
        /// Say what would happen and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show who somebody is: accounts, earlier ids, roles, manager, zone, when a message last reached them
    Show {
        /// Employee id, e-mail or name
        person: String,
    },
    /// List whom no message reaches, since when, why, and what helps
    Unreachable {
        /// Try everything again that waits, after a platform or the mail server was mended
        #[arg(long)]
        retry: bool,
    },
    /// Make a one-time sign-in link for the web chat, valid for a day
    Link {
        /// Employee id, e-mail or name
        person: String,
    },
}

pub async fn run(config: Config, command: Command, json: bool) -> Result<ExitCode> {
    let reads = matches!(
        command,
        Command::Show { .. }
            | Command::Unreachable { retry: false }
            | Command::Merge { dry_run: true, .. }
            | Command::Split { dry_run: true, .. }
    );
    let (app, lock) = App::for_reader(config, reads).await?;
    let ledger = &app.services.ledger;
    let mut code = ExitCode::SUCCESS;
    match command {
        Command::Import { file, dry_run, full, yes } => {
            let bytes = read(&file)?;
            let options = import_options(&app.config, full, yes);
            let (bytes, options) = (&bytes, &options);
            let plan = if dry_run {
                app.db.read(|c| async move { import::plan(&c, bytes, options).await }).await?
            } else {
                import::import(&app.db, ledger, bytes, options, "operator").await?
            };
            if json {
                print_json(&plan)?;
            } else {
                print!("{}", describe(&plan, dry_run));
            }
            if !plan.errors.is_empty() || plan.refused.is_some() {
                code = ExitCode::FAILURE;
            }
        }
        Command::Grant { person, role, reason } => {
            let (person, role) = find(&app, &person, &role).await?;
            let (p, reason) = (&person, &reason);
            let new =
                app.db.write(|tx| async move { people::grant(&tx, ledger, p, role, "operator", reason).await }).await?;
            println!("{} {} the role {role}.", person.name, if new { "now has" } else { "already had" });
        }
        Command::Revoke { person, role, reason } => {
            let (person, role) = find(&app, &person, &role).await?;
            let (p, reason) = (&person, &reason);
            let had = app
                .db
                .write(|tx| async move { people::revoke(&tx, ledger, p, role, "operator", reason).await })
                .await?;
            println!("{} {} the role {role}.", person.name, if had { "no longer has" } else { "did not have" });
        }
        Command::Merge { person, into, reason, dry_run } => {
            merge::merge(&app, &person, &into, reason.as_deref().unwrap_or_default(), dry_run, json).await?;
        }
        Command::Split { person, reason, dry_run } => {
            merge::split(&app, &person, reason.as_deref().unwrap_or_default(), dry_run, json).await?;
        }
        Command::Show { person } => show::show(&app, &person, json).await?,
        Command::Unreachable { retry } => show::unreachable(&app, retry, json).await?,
        Command::Account { person, platform, user, workspace, remove, reason } => {
            let text = person.as_str();
            let (platform, user, workspace, reason) = (&platform, &user, &workspace, &reason);
            let person = app
                .db
                .write(|tx| async move {
                    let person = people::find(&tx, text).await?;
                    if !remove {
                        let account = (platform.as_str(), workspace.as_str(), user.as_str());
                        people::link_account(&tx, &person.id, account, "operator", reason).await?;
                        return Ok(person);
                    }
                    let held = people::accounts_of(&tx, &person.id).await?;
                    let same =
                        |a: &people::Account| (&a.platform, &a.workspace, &a.user) == (platform, workspace, user);
                    if !held.iter().any(same) {
                        return Err(stoa_ground::Error::NotFound(format!(
                            "the {platform} account {user} of {}",
                            person.name
                        )));
                    }
                    people::unlink_account(&tx, (platform, workspace, user), "operator", reason).await?;
                    Ok(person)
                })
                .await?;
            let now = if remove { "is no longer linked" } else { "is linked" };
            println!("The {platform} account {user} {now} to {}.", person.name);
        }
        Command::Link { person } => {
            let text = person.as_str();
            let (person, token) = app
                .db
                .write(|tx| async move {
                    let person = people::find(&tx, text).await?;
                    let token = people::create_sign_in_link(&tx, &person.id).await?;
                    Ok((person, token))
                })
                .await?;
            let base =
                app.config.http.public_url.clone().unwrap_or_else(|| format!("http://{}", app.config.http.listen));
            let link = format!("{}/sign-in/{token}", base.trim_end_matches('/'));
            if json {
                print_json(&json!({ "person": person.employee_id, "link": link }))?;
            } else {
                println!("{link}\nGive it to {} only. It works once, within a day.", person.name);
            }
            if !app.config.web.local_chat {
                eprintln!("note: the web chat is closed; set [web] local_chat = true to open it on this machine");
            }
        }
    }
    app.finish(lock).await?;
    Ok(code)
}

/// Imports a roster whole, for the demo.
pub async fn import_file(app: &App, file: &Path) -> Result<()> {
    let bytes = read(file)?;
    let options = import_options(&app.config, false, false);
    let (bytes, options, ledger) = (&bytes, &options, &app.services.ledger);
    import::import(&app.db, ledger, bytes, options, "operator").await?;
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// How a roster is read with this configuration.
pub fn import_options(config: &Config, full: bool, yes: bool) -> ImportOptions {
    ImportOptions {
        full,
        yes,
        timezone: config.organisation.timezone.clone(),
        location_zones: config.location_zones(),
        ..ImportOptions::default()
    }
}

async fn find(app: &App, person: &str, role: &str) -> Result<(people::Person, Role)> {
    let role: Role = role.parse()?;
    if !role.is_granted() {
        bail!("the role {role} follows from the roster and cannot be granted");
    }
    let person = app.db.read(|c| async move { people::find(&c, person).await }).await?;
    Ok((person, role))
}

fn describe(plan: &Plan, dry_run: bool) -> String {
    let end = match (plan.errors.is_empty() && plan.refused.is_none(), dry_run) {
        (false, _) => "Nothing was imported: correct what is said above and import the file again.",
        (true, true) => "Nothing was changed: this was a dry run.",
        (true, false) => "Imported.",
    };
    format!("{plan}{end}\n")
}
