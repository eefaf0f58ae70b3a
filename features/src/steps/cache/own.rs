//! Whose a cached answer is, and to which question: nobody is given another one.

use proofline_spec::document::{RouteKey, SchemaType};
use serde_json::{Number, json};

use super::super::{Arguments, faults};
use super::{close_breaker, is_ones_own};
use crate::accounts::Account;
use crate::call::{self, Call};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::plan::Target;
use crate::world::World;

/// So many things are made, for lists that are asked for fewer of them to be others.
const MADE: i64 = 3;

/// One question, by somebody.
struct Question {
    what: String,
    request: Request,
}

/// Cached routes that everybody may ask who has an account, with their stores.
fn cached(target: &Target) -> Vec<(RouteKey, String)> {
    let routes = target.routes().filter(|(key, route)| is_ones_own(target, key, route));
    routes
        .filter_map(|(key, route)| Some((key.clone(), route.cache.as_ref()?.binding.clone())))
        .collect()
}

/// The same questions are asked past the cache first, which says what is right, then twice through it.
pub(super) async fn each(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let (user, other) = (world.user("user")?.clone(), world.user("other user")?.clone());
    let mut findings = Findings::new();
    let (mut asked, mut hits) = (0, 0);
    for (key, store) in cached(&run.target) {
        let questions = questions(world, &key, &[&user, &other]).await?;
        close_breaker(world, &store).await?;
        faults::make(world, &json!({ "binding": store, "fault": "cut_off" })).await?;
        let right = ask(world, &questions).await;
        faults::restore(world).await?;
        close_breaker(world, &store).await?;
        let right = right?;
        for _ in 0..2 {
            for ((question, right), answer) in
                questions.iter().zip(&right).zip(ask(world, &questions).await?)
            {
                asked += 1;
                hits += usize::from(answer.is_cache_hit());
                let is_same = answer.status == right.status && answer.json() == right.json();
                let what = || format!("must be answered as without a cache: {}", right.describe());
                findings.add(&question.what, require(is_same, what, &answer))?;
            }
        }
    }
    if hits == 0 && asked > 0 {
        return Err(Failure::broken("nothing came from a cache"));
    }
    findings.finish("no answer to somebody is cached", |count| {
        format!("{count} answers, {hits} of them from a cache, each to its own question")
    })
}

async fn ask(world: &World, questions: &[Question]) -> Result<Vec<Answer>, Failure> {
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        answers.push(world.send(question.request.clone()).await?);
    }
    Ok(answers)
}

/// Each of them asks as such, and with each other query that can be told apart.
async fn questions(
    world: &World,
    key: &RouteKey,
    who: &[&Account],
) -> Result<Vec<Question>, Failure> {
    let run = world.run()?;
    let route = run.target.route(key).ok_or_else(|| Failure::broken("the route is gone"))?;
    let mut questions = Vec::new();
    for account in who {
        fill(world, key, account).await?;
        for query in queries(&run.target, route.query.as_deref()) {
            let mut call = Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
            call.query.retain(|(name, _)| !query.iter().any(|(other, _)| other == name));
            call.query.extend(query);
            let request = call.with(account.bearer()).request();
            let what = format!("{} by {}", request.path, account.name);
            questions.push(Question { what, request });
        }
    }
    Ok(questions)
}

/// Makes some of what a list of one's own shows, where the spec says how.
async fn fill(world: &World, list: &RouteKey, account: &Account) -> Result<(), Failure> {
    let run = world.run()?;
    let beginning = format!("{}/{{", list.path);
    let one = run.target.routes().map(|(key, _)| key).find(|key| {
        let rest = key.path.strip_prefix(&beginning);
        rest.is_some_and(|rest| !rest.contains('/')) && call::creator(&run.target, key).is_some()
    });
    let Some(one) = one else { return Ok(()) };
    for _ in 0..MADE {
        call::make_object(world, account, one).await?;
    }
    Ok(())
}

/// The query as it is, and with each of its numbers as 1 and as [`MADE`]: so many rows are other answers.
fn queries(target: &Target, schema: Option<&str>) -> Vec<Vec<(String, String)>> {
    let mut found = vec![Vec::new()];
    let schema = schema.and_then(|name| target.schema(name));
    for (name, property) in schema.map(|schema| &schema.properties).into_iter().flatten() {
        let property = target.resolve(property);
        let fits = |number: i64| {
            let from = property.minimum.as_ref().and_then(Number::as_i64).unwrap_or(i64::MIN);
            let to = property.maximum.as_ref().and_then(Number::as_i64).unwrap_or(i64::MAX);
            (from..=to).contains(&number)
        };
        if property.main_type() != Some(SchemaType::Integer) {
            continue;
        }
        for number in [1, MADE] {
            if fits(number) {
                found.push(vec![(name.clone(), number.to_string())]);
            }
        }
    }
    found
}
