//! The Learning Record Store over HTTP: `/xapi/statements` and `/xapi/about` (xAPI 1.0.3 part three, IEEE 9274.1.1).
//!
//! This crate translates between HTTP and [`stoa_learning::lrs`] and decides nothing about statements.

mod about;
mod answer;
mod call;
mod statements;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use stoa_ground::Db;
use stoa_ground::xapi::Version;
use stoa_learning::lrs::Credentials;

use answer::Refused;

/// What the router needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Who may call.
    pub credentials: Credentials,
    /// The path under which the resources are, as callers see it: `/xapi`.
    pub base: String,
    /// The largest request body in bytes.
    pub max_body: usize,
    /// The version in which requests without a usable version header are refused.
    pub default_version: Version,
}

impl Settings {
    /// The usual settings: `/xapi`, 4 MiB, version 1.0.3.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self { credentials, base: "/xapi".into(), max_body: 4 * 1024 * 1024, default_version: Version::V1_0 }
    }
}

pub(crate) struct Lrs {
    db: Db,
    settings: Settings,
}

/// The routes, with the base path in them.
pub fn router(db: Db, settings: Settings) -> Router {
    let base = settings.base.clone();
    Router::new()
        .route(&format!("{base}/statements"), any(resource_statements))
        .route(&format!("{base}/about"), any(resource_about))
        .with_state(Arc::new(Lrs { db, settings }))
}

async fn resource_statements(State(lrs): State<Arc<Lrs>>, request: Request) -> Response {
    let accept = answer::accepted(request.headers());
    let mut version = lrs.settings.default_version;
    let done = statements::handle(&lrs, request, &mut version).await;
    let mut response = done.unwrap_or_else(|refused| refused.into_response(accept));
    answer::add_version(&mut response, version);
    // The standard wants it on every answer of this resource, also on refusals.
    if let Ok(at) = lrs.db.read(|conn| async move { stoa_learning::lrs::consistent_through(&conn).await }).await {
        answer::add_header(&mut response, "x-experience-api-consistent-through", &at.rfc3339());
    }
    response
}

async fn resource_about(State(lrs): State<Arc<Lrs>>, request: Request) -> Response {
    let accept = answer::accepted(request.headers());
    let mut response = about::handle(&request).unwrap_or_else(|refused: Refused| refused.into_response(accept));
    let version = call::version_of(request.headers()).unwrap_or(lrs.settings.default_version);
    answer::add_version(&mut response, version);
    response
}
