//! The source kind `site`: a web site, by its sitemap or by following its links, as its robots.txt allows.

mod frontier;
mod notice;
mod sitemap;
mod ways;

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

use crate::page::{self, Page};
use crate::pdf::Extractor;
use crate::reading::{Kind, MOST_BYTES, NO_TEXT, READING, Reading};
use crate::web::{Answer, Ask, Client, Content, Failure, Pace, Validators, broken, send};
use frontier::Frontier;
use notice::{Notice, Said};
use ways::Ways;

/// More of robots.txt than the part that counts (RFC 9309, section 2.5).
const MOST_ROBOTS: u64 = robotxt::BYTE_LIMIT as u64 + 1;
/// Sitemaps that are read of one site.
const MOST_MAPS: usize = 100;
/// The longest pause between two requests that a site can wish for.
const SLOWEST: Duration = Duration::from_secs(10);
/// A page that sends its reader on, and has fewer words than this, is none itself.
const FEW_WORDS: usize = 60;
/// Where no site has a page: it is asked for what it says then.
const NOWHERE: &str = "stoa-asks-for-a-missing-page";
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
    /// It was found at the first address, and calls the second one its own.
    Held(Url, Url, Found),
    /// It is there under another address, perhaps this one, or does not want to be found.
    Elsewhere(Option<Url>),
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
        match client.ask(&Ask { cut: true, ..Ask::get(at, MOST_ROBOTS) }).await {
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
        let is_ours = frontier.closed || known.documents.contains_key(&location);
        self.read(at, *content, &mark, is_ours, frontier).await
    }

    /// Reads what was found at `at`; `is_ours`: the site listed it, or it was known before.
    async fn read(
        &self,
        at: &Url,
        content: Content,
        mark: &Mark,
        is_ours: bool,
        frontier: &mut Frontier,
    ) -> Result<Visit, Failure> {
        let out = |to: &Url| {
            if !is_ours {
                // A link to elsewhere by way of the site.
                return Ok(Visit::Elsewhere(None));
            }
            let (host, path) = (to.host_str().unwrap_or_default(), to.path());
            let sentence = format!("it leads out of the site, to {host}{path}: perhaps one has to sign in to read it");
            Err(Failure::Denied(sentence))
        };
        let Some(here) = frontier.location(&content.url) else { return out(&content.url) };
        let told = page::robots(&content.robots);
        if told.hidden {
            return Ok(Visit::Elsewhere(None));
        }
        if here != *at && !frontier.visit(&here) {
            return Ok(Visit::Elsewhere(Some(here)));
        }
        let Some(kind) = kind_of(&content.media, &content.url) else { return Ok(Visit::Elsewhere(None)) };
        let mut own = None;
        let page = if kind == Kind::Html {
            let (page, around) = self.reading.site(content.bytes, content.charset).await.map_err(Failure::Document)?;
            let from = around.base.and_then(|b| here.join(&b).ok()).unwrap_or_else(|| here.clone());
            if !told.closed {
                around.links.iter().filter_map(|href| from.join(href).ok()).for_each(|link| frontier.follow(&link));
            }
            if around.hidden {
                return Ok(Visit::Elsewhere(None));
            }
            if let Some(to) = around.refresh.and_then(|to| from.join(&to).ok())
                && words(&page) < FEW_WORDS
            {
                match frontier.location(&to) {
                    None => return out(&to),
                    Some(to) if to != here => {
                        frontier.list(&to);
                        return Ok(Visit::Elsewhere(Some(to)));
                    }
                    Some(_) => {}
                }
            }
            let canonical = around.canonical.and_then(|c| frontier.location(&from.join(&c).ok()?));
            // A site that calls all its pages its first one is mistaken.
            own = canonical.filter(|c| *c != here && *c != self.base && c.path() != "/");
            if let Some(own) = &own {
                frontier.list_first(own);
            }
            if page.sections.is_empty() {
                return own
                    .map_or_else(|| Err(Failure::Document(NO_TEXT.into())), |own| Ok(Visit::Elsewhere(Some(own))));
            }
            page
        } else {
            self.reading.bytes(kind, content.bytes, content.charset).await.map_err(Failure::Document)?
        };
        // Where another address is its own, it is looked at each time whether the page stands there by now.
        let fingerprint = if own.is_none() { serde_json::to_string(mark).ok() } else { None };
        let name = here.path().rsplit('/').find(|p| !p.is_empty()).unwrap_or_default();
        let (item, warnings) = page.into_item(here.to_string(), || match name {
            "" => here.host_str().unwrap_or_default().to_owned(),
            name => page::from_file_name(name),
        });
        let found = Found::Document { item, restricted: None, fingerprint, warnings };
        Ok(match own {
            Some(own) => Visit::Held(here, own, found),
            None => Visit::Found(found),
        })
    }

    /// What the site says where it has no page. None: that there is none.
    async fn nowhere(&self, client: &Client, robots: &Robots) -> Option<Said> {
        let at = self.base.join(NOWHERE).ok().filter(|at| robots.is_url_allowed(at))?;
        let ask =
            Ask { reads: |media, url| kind_of(media, url) == Some(Kind::Html), ..Ask::get(at.clone(), MOST_BYTES) };
        let Ok(Answer::Content(content)) = client.ask(&ask).await else { return None };
        let (page, _) = self.reading.site(content.bytes, content.charset).await.ok()?;
        Some(Said::of(at.as_str(), &page.sections))
    }
}

fn words(page: &Page) -> usize {
    page.sections.iter().map(|s| s.text.split_whitespace().count()).sum()
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
        let (mut forbidden, mut ways, mut notice, mut nowhere) = (0, Ways::default(), Notice::default(), None);
        loop {
            let at = frontier.next();
            let mut found = Vec::new();
            if let Some(at) = &at {
                if !robots.is_url_allowed(at) {
                    forbidden += 1;
                    continue;
                }
                let location = at.to_string();
                let visited = self.visit(&client, at, times.get(&location), known, &mut frontier).await;
                match visited {
                    Ok(Visit::Held(here, own, page)) => {
                        ways.lead(&location, here.as_str());
                        ways.hold(here.as_str(), own.as_str(), page);
                        continue;
                    }
                    Ok(Visit::Elsewhere(to)) => to.iter().for_each(|to| ways.lead(&location, to.as_str())),
                    Ok(Visit::Found(page)) => {
                        if let Found::Document { item, .. } = &page {
                            ways.lead(&location, &item.location);
                        }
                        found.push(page);
                    }
                    // What is not open any more must not stay readable here, also while it is doubted that it is gone.
                    Err(Failure::Denied(sentence)) => {
                        send(&out, Found::Noted(location.clone(), sentence)).await?;
                        send(&out, Found::Restricted(location.clone(), Some(Vec::new()))).await?;
                        found.push(Found::Gone(location));
                    }
                    Err(failure) => found.push(broken(location, failure)?),
                }
                found.iter().filter_map(standing).for_each(|at| ways.stands(at));
            }
            found.extend(ways.settle(|at| frontier.is_queued(at)));
            send(&out, Found::Listed(frontier.total())).await?;
            for found in found {
                for found in notice.take(found, known) {
                    send(&out, found).await?;
                }
                if !notice.is_suspected(known) {
                    continue;
                }
                // Pages that differ in numbers and names alone are pages, unless the site says that where it has none.
                if !notice.is_one_text() && nowhere.is_none() {
                    nowhere = Some(self.nowhere(&client, &robots).await);
                }
                let said = nowhere.iter().flatten().next();
                if notice.is_one_text() || said.is_some_and(|said| notice.says(said)) {
                    return Err(Error::Io(notice.sentence()));
                }
                for found in notice.believe() {
                    send(&out, found).await?;
                }
            }
            if at.is_none() {
                break;
            }
        }
        for found in notice.believe() {
            send(&out, found).await?;
        }
        for sentence in notes(forbidden, &frontier) {
            send(&out, Found::Noted(String::new(), sentence)).await?;
        }
        Ok(())
    }
}

/// Where a page stands that was found there.
fn standing(found: &Found) -> Option<&str> {
    match found {
        Found::Document { item, .. } => Some(&item.location),
        Found::Unchanged(at) | Found::Broken(at, _) => Some(at),
        _ => None,
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
