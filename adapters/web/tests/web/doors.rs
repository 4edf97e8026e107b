//! Who gets in, what is refused, and the clock of the demo.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::stage::{FORM, SAME_SITE, SCRIPT, Stage};
use axum::http::StatusCode;
use stoa_ground::{Instant, people};

#[tokio::test]
async fn a_sign_in_link_works_once_and_only_by_its_button() {
    let stage = Stage::with(|_| {}).await;
    let ana = stage.hire("Ana").await;
    let id = ana.id.as_str();
    let token = stage.db.write(|tx| async move { people::create_sign_in_link(&tx, id).await }).await.unwrap();
    let link = format!("/sign-in/{token}");
    for _ in 0..3 {
        let page = stage.request("GET", &link, &[], "").await;
        assert!(page.status == StatusCode::OK && page.headers.get("set-cookie").is_none(), "a look changes nothing");
    }
    let answer = stage.post(&link, &[]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/chat"));
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let window = stage.window(&answer).await;
    assert!(window.sees(&window.home).await.contains("Ana"));
    let again = stage.post(&link, &[]).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    assert!(again.body.contains("This sign-in link does not work any more."));

    let chosen = stage.post("/sign-in", &[("person", id)]).await;
    assert_eq!(chosen.status, StatusCode::FORBIDDEN, "nobody chooses who they are outside of the demo");
    assert!(!stage.request("GET", "/sign-in", &[], "").await.body.contains("Ana"));

    window.posts("/sign-out", &[]).await;
    assert_eq!(window.get(&window.home).await.location(), "/sign-in");
}

#[tokio::test]
async fn a_session_ends_after_a_month_without_use_or_when_the_person_leaves() {
    let stage = Stage::demo().await;
    let (ana, ben) = (stage.hire("Ana").await, stage.hire("Ben").await);
    let (hers, his) = (stage.sign_in(&ana).await, stage.sign_in(&ben).await);
    let later = |days: i64| stage.db.clock().now().plus(days * Instant::DAY);
    stage.db.clock().set(later(20)).unwrap();
    hers.sees(&hers.home).await;
    stage.db.clock().set(later(20)).unwrap();
    hers.sees(&hers.home).await;
    assert_eq!(his.get(&his.home).await.location(), "/sign-in");
    let id = &ana.id;
    stage.db.write(|tx| async move { tx.exec("UPDATE person SET status = 'left' WHERE id = $1", stoa_ground::args![id]).await }).await.unwrap();
    assert_eq!(hers.get(&hers.home).await.location(), "/sign-in");
    let script =
        stage.request("GET", &format!("{}/updates?since=0", hers.home), &[SCRIPT, ("cookie", hers.cookie())], "").await;
    assert_eq!((script.status, script.json()["sign_in"].as_bool()), (StatusCode::UNAUTHORIZED, Some(true)));
}

#[tokio::test]
async fn another_site_can_make_nobody_say_anything() {
    let stage = Stage::demo().await;
    let ana = stage.hire("Ana").await;
    let window = stage.sign_in(&ana).await;
    let send = format!("{}/messages", window.home);
    let cookie = ("cookie", window.cookie());
    for foreign in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let answer = stage.request("POST", &send, &[FORM, cookie, foreign], "text=evil").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{foreign:?}");
    }
    let bare = stage.request("POST", &send, &[FORM, cookie], "text=evil").await;
    assert_eq!(bare.status, StatusCode::FORBIDDEN);
    let rebound = stage.request("GET", "/sign-in", &[("host", "evil.example")], "").await;
    assert!(rebound.status == StatusCode::OK, "the first host header counts: {}", rebound.status);
    assert!(!window.sees(&window.home).await.contains("evil"));
    let ours = stage.request("POST", &send, &[FORM, cookie, ("origin", "http://localhost:8420")], "text=poll").await;
    assert_eq!(ours.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn who_sends_too_much_is_asked_to_wait() {
    let stage = Stage::demo().await;
    let ana = stage.hire("Ana").await;
    let window = stage.sign_in(&ana).await;
    let mut last = StatusCode::OK;
    for _ in 0..60 {
        let answer = stage
            .request(
                "POST",
                &format!("{}/messages", window.home),
                &[FORM, SAME_SITE, SCRIPT, ("cookie", window.cookie())],
                "text=",
            )
            .await;
        last = answer.status;
        if last == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.json()["error"], "That was a lot at once. Please wait one second.");
            break;
        }
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn what_is_not_there_has_a_friendly_page() {
    let stage = Stage::demo().await;
    let page = stage.request("GET", "/nowhere", &[], "").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.body.contains("There is nothing here") && page.body.contains("Harbour &#38; Pine"), "{}", page.body);
    for (name, value) in
        [("x-content-type-options", "nosniff"), ("referrer-policy", "same-origin"), ("x-frame-options", "DENY")]
    {
        assert_eq!(page.headers[name], value);
    }
    let wrong = stage.request("POST", "/sign-in", &[FORM, SAME_SITE], "who=me").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("I could not read this request."), "{}", wrong.body);
    assert_eq!(stage.request("GET", "/assets/../Cargo.toml", &[], "").await.status, StatusCode::NOT_FOUND);
    let css = stage.request("GET", "/assets/web.css", &[], "").await;
    let js = stage.request("GET", "/assets/web.js", &[], "").await;
    assert!(css.body.len() + js.body.len() < 40_000, "{} + {}", css.body.len(), js.body.len());
}

#[tokio::test]
async fn the_demo_clock_brings_what_is_due_and_is_kept() {
    let kept = Arc::new(AtomicI64::new(0));
    let keep = kept.clone();
    let stage = Stage::with(|options| {
        options.demo = true;
        options.clock_moved = Some(Arc::new(move |now: Instant| {
            keep.store(now.0, Ordering::SeqCst);
            Box::pin(async { Ok(()) })
        }));
    })
    .await;
    let ana = stage.hire("Ana").await;
    let window = stage.sign_in(&ana).await;
    window.writes(&window.home, "later").await;
    let page = window.sees(&window.home).await;
    assert!(page.contains("Mon, 23 Nov 2026") && page.contains("Next event") && !page.contains("This is later."));
    let moved = window.posts("/control/clock", &[("by", "next"), ("back", &window.home)]).await;
    assert_eq!((moved.status, moved.location()), (StatusCode::SEE_OTHER, window.home.as_str()));
    let page = window.sees(&window.home).await;
    assert!(page.contains("This is later.") && page.contains("<strong>11:00</strong>"), "{page}");

    let json =
        |body: &'static str| stage.request("POST", "/control/clock", &[("content-type", "application/json")], body);
    assert_eq!(json("{\"by\":\"P1D\"}").await.json()["now"], "2026-11-24T11:00:00.000Z");
    assert_eq!(json("{\"to\":\"2026-12-01T08:00:00+01:00\"}").await.json()["now"], "2026-12-01T07:00:00.000Z");
    assert_eq!(Instant(kept.load(Ordering::SeqCst)).rfc3339(), "2026-12-01T07:00:00.000Z");
    for wrong in [
        "{\"to\":\"2026-11-01T08:00:00Z\"}",
        "{\"by\":\"soon\"}",
        "{}",
        "nonsense",
        "{\"by\":\"1d\",\"to\":\"2027-01-01T00:00:00Z\"}",
    ] {
        let answer = json(wrong).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
}
