//! The assistant pane and streams, as Slack has them.

use serde_json::{Value, json};
use stoa_ground::clock;

use super::check;
use super::state::{BOT, Kept, Message};
use super::web_api::{Done, because, no, said};

/// Streams that Slack ends in one minute.
const ENDED_A_MINUTE: usize = 20;
/// Characters of what is appended at once.
const APPENDED: usize = 12_000;

impl Kept {
    pub(super) fn stream(&mut self, method: &str, args: &Value) -> Done {
        let (id, channel) = self.conversation(args)?;
        let alone = channel.direct.is_some();
        let fields = args.as_object().cloned().unwrap_or_default();
        let allowed: &[&str] = match method {
            "chat.startStream" => &["channel", "thread_ts", "markdown_text", "recipient_user_id", "recipient_team_id"],
            "chat.appendStream" => &["channel", "ts", "markdown_text"],
            _ => &["channel", "ts", "markdown_text", "blocks", "metadata"],
        };
        check::only(&fields, allowed, method).or_else(|why| because("invalid_arguments", why))?;
        let text = said(args, "markdown_text").to_owned();
        if text.chars().count() > APPENDED {
            return because("msg_too_long", "a piece of a stream");
        }
        check::mentions(&json!({ "text": args["markdown_text"] }), false, &mut self.mentions);
        if method == "chat.startStream" {
            let thread = said(args, "thread_ts").to_owned();
            if self.position(&id, &thread).is_none() {
                return because("invalid_arguments", "a stream without its thread");
            }
            if !alone && (said(args, "recipient_user_id").is_empty() || said(args, "recipient_team_id").is_empty()) {
                return because("missing_recipient_user_id", "a stream in a channel");
            }
            let ts = self.ts();
            self.messages.push(Message {
                channel: id.clone(),
                ts: ts.clone(),
                thread: Some(thread),
                user: BOT.into(),
                text,
                blocks: Value::Null,
                metadata: Value::Null,
                only: None,
                edits: 0,
                streaming: true,
            });
            return Ok(json!({ "channel": id, "ts": ts }));
        }
        let at = self.own(args, "message_not_owned_by_app")?;
        if !self.messages[at].streaming {
            return no("message_not_in_streaming_state");
        }
        if method == "chat.appendStream" {
            if text.is_empty() {
                return because("no_text", "nothing is appended");
            }
        } else {
            let now = clock::monotonic();
            self.ended_streams.retain(|ended| now.duration_since(*ended).as_secs() < 60);
            if self.ended_streams.len() >= ENDED_A_MINUTE {
                return no("ratelimited");
            }
            self.ended_streams.push(now);
            if !args["metadata"].is_null() {
                check::metadata(&args["metadata"]).or_else(|why| because("invalid_metadata_format", why))?;
            }
            if !args["blocks"].is_null() {
                check::message_blocks(&args["blocks"]).or_else(|why| because("invalid_blocks", why))?;
                check::short_enough(&args["blocks"]).or_else(|why| because("msg_blocks_too_long", why))?;
            }
        }
        let message = &mut self.messages[at];
        message.text.push_str(&text);
        if method == "chat.stopStream" {
            message.streaming = false;
            message.blocks = args["blocks"].clone();
            message.metadata = args["metadata"].clone();
        }
        Ok(json!({ "channel": id, "ts": said(args, "ts") }))
    }

    pub(super) fn pane(&mut self, method: &str, args: &Value) -> Done {
        let fields = args.as_object().cloned().unwrap_or_default();
        let allowed: &[&str] = match method {
            "assistant.threads.setStatus" => &["channel_id", "thread_ts", "status", "loading_messages"],
            "assistant.threads.setTitle" => &["channel_id", "thread_ts", "title"],
            _ => &["channel_id", "thread_ts", "title", "prompts"],
        };
        check::only(&fields, allowed, method).or_else(|why| because("invalid_arguments", why))?;
        let at = (said(args, "channel_id").to_owned(), said(args, "thread_ts").to_owned());
        let Some(pane) = self.panes.get_mut(&at) else { return no("invalid_thread_ts") };
        match method {
            "assistant.threads.setStatus" => {
                pane["status"] = args["status"].clone();
                pane["statuses"] = json!(pane["statuses"].as_u64().unwrap_or_default() + 1);
            }
            "assistant.threads.setTitle" => pane["title"] = args["title"].clone(),
            _ => {
                let prompts = args["prompts"].as_array().map_or(&[][..], Vec::as_slice);
                let whole = |p: &Value| ["title", "message"].iter().all(|key| !said(p, key).is_empty());
                if prompts.is_empty() || prompts.len() > 4 || !prompts.iter().all(whole) {
                    return because("invalid_arguments", format!("prompts: {prompts:?}"));
                }
                pane["prompts"] = args["prompts"].clone();
            }
        }
        Ok(json!({}))
    }
}
