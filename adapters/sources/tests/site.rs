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

#[tokio::test]
async fn a_site_that_says_of_each_page_by_its_name_that_it_is_not_there_changes_nothing() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let paths: Vec<String> = (0..12).map(|n| format!("/k/lorry-{n}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    stand.at("/sitemap.xml", sitemap(&paths));
    let say = |words: &str| {
        for (n, path) in paths.iter().enumerate() {
            stand.at(
                path,
                page("Lorry", &format!("<p>The lorry number {n} is parked in bay {n} near the {words}.</p>")),
            );
        }
    };
    say("dock");
    let lorries = site(&stand.url("/k/"));
    assert_eq!(counts(&sync(&db, &lorries).await), (12, 0, 0, 0));
    let missing = "<html><main><h1>Not found</h1><p>The page {path} could not be found (incident 7{path}). Did it move?</p></main></html>";
    stand.always(Some(Reply::html(missing)));
    let report = sync(&db, &lorries).await;
    assert_eq!((counts(&report), documents(&db).await.len()), ((0, 0, 0, 0), 12), "{report:?}");
    assert!(report.errors[0].1.contains("that looks like a notice of the site, so nothing was changed"), "{report:?}");
    assert_eq!(text(&db, &stand.url("/k/lorry-7")).await, "The lorry number 7 is parked in bay 7 near the dock.");
    // Pages that differ in a number alone are pages, where the site knows which it has.
    stand.always(None);
    say("gate");
    assert_eq!(counts(&sync(&db, &lorries).await), (0, 12, 0, 0));
}

#[tokio::test]
async fn of_a_long_robots_txt_the_beginning_counts() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let long = format!("User-agent: *\nDisallow: /private\n{}", "# filler\n".repeat(120_000));
    stand.at("/robots.txt", Reply::new(200, "text/plain", long));
    stand.at("/sitemap.xml", sitemap(&["/a", "/private/b"]));
    stand.at("/a", page("A", "<p>Words of A.</p>"));
    stand.at("/private/b", page("B", "<p>Words of B.</p>"));
    let report = sync(&db, &site(&stand.url("/"))).await;
    assert_eq!((counts(&report), &report.errors), ((1, 0, 0, 0), &vec![]));
    assert!(!stand.paths().iter().any(|path| path.contains("private")));
}

#[tokio::test]
async fn a_page_whose_own_address_leads_back_or_nowhere_stands_where_it_is() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let own = |title: &str, to: &str| {
        Reply::html(format!(
            "<head><link rel=canonical href='{to}'></head><main><h1>{title}</h1><p>Words of {title}.</p></main>"
        ))
    };
    let listed = ["/g/slash", "/g/one", "/g/two", "/g/dead", "/g/copy", "/g/far", "/g/original", "/g/moved"];
    stand.at("/sitemap.xml", sitemap(&listed));
    stand.at("/g/slash", own("Slash", "/g/slash/"));
    stand.at("/g/slash/", Reply::redirect("/g/slash"));
    stand.at("/g/one", own("One", "/g/two"));
    stand.at("/g/two", own("Two", "/g/one"));
    stand.at("/g/dead", own("Dead", "/g/nowhere"));
    // These stand elsewhere: at an address that another one leads to, and at one that is listed later.
    stand.at("/g/copy", own("Copy", "/g/moved"));
    stand.at("/g/far", own("Far", "/g/copy"));
    stand.at("/g/moved", Reply::redirect("/g/original"));
    stand.at("/g/original", own("Original", "/g/original"));
    let docs = site(&stand.url("/g/"));
    let report = sync(&db, &docs).await;
    assert_eq!((counts(&report), &report.errors), ((5, 0, 0, 0), &vec![]));
    let found: Vec<String> = documents(&db).await.into_iter().map(|d| d.title).collect();
    for title in ["Slash", "One", "Two", "Dead", "Original"] {
        assert!(found.iter().any(|t| t == title), "{title} in {found:?}");
    }
    assert_eq!(counts(&sync(&db, &docs).await), (0, 0, 5, 0));
    // Its own address is there now.
    stand.at("/g/nowhere", own("Dead", "/g/nowhere"));
    assert_eq!(counts(&sync(&db, &docs).await), (1, 0, 4, 1));
    assert_eq!(text(&db, &stand.url("/g/nowhere")).await, "Words of Dead.");
}

#[tokio::test]
async fn a_page_without_words_is_a_problem_and_one_that_only_sends_its_reader_on_is_none() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    stand.at("/sitemap.xml", sitemap(&["/script", "/stub", "/clock", "/cyrillic"]));
    stand.at(
        "/script",
        Reply::html("<head><title>App</title></head><div id=root></div><script src=a.js></script><noscript>Switch it on.</noscript>"),
    );
    stand.at(
        "/stub",
        Reply::html("<head><meta http-equiv=Refresh content='0; URL=/there'></head><p>This page has moved.</p>"),
    );
    stand.at("/there", page("There", "<p>Words of there.</p>"));
    stand.at(
        "/clock",
        Reply::html("<head><meta http-equiv=refresh content='5; url=/clock'></head><p>Words of the clock.</p>"),
    );
    let words = b"<main><p>\xCF\xF0\xE8\xEA\xE0\xE7 \xEF\xEE\xE4\xEF\xE8\xF1\xE0\xED.</p></main>";
    stand.at("/cyrillic", Reply::new(200, "text/html; Charset=\"windows-1251\"", &words[..]));
    let report = sync(&db, &site(&stand.url("/"))).await;
    assert_eq!(counts(&report), (3, 0, 0, 0));
    assert_eq!(report.errors.len(), 1);
    assert!(
        report.errors[0].0.ends_with("/script") && report.errors[0].1.starts_with("it has no text, "),
        "{report:?}"
    );
    assert_eq!(text(&db, &stand.url("/there")).await, "Words of there.");
    assert_eq!(text(&db, &stand.url("/clock")).await, "Words of the clock.");
    assert_eq!(text(&db, &stand.url("/cyrillic")).await, "Приказ подписан.");
}
