//! The bridges of the configuration: chats that Stoa reaches over a small HTTP protocol.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use stoa_bridge::{Bridge, Options};

use crate::app::App;
use crate::config::{Config, secret};

/// The bridges, ready to send.
pub fn bridges(config: &Config) -> Result<Vec<Arc<Bridge>>> {
    let network = config.network.outside()?;
    let bridge = |b: &crate::config::Bridge| -> Result<Arc<Bridge>> {
        let secret = secret(&format!("[[bridge]] '{}'", b.name), b.secret.as_deref(), b.secret_file.as_deref())?;
        let options = Options {
            name: b.name.clone(),
            api_url: b.api_url.clone(),
            secret: secret.into(),
            network: network.clone(),
        };
        Ok(Arc::new(Bridge::new(options)?))
    };
    config.bridge.iter().map(bridge).collect()
}

/// Connects the bridges to the flow; gives the routes on which their events come in.
pub fn connect(app: &App) -> Result<Router> {
    let mut router = Router::new();
    for bridge in bridges(&app.config)? {
        router = router.merge(stoa_bridge::router(app.flow.clone(), &bridge));
        app.flow.connect(bridge);
    }
    Ok(router)
}
