//! Makes accounts for a load test and prints how to be them.

use std::sync::Arc;

use serde::Serialize;

use crate::accounts as people;
use crate::failure::Failure;
use crate::plan::Target;
use crate::run::Run;
use crate::world::World;

/// A header that makes a request that of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrincipalHeader {
    /// The header's name.
    pub header: String,
    /// The header's value; a secret.
    pub value: String,
    /// What the service knows the account by: its id, where the spec says where that is told, and its e-mail address.
    pub known_by: Vec<String>,
}

/// Makes `count` accounts of that tier.
pub async fn accounts(
    target: Target,
    count: usize,
    tier: Option<&str>,
) -> Result<Vec<PrincipalHeader>, Failure> {
    let run = Run::new(target)?;
    let mut world = World::default();
    world.begin(Arc::new(run), Arc::default(), 0);
    let mut headers = Vec::new();
    for number in 0..count {
        let account =
            people::sign_up(&world, if number == 0 { "user" } else { "other user" }).await?;
        if let Some(tier) = tier {
            people::set_tier(&world, &account, tier).await?;
        }
        let (header, value) = account.bearer();
        let own = account.own.then_some(account.email);
        let known_by = account.id.into_iter().chain(own).collect();
        headers.push(PrincipalHeader { header, value, known_by });
    }
    Ok(headers)
}
