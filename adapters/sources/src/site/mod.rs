//! The source kind `site`: a web site, by its sitemap or by following its links, as its robots.txt allows.

mod frontier;
mod sitemap;

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use robotxt::Robots;
use serde::{Deserialize, Serialize};
use stoa_ground::{Error, Instant, Result, clock};
use stoa_http::Network;
use stoa_learning::library::{Found, Known, SourceReader, SourceSettings};
use tokio::sync::mpsc;

use crate::page;
use crate::pdf::Extractor;
use crate::reading::{Kind, MOST_BYTES, READING, Reading};
use crate::web::{Answer, Ask, Client, Content, Failure, Pace, Validators, broken, send};
use frontier::Frontier;

/// The part of robots.txt that counts (RFC 9309, section 2.5).
const MOST_ROBOTS: u64 = 500 * 1024;
/// Sitemaps that are read of one site.
const MOST_MAPS: usize = 100;
/// The longest pause between two requests that a site can wish for.
const SLOWEST: Duration = Duration::from_secs(10);
/// So many pages in a row that say the same are a notice of the site.
const SAME: usize = 5;
/// What is remembered of a site that lists its pages itself, and of one whose links are followed.
const LISTED: &str = "sitemap";
const LINKED: &str = "links";
/// A page that its site calls unchanged is asked for itself every so many days.
const TRUST_DAYS: i64 = 7;

/// How a site is read.
#[derive(Clone, Debug)]
pub struct SiteOptions {
    /// Where it begins; pages outside of that folder do not belong to it.
    pub url: String,
    /// Pages at most.
    pub most_pages: usize,
    /// Hosts beside that of `url` that may be in a private network.
    pub hosts: Vec<String>,
    /// How fast it is asked.
    pub pace: Pace,
}

/// A web site as a source.
pub struct Site {
    settings: SourceSettings,
    options: SiteOptions,
    base: Url,
    network: Network,
    reading: Reading,
}

/// What is known of a page.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    reading: u32,
    #[serde(flatten)]
    validators: Validators,
    /// The time of its last change in the sitemap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listed: Option<String>,
}

/// Pages that a site lists itself, with the time of their last change.
type Listed = Vec<(Url, Option<String>)>;

/// What became of a page.
enum Visit {
    Found(Found),
    /// It is there under another address, or does not want to be found.
    Elsewhere,
}

impl Site {
    /// A web site as a source.
    ///
    /// # Errors
    /// When `url` is no web address.
    pub fn new(settings: SourceSettings, options: SiteOptions, network: Network) -> Result<Self> {
        let base = crate::web::address(&options.url)?;
        Ok(Self { settings, options, base, network, reading: Reading::new() })
    }

    /// With another way to read PDF.
    #[must_use]
    pub fn with_pdf(self, extractor: Extractor) -> Self {
        Self { reading: Reading::with_pdf(extractor), ..self }
    }

    /// What the site lets robots read. A site without robots.txt lets them read all; one that cannot say is left alone
    /// (RFC 9309, section 2.3.1).
    async fn robots(&self, client: &Client) -> Result<Robots> {
        let at = self.base.join("/robots.txt").map_err(|e| Error::invalid(e.to_string()))?;
        match client.ask(&Ask::get(at, MOST_ROBOTS)).await {
            Ok(Answer::Content(content)) => Ok(Robots::parse(&content.bytes, page::AGENT)),
            Ok(_) | Err(Failure::Document(_) | Failure::Denied(_)) => Ok(Robots::allow_all()),
            Err(Failure::Server(sentence) | Failure::Away(sentence)) => {
                Err(Error::Io(format!("{}: {sentence}", self.base)))
            }
        }
    }

    /// The pages of the site that it lists itself, with the time of their last change, and a sentence on each sitemap that
    /// could not be had. Without any page that is an error where there surely is a sitemap: robots.txt names one, or it
    /// was there before.
    async fn listed(&self, client: &Client, robots: &Robots, known: &Known) -> Result<(Listed, Vec<String>)> {
        let mut queue: VecDeque<Url> = robots.sitemaps().iter().filter_map(|u| u.as_str().parse().ok()).collect();
        let is_there = !queue.is_empty() || known.state.as_deref() == Some(LISTED);
        queue.extend(self.base.join("/sitemap.xml").ok());
        queue.extend(self.base.join("sitemap.xml").ok());
        let (mut pages, mut failed, mut seen) = (Listed::new(), Vec::new(), std::collections::HashSet::new());
        while let Some(at) = queue.pop_front() {
            if seen.len() >= MOST_MAPS || pages.len() > self.options.most_pages || !seen.insert(at.clone()) {
                continue;
            }
            match client.ask(&Ask::get(at.clone(), sitemap::MOST_BYTES)).await {
                Ok(Answer::Content(content)) => {
                    let most = self.options.most_pages + 1 - pages.len();
                    let site = Frontier::new(&self.base, most);
                    let read = move || sitemap::read(&content.bytes, &at, most, |page| site.location(page));
                    let map = tokio::task::spawn_blocking(read).await.ok().flatten().unwrap_or_default();
                    pages.extend(map.pages);
                    queue.extend(map.maps);
                }
                Ok(_) | Err(Failure::Document(_) | Failure::Denied(_)) => {}
                Err(Failure::Server(sentence)) => failed.push(format!("{at}: {sentence}")),
                Err(Failure::Away(sentence)) => return Err(Error::Io(format!("{at}: {sentence}"))),
            }
        }
        match failed.first() {
            Some(why) if pages.is_empty() && is_there => Err(Error::Io(why.clone())),
            _ => Ok((pages, failed)),
        }
    }

    async fn visit(
        &self,
        client: &Client,
        at: &Url,
        listed: Option<&String>,
        known: &Known,
        frontier: &mut Frontier,
    ) -> Result<Visit, Failure> {
        let location = at.to_string();
        let before: Option<Mark> = known
            .fingerprint(&location)
            .and_then(|f| serde_json::from_str(f).ok())
            .filter(|mark: &Mark| mark.reading == READING);
        let mark = before.unwrap_or_default();
        if mark.reading == READING && listed.is_some() && mark.listed.as_ref() == listed && !is_its_day(&location) {
            return Ok(Visit::Found(Found::Unchanged(location)));
        }
        let ask = Ask {
            validators: mark.validators,
            reads: |media, url| kind_of(media, url).is_some(),
            ..Ask::get(at.clone(), MOST_BYTES)
        };
        let content = match client.ask(&ask).await? {
            Answer::Unchanged => return Ok(Visit::Found(Found::Unchanged(location))),
            Answer::Gone => return Ok(Visit::Found(Found::Gone(location))),
            Answer::Content(content) => content,
        };
        let mark = Mark { reading: READING, validators: content.validators.clone(), listed: listed.cloned() };
        if frontier.location(&content.url).is_none() && !frontier.closed && !known.documents.contains_key(&location) {
            // A link to elsewhere by way of the site.
            return Ok(Visit::Elsewhere);
        }
        self.read(at, *content, &mark, frontier).await
    }

    async fn read(&self, at: &Url, content: Content, mark: &Mark, frontier: &mut Frontier) -> Result<Visit, Failure> {
        let Some(here) = frontier.location(&content.url) else {
            let (host, path) = (content.url.host_str().unwrap_or_default(), content.url.path());
            let sentence = format!("it leads out of the site, to {host}{path}: perhaps one has to sign in to read it");
            return Err(Failure::Denied(sentence));
        };
        let told = page::robots(&content.robots);
        if here != *at && !frontier.visit(&here) || told.hidden {
            return Ok(Visit::Elsewhere);
        }
        let Some(kind) = kind_of(&content.media, &content.url) else { return Ok(Visit::Elsewhere) };
        let page = if kind == Kind::Html {
            let (page, around) = self.reading.site(content.bytes, content.charset).await.map_err(Failure::Document)?;
            let from = around.base.and_then(|b| here.join(&b).ok()).unwrap_or_else(|| here.clone());
            if !told.closed {
                around.links.iter().filter_map(|href| from.join(href).ok()).for_each(|link| frontier.follow(&link));
            }
            if around.hidden {
                return Ok(Visit::Elsewhere);
            }
            let canonical = around.canonical.and_then(|c| frontier.location(&from.join(&c).ok()?));
            // A site that calls all its pages its first one is mistaken.
            if let Some(canonical) = canonical.filter(|c| *c != here && *c != self.base && c.path() != "/") {
                frontier.list(&canonical);
                return Ok(Visit::Elsewhere);
            }
            page
        } else {
            self.reading.bytes(kind, content.bytes, content.charset).await.map_err(Failure::Document)?
        };
        let fingerprint = serde_json::to_string(mark).ok();
        let name = here.path().rsplit('/').find(|p| !p.is_empty()).unwrap_or_default();
        let (item, warnings) = page.into_item(here.to_string(), || match name {
            "" => here.host_str().unwrap_or_default().to_owned(),
            name => page::from_file_name(name),
        });
        Ok(Visit::Found(Found::Document { item, restricted: None, fingerprint, warnings }))
    }
}

/// What is read at an address.
fn kind_of(media: &str, url: &Url) -> Option<Kind> {
    Kind::of_media(media).or_else(|| Kind::of_name(url.path()))
}

/// Whether this is the day of the week on which a page is asked for whatever its site says.
fn is_its_day(location: &str) -> bool {
    let day = clock::machine().0 / Instant::DAY;
    let slot = location.bytes().fold(0i64, |sum, b| (sum * 31 + i64::from(b)) % 1_000_003);
    (slot + day) % TRUST_DAYS == 0
}

#[async_trait]
impl SourceReader for Site {
    fn settings(&self) -> &SourceSettings {
        &self.settings
    }

    async fn scan(&self, known: &Known, out: mpsc::Sender<Found>) -> Result<()> {
        let mut client = Client::new(&self.network, self.base.clone(), &self.options.hosts, self.options.pace)?;
        let robots = self.robots(&client).await?;
        if let Some(pause) = robots.crawl_delay() {
            client.slower(pause.min(SLOWEST));
        }
        let mut frontier = Frontier::new(&self.base, self.options.most_pages);
        let (listed, without) = self.listed(&client, &robots, known).await?;
        for sentence in without {
            send(&out, Found::Noted(String::new(), format!("a sitemap could not be read: {sentence}"))).await?;
        }
        let state = if listed.is_empty() { LINKED } else { LISTED };
        send(&out, Found::State(state.into())).await?;
        let mut before: Vec<&String> = known.documents.keys().collect();
        before.sort();
        before.iter().filter_map(|at| at.parse().ok()).for_each(|at| frontier.list(&at));
        listed.iter().for_each(|(page, _)| frontier.list(page));
        // Links count only where the site lists nothing itself.
        if listed.is_empty() {
            frontier.list(&self.base);
        } else {
            frontier.closed = true;
        }
        let times: std::collections::HashMap<String, String> =
            listed.into_iter().filter_map(|(page, time)| Some((page.to_string(), time?))).collect();
        let (mut forbidden, mut notice) = (0, Notice::default());
        while let Some(at) = frontier.next() {
            if !robots.is_url_allowed(&at) {
                forbidden += 1;
                continue;
            }
            let location = at.to_string();
            let visited = self.visit(&client, &at, times.get(&location), known, &mut frontier).await;
            let found = match visited {
                Ok(Visit::Elsewhere) => continue,
                Ok(Visit::Found(found)) => found,
                // What is not open any more must not stay readable here, also while it is doubted that it is gone.
                Err(Failure::Denied(sentence)) => {
                    send(&out, Found::Noted(location.clone(), sentence)).await?;
                    send(&out, Found::Restricted(location.clone(), Some(Vec::new()))).await?;
                    Found::Gone(location)
                }
                Err(failure) => broken(location, failure)?,
            };
            send(&out, Found::Listed(frontier.total())).await?;
            for found in notice.take(found, known)? {
                send(&out, found).await?;
            }
        }
        for found in notice.held {
            send(&out, found).await?;
        }
        for sentence in notes(forbidden, &frontier) {
            send(&out, Found::Noted(String::new(), sentence)).await?;
        }
        Ok(())
    }
}

/// Looks out for a site that shows the same notice ("Back soon") in the place of all its pages. What may be one is held
/// back until another page says something else.
#[derive(Default)]
struct Notice {
    held: Vec<Found>,
}

impl Notice {
    /// What can be believed now.
    fn take(&mut self, found: Found, known: &Known) -> Result<Vec<Found>> {
        let Found::Document { item, .. } = &found else { return Ok(vec![found]) };
        if !known.documents.contains_key(&item.location) {
            return Ok(vec![found]);
        }
        let same = |other: &Found| matches!(other, Found::Document { item: o, .. } if o.sections == item.sections);
        let before = if self.held.first().is_some_and(same) { Vec::new() } else { std::mem::take(&mut self.held) };
        let sample: String = item.sections.iter().flat_map(|s| s.text.chars()).take(60).collect();
        self.held.push(found);
        if self.held.len() >= SAME.min(known.documents.len()).max(2) {
            return Err(Error::Io(format!(
                "{} pages in a row now say the same, '{sample}': that looks like a notice of the site, so nothing was changed",
                self.held.len()
            )));
        }
        Ok(before)
    }
}

fn notes(forbidden: usize, frontier: &Frontier) -> Vec<String> {
    let mut notes = Vec::new();
    if forbidden > 0 {
        notes.push(format!("{forbidden} pages were passed over because robots.txt forbids them"));
    }
    if let Some(at) = &frontier.stopped {
        notes.push(format!("not all pages were followed; the first that was left out is {at}: set 'most_pages', or a 'url' further down"));
    }
    notes
}
