//! The Learning Record Store as its clients see it, against a real store.

#![allow(clippy::unwrap_used, reason = "a test")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use base64::Engine as _;
use serde_json::{Value, json};
use stoa_ground::Db;
use stoa_ground::testing::store;
use stoa_ground::xapi::vocabulary::{COMPLETED, COURSE};
use stoa_ground::xapi::{Activity, Actor, Emitter, StatementDraft};
use stoa_learning::lrs::{Configured, Credentials, Scope};
use stoa_xapi_http::{Settings, router};
use tower::ServiceExt as _;

const A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const B: &str = "aaaaaaaa-0000-4000-8000-000000000002";

struct Lrs {
    app: Router,
    db: Db,
    emitter: Emitter,
    _dir: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
    #[track_caller]
    fn refused(&self, status: u16, message: &str) {
        assert_eq!((self.status.as_u16(), self.json()["error"].as_str().unwrap()), (status, message));
    }
}

async fn lrs() -> Lrs {
    let (db, dir) = store().await;
    let emitter = Emitter::new("https://learning.example.org").unwrap();
    let key = |key: &str, scopes: &[Scope]| Configured {
        key: key.into(),
        secret: "0123456789abcdef".into(),
        scopes: scopes.to_vec(),
    };
    let keys = [key("lms", &[Scope::All]), key("report", &[Scope::AllRead]), key("game", &[Scope::StatementsWrite])];
    let credentials = Credentials::new(&emitter, &keys).unwrap();
    let app = router(db.clone(), Settings::new(credentials));
    Lrs { app, db, emitter, _dir: dir }
}

fn basic(key: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{key}:0123456789abcdef")))
}

impl Lrs {
    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// A request as a good client makes it.
    async fn call(&self, method: &str, path: &str, body: impl Into<Option<Value>>) -> Answer {
        self.call_as("lms", "1.0.3", method, path, body.into()).await
    }

    async fn call_as(&self, key: &str, version: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/xapi{path}"))
            .header("authorization", basic(key))
            .header("x-experience-api-version", version);
        if body.is_some() {
            request = request.header("content-type", "application/json; charset=utf-8");
        }
        self.send(request.body(body.map_or_else(Body::empty, |b| b.to_string().into())).unwrap()).await
    }
}

fn statement(id: Option<&str>) -> Value {
    let mut s = json!({
        "actor": {"mbox": "mailto:ada@example.com"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
        "object": {"id": "http://example.com/course"}
    });
    if let Some(id) = id {
        s["id"] = id.into();
    }
    s
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[tokio::test]
async fn a_course_completed_elsewhere_is_stored_and_read_back() {
    let lrs = lrs().await;
    let posted = lrs.call("POST", "/statements", json!([statement(None), statement(Some(A))])).await;
    assert_eq!(posted.status, 200);
    let ids = posted.json();
    assert_eq!(ids[1], A);
    assert_eq!(ids[0].as_str().unwrap().len(), 36);

    let got = lrs.call("GET", &format!("/statements?statementId={A}"), None).await;
    assert_eq!(got.status, 200);
    assert_eq!(
        got.json(),
        json!({
            "id": A,
            "actor": {"mbox": "mailto:ada@example.com"},
            "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
            "object": {"id": "http://example.com/course"},
            "timestamp": "2026-11-23T09:00:00.000001Z",
            "stored": "2026-11-23T09:00:00.000001Z",
            "version": "1.0.0",
            "authority": {"objectType": "Agent", "name": "lms", "account": {"homePage": "https://learning.example.org/lrs", "name": "lms"}}
        })
    );
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("x-experience-api-version"), "1.0.3");
    assert_eq!(got.header("x-experience-api-consistent-through"), "2026-11-23T09:00:00.000Z");
    assert_eq!(got.header("last-modified"), "Mon, 23 Nov 2026 09:00:00 GMT");
    assert_eq!(got.header("etag").len(), 66);

    let head = lrs.call("HEAD", &format!("/statements?statementId={A}"), None).await;
    assert_eq!((head.status.as_u16(), head.body.as_str(), head.header("etag")), (200, "", got.header("etag")));

    let all = lrs.call("GET", "/statements", None).await.json();
    assert_eq!(all["statements"].as_array().unwrap().len(), 2);
    assert_eq!(all["more"], "");
    assert_eq!(
        lrs.call("GET", "/statements?until=2020-01-01T00:00:00Z", None).await.json(),
        json!({"statements": [], "more": ""})
    );
}

#[tokio::test]
async fn what_happens_in_stoa_can_be_read_by_others() {
    let lrs = lrs().await;
    let emitter = &lrs.emitter;
    let id = lrs
        .db
        .write(|tx| async move {
            let ada = Actor::Person { employee_id: "e-1".into(), name: "Ada".into() };
            emitter.emit(&tx, StatementDraft::new(ada, COMPLETED, Activity::new(COURSE, &["course", "fire"]))).await
        })
        .await
        .unwrap();
    let agent = r#"{"account":{"homePage":"https://learning.example.org","name":"e-1"}}"#;
    let query = encoded(&[("agent", agent), ("verb", "http://adlnet.gov/expapi/verbs/completed")]);
    let found = lrs.call_as("report", "2.0.0", "GET", &format!("/statements?{query}"), None).await;
    assert_eq!(found.header("x-experience-api-version"), "2.0.0");
    assert_eq!(found.json()["statements"][0]["id"], id.as_str());
    let everything = lrs
        .call("GET", "/statements?related_activities=true&activity=https://learning.example.org/xapi/profile", None)
        .await;
    assert_eq!(everything.json()["statements"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn putting_twice_is_fine_and_another_statement_under_the_id_is_a_conflict() {
    let lrs = lrs().await;
    let path = format!("/statements?statementId={A}");
    for _ in 0..2 {
        let put = lrs.call("PUT", &path, statement(None)).await;
        assert_eq!((put.status.as_u16(), put.body.as_str()), (204, ""));
    }
    // What was read back can be sent again as it is.
    let stored = lrs.call("GET", &path, None).await.json();
    assert_eq!(lrs.call("PUT", &path, stored.clone()).await.status, 204);
    let mut other = statement(Some(A));
    other["object"]["id"] = "http://example.com/other".into();
    let conflict = format!("statement {A} is already stored with other content; a new statement needs a new id");
    lrs.call("PUT", &path, other.clone()).await.refused(409, &conflict);
    lrs.call("POST", "/statements", json!([statement(Some(B)), other])).await.refused(409, &conflict);
    assert_eq!(lrs.call("GET", &format!("/statements?statementId={B}"), None).await.status, 404);
    assert_eq!(lrs.call("GET", &path, None).await.json(), stored);

    lrs.call("PUT", &format!("/statements?statementId={B}"), statement(Some(A)))
        .await
        .refused(400, &format!("statement.id: must be the statementId of the request, found '{A}'"));
    lrs.call("PUT", "/statements?statementId=x", statement(None))
        .await
        .refused(400, "statementId must be a UUID such as 7ccd3322-e1a5-411a-a67d-6a735c76f119");
    lrs.call("PUT", "/statements", statement(None)).await.refused(400, "PUT needs the parameter statementId, once");
    lrs.call("PUT", &format!("/statements?StatementId={A}"), statement(None))
        .await
        .refused(400, "the parameter 'StatementId' is not known here; names are case-sensitive");
    lrs.call("PUT", &path, json!([statement(None)])).await.refused(400, "statement: must be an object, found an array");
}

#[tokio::test]
async fn a_voided_statement_is_found_only_as_a_voided_one() {
    let lrs = lrs().await;
    lrs.call("POST", "/statements", statement(Some(A))).await;
    let mut voiding = statement(Some(B));
    voiding["verb"]["id"] = "http://adlnet.gov/expapi/verbs/voided".into();
    voiding["object"] = json!({"objectType": "StatementRef", "id": A});
    let refused = lrs.call_as("game", "1.0.3", "POST", "/statements", Some(voiding.clone())).await;
    refused.refused(
        403,
        &format!("statement {A} may be voided only by the credentials that stored it, or with the scope 'all'"),
    );
    assert_eq!(lrs.call("POST", "/statements", voiding).await.status, 200);
    lrs.call("GET", &format!("/statements?statementId={A}"), None)
        .await
        .refused(404, &format!("there is no statement with the id {A}"));
    assert_eq!(lrs.call("GET", &format!("/statements?voidedStatementId={A}"), None).await.json()["id"], A);
    let all = lrs.call("GET", "/statements", None).await.json();
    assert_eq!(all["statements"].as_array().unwrap().iter().map(|s| &s["id"]).collect::<Vec<_>>(), [B]);
    lrs.call("GET", &format!("/statements?voidedStatementId={B}"), None)
        .await
        .refused(404, &format!("there is no voided statement with the id {B}"));
}

#[tokio::test]
async fn more_leads_through_all_pages() {
    let lrs = lrs().await;
    let batch: Vec<Value> = (0..5).map(|_| statement(None)).collect();
    lrs.call("POST", "/statements", Value::from(batch)).await;
    let agent = r#"{"name":"Ä & Ö","mbox":"mailto:ada@example.com"}"#;
    let mut path = format!("/xapi/statements?{}", encoded(&[("agent", agent), ("limit", "2"), ("format", "ids")]));
    let mut pages = Vec::new();
    while !path.is_empty() {
        let page = lrs.call("GET", path.strip_prefix("/xapi").unwrap(), None).await.json();
        pages.push(page["statements"].as_array().unwrap().len());
        path = page["more"].as_str().unwrap().to_owned();
    }
    assert_eq!(pages, [2, 2, 1]);
}

#[tokio::test]
async fn a_bad_statement_refuses_the_batch_and_names_the_place() {
    let lrs = lrs().await;
    let mut bad = statement(None);
    bad["actor"]["mbox"] = "ada@example.com".into();
    lrs.call("POST", "/statements", json!([statement(None), bad]))
        .await
        .refused(400, "statement[1].actor.mbox: must be 'mailto:' and one e-mail address, found 'ada@example.com'");
    assert_eq!(lrs.call("GET", "/statements", None).await.json()["statements"], json!([]));

    let twice = r#"{"actor":{"mbox":"mailto:a@b.c","mbox":"mailto:d@b.c"},"verb":{"id":"http://a"},"object":{"id":"http://a"}}"#;
    let request = |kind: &str, body: String| {
        Request::post("/xapi/statements")
            .header("authorization", basic("lms"))
            .header("x-experience-api-version", "2.0.0")
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap()
    };
    lrs.send(request("application/json", twice.into()))
        .await
        .refused(400, "statement.actor: the property 'mbox' appears twice at line 1 column 38");
    lrs.send(request("text/plain", statement(None).to_string()))
        .await
        .refused(400, "the content type must be application/json");
    lrs.send(request("multipart/mixed; boundary=x", String::new())).await.refused(
        400,
        "attachments cannot be sent as multipart/mixed here yet: send application/json, with a fileUrl for each attachment",
    );
    lrs.send(request("application/json", String::new()))
        .await
        .refused(400, "statement: not valid JSON: EOF while parsing a value at line 1 column 0");
    let large = lrs.send(request("application/json", " ".repeat(4 * 1024 * 1024 + 1))).await;
    large.refused(413, "the request could not be read, or is larger than 4194304 bytes: send fewer statements at once");
    let many: Vec<Value> = (0..251).map(|_| statement(None)).collect();
    lrs.call("POST", "/statements", Value::from(many))
        .await
        .refused(413, "251 statements are too many: send at most 250 at once");

    let mut attached = statement(None);
    attached["attachments"] = json!([{"usageType": "http://a/b", "display": {"en": "x"}, "contentType": "text/plain", "length": 1,
        "sha2": "495395e777cd98da653df9615d09c0fd6bb2f8d4788394cd53c56a3bfdcd848a"}]);
    lrs.call("POST", "/statements", attached.clone()).await.refused(
        400,
        "statement[0].attachments: each attachment needs a fileUrl, because its data is not in the request",
    );
    attached["attachments"][0]["fileUrl"] = "http://a/file".into();
    assert_eq!(lrs.call("POST", "/statements", attached).await.status, 200);
    let with = lrs.call("GET", "/statements?attachments=true", None).await;
    assert!(with.header("content-type").starts_with("multipart/mixed; boundary="), "{}", with.header("content-type"));
    assert!(with.body.contains("http://a/file"));
}

#[tokio::test]
async fn who_may_not_is_told_so_and_errors_come_in_the_format_that_is_asked_for() {
    let lrs = lrs().await;
    let get = |auth: Option<&str>, version: Option<&str>, accept: &str| {
        let mut request = Request::get("/xapi/statements?foo=%3Cb%3E&%3Cb%3E=1").header("accept", accept);
        if let Some(auth) = auth {
            request = request.header("authorization", auth);
        }
        if let Some(version) = version {
            request = request.header("x-experience-api-version", version);
        }
        request.body(Body::empty()).unwrap()
    };
    let lms = basic("lms");
    let (json, v1) = ("application/json", Some("1.0"));
    let anonymous = lrs.send(get(None, v1, json)).await;
    anonymous.refused(401, "this needs a key and a secret by Basic authentication ('stoa lrs key create' makes one)");
    assert_eq!(anonymous.header("www-authenticate"), "Basic realm=\"xAPI\", charset=\"UTF-8\"");
    for wrong in [basic("nobody"), format!("Basic {}", base64::engine::general_purpose::STANDARD.encode("lms:wrong"))] {
        lrs.send(get(Some(&wrong), v1, json)).await.refused(401, "the key or the secret is wrong");
    }
    for broken in ["Basic", "Basic ####", "Bearer abc", "Basic bG1z"] {
        assert_eq!(lrs.send(get(Some(broken), v1, json)).await.status, 401, "{broken}");
    }
    let missing = lrs.send(get(Some(&lms), None, json)).await;
    missing.refused(400, "the header X-Experience-API-Version is missing: send 1.0.3 or 2.0.0");
    assert_eq!(missing.header("x-experience-api-version"), "1.0.3");
    assert!(!missing.header("x-experience-api-consistent-through").is_empty());
    for version in ["0.95", "1.1.0", "3.0.0", "x"] {
        let refused = lrs.send(get(Some(&lms), Some(version), json)).await;
        refused.refused(400, &format!("the version '{version}' is not known here: send 1.0.3 or 2.0.0"));
    }
    lrs.call_as("report", "1.0.3", "POST", "/statements", Some(statement(None)))
        .await
        .refused(403, "the key 'report' may not write statements");
    lrs.call_as("game", "1.0.3", "GET", "/statements", None)
        .await
        .refused(403, "the key 'game' may not read statements");
    assert_eq!(lrs.call("DELETE", "/statements", None).await.status, 405);

    let html = lrs.send(get(Some(&lms), v1, "text/html,application/xhtml+xml,*/*;q=0.8")).await;
    assert_eq!((html.status.as_u16(), html.header("content-type")), (400, "text/html; charset=utf-8"));
    let text = lrs.send(get(Some(&lms), v1, "text/plain")).await;
    assert_eq!(text.body, "the parameter 'foo' is not known; names are case-sensitive");
    let post = lrs.call("POST", "/statements?%3Cscript%3E=1", statement(None)).await;
    assert_eq!(post.status, 400);
}

#[tokio::test]
async fn about_tells_the_versions_to_everybody() {
    let lrs = lrs().await;
    let about = lrs.send(Request::get("/xapi/about").body(Body::empty()).unwrap()).await;
    assert_eq!(about.json(), json!({"version": ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0"]}));
    assert_eq!(about.header("x-experience-api-version"), "1.0.3");
    assert_eq!(lrs.send(Request::get("/xapi/about?x=1").body(Body::empty()).unwrap()).await.status, 400);
}

#[tokio::test]
async fn old_browsers_can_use_forms_with_version_1_only() {
    let lrs = lrs().await;
    let send = async |method: &str, more: &str, fields: &[(&str, &str)]| {
        let request = Request::post(format!("/xapi/statements?method={method}{more}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(encoded(fields)))
            .unwrap();
        lrs.send(request).await
    };
    let auth = basic("lms");
    let body = statement(None).to_string();
    let head =
        [("Authorization", auth.as_str()), ("X-Experience-API-Version", "1.0.3"), ("Content-Type", "application/json")];
    let put = send("PUT", "", &[&head[..], &[("statementId", A), ("content", &body)]].concat()).await;
    assert_eq!(put.status, 204, "{}", put.body);
    let get = send("GET", "", &[&head[..2], &[("statementId", A)]].concat()).await;
    assert_eq!(get.json()["id"], A);
    send("PUT", "&statementId=x", &head).await.refused(
        400,
        "in the alternate request syntax 'method' is the only parameter of the address; the others belong in the form",
    );
    send("PUT", "", &[&head[..], &[("statementId", A)]].concat())
        .await
        .refused(400, "the form field 'content' is missing");
    send("TRACE", "", &head).await.refused(400, "the parameter 'method' must be GET, HEAD, PUT, POST or DELETE");
    send("GET", "", &[("statementId", A)])
        .await
        .refused(400, "the header X-Experience-API-Version is missing: send 1.0.3 or 2.0.0");
    lrs.call_as("lms", "2.0.0", "POST", "/statements?method=GET", None)
        .await
        .refused(400, "xAPI 2.0 has no alternate request syntax: leave out the parameter 'method'");
}
