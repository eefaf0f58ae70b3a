//! Security headers on every kind of answer.

use cucumber::step::Collection;
use proofline_spec::document::{Framing, SecurityHeaders};

use super::samples::Sample;
use super::{Arguments, steps};
use crate::failure::{Failure, Findings, Seen, require};
use crate::grade::Observatory;
use crate::world::World;

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "every answer carries the security headers that the spec declares" => declared;
        then "no answer says what software makes it" => no_software;
        then "by the rules of a public observatory every answer is graded A or better" => graded;
        then "no answer may be taken for another type of content" => no_sniffing;
    }
}

/// What a generated service lets pages use where its spec says nothing: no answer of an API needs any of it.
const PERMISSIONS: &str = "accelerometer=(), camera=(), geolocation=(), microphone=(), payment=()";

/// The headers that the spec declares, with their values; what it leaves out has strict values.
fn expected(headers: &SecurityHeaders) -> Vec<(String, String)> {
    let hsts = headers.hsts.as_ref().map_or_else(
        || "max-age=31536000; includeSubDomains".to_owned(),
        |hsts| {
            let mut text = format!("max-age={}", hsts.max_age.as_secs());
            if hsts.include_subdomains {
                text.push_str("; includeSubDomains");
            }
            if hsts.preload {
                text.push_str("; preload");
            }
            text
        },
    );
    let referrer = headers.referrer_policy.as_deref().unwrap_or("no-referrer");
    let mut found = vec![
        ("Strict-Transport-Security".to_owned(), hsts),
        ("Referrer-Policy".to_owned(), referrer.to_owned()),
        ("Content-Security-Policy".to_owned(), content_security_policy(headers)),
    ];
    match headers.framing {
        None | Some(Framing::Deny) => found.push(("X-Frame-Options".to_owned(), "DENY".to_owned())),
        Some(Framing::SameOrigin) => {
            found.push(("X-Frame-Options".to_owned(), "SAMEORIGIN".to_owned()));
        }
        Some(Framing::AllowFrom(_)) => {}
    }
    found.extend(headers.extra.iter().map(|(name, value)| (name.clone(), value.clone())));
    found
}

/// Who may put an answer into a frame follows from `framing`, unless the policy says it itself.
fn content_security_policy(headers: &SecurityHeaders) -> String {
    let policy = headers.content_security_policy.as_deref().unwrap_or("default-src 'none'");
    if policy.contains("frame-ancestors") {
        return policy.to_owned();
    }
    let ancestors = match &headers.framing {
        None | Some(Framing::Deny) => "'none'".to_owned(),
        Some(Framing::SameOrigin) => "'self'".to_owned(),
        Some(Framing::AllowFrom(origins)) => origins.join(" "),
    };
    format!("{policy}; frame-ancestors {ancestors}")
}

/// Directives may stand in any order and case, as their standards say.
fn same(found: &str, expected: &str) -> bool {
    let parts = |text: &str| {
        let mut parts: Vec<String> = text
            .split(';')
            .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase())
            .filter(|part| !part.is_empty())
            .collect();
        parts.sort_unstable();
        parts
    };
    parts(found) == parts(expected)
}

fn over_samples(world: &World, check: impl Fn(&Sample) -> Result<(), Failure>, seen: &str) -> Seen {
    let mut findings = Findings::new();
    for sample in &world.memory.samples {
        findings.add(&sample.name, check(sample))?;
    }
    findings
        .finish("no answers were collected", |count| format!("{seen} on {count} kinds of answers"))
}

async fn declared(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let mut expected = expected(&run.target.service.headers);
    let says_itself =
        expected.iter().any(|(name, _)| name.eq_ignore_ascii_case("permissions-policy"));
    if run.target.service.dialect.is_none() && !says_itself {
        expected.push(("Permissions-Policy".to_owned(), PERMISSIONS.to_owned()));
    }
    let in_front = &run.target.dialect().headers_in_front;
    let is_in_front = |name: &str| in_front.keys().any(|other| other.eq_ignore_ascii_case(name));
    expected.retain(|(name, _)| !is_in_front(name));
    let names: Vec<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
    let check = |sample: &Sample| {
        for (name, value) in &expected {
            let found = sample.answer.header(name).unwrap_or_default();
            let what = || format!("`{name}` must be {value:?}, is {found:?}");
            require(same(found, value), what, &sample.answer)?;
        }
        Ok(())
    };
    over_samples(world, check, &names.join(", "))
}

async fn graded(world: &mut World, _: Arguments) -> Seen {
    let run = world.run()?;
    let rules = Observatory::read().map_err(Failure::Broken)?;
    let in_front = &run.target.dialect().headers_in_front;
    let added: Vec<(String, String)> = expected(&run.target.service.headers)
        .into_iter()
        .filter(|(name, _)| in_front.keys().any(|other| other.eq_ignore_ascii_case(name)))
        .collect();
    let mut findings = Findings::new();
    let mut worst = None;
    for sample in &world.memory.samples {
        // What is added in front of the service is taken to be as it is declared.
        let header = |name: &str| {
            let added = || added.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
            sample.answer.header(name).or_else(|| added().map(|(_, value)| value.as_str()))
        };
        let grade = rules.grade(header).map_err(Failure::Broken)?;
        let is_good = grade.score >= rules.extra_from;
        let result = require(is_good, || format!("is graded {grade}"), &sample.answer);
        findings.add(&sample.name, result)?;
        if worst.as_ref().is_none_or(|worst: &crate::grade::Grade| grade.score < worst.score) {
            worst = Some(grade);
        }
    }
    let worst = worst.map_or_else(String::new, |worst| worst.to_string());
    findings.finish("no answers were collected", |count| {
        format!("{worst} or better on {count} kinds of answers, by {}", rules.source)
    })
}

async fn no_software(world: &mut World, _: Arguments) -> Seen {
    let check = |sample: &Sample| {
        for name in ["server", "x-powered-by", "x-aspnet-version", "via"] {
            let value = sample.answer.header(name).unwrap_or_default();
            let told = name == "x-powered-by" && !value.is_empty()
                || names_version(
                    if name == "via" { beyond_protocols(value) } else { value.into() }.as_ref(),
                );
            require(
                !told,
                || format!("`{name}: {value}` names software and version"),
                &sample.answer,
            )?;
        }
        Ok(())
    };
    over_samples(world, check, "no names or versions of software")
}

/// Whether a part of a text is a version: `nginx/1.27`, `Werkzeug 3`, `v2`, not `h11`.
fn names_version(text: &str) -> bool {
    text.split([' ', '/', '(', ')', ',', ';']).any(|part| {
        let part = part.strip_prefix(['v', 'V']).unwrap_or(part);
        part.starts_with(|c: char| c.is_ascii_digit())
    })
}

/// `Via` without the version of HTTP that each proxy must say first (RFC 9110, section 7.6.3).
fn beyond_protocols(value: &str) -> String {
    let names =
        value.split(',').map(|proxy| proxy.trim().split_once(' ').map_or("", |(_, rest)| rest));
    names.collect::<Vec<_>>().join(", ")
}

async fn no_sniffing(world: &mut World, _: Arguments) -> Seen {
    let check = |sample: &Sample| {
        let found = sample.answer.header("x-content-type-options").unwrap_or_default();
        require(
            found.eq_ignore_ascii_case("nosniff"),
            || "`X-Content-Type-Options` must be nosniff".to_owned(),
            &sample.answer,
        )?;
        let named = sample.answer.body.is_empty() || sample.answer.header("content-type").is_some();
        require(named, || "a body must have a `Content-Type`".to_owned(), &sample.answer)
    };
    over_samples(world, check, "nosniff and a content type")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_compared_whatever_their_order_and_case() {
        assert!(same("includeSubDomains; max-age=1", "max-age=1; includesubdomains"));
        assert!(!same("max-age=1", "max-age=1; includeSubDomains"));
        assert!(!same("", "x"));
    }

    #[test]
    fn a_version_is_told_and_what_only_holds_a_digit_is_not() {
        for text in ["nginx/1.27.1", "Werkzeug 3.1", "proxy (v2)", "Apache/2"] {
            assert!(names_version(text), "{text}");
        }
        assert!(!names_version("hypercorn-h11") && !names_version("uvicorn"));
    }

    #[test]
    fn the_version_of_http_in_via_is_no_software() {
        assert_eq!(beyond_protocols("1.1 google, HTTP/2 edge"), "google, edge");
        assert!(names_version(&beyond_protocols("1.1 varnish (Varnish/7.1)")));
    }
}
