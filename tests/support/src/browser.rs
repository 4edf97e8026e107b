//! A real browser: Debian's Chromium, driven through its driver.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use fantoccini::wd::TimeoutConfiguration;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;

/// How long something may take to appear on a page.
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser with one window. Close it with [`Browser::close`]; it is killed when the test fails.
pub struct Browser {
    /// The window.
    pub client: Client,
    driver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a window of so many pixels.
    pub async fn open(width: u32, height: u32) -> Result<Self> {
        let port = super::free_port()?;
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("chromedriver cannot be started: install Debian's chromium and chromium-driver")?;
        let profile = tempfile::tempdir()?;
        let mut this = None;
        let options = json!({ "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage", "--force-prefers-reduced-motion", format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.path().display()),
        ] });
        let capabilities = serde_json::Map::from_iter([
            ("goog:chromeOptions".to_owned(), options),
            ("timeouts".to_owned(), serde_json::to_value(TimeoutConfiguration::default())?),
        ]);
        // The driver needs a moment until it listens.
        for _ in 0..200 {
            let mut builder = ClientBuilder::new(hyper_connector());
            builder.capabilities(capabilities.clone());
            match builder.connect(&format!("http://127.0.0.1:{port}")).await {
                Ok(client) => {
                    this = Some(client);
                    break;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        let Some(client) = this else { bail!("chromedriver did not open a window") };
        Ok(Self { client, driver, _profile: profile })
    }

    /// Opens an address.
    pub async fn visit(&self, url: &str) -> Result<()> {
        self.client.goto(url).await.with_context(|| format!("opening {url}"))
    }

    /// Waits until a text is on the page.
    pub async fn sees(&self, text: &str) -> Result<()> {
        let quoted = serde_json::to_string(text)?;
        let script = format!("return document.body.innerText.includes({quoted})");
        if self.becomes_true(&script).await {
            return Ok(());
        }
        let page = self.client.execute("return document.body.innerText", vec![]).await?;
        bail!("the page never said “{text}”; it says: {}", page.as_str().unwrap_or_default())
    }

    /// Runs a script again and again until it gives true.
    pub(crate) async fn becomes_true(&self, script: &str) -> bool {
        for _ in 0..PATIENCE.as_millis() / 100 {
            if self.client.execute(script, vec![]).await.is_ok_and(|v| v == true) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    }

    /// The text of the page.
    pub async fn text(&self) -> Result<String> {
        Ok(self.client.execute("return document.body.innerText", vec![]).await?.as_str().unwrap_or_default().to_owned())
    }

    /// Clicks the last visible button or link with this text.
    pub async fn clicks(&self, label: &str) -> Result<()> {
        self.clicks_at("all.length - 1", label).await
    }

    /// Clicks the first visible button or link with this text.
    pub async fn clicks_first(&self, label: &str) -> Result<()> {
        self.clicks_at("0", label).await
    }

    async fn clicks_at(&self, index: &str, label: &str) -> Result<()> {
        let quoted = serde_json::to_string(label)?;
        let script = format!(
            "const all = [...document.querySelectorAll('button, a, summary, input[type=submit]')].filter(e => \
               (e.innerText || e.value || '').trim() === {quoted} && e.offsetParent !== null && !e.disabled); \
             const e = all[{index}]; if (!e) return false; e.scrollIntoView({{block: 'center'}}); e.click(); return true"
        );
        if self.becomes_true(&script).await {
            return Ok(());
        }
        bail!("there is no button “{label}”; the page says: {}", self.text().await?)
    }

    /// Follows the first element of a CSS selector whose text holds `text`.
    pub async fn follows(&self, css: &str, text: &str) -> Result<()> {
        let (css, quoted) = (serde_json::to_string(css)?, serde_json::to_string(text)?);
        let script = format!(
            "const e = [...document.querySelectorAll({css})].find(e => e.innerText.includes({quoted})); \
             if (!e) return false; e.click(); return true"
        );
        if self.becomes_true(&script).await {
            return Ok(());
        }
        bail!("there is nothing that says “{text}”; the page says: {}", self.text().await?)
    }

    /// Clicks the person with this name in the list of people.
    pub async fn clicks_person(&self, name: &str) -> Result<()> {
        let quoted = serde_json::to_string(name)?;
        let script = format!(
            "const e = [...document.querySelectorAll('button.person')].find(e => e.innerText.includes({quoted})); \
             if (!e) return false; e.click(); return true"
        );
        if self.becomes_true(&script).await {
            return Ok(());
        }
        bail!("there is nobody called {name} to choose")
    }

    /// Types into the element that a CSS selector finds.
    pub async fn types(&self, css: &str, text: &str) -> Result<()> {
        let element = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await?;
        element.send_keys(text).await?;
        Ok(())
    }

    /// Empties the element that a CSS selector finds, and types into it.
    pub async fn retypes(&self, css: &str, text: &str) -> Result<()> {
        let element = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await?;
        element.clear().await?;
        element.send_keys(text).await?;
        Ok(())
    }

    /// Takes a picture of the window.
    pub async fn picture(&self, file: &Path) -> Result<()> {
        std::fs::write(file, self.client.screenshot().await?)?;
        Ok(())
    }

    /// What axe-core finds of serious or critical weight: one line each. `axe` is the text of `axe.min.js`.
    pub async fn serious_axe_findings(&self, axe: &str) -> Result<Vec<String>> {
        self.client.execute(axe, vec![]).await?;
        let script = "const done = arguments[arguments.length - 1]; axe.run().then(r => done(r.violations \
            .filter(v => v.impact === 'serious' || v.impact === 'critical') \
            .map(v => v.id + ': ' + v.help + ' ' + v.nodes.map(n => n.html).join(' | '))))";
        let found = self.client.execute_async(script, vec![]).await?;
        Ok(serde_json::from_value(found)?)
    }

    /// Closes the window.
    pub async fn close(mut self) -> Result<()> {
        self.client.clone().close().await?;
        self.driver.kill()?;
        self.driver.wait()?;
        Ok(())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn hyper_connector() -> hyper_util::client::legacy::connect::HttpConnector {
    hyper_util::client::legacy::connect::HttpConnector::new()
}
