use stoa_flow::delivery::queues;
use stoa_flow::testing::{Stage, channel};
use stoa_flow::{alarms, schedule};
use stoa_ground::{Instant, args};

use super::*;

/// A stage with a channel for the operator.
async fn stage() -> (Stage, Place) {
    (Stage::new(|_| parts()).await, channel("ops"))
}

async fn looked(stage: &Stage, place: &Place) -> String {
    look(&stage.flow, Some(place)).await.unwrap();
    stage.flow.settle().await.unwrap();
    let all = stage.messages_in(place);
    all.iter().map(|p| p.message.plain()).collect::<Vec<_>>().join("\n---\n")
}

#[tokio::test]
async fn what_needs_a_look_is_told_once_and_the_message_says_when_it_is_over() {
    let (stage, place) = stage().await;
    assert_eq!(looked(&stage, &place).await, "");
    let later = stage.db.clock().now();
    stage
        .db
        .write(|tx| async move {
            alarms::raise(&tx, "slack/acme/revoked", "The app's token was revoked; install it again.").await?;
            // No job of this kind is known, so it is put aside.
            schedule::put(&tx, "nobody", "unheard-of", later, &serde_json::Value::Null).await
        })
        .await
        .unwrap();
    stage.flow.settle().await.unwrap();
    let told = looked(&stage, &place).await;
    insta::assert_snapshot!(told, @r#"
    2 things need a look:
    • unheard\-of in the schedule was put aside: no job of kind 'unheard\-of' is known. 'stoa queue retry' tries again, 'stoa queue drop' gives up.
    • The app's token was revoked; install it again.
    `stoa doctor` on the server says the same, with the way out.
    "#);
    assert_eq!(looked(&stage, &place).await, told, "it is said once");
    stage.db.write(|tx| async move { queues::retry(&tx, None).await }).await.unwrap();
    stage.db.write(|tx| async move { schedule::cancel(&tx, "nobody").await }).await.unwrap();
    assert!(!looked(&stage, &place).await.contains("unheard-of"), "what is over is taken out of the message");
    begin(&stage.db).await.unwrap();
    assert_eq!(looked(&stage, &place).await, "What this message was about is settled.");
}

#[tokio::test]
async fn what_comes_and_goes_is_told_again_after_a_day_and_not_before() {
    let (stage, place) = stage().await;
    let raise = async || {
        stage.db.write(|tx| async move { alarms::raise(&tx, "slack/acme", "Slack says no.").await }).await.unwrap();
        looked(&stage, &place).await;
    };
    let settle = async || {
        stage.db.write(|tx| async move { alarms::settle(&tx, "slack/acme").await }).await.unwrap();
        looked(&stage, &place).await;
    };
    raise().await;
    raise().await;
    settle().await;
    raise().await;
    assert_eq!(stage.messages_in(&place).len(), 1);
    settle().await;
    stage.db.clock().set(stage.db.clock().now().plus(2 * Instant::DAY)).unwrap();
    raise().await;
    assert_eq!(stage.messages_in(&place).len(), 2);
}

#[tokio::test]
async fn of_many_rows_that_were_put_aside_none_is_over_because_others_came() {
    let (stage, place) = stage().await;
    let park = async |from: usize, to: usize| {
        let later = stage.db.clock().now();
        stage
            .db
            .write(|tx| async move {
                for n in from..to {
                    schedule::put(&tx, &format!("nobody-{n:03}"), "unheard-of", later, &serde_json::Value::Null)
                        .await?;
                }
                Ok(())
            })
            .await
            .unwrap();
        stage.flow.settle().await.unwrap();
        looked(&stage, &place).await;
    };
    park(10, 30).await;
    park(0, 10).await;
    let standing = stage.db.read(|c| async move { alarms::standing(&c).await }).await.unwrap();
    assert_eq!(standing.len(), 30);
}

#[tokio::test]
async fn a_note_that_could_not_be_posted_is_no_reason_for_another() {
    let (stage, place) = stage().await;
    stage.db.write(|tx| async move { alarms::raise(&tx, "a", "Look here.").await }).await.unwrap();
    look(&stage.flow, Some(&place)).await.unwrap();
    stage
        .db
        .write(|tx| async move { tx.exec("UPDATE outbox SET state = 'parked', error = 'no channel'", args![]).await })
        .await
        .unwrap();
    look(&stage.flow, Some(&place)).await.unwrap();
    let row = stage.db.opt("SELECT COUNT(*) AS n FROM outbox", args![]).await.unwrap().unwrap();
    assert_eq!(row.get::<i64>("n").unwrap(), 1);
}

#[test]
fn a_channel_has_a_platform() {
    let place = channel_of("slack/T1/C1");
    assert_eq!((place.platform.as_str(), place.workspace.as_str(), place.channel.as_str()), ("slack", "T1", "C1"));
    assert_eq!(channel_of("web/general").workspace, "");
    for wrong in ["", "general", "slack/", "/x", "a/b/c/d"] {
        assert!(super::channel(wrong).unwrap_err().to_string().contains("PLATFORM/CHANNEL"), "{wrong}");
    }
}

fn channel_of(text: &str) -> Place {
    super::channel(text).unwrap()
}
