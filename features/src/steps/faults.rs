//! Faults on demand: asks the service under test for them and takes them away again.

use serde_json::Value;

use crate::exchange::Request;
use crate::failure::Failure;
use crate::run::Run;
use crate::world::World;
use proofline_spec::evidence::FAULTS_TOKEN;

/// Where faults are made, listed and taken away.
pub(super) const FAULTS: &str = "/.well-known/proofline/faults";
/// Where requests are counted that nobody sends.
pub(super) const COUNT: &str = "/.well-known/proofline/faults/count";

/// Where flags are evaluated for users who do not exist, and the store is asked anew.
pub(super) const FLAGS: &str = "/.well-known/proofline/faults/flags";

/// What shows who is not on the service's machine, as a container sees it, that they may control its faults.
const TOKEN: &str = "Proofline-Faults-Token";

/// Faults are controlled as the machine itself, not as somebody whose address a proxy passes on.
pub(super) fn control(world: &World, method: &str, path: &str) -> Result<Request, Failure> {
    Ok(controlled(&*world.run()?, method, path))
}

fn controlled(run: &Run, method: &str, path: &str) -> Request {
    let request =
        Request::new(method, path).connecting_from(std::net::IpAddr::from([127, 0, 0, 1]));
    match run.target.secrets.get(FAULTS_TOKEN) {
        Some(token) => request.headers(&[(TOKEN.to_owned(), token.clone())]),
        None => request,
    }
}

/// The request that makes or removes faults of the service itself.
pub fn fault_control(run: &Run, method: &str) -> Request {
    controlled(run, method, FAULTS)
}

/// Asks for a fault of a binding, of a route's operation, of a query or of a task.
pub(super) async fn make(world: &mut World, fault: &Value) -> Result<(), Failure> {
    world.memory.faulty = true;
    for (member, section) in [("binding", "bindings"), ("task", "tasks")] {
        if let Some(name) = fault[member].as_str() {
            world.recorder.about(section, name);
        }
    }
    let answer = world.send(control(world, "POST", FAULTS)?.json(fault)).await?;
    if !answer.is_success() {
        let message = format!("the fault {fault} cannot be made: {}", answer.describe());
        return Err(Failure::Broken(message));
    }
    let listed = world.send(control(world, "GET", FAULTS)?).await?;
    let subject =
        ["binding", "route", "query", "task"].into_iter().find_map(|name| fault[name].as_str());
    if !listed.text().contains(subject.unwrap_or_default()) {
        let message = format!("the fault is not listed: {}", listed.describe());
        return Err(Failure::Broken(message));
    }
    Ok(())
}

/// Takes all faults away.
pub(super) async fn restore(world: &mut World) -> Result<(), Failure> {
    if !world.memory.faulty {
        return Ok(());
    }
    let answer = world.send(control(world, "DELETE", FAULTS)?).await?;
    if !answer.is_success() {
        return Err(Failure::Broken(format!("faults cannot be removed: {}", answer.describe())));
    }
    world.memory.faulty = false;
    Ok(())
}
