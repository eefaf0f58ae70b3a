//! What stood in for services of a platform, beside each claim that depends on it.

use proofline_spec::document::{Claim, HealthKind, Operation, Proof, Service};
use proofline_spec::evidence::Manifest;

/// The feature about search by meaning.
const SEARCH: &str = "reliability/search";
/// Features about health, which tell of what the health route names.
const HEALTH: [&str; 2] = ["observability/health", "observability/readiness"];

/// What stood in for something that this claim's evidence is about, such as `AI: hashing`, as the service said it.
pub(super) fn of_claim(service: &Service, claim: &Claim, manifest: &Manifest) -> Vec<String> {
    let features = claim.proven_by.iter().filter_map(|proof| match proof {
        Proof::Feature(name) => Some(name.as_str()),
        _ => None,
    });
    let features: Vec<&str> = features.collect();
    let depends = |binding: &str| {
        features.contains(&SEARCH)
            || HEALTH.iter().any(|name| features.contains(name)) && asked(service, binding)
    };
    let used = manifest.substitutes.iter().filter(|(binding, _)| depends(binding));
    used.map(|(binding, substitute)| format!("{binding}: {substitute}")).collect()
}

/// Whether a health route looks at a binding.
fn asked(service: &Service, binding: &str) -> bool {
    service.routes.values().any(|route| match &route.op {
        Operation::Health(health) if health.kind != HealthKind::Liveness => {
            health.required.iter().chain(&health.optional).any(|name| name == binding)
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use crate::report::fixture::{ENVIRONMENT, SERVICE, make};
    use crate::report::substitutes;

    #[test]
    fn claim_that_depends_on_a_substitute_says_so_and_others_do_not() {
        let service = serde_saphyr::from_str(SERVICE).unwrap();
        let environment = serde_saphyr::from_str(ENVIRONMENT).unwrap();
        let mut made = make(service, environment, &[], &[]);
        made.manifest.substitutes.insert("AI".to_owned(), "hashing".to_owned());
        let (_, other) = made.service.claims.first().unwrap();
        let mut searched = other.clone();
        searched.proven_by =
            vec![serde_json::from_str(r#"{"feature": "reliability/search"}"#).unwrap()];
        let of = |claim| substitutes::of_claim(&made.service, claim, &made.manifest);
        assert_eq!(of(&searched), ["AI: hashing"]);
        assert_eq!(of(other), Vec::<String>::new());
    }
}
