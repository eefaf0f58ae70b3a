//! Learning platforms can open the service, and nobody else can pretend to be one.

use super::at::At;
use super::context::{Context, Kind};
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{
    Answer, Auth, Binding, Expectation, Lti, LtiStep, Method, Operation, Route, RouteAuth, RouteKey,
};

/// What a registration says.
const REGISTRATION: [&str; 6] =
    ["issuer", "client_id", "deployments", "authorization_endpoint", "jwks_url", "token_endpoint"];
/// What a platform is told so that it can register the service.
const CONFIGURATION: [&str; 8] = [
    "title",
    "description",
    "oidc_initiation_url",
    "target_link_uri",
    "public_jwk_url",
    "scopes",
    "custom_fields",
    "extensions",
];
/// What somebody chose.
const CHOICE: [&str; 2] = ["deep_link", "items"];
/// What the platform is told.
const SIGNED: [&str; 2] = ["jwt", "return_url"];

/// Names of members for people.
fn quoted(members: &[&str]) -> String {
    members.iter().map(|member| format!("`{member}`")).collect::<Vec<_>>().join(", ")
}

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let at = At::root("lti");
    if let Some(lti) = &context.service.lti {
        parts(context, lti, &at, found);
        queries(context, lti, &at, found);
        roles(context, lti, &at, found);
        whole(context, &at, found);
    }
    let routes = At::root("routes");
    for (text, key, route) in context.routes() {
        if let Operation::Lti(step) = &route.op {
            Form { context, key, route, at: &routes.key(text.as_str()), found }.check(*step);
        }
    }
}

/// What it names is of the right kind.
fn parts(context: &Context<'_>, lti: &Lti, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let from = at.key("keys_from");
    let mut bindings = vec![
        (&lti.platforms, "kv", at.key("platforms")),
        (&lti.key_sets, "kv", at.key("key_sets")),
    ];
    for (index, name) in lti.keys_from.iter().enumerate() {
        bindings.push((name, "upstream", from.index(index)));
    }
    for (name, wanted, place) in bindings {
        let Some(binding) = context.service.bindings.get(name) else { continue };
        let fits = match wanted {
            "kv" => matches!(binding, Binding::Kv { .. }),
            _ => matches!(binding, Binding::Upstream { .. }),
        };
        if !fits {
            let message = format!("`{name}` is a binding of kind `{}`", binding.kind());
            let fix = format!("name a binding of kind `{wanted}`");
            found.push(context.at_value(codes::LTI_PARTS, &place, message).fix(fix));
        }
    }
    if lti.keys_from.is_empty() {
        let message = "no platform's keys could be fetched";
        found.push(
            context
                .at_value(codes::LTI_PARTS, &from, message)
                .because("key sets are fetched from declared upstreams only, so that no registration can lead elsewhere")
                .fix("name an `upstream` binding for each platform's host"),
        );
    }
    if let Some(scheme) = context.service.auth.get(&lti.session)
        && !matches!(scheme, Auth::Jwt { .. })
    {
        let message = format!("`{}` issues no tokens", lti.session);
        let place = at.key("session");
        found.push(
            context
                .at_value(codes::LTI_PARTS, &place, message)
                .because("a launch begins a session with a token of a `jwt` scheme")
                .fix("name a scheme of kind `jwt`"),
        );
    }
}

/// The log-ins that are under way are kept, and each can be taken once.
fn queries(context: &Context<'_>, lti: &Lti, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let account = lti.account.iter().map(|name| ("account", name, Expectation::One, "one"));
    let others = [
        ("begin", &lti.begin, Expectation::Changed, "changed"),
        ("take", &lti.take, Expectation::Optional, "optional"),
    ];
    for (key, name, wanted, word) in others.into_iter().chain(account) {
        let Some(query) = context.query(name) else { continue };
        if query.expect != wanted {
            let message = format!("the query `{name}` must say `expect: {word}`");
            found.push(
                context
                    .at_value(codes::LTI_QUERIES, &at.key(key), message)
                    .because("`begin` writes one row, `take` removes it and returns it, or finds none, and `account` returns one")
                    .fix(format!("write `expect: {word}` in `{name}`")),
            );
        }
    }
}

fn roles(context: &Context<'_>, lti: &Lti, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    let roles = at.key("roles");
    if lti.roles.is_empty() && lti.default_role.is_none() {
        found.push(
            context
                .at_value(codes::LTI_PARTS, &roles, "nobody could get in")
                .because("who has none of these roles is refused where there is no `default_role`")
                .fix("map a platform's role to one of yours, or add `default_role`"),
        );
    }
    for name in lti.roles.keys().filter(|name| !context.has(Kind::Role, name)) {
        let message = format!("there is no role `{name}`");
        found.push(
            context
                .at_key(codes::UNKNOWN_NAME, &roles.key(name), message)
                .fix("use a name of `roles`, or add it there"),
        );
    }
}

/// There are routes for all that a platform does.
fn whole(context: &Context<'_>, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    if context.is_broken(&At::root("routes")) {
        return;
    }
    let count = |step| {
        let is_it = |route: &&Route| matches!(route.op, Operation::Lti(found) if found == step);
        context.service.routes.values().filter(is_it).count()
    };
    for step in [LtiStep::Login, LtiStep::Launch, LtiStep::Keys, LtiStep::Register] {
        let name = step.name();
        let message = match (count(step), step) {
            (0, _) => format!("no route has `op: {{lti: {name}}}`"),
            (2.., LtiStep::Launch) => "two routes take launches".to_owned(),
            _ => continue,
        };
        found.push(
            context
                .at_key(codes::LTI_ROUTES, at, message)
                .because("a platform needs all of them, and is told one address for launches")
                .fix(format!("have one route with `op: {{lti: {name}}}`")),
        );
    }
}

/// Whether one route has the form that its step needs.
struct Form<'f, 'a> {
    context: &'f Context<'a>,
    key: &'f RouteKey,
    route: &'f Route,
    at: &'f At<'f>,
    found: &'f mut Vec<Diagnostic>,
}

impl Form<'_, '_> {
    fn wrong(&mut self, message: impl Into<String>, fix: impl Into<String>) {
        self.found.push(
            self.context
                .at_key(codes::LTI_ROUTE, self.at, message)
                .because("platforms speak to every tool in the same way (LTI Core 1.3)")
                .fix(fix),
        );
    }

    fn check(&mut self, step: LtiStep) {
        if self.context.service.lti.is_none() && !self.context.is_broken(&At::root("lti")) {
            self.wrong("the service has no `lti`", "define `lti`, or remove the route");
        }
        let is_open = matches!(self.route.auth, Some(RouteAuth::None));
        let method = self.key.method;
        let methods: &[Method] = match step {
            LtiStep::Login => &[Method::Get, Method::Post],
            LtiStep::Keys | LtiStep::Configuration => &[Method::Get],
            LtiStep::Register => &[Method::Post, Method::Put],
            LtiStep::Launch | LtiStep::DeepLink => &[Method::Post],
        };
        if !methods.contains(&method) {
            let name = step.name();
            self.wrong(format!("`{name}` is no {method}"), "use another method");
        }
        match step {
            LtiStep::Login | LtiStep::Launch | LtiStep::Keys | LtiStep::Configuration
                if !is_open =>
            {
                self.wrong("no platform could call it", "write `auth: none`");
            }
            LtiStep::Register if self.route.roles.is_none() => {
                self.wrong("everybody could register a platform", "add `roles`");
            }
            LtiStep::DeepLink if is_open => {
                self.wrong("nobody would be known who chose", "remove `auth: none`");
            }
            _ => {}
        }
        self.answers(step);
    }

    fn answers(&mut self, step: LtiStep) {
        let (status, none, body): (_, _, &[&str]) = match step {
            LtiStep::Login => ("302", true, &[]),
            LtiStep::Launch => ("303", true, &[]),
            LtiStep::Keys | LtiStep::Configuration => ("200", false, &[]),
            LtiStep::DeepLink => ("200", false, &CHOICE),
            LtiStep::Register => ("204", true, &REGISTRATION),
        };
        let answered = self.route.returns.get(status).is_some_and(|answer| match answer {
            Answer::None => none,
            Answer::One(name) => match step {
                LtiStep::Keys => self.has(name, &["keys"]),
                LtiStep::Configuration => self.has(name, &CONFIGURATION),
                LtiStep::DeepLink => self.has(name, &SIGNED),
                _ => false,
            },
            _ => false,
        });
        if !answered {
            let what = match step {
                LtiStep::Keys => "`200: <schema>` with an object of exactly `keys`".to_owned(),
                LtiStep::Configuration => {
                    format!("`200: <schema>` with an object of exactly {}", quoted(&CONFIGURATION))
                }
                LtiStep::DeepLink => {
                    "`200: <schema>` with an object of exactly `jwt` and `return_url`".to_owned()
                }
                _ => format!("`{status}: none`"),
            };
            self.wrong(
                format!("`{}` answers something else", step.name()),
                format!("write {what}"),
            );
        }
        let fits = match &self.route.body {
            None => body.is_empty(),
            Some(name) => !body.is_empty() && self.has(name, body),
        };
        if !fits {
            let members = quoted(body);
            let fix = match body {
                [] => "remove `body`: what platforms send is known".to_owned(),
                _ => format!("give it a `body` that is an object of exactly {members}"),
            };
            self.wrong(format!("`{}` takes something else", step.name()), fix);
        }
    }

    /// Whether a schema has exactly these members; what is broken is not judged.
    fn has(&self, name: &str, members: &[&str]) -> bool {
        self.context.schema(name).is_none_or(|schema| {
            schema.properties.len() == members.len()
                && members.iter().all(|member| schema.properties.contains_key(*member))
        })
    }
}
