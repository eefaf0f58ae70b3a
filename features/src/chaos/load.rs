//! Clients that spend, make and read what the spec declares, note what each answer promised, and judge the answer itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use proofline_spec::document::{Balance, Job, RouteKey};
use serde_json::Value;

use super::books::{Fate, Ledger, Things};
use super::collection::Collection;
use super::document::RoundReport;
use super::fault::Fault;
use super::jobs;
use super::schedule::CLIENTS;
use crate::accounts::{self, Account};
use crate::call::{self, Call};
use crate::exchange::{Answer, CORRELATION_ID, Http, HttpError, Request};
use crate::failure::Failure;
use crate::generate::Generator;
use crate::run::Run;

/// How much a grant gives: less than is spent meanwhile, so that a balance is at its end for most of the time.
pub(super) const GRANT: u64 = 2;
/// So many movements are made for one user at most, so that one page has all.
const MOVEMENTS: u64 = 80;
/// Between two attempts to reach a service that is not there.
const AWAY: Duration = Duration::from_millis(20);

/// What there is to do.
#[derive(Debug)]
pub(super) struct Subjects {
    pub(super) balance: Option<Balance>,
    pub(super) collections: Vec<Collection>,
    /// What is put into queues, where it is counted what is delivered.
    pub(super) jobs: Vec<Job>,
    /// What only reads; never empty.
    pub(super) reads: Vec<RouteKey>,
}

/// Somebody, and what they were promised.
#[derive(Debug)]
pub(super) struct User {
    pub(super) account: Account,
    pub(super) ledger: Mutex<Ledger>,
    /// As many as there are collections.
    pub(super) things: Vec<Mutex<Things>>,
}

/// A time in which something is broken.
#[derive(Debug)]
struct Window {
    fault: Fault,
    from: Instant,
    to: Option<Instant>,
}

/// What the clients of one round share.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) run: Arc<Run>,
    pub(super) subjects: Arc<Subjects>,
    pub(super) users: Vec<User>,
    /// Who puts jobs into queues: they may cost something, and nobody's balance is to know of it.
    pub(super) client: Account,
    /// Jobs that were asked for.
    pub(super) put: Mutex<Things>,
    pub(super) sent: AtomicU64,
    /// Whether everything that was to break has broken.
    pub(super) over: AtomicBool,
    /// How many requests there are at least.
    pub(super) least: u64,
    /// What things of this round are called.
    pub(super) name: String,
    /// Whether nothing is to break.
    pub(super) calm: bool,
    pub(super) report: Mutex<RoundReport>,
    windows: Mutex<Vec<Window>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a client wants.
enum Wish {
    Spend,
    Grant,
    Make(usize),
    Put(usize),
    Read(RouteKey),
}

impl Load {
    pub(super) fn new(
        run: Arc<Run>,
        subjects: Arc<Subjects>,
        users: Vec<User>,
        client: Account,
        round: &super::Round,
        name: String,
    ) -> Self {
        Self {
            run,
            subjects,
            users,
            client,
            put: Mutex::default(),
            sent: AtomicU64::new(0),
            over: AtomicBool::new(round.events.is_empty()),
            least: round.requests,
            name,
            calm: round.events.is_empty(),
            report: Mutex::default(),
            windows: Mutex::default(),
        }
    }

    /// From now on something is broken.
    pub(super) fn breaks(&self, fault: Fault) {
        lock(&self.windows).push(Window { fault, from: Instant::now(), to: None });
    }

    /// It is not any more.
    pub(super) fn mended(&self) {
        if let Some(window) = lock(&self.windows).last_mut() {
            window.to = Some(Instant::now());
        }
    }

    /// Whether something of that kind was broken while a request was under way.
    fn was(&self, kind: fn(&Fault) -> bool, from: Instant) -> bool {
        let windows = lock(&self.windows);
        windows.iter().any(|window| {
            kind(&window.fault)
                && window.from <= Instant::now()
                && window.to.is_none_or(|to| from <= to)
        })
    }

    fn wrong(&self, text: String) {
        lock(&self.report).wrong.push(text);
    }

    /// A client until enough was sent and everything has broken.
    pub(super) async fn client(self: Arc<Self>, seed: u64, number: u64) -> Result<(), Failure> {
        let http = Http::new(&self.run.target.base)?;
        let mut rng = fastrand::Rng::with_seed(seed ^ (number << 48));
        while !self.over.load(Ordering::SeqCst) || self.sent.load(Ordering::SeqCst) < self.least {
            self.run.bulk.slot().await;
            let user = &self.users[rng.usize(..self.users.len())];
            let wish = self.wish(&mut rng, user);
            let patience = rng.u32(..20) == 0;
            let patience = patience.then(|| Duration::from_micros(rng.u64(100..20_000)));
            self.carry_out(&http, user, wish, patience, rng.u64(..)).await?;
            self.sent.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    fn wish(&self, rng: &mut fastrand::Rng, user: &User) -> Wish {
        let reads = &self.subjects.reads;
        let read = rng.usize(..reads.len());
        let collections = self.subjects.collections.len();
        let which = rng.usize(..collections.max(1));
        let may_move = self.subjects.balance.is_some() && lock(&user.ledger).attempts() < MOVEMENTS;
        // As many as there are clients may be under way, each of which saw a place for its own.
        let under_way = usize::from(CLIENTS);
        let is_room = collections > 0
            && lock(&user.things[which]).len() + under_way <= self.subjects.collections[which].most;
        let jobs = self.subjects.jobs.len();
        let may_put = jobs > 0 && lock(&self.put).len() + under_way <= jobs::MOST;
        let job = if jobs > 0 { rng.usize(..jobs) } else { 0 };
        match rng.u32(..20) {
            0..2 if may_move => Wish::Grant,
            2..9 if may_move => Wish::Spend,
            9..14 if is_room => Wish::Make(which),
            14..17 if may_put => Wish::Put(job),
            _ => Wish::Read(reads[read].clone()),
        }
    }

    async fn carry_out(
        &self,
        http: &Http,
        user: &User,
        wish: Wish,
        patience: Option<Duration>,
        seed: u64,
    ) -> Result<(), Failure> {
        let marker = format!("{}-{}", self.name, self.sent.load(Ordering::SeqCst));
        let marker = format!("{marker}-{:08x}", seed >> 32);
        let request = self.request(&wish, user, &marker)?;
        let what = format!("{} {}", request.method, request.path);
        let began = Instant::now();
        let answering = http.send(&request);
        let outcome = match patience {
            None => Some(answering.await),
            Some(patience) => tokio::time::timeout(patience, answering).await.ok(),
        };
        let (id, fate) = self.judge(&what, &wish, outcome.as_ref(), began);
        if outcome.is_some_and(|outcome| outcome.is_err_and(|error| !error.sent)) {
            tokio::time::sleep(AWAY).await;
        }
        match wish {
            Wish::Spend => {
                let mut ledger = lock(&user.ledger);
                ledger.spends.add(fate);
                ledger.ids.extend(id.filter(|_| fate == Fate::Done));
            }
            Wish::Grant => lock(&user.ledger).grants.add(fate),
            Wish::Make(number) => lock(&user.things[number]).add(marker, fate),
            Wish::Put(_) => lock(&self.put).add(marker, fate),
            Wish::Read(_) => {}
        }
        Ok(())
    }

    fn request(&self, wish: &Wish, user: &User, marker: &str) -> Result<Request, Failure> {
        let (run, account) = (&self.run, &user.account);
        let balance = self.subjects.balance.as_ref();
        let none = || Failure::broken("there is no balance");
        let request = match wish {
            Wish::Spend => accounts::spend(balance.ok_or_else(none)?, account),
            Wish::Grant => accounts::grant_request(run, balance.ok_or_else(none)?, account, GRANT)?,
            Wish::Read(key) => Request::get(key.path.clone()).headers(&[account.bearer()]),
            Wish::Put(number) => {
                call::job(run, &self.subjects.jobs[*number], &self.client, marker)?
            }
            Wish::Make(number) => {
                let collection = &self.subjects.collections[*number];
                let route = run.target.route(&collection.key);
                let route = route.ok_or_else(|| Failure::broken("the route is gone"))?;
                let mut call =
                    Call::valid(&mut Generator::new(&run.target, 0), &collection.key, route);
                if let Some(Value::Object(members)) = &mut call.body {
                    members.insert(collection.marker.clone(), marker.into());
                }
                call.with(account.bearer()).request()
            }
        };
        Ok(run.placed(request))
    }

    /// What an outcome promises, and whether it is one that the service may give; with the id of what was made.
    fn judge(
        &self,
        what: &str,
        wish: &Wish,
        outcome: Option<&Result<Answer, HttpError>>,
        began: Instant,
    ) -> (Option<String>, Fate) {
        lock(&self.report).requests += 1;
        match outcome {
            None => {
                lock(&self.report).left += 1;
                (None, Fate::Unknown)
            }
            Some(Err(error)) if !error.sent => {
                lock(&self.report).not_sent += 1;
                if self.calm {
                    self.wrong(format!("{what}: no connection, and nothing was broken: {error}"));
                }
                (None, Fate::Refused)
            }
            Some(Err(error)) => {
                lock(&self.report).unanswered += 1;
                let cuts = if self.run.target.is_published_by_an_engine() {
                    Fault::cuts_clients_of_an_engine
                } else {
                    Fault::cuts_clients
                };
                if !self.was(cuts, began) {
                    self.wrong(format!(
                        "{what}: no answer, and the service was not killed: {error}"
                    ));
                }
                (None, Fate::Unknown)
            }
            Some(Ok(answer)) => {
                *lock(&self.report).statuses.entry(answer.status).or_default() += 1;
                if let Some(complaint) = self.complaint(wish, answer, began) {
                    let mut report = lock(&self.report);
                    let number = report.wrong.len();
                    let id = answer.header(CORRELATION_ID).map(str::to_owned);
                    report.answers.extend(id.map(|id| (number, id)));
                    report.wrong.push(format!("{what} answered {}: {complaint}", answer.status));
                }
                let fate = match answer.status {
                    200..300 => Fate::Done,
                    400..500 => Fate::Refused,
                    _ => Fate::Unknown,
                };
                (answer.at("/id"), fate)
            }
        }
    }

    /// What is wrong with an answer.
    fn complaint(&self, wish: &Wish, answer: &Answer, began: Instant) -> Option<String> {
        let problem = answer.problem().unwrap_or_default();
        let spends = matches!(wish, Wish::Spend | Wish::Put(_));
        match answer.status {
            200..300 | 429 => None,
            402 | 409 if spends => None,
            _ if !answer.is_problem() => Some("it is no problem document".to_owned()),
            500 if self.was(Fault::may_be_internal, began) => None,
            503 if answer
                .header("retry-after")
                .and_then(|text| text.parse::<u64>().ok())
                .is_none() =>
            {
                Some("it does not say when to come again".to_owned())
            }
            503 | 504 if self.calm => Some(format!("nothing was broken ({problem})")),
            503 | 504 => None,
            _ => Some(format!("nothing that is declared explains it ({problem})")),
        }
    }
}
