//! Two configurations, field by field.

use serde_json::Value;

/// Stands for a number that is a limit's own in the account.
pub(super) const NAMESPACE: &str = "<a number of its own>";

/// Where the two differ, with both values; nothing when they say the same.
pub(super) fn differences(found: &Value, expected: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    compare(found, expected, "", &mut differences);
    differences
}

fn compare(found: &Value, expected: &Value, path: &str, differences: &mut Vec<String>) {
    match (found, expected) {
        (Value::Object(left), Value::Object(right)) => {
            let added = right.keys().filter(|key| !left.contains_key(*key));
            for key in left.keys().chain(added) {
                let at = format!("{path}/{key}");
                compare(&found[key.as_str()], &expected[key.as_str()], &at, differences);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                compare(left, right, &format!("{path}/{index}"), differences);
            }
        }
        // JSON has one kind of number.
        (Value::Number(left), Value::Number(right)) if left.as_f64() == right.as_f64() => {}
        (left, right) if left == right => {}
        (left, right) => {
            differences.push(format!("{path}: wrangler has {left}, the spec says {right}"));
        }
    }
}

/// Takes out the numbers of rate limits, which only have to be numbers, and different ones.
pub(super) fn take_namespaces(config: &mut Value) -> Vec<String> {
    let mut taken = Vec::new();
    let limits = config["ratelimits"].as_array_mut().into_iter().flatten();
    for limit in limits {
        let Some(id) = limit["namespace_id"].as_str() else { continue };
        if id.parse::<i32>().is_ok_and(|number| number > 0) {
            taken.push(id.to_owned());
            limit["namespace_id"] = NAMESPACE.into();
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_difference_has_its_place() {
        let found = json!({ "a": 1, "b": [1, 2], "c": { "d": "x" }, "more": true });
        let expected = json!({ "a": 1.0, "b": [1], "c": { "d": "y" }, "less": null });
        let places: Vec<String> = differences(&found, &expected)
            .iter()
            .filter_map(|text| Some(text.split_once(':')?.0.to_owned()))
            .collect();
        assert_eq!(places, ["/b", "/c/d", "/more"]);
    }

    #[test]
    fn numbers_of_limits_are_numbers() {
        let mut config = json!({ "ratelimits": [
            { "namespace_id": "17" }, { "namespace_id": "-1" }, { "namespace_id": "x" },
        ] });
        assert_eq!(take_namespaces(&mut config), ["17"]);
        assert_eq!(config["ratelimits"][1]["namespace_id"], "-1");
    }
}
