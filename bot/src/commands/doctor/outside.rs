//! What Stoa talks to: chats, the mail server, the identity provider, and the running server's own numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use stoa_flow::chat::{Place, Platform as _, SendError};
use stoa_ground::{Db, clock};

use super::{Findings, Grade, Options};
use crate::app::peek_to_read;
use crate::config::Config;

/// How long the running server may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn check(config: &Config, options: Options, f: &mut Findings) -> Result<()> {
    slack(config, options, f).await?;
    discord(config, options, f).await?;
    bridges(config, options, f).await?;
    mail(config, options, f).await?;
    oidc(config, options, f).await?;
    if options.offline {
        return Ok(());
    }
    match metrics(&config.http.listen).await {
        Ok(values) => {
            if let Some(why) = not_ready(&config.http.listen).await {
                f.say(Grade::Wrong, "server", format!("the running server is {why}"))?;
            }
            server(&values, f)
        }
        // Whether one runs was said before; here only its numbers are missing.
        Err(_) => Ok(()),
    }
}

async fn slack(config: &Config, options: Options, f: &mut Findings) -> Result<()> {
    // What is wrong with the store or its key was said before.
    let db = if options.offline || config.slack.is_empty() { None } else { peek_to_read(config).await.ok().flatten() };
    if let Some(db) = &db {
        let _ = crate::evidence::seal(config, db, false).await;
    }
    let told = slack_apps(config, options, db.as_ref(), f).await;
    if let Some(db) = db {
        db.close().await;
    }
    told
}

async fn slack_apps(config: &Config, options: Options, db: Option<&Db>, f: &mut Findings) -> Result<()> {
    for app in &config.slack {
        let of_app = || crate::slack::options(config, app, config.network.outside()?);
        let of_app = match of_app().and_then(|options| options.check().map(|()| options).map_err(Into::into)) {
            Ok(options) => options,
            Err(e) => {
                f.say(Grade::Wrong, "slack", format!("{e:#}"))?;
                continue;
            }
        };
        if options.offline {
            f.say(Grade::Ok, "slack", format!("'{}' {}", app.name, takes(&of_app)))?;
            continue;
        }
        slack_app(&of_app, &stoa_slack::check(&of_app, db).await?, f)?;
    }
    Ok(())
}

/// How events of a Slack app come in.
fn takes(app: &stoa_slack::Options) -> &'static str {
    match app.mode {
        stoa_slack::Mode::Http => "takes events over HTTP",
        stoa_slack::Mode::Socket => "takes events over Socket Mode",
    }
}

/// What kind of app it is, where it is installed, and what it lacks there.
fn slack_app(app: &stoa_slack::Options, checked: &stoa_slack::Checked, f: &mut Findings) -> Result<()> {
    let (name, takes) = (&app.name, takes(app));
    match &checked.own {
        Some(Ok(seen)) => {
            let kind = if seen.whole { "all workspaces of the organisation" } else { "the workspace" };
            f.say(Grade::Ok, "slack", format!("'{name}' is an app for {kind} {} and {takes}", seen.workspace))?;
            let again = "add the scope in the app's settings (stoa slack manifest) and install it again";
            lacks(name, seen, again, f)?;
        }
        Some(Err(e)) => f.say(Grade::Wrong, "slack", format!("{e}; look at the bot_token of '{name}'"))?,
        None => {}
    }
    if let Some(Err(e)) = &checked.socket {
        let way = "look at its app_token (connections:write) and whether Socket Mode is on in the app's settings";
        f.say(Grade::Wrong, "slack", format!("'{name}' gets no connection: {e}; {way}"))?;
    }
    if !app.is_installed_by_page() {
        return Ok(());
    }
    let link = format!("'stoa slack install {name}' prints the link");
    let grade = if checked.installed.is_empty() && checked.own.is_none() { Grade::Note } else { Grade::Ok };
    let number = match checked.installed.len() + checked.more {
        0 => "so far in none".to_owned(),
        1 => "now in one".to_owned(),
        n => format!("now in {n}"),
    };
    let text =
        format!("'{name}' is a distributed app: workspaces install it by its page, {number} ({link}); it {takes}");
    f.say(grade, "slack", text)?;
    for (workspace, seen) in &checked.installed {
        match seen {
            Ok(seen) => {
                let kind = if seen.whole { "all workspaces of the organisation" } else { "the workspace" };
                f.say(Grade::Ok, "slack", format!("'{name}' is installed in {kind} {}", seen.workspace))?;
                lacks(name, seen, &format!("install it there again: {link}"), f)?;
            }
            Err(e) => {
                let text = format!("'{name}' in {workspace}: {e}; install it there again: {link}");
                f.say(Grade::Wrong, "slack", text)?;
            }
        }
    }
    if checked.more > 0 {
        f.say(Grade::Note, "slack", format!("of '{name}' {} more workspaces were not asked", checked.more))?;
    }
    Ok(())
}

fn lacks(name: &str, seen: &stoa_slack::Seen, way: &str, f: &mut Findings) -> Result<()> {
    let Some(missing) = &seen.missing else {
        let text = format!("Slack did not say which scopes the token of '{name}' has in {}", seen.workspace);
        return f.say(Grade::Note, "slack", text);
    };
    for (scope, cost) in missing {
        f.say(Grade::Wrong, "slack", format!("'{name}' lacks {scope} in {}: {cost}; {way}", seen.workspace))?;
    }
    Ok(())
}

async fn discord(config: &Config, options: Options, f: &mut Findings) -> Result<()> {
    let app = match crate::discord::options(config)
        .and_then(|o| o.map_or(Ok(None), |o| o.check().map(|()| Some(o)).map_err(Into::into)))
    {
        Ok(Some(app)) => app,
        Ok(None) => return Ok(()),
        Err(e) => return f.say(Grade::Wrong, "discord", format!("{e:#}")),
    };
    let how = match (app.gateway, app.public_key.is_empty()) {
        (true, true) => "takes events over the gateway",
        (true, false) => "takes events over the gateway and interactions over HTTP",
        (false, _) => "takes interactions over HTTP only: messages to it are not read",
    };
    if options.offline {
        return f.say(Grade::Ok, "discord", format!("the app {how}"));
    }
    match stoa_discord::check(&app).await {
        Ok(seen) => {
            f.say(Grade::Ok, "discord", format!("{} is in {} and {how}", seen.name, seen.servers.join(", ")))?;
            for problem in seen.problems {
                let grade = if problem.wrong { Grade::Wrong } else { Grade::Note };
                f.say(grade, "discord", problem.text)?;
            }
            Ok(())
        }
        Err(e) => f.say(Grade::Wrong, "discord", format!("{e}; look at the token")),
    }
}

async fn bridges(config: &Config, options: Options, f: &mut Findings) -> Result<()> {
    let bridges = match crate::bridge::bridges(config) {
        Ok(bridges) => bridges,
        Err(e) => return f.say(Grade::Wrong, "bridge", format!("{e:#}")),
    };
    for (bridge, b) in bridges.iter().zip(&config.bridge) {
        let text = format!("'{}' takes events on /bridge/{}/events and sends to {}", b.name, b.name, b.api_url);
        if options.offline {
            f.say(Grade::Ok, "bridge", text)?;
            continue;
        }
        let place = Place {
            platform: b.name.clone(),
            workspace: String::new(),
            channel: "stoa-doctor".into(),
            thread: None,
            direct: true,
        };
        // A key that was never sent: the other side has nothing under it.
        match bridge.find(&place, &format!("doctor/{}", clock::noise()), clock::wall()).await {
            Ok(_) => f.say(Grade::Ok, "bridge", format!("{text}; the other side answers"))?,
            Err(SendError::Refused(why)) if why.contains("401") || why.contains("403") => {
                f.say(
                    Grade::Wrong,
                    "bridge",
                    format!("{why}: the other side has another secret, or its clock is off"),
                )?;
            }
            Err(e) => f.say(Grade::Wrong, "bridge", format!("{e}; look at the other side, {}", b.api_url))?,
        }
    }
    Ok(())
}

async fn mail(config: &Config, options: Options, f: &mut Findings) -> Result<()> {
    match crate::serve::mail(config) {
        Err(e) => f.say(Grade::Wrong, "mail", format!("{e:#}")),
        Ok(None) => f.say(
            Grade::Note,
            "mail",
            "there is no [mail] smtp_url; what is mandated does not reach people without a chat account",
        ),
        Ok(Some(_)) if options.offline => f.say(Grade::Ok, "mail", format!("mail comes from {}", config.mail.from)),
        Ok(Some(mail)) => match mail.check().await {
            Ok(()) => {
                f.say(Grade::Ok, "mail", format!("the mail server answers; mail comes from {}", config.mail.from))
            }
            Err(e) => f.say(Grade::Wrong, "mail", format!("{e}; look at [mail] smtp_url")),
        },
    }
}

async fn oidc(config: &Config, options: Options, f: &mut Findings) -> Result<()> {
    let provider = match crate::oidc::provider(config) {
        Err(e) => return f.say(Grade::Wrong, "oidc", format!("{e:#}")),
        Ok(None) => return Ok(()),
        Ok(Some(provider)) => provider,
    };
    let (issuer, back) = (provider.issuer(), provider.redirect_uri());
    let register = format!("the redirect URI to register there is {back}");
    if options.offline {
        return f.say(Grade::Ok, "oidc", format!("people sign by signing in at {issuer}; {register}"));
    }
    match provider.check().await {
        Ok(notes) => {
            f.say(Grade::Ok, "oidc", format!("{issuer} answers and calls itself so; {register}"))?;
            notes.iter().try_for_each(|note| f.say(Grade::Note, "oidc", format!("{issuer}: {note}")))
        }
        Err(why) => f.say(Grade::Wrong, "oidc", format!("{issuer}: {why}; nobody can sign with it; {register}")),
    }
}

/// What a running server knows and the store does not.
fn server(values: &BTreeMap<String, f64>, f: &mut Findings) -> Result<()> {
    let sum = |name: &str, with: &str| -> f64 {
        values.iter().filter(|(k, _)| k.starts_with(name) && k.contains(with)).map(|(_, v)| v).sum()
    };
    let version =
        values.keys().find_map(|k| k.strip_prefix("stoa_build_info")?.split("version=\"").nth(1)?.split('"').next());
    let mine = env!("CARGO_PKG_VERSION");
    if let Some(other) = version.filter(|v| *v != mine) {
        let text = format!("the running server is version {other} and this program {mine}; restart it to upgrade");
        f.say(Grade::Note, "server", text)?;
    }
    let writes = sum("stoa_db_write_seconds_count", "");
    let long = writes - sum("stoa_db_write_seconds_bucket", "le=\"0.05\"");
    let text = format!("{long:.0} of {writes:.0} write transactions took longer than 50 ms since its start");
    if long > writes / 100.0 && long > 10.0 {
        f.say(Grade::Note, "server", format!("{text}; the disk or the database is slow"))?;
    } else {
        f.say(Grade::Ok, "server", text)?;
    }
    let failed = sum("stoa_sends_total", "result=\"later\"") + sum("stoa_sends_total", "result=\"refused\"");
    let tried = sum("stoa_sends_total", "");
    if failed > 0.0 {
        let text = format!(
            "{failed:.0} of {tried:.0} attempts to send failed since its start; each is tried again or put aside"
        );
        f.say(Grade::Note, "server", text)?;
    }
    let lag = sum("stoa_feed_lag", "reader=\"index\"");
    let text = if lag > 0.0 { format!("is {lag:.0} behind in changes") } else { "is up to date".to_owned() };
    f.say(Grade::Ok, "index", format!("the search index {text}"))
}

/// What the server that listens here says when it is not ready.
async fn not_ready(listen: &str) -> Option<String> {
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().ok()?;
    let answer = http.get(format!("http://{listen}/readyz")).send().await.ok()?;
    if answer.status() != reqwest::StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    answer.text().await.ok().map(|text| text.trim().to_owned())
}

/// The numbers of the server that listens here.
async fn metrics(listen: &str) -> Result<BTreeMap<String, f64>> {
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().context("an HTTP client")?;
    let text = http.get(format!("http://{listen}/metrics")).send().await?.error_for_status()?.text().await?;
    let values: BTreeMap<String, f64> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect();
    anyhow::ensure!(values.keys().any(|k| k.starts_with("stoa_")), "this is another program");
    Ok(values)
}
