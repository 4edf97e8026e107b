//! `/oidc/…`: the way of a browser to the organisation's identity provider and back, with which people sign
//! (`docs/training.md`). What is said on the way is a page of one sentence.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Deserialize;
use stoa_flow::words::Words;
use stoa_flow::words_key;
use stoa_ground::Instant;
use stoa_learning::training::attest::sign_in::{self, Ended, Link};
use stoa_learning::training::attest::{NamedBy, SignedIn};
use stoa_oidc::{Attempt, EMAIL, Failure, Options, Provider};

use crate::app::App;
use crate::config::{Config, duration, secret};

/// The cookie that ties the way back to the browser that began.
const COOKIE: &str = "stoa_oidc";
/// How long a browser may take at the provider, in seconds.
const AT_PROVIDER: i64 = 600;
/// The longest difference of clocks that can be allowed, in microseconds.
const MOST_SKEW: i64 = 600_000_000;

/// Whether the section makes sense, without reading secrets.
pub fn check(config: &Config) -> Result<()> {
    let oidc = &config.oidc;
    let skew = duration(&oidc.clock_skew).context("[oidc] clock_skew")?;
    if skew > MOST_SKEW {
        bail!("[oidc] clock_skew = '{}' is more than ten minutes", oidc.clock_skew);
    }
    if !oidc.is_set() {
        return Ok(());
    }
    let secret = oidc.client_secret.is_some() || oidc.client_secret_file.is_some();
    for (key, there) in [
        ("issuer", !oidc.issuer.is_empty()),
        ("client_id", !oidc.client_id.is_empty()),
        ("client_secret or client_secret_file", secret),
        ("claim", !oidc.claim.is_empty()),
    ] {
        if !there {
            bail!("[oidc] needs {key}");
        }
    }
    if config.http.public_url.is_none() {
        bail!("[oidc] needs [http] public_url, the address under which people's browsers come back");
    }
    Ok(())
}

/// What the provider names people by; none where there is no provider.
pub fn named_by(config: &Config) -> Option<NamedBy> {
    config.oidc.is_set().then(|| stoa_oidc::named_by(&config.oidc.claim))
}

/// The provider of the configuration; none where there is none.
pub fn provider(config: &Config) -> Result<Option<Provider>> {
    let oidc = &config.oidc;
    if !oidc.is_set() {
        return Ok(None);
    }
    let scopes = match &oidc.scopes {
        Some(scopes) => scopes.clone(),
        None => vec![if oidc.claim == EMAIL { "email" } else { "profile" }.to_owned()],
    };
    let base = config.http.public_url.as_deref().unwrap_or_default().trim_end_matches('/');
    let options = Options {
        issuer: oidc.issuer.clone(),
        client_id: oidc.client_id.clone(),
        client_secret: secret(
            "[oidc] client_secret_file",
            oidc.client_secret.as_deref(),
            oidc.client_secret_file.as_deref(),
        )?,
        scopes,
        claim: oidc.claim.clone(),
        skew: duration(&oidc.clock_skew).context("[oidc] clock_skew")?,
        redirect_uri: format!("{base}/oidc/callback"),
        network: config.network.outside()?,
    };
    Ok(Some(Provider::new(options)?))
}

/// What every step needs.
struct Desk {
    app: Arc<App>,
    provider: Provider,
}

/// The routes; none where there is no provider.
pub fn router(app: &Arc<App>) -> Result<Router> {
    let Some(provider) = provider(&app.config)? else { return Ok(Router::new()) };
    let desk = Arc::new(Desk { app: app.clone(), provider });
    Ok(Router::new()
        .route("/oidc/start/{token}", get(start))
        .route("/oidc/callback", get(back))
        .layer(axum::middleware::from_fn(stoa_web::headers))
        .with_state(desk))
}

/// What a page says.
#[derive(Clone, Copy)]
enum Said {
    Signed,
    Used,
    Gone,
    Declined,
    OtherBrowser,
    SomebodyElse,
    Away,
    NotAnew,
    Untrusted,
    Wrong,
}

impl Said {
    fn status(self) -> StatusCode {
        match self {
            Self::Signed | Self::Used | Self::Declined => StatusCode::OK,
            Self::Gone => StatusCode::GONE,
            Self::OtherBrowser | Self::SomebodyElse | Self::NotAnew => StatusCode::FORBIDDEN,
            Self::Away | Self::Untrusted => StatusCode::BAD_GATEWAY,
            Self::Wrong => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The keys of title and text.
    fn keys(self) -> (&'static str, &'static str) {
        let not = words_key!("oidc-not-signed");
        match self {
            Self::Signed => (words_key!("oidc-signed"), words_key!("oidc-signed-text")),
            Self::Used => (words_key!("oidc-signed"), words_key!("oidc-used-text")),
            Self::Gone => (not, words_key!("oidc-gone-text")),
            Self::Declined => (not, words_key!("oidc-declined-text")),
            Self::OtherBrowser => (not, words_key!("oidc-browser-text")),
            Self::SomebodyElse => (not, words_key!("oidc-somebody-text")),
            Self::Away => (not, words_key!("oidc-away-text")),
            Self::NotAnew => (not, words_key!("oidc-anew-text")),
            Self::Untrusted => (not, words_key!("oidc-untrusted-text")),
            Self::Wrong => (not, words_key!("oidc-wrong-text")),
        }
    }
}

impl Desk {
    fn page(&self, headers: &HeaderMap, said: Said) -> Response {
        let words: &Words = stoa_web::words_of(headers);
        let (title, text) = said.keys();
        stoa_web::notice(&self.app.flow, headers, said.status(), words.say(title), words.say(text))
    }

    /// The page about a failure of the provider, which the log says more of.
    fn failed(&self, headers: &HeaderMap, failure: &Failure) -> Response {
        match failure {
            Failure::Away(why) => {
                tracing::warn!(why, "the identity provider cannot be used now");
                self.page(headers, Said::Away)
            }
            Failure::NotAnew(why) => {
                tracing::warn!(why, "a sign-in with the identity provider was not taken");
                self.page(headers, Said::NotAnew)
            }
            Failure::Untrusted(why) => {
                tracing::error!(why, "a sign-in with the identity provider was not taken");
                self.page(headers, Said::Untrusted)
            }
        }
    }

    /// Since when a sign-in counts for a link that works, or what is said of one that does not.
    async fn look(&self, token: &str) -> Result<Instant, Said> {
        match self.app.db.read(|c| async move { sign_in::look(&c, token).await }).await {
            Ok(Link::Open(since)) => Ok(since),
            Ok(Link::Used) => Err(Said::Used),
            Ok(Link::Gone) => Err(Said::Gone),
            Err(error) => {
                tracing::error!(%error, "a link to sign could not be read");
                Err(Said::Wrong)
            }
        }
    }

    /// Signs what waits under a token, when it was its person who signed in.
    async fn finish(&self, token: &str, who: &SignedIn) -> Said {
        let services = &self.app.services;
        let ended = self.app.db.write(|tx| async move { sign_in::finish(&tx, services, token, who).await }).await;
        self.app.flow.wake();
        match ended {
            Ok(Ended::Signed) => Said::Signed,
            Ok(Ended::SomebodyElse) => Said::SomebodyElse,
            Ok(Ended::Gone) => Said::Gone,
            Err(error) => {
                tracing::error!(%error, "a signature could not be recorded");
                Said::Wrong
            }
        }
    }

    /// The `Set-Cookie` of a way to the provider, or of its end.
    fn cookie(&self, attempt: Option<&Attempt>) -> [(header::HeaderName, String); 1] {
        let (value, age) = attempt.map_or_else(|| (String::new(), 0), |a| (a.cookie(), AT_PROVIDER));
        // As browsers see it, where a proxy puts Stoa below a path.
        let path = self.provider.redirect_path().trim_end_matches("/callback");
        let to = self.provider.redirect_uri();
        [(header::SET_COOKIE, stoa_http::set_cookie(COOKIE, &value, path, age, to))]
    }
}

/// Leads a browser with a link to the provider.
async fn start(State(desk): State<Arc<Desk>>, Path(token): Path<String>, headers: HeaderMap) -> Response {
    if let Err(said) = desk.look(&token).await {
        return desk.page(&headers, said);
    }
    let attempt = Attempt::new(&token, desk.app.db.clock());
    match desk.provider.address(&attempt).await {
        Ok(to) => (StatusCode::SEE_OTHER, desk.cookie(Some(&attempt)), [(header::LOCATION, to)]).into_response(),
        Err(failure) => desk.failed(&headers, &failure),
    }
}

/// What the provider sends the browser back with (RFC 6749, sections 4.1.2 and 4.1.2.1; RFC 9207).
#[derive(Deserialize)]
struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    iss: String,
}

/// The way back from the provider.
async fn back(State(desk): State<Arc<Desk>>, headers: HeaderMap, Query(back): Query<Back>) -> Response {
    let attempt = stoa_http::cookie(&headers, COOKIE).and_then(Attempt::read);
    let Some(attempt) = attempt.filter(|attempt| attempt.is_state(&back.state)) else {
        tracing::warn!("a way back from the identity provider that did not begin in the same browser was refused");
        return desk.page(&headers, Said::OtherBrowser);
    };
    let since = match desk.look(attempt.link()).await {
        Ok(since) => since,
        Err(said) => return desk.page(&headers, said),
    };
    if !back.iss.is_empty() && back.iss != desk.provider.issuer() {
        let why = "somebody else than the provider sent the browser back".into();
        return desk.failed(&headers, &Failure::Untrusted(why));
    }
    if !back.error.is_empty() || back.code.is_empty() {
        return desk.page(&headers, Said::Declined);
    }
    let who = match desk.provider.identify(back.code, &attempt, since).await {
        Ok(who) => who,
        Err(failure) => return desk.failed(&headers, &failure),
    };
    let said = desk.finish(attempt.link(), &who).await;
    (desk.cookie(None), desk.page(&headers, said)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_text_for_everything_that_can_happen() {
        let all = [
            Said::Signed,
            Said::Used,
            Said::Gone,
            Said::Declined,
            Said::OtherBrowser,
            Said::SomebodyElse,
            Said::Away,
            Said::NotAnew,
            Said::Untrusted,
            Said::Wrong,
        ];
        let words = Words::english();
        for (title, text) in all.map(Said::keys) {
            assert!(![words.say(title), words.say(text)].iter().any(|said| said.contains('⟨')), "{title} {text}");
        }
    }
}
