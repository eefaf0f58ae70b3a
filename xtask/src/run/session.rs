//! One run from beginning to end: start, check, measure, stop, write the manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use proofline_generator::report;
use proofline_generator::tree::Tree;
use proofline_spec::diagnostic::counted;
use proofline_spec::document::{
    Auth, Credential, Environment, ProbeName, Proof, Service, Start, Target,
};
use proofline_spec::evidence::{
    CheckEvidence, CheckId, CheckOutcome, ConfigurationCheck, Digest, FAULTS_TOKEN, LeftOut,
    METRICS_TOKEN, Manifest, Plan, WorkerSize,
};

use super::alerts;
use super::backup;
use super::build::{self, Program};
use super::evidence;
use super::framing;
use super::fuzz;
use super::gates;
use super::git;
use super::migrations;
use super::pipelines;
use super::plan::Checks;
use super::plans;
use super::probe::Probe;
use super::process::Process;
use super::runners;
use super::secrets;
use super::start::{Provider, Started};
use super::web_vitals;
use super::wishes;
use super::workspace::LoadedService;
use crate::context::{Context, Stopped};
use crate::output::{self, Progress, Tone};
use crate::workers::{self, tools::Tools};

/// The seed of every generated value, so that a run can be repeated.
pub(crate) const SEED: u64 = 0x5eed;

/// A run that is finished.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Whether the user stopped it.
    pub(crate) interrupted: bool,
}

/// Runs every planned check and writes evidence and manifest.
pub(crate) fn run(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    checks: &Checks,
    generated: Option<Digest>,
) -> Result<Finished> {
    let worker = prepare(context, service, environment)?;
    run_built(context, service, environment, checks, (generated, worker))
}

/// The same with programs that are built already; `generated` is the digest of what they were generated as.
pub(crate) fn run_built(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    checks: &Checks,
    (generated, worker): (Option<Digest>, Option<WorkerSize>),
) -> Result<Finished> {
    let started_at = Context::now();
    let started = match environment.start {
        Some(_) => Some(Started::start(context, service, environment)?),
        None => None,
    };
    let url = match (&started, &environment.url) {
        (Some(started), _) => started.url.clone(),
        (None, Some(url)) => url.clone(),
        (None, None) => bail!(
            "the environment `{}` has neither `start` nor `url`, so there is nothing to check",
            environment.environment
        ),
    };
    output::line(
        context,
        Tone::Plain,
        "Checking",
        &format!("{} at {url}", service.service.service.name),
    );
    let begun =
        evidence::new_run(&context.root, &environment.environment, &service.folder, &started_at)?;
    let folder = begun.folder.clone();
    let scratch = tempfile::Builder::new().prefix("proofline-").tempdir()?;
    let secrets =
        started.as_ref().map(|started| signing_secrets(service, started)).unwrap_or_default();
    let mut session = Session {
        context,
        service,
        environment,
        started,
        secrets,
        left_out: checks.left_out.clone(),
        ended: None,
        folder: folder.clone(),
        scratch,
    };
    let plan = session.plan(&url, checks);
    let plan_file = session.write_plan("plan.json", &plan)?;
    let identity = runners::identify(context, &plan_file, &session.secrets);
    let checked = session.features(checks, &plan_file);
    session.excuse(checked)?;
    // What is backed up is what the features left, before load fills the store.
    session.inside(checks, &plan)?;
    let loaded = session.loads(checks, &plan);
    session.excuse(loaded)?;
    session.afterwards(checks, &plan)?;
    session.stop();
    let interrupted = context.interrupted();
    let (documents, problems) = evidence::documents(&folder, &begun.run)?;
    for problem in problems {
        output::line(context, Tone::Warn, "Ignored", &problem);
    }
    let raw = evidence::raw(&folder)?;
    let (commit, dirty) = git::commit(&context.root);
    let mut manifest = Manifest {
        format: Manifest::FORMAT,
        run: begun.run.clone(),
        service: service.service.service.name.clone(),
        environment: environment.environment.clone(),
        url,
        spec_version: service.service.service.version.clone(),
        reported_version: identity.version,
        reported_spec_digest: identity.spec_digest,
        substitutes: identity.substitutes,
        spec_digest: service.digest,
        generated_digest: generated,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        commit,
        dirty,
        started_at,
        finished_at: Context::now(),
        interrupted,
        ended: session.ended,
        documents,
        raw,
        verdicts: None,
        left_out: session.left_out,
        worker,
        seal: None,
    };
    evidence::keep_verdicts(&folder, &mut manifest, service, Context::today())?;
    evidence::write_manifest(&folder, &manifest.sealed())?;
    Ok(Finished { folder, interrupted })
}

/// The measurements that are planned.
fn probes(checks: &Checks) -> impl Iterator<Item = ProbeName> {
    let is_planned = |name: &ProbeName| {
        let check = Proof::Probe(*name).check();
        checks.probes.iter().any(|planned| planned.check == check)
    };
    ProbeName::ALL.into_iter().filter(is_planned)
}

/// Whether it looks at what all others leave behind.
fn is_last(name: ProbeName) -> bool {
    name == ProbeName::Secrets
}

struct Session<'a> {
    context: &'a Context,
    service: &'a LoadedService,
    environment: &'a Environment,
    started: Option<Started>,
    /// What runners get by environment variable.
    secrets: BTreeMap<String, String>,
    left_out: Vec<LeftOut>,
    /// How the service ended by itself, if it did.
    ended: Option<String>,
    folder: PathBuf,
    /// Plans and principals; removed at the end.
    scratch: tempfile::TempDir,
}

impl Session<'_> {
    fn plan(&self, url: &str, checks: &Checks) -> Plan {
        let started = self.started.as_ref();
        Plan {
            features: checks.features.clone(),
            loads: checks.loads.clone(),
            log_file: started
                .filter(|_| self.environment.access.logs)
                .map(|started| started.log.display().to_string()),
            restarts: started.is_some() && self.environment.permits.restarts,
            releases: started.is_some_and(Started::takes_releases)
                && self.environment.permits.restarts,
            front: started.and_then(|started| Some(started.front.as_ref()?.plan.clone())),
            proxy: started.and_then(Started::proxy).map(str::to_owned),
            provider: started.and_then(|started| started.provider.as_ref()).map(Provider::url),
            configuration: started.filter(|_| self.environment.permits.restarts).and_then(
                |started| {
                    Some(ConfigurationCheck {
                        program: started.program.as_ref()?.display().to_string(),
                        variables: self.other_instance(started),
                        database: started.seeded.as_ref().map(|path| path.display().to_string()),
                    })
                },
            ),
            ..empty_plan(self.service, self.environment, url, &self.secrets)
        }
    }

    /// The configuration of further instances: other secrets and another database than the one under test.
    fn other_instance(&self, started: &Started) -> BTreeMap<String, String> {
        let mut variables = started.variables.clone();
        for name in self.service.service.config.secrets.keys() {
            if let Some(value) = variables.get_mut(name) {
                *value = "0123456789abcdef".repeat(value.len().div_ceil(16));
            }
        }
        let database = self.scratch.path().join("instance.db");
        variables.insert("DATABASE_URL".into(), format!("sqlite:{}", database.display()));
        // What the service under test shares with others is not theirs.
        variables.remove("REDIS_URL");
        variables
    }

    fn write_plan(&self, name: &str, plan: &Plan) -> Result<PathBuf> {
        let path = self.scratch.path().join(name);
        runners::write_private(&path, serde_json::to_string_pretty(plan)?.as_bytes())?;
        Ok(path)
    }

    fn inside(&mut self, checks: &Checks, plan: &Plan) -> Result<()> {
        for check in &checks.derived {
            let found = report::cost_ceiling(&self.service.service, &Context::now());
            if found.check == check.check {
                self.keep(&found)?;
            }
        }
        for name in probes(checks).filter(|name| !is_last(*name)) {
            self.measure(name, plan)?;
        }
        Ok(())
    }

    /// What looks at everything that was written until then.
    fn afterwards(&mut self, checks: &Checks, plan: &Plan) -> Result<()> {
        probes(checks).filter(|name| is_last(*name)).try_for_each(|name| self.measure(name, plan))
    }

    /// Makes sure that there is something of people's in the store: checks remove what they make. What each new account
    /// is known by.
    fn fill(&self, plan: &Plan) -> Result<Vec<Vec<String>>> {
        let file = self.write_plan("kept.json", plan)?;
        let (context, scratch) = (self.context, self.scratch.path());
        match runners::principals(context, plan, &file, scratch, &self.secrets, None) {
            Ok(made) => runners::known_by(&made),
            Err(error) => {
                output::line(context, Tone::Warn, "Note", &format!("{error:#}"));
                Ok(Vec::new())
            }
        }
    }

    /// A measurement that comes to no end decides nothing, and takes nothing away from what the others found.
    fn measure(&mut self, name: ProbeName, plan: &Plan) -> Result<()> {
        if self.context.interrupted() {
            return Ok(());
        }
        let begun = Probe::begin(name);
        let found = match self.probe(name, plan) {
            Err(_) if self.context.interrupted() => return Ok(()),
            Err(error) => begun.undecided(format!("{error:#}"), 1),
            Ok(found) => found,
        };
        self.keep(&found)
    }

    fn probe(&self, name: ProbeName, plan: &Plan) -> Result<CheckEvidence> {
        let (context, started) = (self.context, self.started.as_ref());
        let url = &plan.url;
        let (verb, what) = match name {
            ProbeName::ConstantTime => ("Measuring", "comparisons of secrets"),
            ProbeName::QueryPlans => ("Reading", "plans of queries"),
            ProbeName::Migrations => ("Stopping", "migrations half-way"),
            ProbeName::AlertRules => ("Trying", "rules of alerts"),
            ProbeName::Pipelines => ("Reading", "pipelines"),
            ProbeName::Framing => ("Embedding", "answers in a browser"),
            ProbeName::WebVitals => ("Measuring", "a page in a browser"),
            ProbeName::Fuzz => ("Fuzzing", "what the OpenAPI document declares"),
            ProbeName::Backup => ("Restoring", "a backup of the store"),
            ProbeName::Secrets => ("Looking", "for secrets in files and history"),
            ProbeName::Tests | ProbeName::Lints | ProbeName::Audit => {
                ("Reading", "what the suites found")
            }
        };
        let _progress = Progress::start(context, verb, what);
        match name {
            ProbeName::ConstantTime => runners::constant_time(context),
            ProbeName::QueryPlans => plans::probe(context, self.service, started),
            ProbeName::Migrations => {
                migrations::probe(context, self.service, self.environment, started)
            }
            ProbeName::AlertRules => alerts::probe(context, self.service),
            ProbeName::Pipelines => pipelines::probe(context, self.service),
            ProbeName::Framing => framing::probe(context, &self.service.service, url),
            ProbeName::WebVitals => web_vitals::probe(context, &self.service.service, url),
            ProbeName::Fuzz => fuzz::probe(context, self.service, plan, &self.secrets),
            ProbeName::Backup => {
                let fill = || self.fill(plan);
                backup::check::probe(context, self.service, self.environment, started, fill)
            }
            ProbeName::Secrets => secrets::probe(context, self.service, started, &self.folder),
            ProbeName::Tests | ProbeName::Lints | ProbeName::Audit => gates::probe(context, name),
        }
    }

    fn features(&mut self, checks: &Checks, plan: &Path) -> Result<()> {
        if checks.features.is_empty() || self.context.interrupted() {
            return Ok(());
        }
        output::line(
            self.context,
            Tone::Plain,
            "Verifying",
            &counted(checks.features.len(), "feature"),
        );
        let (context, out) = (self.context, self.folder.join("checks"));
        match self.started.as_mut().filter(|_| self.environment.permits.restarts) {
            None => runners::run(context, Program::Features, plan, &out, &self.secrets),
            Some(started) => {
                let (service, environment) = (self.service, self.environment);
                let grant = |checks: &mut Process| {
                    wishes::grant(context, service, environment, started, checks)
                };
                runners::run_with(context, Program::Features, (plan, &out), &self.secrets, grant)
            }
        }
    }

    fn loads(&mut self, checks: &Checks, plan: &Plan) -> Result<()> {
        if checks.loads.is_empty() || self.ended.is_some() || self.context.interrupted() {
            return Ok(());
        }
        let plan_file = self.write_plan("accounts.json", plan)?;
        let principals = runners::principals(
            self.context,
            plan,
            &plan_file,
            self.scratch.path(),
            &self.secrets,
            most_generous_tier(&self.service.service),
        );
        let mut plan = plan.clone();
        match principals {
            Ok(file) => plan.principals_file = Some(file.display().to_string()),
            Err(error) if has_credential(self.environment) => {
                let note = format!("{error:#}; only routes without authentication are loaded");
                output::line(self.context, Tone::Warn, "Note", &note);
            }
            Err(error) => output::line(self.context, Tone::Warn, "Note", &format!("{error:#}")),
        }
        output::line(
            self.context,
            Tone::Plain,
            "Loading",
            &counted(checks.loads.chunk_by(|a, b| a.check == b.check).count(), "load test"),
        );
        let file = self.write_plan("load.json", &plan)?;
        runners::run(
            self.context,
            Program::Loadtest,
            &file,
            &self.folder.join("checks"),
            &self.secrets,
        )
    }

    /// Whether the service still runs. One that ended by itself is nothing to load, and every later refused or broken
    /// connection has this cause.
    fn look(&mut self) {
        let Some(started) = &mut self.started else { return };
        if self.context.interrupted() {
            return;
        }
        if let Some(how) = started.ended() {
            let text = format!("the service during the checks: {how}");
            output::line(self.context, Tone::Bad, "Ended", &text);
            self.ended = Some(how);
            self.started = None;
        }
    }

    /// A runner that could not go on because the service had ended is no error of the runner's: what it wrote counts.
    fn excuse(&mut self, ran: Result<()>) -> Result<()> {
        self.look();
        if self.ended.is_some() { Ok(()) } else { ran }
    }

    fn stop(&mut self) {
        let Some(started) = self.started.take() else { return };
        if let Err(error) = started.stop() {
            output::line(self.context, Tone::Bad, "Stopped", &format!("{error:#}"));
        }
    }

    fn keep(&self, found: &CheckEvidence) -> Result<()> {
        let (tone, verb) = match found.outcome {
            CheckOutcome::Passed => (Tone::Good, "Passed"),
            CheckOutcome::Failed => (Tone::Bad, "Failed"),
            CheckOutcome::NotRun(_) | CheckOutcome::Inconclusive(_) => (Tone::Warn, "Undecided"),
        };
        output::line(self.context, tone, verb, &format!("{}: {}", found.check, found.summary));
        evidence::write_check(&self.folder, found).map(drop)
    }
}

/// What checks need to sign with, to make faults and to read figures, in an environment that we started, by the variable that a runner gets it in.
fn signing_secrets(service: &LoadedService, started: &Started) -> BTreeMap<String, String> {
    let signing = service.service.auth.values().filter_map(Auth::secret);
    signing
        .chain([FAULTS_TOKEN, METRICS_TOKEN])
        .filter_map(|secret| Some((variable_of(secret), started.variable(secret)?.to_owned())))
        .collect()
}

/// A plan without any check.
fn empty_plan(
    service: &LoadedService,
    environment: &Environment,
    url: &str,
    given: &BTreeMap<String, String>,
) -> Plan {
    let signing = service.service.auth.values().filter_map(Auth::secret);
    let ours = signing
        .filter(|secret| given.contains_key(&variable_of(secret)))
        .map(|secret| (secret.to_owned(), variable_of(secret)));
    let tokens = [FAULTS_TOKEN, METRICS_TOKEN].map(|name| (name.to_owned(), variable_of(name)));
    let tokens = tokens.into_iter().filter(|(_, variable)| given.contains_key(variable));
    let theirs =
        environment.secrets.iter().map(|(secret, variable)| (secret.clone(), variable.clone()));
    Plan {
        spec: format!("spec/services/{}/service.yaml", service.folder),
        environment: environment.clone(),
        url: url.to_owned(),
        features: Vec::new(),
        loads: Vec::new(),
        secrets: theirs.chain(ours).chain(tokens).collect(),
        log_file: None,
        configuration: None,
        provider: None,
        principals_file: None,
        authority: authority(environment),
        front: None,
        proxy: None,
        restarts: false,
        releases: false,
        seed: SEED,
    }
}

/// The file of the authorities of an environment; runners run at the root.
fn authority(environment: &Environment) -> Option<String> {
    let file = environment.tls.as_ref()?.authority.as_ref()?;
    Some(format!("environments/{file}"))
}

/// A plan without any check, for a service that is somewhere already.
pub(crate) fn plan_at(service: &LoadedService, environment: &Environment, url: &str) -> Plan {
    empty_plan(service, environment, url, &BTreeMap::new())
}

/// A plan that only serves to make accounts, and what goes with it by environment variable.
pub(crate) fn plan_for_accounts(
    service: &LoadedService,
    environment: &Environment,
    started: &Started,
) -> (Plan, BTreeMap<String, String>) {
    let secrets = signing_secrets(service, started);
    let plan = empty_plan(service, environment, &started.url, &secrets);
    let proxy = started.proxy().map(str::to_owned);
    (Plan { proxy, provider: started.provider.as_ref().map(Provider::url), ..plan }, secrets)
}

/// How long a deployed version may take to answer everywhere.
const SPREAD: Duration = Duration::from_mins(1);

/// Waits until the service at an address says that it was generated from this spec.
pub(crate) fn wait_for_spec(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    url: &str,
) -> Result<bool> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("plan.json");
    let secrets = BTreeMap::new();
    let plan = empty_plan(service, environment, url, &secrets);
    runners::write_private(&file, serde_json::to_string(&plan)?.as_bytes())?;
    let wanted = service.digest.to_string();
    let deadline = Instant::now() + SPREAD;
    loop {
        let found = runners::identify(context, &file, &secrets).spec_digest;
        if found.as_deref() == Some(wanted.as_str()) {
            return Ok(true);
        }
        if context.interrupted() {
            return Err(Stopped::interrupted());
        }
        if Instant::now() > deadline {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// The environment variable by which a runner gets a secret.
fn variable_of(secret: &str) -> String {
    format!("PROOFLINE_SECRET_{secret}")
}

fn has_credential(environment: &Environment) -> bool {
    environment.credentials.values().any(|c| matches!(c, Credential::Env(_) | Credential::Mint(_)))
}

/// The tier with the highest limits, so that a load test measures answers and not refusals.
fn most_generous_tier(service: &Service) -> Option<&str> {
    let tiers = service.limits.values().find_map(|limit| limit.tiers.as_ref())?;
    tiers
        .iter()
        .max_by(|(_, a), (_, b)| a.per_second().total_cmp(&b.per_second()))
        .map(|(name, _)| name.as_str())
}

/// Builds everything that a run needs; the size of the worker, if there is one.
pub(crate) fn prepare(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
) -> Result<Option<WorkerSize>> {
    build::build(context, &programs(service, environment))?;
    if !matches!(environment.start, Some(Start::Workers(_))) {
        return Ok(None);
    }
    let tools = Tools::find(context)?;
    let worker = workers::build::build(context, &tools, service)?;
    Ok(Some(worker.size))
}

/// The same set wherever a service is started that could run natively: cargo would build what the programs share anew
/// for each other one.
pub(crate) fn programs<'a>(
    service: &'a LoadedService,
    environment: &Environment,
) -> Vec<Program<'a>> {
    let mut programs = vec![Program::Features, Program::Loadtest];
    if environment.start.is_some() && service.service.targets.contains(&Target::Native) {
        programs.extend([Program::Service(service), Program::ConstantTime]);
    }
    programs
}

/// Digest of everything that is generated for a service.
pub(crate) fn generated_digest(tree: &Tree, service: &LoadedService) -> Option<Digest> {
    let folder = format!("runtime/services/{}/", service.folder);
    let mut parts = tree
        .files()
        .filter(|(path, file)| {
            path.starts_with(&folder) && file.owner == proofline_generator::tree::Owner::Generator
        })
        .map(|(path, file)| (path, file.content.as_bytes()))
        .peekable();
    parts.peek()?;
    Some(Digest::of_parts(parts))
}

/// Makes sure that the generated files are as the specs say before anything is claimed about them.
pub(crate) fn require_fresh(context: &Context, tree: &Tree) -> Result<()> {
    let changes = tree.changes(&context.root).map_err(|errors| {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", texts.join("\n"))
    })?;
    if changes.is_empty() {
        return Ok(());
    }
    let files: Vec<&str> = changes.iter().map(|change| change.path.as_str()).take(5).collect();
    let message = format!(
        "{} not as the specs say ({}…)\nhint: run `cargo xtask generate` first",
        counted(changes.len(), "generated file"),
        files.join(", ")
    );
    Err(Stopped { exit: proofline_spec::exit::Exit::Stale, message }.into())
}

/// Ids of checks for messages.
pub(crate) fn names<'a>(checks: impl Iterator<Item = &'a CheckId>) -> Vec<String> {
    let mut names: Vec<String> = checks.map(ToString::to_string).collect();
    // A load test stands there once for each claim that has limits of its own.
    names.dedup();
    names
}

/// Reads the newest run, or the one that is named.
pub(crate) fn read_run(
    context: &Context,
    service: &LoadedService,
    environment: &Environment,
    generated: Option<Digest>,
    run: Option<&str>,
) -> Result<evidence::Evidence> {
    let name = &environment.environment;
    let known = evidence::runs(&context.root, name, &service.folder);
    let run = match run {
        Some(run) if known.iter().any(|known| known == run) => run.to_owned(),
        Some(run) => bail!("there is no run `{run}` of `{}` in `{name}`", service.folder),
        None => known.first().cloned().ok_or_else(|| {
            Stopped::could_not_find_out(format!(
                "there is no evidence of `{}` in `{name}`\nhint: run `cargo xtask ready --env {name} --service {}`",
                service.folder, service.folder
            ))
        })?,
    };
    let folder = evidence::runs_folder(&context.root, name, &service.folder).join(run);
    evidence::read(&folder, service, environment, generated).map_err(|error| {
        Stopped::could_not_find_out(format!("the evidence cannot be used: {error:#}"))
    })
}
