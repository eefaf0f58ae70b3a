//! What an operator looks for and no schema knows: each rule says what is wrong with the objects of one folder.

use std::collections::{BTreeMap, BTreeSet};

use proofline_spec::document::{Binding, Operation, Route, RouteAuth, Service};
use serde_json::Value;

use super::object::{Object, quantity, selects};
use super::of_kind;

/// What is wrong, one fault a line.
type Rule = fn(&[Object], &Service) -> Vec<String>;

/// Every rule.
pub(super) const RULES: &[(&str, Rule)] = &[
    ("pods have no rights", rights),
    ("containers have probes", probes),
    ("probes ask health routes that anybody may ask", asked),
    ("the process listens where it is asked", listens),
    ("every upstream can be reached", upstreams),
    ("containers have limits, and ask for no more", limits),
    ("selectors find the pods", selectors),
    ("ports are those of the containers", ports),
    ("what is referred to exists", references),
    ("no secret has a value", values),
    ("keys of Secrets are the secrets of the spec", secrets),
    ("variables are those of the spec", variables),
    ("a machine can be emptied, and something stays up", disruptions),
    ("an instance has time to finish", grace),
    ("everything says which spec it is of", labels),
];

/// The host's own secret, beside those of the spec.
const METRICS: &str = "METRICS_TOKEN";

fn workloads(objects: &[Object]) -> impl Iterator<Item = &Object> {
    objects.iter().filter(|object| object.template().is_some())
}

/// A fault of an object unless something holds.
fn unless(holds: bool, object: &Object, fault: &str) -> Option<String> {
    (!holds).then(|| format!("{}: {fault}", object.shown()))
}

fn rights(objects: &[Object], _: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    for object in workloads(objects) {
        let spec = &object.value["spec"]["template"]["spec"];
        let pod = &spec["securityContext"];
        faults.extend(unless(pod["runAsNonRoot"] == true, object, "may run as root"));
        faults.extend(unless(
            pod["runAsUser"] == 65_532,
            object,
            "runs as another user than the image's",
        ));
        let profile = &pod["seccompProfile"]["type"];
        faults.extend(unless(profile == "RuntimeDefault", object, "may make every system call"));
        let token = &spec["automountServiceAccountToken"];
        faults.extend(unless(token == false, object, "gets a token for the cluster's API"));
        for key in ["hostNetwork", "hostPID", "hostIPC"] {
            faults.extend(unless(
                spec.get(key).is_none(),
                object,
                "shares something of the machine",
            ));
        }
        for container in object.containers() {
            let context = &container["securityContext"];
            let escalates = context["allowPrivilegeEscalation"] == false;
            faults.extend(unless(escalates, object, "may get more rights"));
            let drops = &context["capabilities"]["drop"];
            faults.extend(unless(*drops == serde_json::json!(["ALL"]), object, "has capabilities"));
            let sealed = context["readOnlyRootFilesystem"] == true;
            faults.extend(unless(sealed, object, "may change its own files"));
        }
    }
    faults
}

fn probes(objects: &[Object], _: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    for object in of_kind(objects, "Deployment") {
        for container in object.containers() {
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                let fault = format!("has no {probe}");
                faults.extend(unless(container.get(probe).is_some(), object, &fault));
            }
        }
    }
    faults
}

fn asked(objects: &[Object], service: &Service) -> Vec<String> {
    let open = |route: &Route| match &route.auth {
        Some(RouteAuth::None) => true,
        Some(RouteAuth::Schemes(schemes)) => schemes.is_empty(),
        None => service.defaults.auth.is_empty(),
    };
    let health = service.routes.iter().filter(|(key, route)| {
        key.method.as_str() == "GET" && matches!(route.op, Operation::Health(_)) && open(route)
    });
    let health: BTreeSet<&str> = health.map(|(key, _)| key.path.as_str()).collect();
    let mut faults = Vec::new();
    for object in workloads(objects) {
        for container in object.containers() {
            let ready = container["readinessProbe"]["httpGet"]["path"].as_str();
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                let path = container[probe]["httpGet"]["path"].as_str();
                let known = path.is_none_or(|path| health.contains(path));
                faults.extend(unless(known, object, &format!("{probe} asks no health route")));
            }
            let asked = object.kind() != "Deployment" || health.is_empty() || ready.is_some();
            faults.extend(unless(asked, object, "is ready whatever its health routes say"));
        }
    }
    faults
}

fn listens(objects: &[Object], _: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    for object in of_kind(objects, "Deployment") {
        let port = &object.containers()[0]["ports"][0]["containerPort"];
        for config in of_kind(objects, "ConfigMap") {
            let told = config.value["data"]["PORT"].as_str().and_then(|port| port.parse().ok());
            let same = told.is_some() && port.as_u64() == told;
            faults.extend(unless(same, config, "PORT is not the container's"));
            let all = config.value["data"]["HOST"] == "0.0.0.0";
            faults.extend(unless(all, config, "HOST is not every address of the pod"));
        }
    }
    faults
}

fn upstreams(objects: &[Object], service: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    let servers: Vec<_> = of_kind(objects, "Deployment").collect();
    for policy in of_kind(objects, "NetworkPolicy").filter(|_| !servers.is_empty()) {
        let rules = policy.value["spec"]["egress"].as_array().into_iter().flatten();
        let ports = rules.filter_map(|rule| rule["ports"].as_array()).flatten();
        let ports: BTreeSet<u64> = ports.filter_map(|port| port["port"].as_u64()).collect();
        for (name, binding) in &service.bindings {
            let Binding::Upstream { base_url, .. } = binding else { continue };
            let default = if base_url.starts_with("http://") { 80 } else { 443 };
            let host = base_url.split("://").nth(1).and_then(|rest| rest.split('/').next());
            let port =
                host.and_then(|host| host.split(':').nth(1)?.parse().ok()).unwrap_or(default);
            let fault = format!("{name} at port {port} cannot be reached");
            faults.extend(unless(ports.contains(&port), policy, &fault));
        }
    }
    faults
}

fn limits(objects: &[Object], _: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    for object in workloads(objects) {
        for container in object.containers() {
            let resources = &container["resources"];
            for what in ["cpu", "memory"] {
                let request = quantity(&resources["requests"][what]);
                let limit = quantity(&resources["limits"][what]);
                let fits = request.zip(limit).is_some_and(|(request, limit)| request <= limit);
                let fault = format!("has no limit of {what}, or requests more");
                faults.extend(unless(fits, object, &fault));
            }
            let image = container["image"].as_str().unwrap_or_default();
            let named = image.contains(':') && !image.ends_with(":latest");
            faults.extend(unless(named, object, "has an image without a version"));
        }
    }
    faults
}

/// The pods that a selector is meant for.
fn found<'a>(objects: &'a [Object], selector: &Value) -> Vec<&'a Object> {
    let fits = |object: &&Object| {
        selects(selector, &object.value["spec"]["template"]["metadata"]["labels"])
    };
    workloads(objects).filter(fits).collect()
}

fn selectors(objects: &[Object], _: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    for object in objects {
        let spec = &object.value["spec"];
        let selector = match object.kind() {
            "Service" => &spec["selector"],
            "Deployment" | "PodDisruptionBudget" => &spec["selector"]["matchLabels"],
            "NetworkPolicy" => &spec["podSelector"]["matchLabels"],
            _ => continue,
        };
        let fault = "does not find the pods of exactly one workload";
        faults.extend(unless(found(objects, selector).len() == 1, object, fault));
        let changes = selector.get("app.kubernetes.io/version").is_some();
        faults.extend(unless(!changes, object, "finds no pods of another version"));
    }
    let covered = |object: &Object| {
        of_kind(objects, "NetworkPolicy").any(|policy| {
            let labels = &object.value["spec"]["template"]["metadata"]["labels"];
            selects(&policy.value["spec"]["podSelector"]["matchLabels"], labels)
        })
    };
    for object in workloads(objects) {
        faults.extend(unless(covered(object), object, "has no network policy"));
    }
    faults
}

fn ports(objects: &[Object], _: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    let known: BTreeSet<&str> = objects.iter().flat_map(Object::ports).collect();
    let mut check = |object: &Object, port: &Value| {
        let named = port.as_str().is_some_and(|port| known.contains(port));
        let fault = format!("the port {port} is no container's");
        faults.extend(unless(named, object, &fault));
    };
    for object in objects {
        let spec = &object.value["spec"];
        match object.kind() {
            "Service" => {
                let ports = spec["ports"].as_array().into_iter().flatten();
                ports.for_each(|port| check(object, &port["targetPort"]));
            }
            "NetworkPolicy" => {
                let rules = spec["ingress"].as_array().into_iter().flatten();
                let ports = rules.filter_map(|rule| rule["ports"].as_array()).flatten();
                ports.for_each(|port| check(object, &port["port"]));
            }
            _ => {
                for container in object.containers() {
                    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                        let asked = ["httpGet", "tcpSocket"];
                        let asked = asked.iter().filter_map(|how| container.get(probe)?.get(how));
                        asked.for_each(|how| check(object, &how["port"]));
                    }
                }
            }
        }
    }
    for policy in of_kind(objects, "NetworkPolicy") {
        let types = &policy.value["spec"]["policyTypes"];
        let both = *types == serde_json::json!(["Ingress", "Egress"]);
        faults.extend(unless(both, policy, "leaves one direction open"));
        let rules = policy.value["spec"]["egress"].as_array().into_iter().flatten();
        let open = rules.filter(|rule| rule["ports"].as_array().is_none_or(Vec::is_empty)).count();
        faults.extend(unless(open == 0, policy, "lets connections to every port out"));
    }
    faults
}

fn references(objects: &[Object], _: &Service) -> Vec<String> {
    let names: BTreeSet<(&str, &str)> = objects.iter().map(|o| (o.kind(), o.name())).collect();
    let mut faults = Vec::new();
    if names.len() != objects.len() {
        faults.push("two objects have the same kind and name".to_owned());
    }
    let mut check = |object: &Object, kind: &str, name: &Value| {
        let there = name.as_str().is_some_and(|name| names.contains(&(kind, name)));
        faults.extend(unless(there, object, &format!("there is no {kind} {name}")));
    };
    for object in workloads(objects) {
        let spec = &object.value["spec"]["template"]["spec"];
        check(object, "ServiceAccount", &spec["serviceAccountName"]);
        for container in object.containers() {
            for source in container["envFrom"].as_array().into_iter().flatten() {
                check(object, "ConfigMap", &source["configMapRef"]["name"]);
            }
        }
        for volume in spec["volumes"].as_array().into_iter().flatten() {
            if let Some(claim) = volume.get("persistentVolumeClaim") {
                check(object, "PersistentVolumeClaim", &claim["claimName"]);
            }
        }
    }
    for object in of_kind(objects, "HorizontalPodAutoscaler") {
        check(object, "Deployment", &object.value["spec"]["scaleTargetRef"]["name"]);
    }
    faults
}

/// Every variable of every container, with the workload.
fn environment(objects: &[Object]) -> Vec<(&Object, &Value)> {
    let of = |object: &'_ Object| object.containers().len();
    let all = workloads(objects).filter(|object| of(object) > 0).flat_map(|object| {
        let lists = object.containers().into_iter().filter_map(|c| c["env"].as_array());
        lists.flatten().map(move |variable| (object, variable)).collect::<Vec<_>>()
    });
    all.collect()
}

fn values(objects: &[Object], service: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    let is_secret = |name: &str| {
        service.config.secrets.contains_key(name)
            || name.ends_with("_URL") && !name.ends_with("_BASE_URL")
            || ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", METRICS].contains(&name)
    };
    for object in of_kind(objects, "Secret") {
        faults.push(format!("{}: a Secret has no place beside the code", object.shown()));
    }
    for (object, variable) in environment(objects) {
        let name = variable["name"].as_str().unwrap_or_default();
        let open = is_secret(name) && variable.get("value").is_some();
        faults.extend(unless(!open, object, &format!("{name} is a secret and has a value")));
    }
    for object in of_kind(objects, "ConfigMap") {
        for (name, value) in object.value["data"].as_object().into_iter().flatten() {
            let text = value.as_str().unwrap_or_default();
            // A path in the container's own volume is no secret.
            let local = text.starts_with("sqlite:") || text.starts_with("file:");
            let open = (is_secret(name) && !local) || text.contains("://") && text.contains('@');
            faults.extend(unless(!open, object, &format!("{name} is a secret and has a value")));
        }
    }
    faults
}

fn secrets(objects: &[Object], service: &Service) -> Vec<String> {
    let mut found: BTreeMap<&str, bool> = BTreeMap::new();
    let mut faults = Vec::new();
    let servers = of_kind(objects, "Deployment").map(Object::shown).collect::<BTreeSet<_>>();
    for (object, variable) in environment(objects) {
        let Some(reference) = variable["valueFrom"].get("secretKeyRef") else { continue };
        let (name, key) = (variable["name"].as_str(), reference["key"].as_str());
        faults.extend(unless(name == key, object, "a key is called otherwise than its variable"));
        let of_spec = reference["name"].as_str().is_some_and(|name| name.ends_with("-secrets"));
        if let Some(key) = key.filter(|_| of_spec && servers.contains(&object.shown())) {
            found.insert(key, reference["optional"] == true);
        }
    }
    if servers.is_empty() {
        return faults;
    }
    let of_spec = service.config.secrets.iter().map(|(name, s)| (name.as_str(), s.optional));
    let wanted: BTreeMap<&str, bool> = of_spec.chain([(METRICS, true)]).collect();
    if found != wanted {
        faults.push(format!("the Deployment reads {found:?}, and the spec has {wanted:?}"));
    }
    faults
}

fn variables(objects: &[Object], service: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    for object in of_kind(objects, "ConfigMap") {
        for (name, var) in &service.config.vars {
            let given = object.value["data"].get(name);
            let known = var.default.is_some() || var.from.is_some();
            faults.extend(unless(given.is_some() || !known, object, &format!("lacks {name}")));
            let fits = var.pattern.as_deref().zip(given.and_then(Value::as_str)).is_none_or(
                |(pattern, value)| regex::Regex::new(pattern).is_ok_and(|p| p.is_match(value)),
            );
            faults.extend(unless(
                fits,
                object,
                &format!("{name} has a value that the spec refuses"),
            ));
        }
        for (name, value) in object.value["data"].as_object().into_iter().flatten() {
            faults.extend(unless(value.is_string(), object, &format!("{name} is no text")));
        }
    }
    faults
}

fn disruptions(objects: &[Object], _: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    for object in of_kind(objects, "Deployment") {
        let spec = &object.value["spec"];
        let scaler = of_kind(objects, "HorizontalPodAutoscaler")
            .find(|scaler| scaler.value["spec"]["scaleTargetRef"]["name"] == object.name());
        let least = scaler.map_or(&spec["replicas"], |scaler| &scaler.value["spec"]["minReplicas"]);
        let least = least.as_u64().unwrap_or(0);
        faults.extend(unless(least > 0, object, "does not say how many instances there are"));
        let two = scaler.is_some() && spec.get("replicas").is_some();
        faults.extend(unless(
            !two,
            object,
            "says how many instances there are against its autoscaler",
        ));
        let volume = spec["template"]["spec"].to_string().contains("persistentVolumeClaim");
        let rolls = spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0;
        let recreates = spec["strategy"]["type"] == "Recreate";
        let fits = if volume { recreates && least == 1 } else { rolls };
        faults.extend(unless(fits, object, "a roll-out hangs or interrupts the service"));
        let budget = of_kind(objects, "PodDisruptionBudget").find(|budget| {
            let labels = &spec["template"]["metadata"]["labels"];
            selects(&budget.value["spec"]["selector"]["matchLabels"], labels)
        });
        let stays = budget.and_then(|budget| budget.value["spec"]["minAvailable"].as_u64());
        let fits = match stays {
            Some(stays) => stays > 0 && stays < least,
            None => least == 1,
        };
        faults.extend(unless(fits, object, "no instance may go, or all may go at once"));
    }
    faults
}

fn grace(objects: &[Object], service: &Service) -> Vec<String> {
    let longest = service.longest_timeout().as_secs_f64();
    let mut faults = Vec::new();
    for object in of_kind(objects, "Deployment") {
        let spec = &object.value["spec"]["template"]["spec"];
        let leaves = object
            .containers()
            .into_iter()
            .filter_map(|container| container["lifecycle"]["preStop"]["sleep"]["seconds"].as_f64());
        let leaves = leaves.fold(0.0, f64::max);
        faults.extend(unless(
            leaves > 0.0,
            object,
            "stops while load balancers still send requests",
        ));
        let grace = spec["terminationGracePeriodSeconds"].as_f64().unwrap_or(0.0);
        let fault = "is killed before its longest request is answered";
        faults.extend(unless(grace > leaves + longest, object, fault));
    }
    faults
}

fn labels(objects: &[Object], service: &Service) -> Vec<String> {
    let mut faults = Vec::new();
    for object in objects {
        let labels = &object.value["metadata"]["labels"];
        let named = labels["app.kubernetes.io/name"] == service.service.name.as_str();
        faults.extend(unless(named, object, "does not say whose it is"));
        let digest = &object.value["metadata"]["annotations"]["proofline.dev/spec-digest"];
        faults.extend(unless(digest.is_string(), object, "does not say which spec it is of"));
    }
    faults
}

#[cfg(test)]
mod tests;
