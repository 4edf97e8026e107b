//! Who reads in a conversation, and where a message stands, as Slack says it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant as Monotonic};

use serde_json::Value;
use stoa_flow::chat::{Audience, SendError};
use stoa_ground::clock::monotonic;
use stoa_http::{believed, locked, remember};

use crate::api::{Body, Failure};
use crate::app::App;
use crate::events::word;

/// For how long is believed what Slack said about a channel: one answer asks for it several times.
const FRESH: Duration = Duration::from_secs(2);
/// Channels that are remembered at once.
const REMEMBERED: usize = 10_000;

/// What is known about who reads in channels.
#[derive(Default)]
pub(crate) struct Audiences {
    /// What Slack said, and until when that is believed.
    known: Mutex<HashMap<String, (Audience, Monotonic)>>,
    /// Whether the last event of a channel said that people of other organisations read there.
    shared: Mutex<HashMap<String, bool>>,
}

impl Audiences {
    /// An event says whether people of other organisations read in its channel.
    pub fn heard(&self, channel: &str, shared: bool) {
        if remember(&self.shared, channel.to_owned(), shared, REMEMBERED) != Some(shared) {
            locked(&self.known).remove(channel);
        }
    }

    fn is_shared(&self, channel: &str) -> bool {
        locked(&self.shared).get(channel).copied().unwrap_or_default()
    }
}

impl App {
    /// Who reads in a conversation. What Slack does not show us (it takes `channels:read`) is closed.
    pub(crate) async fn audience(&self, channel: &str) -> Result<Audience, SendError> {
        if let Some(known) = believed(&self.audiences.known, channel) {
            return Ok(known);
        }
        let asked = Body::Form(vec![("channel", channel.to_owned())]);
        let said = match self.call("conversations.info", asked).await {
            Ok(found) => read(&found["channel"]),
            Err(Failure::Code { detail, .. }) => {
                tracing::debug!(app = %self.options.name, detail, "who reads in a channel is not known");
                Audience::default()
            }
            Err(passing) => return Err(self.api.send_error(passing)),
        };
        // Each event says it too, whatever the app may look up.
        let audience = Audience { outsiders: said.outsiders || self.audiences.is_shared(channel), ..said };
        remember(&self.audiences.known, channel.to_owned(), (audience, monotonic() + FRESH), REMEMBERED);
        Ok(audience)
    }

    /// The web address of a message.
    pub(crate) async fn link(&self, channel: &str, ts: &str) -> Option<String> {
        let asked = Body::Form(vec![("channel", channel.to_owned()), ("message_ts", ts.to_owned())]);
        let found = self.call("chat.getPermalink", asked).await.ok()?;
        Some(word(&found["permalink"]).to_owned()).filter(|link| link.starts_with("https://"))
    }
}

fn read(channel: &Value) -> Audience {
    let is = |what: &str| channel[what] == true;
    let open = is("is_channel") && channel["is_private"] == false && !is("is_im") && !is("is_mpim");
    // Shared between workspaces of one organisation (Enterprise Grid) is not shared with others.
    let shared = is("is_shared") && !is("is_org_shared");
    Audience { open, outsiders: shared || is("is_ext_shared") || is("is_pending_ext_shared") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_public_channel_is_open_and_one_shared_with_others_has_outsiders() {
        let (closed, open) = (Audience::default(), Audience { open: true, outsiders: false });
        let outsiders = Audience { outsiders: true, ..open };
        for (channel, audience) in [
            (json!({"is_channel": true, "is_private": false, "is_ext_shared": false}), open),
            (json!({"is_channel": true, "is_private": false, "is_shared": true, "is_org_shared": true}), open),
            (json!({"is_channel": true, "is_private": true}), closed),
            (json!({"is_group": true, "is_private": true}), closed),
            (json!({"is_channel": true, "is_mpim": true, "is_private": true}), closed),
            (json!({"is_im": true}), closed),
            (json!({"is_channel": true}), closed),
            (json!({}), closed),
            (json!({"is_channel": true, "is_private": false, "is_ext_shared": true, "is_shared": true}), outsiders),
            (json!({"is_channel": true, "is_private": false, "is_pending_ext_shared": true}), outsiders),
            (
                json!({"is_channel": true, "is_private": true, "is_shared": true}),
                Audience { outsiders: true, ..closed },
            ),
        ] {
            assert_eq!(read(&channel), audience, "{channel}");
        }
    }
}
