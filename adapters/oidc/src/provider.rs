//! What is known of the provider, and what it says about people.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreResponseType,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthType, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, Client, ClientId,
    ClientSecret, CsrfToken, DiscoveryError, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    IdTokenClaims, IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, SignatureVerificationError, StandardErrorResponse, StandardTokenResponse,
    TokenResponse as _,
};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use stoa_ground::clock::{monotonic, wall};
use stoa_ground::{Error, Instant, Result};
use stoa_learning::training::attest::{NamedBy, SignedIn};
use tokio::sync::Mutex;

use crate::outside::{Outside, Trouble};
use crate::{Attempt, Options, named_by};

/// How long what the provider says of itself is taken as it is.
const FRESH: Duration = Duration::from_secs(3_600);
/// How long its trouble is believed without a new look, so that not everybody waits for the same.
const TROUBLED: Duration = Duration::from_secs(3);
/// The least time between two looks at its keys because of a key that is not known.
const KEYS: Duration = Duration::from_secs(5);
/// The algorithms of signatures that are taken: those with a public key. `none` and those with the client's secret are not.
const SIGNED: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Why it is not known who signed in. The text is for the operator; codes, tokens and secrets are not in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The provider does not answer, or says that it cannot; this passes.
    #[error("{0}")]
    Away(String),
    /// What it says cannot be taken.
    #[error("{0}")]
    Untrusted(String),
    /// It did not ask the person to sign in anew, or does not say that it did.
    #[error("{0}")]
    NotAnew(String),
}

/// Claims that the library has no name for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Others {
    #[serde(flatten)]
    all: BTreeMap<String, Json>,
}

impl AdditionalClaims for Others {}

type Claims = IdTokenClaims<Others, CoreGenderClaim>;
type Fields = IdTokenFields<
    Others,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Party = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What was found out about the provider, and when.
#[derive(Default)]
struct Known {
    metadata: Option<(Arc<CoreProviderMetadata>, std::time::Instant)>,
    failed: Option<(Failure, std::time::Instant)>,
}

/// The provider. Nothing is asked before it is needed.
pub struct Provider {
    options: Options,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    outside: Outside,
    known: Mutex<Known>,
}

impl Provider {
    /// The provider of the configuration.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the key of the configuration that is wrong.
    pub fn new(options: Options) -> Result<Self> {
        let issuer = Url::parse(&options.issuer).map_err(|e| Error::invalid(format!("[oidc] issuer: {e}")))?;
        if !is_safe(&issuer) {
            return Err(Error::invalid("[oidc] issuer must start with https://"));
        }
        let issuer = IssuerUrl::new(options.issuer.clone());
        let issuer = issuer.map_err(|e| Error::invalid(format!("[oidc] issuer: {e}")))?;
        let redirect = RedirectUrl::new(options.redirect_uri.clone());
        let redirect = redirect.map_err(|e| Error::invalid(format!("[http] public_url: {e}")))?;
        let outside = Outside::new(&options.network)?;
        Ok(Self { options, issuer, redirect, outside, known: Mutex::default() })
    }

    /// What it is called.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.options.issuer
    }

    /// The address to which browsers come back, which the provider has to know.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.options.redirect_uri
    }

    /// The path of that address.
    #[must_use]
    pub fn redirect_path(&self) -> &str {
        self.redirect.url().path()
    }

    /// Where a browser is led, so that the person signs in anew.
    ///
    /// # Errors
    /// When the provider cannot be asked what it is like.
    pub async fn address(&self, attempt: &Attempt) -> Result<String, Failure> {
        let party = self.party(&*self.metadata(FRESH).await?);
        let (state, nonce) = (attempt.state(), attempt.nonce());
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(attempt.verifier()));
        let scopes = self.options.scopes.iter().cloned().map(Scope::new);
        let (address, ..) = party
            .authorize_url(flow, move || CsrfToken::new(state), move || Nonce::new(nonce))
            .add_scopes(scopes)
            .set_pkce_challenge(challenge)
            // Some providers heed the one, some the other; that one of them was heeded is looked at in the end.
            .add_prompt(CoreAuthPrompt::Login)
            .set_max_age(Duration::ZERO)
            .url();
        Ok(address.into())
    }

    /// Who came back with a code, having signed in since an instant of the machine's clock. The code is used once, whatever
    /// comes of it.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn identify(&self, code: String, attempt: &Attempt, since: Instant) -> Result<SignedIn, Failure> {
        let metadata = self.metadata(FRESH).await?;
        let party = self.party(&metadata);
        let untrusted = |why: &str| Failure::Untrusted(why.to_owned());
        let exchange = party.exchange_code(AuthorizationCode::new(code));
        let exchange = exchange.map_err(|_| untrusted("it has no token endpoint"))?;
        let call = self.outside.client();
        let tokens = exchange
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier()))
            .request_async(&call)
            .await
            .map_err(|e| not_exchanged(&e))?;
        let token = tokens.id_token().ok_or_else(|| untrusted("it gave no ID token"))?;
        let nonce = Nonce::new(attempt.nonce());
        let mut claims = token.claims(&self.verifier(&party, since), &nonce).cloned();
        let unknown = ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey);
        if matches!(&claims, Err(e) if *e == unknown) {
            // It has a new key since its keys were read.
            let party = self.party(&*self.metadata(KEYS).await?);
            claims = token.claims(&self.verifier(&party, since), &nonce).cloned();
        }
        let claims = claims.map_err(|e| not_verified(&e))?;
        self.signed_in(&claims)
    }

    /// Asks the provider what it is like, for the operator: what could be better, one sentence each.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn check(&self) -> Result<Vec<String>, Failure> {
        let metadata = self.metadata(Duration::ZERO).await?;
        if metadata.token_endpoint().is_none() {
            return Err(Failure::Untrusted("it has no token endpoint".into()));
        }
        if metadata.jwks().keys().is_empty() {
            return Err(Failure::Untrusted("none of its keys can be used".into()));
        }
        let mut notes = Vec::new();
        if let Some(claims) = metadata.claims_supported() {
            for name in [self.options.claim.as_str(), "auth_time"] {
                if !claims.iter().any(|claim| claim.as_str() == name) {
                    notes
                        .push(format!("it does not say that it gives the claim {name}, without which nobody can sign"));
                }
            }
        }
        Ok(notes)
    }

    fn party(&self, metadata: &CoreProviderMetadata) -> Party {
        let id = ClientId::new(self.options.client_id.clone());
        let secret = ClientSecret::new(self.options.client_secret.clone());
        let party = Party::from_provider_metadata(metadata.clone(), id, Some(secret));
        // Without a word about it, Basic is meant (OpenID Connect Discovery 1.0, section 3).
        let only_post = metadata.token_endpoint_auth_methods_supported().is_some_and(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretPost)
                && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        let how = if only_post { AuthType::RequestBody } else { AuthType::BasicAuth };
        party.set_auth_type(how).set_redirect_uri(self.redirect.clone())
    }

    /// What the provider says of itself, at most so old; older where it cannot be asked now.
    async fn metadata(&self, age: Duration) -> Result<Arc<CoreProviderMetadata>, Failure> {
        let mut known = self.known.lock().await;
        if let Some((metadata, read)) = &known.metadata
            && read.elapsed() < age
        {
            return Ok(metadata.clone());
        }
        let why = match &known.failed {
            Some((failure, at)) if at.elapsed() < TROUBLED => failure.clone(),
            _ => match self.discover().await {
                Ok(metadata) => {
                    let metadata = Arc::new(metadata);
                    *known = Known { metadata: Some((metadata.clone(), monotonic())), failed: None };
                    return Ok(metadata);
                }
                Err(failure) => {
                    known.failed = Some((failure.clone(), monotonic()));
                    failure
                }
            },
        };
        match &known.metadata {
            Some((metadata, _)) if age > Duration::ZERO => {
                tracing::warn!(%why, "the identity provider cannot be asked what it is like; what it said before holds");
                Ok(metadata.clone())
            }
            _ => Err(why),
        }
    }

    async fn discover(&self) -> Result<CoreProviderMetadata, Failure> {
        let call = self.outside.client();
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &call).await;
        let metadata = metadata.map_err(|e| not_discovered(e, self.issuer()))?;
        let endpoints = [
            Some(metadata.authorization_endpoint().url()),
            metadata.token_endpoint().map(openidconnect::TokenUrl::url),
            Some(metadata.jwks_uri().url()),
        ];
        // The client's secret and the keys do not go in the open, whatever the provider says.
        if let Some(url) = endpoints.into_iter().flatten().find(|url| !is_safe(url)) {
            return Err(Failure::Untrusted(format!("it names {url}, which does not start with https://")));
        }
        Ok(metadata)
    }

    fn verifier<'a>(&self, party: &'a Party, since: Instant) -> openidconnect::IdTokenVerifier<'a, CoreJsonWebKey> {
        let skew = self.options.skew;
        let latest = wall().plus(skew);
        party
            .id_token_verifier()
            .set_allowed_algs(SIGNED)
            .set_time_fn(move || chrono_of(wall().plus(-skew)))
            .set_issue_time_verifier_fn(move |at| match instant_of(at) > latest {
                true => Err("its clock is ahead of ours".into()),
                false => Ok(()),
            })
            .set_auth_time_verifier_fn(move |at| is_anew(at.map(instant_of), since.plus(-skew), latest))
    }

    /// Who verified claims say that it is.
    fn signed_in(&self, claims: &Claims) -> Result<SignedIn, Failure> {
        if claims.authorized_party().is_some_and(|party| party.as_str() != self.options.client_id) {
            return Err(Failure::Untrusted("it says who signed in to another program than this one".into()));
        }
        let at = claims.auth_time().map(instant_of).ok_or_else(no_auth_time)?;
        Ok(SignedIn {
            issuer: self.options.issuer.clone(),
            subject: claims.subject().to_string(),
            named: named(claims, &self.options.claim)?,
            at,
        })
    }
}

/// What the claim says that names the person. An address counts when the provider has seen that it is theirs.
fn named(claims: &Claims, claim: &str) -> Result<String, Failure> {
    if named_by(claim) == NamedBy::Email && claims.email_verified() != Some(true) {
        return Err(Failure::Untrusted("it does not say email_verified of the address of who signed in".into()));
    }
    let all = serde_json::to_value(claims).unwrap_or_default();
    let text = match &all[claim] {
        Json::String(text) => text.trim().to_owned(),
        Json::Number(number) => number.to_string(),
        _ => String::new(),
    };
    if text.is_empty() {
        return Err(Failure::Untrusted(format!("it says no {claim} of who signed in")));
    }
    Ok(text)
}

/// Whether somebody proved who they are between two instants.
fn is_anew(at: Option<Instant>, earliest: Instant, latest: Instant) -> Result<(), String> {
    match at {
        None => Err(no_auth_time().to_string()),
        Some(at) if at < earliest => Err("it did not ask the person to sign in anew".into()),
        Some(at) if at > latest => Err("its clock is ahead of ours".into()),
        Some(_) => Ok(()),
    }
}

fn no_auth_time() -> Failure {
    Failure::NotAnew("it does not say when the person signed in (the claim auth_time)".into())
}

/// Whether what goes to an address is not seen on the way: by TLS, or on this machine.
fn is_safe(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    url.scheme() == "https" || url.scheme() == "http" && here
}

fn chrono_of(at: Instant) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn instant_of(at: DateTime<Utc>) -> Instant {
    Instant(at.timestamp_micros())
}

fn not_discovered(error: DiscoveryError<Trouble>, issuer: &str) -> Failure {
    match error {
        DiscoveryError::Request(trouble) => Failure::Away(trouble.to_string()),
        DiscoveryError::Response(status, ..) if !status.is_success() => {
            Failure::Untrusted(format!("its discovery document or its keys answer {status}"))
        }
        DiscoveryError::Validation(_) => Failure::Untrusted(format!(
            "it has another name than '{issuer}' itself: both must be the same to the letter"
        )),
        DiscoveryError::Parse(at) => Failure::Untrusted(format!("what it says of itself cannot be read: {at}")),
        _ => Failure::Untrusted("what it says of itself cannot be read".into()),
    }
}

/// Why no token came for a code. Only the kind of the error is repeated: the rest may hold the code.
fn not_exchanged(error: &RequestTokenError<Trouble, StandardErrorResponse<CoreErrorResponseType>>) -> Failure {
    match error {
        RequestTokenError::Request(trouble) => Failure::Away(trouble.to_string()),
        RequestTokenError::ServerResponse(answer) => {
            let kind: String =
                answer.error().as_ref().chars().filter(|c| c.is_ascii_lowercase() || *c == '_').collect();
            Failure::Untrusted(format!("it gave no token for a code: {kind}"))
        }
        _ => Failure::Untrusted("its answer to a code cannot be read".into()),
    }
}

fn not_verified(error: &ClaimsVerificationError) -> Failure {
    match error {
        ClaimsVerificationError::InvalidAuthTime(why) => Failure::NotAnew(why.clone()),
        ClaimsVerificationError::InvalidNonce(_) => {
            Failure::Untrusted("its ID token was made for another sign-in".into())
        }
        ClaimsVerificationError::SignatureVerification(why) => {
            Failure::Untrusted(format!("the signature of its ID token does not hold: {why}"))
        }
        other => Failure::Untrusted(format!("its ID token does not hold: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(extra: &str) -> Claims {
        let text = format!(
            r#"{{"iss":"https://id.example.org","aud":"stoa","exp":2000000000,"iat":1999999000,"sub":"s-1"{extra}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn said(claims: &Claims, claim: &str) -> String {
        named(claims, claim).unwrap_or_else(|e| format!("no: {e}"))
    }

    #[test]
    fn an_address_names_somebody_when_it_was_verified_and_another_claim_as_it_is() {
        let good =
            claims(r#","email":"ana@example.org","email_verified":true,"employee":"E7","number":7,"list":["E7"]"#);
        assert_eq!(said(&good, "email"), "ana@example.org");
        assert_eq!((said(&good, "employee"), said(&good, "number")), ("E7".into(), "7".into()));
        assert_eq!(said(&good, "sub"), "s-1");
        for claim in ["list", "nothing"] {
            assert_eq!(said(&good, claim), format!("no: it says no {claim} of who signed in"));
        }
        for other in ["", r#","email_verified":false"#] {
            let text = said(&claims(&format!(r#","email":"ana@example.org"{other}"#)), "email");
            assert!(text.contains("email_verified"), "{text}");
        }
        assert_eq!(said(&claims(r#","email":"a@example.org","email_verified":"true""#), "email"), "a@example.org");
    }

    #[test]
    fn who_signed_in_earlier_has_not_signed() {
        let at = |second| Some(Instant(second * Instant::SECOND));
        let (earliest, latest) = (Instant(100 * Instant::SECOND), Instant(200 * Instant::SECOND));
        assert!(is_anew(at(100), earliest, latest).is_ok() && is_anew(at(200), earliest, latest).is_ok());
        assert!(is_anew(at(99), earliest, latest).unwrap_err().contains("anew"));
        assert!(is_anew(at(201), earliest, latest).unwrap_err().contains("clock"));
        assert!(is_anew(None, earliest, latest).unwrap_err().contains("auth_time"));
    }

    #[test]
    fn secrets_travel_by_tls_or_on_this_machine() {
        let safe = |url: &str| is_safe(&Url::parse(url).unwrap());
        for url in ["https://id.example.org", "http://127.0.0.1:9", "http://localhost/x", "http://[::1]:80/"] {
            assert!(safe(url), "{url}");
        }
        for url in ["http://id.example.org", "http://10.0.0.1", "ftp://localhost", "http://localhost.example.org"] {
            assert!(!safe(url), "{url}");
        }
    }

    #[test]
    fn instants_are_the_same_on_both_clocks() {
        let at = Instant(1_795_000_000_123_456);
        assert_eq!(instant_of(chrono_of(at)), at);
    }

    #[test]
    fn what_is_wrong_with_the_configuration_is_named() {
        let options = |issuer: &str, redirect: &str| Options {
            issuer: issuer.into(),
            client_id: "stoa".into(),
            client_secret: "hush".into(),
            scopes: Vec::new(),
            claim: "email".into(),
            skew: 0,
            redirect_uri: redirect.into(),
            network: stoa_http::Network::default(),
        };
        let said = |o: Options| Provider::new(o).err().map(|e| e.to_string()).unwrap_or_default();
        let good = "https://learn.example.org/oidc/callback";
        assert_eq!(said(options("https://id.example.org", good)), "");
        assert!(said(options("id.example.org", good)).starts_with("[oidc] issuer: "));
        assert_eq!(said(options("http://id.example.org", good)), "[oidc] issuer must start with https://");
        assert!(said(options("https://id.example.org", "learn")).starts_with("[http] public_url: "));
        assert!(!format!("{:?}", options("https://id.example.org", good)).contains("hush"));
    }
}
