//! The Statements resource (xAPI 1.0.3 part three, 2.1).

use std::time::{Duration, SystemTime};

use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};
use stoa_ground::Instant;
use stoa_ground::xapi::{Statement, Version};
use stoa_learning::lrs::{self, Caller, Format, Languages, One, Query};

use crate::Lrs;
use crate::answer::{self, Refused, add_header};
use crate::call::{Call, Content};

pub async fn handle(lrs: &Lrs, request: Request, version: &mut Version) -> Result<Response, Refused> {
    let (call, content) = Call::read(request, lrs.settings.max_body).await?;
    *version = call.version()?;
    let caller = call.caller(lrs).await?;
    match call.method {
        Method::GET | Method::HEAD => get(lrs, &call, &caller).await,
        Method::PUT => put(lrs, &call, content, caller, *version).await,
        Method::POST => post(lrs, &call, content, caller, *version).await,
        _ => Err(Refused::new(StatusCode::METHOD_NOT_ALLOWED, "the statements resource knows GET, HEAD, PUT and POST")),
    }
}

async fn put(lrs: &Lrs, call: &Call, content: Content, caller: Caller, version: Version) -> Result<Response, Refused> {
    if let Some((name, _)) = call.params.iter().find(|(name, _)| name != "statementId") {
        return Err(Refused::bad_request(format!(
            "the parameter '{name}' is not known here; names are case-sensitive"
        )));
    }
    let [(_, id)] = call.params.as_slice() else {
        return Err(Refused::bad_request("PUT needs the parameter statementId, once"));
    };
    let id = id.clone();
    let body = json_body(lrs, call, content).await?;
    let statement = Statement::parse(&body, version)?.with_id(&id)?;
    store(lrs, vec![statement], caller).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn post(lrs: &Lrs, call: &Call, content: Content, caller: Caller, version: Version) -> Result<Response, Refused> {
    if let Some((name, _)) = call.params.first() {
        return Err(Refused::bad_request(format!(
            "POST has no parameters, found '{name}'; to read statements use GET, to choose an id put it into the statement"
        )));
    }
    let body = json_body(lrs, call, content).await?;
    let statements = Statement::parse_all(&body, version)?;
    if statements.len() > lrs::MAX_BATCH {
        return Err(Refused::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("{} statements are too many: send at most {} at once", statements.len(), lrs::MAX_BATCH),
        ));
    }
    let ids = store(lrs, statements, caller).await?;
    Ok(answer::json(Value::from(ids).to_string()))
}

async fn json_body(lrs: &Lrs, call: &Call, content: Content) -> Result<axum::body::Bytes, Refused> {
    match call.content_type().as_deref() {
        Some("application/json") => content.read(lrs.settings.max_body).await,
        Some("multipart/mixed") => Err(Refused::bad_request(
            "attachments cannot be sent as multipart/mixed here yet: send application/json, with a fileUrl for each attachment",
        )),
        _ => Err(Refused::bad_request("the content type must be application/json")),
    }
}

async fn store(lrs: &Lrs, statements: Vec<Statement>, caller: Caller) -> Result<Vec<String>, Refused> {
    for (i, statement) in statements.iter().enumerate() {
        if statement.attachments().any(|a| a.get("fileUrl").is_none()) {
            return Err(Refused::bad_request(format!(
                "statement[{i}].attachments: each attachment needs a fileUrl, because its data is not in the request"
            )));
        }
    }
    let db = lrs.db.clone();
    // A caller that goes away does not stop what has begun.
    let writing = tokio::spawn(async move {
        let (statements, caller) = (&statements, &caller);
        db.write(|tx| async move { lrs::store(&tx, statements, caller).await }).await
    });
    match writing.await {
        Ok(done) => Ok(done?),
        Err(error) => {
            tracing::error!(%error, "storing statements failed");
            Err(Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "the server could not store this: try again"))
        }
    }
}

async fn get(lrs: &Lrs, call: &Call, caller: &Caller) -> Result<Response, Refused> {
    let languages = call.headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
    let languages = Languages::parse(languages.unwrap_or_default());
    match lrs::Request::parse(&call.params)? {
        lrs::Request::One(one) => get_one(lrs, caller, &one, &languages).await,
        lrs::Request::Many(query) => get_many(lrs, caller, &query, &languages).await,
    }
}

async fn get_one(lrs: &Lrs, caller: &Caller, one: &One, languages: &Languages) -> Result<Response, Refused> {
    let found = lrs
        .db
        .read(|conn| async move {
            let Some(found) = lrs::one(&conn, caller, one).await? else { return Ok(None) };
            let body = lrs::apply(&conn, one.format, languages, vec![found.body]).await?.pop().unwrap_or_default();
            Ok(Some((body, found.stored)))
        })
        .await?;
    let Some((body, stored)) = found else {
        let kind = if one.voided { "no voided statement" } else { "no statement" };
        return Err(Refused::new(StatusCode::NOT_FOUND, format!("there is {kind} with the id {}", one.id)));
    };
    let tag = Sha256::digest(body.as_bytes());
    let mut response = answer(lrs, body, one.attachments);
    add_header(&mut response, "last-modified", &http_date(stored));
    add_header(&mut response, "etag", &format!("\"{}\"", stoa_ground::hex(tag.iter())));
    if one.format == Format::Canonical {
        add_header(&mut response, "vary", "accept-language");
    }
    Ok(response)
}

async fn get_many(lrs: &Lrs, caller: &Caller, query: &Query, languages: &Languages) -> Result<Response, Refused> {
    let (bodies, cursor, newest) = lrs
        .db
        .read(|conn| async move {
            let page = lrs::find(&conn, caller, query).await?;
            Ok((lrs::apply(&conn, query.format, languages, page.bodies).await?, page.cursor, page.stored))
        })
        .await?;
    let more = cursor.map_or_else(String::new, |cursor| {
        let pairs = form_urlencoded::Serializer::new(String::new()).extend_pairs(query.next(cursor)).finish();
        format!("{}/statements?{pairs}", lrs.settings.base)
    });
    // Stored statements are JSON already.
    let body = format!("{{\"statements\":[{}],\"more\":{}}}", bodies.join(","), Value::from(more));
    let mut response = answer(lrs, body, query.attachments);
    if let Some(newest) = newest {
        add_header(&mut response, "last-modified", &http_date(newest));
    }
    Ok(response)
}

fn answer(lrs: &Lrs, body: String, attachments: bool) -> Response {
    if attachments { answer::multipart(&body, &lrs.db.clock().secret()) } else { answer::json(body) }
}

fn http_date(at: Instant) -> String {
    let seconds = u64::try_from(at.0.div_euclid(Instant::SECOND)).unwrap_or(0);
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}
