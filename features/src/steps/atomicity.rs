//! Transactions in which a write fails: nothing of the writes before it is left.

use cucumber::step::Collection;
use proofline_spec::document::{Expectation, Operation, Route, RouteKey};
use serde_json::json;

use super::isolation::{look, views};
use super::{Arguments, faults, steps};
use crate::accounts::{self, Account, Applicant};
use crate::call::Call;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::plan::Target;
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "each write of each transaction is made to fail, and nothing of it is left" => nothing_left;
    }
}

/// The queries of a transaction that write, after its first one.
pub(super) fn later_writes(world: &World, route: &Route) -> Result<Vec<String>, Failure> {
    let run = world.run()?;
    let Operation::Transaction(transaction) = &route.op else { return Ok(Vec::new()) };
    let writes = |name: &&String| {
        let query = run.target.service.queries.get(*name);
        query.is_some_and(|q| matches!(q.expect, Expectation::Changed | Expectation::Any))
    };
    let once = transaction.once.iter().map(|once| &once.query);
    let all = once.chain(transaction.steps.iter().map(|step| &step.query));
    Ok(all.filter(writes).skip(1).cloned().collect())
}

/// The request of a user whom the service knows, or of an applicant.
enum Asks {
    Applicant(Applicant),
    User(Request),
}

impl Asks {
    fn request(&self, world: &World) -> Result<Request, Failure> {
        match self {
            Self::Applicant(applicant) => applicant.request(&*world.run()?),
            Self::User(request) => Ok(request.clone()),
        }
    }
}

/// A request that the route serves, if an ordinary user can make one.
fn asks(
    world: &World,
    key: &RouteKey,
    route: &Route,
    user: &Account,
) -> Result<Option<Asks>, Failure> {
    let run = world.run()?;
    let Some(accounts) = &run.target.service.accounts else { return Ok(None) };
    if accounts.sign_up.route == *key {
        return Ok(Some(Asks::Applicant(Applicant::new(&run))));
    }
    if let Some(balance) = accounts.balance.as_ref().filter(|b| b.spend.route == *key) {
        return Ok(Some(Asks::User(accounts::spend(balance, user))));
    }
    let own = run.target.takes_principals(route)
        && route.roles.is_none()
        && key.parameters().next().is_none();
    let call = Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
    Ok(own.then(|| Asks::User(call.with(user.bearer()).request())))
}

/// The words of a statement: keywords, names, numbers.
fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The table that a statement writes.
fn written(sql: &str) -> Option<&str> {
    let verb = |word: &&str| ["into", "update"].iter().any(|verb| word.eq_ignore_ascii_case(verb));
    words(sql).skip_while(|word| !verb(word)).nth(1)
}

/// Whether a view tells what is metered: calls are counted some time after they were made, and looking is a call.
fn is_metered(target: &Target, key: &RouteKey) -> bool {
    let sql = |name: &str| target.service.queries.get(name).map(|query| query.sql.as_str());
    let metered = target.service.metering.as_ref().and_then(|m| written(sql(&m.query)?));
    let read = target.route(key).and_then(|route| match &route.op {
        Operation::Query(query) => sql(&query.run),
        _ => None,
    });
    metered.zip(read).is_some_and(|(table, sql)| words(sql).any(|word| word == table))
}

/// What the user sees of everything that is theirs.
async fn seen(world: &World, user: &Account) -> Result<Vec<serde_json::Value>, Failure> {
    let run = world.run()?;
    let mut views = views(&run.target);
    views.retain(|key| !is_metered(&run.target, key));
    let answers = look(world, &views, user).await?;
    Ok(answers.iter().map(Answer::json).collect())
}

async fn nothing_left(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let user = world.user("user")?.clone();
    accounts::provide(world, &user).await?;
    let mut findings = Findings::new();
    let removes =
        run.target.service.accounts.as_ref().and_then(|a| Some(&a.remove.as_ref()?.route));
    for (key, route) in run.target.routes() {
        for query in later_writes(world, route)? {
            // Who is removed in the end cannot do what comes after it.
            let user = match removes {
                Some(removes) if removes == key => accounts::sign_up(world, "user").await?,
                _ => user.clone(),
            };
            let Some(asks) = asks(world, key, route, &user)? else { continue };
            let before = seen(world, &user).await?;
            faults::make(world, &json!({"query": query, "fault": "cut_off"})).await?;
            let failed = world.send(asks.request(world)?).await?;
            faults::restore(world).await?;
            let what = || format!("must fail while `{query}` does");
            let mut result = require(failed.status >= 500, what, &failed);
            if seen(world, &user).await? != before {
                result = Err(Failure::wrong("something of it is left with the user"));
            }
            // Whatever is left of the first attempt would be in the way of the second.
            let again = world.send(asks.request(world)?).await?;
            let served = || "must be served afterwards, as if nothing had been".to_owned();
            result = result.and_then(|()| require(again.is_success(), served, &again));
            findings.add(&format!("{key} while `{query}` fails"), result)?;
        }
    }
    findings.finish("no transaction that a user can begin writes twice", |count| {
        format!("{count} writes were made to fail: nothing was left, and it worked afterwards")
    })
}

#[cfg(test)]
mod tests {
    use super::{words, written};

    #[test]
    fn table_that_a_statement_writes_is_known() {
        let counts = "insert into usage (user_id, calls) values (:principal, :calls) on conflict (user_id) do update set calls = calls + excluded.calls";
        assert_eq!(written(counts), Some("usage"));
        assert_eq!(written("update usage set calls = 1"), Some("usage"));
        assert_eq!(written("select day from usage"), None);
        assert!(words("select day from usage where day = :day").any(|word| word == "usage"));
        assert!(!words("select day from usages").any(|word| word == "usage"));
    }
}
