//! A request as the standard sees it: method, parameters, headers and content, also when it came in the alternate
//! request syntax of xAPI 1.0 (part three, 1.3), where everything is a form.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use base64::Engine as _;
use stoa_ground::Db;
use stoa_ground::xapi::Version;
use stoa_learning::lrs::Caller;

use crate::Lrs;
use crate::answer::Refused;

const VERSION: &str = "x-experience-api-version";

pub struct Call {
    pub method: Method,
    pub params: Vec<(String, String)>,
    pub headers: HeaderMap,
}

/// The content of a request, which may not have been read yet.
pub enum Content {
    Unread(Body),
    Read(Bytes),
}

/// The version that a request speaks.
pub fn version_of(headers: &HeaderMap) -> Option<Version> {
    headers.get(VERSION)?.to_str().ok().and_then(|v| Version::parse(v.trim()))
}

impl Call {
    /// Takes a request apart.
    pub async fn read(request: Request, limit: usize) -> Result<(Self, Content), Refused> {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default();
        let params: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let call = Self { method: parts.method, params, headers: parts.headers };
        let content = Content::Unread(body);
        if call.params.iter().any(|(name, _)| name == "method") {
            return call.alternate(content, limit).await;
        }
        Ok((call, content))
    }

    /// Turns the alternate syntax into a plain request.
    async fn alternate(self, form: Content, limit: usize) -> Result<(Self, Content), Refused> {
        if version_of(&self.headers) == Some(Version::V2_0) {
            return Err(Refused::bad_request(
                "xAPI 2.0 has no alternate request syntax: leave out the parameter 'method'",
            ));
        }
        if self.method != Method::POST {
            return Err(Refused::bad_request("the alternate request syntax must be a POST"));
        }
        let [(_, method)] = self.params.as_slice() else {
            return Err(Refused::bad_request(
                "in the alternate request syntax 'method' is the only parameter of the address; the others belong in the form",
            ));
        };
        let method = match method.as_str() {
            "GET" => Method::GET,
            "HEAD" => Method::HEAD,
            "PUT" => Method::PUT,
            "POST" => Method::POST,
            "DELETE" => Method::DELETE,
            _ => return Err(Refused::bad_request("the parameter 'method' must be GET, HEAD, PUT, POST or DELETE")),
        };
        if self.content_type().as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(Refused::bad_request(
                "the alternate request syntax needs the content type application/x-www-form-urlencoded",
            ));
        }
        let mut headers = self.headers;
        headers.remove(header::CONTENT_TYPE);
        let (mut params, mut content) = (Vec::new(), None);
        let bytes = form.read(limit).await?;
        for (name, value) in form_urlencoded::parse(&bytes).into_owned() {
            let name_of_header = match name.to_ascii_lowercase().as_str() {
                "authorization" => header::AUTHORIZATION,
                "content-type" => header::CONTENT_TYPE,
                "content-length" => continue,
                "if-match" => header::IF_MATCH,
                "if-none-match" => header::IF_NONE_MATCH,
                VERSION => header::HeaderName::from_static(VERSION),
                _ if name == "content" => {
                    content = Some(value);
                    continue;
                }
                _ => {
                    params.push((name, value));
                    continue;
                }
            };
            let value = HeaderValue::from_str(&value)
                .map_err(|_| Refused::bad_request(format!("the form field '{name}' is not a header's value")))?;
            headers.insert(name_of_header, value);
        }
        let sends = matches!(method, Method::PUT | Method::POST);
        if sends && content.is_none() {
            return Err(Refused::bad_request("the form field 'content' is missing"));
        }
        if sends && !headers.contains_key(header::CONTENT_TYPE) {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok((Self { method, params, headers }, Content::Read(content.unwrap_or_default().into())))
    }

    /// The version, which every request must name (part three, 3.3).
    pub fn version(&self) -> Result<Version, Refused> {
        let Some(given) = self.headers.get(VERSION) else {
            return Err(Refused::bad_request("the header X-Experience-API-Version is missing: send 1.0.3 or 2.0.0"));
        };
        version_of(&self.headers).ok_or_else(|| {
            let given: String = given.to_str().unwrap_or_default().chars().take(20).collect();
            Refused::bad_request(format!("the version '{given}' is not known here: send 1.0.3 or 2.0.0"))
        })
    }

    /// The content type without its parameters, in lower case.
    pub fn content_type(&self) -> Option<String> {
        let value = self.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// Who calls, by Basic authentication (RFC 7617).
    pub async fn caller(&self, lrs: &Lrs) -> Result<Caller, Refused> {
        let refused = |text: &str| Refused::new(StatusCode::UNAUTHORIZED, text);
        let Some((key, secret)) = self.basic() else {
            return Err(refused(
                "this needs a key and a secret by Basic authentication ('stoa lrs key create' makes one)",
            ));
        };
        let (key, secret) = (key.as_str(), secret.as_str());
        let (db, credentials): (&Db, _) = (&lrs.db, &lrs.settings.credentials);
        let caller = db.read(|conn| async move { credentials.authenticate(&conn, key, secret).await }).await?;
        caller.ok_or_else(|| refused("the key or the secret is wrong"))
    }

    fn basic(&self) -> Option<(String, String)> {
        let value = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, encoded) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        text.split_once(':').map(|(key, secret)| (key.to_owned(), secret.to_owned()))
    }
}

impl Content {
    /// The bytes, up to the limit.
    pub async fn read(self, limit: usize) -> Result<Bytes, Refused> {
        match self {
            Self::Read(bytes) => Ok(bytes),
            Self::Unread(body) => to_bytes(body, limit).await.map_err(|_| {
                Refused::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!(
                        "the request could not be read, or is larger than {limit} bytes: send fewer statements at once"
                    ),
                )
            }),
        }
    }
}
