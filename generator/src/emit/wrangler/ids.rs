//! The configuration of a deployment: the generated one with the ids that the platform gave out.

use proofline_spec::document::LockedIds;
use serde_json::Value;

/// Lists of the configuration whose resources have an id, with its key.
const WITH_IDS: [(&str, &str); 2] = [("kv_namespaces", "id"), ("d1_databases", "database_id")];

/// Why a deployment has no configuration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdsError {
    /// Nothing is generated for the environment.
    #[error("the configuration has no environment `{0}`; run `cargo xtask generate`")]
    Environment(String),
    /// Resources do not exist yet.
    #[error("no id is known of {}; the resources have to be made first", .0.join(", "))]
    Missing(Vec<String>),
}

/// The bindings of an environment that need an id, in the order of the configuration.
pub fn needed_ids(config: &Value, environment: &str) -> Result<Vec<String>, IdsError> {
    let mut needed = Vec::new();
    for (list, _) in WITH_IDS {
        let found = section(config, environment)?.get(list).and_then(Value::as_array);
        let names = found.into_iter().flatten().filter_map(|item| item["binding"].as_str());
        needed.extend(names.map(str::to_owned));
    }
    Ok(needed)
}

/// The configuration with the ids of one environment, for `wrangler deploy --env`.
pub fn with_ids(config: &Value, environment: &str, ids: &LockedIds) -> Result<Value, IdsError> {
    let missing: Vec<String> = needed_ids(config, environment)?
        .into_iter()
        .filter(|name| !ids.contains_key(name))
        .collect();
    if !missing.is_empty() {
        return Err(IdsError::Missing(missing));
    }
    let mut config = config.clone();
    for (list, key) in WITH_IDS {
        let items = config["env"][environment].get_mut(list).and_then(Value::as_array_mut);
        for item in items.into_iter().flatten() {
            let id = item["binding"].as_str().and_then(|name| ids.get(name)).cloned();
            if let (Some(id), Value::Object(members)) = (id, item) {
                members.insert(key.to_owned(), Value::String(id));
            }
        }
    }
    Ok(config)
}

fn section<'c>(config: &'c Value, environment: &str) -> Result<&'c Value, IdsError> {
    config["env"].get(environment).ok_or_else(|| IdsError::Environment(environment.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config() -> Value {
        json!({
            "kv_namespaces": [{ "binding": "CACHE" }],
            "env": {
                "staging": {
                    "kv_namespaces": [{ "binding": "CACHE" }],
                    "d1_databases": [{ "binding": "DB", "database_name": "shop-staging" }],
                },
                "production": { "kv_namespaces": [{ "binding": "CACHE" }] },
            },
        })
    }

    #[test]
    fn ids_go_to_their_environment_and_nowhere_else() {
        let ids = [("CACHE", "c1"), ("DB", "d1"), ("GONE", "g1")];
        let ids = ids.map(|(name, id)| (name.to_owned(), id.to_owned())).into_iter().collect();
        let found = with_ids(&config(), "staging", &ids).unwrap();
        let mut expected = config();
        expected["env"]["staging"]["kv_namespaces"][0]["id"] = "c1".into();
        expected["env"]["staging"]["d1_databases"][0]["database_id"] = "d1".into();
        assert_eq!(found, expected);
    }

    #[test]
    fn missing_ids_are_named_and_never_left_to_wrangler() {
        let none = LockedIds::default();
        let missing = IdsError::Missing(vec!["CACHE".to_owned(), "DB".to_owned()]);
        assert_eq!(with_ids(&config(), "staging", &none), Err(missing));
        let unknown = IdsError::Environment("preview".to_owned());
        assert_eq!(with_ids(&config(), "preview", &none), Err(unknown));
    }
}
