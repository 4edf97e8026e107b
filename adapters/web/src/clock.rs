//! The manual clock: shown in the demo, moved by `POST /control/clock`.

use std::future::Future;
use std::pin::Pin;
use std::str::FromStr as _;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::tz::TimeZone;
use jiff::{Span, Unit};
use serde::Deserialize;
use stoa_flow::say;
use stoa_ground::{Error, Instant, Result, args};

use crate::Web;
use crate::refusal::Refusal;
use crate::session::{Visitor, local_path};

/// Called with the new time after a manual clock was moved.
pub type ClockMoved = Arc<dyn Fn(Instant) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// "Next event" looks no further ahead than this.
const HORIZON: i64 = 31 * Instant::DAY;

/// Only one request moves the clock at a time.
#[derive(Default)]
pub(crate) struct Control(tokio::sync::Mutex<()>);

/// What the demo's bar shows.
pub(crate) struct ClockView {
    pub date: String,
    pub time: String,
    pub zone: String,
    pub iso: String,
}

impl ClockView {
    /// Nothing where the clock is not the demo's.
    pub(crate) async fn of(web: &Web, visitor: &Visitor) -> Result<Option<Self>> {
        if !web.options.demo || !web.flow.clock().is_manual() {
            return Ok(None);
        }
        let now = web.flow.clock().now();
        let local = now.zoned(&visitor.zone);
        let place = visitor.person.timezone.rsplit('/').next().unwrap_or_default().replace('_', " ");
        Ok(Some(Self {
            date: visitor.words.date(local.date()),
            time: visitor.words.time(local.time()),
            zone: say!(visitor.words, "web-clock-zone", place = place),
            iso: now.rfc3339(),
        }))
    }
}

/// How the clock is asked to move: to an instant (RFC 3339), or by `next`, `1d`, or an ISO 8601 duration.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    to: Option<String>,
    by: Option<String>,
    /// Where a form goes back to.
    back: Option<String>,
}

/// Moves a manual clock through everything that is due on the way. JSON gets the new time, a form goes back.
pub(crate) async fn control(State(web): State<Arc<Web>>, request: Request) -> Response {
    let is_form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|t| t.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if is_form {
        let asked = match axum::Form::<Move>::from_request(request, &web).await {
            Ok(axum::Form(asked)) => asked,
            Err(rejection) => return rejection.into_response(),
        };
        let back = local_path(asked.back.as_deref()).to_owned();
        return match move_clock(&web, &asked).await {
            Ok(_) => Redirect::to(&back).into_response(),
            Err(e) => Refusal::from(e).into_response(),
        };
    }
    let asked = match Bytes::from_request(request, &web).await {
        Ok(body) => serde_json::from_slice::<Move>(&body).map_err(|e| {
            Error::invalid(format!(
                "the body must be like {{\"by\": \"1d\"}} or {{\"to\": \"2026-11-24T09:00:00Z\"}}: {e}"
            ))
        }),
        Err(rejection) => return rejection.into_response(),
    };
    let moved = match asked {
        Ok(asked) => move_clock(&web, &asked).await,
        Err(e) => Err(e),
    };
    match moved {
        Ok(now) => Json(serde_json::json!({ "now": now.rfc3339() })).into_response(),
        Err(e) => problem(&e),
    }
}

/// Problem details (RFC 9457).
fn problem(error: &Error) -> Response {
    let (status, detail) = match error {
        Error::Invalid(text) => (StatusCode::BAD_REQUEST, text.clone()),
        Error::Conflict(text) => (StatusCode::CONFLICT, text.clone()),
        other => {
            tracing::error!(error = %other, "the clock could not be moved");
            (StatusCode::INTERNAL_SERVER_ERROR, "the clock could not be moved: see the log".to_owned())
        }
    };
    let title = status.canonical_reason().unwrap_or_default();
    let body =
        serde_json::json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

async fn move_clock(web: &Web, asked: &Move) -> Result<Instant> {
    let clock = web.flow.clock();
    if !clock.is_manual() {
        return Err(Error::Conflict("the clock can be moved only when Stoa runs with --clock manual".into()));
    }
    let _one = web.clock.0.lock().await;
    match (asked.to.as_deref(), asked.by.as_deref()) {
        (Some(to), None) => web.flow.advance(Instant::parse(to)?).await?,
        (None, Some("next")) => next(web).await?,
        (None, Some(by)) => web.flow.advance(after(clock.now(), by)?).await?,
        _ => return Err(Error::invalid("give either \"to\" or \"by\"")),
    }
    let now = clock.now();
    if let Some(moved) = &web.options.clock_moved {
        moved(now).await?;
    }
    Ok(now)
}

/// The instant that is a duration later: `1d`, `P1DT2H`, `90 min`. A day is a day of the calendar in UTC.
fn after(now: Instant, by: &str) -> Result<Instant> {
    let wrong = || Error::invalid(format!("'{by}' is not a duration like 1d, 3h or P1DT2H, or goes back"));
    let span = Span::from_str(by).map_err(|_| wrong())?;
    let far = span
        .total((Unit::Day, jiff::SpanRelativeTo::days_are_24_hours()))
        .or_else(|_| span.total((Unit::Day, jiff::civil::date(2000, 1, 1))));
    if far.map_err(|_| wrong())? > 3_660.0 {
        return Err(Error::invalid(format!("'{by}' is more than ten years")));
    }
    let to = now.zoned(&TimeZone::UTC).checked_add(span).map_err(|_| wrong())?;
    let to = Instant::from(&to);
    if to < now { Err(wrong()) } else { Ok(to) }
}

/// Moves on until somebody gets a message or one of theirs changes; a month at most.
async fn next(web: &Web) -> Result<()> {
    let changed = async || -> Result<i64> {
        let sql = "SELECT COALESCE(MAX(revision), 0) AS revision FROM web_message";
        web.flow.db().opt(sql, args![]).await?.map_or(Ok(0), |r| r.get("revision"))
    };
    web.flow.settle().await?;
    let (start, until) = (changed().await?, web.flow.clock().now().plus(HORIZON));
    while let Some(due) = web.flow.next_due().await? {
        if due > until {
            break;
        }
        let now = web.flow.clock().now();
        if due <= now {
            // Something that is being tried again waits for machine time.
            break;
        }
        web.flow.advance(due).await?;
        if changed().await? > start {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        let now = Instant::parse("2026-11-23T09:00:00Z").unwrap();
        for (by, then) in [
            ("1d", "2026-11-24T09:00:00Z"),
            ("P7D", "2026-11-30T09:00:00Z"),
            ("90m", "2026-11-23T10:30:00Z"),
            ("1w", "2026-11-30T09:00:00Z"),
            ("P1M", "2026-12-23T09:00:00Z"),
        ] {
            assert_eq!(after(now, by).unwrap(), Instant::parse(then).unwrap(), "{by}");
        }
        for by in ["-1d", "soon", "", "P100Y"] {
            assert!(matches!(after(now, by), Err(Error::Invalid(_))), "{by}");
        }
    }
}
