//! The local web chat: conversations with Stoa in a browser, on the same port as every other chat platform.
//!
//! [`platform`] is the chat as the delivery sees it ([`stoa_flow::chat::Platform`]); [`router`] serves its pages. Pages
//! are rendered here and work without script; with script, messages arrive by themselves.

mod actions;
mod assets;
mod chat;
mod clock;
mod evidence;
mod forms;
mod guard;
mod markup;
mod notice;
mod own;
mod pages;
mod refusal;
mod session;
mod sign_in;
mod store;
mod stream;
mod view;

pub use chat::{NAME, WebChat, account, enrol};
pub use clock::ClockMoved;
pub use guard::headers;
pub use notice::notice;
pub use refusal::words_of;
pub use store::{TOPIC, channel_named, create_channel, join, post_as};

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use stoa_flow::Flow;
use tokio_util::sync::CancellationToken;

/// The most bytes of a request's body that are read.
const BODY_LIMIT: usize = 64 * 1024;

/// How the web chat is served.
#[derive(Clone)]
pub struct WebOptions {
    /// Whoever opens the page chooses who they are, and a manual clock is moved from the page. Sample data only.
    pub demo: bool,
    /// Whether there are chat pages at all; without them only `/control/clock` is served.
    pub local_chat: bool,
    /// The address under which people reach the server, for example `https://learn.example.org`. Requests for other
    /// host names than this one, `localhost` and plain IP addresses are refused.
    pub public_url: Option<String>,
    /// Called after a manual clock was moved, to keep where it stands.
    pub clock_moved: Option<ClockMoved>,
    /// Whether everybody may read the log of evidence; without it, auditors.
    pub evidence_public: bool,
    /// Ends open event streams, so that the server can stop.
    pub stop: CancellationToken,
}

impl Default for WebOptions {
    fn default() -> Self {
        Self {
            demo: false,
            local_chat: true,
            public_url: None,
            clock_moved: None,
            evidence_public: false,
            stop: CancellationToken::new(),
        }
    }
}

/// What every request needs.
pub(crate) struct Web {
    pub flow: Arc<Flow>,
    pub options: WebOptions,
    pub limiter: guard::Limiter,
    pub clock: clock::Control,
}

/// The chat platform of a flow; connect it with [`Flow::connect`].
#[must_use]
pub fn platform(flow: &Arc<Flow>) -> Arc<WebChat> {
    Arc::new(WebChat { db: flow.db().clone() })
}

/// The pages, with a page for what is not found: `/`, `/chat/…`, `/sign-in`, `/events`, `/assets/…`, `/control/clock`, `/evidence/…`.
pub fn router(flow: Arc<Flow>, options: WebOptions) -> Router {
    let chat_open = options.demo || options.local_chat;
    let web = Arc::new(Web { flow, options, limiter: guard::Limiter::default(), clock: clock::Control::default() });
    let mut router = Router::new()
        .route("/control/clock", post(clock::control))
        .route("/assets/{file}", get(assets::asset))
        .route("/evidence/checkpoint", get(evidence::checkpoint))
        .route("/evidence/tile/{*path}", get(evidence::tile))
        .fallback(refusal::not_found);
    if chat_open {
        router = router
            .route("/", get(pages::home))
            .route("/chat", get(pages::home))
            .route("/chat/{channel}", get(pages::channel))
            .route("/chat/{channel}/thread/{root}", get(pages::thread))
            .route("/chat/{channel}/updates", get(pages::updates))
            .route("/chat/{channel}/messages", post(actions::message))
            .route("/chat/{channel}/messages/{id}/edit", get(own::edit_page).post(own::edit))
            .route("/chat/{channel}/messages/{id}/delete", get(own::delete_page).post(own::delete))
            .route("/chat/{channel}/buttons", post(actions::button))
            .route("/chat/{channel}/shortcuts", post(actions::shortcut))
            .route("/chat/{channel}/forms", post(actions::form))
            .route("/events", get(stream::events))
            .route("/theme", post(session::theme))
            .route("/sign-in", get(sign_in::page).post(sign_in::choose))
            .route("/sign-in/{token}", get(sign_in::link_page).post(sign_in::redeem))
            .route("/sign-out", post(sign_in::sign_out));
    }
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(web.clone(), guard::guard))
        .layer(middleware::from_fn_with_state(web.clone(), refusal::dress))
        .layer(middleware::from_fn(guard::headers))
        .with_state(web)
}
