//! Security headers: values that browsers understand, and that do not contradict each other.

use super::at::At;
use super::context::Context;
use crate::diagnostic::{Diagnostic, codes};
use crate::document::{Auth, Framing, SecurityHeaders};

/// Values of `Referrer-Policy` (W3C).
const REFERRER_POLICIES: [&str; 8] = [
    "no-referrer",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
];

/// Directives of a content security policy (CSP Level 3 and its companions).
const DIRECTIVES: [&str; 25] = [
    "base-uri",
    "child-src",
    "connect-src",
    "default-src",
    "fenced-frame-src",
    "font-src",
    "form-action",
    "frame-ancestors",
    "frame-src",
    "img-src",
    "manifest-src",
    "media-src",
    "object-src",
    "report-sample",
    "report-to",
    "report-uri",
    "require-trusted-types-for",
    "sandbox",
    "script-src",
    "script-src-attr",
    "script-src-elem",
    "style-src",
    "style-src-attr",
    "style-src-elem",
    "worker-src",
];

/// Two more directives without a source list.
const FLAGS: [&str; 2] = ["trusted-types", "upgrade-insecure-requests"];

/// Directives that decide which scripts and styles run.
const GUARDING: [&str; 8] = [
    "default-src",
    "object-src",
    "script-src",
    "script-src-attr",
    "script-src-elem",
    "style-src",
    "style-src-attr",
    "style-src-elem",
];

/// Sources that name nobody.
const UNSAFE: [&str; 7] =
    ["'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'", "*", "data:", "http:", "https:"];

/// Headers that the service sets itself.
const MANAGED: [&str; 16] = [
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "cache-control",
    "content-length",
    "content-security-policy",
    "content-type",
    "date",
    "referrer-policy",
    "retry-after",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "www-authenticate",
    "x-content-type-options",
    "x-correlation-id",
    "x-frame-options",
];

pub(super) fn check(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let headers = &context.service.headers;
    let at = At::root("headers");
    hsts(context, headers, &at, found);
    referrer_policy(context, headers, &at, found);
    content_security_policy(context, headers, &at, found);
    framing(context, headers, &at, found);
    extra(context, headers, &at, found);
    of_schemes(context, found);
}

fn hsts(
    context: &Context<'_>,
    headers: &SecurityHeaders,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    const YEAR: u64 = 365 * 24 * 60 * 60;
    let Some(hsts) = &headers.hsts else { return };
    let here = at.key("hsts");
    let wanted = [
        (!hsts.include_subdomains, "`preload` needs `include_subdomains: true`"),
        (hsts.max_age.as_secs() < YEAR, "`preload` needs a `max_age` of at least a year"),
    ];
    for (_, message) in wanted.into_iter().filter(|(wrong, _)| hsts.preload && *wrong) {
        found.push(
            context
                .at_key(codes::HEADER_CONFLICT, &here.key("preload"), message)
                .because("browsers refuse such a site for their lists (hstspreload.org)")
                .fix("correct it, or remove `preload`"),
        );
    }
}

fn referrer_policy(
    context: &Context<'_>,
    headers: &SecurityHeaders,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(policy) = &headers.referrer_policy else { return };
    let here = at.key("referrer_policy");
    let place = context.value(&here);
    if !REFERRER_POLICIES.contains(&policy.as_str()) {
        let diagnostic = Diagnostic::new(
            codes::HEADER_VALUE,
            place,
            format!("`{policy}` is not a referrer policy"),
        )
        .because(format!("known are {}", REFERRER_POLICIES.join(", ")));
        found.push(match context.closest(policy, REFERRER_POLICIES.into_iter()) {
            Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
            None => diagnostic.fix("write `no-referrer`, or another of these"),
        });
    }
}

fn content_security_policy(
    context: &Context<'_>,
    headers: &SecurityHeaders,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(policy) = &headers.content_security_policy else { return };
    let here = at.key("content_security_policy");
    let mut seen: Vec<&str> = Vec::new();
    let mut offset = 0;
    for part in policy.split(';') {
        let start = offset + part.len() - part.trim_start().len();
        offset += part.len() + 1;
        let Some(name) = part.split_whitespace().next() else { continue };
        let place = context.source.locate_in_string(&here.path(), start, name.len());
        if !DIRECTIVES.contains(&name) && !FLAGS.contains(&name) {
            let diagnostic = Diagnostic::new(
                codes::HEADER_VALUE,
                place,
                format!("`{name}` is not a directive of a content security policy"),
            )
            .because("browsers pass over what they do not know, so it would protect nothing");
            found.push(match context.closest(name, DIRECTIVES.into_iter().chain(FLAGS)) {
                Some(close) => diagnostic.fix(format!("did you mean `{close}`?")),
                None => {
                    diagnostic.fix("remove it, or write a directive such as `default-src 'none'`")
                }
            });
        } else if seen.contains(&name) {
            found.push(
                Diagnostic::new(
                    codes::HEADER_VALUE,
                    place,
                    format!("the directive `{name}` is given twice"),
                )
                .because("browsers use the first one and pass over the others")
                .fix("put all sources into one directive"),
            );
        }
        seen.push(name);
        unsafe_sources(context, (name, part), (&here, start), found);
    }
    if seen.is_empty() {
        found.push(
            context
                .at_value(codes::HEADER_VALUE, &here, "the content security policy is empty")
                .fix("write `default-src 'none'`, or remove the key: that is the default"),
        );
    }
}

/// Sources that let anybody's scripts and styles in, of a directive that begins there in the policy.
fn unsafe_sources(
    context: &Context<'_>,
    (name, part): (&str, &str),
    (at, start): (&At<'_>, usize),
    found: &mut Vec<Diagnostic>,
) {
    if !GUARDING.contains(&name) {
        return;
    }
    let part = part.trim_start();
    for source in part.split_whitespace().skip(1).filter(|source| UNSAFE.contains(source)) {
        // A word of a part is in it.
        let offset = source.as_ptr().addr() - part.as_ptr().addr();
        let place = context.source.locate_in_string(&at.path(), start + offset, source.len());
        found.push(
            Diagnostic::new(
                codes::UNSAFE_SOURCE,
                place,
                format!("`{source}` in `{name}` lets in what others wrote"),
            )
            .because("what is injected into a page would run, which the policy is there against (CSP Level 3)")
            .fix("name the origins, or the hashes of what is inline"),
        );
    }
}

/// `framing` and the policy's `frame-ancestors` say the same.
fn framing(
    context: &Context<'_>,
    headers: &SecurityHeaders,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let Some(policy) = &headers.content_security_policy else { return };
    // Nobody may, unless the spec says who.
    let framing = headers.framing.as_ref().unwrap_or(&Framing::Deny);
    let directives = policy.split(';').map(str::split_whitespace);
    let ancestors = directives
        .map(Iterator::collect::<Vec<_>>)
        .find(|words| words.first() == Some(&"frame-ancestors"));
    let Some(ancestors) = ancestors else { return };
    let sources = &ancestors[1..];
    let (agrees, wanted) = match framing {
        Framing::Deny => (sources == ["'none'"], "frame-ancestors 'none'".to_owned()),
        Framing::SameOrigin => (sources == ["'self'"], "frame-ancestors 'self'".to_owned()),
        Framing::AllowFrom(origins) => (
            origins.len() == sources.len()
                && origins.iter().all(|origin| sources.contains(&origin.as_str())),
            format!("frame-ancestors {}", origins.join(" ")),
        ),
    };
    if agrees {
        return;
    }
    let of_policy = at.key("content_security_policy");
    let because = "browsers follow `frame-ancestors`, so the stricter of the two may not hold";
    found.push(if headers.framing.is_some() {
        context
            .at_value(
                codes::HEADER_CONFLICT,
                &at.key("framing"),
                "`framing` and `frame-ancestors` contradict each other",
            )
            .because(because)
            .fix(format!("write `{wanted}` in the policy, or remove one of the two"))
            .label(context.value(&of_policy), "the policy")
    } else {
        context
            .at_value(
                codes::HEADER_CONFLICT,
                &of_policy,
                "`frame-ancestors` contradicts `framing`, which lets nobody in without a word",
            )
            .because(because)
            .fix("say it once: remove `frame-ancestors`, and write `framing` beside the policy")
    });
}

fn extra(
    context: &Context<'_>,
    headers: &SecurityHeaders,
    at: &At<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let here = at.key("extra");
    for (name, value) in &headers.extra {
        let at = here.key(name);
        let lower = name.to_ascii_lowercase();
        if !is_header_name(name) {
            found.push(
                context
                    .at_key(
                        codes::HEADER_NAME,
                        &at,
                        format!("`{name}` is not the name of a header"),
                    )
                    .because(
                        "names are made of letters, digits and a few signs such as `-` (RFC 9110)",
                    )
                    .fix("write a name such as `X-Robots-Tag`"),
            );
        } else if MANAGED.contains(&lower.as_str()) {
            found.push(
                context
                    .at_key(
                        codes::HEADER_CONFLICT,
                        &at,
                        format!("`{name}` is set by the service itself"),
                    )
                    .because("two values of it would be sent, and which one counts is not defined")
                    .fix("use the key that is made for it, or remove it"),
            );
        }
        if value.chars().any(|c| !(c == '\t' || (' '..='~').contains(&c))) {
            found.push(
                context
                    .at_value(codes::HEADER_VALUE, &at, "a header's value is one line of ASCII")
                    .because("a line break would begin another header (CWE-113)")
                    .fix("remove the character, or encode it"),
            );
        }
    }
}

/// The widest window for a signature, in milliseconds: an hour.
const LONGEST_TOLERANCE: u64 = 3_600_000;

/// Headers in which credentials and signatures are sent.
fn of_schemes(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let auth = At::root("auth");
    for (name, scheme) in &context.service.auth {
        let (Auth::ApiKey { header, .. } | Auth::Webhook { header, .. }) = scheme else { continue };
        let at = auth.key(name);
        of_scheme(context, header, &at.key("header"), found);
        let Auth::Webhook { timestamp: Some(timestamp), .. } = scheme else { continue };
        let part = at.key("timestamp");
        let here = part.key("header");
        of_scheme(context, &timestamp.header, &here, found);
        let millis = timestamp.tolerance.as_millis();
        if !(1000..=LONGEST_TOLERANCE).contains(&millis) {
            let message = format!("`{}` is no window for a signature", timestamp.tolerance);
            found.push(
                context
                    .at_value(codes::ZERO, &part.key("tolerance"), message)
                    .because("clocks differ by seconds, and who kept a request has that long to send it again")
                    .fix("give 1 s to 1 h, such as `5min`"),
            );
        }
        if timestamp.header.eq_ignore_ascii_case(header) {
            let message = format!("`{header}` carries the signature already");
            found.push(
                context
                    .at_value(codes::HEADER_CONFLICT, &here, message)
                    .because("a header that is sent twice is refused")
                    .fix("name another header, such as `X-Timestamp`"),
            );
        }
    }
}

fn of_scheme(context: &Context<'_>, header: &str, here: &At, found: &mut Vec<Diagnostic>) {
    if !is_header_name(header) {
        let message = format!("`{header}` is not the name of a header");
        found.push(
            context
                .at_value(codes::HEADER_NAME, here, message)
                .fix("write a name such as `X-API-Key`"),
        );
    } else if header.eq_ignore_ascii_case("authorization") || header.eq_ignore_ascii_case("cookie")
    {
        let message = format!("`{header}` has a meaning of its own");
        found.push(
            context
                .at_value(codes::HEADER_CONFLICT, here, message)
                .because("it is read by `jwt` schemes, or sent by browsers without being asked")
                .fix("use a header of your own, such as `X-API-Key`"),
        );
    }
}

/// Whether a text is a field name (RFC 9110, section 5.6.2).
pub(super) fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name != "*"
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
