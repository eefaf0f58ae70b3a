//! Who has a feature before others: users who are named, and those of a role or a tier.

use proofline_spec::document::{Beta, Flag};
use serde_json::json;

use super::super::Arguments;
use super::{set, told};
use crate::accounts::{self, Account};
use crate::failure::{Failure, Findings, Seen, require};
use crate::world::World;

/// Somebody, and whether a flag that no share of users has is on for them.
struct Somebody {
    who: String,
    header: (String, String),
    is_early: bool,
}

/// With a share of nobody a flag is on for whom it is declared to be on early, and for nobody else; switched off, for
/// nobody at all.
pub(super) async fn beta(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut findings = Findings::new();
    let flags = run.target.service.flags.iter();
    for (name, beta) in flags.filter_map(|(name, flag)| Some((name, flag.beta.as_ref()?))) {
        let everybody = everybody(world, beta).await?;
        for (state, is_on) in [
            (json!({ "state": "percentage", "percentage": 0 }), true),
            (json!({ "state": "off" }), false),
        ] {
            set(world, name, &state).await?;
            for somebody in &everybody {
                let expected = somebody.is_early && is_on;
                let (item, answer) = told(world, &somebody.header, name).await?;
                let what = || format!("must be {expected} for {}, and is {item}", somebody.who);
                let result = require(item["value"] == json!(expected), what, &answer);
                findings.add(&format!("{name} at {state} for {}", somebody.who), result)?;
            }
        }
    }
    findings.finish("no flag is on for anybody early", |count| format!("{count} times as declared"))
}

/// One of each role and tier, those that are early among them, and the user.
async fn everybody(world: &mut World, beta: &Beta) -> Result<Vec<Somebody>, Failure> {
    let run = world.run()?;
    let user = world.user("user")?.bearer();
    let mut everybody =
        vec![Somebody { who: "the user".to_owned(), header: user, is_early: false }];
    for role in &beta.roles {
        if let Some(header) = accounts::of_role(&run, role) {
            everybody.push(Somebody { who: format!("role {role}"), header, is_early: true });
        }
    }
    let can_be_set =
        run.target.service.accounts.as_ref().is_some_and(|accounts| accounts.set_tier.is_some());
    for tier in run.target.service.tiers.iter().filter(|_| can_be_set) {
        let account = of_tier(world, tier).await?;
        everybody.push(Somebody {
            who: format!("tier {tier}"),
            header: account.bearer(),
            is_early: beta.tiers.contains(tier),
        });
        world.users.push(account);
    }
    Ok(everybody)
}

async fn of_tier(world: &World, tier: &str) -> Result<Account, Failure> {
    let mut account = accounts::sign_up(world, &format!("of tier {tier}")).await?;
    accounts::set_tier(world, &account, tier).await?;
    account.token = accounts::log_in(world, &account).await?;
    Ok(account)
}

/// Users are named at run time, one by one.
pub(super) async fn named(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let (user, other) = (world.user("user")?.clone(), world.user("other user")?.clone());
    let id = user.id.clone().ok_or_else(|| Failure::not_applicable("users have no id"))?;
    let mut findings = Findings::new();
    let plain = |flag: &Flag| flag.beta.is_none();
    let flags = run.target.service.flags.iter().filter(|(_, flag)| plain(flag));
    for (name, _) in flags {
        for (users, is_on) in [(vec![id.clone()], true), (Vec::new(), false)] {
            let state = json!({ "state": "percentage", "percentage": 0, "users": users });
            set(world, name, &state).await?;
            for (who, account, expected) in [("named", &user, is_on), ("another", &other, false)] {
                let (item, answer) = told(world, &account.bearer(), name).await?;
                let what = || format!("must be {expected}, and is {item}");
                let result = require(item["value"] == json!(expected), what, &answer);
                findings.add(&format!("{name} with {users:?} for {who}"), result)?;
            }
        }
    }
    findings.finish("each flag has a beta list", |count| format!("{count} times as named"))
}
