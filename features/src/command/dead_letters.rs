//! Lists what a service could not deliver, and replays it, by the routes that its spec declares for that.

use proofline_spec::document::{Operation, RouteKey};
use serde::Serialize;
use serde_json::Value;

use crate::accounts;
use crate::exchange::{Answer, Http, Request};
use crate::failure::Failure;
use crate::plan::Target;
use crate::run::Run;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// List what there is.
    List,
    /// Replay one.
    Replay(String),
    /// Replay all that were not replayed yet.
    ReplayAll,
}

/// A dead letter, and what became of its replay where one was wanted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Letter {
    /// The queue.
    pub queue: String,
    /// What the service says of it.
    pub letter: Value,
    /// The status that the replay was answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<u16>,
}

/// The routes of a queue.
struct Routes {
    queue: String,
    list: RouteKey,
    replay: Option<RouteKey>,
}

fn routes(target: &Target) -> Vec<Routes> {
    let replay_of = |queue: &str| {
        let is_it = |op: &Operation| matches!(op, Operation::Replay(of) if of.queue == queue);
        target.routes().find(|(_, route)| is_it(&route.op)).map(|(key, _)| key.clone())
    };
    let routes = target.routes().filter_map(|(key, route)| match &route.op {
        Operation::DeadLetters(of) => Some(Routes {
            queue: of.queue.clone(),
            list: key.clone(),
            replay: replay_of(&of.queue),
        }),
        _ => None,
    });
    routes.collect()
}

/// Does what is wanted; `token` is that of somebody who may, where the environment's credentials name none.
pub async fn dead_letters(
    target: Target,
    wanted: &Wanted,
    token: Option<&str>,
) -> Result<Vec<Letter>, Failure> {
    let run = Run::new(target).map_err(|error| Failure::broken(error.message))?;
    let routes = routes(&run.target);
    if routes.is_empty() {
        return Err(Failure::broken("the spec has no route that lists dead letters"));
    }
    let mut found = Vec::new();
    for of in &routes {
        let answer = send(&run, &of.list, of.list.path.clone(), token).await?;
        if !answer.is_success() {
            return Err(Failure::Broken(format!("they are not listed: {}", answer.describe())));
        }
        let letters = answer.json();
        for letter in letters["items"].as_array().into_iter().flatten() {
            let id = letter["id"].as_str().unwrap_or_default();
            let is_wanted = match wanted {
                Wanted::List => false,
                Wanted::Replay(one) => one == id,
                Wanted::ReplayAll => letter["replayed_at"].is_null(),
            };
            if *wanted != Wanted::List && !is_wanted {
                continue;
            }
            let replay = match (&of.replay, is_wanted) {
                (Some(route), true) => {
                    let parameter = route.parameters().next().unwrap_or_default();
                    let path = route.path.replace(&format!("{{{parameter}}}"), id);
                    Some(send(&run, route, path, token).await?.status)
                }
                (None, true) => {
                    return Err(Failure::broken("the spec has no route that replays dead letters"));
                }
                _ => None,
            };
            found.push(Letter { queue: of.queue.clone(), letter: letter.clone(), replay });
        }
    }
    match wanted {
        Wanted::Replay(id) if found.is_empty() => {
            Err(Failure::Broken(format!("there is no dead letter {id}")))
        }
        _ => Ok(found),
    }
}

async fn send(
    run: &Run,
    route: &RouteKey,
    path: String,
    token: Option<&str>,
) -> Result<Answer, Failure> {
    let header = match token {
        Some(token) => ("Authorization".to_owned(), format!("Bearer {token}")),
        None => accounts::admin(run, route).map_err(|failure| {
            Failure::Broken(format!("{failure}; give the token of one in PROOFLINE_ADMIN_TOKEN"))
        })?,
    };
    let http = Http::new(&run.target.base).map_err(|error| Failure::broken(error.message))?;
    let request = Request::new(route.method.as_str(), path).headers(&[header]);
    http.send(&request).await.map_err(|error| Failure::broken(error.message))
}
