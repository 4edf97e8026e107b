//! What the configuration says and what it leaves out.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Result;

use super::{Findings, Grade};
use crate::config::Config;

pub(super) fn check(config: &Config, file: Option<&Path>, f: &mut Findings) -> Result<()> {
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
    let faults = crate::serve::faults(config, config.web.local_chat);
    if config.web.local_chat && !faults.iter().any(|(part, _)| *part == "http") {
        f.say(Grade::Ok, "web", "the local web chat is open on this machine; people sign in by 'stoa people link'")?;
    }
    if !config.web.local_chat && config.bridge.is_empty() && config.slack.is_empty() && !config.discord.is_set() {
        f.say(Grade::Note, "web", "no chat is connected; set [web] local_chat = true to try it on this machine")?;
    }
    for (part, fault) in &faults {
        f.say(Grade::Wrong, part, crate::sentence(fault))?;
    }
    if config.library.sources.is_empty() {
        f.say(
            Grade::Note,
            "library",
            "there are no [[library.sources]]; answers come from tips, lessons and courses only",
        )?;
    }
    for source in &config.library.sources {
        if let Some(why) = crate::sources::missing(source) {
            f.say(Grade::Wrong, "library", format!("source '{}': {why}", source.name))?;
        }
        if source.readers.is_empty() {
            f.say(Grade::Note, "library", format!("source '{}': nobody may read it; set readers", source.name))?;
        }
    }
    for (what, path) in secret_files(config) {
        match std::fs::metadata(path) {
            Err(e) => f.say(Grade::Wrong, "secrets", format!("{what}: {} cannot be read: {e}", path.display()))?,
            Ok(file) if file.permissions().mode() & 0o007 != 0 => {
                let text = format!("{what}: everybody on this machine may read {}; chmod 640 it", path.display());
                f.say(Grade::Note, "secrets", text)?;
            }
            Ok(_) => {}
        }
    }
    // With such a key the server does not start.
    let signing = crate::evidence::signing_key_file(config);
    if mode(&signing) & 0o007 != 0 {
        let text = format!(
            "[evidence] signing_key_file: everybody on this machine may read {}; chmod 600 it",
            signing.display()
        );
        f.say(Grade::Wrong, "secrets", text)?;
    }
    if let Some(path) = config.database_url().strip_prefix("sqlite://").map(Path::new)
        && is_open_to_all(path)
    {
        let path = path.display();
        let text = format!("everybody on this machine may read the database {path}; 'chmod 640 {path}*' ends that");
        f.say(Grade::Note, "secrets", text)?;
    }
    Ok(())
}

/// Whether everybody may read a file, and go through all folders above it.
fn is_open_to_all(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    mode(&path) & 0o004 != 0 && path.ancestors().skip(1).all(|folder| mode(folder) & 0o001 != 0)
}

/// What may be done with a file; nothing where it is not there.
fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).map_or(0, |file| file.permissions().mode())
}

/// The files that hold secrets, and for what.
fn secret_files(config: &Config) -> Vec<(String, &Path)> {
    let mut files: Vec<(String, &Path)> = Vec::new();
    let single = [
        ("[database] url_file", &config.database.url_file),
        ("[mail] smtp_url_file", &config.mail.smtp_url_file),
        ("[discord] token_file", &config.discord.token_file),
        ("[oidc] client_secret_file", &config.oidc.client_secret_file),
        ("[llm] api_key_file", &config.llm.api_key_file),
    ];
    files.extend(single.into_iter().filter_map(|(what, file)| Some((what.to_owned(), file.as_deref()?))));
    for app in &config.slack {
        let of = [
            ("bot_token_file", &app.bot_token_file),
            ("app_token_file", &app.app_token_file),
            ("signing_secret_file", &app.signing_secret_file),
            ("client_secret_file", &app.client_secret_file),
        ];
        let what = |key: &str| format!("[[slack]] '{}' {key}", app.name);
        files.extend(of.into_iter().filter_map(|(key, file)| Some((what(key), file.as_deref()?))));
    }
    for bridge in &config.bridge {
        files.extend(
            bridge.secret_file.as_deref().map(|path| (format!("[[bridge]] '{}' secret_file", bridge.name), path)),
        );
    }
    for source in &config.library.sources {
        let what = || format!("[[library.sources]] '{}' token_file", source.name);
        files.extend(source.token_file.as_deref().map(|path| (what(), path)));
    }
    for credential in &config.lrs.credentials {
        let what = || format!("[[lrs.credentials]] '{}' secret_file", credential.key);
        files.extend(credential.secret_file.as_deref().map(|path| (what(), path)));
    }
    files
}
