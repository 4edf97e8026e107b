//! Mail: the last resort for what is mandated, when no chat reaches a person. Sent by SMTP (RFC 5321), as plain text.

use std::time::Duration;

use async_trait::async_trait;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use sha2::{Digest as _, Sha256};
use stoa_flow::chat::{Account, Block, Message, MessageRef, Place, Platform, SendError, ThreadMessage};
use stoa_flow::delivery::MAIL;
use stoa_ground::{Error, Instant, Result};
use stoa_markup::plain;

/// How long one command of the server may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long a whole letter may take: less than a delivery's lease, whatever the server does between two commands.
const WHOLE: Duration = Duration::from_secs(30);

/// The longest subject, in characters.
const SUBJECT: usize = 70;

/// A mail server that takes our messages.
pub struct Mail {
    from: Mailbox,
    organisation: String,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    whole: Duration,
}

impl Mail {
    /// A mail server by its URL: `smtps://USER:PASSWORD@HOST`, `smtp://HOST:25`, or `smtp://HOST?tls=required`. `from` is
    /// an address, with or without a name.
    ///
    /// # Errors
    /// When the URL or the address cannot be read.
    pub fn new(url: &str, from: &str, organisation: &str) -> Result<Self> {
        Self::with_limits(url, from, organisation, TIMEOUT, WHOLE)
    }

    /// As [`new`](Self::new), with other time limits: for one command, and for a whole letter.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_limits(url: &str, from: &str, organisation: &str, command: Duration, whole: Duration) -> Result<Self> {
        let from = from.parse().map_err(|_| Error::invalid(format!("[mail] from = '{from}' is not a mail address")))?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            // The URL may hold a password, and the error the URL.
            .map_err(|_| Error::invalid("[mail] smtp_url is not a URL like smtps://USER:PASSWORD@HOST"))?
            .timeout(Some(command))
            .build();
        // A line break in a name must not become a header.
        let organisation = stoa_ground::people::clean(organisation);
        Ok(Self { from, organisation, transport, whole })
    }

    /// Whether the server can be reached and lets us in. Sends nothing.
    ///
    /// # Errors
    /// A sentence that says why not.
    pub async fn check(&self) -> Result<()> {
        match self.transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Io("the mail server answers, and does not take commands".into())),
            Err(e) => Err(Error::Io(explain(&e).to_string())),
        }
    }

    fn letter(&self, to: &str, message: &Message, key: &str) -> Result<lettre::Message, SendError> {
        let refused =
            |e: &dyn std::fmt::Display| SendError::Unreachable(format!("the mail address does not work: {e}"));
        // An address and nothing else: no name, no second address.
        let to = Mailbox::new(None, to.parse::<Address>().map_err(|e| refused(&e))?);
        // The same message has the same id, also when it is sent again (RFC 5322, 3.6.4).
        let digest: String = stoa_ground::hex(Sha256::digest(key).iter().take(16));
        let id = format!("<{digest}@{}>", self.from.email.domain());
        // RFC 3834: no machine answers this.
        let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        MessageBuilder::new()
            .from(self.from.clone())
            .to(to)
            .subject(self.subject(message))
            .message_id(Some(id))
            .raw_header(automatic)
            .header(ContentType::TEXT_PLAIN)
            .body(text(message))
            .map_err(|e| refused(&e))
    }

    fn subject(&self, message: &Message) -> String {
        // What it is about: a small line before it, such as a first greeting, is not that.
        let matter = message.blocks.iter().filter(|b| !matches!(b, Block::Context(_))).cloned().collect();
        let plain = text(&Message { blocks: matter, ..Message::new() });
        let hidden = |c: char| c.is_control();
        let plain = plain.replace(|c: char| hidden(c) && c != '\n', " ");
        let first = plain.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
        let short: String = first.chars().take(SUBJECT).collect();
        let more = if short.len() < first.len() { "…" } else { "" };
        format!("{}: {}{more}", self.organisation, short.trim())
    }
}

/// The message as text; buttons have no place in a mail.
fn text(message: &Message) -> String {
    plain::message(message, |_| None)
}

fn explain(e: &smtp::Error) -> SendError {
    // 5yz is for good, everything else may pass (RFC 5321, 4.2.1).
    if e.is_permanent() {
        return SendError::Unreachable(format!("the mail server refuses: {e}"));
    }
    SendError::Retry { why: format!("the mail server could not be used: {e}"), after_seconds: None }
}

#[async_trait]
impl Platform for Mail {
    fn name(&self) -> &str {
        MAIL
    }

    async fn send(
        &self,
        place: &Place,
        _only: Option<&Account>,
        message: &Message,
        key: &str,
    ) -> Result<String, SendError> {
        let letter = self.letter(&place.channel, message, key)?;
        let id = letter.headers().get_raw("Message-ID").unwrap_or_default().to_owned();
        match tokio::time::timeout(self.whole, self.transport.send(letter)).await {
            Ok(sent) => sent.map_err(|e| explain(&e))?,
            Err(_) => {
                let why = format!("the mail server took more than {} seconds", self.whole.as_secs());
                return Err(SendError::Retry { why, after_seconds: None });
            }
        };
        Ok(id)
    }

    async fn edit(&self, _message: &MessageRef, _new: &Message) -> Result<(), SendError> {
        Err(SendError::Refused("a mail that was sent cannot be changed".into()))
    }

    /// A mail server cannot be asked. A mail whose sending was cut off is sent again, under the same Message-ID.
    async fn find(&self, _place: &Place, _key: &str, _since: Instant) -> Result<Option<String>, SendError> {
        Ok(None)
    }

    async fn direct(&self, account: &Account) -> Result<Place, SendError> {
        Ok(Place {
            platform: MAIL.into(),
            workspace: String::new(),
            channel: account.user.clone(),
            thread: None,
            direct: true,
        })
    }

    async fn thread(&self, _place: &Place) -> Result<Vec<ThreadMessage>, SendError> {
        Ok(Vec::new())
    }
}
