//! `stoa.toml` and the environment: every key can also be given as `STOA_SECTION__KEY`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_flow::chat::Place;
use stoa_flow::delivery::MAIL;
use stoa_flow::{Lease, Nudges, Organisation};
use stoa_ground::Instant;
use stoa_ground::people::calendar::{self, Calendar, Location};
use stoa_learning::training::requests::Settings;

/// The configuration of Stoa, `stoa.toml`. Unknown keys are errors.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub database: Database,
    pub data: Data,
    pub http: Http,
    pub web: Web,
    pub slack: Vec<SlackApp>,
    pub discord: Discord,
    pub bridge: Vec<Bridge>,
    pub network: Network,
    pub mail: Mail,
    pub oidc: Oidc,
    pub organisation: OrganisationSection,
    pub nudges: NudgesSection,
    pub training: TrainingSection,
    pub library: Library,
    pub search: Search,
    pub answers: Answers,
    pub llm: Llm,
    pub lrs: Lrs,
    pub evidence: Evidence,
    pub operations: Operations,
}

/// Where everything is stored.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`; without it `stoa.db` in the data folder.
    #[schemars(example = &"postgres://stoa@db.example.org/stoa")]
    pub url: Option<String>,
    /// A file with the URL, where it holds a password.
    #[schemars(example = &"/etc/stoa/database-url")]
    pub url_file: Option<PathBuf>,
    /// How long a server has what it claimed for itself (events, messages to send). After that another server takes it
    /// over, so this is how long work waits that a server had when it stopped suddenly. At least `5s`.
    pub lease: String,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: None, url_file: None, lease: "60s".into() }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

/// The folder on this machine.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// The folder for the database, the index and the lock.
    #[schemars(example = &"/var/lib/stoa")]
    pub dir: PathBuf,
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: PathBuf::from("stoa-data") }
    }
}

/// The one listener.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address and port to listen on.
    #[schemars(example = &"0.0.0.0:8420")]
    pub listen: String,
    /// The address that people's browsers use, when a proxy stands before Stoa.
    #[schemars(example = &"https://learn.example.org")]
    pub public_url: Option<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8420".into(), public_url: None }
    }
}

/// The chat in the browser.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Web {
    /// Whether the local web chat is open. Only on a loopback listener.
    #[schemars(example = &true)]
    pub local_chat: bool,
}

/// The Discord app: see `docs/discord.md`. Nothing is connected without a token.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Discord {
    /// The bot's token.
    pub token: Option<String>,
    /// A file with the bot's token.
    #[schemars(example = &"/etc/stoa/discord-token")]
    pub token_file: Option<PathBuf>,
    /// The application's id.
    #[schemars(example = &"100000000000000001")]
    pub application_id: String,
    /// The application's public key, for interactions that Discord posts to `/discord/interactions`.
    pub public_key: Option<String>,
    /// Whether the gateway is connected; without it only interactions over HTTP come in.
    pub gateway: bool,
    /// Whether the privileged intent Message Content is granted.
    pub message_content: bool,
    /// Whether the privileged intent Server Members is granted.
    pub members: bool,
    /// Where commands are registered: `global` or `guilds` (at once, in the servers below; for development).
    pub commands: String,
    /// Where Discord's REST interface is, when it is not `https://discord.com/api/v10`.
    #[schemars(example = &"https://discord.com/api/v10")]
    pub api_url: Option<String>,
    /// `[[discord.guilds]]`: the servers.
    pub guilds: Vec<DiscordGuild>,
}

/// A Discord server.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscordGuild {
    /// Its id.
    #[schemars(example = &"500000000000000001")]
    pub id: String,
    /// The channel in which people are told that something waits for them, each in a private thread.
    #[schemars(example = &"300000000000000001")]
    pub channel: Option<String>,
    /// Forum channels whose posts are questions to Stoa; needs `message_content`.
    #[serde(default)]
    pub forums: Vec<String>,
    /// The role that only people of the organisation get there. It vouches for accounts whose user name the roster has.
    #[schemars(example = &"600000000000000001")]
    pub member_role: Option<String>,
}

impl Default for Discord {
    fn default() -> Self {
        Self {
            token: None,
            token_file: None,
            application_id: String::new(),
            public_key: None,
            gateway: true,
            message_content: false,
            members: false,
            commands: "global".into(),
            api_url: None,
            guilds: Vec::new(),
        }
    }
}

impl Discord {
    /// Whether there is a token, and with it an app.
    pub fn is_set(&self) -> bool {
        self.token.is_some() || self.token_file.is_some()
    }
}

impl std::fmt::Debug for Discord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token must not be seen.
        f.debug_struct("Discord").field("application_id", &self.application_id).finish_non_exhaustive()
    }
}

/// A Slack app: see `docs/slack.md`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackApp {
    /// Its name in `/slack/<name>/…` and in messages to the operator.
    #[schemars(example = &"acme")]
    pub name: String,
    /// How events come in: `socket` (Stoa opens connections) or `http` (Slack posts them); `socket` when it is empty.
    #[serde(default)]
    #[schemars(example = &"socket")]
    pub mode: String,
    /// The bot's token.
    #[schemars(example = &"xoxb-…")]
    pub bot_token: Option<String>,
    /// A file with the bot's token.
    #[schemars(example = &"/etc/stoa/slack-bot-token")]
    pub bot_token_file: Option<PathBuf>,
    /// The app's token with the scope `connections:write`, for Socket Mode.
    #[schemars(example = &"xapp-…")]
    pub app_token: Option<String>,
    /// A file with the app's token.
    #[schemars(example = &"/etc/stoa/slack-app-token")]
    pub app_token_file: Option<PathBuf>,
    /// The secret with which Slack signs its requests, for HTTP mode.
    pub signing_secret: Option<String>,
    /// A file with the signing secret.
    #[schemars(example = &"/etc/stoa/slack-signing-secret")]
    pub signing_secret_file: Option<PathBuf>,
    /// The app's client id: with it and the client secret, workspaces install the app by its own page, in HTTP mode.
    pub client_id: Option<String>,
    /// The app's client secret.
    pub client_secret: Option<String>,
    /// A file with the client secret.
    #[schemars(example = &"/etc/stoa/slack-client-secret")]
    pub client_secret_file: Option<PathBuf>,
    /// Whether `/ask`, `/tip` and the other words are commands beside `/stoa`; for the manifest.
    #[serde(default)]
    #[schemars(example = &true)]
    pub short_commands: bool,
    /// What the app does beside questions, tips and lessons, each of which needs scopes of its own: `assistant` (the pane),
    /// `channel_news` (the operator hears of archived and left channels), `discussions` (it hears what is said in channels),
    /// `do_not_disturb`, `reactions`. All of it when absent.
    #[schemars(example = &["discussions", "do_not_disturb"])]
    pub features: Option<Vec<String>>,
    /// Where Slack's Web API is, when it is not `https://slack.com/api`.
    #[schemars(example = &"https://slack.com/api")]
    pub api_url: Option<String>,
}

impl std::fmt::Debug for SlackApp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlackApp").field("name", &self.name).field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// A chat that Stoa does not know, connected over HTTP: see `docs/bridge.md`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bridge {
    /// Its name in accounts and in `/bridge/<name>/events`.
    #[schemars(example = &"shoptalk")]
    pub name: String,
    /// Where the other side takes messages.
    #[schemars(example = &"https://chat.example.org/stoa")]
    pub api_url: String,
    /// The secret that both sides sign with.
    pub secret: Option<String>,
    /// A file with the secret.
    #[schemars(example = &"/etc/stoa/shoptalk.secret")]
    pub secret_file: Option<PathBuf>,
}

impl std::fmt::Debug for Bridge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bridge").field("name", &self.name).field("api_url", &self.api_url).finish_non_exhaustive()
    }
}

/// Mail, the last resort for what is mandated.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    /// The server that takes mail: `smtps://USER:PASSWORD@HOST`, `smtp://HOST:25`. Without it no mail is sent.
    #[schemars(example = &"smtps://stoa@mail.example.org")]
    pub smtp_url: Option<String>,
    /// A file with the URL, where it holds a password.
    #[schemars(example = &"/etc/stoa/smtp-url")]
    pub smtp_url_file: Option<PathBuf>,
    /// The sender's address: `Stoa <stoa@example.org>`.
    #[schemars(example = &"Stoa <stoa@example.org>")]
    pub from: String,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("from", &self.from).finish_non_exhaustive()
    }
}

/// The organisation's identity provider (OpenID Connect), with whose sign-in people can sign: see
/// [training.md](training.md#signing). Nothing is asked of it before somebody signs.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Oidc {
    /// The provider, exactly as it calls itself: its discovery document is at `/.well-known/openid-configuration` below.
    #[schemars(example = &"https://login.example.org")]
    pub issuer: String,
    /// The name under which Stoa is registered there; the address to register is `<public_url>/oidc/callback`.
    #[schemars(example = &"stoa")]
    pub client_id: String,
    /// The secret that belongs to it.
    pub client_secret: Option<String>,
    /// A file with the secret.
    #[schemars(example = &"/etc/stoa/oidc-secret")]
    pub client_secret_file: Option<PathBuf>,
    /// The claim in the ID token that says whose sign-in it is: `email`, which must be verified and is compared with the
    /// roster's address, or any other one, which is compared with the roster's employee id.
    pub claim: String,
    /// What is asked for beside `openid`; `email`, or `profile` for another claim, when it is absent.
    #[schemars(example = &["email"])]
    pub scopes: Option<Vec<String>>,
    /// How far the provider's clock may be from this machine's, at most `10m`.
    pub clock_skew: String,
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: String::new(),
            client_secret: None,
            client_secret_file: None,
            claim: stoa_oidc::EMAIL.into(),
            scopes: None,
            clock_skew: "60s".into(),
        }
    }
}

impl Oidc {
    /// Whether a provider is meant to be there.
    pub fn is_set(&self) -> bool {
        !self.issuer.is_empty()
            || !self.client_id.is_empty()
            || self.client_secret.is_some()
            || self.client_secret_file.is_some()
    }
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The secret must not be seen.
        f.debug_struct("Oidc").field("issuer", &self.issuer).field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// How Stoa reaches the outside.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// The proxy that requests to the outside go through: `http://HOST:PORT`.
    #[schemars(example = &"http://proxy.example.org:3128")]
    pub proxy: Option<String>,
    /// A file of certificates (PEM) that are trusted beside the public ones.
    #[schemars(example = &"/etc/ssl/example-ca.pem")]
    pub ca_file: Option<PathBuf>,
}

impl Network {
    /// The way to the outside, with the certificates read.
    pub fn outside(&self) -> Result<stoa_http::Network> {
        let read = |file: &PathBuf| {
            std::fs::read(file).with_context(|| format!("[network] ca_file: {} cannot be read", file.display()))
        };
        Ok(stoa_http::Network { proxy: self.proxy.clone(), ca: self.ca_file.as_ref().map(read).transpose()? })
    }
}

/// The organisation, its days and its hours.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OrganisationSection {
    /// The name that people know.
    #[schemars(example = &"Harbour & Pine")]
    pub name: String,
    /// The base of all activity ids. Fixed at the first start.
    #[schemars(example = &"https://learn.example.org")]
    pub iri: String,
    /// IANA zone for people whose own zone is not known.
    #[schemars(example = &"Europe/Berlin")]
    pub timezone: String,
    /// For example `Mon-Fri`.
    pub working_days: String,
    /// For example `09:00-17:00`.
    pub working_hours: String,
    /// Dates, or names of `.ics` files.
    #[schemars(example = &["2026-12-25", "bavaria.ics"])]
    pub holidays: Vec<String>,
    /// Places whose days differ. Their holidays are added to the organisation's.
    pub locations: Vec<Location>,
}

impl Default for OrganisationSection {
    fn default() -> Self {
        Self {
            name: "Our organisation".into(),
            iri: String::new(),
            timezone: "UTC".into(),
            working_days: "Mon-Fri".into(),
            working_hours: "09:00-17:00".into(),
            holidays: Vec::new(),
            locations: Vec::new(),
        }
    }
}

/// The limits on what Stoa sends without being asked.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NudgesSection {
    /// Unsolicited messages that a person gets on one day, over all kinds.
    pub daily_budget: u32,
    /// The least time between two of them.
    pub min_gap: String,
    /// How long after something that the person did nothing unsolicited is sent.
    pub after_activity: String,
    /// Hours of the person's day in which nothing unsolicited is sent; empty for none.
    pub quiet_hours: String,
    /// On how many different moments of a day unsolicited messages may come.
    pub windows: u32,
    /// After so many voluntary messages without any answer, voluntary ones pause.
    pub pause_after_ignored: u32,
    /// Unsolicited messages a day in the week after a leave.
    pub ramp: u32,
}

/// Mandatory training: how long decisions may take, and what managers may decide alone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingSection {
    /// After so many working days without an answer, whoever is asked to decide about a request is reminded.
    #[schemars(range(min = 1, max = 366))]
    pub remind_approver_after: u32,
    /// After so many working days without an answer somebody else is asked: the next manager, the learning team, an
    /// approver.
    #[schemars(range(min = 1, max = 366))]
    pub escalate_request_after: u32,
    /// A manager extends a due date alone up to so many days after the first one; for more an approver is asked.
    #[schemars(range(max = 3660))]
    pub manager_extension_days: u32,
}

impl Default for TrainingSection {
    fn default() -> Self {
        let Settings { remind_approver_after, escalate_request_after, manager_extension_days, .. } =
            Settings::default();
        Self { remind_approver_after, escalate_request_after, manager_extension_days }
    }
}

impl Default for NudgesSection {
    fn default() -> Self {
        Self {
            daily_budget: 2,
            min_gap: "3h".into(),
            after_activity: "1h".into(),
            quiet_hours: "18:00-09:00".into(),
            windows: 3,
            pause_after_ignored: 5,
            ramp: 1,
        }
    }
}

/// What answers come from; [sources.md](sources.md) has more.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Library {
    /// How often the server reads the sources again; `0s`: only at its start.
    #[schemars(example = &"1h")]
    pub every: String,
    /// The sources.
    pub sources: Vec<Source>,
}

impl Default for Library {
    fn default() -> Self {
        Self { every: "1h".into(), sources: Vec::new() }
    }
}

/// A source of documents.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// `files`, `site`, `feed`, `git`, `confluence`, `notion` or `connector`.
    #[schemars(example = &"files")]
    pub kind: String,
    /// The name shown in citations.
    #[schemars(example = &"Handbook")]
    pub name: String,
    /// `files`: the folder.
    #[schemars(example = &"/srv/handbook")]
    pub path: Option<PathBuf>,
    /// All other kinds: the address.
    #[schemars(example = &"https://docs.example.org/")]
    pub url: Option<String>,
    /// Who may read it: `everyone`, `role:…`, `group:…`, `person:…`. Nobody when absent.
    #[serde(default)]
    #[schemars(example = &["everyone"])]
    pub readers: Vec<String>,
    /// Whether somebody responsible has checked the content.
    #[serde(default = "yes")]
    pub verified: bool,
    /// Whether it is also for channels in which people from outside the organisation read along. Of it what everyone may
    /// read is said there, and nothing else.
    #[serde(default)]
    #[schemars(example = &true)]
    pub external: bool,
    /// `git`, `confluence`, `notion`, `connector`: a file with the token.
    #[schemars(example = &"/etc/stoa/wiki.token")]
    pub token_file: Option<PathBuf>,
    /// The same, in the configuration itself.
    pub token: Option<String>,
    /// `confluence`: the account to which the token belongs; without it, the token stands alone.
    #[schemars(example = &"stoa@example.org")]
    pub user: Option<String>,
    /// `confluence`: the keys of the spaces.
    #[serde(default)]
    #[schemars(example = &["ENG", "HR"])]
    pub spaces: Vec<String>,
    /// `confluence`: its groups to which everybody belongs. What they may read is open to all whom `readers` names.
    #[serde(default)]
    #[schemars(example = &["confluence-users-acme"])]
    pub open_groups: Vec<String>,
    /// `git`: the branch; the repository's own head when absent.
    #[schemars(example = &"main")]
    pub branch: Option<String>,
    /// `git`: the folder in the repository; all of it when absent.
    #[schemars(example = &"docs")]
    pub folder: Option<String>,
    /// `git`: how a file is found on the web. GitHub and GitLab are known.
    #[schemars(example = &"https://git.example.org/team/handbook/src/{path}")]
    pub link: Option<String>,
    /// `git`: the interface of its host, as GitHub or GitLab (`…/api/v4`) has it, that says whether the repository is
    /// private. Those of github.com and gitlab.com are known.
    #[schemars(example = &"https://git.example.org/api/v4")]
    pub api_url: Option<String>,
    /// `git`: `everyone` in `readers` means everyone although the repository is private.
    #[serde(default)]
    #[schemars(example = &true)]
    pub although_private: bool,
    /// `site`: how many pages are read at most.
    #[schemars(example = &5000)]
    pub most_pages: Option<usize>,
    /// `site`, `feed`: further hosts that may be in a private network, beside that of `url`.
    #[serde(default)]
    #[schemars(example = &["wiki.corp.example.org"])]
    pub hosts: Vec<String>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Source {
    /// A folder that everyone may read.
    pub fn folder(name: impl Into<String>, path: PathBuf) -> Self {
        Self {
            kind: "files".into(),
            name: name.into(),
            path: Some(path),
            readers: vec!["everyone".into()],
            verified: true,
            ..Self::default()
        }
    }
}

fn yes() -> bool {
    true
}

/// Search in the library.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Search {
    /// The folder of the model for search by meaning. Without it, the one that `stoa model install` put into the data
    /// folder; without that, the endpoint of `[llm]`; without that, search goes by words.
    #[schemars(example = &"/var/lib/stoa/models/all-MiniLM-L6-v2")]
    pub model_dir: Option<PathBuf>,
    /// The folder of a cross-encoder that looks at the best passages once more. None when absent.
    #[schemars(example = &"/var/lib/stoa/rerankers/ms-marco-MiniLM-L6-v2")]
    pub reranker_dir: Option<PathBuf>,
}

/// When Stoa speaks; [answers.md](answers.md) has more.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// When Stoa speaks in channels: `mention`, `questions` or `unasked`. `mention` when it is empty.
    #[schemars(example = &"questions")]
    pub speak: String,
    /// Channels in which it is otherwise.
    pub channels: Vec<AnswersChannel>,
}

/// One channel; what the learning team sets in the channel itself wins.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswersChannel {
    /// The channel's id on the platform.
    #[schemars(example = &"C0HELPDESK")]
    pub channel: String,
    /// The platform; any when it is absent.
    #[schemars(example = &"slack")]
    #[serde(default)]
    pub platform: String,
    /// As in `[answers] speak`.
    #[schemars(example = &"unasked")]
    pub speak: String,
}

/// A language model: any endpoint that speaks OpenAI's protocol. [answers.md](answers.md) has more.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Llm {
    /// Up to and with the version: `https://api.example/v1`. Nothing is sent anywhere without it.
    #[schemars(example = &"https://llm.example.org/v1")]
    pub base_url: String,
    /// The key, sent as bearer token.
    #[schemars(example = &"sk-…")]
    pub api_key: Option<String>,
    /// A file with the key.
    #[schemars(example = &"/etc/stoa/llm-key")]
    pub api_key_file: Option<PathBuf>,
    /// The name of the model that writes answers.
    #[schemars(example = &"qwen3-30b")]
    pub chat_model: String,
    /// The name of the model for search by meaning.
    #[schemars(example = &"bge-m3")]
    pub embedding_model: String,
    /// How long an answer may take, at most a minute; 20 seconds when it is absent.
    #[schemars(example = &"15s")]
    pub time: Option<String>,
    /// The most tokens of one answer; 500 when it is absent.
    #[schemars(example = 400)]
    pub answer_tokens: Option<u32>,
    /// The most tokens of one person on one day; 100,000 when it is absent.
    #[schemars(example = 50_000)]
    pub person_tokens: Option<u64>,
    /// The most tokens of all people on one day; 5,000,000 when it is absent.
    #[schemars(example = 2_000_000)]
    pub daily_tokens: Option<u64>,
}

impl std::fmt::Debug for Llm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Llm").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// The Learning Record Store under `/xapi`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lrs {
    /// The keys.
    pub credentials: Vec<Credential>,
}

/// A key for machines; people use `stoa lrs key create`.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// The user name of HTTP Basic authentication.
    #[schemars(example = &"hr")]
    pub key: String,
    /// Its password.
    pub secret: Option<String>,
    /// A file with the password.
    #[schemars(example = &"/etc/stoa/hr.secret")]
    pub secret_file: Option<PathBuf>,
    /// xAPI scopes, for example `statements/read`.
    #[serde(default)]
    #[schemars(example = &["statements/read"])]
    pub scopes: Vec<String>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("key", &self.key).field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

/// The ledger of evidence.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Evidence {
    /// The name of the log. Fixed at the first start; without it `[organisation] iri` without its scheme.
    #[schemars(example = &"learn.example.org/evidence")]
    pub origin: Option<String>,
    /// The key that signs checkpoints; without it `evidence/signing.key` in the data folder, made at the first use.
    #[schemars(example = &"/etc/stoa/signing.key")]
    pub signing_key_file: Option<PathBuf>,
    /// The key under which people's keys are wrapped; without it `evidence/master.key` in the data folder, made at the
    /// first start.
    #[schemars(example = &"/etc/stoa/master.key")]
    pub master_key_file: Option<PathBuf>,
    /// Where checkpoints go: `file:PATH`, `mail:ADDRESS`, `channel:PLATFORM/CHANNEL`, `timestamp:FOLDER`,
    /// `witness:URL KEY`.
    #[schemars(example = &["file:/mnt/worm/checkpoints.txt", "mail:auditor@example.com"])]
    pub anchors: Vec<String>,
    /// Whether `/evidence/…` is open to everybody; without it to auditors. Leaves name nobody either way.
    #[schemars(example = &true)]
    pub public: bool,
    /// For which regime the evidence of a requirement is meant that says nothing itself: `iso-9001`, `soc2`, `hipaa`, `osha`
    /// or `harassment-prevention`. It decides what a pack discloses, and for how long records are kept.
    #[schemars(example = &"soc2")]
    pub preset: stoa_learning::training::Preset,
    /// `[[evidence.retention]]`: how long records are kept; without any, training six years and access three years beyond
    /// the employment.
    pub retention: Vec<stoa_learning::evidence::retention::Rule>,
}

/// Who looks after Stoa.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Operations {
    /// The channel in which the operator is told once what needs a look, `PLATFORM/CHANNEL` or
    /// `PLATFORM/WORKSPACE/CHANNEL`. Without it `stoa doctor` and the log say it.
    #[schemars(example = &"slack/C0123ABCD")]
    pub channel: Option<String>,
}

impl Config {
    /// Reads the file, if there is one, and then the environment.
    ///
    /// # Errors
    /// A sentence that names the file, the line and the key.
    pub fn load(path: Option<&Path>) -> Result<Self> {
        let file = match path {
            Some(path) => Some(path.to_owned()),
            None => Some(PathBuf::from("stoa.toml")).filter(|p| p.exists()),
        };
        let text = match &file {
            Some(path) => {
                std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?
            }
            None => String::new(),
        };
        let name = file.as_ref().map_or_else(|| "stoa.toml".to_owned(), |p| p.display().to_string());
        let variables: BTreeMap<String, String> = std::env::vars().collect();
        let mut config = Self::parse(&name, &text, &variables)?;
        if let (None, Some(file)) = (&config.database.url, &config.database.url_file) {
            config.database.url = Some(secret("[database] url_file", None, Some(file))?);
        }
        Ok(config)
    }

    fn parse(name: &str, text: &str, variables: &BTreeMap<String, String>) -> Result<Self> {
        // First as it stands, so that a mistake is shown with its line.
        let config: Self = toml::from_str(text).map_err(|e| anyhow::anyhow!("{name}: {}", one_line(&e, text)))?;
        let overrides: Vec<(&str, &str)> = variables
            .iter()
            .filter_map(|(k, v)| Some((k.strip_prefix("STOA_").filter(|k| k.contains("__"))?, v.as_str())))
            .collect();
        if overrides.is_empty() {
            config.check(name)?;
            return Ok(config);
        }
        let table: toml::Table = toml::from_str(text).map_err(|e| anyhow::anyhow!("{name}: {e}"))?;
        let (mut config, mut merged) = (config, toml::Value::Table(table));
        // One after the other, so that the one that is wrong is named.
        for (key, value) in overrides {
            config = over(&mut merged, key, value).with_context(|| format!("STOA_{key} in the environment"))?;
        }
        config.check(&format!("{name} together with STOA_… in the environment"))?;
        Ok(config)
    }

    fn check(&self, name: &str) -> Result<()> {
        self.organisation().with_context(|| name.to_owned())?;
        if let Some(url) = &self.http.public_url
            && web_address(url).is_none_or(|url| url.query().is_some() || url.fragment().is_some())
        {
            bail!("{name}: [http] public_url = '{url}' is not an address like https://learn.example.org");
        }
        // It may hold a password, and is not repeated.
        if self.network.proxy.as_deref().is_some_and(|proxy| web_address(proxy).is_none()) {
            bail!("{name}: [network] proxy is not an address like http://proxy.example.org:3128");
        }
        self.training().with_context(|| name.to_owned())?;
        self.lease().with_context(|| name.to_owned())?;
        crate::sources::check(&self.library).with_context(|| name.to_owned())?;
        for (n, bridge) in self.bridge.iter().enumerate() {
            if bridge.secret.is_none() && bridge.secret_file.is_none() {
                bail!("{name}: [[bridge]] '{}' needs secret or secret_file", bridge.name);
            }
            if self.bridge.iter().take(n).any(|other| other.name == bridge.name) {
                bail!("{name}: two [[bridge]] are named '{}'", bridge.name);
            }
        }
        for (n, app) in self.slack.iter().enumerate() {
            let by_page = app.client_id.is_some() && (app.client_secret.is_some() || app.client_secret_file.is_some());
            if app.bot_token.is_none() && app.bot_token_file.is_none() && !(by_page && app.mode == "http") {
                bail!(
                    "{name}: [[slack]] '{}' needs bot_token or bot_token_file, or client_id and client_secret for mode = \"http\"",
                    app.name
                );
            }
            let socket = crate::slack::mode(app).with_context(|| name.to_owned())? == stoa_slack::Mode::Socket;
            crate::slack::features(app).with_context(|| name.to_owned())?;
            if socket && app.app_token.is_none() && app.app_token_file.is_none() {
                bail!("{name}: [[slack]] '{}' needs app_token or app_token_file for mode = \"socket\"", app.name);
            }
            if !socket && app.signing_secret.is_none() && app.signing_secret_file.is_none() {
                bail!(
                    "{name}: [[slack]] '{}' needs signing_secret or signing_secret_file for mode = \"http\"",
                    app.name
                );
            }
            if self.slack.iter().take(n).any(|other| other.name == app.name) {
                bail!("{name}: two [[slack]] are named '{}'", app.name);
            }
        }
        crate::discord::check(&self.discord).with_context(|| name.to_owned())?;
        crate::asking::check(self).with_context(|| name.to_owned())?;
        crate::oidc::check(self).with_context(|| name.to_owned())?;
        for credential in &self.lrs.credentials {
            if credential.secret.is_none() && credential.secret_file.is_none() {
                bail!("{name}: [[lrs.credentials]] '{}' needs secret or secret_file", credential.key);
            }
        }
        Ok(())
    }

    /// The organisation as the flow needs it.
    ///
    /// # Errors
    /// A sentence that names the key that cannot be read.
    pub fn organisation(&self) -> Result<Organisation> {
        let section = &self.organisation;
        let read = |file: &str| {
            std::fs::read_to_string(file).map_err(|e| stoa_ground::Error::Io(format!("{file} cannot be read: {e}")))
        };
        let quiet = self.nudges.quiet_hours.trim();
        let quiet_hours =
            if quiet.is_empty() { None } else { Some(calendar::parse_range(quiet).context("[nudges] quiet_hours")?) };
        let calendar = Calendar {
            zone: calendar::parse_zone(&section.timezone).context("[organisation] timezone")?,
            working_days: calendar::parse_days(&section.working_days).context("[organisation] working_days")?,
            holidays: calendar::parse_holidays(&section.holidays, read).context("[organisation] holidays")?,
            working_hours: calendar::parse_range(&section.working_hours).context("[organisation] working_hours")?,
            quiet_hours,
        };
        if calendar.working_hours.0 >= calendar.working_hours.1 {
            bail!(
                "[organisation] working_hours = '{}' goes over midnight, which messages cannot follow: \
                 write hours of one day, like 09:00-17:00",
                section.working_hours
            );
        }
        if !calendar.has_free_hour() {
            bail!(
                "[nudges] quiet_hours = '{quiet}' leaves less than an hour of working_hours in which anything can be sent"
            );
        }
        for (n, location) in section.locations.iter().enumerate() {
            let same = |other: &&Location| other.name.to_lowercase() == location.name.to_lowercase();
            if let Some(other) = section.locations.iter().take(n).find(same) {
                bail!(
                    "[[organisation.locations]]: '{}' and '{}' are one name, because names are compared in any case: \
                     rename one, or take it out",
                    other.name,
                    location.name
                );
            }
        }
        let locations = section
            .locations
            .iter()
            .map(|l| Ok((l.name.to_lowercase(), l.calendar(&calendar, read)?)))
            .collect::<Result<Vec<_>>>()?;
        let iri = section.iri.trim_end_matches('/');
        Ok(Organisation {
            name: section.name.clone(),
            iri: if iri.is_empty() { "https://stoa.invalid".into() } else { iri.into() },
            calendar,
            locations,
            nudges: Nudges {
                daily_budget: self.nudges.daily_budget,
                min_gap: duration(&self.nudges.min_gap).context("[nudges] min_gap")?,
                after_activity: duration(&self.nudges.after_activity).context("[nudges] after_activity")?,
                windows: self.nudges.windows,
                pause_after_ignored: self.nudges.pause_after_ignored,
                ramp: self.nudges.ramp,
            },
        })
    }

    /// How long decisions about training may take, and what managers may decide alone.
    ///
    /// # Errors
    /// A sentence that names the key that cannot be.
    pub fn training(&self) -> Result<Settings> {
        let TrainingSection { remind_approver_after, escalate_request_after, manager_extension_days } = self.training;
        for (key, days) in
            [("remind_approver_after", remind_approver_after), ("escalate_request_after", escalate_request_after)]
        {
            if !(1..=366).contains(&days) {
                bail!("[training] {key} = {days} is not a number of working days from 1 to 366");
            }
        }
        if manager_extension_days > 3_660 {
            bail!("[training] manager_extension_days = {manager_extension_days} is more than ten years");
        }
        let public_url = self.http.public_url.clone();
        Ok(Settings { remind_approver_after, escalate_request_after, manager_extension_days, public_url })
    }

    /// The zone of each location that says one, by name, for the roster import.
    pub fn location_zones(&self) -> BTreeMap<String, String> {
        let zone = |l: &Location| Some((l.name.clone(), l.timezone.clone()?));
        self.organisation.locations.iter().filter_map(zone).collect()
    }

    /// How long a server has what it claimed for itself.
    pub fn lease(&self) -> Result<Lease> {
        let length = duration(&self.database.lease).context("[database] lease")?;
        let length = Duration::from_micros(u64::try_from(length).unwrap_or(0));
        if length < Lease::SHORTEST {
            bail!(
                "[database] lease = '{}' is too short: give platforms at least {} seconds to answer",
                self.database.lease,
                Lease::SHORTEST.as_secs()
            );
        }
        Ok(Lease::of(length))
    }

    /// Whether a platform is connected to which a key sends something; the chat in the browser is one where it is open.
    ///
    /// # Errors
    /// A sentence that names the key and the platforms that are connected.
    pub fn connects(&self, key: &str, place: &Place, chat_open: bool) -> Result<()> {
        let known = [
            (chat_open, stoa_web::NAME),
            (!self.slack.is_empty(), stoa_slack::PLATFORM),
            (self.discord.is_set(), stoa_discord::PLATFORM),
            (self.mail.smtp_url.is_some() || self.mail.smtp_url_file.is_some(), MAIL),
        ];
        let mut names: Vec<&str> = known.into_iter().filter_map(|(is, name)| is.then_some(name)).collect();
        names.extend(self.bridge.iter().map(|bridge| bridge.name.as_str()));
        if names.contains(&place.platform.as_str()) {
            return Ok(());
        }
        let way = if names.is_empty() {
            "connect one, or take the channel out".to_owned()
        } else {
            format!("write one of {}, or connect it", names.join(", "))
        };
        bail!("{key}: no platform named '{}' is connected; {way}", place.platform)
    }

    /// The database's URL.
    pub fn database_url(&self) -> String {
        self.database.url.clone().unwrap_or_else(|| format!("sqlite://{}", self.data.dir.join("stoa.db").display()))
    }
}

/// A secret from the configuration, or the text of its file without the line's end.
pub fn secret(what: &str, text: Option<&str>, file: Option<&Path>) -> Result<String> {
    match (text, file) {
        (Some(text), _) => Ok(text.to_owned()),
        (None, Some(file)) => Ok(std::fs::read_to_string(file)
            .with_context(|| format!("{what}: {} cannot be read", file.display()))?
            .trim()
            .to_owned()),
        (None, None) => Ok(String::new()),
    }
}

/// Reads `3h`, `90m`, `1h 30m` or ISO 8601 (`PT3H`) as microseconds.
pub fn duration(text: &str) -> Result<i64> {
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| anyhow::anyhow!("'{text}' is not a duration like 3h or 90m"))?;
    if span.is_negative() {
        bail!("'{text}' is negative");
    }
    Ok(span.as_secs().saturating_mul(Instant::SECOND))
}

/// An address of the web, with a scheme and a host.
fn web_address(text: &str) -> Option<reqwest::Url> {
    let web = text.starts_with("https://") || text.starts_with("http://");
    let url = reqwest::Url::parse(text).ok().filter(|_| web && !text.contains(char::is_whitespace))?;
    url.has_host().then_some(url)
}

/// A mistake in a TOML file as one sentence with its line.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map(|s| text.get(..s.start).map_or(1, |t| t.matches('\n').count() + 1));
    let message = error.message().replace('\n', " ");
    line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}"))
}

/// The configuration with one more variable of the environment, whose value is a number or the like where that fits, else text.
fn over(merged: &mut toml::Value, key: &str, text: &str) -> Result<Config> {
    let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
    let mut with = |value: toml::Value| {
        let mut changed = merged.clone();
        put(&mut changed, &path, value)?;
        let config = Config::deserialize(changed.clone()).map_err(|e| without_value(&e, &path))?;
        *merged = changed;
        Ok(config)
    };
    // What is wrong is said of the first.
    with(read_value(text)).or_else(|e| with(toml::Value::String(text.to_owned())).map_err(|_| e))
}

/// What is wrong with a variable, without its value, which may be a secret.
fn without_value(error: &toml::de::Error, path: &[String]) -> anyhow::Error {
    let message = error.message();
    if message.starts_with("unknown field") {
        return anyhow::anyhow!("{message}");
    }
    match message.rsplit_once(", expected ").map(|(_, expected)| expected) {
        Some("a sequence") if message.starts_with("invalid type: map") => no_item(path.iter().nth_back(1)),
        Some("u32" | "u64" | "usize") => anyhow::anyhow!("its value is not a whole number that fits"),
        Some("a boolean") => anyhow::anyhow!("its value is neither true nor false"),
        Some("a sequence") => anyhow::anyhow!("its value is not a list like [\"one\", \"two\"]"),
        Some(expected) => anyhow::anyhow!("its value is not right: expected {expected}"),
        None => anyhow::anyhow!("its value cannot be read"),
    }
}

fn no_item(name: Option<&String>) -> anyhow::Error {
    let name = name.map(String::as_str).unwrap_or_default();
    anyhow::anyhow!("no item is named '{name}' in the configuration file, and only the file can add one")
}

/// Sets one value; an item of an array of tables is found by its `name` (or `key`).
fn put(root: &mut toml::Value, path: &[String], value: toml::Value) -> Result<()> {
    let Some((first, rest)) = path.split_first() else {
        *root = value;
        return Ok(());
    };
    match root {
        toml::Value::Array(items) => {
            let named = |item: &&mut toml::Value| {
                ["name", "key"]
                    .iter()
                    .any(|k| item.get(k).and_then(toml::Value::as_str).is_some_and(|n| n.eq_ignore_ascii_case(first)))
            };
            let item = items.iter_mut().find(named);
            put(item.ok_or_else(|| no_item(Some(first)))?, rest, value)
        }
        toml::Value::Table(table) => {
            let empty =
                if rest.is_empty() { toml::Value::Boolean(false) } else { toml::Value::Table(toml::Table::new()) };
            put(table.entry(first.clone()).or_insert(empty), rest, value)
        }
        _ => bail!("'{first}' is a value, not a section"),
    }
}

/// Numbers, booleans and arrays as in TOML; everything else is text.
fn read_value(text: &str) -> toml::Value {
    let parsed = toml::from_str::<toml::Table>(&format!("v = {text}")).ok().and_then(|mut t| t.remove("v"));
    match parsed {
        Some(v @ (toml::Value::Integer(_) | toml::Value::Boolean(_) | toml::Value::Array(_))) => v,
        _ => toml::Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config> {
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::parse("stoa.toml", text, &variables)
    }

    #[test]
    fn a_mistake_is_named_with_its_line_and_what_would_be_right() {
        let cases = [
            ("[http]\nlisten = 3\n", "stoa.toml: line 2: invalid type: integer `3`, expected a string"),
            ("[htpp]\n", "stoa.toml: line 1: unknown field `htpp`, expected one of `database`"),
            ("[nudges]\nmin_gap = \"soon\"\n", "[nudges] min_gap"),
            ("[database]\nlease = \"1s\"\n", "[database] lease"),
            ("[organisation]\ntimezone = \"Mars/Olympus\"\n", "[organisation] timezone"),
            ("[answers]\nspeak = \"loud\"\n", "[answers] speak: 'loud' is not one of mention, questions, unasked"),
            ("[llm]\ntime = \"1h\"\n", "[llm] time must be more than nothing and at most a minute"),
            ("[[library.sources]]\nkind = \"fax\"\nname = \"x\"\n", "'x' has the unknown kind 'fax'"),
            ("[[library.sources]]\nkind = \"site\"\nname = \"x\"\n", "[[library.sources]] 'x' needs url"),
            (
                "[[library.sources]]\nkind = \"files\"\nname = \"x\"\npath = \"/x\"\nbranch = \"y\"\n",
                "'x': branch is nothing for the kind 'files'",
            ),
            (
                "[[library.sources]]\nkind = \"files\"\nname = \"tips\"\npath = \"/x\"\n",
                "'tips' is the name of a source of Stoa's own",
            ),
            ("[library]\nevery = \"often\"\n", "[library] every: 'often' is not a duration"),
            ("[oidc]\nissuer = \"https://id.example.org\"\n", "[oidc] needs client_id"),
            ("[oidc]\nissuer = \"https://id.example.org\"\nclient_id = \"stoa\"\n", "[oidc] needs client_secret or"),
            (
                "[oidc]\nissuer = \"https://id.example.org\"\nclient_id = \"stoa\"\nclient_secret = \"x\"\n",
                "[oidc] needs [http] public_url",
            ),
            ("[oidc]\nclock_skew = \"1h\"\n", "[oidc] clock_skew = '1h' is more than ten minutes"),
            (
                "[network]\nproxy = \"x\"\n",
                "stoa.toml: [network] proxy is not an address like http://proxy.example.org",
            ),
            ("[http]\npublic_url = \"ftp://x\"\n", "[http] public_url = 'ftp://x' is not an address like https://"),
            ("[http]\npublic_url = \"https://x/?a=b\"\n", "[http] public_url = 'https://x/?a=b' is not an address"),
            (
                "[[organisation.locations]]\nname = \"Berlin\"\n[[organisation.locations]]\nname = \"berlin\"\n",
                "[[organisation.locations]]: 'Berlin' and 'berlin' are one name",
            ),
        ];
        for (text, expected) in cases {
            let error = format!("{:#}", parse(text, &[]).unwrap_err());
            assert!(error.contains(expected), "{text:?} gave {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn a_variable_that_is_wrong_is_named_and_its_value_is_not_said() {
        let bridge = "[[bridge]]\nname = \"shoptalk\"\napi_url = \"http://x\"\nsecret = \"a\"\n";
        let cases = [
            ("", "STOA_NUDGES__DAILY_BUDGET", "its value is not a whole number that fits"),
            ("", "STOA_WEB__LOCAL_CHAT", "its value is neither true nor false"),
            ("", "STOA_OPERATIONS__CHANNELS", "unknown field `channels`, expected `channel`"),
            ("", "STOA_BRIDGE__NOPE__SECRET", "no item is named 'nope' in the configuration file"),
            (bridge, "STOA_BRIDGE__NOPE__SECRET", "no item is named 'nope' in the configuration file"),
            ("", "STOA_LRS__CREDENTIALS__NOPE__SECRET", "no item is named 'nope' in the configuration file"),
            (bridge, "STOA_EVIDENCE__ANCHORS", "its value is not a list"),
            ("", "STOA_EVIDENCE__PRESET", "its value is not right: expected one of"),
        ];
        for (text, variable, expected) in cases {
            let right = ("STOA_HTTP__LISTEN", "127.0.0.1:9");
            let error = format!("{:#}", parse(text, &[right, (variable, "hidden")]).unwrap_err());
            assert!(error.starts_with(&format!("{variable} in the environment: {expected}")), "{error}");
            assert!(!error.contains("hidden"), "{error}");
        }
        // What is text may look like a number.
        let config = parse("", &[("STOA_DISCORD__APPLICATION_ID", "100000000000000001")]).unwrap();
        assert_eq!(config.discord.application_id, "100000000000000001");
        let error = format!("{:#}", parse("", &[("STOA_NUDGES__MIN_GAP", "soon")]).unwrap_err());
        assert!(error.starts_with("stoa.toml together with STOA_… in the environment: [nudges] min_gap"), "{error}");
    }

    #[test]
    fn the_environment_wins_and_reaches_into_arrays_by_name() {
        let text = "[[lrs.credentials]]\nkey = \"hr\"\nsecret = \"a\"\n";
        let config = parse(
            text,
            &[
                ("STOA_HTTP__LISTEN", "127.0.0.1:9"),
                ("STOA_NUDGES__DAILY_BUDGET", "1"),
                ("STOA_LRS__CREDENTIALS__HR__SECRET", "b"),
                ("STOA_PORT", "tcp://10.0.0.1:80"),
            ],
        )
        .unwrap();
        assert_eq!(config.http.listen, "127.0.0.1:9");
        assert_eq!(config.organisation().unwrap().nudges.daily_budget, 1);
        assert_eq!(config.lrs.credentials[0].secret.as_deref(), Some("b"));
        assert!(!format!("{config:?}").contains("\"b\""), "secrets are never printed");
        assert!(parse(text, &[("STOA_LRS__CREDENTIALS__XX__SECRET", "b")]).is_err());
        let bridge = "[[bridge]]\nname = \"shop-talk\"\napi_url = \"http://x\"\n";
        assert!(format!("{:#}", parse(bridge, &[]).unwrap_err()).contains("'shop-talk' needs secret or secret_file"));
        let config = parse(bridge, &[("STOA_BRIDGE__SHOP-TALK__SECRET", "b")]).unwrap();
        assert_eq!(config.bridge[0].secret.as_deref(), Some("b"));
        assert!(!format!("{config:?}").contains("\"b\""), "secrets are never printed");
        let slack = "[[slack]]\nname = \"acme\"\nbot_token = \"xoxb-1\"\n";
        assert!(format!("{:#}", parse(slack, &[]).unwrap_err()).contains("'acme' needs app_token or app_token_file"));
        let config = parse(slack, &[("STOA_SLACK__ACME__APP_TOKEN", "xapp-1")]).unwrap();
        assert_eq!(config.slack[0].app_token.as_deref(), Some("xapp-1"));
        assert!(!format!("{config:?}").contains("xoxb-1"), "secrets are never printed");
        assert!(format!("{:#}", parse("", &[("STOA_HTTP__PORT", "1")]).unwrap_err()).contains("port"));
    }
}
