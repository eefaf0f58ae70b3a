//! Goose's side: an attack of so many users, each of which takes one slot after the other.

use std::sync::Arc;

use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{Scenario, Transaction};
use goose::{GooseAttack, GooseError};

use super::EngineError;
use super::shared::Shared;

/// Goose keeps no metrics, writes no files, opens no ports and prints nothing here: what it would
/// measure ends at the response headers, and its reports are not ours.
const QUIET: [&str; 6] = [
    "--no-metrics",
    "--no-print-metrics",
    "--no-telnet",
    "--no-error-summary",
    "--no-gzip",
    "-qqq",
];

/// An attack ready to be executed.
pub(super) fn attack(
    origin: &str,
    users: u32,
    shared: &Arc<Shared>,
) -> Result<GooseAttack, EngineError> {
    build(origin, users, shared).map_err(|error| EngineError::Goose(error.to_string()))
}

fn build(origin: &str, users: u32, shared: &Arc<Shared>) -> Result<GooseAttack, GooseError> {
    let (count, rate) = (users.to_string(), (users * 10).to_string());
    let mut arguments = QUIET.to_vec();
    arguments.extend(["--host", origin, "--users", &count, "--increase-rate", &rate]);
    // Never `GooseAttack::initialize`: it reads this process's arguments and may exit.
    let configuration = GooseConfiguration::parse_args_default(&arguments)?;
    // One client for all users, and an unused one: every request goes through ours.
    let unused = GooseClientBuilder::new().without_cookies();
    let arrive = {
        let shared = shared.clone();
        Transaction::new(Arc::new(move |_| {
            shared.arrive();
            Box::pin(std::future::ready(Ok(())))
        }))
    };
    let turn = {
        let shared = shared.clone();
        Transaction::new(Arc::new(move |_| {
            let shared = shared.clone();
            Box::pin(async move {
                shared.turn().await;
                Ok(())
            })
        }))
    };
    let scenario = Scenario::new("virtual user")
        .register_transaction(arrive.set_on_start())
        .register_transaction(turn);
    GooseAttack::initialize_with_config(configuration)?
        .set_client_builder_without_cookies(unused)
        .map(|attack| attack.register_scenario(scenario))
}
