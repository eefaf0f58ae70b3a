//! CORS: origins that say exactly who is meant.

use super::at::At;
use super::context::Context;
use super::headers::is_header_name;
use crate::diagnostic::{Diagnostic, codes};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(cors) = &context.service.cors else { return };
    let at = At::root("cors");
    let origins = at.key("origins");
    if cors.origins.is_empty() && !context.is_broken(&origins) {
        found.push(
            context
                .at_key(codes::CORS_ORIGIN, &origins, "no origin is listed")
                .because("then `cors` allows nothing that is not allowed without it")
                .fix("list an origin such as `https://app.example`, or remove `cors`"),
        );
    }
    for (index, origin) in cors.origins.iter().enumerate() {
        let here = origins.index(index);
        if origin == "*" && cors.credentials {
            found.push(
                context
                    .at_value(
                        codes::CORS_CREDENTIALS,
                        &here,
                        "`*` with `credentials: true` would let every site act for its visitors",
                    )
                    .because("browsers refuse the pair, and echoing the origin instead is CWE-942")
                    .fix("list the origins that may call")
                    .label(context.value(&at.key("credentials")), "credentials are sent"),
            );
        } else if let Some((message, fix)) = bad_origin(origin) {
            found.push(
                context
                    .at_value(codes::CORS_ORIGIN, &here, message)
                    .because("a browser sends an origin as scheme, host and port, and it is compared as text")
                    .fix(fix),
            );
        } else if cors.origins[..index].contains(origin) {
            found.push(
                context
                    .at_value(codes::CORS_ORIGIN, &here, format!("`{origin}` is listed twice"))
                    .fix("remove one of them"),
            );
        }
    }
    for (key, names) in [("headers", &cors.headers), ("expose", &cors.expose)] {
        let list = at.key(key);
        for (index, name) in names.iter().enumerate().filter(|(_, name)| !is_header_name(name)) {
            found.push(
                context
                    .at_value(codes::HEADER_NAME, &list.index(index), format!("`{name}` is not the name of a header"))
                    .because("names are made of letters, digits and a few signs such as `-` (RFC 9110); `*` is not accepted")
                    .fix("write each header's name"),
            );
        }
    }
}

/// What is wrong with an origin, and what helps.
fn bad_origin(origin: &str) -> Option<(String, String)> {
    if origin == "*" {
        return None;
    }
    if origin == "null" {
        let fix = "list the origins that may call".to_owned();
        return Some(("`null` is the origin of every sandboxed page".to_owned(), fix));
    }
    let Some((scheme, rest)) = origin.split_once("://") else {
        return Some((format!("`{origin}` has no scheme"), format!("write `https://{origin}`")));
    };
    let (host, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if !after.is_empty() {
        let what = if after == "/" { "ends with `/`" } else { "has a path" };
        return Some((
            format!("the origin `{origin}` {what}"),
            format!("write `{scheme}://{host}`"),
        ));
    }
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !name.ends_with(':') && !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let is_local = name == "localhost" || name == "127.0.0.1" || name == "[::1]";
    if scheme != "https" && !(scheme == "http" && is_local) {
        let fix = format!("write `https://{host}`");
        return Some((format!("the origin `{origin}` is not HTTPS"), fix));
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Some((
            format!("the port of `{origin}` is not a number"),
            "correct the port".to_owned(),
        ));
    }
    let labels = name.strip_prefix("*.").unwrap_or(name);
    if labels.contains('*') {
        let fix = "write `https://*.<domain>`, which means any one subdomain".to_owned();
        return Some((format!("`*` stands in the wrong place of `{origin}`"), fix));
    }
    if name.starts_with("*.") && !labels.contains('.') {
        let fix = "name the domain that is yours, such as `https://*.shop.example`".to_owned();
        return Some((format!("`{origin}` means every site of a top-level domain"), fix));
    }
    if is_local || (!labels.is_empty() && labels.split('.').all(is_label)) {
        return None;
    }
    let fix = if labels.chars().any(|c| c.is_ascii_uppercase()) {
        format!("write `{}`, as browsers do", origin.to_lowercase())
    } else {
        "write the host as browsers do: lower case, `xn--` for other scripts".to_owned()
    };
    Some((format!("`{name}` is not the name of a host"), fix))
}

fn is_label(label: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !label.is_empty()
        && label.len() <= 63
        && label.chars().all(good)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::bad_origin;

    #[test]
    fn exact_and_wildcard_origins_are_accepted() {
        for origin in ["https://a.b", "https://*.a.b", "https://a.b:8443", "http://localhost:3000"]
        {
            assert_eq!(bad_origin(origin), None, "{origin}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for origin in [
            "https://a.b/",
            "https://a.b/x",
            "a.b",
            "http://a.b",
            "https://*",
            "https://*.com",
            "https://a.*.b",
            "https://*a.b",
            "null",
            "https://A.b",
            "https://a..b",
            "https://a.b:x",
            "https://-a.b",
            "https://",
        ] {
            assert!(bad_origin(origin).is_some(), "{origin}");
        }
    }
}
