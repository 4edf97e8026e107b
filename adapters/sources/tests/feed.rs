//! Feeds as a source: news that come and go, podcasts, and feeds that lie.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod stand;

use stand::{FAST, Reply, Stand, counts, documents, passages, settings, sync, text};
use stoa_ground::Instant;
use stoa_ground::testing::store;
use stoa_http::Network;
use stoa_sources::Feed;

fn feed(stand: &Stand) -> Feed {
    feed_at(&stand.url("/feed.xml"))
}

fn feed_at(url: &str) -> Feed {
    Feed::new(settings("News", "feed", &["everyone"]), url, Vec::new(), FAST, Network::default()).unwrap()
}

fn rss(items: &[(u32, &str)]) -> Reply {
    let items: String = items
        .iter()
        .map(|(n, date)| {
            format!("<item><title>News {n} &amp; more</title><link>{{base}}/news/{n}</link><guid>{n}</guid><pubDate>{date}</pubDate>
                 <description>&lt;p&gt;Text of &lt;b&gt;news {n}&lt;/b&gt;.&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;</description></item>")
        })
        .collect();
    Reply::new(
        200,
        "application/rss+xml",
        format!(
            "<rss version='2.0'><channel><title>News</title><link>{{base}}</link><description>d</description><language>en</language>{items}</channel></rss>"
        ),
    )
}

#[tokio::test]
async fn what_falls_out_of_a_feed_stays_and_what_is_taken_back_goes() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    // Dates that lie: the future, the past, none, nonsense.
    stand.at(
        "/feed.xml",
        rss(&[(4, "Mon, 01 Jan 2199 00:00:00 GMT"), (3, "Thu, 01 Jan 1970 00:00:00 GMT"), (2, ""), (1, "yesterday")])
            .with("etag", "\"a\""),
    );
    let news = feed(&stand);
    let report = sync(&db, &news).await;
    assert_eq!((counts(&report), &report.errors), ((4, 0, 0, 0), &vec![]));
    let found = passages(&db, &stand.url("/news/3")).await;
    assert_eq!((found[0].title.as_str(), found[0].text.as_str()), ("News 3 & more", "Text of **news 3**."));
    assert_eq!(found[0].language.as_deref(), Some("en"));
    assert_eq!(counts(&sync(&db, &news).await), (0, 0, 4, 0), "by its ETag");
    assert_eq!(stand.asked().last().unwrap().headers["if-none-match"], "\"a\"");

    // 5 is new, 1 fell out, 3 was taken back.
    stand.at("/feed.xml", rss(&[(5, ""), (4, ""), (2, "")]));
    assert_eq!(counts(&sync(&db, &news).await), (1, 0, 3, 1));
    let left: Vec<String> =
        documents(&db).await.into_iter().map(|d| d.location.rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(left, ["1", "2", "4", "5"]);
    // All others fell out.
    stand.at("/feed.xml", rss(&[(9, ""), (8, "")]));
    assert_eq!(counts(&sync(&db, &news).await), (2, 0, 4, 0));
    for broken in [
        Reply::html("<html>Back soon</html>"),
        Reply::status(404),
        Reply::status(500),
        Reply::new(200, "text/xml", "<rss><chan"),
        rss(&[]),
    ] {
        stand.at("/feed.xml", broken.clone());
        let report = sync(&db, &news).await;
        assert_eq!((report.removed, documents(&db).await.len()), (0, 6), "{broken:?}");
        db.clock().set(db.clock().now().plus(Instant::DAY * 2)).unwrap();
    }
}

#[tokio::test]
async fn an_episode_is_found_by_what_is_said_in_it() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let xml = "<rss version='2.0' xmlns:podcast='https://podcastindex.org/namespace/1.0' xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd'><channel><title>Town hall</title><link>{base}</link><description>d</description>
        <item><title>Episode 1</title><guid isPermaLink='false'>ep-1</guid><description>With the founders.</description>
        <enclosure url='{base}/1.mp3' length='1' type='audio/mpeg'/><podcast:transcript url='{base}/1.vtt' type='text/vtt'/></item></channel></rss>";
    stand.at("/feed.xml", Reply::new(200, "application/rss+xml", xml));
    stand.at("/1.vtt", Reply::new(200, "text/vtt", "WEBVTT\n\n00:10.000 --> 00:12.000\nWe open an office in Oslo.\n"));
    let report = sync(&db, &feed(&stand)).await;
    assert_eq!((counts(&report), &report.errors, &report.warnings), ((1, 0, 0, 0), &vec![], &vec![]));
    let location = documents(&db).await.remove(0).location;
    assert_eq!(text(&db, &location).await, "With the founders.\nWe open an office in Oslo.");
    assert_eq!(passages(&db, &location).await[1].headings, ["Transcript", "At 0:10"]);
    assert_eq!(counts(&sync(&db, &feed(&stand)).await), (0, 0, 1, 0));
}

#[tokio::test]
async fn atom_with_relative_links_is_read() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let xml = "<feed xmlns='http://www.w3.org/2005/Atom'><title>Blog</title><id>urn:x</id><updated>2026-01-01T00:00:00Z</updated><author><name>Ana</name></author>
        <entry><title type='html'>A &lt;i&gt;post&lt;/i&gt;</title><id>urn:1</id><link href='/posts/1'/><updated>2026-01-01T00:00:00Z</updated>
        <content type='html'>&lt;h2&gt;Why&lt;/h2&gt;&lt;p&gt;Because.&lt;/p&gt;</content></entry></feed>";
    stand.at("/feed.xml", Reply::new(200, "application/atom+xml", xml));
    let report = sync(&db, &feed(&stand)).await;
    assert_eq!((counts(&report), &report.errors), ((1, 0, 0, 0), &vec![]));
    let found = passages(&db, &stand.url("/posts/1")).await.remove(0);
    assert_eq!((found.title.as_str(), found.headings[0].as_str(), found.text.as_str()), ("A post", "Why", "Because."));
    assert_eq!(documents(&db).await[0].owner.as_deref(), Some("Ana"));
}

#[tokio::test]
async fn a_feed_at_another_address_is_asked_anew_and_may_be_another() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    stand.at("/feed.xml", rss(&[(3, ""), (2, ""), (1, "")]).with("etag", "\"a\""));
    sync(&db, &feed(&stand)).await;
    // It moved: what fell out of it stays. Its tag is that of the old address.
    stand.at("/moved.xml", rss(&[(4, ""), (3, "")]).with("etag", "\"a\""));
    assert_eq!(counts(&sync(&db, &feed_at(&stand.url("/moved.xml"))).await), (1, 0, 3, 0));
    // Another feed: what it does not have is gone.
    stand.at("/other.xml", rss(&[(9, "")]).with("etag", "\"a\""));
    assert_eq!(counts(&sync(&db, &feed_at(&stand.url("/other.xml"))).await).0, 1);
    assert!(!stand.asked().iter().any(|a| a.headers.contains_key("if-none-match")));
}

#[tokio::test]
async fn an_item_that_could_not_be_read_is_tried_again_although_the_feed_is_the_same() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let deep = "<b>".repeat(3_000);
    let xml = format!("<rss version='2.0'><channel><title>News</title><link>{{base}}</link><description>d</description>
        <item><title>Deep</title><link>{{base}}/deep</link><guid>1</guid><description><![CDATA[{deep}x</b>]]></description></item></channel></rss>");
    stand.at("/feed.xml", Reply::new(200, "application/rss+xml", xml).with("etag", "\"a\""));
    for _ in 0..2 {
        let report = sync(&db, &feed(&stand)).await;
        assert!(report.errors[0].1.contains("nested more than"), "{:?}", report.errors);
    }
}

/// The numbers of the items that stand.
async fn left(db: &stoa_ground::Db) -> Vec<String> {
    documents(db).await.into_iter().map(|d| d.location.rsplit('/').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_feed_that_has_its_oldest_items_first_loses_nothing_either() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let news = feed(&stand);
    let show = |items: &[u32]| stand.at("/feed.xml", rss(&items.iter().map(|n| (*n, "")).collect::<Vec<_>>()));
    show(&[1, 2, 3, 4]);
    sync(&db, &news).await;
    show(&[2, 3, 4, 5]);
    assert_eq!(counts(&sync(&db, &news).await), (1, 0, 4, 0), "1 fell out");
    show(&[3, 4, 5, 6]);
    assert_eq!(counts(&sync(&db, &news).await), (1, 0, 5, 0));
    // 4 is taken back, and so is the newest.
    show(&[3, 5, 6]);
    assert_eq!(counts(&sync(&db, &news).await), (0, 0, 5, 1));
    show(&[3, 5]);
    assert_eq!(counts(&sync(&db, &news).await), (0, 0, 4, 1));
    assert_eq!(left(&db).await, ["1", "2", "3", "5"]);
    // It is turned round, and its newest is taken back.
    show(&[7, 5, 3]);
    assert_eq!(counts(&sync(&db, &news).await), (1, 0, 4, 0));
    show(&[5, 3]);
    assert_eq!(counts(&sync(&db, &news).await), (0, 0, 4, 1));
    assert_eq!(left(&db).await, ["1", "2", "3", "5"]);
}

#[tokio::test]
async fn episodes_that_all_lead_to_the_page_of_the_podcast_are_all_kept() {
    let ((db, _dir), stand) = (store().await, Stand::start().await);
    let show = |ids: &[u32]| {
        let items: String = ids
            .iter()
            .map(|n| {
                format!(
                    "<item><title>Episode {n}</title><link>{{base}}/show</link><guid isPermaLink='false'>ep {n}</guid>
                         <description>About {n}.</description></item>"
                )
            })
            .collect();
        let xml = format!(
            "<rss version='2.0'><channel><title>Show</title><link>{{base}}</link><description>d</description>{items}</channel></rss>"
        );
        stand.at("/feed.xml", Reply::new(200, "application/rss+xml", xml));
    };
    let podcast = feed(&stand);
    show(&[1]);
    assert_eq!(counts(&sync(&db, &podcast).await), (1, 0, 0, 0));
    assert_eq!(documents(&db).await[0].location, stand.url("/show"));
    // With another one each gets a place of its own, and keeps it.
    show(&[2, 1, 1]);
    assert_eq!(counts(&sync(&db, &podcast).await), (2, 0, 0, 1));
    assert_eq!(left(&db).await, ["show#ep%201", "show#ep%202"]);
    assert_eq!(text(&db, &stand.url("/show#ep%202")).await, "About 2.");
    show(&[3, 2]);
    assert_eq!(counts(&sync(&db, &podcast).await), (1, 0, 2, 0));
    show(&[3]);
    assert_eq!(counts(&sync(&db, &podcast).await), (0, 0, 3, 0));
    assert_eq!(left(&db).await, ["show#ep%201", "show#ep%202", "show#ep%203"]);
}
