//! Uploads that nobody goes on with: how long they are kept.

use std::time::Duration;

use cucumber::step::Collection;

use super::parts::{begin, resumable};
use crate::accounts;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::steps::dates::{NEAR, then};
use crate::steps::provider::move_date;
use crate::steps::{Arguments, steps};
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "an upload that nobody goes on with is there for as long as is declared, and not longer" => kept;
    }
}

async fn kept(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let who = world.user("user")?.clone();
    let mut findings = Findings::new();
    for taking in resumable(world)? {
        let Some(keep) = taking.upload.keep else { continue };
        let keep = Duration::from_millis(keep.as_millis());
        let (place, _) = begin(world, &taking, &who, 100, "later.bin").await?;
        let look = async |world: &mut World, ahead: Duration| -> Result<Answer, Failure> {
            move_date(world, ahead).await?;
            let session = accounts::session_at(&run, &who, 600, then(ahead))?;
            let asked = Request::new("HEAD", &place).header("Tus-Resumable", "1.0.0");
            world.send(asked.headers(&[session])).await
        };
        let before = look(world, keep.saturating_sub(NEAR)).await?;
        let there = require(before.status == 200, || "must be there still".to_owned(), &before);
        let after = look(world, keep + NEAR).await?;
        let is_gone = [404, 410].contains(&after.status);
        let gone = require(is_gone, || "must be there no longer".to_owned(), &after);
        move_date(world, Duration::ZERO).await?;
        findings.add(&taking.key.to_string(), there.and(gone))?;
    }
    findings.finish("no route says how long it keeps what is unfinished", |count| {
        format!("{count} routes")
    })
}
