//! The source kind `feed`: RSS, Atom, JSON Feed and podcasts with their transcripts. A feed shows its newest items only,
//! so what falls out at its end stays; what vanishes between others was taken back. Its dates decide nothing.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use feed_rs::model::{Entry, Feed as Parsed};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use stoa_ground::{Error, Result};
use stoa_http::Network;
use stoa_learning::library::{Found, Known, Section, SourceReader, SourceSettings};
use tokio::sync::mpsc;

use crate::page::{self, Page};
use crate::reading::{Kind, MOST_BYTES, READING, Reading, digest};
use crate::web::{Answer, Ask, Client, Content, Failure, Pace, Validators, send};

/// So many items are kept of one feed.
const MOST_ITEMS: usize = 2_000;

/// A feed as a source.
pub struct Feed {
    settings: SourceSettings,
    base: Url,
    hosts: Vec<String>,
    pace: Pace,
    network: Network,
    reading: Reading,
}

/// What is known of the feed.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    /// The address at which it was read.
    #[serde(default)]
    url: String,
    validators: Validators,
    /// How many of `order` the feed had.
    #[serde(default)]
    items: usize,
    /// Locations as the feed had them, and after them those that fell out, newest first.
    order: Vec<String>,
    /// Whether the feed had its oldest items first: known by where new ones come in.
    #[serde(default)]
    oldest_first: bool,
}

/// An item.
struct Item {
    location: String,
    /// Where it leads, when others lead there too.
    shared: Option<String>,
    /// What the feed itself knows it by.
    id: String,
    title: String,
    language: Option<String>,
    owner: Option<String>,
    html: bool,
    body: String,
    transcripts: Vec<(Url, Option<String>)>,
}

impl Feed {
    /// A feed as a source; `hosts` may be in a private network too.
    ///
    /// # Errors
    /// When `url` is no web address.
    pub fn new(settings: SourceSettings, url: &str, hosts: Vec<String>, pace: Pace, network: Network) -> Result<Self> {
        let base = crate::web::address(url)?;
        Ok(Self { settings, base, hosts, pace, network, reading: Reading::new() })
    }

    async fn document(&self, client: &Client, item: Item, known: &Known) -> Found {
        let fingerprint = fingerprint(&item);
        if known.fingerprint(&item.location) == Some(&fingerprint) {
            return Found::Unchanged(item.location);
        }
        let location = item.location.clone();
        let read = if item.html { Reading::made(item.body).await } else { Ok(page::plain(&item.body)) };
        let mut page = match read {
            Ok(page) => page,
            Err(sentence) => return Found::Broken(location, sentence),
        };
        let mut warnings = Vec::new();
        match self.transcript(client, &item.transcripts).await {
            Ok(said) => page.sections.extend(said),
            Err(sentence) => warnings.push(format!("its transcript could not be read: {sentence}")),
        }
        if page.sections.iter().all(|s| s.text.trim().is_empty()) {
            page.sections =
                vec![Section { text: page::plain(&item.title).sections.remove(0).text, ..Section::default() }];
        }
        let page = Page { title: Some(item.title), language: item.language, owner: item.owner, ..page };
        let (item, _) = page.into_item(location, String::new);
        // A transcript that could not be had is asked for again.
        let fingerprint = warnings.is_empty().then_some(fingerprint);
        Found::Document { item, restricted: None, fingerprint, warnings }
    }

    /// What is said in an episode, by the first transcript that can be read.
    async fn transcript(&self, client: &Client, offered: &[(Url, Option<String>)]) -> Result<Vec<Section>, String> {
        let mut kinds = offered.iter().filter_map(|(url, media)| {
            let kind = media.as_deref().and_then(Kind::of_media).or_else(|| Kind::of_name(url.path()))?;
            Some((url, kind))
        });
        let Some((url, kind)) = kinds.next() else { return Ok(Vec::new()) };
        match client.ask(&Ask::get(url.clone(), MOST_BYTES)).await {
            Ok(Answer::Content(content)) => {
                let page = self.reading.bytes(kind, content.bytes, content.charset).await?;
                let under = |mut s: Section| {
                    s.headings.insert(0, "Transcript".into());
                    s
                };
                Ok(page.sections.into_iter().map(under).collect())
            }
            Ok(_) => Err("it is not there".into()),
            Err(failure) => Err(failure.sentence()),
        }
    }
}

#[async_trait]
impl SourceReader for Feed {
    fn settings(&self) -> &SourceSettings {
        &self.settings
    }

    async fn scan(&self, known: &Known, out: mpsc::Sender<Found>) -> Result<()> {
        let client = Client::new(&self.network, self.base.clone(), &self.hosts, self.pace)?;
        let mut before: State = known.state.as_deref().and_then(|s| serde_json::from_str(s).ok()).unwrap_or_default();
        let mut ask = Ask::get(self.base.clone(), MOST_BYTES);
        let moved = before.url != self.base.as_str();
        // Without a fingerprint something is to be read again, so the feed is needed.
        let is_read = |location: &String| known.fingerprint(location).is_some();
        if !moved && !before.order.is_empty() && before.order.iter().take(before.items).all(is_read) {
            ask.validators = before.validators.clone();
        }
        let failed = |sentence: String| Error::Io(format!("the feed cannot be read: {sentence}"));
        let content = match client.ask(&ask).await {
            Ok(Answer::Content(content)) => content,
            Ok(Answer::Unchanged) => return keep(&before.order, known, &out).await,
            Ok(Answer::Gone) => return Err(failed("it is not there (404): correct the source's url".into())),
            Err(failure) => return Err(failed(Failure::sentence(failure))),
        };
        let validators = content.validators.clone();
        let known_as: HashSet<String> = before.order.iter().cloned().collect();
        let parsed = tokio::task::spawn_blocking(move || parse(&content, &known_as)).await;
        let items = parsed.unwrap_or_else(|_| Err("its reader failed on it".into())).map_err(failed)?;
        send(&out, Found::Listed(items.len())).await?;
        let order: Vec<String> = items.iter().map(|i| i.location.clone()).collect();
        // At another address it may be another feed: then nothing of the old one fell out of it.
        if moved && !before.order.iter().any(|l| order.contains(l)) {
            before = State::default();
        }
        let shared: HashSet<String> = items.iter().filter_map(|i| i.shared.clone()).collect();
        for item in items {
            let found = self.document(&client, item, known).await;
            send(&out, found).await?;
        }
        let had = before.items.min(before.order.len());
        let turned = is_turned_round(&before.order[..had], &order);
        let oldest_first = is_oldest_first(&before.order, &order).unwrap_or(before.oldest_first != turned);
        if oldest_first != turned {
            before.order[..had].reverse();
        }
        // What had such a place for itself has one of its own now.
        before.order.retain(|l| !shared.contains(l));
        let kept = fell_out(&before.order, &order);
        let room = MOST_ITEMS.saturating_sub(order.len());
        let kept = &kept[..kept.len().min(room)];
        keep(kept, known, &out).await?;
        let (url, items) = (self.base.to_string(), order.len());
        let state = State { url, validators, items, order: [&order, kept].concat(), oldest_first };
        send(&out, Found::State(serde_json::to_string(&state)?)).await
    }
}

/// Says of the items that are known that they stand.
async fn keep(locations: &[String], known: &Known, out: &mpsc::Sender<Found>) -> Result<()> {
    for location in locations.iter().filter(|l| known.documents.contains_key(*l)) {
        send(out, Found::Unchanged(location.clone())).await?;
    }
    Ok(())
}

/// Whether what is left of the items that were there stands the other way round now.
fn is_turned_round(before: &[String], now: &[String]) -> bool {
    let at: HashMap<&String, usize> = before.iter().enumerate().map(|(n, l)| (l, n)).collect();
    let places: Vec<usize> = now.iter().filter_map(|l| at.get(l).copied()).collect();
    let back = places.windows(2).filter(|pair| pair[0] > pair[1]).count();
    back > 0 && back * 2 + 1 > places.len()
}

/// Whether new items come in after those that were there before. None: nothing is new, or nothing is left of what was
/// there.
fn is_oldest_first(before: &[String], now: &[String]) -> Option<bool> {
    let known: HashSet<&String> = before.iter().collect();
    let first = now.iter().position(|l| known.contains(l))?;
    let last = now.iter().rposition(|l| known.contains(l))?;
    if first > 0 { Some(false) } else { (last + 1 < now.len()).then_some(true) }
}

/// What was in the feed before, newest first, and stands although it is not there now: all after the last item that is
/// still there.
fn fell_out(before: &[String], now: &[String]) -> Vec<String> {
    let here: HashSet<&String> = now.iter().collect();
    let rest = before.iter().rposition(|l| here.contains(l)).map_or(0, |at| at + 1);
    before[rest..].to_vec()
}

/// The items of a feed. Several that lead to the same place, say to the page of a podcast, are told apart by their id, also
/// when one of them is left; `known` are the locations so far.
fn parse(content: &Content, known: &HashSet<String>) -> Result<Vec<Item>, String> {
    let parser = feed_rs::parser::Builder::new().base_uri(Some(content.url.as_str())).sanitize_content(false).build();
    let feed = parser
        .parse(content.bytes.as_slice())
        .map_err(|_| "what is there is no RSS, Atom or JSON Feed: correct the source's url".to_owned())?;
    let mut all: Vec<Item> = Vec::new();
    let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
    for entry in &feed.entries {
        let item = item(&feed, entry, &content.url);
        // What is listed twice is one item; the first is the newest.
        if ids.entry(item.location.clone()).or_default().insert(item.id.clone()) {
            all.push(item);
        }
        if all.len() >= MOST_ITEMS {
            break;
        }
    }
    for item in &mut all {
        let own = item.own_location();
        if ids[&item.location].len() > 1 || known.contains(&own) {
            item.shared = Some(std::mem::replace(&mut item.location, own));
        }
    }
    Ok(all)
}

impl Item {
    /// A location that is that of no other item.
    fn own_location(&self) -> String {
        match Url::parse(&self.location) {
            Ok(mut url) => {
                url.set_fragment(Some(&self.id));
                url.to_string()
            }
            Err(_) => format!("{}#{}", self.location, self.id),
        }
    }
}

fn item(feed: &Parsed, entry: &Entry, base: &Url) -> Item {
    let web = |href: &str| base.join(href).ok().filter(|u| matches!(u.scheme(), "http" | "https"));
    let alternate = |l: &&feed_rs::model::Link| l.rel.as_deref().is_none_or(|rel| rel == "alternate");
    let link = entry.links.iter().find(alternate).and_then(|l| web(&l.href));
    let location = link.map_or_else(|| format!("{base}#{}", entry.id), |url| url.to_string());
    let said = entry.title.as_ref().map(|t| page::words(&t.content)).filter(|t| !t.is_empty());
    let feed_title = feed.title.as_ref().map(|t| page::words(&t.content)).unwrap_or_default();
    let bodies = [
        entry.content.as_ref().and_then(|c| Some((c.content_type.to_string(), c.body.clone()?))),
        entry.summary.as_ref().map(|t| (t.content_type.to_string(), t.content.clone())),
        entry
            .media
            .iter()
            .find_map(|m| m.description.as_ref())
            .map(|t| (t.content_type.to_string(), t.content.clone())),
    ];
    let mut bodies = bodies.into_iter().flatten().filter(|(_, body)| !body.trim().is_empty());
    let (media, body) = bodies.next().unwrap_or_default();
    let transcripts = entry.media.iter().flat_map(|m| &m.transcripts);
    Item {
        location,
        shared: None,
        id: entry.id.clone(),
        title: said.unwrap_or(feed_title),
        language: entry.language.clone().or_else(|| feed.language.clone()).filter(|l| page::is_language(l)),
        owner: entry.authors.first().or(feed.authors.first()).and_then(|p| p.name.clone()),
        // What calls itself plain text is HTML all the same in most feeds.
        html: media.contains("html") || body.contains("</") || body.contains("/>") || body.contains("<p>"),
        body,
        transcripts: transcripts.map(|t| (t.url.clone(), Some(t.content_type.to_string()))).collect(),
    }
}

fn fingerprint(item: &Item) -> String {
    let told = [&item.language, &item.owner].map(|part| part.as_deref().unwrap_or_default());
    let parts = [item.title.as_str(), &item.body].into_iter().chain(told);
    format!("feed/{READING}/{}", digest(parts.chain(item.transcripts.iter().map(|(url, _)| url.as_str()))))
}
