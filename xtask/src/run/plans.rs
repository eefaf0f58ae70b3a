//! Whether the database answers every query with an index: its plans become evidence, a scenario for each query.

use anyhow::Result;
use proofline_generator::sql::plan::{self, Plan};
use proofline_spec::diagnostic::counted;
use proofline_spec::document::ProbeName;
use proofline_spec::evidence::{CheckEvidence, CheckOutcome, ScenarioEvidence};

use super::probe::{self, Probe};
use super::start::Started;
use super::workspace::LoadedService;
use crate::context::{Context, Stopped};

/// The name of the database that is made on a server and dropped again.
pub(crate) const SCRATCH: &str = "proofline_plans";

/// Reads the plans of the engine that the environment runs on.
pub(crate) fn probe(
    context: &Context,
    service: &LoadedService,
    started: Option<&Started>,
) -> Result<CheckEvidence> {
    let probe = Probe::begin(ProbeName::QueryPlans);
    let script = plan::ask(&service.service, &service.migrations, &service.prepared, SCRATCH);
    let answer = started.map(|started| started.psql(context, service, &script)).transpose()?;
    let (engine, plans) = match answer.flatten() {
        Some(answer) => {
            let plans =
                plan::read(&service.service, &answer).map_err(Stopped::could_not_find_out)?;
            (format!("Postgres, with {} rows in each table", plan::ROWS), plans)
        }
        None => (
            format!("SQLite {}", plan::version()),
            plan::on_sqlite(&service.service, &service.prepared),
        ),
    };
    let scenarios = plans.iter().map(|plan| scenario(service, plan)).collect::<Vec<_>>();
    let judged = judge(&engine, &plans, service.service.queries.len());
    Ok(probe.end(judged, (scenarios.len(), scenarios.len()), scenarios, None))
}

/// What the plans say of an engine.
pub(crate) fn judge(engine: &str, plans: &[Plan], queries: usize) -> (CheckOutcome, String) {
    if let Some(wrong) = plans.iter().find(|plan| plan.is_wrong()) {
        let summary =
            format!("{engine}: `{}` reads a whole table: {}", wrong.query, wrong.scans[0]);
        return (CheckOutcome::Failed, summary);
    }
    if plans.is_empty() || plans.len() != queries {
        let summary = format!("{engine}: {} of {queries} queries have a plan", plans.len());
        return (CheckOutcome::Inconclusive(summary.clone()), summary);
    }
    let excused = plans.iter().filter(|plan| !plan.scans.is_empty()).count();
    let besides = match excused {
        0 => String::new(),
        1 => "; one reads a whole table, for the reason that the spec gives".to_owned(),
        many => format!("; {many} read a whole table, for the reasons that the spec gives"),
    };
    let plans = counted(plans.len(), "plan");
    let summary = format!("{engine}: {plans} looked at, none reads a whole table unsaid{besides}");
    (CheckOutcome::Passed, summary)
}

fn scenario(service: &LoadedService, plan: &Plan) -> ScenarioEvidence {
    let sql = service.service.queries.get(&plan.query).map(|query| query.sql.trim().to_owned());
    let sql = sql.unwrap_or_default();
    let asked =
        probe::step(format!("When the database is asked how it carries out: {sql}"), true, None);
    let steps = plan.steps.iter().map(|step| {
        let reads_all = plan.scans.iter().any(|scan| step.trim() == scan);
        let seen = match &plan.excuse {
            Some(why) => format!("meant: {why}"),
            None => "reads a whole table".to_owned(),
        };
        probe::step(
            format!("Then it says: {}", step.trim_end()),
            !reads_all || plan.excuse.is_some(),
            reads_all.then_some(seen),
        )
    });
    let place = format!("spec/services/{}/service.yaml", service.folder);
    let steps = std::iter::once(asked).chain(steps).collect();
    probe::scenario(format!("Query {}", plan.query), place, steps)
}
