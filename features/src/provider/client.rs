//! Tells a provider what to answer, and asks what it received.

use std::time::Duration;

use super::CONTROL;
use super::script::{Received, Script};
use crate::failure::Failure;

/// Nothing that a provider is told takes as long; it only bounds what would wait for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// A provider that runs.
#[derive(Debug, Clone)]
pub struct Provider {
    http: reqwest::Client,
    url: String,
}

fn broken(error: &reqwest::Error) -> Failure {
    Failure::Broken(format!("the scripted provider does not answer: {error}"))
}

impl Provider {
    /// The provider at this URL.
    pub fn new(url: &str) -> Result<Self, Failure> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
        Ok(Self { http: http.map_err(|error| broken(&error))?, url: url.to_owned() })
    }

    /// Where it is, for requests that are to lead to it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on this upstream answers so.
    pub async fn play(&self, upstream: &str, script: &Script) -> Result<(), Failure> {
        let url = format!("{}{CONTROL}{upstream}", self.url);
        let sent = self.http.put(url).json(script).send().await.map_err(|error| broken(&error))?;
        if sent.status().is_success() {
            return Ok(());
        }
        let why = sent.text().await.unwrap_or_default();
        Err(Failure::Broken(format!("the provider does not understand the script: {why}")))
    }

    /// Every upstream answers its example, and nothing was received.
    pub async fn reset(&self) -> Result<(), Failure> {
        let url = format!("{}{CONTROL}", self.url);
        self.http.delete(url).send().await.map(drop).map_err(|error| broken(&error))
    }

    /// What it received since it was reset, in order.
    pub async fn received(&self) -> Result<Vec<Received>, Failure> {
        let url = format!("{}{CONTROL}", self.url);
        let answer = self.http.get(url).send().await.map_err(|error| broken(&error))?;
        answer.json().await.map_err(|error| broken(&error))
    }

    /// The same, once: it forgets what it told.
    pub async fn take(&self) -> Result<Vec<Received>, Failure> {
        let url = format!("{}{CONTROL}", self.url);
        let answer = self.http.post(url).send().await.map_err(|error| broken(&error))?;
        answer.json().await.map_err(|error| broken(&error))
    }
}
