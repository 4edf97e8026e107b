//! The commands that people see: registered when they have changed, and not otherwise.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use stoa_flow::Flow;
use stoa_ground::Result;

use crate::api::{Failure, Request};
use crate::app::App;
use crate::{commands, store};

/// Registers the commands where the configuration wants them.
///
/// # Errors
/// What Discord says.
pub(crate) async fn register(app: &App, flow: &Flow) -> Result<(), Failure> {
    let all = Value::Array(commands::all(&flow.words_of_commands()));
    let digest: String = stoa_ground::hex(Sha256::digest(all.to_string().as_bytes()).iter().take(16));
    let id = app.options.application_id.as_str();
    let stored = |e: stoa_ground::Error| Failure::Later { why: e.to_string(), after: None };
    let scopes: Vec<&str> =
        if app.options.guild_commands { app.options.guilds.iter().map(|g| g.id.as_str()).collect() } else { vec!["*"] };
    for scope in scopes {
        if store::is_registered(&app.db, scope, &digest).await.map_err(stored)? {
            continue;
        }
        let request = match scope {
            "*" => Request::new("PUT /applications/:id/commands", id, &[]),
            guild => Request::new("PUT /applications/:id/guilds/:guild/commands", id, &[guild]),
        };
        app.api.call(&request.body(all.clone())).await?;
        store::registered(&app.db, scope, &digest).await.map_err(stored)?;
        tracing::info!(scope, "the commands are registered at Discord");
    }
    Ok(())
}
