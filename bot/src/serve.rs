//! The server: one listener for the web chat, the LRS, health and metrics; workers; a graceful stop.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use stoa_ground::ledger::checkpoint;
use stoa_ground::people;
use stoa_ground::xapi::Emitter;
use stoa_learning::search::Index;
use stoa_mail::Mail;
use stoa_web::{ClockMoved, WebOptions};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;

use crate::app::{App, ClockKind, Lock, index_dir, store_clock, store_has_folder};
use crate::commands::print_json;
use crate::config::{Config, secret};
use crate::pulse::Pulse;
use crate::tasks::Tasks;

/// How long a stop waits for requests that have begun, and then for work.
const GRACE: Duration = Duration::from_secs(10);

/// What differs between `serve` and `demo`.
pub struct Mode {
    pub demo: bool,
    pub clock: ClockKind,
    /// Whether what is said on standard output is JSON.
    pub json: bool,
}

/// Runs until a signal says stop. `prepare` is called when the store is open, before anybody is served.
pub async fn run<F, Fut>(config: Config, mode: Mode, prepare: F) -> Result<()>
where
    F: FnOnce(Arc<App>) -> Fut,
    Fut: Future<Output = Result<()>>,
{
    let chat_open = mode.demo || config.web.local_chat;
    if let Some((_, first)) = faults(&config, chat_open).into_iter().next() {
        return Err(first);
    }
    let address = address(&config, chat_open)?;
    let Some(_lock) = Lock::take(&config.data.dir)? else {
        bail!("another Stoa is running on {}: stop it first, or use another data folder", config.data.dir.display());
    };
    let Some(_store) = Lock::of_store(&config)? else {
        bail!(
            "another Stoa is running on {}: stop it first, or use PostgreSQL for several servers",
            config.database_url()
        );
    };
    let listener = TcpListener::bind(address).await.map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!(
                "port {} is in use by another program: stop it, or choose another in [http] listen",
                address.port()
            )
        }
        _ => anyhow::anyhow!("cannot listen on {address}: {e}"),
    })?;
    let metrics = crate::observe::install()?;
    let index = Index::open(&index_dir(&config))?;
    let app = Arc::new(App::open(config, mode.clock, index).await?);
    if chat_open {
        app.flow.connect(stoa_web::platform(&app.flow));
    }
    let slack = crate::slack::apps(&app.config, &app.db).await?;
    let mut chats = crate::bridge::connect(&app)?;
    if let Some(slack) = &slack {
        app.flow.connect(slack.clone());
        chats = chats.merge(stoa_slack::router(&app.flow, slack));
    }
    let discord = crate::discord::app(&app.config, &app.db)?;
    if let Some(discord) = &discord {
        app.flow.connect(discord.clone());
        chats = chats.merge(stoa_discord::router(&app.flow, discord));
    }
    connect_mail(&app)?;
    people::import::resume(&app.db, &app.services.ledger).await?;
    let zones = app.config.location_zones();
    let moved = people::refresh_zones(&app.db, &zones, &app.config.organisation.timezone).await?;
    if moved > 0 {
        tracing::info!(moved, "people have another time zone, because the configuration says so");
    }
    stoa_learning::training::follow_calendars(&app.db, app.flow.organisation()).await?;
    prepare(app.clone()).await?;
    app.services.index.catch_up(&app.db).await?;
    if let Some(model) = crate::model::reranker(&app.config)? {
        app.services.index.look_again_with(model);
    }
    if let Some(model) = crate::model::embedder(&app.config, app.db.clock())? {
        app.services.index.search_by_meaning(model);
    }

    let stop = CancellationToken::new();
    let mut tasks = Tasks::new(stop.clone());
    tasks.begin("workers", app.flow.clone().run(stop.clone()));
    let pulse = Arc::new(Pulse::of(&app.db, &app.config.database_url()));
    tasks.begin("measurements", crate::observe::watch(app.clone(), pulse.clone(), stop.clone()));
    stoa_learning::evidence::plan(&app.db).await?;
    if let Err(error) = app.db.read(|c| async move { checkpoint::continues(&c).await }).await {
        // People go on learning; the log takes no signature until somebody has looked into it.
        tracing::error!(%error, "the evidence does not fit: look into it with 'stoa doctor --full'");
    }
    tasks.begin("evidence", crate::evidence::follow(app.clone(), stop.clone())?);
    let of = app.clone();
    tasks.begin_beside("search", async move { of.services.index.follow(&of.db).await });
    let of = app.clone();
    tasks.begin_beside("search by meaning", async move { of.services.index.follow_with_vectors(&of.db).await });
    tasks.begin("operations", crate::operations::follow(app.clone(), stop.clone())?);
    tasks.begin_beside("library", crate::sources::follow(app.clone(), stop.clone()));
    if let Some(slack) = slack {
        tasks.begin("Slack", stoa_slack::listen(app.flow.clone(), slack, stop.clone()));
    }
    if let Some(discord) = discord {
        tasks.begin("Discord", stoa_discord::listen(app.flow.clone(), discord, stop.clone()));
    }
    let router = router(&app, &mode, metrics, chats, pulse, &stop)?;
    // Before it says that it is open: whoever reads that may ask it to stop at once.
    let asked_to_stop = asked_to_stop()?;
    let at = listener.local_addr()?;
    tracing::info!(%at, "listening");
    if mode.json {
        print_json(&json!({ "open": format!("http://{at}/"), "data": app.config.data.dir }))?;
    } else {
        println!("Stoa is open at http://{at}/");
    }
    if mode.demo && !mode.json {
        println!(
            "Choose who you are and talk. Stop with Ctrl-C; everything is kept in {}.",
            app.config.data.dir.display()
        );
    }

    let serving = axum::serve(listener, router).with_graceful_shutdown({
        let stop = stop.clone();
        async move {
            tokio::select! {
                () = asked_to_stop => stop.cancel(),
                () = stop.cancelled() => {}
            }
        }
    });
    let mut requests = std::pin::pin!(async {
        tokio::select! {
            served = serving.into_future() => served,
            // Open event streams would hold the server for ever; they reconnect.
            () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => Ok(()),
        }
    });
    let broken = tokio::select! {
        served = &mut requests => {
            served?;
            None
        }
        name = tasks.broken() => {
            stop.cancel();
            requests.await?;
            Some(name)
        }
    };
    stop.cancel();
    tasks.end(GRACE).await;
    if app.db.clock().is_manual() {
        store_clock(&app.db).await?;
    }
    app.db.close().await;
    tracing::info!("stopped");
    match broken {
        // Whoever started it starts it again.
        Some(name) => bail!("the server stopped because a part of it broke off ({name}); the log says why"),
        None => Ok(()),
    }
}

/// What is wrong with the parts of the configuration that the server needs at its start, each with its name; `stoa doctor`
/// says the same.
pub fn faults(config: &Config, chat_open: bool) -> Vec<(&'static str, anyhow::Error)> {
    let emitter = config.organisation().and_then(|organisation| Ok(Emitter::new(&organisation.iri)?));
    let keys = emitter.as_ref().map_or(Ok(()), |emitter| crate::lrs::credentials(config, emitter).map(drop));
    let parts = [
        ("http", address(config, chat_open).map(drop)),
        ("network", crate::evidence::witness(config).map(drop)),
        ("store", store_has_folder(config)),
        ("organisation", emitter.map(drop)),
        ("library", crate::sources::check_readers(&config.library)),
        ("llm", crate::asking::of(config).map(drop)),
        ("lrs", keys),
        ("evidence", crate::evidence::check(config, chat_open)),
        ("operations", crate::operations::check(config, chat_open)),
    ];
    parts.into_iter().filter_map(|(name, part)| Some((name, part.err()?))).collect()
}

/// Where the server listens; the chat in the browser is open on this machine only.
fn address(config: &Config, chat_open: bool) -> Result<SocketAddr> {
    let listen = &config.http.listen;
    let address: SocketAddr =
        listen.parse().with_context(|| format!("[http] listen = '{listen}' is not an address like 127.0.0.1:8420"))?;
    if chat_open && !address.ip().is_loopback() {
        bail!(
            "[web] local_chat is for this machine only: set [http] listen to 127.0.0.1:{}, or switch it off",
            address.port()
        );
    }
    Ok(address)
}

fn router(
    app: &Arc<App>,
    mode: &Mode,
    metrics: PrometheusHandle,
    chats: Router,
    pulse: Arc<Pulse>,
    stop: &CancellationToken,
) -> Result<Router> {
    let keep: ClockMoved = {
        let db = app.db.clone();
        Arc::new(move |_| {
            let db = db.clone();
            Box::pin(async move { store_clock(&db).await.map_err(|e| stoa_ground::Error::Io(e.to_string())) })
        })
    };
    let options = WebOptions {
        demo: mode.demo,
        local_chat: app.config.web.local_chat,
        public_url: app.config.http.public_url.clone(),
        clock_moved: Some(keep),
        evidence_public: app.config.evidence.public,
        stop: stop.clone(),
    };
    let health = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state((app.clone(), pulse)))
        .route("/metrics", get(move || scrape(metrics.clone())));
    let router = health
        .merge(crate::lrs::router(app)?)
        .merge(crate::calendar::router(app))
        .merge(crate::oidc::router(app)?)
        .merge(chats)
        .merge(stoa_web::router(app.flow.clone(), options));
    // By its route: addresses hold sign-in links and ids.
    let span = |request: &Request| tracing::debug_span!("request", method = %request.method(), route = crate::observe::route(request));
    // Failures are logged where they are measured.
    let trace = TraceLayer::new_for_http().make_span_with(span).on_failure(());
    let measured = axum::middleware::from_fn(crate::observe::request);
    let whole = axum::middleware::from_fn(crate::leftover::read);
    Ok(router.layer(CatchPanicLayer::new()).layer(whole).layer(measured).layer(trace))
}

fn connect_mail(app: &App) -> Result<()> {
    if let Some(mail) = mail(&app.config)? {
        app.flow.connect(Arc::new(mail));
    }
    Ok(())
}

/// The mail server of the configuration.
pub fn mail(config: &Config) -> Result<Option<Mail>> {
    let mail = &config.mail;
    let url = secret("[mail] smtp_url", mail.smtp_url.as_deref(), mail.smtp_url_file.as_deref())?;
    if url.is_empty() {
        return Ok(None);
    }
    Ok(Some(Mail::new(&url, &mail.from, &config.organisation.name)?))
}

/// Ready when the store answers, is where it was opened, and takes writes.
async fn ready(State((app, pulse)): State<(Arc<App>, Arc<Pulse>)>) -> impl IntoResponse {
    let position = app.db.committed_position().await.map_err(|e| e.to_string());
    let ready = match position {
        Ok(position) => pulse.is_well().await.map(|()| position),
        Err(e) => Err(e),
    };
    match ready {
        Ok(position) => (StatusCode::OK, format!("ready, change feed at {position}\n")),
        Err(e) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {e}\n")),
    }
}

async fn scrape(metrics: PrometheusHandle) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
}

/// Ends when a signal asks to stop. The signals are listened for from this call on.
fn asked_to_stop() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).context("cannot listen for the signal to stop");
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Bridge, Credential, Source};

    #[test]
    fn what_the_server_would_refuse_is_said_of_all_parts_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.data.dir = dir.path().join("data");
        assert!(faults(&config, true).is_empty());

        config.http.listen = "8420".into();
        config.network.ca_file = Some(dir.path().join("none.pem"));
        config.database.url = Some(format!("sqlite://{}/none/x.db", dir.path().display()));
        config.organisation.iri = "not a url".into();
        config.library.sources =
            vec![Source { readers: vec!["everybody".into()], ..Source::folder("Handbook", "/x".into()) }];
        config.evidence.anchors = vec!["ftp:x".into()];
        config.operations.channel = Some("nope/C1".into());
        let said: Vec<String> =
            faults(&config, false).iter().map(|(part, fault)| format!("{part}: {}", crate::sentence(fault))).collect();
        let expected = [
            "http: [http] listen = '8420' is not an address like",
            "network: [network] ca_file: ",
            "store: [database] url: the folder ",
            "organisation: [organisation] iri must be an address such as",
            "library: [[library.sources]] 'Handbook' readers: 'everybody' is not a reader",
            "evidence: [evidence] anchors: 'ftp:x' is none of",
            "operations: [operations] channel: no platform named 'nope' is connected; connect one, or",
        ];
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.starts_with(expected), "{said}");
        }
        assert_eq!(said.len(), expected.len(), "{said:?}");
    }

    #[test]
    fn keys_and_channels_are_looked_at_where_the_rest_is_right() {
        let mut config = Config::default();
        let key = |scope: &str| Credential {
            key: "hr".into(),
            secret: Some("a-secret-of-sixteen".into()),
            secret_file: None,
            scopes: vec![scope.into()],
        };
        let said = |config: &Config| {
            let faults = faults(config, true);
            faults.iter().map(|(_, fault)| crate::sentence(fault)).collect::<Vec<_>>().join("\n")
        };
        config.lrs.credentials = vec![key("statements/eat")];
        let text = said(&config);
        assert!(text.starts_with("[[lrs.credentials]] 'hr' scopes: 'statements/eat' is not a scope"), "{text}");
        config.lrs.credentials = vec![key("statements/read")];
        config.evidence.anchors = vec!["channel:shoptalk/audit".into()];
        let text = said(&config);
        assert_eq!(
            text,
            "[evidence] anchors: no platform named 'shoptalk' is connected; write one of web, or connect it"
        );
        config.bridge = vec![Bridge {
            name: "shoptalk".into(),
            api_url: "http://127.0.0.1:9".into(),
            secret: Some("x".into()),
            secret_file: None,
        }];
        config.operations.channel = Some("shoptalk/ops".into());
        assert_eq!(said(&config), "");
    }
}
