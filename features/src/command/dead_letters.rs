//! Lists what a service could not deliver, and replays it, by the routes that its spec declares for that.

use proofline_spec::document::RouteKey;
use serde::Serialize;
use serde_json::Value;

use crate::accounts;
use crate::call;
use crate::exchange::{Answer, Request};
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

/// Does what is wanted; what cannot be wanted here is [`Failure::NotApplicable`]. `token` is that of somebody who may,
/// where the environment's credentials name none.
pub async fn dead_letters(
    target: Target,
    wanted: &Wanted,
    token: Option<&str>,
) -> Result<Vec<Letter>, Failure> {
    let run = Run::new(target)?;
    let routes = run.target.letter_routes();
    if routes.is_empty() {
        return Err(Failure::not_applicable("the spec has no route that lists dead letters"));
    }
    let mut found = Vec::new();
    for of in &routes {
        let listing = request(&of.list, of.list.path.clone());
        let answer = send(&run, &of.list, listing, token).await?;
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
                    let replay = request(route, call::path_to(route, id));
                    Some(send(&run, route, replay, token).await?.status)
                }
                (None, true) => {
                    return Err(Failure::not_applicable(
                        "the spec has no route that replays dead letters",
                    ));
                }
                _ => None,
            };
            found.push(Letter { queue: of.queue.clone(), letter: letter.clone(), replay });
        }
    }
    match wanted {
        Wanted::Replay(id) if found.is_empty() => {
            Err(Failure::NotApplicable(format!("there is no dead letter {id}")))
        }
        _ => Ok(found),
    }
}

fn request(route: &RouteKey, path: String) -> Request {
    Request::new(route.method.as_str(), path)
}

/// Sends a request as somebody who may: whom the token is of, or whom the environment's credentials name.
pub(super) async fn send(
    run: &Run,
    route: &RouteKey,
    request: Request,
    token: Option<&str>,
) -> Result<Answer, Failure> {
    let header = match token {
        Some(token) => ("Authorization".to_owned(), format!("Bearer {token}")),
        None => accounts::admin(run, route).map_err(|failure| {
            let hint = "give the token of one in PROOFLINE_ADMIN_TOKEN";
            Failure::NotApplicable(format!("{failure}; {hint}"))
        })?,
    };
    Ok(run.http.send(&request.headers(&[header])).await?)
}
