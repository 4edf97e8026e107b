//! How questions are answered, from the configuration: the language model, and when Stoa speaks in channels.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use stoa_learning::answers::{Asking, ChannelRule, Limits, Modelled, Speak};
use stoa_llm::{Endpoint, Options};

use crate::config::{Config, duration, secret};

/// The longest time that an answer may take.
const LONGEST: Duration = Duration::from_secs(60);

/// Whether the sections make sense, without reading secrets or files.
pub fn check(config: &Config) -> Result<()> {
    speaking(config)?;
    limits(config)?;
    if config.llm.base_url.is_empty() && !config.llm.chat_model.is_empty() {
        bail!("[llm] chat_model needs a base_url");
    }
    Ok(())
}

/// What the configuration says about answers.
pub fn of(config: &Config) -> Result<Asking> {
    let (speak, channels) = speaking(config)?;
    Ok(Asking { model: model(config)?, speak, channels })
}

fn speaking(config: &Config) -> Result<(Speak, Vec<ChannelRule>)> {
    let speak = |what: &str, text: &str| -> Result<Speak> {
        if text.is_empty() { Ok(Speak::default()) } else { text.parse().with_context(|| what.to_owned()) }
    };
    let rule = |c: &crate::config::AnswersChannel| -> Result<ChannelRule> {
        let what = format!("[[answers.channels]] '{}': speak", c.channel);
        Ok(ChannelRule { platform: c.platform.clone(), channel: c.channel.clone(), speak: speak(&what, &c.speak)? })
    };
    let channels = config.answers.channels.iter().map(rule).collect::<Result<_>>()?;
    Ok((speak("[answers] speak", &config.answers.speak)?, channels))
}

fn limits(config: &Config) -> Result<Limits> {
    let (llm, usual) = (&config.llm, Limits::default());
    let time = match &llm.time {
        None => usual.time,
        Some(text) => {
            let micros = duration(text).context("[llm] time")?;
            Duration::from_micros(u64::try_from(micros).unwrap_or(0))
        }
    };
    if time.is_zero() || time > LONGEST {
        bail!("[llm] time must be more than nothing and at most a minute");
    }
    Ok(Limits {
        time,
        answer_tokens: llm.answer_tokens.unwrap_or(usual.answer_tokens),
        person_tokens: llm.person_tokens.unwrap_or(usual.person_tokens),
        daily_tokens: llm.daily_tokens.unwrap_or(usual.daily_tokens),
    })
}

fn model(config: &Config) -> Result<Option<Modelled>> {
    let llm = &config.llm;
    if llm.base_url.is_empty() || llm.chat_model.is_empty() {
        return Ok(None);
    }
    let key = secret("[llm] api_key_file", llm.api_key.as_deref(), llm.api_key_file.as_deref())?;
    let endpoint = Endpoint::new(&Options {
        base_url: llm.base_url.clone(),
        api_key: Some(key).filter(|k| !k.is_empty()),
        model: llm.chat_model.clone(),
        network: config.network.outside()?,
    })?;
    Ok(Some(Modelled { model: Arc::new(endpoint), limits: limits(config)? }))
}
