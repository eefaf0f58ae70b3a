//! The dialect of a service that nothing is generated for: only there, and with pointers and headers that can be looked for.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(dialect) = &context.service.dialect else { return };
    let at = At::root("dialect");
    if !context.service.targets.is_empty() {
        let message = "a service that is generated has no dialect of its own";
        found.push(
            context
                .at_key(codes::DIALECT, &at, message)
                .because("the runtime answers, and has one way to do it")
                .fix("remove `dialect`, or write `targets: []` for a service that exists already"),
        );
    }
    if let Some(errors) = &dialect.errors {
        let at = at.key("errors");
        let members = at.key("members");
        for (index, pointer) in errors.members.iter().enumerate() {
            is_pointer(context, pointer, &members.index(index), found);
        }
        for (key, pointer) in [("time", &errors.time), ("correlation_id", &errors.correlation_id)] {
            if let Some(pointer) = pointer {
                is_pointer(context, pointer, &at.key(key), found);
            }
        }
        let halves = errors.media_type.split_once('/');
        if !halves.is_some_and(|(kind, rest)| is_token(kind) && is_token(rest)) {
            let message = format!("`{}` is not a media type", errors.media_type);
            found.push(
                context
                    .at_value(codes::DIALECT, &at.key("media_type"), message)
                    .fix("write one such as `application/json`, without parameters"),
            );
        }
    }
    if !is_token(&dialect.correlation.header) {
        let message = format!("`{}` is not the name of a header", dialect.correlation.header);
        let here = at.key("correlation");
        found.push(
            context
                .at_value(codes::DIALECT, &here.key("header"), message)
                .fix("write a name such as `X-Request-Id`"),
        );
    }
}

fn is_pointer(context: &Context<'_>, text: &str, at: &At<'_>, found: &mut Vec<Diagnostic>) {
    if !text.starts_with('/') {
        found.push(
            context
                .at_value(codes::DIALECT, at, format!("`{text}` is not a JSON pointer"))
                .because("pointers to members begin with `/` (RFC 6901)")
                .fix(format!("write `/{}`", text.trim_start_matches("./").replace('.', "/"))),
        );
    }
}

/// Whether a text is a token (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
