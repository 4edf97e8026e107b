//! The demo's conversations: channels, a discussion in a thread, and what colleagues have shared before.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use stoa_ground::people;
use stoa_ground::{Error, Instant};
use stoa_learning::lessons;

use crate::app::{App, FIRST_MORNING};

/// `thread.toml`
#[derive(Deserialize)]
struct Thread {
    channel: String,
    message: Vec<Written>,
}

/// One message of the thread; the first one is its root.
#[derive(Deserialize)]
struct Written {
    person: String,
    after: String,
    text: String,
}

/// The employee ids of those in the channel of the discussion: the care team and those around it.
const CARE_DESK: &[&str] = &["HP003", "HP004", "HP011", "HP012", "HP013", "HP014"];

/// Who takes the track of lessons from the start.
const LEARNERS: &[&str] = &["HP007", "HP008", "HP009", "HP011", "HP012", "HP014", "HP015"];

/// Gives everybody an account on the web chat, and fills the channels.
pub async fn conversations(app: &Arc<App>, sample: &Path) -> Result<()> {
    let everyone = app.db.read(|c| async move { people::all(&c).await }).await?;
    let ids: Vec<&str> = everyone.iter().map(|p| p.id.as_str()).collect();
    let (ids, everyone) = (&ids, &everyone);
    let text = std::fs::read_to_string(sample.join("thread.toml")).context("the sample discussion")?;
    let thread: Thread = toml::from_str(&text).context("the sample discussion")?;
    let start = Instant::parse(FIRST_MORNING)?.plus(-26 * Instant::HOUR * 3);
    let thread = &thread;
    app.db
        .write(|tx| async move {
            for id in ids {
                stoa_web::enrol(&tx, id).await?;
            }
            stoa_web::create_channel(&tx, "general", ids).await?;
            let care: Vec<&str> = everyone
                .iter()
                .filter(|p| CARE_DESK.contains(&p.employee_id.as_str()))
                .map(|p| p.id.as_str())
                .collect();
            let channel = stoa_web::create_channel(&tx, &thread.channel, &care).await?;
            let mut root: Option<String> = None;
            for message in &thread.message {
                let author = everyone.iter().find(|p| p.employee_id == message.person).ok_or_else(|| {
                    Error::NotFound(format!("the author {} of the sample discussion", message.person))
                })?;
                let after: jiff::SignedDuration =
                    message.after.parse().map_err(|_| Error::invalid("the sample discussion has a wrong time"))?;
                let at = start.plus(after.as_secs() * Instant::SECOND);
                let id = stoa_web::post_as(&tx, &channel, root.as_deref(), &author.id, &message.text, at).await?;
                root.get_or_insert(id);
            }
            Ok(())
        })
        .await?;
    let organisation = app.flow.organisation();
    for person in everyone.iter().filter(|p| LEARNERS.contains(&p.employee_id.as_str())) {
        app.db
            .write(|tx| async move { lessons::enrol(&tx, organisation, person, "writing-for-customers").await })
            .await?;
    }
    Ok(())
}
