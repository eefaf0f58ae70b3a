//! What one scenario knows, and how its steps send requests.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::accounts::Account;
use crate::exchange::{Answer, BOOKMARK, BulkOutcome, Http, HttpError, Recorder, Request};
use crate::failure::Failure;
use crate::run::Run;
use crate::turn;

/// A limit that is used up by accident is waited for this long at most.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(65);

/// What one scenario knows.
#[derive(Debug, Default)]
pub struct World {
    run: Option<Arc<Run>>,
    /// Keeps the exchanges.
    pub recorder: Arc<Recorder>,
    /// The accounts of the scenario, by what its steps call them.
    pub users: Vec<Account>,
    /// Somebody whose limits may be used up by accident, and how many requests were sent.
    pub crowd: Option<(Account, u64)>,
    /// A number that differs from scenario to scenario.
    pub seed: u64,
    /// The latest bookmark that the scenario was told, where the database has copies.
    bookmark: Mutex<Option<String>>,
    /// What the subject of the scenario has to remember between steps.
    pub memory: crate::steps::Memory,
}

impl cucumber::World for World {
    type Error = Infallible;

    async fn new() -> Result<Self, Infallible> {
        Ok(Self::default())
    }
}

impl World {
    /// Gives the scenario its run and its recorder.
    pub fn begin(&mut self, run: Arc<Run>, recorder: Arc<Recorder>, seed: u64) {
        self.run = Some(run);
        self.recorder = recorder;
        self.seed = seed;
    }

    /// The run.
    pub fn run(&self) -> Result<Arc<Run>, Failure> {
        self.run.clone().ok_or_else(|| Failure::broken("the scenario has not begun"))
    }

    /// Sends a request from an address of its own, unless it has one, and records it; says why there is no answer.
    pub async fn attempt(&self, request: Request) -> Result<Result<Answer, String>, Failure> {
        let run = self.run()?;
        self.attempt_by(&run.http, request).await
    }

    /// Sends a request like [`Self::attempt`], by another client than the run's.
    pub async fn attempt_by(
        &self,
        http: &Http,
        request: Request,
    ) -> Result<Result<Answer, String>, Failure> {
        let request = self.run()?.placed(request);
        Ok(self.exchange(http, &request).await.map_err(|error| error.message))
    }

    /// The request with what the scenario was told of the database's state, so that it reads what it wrote.
    fn following(&self, request: &Request) -> Option<Request> {
        let has = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(BOOKMARK));
        let known = self.bookmark.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.filter(|_| !has).map(|bookmark| request.clone().header(BOOKMARK, bookmark))
    }

    async fn exchange(&self, http: &Http, request: &Request) -> Result<Answer, HttpError> {
        let following = self.following(request);
        let request = following.as_ref().unwrap_or(request);
        let _turn = if request.expects_limit { None } else { Some(turn::among_others().await) };
        match http.send(request).await {
            Ok(mut answer) => {
                self.recorder.add(Arc::clone(&answer.record));
                answer.recorder = Some(Arc::clone(&self.recorder));
                if let Some(bookmark) = answer.header(BOOKMARK) {
                    let mut known = self.bookmark.lock().unwrap_or_else(PoisonError::into_inner);
                    *known = Some(bookmark.to_owned()).max(known.take());
                }
                Ok(answer)
            }
            Err(error) => {
                if let Some(record) = &error.record {
                    self.recorder.add(Arc::clone(record));
                }
                Err(error)
            }
        }
    }

    /// Sends a request like [`Self::attempt`] and goes away without waiting longer; whether there was an answer before.
    pub async fn leave_after(&self, request: Request, patience: Duration) -> Result<bool, Failure> {
        let run = self.run()?;
        let request = run.placed(request);
        self.recorder.count(1);
        Ok(tokio::time::timeout(patience, run.http.send(&request)).await.is_ok())
    }

    /// Sends a request like [`Self::attempt`]; without an answer nothing can be found out.
    ///
    /// A refusal by a limit that the step does not expect is waited for: without a way to give each
    /// scenario addresses of its own, scenarios share a limit.
    ///
    /// A server may close a connection whenever it likes between two requests (RFC 9112, section 9.5), and some do after
    /// each failure: what is sent over it just then is sent once more, where the spec has a `dialect`. A service that
    /// closes in the middle of the request itself does so again; one that was generated never may.
    pub async fn send(&self, request: Request) -> Result<Answer, Failure> {
        let run = self.run()?;
        let request = run.placed(request);
        for attempt in 0..3 {
            let mut answer = self.exchange(&run.http, &request).await;
            let may_close = run.target.service.dialect.is_some();
            if may_close && answer.as_ref().is_err_and(|error| error.closed) {
                answer = self.exchange(&run.http, &request).await;
            }
            let answer = answer.map_err(|error| Failure::Broken(format!("no answer: {error}")))?;
            if answer.status != 429 || request.expects_limit || attempt == 2 {
                return Ok(answer);
            }
            let wait = Duration::from_secs(answer.retry_after().unwrap_or(1));
            if wait > LONGEST_WAIT {
                return Ok(answer);
            }
            tokio::time::sleep(wait).await;
        }
        Err(Failure::broken("the limit never ended"))
    }

    /// Sends a request like [`Self::send`] once more, to see how long it takes: how often depends on the machine,
    /// so environments are not compared by it.
    pub async fn send_again(&self, request: Request) -> Result<Answer, Failure> {
        let run = self.run()?;
        let answer = run.http.send(&run.placed(request)).await;
        self.recorder.count(1);
        let mut answer = answer.map_err(|why| Failure::Broken(format!("no answer: {why}")))?;
        answer.recorder = Some(Arc::clone(&self.recorder));
        Ok(answer)
    }

    /// Sends many requests fast; only the first and the last are recorded.
    pub async fn send_many<M>(&self, count: u64, make: M) -> Result<BulkOutcome, Failure>
    where
        M: Fn(u64) -> Request + Send + Sync + 'static,
    {
        let run = self.run()?;
        let placer = Arc::clone(&run);
        let make = move |number| placer.placed(make(number));
        let outcome = run.bulk.send(&run.http, count, make).await;
        for answer in outcome.accepted.iter().chain(&outcome.refusal) {
            self.recorder.add(Arc::clone(&answer.record));
        }
        self.recorder.count(count.saturating_sub(2));
        if let Some(error) = outcome.errors.first() {
            let message =
                format!("{} of {count} requests have no answer: {error}", outcome.errors.len());
            return Err(Failure::Broken(message));
        }
        Ok(outcome)
    }

    /// The user of that name.
    pub fn user(&self, name: &str) -> Result<&Account, Failure> {
        self.users
            .iter()
            .find(|user| user.name == name)
            .ok_or_else(|| Failure::broken(format!("no earlier step makes the {name}")))
    }
}
