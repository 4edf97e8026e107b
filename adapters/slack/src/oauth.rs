//! Installation by OAuth: a page that leads to Slack, the way back from it, and tokens that are renewed before they end.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use reqwest::Url;
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::clock::wall;
use stoa_ground::{Instant, Result};
use stoa_http::signed::{behind, is_signed, sign};
use tokio_util::sync::CancellationToken;

use crate::api::{Body, Failure};
use crate::installs::{self, Install};
use crate::mrkdwn::escape;
use crate::socket::wait;
use crate::take::Inlet;
use crate::{API_URL, Options, manifest};

/// The cookie that ties the way back to the browser that began.
const COOKIE: &str = "stoa_slack_install";
/// For how long a link to the page holds, in seconds.
const LINK: i64 = 24 * 3_600;
/// How long somebody may take at Slack, in seconds.
const AT_SLACK: i64 = 600;
/// The longest and the shortest pause between looks at a token's end.
const LONGEST: Duration = Duration::from_secs(3_600);
const SHORTEST: Duration = Duration::from_secs(2);

/// A link to the page on which an app is installed: it holds for a day.
#[must_use]
pub fn install_link(options: &Options) -> Option<String> {
    let url = options.public_url.as_deref()?;
    let now = (wall().0 / Instant::SECOND).to_string();
    let key = sign("i1", &options.client_secret, &now, options.name.as_bytes());
    Some(format!("{}/slack/{}/install?at={now}&key={key}", url.trim_end_matches('/'), options.name))
}

fn is_recent(at: &str, most: i64) -> bool {
    at.parse::<i64>().is_ok_and(|at| (0..=most).contains(&behind(wall(), at)))
}

fn redirect_uri(options: &Options) -> String {
    let url = options.public_url.as_deref().unwrap_or_default();
    format!("{}/slack/{}/oauth", url.trim_end_matches('/'), options.name)
}

/// What comes with a link.
#[derive(serde::Deserialize)]
pub(crate) struct Link {
    #[serde(default)]
    at: String,
    #[serde(default)]
    key: String,
}

/// Leads to Slack, who has a link.
pub(crate) async fn install(State(inlet): State<Inlet>, Query(link): Query<Link>) -> Response {
    let options = &inlet.app.options;
    let good = is_signed("i1", &options.client_secret, &link.at, options.name.as_bytes(), &link.key);
    if !good || !is_recent(&link.at, LINK) {
        return page(StatusCode::FORBIDDEN, &say!(Words::english(), "slack-install-link", app = &options.name));
    }
    let (now, random) = ((wall().0 / Instant::SECOND).to_string(), inlet.flow.clock().secret());
    let signed = sign("s1", &options.client_secret, &now, random.as_bytes());
    let state = format!("{now}.{random}.{signed}");
    let scopes: Vec<&str> = manifest::scopes(&options.features).map(|(scope, _)| scope).collect();
    let Ok(mut to) = Url::parse(&authorize(&options.api_url)) else {
        return page(StatusCode::INTERNAL_SERVER_ERROR, &say!(Words::english(), "slack-install-failed"));
    };
    to.query_pairs_mut()
        .append_pair("client_id", &options.client_id)
        .append_pair("scope", &scopes.join(","))
        .append_pair("redirect_uri", &redirect_uri(options))
        .append_pair("state", &state);
    let path = format!("/slack/{}/oauth", options.name);
    let cookie = stoa_http::set_cookie(COOKIE, &state, &path, AT_SLACK, &redirect_uri(options));
    (StatusCode::SEE_OTHER, [(header::LOCATION, to.to_string()), (header::SET_COOKIE, cookie)]).into_response()
}

/// Where Slack asks whether the app may be installed.
fn authorize(api_url: &str) -> String {
    let base = if api_url.is_empty() { API_URL } else { api_url };
    let base = base.trim_end_matches('/').trim_end_matches("/api");
    format!("{base}/oauth/v2/authorize")
}

/// What Slack sends the browser back with.
#[derive(serde::Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
}

/// The way back from Slack: the state must be this browser's, and then the code is changed into a token.
pub(crate) async fn back(State(inlet): State<Inlet>, headers: HeaderMap, Query(back): Query<Back>) -> Response {
    let words = Words::english();
    if !is_own_state(&inlet.app.options, &headers, &back.state) {
        tracing::warn!(app = %inlet.app.options.name, "an installation without its own state was refused");
        return page(StatusCode::FORBIDDEN, &say!(words, "slack-install-state"));
    }
    if !back.error.is_empty() || back.code.is_empty() {
        return page(StatusCode::OK, &say!(words, "slack-install-declined"));
    }
    match finish(&inlet, &back.code).await {
        Ok(install) => {
            tracing::info!(app = %inlet.app.options.name, workspace = %install.workspace, "installed");
            let text = say!(words, "slack-installed", workspace = &install.name);
            page(StatusCode::OK, &text)
        }
        Err(why) => {
            tracing::error!(app = %inlet.app.options.name, why, "an installation was not finished");
            page(StatusCode::BAD_GATEWAY, &say!(words, "slack-install-failed"))
        }
    }
}

fn is_own_state(options: &Options, headers: &HeaderMap, state: &str) -> bool {
    let is_ours = stoa_http::cookie(headers, COOKIE) == Some(state);
    let mut parts = state.splitn(3, '.');
    let (Some(at), Some(random), Some(signed)) = (parts.next(), parts.next(), parts.next()) else { return false };
    is_ours && is_recent(at, AT_SLACK) && is_signed("s1", &options.client_secret, at, random.as_bytes(), signed)
}

async fn finish(inlet: &Inlet, code: &str) -> Result<Install, String> {
    let options = &inlet.app.options;
    let form = vec![
        ("client_id", options.client_id.clone()),
        ("client_secret", options.client_secret.clone()),
        ("code", code.to_owned()),
        ("redirect_uri", redirect_uri(options)),
    ];
    let asked = inlet.app.api.call("", "oauth.v2.access", &Body::Form(form)).await;
    let answer = asked.map_err(|failure| inlet.app.api.send_error(failure).to_string())?;
    let install = Install::read(&answer).ok_or("Slack's answer holds no token")?;
    let (name, kept) = (&options.name, &install);
    let saved = inlet.flow.db().write(|tx| async move { installs::save(&tx, name, kept).await }).await;
    saved.map_err(|e| e.to_string())?;
    inlet.slack.load().await.map_err(|e| e.to_string())?;
    Ok(install)
}

fn page(status: StatusCode, text: &str) -> Response {
    let text = escape(text);
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Stoa</title><body style=\"font-family:sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem\"><p>{text}</p>"
    );
    let policy = [(header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'")];
    (status, policy, Html(html)).into_response()
}

/// Renews the token of an installed app before it ends, until `stop`. Whether tokens are renewed at all is looked at again
/// and again: the app's settings may change, and it may be installed anew.
pub(crate) async fn rotate(inlet: Inlet, stop: CancellationToken) {
    let mut changes = inlet.slack.changes.subscribe();
    let renew = || inlet.app.installed().filter(|install| install.refresh.is_some()).and_then(|install| install.renew);
    loop {
        let left =
            renew().map_or(LONGEST, |at| Duration::from_micros(u64::try_from(at.0 - wall().0).unwrap_or_default()));
        tokio::select! {
            () = tokio::time::sleep(left.clamp(SHORTEST, LONGEST)) => {}
            _ = changes.changed(), if left > SHORTEST => {}
            () = stop.cancelled() => return,
        }
        if renew().is_some_and(|at| at <= wall())
            && let Err(why) = renew_now(&inlet, &stop).await
        {
            tracing::warn!(app = %inlet.app.options.name, why, "a token was not renewed; it is tried again");
        }
    }
}

async fn renew_now(inlet: &Inlet, stop: &CancellationToken) -> Result<(), String> {
    let (app, db) = (&inlet.app, inlet.flow.db());
    let name = &app.options.name;
    let said = |e: stoa_ground::Error| e.to_string();
    let Some(old) = app.installed() else { return Ok(()) };
    let Some(refresh) = old.refresh.clone() else { return Ok(()) };
    if !installs::claim(db, name, &old).await.map_err(said)? {
        // Another server is at it, or was.
        return inlet.slack.load().await.map_err(said);
    }
    let form = vec![
        ("client_id", app.options.client_id.clone()),
        ("client_secret", app.options.client_secret.clone()),
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", refresh),
    ];
    match app.api.call("", "oauth.v2.access", &Body::Form(form)).await {
        Ok(answer) => {
            let new = old.renewed(&answer).ok_or("Slack's answer holds no token")?;
            // What was renewed with is used up: from here on only the new token counts, and it must be kept.
            app.put_unsaved(new.clone());
            let kept = &new;
            while let Err(error) = db.write(|tx| async move { installs::save_renewed(&tx, name, kept).await }).await {
                tracing::error!(app = %name, %error, "a renewed token could not be kept; it is tried again");
                if !wait(SHORTEST, stop).await {
                    return Err(said(error));
                }
            }
            app.saved();
            tracing::info!(app = %name, workspace = %old.workspace, "a token was renewed");
            Ok(())
        }
        Err(failure) => {
            if let Failure::Code { code, .. } = &failure {
                let detail = format!("the token of {} cannot be renewed: {code}; install the app again", old.name);
                app.api.tell_operator(&format!("renew {}", old.workspace), &detail);
            }
            inlet.slack.load().await.map_err(said)?;
            Err(app.api.send_error(failure).to_string())
        }
    }
}
