//! The web chat as the delivery and the page's script use it.

use http_body_util::BodyExt as _;
use stoa_flow::chat::{Account, Message, MessageRef, Place, Platform as _, SendError};
use stoa_ground::Instant;

use crate::stage::Stage;

#[tokio::test]
async fn a_delivery_is_posted_once_found_again_and_edited() {
    let stage = Stage::demo().await;
    let ana = stage.hire("Ana").await;
    let chat = stoa_web::platform(&stage.flow);
    let place = chat.direct(&stoa_web::account(&ana.id)).await.unwrap();
    assert_eq!(chat.direct(&stoa_web::account(&ana.id)).await.unwrap(), place);
    assert!(place.direct);

    let id = chat.send(&place, None, &Message::text("Due on Friday"), "nudge/1/t-7").await.unwrap();
    let again = chat.send(&place, None, &Message::text("Due on Friday!"), "nudge/1/t-7").await.unwrap();
    assert_eq!(id, again, "after an uncertain send the repeat changes nothing");
    assert_eq!(chat.find(&place, "nudge/1/t-7", Instant(0)).await.unwrap(), Some(id.clone()));
    assert_eq!(chat.find(&place, "nudge/1/t-1", Instant(0)).await.unwrap(), None);
    chat.edit(&MessageRef { place: place.clone(), id }, &Message::text("Done")).await.unwrap();
    let window = stage.sign_in(&ana).await;
    let page = window.sees(&window.home).await;
    assert!(page.contains("<p>Done</p>") && !page.contains("Due on Friday"), "{page}");

    let nobody = chat.direct(&stoa_web::account("nobody")).await;
    assert!(matches!(nobody, Err(SendError::Unreachable(_))), "{nobody:?}");
    let nowhere = Place { channel: "nowhere".into(), ..place.clone() };
    let sent = chat.send(&nowhere, None, &Message::text("Hi"), "k").await;
    assert!(matches!(sent, Err(SendError::Unreachable(_))), "{sent:?}");
    let gone = chat.edit(&MessageRef { place, id: "gone".into() }, &Message::text("x")).await;
    assert!(matches!(gone, Err(SendError::Refused(_))), "{gone:?}");
}

#[tokio::test]
async fn a_thread_is_what_people_and_stoa_said_to_everybody() {
    let stage = Stage::demo().await;
    let (ana, ben) = (stage.hire("Ana").await, stage.hire("Ben").await);
    let channel = stage.channel("care", &[&ana, &ben]).await;
    let channel = channel.rsplit('/').next().unwrap();
    let (at, hers, his) = (stage.db.clock().now().plus(-Instant::HOUR), ana.id.as_str(), ben.id.as_str());
    let root = stage
        .db
        .write(|tx| async move {
            let root = stoa_web::post_as(&tx, channel, None, hers, "What would you do?", at).await?;
            stoa_web::post_as(&tx, channel, Some(&root), his, "Ask first.", at.plus(Instant::SECOND)).await?;
            Ok(root)
        })
        .await
        .unwrap();
    let chat = stoa_web::platform(&stage.flow);
    let place = Place {
        platform: "web".into(),
        workspace: String::new(),
        channel: channel.into(),
        thread: Some(root),
        direct: false,
    };
    chat.send(&place, Some(&stoa_web::account(&ana.id)), &Message::text("for Ana alone"), "a").await.unwrap();
    chat.send(&place, None, &Message::text("Logged."), "b").await.unwrap();
    let thread = chat.thread(&place).await.unwrap();
    let said: Vec<(&str, &str)> = thread.iter().map(|m| (m.name.as_str(), m.text.as_str())).collect();
    assert_eq!(said, [("Ana", "What would you do?"), ("Ben", "Ask first."), ("Stoa", "Logged.")]);
    let authors: Vec<Option<Account>> = thread.into_iter().map(|m| m.author).collect();
    assert_eq!(authors, [Some(stoa_web::account(&ana.id)), Some(stoa_web::account(&ben.id)), None]);
}

#[tokio::test]
async fn the_stream_tells_of_changes_in_ones_own_conversations_and_ends_with_the_server() {
    let stop = tokio_util::sync::CancellationToken::new();
    let stage = Stage::with(|options| {
        options.demo = true;
        options.stop = stop.clone();
    })
    .await;
    let (ana, ben) = (stage.hire("Ana").await, stage.hire("Ben").await);
    let (shared, other) = (stage.channel("care", &[&ana, &ben]).await, stage.channel("plans", &[&ben]).await);
    let (hers, his) = (stage.sign_in(&ana).await, stage.sign_in(&ben).await);
    let mut stream = stage.stream("/events", hers.cookie()).await;
    let mut next = async || match stream.frame().await {
        Some(frame) => String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap(),
        None => "the end".into(),
    };
    let first = next().await;
    assert!(first.contains("event: ready") && first.contains("data: ready"), "without data no browser tells: {first}");
    his.writes(&other, "not for Ana").await;
    his.writes(&shared, "Good morning").await;
    assert_eq!(next().await, format!("event: change\ndata: {}\n\n", shared.rsplit('/').next().unwrap()));
    stop.cancel();
    assert_eq!(next().await, "the end");
}
