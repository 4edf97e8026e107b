//! `/calendar/TOKEN.ics`: the entry for the moment that somebody chose for a course.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use stoa_learning::training::calendar;

use crate::app::App;

/// The route.
pub fn router(app: &Arc<App>) -> Router {
    Router::new().route("/calendar/{file}", get(file).with_state(app.clone()))
}

async fn file(State(app): State<Arc<App>>, Path(file): Path<String>) -> Response {
    let token = file.strip_suffix(".ics").unwrap_or_default().to_owned();
    let services = &app.services;
    let read = app.db.read(|c| async move { calendar::file(&c, &services.organisation, &token).await });
    match read.await {
        Ok(Some(file)) => {
            let kind = format!("text/calendar; charset=utf-8; method={}", file.method);
            let headers = [
                (header::CONTENT_TYPE, kind.as_str()),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"training.ics\""),
                (header::CACHE_CONTROL, "no-store"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, file.text).into_response()
        }
        Ok(None) => (StatusCode::NOT_FOUND, "There is no such calendar entry.\n").into_response(),
        Err(error) => {
            tracing::error!(%error, "a calendar entry could not be read");
            (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong. Please try again.\n").into_response()
        }
    }
}
