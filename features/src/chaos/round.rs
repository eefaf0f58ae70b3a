//! The rounds of a run: accounts, load, faults, and what must hold afterwards.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proofline_spec::document::Operation;
use proofline_spec::exit::Exit;
use serde_json::Value;
use tokio::task::JoinSet;

use super::books::{Count, Ledger};
use super::fault::{Ability, Fault};
use super::jobs::{self, Courier};
use super::load::{GRANT, Load, Subjects, User, lock};
use super::schedule::{Event, Round, Schedule};
use super::{Document, check, collection};
use crate::accounts;
use crate::exchange::{Http, Request};
use crate::failure::Failure;
use crate::plan::Target;
use crate::proxy;
use crate::run::Run;
use crate::steps::fault_control;
use crate::world::World;

/// A fault ends after so long even if hardly a request gets through.
const LONGEST: Duration = Duration::from_secs(40);
const LOOK: Duration = Duration::from_millis(2);
/// So many accounts of earlier rounds are looked at once more at the end.
const LOOKED_AT_AGAIN: usize = 200;

/// How a run goes.
#[derive(Debug, Clone)]
pub struct Options {
    /// Decides what breaks.
    pub seed: u64,
    /// The first round after the calm one.
    pub from: u64,
    /// How many rounds.
    pub rounds: Option<u64>,
    /// How long rounds are begun.
    pub time: Option<Duration>,
    /// What may break.
    pub abilities: Vec<Ability>,
}

struct Stage {
    run: Arc<Run>,
    world: World,
    subjects: Arc<Subjects>,
    courier: Option<Courier>,
    proxy: Option<String>,
    seed: u64,
}

/// Routes that an ordinary user reads, with the usual limits alone.
fn reads(target: &Target) -> Vec<proofline_spec::document::RouteKey> {
    let own = target.routes().filter(|(key, route)| {
        let query = route.query.as_deref().and_then(|name| target.schema(name));
        matches!(route.op, Operation::Query(_))
            && key.method.is_safe()
            && key.parameters().next().is_none()
            && route.roles.is_none()
            && route.limits.is_none()
            && target.takes_principals(route)
            && query.is_none_or(|schema| schema.required.is_empty())
    });
    own.map(|(key, _)| key.clone()).collect()
}

/// What is checked, and what cannot be.
fn scope(target: &Target, subjects: &Subjects) -> (Vec<String>, Vec<String>) {
    let (mut checked, mut unchecked) = (Vec::new(), Vec::new());
    match &subjects.balance {
        Some(balance) => checked.push(format!(
            "movements of {} add up to a balance that is never negative, and each is there as it was answered",
            balance.movements.route
        )),
        None => unchecked.push("no balance: the spec's `accounts` names none".to_owned()),
    }
    for collection in &subjects.collections {
        checked.push(format!("what {} makes is there as it was answered, once", collection.key));
    }
    if subjects.collections.is_empty() {
        unchecked.push("no things: no user makes any that a list shows again".to_owned());
    }
    if target.is_published_by_an_engine() {
        unchecked.push(
            "requests without an answer while the service ends: the engine accepts them for a container that has \
             ended"
                .to_owned(),
        );
    }
    if !subjects.jobs.is_empty() && !target.keeps_messages() {
        let text =
            "what was accepted before a kill: queues are in the memory of what is killed here";
        unchecked.push(text.to_owned());
    }
    for job in subjects.jobs.iter().filter(|job| !jobs::is_declared(target, job)) {
        unchecked.push(format!(
            "whether all that {} accepts arrives when something breaks: its code may queue it much later",
            job.route
        ));
    }
    for (key, route) in target.routes() {
        let is_counted = subjects.jobs.iter().any(|job| job.route == *key);
        if is_counted {
            checked.push(format!(
                "what {key} accepts is delivered or kept as a dead letter, always under one key, and once where nothing \
                 broke"
            ));
        } else if matches!(route.op, Operation::Enqueue(_)) {
            unchecked.push(format!("what {key} queues: nobody counts here what is delivered"));
        }
        let is_code =
            matches!(route.op, Operation::Custom(_)) && !key.method.is_safe() && !is_counted;
        if is_code {
            unchecked.push(format!("{key}: what code of the service writes is not declared"));
        }
    }
    (checked, unchecked)
}

/// Runs rounds until enough are over, or somebody interrupts; the document is whole after each.
pub async fn run(
    target: Target,
    options: Options,
    folder: &Path,
    say: impl Fn(&str),
    interrupt: impl Future<Output = ()>,
) -> Result<Exit, Failure> {
    permitted(&target)?;
    let subjects = Subjects {
        balance: target.service.accounts.as_ref().and_then(|accounts| accounts.balance.clone()),
        collections: collection::collections(&target),
        jobs: jobs::jobs(&target),
        reads: reads(&target),
    };
    let (checked, unchecked) = scope(&target, &subjects);
    let mut document = Document {
        service: target.service.service.name.clone(),
        environment: target.environment.environment.clone(),
        seed: options.seed,
        replay: format!("--seed {} --from ROUND --rounds 1", options.seed),
        checked,
        unchecked,
        ..Document::default()
    };
    for line in &document.unchecked {
        say(&format!("not checked: {line}"));
    }
    if subjects.balance.is_none() && subjects.collections.is_empty() || subjects.reads.is_empty() {
        document.outcome = Some("nothing could be checked");
        write(&document, folder)?;
        say("the spec declares nothing that could be written and read again: nothing was checked");
        return Ok(Exit::NotVerified);
    }
    let schedule = Schedule::new(options.seed, &options.abilities, &target);
    let proxy = target.plan.proxy.clone();
    let courier = Courier::new(&target, format!("{}-", name(options.seed)))?;
    let run = Arc::new(Run::new(target)?);
    let mut world = World::default();
    world.begin(Arc::clone(&run), Arc::default(), options.seed);
    let subjects = Arc::new(subjects);
    let mut stage = Stage { run, world, subjects, courier, proxy, seed: options.seed };
    let interrupted = tokio::select! {
        done = stage.rounds(&schedule, &options, &mut document, folder, &say) => { done?; false }
        () = interrupt => true,
    };
    let wrong = document.wrong();
    let outcome = match (wrong, interrupted) {
        (0, false) => "everything held",
        (0, true) => "interrupted; everything held until then",
        _ => "something did not hold",
    };
    document.outcome = Some(outcome);
    write(&document, folder)?;
    say(&format!("{} rounds: {outcome}", document.rounds.len()));
    Ok(match (wrong, interrupted) {
        (0, true) => Exit::Interrupted,
        (0, false) => Exit::Success,
        _ => Exit::ClaimFailed,
    })
}

/// Nothing is broken where that is not permitted, or elsewhere than on this machine.
fn permitted(target: &Target) -> Result<(), Failure> {
    let permits = &target.environment.permits;
    if !target.is_loopback() {
        return Err(Failure::broken(
            "faults are only made on this machine, and the service is elsewhere",
        ));
    }
    if !permits.faults || !permits.writes {
        return Err(Failure::broken("the environment permits no faults, or no writes"));
    }
    Ok(())
}

fn write(document: &Document, folder: &Path) -> Result<(), Failure> {
    let told = |error: std::io::Error| Failure::Broken(format!("{}: {error}", folder.display()));
    document.write(folder).map_err(told)
}

impl Stage {
    async fn rounds(
        &mut self,
        schedule: &Schedule,
        options: &Options,
        document: &mut Document,
        folder: &Path,
        say: &impl Fn(&str),
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        let mut before: Vec<User> = Vec::new();
        let later = options.from.max(1)..;
        for (count, number) in std::iter::once(0).chain(later).enumerate() {
            let enough = options.rounds.is_some_and(|rounds| count as u64 > rounds)
                || options.time.is_some_and(|time| count > 1 && begun.elapsed() > time);
            if enough {
                break;
            }
            let (report, users) = self.round(&schedule.round(number)).await?;
            say(&report.line());
            for wrong in &report.wrong {
                say(&format!("wrong (seed {}, round {number}): {wrong}", options.seed));
            }
            document.rounds.push(report);
            write(document, folder)?;
            before.extend(users);
            let forgotten = before.len().saturating_sub(LOOKED_AT_AGAIN);
            before.drain(..forgotten);
        }
        // What was confirmed has to outlive what broke later.
        let mut wrong = check::users(&self.run, &self.subjects, &before, Duration::ZERO).await;
        if let Some(courier) = &mut self.courier {
            wrong.extend(courier.end(&self.run).await);
            let tally = courier.tally();
            say(&format!(
                "jobs: {} accepted, {} unknown; {} delivered, {} of them twice, {} dead",
                tally.accepted, tally.unknown, tally.delivered, tally.doubled, tally.dead
            ));
            document.jobs = Some(tally);
        }
        for text in &wrong {
            say(&format!("wrong (seed {}, at the end): {text}", options.seed));
        }
        if let Some(last) = document.rounds.last_mut() {
            last.wrong.extend(wrong.into_iter().map(|text| format!("at the end: {text}")));
        }
        let writes: u64 = document.rounds.iter().map(|round| round.confirmed).sum();
        if writes == 0 {
            return Err(Failure::broken("not one write was confirmed: nothing was checked"));
        }
        Ok(())
    }

    async fn account(&self) -> Result<accounts::Account, Failure> {
        let account = accounts::sign_up(&self.world, "user").await?;
        if let Some(tier) = self.run.target.highest_tier() {
            let can = self.run.target.service.accounts.as_ref();
            if can.is_some_and(|accounts| accounts.set_tier.is_some()) {
                accounts::set_tier(&self.world, &account, tier).await?;
            }
        }
        Ok(account)
    }

    async fn user(&self) -> Result<User, Failure> {
        let account = self.account().await?;
        let mut ledger = Ledger { grant: GRANT.cast_signed(), ..Ledger::default() };
        if let Some(balance) = &self.subjects.balance {
            accounts::grant(&self.world, balance, &account, GRANT).await?;
            ledger.grants.done = 1;
        }
        let things = self.subjects.collections.iter().map(|_| Mutex::default()).collect();
        Ok(User { account, ledger: ledger.into(), things })
    }

    async fn round(&mut self, round: &Round) -> Result<(super::RoundReport, Vec<User>), Failure> {
        let mut users = Vec::new();
        for _ in 0..round.users {
            users.push(self.user().await?);
        }
        let client = self.account().await?;
        accounts::provide(&self.world, &client).await?;
        let name = format!("{}-{}", name(self.seed), round.number);
        let (run, subjects) = (Arc::clone(&self.run), Arc::clone(&self.subjects));
        let load = Load::new(run, subjects, users, client, round, name);
        let load = Arc::new(load);
        let mut clients = JoinSet::new();
        for number in 0..round.clients {
            clients.spawn(Arc::clone(&load).client(round.seed, number));
        }
        for event in &round.events {
            self.happen(&load, event).await?;
        }
        load.over.store(true, Ordering::SeqCst);
        while let Some(ended) = clients.join_next().await {
            ended.map_err(|error| Failure::Broken(error.to_string()))??;
        }
        if let Err(why) = check::ready(&self.run).await {
            lock(&load.report).wrong.push(format!("not ready again: {why}"));
        }
        let load = Arc::into_inner(load).ok_or_else(|| Failure::broken("a client did not end"))?;
        let mut report = load.report.into_inner().unwrap_or_default();
        report
            .wrong
            .extend(check::users(&self.run, &self.subjects, &load.users, check::SETTLED).await);
        if let Some(courier) = &mut self.courier {
            let put = load.put.into_inner().unwrap_or_default();
            report.wrong.extend(courier.round(&self.run, round, put).await.err());
        }
        if let Some(log) =
            self.run.target.plan.log_file.as_ref().filter(|_| !report.answers.is_empty())
        {
            let log = tokio::fs::read(log).await.unwrap_or_default();
            report.explain(&String::from_utf8_lossy(&log));
        }
        for user in &load.users {
            let ledger = lock(&user.ledger);
            let things = user.things.iter().map(|things| lock(things).count());
            for count in [ledger.grants, ledger.spends].into_iter().chain(things) {
                let Count { done, unknown } = count;
                report.confirmed += done;
                report.unknown += unknown;
            }
        }
        report.schedule = Some(round.clone());
        Ok((report, load.users))
    }

    /// Breaks something when its time has come, and mends it.
    async fn happen(&mut self, load: &Load, event: &Event) -> Result<(), Failure> {
        until(load, event.after).await;
        load.breaks(event.fault.clone());
        excuse(load, self.make(&event.fault).await)?;
        until(load, load.sent.load(Ordering::SeqCst) + event.lasting).await;
        excuse(load, self.mend(&event.fault).await)?;
        if let Err(why) = check::ready(&self.run).await {
            lock(&load.report).wrong.push(format!("not ready again: {why}"));
        }
        load.mended();
        Ok(())
    }

    async fn make(&mut self, fault: &Fault) -> Result<(), Failure> {
        match fault {
            Fault::Kill => self.run.ask("kill").await,
            // It says goodbye to its clients while they go on.
            Fault::End => self.run.ask("end").await,
            Fault::Service { request } => {
                let request = fault_control(&self.run, "POST").json(request);
                self.succeed(request).await
            }
            Fault::Freeze { store } => self.run.ask(&format!("freeze {store}")).await,
            Fault::KillStore { store } => self.run.ask(&format!("kill {store}")).await,
            Fault::Link { store, toxic } => {
                let body = serde_json::to_value(toxic).unwrap_or_default();
                self.link("POST", store, Some(&body)).await
            }
        }
    }

    async fn mend(&mut self, fault: &Fault) -> Result<(), Failure> {
        match fault {
            Fault::Kill | Fault::End => self.run.ask("start").await,
            Fault::Service { .. } => self.succeed(fault_control(&self.run, "DELETE")).await,
            Fault::Freeze { store } => self.run.ask(&format!("thaw {store}")).await,
            Fault::KillStore { store } => self.run.ask(&format!("start {store}")).await,
            Fault::Link { store, .. } => self.link("DELETE", store, None).await,
        }
    }

    async fn succeed(&self, request: Request) -> Result<(), Failure> {
        // Over a connection of its own: others may have ended with the process that they led to.
        let answer = Http::new(&self.run.target.base)?.send(&request).await?;
        if answer.is_success() {
            return Ok(());
        }
        Err(Failure::Broken(format!("no fault can be made: {}", answer.describe())))
    }

    async fn link(&self, method: &str, store: &str, toxic: Option<&Value>) -> Result<(), Failure> {
        proxy::tell(self.proxy.as_deref(), method, store, toxic).await
    }
}

/// What things of a run are called by.
fn name(seed: u64) -> String {
    format!("chaos-{:x}", seed & 0xffff_ffff)
}

/// What the service did that it must not is a finding; the round goes on.
fn excuse(load: &Load, done: Result<(), Failure>) -> Result<(), Failure> {
    match done {
        Err(Failure::Wrong(why)) => {
            lock(&load.report).wrong.push(why);
            Ok(())
        }
        other => other,
    }
}

/// Waits until so many requests were sent.
async fn until(load: &Load, requests: u64) {
    let deadline = Instant::now() + LONGEST;
    while load.sent.load(Ordering::SeqCst) < requests && Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
    }
}
