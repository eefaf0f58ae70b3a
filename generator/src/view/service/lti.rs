//! How learning platforms open the service.

use proofline_spec::document::{LtiStep, Operation, Service};

use super::literals::{optional_text, text, texts};
use crate::view::names;

/// The definition's field.
pub(crate) fn field(service: &Service) -> Option<String> {
    let lti = service.lti.as_ref()?;
    let path = |step: LtiStep| {
        service.routes.iter().find_map(|(key, route)| {
            let is_it = matches!(route.op, Operation::Lti(found) if found == step);
            is_it.then_some(key.path.as_str())
        })
    };
    let role = |(name, roles): (&String, &Vec<String>)| {
        format!("({}, {})", text(name), texts(roles.iter().map(String::as_str)))
    };
    let account = lti.account.as_ref().map_or_else(
        || "None".to_owned(),
        |name| format!("Some(&statements::{})", names::screaming(name)),
    );
    let roles: Vec<String> = lti.roles.iter().map(role).collect();
    Some(format!(
        "lti: Some(&Lti {{ origin: {}, title: {}, login_path: {}, keys_path: {}, has_deep_links: {}, launch_path: {}, platforms: {}, key_sets: {}, keys_from: {}, tool_key: {}, \
         session: &{}_AUTH, begin: &statements::{}, take: &statements::{}, account: {account}, roles: &[{}], default_role: {} }})",
        text(&lti.origin),
        text(lti.title.as_deref().unwrap_or(&service.service.name)),
        text(path(LtiStep::Login).unwrap_or_default()),
        text(path(LtiStep::Keys).unwrap_or_default()),
        path(LtiStep::DeepLink).is_some(),
        text(path(LtiStep::Launch).unwrap_or_default()),
        text(&lti.platforms),
        text(&lti.key_sets),
        texts(lti.keys_from.iter().map(String::as_str)),
        text(&lti.tool_key),
        names::screaming(&lti.session),
        names::screaming(&lti.begin),
        names::screaming(&lti.take),
        roles.join(", "),
        optional_text(lti.default_role.as_deref())
    ))
}
