//! What people see and do in the web chat.

use crate::stage::{Stage, hidden, ids};
use axum::http::StatusCode;

#[tokio::test]
async fn ana_chooses_who_she_is_and_talks_to_stoa() {
    let stage = Stage::demo().await;
    let ana = stage.hire("Ana Okafor").await;
    let nobody = stage.request("GET", "/", &[], "").await;
    assert_eq!((nobody.status, nobody.location()), (StatusCode::SEE_OTHER, "/sign-in"));
    assert!(stage.request("GET", "/sign-in", &[], "").await.body.contains("Ana Okafor"));

    let window = stage.sign_in(&ana).await;
    assert!(window.sees(&window.home).await.contains("Hello Ana, this is where you and Stoa talk."));
    window.writes(&window.home, "How do I book a day off?").await;
    let page = window.sees(&window.home).await;
    assert!(page.contains("You asked: How do I book a day off?"), "{page}");
    assert!(page.contains("<h2 dir=\"auto\">Booking a day off</h2>"), "{page}");
    assert!(page.contains(
        "<a href=\"https://handbook.example/leave\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">"
    ));
    assert!(page.contains("Hello Ana, I am Stoa"), "the first message says what Stoa is");
    assert!(!page.contains(&ana.id), "no id is shown");
    assert!(page.len() < 60_000, "{} bytes", page.len());
}

#[tokio::test]
async fn a_slash_command_works_as_everywhere() {
    let stage = Stage::demo().await;
    let ana = stage.hire("Ana").await;
    let channel = stage.channel("care", &[&ana]).await;
    let window = stage.sign_in(&ana).await;
    window.writes(&window.home, "/help").await;
    assert!(window.sees(&window.home).await.contains("Ask me how something is done here"));
    window.writes(&channel, "/stoa hlep").await;
    let page = window.sees(&channel).await;
    assert!(page.contains("Did you mean"), "{page}");
    assert!(page.contains("Only visible to you"), "in a channel the command is between Ana and Stoa");
}

#[tokio::test]
async fn the_same_message_sent_twice_is_one() {
    let stage = Stage::demo().await;
    let ana = stage.hire("Ana").await;
    let window = stage.sign_in(&ana).await;
    let send = format!("{}/messages", window.home);
    let fields = [("text", "poll"), ("token", "aaaaaaaa-1")];
    window.sends(&send, &fields).await;
    window.sends(&send, &fields).await;
    let page = window.sees(&window.home).await;
    assert_eq!(page.matches("Does it help?").count(), 1);
    assert_eq!(ids(&page).len(), 2);
    window.sends(&send, &[("text", "poll"), ("token", "aaaaaaaa-2")]).await;
    assert_eq!(window.sees(&window.home).await.matches("Does it help?").count(), 2);
}

#[tokio::test]
async fn a_button_replaces_its_message_in_place() {
    let stage = Stage::demo().await;
    let ana = stage.hire("Ana").await;
    let window = stage.sign_in(&ana).await;
    window.writes(&window.home, "poll").await;
    let page = window.sees(&window.home).await;
    let message = ids(&page).pop().unwrap();
    let revision = window.updates(&window.home, 0).await["revision"].as_i64().unwrap();
    let pressed = [("command", "poll yes"), ("message", message.as_str()), ("token", "bbbbbbbb")];
    window.sends(&format!("{}/buttons", window.home), &pressed).await;
    window.sends(&format!("{}/buttons", window.home), &pressed).await;
    let news = window.updates(&window.home, revision).await;
    let list = news["list"].as_array().unwrap();
    assert_eq!(list.len(), 1, "{news}");
    assert_eq!(list[0]["id"], message.as_str());
    assert!(list[0]["html"].as_str().unwrap().contains("Thank you for <strong>yes</strong>."));
    let page = window.sees(&window.home).await;
    assert!(!page.contains("Does it help?") && page.matches("Thank you for").count() == 1);
}

#[tokio::test]
async fn a_form_stays_open_with_what_is_wrong_until_it_is_right() {
    let stage = Stage::demo().await;
    let ana = stage.hire("Ana").await;
    let window = stage.sign_in(&ana).await;
    let opened = window.sends(&format!("{}/messages", window.home), &[("text", "/tip")]).await.json();
    let dialog = opened["dialog"].as_str().unwrap();
    assert!(dialog.contains("Share a tip") && dialog.contains("<strong>your name</strong>"));
    assert_eq!(ids(&window.sees(&window.home).await).len(), 0, "a command that opens a form leaves no message");

    let form = hidden(dialog, "form");
    let send = format!("{}/forms", window.home);
    let empty = window.sends(&send, &[("form", &form), ("v.title", "Twice")]).await.json();
    let dialog = empty["dialog"].as_str().unwrap();
    assert!(dialog.contains("Please fill this in.") && dialog.contains("Please choose one."), "{dialog}");
    assert!(dialog.contains("value=\"Twice\""), "what was written stays");
    assert!(
        !dialog.contains("aria-required=\"true\" aria-invalid=\"true\" aria-describedby=\"field-0"),
        "the title is right"
    );

    let fields = [("form", form.as_str()), ("v.title", "Twice"), ("v.text", "Ask first"), ("v.area", "care")];
    let twice = window.sends(&send, &fields).await.json();
    assert!(twice["dialog"].as_str().unwrap().contains("There is a tip with this title already"), "{twice}");

    let fields = [
        ("form", form.as_str()),
        ("v.title", "Once <b>"),
        ("v.text", "Ask first"),
        ("v.area", "care"),
        ("v.agree", "yes"),
    ];
    assert_eq!(window.sends(&send, &fields).await.json()["stored"], true);
    let page = window.sees(&window.home).await;
    assert!(page.contains("Saved “Once &lt;b&gt;”; your team may translate it."), "{page}");
}

#[tokio::test]
async fn everything_works_without_script() {
    let stage = Stage::demo().await;
    let ana = stage.hire("Ana").await;
    let window = stage.sign_in(&ana).await;
    let workers = tokio::spawn(stage.flow.clone().run(tokio_util::sync::CancellationToken::new()));
    let sent = window.posts(&format!("{}/messages", window.home), &[("text", "poll")]).await;
    assert_eq!((sent.status, sent.location()), (StatusCode::SEE_OTHER, window.home.as_str()));
    assert!(window.sees(&window.home).await.contains("Does it help?"), "the answer is on the next page");
    let opened = window.posts(&format!("{}/messages", window.home), &[("text", "/tip")]).await;
    assert_eq!(opened.status, StatusCode::OK);
    assert!(opened.body.contains("<!doctype html>") && opened.body.contains("Share a tip"));
    let fields =
        [("form", &*hidden(&opened.body, "form")), ("v.title", "One"), ("v.text", "Ask first"), ("v.area", "it")];
    let saved = window.posts(&format!("{}/forms", window.home), &fields).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER);
    assert!(window.sees(&window.home).await.contains("Saved “One”"));
    workers.abort();
}

#[tokio::test]
async fn html_and_hostile_names_are_shown_and_do_nothing() {
    let stage = Stage::demo().await;
    let ana = stage.hire("Ana <script>alert(1)</script>\u{202e}").await;
    let channel = stage.channel("care", &[&ana]).await;
    let window = stage.sign_in(&ana).await;
    window.writes(&channel, "<img src=x onerror=alert(1)>\u{7}\nsecond \u{202e}line").await;
    let page = window.sees(&channel).await;
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;<br>\nsecond line"), "{page}");
    assert!(!page.contains("<img src=x") && !page.contains("<script>alert") && !page.contains('\u{202e}'));
    let policy = &window.get(&channel).await.headers["content-security-policy"];
    assert!(policy.to_str().unwrap().starts_with("default-src 'self'; "));
    assert!(!page.contains(" style=") && !page.contains(" onclick="), "the policy forbids both");
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused_kindly_and_not_lost() {
    let stage = Stage::demo().await;
    let ana = stage.hire("Ana").await;
    let window = stage.sign_in(&ana).await;
    let send = format!("{}/messages", window.home);
    let long = "word ".repeat(2_000);
    let refused = window.sends(&send, &[("text", &long)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.json()["error"], "That is too long for me. Please keep it to 8000 characters.");
    let page = window.posts(&send, &[("text", &long)]).await;
    assert!(
        page.body.contains("That is too long for me.") && page.body.contains(long.trim()),
        "the text is still there"
    );
    let huge = window.posts(&send, &[("text", &"x".repeat(200_000))]).await;
    assert_eq!(huge.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(huge.body.contains("That is too large for me."), "{}", huge.body);
    assert_eq!(ids(&window.sees(&window.home).await).len(), 0);
}

#[tokio::test]
async fn in_a_channel_stoa_answers_a_mention_in_a_thread() {
    let stage = Stage::demo().await;
    let (ana, ben) = (stage.hire("Ana").await, stage.hire("Ben").await);
    let channel = stage.channel("care", &[&ana, &ben]).await;
    let (hers, his) = (stage.sign_in(&ana).await, stage.sign_in(&ben).await);
    hers.writes(&channel, "Good morning").await;
    let asked = hers.writes(&channel, "@stoa how do I book a day off?").await.json();
    let thread = asked["go"].as_str().unwrap().to_owned();
    let page = his.sees(&channel).await;
    assert!(
        page.contains("<span class=\"mention\">@stoa</span>") && page.contains("<strong>1 reply</strong>"),
        "{page}"
    );
    let page = his.sees(&thread).await;
    assert!(page.contains("You asked: how do I book a day off?"), "{page}");
    his.sends(&format!("{channel}/messages"), &[("text", "Thanks!"), ("thread", thread.rsplit('/').next().unwrap())])
        .await;
    assert!(hers.sees(&channel).await.contains("<strong>2 replies</strong>"));
}

#[tokio::test]
async fn what_stoa_says_to_one_person_only_that_person_sees() {
    let stage = Stage::demo().await;
    let (ana, ben) = (stage.hire("Ana").await, stage.hire("Ben").await);
    let channel = stage.channel("care", &[&ana, &ben]).await;
    let (hers, his) = (stage.sign_in(&ana).await, stage.sign_in(&ben).await);
    hers.writes(&channel, "Careful with replacements").await;
    let message = ids(&his.sees(&channel).await).pop().unwrap();
    let used = [("command", "tip from"), ("message", message.as_str())];
    let opened = his.sends(&format!("{channel}/shortcuts"), &used).await.json();
    let dialog = opened["dialog"].as_str().unwrap();
    assert!(dialog.contains("Careful with replacements</textarea>"), "{dialog}");
    let form = hidden(dialog, "form");
    let fields = [("form", form.as_str()), ("v.title", "Care"), ("v.text", "Careful"), ("v.area", "care")];
    his.sends(&format!("{channel}/forms"), &fields).await;
    let page = his.sees(&channel).await;
    assert!(page.contains("Saved “Care”") && page.contains("Only visible to you"), "{page}");
    let page = hers.sees(&channel).await;
    assert!(!page.contains("Saved “Care”"), "{page}");
    assert!(!hers.updates(&channel, 0).await.to_string().contains("Saved"));
    let private = ids(&his.sees(&channel).await).pop().unwrap();
    let pressed = hers.sends(&format!("{channel}/buttons"), &[("command", "help"), ("message", &private)]).await;
    assert_eq!(pressed.status, StatusCode::NOT_FOUND);
    let unknown =
        his.sends(&format!("{channel}/shortcuts"), &[("command", "mydata erase"), ("message", &message)]).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND, "a shortcut is one of those in the menu");
}

#[tokio::test]
async fn somebody_who_is_not_in_a_conversation_cannot_look_or_write() {
    let stage = Stage::demo().await;
    let (ana, ben) = (stage.hire("Ana").await, stage.hire("Ben").await);
    let channel = stage.channel("care", &[&ana]).await;
    let (hers, his) = (stage.sign_in(&ana).await, stage.sign_in(&ben).await);
    hers.writes(&channel, "secret plans").await;
    let message = ids(&hers.sees(&channel).await).pop().unwrap();
    for place in [&channel, &hers.home] {
        for path in [
            place.clone(),
            format!("{place}/updates?since=0"),
            format!("{place}/thread/{message}"),
            format!("{place}/messages/{message}/edit"),
        ] {
            let answer = his.get(&path).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
            assert!(!answer.body.contains("secret"));
        }
        let refused = his.sends(&format!("{place}/messages"), &[("text", "hi")]).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND);
    }
    assert!(!his.sees(&his.home).await.contains("care"));
}

#[tokio::test]
async fn people_change_and_delete_their_own_words_only() {
    let stage = Stage::demo().await;
    let (ana, ben) = (stage.hire("Ana").await, stage.hire("Ben").await);
    let channel = stage.channel("care", &[&ana, &ben]).await;
    let (hers, his) = (stage.sign_in(&ana).await, stage.sign_in(&ben).await);
    hers.writes(&channel, "Tpyo").await;
    let message = ids(&hers.sees(&channel).await).pop().unwrap();
    let path = format!("{channel}/messages/{message}");
    assert_eq!(his.sends(&format!("{path}/edit"), &[("text", "Ben was here")]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(his.sends(&format!("{path}/delete"), &[]).await.status, StatusCode::FORBIDDEN);
    hers.sends(&format!("{path}/edit"), &[("text", "Typo")]).await;
    let page = his.sees(&channel).await;
    assert!(page.contains("<p>Typo</p>") && page.contains("(edited)"), "{page}");
    hers.sends(&format!("{path}/delete"), &[]).await;
    assert_eq!(ids(&his.sees(&channel).await).len(), 0);
    assert_eq!(his.updates(&channel, 0).await["list"][0]["gone"], true);
    assert_eq!(
        his.get(&format!("{channel}/thread/{message}")).await.status,
        StatusCode::OK,
        "where it stood can be opened"
    );
    let rows = stage.db.all("SELECT body FROM inbox ORDER BY position", vec![]).await.unwrap();
    let events: Vec<String> = rows.iter().map(|r| r.get("body").unwrap()).collect();
    assert!(
        events.iter().any(|e| e.contains("\"edited\"")) && events.iter().any(|e| e.contains("\"deleted\"")),
        "{events:?}"
    );
}

#[tokio::test]
async fn unread_messages_are_marked_until_they_are_seen() {
    let stage = Stage::demo().await;
    let (ana, ben) = (stage.hire("Ana").await, stage.hire("Ben").await);
    let channel = stage.channel("care", &[&ana, &ben]).await;
    let (hers, his) = (stage.sign_in(&ana).await, stage.sign_in(&ben).await);
    hers.writes(&channel, "one").await;
    his.sees(&channel).await;
    hers.writes(&channel, "two").await;
    hers.writes(&channel, "three").await;
    assert!(his.sees(&his.home).await.contains("2 new messages"));
    assert!(!hers.sees(&hers.home).await.contains("new messages</span>"), "one’s own words are not news");
    let page = his.sees(&channel).await;
    assert_eq!(page.matches("class=\"new-mark\"").count(), 1);
    assert!(page.find("<p>one</p>").unwrap() < page.find("new-mark").unwrap());
    assert!(page.find("new-mark").unwrap() < page.find("<p>two</p>").unwrap());
    assert!(!his.sees(&his.home).await.contains("2 new messages"));
}
