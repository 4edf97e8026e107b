//! The assistant pane: what can be asked there, and that an answer is on its way.

use serde_json::{Value, json};
use stoa_flow::chat::{Envelope, Event};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::Result;
use stoa_markup::parts::cut;

use crate::Feature;
use crate::api::Body;
use crate::events::word;
use crate::take::Inlet;

/// Prompts that Slack shows.
const PROMPTS: usize = 4;
/// Characters of a thread's title.
const TITLE: usize = 80;

impl Inlet {
    /// Somebody opened the pane: suggests what this person could ask.
    pub(crate) async fn thread_started(&self, workspace: &str, event: &Value) -> Result<()> {
        let thread = &event["assistant_thread"];
        let (user, channel, ts) = (word(&thread["user_id"]), word(&thread["channel_id"]), word(&thread["thread_ts"]));
        if user.is_empty() || channel.is_empty() || ts.is_empty() {
            return Ok(());
        }
        self.app.remember_direct(user, channel);
        self.app.thread_began(channel, ts);
        let account = self.account(workspace, user);
        if !self.flow.is_known(&account).await? && self.app.is_stranger(user).await {
            // What they write is answered once, with why nothing is for them.
            return Ok(());
        }
        let prompts = self.flow.prompts(&account).await?;
        let prompts: Vec<Value> =
            prompts.iter().take(PROMPTS).map(|p| json!({ "title": p.title, "message": p.says })).collect();
        let title = say!(Words::english(), "chat-prompts-title");
        let body = json!({ "channel_id": channel, "thread_ts": ts, "title": title, "prompts": prompts });
        self.beside("assistant.threads.setSuggestedPrompts", body);
        Ok(())
    }

    /// Says in the pane that an answer is on its way; Slack takes it away when the answer is there.
    pub(crate) fn works(&self, envelope: &Envelope) {
        if !self.app.options.has(Feature::Assistant) {
            return;
        }
        let place = &envelope.place;
        let (Event::Message { text, to_bot: true, .. }, Some(thread), true) =
            (&envelope.event, &place.thread, place.direct)
        else {
            return;
        };
        let status = say!(Words::english(), "chat-works");
        let body = json!({ "channel_id": place.channel, "thread_ts": thread, "status": status });
        self.beside("assistant.threads.setStatus", body);
        if self.app.is_untitled(&place.channel, thread) {
            let body = json!({ "channel_id": place.channel, "thread_ts": thread, "title": cut(text.trim(), TITLE) });
            self.beside("assistant.threads.setTitle", body);
        }
    }

    /// Calls a method beside the event; that it did not work costs nobody an answer.
    fn beside(&self, method: &'static str, body: Value) {
        let app = self.app.clone();
        tokio::spawn(async move {
            if app.is_unsupported(method) {
                return;
            }
            if let Err(failure) = app.call(method, Body::Json(body)).await {
                app.note_failure(method, &failure);
                tracing::debug!(app = %app.options.name, method, error = %app.api.send_error(failure), "the pane is as it was");
            }
        });
    }
}
