//! What every request passes: the right host, no POST from other sites, not too many at once; and the headers of every
//! answer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use stoa_flow::say;
use stoa_ground::clock::monotonic;

use crate::Web;
use crate::refusal::{Refusal, words_of};
use crate::session;

const POLICY: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The headers of every answer: a layer for pages.
pub async fn headers(request: Request, next: Next) -> Response {
    let asset = request.uri().path().starts_with("/assets/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: header::HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    // The address of a sign-in link must not travel.
    set(header::REFERRER_POLICY, "same-origin");
    set(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    if !asset {
        set(header::CACHE_CONTROL, "no-store");
    }
    response
}

/// Refuses foreign hosts, requests from other sites, and too many requests.
pub(crate) async fn guard(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let words = words_of(request.headers());
    if !is_our_host(request.headers(), web.options.public_url.as_deref()) {
        return Refusal::new(StatusCode::MISDIRECTED_REQUEST, words.say("web-wrong-host")).into_response();
    }
    if request.method() == Method::POST {
        if !is_from_us(request.headers()) {
            return Refusal::new(StatusCode::FORBIDDEN, words.say("web-other-site")).into_response();
        }
        if let Some(cookie) = stoa_http::cookie(request.headers(), session::COOKIE)
            && let Err(seconds) = web.limiter.take(cookie, monotonic())
        {
            let text = say!(words, "chat-slow-down", seconds = seconds);
            return Refusal::new(StatusCode::TOO_MANY_REQUESTS, text).into_response();
        }
    }
    next.run(request).await
}

/// Whether the host asked for is ours: the public one, `localhost` or an IP address. Other names could be made to point
/// here by somebody else (DNS rebinding).
fn is_our_host(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|h| h.to_str().ok()) else { return true };
    let name = host_name(host);
    let public = public_url.and_then(|url| url.split("://").nth(1)).and_then(|rest| rest.split('/').next());
    name.eq_ignore_ascii_case("localhost")
        || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
        || public.is_some_and(|p| host_name(p).eq_ignore_ascii_case(name))
}

/// A host without its port.
fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a POST comes from our own pages (Fetch Metadata, else `Origin`), or from a program that sends JSON, which no
/// page of another site can do without asking first.
fn is_from_us(headers: &HeaderMap) -> bool {
    let get = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(site) = get("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (get("origin"), get("host")) {
        (Some(origin), Some(host)) => origin.split("://").nth(1).is_some_and(|o| o.eq_ignore_ascii_case(host)),
        (Some(_), None) => false,
        (None, _) => get("content-type").is_some_and(|t| t.starts_with("application/json")),
    }
}

/// Token buckets by session, in machine time.
#[derive(Default)]
pub(crate) struct Limiter(Mutex<HashMap<String, (f64, std::time::Instant)>>);

impl Limiter {
    /// Requests at once.
    const BURST: f64 = 40.0;
    /// Requests a second in the long run.
    const RATE: f64 = 4.0;

    /// Takes a token, or gives the seconds until there is one.
    fn take(&self, session: &str, now: std::time::Instant) -> Result<(), u64> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fill = |(tokens, at): (f64, std::time::Instant)| {
            (tokens + now.saturating_duration_since(at).as_secs_f64() * Self::RATE).min(Self::BURST)
        };
        if buckets.len() > 10_000 {
            buckets.retain(|_, bucket| fill(*bucket) < Self::BURST);
        }
        let tokens = buckets.get(session).map_or(Self::BURST, |bucket| fill(*bucket));
        let allowed = tokens >= 1.0;
        buckets.insert(session.to_owned(), (if allowed { tokens - 1.0 } else { tokens }, now));
        if allowed { Ok(()) } else { Err(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn with(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (n.parse().unwrap(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn only_our_own_names_are_answered() {
        for host in ["localhost:8420", "127.0.0.1:1", "[::1]:80", "[::1]", "learn.example.org", "LEARN.example.org:443"]
        {
            assert!(is_our_host(&with(&[("host", host)]), Some("https://learn.example.org/")), "{host}");
        }
        assert!(!is_our_host(&with(&[("host", "evil.example")]), Some("https://learn.example.org")));
        assert!(!is_our_host(&with(&[("host", "localhost.evil.example:80")]), None));
    }

    #[test]
    fn a_post_from_another_site_is_refused() {
        assert!(is_from_us(&with(&[("sec-fetch-site", "same-origin"), ("host", "a")])));
        assert!(!is_from_us(&with(&[("sec-fetch-site", "cross-site"), ("content-type", "application/json")])));
        assert!(is_from_us(&with(&[("origin", "http://localhost:1"), ("host", "localhost:1")])));
        assert!(!is_from_us(&with(&[("origin", "http://localhost:2"), ("host", "localhost:1")])));
        assert!(!is_from_us(&with(&[("origin", "null"), ("host", "localhost:1")])));
        assert!(!is_from_us(&with(&[("content-type", "application/x-www-form-urlencoded")])));
    }

    #[test]
    fn who_sends_too_much_waits_a_moment_and_others_do_not() {
        let (limiter, start) = (Limiter::default(), monotonic());
        let sent = (0..100).filter(|_| limiter.take("a", start).is_ok()).count();
        assert_eq!(sent, 40);
        assert_eq!(limiter.take("b", start), Ok(()));
        assert_eq!(limiter.take("a", start + Duration::from_secs(1)), Ok(()));
    }
}
