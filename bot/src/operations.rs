//! Looking every minute for what needs the operator.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use stoa_learning::operations;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Config;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(60);

/// Whether the operator's channel is on a platform that is connected.
///
/// # Errors
/// When `[operations] channel` names no channel, or another platform.
pub fn check(config: &Config, chat_open: bool) -> Result<()> {
    match &config.operations.channel {
        Some(channel) => config.connects("[operations] channel", &operations::channel(channel)?, chat_open),
        None => Ok(()),
    }
}

/// Looks until `stop`.
///
/// # Errors
/// When `[operations] channel` names no channel.
pub fn follow(app: Arc<App>, stop: CancellationToken) -> Result<impl Future<Output = ()>> {
    let channel = app.config.operations.channel.as_deref().map(operations::channel).transpose()?;
    Ok(async move {
        if let Err(error) = operations::begin(&app.db).await {
            tracing::warn!(%error, "what needed the operator before could not be settled");
        }
        while !stop.is_cancelled() {
            if let Err(error) = operations::look(&app.flow, channel.as_ref()).await {
                tracing::warn!(%error, "what needs the operator could not be looked up; it is tried again");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    })
}
