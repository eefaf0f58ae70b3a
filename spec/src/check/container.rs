//! Containers: numbers of instances, resources, and what happens when one is stopped.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Code, Diagnostic, codes};
use crate::document::{Container, Limit, LimitKey, Probes, Route, RouteLimits, Stores, Target};
use crate::unit::{Bytes, Cpu};

/// Most instances that one Deployment is asked for by a spec.
const MOST: u32 = 1000;
/// Below this not even an idle service starts.
const LEAST_MEMORY: Bytes = Bytes::new(32_000_000);
/// Below this a start takes longer than a roll-out waits for it.
const LEAST_CPU: Cpu = Cpu::from_millis(10);

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let section = At::root("container");
    if !context.targets(Target::Container) || context.is_broken(&section) {
        return;
    }
    let container = context.service.container();
    probes(context, &container, found);
    if context.service.container.is_none() {
        return;
    }
    counts(context, &container, &section, found);
    scale(context, &container, &section, found);
    disruption(context, &container, &section, found);
    stores(context, &container, &section, found);
    resources(context, &container, &section, found);
    grace(context, &container, &section, found);
}

/// A problem with a value, with its cause and its fix.
fn wrong(
    context: &Context<'_>,
    code: Code,
    at: &At<'_>,
    message: String,
    (cause, fix): (&str, &str),
) -> Diagnostic {
    context.at_value(code, at, message).because(cause).fix(fix)
}

fn scale(
    context: &Context<'_>,
    container: &Container,
    section: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let code = codes::CONTAINER_SCALE;
    if let Some(scaling) = container.autoscale {
        let at = section.key("autoscale");
        if scaling.min > scaling.max {
            let message = format!(
                "at least {} instances and at most {} cannot both be",
                scaling.min, scaling.max
            );
            let why = ("the platform refuses such an autoscaler", "give a `max` of at least `min`");
            found.push(wrong(context, code, &at.key("max"), message, why));
        } else if let Some(replicas) = container.replicas
            && !(scaling.min..=scaling.max).contains(&replicas)
        {
            let message = format!("{replicas} instances are outside of what `autoscale` allows");
            let why = (
                "the autoscaler would change the number at once",
                "give a number from `min` to `max`, or leave `replicas` out",
            );
            found.push(
                wrong(context, code, &section.key("replicas"), message, why)
                    .label(context.key(&at), "the range"),
            );
        }
        if !(1.0..=100.0).contains(&scaling.cpu.get()) {
            let message = format!("instances cannot be added above {} of their share", scaling.cpu);
            let why = ("an idle instance uses more than nothing", "give a share such as `70%`");
            found.push(wrong(context, code, &at.key("cpu"), message, why));
        }
    }
}

fn disruption(
    context: &Context<'_>,
    container: &Container,
    section: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    if let Some(disruption) = container.disruption
        && disruption.min_available >= container.least_instances()
    {
        let message = format!(
            "{} of {} instances must stay up, so none may go",
            disruption.min_available,
            container.least_instances()
        );
        let why = (
            "a machine that runs one of them could never be emptied, so updates of the cluster would hang",
            "give less than the fewest instances, or more instances",
        );
        let at = section.key("disruption");
        found.push(wrong(context, codes::CONTAINER_SCALE, &at.key("min_available"), message, why));
    }
}

fn counts(
    context: &Context<'_>,
    container: &Container,
    section: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let at = section.key("autoscale");
    let scaling = container.autoscale;
    let counts = [
        (section.key("replicas"), container.replicas),
        (at.key("min"), scaling.map(|scaling| scaling.min)),
        (at.key("max"), scaling.map(|scaling| scaling.max)),
    ];
    for (at, count) in counts {
        if let Some(count) = count.filter(|count| !(1..=MOST).contains(count)) {
            let why = (
                "a service that runs has at least one, and one deployment at most 1000",
                "give `1` to `1000`",
            );
            let message = format!("{count} instances are not possible");
            found.push(wrong(context, codes::CONTAINER_SCALE, &at, message, why));
        }
    }
}

fn stores(
    context: &Context<'_>,
    container: &Container,
    section: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let code = codes::CONTAINER_STORES;
    if container.stores == Stores::Embedded && container.most_instances() > 1 {
        let key = if container.autoscale.is_some() { "autoscale" } else { "replicas" };
        let message = format!(
            "{} instances with embedded stores are not possible",
            container.most_instances()
        );
        let why = (
            "each would have a database, limits and queues of its own, and clients would see now one and now another",
            "write `stores: shared`, or leave one instance",
        );
        found.push(
            wrong(context, code, &section.key(key), message, why)
                .label(context.key(&section.key("stores")), "the stores"),
        );
    }
    if container.stores == Stores::Embedded {
        for (name, binding) in &context.service.bindings {
            let Some(environment) = binding.required().first() else { continue };
            let message = format!("`{name}` must not be embedded in `{environment}`");
            let why = (
                "the service would not start there: `required` asks for a store that replicas share",
                "write `stores: shared`, or remove `required` from the binding",
            );
            let place = At::root("bindings");
            let required = context.value(&place.key(name.clone()).key("required"));
            found.push(
                wrong(context, code, &section.key("stores"), message, why)
                    .label(required, "where it is required"),
            );
        }
    }
    if container.stores == Stores::Shared && container.storage.is_some() {
        let why = (
            "shared stores keep nothing in the container, which has no volume",
            "remove the key, or write `stores: embedded`",
        );
        let message = "a volume is only for embedded stores".to_owned();
        found.push(wrong(context, code, &section.key("storage"), message, why));
    }
}

fn resources(
    context: &Context<'_>,
    container: &Container,
    section: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let code = codes::CONTAINER_RESOURCES;
    let at = section.key("resources");
    let (memory, cpu) = (container.resources.memory, container.resources.cpu);
    let (memory_at, cpu_at) = (at.key("memory"), at.key("cpu"));
    if memory.limit < LEAST_MEMORY {
        let message = format!("a service cannot run in {}", memory.limit);
        let why = (
            "the binary, its pools and one password check need more than 32 MB",
            "give a size such as `256MiB`",
        );
        found.push(wrong(context, code, &memory_at.key("limit"), message, why));
    } else if memory.requested() > memory.limit {
        let message = format!("{} are requested, and {} allowed", memory.requested(), memory.limit);
        let why =
            ("the platform refuses a request above its limit", "lower `request`, or raise `limit`");
        found.push(wrong(context, code, &memory_at, message, why));
    }
    if cpu.limit < LEAST_CPU {
        let message = format!("a service cannot run with {} of a processor", cpu.limit);
        let why =
            ("it would not start in the time that a roll-out waits", "give a share such as `500m`");
        found.push(wrong(context, code, &cpu_at.key("limit"), message, why));
    } else if cpu.requested() > cpu.limit {
        let message = format!("{} are requested, and {} allowed", cpu.requested(), cpu.limit);
        let why =
            ("the platform refuses a request above its limit", "lower `request`, or raise `limit`");
        found.push(wrong(context, code, &cpu_at, message, why));
    }
}

fn grace(
    context: &Context<'_>,
    container: &Container,
    section: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(grace) = container.shutdown_grace else { return };
    let longest = context.service.longest_timeout();
    if grace <= longest {
        let message = format!("{grace} are too short for a request that may take {longest}");
        let why = (
            "an instance that is told to stop would be killed with requests under way, at every roll-out",
            "give more than the longest `timeout` of a route",
        );
        let at = section.key("shutdown_grace");
        found.push(wrong(context, codes::CONTAINER_GRACE, &at, message, why));
        return;
    }
    let ending = context.service.shutdown.longest();
    if grace < ending {
        let message = format!("{grace} are too short for an end that may take {ending}");
        let why = (
            "`shutdown` gives its steps more time than the platform waits before it kills the instance",
            "give at least the sum of `shutdown`'s `delay`, `requests` and `workers`, or shorten these",
        );
        let at = section.key("shutdown_grace");
        found.push(wrong(context, codes::CONTAINER_GRACE, &at, message, why));
    }
}

/// Probes of all instances on one machine come from one address; a shared limit by address counts them together.
fn probes(context: &Context<'_>, container: &Container, found: &mut Vec<Diagnostic>) {
    let needed = Probes::A_MINUTE * container.most_instances();
    let Probes { liveness, readiness } = context.service.probes();
    let mut probed: Vec<_> = [liveness, readiness].into_iter().flatten().collect();
    probed.dedup();
    for key in probed {
        let Some(route) = context.service.routes.get(key) else { continue };
        for (name, limit) in limits(context, route) {
            let counts = matches!(limit.by, LimitKey::ClientIp | LimitKey::Global);
            let Some(rate) = limit.rate.filter(|_| counts) else { continue };
            if rate.per_second() * 60.0 >= f64::from(needed) {
                continue;
            }
            let routes = At::root("routes");
            let message = format!("`{name}` allows {rate}, and probes alone need {needed}/min");
            found.push(
                context
                    .at_key(codes::PROBE_LIMIT, &routes.key(key.to_string()), message)
                    .because("all instances on one machine are probed from its one address, and a refused probe takes a healthy instance away")
                    .fix("give the route a higher limit, or have fewer instances"),
            );
        }
    }
}

fn limits<'a>(context: &Context<'a>, route: &'a Route) -> Vec<(&'a str, &'a Limit)> {
    let names = match &route.limits {
        Some(RouteLimits::None(_)) => return Vec::new(),
        Some(RouteLimits::Named(names)) => names,
        None => &context.service.defaults.limits,
    };
    let limit = |name: &'a String| Some((name.as_str(), context.service.limits.get(name)?));
    names.iter().filter_map(limit).collect()
}
