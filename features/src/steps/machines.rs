//! State machines: every transition from every state, by every route that makes some.

use std::collections::HashMap;

use cucumber::step::Collection;
use proofline_spec::document::{Machine, Move};
use serde_json::{Value, json};

use super::{Arguments, faults, steps};
use crate::accounts;
use crate::call::{self, Call};
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::Generator;
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        when "nobody but the check moves anything" => alone;
        then "every declared transition is made, and every other one is refused as a conflict and changes nothing" => walk;
    }
}

fn machines(world: &World) -> Result<Vec<(String, Machine)>, Failure> {
    let run = world.run()?;
    Ok(run.target.service.machines.iter().map(|(name, m)| (name.clone(), m.clone())).collect())
}

/// What the service itself would do to a machine fails from now on, so that a state stays until a check moves it.
async fn alone(world: &mut World, _: Arguments) -> Seen {
    let mut stopped = Vec::new();
    for (_, machine) in machines(world)? {
        for query in machine.workers {
            faults::make(world, &json!({ "query": query, "fault": "cut_off" })).await?;
            stopped.push(query);
        }
    }
    Ok(format!("these fail: {}", stopped.join(", ")))
}

async fn walk(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for (name, machine) in machines(world)? {
        world.recorder.about("machines", &name);
        let states = states(world, &machine)?;
        let ways = ways(&machine);
        for from in &states {
            let Some(way) = ways.get(from) else { continue };
            // One that refuses is still where it was: it is asked for everything that must be refused.
            let id = bring(world, &machine, way).await?;
            for (step, to) in attempts(&machine, &states) {
                if machine.allows(from, &to) {
                    continue;
                }
                let case = format!("{name}: {from} to {to} by {}", step.route);
                findings.add(&case, refuses(world, &machine, &id, from, &step, &to).await)?;
            }
            for (step, to) in attempts(&machine, &states) {
                if !machine.allows(from, &to) {
                    continue;
                }
                let case = format!("{name}: {from} to {to} by {}", step.route);
                let id = bring(world, &machine, way).await?;
                findings.add(&case, makes(world, &machine, &id, &step, &to).await)?;
            }
        }
    }
    findings.finish("no machine can be walked", |count| format!("{count} transitions were tried"))
}

/// The words of the machine's states.
pub(super) fn states(world: &World, machine: &Machine) -> Result<Vec<String>, Failure> {
    let run = world.run()?;
    let schema = run.target.schema(&machine.states);
    let states = schema.and_then(|schema| schema.variants.clone());
    states.ok_or_else(|| Failure::broken("the machine's states are not listed"))
}

/// Every move that can be asked for, with the state that it asks for.
fn attempts(machine: &Machine, states: &[String]) -> Vec<(Move, String)> {
    let each = machine.moves.iter().flat_map(|step| {
        let wanted = step.to.clone().map_or_else(|| states.to_vec(), |to| vec![to]);
        wanted.into_iter().map(move |to| (step.clone(), to))
    });
    each.collect()
}

/// The shortest way to each state that clients can bring it to.
pub(super) fn ways(machine: &Machine) -> HashMap<String, Vec<(Move, String)>> {
    let mut ways = HashMap::from([(machine.start.clone(), Vec::new())]);
    let mut open = vec![machine.start.clone()];
    while let Some(from) = open.pop() {
        for to in machine.transitions.get(&from).into_iter().flatten() {
            let makes = |step: &&Move| step.to.as_ref().is_none_or(|only| only == to);
            let Some(step) = machine.moves.iter().find(makes) else { continue };
            if !ways.contains_key(to) {
                let mut way = ways[&from].clone();
                way.push((step.clone(), to.clone()));
                ways.insert(to.clone(), way);
                open.insert(0, to.clone());
            }
        }
    }
    ways
}

/// A new one in the state where the way ends.
pub(super) async fn bring(
    world: &World,
    machine: &Machine,
    way: &[(Move, String)],
) -> Result<String, Failure> {
    let user = world.user("user")?;
    let id = call::make_object(world, user, &machine.read.route).await?;
    for (step, to) in way {
        let answer = attempt(world, &id, step, to).await?;
        require(answer.is_success(), || format!("it must go to {to}"), &answer)?;
    }
    Ok(id)
}

pub(super) async fn attempt(
    world: &World,
    id: &str,
    step: &Move,
    to: &str,
) -> Result<Answer, Failure> {
    let run = world.run()?;
    let key = &step.route;
    let route = run.target.route(key).ok_or_else(|| Failure::broken("the route is gone"))?;
    let header = accounts::caller(&run, key, world.user("user")?)?;
    // Members that the move does not name are as valid as anybody's.
    let call = Call::valid(&mut Generator::new(&run.target, world.seed), key, route);
    let mut request = Request::new(key.method.as_str(), call::path_to(key, id)).headers(&[header]);
    if let Some(Value::Object(mut body)) = call.body {
        for (name, value) in &step.body {
            let value = if value == "{state}" { json!(to) } else { value.clone() };
            body.insert(name.clone(), value);
        }
        request = request.json(&Value::Object(body));
    }
    world.send(request).await
}

async fn state(world: &World, machine: &Machine, id: &str) -> Result<String, Failure> {
    let request = Request::get(call::path_to(&machine.read.route, id));
    let answer = world.send(request.headers(&[world.user("user")?.bearer()])).await?;
    let found = answer.at(&machine.read.at);
    found.ok_or_else(|| Failure::Broken(format!("no state is told: {}", answer.describe())))
}

async fn refuses(
    world: &World,
    machine: &Machine,
    id: &str,
    from: &str,
    step: &Move,
    to: &str,
) -> Result<(), Failure> {
    let answer = attempt(world, id, step, to).await?;
    // A state that the body cannot even name is refused before the machine is asked.
    let is_taken = is_taken(world, step, to)?;
    let right = answer.status == if is_taken { 409 } else { 422 };
    require(right, || "it must be refused as a conflict".to_owned(), &answer)?;
    let now = state(world, machine, id).await?;
    if now == from {
        return Ok(());
    }
    Err(Failure::Wrong(format!("it was refused, and is {now} nevertheless")))
}

/// Whether the body of a move can name that state.
fn is_taken(world: &World, step: &Move, to: &str) -> Result<bool, Failure> {
    let run = world.run()?;
    let target = &run.target;
    let schema = target.route(&step.route).and_then(|route| target.schema(route.body.as_deref()?));
    let member = step.body.iter().find(|(_, value)| *value == "{state}").map(|(name, _)| name);
    let property = member.and_then(|name| schema?.properties.get(name));
    let words = property.and_then(|property| target.resolve(property).variants.as_ref());
    Ok(words.is_none_or(|words| words.iter().any(|word| word == to)))
}

async fn makes(
    world: &World,
    machine: &Machine,
    id: &str,
    step: &Move,
    to: &str,
) -> Result<(), Failure> {
    let answer = attempt(world, id, step, to).await?;
    require(answer.is_success(), || "it is declared, and must be made".to_owned(), &answer)?;
    let now = state(world, machine, id).await?;
    if now == to {
        return Ok(());
    }
    Err(Failure::Wrong(format!("it was accepted, and is {now}: {}", answer.describe())))
}
