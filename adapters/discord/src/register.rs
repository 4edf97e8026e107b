//! The commands that people see: registered when they have changed, taken away where the configuration wants none any more,
//! and not touched otherwise.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stoa_flow::Flow;
use stoa_ground::Result;

use crate::api::{Failure, Request};
use crate::app::App;
use crate::{commands, store};

/// Registers the commands where the configuration wants them. What Discord refuses in one server holds up no other: the
/// operator is told, and it is not asked again.
///
/// # Errors
/// What Discord says, when it may say something else later.
pub(crate) async fn register(app: &App, flow: &Flow) -> Result<(), Failure> {
    let all = Value::Array(commands::all(&flow.words_of_commands()));
    let digest: String = stoa_ground::hex(Sha256::digest(all.to_string().as_bytes()).iter().take(16));
    let id = app.options.application_id.as_str();
    let stored = |e: stoa_ground::Error| Failure::Later { why: e.to_string(), after: None };
    let scopes: Vec<&str> =
        if app.options.guild_commands { app.options.guilds.iter().map(|g| g.id.as_str()).collect() } else { vec!["*"] };
    let mut later = None;
    for scope in &scopes {
        let key = format!("{id}/{scope}");
        if store::is_registered(&app.db, &key, &digest).await.map_err(stored)? {
            continue;
        }
        match app.api.call(&put(id, scope).body(all.clone())).await {
            Ok(_) => {
                store::registered(&app.db, &key, &digest).await.map_err(stored)?;
                tracing::info!(scope, "the commands are registered at Discord");
            }
            Err(Failure::Code { status, detail, .. }) if status != 401 => {
                let at = if *scope == "*" { String::new() } else { format!(" in the server {scope}") };
                app.api.tell_operator(
                    &format!("commands/{scope}"),
                    &format!("the commands cannot be registered{at}: {detail}"),
                );
            }
            Err(failure) => later = Some(failure),
        }
    }
    if let Some(failure) = later {
        return Err(failure);
    }
    for key in store::scopes(&app.db).await.map_err(stored)? {
        // Earlier versions did not write down whose it was.
        let (of, scope) = key.split_once('/').unwrap_or((id, &key));
        let wanted = scopes.contains(&scope);
        if of != id || (wanted && key.contains('/')) {
            continue;
        }
        if !wanted {
            match app.api.call(&put(id, scope).body(json!([]))).await {
                Err(failure) if failure.passes() => return Err(failure),
                // In a server that we have left there are none.
                done => tracing::info!(scope, ?done, "the commands are taken away at Discord"),
            }
        }
        store::unregistered(&app.db, &key).await.map_err(stored)?;
    }
    Ok(())
}

/// The call that registers an app's commands in a server, or in all (`*`).
fn put(app: &str, scope: &str) -> Request {
    match scope {
        "*" => Request::new("PUT /applications/:id/commands", app, &[]),
        guild => Request::new("PUT /applications/:id/guilds/:guild/commands", app, &[guild]),
    }
}
