//! The sources of the library: what the configuration says of them, and how the server follows them.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::future::join_all;
use stoa_ground::Instant;
use stoa_ground::clock::noise;
use stoa_learning::library::{self, SourceReader, SourceSettings};
use stoa_sources::{
    Confluence, ConfluenceOptions, Connector, Feed, Files, Git, GitOptions, Notion, NotionOptions, Pace, Site,
    SiteOptions, git,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::{Config, Library, Source, duration, secret};

/// How often it is looked whether a source is due.
const LOOK: Duration = Duration::from_secs(30);
/// A source that could not be followed is tried again after this.
const AGAIN: Duration = Duration::from_secs(300);
/// So many sources are read at a time.
const AT_ONCE: usize = 4;
/// Pages of a site.
const MOST_PAGES: usize = 5_000;
/// The pause between two requests to an interface made for programs.
const QUICK: Duration = Duration::from_millis(50);
/// Notion wants no more than three requests a second.
const NOTION: Duration = Duration::from_millis(340);

/// Names under which Stoa keeps what it writes itself.
const OWN: [&str; 5] = ["tips", "lessons", "courses", "answers", "discussions"];

/// The kinds, with the keys that each needs, and those that it may have.
const KINDS: [(&str, &[&str], &[&str]); 7] = [
    ("files", &["path"], &[]),
    ("site", &["url"], &["most_pages", "hosts"]),
    ("feed", &["url"], &["hosts"]),
    ("git", &["url"], &["branch", "folder", "link", "token", "api_url", "although_private"]),
    ("confluence", &["url", "spaces", "token"], &["user", "open_groups"]),
    ("notion", &["token"], &["url"]),
    ("connector", &["url"], &["token"]),
];

/// Looks for mistakes in the sources.
pub fn check(library: &Library) -> Result<()> {
    duration(&library.every).context("[library] every")?;
    for (n, source) in library.sources.iter().enumerate() {
        let name = source.name.as_str();
        if name.trim().is_empty() {
            bail!("[[library.sources]] number {} has no name", n + 1);
        }
        if OWN.contains(&name) {
            bail!("[[library.sources]] '{name}' is the name of a source of Stoa's own: choose another");
        }
        if library.sources.iter().take(n).any(|other| other.name == name) {
            bail!("two [[library.sources]] are named '{name}'");
        }
        let Some((kind, needs, may)) = KINDS.iter().find(|(kind, ..)| *kind == source.kind) else {
            let known: Vec<&str> = KINDS.iter().map(|(kind, ..)| *kind).collect();
            bail!(
                "[[library.sources]] '{name}' has the unknown kind '{}'; this version knows: {}",
                source.kind,
                known.join(", ")
            );
        };
        if source.external && !source.readers.iter().any(|r| r.trim() == "everyone") {
            bail!(
                "[[library.sources]] '{name}' is external, but not everyone may read it: add \"everyone\" to readers, or \
                 take external out"
            );
        }
        let given = given(source);
        if let Some(missing) = needs.iter().find(|key| !given.contains(*key)) {
            let or = if *missing == "token" { "token_file" } else { missing };
            bail!("[[library.sources]] '{name}' needs {or}");
        }
        if let Some(odd) = given.iter().find(|key| !needs.contains(key) && !may.contains(key)) {
            bail!("[[library.sources]] '{name}': {odd} is nothing for the kind '{kind}'");
        }
    }
    Ok(())
}

/// Whether those who may read the sources can be.
pub fn check_readers(library: &Library) -> Result<()> {
    for source in &library.sources {
        library::readers_of(&source.readers, source.external)
            .with_context(|| format!("[[library.sources]] '{}' readers", source.name))?;
    }
    Ok(())
}

/// The keys that are set and belong to some kinds only.
fn given(source: &Source) -> Vec<&'static str> {
    let all = [
        ("path", source.path.is_some()),
        ("url", source.url.is_some()),
        ("token", source.token.is_some() || source.token_file.is_some()),
        ("user", source.user.is_some()),
        ("spaces", !source.spaces.is_empty()),
        ("open_groups", !source.open_groups.is_empty()),
        ("api_url", source.api_url.is_some()),
        ("although_private", source.although_private),
        ("branch", source.branch.is_some()),
        ("folder", source.folder.is_some()),
        ("link", source.link.is_some()),
        ("most_pages", source.most_pages.is_some()),
        ("hosts", !source.hosts.is_empty()),
    ];
    all.into_iter().filter_map(|(key, set)| set.then_some(key)).collect()
}

/// What is not there on this machine that the source needs.
pub fn missing(source: &Source) -> Option<String> {
    match (source.kind.as_str(), &source.path) {
        ("files", Some(path)) if !path.is_dir() => Some(format!("the folder {} does not exist", path.display())),
        ("git", _) if !git::is_installed() => Some("the program 'git' is not installed: install it".into()),
        _ => None,
    }
}

/// The reader of a source.
pub fn reader(config: &Config, source: &Source) -> Result<Box<dyn SourceReader>> {
    let settings = SourceSettings {
        name: source.name.clone(),
        kind: source.kind.clone(),
        readers: source.readers.clone(),
        verified: source.verified,
        external: source.external,
    };
    let network = config.network.outside()?;
    let url = source.url.clone().unwrap_or_default();
    let token = || secret("[[library.sources]] token_file", source.token.as_deref(), source.token_file.as_deref());
    let some_token = || Ok::<_, anyhow::Error>(Some(token()?).filter(|t| !t.is_empty()));
    let quick = Pace { between: QUICK, ..Pace::default() };
    Ok(match source.kind.as_str() {
        "site" => {
            let most_pages = source.most_pages.unwrap_or(MOST_PAGES);
            let options = SiteOptions { url, most_pages, hosts: source.hosts.clone(), pace: Pace::default() };
            Box::new(Site::new(settings, options, network)?)
        }
        "feed" => Box::new(Feed::new(settings, &url, source.hosts.clone(), Pace::default(), network)?),
        "git" => {
            let options = GitOptions {
                cache: git::cache(&config.data.dir, &url),
                url,
                branch: source.branch.clone(),
                folder: source.folder.clone(),
                token: some_token()?,
                link: source.link.clone(),
                proxy: config.network.proxy.clone(),
                ca_file: config.network.ca_file.clone(),
                api_url: source.api_url.clone(),
                although_private: source.although_private,
                network,
                pace: quick,
            };
            Box::new(Git::new(settings, options)?)
        }
        "confluence" => {
            let options = ConfluenceOptions {
                url,
                spaces: source.spaces.clone(),
                user: source.user.clone(),
                token: token()?,
                open_groups: source.open_groups.clone(),
                pace: quick,
            };
            Box::new(Confluence::new(settings, options, network)?)
        }
        "notion" => {
            let pace = Pace { between: NOTION, ..Pace::default() };
            Box::new(Notion::new(settings, NotionOptions { url, token: token()?, pace }, network)?)
        }
        "connector" => Box::new(Connector::new(settings, &url, some_token()?, quick, network)?),
        _ => Box::new(Files::new(settings, source.path.clone().unwrap_or_default())),
    })
}

/// Reads the sources again whenever they are due, until it is told to stop: a few at a time, so that a slow one keeps no
/// other waiting. Of several servers one at a time reads a source.
pub async fn follow(app: Arc<App>, stop: CancellationToken) {
    let every = duration(&app.config.library.every).unwrap_or_default();
    let (server, places) = (noise().to_string(), Semaphore::new(AT_ONCE));
    let follow = async |source: &Source| {
        loop {
            let followed = follow_one(&app, source, every, &server, &places).await;
            let pause = match followed {
                Ok(true) => LOOK,
                Ok(false) => AGAIN,
                Err(e) => {
                    tracing::warn!(source = %source.name, "the source could not be followed: {e:#}");
                    AGAIN
                }
            };
            if every == 0 {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        _ = join_all(app.config.library.sources.iter().map(follow)) => {}
    }
}

/// Reads a source if it is due and no other server reads it; `false` when it was due and could not be begun.
async fn follow_one(app: &App, source: &Source, every: i64, server: &str, places: &Semaphore) -> Result<bool> {
    let synced = || app.db.read(|c| async move { library::synced(&c, &source.name).await });
    let is_due = |synced: Option<Instant>| match every {
        // Folders were read before anybody was served.
        0 => source.kind != "files",
        every => synced.is_none_or(|at| at.plus(every) <= app.db.clock().now()),
    };
    let lease = library::LEASED.lease(&app.flow);
    if !is_due(synced().await?) {
        return Ok(true);
    }
    let _place = places.acquire().await?;
    if !library::hold(&app.db, &source.name, &source.kind, server, lease).await? {
        return Ok(true);
    }
    // Another server may have read it until now.
    let before = synced().await?;
    let read = if is_due(before) { read_and_hold(app, source, server).await } else { Ok(()) };
    library::let_go(&app.db, &source.name, server).await?;
    read?;
    Ok(!is_due(before) || synced().await? != before)
}

/// Reads a source, and says again and again that this server has it.
async fn read_and_hold(app: &App, source: &Source, server: &str) -> Result<()> {
    let lease = library::LEASED.lease(&app.flow);
    let mut reading = pin!(crate::commands::library::sync_quietly(app, source));
    loop {
        tokio::select! {
            read = &mut reading => return read,
            () = tokio::time::sleep(lease.renewal()) => {
                library::hold(&app.db, &source.name, &source.kind, server, lease).await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use stoa_learning::search::Index;
    use tokio::net::TcpListener;

    use super::*;
    use crate::app::ClockKind;

    const FEED: &str = "<rss version='2.0'><channel><title>News</title><link>http://127.0.0.1/</link>
        <description>d</description><item><title>Lunch</title><guid>1</guid><description>At noon.</description></item>
        </channel></rss>";

    #[tokio::test]
    async fn a_source_that_does_not_answer_keeps_no_other_waiting() {
        let dir = tempfile::tempdir().unwrap();
        // It takes whatever comes and says nothing.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let feed = |name: &str, server: &TcpListener| Source {
            kind: "feed".into(),
            name: name.into(),
            url: Some(format!("http://{}/", server.local_addr().unwrap())),
            readers: vec!["everyone".into()],
            ..Source::default()
        };
        let mut config = Config::default();
        config.data.dir = dir.path().into();
        config.library.sources = vec![feed("Silent", &silent), feed("News", &server)];
        let router = axum::Router::new().fallback(async || FEED);
        tokio::spawn(async move { axum::serve(server, router).await });
        let app = App::open(config, ClockKind::System, Index::in_memory().unwrap()).await.unwrap();
        let app = Arc::new(app);
        let mut watch = app.db.watch();
        let read = async {
            while app.db.read(|c| async move { library::documents(&c).await }).await.unwrap().is_empty() {
                watch.changed().await.unwrap();
            }
        };
        tokio::select! {
            () = follow(app.clone(), CancellationToken::new()) => panic!("it stopped"),
            read = tokio::time::timeout(Duration::from_secs(30), read) => read.unwrap(),
        }
    }

    #[tokio::test]
    async fn a_server_that_asked_to_be_left_alone_is_left_alone_by_the_next_process() {
        let dir = tempfile::tempdir().unwrap();
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", server.local_addr().unwrap());
        let busy = async || (axum::http::StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3600")], "");
        let router = axum::Router::new().fallback(busy);
        tokio::spawn(async move { axum::serve(server, router).await });
        // This one asked the process before.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let before = format!("http://{}", silent.local_addr().unwrap());
        let feed = |name: &str, url: &str| Source {
            kind: "feed".into(),
            name: name.into(),
            url: Some(format!("{url}/")),
            readers: vec!["everyone".into()],
            ..Source::default()
        };
        let mut config = Config::default();
        config.data.dir = dir.path().into();
        config.library.sources = vec![feed("News", &origin), feed("Before", &before)];
        let app = App::open(config, ClockKind::System, Index::in_memory().unwrap()).await.unwrap();
        let until = stoa_ground::clock::wall().plus(Instant::HOUR);
        app.db.set_meta("sources.away", &serde_json::json!({ &before: until }).to_string()).await.unwrap();
        for source in &app.config.library.sources {
            crate::commands::library::sync_quietly(&app, source).await.unwrap();
        }
        let problems = app.db.read(|c| async move { library::problems(&c).await }).await.unwrap();
        assert_eq!(problems.len(), 2);
        assert!(problems.iter().all(|p| p.sentence.contains("asks to come back later: in 60 minutes")), "{problems:?}");
        let kept = app.db.meta("sources.away").await.unwrap().unwrap();
        assert!(kept.contains(&origin) && kept.contains(&before), "{kept}");
    }
}
