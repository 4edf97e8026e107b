//! Who is signed in: a random cookie whose digest is kept, and the person behind it.

use std::sync::Arc;

use axum::Form;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::tz::TimeZone;
use serde::Deserialize;
use stoa_flow::chat::Account;
use stoa_flow::words::Words;
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Db, Instant, Result, Tx, args};

use crate::Web;
use crate::chat;
use crate::refusal::{Refusal, words_of};

/// The cookie of a session.
pub(crate) const COOKIE: &str = "stoa_session";
/// The cookie of the chosen colours.
const THEME: &str = "stoa_theme";
/// How long a session lasts, in days of business time.
const DAYS: i64 = 30;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub person: Person,
    pub account: Account,
    pub words: &'static Words,
    pub zone: TimeZone,
    pub theme: &'static str,
}

impl FromRequestParts<Arc<Web>> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, web: &Arc<Web>) -> Result<Self, Refusal> {
        let found = match stoa_http::cookie(&parts.headers, COOKIE) {
            Some(secret) => person_of(web.flow.db(), secret).await?,
            None => None,
        };
        let Some(person) = found else {
            let text = words_of(&parts.headers).say("web-signed-out");
            return Err(Refusal { status: StatusCode::UNAUTHORIZED, text, sign_in: true });
        };
        Ok(Self {
            account: chat::account(&person.id),
            words: Words::of(person.language()),
            zone: people::zone(&person),
            theme: theme_of(&parts.headers),
            person,
        })
    }
}

/// Makes a session; gives the secret for the cookie, which is kept nowhere.
pub(crate) async fn create(tx: &Tx, person: &str) -> Result<String> {
    let secret = format!("{}{}", tx.clock().secret(), tx.clock().secret());
    let now = tx.now();
    tx.exec("DELETE FROM web_session WHERE expires <= $1", args![now]).await?;
    tx.exec(
        "INSERT INTO web_session (digest, person, created, expires) VALUES ($1, $2, $3, $4)",
        args![digest(&secret), person, now, now.plus(DAYS * Instant::DAY)],
    )
    .await?;
    Ok(secret)
}

/// Ends a session.
pub(crate) async fn end(db: &Db, secret: &str) -> Result<()> {
    let digest = &digest(secret);
    db.write(|tx| async move { tx.exec("DELETE FROM web_session WHERE digest = $1", args![digest]).await }).await?;
    Ok(())
}

/// The person of a session that holds. A session in use is prolonged when half of its time is over.
async fn person_of(db: &Db, secret: &str) -> Result<Option<Person>> {
    let digest = &digest(secret);
    let now = db.clock().now();
    let found = db
        .read(|c| async move {
            let sql = "SELECT person, expires FROM web_session WHERE digest = $1 AND expires > $2";
            let Some(row) = c.opt(sql, args![digest, now]).await? else { return Ok(None) };
            let person = people::by_id(&c, &row.get::<String>("person")?).await?;
            Ok(person.map(|p| (p, row.get::<Instant>("expires"))))
        })
        .await?;
    let Some((person, expires)) = found.filter(|(p, _)| p.status != Status::Left) else { return Ok(None) };
    if expires? < now.plus(DAYS * Instant::DAY / 2) {
        let until = now.plus(DAYS * Instant::DAY);
        db.write(|tx| async move {
            tx.exec("UPDATE web_session SET expires = $2 WHERE digest = $1", args![digest, until]).await
        })
        .await?;
    }
    Ok(Some(person))
}

fn digest(secret: &str) -> String {
    stoa_ground::sha256(secret.as_bytes())
}

/// The `Set-Cookie` of a session, or of its end.
pub(crate) fn set_cookie(web: &Web, secret: Option<&str>) -> HeaderValue {
    let url = web.options.public_url.as_deref().unwrap_or_default();
    let age = if secret.is_some() { DAYS * 24 * 3600 } else { 0 };
    let value = secret.unwrap_or_default();
    HeaderValue::from_str(&stoa_http::set_cookie(COOKIE, value, "/", age, url))
        .unwrap_or(HeaderValue::from_static("stoa_session=; Path=/; Max-Age=0"))
}

/// The colours that were chosen: `light`, `dark`, or `auto` for those of the system.
pub(crate) fn theme_of(headers: &HeaderMap) -> &'static str {
    named_theme(stoa_http::cookie(headers, THEME).unwrap_or_default())
}

fn named_theme(name: &str) -> &'static str {
    match name {
        "light" => "light",
        "dark" => "dark",
        _ => "auto",
    }
}

/// A path on this server to go back to; anything else is the start page.
pub(crate) fn local_path(path: Option<&str>) -> &str {
    path.filter(|p| p.starts_with('/') && !p.starts_with("//") && !p.contains(['\\', '\r', '\n'])).unwrap_or("/")
}

#[derive(Deserialize)]
pub(crate) struct Theme {
    theme: String,
    back: Option<String>,
}

/// Keeps the chosen colours in a cookie.
pub(crate) async fn theme(Form(chosen): Form<Theme>) -> Response {
    let value = match named_theme(&chosen.theme) {
        "light" => "stoa_theme=light; Path=/; Max-Age=31536000; SameSite=Lax",
        "dark" => "stoa_theme=dark; Path=/; Max-Age=31536000; SameSite=Lax",
        _ => "stoa_theme=; Path=/; Max-Age=0; SameSite=Lax",
    };
    let back = local_path(chosen.back.as_deref()).to_owned();
    ([(header::SET_COOKIE, HeaderValue::from_static(value))], Redirect::to(&back)).into_response()
}
