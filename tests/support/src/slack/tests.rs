use super::*;
use futures_util::{SinkExt as _, StreamExt as _};

async fn workspace() -> Slack {
    let slack = Slack::open().await.unwrap();
    slack.add_person("U1", "Ada Okafor", "Europe/Berlin");
    slack.add_channel("C1", &["U1", BOT]);
    slack.add_channel("C2", &["U1"]);
    slack
}

async fn call(slack: &Slack, method: &str, token: &str, args: &Value) -> Value {
    let url = format!("{}/{method}", slack.api_url());
    slack.hall.http.post(url).bearer_auth(token).json(args).send().await.unwrap().json().await.unwrap()
}

async fn form(slack: &Slack, method: &str, args: &[(&str, &str)]) -> Value {
    let url = format!("{}/{method}", slack.api_url());
    slack.hall.http.post(url).bearer_auth(BOT_TOKEN).form(args).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn it_answers_with_the_error_codes_of_slack() {
    let slack = workspace().await;
    slack.add_channel("C3", &[BOT]);
    slack.archive("C3");
    let post = async |args: Value| call(&slack, "chat.postMessage", BOT_TOKEN, &args).await["error"].clone();
    assert_eq!(call(&slack, "auth.test", "", &json!({})).await["error"], "not_authed");
    assert_eq!(call(&slack, "auth.test", "xoxb-other", &json!({})).await["error"], "invalid_auth");
    assert_eq!(call(&slack, "apps.connections.open", BOT_TOKEN, &json!({})).await["error"], "not_allowed_token_type");
    assert_eq!(post(json!({ "channel": "C9", "text": "x" })).await, "channel_not_found");
    assert_eq!(post(json!({ "channel": "C2", "text": "x" })).await, "not_in_channel");
    assert_eq!(post(json!({ "channel": "C3", "text": "x" })).await, "is_archived");
    assert_eq!(post(json!({ "channel": "C1" })).await, "no_text");
    assert_eq!(post(json!({ "channel": "C1", "text": "x".repeat(40_001) })).await, "msg_too_long");
    assert_eq!(post(json!({ "channel": "C1", "text": "x", "blocks": [{ "type": "x" }] })).await, "invalid_blocks");
    assert_eq!(post(json!({ "channel": "C1", "text": "x", "colour": "red" })).await, "invalid_arguments");
    let open = |user: &str| json!({ "users": user });
    assert_eq!(call(&slack, "conversations.open", BOT_TOKEN, &open("U9")).await["error"], "user_not_found");
    slack.deactivate("U1");
    assert_eq!(call(&slack, "conversations.open", BOT_TOKEN, &open("U1")).await["error"], "user_disabled");
    let theirs = slack.person("U1").says("C1", "mine");
    let update = json!({ "channel": "C1", "ts": theirs, "text": "x" });
    assert_eq!(call(&slack, "chat.update", BOT_TOKEN, &update).await["error"], "cant_update_message");
    let view = json!({ "type": "modal", "title": { "type": "plain_text", "text": "x" }, "blocks": [] });
    let open = json!({ "trigger_id": "none", "view": view });
    assert_eq!(call(&slack, "views.open", BOT_TOKEN, &open).await["error"], "invalid_trigger_id");
    assert!(slack.is_content().is_err(), "it keeps what it refused");
}

#[tokio::test]
async fn a_trigger_opens_one_view_within_three_seconds() {
    let slack = workspace().await;
    let view = json!({ "type": "modal", "title": { "type": "plain_text", "text": "x" }, "blocks": [] });
    let (fresh, old) = {
        let mut kept = lock(&slack.hall.kept);
        let (fresh, old) = (kept.trigger("U1"), kept.trigger("U1"));
        let given = clock::monotonic().checked_sub(Duration::from_millis(3_100)).unwrap();
        kept.triggers.get_mut(&old).unwrap().1 = given;
        (fresh, old)
    };
    let open = async |id: &str| call(&slack, "views.open", BOT_TOKEN, &json!({ "trigger_id": id, "view": view })).await;
    assert_eq!(open(&fresh).await["ok"], true);
    assert_eq!(open(&fresh).await["error"], "exchanged_trigger_id");
    assert_eq!(open(&old).await["error"], "expired_trigger_id");
    assert!(slack.person("U1").form().is_some());
}

#[tokio::test]
async fn posts_are_read_back_page_by_page_with_their_metadata() {
    let slack = workspace().await;
    for n in 0..5 {
        let metadata = json!({ "event_type": "delivery", "event_payload": { "key": format!("k{n}") } });
        let args = json!({ "channel": "C1", "text": format!("number {n}"), "metadata": metadata });
        assert_eq!(call(&slack, "chat.postMessage", BOT_TOKEN, &args).await["ok"], true);
    }
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let args = [("channel", "C1"), ("limit", "2"), ("include_all_metadata", "true"), ("cursor", &cursor)];
        let page = form(&slack, "conversations.history", &args).await;
        for message in page["messages"].as_array().unwrap() {
            seen.push(message["metadata"]["event_payload"]["key"].as_str().unwrap().to_owned());
        }
        page["response_metadata"]["next_cursor"].as_str().unwrap().clone_into(&mut cursor);
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["k4", "k3", "k2", "k1", "k0"]);
    assert_eq!(slack.posted().len(), 5);
    let bare = form(&slack, "conversations.history", &[("channel", "C1")]).await;
    assert!(bare["messages"][0]["metadata"].is_null());
    let json = call(&slack, "conversations.history", BOT_TOKEN, &json!({ "channel": "C1" })).await;
    assert_eq!(json["error"], "invalid_arguments", "methods that read take no JSON");
}

#[tokio::test]
async fn calls_go_wrong_as_the_script_says() {
    let slack = workspace().await;
    slack.goes_wrong("chat.postMessage", 2, Trouble::Limited(7));
    slack.goes_wrong("chat.postMessage", 3, Trouble::FailingAfter);
    let post = async || {
        let request = slack.hall.http.post(format!("{}/chat.postMessage", slack.api_url())).bearer_auth(BOT_TOKEN);
        request.json(&json!({ "channel": "C1", "text": "x" })).send().await.unwrap()
    };
    assert_eq!(post().await.status(), 200);
    let limited = post().await;
    assert_eq!((limited.status().as_u16(), limited.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    assert_eq!(post().await.status(), 500);
    assert_eq!(slack.messages().len(), 2, "the third was posted all the same");
}

/// A connection of Socket Mode.
async fn connected(slack: &Slack) -> tokio_tungstenite::WebSocketStream<tokio::net::TcpStream> {
    let opened = call(slack, "apps.connections.open", APP_TOKEN, &json!({})).await;
    let url = opened["url"].as_str().unwrap();
    let tcp = tokio::net::TcpStream::connect(slack.hall.url.trim_start_matches("http://")).await.unwrap();
    tokio_tungstenite::client_async(url, tcp).await.unwrap().0
}

async fn frame(socket: &mut tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>) -> Option<Value> {
    let text = socket.next().await?.ok()?.into_text().ok()?;
    serde_json::from_str(&text).ok()
}

#[tokio::test]
async fn envelopes_come_again_until_they_are_acknowledged() {
    let slack = workspace().await;
    slack.sends_again_after(Duration::from_millis(50));
    let delivery = slack.person("U1").says_dm("hello");
    let mut socket = connected(&slack).await;
    assert_eq!(frame(&mut socket).await.unwrap()["type"], "hello");
    let first = frame(&mut socket).await.unwrap();
    assert_eq!((&first["retry_attempt"], &first["payload"]["event"]["text"]), (&json!(0), &json!("hello")));
    let second = frame(&mut socket).await.unwrap();
    assert_eq!(second["retry_attempt"], 1);
    assert_ne!(first["envelope_id"], second["envelope_id"]);
    assert_eq!(first["payload"]["event_id"], second["payload"]["event_id"]);
    let ack = json!({ "envelope_id": second["envelope_id"], "payload": { "text": "hi" } });
    socket.send(tokio_tungstenite::tungstenite::Message::text(ack.to_string())).await.unwrap();
    assert_eq!(slack.acknowledged(delivery).await.unwrap().1["text"], "hi");
    slack.is_content().unwrap();
    let stray = json!({ "envelope_id": "nobody's" }).to_string();
    socket.send(tokio_tungstenite::tungstenite::Message::text(stray)).await.unwrap();
    slack.wait("the stray", |s| s.is_content().is_err().then_some(())).await.unwrap();
}

#[tokio::test]
async fn envelopes_are_spread_and_what_is_to_close_gets_nothing_new() {
    let slack = workspace().await;
    let (mut one, mut two) = (connected(&slack).await, connected(&slack).await);
    frame(&mut one).await.unwrap();
    frame(&mut two).await.unwrap();
    let ada = slack.person("U1");
    ada.says_dm("first");
    ada.says_dm("second");
    let texts = [frame(&mut one).await.unwrap(), frame(&mut two).await.unwrap()];
    assert_ne!(texts[0]["payload"]["event"]["text"], texts[1]["payload"]["event"]["text"]);
    assert_eq!(slack.disconnects("refresh_requested"), 2);
    assert_eq!(frame(&mut one).await.unwrap()["reason"], "refresh_requested");
    let mut three = connected(&slack).await;
    frame(&mut three).await.unwrap();
    ada.says_dm("third");
    assert_eq!(frame(&mut three).await.unwrap()["payload"]["event"]["text"], "third");
    slack.breaks_off();
    assert!(frame(&mut three).await.is_none(), "without a word");
    slack.wait("the end", |s| (s.connections() == 0).then_some(())).await.unwrap();
}

#[test]
fn it_signs_as_slack_s_own_example() {
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let signed = signature(SIGNING_SECRET, 1_531_420_618, body).unwrap();
    assert_eq!(signed, "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
}
