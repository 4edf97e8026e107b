//! An identity provider as OpenID Connect describes it, strict about what it is asked, whose answers can be wrong in every way
//! that matters. Whoever comes to its sign-in page is signed in as whom the test says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result, anyhow};
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stoa_ground::Instant;
use stoa_ground::clock::wall;

use crate::script::lock;

/// Who we are there.
const CLIENT: &str = "stoa";
/// With which it is shown; percent-encoding changes it (RFC 6749, section 2.3.1).
const SECRET: &str = "a client's secret: +/%";

/// What is wrong with its answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// The token was made for another sign-in.
    Nonce,
    /// The token is for another program.
    Audience,
    /// The token is by another provider.
    Issuer,
    /// The token is too old.
    Expired,
    /// The token was changed after it was signed.
    Changed,
    /// The token is signed with a key that the provider does not have.
    ForeignKey,
    /// The token is not signed, and says so.
    Unsigned,
    /// The token is signed with the client's secret.
    Shared,
    /// The person signed in an hour ago.
    LongAgo,
    /// It does not say when the person signed in.
    NoTime,
    /// The address was not verified.
    Unverified,
    /// The token endpoint answers 500.
    Failing,
    /// The token endpoint does not answer.
    Silent,
    /// Nothing of it answers but with 503.
    Away,
    /// It refuses the sign-in.
    Declines,
}

/// Somebody who can sign in.
#[derive(Clone, Debug)]
struct Account {
    subject: String,
    email: String,
}

/// What was asked for with the browser, kept until the code comes.
#[derive(Clone)]
struct Granted {
    redirect: String,
    challenge: String,
    nonce: String,
    account: Account,
}

struct Kept {
    trouble: Trouble,
    account: Account,
    key: EcdsaKeyPair,
    key_id: usize,
    granted: BTreeMap<String, Granted>,
    asked: BTreeMap<&'static str, usize>,
    /// What was wrong with requests.
    wrong: Vec<String>,
    secrets: Vec<String>,
}

/// The provider on a port of its own. It ends with its value.
pub struct IdentityProvider {
    /// Its name and address.
    pub issuer: String,
    house: House,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct House {
    issuer: String,
    kept: Arc<Mutex<Kept>>,
}

fn new_key() -> Result<EcdsaKeyPair> {
    let random = SystemRandom::new();
    let failed = |_| anyhow!("no key");
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).map_err(failed)?;
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).map_err(|_| anyhow!("no key"))
}

impl IdentityProvider {
    /// Opens it.
    pub async fn open() -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let issuer = format!("http://{}", listener.local_addr()?);
        let kept = Kept {
            trouble: Trouble::None,
            account: Account { subject: "nobody".into(), email: String::new() },
            key: new_key()?,
            key_id: 1,
            granted: BTreeMap::new(),
            asked: BTreeMap::new(),
            wrong: Vec::new(),
            secrets: Vec::new(),
        };
        let house = House { issuer: issuer.clone(), kept: Arc::new(Mutex::new(kept)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(house.clone());
        // An error ends the provider, and the test notices.
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { issuer, house, task })
    }

    /// The section `[oidc]` of the configuration.
    #[must_use]
    pub fn configuration(&self) -> String {
        format!("[oidc]\nissuer = \"{}\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n", self.issuer)
    }

    /// Who signs in from now on.
    pub fn is_used_by(&self, subject: &str, email: &str) {
        lock(&self.house.kept).account = Account { subject: subject.to_owned(), email: email.to_owned() };
    }

    /// What is wrong from now on.
    pub fn has(&self, trouble: Trouble) {
        lock(&self.house.kept).trouble = trouble;
    }

    /// From now on it signs with another key.
    pub fn changes_its_key(&self) -> Result<()> {
        let key = new_key()?;
        let mut kept = lock(&self.house.kept);
        kept.key = key;
        kept.key_id += 1;
        Ok(())
    }

    /// How often one of its endpoints was asked: `discovery`, `keys`, `authorize` or `token`.
    #[must_use]
    pub fn asked(&self, endpoint: &str) -> usize {
        lock(&self.house.kept).asked.get(endpoint).copied().unwrap_or_default()
    }

    /// What was wrong with requests.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        lock(&self.house.kept).wrong.clone()
    }

    /// Codes, tokens and the client's secret, which nobody may write into a log.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let mut all = lock(&self.house.kept).secrets.clone();
        all.push(SECRET.to_owned());
        all
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl House {
    /// Counts a request; a refusal where nothing answers.
    fn come(&self, endpoint: &'static str) -> Option<Response> {
        let mut kept = lock(&self.kept);
        *kept.asked.entry(endpoint).or_default() += 1;
        (kept.trouble == Trouble::Away).then(|| StatusCode::SERVICE_UNAVAILABLE.into_response())
    }

    /// Remembers what is wrong with a request.
    fn refuse(&self, why: &str) -> Response {
        lock(&self.kept).wrong.push(why.to_owned());
        (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_request", "error_description": why }))).into_response()
    }
}

async fn discovery(State(house): State<House>) -> Response {
    if let Some(refusal) = house.come("discovery") {
        return refusal;
    }
    let at = |path: &str| format!("{}/{path}", house.issuer);
    Json(json!({
        "issuer": house.issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "jwks_uri": at("keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "none", "HS256"],
        "claims_supported": ["sub", "email", "auth_time"],
        "code_challenge_methods_supported": ["S256"],
    }))
    .into_response()
}

async fn keys(State(house): State<House>) -> Response {
    if let Some(refusal) = house.come("keys") {
        return refusal;
    }
    let kept = lock(&house.kept);
    // An uncompressed point: 4, x and y (SEC 1, section 2.3.3).
    let point = kept.key.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..65]));
    let kid = format!("k{}", kept.key_id);
    Json(json!({ "keys": [{ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": x, "y": y }] }))
        .into_response()
}

async fn authorize(State(house): State<House>, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    if let Some(refusal) = house.come("authorize") {
        return refusal;
    }
    let value = |name: &str| asked.get(name).map_or("", String::as_str);
    for (name, expected) in [
        ("client_id", CLIENT),
        ("response_type", "code"),
        ("code_challenge_method", "S256"),
        ("prompt", "login"),
        ("max_age", "0"),
    ] {
        if value(name) != expected {
            return house.refuse(&format!("{name} is '{}'", value(name)));
        }
    }
    if !value("scope").split(' ').any(|scope| scope == "openid") {
        return house.refuse("the scope openid is missing");
    }
    for name in ["state", "nonce", "code_challenge", "redirect_uri"] {
        if value(name).len() < 16 {
            return house.refuse(&format!("{name} is missing or too short"));
        }
    }
    let mut kept = lock(&house.kept);
    let state = value("state");
    let back = |query: &str| {
        let to = format!("{}?{query}&state={state}", value("redirect_uri"));
        (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
    };
    if kept.trouble == Trouble::Declines {
        return back("error=access_denied");
    }
    let code = format!("code-{}-{}", kept.granted.len() + 1, URL_SAFE_NO_PAD.encode(Sha256::digest(state)));
    let granted = Granted {
        redirect: value("redirect_uri").to_owned(),
        challenge: value("code_challenge").to_owned(),
        nonce: value("nonce").to_owned(),
        account: kept.account.clone(),
    };
    kept.granted.insert(code.clone(), granted);
    kept.secrets.push(code.clone());
    back(&format!("code={code}"))
}

/// The client's name and secret of HTTP Basic authentication, each percent-encoded.
fn client(headers: &HeaderMap) -> Option<(String, String)> {
    let basic = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
    let decoded = |part: &str| {
        let pair = format!("v={part}");
        form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    let (id, secret) = text.split_once(':')?;
    Some((decoded(id)?, decoded(secret)?))
}

async fn token(
    State(house): State<House>,
    headers: HeaderMap,
    Form(asked): Form<BTreeMap<String, String>>,
) -> Response {
    if let Some(refusal) = house.come("token") {
        return refusal;
    }
    let trouble = lock(&house.kept).trouble;
    match trouble {
        Trouble::Failing => return (StatusCode::INTERNAL_SERVER_ERROR, "a stack trace").into_response(),
        Trouble::Silent => std::future::pending::<()>().await,
        _ => {}
    }
    if client(&headers) != Some((CLIENT.to_owned(), SECRET.to_owned())) {
        lock(&house.kept).wrong.push("the client does not show its secret".into());
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))).into_response();
    }
    let value = |name: &str| asked.get(name).map_or("", String::as_str);
    if value("grant_type") != "authorization_code" {
        return house.refuse("grant_type");
    }
    // A code works once, whatever comes of it.
    let Some(granted) = lock(&house.kept).granted.remove(value("code")) else {
        lock(&house.kept).wrong.push("a code that is used or unknown".into());
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response();
    };
    if value("redirect_uri") != granted.redirect {
        return house.refuse("another redirect_uri");
    }
    if URL_SAFE_NO_PAD.encode(Sha256::digest(value("code_verifier"))) != granted.challenge {
        return house.refuse("the code_verifier does not fit");
    }
    match house.id_token(trouble, &granted) {
        Ok(token) => {
            lock(&house.kept).secrets.push(token.clone());
            Json(json!({ "access_token": "unused", "token_type": "Bearer", "expires_in": 60, "id_token": token }))
                .into_response()
        }
        Err(error) => house.refuse(&error.to_string()),
    }
}

impl House {
    fn id_token(&self, trouble: Trouble, granted: &Granted) -> Result<String> {
        let now = wall().0 / Instant::SECOND;
        let wrong = |this: Trouble| trouble == this;
        let pick =
            |this: Trouble, other: &str, right: &str| if wrong(this) { other.to_owned() } else { right.to_owned() };
        let mut claims = json!({
            "iss": pick(Trouble::Issuer, "https://elsewhere.example.org", &self.issuer),
            "aud": pick(Trouble::Audience, "another", CLIENT),
            "nonce": pick(Trouble::Nonce, "another", &granted.nonce),
            "sub": granted.account.subject,
            "email": granted.account.email,
            "email_verified": !wrong(Trouble::Unverified),
            "iat": now,
            "exp": if wrong(Trouble::Expired) { now - 3_600 } else { now + 300 },
        });
        if !wrong(Trouble::NoTime) {
            claims["auth_time"] = (if wrong(Trouble::LongAgo) { now - 3_600 } else { now }).into();
        }
        let kept = lock(&self.kept);
        let kid = format!("k{}", kept.key_id);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = |header: Value| format!("{}.{}", part(&header), part(&claims));
        let sign = |key: &EcdsaKeyPair| -> Result<String> {
            let text = signed(json!({ "alg": "ES256", "typ": "JWT", "kid": kid }));
            let tag = key.sign(&SystemRandom::new(), text.as_bytes()).map_err(|_| anyhow!("no signature"))?;
            Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref())))
        };
        match trouble {
            Trouble::Unsigned => Ok(format!("{}.", signed(json!({ "alg": "none" })))),
            Trouble::Shared => {
                let text = signed(json!({ "alg": "HS256" }));
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
                Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, text.as_bytes()).as_ref())))
            }
            Trouble::ForeignKey => sign(&new_key()?),
            Trouble::Changed => {
                let token = sign(&kept.key)?;
                let parts: Vec<&str> = token.split('.').collect();
                let mut other = claims.clone();
                other["acr"] = "strong".into();
                let [head, _, tag] = parts.as_slice() else { return Err(anyhow!("three parts")).context("a token") };
                Ok(format!("{head}.{}.{tag}", part(&other)))
            }
            _ => sign(&kept.key),
        }
    }
}
