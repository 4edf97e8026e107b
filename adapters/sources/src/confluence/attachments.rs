//! Files attached to pages of Confluence: readable by whoever may view the page.

use serde::Deserialize;
use stoa_ground::{Error, Result};
use stoa_learning::library::{Found, Known};
use tokio::sync::mpsc;

use super::{Confluence, Listed, Results, Version, page_at};
use crate::page::from_file_name;
use crate::reading::{Kind, MOST_BYTES, READING, digest, too_large};
use crate::web::{Answer, Ask, Client, Failure, api, broken, send};

/// A page has no more files than this.
const MOST_FILES: usize = 2_000;

#[derive(Deserialize)]
struct Attachment {
    id: String,
    title: String,
    #[serde(rename = "mediaType", default)]
    media: String,
    #[serde(rename = "fileSize", default)]
    size: u64,
    version: Version,
}

impl Attachment {
    fn kind(&self) -> Option<Kind> {
        Kind::of_name(&self.title).or_else(|| Kind::of_media(&self.media))
    }
}

impl Confluence {
    /// Sends the files of a page that can be read.
    pub(super) async fn attachments(
        &self,
        client: &Client,
        page: &Listed,
        known: &Known,
        readers: Option<&[String]>,
        out: &mpsc::Sender<Found>,
    ) -> Result<()> {
        let first = self.at(&format!("api/v2/pages/{}/attachments", api::segment(&page.id)), &[("limit", "250")])?;
        let listed = api::pages::<Results<Attachment>>(client, MOST_FILES, |link| page_at(&first, link));
        let files: Vec<Attachment> = match listed.await {
            Ok(files) => files,
            Err(Failure::Away(sentence)) => {
                return Err(Error::Io(format!("the files of '{}': {sentence}", page.title)));
            }
            Err(failure) => {
                let sentence = format!("the files of '{}' could not be listed: {}", page.title, failure.sentence());
                send(out, Found::Noted(String::new(), sentence)).await?;
                return self.keep_attachments(page, known, readers, out).await;
            }
        };
        for file in files {
            let Some(kind) = file.kind() else { continue };
            let location = format!("{}{}", self.below(page)?, api::segment(&file.title));
            let parts = [file.version.number.to_string(), file.id.clone(), format!("{readers:?}")];
            let fingerprint = format!("confluence/{READING}/{}", digest(parts.iter().map(String::as_str)));
            if known.fingerprint(&location) == Some(&fingerprint) {
                send(out, Found::Unchanged(location)).await?;
                continue;
            }
            if known.documents.contains_key(&location) {
                send(out, Found::Restricted(location.clone(), readers.map(<[String]>::to_vec))).await?;
            }
            let found = match self.read(client, page, &file, kind).await {
                Err(failure) => broken(location, failure)?,
                Ok(read) => {
                    let (item, warnings) = read.into_item(location, || from_file_name(&file.title));
                    Found::Document {
                        item,
                        restricted: readers.map(<[String]>::to_vec),
                        fingerprint: Some(fingerprint),
                        warnings,
                    }
                }
            };
            send(out, found).await?;
        }
        Ok(())
    }

    /// Keeps the files of a page that are known, for these readers, when they cannot be listed.
    pub(super) async fn keep_attachments(
        &self,
        page: &Listed,
        known: &Known,
        readers: Option<&[String]>,
        out: &mpsc::Sender<Found>,
    ) -> Result<()> {
        let below = self.below(page)?;
        for location in known.documents.keys().filter(|l| l.starts_with(&below)) {
            send(out, Found::Restricted(location.clone(), readers.map(<[String]>::to_vec))).await?;
            send(out, Found::Unchanged(location.clone())).await?;
        }
        Ok(())
    }

    /// What the places of a page's files begin with.
    pub(super) fn below(&self, page: &Listed) -> Result<String> {
        Ok(self.at(&format!("download/attachments/{}/", api::segment(&page.id)), &[])?.to_string())
    }

    async fn read(
        &self,
        client: &Client,
        page: &Listed,
        file: &Attachment,
        kind: Kind,
    ) -> Result<crate::page::Page, Failure> {
        if let Some(sentence) = too_large(file.size) {
            return Err(Failure::Document(sentence));
        }
        let (page, file) = (api::segment(&page.id), api::segment(&file.id));
        let at = self.at(&format!("rest/api/content/{page}/child/attachment/{file}/download"), &[]);
        let at = at.map_err(|e| Failure::Document(e.to_string()))?;
        // Confluence keeps files on another server, for which the address that it gives is enough.
        let ask = Ask { elsewhere: true, ..Ask::get(at, MOST_BYTES) };
        match client.ask(&ask).await? {
            Answer::Content(content) => {
                self.reading.bytes(kind, content.bytes, content.charset).await.map_err(Failure::Document)
            }
            Answer::Gone | Answer::Unchanged => Err(Failure::Document("the file is not where the list says".into())),
        }
    }
}
