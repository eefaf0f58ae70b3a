//! Whether the service is ready again, and whether what it says then keeps what its answers promised.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use proofline_spec::document::{BalanceFigure, HealthKind, RouteKey};
use serde_json::Value;

use super::books::{Ledger, Movement};
use super::load::{Subjects, User, lock};
use super::schedule::CLIENTS;
use crate::exchange::{Answer, Http, Request};
use crate::run::Run;

/// How long it may take until everything works again: breakers may be open for as long.
const RECOVERY: Duration = Duration::from_secs(90);
/// How long writes may go on whose clients have gone.
pub(super) const SETTLED: Duration = Duration::from_secs(12);
/// How often it is asked.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until the service says that requests may be sent to it; what it said last if it never does.
pub(crate) async fn ready(run: &Run) -> Result<(), String> {
    let kinds = [HealthKind::Readiness, HealthKind::Detail, HealthKind::Liveness];
    let route = kinds.into_iter().find_map(|kind| run.target.health_route_of(kind));
    let path = route.map_or("/.well-known/proofline", |(key, _)| key.path.as_str());
    succeed(run, &Request::get(path)).await.map(drop)
}

/// Asks until there is a good answer.
pub(super) async fn succeed(run: &Run, request: &Request) -> Result<Answer, String> {
    let deadline = Instant::now() + RECOVERY;
    let http = Http::new(&run.target.base).map_err(|error| error.message)?;
    loop {
        let outcome = http.send(&run.placed(request.clone())).await;
        let said = match outcome {
            Ok(answer) if answer.is_success() => return Ok(answer),
            Ok(answer) => format!(
                "{} {} answered {} ({})",
                request.method,
                request.path,
                answer.status,
                answer.problem().unwrap_or_default()
            ),
            Err(error) => error.message,
        };
        if Instant::now() > deadline {
            return Err(format!("{said}, {} s after the last fault", RECOVERY.as_secs()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The list or figure of a user; as long as the route allows.
async fn ask(run: &Run, user: &User, key: &RouteKey) -> Result<Answer, String> {
    let schema = run.target.route(key).and_then(|route| route.query.as_deref());
    let schema = schema.and_then(|name| run.target.schema(name));
    let most = schema.and_then(|schema| schema.properties.get("limit")?.maximum.clone());
    let query = most.map_or_else(String::new, |most| format!("?limit={most}"));
    let request = Request::get(format!("{}{query}", key.path)).headers(&[user.account.bearer()]);
    succeed(run, &request).await
}

pub(super) fn items(answer: &Answer) -> Vec<Value> {
    let json = answer.json();
    let items = json.pointer("/items").and_then(Value::as_array).or(json.as_array());
    items.cloned().unwrap_or_default()
}

fn movements(answer: &Answer, figure: &BalanceFigure) -> Vec<Movement> {
    let movement = |item: &Value| Movement {
        id: item.get("id").and_then(Value::as_str).map(str::to_owned),
        amount: item.pointer(&figure.at).and_then(Value::as_i64).unwrap_or(i64::MIN),
    };
    items(answer).iter().map(movement).collect()
}

/// What is wrong with the balance of a user.
async fn balance(
    run: &Run,
    subjects: &Subjects,
    user: &User,
    settled: Duration,
) -> Result<Vec<String>, String> {
    let Some(declared) = &subjects.balance else { return Ok(Vec::new()) };
    let deadline = Instant::now() + settled;
    loop {
        let answer = ask(run, user, &declared.read.route).await?;
        let found = answer.at(&declared.read.at).and_then(|text| text.parse().ok());
        let found: i64 = found.ok_or_else(|| "the balance is no number".to_owned())?;
        let listed = ask(run, user, &declared.movements.route).await?;
        let listed = movements(&listed, &declared.movements);
        // What was begun for a client that has gone may be written between the two.
        if Ledger::adds_up(found, &listed) || Instant::now() > deadline {
            return Ok(lock(&user.ledger).wrong(found, &listed));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Everything that is wrong with what users have.
pub(super) async fn users(
    run: &Run,
    subjects: &Subjects,
    users: &[User],
    settled: Duration,
) -> Vec<String> {
    let each = users.iter().map(|one| user(run, subjects, one, settled));
    // The users of an hour at once would be more load than any round had.
    let found: Vec<Vec<String>> = stream::iter(each).buffered(CLIENTS.into()).collect().await;
    found.into_iter().flatten().collect()
}

async fn user(run: &Run, subjects: &Subjects, user: &User, settled: Duration) -> Vec<String> {
    let mut wrong = balance(run, subjects, user, settled).await.unwrap_or_else(|why| vec![why]);
    for (collection, things) in subjects.collections.iter().zip(&user.things) {
        match ask(run, user, &collection.list).await {
            Ok(answer) => {
                let marker = |item: &Value| item[&collection.marker].as_str().map(str::to_owned);
                let found: Vec<String> = items(&answer).iter().filter_map(marker).collect();
                let found = lock(things).wrong(&found);
                wrong.extend(found.into_iter().map(|text| format!("{}: {text}", collection.list)));
            }
            Err(why) => wrong.push(why),
        }
    }
    wrong
}
