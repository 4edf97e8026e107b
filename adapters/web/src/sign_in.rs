//! Signing in: by choosing a person in the demo, else by a one-time link, which only a button redeems.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use stoa_flow::say;
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Error, Tx};

use crate::Web;
use crate::refusal::{Refusal, words_of};
use crate::session;
use crate::view::{Face, Frame};
use crate::{chat, store};

/// A person to choose.
struct Choice {
    id: String,
    face: Face,
    about: String,
    local_time: String,
    on_leave: bool,
    unread: usize,
    unread_label: String,
}

#[derive(Template)]
#[template(path = "sign-in.html")]
struct Page {
    frame: Frame,
    demo: bool,
    intro: String,
    people: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "sign-in-link.html")]
struct LinkPage {
    frame: Frame,
    intro: String,
    token: String,
}

/// "Choose who you are" in the demo; else how to get a link.
pub(crate) async fn page(State(web): State<Arc<Web>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let words = words_of(&headers);
    let now = web.flow.clock().now();
    let mut choices = Vec::new();
    if web.options.demo {
        let (everybody, unread) = web
            .flow
            .db()
            .read(|c| async move { Ok((people::all(&c).await?, store::unread_by_user(&c).await?)) })
            .await?;
        for person in everybody.iter().filter(|p| p.status != Status::Left) {
            choices.push(choice(person, words, now, unread.get(&person.id).copied().unwrap_or(0)));
        }
    }
    let organisation = web.flow.organisation().name.clone();
    let intro = if web.options.demo {
        say!(words, "web-choose-intro", organisation = organisation)
    } else {
        say!(words, "web-sign-in-intro", organisation = organisation)
    };
    let title = words.say(if web.options.demo {
        stoa_flow::words_key!("web-choose-title")
    } else {
        stoa_flow::words_key!("web-sign-in-title")
    });
    let frame = Frame::new(&web, words, session::theme_of(&headers), title);
    Ok(Html(Page { frame, demo: web.options.demo, intro, people: choices }.render()?).into_response())
}

fn choice(person: &Person, words: &stoa_flow::words::Words, now: stoa_ground::Instant, unread: usize) -> Choice {
    let local = now.zoned(&people::zone(person));
    let about = [&person.title, &person.department, &person.location];
    let about: Vec<&str> = about.into_iter().flatten().map(String::as_str).collect();
    Choice {
        id: person.id.clone(),
        face: Face::of(person),
        about: about.join(" · "),
        local_time: words.time(local.time()),
        on_leave: people::away(person, local.date()),
        unread,
        unread_label: say!(words, "web-unread", count = unread),
    }
}

#[derive(Deserialize)]
pub(crate) struct Chosen {
    person: String,
}

/// Signs in as the chosen person; demo only.
pub(crate) async fn choose(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Refusal> {
    if !web.options.demo {
        return Err(Refusal::new(StatusCode::FORBIDDEN, words_of(&headers).say("web-no-choosing")));
    }
    let id = chosen.person.as_str();
    let secret = web
        .flow
        .db()
        .write(|tx| async move {
            match people::by_id(&tx, id).await? {
                Some(person) if person.status != Status::Left => open(&tx, &person).await,
                _ => Err(Error::NotFound("this person".into())),
            }
        })
        .await?;
    Ok(signed_in(&web, &headers, &secret).await)
}

/// A page with a button: programs that look at links do not press it, so the link stays good.
pub(crate) async fn link_page(
    State(web): State<Arc<Web>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let words = words_of(&headers);
    let intro = say!(words, "web-link-intro", organisation = web.flow.organisation().name.clone());
    let frame = Frame::new(&web, words, session::theme_of(&headers), words.say("web-sign-in-title"));
    Ok(Html(LinkPage { frame, intro, token }.render()?).into_response())
}

/// Uses the link up.
pub(crate) async fn redeem(
    State(web): State<Arc<Web>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let token = token.as_str();
    let secret = web
        .flow
        .db()
        .write(|tx| async move {
            let person = people::redeem_sign_in_link(&tx, token).await?;
            open(&tx, &person).await
        })
        .await;
    match secret {
        Ok(secret) => Ok(signed_in(&web, &headers, &secret).await),
        Err(Error::Forbidden(_)) => Err(Refusal::new(StatusCode::FORBIDDEN, words_of(&headers).say("web-link-used"))),
        Err(e) => Err(e.into()),
    }
}

async fn open(tx: &Tx, person: &Person) -> stoa_ground::Result<String> {
    chat::enrol(tx, &person.id).await?;
    session::create(tx, &person.id).await
}

/// A browser has one session: the one before ends.
async fn signed_in(web: &Web, headers: &HeaderMap, secret: &str) -> Response {
    if let Some(old) = stoa_http::cookie(headers, session::COOKIE)
        && let Err(error) = session::end(web.flow.db(), old).await
    {
        tracing::warn!(%error, "an old session could not be ended; it expires by itself");
    }
    ([(header::SET_COOKIE, session::set_cookie(web, Some(secret)))], Redirect::to("/chat")).into_response()
}

/// Ends the session.
pub(crate) async fn sign_out(State(web): State<Arc<Web>>, headers: HeaderMap) -> Result<Response, Refusal> {
    if let Some(secret) = stoa_http::cookie(&headers, session::COOKIE) {
        session::end(web.flow.db(), secret).await?;
    }
    Ok(([(header::SET_COOKIE, session::set_cookie(&web, None))], Redirect::to("/sign-in")).into_response())
}
