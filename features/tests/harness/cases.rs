//! Each flaw with the feature that finds it.

use std::path::Path;

use super::service::{self, Flaw};
use super::{shop, spec};
use proofline_features::command;
use proofline_features::writer::Progress;
use proofline_spec::document::{Permits, Service};
use proofline_spec::evidence::{CheckEvidence, CheckId, CheckKind, CheckOutcome};
use proofline_spec::exit::Exit;
use serde_json::json;

/// Runs features against a service with that flaw.
async fn run(flaw: Flaw, features: &[&str]) -> (Exit, Vec<CheckEvidence>) {
    Box::pin(run_of(spec::service(), flaw, features)).await
}

/// Runs features against a service with that flaw which should do what the spec says.
async fn run_of(spec: Service, flaw: Flaw, features: &[&str]) -> (Exit, Vec<CheckEvidence>) {
    let service = service::start(flaw).await;
    let folder = tempfile::tempdir().unwrap();
    let target = command::assemble(spec::plan(&service.url, features), spec, &|name| {
        (name == "TOKEN_SECRET").then(|| spec::SECRET.to_owned())
    });
    let exit =
        command::verify(target, folder.path(), |_| Progress::quiet(), std::future::pending())
            .await
            .unwrap();
    let evidence = features.iter().map(|name| read(folder.path(), name)).collect();
    (exit, evidence)
}

pub(crate) fn read(folder: &Path, name: &str) -> CheckEvidence {
    let file = folder.join(CheckId::new(CheckKind::Feature, name).file_name());
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

async fn outcome(flaw: Flaw, feature: &str) -> (CheckOutcome, String) {
    let (_, mut evidence) = run(flaw, &[feature]).await;
    let evidence = evidence.remove(0);
    (evidence.outcome, evidence.summary)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_service_passes() {
    let features = [
        "observability/correlation",
        "security/cors",
        "security/errors",
        "security/headers",
        "security/inventory",
        "security/jwt",
        "security/rate-limit-health",
        "security/rate-limit-ip",
        "security/validation",
    ];
    let (_, evidence) = run(Flaw::None, &features).await;
    for found in evidence {
        let wrong: Vec<_> = found
            .scenarios
            .iter()
            .filter(|scenario| {
                use proofline_spec::evidence::ScenarioOutcome::{Broken, Failed};
                matches!(scenario.outcome, Failed(_) | Broken(_))
            })
            .map(|scenario| (&scenario.name, &scenario.outcome))
            .collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", found.check);
        assert_eq!(found.planned as usize, found.scenarios.len());
        assert!(found.executed > 0, "{} executed nothing", found.check);
    }
}

macro_rules! found_out {
    ($($test:ident: $flaw:ident by $feature:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            let (outcome, summary) = outcome(Flaw::$flaw, $feature).await;
            assert_eq!(outcome, CheckOutcome::Failed, "{summary}");
        })*
    };
}

found_out! {
    accepting_unsigned_tokens_is_found_out: AcceptsAlgNone by "security/jwt";
    accepting_expired_tokens_is_found_out: IgnoresExpiry by "security/jwt";
    accepting_other_issuers_is_found_out: IgnoresIssuer by "security/jwt";
    ignoring_the_signature_is_found_out: IgnoresSignature by "security/jwt";
    saying_yes_to_everything_is_found_out: SaysYes by "security/inventory";
    saying_yes_to_every_token_is_found_out: SaysYes by "security/jwt";
    refusing_every_token_is_found_out: RefusesEveryone by "security/jwt";
    a_header_missing_on_errors_is_found_out: OmitsHeader by "security/headers";
    allowing_one_request_too_many_is_found_out: LimitOffByOne by "security/rate-limit-ip";
    believing_any_forwarding_header_is_found_out: BelievesAnyone by "security/rate-limit-ip";
    believing_the_first_forwarded_address_is_found_out: BelievesFirst by "security/rate-limit-ip";
    counting_each_address_of_a_network_is_found_out: CountsEachAddress by "security/rate-limit-ip";
    a_limited_health_endpoint_is_found_out: LimitsHealth by "security/rate-limit-health";
    not_limiting_what_matches_no_route_is_found_out: LimitsRoutesOnly by "security/rate-limit-ip";
    reflecting_any_origin_is_found_out: ReflectsOrigin by "security/cors";
    errors_that_leak_are_found_out: LeaksSql by "security/errors";
    an_undeclared_path_is_found_out: ServesUndeclared by "security/inventory";
    echoing_any_correlation_id_is_found_out: EchoesAnyId by "observability/correlation";
    a_health_answer_that_may_be_kept_is_found_out: HealthIsKept by "observability/health";
    taking_itself_for_another_environment_is_found_out: IsElsewhere by "observability/health";
    errors_without_a_time_are_found_out: TellsNoTime by "security/errors";
    not_validating_is_found_out: DoesNotValidate by "security/validation";
    // The HTTP library under the small service takes what is ambiguous unless somebody looks.
    ambiguous_framing_is_found_out: None by "security/smuggling";
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_as_weak_as_declared_are_graded_badly() {
    let mut spec = spec::service();
    spec.headers.content_security_policy = Some(service::WEAK_POLICY.to_owned());
    let (_, evidence) = Box::pin(run_of(spec, Flaw::WeakPolicy, &["security/headers"])).await;
    let outcome = format!("{:?}", evidence[0].scenarios[0].outcome);
    assert_eq!(evidence[0].outcome, CheckOutcome::Failed, "{outcome}");
    let told = "is graded B+ (80 points; csp-unsafe-inline -20)";
    assert!(outcome.contains(told), "{outcome}");
}

/// Runs features against the service with accounts that has this flaw.
async fn run_shop(flaw: shop::Flaw, features: &[&str]) -> Vec<CheckEvidence> {
    run_shop_where(flaw, features, |_| {}).await
}

/// Runs features against it where the environment permits something else.
async fn run_shop_where(
    flaw: shop::Flaw,
    features: &[&str],
    change: impl FnOnce(&mut Permits),
) -> Vec<CheckEvidence> {
    let service = shop::start(flaw).await;
    let folder = tempfile::tempdir().unwrap();
    let mut plan = spec::shop_plan(&service.url, features);
    change(&mut plan.environment.permits);
    let target = command::assemble(plan, spec::shop(), &|name| match name {
        "TOKEN_SECRET" => Some(spec::SECRET.to_owned()),
        "HOOK_SECRET" => Some(spec::HOOK_SECRET.to_owned()),
        _ => None,
    });
    command::verify(target, folder.path(), |_| Progress::quiet(), std::future::pending())
        .await
        .unwrap();
    features.iter().map(|name| read(folder.path(), name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_service_with_accounts_passes() {
    let features = [
        "reliability/atomicity",
        "security/function-authorisation",
        "security/markup",
        "security/mass-assignment",
        "security/object-authorisation",
        "security/rate-limit-endpoint",
        "security/rate-limit-key",
        "security/rate-limit-user",
        "security/sql-injection",
        "security/webhook",
    ];
    for found in run_shop(shop::Flaw::None, &features).await {
        assert_eq!(found.outcome, CheckOutcome::Passed, "{}: {}", found.check, found.summary);
    }
}

macro_rules! shop_found_out {
    ($($test:ident: $flaw:ident by $feature:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            let found = run_shop(shop::Flaw::$flaw, &[$feature]).await.remove(0);
            assert_eq!(found.outcome, CheckOutcome::Failed, "{}", found.summary);
        })*
    };
}

shop_found_out! {
    reading_other_peoples_objects_is_found_out: ForgetsOwner by "security/object-authorisation";
    listing_other_peoples_objects_is_found_out: ListsEverybody by "security/object-authorisation";
    telling_which_objects_exist_is_found_out: TellsWhatExists by "security/object-authorisation";
    telling_the_state_of_other_peoples_objects_is_found_out: TellsTheState by "security/object-authorisation";
    changing_an_object_and_refusing_then_is_found_out: ChangesWhatItRefuses by "security/object-authorisation";
    refusing_the_owner_is_found_out: RefusesOwners by "security/object-authorisation";
    a_route_that_forgets_its_role_is_found_out: ForgetsRole by "security/function-authorisation";
    refusing_those_who_may_is_found_out: RefusesAdministrators by "security/function-authorisation";
    assigning_undeclared_members_is_found_out: AssignsAnything by "security/mass-assignment";
    accepting_unsigned_webhooks_is_found_out: AcceptsUnsignedHooks by "security/webhook";
    repeating_a_webhooks_effect_is_found_out: RepeatsHooks by "security/webhook";
    a_users_limit_off_by_one_is_found_out: UserLimitOffByOne by "security/rate-limit-user";
    a_keys_limit_off_by_one_is_found_out: KeyLimitOffByOne by "security/rate-limit-key";
    a_large_limit_off_by_one_is_found_out: LargeLimitOffByOne by "security/rate-limit-key";
    a_large_limit_that_is_too_low_is_found_out: LargeLimitTooLow by "security/rate-limit-key";
    a_large_limit_that_nobody_holds_to_is_found_out: LargeLimitUnenforced by "security/rate-limit-key";
    requests_that_are_not_counted_as_said_are_found_out: OnlySaysThatItCounts by "security/rate-limit-key";
    a_missing_endpoint_limit_is_found_out: NoEndpointLimit by "security/rate-limit-endpoint";
    keeping_half_of_a_transaction_is_found_out: KeepsHalf by "reliability/atomicity";
    answering_markup_as_a_page_is_found_out: AnswersPages by "security/markup";
    changing_texts_that_hold_markup_is_found_out: CleansTexts by "security/markup";
    breaking_on_quotes_is_found_out: BreaksOnQuotes by "security/sql-injection";
    carrying_out_sql_is_found_out: CarriesSqlOut by "security/sql-injection";
    waiting_as_sql_says_is_found_out: WaitsAsSqlSays by "security/sql-injection";
    working_as_long_as_sql_says_is_found_out: WorksAsSqlSays by "security/sql-injection";
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_service_is_not_accused_of_carrying_sql_out() {
    let feature = ["security/sql-injection"];
    let busy = run_shop(shop::Flaw::IsBusy, &feature).await.remove(0);
    assert_eq!(busy.outcome, CheckOutcome::Passed, "{}", busy.summary);
    let calm = run_shop(shop::Flaw::None, &feature).await.remove(0);
    let requests = |found: &CheckEvidence| found.scenarios.last().map(|last| last.requests);
    assert!(requests(&busy) > requests(&calm), "nobody looked twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_evidence_says_which_requests_of_a_large_limit_were_only_counted() {
    let found = run_shop(shop::Flaw::None, &["security/rate-limit-key"]).await.remove(0);
    assert_eq!(found.outcome, CheckOutcome::Passed, "{}", found.summary);
    let scenario = &found.scenarios[0];
    assert_eq!(scenario.counted, 1000 - 60);
    assert!(scenario.requests < 200, "{}", scenario.requests);
    assert!(found.summary.contains("940 more were counted by the service"), "{}", found.summary);
    let said = serde_json::to_string(&scenario.steps).unwrap();
    assert!(said.contains("60 sent, 940 counted by the service on demand"), "{said}");
    let evidence = serde_json::to_string(&found).unwrap();
    assert!(evidence.contains("proofline/faults/count"), "the request for it is evidence, too");
    assert!(!evidence.contains("key-"), "a key is in the evidence");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_limit_is_used_up_by_requests_alone_where_only_load_is_permitted() {
    let load = |permits: &mut Permits| {
        permits.faults = false;
        permits.load =
            serde_json::from_value(json!({"max_rate": "500/s", "max_duration": "10s"})).ok();
    };
    let feature = ["security/rate-limit-key"];
    let found = run_shop_where(shop::Flaw::None, &feature, load).await.remove(0);
    assert_eq!(found.outcome, CheckOutcome::Passed, "{}", found.summary);
    assert_eq!(found.scenarios[0].counted, 0);
    assert!(found.scenarios[0].requests > 1000);
    let found = run_shop_where(shop::Flaw::LargeLimitOffByOne, &feature, load).await.remove(0);
    assert_eq!(found.outcome, CheckOutcome::Failed, "{}", found.summary);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_limit_is_not_verified_where_it_may_not_be_used_up() {
    let nothing = |permits: &mut Permits| permits.faults = false;
    let feature = ["security/rate-limit-key"];
    let found = run_shop_where(shop::Flaw::None, &feature, nothing).await.remove(0);
    let CheckOutcome::Inconclusive(why) = &found.outcome else { panic!("{:?}", found.outcome) };
    assert!(why.contains("takes 1000 requests"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_environment_does_not_give_is_left_out_and_said() {
    let (exit, evidence) =
        run(Flaw::None, &["security/https", "observability/configuration"]).await;
    assert!(
        matches!(&evidence[0].outcome, CheckOutcome::Inconclusive(why) if why.contains("no TLS to look at"))
    );
    assert!(matches!(&evidence[1].outcome, CheckOutcome::NotRun(why) if why.contains("instances")));
    assert_eq!(evidence[1].executed, 0);
    assert_eq!(exit, Exit::CouldNotFindOut);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_there_is_not_a_wrong_one() {
    let folder = tempfile::tempdir().unwrap();
    let plan = spec::plan("http://127.0.0.1:1", &["security/inventory"]);
    let target = command::assemble(plan, spec::service(), &|_| None);
    let exit =
        command::verify(target, folder.path(), |_| Progress::quiet(), std::future::pending())
            .await
            .unwrap();
    assert_eq!(exit, Exit::CouldNotFindOut);
    let evidence = read(folder.path(), "security/inventory");
    assert!(matches!(evidence.outcome, CheckOutcome::Inconclusive(_)), "{evidence:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_writes_what_it_knows() {
    let service = service::start(Flaw::None).await;
    let folder = tempfile::tempdir().unwrap();
    let target = command::assemble(
        spec::plan(&service.url, &["security/inventory"]),
        spec::service(),
        &|_| None,
    );
    let exit =
        command::verify(target, folder.path(), |_| Progress::quiet(), std::future::ready(()))
            .await
            .unwrap();
    assert_eq!(exit, Exit::Interrupted);
    let evidence = read(folder.path(), "security/inventory");
    assert!(
        matches!(evidence.outcome, CheckOutcome::Inconclusive(why) if why.contains("interrupted"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_or_token_is_in_the_evidence() {
    let (_, evidence) = run(Flaw::IgnoresExpiry, &["security/jwt"]).await;
    let text = serde_json::to_string(&evidence).unwrap();
    assert!(!text.contains(spec::SECRET));
    assert!(text.contains("$TOKEN_OF_USER") || text.contains("$MINTED_TOKEN"), "no token was used");
}

/// Runs the configuration check against a program that this shell script is.
async fn configured(script: &str) -> CheckEvidence {
    use std::os::unix::fs::PermissionsExt as _;
    let service = service::start(Flaw::None).await;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    let file = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
    std::io::Write::write_all(&mut file.as_file(), script.as_bytes()).unwrap();
    file.into_temp_path().persist(&program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut plan = spec::plan(&service.url, &["observability/configuration"]);
    plan.environment.permits.restarts = true;
    plan.configuration = Some(proofline_spec::evidence::ConfigurationCheck {
        database: None,
        program: program.display().to_string(),
        variables: [("TOKEN_SECRET".to_owned(), spec::SECRET.to_owned())].into(),
    });
    let target = command::assemble(plan, spec::service(), &|_| None);
    command::verify(target, folder.path(), |_| Progress::quiet(), std::future::pending())
        .await
        .unwrap();
    read(folder.path(), "observability/configuration")
}

const LISTEN: &str = "echo '{\"event\":\"listening\"}'; exec /bin/sleep 60";

#[tokio::test(flavor = "multi_thread")]
async fn starting_without_what_is_required_is_found_out() {
    let found = configured(&format!("#!/bin/sh\n{LISTEN}\n")).await;
    assert_eq!(found.outcome, CheckOutcome::Failed, "{}", found.summary);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_does_not_name_the_variable_is_found_out() {
    let script = format!(
        "#!/bin/sh\n[ ${{#TOKEN_SECRET}} -ge 32 ] || {{ echo wrong >&2; exit 2; }}\n{LISTEN}\n"
    );
    let found = configured(&script).await;
    assert_eq!(found.outcome, CheckOutcome::Failed, "{}", found.summary);
    assert!(found.summary.contains("TOKEN_SECRET"), "{}", found.summary);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_never_starts_is_found_out() {
    let found = configured("#!/bin/sh\necho TOKEN_SECRET PORT HOST >&2; exit 2\n").await;
    assert_eq!(found.outcome, CheckOutcome::Failed, "{}", found.summary);
}
