//! A web site as a source, with everything that can be wrong with sites.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod stand;

use stand::{FAST, Reply, Stand, counts, documents, passages, settings, sync, text};
use stoa_ground::Instant;
use stoa_ground::testing::store;
use stoa_http::Network;
use stoa_sources::{Site, SiteOptions};

fn site(url: &str) -> Site {
    site_for(url, &["everyone"])
}

fn site_for(url: &str, readers: &[&str]) -> Site {
    let options = SiteOptions { url: url.into(), most_pages: 500, hosts: Vec::new(), pace: FAST };
    Site::new(settings("Docs", "site", readers), options, Network::default()).unwrap()
}

fn page(title: &str, body: &str) -> Reply {
    Reply::html(format!(
        "<html lang=en><head><title>{title} - Docs</title></head><body><nav><a href='/docs/'>Home</a> <a href='/docs/a.html'>A</a></nav>
         <main><h1>{title}</h1>{body}</main><footer>Imprint and cookies</footer></body></html>"
    ))
}

fn sitemap(paths: &[&str]) -> Reply {
    let urls: String = paths.iter().map(|p| format!("<url><loc>{{base}}{p}</loc></url>")).collect();
    Reply::new(200, "application/xml", format!("<urlset>{urls}</urlset>"))
}

#[tokio::test]
async fn a_site_is_read_by_its_sitemap_and_asked_again_only_for_what_changed() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    stand.at(
        "/robots.txt",
        Reply::new(200, "text/plain", "User-agent: *\nDisallow: /docs/private\nSitemap: {base}/maps.xml\n"),
    );
    let index = "<sitemapindex><sitemap><loc>{base}/docs/map.xml</loc></sitemap></sitemapindex>";
    stand.at("/maps.xml", Reply::new(200, "application/xml", index));
    stand.at(
        "/docs/map.xml",
        sitemap(&["/docs/a.html", "/docs/b.html#x", "/docs/private/c.html", "/blog/d.html", "/docs/gone.html"]),
    );
    stand.at(
        "/docs/a.html",
        page("Badges", "<h2 id=lost>A lost badge</h2><p>Call the front desk at once.</p>").with("etag", "\"1\""),
    );
    stand.at("/docs/b.html", page("Parking", "<p>Level two is for visitors.</p>"));
    let docs = site(&stand.url("/docs/"));
    let report = sync(&db, &docs).await;
    assert_eq!((counts(&report), &report.errors), ((2, 0, 0, 0), &vec![]));
    assert_eq!(
        report.warnings,
        [(String::new(), "1 pages were passed over because robots.txt forbids them".to_owned())]
    );
    let found = passages(&db, &stand.url("/docs/a.html")).await;
    assert_eq!((found[0].title.as_str(), found[0].headings.join("/").as_str()), ("Badges", "A lost badge"));
    assert_eq!((found[0].anchor.as_deref(), found[0].text.as_str()), (Some("lost"), "Call the front desk at once."));
    assert_eq!(found[0].language.as_deref(), Some("en"));

    stand.asked();
    stand.at("/docs/b.html", page("Parking", "<p>Level three is for visitors.</p>"));
    assert_eq!(counts(&sync(&db, &docs).await), (0, 1, 1, 0));
    let asked = stand.asked();
    let of_a = asked.iter().find(|a| a.path == "/docs/a.html").unwrap();
    assert_eq!(of_a.headers["if-none-match"], "\"1\"");
    assert!(of_a.headers["user-agent"].to_str().unwrap().starts_with("stoa/"));
    assert!(!asked.iter().any(|a| a.path.contains("private")));
    assert_eq!(text(&db, &stand.url("/docs/b.html")).await, "Level three is for visitors.");

    // Out of the sitemap, but still there: kept. Answered by 404: gone.
    stand.at("/docs/map.xml", sitemap(&["/docs/a.html"]));
    assert_eq!(counts(&sync(&db, &docs).await), (0, 0, 2, 0));
    stand.take_away("/docs/b.html");
    assert_eq!(counts(&sync(&db, &docs).await), (0, 0, 1, 1));
}

#[tokio::test]
async fn a_site_without_a_sitemap_is_followed_by_its_links_and_a_calendar_ends() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    stand.at("/docs/", page("Home", "<p>Welcome to the docs.</p><a href='cal/0'>Calendar</a> <a href='plan.pdf.html?utm_source=x'>Plan</a>
        <a href='/login'>Log in</a> <a rel=nofollow href='secret.html'>no</a> <a href='mailto:a@b.c'>mail</a> <a href='draft.html'>d</a>"));
    stand.at("/docs/plan.pdf.html", page("Plan", "<p>The plan for the year.</p>"));
    stand.at("/docs/secret.html", page("Secret", "<p>Not linked for robots.</p>"));
    stand.at(
        "/docs/draft.html",
        Reply::html("<html><head><meta name=robots content=noindex></head><body>Draft</body></html>"),
    );
    for n in 0..2_000 {
        stand.at(
            &format!("/docs/cal/{n}"),
            page(&format!("Month {n}"), &format!("<p>Nothing in month {n}.</p><a href='{}'>next</a>", n + 1)),
        );
    }
    let docs = site(&stand.url("/docs/"));
    let report = sync(&db, &docs).await;
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    assert_eq!(report.added, 302, "home, plan and 300 months");
    assert!(
        report.warnings[0].1.starts_with("not all pages were followed; the first that was left out is "),
        "{:?}",
        report.warnings
    );
    assert!(!text(&db, &stand.url("/docs/plan.pdf.html")).await.is_empty());
    let all = documents(&db).await;
    assert!(!all.iter().any(|d| ["secret", "draft", "login"].iter().any(|w| d.location.contains(w))));
    assert_eq!(sync(&db, &docs).await.removed, 0);
}

#[tokio::test]
async fn no_redirect_leads_into_the_private_network() {
    let ((db, _dir), stand, other) = (store().await, Stand::start().await, Stand::start().await);
    other.at("/admin", page("Admin", "<p>The password is hunter2.</p>"));
    let port = other.base.rsplit(':').next().unwrap().to_owned();
    stand.at("/sitemap.xml", sitemap(&["/a", "/b", "/c", "/d", "/e", "/f", "/fine"]));
    stand.at("/a", Reply::redirect(&other.url("/admin")));
    stand.at("/b", Reply::redirect(&format!("http://localhost:{port}/admin")));
    stand.at("/c", Reply::redirect("http://169.254.169.254/latest/meta-data/"));
    stand.at("/d", Reply::redirect("file:///etc/passwd"));
    stand.at("/e", Reply::redirect(&format!("http://[::ffff:127.0.0.1]:{port}/admin")));
    stand.at("/f", Reply::redirect("/f"));
    stand.at("/fine", page("Fine", "<p>All is well.</p>"));
    let report = sync(&db, &site(&stand.url("/"))).await;
    assert_eq!(counts(&report), (1, 0, 0, 0));
    let sentences: Vec<&str> = report.errors.iter().map(|(_, s)| s.as_str()).collect();
    for (n, part) in [
        (0, "127.0.0.1, which is in a private network"),
        (1, "localhost, which is"),
        (2, "169.254.169.254, which"),
        (3, "kind 'file'"),
        (4, "which is in a private network"),
        (5, "without end"),
    ] {
        assert!(sentences[n].contains(part), "{n}: {}", sentences[n]);
    }
    assert!(other.paths().is_empty(), "nobody was asked");
}

#[tokio::test]
async fn each_bad_page_is_one_sentence_and_a_busy_server_is_waited_for() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    stand.at("/sitemap.xml", sitemap(&["/big", "/wrong", "/busy", "/broken", "/denied", "/picture", "/latin"]));
    stand.at("/big", Reply::html(vec![b'x'; 11 * 1024 * 1024]));
    stand
        .at("/wrong", Reply::new(200, "text/html; charset=utf-8", &b"<main><p>Gr\xFC\xDFe aus K\xF6ln</p></main>"[..]));
    stand.at("/latin", Reply::new(200, "text/html; charset=iso-8859-2", &b"<main><p>\xB3\xF3d\xBC</p></main>"[..]));
    stand.in_turn(
        "/busy",
        vec![Reply::status(429).with("retry-after", "0"), Reply::status(503), page("Busy", "<p>At last.</p>")],
    );
    stand.at("/broken", Reply::status(500));
    stand.at("/denied", Reply::status(403));
    stand.at("/picture", Reply::new(200, "image/png", "x"));
    let report = sync(&db, &site(&stand.url("/"))).await;
    assert_eq!(counts(&report), (3, 0, 0, 0));
    let errors: Vec<(&str, &str)> =
        report.errors.iter().map(|(l, s)| (l.rsplit('/').next().unwrap(), s.as_str())).collect();
    assert_eq!(errors, [("big", "the page has more than 10 MB: split it"), ("broken", "the server has a fault (500)")]);
    assert_eq!(text(&db, &stand.url("/wrong")).await, "Grüße aus Köln");
    assert_eq!(text(&db, &stand.url("/latin")).await, "łódź");
    assert_eq!(text(&db, &stand.url("/busy")).await, "At last.");
    assert!(report.warnings[0].1.contains("does not let Stoa read it (403)"));
}

#[tokio::test]
async fn a_site_that_vanishes_for_a_day_loses_nothing() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let paths: Vec<String> = (0..30).map(|n| format!("/p{n}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    stand.at("/sitemap.xml", sitemap(&paths));
    paths.iter().for_each(|p| stand.at(p, page(p, &format!("<p>Words of {p}.</p>"))));
    let docs = site(&stand.url("/"));
    assert_eq!(counts(&sync(&db, &docs).await), (30, 0, 0, 0));
    for broken in [
        Reply::status(503),
        Reply::status(404),
        Reply::html("<body>Back soon.</body>"),
        Reply::redirect("http://127.0.0.1:1/"),
    ] {
        stand.always(Some(broken.clone()));
        let report = sync(&db, &docs).await;
        assert_eq!((report.removed, documents(&db).await.len()), (0, 30), "{broken:?} {report:?}");
        assert!(!report.errors.is_empty());
        assert_eq!(text(&db, &stand.url("/p7")).await, "Words of /p7.");
        db.clock().set(db.clock().now().plus(Instant::HOUR * 6)).unwrap();
    }
    stand.always(None);
    let report = sync(&db, &docs).await;
    assert_eq!((report.removed, report.errors.len(), documents(&db).await.len()), (0, 0, 30));
    // What stays away is gone after three days.
    stand.always(Some(Reply::status(404)));
    assert!(sync(&db, &docs).await.errors[0].1.contains("30 of its 30 documents are suddenly missing"));
    db.clock().set(db.clock().now().plus(Instant::DAY * 3)).unwrap();
    assert_eq!(sync(&db, &docs).await.removed, 30);
}

#[tokio::test]
async fn what_cannot_be_read_now_is_shown_to_no_more_people_than_may_read_it() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let paths: Vec<String> = (0..4).map(|n| format!("/p{n}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    stand.at("/sitemap.xml", sitemap(&paths));
    paths.iter().for_each(|p| stand.at(p, page(p, &format!("<p>Words of {p}.</p>"))));
    let (docs, first) = (site(&stand.url("/")), stand.url("/p0"));
    sync(&db, &docs).await;
    let readers = async || passages(&db, &first).await[0].readers.join(" ");
    assert_eq!(readers().await, "everyone");
    // The configuration is narrowed while a page has a fault.
    stand.at("/p0", Reply::status(500));
    sync(&db, &site_for(&stand.url("/"), &["role:owner"])).await;
    assert_eq!(readers().await, "role:owner");
    sync(&db, &docs).await;
    assert_eq!(readers().await, "everyone");
    // The site closes. Whether that is for good is doubted, and until then nobody reads it here.
    stand.always(Some(Reply::status(403)));
    let report = sync(&db, &docs).await;
    assert_eq!((report.removed, documents(&db).await.len()), (0, 4), "{report:?}");
    assert_eq!(readers().await, "");
    // It opens again as it was.
    stand.always(None);
    stand.at("/p0", page("/p0", "<p>Words of /p0.</p>"));
    sync(&db, &docs).await;
    assert_eq!(readers().await, "everyone");
}

#[tokio::test]
async fn pages_of_other_folders_take_no_room_and_no_bytes_are_read_for_nothing() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let blog: Vec<String> = (0..20).map(|n| format!("/blog/{n}")).collect();
    let mut paths: Vec<&str> = blog.iter().map(String::as_str).collect();
    stand.at("/maps.xml", sitemap(&paths));
    paths = vec!["/docs/a", "/docs/film", "/docs/b"];
    stand.at("/docs/map.xml", sitemap(&paths));
    let robots = "User-agent: *\nSitemap: {base}/maps.xml\nSitemap: {base}/docs/map.xml\n";
    stand.at("/robots.txt", Reply::new(200, "text/plain", robots));
    stand.at("/docs/a", page("A", "<p>Words of A.</p>"));
    stand.at("/docs/film", Reply::new(200, "video/mp4", vec![0; 21 * 1024 * 1024]));
    stand.at("/docs/b", page("B", "<p>Words of B.</p>").with("x-robots-tag", "max-image-preview:none"));
    let options = SiteOptions { url: stand.url("/docs/"), most_pages: 10, hosts: Vec::new(), pace: FAST };
    let docs = Site::new(settings("Docs", "site", &["everyone"]), options, Network::default()).unwrap();
    let report = sync(&db, &docs).await;
    assert_eq!((counts(&report), &report.errors), ((2, 0, 0, 0), &vec![]));
    // Another robot is meant; then it is for all.
    stand.at("/docs/b", page("B", "<p>Words of B.</p>").with("x-robots-tag", "googlebot: noindex"));
    assert_eq!(sync(&db, &docs).await.removed, 0);
    stand.at("/docs/b", page("B", "<p>Words of B.</p>").with("x-robots-tag", "noindex"));
    assert_eq!(sync(&db, &docs).await.removed, 1);
}

#[tokio::test]
async fn a_page_that_moves_behind_a_sign_in_is_closed_here_as_well() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let paths: Vec<String> = (0..4).map(|n| format!("/docs/p{n}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    stand.at("/sitemap.xml", sitemap(&paths));
    paths.iter().for_each(|p| stand.at(p, page(p, &format!("<p>Words of {p}.</p>"))));
    let docs = site(&stand.url("/docs/"));
    sync(&db, &docs).await;
    // One page: it is gone. All of them: that is doubted, and until then nobody reads them here.
    stand.at("/login", Reply::html("<html><body><h1>Sign in</h1><p>Please sign in.</p></body></html>"));
    stand.at("/docs/p0", Reply::redirect("/login"));
    let report = sync(&db, &docs).await;
    assert_eq!((counts(&report), documents(&db).await.len()), ((0, 0, 3, 1), 3), "{report:?}");
    assert!(report.warnings[0].1.contains("perhaps one has to sign in to read it"), "{:?}", report.warnings);
    paths.iter().for_each(|p| stand.at(p, Reply::redirect("/login")));
    let report = sync(&db, &docs).await;
    assert_eq!((report.removed, documents(&db).await.len()), (0, 3), "{report:?}");
    for path in &paths[1..] {
        assert!(passages(&db, &stand.url(path)).await.iter().all(|p| p.readers.is_empty()), "{path}");
    }
}

#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_for_an_hour_is_left_alone_by_the_next_sync_as_well() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    stand.at("/sitemap.xml", sitemap(&["/a"]));
    stand.at("/a", page("A", "<p>Words of A.</p>"));
    let docs = site(&stand.url("/"));
    sync(&db, &docs).await;
    stand.asked();
    stand.always(Some(Reply::status(429).with("retry-after", "3600")));
    for asked in [1, 0] {
        let report = sync(&db, &docs).await;
        assert!(report.errors[0].1.contains("asks to come back later: in 60 minutes"), "{:?}", report.errors);
        assert_eq!(stand.asked().len(), asked);
        assert_eq!(text(&db, &stand.url("/a")).await, "Words of A.");
    }
}

#[tokio::test]
async fn a_sitemap_that_nobody_promised_may_have_a_fault() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    stand.at("/sitemap.xml", Reply::status(500));
    stand.at("/", page("Home", "<p>Welcome.</p><a href='/more'>More</a>"));
    stand.at("/more", page("More", "<p>Words of more.</p>"));
    let docs = site(&stand.url("/"));
    let report = sync(&db, &docs).await;
    assert_eq!((counts(&report), &report.errors), ((2, 0, 0, 0), &vec![]));
    assert!(report.warnings[0].1.starts_with("a sitemap could not be read: "), "{report:?}");
    // Once it has been read, its fault is one of the site: links are not followed in its place.
    stand.at("/sitemap.xml", sitemap(&["/", "/more"]));
    assert!(sync(&db, &docs).await.errors.is_empty());
    stand.at("/sitemap.xml", Reply::status(500));
    assert!(sync(&db, &docs).await.errors[0].1.contains("/sitemap.xml: the server has a fault (500)"));
    // And so it is with one that robots.txt names.
    stand.take_away("/sitemap.xml");
    assert!(sync(&db, &docs).await.errors.is_empty());
    stand.at("/map.xml", Reply::status(500));
    stand.at("/robots.txt", Reply::new(200, "text/plain", "Sitemap: {base}/map.xml\n"));
    assert!(sync(&db, &docs).await.errors[0].1.contains("/map.xml: the server has a fault (500)"));
    // One of several: the others count.
    stand.at("/sitemap.xml", sitemap(&["/"]));
    let report = sync(&db, &docs).await;
    assert_eq!((report.removed, &report.errors), (0, &vec![]));
    assert!(report.warnings[0].1.contains("/map.xml"), "{report:?}");
}
