//! Search by meaning: what is found, what is not found any more, and how much.

use std::collections::BTreeSet;
use std::time::Duration;

use cucumber::step::Collection;
use proofline_spec::document::{
    Expression, Method, Operation, Route, RouteKey, Schema, SchemaType, Search, Source,
};
use serde_json::Value;

use super::{Arguments, eventually, steps};
use crate::accounts;
use crate::call::{Call, path_to};
use crate::command::identify;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::plan::Target;
use crate::vectors::{self, SearchVector};
use crate::world::World;

/// An index of the platform shows what was written after some seconds.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "each row is found first by its own words in another order" => by_words;
        then "each row is found first by a phrase near to it" => by_phrase;
        then "each row is found before another one of which only a word was looked for" => before_others;
        then "a row that was removed is not found any more, and the others are" => removed;
        then "no more rows are answered than were asked for, each once" => bounded;
        then "a search for more rows than are allowed is refused" => too_many;
    }
}

/// A route that searches, and those that write and remove what it finds.
#[derive(Debug, Clone)]
struct Searched {
    search: RouteKey,
    /// The parameter that holds what is looked for.
    text: String,
    /// The parameter that says how many rows are wanted, and the most that it may say.
    limit: Option<(String, u64)>,
    writer: RouteKey,
    remover: Option<RouteKey>,
}

/// Whether the spec has a search by meaning, and a way to write what it finds.
pub(crate) fn is_searched(target: &Target) -> bool {
    find(target).is_some()
}

fn find(target: &Target) -> Option<Searched> {
    target.routes().find_map(|(key, route)| {
        let Operation::Search(search) = &route.op else { return None };
        let text = parameter(&search.text)?.to_owned();
        let of = |method: Method| {
            let mut routes = target.routes();
            routes.find(|(key, route)| key.method == method && writes(route, search))
        };
        let (writer, _) = of(Method::Post)?;
        let remover = of(Method::Delete).map(|(key, _)| key.clone());
        let limit = limit(target, route, search);
        Some(Searched { search: key.clone(), text, limit, writer: writer.clone(), remover })
    })
}

fn writes(route: &Route, search: &Search) -> bool {
    let index = route.op.transaction().and_then(|transaction| transaction.index.as_ref());
    index.is_some_and(|index| index.binding == search.binding)
}

fn parameter(expression: &Expression) -> Option<&str> {
    match expression {
        Expression::Read(Source::Query, path) => path.first().map(String::as_str),
        _ => None,
    }
}

fn limit(target: &Target, route: &Route, search: &Search) -> Option<(String, u64)> {
    let name = parameter(&search.limit)?;
    let schema = target.schema(route.query.as_deref()?)?;
    let most = schema.properties.get(name)?.maximum.as_ref()?.as_u64()?;
    Some((name.to_owned(), most))
}

/// A row that was written.
struct Written {
    id: String,
    vector: SearchVector,
}

/// One scenario's rows, which are removed when it ends.
struct Ground<'w> {
    world: &'w World,
    what: Searched,
    rows: Vec<Written>,
}

impl<'w> Ground<'w> {
    /// Writes a row for each text.
    async fn prepare(world: &'w World) -> Result<Self, Failure> {
        let run = world.run()?;
        let what = find(&run.target)
            .ok_or_else(|| Failure::not_applicable("nothing is found by what it means"))?;
        let mut ground = Self { world, what, rows: Vec::new() };
        for vector in vectors::search().map_err(Failure::Broken)? {
            match ground.write(&vector.text).await {
                Ok(id) => ground.rows.push(Written { id, vector }),
                Err(failure) => {
                    ground.clear().await?;
                    return Err(failure);
                }
            }
        }
        Ok(ground)
    }

    /// Writes a row with that text wherever it holds a free text; gives its id.
    async fn write(&self, text: &str) -> Result<String, Failure> {
        let run = self.world.run()?;
        let (key, target) = (&self.what.writer, &run.target);
        let route = target.route(key).ok_or_else(|| Failure::broken("the route is gone"))?;
        let mut call = Call::valid(&mut Generator::new(target, self.world.seed), key, route);
        let schema = route.body.as_deref().and_then(|name| target.schema(name));
        if let (Some(schema), Some(Value::Object(body))) = (schema, &mut call.body) {
            for (name, property) in &schema.properties {
                if takes(target.resolve(property), text) {
                    body.insert(name.clone(), text.into());
                }
            }
        }
        let answer = self.world.send(call.with(self.who(key)?).request()).await?;
        let id = answer.at("/id").filter(|_| answer.is_success());
        id.ok_or_else(|| Failure::Broken(format!("no row is written: {}", answer.describe())))
    }

    /// Who may call a route.
    fn who(&self, key: &RouteKey) -> Result<(String, String), Failure> {
        accounts::caller(&*self.world.run()?, key, self.world.user("user")?)
    }

    async fn remove(&self, id: &str) -> Result<(), Failure> {
        let Some(key) = &self.what.remover else { return Ok(()) };
        let asked = Request::new("DELETE", path_to(key, id)).headers(&[self.who(key)?]);
        let answer = self.world.send(asked).await?;
        require(answer.is_success(), || "must be removed".to_owned(), &answer)
    }

    async fn clear(&self) -> Result<(), Failure> {
        for row in &self.rows {
            self.remove(&row.id).await?;
        }
        Ok(())
    }

    /// Searches; as many rows as may be asked for, unless a number is given.
    async fn ask(&self, text: &str, limit: Option<u64>) -> Result<Answer, Failure> {
        let run = self.world.run()?;
        let key = &self.what.search;
        let route = run.target.route(key).ok_or_else(|| Failure::broken("the route is gone"))?;
        let mut call = Call::valid(&mut Generator::new(&run.target, self.world.seed), key, route);
        call.query = vec![(self.what.text.clone(), text.to_owned())];
        if let Some((name, most)) = &self.what.limit {
            call.query.push((name.clone(), limit.unwrap_or(*most).to_string()));
        }
        if run.target.takes_principals(route) {
            call = call.with(self.who(key)?);
        }
        self.world.send(call.request()).await
    }

    /// Which of the scenario's rows are found, the first one first.
    async fn found(&self, text: &str) -> Result<(Vec<String>, Answer), Failure> {
        let answer = self.ask(text, None).await?;
        require(answer.status == 200, || "must be answered with 200".to_owned(), &answer)?;
        let own = ids(&answer).into_iter().filter(|id| self.rows.iter().any(|row| row.id == *id));
        Ok((own.collect(), answer))
    }

    /// That each row is the first one found by a text.
    async fn each_first(&self, text: impl Fn(&SearchVector) -> &str) -> Seen {
        self.each(|row| (text(&row.vector).to_owned(), None)).await
    }

    /// That each row is the first one found by a text, and another one after it, where one is named.
    async fn each<'r>(
        &'r self,
        asked: impl Fn(&'r Written) -> (String, Option<&'r Written>),
    ) -> Seen {
        let mut findings = Findings::new();
        // All of them were written before, so that what is late is late once.
        let begun = tokio::time::Instant::now();
        for row in &self.rows {
            let (text, after) = asked(row);
            let is_first = |found: &[String]| {
                found.first() == Some(&row.id) && after.is_none_or(|row| found.contains(&row.id))
            };
            let first = eventually(PATIENCE.saturating_sub(begun.elapsed()), async || {
                Ok(is_first(&self.found(&text).await?.0).then_some(()))
            })
            .await?;
            let result = if first.is_some() {
                Ok(())
            } else {
                // Once more, so that it can be told what came instead.
                let (found, answer) = self.found(&text).await?;
                let then = after
                    .map_or(String::new(), |row| format!(", and `{}` after it", row.vector.text));
                let what = || format!("must find `{}` first{then}", row.vector.text);
                require(is_first(&found), what, &answer)
            };
            findings.add(&format!("`{text}`"), result)?;
        }
        let by = self.by().await?;
        findings.finish("nothing was written", |count| format!("{count} rows were found first{by}"))
    }

    /// What did the search, where it is not what the spec names.
    async fn by(&self) -> Result<String, Failure> {
        let substitutes = identify(&self.world.run()?.target).await?.substitutes;
        let named: Vec<_> = substitutes.iter().map(|(name, by)| format!("{name}: {by}")).collect();
        if named.is_empty() {
            return Ok(String::new());
        }
        Ok(format!(", with substitutes ({})", named.join(", ")))
    }
}

/// Whether a member takes any text of that length.
fn takes(schema: &Schema, text: &str) -> bool {
    let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    schema.main_type() == Some(SchemaType::String)
        && schema.format.is_none()
        && schema.pattern.is_none()
        && schema.variants.is_none()
        && schema.max_length.is_none_or(|most| length <= most)
}

fn ids(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let items = body.get("items").and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.get("id")?.as_str().map(str::to_owned)).collect()
}

async fn by_words(world: &mut World, _: Arguments) -> Seen {
    let ground = Ground::prepare(world).await?;
    let seen = ground.each_first(|vector| &vector.words).await;
    ground.clear().await?;
    seen
}

async fn by_phrase(world: &mut World, _: Arguments) -> Seen {
    let ground = Ground::prepare(world).await?;
    let seen = ground.each_first(|vector| &vector.near).await;
    ground.clear().await?;
    seen
}

async fn before_others(world: &mut World, _: Arguments) -> Seen {
    let ground = Ground::prepare(world).await?;
    let next = |row: &Written| {
        let after = ground.rows.iter().skip_while(|other| other.id != row.id).nth(1);
        after.or(ground.rows.first())
    };
    let seen = ground
        .each(|row| {
            let other = next(row);
            let single = other.and_then(|other| other.vector.words.split_whitespace().last());
            (format!("{} {}", row.vector.words, single.unwrap_or_default()), other)
        })
        .await;
    ground.clear().await?;
    seen
}

async fn removed(world: &mut World, _: Arguments) -> Seen {
    let mut ground = Ground::prepare(world).await?;
    if ground.what.remover.is_none() {
        return Err(Failure::not_applicable("nothing that is found can be removed"));
    }
    // The positive control: all of them are found before.
    let before = ground.each_first(|vector| &vector.words).await;
    let gone = ground.rows.remove(0);
    ground.remove(&gone.id).await?;
    // At once: the database is asked, however late the index is.
    let asked = ground.ask(&gone.vector.words, None).await?;
    let hidden = asked.status == 200 && !asked.text().contains(&gone.id);
    let hidden = require(hidden, || format!("must not hold {}", gone.id), &asked);
    let others = ground.each_first(|vector| &vector.words).await;
    ground.clear().await?;
    before?;
    hidden?;
    others.map(|others| format!("the removed row is not found; {others}"))
}

async fn bounded(world: &mut World, _: Arguments) -> Seen {
    let ground = Ground::prepare(world).await?;
    let all: Vec<&str> = ground.rows.iter().map(|row| row.vector.words.as_str()).collect();
    let all = all.join(" ");
    let every = eventually(PATIENCE, async || {
        let (found, _) = ground.found(&all).await?;
        Ok((found.len() == ground.rows.len()).then_some(()))
    })
    .await?;
    let mut findings = Findings::new();
    for limit in [1, 2, 3] {
        let answer = ground.ask(&all, Some(limit)).await?;
        let found = ids(&answer);
        let distinct: BTreeSet<&String> = found.iter().collect();
        let right = answer.status == 200
            && u64::try_from(found.len()) == Ok(limit)
            && distinct.len() == found.len();
        let what = || format!("must hold {limit} rows, each once");
        findings.add(&format!("{limit} rows"), require(right, what, &answer))?;
    }
    ground.clear().await?;
    if ground.what.limit.is_none() {
        return Err(Failure::not_applicable("nobody says how many rows are wanted"));
    }
    every.ok_or_else(|| Failure::wrong("not every row is found by words of all of them"))?;
    findings.finish("nothing was asked", |count| format!("{count} searches were bounded"))
}

async fn too_many(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let what = find(&run.target)
        .ok_or_else(|| Failure::not_applicable("nothing is found by what it means"))?;
    let ground = Ground { world, what, rows: Vec::new() };
    let Some((_, most)) = &ground.what.limit else {
        return Err(Failure::not_applicable("nobody says how many rows are wanted"));
    };
    let answer = ground.ask("anything", Some(most + 1)).await?;
    let refused = answer.status == 422 && answer.is_problem();
    require(refused, || format!("{} rows must be refused with 422", most + 1), &answer)?;
    let answer = ground.ask("anything", Some(*most)).await?;
    require(answer.status == 200, || format!("{most} rows must be answered"), &answer)?;
    Ok(format!("{} rows are refused, {most} are not", most + 1))
}
